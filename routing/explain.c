/* The verdict in words: reason words, reply text, and the chain of rules as sentences. */
#include <string.h>

#include "routing/path-private.h"
#include "routing/relay-private.h"

/* Bytes of the client's text that a 553 repeats; a reply line holds 512 (RFC 5321 4.5.3.1.5). */
#define ECHO_MAX 400

const char *
ims_relay_reason_word(ImsRelayReason reason)
{
    static const char *const words[IMS_N_REASONS] = {
        [IMS_REASON_MALFORMED] = "malformed",
        [IMS_REASON_TOO_MANY] = "too-many-recipients",
        [IMS_REASON_BARE_LOCAL] = "bare-local",
        [IMS_REASON_OWN_LITERAL] = "own-literal",
        [IMS_REASON_INBOUND] = "inbound",
        [IMS_REASON_FOLDED] = "folded",
        [IMS_REASON_ALWAYS_RELAY] = "always-relay",
        [IMS_REASON_BLOCKED] = "blocked",
        [IMS_REASON_DENY_LIST] = "deny-list",
        [IMS_REASON_ALLOW_LIST] = "allow-list",
        [IMS_REASON_LOCAL_ADDRESS] = "local-address",
        [IMS_REASON_AUTHENTICATED] = "authenticated",
        [IMS_REASON_LOGON_WINDOW] = "logon-window",
        [IMS_REASON_DENY_ONLY] = "deny-only",
        [IMS_REASON_OPEN] = "open",
        [IMS_REASON_OPEN_CLOSED] = "open-closed",
        [IMS_REASON_NO_RULE] = "no-rule",
        [IMS_REASON_NO_REROUTE_OWN] = "no-reroute-own",
        [IMS_REASON_NO_REROUTE_CLOSED] = "no-reroute-closed",
        [IMS_REASON_NO_REROUTE_DIRECTORY] = "no-reroute-directory",
        [IMS_REASON_NO_RESTRICTIONS] = "no-restrictions",
        [IMS_REASON_ENCAPSULATED] = "encapsulated",
        [IMS_REASON_GUEST] = "guest",
        [IMS_REASON_NULL_SESSION] = "null-session",
        [IMS_REASON_SHARED_DOMAIN] = "shared-domain",
        [IMS_REASON_CONNECTOR] = "connector",
        [IMS_REASON_RELAY_LIST] = "relay-list",
        [IMS_REASON_NOT_EXCEPTED] = "not-excepted",
        [IMS_REASON_EXCEPTED] = "excepted",
        [IMS_REASON_NO_SUBMIT] = "no-submit",
    };

    g_return_val_if_fail((guint)reason < IMS_N_REASONS, "");
    return words[reason];
}

const char *
ims_relay_verdict_source(const ImsRelayVerdict *verdict)
{
    ImsRelayRule rule;

    /* the last link of these only says that an own recipient needs no right; the source is why it
     * is own */
    switch (verdict->reason) {
    case IMS_REASON_BARE_LOCAL:
        rule = IMS_RULE_BARE_LOCAL;
        break;
    case IMS_REASON_OWN_LITERAL:
        rule = IMS_RULE_OWN_LITERAL;
        break;
    case IMS_REASON_FOLDED:
        rule = IMS_RULE_FOLD;
        break;
    default:
        rule = verdict->n_steps > 0 ? verdict->steps[verdict->n_steps - 1].rule : IMS_RULE_NO_RULE;
    }
    return ims_relay_rules[rule].cited;
}

char *
ims_relay_echo(const char *recipient, gsize limit)
{
    char *text = g_strndup(recipient, limit);

    for (char *p = text; *p != '\0'; p++) {
        if ((guchar)*p < ' ' || (guchar)*p >= 0x7f)
            *p = '?';
    }
    return text;
}

/* A virtual server repeats the address as it was sent, with the default domain where it had none
 * of a source route it knows no more. */
static char *
virtual_address(const ImsRelayVerdict *verdict, const ImsRelayQuery *query)
{
    gsize local = strlen(verdict->local);
    g_autofree char *completed = NULL;

    if (strncmp(query->recipient, verdict->local, local) == 0 && query->recipient[local] == '@')
        return ims_relay_echo(query->recipient, ECHO_MAX);
    completed = ims_relay_verdict_address(verdict);
    return ims_relay_echo(completed, ECHO_MAX);
}

