/* What a POP3 session says: one table, no other place has texts. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
    IMS_POP3_GREETING, /* argument: build */
    IMS_POP3_SIGN_OFF, /* argument: build */
    IMS_POP3_OK,       /* bare */
    IMS_POP3_LOGGED_ON,
    IMS_POP3_STLS_OK,
    /* refusals of a logon */
    IMS_POP3_BAD_LOGON,
    IMS_POP3_AMBIGUOUS,
    IMS_POP3_NOT_HERE,
    IMS_POP3_NO_MAILBOX,
    IMS_POP3_TOO_LARGE,
    IMS_POP3_AUTH_CANCELED,
    IMS_POP3_NTLM_DISABLED,
    IMS_POP3_AUTH_UNKNOWN,
    IMS_POP3_AUTH_MALFORMED,
    IMS_POP3_CLEAR_TEXT,
    IMS_POP3_NO_USER,
    IMS_POP3_UNAVAILABLE,
    IMS_POP3_TOO_MANY_SESSIONS,
    /* refusals of a command */
    IMS_POP3_UNKNOWN_COMMAND,
    IMS_POP3_WRONG_STATE,
    IMS_POP3_BAD_ARGUMENTS,
    IMS_POP3_LINE_TOO_LONG,
    IMS_POP3_NO_SUCH_MESSAGE,
    IMS_POP3_DELETED,
    IMS_POP3_NOT_RENDERED,
    IMS_POP3_NOT_DELETED,
    IMS_POP3_NO_TLS,
    IMS_POP3_TLS_ALREADY,
    /* farewells */
    IMS_POP3_TOO_MANY_ERRORS,
    IMS_POP3_STOPPING,
    IMS_POP3_ACCOUNT_CHANGED,
    IMS_POP3_N_REPLIES
} ImsPop3Reply;

/**
 * ims_pop3_reply_text:
 * @extended: with the response codes of RFC 2449 and 3206 where one fits
 *
 * The text without CRLF; a `%s` in it stands for the argument named in ImsPop3Reply.
 *
 * Source: P-002, P-006, P-014, P-015, P-030 to P-038; what no source gives (P-040, O-01) is a
 * neutral text of ours.
 */
const char *ims_pop3_reply_text(ImsPop3Reply reply, gboolean extended);

G_END_DECLS
