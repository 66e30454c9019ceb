/* USER, PASS and AUTH: who is it, and open the maildrop. */
#include "pop3/pop3-private.h"

#include "directory/logon-log.h"
#include "directory/sasl.h"

#include <string.h>

/* P-036: with more in the Inbox than this the logon fails, to SP4. */
#define FAITHFUL_MESSAGES_MAX 65535u

static void
wipe(char **text)
{
    if (*text != NULL)
        explicit_bzero(*text, strlen(*text));
    g_clear_pointer(text, g_free);
}

void
ims_pop3_auth_forget(ImsPop3Session *session)
{
    wipe(&session->user);
}

gboolean
ims_pop3_may_log_on(const ImsPop3Session *session)
{
    const ImsConnInfo *info = ims_conn_info(session->conn);

    return info->tls || info->clear_text_logon;
}

/* ---- the maildrop ---- */

/* The logon is over, without a maildrop. */
static void
refuse(ImsPop3Session *session, ImsPop3Reply reply)
{
    ims_account_session_leave(&session->account_session);
    ims_logon_token_close(&session->token);
    g_clear_pointer(&session->account, g_free);
    ims_pop3_error(session, reply);
    ims_pop3_go_on(session);
}

static void
enter(ImsPop3Session *session, ImsPop3Maildrop *maildrop)
{
    const ImsPop3Settings *settings = session->settings;

    if (!settings->extended && ims_pop3_maildrop_size(maildrop) > FAITHFUL_MESSAGES_MAX) {
        ims_pop3_maildrop_free(maildrop);
        refuse(session, IMS_POP3_TOO_LARGE);
        return;
    }
    session->maildrop = maildrop;
    session->state = IMS_POP3_TRANSACTION;
    ims_pop3_reply(session, IMS_POP3_LOGGED_ON);
    ims_pop3_go_on(session);
}

static void
log_open_failed(const ImsPop3Session *session, const GError *error)
{
    ims_log_event(session->settings->log, session->id, "maildrop", "protocol", "pop3", "result",
                  "failed", "account", session->account, "error", error->message, NULL);
}

static void
mailbox_created(ImsStoreOp *op, gpointer data)
{
    ImsPop3Session *session = data;
    g_autoptr(GError) error = g_steal_pointer(&op->error);
    ImsPop3Maildrop *maildrop = NULL;

    ims_store_op_free(op);
    if (session->conn == NULL || session->closing) {
        ims_pop3_go_on(session);
    } else {
        if (error == NULL)
            maildrop = ims_pop3_maildrop_open(session->settings->store, session->mailbox, &error);
        if (maildrop != NULL) {
            enter(session, maildrop);
        } else {
            log_open_failed(session, error);
            refuse(session, IMS_POP3_UNAVAILABLE);
        }
    }
    ims_pop3_session_unref(session);
}

/* A mailbox the store has not met yet is made; an empty maildrop is no error. */
static void
open_maildrop(ImsPop3Session *session)
{
    ImsStore *store = session->settings->store;
    g_autoptr(GError) error = NULL;
    ImsPop3Maildrop *maildrop = ims_pop3_maildrop_open(store, session->mailbox, &error);

    if (maildrop != NULL) {
        enter(session, maildrop);
    } else if (g_error_matches(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND)) {
        ImsStoreOp *op =
            ims_store_op_new(IMS_OP_MAILBOX_CREATE, mailbox_created, ims_pop3_session_ref(session));

        ((ImsFolderOp *)op)->mailbox = session->mailbox;
        ims_store_submit(store, op);
    } else {
        log_open_failed(session, error);
        refuse(session, IMS_POP3_UNAVAILABLE);
    }
}

/* ---- the logon ---- */

/* The account was removed, disabled or has another password. Marks are forgotten with the session.
 */
static void
account_dropped(gpointer data)
{
    ImsPop3Session *session = data;

    if (!session->quitting)
        ims_pop3_close(session, IMS_POP3_ACCOUNT_CHANGED);
}

/* @refused: (nullable): why who is known is not let in. */
static void
log_logon(const ImsPop3Session *session, const ImsLogonResult *result, const char *refused)
{
    ims_logon_log(session->settings->log, session->id, "pop3", session->user, &session->peer,
                  result, refused);
}

