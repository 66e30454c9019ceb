/* The open-relay test: its table, its dialogue with scripted servers, its judging. */
#include "tools/relaytest.h"

#include <string.h>

#define N_FORMS 37u

static const ImsRelaytestSettings plain = {
    .own = "own.com",
    .target = "t@far.example",
    .sender = "a",
    .other = "198.51.100.9",
    .helo = "tester.invalid",
    .run = "rt0011223344556677",
    .date = "Wed, 1 Jan 2020 00:00:00 +0000",
};

/* ---- a server without a network ---- */

typedef enum {
    REFUSE_ALL,
    ACCEPT_ALL,
    ACCEPT_LOCAL,    /* as a closed IMS: what is local by its form */
    TEMPORARY,       /* 451 */
    DEFERS_RELAYING, /* 454 with the reason, as Postfix */
    REFUSE_MAIL,     /* MAIL FROM already */
    REFUSE_DATA,     /* accepts recipients, but no message */
    REFUSE_MESSAGE,  /* 550 after the message */
    NO_EHLO,         /* HELO only */
    WANTS_TLS,       /* 530 Must issue a STARTTLS command first */
    BUSY_GREETING,   /* 421 */
    NO_GREETING,     /* closes at once */
    NO_CONNECTION,   /* cannot be reached */
    CLOSES_EACH,     /* after each answer to RCPT */
    CLOSES_AT_RCPT,  /* instead of it */
    GOODBYE,         /* 421 right after each third refusal, in one packet */
    ASKS_TOO_MUCH,   /* two answers for one command */
    HUGE_LINE,       /* an endless line as greeting */
    HUGE_REPLY,      /* endless continuation lines at RCPT */
    HTTP,            /* another protocol */
    MIXED_CODES,     /* 250-…, 550 … as one answer */
    CONTROL_BYTES,   /* an answer that would act on a terminal */
    RSET_REFUSED,
    BAD_SEQUENCE, /* 503 at each RCPT */
    REDIRECT_3XX, /* 354 at MAIL */
} Kind;

typedef struct {
    Kind kind;
    gsize portion; /* bytes fed at a time */
    guint n_connections, n_rcpt, n_rset, n_data;
    gboolean in_data;
    GString *seen; /* all commands */
} Server;

static void
feed(ImsRelaytest *relaytest, const Server *server, const char *bytes, gssize length)
{
    gsize left = length < 0 ? strlen(bytes) : (gsize)length;

    while (left > 0) {
        gsize n = MIN(left, server->portion);

        ims_relaytest_feed(relaytest, (const guint8 *)bytes, n);
        bytes += n;
        left -= n;
    }
}

static const char *
rcpt_answer(Server *server, const char *line)
{
    static const char refused[] = "550 Relaying is prohibited\r\n";

    server->n_rcpt++;
    switch (server->kind) {
    case ACCEPT_ALL:
    case REFUSE_DATA:
    case REFUSE_MESSAGE:
    case RSET_REFUSED:
        return "250 OK\r\n";
    case ACCEPT_LOCAL:
        if (g_str_has_suffix(line, "@own.com>") || g_str_has_suffix(line, "@mx.own.com>") ||
            g_str_has_suffix(line, "@[192.0.2.1]>") || g_str_has_suffix(line, "\">") ||
            strchr(line, '@') == NULL)
            return "250 OK - Recipient\r\n";
        return refused;
    case TEMPORARY:
        return "451 <relaytest@relay.example>: try again later\r\n";
    case DEFERS_RELAYING:
        return "454 4.7.1 <t@far.example>: Relay access denied\r\n";
    case GOODBYE:
        return server->n_rcpt % 3 == 0 ? "550 no\r\n421 4.7.0 mx.own.com Error: too many errors\r\n"
                                       : refused;
    case ASKS_TOO_MUCH:
        return "550 no\r\n250 OK\r\n";
    case MIXED_CODES:
        return "250-OK\r\n550 no\r\n";
    case CONTROL_BYTES:
        return "550-\x1b[31mred\r\n550 \xff\x07 bell\r\n";
    case BAD_SEQUENCE:
        return "503 bad sequence\r\n";
    default:
        return refused;
    }
}

