/* The text part of a report: what did not arrive, and the code line behind each name (S-197 to
 * S-216). */
#include "ims/report-private.h"

#include "ims/personality.h"
#include "ims/submit-private.h"

#include <string.h>

#define WRAP_COLUMN 76
#define MAX_VALUE 800 /* octets of a value that are told: no line may reach 998 */

/* ---- why: number, hex word, reason, detail ---- */

typedef struct {
    int number;
    const char *hex, *reason;
    const char *detail; /* NULL: the other host's reply */
} Reason;

#define NOT_RECOGNIZED "The recipient name is not recognized"
#define COMMUNICATIONS "Unable to deliver the message due to a communications failure"

#define TOO_MANY_HOPS 3 /* in own_reasons */

/* Found by the IMS itself; looked up by the reply that whoever found it wrote into the row. The
 * first: none of them. */
static const Reason own_reasons[] = {
    {0, "000C05A6", NOT_RECOGNIZED,                                                   "Unknown Recipient"     }, /* S-202 */
    {0, "000C0595", "The recipient name is ambiguous.",                               "Ambiguous Recipient"   }, /* S-204 */
    {0, "000D06B5", COMMUNICATIONS,                                                   "No proxy for Recipient"}, /* S-205 */
    {0, "00120270", COMMUNICATIONS,                                                   "Too Many Hops"         }, /* S-206; reason inferred */
    {0, "00010256", COMMUNICATIONS,                                                   "Too many recipients."  }, /* S-207; reason inferred */
  /* D-068; number and hex word inferred */
    {0, "000C05A6", "A restriction in the system prevented delivery of the message.",
     "Delivery restricted"                                                                                    },
};

static const Reason host_unknown = {3902, "000B099C", COMMUNICATIONS, "Host Unknown"}; /* S-210 */
/* S-215 names the text alone; number and hex word are those of the other failure to reach a host
 * (S-216). */
static const Reason host_unreachable = {3902, "000B099C", COMMUNICATIONS, "Host unreachable"};
static const Reason too_large = {3903, "000B099C",
                                 "A syntax error was detected in the content of the message",
                                 "Message exceeds size limit."}; /* S-211 */

/* S-201, S-212 to S-214: 3000 and the other host's code, whose reply is quoted. First match; pairs
 * partly inferred. */
static const struct {
    int from, to;
    const char *word; /* in the reply (nullable) */
    const char *hex, *reason;
} remote_reasons[] = {
    {400, 499,  NULL,    "000B09B6", COMMUNICATIONS                                     },
    {500, 504,  NULL,    "000B0981",
     "One or more mandatory argument(s) were missing from the recipient"                },
    {552, 552,  NULL,    "000B09AA",
     "The content length of the message is too long for the recipient to take delivery."},
    {500, 599,  "relay", "000B09AA", NOT_RECOGNIZED                                     },
    {550, 559,  NULL,    "000B09B6", NOT_RECOGNIZED                                     },
    {0,   9999, NULL,    "000B09B6", COMMUNICATIONS                                     },
};

static gboolean
holds_word(const char *text, const char *word)
{
    g_autofree char *lower = g_ascii_strdown(text, -1);

    return strstr(lower, word) != NULL;
}

static Reason
remote_reason(const ImsQueueRecipient *row, const char *reply)
{
    guint i = 0;

    while (row->code < remote_reasons[i].from || row->code > remote_reasons[i].to ||
           (remote_reasons[i].word != NULL && !holds_word(reply, remote_reasons[i].word)))
        i++;
    return (Reason){3000 + row->code, remote_reasons[i].hex, remote_reasons[i].reason, NULL};
}

/* A row that was never in the queue failed here. */
static gboolean
is_own_finding(const ImsQueueRecipient *row)
{
    return row->id == 0 && row->attempts == 0;
}

static Reason
find_reason(const ImsRecipientTable *table, const ImsQueueRecipient *row)
{
    const char *reply = row->reply != NULL ? row->reply : "";

    if (is_own_finding(row)) {
        if (ims_submit_is_ambiguous(table, row->address))
            return own_reasons[1];
        for (guint i = 0; i < G_N_ELEMENTS(own_reasons); i++) {
            if (g_ascii_strcasecmp(reply, own_reasons[i].detail) == 0)
                return own_reasons[i];
        }
        return own_reasons[0];
    }
    if (g_ascii_strcasecmp(reply, too_large.detail) == 0)
        return too_large;
    if (row->code >= 100 && row->code <= 999)
        return remote_reason(row, reply);
    /* What the route sees at once, the IMS found after so many rounds. */
    if (holds_word(reply, "loops back"))
        return own_reasons[TOO_MANY_HOPS];
    return holds_word(reply, "unknown") || holds_word(reply, "not found") ||
                   holds_word(reply, "does not exist") || holds_word(reply, "no such")
               ? host_unknown
               : host_unreachable;
}

