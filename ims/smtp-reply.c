#include "ims/smtp-private.h"

/*
 * The texts of 5.5 SP4. Rows with an S- or SQ-number are recorded (smtp.md section 1); where only
 * the code is known or inferred the words are ours and say "ours".
 */
static const struct {
    ImsSmtpReply reply;
    const char *text; /* each % is an argument */
} replies[IMS_SMTP_N_REPLIES] = {
  /* S-005; S-007 with the two blanks of W-082 */
    {IMS_SMTP_GREETING,              "220 % ESMTP Server (Microsoft Exchange Internet Mail Service %) ready"},
    {IMS_SMTP_GREETING_PLAIN,
     "220 %  SMTP Server (Microsoft Exchange Internet Mail Service %) ready"                                },
    {IMS_SMTP_OK,                    "250 OK"                                                               }, /* S-021, S-036, S-063 */
    {IMS_SMTP_MAIL_OK,               "250 OK - mail from <%>"                                               }, /* S-032 */
    {IMS_SMTP_MAIL_OK_SIZE,          "250 OK - mail from <%>; can accomodate % bytes"                       }, /* S-033, S-466 */
    {IMS_SMTP_SEND_DATA,             "354 Send data.  End with CRLF.CRLF"                                   }, /* S-035 */
    {IMS_SMTP_CLOSING,               "221 closing connection"                                               }, /* S-037 */
    {IMS_SMTP_STARTTLS_READY,        "220 Ready to start TLS"                                               }, /* SQ-10, ours */
    {IMS_SMTP_ETRN_STARTED,          "250 OK, queuing for node % started"                                   }, /* SQ-11, RFC 1985 */
    {IMS_SMTP_ETRN_NOTHING,          "251 OK, no messages waiting for node %"                               }, /* SQ-11, RFC 1985 */
    {IMS_SMTP_AUTH_LOGIN_OK,         "235 LOGIN authentication successful"                                  }, /* S-040 */
    {IMS_SMTP_AUTH_PLAIN_OK,         "235 PLAIN authentication successful"                                  }, /* after S-040 */
    {IMS_SMTP_AUTH_USER,             "334 VXNlcm5hbWU6"                                                     }, /* S-040 */
    {IMS_SMTP_AUTH_PASSWORD,         "334 UGFzc3dvcmQ6"                                                     }, /* S-040 */
    {IMS_SMTP_AUTH_EMPTY,            "334 "                                                                 }, /* RFC 4954 4 */
    {IMS_SMTP_FAREWELL_STOPPING,     "421 % Service is stopping, closing connection"                        }, /* ours */
    {IMS_SMTP_FAREWELL_TIMEOUT,      "421 Time-out waiting for input, closing connection"                   }, /* ours */
    {IMS_SMTP_FAREWELL_ERRORS,       "421 Too many errors, closing connection"                              }, /* ours */
    {IMS_SMTP_FAREWELL_ACCOUNT,      "421 Account was changed, closing connection"                          }, /* ours */
    {IMS_SMTP_LOCAL_ERROR,           "451 Requested action aborted: local error in processing"              }, /* RFC 821 */
    {IMS_SMTP_DISK_FULL,
     "452 Requested action not taken: insufficient system storage"                                          }, /* RFC 821 */
    {IMS_SMTP_BUSY,                  "452 Requested action not taken: server is busy, try again later"      }, /* ours */
    {IMS_SMTP_TOO_MANY_RECIPIENTS,
     "452 Requested action not taken: Exceed Recipient Limit"                                               }, /* S-053 */
    {IMS_SMTP_AUTH_UNAVAILABLE,      "454 Temporary authentication failure"                                 }, /* RFC 4954, ours */
    {IMS_SMTP_AUTH_TOO_MANY,         "454 Too many sessions of this account"                                }, /* ours */
    {IMS_SMTP_ETRN_FAILED,           "458 Unable to queue messages for node %"                              }, /* SQ-11, RFC 1985 */
    {IMS_SMTP_ETRN_NOT_ALLOWED,      "459 Node % not allowed: no entry for it"                              }, /* SQ-11, RFC 1985 */
    {IMS_SMTP_UNKNOWN_COMMAND,       "500 Command not recognized"                                           }, /* S-038 */
    {IMS_SMTP_LINE_TOO_LONG,         "500 Command line too long"                                            }, /* ours */
    {IMS_SMTP_SYNTAX,                "501 Syntax error in parameters or arguments"                          }, /* SQ-04, ours */
    {IMS_SMTP_AUTH_CANCELLED,        "501 Authentication cancelled"                                         }, /* ours */
    {IMS_SMTP_AUTH_BAD_BASE64,       "501 Answer is not base64"                                             }, /* ours */
    {IMS_SMTP_NOT_IMPLEMENTED,       "502 command not implemented"                                          }, /* S-039, S-060, S-062 */
    {IMS_SMTP_BAD_SEQUENCE,          "503 Bad sequence of commands"                                         }, /* SQ-03, ours */
    {IMS_SMTP_ALREADY_AUTHENTICATED, "503 Already authenticated"                                            }, /* ours */
    {IMS_SMTP_ALREADY_TLS,           "503 TLS is already in use"                                            }, /* ours */
    {IMS_SMTP_UNKNOWN_MECHANISM,     "504 Authentication mechanism not supported"                           }, /* ours */
    {IMS_SMTP_AUTH_REQUIRED,         "505 Authentication required"                                          }, /* */
    {IMS_SMTP_ACCESS_DENIED,         "521 % access denied"                                                  }, /* S-012, R-154 */
    {IMS_SMTP_TLS_REQUIRED,          "530 Must issue a STARTTLS command first"                              }, /* RFC 3207 4 */
    {IMS_SMTP_AUTH_FAILED,           "535 Authentication failed"                                            }, /* SQ-09, ours */
    {IMS_SMTP_AUTH_NEEDS_TLS,
     "538 Encryption required for requested authentication mechanism"                                       }, /* ours */
    {IMS_SMTP_UNKNOWN_RECIPIENT,
     "550 Requested action not taken: mailbox unavailable"                                                  }, /* RFC 821 */
    {IMS_SMTP_TOO_LARGE,             "552 Message exceeds fixed maximum message size"                       }, /* SQ-06, RFC 1870 */
    {IMS_SMTP_MALFORMED,             "553 malformed address: %"                                             }, /* S-047 */
    {IMS_SMTP_NO_RECIPIENTS,         "554 No valid recipients"                                              }, /* ours */
    {IMS_SMTP_TOO_MANY_HOPS,         "554 Too Many Hops"                                                    }, /* S-143 */
    {IMS_SMTP_NOT_HOMED,             "554 Mailbox is not local: %"                                          }, /* S-056 */
    {IMS_SMTP_NOT_THE_ACCOUNT,
     "554 Originator address does not match authentication credentials"                                     }, /* S-054 */
    {IMS_SMTP_UNKNOWN_PARAMETER,     "555 Parameter not recognized: %"                                      }, /* RFC 5321, ours */
};

static void
append_clean(GString *line, const char *text)
{
    /* No client may break a reply line by what it makes us echo. */
    for (const char *p = text; *p != '\0'; p++)
        g_string_append_c(line, g_ascii_iscntrl(*p) ? '?' : *p);
}

char *
ims_smtp_reply_format(ImsSmtpReply reply, const char *first, const char *second)
{
    const char *arguments[2] = {first, second};
    guint n = 0;
    GString *line = g_string_new(NULL);

    g_assert(reply < IMS_SMTP_N_REPLIES && replies[reply].reply == reply);
    for (const char *p = replies[reply].text; *p != '\0'; p++) {
        if (*p != '%') {
            g_string_append_c(line, *p);
            continue;
        }
        if (n < G_N_ELEMENTS(arguments) && arguments[n] != NULL)
            append_clean(line, arguments[n]);
        n++;
    }
    return g_string_free(line, FALSE);
}
