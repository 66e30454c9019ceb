#include "imap4/imap4-private.h"

typedef struct {
    ImsStore *store;
    ImsStoreWatch *watch;
} Idle;

static void
idle_free(gpointer data)
{
    Idle *idle = data;

    ims_store_unwatch(idle->store, &idle->watch);
    g_free(idle);
}

static void
changed(ImsFolderId folder, guint64 modseq, gpointer data)
{
    ImsImap4Session *session = data;

    /* A client that does not read its news gets them when it has, at the latest after DONE. */
    if (!session->closing && ims_conn_pending(session->conn) <= IMS_CONN_HIGH_WATER)
        ims_imap4_selected_update(session, IMS_IMAP4_UPDATE_EXPUNGE, NULL);
}

static void
read_done(ImsImap4Session *session, char *line, gsize length)
{
    if (g_ascii_strcasecmp(line, "DONE") == 0)
        ims_imap4_ok(session, NULL);
    else
        ims_imap4_bad(session, "DONE expected");
}

void
ims_imap4_cmd_idle(ImsImap4Session *session)
{
    Idle *idle = g_new0(Idle, 1);

    idle->store = session->settings->store;
    ims_imap4_set_work(session, idle, idle_free);
    ims_imap4_read_lines(session, read_done);
    ims_conn_puts(session->conn, "+ IDLE accepted, awaiting DONE command.\r\n"); /* I-124 */
    if (session->selected != NULL && !session->selected->gone)
        idle->watch = ims_store_watch(idle->store, session->selected->folder, changed, session);
    ims_imap4_selected_update(session, IMS_IMAP4_UPDATE_EXPUNGE, NULL);
}
