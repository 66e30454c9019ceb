/* Opening and closing, damage, a full disk, body files. */
#include "tests/unit/store-fixture.h"

#include <glib/gstdio.h>
#include <sqlite3.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LARGE (200u << 10)

static ImsStore *
open_again(Fixture *fixture, GError **error)
{
    return ims_store_open(fixture->world, &fixture->options, error);
}

static void
exec_sql(Fixture *fixture, const char *sql)
{
    g_autofree char *path = g_build_filename(fixture->directory, "priv.db", NULL);
    sqlite3 *db = NULL;

    g_assert_cmpint(sqlite3_open(path, &db), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db, sql, NULL, NULL, NULL), ==, SQLITE_OK);
    sqlite3_close(db);
}

static void
count_file(const char *path, GPtrArray *files)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        char *child = g_build_filename(path, name, NULL);

        if (g_file_test(child, G_FILE_TEST_IS_DIR)) {
            count_file(child, files);
            g_free(child);
        } else {
            g_ptr_array_add(files, child);
        }
    }
}

/* (element-type utf8) (transfer full): paths of the body files. */
static GPtrArray *
body_files(Fixture *fixture)
{
    g_autofree char *path = g_build_filename(fixture->directory, "bodies", NULL);
    GPtrArray *files = g_ptr_array_new_with_free_func(g_free);

    count_file(path, files);
    return files;
}

static guint
n_body_files(Fixture *fixture)
{
    g_autoptr(GPtrArray) files = body_files(fixture);

    return files->len;
}

static void
test_locked(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *pid = g_strdup_printf("process %d ", (int)getpid());

    g_assert_null(open_again(fixture, &error));
    g_assert_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_LOCKED);
    g_assert_nonnull(strstr(error->message, pid));
    fixture_reopen(fixture);
}

/* Mail is its owner's, whatever the rights of the directory. */
static void
test_rights(Fixture *fixture, gconstpointer data)
{
    static const char *const files[] = {"priv.db", "priv.db-wal", "priv.db-shm", "lock"};

    fixture_run_free(fixture, &fixture_deliver_op(fixture_body(2, LARGE), NULL, NULL)->op);
    for (guint i = 0; i < G_N_ELEMENTS(files); i++) {
        g_autofree char *path = g_build_filename(fixture->directory, files[i], NULL);
        GStatBuf info;

        g_assert_cmpint(g_stat(path, &info), ==, 0);
        g_assert_cmpint(info.st_mode & 077, ==, 0);
    }
    {
        g_autoptr(GPtrArray) bodies = body_files(fixture);
        GStatBuf info;

        g_assert_cmpint(g_stat(g_ptr_array_index(bodies, 0), &info), ==, 0);
        g_assert_cmpint(info.st_mode & 077, ==, 0);
    }
}

static void
test_newer(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GError) error = NULL;

    ims_store_close(fixture->store);
    exec_sql(fixture, "PRAGMA user_version = 9999");
    fixture->store = open_again(fixture, &error);
    g_assert_null(fixture->store);
    g_assert_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NEWER);
    g_assert_nonnull(strstr(error->message, "9999"));
    exec_sql(fixture, "PRAGMA user_version = 1");
    g_clear_error(&error);
    fixture->store = open_again(fixture, &error); /* and the lock was let go */
    g_assert_no_error(error);
}

static void
test_not_a_database(Fixture *fixture, gconstpointer data)
{
    g_autofree char *path = g_build_filename(fixture->directory, "priv.db", NULL);
    g_autofree char *noise = g_strnfill(20000, 'x');
    g_autoptr(GError) error = NULL;

    ims_store_close(fixture->store);
    g_assert_true(g_file_set_contents(path, noise, 20000, NULL));
    fixture->store = open_again(fixture, &error);
    g_assert_null(fixture->store);
    g_assert_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_CORRUPT);
    g_assert_nonnull(strstr(error->message, "priv.db"));
}

