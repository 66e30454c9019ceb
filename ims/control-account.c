/* Control requests about accounts. */
#include "ims/control-private.h"

enum {
    ENABLE,
    DISABLE,
    UNLOCK,
};

static JsonObject *
account_object(ImsControlCall *call, const ImsAccount *account)
{
    gint64 now = ims_world_wall_usec(call->service->world);
    JsonObject *object = json_object_new();
    g_autofree char *name = g_strconcat(account->domain, "\\", account->name, NULL);
    g_autoptr(ImsRecipientTable) table = ims_directory_table(call->service->directory);
    JsonArray *mailboxes = json_array_new();

    ims_control_set_text(object, "account", name);
    json_object_set_boolean_member(object, "enabled", account->enabled);
    json_object_set_boolean_member(object, "locked", account->locked_until_usec > now);
    ims_control_set_time(object, "locked_until",
                         account->locked_until_usec > now ? account->locked_until_usec : 0);
    json_object_set_int_member(object, "failures", account->failures);
    json_object_set_boolean_member(object, "guest", account->is_guest);
    ims_control_set_time(object, "password_changed", account->password_changed_usec);
    for (guint i = 0; i < ims_recipient_table_size(table); i++) {
        const ImsRecipient *recipient = ims_recipient_table_get(table, i);

        if (recipient->account != NULL && g_ascii_strcasecmp(recipient->account, name) == 0)
            json_array_add_string_element(mailboxes, recipient->alias);
    }
    json_object_set_array_member(object, "mailboxes", mailboxes);
    return object;
}

static void
reply_account(ImsControlCall *call)
{
    GError *error = NULL;
    g_autoptr(ImsAccount) account = ims_directory_find_account(
        call->service->directory, ims_control_text(call, "account"), &error);

    if (account == NULL)
        ims_control_fail(call, error);
    else
        ims_control_reply_object(call, account_object(call, account));
}

static void
list(ImsControlCall *call)
{
    GError *error = NULL;
    g_autoptr(GPtrArray) accounts = ims_directory_list_accounts(call->service->directory, &error);
    JsonArray *array;

    if (accounts == NULL) {
        ims_control_fail(call, error);
        return;
    }
    array = json_array_new();
    for (guint i = 0; i < accounts->len; i++)
        json_array_add_object_element(array, account_object(call, accounts->pdata[i]));
    ims_control_reply_array(call, array);
}

static void
finish(ImsControlCall *call, gboolean done, GError *error, const char *what)
{
    if (!done) {
        ims_control_fail(call, error);
        return;
    }
    ims_log_event(call->service->log, 0, what, "account", ims_control_text(call, "account"), NULL);
    reply_account(call);
}

static void
add(ImsControlCall *call)
{
    GError *error = NULL;
    gboolean done =
        ims_directory_add_account(call->service->directory, ims_control_text(call, "account"),
                                  ims_control_text(call, "password"), &error);

    finish(call, done, error, "account-added");
}

static void
password(ImsControlCall *call)
{
    GError *error = NULL;
    gboolean done =
        ims_directory_set_password(call->service->directory, ims_control_text(call, "account"),
                                   ims_control_text(call, "password"), &error);

    finish(call, done, error, "account-password");
}

static void
set(ImsControlCall *call)
{
    const gboolean enabled = call->parameter == ENABLE;
    gboolean unlock = call->parameter == UNLOCK;
    GError *error = NULL;
    gboolean done =
        ims_directory_set_account(call->service->directory, ims_control_text(call, "account"),
                                  unlock ? NULL : &enabled, unlock, &error);

    finish(call, done, error,
           unlock    ? "account-unlocked"
           : enabled ? "account-enabled"
                     : "account-disabled");
}

static void
remove_account(ImsControlCall *call)
{
    const char *name = ims_control_text(call, "account");
    GError *error = NULL;

    if (!ims_directory_remove_account(call->service->directory, name, &error)) {
        ims_control_fail(call, error);
        return;
    }
    ims_log_event(call->service->log, 0, "account-removed", "account", name, NULL);
    ims_control_reply(call, NULL);
}

const ImsControlRequest *
ims_control_account_requests(guint *n_out)
{
    static const ImsControlRequest rows[] = {
        {"account.add",      add,            0,       "account:s! password:s!"},
        {"account.show",     reply_account,  0,       "account:s!"            },
        {"account.list",     list,           0,       ""                      },
        {"account.password", password,       0,       "account:s! password:s!"},
        {"account.enable",   set,            ENABLE,  "account:s!"            },
        {"account.disable",  set,            DISABLE, "account:s!"            },
        {"account.unlock",   set,            UNLOCK,  "account:s!"            },
        {"account.remove",   remove_account, 0,       "account:s!"            },
    };

    *n_out = G_N_ELEMENTS(rows);
    return rows;
}
