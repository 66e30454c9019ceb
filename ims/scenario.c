#include "ims/scenario.h"

#include "ims/event-number.h"
#include "ims/scenario-private.h"

#include <string.h>

/* Mon, 1 Mar 1999 09:00:00 UTC, when 5.5 was new. */
#define START_USEC (G_GINT64_CONSTANT(920278800) * G_USEC_PER_SEC)
#define SEED 55

typedef struct {
    JsonObject *file;
    JsonObject *settings;    /* `server` with what `set` changed */
    JsonObject *diagnostics; /* (nullable): as of the last start */
    ImsWorld *world;
    ImsScenarioPeers *peers;
    ImsScenarioStage stage;
    GHashTable *sessions; /* name → ImsScenarioSession */
    GString *log;
    GHashTable *events; /* set of numbers */
    gint64 now_usec;    /* of the step: what the clock shows at least */
} Player;

/* ---- the log ---- */

static guint
level_of(const char *category, gpointer data)
{
    Player *player = data;

    return player->diagnostics != NULL && json_object_has_member(player->diagnostics, category)
               ? (guint)json_object_get_int_member(player->diagnostics, category)
               : 0;
}

/* Before the levels change, and at the end. */
static void
take_log(Player *player)
{
    g_autofree char *text = ims_scenario_server_take_log(player->stage.server);
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    g_string_append(player->log, text);
    for (guint i = 0; lines[i] != NULL; i++) {
        guint number = ims_event_number(lines[i], level_of, player);

        if (number != 0)
            g_hash_table_add(player->events, GUINT_TO_POINTER(number));
    }
}

/* ---- start ---- */

static void
verdict_seen(const ImsRelayQuery *query, const ImsRelayVerdict *verdict, gpointer data)
{
    Player *player = data;
    const ImsConfig *config = ims_scenario_server_service(player->stage.server)->config;
    g_autoptr(GPtrArray) lines = ims_relay_explain(&config->policy, query, verdict);

    for (guint i = 0; i < lines->len; i++) {
        const ImsRelayReasonLine *line = lines->pdata[i];

        g_string_append_printf(player->stage.chain, "      | %-7s %s (%s, %s)\n", line->outcome,
                               line->text, line->fact, line->source);
    }
}

/* Reads the settings as an ims.conf and starts the service with it. */
static gboolean
start(Player *player, GError **error)
{
    JsonObject *diagnostics = ims_scenario_object(player->settings, "diagnostics");
    g_autofree char *conf = ims_scenario_conf(player->settings, error);
    ImsService *service;

    if (conf == NULL || !ims_scenario_server_start(player->stage.server, conf, error))
        return FALSE;
    take_log(player);
    g_clear_pointer(&player->diagnostics, json_object_unref);
    if (diagnostics != NULL) {
        player->diagnostics = json_object_new();
        ims_scenario_merge(player->diagnostics, diagnostics);
    }
    service = ims_scenario_server_service(player->stage.server);
    service->verdict_seen = verdict_seen;
    service->verdict_data = player;
    return TRUE;
}

static gboolean
begin(Player *player, GError **error)
{
    JsonObject *dns = ims_scenario_object(player->file, "dns");

    if (dns != NULL)
        ims_scenario_peers_merge(player->peers, dns);
    return start(player, error) &&
           ims_scenario_fill_directory(player->stage.server, player->settings, error);
}

/* ---- steps ---- */

static void
pass_time(Player *player, JsonObject *step)
{
    const char *at = ims_scenario_text(step, "at");
    gint64 ahead;

    if (at == NULL)
        return;
    player->now_usec = ims_scenario_time_usec(at);
    ahead = START_USEC + player->now_usec - ims_world_wall_usec(player->world);
    g_string_append_printf(player->stage.transcript, "-- at %s\n", at);
    if (ahead > 0)
        ims_sim_world_advance(player->world, ahead);
    ims_sim_world_settle(player->world);
}