static ImsPop3Reply
refusal_of(ImsLogonStatus status)
{
    switch (status) {
    case IMS_LOGON_AMBIGUOUS:
        return IMS_POP3_AMBIGUOUS;
    case IMS_LOGON_NOT_HERE:
        return IMS_POP3_NOT_HERE;
    case IMS_LOGON_OK: /* without a mailbox */
    case IMS_LOGON_NO_MAILBOX:
        return IMS_POP3_NO_MAILBOX;
    case IMS_LOGON_UNAVAILABLE:
        return IMS_POP3_UNAVAILABLE;
    case IMS_LOGON_BAD:
        break;
    }
    return IMS_POP3_BAD_LOGON;
}

static void
accept_logon(ImsPop3Session *session, const ImsLogonResult *result)
{
    const ImsPop3Settings *settings = session->settings;

    if (settings->sessions != NULL) {
        session->account_session =
            ims_account_sessions_enter(settings->sessions, result->account,
                                       settings->max_account_sessions, account_dropped, session);
        if (session->account_session == NULL) {
            log_logon(session, result, "too many sessions");
            refuse(session, IMS_POP3_TOO_MANY_SESSIONS);
            return;
        }
    }
    log_logon(session, result, NULL);
    if (settings->windows != NULL)
        session->token =
            ims_logon_windows_open(settings->windows, &session->peer, result->account, "pop3");
    session->account = g_strdup(result->account);
    session->mailbox = result->mailbox;
    open_maildrop(session);
}

static void
logged_on(const ImsLogonResult *result, gpointer data)
{
    ImsPop3Session *session = data;

    if (session->conn == NULL || session->closing) {
        log_logon(session, result, result->status == IMS_LOGON_OK ? "the client is gone" : NULL);
        ims_pop3_go_on(session);
    } else if (result->status == IMS_LOGON_OK && result->mailbox != 0) {
        accept_logon(session, result);
    } else {
        log_logon(session, result, result->status == IMS_LOGON_OK ? "no mailbox" : NULL);
        refuse(session, refusal_of(result->status));
    }
    ims_pop3_auth_forget(session);
    ims_pop3_session_unref(session);
}

/* @password stays the caller's, to wipe. session->user says who. */
static void
log_on(ImsPop3Session *session, const char *password)
{
    g_autofree char *name = g_utf8_make_valid(session->user, -1);

    ims_pop3_wait(session);
    ims_directory_logon(session->settings->directory, &session->peer, name, password, TRUE,
                        logged_on, ims_pop3_session_ref(session));
}

static void
refuse_clear_text(ImsPop3Session *session, const char *name)
{
    g_autofree char *valid = name != NULL ? g_utf8_make_valid(name, -1) : NULL;

    ims_logon_log_clear_text(session->settings->log, session->id, "pop3", valid, &session->peer);
    ims_pop3_error(session, IMS_POP3_CLEAR_TEXT);
}

void
ims_pop3_cmd_user(ImsPop3Session *session, char **args)
{
    if (!ims_pop3_may_log_on(session)) {
        refuse_clear_text(session, args[0]);
        return;
    }
    ims_pop3_auth_forget(session);
    session->user = g_strdup(args[0]);
    ims_pop3_reply(session, IMS_POP3_OK);
}

void
ims_pop3_cmd_pass(ImsPop3Session *session, char **args)
{
    if (!ims_pop3_may_log_on(session)) {
        refuse_clear_text(session, NULL);
    } else if (session->user == NULL) {
        ims_pop3_error(session, IMS_POP3_NO_USER);
    } else if (args[0] == NULL && !session->settings->extended) {
        ims_pop3_error(session, IMS_POP3_BAD_ARGUMENTS); /* P-028: no empty PASS */
    } else {
        session->mechanism = IMS_POP3_MECHANISM_PASS;
        log_on(session, args[0] != NULL ? args[0] : "");
    }
}

/* ---- AUTH ---- */

static void
end_auth(ImsPop3Session *session, ImsPop3Reply refusal)
{
    session->input = IMS_POP3_INPUT_COMMAND;
    ims_pop3_auth_forget(session);
    ims_pop3_error(session, refusal);
}

