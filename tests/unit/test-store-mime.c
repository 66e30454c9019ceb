/* ENVELOPE, BODYSTRUCTURE and part numbers: what IMAP4 is told of a message. */
#include "store/mime.h"

#include <string.h>

static ImsMimeSummary *
summarize(const char *text)
{
    g_autoptr(GBytes) message = g_bytes_new_static(text, strlen(text));

    return ims_mime_summarize(message, NULL);
}

/* ---- ENVELOPE ---- */

typedef struct {
    const char *name, *header, *expected;
} TextCase;

/* From, Sender and Reply-To, where nothing but From stands in the header. */
#define ONLY_FROM(list) "(NIL NIL " list " " list " " list " NIL NIL NIL NIL NIL)"
#define ONLY_SUBJECT(text) "(NIL " text " NIL NIL NIL NIL NIL NIL NIL NIL)"
#define ALL_NIL "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"
#define GRAY "((\"Terry Gray\" NIL \"gray\" \"cac.washington.edu\"))"

static const TextCase envelopes[] = {
    {"rfc3501-example",
     "Date: Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\r\n"
     "From: Terry Gray <gray@cac.washington.edu>\r\n"
     "Subject: IMAP4rev1 WG mtg summary and minutes\r\n"
     "To: imap@cac.washington.edu\r\n"
     "cc: minutes@CNRI.Reston.VA.US, John Klensin <KLENSIN@MIT.EDU>\r\n"
     "Message-Id: <B27397-0100000@cac.washington.edu>\r\n\r\n",                         "(\"Wed, 17 Jul 1996 02:23:25 -0700 (PDT)\" \"IMAP4rev1 WG mtg summary and minutes\" " GRAY
     " " GRAY " " GRAY " ((NIL NIL \"imap\" \"cac.washington.edu\")) "
     "((NIL NIL \"minutes\" \"CNRI.Reston.VA.US\")(\"John Klensin\" NIL \"KLENSIN\" \"MIT.EDU\")) "
     "NIL NIL \"<B27397-0100000@cac.washington.edu>\")"                 },
    {"nothing",                    "\r\n",                                              ALL_NIL                                        },
    {"no-octet-at-all",            "",                                                  ALL_NIL                                        },
    {"present-but-empty",
     "Date:\r\nSubject: \r\nFrom:\r\nTo: \r\nIn-Reply-To:\r\nMessage-ID:\r\n\r\n",      "(\"\" \"\" NIL NIL NIL NIL NIL NIL \"\" \"\")"},
    {"own-sender-and-reply-to",    "From: a@x\r\nSender: b@x\r\nReply-To: c@x\r\n\r\n",
     "(NIL NIL ((NIL NIL \"a\" \"x\")) ((NIL NIL \"b\" \"x\")) ((NIL NIL \"c\" \"x\")) NIL NIL NIL "
     "NIL NIL)"                                                                                                                        },
    {"empty-sender-is-from",       "From: a@x\r\nSender:\r\nReply-To: ,\r\n\r\n",
     ONLY_FROM("((NIL NIL \"a\" \"x\"))")                                                                                              },
    {"quotes-and-backslash",       "Subject: say \"hi\" \\o/\r\n\r\n",
     ONLY_SUBJECT("\"say \\\"hi\\\" \\\\o/\"")                                                                                         },
    {"eight-bit-is-a-literal",     "Subject: Gr\303\274\303\237e\r\n\r\n",
     ONLY_SUBJECT("{7}\r\nGr\303\274\303\237e")                                                                                        },
    {"control-is-a-literal",       "Subject: a\001b\r\n\r\n",                           ONLY_SUBJECT("{3}\r\na\001b")                  },
    {"encoded-word-stays",         "Subject: =?utf-8?Q?Gr=C3=BC=C3=9Fe?=\r\n\r\n",
     ONLY_SUBJECT("\"=?utf-8?Q?Gr=C3=BC=C3=9Fe?=\"")                                                                                   },
    {"folded-subject",             "Subject: one\r\n two\r\n\tthree\r\n\r\n",
     ONLY_SUBJECT("\"one two\tthree\"")                                                                                                },
    {"lf-only",                    "Subject: one\n two\n\nSubject: not this\n",         ONLY_SUBJECT("\"one two\"")                    },
    {"blank-before-colon",         "Subject : old\r\n\r\n",                             ONLY_SUBJECT("\"old\"")                        },
    {"first-subject-counts",       "Subject: one\r\nSubject: two\r\n\r\n",              ONLY_SUBJECT("\"one\"")                        },
    {"mbox-line-is-no-field",      "From a@x Wed Nov 25\r\nSubject: x\r\n\r\n",         ONLY_SUBJECT("\"x\"")                          },
    {"many-to-lines-are-one-list", "To: a@x\r\nTo: b@y\r\n\r\n",
     "(NIL NIL NIL NIL NIL ((NIL NIL \"a\" \"x\")(NIL NIL \"b\" \"y\")) NIL NIL NIL NIL)"                                              },
    {"I-106-defaults",             "From: User <user@example.com>\r\n\r\n",
     ONLY_FROM("((\"User\" NIL \"user\" \"example.com\"))")                                                                            },
};

