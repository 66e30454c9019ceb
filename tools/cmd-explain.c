/* imsctl explain: the verdict about a recipient, as the chain of rules that leads to it. */
#include "tools/imsctl.h"

#include "ims/queue.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    char *client, *local, *authenticated, *logon, *from;
} Options;

static void
options_clear(Options *options)
{
    g_free(options->client);
    g_free(options->local);
    g_free(options->authenticated);
    g_free(options->logon);
    g_free(options->from);
}

/* The address the client would have connected to, where nobody says. */
static ImsAddress
default_local(const ImsConfig *config, const ImsAddress *client)
{
    ImsAddress address = {0};

    for (guint i = 0; i < config->policy.n_own_addresses; i++) {
        const ImsAddress *own = &config->policy.own_addresses[i];

        if (own->family == client->family &&
            ims_address_is_loopback(own) == ims_address_is_loopback(client))
            return *own;
    }
    if (ims_address_is_loopback(client))
        address = *client;
    else if (config->policy.n_own_addresses > 0)
        address = config->policy.own_addresses[0];
    return address;
}

/* FALSE: complained. */
static gboolean
fill_query(const ImsConfig *config, const Options *options, ImsRelayQuery *query)
{
    if (options->client == NULL || !ims_address_parse(options->client, &query->client)) {
        imsctl_complain(
            IMSCTL_USAGE, "--client%s%s: the address of the client is expected, such as 192.0.2.1",
            options->client != NULL ? " " : "", options->client != NULL ? options->client : "");
        return FALSE;
    }
    query->local = default_local(config, &query->client);
    if (options->local != NULL && !ims_address_parse(options->local, &query->local)) {
        imsctl_complain(IMSCTL_USAGE,
                        "--local %s: the address that the client connects to is expected",
                        options->local);
        return FALSE;
    }
    if (options->logon != NULL && strcmp(options->logon, "pop3") != 0 &&
        strcmp(options->logon, "imap4") != 0) {
        imsctl_complain(IMSCTL_USAGE, "--logon %s: pop3 or imap4 is expected", options->logon);
        return FALSE;
    }
    if (options->logon != NULL && options->authenticated != NULL) {
        imsctl_complain(IMSCTL_USAGE, "--authenticated and --logon exclude each other");
        return FALSE;
    }
    query->mail_from = options->from;
    query->authenticated = options->authenticated != NULL;
    query->account = options->authenticated;
    /* A window is opened only where the service would open one. */
    query->logon_window = options->logon != NULL && config->policy.logon_authorizes_relay &&
                          (config->policy.relay_flags & IMS_RELAY_FLAG_AUTHENTICATED) != 0 &&
                          (config->logon_window_except == NULL ||
                           ims_net_list_match(config->logon_window_except, &query->client) == 0);
    query->window_protocol = query->logon_window ? options->logon : NULL;
    query->window_account = query->logon_window ? "the account that logged on" : NULL;
    return TRUE;
}

#define UNKNOWN_RECIPIENT "unknown-recipient"

/* What the directory adds to the verdict. */
typedef struct {
    char *text;       /* (nullable): one sentence */
    char *reply;      /* (nullable): of the refusal */
    gboolean refuses; /* the verdict takes it, and nobody is there */
} Found;

static const char *
kind_word(ImsVerdictKind kind)
{
    static const char *const words[] = {"deliver", "reroute", "directory", "refuse"};

    return words[kind];
}

/* A rule that does not apply is one that the recipient passed: "no" would deny the sentence beside
 * it. */
static const char *
outcome_word(const ImsRelayReasonLine *line)
{
    return strcmp(line->outcome, "no") == 0    ? "passed"
           : strcmp(line->outcome, "yes") == 0 ? "applies"
                                               : line->outcome;
}

static void
print_text(const ImsRelayQuery *query, const ImsRelayVerdict *verdict, const GPtrArray *lines,
           const Found *found, const char *reply, const char *address)
{
    char client[IMS_ADDRESS_STRLEN], local[IMS_ADDRESS_STRLEN];

    printf("RCPT TO:<%s> from %s to %s\n", query->recipient,
           ims_address_format(&query->client, client), ims_address_format(&query->local, local));
    for (guint i = 0; i < lines->len; i++) {
        const ImsRelayReasonLine *line = lines->pdata[i];

        printf("  %-7s %s [%s; %s]\n", outcome_word(line), line->text, line->fact, line->source);
    }
    if (found->text != NULL)
        printf("  %-7s %s\n", found->refuses ? "decides" : "next", found->text);
    printf("  %s\n", reply);
    if (found->refuses)
        printf("Refused: " UNKNOWN_RECIPIENT ". Source: directory\n");
    else if (verdict->kind == IMS_VERDICT_REFUSE)
        printf("Refused: %s. Source: %s\n", ims_relay_reason_word(verdict->reason),
               ims_relay_verdict_source(verdict));
    else
        printf("Accepted: %s; %s <%s>. Source: %s\n", ims_relay_reason_word(verdict->reason),
               kind_word(verdict->kind), address != NULL ? address : "",
               ims_relay_verdict_source(verdict));
    if (verdict->weakness != NULL)
        printf("Only a historic weakness admits it: %s\n", verdict->weakness);
}

