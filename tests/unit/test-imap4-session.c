/* What scripts cannot show: long replies to slow clients, groups of APPENDs, limits, connections
 * that go at any moment. */
#include "store/store-private.h"
#include "tests/unit/imap4-play.h"

#include <glib/gstdio.h>
#include <string.h>

#define DATE_USEC (G_GINT64_CONSTANT(942331014) * G_USEC_PER_SEC)

static void
set_up(Imap4World *self, gconstpointer unused)
{
    imap4_world_set_up(self, TRUE);
}

static void
tear_down(Imap4World *self, gconstpointer unused)
{
    imap4_world_tear_down(self);
}

static void
deliver(Imap4World *self, guint first, guint last)
{
    for (guint i = first; i <= last; i++)
        imap4_world_deliver(self, self->alice, NULL, imap4_sample(i), 0, DATE_USEC, 0);
}

static void
log_on(Imap4World *self, const char *client)
{
    g_autofree char *greeting = imap4_world_talk(self, client, "");
    g_autofree char *reply = imap4_world_talk(self, client, "l LOGIN alice secret\r\n");

    g_assert_true(g_str_has_prefix(greeting, "* OK Microsoft Exchange IMAP4rev1 "));
    g_assert_cmpstr(reply, ==, "l OK LOGIN completed.\r\n");
}

static guint
count(const char *text, const char *what)
{
    guint n = 0;

    for (text = strstr(text, what); text != NULL; text = strstr(text + 1, what))
        n++;
    return n;
}

/* Talks, and checks that the reply ends with @end. (transfer full) */
static char *
talk(Imap4World *self, const char *client, const char *text, const char *end)
{
    char *reply = imap4_world_talk(self, client, text);

    if (!g_str_has_suffix(reply, end))
        g_error("wanted %s\ngot %.3000s", end, reply);
    return reply;
}

static void
check(Imap4World *self, const char *client, const char *text, const char *end)
{
    g_free(talk(self, client, text, end));
}

/* ---- long replies ---- */

/* A client that does not read makes the server stop, not hoard; then it gets everything. */
static void
test_slow_reader(Imap4World *self, gconstpointer unused)
{
    ImsSimConn *conn;
    GString *reply;
    char *body = g_strnfill(40000, 'x');
    guint n = 60;

    for (guint i = 0; i < n; i++)
        imap4_world_deliver(self, self->alice, NULL, g_bytes_new(body, 40000), 0, DATE_USEC, 0);
    g_free(body);
    log_on(self, "a");
    check(self, "a", "s SELECT INBOX\r\n", "s OK [READ-WRITE] SELECT completed.\r\n");
    conn = imap4_world_client(self, "a");
    ims_sim_conn_set_stalled(conn, TRUE);
    check(self, "a", "f FETCH 1:* (UID BODY.PEEK[])\r\nn NOOP\r\n", "");
    ims_sim_conn_set_stalled(conn, FALSE);
    ims_sim_world_settle(self->world);
    reply = ims_sim_conn_take(conn);
    g_assert_cmpuint(count(reply->str, " FETCH (UID "), ==, n);
    g_assert_cmpuint(reply->len, >, n * 40000);
    g_assert_true(
        g_str_has_suffix(reply->str, ")\r\nf OK FETCH completed.\r\nn OK NOOP completed.\r\n"));
    g_string_free(reply, TRUE);
}