static const TextCase addresses[] = {
    {"quoted-name",                 "\"Last, First\" <a@x>",                                             "((\"Last, First\" NIL \"a\" \"x\"))"           },
    {"quoted-pair-in-name",         "\"a \\\"b\\\" c\" <a@x>",                                           "((\"a \\\"b\\\" c\" NIL \"a\" \"x\"))"         },
    {"comment-is-the-name",         "a@x (Full Name)",                                                   "((\"Full Name\" NIL \"a\" \"x\"))"             },
    {"comment-after-angle",         "<a@x> (Full (own) Name)",                                           "((\"Full (own) Name\" NIL \"a\" \"x\"))"       },
    {"comment-inside",              "Pete(A nice \\) chap) <pete(his account)@silly.test(his host)>",
     "((\"Pete\" NIL \"pete\" \"silly.test\"))"                                                                                                          },
    {"route",                       "Joe <@a.test,@b.test:joe@c.test>",
     "((\"Joe\" \"@a.test,@b.test\" \"joe\" \"c.test\"))"                                                                                                },
    {"quoted-local-part",           "\"two words\"@x",                                                   "((NIL NIL \"two words\" \"x\"))"               },
    {"quoted-local-part-in-angle",  "<\"two words\"@x>",                                                 "((NIL NIL \"two words\" \"x\"))"               },
    {"obsolete-blanks-and-dots",    "john . q . public @ x . test",
     "((NIL NIL \"john.q.public\" \"x.test\"))"                                                                                                          },
    {"dots-in-name",                "John Q. Public <a@x>",                                              "((\"John Q. Public\" NIL \"a\" \"x\"))"        },
    {"domain-literal",              "a@[192.0.2.1]",                                                     "((NIL NIL \"a\" \"[192.0.2.1]\"))"             },
    {"no-host",                     "postmaster",                                                        "((NIL NIL \"postmaster\" \"\"))"               },
    {"no-host-in-angle",            "Root <root>",                                                       "((\"Root\" NIL \"root\" \"\"))"                },
    {"empty-address",               "<>",                                                                "((NIL NIL \"\" \"\"))"                         },
    {"empty-address-with-name",     "Mail Delivery <>",                                                  "((\"Mail Delivery\" NIL \"\" \"\"))"           },
    {"group",                       "A Group:Ed Jones <joe@where.test>,john@one.test;",
     "((NIL NIL \"A Group\" NIL)(\"Ed Jones\" NIL \"joe\" \"where.test\")"
     "(NIL NIL \"john\" \"one.test\")(NIL NIL NIL NIL))"                                                                                                 },
    {"empty-group",                 "Undisclosed recipients:;",
     "((NIL NIL \"Undisclosed recipients\" NIL)(NIL NIL NIL NIL))"                                                                                       },
    {"open-group",                  "friends: a@x",
     "((NIL NIL \"friends\" NIL)(NIL NIL \"a\" \"x\")(NIL NIL NIL NIL))"                                                                                 },
    {"group-then-address",          "g: a@x;, b@y",
     "((NIL NIL \"g\" NIL)(NIL NIL \"a\" \"x\")(NIL NIL NIL NIL)(NIL NIL \"b\" \"y\"))"                                                                  },
    {"empty-members",               ",, a@x,,b@y , ",                                                    "((NIL NIL \"a\" \"x\")(NIL NIL \"b\" \"y\"))"  },
    {"eight-bit-name",              "J\366rg <j@x>",                                                     "(({4}\r\nJ\366rg NIL \"j\" \"x\"))"            },
    {"encoded-name",                "=?iso-8859-1?Q?J=F6rg?= M. <j@x>",
     "((\"=?iso-8859-1?Q?J=F6rg?= M.\" NIL \"j\" \"x\"))"                                                                                                },
    {"missing-close",               "a <a@x, b@y",                                                       "((\"a\" NIL \"a\" \"x\")(NIL NIL \"b\" \"y\"))"},
    {"open-quote",                  "\"open <a@x>",                                                      "((NIL NIL \"open <a@x>\" \"\"))"               },
    {"open-comment",                "a@x (open",                                                         "((\"open\" NIL \"a\" \"x\"))"                  },
    {"hand-typed-as-5.5-showed-it", "\"'user@example.com'\" <user@example.com>",
     "((\"'user@example.com'\" NIL \"user\" \"example.com\"))"                                                                                           },
    {"long-folded",                 "\"Person, Any\"\r\n\t <any@x>,\r\n\t \"Other, One\"\r\n\t <one@x>",
     "((\"Person, Any\" NIL \"any\" \"x\")(\"Other, One\" NIL \"one\" \"x\"))"                                                                           },
    {"lone-at",                     "@",                                                                 "((NIL NIL \"\" \"\"))"                         },
    {"lone-route",                  "<@a,@b:>",                                                          "((NIL \"@a,@b\" \"\" \"\"))"                   },
    {"two-at",                      "a@b@c",                                                             "((NIL NIL \"a\" \"b@c\"))"                     },
};

