/* One connection of a scenario: what is sent, what is expected, and whole logons. */
#include "ims/scenario-private.h"

#include <string.h>

/* What is slowed down on purpose (a logon after failures) is waited for on the simulated clock. */
#define WAIT_STEP_USEC (G_USEC_PER_SEC / 10)
#define MAX_WAIT_USEC (20 * G_USEC_PER_SEC)

struct _ImsScenarioSession {
    ImsScenarioStage *stage;
    char *name;
    ImsProtocol protocol;
    ImsSimConn *conn;
    GString *input; /* received, not looked at */
    guint tags;     /* IMAP4 commands of our own */
};

static const struct {
    const char *word;
    ImsProtocol protocol;
} protocols[] = {
    {"smtp",  IMS_PROTOCOL_SMTP },
    {"pop3",  IMS_PROTOCOL_POP3 },
    {"imap4", IMS_PROTOCOL_IMAP4}
};

/* ---- transcript ---- */

static void
note_sent(ImsScenarioSession *session, const char *line)
{
    g_string_append_printf(session->stage->transcript, "%s C: %s\n", session->name, line);
}

static void
note_received(ImsScenarioSession *session, const char *line)
{
    g_autofree char *valid = g_utf8_make_valid(line, -1);

    g_string_append_printf(session->stage->transcript, "%s S: %s\n", session->name, valid);
}

static void
note_chain(ImsScenarioSession *session)
{
    g_string_append(session->stage->transcript, session->stage->chain->str);
    g_string_truncate(session->stage->chain, 0);
}

/* ---- reading ---- */

static void
take(ImsScenarioSession *session)
{
    GString *got;

    ims_sim_world_settle(session->stage->world);
    got = ims_sim_conn_take(session->conn);
    g_string_append_len(session->input, got->str, (gssize)got->len);
    g_string_free(got, TRUE);
}

/* Everything that comes to one step. Waits where nothing has come. */
static GPtrArray *
read_lines(ImsScenarioSession *session)
{
    GPtrArray *lines = g_ptr_array_new_with_free_func(g_free);
    const char *start, *end;

    take(session);
    for (gint64 waited = 0; session->input->len == 0 && waited < MAX_WAIT_USEC &&
                            !ims_sim_conn_is_closed(session->conn);
         waited += WAIT_STEP_USEC) {
        ims_sim_world_advance(session->stage->world, WAIT_STEP_USEC);
        take(session);
    }
    start = session->input->str;
    while ((end = strstr(start, "\r\n")) != NULL) {
        g_ptr_array_add(lines, g_strndup(start, (gsize)(end - start)));
        start = end + 2;
    }
    if (*start != '\0')
        g_ptr_array_add(lines, g_strdup(start));
    g_string_truncate(session->input, 0);
    for (guint i = 0; i < lines->len; i++)
        note_received(session, lines->pdata[i]);
    if (ims_sim_conn_is_closed(session->conn))
        g_string_append_printf(session->stage->transcript, "%s S: (closed)\n", session->name);
    note_chain(session);
    return lines;
}

/* ---- comparing ---- */

static gboolean
matches_line(const char *expected, const char *got)
{
    gsize length = strlen(expected);

    if (length > 1 && expected[0] == '/' && expected[length - 1] == '/') {
        g_autofree char *inner = g_strndup(expected + 1, length - 2);
        g_autofree char *pattern = g_strdup_printf("\\A(?:%s)\\z", inner);

        return g_regex_match_simple(pattern, got, 0, 0);
    }
    if (length > 0 && expected[length - 1] == '$')
        return strlen(got) == length - 1 && strncmp(expected, got, length - 1) == 0;
    return g_str_has_prefix(got, expected);
}

/* `...` after line @i - 1: may line @i still be of the same reply? In SMTP the hyphen says so; the
 * others have no such mark, and any line may. */
