/* The summary of a message: made once, at delivery. */
#include "store/mime-private.h"

ImsMimeSummary *
ims_mime_summarize(GBytes *message, const ImsMimeLimits *limits)
{
    ImsMimeSummary *summary = g_new0(ImsMimeSummary, 1);
    gsize size, max_header;
    const guint8 *data = g_bytes_get_data(message, &size);
    g_autoptr(GArray) nodes = NULL;
    const ImsMimeNode *root;
    const guint8 *header;
    gsize header_length;
    ImsMimeWriter writer;
    GString *envelope, *structure, *body;

    if (data == NULL)
        data = (const guint8 *)"";
    size = MIN(size, (gsize)G_MAXUINT32);
    max_header =
        limits != NULL && limits->max_header_size != 0 ? limits->max_header_size : 1u << 20;
    nodes = ims_mime_scan(data, (guint32)size, limits);
    root = &g_array_index(nodes, ImsMimeNode, 0);
    header = data + root->header_offset;
    header_length = MIN((gsize)root->header_size, max_header);
    envelope = g_string_sized_new(768);
    structure = g_string_sized_new(256);
    body = g_string_sized_new(256);
    ims_mime_writer_init(&writer);
    ims_mime_put_envelope(&writer, envelope, header, header_length);
    ims_mime_put_structure(&writer, data, nodes, max_header, structure, body);
    ims_mime_writer_clear(&writer);
    summary->envelope = g_string_free(envelope, FALSE);
    summary->bodystructure = g_string_free(structure, FALSE);
    summary->body = g_string_free(body, FALSE);
    summary->size = (guint32)size;
    summary->header_size = root->header_size;
    summary->parts = ims_mime_table_pack(nodes);
    summary->subject = ims_mime_header_get(header, header_length, "Subject");
    summary->message_id = ims_mime_header_get(header, header_length, "Message-ID");
    return summary;
}

ImsMimeSummary *
ims_mime_summary_copy(const ImsMimeSummary *summary)
{
    ImsMimeSummary *copy = g_new(ImsMimeSummary, 1);

    *copy = *summary;
    copy->envelope = g_strdup(summary->envelope);
    copy->bodystructure = g_strdup(summary->bodystructure);
    copy->body = g_strdup(summary->body);
    copy->subject = g_strdup(summary->subject);
    copy->message_id = g_strdup(summary->message_id);
    if (summary->parts != NULL)
        copy->parts = g_bytes_ref(summary->parts);
    return copy;
}

void
ims_mime_summary_free(ImsMimeSummary *summary)
{
    if (summary == NULL)
        return;
    g_free(summary->envelope);
    g_free(summary->bodystructure);
    g_free(summary->body);
    g_free(summary->subject);
    g_free(summary->message_id);
    g_clear_pointer(&summary->parts, g_bytes_unref);
    g_free(summary);
}
