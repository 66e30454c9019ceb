#include "imap4/search.h"

#include "imap4/imap4-private.h"

/*
 * SEARCH goes through the mailbox in blocks. Each message is judged by the snapshot, then, if that
 * does not decide, by its row, its header, and at last by its body, in the pool.
 */
#define BLOCK_KEYS 65536u /* messages times keys */
#define BLOCK_UNDECIDED 400u
#define POOL_MESSAGES 64u
#define POOL_JOBS 2u /* of one session at a time */
#define POOL_BYTES (8u * 1024 * 1024)
/* Estimated microseconds; a turn of the loop ends above TURN_USEC. */
#define TURN_USEC 10000u
#define COST_BLOCK 1000u
#define COST_ROW 8u
#define COST_READ 25u

typedef struct {
    ImsImap4SearchMessage message; /* owns header and body */
    ImsImap4Verdict verdict;
} Candidate;

typedef struct {
    ImsImap4Key *key;
    guint n_keys;
    guint next;      /* index of the first message not in a block yet */
    GArray *block;   /* (element-type Candidate): messages that match or may match, by index */
    guint at;        /* the next of the block to be looked into */
    GPtrArray *rows; /* of the undecided ones of the block */
    guint row_at;
    guint jobs; /* in the pool */
    GString *out;
    guint cost;
    gboolean failed;
} Search;

static void search_step(ImsImap4Session *session);

static void
clear_candidate(gpointer data)
{
    Candidate *candidate = data;

    g_clear_pointer(&candidate->message.header, g_bytes_unref);
    g_clear_pointer(&candidate->message.body, g_bytes_unref);
}

static void
search_free(gpointer data)
{
    Search *search = data;

    ims_imap4_key_unref(search->key);
    g_array_unref(search->block);
    g_clear_pointer(&search->rows, g_ptr_array_unref);
    g_string_free(search->out, TRUE);
    g_free(search);
}

/* ---- a block ---- */

/* FALSE: the mailbox is done. */
static gboolean
take_block(ImsImap4Session *session, Search *search)
{
    const ImsImap4Selected *selected = session->selected;
    guint count = ims_imap4_selected_count(selected), undecided = 0;
    guint limit = MAX(BLOCK_KEYS / search->n_keys, 16);
    guint end = limit < count - search->next ? search->next + limit : count;

    g_array_set_size(search->block, 0);
    g_clear_pointer(&search->rows, g_ptr_array_unref);
    search->at = search->row_at = 0;
    if (search->next == count)
        return FALSE;
    while (search->next < end && undecided < BLOCK_UNDECIDED) {
        Candidate candidate = {.message.index = search->next};

        candidate.message.entry = *ims_imap4_selected_entry(selected, search->next);
        candidate.message.recent =
            ims_imap4_selected_is_recent(selected, candidate.message.entry.uid);
        candidate.verdict = ims_imap4_key_judge(search->key, &candidate.message);
        if (candidate.verdict != IMS_IMAP4_NO)
            g_array_append_val(search->block, candidate);
        undecided += candidate.verdict == IMS_IMAP4_UNKNOWN;
        search->next++;
    }
    search->cost += COST_BLOCK;
    return TRUE;
}

static gboolean
read_block_rows(ImsImap4Session *session, Search *search)
{
    g_autoptr(GArray) uids = g_array_new(FALSE, FALSE, sizeof(guint32));
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < search->block->len; i++) {
        const Candidate *candidate = &g_array_index(search->block, Candidate, i);

        if (candidate->verdict == IMS_IMAP4_UNKNOWN)
            g_array_append_val(uids, candidate->message.entry.uid);
    }
    if (uids->len == 0) {
        search->rows = g_ptr_array_new();
        return TRUE;
    }
    search->rows =
        ims_store_read_rows(session->settings->store, session->selected->folder,
                            (const guint32 *)(void *)uids->data, uids->len, TRUE, &error);
    search->cost += uids->len * COST_ROW;
    if (search->rows != NULL)
        return TRUE;
    ims_imap4_no_error(session, error);
    return FALSE;
}

static const ImsMessageRow *
find_row(Search *search, guint32 uid)
{
    while (search->row_at < search->rows->len) {
        const ImsMessageRow *row = g_ptr_array_index(search->rows, search->row_at);

        if (row->uid >= uid)
            return row->uid == uid && row->summary != NULL ? row : NULL;
        search->row_at++;
    }
    return NULL;
}

