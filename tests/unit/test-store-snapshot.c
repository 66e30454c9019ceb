/* A snapshot brought forward by changes is the snapshot a fresh load gives, whatever happened;
 * those held do not move. */
#include "tests/unit/store-fixture.h"

#include <string.h>

#define N_STEPS 300
#define N_HELD 6

typedef struct {
    ImsUidSnapshot *snapshot;
    char *text; /* what it said when it was taken */
} Held;

/* "1,4,7:9": a random choice of what is there, and something that is not. */
static GArray *
choose(GRand *random, const ImsUidSnapshot *snapshot)
{
    GArray *uids = g_array_new(FALSE, FALSE, sizeof(guint32));
    guint share = (guint)g_rand_int_range(random, 1, 12);

    for (guint i = 0; i < snapshot->n_entries; i++) {
        if ((guint)g_rand_int_range(random, 0, (gint32)share) == 0)
            g_array_append_val(uids, snapshot->entries[i].uid);
    }
    if (g_rand_boolean(random)) {
        guint32 beyond = snapshot->uidnext + 5;

        g_array_append_val(uids, beyond);
    }
    return uids;
}

static ImsStoreOp *
random_op(GRand *random, Fixture *fixture, ImsFolderId folder, ImsFolderId other)
{
    g_autoptr(ImsUidSnapshot) snapshot = ims_store_snapshot(fixture->store, folder, NULL);
    guint kind = (guint)g_rand_int_range(random, 0, 10);
    g_autofree char *keyword = g_strdup_printf("k%d", g_rand_int_range(random, 0, 30));
    ImsStoreOp *op;

    switch (kind) {
    case 0:
    case 1:
    case 2:
    case 3:
        op = &fixture_deliver_op(fixture_body(g_rand_int(random), 150), NULL, NULL)->op;
        g_array_index(((ImsDeliverOp *)op)->targets, ImsDeliverTarget, 0).folder = folder;
        return op;
    case 4:
    case 5:
    case 6:
        op = fixture_flags_op(folder, "1", (ImsFlagsMode)g_rand_int_range(random, 0, 3),
                              (guint64)g_rand_int_range(random, 0, 32),
                              g_rand_int_range(random, 0, 3) == 0 ? keyword : NULL);
        g_array_unref(((ImsFlagsOp *)op)->uids);
        ((ImsFlagsOp *)op)->uids = choose(random, snapshot);
        return op;
    case 7:
        op = fixture_expunge_op(folder, NULL, g_rand_boolean(random));
        ((ImsExpungeOp *)op)->uids = choose(random, snapshot);
        return op;
    case 8:
        op = fixture_copy_op(folder, g_rand_boolean(random) ? other : folder, "1",
                             g_rand_boolean(random));
        g_array_unref(((ImsCopyOp *)op)->uids);
        ((ImsCopyOp *)op)->uids = choose(random, snapshot);
        return op;
    default:
        op = fixture_folder_op(IMS_OP_CLAIM_RECENT, NULL, NULL);
        ((ImsFolderOp *)op)->folder = folder;
        return op;
    }
}

static void
count_done(ImsStoreOp *op, gpointer data)
{
    g_assert_no_error(op->error);
    ++*(guint *)data;
    ims_store_op_free(op);
}

/* Some operations without a look at the folder between them; most of them in one batch. */
static void
run_burst(GRand *random, Fixture *fixture, const ImsFolderId folders[2])
{
    ImsStoreOp *ops[8];
    guint n = (guint)g_rand_int_range(random, 1, 9), done = 0;

    for (guint i = 0; i < n; i++) {
        guint which = (guint)g_rand_int_range(random, 0, 2);

        ops[i] = random_op(random, fixture, folders[which], folders[1 - which]);
        ops[i]->done = count_done;
        ops[i]->data = &done;
    }
    for (guint i = 0; i < n; i++) {
        ims_store_submit(fixture->store, ops[i]);
        if (g_rand_int_range(random, 0, 4) == 0)
            ims_sim_world_settle(fixture->world);
    }
    ims_sim_world_settle(fixture->world);
    g_assert_cmpuint(done, ==, n);
}

