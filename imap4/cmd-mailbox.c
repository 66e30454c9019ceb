#include "imap4/imap4-private.h"

#include <string.h>

#define MAX_NAME 1000
#define MAX_LEVEL 255

/* ---- SELECT and EXAMINE ---- */

static void
append_first_unseen(const ImsUidSnapshot *snapshot, GString *out)
{
    for (guint i = 0; i < snapshot->n_entries; i++) {
        if (!(snapshot->entries[i].flags & IMS_FLAG_SEEN)) {
            g_string_append_printf(out, "* OK [UNSEEN %u] Is the first unseen message\r\n", i + 1);
            return; /* I-081; nothing is said where all are seen */
        }
    }
}

static void
tell_selected(ImsImap4Session *session)
{
    ImsImap4Selected *selected = session->selected;
    const ImsUidSnapshot *view = selected->view;
    g_autoptr(GString) out = g_string_new(NULL);

    /* The order of I-080. */
    g_string_append_printf(out, "* %u EXISTS\r\n* %u RECENT\r\n", view->n_entries,
                           ims_imap4_selected_recent_count(selected));
    ims_imap4_selected_append_flag_lines(session, out);
    append_first_unseen(view, out);
    g_string_append_printf(out, "* OK [UIDVALIDITY %u] UIDVALIDITY value.\r\n", view->uidvalidity);
    if (session->settings->extended) /* I-082: not in 5.5 */
        g_string_append_printf(out, "* OK [UIDNEXT %u] UIDNEXT value.\r\n", view->uidnext);
    ims_imap4_flush(session, out);
}

/* Takes the newest snapshot as the view; ends the command. */
static void
enter_mailbox(ImsImap4Session *session, ImsFolderId folder, gboolean read_only,
              const ImsFolderOp *claimed)
{
    g_autoptr(GError) error = NULL;
    ImsUidSnapshot *snapshot = ims_store_snapshot(session->settings->store, folder, &error);

    if (snapshot == NULL) {
        ims_imap4_no_error(session, error);
        return;
    }
    session->selected = ims_imap4_selected_new(folder, read_only, snapshot);
    session->state = IMS_IMAP4_SELECTED;
    if (claimed != NULL && claimed->uidnext > 0)
        ims_imap4_selected_add_recent(session->selected, claimed->first_recent_uid,
                                      claimed->uidnext - 1);
    tell_selected(session);
    ims_imap4_ok(session, read_only ? "READ-ONLY" : "READ-WRITE");
}

/* The messages new since the last SELECT are this session's \Recent (I-086). */
static void
recent_claimed(ImsImap4Session *session, ImsStoreOp *op)
{
    ImsFolderOp *claim = (ImsFolderOp *)op;

    enter_mailbox(session, claim->folder, FALSE, op->error == NULL ? claim : NULL);
}

static void
open_mailbox(ImsImap4Session *session, gboolean read_only)
{
    g_autoptr(ImsFolder) folder = NULL;
    ImsFolderOp *op;

    ims_imap4_deselect(session); /* also where the new one cannot be opened (RFC 3501 6.3.1) */
    folder = ims_imap4_find_mailbox(session, ims_imap4_args(session), FALSE);
    if (folder == NULL)
        return;
    if (read_only || folder->first_recent_uid >= folder->uidnext) {
        enter_mailbox(session, folder->id, read_only, NULL);
        return;
    }
    op = (ImsFolderOp *)ims_store_op_new(IMS_OP_CLAIM_RECENT, NULL, NULL);
    op->folder = folder->id;
    ims_imap4_submit(session, &op->op, recent_claimed);
}

void
ims_imap4_cmd_select(ImsImap4Session *session)
{
    open_mailbox(session, FALSE);
}

void
ims_imap4_cmd_examine(ImsImap4Session *session)
{
    open_mailbox(session, TRUE);
}

/* ---- CREATE, DELETE, RENAME, SUBSCRIBE ---- */

static void
folder_op_done(ImsImap4Session *session, ImsStoreOp *op)
{
    if (op->error != NULL)
        ims_imap4_no_error(session, op->error);
    else
        ims_imap4_ok(session, NULL);
}

