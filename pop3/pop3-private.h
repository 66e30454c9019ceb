/* What the files of pop3/ share. */
#pragma once

#include "directory/account-sessions.h"
#include "pop3/maildrop.h"
#include "pop3/pop3.h"
#include "pop3/replies.h"

G_BEGIN_DECLS

typedef enum {
    IMS_POP3_AUTHORIZATION = 1,
    IMS_POP3_TRANSACTION = 2,
} ImsPop3State;

/* What the next line is. */
typedef enum {
    IMS_POP3_INPUT_COMMAND,
    IMS_POP3_INPUT_AUTH, /* the answer to "+" */
    IMS_POP3_INPUT_SKIP, /* the rest of a line that is too long */
} ImsPop3Input;

typedef enum {
    IMS_POP3_MECHANISM_PASS, /* USER and PASS */
    IMS_POP3_MECHANISM_LOGIN,
    IMS_POP3_MECHANISM_PLAIN,
} ImsPop3Mechanism;

/* A long reply that goes out in slices; see sending.c. */
typedef struct _ImsPop3Sending ImsPop3Sending;

typedef struct {
    ImsSession base;
    ImsConn *conn; /* (nullable): NULL once the connection is gone */
    const ImsPop3Settings *settings;
    guint refs;
    guint64 id;
    ImsAddress peer;
    ImsPop3State state;
    ImsPop3Input input;
    gboolean in_input; /* session_input() is on the stack */
    gboolean waiting;  /* for a logon, a large body or the commit of QUIT: no command is taken */
    gboolean quitting; /* the commit of QUIT is under way: its answer is the last word */
    gboolean closing;
    gboolean stopping;
    guint errors;
    ImsPop3Mechanism mechanism;
    char *user; /* (nullable): of USER or of AUTH LOGIN */
    char *account;
    ImsMailboxId mailbox;
    ImsPop3Maildrop *maildrop; /* TRANSACTION */
    ImsPop3Sending *sending;   /* (nullable): the command under way */
    ImsAccountSession *account_session;
    ImsLogonToken *token;
    guint retrieved;
} ImsPop3Session;

ImsPop3Session *ims_pop3_session_ref(ImsPop3Session *session);
void ims_pop3_session_unref(ImsPop3Session *session);

/* ---- session.c ---- */
void ims_pop3_reply(ImsPop3Session *session, ImsPop3Reply reply);
/* A reply that counts against the limit of errors. */
void ims_pop3_error(ImsPop3Session *session, ImsPop3Reply reply);
/* Says @farewell and closes; nothing is deleted by it. */
void ims_pop3_close(ImsPop3Session *session, ImsPop3Reply farewell);
/* No command is taken until ims_pop3_go_on(). */
void ims_pop3_wait(ImsPop3Session *session);
void ims_pop3_go_on(ImsPop3Session *session);

/* ---- commands.c ---- */
/* @line without its end; may hold any byte but NUL. It is changed. */
void ims_pop3_run_command(ImsPop3Session *session, char *line);
/* The number in @text if it names a message that is not marked; 0 after the refusal was written. */
guint ims_pop3_take_number(ImsPop3Session *session, const char *text);

/* ---- retrieve.c ---- */
void ims_pop3_cmd_retr(ImsPop3Session *session, char **args);
void ims_pop3_cmd_top(ImsPop3Session *session, char **args);

/* ---- logon.c ---- */
/* A secret may be given here: TLS, or a listener that takes it in clear. */
gboolean ims_pop3_may_log_on(const ImsPop3Session *session);
void ims_pop3_cmd_user(ImsPop3Session *session, char **args);
void ims_pop3_cmd_pass(ImsPop3Session *session, char **args);
void ims_pop3_cmd_auth(ImsPop3Session *session, char **args);
void ims_pop3_auth_line(ImsPop3Session *session, const char *line);
void ims_pop3_auth_forget(ImsPop3Session *session);

/* ---- sending.c ---- */
/* Each starts a reply; what does not go at once goes on in ims_pop3_send_more(). */
void ims_pop3_send_list(ImsPop3Session *session);
void ims_pop3_send_unique_ids(ImsPop3Session *session);
/* @body_lines G_MAXUINT64: the whole message (RETR). */
void ims_pop3_send_message(ImsPop3Session *session, GBytes *message, guint64 body_lines);
/* One more slice. TRUE: the reply is whole and session->sending NULL. */
gboolean ims_pop3_send_more(ImsPop3Session *session);
void ims_pop3_sending_free(ImsPop3Sending *sending);

G_END_DECLS
