#include "tests/unit/imap4-play.h"

#include <string.h>

#define START_USEC (G_GINT64_CONSTANT(1764061200) * G_USEC_PER_SEC) /* 25 Nov 2025 09:00 UTC */

/* ---- the world ---- */

typedef struct {
    ImsSimConn *conn;
    GString *received; /* not compared yet */
} Client;

static void
client_free(gpointer data)
{
    Client *client = data;

    ims_sim_conn_close(client->conn);
    g_string_free(client->received, TRUE);
    g_free(client);
}

static ImsMailboxId
add_mailbox(Imap4World *self, const char *name, const char *password)
{
    g_autofree char *address = g_strconcat(name, "@example.com", NULL);
    g_autofree char *account = g_strconcat("EXAMPLE\\", name, NULL);
    char *addresses[] = {address, NULL};
    ImsRecipient recipient = {.kind = IMS_RECIPIENT_MAILBOX,
                              .alias = (char *)name,
                              .addresses = addresses,
                              .account = account};
    g_autoptr(GError) error = NULL;
    guint64 id = 0;

    ims_directory_add_account(self->directory, account, password, &error);
    g_assert_no_error(error);
    ims_directory_add_recipient(self->directory, &recipient, &id, &error);
    g_assert_no_error(error);
    return id;
}

typedef struct {
    ImsStoreOp *op;
    gboolean done;
} Wait;

static void
op_done(ImsStoreOp *op, gpointer data)
{
    Wait *wait = data;

    g_assert_no_error(op->error);
    wait->done = TRUE;
    ims_store_op_free(op);
}

static void
submit(gpointer data)
{
    Wait *wait = data;
    Imap4World *self = wait->op->data;

    wait->op->data = wait;
    ims_store_submit(self->store, wait->op);
}

static void
run_op(Imap4World *self, ImsStoreOp *op)
{
    Wait wait = {op, FALSE};

    op->done = op_done;
    op->data = self;
    ims_world_post(self->world, ims_world_main(self->world), submit, &wait);
    ims_sim_world_settle(self->world);
    g_assert_true(wait.done);
}

static void
make_mailbox(Imap4World *self, ImsMailboxId mailbox)
{
    ImsFolderOp *op = (ImsFolderOp *)ims_store_op_new(IMS_OP_MAILBOX_CREATE, NULL, NULL);

    op->mailbox = mailbox;
    run_op(self, &op->op);
}

void
imap4_world_set_up_on(Imap4World *self, gboolean extended, const char *store_directory)
{
    static const ImsLogonWindowOptions windows = {.enabled = TRUE, .minutes = 30};
    ImsStoreOptions store = {.engine =
                                 store_directory != NULL ? IMS_ENGINE_SQLITE : IMS_ENGINE_MEMORY,
                             .directory = store_directory,
                             .inline_body_limit = 1000};
    ImsDirectoryOptions directory = {.default_domain = "EXAMPLE", .hash_cost = 1};
    g_autoptr(GError) error = NULL;

    memset(self, 0, sizeof *self);
    self->world = ims_sim_world_new(1, START_USEC);
    self->log = ims_log_new_memory();
    self->store = ims_store_open(self->world, &store, &error);
    g_assert_no_error(error);
    self->directory = ims_directory_open(self->world, &directory, &error);
    g_assert_no_error(error);
    self->windows = ims_logon_windows_new(self->world, &windows);
    self->sessions = ims_account_sessions_new(self->world);
    self->alice = add_mailbox(self, "alice", "secret");
    self->bob = add_mailbox(self, "bob", "hidden");
    make_mailbox(self, self->alice);
    self->settings = (ImsImap4Settings){.build = IMAP4_BUILD,
                                        .host = "mail02",
                                        .extended = extended,
                                        .max_errors = 10,
                                        .max_account_sessions = 8,
                                        .max_literal = 3 * 1024 * 1024,
                                        .store = self->store,
                                        .directory = self->directory,
                                        .windows = self->windows,
                                        .log = self->log,
                                        .sessions = self->sessions};
    self->clients = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, client_free);
    self->info.clear_text_logon = TRUE;
    self->info.peer_port = 40000;
    self->info.local_port = 143;
    g_assert_true(ims_address_parse("192.0.2.7", &self->info.peer));
    g_assert_true(ims_address_parse("192.0.2.1", &self->info.local));
    self->tls = TRUE;
}

