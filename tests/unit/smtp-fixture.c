#include "tests/unit/smtp-fixture.h"
#include <string.h>

/* Wed, 25 Nov 2026 09:00:00 UTC */
#define START_USEC (1795597200 * SMTP_SEC)

/* ---- faults ---- */

void __real_ims_store_submit(ImsStore *store, ImsStoreOp *op);
void __wrap_ims_store_submit(ImsStore *store, ImsStoreOp *op);
gboolean __wrap_ims_store_is_congested(ImsStore *store);
void __real_ims_world_lookup(ImsWorld *world, ImsLookupKind kind, const char *name,
                             ImsLookupCallback callback, gpointer data);
void __wrap_ims_world_lookup(ImsWorld *world, ImsLookupKind kind, const char *name,
                             ImsLookupCallback callback, gpointer data);

typedef struct {
    ImsLookupCallback callback;
    gpointer data;
} Question;

static struct {
    ImsWorld *world;
    ImsStore *store;
    int code;
    guint after;
    gboolean hold, congested;
    GQueue held; /* (element-type ImsStoreOp) */
    gboolean hold_lookups;
    GQueue questions; /* (element-type Question) */
} faults = {.code = -1};

void
smtp_fail_submits(int code, guint after)
{
    faults.code = code;
    faults.after = after;
}

void
smtp_hold_submits(void)
{
    faults.hold = TRUE;
}

void
smtp_set_congested(gboolean congested)
{
    faults.congested = congested;
}

static void
complete(gpointer data)
{
    ImsStoreOp *op = data;

    op->done(op, op->data);
}

void
__wrap_ims_store_submit(ImsStore *store, ImsStoreOp *op)
{
    if (faults.hold) {
        g_queue_push_tail(&faults.held, op);
    } else if (faults.code >= 0 && faults.after-- == 0) {
        faults.after = 0;
        op->error = g_error_new(IMS_STORE_ERROR, faults.code, "made to fail");
        ims_world_post(faults.world, ims_world_current(faults.world), complete, op);
    } else {
        __real_ims_store_submit(store, op);
    }
}

void
smtp_release_submits(void)
{
    ImsStoreOp *op;

    faults.hold = FALSE;
    while ((op = g_queue_pop_head(&faults.held)) != NULL)
        __wrap_ims_store_submit(faults.store, op);
    ims_sim_world_settle(faults.world);
}

gboolean
__wrap_ims_store_is_congested(ImsStore *store)
{
    return faults.congested;
}

void
smtp_hold_lookups(void)
{
    faults.hold_lookups = TRUE;
}

void
__wrap_ims_world_lookup(ImsWorld *world, ImsLookupKind kind, const char *name,
                        ImsLookupCallback callback, gpointer data)
{
    Question *question;

    if (!faults.hold_lookups) {
        __real_ims_world_lookup(world, kind, name, callback, data);
        return;
    }
    question = g_new(Question, 1);
    question->callback = callback;
    question->data = data;
    g_queue_push_tail(&faults.questions, question);
}

void
smtp_answer_lookups(const char *name)
{
    ImsLookupRecord record = {.name = (char *)name};
    ImsLookupResult result = {IMS_LOOKUP_NOT_FOUND, 0, NULL};
    Question *question;

    if (name != NULL)
        result = (ImsLookupResult){IMS_LOOKUP_OK, 1, &record};
    faults.hold_lookups = FALSE;
    while ((question = g_queue_pop_head(&faults.questions)) != NULL) {
        question->callback(&result, question->data);
        g_free(question);
    }
    ims_sim_world_settle(faults.world);
}

/* ---- the organisation ---- */

