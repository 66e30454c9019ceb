#include "pop3/pop3.h"

#include <string.h>

#include "pop3/pop3-private.h"

#define DEFAULT_MAX_LINE 1024u
#define DEFAULT_MAX_ERRORS 20u

ImsPop3Session *
ims_pop3_session_ref(ImsPop3Session *session)
{
    session->refs++;
    return session;
}

/* Gives back what belongs to the logon. On the session's executor. */
static void
leave(ImsPop3Session *session)
{
    ims_account_session_leave(&session->account_session);
    ims_logon_token_close(&session->token);
}

void
ims_pop3_session_unref(ImsPop3Session *session)
{
    if (--session->refs > 0)
        return;
    leave(session);
    ims_pop3_auth_forget(session);
    ims_pop3_sending_free(session->sending);
    ims_pop3_maildrop_free(session->maildrop);
    g_free(session->account);
    g_free(session);
}

/* ---- output ---- */

void
ims_pop3_reply(ImsPop3Session *session, ImsPop3Reply reply)
{
    const char *text = ims_pop3_reply_text(reply, session->settings->extended);
    const char *place;

    if (session->conn == NULL || session->closing)
        return;
    place = strstr(text, "%s");
    if (place != NULL) {
        ims_conn_write(session->conn, text, (gsize)(place - text));
        ims_conn_puts(session->conn, session->settings->build);
        text = place + 2;
    }
    ims_conn_puts(session->conn, text);
    ims_conn_write(session->conn, "\r\n", 2);
}

void
ims_pop3_error(ImsPop3Session *session, ImsPop3Reply reply)
{
    session->errors++;
    ims_pop3_reply(session, reply);
}

void
ims_pop3_close(ImsPop3Session *session, ImsPop3Reply farewell)
{
    if (session->conn == NULL || session->closing)
        return;
    /* In the middle of a long reply a farewell would become a part of it. */
    if (session->sending != NULL) {
        session->closing = TRUE;
        ims_conn_abort(session->conn);
        return;
    }
    ims_pop3_reply(session, farewell);
    session->closing = TRUE;
    ims_conn_close(session->conn);
}

/* ---- waiting ---- */

/* What is due between two commands. */
static void
after_command(ImsPop3Session *session)
{
    guint max_errors = session->settings->max_errors;

    if (session->conn == NULL || session->closing || session->waiting || session->sending != NULL)
        return;
    if (session->errors >= (max_errors > 0 ? max_errors : DEFAULT_MAX_ERRORS))
        ims_pop3_close(session, IMS_POP3_TOO_MANY_ERRORS);
    else if (session->stopping)
        ims_pop3_close(session, IMS_POP3_STOPPING);
}

void
ims_pop3_wait(ImsPop3Session *session)
{
    session->waiting = TRUE;
    ims_conn_set_busy(session->conn, TRUE);
}

void
ims_pop3_go_on(ImsPop3Session *session)
{
    session->waiting = FALSE;
    if (session->conn == NULL)
        return;
    ims_conn_set_busy(session->conn, session->sending != NULL);
    if (session->in_input)
        return; /* the loop that called us goes on */
    after_command(session);
    if (!session->closing)
        ims_conn_wake(session->conn);
}

/* ---- input ---- */

/* A whole line without its LF. A bare LF ends a line too: people at a terminal send it. */
static void
take_line(ImsPop3Session *session, const guint8 *bytes, gsize length)
{
    g_autofree char *line = NULL;

    if (length > 0 && bytes[length - 1] == '\r')
        length--;
    if (memchr(bytes, '\0', length) != NULL) {
        session->input = IMS_POP3_INPUT_COMMAND;
        ims_pop3_auth_forget(session);
        ims_pop3_error(session, IMS_POP3_UNKNOWN_COMMAND);
        return;
    }
    line = g_strndup((const char *)bytes, length);
    if (session->input == IMS_POP3_INPUT_AUTH)
        ims_pop3_auth_line(session, line);
    else
        ims_pop3_run_command(session, line);
    explicit_bzero(line, length); /* it may have held a password */
}

