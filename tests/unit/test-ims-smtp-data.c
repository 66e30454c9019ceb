/* Where DATA ends, and where the message lies meanwhile. */
#include "ims/smtp-private.h"
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

/* ---- the end of data ---- */

typedef struct {
    const char *name;
    const char *sent;
    gsize sent_length; /* 0: strlen */
    const char *text;  /* what remains */
    gsize text_length;
    gssize left; /* bytes after the end; -1: the data does not end */
} DotsCase;

#define S(literal) literal, sizeof(literal) - 1

static const DotsCase dots_cases[] = {
    {"S-065-crlf-dot-crlf",         S("a\r\n.\r\n"),               S("a\r\n"),            0 },
    {"S-065-empty-message",         S(".\r\n"),                    S(""),                 0 },
    {"S-065-rest-is-left",          S("a\r\n.\r\nQUIT\r\n"),       S("a\r\n"),            6 },
    {"S-065-no-end",                S("a\r\nb\r\n"),               S("a\r\nb\r\n"),       -1},
    {"S-065-lf-dot-lf",             S("a\n.\nb\r\n.\r\n"),         S("a\n.\nb\r\n"),      0 },
    {"S-065-lf-dot-crlf",           S("a\n.\r\nb\r\n.\r\n"),       S("a\n.\r\nb\r\n"),    0 },
    {"S-065-crlf-dot-lf",           S("a\r\n.\nb\r\n.\r\n"),       S("a\r\n\nb\r\n"),     0 },
    {"S-065-cr-dot-cr",             S("a\r.\rb\r\n.\r\n"),         S("a\r.\rb\r\n"),      0 },
    {"S-065-crlf-dot-cr",           S("a\r\n.\rb\r\n.\r\n"),       S("a\r\n\rb\r\n"),     0 },
    {"S-065-cr-dot-crlf",           S("a\r.\r\nb\r\n.\r\n"),       S("a\r.\r\nb\r\n"),    0 },
    {"S-065-lf-dot-cr",             S("a\n.\rb\r\n.\r\n"),         S("a\n.\rb\r\n"),      0 },
    {"S-065-crlf-dot-cr-crlf",      S("a\r\n.\r\r\nb\r\n.\r\n"),   S("a\r\n\r\r\nb\r\n"), 0 },
    {"S-065-cr-cr-lf-dot-cr-cr-lf", S("a\r\r\n.\r\r\n.\r\n"),      S("a\r\r\n\r\r\n"),    0 },
    {"S-065-crlf-nul-dot-crlf",     S("a\r\n\0.\r\nb\r\n.\r\n"),   S("a\r\n.\r\nb\r\n"),  0 },
    {"S-065-crlf-dot-nul-crlf",     S("a\r\n.\0\r\nb\r\n.\r\n"),   S("a\r\n\r\nb\r\n"),   0 },
    {"S-065-crlf-dot-cr-nul-lf",    S("a\r\n.\r\0\nb\r\n.\r\n"),   S("a\r\n\r\nb\r\n"),   0 },
    {"S-065-cr-nul-lf-dot-crlf",    S("a\r\0\n.\r\nb\r\n.\r\n"),   S("a\r\n.\r\nb\r\n"),  0 },
    {"S-065-blank-before-dot",      S("a\r\n .\r\n.\r\n"),         S("a\r\n .\r\n"),      0 },
    {"S-065-blank-after-dot",       S("a\r\n. \r\n.\r\n"),         S("a\r\n \r\n"),       0 },
    {"S-065-lf-lf",                 S("a\n\n.\n\nb\r\n.\r\n"),     S("a\n\n.\n\nb\r\n"),  0 },
    {"S-068-doubled",               S("..\r\n...\r\n.\r\n"),       S(".\r\n..\r\n"),      0 },
    {"S-068-single-is-taken-off",   S(".a\r\n.\r\n"),              S("a\r\n"),            0 },
    {"S-068-not-within-a-line",     S("a..b\r\n.\r\n"),            S("a..b\r\n"),         0 },
    {"S-068-not-after-bare-lf",     S("a\n..b\r\n.\r\n"),          S("a\n..b\r\n"),       0 },
    {"S-069-nul-is-removed",        S("a\0b\0\0c\r\n\0\r\n.\r\n"), S("abc\r\n\r\n"),      0 },
    {"S-069-only-nul",              S("\0\0\r\n.\r\n"),            S("\r\n"),             0 },
    {"eighth-bit-passes",           S("\xff\xfe\x80\r\n.\r\n"),    S("\xff\xfe\x80\r\n"), 0 },
};

static void
collect(const guint8 *bytes, gsize length, gpointer data)
{
    g_assert_cmpuint(length, >, 0);
    g_byte_array_append(data, bytes, (guint)length);
}

