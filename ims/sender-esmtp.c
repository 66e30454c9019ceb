/* Sending by libesmtp, which is synchronous: on a thread of its own, with what it does not do done
 * around it. */
#include <openssl/ssl.h>

#include <libesmtp.h>
#include <string.h>

#include "ims/sender-private.h"

typedef struct {
    ImsSendRun *run;
    gboolean got_to_mail; /* some MAIL was answered */
    gboolean not_8bit;    /* 8BITMIME was wanted and is not offered */
} Esmtp;

/* What the library reads the message by. */
typedef struct {
    guint index;
    GBytes *body;
    gboolean given;
} Source;

static const char *
read_source(void **context, int *length, void *data)
{
    Source *source = data;
    gsize size = 0;
    const char *text = g_bytes_get_data(source->body, &size);

    if (length == NULL) {
        source->given = FALSE;
        return NULL;
    }
    *length = source->given ? 0 : (int)size;
    source->given = TRUE;
    return text;
}

/* "5.1.1 text": it takes the enhanced code off. */
static char *
reply_text(const smtp_status_t *status)
{
    const char *text = status->text != NULL ? status->text : "";

    if (status->enh_class == 0)
        return g_strdup(text);
    return g_strdup_printf("%d.%d.%d %s", status->enh_class, status->enh_subject,
                           status->enh_detail, text);
}

static void
set_recipient(smtp_recipient_t handle, const smtp_status_t *message_status)
{
    ImsSendRecipient *recipient = smtp_recipient_get_application_data(handle);
    const smtp_status_t *own = smtp_recipient_status(handle);
    g_autofree char *text = NULL;
    int code;

    if (own != NULL && own->code / 100 != 2 && own->code != 0) {
        text = reply_text(own);
        /* 552 here means "too many": later, not never (RFC 5321 4.5.3.1.10; S-175). */
        code = own->code == 552 ? 452 : own->code;
    } else {
        text = reply_text(message_status);
        code = message_status->code;
    }
    ims_send_run_set_by_code(recipient, code, text);
}

static void
set_each(smtp_recipient_t handle, const char *mailbox, void *message_status)
{
    set_recipient(handle, message_status);
}

/* MAIL was refused: no recipient was asked. */
static void
set_each_alike(smtp_recipient_t handle, const char *mailbox, void *status)
{
    g_autofree char *text = reply_text(status);

    ims_send_run_set_by_code(smtp_recipient_get_application_data(handle),
                             ((const smtp_status_t *)status)->code, text);
}

static void
tell_outcome(Esmtp *esmtp, smtp_message_t message, const smtp_status_t *status,
             smtp_enumerate_recipientcb_t set)
{
    const Source *source = smtp_message_get_application_data(message);

    smtp_enumerate_recipients(message, set, (void *)status);
    /* It cannot be stopped between two messages: whoever stops waits for all it was given. */
    ims_send_run_outcome(esmtp->run, source->index);
}

static void
mail_answered(Esmtp *esmtp, smtp_message_t message)
{
    const smtp_status_t *status = smtp_reverse_path_status(message);

    esmtp->got_to_mail = TRUE;
    if (status->code / 100 != 2)
        tell_outcome(esmtp, message, status, set_each_alike);
}

static void
take_event(smtp_session_t session, int event, void *data, ...)
{
    Esmtp *esmtp = data;
    va_list arguments;

    va_start(arguments, data);
    switch (event) {
    case SMTP_EV_CONNECT:
        esmtp->run->connected = TRUE;
        break;
    case SMTP_EV_MAILSTATUS:
        (void)va_arg(arguments, const char *);
        mail_answered(esmtp, va_arg(arguments, smtp_message_t));
        break;
    case SMTP_EV_MESSAGESENT: {
        smtp_message_t message = va_arg(arguments, smtp_message_t);

        tell_outcome(esmtp, message, smtp_message_transfer_status(message), set_each);
        break;
    }
    case SMTP_EV_EXTNA_8BITMIME:
        esmtp->not_8bit = TRUE;
        break;
    /* Opportunistic: encryption without knowing to whom is better than none (RFC 7435). */
    case SMTP_EV_INVALID_PEER_CERTIFICATE:
        (void)va_arg(arguments, long);
        *va_arg(arguments, int *) = 1;
        break;
    case SMTP_EV_NO_PEER_CERTIFICATE:
    case SMTP_EV_WRONG_PEER_CERTIFICATE:
        *va_arg(arguments, int *) = 1;
        break;
    default:
        break;
    }
    va_end(arguments);
}

static enum notify_flags
notify_of(ImsNotify notify)
{
    int flags = Notify_NOTSET;

    if ((notify & IMS_NOTIFY_NEVER) != 0)
        return Notify_NEVER;
    if ((notify & IMS_NOTIFY_SUCCESS) != 0)
        flags |= Notify_SUCCESS;
    if ((notify & IMS_NOTIFY_FAILURE) != 0)
        flags |= Notify_FAILURE;
    if ((notify & IMS_NOTIFY_DELAY) != 0)
        flags |= Notify_DELAY;
    return (enum notify_flags)flags;
}

