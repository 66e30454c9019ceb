/* Header fields, dates, encoded words and SEARCH. */
#include "store/mime.h"

#include <string.h>

/* ---- header fields ---- */

static const char header[] =
    "Content-Type: text/plain\r\nMessage-ID: <1@x>\r\n"
    "Date: Wed,  25 Nov 2026\r\nreply-to : r@x\r\nFrom: a@x,\r\n\tb@x\r\n"
    "Subject: s\r\nno colon here\r\nTo: t@x\r\nTo: u@x\r\n\r\nbody: no\r\n";

static void
test_fields(void)
{
    static const struct {
        const char *names[8];
        gboolean exclude, order;
        const char *expected;
    } rows[] = {
        {{"date", "FROM", "Subject", "To", "Message-ID", "Cc"},
         FALSE,                                                        TRUE,
         "Date: Wed,  25 Nov 2026\r\nFrom: a@x,\r\n\tb@x\r\nSubject: s\r\nTo: t@x\r\nTo: u@x\r\n"
         "Message-ID: <1@x>\r\n\r\n"                                                                      }, /* I-096 */
        {{"to", "date", "reply-to"},
         FALSE,                                                        FALSE,
         "Date: Wed,  25 Nov 2026\r\nreply-to : r@x\r\nTo: t@x\r\nTo: u@x\r\n\r\n"                        },
        {{"To", "to", "TO"},                                    FALSE, TRUE,  "To: t@x\r\nTo: u@x\r\n\r\n"},
        {{"body"},                                              FALSE, TRUE,  "\r\n"                      },
        {{NULL},                                                FALSE, TRUE,  "\r\n"                      },
        {{"content-type", "from", "to", "date", "reply-to"},
         TRUE,                                                         TRUE,
         "Message-ID: <1@x>\r\nSubject: s\r\nno colon here\r\n\r\n"                                       },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(GBytes) out = ims_mime_header_fields(
            (const guint8 *)header, strlen(header), rows[i].names, rows[i].exclude, rows[i].order);

        g_assert_cmpmem(g_bytes_get_data(out, NULL), g_bytes_get_size(out), rows[i].expected,
                        strlen(rows[i].expected));
    }
}

static void
test_fields_without_end(void)
{
    static const char *const names[] = {"a", NULL};
    g_autoptr(GBytes) out =
        ims_mime_header_fields((const guint8 *)"B: 1\nA: 2", 9, names, FALSE, TRUE);
    g_autoptr(GBytes) none = ims_mime_header_fields(NULL, 0, names, TRUE, FALSE);

    g_assert_cmpmem(g_bytes_get_data(out, NULL), g_bytes_get_size(out), "A: 2\r\n\r\n", 8);
    g_assert_cmpmem(g_bytes_get_data(none, NULL), g_bytes_get_size(none), "\r\n", 2);
}

static void
test_get(void)
{
    static const struct {
        const char *name, *expected;
    } rows[] = {
        {"from",     "a@x,\tb@x"},
        {"REPLY-TO", "r@x"      },
        {"to",       "t@x"      },
        {"body",     NULL       },
        {"",         NULL       },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *value =
            ims_mime_header_get((const guint8 *)header, strlen(header), rows[i].name);

        g_assert_cmpstr(value, ==, rows[i].expected);
    }
    g_assert_null(ims_mime_header_get(NULL, 0, "to"));
}

/* ---- dates ---- */

#define NO_DATE G_MININT64

