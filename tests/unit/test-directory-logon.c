/* Logging on: every name form, who is refused and why, what is remembered, and how failures slow
 * down. */
#include <glib.h>
#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>

#include "directory/directory.h"
#include "directory/logon-private.h"
#include "directory/secrets-private.h"
#include "net/sim-world.h"

#define START_USEC (G_GINT64_CONSTANT(1764000000) * G_USEC_PER_SEC)

/* ---- a pool that can be full ---- */

gboolean __real_ims_world_run_in_pool(ImsWorld *world, ImsCallback work, ImsCallback done,
                                      gpointer data);
gboolean __wrap_ims_world_run_in_pool(ImsWorld *world, ImsCallback work, ImsCallback done,
                                      gpointer data);
static gboolean pool_is_full;
static guint n_hashes;

gboolean
__wrap_ims_world_run_in_pool(ImsWorld *world, ImsCallback work, ImsCallback done, gpointer data)
{
    n_hashes++;
    return !pool_is_full && __real_ims_world_run_in_pool(world, work, done, data);
}

/* ---- help ---- */

typedef struct {
    ImsWorld *world;
    ImsDirectory *directory;
    ImsDirectoryOptions options;
    ImsLog *log;
    GString *changed;
    char *made; /* (nullable) */
} Fixture;

static void
note_changed(const char *account, gpointer data)
{
    g_string_append_printf(data, "%s;", account);
}

static void
open_fixture(Fixture *fixture)
{
    g_autoptr(GError) error = NULL;

    fixture->directory = ims_directory_open(fixture->world, &fixture->options, &error);
    g_assert_no_error(error);
    ims_directory_set_account_changed(fixture->directory, note_changed, fixture->changed);
}

static void
add_account(Fixture *fixture, const char *name, const char *password)
{
    g_autoptr(GError) error = NULL;

    ims_directory_add_account(fixture->directory, name, password, &error);
    g_assert_no_error(error);
}

static guint64
add_recipient(Fixture *fixture, ImsRecipientKind kind, const char *alias, const char *more)
{
    g_autofree char *address =
        g_strdup_printf("%s@example.com", strcmp(alias, "joe\\smith") == 0 ? "joe" : alias);
    ImsRecipient recipient = {
        .kind = kind,
        .alias = (char *)alias,
        .addresses = (char *[]){address, NULL},
        .target = kind == IMS_RECIPIENT_CUSTOM ? (char *)more : NULL,
        .account = kind == IMS_RECIPIENT_MAILBOX ? (char *)more : NULL
    };
    g_autoptr(GError) error = NULL;
    guint64 id = 0;

    ims_directory_add_recipient(fixture->directory, &recipient, &id, &error);
    g_assert_no_error(error);
    return id;
}

static void
set_up(Fixture *fixture, gconstpointer unused)
{
    fixture->world = ims_sim_world_new(1, START_USEC);
    fixture->log = ims_log_new_memory();
    fixture->changed = g_string_new("");
    fixture->options = (ImsDirectoryOptions){
        .default_domain = "EXAMPLE", .cache_sec = 300, .hash_cost = 1, .log = fixture->log};
    open_fixture(fixture);
    add_account(fixture, "alice", "secret-a");
    add_account(fixture, "bob", "secret-b");
    add_account(fixture, "OTHER\\olga", "secret-o");
    add_account(fixture, "OTHER\\twin", "secret-1");
    add_account(fixture, "THIRD\\twin", "secret-2");
    add_account(fixture, "nomail", "secret-n");
    add_account(fixture, "shadow", "secret-s");
    add_account(fixture, "renamed", "secret-r");
    add_account(fixture, "clash", "secret-c");
    add_recipient(fixture, IMS_RECIPIENT_MAILBOX, "alice", "alice");          /* 1 */
    add_recipient(fixture, IMS_RECIPIENT_MAILBOX, "bob", "EXAMPLE\\bob");     /* 2 */
    add_recipient(fixture, IMS_RECIPIENT_MAILBOX, "olga", "other\\OLGA");     /* 3 */
    add_recipient(fixture, IMS_RECIPIENT_MAILBOX, "joe\\smith", "alice");     /* 4 */
    add_recipient(fixture, IMS_RECIPIENT_CUSTOM, "shadow", "s@else.example"); /* 5 */
    add_recipient(fixture, IMS_RECIPIENT_LIST, "staff", NULL);                /* 6 */
    add_recipient(fixture, IMS_RECIPIENT_MAILBOX, "newname", "renamed");      /* 7 */
    add_recipient(fixture, IMS_RECIPIENT_MAILBOX, "orphan", NULL);            /* 8 */
    add_recipient(fixture, IMS_RECIPIENT_MAILBOX, "clash", "bob");            /* 9 */
}

static void
set_up_on_disk(Fixture *fixture, gconstpointer unused)
{
    set_up(fixture, NULL);
    ims_directory_close(fixture->directory);
    fixture->made = g_dir_make_tmp("logon-XXXXXX", NULL);
    fixture->options.directory = fixture->made;
    fixture->options.lockout_failures = 3;
    fixture->options.lockout_sec = 600;
    open_fixture(fixture);
    add_account(fixture, "alice", "secret-a");
    add_recipient(fixture, IMS_RECIPIENT_MAILBOX, "alice", "alice");
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    static const char *const names[] = {"dir.db", "dir.db-wal", "dir.db-shm", "lock"};

    ims_directory_close(fixture->directory);
    ims_sim_world_settle(fixture->world);
    ims_sim_world_free(fixture->world);
    ims_log_free(fixture->log);
    g_string_free(fixture->changed, TRUE);
    for (guint i = 0; fixture->made != NULL && i < G_N_ELEMENTS(names); i++) {
        g_autofree char *path = g_build_filename(fixture->made, names[i], NULL);

        g_unlink(path);
    }
    if (fixture->made != NULL)
        g_rmdir(fixture->made);
    g_free(fixture->made);
}

