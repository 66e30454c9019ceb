/* Address forms and encapsulation: R-090 to R-112. */
#include "routing/path.h"

#include <string.h>

typedef enum {
    STRICT = 0,
    LAX = 1,
    LITERAL = 2,
    ROUTE = 4,
} Flags;

typedef struct {
    const char *name;
    const char *text;
    Flags flags;
    const char *local; /* NULL: malformed */
    const char *domain;
    const char *formatted; /* NULL: as @text */
} PathCase;

static const PathCase path_cases[] = {
    {"plain",                         "alice@example.com",                     STRICT,  "alice",                  "example.com",          NULL                  },
    {"null-path",                     "",                                      STRICT,  "",                       NULL,                   NULL                  },
    {"R-235-case",                    "Alice@EXAMPLE.Com",                     STRICT,  "Alice",                  "example.com",          "Alice@example.com"   },
    {"R-234-trailing-dot",            "a@example.com.",                        STRICT,  "a",                      "example.com",          "a@example.com"       },
    {"two-trailing-dots",             "a@example.com..",                       LAX,     NULL,                     NULL,                   NULL                  },
    {"R-090-percent",                 "t%far.example@own.com",                 STRICT,  "t%far.example",          "own.com",              NULL                  },
    {"R-091-percent-bare",            "t%far.example",                         STRICT,  "t%far.example",          NULL,                   NULL                  },
    {"R-092-source-route",            "@own.com:t@far.example",                ROUTE,   "t",                      "far.example",          "t@far.example"       },
    {"R-092-two-hops",                "@a.example,@b.example:t@far.example",   ROUTE,   "t",                      "far.example",
     "t@far.example"                                                                                                                                            },
    {"R-092-literal-hop",             "@[192.0.2.1]:t@far.example",            ROUTE,   "t",                      "far.example",          "t@far.example"       },
    {"R-092-ipv6-hop",                "@[IPv6:::1]:t@far.example",             ROUTE,   "t",                      "far.example",          "t@far.example"       },
    {"R-092-vector-of-the-article",
     "jcool%p.nuts.org@comic.nuts.org@comic.nuts.org:jcool@p.nuts.org",        ROUTE,   "jcool",
     "p.nuts.org",                                                                                                                        "jcool@p.nuts.org"    },
    {"route-in-a-route",              "@a.example:@b.example:t@far.example",   ROUTE,   "t",                      "far.example",
     "t@far.example"                                                                                                                                            },
    {"route-to-bare-name",            "@a.example:bob",                        ROUTE,   "bob",                    NULL,                   "bob"                 },
    {"route-to-nothing",              "@a.example:",                           LAX,     NULL,                     NULL,                   NULL                  },
    {"colon-without-route",           "a:b@example.com",                       STRICT,  NULL,                     NULL,                   NULL                  },
    {"colon-without-route-lax",       "a:b@example.com",                       LAX,     "a:b",                    "example.com",          NULL                  },
    {"quoted-colon-is-no-route",      "\"a@b:c\"@example.com",                 STRICT,  "\"a@b:c\"",              "example.com",          NULL                  },
    {"R-094-bang",                    "far.example!t@own.com",                 STRICT,  "far.example!t",          "own.com",              NULL                  },
    {"R-094-bang-bare",               "far.example!t",                         STRICT,  "far.example!t",          NULL,                   NULL                  },
    {"R-095-quoted-bare",             "\"nobody@foreign.org\"",                STRICT,  "\"nobody@foreign.org\"", NULL,                   NULL                  },
    {"R-095-quoted",                  "\"t@far.example\"@own.com",             STRICT,  "\"t@far.example\"",      "own.com",              NULL                  },
    {"quoted-blank",                  "\"bob smith\"@example.com",             STRICT,  "\"bob smith\"",          "example.com",          NULL                  },
    {"quoted-quote",                  "\"a\\\"b\"@example.com",                STRICT,  "\"a\\\"b\"",             "example.com",          NULL                  },
    {"open-quote",                    "\"bob@example.com",                     LAX,     NULL,                     NULL,                   NULL                  },
    {"open-quote-by-escape",          "\"bob\\\"@example.com",                 LAX,     NULL,                     NULL,                   NULL                  },
    {"escape-at-the-end",             "\"bob\\",                               LAX,     NULL,                     NULL,                   NULL                  },
    {"R-105-literal",                 "x@[192.0.2.1]",                         LITERAL, "x",                      "192.0.2.1",            NULL                  },
    {"ipv6-literal",                  "x@[ipv6:2001:DB8::1]",                  LITERAL, "x",                      "2001:db8::1",          "x@[IPv6:2001:db8::1]"},
    {"ipv6-literal-without-tag",      "x@[2001:db8::1]",                       LAX,     NULL,                     NULL,                   NULL                  },
    {"ipv4-literal-with-tag",         "x@[IPv6:192.0.2.1]",                    LAX,     NULL,                     NULL,                   NULL                  },
    {"mapped-literal",                "x@[IPv6:::ffff:192.0.2.1]",             LITERAL, "x",                      "192.0.2.1",            "x@[192.0.2.1]"       },
    {"literal-open",                  "x@[192.0.2.1",                          LAX,     NULL,                     NULL,                   NULL                  },
    {"literal-and-more",              "x@[192.0.2.1].com",                     LAX,     NULL,                     NULL,                   NULL                  },
    {"literal-bad-number",            "x@[192.0.2.256]",                       LAX,     NULL,                     NULL,                   NULL                  },
    {"literal-empty",                 "x@[]",                                  LAX,     NULL,                     NULL,                   NULL                  },
    {"literal-hostname",              "x@[example.com]",                       LAX,     NULL,                     NULL,                   NULL                  },
    {"R-236-number-without-brackets", "x@192.0.2.1",                           STRICT,  "x",                      "192.0.2.1",            NULL                  },
    {"R-106-host-number",             "alice@#3221225994",                     LAX,     NULL,                     NULL,                   NULL                  },
    {"R-107-bare",                    "bob",                                   STRICT,  "bob",                    NULL,                   NULL                  },
    {"R-109-blank",                   "bob smith@example.com",                 STRICT,  NULL,                     NULL,                   NULL                  },
    {"R-109-blank-lax",               "bob smith@example.com",                 LAX,     "bob smith",              "example.com",          NULL                  },
    {"R-110-star-domain",             "IMCEASMTP-swadmin+40corporate+2Ecom@*", STRICT,  NULL,                     NULL,                   NULL                  },
    {"R-110-star-domain-lax",         "IMCEASMTP-swadmin+40corporate+2Ecom@*", LAX,     NULL,                     NULL,                   NULL                  },
    {"R-233-double-at",               "t@far.example@own.com",                 STRICT,  NULL,                     NULL,                   NULL                  },
    {"S-169-double-at-lax",           "t@far.example@own.com",                 LAX,     "t@far.example",          "own.com",              NULL                  },
    {"no-local-part",                 "@example.com",                          LAX,     NULL,                     NULL,                   NULL                  },
    {"no-domain",                     "alice@",                                LAX,     NULL,                     NULL,                   NULL                  },
    {"only-at",                       "@",                                     LAX,     NULL,                     NULL,                   NULL                  },
    {"only-colon",                    ":",                                     STRICT,  NULL,                     NULL,                   NULL                  },
    {"empty-label",                   "a@example..com",                        LAX,     NULL,                     NULL,                   NULL                  },
    {"leading-dot",                   "a@.example.com",                        LAX,     NULL,                     NULL,                   NULL                  },
    {"only-a-dot",                    "a@.",                                   LAX,     NULL,                     NULL,                   NULL                  },
    {"underscore",                    "a@old_host.example.com",                STRICT,  "a",                      "old_host.example.com", NULL                  },
    {"angle-in-local",                "a>b@example.com",                       STRICT,  NULL,                     NULL,                   NULL                  },
    {"eight-bit-local",               "b\xc3\xb6@example.com",                 STRICT,  NULL,                     NULL,                   NULL                  },
    {"eight-bit-local-lax",           "b\xc3\xb6@example.com",                 LAX,     "b\xc3\xb6",              "example.com",          NULL                  },
    {"eight-bit-quoted",              "\"\xff\"@example.com",                  STRICT,  NULL,                     NULL,                   NULL                  },
    {"eight-bit-domain-lax",          "a@b\xc3\xb6.example",                   LAX,     NULL,                     NULL,                   NULL                  },
    {"control-lax",                   "a\x01@example.com",                     LAX,     NULL,                     NULL,                   NULL                  },
    {"newline-lax",                   "a\r\nRCPT TO:<b@example.com",           LAX,     NULL,                     NULL,                   NULL                  },
    {"newline-quoted",                "\"a\\\n\"@example.com",                 LAX,     NULL,                     NULL,                   NULL                  },
    {"delete-lax",                    "a\x7f@example.com",                     LAX,     NULL,                     NULL,                   NULL                  },
    {"dots-in-local",                 "a..b.@example.com",                     STRICT,  "a..b.",                  "example.com",          NULL                  },
};

