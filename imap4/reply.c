#include "imap4/imap4-private.h"

#include <string.h>

void
ims_imap4_flush(ImsImap4Session *session, GString *out)
{
    if (out->len > 0 && session->conn != NULL)
        ims_conn_write(session->conn, out->str, out->len);
    g_string_truncate(out, 0);
}

/* ---- the end of a command ---- */

void
ims_imap4_command_free(ImsImap4Command *command)
{
    if (command == NULL)
        return;
    if (command->work_free != NULL)
        command->work_free(command->work);
    ims_imap4_request_free(command->request);
    g_free(command);
}

/* Writes the tagged line and lets the next command begin. */
static void
finish(ImsImap4Session *session, const char *status, const char *code, const char *text)
{
    ImsImap4Command *command = g_steal_pointer(&session->command);
    const char *tag = command->request->tag;

    session->line_handler = NULL;
    if (code != NULL)
        ims_conn_printf(session->conn, "%s %s [%s] %s\r\n", tag != NULL ? tag : "*", status, code,
                        text);
    else
        ims_conn_printf(session->conn, "%s %s %s\r\n", tag != NULL ? tag : "*", status, text);
    ims_imap4_command_free(command);
    if (session->stopping)
        ims_imap4_sign_off(session);
    else if (!session->in_input)
        ims_conn_wake(session->conn);
}

void
ims_imap4_ok(ImsImap4Session *session, const char *code)
{
    const ImsImap4Verb *verb = session->command->verb;
    ImsImap4UpdateFlags flags = IMS_IMAP4_UPDATE_DEFAULT;
    g_autofree char *text = g_strdup_printf("%s completed.", verb->verb);

    if (!(verb->flags & IMS_IMAP4_VERB_NO_EXPUNGE))
        flags |= IMS_IMAP4_UPDATE_EXPUNGE;
    if (verb->flags & IMS_IMAP4_VERB_UID)
        flags |= IMS_IMAP4_UPDATE_WITH_UID;
    ims_imap4_selected_update(session, flags, NULL);
    session->errors = 0;
    finish(session, "OK", code, text);
}

void
ims_imap4_no_always(ImsImap4Session *session, const char *code, const char *text)
{
    finish(session, "NO", code, text);
}

void
ims_imap4_no(ImsImap4Session *session, const char *code, const char *text)
{
    finish(session, "NO", session->settings->extended ? code : NULL, text);
}

static const struct {
    ImsStoreError error;
    gboolean is_ours; /* not the client's doing: logged */
    const char *code; /* RFC 5530 */
    const char *text;
} store_errors[] = {
    {IMS_STORE_ERROR_FULL,      TRUE,  "OVERQUOTA",     "There is not enough space on the disk." },
    {IMS_STORE_ERROR_IO,        TRUE,  "UNAVAILABLE",
     "The Microsoft Exchange Information Store is unavailable."                                  },
    {IMS_STORE_ERROR_CORRUPT,   TRUE,  "SERVERBUG",     "The requested item could not be found." },
    {IMS_STORE_ERROR_NOT_FOUND, FALSE, "NONEXISTENT",   "The requested item could not be found." },
    {IMS_STORE_ERROR_EXISTS,    FALSE, "ALREADYEXISTS", "The mailbox already exists."            },
    {IMS_STORE_ERROR_INVALID,   FALSE, "CANNOT",        "The name or the change is not possible."},
    {IMS_STORE_ERROR_BUSY,      TRUE,  "UNAVAILABLE",   "The server is busy. Try again later."   },
};

const char *
ims_imap4_report_error(ImsImap4Session *session, const char *verb, const GError *error,
                       const char **code_out)
{
    const char *text = "The operation failed.";
    gboolean is_ours = TRUE;

    *code_out = "UNAVAILABLE";
    for (guint i = 0; i < G_N_ELEMENTS(store_errors); i++) {
        if (g_error_matches(error, IMS_STORE_ERROR, (gint)store_errors[i].error)) {
            *code_out = store_errors[i].code;
            text = store_errors[i].text;
            is_ours = store_errors[i].is_ours;
        }
    }
    if (is_ours)
        ims_log_event(session->settings->log, session->id, "imap4-error", "command", verb, "error",
                      error->message, NULL);
    return text;
}

void
ims_imap4_no_error(ImsImap4Session *session, const GError *error)
{
    const char *code;
    const char *text =
        ims_imap4_report_error(session, session->command->request->verb, error, &code);

    ims_imap4_no(session, code, text);
}

void
ims_imap4_count_error(ImsImap4Session *session)
{
    guint limit = session->settings->max_errors > 0 ? session->settings->max_errors : 20;

    if (++session->errors >= limit && !session->closing)
        ims_imap4_bye(session, "Too many bad commands.");
}

void
ims_imap4_bad(ImsImap4Session *session, const char *problem)
{
    g_autofree char *text = g_strdup_printf("Protocol Error: \"%s\".", problem);

    finish(session, "BAD", NULL, text);
    ims_imap4_count_error(session);
}

