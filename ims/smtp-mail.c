#include "ims/queue.h"
#include "ims/smtp-private.h"
#include <string.h>

void
ims_smtp_transaction_free(ImsSmtpTransaction *transaction)
{
    if (transaction == NULL)
        return;
    g_free(transaction->sender);
    g_free(transaction->mail.envid);
    g_clear_pointer(&transaction->table, ims_recipient_table_unref);
    if (transaction->op != NULL)
        ims_store_op_free(&transaction->op->op);
    g_ptr_array_unref(transaction->unknown);
    g_ptr_array_unref(transaction->recipients);
    g_free(transaction);
}

void
ims_smtp_reset_transaction(ImsSmtpSession *session)
{
    g_clear_pointer(&session->transaction, ims_smtp_transaction_free);
    g_clear_pointer(&session->body, ims_smtp_body_free);
    g_clear_pointer(&session->spool_id, g_free);
    if (session->state != IMS_SMTP_START)
        session->state = IMS_SMTP_READY;
}

static void
free_recipient(gpointer recipient)
{
    ims_queue_recipient_free(recipient);
}

/* S-044: a local part alone is of this site. */
static char *
complete_sender(const ImsPath *path, const char *site_domain)
{
    if (path->is_null || path->domain != NULL || site_domain == NULL)
        return ims_path_format(path);
    return g_strconcat(path->local, "@", site_domain, NULL);
}

static void
begin_transaction(ImsSmtpSession *session, const ImsPath *path, const ImsSmtpMailParameters *mail)
{
    ImsSmtpTransaction *transaction = g_new0(ImsSmtpTransaction, 1);

    transaction->sender = complete_sender(path, session->config->policy.site_domain);
    transaction->mail = *mail;
    transaction->table = ims_directory_table(session->service->directory);
    transaction->op = (ImsDeliverOp *)ims_store_op_new(IMS_OP_DELIVER, NULL, NULL);
    transaction->op->targets = ims_deliver_targets_new();
    transaction->op->queue = ims_queue_message_new();
    transaction->op->queue->sender = g_strdup(transaction->sender);
    transaction->unknown = g_ptr_array_new_with_free_func(free_recipient);
    transaction->recipients = g_ptr_array_new_with_free_func(free_recipient);
    session->transaction = transaction;
    session->state = IMS_SMTP_MAIL;
}

gboolean
ims_smtp_is_secure_enough(ImsSmtpSession *session)
{
    ImsConnectionSecurity security = session->door.security;

    if ((security & IMS_SECURITY_ENCRYPTION) != 0 && !ims_conn_info(session->conn)->tls)
        ims_smtp_reply(session, IMS_SMTP_TLS_REQUIRED);
    else if ((security & IMS_SECURITY_AUTHENTICATION) != 0 && session->account == NULL)
        ims_smtp_reply(session, IMS_SMTP_AUTH_REQUIRED);
    else
        return TRUE;
    return FALSE;
}

void
ims_smtp_cmd_mail(ImsSmtpSession *session, const char *args)
{
    const ImsConfig *config = session->config;
    g_autofree char *text = NULL, *size = NULL;
    g_auto(GStrv) parameters = NULL;
    g_auto(ImsPath) path = {0};
    ImsSmtpMailParameters mail;
    ImsSmtpReply reply;
    const char *bad = NULL;

    if (!ims_smtp_is_secure_enough(session))
        return;
    if (!ims_smtp_split_path("FROM", args, &text, &parameters, &reply)) {
        ims_smtp_reply_with(session, reply, text, NULL);
        return;
    }
    if (!ims_path_parse(text, config->policy.accept_malformed, &path, NULL)) {
        ims_smtp_reply_with(session, IMS_SMTP_MALFORMED, text, NULL);
        return;
    }
    if (!ims_smtp_mail_parameters(parameters, &mail, &reply, &bad)) {
        ims_smtp_reply_with(session, reply, bad, NULL);
        return;
    }
    reply = IMS_SMTP_OK;
    if (mail.has_size && config->max_message_size > 0 && mail.size > config->max_message_size)
        reply = IMS_SMTP_TOO_LARGE;
    else if (ims_store_is_failed(session->service->store))
        reply = IMS_SMTP_LOCAL_ERROR;
    if (reply != IMS_SMTP_OK) {
        g_free(mail.envid);
        ims_smtp_reply(session, reply);
        return;
    }
    begin_transaction(session, &path, &mail);
    if (mail.has_size)
        size = g_strdup_printf("%" G_GUINT64_FORMAT, mail.size);
    ims_smtp_reply_with(session, mail.has_size ? IMS_SMTP_MAIL_OK_SIZE : IMS_SMTP_MAIL_OK, text,
                        size);
}