/* NULL: the server closes. */
static const char *
command_answer(Server *server, const char *line)
{
    if (g_str_has_prefix(line, "EHLO "))
        return server->kind == NO_EHLO ? "502 not known\r\n" : "250-mx.own.com\r\n250 SIZE\r\n";
    if (g_str_has_prefix(line, "HELO ") || strcmp(line, "QUIT") == 0)
        return "250 mx.own.com\r\n";
    if (g_str_has_prefix(line, "MAIL FROM:")) {
        if (server->kind == WANTS_TLS)
            return "530 5.7.0 Must issue a STARTTLS command first\r\n";
        if (server->kind == REDIRECT_3XX)
            return "354 what\r\n";
        return server->kind == REFUSE_MAIL ? "550 go away\r\n" : "250 OK\r\n";
    }
    if (g_str_has_prefix(line, "RCPT TO:"))
        return server->kind == CLOSES_AT_RCPT ? NULL : rcpt_answer(server, line);
    if (strcmp(line, "DATA") == 0) {
        server->n_data++;
        if (server->kind == REFUSE_DATA)
            return "554 no valid recipients\r\n";
        server->in_data = TRUE;
        return "354 go on\r\n";
    }
    g_assert_cmpstr(line, ==, "RSET");
    server->n_rset++;
    if (server->kind == CLOSES_EACH)
        return NULL;
    return server->kind == RSET_REFUSED ? "500 never heard\r\n" : "250 OK\r\n";
}

static void
feed_huge(ImsRelaytest *relaytest, const Server *server, const char *piece)
{
    for (guint i = 0; i < 100000 && !ims_relaytest_wants_close(relaytest); i++)
        feed(relaytest, server, piece, -1);
    g_assert_true(ims_relaytest_wants_close(relaytest));
}

/* FALSE: the connection is closed. */
static gboolean
serve_line(ImsRelaytest *relaytest, Server *server, const char *line)
{
    const char *answer;

    if (server->in_data) {
        if (strcmp(line, ".") != 0)
            return TRUE;
        server->in_data = FALSE;
        answer = server->kind == REFUSE_MESSAGE ? "550 spam\r\n" : "250 queued\r\n";
    } else {
        g_string_append(server->seen, line);
        g_string_append_c(server->seen, '\n');
        if (server->kind == HUGE_REPLY && g_str_has_prefix(line, "RCPT")) {
            feed_huge(relaytest, server, "550-and so on\r\n");
            return TRUE;
        }
        answer = command_answer(server, line);
    }
    if (answer == NULL)
        return FALSE;
    feed(relaytest, server, answer, -1);
    return TRUE;
}

static void
serve_connection(ImsRelaytest *relaytest, Server *server)
{
    ims_relaytest_connected(relaytest, "192.0.2.1");
    if (server->kind == HUGE_LINE)
        feed_huge(relaytest, server, "220 and so on");
    else if (server->kind == HTTP)
        feed(relaytest, server, "HTTP/1.1 400 Bad Request\r\n\r\n", -1);
    else if (server->kind == BUSY_GREETING)
        feed(relaytest, server, "421 too busy\r\n", -1);
    else if (server->kind != NO_GREETING)
        feed(relaytest, server, "220 mx.own.com ESMTP\r\n", -1);
    for (;;) {
        g_autoptr(GBytes) bytes = ims_relaytest_take_output(relaytest);
        g_autofree char *text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
        g_auto(GStrv) lines = g_strsplit(text, "\r\n", -1);

        if (*text == '\0')
            return;
        g_assert_true(g_str_has_suffix(text, "\r\n"));
        for (guint i = 0; lines[i + 1] != NULL; i++)
            if (!serve_line(relaytest, server, lines[i]))
                return;
        if (ims_relaytest_wants_close(relaytest))
            return;
    }
}

/* Plays it all; a server may not make it connect without end. */
static ImsRelaytest *
play(Server *server, const ImsRelaytestSettings *settings, Kind kind, gsize portion)
{
    ImsRelaytest *relaytest = ims_relaytest_new(settings);

    *server = (Server){.kind = kind, .portion = portion, .seen = g_string_new(NULL)};
    while (!ims_relaytest_is_done(relaytest)) {
        g_assert_cmpuint(++server->n_connections, <=, 2 * N_FORMS + 3);
        if (kind != NO_CONNECTION)
            serve_connection(relaytest, server);
        ims_relaytest_closed(relaytest, "closed by the server");
    }
    return relaytest;
}

/* ---- the table ---- */