static void
test_reopen(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX"), other = fixture_create(fixture, "Other");
    g_autoptr(ImsFolder) before = NULL;
    g_autoptr(ImsFolder) after = NULL;
    g_autoptr(GBytes) body = NULL;
    g_autoptr(GBytes) expected = fixture_body(3, 200);

    fixture_deliver_many(fixture, inbox, 4);
    fixture_run_free(fixture, fixture_flags_op(inbox, "3", IMS_FLAGS_ADD, IMS_FLAG_SEEN, "Work"));
    fixture_run_free(fixture, fixture_copy_op(inbox, other, "3", FALSE));
    fixture_expunge(fixture, inbox, "2,4");
    before = ims_store_get_folder(fixture->store, inbox, NULL);
    fixture_reopen(fixture);
    after = ims_store_get_folder(fixture->store, inbox, NULL);
    g_assert_cmpuint(after->uidvalidity, ==, before->uidvalidity);
    g_assert_cmpuint(after->uidnext, ==, before->uidnext);
    g_assert_cmpuint(after->highest_modseq, ==, before->highest_modseq);
    g_assert_cmpmem(after->object_id, 16, before->object_id, 16);
    fixture_assert_list(fixture, inbox, "1:0 3:101");
    fixture_assert_list(fixture, other, "1:101");
    body = fixture_read(fixture, other, 1);
    g_assert_true(g_bytes_equal(body, expected));
    /* What was buried before the start is nobody's any more. */
    ims_sim_world_advance(fixture->world, G_USEC_PER_SEC);
    g_clear_pointer(&body, g_bytes_unref);
    body = fixture_read(fixture, inbox, 2);
    g_assert_null(body);
    g_assert_cmpuint(fixture_deliver(fixture, inbox, 9), ==, 5);
}

static void
test_large_body(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX");
    g_autoptr(GBytes) body = fixture_body(1, LARGE);
    g_autoptr(GBytes) read = NULL;
    g_autoptr(GBytes) header = NULL;
    g_autoptr(GPtrArray) rows = NULL;
    ImsStoreStats stats;
    guint32 uid = 1;

    fixture_run_free(fixture, &fixture_deliver_op(g_bytes_ref(body), NULL, NULL)->op);
    g_assert_cmpuint(n_body_files(fixture), ==, 1);
    for (guint round = 0; round < 3; round++) {
        g_clear_pointer(&read, g_bytes_unref);
        read = fixture_read(fixture, inbox, 1);
        g_assert_true(g_bytes_equal(read, body));
        if (round == 1)
            fixture_reopen(fixture);
    }
    rows = ims_store_read_rows(fixture->store, inbox, &uid, 1, TRUE, NULL);
    header = ims_store_read_header(fixture->store,
                                   ((ImsMessageRow *)g_ptr_array_index(rows, 0))->content, NULL);
    g_assert_cmpuint(g_bytes_get_size(header), ==,
                     ((ImsMessageRow *)g_ptr_array_index(rows, 0))->summary->header_size);
    ims_store_stats(fixture->store, &stats);
    g_assert_cmpuint(stats.body_files, ==, 0); /* written since the start */
    fixture_expunge(fixture, inbox, "1");
    ims_sim_world_advance(fixture->world, G_GINT64_CONSTANT(300) * G_USEC_PER_SEC);
    g_assert_cmpuint(n_body_files(fixture), ==, 0);
}

/* A file whose operation was refused, and one whose commit never came, do not stay. */
static void
test_orphans(Fixture *fixture, gconstpointer data)
{
    ImsDeliverOp *op = fixture_deliver_op(fixture_body(1, LARGE), NULL, NULL);
    g_autofree char *directory = g_build_filename(fixture->directory, "bodies", "ab", NULL);
    g_autofree char *orphan = g_build_filename(directory, "ab000000000000000000000000000000", NULL);
    g_autofree char *foreign = g_build_filename(directory, "notes.txt", NULL);

    fixture_run_free(fixture, &fixture_deliver_op(fixture_body(2, LARGE), NULL, NULL)->op);
    g_array_index(op->targets, ImsDeliverTarget, 0).mailbox = 99;
    fixture_run(fixture, &op->op);
    g_assert_error(op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND);
    ims_store_op_free(&op->op);
    g_assert_cmpuint(n_body_files(fixture), ==, 1);
    g_mkdir(directory, 0700);
    g_assert_true(g_file_set_contents(orphan, "x", 1, NULL));
    g_assert_true(g_file_set_contents(foreign, "x", 1, NULL));
    fixture_reopen(fixture);
    ims_sim_world_advance(fixture->world, 5 * G_USEC_PER_SEC);
    g_assert_false(g_file_test(orphan, G_FILE_TEST_EXISTS));
    g_assert_true(g_file_test(foreign, G_FILE_TEST_EXISTS));
    g_assert_cmpuint(n_body_files(fixture), ==, 2);
    g_bytes_unref(fixture_read(fixture, fixture_folder(fixture, "INBOX"), 1));
}

