/* The queue in the SQLite engine. */
#include "store/engine-sqlite-private.h"

static ImsQueueMessage *
message_of_row(sqlite3_stmt *statement)
{
    ImsQueueMessage *message = ims_queue_message_new();

    message->id = (guint64)sqlite3_column_int64(statement, 0);
    message->content = (ImsContentId)sqlite3_column_int64(statement, 1);
    message->sender = ims_sql_text_column(statement, 2);
    message->ret = (ImsRet)sqlite3_column_int(statement, 3);
    message->envid = ims_sql_text_column(statement, 4);
    message->eight_bit = sqlite3_column_int(statement, 5) != 0;
    message->accepted_usec = sqlite3_column_int64(statement, 6);
    message->expires_usec = sqlite3_column_int64(statement, 7);
    message->size = (guint64)sqlite3_column_int64(statement, 8);
    message->session = ims_sql_text_column(statement, 9);
    message->hold_reason = ims_sql_text_column(statement, 10);
    message->subject = ims_sql_text_column(statement, 11);
    return message;
}

static ImsQueueRecipient *
recipient_of_row(sqlite3_stmt *statement)
{
    ImsQueueRecipient *recipient = ims_queue_recipient_new();

    recipient->id = (guint64)sqlite3_column_int64(statement, 0);
    recipient->address = ims_sql_text_column(statement, 1);
    recipient->original = ims_sql_text_column(statement, 2);
    recipient->orcpt = ims_sql_text_column(statement, 3);
    recipient->notify = (ImsNotify)sqlite3_column_int(statement, 4);
    recipient->domain = ims_sql_text_column(statement, 5);
    recipient->state = (ImsQueueState)sqlite3_column_int(statement, 6);
    recipient->attempts = (guint)sqlite3_column_int64(statement, 7);
    recipient->next_attempt_usec = sqlite3_column_int64(statement, 8);
    recipient->last_failed = sqlite3_column_int(statement, 9) != 0;
    recipient->code = sqlite3_column_int(statement, 10);
    recipient->reply = ims_sql_text_column(statement, 11);
    return recipient;
}

/* Reads @statement to its end. */
static gboolean
read_messages(sqlite3_stmt *statement, GPtrArray *messages)
{
    gboolean ok = statement != NULL;

    while (ok && ims_sql_next(statement, &ok))
        g_ptr_array_add(messages, message_of_row(statement));
    return ok;
}

static gboolean
read_recipients(sqlite3_stmt *statement, GPtrArray *recipients)
{
    gboolean ok = statement != NULL;

    while (ok && ims_sql_next(statement, &ok))
        g_ptr_array_add(recipients, recipient_of_row(statement));
    return ok;
}

gboolean
ims_sql_queue_insert(ImsSqlBatch *batch, ImsQueueMessage *message, ImsContentId content,
                     guint64 size)
{
    if (!ims_sql_run(batch->conn, SQL_QUEUE_INSERT, "ititiiiittt", (gint64)content,
                     message->sender != NULL ? message->sender : "", (gint64)message->ret,
                     message->envid, (gint64)message->eight_bit, message->accepted_usec,
                     message->expires_usec, (gint64)size, message->session, message->hold_reason,
                     message->subject))
        return FALSE;
    message->id = (guint64)sqlite3_last_insert_rowid(batch->conn->db);
    message->content = content;
    message->size = size;
    for (guint i = 0; i < message->recipients->len; i++) {
        ImsQueueRecipient *recipient = g_ptr_array_index(message->recipients, i);

        if (message->hold_reason != NULL)
            recipient->state = IMS_QUEUE_HELD;
        if (!ims_sql_run(batch->conn, SQL_RECIPIENT_INSERT, "itttitiiiiit", (gint64)message->id,
                         recipient->address, recipient->original, recipient->orcpt,
                         (gint64)recipient->notify, recipient->domain, (gint64)recipient->state,
                         (gint64)recipient->attempts, recipient->next_attempt_usec,
                         (gint64)recipient->last_failed, (gint64)recipient->code, recipient->reply))
            return FALSE;
        recipient->id = (guint64)sqlite3_last_insert_rowid(batch->conn->db);
    }
    batch->changes->queue = TRUE;
    return TRUE;
}

/* (transfer full) (nullable): one message without recipients. */
static ImsQueueMessage *
get_message(ImsSqlConn *conn, guint64 id, gboolean *ok)
{
    sqlite3_stmt *statement = ims_sql_bind(conn, SQL_QUEUE_GET, "i", (gint64)id);
    ImsQueueMessage *message = NULL;

    if (statement == NULL) {
        *ok = FALSE;
    } else if (ims_sql_next(statement, ok)) {
        message = message_of_row(statement);
        ims_sql_end(statement);
    }
    return message;
}