typedef struct {
    guint n_answers;
    ImsLogonStatus status;
    guint64 mailbox;
    char *account, *alias, *detail;
    gboolean guest;
} Answer;

static void
note_answer(const ImsLogonResult *result, gpointer data)
{
    Answer *answer = data;

    answer->n_answers++;
    answer->status = result->status;
    answer->mailbox = result->mailbox;
    answer->account = g_strdup(result->account);
    answer->alias = g_strdup(result->alias);
    answer->detail = g_strdup(result->detail);
    answer->guest = result->guest;
}

static void
clear_answer(Answer *answer)
{
    g_free(answer->account);
    g_free(answer->alias);
    g_free(answer->detail);
    memset(answer, 0, sizeof *answer);
}

static void
ask(Fixture *fixture, const char *peer, const char *name, const char *password,
    gboolean need_mailbox, Answer *answer)
{
    ImsAddress address = {0};

    if (peer != NULL)
        g_assert_true(ims_address_parse(peer, &address));
    ims_directory_logon(fixture->directory, &address, name, password, need_mailbox, note_answer,
                        answer);
    g_assert_cmpuint(answer->n_answers, ==, 0); /* never inside the call */
    ims_sim_world_settle(fixture->world);
}

static ImsLogonStatus
logon(Fixture *fixture, const char *name, const char *password)
{
    Answer answer = {0};
    ImsLogonStatus status;

    ask(fixture, NULL, name, password, TRUE, &answer);
    g_assert_cmpuint(answer.n_answers, ==, 1);
    status = answer.status;
    clear_answer(&answer);
    return status;
}

/* ---- forms ---- */

