/* The form of a scenario file: members, types, words. A table, so that an unknown member is told by
 * its name. */
#include "ims/scenario-private.h"

#include <string.h>

G_DEFINE_QUARK(ims_scenario_error, ims_scenario_error)

typedef enum {
    KIND_TEXT,
    KIND_TEXT_OR_NULL,
    KIND_FLAG,
    KIND_TRUE,    /* a flag that is true or left out */
    KIND_NUMBER,  /* an integer, 0 or more */
    KIND_ADDRESS, /* IPv4 or IPv6 */
    KIND_TIME,    /* 90s, 31m, 5h, 3d */
    KIND_WORD,    /* one of @words */
    KIND_LIST,    /* of @of */
    KIND_OBJECT,  /* of @members */
    KIND_MAP,     /* free names, each of @of */
    KIND_LINES,   /* a text or a list of texts */
    KIND_MX,      /* [preference, host] */
    KIND_VALUE,   /* of the registry: a number, a text, a list of texts */
    KIND_SETTINGS /* of the server, each member may be left out */
} Kind;

typedef struct Member Member;

typedef struct Schema {
    Kind kind;
    const char *words;
    const struct Schema *of;
    const Member *members; /* ended by a NULL name */
} Schema;

struct Member {
    const char *name;
    gboolean required;
    Schema schema;
};

#define PLAIN(k)                                                                                   \
    {                                                                                              \
        .kind = (k)                                                                                \
    }
#define WORDS(w)                                                                                   \
    {                                                                                              \
        .kind = KIND_WORD, .words = (w)                                                            \
    }
#define LIST(s)                                                                                    \
    {                                                                                              \
        .kind = KIND_LIST, .of = &(s)                                                              \
    }
#define MAP(s)                                                                                     \
    {                                                                                              \
        .kind = KIND_MAP, .of = &(s)                                                               \
    }
#define OBJECT(m)                                                                                  \
    {                                                                                              \
        .kind = KIND_OBJECT, .members = (m)                                                        \
    }

static const Schema text = PLAIN(KIND_TEXT), number = PLAIN(KIND_NUMBER),
                    address = PLAIN(KIND_ADDRESS), mx = PLAIN(KIND_MX), value = PLAIN(KIND_VALUE);