static void
test_envelope(gconstpointer data)
{
    const TextCase *row = data;
    g_autoptr(ImsMimeSummary) summary = summarize(row->header);

    g_assert_cmpstr(summary->envelope, ==, row->expected);
}

static void
test_address(gconstpointer data)
{
    const TextCase *row = data;
    g_autofree char *header = g_strdup_printf("To: %s\r\n\r\n", row->header);
    g_autofree char *expected =
        g_strdup_printf("(NIL NIL NIL NIL NIL %s NIL NIL NIL NIL)", row->expected);
    g_autoptr(ImsMimeSummary) summary = summarize(header);

    g_assert_cmpstr(summary->envelope, ==, expected);
}

/* ---- BODY and BODYSTRUCTURE ---- */

typedef struct {
    const char *name, *message, *structure;
    const char *body; /* NULL: not looked at */
} StructureCase;

#define PLAIN(size_lines)                                                                          \
    "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" " size_lines
#define FULL(size_lines) PLAIN(size_lines) " NIL NIL NIL NIL)"
#define MIXED(boundary) " \"mixed\" (\"boundary\" \"" boundary "\") NIL NIL NIL)"
#define MULTIPART(boundary) "Content-Type: multipart/mixed; boundary=" boundary "\r\n\r\n"
#define NEXT_PART "----_=_NextPart_000_01C1BDF8.7FDC11CE"
#define FROM_A "((NIL NIL \"a\" \"example.org\"))"

