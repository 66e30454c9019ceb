/*
 * The non-delivery report: text, headers and layout of the IMS of 5.5 (S-191 to S-214), taken from
 * reports that were really sent.
 */
#define _GNU_SOURCE /* memmem */
#include "ims/report-private.h"

#include "ims/personality.h"
#include "ims/submit-private.h"

#include <string.h>

/* Microseconds between 1601 and 1970: a FILETIME counts from there, ten a microsecond. */
#define FILETIME_EPOCH_USEC G_GINT64_CONSTANT(11644473600000000)
#define MAX_SUBJECT 900 /* octets of the original's that go into a header line of at most 998 */

/* ---- may there be one ---- */

/* RFC 3461: a set NOTIFY without FAILURE wants no report. */
static gboolean
wants_report(const ImsQueueRecipient *row)
{
    return row->notify == IMS_NOTIFY_DEFAULT ||
           ((row->notify & IMS_NOTIFY_FAILURE) != 0 && (row->notify & IMS_NOTIFY_NEVER) == 0);
}

/* S-224: what bears the mark in its own header and the subject of a report is one, whoever sent it
 * on. */
static gboolean
is_report(const guint8 *header, gsize length)
{
    g_autofree char *mark = ims_mime_header_get(header, length, "X-MS-Embedded-Report");
    g_autofree char *subject = ims_mime_header_get(header, length, "Subject");

    return mark != NULL && subject != NULL &&
           g_ascii_strncasecmp(subject, "Undeliverable: ", 15) == 0;
}

/* Since 4.0 SP2 none was made about what a list had sent (W-126). Today the manager of the list
 * wants to know: its envelope sender is made for that. */
static gboolean
is_bulk(const ImsConfig *config, const guint8 *header, gsize length)
{
    g_autofree char *precedence = NULL;

    if (!config->faithful)
        return FALSE;
    precedence = ims_mime_header_get(header, length, "Precedence");
    return precedence != NULL && (g_ascii_strcasecmp(precedence, "bulk") == 0 ||
                                  g_ascii_strcasecmp(precedence, "junk") == 0);
}

static gsize
header_length(const guint8 *data, gsize length)
{
    const guint8 *p = data, *end = data + length;

    while (p < end) {
        const guint8 *lf = memchr(p, '\n', (gsize)(end - p));

        if (lf == NULL)
            return length;
        if (lf == p || (lf == p + 1 && *p == '\r'))
            return (gsize)(lf + 1 - data);
        p = lf + 1;
    }
    return length;
}

/* ---- the parts of the message ---- */

/* W 3.1: the FILETIME of the moment; counted on where the original holds that very line, by
 * whatever chance. */
static char *
make_boundary(gint64 wall_usec, GBytes *original)
{
    guint64 filetime = ((guint64)(wall_usec + FILETIME_EPOCH_USEC)) * 10;
    gsize length;
    const guint8 *data = g_bytes_get_data(original, &length);

    for (;; filetime++) {
        g_autofree char *boundary =
            g_strdup_printf("----_=_NextPart_000_%08X.%08X", (guint32)(filetime >> 32),
                            (guint32)(filetime & 0xffffffffu));

        if (length == 0 || memmem(data, length, boundary, strlen(boundary)) == NULL)
            return g_steal_pointer(&boundary);
    }
}

/* "Internet Mail Service (5.5.2653.19)" as the Received line of the same build has it. (transfer
 * full) */
static char *
mailer_name(const ImsConfig *config)
{
    g_autofree char *line = ims_received_out(config, "", 0);
    const char *start = strstr(line, "Internet Mail Service (");
    const char *end = start != NULL ? strchr(start, ')') : NULL;

    return end != NULL ? g_strndup(start, (gsize)(end + 1 - start))
                       : g_strdup("Internet Mail Service");
}

static gboolean
has_eight_bit(const guint8 *data, gsize length)
{
    guint8 any = 0;

    for (gsize i = 0; i < length; i++)
        any |= data[i];
    return (any & 0x80) != 0;
}

/* The raw subject, cut where a header line could not hold it, not within a character. (transfer
 * full) */