/* (element-type guint64): messages with recipients of the domain that are due, the longest due
 * first. NULL: SQL error */
static GArray *
find_due(ImsSqlBatch *batch, const ImsQueueClaimOp *op)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint64));
    g_autoptr(GHashTable) seen = g_hash_table_new_full(g_int64_hash, g_int64_equal, g_free, NULL);
    sqlite3_stmt *statement =
        ims_sql_bind(batch->conn, SQL_RECIPIENT_DUE, "ti", op->domain, op->now_usec);
    gboolean ok = statement != NULL;

    while (ok && ims_sql_next(statement, &ok)) {
        gint64 id = sqlite3_column_int64(statement, 0);

        if (!g_hash_table_add(seen, g_memdup2(&id, sizeof id)))
            continue;
        if (ids->len == op->limit) {
            ims_sql_end(statement);
            break;
        }
        g_array_append_val(ids, id);
    }
    return ok ? g_steal_pointer(&ids) : NULL;
}

static gboolean
claim_message(ImsSqlBatch *batch, ImsQueueClaimOp *op, guint64 id)
{
    gboolean ok = TRUE;
    ImsQueueMessage *message = get_message(batch->conn, id, &ok);

    if (message == NULL)
        return ok;
    g_ptr_array_add(op->messages, message);
    if (!read_recipients(ims_sql_bind(batch->conn, SQL_RECIPIENT_OF_DOMAIN, "iti", (gint64)id,
                                      op->domain, op->now_usec),
                         message->recipients))
        return FALSE;
    batch->touched = TRUE;
    for (guint i = 0; i < message->recipients->len; i++) {
        ImsQueueRecipient *recipient = g_ptr_array_index(message->recipients, i);

        recipient->state = IMS_QUEUE_ACTIVE;
        if (!ims_sql_run(batch->conn, SQL_RECIPIENT_CLAIM, "i", (gint64)recipient->id))
            return FALSE;
    }
    return TRUE;
}

gboolean
ims_sql_queue_claim(ImsSqlBatch *batch, ImsQueueClaimOp *op)
{
    g_autoptr(GArray) ids = find_due(batch, op);

    op->messages = g_ptr_array_new_with_free_func((GDestroyNotify)ims_queue_message_free);
    if (ids == NULL)
        return FALSE;
    for (guint i = 0; i < ids->len; i++) {
        if (!claim_message(batch, op, (guint64)g_array_index(ids, gint64, i)))
            return FALSE;
    }
    batch->changes->queue |= ids->len > 0;
    return TRUE;
}

/* Removes a message whose recipients are all done. */
static gboolean
finish_message(ImsSqlBatch *batch, guint64 id, ImsContentId content)
{
    gint64 pending = 0;

    if (!ims_sql_int(batch->conn, SQL_QUEUE_PENDING, (gint64)id, 0, &pending))
        return FALSE;
    if (pending > 0)
        return TRUE;
    batch->changes->garbage = TRUE;
    return ims_sql_run(batch->conn, SQL_RECIPIENT_CLEAR, "i", (gint64)id) &&
           ims_sql_run(batch->conn, SQL_QUEUE_DELETE, "i", (gint64)id) &&
           ims_sql_run(batch->conn, SQL_CONTENT_REFS, "ii", (gint64)content, (gint64)-1);
}

gboolean
ims_sql_queue_outcome(ImsSqlBatch *batch, ImsQueueOutcomeOp *op, const ImsBodyRef *body)
{
    gboolean ok = TRUE;
    g_autoptr(ImsQueueMessage) message = get_message(batch->conn, op->message, &ok);

    if (message == NULL) {
        if (ok)
            g_set_error(&op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND,
                        "no such queue entry: %" G_GUINT64_FORMAT, op->message);
        return ok;
    }
    /* First, because it may be refused. */
    if (op->report != NULL &&
        (!ims_sql_deliver(batch, op->report, body, &op->op.error) || op->op.error != NULL))
        return op->op.error != NULL;
    batch->touched = TRUE;
    batch->changes->queue = TRUE;
    for (guint i = 0; i < op->results->len; i++) {
        const ImsQueueResult *result = &g_array_index(op->results, ImsQueueResult, i);

        if (!ims_sql_run(batch->conn, SQL_RECIPIENT_OUTCOME, "iiiiiiit", (gint64)op->message,
                         (gint64)result->recipient, (gint64)result->state,
                         result->next_attempt_usec, (gint64)result->host_failed,
                         (gint64)(result->count_attempt ? 1 : 0), (gint64)result->code,
                         result->reply))
            return FALSE;
    }
    return finish_message(batch, op->message, message->content);
}

