/* imsctl setup: from nothing to a configuration, a certificate and the administrator's mailbox. */
#include "tools/imsctl.h"

#include "net/conn.h"
#include "tools/setup.h"

#include <errno.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

typedef struct {
    char *answers_file;
    gboolean force, gateway;
} Options;

/* ---- answers ---- */

/* FALSE: complained. */
static gboolean
take_gateway(SetupAnswers *answers, char *const *nets)
{
    g_autoptr(GPtrArray) taken = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GError) error = NULL;

    for (guint i = 0; nets[i] != NULL; i++) {
        char *net = setup_net(nets[i], &error);

        if (net == NULL) {
            imsctl_complain(IMSCTL_USAGE, "--gateway: %s", error->message);
            return FALSE;
        }
        g_ptr_array_add(taken, net);
    }
    if (taken->len == 0) {
        imsctl_complain(IMSCTL_USAGE,
                        "--gateway: the nets that may relay are expected, such as 10.0.0.0/8");
        return FALSE;
    }
    g_ptr_array_add(taken, NULL);
    answers->gateway = g_strdupv((char **)taken->pdata);
    return TRUE;
}

/* FALSE: complained. */
static gboolean
take_answers(SetupAnswers *answers, const Options *options, const char *folder)
{
    g_autoptr(GError) error = NULL;

    if (options->answers_file != NULL) {
        if (!setup_answers_read(answers, options->answers_file, &error)) {
            g_printerr("%s\n", error->message);
            return FALSE;
        }
    } else if (!isatty(STDIN_FILENO)) {
        imsctl_complain(
            IMSCTL_USAGE,
            "setup asks its questions on a terminal; --answers FILE does it unattended");
        return FALSE;
    } else if (!setup_answers_ask(answers, folder)) {
        imsctl_complain(IMSCTL_FAILED, "nothing was set up");
        return FALSE;
    }
    setup_answers_default(answers, folder);
    return TRUE;
}

/* ---- making ---- */

static gboolean
write_configuration(const char *file, const SetupAnswers *answers, const char *folder,
                    GError **error)
{
    g_autofree char *text = setup_configuration(answers, folder);
    g_autoptr(ImsConfig) config = ims_config_parse(file, text, strlen(text), error);
    g_autofree char *old = g_strconcat(file, ".old", NULL);

    if (config == NULL)
        return FALSE;
    if (g_mkdir_with_parents(folder, 0755) != 0) {
        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno),
                    "%s cannot be made: %s", folder, g_strerror(errno));
        return FALSE;
    }
    if (g_file_test(file, G_FILE_TEST_EXISTS) && g_rename(file, old) != 0) {
        g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno),
                    "%s cannot be kept as %s: %s", file, old, g_strerror(errno));
        return FALSE;
    }
    return g_file_set_contents_full(file, text, -1, G_FILE_SET_CONTENTS_CONSISTENT, 0644, error);
}

/* Where the data directory belongs to the service's own user, the key must be readable to that
 * user, and to no other. */
static gboolean
give_to_owner(const char *file, const char *data_directory, GError **error)
{
    struct stat status;

    if (geteuid() != 0 || stat(data_directory, &status) != 0 || status.st_uid == 0 ||
        chown(file, status.st_uid, status.st_gid) == 0)
        return TRUE;
    g_set_error(error, G_FILE_ERROR, (int)g_file_error_from_errno(errno),
                "%s cannot be given to the owner of %s: %s", file, data_directory,
                g_strerror(errno));
    return FALSE;
}

static gboolean
make_certificate(const SetupAnswers *answers, const char *folder, GError **error)
{
    g_autofree char *certificate = g_build_filename(folder, "certificate.pem", NULL);
    g_autofree char *key = g_build_filename(folder, "key.pem", NULL);
    const char *const names[] = {answers->values[SETUP_HOST_NAME], "localhost", "127.0.0.1", NULL};

    return ims_tls_make_self_signed(certificate, key, names, error) &&
           give_to_owner(key, answers->values[SETUP_DATA_DIRECTORY], error);
}

/* The mailbox, which also gets postmaster's mail; an earlier one is kept. @password_out: NULL where
 * it was there. */
static gboolean
make_administrator(Imsctl *ctl, const SetupAnswers *answers, char **password_out, GError **error)
{
    const char *alias = answers->values[SETUP_ADMINISTRATOR];
    g_autofree char *own = g_strconcat(alias, "@", answers->values[SETUP_SITE_DOMAIN], NULL);
    g_autofree char *postmaster =
        g_strconcat("postmaster@", answers->values[SETUP_SITE_DOMAIN], NULL);
    char *addresses[] = {own, g_ascii_strcasecmp(alias, "postmaster") != 0 ? postmaster : NULL,
                         NULL};
    JsonObject *arguments = json_object_new();
    g_autoptr(JsonNode) result = NULL;
    char *password;

    imsctl_set_text(arguments, "alias", alias);
    result = imsctl_ask(ctl, "mailbox.show", arguments, NULL);
    if (result != NULL) {
        *password_out = NULL;
        return TRUE;
    }
    password = imsctl_password_new();
    arguments = json_object_new();
    imsctl_set_text(arguments, "alias", alias);
    imsctl_set_text(arguments, "name", "Administrator");
    imsctl_set_list(arguments, "addresses", addresses);
    imsctl_set_text(arguments, "password", password);
    result = imsctl_ask(ctl, "mailbox.add", arguments, error);
    if (result == NULL) {
        imsctl_password_free(password);
        return FALSE;
    }
    *password_out = password;
    return TRUE;
}

