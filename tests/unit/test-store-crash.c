/* A process that submits is killed at some instant: what it reported as done is there exactly once.
 */
#include "tests/unit/store-fixture.h"

#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define N_KILLS 12
#define IN_FLIGHT 8

typedef struct {
    Fixture *fixture;
    int pipe;
    guint next;
} Child;

static void submit_next(Child *child);

typedef struct {
    Child *child;
    guint32 number;
} Sent;

static void
report(ImsStoreOp *op, gpointer data)
{
    Sent *sent = data;

    if (op->error == NULL && write(sent->child->pipe, &sent->number, sizeof sent->number) !=
                                 (ssize_t)sizeof sent->number)
        _exit(1);
    submit_next(sent->child);
    g_free(sent);
    ims_store_op_free(op);
}

/* Every fourth message is a large one, with a file of its own; each goes to two folders. */
static void
submit_next(Child *child)
{
    Sent *sent = g_new(Sent, 1);
    ImsDeliverTarget drafts = {0};
    ImsDeliverOp *op;

    sent->child = child;
    sent->number = child->next++;
    op = fixture_deliver_op(fixture_body(sent->number, sent->number % 4 == 3 ? (150u << 10) : 2000),
                            report, sent);
    drafts.folder = fixture_folder(child->fixture, "Drafts");
    g_array_append_val(op->targets, drafts);
    ims_store_submit(child->fixture->store, &op->op);
}

static void
run_child(Fixture *fixture, int fd, guint first)
{
    Child child = {fixture, fd, first};

    fixture->world = ims_sim_world_new(first + 1, FIXTURE_START_USEC + first);
    fixture->store = ims_store_open(fixture->world, &fixture->options, NULL);
    if (fixture->store == NULL)
        _exit(2);
    for (guint i = 0; i < IN_FLIGHT; i++)
        submit_next(&child);
    ims_sim_world_settle(fixture->world); /* does not come to rest */
    _exit(3);
}

/* Adds what the child reported until it was killed, after at least @least reports and a random
 * while. */
static guint
kill_after(pid_t pid, int fd, guint least, gulong delay_usec, GHashTable *acknowledged)
{
    guint32 number;
    guint n = 0;
    int status;

    while (read(fd, &number, sizeof number) == (ssize_t)sizeof number) {
        g_hash_table_add(acknowledged, GUINT_TO_POINTER(number + 1));
        if (++n == least) {
            g_usleep(delay_usec);
            kill(pid, SIGKILL);
        }
    }
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFSIGNALED(status));
    return n;
}

static void
count_messages(Fixture *fixture, const char *name, GHashTable *counts)
{
    ImsFolderId folder = fixture_folder(fixture, name);
    g_autoptr(ImsUidSnapshot) snapshot = ims_store_snapshot(fixture->store, folder, NULL);

    fixture_check_folder(fixture, folder);
    for (guint i = 0; i < snapshot->n_entries; i++) {
        g_autoptr(GBytes) body = fixture_read(fixture, folder, snapshot->entries[i].uid);
        guint64 number =
            g_ascii_strtoull(strstr(g_bytes_get_data(body, NULL), "number ") + 7, NULL, 10);
        gpointer key = GUINT_TO_POINTER((guint)number + 1);

        g_assert_true(g_hash_table_insert(counts, key, key)); /* never twice */
    }
}

static void
check_acknowledged(Fixture *fixture, GHashTable *acknowledged)
{
    g_autoptr(GHashTable) inbox = g_hash_table_new(NULL, NULL);
    g_autoptr(GHashTable) drafts = g_hash_table_new(NULL, NULL);
    GHashTableIter iter;
    gpointer key;

    count_messages(fixture, "INBOX", inbox);
    count_messages(fixture, "Drafts", drafts);
    g_assert_cmpuint(g_hash_table_size(inbox), ==, g_hash_table_size(drafts));
    g_hash_table_iter_init(&iter, acknowledged);
    while (g_hash_table_iter_next(&iter, &key, NULL)) {
        g_assert_true(g_hash_table_contains(inbox, key));
        g_assert_true(g_hash_table_contains(drafts, key));
    }
}

static void
test_kill(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GHashTable) acknowledged = g_hash_table_new(NULL, NULL);
    g_autoptr(GRand) random = g_rand_new_with_seed(30);

    fixture_close(fixture);
    for (guint round = 0; round < N_KILLS; round++) {
        int fds[2];
        pid_t pid;

        g_assert_cmpint(pipe(fds), ==, 0);
        pid = fork();
        g_assert_cmpint(pid, >=, 0);
        if (pid == 0) {
            close(fds[0]);
            run_child(fixture, fds[1], round * 100000);
        }
        close(fds[1]);
        kill_after(pid, fds[0], 20, (gulong)g_rand_int_range(random, 0, 20000), acknowledged);
        close(fds[0]);
        fixture->world = ims_sim_world_new(round, FIXTURE_START_USEC + G_USEC_PER_SEC);
        fixture_reopen(fixture); /* over the body files left behind as well */
        ims_sim_world_advance(fixture->world, 2 * G_USEC_PER_SEC);
        check_acknowledged(fixture, acknowledged);
        fixture_close(fixture);
    }
    g_assert_cmpuint(g_hash_table_size(acknowledged), >=, N_KILLS * 20);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_add_sqlite_test("/store/crash/kill", test_kill);
    return g_test_run();
}