static const char *
password_of(Player *player, JsonObject *step)
{
    const char *given = ims_scenario_text(step, "password");
    JsonArray *people = json_object_get_array_member(player->settings, "people");
    g_auto(GStrv) parts = g_strsplit_set(ims_scenario_text(step, "logon"), "\\/", -1);
    g_autofree char *account = parts[0] != NULL && parts[1] != NULL
                                   ? g_strdup_printf("%s\\%s", parts[0], parts[1])
                                   : g_strdup(ims_scenario_text(step, "logon"));

    for (guint i = 0; given == NULL && i < json_array_get_length(people); i++) {
        JsonObject *person = json_array_get_object_element(people, i);

        if (g_ascii_strcasecmp(ims_scenario_text(person, "account"), account) == 0)
            given = ims_scenario_text(person, "password");
    }
    return given != NULL ? given : "";
}

static char *
open_session(Player *player, JsonObject *step)
{
    gboolean refused = ims_scenario_flag(step, "refused", FALSE);
    ImsScenarioSession *session = ims_scenario_session_open(&player->stage, step);

    if (session == NULL) {
        g_string_append(player->stage.transcript, "   (refused)\n");
        return refused ? NULL : g_strdup("nothing listens there");
    }
    g_hash_table_insert(player->sessions, g_strdup(ims_scenario_text(step, "session")), session);
    return refused ? ims_scenario_session_expect_refused(session)
                   : ims_scenario_session_expect(session, step);
}

static char *
restart(Player *player)
{
    g_autoptr(GError) error = NULL;

    g_string_append(player->stage.transcript, "-- restart\n");
    g_hash_table_remove_all(player->sessions);
    ims_sim_world_settle(player->world);
    take_log(player);
    return start(player, &error) ? NULL : g_strdup(error->message);
}

static char *
run_session_step(Player *player, JsonObject *step)
{
    const char *name = ims_scenario_text(step, "session");
    ImsScenarioSession *session = g_hash_table_lookup(player->sessions, name);

    if (session == NULL)
        return g_strdup_printf("the session %s is gone", name);
    if (json_object_has_member(step, "send"))
        return ims_scenario_session_send(session, step);
    if (json_object_has_member(step, "logon"))
        return ims_scenario_session_logon(session, step, password_of(player, step));
    g_string_append_printf(player->stage.transcript, "%s C: (closes)\n", name);
    g_hash_table_remove(player->sessions, name);
    ims_sim_world_settle(player->world);
    return NULL;
}

static char *
run_step(Player *player, JsonObject *step)
{
    pass_time(player, step);
    if (json_object_has_member(step, "protocol"))
        return open_session(player, step);
    if (json_object_has_member(step, "session"))
        return run_session_step(player, step);
    if (json_object_has_member(step, "restart"))
        return restart(player);
    if (json_object_has_member(step, "set"))
        ims_scenario_merge(player->settings, json_object_get_object_member(step, "set"));
    else if (json_object_has_member(step, "dns"))
        ims_scenario_peers_merge(player->peers, json_object_get_object_member(step, "dns"));
    else if (json_object_has_member(step, "import"))
        return g_strdup("this version does not have: import of directory files (import)");
    return NULL;
}

static gboolean
is_farewell(JsonObject *step)
{
    const char *line = ims_scenario_text(step, "send");
    const char *last = line != NULL && strchr(line, ' ') != NULL ? strrchr(line, ' ') + 1 : line;

    return last != NULL &&
           (g_ascii_strcasecmp(last, "QUIT") == 0 || g_ascii_strcasecmp(last, "LOGOUT") == 0);
}

/*
 * A silent session is let go on, unless its next step wants it closed and comes after the time-out:
 * that step asks for the server's farewell,
 * unless it says farewell itself.
 */
