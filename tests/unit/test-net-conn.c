/* What a session may count on, on the simulated world: input, resume, time-outs, end. */
#include "net/sim-world.h"

#include <string.h>

#include "tests/unit/net-lines.h"

typedef struct {
    ImsWorld *world;
    GString *trace;
    LinesOptions options;
    Lines *lines; /* the newest */
    ImsSimConn *conn;
} Fixture;

static ImsSession *
new_lines(ImsConn *conn, gpointer data)
{
    Fixture *f = data;
    ImsSession *session = lines_new(conn, &f->options);

    f->lines = (Lines *)session;
    return session;
}

static void
set_up(Fixture *f, gconstpointer data)
{
    ImsConnInfo info = {.peer_port = 1234};

    g_assert_true(ims_address_parse("192.0.2.1", &info.peer));
    f->world = ims_sim_world_new(1, 0);
    f->trace = g_string_new(NULL);
    f->options = (LinesOptions){.trace = f->trace, .timeout_sec = 60};
    f->conn = ims_sim_conn_open(f->world, &info, new_lines, f);
}

static void
tear_down(Fixture *f, gconstpointer data)
{
    ims_sim_conn_close(f->conn);
    ims_sim_world_settle(f->world);
    ims_sim_world_free(f->world);
    /* However the test went, there was one end. */
    g_assert_true(g_str_has_suffix(f->trace->str, "c"));
    g_assert_true(strchr(f->trace->str, 'c') == strrchr(f->trace->str, 'c'));
    g_string_free(f->trace, TRUE);
}

static void
say(Fixture *f, const char *text)
{
    ims_sim_conn_send(f->conn, text, strlen(text));
    ims_sim_world_settle(f->world);
}

static void
assert_heard(Fixture *f, const char *wanted)
{
    GString *heard = ims_sim_conn_take(f->conn);

    g_assert_cmpstr(heard->str, ==, wanted);
    g_string_free(heard, TRUE);
}

static gsize
heard_bytes(Fixture *f)
{
    GString *heard = ims_sim_conn_take(f->conn);
    gsize length = heard->len;

    g_string_free(heard, TRUE);
    return length;
}

static void
test_echo(Fixture *f, gconstpointer data)
{
    const ImsConnInfo *info = ims_conn_info(f->lines->conn);

    g_assert_cmpuint(info->id, ==, 1);
    g_assert_cmpuint(info->peer_port, ==, 1234);
    g_assert_cmpuint(info->peer.family, ==, 4);
    g_assert_true(ims_conn_executor(f->lines->conn) == ims_world_worker(f->world, 0));
    assert_heard(f, "");
    ims_sim_world_settle(f->world);
    assert_heard(f, "hello\r\n");
    say(f, "ECHO a\r\nECHO b\r\nnonsense\r\n");
    assert_heard(f, "a\r\nb\r\nwhat?\r\n");
}

static void
test_bytewise(Fixture *f, gconstpointer data)
{
    const char *script = "ECHO one\r\nECHO two\nHOLD\r\nECHO three\r\nQUIT\r\nECHO four\r\n";

    for (const char *p = script; *p != '\0'; p++) {
        ims_sim_conn_send(f->conn, p, 1);
        ims_sim_world_settle(f->world);
    }
    ims_sim_world_advance(f->world, 2 * G_USEC_PER_SEC);
    assert_heard(f, "hello\r\none\r\ntwo\r\nhold done\r\nthree\r\nbye\r\n");
    g_assert_true(ims_sim_conn_is_closed(f->conn));
}

static void
test_close_in_input(Fixture *f, gconstpointer data)
{
    say(f, "QUIT\r\nECHO never\r\n");
    assert_heard(f, "hello\r\nbye\r\n");
    g_assert_true(ims_sim_conn_is_closed(f->conn));
    g_assert_cmpstr(f->trace->str, ==, "ic");
    say(f, "ECHO never\r\n");
    assert_heard(f, "");
}

