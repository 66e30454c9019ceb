/* Messages: the same suite over both engines. */
#include "tests/unit/store-fixture.h"

#include <string.h>

static void
test_deliver(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX");
    g_autoptr(GBytes) body = fixture_body(1, 5000);
    ImsDeliverOp *op = fixture_deliver_op(g_bytes_ref(body), NULL, NULL);
    ImsDeliverTarget *target = &g_array_index(op->targets, ImsDeliverTarget, 0);
    g_autoptr(GBytes) read = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) rows = NULL;
    const ImsMessageRow *row;
    guint32 uid = 1;

    target->flags = IMS_FLAG_SEEN | IMS_FLAG_KEYWORD(3); /* keyword bits do not come from outside */
    fixture_run(fixture, &op->op);
    g_assert_no_error(op->op.error);
    target = &g_array_index(op->targets, ImsDeliverTarget, 0);
    g_assert_cmpuint(target->uid, ==, 1);
    g_assert_cmpuint(target->folder_out, ==, inbox);
    g_assert_cmpuint(target->uidvalidity, >, 0);
    g_assert_cmpuint(target->modseq, >, 1);
    fixture_assert_list(fixture, inbox, "1:1");
    rows = ims_store_read_rows(fixture->store, inbox, &uid, 1, TRUE, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(rows->len, ==, 1);
    row = g_ptr_array_index(rows, 0);
    g_assert_cmpint(row->internal_date_usec, ==, FIXTURE_START_USEC);
    g_assert_cmpint(row->internal_zone_min, ==, -360);
    g_assert_cmpint(row->save_date_usec, ==, ims_world_wall_usec(fixture->world));
    g_assert_cmpuint(row->created_modseq, ==, target->modseq);
    g_assert_cmpstr(row->summary->envelope, ==, op->summary->envelope);
    g_assert_cmpstr(row->summary->bodystructure, ==, op->summary->bodystructure);
    g_assert_cmpstr(row->summary->body, ==, op->summary->body);
    g_assert_cmpstr(row->summary->subject, ==, op->summary->subject);
    g_assert_cmpuint(row->summary->size, ==, 5000);
    g_assert_cmpuint(row->summary->header_size, ==, op->summary->header_size);
    g_assert_true(g_bytes_equal(row->summary->parts, op->summary->parts));
    read = fixture_read(fixture, inbox, 1);
    g_assert_true(g_bytes_equal(read, body));
    g_clear_pointer(&read, g_bytes_unref);
    read = ims_store_read_header(fixture->store, row->content, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(g_bytes_get_size(read), ==, op->summary->header_size);
    g_assert_cmpint(memcmp(g_bytes_get_data(read, NULL), g_bytes_get_data(body, NULL),
                           op->summary->header_size),
                    ==, 0);
    ims_store_op_free(&op->op);
}

/* Single-instance storage: one body, however many folders. */
static void
test_deliver_to_many(Fixture *fixture, gconstpointer data)
{
    ImsDeliverOp *op = fixture_deliver_op(fixture_body(1, 500), NULL, NULL);
    ImsDeliverTarget second = {.folder = fixture_folder(fixture, "Drafts"),
                               .flags = IMS_FLAG_DRAFT};
    g_autoptr(GPtrArray) a = NULL;
    g_autoptr(GPtrArray) b = NULL;
    guint32 uid = 1;

    second.keywords = g_strsplit("$Forwarded Work", " ", -1);
    g_array_append_val(op->targets, second);
    fixture_run_free(fixture, &op->op);
    fixture_assert_list(fixture, fixture_folder(fixture, "INBOX"), "1:0");
    fixture_assert_list(fixture, second.folder, "1:310");
    a = ims_store_read_rows(fixture->store, fixture_folder(fixture, "INBOX"), &uid, 1, FALSE, NULL);
    b = ims_store_read_rows(fixture->store, second.folder, &uid, 1, FALSE, NULL);
    g_assert_cmpuint(((ImsMessageRow *)g_ptr_array_index(a, 0))->content, ==,
                     ((ImsMessageRow *)g_ptr_array_index(b, 0))->content);
}

static void
test_deliver_refused(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX");
    ImsDeliverOp *op = fixture_deliver_op(fixture_body(1, 500), NULL, NULL);
    ImsDeliverTarget nowhere = {.mailbox = 99};

    g_array_append_val(op->targets, nowhere);
    fixture_run(fixture, &op->op);
    g_assert_error(op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND);
    ims_store_op_free(&op->op);
    fixture_assert_list(fixture, inbox, "");

    op = fixture_deliver_op(fixture_body(1, 500), NULL, NULL);
    g_array_set_size(op->targets, 0);
    fixture_run(fixture, &op->op);
    g_assert_error(op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID);
    ims_store_op_free(&op->op);

    op = fixture_deliver_op(fixture_body(1, 500), NULL, NULL);
    g_array_index(op->targets, ImsDeliverTarget, 0).keywords = g_strsplit("a b)", " ", -1);
    fixture_run(fixture, &op->op);
    g_assert_error(op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID);
    ims_store_op_free(&op->op);
    fixture_assert_list(fixture, inbox, "");
}

static void
test_empty_message(Fixture *fixture, gconstpointer data)
{
    ImsDeliverOp *op = fixture_deliver_op(g_bytes_new_static("", 0), NULL, NULL);
    g_autoptr(GBytes) read = NULL;

    fixture_run_free(fixture, &op->op);
    read = fixture_read(fixture, fixture_folder(fixture, "INBOX"), 1);
    g_assert_cmpuint(g_bytes_get_size(read), ==, 0);
}

static void
note_code(ImsStoreOp *op, gpointer data)
{
    *(gint *)data = op->error != NULL ? (gint)op->error->code : -1;
    ims_store_op_free(op);
}

/* One that is refused in the middle of a batch takes nothing with it. */
static void
test_batch_with_refusal(Fixture *fixture, gconstpointer data)
{
    gint codes[10];
    ImsStoreStats before, after;

    ims_store_stats(fixture->store, &before);
    for (guint i = 0; i < 10; i++) {
        ImsDeliverOp *op = fixture_deliver_op(fixture_body(i, 300), note_code, &codes[i]);

        if (i == 5)
            g_array_index(op->targets, ImsDeliverTarget, 0).mailbox = 99;
        codes[i] = -2;
        ims_store_submit(fixture->store, &op->op);
    }
    ims_sim_world_settle(fixture->world);
    for (guint i = 0; i < 10; i++)
        g_assert_cmpint(codes[i], ==, i == 5 ? (gint)IMS_STORE_ERROR_NOT_FOUND : -1);
    ims_store_stats(fixture->store, &after);
    g_assert_cmpuint(after.commits - before.commits, ==, 1);
    g_assert_cmpuint(after.messages - before.messages, ==, 9);
    g_assert_cmpuint(after.writer_queue_bytes, ==, 0);
    fixture_assert_list(fixture, fixture_folder(fixture, "INBOX"),
                        "1:0 2:0 3:0 4:0 5:0 6:0 7:0 8:0 9:0");
}

static void
test_flags(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX");
    ImsStoreOp *op;
    guint64 modseq;

    fixture_deliver_many(fixture, inbox, 5);
    op = fixture_flags_op(inbox, "1,3:4", IMS_FLAGS_ADD, IMS_FLAG_SEEN, NULL);
    fixture_run(fixture, op);
    g_assert_no_error(op->error);
    modseq = ((ImsFlagsOp *)op)->modseq;
    g_assert_null(((ImsFlagsOp *)op)->modified);
    ims_store_op_free(op);
    fixture_assert_list(fixture, inbox, "1:1 2:0 3:1 4:1 5:0");

    fixture_run_free(fixture, fixture_flags_op(inbox, "1:5", IMS_FLAGS_ADD, 0, "Work $Label1"));
    fixture_assert_list(fixture, inbox, "1:301 2:300 3:301 4:301 5:300");
    fixture_run_free(
        fixture, fixture_flags_op(inbox, "2:4", IMS_FLAGS_REMOVE, IMS_FLAG_SEEN, "WORK Unknown"));
    fixture_assert_list(fixture, inbox, "1:301 2:200 3:200 4:200 5:300");
    fixture_run_free(fixture, fixture_flags_op(inbox, "1,5,77", IMS_FLAGS_REPLACE,
                                               IMS_FLAG_DELETED | IMS_FLAG_KEYWORD(1), NULL));
    fixture_assert_list(fixture, inbox, "1:8 2:200 3:200 4:200 5:8");

    /* What does not change keeps its MODSEQ. */
    op = fixture_flags_op(inbox, "1:5", IMS_FLAGS_ADD, 0, NULL);
    fixture_run(fixture, op);
    g_assert_no_error(op->error);
    g_assert_cmpuint(((ImsFlagsOp *)op)->modseq, ==, modseq + 3);
    ims_store_op_free(op);
    {
        g_autoptr(ImsUidSnapshot) snapshot = ims_store_snapshot(fixture->store, inbox, NULL);

        g_assert_cmpstr(snapshot->keywords[0], ==, "Work");
        g_assert_cmpstr(snapshot->keywords[1], ==, "$Label1");
        g_assert_null(snapshot->keywords[2]); /* REMOVE makes no keyword */
        g_assert_cmpuint(snapshot->highest_modseq, ==, modseq + 3);
    }
}

/* RFC 7162 UNCHANGEDSINCE */
static void
test_flags_unchanged_since(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX");
    g_autoptr(ImsUidSnapshot) snapshot = NULL;
    g_autofree char *modified = NULL;
    ImsStoreOp *op;

    fixture_deliver_many(fixture, inbox, 4);
    snapshot = ims_store_snapshot(fixture->store, inbox, NULL);
    fixture_set_flags(fixture, inbox, "2,4", IMS_FLAG_FLAGGED);
    op = fixture_flags_op(inbox, "1:4", IMS_FLAGS_ADD, IMS_FLAG_SEEN, NULL);
    ((ImsFlagsOp *)op)->unchanged_since = snapshot->highest_modseq;
    fixture_run(fixture, op);
    g_assert_no_error(op->error);
    modified = fixture_uid_text(((ImsFlagsOp *)op)->modified);
    g_assert_cmpstr(modified, ==, "2,4");
    ims_store_op_free(op);
    fixture_assert_list(fixture, inbox, "1:1 2:4 3:1 4:4");
}

static void
test_keywords_full(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX"), other = fixture_create(fixture, "Other");
    ImsStoreOp *op;
    g_autofree char *list = NULL;

    fixture_deliver_many(fixture, inbox, 1);
    for (guint i = 0; i < IMS_MAX_KEYWORDS; i++) {
        g_autofree char *keyword = g_strdup_printf("k%u", i);

        fixture_run_free(fixture, fixture_flags_op(inbox, "1", IMS_FLAGS_ADD, 0, keyword));
    }
    fixture_assert_list(fixture, inbox, "1:ffffffffffffff00");
    op = fixture_flags_op(inbox, "1", IMS_FLAGS_ADD, IMS_FLAG_SEEN, "more");
    fixture_run(fixture, op);
    g_assert_error(op->error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID);
    ims_store_op_free(op);
    fixture_assert_list(fixture, inbox, "1:ffffffffffffff00");
    /* The table of the other folder has room for all but one. */
    fixture_deliver_many(fixture, other, 1);
    fixture_run_free(fixture, fixture_flags_op(other, "1", IMS_FLAGS_ADD, 0, "mine"));
    fixture_run_free(fixture, fixture_copy_op(inbox, other, "1", FALSE));
    list = fixture_list(fixture, other);
    g_assert_cmpstr(list, ==, "1:100 2:fffffffffffffe00");
}

static void
test_copy(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX"), other = fixture_create(fixture, "Other");
    g_autoptr(GBytes) first = fixture_body(2, 200);
    g_autoptr(GBytes) read = NULL;
    g_autofree char *from = NULL;
    g_autofree char *to = NULL;
    ImsCopyOp *op;

    fixture_deliver_many(fixture, inbox, 4);
    fixture_deliver_many(fixture, other, 2);
    fixture_run_free(fixture, fixture_flags_op(other, "1", IMS_FLAGS_ADD, 0, "zero one"));
    fixture_run_free(fixture,
                     fixture_flags_op(inbox, "2:3", IMS_FLAGS_ADD, IMS_FLAG_SEEN, "One two"));
    fixture_expunge(fixture, inbox, "3");
    op = (ImsCopyOp *)fixture_copy_op(inbox, other, "2:4,9", FALSE);
    fixture_run(fixture, &op->op);
    g_assert_no_error(op->op.error);
    from = fixture_uid_text(op->from_uids);
    to = fixture_uid_text(op->to_uids);
    g_assert_cmpstr(from, ==, "2,4");
    g_assert_cmpstr(to, ==, "3,4");
    {
        g_autoptr(ImsFolder) folder = ims_store_get_folder(fixture->store, other, NULL);

        g_assert_cmpuint(op->uidvalidity, ==, folder->uidvalidity);
        g_assert_cmpuint(op->modseq, ==, folder->highest_modseq);
    }
    ims_store_op_free(&op->op);
    fixture_assert_list(fixture, inbox, "1:0 2:301 4:0");
    fixture_assert_list(fixture, other, "1:300 2:0 3:601 4:0");
    read = fixture_read(fixture, other, 3);
    g_assert_true(g_bytes_equal(read, first));

    op = (ImsCopyOp *)fixture_copy_op(inbox, 4711, "1", FALSE);
    fixture_run(fixture, &op->op);
    g_assert_error(op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND);
    ims_store_op_free(&op->op);
    op = (ImsCopyOp *)fixture_copy_op(inbox, other, "77", FALSE);
    fixture_run(fixture, &op->op);
    g_assert_no_error(op->op.error);
    g_assert_cmpuint(op->to_uids->len, ==, 0);
    ims_store_op_free(&op->op);
}

static void
test_move(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX"), other = fixture_create(fixture, "Other");
    g_autoptr(GBytes) body = fixture_body(2, 200);
    g_autoptr(GBytes) read = NULL;
    g_autoptr(ImsUidSnapshot) before = NULL;

    fixture_deliver_many(fixture, inbox, 3);
    before = ims_store_snapshot(fixture->store, inbox, NULL);
    fixture_run_free(fixture, fixture_copy_op(inbox, other, "2:3", TRUE));
    fixture_assert_list(fixture, inbox, "1:0");
    fixture_assert_list(fixture, other, "1:0 2:0");
    read = fixture_read(fixture, other, 1);
    g_assert_true(g_bytes_equal(read, body));
    /* Within one folder: new UIDs, as for any move. */
    fixture_run_free(fixture, fixture_copy_op(other, other, "1", TRUE));
    fixture_assert_list(fixture, other, "2:0 3:0");
}

static void
test_expunge(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX");
    g_autofree char *expunged = NULL;
    ImsExpungeOp *op;

    fixture_deliver_many(fixture, inbox, 8);
    fixture_set_flags(fixture, inbox, "2:4,7", IMS_FLAG_DELETED);
    op = (ImsExpungeOp *)fixture_expunge_op(inbox, "1:3,8", TRUE);
    fixture_run(fixture, &op->op);
    g_assert_no_error(op->op.error);
    expunged = fixture_uid_text(op->expunged);
    g_assert_cmpstr(expunged, ==, "2,3");
    ims_store_op_free(&op->op);
    fixture_assert_list(fixture, inbox, "1:0 4:8 5:0 6:0 7:8 8:0");

    g_free(expunged);
    op = (ImsExpungeOp *)fixture_expunge_op(inbox, NULL, TRUE);
    fixture_run(fixture, &op->op);
    expunged = fixture_uid_text(op->expunged);
    g_assert_cmpstr(expunged, ==, "4,7");
    ims_store_op_free(&op->op);
    fixture_assert_list(fixture, inbox, "1:0 5:0 6:0 8:0");

    /* POP3 deletes by UID whatever the flags are. */
    fixture_expunge(fixture, inbox, "5,8");
    fixture_assert_list(fixture, inbox, "1:0 6:0");
    g_assert_cmpuint(fixture_deliver(fixture, inbox, 99), ==, 9); /* never used again */
    fixture_run_free(fixture, fixture_expunge_op(inbox, NULL, FALSE));
    fixture_assert_list(fixture, inbox, "");
    g_assert_cmpuint(fixture_deliver(fixture, inbox, 100), ==, 10);
}

static void
test_bad_uids(Fixture *fixture, gconstpointer data)
{
    static const char *const bad[] = {"0", "2,1", "1,1"};
    ImsFolderId inbox = fixture_folder(fixture, "INBOX");

    for (guint i = 0; i < G_N_ELEMENTS(bad); i++) {
        ImsStoreOp *op = fixture_expunge_op(inbox, bad[i], FALSE);

        fixture_run(fixture, op);
        g_assert_error(op->error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID);
        ims_store_op_free(op);
    }
}

static gboolean
is_readable(Fixture *fixture, ImsFolderId folder, guint32 uid)
{
    g_autoptr(GBytes) body = fixture_read(fixture, folder, uid);

    return body != NULL;
}

/* What was expunged elsewhere stays readable to whoever holds a snapshot that names it, and no
 * longer. */
static void
test_expunged_stays_readable(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX");
    g_autoptr(ImsUidSnapshot) held = NULL;
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) body = NULL;
    ImsContentId content;
    guint32 uid = 2;

    fixture_deliver_many(fixture, inbox, 3);
    held = ims_store_snapshot(fixture->store, inbox, NULL);
    rows = ims_store_read_rows(fixture->store, inbox, &uid, 1, FALSE, NULL);
    content = ((ImsMessageRow *)g_ptr_array_index(rows, 0))->content;
    fixture_expunge(fixture, inbox, "2");
    fixture_assert_list(fixture, inbox, "1:0 3:0");
    g_assert_cmpuint(held->n_entries, ==, 3);
    for (guint hours = 0; hours < 5; hours++) {
        g_assert_true(is_readable(fixture, inbox, 2));
        ims_sim_world_advance(fixture->world, G_GINT64_CONSTANT(3600) * G_USEC_PER_SEC);
    }
    g_clear_pointer(&held, ims_uid_snapshot_unref);
    ims_sim_world_advance(fixture->world, G_GINT64_CONSTANT(120) * G_USEC_PER_SEC);
    g_assert_false(is_readable(fixture, inbox, 2));
    g_assert_true(is_readable(fixture, inbox, 3));
    body = ims_store_read_body(fixture->store, content, &error);
    g_assert_null(body);
    g_assert_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND);
}

