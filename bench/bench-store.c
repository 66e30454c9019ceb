/*
 * bench-store: durable deliveries a second with N in flight, and what large folders cost.
 *
 *     bench-store [--directory DIR] [--messages N] [--size OCTETS] [--in-flight N]
 *
 * Runs on the real world: submitters on the workers, the writer on its thread, fsync as in service.
 * Prints one line a figure: name, value, unit.
 */
#include "store/store.h"

#include <glib/gstdio.h>
#include <pthread.h>
#include <stdlib.h>

typedef struct {
    ImsWorld *world;
    ImsStore *store;
    GBytes *body;
    ImsMimeSummary *summary;
    guint mailboxes;

    pthread_mutex_t lock; /* guards the rest */
    pthread_cond_t changed;
    guint left;    /* to submit */
    guint pending; /* not completed */
    guint failures;
} Bench;

static char *directory;
static int n_messages = 20000, size_bytes = 4096, only_in_flight;

static const GOptionEntry options[] = {
    {"directory", 0, 0, G_OPTION_ARG_FILENAME, &directory,      "where the store is made",  "DIR"   },
    {"messages",  0, 0, G_OPTION_ARG_INT,      &n_messages,     "messages for each figure", "N"     },
    {"in-flight", 0, 0, G_OPTION_ARG_INT,      &only_in_flight, "this figure only",         "N"     },
    {"size",      0, 0, G_OPTION_ARG_INT,      &size_bytes,     "octets of a message",      "OCTETS"},
    {NULL,        0, 0, 0,                     NULL,            NULL,                       NULL    },
};

static void
finish_one(Bench *bench, ImsStoreOp *op)
{
    pthread_mutex_lock(&bench->lock);
    if (op->error != NULL) {
        if (bench->failures++ == 0)
            g_printerr("bench-store: %s\n", op->error->message);
    }
    if (--bench->pending == 0)
        pthread_cond_signal(&bench->changed);
    pthread_mutex_unlock(&bench->lock);
    ims_store_op_free(op);
}

static void submit_next(gpointer data);

static void
delivered(ImsStoreOp *op, gpointer data)
{
    submit_next(data);
    finish_one(data, op);
}

/* One submitter: as soon as a message is durable, the next. */
static void
submit_next(gpointer data)
{
    Bench *bench = data;
    ImsDeliverOp *op;
    ImsDeliverTarget target = {0};

    pthread_mutex_lock(&bench->lock);
    if (bench->left == 0) {
        pthread_mutex_unlock(&bench->lock);
        return;
    }
    target.mailbox = 1 + --bench->left % bench->mailboxes;
    bench->pending++;
    pthread_mutex_unlock(&bench->lock);
    op = (ImsDeliverOp *)ims_store_op_new(IMS_OP_DELIVER, delivered, bench);
    op->body = g_bytes_ref(bench->body);
    op->summary = ims_mime_summary_copy(bench->summary);
    op->internal_date_usec = ims_world_wall_usec(bench->world);
    op->targets = ims_deliver_targets_new();
    g_array_append_val(op->targets, target);
    ims_store_submit(bench->store, &op->op);
}

static void
wait_all(Bench *bench)
{
    pthread_mutex_lock(&bench->lock);
    while (bench->left > 0 || bench->pending > 0)
        pthread_cond_wait(&bench->changed, &bench->lock);
    pthread_mutex_unlock(&bench->lock);
}

static void
report(const char *name, double value, const char *unit)
{
    g_print("%-28s %12.1f %s\n", name, value, unit);
}

static void
bench_delivery(Bench *bench, guint in_flight, guint n)
{
    gint64 start_usec = g_get_monotonic_time();
    g_autofree char *name = g_strdup_printf("deliver-%u-in-flight", in_flight);
    ImsStoreStats before, after;

    ims_store_stats(bench->store, &before);
    bench->left = n;
    for (guint i = 0; i < in_flight; i++)
        ims_world_post(bench->world,
                       ims_world_worker(bench->world, i % ims_world_n_workers(bench->world)),
                       submit_next, bench);
    wait_all(bench);
    report(name, n * 1e6 / (double)(g_get_monotonic_time() - start_usec), "messages/s");
    ims_store_stats(bench->store, &after);
    report("  messages a commit", n / (double)MAX(after.commits - before.commits, 1), "");
    report("  log", (double)after.wal_bytes / 1e6, "MB");
}