static const struct {
    const char *name, *logon, *password;
    gboolean need_mailbox;
    ImsLogonStatus status;
    guint64 mailbox;
    const char *account, *detail;
} forms[] = {
    {"I-030-alias-alone",                   "alice",                      "secret-a",  TRUE,  IMS_LOGON_OK,         1, "EXAMPLE\\alice",  NULL                        },
    {"alias-in-other-case",                 "ALICE",                      "secret-a",  TRUE,  IMS_LOGON_OK,         1, "EXAMPLE\\alice",  NULL                        },
    {"I-031-three-parts-slashes",           "EXAMPLE/alice/alice",        "secret-a",  TRUE,  IMS_LOGON_OK,         1,
     "EXAMPLE\\alice",                                                                                                                    NULL                        },
    {"I-031-three-parts-backslashes",       "EXAMPLE\\alice\\alice",      "secret-a",  TRUE,  IMS_LOGON_OK,         1,
     "EXAMPLE\\alice",                                                                                                                    NULL                        },
    {"I-032-mixed",                         "example\\alice/ALICE",       "secret-a",  TRUE,  IMS_LOGON_OK,         1, "EXAMPLE\\alice",
     NULL                                                                                                                                                             },
    {"I-033-two-parts",                     "EXAMPLE/bob",                "secret-b",  TRUE,  IMS_LOGON_OK,         2, "EXAMPLE\\bob",    NULL                        },
    {"I-033-two-parts-backslash",           "EXAMPLE\\bob",               "secret-b",  TRUE,  IMS_LOGON_OK,         2, "EXAMPLE\\bob",
     NULL                                                                                                                                                             },
    {"I-033-server-finds-domain",           "olga",                       "secret-o",  TRUE,  IMS_LOGON_OK,         3, "OTHER\\olga",     NULL                        },
    {"I-033-two-domains-same-name",         "twin",                       "secret-1",  TRUE,  IMS_LOGON_BAD,        0, NULL,
     "unknown name"                                                                                                                                                   },
    {"two-domains-named",                   "THIRD\\twin",                "secret-2",  FALSE, IMS_LOGON_OK,         0, "THIRD\\twin",     NULL                        },
    {"two-domains-other-password",          "THIRD\\twin",                "secret-1",  FALSE, IMS_LOGON_BAD,        0, NULL,
     "password"                                                                                                                                                       },
    {"wrong-domain",                        "OTHER\\alice",               "secret-a",  TRUE,  IMS_LOGON_BAD,        0, NULL,              "unknown name"              },
    {"empty-domain-is-default",             "\\alice",                    "secret-a",  TRUE,  IMS_LOGON_OK,         1, "EXAMPLE\\alice",
     NULL                                                                                                                                                             },
    {"I-034-alias-with-backslash",          "EXAMPLE\\alice\\joe\\smith", "secret-a",  TRUE,  IMS_LOGON_OK,         4,
     "EXAMPLE\\alice",                                                                                                                    NULL                        },
    {"I-034-two-parts-do-not-do",           "joe\\smith",                 "secret-a",  TRUE,  IMS_LOGON_BAD,        0, NULL,
     "unknown name"                                                                                                                                                   },
    {"I-035-another-s-mailbox",             "EXAMPLE/alice/bob",          "secret-a",  TRUE,  IMS_LOGON_BAD,        0,
     "EXAMPLE\\alice",                                                                                                                    "mailbox of another account"},
    {"I-035-another-s-by-smtp",             "EXAMPLE/alice/bob",          "secret-a",  FALSE, IMS_LOGON_BAD,        0,
     "EXAMPLE\\alice",                                                                                                                    "mailbox of another account"},
    {"O-14-address",                        "Alice@Example.COM",          "secret-a",  TRUE,  IMS_LOGON_OK,         1, "EXAMPLE\\alice",
     NULL                                                                                                                                                             },
    {"O-14-address-of-renamed",             "newname@example.com",        "secret-r",  TRUE,  IMS_LOGON_OK,         7,
     "EXAMPLE\\renamed",                                                                                                                  NULL                        },
    {"address-unknown",                     "eve@example.com",            "secret-a",  TRUE,  IMS_LOGON_BAD,        0, NULL,
     "unknown name"                                                                                                                                                   },
    {"address-of-custom",                   "shadow@example.com",         "secret-s",  TRUE,  IMS_LOGON_BAD,        0, NULL,
     "unknown name"                                                                                                                                                   },
    {"address-of-list",                     "staff@example.com",          "secret-a",  TRUE,  IMS_LOGON_BAD,        0, NULL,
     "unknown name"                                                                                                                                                   },
    {"address-without-domain",              "alice@",                     "secret-a",  TRUE,  IMS_LOGON_BAD,        0, NULL,              "unknown name"              },
    {"address-without-local",               "@example.com",               "secret-a",  TRUE,  IMS_LOGON_BAD,        0, NULL,
     "unknown name"                                                                                                                                                   },
    {"D-001-ends-as-account-by-alias",      "newname",                    "secret-r",  TRUE,  IMS_LOGON_OK,         7,
     "EXAMPLE\\renamed",                                                                                                                  NULL                        },
    {"D-001-own-mailbox-by-account",        "renamed",                    "secret-r",  TRUE,  IMS_LOGON_OK,         7,
     "EXAMPLE\\renamed",                                                                                                                  NULL                        },
    {"D-001-own-by-domain-account",         "EXAMPLE/renamed",            "secret-r",  TRUE,  IMS_LOGON_OK,         7,
     "EXAMPLE\\renamed",                                                                                                                  NULL                        },
    {"D-002-bad-password-before-bad-alias", "EXAMPLE/alice/nobody",       "wrong",     TRUE,  IMS_LOGON_BAD,        0,
     NULL,                                                                                                                                "password"                  },
    {"D-002-bad-password-before-custom",    "EXAMPLE/alice/shadow",       "wrong",     TRUE,  IMS_LOGON_BAD,        0,
     NULL,                                                                                                                                "password"                  },
    {"P-030-wrong-password",                "alice",                      "wrong",     TRUE,  IMS_LOGON_BAD,        0, NULL,              "password"                  },
    {"P-030-empty-password",                "alice",                      "",          TRUE,  IMS_LOGON_BAD,        0, NULL,              "password"                  },
    {"P-030-other-case-password",           "alice",                      "Secret-a",  TRUE,  IMS_LOGON_BAD,        0, NULL,              "password"                  },
    {"P-030-longer-password",               "alice",                      "secret-a ", TRUE,  IMS_LOGON_BAD,        0, NULL,              "password"                  },
    {"P-030-unknown-name",                  "eve",                        "secret-a",  TRUE,  IMS_LOGON_BAD,        0, NULL,              "unknown name"              },
    {"P-030-empty-name",                    "",                           "secret-a",  TRUE,  IMS_LOGON_BAD,        0, NULL,              "unknown name"              },
    {"P-030-only-separators",               "//\\",                       "secret-a",  TRUE,  IMS_LOGON_BAD,        0, NULL,              "unknown name"              },
    {"P-030-not-utf-8",                     "\377\376",                   "\377",      TRUE,  IMS_LOGON_BAD,        0, NULL,              "unknown name"              },
    {"P-032-custom-recipient",              "EXAMPLE/alice/shadow",       "secret-a",  TRUE,  IMS_LOGON_NOT_HERE,   0,
     "EXAMPLE\\alice",                                                                                                                    NULL                        },
    {"P-032-list",                          "EXAMPLE/alice/staff",        "secret-a",  TRUE,  IMS_LOGON_NOT_HERE,   0, "EXAMPLE\\alice",
     NULL                                                                                                                                                             },
    {"D-004-custom-shadows-account",        "shadow",                     "secret-s",  TRUE,  IMS_LOGON_NOT_HERE,   0,
     "EXAMPLE\\shadow",                                                                                                                   NULL                        },
    {"P-033-no-such-alias",                 "EXAMPLE/alice/nobody",       "secret-a",  TRUE,  IMS_LOGON_NO_MAILBOX, 0,
     "EXAMPLE\\alice",                                                                                                                    NULL                        },
    {"P-033-empty-alias",                   "EXAMPLE/alice/",             "secret-a",  TRUE,  IMS_LOGON_NO_MAILBOX, 0,
     "EXAMPLE\\alice",                                                                                                                    NULL                        },
    {"P-033-account-without-mailbox",       "nomail",                     "secret-n",  TRUE,  IMS_LOGON_NO_MAILBOX, 0,
     "EXAMPLE\\nomail",                                                                                                                   NULL                        },
    {"P-031-two-own-mailboxes-smtp",        "EXAMPLE\\alice",             "secret-a",  FALSE, IMS_LOGON_OK,         1,
     "EXAMPLE\\alice",                                                                                                                    NULL                        },
    {"smtp-without-mailbox",                "nomail",                     "secret-n",  FALSE, IMS_LOGON_OK,         0, "EXAMPLE\\nomail", NULL                        },
    {"smtp-shadowed",                       "shadow",                     "secret-s",  FALSE, IMS_LOGON_OK,         0, "EXAMPLE\\shadow", NULL                        },
    {"smtp-alias-of-another",               "clash",                      "secret-c",  FALSE, IMS_LOGON_OK,         0, "EXAMPLE\\clash",  NULL                        },
    {"alias-of-another",                    "clash",                      "secret-c",  TRUE,  IMS_LOGON_BAD,        0, "EXAMPLE\\clash",
     "mailbox of another account"                                                                                                                                     },
    {"mailbox-without-account",             "orphan",                     "",          TRUE,  IMS_LOGON_BAD,        0, NULL,              "unknown name"              },
    {"mailbox-without-account-named",       "EXAMPLE/alice/orphan",       "secret-a",  TRUE,  IMS_LOGON_BAD,        0,
     "EXAMPLE\\alice",                                                                                                                    "mailbox of another account"},
};

