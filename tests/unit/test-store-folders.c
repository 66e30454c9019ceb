/* Mailboxes and folders: the same suite over both engines. */
#include "tests/unit/store-fixture.h"

#include <string.h>

static char *
list_names(Fixture *fixture, ImsMailboxId mailbox)
{
    g_autoptr(GPtrArray) folders = ims_store_list_folders(fixture->store, mailbox, NULL);
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < folders->len; i++) {
        const ImsFolder *folder = g_ptr_array_index(folders, i);

        g_string_append_printf(text, "%s%s%s", i > 0 ? "," : "", folder->name,
                               folder->subscribed ? "" : "-");
        if (folder->special_use != NULL)
            g_string_append(text, folder->special_use);
    }
    return g_string_free(text, FALSE);
}

static void
assert_names(Fixture *fixture, const char *expected)
{
    g_autofree char *names = list_names(fixture, 1);

    g_assert_cmpstr(names, ==, expected);
}

#define STANDARD "INBOX,Deleted Items\\Trash,Drafts\\Drafts,Outbox"

static void
run_expecting(Fixture *fixture, ImsStoreOp *op, gint code)
{
    fixture_run(fixture, op);
    if (code < 0)
        g_assert_no_error(op->error);
    else
        g_assert_error(op->error, IMS_STORE_ERROR, code);
    ims_store_op_free(op);
}

static void
test_standard_folders(Fixture *fixture, gconstpointer data)
{
    g_autoptr(ImsFolder) inbox = NULL;

    assert_names(fixture, STANDARD ",Sent Items\\Sent");
    g_assert_true(ims_store_has_mailbox(fixture->store, 1));
    g_assert_false(ims_store_has_mailbox(fixture->store, 2));
    /* A second time changes nothing. */
    fixture_run_free(fixture, fixture_folder_op(IMS_OP_MAILBOX_CREATE, NULL, NULL));
    assert_names(fixture, STANDARD ",Sent Items\\Sent");
    inbox = ims_store_find_folder(fixture->store, 1, "inBoX", NULL);
    g_assert_nonnull(inbox);
    g_assert_cmpuint(inbox->uidvalidity, >, 0);
    g_assert_cmpuint(inbox->uidnext, ==, 1);
    g_assert_cmpuint(inbox->highest_modseq, >, 0);
}

static void
test_names(Fixture *fixture, gconstpointer data)
{
    g_autofree char *long_level = g_strnfill(251, 'a');
    g_autofree char *longest_level = g_strnfill(250, 'a');
    GString *levels = g_string_new("x");
    const struct {
        const char *name;
        const char *stored; /* NULL: refused */
    } cases[] = {
        {"A",                        "A"                       },
        {"B/",                       "B"                       },
        {"inbox/Sub",                "INBOX/Sub"               },
        {"inboxes",                  "inboxes"                 },
        {"Caf\xc3\xa9/\xe2\x98\x83", "Caf\xc3\xa9/\xe2\x98\x83"},
        {longest_level,              longest_level             },
        {"",                         NULL                      },
        {"/",                        NULL                      },
        {"/A",                       NULL                      },
        {"A//B",                     NULL                      },
        {"A//",                      NULL                      },
        {"A\nB",                     NULL                      },
        {"A\x7f",                    NULL                      },
        {"\xff",                     NULL                      },
        {"\xc2\x85",                 NULL                      },
        {long_level,                 NULL                      },
        {NULL,                       NULL                      },
    };

    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_test_message("case %u", i);
        run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_CREATE, cases[i].name, NULL),
                      cases[i].stored != NULL ? -1 : (gint)IMS_STORE_ERROR_INVALID);
        if (cases[i].stored != NULL) {
            g_autoptr(ImsFolder) folder =
                ims_store_find_folder(fixture->store, 1, cases[i].name, NULL);

            g_assert_cmpstr(folder->name, ==, cases[i].stored);
        }
    }
    for (guint i = 1; i < 32; i++)
        g_string_append(levels, "/x");
    run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_CREATE, levels->str, NULL), -1);
    g_string_append(levels, "/x");
    run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_CREATE, levels->str, NULL),
                  IMS_STORE_ERROR_INVALID);
    g_string_free(levels, TRUE);
}

