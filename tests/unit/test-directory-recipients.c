/* Recipients: names, uniqueness, the table, lists, and what is on disk. */
#include <glib.h>
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "directory/directory.h"
#include "directory/names-private.h"
#include "directory/ordered-tree-private.h"
#include "net/sim-world.h"

#define START_USEC (G_GINT64_CONSTANT(1764000000) * G_USEC_PER_SEC)

/* ---- help ---- */

typedef struct {
    ImsWorld *world;
    ImsDirectory *directory;
    char *folder; /* (nullable) */
} Fixture;

static void
open_fixture(Fixture *fixture, GError **error)
{
    ImsDirectoryOptions options = {.directory = fixture->folder,
                                   .default_domain = "EXAMPLE",
                                   .cache_sec = 300,
                                   .hash_cost = 1};

    fixture->directory = ims_directory_open(fixture->world, &options, error);
}

static void
set_up(Fixture *fixture, gconstpointer on_disk)
{
    g_autoptr(GError) error = NULL;

    fixture->world = ims_sim_world_new(1, START_USEC);
    if (on_disk != NULL) {
        g_autofree char *made = g_dir_make_tmp("directory-XXXXXX", &error);

        g_assert_no_error(error);
        fixture->folder = g_build_filename(made, "dsadata", NULL);
    }
    open_fixture(fixture, &error);
    g_assert_no_error(error);
}

static void
remove_folder(const char *folder)
{
    static const char *const names[] = {"dir.db", "dir.db-wal", "dir.db-shm", "lock"};
    g_autofree char *parent = g_path_get_dirname(folder);

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(folder, names[i], NULL);

        g_unlink(path);
    }
    g_rmdir(folder);
    g_rmdir(parent);
}

static void
tear_down(Fixture *fixture, gconstpointer on_disk)
{
    ims_directory_close(fixture->directory);
    ims_sim_world_free(fixture->world);
    if (fixture->folder != NULL)
        remove_folder(fixture->folder);
    g_free(fixture->folder);
}

/* @lists: "a,b": addresses of a mailbox or list. */
static gboolean
add(Fixture *fixture, ImsRecipientKind kind, const char *alias, const char *addresses,
    const char *more, guint64 *id_out, GError **error)
{
    g_auto(GStrv) address_list = g_strsplit(addresses, ",", -1);
    g_auto(GStrv) members = g_strsplit(more != NULL ? more : "", ",", -1);
    ImsRecipient recipient = {.kind = kind,
                              .alias = (char *)alias,
                              .display_name = (char *)alias,
                              .addresses = address_list,
                              .members = kind == IMS_RECIPIENT_LIST ? members : NULL,
                              .target = kind == IMS_RECIPIENT_CUSTOM ? (char *)more : NULL,
                              .account = kind == IMS_RECIPIENT_MAILBOX ? (char *)more : NULL};

    return ims_directory_add_recipient(fixture->directory, &recipient, id_out, error);
}

static guint64
must_add(Fixture *fixture, ImsRecipientKind kind, const char *alias, const char *addresses,
         const char *more)
{
    g_autoptr(GError) error = NULL;
    guint64 id = 0;

    add(fixture, kind, alias, addresses, more, &id, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(id, !=, 0);
    return id;
}

/* ---- names ---- */

static const struct {
    const char *name, *address;
    gboolean literal;
    const char *normal; /* NULL: refused */
} addresses[] = {
    {"plain",            "Alice@Example.COM",               FALSE, "Alice@example.com"              },
    {"final-dot",        "a@example.com.",                  FALSE, "a@example.com"                  },
    {"single-label",     "a@localhost",                     FALSE, "a@localhost"                    },
    {"underscore",       "a@my_host.example",               FALSE, "a@my_host.example"              },
    {"idn",              "a@b\303\274cher.example",         FALSE, "a@xn--bcher-kva.example"        },
    {"idn-upper",        "a@B\303\234CHER.example",         FALSE, "a@xn--bcher-kva.example"        },
    {"utf-8-local",      "j\303\266rg@example.com",         FALSE, "j\303\266rg@example.com"        },
    {"quoted",           "\"a b\"@example.com",             FALSE, "\"a b\"@example.com"            },
    {"quoted-at",        "\"a@b\"@example.com",             FALSE, "\"a@b\"@example.com"            },
    {"plus-imcea",       "IMCEAX400-c+3Dus+3B@example.com", FALSE, "IMCEAX400-c+3Dus+3B@example.com"},
    {"literal",          "a@[192.0.2.1]",                   TRUE,  "a@[192.0.2.1]"                  },
    {"literal-v6",       "a@[IPv6:2001:DB8::1]",            TRUE,  "a@[IPv6:2001:db8::1]"           },
    {"literal-not-here", "a@[192.0.2.1]",                   FALSE, NULL                             },
    {"literal-bad",      "a@[192.0.2]",                     TRUE,  NULL                             },
    {"empty",            "",                                FALSE, NULL                             },
    {"no-at",            "alice",                           FALSE, NULL                             },
    {"no-local",         "@example.com",                    FALSE, NULL                             },
    {"no-domain",        "a@",                              FALSE, NULL                             },
    {"two-at",           "a@b@example.com",                 FALSE, NULL                             },
    {"blank",            "a b@example.com",                 FALSE, NULL                             },
    {"control",          "a\n@example.com",                 FALSE, NULL                             },
    {"bracket",          "<a@example.com",                  FALSE, NULL                             },
    {"first-dot",        ".a@example.com",                  FALSE, NULL                             },
    {"two-dots",         "a..b@example.com",                FALSE, NULL                             },
    {"open-quote",       "\"a@example.com",                 FALSE, NULL                             },
    {"quote-in-quote",   "\"a\"b\"@example.com",            FALSE, NULL                             },
    {"escape-at-end",    "\"a\\\"@example.com",             FALSE, NULL                             },
    {"empty-label",      "a@example..com",                  FALSE, NULL                             },
    {"hyphen-first",     "a@-example.com",                  FALSE, NULL                             },
    {"hyphen-last",      "a@example-.com",                  FALSE, NULL                             },
    {"only-dot",         "a@.",                             FALSE, NULL                             },
    {"bad-utf-8-local",  "\377@example.com",                FALSE, NULL                             },
    {"bad-utf-8-domain", "a@\377.example",                  FALSE, NULL                             },
};

static void
test_address(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autoptr(GError) error = NULL;
    g_autofree char *normal =
        ims_name_normal_address(addresses[i].address, addresses[i].literal, &error);

    g_assert_cmpstr(normal, ==, addresses[i].normal);
    if (addresses[i].normal == NULL)
        g_assert_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_INVALID);
    else
        g_assert_no_error(error);
}

