#include "imap4/fetch-items.h"

#include "imap4/datetime.h"
#include "imap4/imap4-private.h"

/*
 * FETCH goes on in slices. A slice's rows are read at once; its \Seen flags are set, and durable,
 * before it is told. What needs no row comes from the snapshot alone.
 */
#define SLICE_PLAIN 4096u
#define SLICE_ROWS 400u
#define SLICE_BODIES 64u
#define POOL_ABOVE (512u * 1024) /* larger bodies are read, and checked, by the pool */
#define COPY_BELOW                                                                                 \
    4096u /* smaller octets are copied into the output, larger ones go by reference */
/* Estimated microseconds; a turn of the loop ends above TURN_USEC. */
#define TURN_USEC 10000u
#define COST_PLAIN 1u
#define COST_ROW 8u
#define COST_READ 30u

typedef struct {
    GArray *indexes; /* (element-type ImsImap4Range) */
    guint range;     /* the next slice begins in this range … */
    guint32 next;    /* … with this index, if above its first */
    ImsImap4Items *items;
    GArray *slice; /* (element-type guint32): indexes of the present slice */
    guint at;      /* the next of them */
    GPtrArray *rows;
    guint row_at;
    GArray *seen;  /* (element-type guint32): UIDs of the slice that have just become \Seen */
    GBytes *large; /* (nullable): the next message's body, read by the pool */
    GString *out;
    gboolean failed; /* something could not be read */
} Fetch;

static void fetch_step(ImsImap4Session *session);

static void
fetch_free(gpointer data)
{
    Fetch *fetch = data;

    g_array_unref(fetch->indexes);
    g_array_unref(fetch->slice);
    g_array_unref(fetch->seen);
    g_clear_pointer(&fetch->rows, g_ptr_array_unref);
    g_clear_pointer(&fetch->large, g_bytes_unref);
    g_string_free(fetch->out, TRUE);
    ims_imap4_items_free(fetch->items);
    g_free(fetch);
}

/* ---- one message ---- */

typedef struct {
    const ImsUidEntry *entry;
    const ImsMessageRow *row;
    GBytes *header, *body;
} Message;

static void
log_unreadable(ImsImap4Session *session, const GError *error)
{
    ims_log_event(session->settings->log, session->id, "imap4-error", "command", "FETCH", "error",
                  error->message, NULL);
}

static gboolean
load_message(ImsImap4Session *session, Fetch *fetch, Message *message, guint *cost)
{
    ImsStore *store = session->settings->store;
    g_autoptr(GError) error = NULL;

    if (fetch->items->needs_header) {
        message->header = ims_store_read_header(store, message->row->content, &error);
        *cost += COST_READ;
    }
    if (fetch->large != NULL) {
        message->body = g_steal_pointer(&fetch->large);
    } else if (fetch->items->needs_body && error == NULL) {
        message->body = ims_store_read_body(store, message->row->content, &error);
        *cost += COST_READ + message->entry->size / 2048;
    }
    if (error == NULL)
        return TRUE;
    log_unreadable(session, error);
    return FALSE;
}

static void
clear_message(Message *message)
{
    g_clear_pointer(&message->header, g_bytes_unref);
    g_clear_pointer(&message->body, g_bytes_unref);
}

static void
put_section(ImsImap4Session *session, Fetch *fetch, const ImsImap4Section *section,
            const Message *message)
{
    ImsImap4Octets octets;

    g_string_append(fetch->out, section->label);
    if (!ims_imap4_section_find(section, message->row->summary, message->header, message->body,
                                !session->settings->extended, &octets)) {
        g_string_append(fetch->out, " NIL");
        return;
    }
    g_string_append(fetch->out, " {");
    ims_imap4_append_uint(fetch->out, octets.length);
    g_string_append(fetch->out, "}\r\n");
    if (octets.length <= COPY_BELOW) {
        if (octets.length > 0)
            g_string_append_len(fetch->out,
                                (const char *)g_bytes_get_data(octets.bytes, NULL) + octets.offset,
                                (gssize)octets.length);
    } else {
        ims_imap4_flush(session, fetch->out);
        ims_conn_write_bytes(session->conn, octets.bytes, octets.offset, octets.length);
    }
    g_bytes_unref(octets.bytes);
}