static void
test_many_messages(Imap4World *self, gconstpointer unused)
{
    g_autofree char *flags = NULL, *envelopes = NULL, *texts = NULL, *stored = NULL, *gone = NULL;
    guint n = 1500;

    deliver(self, 1, n);
    log_on(self, "a");
    check(self, "a", "s SELECT INBOX\r\n", "s OK [READ-WRITE] SELECT completed.\r\n");
    flags = talk(self, "a", "f FETCH 1:* (UID FLAGS)\r\n", "f OK FETCH completed.\r\n");
    g_assert_cmpuint(count(flags, " FETCH (UID "), ==, n);
    envelopes =
        talk(self, "a", "e FETCH 1:* (ENVELOPE BODYSTRUCTURE)\r\n", "e OK FETCH completed.\r\n");
    g_assert_cmpuint(count(envelopes, " FETCH (ENVELOPE "), ==, n);
    g_assert_nonnull(strstr(envelopes, "* 1500 FETCH (ENVELOPE (\"Mon, 7 Feb 1994 21:52:25 -0800\" "
                                       "\"message 1500\""));
    texts = talk(self, "a", "t UID SEARCH TEXT \"message 149\"\r\n", "t OK SEARCH completed.\r\n");
    g_assert_cmpstr(texts, ==,
                    "* SEARCH 149 1490 1491 1492 1493 1494 1495 1496 1497 1498 1499\r\n"
                    "t OK SEARCH completed.\r\n");
    stored = talk(self, "a", "d STORE 1:1000 +FLAGS (\\Deleted)\r\n", "d OK STORE completed.\r\n");
    g_assert_cmpuint(count(stored, " FETCH (FLAGS (\\Deleted"), ==, 1000);
    gone = talk(self, "a", "x EXPUNGE\r\n", "x OK EXPUNGE completed.\r\n");
    g_assert_cmpuint(count(gone, "* 1 EXPUNGE\r\n"), ==, 1000);
    /* every message read at once: each becomes \Seen */
    g_free(g_steal_pointer(&texts));
    texts = talk(self, "a", "b FETCH 1:* BODY[TEXT]\r\n", "b OK FETCH completed.\r\n");
    g_assert_cmpuint(count(texts, "FETCH (FLAGS (\\Seen \\Recent) BODY[TEXT]"), ==, 500);
    check(self, "a", "u SEARCH UNSEEN\r\n", "* SEARCH\r\nu OK SEARCH completed.\r\n");
}

static void
test_pipelined(Imap4World *self, gconstpointer unused)
{
    g_autoptr(GString) commands = g_string_new(NULL);
    g_autofree char *reply = NULL;
    guint at = 0;

    log_on(self, "a");
    for (guint i = 0; i < 2000; i++)
        g_string_append_printf(commands, "t%u NOOP\r\n", i);
    reply = imap4_world_talk(self, "a", commands->str);
    for (guint i = 0; i < 2000; i++) {
        g_autofree char *wanted = g_strdup_printf("t%u OK NOOP completed.\r\n", i);

        g_assert_true(g_str_has_prefix(reply + at, wanted));
        at += (guint)strlen(wanted);
    }
    g_assert_cmpstr(reply + at, ==, "");
}

/* ---- APPEND ---- */

/* Pipelined APPENDs go to the store together: far fewer commits than messages. */
static void
test_append_group(Imap4World *self, gconstpointer unused)
{
    g_autoptr(GString) commands = g_string_new(NULL);
    g_autofree char *reply = NULL;
    ImsStoreStats before, after;

    log_on(self, "a");
    for (guint i = 0; i < 64; i++)
        g_string_append_printf(commands, "t%u APPEND INBOX {6+}\r\na: b\r\n\r\n", i);
    ims_store_stats(self->store, &before);
    reply = imap4_world_talk(self, "a", commands->str);
    ims_store_stats(self->store, &after);
    g_assert_cmpuint(count(reply, " OK [APPENDUID "), ==, 64);
    g_assert_cmpuint(after.messages - before.messages, ==, 64);
    g_assert_cmpuint(after.commits - before.commits, <=, 8);
    check(self, "a", "s STATUS INBOX (MESSAGES UIDNEXT)\r\n",
          "* STATUS INBOX (MESSAGES 64 UIDNEXT 65)\r\ns OK STATUS completed.\r\n");
}

