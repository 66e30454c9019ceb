#include "ims/smtp-private.h"
#include <string.h>

enum {
    LINE_START, /* after CR LF, or at the very beginning */
    DOT,        /* a period at the start of a line, not handed on */
    DOT_CR,     /* and a CR after it, not handed on either */
    TEXT,
    CR, /* a CR that was handed on */
};

void
ims_smtp_dots_init(ImsSmtpDots *dots)
{
    dots->state = LINE_START;
}

/* Within a line: the next byte that is CR or NUL, or @end. */
static const guint8 *
find_special(const guint8 *at, const guint8 *end)
{
    const guint8 *cr = memchr(at, '\r', (gsize)(end - at));
    const guint8 *limit = cr != NULL ? cr : end;
    const guint8 *nul = memchr(at, '\0', (gsize)(limit - at));

    return nul != NULL ? nul : limit;
}

gsize
ims_smtp_dots_feed(ImsSmtpDots *dots, const guint8 *bytes, gsize length, ImsSmtpDotsEmit emit,
                   gpointer data, gboolean *done_out)
{
    const guint8 *const end = bytes + length;
    const guint8 *from = bytes; /* what was seen and not yet handed on begins here */
    const guint8 *at = bytes;

    *done_out = FALSE;
    while (at < end) {
        if (dots->state == TEXT) {
            at = find_special(at, end);
            if (at == end)
                break;
        }
        guint8 c = *at;

        if (dots->state == LINE_START && c == '.') {
            if (at > from)
                emit(from, (gsize)(at - from), data);
            from = ++at;
            dots->state = DOT;
            continue;
        }
        if (dots->state == DOT && c == '\r') {
            from = ++at;
            dots->state = DOT_CR;
            continue;
        }
        if (dots->state == DOT_CR) {
            if (c == '\n') {
                *done_out = TRUE;
                return (gsize)(at + 1 - bytes);
            }
            emit((const guint8 *)"\r", 1, data);
            dots->state = CR;
        }
        if (c == '\0') {
            if (at > from)
                emit(from, (gsize)(at - from), data);
            from = at + 1;
            dots->state = TEXT;
        } else if (c == '\r') {
            dots->state = CR;
        } else {
            dots->state = dots->state == CR && c == '\n' ? LINE_START : TEXT;
        }
        at++;
    }
    if (end > from)
        emit(from, (gsize)(end - from), data);
    return length;
}
