/* ETRN (RFC 1985): a host that has come on line asks for what waits for its domain. Nothing is sent
 * to the one who asks: the queue opens a connection of its own to the domain's host (S-234). */
#include "ims/route.h"
#include "ims/smtp-private.h"

#include <string.h>

typedef struct {
    ImsSmtpSession *session; /* a reference */
    char *name;              /* as asked for */
    guint pending, affected;
    gboolean failed;
} Etrn;

static void
finish(Etrn *etrn)
{
    ImsSmtpSession *session = etrn->session;
    char client[IMS_ADDRESS_STRLEN], count[16];

    g_snprintf(count, sizeof count, "%u", etrn->affected);
    ims_log_event(session->service->log, session->id, "etrn", "domain", etrn->name, "recipients",
                  count, "result", etrn->failed ? "failed" : "ok", "client",
                  ims_address_format(&session->peer, client), "account", session->account, NULL);
    ims_smtp_reply_with(session,
                        etrn->failed          ? IMS_SMTP_ETRN_FAILED
                        : etrn->affected != 0 ? IMS_SMTP_ETRN_STARTED
                                              : IMS_SMTP_ETRN_NOTHING,
                        etrn->name, NULL);
    g_free(etrn->name);
    g_free(etrn);
    ims_smtp_go_on(session);
    ims_smtp_session_unref(session);
}

static void
retried(ImsStoreOp *op, gpointer data)
{
    Etrn *etrn = data;

    if (op->error != NULL)
        etrn->failed = TRUE;
    else
        etrn->affected += ((ImsQueueAdminOp *)op)->affected;
    ims_store_op_free(op);
    if (--etrn->pending == 0)
        finish(etrn);
}

static void
retry(Etrn *etrn, const char *domain)
{
    ImsStoreOp *op = ims_store_op_new(IMS_OP_QUEUE_ADMIN, retried, etrn);
    ImsQueueAdminOp *admin = (ImsQueueAdminOp *)op;

    admin->action = IMS_QUEUE_ADMIN_RETRY;
    admin->domain = g_strdup(domain);
    etrn->pending++;
    ims_store_submit(etrn->session->service->store, op);
}

/* An entry of the E-Mail Domain list covers subdomains, so their mail waits, and comes, with it. */
static void
retry_below(Etrn *etrn, const char *domain)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) domains = ims_store_queue_domains(etrn->session->service->store, &error);
    gsize length = strlen(domain);

    if (domains == NULL) {
        etrn->failed = TRUE;
        return;
    }
    for (guint i = 0; i < domains->len; i++) {
        const ImsQueueDomain *queued = domains->pdata[i];
        gsize other = strlen(queued->domain);

        if (other > length && queued->domain[other - length - 1] == '.' &&
            strcmp(queued->domain + other - length, domain) == 0)
            retry(etrn, queued->domain);
    }
}

void
ims_smtp_cmd_etrn(ImsSmtpSession *session, const char *args)
{
    gboolean below = *args == '@';
    g_autofree char *domain = g_ascii_strdown(below ? args + 1 : args, -1);
    gboolean is_listed;
    Etrn *etrn;

    if (session->config->disable_etrn) {
        ims_smtp_reply(session, IMS_SMTP_NOT_IMPLEMENTED);
        return;
    }
    if (!ims_smtp_is_secure_enough(session))
        return;
    if (!ims_config_is_host_name(domain)) {
        ims_smtp_reply(session, IMS_SMTP_SYNTAX);
        return;
    }
    is_listed = ims_route_is_listed(session->config, domain);
    if (below && !is_listed) {
        ims_smtp_reply_with(session, IMS_SMTP_ETRN_NOT_ALLOWED, args, NULL);
        return;
    }
    etrn = g_new0(Etrn, 1);
    etrn->session = ims_smtp_session_ref(session);
    etrn->name = g_strdup(args);
    etrn->pending = 1; /* until all are asked for */
    ims_smtp_wait(session);
    retry(etrn, domain);
    if (is_listed)
        retry_below(etrn, domain);
    if (--etrn->pending == 0)
        finish(etrn);
}