/* By row and header. What is still UNKNOWN afterwards needs the body. */
static void
look_into(ImsImap4Session *session, Search *search, Candidate *candidate)
{
    ImsImap4SearchMessage *message = &candidate->message;
    g_autoptr(GError) error = NULL;

    message->row = find_row(search, message->entry.uid);
    if (message->row == NULL) {
        candidate->verdict = IMS_IMAP4_NO; /* gone for good */
        return;
    }
    candidate->verdict = ims_imap4_key_judge(search->key, message);
    if (candidate->verdict != IMS_IMAP4_UNKNOWN)
        return;
    message->header =
        ims_store_read_header(session->settings->store, message->row->content, &error);
    search->cost += COST_READ;
    if (message->header == NULL) {
        search->failed = TRUE;
        candidate->verdict = IMS_IMAP4_NO;
        return;
    }
    candidate->verdict = ims_imap4_key_judge(search->key, message);
    if (candidate->verdict != IMS_IMAP4_UNKNOWN)
        g_clear_pointer(&message->header, g_bytes_unref);
}

static void
append_matches(ImsImap4Session *session, Search *search)
{
    gboolean uid = ims_imap4_is_uid(session);

    for (guint i = 0; i < search->block->len; i++) {
        const Candidate *candidate = &g_array_index(search->block, Candidate, i);

        if (candidate->verdict != IMS_IMAP4_YES)
            continue;
        g_string_append_c(search->out, ' ');
        ims_imap4_append_uint(search->out, uid ? candidate->message.entry.uid
                                               : (guint64)candidate->message.index + 1);
    }
}

/* ---- bodies, in the pool ---- */

/* What a pool thread works on; it owns all of it, for the session may be gone meanwhile. */
typedef struct {
    ImsImap4Session *session;
    ImsStore *store;
    ImsImap4Key *key;
    GPtrArray *rows;
    gboolean failed;
    GArray *candidates; /* (element-type Candidate) */
    GArray *places;     /* (element-type guint): where in the block they stand */
} Job;

static void
job_free(Job *job)
{
    ims_imap4_key_unref(job->key);
    g_ptr_array_unref(job->rows);
    g_array_unref(job->candidates);
    g_array_unref(job->places);
    ims_imap4_session_unref(job->session);
    g_free(job);
}

/* On a pool thread. A body is held only while it is looked into. */
static void
job_work(gpointer data)
{
    Job *job = data;

    for (guint i = 0; i < job->candidates->len; i++) {
        Candidate *candidate = &g_array_index(job->candidates, Candidate, i);
        ImsImap4SearchMessage *message = &candidate->message;

        message->body = ims_store_read_body(job->store, message->row->content, NULL);
        if (message->body != NULL) {
            candidate->verdict = ims_imap4_key_judge(job->key, message);
            g_clear_pointer(&message->body, g_bytes_unref);
        } else {
            candidate->verdict = IMS_IMAP4_NO;
            job->failed = TRUE;
        }
    }
}

static void
job_done(gpointer data)
{
    Job *job = data;
    ImsImap4Session *session = job->session;

    if (session->conn != NULL) {
        Search *search = session->command->work;

        for (guint i = 0; i < job->candidates->len; i++)
            g_array_index(search->block, Candidate, g_array_index(job->places, guint, i)).verdict =
                g_array_index(job->candidates, Candidate, i).verdict;
        search->failed |= job->failed;
        search->jobs--;
        search->cost = 0; /* others had their turn */
        search_step(session);
    }
    job_free(job);
}

static Job *
job_new(ImsImap4Session *session, Search *search)
{
    Job *job = g_new0(Job, 1);

    job->session = ims_imap4_session_ref(session);
    job->store = session->settings->store;
    job->key = ims_imap4_key_ref(search->key);
    job->rows = g_ptr_array_ref(search->rows);
    job->candidates = g_array_new(FALSE, FALSE, sizeof(Candidate));
    g_array_set_clear_func(job->candidates, clear_candidate);
    job->places = g_array_new(FALSE, FALSE, sizeof(guint));
    return job;
}

