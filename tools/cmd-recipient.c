/* imsctl mailbox, recipient, list: the three kinds of recipients. */
#include "tools/imsctl.h"

#include <stdio.h>
#include <string.h>

/* ---- what the three kinds share ---- */

static int
show_recipient(Imsctl *ctl, const char *request, int argc, char **argv)
{
    g_autoptr(JsonNode) result = NULL;
    JsonObject *arguments, *recipient;
    g_autofree char *addresses = NULL;
    g_autofree char *members = NULL;
    JsonNode *folders;

    if (!imsctl_parse(ctl, NULL, 1, 1, &argc, &argv))
        return IMSCTL_USAGE;
    arguments = json_object_new();
    imsctl_set_text(arguments, "alias", argv[1]);
    result = imsctl_ask_or_complain(ctl, request, arguments);
    if (result == NULL)
        return IMSCTL_FAILED;
    if (ctl->json) {
        imsctl_print_json(result);
        return IMSCTL_OK;
    }
    recipient = json_node_get_object(result);
    addresses = imsctl_joined(recipient, "addresses");
    members = imsctl_joined(recipient, "members");
    printf("Alias:     %s (%s)\nName:      %s\nAddresses: %s\n", imsctl_member(recipient, "alias"),
           imsctl_member(recipient, "kind"), imsctl_member(recipient, "name"), addresses);
    if (imsctl_member(recipient, "account") != NULL)
        printf("Account:   %s\n", imsctl_member(recipient, "account"));
    if (imsctl_member(recipient, "forward_to") != NULL)
        printf("Alternate: %s%s\n", imsctl_member(recipient, "forward_to"),
               imsctl_flag(recipient, "forward_both") ? " (and a copy here)" : "");
    if (imsctl_member(recipient, "rule_forward_to") != NULL)
        printf("Rule:      a copy to %s\n", imsctl_member(recipient, "rule_forward_to"));
    if (imsctl_member(recipient, "out_of_office") != NULL)
        printf("Away:      %s\n", imsctl_member(recipient, "out_of_office"));
    if (imsctl_member(recipient, "target") != NULL)
        printf("Target:    %s\n", imsctl_member(recipient, "target"));
    if (*members != '\0')
        printf("Members:   %s\n", members);
    if (imsctl_flag(recipient, "hidden"))
        printf("Hidden from address lists\n");
    folders = json_object_get_member(recipient, "folders");
    for (guint i = 0; folders != NULL && JSON_NODE_HOLDS_ARRAY(folders) &&
                      i < json_array_get_length(json_node_get_array(folders));
         i++) {
        JsonObject *folder = json_array_get_object_element(json_node_get_array(folders), i);

        printf("Folder:    %s: %" G_GINT64_FORMAT " messages, %" G_GINT64_FORMAT
               " unseen, %" G_GINT64_FORMAT " bytes\n",
               imsctl_member(folder, "name"), imsctl_number(folder, "messages"),
               imsctl_number(folder, "unseen"), imsctl_number(folder, "bytes"));
    }
    return IMSCTL_OK;
}

/* @member is the last column: what distinguishes the kind. */
static int
list_recipients(Imsctl *ctl, const char *request, const char *head, const char *member, int argc,
                char **argv)
{
    const char *const heads[] = {"ALIAS", "NAME", "ADDRESSES", head, NULL};
    g_autoptr(JsonNode) result = NULL;
    JsonArray *recipients;
    ImsctlTable *table;

    if (!imsctl_parse(ctl, NULL, 0, 0, &argc, &argv))
        return IMSCTL_USAGE;
    result = imsctl_ask_or_complain(ctl, request, NULL);
    if (result == NULL)
        return IMSCTL_FAILED;
    if (ctl->json) {
        imsctl_print_json(result);
        return IMSCTL_OK;
    }
    recipients = json_node_get_array(result);
    table = imsctl_table_new(heads);
    for (guint i = 0; i < json_array_get_length(recipients); i++) {
        JsonObject *recipient = json_array_get_object_element(recipients, i);
        g_autofree char *addresses = imsctl_joined(recipient, "addresses");
        g_autofree char *joined = imsctl_joined(recipient, member);

        imsctl_table_add(table, imsctl_member(recipient, "alias"), imsctl_member(recipient, "name"),
                         addresses, *joined != '\0' ? joined : imsctl_member(recipient, member));
    }
    imsctl_table_print(table);
    return IMSCTL_OK;
}