/* A body goes with its last reference, not with its first. */
static void
test_shared_body_stays(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX"), other = fixture_create(fixture, "Other");

    fixture_deliver_many(fixture, inbox, 1);
    fixture_run_free(fixture, fixture_copy_op(inbox, other, "1", FALSE));
    fixture_expunge(fixture, inbox, "1");
    ims_sim_world_advance(fixture->world, G_GINT64_CONSTANT(600) * G_USEC_PER_SEC);
    g_assert_false(is_readable(fixture, inbox, 1));
    g_assert_true(is_readable(fixture, other, 1));
}

static void
test_recent(Fixture *fixture, gconstpointer data)
{
    ImsFolderId inbox = fixture_folder(fixture, "INBOX");

    for (guint round = 0; round < 3; round++) {
        ImsFolderOp *op = (ImsFolderOp *)ims_store_op_new(IMS_OP_CLAIM_RECENT, NULL, NULL);

        fixture_deliver_many(fixture, inbox, 2);
        op->folder = inbox;
        fixture_run(fixture, &op->op);
        g_assert_no_error(op->op.error);
        g_assert_cmpuint(op->first_recent_uid, ==, 2 * round + 1);
        g_assert_cmpuint(op->uidnext, ==, 2 * round + 3);
        ims_store_op_free(&op->op);
        fixture_check_folder(fixture, inbox);
        {
            g_autoptr(ImsUidSnapshot) snapshot = ims_store_snapshot(fixture->store, inbox, NULL);

            g_assert_cmpuint(snapshot->first_recent_uid, ==, 2 * round + 3);
        }
    }
}