static void
check_same(const ImsPath *a, const ImsPath *b)
{
    g_assert_cmpstr(a->local, ==, b->local);
    g_assert_cmpstr(a->domain, ==, b->domain);
    g_assert_cmpint(a->is_literal, ==, b->is_literal);
    g_assert_cmpint(a->is_null, ==, b->is_null);
}

static void
test_path(gconstpointer data)
{
    const PathCase *row = data;
    gboolean lax = (row->flags & LAX) != 0;
    g_auto(ImsPath) path = {0}, again = {0};
    g_autoptr(GError) error = NULL;
    g_autofree char *formatted = NULL;

    if (row->local == NULL) {
        g_assert_false(ims_path_parse(row->text, lax, &path, &error));
        g_assert_error(error, IMS_PATH_ERROR, IMS_PATH_ERROR_MALFORMED);
        g_assert_null(path.local);
        g_assert_null(strpbrk(error->message, "\r\n"));
        return;
    }
    ims_path_parse(row->text, lax, &path, &error);
    g_assert_no_error(error);
    g_assert_cmpstr(path.local, ==, row->local);
    g_assert_cmpstr(path.domain, ==, row->domain);
    g_assert_cmpint(path.is_literal, ==, (row->flags & LITERAL) != 0);
    g_assert_cmpint(path.had_route, ==, (row->flags & ROUTE) != 0);
    g_assert_cmpint(path.is_null, ==, row->text[0] == '\0');
    formatted = ims_path_format(&path);
    g_assert_cmpstr(formatted, ==, row->formatted != NULL ? row->formatted : row->text);
    g_assert_true(ims_path_parse(formatted, lax, &again, NULL));
    check_same(&path, &again);
}