static const struct DateCase {
    const char *name, *text;
    gint64 utc;
    int zone;
} dates[] = {
    {"rfc5322",                  "Fri, 21 Nov 1997 09:55:06 -0600",                       880127706,  -360},
    {"no-weekday",               "21 Nov 1997 09:55:06 -0600",                            880127706,  -360},
    {"no-seconds",               "Fri, 21 Nov 1997 09:55 -0600",                          880127700,  -360},
    {"comment",                  "Fri, 21 Nov 1997 09(comment):   55  :  06 -0600 (CST)", 880127706,  -360},
    {"5.5-with-blank",           "Thu, 4 Jan 2001 12:08:25 -0800 ",                       978638905,  -480},
    {"half-hour-zone",           "Thu, 16 Jan 2003 12:01:52 +0530",                       1042698712, 330 },
    {"minus-zero",               "Wed, 4 Dec 2002 11:40:19 -0000",                        1039002019, 0   },
    {"S-125-GMT",                "21 Nov 1997 09:55:06 GMT",                              880106106,  0   },
    {"S-125-UT",                 "21 Nov 1997 09:55:06 UT",                               880106106,  0   },
    {"S-125-EST",                "21 Nov 1997 09:55:06 EST",                              880124106,  -300},
    {"S-125-EDT",                "21 Nov 1997 09:55:06 edt",                              880120506,  -240},
    {"S-125-CST",                "21 Nov 1997 09:55:06 CST",                              880127706,  -360},
    {"S-125-CDT",                "21 Nov 1997 09:55:06 CDT",                              880124106,  -300},
    {"S-125-MST",                "21 Nov 1997 09:55:06 MST",                              880131306,  -420},
    {"S-125-MDT",                "21 Nov 1997 09:55:06 MDT",                              880127706,  -360},
    {"S-125-PST",                "21 Nov 1997 09:55:06 PST",                              880134906,  -480},
    {"S-125-PDT",                "21 Nov 1997 09:55:06 PDT",                              880131306,  -420},
    {"S-125-other-is-GMT",       "21 Nov 1997 09:55:06 JST",                              880106106,  0   },
    {"S-125-military-is-GMT",    "21 Nov 1997 09:55:06 A",                                880106106,  0   },
    {"S-125-longer-name-is-GMT", "21 Nov 1997 09:55:06 ESTX",                             880106106,  0   },
    {"zone-missing",             "21 Nov 1997 09:55:06",                                  880106106,  0   },
    {"zone-broken",              "21 Nov 1997 09:55:06 +99",                              880106106,  0   },
    {"S-126-49",                 "1 Jan 49 00:00:00 GMT",                                 2493072000, 0   },
    {"S-126-50",                 "1 Jan 50 00:00:00 GMT",                                 -631152000, 0   },
    {"S-126-00",                 "1 Jan 00 00:00:00 GMT",                                 946684800,  0   },
    {"S-126-99",                 "31 Dec 99 23:59:59 GMT",                                946684799,  0   },
    {"three-digits",             "1 Jan 100 00:00:00 GMT",                                946684800,  0   },
    {"dashes",                   "25-Nov-2026 09:00:00 +0000",                            1795597200, 0   },
    {"long-month",               "25 November 2026 09:00:00 +0000",                       1795597200, 0   },
    {"leap-day",                 "29 Feb 2000 00:00:00 GMT",                              951782400,  0   },
    {"leap-second",              "31 Dec 1998 23:59:60 GMT",                              915148799,  0   },
    {"before-1970",              "31 Dec 1969 23:59:59 GMT",                              -1,         0   },
    {"no-leap-day",              "29 Feb 1900 00:00:00 GMT",                              NO_DATE,    0   },
    {"day-zero",                 "0 Jan 2000 00:00:00 GMT",                               NO_DATE,    0   },
    {"hour-24",                  "1 Jan 2000 24:00:00 GMT",                               NO_DATE,    0   },
    {"minute-60",                "1 Jan 2000 23:60:00 GMT",                               NO_DATE,    0   },
    {"one-digit-year",           "1 Jan 2 00:00:00 GMT",                                  NO_DATE,    0   },
    {"five-digit-year",          "1 Jan 20000 00:00:00 GMT",                              NO_DATE,    0   },
    {"no-month",                 "1 Foo 2000 00:00:00 GMT",                               NO_DATE,    0   },
    {"no-time",                  "1 Jan 2000",                                            NO_DATE,    0   },
    {"empty",                    "",                                                      NO_DATE,    0   },
    {"words",                    "yesterday",                                             NO_DATE,    0   },
    {"open-comment",             "(1 Jan 2000 00:00:00 GMT",                              NO_DATE,    0   },
};

static void
test_date(gconstpointer data)
{
    const struct DateCase *row = data;
    gint64 utc = 42;
    gint zone = 42;

    if (row->utc == NO_DATE) {
        g_assert_false(ims_mime_parse_date(row->text, &utc, &zone));
        g_assert_cmpint(utc, ==, 42);
        g_assert_cmpint(zone, ==, 42);
        return;
    }
    g_assert_true(ims_mime_parse_date(row->text, &utc, &zone));
    g_assert_cmpint(utc, ==, row->utc);
    g_assert_cmpint(zone, ==, row->zone);
    g_assert_true(ims_mime_parse_date(row->text, &utc, NULL));
}

/* ---- encoded words ---- */