char *
ims_relay_verdict_reply_text(const ImsRelayVerdict *verdict, const ImsRelayQuery *query)
{
    g_autofree char *shown = NULL;

    switch (verdict->reply) {
    case IMS_REPLY_RCPT_OK:
        /* only with AcceptMalformed821Adrs a byte above 127 comes so far; it goes back as it came
         */
        return g_strdup_printf("250 OK - Recipient <%s>", query->recipient);
    case IMS_REPLY_RELAY_REFUSED:
        return g_strdup("550 Relaying is prohibited");
    case IMS_REPLY_TOO_MANY_RCPTS:
        return g_strdup("452 Requested action not taken: Exceed Recipient Limit");
    case IMS_REPLY_VIRTUAL_OK:
        shown = virtual_address(verdict, query);
        return g_strconcat("250 2.1.5 ", shown, NULL);
    case IMS_REPLY_VIRTUAL_REFUSED:
        shown = virtual_address(verdict, query);
        return g_strconcat("550 5.7.1 Unable to relay for ", shown, NULL);
    case IMS_REPLY_VIRTUAL_MALFORMED:
        return g_strdup("501 5.5.4 Invalid Address");
    case IMS_REPLY_VIRTUAL_NO_SUBMIT:
        return g_strdup("454 5.7.3 Client does not have permission to submit mail to this server.");
    case IMS_REPLY_MALFORMED:
        break;
    }
    shown = ims_relay_echo(query->recipient, ECHO_MAX);
    return g_strdup_printf("553 malformed address: %s", shown);
}

/* ---- the chain ---- */

/* Where the address stands while the chain is told again, and what the sentences may name. */
typedef struct {
    const ImsRelayPolicy *policy;
    const ImsRelayQuery *query;
    const ImsRelayStep *step;
    ImsPath path;
} Telling;

/* Brings the address to where it was when @step was noted. */
static void
follow(Telling *self, const ImsRelayStep *step)
{
    const ImsRoutingEntry *entry;
    gboolean quoted;
    ImsPath inner;

    self->step = step;
    if (step->outcome == IMS_STEP_NO)
        return;
    switch (step->rule) {
    case IMS_RULE_BARE_LOCAL:
        if (self->policy->site_domain != NULL && self->path.domain == NULL)
            self->path.domain = g_ascii_strdown(self->policy->site_domain, -1);
        break;
    case IMS_RULE_REWRITE:
        entry = ims_routing_list_get(self->policy->list, step->entry - 1);
        g_free(self->path.domain);
        self->path.domain = g_strdup(entry->target);
        self->path.is_literal = entry->target_is_literal;
        break;
    case IMS_RULE_IMCEA:
    case IMS_RULE_IMCEA_QUOTED:
        if (!ims_relay_unwrap(&self->path, ims_relay_is_lax(self->policy), &inner, &quoted))
            break;
        ims_path_clear(&self->path);
        self->path = inner;
        break;
    default:
        break;
    }
}

static const ImsNetList *
list_of(const ImsRelayPolicy *policy, ImsRelayRule rule)
{
    return rule == IMS_RULE_DENY    ? policy->deny
           : rule == IMS_RULE_ALLOW ? policy->allow
           : rule == IMS_RULE_LOCAL ? policy->local
                                    : NULL;
}

static char *
entry_text(const Telling *self)
{
    static const char *const actions[] = {"<inbound>", NULL, "<relay>", "<blocked>"};
    const ImsRoutingEntry *entry;
    const char *action;

    if (self->step->entry == 0)
        return g_strdup("an address of this server");
    entry = ims_routing_list_get(self->policy->list, self->step->entry - 1);
    action = entry->action == IMS_ROUTE_REROUTE ? entry->target : actions[entry->action];
    if (entry->line == 0)
        return g_strdup_printf("\"%s = %s\"", entry->domain, action);
    return g_strdup_printf("\"%s = %s\" (line %u)", entry->domain, action, entry->line);
}

static char *
item_text(const Telling *self)
{
    const ImsNetList *list = list_of(self->policy, self->step->rule);

    if (list == NULL || self->step->entry == 0)
        return g_strdup("");
    return g_strdup_printf("%s (entry %u)", ims_net_list_text(list, self->step->entry - 1),
                           self->step->entry);
}

static char *
named(const char *name)
{
    return name != NULL ? g_strconcat(" of ", name, NULL) : g_strdup("");
}

static char *
build_text(const ImsRelayPolicy *policy)
{
    char buffer[IMS_BUILD_STRLEN];

    return g_strdup_printf("%s (%s)", ims_build_name(policy->build),
                           ims_build_format(policy->build, buffer));
}