/* Removes what lies in @path; only files of @only_size octets unless that is 0. */
static void
remove_files(const char *path, gsize only_size)
{
    g_autoptr(GDir) dir = g_dir_open(path, 0, NULL);
    const char *name;

    while (dir != NULL && (name = g_dir_read_name(dir)) != NULL) {
        g_autofree char *child = g_build_filename(path, name, NULL);
        GStatBuf status;

        if (g_file_test(child, G_FILE_TEST_IS_DIR))
            remove_files(child, only_size);
        else if (only_size == 0 ||
                 (g_stat(child, &status) == 0 && (gsize)status.st_size == only_size))
            g_assert_cmpint(g_unlink(child), ==, 0);
    }
    if (only_size == 0)
        g_rmdir(path);
}

/* I-112: the body of one message cannot be had; the others can, and the session goes on. */
static void
test_not_rendered(void)
{
    g_autofree char *directory = g_dir_make_tmp("imap4-XXXXXX", NULL);
    g_autofree char *body = g_strnfill(5000, 'x');
    Imap4World world;

    imap4_world_set_up_on(&world, FALSE, directory);
    imap4_world_deliver(&world, world.alice, NULL, g_bytes_new(body, 5000), 0, DATE_USEC, 0);
    deliver(&world, 1, 1);
    remove_files(directory, 5000);
    log_on(&world, "a");
    check(&world, "a", "s SELECT INBOX\r\n", "s OK [READ-WRITE] SELECT completed.\r\n");
    check(&world, "a", "f FETCH 1 BODY.PEEK[]\r\n",
          "f NO The requested item could not be found.\r\n");
    check(&world, "a", "g FETCH 2 BODY.PEEK[TEXT]\r\n",
          "* 2 FETCH (BODY[TEXT] {20}\r\nText of message 1.\r\n)\r\ng OK FETCH completed.\r\n");
    imap4_world_tear_down(&world);
    remove_files(directory, 0);
}

/* Over 1 MiB: summarized in the pool; every octet comes back. */
static void
test_append_large(Imap4World *self, gconstpointer unused)
{
    gsize size = 2 * 1024 * 1024 + 17;
    g_autoptr(GString) body = g_string_sized_new(size);
    g_autoptr(GString) command = g_string_new(NULL);
    g_autoptr(GRand) rand = g_rand_new_with_seed(3);
    g_autofree char *reply = NULL;
    const char *start;

    g_string_append(body, "Subject: large\r\n\r\n");
    while (body->len < size)
        g_string_append_c(body, (char)g_rand_int_range(rand, 1, 256));
    g_string_append_printf(command, "a APPEND INBOX {%" G_GSIZE_FORMAT "+}\r\n", body->len);
    g_string_append_len(command, body->str, (gssize)body->len);
    /* A small one after it does not overtake it. */
    g_string_append(command, "\r\ns APPEND INBOX {6+}\r\na: b\r\n\r\nb SELECT INBOX\r\n");
    log_on(self, "a");
    reply = talk(self, "a", command->str, "b OK [READ-WRITE] SELECT completed.\r\n");
    g_assert_nonnull(strstr(reply, " 1] APPEND completed.\r\ns OK [APPENDUID "));
    g_assert_nonnull(strstr(reply, " 2] APPEND completed.\r\n* 2 EXISTS\r\n"));
    g_free(g_steal_pointer(&reply));
    reply = talk(self, "a", "c FETCH 1 RFC822\r\n", ")\r\nc OK FETCH completed.\r\n");
    start = strstr(reply, "}\r\n");
    g_assert_nonnull(start);
    g_assert_cmpint(memcmp(start + 3, body->str, body->len), ==, 0);
}