static const StructureCase structures[] = {
    {"no-mime",                          "Subject: x\r\n\r\none\r\ntwo\r\n",                                  FULL("10 2"),                                                                             PLAIN("10 2)")                                                        },
    {"header-without-body",              "Subject: x\r\n",                                                    FULL("0 0"),                                                                              NULL                                                                  },
    {"no-header",                        "\r\nbody\r\n",                                                      FULL("6 1"),                                                                              NULL                                                                  },
    {"empty",                            "",                                                                  FULL("0 0"),                                                                              NULL                                                                  },
    {"last-line-without-end",            "\r\none\r\ntwo",                                                    FULL("8 1"),                                                                              NULL                                                                  },
    {"rfc3501-single",                   "Content-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\nx\r\n",
     "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7bit\" 3 1 NIL NIL NIL NIL)",                                                                                                            "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7bit\" 3 1)"},
    {"rfc3501-patch",
     MULTIPART("b") "--b\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\nhello\r\n\r\n"
                    "--b\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME=cc.diff\r\n"
                    "Content-ID: <960723163407.20117h@cac.washington.edu>\r\n"
                    "Content-Description: Compiler diff\r\n"
                    "Content-Transfer-Encoding: BASE64\r\n\r\neA==\r\n--b--\r\n",                             "((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7bit\" 7 1 NIL NIL NIL NIL)"
     "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\" \"NAME\" \"cc.diff\") "
     "\"<960723163407.20117h@cac.washington.edu>\" \"Compiler diff\" \"BASE64\" 4 0 "
     "NIL NIL NIL NIL)" MIXED("b"),
     "((\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7bit\" 7 1)"
     "(\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\" \"NAME\" \"cc.diff\") "
     "\"<960723163407.20117h@cac.washington.edu>\" \"Compiler diff\" \"BASE64\" 4 0) \"mixed\")"                                                                                                                                                                              },
    {"all-extensions",
     "Content-Type: image/gif\r\nContent-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==\r\n"
     "Content-Disposition: attachment; filename=\"a \\\"b\\\".gif\"; size=3\r\n"
     "Content-Language: en, de (German)\r\nContent-Location: http://example.com/a.gif\r\n"
     "Content-Transfer-Encoding: base64\r\n\r\nQUJD",                                                         "(\"image\" \"gif\" NIL NIL NIL \"base64\" 4 \"Q2hlY2sgSW50ZWdyaXR5IQ==\" "
     "(\"attachment\" (\"filename\" \"a \\\"b\\\".gif\" \"size\" \"3\")) (\"en\" \"de\") "
     "\"http://example.com/a.gif\")",                                                                                                              "(\"image\" \"gif\" NIL NIL NIL \"base64\" 4)"                        },
    {"disposition-without-parameters",   "Content-Disposition: inline\r\n\r\n",
     PLAIN("0 0") " NIL (\"inline\" NIL) NIL NIL)",                                                                                                                                                     NULL                                                                  },
    {"rfc2231-stays-raw",
     "Content-Type: application/x; name*0*=us-ascii'en'This%20is; name*1=\" fun\"\r\n\r\n",                   "(\"application\" \"x\" (\"name*0*\" \"us-ascii'en'This%20is\" \"name*1\" \" fun\") NIL NIL "
     "\"7bit\" 0 NIL NIL NIL NIL)",                                                                          NULL                                                                  },
    {"folded-parameter-as-5.5-wrote-it",
     "Content-Type: text/plain;\r\n\tcharset=\"iso-8859-1\"\r\n\r\n",                                         "(\"text\" \"plain\" (\"charset\" \"iso-8859-1\") NIL NIL \"7bit\" 0 0 NIL NIL NIL NIL)",
     NULL                                                                                                                                                                                                                                                                     },
    {"comment-in-type",                  "Content-type: text/plain; charset=us-ascii (Plain text)\r\n\r\n",
     FULL("0 0"),                                                                                                                                                                                       NULL                                                                  },
    {"bare-file-name",                   "Content-Type: image/png; name=my own file.png; x=y\r\n\r\n",
     "(\"image\" \"png\" (\"name\" \"my own file.png\" \"x\" \"y\") NIL NIL \"7bit\" 0 NIL NIL NIL "
     "NIL)",                                                                                                                                                                                            NULL                                                                  },
    {"broken-type",                      "Content-Type: text\r\n\r\nx",                                       FULL("1 0"),                                                                              NULL                                                                  },
    {"empty-type",                       "Content-Type:\r\n\r\nx",                                            FULL("1 0"),                                                                              NULL                                                                  },
    {"eight-bit-parameter",              "Content-Type: image/png; name=\"\374.png\"\r\n\r\n",
     "(\"image\" \"png\" (\"name\" {5}\r\n\374.png) NIL NIL \"7bit\" 0 NIL NIL NIL NIL)",                                                                                                               NULL                                                                  },
    {"multipart-without-boundary",       "Content-Type: multipart/mixed\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n",
     FULL("17 4"),                                                                                                                                                                                      NULL                                                                  },
    {"multipart-without-parts",          MULTIPART("b") "x\r\n",                                              FULL("3 1"),                                                                              NULL                                                                  },
    {"multipart-that-only-ends",         MULTIPART("b") "--b--\r\nx\r\n",                                     FULL("10 2"),                                                                             NULL                                                                  },
    {"missing-last-boundary",            MULTIPART("b") "preamble\r\n--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n",
     "(" FULL("3 0") FULL("5 1") MIXED("b"),                                                                                                                                                            NULL                                                                  },
    {"boundary-prefix-is-no-boundary",
     MULTIPART("b") "--b\r\n\r\n--bb\r\n--b-\r\n--b--x\r\n--b \t\r\n\r\n"
                    "two\r\n--b--  \r\nepilogue\r\n--b\r\n\r\nnot a part\r\n",                                "(" FULL("18 2") FULL("3 0") MIXED("b"),                                                  NULL                                                                  },
    {"inner-boundary-begins-with-outer",
     MULTIPART("b") "--b\r\n" MULTIPART("b1") "--b1\r\n\r\nx\r\n--b1--\r\n--b--\r\n",
     "((" FULL("1 0") MIXED("b1") MIXED("b"),                                                                                                                                                           NULL                                                                  },
    {"outer-boundary-ends-inner-parts",
     MULTIPART("o") "--o\r\n" MULTIPART("i") "--i\r\n\r\nx\r\n--o\r\n\r\ny\r\n--o--\r\n",
     "((" FULL("1 0") MIXED("i") FULL("1 0") MIXED("o"),                                                                                                                                                NULL                                                                  },
    {"lf-only-multipart",                "Content-Type: multipart/mixed; boundary=b\n\n--b\n\none\n--b--\n",
     "(" FULL("3 0") MIXED("b"),                                                                                                                                                                        NULL                                                                  },
    {"part-without-empty-line",          MULTIPART("b") "--b\r\nContent-Type: image/gif\r\n--b\r\n--b--\r\n",
     "((\"image\" \"gif\" NIL NIL NIL \"7bit\" 0 NIL NIL NIL NIL)" FULL("0 0") MIXED("b"),                                                                                                              NULL                                                                  },
    {"quoted-boundary-with-blank",       MULTIPART("\"a b\"") "--a b\r\n\r\nx\r\n--a b--",
     "(" FULL("1 0") MIXED("a b"),                                                                                                                                                                      NULL                                                                  },
    {"boundary-in-pieces",               MULTIPART("x; boundary*0=a; boundary*1=b") "--x\r\n\r\nx\r\n--x--",
     "(" FULL("1 0") " \"mixed\" (\"boundary\" \"x\" \"boundary*0\" \"a\" \"boundary*1\" \"b\") "
                     "NIL NIL NIL)",                                                                                                                                                                    NULL                                                                  },
    {"boundary-only-in-pieces",
     "Content-Type: multipart/mixed; boundary*0=a; boundary*1=b\r\n\r\n--ab\r\n\r\nx\r\n--ab--",              "(" FULL("1 0") " \"mixed\" (\"boundary*0\" \"a\" \"boundary*1\" \"b\") NIL NIL NIL)",    NULL                                                                  },
    {"digest",
     "Content-Type: multipart/digest; boundary=b\r\n\r\n"
     "--b\r\n\r\nSubject: in\r\n\r\nx\r\n--b--\r\n",                                                          "((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 16 " ONLY_SUBJECT("\"in\"") " " FULL(
         "1 0") " 2 NIL NIL NIL NIL) \"digest\" (\"boundary\" \"b\") NIL NIL NIL)",
     "((\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 16 " ONLY_SUBJECT("\"in\"") " " PLAIN(
         "1 0)") " 2) \"digest\")"                                                                                                                                                                                                                                            },
    {"message-without-body",             "Content-Type: message/rfc822\r\n\r\n",
     "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 0 " ALL_NIL
     " " FULL("0 0") " 0 NIL NIL NIL NIL)",
     NULL                                                                                                                                                                                                                                                                     },
    {"S-196-report",
     "Content-Type: multipart/mixed;\r\n\tboundary=\"" NEXT_PART "\"\r\n\r\n"
     "This message is in MIME format.\r\n\r\n"
     "--" NEXT_PART "\r\nContent-Type: text/plain;\r\n\tcharset=\"iso-8859-1\"\r\n\r\n"
     "Your message\r\n\r\n\r\n\r\n"
     "--" NEXT_PART "\r\nContent-Type: message/rfc822\r\n\r\n"
     "From: a@example.org\r\nTo: \r\nSubject: Home\r\n\r\n(text)\r\n\r\n"
     "--" NEXT_PART "--\r\n",
     "((\"text\" \"plain\" (\"charset\" \"iso-8859-1\") NIL NIL \"7bit\" 18 3 NIL NIL NIL NIL)"
     "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 52 (NIL \"Home\" " FROM_A " " FROM_A " " FROM_A
     " NIL NIL NIL NIL NIL) " FULL("8 1") " 5 NIL NIL NIL NIL)" MIXED(NEXT_PART),
     NULL                                                                                                                                                                                                                                                                     },
};