/* Names that make sense as new folders: no empty level, no control characters. */
static gboolean
is_good_new_name(const char *name)
{
    gsize level = 0;

    if (*name == '\0' || strlen(name) > MAX_NAME)
        return FALSE;
    for (const char *p = name; *p != '\0'; p = g_utf8_next_char(p)) {
        if (*p == '/') {
            if (level == 0)
                return FALSE;
            level = 0;
        } else {
            level += (gsize)(g_utf8_next_char(p) - p);
            if (level > MAX_LEVEL || g_unichar_iscntrl(g_utf8_get_char(p)))
                return FALSE;
        }
    }
    return level > 0;
}

static void
submit_folder_op(ImsImap4Session *session, ImsStoreOpKind kind, char *name, char *new_name,
                 ImsImap4OpDone done)
{
    ImsFolderOp *op = (ImsFolderOp *)ims_store_op_new(kind, NULL, NULL);

    op->mailbox = session->mailbox;
    op->name = name;
    op->new_name = new_name;
    ims_imap4_submit(session, &op->op, done);
}

void
ims_imap4_cmd_create(ImsImap4Session *session)
{
    g_autofree char *name = ims_imap4_mailbox_name(session, ims_imap4_args(session));

    if (name == NULL)
        return;
    if (strcmp(name, "INBOX") == 0)
        ims_imap4_no(session, "ALREADYEXISTS", "The mailbox already exists.");
    else if (!is_good_new_name(name))
        ims_imap4_no(session, "CANNOT", "The mailbox name is not valid.");
    else
        submit_folder_op(session, IMS_OP_FOLDER_CREATE, g_steal_pointer(&name), NULL,
                         folder_op_done);
}

/* I-128, inferred: the folders that every mailbox has. The extended face protects the Inbox alone.
 */
static gboolean
is_protected(const ImsImap4Session *session, const char *name)
{
    static const char *const standard[] = {"Deleted Items", "Sent Items", "Outbox", "Drafts", NULL};

    if (strcmp(name, "INBOX") == 0)
        return TRUE;
    return !session->settings->extended && g_strv_contains(standard, name);
}

/* A client that deletes what it has selected is left with an empty mailbox, without being told what
 * it knows. */
static void
folder_deleted(ImsImap4Session *session, ImsStoreOp *op)
{
    if (op->error == NULL && session->selected != NULL && !session->selected->gone) {
        g_autoptr(GError) error = NULL;
        g_autoptr(ImsFolder) folder =
            ims_store_get_folder(session->settings->store, session->selected->folder, &error);

        session->selected->gone =
            g_error_matches(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND);
    }
    folder_op_done(session, op);
}

void
ims_imap4_cmd_delete(ImsImap4Session *session)
{
    g_autofree char *name = ims_imap4_mailbox_name(session, ims_imap4_args(session));

    if (name == NULL)
        return;
    if (is_protected(session, name))
        ims_imap4_no(session, "CANNOT", "The folder cannot be deleted.");
    else
        submit_folder_op(session, IMS_OP_FOLDER_DELETE, g_steal_pointer(&name), NULL,
                         folder_deleted);
}

void
ims_imap4_cmd_rename(ImsImap4Session *session)
{
    const ImsImap4Arg *args = ims_imap4_args(session);
    g_autofree char *name = ims_imap4_mailbox_name(session, args);
    g_autofree char *new_name = NULL;
    gsize length;

    if (name == NULL)
        return;
    new_name = ims_imap4_mailbox_name(session, args->next);
    if (new_name == NULL)
        return;
    length = strlen(name);
    if (!is_good_new_name(new_name) || strcmp(new_name, "INBOX") == 0 ||
        (strcmp(name, "INBOX") != 0 && strncmp(new_name, name, length) == 0 &&
         new_name[length] == '/'))
        ims_imap4_no(session, "CANNOT", "The mailbox name is not valid.");
    else if (!session->settings->extended && strcmp(name, "INBOX") != 0 &&
             is_protected(session, name))
        ims_imap4_no(session, "CANNOT", "The folder cannot be renamed.");
    else
        submit_folder_op(session, IMS_OP_FOLDER_RENAME, g_steal_pointer(&name),
                         g_steal_pointer(&new_name), folder_op_done);
}