static void
put_text(GString *out, const char *name, const char *text)
{
    g_string_append(out, name);
    g_string_append(out, text);
}

static void
put_date(GString *out, const ImsMessageRow *row)
{
    char text[IMS_IMAP4_DATE_TIME_LENGTH];

    ims_imap4_date_time_format(row->internal_date_usec, row->internal_zone_min, text);
    g_string_append(out, "INTERNALDATE \"");
    g_string_append(out, text);
    g_string_append_c(out, '"');
}

static void
put_flags(const ImsImap4Session *session, GString *out, const ImsUidEntry *entry)
{
    g_string_append(out, "FLAGS ");
    ims_imap4_selected_append_flags(session, out, entry->uid, entry->flags);
}

static void
put_item(ImsImap4Session *session, Fetch *fetch, const ImsImap4Item *item, const Message *message)
{
    GString *out = fetch->out;

    switch (item->kind) {
    case IMS_IMAP4_ITEM_FLAGS:
        put_flags(session, out, message->entry);
        break;
    case IMS_IMAP4_ITEM_UID:
        g_string_append(out, "UID ");
        ims_imap4_append_uint(out, message->entry->uid);
        break;
    case IMS_IMAP4_ITEM_INTERNALDATE:
        put_date(out, message->row);
        break;
    case IMS_IMAP4_ITEM_SIZE:
        g_string_append(out, "RFC822.SIZE ");
        ims_imap4_append_uint(out, message->entry->size);
        break;
    case IMS_IMAP4_ITEM_ENVELOPE:
        put_text(out, "ENVELOPE ", message->row->summary->envelope);
        break;
    case IMS_IMAP4_ITEM_BODY:
        put_text(out, "BODY ", message->row->summary->body);
        break;
    case IMS_IMAP4_ITEM_BODYSTRUCTURE:
        put_text(out, "BODYSTRUCTURE ", message->row->summary->bodystructure);
        break;
    case IMS_IMAP4_ITEM_SECTION:
        put_section(session, fetch, &item->section, message);
        break;
    }
}

static gboolean
contains_uid(const GArray *uids, guint32 uid)
{
    guint low = 0, high = uids->len;

    while (low < high) {
        guint middle = low + (high - low) / 2;
        guint32 there = g_array_index(uids, guint32, middle);

        if (there == uid)
            return TRUE;
        if (there < uid)
            low = middle + 1;
        else
            high = middle;
    }
    return FALSE;
}

static void
put_message(ImsImap4Session *session, Fetch *fetch, guint32 index, const Message *message)
{
    const GArray *items = fetch->items->items;

    g_string_append(fetch->out, "* ");
    ims_imap4_append_uint(fetch->out, (guint64)index + 1);
    g_string_append(fetch->out, " FETCH (");
    /* The message became \Seen by being read, and the client did not ask for its flags (RFC 3501
     * 6.4.5). They come first, as clients know it from other servers. */
    if (!fetch->items->has_flags && contains_uid(fetch->seen, message->entry->uid)) {
        put_flags(session, fetch->out, message->entry);
        g_string_append_c(fetch->out, ' ');
    }
    for (guint i = 0; i < items->len; i++) {
        if (i > 0)
            g_string_append_c(fetch->out, ' ');
        put_item(session, fetch, &g_array_index(items, ImsImap4Item, i), message);
    }
    g_string_append(fetch->out, ")\r\n");
}

/* The row of @uid in the present slice; NULL where the store no longer has the message. */
static const ImsMessageRow *
find_row(Fetch *fetch, guint32 uid)
{
    const ImsMessageRow *row;

    while (fetch->row_at < fetch->rows->len) {
        row = g_ptr_array_index(fetch->rows, fetch->row_at);
        if (row->uid == uid)
            return row;
        if (row->uid > uid)
            return NULL;
        fetch->row_at++;
    }
    return NULL;
}