/* Moves undecided messages of the block into @job, up to its limits. */
static void
fill_job(Search *search, Job *job)
{
    guint64 bytes = 0;

    for (guint i = 0; i < search->block->len; i++) {
        Candidate *candidate = &g_array_index(search->block, Candidate, i);
        Candidate copy = {.message = candidate->message, .verdict = IMS_IMAP4_UNKNOWN};

        if (candidate->verdict != IMS_IMAP4_UNKNOWN)
            continue;
        if (job->candidates->len >= POOL_MESSAGES || bytes >= POOL_BYTES)
            return;
        candidate->message.header = NULL; /* the copy's now */
        candidate->verdict = IMS_IMAP4_NO;
        bytes += candidate->message.entry.size;
        g_array_append_val(job->candidates, copy);
        g_array_append_val(job->places, i);
    }
}

/* The pool did not take @job: its messages are undecided again. */
static void
take_back(Search *search, Job *job)
{
    for (guint i = 0; i < job->candidates->len; i++) {
        Candidate *copy = &g_array_index(job->candidates, Candidate, i);
        Candidate *candidate =
            &g_array_index(search->block, Candidate, g_array_index(job->places, guint, i));

        candidate->verdict = IMS_IMAP4_UNKNOWN;
        candidate->message.header = g_steal_pointer(&copy->message.header);
    }
    job_free(job);
}

/* TRUE: the pool works, or the command is over. FALSE: no body is needed. */
static gboolean
search_bodies(ImsImap4Session *session, Search *search)
{
    while (search->jobs < POOL_JOBS) {
        Job *job = job_new(session, search);

        fill_job(search, job);
        if (job->candidates->len == 0) {
            job_free(job);
            break;
        }
        if (!ims_world_run_in_pool(session->world, job_work, job_done, job)) {
            take_back(search, job);
            if (search->jobs > 0)
                break;
            ims_imap4_no(session, "UNAVAILABLE", "The server is busy. Try again later.");
            return TRUE;
        }
        search->jobs++;
    }
    return search->jobs > 0;
}

/* ---- the command ---- */

static void
finish(ImsImap4Session *session, Search *search)
{
    ims_conn_puts(session->conn, "* SEARCH");
    g_string_append(search->out, "\r\n");
    ims_imap4_flush(session, search->out);
    if (search->failed)
        ims_imap4_no(session, NULL, "The requested item could not be found.");
    else
        ims_imap4_ok(session, NULL);
}

/* TRUE: the present block is judged. FALSE: it goes on later. */
static gboolean
judge_block(ImsImap4Session *session, Search *search)
{
    if (search->rows == NULL && !read_block_rows(session, search))
        return FALSE;
    while (search->at < search->block->len) {
        Candidate *candidate = &g_array_index(search->block, Candidate, search->at);

        if (search->cost >= TURN_USEC) {
            ims_imap4_yield(session, search_step);
            return FALSE;
        }
        if (candidate->verdict == IMS_IMAP4_UNKNOWN && candidate->message.row == NULL)
            look_into(session, search, candidate);
        search->at++;
    }
    return !search_bodies(session, search);
}

static void
search_step(ImsImap4Session *session)
{
    Search *search = session->command->work;

    if (search->cost >= TURN_USEC)
        search->cost = 0;
    do {
        if (!judge_block(session, search))
            return;
        append_matches(session, search);
        if (search->cost >= TURN_USEC &&
            search->next < ims_imap4_selected_count(session->selected)) {
            g_array_set_size(search->block, 0);
            ims_imap4_yield(session, search_step);
            return;
        }
    } while (take_block(session, search));
    finish(session, search);
}

void
ims_imap4_cmd_search(ImsImap4Session *session)
{
    const char *problem = "Search key expected";
    ImsImap4SearchFault fault;
    ImsImap4Key *key =
        ims_imap4_key_parse(session->selected, ims_imap4_args(session), &fault, &problem);
    Search *search;

    if (key == NULL) {
        if (fault == IMS_IMAP4_SEARCH_CHARSET)
            ims_imap4_no_always(session, "BADCHARSET (US-ASCII UTF-8)",
                                "The character set is not supported.");
        else
            ims_imap4_bad(session, problem);
        return;
    }
    search = g_new0(Search, 1);
    search->key = key;
    search->n_keys = ims_imap4_key_count(key);
    search->block = g_array_new(FALSE, FALSE, sizeof(Candidate));
    g_array_set_clear_func(search->block, clear_candidate);
    search->out = g_string_new(NULL);
    ims_imap4_set_work(session, search, search_free);
    search_step(session);
}