static void
test_structure(gconstpointer data)
{
    const StructureCase *row = data;
    g_autoptr(ImsMimeSummary) summary = summarize(row->message);

    g_assert_cmpstr(summary->bodystructure, ==, row->structure);
    if (row->body != NULL)
        g_assert_cmpstr(summary->body, ==, row->body);
    g_assert_cmpuint(summary->size, ==, strlen(row->message));
}

/* ---- part numbers ---- */

/* The tree of RFC 3501 6.4.5, each leaf's body its own number. */
static const char numbered[] =
    "Subject: top\r\nContent-Type: multipart/mixed; boundary=o\r\n\r\n"
    "--o\r\nContent-Type: text/plain\r\n\r\nbody 1\r\n"
    "--o\r\nContent-Type: application/octet-stream\r\n\r\nbody 2\r\n"
    "--o\r\nContent-Type: message/rfc822\r\n\r\n"
    "Subject: three\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n"
    "--m\r\nContent-Type: text/plain\r\n\r\nbody 3.1\r\n"
    "--m\r\nContent-Type: application/octet-stream\r\n\r\nbody 3.2\r\n--m--\r\n"
    "--o\r\nContent-Type: multipart/mixed; boundary=f\r\n\r\n"
    "--f\r\nContent-Type: image/gif\r\nContent-Transfer-Encoding: base64\r\n\r\nbody 4.1\r\n"
    "--f\r\nContent-Type: message/rfc822\r\nContent-Description: d\r\n\r\n"
    "Subject: four two\r\nContent-Type: multipart/mixed; boundary=t\r\n\r\n"
    "--t\r\nContent-Type: text/plain\r\n\r\nbody 4.2.1\r\n"
    "--t\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n"
    "--a\r\nContent-Type: text/plain\r\n\r\nbody 4.2.2.1\r\n"
    "--a\r\nContent-Type: text/richtext\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    "body 4.2.2.2\r\n--a--\r\n--t--\r\n--f--\r\n--o--\r\n";