static void
test_too_many_rows(Fixture *fixture, gconstpointer data)
{
    g_autoptr(GArray) uids = fixture_uids("1:1001");
    g_autoptr(GError) error = NULL;

    g_assert_null(ims_store_read_rows(fixture->store, fixture_folder(fixture, "INBOX"),
                                      (const guint32 *)(gpointer)uids->data, uids->len, FALSE,
                                      &error));
    g_assert_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    fixture_add_test("/store/messages/deliver", test_deliver);
    fixture_add_test("/store/messages/deliver-to-many", test_deliver_to_many);
    fixture_add_test("/store/messages/deliver-refused", test_deliver_refused);
    fixture_add_test("/store/messages/empty-message", test_empty_message);
    fixture_add_test("/store/messages/batch-with-refusal", test_batch_with_refusal);
    fixture_add_test("/store/messages/flags", test_flags);
    fixture_add_test("/store/messages/flags-unchanged-since", test_flags_unchanged_since);
    fixture_add_test("/store/messages/keywords-full", test_keywords_full);
    fixture_add_test("/store/messages/copy", test_copy);
    fixture_add_test("/store/messages/move", test_move);
    fixture_add_test("/store/messages/expunge", test_expunge);
    fixture_add_test("/store/messages/bad-uids", test_bad_uids);
    fixture_add_test("/store/messages/expunged-stays-readable", test_expunged_stays_readable);
    fixture_add_test("/store/messages/shared-body-stays", test_shared_body_stays);
    fixture_add_test("/store/messages/I-086-recent", test_recent);
    fixture_add_test("/store/messages/too-many-rows", test_too_many_rows);
    return g_test_run();
}