static void
test_table(void)
{
    guint n;
    const ImsRelaytestForm *forms = ims_relaytest_forms(&n);
    guint nmap[17] = {0};

    g_assert_cmpuint(n, ==, N_FORMS);
    for (guint number = 201; number <= 220; number++) {
        g_autofree char *fact = g_strdup_printf("R-%u", number);
        guint found = 0;
        /* Those that the table of forms gives for a domain and a literal, or two senders. */
        guint wanted = number == 206 || number == 212 || number == 214 || number == 216 ? 2 : 1;

        for (guint i = 0; i < n; i++)
            found += strcmp(forms[i].fact, fact) == 0;
        g_assert_cmpuint(found, ==, wanted);
    }
    for (guint i = 0; i < n; i++) {
        g_assert_cmpuint(forms[i].nmap, <=, 16);
        nmap[forms[i].nmap]++;
        g_assert_cmpint(forms[i].backscatter, ==, strcmp(forms[i].fact, "R-219") == 0);
    }
    for (guint i = 1; i <= 16; i++)
        g_assert_cmpuint(nmap[i], ==, 1);
}

/* The pairs as the tables print them, own.com at 192.0.2.1. */
static void
test_pairs(void)
{
    static const struct {
        const char *fact, *from, *to;
    } pairs[] = {
        {"R-201", "a@far.example", "t@far.example"                      },
        {"R-202", "a",             "t@far.example"                      },
        {"R-203", "",              "t@far.example"                      },
        {"R-204", "a@own.com",     "t@far.example"                      },
        {"R-205", "a@[192.0.2.1]", "t@far.example"                      },
        {"R-206", "a@localhost",   "t@far.example"                      },
        {"R-206", "a@mx.own.com",  "t@far.example"                      },
        {"R-207", "a@own.com",     "t%far.example@own.com"              },
        {"R-208", "a@own.com",     "t%far.example@[192.0.2.1]"          },
        {"R-209", "a@own.com",     "t%far.example"                      },
        {"R-210", "a@own.com",     "\"t@far.example\""                  },
        {"R-211", "a@own.com",     "\"t%far.example\""                  },
        {"R-212", "a@own.com",     "\"t@far.example\"@own.com"          },
        {"R-212", "a@own.com",     "\"t@far.example\"@[192.0.2.1]"      },
        {"R-213", "a@own.com",     "t@far.example@own.com"              },
        {"R-214", "a@own.com",     "@own.com:t@far.example"             },
        {"R-214", "a@own.com",     "@[192.0.2.1]:t@far.example"         },
        {"R-215", "a@own.com",     "far.example!t"                      },
        {"R-216", "a@own.com",     "far.example!t@own.com"              },
        {"R-216", "a@own.com",     "far.example!t@[192.0.2.1]"          },
        {"R-217", "a@own.com",     "IMCEASMTP-t+40far+2Eexample@own.com"},
        {"R-218", "a@own.com",     "\"IMCEASMTP-t@far.example\"@own.com"},
        {"R-098", "a@own.com",     "\"IMCEA t@far.example\"@own.com"    },
        {"R-219", "t@far.example", "a-nobody@own.com"                   },
        {"R-220", "a@own.com",     "t@[198.51.100.9]"                   },
        {"R-225", "a@[192.0.2.1]", "t%far.example@[192.0.2.1]"          },
        {"R-225", "a@[192.0.2.1]", "t%far.example@mx.own.com"           },
        {"R-225", "a@[192.0.2.1]", "\"t@far.example\""                  },
        {"R-225", "a@[192.0.2.1]", "\"t%far.example\""                  },
        {"R-225", "a@[192.0.2.1]", "t@far.example@[192.0.2.1]"          },
        {"R-225", "a@[192.0.2.1]", "\"t@far.example\"@[192.0.2.1]"      },
        {"R-225", "a@[192.0.2.1]", "t@far.example@mx.own.com"           },
        {"R-225", "a@[192.0.2.1]", "@[192.0.2.1]:t@far.example"         },
        {"R-225", "a@[192.0.2.1]", "@mx.own.com:t@far.example"          },
        {"R-225", "a@[192.0.2.1]", "far.example!t"                      },
        {"R-225", "a@[192.0.2.1]", "far.example!t@[192.0.2.1]"          },
        {"R-225", "a@[192.0.2.1]", "far.example!t@mx.own.com"           },
    };
    Server server;
    g_autoptr(ImsRelaytest) relaytest = play(&server, &plain, REFUSE_ALL, 1);

    g_assert_cmpuint(G_N_ELEMENTS(pairs), ==, ims_relaytest_size(relaytest));
    for (guint i = 0; i < G_N_ELEMENTS(pairs); i++) {
        const ImsRelaytestTest *test = ims_relaytest_get(relaytest, i);

        g_assert_cmpstr(test->form->fact, ==, pairs[i].fact);
        g_assert_cmpstr(test->from, ==, pairs[i].from);
        g_assert_cmpstr(test->to, ==, pairs[i].to);
    }
    g_assert_cmpuint(server.n_rcpt, ==, N_FORMS);
    g_assert_cmpuint(server.n_rset, ==, N_FORMS);
    g_assert_cmpuint(server.n_connections, ==, 1);
    g_string_free(server.seen, TRUE);
}