static gboolean
goes_on(const char *const *got, guint i, gboolean is_smtp)
{
    return i > 0 && (!is_smtp || (strlen(got[i - 1]) > 3 && got[i - 1][3] == '-'));
}

static gboolean
match_from(JsonArray *expected, guint e, const char *const *got, guint g, guint n_got,
           gboolean is_smtp)
{
    const char *line;

    if (e == json_array_get_length(expected))
        return g == n_got;
    line = json_array_get_string_element(expected, e);
    if (strcmp(line, "...") != 0)
        return g < n_got && matches_line(line, got[g]) &&
               match_from(expected, e + 1, got, g + 1, n_got, is_smtp);
    /* As few as will do. */
    for (guint next = g;; next++) {
        if (match_from(expected, e + 1, got, next, n_got, is_smtp))
            return TRUE;
        if (next >= n_got || !goes_on(got, next, is_smtp))
            return FALSE;
    }
}

gboolean
ims_scenario_match_lines(JsonArray *expected, const char *const *got, guint n_got, gboolean is_smtp)
{
    return match_from(expected, 0, got, 0, n_got, is_smtp);
}

static char *
show(JsonArray *expected, const GPtrArray *lines)
{
    g_autoptr(GString) out = g_string_new("expected");

    for (guint i = 0; i < json_array_get_length(expected); i++)
        g_string_append_printf(out, "%s \"%s\"", i > 0 ? "," : "",
                               json_array_get_string_element(expected, i));
    g_string_append(out, "; got");
    if (lines->len == 0)
        g_string_append(out, " nothing");
    for (guint i = 0; i < lines->len; i++)
        g_string_append_printf(out, "%s \"%s\"", i > 0 ? "," : "", (const char *)lines->pdata[i]);
    return g_utf8_make_valid(out->str, (gssize)out->len);
}

static char *
compare(ImsScenarioSession *session, JsonObject *step)
{
    JsonArray *expected = ims_scenario_list(step, "expect");
    g_autoptr(GPtrArray) lines = read_lines(session);

    if (!ims_scenario_match_lines(expected, (const char *const *)lines->pdata, lines->len,
                                  session->protocol == IMS_PROTOCOL_SMTP))
        return show(expected, lines);
    if (ims_scenario_flag(step, "closed", FALSE) && !ims_sim_conn_is_closed(session->conn))
        return g_strdup("the server should have closed the connection");
    return NULL;
}

/* ---- steps ---- */

ImsScenarioSession *
ims_scenario_session_open(ImsScenarioStage *stage, JsonObject *step)
{
    const char *word = ims_scenario_text(step, "protocol");
    const char *client_text = ims_scenario_text(step, "client");
    const char *local_text = ims_scenario_text(step, "local");
    gint64 port =
        json_object_has_member(step, "port") ? json_object_get_int_member(step, "port") : 0;
    ImsProtocol protocol = IMS_PROTOCOL_SMTP;
    ImsAddress client = {0}, local = {0};
    ImsScenarioSession *session;
    ImsSimConn *conn;

    for (guint i = 0; i < G_N_ELEMENTS(protocols); i++)
        if (strcmp(protocols[i].word, word) == 0)
            protocol = protocols[i].protocol;
    (void)ims_address_parse(client_text, &client);
    (void)ims_address_parse(local_text, &local);
    g_string_append_printf(stage->transcript, "%s -- %s from %s to %s\n",
                           ims_scenario_text(step, "session"), word, client_text, local_text);
    conn = ims_scenario_server_connect(stage->server, protocol, &client, &local, (guint16)port);
    if (conn == NULL)
        return NULL;
    session = g_new0(ImsScenarioSession, 1);
    session->stage = stage;
    session->name = g_strdup(ims_scenario_text(step, "session"));
    session->protocol = protocol;
    session->conn = conn;
    session->input = g_string_new(NULL);
    ims_sim_conn_set_patient(conn, TRUE);
    return session;
}