static void
test_address_lengths(void)
{
    g_autofree char *label63 = g_strnfill(63, 'a'), *label64 = g_strnfill(64, 'a');
    g_autofree char *local = g_strnfill(IMS_LOCAL_PART_MAX, 'l');
    g_autofree char *good_label = g_strdup_printf("%s@%s.example", local, label63);
    g_autofree char *bad_label = g_strdup_printf("a@%s.example", label64);
    g_autofree char *bad_local = g_strdup_printf("x%s@example.com", local);
    g_autofree char *bad_domain =
        g_strdup_printf("a@%s.%s.%s.%s", label63, label63, label63, label63);
    g_autofree char *normal = ims_name_normal_address(good_label, FALSE, NULL);

    g_assert_cmpstr(normal, ==, good_label);
    g_assert_null(ims_name_normal_address(bad_label, FALSE, NULL));
    g_assert_null(ims_name_normal_address(bad_local, FALSE, NULL));
    g_assert_null(ims_name_normal_address(bad_domain, FALSE, NULL));
}

static const struct {
    const char *name, *alias;
    gboolean good;
} aliases[] = {
    {"plain",       "alice",       TRUE },
    {"blank",       "alice smith", TRUE },
    {"backslash",   "joe\\smith",  TRUE }, /* I-034: such aliases were there */
    {"utf-8",       "j\303\266rg", TRUE },
    {"empty",       "",            FALSE},
    {"at",          "a@b",         FALSE},
    {"slash",       "a/b",         FALSE},
    {"control",     "a\tb",        FALSE},
    {"first-blank", " a",          FALSE},
    {"last-blank",  "a ",          FALSE},
    {"not-utf-8",   "\303",        FALSE},
};

static void
test_alias(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(ims_name_check_alias(aliases[i].alias, &error), ==, aliases[i].good);
    g_assert_cmpint(error == NULL, ==, aliases[i].good);
}

static void
test_alias_length(void)
{
    g_autofree char *longest = g_strnfill(64, 'a'), *too_long = g_strnfill(65, 'a');

    g_assert_true(ims_name_check_alias(longest, NULL));
    g_assert_false(ims_name_check_alias(too_long, NULL));
    g_assert_false(ims_name_check_alias(NULL, NULL));
}

static const struct {
    const char *name, *text, *domain, *user; /* NULL: refused */
} accounts[] = {
    {"backslash",     "example\\Alice",           "EXAMPLE", "Alice"               },
    {"slash",         "example/alice",            "EXAMPLE", "alice"               },
    {"no-domain",     "alice",                    "DEFAULT", "alice"               },
    {"empty-domain",  "\\alice",                  "DEFAULT", "alice"               },
    {"blank",         "EXAMPLE\\alice smith",     "EXAMPLE", "alice smith"         },
    {"20-characters", "E\\abcdefghijklmnopqrst",  "E",       "abcdefghijklmnopqrst"},
    {"21-characters", "E\\abcdefghijklmnopqrstu", NULL,      NULL                  },
    {"long-domain",   "ABCDEFGHIJKLMNOP\\a",      NULL,      NULL                  },
    {"three-parts",   "E\\a\\b",                  NULL,      NULL                  },
    {"at",            "a@example.com",            NULL,      NULL                  },
    {"empty",         "",                         NULL,      NULL                  },
    {"no-user",       "EXAMPLE\\",                NULL,      NULL                  },
    {"forbidden",     "EXAMPLE\\a*",              NULL,      NULL                  },
    {"control",       "EXAMPLE\\a\n",             NULL,      NULL                  },
};

static void
test_account_name(gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autofree char *domain = NULL, *user = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(ims_name_parse_account(accounts[i].text, "default", &domain, &user, &error), ==,
                    accounts[i].user != NULL);
    g_assert_cmpstr(domain, ==, accounts[i].domain);
    g_assert_cmpstr(user, ==, accounts[i].user);
    g_assert_cmpint(error == NULL, ==, accounts[i].user != NULL);
}

/* ---- the tree ---- */

static void
release(gpointer value)
{
    g_atomic_rc_box_release(value);
}

static void
test_tree(void)
{
    ImsTreeNode *tree = NULL, *before;
    char *values[500];
    g_autoptr(GRand) random = g_rand_new_with_seed(7);
    gboolean in[500] = {FALSE};
    guint n_in = 0;

    for (guint i = 0; i < 500; i++) {
        values[i] = g_atomic_rc_box_alloc(16);
        /* Each key is there twice or thrice, told apart by the tag. */
        g_snprintf(values[i], 16, "%03u", i / 3);
    }
    for (guint round = 0; round < 4000; round++) {
        guint i = (guint)g_rand_int_range(random, 0, 500);
        ImsTreeItem item = {values[i], i, values[i]};
        guint size = ims_tree_size(tree);

        before = tree;
        tree = in[i] ? ims_tree_remove(before, values[i], i, release)
                     : ims_tree_insert(before, &item, release);
        g_assert_cmpuint(ims_tree_size(before), ==, size);
        ims_tree_unref(before, release);
        in[i] = !in[i];
        n_in += in[i] ? 1 : -1u;
        g_assert_cmpuint(ims_tree_size(tree), ==, n_in);
        if (round % 50 == 0)
            g_assert_true(ims_tree_is_sound(tree));
    }
    for (guint i = 0; i < 500; i++) {
        guint first = i / 3 * 3, n = 0, lowest = 500;
        const ImsTreeItem *found;
        gboolean several = FALSE;

        for (guint j = first; j < MIN(first + 3, 500); j++) {
            n += in[j];
            lowest = in[j] && lowest == 500 ? j : lowest;
        }
        found = ims_tree_find(tree, values[i], &several);
        g_assert_cmpint(found != NULL, ==, n > 0);
        g_assert_cmpint(several, ==, n > 1);
        if (found != NULL)
            g_assert_cmpuint(found->tag, ==, lowest);
    }
    ims_tree_unref(tree, release);
    for (guint i = 0; i < 500; i++)
        release(values[i]);
}

/* ---- the table ---- */