static void
test_form(Fixture *fixture, gconstpointer data)
{
    guint row = GPOINTER_TO_UINT(data);

    /* The second time a success comes from memory, and has to be the same. */
    for (guint i = 0; i < 2; i++) {
        Answer answer = {0};

        ask(fixture, NULL, forms[row].logon, forms[row].password, forms[row].need_mailbox, &answer);
        g_assert_cmpuint(answer.n_answers, ==, 1);
        g_assert_cmpint(answer.status, ==, forms[row].status);
        g_assert_cmpuint(answer.mailbox, ==, forms[row].mailbox);
        g_assert_cmpstr(answer.account, ==, forms[row].account);
        g_assert_cmpstr(answer.detail, ==, forms[row].detail);
        g_assert_cmpint(answer.alias != NULL, ==, forms[row].mailbox != 0);
        clear_answer(&answer);
    }
}

/* Two recipients with one alias can only come from outside; whoever means one of them must be told
 * (P-031, D-003). */
static void
test_ambiguous_alias(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = g_build_filename(fixture->made, "dir.db", NULL);
    sqlite3 *db = NULL;

    add_recipient(fixture, IMS_RECIPIENT_MAILBOX, "second", "alice");
    ims_directory_close(fixture->directory);
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db, "UPDATE recipients SET alias='Alice'", NULL, NULL, NULL), ==,
                    SQLITE_OK);
    sqlite3_close(db);
    open_fixture(fixture);
    g_assert_cmpint(logon(fixture, "alice", "secret-a"), ==, IMS_LOGON_AMBIGUOUS);
    g_assert_cmpint(logon(fixture, "alice", "wrong"), ==, IMS_LOGON_BAD);
    g_assert_cmpint(logon(fixture, "second@example.com", "secret-a"), ==, IMS_LOGON_OK);
}

/* An account with two mailboxes, neither of which bears its name. */
static void
test_several_own(Fixture *fixture, gconstpointer unused)
{
    add_recipient(fixture, IMS_RECIPIENT_MAILBOX, "newname2", "renamed");
    g_assert_cmpint(logon(fixture, "renamed", "secret-r"), ==, IMS_LOGON_AMBIGUOUS);
    g_assert_cmpint(logon(fixture, "newname2", "secret-r"), ==, IMS_LOGON_OK);
}

static void
test_long_input(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *name = g_strnfill(1000000, 'n'), *password = g_strnfill(1000000, 'p');
    g_autofree char *limit = g_strnfill(IMS_PASSWORD_MAX, 'p'),
                    *over = g_strnfill(IMS_PASSWORD_MAX + 1, 'p');
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(logon(fixture, name, password), ==, IMS_LOGON_BAD);
    g_assert_cmpint(logon(fixture, "alice", password), ==, IMS_LOGON_BAD);
    ims_directory_set_password(fixture->directory, "alice", limit, &error);
    g_assert_no_error(error);
    g_assert_cmpint(logon(fixture, "alice", limit), ==, IMS_LOGON_OK);
    /* What is cut off must not make a wrong password right. */
    g_assert_cmpint(logon(fixture, "alice", over), ==, IMS_LOGON_BAD);
    g_assert_cmpint(logon(fixture, "alice", password), ==, IMS_LOGON_BAD);
    g_assert_false(ims_directory_set_password(fixture->directory, "alice", over, &error));
    g_assert_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_INVALID);
}

/* Overload is no failure of the client's, and what is remembered needs no pool. */
static void
test_overload(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(ImsAccount) account = NULL;

    g_assert_cmpint(logon(fixture, "bob", "secret-b"), ==, IMS_LOGON_OK);
    pool_is_full = TRUE;
    for (guint i = 0; i < 10; i++)
        g_assert_cmpint(logon(fixture, "alice", "secret-a"), ==, IMS_LOGON_UNAVAILABLE);
    g_assert_cmpint(logon(fixture, "bob", "secret-b"), ==, IMS_LOGON_OK);
    pool_is_full = FALSE;
    g_assert_cmpint(logon(fixture, "alice", "secret-a"), ==, IMS_LOGON_OK);
    account = ims_directory_find_account(fixture->directory, "alice", NULL);
    g_assert_cmpuint(account->failures, ==, 0);
}

/* A name nobody has is hashed like any other, so that time does not tell them apart. */
static void
test_unknown_name_is_hashed(Fixture *fixture, gconstpointer unused)
{
    static const char *const names[] = {
        "eve", "", "eve@example.com", "NOWHERE\\eve", "EXAMPLE/eve/alice", "alice"};

    for (guint i = 0; i < G_N_ELEMENTS(names); i++) {
        guint before = n_hashes;

        g_assert_cmpint(logon(fixture, names[i], "wrong"), ==, IMS_LOGON_BAD);
        g_assert_cmpuint(n_hashes, ==, before + 1);
    }
}

/* ---- accounts ---- */