/* ---- judging ---- */

typedef struct {
    const char *name;
    Kind kind;
    gboolean probe;
    ImsRelaytestVerdict verdict;
    ImsRelaytestOutcome first; /* of R-201 */
    guint n_first;             /* how many forms have that outcome */
    guint n_connections;
    gboolean has_failed;
} Case;

static const Case cases[] = {
    {"refuses-all",                REFUSE_ALL,      FALSE, IMS_RELAYTEST_CLOSED,    IMS_RELAYTEST_REFUSED,   37, 1,  FALSE},
    {"refuses-all-probing",        REFUSE_ALL,      TRUE,  IMS_RELAYTEST_CLOSED,    IMS_RELAYTEST_REFUSED,   37, 1,
     FALSE                                                                                                                },
    {"R-221-accepted-is-no-proof", ACCEPT_ALL,      FALSE, IMS_RELAYTEST_UNDECIDED,
     IMS_RELAYTEST_ACCEPTED,                                                                                 37, 1,  FALSE},
    {"accepts-all-probing",        ACCEPT_ALL,      TRUE,  IMS_RELAYTEST_CLOSED,    IMS_RELAYTEST_PROBED,    37, 1,
     FALSE                                                                                                                },
    {"R-221-local-forms-only",     ACCEPT_LOCAL,    FALSE, IMS_RELAYTEST_UNDECIDED, IMS_RELAYTEST_REFUSED,
     12,                                                                                                         1,  FALSE},
    {"R-221-local-forms-probed",   ACCEPT_LOCAL,    TRUE,  IMS_RELAYTEST_CLOSED,    IMS_RELAYTEST_REFUSED,
     12,                                                                                                         1,  FALSE},
    {"temporary-tells-nothing",    TEMPORARY,       FALSE, IMS_RELAYTEST_UNTESTED,  IMS_RELAYTEST_TEMPORARY,
     37,                                                                                                         1,  FALSE},
    {"454-relay-access-denied",    DEFERS_RELAYING, FALSE, IMS_RELAYTEST_CLOSED,    IMS_RELAYTEST_REFUSED,
     37,                                                                                                         1,  FALSE},
    {"refuses-the-sender",         REFUSE_MAIL,     FALSE, IMS_RELAYTEST_CLOSED,    IMS_RELAYTEST_REFUSED,   37, 1,
     FALSE                                                                                                                },
    {"refuses-data",               REFUSE_DATA,     TRUE,  IMS_RELAYTEST_CLOSED,    IMS_RELAYTEST_REFUSED,   37, 1,  FALSE},
    {"refuses-the-message",        REFUSE_MESSAGE,  TRUE,  IMS_RELAYTEST_CLOSED,    IMS_RELAYTEST_REFUSED,   37,
     1,                                                                                                              FALSE},
    {"helo-only",                  NO_EHLO,         FALSE, IMS_RELAYTEST_CLOSED,    IMS_RELAYTEST_REFUSED,   37, 1,  FALSE},
    {"wants-tls",                  WANTS_TLS,       FALSE, IMS_RELAYTEST_UNTESTED,  IMS_RELAYTEST_FAILED,    37, 1,  FALSE},
    {"busy",                       BUSY_GREETING,   FALSE, IMS_RELAYTEST_UNTESTED,  IMS_RELAYTEST_NOT_TRIED, 37, 3,  TRUE },
    {"closes-at-once",             NO_GREETING,     FALSE, IMS_RELAYTEST_UNTESTED,  IMS_RELAYTEST_NOT_TRIED, 37, 3,
     TRUE                                                                                                                 },
    {"not-reachable",              NO_CONNECTION,   FALSE, IMS_RELAYTEST_UNTESTED,  IMS_RELAYTEST_NOT_TRIED, 37, 3,
     TRUE                                                                                                                 },
    {"closes-after-each",          CLOSES_EACH,     FALSE, IMS_RELAYTEST_CLOSED,    IMS_RELAYTEST_REFUSED,   37, 38,
     FALSE                                                                                                                },
    {"closes-at-rcpt",             CLOSES_AT_RCPT,  FALSE, IMS_RELAYTEST_UNTESTED,  IMS_RELAYTEST_FAILED,    37, 74,
     FALSE                                                                                                                },
    {"goodbye-behind-a-refusal",   GOODBYE,         FALSE, IMS_RELAYTEST_CLOSED,    IMS_RELAYTEST_REFUSED,   37,
     13,                                                                                                             FALSE},
    {"answers-unasked",            ASKS_TOO_MUCH,   FALSE, IMS_RELAYTEST_CLOSED,    IMS_RELAYTEST_REFUSED,   37, 38,
     FALSE                                                                                                                },
    {"endless-line",               HUGE_LINE,       FALSE, IMS_RELAYTEST_UNTESTED,  IMS_RELAYTEST_NOT_TRIED, 37, 3,
     TRUE                                                                                                                 },
    {"endless-reply",              HUGE_REPLY,      FALSE, IMS_RELAYTEST_UNTESTED,  IMS_RELAYTEST_FAILED,    37, 74,
     FALSE                                                                                                                },
    {"another-protocol",           HTTP,            FALSE, IMS_RELAYTEST_UNTESTED,  IMS_RELAYTEST_NOT_TRIED, 37, 3,  TRUE },
    {"two-codes-in-one-answer",    MIXED_CODES,     FALSE, IMS_RELAYTEST_UNTESTED,  IMS_RELAYTEST_FAILED,
     37,                                                                                                         74, FALSE},
    {"control-bytes",              CONTROL_BYTES,   FALSE, IMS_RELAYTEST_CLOSED,    IMS_RELAYTEST_REFUSED,   37, 1,
     FALSE                                                                                                                },
    {"rset-refused",               RSET_REFUSED,    FALSE, IMS_RELAYTEST_UNDECIDED, IMS_RELAYTEST_ACCEPTED,  37, 38,
     FALSE                                                                                                                },
    {"bad-sequence-is-no-refusal", BAD_SEQUENCE,    FALSE, IMS_RELAYTEST_UNTESTED,
     IMS_RELAYTEST_FAILED,                                                                                   37, 1,  FALSE},
    {"354-at-mail",                REDIRECT_3XX,    FALSE, IMS_RELAYTEST_UNTESTED,  IMS_RELAYTEST_FAILED,    37, 1,
     FALSE                                                                                                                },
};