void
ims_imap4_bad_state(ImsImap4Session *session)
{
    finish(session, "BAD", NULL, "Command is not valid in this state."); /* I-023 */
    ims_imap4_count_error(session);
}

/* ---- operations of the store ---- */

typedef struct {
    ImsImap4Session *session;
    ImsImap4OpDone done;
} Pending;

static void
op_done(ImsStoreOp *op, gpointer data)
{
    Pending *pending = data;

    if (pending->session->conn != NULL)
        pending->done(pending->session, op);
    ims_store_op_free(op);
    ims_imap4_session_unref(pending->session);
    g_free(pending);
}

void
ims_imap4_submit(ImsImap4Session *session, ImsStoreOp *op, ImsImap4OpDone done)
{
    Pending *pending = g_new(Pending, 1);

    pending->session = ims_imap4_session_ref(session);
    pending->done = done;
    op->done = op_done;
    op->data = pending;
    ims_store_submit(session->settings->store, op);
}

/* ---- names and flags as arguments ---- */

char *
ims_imap4_decode_name(const ImsImap4Arg *arg)
{
    char *name;
    gsize length;

    if (!ims_imap4_arg_is_string(arg))
        return NULL;
    name = ims_imap4_mutf7_decode(arg->text);
    if (name == NULL)
        return NULL;
    length = strlen(name);
    if (length > 1 && name[length - 1] == '/')
        name[--length] = '\0';
    if (g_ascii_strncasecmp(name, "INBOX", 5) == 0 && (name[5] == '\0' || name[5] == '/'))
        memcpy(name, "INBOX", 5);
    return name;
}

char *
ims_imap4_mailbox_name(ImsImap4Session *session, const ImsImap4Arg *arg)
{
    char *name;

    if (!ims_imap4_arg_is_string(arg)) {
        ims_imap4_bad(session, "Mailbox name expected");
        return NULL;
    }
    name = ims_imap4_decode_name(arg);
    if (name == NULL)
        ims_imap4_no(session, "CANNOT", "The mailbox name is not valid.");
    return name;
}

ImsFolder *
ims_imap4_find_mailbox(ImsImap4Session *session, const ImsImap4Arg *arg, gboolean try_create)
{
    g_autofree char *name = ims_imap4_mailbox_name(session, arg);
    g_autoptr(GError) error = NULL;
    ImsFolder *folder;

    if (name == NULL)
        return NULL;
    folder = ims_store_find_folder(session->settings->store, session->mailbox, name, &error);
    if (folder != NULL)
        return folder;
    if (!g_error_matches(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND))
        ims_imap4_no_error(session, error);
    else if (try_create)
        ims_imap4_no_always(session, "TRYCREATE", "The mailbox does not exist.");
    else
        ims_imap4_no(session, "NONEXISTENT", "The mailbox does not exist.");
    return NULL;
}

static const struct {
    const char *name;
    guint64 flag;
} flag_names[] = {
    {"\\Seen",     IMS_FLAG_SEEN    },
    {"\\Answered", IMS_FLAG_ANSWERED},
    {"\\Flagged",  IMS_FLAG_FLAGGED },
    {"\\Deleted",  IMS_FLAG_DELETED },
    {"\\Draft",    IMS_FLAG_DRAFT   },
    {"\\Recent",   0                },
};

static gboolean
add_system_flag(const char *text, guint64 *flags)
{
    for (guint i = 0; i < G_N_ELEMENTS(flag_names); i++) {
        if (g_ascii_strcasecmp(text, flag_names[i].name) == 0) {
            *flags |= flag_names[i].flag;
            return TRUE;
        }
    }
    return FALSE;
}

gboolean
ims_imap4_parse_flags(ImsImap4Session *session, const ImsImap4Arg *first, guint64 *flags_out,
                      char ***keywords_out, const char **problem_out)
{
    g_autoptr(GPtrArray) keywords = g_ptr_array_new_with_free_func(g_free);
    guint64 flags = 0;

    for (; first != NULL; first = first->next) {
        if (first->type != IMS_IMAP4_ARG_ATOM || strpbrk(first->text, "%*]") != NULL ||
            first->length > 255) {
            *problem_out = "Flag expected";
            return FALSE;
        }
        if (first->text[0] == '\\') {
            if (!add_system_flag(first->text, &flags)) {
                *problem_out = "The system flag is not known";
                return FALSE;
            }
        } else if (strchr(first->text, '\\') != NULL) {
            *problem_out = "Flag expected";
            return FALSE;
        } else if (session->settings->extended) {
            g_ptr_array_add(keywords, g_strdup(first->text));
        }
    }
    *flags_out = flags;
    *keywords_out = NULL;
    if (keywords->len > 0) {
        g_ptr_array_add(keywords, NULL);
        *keywords_out = (char **)g_ptr_array_free(g_steal_pointer(&keywords), FALSE);
    }
    return TRUE;
}
