/* Inside of imsctl: what the commands share. */
#pragma once

#include "ims/config.h"

#include <json-glib/json-glib.h>

G_BEGIN_DECLS

enum {
    IMSCTL_OK = 0,
    IMSCTL_FAILED = 1,
    IMSCTL_USAGE = 2,
};

typedef struct _ImsctlClient ImsctlClient;

typedef struct {
    char *config_file;    /* as given, else the default */
    gboolean json;        /* results as JSON on standard output */
    ImsctlClient *client; /* (nullable): once something was asked */
} Imsctl;

/* One command: `imsctl mailbox add`. */
typedef struct {
    const char *name;      /* its words */
    const char *arguments; /* after the options, for --help */
    const char *summary;
    /* @argv[0] is "imsctl NAME". Returns the exit status. */
    int (*run)(Imsctl *ctl, int argc, char **argv);
} ImsctlCommand;

/* One table a family, each in its own file. */
const ImsctlCommand *imsctl_service_commands(guint *n_out);
const ImsctlCommand *imsctl_config_commands(guint *n_out);
const ImsctlCommand *imsctl_setup_commands(guint *n_out);
const ImsctlCommand *imsctl_explain_commands(guint *n_out);
const ImsctlCommand *imsctl_recipient_commands(guint *n_out);
const ImsctlCommand *imsctl_account_commands(guint *n_out);
const ImsctlCommand *imsctl_queue_commands(guint *n_out);
const ImsctlCommand *imsctl_relaytest_commands(guint *n_out);
const ImsctlCommand *imsctl_scenario_commands(guint *n_out);

/**
 * imsctl_parse:
 * @entries: (nullable): the command's own options
 * @min, @max: how many arguments it takes
 *
 * Takes the options off, the common ones too; --help ends the program. FALSE: the message is
 * printed, return IMSCTL_USAGE.
 */
gboolean imsctl_parse(Imsctl *ctl, const GOptionEntry *entries, guint min, guint max, int *argc,
                      char ***argv);
/* Prints `imsctl: message` on standard error. Returns @status. */
int imsctl_complain(int status, const char *format, ...) G_GNUC_PRINTF(2, 3);

/* ---- asking the service ---- */

/* Why nothing answers; no service runs and none may be opened here. */
typedef enum {
    IMSCTL_ERROR_NOT_RUNNING,
    IMSCTL_ERROR_CONNECTION,
    IMSCTL_ERROR_ANSWER, /* what the service says: its own message */
} ImsctlError;
#define IMSCTL_ERROR (imsctl_error_quark())
GQuark imsctl_error_quark(void);

/* The configuration, read at first use. NULL: complained. */
ImsConfig *imsctl_load_config(Imsctl *ctl);
/**
 * imsctl_ask:
 * @arguments: (transfer full) (nullable)
 *
 * Asks the running service by its control socket; where none runs, opens the data directory itself.
 *
 * Returns: (transfer full): the result, or NULL with @error
 */
JsonNode *imsctl_ask(Imsctl *ctl, const char *request, JsonObject *arguments, GError **error);
/* The same, but complains. */
JsonNode *imsctl_ask_or_complain(Imsctl *ctl, const char *request, JsonObject *arguments);
/* Asks only a running service. */
JsonNode *imsctl_ask_running(Imsctl *ctl, const char *request, GError **error);
/* After a restart was asked for: waits until the old service has closed the connection. */
void imsctl_wait_for_close(Imsctl *ctl);
void imsctl_close(Imsctl *ctl);

/* ---- passwords ---- */

typedef struct {
    gboolean from_stdin, random; /* --password-stdin, --random */
} ImsctlPasswordOptions;
/* Two rows for a table of options. */
#define IMSCTL_PASSWORD_ENTRIES(options)                                                           \
    {"password-stdin",                                                                             \
     0,                                                                                            \
     0,                                                                                            \
     G_OPTION_ARG_NONE,                                                                            \
     &(options).from_stdin,                                                                        \
     "read the password from standard input",                                                      \
     NULL},                                                                                        \
    {                                                                                              \
        "random", 0, 0, G_OPTION_ARG_NONE, &(options).random, "make a password and print it once", \
            NULL                                                                                   \
    }
/* From standard input, made, or asked for twice. NULL: complained. Free with
 * imsctl_password_free(). */
char *imsctl_password_get(const ImsctlPasswordOptions *options, const char *who);
char *imsctl_password_new(void);
void imsctl_password_free(char *password);

/* ---- output ---- */

/* The node, indented, and a line end. */
void imsctl_print_json(JsonNode *node);
void imsctl_print_json_object(JsonObject *object);

/* @text fit for a terminal: control characters are question marks; "-" for NULL and "". (transfer full) */
char *imsctl_printable(const char *text);

/* Columns as wide as their widest cell. */
typedef struct _ImsctlTable ImsctlTable;
/* @heads: NULL-terminated, as many as the columns. */
ImsctlTable *imsctl_table_new(const char *const *heads);
/* As many cells as columns; NULL is shown as "-". */
void imsctl_table_add(ImsctlTable *table, ...);
/* Prints and frees. */
void imsctl_table_print(ImsctlTable *table);

/* Members for showing: NULL where null or missing. */
const char *imsctl_member(JsonObject *object, const char *name);
gint64 imsctl_number(JsonObject *object, const char *name);
gboolean imsctl_flag(JsonObject *object, const char *name);
/* The texts of an array, separated by ", ". (transfer full) */
char *imsctl_joined(JsonObject *object, const char *name);
/* Sets an argument, if there is a value. */
void imsctl_set_text(JsonObject *arguments, const char *name, const char *text);
void imsctl_set_list(JsonObject *arguments, const char *name, char *const *texts);
void imsctl_set_flag(JsonObject *arguments, const char *name, gboolean value);

/* A question answered by yes or no on the terminal; FALSE without one. */
gboolean imsctl_confirm(const char *question);

G_END_DECLS