static void
test_create(Fixture *fixture, gconstpointer data)
{
    ImsFolderOp *op = (ImsFolderOp *)fixture_folder_op(IMS_OP_FOLDER_CREATE, "a/b/c", NULL);

    op->special_use = g_strdup("\\Archive");
    fixture_run(fixture, &op->op);
    g_assert_no_error(op->op.error);
    g_assert_cmpuint(op->folder, ==, fixture_folder(fixture, "a/b/c"));
    ims_store_op_free(&op->op);
    assert_names(fixture, STANDARD ",Sent Items\\Sent,a-,a/b-,a/b/c-\\Archive");
    run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_CREATE, "a/b", NULL),
                  IMS_STORE_ERROR_EXISTS);
    run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_CREATE, "inbox", NULL),
                  IMS_STORE_ERROR_EXISTS);
    op = (ImsFolderOp *)fixture_folder_op(IMS_OP_FOLDER_CREATE, "x", NULL);
    op->mailbox = 2;
    run_expecting(fixture, &op->op, IMS_STORE_ERROR_NOT_FOUND);
}

static void
test_delete(Fixture *fixture, gconstpointer data)
{
    ImsFolderId top = fixture_create(fixture, "top"), below = fixture_create(fixture, "top/below");
    guint32 uidvalidity, again;
    g_autoptr(ImsUidSnapshot) held = NULL;
    g_autoptr(ImsUidSnapshot) gone = NULL;
    g_autoptr(GBytes) body = NULL;
    g_autoptr(GError) error = NULL;

    fixture_deliver_many(fixture, top, 3);
    fixture_deliver_many(fixture, below, 2);
    held = ims_store_snapshot(fixture->store, top, NULL);
    uidvalidity = held->uidvalidity;
    run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_DELETE, "INBOX", NULL),
                  IMS_STORE_ERROR_INVALID);
    run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_DELETE, "none", NULL),
                  IMS_STORE_ERROR_NOT_FOUND);
    run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_DELETE, "top", NULL), -1);
    /* The inferior stays. */
    assert_names(fixture, STANDARD ",Sent Items\\Sent,top/below-");
    fixture_assert_list(fixture, below, "1:0 2:0");
    gone = ims_store_snapshot(fixture->store, top, &error);
    g_assert_null(gone);
    g_assert_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND);
    /* Who has it selected can still read. */
    ims_sim_world_advance(fixture->world, G_GINT64_CONSTANT(600) * G_USEC_PER_SEC);
    body = fixture_read(fixture, top, 2);
    g_assert_nonnull(body);
    g_clear_pointer(&body, g_bytes_unref);
    g_clear_pointer(&held, ims_uid_snapshot_unref);
    ims_sim_world_advance(fixture->world, G_GINT64_CONSTANT(600) * G_USEC_PER_SEC);
    body = fixture_read(fixture, top, 2);
    g_assert_null(body);
    /* I-085: made again it has another, higher UIDVALIDITY. */
    again = fixture_create(fixture, "top") != top;
    g_assert_true(again);
    {
        g_autoptr(ImsFolder) folder = ims_store_find_folder(fixture->store, 1, "top", NULL);

        g_assert_cmpuint(folder->uidvalidity, >, uidvalidity);
        g_assert_cmpuint(folder->uidvalidity, <, 1000);
    }
}

static void
test_ops_on_deleted_folder(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX"), top = fixture_create(fixture, "top");
    ImsDeliverOp *op = fixture_deliver_op(fixture_body(1, 200), NULL, NULL);
    ImsFolderOp *claim = (ImsFolderOp *)fixture_folder_op(IMS_OP_CLAIM_RECENT, NULL, NULL);

    fixture_deliver_many(fixture, top, 1);
    fixture_deliver_many(fixture, inbox, 1);
    run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_DELETE, "top", NULL), -1);
    g_array_index(op->targets, ImsDeliverTarget, 0).folder = top;
    run_expecting(fixture, &op->op, IMS_STORE_ERROR_NOT_FOUND);
    claim->folder = top;
    run_expecting(fixture, &claim->op, IMS_STORE_ERROR_NOT_FOUND);
    run_expecting(fixture, fixture_flags_op(top, "1", IMS_FLAGS_ADD, IMS_FLAG_SEEN, NULL),
                  IMS_STORE_ERROR_NOT_FOUND);
    run_expecting(fixture, fixture_copy_op(top, inbox, "1", FALSE), IMS_STORE_ERROR_NOT_FOUND);
    run_expecting(fixture, fixture_copy_op(inbox, top, "1", TRUE), IMS_STORE_ERROR_NOT_FOUND);
    run_expecting(fixture, fixture_expunge_op(top, NULL, FALSE), IMS_STORE_ERROR_NOT_FOUND);
    fixture_assert_list(fixture, inbox, "1:0");
}