static void
test_account_changes(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = NULL;
    g_autoptr(ImsAccount) account = NULL;
    gboolean no = FALSE, yes = TRUE;

    g_assert_false(ims_directory_add_account(fixture->directory, "example\\ALICE", "x", &error));
    g_assert_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_EXISTS);
    g_assert_nonnull(strstr(error->message, "taken by \"EXAMPLE\\alice\""));
    g_clear_error(&error);
    g_assert_false(ims_directory_add_account(fixture->directory, "new", "", &error));
    g_assert_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_INVALID);
    g_clear_error(&error);
    g_assert_null(ims_directory_find_account(fixture->directory, "new", &error));
    g_assert_error(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_NOT_FOUND);
    g_clear_error(&error);

    g_assert_true(ims_directory_set_account(fixture->directory, "alice", &no, FALSE, NULL));
    g_assert_cmpstr(fixture->changed->str, ==, "EXAMPLE\\alice;");
    g_assert_cmpint(logon(fixture, "alice", "secret-a"), ==, IMS_LOGON_BAD);
    account = ims_directory_find_account(fixture->directory, "EXAMPLE/alice", NULL);
    g_assert_false(account->enabled);
    g_assert_true(ims_directory_set_account(fixture->directory, "alice", &yes, FALSE, NULL));
    g_assert_cmpint(logon(fixture, "alice", "secret-a"), ==, IMS_LOGON_OK);
    g_assert_cmpstr(fixture->changed->str, ==, "EXAMPLE\\alice;");

    g_assert_true(ims_directory_remove_account(fixture->directory, "Alice", NULL));
    g_assert_cmpstr(fixture->changed->str, ==, "EXAMPLE\\alice;EXAMPLE\\alice;");
    g_assert_cmpint(logon(fixture, "alice", "secret-a"), ==, IMS_LOGON_BAD);
    g_assert_false(ims_directory_remove_account(fixture->directory, "alice", NULL));
    g_assert_false(ims_directory_set_password(fixture->directory, "alice", "x", NULL));
    g_assert_false(ims_directory_set_account(fixture->directory, "alice", &no, FALSE, NULL));
    list = ims_directory_list_accounts(fixture->directory, NULL);
    g_assert_cmpuint(list->len, ==, 8);
    g_assert_cmpstr(((ImsAccount *)list->pdata[0])->name, ==, "bob");
    g_assert_cmpstr(((ImsAccount *)list->pdata[7])->domain, ==, "THIRD");
}

/* Of two of one name, one goes: the other is then the only one, whichever it was. */
static void
test_same_name_removed(Fixture *fixture, gconstpointer first)
{
    const char *gone = first != NULL ? "OTHER\\twin" : "THIRD\\twin";

    g_assert_true(ims_directory_remove_account(fixture->directory, gone, NULL));
    g_assert_cmpint(logon(fixture, "twin", first != NULL ? "secret-2" : "secret-1"), ==,
                    IMS_LOGON_NO_MAILBOX);
}

static void
test_mailbox_changes_tell(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(ImsRecipientTable) table = ims_directory_table(fixture->directory);
    g_autoptr(ImsRecipient) alice =
        ims_recipient_copy(ims_recipient_table_find_alias(table, "alice"));

    g_free(alice->display_name);
    alice->display_name = g_strdup("Alice");
    g_assert_true(ims_directory_change_recipient(fixture->directory, alice, NULL));
    g_assert_cmpstr(fixture->changed->str, ==, "");
    g_free(alice->account);
    alice->account = g_strdup("bob");
    g_assert_true(ims_directory_change_recipient(fixture->directory, alice, NULL));
    g_assert_cmpstr(fixture->changed->str, ==, "EXAMPLE\\alice;");
    g_assert_true(ims_directory_remove_recipient(fixture->directory, "bob", NULL));
    g_assert_cmpstr(fixture->changed->str, ==, "EXAMPLE\\alice;EXAMPLE\\bob;");
}

static void
test_accounts_reopen(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(ImsAccount) account = NULL;
    gboolean no = FALSE;

    add_account(fixture, "Guest", "g");
    g_assert_true(ims_directory_set_account(fixture->directory, "Guest", &no, FALSE, NULL));
    g_assert_true(ims_directory_set_password(fixture->directory, "alice", "new", NULL));
    ims_directory_close(fixture->directory);
    open_fixture(fixture);
    g_assert_cmpint(logon(fixture, "alice", "new"), ==, IMS_LOGON_OK);
    g_assert_cmpint(logon(fixture, "alice", "secret-a"), ==, IMS_LOGON_BAD);
    account = ims_directory_find_account(fixture->directory, "guest", NULL);
    g_assert_true(account->is_guest);
    g_assert_false(account->enabled);
    g_assert_false(account->keep_reversible);
    g_assert_false(account->keep_nt_hash);
    g_assert_cmpint(account->password_changed_usec, ==, START_USEC);
}

/* Credentials are rows, none of which holds the password. */
static void
test_credential_rows(Fixture *fixture, gconstpointer unused)
{
    g_autofree char *path = g_build_filename(fixture->made, "dir.db", NULL);
    sqlite3 *db = NULL;
    sqlite3_stmt *statement = NULL;

    g_clear_pointer(&fixture->directory, ims_directory_close);
    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    sqlite3_prepare_v2(db, "SELECT scheme, value, made FROM credentials ORDER BY scheme", -1,
                       &statement, NULL);
    g_assert_cmpint(sqlite3_step(statement), ==, SQLITE_ROW);
    g_assert_cmpstr((const char *)sqlite3_column_text(statement, 0), ==, "scram-sha-256");
    g_assert_true(
        g_str_has_prefix((const char *)sqlite3_column_text(statement, 1), "SCRAM-SHA-256$4096:"));
    g_assert_cmpint(sqlite3_step(statement), ==, SQLITE_ROW);
    g_assert_cmpstr((const char *)sqlite3_column_text(statement, 0), ==, "yescrypt");
    g_assert_true(g_str_has_prefix((const char *)sqlite3_column_text(statement, 1), "$y$"));
    g_assert_cmpint(sqlite3_column_int64(statement, 2), ==, START_USEC);
    g_assert_cmpint(sqlite3_step(statement), ==, SQLITE_DONE);
    sqlite3_finalize(statement);
    sqlite3_close(db);
    open_fixture(fixture);
}

