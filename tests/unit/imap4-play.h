/*
 * Plays IMAP4 scripts on the simulated world: a store in memory, a Directory in memory, sessions
 * without sockets.
 *
 * A script has one statement a line:
 *   # remark
 *   C: text            sent with CRLF; lines that follow one another are sent together
 *   C- text            sent without CRLF
 *   S: pattern         the next line that comes; `??` stands for any text. All that comes must be
 * expected
 *   @face faithful     at the top; extended otherwise
 *   @only whole        at the top; not played one octet at a time
 *   @session NAME      goes on as another client, connecting it first if it is new
 *   @login NAME        the same, and logs on as alice
 *   @advance SECONDS   moves the clock
 *   @closed            the server has closed this connection
 *   @drop              this client goes away
 *   @stop              the service stops
 *   @tls off           the client's connections have no TLS to offer
 *   @clear off         connections to come have no clear-text logon
 *   @deliver FOLDER N  N sample messages for alice, as if by SMTP
 *   @sample NAME       a message out of tests/imap4/NAME for alice's INBOX
 *   @account NAME      the account is dropped (removed or given another password)
 *   @log pattern       a line of the log since the last @log
 */
#pragma once

#include "directory/account-sessions.h"
#include "imap4/imap4.h"
#include "net/sim-world.h"

G_BEGIN_DECLS

#define IMAP4_BUILD "5.5.2653.23"

typedef struct {
    ImsWorld *world;
    ImsStore *store;
    ImsDirectory *directory;
    ImsLogonWindows *windows;
    ImsAccountSessions *sessions;
    ImsLog *log;
    ImsImap4Settings settings;
    ImsMailboxId alice, bob;
    GHashTable *clients; /* name → Client */
    ImsConnInfo info;
    gboolean tls;
    guint64 n_clients;
} Imap4World;

void imap4_world_set_up(Imap4World *self, gboolean extended);
/* @store_directory: (nullable): the engine on disk, bodies over 1,000 bytes in files. */
void imap4_world_set_up_on(Imap4World *self, gboolean extended, const char *store_directory);
void imap4_world_tear_down(Imap4World *self);
/* A client's handle, connected where it is not yet. */
ImsSimConn *imap4_world_client(Imap4World *self, const char *name);
/* Sends, settles, and returns all that came. (transfer full) */
char *imap4_world_talk(Imap4World *self, const char *name, const char *text);
/* Into the INBOX of @mailbox, or @folder. @body is taken. */
void imap4_world_deliver(Imap4World *self, ImsMailboxId mailbox, const char *folder, GBytes *body,
                         guint64 flags, gint64 date_usec, gint zone_min);
/* A message of the series used by @deliver. */
GBytes *imap4_sample(guint number);

/* Plays a script, one octet at a time if @bytewise. Failures name file and line. */
void imap4_play(const char *path, gboolean bytewise);

G_END_DECLS