static void
test_find(Fixture *fixture, gconstpointer unused)
{
    guint64 alice = must_add(fixture, IMS_RECIPIENT_MAILBOX, "Alice",
                             "Alice@Example.com,al@example.com", "alice");
    g_autoptr(ImsRecipientTable) table = ims_directory_table(fixture->directory);
    const ImsRecipient *found = ims_recipient_table_find_alias(table, "aLICE");
    gboolean ambiguous = TRUE;

    g_assert_cmpuint(found->id, ==, alice);
    g_assert_cmpstr(found->account, ==, "EXAMPLE\\alice");
    g_assert_cmpstr(found->addresses[0], ==, "Alice@example.com");
    g_assert_true(ims_recipient_table_find_address(table, "ALICE", "EXAMPLE.com", &ambiguous) ==
                  found);
    g_assert_false(ambiguous);
    g_assert_true(ims_recipient_table_find_address(table, "\"alice\"", "example.com.", NULL) ==
                  found);
    g_assert_true(ims_recipient_table_find_address(table, "\"a\\lice\"", "example.com", NULL) ==
                  found);
    g_assert_true(ims_recipient_table_find_address(table, "al", "example.com", NULL) == found);
    g_assert_null(ims_recipient_table_find_address(table, "alice", "example.net", &ambiguous));
    g_assert_false(ambiguous);
    g_assert_null(ims_recipient_table_find_address(table, "alice", "sub.example.com", NULL));
    g_assert_null(ims_recipient_table_find_address(table, "", "example.com", NULL));
    g_assert_null(ims_recipient_table_find_address(table, "alice", "", NULL));
    g_assert_null(ims_recipient_table_find_address(table, "\377", "\377", NULL));
    g_assert_null(ims_recipient_table_find_alias(table, "bob"));
    g_assert_cmpuint(ims_recipient_table_size(table), ==, 1);
    g_assert_true(ims_recipient_table_get(table, 0) == found);
    g_assert_null(ims_recipient_table_get(table, 1));
}

static void
test_old_table_stays(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(ImsRecipientTable) before = NULL;
    g_autoptr(ImsRecipientTable) after = NULL;
    g_autoptr(GError) error = NULL;

    must_add(fixture, IMS_RECIPIENT_MAILBOX, "alice", "alice@example.com", NULL);
    before = ims_directory_table(fixture->directory);
    ims_directory_remove_recipient(fixture->directory, "ALICE", &error);
    g_assert_no_error(error);
    after = ims_directory_table(fixture->directory);
    g_assert_cmpstr(ims_recipient_table_find_alias(before, "alice")->alias, ==, "alice");
    g_assert_null(ims_recipient_table_find_alias(after, "alice"));
    g_assert_null(ims_recipient_table_find_address(after, "alice", "example.com", NULL));
    g_assert_false(ims_directory_remove_recipient(fixture->directory, "alice", &error));
    g_assert_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_NOT_FOUND);
}

static void
test_ids_are_not_reused(Fixture *fixture, gconstpointer unused)
{
    guint64 first = must_add(fixture, IMS_RECIPIENT_MAILBOX, "alice", "alice@example.com", NULL),
            second;

    g_assert_true(ims_directory_remove_recipient(fixture->directory, "alice", NULL));
    second = must_add(fixture, IMS_RECIPIENT_MAILBOX, "alice", "alice@example.com", NULL);
    g_assert_cmpuint(second, >, first);
}

static const struct {
    const char *name;
    ImsRecipientKind kind;
    const char *alias, *addresses, *more;
    ImsDirectoryError error;
    const char *says;
} refused[] = {
    {"D-044-same-address",  IMS_RECIPIENT_MAILBOX, "bob",   "alice@example.com",            NULL,
     IMS_DIRECTORY_ERROR_EXISTS,                                                                                                    "address \"alice@example.com\" is taken by mailbox \"alice\""},
    {"D-044-other-case",    IMS_RECIPIENT_LIST,    "bob",   "ALICE@EXAMPLE.COM",            NULL,
     IMS_DIRECTORY_ERROR_EXISTS,                                                                                                    "taken by mailbox \"alice\""                                 },
    {"D-044-quotes",        IMS_RECIPIENT_MAILBOX, "bob",   "\"alice\"@example.com",        NULL,
     IMS_DIRECTORY_ERROR_EXISTS,                                                                                                    "taken by mailbox \"alice\""                                 },
    {"D-044-secondary",     IMS_RECIPIENT_CUSTOM,  "bob",   "b@example.com,al@example.com",
     "b@far.example",                                                                                  IMS_DIRECTORY_ERROR_EXISTS,
     "address \"al@example.com\" is taken by mailbox \"alice\""                                                                                                                                  },
    {"D-045-hidden-counts", IMS_RECIPIENT_MAILBOX, "bob",   "ghost@example.com",            NULL,
     IMS_DIRECTORY_ERROR_EXISTS,                                                                                                    "taken by distribution list \"ghost\""                       },
    {"alias",               IMS_RECIPIENT_LIST,    "ALICE", "b@example.com",                NULL,      IMS_DIRECTORY_ERROR_EXISTS,
     "alias \"ALICE\" is taken by mailbox \"alice\""                                                                                                                                             },
    {"twice-in-one",        IMS_RECIPIENT_MAILBOX, "bob",   "b@example.com,B@example.com",  NULL,
     IMS_DIRECTORY_ERROR_INVALID,                                                                                                   "is there twice"                                             },
    {"no-address",          IMS_RECIPIENT_MAILBOX, "bob",   "",                             NULL,      IMS_DIRECTORY_ERROR_INVALID,
     "mailbox \"bob\": expected at least one address"                                                                                                                                            },
    {"bad-alias",           IMS_RECIPIENT_MAILBOX, "b@b",   "b@example.com",                NULL,      IMS_DIRECTORY_ERROR_INVALID,
     "alias \"b@b\""                                                                                                                                                                             },
    {"bad-account",         IMS_RECIPIENT_MAILBOX, "bob",   "b@example.com",                "A\\B\\C",
     IMS_DIRECTORY_ERROR_INVALID,                                                                                                   "account \"A\\\\B\\\\C\""                                    },
    {"no-target",           IMS_RECIPIENT_CUSTOM,  "bob",   "b@example.com",                NULL,      IMS_DIRECTORY_ERROR_INVALID,
     "custom recipient \"bob\": target"                                                                                                                                                          },
    {"bad-target",          IMS_RECIPIENT_CUSTOM,  "bob",   "b@example.com",                "nowhere",
     IMS_DIRECTORY_ERROR_INVALID,                                                                                                   "target address \"nowhere\""                                 },
    {"bad-member",          IMS_RECIPIENT_LIST,    "bob",   "b@example.com",                "x@y",     IMS_DIRECTORY_ERROR_INVALID,
     "distribution list \"bob\": member alias \"x@y\""                                                                                                                                           },
    {"bad-kind",            (ImsRecipientKind)7,   "bob",   "b@example.com",                NULL,      IMS_DIRECTORY_ERROR_INVALID,
     "unknown kind 7"                                                                                                                                                                            },
};

