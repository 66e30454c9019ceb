/* The table of commands and the short ones among them. */
#include "pop3/pop3-private.h"

#include <string.h>

/* P-028: what 5.5 allowed an argument. */
#define STRICT_ARGUMENT_MAX 40u

#define ANY_STATE (IMS_POP3_AUTHORIZATION | IMS_POP3_TRANSACTION)

/* How the rest of the line is taken. */
typedef enum {
    ARGS_WORDS,
    ARGS_REST, /* all of it is one argument, blanks included: a name or a password */
} ArgsKind;

typedef struct {
    const char *verb;
    guint states;
    ArgsKind kind;
    guint min_args, max_args;
    gboolean extended_only;
    void (*run)(ImsPop3Session *session, char **args);
} Command;

guint
ims_pop3_take_number(ImsPop3Session *session, const char *text)
{
    guint64 number;

    if (!g_ascii_string_to_unsigned(text, 10, 1, G_MAXUINT32, &number, NULL) ||
        number > ims_pop3_maildrop_size(session->maildrop)) {
        ims_pop3_error(session, IMS_POP3_NO_SUCH_MESSAGE);
        return 0;
    }
    if (ims_pop3_maildrop_is_marked(session->maildrop, (guint)number)) {
        ims_pop3_error(session, IMS_POP3_DELETED);
        return 0;
    }
    return (guint)number;
}

static void
cmd_stat(ImsPop3Session *session, char **args)
{
    ims_conn_printf(session->conn, "+OK %u %" G_GUINT64_FORMAT "\r\n",
                    ims_pop3_maildrop_count(session->maildrop),
                    ims_pop3_maildrop_octets(session->maildrop));
}

static void
cmd_list(ImsPop3Session *session, char **args)
{
    guint number;

    if (args[0] == NULL) {
        ims_pop3_send_list(session);
        return;
    }
    number = ims_pop3_take_number(session, args[0]);
    if (number != 0)
        ims_conn_printf(session->conn, "+OK %u %u\r\n", number,
                        ims_pop3_maildrop_octets_of(session->maildrop, number));
}

static void
cmd_uidl(ImsPop3Session *session, char **args)
{
    char id[IMS_POP3_UID_LENGTH + 1];
    guint number;

    if (args[0] == NULL) {
        ims_pop3_send_unique_ids(session);
        return;
    }
    number = ims_pop3_take_number(session, args[0]);
    if (number == 0)
        return;
    ims_pop3_maildrop_unique_id(session->maildrop, number, id);
    ims_conn_printf(session->conn, "+OK %u %s\r\n", number, id);
}

static void
cmd_dele(ImsPop3Session *session, char **args)
{
    guint number = ims_pop3_take_number(session, args[0]);

    if (number == 0)
        return;
    ims_pop3_maildrop_mark(session->maildrop, number);
    ims_pop3_reply(session, IMS_POP3_OK);
}

static void
cmd_noop(ImsPop3Session *session, char **args)
{
    ims_pop3_reply(session, IMS_POP3_OK);
}

static void
cmd_rset(ImsPop3Session *session, char **args)
{
    ims_pop3_maildrop_unmark_all(session->maildrop);
    ims_pop3_reply(session, IMS_POP3_OK);
}

static void
log_quit(ImsPop3Session *session, guint deleted, const GError *error)
{
    char deleted_text[16], retrieved_text[16];

    g_snprintf(deleted_text, sizeof deleted_text, "%u", deleted);
    g_snprintf(retrieved_text, sizeof retrieved_text, "%u", session->retrieved);
    ims_log_event(session->settings->log, session->id, "quit", "protocol", "pop3", "result",
                  error == NULL ? "ok" : "failed", "account", session->account, "retrieved",
                  retrieved_text, "deleted", deleted_text, "error",
                  error != NULL ? error->message : NULL, NULL);
}

/* All of them are gone and that is on disk, or none is. */
static void
expunged(ImsStoreOp *op, gpointer data)
{
    ImsPop3Session *session = data;
    const ImsExpungeOp *expunge = (const ImsExpungeOp *)op;
    gboolean ok = op->error == NULL;

    log_quit(session, ok && expunge->expunged != NULL ? expunge->expunged->len : 0, op->error);
    ims_store_op_free(op);
    ims_pop3_close(session, ok ? IMS_POP3_SIGN_OFF : IMS_POP3_NOT_DELETED);
    ims_pop3_go_on(session);
    ims_pop3_session_unref(session);
}

static void
cmd_quit(ImsPop3Session *session, char **args)
{
    ImsStoreOp *op = NULL;

    if (session->state == IMS_POP3_TRANSACTION)
        op = ims_pop3_maildrop_expunge_op(session->maildrop, expunged, session);
    if (op == NULL) {
        if (session->state == IMS_POP3_TRANSACTION)
            log_quit(session, 0, NULL);
        ims_pop3_close(session, IMS_POP3_SIGN_OFF);
        return;
    }
    session->quitting = TRUE;
    ims_pop3_session_ref(session);
    ims_pop3_wait(session);
    ims_store_submit(session->settings->store, op);
}

static void
cmd_stls(ImsPop3Session *session, char **args)
{
    if (ims_conn_info(session->conn)->tls) {
        ims_pop3_error(session, IMS_POP3_TLS_ALREADY);
    } else if (!ims_conn_can_start_tls(session->conn)) {
        ims_pop3_error(session, IMS_POP3_NO_TLS);
    } else {
        ims_pop3_reply(session, IMS_POP3_STLS_OK);
        ims_pop3_wait(session);
        ims_conn_start_tls(session->conn);
    }
}

