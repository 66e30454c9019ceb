/* A blocking SMTP connection with a time limit on each step, for a thread of its own. */
#pragma once

#include <openssl/ssl.h>

#include "routing/ip.h"

G_BEGIN_DECLS

typedef struct _ImsWire ImsWire;

typedef enum {
    IMS_WIRE_ERROR_CONNECT,
    IMS_WIRE_ERROR_CLOSED, /* by the other side, or an error of the socket */
    IMS_WIRE_ERROR_TIMEOUT,
    IMS_WIRE_ERROR_PROTOCOL, /* what came is no SMTP reply */
    IMS_WIRE_ERROR_TLS,
} ImsWireError;
#define IMS_WIRE_ERROR (ims_wire_error_quark())
GQuark ims_wire_error_quark(void);

ImsWire *ims_wire_connect(const ImsAddress *address, guint16 port, guint timeout_sec,
                          GError **error);
void ims_wire_free(ImsWire *wire);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsWire, ims_wire_free)
/* Time limit of each step from now on. */
void ims_wire_set_timeout(ImsWire *wire, guint timeout_sec);
/* @name: for SNI (nullable). The certificate is not checked: opportunistic encryption (RFC 7435).
 */
gboolean ims_wire_start_tls(ImsWire *wire, SSL_CTX *context, const char *name, GError **error);
gboolean ims_wire_write(ImsWire *wire, const void *bytes, gsize length, GError **error);
/**
 * ims_wire_read_reply:
 * @text: set to the lines' texts, LF between; bounded
 *
 * Returns: the code, or 0 with an error
 */
int ims_wire_read_reply(ImsWire *wire, GString *text, GError **error);

G_END_DECLS