/* What the answers bring with them: an open relay must not come unsaid. */
static void
print_warnings(Imsctl *ctl)
{
    g_autoptr(ImsConfig) config = ims_config_load(ctl->config_file, NULL);
    g_autoptr(GPtrArray) warnings = config != NULL ? ims_config_warnings(config) : NULL;

    for (guint i = 0; warnings != NULL && i < warnings->len; i++)
        printf("Warning: %s\n", (char *)warnings->pdata[i]);
}

static void
report(Imsctl *ctl, const SetupAnswers *answers, const char *password)
{
    const char *alias = answers->values[SETUP_ADMINISTRATOR];

    if (ctl->json) {
        g_autoptr(JsonObject) object = json_object_new();

        json_object_set_string_member(object, "config", ctl->config_file);
        json_object_set_string_member(object, "administrator", alias);
        if (password != NULL)
            json_object_set_string_member(object, "password", password);
        imsctl_print_json_object(object);
        return;
    }
    printf("Written: %s\n", ctl->config_file);
    if (password != NULL)
        printf("Administrator's mailbox: %s, password %s (it is shown this once)\n", alias,
               password);
    else
        printf("Administrator's mailbox: %s (it was there)\n", alias);
    print_warnings(ctl);
    printf("Next:    imsctl --config %s check\n         imsctl --config %s start\n",
           ctl->config_file, ctl->config_file);
}

static int
make_all(Imsctl *ctl, const SetupAnswers *answers, const char *folder)
{
    g_autoptr(GError) error = NULL;
    char *password = NULL;

    if (!write_configuration(ctl->config_file, answers, folder, &error) ||
        !make_certificate(answers, folder, &error) ||
        !make_administrator(ctl, answers, &password, &error))
        return imsctl_complain(IMSCTL_FAILED, "%s", error->message);
    report(ctl, answers, password);
    imsctl_password_free(password);
    return IMSCTL_OK;
}

static int
set_up(Imsctl *ctl, const Options *options, char *const *nets)
{
    SetupAnswers answers = {0};
    g_autofree char *folder = NULL;
    g_autoptr(JsonNode) running = NULL;
    int status = IMSCTL_USAGE;
    char *absolute = g_canonicalize_filename(ctl->config_file, NULL);

    g_free(ctl->config_file);
    ctl->config_file = absolute;
    folder = g_path_get_dirname(absolute);
    if (g_file_test(absolute, G_FILE_TEST_EXISTS) && !options->force)
        return imsctl_complain(
            IMSCTL_FAILED, "%s is there already; --force makes another one and keeps it as .old",
            absolute);
    running = imsctl_ask_running(ctl, "status", NULL);
    if (running != NULL)
        return imsctl_complain(IMSCTL_FAILED, "the service of %s runs; stop it first", absolute);
    imsctl_close(ctl);
    if ((!options->gateway || take_gateway(&answers, nets)) &&
        take_answers(&answers, options, folder))
        status = make_all(ctl, &answers, folder);
    setup_answers_clear(&answers);
    return status;
}

static int
setup(Imsctl *ctl, int argc, char **argv)
{
    Options options = {0};
    const GOptionEntry entries[] = {
        {"answers", 0, 0, G_OPTION_ARG_FILENAME, &options.answers_file,
         "take the answers from FILE, ask nothing",                                                     "FILE"},
        {"gateway", 0, 0, G_OPTION_ARG_NONE,     &options.gateway,
         "a relay host: the nets given as arguments may relay, strangers may not",                      NULL  },
        {"force",   0, 0, G_OPTION_ARG_NONE,     &options.force,        "replace a file that is there", NULL  },
        {NULL,      0, 0, 0,                     NULL,                  NULL,                           NULL  },
    };
    int status = IMSCTL_USAGE;

    if (imsctl_parse(ctl, entries, 0, G_MAXINT, &argc, &argv)) {
        if (argc > 1 && !options.gateway)
            status = imsctl_complain(IMSCTL_USAGE, "%s: no argument is expected without --gateway",
                                     argv[1]);
        else
            status = set_up(ctl, &options, argv + 1);
    }
    g_free(options.answers_file);
    return status;
}

const ImsctlCommand *
imsctl_setup_commands(guint *n_out)
{
    static const ImsctlCommand commands[] = {
        {"setup", "[--gateway NET...]",
         "Asks what the Internet Mail Wizard asked, and makes a configuration.", setup},
    };

    *n_out = G_N_ELEMENTS(commands);
    return commands;
}
