/* What a sender is asked to do and what it tells: one connection to one host, several messages.
 * Plain values. */
#pragma once

#include "routing/ip.h"

G_BEGIN_DECLS

/* RFC 3461 */
typedef enum {
    IMS_NOTIFY_DEFAULT = 0,
    IMS_NOTIFY_NEVER = 1,
    IMS_NOTIFY_SUCCESS = 2,
    IMS_NOTIFY_FAILURE = 4,
    IMS_NOTIFY_DELAY = 8,
} ImsNotify;

typedef enum {
    IMS_RET_DEFAULT,
    IMS_RET_FULL,
    IMS_RET_HDRS,
} ImsRet;

typedef enum {
    IMS_SEND_PENDING,
    IMS_SEND_OK,        /* the host took it */
    IMS_SEND_TRANSIENT, /* 4yz, or the connection failed */
    IMS_SEND_PERMANENT, /* 5yz */
} ImsSendStatus;

typedef struct {
    guint64 id;    /* the queue's row, untouched by the sender */
    char *address; /* local@domain */
    ImsNotify notify;
    char *orcpt;          /* (nullable) */
    ImsSendStatus status; /* set by the sender */
    int code;             /* reply code, 0 where no reply was had */
    char *reply;          /* (nullable): reply text, or what went wrong */
} ImsSendRecipient;

typedef struct {
    guint64 id;      /* the queue's row */
    char *mail_from; /* "" is the null sender */
    ImsRet ret;
    char *envid; /* (nullable) */
    gboolean eight_bit;
    GBytes *body;          /* whole message, CRLF line ends, not dot-stuffed */
    GPtrArray *recipients; /* (element-type ImsSendRecipient) */
} ImsSendMessage;

typedef enum {
    IMS_TLS_NEVER,
    IMS_TLS_OPPORTUNISTIC,
    IMS_TLS_REQUIRED,
} ImsTlsUse;

typedef struct _ImsSendJob ImsSendJob;
struct _ImsSendJob {
    char *host;         /* name, for EHLO logs and TLS */
    ImsAddress address; /* where to connect */
    guint16 port;
    char *helo; /* own name */
    ImsTlsUse tls;
    char *auth_user, *auth_password; /* (nullable) */
    guint connect_timeout_sec, command_timeout_sec;
    GPtrArray *messages; /* (element-type ImsSendMessage) */

    /**
     * outcome: message @index is done: every recipient's status is set. On the executor that sent
     * the job. The sender does not give the next message's MAIL before @resume was called (from any
     * thread), so that the outcome can be committed first: a crash then sends at most one message a
     * connection twice.
     */
    void (*outcome)(ImsSendJob *job, guint index, void (*resume)(gpointer), gpointer resume_data);
    /* The job is over; messages without outcome were not tried (status IMS_SEND_PENDING). The
     * callee frees the job. */
    void (*finished)(ImsSendJob *job, gboolean connected, const char *error);
    gpointer data; /* for the callbacks */
};

void ims_send_recipient_free(ImsSendRecipient *recipient);
void ims_send_message_free(ImsSendMessage *message);
/* Frees everything below it, not @data. */
void ims_send_job_free(ImsSendJob *job);

G_END_DECLS