void
ims_scenario_session_free(ImsScenarioSession *session)
{
    if (session == NULL)
        return;
    ims_sim_conn_close(session->conn);
    g_string_free(session->input, TRUE);
    g_free(session->name);
    g_free(session);
}

char *
ims_scenario_session_expect(ImsScenarioSession *session, JsonObject *step)
{
    return compare(session, step);
}

/* At once, with or without a line that says why. */
char *
ims_scenario_session_expect_refused(ImsScenarioSession *session)
{
    g_autoptr(GPtrArray) lines = NULL;

    take(session);
    if (!ims_sim_conn_is_closed(session->conn))
        return g_strdup("the connection should have been refused");
    lines = read_lines(session);
    return lines->len > 1 ? g_strdup("more than one line came before the connection was closed")
                          : NULL;
}

static void
put_line(ImsScenarioSession *session, GString *out, const char *line)
{
    note_sent(session, line);
    g_string_append(out, line);
    g_string_append(out, "\r\n");
}

char *
ims_scenario_session_send(ImsScenarioSession *session, JsonObject *step)
{
    JsonArray *lines = ims_scenario_list(step, "send");
    g_autoptr(GString) out = g_string_new(NULL);

    if (lines == NULL)
        put_line(session, out, ims_scenario_text(step, "send"));
    for (guint i = 0; lines != NULL && i < json_array_get_length(lines); i++)
        put_line(session, out, json_array_get_string_element(lines, i));
    ims_sim_conn_send(session->conn, out->str, out->len);
    return compare(session, step);
}

/* ---- logon ---- */

/* Sends a line, returns the last line that comes. Secrets are not in the transcript. (transfer
 * full) */
static char *
ask(ImsScenarioSession *session, const char *line, const char *shown)
{
    g_autofree char *with_end = g_strconcat(line, "\r\n", NULL);
    g_autoptr(GPtrArray) lines = NULL;

    note_sent(session, shown);
    ims_sim_conn_send(session->conn, with_end, strlen(with_end));
    lines = read_lines(session);
    return g_strdup(lines->len > 0 ? lines->pdata[lines->len - 1] : "");
}

static char *
encode(const char *text)
{
    return g_base64_encode((const guint8 *)text, strlen(text));
}

/* The reply asks for more. */
static gboolean
wants_more(const ImsScenarioSession *session, const char *reply)
{
    return g_str_has_prefix(reply, session->protocol == IMS_PROTOCOL_SMTP ? "334" : "+") &&
           !g_str_has_prefix(reply, "+OK");
}

static char *
logon_by_login(ImsScenarioSession *session, const char *begin, const char *name,
               const char *password)
{
    g_autofree char *encoded_name = encode(name), *encoded_password = encode(password);
    g_autofree char *reply = ask(session, begin, begin);

    if (!wants_more(session, reply))
        return g_steal_pointer(&reply);
    g_free(reply);
    reply = ask(session, encoded_name, encoded_name);
    if (!wants_more(session, reply))
        return g_steal_pointer(&reply);
    return ask(session, encoded_password, "(password)");
}

static char *
logon_by_plain(ImsScenarioSession *session, const char *begin, const char *name,
               const char *password)
{
    gsize length = strlen(name) + strlen(password) + 2;
    g_autofree char *triple = g_strdup_printf("%c%s%c%s", 0, name, 0, password);
    g_autofree char *encoded = NULL, *reply = ask(session, begin, begin);

    if (!wants_more(session, reply))
        return g_steal_pointer(&reply);
    triple[0] = '\0';
    encoded = g_base64_encode((const guint8 *)triple, length);
    return ask(session, encoded, "(name and password)");
}

/* RFC 3501 4.3 */
static char *
quote(const char *text)
{
    g_autoptr(GString) out = g_string_new("\"");

    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            g_string_append_c(out, '\\');
        g_string_append_c(out, *text);
    }
    g_string_append_c(out, '"');
    return g_string_free(g_steal_pointer(&out), FALSE);
}

