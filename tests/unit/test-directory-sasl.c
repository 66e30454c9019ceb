/* Answers of LOGIN and PLAIN, and the log's line of a logon. */
#include "directory/logon-log.h"
#include "directory/sasl.h"

#include <string.h>

static const struct {
    const char *name, *text;
    const char *decoded; /* NULL: refused */
    gsize length;
} answers[] = {
    {"empty",      "",           "",        0},
    {"word",       "YWxpY2U=",   "alice",   5},
    {"two-pads",   "YQ==",       "a",       1},
    {"nul-inside", "AGFiAGM=",   "\0ab\0c", 5},
    {"all-pads",   "====",       NULL,      0},
    {"three-pads", "Y===",       NULL,      0},
    {"pad-inside", "YW==YWxp",   NULL,      0},
    {"blank",      "YWxp Y2U=",  NULL,      0},
    {"too-short",  "YWxpY2U",    NULL,      0},
    {"not-of-it",  "YW-pY2U=",   NULL,      0},
    {"eighth-bit", "YW\xc3\xa9", NULL,      0},
};

static void
test_decode(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    gsize length = 77;
    char *answer = ims_sasl_decode(answers[i].text, &length);

    if (answers[i].decoded == NULL) {
        g_assert_null(answer);
        g_assert_cmpuint(length, ==, 77);
        return;
    }
    g_assert_nonnull(answer);
    g_assert_cmpmem(answer, length, answers[i].decoded, answers[i].length);
    g_assert_cmpint(answer[length], ==, 0);
    ims_sasl_free(answer, length);
}

static const struct {
    const char *name, *answer;
    gsize length;
    ImsSaslPlain result;
} plains[] = {
    {"plain",          "\0alice\0pw",      9,  IMS_SASL_PLAIN_OK         },
    {"same-twice",     "Alice\0alice\0pw", 14, IMS_SASL_PLAIN_OK         },
    {"for-another",    "bob\0alice\0pw",   12, IMS_SASL_PLAIN_FOR_ANOTHER},
    {"empty",          "",                 0,  IMS_SASL_PLAIN_MALFORMED  },
    {"one-nul",        "alice\0pw",        8,  IMS_SASL_PLAIN_MALFORMED  },
    {"three-nuls",     "\0alice\0p\0w",    10, IMS_SASL_PLAIN_MALFORMED  },
    {"nul-at-the-end", "\0alice\0pw\0",    10, IMS_SASL_PLAIN_MALFORMED  },
};

/* In memory of just its length and the NUL behind, so that one octet too far is caught. */
static void
test_plain(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    char *answer = g_memdup2(plains[i].answer, plains[i].length + 1);
    const char *name = NULL, *password = NULL;

    answer[plains[i].length] = '\0';
    g_assert_cmpint(ims_sasl_split_plain(answer, plains[i].length, &name, &password), ==,
                    plains[i].result);
    if (plains[i].result == IMS_SASL_PLAIN_OK) {
        g_assert_cmpstr(name, ==, "alice");
        g_assert_cmpstr(password, ==, "pw");
    }
    ims_sasl_free(answer, plains[i].length);
}

static void
test_log(void)
{
    ImsLog *log = ims_log_new_memory();
    ImsLogonResult good = {IMS_LOGON_OK, "EXAMPLE\\alice", 7, "alice", NULL};
    ImsLogonResult bad = {.status = IMS_LOGON_BAD, .detail = "password"};
    ImsAddress client;
    g_autofree char *lines = NULL;

    g_assert_true(ims_address_parse("192.0.2.7", &client));
    ims_logon_log(log, 5, "pop3", "alice", &client, &good, NULL);
    ims_logon_log(log, 6, "smtp", "al\nice", &client, &bad, NULL);
    ims_logon_log(log, 7, "imap4", NULL, &client, &good, "too many sessions");
    lines = ims_log_take(log);
    g_assert_nonnull(strstr(lines,
                            " s=5 logon protocol=pop3 result=ok name=alice "
                            "account=\"EXAMPLE\\\\alice\" client=192.0.2.7 mailbox=alice\n"));
    g_assert_nonnull(strstr(lines, " s=6 logon protocol=smtp result=failed name=\"al\\nice\" "
                                   "client=192.0.2.7 detail=password\n"));
    g_assert_nonnull(strstr(lines, " s=7 logon protocol=imap4 result=failed "
                                   "account=\"EXAMPLE\\\\alice\" client=192.0.2.7 mailbox=alice "
                                   "detail=\"too many sessions\"\n"));
    ims_log_free(log);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(answers); i++) {
        g_autofree char *path = g_strconcat("/directory/sasl/decode/", answers[i].name, NULL);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_decode);
    }
    for (guint i = 0; i < G_N_ELEMENTS(plains); i++) {
        g_autofree char *path = g_strconcat("/directory/sasl/plain/", plains[i].name, NULL);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_plain);
    }
    g_test_add_func("/directory/logon-log", test_log);
    return g_test_run();
}