static void
test_refused(Fixture *fixture, gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsRecipientTable) table = NULL;
    ImsRecipient ghost = {
        .kind = IMS_RECIPIENT_LIST,
        .alias = (char *)"ghost",
        .addresses = (char *[]){(char *)"ghost@example.com", NULL},
        .hidden = TRUE
    };
    guint64 id = 77;

    must_add(fixture, IMS_RECIPIENT_MAILBOX, "alice", "alice@example.com,al@example.com", NULL);
    g_assert_true(ims_directory_add_recipient(fixture->directory, &ghost, NULL, NULL));
    g_assert_false(add(fixture, refused[i].kind, refused[i].alias, refused[i].addresses,
                       refused[i].more, &id, &error));
    g_assert_error(error, IMS_DIRECTORY_ERROR, (int)refused[i].error);
    g_assert_nonnull(strstr(error->message, refused[i].says));
    g_assert_cmpuint(id, ==, 77);
    table = ims_directory_table(fixture->directory);
    g_assert_cmpuint(ims_recipient_table_size(table), ==, 2);
}

static void
test_change(Fixture *fixture, gconstpointer unused)
{
    guint64 id = must_add(fixture, IMS_RECIPIENT_MAILBOX, "alice", "alice@example.com", "alice");
    ImsRecipient changed = {
        .id = id,
        .kind = IMS_RECIPIENT_MAILBOX,
        .alias = (char *)"alicia",
        .addresses = (char *[]){(char *)"alicia@example.com", (char *)"alice@example.com", NULL}
    };
    g_autoptr(ImsRecipientTable) table = NULL;
    g_autoptr(GError) error = NULL;
    const ImsRecipient *found;

    must_add(fixture, IMS_RECIPIENT_MAILBOX, "bob", "bob@example.com", NULL);
    ims_directory_change_recipient(fixture->directory, &changed, &error);
    g_assert_no_error(error);
    table = ims_directory_table(fixture->directory);
    g_assert_null(ims_recipient_table_find_alias(table, "alice"));
    found = ims_recipient_table_find_address(table, "alice", "example.com", NULL);
    g_assert_cmpstr(found->alias, ==, "alicia");
    g_assert_cmpuint(found->id, ==, id);
    g_assert_null(found->account);

    changed.addresses = (char *[]){(char *)"bob@example.com", NULL};
    g_assert_false(ims_directory_change_recipient(fixture->directory, &changed, &error));
    g_assert_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_EXISTS);
    g_clear_error(&error);
    changed.kind = IMS_RECIPIENT_LIST;
    g_assert_false(ims_directory_change_recipient(fixture->directory, &changed, &error));
    g_assert_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_INVALID);
    g_clear_error(&error);
    changed.id = 4711;
    g_assert_false(ims_directory_change_recipient(fixture->directory, &changed, &error));
    g_assert_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_NOT_FOUND);
}

/* D-055 */
static void
test_custom_without_address(Fixture *fixture, gconstpointer unused)
{
    ImsRecipient custom = {
        .kind = IMS_RECIPIENT_CUSTOM, .alias = (char *)"far", .target = (char *)"Far@Else.Example"};
    g_autoptr(ImsRecipientTable) table = NULL;

    g_assert_true(ims_directory_add_recipient(fixture->directory, &custom, NULL, NULL));
    table = ims_directory_table(fixture->directory);
    g_assert_cmpstr(ims_recipient_table_find_alias(table, "far")->target, ==, "Far@else.example");
    g_assert_null(ims_recipient_table_find_alias(table, "far")->addresses[0]);
}

/* As replication from elsewhere made them; what is there stays when the rule holds again. */
static void
test_double_address(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(ImsRecipientTable) table = NULL;
    gboolean ambiguous = FALSE;

    must_add(fixture, IMS_RECIPIENT_MAILBOX, "one", "one@example.com,both@example.com", NULL);
    ims_directory_set_unique(fixture->directory, FALSE);
    must_add(fixture, IMS_RECIPIENT_MAILBOX, "two", "two@example.com,both@example.com", NULL);
    ims_directory_set_unique(fixture->directory, TRUE);
    table = ims_directory_table(fixture->directory);
    ims_recipient_table_find_address(table, "both", "example.com", &ambiguous);
    g_assert_true(ambiguous);
    ims_recipient_table_find_address(table, "two", "example.com", &ambiguous);
    g_assert_false(ambiguous);
    g_assert_false(
        add(fixture, IMS_RECIPIENT_MAILBOX, "three", "both@example.com", NULL, NULL, NULL));
    ims_directory_set_unique(fixture->directory, FALSE);
    g_assert_false(
        add(fixture, IMS_RECIPIENT_MAILBOX, "one", "four@example.com", NULL, NULL, NULL));
    ims_directory_set_unique(fixture->directory, TRUE);
}

/* ---- lists ---- */

static char *
show_expansion(Fixture *fixture, const char *const *names)
{
    g_autoptr(ImsRecipientTable) table = ims_directory_table(fixture->directory);
    g_autoptr(ImsExpansion) expansion = ims_expansion_new();
    GString *text = g_string_new("");

    for (; *names != NULL; names++)
        ims_recipient_table_expand(table, ims_recipient_table_find_alias(table, *names), expansion);
    for (guint i = 0; i < expansion->mailboxes->len; i++)
        g_string_append_printf(text, "%" G_GUINT64_FORMAT " ",
                               g_array_index(expansion->mailboxes, guint64, i));
    g_string_append(text, "|");
    for (guint i = 0; i < expansion->outside->len; i++)
        g_string_append_printf(text, " %s", (char *)expansion->outside->pdata[i]);
    g_string_append(text, "|");
    for (guint i = 0; i < expansion->unknown->len; i++)
        g_string_append_printf(text, " %s", (char *)expansion->unknown->pdata[i]);
    return g_string_free(text, FALSE);
}