static void
test_abort_in_input(Fixture *f, gconstpointer data)
{
    ims_sim_world_settle(f->world);
    assert_heard(f, "hello\r\n");
    say(f, "ABORT\r\nECHO never\r\n");
    assert_heard(f, "");
    g_assert_cmpstr(f->trace->str, ==, "ic");
}

static void
test_hold_and_wake(Fixture *f, gconstpointer data)
{
    say(f, "HOLD\r\nECHO after\r\n");
    assert_heard(f, "hello\r\n");
    say(f, "ECHO more\r\n");
    ims_sim_world_advance(f->world, G_USEC_PER_SEC);
    assert_heard(f, "hold done\r\nafter\r\nmore\r\n");
}

static void
test_wake_with_nothing(Fixture *f, gconstpointer data)
{
    ims_conn_wake(f->lines->conn);
    ims_sim_world_settle(f->world);
    g_assert_cmpstr(f->trace->str, ==, "i");
}

static void
test_later(Fixture *f, gconstpointer data)
{
    say(f, "LATER\r\n");
    g_assert_cmpstr(f->trace->str, ==, "ir");
}

static void
test_high_water(Fixture *f, gconstpointer data)
{
    ims_sim_conn_set_stalled(f->conn, TRUE);
    say(f, "BIG 20\r\n");
    g_assert_cmpuint(ims_conn_pending(f->lines->conn), ==, 7 + 4 * 65536);
    g_assert_cmpuint(f->lines->blocks, ==, 16);
    ims_sim_conn_set_stalled(f->conn, FALSE);
    ims_sim_world_settle(f->world);
    g_assert_cmpuint(heard_bytes(f), ==, 7 + 20 * 65536 + 5);
    /* Four blocks each time; the fifth finds nothing left. */
    g_assert_cmpstr(f->trace->str, ==, "irrrrr");
}

static void
test_output_limit(Fixture *f, gconstpointer data)
{
    g_autofree guint8 *block = g_malloc0(1024 * 1024);
    g_autoptr(GBytes) body = g_bytes_new(block, 1024 * 1024);

    ims_sim_conn_set_stalled(f->conn, TRUE);
    ims_sim_world_settle(f->world);
    for (guint i = 0; i < 64; i++)
        ims_conn_write_bytes(f->lines->conn, body, 0, 1024 * 1024);
    ims_sim_world_settle(f->world);
    g_assert_false(ims_sim_conn_is_closed(f->conn)); /* references do not count */
    for (guint i = 0; i < 17; i++)
        ims_conn_write(f->lines->conn, block, 1024 * 1024);
    ims_sim_world_settle(f->world);
    g_assert_true(ims_sim_conn_is_closed(f->conn));
    g_assert_cmpstr(f->trace->str, ==, "c");
}

/* Pieces of every kind come out in order, however they were cut. */
static void
test_output_order(Fixture *f, gconstpointer data)
{
    g_autoptr(GString) wanted = g_string_new("hello\r\n");
    g_autoptr(GBytes) body = NULL;
    GString *heard;
    g_autofree char *text = g_malloc(70000);

    for (guint i = 0; i < 70000; i++)
        text[i] = (char)('a' + i % 23);
    body = g_bytes_new(text, 70000);
    for (gsize length = 1; length < 70000; length = length * 3 + 1) {
        ims_conn_write(f->lines->conn, text, length);
        ims_conn_write_bytes(f->lines->conn, body, 70000 - length, length);
        g_string_append_len(wanted, text, (gssize)length);
        g_string_append_len(wanted, text + 70000 - length, (gssize)length);
    }
    ims_sim_world_settle(f->world);
    heard = ims_sim_conn_take(f->conn);
    g_assert_cmpmem(heard->str, heard->len, wanted->str, wanted->len);
    g_string_free(heard, TRUE);
}

