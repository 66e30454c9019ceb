#include "imap4/imap4-private.h"

#include "directory/logon-log.h"
#include "directory/sasl.h"

#include <string.h>

#define IDLE_TIMEOUT_SEC 1800

static gboolean
may_logon_in_clear(ImsImap4Session *session)
{
    const ImsConnInfo *info = ims_conn_info(session->conn);

    return info->tls || info->clear_text_logon;
}

static gboolean
offers_starttls(ImsImap4Session *session)
{
    return session->settings->extended && session->state == IMS_IMAP4_NOT_AUTHENTICATED &&
           !ims_conn_info(session->conn)->tls && ims_conn_can_start_tls(session->conn);
}

void
ims_imap4_cmd_capability(ImsImap4Session *session)
{
    ImsConn *conn = session->conn;

    if (!session->settings->extended) {
        /* I-010; AUTH=NTLM is listed only while it is enabled (I-011). */
        ims_conn_puts(conn, "* CAPABILITY IMAP4 IMAP4rev1 IDLE LITERAL+ LOGIN-REFERRALS "
                            "MAILBOX-REFERRALS NAMESPACE\r\n");
        ims_imap4_ok(session, NULL);
        return;
    }
    ims_conn_puts(conn, "* CAPABILITY IMAP4 IMAP4rev1 IDLE LITERAL+ NAMESPACE UIDPLUS CHILDREN "
                        "UNSELECT MOVE ID SPECIAL-USE SASL-IR");
    if (offers_starttls(session))
        ims_conn_puts(conn, " STARTTLS");
    if (session->state == IMS_IMAP4_NOT_AUTHENTICATED)
        ims_conn_puts(conn,
                      may_logon_in_clear(session) ? " AUTH=PLAIN AUTH=LOGIN" : " LOGINDISABLED");
    ims_conn_puts(conn, "\r\n");
    ims_imap4_ok(session, NULL);
}

void
ims_imap4_cmd_noop(ImsImap4Session *session)
{
    ims_imap4_ok(session, NULL);
}

void
ims_imap4_cmd_logout(ImsImap4Session *session)
{
    ims_conn_printf(session->conn,
                    "* BYE Microsoft Exchange IMAP4rev1 server version %s signing off\r\n",
                    session->settings->build);
    ims_imap4_deselect(session);
    session->closing = TRUE; /* so that no second farewell follows */
    ims_imap4_ok(session, NULL);
    ims_conn_close(session->conn);
}

void
ims_imap4_cmd_id(ImsImap4Session *session)
{
    const ImsImap4Arg *arg = ims_imap4_args(session);

    if (arg->type != IMS_IMAP4_ARG_LIST && !ims_imap4_arg_is_atom(arg, "NIL")) {
        ims_imap4_bad(session, "List of fields or NIL expected");
        return;
    }
    ims_conn_printf(session->conn, "* ID (\"name\" \"imsd\" \"version\" \"%s\")\r\n",
                    session->settings->build);
    ims_imap4_ok(session, NULL);
}

void
ims_imap4_cmd_starttls(ImsImap4Session *session)
{
    if (!offers_starttls(session)) {
        ims_imap4_bad(session, "TLS is not available or already active");
        return;
    }
    session->tls_pending = TRUE;
    ims_imap4_ok(session, NULL);
    if (!session->closing)
        ims_conn_start_tls(session->conn);
}

/* ---- logon ---- */

/* The account was removed, disabled or got another password. */
static void
account_dropped(gpointer data)
{
    ImsImap4Session *session = data;

    if (session->conn != NULL)
        ims_imap4_bye(session, "Connection is closed: the account was changed.");
}

static void
logon_finished(ImsImap4Session *session)
{
    const ImsImap4Settings *settings = session->settings;

    session->state = IMS_IMAP4_AUTHENTICATED;
    ims_conn_set_timeout(session->conn, settings->idle_timeout_sec > 0 ? settings->idle_timeout_sec
                                                                       : IDLE_TIMEOUT_SEC);
    if (settings->windows != NULL)
        session->token = ims_logon_windows_open(
            settings->windows, &ims_conn_info(session->conn)->peer, session->account, "imap4");
    ims_imap4_ok(session, NULL);
}

