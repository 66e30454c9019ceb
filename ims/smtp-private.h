/* What the files of the SMTP session share. */
#pragma once

#include "ims/smtp.h"

G_BEGIN_DECLS

/* ---- replies: smtp-reply.c ---- */

/* One row each in the reply table; a later build's texts are further columns of it. */
typedef enum {
    IMS_SMTP_GREETING,       /* argument: host name; then build */
    IMS_SMTP_GREETING_PLAIN, /* AdvertiseSMTPExtensions=0 */
    IMS_SMTP_OK,             /* HELO, RSET, NOOP, end of data */
    IMS_SMTP_MAIL_OK,        /* argument: address */
    IMS_SMTP_MAIL_OK_SIZE,   /* argument: address, size */
    IMS_SMTP_SEND_DATA,
    IMS_SMTP_CLOSING,
    IMS_SMTP_STARTTLS_READY,
    IMS_SMTP_ETRN_STARTED, /* argument, as in the next: what was asked for */
    IMS_SMTP_ETRN_NOTHING,
    IMS_SMTP_AUTH_LOGIN_OK,
    IMS_SMTP_AUTH_PLAIN_OK,
    IMS_SMTP_AUTH_USER,
    IMS_SMTP_AUTH_PASSWORD,
    IMS_SMTP_AUTH_EMPTY,
    IMS_SMTP_FAREWELL_STOPPING, /* argument: host name */
    IMS_SMTP_FAREWELL_TIMEOUT,
    IMS_SMTP_FAREWELL_ERRORS,
    IMS_SMTP_FAREWELL_ACCOUNT,
    IMS_SMTP_LOCAL_ERROR,
    IMS_SMTP_DISK_FULL,
    IMS_SMTP_BUSY,
    IMS_SMTP_TOO_MANY_RECIPIENTS,
    IMS_SMTP_AUTH_UNAVAILABLE,
    IMS_SMTP_AUTH_TOO_MANY,
    IMS_SMTP_ETRN_FAILED,
    IMS_SMTP_ETRN_NOT_ALLOWED,
    IMS_SMTP_UNKNOWN_COMMAND,
    IMS_SMTP_LINE_TOO_LONG,
    IMS_SMTP_SYNTAX,
    IMS_SMTP_AUTH_CANCELLED,
    IMS_SMTP_AUTH_BAD_BASE64,
    IMS_SMTP_NOT_IMPLEMENTED,
    IMS_SMTP_BAD_SEQUENCE,
    IMS_SMTP_ALREADY_AUTHENTICATED,
    IMS_SMTP_ALREADY_TLS,
    IMS_SMTP_UNKNOWN_MECHANISM,
    IMS_SMTP_AUTH_REQUIRED,
    IMS_SMTP_ACCESS_DENIED, /* argument: host name */
    IMS_SMTP_TLS_REQUIRED,
    IMS_SMTP_AUTH_FAILED,
    IMS_SMTP_AUTH_NEEDS_TLS,
    IMS_SMTP_UNKNOWN_RECIPIENT,
    IMS_SMTP_TOO_LARGE,
    IMS_SMTP_MALFORMED, /* argument: address */
    IMS_SMTP_NO_RECIPIENTS,
    IMS_SMTP_TOO_MANY_HOPS,
    IMS_SMTP_NOT_HOMED, /* argument: sender */
    IMS_SMTP_NOT_THE_ACCOUNT,
    IMS_SMTP_UNKNOWN_PARAMETER, /* argument: the parameter */
    IMS_SMTP_N_REPLIES
} ImsSmtpReply;

/**
 * ims_smtp_reply_format:
 * @first, @second: (nullable): put in for the first and second `%` of the row, control characters
 * made `?`
 *
 * Returns: (transfer full): code and text, no CRLF
 */
char *ims_smtp_reply_format(ImsSmtpReply reply, const char *first, const char *second);

/* ---- end of data: smtp-dots.c ---- */

/**
 * ImsSmtpDots: finds the end of DATA and takes off the doubled periods (RFC 5321 4.5.2).
 *
 * The explicit rule about bare CR and LF: they are kept as they came, are never a line end, and so
 * never end the data nor make a period that follows them special. Only CR LF `.` CR LF ends
 * (S-065). NULs are left out of what is handed on (S-069), but count as a character while the end
 * is looked for: `CR NUL LF` is not a line end here.
 */
typedef struct {
    guint8 state;
} ImsSmtpDots;

typedef void (*ImsSmtpDotsEmit)(const guint8 *bytes, gsize length, gpointer data);
void ims_smtp_dots_init(ImsSmtpDots *dots);
/* Hands on what is text through @emit, in any number of pieces. @done_out is set TRUE where the
 * data ended with the last byte consumed, else FALSE and all is consumed. Returns how many bytes
 * were consumed. */
gsize ims_smtp_dots_feed(ImsSmtpDots *dots, const guint8 *bytes, gsize length, ImsSmtpDotsEmit emit,
                         gpointer data, gboolean *done_out);