/* Each byte at each place: parsed or refused, and what is parsed prints as something that parses to
 * the same. */
static void
test_every_byte(void)
{
    static const char base[] = "@a.b:\"q\"x@[192.0.2.1]";

    for (gsize i = 0; i < (sizeof base - 1) * 256 * 2; i++) {
        gboolean lax = i & 1;
        g_autofree char *text = g_strdup(base);
        g_autofree char *formatted = NULL;
        g_auto(ImsPath) path = {0}, again = {0};

        text[i / 512] = (char)(i / 2 % 256);
        if (!ims_path_parse(text, lax, &path, NULL))
            continue;
        formatted = ims_path_format(&path);
        g_assert_true(ims_path_parse(formatted, lax, &again, NULL));
        check_same(&path, &again);
    }
}

static void
test_long(void)
{
    g_autofree char *huge = g_strnfill(100 * 1024, 'a');
    g_autofree char *label = g_strnfill(63, 'b');
    g_autofree char *long_label = g_strdup_printf("x@%sb.example", label);
    g_autofree char *longest = g_strdup_printf("x@%s.%s.%s.%s", label, label, label, label);
    g_autofree char *too_long = g_strdup_printf("x@%s.%s.%s.%s.c", label, label, label, label);
    g_autofree char *most = g_strnfill(IMS_PATH_MAX, 'a');
    g_auto(ImsPath) path = {0};

    g_assert_false(ims_path_parse(huge, TRUE, &path, NULL));
    g_assert_false(ims_path_parse(long_label, TRUE, &path, NULL));
    g_assert_false(ims_path_parse(too_long, TRUE, &path, NULL));
    g_assert_true(ims_path_parse(longest, FALSE, &path, NULL));
    ims_path_clear(&path);
    g_assert_true(ims_path_parse(most, FALSE, &path, NULL));
}

static void
test_equal_sign(void)
{
    static const struct {
        const char *text;
        gboolean has;
    } cases[] = {
        {"a=b@example.com",                                           TRUE },
        {"a@example.com",                                             FALSE},
        {"\"a=b\"@example.com",                                       FALSE},
        {"IMCEAEX-_O=ORG_OU=SITE_CN=RECIPIENTS_CN=ALICE@example.com", FALSE},
        {"imceaex-_o=org@example.com",                                TRUE },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_auto(ImsPath) path = {0};

        g_assert_true(ims_path_parse(cases[i].text, FALSE, &path, NULL));
        g_assert_cmpint(ims_path_has_equal_sign(&path), ==, cases[i].has);
    }
}

typedef struct {
    const char *name, *local, *type, *address; /* type NULL: not encapsulated, or broken */
} ImceaCase;

