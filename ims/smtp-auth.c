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

/* Strict base64: GLib's own decoder passes over what it does not know. (nullable) (transfer full):
 * wipe it */
static guint8 *
decode_base64(const char *text, gsize *length_out)
{
    gsize length = strlen(text), padding = 0;

    if (length % 4 != 0)
        return NULL;
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    for (gsize i = 0; i < length - padding; i++)
        if (!g_ascii_isalnum(text[i]) && text[i] != '+' && text[i] != '/')
            return NULL;
    if (length == 0) {
        *length_out = 0;
        return g_malloc0(1);
    }
    return g_base64_decode(text, length_out);
}

static void
log_logon(const ImsSmtpSession *session, const char *name, const ImsLogonResult *result)
{
    char client[IMS_ADDRESS_STRLEN];

    ims_log_event(session->service->log, session->id, "logon", "protocol", "smtp", "result",
                  result->status == IMS_LOGON_OK ? "ok" : "failed", "name", name, "account",
                  result->account, "detail", result->detail, "client",
                  ims_address_format(&session->peer, client), NULL);
}

static void
logged_on(const ImsLogonResult *result, gpointer data)
{
    ImsSmtpSession *session = data;

    log_logon(session, session->auth_name, result);
    ims_smtp_auth_forget(session);
    if (result->status == IMS_LOGON_OK) {
        /* AUTH counts for the verdict from here on. */
        g_free(session->account);
        session->account = g_strdup(result->account);
        ims_smtp_reply(session, session->mechanism == IMS_SMTP_MECHANISM_PLAIN
                                    ? IMS_SMTP_AUTH_PLAIN_OK
                                    : IMS_SMTP_AUTH_LOGIN_OK);
    } else if (result->status == IMS_LOGON_UNAVAILABLE) {
        ims_smtp_reply(session, IMS_SMTP_AUTH_UNAVAILABLE);
    } else {
        ims_smtp_reply(session, IMS_SMTP_AUTH_FAILED);
    }
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

/* authorization NUL name NUL password (RFC 4616). Who one acts as must be who one is. */
static void
take_plain(ImsSmtpSession *session, const guint8 *bytes, gsize length)
{
    const guint8 *end = bytes + length;
    const guint8 *name = memchr(bytes, '\0', length), *password;

    if (name == NULL || (password = memchr(name + 1, '\0', (gsize)(end - name - 1))) == NULL ||
        memchr(password + 1, '\0', (gsize)(end - password - 1)) != NULL) {
        refuse(session, IMS_SMTP_AUTH_FAILED);
        return;
    }
    if (*bytes != '\0' && g_ascii_strcasecmp((const char *)bytes, (const char *)name + 1) != 0) {
        refuse(session, IMS_SMTP_AUTH_FAILED);
        return;
    }
    log_on(session, (const char *)name + 1, (const char *)password + 1);
}

static void
take_login(ImsSmtpSession *session, const guint8 *bytes, gsize length)
{
    if (memchr(bytes, '\0', length) != NULL) {
        refuse(session, IMS_SMTP_AUTH_FAILED);
        return;
    }
    if (session->auth_name != NULL) {
        log_on(session, session->auth_name, (const char *)bytes);
        return;
    }
    session->auth_name = g_strndup((const char *)bytes, length);
    ims_smtp_set_input(session, IMS_SMTP_INPUT_AUTH);
    ims_smtp_reply(session, IMS_SMTP_AUTH_PASSWORD);
}

static void
take_answer(ImsSmtpSession *session, const char *text)
{
    gsize length = 0;
    guint8 *decoded = decode_base64(text, &length);
    guint8 *bytes;

    if (decoded == NULL) {
        refuse(session, IMS_SMTP_AUTH_BAD_BASE64);
        return;
    }
    /* Ends in a NUL that is not counted, so that its last part is a string. */
    bytes = g_malloc(length + 1);
    if (length > 0)
        memcpy(bytes, decoded, length);
    bytes[length] = '\0';
    explicit_bzero(decoded, length);
    g_free(decoded);
    if (session->mechanism == IMS_SMTP_MECHANISM_PLAIN)
        take_plain(session, bytes, length);
    else
        take_login(session, bytes, length);
    explicit_bzero(bytes, length);
    g_free(bytes);
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
    if (!ims_smtp_may_log_on(session)) {
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