static ImsConfig *
make_config(SmtpFlags flags)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text = g_strdup_printf(
        "[Emulation]\nProfile=%s\nAcceptHistoricRisk=yes\n"
        "[Server]\nHostName=mail.example.com\nSiteDomain=example.com\nOrganization=Example\nSite="
        "Site1\n"
        "[Listeners]\nSMTP=192.0.2.10:25\n"
        "[Routing]\nRerouteIncomingMail=%s\n"
        "[Routing "
        "List]\nexample.com=<inbound>\npartner.example=<relay>\nold.example=new.example.net\n"
        "spam.example=<blocked>\n"
        "[Routing Restrictions]\nRelayFlags=authenticated\n"
        "[Connections]\nDisableReverseResolve=%s\nDisableAuth=%s\nAdvertiseSMTPExtensions=%s\n"
        "AcceptMalformed821Adrs=%s\n"
        "[Internet Mail]\nAdministratorsMailbox=alice\n",
        (flags & SMTP_FAITHFUL) != 0 ? "faithful" : "extended",
        (flags & SMTP_NO_REROUTE) != 0 ? "no" : "yes",
        (flags & SMTP_NO_RESOLVE) != 0 ? "yes" : "no", (flags & SMTP_NO_AUTH) != 0 ? "yes" : "no",
        (flags & SMTP_PLAIN) != 0 ? "no" : "yes", (flags & SMTP_LAX) != 0 ? "yes" : "no");
    ImsConfig *config = ims_config_parse("/nowhere/ims.conf", text, strlen(text), &error);

    g_assert_no_error(error);
    /* All is in memory here: what does not fit there must not find a disk. */
    g_clear_pointer(&config->data_directory, g_free);
    return config;
}

static void
created(ImsStoreOp *op, gpointer data)
{
    g_assert_no_error(op->error);
    ims_store_op_free(op);
}

static guint64
add_recipient(SmtpFixture *f, ImsRecipientKind kind, const char *alias, char **members,
              const char *target)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *address = g_strconcat(alias, "@example.com", NULL);
    char *addresses[] = {address, NULL};
    ImsRecipient recipient = {
        .kind = kind,
        .alias = (char *)alias,
        .display_name = (char *)alias,
        .addresses = addresses,
        .members = members,
        .target = (char *)target,
    };
    g_autofree char *account = NULL;
    guint64 id;

    if (kind == IMS_RECIPIENT_MAILBOX) {
        account = g_strconcat("EXAMPLE\\", alias, NULL);
        ims_directory_add_account(f->service.directory, account, "secret1", &error);
        g_assert_no_error(error);
        recipient.account = account;
    }
    ims_directory_add_recipient(f->service.directory, &recipient, &id, &error);
    g_assert_no_error(error);
    if (kind == IMS_RECIPIENT_MAILBOX) {
        ImsStoreOp *op = ims_store_op_new(IMS_OP_MAILBOX_CREATE, created, NULL);

        ((ImsFolderOp *)op)->mailbox = id;
        ims_store_submit(f->service.store, op);
        ims_sim_world_settle(f->world);
    }
    return id;
}

static void
add_people(SmtpFixture *f)
{
    char *members[] = {(char *)"alice", (char *)"bob", (char *)"carol", NULL};

    f->alice = add_recipient(f, IMS_RECIPIENT_MAILBOX, "alice", NULL, NULL);
    f->bob = add_recipient(f, IMS_RECIPIENT_MAILBOX, "bob", NULL, NULL);
    add_recipient(f, IMS_RECIPIENT_CUSTOM, "carol", NULL, "carol@far.example");
    add_recipient(f, IMS_RECIPIENT_LIST, "staff", members, NULL);
}

static void
add_client_name(SmtpFixture *f)
{
    ImsLookupRecord record = {.name = (char *)"client.example.net"};
    ImsLookupResult result = {IMS_LOOKUP_OK, 1, &record};

    ims_sim_world_set_lookup(f->world, IMS_LOOKUP_PTR, "198.51.100.20", &result);
}