/* ---- the message while it arrives: smtp-body.c ---- */

/* Where a message lies until it is handed to the store: in memory while the budget of all sessions
 * lasts, else in a file without a name in the data directory. */
typedef struct _ImsSmtpBody ImsSmtpBody;

typedef enum {
    IMS_SMTP_BODY_OK,
    IMS_SMTP_BODY_TOO_LARGE, /* over the limit: what came was dropped */
    IMS_SMTP_BODY_FULL,      /* no memory left in the budget and no room on the disk */
    IMS_SMTP_BODY_IO,        /* the file could not be made or written */
} ImsSmtpBodyStatus;

/* @service: its data_buffered is the budget, config gives the limits; must outlive the body. */
ImsSmtpBody *ims_smtp_body_new(ImsService *service);
void ims_smtp_body_free(ImsSmtpBody *body);
/* Our own header lines; not counted against the message size limit. Before the first append. */
void ims_smtp_body_prepend(ImsSmtpBody *body, const char *text);
/* After a failure nothing more is kept. */
void ims_smtp_body_append(ImsSmtpBody *body, const guint8 *bytes, gsize length);
ImsSmtpBodyStatus ims_smtp_body_status(const ImsSmtpBody *body);
gboolean ims_smtp_body_is_eight_bit(const ImsSmtpBody *body);
gboolean ims_smtp_body_is_spooled(const ImsSmtpBody *body);
/* The whole message; the budget stays taken until ims_smtp_body_free(). NULL where the status is
 * not OK, or becomes IO by the file not being mapped. (transfer full) */
GBytes *ims_smtp_body_finish(ImsSmtpBody *body);
/* How many Received fields stand in the header of a message: hops (S-143). */
guint ims_smtp_count_hops(const guint8 *message, gsize length);

/* ---- parameters of MAIL and RCPT: smtp-path.c ---- */

/**
 * ims_smtp_split_path:
 * @keyword: "FROM" or "TO"
 * @args: what follows the verb
 * @path_out: (transfer full): inside the angle brackets, or the word where there are none (S-042,
 * S-043)
 * @parameters_out: (transfer full): the ESMTP parameters, blank separated
 * @reply_out: what to answer instead
 */
gboolean ims_smtp_split_path(const char *keyword, const char *args, char **path_out,
                             char ***parameters_out, ImsSmtpReply *reply_out);

typedef struct {
    gboolean has_size;
    guint64 size;
    gboolean eight_bit; /* BODY=8BITMIME */
    ImsRet ret;
    char *envid; /* (nullable) */
} ImsSmtpMailParameters;

typedef struct {
    ImsNotify notify;
    char *orcpt; /* (nullable) */
} ImsSmtpRcptParameters;

/* RFC 1870, 6152, 3461, 4954. @bad_out: the parameter, borrowed from @parameters. FALSE leaves
 * nothing to free. */
gboolean ims_smtp_mail_parameters(char **parameters, ImsSmtpMailParameters *out,
                                  ImsSmtpReply *reply_out, const char **bad_out);
gboolean ims_smtp_rcpt_parameters(char **parameters, ImsSmtpRcptParameters *out,
                                  ImsSmtpReply *reply_out, const char **bad_out);

/* ---- the session ---- */

typedef enum {
    IMS_SMTP_START = 1, /* no HELO yet */
    IMS_SMTP_READY = 2, /* HELO or EHLO was given */
    IMS_SMTP_MAIL = 4,  /* MAIL was accepted */
    IMS_SMTP_RCPT = 8,  /* a recipient was accepted */
    IMS_SMTP_ANY = 15,
} ImsSmtpStates;

/* What the next bytes of the client are. */
typedef enum {
    IMS_SMTP_INPUT_COMMAND,
    IMS_SMTP_INPUT_SKIP, /* the rest of a line that is too long */
    IMS_SMTP_INPUT_AUTH, /* an answer to 334 */
    IMS_SMTP_INPUT_DATA,
} ImsSmtpInput;

typedef enum {
    IMS_SMTP_MECHANISM_LOGIN,
    IMS_SMTP_MECHANISM_PLAIN,
} ImsSmtpMechanism;

/* From MAIL to the end of data. */
typedef struct {
    char *sender;
    ImsSmtpMailParameters mail;
    ImsRecipientTable *table; /* one and the same for all recipients */
    ImsDeliverOp *op;         /* recipients are added as they are accepted */
    GPtrArray *unknown;       /* (element-type ImsQueueRecipient): accepted, to be reported */
    GPtrArray
        *recipients; /* (element-type ImsQueueRecipient): all accepted, as the client gave them */
    guint tried, accepted;
} ImsSmtpTransaction;