/* RFC 2449. USER and SASL are named only where a logon would be taken (RFC 2595 2.1). */
static void
cmd_capa(ImsPop3Session *session, char **args)
{
    gboolean may_log_on = ims_pop3_may_log_on(session);

    ims_pop3_reply(session, IMS_POP3_OK);
    ims_conn_puts(session->conn, "TOP\r\nUIDL\r\nPIPELINING\r\nRESP-CODES\r\nEXPIRE NEVER\r\n");
    if (may_log_on)
        ims_conn_puts(session->conn, "USER\r\nSASL LOGIN PLAIN\r\n");
    if (session->state == IMS_POP3_AUTHORIZATION && ims_conn_can_start_tls(session->conn))
        ims_conn_puts(session->conn, "STLS\r\n");
    ims_conn_puts(session->conn, ".\r\n");
}

/* P-010; LAST is off (P-012), APOP is not there (P-011). */
static const Command commands[] = {
    {"AUTH", IMS_POP3_AUTHORIZATION, ARGS_WORDS, 0, 2, FALSE, ims_pop3_cmd_auth},
    {"CAPA", ANY_STATE,              ARGS_WORDS, 0, 0, TRUE,  cmd_capa         },
    {"DELE", IMS_POP3_TRANSACTION,   ARGS_WORDS, 1, 1, FALSE, cmd_dele         },
    {"LIST", IMS_POP3_TRANSACTION,   ARGS_WORDS, 0, 1, FALSE, cmd_list         },
    {"NOOP", IMS_POP3_TRANSACTION,   ARGS_WORDS, 0, 0, FALSE, cmd_noop         },
    {"PASS", IMS_POP3_AUTHORIZATION, ARGS_REST,  0, 1, FALSE, ims_pop3_cmd_pass},
    {"QUIT", ANY_STATE,              ARGS_WORDS, 0, 0, FALSE, cmd_quit         },
    {"RETR", IMS_POP3_TRANSACTION,   ARGS_WORDS, 1, 1, FALSE, ims_pop3_cmd_retr},
    {"RSET", IMS_POP3_TRANSACTION,   ARGS_WORDS, 0, 0, FALSE, cmd_rset         },
    {"STAT", IMS_POP3_TRANSACTION,   ARGS_WORDS, 0, 0, FALSE, cmd_stat         },
    {"STLS", IMS_POP3_AUTHORIZATION, ARGS_WORDS, 0, 0, TRUE,  cmd_stls         },
    {"TOP",  IMS_POP3_TRANSACTION,   ARGS_WORDS, 2, 2, FALSE, ims_pop3_cmd_top },
    {"UIDL", IMS_POP3_TRANSACTION,   ARGS_WORDS, 0, 1, FALSE, cmd_uidl         },
    {"USER", IMS_POP3_AUTHORIZATION, ARGS_REST,  1, 1, FALSE, ims_pop3_cmd_user},
};

static const Command *
find_command(const ImsPop3Session *session, const char *verb)
{
    for (guint i = 0; i < G_N_ELEMENTS(commands); i++) {
        if (g_ascii_strcasecmp(commands[i].verb, verb) == 0)
            return commands[i].extended_only && !session->settings->extended ? NULL : &commands[i];
    }
    return NULL;
}

/*
 * Splits @rest, what follows the verb and its blank, into @args. FALSE: not as the command has it.
 * The faithful profile takes no other blank, no argument over 40 bytes, no blank in a name and no
 * empty password (P-028).
 */
static gboolean
split_args(const ImsPop3Session *session, const Command *command, char *rest, char *args[3])
{
    gboolean strict = !session->settings->extended;
    guint n = 0;

    if (rest != NULL && command->kind == ARGS_REST) {
        args[n++] = rest;
    } else if (rest != NULL) {
        for (char *word = rest; word != NULL;) {
            char *blank = strchr(word, ' ');

            if (blank != NULL)
                *blank++ = '\0';
            if (*word == '\0') {
                if (strict)
                    return FALSE;
            } else if (n == command->max_args) {
                return FALSE;
            } else {
                args[n++] = word;
            }
            word = blank;
        }
    }
    for (guint i = 0; strict && i < n; i++) {
        if (args[i][0] == '\0' || args[i][0] == ' ' || strlen(args[i]) > STRICT_ARGUMENT_MAX)
            return FALSE;
    }
    if (strict && command->run == ims_pop3_cmd_user && n > 0 && strchr(args[0], ' ') != NULL)
        return FALSE;
    return n >= command->min_args;
}

void
ims_pop3_run_command(ImsPop3Session *session, char *line)
{
    char *blank = strchr(line, ' ');
    char *args[3] = {NULL, NULL, NULL};
    const Command *command;

    if (blank != NULL)
        *blank = '\0';
    command = find_command(session, line);
    if (command == NULL)
        ims_pop3_error(session, IMS_POP3_UNKNOWN_COMMAND);
    else if ((command->states & session->state) == 0)
        ims_pop3_error(session, IMS_POP3_WRONG_STATE);
    else if (!split_args(session, command, blank != NULL ? blank + 1 : NULL, args))
        ims_pop3_error(session, IMS_POP3_BAD_ARGUMENTS);
    else
        command->run(session, args);
}
