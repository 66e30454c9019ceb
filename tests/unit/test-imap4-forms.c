/* The small forms: modified UTF-7, sequence sets, dates, section specifications. */
#include "imap4/datetime.h"
#include "imap4/envelope.h"
#include "imap4/fetch-section.h"
#include "imap4/mutf7.h"
#include "imap4/seqset.h"

#include <string.h>

/* ---- modified UTF-7 ---- */

static const struct {
    const char *encoded, *name;
} names[] = {
    {"Inbox/test",                      "Inbox/test"                            },
    {"A&-B",                            "A&B"                                   },
    {"&-&-",                            "&&"                                    },
    {"Entw&APw-rfe",                    "Entw\xc3\xbcrfe"                       },
    {"~peter/mail/&U,BTFw-/&ZeVnLIqe-",
     "~peter/mail/\xe5\x8f\xb0\xe5\x8c\x97/\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e"},
    {"&2D3eAA-",                        "\xf0\x9f\x98\x80"                      },
    {"&AOQ-&-x",                        "\xc3\xa4&x"                            },
};

static const char *const not_names[] = {
    "&",          /* run without end */
    "&AOQ",       /* the same */
    "&AOQ-&AOQ-", /* two runs that should be one */
    "&AGE-",      /* printable ASCII in base64 */
    "&AC8-",      /* the separator in base64 */
    "&AAA-",      /* NUL */
    "&2D0-",      /* a lone first surrogate */
    "&3gA-",      /* a lone second surrogate */
    "&AOR-",      /* bits left over */
    "&AOQA-",     /* a digit left over */
    "&AOQ=-",     /* padding */
    "&!-",        /* not base64 */
    "\xc3\xa4",   /* eight bits */
    "a\tb",       /* control character */
};

static void
test_mutf7(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *decoded = ims_imap4_mutf7_decode(names[i].encoded);
        g_autofree char *encoded = ims_imap4_mutf7_encode(names[i].name);

        g_assert_cmpstr(decoded, ==, names[i].name);
        g_assert_cmpstr(encoded, ==, names[i].encoded);
    }
    for (guint i = 0; i < G_N_ELEMENTS(not_names); i++) {
        g_autofree char *decoded = ims_imap4_mutf7_decode(not_names[i]);

        g_assert_cmpstr(decoded, ==, NULL);
    }
}

/* What is encoded comes back; what is decoded has one form only. */
static void
test_mutf7_both_ways(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(7);

    for (guint round = 0; round < 20000; round++) {
        g_autoptr(GString) name = g_string_new(NULL);
        g_autoptr(GString) text = g_string_new(NULL);
        g_autofree char *encoded = NULL, *decoded = NULL, *name_of_text = NULL;

        for (gint i = g_rand_int_range(rand, 0, 8); i > 0; i--) {
            gunichar c =
                (gunichar)g_rand_int_range(rand, 1, g_rand_boolean(rand) ? 0x80 : 0x110000);

            if (g_unichar_validate(c))
                g_string_append_unichar(name, c);
            g_string_append_c(text, "&-AOQ2D3e,+/x"[g_rand_int_range(rand, 0, 13)]);
        }
        encoded = ims_imap4_mutf7_encode(name->str);
        decoded = ims_imap4_mutf7_decode(encoded);
        g_assert_cmpstr(decoded, ==, name->str);
        name_of_text = ims_imap4_mutf7_decode(text->str);
        if (name_of_text != NULL) {
            g_autofree char *again = ims_imap4_mutf7_encode(name_of_text);

            g_assert_true(g_utf8_validate(name_of_text, -1, NULL));
            g_assert_cmpstr(again, ==, text->str);
        }
    }
}

/* ---- sequence sets ---- */

static const struct {
    const char *text;
    guint32 largest;
    const char *wanted; /* NULL: not a set */
} sets[] = {
    {"1",              9, "1"           },
    {"1,2,3",          9, "1:3"         },
    {"3,1:2",          9, "1:3"         },
    {"7:4",            9, "4:7"         },
    {"*",              9, "9"           },
    {"5:*",            9, "5:9"         },
    {"*:5",            9, "5:9"         },
    {"12:*",           9, "9:12"        },
    {"1:3,2:8,10",     9, "1:8,10"      },
    {"4294967295",     9, "4294967295"  },
    {"1:4294967295,5", 9, "1:4294967295"},
    {"0",              9, NULL          },
    {"",               9, NULL          },
    {"1,",             9, NULL          },
    {",1",             9, NULL          },
    {"1:",             9, NULL          },
    {"1:2:3",          9, NULL          },
    {"4294967296",     9, NULL          },
    {"01",             9, NULL          },
    {"a",              9, NULL          },
    {"1 ",             9, NULL          },
    {"-1",             9, NULL          },
};

