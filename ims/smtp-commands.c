#include "ims/smtp-private.h"
#include <string.h>

typedef enum {
    NO_ARGUMENTS = 1,
    SHOWN = 2, /* in HELP */
} CommandFlags;

typedef struct {
    const char *verb;
    ImsSmtpStates legal;
    CommandFlags flags;
    void (*run)(ImsSmtpSession *session, const char *args);
} Command;

static void cmd_help(ImsSmtpSession *session, const char *args);

static void
start_session(ImsSmtpSession *session, const char *args)
{
    ims_smtp_reset_transaction(session);
    g_free(session->helo);
    session->helo = g_strdup(args);
    session->state = IMS_SMTP_READY;
}

static void
cmd_helo(ImsSmtpSession *session, const char *args)
{
    if (*args == '\0') {
        ims_smtp_reply(session, IMS_SMTP_SYNTAX);
        return;
    }
    start_session(session, args);
    ims_smtp_reply(session, IMS_SMTP_OK);
}

/* S-081: never on the loopback address; SP3 and later only with a certificate (S-080). */
static gboolean
offers_tls(ImsSmtpSession *session)
{
    if (ims_conn_info(session->conn)->tls || !ims_conn_can_start_tls(session->conn))
        return FALSE;
    return !session->config->faithful || !ims_address_is_loopback(&session->local);
}

/* S-031: always there, unless DisableAuth; where a password could not be used anyway it is not
 * offered today. */
static gboolean
offers_auth(const ImsSmtpSession *session)
{
    if (session->config->disable_auth)
        return FALSE;
    return session->config->faithful || ims_smtp_may_log_on(session);
}

/* S-022 to S-025; the places of STARTTLS and TLS after W-084. */
static GPtrArray *
faithful_keywords(ImsSmtpSession *session, const char *size)
{
    GPtrArray *words = g_ptr_array_new();

    g_ptr_array_add(words, (gpointer) "HELP");
    if (!session->config->disable_etrn)
        g_ptr_array_add(words, (gpointer) "ETRN");
    g_ptr_array_add(words, (gpointer) "DSN");
    g_ptr_array_add(words, (gpointer)size);
    if (offers_auth(session)) {
        g_ptr_array_add(words, (gpointer) "AUTH LOGIN");
        g_ptr_array_add(words, (gpointer) "AUTH=LOGIN");
    }
    if (offers_tls(session)) {
        g_ptr_array_add(words, (gpointer) "STARTTLS");
        g_ptr_array_add(words, (gpointer) "TLS");
    }
    return words;
}

static GPtrArray *
extended_keywords(ImsSmtpSession *session, const char *size)
{
    GPtrArray *words = g_ptr_array_new();

    g_ptr_array_add(words, (gpointer) "PIPELINING");
    g_ptr_array_add(words, (gpointer)size);
    g_ptr_array_add(words, (gpointer) "8BITMIME");
    g_ptr_array_add(words, (gpointer) "DSN");
    if (!session->config->disable_etrn)
        g_ptr_array_add(words, (gpointer) "ETRN");
    g_ptr_array_add(words, (gpointer) "HELP");
    if (offers_tls(session))
        g_ptr_array_add(words, (gpointer) "STARTTLS");
    if (offers_auth(session)) {
        g_ptr_array_add(words, (gpointer) "AUTH LOGIN PLAIN");
        g_ptr_array_add(words, (gpointer) "AUTH=LOGIN");
    }
    return words;
}

static void
cmd_ehlo(ImsSmtpSession *session, const char *args)
{
    char address[IMS_ADDRESS_STRLEN];
    g_autofree char *size = NULL;
    g_autoptr(GPtrArray) words = NULL;

    if (*args == '\0') {
        ims_smtp_reply(session, IMS_SMTP_SYNTAX);
        return;
    }
    start_session(session, args);
    /* S-024: `SIZE 0` where there is no limit */
    size = g_strdup_printf("SIZE %" G_GSIZE_FORMAT, session->config->max_message_size);
    words = session->config->faithful ? faithful_keywords(session, size)
                                      : extended_keywords(session, size);
    ims_conn_printf(session->conn, "250-%s Hello [%s]\r\n", session->config->host_name,
                    ims_smtp_client_name(session, address));
    for (guint i = 0; i < words->len; i++)
        ims_conn_printf(session->conn, "250%c%s\r\n", i + 1 < words->len ? '-' : ' ',
                        (const char *)g_ptr_array_index(words, i));
}

static void
cmd_noop(ImsSmtpSession *session, const char *args)
{
    ims_smtp_reply(session, IMS_SMTP_OK);
}

