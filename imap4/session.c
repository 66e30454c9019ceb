#include "imap4/imap4-private.h"

#include <string.h>

#define LOGON_TIMEOUT_SEC 60
#define IDLE_TIMEOUT_SEC 1800
#define MAX_LINE (64u * 1024)
#define MAX_LITERAL (64u * 1024 * 1024)
#define MAX_LITERAL_BEFORE_LOGON (8u * 1024)
#define MAX_LITERALS (1024u * 1024)    /* of a command other than APPEND */
#define MAX_RESPONSE_LINE (12u * 1024) /* SASL, DONE */
#define COMMANDS_A_TURN 256u

static gsize session_input(ImsSession *base, const guint8 *bytes, gsize length);
static void session_resume(ImsSession *base);
static void session_tls_started(ImsSession *base);
static void session_timed_out(ImsSession *base);
static void session_stopping(ImsSession *base);
static void session_closed(ImsSession *base);

static const ImsSessionClass session_class = {
    .input = session_input,
    .resume = session_resume,
    .tls_started = session_tls_started,
    .timed_out = session_timed_out,
    .stopping = session_stopping,
    .closed = session_closed,
};

static ImsImap4Session *
from_base(ImsSession *base)
{
    return (ImsImap4Session *)base;
}

ImsSession *
ims_imap4_session_new(ImsConn *conn, gpointer settings)
{
    ImsImap4Session *session = g_new0(ImsImap4Session, 1);

    session->parent.klass = &session_class;
    session->conn = conn;
    session->world = ims_conn_world(conn);
    session->id = ims_conn_info(conn)->id;
    session->settings = settings;
    session->refs = 1;
    session->state = IMS_IMAP4_NOT_AUTHENTICATED;
    g_queue_init(&session->appends);
    ims_conn_set_timeout(conn, LOGON_TIMEOUT_SEC);
    ims_conn_printf(conn, "* OK Microsoft Exchange IMAP4rev1 server version %s (%s) ready\r\n",
                    session->settings->build, session->settings->host); /* I-002 */
    return &session->parent;
}

ImsImap4Session *
ims_imap4_session_ref(ImsImap4Session *session)
{
    session->refs++;
    return session;
}

void
ims_imap4_session_unref(ImsImap4Session *session)
{
    if (--session->refs > 0)
        return;
    g_free(session->account);
    g_free(session->alias);
    g_free(session);
}

ImsImap4Arg *
ims_imap4_args(ImsImap4Session *session)
{
    return session->command->request->args;
}

gboolean
ims_imap4_is_uid(ImsImap4Session *session)
{
    return session->command->request->uid;
}

void
ims_imap4_set_work(ImsImap4Session *session, gpointer work, GDestroyNotify work_free)
{
    g_assert(session->command->work == NULL);
    session->command->work = work;
    session->command->work_free = work_free;
}

void
ims_imap4_yield(ImsImap4Session *session, void (*step)(ImsImap4Session *session))
{
    session->command->step = step;
    if (ims_conn_pending(session->conn) <= IMS_CONN_HIGH_WATER)
        ims_conn_later(session->conn);
}

void
ims_imap4_bye(ImsImap4Session *session, const char *text)
{
    if (session->closing)
        return;
    session->closing = TRUE;
    ims_conn_printf(session->conn, "* BYE %s\r\n", text);
    ims_conn_close(session->conn);
}

void
ims_imap4_sign_off(ImsImap4Session *session)
{
    g_autofree char *text = g_strdup_printf(
        "Microsoft Exchange IMAP4rev1 server version %s signing off", session->settings->build);

    ims_imap4_bye(session, text);
}

void
ims_imap4_read_lines(ImsImap4Session *session, ImsImap4LineHandler handler)
{
    session->line_handler = handler;
}

void
ims_imap4_deselect(ImsImap4Session *session)
{
    g_clear_pointer(&session->selected, ims_imap4_selected_free);
    if (session->state == IMS_IMAP4_SELECTED)
        session->state = IMS_IMAP4_AUTHENTICATED;
}

