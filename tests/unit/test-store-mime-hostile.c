/* Messages made to hurt: cut short, mutated, huge, deep. */
#include "store/mime.h"

#include <string.h>

static const char whole_message[] =
    "Received: from a\r\n\tby b; Wed, 25 Nov 2026 09:00:00 +0000\r\n"
    "From: \"A, B\" (c) <@r,@s:a@x>, g: b@y, \"q q\"@z;\r\nTo: J\303\266rg <>\r\n"
    "Subject: =?utf-8?Q?a=C3?= =?utf-8?Q?=BC?= =?iso-2022-jp?B?GyRCRnxLXBsoQg==?=\r\n"
    "Date: Wed, 25 Nov 2026 09:00:00 EST\r\n"
    "Content-Type: multipart/mixed; boundary=\"o o\"; x*0=\"y\r\n z\"\r\n\r\npreamble\r\n"
    "--o o\r\nContent-Type: text/plain; charset=iso-2022-jp\r\n\r\n\033$BF|K\\\033(B\r\n"
    "--o o\r\nContent-Type: multipart/digest; boundary=d\r\n\r\n--d\r\n\r\nSubject: in\r\n\r\nx\r\n"
    "--d\r\n\r\nFrom: y@z\r\nContent-Type: multipart/alternative; boundary=a\r\n\r\n"
    "--a\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nq=C3=BC=\r\np\r\n--a--\r\n--d--\r\n"
    "--o o \r\nContent-Type: message/rfc822\r\nContent-Disposition: attachment; filename=a b\r\n"
    "Content-Language: en, de\r\nContent-Transfer-Encoding: base64\r\n\r\n"
    "Content-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: "
    "base64\r\n\r\nw7zDnw==\r\n"
    "--o o--\r\nepilogue\r\n";

/* What stands between quotes, or a literal; returns what is behind it. */
static const char *
read_string(const char *p)
{
    guint64 n;
    char *after;

    if (*p == '"') {
        for (p++; *p != '"'; p++) {
            g_assert_false(*p == '\0' || *p == '\r' || *p == '\n' || (guint8)*p >= 127);
            if (*p == '\\') {
                p++;
                g_assert_true(*p == '"' || *p == '\\');
            }
        }
        return p + 1;
    }
    n = g_ascii_strtoull(p + 1, &after, 10);
    g_assert_true(g_str_has_prefix(after, "}\r\n"));
    for (p = after + 3; n != 0; n--)
        g_assert_cmpint(*p++, !=, '\0');
    return p;
}

/* Parentheses balance outside of strings and literals: a client can read it. */
static void
assert_readable(const char *text)
{
    guint depth = 0;
    const char *p = text;

    g_assert_cmpint(*p, ==, '(');
    while (*p != '\0') {
        if (*p == '"' || *p == '{') {
            p = read_string(p);
            continue;
        }
        if (*p == '(') {
            depth++;
        } else if (*p == ')') {
            g_assert_cmpuint(depth--, >, 0);
            g_assert_true(depth != 0 || p[1] == '\0');
        } else {
            g_assert_true(g_ascii_isalnum(*p) || *p == ' ');
        }
        p++;
    }
    g_assert_cmpuint(depth, ==, 0);
}

/* Every part below @prefix; where there are many only the first of each level, looking up one is a
 * walk. */
static guint
walk(const ImsMimeSummary *summary, const char *prefix, guint depth)
{
    guint n = 0;

    for (guint i = 1; depth < 8 && i <= 50; i++) {
        g_autofree char *numbers = g_strdup_printf("%s%s%u", prefix, *prefix != '\0' ? "." : "", i);
        ImsMimePart part;

        if (!ims_mime_find_part(summary, numbers, &part))
            break;
        n++;
        g_assert_cmpuint(part.header_offset, <=, summary->size);
        g_assert_cmpuint(part.header_size, <=, summary->size - part.header_offset);
        g_assert_cmpuint(part.header_offset + part.header_size, ==, part.body_offset);
        g_assert_cmpuint(part.body_size, <=, summary->size - part.body_offset);
        if (part.is_message) {
            g_assert_cmpuint(part.inner_header_offset, ==, part.body_offset);
            g_assert_cmpuint(part.inner_header_size + part.inner_body_size, <=, part.body_size);
        }
        n += walk(summary, numbers, depth + 1);
    }
    return n;
}

/* Everything a session may do with a message. The octets are a copy of exact size: ASan sees one
 * octet too far. */
