/* The arguments of MAIL and RCPT, and the reply table. */
#include "ims/smtp-private.h"
#include <string.h>

typedef struct {
    const char *name, *keyword, *args;
    const char *path;       /* NULL: refused */
    const char *parameters; /* joined by '|' */
    ImsSmtpReply reply;
} PathCase;

static const PathCase path_cases[] = {
    {"plain",                    "FROM", "FROM:<a@example.com>",        "a@example.com",         "",                0                 },
    {"S-043-blank-after-colon",  "FROM", "FROM: <a@example.com>",       "a@example.com",         "",                0                 },
    {"S-043-lower-case",         "FROM", "from:<a@example.com>",        "a@example.com",         "",                0                 },
    {"S-043-blank-before-colon", "TO",   "To : \t<a@example.com>  ",    "a@example.com",         "",                0                 },
    {"S-042-no-brackets",        "FROM", "from:a@example.com",          "a@example.com",         "",                0                 },
    {"S-042-no-brackets-more",   "FROM", "FROM: a@example.com SIZE=1",  "a@example.com",         "SIZE=1",          0                 },
    {"S-044-bare-local",         "TO",   "TO:bob",                      "bob",                   "",                0                 },
    {"S-052-null",               "FROM", "FROM:<>",                     "",                      "",                0                 },
    {"S-049-route",              "TO",   "TO:<@a,@b:c@d>",              "@a,@b:c@d",             "",                0                 },
    {"parameters",               "FROM", "FROM:<a@b> SIZE=1  RET=FULL", "a@b",                   "SIZE=1|RET=FULL", 0                 },
    {"quoted-bracket",           "TO",   "TO:<\"a>b\"@c> NOTIFY=NEVER", "\"a>b\"@c",             "NOTIFY=NEVER",    0                 },
    {"quoted-backslash",         "TO",   "TO:<\"a\\\">b\"@c>",          "\"a\\\">b\"@c",         "",                0                 },
    {"quoted-blank-no-brackets", "TO",   "TO:\"a b\"@c NOTIFY=NEVER",   "\"a b\"@c",             "NOTIFY=NEVER",    0                 },
    {"S-048-blank-inside",       "TO",   "TO:<bob smith@example.com>",  "bob smith@example.com", "",                0                 },
    {"lone-quote",               "TO",   "TO:<a\"b@c>",                 "a\"b@c",                "",                0                 },
    {"lone-backslash",           "TO",   "TO:<a\\",                     NULL,                    NULL,              IMS_SMTP_MALFORMED},
    {"no-end",                   "TO",   "TO:<a@b",                     NULL,                    NULL,              IMS_SMTP_MALFORMED},
    {"text-after-bracket",       "TO",   "TO:<a@b>c",                   NULL,                    NULL,              IMS_SMTP_MALFORMED},
    {"nothing",                  "TO",   "TO:",                         NULL,                    NULL,              IMS_SMTP_SYNTAX   },
    {"blanks",                   "TO",   "TO:  ",                       NULL,                    NULL,              IMS_SMTP_SYNTAX   },
    {"no-colon",                 "TO",   "TO <a@b>",                    NULL,                    NULL,              IMS_SMTP_SYNTAX   },
    {"other-keyword",            "TO",   "FROM:<a@b>",                  NULL,                    NULL,              IMS_SMTP_SYNTAX   },
    {"empty",                    "TO",   "",                            NULL,                    NULL,              IMS_SMTP_SYNTAX   },
    {"half-keyword",             "FROM", "FRO",                         NULL,                    NULL,              IMS_SMTP_SYNTAX   },
};

static void
test_path(gconstpointer data)
{
    const PathCase *c = data;
    g_autofree char *exact = g_strdup(c->args), *path = NULL, *joined = NULL;
    g_auto(GStrv) parameters = NULL;
    ImsSmtpReply reply = IMS_SMTP_N_REPLIES;
    gboolean good = ims_smtp_split_path(c->keyword, exact, &path, &parameters, &reply);

    g_assert_cmpint(good, ==, c->path != NULL);
    if (!good) {
        g_assert_cmpint(reply, ==, c->reply);
        g_assert_null(parameters);
        return;
    }
    joined = g_strjoinv("|", parameters);
    g_assert_cmpstr(path, ==, c->path);
    g_assert_cmpstr(joined, ==, c->parameters);
}

/* ---- parameters ---- */

typedef struct {
    const char *name, *words;
    gboolean good;
    const char *result; /* or the bad parameter */
    ImsSmtpReply reply;
} ParameterCase;

