/* The open-relay test: the address forms, the dialogue, the judging. No sockets, no clock. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * ImsRelaytestForm: one pair of MAIL FROM and RCPT TO of routing.md section 10.
 * @fact: its number there
 * @nmap: 1 to 16: it is also that pair of R-225; 0: it is none
 * @from, @to: templates: {own} the server's own domain, {host} its name, {ip} its address as it
 *   stands in a literal, {target}, {user}, {far} the target, its local part, its domain, {imcea}
 *   the target encapsulated, {other} an address literal that is not the server's, {sender} a
 *   local part
 * @backscatter: an accepted recipient is no relaying, but its report goes to a stranger
 */
typedef struct {
    const char *fact;
    guint nmap;
    const char *from, *to;
    const char *what;
    gboolean backscatter;
} ImsRelaytestForm;

const ImsRelaytestForm *ims_relaytest_forms(guint *n_out);

/* What became of one form. */
typedef enum {
    IMS_RELAYTEST_NOT_TRIED,
    IMS_RELAYTEST_FAILED,    /* no answer, or none that SMTP knows */
    IMS_RELAYTEST_TEMPORARY, /* 4xx: says nothing */
    IMS_RELAYTEST_REFUSED,
    IMS_RELAYTEST_ACCEPTED, /* not proof: no probe was sent */
    IMS_RELAYTEST_PROBED,   /* the probe was taken and has not come out */
    IMS_RELAYTEST_BOUNCED,  /* a report about the probe came: accepted, not relayed */
    IMS_RELAYTEST_PROVEN,   /* the probe came out at the target */
    IMS_RELAYTEST_N_OUTCOMES
} ImsRelaytestOutcome;

const char *ims_relaytest_outcome_word(ImsRelaytestOutcome outcome);

typedef struct {
    const ImsRelaytestForm *form;
    char *from, *to; /* (nullable): filled in when it was tried */
    char *token;
    ImsRelaytestOutcome outcome;
    const char *stage; /* (nullable): the command whose answer decided, "RCPT" */
    char *reply;       /* (nullable): that answer, printable, one line, cut after 300 bytes */
    guint attempts;
} ImsRelaytestTest;

typedef enum {
    IMS_RELAYTEST_CLOSED,    /* all was refused, or accepted and the probes did not come out */
    IMS_RELAYTEST_RELAYS,    /* proven */
    IMS_RELAYTEST_UNDECIDED, /* something was accepted, which is not proof */
    IMS_RELAYTEST_UNTESTED,  /* at least one form has no answer */
} ImsRelaytestVerdict;

const char *ims_relaytest_verdict_word(ImsRelaytestVerdict verdict);

/* Everything is copied. */
typedef struct {
    const char *own;       /* domain of the server */
    const char *target;    /* local@domain, a mailbox of somebody else */
    const char *sender;    /* local part of the senders */
    const char *host_name; /* (nullable): the server's; else as it greets */
    const char *other;     /* an address in a literal's form, not the server's */
    const char *helo;
    const char *run;  /* lower-case letters and digits: marks the probes of this run */
    const char *date; /* of the probes (RFC 5322) */
    gboolean probe;   /* send a message where the recipient is accepted */
} ImsRelaytestSettings;

typedef struct _ImsRelaytest ImsRelaytest;

ImsRelaytest *ims_relaytest_new(const ImsRelaytestSettings *settings);
void ims_relaytest_free(ImsRelaytest *relaytest);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsRelaytest, ims_relaytest_free)

/*
 * The dialogue. The owner connects while it is not done, says so, feeds what arrives, sends what
 * is to be sent, and closes when asked; the tests go on where the last connection ended. A form
 * gets two connections, then it has failed; three connections in a row that bring no dialogue end
 * the whole.
 */
/* TRUE: no (further) connection is wanted. */
gboolean ims_relaytest_is_done(const ImsRelaytest *relaytest);
/* @literal: the server's address as it stands in a literal: 192.0.2.1, IPv6:2001:db8::1 */
void ims_relaytest_connected(ImsRelaytest *relaytest, const char *literal);
/* Bytes of the server, in any portions. At most 64 KiB of one reply are taken. */
void ims_relaytest_feed(ImsRelaytest *relaytest, const guint8 *bytes, gsize length);
/* What is to be sent now; empty if nothing. (transfer full) */
GBytes *ims_relaytest_take_output(ImsRelaytest *relaytest);
/* TRUE: close the connection once the output is sent. */
gboolean ims_relaytest_wants_close(const ImsRelaytest *relaytest);
/* The connection is gone or was not to be had; @why in words. */
void ims_relaytest_closed(ImsRelaytest *relaytest, const char *why);
/* Ends the whole; what was not tried stays so. */
void ims_relaytest_stop(ImsRelaytest *relaytest, const char *why);
/* Why it ended early, NULL if it did not. */
const char *ims_relaytest_failure(const ImsRelaytest *relaytest);

/**
 * ims_relaytest_message:
 * @recipient: (nullable): of the envelope, where it is known
 *
 * Tells of a message that arrived where the target receives. A probe whose own header holds its
 * mark is proof, unless its recipient is still in the server's own domain; the mark anywhere else
 * is a report about it. TRUE: it was of this run.
 */
gboolean ims_relaytest_message(ImsRelaytest *relaytest, const char *recipient, const guint8 *bytes,
                               gsize length);
/* The same of the sender's own mailbox in the server's domain: there it can only be a report. */
gboolean ims_relaytest_own_message(ImsRelaytest *relaytest, const guint8 *bytes, gsize length);

guint ims_relaytest_size(const ImsRelaytest *relaytest);
const ImsRelaytestTest *ims_relaytest_get(const ImsRelaytest *relaytest, guint index);
/* The form that is tried now, or was last. */
guint ims_relaytest_position(const ImsRelaytest *relaytest);
guint ims_relaytest_count(const ImsRelaytest *relaytest, ImsRelaytestOutcome outcome);
ImsRelaytestVerdict ims_relaytest_judge(const ImsRelaytest *relaytest);
/* TRUE where each form got one and the same refusal: it may be the client that is refused. */
gboolean ims_relaytest_is_monotonous(const ImsRelaytest *relaytest);
/* The server's name as used, NULL before it greeted. */
const char *ims_relaytest_host_name(const ImsRelaytest *relaytest);

/* ---- the sink: a small SMTP server for the target host ---- */

typedef struct _ImsRelaytestSink ImsRelaytestSink;

/* A message came in. @recipient: the first of its envelope. Lives until the call returns. */
typedef void (*ImsRelaytestSinkFunc)(const char *recipient, const guint8 *bytes, gsize length,
                                     gpointer user_data);

/* One connection. Takes any recipient; of a message at most 1 MiB is kept. */
ImsRelaytestSink *ims_relaytest_sink_new(ImsRelaytestSinkFunc func, gpointer user_data);
void ims_relaytest_sink_free(ImsRelaytestSink *sink);
void ims_relaytest_sink_feed(ImsRelaytestSink *sink, const guint8 *bytes, gsize length);
GBytes *ims_relaytest_sink_take_output(ImsRelaytestSink *sink);
gboolean ims_relaytest_sink_wants_close(const ImsRelaytestSink *sink);

/* What stands in a terminal: no control characters, valid UTF-8, at most @max bytes. (transfer
 * full) */
char *ims_relaytest_printable(const char *text, gssize length, gsize max);

G_END_DECLS