static void
set_text(JsonObject *object, const char *name, const char *text)
{
    g_autofree char *valid = text != NULL ? g_utf8_make_valid(text, -1) : NULL;

    if (valid != NULL)
        json_object_set_string_member(object, name, valid);
    else
        json_object_set_null_member(object, name);
}

static JsonObject *
verdict_object(const ImsRelayQuery *query, const ImsRelayVerdict *verdict, const GPtrArray *lines,
               const Found *found, const char *reply, const char *address)
{
    const gboolean refused = found->refuses || verdict->kind == IMS_VERDICT_REFUSE;
    JsonObject *object = json_object_new();
    JsonArray *chain = json_array_new();

    set_text(object, "recipient", query->recipient);
    json_object_set_boolean_member(object, "accepted", !refused);
    set_text(object, "kind", kind_word(refused ? IMS_VERDICT_REFUSE : verdict->kind));
    set_text(object, "reason",
             found->refuses ? UNKNOWN_RECIPIENT : ims_relay_reason_word(verdict->reason));
    set_text(object, "source", found->refuses ? "directory" : ims_relay_verdict_source(verdict));
    set_text(object, "directory", found->text);
    set_text(object, "reply", reply);
    set_text(object, "address", address);
    set_text(object, "weakness", verdict->weakness);
    set_text(object, "routing_entry", verdict->entry != NULL ? verdict->entry->domain : NULL);
    json_object_set_int_member(object, "routing_line",
                               verdict->entry != NULL ? verdict->entry->line : 0);
    json_object_set_int_member(object, "list_entry", verdict->list_entry);
    for (guint i = 0; i < lines->len; i++) {
        const ImsRelayReasonLine *line = lines->pdata[i];
        JsonObject *item = json_object_new();

        set_text(item, "text", line->text);
        set_text(item, "fact", line->fact);
        set_text(item, "source", line->source);
        set_text(item, "outcome", line->outcome);
        json_array_add_object_element(chain, item);
    }
    json_object_set_array_member(object, "chain", chain);
    return object;
}

/* ---- the directory ---- */

/* NULL with @why_out: nobody could be asked. A folder that holds no directory stays as it is. */
static JsonNode *
ask_directory(Imsctl *ctl, const ImsConfig *config, const char *address, const char *sender,
              char **why_out)
{
    g_autofree char *file = g_build_filename(config->data_directory, "dsadata", "dir.db", NULL);
    g_autoptr(GError) error = NULL;
    JsonObject *arguments;
    JsonNode *result;

    if (!g_file_test(file, G_FILE_TEST_EXISTS)) {
        *why_out = g_strdup_printf("%s does not exist", file);
        return NULL;
    }
    arguments = json_object_new();
    json_object_set_string_member(arguments, "address", address);
    if (sender != NULL)
        json_object_set_string_member(arguments, "sender", sender);
    result = imsctl_ask(ctl, "recipient.resolve", arguments, &error);
    if (result == NULL)
        *why_out = g_strdup(error->message);
    return result;
}

/* What the directory says of an own recipient, as RCPT TO asks it. */
static void
look_up(Imsctl *ctl, const ImsConfig *config, ImsRelayQuery *query, ImsRelayVerdict *verdict,
        Found *found)
{
    const gboolean wanted = ims_relay_wants_directory(&config->policy, query, verdict);
    g_autofree char *address = ims_relay_verdict_address(verdict);
    g_autofree char *valid = address != NULL ? g_utf8_make_valid(address, -1) : NULL;
    g_autofree char *why = NULL;
    g_autoptr(JsonNode) answer = NULL;

    if (valid == NULL ||
        (!wanted && verdict->kind != IMS_VERDICT_DELIVER && verdict->kind != IMS_VERDICT_DIRECTORY))
        return;
    answer = ask_directory(ctl, config, valid, query->mail_from, &why);
    if (answer == NULL) {
        found->text =
            g_strdup_printf("the directory was not asked whether it knows %s: %s", valid, why);
        return;
    }
    if (wanted && imsctl_flag(json_node_get_object(answer), "known")) {
        query->in_directory = TRUE;
        ims_relay_verdict_clear(verdict);
        ims_relay_decide(&config->policy, query, verdict);
    }
    if (verdict->kind != IMS_VERDICT_DELIVER && verdict->kind != IMS_VERDICT_DIRECTORY)
        return;
    if (imsctl_flag(json_node_get_object(answer), "taken")) {
        found->text = g_strdup_printf("the directory knows %s", valid);
    } else if (ims_submit_may_report(config, &query->client, &query->local)) {
        found->text = g_strdup_printf(
            "the directory has nobody for %s: it is taken and reported [R-025; Q304897]", valid);
    } else {
        found->text = g_strdup_printf("the directory has nobody for %s who may get it", valid);
        found->reply = g_strdup(imsctl_member(json_node_get_object(answer), "reply"));
        found->refuses = TRUE;
    }
}