static void
add_expansion_set(Fixture *fixture)
{
    must_add(fixture, IMS_RECIPIENT_MAILBOX, "a", "a@example.com", NULL);                  /* 1 */
    must_add(fixture, IMS_RECIPIENT_MAILBOX, "b", "b@example.com", NULL);                  /* 2 */
    must_add(fixture, IMS_RECIPIENT_CUSTOM, "far", "far@example.com", "f@else.example");   /* 3 */
    must_add(fixture, IMS_RECIPIENT_CUSTOM, "far2", "far2@example.com", "F@Else.example"); /* 4 */
    must_add(fixture, IMS_RECIPIENT_CUSTOM, "self", "self@example.com", "self@example.com");
    must_add(fixture, IMS_RECIPIENT_CUSTOM, "toa", "toa@example.com", "a@example.com");
    must_add(fixture, IMS_RECIPIENT_CUSTOM, "ring1", "ring1@example.com", "ring2@example.com");
    must_add(fixture, IMS_RECIPIENT_CUSTOM, "ring2", "ring2@example.com", "ring1@example.com");
    must_add(fixture, IMS_RECIPIENT_LIST, "flat", "flat@example.com", "a,B,far,a");
    must_add(fixture, IMS_RECIPIENT_LIST, "nested", "nested@example.com", "b,flat,far2");
    must_add(fixture, IMS_RECIPIENT_LIST, "loop1", "loop1@example.com", "a,loop2");
    must_add(fixture, IMS_RECIPIENT_LIST, "loop2", "loop2@example.com", "loop1,loop2,b");
    must_add(fixture, IMS_RECIPIENT_LIST, "holes", "holes@example.com", "gone,a,Gone,away");
    must_add(fixture, IMS_RECIPIENT_LIST, "none", "none@example.com", NULL);
}

static const struct {
    const char *name;
    const char *names[3];
    const char *expected;
} expansions[] = {
    {"mailbox",             {"a"},         "1 ||"                 },
    {"custom",              {"far"},       "| f@else.example|"    },
    {"D-054-own-target",    {"self"},      "| self@example.com|"  },
    {"custom-to-mailbox",   {"toa", "a"},  "1 ||"                 },
    {"custom-ring",         {"ring1"},     "|| ring1"             },
    {"flat-each-once",      {"flat"},      "1 2 | f@else.example|"},
    {"nested",              {"nested"},    "2 1 | f@else.example|"},
    {"loop",                {"loop1"},     "1 2 ||"               },
    {"D-094-unknown-named", {"holes"},     "1 || gone away"       },
    {"empty",               {"none"},      "||"                   },
    {"adds-up",             {"b", "flat"}, "2 1 | f@else.example|"},
};

static void
test_expansion(Fixture *fixture, gconstpointer data)
{
    guint i = GPOINTER_TO_UINT(data);
    g_autofree char *shown = NULL;

    add_expansion_set(fixture);
    shown = show_expansion(fixture, expansions[i].names);
    g_assert_cmpstr(shown, ==, expansions[i].expected);
}

/* D-094: a member made after the list is in it from then on. */
static void
test_member_made_later(Fixture *fixture, gconstpointer unused)
{
    static const char *const names[] = {"list", NULL};
    g_autofree char *before = NULL, *after = NULL;

    must_add(fixture, IMS_RECIPIENT_LIST, "list", "list@example.com", "late");
    before = show_expansion(fixture, names);
    must_add(fixture, IMS_RECIPIENT_MAILBOX, "late", "late@example.com", NULL);
    after = show_expansion(fixture, names);
    g_assert_cmpstr(before, ==, "|| late");
    g_assert_cmpstr(after, ==, "2 ||");
}

static void
test_expansion_depth(Fixture *fixture, gconstpointer unused)
{
    static const char *const deep[] = {"l0", NULL}, *const deeper[] = {"top", NULL};
    g_autofree char *fits = NULL, *too_deep = NULL;

    must_add(fixture, IMS_RECIPIENT_MAILBOX, "end", "end@example.com", NULL);
    for (guint i = 0; i < 100; i++) {
        g_autofree char *alias = g_strdup_printf("l%u", i);
        g_autofree char *address = g_strdup_printf("l%u@example.com", i);
        g_autofree char *next = i == 99 ? g_strdup("end") : g_strdup_printf("l%u", i + 1);

        must_add(fixture, IMS_RECIPIENT_LIST, alias, address, next);
    }
    must_add(fixture, IMS_RECIPIENT_LIST, "top", "top@example.com", "l0");
    fits = show_expansion(fixture, deep);
    too_deep = show_expansion(fixture, deeper);
    g_assert_cmpstr(fits, ==, "1 ||");
    g_assert_cmpstr(too_deep, ==, "|| end");
}

static void
test_expansion_total(Fixture *fixture, gconstpointer unused)
{
    g_auto(GStrv) members = g_new0(char *, 100003);
    ImsRecipient list = {
        .kind = IMS_RECIPIENT_LIST,
        .alias = (char *)"huge",
        .addresses = (char *[]){(char *)"huge@example.com", NULL},
        .members = members
    };
    g_autoptr(ImsRecipientTable) table = NULL;
    g_autoptr(ImsExpansion) expansion = ims_expansion_new();

    for (guint i = 0; i < 100002; i++)
        members[i] = g_strdup_printf("m%u", i);
    g_assert_true(ims_directory_add_recipient(fixture->directory, &list, NULL, NULL));
    table = ims_directory_table(fixture->directory);
    ims_recipient_table_expand(table, ims_recipient_table_find_alias(table, "huge"), expansion);
    g_assert_cmpuint(expansion->unknown->len, ==, 100001);
    g_assert_cmpstr(expansion->unknown->pdata[100000], ==, "huge");
}

/* ---- on disk ---- */

static void
run_sql(Fixture *fixture, const char *sql)
{
    g_autofree char *path = g_build_filename(fixture->folder, "dir.db", NULL);
    sqlite3 *db = NULL;

    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(db);
}

static void
test_reopen(Fixture *fixture, gconstpointer unused)
{
    static const char *const names[] = {"nested", NULL};
    g_autoptr(ImsRecipientTable) table = NULL;
    g_autofree char *shown = NULL, *path = g_build_filename(fixture->folder, "dir.db", NULL);
    g_autoptr(GError) error = NULL;
    const ImsRecipient *found;
    struct stat status;

    add_expansion_set(fixture);
    must_add(fixture, IMS_RECIPIENT_MAILBOX, "z", "Z@example.com,z2@example.com", "other\\z");
    g_assert_true(ims_directory_remove_recipient(fixture->directory, "loop1", NULL));
    ims_directory_close(fixture->directory);
    g_assert_cmpint(stat(path, &status), ==, 0);
    g_assert_cmpint(status.st_mode & 0777, ==, 0600);
    open_fixture(fixture, &error);
    g_assert_no_error(error);
    table = ims_directory_table(fixture->directory);
    g_assert_cmpuint(ims_recipient_table_size(table), ==, 14);
    found = ims_recipient_table_find_alias(table, "z");
    g_assert_cmpstr(found->addresses[0], ==, "Z@example.com");
    g_assert_cmpstr(found->addresses[1], ==, "z2@example.com");
    g_assert_null(found->addresses[2]);
    g_assert_cmpstr(found->account, ==, "OTHER\\z");
    g_assert_cmpstr(found->display_name, ==, "z");
    g_assert_null(ims_recipient_table_find_alias(table, "loop1"));
    shown = show_expansion(fixture, names);
    g_assert_cmpstr(shown, ==, "2 1 | f@else.example|");
}