static void
assert_corrupt(Fixture *fixture, guint32 uid)
{
    g_autoptr(GError) error = NULL;
    ImsFolderId inbox = fixture_folder(fixture, "INBOX");
    g_autoptr(GPtrArray) rows = ims_store_read_rows(fixture->store, inbox, &uid, 1, FALSE, NULL);
    g_autoptr(GBytes) body = ims_store_read_body(
        fixture->store, ((ImsMessageRow *)g_ptr_array_index(rows, 0))->content, &error);

    g_assert_null(body);
    g_assert_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_CORRUPT);
}

static void
test_corrupt_bodies(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GPtrArray) files = NULL;
    g_autofree char *contents = NULL;
    const char *path;
    gsize length;

    fixture_run_free(fixture, &fixture_deliver_op(fixture_body(1, 300), NULL, NULL)->op);
    fixture_run_free(fixture, &fixture_deliver_op(fixture_body(2, LARGE), NULL, NULL)->op);
    fixture_run_free(fixture, &fixture_deliver_op(fixture_body(3, 300), NULL, NULL)->op);
    files = body_files(fixture);
    path = g_ptr_array_index(files, 0);
    g_assert_true(g_file_get_contents(path, &contents, &length, NULL));
    contents[length / 2] ^= 1;
    g_assert_true(g_file_set_contents(path, contents, (gssize)length, NULL));
    assert_corrupt(fixture, 2); /* found although this process wrote it */
    contents[length / 2] ^= 1;
    g_assert_true(g_file_set_contents(path, contents, (gssize)length, NULL));
    g_bytes_unref(fixture_read(fixture, fixture_folder(fixture, "INBOX"), 2));
    g_assert_true(g_file_set_contents(path, contents, (gssize)length - 1, NULL));
    assert_corrupt(fixture, 2);
    g_unlink(path);
    assert_corrupt(fixture, 2);
    exec_sql(fixture, "UPDATE body SET data = data || 'x' WHERE id = 1;"
                      "UPDATE content SET digest = x'00' WHERE id = 3;");
    assert_corrupt(fixture, 1);
    assert_corrupt(fixture, 3);
}

typedef struct {
    guint done, failed, other;
} Counts;

static void
count_result(ImsStoreOp *op, gpointer data)
{
    Counts *counts = data;

    if (op->error == NULL)
        counts->done++;
    else if (g_error_matches(op->error, IMS_STORE_ERROR, IMS_STORE_ERROR_FULL))
        counts->failed++;
    else
        counts->other++;
    ims_store_op_free(op);
}

static void
deliver_ten(Fixture *fixture, gsize size, Counts *counts)
{
    for (guint i = 0; i < 10; i++) {
        ImsDeliverOp *op =
            fixture_deliver_op(fixture_body(i, i == 4 ? 100 : size), count_result, counts);
        ImsDeliverTarget second = {.folder = fixture_folder(fixture, "Drafts")};

        g_array_append_val(op->targets, second);
        ims_store_submit(fixture->store, &op->op);
    }
    ims_sim_world_settle(fixture->world);
}

/* SQLITE_FULL in a batch ends the whole transaction: what fits is done alone, what does not says
 * so, nothing is lost. */
static void
test_full(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX"),
                drafts = fixture_folder(fixture, "Drafts");
    Counts counts = {0};
    guint rounds = 0;
    g_autoptr(ImsFolder) folder = NULL;

    fixture->options.max_database_bytes = 600 << 10;
    fixture_reopen(fixture);
    while (counts.failed == 0) {
        g_assert_cmpuint(rounds++, <, 100);
        deliver_ten(fixture, 6000, &counts);
    }
    g_assert_cmpuint(counts.other, ==, 0);
    g_assert_cmpuint(counts.done + counts.failed, ==, rounds * 10);
    g_assert_cmpuint(counts.failed, <, 10); /* the small one of the batch found room */
    g_assert_false(ims_store_is_failed(fixture->store));
    fixture_check_folder(fixture, inbox);
    folder = ims_store_get_folder(fixture->store, drafts, NULL);
    g_assert_cmpuint(folder->messages, ==, counts.done);
    fixture_reopen(fixture);
    fixture_check_folder(fixture, inbox);
    fixture_check_folder(fixture, drafts);
    g_clear_pointer(&folder, ims_folder_free);
    folder = ims_store_get_folder(fixture->store, inbox, NULL);
    g_assert_cmpuint(folder->messages, ==, counts.done);
    for (guint32 uid = 1; uid <= counts.done; uid++)
        g_bytes_unref(fixture_read(fixture, inbox, uid));
    /* Once there is room again, so are deliveries. */
    fixture->options.max_database_bytes = 0;
    fixture_reopen(fixture);
    counts.failed = 0;
    deliver_ten(fixture, 6000, &counts);
    g_assert_cmpuint(counts.failed, ==, 0);
}

