/* The runner and its jobs. All on main. */
#pragma once

#include "ims/queue.h"
#include "ims/route.h"

G_BEGIN_DECLS

/* Made up by the IMS where no host was reached (S-176). */
#define IMS_QUEUE_UNREACHABLE 499

struct _ImsQueueRunner {
    ImsService *service;
    ImsRouter *router;
    ImsStoreWatch *watch;
    ImsTimer *timer;
    GHashTable *destinations; /* ims_router_destination() → jobs there */
    GHashTable *claiming;     /* domains with a claim on its way */
    guint n_jobs, n_failing_jobs;
    gint64 next_scan_usec; /* monotonic: not before */
    gboolean scan_posted, stopping;
    ImsCallback stopped; /* (nullable) */
    gpointer stopped_data;
};

typedef struct _ImsQueueJob ImsQueueJob;
/* Claims what is due of @domain and sends it; tells ims_queue_runner_claimed() and
 * ims_queue_runner_ended(). */
void ims_queue_job_start(ImsQueueRunner *runner, const char *domain, const char *destination,
                         gboolean failing);

/* @n: how many messages */
void ims_queue_runner_claimed(ImsQueueRunner *runner, const char *domain, guint n);
void ims_queue_runner_ended(ImsQueueRunner *runner, const char *destination, gboolean failing);

/* ---- outcomes ---- */

/* One recipient's last attempt, as it is committed. */
typedef struct {
    ImsSendStatus status; /* PENDING counts as TRANSIENT */
    int code;
    const char *reply;
    const char *host;     /* (nullable): its name, for the log */
    const char *address;  /* (nullable): "192.0.2.1:25" */
    gboolean host_failed; /* no host was reached at all */
    gboolean not_tried;   /* back to the queue, due at once, not counted */
} ImsQueueAttempt;

/**
 * ims_queue_result_of:
 * Decides what becomes of @recipient and logs it. Where it failed for good, its code and reply are
 * set for the report.
 */
ImsQueueResult ims_queue_result_of(ImsQueueRunner *runner, const ImsQueueMessage *message,
                                   ImsQueueRecipient *recipient, const ImsQueueAttempt *attempt);

/**
 * ims_queue_commit:
 * @results: (element-type ImsQueueResult) (transfer full): of recipients of @message
 * @body: (nullable): for a report about those that failed; NULL: it cannot be read
 * @done: once it is on disk, or cannot be: then the log says so
 *
 * Tries again while the disk is full. @message and @body must live until @done.
 */
void ims_queue_commit(ImsQueueRunner *runner, const ImsQueueMessage *message, GArray *results,
                      GBytes *body, ImsCallback done, gpointer data);

G_END_DECLS