static const ParameterCase mail_cases[] = {
    {"none",            "",                           TRUE,  "size=- ret=0 8=0 envid=-",           0                         },
    {"S-033-size-ret",  "SIZE=1460 RET=FULL",         TRUE,  "size=1460 ret=1 8=0 envid=-",        0                         },
    {"S-087-ret-hdrs",  "ret=hdrs",                   TRUE,  "size=- ret=2 8=0 envid=-",           0                         },
    {"body-8bit",       "BODY=8BITMIME",              TRUE,  "size=- ret=0 8=1 envid=-",           0                         },
    {"body-7bit",       "body=7bit",                  TRUE,  "size=- ret=0 8=0 envid=-",           0                         },
    {"envid",           "ENVID=QQ+2B314159",          TRUE,  "size=- ret=0 8=0 envid=QQ+2B314159", 0                         },
    {"auth-ignored",    "AUTH=<>",                    TRUE,  "size=- ret=0 8=0 envid=-",           0                         },
    {"size-0",          "SIZE=0",                     TRUE,  "size=0 ret=0 8=0 envid=-",           0                         },
    {"size-too-long",   "SIZE=999999999999999999999", FALSE, "SIZE=999999999999999999999",
     IMS_SMTP_SYNTAX                                                                                                         },
    {"size-overflow",   "SIZE=99999999999999999999",  FALSE, "SIZE=99999999999999999999",
     IMS_SMTP_SYNTAX                                                                                                         },
    {"size-negative",   "SIZE=-1",                    FALSE, "SIZE=-1",                            IMS_SMTP_SYNTAX           },
    {"size-empty",      "SIZE=",                      FALSE, "SIZE=",                              IMS_SMTP_SYNTAX           },
    {"size-bare",       "SIZE",                       FALSE, "SIZE",                               IMS_SMTP_SYNTAX           },
    {"twice",           "SIZE=1 SIZE=2",              FALSE, "SIZE=2",                             IMS_SMTP_SYNTAX           },
    {"twice-envid",     "ENVID=a ENVID=b",            FALSE, "ENVID=b",                            IMS_SMTP_SYNTAX           },
    {"ret-bad",         "RET=ALL",                    FALSE, "RET=ALL",                            IMS_SMTP_SYNTAX           },
    {"body-binary",     "BODY=BINARYMIME",            FALSE, "BODY=BINARYMIME",                    IMS_SMTP_SYNTAX           },
    {"envid-not-xtext", "ENVID=a=b",                  FALSE, "ENVID=a=b",                          IMS_SMTP_SYNTAX           },
    {"envid-bad-hex",   "ENVID=a+4",                  FALSE, "ENVID=a+4",                          IMS_SMTP_SYNTAX           },
    {"envid-empty",     "ENVID=",                     FALSE, "ENVID=",                             IMS_SMTP_SYNTAX           },
    {"unknown",         "ENVID=a SMTPUTF8",           FALSE, "SMTPUTF8",                           IMS_SMTP_UNKNOWN_PARAMETER},
    {"rcpt-parameter",  "NOTIFY=NEVER",               FALSE, "NOTIFY=NEVER",                       IMS_SMTP_UNKNOWN_PARAMETER},
    {"prefix",          "SIZES=1",                    FALSE, "SIZES=1",                            IMS_SMTP_UNKNOWN_PARAMETER},
};

static void
test_mail_parameters(gconstpointer data)
{
    const ParameterCase *c = data;
    g_auto(GStrv) words = *c->words != '\0' ? g_strsplit(c->words, " ", -1) : g_new0(char *, 1);
    ImsSmtpMailParameters mail;
    ImsSmtpReply reply = IMS_SMTP_N_REPLIES;
    const char *bad = NULL;
    g_autofree char *size = NULL, *result = NULL;

    g_assert_cmpint(ims_smtp_mail_parameters(words, &mail, &reply, &bad), ==, c->good);
    if (!c->good) {
        g_assert_cmpstr(bad, ==, c->result);
        g_assert_cmpint(reply, ==, c->reply);
        return;
    }
    size = mail.has_size ? g_strdup_printf("%" G_GUINT64_FORMAT, mail.size) : g_strdup("-");
    result = g_strdup_printf("size=%s ret=%d 8=%d envid=%s", size, (int)mail.ret, mail.eight_bit,
                             mail.envid != NULL ? mail.envid : "-");
    g_assert_cmpstr(result, ==, c->result);
    g_free(mail.envid);
}

