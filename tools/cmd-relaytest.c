/* imsctl relaytest: whether a server relays for strangers, by every address form known. */
#include <config.h>

#include "tools/imsctl.h"
#include "tools/relaytest-net.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum { RELAYTEST_UNTESTED = 3 };

typedef struct {
    char *own, *target, *sender, *host_name, *helo, *responsible;
    char *sink, *watch, *watch_own;
    gboolean probe, password_stdin;
    int timeout_sec, limit_sec, wait_sec;
} Options;

/* All that one run needs. */
typedef struct {
    const Options *options;
    gboolean json;
    ImsRelaytestPeer *server, *sink;
    ImsRelaytestMailbox *mailbox, *own_mailbox;
    ImsRelaytest *relaytest;
    char *trouble; /* (nullable): with the mailboxes */
} Run;

static void
options_clear(Options *options)
{
    g_free(options->own);
    g_free(options->target);
    g_free(options->sender);
    g_free(options->host_name);
    g_free(options->helo);
    g_free(options->responsible);
    g_free(options->sink);
    g_free(options->watch);
    g_free(options->watch_own);
}

static void
run_clear(Run *run)
{
    ims_relaytest_peer_free(run->server);
    ims_relaytest_peer_free(run->sink);
    ims_relaytest_mailbox_free(run->mailbox);
    ims_relaytest_mailbox_free(run->own_mailbox);
    ims_relaytest_free(run->relaytest);
    g_free(run->trouble);
}

/* ---- checking what was asked for ---- */

static gboolean
is_domain(const char *text)
{
    gsize length =
        strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");

    return length > 0 && length <= 253 && text[length] == '\0' && *text != '.' && *text != '-';
}

/* What needs no quotes in an address and means nothing special in one. */
static gboolean
is_local_part(const char *text, gsize length)
{
    return length > 0 && length <= 64 &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_+") >=
               length;
}

static gboolean
check_addresses(const Options *options)
{
    const char *at = strrchr(options->target, '@');

    if (options->own == NULL || !is_domain(options->own)) {
        imsctl_complain(IMSCTL_USAGE, "--own%s%s: a domain whose mail the server takes is expected",
                        options->own != NULL ? " " : "", options->own != NULL ? options->own : "");
        return FALSE;
    }
    if (at == NULL || !is_domain(at + 1) ||
        !is_local_part(options->target, (gsize)(at - options->target))) {
        imsctl_complain(IMSCTL_USAGE,
                        "--target %s: a plain address is expected, such as me@far.example",
                        options->target);
        return FALSE;
    }
    if (g_ascii_strcasecmp(at + 1, options->own) == 0) {
        imsctl_complain(IMSCTL_USAGE, "--target %s: it must not be in the server's own domain",
                        options->target);
        return FALSE;
    }
    if (!is_local_part(options->sender, strlen(options->sender))) {
        imsctl_complain(IMSCTL_USAGE, "--sender %s: a local part is expected, such as relaytest",
                        options->sender);
        return FALSE;
    }
    if (!is_domain(options->helo) ||
        (options->host_name != NULL && !is_domain(options->host_name))) {
        imsctl_complain(IMSCTL_USAGE, "--helo and --host-name: a host name is expected");
        return FALSE;
    }
    return TRUE;
}

static gboolean
check_numbers(const Options *options)
{
    if (options->timeout_sec >= 1 && options->timeout_sec <= 600 && options->limit_sec >= 1 &&
        options->limit_sec <= 86400 && options->wait_sec >= 0 && options->wait_sec <= 86400)
        return TRUE;
    imsctl_complain(IMSCTL_USAGE,
                    "--timeout takes 1 to 600 seconds, --time-limit 1 to 86400, --wait "
                    "0 to 86400");
    return FALSE;
}

