/* After the data: whether the client may submit under the names the message bears. */
#include "ims/notice.h"
#include "ims/smtp-private.h"
#include "ims/submission.h"

#include <string.h>

#define MAX_VALUE 500 /* octets of a header field told in a notice */

/* The field as one line of text. (transfer full) */
static char *
field_text(const guint8 *message, gsize length, const char *name)
{
    g_autofree char *raw = ims_mime_header_get(message, length, name);
    char *text;

    if (raw == NULL)
        return g_strdup("(none)");
    if (strlen(raw) > MAX_VALUE)
        raw[MAX_VALUE] = '\0';
    text = ims_mime_decode_text(raw);
    for (char *p = text; *p != '\0'; p++)
        if (g_ascii_iscntrl(*p))
            *p = ' ';
    return text;
}

/* what the notice tells. */
static void
send_notice(ImsSmtpSession *session, const guint8 *message, gsize length)
{
    char client[IMS_ADDRESS_STRLEN], name[IMS_ADDRESS_STRLEN];
    g_autofree char *to = field_text(message, length, "To");
    g_autofree char *from = field_text(message, length, "From");
    g_autofree char *subject = field_text(message, length, "Subject");
    g_autofree char *text = g_strdup_printf(
        "A message was refused: its originator is not the account that submitted it.\r\n\r\n"
        "To: %s\r\nFrom: %s\r\nSubject: %s\r\nSubmitting host: %s (%s)\r\nAccount: %s\r\n",
        to, from, subject, ims_smtp_client_name(session, name),
        ims_address_format(&session->peer, client), session->account);

    ims_notice_send(session->service, "Message refused: originator does not match the account",
                    text);
}

gboolean
ims_smtp_may_submit(ImsSmtpSession *session, const ImsSmtpTransaction *transaction, GBytes *message,
                    ImsSmtpReply *reply_out)
{
    const ImsConfig *config = session->config;
    ImsSubmissionQuery query = {
        .only_if_homed = config->submit_only_if_homed,
        .only_if_sender_matches = config->submit_only_if_sender_matches,
        .table = transaction->table,
        .account = session->account,
        .sender = transaction->sender,
        .site_domain = config->site_domain,
    };
    gsize length;
    const guint8 *bytes = g_bytes_get_data(message, &length);

    /* a relay server carries other people's mail. */
    if (session->door.relay_server)
        return TRUE;
    switch (ims_submission_decide(&query, bytes, length)) {
    case IMS_SUBMISSION_OK:
        return TRUE;
    case IMS_SUBMISSION_NOT_HOMED:
        *reply_out = IMS_SMTP_NOT_HOMED;
        return FALSE;
    case IMS_SUBMISSION_MISMATCH:
        break;
    }
    send_notice(session, bytes, length);
    *reply_out = IMS_SMTP_NOT_THE_ACCOUNT;
    return FALSE;
}
