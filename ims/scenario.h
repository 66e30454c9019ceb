/* Plays scenario files: a small world, steps in simulated time, what the server must answer, and
 * what must have become of the mail. The same server that serves sockets, in this process, with no
 * socket and no real clock. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
    IMS_SCENARIO_ERROR_FORM,    /* the file is not as it should be */
    IMS_SCENARIO_ERROR_MISSING, /* it needs what this version has not */
} ImsScenarioError;
#define IMS_SCENARIO_ERROR (ims_scenario_error_quark())
GQuark ims_scenario_error_quark(void);

typedef struct {
    char *id;    /* (nullable): where the file could not be read so far */
    char *title; /* (nullable) */
    gboolean passed;
    char *difference; /* (nullable): the first thing that is not as the file says */
    char *transcript; /* the whole dialogue, with the chain of rules below each RCPT TO */
} ImsScenarioResult;

/* Never NULL. (transfer full) */
ImsScenarioResult *ims_scenario_play(const char *text, gsize length);
void ims_scenario_result_free(ImsScenarioResult *result);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsScenarioResult, ims_scenario_result_free)

G_END_DECLS
