/* Settings of [Limits] that an SMTP session keeps. */
#include "tests/unit/smtp-fixture.h"
#include <string.h>

static const char *const to_bob[] = {"bob@example.com", NULL};

static void
test_line(void)
{
    SmtpFixture *f = smtp_fixture_new(0);
    g_autofree char *fill = g_strnfill(600 - 5 - 2, 'x');
    g_autofree char *just = g_strdup_printf("NOOP %s\r\n", fill);
    g_autofree char *over = g_strdup_printf("NOOP x%s\r\n", fill);
    ImsSimConn *conn;

    f->config->smtp_line = 600;
    conn = smtp_open(f);
    g_free(smtp_take(conn));
    smtp_expect(f, conn, just, "250 OK\r\n");
    smtp_expect(f, conn, over, "500 Command line too long\r\n");
    smtp_expect(f, conn, "NOOP\r\n", "250 OK\r\n");
    ims_sim_conn_close(conn);
    smtp_fixture_free(f);
}

/* The body structure of the only message of bob. (transfer full) */
static char *
structure(SmtpFixture *f)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsFolder) folder = ims_store_find_folder(f->service.store, f->bob, "INBOX", &error);
    g_autoptr(GPtrArray) rows = NULL;
    guint32 uid = 1;

    g_assert_no_error(error);
    rows = ims_store_read_rows(f->service.store, folder->id, &uid, 1, TRUE, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(rows->len, ==, 1);
    return g_strdup(((ImsMessageRow *)rows->pdata[0])->summary->bodystructure);
}

static char *
deliver_nested(const ImsMimeLimits *limits)
{
    SmtpFixture *f = smtp_fixture_new(0);
    ImsSimConn *conn;
    char *text;

    f->config->mime_limits = *limits;
    conn = smtp_open(f);
    smtp_to_data(f, conn, "a@far.example", to_bob);
    smtp_expect(f, conn,
                "MIME-Version: 1.0\r\nContent-Type: multipart/MIXED; boundary=a\r\n\r\n"
                "--a\r\nContent-Type: multipart/MIXED; boundary=b\r\n\r\n"
                "--b\r\nContent-Type: image/DEEP\r\n\r\nx\r\n--b--\r\n"
                "--a\r\nContent-Type: image/LAST\r\n\r\nx\r\n--a--\r\n.\r\n",
                "250 OK\r\n");
    text = structure(f);
    ims_sim_conn_close(conn);
    smtp_fixture_free(f);
    return text;
}

static void
test_mime(void)
{
    const ImsMimeLimits none = {0}, shallow = {.max_depth = 1}, few = {.max_parts = 2},
                        short_header = {.max_header_size = 64};
    g_autofree char *whole = deliver_nested(&none), *depth = deliver_nested(&shallow),
                    *parts = deliver_nested(&few), *header = deliver_nested(&short_header);

    g_assert_nonnull(strstr(whole, "\"DEEP\""));
    g_assert_nonnull(strstr(whole, "\"LAST\""));
    g_assert_null(strstr(depth, "\"DEEP\""));
    g_assert_null(strstr(parts, "\"LAST\""));
    g_assert_null(strstr(header, "\"MIXED\""));
}

int
main(int argc, char **argv)
{
    g_setenv("TZ", "UTC0", TRUE);
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/ims/smtp/limits/line", test_line);
    g_test_add_func("/ims/smtp/limits/mime", test_mime);
    return g_test_run();
}