static const ImceaCase imcea_cases[] = {
    {"R-099-smtp",           "IMCEASMTP-user+40foreign+2Ecom",                "SMTP", "user@foreign.com"},
    {"R-099-lower-case-hex", "IMCEASMTP-user+40foreign+2ecom",                "SMTP", "user@foreign.com"},
    {"R-099-underscore-ex",  "IMCEAEX-_O=ORG_OU=SITE_CN=RECIPIENTS_CN=ALIAS", "EX",
     "/O=ORG/OU=SITE/CN=RECIPIENTS/CN=ALIAS"                                                            },
    {"R-101-ms-mail",        "IMCEAMS-NET_PO_USER",                           "MS",   "NET/PO/USER"     },
    {"R-112-x400",           "IMCEAX400-c=us+3Ba=+20+3Bp=org",                "X400", "c=us;a= ;p=org"  },
    {"underscore-in-smtp",   "IMCEASMTP-a_b+40c",                             "SMTP", "a_b@c"           },
    {"raw-characters",       "IMCEASMTP-t@far.example",                       "SMTP", "t@far.example"   },
    {"R-100-lower-case",     "imceasmtp-user+40foreign+2Ecom",                NULL,   NULL              },
    {"R-100-mixed-case",     "IMCEASmtp-user+40foreign+2Ecom",                NULL,   NULL              },
    {"no-type",              "IMCEA-user+40foreign",                          NULL,   NULL              },
    {"no-dash",              "IMCEASMTP",                                     NULL,   NULL              },
    {"nothing-inside",       "IMCEASMTP-",                                    NULL,   NULL              },
    {"only-prefix",          "IMCEA",                                         NULL,   NULL              },
    {"shorter-than-prefix",  "IMC",                                           NULL,   NULL              },
    {"R-102-half-hex",       "IMCEASMTP-user+4",                              NULL,   NULL              },
    {"R-102-no-hex",         "IMCEASMTP-user+zz",                             NULL,   NULL              },
    {"R-102-plus-at-end",    "IMCEASMTP-user+",                               NULL,   NULL              },
    {"encoded-nul",          "IMCEASMTP-user+00",                             NULL,   NULL              },
    {"encoded-newline",      "IMCEASMTP-user+0D+0ARCPT",                      NULL,   NULL              },
    {"huge-type",            "IMCEAAAAAAAAAAAAAAAAAAAAAAAAAAA-user",          NULL,   NULL              },
};

static void
test_imcea(gconstpointer data)
{
    const ImceaCase *row = data;
    g_autofree char *type = NULL, *address = NULL, *again = NULL, *encoded = NULL;

    if (row->type == NULL) {
        g_assert_false(ims_imcea_decode(row->local, &type, &address));
        g_assert_null(type);
        g_assert_null(address);
        return;
    }
    g_assert_true(ims_imcea_decode(row->local, &type, &address));
    g_assert_cmpstr(type, ==, row->type);
    g_assert_cmpstr(address, ==, row->address);
    g_assert_true(ims_imcea_decode(row->local, NULL, NULL));
    encoded = ims_imcea_encode(type, address);
    g_assert_true(ims_imcea_decode(encoded, NULL, &again));
    g_assert_cmpstr(again, ==, address);
}

static void
test_imcea_encode(void)
{
    g_autofree char *smtp = ims_imcea_encode("SMTP", "user@foreign.com");
    g_autofree char *ex = ims_imcea_encode("EX", "/O=ORG/CN=A_B");
    g_autofree char *address = NULL;

    g_assert_cmpstr(smtp, ==, "IMCEASMTP-user+40foreign+2Ecom");
    g_assert_cmpstr(ex, ==, "IMCEAEX-_O=ORG_CN=A+5FB");
    g_assert_true(ims_imcea_decode(ex, NULL, &address));
    g_assert_cmpstr(address, ==, "/O=ORG/CN=A_B");
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(path_cases); i++) {
        g_autofree char *path = g_strconcat("/routing/path/", path_cases[i].name, NULL);

        g_test_add_data_func(path, &path_cases[i], test_path);
    }
    g_test_add_func("/routing/path/every-byte-everywhere", test_every_byte);
    g_test_add_func("/routing/path/long", test_long);
    g_test_add_func("/routing/path/S-048-equal-sign", test_equal_sign);
    for (guint i = 0; i < G_N_ELEMENTS(imcea_cases); i++) {
        g_autofree char *path = g_strconcat("/routing/imcea/", imcea_cases[i].name, NULL);

        g_test_add_data_func(path, &imcea_cases[i], test_imcea);
    }
    g_test_add_func("/routing/imcea/R-099-encode", test_imcea_encode);
    return g_test_run();
}
