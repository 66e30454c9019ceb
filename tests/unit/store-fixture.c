#include "tests/unit/store-fixture.h"

#include <glib/gstdio.h>
#include <string.h>

void
fixture_remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        if (g_file_test(child, G_FILE_TEST_IS_DIR) && !g_file_test(child, G_FILE_TEST_IS_SYMLINK))
            fixture_remove_tree(child);
        else
            g_unlink(child);
    }
    g_rmdir(path);
}

static void
open_store(Fixture *fixture, gint64 start_usec)
{
    g_autoptr(GError) error = NULL;

    fixture->world = ims_sim_world_new(7, start_usec);
    fixture->store = ims_store_open(fixture->world, &fixture->options, &error);
    g_assert_no_error(error);
    ims_sim_world_settle(fixture->world);
}

void
fixture_set_up(Fixture *fixture, gconstpointer data)
{
    fixture->options.engine = (ImsEngineKind)GPOINTER_TO_INT(data);
    if (fixture->options.engine == IMS_ENGINE_SQLITE)
        fixture->directory = g_dir_make_tmp("store-XXXXXX", NULL);
    fixture->options.directory = fixture->directory;
    open_store(fixture, FIXTURE_START_USEC);
    fixture_run_free(fixture, fixture_folder_op(IMS_OP_MAILBOX_CREATE, NULL, NULL));
}

void
fixture_close(Fixture *fixture)
{
    if (fixture->store != NULL)
        ims_store_close(fixture->store);
    fixture->store = NULL;
    ims_sim_world_settle(fixture->world);
    ims_sim_world_free(fixture->world);
    fixture->world = NULL;
}

void
fixture_reopen(Fixture *fixture)
{
    gint64 now_usec = ims_world_wall_usec(fixture->world);

    fixture_close(fixture);
    open_store(fixture, now_usec);
}

void
fixture_tear_down(Fixture *fixture, gconstpointer data)
{
    if (fixture->world != NULL)
        fixture_close(fixture);
    if (fixture->directory != NULL)
        fixture_remove_tree(fixture->directory);
    g_free(fixture->directory);
}

void
fixture_add_sqlite_test(const char *name, void (*test)(Fixture *fixture, gconstpointer data))
{
    g_test_add(name, Fixture, GINT_TO_POINTER(IMS_ENGINE_SQLITE), fixture_set_up, test,
               fixture_tear_down);
}

void
fixture_add_test(const char *name, void (*test)(Fixture *fixture, gconstpointer data))
{
    g_autofree char *sqlite = g_strconcat(name, "/sqlite", NULL);
    g_autofree char *memory = g_strconcat(name, "/memory", NULL);

    fixture_add_sqlite_test(sqlite, test);
    g_test_add(memory, Fixture, GINT_TO_POINTER(IMS_ENGINE_MEMORY), fixture_set_up, test,
               fixture_tear_down);
}

static void
mark_done(ImsStoreOp *op, gpointer data)
{
    gboolean *done = data;

    g_assert_false(*done);
    *done = TRUE;
}

void
fixture_run(Fixture *fixture, ImsStoreOp *op)
{
    gboolean done = FALSE;

    op->done = mark_done;
    op->data = &done;
    ims_store_submit(fixture->store, op);
    g_assert_false(done);
    ims_sim_world_settle(fixture->world);
    g_assert_true(done);
}

void
fixture_run_free(Fixture *fixture, ImsStoreOp *op)
{
    fixture_run(fixture, op);
    g_assert_no_error(op->error);
    ims_store_op_free(op);
}

ImsMimeSummary *
fixture_summary(GBytes *body)
{
    return ims_mime_summarize(body, NULL);
}

GBytes *
fixture_body(guint number, gsize size)
{
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "From: a@example.com\r\nSubject: number %u\r\n\r\n", number);
    while (text->len + 66 < size)
        g_string_append_printf(
            text, "%010u line of a message that is told apart by its number  \r\n", number);
    while (text->len < size)
        g_string_append_c(text, 'x');
    return g_string_free_to_bytes(text);
}