static char *
report_subject(const char *original)
{
    gsize length = original != NULL ? strlen(original) : 0;

    if (length > MAX_SUBJECT) {
        length = MAX_SUBJECT;
        while (length > 0 && ((guint8)original[length] & 0xc0) == 0x80)
            length--;
    }
    return g_strdup_printf("Undeliverable: %.*s", (int)length, original != NULL ? original : "");
}

static void
append_header(GString *out, ImsService *service, const char *sender, const char *subject,
              gint64 wall_usec)
{
    const ImsConfig *config = service->config;
    g_autofree char *spool_id = ims_spool_id_new(service->world);
    g_autofree char *received = ims_received_out(config, spool_id, wall_usec);
    g_autofree char *message_id = ims_message_id_new(service->world, config);
    g_autofree char *date = ims_rfc822_date(wall_usec);
    g_autofree char *mailer = mailer_name(config);

    /* S-192, W 3: this order */
    g_string_append_printf(out,
                           "%sMessage-ID: %s\r\nFrom: System Administrator <postmaster@%s>\r\n"
                           "To: %s\r\nSubject: %s\r\nDate: %s\r\nMIME-Version: 1.0\r\n"
                           "X-Mailer: %s\r\nX-MS-Embedded-Report: \r\n",
                           received, message_id, config->site_domain, sender, subject, date,
                           mailer);
}

/* RET=HDRS (RFC 3461), which 5.5 took and ignored (S-471). */
static gboolean
wants_header_only(const ImsConfig *config, const ImsQueueMessage *message)
{
    return message->ret == IMS_RET_HDRS && !config->faithful;
}

/*
 * The original whole, or its header. The faithful profile marks the returned message
 * as well (S-195); else it stays as it came, to the octet.
 */
static void
append_original(GString *out, const ImsConfig *config, const ImsQueueMessage *message,
                GBytes *original)
{
    gsize length;
    const char *data = g_bytes_get_data(original, &length);
    gsize header = header_length((const guint8 *)data, length);
    gboolean only_header = wants_header_only(config, message);

    g_string_append_printf(out, "Content-Type: %s\r\n",
                           only_header ? "text/rfc822-headers" : "message/rfc822");
    if (has_eight_bit((const guint8 *)data, only_header ? header : length))
        g_string_append(out, "Content-Transfer-Encoding: 8bit\r\n");
    g_string_append(out, "\r\n");
    if (only_header) {
        g_string_append_len(out, data, (gssize)header);
        return;
    }
    if (config->faithful)
        g_string_append(out, "X-MS-Embedded-Report: \r\n");
    g_string_append_len(out, data, (gssize)length);
}

static GBytes *
make_body(ImsService *service, const ImsQueueMessage *message, const GPtrArray *failed,
          GBytes *original, gint64 wall_usec)
{
    gsize length;
    const guint8 *data = g_bytes_get_data(original, &length);
    gsize header = header_length(data, length);
    g_autofree char *subject = ims_mime_header_get(data, header, "Subject");
    g_autofree char *own_subject = report_subject(subject);
    g_autofree char *boundary = make_boundary(wall_usec, original);
    g_autofree char *text = ims_report_text(service, message, failed, data, header, wall_usec);
    GString *out = g_string_sized_new(length + strlen(text) + 2048);

    append_header(out, service, message->sender, own_subject, wall_usec);
    g_string_append_printf(out, "Content-Type: multipart/mixed;\r\n\tboundary=\"%s\"\r\n",
                           boundary);
    if (has_eight_bit(data, wants_header_only(service->config, message) ? header : length))
        g_string_append(out, "Content-Transfer-Encoding: 8bit\r\n");
    g_string_append_printf(
        out,
        "\r\nThis message is in MIME format. Since your mail reader does not understand\r\n"
        "this format, some or all of this message may not be legible.\r\n\r\n--%s\r\n",
        boundary);
    ims_report_append_text_part(out, text);
    g_string_append_printf(out, "\r\n--%s\r\n", boundary);
    append_original(out, service->config, message, original);
    g_string_append_printf(out, "\r\n--%s--\r\n", boundary);
    return g_string_free_to_bytes(out);
}

/* ---- the delivery ---- */