static char *
ranges_text(const GArray *set)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < set->len; i++) {
        const ImsImap4Range *range = &g_array_index(set, ImsImap4Range, i);

        g_string_append_printf(out, "%s%u", i > 0 ? "," : "", range->first);
        if (range->last > range->first)
            g_string_append_printf(out, ":%u", range->last);
    }
    return g_string_free(out, FALSE);
}

static void
test_sets(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(sets); i++) {
        g_autoptr(GArray) set = ims_imap4_seqset_parse(sets[i].text);
        g_autofree char *text = NULL;

        if (set != NULL) {
            ims_imap4_seqset_resolve(set, sets[i].largest);
            text = ranges_text(set);
        }
        g_assert_cmpstr(text, ==, sets[i].wanted);
    }
}

static void
test_set_text(void)
{
    static const guint32 numbers[] = {1, 2, 3, 5, 7, 8, 4294967295u};
    g_autoptr(GArray) array = g_array_new(FALSE, FALSE, sizeof(guint32));
    g_autoptr(GString) out = g_string_new("x ");

    g_array_append_vals(array, numbers, G_N_ELEMENTS(numbers));
    ims_imap4_seqset_append_text(out, array);
    g_assert_cmpstr(out->str, ==, "x 1:3,5,7:8,4294967295");
}

static void
test_set_contains(void)
{
    g_autoptr(GArray) set = ims_imap4_seqset_parse("2,5:7,9");

    ims_imap4_seqset_resolve(set, 9);
    for (guint32 n = 0; n < 12; n++)
        g_assert_cmpint(ims_imap4_seqset_contains(set, n), ==,
                        n == 2 || (n >= 5 && n <= 7) || n == 9);
}

/* ---- dates ---- */

static const struct {
    const char *text;
    gint64 utc_sec; /* -1: not a date-time */
    gint zone_min;
} date_times[] = {
    {"11-Nov-1999 08:36:54 -0600",  942331014, -360}, /* I-101 */
    {" 7-Feb-1994 21:52:25 -0800",  760686745, -480},
    {"7-Feb-1994 21:52:25 -0800",   760686745, -480},
    {" 1-Jan-1970 00:00:00 +0000",  0,         0   },
    {"29-Feb-2000 23:59:60 +0545",  951848100, 345 },
    {"30-Feb-2000 00:00:00 +0000",  -1,        0   },
    {"29-Feb-1900 00:00:00 +0000",  -1,        0   },
    {"01-Foo-2000 00:00:00 +0000",  -1,        0   },
    {"01-Jan-2000 24:00:00 +0000",  -1,        0   },
    {"01-Jan-2000 00:00:00 +0060",  -1,        0   },
    {"01-Jan-2000 00:00:00 0000",   -1,        0   },
    {"01-Jan-2000 00:00:00 +0000 ", -1,        0   },
    {"01-Jan-2000 00:00:00",        -1,        0   },
    {"01-Jan-0000 00:00:00 +0000",  -1,        0   },
    {"",                            -1,        0   },
};

static void
test_date_times(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(date_times); i++) {
        gint64 usec = -1;
        gint16 zone = 0;
        gboolean ok = ims_imap4_date_time_parse(date_times[i].text, &usec, &zone);
        char text[IMS_IMAP4_DATE_TIME_LENGTH];

        g_test_message("%s", date_times[i].text);
        g_assert_cmpint(ok, ==, date_times[i].utc_sec != -1);
        if (!ok)
            continue;
        g_assert_cmpint(usec, ==, date_times[i].utc_sec * G_USEC_PER_SEC);
        g_assert_cmpint(zone, ==, date_times[i].zone_min);
        ims_imap4_date_time_format(usec, zone, text);
        g_assert_cmpuint(strlen(text), ==, 26);
        if (strlen(date_times[i].text) == 26 && strstr(text, ":60") == NULL &&
            strstr(date_times[i].text, ":60") == NULL)
            g_assert_cmpstr(text, ==, date_times[i].text);
    }
}

