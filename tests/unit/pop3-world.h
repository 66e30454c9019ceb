/* A POP3 server in the simulated world: mailboxes alice and bob, and scripts. */
#pragma once

#include "directory/account-sessions.h"
#include "net/sim-world.h"
#include "pop3/pop3.h"

G_BEGIN_DECLS

typedef struct {
    ImsWorld *world;
    ImsLog *log;
    ImsStore *store;
    ImsDirectory *directory;
    ImsLogonWindows *windows;
    ImsAccountSessions *sessions;
    ImsPop3Settings settings;
    ImsMailboxId alice, bob;
} Pop3World;

typedef enum {
    POP3_LINES,     /* each line alone, the world settled after it */
    POP3_BYTES,     /* each byte alone */
    POP3_PIPELINED, /* all lines at once */
} Pop3Feed;

/* @store_directory: (nullable): the engine on disk, bodies over 1,000 bytes in files. */
void pop3_world_set_up(Pop3World *self, gboolean extended, const char *store_directory);
void pop3_world_tear_down(Pop3World *self);
void pop3_world_deliver(Pop3World *self, ImsMailboxId mailbox, const char *body, gssize length);
/* @folder: (nullable): the Inbox */
void pop3_world_deliver_to(Pop3World *self, ImsMailboxId mailbox, const char *folder,
                           const char *body, gssize length);
/* How many messages are in the Inbox now. */
guint pop3_world_count(Pop3World *self, ImsMailboxId mailbox);
/* Removes the mailbox or, with @only_messages, what is in its Inbox, behind the back of every
 * session. */
void pop3_world_remove(Pop3World *self, ImsMailboxId mailbox, gboolean only_messages);

typedef enum {
    POP3_CLEAR = 0,  /* a listener that takes a logon in clear */
    POP3_SECRET = 1, /* one that does not */
    POP3_NO_TLS = 2, /* without a certificate */
} Pop3Listener;
ImsSimConn *pop3_world_open(Pop3World *self, Pop3Listener listener);
/* Sends @text as it is, settles, and returns all that came. (transfer full) */
char *pop3_world_say(Pop3World *self, ImsSimConn *conn, const char *text);

/* Says and compares all that came. */
void pop3_world_expect(Pop3World *self, ImsSimConn *conn, const char *said, const char *wanted);
/* A connection on which alice has logged on. */
ImsSimConn *pop3_world_log_on(Pop3World *self);

#define POP3_GREETING "+OK Microsoft Exchange POP3 server version 5.5.2653.23 ready\r\n"
#define POP3_SIGN_OFF "+OK Microsoft Exchange POP3 server version 5.5.2653.23 signing off\r\n"
#define POP3_LOGGED_ON "+OK\r\n+OK User successfully logged on\r\n"
#define POP3_LOGON "USER alice\r\nPASS secret one\r\n"

/**
 * pop3_world_play:
 * @script: lines "C: sent", "S: expected, whole", "S/ a regular expression for the whole line"; "S.
 * closed" ends it where the server must have closed
 *
 * The greeting is the first thing expected. In @script {N} stands for the size of @sizes[N].
 */
void pop3_world_play(Pop3World *self, Pop3Listener listener, const char *script, Pop3Feed feed,
                     const guint *sizes);

G_END_DECLS