static const Member route_members[] = {
    {"domain",                              TRUE, PLAIN(KIND_TEXT)},
    {"action",                     TRUE, WORDS("inbound reroute relay block")},
    {"to",                              FALSE, PLAIN(KIND_TEXT)},
    {0}
};
static const Schema route = OBJECT(route_members);
static const Member routing_members[] = {
    {"mode",                           TRUE, WORDS("reroute do-not-reroute")},
    {"list", TRUE, LIST(route)},
    {0                          }
};
static const Member restriction_members[] = {
    {"relay_flags",       TRUE, PLAIN(KIND_NUMBER)},
    {"allow", TRUE, LIST(text)},
    {"deny",             TRUE, LIST(text)},
    {"local",         TRUE, LIST(text)},
    {0             }
};
static const Member window_members[] = {
    {"enabled",         FALSE, PLAIN(KIND_FLAG)},
    {"window_minutes", FALSE, PLAIN(KIND_NUMBER)},
    {0 }
};
static const Member mail_members[] = {
    {"administrator",             FALSE, PLAIN(KIND_TEXT)},
    {"disable_automatic_replies",           FALSE, PLAIN(KIND_FLAG)},
    {"disable_out_of_office", FALSE, PLAIN(KIND_FLAG)},
    {0          }
};
static const Member access_members[] = {
    {"mode",                    TRUE, WORDS("only all-except")},
    {"list", TRUE, LIST(text)},
    {0                   }
};
static const Member relay_members[] = {
    {"mode",                    TRUE, WORDS("only all-except")},
    {"list", TRUE, LIST(text)},
    {"authenticated",                    TRUE, PLAIN(KIND_FLAG)},
    {0              }
};
static const Schema method = WORDS("anonymous basic integrated");
static const Member virtual_server_members[] = {
    {"name",               TRUE, PLAIN(KIND_TEXT)},
    {"address",    TRUE, PLAIN(KIND_ADDRESS)},
    {"port",            TRUE, PLAIN(KIND_NUMBER)},
    {"domains", TRUE, LIST(text)},
    {"connection",               TRUE, OBJECT(access_members)},
    {"relay",  TRUE, OBJECT(relay_members)},
    {"authentication",            TRUE, LIST(method)},
    {0         }
};
static const Schema virtual_server = OBJECT(virtual_server_members);
static const Member connector_members[] = {
    {"name",             TRUE, PLAIN(KIND_TEXT)},
    {"address_spaces",  TRUE, LIST(text)},
    {"relay_to_domains",   TRUE, PLAIN(KIND_FLAG)},
    {"smart_host",        FALSE, PLAIN(KIND_TEXT_OR_NULL)},
    {0}
};
static const Schema connector = OBJECT(connector_members);
static const Member mail_domain_members[] = {
    {"domain",          TRUE, PLAIN(KIND_TEXT)},
    {"forward_to", TRUE, PLAIN(KIND_TEXT)},
    {"etrn",      FALSE, PLAIN(KIND_FLAG)},
    {0}
};
static const Schema mail_domain = OBJECT(mail_domain_members);
static const Member host_members[] = {
    {"address",            TRUE, PLAIN(KIND_ADDRESS)},
    {"mask", TRUE, PLAIN(KIND_ADDRESS)},
    {"accept",               TRUE, PLAIN(KIND_FLAG)},
    {"authentication", FALSE, PLAIN(KIND_FLAG)},
    {"relay_server",             FALSE, PLAIN(KIND_FLAG)},
    {0   }
};
static const Schema host = OBJECT(host_members);
static const Member connection_members[] = {
    {"smart_host",              FALSE, PLAIN(KIND_TEXT_OR_NULL)},
    {"domains", FALSE, LIST(mail_domain)},
    {"hosts",                 FALSE, LIST(host)},
    {"submit_only_if_homed",        FALSE, PLAIN(KIND_FLAG)},
    {"submit_only_if_sender_matches",                   FALSE, PLAIN(KIND_FLAG)},
    {0              }
};
static const Member person_members[] = {
    {"account",                 TRUE, PLAIN(KIND_TEXT)},
    {"password",         TRUE, PLAIN(KIND_TEXT)},
    {"enabled",                TRUE, PLAIN(KIND_FLAG)},
    {"guest",         FALSE, PLAIN(KIND_FLAG)},
    {"mailbox",                 TRUE, PLAIN(KIND_TEXT_OR_NULL)},
    {"addresses",         TRUE, LIST(text)},
    {"forward_to",                   FALSE, PLAIN(KIND_TEXT_OR_NULL)},
    {"rule_forward_to",         FALSE, PLAIN(KIND_TEXT_OR_NULL)},
    {"out_of_office",                 FALSE, PLAIN(KIND_TEXT_OR_NULL)},
    {0}
};
static const Schema person = OBJECT(person_members);
static const Member recipient_members[] = {
    {"kind",                TRUE, WORDS("custom list")},
    {"name", TRUE, PLAIN(KIND_TEXT)},
    {"addresses",                TRUE, LIST(text)},
    {"target",     FALSE, PLAIN(KIND_TEXT)},
    {"members",           FALSE, LIST(text)},
    {0          }
};
static const Schema recipient = OBJECT(recipient_members);
static const Member server_members[] = {
    {"model",                      TRUE, WORDS("ims virtual-server")},
    {"build", TRUE, PLAIN(KIND_TEXT)},
    {"profile",                      TRUE, WORDS("faithful extended")},
    {"accept_historic_risk",            FALSE, PLAIN(KIND_FLAG)},
    {"name",                    TRUE, PLAIN(KIND_TEXT)},
    {"local_addresses",  TRUE, LIST(address)},
    {"site_domain",       FALSE, PLAIN(KIND_TEXT)},
    {"organization",            FALSE, PLAIN(KIND_TEXT)},
    {"site",                       FALSE, PLAIN(KIND_TEXT)},
    {"internet_mail",            FALSE, OBJECT(mail_members)},
    {"diagnostics",            FALSE, MAP(number)},
    {"routing",               FALSE, OBJECT(routing_members)},
    {"restrictions",                FALSE, OBJECT(restriction_members)},
    {"ip_forwarding",            FALSE, PLAIN(KIND_FLAG)},
    {"logon_authorizes_relay",               FALSE, OBJECT(window_members)},
    {"virtual_servers",            FALSE, LIST(virtual_server)},
    {"connectors",                       FALSE, LIST(connector)},
    {"connections",            FALSE, OBJECT(connection_members)},
    {"registry",              FALSE, MAP(value)},
    {"people",        TRUE, LIST(person)},
    {"recipients",                FALSE, LIST(recipient)},
    {0                }
};
static const Member dns_members[] = {
    {"mx",           FALSE, LIST(mx)},
    {"a",      FALSE, LIST(address)},
    {"answers",            FALSE, WORDS("accept refuse-connection 550 450")},
    {"ptr", FALSE, PLAIN(KIND_TEXT)},
    {0     }
};
static const Schema dns = OBJECT(dns_members);

