/* Starting and stopping what the service does by itself. Apart from ims/service.c, since imsctl
 * only opens one. */
#include "ims/queue.h"

static void
log_policy(ImsService *service)
{
    const ImsConfig *config = service->config;
    g_autofree char *flags = g_strdup_printf("%u", config->policy.relay_flags);

    if (!ims_config_is_open_relay(config))
        return;
    ims_log_event(service->log, 0, "open-relay", "RelayFlags", flags, "served-to",
                  config->accept_historic_risk ? "everyone" : "loopback", "source",
                  config->policy.relay_flags == 0 ? "R-059 Q193922" : "R-060 Q193922", "closed-by",
                  "RelayFlags = authenticated", NULL);
}

static void
log_uncertain(ImsService *service)
{
    g_autoptr(GPtrArray) uncertain = ims_store_queue_uncertain(service->store);

    for (guint i = 0; uncertain != NULL && i < uncertain->len; i++) {
        const ImsQueueMessage *message = uncertain->pdata[i];
        g_autofree char *id = g_strdup_printf("%" G_GUINT64_FORMAT, message->id);

        for (guint k = 0; k < message->recipients->len; k++) {
            const ImsQueueRecipient *recipient = message->recipients->pdata[k];

            ims_log_event(service->log, 0, "queue-uncertain", "message", id, "from",
                          message->sender, "to", recipient->address, "detail",
                          "was being sent when the last process ended; is sent again", NULL);
        }
    }
}

void
ims_service_start(ImsService *service)
{
    log_policy(service);
    log_uncertain(service);
    service->queue = ims_queue_runner_new(service);
}

typedef struct {
    ImsService *service;
    ImsCallback done;
    gpointer data;
} Stop;

/* A control request that waits for the store must have its answer before the store goes. */
static void
stop_when_answered(gpointer data)
{
    enum {
        STEP_USEC = 10000,
    };
    Stop *stop = data;

    if (stop->service->control_calls > 0) {
        ims_world_timer_add(stop->service->world, STEP_USEC, stop_when_answered, stop);
        return;
    }
    g_clear_pointer(&stop->service->queue, ims_queue_runner_free);
    stop->done(stop->data);
    g_free(stop);
}

static void
queue_stopped(gpointer data)
{
    Stop *stop = data;

    /* Later: the runner may still be on the stack. */
    ims_world_post(stop->service->world, ims_world_main(stop->service->world), stop_when_answered,
                   stop);
}

void
ims_service_stop(ImsService *service, ImsCallback done, gpointer data)
{
    Stop *stop = g_new(Stop, 1);

    stop->service = service;
    stop->done = done;
    stop->data = data;
    if (service->queue != NULL)
        ims_queue_runner_stop(service->queue, queue_stopped, stop);
    else
        ims_world_post(service->world, ims_world_main(service->world), stop_when_answered, stop);
}