static void
cmd_rset(ImsSmtpSession *session, const char *args)
{
    ims_smtp_reset_transaction(session);
    ims_smtp_reply(session, IMS_SMTP_OK);
}

static void
cmd_quit(ImsSmtpSession *session, const char *args)
{
    ims_smtp_close(session, IMS_SMTP_CLOSING, NULL);
}

static void
cmd_starttls(ImsSmtpSession *session, const char *args)
{
    if (ims_conn_info(session->conn)->tls) {
        ims_smtp_reply(session, IMS_SMTP_ALREADY_TLS);
        return;
    }
    if (!offers_tls(session)) {
        ims_smtp_reply(session, IMS_SMTP_NOT_IMPLEMENTED);
        return;
    }
    ims_smtp_reset_transaction(session);
    ims_smtp_reply(session, IMS_SMTP_STARTTLS_READY);
    ims_smtp_wait(session); /* until the handshake is over; what is buffered in clear is dropped */
    ims_conn_start_tls(session->conn);
}

static void
cmd_not_implemented(ImsSmtpSession *session, const char *args)
{
    ims_smtp_reply(session, IMS_SMTP_NOT_IMPLEMENTED);
}

/* Verbs that are recognised and not served: VRFY is off by default (S-060), EXPN and TURN never
 * were (S-039, S-062). */
static const Command commands[] = {
    {"HELO",     IMS_SMTP_ANY,                    SHOWN,                cmd_helo           },
    {"EHLO",     IMS_SMTP_ANY,                    SHOWN,                cmd_ehlo           },
    {"MAIL",     IMS_SMTP_READY,                  SHOWN,                ims_smtp_cmd_mail  },
    {"RCPT",     IMS_SMTP_MAIL | IMS_SMTP_RCPT,   SHOWN,                ims_smtp_cmd_rcpt  },
    {"DATA",     IMS_SMTP_MAIL | IMS_SMTP_RCPT,   SHOWN | NO_ARGUMENTS, ims_smtp_cmd_data  },
    {"RSET",     IMS_SMTP_ANY,                    SHOWN,                cmd_rset           },
    {"NOOP",     IMS_SMTP_ANY,                    SHOWN,                cmd_noop           },
    {"AUTH",     IMS_SMTP_READY,                  SHOWN,                ims_smtp_cmd_auth  },
    {"STARTTLS", IMS_SMTP_START | IMS_SMTP_READY, SHOWN | NO_ARGUMENTS, cmd_starttls       },
    {"ETRN",     IMS_SMTP_READY,                  SHOWN,                ims_smtp_cmd_etrn  },
    {"HELP",     IMS_SMTP_ANY,                    SHOWN,                cmd_help           },
    {"QUIT",     IMS_SMTP_ANY,                    SHOWN,                cmd_quit           },
    {"VRFY",     IMS_SMTP_ANY,                    0,                    cmd_not_implemented},
    {"EXPN",     IMS_SMTP_ANY,                    0,                    cmd_not_implemented},
    {"TURN",     IMS_SMTP_ANY,                    0,                    cmd_not_implemented},
};

/* SQ-01: the verbs, from the table. */
static void
cmd_help(ImsSmtpSession *session, const char *args)
{
    ims_conn_puts(session->conn, "214-Commands:\r\n");
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
        if ((commands[i].flags & SHOWN) != 0)
            ims_conn_printf(session->conn, "214-  %s\r\n", commands[i].verb);
    ims_conn_puts(session->conn, "214 End of HELP info\r\n");
}

static const Command *
find_command(const char *line, gsize length)
{
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++)
        if (strlen(commands[i].verb) == length &&
            g_ascii_strncasecmp(line, commands[i].verb, length) == 0)
            return &commands[i];
    return NULL;
}

void
ims_smtp_run_command(ImsSmtpSession *session, const char *line)
{
    gsize length = strcspn(line, " \t");
    const Command *command = find_command(line, length);
    g_autofree char *args = g_strstrip(g_strdup(line + length));

    if (command == NULL)
        ims_smtp_reply(session, IMS_SMTP_UNKNOWN_COMMAND);
    else if ((command->legal & session->state) == 0)
        ims_smtp_reply(session, IMS_SMTP_BAD_SEQUENCE);
    else if ((command->flags & NO_ARGUMENTS) != 0 && *args != '\0')
        ims_smtp_reply(session, IMS_SMTP_SYNTAX);
    else
        command->run(session, args);
    explicit_bzero(args, strlen(args)); /* AUTH with an initial response */
}
