/* What `imsctl setup` asks, and the file it makes of the answers. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
    SETUP_HOST_NAME,
    SETUP_SITE_DOMAIN,
    SETUP_DELIVERY,
    SETUP_REROUTE,
    SETUP_RESTRICTION,
    SETUP_ALLOW_LIST,
    SETUP_ADMINISTRATOR,
    SETUP_LISTEN,
    SETUP_PORT_BASE,
    SETUP_DATA_DIRECTORY,
    SETUP_N_ANSWERS
} SetupAnswer;

typedef struct {
    char *values[SETUP_N_ANSWERS];
    char **gateway; /* (nullable): nets that relay, as net;mask */
} SetupAnswers;

void setup_answers_clear(SetupAnswers *answers);
/* Fills what is NULL with the defaults that follow from the rest. @folder: of the configuration
 * file. */
void setup_answers_default(SetupAnswers *answers, const char *folder);
/* From a file of `Key = value` lines; every error at once. */
gboolean setup_answers_read(SetupAnswers *answers, const char *file, GError **error);
/* From the terminal. FALSE: it ended. */
gboolean setup_answers_ask(SetupAnswers *answers, const char *folder);
/* "10.0.0.0/8" as "10.0.0.0;255.0.0.0"; anything else as it is. (transfer full). NULL with @error:
 * no net. */
char *setup_net(const char *text, GError **error);
/* The text of ims.conf. (transfer full) */
char *setup_configuration(const SetupAnswers *answers, const char *folder);

G_END_DECLS