static char *
slice(const char *message, guint32 offset, guint32 size)
{
    g_assert_cmpuint(offset + size, <=, strlen(message));
    return g_strndup(message + offset, size);
}

static void
test_numbers(void)
{
    static const struct {
        const char *numbers;
        guint encoding;
    } leaves[] = {
        {"1",       0},
        {"2",       0},
        {"3.1",     0},
        {"3.2",     0},
        {"4.1",     2},
        {"4.2.1",   0},
        {"4.2.2.1", 0},
        {"4.2.2.2", 1},
    };
    static const char *const missing[] = {
        "0",  "5",  "1.1", "3.3", "3.1.1", "4.3", "4.2.3", "4.2.2.3",     "4.2.2.1.1",
        "01", "1.", ".1",  "a",   "1.a",   "-1",  " 1",    "99999999999", "1..1",
    };
    g_autoptr(ImsMimeSummary) summary = summarize(numbered);
    ImsMimePart part;

    for (guint i = 0; i < G_N_ELEMENTS(leaves); i++) {
        g_autofree char *expected = g_strdup_printf("body %s", leaves[i].numbers);
        g_autofree char *body = NULL;

        g_assert_true(ims_mime_find_part(summary, leaves[i].numbers, &part));
        body = slice(numbered, part.body_offset, part.body_size);
        g_assert_cmpstr(body, ==, expected);
        g_assert_cmpuint(part.encoding, ==, leaves[i].encoding);
        g_assert_false(part.is_message);
        g_assert_false(part.is_multipart);
    }
    for (guint i = 0; i < G_N_ELEMENTS(missing); i++)
        g_assert_false(ims_mime_find_part(summary, missing[i], &part));
}