static void
test_input_limit(Fixture *f, gconstpointer data)
{
    g_autofree char *junk = g_strnfill(100, 'x');

    ims_conn_set_input_limit(f->lines->conn, 120);
    say(f, "HOLD\r\n");
    for (guint i = 0; i < 5; i++)
        say(f, junk);
    /* Two chunks fit, so the session was not asked again after that. */
    g_assert_cmpstr(f->trace->str, ==, "iii");
    say(f, "\r\n.\r\n");
    ims_sim_world_advance(f->world, G_USEC_PER_SEC);
    ims_conn_set_input_limit(f->lines->conn, 4096);
    ims_sim_world_settle(f->world);
    assert_heard(f, "hello\r\nhold done\r\nwhat?\r\n");
}

/* ---- time-outs ---- */

static void
test_timeout(Fixture *f, gconstpointer data)
{
    ims_sim_world_advance(f->world, 59 * G_USEC_PER_SEC);
    say(f, "ECHO x\r\n");
    ims_sim_world_advance(f->world, 59 * G_USEC_PER_SEC);
    say(f, "half a line is input, too");
    ims_sim_world_advance(f->world, 60 * G_USEC_PER_SEC - 1);
    assert_heard(f, "hello\r\nx\r\n");
    ims_sim_world_advance(f->world, 1);
    assert_heard(f, "too slow\r\n");
    g_assert_true(ims_sim_conn_is_closed(f->conn));
    g_assert_cmpstr(f->trace->str, ==, "iiTc");
}

static void
test_timeout_off(Fixture *f, gconstpointer data)
{
    ims_conn_set_timeout(f->lines->conn, 0);
    ims_sim_world_advance(f->world, 2000 * G_USEC_PER_SEC);
    g_assert_cmpstr(f->trace->str, ==, "");
    ims_conn_set_timeout(f->lines->conn, 5);
    ims_sim_world_advance(f->world, 5 * G_USEC_PER_SEC);
    g_assert_cmpstr(f->trace->str, ==, "Tc");
}

static void
test_timeout_shorter(Fixture *f, gconstpointer data)
{
    ims_sim_world_advance(f->world, G_USEC_PER_SEC);
    ims_conn_set_timeout(f->lines->conn, 2);
    ims_sim_world_advance(f->world, 2 * G_USEC_PER_SEC);
    g_assert_cmpstr(f->trace->str, ==, "Tc");
}

static void
test_timeout_busy(Fixture *f, gconstpointer data)
{
    ims_conn_set_busy(f->lines->conn, TRUE);
    ims_sim_world_advance(f->world, 1000 * G_USEC_PER_SEC);
    g_assert_cmpstr(f->trace->str, ==, "");
    ims_conn_set_busy(f->lines->conn, FALSE);
    ims_sim_world_advance(f->world, 59 * G_USEC_PER_SEC);
    g_assert_cmpstr(f->trace->str, ==, "");
    ims_sim_world_advance(f->world, G_USEC_PER_SEC);
    g_assert_cmpstr(f->trace->str, ==, "Tc");
}

/* Who does not read what he asked for is cut off without a farewell. */
static void
test_timeout_stalled(Fixture *f, gconstpointer data)
{
    ims_sim_world_settle(f->world);
    ims_sim_conn_set_stalled(f->conn, TRUE);
    say(f, "BIG 1\r\n");
    ims_sim_world_advance(f->world, 59 * G_USEC_PER_SEC);
    say(f, "ECHO this counts not\r\n");
    ims_sim_world_advance(f->world, G_USEC_PER_SEC);
    g_assert_true(ims_sim_conn_is_closed(f->conn));
    g_assert_cmpstr(f->trace->str, ==, "iic");
}

static void
test_close_stalled(Fixture *f, gconstpointer data)
{
    ims_sim_conn_set_stalled(f->conn, TRUE);
    say(f, "QUIT\r\n");
    ims_sim_world_advance(f->world, 29 * G_USEC_PER_SEC);
    g_assert_false(ims_sim_conn_is_closed(f->conn));
    ims_sim_world_advance(f->world, G_USEC_PER_SEC);
    g_assert_true(ims_sim_conn_is_closed(f->conn));
}

/* ---- the peer's end ---- */

