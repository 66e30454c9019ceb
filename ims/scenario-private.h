/* The parts of the player of scenario files. */
#pragma once

#include "ims/scenario-server.h"
#include "ims/scenario.h"

G_BEGIN_DECLS

/* ---- ims/scenario-form.c: members, types and words ---- */

/* Everything but the steps, which have a form each. @error names the place. */
gboolean ims_scenario_check_form(JsonNode *root, GError **error);
gboolean ims_scenario_check_step_form(JsonNode *step, const char *where, GError **error);
/* "31m" in microseconds; the text was checked. */
gint64 ims_scenario_time_usec(const char *text);

/* ---- ims/scenario-file.c: a file ---- */

/**
 * ims_scenario_file_parse:
 * Checks the form, that no member stands twice, that time runs forward, and that sessions are
 * opened before they are used. @error names the place: `steps[3].expect: a list is expected`.
 * (transfer full)
 */
JsonObject *ims_scenario_file_parse(const char *text, gsize length, GError **error);
/* Merges @change into @into: objects member by member, anything else replaced. */
void ims_scenario_merge(JsonObject *into, JsonObject *change);

/* A member that may be left out. */
const char *ims_scenario_text(JsonObject *object, const char *name); /* NULL: left out, or null */
gboolean ims_scenario_flag(JsonObject *object, const char *name, gboolean otherwise);
JsonObject *ims_scenario_object(JsonObject *object, const char *name); /* (nullable) */
JsonArray *ims_scenario_list(JsonObject *object, const char *name);    /* (nullable) */

/* ---- ims/scenario-conf.c: the server's settings ---- */

/**
 * ims_scenario_conf:
 * @server: the member `server` of a file
 *
 * The text of the ims.conf that says the same. @error: what this version has no setting for, all of
 * it. (transfer full)
 */
char *ims_scenario_conf(JsonObject *server, GError **error);
/* The people and recipients of @server into the Directory. */
gboolean ims_scenario_fill_directory(ImsScenarioServer *play, JsonObject *server, GError **error);

/* ---- ims/scenario-session.c: one connection ---- */

typedef struct {
    ImsScenarioServer *server;
    ImsWorld *world;
    GString *transcript;
    GString *chain; /* verdicts seen since it was last put into the transcript */
} ImsScenarioStage;

typedef struct _ImsScenarioSession ImsScenarioSession;
/* NULL: nothing listens there. */
ImsScenarioSession *ims_scenario_session_open(ImsScenarioStage *stage, JsonObject *step);
void ims_scenario_session_free(ImsScenarioSession *session);
/* Each: NULL, or the difference. (transfer full) */
char *ims_scenario_session_expect(ImsScenarioSession *session, JsonObject *step);
char *ims_scenario_session_send(ImsScenarioSession *session, JsonObject *step);
char *ims_scenario_session_logon(ImsScenarioSession *session, JsonObject *step,
                                 const char *password);
char *ims_scenario_session_expect_refused(ImsScenarioSession *session);
/* The server has closed, or was started anew. */
gboolean ims_scenario_session_is_gone(ImsScenarioSession *session);
/* Whether time-outs for input are played from now on. */
void ims_scenario_session_set_patient(ImsScenarioSession *session, gboolean patient);
/* So many seconds without input, and the server says farewell. */
guint ims_scenario_session_idle_sec(const ImsScenarioSession *session);

/**
 * ims_scenario_match_lines:
 * @expected: (element-type utf8): as a scenario file has them
 * @got: lines without CRLF
 * @is_smtp: `...` ends with the reply that began before it
 */
gboolean ims_scenario_match_lines(JsonArray *expected, const char *const *got, guint n_got,
                                  gboolean is_smtp);

/* ---- ims/scenario-outcome.c: what became of the mail ---- */

typedef struct {
    ImsScenarioServer *server;
    const GPtrArray *sent; /* (element-type ImsScenarioSent) */
    const char *log;       /* all lines logged */
    GHashTable *events;    /* set of event numbers, as pointers */
} ImsScenarioEnd;

/* NULL, or the first difference. (transfer full) */
char *ims_scenario_outcome_check(const ImsScenarioEnd *end, JsonObject *outcome);

G_END_DECLS
