/*
 * The disk fails at the first, the second, the third … write or sync of a batch of ten, until the
 * batch passes. After each: what was acknowledged is there exactly once, what was not at most once,
 * and no operation is there by half.
 */
#include "tests/unit/fault-vfs.h"
#include "tests/unit/store-fixture.h"

#include <string.h>

#define N_OPS 10

typedef enum {
    OP_PENDING,
    OP_ACKNOWLEDGED,
    OP_REFUSED,
} OpFate;

typedef struct {
    OpFate fate;
    gint code;
} Fate;

static void
note_fate(ImsStoreOp *op, gpointer data)
{
    Fate *fate = data;

    g_assert_cmpint(fate->fate, ==, OP_PENDING);
    fate->fate = op->error == NULL ? OP_ACKNOWLEDGED : OP_REFUSED;
    if (op->error != NULL) {
        g_assert_true(op->error->domain == IMS_STORE_ERROR);
        fate->code = op->error->code;
    }
    ims_store_op_free(op);
}

/* Message 1000 + @number to INBOX, Drafts and the queue. */
static void
submit(Fixture *fixture, guint number, Fate *fate)
{
    ImsDeliverOp *op = fixture_deliver_op(fixture_body(1000 + number, 3000), note_fate, fate);
    ImsDeliverTarget drafts = {.folder = fixture_folder(fixture, "Drafts")};
    ImsQueueRecipient *recipient = ims_queue_recipient_new();

    g_array_append_val(op->targets, drafts);
    op->queue = ims_queue_message_new();
    op->queue->sender = g_strdup("");
    op->queue->subject = g_strdup_printf("%u", number);
    recipient->address = g_strdup("a@b.example");
    recipient->domain = g_strdup("b.example");
    g_ptr_array_add(op->queue->recipients, recipient);
    fate->fate = OP_PENDING;
    ims_store_submit(fixture->store, &op->op);
}

/* How often message @number is in a folder. */
static void
count_folder(Fixture *fixture, const char *name, guint counts[N_OPS])
{
    ImsFolderId folder = fixture_folder(fixture, name);
    g_autoptr(ImsUidSnapshot) snapshot = ims_store_snapshot(fixture->store, folder, NULL);

    fixture_check_folder(fixture, folder);
    for (guint i = 0; i < snapshot->n_entries; i++) {
        g_autoptr(GBytes) body = fixture_read(fixture, folder, snapshot->entries[i].uid);
        const char *text = g_bytes_get_data(body, NULL);
        guint64 number = g_ascii_strtoull(strstr(text, "number ") + 7, NULL, 10) - 1000;

        g_assert_cmpuint(number, <, N_OPS);
        counts[number]++;
    }
}

static void
count_queue(Fixture *fixture, guint counts[N_OPS])
{
    g_autoptr(GPtrArray) messages = ims_store_queue_list(fixture->store, NULL, 0, 100, NULL);

    for (guint i = 0; i < messages->len; i++) {
        const ImsQueueMessage *message = g_ptr_array_index(messages, i);

        g_assert_cmpuint(message->recipients->len, ==, 1);
        counts[g_ascii_strtoull(message->subject, NULL, 10)]++;
    }
}

static void
check(Fixture *fixture, const Fate fates[N_OPS])
{
    guint inbox[N_OPS] = {0}, drafts[N_OPS] = {0}, queue[N_OPS] = {0};

    count_folder(fixture, "INBOX", inbox);
    count_folder(fixture, "Drafts", drafts);
    count_queue(fixture, queue);
    for (guint i = 0; i < N_OPS; i++) {
        g_assert_cmpint(fates[i].fate, !=, OP_PENDING);
        g_assert_cmpuint(inbox[i], ==, drafts[i]);
        g_assert_cmpuint(inbox[i], ==, queue[i]);
        if (fates[i].fate == OP_ACKNOWLEDGED)
            g_assert_cmpuint(inbox[i], ==, 1);
        else
            g_assert_cmpuint(inbox[i], <=, 1);
    }
}

static guint
count_fates(const Fate fates[N_OPS], OpFate fate, gint code)
{
    guint n = 0;

    for (guint i = 0; i < N_OPS; i++)
        n += fates[i].fate == fate && (fate != OP_REFUSED || fates[i].code == code);
    return n;
}