/* Consumes one line, or nothing while it is not whole. */
static gsize
take_input(ImsPop3Session *session, const guint8 *bytes, gsize length)
{
    gsize max = session->settings->max_line > 0 ? session->settings->max_line : DEFAULT_MAX_LINE;
    const guint8 *lf = memchr(bytes, '\n', length);
    gsize line = lf != NULL ? (gsize)(lf - bytes) + 1 : length;

    if (session->input == IMS_POP3_INPUT_SKIP) {
        if (lf != NULL)
            session->input = IMS_POP3_INPUT_COMMAND;
        return line;
    }
    if (line > max) {
        /* Answered at once, passed over to its end. A dialogue of AUTH ends with it. */
        ims_pop3_auth_forget(session);
        session->input = lf != NULL ? IMS_POP3_INPUT_COMMAND : IMS_POP3_INPUT_SKIP;
        ims_pop3_error(session, IMS_POP3_LINE_TOO_LONG);
        return line;
    }
    if (lf == NULL)
        return 0;
    take_line(session, bytes, line - 1);
    return line;
}

static gboolean
takes_commands(const ImsPop3Session *session)
{
    /* A client that does not read its replies gets no more of them. */
    return session->conn != NULL && !session->closing && !session->waiting &&
           session->sending == NULL && ims_conn_pending(session->conn) < IMS_CONN_HIGH_WATER;
}

static gsize
session_input(ImsSession *base, const guint8 *bytes, gsize length)
{
    ImsPop3Session *session = (ImsPop3Session *)base;
    gsize consumed = 0;

    if (session->in_input)
        return 0;
    session->in_input = TRUE;
    ims_pop3_session_ref(session);
    while (consumed < length && takes_commands(session)) {
        gsize n = take_input(session, bytes + consumed, length - consumed);

        consumed += n;
        after_command(session);
        if (n == 0)
            break;
    }
    session->in_input = FALSE;
    if (session->closing)
        consumed = length;
    ims_pop3_session_unref(session);
    return consumed;
}

/* The output has drained: the reply under way first, then the commands that waited for it. */
static void
session_resume(ImsSession *base)
{
    ImsPop3Session *session = (ImsPop3Session *)base;

    if (session->closing || session->waiting)
        return;
    if (session->sending != NULL) {
        if (!ims_pop3_send_more(session))
            return;
        ims_conn_set_busy(session->conn, FALSE);
        after_command(session);
    }
    if (!session->closing)
        ims_conn_wake(session->conn);
}

/* RFC 2595 4: what was said in clear is forgotten. */
static void
session_tls_started(ImsSession *base)
{
    ImsPop3Session *session = (ImsPop3Session *)base;

    ims_pop3_auth_forget(session);
    ims_pop3_go_on(session);
}

/* RFC 1939 3: nothing is deleted, and nothing said that could be taken for the answer to a command.
 */
static void
session_timed_out(ImsSession *base)
{
    ImsPop3Session *session = (ImsPop3Session *)base;

    ims_log_event(session->settings->log, session->id, "timeout", "protocol", "pop3", "account",
                  session->account, NULL);
    session->closing = TRUE;
    ims_conn_close(session->conn);
}

static void
session_stopping(ImsSession *base)
{
    ImsPop3Session *session = (ImsPop3Session *)base;

    session->stopping = TRUE;
    if (!session->in_input)
        after_command(session);
}

static void
session_closed(ImsSession *base)
{
    ImsPop3Session *session = (ImsPop3Session *)base;

    session->conn = NULL;
    leave(session);
    g_clear_pointer(&session->sending, ims_pop3_sending_free);
    ims_pop3_session_unref(session);
}

static const ImsSessionClass pop3_class = {
    .input = session_input,
    .resume = session_resume,
    .tls_started = session_tls_started,
    .timed_out = session_timed_out,
    .stopping = session_stopping,
    .closed = session_closed,
};

ImsSession *
ims_pop3_session_new(ImsConn *conn, gpointer settings)
{
    ImsPop3Session *session = g_new0(ImsPop3Session, 1);
    const ImsConnInfo *info = ims_conn_info(conn);

    session->base.klass = &pop3_class;
    session->conn = conn;
    session->settings = settings;
    session->refs = 1;
    session->id = info->id;
    session->peer = info->peer;
    session->state = IMS_POP3_AUTHORIZATION;
    ims_conn_set_timeout(conn, session->settings->idle_timeout_sec);
    ims_pop3_reply(session, IMS_POP3_GREETING);
    return &session->base;
}
