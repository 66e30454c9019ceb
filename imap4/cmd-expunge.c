#include "imap4/imap4-private.h"

static ImsExpungeOp *
expunge_op_new(ImsImap4Session *session)
{
    ImsExpungeOp *op = (ImsExpungeOp *)ims_store_op_new(IMS_OP_EXPUNGE, NULL, NULL);

    op->folder = session->selected->folder;
    op->only_deleted = TRUE;
    return op;
}

static void
expunge_done(ImsImap4Session *session, ImsStoreOp *op)
{
    if (op->error != NULL)
        ims_imap4_no_error(session, op->error);
    else
        ims_imap4_ok(session, NULL); /* the EXPUNGE replies come with the news */
}

void
ims_imap4_cmd_expunge(ImsImap4Session *session)
{
    if (session->selected->gone)
        ims_imap4_ok(session, NULL);
    else
        ims_imap4_submit(session, &expunge_op_new(session)->op, expunge_done);
}

void
ims_imap4_cmd_uid_expunge(ImsImap4Session *session)
{
    const ImsImap4Arg *set = ims_imap4_args(session);
    const char *problem = "The specified message set is invalid";
    g_autoptr(GArray) indexes = NULL;
    ImsExpungeOp *op;

    if (set->type == IMS_IMAP4_ARG_ATOM)
        indexes = ims_imap4_selected_resolve(session->selected, set->text, TRUE, &problem);
    if (indexes == NULL) {
        ims_imap4_bad(session, problem);
        return;
    }
    if (indexes->len == 0) {
        ims_imap4_ok(session, NULL);
        return;
    }
    op = expunge_op_new(session);
    op->uids = ims_imap4_selected_uids(session->selected, indexes);
    ims_imap4_submit(session, &op->op, expunge_done);
}

static void
close_done(ImsImap4Session *session, ImsStoreOp *op)
{
    if (op->error != NULL &&
        !g_error_matches(op->error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND)) {
        ims_imap4_no_error(session, op->error);
        return;
    }
    ims_imap4_deselect(session); /* first, so that no EXPUNGE is told (I-119) */
    ims_imap4_ok(session, NULL);
}

static gboolean
has_deleted(const ImsImap4Session *session)
{
    g_autoptr(ImsUidSnapshot) newest =
        ims_store_snapshot(session->settings->store, session->selected->folder, NULL);

    for (guint i = 0; newest != NULL && i < newest->n_entries; i++) {
        if (newest->entries[i].flags & IMS_FLAG_DELETED)
            return TRUE;
    }
    return FALSE;
}

void
ims_imap4_cmd_close(ImsImap4Session *session)
{
    if (session->selected->read_only || !has_deleted(session)) {
        ims_imap4_deselect(session);
        ims_imap4_ok(session, NULL);
        return;
    }
    ims_imap4_submit(session, &expunge_op_new(session)->op, close_done);
}

void
ims_imap4_cmd_unselect(ImsImap4Session *session)
{
    ims_imap4_deselect(session);
    ims_imap4_ok(session, NULL);
}
