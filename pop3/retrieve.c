/* RETR and TOP: the body is read here, or by the pool where that takes long, and sent by sending.c.
 */
#include "pop3/pop3-private.h"

/* The first read of a body checks its digest: above this size that takes longer than a turn of the
 * loop may. */
#define POOL_OCTETS (1024u * 1024)

typedef struct {
    ImsPop3Session *session; /* holds the maildrop, so the body stays readable */
    ImsContentId content;
    guint64 body_lines;
    GBytes *message; /* result */
    GError *error;
} Job;

static void
send_or_refuse(ImsPop3Session *session, GBytes *message, guint64 body_lines, const GError *error)
{
    if (session->conn == NULL || session->closing)
        return;
    if (message == NULL) {
        ims_log_event(session->settings->log, session->id, "retrieve", "protocol", "pop3", "result",
                      "failed", "account", session->account, "error", error->message, NULL);
        ims_pop3_reply(session, IMS_POP3_NOT_RENDERED);
        return;
    }
    session->retrieved++;
    ims_pop3_send_message(session, message, body_lines);
}

/* On a pool thread: touches the job and the store only. */
static void
read_body(gpointer data)
{
    Job *job = data;

    job->message = ims_store_read_body(job->session->settings->store, job->content, &job->error);
}

static void
body_read(gpointer data)
{
    Job *job = data;
    ImsPop3Session *session = job->session;

    send_or_refuse(session, job->message, job->body_lines, job->error);
    ims_pop3_go_on(session);
    g_clear_pointer(&job->message, g_bytes_unref);
    g_clear_error(&job->error);
    g_free(job);
    ims_pop3_session_unref(session);
}

static void
read_in_pool(ImsPop3Session *session, ImsContentId content, guint64 body_lines)
{
    Job *job = g_new0(Job, 1);

    job->session = ims_pop3_session_ref(session);
    job->content = content;
    job->body_lines = body_lines;
    ims_pop3_wait(session);
    if (ims_world_run_in_pool(ims_conn_world(session->conn), read_body, body_read, job))
        return;
    g_free(job);
    ims_pop3_session_unref(session);
    ims_pop3_reply(session, IMS_POP3_UNAVAILABLE);
    ims_pop3_go_on(session);
}

static void
retrieve(ImsPop3Session *session, guint number, guint64 body_lines)
{
    ImsStore *store = session->settings->store;
    g_autoptr(GError) error = NULL;
    g_autoptr(GBytes) message = NULL;
    ImsContentId content = ims_pop3_maildrop_content(session->maildrop, number, &error);

    if (content != 0 && body_lines > 0 &&
        ims_pop3_maildrop_octets_of(session->maildrop, number) > POOL_OCTETS) {
        read_in_pool(session, content, body_lines);
        return;
    }
    if (content != 0)
        message = body_lines == 0 ? ims_store_read_header(store, content, &error)
                                  : ims_store_read_body(store, content, &error);
    send_or_refuse(session, message, body_lines, error);
}

void
ims_pop3_cmd_retr(ImsPop3Session *session, char **args)
{
    guint number = ims_pop3_take_number(session, args[0]);

    if (number != 0)
        retrieve(session, number, G_MAXUINT64);
}

void
ims_pop3_cmd_top(ImsPop3Session *session, char **args)
{
    guint64 lines;
    guint number;

    if (!g_ascii_string_to_unsigned(args[1], 10, 0, G_MAXUINT32, &lines, NULL)) {
        ims_pop3_error(session, IMS_POP3_BAD_ARGUMENTS);
        return;
    }
    number = ims_pop3_take_number(session, args[0]);
    if (number != 0)
        retrieve(session, number, lines);
}