/* ---- RCPT ---- */

/* One line each verdict; what the log says is what the client was told. */
static void
log_rcpt(ImsSmtpSession *session, const ImsRelayQuery *query, const ImsRelayVerdict *verdict,
         const char *kind, const char *reason, const char *source, int code)
{
    char client[IMS_ADDRESS_STRLEN], code_text[16];
    g_autofree char *target = ims_relay_verdict_address(verdict);
    g_autofree char *entry = NULL;
    gboolean by_window = verdict->reason == IMS_REASON_LOGON_WINDOW;

    if (verdict->entry != NULL)
        entry = g_strdup(verdict->entry->domain);
    else if (verdict->list_entry > 0)
        entry = g_strdup_printf("%u", verdict->list_entry);
    g_snprintf(code_text, sizeof code_text, "%d", code);
    ims_log_event(session->service->log, session->id, "rcpt", "from",
                  *session->transaction->sender != '\0' ? session->transaction->sender : "<>", "to",
                  query->recipient, "target", target, "verdict", kind, "reason", reason, "source",
                  source, "entry", entry, "code", code_text, "client",
                  ims_address_format(&session->peer, client), "account", session->account,
                  "window-account", by_window ? query->window_account : NULL, "window-protocol",
                  by_window ? query->window_protocol : NULL, "weakness", verdict->weakness, NULL);
}

static const char *
kind_word(ImsVerdictKind kind)
{
    switch (kind) {
    case IMS_VERDICT_DELIVER:
        return "deliver";
    case IMS_VERDICT_REROUTE:
        return "reroute";
    case IMS_VERDICT_DIRECTORY:
        return "directory";
    case IMS_VERDICT_REFUSE:
        break;
    }
    return "refuse";
}

/* A row of a report to the sender. A member of a list is told by its own name. */
static ImsQueueRecipient *
new_row(const ImsSubmitRecipient *submit, const char *address)
{
    ImsQueueRecipient *row = ims_queue_recipient_new();
    const char *at = strrchr(address, '@');

    row->address = g_strdup(address);
    if (g_ascii_strcasecmp(address, submit->address) == 0) {
        row->original = g_strdup(submit->original);
        row->orcpt = g_strdup(submit->orcpt);
    }
    row->notify = submit->notify;
    row->domain = g_ascii_strdown(at != NULL ? at + 1 : "", -1);
    row->state = IMS_QUEUE_FAILED;
    return row;
}

/* What the directory did not know. */
static void
add_unknown(ImsSmtpTransaction *transaction, const ImsSubmitRecipient *submit, const char *address)
{
    ImsQueueRecipient *row = new_row(submit, address);

    row->code = 550;
    row->reply = g_strdup("Unknown Recipient");
    g_ptr_array_add(transaction->unknown, row);
}

/* R-161, D-068: the session saw 250. */
static void
add_restricted(ImsSmtpTransaction *transaction, const ImsSubmitRecipient *submit,
               const char *address)
{
    ImsQueueRecipient *row = new_row(submit, address);

    row->code = 550;
    row->reply = g_strdup("Delivery restricted");
    g_ptr_array_add(transaction->unknown, row);
}

/*
 * Reports about what could have been refused go to senders that are often forged. What the IMS did
 * (S-045, S-500) is done for clients on this machine, and for all only where the configuration
 * takes the risk.
 */
gboolean
ims_smtp_may_report(const ImsSmtpSession *session)
{
    return ims_submit_may_report(session->config, &session->peer, &session->local);
}

/* Adds the recipient to what will be delivered. FALSE: the directory does not know it, and it is to
 * be refused at once; nothing was added. */
static gboolean
add_recipient(ImsSmtpSession *session, const ImsRelayVerdict *verdict, const char *original,
              const ImsSmtpRcptParameters *parameters)
{
    ImsSmtpTransaction *transaction = session->transaction;
    g_autofree char *address = ims_relay_verdict_address(verdict);
    g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GPtrArray) refused = g_ptr_array_new_with_free_func(g_free);
    ImsSubmitRecipient submit = {
        .address = address,
        .original = original,
        .orcpt = parameters->orcpt,
        .notify = parameters->notify,
        .kind = verdict->kind,
        .sender = transaction->sender,
        .refused = refused,
        .weakness = verdict->weakness,
    };

    if (!ims_submit_targets(session->service, transaction->table, &submit, transaction->op,
                            unknown) &&
        !ims_smtp_may_report(session))
        return FALSE;
    for (guint i = 0; i < refused->len; i++)
        add_restricted(transaction, &submit, g_ptr_array_index(refused, i));
    for (guint i = 0; i < unknown->len; i++)
        add_unknown(transaction, &submit, g_ptr_array_index(unknown, i));
    g_ptr_array_add(transaction->recipients, new_row(&submit, address));
    return TRUE;
}

