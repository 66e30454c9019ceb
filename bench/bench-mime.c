/* How long a summary takes: what every delivery pays. Prints one line a case. */
#include "store/mime.h"

#include <stdlib.h>
#include <string.h>

static const char header[] =
    "Received: from client.example.net (client.example.net [192.0.2.7]) by mail.example.com with "
    "SMTP (Microsoft Exchange Internet Mail Service Version 5.5.2653.13)\r\n"
    "\tid RK2JB8PP; Wed, 25 Nov 2026 09:00:00 +0000\r\n"
    "Message-ID: <20261125090000.1@client.example.net>\r\n"
    "From: \"Alice Example\" <alice@example.net>\r\n"
    "To: \"Bob Example\" <bob@example.com>, carol@example.com\r\n"
    "Subject: A message of the usual size\r\n"
    "Date: Wed, 25 Nov 2026 09:00:00 +0000\r\n"
    "MIME-Version: 1.0\r\n"
    "X-Mailer: Internet Mail Service (5.5.2653.19)\r\n";

static void
fill(GString *out, gsize size)
{
    static const char line[] =
        "The quick brown fox jumps over the lazy dog and comes back for the other one.\r\n";

    while (out->len < size)
        g_string_append_len(out, line, sizeof line - 1);
}

static GBytes *
make_plain(gsize size)
{
    GString *out = g_string_new(header);

    g_string_append(out, "Content-Type: text/plain;\r\n\tcharset=\"iso-8859-1\"\r\n\r\n");
    fill(out, size);
    return g_string_free_to_bytes(out);
}

static GBytes *
make_parts(guint n, gsize size)
{
    GString *out = g_string_new(header);

    g_string_append(out, "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n");
    for (guint i = 0; i < n; i++) {
        g_string_append(out, "--b\r\nContent-Type: text/plain; charset=utf-8; name=\"a.txt\"\r\n"
                             "Content-Disposition: attachment; filename=\"a.txt\"\r\n\r\n");
        fill(out, out->len + size);
    }
    g_string_append(out, "--b--\r\n");
    return g_string_free_to_bytes(out);
}

static void
measure(const char *name, GBytes *message, guint rounds)
{
    gint64 start = g_get_monotonic_time(), used;

    for (guint i = 0; i < rounds; i++) {
        g_autoptr(ImsMimeSummary) summary = ims_mime_summarize(message, NULL);

        if (summary->size != g_bytes_get_size(message))
            abort();
    }
    used = g_get_monotonic_time() - start;
    g_print("%-24s %10" G_GSIZE_FORMAT " octets %12.2f us\n", name, g_bytes_get_size(message),
            (double)used / rounds);
    g_bytes_unref(message);
}

static void
measure_search(const char *name, GBytes *message, const char *needle)
{
    g_autoptr(ImsMimeSummary) summary = ims_mime_summarize(message, NULL);
    gint64 start = g_get_monotonic_time();

    if (ims_mime_search_text(message, summary, needle, TRUE))
        abort();
    g_print("%-24s %10" G_GSIZE_FORMAT " octets %12.2f us\n", name, g_bytes_get_size(message),
            (double)(g_get_monotonic_time() - start));
    g_bytes_unref(message);
}

int
main(void)
{
    measure("plain 4 KiB", make_plain(4096), 20000);
    measure("plain 64 MiB", make_plain(64u << 20), 5);
    measure("3 parts of 1 KiB", make_parts(3, 1024), 20000);
    measure("9,000 parts of 4 KiB", make_parts(9000, 4096), 5);
    measure("20,000 parts of 100", make_parts(20000, 100), 20);
    measure_search("search 64 MiB", make_plain(64u << 20), "not to be found");
    return 0;
}