typedef struct {
    Bench *bench;
    ImsStoreOp *op;
} Single;

static void
single_done(ImsStoreOp *op, gpointer data)
{
    finish_one(data, op);
}

static void
submit_single(gpointer data)
{
    Single *single = data;

    ims_store_submit(single->bench->store, single->op);
    g_free(single);
}

/* Runs one operation on a worker and says how long it took. */
static void
run_single(Bench *bench, const char *name, ImsStoreOp *op)
{
    gint64 start_usec = g_get_monotonic_time();
    Single *single = g_new(Single, 1);

    op->done = single_done;
    op->data = bench;
    single->bench = bench;
    single->op = op;
    bench->pending = 1;
    ims_world_post(bench->world, ims_world_worker(bench->world, 0), submit_single, single);
    wait_all(bench);
    if (name != NULL)
        report(name, (double)(g_get_monotonic_time() - start_usec) / 1e3, "ms");
}

static GArray *
range(guint32 first, guint n)
{
    GArray *uids = g_array_new(FALSE, FALSE, sizeof(guint32));

    for (guint i = 0; i < n; i++) {
        guint32 uid = first + i;

        g_array_append_val(uids, uid);
    }
    return uids;
}

static void
create_mailboxes(Bench *bench)
{
    for (guint i = 1; i <= bench->mailboxes; i++) {
        ImsFolderOp *op = (ImsFolderOp *)ims_store_op_new(IMS_OP_MAILBOX_CREATE, NULL, NULL);

        op->mailbox = i;
        run_single(bench, NULL, &op->op);
    }
}

static void
time_snapshot(Bench *bench, const char *name, ImsFolderId folder)
{
    gint64 start_usec = g_get_monotonic_time();
    g_autoptr(ImsUidSnapshot) snapshot = ims_store_snapshot(bench->store, folder, NULL);

    report(name, (double)(g_get_monotonic_time() - start_usec) / 1e3, "ms");
    if (snapshot == NULL)
        g_printerr("bench-store: no snapshot\n");
}

static void
bench_folder(Bench *bench)
{
    g_autoptr(ImsFolder) inbox = ims_store_find_folder(bench->store, 1, "INBOX", NULL);
    g_autoptr(ImsFolder) other = ims_store_find_folder(bench->store, 1, "Drafts", NULL);
    guint32 n = MIN(inbox->messages, 10000);
    g_autoptr(ImsUidSnapshot) held = NULL;
    ImsFlagsOp *flags = (ImsFlagsOp *)ims_store_op_new(IMS_OP_STORE_FLAGS, NULL, NULL);
    ImsCopyOp *copy = (ImsCopyOp *)ims_store_op_new(IMS_OP_COPY, NULL, NULL);
    ImsExpungeOp *expunge = (ImsExpungeOp *)ims_store_op_new(IMS_OP_EXPUNGE, NULL, NULL);
    gint64 start_usec;

    report("folder holds", inbox->messages, "messages");
    time_snapshot(bench, "snapshot-first", inbox->id);
    held = ims_store_snapshot(bench->store, inbox->id, NULL);
    time_snapshot(bench, "snapshot-again", inbox->id);

    start_usec = g_get_monotonic_time();
    for (guint32 i = 0; i < n; i += 500) {
        g_autoptr(GArray) uids = range(i + 1, MIN(500, n - i));
        g_autoptr(GPtrArray) rows = ims_store_read_rows(
            bench->store, inbox->id, (const guint32 *)(gpointer)uids->data, uids->len, TRUE, NULL);
    }
    report("read-rows-10000", (double)(g_get_monotonic_time() - start_usec) / 1e3, "ms");

    flags->folder = inbox->id;
    flags->uids = range(1, n);
    flags->flags = IMS_FLAG_SEEN;
    run_single(bench, "store-flags-10000", &flags->op);
    time_snapshot(bench, "snapshot-after-store", inbox->id);
    copy->from = inbox->id;
    copy->to = other->id;
    copy->uids = range(1, n);
    run_single(bench, "copy-10000", &copy->op);
    expunge->folder = inbox->id;
    expunge->uids = range(1, n);
    run_single(bench, "expunge-10000", &expunge->op);
    time_snapshot(bench, "snapshot-after-expunge", inbox->id);
}

