/* The open-relay test over sockets: blocking, every wait bounded. */
#pragma once

#include "routing/ip.h"
#include "tools/relaytest.h"

G_BEGIN_DECLS

typedef enum {
    IMS_RELAYTEST_ERROR_ADDRESS, /* a name or address that cannot be used */
    IMS_RELAYTEST_ERROR_SOCKET,
    IMS_RELAYTEST_ERROR_MAILBOX, /* the watched mailbox does not let us in */
} ImsRelaytestError;
#define IMS_RELAYTEST_ERROR (ims_relaytest_error_quark())
GQuark ims_relaytest_error_quark(void);

/* Where to connect. */
typedef struct {
    char *host; /* as given: name or address */
    guint16 port;
    GArray *addresses; /* (element-type ImsAddress): what the name stands for */
} ImsRelaytestPeer;

/* HOST, HOST:PORT, [2001:db8::1]:PORT; the name is looked up. (transfer full) */
ImsRelaytestPeer *ims_relaytest_peer_new(const char *text, guint16 default_port, GError **error);
void ims_relaytest_peer_free(ImsRelaytestPeer *peer);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsRelaytestPeer, ims_relaytest_peer_free)
/* TRUE where every address is loopback or private. */
gboolean ims_relaytest_peer_is_near(const ImsRelaytestPeer *peer);

typedef struct _ImsRelaytestNet ImsRelaytestNet;

/* @reply_sec: how long to wait for one answer; @total_sec: for everything but the watching. */
ImsRelaytestNet *ims_relaytest_net_new(ImsRelaytest *relaytest, guint reply_sec, guint total_sec);
void ims_relaytest_net_free(ImsRelaytestNet *net);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsRelaytestNet, ims_relaytest_net_free)
/* Listens as the sink, from now on. */
gboolean ims_relaytest_net_listen(ImsRelaytestNet *net, const ImsRelaytestPeer *peer,
                                  GError **error);
/* Called whenever something may have changed. */
typedef void (*ImsRelaytestProgress)(const ImsRelaytest *relaytest, gpointer user_data);
/* Plays all forms. What goes wrong is in the test's outcomes and its failure. */
void ims_relaytest_net_run(ImsRelaytestNet *net, const ImsRelaytestPeer *peer,
                           ImsRelaytestProgress progress, gpointer user_data);
/* Serves the sink for at most so long; ends when no probe is awaited any more. */
void ims_relaytest_net_wait(ImsRelaytestNet *net, guint wait_sec);

/* A mailbox to look into: pop3://user@host:port. */
typedef struct {
    char *user;
    char *password; /* (nullable) */
    ImsRelaytestPeer *peer;
    gboolean is_own; /* of the sender: only reports come here */
    GHashTable *seen;
} ImsRelaytestMailbox;

ImsRelaytestMailbox *ims_relaytest_mailbox_new(const char *url, GError **error);
void ims_relaytest_mailbox_free(ImsRelaytestMailbox *mailbox);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsRelaytestMailbox, ims_relaytest_mailbox_free)
/* Looks at the newest messages once. Deletes nothing. */
gboolean ims_relaytest_mailbox_look(ImsRelaytestMailbox *mailbox, ImsRelaytest *relaytest,
                                    guint reply_sec, GError **error);

/* ---- shared by these ---- */

/* A connected non-blocking socket, or -1. */
int ims_relaytest_connect(const ImsAddress *address, guint16 port, gint64 deadline_usec,
                          GError **error);
/* Fills a sockaddr_storage; returns its length. */
struct sockaddr_storage;
guint ims_relaytest_sockaddr(const ImsAddress *address, guint16 port,
                             struct sockaddr_storage *storage_out);

G_END_DECLS
