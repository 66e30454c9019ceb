#include "ims/sender.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "ims/sender-private.h"

/* libesmtp's connect has no time-out but the kernel's two minutes: who did not answer it is tried
 * by our own sender for a while, which has one. */
#define SLOW_USEC ((gint64)3600 * G_USEC_PER_SEC)
#define MAX_SLOW 1000

struct _ImsSender {
    ImsWorld *world;
    GThreadPool *pool;
    SSL_CTX *tls, *tls_esmtp;
    gint stopping;    /* atomic */
    GMutex lock;      /* guards @slow */
    GHashTable *slow; /* ImsAddress → gint64: until when, monotonic */
};

/* ---- results ---- */

/* What another host says goes to logs and reports: one line, printable, bounded. */
static char *
clean_reply(const char *reply)
{
    g_autofree char *valid = g_utf8_make_valid(reply, -1);
    g_autoptr(GString) out = g_string_new(NULL);
    guint n = 0;

    for (const char *p = valid; *p != '\0' && n < IMS_SEND_REPLY_MAX;
         p = g_utf8_next_char(p), n++) {
        gunichar c = g_utf8_get_char(p);

        g_string_append_unichar(out, g_unichar_iscntrl(c) ? ' ' : c);
    }
    return g_strstrip(g_string_free(g_steal_pointer(&out), FALSE));
}

void
ims_send_run_set(ImsSendRecipient *recipient, ImsSendStatus status, int code, const char *reply)
{
    g_free(recipient->reply);
    recipient->status = status;
    recipient->code = code;
    recipient->reply = clean_reply(reply);
}

void
ims_send_run_set_by_code(ImsSendRecipient *recipient, int code, const char *reply)
{
    ims_send_run_set(recipient,
                     code / 100 == 2   ? IMS_SEND_OK
                     : code / 100 == 5 ? IMS_SEND_PERMANENT
                                       : IMS_SEND_TRANSIENT,
                     code, reply);
}

void
ims_send_run_set_error(ImsSendRun *run, const char *format, ...)
{
    g_autofree char *text = NULL;
    va_list arguments;

    va_start(arguments, format);
    text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_free(run->error);
    run->error = clean_reply(text);
}

/* ---- outcomes ---- */

typedef struct {
    ImsSendRun *run;
    guint index;
} Outcome;

static void
resume(gpointer data)
{
    ImsSendRun *run = data;

    g_mutex_lock(&run->lock);
    run->resumed = TRUE;
    g_cond_signal(&run->cond);
    g_mutex_unlock(&run->lock);
}

static void
tell_outcome(gpointer data)
{
    Outcome *outcome = data;

    outcome->run->job->outcome(outcome->run->job, outcome->index, resume, outcome->run);
    g_free(outcome);
}

gboolean
ims_send_run_outcome(ImsSendRun *run, guint index)
{
    Outcome *outcome = g_new(Outcome, 1);

    outcome->run = run;
    outcome->index = index;
    run->done[index] = TRUE;
    run->n_done++;
    run->resumed = FALSE;
    ims_world_post(run->world, run->where, tell_outcome, outcome);
    g_mutex_lock(&run->lock);
    while (!run->resumed)
        g_cond_wait(&run->cond, &run->lock);
    g_mutex_unlock(&run->lock);
    return g_atomic_int_get(run->stopping) == 0;
}

static void
fail_message(ImsSendRun *run, guint index, int code, const char *reply)
{
    ImsSendMessage *message = run->job->messages->pdata[index];

    for (guint i = 0; i < message->recipients->len; i++)
        ims_send_run_set_by_code(message->recipients->pdata[i], code, reply);
    ims_send_run_outcome(run, index);
}

void
ims_send_run_fail_all(ImsSendRun *run, int code, const char *reply)
{
    for (guint i = 0; i < run->job->messages->len; i++) {
        if (!run->done[i])
            fail_message(run, i, code, reply);
    }
}

/* ---- hosts that do not answer ---- */

static gboolean
is_slow(ImsSender *sender, const ImsAddress *address)
{
    const gint64 *until_usec;
    gboolean slow;

    g_mutex_lock(&sender->lock);
    until_usec = g_hash_table_lookup(sender->slow, address);
    slow = until_usec != NULL && *until_usec > g_get_monotonic_time();
    g_mutex_unlock(&sender->lock);
    return slow;
}

static void
note_answer(ImsSender *sender, const ImsAddress *address, gboolean answered)
{
    gint64 until_usec = g_get_monotonic_time() + SLOW_USEC;

    g_mutex_lock(&sender->lock);
    if (answered) {
        g_hash_table_remove(sender->slow, address);
    } else {
        if (g_hash_table_size(sender->slow) >= MAX_SLOW)
            g_hash_table_remove_all(sender->slow);
        g_hash_table_replace(sender->slow, g_memdup2(address, sizeof *address),
                             g_memdup2(&until_usec, sizeof until_usec));
    }
    g_mutex_unlock(&sender->lock);
}

/* ---- a job ---- */

static gboolean
is_one_line(const char *text)
{
    for (; *text != '\0'; text++) {
        if ((guchar)*text < ' ' || *text == 0x7f)
            return FALSE;
    }
    return TRUE;
}

