#include "imap4/search.h"

#include "imap4/datetime.h"
#include "imap4/envelope.h"

#include <string.h>

static ImsImap4Verdict
verdict(gboolean yes)
{
    return yes ? IMS_IMAP4_YES : IMS_IMAP4_NO;
}

static gboolean
contains_index(const GArray *indexes, guint32 index)
{
    return ims_imap4_seqset_contains(indexes, index);
}

/* The whole header: read alone, or the beginning of the body. FALSE: neither is there. */
static gboolean
get_header(const ImsImap4SearchMessage *message, const guint8 **header_out, gsize *length_out)
{
    if (message->header != NULL) {
        *header_out = g_bytes_get_data(message->header, length_out);
        return TRUE;
    }
    if (message->body == NULL)
        return FALSE;
    *header_out = g_bytes_get_data(message->body, length_out);
    *length_out = MIN(*length_out, message->row->summary->header_size);
    return TRUE;
}

static ImsImap4Verdict
judge_internal_date(const ImsImap4Key *key, const ImsImap4SearchMessage *message)
{
    gint64 day;

    if (message->row == NULL)
        return IMS_IMAP4_UNKNOWN;
    day = ims_imap4_day_of(message->row->internal_date_usec / G_USEC_PER_SEC,
                           message->row->internal_zone_min);
    return verdict(key->kind == IMS_IMAP4_KEY_BEFORE ? day < key->day
                   : key->kind == IMS_IMAP4_KEY_ON   ? day == key->day
                                                     : day >= key->day);
}

/* The day that the Date header itself names, whatever its zone (RFC 3501 6.4.4). */
static ImsImap4Verdict
judge_sent_date(const ImsImap4Key *key, const ImsImap4SearchMessage *message)
{
    g_autoptr(GString) text = NULL;
    gint64 utc_sec, day;
    gint zone_min;

    if (message->row == NULL)
        return IMS_IMAP4_UNKNOWN;
    text = g_string_new(NULL);
    if (!ims_imap4_envelope_text(message->row->summary->envelope, IMS_IMAP4_ENVELOPE_DATE, text) ||
        !ims_mime_parse_date(text->str, &utc_sec, &zone_min))
        return IMS_IMAP4_NO;
    day = ims_imap4_day_of(utc_sec, zone_min);
    return verdict(key->kind == IMS_IMAP4_KEY_SENTBEFORE ? day < key->day
                   : key->kind == IMS_IMAP4_KEY_SENTON   ? day == key->day
                                                         : day >= key->day);
}

/* Encoded words and other character sets are the MIME reader's: the text is given to it as a header
 * field. */
static gboolean
decoded_contains(const ImsImap4Key *key, const GString *text)
{
    g_autofree char *field = g_strconcat(key->name, ": ", text->str, "\r\n\r\n", NULL);

    return ims_mime_search_header((const guint8 *)field, strlen(field), key->name, key->text);
}

/* "Contains the string in the envelope structure's FROM field" (RFC 3501 6.4.4). */
static ImsImap4Verdict
judge_envelope(const ImsImap4Key *key, const ImsImap4SearchMessage *message)
{
    g_autoptr(GString) text = NULL;

    if (message->row == NULL)
        return IMS_IMAP4_UNKNOWN;
    text = g_string_sized_new(256);
    if (!ims_imap4_envelope_text(message->row->summary->envelope, (ImsImap4EnvelopeItem)key->number,
                                 text))
        return IMS_IMAP4_NO;
    if (key->folded == NULL || !g_str_is_ascii(text->str) || strstr(text->str, "=?") != NULL)
        return verdict(decoded_contains(key, text));
    g_string_ascii_down(text);
    return verdict(strstr(text->str, key->folded) != NULL);
}

static ImsImap4Verdict
judge_header(const ImsImap4Key *key, const ImsImap4SearchMessage *message)
{
    const guint8 *header;
    gsize length;

    if (!get_header(message, &header, &length))
        return IMS_IMAP4_UNKNOWN;
    return verdict(ims_mime_search_header(header, length, key->name, key->text));
}

static ImsImap4Verdict
judge_text(const ImsImap4Key *key, const ImsImap4SearchMessage *message)
{
    if (message->body == NULL)
        return IMS_IMAP4_UNKNOWN;
    return verdict(ims_mime_search_text(message->body, message->row->summary, key->text,
                                        key->kind == IMS_IMAP4_KEY_TEXT));
}

/* AND stops at the first NO, OR at the first YES; one UNKNOWN leaves the others their say. */
static ImsImap4Verdict
judge_children(const ImsImap4Key *key, const ImsImap4SearchMessage *message,
               ImsImap4Verdict decisive)
{
    ImsImap4Verdict result = decisive == IMS_IMAP4_NO ? IMS_IMAP4_YES : IMS_IMAP4_NO;

    for (guint i = 0; i < key->children->len; i++) {
        ImsImap4Verdict child = ims_imap4_key_judge(g_ptr_array_index(key->children, i), message);

        if (child == decisive)
            return decisive;
        if (child == IMS_IMAP4_UNKNOWN)
            result = IMS_IMAP4_UNKNOWN;
    }
    return result;
}

static ImsImap4Verdict
judge_not(const ImsImap4Key *key, const ImsImap4SearchMessage *message)
{
    ImsImap4Verdict child = ims_imap4_key_judge(g_ptr_array_index(key->children, 0), message);

    if (child == IMS_IMAP4_UNKNOWN)
        return child;
    return verdict(child == IMS_IMAP4_NO);
}

ImsImap4Verdict
ims_imap4_key_judge(const ImsImap4Key *key, const ImsImap4SearchMessage *message)
{
    const ImsUidEntry *entry = &message->entry;

    switch (key->kind) {
    case IMS_IMAP4_KEY_ALL:
        return IMS_IMAP4_YES;
    case IMS_IMAP4_KEY_NEVER:
        return IMS_IMAP4_NO;
    case IMS_IMAP4_KEY_AND:
        return judge_children(key, message, IMS_IMAP4_NO);
    case IMS_IMAP4_KEY_OR:
        return judge_children(key, message, IMS_IMAP4_YES);
    case IMS_IMAP4_KEY_NOT:
        return judge_not(key, message);
    case IMS_IMAP4_KEY_FLAGS:
        return verdict((entry->flags & key->set) == key->set && !(entry->flags & key->clear));
    case IMS_IMAP4_KEY_RECENT:
        return verdict(message->recent);
    case IMS_IMAP4_KEY_MESSAGES:
        return verdict(contains_index(key->indexes, message->index));
    case IMS_IMAP4_KEY_LARGER:
        return verdict(entry->size > key->number);
    case IMS_IMAP4_KEY_SMALLER:
        return verdict(entry->size < key->number);
    case IMS_IMAP4_KEY_BEFORE:
    case IMS_IMAP4_KEY_ON:
    case IMS_IMAP4_KEY_SINCE:
        return judge_internal_date(key, message);
    case IMS_IMAP4_KEY_SENTBEFORE:
    case IMS_IMAP4_KEY_SENTON:
    case IMS_IMAP4_KEY_SENTSINCE:
        return judge_sent_date(key, message);
    case IMS_IMAP4_KEY_ENVELOPE:
        return judge_envelope(key, message);
    case IMS_IMAP4_KEY_HEADER:
        return judge_header(key, message);
    case IMS_IMAP4_KEY_BODY:
    case IMS_IMAP4_KEY_TEXT:
        return judge_text(key, message);
    }
    return IMS_IMAP4_NO;
}