SmtpFixture *
smtp_fixture_new(SmtpFlags flags)
{
    g_autoptr(GError) error = NULL;
    SmtpFixture *f = g_new0(SmtpFixture, 1);
    ImsDirectoryOptions directory = {.default_domain = "EXAMPLE", .hash_cost = 1};
    ImsStoreOptions store = {.engine = IMS_ENGINE_MEMORY};
    ImsLogonWindowOptions windows = {.enabled = TRUE, .minutes = 30, .recipients = 3};

    f->world = ims_sim_world_new(1, START_USEC);
    f->config = make_config(flags);
    f->service.world = f->world;
    f->service.config = f->config;
    f->service.log = ims_log_new_memory();
    directory.log = f->service.log;
    f->service.directory = ims_directory_open(f->world, &directory, &error);
    g_assert_no_error(error);
    f->service.store = ims_store_open(f->world, &store, &error);
    g_assert_no_error(error);
    faults.world = f->world;
    faults.store = f->service.store;
    windows.log = f->service.log;
    f->service.windows = ims_logon_windows_new(f->world, &windows);
    add_people(f);
    if ((flags & SMTP_NAMED) != 0)
        add_client_name(f);
    f->tls_available = (flags & SMTP_NO_TLS) == 0;
    f->info.clear_text_logon = (flags & SMTP_CLEAR) != 0;
    g_assert_true(ims_address_parse((flags & SMTP_LOOPBACK) != 0 ? "127.0.0.1" : "198.51.100.20",
                                    &f->info.peer));
    g_assert_true(ims_address_parse((flags & SMTP_LOOPBACK) != 0 ? "127.0.0.1" : "192.0.2.10",
                                    &f->info.local));
    f->info.peer_port = 40000;
    f->info.local_port = 25;
    return f;
}

void
smtp_fixture_free(SmtpFixture *f)
{
    smtp_fail_submits(-1, 0);
    smtp_set_congested(FALSE);
    smtp_release_submits();
    smtp_answer_lookups(NULL);
    g_assert_cmpuint(f->service.data_buffered, ==, 0); /* no session is left with a message */
    ims_logon_windows_free(f->service.windows);
    ims_store_close(f->service.store);
    ims_directory_close(f->service.directory);
    ims_log_free(f->service.log);
    ims_sim_world_free(f->world);
    ims_config_free(f->config);
    g_free(f);
}

ImsSimConn *
smtp_open(SmtpFixture *f)
{
    ImsSimConn *conn = ims_sim_conn_open(f->world, &f->info, ims_smtp_session_new, &f->service);

    ims_sim_conn_set_tls_available(conn, f->tls_available);
    ims_sim_world_settle(f->world);
    return conn;
}

void
smtp_send(SmtpFixture *f, ImsSimConn *conn, const char *text)
{
    ims_sim_conn_send(conn, text, strlen(text));
    ims_sim_world_settle(f->world);
}

char *
smtp_take(ImsSimConn *conn)
{
    return g_string_free(ims_sim_conn_take(conn), FALSE);
}

void
smtp_expect(SmtpFixture *f, ImsSimConn *conn, const char *text, const char *answer)
{
    g_autofree char *got = NULL;

    smtp_send(f, conn, text);
    got = smtp_take(conn);
    g_assert_cmpstr(got, ==, answer);
}

void
smtp_to_data(SmtpFixture *f, ImsSimConn *conn, const char *sender, const char *const *recipients)
{
    g_autofree char *mail = g_strdup_printf("MAIL FROM:<%s>\r\n", sender);
    g_autofree char *mail_ok = g_strdup_printf("250 OK - mail from <%s>\r\n", sender);

    g_free(smtp_take(conn));
    smtp_expect(f, conn, "HELO client\r\n", "250 OK\r\n");
    smtp_expect(f, conn, mail, mail_ok);
    for (guint i = 0; recipients[i] != NULL; i++) {
        g_autofree char *rcpt = g_strdup_printf("RCPT TO:<%s>\r\n", recipients[i]);
        g_autofree char *rcpt_ok = g_strdup_printf("250 OK - Recipient <%s>\r\n", recipients[i]);

        smtp_expect(f, conn, rcpt, rcpt_ok);
    }
    smtp_expect(f, conn, "DATA\r\n", "354 Send data.  End with CRLF.CRLF\r\n");
}

/* ---- dialogues ---- */

static void
send_line(SmtpFixture *f, ImsSimConn *conn, const char *line, SmtpMode mode)
{
    g_autofree char *text = g_strconcat(line, "\r\n", NULL);

    if (mode == SMTP_PIPELINED) {
        ims_sim_conn_send(conn, text, strlen(text));
        return;
    }
    if (mode == SMTP_WHOLE) {
        smtp_send(f, conn, text);
        return;
    }
    for (const char *p = text; *p != '\0'; p++) {
        ims_sim_conn_send(conn, p, 1);
        ims_sim_world_settle(f->world);
    }
}