/* Options of adding and changing; which of them a command knows is in its table of options. */
typedef struct {
    char *name, *new_alias, *target, *account, *forward_to, *rule_forward_to, *out_of_office;
    char **addresses, **add_addresses, **remove_addresses;
    char **accept_from, **reject_from;
    char **members, **add_members, **remove_members;
    gboolean hidden, visible, keep_account, yes, both;
    ImsctlPasswordOptions password;
} Options;

static void
options_clear(Options *options)
{
    g_free(options->name);
    g_free(options->new_alias);
    g_free(options->target);
    g_free(options->account);
    g_free(options->forward_to);
    g_free(options->rule_forward_to);
    g_free(options->out_of_office);
    g_strfreev(options->addresses);
    g_strfreev(options->add_addresses);
    g_strfreev(options->remove_addresses);
    g_strfreev(options->accept_from);
    g_strfreev(options->reject_from);
    g_strfreev(options->members);
    g_strfreev(options->add_members);
    g_strfreev(options->remove_members);
}

static JsonObject *
options_arguments(const Options *options, const char *alias)
{
    JsonObject *arguments = json_object_new();

    imsctl_set_text(arguments, "alias", alias);
    imsctl_set_text(arguments, "name", options->name);
    imsctl_set_text(arguments, "new_alias", options->new_alias);
    imsctl_set_text(arguments, "target", options->target);
    imsctl_set_text(arguments, "account", options->account);
    imsctl_set_list(arguments, "addresses", options->addresses);
    imsctl_set_list(arguments, "add_addresses", options->add_addresses);
    imsctl_set_list(arguments, "remove_addresses", options->remove_addresses);
    imsctl_set_list(arguments, "accept_from", options->accept_from);
    imsctl_set_list(arguments, "reject_from", options->reject_from);
    imsctl_set_list(arguments, "members", options->members);
    imsctl_set_list(arguments, "add_members", options->add_members);
    imsctl_set_list(arguments, "remove_members", options->remove_members);
    if (options->hidden || options->visible)
        json_object_set_boolean_member(arguments, "hidden", options->hidden);
    imsctl_set_text(arguments, "forward_to", options->forward_to);
    imsctl_set_text(arguments, "rule_forward_to", options->rule_forward_to);
    imsctl_set_text(arguments, "out_of_office", options->out_of_office);
    imsctl_set_flag(arguments, "forward_both", options->both);
    imsctl_set_flag(arguments, "keep_account", options->keep_account);
    return arguments;
}

#define NAME_ENTRY                                                                                 \
    {                                                                                              \
        "name", 0, 0, G_OPTION_ARG_STRING, &options.name, "display name", "TEXT"                   \
    }
#define ADDRESS_ENTRY                                                                              \
    {                                                                                              \
        "address", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.addresses,                            \
            "SMTP address; may be given again, the first is the primary one (default: "            \
            "ALIAS@site)",                                                                         \
            "ADDRESS"                                                                              \
    }
#define FORWARD_ENTRIES                                                                            \
    {"forward-to",          0,        0, G_OPTION_ARG_STRING, &options.forward_to,                 \
     "alternate recipient", "ADDRESS"},                                                            \
        {"deliver-to-both",                                                                        \
         0,                                                                                        \
         0,                                                                                        \
         G_OPTION_ARG_NONE,                                                                        \
         &options.both,                                                                            \
         "keep a copy beside the alternate recipient",                                             \
         NULL},                                                                                    \
        {"rule-forward-to",           0,        0, G_OPTION_ARG_STRING, &options.rule_forward_to,  \
         "a rule sends a copy there", "ADDRESS"},                                                  \
    {                                                                                              \
        "out-of-office", 0, 0, G_OPTION_ARG_STRING, &options.out_of_office,                        \
            "answer each sender once with this", "TEXT"                                            \
    }
#define HIDDEN_ENTRY                                                                               \
    {                                                                                              \
        "hidden", 0, 0, G_OPTION_ARG_NONE, &options.hidden, "hide from address lists", NULL        \
    }
