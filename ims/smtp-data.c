#include "ims/personality.h"
#include "ims/smtp-private.h"

/* How often a store that has more to write than it should is looked at again. */
#define CONGESTED_USEC (20 * 1000)

static void begin_data(ImsSmtpSession *session);

static void
congestion_checked(gpointer data)
{
    ImsSmtpSession *session = data;

    session->timer = NULL;
    if (ims_store_is_congested(session->service->store)) {
        session->timer = ims_world_timer_add(session->service->world, CONGESTED_USEC,
                                             congestion_checked, session);
        return;
    }
    if (session->input != IMS_SMTP_INPUT_DATA)
        begin_data(session);
    ims_smtp_go_on(session);
}

/* The client waits, by the 354 it does not get or by TCP, until the writer has caught up. */
static gboolean
wait_for_store(ImsSmtpSession *session)
{
    if (!ims_store_is_congested(session->service->store))
        return FALSE;
    ims_smtp_wait(session);
    session->timer =
        ims_world_timer_add(session->service->world, CONGESTED_USEC, congestion_checked, session);
    return TRUE;
}

static void
begin_data(ImsSmtpSession *session)
{
    const ImsConfig *config = session->config;
    ImsWorld *world = session->service->world;
    char address[IMS_ADDRESS_STRLEN];
    g_autofree char *received = NULL;
    const char *peer_name = NULL;

    session->spool_id = ims_spool_id_new(world);
    if (config->reverse_resolve)
        peer_name = ims_smtp_client_name(session, address);
    received = ims_received_in(config, session->helo, peer_name, &session->peer, session->spool_id,
                               ims_world_wall_usec(world));
    session->body = ims_smtp_body_new(session->service);
    ims_smtp_body_prepend(session->body, received);
    if (ims_smtp_body_status(session->body) != IMS_SMTP_BODY_OK) {
        /* Not even a header line finds room: the client should not send for nothing. */
        ims_smtp_reset_transaction(session);
        ims_smtp_reply(session, IMS_SMTP_DISK_FULL);
        return;
    }
    ims_smtp_dots_init(&session->dots);
    ims_smtp_set_input(session, IMS_SMTP_INPUT_DATA);
    ims_smtp_reply(session, IMS_SMTP_SEND_DATA);
}

void
ims_smtp_cmd_data(ImsSmtpSession *session, const char *args)
{
    if (session->state != IMS_SMTP_RCPT) {
        ims_smtp_reply(session, session->transaction->tried > 0 ? IMS_SMTP_NO_RECIPIENTS
                                                                : IMS_SMTP_BAD_SEQUENCE);
        return;
    }
    if (!wait_for_store(session))
        begin_data(session);
}

static void
emit_text(const guint8 *bytes, gsize length, gpointer data)
{
    ImsSmtpSession *session = data;

    ims_smtp_body_append(session->body, bytes, length);
}

gsize
ims_smtp_take_data(ImsSmtpSession *session, const guint8 *bytes, gsize length)
{
    gboolean done;
    gsize consumed;

    if (wait_for_store(session))
        return 0;
    consumed = ims_smtp_dots_feed(&session->dots, bytes, length, emit_text, session, &done);
    if (done) {
        ims_smtp_set_input(session, IMS_SMTP_INPUT_COMMAND);
        ims_smtp_deliver(session);
    }
    return consumed;
}
