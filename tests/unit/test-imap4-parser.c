/* The parser: commands as trees, faults, and that any split of the input gives the same. */
#include "imap4/parser.h"

#include <string.h>

static const ImsImap4Limits limits = {.max_line = 200, .max_literal = 50, .max_append = 100};

/* ---- a tree as text ---- */

static void dump_args(GString *out, const ImsImap4Arg *arg);

static void
dump_arg(GString *out, const ImsImap4Arg *arg)
{
    switch (arg->type) {
    case IMS_IMAP4_ARG_ATOM:
        g_string_append_printf(out, "%s", arg->text);
        break;
    case IMS_IMAP4_ARG_QUOTED:
        g_string_append_printf(out, "'%s'", arg->text);
        break;
    case IMS_IMAP4_ARG_LITERAL:
        g_string_append_printf(out, "{%s}", arg->text);
        break;
    case IMS_IMAP4_ARG_LIST:
        g_string_append_c(out, '(');
        dump_args(out, arg->child);
        g_string_append_c(out, ')');
        break;
    case IMS_IMAP4_ARG_SECTION:
        g_string_append_printf(out, "%s[", arg->text);
        dump_args(out, arg->child);
        g_string_append_c(out, ']');
        if (arg->has_partial)
            g_string_append_printf(out, "<%u.%u>", arg->partial_offset, arg->partial_length);
        break;
    }
    if (arg->type != IMS_IMAP4_ARG_LIST)
        g_assert_cmpuint(strlen(arg->text), <=, arg->length);
}

static void
dump_args(GString *out, const ImsImap4Arg *arg)
{
    for (; arg != NULL; arg = arg->next) {
        dump_arg(out, arg);
        if (arg->next != NULL)
            g_string_append_c(out, ' ');
    }
}

static void
dump_request(GString *out, const ImsImap4Request *request)
{
    g_string_append_printf(out, "%s|%s%s|", request->tag != NULL ? request->tag : "-",
                           request->uid ? "UID " : "", request->verb);
    if (request->fault != IMS_IMAP4_FAULT_NONE) {
        g_assert_nonnull(request->problem);
        g_assert_null(request->args);
        g_string_append_printf(out, "!%s%s", request->problem,
                               request->fault == IMS_IMAP4_FAULT_TOO_BIG ? "!" : "");
    } else {
        g_assert_nonnull(request->tag);
        dump_args(out, request->args);
    }
    g_string_append_c(out, '\n');
}