static const struct DecodeCase {
    const char *name, *raw, *expected;
} decodings[] = {
    {"plain",                    "plain text",                         "plain text"               },
    {"q",                        "=?ISO-8859-1?Q?a_b=E9?=",            "a b\303\251"              },
    {"b",                        "=?utf-8?B?R3LDvMOfZQ==?=",           "Gr\303\274\303\237e"      },
    {"between",                  "x =?utf-8?q?y?= z",                  "x y z"                    },
    {"blank-between-words-goes", "=?utf-8?q?a?= \t =?utf-8?q?b?=",     "ab"                       },
    {"text-between-words-stays", "=?utf-8?q?a?= x =?utf-8?q?b?=",      "a x b"                    },
    {"character-split",          "=?utf-8?Q?=C3?= =?UTF-8?Q?=BC?=",    "\303\274"                 },
    {"charset-changes",          "=?utf-8?q?a?= =?iso-8859-1?q?=FC?=", "a\303\274"                },
    {"language",                 "=?utf-8*de?q?a?=",                   "a"                        },
    {"iso-2022-jp",              "=?ISO-2022-JP?B?GyRCRnxLXBsoQg==?=", "\346\227\245\346\234\254" },
    {"windows-1252",             "=?windows-1252?Q?=93x=94?=",         "\342\200\234x\342\200\235"},
    {"latin1-means-1252",        "=?iso-8859-1?Q?=80?=",               "\342\202\254"             },
    {"unknown-charset",          "=?no-such-set?Q?abc?=",              "abc"                      },
    {"charset-with-path",        "=?../../x?Q?abc?=",                  "abc"                      },
    {"raw-utf8",                 "Gr\303\274\303\237e",                "Gr\303\274\303\237e"      },
    {"raw-broken",               "a\374b",                             "a\357\277\275b"           },
    {"broken-utf8-word",         "=?utf-8?Q?a=FF?=",                   "a\357\277\275"            },
    {"cut-utf8-word",            "=?utf-8?Q?a=C3?=",                   "a\357\277\275"            },
    {"nul-in-word",              "=?iso-8859-1?Q?a=00b?=",             "a?b"                      },
    {"unknown-encoding",         "=?utf-8?X?abc?=",                    "=?utf-8?X?abc?="          },
    {"open",                     "=?utf-8?Q?abc",                      "=?utf-8?Q?abc"            },
    {"only-start",               "=?",                                 "=?"                       },
    {"empty-charset",
     "=?"
     "?Q?abc?=",                                                       "=?"
     "?Q?abc?="                                                                   },
    {"empty-text",
     "=?utf-8?Q?"
     "?=",                                                             ""                         },
    {"bad-hex",                  "=?utf-8?Q?=XY=4?=",                  "=XY=4"                    },
    {"empty",                    "",                                   ""                         },
};

static void
test_decode(gconstpointer data)
{
    const struct DecodeCase *row = data;
    g_autofree char *text = ims_mime_decode_text(row->raw);

    g_assert_cmpstr(text, ==, row->expected);
    g_assert_true(g_utf8_validate(text, -1, NULL));
}

/* ---- search ---- */

static const char message[] =
    "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?= aus Bonn\r\nX-Hidden: Zebra\r\n"
    "Content-Type: multipart/mixed; boundary=b\r\n\r\npreamble\r\n"
    "--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    "w4RyZ2VyIG1p\r\ndCBCw6RyZW4=\r\n" /* a text with two umlauts */
    "--b\r\nContent-Type: text/plain; charset=windows-1252\r\n"
    "Content-Transfer-Encoding: quoted-printable\r\n\r\nna=EFve caf=\r\n=E9 =93quoted=94\r\n"
    "--b\r\nContent-Type: text/plain; charset=ISO-2022-JP\r\n\r\n\033$BF|K\\\033(B text\r\n"
    "--b\r\nContent-Type: message/rfc822\r\n\r\n"
    "Subject: =?iso-8859-1?Q?=C9t=E9?=\r\n\r\nInner BODY text\r\n"
    "--b\r\nContent-Type: application/octet-stream\r\n\r\nattached words\r\n"
    "--b\r\nContent-Type: text/plain; charset=no-such\r\n\r\nunknown \303\226l\r\n"
    "--b--\r\n";