static char *
full_text(const ImsUidSnapshot *snapshot)
{
    g_autofree char *keywords = g_strjoinv(" ", (char **)snapshot->keywords);
    GString *text = g_string_new(NULL);

    g_string_append_printf(text, "%u %u %u %" G_GUINT64_FORMAT " [%s]", snapshot->uidvalidity,
                           snapshot->uidnext, snapshot->first_recent_uid, snapshot->highest_modseq,
                           keywords);
    for (guint i = 0; i < snapshot->n_entries; i++) {
        const ImsUidEntry *entry = &snapshot->entries[i];

        g_string_append_printf(text, " %u:%u:%" G_GINT64_MODIFIER "x:%" G_GUINT64_FORMAT,
                               entry->uid, entry->size, entry->flags, entry->modseq);
    }
    return g_string_free(text, FALSE);
}

static void
hold(Held *held, ImsUidSnapshot *snapshot)
{
    if (held->snapshot != NULL) {
        g_autofree char *now = full_text(held->snapshot);

        g_assert_cmpstr(now, ==, held->text);
        ims_uid_snapshot_unref(held->snapshot);
    }
    g_free(held->text);
    held->snapshot = snapshot;
    held->text = snapshot != NULL ? full_text(snapshot) : NULL;
}

/* Every message a held snapshot names can be read. */
static void
check_readable(Fixture *fixture, const ImsUidSnapshot *snapshot)
{
    for (guint i = 0; i < snapshot->n_entries; i++) {
        g_autoptr(GBytes) body = fixture_read(fixture, snapshot->folder, snapshot->entries[i].uid);

        g_assert_nonnull(body);
        g_assert_cmpuint(g_bytes_get_size(body), ==, snapshot->entries[i].size);
    }
}

static void
test_random(Fixture *fixture, gconstpointer data)
{
    ImsFolderId folders[2] = {fixture_folder(fixture, "INBOX"), fixture_create(fixture, "Other")};
    g_autoptr(GRand) random = g_rand_new_with_seed(20261125);
    Held held[N_HELD] = {
        {NULL, NULL}
    };
    char *last[2] = {NULL, NULL};

    for (guint step = 0; step < N_STEPS; step++) {
        run_burst(random, fixture, folders);
        if (g_rand_int_range(random, 0, 4) == 0)
            hold(&held[g_rand_int_range(random, 0, N_HELD)],
                 ims_store_snapshot(fixture->store, folders[step % 2], NULL));
        if (step % 20 == 19) {
            fixture_check_folder(fixture, folders[0]);
            fixture_check_folder(fixture, folders[1]);
            for (guint i = 0; i < N_HELD; i++) {
                if (held[i].snapshot != NULL)
                    check_readable(fixture, held[i].snapshot);
            }
            ims_sim_world_advance(fixture->world, G_GINT64_CONSTANT(45) * G_USEC_PER_SEC);
        }
    }
    for (guint i = 0; i < N_HELD; i++)
        hold(&held[i], NULL);
    /* Brought forward all the way … */
    for (guint i = 0; i < 2; i++) {
        g_autoptr(ImsUidSnapshot) snapshot = ims_store_snapshot(fixture->store, folders[i], NULL);

        last[i] = full_text(snapshot);
    }
    /* … and loaded anew: by a new process, or once the cache has let go. */
    if (fixture->directory != NULL)
        fixture_reopen(fixture);
    else
        ims_sim_world_advance(fixture->world, G_GINT64_CONSTANT(600) * G_USEC_PER_SEC);
    for (guint i = 0; i < 2; i++) {
        g_autoptr(ImsUidSnapshot) snapshot = ims_store_snapshot(fixture->store, folders[i], NULL);
        g_autofree char *text = full_text(snapshot);

        g_assert_cmpstr(text, ==, last[i]);
        g_free(last[i]);
    }
}

