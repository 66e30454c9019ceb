/* Any octets: the summary is made, and every part it names lies inside the message. */
#include "store/mime.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
walk(const ImsMimeSummary *summary, const char *prefix, guint depth)
{
    for (guint i = 1; i < 20 && depth < 5; i++) {
        g_autofree char *numbers = g_strdup_printf("%s%s%u", prefix, *prefix != '\0' ? "." : "", i);
        ImsMimePart part;

        if (!ims_mime_find_part(summary, numbers, &part))
            return;
        if (part.header_offset > summary->size ||
            part.header_size > summary->size - part.header_offset ||
            part.body_offset > summary->size || part.body_size > summary->size - part.body_offset)
            abort();
        walk(summary, numbers, depth + 1);
    }
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    static const char *const names[] = {"subject", "to", NULL};
    g_autoptr(GBytes) message = g_bytes_new(data, size);
    ImsMimeLimits limits = {10, 50, 4096};
    g_autoptr(ImsMimeSummary) summary = ims_mime_summarize(message, &limits);
    g_autoptr(GBytes) fields =
        ims_mime_header_fields(data, summary->header_size, names, size % 2 != 0, TRUE);
    g_autofree char *text =
        summary->subject != NULL ? ims_mime_decode_text(summary->subject) : g_strdup("");
    g_autofree char *date = ims_mime_header_get(data, summary->header_size, "Date");
    gint64 seconds;
    gint zone;

    if (!g_utf8_validate(text, -1, NULL) || g_bytes_get_size(fields) < 2)
        abort();
    if (date != NULL && ims_mime_parse_date(date, &seconds, &zone) && (zone < -1440 || zone > 1440))
        abort();
    (void)ims_mime_search_text(message, summary, "needle", TRUE);
    walk(summary, "", 0);
    return 0;
}