#define CHANGE_ENTRIES                                                                             \
    {"new-alias", 0, 0, G_OPTION_ARG_STRING, &options.new_alias, "another alias", "ALIAS"},        \
        NAME_ENTRY, {"address",                                                                    \
                     0,                                                                            \
                     0,                                                                            \
                     G_OPTION_ARG_STRING_ARRAY,                                                    \
                     &options.addresses,                                                           \
                     "these addresses in place of all",                                            \
                     "ADDRESS"},                                                                   \
        {"add-address",      0,        0, G_OPTION_ARG_STRING_ARRAY, &options.add_addresses,       \
         "one more address", "ADDRESS"},                                                           \
        {"remove-address",   0,        0, G_OPTION_ARG_STRING_ARRAY, &options.remove_addresses,    \
         "one address less", "ADDRESS"},                                                           \
        {"accept-from",                                                                            \
         0,                                                                                        \
         0,                                                                                        \
         G_OPTION_ARG_STRING_ARRAY,                                                                \
         &options.accept_from,                                                                     \
         "takes mail of these only; an empty text: of all",                                        \
         "ALIAS"},                                                                                 \
        {"reject-from",                                                                            \
         0,                                                                                        \
         0,                                                                                        \
         G_OPTION_ARG_STRING_ARRAY,                                                                \
         &options.reject_from,                                                                     \
         "takes no mail of these; an empty text: of none",                                         \
         "ALIAS"},                                                                                 \
        HIDDEN_ENTRY,                                                                              \
    {                                                                                              \
        "visible", 0, 0, G_OPTION_ARG_NONE, &options.visible, "show in address lists", NULL        \
    }
#define END_ENTRY                                                                                  \
    {                                                                                              \
        NULL, 0, 0, 0, NULL, NULL, NULL                                                            \
    }

/* Asks, and says what became of it. */
static int
do_and_say(Imsctl *ctl, const char *request, JsonObject *arguments, const char *alias,
           const char *what)
{
    g_autoptr(JsonNode) result = imsctl_ask_or_complain(ctl, request, arguments);

    if (result == NULL)
        return IMSCTL_FAILED;
    if (ctl->json)
        imsctl_print_json(result);
    else
        printf("%s is %s.\n", alias, what);
    return IMSCTL_OK;
}

/* Adding and changing without a password. */
static int
send_options(Imsctl *ctl, const char *request, const GOptionEntry *entries, Options *options,
             const char *what, int argc, char **argv)
{
    int status = IMSCTL_USAGE;

    if (imsctl_parse(ctl, entries, 1, 1, &argc, &argv)) {
        if (options->hidden && options->visible)
            status = imsctl_complain(IMSCTL_USAGE, "--hidden and --visible exclude each other");
        else if (strcmp(request, "recipient.add") == 0 && options->target == NULL)
            status = imsctl_complain(IMSCTL_USAGE,
                                     "--target is not given: the address elsewhere that %s stands "
                                     "for is expected",
                                     argv[1]);
        else
            status = do_and_say(ctl, request, options_arguments(options, argv[1]), argv[1], what);
    }
    options_clear(options);
    return status;
}

/* What cannot be brought back is asked for first. */
static int
remove_recipient(Imsctl *ctl, const char *request, const GOptionEntry *entries, Options *options,
                 const char *question, int argc, char **argv)
{
    int status = IMSCTL_USAGE;

    if (imsctl_parse(ctl, entries, 1, 1, &argc, &argv)) {
        g_autofree char *text =
            question != NULL ? g_strdup_printf("%s: %s", argv[1], question) : NULL;

        if (text != NULL && !options->yes && !imsctl_confirm(text))
            status = imsctl_complain(IMSCTL_USAGE, "nothing was removed; --yes confirms");
        else
            status =
                do_and_say(ctl, request, options_arguments(options, argv[1]), argv[1], "removed");
    }
    options_clear(options);
    return status;
}

/* ---- mailboxes ---- */

static gboolean
account_exists(Imsctl *ctl, const char *account)
{
    JsonObject *arguments = json_object_new();
    g_autoptr(JsonNode) result = NULL;

    imsctl_set_text(arguments, "account", account);
    result = imsctl_ask(ctl, "account.show", arguments, NULL);
    return result != NULL;
}