/* ---- running commands ---- */

static void
run(ImsImap4Session *session)
{
    ImsImap4Command *command = session->command;
    const ImsImap4Request *request = command->request;
    const ImsImap4Verb *verb = command->verb;
    guint n_args = ims_imap4_arg_count(request->args);

    session->held = FALSE;
    if (request->fault == IMS_IMAP4_FAULT_TOO_BIG)
        ims_imap4_no(session, "TOOBIG", "The message is too large.");
    else if (request->fault != IMS_IMAP4_FAULT_NONE)
        ims_imap4_bad(session, request->problem);
    else if (verb == NULL)
        ims_imap4_bad(session, "Unidentifiable command specified"); /* W-112 */
    else if (!(verb->states & session->state))
        ims_imap4_bad_state(session);
    else if (n_args < verb->min_args)
        ims_imap4_bad(session, "Expected argument not found");
    else if (n_args > verb->max_args)
        ims_imap4_bad(session, "Too many arguments");
    else if ((verb->flags & IMS_IMAP4_VERB_WRITES) && session->selected->read_only)
        ims_imap4_no(session, "CANNOT", "The mailbox is open for reading only.");
    else
        verb->run(session);
}

static void
take_request(ImsImap4Session *session)
{
    ImsImap4Command *command = g_new0(ImsImap4Command, 1);
    ImsImap4Request *request = ims_imap4_parser_take(&session->parser);

    command->request = request;
    command->verb = ims_imap4_verb_find(request->verb, request->uid, session->settings->extended);
    session->command = command;
    /* Replies go out in the order of the commands: only APPENDs may be on their way together. */
    if (g_queue_is_empty(&session->appends) || ims_imap4_append_may_overlap(session))
        run(session);
    else
        session->held = TRUE;
}

static ImsImap4Limits
limits_now(const ImsImap4Session *session)
{
    const ImsImap4Settings *settings = session->settings;
    ImsImap4Limits limits = {
        .max_line = settings->max_line > 0 ? settings->max_line : MAX_LINE,
        .max_literal = MAX_LITERALS,
        .max_append = settings->max_literal > 0 ? settings->max_literal : MAX_LITERAL,
    };

    if (session->state == IMS_IMAP4_NOT_AUTHENTICATED) {
        limits.max_literal = settings->max_literal_before_logon > 0
                                 ? settings->max_literal_before_logon
                                 : MAX_LITERAL_BEFORE_LOGON;
        limits.max_append = limits.max_literal;
    }
    return limits;
}

static gsize
read_command(ImsImap4Session *session, const guint8 *bytes, gsize length)
{
    ImsImap4Limits limits = limits_now(session);
    ImsImap4Feed feed;
    gsize used = ims_imap4_parser_feed(&session->parser, &limits, bytes, length, &feed);

    switch (feed) {
    case IMS_IMAP4_FEED_MORE:
        break;
    case IMS_IMAP4_FEED_CONTINUE:
        session->continue_held = TRUE;
        break;
    case IMS_IMAP4_FEED_REQUEST:
        take_request(session);
        break;
    case IMS_IMAP4_FEED_FATAL:
        ims_imap4_bye(session, "Command line or literal is too long.");
        break;
    }
    return used;
}

static gsize
read_line(ImsImap4Session *session, const guint8 *bytes, gsize length)
{
    const guint8 *newline = memchr(bytes, '\n', length);
    gsize piece = newline != NULL ? (gsize)(newline - bytes) : length;
    GString *line;

    if (session->line == NULL)
        session->line = g_string_new(NULL);
    if (session->line->len + piece > MAX_RESPONSE_LINE) {
        ims_imap4_bye(session, "Command line or literal is too long.");
        return length;
    }
    g_string_append_len(session->line, (const char *)bytes, (gssize)piece);
    if (newline == NULL)
        return length;
    line = g_steal_pointer(&session->line);
    if (line->len > 0 && line->str[line->len - 1] == '\r')
        g_string_truncate(line, line->len - 1);
    session->line_handler(session, line->str, line->len);
    explicit_bzero(line->str, line->len);
    g_string_free(line, TRUE);
    return piece + 1;
}