/* Returns its cost. */
static guint
tell_message(ImsImap4Session *session, Fetch *fetch, guint32 index)
{
    Message message = {.entry = ims_imap4_selected_entry(session->selected, index)};
    guint cost = COST_PLAIN + fetch->items->items->len;

    if (fetch->items->needs_row) {
        cost += COST_ROW;
        message.row = find_row(fetch, message.entry->uid);
        if (message.row == NULL || (fetch->items->needs_summary && message.row->summary == NULL) ||
            !load_message(session, fetch, &message, &cost)) {
            clear_message(&message);
            fetch->failed = TRUE;
            return cost;
        }
    }
    put_message(session, fetch, index, &message);
    clear_message(&message);
    return cost;
}

/* ---- large bodies ---- */

typedef struct {
    ImsImap4Session *session;
    ImsContentId content;
    GBytes *body;
    GError *error;
} Job;

/* On a pool thread. */
static void
read_body(gpointer data)
{
    Job *job = data;

    job->body = ims_store_read_body(job->session->settings->store, job->content, &job->error);
}

static void
body_read(gpointer data)
{
    Job *job = data;
    ImsImap4Session *session = job->session;

    if (session->conn != NULL) {
        Fetch *fetch = session->command->work;

        fetch->large = g_steal_pointer(&job->body);
        if (fetch->large == NULL) {
            log_unreadable(session, job->error);
            fetch->failed = TRUE;
            fetch->at++;
        }
        fetch_step(session);
    }
    g_clear_pointer(&job->body, g_bytes_unref);
    g_clear_error(&job->error);
    g_free(job);
    ims_imap4_session_unref(session);
}

/* TRUE: the next message is large; body_read() goes on. */
static gboolean
read_large(ImsImap4Session *session, Fetch *fetch)
{
    guint32 index = g_array_index(fetch->slice, guint32, fetch->at);
    const ImsUidEntry *entry = ims_imap4_selected_entry(session->selected, index);
    const ImsMessageRow *row;
    Job *job;

    if (!fetch->items->needs_body || fetch->large != NULL || entry->size <= POOL_ABOVE)
        return FALSE;
    row = find_row(fetch, entry->uid);
    if (row == NULL)
        return FALSE;
    job = g_new0(Job, 1);
    job->session = ims_imap4_session_ref(session);
    job->content = row->content;
    if (ims_world_run_in_pool(session->world, read_body, body_read, job))
        return TRUE;
    ims_imap4_session_unref(session);
    g_free(job);
    return FALSE; /* the pool is full: it is read here */
}

/* ---- slices ---- */

static guint
slice_limit(const ImsImap4Items *items)
{
    if (!items->needs_row)
        return SLICE_PLAIN;
    return items->needs_body ? SLICE_BODIES : SLICE_ROWS;
}

/* FALSE: there are no more messages. */
static gboolean
take_slice(Fetch *fetch)
{
    guint limit = slice_limit(fetch->items);

    g_array_set_size(fetch->slice, 0);
    g_array_set_size(fetch->seen, 0);
    g_clear_pointer(&fetch->rows, g_ptr_array_unref);
    fetch->at = fetch->row_at = 0;
    while (fetch->range < fetch->indexes->len && fetch->slice->len < limit) {
        const ImsImap4Range *range = &g_array_index(fetch->indexes, ImsImap4Range, fetch->range);
        guint32 index = MAX(range->first, fetch->next);

        for (; index <= range->last && fetch->slice->len < limit; index++)
            g_array_append_val(fetch->slice, index);
        fetch->next = index;
        if (index > range->last)
            fetch->range++;
    }
    return fetch->slice->len > 0;
}

static gboolean
read_slice_rows(ImsImap4Session *session, Fetch *fetch)
{
    g_autoptr(GArray) uids = g_array_sized_new(FALSE, FALSE, sizeof(guint32), fetch->slice->len);
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < fetch->slice->len; i++) {
        guint32 uid =
            ims_imap4_selected_uid(session->selected, g_array_index(fetch->slice, guint32, i));

        g_array_append_val(uids, uid);
    }
    fetch->rows = ims_store_read_rows(session->settings->store, session->selected->folder,
                                      (const guint32 *)(void *)uids->data, uids->len,
                                      fetch->items->needs_summary, &error);
    if (fetch->rows != NULL)
        return TRUE;
    ims_imap4_no_error(session, error);
    return FALSE;
}