void
imap4_world_set_up(Imap4World *self, gboolean extended)
{
    imap4_world_set_up_on(self, extended, NULL);
}

void
imap4_world_tear_down(Imap4World *self)
{
    g_hash_table_unref(self->clients);
    ims_sim_world_settle(self->world);
    ims_account_sessions_free(self->sessions);
    ims_logon_windows_free(self->windows);
    ims_store_close(self->store);
    ims_directory_close(self->directory);
    ims_sim_world_settle(self->world);
    ims_sim_world_free(self->world);
    ims_log_free(self->log);
}

static Client *
get_client(Imap4World *self, const char *name)
{
    Client *client = g_hash_table_lookup(self->clients, name);

    if (client != NULL)
        return client;
    client = g_new0(Client, 1);
    client->received = g_string_new(NULL);
    self->info.id = ++self->n_clients;
    client->conn =
        ims_sim_conn_open(self->world, &self->info, ims_imap4_session_new, &self->settings);
    ims_sim_conn_set_tls_available(client->conn, self->tls);
    g_hash_table_insert(self->clients, g_strdup(name), client);
    ims_sim_world_settle(self->world);
    return client;
}

ImsSimConn *
imap4_world_client(Imap4World *self, const char *name)
{
    return get_client(self, name)->conn;
}

char *
imap4_world_talk(Imap4World *self, const char *name, const char *text)
{
    ImsSimConn *conn = imap4_world_client(self, name);

    ims_sim_conn_send(conn, text, strlen(text));
    ims_sim_world_settle(self->world);
    return g_string_free(ims_sim_conn_take(conn), FALSE);
}

void
imap4_world_deliver(Imap4World *self, ImsMailboxId mailbox, const char *folder, GBytes *body,
                    guint64 flags, gint64 date_usec, gint zone_min)
{
    ImsDeliverOp *op = (ImsDeliverOp *)ims_store_op_new(IMS_OP_DELIVER, NULL, NULL);
    ImsDeliverTarget target = {.mailbox = mailbox, .flags = flags};

    if (folder != NULL) {
        g_autoptr(ImsFolder) there = ims_store_find_folder(self->store, mailbox, folder, NULL);

        g_assert_nonnull(there);
        target.folder = there->id;
    }
    op->body = body;
    op->summary = ims_mime_summarize(body, &(ImsMimeLimits){0});
    op->internal_date_usec = date_usec;
    op->internal_zone_min = (gint16)zone_min;
    op->targets = ims_deliver_targets_new();
    g_array_append_val(op->targets, target);
    run_op(self, &op->op);
}

GBytes *
imap4_sample(guint number)
{
    char *text =
        g_strdup_printf("Received: from a.example by b.example; Mon, 7 Feb 1994 21:52:25 -0800\r\n"
                        "From: Person %u <person%u@dept.example>\r\n"
                        "To: alice@example.com\r\n"
                        "Subject: message %u\r\n"
                        "Date: Mon, 7 Feb 1994 21:52:25 -0800\r\n"
                        "Message-ID: <%u@dept.example>\r\n"
                        "\r\n"
                        "Text of message %u.\r\n",
                        number, number, number, number, number);

    return g_bytes_new_take(text, strlen(text));
}

/* ---- scripts ---- */

typedef struct {
    Imap4World world;
    const char *path;
    guint line;
    gboolean bytewise;
    gboolean is_up, extended;
    char *session;
    GString *to_send;
} Player;

static Client *
present_client(Player *player)
{
    if (!player->is_up) {
        imap4_world_set_up(&player->world, player->extended);
        player->is_up = TRUE;
    }
    return get_client(&player->world, player->session);
}

static void
collect(Client *client)
{
    g_autoptr(GString) more = NULL;

    more = ims_sim_conn_take(client->conn);
    g_string_append_len(client->received, more->str, (gssize)more->len);
}