static int
add_mailbox_with(Imsctl *ctl, const Options *options, const char *alias)
{
    JsonObject *arguments = options_arguments(options, alias);
    g_autoptr(JsonNode) result = NULL;
    char *password = NULL;
    gboolean wants_password = options->password.random || options->password.from_stdin ||
                              options->account == NULL || !account_exists(ctl, options->account);

    if (wants_password) {
        password = imsctl_password_get(&options->password, alias);
        if (password == NULL) {
            json_object_unref(arguments);
            return IMSCTL_USAGE;
        }
        imsctl_set_text(arguments, "password", password);
    }
    result = imsctl_ask_or_complain(ctl, "mailbox.add", arguments);
    if (result != NULL) {
        JsonObject *object = json_node_get_object(result);

        if (options->password.random)
            json_object_set_string_member(object, "password", password);
        if (ctl->json) {
            imsctl_print_json(result);
        } else {
            g_autofree char *addresses = imsctl_joined(object, "addresses");

            printf("%s is added: account %s, %s.\n", alias, imsctl_member(object, "account"),
                   addresses);
            if (options->password.random)
                printf("Password: %s\n", password);
        }
    }
    imsctl_password_free(password);
    return result != NULL ? IMSCTL_OK : IMSCTL_FAILED;
}

static int
mailbox_add(Imsctl *ctl, int argc, char **argv)
{
    Options options = {0};
    const GOptionEntry entries[] = {
        NAME_ENTRY,
        ADDRESS_ENTRY,
        HIDDEN_ENTRY,
        FORWARD_ENTRIES,
        {"account", 0, 0, G_OPTION_ARG_STRING, &options.account,
          "whose mailbox it is; made if it is not there (default: DOMAIN\\ALIAS)", "ACCOUNT"},
        IMSCTL_PASSWORD_ENTRIES(options.password),
        END_ENTRY,
    };
    int status = IMSCTL_USAGE;

    if (imsctl_parse(ctl, entries, 1, 1, &argc, &argv))
        status = add_mailbox_with(ctl, &options, argv[1]);
    options_clear(&options);
    return status;
}

static int
mailbox_show(Imsctl *ctl, int argc, char **argv)
{
    return show_recipient(ctl, "mailbox.show", argc, argv);
}

static int
mailbox_list(Imsctl *ctl, int argc, char **argv)
{
    return list_recipients(ctl, "mailbox.list", "ACCOUNT", "account", argc, argv);
}

static int
mailbox_change(Imsctl *ctl, int argc, char **argv)
{
    Options options = {0};
    const GOptionEntry entries[] = {
        CHANGE_ENTRIES,
        FORWARD_ENTRIES,
        {"account", 0, 0, G_OPTION_ARG_STRING, &options.account, "whose mailbox it is", "ACCOUNT"},
        END_ENTRY,
    };

    return send_options(ctl, "mailbox.change", entries, &options, "changed", argc, argv);
}

static int
mailbox_remove(Imsctl *ctl, int argc, char **argv)
{
    Options options = {0};
    const GOptionEntry entries[] = {
        {"keep-account", 0,   0, G_OPTION_ARG_NONE, &options.keep_account,
         "do not remove its account",                                                    NULL},
        {"yes",          'y', 0, G_OPTION_ARG_NONE, &options.yes,          "do not ask", NULL},
        END_ENTRY,
    };

    return remove_recipient(ctl, "mailbox.remove", entries, &options,
                            "remove this mailbox with all its messages?", argc, argv);
}

/* ---- custom recipients ---- */

static int
recipient_add(Imsctl *ctl, int argc, char **argv)
{
    Options options = {0};
    const GOptionEntry entries[] = {
        {"target", 0, 0, G_OPTION_ARG_STRING, &options.target,
         "the address elsewhere that it stands for", "ADDRESS"},
        NAME_ENTRY,
        ADDRESS_ENTRY,
        HIDDEN_ENTRY,
        END_ENTRY,
    };

    return send_options(ctl, "recipient.add", entries, &options, "added", argc, argv);
}

static int
recipient_show(Imsctl *ctl, int argc, char **argv)
{
    return show_recipient(ctl, "recipient.show", argc, argv);
}

static int
recipient_list(Imsctl *ctl, int argc, char **argv)
{
    return list_recipients(ctl, "recipient.list", "TARGET", "target", argc, argv);
}