/* In pieces of @step bytes, so that every state is left and entered between two calls. */
static void
check_dots(const DotsCase *c, gsize step)
{
    ImsSmtpDots dots;
    g_autoptr(GByteArray) text = g_byte_array_new();
    gsize at = 0;
    gboolean done = FALSE;

    ims_smtp_dots_init(&dots);
    while (at < c->sent_length && !done) {
        gsize length = MIN(step, c->sent_length - at);
        /* On the heap and exact, so that one byte too far is caught. */
        g_autofree guint8 *piece = g_memdup2(c->sent + at, length);
        gsize n = ims_smtp_dots_feed(&dots, piece, length, collect, text, &done);

        g_assert_cmpuint(n, <=, length);
        if (!done)
            g_assert_cmpuint(n, ==, length);
        at += n;
    }
    g_assert_cmpint(done, ==, c->left >= 0);
    if (done)
        g_assert_cmpint((gssize)(c->sent_length - at), ==, c->left);
    g_assert_cmpmem(text->data, text->len, c->text, c->text_length);
}

static void
test_dots(gconstpointer data)
{
    const DotsCase *c = data;

    for (gsize step = 1; step <= c->sent_length; step++)
        check_dots(c, step);
}

/* Whatever is stuffed comes back. */
static void
test_dots_round_trip(void)
{
    static const char alphabet[] = {'.', '\r', '\n', 'a'};
    g_autoptr(GRand) rand = g_rand_new_with_seed(5321);

    for (guint round = 0; round < 20000; round++) {
        g_autoptr(GString) message = g_string_new(NULL), stuffed = g_string_new(NULL);
        guint length = (guint)g_rand_int_range(rand, 0, 24);
        DotsCase c = {0};

        for (guint i = 0; i < length; i++)
            g_string_append_c(message, alphabet[g_rand_int_range(rand, 0, 4)]);
        g_string_append(message, "\r\n");
        for (gsize i = 0; i < message->len; i++) {
            gboolean starts = i == 0 || (i >= 2 && memcmp(message->str + i - 2, "\r\n", 2) == 0);

            if (starts && message->str[i] == '.')
                g_string_append_c(stuffed, '.');
            g_string_append_c(stuffed, message->str[i]);
        }
        g_string_append(stuffed, ".\r\n");
        c.sent = stuffed->str;
        c.sent_length = stuffed->len;
        c.text = message->str;
        c.text_length = message->len;
        check_dots(&c, 1 + round % 7);
    }
}

/* ---- where it lies ---- */

typedef struct {
    ImsConfig config;
    ImsService service;
    char *directory;
} BodyFixture;

static void
body_set_up(BodyFixture *f, gconstpointer data)
{
    f->directory = g_dir_make_tmp("ims-smtp-XXXXXX", NULL);
    g_assert_nonnull(f->directory);
    f->config.data_directory = f->directory;
    f->config.max_message_size = 100000;
    f->config.max_data_buffered = 1000000;
    f->service.config = &f->config;
}

static void
body_tear_down(BodyFixture *f, gconstpointer data)
{
    g_assert_cmpuint(f->service.data_buffered, ==, 0);
    g_assert_cmpint(g_rmdir(f->directory), ==, 0); /* no file is left */
    g_free(f->directory);
}

static void
append_many(ImsSmtpBody *body, guint n)
{
    for (guint i = 0; i < n; i++)
        ims_smtp_body_append(body, (const guint8 *)"0123456789", 10);
}

static void
check_message(ImsSmtpBody *body, gsize length)
{
    g_autoptr(GBytes) bytes = ims_smtp_body_finish(body);
    const char *text;

    g_assert_nonnull(bytes);
    g_assert_cmpuint(g_bytes_get_size(bytes), ==, length + 3);
    text = g_bytes_get_data(bytes, NULL);
    g_assert_cmpmem(text, 3, "X:\n", 3);
    for (gsize i = 0; i < length; i++)
        g_assert_cmpint(text[3 + i], ==, (char)('0' + i % 10));
}

static void
test_body_memory(BodyFixture *f, gconstpointer data)
{
    ImsSmtpBody *body = ims_smtp_body_new(&f->service);

    ims_smtp_body_prepend(body, "X:\n");
    append_many(body, 5000);
    g_assert_false(ims_smtp_body_is_spooled(body));
    g_assert_cmpuint(f->service.data_buffered, >=, 50003);
    check_message(body, 50000);
    g_assert_cmpuint(f->service.data_buffered, ==, 50003);
    ims_smtp_body_free(body);
}

static void
test_body_spools(BodyFixture *f, gconstpointer data)
{
    ImsSmtpBody *body, *other;

    f->config.max_data_buffered = 20000;
    body = ims_smtp_body_new(&f->service);
    ims_smtp_body_prepend(body, "X:\n");
    append_many(body, 5000);
    g_assert_true(ims_smtp_body_is_spooled(body));
    g_assert_cmpuint(f->service.data_buffered, ==, 0);
    other = ims_smtp_body_new(&f->service);
    append_many(other, 10);
    g_assert_false(ims_smtp_body_is_spooled(other));
    ims_smtp_body_free(other);
    check_message(body, 50000);
    ims_smtp_body_free(body);
}