static char *
logon_by_user_pass(ImsScenarioSession *session, const char *tag, const char *name,
                   const char *password)
{
    g_autofree char *line = NULL, *shown = NULL, *reply = NULL;

    if (session->protocol == IMS_PROTOCOL_IMAP4) {
        g_autofree char *quoted_name = quote(name), *quoted_password = quote(password);

        line = g_strdup_printf("%s LOGIN %s %s", tag, quoted_name, quoted_password);
        shown = g_strdup_printf("%s LOGIN %s (password)", tag, quoted_name);
        return ask(session, line, shown);
    }
    line = g_strdup_printf("USER %s", name);
    reply = ask(session, line, line);
    if (!g_str_has_prefix(reply, "+OK"))
        return g_steal_pointer(&reply);
    g_free(line);
    line = g_strdup_printf("PASS %s", password);
    return ask(session, line, "PASS (password)");
}

static char *
begin_auth(const ImsScenarioSession *session, const char *tag, const char *method)
{
    return session->protocol == IMS_PROTOCOL_IMAP4
               ? g_strdup_printf("%s AUTHENTICATE %s", tag, method)
               : g_strdup_printf("AUTH %s", method);
}

static gboolean
is_ok(const ImsScenarioSession *session, const char *tag, const char *reply)
{
    g_autofree char *ok = NULL;

    if (session->protocol == IMS_PROTOCOL_SMTP)
        return g_str_has_prefix(reply, "235");
    if (session->protocol == IMS_PROTOCOL_POP3)
        return g_str_has_prefix(reply, "+OK");
    ok = g_strdup_printf("%s OK", tag);
    return g_str_has_prefix(reply, ok);
}

char *
ims_scenario_session_logon(ImsScenarioSession *session, JsonObject *step, const char *password)
{
    const char *name = ims_scenario_text(step, "logon"), *with = ims_scenario_text(step, "with");
    const char *expected = ims_scenario_text(step, "expect");
    g_autofree char *tag = g_strdup_printf("logon%u", ++session->tags);
    g_autofree char *begin = NULL, *reply = NULL;

    if (strcmp(with, "auth-ntlm") == 0)
        return g_strdup("this version does not have: AUTH NTLM (auth-ntlm)");
    if (strcmp(with, "user-pass") == 0) {
        if (session->protocol == IMS_PROTOCOL_SMTP)
            return g_strdup("user-pass is not for smtp");
        reply = logon_by_user_pass(session, tag, name, password);
    } else if (strcmp(with, "auth-login") == 0) {
        begin = begin_auth(session, tag, "LOGIN");
        reply = logon_by_login(session, begin, name, password);
    } else {
        begin = begin_auth(session, tag, "PLAIN");
        reply = logon_by_plain(session, begin, name, password);
    }
    if (is_ok(session, tag, reply) == (strcmp(expected, "ok") == 0))
        return NULL;
    return g_strdup_printf("the logon should %s; the last reply is \"%s\"",
                           strcmp(expected, "ok") == 0 ? "succeed" : "fail", reply);
}

gboolean
ims_scenario_session_is_gone(ImsScenarioSession *session)
{
    return ims_sim_conn_is_closed(session->conn);
}

void
ims_scenario_session_set_patient(ImsScenarioSession *session, gboolean patient)
{
    ims_sim_conn_set_patient(session->conn, patient);
}

guint
ims_scenario_session_idle_sec(const ImsScenarioSession *session)
{
    const ImsConfig *config = ims_scenario_server_service(session->stage->server)->config;

    switch (session->protocol) {
    case IMS_PROTOCOL_POP3:
        return config->pop3_timeout_sec;
    case IMS_PROTOCOL_IMAP4:
        return config->imap4_timeout_sec;
    default:
        return config->smtp_timeout_sec;
    }
}