static void
fail_at(Player *player, const char *what, const char *wanted, const char *got)
{
    g_error("%s:%u: %s\n  wanted: %s\n  got:    %s", player->path, player->line, what, wanted, got);
}

/* Sends what C: lines have gathered. */
static void
send_gathered(Player *player)
{
    Client *client;
    gsize step = player->bytewise ? 1 : player->to_send->len;

    if (player->to_send->len == 0)
        return;
    client = present_client(player);
    collect(client);
    if (client->received->len > 0)
        fail_at(player, "more came than the script expects", "(nothing)", client->received->str);
    for (gsize at = 0; at < player->to_send->len; at += step) {
        ims_sim_conn_send(client->conn, player->to_send->str + at,
                          MIN(step, player->to_send->len - at));
        ims_sim_world_settle(player->world.world);
    }
    collect(client);
    g_string_truncate(player->to_send, 0);
}

/* `??` matches any text. */
static gboolean
matches(const char *pattern, const char *text)
{
    const char *any = strstr(pattern, "??");
    gsize length;

    if (any == NULL)
        return strcmp(pattern, text) == 0;
    length = (gsize)(any - pattern);
    if (strncmp(pattern, text, length) != 0)
        return FALSE;
    for (text += length; *text != '\0'; text++) {
        if (matches(any + 2, text))
            return TRUE;
    }
    return matches(any + 2, text);
}

static void
expect(Player *player, const char *pattern)
{
    Client *client;
    char *end;

    send_gathered(player);
    client = present_client(player);
    collect(client);
    end = strstr(client->received->str, "\r\n");
    if (end == NULL)
        fail_at(player, "the line did not come", pattern, client->received->str);
    *end = '\0';
    if (!matches(pattern, client->received->str))
        fail_at(player, "another line came", pattern, client->received->str);
    g_string_erase(client->received, 0, end + 2 - client->received->str);
}

static void
expect_nothing(Player *player)
{
    GHashTableIter iter;
    gpointer name, value;

    if (!player->is_up)
        return;
    g_hash_table_iter_init(&iter, player->world.clients);
    while (g_hash_table_iter_next(&iter, &name, &value)) {
        Client *client = value;

        collect(client);
        if (client->received->len > 0)
            fail_at(player, "more came than the script expects", name, client->received->str);
    }
}

static void
log_on(Player *player)
{
    g_string_append(player->to_send, "login LOGIN alice secret\r\n");
    expect(player, "login OK LOGIN completed.");
}

static void
deliver(Player *player, const char *argument)
{
    g_auto(GStrv) words = g_strsplit(argument, " ", 2);
    guint count = (guint)g_ascii_strtoull(words[1], NULL, 10);

    for (guint i = 1; i <= count; i++)
        imap4_world_deliver(&player->world, player->world.alice, words[0], imap4_sample(i), 0,
                            G_GINT64_CONSTANT(942331014) * G_USEC_PER_SEC, -360);
}

static void
deliver_file(Player *player, const char *name)
{
    g_autofree char *directory = g_path_get_dirname(player->path);
    g_autofree char *path = g_build_filename(directory, name, NULL);
    g_auto(GStrv) lines = NULL;
    char *text, *crlf;
    g_autoptr(GError) error = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    lines = g_strsplit(text, "\n", -1);
    crlf = g_strjoinv("\r\n", lines);
    g_free(text);
    imap4_world_deliver(&player->world, player->world.alice, NULL,
                        g_bytes_new_take(crlf, strlen(crlf)), 0,
                        G_GINT64_CONSTANT(942331014) * G_USEC_PER_SEC, -360);
}

static void
expect_log(Player *player, const char *pattern)
{
    g_autofree char *text = ims_log_take(player->world.log);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (guint i = 0; lines[i] != NULL; i++) {
        if (matches(pattern, lines[i]))
            return;
    }
    fail_at(player, "the log has no such line", pattern, text);
}