static void
test_eof(Fixture *f, gconstpointer data)
{
    ims_sim_conn_send(f->conn, "ECHO a\r\nECHO b\r\n", 16);
    ims_sim_conn_shut(f->conn);
    ims_sim_world_settle(f->world);
    assert_heard(f, "hello\r\na\r\nb\r\n");
    g_assert_true(ims_sim_conn_is_closed(f->conn));
}

static void
test_eof_while_held(Fixture *f, gconstpointer data)
{
    say(f, "HOLD\r\nECHO a\r\n");
    ims_sim_conn_shut(f->conn);
    ims_sim_world_settle(f->world);
    g_assert_false(ims_sim_conn_is_closed(f->conn));
    ims_sim_world_advance(f->world, G_USEC_PER_SEC);
    assert_heard(f, "hello\r\nhold done\r\na\r\n");
    g_assert_true(ims_sim_conn_is_closed(f->conn));
}

static void
test_eof_while_busy(Fixture *f, gconstpointer data)
{
    say(f, "SLOW\r\n");
    ims_sim_conn_shut(f->conn);
    ims_sim_world_settle(f->world);
    g_assert_false(ims_sim_conn_is_closed(f->conn));
    ims_sim_world_advance(f->world, G_USEC_PER_SEC);
    assert_heard(f, "hello\r\nslow done\r\n");
    g_assert_true(ims_sim_conn_is_closed(f->conn));
}

static void
test_eof_while_sending(Fixture *f, gconstpointer data)
{
    say(f, "BIG 50\r\n");
    ims_sim_conn_set_stalled(f->conn, TRUE);
    ims_sim_conn_send(f->conn, "BIG 50\r\n", 8);
    ims_sim_conn_shut(f->conn);
    ims_sim_world_settle(f->world);
    g_assert_false(ims_sim_conn_is_closed(f->conn));
    ims_sim_conn_set_stalled(f->conn, FALSE);
    ims_sim_world_settle(f->world);
    g_assert_cmpuint(heard_bytes(f), ==, 7 + 2 * (50 * 65536 + 5));
    g_assert_true(ims_sim_conn_is_closed(f->conn));
}

/* What never becomes a line does not keep the connection for ever. */
static void
test_eof_half_line(Fixture *f, gconstpointer data)
{
    say(f, "ECHO a\r\nQUI");
    ims_sim_conn_shut(f->conn);
    ims_sim_world_advance(f->world, 4 * G_USEC_PER_SEC);
    assert_heard(f, "hello\r\na\r\n");
    g_assert_true(ims_sim_conn_is_closed(f->conn));
}

static void
test_peer_gone_while_busy(Fixture *f, gconstpointer data)
{
    say(f, "SLOW\r\n");
    ims_sim_conn_close(f->conn);
    f->conn = NULL;
    ims_sim_world_settle(f->world);
    g_assert_cmpstr(f->trace->str, ==, "i");
    ims_sim_world_advance(f->world, G_USEC_PER_SEC);
    g_assert_cmpstr(f->trace->str, ==, "ic");
}

/* ---- TLS and stopping ---- */

/* RFC 3207, 4.2: what was sent in clear behind the command is not read as if it had come by TLS. */
static void
test_tls_drops_clear_text(Fixture *f, gconstpointer data)
{
    say(f, "TLS\r\nECHO injected\r\n");
    assert_heard(f, "hello\r\ngo\r\nsecret\r\n");
    g_assert_true(ims_sim_conn_tls_wanted(f->conn));
    g_assert_cmpstr(f->trace->str, ==, "it");
    say(f, "ECHO inside\r\nTLS\r\n");
    assert_heard(f, "inside\r\nwhat?\r\n");
}

static void
test_tls_not_available(Fixture *f, gconstpointer data)
{
    ims_sim_conn_set_tls_available(f->conn, FALSE);
    say(f, "TLS\r\nECHO a\r\n");
    assert_heard(f, "hello\r\nwhat?\r\na\r\n");
    g_assert_false(ims_sim_conn_tls_wanted(f->conn));
}