static const ParameterCase rcpt_cases[] = {
    {"none",                "",                                              TRUE,  "notify=0 orcpt=-",       0                         },
    {"S-034-failure-delay", "NOTIFY=FAILURE,DELAY",                          TRUE,  "notify=12 orcpt=-",      0                         },
    {"never",               "notify=never",                                  TRUE,  "notify=1 orcpt=-",       0                         },
    {"all",                 "NOTIFY=SUCCESS,FAILURE,DELAY",                  TRUE,  "notify=14 orcpt=-",      0                         },
    {"orcpt",               "ORCPT=rfc822;bob+2Bx@example.com NOTIFY=NEVER", TRUE,
     "notify=1 orcpt=rfc822;bob+2Bx@example.com",                                                             0                         },
    {"never-and-other",     "NOTIFY=NEVER,DELAY",                            FALSE, "NOTIFY=NEVER,DELAY",     IMS_SMTP_SYNTAX           },
    {"empty",               "NOTIFY=",                                       FALSE, "NOTIFY=",                IMS_SMTP_SYNTAX           },
    {"empty-part",          "NOTIFY=DELAY,",                                 FALSE, "NOTIFY=DELAY,",          IMS_SMTP_SYNTAX           },
    {"unknown-word",        "NOTIFY=ALWAYS",                                 FALSE, "NOTIFY=ALWAYS",          IMS_SMTP_SYNTAX           },
    {"orcpt-no-type",       "ORCPT=;bob@example.com",                        FALSE, "ORCPT=;bob@example.com", IMS_SMTP_SYNTAX           },
    {"orcpt-no-address",    "ORCPT=rfc822;",                                 FALSE, "ORCPT=rfc822;",          IMS_SMTP_SYNTAX           },
    {"orcpt-no-semicolon",  "ORCPT=bob@example.com",                         FALSE, "ORCPT=bob@example.com",
     IMS_SMTP_SYNTAX                                                                                                                    },
    {"orcpt-type",          "ORCPT=rf c;b",                                  FALSE, "ORCPT=rf",               IMS_SMTP_SYNTAX           },
    {"orcpt-twice",         "ORCPT=a;b ORCPT=a;c",                           FALSE, "ORCPT=a;c",              IMS_SMTP_SYNTAX           },
    {"mail-parameter",      "ORCPT=a;b SIZE=1",                              FALSE, "SIZE=1",                 IMS_SMTP_UNKNOWN_PARAMETER},
};

static void
test_rcpt_parameters(gconstpointer data)
{
    const ParameterCase *c = data;
    g_auto(GStrv) words = *c->words != '\0' ? g_strsplit(c->words, " ", -1) : g_new0(char *, 1);
    ImsSmtpRcptParameters rcpt;
    ImsSmtpReply reply = IMS_SMTP_N_REPLIES;
    const char *bad = NULL;
    g_autofree char *result = NULL;

    g_assert_cmpint(ims_smtp_rcpt_parameters(words, &rcpt, &reply, &bad), ==, c->good);
    if (!c->good) {
        g_assert_cmpstr(bad, ==, c->result);
        g_assert_cmpint(reply, ==, c->reply);
        return;
    }
    result = g_strdup_printf("notify=%d orcpt=%s", (int)rcpt.notify,
                             rcpt.orcpt != NULL ? rcpt.orcpt : "-");
    g_assert_cmpstr(result, ==, c->result);
    g_free(rcpt.orcpt);
}

/* ---- replies ---- */

static const struct {
    ImsSmtpReply reply;
    const char *first, *second, *line;
} reply_cases[] = {
    {IMS_SMTP_GREETING,            "ims.example.com", "5.5.2653.13",
     "220 ims.example.com ESMTP Server (Microsoft Exchange Internet Mail Service 5.5.2653.13) "
     "ready"                                                                                             },
    {IMS_SMTP_MAIL_OK_SIZE,        "a@example.com",   "1460",
     "250 OK - mail from <a@example.com>; can accomodate 1460 bytes"                                     },
    {IMS_SMTP_SEND_DATA,           NULL,              NULL,          "354 Send data.  End with CRLF.CRLF"},
    {IMS_SMTP_TOO_MANY_RECIPIENTS, NULL,              NULL,
     "452 Requested action not taken: Exceed Recipient Limit"                                            },
    {IMS_SMTP_MALFORMED,           "a\r\nb\x7f%",     NULL,          "553 malformed address: a??b?%"     },
    {IMS_SMTP_MALFORMED,           NULL,              NULL,          "553 malformed address: "           },
};

static void
test_replies(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(reply_cases); i++) {
        g_autofree char *line = ims_smtp_reply_format(reply_cases[i].reply, reply_cases[i].first,
                                                      reply_cases[i].second);

        g_assert_cmpstr(line, ==, reply_cases[i].line);
    }
    /* Every row is there, in its place, and begins with a code. */
    for (guint i = 0; i < IMS_SMTP_N_REPLIES; i++) {
        g_autofree char *line = ims_smtp_reply_format((ImsSmtpReply)i, "", "");

        g_assert_cmpuint(strlen(line), >=, 4);
        g_assert_cmpint(line[0], >=, '2');
        g_assert_cmpint(line[0], <=, '5');
        g_assert_cmpint(line[3], ==, ' ');
    }
}

static void
add_rows(const char *folder, const ParameterCase *rows, guint n, GTestDataFunc function)
{
    for (guint i = 0; i < n; i++) {
        g_autofree char *path = g_strdup_printf("/ims/smtp/%s/%s", folder, rows[i].name);

        g_test_add_data_func(path, &rows[i], function);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(path_cases); i++) {
        g_autofree char *path = g_strdup_printf("/ims/smtp/path/%s", path_cases[i].name);

        g_test_add_data_func(path, &path_cases[i], test_path);
    }
    add_rows("mail-parameters", mail_cases, G_N_ELEMENTS(mail_cases), test_mail_parameters);
    add_rows("rcpt-parameters", rcpt_cases, G_N_ELEMENTS(rcpt_cases), test_rcpt_parameters);
    g_test_add_func("/ims/smtp/replies", test_replies);
    return g_test_run();
}