static const Member delivered_members[] = {
    {"mailbox",         TRUE, PLAIN(KIND_TEXT)},
    {"folder", FALSE, PLAIN(KIND_TEXT)},
    {"count",          TRUE, PLAIN(KIND_NUMBER)},
    {0}
};
static const Member sent_members[] = {
    {"host",            TRUE, PLAIN(KIND_TEXT)},
    {"mail_from", FALSE, PLAIN(KIND_TEXT)},
    {"rcpt_to",       TRUE, LIST(text)},
    {0}
};
static const Member queued_members[] = {
    {"domain",          TRUE, PLAIN(KIND_TEXT)},
    {"count", TRUE, PLAIN(KIND_NUMBER)},
    {0          }
};
static const Member report_members[] = {
    {"to",              TRUE, PLAIN(KIND_TEXT)},
    {"about", FALSE, PLAIN(KIND_TEXT)},
    {"code",           FALSE, PLAIN(KIND_TEXT)},
    {0}
};
static const Schema delivered = OBJECT(delivered_members), sent = OBJECT(sent_members),
                    queued = OBJECT(queued_members), report = OBJECT(report_members);
static const Member outcome_members[] = {
    {"delivered",      FALSE, LIST(delivered)},
    {"sent", FALSE, LIST(sent)},
    {"queued",           FALSE, LIST(queued)},
    {"reports",      FALSE, LIST(report)},
    {"events",         FALSE, LIST(number)},
    {"events_absent",    FALSE, LIST(number)},
    {0       }
};

/* A step is known by the first of these members that it has; the other rows are what goes with it.
 */
static const Member open_members[] = {
    {"at",                      FALSE, PLAIN(KIND_TIME)},
    {"session",         TRUE, PLAIN(KIND_TEXT)},
    {"protocol",                 TRUE, WORDS("smtp pop3 imap4")},
    {"client",         TRUE, PLAIN(KIND_ADDRESS)},
    {"local",                TRUE, PLAIN(KIND_ADDRESS)},
    {"port", FALSE, PLAIN(KIND_NUMBER)},
    {"expect",                  FALSE, LIST(text)},
    {"closed",      FALSE, PLAIN(KIND_FLAG)},
    {"refused",                   FALSE, PLAIN(KIND_FLAG)},
    {0     }
};
static const Member send_members[] = {
    {"at",               FALSE, PLAIN(KIND_TIME)},
    {"session",  TRUE, PLAIN(KIND_TEXT)},
    {"send",          TRUE, PLAIN(KIND_LINES)},
    {"expect",  TRUE, LIST(text)},
    {"closed",             FALSE, PLAIN(KIND_FLAG)},
    {0}
};
static const Member logon_members[] = {
    {"at",              FALSE, PLAIN(KIND_TIME)},
    {"session", TRUE, PLAIN(KIND_TEXT)},
    {"logon",         TRUE, PLAIN(KIND_TEXT)},
    {"password", FALSE, PLAIN(KIND_TEXT)},
    {"with",           TRUE, WORDS("user-pass auth-login auth-plain auth-ntlm")},
    {"expect", TRUE, WORDS("ok fail")},
    {0       }
};
static const Member close_members[] = {
    {"at",              FALSE, PLAIN(KIND_TIME)},
    {"session", TRUE, PLAIN(KIND_TEXT)},
    {"close",         TRUE, PLAIN(KIND_TRUE)},
    {0}
};
static const Member restart_members[] = {
    {"at",              FALSE, PLAIN(KIND_TIME)},
    {"restart", TRUE, PLAIN(KIND_TRUE)},
    {0        }
};
static const Member set_members[] = {
    {"at",              FALSE, PLAIN(KIND_TIME)},
    {"set", TRUE, {.kind = KIND_SETTINGS, .members = server_members}},
    {0            }
};
static const Member step_dns_members[] = {
    {"at",              FALSE, PLAIN(KIND_TIME)},
    {"dns", TRUE, MAP(dns)},
    {0            }
};
static const Member import_members[] = {
    {"at",              FALSE, PLAIN(KIND_TIME)},
    {"import", TRUE, LIST(text)},
    {"rejected",          TRUE, LIST(number)},
    {0      }
};
static const Member wait_members[] = {
    {"at",              TRUE, PLAIN(KIND_TIME)},
    {0}
};
static const struct {
    const char *known_by;
    const Member *members;
} step_forms[] = {
    {"protocol", open_members    },
    {"send",     send_members    },
    {"logon",    logon_members   },
    {"close",    close_members   },
    {"restart",  restart_members },
    {"set",      set_members     },
    {"dns",      step_dns_members},
    {"import",   import_members  },
    {"at",       wait_members    },
};