static void
test_inner_messages(void)
{
    static const struct {
        const char *numbers, *mime, *header;
    } rows[] = {
        {"3",   "Content-Type: message/rfc822\r\n\r\n",
         "Subject: three\r\nContent-Type: multipart/mixed; boundary=m\r\n\r\n"   },
        {"4.2", "Content-Type: message/rfc822\r\nContent-Description: d\r\n\r\n",
         "Subject: four two\r\nContent-Type: multipart/mixed; boundary=t\r\n\r\n"},
    };
    g_autoptr(ImsMimeSummary) summary = summarize(numbered);
    ImsMimePart part;

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autofree char *mime = NULL, *header = NULL;

        g_assert_true(ims_mime_find_part(summary, rows[i].numbers, &part));
        g_assert_true(part.is_message);
        mime = slice(numbered, part.header_offset, part.header_size);
        header = slice(numbered, part.inner_header_offset, part.inner_header_size);
        g_assert_cmpstr(mime, ==, rows[i].mime);
        g_assert_cmpstr(header, ==, rows[i].header);
        g_assert_cmpuint(part.inner_header_offset, ==, part.body_offset);
        g_assert_cmpuint(part.inner_body_offset, ==,
                         part.inner_header_offset + part.inner_header_size);
        g_assert_cmpuint(part.inner_body_offset + part.inner_body_size, ==,
                         part.body_offset + part.body_size);
    }
    g_assert_true(ims_mime_find_part(summary, "4", &part));
    g_assert_true(part.is_multipart);
    g_assert_true(ims_mime_find_part(summary, "4.2.2", &part));
    g_assert_true(part.is_multipart);
    g_assert_true(ims_mime_find_part(summary, "", &part));
    g_assert_true(part.is_multipart);
    g_assert_cmpuint(part.header_size, ==, summary->header_size);
    g_assert_cmpuint(part.body_offset + part.body_size, ==, summary->size);
}

static void
test_single_part(void)
{
    static const char plain[] = "Subject: x\r\n\r\nhello\r\n";
    static const char wrapped[] =
        "Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nhello\r\n";
    g_autoptr(ImsMimeSummary) one = summarize(plain);
    g_autoptr(ImsMimeSummary) two = summarize(wrapped);
    g_autofree char *body = NULL, *inner = NULL;
    ImsMimePart part;

    g_assert_true(ims_mime_find_part(one, "1", &part));
    body = slice(plain, part.body_offset, part.body_size);
    g_assert_cmpstr(body, ==, "hello\r\n");
    g_assert_cmpuint(part.header_size, ==, one->header_size);
    g_assert_false(ims_mime_find_part(one, "2", &part));
    g_assert_false(ims_mime_find_part(one, "1.1", &part));
    g_assert_true(ims_mime_find_part(two, "", &part));
    g_assert_false(part.is_message); /* HEADER and TEXT alone mean the outer message */
    g_assert_true(ims_mime_find_part(two, "1", &part));
    g_assert_true(part.is_message);
    g_assert_true(ims_mime_find_part(two, "1.1", &part));
    inner = slice(wrapped, part.body_offset, part.body_size);
    g_assert_cmpstr(inner, ==, "hello\r\n");
    g_assert_false(ims_mime_find_part(two, "1.2", &part));
    g_assert_false(ims_mime_find_part(two, "1.1.1", &part));
}

static void
test_summary_fields(void)
{
    g_autoptr(ImsMimeSummary) summary =
        summarize("Subject:  a\r\n\tb \r\nMessage-ID: <1@x>\r\n\r\nbody");
    g_autoptr(ImsMimeSummary) copy = ims_mime_summary_copy(summary);
    ImsMimePart part;

    g_assert_cmpstr(copy->subject, ==, "a\tb");
    g_assert_cmpstr(copy->message_id, ==, "<1@x>");
    g_assert_cmpstr(copy->envelope, ==, summary->envelope);
    g_assert_cmpuint(copy->header_size, ==, copy->size - 4);
    g_assert_true(ims_mime_find_part(copy, "1", &part));
    ims_mime_summary_free(NULL);
}