static const struct SearchCase {
    const char *name, *needle;
    gboolean body, text;
} searches[] = {
    {"base64-utf8-folded",      "\303\244RGER MIT b\303\204ren",  TRUE,  TRUE },
    {"qp-1252-over-soft-break", "CAF\303\211",                    TRUE,  TRUE },
    {"qp-1252-quotes",          "\342\200\234Quoted\342\200\235", TRUE,  TRUE },
    {"iso-2022-jp",             "\346\227\245\346\234\254 TEXT",  TRUE,  TRUE },
    {"inner-body",              "inner body",                     TRUE,  TRUE },
    {"inner-subject",           "\303\251T\303\211",              TRUE,  TRUE },
    {"own-subject",             "gr\303\274SSE",                  FALSE, TRUE }, /* sharp s folds to ss */
    {"own-header-name",         "x-hidden: zebra",                FALSE, TRUE },
    {"unknown-charset-as-utf8", "\303\266L",                      TRUE,  TRUE },
    {"attachment-is-not-text",  "attached words",                 FALSE, FALSE},
    {"not-across-parts",        "b\303\244rennaive",              FALSE, FALSE},
    {"mime-header-is-no-text",  "octet-stream",                   FALSE, FALSE},
    {"absent",                  "elephant",                       FALSE, FALSE},
    {"empty",                   "",                               TRUE,  TRUE },
};

static void
test_search(gconstpointer data)
{
    const struct SearchCase *row = data;
    g_autoptr(GBytes) bytes = g_bytes_new_static(message, strlen(message));
    g_autoptr(ImsMimeSummary) summary = ims_mime_summarize(bytes, NULL);

    g_assert_cmpint(ims_mime_search_text(bytes, summary, row->needle, FALSE), ==, row->body);
    g_assert_cmpint(ims_mime_search_text(bytes, summary, row->needle, TRUE), ==, row->text);
}

/* A word is found wherever the pieces of the reader are cut. */
static void
test_search_over_pieces(void)
{
    for (gsize pad = 16370; pad < 16400; pad++) {
        g_autofree char *filler = g_strnfill(pad, 'x');
        g_autofree char *text = g_strdup_printf(
            "Content-Type: text/plain; charset=utf-8\r\n\r\n%sGr\303\274\303\237e \346\227\245y",
            filler);
        g_autofree char *wrong = g_strdup_printf("%sz", filler + 100);
        g_autoptr(GBytes) bytes = g_bytes_new_static(text, strlen(text));
        g_autoptr(ImsMimeSummary) summary = ims_mime_summarize(bytes, NULL);

        g_assert_true(ims_mime_search_text(bytes, summary, "GR\303\234SSE \346\227\245Y", FALSE));
        g_assert_true(ims_mime_search_text(bytes, summary, filler, FALSE));
        g_assert_false(ims_mime_search_text(bytes, summary, wrong, FALSE));
    }
}

static void
test_search_header(void)
{
    static const struct {
        const char *name, *needle;
        gboolean found;
    } rows[] = {
        {"subject",  "gr\303\234\303\237E", TRUE },
        {"SUBJECT",  "bonn",                TRUE },
        {"subject",  "",                    TRUE },
        {"subject",  "zebra",               FALSE},
        {"x-hidden", "ZEBRA",               TRUE },
        {"cc",       "",                    FALSE},
        {"cc",       "x",                   FALSE},
        {"subject",  "Subject",             FALSE},
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        g_assert_cmpint(ims_mime_search_header((const guint8 *)message, strlen(message),
                                               rows[i].name, rows[i].needle),
                        ==, rows[i].found);
}

static void
test_search_without_table(void)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static(message, strlen(message));
    g_autoptr(ImsMimeSummary) summary = ims_mime_summarize(bytes, NULL);

    g_clear_pointer(&summary->parts, g_bytes_unref);
    g_assert_true(ims_mime_search_text(bytes, summary, "ATTACHED words", FALSE));
}

#define ADD_TABLE(path, rows, test)                                                                \
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {                                               \
        g_autofree char *name = g_strdup_printf(path "/%s", (rows)[i].name);                       \
        g_test_add_data_func(name, &(rows)[i], test);                                              \
    }

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/store/mime/fields/I-096-order", test_fields);
    g_test_add_func("/store/mime/fields/without-end", test_fields_without_end);
    g_test_add_func("/store/mime/fields/get", test_get);
    ADD_TABLE("/store/mime/date", dates, test_date)
    ADD_TABLE("/store/mime/decode", decodings, test_decode)
    ADD_TABLE("/store/mime/search", searches, test_search)
    g_test_add_func("/store/mime/search/over-pieces", test_search_over_pieces);
    g_test_add_func("/store/mime/search/header", test_search_header);
    g_test_add_func("/store/mime/search/without-table", test_search_without_table);
    return g_test_run();
}