static const Schema any_step = {.kind = KIND_OBJECT};
static const Member file_members[] = {
    {"id",              TRUE, PLAIN(KIND_TEXT)},
    {"title", TRUE, PLAIN(KIND_TEXT)},
    {"story",           TRUE, PLAIN(KIND_TEXT)},
    {"sources", TRUE, LIST(text)},
    {"facts",           TRUE, LIST(text)},
    {"strength", TRUE, WORDS("documented derived inferred")},
    {"server",         TRUE, OBJECT(server_members)},
    {"dns",       FALSE, MAP(dns)},
    {"steps",           TRUE, LIST(any_step)},
    {"outcome",       TRUE, OBJECT(outcome_members)},
    {0       }
};

/* ---- checking ---- */

static gboolean check(JsonNode *node, const Schema *schema, gboolean all_optional,
                      const char *where, GError **error);

static gboolean G_GNUC_PRINTF(3, 4) fail(GError **error, const char *where, const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list arguments;

    va_start(arguments, format);
    message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, IMS_SCENARIO_ERROR, IMS_SCENARIO_ERROR_FORM, "%s: %s", where, message);
    return FALSE;
}

static const Member *
find_member(const Member *members, const char *name)
{
    for (; members->name != NULL; members++)
        if (strcmp(members->name, name) == 0)
            return members;
    return NULL;
}

static gboolean
check_object(JsonObject *object, const Member *members, gboolean all_optional, const char *where,
             GError **error)
{
    g_autoptr(GList) names = json_object_get_members(object);

    for (GList *name = names; name != NULL; name = name->next) {
        const Member *member = find_member(members, name->data);
        g_autofree char *place =
            g_strdup_printf("%s%s%s", where, *where != '\0' ? "." : "", (const char *)name->data);

        if (member == NULL)
            return fail(error, *where != '\0' ? where : "the file", "unknown member '%s'",
                        (const char *)name->data);
        if (!check(json_object_get_member(object, name->data), &member->schema,
                   all_optional && member->schema.kind == KIND_OBJECT, place, error))
            return FALSE;
    }
    for (; members->name != NULL; members++)
        if (members->required && !all_optional && !json_object_has_member(object, members->name))
            return fail(error, *where != '\0' ? where : "the file", "the member '%s' is missing",
                        members->name);
    return TRUE;
}

