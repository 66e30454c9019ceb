#include "imap4/imap4-private.h"

/* `COPYUID <uidvalidity> <from> <to>` (RFC 4315). (transfer full) (nullable): NULL where nothing
 * was copied. */
static char *
copy_uid_code(const ImsImap4Session *session, const ImsCopyOp *op)
{
    g_autoptr(GString) code = NULL;

    if (!session->settings->extended || op->from_uids == NULL || op->from_uids->len == 0)
        return NULL; /* 5.5 has no UIDPLUS (I-120) */
    code = g_string_new(NULL);
    g_string_append_printf(code, "COPYUID %u ", op->uidvalidity);
    ims_imap4_seqset_append_text(code, op->from_uids);
    g_string_append_c(code, ' ');
    ims_imap4_seqset_append_text(code, op->to_uids);
    return g_string_free(g_steal_pointer(&code), FALSE);
}

static void
copy_done(ImsImap4Session *session, ImsStoreOp *op)
{
    g_autofree char *code = NULL;

    if (op->error != NULL) {
        ims_imap4_no_error(session, op->error);
        return;
    }
    code = copy_uid_code(session, (ImsCopyOp *)op);
    ims_imap4_ok(session, code);
}

static void
move_done(ImsImap4Session *session, ImsStoreOp *op)
{
    g_autofree char *code = NULL;

    if (op->error != NULL) {
        ims_imap4_no_error(session, op->error);
        return;
    }
    /* Before the EXPUNGE replies, which come with the news (RFC 6851 4.3). */
    code = copy_uid_code(session, (ImsCopyOp *)op);
    if (code != NULL)
        ims_conn_printf(session->conn, "* OK [%s] Moved.\r\n", code);
    ims_imap4_ok(session, NULL);
}

static void
copy_or_move(ImsImap4Session *session, gboolean move)
{
    const ImsImap4Arg *set = ims_imap4_args(session);
    const char *problem = "The specified message set is invalid";
    g_autoptr(GArray) indexes = NULL;
    g_autoptr(ImsFolder) folder = NULL;
    ImsCopyOp *op;

    if (set->type == IMS_IMAP4_ARG_ATOM)
        indexes = ims_imap4_selected_resolve(session->selected, set->text,
                                             ims_imap4_is_uid(session), &problem);
    if (indexes == NULL) {
        ims_imap4_bad(session, problem);
        return;
    }
    folder = ims_imap4_find_mailbox(session, set->next, TRUE);
    if (folder == NULL)
        return;
    if (indexes->len == 0) {
        ims_imap4_ok(session, NULL);
        return;
    }
    op = (ImsCopyOp *)ims_store_op_new(IMS_OP_COPY, NULL, NULL);
    op->from = session->selected->folder;
    op->to = folder->id;
    op->uids = ims_imap4_selected_uids(session->selected, indexes);
    op->move = move;
    ims_imap4_submit(session, &op->op, move ? move_done : copy_done);
}

void
ims_imap4_cmd_copy(ImsImap4Session *session)
{
    copy_or_move(session, FALSE);
}

void
ims_imap4_cmd_move(ImsImap4Session *session)
{
    copy_or_move(session, TRUE);
}