static void
seen_done(ImsImap4Session *session, ImsStoreOp *op)
{
    Fetch *fetch = session->command->work;

    /* A disk that is full does not keep anyone from reading: the message just stays unseen. */
    if (op->error != NULL)
        g_array_set_size(fetch->seen, 0);
    ims_imap4_selected_update(
        session, ims_imap4_is_uid(session) ? IMS_IMAP4_UPDATE_WITH_UID : IMS_IMAP4_UPDATE_DEFAULT,
        fetch->seen->len > 0 ? fetch->seen : NULL);
    fetch_step(session);
}

/* TRUE: the slice's \Seen flags are on their way to the store, seen_done() goes on. */
static gboolean
set_seen(ImsImap4Session *session, Fetch *fetch)
{
    ImsFlagsOp *op;

    if (!fetch->items->sets_seen || session->selected->read_only)
        return FALSE;
    for (guint i = 0; i < fetch->slice->len; i++) {
        const ImsUidEntry *entry =
            ims_imap4_selected_entry(session->selected, g_array_index(fetch->slice, guint32, i));

        if (!(entry->flags & IMS_FLAG_SEEN))
            g_array_append_val(fetch->seen, entry->uid);
    }
    if (fetch->seen->len == 0)
        return FALSE;
    op = (ImsFlagsOp *)ims_store_op_new(IMS_OP_STORE_FLAGS, NULL, NULL);
    op->folder = session->selected->folder;
    op->uids = g_array_copy(fetch->seen);
    op->mode = IMS_FLAGS_ADD;
    op->flags = IMS_FLAG_SEEN;
    ims_imap4_submit(session, &op->op, seen_done);
    return TRUE;
}

static void
finish(ImsImap4Session *session, Fetch *fetch)
{
    ims_imap4_flush(session, fetch->out);
    if (fetch->failed)
        ims_imap4_no(session, NULL, "The requested item could not be found."); /* I-112 */
    else
        ims_imap4_ok(session, NULL);
}

static void
fetch_step(ImsImap4Session *session)
{
    Fetch *fetch = session->command->work;
    guint cost = 0;

    for (;;) {
        if (fetch->at == fetch->slice->len) {
            if (!take_slice(fetch)) {
                finish(session, fetch);
                return;
            }
            ims_imap4_flush(session, fetch->out);
            if (set_seen(session, fetch))
                return;
        }
        if (fetch->items->needs_row && fetch->rows == NULL && !read_slice_rows(session, fetch))
            return;
        while (fetch->at < fetch->slice->len && cost < TURN_USEC &&
               ims_conn_pending(session->conn) + fetch->out->len <= IMS_CONN_HIGH_WATER) {
            if (read_large(session, fetch))
                return;
            cost += tell_message(session, fetch, g_array_index(fetch->slice, guint32, fetch->at++));
        }
        if (fetch->at < fetch->slice->len || cost >= TURN_USEC) {
            ims_imap4_flush(session, fetch->out);
            ims_imap4_yield(session, fetch_step);
            return;
        }
    }
}

void
ims_imap4_cmd_fetch(ImsImap4Session *session)
{
    const ImsImap4Arg *set = ims_imap4_args(session);
    gboolean uid = ims_imap4_is_uid(session);
    const char *problem = "The specified message set is invalid";
    g_autoptr(GArray) indexes = NULL;
    g_autoptr(ImsImap4Items) items = ims_imap4_items_parse(set->next, uid, &problem);
    Fetch *fetch;

    if (items != NULL && set->type == IMS_IMAP4_ARG_ATOM)
        indexes = ims_imap4_selected_resolve(session->selected, set->text, uid, &problem);
    if (indexes == NULL) {
        ims_imap4_bad(session, problem);
        return;
    }
    fetch = g_new0(Fetch, 1);
    fetch->indexes = g_steal_pointer(&indexes);
    fetch->items = g_steal_pointer(&items);
    fetch->slice = g_array_new(FALSE, FALSE, sizeof(guint32));
    fetch->seen = g_array_new(FALSE, FALSE, sizeof(guint32));
    fetch->out = g_string_new(NULL);
    ims_imap4_set_work(session, fetch, fetch_free);
    fetch_step(session);
}