static void
test_append_refused(Imap4World *self, gconstpointer unused)
{
    g_autoptr(GString) command = g_string_new("a APPEND INBOX {3145729+}\r\n");
    ImsSimConn *conn;
    static const char with_nul[] = "n APPEND INBOX {3+}\r\na\0b\r\n";
    GString *reply;

    log_on(self, "a");
    for (guint i = 0; i < 3145729; i++)
        g_string_append_c(command, 'x');
    g_string_append(command, "\r\nb NOOP\r\n");
    check(self, "a", command->str,
          "a NO [TOOBIG] The message is too large.\r\nb OK NOOP completed.\r\n");
    conn = imap4_world_client(self, "a");
    ims_sim_conn_send(conn, with_nul, sizeof with_nul - 1);
    ims_sim_world_settle(self->world);
    reply = ims_sim_conn_take(conn);
    g_assert_cmpstr(reply->str, ==, "n NO [CANNOT] The message holds NUL.\r\n");
    g_string_free(reply, TRUE);
    /* a length that no one could drain ends the connection */
    check(self, "a", "c APPEND INBOX {4294967295+}\r\n",
          "* BYE Command line or literal is too long.\r\n");
    g_assert_true(ims_sim_conn_is_closed(conn));
    check(self, "b", "s STATUS INBOX (MESSAGES)\r\n",
          "s BAD Command is not valid in this state.\r\n");
    log_on(self, "c");
    check(self, "c", "s STATUS INBOX (MESSAGES)\r\n",
          "* STATUS INBOX (MESSAGES 0)\r\ns OK STATUS completed.\r\n");
}

/* ---- logon ---- */

static void
test_logon_window(Imap4World *self, gconstpointer unused)
{
    g_assert_false(ims_logon_windows_check(self->windows, &self->info.peer, NULL));
    check(self, "a", "l LOGIN alice wrong\r\n",
          "l NO Logon failure: unknown user name or bad password.\r\n");
    g_assert_false(ims_logon_windows_check(self->windows, &self->info.peer, NULL));
    check(self, "a", "l LOGIN alice secret\r\n", "l OK LOGIN completed.\r\n");
    for (guint i = 0; i < 4; i++) { /* open as long as the session lasts */
        ims_sim_world_advance(self->world, 25 * 60 * G_GINT64_CONSTANT(1000000));
        check(self, "a", "n NOOP\r\n", "n OK NOOP completed.\r\n");
    }
    g_assert_true(ims_logon_windows_check(self->windows, &self->info.peer, NULL));
    check(self, "a", "o LOGOUT\r\n", "o OK LOGOUT completed.\r\n");
    ims_sim_world_advance(self->world, 29 * 60 * G_GINT64_CONSTANT(1000000));
    g_assert_true(ims_logon_windows_check(self->windows, &self->info.peer, NULL));
    ims_sim_world_advance(self->world, 2 * 60 * G_GINT64_CONSTANT(1000000));
    g_assert_false(ims_logon_windows_check(self->windows, &self->info.peer, NULL));
}

static void
test_account_limit(Imap4World *self, gconstpointer unused)
{
    for (guint i = 0; i < 8; i++) {
        g_autofree char *name = g_strdup_printf("c%u", i);

        log_on(self, name);
    }
    check(self, "more", "l LOGIN alice secret\r\n",
          "l NO [LIMIT] Too many sessions of this account.\r\n");
    check(self, "c3", "o LOGOUT\r\n", "o OK LOGOUT completed.\r\n");
    check(self, "more", "l LOGIN alice secret\r\n", "l OK LOGIN completed.\r\n");
}

/* bob has no mailbox in the store yet: it is made at his first logon. */
static void
test_first_logon(Imap4World *self, gconstpointer unused)
{
    g_assert_false(ims_store_has_mailbox(self->store, self->bob));
    check(self, "b", "l LOGIN bob hidden\r\ns SELECT INBOX\r\n",
          "s OK [READ-WRITE] SELECT completed.\r\n");
    g_assert_true(ims_store_has_mailbox(self->store, self->bob));
}

/* ---- a store that cannot write ---- */

static const char no_store[] =
    "NO [UNAVAILABLE] The Microsoft Exchange Information Store is unavailable.\r\n";