/* The exit status for one recipient; @array gets its verdict where JSON is wanted. */
static int
explain_one(Imsctl *ctl, const ImsConfig *config, ImsRelayQuery *query, const char *recipient,
            JsonArray *array)
{
    g_auto(ImsRelayVerdict) verdict = {0};
    g_autoptr(GPtrArray) lines = NULL;
    g_autofree char *reply = NULL;
    g_autofree char *address = NULL;
    Found found = {0};
    int status;

    query->recipient = recipient;
    query->in_directory = FALSE;
    ims_relay_decide(&config->policy, query, &verdict);
    look_up(ctl, config, query, &verdict, &found);
    lines = ims_relay_explain(&config->policy, query, &verdict);
    reply = found.refuses ? g_strdup(found.reply) : ims_relay_verdict_reply_text(&verdict, query);
    address = ims_relay_verdict_address(&verdict);
    status = found.refuses || verdict.kind == IMS_VERDICT_REFUSE ? IMSCTL_FAILED : IMSCTL_OK;
    if (array != NULL)
        json_array_add_object_element(
            array, verdict_object(query, &verdict, lines, &found, reply, address));
    else
        print_text(query, &verdict, lines, &found, reply, address);
    g_free(found.text);
    g_free(found.reply);
    return status;
}

/* The path as it stands in RCPT TO: without the brackets, if they were typed. */
static char *
without_brackets(const char *text)
{
    gsize length = strlen(text);

    if (length >= 2 && *text == '<' && text[length - 1] == '>')
        return g_strndup(text + 1, length - 2);
    return g_strdup(text);
}

static int
explain_all(Imsctl *ctl, const Options *options, int n, char **recipients)
{
    g_autoptr(ImsConfig) config = imsctl_load_config(ctl);
    g_autoptr(JsonArray) array = json_array_new();
    ImsRelayQuery query = {0};
    int status = IMSCTL_OK;

    if (config == NULL)
        return IMSCTL_USAGE;
    ims_config_add_interface_addresses(config);
    if (!fill_query(config, options, &query))
        return IMSCTL_USAGE;
    for (int i = 0; i < n; i++) {
        g_autofree char *recipient = without_brackets(recipients[i]);
        int one = explain_one(ctl, config, &query, recipient, ctl->json ? array : NULL);

        if (i + 1 < n && !ctl->json)
            putchar('\n');
        status = MAX(status, one);
        query.recipient_count += one == IMSCTL_OK;
    }
    if (ctl->json) {
        g_autoptr(JsonNode) node = json_node_new(JSON_NODE_ARRAY);

        json_node_set_array(node, array);
        imsctl_print_json(node);
    }
    return status;
}

static int
explain(Imsctl *ctl, int argc, char **argv)
{
    Options options = {0};
    const GOptionEntry entries[] = {
        {"client",        0, 0, G_OPTION_ARG_STRING, &options.client,        "the client's address",                 "IP"  },
        {"local",         0, 0, G_OPTION_ARG_STRING, &options.local,         "the address it connects to",           "IP"  },
        {"authenticated", 0, 0, G_OPTION_ARG_STRING, &options.authenticated,
         "SMTP AUTH succeeded as USER",                                                                              "USER"},
        {"logon",         0, 0, G_OPTION_ARG_STRING, &options.logon,         "it logged on before by pop3 or imap4",
         "PROTOCOL"                                                                                                        },
        {"from",          0, 0, G_OPTION_ARG_STRING, &options.from,          "MAIL FROM: it never grants anything",
         "ADDRESS"                                                                                                         },
        {NULL,            0, 0, 0,                   NULL,                   NULL,                                   NULL  },
    };
    int status = IMSCTL_USAGE;

    if (imsctl_parse(ctl, entries, 1, G_MAXINT, &argc, &argv))
        status = explain_all(ctl, &options, argc - 1, argv + 1);
    options_clear(&options);
    return status;
}

const ImsctlCommand *
imsctl_explain_commands(guint *n_out)
{
    static const ImsctlCommand commands[] = {
        {"explain", "--client IP RECIPIENT...",
         "Says what becomes of a recipient and why: exit status 0 accepted, 1 refused.", explain},
    };

    *n_out = G_N_ELEMENTS(commands);
    return commands;
}
