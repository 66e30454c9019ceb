#include "imap4/datetime.h"
#include "imap4/imap4-private.h"

#include <string.h>

/*
 * APPEND. A client may send many without waiting (LITERAL+): they are submitted as they come, so
 * that the store commits them as a group, and answered in their order as each is durable.
 */
#define MAX_IN_FLIGHT 128u
#define MAX_BYTES_IN_FLIGHT (16u * 1024 * 1024)
#define POOL_ABOVE (1024u * 1024) /* larger messages are summarized in the pool */
#define CONGESTED_RETRY_USEC 20000

typedef struct {
    ImsImap4Session *session;
    char *tag;
    char *mailbox;
    GBytes *body;
    ImsMimeSummary *summary;
    guint64 flags;
    char **keywords;
    gint64 date_usec;
    gint16 zone_min;
    gboolean to_selected; /* the selected mailbox: its news come before the reply */
    char *reply;          /* NULL: still on its way */
    gboolean ready;       /* summarized */
    gboolean submitted;
} Append;

static void submit_ready(ImsImap4Session *session);

static void
append_free(Append *append)
{
    g_free(append->tag);
    g_free(append->mailbox);
    g_clear_pointer(&append->body, g_bytes_unref);
    ims_mime_summary_free(append->summary);
    g_strfreev(append->keywords);
    g_free(append->reply);
    g_free(append);
}

/* Writes the replies that are due, in the order of the commands. */
static void
answer(ImsImap4Session *session)
{
    Append *append = g_queue_peek_head(&session->appends);

    while (append != NULL && append->reply != NULL) {
        Append *next;

        g_queue_pop_head(&session->appends);
        session->append_bytes -= MIN(session->append_bytes, g_bytes_get_size(append->body));
        next = g_queue_peek_head(&session->appends);
        /* Of a group the last brings the news of all. */
        if (append->to_selected && (next == NULL || next->reply == NULL || !next->to_selected))
            ims_imap4_selected_update(session, IMS_IMAP4_UPDATE_EXPUNGE, NULL);
        ims_conn_printf(session->conn, "%s %s\r\n", append->tag, append->reply);
        append_free(append);
        append = next;
    }
    if (session->stopping && g_queue_is_empty(&session->appends))
        ims_imap4_sign_off(session);
    else if (!session->in_input)
        ims_conn_wake(session->conn);
}

/* @code (nullable). Nothing of @append may be used afterwards. */
static void
refuse(Append *append, const char *code, const char *text, gboolean always)
{
    ImsImap4Session *session = append->session;

    if (code != NULL && (always || session->settings->extended))
        append->reply = g_strdup_printf("NO [%s] %s", code, text);
    else
        append->reply = g_strdup_printf("NO %s", text);
    answer(session);
}

static void
append_done(ImsStoreOp *op, gpointer data)
{
    Append *append = data;
    ImsImap4Session *session = append->session;
    ImsDeliverOp *deliver = (ImsDeliverOp *)op;
    const ImsDeliverTarget *target = &g_array_index(deliver->targets, ImsDeliverTarget, 0);
    const char *code;

    if (session->conn == NULL) {
        append_free(append);
    } else if (op->error != NULL) {
        const char *text = ims_imap4_report_error(session, "APPEND", op->error, &code);

        refuse(append, code, text, FALSE);
    } else {
        session->errors = 0;
        append->to_selected =
            session->selected != NULL && session->selected->folder == target->folder_out;
        append->reply = session->settings->extended
                            ? g_strdup_printf("OK [APPENDUID %u %u] APPEND completed.",
                                              target->uidvalidity, target->uid)
                            : g_strdup("OK APPEND completed.");
        answer(session);
    }
    ims_store_op_free(op);
    ims_imap4_session_unref(session);
}

/* Into the store. @append may be gone afterwards. */
static void
submit(Append *append)
{
    ImsImap4Session *session = append->session;
    ImsStore *store = session->settings->store;
    g_autoptr(ImsFolder) folder =
        ims_store_find_folder(store, session->mailbox, append->mailbox, NULL);
    ImsDeliverTarget target = {0};
    ImsDeliverOp *op;

    if (folder == NULL) {
        refuse(append, "TRYCREATE", "The mailbox does not exist.", TRUE);
        return;
    }
    append->submitted = TRUE;
    op = (ImsDeliverOp *)ims_store_op_new(IMS_OP_DELIVER, append_done, append);
    op->body = g_bytes_ref(append->body);
    op->summary = g_steal_pointer(&append->summary);
    op->internal_date_usec = append->date_usec;
    op->internal_zone_min = append->zone_min;
    op->targets = ims_deliver_targets_new();
    target.folder = folder->id;
    target.mailbox = session->mailbox;
    target.flags = append->flags;
    target.keywords = g_steal_pointer(&append->keywords);
    g_array_append_val(op->targets, target);
    ims_imap4_session_ref(session);
    ims_store_submit(store, &op->op);
}

static void
retry(gpointer data)
{
    ImsImap4Session *session = data;

    session->append_timer = NULL;
    submit_ready(session);
}

/* The first in the queue that is not in the store's hands and has no reply. */
static Append *
next_to_submit(ImsImap4Session *session)
{
    for (GList *link = session->appends.head; link != NULL; link = link->next) {
        Append *append = link->data;

        if (!append->submitted && append->reply == NULL)
            return append;
    }
    return NULL;
}