/* Nothing of either side passes meanwhile, and the session does not wait for ever. */
static void
test_tls_no_handshake(Fixture *f, gconstpointer data)
{
    ims_sim_conn_set_tls_silent(f->conn, TRUE);
    say(f, "TLS\r\n");
    assert_heard(f, "hello\r\ngo\r\n");
    ims_conn_puts(f->lines->conn, "not in clear\r\n");
    say(f, "ECHO not in clear\r\n");
    ims_sim_world_advance(f->world, 29 * G_USEC_PER_SEC);
    g_assert_false(ims_sim_conn_is_closed(f->conn));
    ims_sim_world_advance(f->world, G_USEC_PER_SEC);
    g_assert_true(ims_sim_conn_is_closed(f->conn));
    assert_heard(f, "");
    g_assert_cmpstr(f->trace->str, ==, "ic");
}

static void
test_stop(Fixture *f, gconstpointer data)
{
    ims_sim_world_stop_sessions(f->world);
    assert_heard(f, "hello\r\nstopping\r\n");
    g_assert_cmpstr(f->trace->str, ==, "Sc");
}

static void
stopped(gpointer data)
{
    g_string_append_c(((Fixture *)data)->trace, '!');
}

static void
test_stop_grace(Fixture *f, gconstpointer data)
{
    say(f, "HOLD\r\n");
    ims_world_stop_sessions(f->world, G_USEC_PER_SEC / 2, stopped, f);
    ims_sim_world_settle(f->world);
    g_assert_cmpstr(f->trace->str, ==, "iS");
    ims_sim_world_advance(f->world, G_USEC_PER_SEC / 2);
    g_assert_cmpstr(f->trace->str, ==, "iSc!");
    g_string_truncate(f->trace, 3);
}

static ImsSession *
no_session(ImsConn *conn, gpointer data)
{
    return NULL;
}

static void
test_no_session(Fixture *f, gconstpointer data)
{
    ImsConnInfo info = {0};
    ImsSimConn *conn = ims_sim_conn_open(f->world, &info, no_session, NULL);

    ims_sim_conn_send(conn, "x", 1);
    ims_sim_world_settle(f->world);
    g_assert_true(ims_sim_conn_is_closed(conn));
    ims_sim_conn_close(conn);
}

static const struct {
    const char *path;
    void (*run)(Fixture *f, gconstpointer data);
} cases[] = {
    {"echo",                     test_echo                },
    {"bytewise",                 test_bytewise            },
    {"close-in-input",           test_close_in_input      },
    {"abort-in-input",           test_abort_in_input      },
    {"hold-and-wake",            test_hold_and_wake       },
    {"wake-with-nothing",        test_wake_with_nothing   },
    {"later",                    test_later               },
    {"high-water",               test_high_water          },
    {"output-limit",             test_output_limit        },
    {"output-order",             test_output_order        },
    {"input-limit",              test_input_limit         },
    {"timeout",                  test_timeout             },
    {"timeout/off",              test_timeout_off         },
    {"timeout/shorter",          test_timeout_shorter     },
    {"timeout/busy",             test_timeout_busy        },
    {"timeout/stalled",          test_timeout_stalled     },
    {"timeout/close-stalled",    test_close_stalled       },
    {"eof",                      test_eof                 },
    {"eof/while-held",           test_eof_while_held      },
    {"eof/while-busy",           test_eof_while_busy      },
    {"eof/while-sending",        test_eof_while_sending   },
    {"eof/half-line",            test_eof_half_line       },
    {"eof/peer-gone-while-busy", test_peer_gone_while_busy},
    {"tls/drops-clear-text",     test_tls_drops_clear_text},
    {"tls/no-handshake",         test_tls_no_handshake    },
    {"tls/not-available",        test_tls_not_available   },
    {"stop",                     test_stop                },
    {"stop/grace",               test_stop_grace          },
    {"no-session",               test_no_session          },
};

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/net/conn/", cases[i].path, NULL);

        g_test_add(path, Fixture, NULL, set_up, cases[i].run, tear_down);
    }
    return g_test_run();
}