static void
check_case(const Case *row, gsize portion)
{
    ImsRelaytestSettings settings = plain;
    Server server;
    g_autoptr(ImsRelaytest) relaytest = NULL;

    settings.probe = row->probe;
    relaytest = play(&server, &settings, row->kind, portion);
    g_assert_cmpstr(ims_relaytest_verdict_word(ims_relaytest_judge(relaytest)), ==,
                    ims_relaytest_verdict_word(row->verdict));
    g_assert_cmpstr(ims_relaytest_outcome_word(ims_relaytest_get(relaytest, 0)->outcome), ==,
                    ims_relaytest_outcome_word(row->first));
    g_assert_cmpuint(ims_relaytest_count(relaytest, row->first), ==, row->n_first);
    g_assert_cmpint(ims_relaytest_failure(relaytest) != NULL, ==, row->has_failed);
    if (!row->probe)
        g_assert_cmpuint(server.n_data, ==, 0);
    for (guint i = 0; i < ims_relaytest_size(relaytest); i++) {
        const char *reply = ims_relaytest_get(relaytest, i)->reply;

        g_assert_true(reply == NULL || g_utf8_validate(reply, -1, NULL));
        for (const char *p = reply; p != NULL && *p != '\0'; p++)
            g_assert_false(g_ascii_iscntrl(*p));
    }
    /* Closing after each RSET leaves one more connection, for QUIT; a burst in one packet is seen
     * as such only when it is fed as one. */
    if (portion > 1)
        g_assert_cmpuint(server.n_connections, ==, row->n_connections);
    g_string_free(server.seen, TRUE);
}

static void
test_case(gconstpointer data)
{
    const Case *row = data;

    check_case(row, 65536);
    if (row->kind != ASKS_TOO_MUCH && row->kind != GOODBYE)
        check_case(row, 1);
}

static void
test_monotonous(void)
{
    Server server;
    g_autoptr(ImsRelaytest) same = play(&server, &plain, REFUSE_ALL, 100);
    g_autoptr(ImsRelaytest) mixed = NULL;

    g_string_free(server.seen, TRUE);
    mixed = play(&server, &plain, ACCEPT_LOCAL, 100);
    g_string_free(server.seen, TRUE);
    g_assert_true(ims_relaytest_is_monotonous(same));
    g_assert_false(ims_relaytest_is_monotonous(mixed));
}

