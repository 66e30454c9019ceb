#include "imap4/seqset.h"

/* `*` or a number that is not zero. */
static const char *
read_number(const char *text, guint32 *out)
{
    guint64 value = 0;

    if (*text == '*') {
        *out = 0;
        return text + 1;
    }
    if (*text < '1' || *text > '9')
        return NULL;
    while (g_ascii_isdigit(*text)) {
        value = value * 10 + (guint64)(*text++ - '0');
        if (value > G_MAXUINT32)
            return NULL;
    }
    *out = (guint32)value;
    return text;
}

GArray *
ims_imap4_seqset_parse(const char *text)
{
    g_autoptr(GArray) set = g_array_new(FALSE, FALSE, sizeof(ImsImap4Range));

    for (;;) {
        ImsImap4Range range;

        text = read_number(text, &range.first);
        if (text == NULL)
            return NULL;
        range.last = range.first;
        if (*text == ':') {
            text = read_number(text + 1, &range.last);
            if (text == NULL)
                return NULL;
        }
        g_array_append_val(set, range);
        if (*text == '\0')
            return g_steal_pointer(&set);
        if (*text++ != ',')
            return NULL;
    }
}

static gint
compare_ranges(gconstpointer a, gconstpointer b)
{
    const ImsImap4Range *left = a, *right = b;

    return left->first < right->first ? -1 : left->first > right->first;
}

void
ims_imap4_seqset_resolve(GArray *set, guint32 largest)
{
    guint kept = 0;

    for (guint i = 0; i < set->len; i++) {
        ImsImap4Range *range = &g_array_index(set, ImsImap4Range, i);
        guint32 first = range->first == 0 ? largest : range->first;
        guint32 last = range->last == 0 ? largest : range->last;

        range->first = MIN(first, last);
        range->last = MAX(first, last);
    }
    g_array_sort(set, compare_ranges);
    for (guint i = 0; i < set->len; i++) {
        ImsImap4Range range = g_array_index(set, ImsImap4Range, i);
        ImsImap4Range *before = kept > 0 ? &g_array_index(set, ImsImap4Range, kept - 1) : NULL;

        if (before != NULL && (guint64)range.first <= (guint64)before->last + 1)
            before->last = MAX(before->last, range.last);
        else
            g_array_index(set, ImsImap4Range, kept++) = range;
    }
    g_array_set_size(set, kept);
}

gboolean
ims_imap4_seqset_contains(const GArray *set, guint32 number)
{
    guint low = 0, high = set->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        const ImsImap4Range *range = &g_array_index(set, ImsImap4Range, middle);

        if (number < range->first)
            high = middle;
        else if (number > range->last)
            low = middle + 1;
        else
            return TRUE;
    }
    return FALSE;
}

void
ims_imap4_seqset_append_text(GString *out, const GArray *numbers)
{
    for (guint i = 0; i < numbers->len;) {
        guint32 first = g_array_index(numbers, guint32, i), last = first;

        while (++i < numbers->len && g_array_index(numbers, guint32, i) == last + 1)
            last++;
        if (out->len > 0 && g_ascii_isdigit(out->str[out->len - 1]))
            g_string_append_c(out, ',');
        g_string_append_printf(out, "%u", first);
        if (last > first)
            g_string_append_printf(out, ":%u", last);
    }
}