ImsDeliverOp *
fixture_deliver_op(GBytes *body, void (*done)(ImsStoreOp *op, gpointer data), gpointer data)
{
    ImsDeliverOp *op = (ImsDeliverOp *)ims_store_op_new(IMS_OP_DELIVER, done, data);
    ImsDeliverTarget target = {.mailbox = 1};

    op->body = body;
    op->summary = fixture_summary(body);
    op->internal_date_usec = FIXTURE_START_USEC;
    op->internal_zone_min = -360;
    op->targets = ims_deliver_targets_new();
    g_array_append_val(op->targets, target);
    return op;
}

guint32
fixture_deliver(Fixture *fixture, ImsFolderId folder, guint number)
{
    ImsDeliverOp *op = fixture_deliver_op(fixture_body(number, 300), NULL, NULL);
    guint32 uid;

    g_array_index(op->targets, ImsDeliverTarget, 0).folder = folder;
    fixture_run(fixture, &op->op);
    g_assert_no_error(op->op.error);
    uid = g_array_index(op->targets, ImsDeliverTarget, 0).uid;
    ims_store_op_free(&op->op);
    return uid;
}

static void
count_done(ImsStoreOp *op, gpointer data)
{
    g_assert_no_error(op->error);
    ++*(guint *)data;
    ims_store_op_free(op);
}

void
fixture_deliver_many(Fixture *fixture, ImsFolderId folder, guint n)
{
    guint done = 0;

    for (guint i = 0; i < n; i++) {
        ImsDeliverOp *op = fixture_deliver_op(fixture_body(i + 1, 200), count_done, &done);

        g_array_index(op->targets, ImsDeliverTarget, 0).folder = folder;
        ims_store_submit(fixture->store, &op->op);
    }
    ims_sim_world_settle(fixture->world);
    g_assert_cmpuint(done, ==, n);
}

ImsFolderId
fixture_folder(Fixture *fixture, const char *name)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsFolder) folder = ims_store_find_folder(fixture->store, 1, name, &error);

    g_assert_no_error(error);
    return folder->id;
}

ImsStoreOp *
fixture_folder_op(ImsStoreOpKind kind, const char *name, const char *new_name)
{
    ImsFolderOp *op = (ImsFolderOp *)ims_store_op_new(kind, NULL, NULL);

    op->mailbox = 1;
    op->name = g_strdup(name);
    op->new_name = g_strdup(new_name);
    return &op->op;
}

ImsFolderId
fixture_create(Fixture *fixture, const char *name)
{
    fixture_run_free(fixture, fixture_folder_op(IMS_OP_FOLDER_CREATE, name, NULL));
    return fixture_folder(fixture, name);
}

GArray *
fixture_uids(const char *text)
{
    GArray *uids = g_array_new(FALSE, FALSE, sizeof(guint32));
    g_auto(GStrv) ranges = g_strsplit(text, ",", -1);

    for (guint i = 0; ranges[i] != NULL; i++) {
        g_auto(GStrv) ends = g_strsplit(ranges[i], ":", 2);
        guint64 first = g_ascii_strtoull(ends[0], NULL, 10);
        guint64 last = ends[1] != NULL ? g_ascii_strtoull(ends[1], NULL, 10) : first;

        for (guint64 uid = first; uid <= last; uid++) {
            guint32 value = (guint32)uid;

            g_array_append_val(uids, value);
        }
    }
    return uids;
}

ImsStoreOp *
fixture_flags_op(ImsFolderId folder, const char *uids, ImsFlagsMode mode, guint64 flags,
                 const char *keywords)
{
    ImsFlagsOp *op = (ImsFlagsOp *)ims_store_op_new(IMS_OP_STORE_FLAGS, NULL, NULL);

    op->folder = folder;
    op->uids = fixture_uids(uids);
    op->mode = mode;
    op->flags = flags;
    op->keywords = keywords != NULL ? g_strsplit(keywords, " ", -1) : NULL;
    return &op->op;
}

ImsStoreOp *
fixture_copy_op(ImsFolderId from, ImsFolderId to, const char *uids, gboolean move)
{
    ImsCopyOp *op = (ImsCopyOp *)ims_store_op_new(IMS_OP_COPY, NULL, NULL);

    op->from = from;
    op->to = to;
    op->uids = fixture_uids(uids);
    op->move = move;
    return &op->op;
}