/* What would change something is answered NO; reading goes on, and what is read stays unseen. */
static void
test_failed_store(Imap4World *self, gconstpointer unused)
{
    static const char *const writes[] = {
        "x STORE 1 +FLAGS (\\Seen)\r\n",
        "x COPY 1 Drafts\r\n",
        "x MOVE 1 Drafts\r\n",
        "x EXPUNGE\r\n",
        "x CREATE new\r\n",
        "x DELETE Drafts\r\n",
        "x RENAME Drafts new\r\n",
        "x SUBSCRIBE new\r\n",
        "x APPEND INBOX {6+}\r\na: b\r\n\r\n",
    };
    g_autofree char *log = NULL;

    deliver(self, 1, 2);
    log_on(self, "a");
    check(self, "a", "s SELECT INBOX\r\nd STORE 2 +FLAGS.SILENT (\\Deleted)\r\n",
          "d OK STORE completed.\r\n");
    ims_store_set_failed(self->store, "the test says so");
    for (guint i = 0; i < G_N_ELEMENTS(writes); i++) {
        g_autofree char *wanted = g_strdup_printf("x %s", no_store);
        g_autofree char *reply = imap4_world_talk(self, "a", writes[i]);

        g_assert_cmpstr(reply, ==, wanted);
    }
    check(self, "a", "f FETCH 1 (FLAGS BODY[TEXT])\r\n",
          "* 1 FETCH (FLAGS (\\Recent) BODY[TEXT] {20}\r\nText of message 1.\r\n)\r\n"
          "f OK FETCH completed.\r\n");
    check(self, "a", "c CLOSE\r\n", no_store);
    check(self, "a", "n NOOP\r\n", "n OK NOOP completed.\r\n");
    log = ims_log_take(self->log);
    g_assert_nonnull(strstr(log, "imap4-error command=APPEND"));
}

/* ---- commands made to cost much ---- */

static void
test_costly_pattern(Imap4World *self, gconstpointer unused)
{
    g_autofree char *level = g_strnfill(240, 'a');
    g_autofree char *half = g_strnfill(120, 'a');
    g_autofree char *pattern = g_strdup_printf("l LIST \"\" *%%%s%%b\r\n", half);

    log_on(self, "a");
    for (guint i = 0; i < 20; i++) {
        g_autofree char *create =
            g_strdup_printf("c CREATE %s%u/%s/%s/%s\r\n", level, i, level, level, level);

        check(self, "a", create, "c OK CREATE completed.\r\n");
    }
    check(self, "a", pattern, "l NO [LIMIT] The pattern is too complex.\r\n");
    check(self, "a", "l LIST \"\" *a\r\n", "l OK LIST completed.\r\n");
}

static void
test_costly_search(Imap4World *self, gconstpointer unused)
{
    g_autoptr(GString) command = g_string_new("s SEARCH");

    deliver(self, 1, 3);
    log_on(self, "a");
    check(self, "a", "s SELECT INBOX\r\n", "s OK [READ-WRITE] SELECT completed.\r\n");
    for (guint i = 0; i < 25; i++)
        g_string_append(command, " TEXT x");
    g_string_append(command, "\r\n");
    check(self, "a", command->str, "s BAD Protocol Error: \"Too many search keys\".\r\n");
    g_string_assign(command, "s SEARCH");
    for (guint i = 0; i < 1001; i++)
        g_string_append(command, " ALL");
    g_string_append(command, "\r\n");
    check(self, "a", command->str, "s BAD Protocol Error: \"Too many search keys\".\r\n");
    g_string_assign(command, "s SEARCH");
    for (guint i = 0; i < 900; i++)
        g_string_append(command, " NOT SEEN");
    g_string_append(command, "\r\n");
    check(self, "a", command->str, "s BAD Protocol Error: \"Too many search keys\".\r\n");
    g_string_assign(command, "s SEARCH");
    for (guint i = 0; i < 490; i++)
        g_string_append(command, " NOT SEEN");
    g_string_append(command, "\r\n");
    check(self, "a", command->str, "* SEARCH 1 2 3\r\ns OK SEARCH completed.\r\n");
    g_string_assign(command, "s SEARCH");
    for (guint i = 0; i < 120; i++)
        g_string_append(command, " NOT");
    g_string_append(command, " ALL\r\n");
    check(self, "a", command->str,
          "s BAD Protocol Error: \"Search keys are nested too deeply\".\r\n");
}

/* ---- the connection goes while something is under way ---- */