static void
fill_query(ImsSmtpSession *session, const char *recipient, ImsLogonWindow *window,
           ImsRelayQuery *query)
{
    *query = (ImsRelayQuery){
        .recipient = recipient,
        .mail_from = session->transaction->sender,
        .client = session->peer,
        .local = session->local,
        .authenticated = session->account != NULL,
        .guest_logon = session->guest,
        .account = session->account,
        .recipient_count = session->transaction->accepted,
    };
    if (session->account == NULL && session->service->windows != NULL &&
        ims_logon_windows_check(session->service->windows, &session->peer, window)) {
        query->logon_window = TRUE;
        query->window_account = window->account;
        query->window_protocol = window->protocol;
    }
}

static gboolean
is_in_directory(const ImsSmtpSession *session, const ImsRelayVerdict *verdict)
{
    g_autofree char *address = ims_relay_verdict_address(verdict);

    return address != NULL &&
           ims_submit_is_known(session->config, session->transaction->table, address);
}

static void
decide(ImsSmtpSession *session, ImsRelayQuery *query, ImsRelayVerdict *verdict)
{
    const ImsRelayPolicy *policy = &session->config->policy;

    ims_relay_decide(policy, query, verdict);
    if (!ims_relay_wants_directory(policy, query, verdict) || !is_in_directory(session, verdict))
        return;
    query->in_directory = TRUE;
    ims_relay_verdict_clear(verdict);
    ims_relay_decide(policy, query, verdict);
}

/* The reply text begins with the code. */
static int
reply_code(const char *line)
{
    return (int)g_ascii_strtoull(line, NULL, 10);
}

static void
judge_recipient(ImsSmtpSession *session, const char *recipient,
                const ImsSmtpRcptParameters *parameters)
{
    ImsSmtpTransaction *transaction = session->transaction;
    ImsLogonWindow window = {0};
    g_auto(ImsRelayVerdict) verdict = {0};
    ImsRelayQuery query;
    g_autofree char *reply = NULL;

    fill_query(session, recipient, &window, &query);
    decide(session, &query, &verdict);
    if (session->service->verdict_seen != NULL)
        session->service->verdict_seen(&query, &verdict, session->service->verdict_data);
    reply = ims_relay_verdict_reply_text(&verdict, &query);
    if (verdict.kind != IMS_VERDICT_REFUSE &&
        !add_recipient(session, &verdict, recipient, parameters)) {
        g_free(reply);
        reply = ims_smtp_reply_format(IMS_SMTP_UNKNOWN_RECIPIENT, NULL, NULL);
        log_rcpt(session, &query, &verdict, "refuse", "unknown-recipient", "directory",
                 reply_code(reply));
    } else {
        log_rcpt(session, &query, &verdict, kind_word(verdict.kind),
                 ims_relay_reason_word(verdict.reason), ims_relay_verdict_source(&verdict),
                 reply_code(reply));
        if (verdict.kind != IMS_VERDICT_REFUSE) {
            transaction->accepted++;
            session->state = IMS_SMTP_RCPT;
            if (verdict.reason == IMS_REASON_LOGON_WINDOW)
                ims_logon_windows_count(session->service->windows, &session->peer);
        }
    }
    for (char *p = reply; *p != '\0'; p++)
        if (g_ascii_iscntrl(*p))
            *p = '?';
    ims_smtp_reply_line(session, reply);
    ims_logon_window_clear(&window);
}

void
ims_smtp_cmd_rcpt(ImsSmtpSession *session, const char *args)
{
    ImsSmtpTransaction *transaction = session->transaction;
    guint limit = session->config->max_recipients;
    g_autofree char *text = NULL;
    g_auto(GStrv) words = NULL;
    ImsSmtpRcptParameters parameters;
    ImsSmtpReply reply;
    const char *bad = NULL;

    transaction->tried++;
    if (!ims_smtp_split_path("TO", args, &text, &words, &reply)) {
        ims_smtp_reply_with(session, reply, text, NULL);
        return;
    }
    if (!ims_smtp_rcpt_parameters(words, &parameters, &reply, &bad)) {
        ims_smtp_reply_with(session, reply, bad, NULL);
        return;
    }
    if (limit > 0 && transaction->accepted >= limit)
        ims_smtp_reply(session, IMS_SMTP_TOO_MANY_RECIPIENTS);
    else
        judge_recipient(session, text, &parameters);
    g_free(parameters.orcpt);
}