typedef struct {
    ImsSession base;
    guint refs;    /* the connection, and each operation under way */
    ImsConn *conn; /* NULL once it is gone */
    ImsService *service;
    const ImsConfig *config;
    guint64 id;
    ImsConnectionVerdict door; /* what the Connections page says of the client */
    ImsAddress peer, local; /* kept for what completes after the connection is gone */

    ImsSmtpStates state;
    ImsSmtpInput input;
    gboolean waiting;  /* an operation is under way: no input is taken */
    gboolean in_input; /* on the stack */
    gboolean closing;  /* the farewell is written */
    gboolean stopping; /* the service stops: farewell after the present command */
    guint errors;
    ImsTimer *timer;

    char *helo;      /* (nullable) */
    char *peer_name; /* (nullable): reverse DNS, cleaned */
    gboolean greeted;

    char *account;                      /* (nullable): AUTH succeeded */
    gboolean guest; /* AUTH failed, and NT let the client in as Guest */
    ImsAccountSession *account_session; /* (nullable): its place among the sessions of @account */
    gboolean account_dropped; /* the account changed: farewell once nothing is under way */
    ImsSmtpMechanism mechanism;
    char *auth_name; /* (nullable): LOGIN, after the first answer */

    ImsSmtpTransaction *transaction; /* (nullable) */
    ImsSmtpDots dots;
    ImsSmtpBody *body; /* (nullable): during DATA */
    char *spool_id;    /* (nullable): during DATA */
} ImsSmtpSession;

ImsSmtpSession *ims_smtp_session_ref(ImsSmtpSession *session);
void ims_smtp_session_unref(ImsSmtpSession *session);
/* Queues one reply; a 5yz counts as an error. Nothing where the connection is gone. */
void ims_smtp_reply(ImsSmtpSession *session, ImsSmtpReply reply);
void ims_smtp_reply_with(ImsSmtpSession *session, ImsSmtpReply reply, const char *first,
                         const char *second);
/* A line ready made, without CRLF. */
void ims_smtp_reply_line(ImsSmtpSession *session, const char *line);
/* Writes @farewell and closes. */
void ims_smtp_close(ImsSmtpSession *session, ImsSmtpReply farewell, const char *first);
/* From now until ims_smtp_go_on() no input is taken and no time-out counts. */
void ims_smtp_wait(ImsSmtpSession *session);
void ims_smtp_go_on(ImsSmtpSession *session);
/* What is due where no command is under way: a farewell, if there is a reason for one. */
void ims_smtp_after_command(ImsSmtpSession *session);
/* The client's name as it is known now, else its address (S-022). @buffer holds the latter. */
const char *ims_smtp_client_name(const ImsSmtpSession *session, char buffer[IMS_ADDRESS_STRLEN]);
void ims_smtp_set_input(ImsSmtpSession *session, ImsSmtpInput input);

/* smtp-commands.c */
void ims_smtp_run_command(ImsSmtpSession *session, const char *line);

/* smtp-mail.c */
void ims_smtp_cmd_mail(ImsSmtpSession *session, const char *args);
void ims_smtp_cmd_rcpt(ImsSmtpSession *session, const char *args);
/* Forgets sender, recipients and data; back to READY if HELO was given. */
void ims_smtp_reset_transaction(ImsSmtpSession *session);
void ims_smtp_transaction_free(ImsSmtpTransaction *transaction);
/* What is accepted and cannot be delivered may be reported to a sender that may be forged. */
gboolean ims_smtp_may_report(const ImsSmtpSession *session);

/* TLS and logon as "Accept Connections" wants them; else the reply is queued. */
gboolean ims_smtp_is_secure_enough(ImsSmtpSession *session);

/* smtp-etrn.c */
void ims_smtp_cmd_etrn(ImsSmtpSession *session, const char *args);

/* smtp-auth.c */
void ims_smtp_cmd_auth(ImsSmtpSession *session, const char *args);
void ims_smtp_auth_line(ImsSmtpSession *session, const char *line);
void ims_smtp_auth_forget(ImsSmtpSession *session);
/* TRUE where a password may be sent on this connection. */
gboolean ims_smtp_may_log_on(const ImsSmtpSession *session);

/* smtp-data.c */
void ims_smtp_cmd_data(ImsSmtpSession *session, const char *args);
/* Returns how many bytes were consumed. */
gsize ims_smtp_take_data(ImsSmtpSession *session, const guint8 *bytes, gsize length);

/* smtp-submitter.c: FALSE where an account may not submit under these names; the administrator has
 * got his notice. */
gboolean ims_smtp_may_submit(ImsSmtpSession *session, const ImsSmtpTransaction *transaction,
                             GBytes *message, ImsSmtpReply *reply_out);

/* smtp-filter.c: the entry of TurfTable that fits the envelope's sender or From; NULL: none. */
const char *ims_smtp_find_filter(const ImsSmtpSession *session,
                                 const ImsSmtpTransaction *transaction, GBytes *message);
/* Writes the file, durably. Any thread. */
gboolean ims_smtp_keep_filtered(const char *folder, const char *name, GBytes *message,
                                GError **error);

/* smtp-deliver.c: takes transaction, body and spool id of @session; replies when all is committed.
 */
void ims_smtp_deliver(ImsSmtpSession *session);

G_END_DECLS