static void
take_plain(ImsPop3Session *session, const char *answer, gsize length)
{
    const char *name, *password;

    switch (ims_sasl_split_plain(answer, length, &name, &password)) {
    case IMS_SASL_PLAIN_OK:
        session->input = IMS_POP3_INPUT_COMMAND;
        session->user = g_strdup(name);
        log_on(session, password);
        break;
    case IMS_SASL_PLAIN_MALFORMED:
        end_auth(session, IMS_POP3_AUTH_MALFORMED);
        break;
    case IMS_SASL_PLAIN_FOR_ANOTHER:
        end_auth(session, IMS_POP3_BAD_LOGON);
        break;
    }
}

static void
take_login(ImsPop3Session *session, const char *answer, gsize length)
{
    if (memchr(answer, '\0', length) != NULL) {
        end_auth(session, IMS_POP3_AUTH_MALFORMED);
    } else if (session->user == NULL) {
        session->user = g_strdup(answer);
        ims_conn_puts(session->conn, "+ UGFzc3dvcmQ6\r\n"); /* "Password:" */
    } else {
        session->input = IMS_POP3_INPUT_COMMAND;
        log_on(session, answer);
    }
}

static void
take_answer(ImsPop3Session *session, const char *text)
{
    gsize length = 0;
    char *answer = ims_sasl_decode(text, &length);

    if (answer == NULL)
        end_auth(session, IMS_POP3_AUTH_MALFORMED);
    else if (session->mechanism == IMS_POP3_MECHANISM_PLAIN)
        take_plain(session, answer, length);
    else
        take_login(session, answer, length);
    ims_sasl_free(answer, length);
}

void
ims_pop3_auth_line(ImsPop3Session *session, const char *line)
{
    if (strcmp(line, "*") == 0)
        end_auth(session, IMS_POP3_AUTH_CANCELED);
    else
        take_answer(session, line);
}

/* "AUTH" alone: today's clients ask so for the mechanisms; no source knows it of 5.5. */
static void
list_mechanisms(ImsPop3Session *session)
{
    if (!session->settings->extended) {
        ims_pop3_error(session, IMS_POP3_BAD_ARGUMENTS);
        return;
    }
    ims_pop3_reply(session, IMS_POP3_OK);
    if (ims_pop3_may_log_on(session))
        ims_conn_puts(session->conn, "LOGIN\r\nPLAIN\r\n");
    ims_conn_puts(session->conn, ".\r\n");
}

void
ims_pop3_cmd_auth(ImsPop3Session *session, char **args)
{
    gboolean extended = session->settings->extended;

    if (args[0] == NULL) {
        list_mechanisms(session);
        return;
    }
    if (g_ascii_strcasecmp(args[0], "NTLM") == 0) {
        ims_pop3_error(session, IMS_POP3_NTLM_DISABLED);
        return;
    }
    if (g_ascii_strcasecmp(args[0], "LOGIN") == 0) {
        session->mechanism = IMS_POP3_MECHANISM_LOGIN;
    } else if (g_ascii_strcasecmp(args[0], "PLAIN") == 0 && extended) {
        session->mechanism = IMS_POP3_MECHANISM_PLAIN;
    } else {
        ims_pop3_error(session, IMS_POP3_AUTH_UNKNOWN);
        return;
    }
    if (!ims_pop3_may_log_on(session)) {
        refuse_clear_text(session, NULL);
        return;
    }
    if (args[1] != NULL && !extended) {
        ims_pop3_error(session, IMS_POP3_BAD_ARGUMENTS); /* RFC 1734 has no initial response */
        return;
    }
    ims_pop3_auth_forget(session);
    session->input = IMS_POP3_INPUT_AUTH;
    if (args[1] != NULL)
        take_answer(session, strcmp(args[1], "=") == 0 ? "" : args[1]);
    else if (session->mechanism == IMS_POP3_MECHANISM_LOGIN)
        ims_conn_puts(session->conn, "+ VXNlcm5hbWU6\r\n"); /* "Username:" */
    else
        ims_conn_puts(session->conn, "+ \r\n");
}