static void
remove_tree(const char *path)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);

        if (g_file_test(child, G_FILE_TEST_IS_DIR))
            remove_tree(child);
        else
            g_unlink(child);
    }
    g_rmdir(path);
}

static GBytes *
make_body(gsize size)
{
    GString *text = g_string_new("From: alice@example.com\r\nTo: bob@example.com\r\n"
                                 "Subject: a figure\r\nMessage-ID: <1@example.com>\r\n"
                                 "Date: Wed, 25 Nov 2026 09:00:00 +0000\r\n\r\n");

    while (text->len + 2 < size)
        g_string_append_c(text, (text->len % 70) == 0 ? '\n' : 'x');
    g_string_append(text, "\r\n");
    return g_string_free_to_bytes(text);
}

static int
run(const char *path)
{
    ImsRealWorldOptions world_options = {0};
    ImsStoreOptions store_options = {.engine = IMS_ENGINE_SQLITE, .directory = path};
    g_autoptr(GError) error = NULL;
    Bench bench = {.mailboxes = 100};
    const guint in_flight[] = {1, 10, 50, 200};

    bench.world = ims_real_world_new(&world_options, &error);
    if (bench.world != NULL)
        bench.store = ims_store_open(bench.world, &store_options, &error);
    if (bench.store == NULL) {
        g_printerr("bench-store: %s\n", error->message);
        return EXIT_FAILURE;
    }
    pthread_mutex_init(&bench.lock, NULL);
    pthread_cond_init(&bench.changed, NULL);
    bench.body = make_body((gsize)size_bytes);
    bench.summary = ims_mime_summarize(bench.body, NULL);
    create_mailboxes(&bench);
    if (only_in_flight > 0) {
        bench_delivery(&bench, (guint)only_in_flight, (guint)n_messages);
    } else {
        for (guint i = 0; i < G_N_ELEMENTS(in_flight); i++)
            bench_delivery(&bench, in_flight[i], (guint)n_messages / (in_flight[i] == 1 ? 10 : 1));
        bench.mailboxes = 1;
        bench_delivery(&bench, 500, 100000);
        bench_folder(&bench);
    }
    ims_store_close(bench.store);
    ims_real_world_free(bench.world);
    g_bytes_unref(bench.body);
    ims_mime_summary_free(bench.summary);
    pthread_mutex_destroy(&bench.lock);
    pthread_cond_destroy(&bench.changed);
    return bench.failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int
main(int argc, char **argv)
{
    g_autoptr(GOptionContext) context = g_option_context_new("- what the store does a second");
    g_autoptr(GError) error = NULL;
    g_autofree char *path = NULL;
    int status;

    g_option_context_add_main_entries(context, options, NULL);
    if (!g_option_context_parse(context, &argc, &argv, &error) || n_messages < 10 ||
        size_bytes < 256 || size_bytes > (64 << 20)) {
        g_printerr("bench-store: %s\n",
                   error != NULL ? error->message : "--messages from 10, --size 256 to 64 MiB");
        return 2;
    }
    path = g_build_filename(directory != NULL ? directory : g_get_tmp_dir(), "bench-store-XXXXXX",
                            NULL);
    if (g_mkdtemp(path) == NULL) {
        g_printerr("bench-store: cannot make %s\n", path);
        return EXIT_FAILURE;
    }
    status = run(path);
    remove_tree(path);
    return status;
}