/* Both engines end in the same state after the same operations. */
static void
test_engines_agree(void)
{
    char *ends[2][2];

    for (guint engine = 0; engine < 2; engine++) {
        Fixture fixture = {0};
        g_autoptr(GRand) random = g_rand_new_with_seed(4711);
        ImsFolderId folders[2];

        fixture_set_up(&fixture,
                       GINT_TO_POINTER(engine == 0 ? IMS_ENGINE_SQLITE : IMS_ENGINE_MEMORY));
        folders[0] = fixture_folder(&fixture, "INBOX");
        folders[1] = fixture_create(&fixture, "Other");
        for (guint step = 0; step < 100; step++)
            run_burst(random, &fixture, folders);
        for (guint i = 0; i < 2; i++) {
            g_autoptr(ImsUidSnapshot) snapshot =
                ims_store_snapshot(fixture.store, folders[i], NULL);

            ends[engine][i] = full_text(snapshot);
        }
        fixture_tear_down(&fixture, NULL);
    }
    for (guint i = 0; i < 2; i++) {
        g_assert_cmpstr(ends[0][i], ==, ends[1][i]);
        g_free(ends[0][i]);
        g_free(ends[1][i]);
    }
}

static void
test_find(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX");
    g_autoptr(ImsUidSnapshot) snapshot = NULL;
    const struct {
        guint32 uid;
        guint index;
        gboolean found;
    } cases[] = {
        {0,           0, FALSE},
        {1,           0, FALSE},
        {2,           0, TRUE },
        {3,           1, FALSE},
        {4,           1, TRUE },
        {6,           2, TRUE },
        {7,           3, FALSE},
        {G_MAXUINT32, 3, FALSE}
    };

    fixture_deliver_many(fixture, inbox, 6);
    fixture_expunge(fixture, inbox, "1,3,5");
    snapshot = ims_store_snapshot(fixture->store, inbox, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        gboolean found;

        g_assert_cmpuint(ims_uid_snapshot_find(snapshot, cases[i].uid, &found), ==, cases[i].index);
        g_assert_cmpint(found, ==, cases[i].found);
    }
    g_assert_cmpuint(ims_uid_snapshot_find(snapshot, 4, NULL), ==, 1);
}

/* Two who ask share one snapshot; deliveries behind it do not show in it. */
static void
test_shared(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX");
    g_autoptr(ImsUidSnapshot) a = NULL;
    g_autoptr(ImsUidSnapshot) b = NULL;
    g_autoptr(ImsUidSnapshot) c = NULL;

    fixture_deliver_many(fixture, inbox, 3);
    a = ims_store_snapshot(fixture->store, inbox, NULL);
    b = ims_store_snapshot(fixture->store, inbox, NULL);
    g_assert_true(a == b);
    fixture_deliver_many(fixture, inbox, 2);
    c = ims_store_snapshot(fixture->store, inbox, NULL);
    g_assert_true(a != c);
    g_assert_cmpuint(a->n_entries, ==, 3);
    g_assert_cmpuint(c->n_entries, ==, 5);
    fixture_close(fixture); /* who holds one may outlive the store */
    g_assert_cmpuint(c->entries[4].uid, ==, 5);
}

/* Many changes nobody asks about are not kept for ever. */
static void
test_many_changes(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX");

    fixture_deliver_many(fixture, inbox, 300);
    fixture_assert_list(fixture, fixture_create(fixture, "x"), "");
    fixture_check_folder(fixture, inbox);
    for (guint i = 0; i < 20; i++)
        fixture_set_flags(fixture, inbox, "1:300", i % 2 == 0 ? IMS_FLAG_SEEN : 0);
    fixture_check_folder(fixture, inbox);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_add_test("/store/snapshot/random", test_random);
    g_test_add_func("/store/snapshot/engines-agree", test_engines_agree);
    fixture_add_test("/store/snapshot/find", test_find);
    fixture_add_test("/store/snapshot/shared", test_shared);
    fixture_add_test("/store/snapshot/many-changes", test_many_changes);
    return g_test_run();
}