static void
mailbox_created(ImsImap4Session *session, ImsStoreOp *op)
{
    if (op->error != NULL) {
        ims_account_session_leave(&session->account_session);
        ims_imap4_no_error(session, op->error);
        return;
    }
    logon_finished(session);
}

/* FALSE: the account has as many sessions as it may. */
static gboolean
take_place(ImsImap4Session *session, const ImsLogonResult *result)
{
    const ImsImap4Settings *settings = session->settings;

    if (settings->sessions == NULL)
        return TRUE;
    session->account_session =
        ims_account_sessions_enter(settings->sessions, result->account,
                                   settings->max_account_sessions, account_dropped, session);
    return session->account_session != NULL;
}

static void
logon_accepted(ImsImap4Session *session, const ImsLogonResult *result)
{
    const ImsImap4Settings *settings = session->settings;
    ImsFolderOp *op;

    g_free(session->account);
    g_free(session->alias);
    session->account = g_strdup(result->account);
    session->alias = g_strdup(result->alias);
    session->mailbox = result->mailbox;
    if (ims_store_has_mailbox(settings->store, session->mailbox)) {
        logon_finished(session);
        return;
    }
    op = (ImsFolderOp *)ims_store_op_new(IMS_OP_MAILBOX_CREATE, NULL, NULL);
    op->mailbox = session->mailbox;
    ims_imap4_submit(session, &op->op, mailbox_created);
}

static void
logon_refused(ImsImap4Session *session, ImsLogonStatus status)
{
    switch (status) {
    case IMS_LOGON_AMBIGUOUS:
        ims_imap4_no(session, NULL, "Ambiguous Alias");
        break;
    case IMS_LOGON_NO_MAILBOX:
        ims_imap4_no(session, NULL, "There is no such mailbox on this server.");
        break;
    case IMS_LOGON_NOT_HERE:
        ims_imap4_no(session, NULL, "The requested mailbox is not available on this server.");
        break;
    case IMS_LOGON_UNAVAILABLE:
        ims_imap4_no(session, "UNAVAILABLE", "The server is busy. Try again later.");
        return;
    default:
        ims_imap4_no(session, NULL,
                     "Logon failure: unknown user name or bad password."); /* I-036 */
        break;
    }
    ims_imap4_count_error(session);
}

typedef struct {
    ImsImap4Session *session; /* a reference */
    char *name;
    ImsAddress client;
} Logon;

static void
logon_done(const ImsLogonResult *result, gpointer data)
{
    Logon *logon = data;
    ImsImap4Session *session = logon->session;
    gboolean good = result->status == IMS_LOGON_OK;
    const char *refused = NULL;

    if (good && session->conn == NULL)
        refused = "the client is gone";
    else if (good && !take_place(session, result))
        refused = "too many sessions";
    ims_logon_log(session->settings->log, session->id, "imap4", logon->name, &logon->client, result,
                  refused);
    if (session->conn != NULL) {
        if (refused != NULL)
            ims_imap4_no(session, "LIMIT", "Too many sessions of this account.");
        else if (good)
            logon_accepted(session, result);
        else
            logon_refused(session, result->status);
    }
    ims_imap4_session_unref(session);
    g_free(logon->name);
    g_free(logon);
}

static void
logon(ImsImap4Session *session, const char *name, const char *password)
{
    Logon *logon = g_new0(Logon, 1);

    logon->session = ims_imap4_session_ref(session);
    logon->name = g_strdup(name);
    logon->client = ims_conn_info(session->conn)->peer;
    ims_directory_logon(session->settings->directory, &logon->client, name, password, TRUE,
                        logon_done, logon);
}

static gboolean
refuse_clear_text(ImsImap4Session *session, const char *name)
{
    g_autofree char *valid = name != NULL ? g_utf8_make_valid(name, -1) : NULL;

    if (may_logon_in_clear(session))
        return FALSE;
    ims_logon_log_clear_text(session->settings->log, session->id, "imap4", valid,
                             &ims_conn_info(session->conn)->peer);
    ims_imap4_no(session, "PRIVACYREQUIRED", "Logon in clear text is not allowed here.");
    return TRUE;
}

