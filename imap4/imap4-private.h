/* What the files of imap4/ share: the session, the command table, replies, and the operations a
 * command waits for. */
#pragma once

#include "directory/account-sessions.h"
#include "imap4/imap4.h"
#include "imap4/mutf7.h"
#include "imap4/parser.h"
#include "imap4/selected.h"
#include "imap4/text.h"

G_BEGIN_DECLS

typedef struct _ImsImap4Session ImsImap4Session;

typedef enum {
    IMS_IMAP4_NOT_AUTHENTICATED = 1,
    IMS_IMAP4_AUTHENTICATED = 2,
    IMS_IMAP4_SELECTED = 4,
} ImsImap4State;

enum {
    IMS_IMAP4_VERB_UID = 1,      /* the form after UID */
    IMS_IMAP4_VERB_EXTENDED = 2, /* not in 5.5 */
    /* FETCH, STORE, SEARCH: no EXPUNGE during them (RFC 3501 7.4.1); nor when a folder is deleted
     * or renamed, where no client expects it */
    IMS_IMAP4_VERB_NO_EXPUNGE = 4,
    IMS_IMAP4_VERB_WRITES = 8, /* not where the mailbox was opened by EXAMINE */
};

typedef struct {
    const char *verb;
    guint states; /* ImsImap4State flags in which it is lawful */
    guint flags;
    guint min_args, max_args;
    void (*run)(ImsImap4Session *session);
} ImsImap4Verb;

#define IMS_IMAP4_ANY_ARGS G_MAXUINT

/* The row of the table, or NULL. Rows of today's additions exist only where @extended. */
const ImsImap4Verb *ims_imap4_verb_find(const char *verb, gboolean uid, gboolean extended);

/* A command under way. @work is its handler's own, freed with it. */
typedef struct {
    ImsImap4Request *request;
    const ImsImap4Verb *verb; /* NULL: the request is at fault or unknown */
    gpointer work;
    GDestroyNotify work_free;
    void (*step)(ImsImap4Session *session); /* what @resume goes on with; NULL while an operation is
                                               waited for */
} ImsImap4Command;

/* A line that is not a command: SASL, DONE. @line is NUL-terminated without its line end. */
typedef void (*ImsImap4LineHandler)(ImsImap4Session *session, char *line, gsize length);

struct _ImsImap4Session {
    ImsSession parent;
    ImsConn *conn; /* NULL once it is gone */
    ImsWorld *world;
    guint64 id; /* for the log */
    const ImsImap4Settings *settings;
    guint refs; /* the connection's, and one for each operation under way */
    ImsImap4State state;
    gboolean in_input;      /* the loop over the input goes on by itself */
    gboolean closing;       /* farewell is written */
    gboolean stopping;      /* farewell after the present command */
    gboolean tls_pending;   /* STARTTLS answered, handshake not done */
    gboolean held;          /* @command waits until the APPENDs before it are answered */
    gboolean continue_held; /* so does the "+" for a literal */
    guint errors;           /* since the last command that succeeded */
    ImsImap4Parser parser;
    ImsImap4Command *command; /* (nullable): none under way */
    ImsImap4LineHandler line_handler;
    GString *line;
    GQueue appends; /* in flight, in the order of their replies; see cmd-append.c */
    gsize append_bytes;
    ImsTimer *append_timer; /* the store is congested */

    char *account, *alias; /* who logged on */
    ImsMailboxId mailbox;
    ImsAccountSession *account_session;
    ImsLogonToken *token;
    ImsImap4Selected *selected; /* (nullable) */
};

/* ---- session.c ---- */
ImsImap4Session *ims_imap4_session_ref(ImsImap4Session *session);
void ims_imap4_session_unref(ImsImap4Session *session);
/* The first argument of the command under way; NULL where it has none. */
ImsImap4Arg *ims_imap4_args(ImsImap4Session *session);
gboolean ims_imap4_is_uid(ImsImap4Session *session);
/* Gives the handler's own data to the command under way; it is freed with the command. */
void ims_imap4_set_work(ImsImap4Session *session, gpointer work, GDestroyNotify work_free);
/* @step goes on in a later turn: after the others had theirs, or when the client took what was
 * written. */
void ims_imap4_yield(ImsImap4Session *session, void (*step)(ImsImap4Session *session));
/* `* BYE <text>` and the end of the connection. */
void ims_imap4_bye(ImsImap4Session *session, const char *text);
/* The farewell of I-004. */
void ims_imap4_sign_off(ImsImap4Session *session);
/* Lines go to @handler instead of the parser until it is set to NULL. */
void ims_imap4_read_lines(ImsImap4Session *session, ImsImap4LineHandler handler);
/* Lets go of the selected mailbox. */
void ims_imap4_deselect(ImsImap4Session *session);