/* Feeds @input in pieces as @next_piece says; `+` shows where the client has to wait. */
static char *
play(const char *input, gsize length, gsize (*next_piece)(GRand *rand), GRand *rand)
{
    g_autoptr(GString) out = g_string_new(NULL);
    ImsImap4Parser parser = {0};
    gsize given = 0, used = 0;

    while (used < length || given < length) {
        g_autofree guint8 *piece = NULL;
        ImsImap4Feed feed;
        gsize n, more = given > used ? 0 : next_piece(rand);

        given = MIN(length, given + more);
        /* A copy of its own, so that one octet too far is caught. */
        piece = g_memdup2(input + used, given - used);
        n = ims_imap4_parser_feed(&parser, &limits, piece, given - used, &feed);
        g_assert_cmpuint(n, <=, given - used);
        used += n;
        if (feed == IMS_IMAP4_FEED_MORE)
            g_assert_cmpuint(used, ==, given);
        if (feed == IMS_IMAP4_FEED_CONTINUE)
            g_string_append(out, "+\n");
        if (feed == IMS_IMAP4_FEED_FATAL) {
            g_string_append(out, "FATAL\n");
            break;
        }
        if (feed == IMS_IMAP4_FEED_REQUEST) {
            g_autoptr(ImsImap4Request) request = ims_imap4_parser_take(&parser);

            dump_request(out, request);
            g_assert_true(ims_imap4_parser_is_idle(&parser));
        }
    }
    ims_imap4_parser_clear(&parser);
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static gsize
whole(GRand *rand)
{
    return G_MAXUINT32;
}

static gsize
one(GRand *rand)
{
    return 1;
}

static gsize
some(GRand *rand)
{
    return (gsize)g_rand_int_range(rand, 1, 12);
}

/* ---- the table ---- */

typedef struct {
    const char *name;
    const char *input;
    const char *wanted;
} Case;

static const Case cases[] = {
    {"noop",                         "a NOOP\r\n",                                                        "a|NOOP|\n"                                                                  },
    {"lower-case",                   "a noop\r\n",                                                        "a|NOOP|\n"                                                                  },
    {"bare-lf",                      "a NOOP\n",                                                          "a|NOOP|\n"                                                                  },
    {"blanks-at-the-end",            "a NOOP  \r\n",                                                      "a|NOOP|\n"                                                                  },
    {"login",                        "1 LOGIN \"a b\" c\r\n",                                             "1|LOGIN|'a b' c\n"                                                          },
    {"escapes",                      "1 LOGIN \"a\\\\b\" \"c\\\"d\"\r\n",                                 "1|LOGIN|'a\\b' 'c\"d'\n"                                                    },
    {"K-06-backslash-in-atom",       "1 LOGIN dom\\user pw\r\n",                                          "1|LOGIN|dom\\user pw\n"                                                     },
    {"bad-escape",                   "1 LOGIN \"a\\b\" c\r\n",
     "1|LOGIN|!Only quote and backslash can follow a backslash\n"                                                                                                                      },
    {"open-quote",                   "1 LOGIN \"a\r\n",                                                   "1|LOGIN|!Quoted string does not end\n"                                      },
    {"empty-quote",                  "1 LIST \"\" *\r\n",                                                 "1|LIST|'' *\n"                                                              },
    {"two-commands",                 "a NOOP\r\nb CHECK\r\n",                                             "a|NOOP|\nb|CHECK|\n"                                                        },
    {"literal",                      "a LOGIN {3}\r\nbob {2}\r\npw\r\n",                                  "+\n+\na|LOGIN|{bob} {pw}\n"                                                 },
    {"literal-plus",                 "a LOGIN {3+}\r\nbob {2+}\r\npw\r\n",                                "a|LOGIN|{bob} {pw}\n"                                                       },
    {"empty-literal",                "a LOGIN {0+}\r\n {0}\r\n\r\n",                                      "+\na|LOGIN|{} {}\n"                                                         },
    {"literal-with-crlf",            "a X {4+}\r\n\r\n\r\n\r\n",                                          "a|X|{\r\n\r\n}\n"                                                           },
    {"literal-in-list",              "a X (b {1+}\r\nc d)\r\n",                                           "a|X|(b {c} d)\n"                                                            },
    {"literal-after-atom",           "a X b{1+}\r\nc\r\n",                                                "a|X|!Expected SPACE not found\n"                                            },
    {"braces-in-quotes",             "a X \"{3}\"\r\n",                                                   "a|X|'{3}'\n"                                                                },
    {"brace-at-end-in-open-quotes",  "a X \"{3}\r\n",                                                     "a|X|!Quoted string does not end\n"                                          },
    {"quote-closed-before-brace",    "a X \"a\\\"\" {1+}\r\nb\r\n",                                       "a|X|'a\"' {b}\n"                                                            },
    {"lists",                        "a STORE 1 +FLAGS (\\Seen (x ()))\r\n",                              "a|STORE|1 +FLAGS (\\Seen (x ()))\n"                                         },
    {"list-trailing-blank",          "a X (b )\r\n",                                                      "a|X|(b)\n"                                                                  },
    {"list-leading-blank",           "a X ( b)\r\n",                                                      "a|X|(b)\n"                                                                  },
    {"empty-list-with-blank",        "a X ( )\r\n",                                                       "a|X|()\n"                                                                   },
    {"id-with-commas",               "a ID (\"b\", \"c\")\r\n",                                           "a|ID|('b' 'c')\n"                                                           },
    {"commas-elsewhere",             "a X (\"b\", \"c\")\r\n",                                            "a|X|!Expected SPACE not found\n"                                            },
    {"list-open",                    "a X (b\r\n",                                                        "a|X|!Closing parenthesis not found\n"                                       },
    {"list-closed-twice",            "a X (b))\r\n",                                                      "a|X|!Expected SPACE not found\n"                                            },
    {"two-blanks",                   "a X  b   c\r\n",                                                    "a|X|b c\n"                                                                  },
    {"uid-fetch",                    "a UID FETCH 1:* FLAGS\r\n",                                         "a|UID FETCH|1:* FLAGS\n"                                                    },
    {"uid-alone",                    "a UID\r\n",                                                         "a|UID|\n"                                                                   },
    {"section",                      "a FETCH 1 BODY[]\r\n",                                              "a|FETCH|1 BODY[]\n"                                                         },
    {"section-partial",              "a FETCH 1 BODY.PEEK[1.2]<0.100>\r\n",                               "a|FETCH|1 BODY.PEEK[1.2]<0.100>\n"                                          },
    {"section-fields",               "a FETCH 1 (FLAGS body[HEADER.FIELDS (A \"b\" {1+}\r\nc)] UID)\r\n",
     "a|FETCH|1 (FLAGS body[HEADER.FIELDS (A 'b' {c})] UID)\n"                                                                                                                         },
    {"I-109-blank-before-bracket",   "a FETCH 1 BODY[HEADER.FIELDS (SUBJECT )]\r\n",
     "a|FETCH|!Unexpected character in command\n"                                                                                                                                      },
    {"section-blank",                "a FETCH 1 BODY[HEADER ]\r\n",                                       "a|FETCH|!Closing bracket not found\n"                                       },
    {"section-open",                 "a FETCH 1 BODY[TEXT\r\n",                                           "a|FETCH|!Closing bracket not found\n"                                       },
    {"partial-zero",                 "a FETCH 1 BODY[]<0.0>\r\n",                                         "a|FETCH|!Partial must be <offset.length>\n"                                 },
    {"partial-open",                 "a FETCH 1 BODY[]<0.1\r\n",                                          "a|FETCH|!Partial must be <offset.length>\n"                                 },
    {"partial-too-large",            "a FETCH 1 BODY[]<0.4294967296>\r\n",
     "a|FETCH|!Partial must be <offset.length>\n"                                                                                                                                      },
    {"bracket-elsewhere",            "a SELECT BODY[x]\r\n",                                              "a|SELECT|BODY[x]\n"                                                         },
    {"no-tag",                       " NOOP\r\n",                                                         "-||!Tag not found in command\n"                                             },
    {"empty-line",                   "\r\n",                                                              "-||!Tag not found in command\n"                                             },
    {"tag-alone",                    "a\r\n",                                                             "a||\n"                                                                      },
    {"tag-with-plus",                "a+ NOOP\r\n",                                                       "-||!Tag not found in command\n"                                             },
    {"verb-with-quote",              "a NO\"OP\r\n",                                                      "a||!Unidentifiable command specified\n"                                     },
    {"control-character",            "a X b\x01\r\n",                                                     "a|X|!Expected SPACE not found\n"                                            },
    {"cr-inside",                    "a X b\rc\r\n",                                                      "a|X|!Expected SPACE not found\n"                                            },
    {"eight-bit-atom",               "a X b\xe9\r\n",                                                     "a|X|!Expected SPACE not found\n"                                            },
    {"eight-bit-quoted",             "a X \"b\xc3\xa9\"\r\n",                                             "a|X|'b\xc3\xa9'\n"                                                          },
    {"literal-too-large-waits",      "a X {51}\r\na NOOP\r\n",                                            "a|X|!Literal is too large\na|NOOP|\n"                                       },
    {"literals-together-too-large",
     "a X {30+}\r\n012345678901234567890123456789 {21}\r\nb NOOP\r\n",                                    "a|X|!Literal is too large\nb|NOOP|\n"                                       },
    {"literal-too-large-is-drained",
     "a X {60+}\r\n0123456789012345678901234567890123456789"
     "01234567890123456789 y {3+}\r\nabc\r\nb NOOP\r\n",                                                  "a|X|!Literal is too large\nb|NOOP|\n"                                       },
    {"append-has-its-own-limit",
     "a append x {60+}\r\n0123456789012345678901234567890123456789"
     "01234567890123456789\r\n",                                                                          "a|APPEND|x {012345678901234567890123456789012345678901234567890123456789}\n"},
    {"append-too-big",               "a APPEND x {101}\r\nb NOOP\r\n",
     "a|APPEND|!Literal is too large!\nb|NOOP|\n"                                                                                                                                      },
    {"lying-length",                 "a X {99999999999999999999}\r\nb NOOP\r\n",
     "a|X|!Literal is too large\nb|NOOP|\n"                                                                                                                                            },
    {"lying-length-plus",            "a X {99999999999999999999+}\r\nb NOOP\r\n",                         "FATAL\n"                                                                    },
    {"lying-length-near-the-top",    "a APPEND x {18446744073709551615+}\r\n",                            "FATAL\n"                                                                    },
    {"not-a-literal",                "a X {}\r\n",                                                        "a|X|!Unexpected character in command\n"                                     },
    {"not-a-literal-either",         "a X {3-}\r\n",                                                      "a|X|!Unexpected character in command\n"                                     },
};

static void
test_case(gconstpointer data)
{
    const Case *row = data;
    g_autoptr(GRand) rand = g_rand_new_with_seed(1);
    g_autofree char *at_once = play(row->input, strlen(row->input), whole, rand);
    g_autofree char *bytewise = play(row->input, strlen(row->input), one, rand);
    g_autofree char *pieces = play(row->input, strlen(row->input), some, rand);

    g_assert_cmpstr(at_once, ==, row->wanted);
    g_assert_cmpstr(bytewise, ==, row->wanted);
    g_assert_cmpstr(pieces, ==, row->wanted);
}

static void
test_nul(void)
{
    static const char line[] = "a X b\0c\r\nb X {3+}\r\na\0b\r\nc APPEND x {3+}\r\na\0b\r\n";
    g_autofree char *out = play(line, sizeof line - 1, whole, NULL);
    g_autofree char *bytewise = play(line, sizeof line - 1, one, NULL);

    g_assert_cmpstr(out, ==, "a|X|!NUL in command\nb|X|!NUL in literal\nc|APPEND|x {a}\n");
    g_assert_cmpstr(bytewise, ==, out);
}

static void
test_long_line(void)
{
    g_autoptr(GString) input = g_string_new("tag SELECT ");
    g_autofree char *out = NULL, *bytewise = NULL;

    for (guint i = 0; i < 500; i++)
        g_string_append_c(input, 'x');
    g_string_append(input, "\r\nb NOOP\r\n");
    out = play(input->str, input->len, whole, NULL);
    bytewise = play(input->str, input->len, one, NULL);
    g_assert_cmpstr(out, ==, "tag|SELECT|!Command line is too long\nb|NOOP|\n");
    g_assert_cmpstr(bytewise, ==, out);
}

static void
test_endless_line(void)
{
    ImsImap4Parser parser = {0};
    guint8 block[4096];
    ImsImap4Feed feed = IMS_IMAP4_FEED_MORE;
    guint n = 0;

    memset(block, 'x', sizeof block);
    while (feed == IMS_IMAP4_FEED_MORE && n++ < 1000)
        ims_imap4_parser_feed(&parser, &limits, block, sizeof block, &feed);
    g_assert_cmpint(feed, ==, IMS_IMAP4_FEED_FATAL);
    g_assert_cmpuint(n, <, 300);
    ims_imap4_parser_clear(&parser);
}

static void
test_deep_lists(void)
{
    static const ImsImap4Limits wide = {.max_line = 65536, .max_literal = 50, .max_append = 50};
    g_autoptr(GString) input = g_string_new("a SEARCH ");
    ImsImap4Parser parser = {0};
    ImsImap4Feed feed;
    g_autoptr(ImsImap4Request) request = NULL;

    for (guint i = 0; i < 60000; i++)
        g_string_append_c(input, '(');
    g_string_append(input, "\r\n");
    ims_imap4_parser_feed(&parser, &wide, (const guint8 *)input->str, input->len, &feed);
    g_assert_cmpint(feed, ==, IMS_IMAP4_FEED_REQUEST);
    request = ims_imap4_parser_take(&parser);
    g_assert_cmpint(request->fault, ==, IMS_IMAP4_FAULT_SYNTAX);
}

/* ---- fuzz: pieces that mean something, put together at random ---- */

static const char *const words[] = {
    "a",
    " ",
    " ",
    "FETCH ",
    "UID ",
    "(",
    ")",
    "\"",
    "\\",
    "{3}\r\n",
    "{2+}\r\n",
    "\r\n",
    "\n",
    "[",
    "]",
    "BODY[",
    "<0.",
    "1>",
    "HEADER.FIELDS ",
    "1:*",
    "b NOOP\r\n",
    "APPEND ",
    "{99+}\r\n",
    "{0}\r\n",
    "\r",
    "x",
    "\x80",
    "*",
    "SEARCH ",
    "{1000+}\r\n",
};

static void
test_fuzz(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(20261125);

    for (guint round = 0; round < 20000; round++) {
        g_autoptr(GString) input = g_string_new("a ");
        guint n = (guint)g_rand_int_range(rand, 1, 30);
        g_autofree char *at_once = NULL, *pieces = NULL;

        for (guint i = 0; i < n; i++) {
            if (g_rand_int_range(rand, 0, 40) == 0)
                g_string_append_c(input, (char)g_rand_int_range(rand, 0, 256));
            else
                g_string_append(input, words[g_rand_int_range(rand, 0, (gint)G_N_ELEMENTS(words))]);
        }
        at_once = play(input->str, input->len, whole, rand);
        pieces = play(input->str, input->len, some, rand);
        g_assert_cmpstr(at_once, ==, pieces);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strdup_printf("/imap4/parser/%s", cases[i].name);

        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/imap4/parser/nul", test_nul);
    g_test_add_func("/imap4/parser/long-line", test_long_line);
    g_test_add_func("/imap4/parser/endless-line", test_endless_line);
    g_test_add_func("/imap4/parser/deep-lists", test_deep_lists);
    g_test_add_func("/imap4/parser/fuzz", test_fuzz);
    return g_test_run();
}
