/* imsctl account: who may log on. */
#include "tools/imsctl.h"

#include <stdio.h>

static JsonObject *
account_arguments(const char *account)
{
    JsonObject *arguments = json_object_new();

    imsctl_set_text(arguments, "account", account);
    return arguments;
}

static const char *
state(JsonObject *account)
{
    if (!imsctl_flag(account, "enabled"))
        return "disabled";
    return imsctl_flag(account, "locked") ? "locked" : "enabled";
}

/* add and password: one password, one request. */
static int
with_password(Imsctl *ctl, const char *request, const char *what, int argc, char **argv)
{
    ImsctlPasswordOptions options = {0};
    const GOptionEntry entries[] = {
        IMSCTL_PASSWORD_ENTRIES(options),
        {NULL, 0, 0, 0, NULL, NULL, NULL},
    };
    g_autoptr(JsonNode) result = NULL;
    JsonObject *arguments;
    char *password;

    if (!imsctl_parse(ctl, entries, 1, 1, &argc, &argv))
        return IMSCTL_USAGE;
    password = imsctl_password_get(&options, argv[1]);
    if (password == NULL)
        return IMSCTL_USAGE;
    arguments = account_arguments(argv[1]);
    imsctl_set_text(arguments, "password", password);
    result = imsctl_ask_or_complain(ctl, request, arguments);
    if (result != NULL) {
        JsonObject *account = json_node_get_object(result);

        if (options.random)
            json_object_set_string_member(account, "password", password);
        if (ctl->json)
            imsctl_print_json(result);
        else
            printf("%s %s.\n", imsctl_member(account, "account"), what);
        if (!ctl->json && options.random)
            printf("Password: %s\n", password);
    }
    imsctl_password_free(password);
    return result != NULL ? IMSCTL_OK : IMSCTL_FAILED;
}

static int
add(Imsctl *ctl, int argc, char **argv)
{
    return with_password(ctl, "account.add", "is added", argc, argv);
}

static int
password_command(Imsctl *ctl, int argc, char **argv)
{
    return with_password(ctl, "account.password", "has another password", argc, argv);
}

static int
show(Imsctl *ctl, int argc, char **argv)
{
    g_autoptr(JsonNode) result = NULL;
    g_autofree char *mailboxes = NULL;
    JsonObject *account;

    if (!imsctl_parse(ctl, NULL, 1, 1, &argc, &argv))
        return IMSCTL_USAGE;
    result = imsctl_ask_or_complain(ctl, "account.show", account_arguments(argv[1]));
    if (result == NULL)
        return IMSCTL_FAILED;
    if (ctl->json) {
        imsctl_print_json(result);
        return IMSCTL_OK;
    }
    account = json_node_get_object(result);
    mailboxes = imsctl_joined(account, "mailboxes");
    printf("Account:   %s\nState:     %s\n", imsctl_member(account, "account"), state(account));
    if (imsctl_flag(account, "locked"))
        printf("Until:     %s\n", imsctl_member(account, "locked_until"));
    printf("Failures:  %" G_GINT64_FORMAT "\nPassword:  set %s\nMailboxes: %s\n",
           imsctl_number(account, "failures"),
           imsctl_member(account, "password_changed") != NULL
               ? imsctl_member(account, "password_changed")
               : "never",
           *mailboxes != '\0' ? mailboxes : "none");
    return IMSCTL_OK;
}

static int
list(Imsctl *ctl, int argc, char **argv)
{
    static const char *const heads[] = {"ACCOUNT",      "STATE",     "FAILURES",
                                        "PASSWORD SET", "MAILBOXES", NULL};
    g_autoptr(JsonNode) result = NULL;
    JsonArray *accounts;
    ImsctlTable *table;

    if (!imsctl_parse(ctl, NULL, 0, 0, &argc, &argv))
        return IMSCTL_USAGE;
    result = imsctl_ask_or_complain(ctl, "account.list", NULL);
    if (result == NULL)
        return IMSCTL_FAILED;
    if (ctl->json) {
        imsctl_print_json(result);
        return IMSCTL_OK;
    }
    accounts = json_node_get_array(result);
    table = imsctl_table_new(heads);
    for (guint i = 0; i < json_array_get_length(accounts); i++) {
        JsonObject *account = json_array_get_object_element(accounts, i);
        g_autofree char *failures =
            g_strdup_printf("%" G_GINT64_FORMAT, imsctl_number(account, "failures"));
        g_autofree char *mailboxes = imsctl_joined(account, "mailboxes");

        imsctl_table_add(table, imsctl_member(account, "account"), state(account), failures,
                         imsctl_member(account, "password_changed"), mailboxes);
    }
    imsctl_table_print(table);
    return IMSCTL_OK;
}

static int
simple(Imsctl *ctl, const char *request, const char *what, int argc, char **argv)
{
    g_autoptr(JsonNode) result = NULL;

    if (!imsctl_parse(ctl, NULL, 1, 1, &argc, &argv))
        return IMSCTL_USAGE;
    result = imsctl_ask_or_complain(ctl, request, account_arguments(argv[1]));
    if (result == NULL)
        return IMSCTL_FAILED;
    if (ctl->json)
        imsctl_print_json(result);
    else
        printf("%s is %s.\n", argv[1], what);
    return IMSCTL_OK;
}

static int
enable(Imsctl *ctl, int argc, char **argv)
{
    return simple(ctl, "account.enable", "enabled", argc, argv);
}

static int
disable(Imsctl *ctl, int argc, char **argv)
{
    return simple(ctl, "account.disable", "disabled", argc, argv);
}

static int
unlock(Imsctl *ctl, int argc, char **argv)
{
    return simple(ctl, "account.unlock", "unlocked", argc, argv);
}

static int
remove_command(Imsctl *ctl, int argc, char **argv)
{
    return simple(ctl, "account.remove", "removed", argc, argv);
}

const ImsctlCommand *
imsctl_account_commands(guint *n_out)
{
    static const ImsctlCommand commands[] = {
        {"account add",      "ACCOUNT", "Adds an account, such as EXAMPLE\\alice.",              add           },
        {"account show",     "ACCOUNT", "Shows an account.",                                     show          },
        {"account list",     NULL,      "Lists the accounts.",                                   list          },
        {"account password", "ACCOUNT", "Sets another password; its sessions and windows end.",
         password_command                                                                                      },
        {"account enable",   "ACCOUNT", "Lets it log on again.",                                 enable        },
        {"account disable",  "ACCOUNT", "Lets it log on no more; its sessions and windows end.",
         disable                                                                                               },
        {"account unlock",   "ACCOUNT", "Lifts a lock-out.",                                     unlock        },
        {"account remove",   "ACCOUNT", "Removes an account; mailboxes stay.",                   remove_command},
    };

    *n_out = G_N_ELEMENTS(commands);
    return commands;
}
