/* imsctl queue: what waits to be sent. */
#include "tools/imsctl.h"

#include <stdio.h>
#include <string.h>

/* ---- looking ---- */

static char *
number_text(JsonObject *object, const char *name)
{
    return g_strdup_printf("%" G_GINT64_FORMAT, imsctl_number(object, name));
}

static void
add_rows(ImsctlTable *table, JsonObject *message)
{
    JsonArray *recipients = json_object_get_array_member(message, "recipients");
    g_autofree char *id = number_text(message, "id");
    g_autofree char *bytes = number_text(message, "bytes");
    const char *from = imsctl_member(message, "from");

    for (guint i = 0; i < json_array_get_length(recipients); i++) {
        JsonObject *recipient = json_array_get_object_element(recipients, i);
        g_autofree char *attempts = number_text(recipient, "attempts");
        const char *why = imsctl_member(message, "hold_reason");

        if (why == NULL || g_strcmp0(imsctl_member(recipient, "state"), "held") != 0)
            why = imsctl_member(recipient, "reply");
        imsctl_table_add(table, id, bytes, imsctl_member(message, "accepted"),
                         from != NULL && *from != '\0' ? from : "<>",
                         imsctl_member(recipient, "address"), imsctl_member(recipient, "state"),
                         attempts, imsctl_member(recipient, "next_attempt"), why);
    }
}

static int
list(Imsctl *ctl, int argc, char **argv)
{
    static const char *const heads[] = {"ID",    "BYTES",    "ACCEPTED",     "FROM",       "TO",
                                        "STATE", "ATTEMPTS", "NEXT ATTEMPT", "LAST REPLY", NULL};
    g_autofree char *domain = NULL;
    int limit = 100;
    gint64 after = 0;
    const GOptionEntry entries[] = {
        {"domain", 0, 0, G_OPTION_ARG_STRING, &domain, "only messages for this domain", "DOMAIN"},
        {"limit",  0, 0, G_OPTION_ARG_INT,    &limit,
         "at most so many messages, up to 1000 (default 100)",                          "N"     },
        {"after",  0, 0, G_OPTION_ARG_INT64,  &after,  "only messages above this one",  "ID"    },
        {NULL,     0, 0, 0,                   NULL,    NULL,                            NULL    },
    };
    g_autoptr(JsonNode) result = NULL;
    JsonObject *arguments;
    JsonArray *messages;
    ImsctlTable *table;

    if (!imsctl_parse(ctl, entries, 0, 0, &argc, &argv))
        return IMSCTL_USAGE;
    arguments = json_object_new();
    imsctl_set_text(arguments, "domain", domain);
    json_object_set_int_member(arguments, "limit", limit);
    json_object_set_int_member(arguments, "after", after);
    result = imsctl_ask_or_complain(ctl, "queue.list", arguments);
    if (result == NULL)
        return IMSCTL_FAILED;
    if (ctl->json) {
        imsctl_print_json(result);
        return IMSCTL_OK;
    }
    messages = json_node_get_array(result);
    table = imsctl_table_new(heads);
    for (guint i = 0; i < json_array_get_length(messages); i++)
        add_rows(table, json_array_get_object_element(messages, i));
    imsctl_table_print(table);
    if (json_array_get_length(messages) == (guint)limit)
        printf("There may be more: --after %" G_GINT64_FORMAT "\n",
               imsctl_number(
                   json_array_get_object_element(messages, json_array_get_length(messages) - 1),
                   "id"));
    return IMSCTL_OK;
}

