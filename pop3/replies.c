#include "pop3/replies.h"

typedef struct {
    const char *text;
    const char *extended; /* (nullable): where the extended profile says more */
} Row;

static const Row rows[IMS_POP3_N_REPLIES] = {
    [IMS_POP3_GREETING] = {"+OK Microsoft Exchange POP3 server version %s ready",         NULL},
    [IMS_POP3_SIGN_OFF] = {"+OK Microsoft Exchange POP3 server version %s signing off",   NULL},
    [IMS_POP3_OK] = {"+OK",                                                         NULL},
    [IMS_POP3_LOGGED_ON] = {"+OK User successfully logged on",                             NULL},
    [IMS_POP3_STLS_OK] = {"+OK Begin TLS negotiation",                                   NULL},
    [IMS_POP3_BAD_LOGON] = {"-ERR Logon failure: unknown user name or bad password.",      NULL},
    [IMS_POP3_AMBIGUOUS] = {"-ERR Ambiguous Alias",                                        NULL},
    [IMS_POP3_NOT_HERE] = {"-ERR The requested mailbox is not available on this server.", NULL},
    [IMS_POP3_NO_MAILBOX] = {"-ERR There is no such mailbox on this server.",               NULL},
    [IMS_POP3_TOO_LARGE] = {"-ERR Unspecified error",                                      NULL},
    [IMS_POP3_AUTH_CANCELED] = {"-ERR The AUTH protocol exchange was canceled by the client.",
                           NULL                                                               },
    [IMS_POP3_NTLM_DISABLED] = {"-ERR The NTLM Authentication package has been disabled for this "
                                "protocol.",                   NULL},
    [IMS_POP3_AUTH_UNKNOWN] = {"-ERR The authentication mechanism is not supported.",         NULL},
    [IMS_POP3_AUTH_MALFORMED] = {"-ERR The authentication data is malformed.",                  NULL},
    [IMS_POP3_CLEAR_TEXT] = {"-ERR Logon in clear text is not allowed on this connection.", NULL},
    [IMS_POP3_NO_USER] = {"-ERR USER comes before PASS.",                                NULL},
    [IMS_POP3_UNAVAILABLE] = {"-ERR Unspecified error",
                           "-ERR [SYS/TEMP] The server is busy, try again later."             },
    [IMS_POP3_TOO_MANY_SESSIONS] = {"-ERR The account has too many sessions.",
                           "-ERR [IN-USE] The account has too many sessions."                 },
    [IMS_POP3_UNKNOWN_COMMAND] = {"-ERR Unknown command.",                                       NULL},
    [IMS_POP3_WRONG_STATE] = {"-ERR The command is not valid in this state.",                NULL},
    [IMS_POP3_BAD_ARGUMENTS] = {"-ERR The arguments are not valid.",                           NULL},
    [IMS_POP3_LINE_TOO_LONG] = {"-ERR The line is too long.",                                  NULL},
    [IMS_POP3_NO_SUCH_MESSAGE] = {"-ERR There is no such message.",                              NULL},
    [IMS_POP3_DELETED] = {"-ERR The message is marked as deleted.",                      NULL},
    [IMS_POP3_NOT_RENDERED] = {"-ERR The requested item could not be found.",                 NULL},
    [IMS_POP3_NOT_DELETED] = {"-ERR The messages could not be deleted.",
                           "-ERR [SYS/TEMP] The messages could not be deleted."               },
    [IMS_POP3_NO_TLS] = {"-ERR TLS is not available.",                                  NULL},
    [IMS_POP3_TLS_ALREADY] = {"-ERR TLS is in use already.",                                 NULL},
    [IMS_POP3_TOO_MANY_ERRORS] = {"-ERR Too many errors, signing off.",                          NULL},
    [IMS_POP3_STOPPING] = {"-ERR The server is stopping.",
                           "-ERR [SYS/TEMP] The server is stopping."                          },
    [IMS_POP3_ACCOUNT_CHANGED] = {"-ERR The account has changed, signing off.",                  NULL},
};

const char *
ims_pop3_reply_text(ImsPop3Reply reply, gboolean extended)
{
    g_return_val_if_fail((guint)reply < IMS_POP3_N_REPLIES, "-ERR");
    return extended && rows[reply].extended != NULL ? rows[reply].extended : rows[reply].text;
}