static gboolean
check_probe(const Options *options, gboolean has_target)
{
    if (!options->probe) {
        if (options->sink == NULL && options->watch == NULL && options->watch_own == NULL)
            return TRUE;
        imsctl_complain(IMSCTL_USAGE,
                        "--sink and --watch wait for a probe; add --probe to send one");
        return FALSE;
    }
    if (!has_target) {
        imsctl_complain(IMSCTL_USAGE,
                        "--probe sends mail; name a mailbox of yours: --target ADDRESS");
        return FALSE;
    }
    if (options->sink != NULL || options->watch != NULL)
        return TRUE;
    imsctl_complain(IMSCTL_USAGE, "--probe needs a place where the probe would come out: --sink "
                                  "ADDRESS:PORT or --watch pop3://USER@HOST:PORT");
    return FALSE;
}

/* Only one's own servers, or those one answers for, are tested. */
static gboolean
check_near(const Options *options, const ImsRelaytestPeer *peer)
{
    if (ims_relaytest_peer_is_near(peer) || g_strcmp0(options->responsible, peer->host) == 0)
        return TRUE;
    imsctl_complain(IMSCTL_USAGE,
                    "%s: it is neither on this machine nor in a private net; if you answer for it: "
                    "--i-am-responsible-for %s",
                    peer->host, peer->host);
    return FALSE;
}

/* A line of standard input, without its end. */
static char *
read_password(void)
{
    char line[1024];
    char *password;

    if (fgets(line, sizeof line, stdin) == NULL)
        return NULL;
    line[strcspn(line, "\r\n")] = '\0';
    password = g_strdup(line);
    explicit_bzero(line, sizeof line);
    return password;
}

/* FALSE: complained. */
static gboolean
prepare_mailbox(const Options *options, const char *url, gboolean is_own,
                ImsRelaytestMailbox **mailbox_out)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsRelaytestMailbox) mailbox = NULL;

    if (url == NULL)
        return TRUE;
    mailbox = ims_relaytest_mailbox_new(url, &error);
    if (mailbox == NULL) {
        imsctl_complain(IMSCTL_USAGE, "%s", error->message);
        return FALSE;
    }
    /* The password travels in clear. */
    if (!check_near(options, mailbox->peer))
        return FALSE;
    mailbox->is_own = is_own;
    mailbox->password = options->password_stdin ? read_password() : NULL;
    if (mailbox->password == NULL) {
        imsctl_complain(IMSCTL_USAGE,
                        "the password of %s is expected in a line of standard input, "
                        "with --password-stdin",
                        mailbox->user);
        return FALSE;
    }
    *mailbox_out = g_steal_pointer(&mailbox);
    return TRUE;
}

static gboolean
prepare(Run *run, const char *server)
{
    const Options *options = run->options;
    g_autoptr(GError) error = NULL;

    run->server = ims_relaytest_peer_new(server, 25, &error);
    if (run->server != NULL && options->sink != NULL)
        run->sink = ims_relaytest_peer_new(options->sink, 0, &error);
    if (error != NULL) {
        imsctl_complain(IMSCTL_USAGE, "%s", error->message);
        return FALSE;
    }
    if (!check_near(options, run->server))
        return FALSE;
    if (run->sink != NULL && !ims_relaytest_peer_is_near(run->sink)) {
        imsctl_complain(IMSCTL_USAGE, "--sink %s: a loopback or private address is expected",
                        options->sink);
        return FALSE;
    }
    return prepare_mailbox(options, options->watch, FALSE, &run->mailbox) &&
           prepare_mailbox(options, options->watch_own, TRUE, &run->own_mailbox);
}

/* An address that is not the server's, where a literal names one. */
static char *
other_literal(const Run *run)
{
    const ImsAddress *server = &g_array_index(run->server->addresses, ImsAddress, 0);
    const ImsAddress *sink =
        run->sink != NULL ? &g_array_index(run->sink->addresses, ImsAddress, 0) : NULL;
    char text[IMS_ADDRESS_STRLEN];

    if (sink == NULL || ims_address_equal(sink, server))
        return g_strdup("198.51.100.9");
    return g_strconcat(sink->family == 6 ? "IPv6:" : "", ims_address_format(sink, text), NULL);
}