/* ---- lock-out and slow-down ---- */

static void
test_lockout(Fixture *fixture, gconstpointer unused)
{
    g_autoptr(ImsAccount) account = NULL;
    g_autofree char *lines = NULL;

    g_assert_cmpint(logon(fixture, "alice", "wrong"), ==, IMS_LOGON_BAD);
    g_assert_cmpint(logon(fixture, "alice", "wrong"), ==, IMS_LOGON_BAD);
    g_assert_cmpint(logon(fixture, "alice", "secret-a"), ==, IMS_LOGON_OK); /* starts anew */
    for (guint i = 0; i < 3; i++)
        g_assert_cmpint(logon(fixture, "alice", "wrong"), ==, IMS_LOGON_BAD);
    /* Remembered or not, the right password does not help now. */
    g_assert_cmpint(logon(fixture, "alice", "secret-a"), ==, IMS_LOGON_BAD);
    account = ims_directory_find_account(fixture->directory, "alice", NULL);
    g_assert_cmpint(account->locked_until_usec, ==, START_USEC + 600 * G_USEC_PER_SEC);
    g_assert_cmpuint(account->failures, ==, 3);
    lines = ims_log_take(fixture->log);
    g_assert_nonnull(strstr(lines, "account-locked"));

    /* It survives a restart. */
    ims_directory_close(fixture->directory);
    open_fixture(fixture);
    g_assert_cmpint(logon(fixture, "alice", "secret-a"), ==, IMS_LOGON_BAD);
    ims_sim_world_advance(fixture->world, 599 * G_USEC_PER_SEC);
    g_assert_cmpint(logon(fixture, "alice", "secret-a"), ==, IMS_LOGON_BAD);
    ims_sim_world_advance(fixture->world, G_USEC_PER_SEC);
    g_assert_cmpint(logon(fixture, "alice", "secret-a"), ==, IMS_LOGON_OK);
}

static void
test_unlock(Fixture *fixture, gconstpointer unused)
{
    for (guint i = 0; i < 3; i++)
        logon(fixture, "alice", "wrong");
    g_assert_cmpint(logon(fixture, "alice", "secret-a"), ==, IMS_LOGON_BAD);
    g_assert_true(ims_directory_set_account(fixture->directory, "alice", NULL, TRUE, NULL));
    g_assert_cmpint(logon(fixture, "alice", "secret-a"), ==, IMS_LOGON_OK);
}

static void
test_no_lockout(Fixture *fixture, gconstpointer unused)
{
    for (guint i = 0; i < 50; i++)
        logon(fixture, "alice", "wrong");
    g_assert_cmpint(logon(fixture, "alice", "secret-a"), ==, IMS_LOGON_OK);
}

static void
test_slow_down(Fixture *fixture, gconstpointer unused)
{
    static const gint64 delays_msec[] = {0, 0, 0, 250, 500, 1000, 2000, 4000, 5000, 5000};
    Answer answer = {0};

    for (guint i = 0; i < G_N_ELEMENTS(delays_msec); i++) {
        ask(fixture, "192.0.2.1", "alice", "wrong", TRUE, &answer);
        if (delays_msec[i] > 0) {
            g_assert_cmpuint(answer.n_answers, ==, 0);
            ims_sim_world_advance(fixture->world, delays_msec[i] * 1000 - 1);
            g_assert_cmpuint(answer.n_answers, ==, 0);
            ims_sim_world_advance(fixture->world, 1);
        }
        g_assert_cmpuint(answer.n_answers, ==, 1);
        clear_answer(&answer);
    }
    /* Who knows the password does not wait, nor does another address; after a while all is
     * forgotten. */
    ask(fixture, "192.0.2.1", "alice", "secret-a", TRUE, &answer);
    g_assert_cmpint(answer.status, ==, IMS_LOGON_OK);
    clear_answer(&answer);
    ask(fixture, "192.0.2.2", "alice", "wrong", TRUE, &answer);
    g_assert_cmpuint(answer.n_answers, ==, 1);
    clear_answer(&answer);
    ims_sim_world_advance(fixture->world, (gint64)15 * 60 * G_USEC_PER_SEC);
    ask(fixture, "192.0.2.1", "alice", "wrong", TRUE, &answer);
    g_assert_cmpuint(answer.n_answers, ==, 1);
    clear_answer(&answer);
}

/* A directory that closes answers what waits, so that nobody's session hangs. */
static void
test_close_answers(Fixture *fixture, gconstpointer unused)
{
    Answer answers[6] = {{0}};

    for (guint i = 0; i < 6; i++)
        ask(fixture, "2001:db8::1", "alice", "wrong", TRUE, &answers[i]);
    g_assert_cmpuint(answers[5].n_answers, ==, 0);
    ims_directory_close(fixture->directory);
    ims_sim_world_settle(fixture->world);
    for (guint i = 0; i < 6; i++) {
        g_assert_cmpuint(answers[i].n_answers, ==, 1);
        clear_answer(&answers[i]);
    }
    open_fixture(fixture);
}