/* Two made before replication meet (D-044, P-031): such a database is read, and says ambiguous. */
static void
test_ambiguous(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(ImsRecipientTable) table = NULL;
    g_autoptr(GError) error = NULL;
    gboolean ambiguous = FALSE;

    must_add(fixture, IMS_RECIPIENT_MAILBOX, "a", "a@example.com", NULL);
    must_add(fixture, IMS_RECIPIENT_MAILBOX, "b", "b@example.com", NULL);
    ims_directory_close(fixture->directory);
    run_sql(fixture, "UPDATE addresses SET address='A@example.com' WHERE recipient=2");
    open_fixture(fixture, &error);
    g_assert_no_error(error);
    table = ims_directory_table(fixture->directory);
    g_assert_nonnull(ims_recipient_table_find_address(table, "a", "example.com", &ambiguous));
    g_assert_true(ambiguous);
    g_assert_false(add(fixture, IMS_RECIPIENT_LIST, "c", "a@example.com", NULL, NULL, &error));
    g_assert_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_EXISTS);
}

static void
check_does_not_open(Fixture *fixture, ImsDirectoryError code, const char *says)
{
    ImsDirectoryOptions options = {.directory = fixture->folder, .hash_cost = 1};
    g_autoptr(GError) error = NULL;

    g_assert_null(ims_directory_open(fixture->world, &options, &error));
    g_assert_error(error, IMS_DIRECTORY_ERROR, (int)code);
    g_assert_nonnull(strstr(error->message, says));
}

/* A directory of version 1, as it was before there were alternate recipients. */
static void
test_older_schema(Fixture *fixture, gconstpointer unused)
{
    ImsDirectoryOptions options = {.directory = fixture->folder, .hash_cost = 1};
    g_autoptr(ImsRecipientTable) table = NULL;
    g_autoptr(ImsRecipientTable) after = NULL;
    g_autoptr(ImsRecipient) alice = NULL;
    g_autoptr(GError) error = NULL;

    g_assert_true(
        add(fixture, IMS_RECIPIENT_MAILBOX, "alice", "alice@example.com", NULL, NULL, NULL));
    g_clear_pointer(&fixture->directory, ims_directory_close);
    run_sql(
        fixture,
        "ALTER TABLE recipients DROP COLUMN forward_to;"
        "ALTER TABLE recipients DROP COLUMN accept_from; ALTER TABLE recipients DROP COLUMN "
        "reject_from; ALTER TABLE recipients DROP COLUMN rule_forward_to; ALTER TABLE recipients "
        "DROP COLUMN "
        "out_of_office; ALTER TABLE recipients DROP COLUMN forward_both; PRAGMA user_version=1");
    fixture->directory = ims_directory_open(fixture->world, &options, &error);
    g_assert_no_error(error);
    table = ims_directory_table(fixture->directory);
    alice = ims_recipient_copy(ims_recipient_table_find_alias(table, "alice"));
    g_assert_null(alice->forward_to);
    alice->forward_to = g_strdup("bob@FAR.example");
    alice->forward_both = TRUE;
    alice->rule_forward_to = g_strdup("carol@far.example");
    alice->out_of_office = g_strdup("away");
    alice->reject_from = g_strsplit("bob carol", " ", -1);
    g_assert_true(ims_directory_change_recipient(fixture->directory, alice, NULL));
    g_clear_pointer(&fixture->directory, ims_directory_close);
    fixture->directory = ims_directory_open(fixture->world, &options, &error);
    g_assert_no_error(error);
    after = ims_directory_table(fixture->directory);
    g_assert_cmpstr(ims_recipient_table_find_alias(after, "alice")->forward_to, ==,
                    "bob@far.example");
    g_assert_true(ims_recipient_table_find_alias(after, "alice")->forward_both);
    g_assert_cmpstr(ims_recipient_table_find_alias(after, "alice")->rule_forward_to, ==,
                    "carol@far.example");
    g_assert_cmpstr(ims_recipient_table_find_alias(after, "alice")->out_of_office, ==, "away");
    g_assert_cmpstr(ims_recipient_table_find_alias(after, "alice")->reject_from[1], ==, "carol");
    g_assert_null(ims_recipient_table_find_alias(after, "alice")->accept_from);
}

/* D-070: each row is who forwards to whom, with + where both get the message; then who is reached.
 */
static void
test_alternates(Fixture *fixture, gconstpointer unused)
{
    static const struct {
        const char *name, *forwards[3], *reached;
    } rows[] = {
        {"none",          {NULL},                                     "m1"              },
        {"outside",       {"1>x@far.example"},                        "x@far.example"   },
        {"both",          {"1>+x@far.example"},                       "m1 x@far.example"},
        {"here",          {"1>m2@example.com"},                       "m2"              },
        {"chain",         {"1>m2@example.com", "2>m3@example.com"},   "m3"              },
        {"chain-both",    {"1>+m2@example.com", "2>+m3@example.com"}, "m1 m2 m3"        },
        {"ring",          {"1>m2@example.com", "2>m1@example.com"},   "?m1"             },
        {"ring-one-both", {"1>m2@example.com", "2>+m1@example.com"},  "m2 ?m1"          },
        {"ring-both",     {"1>+m2@example.com", "2>+m1@example.com"}, "m1 m2"           },
        {"itself",        {"1>m1@example.com"},                       "?m1"             },
        {"itself-both",   {"1>+m1@example.com"},                      "m1"              },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_autoptr(ImsExpansion) expansion = ims_expansion_new();
        g_autoptr(ImsRecipientTable) table = NULL;
        g_autoptr(GString) got = g_string_new(NULL);
        guint64 ids[3];

        for (guint k = 0; k < 3; k++) {
            g_autofree char *alias = g_strdup_printf("m%u", k + 1);
            g_autofree char *address = g_strconcat(alias, "@example.com", NULL);
            char *proxies[] = {address, NULL};
            ImsRecipient recipient = {
                .kind = IMS_RECIPIENT_MAILBOX, .alias = alias, .addresses = proxies};

            for (guint n = 0; n < 3 && rows[i].forwards[n] != NULL; n++) {
                const char *text = rows[i].forwards[n];

                if (*text != (char)('1' + k))
                    continue;
                recipient.forward_both = text[2] == '+';
                recipient.forward_to = (char *)text + 2 + recipient.forward_both;
            }
            g_assert_true(
                ims_directory_add_recipient(fixture->directory, &recipient, &ids[k], NULL));
        }
        table = ims_directory_table(fixture->directory);
        ims_recipient_table_expand(table, ims_recipient_table_find_alias(table, "m1"), expansion);
        for (guint n = 0; n < expansion->mailboxes->len; n++)
            for (guint k = 0; k < 3; k++)
                if (g_array_index(expansion->mailboxes, guint64, n) == ids[k])
                    g_string_append_printf(got, " m%u", k + 1);
        for (guint n = 0; n < expansion->outside->len; n++)
            g_string_append_printf(got, " %s", (char *)expansion->outside->pdata[n]);
        for (guint n = 0; n < expansion->unknown->len; n++)
            g_string_append_printf(got, " ?%s", (char *)expansion->unknown->pdata[n]);
        g_test_message("%s", rows[i].name);
        g_assert_cmpstr(got->len > 0 ? got->str + 1 : "", ==, rows[i].reached);
        for (guint k = 0; k < 3; k++) {
            g_autofree char *alias = g_strdup_printf("m%u", k + 1);

            g_assert_true(ims_directory_remove_recipient(fixture->directory, alias, NULL));
        }
    }
}