static void
set_patience(Player *player, JsonArray *steps, guint index)
{
    const char *name = ims_scenario_text(json_array_get_object_element(steps, index), "session");
    ImsScenarioSession *session = name != NULL ? g_hash_table_lookup(player->sessions, name) : NULL;
    gint64 then = player->now_usec;

    if (session == NULL || ims_scenario_session_is_gone(session))
        return;
    for (guint i = index + 1; i < json_array_get_length(steps); i++) {
        JsonObject *step = json_array_get_object_element(steps, i);
        const char *at = ims_scenario_text(step, "at");
        gint64 limit = (gint64)ims_scenario_session_idle_sec(session) * G_USEC_PER_SEC;

        then = at != NULL ? ims_scenario_time_usec(at) : then;
        if (g_strcmp0(ims_scenario_text(step, "session"), name) != 0)
            continue;
        ims_scenario_session_set_patient(session, !ims_scenario_flag(step, "closed", FALSE) ||
                                                      is_farewell(step) ||
                                                      then - player->now_usec < limit);
        return;
    }
}

static char *
run_steps(Player *player)
{
    JsonArray *steps = json_object_get_array_member(player->file, "steps");

    for (guint i = 0; i < json_array_get_length(steps); i++) {
        g_autofree char *difference = run_step(player, json_array_get_object_element(steps, i));

        if (difference != NULL)
            return g_strdup_printf("steps[%u]: %s", i, difference);
        set_patience(player, steps, i);
    }
    ims_sim_world_settle(player->world);
    return NULL;
}

static char *
play(Player *player)
{
    g_autoptr(GError) error = NULL;
    char *difference;

    if (!begin(player, &error))
        return g_strdup(error->message);
    difference = run_steps(player);
    if (difference == NULL) {
        ImsScenarioEnd end = {.server = player->stage.server,
                              .sent = ims_scenario_peers_sent(player->peers),
                              .events = player->events};

        take_log(player);
        end.log = player->log->str;
        difference = ims_scenario_outcome_check(
            &end, json_object_get_object_member(player->file, "outcome"));
    }
    return difference;
}

/* ---- public ---- */

static void
free_session(gpointer session)
{
    ims_scenario_session_free(session);
}

static void
player_set_up(Player *player, JsonObject *file)
{
    player->file = file;
    player->settings = json_object_new();
    ims_scenario_merge(player->settings, json_object_get_object_member(file, "server"));
    player->world = ims_sim_world_new(SEED, START_USEC);
    player->peers = ims_scenario_peers_new(player->world);
    player->stage = (ImsScenarioStage){
        .server = ims_scenario_server_new(player->world, player->peers),
        .world = player->world,
        .transcript = g_string_new(NULL),
        .chain = g_string_new(NULL),
    };
    player->sessions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, free_session);
    player->log = g_string_new(NULL);
    player->events = g_hash_table_new(NULL, NULL);
}

static void
player_tear_down(Player *player)
{
    g_hash_table_unref(player->sessions);
    ims_sim_world_settle(player->world);
    ims_scenario_server_free(player->stage.server);
    ims_scenario_peers_free(player->peers);
    ims_sim_world_free(player->world);
    g_string_free(player->stage.transcript, TRUE);
    g_string_free(player->stage.chain, TRUE);
    g_string_free(player->log, TRUE);
    g_hash_table_unref(player->events);
    g_clear_pointer(&player->diagnostics, json_object_unref);
    json_object_unref(player->settings);
}

ImsScenarioResult *
ims_scenario_play(const char *text, gsize length)
{
    ImsScenarioResult *result = g_new0(ImsScenarioResult, 1);
    g_autoptr(GError) error = NULL;
    g_autoptr(JsonObject) file = ims_scenario_file_parse(text, length, &error);
    Player player = {0};

    if (file == NULL) {
        result->difference = g_strdup(error->message);
        result->transcript = g_strdup("");
        return result;
    }
    result->id = g_strdup(ims_scenario_text(file, "id"));
    result->title = g_strdup(ims_scenario_text(file, "title"));
    player_set_up(&player, file);
    result->difference = play(&player);
    result->passed = result->difference == NULL;
    result->transcript = g_strdup(player.stage.transcript->str);
    player_tear_down(&player);
    return result;
}

void
ims_scenario_result_free(ImsScenarioResult *result)
{
    if (result == NULL)
        return;
    g_free(result->id);
    g_free(result->title);
    g_free(result->difference);
    g_free(result->transcript);
    g_free(result);
}