static void
test_close_during_hash(Fixture *fixture, gconstpointer unused)
{
    ImsAddress peer = {0};
    Answer answer = {0};

    ims_directory_logon(fixture->directory, &peer, "alice", "wrong", TRUE, note_answer, &answer);
    ims_directory_close(fixture->directory);
    ims_sim_world_settle(fixture->world);
    g_assert_cmpuint(answer.n_answers, ==, 1);
    clear_answer(&answer);
    open_fixture(fixture);
}

static void
test_peer_table(void)
{
    ImsPeerDelays *delays = ims_peer_delays_new();
    ImsAddress peer = {.family = 4}, six;

    for (guint i = 0; i < IMS_PEER_DELAYS_MAX + 500; i++) {
        memcpy(peer.bytes, &i, sizeof i);
        ims_peer_delays_fail(delays, &peer, (gint64)i);
    }
    g_assert_cmpuint(ims_peer_delays_size(delays), ==, IMS_PEER_DELAYS_MAX);
    /* Another address of the same IPv6 net is the same peer. */
    for (guint i = 0; i < 4; i++) {
        g_autofree char *text = g_strdup_printf("2001:db8:1:2:%u::1", i);

        g_assert_true(ims_address_parse(text, &six));
        g_assert_cmpint(ims_peer_delays_fail(delays, &six, 20000), ==, i < 3 ? 0 : 250000);
    }
    ims_peer_delays_free(delays);
}

/* ---- memory of successes ---- */

static void
test_cache(void)
{
    ImsWorld *world = ims_sim_world_new(1, START_USEC);
    ImsLogonCache *cache = ims_logon_cache_new(world, 300), *none = ims_logon_cache_new(world, 0);

    ims_logon_cache_add(cache, "E\\a", 1, "p");
    ims_logon_cache_add(none, "E\\a", 1, "p");
    g_assert_true(ims_logon_cache_check(cache, "E\\a", 1, "p"));
    g_assert_false(ims_logon_cache_check(none, "E\\a", 1, "p"));
    g_assert_false(ims_logon_cache_check(cache, "E\\a", 2, "p"));
    g_assert_false(ims_logon_cache_check(cache, "E\\a", 1, "q"));
    g_assert_false(ims_logon_cache_check(cache, "E\\", 1, "ap"));
    ims_sim_world_advance(world, 300 * G_USEC_PER_SEC - 1);
    g_assert_true(ims_logon_cache_check(cache, "E\\a", 1, "p"));
    ims_sim_world_advance(world, 1);
    g_assert_false(ims_logon_cache_check(cache, "E\\a", 1, "p"));
    g_assert_cmpuint(ims_logon_cache_size(cache), ==, 0);
    for (guint i = 0; i < IMS_LOGON_CACHE_MAX + 10; i++) {
        g_autofree char *key = g_strdup_printf("E\\%u", i);

        ims_logon_cache_add(cache, key, 1, "p");
    }
    g_assert_cmpuint(ims_logon_cache_size(cache), ==, IMS_LOGON_CACHE_MAX);
    g_assert_false(ims_logon_cache_check(cache, "E\\9", 1, "p"));
    g_assert_true(ims_logon_cache_check(cache, "E\\10", 1, "p"));
    ims_logon_cache_add(cache, "E\\10", 3, "p");
    g_assert_cmpuint(ims_logon_cache_size(cache), ==, IMS_LOGON_CACHE_MAX);
    g_assert_true(ims_logon_cache_check(cache, "E\\10", 3, "p"));
    ims_logon_cache_free(cache);
    ims_logon_cache_free(none);
    ims_sim_world_free(world);
}

/* 5.5 took the old password for up to two hours (D-005, D-006); here a change is at once. */
static void
test_password_change(Fixture *fixture, gconstpointer unused)
{
    g_assert_cmpint(logon(fixture, "alice", "secret-a"), ==, IMS_LOGON_OK);
    g_assert_true(ims_directory_set_password(fixture->directory, "alice", "new", NULL));
    g_assert_cmpstr(fixture->changed->str, ==, "EXAMPLE\\alice;");
    g_assert_cmpint(logon(fixture, "alice", "secret-a"), ==, IMS_LOGON_BAD);
    g_assert_cmpint(logon(fixture, "alice", "new"), ==, IMS_LOGON_OK);
}

static gboolean
is_let_in_as_guest(Fixture *fixture, const char *name, const char *password)
{
    Answer answer = {0};
    gboolean guest;

    ask(fixture, NULL, name, password, FALSE, &answer);
    g_assert_cmpint(answer.status, ==, IMS_LOGON_BAD);
    guest = answer.guest;
    clear_answer(&answer);
    return guest;
}

/* Only an unknown name, only while Guest is enabled; and nobody is Guest by name. */
static void
test_guest(Fixture *fixture, gconstpointer unused)
{
    const gboolean off = FALSE;

    g_assert_false(is_let_in_as_guest(fixture, "EXAMPLE\\eve", "x"));
    g_assert_true(ims_directory_add_account(fixture->directory, "EXAMPLE\\Guest", "", NULL));
    g_assert_true(is_let_in_as_guest(fixture, "EXAMPLE\\eve", "x"));
    g_assert_true(is_let_in_as_guest(fixture, "eve", ""));
    g_assert_false(is_let_in_as_guest(fixture, "EXAMPLE\\alice", "wrong"));
    g_assert_false(is_let_in_as_guest(fixture, "EXAMPLE\\Guest", ""));
    g_assert_true(ims_directory_set_account(fixture->directory, "Guest", &off, FALSE, NULL));
    g_assert_false(is_let_in_as_guest(fixture, "EXAMPLE\\eve", "x"));
    g_assert_false(ims_directory_add_account(fixture->directory, "EXAMPLE\\other", "", NULL));
}