/* ---- text ---- */

/* One line of valid text without control characters, of bounded length. (transfer full) */
static char *
clean(const char *text)
{
    g_autofree char *piece = g_strndup(text, MAX_VALUE);
    char *valid = g_utf8_make_valid(piece, -1);

    for (char *p = valid; *p != '\0'; p++) {
        if ((guint8)*p < ' ' || *p == 127)
            *p = ' ';
    }
    return g_strstrip(valid);
}

/* Breaks at the last blank before column 76, which is dropped (W 4.1 rule 2); a word longer than
 * that stays whole. */
static void
append_wrapped(GString *out, const char *line)
{
    for (;;) {
        const char *blank = NULL, *p = line;

        /* Blanks at the beginning are the indent, not a place to break. */
        while (*p == ' ' || *p == '\t')
            p++;
        for (glong column = p - line; *p != '\0'; p = g_utf8_next_char(p), column++) {
            if (column >= WRAP_COLUMN && blank != NULL)
                break;
            if (*p == ' ')
                blank = p;
        }
        if (*p == '\0' && (blank == NULL || g_utf8_strlen(line, -1) <= WRAP_COLUMN))
            break;
        g_string_append_len(out, line, blank - line);
        g_string_append(out, "\r\n");
        line = blank + 1;
    }
    g_string_append(out, line);
    g_string_append(out, "\r\n");
}

static void
append_field(GString *out, const char *label, const char *raw)
{
    g_autofree char *decoded = raw != NULL ? ims_mime_decode_text(raw) : g_strdup("");
    g_autofree char *value = clean(decoded);
    g_autofree char *line = g_strdup_printf("  %s%s", label, value);

    append_wrapped(out, line);
}

/* The name under which the sender knows the recipient, as it came (W 4.1 rule 3). (transfer full)
 */
char *
ims_report_shown_address(const ImsQueueRecipient *row)
{
    g_auto(ImsPath) path = {0};
    g_autofree char *given = NULL;

    if (row->original == NULL || !ims_path_parse(row->original, TRUE, &path, NULL))
        return clean(row->address);
    given = path.had_route ? ims_path_format(&path) : g_strdup(row->original);
    /* A member of a list that is not there has no address of its own: it is not the list that
     * failed. */
    if (is_own_finding(row) && g_ascii_strcasecmp(given, row->address) != 0)
        return clean(row->address);
    return clean(given);
}

/* What stands behind the code. (transfer full) */
static char *
detail_text(const Reason *reason, const ImsQueueRecipient *row)
{
    g_autofree char *reply = clean(row->reply != NULL ? row->reply : "");
    g_autofree char *code = g_strdup_printf("%d", row->code);

    if (reason->detail != NULL)
        return g_strdup(reason->detail);
    if (g_str_has_prefix(reply, code))
        return g_steal_pointer(&reply);
    return g_strdup_printf("%s %s", code, reply);
}

char *
ims_report_detail(ImsService *service, const ImsQueueRecipient *row)
{
    g_autoptr(ImsRecipientTable) table = ims_directory_table(service->directory);
    Reason reason = find_reason(table, row);

    return g_strchomp(detail_text(&reason, row));
}

/* The computer name, as in the MTS-ID. (transfer full) */
static char *
computer_name(const ImsConfig *config)
{
    g_autofree char *label = g_strndup(config->host_name, MIN(strcspn(config->host_name, "."), 15));

    return g_ascii_strup(label, -1);
}

static void
append_recipient(GString *out, const ImsConfig *config, const ImsRecipientTable *table,
                 const ImsQueueRecipient *row, const char *stamp, const char *mts_id)
{
    Reason reason = find_reason(table, row);
    g_autofree char *address = ims_report_shown_address(row), *server = computer_name(config);
    g_autofree char *line = NULL, *detail = detail_text(&reason, row);

    line = g_strdup_printf("%s on %s", address, stamp);
    append_wrapped(out, line);
    g_string_append_printf(out, "    %s\r\n", reason.reason);
    g_free(line);
    line = g_strdup_printf("\tThe MTS-ID of the original message is: %s", mts_id);
    append_wrapped(out, line);
    g_free(line);
    line = g_strdup_printf("    MSEXCH:IMS:%s:%s:%s %d (%s) %s",
                           config->organization != NULL ? config->organization : "",
                           config->site != NULL ? config->site : "", server, reason.number,
                           reason.hex, detail);
    g_strchomp(line);
    append_wrapped(out, line);
}

