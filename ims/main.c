/* imsd: options, the background, and starting anew. */
#include <config.h>

#include "ims/config.h"
#include "ims/owner.h"
#include "ims/server.h"

#include "net/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STATUS_OK = 0,
    STATUS_FAILED = 1,
    STATUS_USAGE = 2,
};

typedef struct {
    char *config_file; /* absolute */
    gboolean check, daemon, version;
    gboolean restarted; /* by ourselves: in the background already */
} Options;

/* NULL-safe for g_option: TRUE where the command line was good. */
static gboolean
parse_options(int *argc, char ***argv, Options *options)
{
    gboolean foreground = FALSE;
    g_autofree char *file = NULL;
    const GOptionEntry entries[] = {
        {"config",     'c', 0,                    G_OPTION_ARG_FILENAME, &file,               "the configuration file",          "FILE"},
        {"check",      0,   0,                    G_OPTION_ARG_NONE,     &options->check,     "check the configuration and end",
         NULL                                                                                                                          },
        {"foreground", 'f', 0,                    G_OPTION_ARG_NONE,     &foreground,
         "stay in the foreground (the default)",                                                                                 NULL  },
        {"daemon",     'd', 0,                    G_OPTION_ARG_NONE,     &options->daemon,    "go to the background once ready",
         NULL                                                                                                                          },
        {"version",    0,   0,                    G_OPTION_ARG_NONE,     &options->version,   "print the version and end",       NULL  },
        {"restarted",  0,   G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE,     &options->restarted, NULL,                              NULL  },
        {NULL,         0,   0,                    0,                     NULL,                NULL,                              NULL  },
    };
    g_autoptr(GOptionContext) context = g_option_context_new("- the Internet Mail Service");
    g_autofree char *default_file = ims_config_default_file();
    g_autoptr(GError) error = NULL;

    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_description(
        context,
        "The configuration file is the one named, else $IMS_CONFIG, else ims.conf in the current "
        "folder,\n"
        "else /etc/imsd/ims.conf. It is read at start only; SIGHUP opens the log file anew.\n"
        "Exit status: 0 stopped as asked or nothing wrong, 1 failed, 2 wrong usage.\n");
    if (!g_option_context_parse(context, argc, argv, &error)) {
        fprintf(stderr, "imsd: %s\n", error->message);
        return FALSE;
    }
    if (*argc > 1) {
        fprintf(stderr, "imsd: %s: no argument is expected\n", (*argv)[1]);
        return FALSE;
    }
    if (foreground && options->daemon) {
        fprintf(stderr, "imsd: --foreground and --daemon exclude each other\n");
        return FALSE;
    }
    options->config_file = g_canonicalize_filename(file != NULL ? file : default_file, NULL);
    return TRUE;
}

/* Errors and warnings of the file and the certificate, on standard error. */
static int
check(const ImsConfig *config)
{
    g_autoptr(GPtrArray) warnings = ims_config_warnings(config);
    g_autoptr(GError) error = NULL;

    for (guint i = 0; i < warnings->len; i++)
        fprintf(stderr, "warning: %s\n", (char *)warnings->pdata[i]);
    if (config->certificate_file != NULL) {
        ImsTls *tls = ims_tls_new(config->certificate_file, config->key_file, &error);

        if (tls == NULL) {
            fprintf(stderr, "imsd: %s\n", error->message);
            return STATUS_FAILED;
        }
        ims_tls_unref(tls);
    }
    printf("%s: no errors, %u warning%s\n", ims_config_file(config), warnings->len,
           warnings->len == 1 ? "" : "s");
    return STATUS_OK;
}

/* ---- the background ---- */

/* The parent waits until the child is ready, or gives the child's status. Returns in the child
 * only: where to tell it. */