static void
test_rename(Fixture *fixture, gconstpointer data)
{
    ImsFolderId a = fixture_create(fixture, "a"), below = fixture_create(fixture, "a/b");
    g_autoptr(ImsFolder) before = NULL;
    g_autoptr(ImsFolder) after = NULL;

    fixture_create(fixture, "ab");
    fixture_deliver_many(fixture, below, 2);
    fixture_run_free(fixture, fixture_folder_op(IMS_OP_SUBSCRIBE, "a/b", NULL));
    before = ims_store_get_folder(fixture->store, below, NULL);
    run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_RENAME, "a", "ab"),
                  IMS_STORE_ERROR_EXISTS);
    run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_RENAME, "a", "a/c"),
                  IMS_STORE_ERROR_INVALID);
    run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_RENAME, "none", "x"),
                  IMS_STORE_ERROR_NOT_FOUND);
    run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_RENAME, "a", "INBOX"),
                  IMS_STORE_ERROR_EXISTS);
    run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_RENAME, "a", "new/top"), -1);
    assert_names(fixture, STANDARD ",Sent Items\\Sent,ab-,new-,new/top-,new/top/b");
    g_assert_cmpuint(fixture_folder(fixture, "new/top"), ==, a);
    after = ims_store_find_folder(fixture->store, 1, "new/top/b", NULL);
    g_assert_cmpuint(after->id, ==, below);
    g_assert_cmpuint(after->uidvalidity, ==, before->uidvalidity);
    g_assert_cmpmem(after->object_id, 16, before->object_id, 16);
    fixture_assert_list(fixture, below, "1:0 2:0");
}

/* A name that becomes too deep below the new one refuses the whole. */
static void
test_rename_too_deep(Fixture *fixture, gconstpointer data)
{
    GString *levels = g_string_new("d");

    for (guint i = 1; i < 32; i++)
        g_string_append(levels, "/d");
    fixture_create(fixture, levels->str);
    run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_RENAME, "d", "e/f"),
                  IMS_STORE_ERROR_INVALID);
    g_assert_cmpuint(fixture_folder(fixture, levels->str), >, 0);
    g_assert_null(ims_store_find_folder(fixture->store, 1, "e", NULL));
    g_string_free(levels, TRUE);
}

/* RFC 3501 6.3.5 */
static void
test_rename_inbox(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX"),
                sub = fixture_create(fixture, "INBOX/sub");
    ImsFolderId old;

    fixture_deliver_many(fixture, inbox, 3);
    fixture_run_free(fixture, fixture_flags_op(inbox, "2", IMS_FLAGS_ADD, IMS_FLAG_SEEN, "Work"));
    run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_RENAME, "inbox", "old/mail"), -1);
    old = fixture_folder(fixture, "old/mail");
    g_assert_cmpuint(fixture_folder(fixture, "INBOX"), ==, inbox);
    g_assert_cmpuint(fixture_folder(fixture, "INBOX/sub"), ==, sub);
    fixture_assert_list(fixture, inbox, "");
    fixture_assert_list(fixture, old, "1:0 2:101 3:0");
    g_assert_cmpuint(fixture_deliver(fixture, inbox, 9), ==, 4);
    /* Once more, with nothing in it but one message. */
    run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_RENAME, "INBOX", "old/mail"),
                  IMS_STORE_ERROR_EXISTS);
}

static void
test_subscriptions(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GPtrArray) names = NULL;
    GString *text = g_string_new(NULL);

    fixture_create(fixture, "a");
    fixture_run_free(fixture, fixture_folder_op(IMS_OP_SUBSCRIBE, "a", NULL));
    fixture_run_free(fixture, fixture_folder_op(IMS_OP_SUBSCRIBE, "a", NULL));
    fixture_run_free(fixture, fixture_folder_op(IMS_OP_SUBSCRIBE, "not there", NULL));
    fixture_run_free(fixture, fixture_folder_op(IMS_OP_UNSUBSCRIBE, "Drafts", NULL));
    fixture_run_free(fixture, fixture_folder_op(IMS_OP_UNSUBSCRIBE, "never was", NULL));
    run_expecting(fixture, fixture_folder_op(IMS_OP_FOLDER_DELETE, "a", NULL), -1);
    /* RFC 3501 6.3.9: a name stays subscribed when its folder goes. */
    names = ims_store_list_subscriptions(fixture->store, 1, NULL);
    for (guint i = 0; i < names->len; i++)
        g_string_append_printf(text, "%s,", (const char *)g_ptr_array_index(names, i));
    g_assert_cmpstr(text->str, ==, "Deleted Items,INBOX,Outbox,Sent Items,a,not there,");
    g_string_free(text, TRUE);
}