/* The id that our own Received line gave the original (S-105). (transfer full) (nullable) */
static char *
find_spool_id(const guint8 *header, gsize length)
{
    g_autofree char *received = ims_mime_header_get(header, length, "Received");
    const char *id;
    gsize n;

    if (received == NULL || strstr(received, "(Microsoft Exchange Internet Mail Service") == NULL)
        return NULL;
    id = strstr(received, "\tid ");
    if (id == NULL)
        return NULL;
    id += 4;
    n = strcspn(id, "; \t");
    return n == 8 ? g_strndup(id, n) : NULL;
}

/* The Date of the original in the zone of the server; when it was taken, where it has none.
 * (transfer full) */
static char *
sent_stamp(const ImsQueueMessage *message, const guint8 *header, gsize length)
{
    g_autofree char *date = ims_mime_header_get(header, length, "Date");
    gint64 utc_sec;

    if (date != NULL && ims_mime_parse_date(date, &utc_sec, NULL))
        return ims_rfc822_date(utc_sec * G_USEC_PER_SEC);
    return ims_rfc822_date(message->accepted_usec);
}

char *
ims_report_text(ImsService *service, const ImsQueueMessage *message, const GPtrArray *failed,
                const guint8 *header, gsize length, gint64 wall_usec)
{
    const ImsConfig *config = service->config;
    g_autoptr(ImsRecipientTable) table = ims_directory_table(service->directory);
    GString *out = g_string_new("Your message\r\n\r\n");
    g_autofree char *to = ims_mime_header_get(header, length, "To");
    g_autofree char *subject = ims_mime_header_get(header, length, "Subject");
    g_autofree char *sent = sent_stamp(message, header, length);
    g_autofree char *stamp = ims_rfc822_date(wall_usec);
    g_autofree char *spool_id = find_spool_id(header, length), *mts_id = NULL;

    if (spool_id == NULL)
        spool_id = ims_spool_id_new(service->world);
    mts_id = ims_mts_id(config, spool_id, message->accepted_usec);
    if (to != NULL && *to != '\0') /* W 4.1 rule 1 */
        append_field(out, "To:      ", to);
    append_field(out, "Subject: ", subject);
    append_field(out, "Sent:    ", sent);
    g_string_append(out, "\r\ndid not reach the following recipient(s):\r\n\r\n");
    for (guint i = 0; i < failed->len; i++)
        append_recipient(out, config, table, g_ptr_array_index(failed, i), stamp, mts_id);
    g_string_append(out, "\r\n\r\n\r\n");
    return g_string_free(out, FALSE);
}

/* ---- the part ---- */

static void
append_quoted_printable(GString *out, const guint8 *text, gsize length)
{
    gsize column = 0;

    for (gsize i = 0; i < length; i++) {
        gboolean plain = text[i] >= ' ' && text[i] < 127 && text[i] != '=';
        gsize width = plain || text[i] == '\t' ? 1 : 3;
        gboolean ends_line = i + 1 < length && text[i + 1] == '\r';

        if (text[i] == '\r' && i + 1 < length && text[i + 1] == '\n') {
            g_string_append(out, "\r\n");
            column = 0;
            i++;
            continue;
        }
        if ((text[i] == ' ' || text[i] == '\t') && ends_line) { /* a blank may not end a line */
            plain = FALSE;
            width = 3;
        } else if (text[i] == '\t') {
            plain = TRUE;
        }
        if (column + width > 75) {
            g_string_append(out, "=\r\n");
            column = 0;
        }
        if (plain)
            g_string_append_c(out, (char)text[i]);
        else
            g_string_append_printf(out, "=%02X", text[i]);
        column += width;
    }
}

void
ims_report_append_text_part(GString *out, const char *text)
{
    gsize length = 0;
    g_autofree char *latin = g_convert(text, -1, "ISO-8859-1", "UTF-8", NULL, &length, NULL);
    const char *bytes = latin != NULL ? latin : text;

    if (latin == NULL)
        length = strlen(text);
    g_string_append_printf(out, "Content-Type: text/plain;\r\n\tcharset=\"%s\"\r\n",
                           latin != NULL ? "iso-8859-1" : "utf-8");
    if (g_str_is_ascii(text)) {
        g_string_append_printf(out, "\r\n%s", text);
        return;
    }
    g_string_append(out, "Content-Transfer-Encoding: quoted-printable\r\n\r\n");
    append_quoted_printable(out, (const guint8 *)bytes, length);
}