static gboolean
may_read(const ImsImap4Session *session)
{
    return !session->closing && !session->tls_pending &&
           (session->command == NULL || session->line_handler != NULL);
}

/* What had to wait for the APPENDs before it. FALSE: it still has to. */
static gboolean
run_held(ImsImap4Session *session)
{
    if (!g_queue_is_empty(&session->appends) &&
        !(session->held && ims_imap4_append_may_overlap(session)))
        return FALSE;
    if (session->continue_held) {
        session->continue_held = FALSE;
        ims_conn_puts(session->conn, "+ OK\r\n");
    } else {
        run(session);
    }
    return TRUE;
}

/* TRUE while the server, not the client, is what is waited for. */
static gboolean
is_busy(ImsImap4Session *session)
{
    return (session->command != NULL && session->line_handler == NULL) ||
           !g_queue_is_empty(&session->appends);
}

static gsize
session_input(ImsSession *base, const guint8 *bytes, gsize length)
{
    ImsImap4Session *session = from_base(base);
    gsize used = 0;

    session->in_input = TRUE;
    for (guint n = 0; !session->closing; n++) {
        if (session->held || session->continue_held) {
            if (!run_held(session))
                break;
            continue;
        }
        if (!may_read(session) || used == length)
            break;
        if (n >= COMMANDS_A_TURN || ims_conn_pending(session->conn) > IMS_CONN_HIGH_WATER) {
            if (ims_conn_pending(session->conn) <= IMS_CONN_HIGH_WATER)
                ims_conn_later(session->conn);
            break;
        }
        used += session->line_handler != NULL ? read_line(session, bytes + used, length - used)
                                              : read_command(session, bytes + used, length - used);
    }
    session->in_input = FALSE;
    if (!session->closing)
        ims_conn_set_busy(session->conn, is_busy(session));
    return session->closing ? length : used;
}

static void
session_resume(ImsSession *base)
{
    ImsImap4Session *session = from_base(base);
    ImsImap4Command *command = session->command;
    void (*step)(ImsImap4Session * session);

    if (session->closing)
        return;
    if (command == NULL || session->held || session->line_handler != NULL) {
        ims_conn_wake(session->conn);
        return;
    }
    step = command->step;
    if (step == NULL)
        return;
    command->step = NULL;
    step(session);
}

static void
session_tls_started(ImsSession *base)
{
    ImsImap4Session *session = from_base(base);

    session->tls_pending = FALSE;
    ims_imap4_parser_clear(&session->parser);
    if (session->stopping)
        ims_imap4_sign_off(session);
}

static void
session_timed_out(ImsSession *base)
{
    ims_imap4_bye(from_base(base), "Connection is closed: the client was idle too long.");
}

static void
session_stopping(ImsSession *base)
{
    ImsImap4Session *session = from_base(base);

    session->stopping = TRUE;
    if (!is_busy(session) && !session->tls_pending)
        ims_imap4_sign_off(session);
}

static void
log_end(ImsImap4Session *session)
{
    if (session->account != NULL)
        ims_log_event(session->settings->log, session->id, "logout", "protocol", "imap4", "account",
                      session->account, NULL);
}

static void
session_closed(ImsSession *base)
{
    ImsImap4Session *session = from_base(base);
    ImsImap4Command *command = g_steal_pointer(&session->command);

    log_end(session);
    session->conn = NULL;
    session->closing = TRUE;
    ims_imap4_command_free(command);
    ims_imap4_parser_clear(&session->parser);
    if (session->line != NULL) {
        explicit_bzero(session->line->str, session->line->len);
        g_string_free(g_steal_pointer(&session->line), TRUE);
    }
    ims_imap4_appends_clear(session);
    ims_imap4_deselect(session);
    ims_account_session_leave(&session->account_session);
    ims_logon_token_close(&session->token);
    ims_imap4_session_unref(session);
}
