#include "ims/personality.h"
#include "ims/smtp-private.h"
#include "ims/smtp.h"
#include <string.h>

/* The faithful profile greets after the look-up, as the IMS did (S-010), but not later than this.
 */
#define GREETING_WAIT_USEC (10 * G_USEC_PER_SEC)

ImsSmtpSession *
ims_smtp_session_ref(ImsSmtpSession *session)
{
    session->refs++;
    return session;
}

void
ims_smtp_session_unref(ImsSmtpSession *session)
{
    if (--session->refs > 0)
        return;
    ims_smtp_transaction_free(session->transaction);
    ims_smtp_body_free(session->body);
    ims_smtp_auth_forget(session);
    g_free(session->spool_id);
    g_free(session->helo);
    g_free(session->peer_name);
    g_free(session->account);
    g_free(session);
}

/* ---- output ---- */

void
ims_smtp_reply_line(ImsSmtpSession *session, const char *line)
{
    if (session->conn == NULL)
        return;
    if (*line == '5')
        session->errors++;
    ims_conn_puts(session->conn, line);
    ims_conn_write(session->conn, "\r\n", 2);
}

void
ims_smtp_reply_with(ImsSmtpSession *session, ImsSmtpReply reply, const char *first,
                    const char *second)
{
    g_autofree char *line = ims_smtp_reply_format(reply, first, second);

    ims_smtp_reply_line(session, line);
}

void
ims_smtp_reply(ImsSmtpSession *session, ImsSmtpReply reply)
{
    ims_smtp_reply_with(session, reply, NULL, NULL);
}

void
ims_smtp_close(ImsSmtpSession *session, ImsSmtpReply farewell, const char *first)
{
    if (session->conn == NULL || session->closing)
        return;
    ims_smtp_reply_with(session, farewell, first, NULL);
    session->closing = TRUE;
    ims_conn_close(session->conn);
}

/* ---- waiting ---- */

void
ims_smtp_set_input(ImsSmtpSession *session, ImsSmtpInput input)
{
    const ImsConfig *config = session->config;

    session->input = input;
    if (session->conn != NULL)
        ims_conn_set_timeout(session->conn, input == IMS_SMTP_INPUT_DATA
                                                ? config->smtp_data_timeout_sec
                                                : config->smtp_timeout_sec);
}

void
ims_smtp_wait(ImsSmtpSession *session)
{
    session->waiting = TRUE;
    if (session->conn != NULL)
        ims_conn_set_busy(session->conn, TRUE);
}

void
ims_smtp_after_command(ImsSmtpSession *session)
{
    const ImsConfig *config = session->config;

    if (session->conn == NULL || session->closing || session->waiting)
        return;
    if (session->account_dropped)
        ims_smtp_close(session, IMS_SMTP_FAREWELL_ACCOUNT, NULL);
    else if (session->stopping && session->input == IMS_SMTP_INPUT_COMMAND)
        ims_smtp_close(session, IMS_SMTP_FAREWELL_STOPPING, config->host_name);
    else if (config->max_errors > 0 && session->errors >= config->max_errors)
        ims_smtp_close(session, IMS_SMTP_FAREWELL_ERRORS, NULL);
}

void
ims_smtp_go_on(ImsSmtpSession *session)
{
    session->waiting = FALSE;
    if (session->conn != NULL)
        ims_conn_set_busy(session->conn, FALSE);
    if (session->in_input)
        return; /* the loop that called us goes on */
    ims_smtp_after_command(session);
    if (session->conn != NULL && !session->closing)
        ims_conn_wake(session->conn);
}

/* ---- input ---- */

/* A whole line, its LF taken off. Command lines may end in a bare LF, as people at a terminal send
 * it. */
