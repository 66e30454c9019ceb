/* Multi-line replies, in slices: none is built whole in memory, and a client that reads slowly is
 * waited for. */
#include "config.h" /* memmem() */

#include "pop3/pop3-private.h"

#include <string.h>

/* Bytes of a message looked at between two looks at how much is pending. */
#define SLICE 65536u
/* Lines of a listing written at once. */
#define LINES 256u

typedef enum {
    SENDING_LIST,
    SENDING_UNIQUE_IDS,
    SENDING_MESSAGE,
} Kind;

struct _ImsPop3Sending {
    Kind kind;
    guint next; /* listings: number of the next message */
    GBytes *message;
    gsize offset, end;
    gboolean line_start;
};

void
ims_pop3_sending_free(ImsPop3Sending *sending)
{
    if (sending == NULL)
        return;
    g_clear_pointer(&sending->message, g_bytes_unref);
    g_free(sending);
}

static void
start(ImsPop3Session *session, const ImsPop3Sending *sending)
{
    ims_pop3_reply(session, IMS_POP3_OK);
    session->sending = g_memdup2(sending, sizeof *sending);
    if (!ims_pop3_send_more(session))
        ims_conn_set_busy(session->conn, TRUE);
}

void
ims_pop3_send_list(ImsPop3Session *session)
{
    start(session, &(ImsPop3Sending){.kind = SENDING_LIST, .next = 1});
}

void
ims_pop3_send_unique_ids(ImsPop3Session *session)
{
    start(session, &(ImsPop3Sending){.kind = SENDING_UNIQUE_IDS, .next = 1});
}

/* The offset behind the first @lines lines from @offset on. */
static gsize
skip_lines(const char *text, gsize length, gsize offset, guint64 lines)
{
    for (; lines > 0 && offset < length; lines--) {
        const char *lf = memchr(text + offset, '\n', length - offset);

        if (lf == NULL)
            return length;
        offset = (gsize)(lf - text) + 1;
    }
    return offset;
}

/* The offset behind the empty line that ends the header; the length where there is none. */
static gsize
header_end(const char *text, gsize length)
{
    gsize offset = 0;

    while (offset < length) {
        gsize next = skip_lines(text, length, offset, 1);

        if (next - offset == 1 || (next - offset == 2 && text[offset] == '\r'))
            return next;
        offset = next;
    }
    return length;
}

void
ims_pop3_send_message(ImsPop3Session *session, GBytes *message, guint64 body_lines)
{
    ImsPop3Sending sending = {.kind = SENDING_MESSAGE, .line_start = TRUE};
    const char *text = g_bytes_get_data(message, &sending.end);

    if (body_lines != G_MAXUINT64)
        sending.end = skip_lines(text, sending.end, header_end(text, sending.end), body_lines);
    sending.message = g_bytes_ref(message);
    start(session, &sending);
}

/* TRUE: the last line is written. */
static gboolean
list_more(ImsPop3Session *session, ImsPop3Sending *sending)
{
    const ImsPop3Maildrop *maildrop = session->maildrop;
    guint size = ims_pop3_maildrop_size(maildrop);

    for (guint i = 0; i < LINES && sending->next <= size; sending->next++) {
        char id[IMS_POP3_UID_LENGTH + 1];

        if (ims_pop3_maildrop_is_marked(maildrop, sending->next))
            continue;
        i++;
        if (sending->kind == SENDING_LIST) {
            ims_conn_printf(session->conn, "%u %u\r\n", sending->next,
                            ims_pop3_maildrop_octets_of(maildrop, sending->next));
        } else {
            ims_pop3_maildrop_unique_id(maildrop, sending->next, id);
            ims_conn_printf(session->conn, "%u %s\r\n", sending->next, id);
        }
    }
    if (sending->next <= size)
        return FALSE;
    ims_conn_write(session->conn, ".\r\n", 3);
    return TRUE;
}

/*
 * A period at the start of a line is doubled, after a bare LF too: a client that takes LF for the
 * end of a line must not see the end of the reply inside a message.
 */
static gboolean
message_more(ImsPop3Session *session, ImsPop3Sending *sending)
{
    const char *text = g_bytes_get_data(sending->message, NULL);
    gsize limit = MIN(sending->end, sending->offset + SLICE);

    while (sending->offset < limit) {
        const char *from = text + sending->offset;
        gsize left = limit - sending->offset, length = left;
        const char *stop;

        if (sending->line_start && *from == '.')
            ims_conn_write(session->conn, ".", 1);
        stop = memmem(from, left, "\n.", 2);
        if (stop != NULL)
            length = (gsize)(stop - from) + 1;
        ims_conn_write_bytes(session->conn, sending->message, sending->offset, length);
        sending->offset += length;
        sending->line_start = from[length - 1] == '\n';
    }
    if (sending->offset < sending->end)
        return FALSE;
    if (sending->end > 0 && (sending->end < 2 || memcmp(text + sending->end - 2, "\r\n", 2) != 0))
        ims_conn_write(session->conn, "\r\n", 2);
    ims_conn_write(session->conn, ".\r\n", 3);
    return TRUE;
}

gboolean
ims_pop3_send_more(ImsPop3Session *session)
{
    gboolean done = FALSE;

    while (!done && ims_conn_pending(session->conn) < IMS_CONN_HIGH_WATER)
        done = session->sending->kind == SENDING_MESSAGE ? message_more(session, session->sending)
                                                         : list_more(session, session->sending);
    if (done)
        g_clear_pointer(&session->sending, ims_pop3_sending_free);
    return done;
}