static void
try_all(const char *text, gsize size, const ImsMimeLimits *limits)
{
    static const char *const names[] = {"subject", "x", NULL};
    g_autoptr(GBytes) message = g_bytes_new_take(g_memdup2(text, size), size);
    g_autoptr(ImsMimeSummary) summary = ims_mime_summarize(message, limits);
    const guint8 *data = g_bytes_get_data(message, NULL);
    g_autoptr(GBytes) fields =
        ims_mime_header_fields(data, summary->header_size, names, size % 2 != 0, TRUE);
    g_autofree char *subject = NULL, *date = NULL;
    gint64 utc;

    assert_readable(summary->envelope);
    assert_readable(summary->bodystructure);
    assert_readable(summary->body);
    g_assert_cmpuint(summary->size, ==, size);
    g_assert_cmpuint(summary->header_size, <=, size);
    g_assert_cmpuint(g_bytes_get_size(fields), >=, 2);
    walk(summary, "", 0);
    if (summary->subject != NULL) {
        subject = ims_mime_decode_text(summary->subject);
        g_assert_true(g_utf8_validate(subject, -1, NULL));
    }
    date = ims_mime_header_get(data, summary->header_size, "date");
    if (date != NULL)
        (void)ims_mime_parse_date(date, &utc, NULL);
    g_assert_false(ims_mime_search_text(message, summary, "\360\237\220\230 elephant", TRUE));
    (void)ims_mime_search_header(data, summary->header_size, "to", "z");
}

static void
test_truncated(void)
{
    for (gsize i = 0; i <= strlen(whole_message); i++)
        try_all(whole_message, i, NULL);
}

static void
test_whole(void)
{
    g_autoptr(GBytes) message = g_bytes_new_static(whole_message, strlen(whole_message));
    g_autoptr(ImsMimeSummary) summary = ims_mime_summarize(message, NULL);

    /* 1, 2, 2.1, 2.1.1, 2.2, 2.2.1, 3, 3.1 */
    g_assert_cmpuint(walk(summary, "", 0), ==, 8);
}

static void
mutate(GRand *random, GString *text)
{
    static const char *const pieces[] = {
        "--",
        "\r\n",
        "--o o\r\n",
        "--o o--\r\n",
        "(",
        ")",
        "\"",
        "<",
        ">",
        "=?",
        "?=",
        "\\",
        "\n\n",
        ":",
        ";",
        ",",
        "@",
        "\377",
        "--d\r\n",
        "\r",
        "Content-Type: message/rfc822\r\n\r\n",
        "Content-Type: multipart/mixed; boundary=d\r\n\r\n",
    };
    gsize at = (gsize)g_rand_int_range(random, 0, (gint32)text->len);
    const char *piece = pieces[g_rand_int_range(random, 0, G_N_ELEMENTS(pieces))];
    gsize cut = (gsize)g_rand_int_range(random, 1, 40);

    switch (g_rand_int_range(random, 0, 4)) {
    case 0:
        text->str[at] = (char)g_rand_int_range(random, 0, 256);
        break;
    case 1:
        g_string_erase(text, (gssize)at, (gssize)MIN(text->len - at, cut));
        break;
    case 2:
        g_string_insert(text, (gssize)at, piece);
        break;
    default:
        text->str[at] = *piece;
        break;
    }
    if (text->len == 0)
        g_string_append_c(text, 'x');
}

static void
test_mutated(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(20261125);
    const ImsMimeLimits small = {4, 8, 300};

    for (guint round = 0; round < 20000; round++) {
        g_autoptr(GString) text = g_string_new(whole_message);
        gint32 n = g_rand_int_range(random, 1, 8);

        while (n-- > 0)
            mutate(random, text);
        try_all(text->str, text->len, round % 2 != 0 ? &small : NULL);
    }
}

/* ---- linear ---- */

static void
repeat(GString *out, const char *text, guint n)
{
    for (guint i = 0; i < n; i++)
        g_string_append(out, text);
}

static void
make_boundaries(GString *out, guint n)
{
    g_string_append(out, "Content-Type: multipart/mixed; boundary=b\r\n\r\n");
    repeat(out, "--b\r\n", n);
}

static void
make_false_boundaries(GString *out, guint n)
{
    for (guint i = 10; i < 100; i++)
        g_string_append_printf(
            out, "Content-Type: multipart/mixed; boundary=%060u%02u\r\n\r\n--%060u%02u\r\n", 0u, i,
            0u, i);
    g_string_append(out, "\r\n");
    for (guint i = 0; i < n / 10; i++)
        g_string_append_printf(out, "--%060uxx\r\n", 0u);
}

static void
make_long_header(GString *out, guint n)
{
    g_string_append(out, "Subject: ");
    repeat(out, "=?a?Q?b?", n / 2);
    g_string_append(out, "\r\nTo: ");
    repeat(out, "(,<@\":", n / 2);
    g_string_append(out, "\r\n\r\n");
}

static void
make_many_addresses(GString *out, guint n)
{
    g_string_append(out, "From: ");
    repeat(out, "a,", n);
    g_string_append(out, "\r\nTo: ");
    repeat(out, "(((", n);
    g_string_append(out, "\r\nCc: ");
    repeat(out, "<", n);
    g_string_append(out, "\r\n\r\n");
}

static void
make_many_fields(GString *out, guint n)
{
    repeat(out, "Content-Type: text/plain; a=b; \"c\r\n d;(\r\n", n / 8);
    repeat(out, "Subject\r\n", n / 4);
}