/*
 * Submits what is summarized, never one before those that came before it, so that messages stand in
 * the mailbox as the client sent them. While the store has too much to do, waits.
 */
static void
submit_ready(ImsImap4Session *session)
{
    Append *append;

    while (session->append_timer == NULL && (append = next_to_submit(session)) != NULL &&
           append->ready) {
        if (ims_store_is_congested(session->settings->store) &&
            !ims_store_is_failed(session->settings->store))
            session->append_timer =
                ims_world_timer_add(session->world, CONGESTED_RETRY_USEC, retry, session);
        else
            submit(append);
    }
}

/* ---- the summary of a large message, in the pool ---- */

static void
summarize(gpointer data)
{
    Append *append = data;
    append->summary = ims_mime_summarize(append->body, &append->session->settings->mime_limits);
}

static void
summarized(gpointer data)
{
    Append *append = data;
    ImsImap4Session *session = append->session;

    append->ready = TRUE;
    if (session->conn != NULL)
        submit_ready(session);
    else
        append_free(append);
    ims_imap4_session_unref(session);
}

static void
start(Append *append)
{
    ImsImap4Session *session = append->session;

    if (memchr(g_bytes_get_data(append->body, NULL), '\0', g_bytes_get_size(append->body)) !=
        NULL) {
        refuse(append, "CANNOT", "The message holds NUL.", FALSE);
    } else if (g_bytes_get_size(append->body) <= POOL_ABOVE) {
        summarize(append);
        append->ready = TRUE;
        submit_ready(session);
    } else if (ims_world_run_in_pool(session->world, summarize, summarized, append)) {
        ims_imap4_session_ref(session);
    } else {
        refuse(append, "UNAVAILABLE", "The server is busy. Try again later.", FALSE);
    }
}

/* ---- the command ---- */

/* Fills @append from the arguments. NULL, or what is wrong. */
static const char *
read_args(Append *append, const ImsImap4Arg *arg)
{
    const char *problem = NULL;

    append->mailbox = ims_imap4_decode_name(arg);
    arg = arg->next;
    if (arg->type == IMS_IMAP4_ARG_LIST) {
        if (!ims_imap4_parse_flags(append->session, arg->child, &append->flags, &append->keywords,
                                   &problem))
            return problem;
        arg = arg->next;
    }
    if (arg != NULL && arg->type == IMS_IMAP4_ARG_QUOTED) {
        if (!ims_imap4_date_time_parse(arg->text, &append->date_usec, &append->zone_min))
            return "Date-time expected";
        arg = arg->next;
    }
    if (arg == NULL || arg->type != IMS_IMAP4_ARG_LITERAL || arg->next != NULL)
        return "Message literal expected";
    append->body = g_bytes_ref(arg->literal);
    return NULL;
}

static gboolean
is_well_formed(const ImsImap4Arg *args)
{
    const ImsImap4Arg *last = args;

    if (ims_imap4_arg_count(args) > 4)
        return FALSE;
    while (last != NULL && last->next != NULL)
        last = last->next;
    return ims_imap4_arg_is_string(args) && last->type == IMS_IMAP4_ARG_LITERAL;
}

gboolean
ims_imap4_append_may_overlap(ImsImap4Session *session)
{
    const ImsImap4Command *command = session->command;

    return command != NULL && command->verb != NULL && command->verb->run == ims_imap4_cmd_append &&
           command->request->fault == IMS_IMAP4_FAULT_NONE &&
           is_well_formed(command->request->args) &&
           g_queue_get_length(&session->appends) < MAX_IN_FLIGHT &&
           session->append_bytes < MAX_BYTES_IN_FLIGHT;
}

void
ims_imap4_cmd_append(ImsImap4Session *session)
{
    ImsImap4Request *request = session->command->request;
    Append *append = g_new0(Append, 1);
    const char *problem;

    append->session = session;
    append->date_usec = ims_world_wall_usec(session->world);
    problem = is_well_formed(request->args) ? read_args(append, request->args)
                                            : "Message literal expected";
    /* A faulty one is answered at once, so it must be the only one. */
    if (problem != NULL && g_queue_is_empty(&session->appends)) {
        append_free(append);
        ims_imap4_bad(session, problem);
        return;
    }
    append->tag = g_strdup(request->tag);
    g_queue_push_tail(&session->appends, append);
    ims_imap4_command_free(g_steal_pointer(&session->command));
    if (problem != NULL) {
        append->body = g_bytes_new(NULL, 0);
        append->reply = g_strdup_printf("BAD Protocol Error: \"%s\".", problem);
        answer(session);
        return;
    }
    session->append_bytes += g_bytes_get_size(append->body);
    if (append->mailbox == NULL)
        refuse(append, "CANNOT", "The mailbox name is not valid.", FALSE);
    else
        start(append);
}

void
ims_imap4_appends_clear(ImsImap4Session *session)
{
    Append *append;

    ims_world_timer_cancel(session->world, &session->append_timer);
    while ((append = g_queue_pop_head(&session->appends)) != NULL) {
        /* One that is in the hands of the store or the pool is freed when that is done. */
        if (append->reply != NULL || (append->ready && !append->submitted))
            append_free(append);
    }
}
