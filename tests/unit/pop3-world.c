#include "tests/unit/pop3-world.h"

#include <string.h>

#define START_USEC (G_GINT64_CONSTANT(1764000000) * G_USEC_PER_SEC)

static guint64
add_mailbox(Pop3World *self, const char *alias, const char *account, const char *address)
{
    ImsRecipient recipient = {
        .kind = IMS_RECIPIENT_MAILBOX,
        .alias = (char *)alias,
        .addresses = (char *[]){(char *)address, NULL},
        .account = (char *)account
    };
    g_autoptr(GError) error = NULL;
    guint64 id = 0;

    ims_directory_add_recipient(self->directory, &recipient, &id, &error);
    g_assert_no_error(error);
    return id;
}

static void
fill_directory(Pop3World *self)
{
    ImsDirectoryOptions options = {
        .default_domain = "EXAMPLE", .cache_sec = 300, .hash_cost = 1, .log = self->log};
    ImsRecipient custom = {
        .kind = IMS_RECIPIENT_CUSTOM,
        .alias = (char *)"carol",
        .addresses = (char *[]){(char *)"carol@example.com", NULL},
        .target = (char *)"carol@far.example"
    };
    static const struct {
        const char *name, *password;
    } accounts[] = {
        {"alice",  "secret one"},
        {"bob",    "secret-b"  },
        {"carol",  "secret-c"  },
        {"nobody", "secret-n"  },
    };
    g_autoptr(GError) error = NULL;

    self->directory = ims_directory_open(self->world, &options, &error);
    g_assert_no_error(error);
    for (guint i = 0; i < G_N_ELEMENTS(accounts); i++) {
        ims_directory_add_account(self->directory, accounts[i].name, accounts[i].password, &error);
        g_assert_no_error(error);
    }
    self->alice = add_mailbox(self, "alice", "EXAMPLE\\alice", "alice@example.com");
    self->bob = add_mailbox(self, "bob", "EXAMPLE\\bob", "bob@example.com");
    ims_directory_add_recipient(self->directory, &custom, NULL, &error);
    g_assert_no_error(error);
}

void
pop3_world_set_up(Pop3World *self, gboolean extended, const char *store_directory)
{
    ImsStoreOptions store_options = {.engine = store_directory != NULL ? IMS_ENGINE_SQLITE
                                                                       : IMS_ENGINE_MEMORY,
                                     .directory = store_directory,
                                     .inline_body_limit = 1000};
    ImsLogonWindowOptions window_options = {.enabled = TRUE, .minutes = 30};
    g_autoptr(GError) error = NULL;

    *self = (Pop3World){.world = ims_sim_world_new(1, START_USEC), .log = ims_log_new_memory()};
    self->store = ims_store_open(self->world, &store_options, &error);
    g_assert_no_error(error);
    fill_directory(self);
    self->windows = ims_logon_windows_new(self->world, &window_options);
    self->sessions = ims_account_sessions_new(self->world);
    self->settings = (ImsPop3Settings){.build = "5.5.2653.23",
                                       .extended = extended,
                                       .idle_timeout_sec = 600,
                                       .store = self->store,
                                       .directory = self->directory,
                                       .windows = self->windows,
                                       .log = self->log,
                                       .sessions = self->sessions};
    pop3_world_deliver(self, self->bob, "Subject: of bob\r\n\r\nx\r\n", -1);
}

void
pop3_world_tear_down(Pop3World *self)
{
    ims_sim_world_stop_sessions(self->world);
    ims_sim_world_settle(self->world);
    ims_account_sessions_free(self->sessions);
    ims_logon_windows_free(self->windows);
    ims_directory_close(self->directory);
    ims_store_close(self->store);
    ims_sim_world_settle(self->world);
    ims_log_free(self->log);
    ims_sim_world_free(self->world);
}

/* ---- the store ---- */

static void
finished(ImsStoreOp *op, gpointer data)
{
    g_assert_no_error(op->error);
    *(gboolean *)data = TRUE;
    ims_store_op_free(op);
}