/* The password changes while the old one is being hashed: the old one is not good any more. */
static void
test_change_during_hash(Fixture *fixture, gconstpointer unused)
{
    ImsAddress peer = {0};
    Answer answer = {0};

    ims_directory_logon(fixture->directory, &peer, "alice", "secret-a", TRUE, note_answer, &answer);
    g_assert_true(ims_directory_set_password(fixture->directory, "alice", "new", NULL));
    ims_sim_world_settle(fixture->world);
    g_assert_cmpint(answer.status, ==, IMS_LOGON_BAD);
    g_assert_cmpstr(answer.detail, ==, "account changed meanwhile");
    clear_answer(&answer);
    ims_directory_logon(fixture->directory, &peer, "alice", "new", TRUE, note_answer, &answer);
    g_assert_true(ims_directory_remove_account(fixture->directory, "alice", NULL));
    ims_sim_world_settle(fixture->world);
    g_assert_cmpint(answer.status, ==, IMS_LOGON_BAD);
    clear_answer(&answer);
}

/* RFC 7677 section 3: the example's keys, from its salt and password, are what the exchange proves.
 */
static void
test_scram(void)
{
    ImsWorld *world = ims_sim_world_new(1, START_USEC);
    g_autofree char *first = ims_secret_scram_sha_256(world, "pencil", NULL);
    g_autofree char *second = ims_secret_scram_sha_256(world, "pencil", NULL);
    g_auto(GStrv) parts = g_strsplit_set(first, "$:", -1);
    gsize length = 0;

    g_assert_cmpuint(g_strv_length(parts), ==, 5);
    g_assert_cmpstr(parts[1], ==, "4096");
    for (guint i = 2; i < 5; i++) {
        g_autofree guchar *bytes = g_base64_decode(parts[i], &length);

        g_assert_cmpuint(length, ==, i == 2 ? 16 : 32);
    }
    g_assert_cmpstr(first, !=, second); /* another salt */
    ims_sim_world_free(world);
}

static void
test_scram_known_answer(void)
{
    static const guint8 salt[] = "\x5b\x6d\x99\x68\x9d\x12\x35\x8e\xec\xa0\x4b\x14\x12\x36\xfa\x81";
    g_autofree char *value = ims_secret_scram_sha_256_with_salt("pencil", salt, 16, NULL);

    g_assert_cmpstr(value, ==,
                    "SCRAM-SHA-256$4096:W22ZaJ0SNY7soEsUEjb6gQ==$"
                    "WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:"
                    "wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=");
}

int
main(int argc, char **argv)
{
    gpointer first = GINT_TO_POINTER(1);

    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(forms); i++) {
        g_autofree char *path = g_strdup_printf("/directory/logon/%s", forms[i].name);

        g_test_add(path, Fixture, GUINT_TO_POINTER(i), set_up, test_form, tear_down);
    }
    g_test_add("/directory/logon/P-031-ambiguous-alias", Fixture, NULL, set_up_on_disk,
               test_ambiguous_alias, tear_down);
    g_test_add("/directory/logon/P-031-several-own", Fixture, NULL, set_up, test_several_own,
               tear_down);
    g_test_add("/directory/logon/overload", Fixture, NULL, set_up, test_overload, tear_down);
    g_test_add("/directory/logon/unknown-name-is-hashed", Fixture, NULL, set_up,
               test_unknown_name_is_hashed, tear_down);
    g_test_add("/directory/logon/long-input", Fixture, NULL, set_up, test_long_input, tear_down);
    g_test_add("/directory/logon/D-005-password-change", Fixture, NULL, set_up,
               test_password_change, tear_down);
    g_test_add("/directory/logon/R-072-guest", Fixture, NULL, set_up, test_guest, tear_down);
    g_test_add("/directory/logon/change-during-hash", Fixture, NULL, set_up,
               test_change_during_hash, tear_down);
    g_test_add("/directory/logon/close-answers", Fixture, NULL, set_up, test_close_answers,
               tear_down);
    g_test_add("/directory/logon/close-during-hash", Fixture, NULL, set_up, test_close_during_hash,
               tear_down);
    g_test_add("/directory/logon/D-007-no-lockout", Fixture, NULL, set_up, test_no_lockout,
               tear_down);
    g_test_add("/directory/logon/lockout", Fixture, NULL, set_up_on_disk, test_lockout, tear_down);
    g_test_add("/directory/logon/unlock", Fixture, NULL, set_up_on_disk, test_unlock, tear_down);
    g_test_add("/directory/logon/slow-down", Fixture, NULL, set_up, test_slow_down, tear_down);
    g_test_add_func("/directory/logon/peer-table", test_peer_table);
    g_test_add_func("/directory/logon/cache", test_cache);
    g_test_add("/directory/account/changes", Fixture, NULL, set_up, test_account_changes,
               tear_down);
    g_test_add("/directory/account/same-name-first-removed", Fixture, first, set_up,
               test_same_name_removed, tear_down);
    g_test_add("/directory/account/same-name-last-removed", Fixture, NULL, set_up,
               test_same_name_removed, tear_down);
    g_test_add("/directory/account/mailbox-changes-tell", Fixture, NULL, set_up,
               test_mailbox_changes_tell, tear_down);
    g_test_add("/directory/account/reopen", Fixture, NULL, set_up_on_disk, test_accounts_reopen,
               tear_down);
    g_test_add("/directory/account/credential-rows", Fixture, NULL, set_up_on_disk,
               test_credential_rows, tear_down);
    g_test_add_func("/directory/secret/scram", test_scram);
    g_test_add_func("/directory/secret/scram-known-answer", test_scram_known_answer);
    return g_test_run();
}