static gboolean
check_list(JsonArray *list, const Schema *of, const char *where, GError **error)
{
    for (guint i = 0; i < json_array_get_length(list); i++) {
        g_autofree char *place = g_strdup_printf("%s[%u]", where, i);

        if (of != &any_step && !check(json_array_get_element(list, i), of, FALSE, place, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
check_map(JsonObject *object, const Schema *of, const char *where, GError **error)
{
    g_autoptr(GList) names = json_object_get_members(object);

    for (GList *name = names; name != NULL; name = name->next) {
        g_autofree char *place = g_strdup_printf("%s.%s", where, (const char *)name->data);

        if (!check(json_object_get_member(object, name->data), of, FALSE, place, error))
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_text(JsonNode *node)
{
    return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING;
}

static gboolean
is_number(JsonNode *node)
{
    return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_INT64 &&
           json_node_get_int(node) >= 0;
}

static gboolean
is_list_of_texts(JsonNode *node)
{
    if (!JSON_NODE_HOLDS_ARRAY(node))
        return FALSE;
    for (guint i = 0; i < json_array_get_length(json_node_get_array(node)); i++)
        if (!is_text(json_array_get_element(json_node_get_array(node), i)))
            return FALSE;
    return TRUE;
}

static gboolean
is_mx(JsonNode *node)
{
    JsonArray *pair = JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

    return pair != NULL && json_array_get_length(pair) == 2 &&
           is_number(json_array_get_element(pair, 0)) &&
           json_array_get_int_element(pair, 0) <= G_MAXUINT16 &&
           is_text(json_array_get_element(pair, 1));
}

/* Up to a century: what is added up stays far from the end of the numbers. */
static gboolean
parse_time(const char *string, gint64 *usec_out)
{
    static const struct {
        char unit;
        gint64 sec;
    } units[] = {
        {'s', 1    },
        {'m', 60   },
        {'h', 3600 },
        {'d', 86400}
    };
    gsize length = strlen(string);
    g_autofree char *digits = length > 1 ? g_strndup(string, length - 1) : NULL;
    guint64 count;

    for (guint i = 0; digits != NULL && i < G_N_ELEMENTS(units); i++)
        if (string[length - 1] == units[i].unit &&
            g_ascii_string_to_unsigned(digits, 10, 0, 36500, &count, NULL)) {
            *usec_out = (gint64)count * units[i].sec * G_USEC_PER_SEC;
            return TRUE;
        }
    return FALSE;
}

static gboolean
check_word(const char *word, const char *words, const char *where, GError **error)
{
    g_auto(GStrv) list = g_strsplit(words, " ", -1);

    if (!g_strv_contains((const char *const *)list, word))
        return fail(error, where, "'%s' is none of: %s", word, words);
    return TRUE;
}

static gboolean
check_text(JsonNode *node, const Schema *schema, const char *where, GError **error)
{
    const char *string;
    ImsAddress parsed;
    gint64 usec;

    if (!is_text(node))
        return fail(error, where, "a text is expected");
    string = json_node_get_string(node);
    if (schema->kind == KIND_WORD)
        return check_word(string, schema->words, where, error);
    if (schema->kind == KIND_ADDRESS && !ims_address_parse(string, &parsed))
        return fail(error, where, "'%s' is not an address", string);
    if (schema->kind == KIND_TIME && !parse_time(string, &usec))
        return fail(error, where, "'%s' is not a time such as 90s, 31m, 5h, 3d", string);
    return TRUE;
}

static gboolean
check_flag(JsonNode *node, Kind kind, const char *where, GError **error)
{
    if (!JSON_NODE_HOLDS_VALUE(node) || json_node_get_value_type(node) != G_TYPE_BOOLEAN)
        return fail(error, where, "true or false is expected");
    if (kind == KIND_TRUE && !json_node_get_boolean(node))
        return fail(error, where, "it is true or left out");
    return TRUE;
}

static gboolean
check(JsonNode *node, const Schema *schema, gboolean all_optional, const char *where,
      GError **error)
{
    switch (schema->kind) {
    case KIND_TEXT_OR_NULL:
        if (JSON_NODE_HOLDS_NULL(node))
            return TRUE;
        return check_text(node, schema, where, error);
    case KIND_TEXT:
    case KIND_ADDRESS:
    case KIND_TIME:
    case KIND_WORD:
        return check_text(node, schema, where, error);
    case KIND_FLAG:
    case KIND_TRUE:
        return check_flag(node, schema->kind, where, error);
    case KIND_NUMBER:
        return is_number(node) || fail(error, where, "a whole number is expected");
    case KIND_LINES:
        return is_text(node) || is_list_of_texts(node) ||
               fail(error, where, "a text or a list of texts is expected");
    case KIND_VALUE:
        return is_number(node) || is_text(node) || is_list_of_texts(node) ||
               fail(error, where, "a number, a text or a list of texts is expected");
    case KIND_MX:
        return is_mx(node) || fail(error, where, "[preference, host] is expected");
    case KIND_LIST:
        if (!JSON_NODE_HOLDS_ARRAY(node))
            return fail(error, where, "a list is expected");
        return check_list(json_node_get_array(node), schema->of, where, error);
    case KIND_OBJECT:
    case KIND_SETTINGS:
    case KIND_MAP:
        if (!JSON_NODE_HOLDS_OBJECT(node))
            return fail(error, where, "an object is expected");
        if (schema->kind == KIND_MAP)
            return check_map(json_node_get_object(node), schema->of, where, error);
        return check_object(json_node_get_object(node), schema->members,
                            all_optional || schema->kind == KIND_SETTINGS, where, error);
    }
    g_assert_not_reached();
}

gboolean
ims_scenario_check_form(JsonNode *root, GError **error)
{
    if (!JSON_NODE_HOLDS_OBJECT(root))
        return fail(error, "the file", "an object is expected");
    return check_object(json_node_get_object(root), file_members, FALSE, "", error);
}

gboolean
ims_scenario_check_step_form(JsonNode *step, const char *where, GError **error)
{
    if (!JSON_NODE_HOLDS_OBJECT(step))
        return fail(error, where, "an object is expected");
    for (guint i = 0; i < G_N_ELEMENTS(step_forms); i++)
        if (json_object_has_member(json_node_get_object(step), step_forms[i].known_by))
            return check_object(json_node_get_object(step), step_forms[i].members, FALSE, where,
                                error);
    return fail(error, where, "no member says what kind of step it is");
}

gint64
ims_scenario_time_usec(const char *string)
{
    gint64 usec = 0;

    g_assert(parse_time(string, &usec));
    return usec;
}