static void
test_extreme_dates(void)
{
    char text[IMS_IMAP4_DATE_TIME_LENGTH];

    ims_imap4_date_time_format(G_MININT64, -32768, text);
    ims_imap4_date_time_format(G_MAXINT64, 32767, text);
    ims_imap4_date_time_format(-1, 0, text);
    g_assert_cmpstr(text, ==, "31-Dec-1969 23:59:59 +0000");
}

static void
test_days(void)
{
    gint64 day = -1;

    g_assert_true(ims_imap4_date_parse("2-Jan-1970", &day));
    g_assert_cmpint(day, ==, 1);
    g_assert_true(ims_imap4_date_parse("02-jan-1970", &day));
    g_assert_false(ims_imap4_date_parse("2-Jan-70", &day));
    g_assert_false(ims_imap4_date_parse("32-Jan-1970", &day));
    g_assert_false(ims_imap4_date_parse("2-Jan-1970 ", &day));
    g_assert_cmpint(ims_imap4_day_of(0, -1), ==, -1);
    g_assert_cmpint(ims_imap4_day_of(86399, 0), ==, 0);
    g_assert_cmpint(ims_imap4_day_of(86399, 1), ==, 1);
}

/* ---- sections ---- */

static const struct {
    const char *spec, *fields;
    gboolean ok;
    const char *numbers;
    ImsImap4PartKind kind;
} sections[] = {
    {"",                    NULL, TRUE,  "",       IMS_IMAP4_PART_ALL       },
    {"header",              NULL, TRUE,  "",       IMS_IMAP4_PART_HEADER    },
    {"TEXT",                NULL, TRUE,  "",       IMS_IMAP4_PART_TEXT      },
    {"1",                   NULL, TRUE,  "1",      IMS_IMAP4_PART_ALL       },
    {"1.2.33",              NULL, TRUE,  "1.2.33", IMS_IMAP4_PART_ALL       },
    {"1.MIME",              NULL, TRUE,  "1",      IMS_IMAP4_PART_MIME      },
    {"1.2.HEADER",          NULL, TRUE,  "1.2",    IMS_IMAP4_PART_HEADER    },
    {"4.TEXT",              NULL, TRUE,  "4",      IMS_IMAP4_PART_TEXT      },
    {"HEADER.FIELDS",       "a",  TRUE,  "",       IMS_IMAP4_PART_FIELDS    },
    {"3.HEADER.FIELDS.NOT", "a",  TRUE,  "3",      IMS_IMAP4_PART_FIELDS_NOT},
    {"MIME",                NULL, FALSE, NULL,     0                        },
    {"HEADER.FIELDS",       NULL, FALSE, NULL,     0                        },
    {"HEADER",              "a",  FALSE, NULL,     0                        },
    {"0",                   NULL, FALSE, NULL,     0                        },
    {"1.0",                 NULL, FALSE, NULL,     0                        },
    {"1.",                  NULL, FALSE, NULL,     0                        },
    {".1",                  NULL, FALSE, NULL,     0                        },
    {"1..2",                NULL, FALSE, NULL,     0                        },
    {"1TEXT",               NULL, FALSE, NULL,     0                        },
    {"1.2x",                NULL, FALSE, NULL,     0                        },
    {"4294967296",          NULL, FALSE, NULL,     0                        },
    {"FOO",                 NULL, FALSE, NULL,     0                        },
};

static void
test_sections(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(sections); i++) {
        ImsImap4Arg field = {.type = IMS_IMAP4_ARG_ATOM, .text = sections[i].fields};
        ImsImap4Arg list = {.type = IMS_IMAP4_ARG_LIST, .child = &field};
        ImsImap4Arg spec = {.type = IMS_IMAP4_ARG_ATOM, .text = sections[i].spec};
        ImsImap4Arg arg = {.type = IMS_IMAP4_ARG_SECTION, .text = "BODY", .child = &spec};
        ImsImap4Section section;
        const char *problem = NULL;
        gboolean ok;

        if (sections[i].fields != NULL) {
            field.length = strlen(field.text);
            spec.next = &list;
        }
        spec.length = strlen(spec.text);
        g_test_message("%s", sections[i].spec);
        ok = ims_imap4_section_parse(&arg, &section, &problem);
        g_assert_cmpint(ok, ==, sections[i].ok);
        g_assert_cmpint(ok, ==, problem == NULL);
        if (!ok)
            continue;
        g_assert_cmpstr(section.numbers, ==, sections[i].numbers);
        g_assert_cmpint(section.kind, ==, sections[i].kind);
        ims_imap4_section_clear(&section);
    }
}