void
ims_imap4_cmd_login(ImsImap4Session *session)
{
    const ImsImap4Arg *name = ims_imap4_args(session), *password = name->next;

    if (!ims_imap4_arg_is_string(name) || !ims_imap4_arg_is_string(password))
        ims_imap4_bad(session, "User name and password expected");
    else if (!refuse_clear_text(session, name->text))
        logon(session, name->text, password->text);
}

/* ---- AUTHENTICATE PLAIN and LOGIN ---- */

typedef struct {
    char *name; /* LOGIN: what came first */
} Sasl;

static void
sasl_free(gpointer data)
{
    Sasl *sasl = data;

    g_free(sasl->name);
    g_free(sasl);
}

/* (transfer full) (nullable): NULL after BAD was sent; a client that sends such things is not
 * understood. */
static char *
decode_response(ImsImap4Session *session, const char *line, gsize *length_out)
{
    char *response = ims_sasl_decode(line, length_out);

    if (response == NULL)
        ims_imap4_bad(session, "Base64 expected");
    return response;
}

static void
plain_response(ImsImap4Session *session, const char *line)
{
    gsize length = 0;
    char *response = decode_response(session, line, &length);
    const char *name, *password;

    if (response == NULL)
        return;
    session->line_handler = NULL;
    switch (ims_sasl_split_plain(response, length, &name, &password)) {
    case IMS_SASL_PLAIN_OK:
        logon(session, name, password);
        break;
    case IMS_SASL_PLAIN_MALFORMED:
        ims_imap4_bad(session, "PLAIN response is not understood");
        break;
    case IMS_SASL_PLAIN_FOR_ANOTHER:
        logon_refused(session, IMS_LOGON_BAD);
        break;
    }
    ims_sasl_free(response, length);
}

static void
login_response(ImsImap4Session *session, const char *line)
{
    Sasl *sasl = session->command->work;
    gsize length = 0;
    char *response = decode_response(session, line, &length);

    if (response == NULL)
        return;
    if (strlen(response) != length) {
        ims_imap4_bad(session, "NUL in response");
    } else if (sasl->name == NULL) {
        sasl->name = g_strdup(response);
        ims_conn_puts(session->conn, "+ UGFzc3dvcmQ6\r\n"); /* Password: */
    } else {
        session->line_handler = NULL;
        logon(session, sasl->name, response);
    }
    ims_sasl_free(response, length);
}

/* A mechanism is an atom; clients quote it. */
static gboolean
names(const ImsImap4Arg *arg, const char *mechanism)
{
    return ims_imap4_arg_is_string(arg) && g_ascii_strcasecmp(arg->text, mechanism) == 0;
}

/* A response line; `*` gives up (RFC 3501 6.2.2). */
static void
read_response(ImsImap4Session *session, char *line, gsize length)
{
    gboolean plain = names(ims_imap4_args(session), "PLAIN");

    if (strcmp(line, "*") == 0)
        ims_imap4_bad(session, "Authentication was cancelled");
    else if (strlen(line) != length)
        ims_imap4_bad(session, "NUL in response");
    else if (plain)
        plain_response(session, line);
    else
        login_response(session, line);
}

void
ims_imap4_cmd_authenticate(ImsImap4Session *session)
{
    const ImsImap4Arg *mechanism = ims_imap4_args(session), *initial = mechanism->next;
    gboolean plain = names(mechanism, "PLAIN");

    /* 5.5 knows NTLM alone (I-045, I-048). */
    if (!session->settings->extended || !(plain || names(mechanism, "LOGIN"))) {
        ims_imap4_no(session, "CANNOT", "Unsupported authentication mechanism.");
        return;
    }
    if (refuse_clear_text(session, NULL))
        return;
    if (initial != NULL && !ims_imap4_arg_is_string(initial)) {
        ims_imap4_bad(session, "Initial response must be base64 or =");
        return;
    }
    ims_imap4_set_work(session, g_new0(Sasl, 1), sasl_free);
    ims_imap4_read_lines(session, read_response);
    if (initial != NULL)
        read_response(session, (char *)(strcmp(initial->text, "=") == 0 ? "" : initial->text),
                      strcmp(initial->text, "=") == 0 ? 0 : initial->length);
    else
        ims_conn_puts(session->conn, plain ? "+ \r\n" : "+ VXNlcm5hbWU6\r\n"); /* Username: */
}