/* What would end a command early and begin another never reaches a line of ours. */
static gboolean
is_sound(const ImsSendMessage *message)
{
    if (!is_one_line(message->mail_from) || strpbrk(message->mail_from, "<>") != NULL ||
        (message->envid != NULL && !is_one_line(message->envid)))
        return FALSE;
    for (guint i = 0; i < message->recipients->len; i++) {
        const ImsSendRecipient *recipient = message->recipients->pdata[i];

        if (!is_one_line(recipient->address) || strpbrk(recipient->address, "<>") != NULL ||
            (recipient->orcpt != NULL && !is_one_line(recipient->orcpt)))
            return FALSE;
    }
    return TRUE;
}

static gboolean
may_use_esmtp(ImsSender *sender, const ImsSendJob *job)
{
    if (job->address.family != 4 || job->auth_user != NULL || is_slow(sender, &job->address))
        return FALSE;
    for (guint i = 0; i < job->messages->len; i++) {
        if (ims_sender_esmtp_alters(job->messages->pdata[i]) != NULL)
            return FALSE;
    }
    return TRUE;
}

static void
run_job(ImsSender *sender, ImsSendRun *run)
{
    for (guint i = 0; i < run->job->messages->len; i++) {
        if (!is_sound(run->job->messages->pdata[i]))
            fail_message(run, i, 553, "malformed address");
    }
    if (g_atomic_int_get(run->stopping) != 0 || run->n_done == run->job->messages->len)
        return;
    if (!may_use_esmtp(sender, run->job) || !ims_send_run_esmtp(run))
        ims_send_run_direct(run);
    note_answer(sender, &run->job->address, run->connected);
}

static void
tell_finished(gpointer data)
{
    ImsSendRun *run = data;

    run->job->finished(run->job, run->connected, run->error);
    g_mutex_clear(&run->lock);
    g_cond_clear(&run->cond);
    g_free(run->done);
    g_free(run->error);
    g_free(run);
}

/* Of a message without outcome nothing is known, whatever was answered on the way. */
static void
forget_half(ImsSendRun *run)
{
    for (guint i = 0; i < run->job->messages->len; i++) {
        ImsSendMessage *message = run->job->messages->pdata[i];

        for (guint k = 0; !run->done[i] && k < message->recipients->len; k++) {
            ImsSendRecipient *recipient = message->recipients->pdata[k];

            recipient->status = IMS_SEND_PENDING;
            recipient->code = 0;
            g_clear_pointer(&recipient->reply, g_free);
        }
    }
}

static void
work(gpointer data, gpointer sender)
{
    ImsSendRun *run = data;
    sigset_t pipe;

    /* libesmtp and OpenSSL write without MSG_NOSIGNAL: a closed connection is an error here, no
     * signal. */
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, NULL);
    run_job(sender, run);
    forget_half(run);
    ims_world_post(run->world, run->where, tell_finished, run);
}

static void
take_job(ImsWorld *world, ImsSendJob *job, gpointer data)
{
    ImsSender *sender = data;
    ImsSendRun *run = g_new0(ImsSendRun, 1);

    run->world = world;
    run->where = ims_world_current(world);
    run->job = job;
    run->tls = sender->tls;
    run->tls_esmtp = sender->tls_esmtp;
    run->stopping = &sender->stopping;
    run->done = g_new0(gboolean, job->messages->len);
    g_mutex_init(&run->lock);
    g_cond_init(&run->cond);
    /* With a pool that is not exclusive this cannot fail: without a new thread the job waits for
     * one. */
    g_thread_pool_push(sender->pool, run, NULL);
}

static void
free_sender(ImsSender *sender)
{
    g_hash_table_unref(sender->slow);
    g_mutex_clear(&sender->lock);
    SSL_CTX_free(sender->tls);
    SSL_CTX_free(sender->tls_esmtp);
    g_free(sender);
}

ImsSender *
ims_sender_new(ImsWorld *world, guint max_threads, GError **error)
{
    ImsSender *sender = g_new0(ImsSender, 1);

    sender->world = world;
    sender->tls = SSL_CTX_new(TLS_client_method());
    sender->tls_esmtp = SSL_CTX_new(TLS_client_method());
    if (sender->tls == NULL || sender->tls_esmtp == NULL) {
        g_set_error(error, G_THREAD_ERROR, G_THREAD_ERROR_AGAIN,
                    "sender: OpenSSL gives no context");
        SSL_CTX_free(sender->tls);
        SSL_CTX_free(sender->tls_esmtp);
        g_free(sender);
        return NULL;
    }
    g_mutex_init(&sender->lock);
    sender->slow = g_hash_table_new_full(ims_address_hash, ims_address_equal, g_free, g_free);
    SSL_CTX_set_verify(sender->tls, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_verify(sender->tls_esmtp, SSL_VERIFY_NONE, NULL);
    /* libesmtp 1.1 takes a TLS 1.3 session ticket that comes before the reply for a broken
     * connection, and quits. A host that wants 1.3 is served by our own sender. */
    SSL_CTX_set_max_proto_version(sender->tls_esmtp, TLS1_2_VERSION);
    sender->pool = g_thread_pool_new(work, sender, (int)max_threads, FALSE, error);
    if (sender->pool == NULL) {
        free_sender(sender);
        return NULL;
    }
    ims_world_set_sender(world, take_job, sender);
    return sender;
}

void
ims_sender_free(ImsSender *sender)
{
    if (sender == NULL)
        return;
    g_atomic_int_set(&sender->stopping, 1);
    ims_world_set_sender(sender->world, NULL, NULL);
    g_thread_pool_free(sender->pool, FALSE, TRUE);
    free_sender(sender);
}