static int
domains(Imsctl *ctl, int argc, char **argv)
{
    static const char *const heads[] = {"DOMAIN",       "WAITING", "ACTIVE", "HELD",
                                        "NEXT ATTEMPT", "HOST",    NULL};
    g_autoptr(JsonNode) result = NULL;
    JsonArray *array;
    ImsctlTable *table;

    if (!imsctl_parse(ctl, NULL, 0, 0, &argc, &argv))
        return IMSCTL_USAGE;
    result = imsctl_ask_or_complain(ctl, "queue.domains", NULL);
    if (result == NULL)
        return IMSCTL_FAILED;
    if (ctl->json) {
        imsctl_print_json(result);
        return IMSCTL_OK;
    }
    array = json_node_get_array(result);
    table = imsctl_table_new(heads);
    for (guint i = 0; i < json_array_get_length(array); i++) {
        JsonObject *domain = json_array_get_object_element(array, i);
        g_autofree char *waiting = number_text(domain, "waiting");
        g_autofree char *active = number_text(domain, "active");
        g_autofree char *held = number_text(domain, "held");

        imsctl_table_add(table, imsctl_member(domain, "domain"), waiting, active, held,
                         imsctl_member(domain, "next_attempt"),
                         imsctl_flag(domain, "host_failed") ? "not reached" : NULL);
    }
    imsctl_table_print(table);
    return IMSCTL_OK;
}

/* The number of a message; FALSE: complained. */
static gboolean
parse_id(const char *text, gint64 *id_out)
{
    guint64 id;

    if (!g_ascii_string_to_unsigned(text, 10, 1, G_MAXINT64, &id, NULL)) {
        imsctl_complain(IMSCTL_USAGE,
                        "%s: the number of a message is expected, as queue list shows it", text);
        return FALSE;
    }
    *id_out = (gint64)id;
    return TRUE;
}

static void
print_message(JsonObject *message)
{
    JsonArray *recipients = json_object_get_array_member(message, "recipients");
    static const char *const heads[] = {"TO",   "STATE",      "ATTEMPTS", "NEXT ATTEMPT",
                                        "CODE", "LAST REPLY", NULL};
    ImsctlTable *table = imsctl_table_new(heads);
    const char *session = imsctl_member(message, "session");
    g_autofree char *from = imsctl_printable(imsctl_member(message, "from"));
    g_autofree char *subject = imsctl_printable(imsctl_member(message, "subject"));
    g_autofree char *by = imsctl_printable(session != NULL ? session : "the service itself");
    g_autofree char *hold = imsctl_printable(imsctl_member(message, "hold_reason"));

    printf("Message:  %" G_GINT64_FORMAT ", %" G_GINT64_FORMAT " bytes\n",
           imsctl_number(message, "id"), imsctl_number(message, "bytes"));
    printf("From:     %s\nSubject:  %s\nAccepted: %s by %s\nExpires:  %s\n",
           strcmp(from, "-") == 0 ? "<>" : from, subject, imsctl_member(message, "accepted"), by,
           imsctl_member(message, "expires"));
    if (strcmp(hold, "-") != 0)
        printf("Held:     %s\n", hold);
    for (guint i = 0; i < json_array_get_length(recipients); i++) {
        JsonObject *recipient = json_array_get_object_element(recipients, i);
        g_autofree char *attempts = number_text(recipient, "attempts");
        g_autofree char *code = number_text(recipient, "code");

        imsctl_table_add(
            table, imsctl_member(recipient, "address"), imsctl_member(recipient, "state"), attempts,
            imsctl_member(recipient, "next_attempt"), code, imsctl_member(recipient, "reply"));
    }
    imsctl_table_print(table);
}

static int
show(Imsctl *ctl, int argc, char **argv)
{
    g_autoptr(JsonNode) result = NULL;
    JsonObject *arguments;
    gint64 id;

    if (!imsctl_parse(ctl, NULL, 1, 1, &argc, &argv) || !parse_id(argv[1], &id))
        return IMSCTL_USAGE;
    arguments = json_object_new();
    json_object_set_int_member(arguments, "id", id);
    result = imsctl_ask_or_complain(ctl, "queue.show", arguments);
    if (result == NULL)
        return IMSCTL_FAILED;
    if (ctl->json)
        imsctl_print_json(result);
    else
        print_message(json_node_get_object(result));
    return IMSCTL_OK;
}

/* ---- changing ---- */