static void
test_greeting_name(void)
{
    static const struct {
        const char *greeting, *name;
    } rows[] = {
        {"220 mx.own.com ESMTP\r\n",              "mx.own.com"},
        {"220 mx.own.com\r\n",                    "mx.own.com"},
        {"220-mx.own.com hello\r\n220 there\r\n", "mx.own.com"},
        {"220 hello\r\n",                         "own.com"   },
        {"220\r\n",                               "own.com"   },
        {"220 \r\n",                              "own.com"   },
        {"220 a.b>RCPT\r\n",                      "own.com"   },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(ImsRelaytest) relaytest = ims_relaytest_new(&plain);

        ims_relaytest_connected(relaytest, "192.0.2.1");
        ims_relaytest_feed(relaytest, (const guint8 *)rows[i].greeting, strlen(rows[i].greeting));
        g_assert_cmpstr(ims_relaytest_host_name(relaytest), ==, rows[i].name);
    }
}

static void
test_stop(void)
{
    g_autoptr(ImsRelaytest) relaytest = ims_relaytest_new(&plain);

    ims_relaytest_connected(relaytest, "192.0.2.1");
    ims_relaytest_feed(relaytest, (const guint8 *)"220 x\r\n", 7);
    ims_relaytest_stop(relaytest, "the time limit is reached");
    g_assert_true(ims_relaytest_is_done(relaytest));
    g_assert_true(ims_relaytest_wants_close(relaytest));
    ims_relaytest_closed(relaytest, "closed");
    g_assert_cmpstr(ims_relaytest_failure(relaytest), ==, "the time limit is reached");
    g_assert_cmpint(ims_relaytest_judge(relaytest), ==, IMS_RELAYTEST_UNTESTED);
}

/* ---- probes that come out ---- */

static void
arrive(ImsRelaytest *relaytest, const char *recipient, const char *message)
{
    ims_relaytest_message(relaytest, recipient, (const guint8 *)message, strlen(message));
}

static ImsRelaytest *
probed(Kind kind)
{
    ImsRelaytestSettings settings = plain;
    Server server;
    ImsRelaytest *relaytest;

    settings.probe = TRUE;
    relaytest = play(&server, &settings, kind, 65536);
    g_string_free(server.seen, TRUE);
    return relaytest;
}

static ImsRelaytestOutcome
outcome(const ImsRelaytest *relaytest, guint index)
{
    return ims_relaytest_get(relaytest, index)->outcome;
}

#define PROBE(number)                                                                              \
    "Received: by x\nX-Relay-Test: rt0011223344556677-" number ".\nTo: <t@far.example>\n\nx\n"
#define REPORT(number)                                                                             \
    "From: <>\nSubject: failed\n\nWhat you sent:\n\nX-Relay-Test: rt0011223344556677-" number "."  \
    "\n"

static void
test_proof(void)
{
    g_autoptr(ImsRelaytest) relaytest = probed(ACCEPT_ALL);

    arrive(relaytest, "t@far.example", PROBE("0"));
    g_assert_cmpint(outcome(relaytest, 0), ==, IMS_RELAYTEST_PROVEN);
    g_assert_cmpint(outcome(relaytest, 1), ==, IMS_RELAYTEST_PROBED);
    g_assert_cmpint(ims_relaytest_judge(relaytest), ==, IMS_RELAYTEST_RELAYS);
    /* A later report takes nothing back. */
    arrive(relaytest, "t@far.example", REPORT("0"));
    g_assert_cmpint(outcome(relaytest, 0), ==, IMS_RELAYTEST_PROVEN);
}

static void
test_report_is_no_proof(void)
{
    g_autoptr(ImsRelaytest) relaytest = probed(ACCEPT_ALL);

    arrive(relaytest, "t@far.example", REPORT("7"));
    g_assert_cmpint(outcome(relaytest, 7), ==, IMS_RELAYTEST_BOUNCED);
    g_assert_cmpint(ims_relaytest_judge(relaytest), ==, IMS_RELAYTEST_CLOSED);
    arrive(relaytest, "t@far.example", PROBE("7"));
    g_assert_cmpint(outcome(relaytest, 7), ==, IMS_RELAYTEST_PROVEN);
}

/* A server may hand mail for its own domain on as it is; that is no relaying. */
static void
test_own_domain_is_no_proof(void)
{
    g_autoptr(ImsRelaytest) relaytest = probed(ACCEPT_ALL);

    arrive(relaytest, "t%far.example@OWN.com", PROBE("7"));
    g_assert_cmpint(outcome(relaytest, 7), ==, IMS_RELAYTEST_BOUNCED);
    g_assert_true(
        ims_relaytest_own_message(relaytest, (const guint8 *)PROBE("8"), strlen(PROBE("8"))));
    g_assert_cmpint(outcome(relaytest, 8), ==, IMS_RELAYTEST_BOUNCED);
    g_assert_cmpint(ims_relaytest_judge(relaytest), ==, IMS_RELAYTEST_CLOSED);
}