/* ---- reply.c: each ends the command under way; @session->command is NULL afterwards ---- */
/* `tag OK [code] VERB completed.`, after the news of the selected mailbox. @code (nullable). */
void ims_imap4_ok(ImsImap4Session *session, const char *code);
/* @code (nullable): a response code of today, shown in the extended face only. */
void ims_imap4_no(ImsImap4Session *session, const char *code, const char *text);
/* NO with a response code that RFC 3501 and 5.5 know too. */
void ims_imap4_no_always(ImsImap4Session *session, const char *code, const char *text);
/* NO for an error of the store. */
void ims_imap4_no_error(ImsImap4Session *session, const GError *error);
/* Text and code for an error of the store; logs it where it is not the client's doing. */
const char *ims_imap4_report_error(ImsImap4Session *session, const char *verb, const GError *error,
                                   const char **code_out);
/* `tag BAD Protocol Error: "<problem>".` (W-112) */
void ims_imap4_bad(ImsImap4Session *session, const char *problem);
void ims_imap4_bad_state(ImsImap4Session *session);

/* A bad command or a failed logon: after max_errors of them in a row the connection is closed. */
void ims_imap4_count_error(ImsImap4Session *session);
void ims_imap4_command_free(ImsImap4Command *command);

/* Sends what @out holds and empties it. */
void ims_imap4_flush(ImsImap4Session *session, GString *out);

/* ---- operations ---- */
typedef void (*ImsImap4OpDone)(ImsImap4Session *session, ImsStoreOp *op);
/* Submits @op (transfer full); @done comes unless the connection is gone by then. @op is freed
 * after it. */
void ims_imap4_submit(ImsImap4Session *session, ImsStoreOp *op, ImsImap4OpDone done);

/* ---- mailbox names ---- */
/**
 * ims_imap4_mailbox_name:
 *
 * A name as the store has it: modified UTF-7 undone, INBOX in capitals, one hierarchy separator at
 * the end dropped.
 *
 * Returns: (transfer full) (nullable): NULL after a NO or BAD was sent
 */
char *ims_imap4_mailbox_name(ImsImap4Session *session, const ImsImap4Arg *arg);
/* The folder that @arg names. NULL after the error was sent; @try_create: with [TRYCREATE]. */
ImsFolder *ims_imap4_find_mailbox(ImsImap4Session *session, const ImsImap4Arg *arg,
                                  gboolean try_create);
/* As above, without any reply. @name_out (optional) (transfer full). */
char *ims_imap4_decode_name(const ImsImap4Arg *arg);

/* ---- flags ---- */
/**
 * ims_imap4_parse_flags:
 * @first: the flags, one an argument
 * @flags_out: system flags
 * @keywords_out: (transfer full) (nullable): NULL where there are none, or in the faithful face
 * (I-084)
 *
 * \Recent is passed over. FALSE: not a flag list; the problem is in @problem_out.
 */
gboolean ims_imap4_parse_flags(ImsImap4Session *session, const ImsImap4Arg *first,
                               guint64 *flags_out, char ***keywords_out, const char **problem_out);

/* ---- the handlers ---- */
void ims_imap4_cmd_capability(ImsImap4Session *session);
void ims_imap4_cmd_noop(ImsImap4Session *session);
void ims_imap4_cmd_logout(ImsImap4Session *session);
void ims_imap4_cmd_starttls(ImsImap4Session *session);
void ims_imap4_cmd_login(ImsImap4Session *session);
void ims_imap4_cmd_authenticate(ImsImap4Session *session);
void ims_imap4_cmd_id(ImsImap4Session *session);
void ims_imap4_cmd_select(ImsImap4Session *session);
void ims_imap4_cmd_examine(ImsImap4Session *session);
void ims_imap4_cmd_create(ImsImap4Session *session);
void ims_imap4_cmd_delete(ImsImap4Session *session);
void ims_imap4_cmd_rename(ImsImap4Session *session);
void ims_imap4_cmd_subscribe(ImsImap4Session *session);
void ims_imap4_cmd_unsubscribe(ImsImap4Session *session);
void ims_imap4_cmd_status(ImsImap4Session *session);
void ims_imap4_cmd_namespace(ImsImap4Session *session);
void ims_imap4_cmd_list(ImsImap4Session *session);
void ims_imap4_cmd_lsub(ImsImap4Session *session);
void ims_imap4_cmd_append(ImsImap4Session *session);
void ims_imap4_cmd_idle(ImsImap4Session *session);
void ims_imap4_cmd_close(ImsImap4Session *session);
void ims_imap4_cmd_unselect(ImsImap4Session *session);
void ims_imap4_cmd_expunge(ImsImap4Session *session);
void ims_imap4_cmd_uid_expunge(ImsImap4Session *session);
void ims_imap4_cmd_fetch(ImsImap4Session *session);
void ims_imap4_cmd_store(ImsImap4Session *session);
void ims_imap4_cmd_copy(ImsImap4Session *session);
void ims_imap4_cmd_move(ImsImap4Session *session);
void ims_imap4_cmd_search(ImsImap4Session *session);

/* cmd-append.c: TRUE if @session->command, an APPEND, may run while others are in flight. */
gboolean ims_imap4_append_may_overlap(ImsImap4Session *session);
void ims_imap4_appends_clear(ImsImap4Session *session);

G_END_DECLS
