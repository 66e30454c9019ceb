/* A small SMTP server on a free port of loopback, for tests of senders: a script says what it
 * answers, it keeps what it got, octet for octet. */
#pragma once

#include <glib.h>
#include <openssl/ssl.h>

#define SMTP_SINK_MAX_RULES 8

typedef struct {
    const char *greeting;   /* (nullable): "220 sink.example" */
    const char *extensions; /* (nullable): lines of EHLO, LF between */
    struct {
        const char *command; /* a command that begins so … */
        const char *reply;   /* … gets this; NULL: the connection is closed */
    } rules[SMTP_SINK_MAX_RULES];
    const char *end_of_data; /* (nullable): "250 OK"; "" closes */
    SSL_CTX *tls;            /* (nullable): STARTTLS works */
    gsize close_in_data; /* not 0: after so many octets of DATA it closes, with @end_of_data if that
                            is set */
    gboolean silent;     /* takes the connection and says nothing */
    gboolean ipv6;
} SmtpSinkScript;

typedef struct _SmtpSink SmtpSink;
/* @script is borrowed. NULL: no socket of that family here. */
SmtpSink *smtp_sink_new(const SmtpSinkScript *script);
void smtp_sink_free(SmtpSink *sink);
guint16 smtp_sink_port(SmtpSink *sink);
/* Commands of all connections, LF after each; a connection begins with "+". (transfer full) */
char *smtp_sink_take_commands(SmtpSink *sink);
/* The messages so far, dots taken off. (element-type GBytes) (transfer full) */
GPtrArray *smtp_sink_take_messages(SmtpSink *sink);