static void
test_backscatter_is_no_proof(void)
{
    g_autoptr(ImsRelaytest) relaytest = probed(ACCEPT_ALL);
    guint n;
    const ImsRelaytestForm *forms = ims_relaytest_forms(&n);

    for (guint i = 0; i < n; i++) {
        g_autofree char *message =
            g_strdup_printf("X-Relay-Test: rt0011223344556677-%u.\n\nx\n", i);

        if (forms[i].backscatter) {
            arrive(relaytest, "t@far.example", message);
            g_assert_cmpint(outcome(relaytest, i), ==, IMS_RELAYTEST_BOUNCED);
        }
    }
    g_assert_cmpint(ims_relaytest_judge(relaytest), ==, IMS_RELAYTEST_CLOSED);
}

static void
test_inventions(void)
{
    static const char *const messages[] = {
        "",
        "\n",
        "x",
        "X-Relay-Test: rt0011223344556677-",
        "X-Relay-Test: rt0011223344556677-0",
        "X-Relay-Test: rt0011223344556677-.\n",
        "X-Relay-Test: rt0011223344556677-37.\n",
        "X-Relay-Test: rt0011223344556677-0000000000.\n",
        "X-Relay-Test: rtffffffffffffffff-0.\n",
    };
    g_autoptr(ImsRelaytest) open = probed(ACCEPT_ALL);
    g_autoptr(ImsRelaytest) closed = probed(REFUSE_ALL);

    for (guint i = 0; i < G_N_ELEMENTS(messages); i++)
        arrive(open, NULL, messages[i]);
    g_assert_cmpuint(ims_relaytest_count(open, IMS_RELAYTEST_PROBED), ==, N_FORMS);
    /* What was refused was not sent, whatever comes. */
    arrive(closed, "t@far.example", PROBE("0"));
    g_assert_cmpint(outcome(closed, 0), ==, IMS_RELAYTEST_REFUSED);
}

/* The sink can have it before the server's answer is here. */
static void
test_probe_before_the_answer(void)
{
    ImsRelaytestSettings settings = plain;
    g_autoptr(ImsRelaytest) relaytest = NULL;
    static const char *const answers[] = {"220 mx.own.com\r\n", "250 x\r\n", "250 x\r\n",
                                          "250 x\r\n", "354 x\r\n"};

    settings.probe = TRUE;
    relaytest = ims_relaytest_new(&settings);
    ims_relaytest_connected(relaytest, "192.0.2.1");
    for (guint i = 0; i < G_N_ELEMENTS(answers); i++)
        ims_relaytest_feed(relaytest, (const guint8 *)answers[i], strlen(answers[i]));
    arrive(relaytest, "t@far.example", PROBE("0"));
    g_assert_cmpint(outcome(relaytest, 0), ==, IMS_RELAYTEST_PROVEN);
    ims_relaytest_feed(relaytest, (const guint8 *)"250 queued\r\n", 12);
    g_assert_cmpint(outcome(relaytest, 0), ==, IMS_RELAYTEST_PROVEN);
    g_assert_cmpuint(ims_relaytest_position(relaytest), ==, 1);
}

/* ---- the sink ---- */

typedef struct {
    guint n;
    char *recipient;
    GString *last;
} Caught;

static void
catch_message(const char *recipient, const guint8 *bytes, gsize length, gpointer user_data)
{
    Caught *caught = user_data;

    caught->n++;
    g_free(caught->recipient);
    caught->recipient = g_strdup(recipient);
    g_string_truncate(caught->last, 0);
    g_string_append_len(caught->last, (const char *)bytes, (gssize)length);
}

static void
feed_sink(ImsRelaytestSink *sink, const char *bytes, gsize portion)
{
    gsize left = strlen(bytes);

    while (left > 0) {
        gsize n = MIN(left, portion);

        ims_relaytest_sink_feed(sink, (const guint8 *)bytes, n);
        bytes += n;
        left -= n;
    }
}