/* (element-type gint64): the messages an administrator's command is about. */
static GArray *
admin_messages(ImsSqlBatch *batch, const ImsQueueAdminOp *op)
{
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint64));
    sqlite3_stmt *statement =
        ims_sql_bind(batch->conn, SQL_ADMIN_MESSAGES, "it", (gint64)op->message, op->domain);
    gboolean ok = statement != NULL;

    while (ok && ims_sql_next(statement, &ok)) {
        gint64 id = sqlite3_column_int64(statement, 0);

        g_array_append_val(ids, id);
    }
    return ok ? g_steal_pointer(&ids) : NULL;
}

static gboolean
after_admin(ImsSqlBatch *batch, const ImsQueueAdminOp *op, guint64 id)
{
    gboolean ok = TRUE;
    g_autoptr(ImsQueueMessage) message = NULL;

    if (op->action == IMS_QUEUE_ADMIN_RELEASE)
        return ims_sql_run(batch->conn, SQL_QUEUE_UNHOLD, "i", (gint64)id);
    if (op->action != IMS_QUEUE_ADMIN_DELETE)
        return TRUE;
    message = get_message(batch->conn, id, &ok);
    return ok && (message == NULL || finish_message(batch, id, message->content));
}

gboolean
ims_sql_queue_admin(ImsSqlBatch *batch, ImsQueueAdminOp *op)
{
    static const ImsSqlId statements[] = {
        [IMS_QUEUE_ADMIN_RETRY] = SQL_ADMIN_RETRY,
        [IMS_QUEUE_ADMIN_HOLD] = SQL_ADMIN_HOLD,
        [IMS_QUEUE_ADMIN_RELEASE] = SQL_ADMIN_RELEASE,
        [IMS_QUEUE_ADMIN_DELETE] = SQL_ADMIN_DELETE,
    };
    gboolean timed = op->action == IMS_QUEUE_ADMIN_RETRY || op->action == IMS_QUEUE_ADMIN_RELEASE;
    g_autoptr(GArray) ids = admin_messages(batch, op);

    if (ids == NULL)
        return FALSE;
    if (op->message != 0 && ids->len == 0) {
        g_set_error(&op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND,
                    "no such queue entry: %" G_GUINT64_FORMAT, op->message);
        return TRUE;
    }
    batch->touched = TRUE;
    batch->changes->queue = TRUE;
    if (!ims_sql_run(batch->conn, statements[op->action], timed ? "iti" : "it", (gint64)op->message,
                     op->domain, batch->now_usec))
        return FALSE;
    op->affected = (guint)sqlite3_changes(batch->conn->db);
    for (guint i = 0; i < ids->len; i++) {
        if (!after_admin(batch, op, (guint64)g_array_index(ids, gint64, i)))
            return FALSE;
    }
    return TRUE;
}

gboolean
ims_sql_load_uncertain(ImsSqliteEngine *engine)
{
    ImsSqlConn *conn = engine->writer;
    g_autoptr(GArray) ids = g_array_new(FALSE, FALSE, sizeof(gint64));
    sqlite3_stmt *statement = ims_sql_bind(conn, SQL_QUEUE_ACTIVE, "");
    gboolean ok = statement != NULL;

    while (ok && ims_sql_next(statement, &ok)) {
        gint64 id = sqlite3_column_int64(statement, 0);

        g_array_append_val(ids, id);
    }
    for (guint i = 0; i < ids->len && ok; i++) {
        gint64 id = g_array_index(ids, gint64, i);
        ImsQueueMessage *message = get_message(conn, (guint64)id, &ok);

        if (message == NULL)
            continue;
        g_ptr_array_add(engine->uncertain, message);
        ok = read_recipients(ims_sql_bind(conn, SQL_RECIPIENT_OF_MESSAGE, "i", id),
                             message->recipients);
        for (guint k = message->recipients->len; k > 0; k--) {
            ImsQueueRecipient *recipient = g_ptr_array_index(message->recipients, k - 1);

            if (recipient->state == IMS_QUEUE_ACTIVE)
                recipient->state = IMS_QUEUE_WAITING;
            else
                g_ptr_array_remove_index(message->recipients, k - 1);
        }
    }
    return ok && (ids->len == 0 || ims_sql_run(conn, SQL_RECIPIENT_RESET_ACTIVE, ""));
}

