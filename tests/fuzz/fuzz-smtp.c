/*
 * Whole SMTP sessions against a small organisation in memory. The first byte says how the rest is
 * split; what must hold: each reply line begins with a code, and a session that is gone holds no
 * memory of the budget.
 */
#include "tests/unit/smtp-fixture.h"
#include <string.h>

#define ROUNDS_PER_WORLD 5000

int LLVMFuzzerTestOneInput(const guint8 *bytes, gsize length);

static void
check_replies(const GString *out)
{
    const char *line = out->str, *end;

    for (; (end = strstr(line, "\r\n")) != NULL; line = end + 2) {
        g_assert(end - line >= 4);
        g_assert(g_ascii_isdigit(line[0]) && g_ascii_isdigit(line[1]) && g_ascii_isdigit(line[2]));
        g_assert(line[3] == ' ' || line[3] == '-');
    }
    g_assert(*line == '\0');
}

int
LLVMFuzzerTestOneInput(const guint8 *bytes, gsize length)
{
    static SmtpFixture *f;
    static guint rounds;
    gsize step = length > 0 ? (gsize)bytes[0] + 1 : 1;
    ImsSimConn *conn;
    GString *out;

    if (f == NULL)
        f = smtp_fixture_new(SMTP_CLEAR);
    conn = smtp_open(f);
    for (gsize at = 1; at < length; at += step) {
        ims_sim_conn_send(conn, bytes + at, MIN(step, length - at));
        ims_sim_world_settle(f->world);
    }
    out = ims_sim_conn_take(conn);
    check_replies(out);
    g_string_free(out, TRUE);
    ims_sim_conn_close(conn);
    ims_sim_world_settle(f->world);
    g_assert(f->service.data_buffered == 0);
    g_free(ims_log_take(f->service.log));
    if (++rounds % ROUNDS_PER_WORLD == 0)
        g_clear_pointer(&f, smtp_fixture_free);
    return 0;
}
