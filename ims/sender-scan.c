/* What libesmtp 1.1 would do to a message: its header processing, read from the outside and
 * measured. */
#include <string.h>

#include "ims/sender-private.h"

/* It encodes into 256 octets and writes past them when they are just full; and a line of a command
 * is cut at 1,023. */
#define XTEXT_MAX 200
#define ADDRESS_MAX 500

/* Fields of which it keeps the first only, and those it drops always (Return-Path, too, but that is
 * its right). */
static const struct {
    const char *name;
    gboolean always;
    const char *why;
} fields[] = {
    {"Date",                        FALSE, "a second Date field would be dropped"         },
    {"From",                        FALSE, "a second From field would be dropped"         },
    {"Sender",                      FALSE, "a second Sender field would be dropped"       },
    {"To",                          FALSE, "a second To field would be dropped"           },
    {"Cc",                          FALSE, "a second Cc field would be dropped"           },
    {"Bcc",                         FALSE, "a second Bcc field would be dropped"          },
    {"Reply-To",                    FALSE, "a second Reply-To field would be dropped"     },
    {"Message-Id",                  FALSE, "a second Message-Id field would be dropped"   },
    {"Disposition-Notification-To", FALSE,
     "a second Disposition-Notification-To field would be dropped"                        },
    {"Original-Recipient",          TRUE,  "the Original-Recipient field would be dropped"},
    {"Resent-Reply-To",             TRUE,  "the Resent-Reply-To field would be dropped"   },
};

char *
ims_send_decode_xtext(const char *text)
{
    g_autoptr(GString) out = g_string_new(NULL);

    for (const char *p = text; *p != '\0'; p++) {
        int value = (guchar)*p;

        if (*p == '+') {
            int high = g_ascii_xdigit_value(p[1]),
                low = high >= 0 ? g_ascii_xdigit_value(p[2]) : -1;

            if (low < 0)
                return NULL;
            value = high * 16 + low;
            p += 2;
        }
        if (value < ' ' || value == 0x7f)
            return NULL;
        g_string_append_c(out, (char)value);
    }
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static gboolean
is_short_xtext(const char *text)
{
    g_autofree char *plain = strlen(text) <= XTEXT_MAX ? ims_send_decode_xtext(text) : NULL;

    return plain != NULL && *plain != '\0';
}

static const char *
judge_envelope(const ImsSendMessage *message)
{
    if (strlen(message->mail_from) > ADDRESS_MAX || !g_str_is_ascii(message->mail_from))
        return "the sender's address is too long or not ASCII";
    if (message->envid != NULL && !is_short_xtext(message->envid))
        return "ENVID is too long or has a control character";
    for (guint i = 0; i < message->recipients->len; i++) {
        const ImsSendRecipient *recipient = message->recipients->pdata[i];
        const char *semicolon = recipient->orcpt != NULL ? strchr(recipient->orcpt, ';') : NULL;

        if (strlen(recipient->address) > ADDRESS_MAX || !g_str_is_ascii(recipient->address))
            return "a recipient's address is too long or not ASCII";
        if (recipient->orcpt != NULL &&
            (semicolon == NULL || semicolon - recipient->orcpt > XTEXT_MAX ||
             !is_short_xtext(semicolon + 1)))
            return "ORCPT is too long or has a control character";
    }
    return NULL;
}

/* The field that begins at @line; continuation lines have no name. */
static const char *
judge_field(const char *line, gsize length, guint *seen)
{
    const char *colon = memchr(line, ':', length);
    gsize name_length = colon != NULL ? (gsize)(colon - line) : 0;

    for (guint i = 0; i < G_N_ELEMENTS(fields); i++) {
        if (strlen(fields[i].name) != name_length ||
            g_ascii_strncasecmp(fields[i].name, line, name_length) != 0)
            continue;
        if (fields[i].always || (*seen & (1u << i)) != 0)
            return fields[i].why;
        *seen |= 1u << i;
    }
    return NULL;
}

static const char *
judge_header(const char *text, gsize length)
{
    guint seen = 0;

    for (gsize at = 0; at < length;) {
        const char *end = memchr(text + at, '\r', length - at);
        gsize line = end != NULL ? (gsize)(end - (text + at)) : length - at;
        const char *why;

        if (line == 0)
            return at == 0 ? "there is no header" : NULL;
        if (at == 0 && (text[0] == ' ' || text[0] == '\t' || memchr(text, ':', line) == NULL))
            return "the first line is no header field";
        if (text[at] != ' ' && text[at] != '\t') {
            why = judge_field(text + at, line, &seen);
            if (why != NULL)
                return why;
        }
        at += line + 2;
    }
    return "the header does not end with an empty line";
}

/* Every CR is followed by LF and every LF preceded by CR. */
static gboolean
has_bare_line_end(const char *text, gsize length)
{
    for (const char *p = text, *end = text + length; p < end;) {
        const char *feed = memchr(p, '\n', (gsize)(end - p));
        const char *stop = feed != NULL ? feed : end;
        const char *carriage = memchr(p, '\r', (gsize)(stop - p));

        if (feed == NULL)
            return carriage != NULL;
        if (carriage == NULL || carriage + 1 != feed)
            return TRUE;
        p = feed + 1;
    }
    return FALSE;
}

const char *
ims_sender_esmtp_alters(const ImsSendMessage *message)
{
    gsize length = 0;
    const char *text = g_bytes_get_data(message->body, &length);
    const char *why = judge_envelope(message);

    if (why != NULL)
        return why;
    if (length < 2 || text[length - 2] != '\r' || text[length - 1] != '\n')
        return "the last line does not end with CRLF";
    if (has_bare_line_end(text, length))
        return "there is a bare CR or LF";
    return judge_header(text, length);
}