static ImsRelaytest *
make_relaytest(const Run *run)
{
    guint8 random[8];
    g_autoptr(GString) mark = g_string_new("rt");
    g_autoptr(GDateTime) now = g_date_time_new_now_utc();
    static const char *const days[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    g_autofree char *clock = g_date_time_format(now, "%H:%M:%S +0000");
    g_autofree char *date =
        g_strdup_printf("%s, %d %s %d %s", days[g_date_time_get_day_of_week(now) - 1],
                        g_date_time_get_day_of_month(now), months[g_date_time_get_month(now) - 1],
                        g_date_time_get_year(now), clock);
    g_autofree char *other = other_literal(run);
    ImsRelaytestSettings settings = {
        .own = run->options->own,
        .target = run->options->target,
        .sender = run->options->sender,
        .host_name = run->options->host_name,
        .other = other,
        .helo = run->options->helo,
        .date = date,
        .probe = run->options->probe,
    };

    if (getrandom(random, sizeof random, 0) != sizeof random)
        memset(random, 0, sizeof random);
    for (guint i = 0; i < sizeof random; i++)
        g_string_append_printf(mark, "%02x", random[i]);
    settings.run = mark->str;
    return ims_relaytest_new(&settings);
}

/* ---- the run ---- */

static void
show_progress(const ImsRelaytest *relaytest, gpointer user_data)
{
    const Run *run = user_data;
    guint position = ims_relaytest_position(relaytest);

    if (run->json || !isatty(STDERR_FILENO))
        return;
    fprintf(stderr, "\r%u of %u  %s %s\x1b[K", position + 1, ims_relaytest_size(relaytest),
            ims_relaytest_get(relaytest, position)->form->fact,
            ims_relaytest_get(relaytest, position)->form->what);
    if (ims_relaytest_is_done(relaytest))
        fputs("\r\x1b[K", stderr);
    fflush(stderr);
}

static void
look_into(Run *run, ImsRelaytestMailbox *mailbox)
{
    g_autoptr(GError) error = NULL;

    if (mailbox != NULL && !ims_relaytest_mailbox_look(mailbox, run->relaytest,
                                                       (guint)run->options->timeout_sec, &error)) {
        g_free(run->trouble);
        run->trouble = g_strdup_printf("%s: %s", mailbox->user, error->message);
    }
}

/* Waits for the probes where they can come out. */
static void
await_probes(Run *run, ImsRelaytestNet *net)
{
    gint64 end = g_get_monotonic_time() + (gint64)run->options->wait_sec * G_USEC_PER_SEC;

    if (!run->json && isatty(STDERR_FILENO) &&
        ims_relaytest_count(run->relaytest, IMS_RELAYTEST_PROBED) > 0)
        fprintf(stderr, "waiting up to %d s for the probes ...\n", run->options->wait_sec);
    for (guint round = 0; ims_relaytest_count(run->relaytest, IMS_RELAYTEST_PROBED) > 0; round++) {
        gint64 left = end - g_get_monotonic_time();

        g_clear_pointer(&run->trouble, g_free);
        /*
         * Not before the last form: a logon by POP3 can be what lets a client relay, so
         * looking earlier would alter what is tested.
         */
        look_into(run, run->mailbox);
        look_into(run, run->own_mailbox);
        if (left <= 0)
            break;
        ims_relaytest_net_wait(net, (guint)MIN(left / G_USEC_PER_SEC + 1, round < 5 ? 1 : 5));
    }
}

/* FALSE: complained. */
static gboolean
play(Run *run)
{
    g_autoptr(ImsRelaytestNet) net = NULL;
    g_autoptr(GError) error = NULL;

    run->relaytest = make_relaytest(run);
    net = ims_relaytest_net_new(run->relaytest, (guint)run->options->timeout_sec,
                                (guint)run->options->limit_sec);
    if (run->sink != NULL && !ims_relaytest_net_listen(net, run->sink, &error)) {
        imsctl_complain(IMSCTL_USAGE, "%s", error->message);
        return FALSE;
    }
    ims_relaytest_net_run(net, run->server, show_progress, run);
    await_probes(run, net);
    return TRUE;
}

/* ---- the result ---- */

static const char *
outcome_meaning(const ImsRelaytestTest *test)
{
    static const char *const meanings[] = {
        "not tried",
        "no answer that tells anything",
        "temporarily refused: tells nothing",
        "refused",
        "accepted, not proof: R-221",
        "accepted; the probe did not come out",
        "accepted, then bounced: not relayed",
        "RELAYED: the probe came out",
    };

    if (test->form->backscatter && test->outcome == IMS_RELAYTEST_ACCEPTED)
        return "accepted; a report may go to a stranger";
    if (test->form->backscatter && test->outcome == IMS_RELAYTEST_BOUNCED)
        return "accepted; a report went to a stranger";
    return meanings[test->outcome];
}

static const char *
verdict_sentence(const Run *run, ImsRelaytestVerdict verdict)
{
    switch (verdict) {
    case IMS_RELAYTEST_RELAYS:
        return "It relays for strangers: proven.";
    case IMS_RELAYTEST_UNDECIDED:
        return "Undecided: a recipient was accepted, which is no proof of relaying (R-221); "
               "--probe "
               "finds out.";
    case IMS_RELAYTEST_UNTESTED:
        return "Not tested to the end: forms without a clear answer are left.";
    default:
        return run->options->probe ? "Closed: no probe came out." : "Closed: each form is refused.";
    }
}

/* What stands beside the verdict. (transfer full) (element-type utf8) */
static GPtrArray *
remarks(const Run *run, ImsRelaytestVerdict verdict)
{
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    const char *failure = ims_relaytest_failure(run->relaytest);
    guint waiting = ims_relaytest_count(run->relaytest, IMS_RELAYTEST_PROBED);

    if (failure != NULL)
        g_ptr_array_add(list, g_strdup_printf("It ended early: %s.", failure));
    if (run->trouble != NULL)
        g_ptr_array_add(list,
                        g_strdup_printf("The mailbox could not be watched: %s.", run->trouble));
    if (verdict == IMS_RELAYTEST_CLOSED && ims_relaytest_is_monotonous(run->relaytest))
        g_ptr_array_add(list,
                        g_strdup("Each form got the same answer: it may be this client that "
                                 "is refused. Test from an address the server does not know."));
    if (waiting > 0)
        g_ptr_array_add(list, g_strdup_printf("%u probes were taken and did not come out within %d "
                                              "s; a slow queue may still send them.",
                                              waiting, run->options->wait_sec));
    if (ims_relaytest_get(run->relaytest, 0)->outcome == IMS_RELAYTEST_ACCEPTED)
        g_ptr_array_add(
            list, g_strdup("Even the plain form was accepted: an open relay, or a server that "
                           "accepts all and reports later, as with \"Do not reroute\" (R-222)."));
    return list;
}

static void
print_summary(const Run *run)
{
    static const char *const words[] = {
        "not tried",
        "without a clear answer",
        "temporarily refused",
        "refused",
        "accepted (not proof)",
        "accepted, no probe came out (not proof)",
        "accepted, then bounced (not proof)",
        "proven",
    };
    g_autoptr(GString) text = g_string_new(NULL);

    for (guint i = IMS_RELAYTEST_N_OUTCOMES; i > 0; i--) {
        guint count = ims_relaytest_count(run->relaytest, i - 1);

        if (count > 0)
            g_string_append_printf(text, "%s%u %s", text->len > 0 ? ", " : "", count, words[i - 1]);
    }
    printf("%u forms: %s\n", ims_relaytest_size(run->relaytest), text->str);
}

static void
print_text(const Run *run, ImsRelaytestVerdict verdict)
{
    static const char *const heads[] = {"Form", "MAIL FROM", "RCPT TO", "Result", "Answer", NULL};
    ImsctlTable *table = imsctl_table_new(heads);
    g_autoptr(GPtrArray) list = remarks(run, verdict);

    for (guint i = 0; i < ims_relaytest_size(run->relaytest); i++) {
        const ImsRelaytestTest *test = ims_relaytest_get(run->relaytest, i);
        g_autofree char *fact = test->form->nmap > 0 && strcmp(test->form->fact, "R-225") == 0
                                    ? g_strdup_printf("R-225/%u", test->form->nmap)
                                    : g_strdup(test->form->fact);
        g_autofree char *from = test->from != NULL ? g_strdup_printf("<%s>", test->from) : NULL;
        g_autofree char *to = test->to != NULL ? g_strdup_printf("<%s>", test->to) : NULL;

        imsctl_table_add(table, fact, from, to, outcome_meaning(test), test->reply);
    }
    imsctl_table_print(table);
    putchar('\n');
    print_summary(run);
    puts(verdict_sentence(run, verdict));
    for (guint i = 0; i < list->len; i++)
        puts(list->pdata[i]);
}

static void
print_json(const Run *run, ImsRelaytestVerdict verdict, int status)
{
    g_autoptr(JsonObject) object = json_object_new();
    g_autoptr(GPtrArray) list = remarks(run, verdict);
    JsonArray *tests = json_array_new(), *notes = json_array_new();
    JsonObject *counts = json_object_new();

    imsctl_set_text(object, "host", run->server->host);
    json_object_set_int_member(object, "port", run->server->port);
    imsctl_set_text(object, "host_name", ims_relaytest_host_name(run->relaytest));
    imsctl_set_text(object, "own", run->options->own);
    imsctl_set_text(object, "target", run->options->target);
    json_object_set_boolean_member(object, "probe", run->options->probe);
    imsctl_set_text(object, "verdict", ims_relaytest_verdict_word(verdict));
    json_object_set_int_member(object, "exit_status", status);
    for (guint i = 0; i < IMS_RELAYTEST_N_OUTCOMES; i++)
        json_object_set_int_member(counts, ims_relaytest_outcome_word(i),
                                   ims_relaytest_count(run->relaytest, i));
    json_object_set_object_member(object, "counts", counts);
    for (guint i = 0; i < list->len; i++)
        json_array_add_string_element(notes, list->pdata[i]);
    json_object_set_array_member(object, "notes", notes);
    for (guint i = 0; i < ims_relaytest_size(run->relaytest); i++) {
        const ImsRelaytestTest *test = ims_relaytest_get(run->relaytest, i);
        JsonObject *item = json_object_new();

        imsctl_set_text(item, "fact", test->form->fact);
        if (test->form->nmap > 0)
            json_object_set_int_member(item, "nmap", test->form->nmap);
        imsctl_set_text(item, "what", test->form->what);
        imsctl_set_text(item, "mail_from", test->from);
        imsctl_set_text(item, "rcpt_to", test->to);
        imsctl_set_text(item, "outcome", ims_relaytest_outcome_word(test->outcome));
        imsctl_set_text(item, "meaning", outcome_meaning(test));
        imsctl_set_text(item, "stage", test->stage);
        imsctl_set_text(item, "reply", test->reply);
        json_array_add_object_element(tests, item);
    }
    json_object_set_array_member(object, "tests", tests);
    imsctl_print_json_object(object);
}

static int
test_server(Imsctl *ctl, const Options *options, gboolean has_target, const char *server)
{
    static const int statuses[] = {IMSCTL_OK, IMSCTL_FAILED, RELAYTEST_UNTESTED,
                                   RELAYTEST_UNTESTED};
    Run run = {.options = options, .json = ctl->json};
    int status = IMSCTL_USAGE;

    if (check_addresses(options) && check_numbers(options) && check_probe(options, has_target) &&
        prepare(&run, server) && play(&run)) {
        ImsRelaytestVerdict verdict = ims_relaytest_judge(run.relaytest);

        /* Where nobody could look, silence says nothing. */
        if (verdict == IMS_RELAYTEST_CLOSED && run.trouble != NULL)
            verdict = IMS_RELAYTEST_UNTESTED;
        status = statuses[verdict];
        if (ctl->json)
            print_json(&run, verdict, status);
        else
            print_text(&run, verdict);
    }
    run_clear(&run);
    return status;
}

static int
relaytest(Imsctl *ctl, int argc, char **argv)
{
    Options options = {.timeout_sec = 30, .limit_sec = 1800, .wait_sec = 60};
    const GOptionEntry entries[] = {
        {"own",                  0, 0, G_OPTION_ARG_STRING, &options.own,            "a domain whose mail the server takes",
         "DOMAIN"                                                                                                                                   },
        {"target",               0, 0, G_OPTION_ARG_STRING, &options.target,
         "a mailbox elsewhere (relaytest@example.net)",                                                                      "ADDRESS"              },
        {"sender",               0, 0, G_OPTION_ARG_STRING, &options.sender,
         "local part of the senders (relaytest)",                                                                            "NAME"                 },
        {"host-name",            0, 0, G_OPTION_ARG_STRING, &options.host_name,
         "the server's name, where it does not greet with it",                                                               "NAME"                 },
        {"helo",                 0, 0, G_OPTION_ARG_STRING, &options.helo,
         "the name this client gives (relaytest.invalid)",                                                                   "NAME"                 },
        {"probe",                0, 0, G_OPTION_ARG_NONE,   &options.probe,
         "send a message where the recipient is accepted",                                                                   NULL                   },
        {"sink",                 0, 0, G_OPTION_ARG_STRING, &options.sink,
         "listen here as the target's mail server",                                                                          "ADDRESS:PORT"         },
        {"watch",                0, 0, G_OPTION_ARG_STRING, &options.watch,          "look into the target's mailbox",
         "pop3://USER@HOST:PORT"                                                                                                                    },
        {"watch-sender",         0, 0, G_OPTION_ARG_STRING, &options.watch_own,
         "look into the own sender's mailbox for reports",                                                                   "pop3://USER@HOST:PORT"},
        {"password-stdin",       0, 0, G_OPTION_ARG_NONE,   &options.password_stdin,
         "a line of standard input for each mailbox",                                                                        NULL                   },
        {"wait",                 0, 0, G_OPTION_ARG_INT,    &options.wait_sec,       "how long to wait for probes (60)",
         "SECONDS"                                                                                                                                  },
        {"timeout",              0, 0, G_OPTION_ARG_INT,    &options.timeout_sec,
         "how long to wait for one answer (30)",                                                                             "SECONDS"              },
        {"time-limit",           0, 0, G_OPTION_ARG_INT,    &options.limit_sec,      "for all forms (1800)",
         "SECONDS"                                                                                                                                  },
        {"i-am-responsible-for", 0, 0, G_OPTION_ARG_STRING, &options.responsible,
         "test this host, though it is not near",                                                                            "HOST"                 },
        {NULL,                   0, 0, 0,                   NULL,                    NULL,                                   NULL                   },
    };
    int status = IMSCTL_USAGE;

    if (imsctl_parse(ctl, entries, 1, 1, &argc, &argv)) {
        gboolean has_target = options.target != NULL;

        if (!has_target)
            options.target = g_strdup("relaytest@example.net");
        if (options.sender == NULL)
            options.sender = g_strdup("relaytest");
        if (options.helo == NULL)
            options.helo = g_strdup("relaytest.invalid");
        status = test_server(ctl, &options, has_target, argv[1]);
    }
    options_clear(&options);
    return status;
}

const ImsctlCommand *
imsctl_relaytest_commands(guint *n_out)
{
    static const ImsctlCommand commands[] = {
        {"relaytest", "--own DOMAIN HOST[:PORT]",
         "Tries whether a server relays for strangers: exit status 0 closed, 1 relays, 3 not "
         "known.", relaytest},
    };

    *n_out = G_N_ELEMENTS(commands);
    return commands;
}