static void
test_body_limit(BodyFixture *f, gconstpointer data)
{
    ImsSmtpBody *body = ims_smtp_body_new(&f->service);

    ims_smtp_body_prepend(body, "X:\n");
    append_many(body, 10000);
    g_assert_cmpint(ims_smtp_body_status(body), ==, IMS_SMTP_BODY_OK);
    ims_smtp_body_append(body, (const guint8 *)"x", 1);
    g_assert_cmpint(ims_smtp_body_status(body), ==, IMS_SMTP_BODY_TOO_LARGE);
    g_assert_cmpuint(f->service.data_buffered, ==, 0);
    append_many(body, 10);
    g_assert_null(ims_smtp_body_finish(body));
    ims_smtp_body_free(body);
}

static void
test_body_no_limit(BodyFixture *f, gconstpointer data)
{
    ImsSmtpBody *body = ims_smtp_body_new(&f->service);

    f->config.max_message_size = 0;
    ims_smtp_body_prepend(body, "X:\n");
    append_many(body, 20000);
    check_message(body, 200000);
    ims_smtp_body_free(body);
}

static void
test_body_no_room(BodyFixture *f, gconstpointer data)
{
    ImsSmtpBody *body = ims_smtp_body_new(&f->service);

    f->config.max_data_buffered = 0;
    f->config.data_directory = NULL;
    append_many(body, 1);
    g_assert_cmpint(ims_smtp_body_status(body), ==, IMS_SMTP_BODY_FULL);
    ims_smtp_body_free(body);
    f->config.data_directory = (char *)"/nowhere/at/all";
    body = ims_smtp_body_new(&f->service);
    append_many(body, 1);
    g_assert_cmpint(ims_smtp_body_status(body), ==, IMS_SMTP_BODY_IO);
    ims_smtp_body_free(body);
}

static void
test_body_empty(BodyFixture *f, gconstpointer data)
{
    ImsSmtpBody *body = ims_smtp_body_new(&f->service);
    g_autoptr(GBytes) bytes = ims_smtp_body_finish(body);

    g_assert_cmpuint(g_bytes_get_size(bytes), ==, 0);
    ims_smtp_body_free(body);
}

static void
test_body_eight_bit(BodyFixture *f, gconstpointer data)
{
    for (guint at = 0; at < 20; at++) {
        ImsSmtpBody *body = ims_smtp_body_new(&f->service);
        char text[21] = "abcdefghijklmnopqrst";

        ims_smtp_body_append(body, (const guint8 *)text, 20);
        g_assert_false(ims_smtp_body_is_eight_bit(body));
        text[at] = '\xe9';
        ims_smtp_body_append(body, (const guint8 *)text, 20);
        g_assert_true(ims_smtp_body_is_eight_bit(body));
        ims_smtp_body_free(body);
    }
}

/* ---- hops ---- */

static const struct {
    const char *message;
    guint hops;
} hops_cases[] = {
    {"",                                                                                      0},
    {"Received: a\r\n\r\n",                                                                   1},
    {"Received: a\r\n\tb\r\nReceived: c\r\nSubject: x\r\nRECEIVED: d\r\n\r\nReceived: e\r\n", 3},
    {"X-Received: a\r\n Received: b\r\nReceived-SPF: c\r\n\r\n",                              0},
    {"Received: a\nReceived: b\n\nReceived: c\n",                                             2},
    {"Received: a\r\nReceived",                                                               1},
    {"Received: a\r\n\rReceived: b",                                                          1},
};

static void
test_hops(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(hops_cases); i++) {
        gsize length = strlen(hops_cases[i].message);
        g_autofree guint8 *exact = g_memdup2(hops_cases[i].message, length);

        g_test_message("row %u", i);
        g_assert_cmpuint(ims_smtp_count_hops(exact, length), ==, hops_cases[i].hops);
    }
}

#define ADD_BODY(name, function)                                                                   \
    g_test_add("/ims/smtp/body/" name, BodyFixture, NULL, body_set_up, function, body_tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(dots_cases); i++) {
        g_autofree char *path = g_strdup_printf("/ims/smtp/dots/%s", dots_cases[i].name);

        g_test_add_data_func(path, &dots_cases[i], test_dots);
    }
    g_test_add_func("/ims/smtp/dots/round-trip", test_dots_round_trip);
    ADD_BODY("memory", test_body_memory);
    ADD_BODY("spools-beyond-the-budget", test_body_spools);
    ADD_BODY("limit", test_body_limit);
    ADD_BODY("no-limit", test_body_no_limit);
    ADD_BODY("no-room", test_body_no_room);
    ADD_BODY("empty", test_body_empty);
    ADD_BODY("eight-bit", test_body_eight_bit);
    g_test_add_func("/ims/smtp/S-143-hops", test_hops);
    return g_test_run();
}
