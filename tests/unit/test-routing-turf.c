/* The message filter's table: R-146 to R-148, S-295. */
#include "routing/turf.h"

#include <string.h>

static const struct {
    const char *name, *entry, *address;
    gboolean matches;
} cases[] = {
    {"R-146-case",                   "Bad@Mixed.example", "bAD@mixed.EXAMPLE",     TRUE },
    {"R-147-address",                "bad@mixed.example", "good@mixed.example",    FALSE},
    {"R-147-address-not-below",      "bad@mixed.example", "bad@sub.mixed.example", FALSE},
    {"R-147-domain",                 "@spam.example",     "x@spam.example",        TRUE },
    {"R-147-domain-below",           "@spam.example",     "x@a.b.SPAM.example",    TRUE },
    {"R-147-domain-whole-labels",    "@spam.example",     "x@myspam.example",      FALSE},
    {"R-147-domain-not-above",       "@sub.spam.example", "x@spam.example",        FALSE},
    {"R-147-exact",                  "#@exact.example",   "x@exact.example",       TRUE },
    {"R-147-exact-not-below",        "#@exact.example",   "x@sub.exact.example",   FALSE},
    {"R-147-exact-without-at",       "#exact.example",    "x@exact.example",       TRUE },
    {"R-147-exact-without-at-below", "#exact.example",    "x@sub.exact.example",   FALSE},
    {"R-147-user",                   "spammer",           "Spammer@any.example",   TRUE },
    {"R-147-user-bare",              "spammer",           "spammer",               TRUE },
    {"R-147-user-whole",             "spammer",           "spammers@any.example",  FALSE},
    {"R-147-user-is-no-domain",      "spam.example",      "x@spam.example",        FALSE},
    {"R-147-user-at-literal",        "x@[192.0.2.1]",     "x@[192.0.2.1]",         TRUE },
    {"R-147-literal",                "@[192.0.2.1]",      "y@[192.0.2.1]",         TRUE },
    {"R-147-literal-has-no-labels",  "@1]",               "y@[192.0.2.1]",         FALSE},
    {"R-147-other-literal",          "@[192.0.2.1]",      "y@[192.0.2.11]",        FALSE},
    {"R-148-empty",                  ".",                 "",                      TRUE },
    {"R-148-empty-only",             ".",                 "x@spam.example",        FALSE},
    {"R-148-not-listed",             "@spam.example",     "",                      FALSE},
    {"last-at-counts",               "@spam.example",     "\"a@b\"@spam.example",  TRUE },
    {"dot-behind-domain",            "@spam.example",     "x@spam.example.",       TRUE },
    {"only-an-at",                   "@spam.example",     "@",                     FALSE},
    {"no-local-part",                "@spam.example",     "@spam.example",         TRUE },
    {"only-dots",                    "@spam.example",     "x@...",                 FALSE},
};

static void
test_match(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autoptr(ImsTurfTable) table = ims_turf_table_new();
    gboolean added = ims_turf_table_add(table, cases[i].entry, NULL);
    const char *found = ims_turf_table_match(table, cases[i].address);

    g_assert_true(added || strcmp(cases[i].entry, "@1]") == 0);
    g_assert_cmpstr(found, ==, cases[i].matches ? cases[i].entry : NULL);
}

static void
test_malformed(void)
{
    static const char *const texts[] = {
        "",      " ",   "@",    "#",   "#@",  "a@",      "a b",     "@a..b",        "@.a",
        "#@a@b", "##a", "a@[1", "@[]", "a\n", "a@b\x7f", "#spam@x", "@a#b.example", "@b]"};

    for (guint i = 0; i < G_N_ELEMENTS(texts); i++) {
        g_autoptr(ImsTurfTable) table = ims_turf_table_new();
        g_autoptr(GError) error = NULL;

        g_assert_false(ims_turf_table_add(table, texts[i], &error));
        g_assert_error(error, IMS_TURF_ERROR, IMS_TURF_ERROR_SYNTAX);
        g_assert_cmpuint(ims_turf_table_size(table), ==, 0);
    }
}

static void
test_twice(void)
{
    g_autoptr(ImsTurfTable) table = ims_turf_table_new();

    g_assert_null(ims_turf_table_match(table, "x@a.example"));
    g_assert_true(ims_turf_table_add(table, ".", NULL));
    g_assert_true(ims_turf_table_add(table, ".", NULL));
    g_assert_true(ims_turf_table_add(table, "@a.example", NULL));
    g_assert_true(ims_turf_table_add(table, "@A.example", NULL));
    g_assert_cmpuint(ims_turf_table_size(table), ==, 4);
    g_assert_nonnull(ims_turf_table_match(table, "x@a.example"));
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/routing/turf/", cases[i].name, NULL);

        g_test_add_data_func(path, GUINT_TO_POINTER(i), test_match);
    }
    g_test_add_func("/routing/turf/malformed", test_malformed);
    g_test_add_func("/routing/turf/twice", test_twice);
    return g_test_run();
}
