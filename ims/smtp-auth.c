#include "directory/logon-log.h"
#include "directory/sasl.h"
#include "ims/smtp-private.h"
#include <string.h>

static void
wipe(char **text)
{
    if (*text != NULL)
        explicit_bzero(*text, strlen(*text));
    g_clear_pointer(text, g_free);
}

void
ims_smtp_auth_forget(ImsSmtpSession *session)
{
    wipe(&session->auth_name);
}

gboolean
ims_smtp_may_log_on(const ImsSmtpSession *session)
{
    const ImsConnInfo *info = ims_conn_info(session->conn);

    return info->tls || info->clear_text_logon;
}

/* The dialogue ends with a refusal. */
static void
refuse(ImsSmtpSession *session, ImsSmtpReply reply)
{
    ims_smtp_auth_forget(session);
    ims_smtp_set_input(session, IMS_SMTP_INPUT_COMMAND);
    ims_smtp_reply(session, reply);
}

/* The account was removed, disabled or got another password: what it was let in for ends. A message
 * on its way into the store keeps its reply. */
static void
account_dropped(gpointer data)
{
    ImsSmtpSession *session = data;

    session->account_dropped = TRUE;
    ims_smtp_after_command(session);
}

/* (nullable): why the client is not let in after all. */
static const char *
enter(ImsSmtpSession *session, const ImsLogonResult *result)
{
    const ImsService *service = session->service;

    if (session->conn == NULL)
        return "the client is gone";
    if (service->sessions != NULL) {
        session->account_session = ims_account_sessions_enter(service->sessions, result->account,
                                                              service->config->max_sessions_account,
                                                              account_dropped, session);
        if (session->account_session == NULL)
            return "too many sessions";
    }
    /* AUTH counts for the verdict from here on. */
    session->account = g_strdup(result->account);
    return NULL;
}

/* the failed logon counts, where the build and the profile show that to this client. */
static gboolean
falls_back_to_guest(ImsSmtpSession *session, const ImsLogonResult *result)
{
    const ImsRelayQuery query = {.client = session->peer, .local = session->local};

    session->guest =
        result->guest && ims_relay_shows_to(&session->config->policy, &query, IMS_DIFFERENCE_GUEST);
    return session->guest;
}

static void
logged_on(const ImsLogonResult *result, gpointer data)
{
    ImsSmtpSession *session = data;
    const char *refused = result->status == IMS_LOGON_OK ? enter(session, result) : NULL;

    ims_logon_log(session->service->log, session->id, "smtp", session->auth_name, &session->peer,
                  result, refused);
    ims_smtp_auth_forget(session);
    if (refused != NULL)
        ims_smtp_reply(session, IMS_SMTP_AUTH_TOO_MANY);
    else if (result->status == IMS_LOGON_OK || falls_back_to_guest(session, result))
        ims_smtp_reply(session, session->mechanism == IMS_SMTP_MECHANISM_PLAIN
                                    ? IMS_SMTP_AUTH_PLAIN_OK
                                    : IMS_SMTP_AUTH_LOGIN_OK);
    else if (result->status == IMS_LOGON_UNAVAILABLE)
        ims_smtp_reply(session, IMS_SMTP_AUTH_UNAVAILABLE);
    else
        ims_smtp_reply(session, IMS_SMTP_AUTH_FAILED);
    ims_smtp_go_on(session);
    ims_smtp_session_unref(session);
}

/* @name is kept for the log. */
static void
log_on(ImsSmtpSession *session, const char *name, const char *password)
{
    if (session->auth_name != name) {
        ims_smtp_auth_forget(session);
        session->auth_name = g_strdup(name);
    }
    ims_smtp_set_input(session, IMS_SMTP_INPUT_COMMAND);
    ims_smtp_wait(session);
    ims_directory_logon(session->service->directory, &session->peer, name, password, FALSE,
                        logged_on, ims_smtp_session_ref(session));
}

static void
take_plain(ImsSmtpSession *session, const char *answer, gsize length)
{
    const char *name, *password;

    if (ims_sasl_split_plain(answer, length, &name, &password) != IMS_SASL_PLAIN_OK)
        refuse(session, IMS_SMTP_AUTH_FAILED);
    else
        log_on(session, name, password);
}

static void
take_login(ImsSmtpSession *session, const char *answer, gsize length)
{
    if (memchr(answer, '\0', length) != NULL) {
        refuse(session, IMS_SMTP_AUTH_FAILED);
    } else if (session->auth_name != NULL) {
        log_on(session, session->auth_name, answer);
    } else {
        session->auth_name = g_strdup(answer);
        ims_smtp_set_input(session, IMS_SMTP_INPUT_AUTH);
        ims_smtp_reply(session, IMS_SMTP_AUTH_PASSWORD);
    }
}

static void
take_answer(ImsSmtpSession *session, const char *text)
{
    gsize length = 0;
    char *answer = ims_sasl_decode(text, &length);

    if (answer == NULL)
        refuse(session, IMS_SMTP_AUTH_BAD_BASE64);
    else if (session->mechanism == IMS_SMTP_MECHANISM_PLAIN)
        take_plain(session, answer, length);
    else
        take_login(session, answer, length);
    ims_sasl_free(answer, length);
}

void
ims_smtp_auth_line(ImsSmtpSession *session, const char *line)
{
    if (strcmp(line, "*") == 0)
        refuse(session, IMS_SMTP_AUTH_CANCELLED);
    else
        take_answer(session, line);
}

void
ims_smtp_cmd_auth(ImsSmtpSession *session, const char *args)
{
    gsize length = strcspn(args, " \t");
    const char *initial = args + length + strspn(args + length, " \t");

    if (session->config->disable_auth) {
        ims_smtp_reply(session, IMS_SMTP_NOT_IMPLEMENTED);
        return;
    }
    if (session->account != NULL) {
        ims_smtp_reply(session, IMS_SMTP_ALREADY_AUTHENTICATED);
        return;
    }
    if (length == 5 && g_ascii_strncasecmp(args, "LOGIN", length) == 0) {
        session->mechanism = IMS_SMTP_MECHANISM_LOGIN;
    } else if (length == 5 && g_ascii_strncasecmp(args, "PLAIN", length) == 0) {
        session->mechanism = IMS_SMTP_MECHANISM_PLAIN;
    } else {
        ims_smtp_reply(session, length == 0 ? IMS_SMTP_SYNTAX : IMS_SMTP_UNKNOWN_MECHANISM);
        return;
    }
    if (!ims_smtp_may_log_on(session) || ((session->door.security & IMS_SECURITY_ENCRYPTION) != 0 &&
                                          !ims_conn_info(session->conn)->tls)) {
        ims_logon_log_clear_text(session->service->log, session->id, "smtp", NULL, &session->peer);
        ims_smtp_reply(session, IMS_SMTP_AUTH_NEEDS_TLS);
        return;
    }
    ims_smtp_auth_forget(session);
    if (*initial != '\0') {
        take_answer(session, strcmp(initial, "=") == 0 ? "" : initial); /* RFC 4954 4 */
        return;
    }
    ims_smtp_set_input(session, IMS_SMTP_INPUT_AUTH);
    ims_smtp_reply(session, session->mechanism == IMS_SMTP_MECHANISM_LOGIN ? IMS_SMTP_AUTH_USER
                                                                           : IMS_SMTP_AUTH_EMPTY);
}
