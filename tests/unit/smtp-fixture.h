/* A small organisation on the simulated world, and dialogues with its SMTP sessions. */
#pragma once

#include "ims/smtp.h"
#include "net/sim-world.h"

#define SMTP_SEC ((gint64)G_USEC_PER_SEC)

typedef enum {
    SMTP_FAITHFUL = 1 << 0,
    SMTP_CLEAR = 1 << 1,          /* passwords in clear */
    SMTP_NO_TLS = 1 << 2,         /* no certificate */
    SMTP_NO_AUTH = 1 << 3,        /* DisableAuth */
    SMTP_LOOPBACK = 1 << 4,       /* both ends on 127.0.0.1 */
    SMTP_PLAIN = 1 << 5,          /* AdvertiseSMTPExtensions=no */
    SMTP_NAMED = 1 << 6,          /* the client has a name in DNS */
    SMTP_NO_REROUTE = 1 << 7,     /* Do not reroute */
    SMTP_NO_RESOLVE = 1 << 8,     /* DisableReverseResolve */
    SMTP_LAX = 1 << 9,            /* AcceptMalformed821Adrs */
    SMTP_NOT_PIPELINED = 1 << 10, /* the dialogue cannot be sent at once */
} SmtpFlags;

typedef struct {
    ImsWorld *world;
    ImsConfig *config;
    ImsService service;
    guint64 alice, bob; /* mailboxes */
    ImsConnInfo info;
    gboolean tls_available;
} SmtpFixture;

SmtpFixture *smtp_fixture_new(SmtpFlags flags);
void smtp_fixture_free(SmtpFixture *f);
ImsSimConn *smtp_open(SmtpFixture *f);
void smtp_send(SmtpFixture *f, ImsSimConn *conn, const char *text);
/* What the server wrote since the last call. (transfer full) */
char *smtp_take(ImsSimConn *conn);
/* Sends @text and compares the whole answer. */
void smtp_expect(SmtpFixture *f, ImsSimConn *conn, const char *text, const char *answer);
/* "MAIL", "RCPT", "DATA" and what comes before, checked; the next bytes are the message. */
void smtp_to_data(SmtpFixture *f, ImsSimConn *conn, const char *sender,
                  const char *const *recipients);

typedef enum {
    SMTP_WHOLE,     /* line by line */
    SMTP_BYTES,     /* byte by byte */
    SMTP_PIPELINED, /* all at once */
    SMTP_N_MODES,
} SmtpMode;

/* @lines: "C: …" sent, "S: …" expected exactly, "S~ …" expected to begin so; ended by NULL. "X" as
 * the last: closed. */
void smtp_play(SmtpFixture *f, const char *const *lines, SmtpMode mode);

/* How many messages are in the INBOX. */
guint smtp_inbox_count(SmtpFixture *f, guint64 mailbox);
/* The newest message there. (transfer full) */
char *smtp_inbox_newest(SmtpFixture *f, guint64 mailbox, gsize *length_out);
/* (transfer full) (element-type ImsQueueMessage) */
GPtrArray *smtp_queue(SmtpFixture *f);

/* The bytes of the message at @index there. (transfer full) */
char *smtp_queued_text(SmtpFixture *f, guint index);

/* Faults, put in by the linker's --wrap: an ImsStoreError in which each submit ends (-1: none)
 * after @after good ones; that no submit completes until smtp_release_submits(); and that the store
 * is congested. */
void smtp_fail_submits(int code, guint after);
void smtp_hold_submits(void);
void smtp_release_submits(void);
void smtp_set_congested(gboolean congested);
/* Look-ups are not answered until smtp_answer_lookups(); @name NULL: there is none. */
void smtp_hold_lookups(void);
void smtp_answer_lookups(const char *name);