static void
submit(Pop3World *self, ImsStoreOp *op)
{
    gboolean done = FALSE;

    op->done = finished;
    op->data = &done;
    ims_store_submit(self->store, op);
    ims_sim_world_settle(self->world);
    g_assert_true(done);
}

static void
create_mailbox(Pop3World *self, ImsMailboxId mailbox)
{
    ImsStoreOp *op = ims_store_op_new(IMS_OP_MAILBOX_CREATE, NULL, NULL);

    ((ImsFolderOp *)op)->mailbox = mailbox;
    submit(self, op);
}

void
pop3_world_deliver_to(Pop3World *self, ImsMailboxId mailbox, const char *folder, const char *body,
                      gssize length)
{
    ImsStoreOp *op = ims_store_op_new(IMS_OP_DELIVER, NULL, NULL);
    ImsDeliverOp *deliver = (ImsDeliverOp *)op;
    ImsDeliverTarget target = {.mailbox = mailbox};

    create_mailbox(self, mailbox);
    if (folder != NULL) {
        g_autoptr(ImsFolder) found = ims_store_find_folder(self->store, mailbox, folder, NULL);

        g_assert_nonnull(found);
        target.folder = found->id;
    }
    deliver->body = g_bytes_new(body, length < 0 ? strlen(body) : (gsize)length);
    deliver->summary = ims_mime_summarize(deliver->body, &(ImsMimeLimits){0});
    deliver->internal_date_usec = ims_world_wall_usec(self->world);
    deliver->targets = ims_deliver_targets_new();
    g_array_append_val(deliver->targets, target);
    submit(self, op);
}

void
pop3_world_deliver(Pop3World *self, ImsMailboxId mailbox, const char *body, gssize length)
{
    pop3_world_deliver_to(self, mailbox, NULL, body, length);
}

guint
pop3_world_count(Pop3World *self, ImsMailboxId mailbox)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsFolder) inbox = ims_store_find_folder(self->store, mailbox, "INBOX", &error);

    g_assert_no_error(error);
    return inbox->messages;
}

void
pop3_world_remove(Pop3World *self, ImsMailboxId mailbox, gboolean only_messages)
{
    g_autoptr(ImsFolder) inbox = ims_store_find_folder(self->store, mailbox, "INBOX", NULL);
    ImsStoreOp *op =
        ims_store_op_new(only_messages ? IMS_OP_EXPUNGE : IMS_OP_MAILBOX_DELETE, NULL, NULL);

    if (only_messages)
        ((ImsExpungeOp *)op)->folder = inbox->id;
    else
        ((ImsFolderOp *)op)->mailbox = mailbox;
    submit(self, op);
}

/* ---- talking ---- */

ImsSimConn *
pop3_world_open(Pop3World *self, Pop3Listener listener)
{
    ImsConnInfo info = {.peer_port = 40000, .local_port = 110};
    ImsSimConn *conn;

    ims_address_parse("203.0.113.7", &info.peer);
    ims_address_parse("192.0.2.1", &info.local);
    info.clear_text_logon = listener == POP3_CLEAR;
    conn = ims_sim_conn_open(self->world, &info, ims_pop3_session_new, &self->settings);
    ims_sim_conn_set_tls_available(conn, listener != POP3_NO_TLS);
    ims_sim_world_settle(self->world);
    return conn;
}

static char *
take(ImsSimConn *conn)
{
    return g_string_free(ims_sim_conn_take(conn), FALSE);
}

char *
pop3_world_say(Pop3World *self, ImsSimConn *conn, const char *text)
{
    ims_sim_conn_send(conn, text, strlen(text));
    ims_sim_world_settle(self->world);
    return take(conn);
}

void
pop3_world_expect(Pop3World *self, ImsSimConn *conn, const char *said, const char *wanted)
{
    g_autofree char *got = pop3_world_say(self, conn, said);

    g_assert_cmpstr(got, ==, wanted);
}

ImsSimConn *
pop3_world_log_on(Pop3World *self)
{
    ImsSimConn *conn = pop3_world_open(self, POP3_CLEAR);

    pop3_world_expect(self, conn, POP3_LOGON, POP3_GREETING POP3_LOGGED_ON);
    return conn;
}