static void
go_on_as(Player *player, const char *name)
{
    gboolean known;

    g_free(player->session);
    player->session = g_strdup(name);
    known = player->is_up && g_hash_table_contains(player->world.clients, name);
    present_client(player);
    if (!known)
        expect(player,
               "* OK Microsoft Exchange IMAP4rev1 server version " IMAP4_BUILD " (mail02) ready");
}

static void
run_directive(Player *player, const char *word, const char *argument)
{
    Imap4World *world = &player->world;

    send_gathered(player);
    if (strcmp(word, "@face") == 0) {
        g_assert_false(player->is_up);
        player->extended = strcmp(argument, "extended") == 0;
        return;
    }
    if (!player->is_up) {
        imap4_world_set_up(world, player->extended);
        player->is_up = TRUE;
    }
    if (strcmp(word, "@session") == 0) {
        go_on_as(player, argument);
    } else if (strcmp(word, "@login") == 0) {
        go_on_as(player, argument);
        log_on(player);
    } else if (strcmp(word, "@advance") == 0) {
        ims_sim_world_advance(world->world,
                              (gint64)g_ascii_strtoull(argument, NULL, 10) * G_USEC_PER_SEC);
    } else if (strcmp(word, "@closed") == 0) {
        if (!ims_sim_conn_is_closed(present_client(player)->conn))
            fail_at(player, "the connection is open", "closed", "open");
    } else if (strcmp(word, "@drop") == 0) {
        g_hash_table_remove(world->clients, player->session);
        ims_sim_world_settle(world->world);
    } else if (strcmp(word, "@stop") == 0) {
        ims_sim_world_stop_sessions(world->world);
        ims_sim_world_settle(world->world);
    } else if (strcmp(word, "@tls") == 0) {
        world->tls = strcmp(argument, "on") == 0;
    } else if (strcmp(word, "@clear") == 0) {
        world->info.clear_text_logon = strcmp(argument, "on") == 0;
    } else if (strcmp(word, "@deliver") == 0) {
        deliver(player, argument);
    } else if (strcmp(word, "@sample") == 0) {
        deliver_file(player, argument);
    } else if (strcmp(word, "@account") == 0) {
        ims_account_sessions_drop(world->sessions, argument);
        ims_sim_world_settle(world->world);
    } else if (strcmp(word, "@log") == 0) {
        expect_log(player, argument);
    } else {
        fail_at(player, "unknown directive", word, argument);
    }
}

static void
run_statement(Player *player, const char *statement)
{
    const char *blank = strchr(statement, ' ');
    const char *argument = blank != NULL ? blank + 1 : "";
    g_autofree char *word =
        blank != NULL ? g_strndup(statement, (gsize)(blank - statement)) : g_strdup(statement);

    if (*word == '\0' || *word == '#' || strcmp(word, "@only") == 0)
        return;
    if (strcmp(word, "C:") == 0)
        g_string_append_printf(player->to_send, "%s\r\n", argument);
    else if (strcmp(word, "C-") == 0)
        g_string_append(player->to_send, argument);
    else if (strcmp(word, "S:") == 0)
        expect(player, argument);
    else
        run_directive(player, word, argument);
}

void
imap4_play(const char *path, gboolean bytewise)
{
    Player player = {.path = path, .bytewise = bytewise, .extended = TRUE};
    g_autofree char *text = NULL;
    g_auto(GStrv) statements = NULL;
    g_autoptr(GError) error = NULL;

    g_file_get_contents(path, &text, NULL, &error);
    g_assert_no_error(error);
    if (bytewise && strstr(text, "\n@only whole\n") != NULL) {
        g_test_skip("the script is about what comes together");
        return;
    }
    statements = g_strsplit(text, "\n", -1);
    player.to_send = g_string_new(NULL);
    player.session = g_strdup("one");
    for (player.line = 1; statements[player.line - 1] != NULL; player.line++)
        run_statement(&player, statements[player.line - 1]);
    send_gathered(&player);
    expect_nothing(&player);
    if (player.is_up)
        imap4_world_tear_down(&player.world);
    g_string_free(player.to_send, TRUE);
    g_free(player.session);
}