static const char *const under_way[] = {
    "x LOGIN alice secret\r\n",
    "x AUTHENTICATE PLAIN AGFsaWNlAHNlY3JldA==\r\n",
    "x LOGIN bob hidden\r\n",
    "x SELECT INBOX\r\n",
    "x FETCH 1:* BODY[]\r\n",
    "x FETCH 1:* (ENVELOPE BODYSTRUCTURE)\r\n",
    "x STORE 1:* +FLAGS (\\Flagged)\r\n",
    "x SEARCH TEXT message\r\n",
    "x SEARCH FROM person\r\n",
    "x COPY 1:* Drafts\r\n",
    "x MOVE 1:* Drafts\r\n",
    "x EXPUNGE\r\n",
    "x CLOSE\r\n",
    "x IDLE\r\n",
    "x CREATE new\r\n",
    "x RENAME INBOX new\r\n",
    "x APPEND INBOX {3+}\r\nabc\r\ny APPEND INBOX {3+}\r\nabc\r\nz NOOP\r\n",
    "x APPEND INBOX {30}\r\nabc",
    "x LOGOUT\r\n",
    "x STARTTLS\r\n",
};

typedef struct {
    Imap4World *world;
    guint turns;
    gboolean stop;
} Drop;

static void
drop_later(gpointer data)
{
    Drop *drop = data;

    if (drop->turns-- > 0)
        ims_world_post(drop->world->world, ims_world_main(drop->world->world), drop_later, drop);
    else
        ims_account_sessions_drop(drop->world->sessions, "EXAMPLE\\alice");
}

/* @turns of the loop after the command was sent the server closes the connection. */
static void
drop_after(const char *command, guint turns, gboolean authenticated)
{
    Imap4World world;
    Drop drop = {&world, turns, FALSE};
    ImsSimConn *conn;

    imap4_world_set_up(&world, TRUE);
    deliver(&world, 1, 70);
    if (authenticated) {
        log_on(&world, "a");
        check(&world, "a", "s SELECT INBOX\r\nd STORE 1:20 +FLAGS.SILENT (\\Deleted)\r\n",
              "d OK STORE completed.\r\n");
    }
    conn = imap4_world_client(&world, "a");
    ims_sim_conn_send(conn, command, strlen(command));
    drop_later(&drop);
    ims_sim_world_settle(world.world);
    imap4_world_tear_down(&world);
}

static void
test_dropped(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(under_way); i++) {
        for (guint turns = 0; turns < 12; turns++) {
            drop_after(under_way[i], turns, TRUE);
            if (i < 3)
                drop_after(under_way[i], turns, FALSE);
        }
    }
}

/* The client has sent its command and gone; what it asked for is done all the same, and nothing is
 * touched after. */
static void
test_client_gone(void)
{
    for (guint i = 0; i < G_N_ELEMENTS(under_way); i++) {
        Imap4World world;
        ImsSimConn *conn;

        imap4_world_set_up(&world, TRUE);
        deliver(&world, 1, 70);
        log_on(&world, "a");
        check(&world, "a", "s SELECT INBOX\r\n", "s OK [READ-WRITE] SELECT completed.\r\n");
        conn = imap4_world_client(&world, "a");
        ims_sim_conn_send(conn, under_way[i], strlen(under_way[i]));
        g_hash_table_remove_all(world.clients);
        ims_sim_world_settle(world.world);
        ims_sim_world_advance(world.world, 60 * G_GINT64_CONSTANT(1000000));
        imap4_world_tear_down(&world);
    }
}

/* The service stops while a command is under way: its reply comes, then the farewell. */
static void
test_stop_after_command(Imap4World *self, gconstpointer unused)
{
    ImsSimConn *conn;
    GString *reply;

    deliver(self, 1, 70);
    log_on(self, "a");
    check(self, "a", "s SELECT INBOX\r\n", "s OK [READ-WRITE] SELECT completed.\r\n");
    conn = imap4_world_client(self, "a");
    ims_sim_conn_set_stalled(conn, TRUE);
    check(self, "a", "x SEARCH TEXT zebra\r\n", "");
    ims_sim_conn_set_stalled(conn, FALSE);
    ims_sim_world_stop_sessions(self->world);
    reply = ims_sim_conn_take(conn);
    g_assert_cmpstr(
        reply->str, ==,
        "* SEARCH\r\nx OK SEARCH completed.\r\n* BYE Microsoft Exchange IMAP4rev1 server "
        "version " IMAP4_BUILD " signing off\r\n");
    g_string_free(reply, TRUE);
}