static gboolean
list_inside(ImsSqlConn *conn, guint64 id, const char *domain, guint64 after, guint limit,
            GPtrArray *messages)
{
    sqlite3_stmt *statement;

    if (id != 0)
        statement = ims_sql_bind(conn, SQL_QUEUE_GET, "i", (gint64)id);
    else if (domain != NULL)
        statement =
            ims_sql_bind(conn, SQL_QUEUE_LIST_DOMAIN, "iit", (gint64)after, (gint64)limit, domain);
    else
        statement = ims_sql_bind(conn, SQL_QUEUE_LIST, "ii", (gint64)after, (gint64)limit);
    if (!read_messages(statement, messages))
        return FALSE;
    for (guint i = 0; i < messages->len; i++) {
        ImsQueueMessage *message = g_ptr_array_index(messages, i);

        if (!read_recipients(ims_sql_bind(conn, SQL_RECIPIENT_OF_MESSAGE, "i", (gint64)message->id),
                             message->recipients))
            return FALSE;
    }
    return TRUE;
}

static GPtrArray *
queue_list(ImsEngine *base, guint64 id, const char *domain, guint64 after, guint limit,
           GError **error)
{
    ImsSqliteEngine *engine = (ImsSqliteEngine *)base;
    ImsSqlConn *conn = ims_sqlite_reader_take(engine, error);
    g_autoptr(GPtrArray) messages =
        g_ptr_array_new_with_free_func((GDestroyNotify)ims_queue_message_free);
    gboolean ok;

    if (conn == NULL)
        return NULL;
    ok = sqlite3_exec(conn->db, "BEGIN", NULL, NULL, NULL) == SQLITE_OK &&
         list_inside(conn, id, domain, after, limit, messages);
    if (!ok)
        ims_sql_set_error(conn, error);
    sqlite3_exec(conn->db, "COMMIT", NULL, NULL, NULL);
    ims_sqlite_reader_give(engine, conn);
    return ok ? g_steal_pointer(&messages) : NULL;
}

static ImsQueueDomain *
domain_entry(GPtrArray *domains, const char *name)
{
    ImsQueueDomain *last = domains->len > 0 ? g_ptr_array_index(domains, domains->len - 1) : NULL;

    if (last == NULL || !g_str_equal(last->domain, name)) {
        last = g_new0(ImsQueueDomain, 1);
        last->domain = g_strdup(name);
        last->next_attempt_usec = G_MAXINT64;
        g_ptr_array_add(domains, last);
    }
    return last;
}

static GPtrArray *
queue_domains(ImsEngine *base, GError **error)
{
    ImsSqliteEngine *engine = (ImsSqliteEngine *)base;
    ImsSqlConn *conn = ims_sqlite_reader_take(engine, error);
    g_autoptr(GPtrArray) domains =
        g_ptr_array_new_with_free_func((GDestroyNotify)ims_queue_domain_free);
    sqlite3_stmt *statement;
    gboolean ok;

    if (conn == NULL)
        return NULL;
    statement = ims_sql_bind(conn, SQL_RECIPIENT_DOMAINS, "");
    ok = statement != NULL;
    while (ok && ims_sql_next(statement, &ok)) {
        ImsQueueDomain *entry =
            domain_entry(domains, (const char *)sqlite3_column_text(statement, 0));
        guint n = (guint)sqlite3_column_int64(statement, 2);

        switch ((ImsQueueState)sqlite3_column_int(statement, 1)) {
        case IMS_QUEUE_WAITING:
            entry->waiting = n;
            entry->next_attempt_usec = sqlite3_column_int64(statement, 3);
            entry->last_failed = sqlite3_column_int(statement, 4) != 0;
            break;
        case IMS_QUEUE_ACTIVE:
            entry->active = n;
            break;
        default:
            entry->held = n;
            break;
        }
    }
    if (!ok)
        ims_sql_set_error(conn, error);
    ims_sqlite_reader_give(engine, conn);
    return ok ? g_steal_pointer(&domains) : NULL;
}

static GPtrArray *
queue_uncertain(ImsEngine *base)
{
    return ((ImsSqliteEngine *)base)->uncertain;
}

void
ims_sqlite_queue_init(ImsEngine *engine)
{
    engine->queue_domains = queue_domains;
    engine->queue_list = queue_list;
    engine->queue_uncertain = queue_uncertain;
}