static void
make_deep_messages(GString *out, guint n)
{
    repeat(out, "Content-Type: message/rfc822\r\n\r\n", n / 4);
}

static void
make_deep_multiparts(GString *out, guint n)
{
    for (guint i = 0; i < n / 8; i++)
        g_string_append_printf(out, "Content-Type: multipart/mixed; boundary=b%u\r\n\r\n--b%u\r\n",
                               i, i);
}

static void
make_parameters(GString *out, guint n)
{
    g_string_append(out, "Content-Type: text/plain");
    repeat(out, ";a=b(", n);
    g_string_append(out, "\r\nContent-Disposition: attachment");
    repeat(out, "; a b", n);
    g_string_append(out, "\r\nContent-Language: ");
    repeat(out, "a,", n);
    g_string_append(out, "\r\n\r\n");
}

static void
make_comments(GString *out, guint n)
{
    g_string_append(out, "Date: ");
    repeat(out, "(", n);
    g_string_append(out, "\r\nContent-Type: ");
    repeat(out, "()", n);
    g_string_append(out, "text/plain\r\n\r\n");
}

static void
make_empty_lines(GString *out, guint n)
{
    g_string_append(out, "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n");
    repeat(out, "--\n", n * 4);
}

static const struct HostileCase {
    const char *name;
    void (*make)(GString *out, guint n);
} hostile[] = {
    {"100k-boundaries",                  make_boundaries      },
    {"false-boundaries-of-equal-length", make_false_boundaries},
    {"long-header",                      make_long_header     },
    {"many-addresses",                   make_many_addresses  },
    {"many-fields",                      make_many_fields     },
    {"deep-messages",                    make_deep_messages   },
    {"deep-multiparts",                  make_deep_multiparts },
    {"parameters",                       make_parameters      },
    {"comments",                         make_comments        },
    {"empty-lines",                      make_empty_lines     },
};

static gint64
measure(const struct HostileCase *row, guint n)
{
    const ImsMimeLimits limits = {0, 0, 16u << 20};
    g_autoptr(GString) text = g_string_new(NULL);
    gint64 best = G_MAXINT64;

    row->make(text, n);
    for (guint i = 0; i < 3; i++) {
        gint64 start = g_get_monotonic_time();

        try_all(text->str, text->len, &limits);
        best = MIN(best, g_get_monotonic_time() - start);
    }
    return best;
}

/* Four times the input may take ten times as long on a busy machine, never sixteen. */
static void
test_linear(gconstpointer data)
{
    const struct HostileCase *row = data;
    gint64 small = measure(row, 25000), large = measure(row, 100000);

    g_test_message("%s: %" G_GINT64_FORMAT " us, %" G_GINT64_FORMAT " us", row->name, small, large);
    g_assert_cmpint(large, <, MAX(small, 20000) * 10);
}

static void
test_ten_megabyte_line(void)
{
    g_autoptr(GString) text = g_string_new("Subject: ");
    g_autoptr(GBytes) message = NULL;
    g_autoptr(ImsMimeSummary) summary = NULL;

    g_string_set_size(text, 10u << 20);
    memset(text->str + 9, 'x', text->len - 9);
    g_string_append(text, "\r\nTo: a@x\r\n\r\nbody");
    message = g_bytes_new_static(text->str, text->len);
    summary = ims_mime_summarize(message, NULL);
    g_assert_cmpuint(strlen(summary->envelope), <, 2u << 20);
    g_assert_cmpuint(summary->header_size, ==, text->len - 4);
}

/* What is told stays bounded however many addresses nested messages name. */
static void
test_bounded_text(void)
{
    g_autoptr(GString) text = g_string_new("Content-Type: multipart/digest; boundary=b\r\n\r\n");
    g_autoptr(GBytes) message = NULL;
    g_autoptr(ImsMimeSummary) summary = NULL;

    for (guint i = 0; i < 200; i++) {
        g_string_append(text, "--b\r\n\r\nFrom: ");
        repeat(text, "a,", 5000);
        g_string_append(text, "\r\n\r\n");
    }
    message = g_bytes_new_static(text->str, text->len);
    summary = ims_mime_summarize(message, NULL);
    assert_readable(summary->bodystructure);
    g_assert_cmpuint(strlen(summary->bodystructure), <, 4u << 20);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/store/mime/hostile/whole", test_whole);
    g_test_add_func("/store/mime/hostile/truncated-at-every-octet", test_truncated);
    g_test_add_func("/store/mime/hostile/mutated", test_mutated);
    for (guint i = 0; i < G_N_ELEMENTS(hostile); i++) {
        g_autofree char *name = g_strdup_printf("/store/mime/hostile/linear/%s", hostile[i].name);

        g_test_add_data_func(name, &hostile[i], test_linear);
    }
    g_test_add_func("/store/mime/hostile/ten-megabyte-line", test_ten_megabyte_line);
    g_test_add_func("/store/mime/hostile/bounded-text", test_bounded_text);
    return g_test_run();
}