/* Whatever is under way ends: repeated failures of a logon are answered up to five seconds later.
 */
static void
pass_time(Pop3World *self)
{
    ims_sim_world_settle(self->world);
    ims_sim_world_advance(self->world, 6 * G_USEC_PER_SEC);
}

static void
feed_line(Pop3World *self, ImsSimConn *conn, const char *line, Pop3Feed feed)
{
    g_autofree char *text = g_strconcat(line, "\r\n", NULL);

    if (feed != POP3_BYTES) {
        ims_sim_conn_send(conn, text, strlen(text));
        if (feed == POP3_LINES)
            pass_time(self);
        return;
    }
    for (const char *p = text; *p != '\0'; p++) {
        ims_sim_conn_send(conn, p, 1);
        ims_sim_world_settle(self->world);
    }
    pass_time(self);
}

/* Takes one line off @received and compares it. */
static void
check_line(GString *received, const char *expected, gboolean regex)
{
    char *end = strstr(received->str, "\r\n");
    g_autofree char *line = NULL;

    if (end == NULL) {
        g_test_message("expected: %s; got only: %s", expected, received->str);
        g_test_fail();
        return;
    }
    line = g_strndup(received->str, (gsize)(end - received->str));
    g_string_erase(received, 0, (gssize)(end - received->str) + 2);
    if (!regex)
        g_assert_cmpstr(line, ==, expected);
    else if (!g_regex_match_simple(expected, line, G_REGEX_RAW, 0))
        g_error("%s does not match %s", line, expected);
}

static void
collect(ImsSimConn *conn, GString *received)
{
    GString *more = ims_sim_conn_take(conn);

    g_string_append_len(received, more->str, (gssize)more->len);
    g_string_free(more, TRUE);
}

static void
play_line(Pop3World *self, ImsSimConn *conn, const char *line, Pop3Feed feed, GString *received)
{
    if (g_str_has_prefix(line, "C: ")) {
        if (feed != POP3_PIPELINED)
            g_assert_cmpstr(received->str, ==, ""); /* nothing that was not expected */
        if (feed != POP3_PIPELINED)
            feed_line(self, conn, line + 3, feed);
        collect(conn, received);
    } else if (g_str_has_prefix(line, "S: ") || g_str_has_prefix(line, "S/ ")) {
        check_line(received, line + 3, line[1] == '/');
    } else if (strcmp(line, "S. closed") == 0) {
        g_assert_true(ims_sim_conn_is_closed(conn));
    } else {
        g_assert_cmpstr(line, ==, "");
    }
}

void
pop3_world_play(Pop3World *self, Pop3Listener listener, const char *script, Pop3Feed feed,
                const guint *sizes)
{
    g_autoptr(GString) text = g_string_new(script);
    g_autoptr(GString) received = g_string_new(NULL);
    g_auto(GStrv) lines = NULL;
    ImsSimConn *conn = pop3_world_open(self, listener);

    for (guint i = 0; sizes != NULL && sizes[i] != 0; i++) {
        g_autofree char *place = g_strdup_printf("{%u}", i);
        g_autofree char *size = g_strdup_printf("%u", sizes[i]);

        g_string_replace(text, place, size, 0);
    }
    lines = g_strsplit(text->str, "\n", -1);
    for (guint i = 0; feed == POP3_PIPELINED && lines[i] != NULL; i++) {
        if (g_str_has_prefix(lines[i], "C: "))
            feed_line(self, conn, lines[i] + 3, feed);
    }
    pass_time(self);
    if (feed == POP3_PIPELINED)
        ims_sim_world_advance(self->world, 120 * G_USEC_PER_SEC);
    collect(conn, received);
    for (guint i = 0; lines[i] != NULL && !g_test_failed(); i++)
        play_line(self, conn, lines[i], feed, received);
    if (!g_test_failed())
        g_assert_cmpstr(received->str, ==, "");
    ims_sim_conn_close(conn);
    ims_sim_world_settle(self->world);
}