/* ---- the envelope, read back ---- */

#define ENVELOPE(from)                                                                             \
    "(\"d\" {3}\r\na)\" " from " NIL NIL ((NIL NIL \"t\" \"h\")) NIL NIL NIL NIL)"

static const struct {
    const char *envelope;
    ImsImap4EnvelopeItem item;
    const char *wanted; /* NULL: not understood */
} envelopes[] = {
    {ENVELOPE("NIL"),                                           IMS_IMAP4_ENVELOPE_DATE,    "d"          },
    {ENVELOPE("NIL"),                                           IMS_IMAP4_ENVELOPE_SUBJECT, "a)\""       },
    {ENVELOPE("NIL"),                                           IMS_IMAP4_ENVELOPE_FROM,    ""           },
    {ENVELOPE("((\"a \\\"b\" NIL \"m\" \"h\"))"),               IMS_IMAP4_ENVELOPE_FROM,    "a \"b <m@h>"},
    {ENVELOPE("((NIL NIL \"m\" \"h\")(NIL NIL {1}\r\nn NIL))"), IMS_IMAP4_ENVELOPE_FROM,    "m@h, n@"    },
    {ENVELOPE("((NIL NIL \"m\" \"h\"))"),                       IMS_IMAP4_ENVELOPE_TO,      "t@h"        },
    {ENVELOPE("((NIL NIL NIL NIL))"),                           IMS_IMAP4_ENVELOPE_FROM,    ""           },
    {ENVELOPE("((NIL NIL NIL))"),                               IMS_IMAP4_ENVELOPE_FROM,    NULL         },
    {ENVELOPE("((NIL"),                                         IMS_IMAP4_ENVELOPE_FROM,    NULL         },
    {"",                                                        IMS_IMAP4_ENVELOPE_DATE,    NULL         },
    {"(",                                                       IMS_IMAP4_ENVELOPE_DATE,    NULL         },
    {"(\"x",                                                    IMS_IMAP4_ENVELOPE_DATE,    NULL         },
    {"(\"x\\",                                                  IMS_IMAP4_ENVELOPE_DATE,    NULL         },
    {"({9}\r\nx",                                               IMS_IMAP4_ENVELOPE_DATE,    NULL         },
    {"({18446744073709551615}\r\nx",                            IMS_IMAP4_ENVELOPE_DATE,    NULL         },
    {"(NIL)",                                                   IMS_IMAP4_ENVELOPE_SUBJECT, NULL         },
};

static void
test_envelopes(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(envelopes); i++) {
        /* On the heap and exact, so that one octet too far is caught. */
        g_autofree char *envelope = g_strdup(envelopes[i].envelope);
        g_autoptr(GString) text = g_string_new(NULL);
        gboolean ok = ims_imap4_envelope_text(envelope, envelopes[i].item, text);

        g_test_message("%s", envelope);
        g_assert_cmpint(ok, ==, envelopes[i].wanted != NULL);
        if (ok)
            g_assert_cmpstr(text->str, ==, envelopes[i].wanted);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/imap4/forms/I-064-mutf7", test_mutf7);
    g_test_add_func("/imap4/forms/mutf7-both-ways", test_mutf7_both_ways);
    g_test_add_func("/imap4/forms/sets", test_sets);
    g_test_add_func("/imap4/forms/set-text", test_set_text);
    g_test_add_func("/imap4/forms/set-contains", test_set_contains);
    g_test_add_func("/imap4/forms/I-101-date-times", test_date_times);
    g_test_add_func("/imap4/forms/extreme-dates", test_extreme_dates);
    g_test_add_func("/imap4/forms/days", test_days);
    g_test_add_func("/imap4/forms/sections", test_sections);
    g_test_add_func("/imap4/forms/envelopes", test_envelopes);
    return g_test_run();
}