ImsStoreOp *
fixture_expunge_op(ImsFolderId folder, const char *uids, gboolean only_deleted)
{
    ImsExpungeOp *op = (ImsExpungeOp *)ims_store_op_new(IMS_OP_EXPUNGE, NULL, NULL);

    op->folder = folder;
    op->uids = uids != NULL ? fixture_uids(uids) : NULL;
    op->only_deleted = only_deleted;
    return &op->op;
}

void
fixture_set_flags(Fixture *fixture, ImsFolderId folder, const char *uids, guint64 flags)
{
    fixture_run_free(fixture, fixture_flags_op(folder, uids, IMS_FLAGS_REPLACE, flags, NULL));
}

void
fixture_expunge(Fixture *fixture, ImsFolderId folder, const char *uids)
{
    fixture_run_free(fixture, fixture_expunge_op(folder, uids, FALSE));
}

char *
fixture_list_snapshot(const ImsUidSnapshot *snapshot)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; i < snapshot->n_entries; i++)
        g_string_append_printf(text, "%s%u:%" G_GINT64_MODIFIER "x", i > 0 ? " " : "",
                               snapshot->entries[i].uid, snapshot->entries[i].flags);
    return g_string_free(text, FALSE);
}

char *
fixture_list(Fixture *fixture, ImsFolderId folder)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsUidSnapshot) snapshot = ims_store_snapshot(fixture->store, folder, &error);

    g_assert_no_error(error);
    return fixture_list_snapshot(snapshot);
}

void
fixture_assert_list(Fixture *fixture, ImsFolderId folder, const char *expected)
{
    g_autofree char *list = fixture_list(fixture, folder);

    g_assert_cmpstr(list, ==, expected);
    fixture_check_folder(fixture, folder);
}

char *
fixture_uid_text(const GArray *uids)
{
    GString *text = g_string_new(NULL);

    for (guint i = 0; uids != NULL && i < uids->len; i++)
        g_string_append_printf(text, "%s%u", i > 0 ? "," : "", g_array_index(uids, guint32, i));
    return g_string_free(text, FALSE);
}

GBytes *
fixture_read(Fixture *fixture, ImsFolderId folder, guint32 uid)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) rows = ims_store_read_rows(fixture->store, folder, &uid, 1, FALSE, &error);
    GBytes *body;

    g_assert_no_error(error);
    if (rows->len == 0)
        return NULL;
    body = ims_store_read_body(fixture->store,
                               ((ImsMessageRow *)g_ptr_array_index(rows, 0))->content, &error);
    g_assert_no_error(error);
    return body;
}

void
fixture_check_folder(Fixture *fixture, ImsFolderId id)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsFolder) folder = ims_store_get_folder(fixture->store, id, &error);
    g_autoptr(ImsUidSnapshot) snapshot = ims_store_snapshot(fixture->store, id, &error);
    guint32 unseen = 0, deleted = 0, last = 0;
    guint64 bytes = 0;

    g_assert_no_error(error);
    for (guint i = 0; i < snapshot->n_entries; i++) {
        const ImsUidEntry *entry = &snapshot->entries[i];

        g_assert_cmpuint(entry->uid, >, last);
        g_assert_cmpuint(entry->modseq, >, 0);
        g_assert_cmpuint(entry->modseq, <=, snapshot->highest_modseq);
        last = entry->uid;
        bytes += entry->size;
        unseen += (entry->flags & IMS_FLAG_SEEN) == 0;
        deleted += (entry->flags & IMS_FLAG_DELETED) != 0;
    }
    g_assert_cmpuint(snapshot->uidnext, >, last);
    g_assert_cmpuint(folder->uidnext, ==, snapshot->uidnext);
    g_assert_cmpuint(folder->uidvalidity, ==, snapshot->uidvalidity);
    g_assert_cmpuint(folder->highest_modseq, ==, snapshot->highest_modseq);
    g_assert_cmpuint(folder->first_recent_uid, ==, snapshot->first_recent_uid);
    g_assert_cmpuint(folder->messages, ==, snapshot->n_entries);
    g_assert_cmpuint(folder->unseen, ==, unseen);
    g_assert_cmpuint(folder->deleted, ==, deleted);
    g_assert_cmpuint(folder->bytes, ==, bytes);
}