static void
change_subscription(ImsImap4Session *session, ImsStoreOpKind kind)
{
    g_autofree char *name = ims_imap4_mailbox_name(session, ims_imap4_args(session));

    if (name == NULL)
        return;
    if (!is_good_new_name(name))
        ims_imap4_no(session, "CANNOT", "The mailbox name is not valid.");
    else
        submit_folder_op(session, kind, g_steal_pointer(&name), NULL, folder_op_done);
}

void
ims_imap4_cmd_subscribe(ImsImap4Session *session)
{
    change_subscription(session, IMS_OP_SUBSCRIBE);
}

void
ims_imap4_cmd_unsubscribe(ImsImap4Session *session)
{
    change_subscription(session, IMS_OP_UNSUBSCRIBE);
}

/* ---- STATUS and NAMESPACE ---- */

static guint
count_recent(ImsImap4Session *session, const ImsFolder *folder)
{
    g_autoptr(ImsUidSnapshot) snapshot = NULL;

    if (session->selected != NULL && session->selected->folder == folder->id)
        return ims_imap4_selected_recent_count(session->selected);
    if (folder->first_recent_uid >= folder->uidnext)
        return 0;
    snapshot = ims_store_snapshot(session->settings->store, folder->id, NULL);
    if (snapshot == NULL)
        return 0;
    return snapshot->n_entries - ims_uid_snapshot_find(snapshot, folder->first_recent_uid, NULL);
}

static gboolean
append_status_item(ImsImap4Session *session, const ImsFolder *folder, const ImsImap4Arg *item,
                   GString *out)
{
    guint value;

    if (ims_imap4_arg_is_atom(item, "MESSAGES"))
        value = folder->messages;
    else if (ims_imap4_arg_is_atom(item, "RECENT"))
        value = count_recent(session, folder);
    else if (ims_imap4_arg_is_atom(item, "UIDNEXT"))
        value = folder->uidnext;
    else if (ims_imap4_arg_is_atom(item, "UIDVALIDITY"))
        value = folder->uidvalidity;
    else if (ims_imap4_arg_is_atom(item, "UNSEEN"))
        value = folder->unseen;
    else
        return FALSE;
    for (const char *p = item->text; *p != '\0'; p++)
        g_string_append_c(out, g_ascii_toupper(*p));
    g_string_append_printf(out, " %u%s", value, item->next != NULL ? " " : "");
    return TRUE;
}

void
ims_imap4_cmd_status(ImsImap4Session *session)
{
    const ImsImap4Arg *items = ims_imap4_args(session)->next;
    g_autoptr(ImsFolder) folder = NULL;
    g_autoptr(GString) out = g_string_new("* STATUS ");
    g_autofree char *encoded = NULL;

    if (items->type != IMS_IMAP4_ARG_LIST || items->child == NULL) {
        ims_imap4_bad(session, "List of status items expected");
        return;
    }
    folder = ims_imap4_find_mailbox(session, ims_imap4_args(session), FALSE);
    if (folder == NULL)
        return;
    encoded = ims_imap4_mutf7_encode(folder->name);
    ims_imap4_append_astring(out, encoded);
    g_string_append(out, " (");
    for (const ImsImap4Arg *item = items->child; item != NULL; item = item->next) {
        if (!append_status_item(session, folder, item, out)) {
            ims_imap4_bad(session, "The status item is not known");
            return;
        }
    }
    g_string_append(out, ")\r\n");
    ims_imap4_flush(session, out);
    ims_imap4_ok(session, NULL);
}

void
ims_imap4_cmd_namespace(ImsImap4Session *session)
{
    if (session->settings->extended)
        ims_conn_puts(session->conn, "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n");
    else /* I-057, the lower-case u included */
        ims_conn_puts(session->conn, "* NAMESPACE ((\"\" \"/\")) ((\"Other users/\" \"/\")) "
                                     "((\"Public Folders/\" \"/\"))\r\n");
    ims_imap4_ok(session, NULL);
}
