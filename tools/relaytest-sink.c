/* The sink: takes what is sent to the target host and hands it on. */
#include "tools/relaytest.h"

#include <string.h>

#define LINE_MAX_BYTES 8192u
#define MESSAGE_MAX_BYTES (1024u * 1024u)
#define COMMANDS_MAX 1000u

struct _ImsRelaytestSink {
    ImsRelaytestSinkFunc func;
    gpointer user_data;
    GString *line;
    gboolean line_too_long;
    GString *output;
    char *recipient; /* the first; NULL: none yet */
    gboolean has_sender, in_data, wants_close;
    GByteArray *message;
    guint n_commands;
};

ImsRelaytestSink *
ims_relaytest_sink_new(ImsRelaytestSinkFunc func, gpointer user_data)
{
    ImsRelaytestSink *sink = g_new0(ImsRelaytestSink, 1);

    sink->func = func;
    sink->user_data = user_data;
    sink->line = g_string_new(NULL);
    sink->output = g_string_new("220 relaytest sink\r\n");
    sink->message = g_byte_array_new();
    return sink;
}

void
ims_relaytest_sink_free(ImsRelaytestSink *sink)
{
    if (sink == NULL)
        return;
    g_string_free(sink->line, TRUE);
    g_string_free(sink->output, TRUE);
    g_byte_array_unref(sink->message);
    g_free(sink->recipient);
    g_free(sink);
}

GBytes *
ims_relaytest_sink_take_output(ImsRelaytestSink *sink)
{
    GBytes *bytes = g_string_free_to_bytes(sink->output);

    sink->output = g_string_new(NULL);
    return bytes;
}

gboolean
ims_relaytest_sink_wants_close(const ImsRelaytestSink *sink)
{
    return sink->wants_close;
}

static void
answer(ImsRelaytestSink *sink, const char *text)
{
    g_string_append(sink->output, text);
    g_string_append(sink->output, "\r\n");
}

static void
forget_envelope(ImsRelaytestSink *sink)
{
    sink->has_sender = FALSE;
    g_clear_pointer(&sink->recipient, g_free);
    g_byte_array_set_size(sink->message, 0);
}

/* What stands between the first `<` and the last `>`. NULL: there are none. */
static char *
path_of(const char *line)
{
    const char *start = strchr(line, '<');
    const char *end = strrchr(line, '>');

    if (start == NULL || end == NULL || end < start)
        return NULL;
    return g_strndup(start + 1, (gsize)(end - start - 1));
}

static void
take_recipient(ImsRelaytestSink *sink, const char *line)
{
    g_autofree char *path = path_of(line);

    if (!sink->has_sender) {
        answer(sink, "503 MAIL is expected first");
    } else if (path == NULL) {
        answer(sink, "501 RCPT TO:<address> is expected");
    } else {
        if (sink->recipient == NULL)
            sink->recipient = g_steal_pointer(&path);
        answer(sink, "250 taken");
    }
}

static void
take_command(ImsRelaytestSink *sink, const char *line)
{
    if (++sink->n_commands > COMMANDS_MAX) {
        answer(sink, "421 too many commands");
        sink->wants_close = TRUE;
    } else if (g_ascii_strncasecmp(line, "EHLO", 4) == 0 ||
               g_ascii_strncasecmp(line, "HELO", 4) == 0) {
        forget_envelope(sink);
        answer(sink, "250 relaytest");
    } else if (g_ascii_strncasecmp(line, "MAIL FROM:", 10) == 0) {
        forget_envelope(sink);
        sink->has_sender = TRUE;
        answer(sink, "250 taken");
    } else if (g_ascii_strncasecmp(line, "RCPT TO:", 8) == 0) {
        take_recipient(sink, line);
    } else if (g_ascii_strcasecmp(line, "DATA") == 0) {
        sink->in_data = sink->recipient != NULL;
        answer(sink, sink->in_data ? "354 send it" : "503 RCPT is expected first");
    } else if (g_ascii_strcasecmp(line, "RSET") == 0) {
        forget_envelope(sink);
        answer(sink, "250 forgotten");
    } else if (g_ascii_strcasecmp(line, "NOOP") == 0) {
        answer(sink, "250 nothing done");
    } else if (g_ascii_strcasecmp(line, "QUIT") == 0) {
        answer(sink, "221 closing");
        sink->wants_close = TRUE;
    } else {
        answer(sink, "502 not known here");
    }
}

static void
take_data_line(ImsRelaytestSink *sink, const char *line, gsize length)
{
    if (length == 1 && *line == '.') {
        sink->func(sink->recipient, sink->message->data, sink->message->len, sink->user_data);
        sink->in_data = FALSE;
        forget_envelope(sink);
        answer(sink, "250 taken");
        return;
    }
    if (length > 0 && *line == '.') {
        line++;
        length--;
    }
    if (sink->message->len + length + 1 > MESSAGE_MAX_BYTES)
        return;
    g_byte_array_append(sink->message, (const guint8 *)line, (guint)length);
    g_byte_array_append(sink->message, (const guint8 *)"\n", 1);
}

static void
take_line(ImsRelaytestSink *sink)
{
    gsize length = sink->line->len;

    if (length > 0 && sink->line->str[length - 1] == '\r')
        g_string_truncate(sink->line, --length);
    if (sink->in_data)
        take_data_line(sink, sink->line->str, length);
    else if (sink->line_too_long || strlen(sink->line->str) != length)
        answer(sink, "500 not a command");
    else
        take_command(sink, sink->line->str);
    g_string_truncate(sink->line, 0);
    sink->line_too_long = FALSE;
}

void
ims_relaytest_sink_feed(ImsRelaytestSink *sink, const guint8 *bytes, gsize length)
{
    while (length > 0 && !sink->wants_close) {
        const guint8 *end = memchr(bytes, '\n', length);
        gsize n = end != NULL ? (gsize)(end - bytes) : length;
        gsize room = LINE_MAX_BYTES - sink->line->len;

        /* The rest of an overlong line is dropped: the mark stands in short ones. */
        g_string_append_len(sink->line, (const char *)bytes, (gssize)MIN(n, room));
        sink->line_too_long |= n > room;
        if (end == NULL)
            return;
        bytes += n + 1;
        length -= n + 1;
        take_line(sink);
    }
}