/* D-067: who may write to m; the senders are a, b and somebody of the Internet. */
static void
test_restrictions(Fixture *fixture, gconstpointer unused)
{
    static const struct {
        const char *accept, *reject;
        gboolean a, b, stranger;
    } rows[] = {
        {NULL,      NULL,     TRUE,  TRUE,  TRUE },
        {"a",       NULL,     TRUE,  FALSE, FALSE},
        {"A",       NULL,     TRUE,  FALSE, FALSE},
        {NULL,      "a",      FALSE, TRUE,  TRUE },
        {"inner",   NULL,     FALSE, TRUE,  FALSE},
        {"outer",   NULL,     FALSE, TRUE,  FALSE},
        {NULL,      "outer",  TRUE,  FALSE, TRUE },
        {"outer a", "b",      TRUE,  FALSE, FALSE},
        {"nobody",  NULL,     FALSE, FALSE, FALSE},
        {NULL,      "nobody", TRUE,  TRUE,  TRUE },
        {"",        "",       TRUE,  TRUE,  TRUE },
    };
    g_autoptr(ImsRecipientTable) table = NULL;
    const ImsRecipient *a, *b;

    must_add(fixture, IMS_RECIPIENT_CUSTOM, "a", "a@example.com", "a@else.example");
    must_add(fixture, IMS_RECIPIENT_MAILBOX, "b", "b@example.com", NULL);
    must_add(fixture, IMS_RECIPIENT_LIST, "inner", "inner@example.com", "b,outer");
    must_add(fixture, IMS_RECIPIENT_LIST, "outer", "outer@example.com", "inner");
    table = ims_directory_table(fixture->directory);
    a = ims_recipient_table_find_alias(table, "a");
    b = ims_recipient_table_find_alias(table, "b");
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(GStrv) accept = rows[i].accept != NULL ? g_strsplit(rows[i].accept, " ", -1) : NULL;
        g_auto(GStrv) reject = rows[i].reject != NULL ? g_strsplit(rows[i].reject, " ", -1) : NULL;
        ImsRecipient m = {.accept_from = accept, .reject_from = reject};

        g_test_message("row %u", i);
        g_assert_cmpint(ims_recipient_table_may_send(table, a, &m), ==, rows[i].a);
        g_assert_cmpint(ims_recipient_table_may_send(table, b, &m), ==, rows[i].b);
        g_assert_cmpint(ims_recipient_table_may_send(table, NULL, &m), ==, rows[i].stranger);
    }
}

static void
test_bad_alternate(Fixture *fixture, gconstpointer unused)
{
    char *proxies[] = {(char *)"m@example.com", NULL};
    ImsRecipient recipient = {.kind = IMS_RECIPIENT_MAILBOX,
                              .alias = (char *)"m",
                              .addresses = proxies,
                              .forward_to = (char *)"nowhere"};
    g_autoptr(GError) error = NULL;

    g_assert_false(ims_directory_add_recipient(fixture->directory, &recipient, NULL, &error));
    g_assert_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_INVALID);
    g_assert_nonnull(strstr(error->message, "alternate recipient"));
}

static void
test_newer_schema(Fixture *fixture, gconstpointer unused)
{
    g_clear_pointer(&fixture->directory, ims_directory_close);
    run_sql(fixture, "PRAGMA user_version=5");
    check_does_not_open(fixture, IMS_DIRECTORY_ERROR_NEWER, "schema 5 was made by a newer version");
}

static void
test_second_opener(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *pid = g_strdup_printf("in use by process %ld", (long)getpid());

    check_does_not_open(fixture, IMS_DIRECTORY_ERROR_LOCKED, pid);
}

static void
test_not_a_database(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = g_build_filename(fixture->folder, "dir.db", NULL);
    g_autofree char *junk = g_strnfill(8192, 'x');

    g_clear_pointer(&fixture->directory, ims_directory_close);
    g_assert_true(g_file_set_contents(path, junk, -1, NULL));
    check_does_not_open(fixture, IMS_DIRECTORY_ERROR_IO, "not a database");
}

static void
test_damaged_row(Fixture *fixture, gconstpointer unused)
{
    must_add(fixture, IMS_RECIPIENT_CUSTOM, "a", "a@example.com", "a@else.example");
    g_clear_pointer(&fixture->directory, ims_directory_close);
    run_sql(fixture, "UPDATE recipients SET target='nowhere'");
    check_does_not_open(fixture, IMS_DIRECTORY_ERROR_IO, "recipient 1 is damaged");
}