/* ---- fuzz: fragments of commands put together at random, in random pieces ---- */

static const char *const fragments[] = {
    "a FETCH 1:* ",
    "BODY[]",
    "(FLAGS UID)\r\n",
    "a UID FETCH ",
    "1:*",
    " ALL\r\n",
    "BODY.PEEK[1]",
    "<0.9>",
    "\r\n",
    "\r\n",
    "{3+}\r\n",
    "abc",
    "a APPEND INBOX",
    " (\\Seen)",
    " ",
    "(",
    ")",
    "a SEARCH ",
    "NOT ",
    "OR ",
    "TEXT x",
    "FROM \"a\"",
    "a STORE 1 ",
    "+FLAGS",
    " \\Deleted",
    "a EXPUNGE\r\n",
    "a IDLE\r\n",
    "DONE\r\n",
    "a LIST ",
    "\"\" *",
    "a COPY 1 ",
    "Drafts\r\n",
    "a CLOSE\r\n",
    "a NOOP\r\n",
    "{9}\r\n",
    "a SELECT INBOX\r\n",
    "a CREATE x/y",
    "a RENAME INBOX z",
    "a STATUS INBOX ",
    "(MESSAGES)",
    "HEADER.FIELDS (A)",
    "[",
    "]",
    "a AUTHENTICATE PLAIN\r\n",
    "*\r\n",
    "a LOGOUT\r\n",
    "&AOQ-",
    "a UID ",
};

static void
fuzz_round(GRand *rand)
{
    Imap4World world;
    ImsSimConn *conn;

    imap4_world_set_up(&world, g_rand_boolean(rand));
    world.settings.max_errors = 1000;
    deliver(&world, 1, 3);
    log_on(&world, "a");
    check(&world, "a", "s SELECT INBOX\r\n", "s OK [READ-WRITE] SELECT completed.\r\n");
    conn = imap4_world_client(&world, "a");
    for (guint i = 0; i < 400; i++) {
        const char *fragment = fragments[g_rand_int_range(rand, 0, (gint)G_N_ELEMENTS(fragments))];

        ims_sim_conn_send(conn, fragment, strlen(fragment));
        if (g_rand_boolean(rand))
            ims_sim_world_settle(world.world);
    }
    ims_sim_world_settle(world.world);
    imap4_world_tear_down(&world);
}

static void
test_fuzz(void)
{
    g_autoptr(GRand) rand = g_rand_new_with_seed(20261125);

    for (guint round = 0; round < 100; round++)
        fuzz_round(rand);
}

#define ADD(path, function)                                                                        \
    g_test_add("/imap4/session/" path, Imap4World, NULL, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("slow-reader", test_slow_reader);
    ADD("many-messages", test_many_messages);
    ADD("pipelined", test_pipelined);
    ADD("append-group", test_append_group);
    ADD("append-large", test_append_large);
    ADD("append-refused", test_append_refused);
    ADD("logon-window", test_logon_window);
    ADD("account-limit", test_account_limit);
    ADD("first-logon", test_first_logon);
    ADD("failed-store", test_failed_store);
    ADD("costly-pattern", test_costly_pattern);
    ADD("costly-search", test_costly_search);
    ADD("stop-after-command", test_stop_after_command);
    g_test_add_func("/imap4/session/I-112-not-rendered", test_not_rendered);
    g_test_add_func("/imap4/session/dropped", test_dropped);
    g_test_add_func("/imap4/session/client-gone", test_client_gone);
    g_test_add_func("/imap4/session/fuzz", test_fuzz);
    return g_test_run();
}