/* It encodes xtext itself, so it gets it decoded. */
static gboolean
add_recipient(smtp_message_t message, ImsSendRecipient *recipient)
{
    smtp_recipient_t handle = smtp_add_recipient(message, recipient->address);

    if (handle == NULL)
        return FALSE;
    smtp_recipient_set_application_data_release(handle, recipient, NULL);
    if (recipient->notify != IMS_NOTIFY_DEFAULT)
        smtp_dsn_set_notify(handle, notify_of(recipient->notify));
    if (recipient->orcpt != NULL) {
        const char *semicolon = strchr(recipient->orcpt, ';');
        g_autofree char *type = g_strndup(recipient->orcpt, semicolon - recipient->orcpt);
        g_autofree char *address = ims_send_decode_xtext(semicolon + 1);

        smtp_dsn_set_orcpt(handle, type, address);
    }
    return TRUE;
}

static gboolean
add_message(smtp_session_t session, const ImsSendMessage *message, Source *source)
{
    smtp_message_t handle = smtp_add_message(session);

    if (handle == NULL)
        return FALSE;
    smtp_message_set_application_data_release(handle, source, NULL);
    if (*message->mail_from != '\0' && !smtp_set_reverse_path(handle, message->mail_from))
        return FALSE;
    if (!smtp_set_messagecb(handle, read_source, source))
        return FALSE;
    smtp_size_set_estimate(handle, g_bytes_get_size(message->body));
    if (message->eight_bit)
        smtp_8bitmime_set_body(handle, E8bitmime_8BITMIME);
    if (message->ret != IMS_RET_DEFAULT)
        smtp_dsn_set_ret(handle, message->ret == IMS_RET_FULL ? Ret_FULL : Ret_HDRS);
    if (message->envid != NULL) {
        g_autofree char *envid = ims_send_decode_xtext(message->envid);

        smtp_dsn_set_envid(handle, envid);
    }
    for (guint i = 0; i < message->recipients->len; i++) {
        if (!add_recipient(handle, message->recipients->pdata[i]))
            return FALSE;
    }
    return TRUE;
}

static void
set_timeouts(smtp_session_t session, guint timeout_sec)
{
    static const int which[] = {Timeout_GREETING, Timeout_ENVELOPE, Timeout_DATA, Timeout_TRANSFER,
                                Timeout_DATA2};

    for (guint i = 0; i < G_N_ELEMENTS(which); i++)
        smtp_set_timeout(session, which[i] | Timeout_OVERRIDE_RFC2822_MINIMUM,
                         (long)timeout_sec * 1000);
}

static gboolean
fill_session(smtp_session_t session, ImsSendRun *run, Source *sources, Esmtp *esmtp)
{
    ImsSendJob *job = run->job;
    char address[IMS_ADDRESS_STRLEN];
    g_autofree char *server =
        g_strdup_printf("%s:%u", ims_address_format(&job->address, address), (guint)job->port);

    if (!smtp_set_server(session, server) || !smtp_set_hostname(session, job->helo) ||
        !smtp_set_eventcb(session, take_event, esmtp))
        return FALSE;
    smtp_starttls_enable(session, job->tls == IMS_TLS_NEVER      ? Starttls_DISABLED
                                  : job->tls == IMS_TLS_REQUIRED ? Starttls_REQUIRED
                                                                 : Starttls_ENABLED);
    smtp_starttls_set_ctx(session, run->tls_esmtp);
    set_timeouts(session, job->command_timeout_sec);
    for (guint i = 0; i < job->messages->len; i++) {
        sources[i] =
            (Source){.index = i, .body = ((ImsSendMessage *)job->messages->pdata[i])->body};
        if (!run->done[i] && !add_message(session, job->messages->pdata[i], &sources[i]))
            return FALSE;
    }
    return TRUE;
}

gboolean
ims_send_run_esmtp(ImsSendRun *run)
{
    Esmtp esmtp = {.run = run};
    g_autofree Source *sources = g_new0(Source, run->job->messages->len);
    smtp_session_t session = smtp_create_session();
    gboolean is_over = TRUE;

    if (session != NULL && fill_session(session, run, sources, &esmtp)) {
        if (!smtp_start_session(session) || run->n_done < run->job->messages->len) {
            char text[256] = "";

            smtp_strerror(smtp_errno(), text, sizeof text);
            ims_send_run_set_error(run, "libesmtp: %s", text);
        }
        is_over = !run->connected || (esmtp.got_to_mail && !esmtp.not_8bit);
    } else {
        is_over = FALSE;
    }
    if (session != NULL)
        smtp_destroy_session(session);
    return is_over;
}