/* A table that was damaged on disk finds nothing rather than reading outside. */
static void
test_broken_table(void)
{
    g_autoptr(ImsMimeSummary) summary = summarize(numbered);
    g_autoptr(GBytes) whole = g_steal_pointer(&summary->parts);
    gsize size;
    const guint8 *data = g_bytes_get_data(whole, &size);
    ImsMimePart part;

    g_assert_false(ims_mime_find_part(summary, "1", &part));
    for (gsize i = 0; i < size; i++) {
        summary->parts = g_bytes_new(data, i);
        g_assert_false(ims_mime_find_part(summary, "4.2.2.2", &part));
        g_clear_pointer(&summary->parts, g_bytes_unref);
    }
    for (gsize i = 0; i < size * 8; i++) {
        g_autofree guint8 *changed = g_memdup2(data, size);

        changed[i / 8] ^= (guint8)(1u << (i % 8));
        summary->parts = g_bytes_new(changed, size);
        if (ims_mime_find_part(summary, "4.2.2.1", &part)) {
            g_assert_cmpuint(part.body_offset, <=, summary->size);
            g_assert_cmpuint(part.body_size, <=, summary->size - part.body_offset);
        }
        g_clear_pointer(&summary->parts, g_bytes_unref);
    }
}

/* ---- limits ---- */

static void
test_part_limit(void)
{
    static const char message[] =
        MULTIPART("b") "--b\r\n\r\none\r\n--b\r\n\r\ntwo\r\n--b\r\n\r\nthree\r\n--b--\r\n";
    g_autoptr(GBytes) bytes = g_bytes_new_static(message, strlen(message));
    ImsMimeLimits limits = {0, 3, 0};
    g_autoptr(ImsMimeSummary) summary = ims_mime_summarize(bytes, &limits);
    g_autofree char *body = NULL;
    ImsMimePart part;

    g_assert_cmpstr(summary->bodystructure, ==,
                    "(" FULL("3 0") "(\"application\" \"octet-stream\" NIL NIL NIL \"7bit\" 28 NIL "
                                    "NIL NIL NIL)" MIXED("b"));
    g_assert_true(ims_mime_find_part(summary, "2", &part));
    body = slice(message, part.body_offset, part.body_size);
    g_assert_cmpstr(body, ==, "\r\ntwo\r\n--b\r\n\r\nthree\r\n--b--\r\n");
    g_assert_false(ims_mime_find_part(summary, "3", &part));
}

static void
test_depth_limit(void)
{
    g_autoptr(GBytes) bytes = g_bytes_new_static(numbered, strlen(numbered));
    ImsMimeLimits limits = {2, 0, 0};
    g_autoptr(ImsMimeSummary) summary = ims_mime_summarize(bytes, &limits);
    ImsMimePart part;

    g_assert_true(ims_mime_find_part(summary, "4.2", &part));
    g_assert_false(part.is_message);
    g_assert_false(ims_mime_find_part(summary, "4.2.1", &part));
    g_assert_true(ims_mime_find_part(summary, "4.1", &part));
    g_assert_nonnull(strstr(summary->bodystructure,
                            "(\"application\" \"octet-stream\" NIL NIL \"d\" \"7bit\" "));
}

static void
test_header_limit(void)
{
    static const char message[] = "Subject: in\r\nX-Long: 0123456789\r\nTo: a@x\r\n\r\nbody";
    g_autoptr(GBytes) bytes = g_bytes_new_static(message, strlen(message));
    ImsMimeLimits limits = {0, 0, 32};
    g_autoptr(ImsMimeSummary) summary = ims_mime_summarize(bytes, &limits);

    g_assert_cmpstr(summary->envelope, ==, ONLY_SUBJECT("\"in\""));
    g_assert_cmpuint(summary->header_size, ==, strlen(message) - 4);
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
    ADD_TABLE("/store/mime/envelope", envelopes, test_envelope)
    ADD_TABLE("/store/mime/address", addresses, test_address)
    ADD_TABLE("/store/mime/structure", structures, test_structure)
    g_test_add_func("/store/mime/parts/rfc3501-numbers", test_numbers);
    g_test_add_func("/store/mime/parts/inner-messages", test_inner_messages);
    g_test_add_func("/store/mime/parts/single-part", test_single_part);
    g_test_add_func("/store/mime/parts/broken-table", test_broken_table);
    g_test_add_func("/store/mime/summary-fields", test_summary_fields);
    g_test_add_func("/store/mime/limits/parts", test_part_limit);
    g_test_add_func("/store/mime/limits/depth", test_depth_limit);
    g_test_add_func("/store/mime/limits/header", test_header_limit);
    return g_test_run();
}