static void
take_line(ImsSmtpSession *session, const guint8 *bytes, gsize length)
{
    g_autofree char *line = NULL;

    if (length > 0 && bytes[length - 1] == '\r')
        length--;
    if (memchr(bytes, '\0', length) != NULL) {
        if (session->input == IMS_SMTP_INPUT_AUTH) {
            ims_smtp_auth_forget(session);
            ims_smtp_set_input(session, IMS_SMTP_INPUT_COMMAND);
        }
        ims_smtp_reply(session, IMS_SMTP_SYNTAX);
        return;
    }
    line = g_strndup((const char *)bytes, length);
    if (session->input == IMS_SMTP_INPUT_AUTH)
        ims_smtp_auth_line(session, line);
    else
        ims_smtp_run_command(session, line);
    explicit_bzero(line, length); /* it may have held a password */
}

/* Consumes one line, or nothing while it is not whole. */
static gsize
take_command(ImsSmtpSession *session, const guint8 *bytes, gsize length)
{
    const guint8 *lf = memchr(bytes, '\n', length);
    gsize line = lf != NULL ? (gsize)(lf - bytes) + 1 : length;

    if (session->input == IMS_SMTP_INPUT_SKIP) {
        if (lf != NULL) {
            ims_smtp_set_input(session, IMS_SMTP_INPUT_COMMAND);
            ims_smtp_reply(session, IMS_SMTP_LINE_TOO_LONG);
        }
        return line;
    }
    if (line > session->config->smtp_line) {
        /* Answered once its end is seen, so that replies stay in step. A dialogue of AUTH ends with
         * it. */
        ims_smtp_auth_forget(session);
        ims_smtp_set_input(session, IMS_SMTP_INPUT_SKIP);
        return lf != NULL ? line - 1 : line;
    }
    if (lf == NULL)
        return 0;
    take_line(session, bytes, line - 1);
    return line;
}

static gsize
session_input(ImsSession *base, const guint8 *bytes, gsize length)
{
    ImsSmtpSession *session = (ImsSmtpSession *)base;
    gsize consumed = 0;

    if (session->closing)
        return length;
    if (session->in_input)
        return 0;
    session->in_input = TRUE;
    ims_smtp_session_ref(session);
    while (consumed < length && session->conn != NULL && !session->waiting && !session->closing) {
        gsize n;

        /* A client that does not read its replies gets no more of them. */
        if (ims_conn_pending(session->conn) > IMS_CONN_HIGH_WATER)
            break;
        if (session->input == IMS_SMTP_INPUT_DATA)
            n = ims_smtp_take_data(session, bytes + consumed, length - consumed);
        else
            n = take_command(session, bytes + consumed, length - consumed);
        consumed += n;
        ims_smtp_after_command(session);
        if (n == 0)
            break;
    }
    session->in_input = FALSE;
    if (session->closing || session->conn == NULL)
        consumed = length;
    ims_smtp_session_unref(session);
    return consumed;
}

static void
session_resume(ImsSession *base)
{
    ImsSmtpSession *session = (ImsSmtpSession *)base;

    if (!session->waiting && !session->closing)
        ims_conn_wake(session->conn);
}

/* RFC 3207 4.2: all that was said in clear is forgotten. */
static void
session_tls_started(ImsSession *base)
{
    ImsSmtpSession *session = (ImsSmtpSession *)base;

    ims_smtp_reset_transaction(session);
    g_clear_pointer(&session->helo, g_free);
    ims_account_session_leave(&session->account_session);
    session->account_dropped = FALSE;
    g_clear_pointer(&session->account, g_free);
    session->state = IMS_SMTP_START;
    if (session->greeted) /* not so where TLS came first and the greeting still waits */
        ims_smtp_go_on(session);
}

static void
session_timed_out(ImsSession *base)
{
    ImsSmtpSession *session = (ImsSmtpSession *)base;

    if (!session->waiting)
        ims_smtp_close(session, IMS_SMTP_FAREWELL_TIMEOUT, NULL);
}

static void
session_stopping(ImsSession *base)
{
    ImsSmtpSession *session = (ImsSmtpSession *)base;

    session->stopping = TRUE;
    ims_smtp_after_command(session);
}

static void
session_closed(ImsSession *base)
{
    ImsSmtpSession *session = (ImsSmtpSession *)base;

    ims_world_timer_cancel(session->service->world, &session->timer);
    ims_account_session_leave(&session->account_session);
    session->conn = NULL;
    ims_smtp_session_unref(session);
}