static int
go_to_background(void)
{
    int ends[2];
    char byte;
    pid_t child;
    ssize_t got;
    int status = 0;

    if (pipe2(ends, O_CLOEXEC) != 0 || (child = fork()) < 0) {
        fprintf(stderr, "imsd: cannot go to the background: %s\n", g_strerror(errno));
        exit(STATUS_FAILED);
    }
    if (child == 0) {
        close(ends[0]);
        setsid();
        return ends[1];
    }
    close(ends[1]);
    do
        got = read(ends[0], &byte, 1);
    while (got < 0 && errno == EINTR);
    if (got == 1)
        _exit(STATUS_OK);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    _exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : STATUS_FAILED);
}

typedef struct {
    const Options *options;
    char *path;   /* of this program: by path, since an upgraded one is what runs next */
    int ready_fd; /* -1: nobody waits */
} Run;

static void
tell_ready(gpointer data)
{
    Run *run = data;
    int null;

    if (run->ready_fd < 0)
        return;
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    for (int i = STDIN_FILENO; null >= 0 && i <= STDERR_FILENO; i++)
        (void)dup2(null, i);
    if (null > STDERR_FILENO)
        close(null);
    (void)!write(run->ready_fd, "R", 1);
    close(run->ready_fd);
    run->ready_fd = -1;
}

/* ---- starting anew ---- */

static void
execute_again(gpointer data)
{
    Run *run = data;
    char *arguments[] = {run->path,
                         (char *)(gpointer) "--restarted",
                         (char *)(gpointer) "--config",
                         run->options->config_file,
                         run->options->daemon ? (char *)(gpointer) "--daemon" : NULL,
                         NULL};

    execv(run->path, arguments);
    fprintf(stderr, "imsd: %s cannot be started anew: %s\n", run->path, g_strerror(errno));
    exit(STATUS_FAILED);
}

static int
serve(ImsConfig *config, const Options *options)
{
    g_autofree char *path = g_file_read_link("/proc/self/exe", NULL);
    g_autoptr(GError) error = NULL;
    Run run = {options, path != NULL ? path : (char *)(gpointer) "imsd", -1};
    const ImsServerHooks hooks = {tell_ready, execute_again, &run};

    signal(SIGPIPE, SIG_IGN);
    umask(077);
    /* A restart reads the file and runs the program again, as who it is by then. */
    if (!ims_become_owner(config->data_directory, TRUE, &error) ||
        !ims_owner_may(options->config_file, R_OK, &error) ||
        (path != NULL && !ims_owner_may(path, X_OK, &error))) {
        fprintf(stderr, "imsd: %s\n", error->message);
        return STATUS_FAILED;
    }
    if (options->daemon && config->log_file == NULL)
        config->log_file = g_build_filename(config->data_directory, "imsd.log", NULL);
    if (options->daemon && !options->restarted)
        run.ready_fd = go_to_background();
    if (options->daemon && chdir("/") != 0)
        fprintf(stderr, "imsd: cannot change to /: %s\n", g_strerror(errno));
    if (ims_server_run(config, &hooks, &error))
        return STATUS_OK;
    fprintf(stderr, "imsd: %s\n", error->message);
    return STATUS_FAILED;
}

int
main(int argc, char **argv)
{
    g_autoptr(ImsConfig) config = NULL;
    g_autoptr(GError) error = NULL;
    Options options = {0};
    int status;

    setlocale(LC_CTYPE, "");
    if (!parse_options(&argc, &argv, &options))
        return STATUS_USAGE;
    if (options.version) {
        printf("imsd %s\n", PACKAGE_VERSION);
        g_free(options.config_file);
        return STATUS_OK;
    }
    config = ims_config_load(options.config_file, &error);
    if (config == NULL) {
        fprintf(stderr, "%s\n", error->message);
        g_free(options.config_file);
        return STATUS_FAILED;
    }
    ims_config_add_interface_addresses(config);
    status = options.check ? check(config) : serve(config, &options);
    g_free(options.config_file);
    return status;
}