/* Why a weakness is not shown: by the profile, by the build, or to this client. */
static char *
unshown_text(const Telling *self)
{
    const ImsRelayPolicy *policy = self->policy;
    char buffer[IMS_ADDRESS_STRLEN];

    if (!policy->faithful)
        return g_strdup(" in the extended profile");
    if (self->step->rule == IMS_RULE_NULL_SESSION &&
        !ims_build_has(policy->build, IMS_DIFFERENCE_NULL_SESSION)) {
        g_autofree char *build = build_text(policy);

        return g_strconcat(" in ", build, NULL);
    }
    if (self->query->client.family == 0)
        return g_strdup(" without AcceptHistoricRisk=yes");
    return g_strdup_printf(" for %s without AcceptHistoricRisk=yes",
                           ims_address_format(&self->query->client, buffer));
}

char *
ims_relay_client_text(const ImsAddress *client)
{
    char buffer[IMS_ADDRESS_STRLEN];

    return g_strdup(client->family != 0 ? ims_address_format(client, buffer)
                                        : "a client without address");
}

static char *
value_of(gconstpointer teller, const char *word, gsize length)
{
    const Telling *self = teller;
    const ImsRelayQuery *query = self->query;
    char buffer[IMS_ADDRESS_STRLEN];

#define IS(name) (length == strlen(name) && memcmp(word, name, length) == 0)
    if (IS("recipient"))
        return ims_relay_echo(query->recipient, ECHO_MAX);
    if (IS("address"))
        return ims_path_format(&self->path);
    if (IS("domain"))
        return g_strdup(self->path.domain != NULL ? self->path.domain : "");
    if (IS("target"))
        return g_strdup(ims_routing_list_get(self->policy->list, self->step->entry - 1)->target);
    if (IS("entry"))
        return entry_text(self);
    if (IS("item"))
        return item_text(self);
    if (IS("client"))
        return ims_relay_client_text(&query->client);
    if (IS("local"))
        return g_strdup(ims_address_format(&query->local, buffer));
    if (IS("account"))
        return named(query->account);
    if (IS("opener"))
        return named(query->window_account);
    if (IS("protocol"))
        return g_ascii_strup(query->window_protocol != NULL ? query->window_protocol : "mail", -1);
    if (IS("count"))
        return g_strdup_printf("%u", query->recipient_count);
    if (IS("build"))
        return build_text(self->policy);
    if (IS("unshown"))
        return unshown_text(self);
    if (IS("flags"))
        return g_strdup_printf("%u", self->policy->relay_flags & 15u);
#undef IS
    g_assert_not_reached();
}

static char *
fill_in(const char *sentence, ImsRelayWordFunc value, gconstpointer teller)
{
    GString *out = g_string_new(NULL);

    while (*sentence != '\0') {
        gsize plain = strcspn(sentence, "{");
        const char *word = sentence + plain + 1;

        g_string_append_len(out, sentence, (gssize)plain);
        sentence += plain;
        if (*sentence == '{') {
            gsize length = strcspn(word, "}");
            g_autofree char *text = value(teller, word, length);

            g_string_append(out, text);
            sentence = word + length + 1;
        }
    }
    return g_string_free(out, FALSE);
}

ImsRelayReasonLine *
ims_relay_line_new(const ImsRelayStep *step, ImsRelayWordFunc value, gconstpointer teller)
{
    static const char *const outcomes[] = {"no", "yes", "decides"};
    const ImsRelayRuleRow *row = &ims_relay_rules[step->rule];
    ImsRelayReasonLine *line = g_new0(ImsRelayReasonLine, 1);

    line->text = fill_in(step->outcome == IMS_STEP_NO ? row->no : row->yes, value, teller);
    line->fact = row->fact;
    line->source = row->source;
    line->outcome = outcomes[step->outcome];
    return line;
}

static void
line_free(gpointer data)
{
    ImsRelayReasonLine *line = data;

    g_free(line->text);
    g_free(line);
}

GPtrArray *
ims_relay_lines_new(void)
{
    return g_ptr_array_new_with_free_func(line_free);
}

GPtrArray *
ims_relay_explain(const ImsRelayPolicy *policy, const ImsRelayQuery *query,
                  const ImsRelayVerdict *verdict)
{
    GPtrArray *lines = ims_relay_lines_new();
    Telling self = {.policy = policy, .query = query};

    if (!ims_path_parse(query->recipient, ims_relay_is_lax(policy), &self.path, NULL))
        self.path = (ImsPath){.local = g_strdup("")};
    for (guint i = 0; i < verdict->n_steps; i++) {
        follow(&self, &verdict->steps[i]);
        g_ptr_array_add(lines, ims_relay_line_new(&verdict->steps[i], value_of, &self));
    }
    ims_path_clear(&self.path);
    return lines;
}