static const ImsSessionClass smtp_class = {
    .input = session_input,
    .resume = session_resume,
    .tls_started = session_tls_started,
    .timed_out = session_timed_out,
    .stopping = session_stopping,
    .closed = session_closed,
};

/* ---- greeting ---- */

/* S-012, R-154: in place of the greeting. */
static void
deny(ImsSmtpSession *session)
{
    char client[IMS_ADDRESS_STRLEN], rule[16];

    g_snprintf(rule, sizeof rule, "%u", session->door.rule);
    ims_log_event(session->service->log, session->id, "connection-refused", "client",
                  ims_address_format(&session->peer, client), "rule", rule, "source", "R-154",
                  NULL);
    ims_smtp_close(session, IMS_SMTP_ACCESS_DENIED, session->config->host_name);
}

static void
greet(ImsSmtpSession *session)
{
    const ImsConfig *config = session->config;

    if (session->greeted || session->conn == NULL)
        return;
    session->greeted = TRUE;
    ims_world_timer_cancel(session->service->world, &session->timer);
    if (!session->door.accept) {
        deny(session);
        return;
    }
    ims_smtp_reply_with(session,
                        config->advertise_extensions ? IMS_SMTP_GREETING : IMS_SMTP_GREETING_PLAIN,
                        config->host_name, config->build);
    if (session->waiting)
        ims_smtp_go_on(session);
}

static void
greeting_waited(gpointer data)
{
    ImsSmtpSession *session = data;

    session->timer = NULL;
    greet(session);
}

/* What a DNS server says is as untrusted as the client that owns it (S-497). */
static gboolean
is_host_name(const char *name)
{
    gsize length = strlen(name);

    if (length == 0 || length > 255)
        return FALSE;
    for (const char *p = name; *p != '\0'; p++)
        if (!g_ascii_isalnum(*p) && strchr("-._", *p) == NULL)
            return FALSE;
    return TRUE;
}

static void
looked_up(const ImsLookupResult *result, gpointer data)
{
    ImsSmtpSession *session = data;

    if (session->peer_name == NULL && result->status == IMS_LOOKUP_OK && result->n_records > 0 &&
        result->records[0].name != NULL && is_host_name(result->records[0].name))
        session->peer_name = g_strdup(result->records[0].name);
    greet(session);
    ims_smtp_session_unref(session);
}

const char *
ims_smtp_client_name(const ImsSmtpSession *session, char buffer[IMS_ADDRESS_STRLEN])
{
    if (session->peer_name != NULL)
        return session->peer_name;
    return ims_address_format(&session->peer, buffer);
}

ImsSession *
ims_smtp_session_new(ImsConn *conn, gpointer data)
{
    ImsService *service = data;
    const ImsConnInfo *info = ims_conn_info(conn);
    ImsSmtpSession *session = g_new0(ImsSmtpSession, 1);

    session->base.klass = &smtp_class;
    session->refs = 1;
    session->conn = conn;
    session->service = service;
    session->config = service->config;
    session->id = info->id;
    session->peer = info->peer;
    session->local = info->local;
    session->state = IMS_SMTP_START;
    session->door = ims_connection_decide(
        session->config->connection_rules,
        (ImsConnectionSecurity)session->config->connection_security, &session->peer);
    ims_smtp_set_input(session, IMS_SMTP_INPUT_COMMAND);
    if (session->door.accept && session->config->reverse_resolve &&
        !ims_address_is_loopback(&session->peer)) {
        char address[IMS_ADDRESS_STRLEN];

        if (session->config->faithful) {
            ims_smtp_wait(session);
            session->timer =
                ims_world_timer_add(service->world, GREETING_WAIT_USEC, greeting_waited, session);
        }
        ims_world_lookup(service->world, IMS_LOOKUP_PTR,
                         ims_address_format(&session->peer, address), looked_up,
                         ims_smtp_session_ref(session));
    }
    if (!session->waiting)
        greet(session);
    return &session->base;
}