static void
test_mailbox_delete(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX");
    g_autoptr(GPtrArray) folders = NULL;
    g_autoptr(GPtrArray) names = NULL;
    g_autoptr(GBytes) body = NULL;
    ImsStoreOp *op = fixture_folder_op(IMS_OP_MAILBOX_CREATE, NULL, NULL);

    ((ImsFolderOp *)op)->mailbox = 2;
    fixture_run_free(fixture, op);
    fixture_deliver_many(fixture, inbox, 700); /* more than one slice of the sweep */
    run_expecting(fixture, fixture_folder_op(IMS_OP_MAILBOX_DELETE, NULL, NULL), -1);
    run_expecting(fixture, fixture_folder_op(IMS_OP_MAILBOX_DELETE, NULL, NULL),
                  IMS_STORE_ERROR_NOT_FOUND);
    g_assert_false(ims_store_has_mailbox(fixture->store, 1));
    g_assert_true(ims_store_has_mailbox(fixture->store, 2));
    folders = ims_store_list_folders(fixture->store, 1, NULL);
    g_assert_cmpuint(folders->len, ==, 0);
    names = ims_store_list_subscriptions(fixture->store, 1, NULL);
    g_assert_cmpuint(names->len, ==, 0);
    g_assert_null(ims_store_get_folder(fixture->store, inbox, NULL));
    ims_sim_world_advance(fixture->world, G_GINT64_CONSTANT(600) * G_USEC_PER_SEC);
    body = fixture_read(fixture, inbox, 700);
    g_assert_null(body);
    g_ptr_array_unref(folders);
    folders = ims_store_list_folders(fixture->store, 2, NULL);
    g_assert_cmpuint(folders->len, ==, 5);
}

typedef struct {
    Fixture *fixture;
    ImsFolderId folder;
    guint64 modseq;
    guint calls;
    ImsStoreWatch *watch, *other;
} Watching;

static void
note_change(ImsFolderId folder, guint64 modseq, gpointer data)
{
    Watching *watching = data;

    watching->calls++;
    watching->folder = folder;
    watching->modseq = modseq;
    if (watching->other != NULL) /* cancelling another one from within is lawful */
        ims_store_unwatch(watching->fixture->store, &watching->other);
}

static void
test_watch(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX"), other = fixture_create(fixture, "other");
    Watching a = {.fixture = fixture}, b = {.fixture = fixture}, queue = {.fixture = fixture};
    ImsStoreOp *claim = fixture_folder_op(IMS_OP_CLAIM_RECENT, NULL, NULL);

    a.watch = ims_store_watch(fixture->store, inbox, note_change, &a);
    b.watch = ims_store_watch(fixture->store, inbox, note_change, &b);
    queue.watch = ims_store_watch(fixture->store, 0, note_change, &queue);
    fixture_deliver_many(fixture, inbox, 3);
    g_assert_cmpuint(a.calls, ==, 1); /* one commit, one call */
    g_assert_cmpuint(b.calls, ==, 1);
    g_assert_cmpuint(a.folder, ==, inbox);
    {
        g_autoptr(ImsFolder) folder = ims_store_get_folder(fixture->store, inbox, NULL);

        g_assert_cmpuint(a.modseq, ==, folder->highest_modseq);
    }
    fixture_deliver_many(fixture, other, 1);
    ((ImsFolderOp *)claim)->folder = inbox; /* changes no message */
    fixture_run_free(fixture, claim);
    g_assert_cmpuint(a.calls, ==, 1);
    a.other = b.watch;
    b.watch = NULL;
    fixture_set_flags(fixture, inbox, "1", IMS_FLAG_SEEN);
    g_assert_cmpuint(a.calls, ==, 2);
    g_assert_cmpuint(b.calls, ==, 1);
    g_assert_null(a.other);
    run_expecting(fixture, fixture_folder_op(IMS_OP_MAILBOX_DELETE, NULL, NULL), -1);
    g_assert_cmpuint(a.calls, ==, 3);
    g_assert_cmpuint(queue.calls, ==, 0);
    ims_store_unwatch(fixture->store, &a.watch);
    ims_store_unwatch(fixture->store, &queue.watch);
    ims_store_unwatch(fixture->store, &queue.watch);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_add_test("/store/folders/I-058-standard-folders", test_standard_folders);
    fixture_add_test("/store/folders/names", test_names);
    fixture_add_test("/store/folders/create", test_create);
    fixture_add_test("/store/folders/I-085-delete", test_delete);
    fixture_add_test("/store/folders/ops-on-deleted-folder", test_ops_on_deleted_folder);
    fixture_add_test("/store/folders/rename", test_rename);
    fixture_add_test("/store/folders/rename-too-deep", test_rename_too_deep);
    fixture_add_test("/store/folders/rename-inbox", test_rename_inbox);
    fixture_add_test("/store/folders/subscriptions", test_subscriptions);
    fixture_add_test("/store/folders/mailbox-delete", test_mailbox_delete);
    fixture_add_test("/store/folders/watch", test_watch);
    return g_test_run();
}