/* -1: complained. */
static gint64
change_some(Imsctl *ctl, const char *request, JsonObject *arguments)
{
    g_autoptr(JsonNode) result = imsctl_ask_or_complain(ctl, request, arguments);

    return result != NULL ? imsctl_number(json_node_get_object(result), "recipients") : -1;
}

static int
change_all_of(Imsctl *ctl, const char *request, const char *domain, gboolean all, int n, char **ids)
{
    gint64 total = 0;

    for (int i = 0; i < MAX(n, 1); i++) {
        JsonObject *arguments = json_object_new();
        gint64 id, changed;

        if (n == 0) {
            imsctl_set_text(arguments, "domain", domain);
            imsctl_set_flag(arguments, "all", all);
        } else if (parse_id(ids[i], &id)) {
            json_object_set_int_member(arguments, "id", id);
        } else {
            json_object_unref(arguments);
            return IMSCTL_USAGE;
        }
        changed = change_some(ctl, request, arguments);
        if (changed < 0)
            return IMSCTL_FAILED;
        total += changed;
    }
    if (ctl->json)
        printf("{\"recipients\": %" G_GINT64_FORMAT "}\n", total);
    else
        printf("%" G_GINT64_FORMAT " recipients changed\n", total);
    return IMSCTL_OK;
}

static int
change(Imsctl *ctl, const char *request, const char *question, int argc, char **argv)
{
    g_autofree char *domain = NULL;
    gboolean all = FALSE, yes = FALSE;
    const GOptionEntry entries[] = {
        {"domain", 0,   0, G_OPTION_ARG_STRING, &domain, "everything for this domain", "DOMAIN"},
        {"all",    0,   0, G_OPTION_ARG_NONE,   &all,    "everything",                 NULL    },
        {"yes",    'y', 0, G_OPTION_ARG_NONE,   &yes,    "do not ask",                 NULL    },
        {NULL,     0,   0, 0,                   NULL,    NULL,                         NULL    },
    };

    if (!imsctl_parse(ctl, entries, 0, G_MAXINT, &argc, &argv))
        return IMSCTL_USAGE;
    if ((argc > 1) + (domain != NULL) + all != 1)
        return imsctl_complain(IMSCTL_USAGE, "numbers of messages, --domain or --all are expected");
    if (question != NULL && !yes && !imsctl_confirm(question))
        return imsctl_complain(IMSCTL_USAGE, "nothing was changed; --yes confirms");
    return change_all_of(ctl, request, domain, all, argc - 1, argv + 1);
}

static int
retry(Imsctl *ctl, int argc, char **argv)
{
    return change(ctl, "queue.retry", NULL, argc, argv);
}

static int
hold(Imsctl *ctl, int argc, char **argv)
{
    return change(ctl, "queue.hold", NULL, argc, argv);
}

static int
release(Imsctl *ctl, int argc, char **argv)
{
    return change(ctl, "queue.release", NULL, argc, argv);
}

static int
delete_command(Imsctl *ctl, int argc, char **argv)
{
    return change(ctl, "queue.delete", "Delete this mail without a report to its sender?", argc,
                  argv);
}

const ImsctlCommand *
imsctl_queue_commands(guint *n_out)
{
    static const ImsctlCommand commands[] = {
        {"queue list",    NULL,                          "Lists the mail that waits to be sent.",  list   },
        {"queue domains", NULL,                          "Lists the domains that mail waits for.", domains},
        {"queue show",    "ID",                          "Shows one message of the queue.",        show   },
        {"queue retry",   "ID...|--domain DOMAIN|--all", "Tries it now.",                          retry  },
        {"queue hold",    "ID...|--domain DOMAIN|--all", "Keeps it back.",                         hold   },
        {"queue release", "ID...|--domain DOMAIN|--all", "Sends what was held.",                   release},
        {"queue delete",  "ID...|--domain DOMAIN|--all", "Deletes it, without a report.",
         delete_command                                                                                   },
    };

    *n_out = G_N_ELEMENTS(commands);
    return commands;
}