static void
check_line(GString *got, const char *expected)
{
    const char *end = strstr(got->str, "\r\n");
    g_autofree char *line =
        end != NULL ? g_strndup(got->str, (gsize)(end - got->str)) : g_strdup("(nothing)");

    if (expected[1] == '~') {
        if (!g_str_has_prefix(line, expected + 3))
            g_error("expected a line beginning with \"%s\", got \"%s\"", expected + 3, line);
    } else {
        g_assert_cmpstr(line, ==, expected + 3);
    }
    g_string_erase(got, 0, (gssize)strlen(line) + 2);
}

void
smtp_play(SmtpFixture *f, const char *const *lines, SmtpMode mode)
{
    ImsSimConn *conn = smtp_open(f);
    g_autoptr(GString) got = g_string_new(NULL);
    gboolean closed = FALSE;

    for (guint i = 0; mode == SMTP_PIPELINED && lines[i] != NULL; i++)
        if (lines[i][0] == 'C')
            send_line(f, conn, lines[i] + 3, mode);
    ims_sim_world_settle(f->world);
    for (guint i = 0; lines[i] != NULL; i++) {
        g_autofree char *more = smtp_take(conn);

        g_string_append(got, more);
        if (lines[i][0] == 'S')
            check_line(got, lines[i]);
        else if (lines[i][0] == 'X')
            closed = TRUE;
        else if (mode != SMTP_PIPELINED) {
            g_assert_cmpstr(got->str, ==, ""); /* nothing was said that was not expected */
            send_line(f, conn, lines[i] + 3, mode);
        }
    }
    g_assert_cmpstr(got->str, ==, "");
    g_assert_cmpint(ims_sim_conn_is_closed(conn), ==, closed);
    ims_sim_conn_close(conn);
    ims_sim_world_settle(f->world);
}

/* ---- what became of it ---- */

guint
smtp_inbox_count(SmtpFixture *f, guint64 mailbox)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsFolder) folder = ims_store_find_folder(f->service.store, mailbox, "INBOX", &error);

    g_assert_no_error(error);
    return folder->messages;
}

char *
smtp_inbox_newest(SmtpFixture *f, guint64 mailbox, gsize *length_out)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsFolder) folder = ims_store_find_folder(f->service.store, mailbox, "INBOX", &error);
    g_autoptr(ImsUidSnapshot) snapshot = NULL;
    g_autoptr(GPtrArray) rows = NULL;
    g_autoptr(GBytes) body = NULL;
    const ImsMessageRow *row;
    const char *bytes;
    gsize length;

    g_assert_no_error(error);
    snapshot = ims_store_snapshot(f->service.store, folder->id, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(snapshot->n_entries, >, 0);
    rows = ims_store_read_rows(f->service.store, folder->id,
                               &snapshot->entries[snapshot->n_entries - 1].uid, 1, FALSE, &error);
    g_assert_no_error(error);
    g_assert_cmpuint(rows->len, ==, 1);
    row = g_ptr_array_index(rows, 0);
    body = ims_store_read_body(f->service.store, row->content, &error);
    g_assert_no_error(error);
    bytes = g_bytes_get_data(body, &length);
    if (length_out != NULL)
        *length_out = length;
    return g_strndup(bytes, length);
}

GPtrArray *
smtp_queue(SmtpFixture *f)
{
    g_autoptr(GError) error = NULL;
    GPtrArray *queue = ims_store_queue_list(f->service.store, NULL, 0, 100, &error);

    g_assert_no_error(error);
    return queue;
}

char *
smtp_queued_text(SmtpFixture *f, guint index)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) queue = smtp_queue(f);
    const ImsQueueMessage *message;
    g_autoptr(GBytes) body = NULL;
    const char *bytes;
    gsize length;

    g_assert_cmpuint(index, <, queue->len);
    message = g_ptr_array_index(queue, index);
    body = ims_store_read_body(f->service.store, message->content, &error);
    g_assert_no_error(error);
    bytes = g_bytes_get_data(body, &length);
    return g_strndup(bytes, length);
}
