/* The server as its own client: what it sends to itself goes through its SMTP sessions, not past
 * them. */
#include "ims/scenario-peers.h"

#include <string.h>

enum {
    /* Turns without a reply before the clock must move for one (a logon that is slowed down, a
     * commit that is tried again). */
    PATIENT_TURNS = 10000,
    POLL_USEC = 10000,
};

typedef enum {
    AWAIT_GREETING,
    AWAIT_HELO,
    AWAIT_MAIL,
    AWAIT_RCPT,
    AWAIT_DATA,
    AWAIT_BODY,
    AWAIT_RESET,
} Await;

typedef struct {
    ImsWorld *world;
    ImsSimConn *conn;
    ImsSendJob *job;
    GString *input;
    Await await;
    guint message, recipient, n_taken;
    guint turns;
} Self;

static void look(gpointer data);

static void
poll_later(Self *self)
{
    if (self->turns++ < PATIENT_TURNS)
        ims_world_post(self->world, ims_world_main(self->world), look, self);
    else
        ims_world_timer_add(self->world, POLL_USEC, look, self);
}

static void
end(Self *self, const char *error)
{
    ims_sim_conn_close(self->conn);
    self->job->finished(self->job, self->await != AWAIT_GREETING, error);
    g_string_free(self->input, TRUE);
    g_free(self);
}

static ImsSendMessage *
message(const Self *self)
{
    return self->job->messages->pdata[self->message];
}

static ImsSendRecipient *
recipient(const Self *self)
{
    return message(self)->recipients->pdata[self->recipient];
}

static void G_GNUC_PRINTF(3, 4) say(Self *self, Await await, const char *format, ...)
{
    g_autofree char *line = NULL;
    va_list arguments;

    va_start(arguments, format);
    line = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    self->await = await;
    self->turns = 0;
    ims_sim_conn_send(self->conn, line, strlen(line));
    poll_later(self);
}

static void
set_status(ImsSendRecipient *each, int code, const char *reply)
{
    each->code = code;
    each->status = code / 100 == 2   ? IMS_SEND_OK
                   : code / 100 == 5 ? IMS_SEND_PERMANENT
                                     : IMS_SEND_TRANSIENT;
    g_free(each->reply);
    each->reply = g_strdup(reply);
}

static void
begin_message(Self *self)
{
    if (self->message >= self->job->messages->len) {
        end(self, NULL);
        return;
    }
    self->recipient = self->n_taken = 0;
    say(self, AWAIT_MAIL, "MAIL FROM:<%s>\r\n", message(self)->mail_from);
}

static void
resume(gpointer data)
{
    Self *self = data;

    self->message++;
    say(self, AWAIT_RESET, "RSET\r\n");
}

static void
tell_outcome(Self *self)
{
    self->job->outcome(self->job, self->message, resume, self);
}

/* What was taken so far, and all of it where nothing was. */
static void
fail_message(Self *self, int code, const char *reply)
{
    for (guint i = 0; i < message(self)->recipients->len; i++) {
        ImsSendRecipient *each = message(self)->recipients->pdata[i];

        if (each->status == IMS_SEND_PENDING || each->status == IMS_SEND_OK)
            set_status(each, code, reply);
    }
    tell_outcome(self);
}

/* RFC 5321 4.5.2 */
static void
send_body(Self *self)
{
    gsize length;
    const char *data = g_bytes_get_data(message(self)->body, &length);
    g_autoptr(GString) out = g_string_sized_new(length + 16);
    gboolean line_start = TRUE;

    for (gsize i = 0; i < length; i++) {
        if (line_start && data[i] == '.')
            g_string_append_c(out, '.');
        g_string_append_c(out, data[i]);
        line_start = data[i] == '\n';
    }
    if (!line_start)
        g_string_append(out, "\r\n");
    g_string_append(out, ".\r\n");
    self->await = AWAIT_BODY;
    self->turns = 0;
    ims_sim_conn_send(self->conn, out->str, out->len);
    poll_later(self);
}

static void
rcpt_answered(Self *self, int code, const char *reply)
{
    set_status(recipient(self), code, reply);
    if (code / 100 == 2)
        self->n_taken++;
    if (++self->recipient < message(self)->recipients->len)
        say(self, AWAIT_RCPT, "RCPT TO:<%s>\r\n", recipient(self)->address);
    else if (self->n_taken > 0)
        say(self, AWAIT_DATA, "DATA\r\n");
    else
        tell_outcome(self);
}

static void
answered(Self *self, int code, const char *reply)
{
    switch (self->await) {
    case AWAIT_GREETING:
        if (code / 100 == 2)
            say(self, AWAIT_HELO, "EHLO %s\r\n", self->job->helo);
        else
            end(self, reply);
        break;
    case AWAIT_HELO:
    case AWAIT_RESET:
        begin_message(self);
        break;
    case AWAIT_MAIL:
        if (code / 100 == 2)
            say(self, AWAIT_RCPT, "RCPT TO:<%s>\r\n", recipient(self)->address);
        else
            fail_message(self, code, reply);
        break;
    case AWAIT_RCPT:
        rcpt_answered(self, code, reply);
        break;
    case AWAIT_DATA:
        if (code == 354)
            send_body(self);
        else
            fail_message(self, code, reply);
        break;
    case AWAIT_BODY:
        if (code / 100 == 2)
            tell_outcome(self);
        else
            fail_message(self, code, reply);
        break;
    }
}

static void
look(gpointer data)
{
    Self *self = data;
    GString *taken = ims_sim_conn_take(self->conn);
    char *line_end;

    g_string_append_len(self->input, taken->str, (gssize)taken->len);
    g_string_free(taken, TRUE);
    while ((line_end = strstr(self->input->str, "\r\n")) != NULL) {
        g_autofree char *line = g_strndup(self->input->str, (gsize)(line_end - self->input->str));

        g_string_erase(self->input, 0, line_end + 2 - self->input->str);
        /* The last line of a reply (RFC 5321 4.2.1). */
        if (strlen(line) >= 3 && line[3] != '-') {
            answered(self, (int)g_ascii_strtoull(line, NULL, 10), strlen(line) > 4 ? line + 4 : "");
            return;
        }
    }
    if (ims_sim_conn_is_closed(self->conn))
        end(self, "the connection was closed");
    else
        poll_later(self);
}

void
ims_scenario_send_to_self(ImsWorld *world, ImsSimConn *conn, ImsSendJob *job)
{
    Self *self = g_new0(Self, 1);

    self->world = world;
    self->conn = conn;
    self->job = job;
    self->input = g_string_new(NULL);
    poll_later(self);
}