static int
recipient_change(Imsctl *ctl, int argc, char **argv)
{
    Options options = {0};
    const GOptionEntry entries[] = {
        CHANGE_ENTRIES,
        {"target", 0, 0, G_OPTION_ARG_STRING, &options.target, "the address that it stands for",
          "ADDRESS"},
        END_ENTRY,
    };

    return send_options(ctl, "recipient.change", entries, &options, "changed", argc, argv);
}

static int
recipient_remove(Imsctl *ctl, int argc, char **argv)
{
    Options options = {0};

    return remove_recipient(ctl, "recipient.remove", NULL, &options, NULL, argc, argv);
}

/* ---- distribution lists ---- */

static int
list_add(Imsctl *ctl, int argc, char **argv)
{
    Options options = {0};
    const GOptionEntry entries[] = {
        {"member", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.members,
         "alias of a recipient; may be given again", "ALIAS"},
        NAME_ENTRY,
        ADDRESS_ENTRY,
        HIDDEN_ENTRY,
        END_ENTRY,
    };

    return send_options(ctl, "list.add", entries, &options, "added", argc, argv);
}

static int
list_show(Imsctl *ctl, int argc, char **argv)
{
    return show_recipient(ctl, "list.show", argc, argv);
}

static int
list_list(Imsctl *ctl, int argc, char **argv)
{
    return list_recipients(ctl, "list.list", "MEMBERS", "members", argc, argv);
}

static int
list_change(Imsctl *ctl, int argc, char **argv)
{
    Options options = {0};
    const GOptionEntry entries[] = {
        CHANGE_ENTRIES,
        {"member",        0, 0, G_OPTION_ARG_STRING_ARRAY, &options.members,
          "these members in place of all",                                                              "ALIAS"},
        {"add-member",    0, 0, G_OPTION_ARG_STRING_ARRAY, &options.add_members,    "one more member",
          "ALIAS"                                                                                              },
        {"remove-member", 0, 0, G_OPTION_ARG_STRING_ARRAY, &options.remove_members,
          "one member less",                                                                            "ALIAS"},
        END_ENTRY,
    };

    return send_options(ctl, "list.change", entries, &options, "changed", argc, argv);
}

static int
list_remove(Imsctl *ctl, int argc, char **argv)
{
    Options options = {0};

    return remove_recipient(ctl, "list.remove", NULL, &options, NULL, argc, argv);
}

const ImsctlCommand *
imsctl_recipient_commands(guint *n_out)
{
    static const ImsctlCommand commands[] = {
        {"mailbox add",      "ALIAS",                  "Adds a mailbox, and its account unless it is there.",
         mailbox_add                                                                                                            },
        {"mailbox show",     "ALIAS",                  "Shows a mailbox and its folders.",                      mailbox_show    },
        {"mailbox list",     NULL,                     "Lists the mailboxes.",                                  mailbox_list    },
        {"mailbox change",   "ALIAS",                  "Changes names, addresses or the account of a mailbox.",
         mailbox_change                                                                                                         },
        {"mailbox remove",   "ALIAS",                  "Removes a mailbox with its messages, and its account.",
         mailbox_remove                                                                                                         },
        {"recipient add",    "ALIAS --target ADDRESS",
         "Adds a custom recipient: an address elsewhere.",                                                      recipient_add   },
        {"recipient show",   "ALIAS",                  "Shows a custom recipient.",                             recipient_show  },
        {"recipient list",   NULL,                     "Lists the custom recipients.",                          recipient_list  },
        {"recipient change", "ALIAS",                  "Changes a custom recipient.",                           recipient_change},
        {"recipient remove", "ALIAS",                  "Removes a custom recipient.",                           recipient_remove},
        {"list add",         "ALIAS",                  "Adds a distribution list.",                             list_add        },
        {"list show",        "ALIAS",                  "Shows a distribution list and its members.",            list_show       },
        {"list list",        NULL,                     "Lists the distribution lists.",                         list_list       },
        {"list change",      "ALIAS",                  "Changes a distribution list or its members.",           list_change     },
        {"list remove",      "ALIAS",                  "Removes a distribution list, not its members.",         list_remove     },
    };

    *n_out = G_N_ELEMENTS(commands);
    return commands;
}