/* FALSE: the fault was never met. */
static gboolean
run_with_fault(FaultKind kind, guint nth, gboolean lasting)
{
    Fixture fixture = {0};
    Fate fates[N_OPS] = {
        {OP_PENDING, 0}
    };
    gboolean fired;

    fixture_set_up(&fixture, GINT_TO_POINTER(IMS_ENGINE_SQLITE));
    fault_vfs_arm(kind, nth, lasting);
    for (guint i = 0; i < N_OPS; i++)
        submit(&fixture, i, &fates[i]);
    ims_sim_world_settle(fixture.world);
    fired = fault_vfs_disarm();
    if (!fired) {
        g_assert_cmpuint(count_fates(fates, OP_ACKNOWLEDGED, 0), ==, N_OPS);
    } else if (kind == FAULT_FULL) {
        /* A disk that was full once: each was done alone. */
        g_assert_cmpuint(count_fates(fates, OP_ACKNOWLEDGED, 0), ==, lasting ? 0 : N_OPS);
        g_assert_cmpuint(count_fates(fates, OP_REFUSED, IMS_STORE_ERROR_FULL), ==,
                         lasting ? N_OPS : 0);
        g_assert_false(ims_store_is_failed(fixture.store));
        check(&fixture, fates);
    } else {
        Fate late;

        g_assert_cmpuint(count_fates(fates, OP_REFUSED, IMS_STORE_ERROR_IO), ==, N_OPS);
        g_assert_true(ims_store_is_failed(fixture.store));
        submit(&fixture, 0, &late); /* the disk is well again, this process does not believe it */
        ims_sim_world_settle(fixture.world);
        g_assert_cmpint(late.fate, ==, OP_REFUSED);
        g_assert_cmpint(late.code, ==, IMS_STORE_ERROR_IO);
    }
    fixture_reopen(&fixture);
    g_assert_false(ims_store_is_failed(fixture.store));
    check(&fixture, fates);
    fixture_deliver(&fixture, fixture_folder(&fixture, "Outbox"), 1);
    fixture_tear_down(&fixture, NULL);
    return fired;
}

static void
test_fault(gconstpointer data)
{
    FaultKind kind = (FaultKind)GPOINTER_TO_INT(data);

    for (guint lasting = 0; lasting < 2; lasting++) {
        guint nth = 1;

        while (run_with_fault(kind, nth, lasting != 0)) {
            nth++;
            g_assert_cmpuint(nth, <, 500);
        }
        g_test_message("%u calls failed in turn", nth - 1);
        g_assert_cmpuint(nth, >, 1);
    }
}

/* The same while the log is written back, which comes with the end: nothing acknowledged is lost.
 */
static gboolean
close_with_fault(FaultKind kind, guint nth)
{
    Fixture fixture = {0};
    Fate fates[N_OPS] = {
        {OP_PENDING, 0}
    };
    gboolean fired;

    fixture_set_up(&fixture, GINT_TO_POINTER(IMS_ENGINE_SQLITE));
    for (guint i = 0; i < N_OPS; i++)
        submit(&fixture, i, &fates[i]);
    ims_sim_world_settle(fixture.world);
    g_assert_cmpuint(count_fates(fates, OP_ACKNOWLEDGED, 0), ==, N_OPS);
    fault_vfs_arm(kind, nth, TRUE);
    fixture_close(&fixture);
    fired = fault_vfs_disarm();
    fixture.world = ims_sim_world_new(1, FIXTURE_START_USEC);
    fixture_reopen(&fixture);
    check(&fixture, fates);
    fixture_tear_down(&fixture, NULL);
    return fired;
}

static void
test_fault_at_close(gconstpointer data)
{
    guint nth = 1;

    while (close_with_fault((FaultKind)GPOINTER_TO_INT(data), nth))
        g_assert_cmpuint(nth++, <, 500);
    g_assert_cmpuint(nth, >, 1);
}

int
main(int argc, char **argv)
{
    static const struct {
        const char *name;
        FaultKind kind;
    } kinds[] = {
        {"write",      FAULT_WRITE     },
        {"sync",       FAULT_SYNC      },
        {"full",       FAULT_FULL      },
        {"half-write", FAULT_HALF_WRITE},
    };

    g_test_init(&argc, &argv, NULL);
    fault_vfs_install();
    for (guint i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *batch = g_strdup_printf("/store/faults/batch/%s", kinds[i].name);
        g_autofree char *close = g_strdup_printf("/store/faults/close/%s", kinds[i].name);

        g_test_add_data_func(batch, GINT_TO_POINTER(kinds[i].kind), test_fault);
        g_test_add_data_func(close, GINT_TO_POINTER(kinds[i].kind), test_fault_at_close);
    }
    return g_test_run();
}