static ImsDeliverOp *
address_report(ImsService *service, const char *sender)
{
    ImsDeliverOp *op = (ImsDeliverOp *)ims_store_op_new(IMS_OP_DELIVER, NULL, NULL);
    g_autoptr(ImsRecipientTable) table = ims_directory_table(service->directory);
    g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *address = NULL;
    ImsSubmitRecipient recipient = {.notify = IMS_NOTIFY_NEVER};

    recipient.kind = ims_submit_judge(service, table, sender, &address);
    recipient.address = address;
    if (op->targets == NULL)
        op->targets = ims_deliver_targets_new();
    ims_submit_targets(service, table, &recipient, op, unknown);
    if (op->targets->len != 0 || op->queue != NULL)
        return op;
    ims_store_op_free(&op->op);
    return NULL;
}

static void
fill_queue(ImsService *service, ImsDeliverOp *op, gint64 wall_usec)
{
    ImsQueueMessage *queue = op->queue;
    gsize length;
    const guint8 *data = g_bytes_get_data(op->body, &length);

    g_free(queue->sender);
    queue->sender = g_strdup(""); /* S-191 */
    queue->eight_bit = has_eight_bit(data, length);
    queue->accepted_usec = wall_usec;
    queue->expires_usec = wall_usec + (gint64)service->config->expiry_sec * G_USEC_PER_SEC;
    ims_queue_wait_for_etrn(service->config, queue);
    queue->size = length;
    queue->session = g_strdup("report");
    queue->subject = g_strdup(op->summary->subject);
}

static gint16
local_zone_min(gint64 wall_usec)
{
    g_autoptr(GDateTime) local = g_date_time_new_from_unix_local(wall_usec / G_USEC_PER_SEC);

    return local != NULL ? (gint16)(g_date_time_get_utc_offset(local) / (60 * G_USEC_PER_SEC)) : 0;
}

static void
log_report(ImsService *service, const ImsQueueMessage *message, const char *result, guint failed)
{
    char recipients[16], id[24];

    g_snprintf(recipients, sizeof recipients, "%u", failed);
    g_snprintf(id, sizeof id, "%" G_GUINT64_FORMAT, message->id);
    ims_log_event(service->log, 0, "report", "message", message->id != 0 ? id : NULL, "result",
                  result, "to", message->sender, "recipients", recipients, NULL);
}

/* One line for each recipient that the report is about. */
static void
log_recipients(ImsService *service, const ImsQueueMessage *message, const GPtrArray *failed)
{
    for (guint i = 0; i < failed->len; i++) {
        const ImsQueueRecipient *row = g_ptr_array_index(failed, i);
        g_autofree char *about = ims_report_shown_address(row);
        g_autofree char *code = ims_report_detail(service, row);

        ims_log_event(service->log, 0, "report-recipient", "to", message->sender, "about", about,
                      "code", code, NULL);
    }
}

ImsDeliverOp *
ims_report_new(ImsService *service, const ImsQueueMessage *message, GBytes *original)
{
    gint64 wall_usec = ims_world_wall_usec(service->world);
    g_autoptr(GPtrArray) failed = g_ptr_array_new();
    gsize length;
    const guint8 *data = g_bytes_get_data(original, &length);
    ImsDeliverOp *op;

    for (guint i = 0; message->recipients != NULL && i < message->recipients->len; i++) {
        ImsQueueRecipient *row = g_ptr_array_index(message->recipients, i);

        if (wants_report(row))
            g_ptr_array_add(failed, row);
    }
    if (failed->len == 0)
        return NULL;
    if (message->sender == NULL || *message->sender == '\0' ||
        is_report(data, header_length(data, length))) {
        log_report(service, message, "dropped: about a report", failed->len);
        return NULL;
    }
    if (is_bulk(service->config, data, header_length(data, length))) {
        log_report(service, message, "dropped: about a message to many", failed->len);
        return NULL;
    }
    op = address_report(service, message->sender);
    if (op == NULL) {
        log_report(service, message, "dropped: sender is not there", failed->len);
        return NULL;
    }
    op->body = make_body(service, message, failed, original, wall_usec);
    op->summary = ims_mime_summarize(op->body, &service->config->mime_limits);
    op->internal_date_usec = wall_usec;
    op->internal_zone_min = local_zone_min(wall_usec);
    if (op->queue != NULL)
        fill_queue(service, op, wall_usec);
    log_report(service, message, "made", failed->len);
    log_recipients(service, message, failed);
    return op;
}
