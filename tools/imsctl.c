/* imsctl: the command. Each family of subcommands is in a file of its own. */
#include <config.h>

#include "tools/imsctl.h"

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const ImsctlCommand *(*const families[])(guint *n_out) = {
    imsctl_setup_commands,   imsctl_service_commands,   imsctl_config_commands,
    imsctl_explain_commands, imsctl_recipient_commands, imsctl_account_commands,
    imsctl_queue_commands,   imsctl_relaytest_commands, imsctl_scenario_commands,
};

int
imsctl_complain(int status, const char *format, ...)
{
    va_list arguments;

    fputs("imsctl: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    return status;
}

/* ---- options ---- */

static GOptionContext *
context_new(Imsctl *ctl, const char *parameters, char **file)
{
    const GOptionEntry common[] = {
        {"config", 'c', 0, G_OPTION_ARG_FILENAME, file,       "the configuration file",   "FILE"},
        {"json",   0,   0, G_OPTION_ARG_NONE,     &ctl->json, "print the result as JSON", NULL  },
        {NULL,     0,   0, 0,                     NULL,       NULL,                       NULL  },
    };
    GOptionContext *context = g_option_context_new(parameters);

    g_option_context_add_main_entries(context, common, NULL);
    return context;
}

static void
take_file(Imsctl *ctl, char *file)
{
    if (file == NULL)
        return;
    g_free(ctl->config_file);
    ctl->config_file = file;
}

static const ImsctlCommand *
find_command(const char *name)
{
    for (guint f = 0; f < G_N_ELEMENTS(families); f++) {
        guint n;
        const ImsctlCommand *commands = families[f](&n);

        for (guint i = 0; i < n; i++)
            if (strcmp(commands[i].name, name) == 0)
                return &commands[i];
    }
    return NULL;
}

gboolean
imsctl_parse(Imsctl *ctl, const GOptionEntry *entries, guint min, guint max, int *argc,
             char ***argv)
{
    const char *name = (*argv)[0];
    const ImsctlCommand *command = find_command(name + strlen("imsctl "));
    char *file = NULL;
    g_autoptr(GOptionContext) context =
        context_new(ctl, command != NULL ? command->arguments : NULL, &file);
    g_autoptr(GError) error = NULL;
    guint n;

    g_set_prgname(name);
    if (command != NULL)
        g_option_context_set_summary(context, command->summary);
    if (entries != NULL)
        g_option_context_add_main_entries(context, entries, NULL);
    if (!g_option_context_parse(context, argc, argv, &error)) {
        g_free(file);
        imsctl_complain(IMSCTL_USAGE, "%s; %s --help says more", error->message, name);
        return FALSE;
    }
    take_file(ctl, file);
    if (*argc > 1 && strcmp((*argv)[1], "--") == 0) {
        memmove(*argv + 1, *argv + 2, (gsize)(*argc - 1) * sizeof **argv);
        (*argc)--;
    }
    n = (guint)*argc - 1;
    if (n < min || n > max) {
        imsctl_complain(IMSCTL_USAGE, "%s; expected: %s %s",
                        n < min ? "an argument is missing" : "too many arguments", name,
                        command != NULL && command->arguments != NULL ? command->arguments : "");
        return FALSE;
    }
    return TRUE;
}

/* ---- help ---- */

/* All commands, or those of one family. FALSE: there are none. */
static gboolean
print_commands(FILE *to, const char *family)
{
    gboolean found = FALSE;

    for (guint f = 0; f < G_N_ELEMENTS(families); f++) {
        guint n;
        const ImsctlCommand *commands = families[f](&n);

        for (guint i = 0; i < n; i++) {
            gsize length = family != NULL ? strlen(family) : 0;

            if (family != NULL &&
                (strncmp(commands[i].name, family, length) != 0 || commands[i].name[length] != ' '))
                continue;
            fprintf(to, "  %-18s %s\n", commands[i].name, commands[i].summary);
            found = TRUE;
        }
    }
    return found;
}

static void
print_help(FILE *to)
{
    fputs("usage: imsctl [--config FILE] [--json] COMMAND [OPTION ...] [ARGUMENT ...]\n"
          "Sets up, checks, explains and looks after the Internet Mail Service.\n\n",
          to);
    print_commands(to, NULL);
    fputs("\nimsctl COMMAND --help says more of a command.\n"
          "The configuration file is the one named, else $IMS_CONFIG, else ims.conf in the current "
          "folder,\n"
          "else /etc/imsd/ims.conf. Exit status: 0 done, 1 failed, 2 wrong usage.\n",
          to);
}

/* ---- choosing the command ---- */

/* The command whose words @argv begins with, longest first; @used_out is how many words. */
static const ImsctlCommand *
choose(int argc, char **argv, int *used_out)
{
    const ImsctlCommand *command;

    if (argc > 2 && *argv[2] != '-') {
        g_autofree char *two = g_strconcat(argv[1], " ", argv[2], NULL);

        command = find_command(two);
        if (command != NULL) {
            *used_out = 2;
            return command;
        }
    }
    *used_out = 1;
    return find_command(argv[1]);
}

static int
no_such_command(int argc, char **argv)
{
    gboolean help = argc > 2 && (strcmp(argv[2], "--help") == 0 || strcmp(argv[2], "-h") == 0);

    if (help && print_commands(stdout, argv[1]))
        return IMSCTL_OK;
    if (argc > 2 && !help)
        imsctl_complain(IMSCTL_USAGE, "%s %s: there is no such command", argv[1], argv[2]);
    if (!print_commands(stderr, argv[1]))
        imsctl_complain(IMSCTL_USAGE, "%s: there is no such command; imsctl --help lists them",
                        argv[1]);
    return IMSCTL_USAGE;
}

static int
run_command(Imsctl *ctl, int argc, char **argv)
{
    int used;
    const ImsctlCommand *command = choose(argc, argv, &used);
    g_autofree char *name = NULL;
    g_autofree char **arguments = NULL;

    if (command == NULL)
        return no_such_command(argc, argv);
    name = g_strconcat("imsctl ", command->name, NULL);
    arguments = g_new0(char *, (gsize)(argc - used) + 1);
    arguments[0] = name;
    for (int i = used + 1; i < argc; i++)
        arguments[i - used] = argv[i];
    return command->run(ctl, argc - used, arguments);
}

int
main(int argc, char **argv)
{
    Imsctl ctl = {0};
    char *file = NULL;
    gboolean version = FALSE;
    int status = IMSCTL_USAGE;
    g_autoptr(GError) error = NULL;
    g_autoptr(GOptionContext) context = NULL;
    const GOptionEntry entries[] = {
        {"version", 0, 0, G_OPTION_ARG_NONE, &version, "print the version and end", NULL},
        {NULL,      0, 0, 0,                 NULL,     NULL,                        NULL},
    };

    setlocale(LC_CTYPE, "");
    if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 ||
                     strcmp(argv[1], "help") == 0)) {
        print_help(stdout);
        return IMSCTL_OK;
    }
    ctl.config_file = ims_config_default_file();
    context = context_new(&ctl, NULL, &file);
    g_option_context_add_main_entries(context, entries, NULL);
    g_option_context_set_strict_posix(context, TRUE);
    g_option_context_set_help_enabled(context, FALSE);
    if (!g_option_context_parse(context, &argc, &argv, &error)) {
        imsctl_complain(IMSCTL_USAGE, "%s; imsctl --help says more", error->message);
        g_free(file);
    } else {
        take_file(&ctl, file);
        if (version) {
            printf("imsctl %s\n", PACKAGE_VERSION);
            status = IMSCTL_OK;
        } else if (argc < 2) {
            print_help(stderr);
        } else {
            status = run_command(&ctl, argc, argv);
        }
    }
    imsctl_close(&ctl);
    g_free(ctl.config_file);
    if (fflush(stdout) != 0 && status == IMSCTL_OK)
        status = imsctl_complain(IMSCTL_FAILED, "the output cannot be written");
    return status;
}