/* A write that fails changes nothing, neither on disk nor in memory. */
static void
test_write_fails(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = g_build_filename(fixture->folder, "dir.db", NULL);
    g_autoptr(ImsRecipientTable) table = NULL;
    g_autoptr(GError) error = NULL;
    sqlite3 *other = NULL;

    g_assert_cmpint(sqlite3_open(path, &other), ==, SQLITE_OK);
    /* Another program adds what makes the last row of a change impossible. */
    g_assert_cmpint(sqlite3_exec(other,
                                 "CREATE TRIGGER t BEFORE INSERT ON members BEGIN"
                                 " SELECT RAISE(ABORT, 'no members'); END",
                                 NULL, NULL, NULL),
                    ==, SQLITE_OK);
    g_assert_false(add(fixture, IMS_RECIPIENT_LIST, "l", "l@example.com", "a", NULL, &error));
    g_assert_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_IO);
    table = ims_directory_table(fixture->directory);
    g_assert_cmpuint(ims_recipient_table_size(table), ==, 0);
    g_assert_cmpint(sqlite3_exec(other, "DROP TRIGGER t", NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(other);
    must_add(fixture, IMS_RECIPIENT_LIST, "l", "l@example.com", "a");
}

/* ---- many ---- */

#define MANY 100000

static void
test_many(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = g_build_filename(fixture->folder, "dir.db", NULL);
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsRecipientTable) table = NULL;
    gint64 before, open_usec, change_usec = G_MAXINT64;
    guint64 id = 0;

    g_clear_pointer(&fixture->directory, ims_directory_close);
    run_sql(fixture,
            "BEGIN;"
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000)"
            " INSERT INTO recipients(id, kind, alias, display_name, target, account, hidden) "
            "SELECT i, 0, 'user' || i, 'User ' || i, NULL, 'EXAMPLE\\user' "
            "|| i, 0"
            " FROM n;"
            "INSERT INTO addresses SELECT id, 0, alias || '@example.com' FROM recipients; COMMIT");
    before = g_get_monotonic_time();
    open_fixture(fixture, &error);
    open_usec = g_get_monotonic_time() - before;
    g_assert_no_error(error);
    for (guint i = 0; i < 10; i++) {
        g_autofree char *alias = g_strdup_printf("new%u", i);
        g_autofree char *address = g_strdup_printf("%s@example.com", alias);

        before = g_get_monotonic_time();
        id = must_add(fixture, IMS_RECIPIENT_MAILBOX, alias, address, NULL);
        change_usec = MIN(change_usec, g_get_monotonic_time() - before);
    }
    g_assert_cmpuint(id, ==, MANY + 10);
    table = ims_directory_table(fixture->directory);
    g_assert_cmpuint(ims_recipient_table_find_address(table, "user77777", "example.com", NULL)->id,
                     ==, 77777);
    g_test_message("open %" G_GINT64_FORMAT " us, change %" G_GINT64_FORMAT " us", open_usec,
                   change_usec);
    /* Ten times what it may take: the machine may be busy, or the build slow with sanitizers. */
    g_assert_cmpint(open_usec, <, 10 * G_USEC_PER_SEC);
    g_assert_cmpint(change_usec, <, G_USEC_PER_SEC / 2);
}

#define ROWS(prefix, table, function)                                                              \
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {                                              \
        g_autofree char *path = g_strdup_printf("/directory/" prefix "/%s", (table)[i].name);      \
        g_test_add_data_func(path, GUINT_TO_POINTER(i), function);                                 \
    }
#define FIXTURE_ROWS(prefix, table, function)                                                      \
    for (guint i = 0; i < G_N_ELEMENTS(table); i++) {                                              \
        g_autofree char *path = g_strdup_printf("/directory/" prefix "/%s", (table)[i].name);      \
        g_test_add(path, Fixture, GUINT_TO_POINTER(i), set_up_memory, function, tear_down);        \
    }

static void
set_up_memory(Fixture *fixture, gconstpointer unused)
{
    set_up(fixture, NULL);
}

int
main(int argc, char **argv)
{
    gpointer on_disk = GINT_TO_POINTER(1);

    g_test_init(&argc, &argv, NULL);
    ROWS("address", addresses, test_address)
    ROWS("alias", aliases, test_alias)
    ROWS("account-name", accounts, test_account_name)
    FIXTURE_ROWS("refused", refused, test_refused)
    FIXTURE_ROWS("expansion", expansions, test_expansion)
    g_test_add_func("/directory/address/lengths", test_address_lengths);
    g_test_add_func("/directory/alias/length", test_alias_length);
    g_test_add_func("/directory/tree", test_tree);
    g_test_add("/directory/recipients/D-044-double-address", Fixture, NULL, set_up,
               test_double_address, tear_down);
    g_test_add("/directory/table/find", Fixture, NULL, set_up, test_find, tear_down);
    g_test_add("/directory/table/old-one-stays", Fixture, NULL, set_up, test_old_table_stays,
               tear_down);
    g_test_add("/directory/table/ids-are-not-reused", Fixture, on_disk, set_up,
               test_ids_are_not_reused, tear_down);
    g_test_add("/directory/change", Fixture, NULL, set_up, test_change, tear_down);
    g_test_add("/directory/D-055-custom-without-address", Fixture, NULL, set_up,
               test_custom_without_address, tear_down);
    g_test_add("/directory/expansion/D-094-member-made-later", Fixture, NULL, set_up,
               test_member_made_later, tear_down);
    g_test_add("/directory/expansion/depth", Fixture, NULL, set_up, test_expansion_depth,
               tear_down);
    g_test_add("/directory/expansion/total", Fixture, NULL, set_up, test_expansion_total,
               tear_down);
    g_test_add("/directory/disk/reopen", Fixture, on_disk, set_up, test_reopen, tear_down);
    g_test_add("/directory/disk/D-044-ambiguous", Fixture, on_disk, set_up, test_ambiguous,
               tear_down);
    g_test_add("/directory/disk/older-schema", Fixture, on_disk, set_up, test_older_schema,
               tear_down);
    g_test_add("/directory/D-070-alternates", Fixture, NULL, set_up, test_alternates, tear_down);
    g_test_add("/directory/D-067-restrictions", Fixture, NULL, set_up, test_restrictions,
               tear_down);
    g_test_add("/directory/alternate-is-no-address", Fixture, NULL, set_up, test_bad_alternate,
               tear_down);
    g_test_add("/directory/disk/newer-schema", Fixture, on_disk, set_up, test_newer_schema,
               tear_down);
    g_test_add("/directory/disk/second-opener", Fixture, on_disk, set_up, test_second_opener,
               tear_down);
    g_test_add("/directory/disk/not-a-database", Fixture, on_disk, set_up, test_not_a_database,
               tear_down);
    g_test_add("/directory/disk/damaged-row", Fixture, on_disk, set_up, test_damaged_row,
               tear_down);
    g_test_add("/directory/disk/write-fails", Fixture, on_disk, set_up, test_write_fails,
               tear_down);
    g_test_add("/directory/disk/many", Fixture, on_disk, set_up, test_many, tear_down);
    return g_test_run();
}