/* What was expunged gives its room back. */
static void
test_full_then_expunged(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX"),
                drafts = fixture_folder(fixture, "Drafts");
    Counts counts = {0};

    fixture->options.max_database_bytes = 600 << 10;
    fixture_reopen(fixture);
    while (counts.failed == 0)
        deliver_ten(fixture, 6000, &counts);
    fixture->options.max_database_bytes = 900 << 10;
    fixture_reopen(fixture);
    fixture_run_free(fixture, fixture_expunge_op(inbox, NULL, FALSE));
    fixture_run_free(fixture, fixture_expunge_op(drafts, NULL, FALSE));
    ims_sim_world_advance(fixture->world, G_GINT64_CONSTANT(600) * G_USEC_PER_SEC);
    counts.done = counts.failed = 0;
    for (guint i = 0; i < 5; i++)
        deliver_ten(fixture, 6000, &counts);
    g_assert_cmpuint(counts.done, ==, 50);
}

/* Close waits for all that was submitted, body files too. */
static void
test_close_waits(Fixture *fixture, gconstpointer data)
{
    Counts counts = {0};

    for (guint i = 0; i < 6; i++)
        ims_store_submit(
            fixture->store,
            &fixture_deliver_op(fixture_body(i, i % 2 == 0 ? LARGE : 300), count_result, &counts)
                 ->op);
    fixture_reopen(fixture);
    g_assert_cmpuint(counts.done, ==, 6);
    for (guint32 uid = 1; uid <= 6; uid++)
        g_bytes_unref(fixture_read(fixture, fixture_folder(fixture, "INBOX"), uid));
}

static void
test_congestion(Fixture *fixture, gconstpointer data)
{
    Counts counts = {0};
    guint n = 0;

    fixture->options.writer_queue_limit = 20000;
    fixture_reopen(fixture);
    g_assert_false(ims_store_is_congested(fixture->store));
    while (!ims_store_is_congested(fixture->store)) {
        ims_store_submit(fixture->store,
                         &fixture_deliver_op(fixture_body(n++, 3000), count_result, &counts)->op);
        g_assert_cmpuint(n, <, 20);
    }
    /* Who goes on nevertheless is refused before memory ends. */
    for (guint i = 0; i < 100; i++)
        ims_store_submit(fixture->store,
                         &fixture_deliver_op(fixture_body(n++, 3000), count_result, &counts)->op);
    ims_sim_world_settle(fixture->world);
    g_assert_false(ims_store_is_congested(fixture->store));
    g_assert_cmpuint(counts.other, >, 50);
    g_assert_cmpuint(counts.done, >, 10);
    g_assert_cmpuint(counts.done + counts.other, ==, n);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_add_sqlite_test("/store/open/locked", test_locked);
    fixture_add_sqlite_test("/store/open/rights", test_rights);
    fixture_add_sqlite_test("/store/open/newer", test_newer);
    fixture_add_sqlite_test("/store/open/not-a-database", test_not_a_database);
    fixture_add_sqlite_test("/store/open/reopen", test_reopen);
    fixture_add_sqlite_test("/store/open/large-body", test_large_body);
    fixture_add_sqlite_test("/store/open/orphans", test_orphans);
    fixture_add_sqlite_test("/store/open/corrupt-bodies", test_corrupt_bodies);
    fixture_add_sqlite_test("/store/open/full", test_full);
    fixture_add_sqlite_test("/store/open/full-then-expunged", test_full_then_expunged);
    fixture_add_sqlite_test("/store/open/close-waits", test_close_waits);
    fixture_add_sqlite_test("/store/open/congestion", test_congestion);
    return g_test_run();
}