static void
test_sink(void)
{
    for (gsize portion = 1; portion < 1000; portion += 333) {
        Caught caught = {.last = g_string_new(NULL)};
        ImsRelaytestSink *sink = ims_relaytest_sink_new(catch_message, &caught);
        g_autoptr(GBytes) bytes = NULL;
        g_autofree char *text = NULL;

        feed_sink(
            sink,
            "EHLO x\r\nRCPT TO:<early@far.example>\r\nDATA\r\nMAIL FROM:<> BODY=8BITMIME\r\n"
            "RCPT TO:<t@far.example> NOTIFY=NEVER\r\nRCPT TO:<u@far.example>\r\nRCPT TO:bad\r\n"
            "DATA\r\nSubject: x\r\n\r\n..dot\r\nQUIT\r\n.\r\nRSET\r\nNOOP\r\nNONSENSE\r\nQUIT\r\n"
            "MAIL FROM:<late>\r\n",
            portion);
        bytes = ims_relaytest_sink_take_output(sink);
        text = g_strndup(g_bytes_get_data(bytes, NULL), g_bytes_get_size(bytes));
        g_assert_cmpuint(caught.n, ==, 1);
        g_assert_cmpstr(caught.recipient, ==, "t@far.example");
        g_assert_cmpstr(caught.last->str, ==, "Subject: x\n\n.dot\nQUIT\n");
        g_assert_true(ims_relaytest_sink_wants_close(sink));
        g_assert_true(g_regex_match_simple("\\A220 .*250 .*503 .*503 .*250 .*250 .*250 .*501 .*354 "
                                           ".*250 .*250 .*250 .*502 .*221 closing\r\n\\z",
                                           text, G_REGEX_DOTALL, 0));
        ims_relaytest_sink_free(sink);
        g_string_free(caught.last, TRUE);
        g_free(caught.recipient);
    }
}

static void
test_sink_limits(void)
{
    Caught caught = {.last = g_string_new(NULL)};
    ImsRelaytestSink *sink = ims_relaytest_sink_new(catch_message, &caught);
    g_autofree char *line = g_strnfill(20000, 'x');

    feed_sink(sink, line, 20000); /* an overlong command */
    feed_sink(sink, "\r\nMAIL FROM:<a>\r\nRCPT TO:<t@far.example>\r\nDATA\r\n", 7);
    for (guint i = 0; i < 200; i++) {
        feed_sink(sink, line, 20000);
        feed_sink(sink, "\r\n", 2);
    }
    feed_sink(sink, ".\r\n", 3);
    g_assert_cmpuint(caught.n, ==, 1);
    g_assert_cmpuint(caught.last->len, <=, 1024 * 1024);
    for (guint i = 0; i < 2000 && !ims_relaytest_sink_wants_close(sink); i++)
        feed_sink(sink, "NOOP\r\n", 6);
    g_assert_true(ims_relaytest_sink_wants_close(sink));
    ims_relaytest_sink_free(sink);
    g_string_free(caught.last, TRUE);
    g_free(caught.recipient);
}

static void
test_printable(void)
{
    static const struct {
        const char *text, *shown;
    } rows[] = {
        {"550 no",       "550 no"           },
        {"550-a\n550 b", "550-a / 550 b"    },
        {"\x1b[2J\x07",  "?[2J?"            },
        {"M\xfcller",    "M\xef\xbf\xbdller"},
        {"a\xe2\x80\xae"
         "b",   "a?b"              },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *shown = ims_relaytest_printable(rows[i].text, -1, 100);

        g_assert_cmpstr(shown, ==, rows[i].shown);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/tools/relaytest/R-201-to-R-225-table", test_table);
    g_test_add_func("/tools/relaytest/R-201-to-R-225-pairs", test_pairs);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/tools/relaytest/server/", cases[i].name, NULL);

        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/tools/relaytest/one-answer-for-all", test_monotonous);
    g_test_add_func("/tools/relaytest/greeting-name", test_greeting_name);
    g_test_add_func("/tools/relaytest/stop", test_stop);
    g_test_add_func("/tools/relaytest/R-221-probe-is-proof", test_proof);
    g_test_add_func("/tools/relaytest/report-is-no-proof", test_report_is_no_proof);
    g_test_add_func("/tools/relaytest/own-domain-is-no-proof", test_own_domain_is_no_proof);
    g_test_add_func("/tools/relaytest/R-219-backscatter-is-no-proof", test_backscatter_is_no_proof);
    g_test_add_func("/tools/relaytest/inventions", test_inventions);
    g_test_add_func("/tools/relaytest/probe-before-the-answer", test_probe_before_the_answer);
    g_test_add_func("/tools/relaytest/sink", test_sink);
    g_test_add_func("/tools/relaytest/sink-limits", test_sink_limits);
    g_test_add_func("/tools/relaytest/printable", test_printable);
    return g_test_run();
}
