/* Control requests about recipients: mailboxes, custom recipients, distribution lists. */
#include "ims/control-private.h"

#include <string.h>

static const char *
kind_name(guint kind)
{
    static const char *const names[] = {"mailbox", "custom recipient", "distribution list"};

    return names[kind];
}

/* ---- showing ---- */

static JsonArray *
text_array(char **texts)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; texts != NULL && texts[i] != NULL; i++)
        json_array_add_string_element(array, texts[i]);
    return array;
}

static JsonObject *
recipient_object(const ImsRecipient *recipient)
{
    JsonObject *object = json_object_new();

    ims_control_set_text(object, "kind", kind_name(recipient->kind));
    ims_control_set_text(object, "alias", recipient->alias);
    ims_control_set_text(object, "name", recipient->display_name);
    json_object_set_array_member(object, "addresses", text_array(recipient->addresses));
    if (recipient->kind == IMS_RECIPIENT_MAILBOX)
        ims_control_set_text(object, "account", recipient->account);
    if (recipient->forward_to != NULL) {
        ims_control_set_text(object, "forward_to", recipient->forward_to);
        json_object_set_boolean_member(object, "forward_both", recipient->forward_both);
    }
    if (recipient->accept_from != NULL)
        json_object_set_array_member(object, "accept_from", text_array(recipient->accept_from));
    if (recipient->reject_from != NULL)
        json_object_set_array_member(object, "reject_from", text_array(recipient->reject_from));
    if (recipient->rule_forward_to != NULL)
        ims_control_set_text(object, "rule_forward_to", recipient->rule_forward_to);
    if (recipient->out_of_office != NULL)
        ims_control_set_text(object, "out_of_office", recipient->out_of_office);
    if (recipient->kind == IMS_RECIPIENT_CUSTOM)
        ims_control_set_text(object, "target", recipient->target);
    if (recipient->kind == IMS_RECIPIENT_LIST)
        json_object_set_array_member(object, "members", text_array(recipient->members));
    json_object_set_boolean_member(object, "hidden", recipient->hidden);
    json_object_set_int_member(object, "id", (gint64)recipient->id);
    return object;
}

/* Messages and bytes of a mailbox, over its folders. */
static gboolean
add_contents(ImsControlCall *call, const ImsRecipient *recipient, JsonObject *object,
             GError **error)
{
    g_autoptr(GPtrArray) folders = NULL;
    JsonArray *array;

    if (!ims_store_has_mailbox(call->service->store, recipient->id)) {
        json_object_set_null_member(object, "folders");
        return TRUE;
    }
    folders = ims_store_list_folders(call->service->store, recipient->id, error);
    if (folders == NULL)
        return FALSE;
    array = json_array_new();
    for (guint i = 0; i < folders->len; i++) {
        const ImsFolder *folder = folders->pdata[i];
        JsonObject *item = json_object_new();

        ims_control_set_text(item, "name", folder->name);
        json_object_set_int_member(item, "messages", folder->messages);
        json_object_set_int_member(item, "unseen", folder->unseen);
        json_object_set_int_member(item, "bytes", (gint64)folder->bytes);
        json_array_add_object_element(array, item);
    }
    json_object_set_array_member(object, "folders", array);
    return TRUE;
}

/* The recipient @alias of the request's kind. NULL: the call has failed. */
static const ImsRecipient *
find(ImsControlCall *call, const ImsRecipientTable *table)
{
    const char *alias = ims_control_text(call, "alias");
    const ImsRecipient *recipient = ims_recipient_table_find_alias(table, alias);

    if (recipient != NULL && recipient->kind == call->parameter)
        return recipient;
    if (recipient != NULL)
        ims_control_fail_argument(call, "%.100s: it is a %s; a %s is expected", alias,
                                  kind_name(recipient->kind), kind_name(call->parameter));
    else
        ims_control_fail(call, g_error_new(IMS_CONTROL_ERROR, IMS_CONTROL_ERROR_FAILED,
                                           "%.100s: there is no such %s", alias,
                                           kind_name(call->parameter)));
    return NULL;
}

static void
show(ImsControlCall *call)
{
    g_autoptr(ImsRecipientTable) table = ims_directory_table(call->service->directory);
    const ImsRecipient *recipient = find(call, table);
    g_autoptr(JsonObject) object = NULL;
    GError *error = NULL;

    if (recipient == NULL)
        return;
    object = recipient_object(recipient);
    if (recipient->kind == IMS_RECIPIENT_MAILBOX &&
        !add_contents(call, recipient, object, &error)) {
        ims_control_fail(call, error);
        return;
    }
    ims_control_reply_object(call, g_steal_pointer(&object));
}

static void
list(ImsControlCall *call)
{
    g_autoptr(ImsRecipientTable) table = ims_directory_table(call->service->directory);
    JsonArray *array = json_array_new();

    for (guint i = 0; i < ims_recipient_table_size(table); i++) {
        const ImsRecipient *recipient = ims_recipient_table_get(table, i);

        if (recipient->kind == call->parameter)
            json_array_add_object_element(array, recipient_object(recipient));
    }
    ims_control_reply_array(call, array);
}

/* ---- adding ---- */

/* The list @alias may be its own member, before it is there: loops are cut at delivery. */
static gboolean
has_members(ImsControlCall *call, const char *alias, char **members)
{
    g_autoptr(ImsRecipientTable) table = ims_directory_table(call->service->directory);

    for (guint i = 0; members != NULL && members[i] != NULL; i++)
        if (g_ascii_strcasecmp(members[i], alias) != 0 &&
            ims_recipient_table_find_alias(table, members[i]) == NULL) {
            ims_control_fail_argument(
                call, "%.100s: the alias of a recipient is expected as a member", members[i]);
            return FALSE;
        }
    return TRUE;
}

/* An empty text takes it away. */
static void
set_or_clear(ImsControlCall *call, const char *argument, char **field)
{
    const char *text = ims_control_text(call, argument);

    if (text == NULL)
        return;
    g_free(*field);
    *field = *text != '\0' ? g_strdup(text) : NULL;
}

/* Delivery restrictions; a list of an empty text takes them away. */
static void
set_restrictions(ImsControlCall *call, const char *argument, char ***field)
{
    char **list = ims_control_list(call, argument);

    if (list == NULL)
        return;
    if (list[0] != NULL && *list[0] == '\0' && list[1] == NULL)
        g_clear_pointer(&list, g_strfreev);
    g_strfreev(*field);
    *field = list;
}

/* Where a mailbox's mail goes, and what answers it. */
static void
set_forward(ImsControlCall *call, ImsRecipient *recipient)
{
    set_restrictions(call, "accept_from", &recipient->accept_from);
    set_restrictions(call, "reject_from", &recipient->reject_from);
    if (recipient->kind != IMS_RECIPIENT_MAILBOX)
        return;
    if (ims_control_has(call, "forward_to"))
        recipient->forward_both = FALSE;
    set_or_clear(call, "forward_to", &recipient->forward_to);
    if (ims_control_has(call, "forward_both"))
        recipient->forward_both = ims_control_flag(call, "forward_both");
    set_or_clear(call, "rule_forward_to", &recipient->rule_forward_to);
    set_or_clear(call, "out_of_office", &recipient->out_of_office);
}

static ImsRecipient *
new_recipient(ImsControlCall *call)
{
    const char *alias = ims_control_text(call, "alias");
    const char *name = ims_control_text(call, "name");
    ImsRecipient *recipient = g_new0(ImsRecipient, 1);

    recipient->kind = (ImsRecipientKind)call->parameter;
    recipient->alias = g_strdup(alias);
    recipient->display_name = g_strdup(name != NULL ? name : alias);
    recipient->addresses = ims_control_list(call, "addresses");
    if (recipient->addresses == NULL || recipient->addresses[0] == NULL) {
        g_strfreev(recipient->addresses);
        recipient->addresses = g_new0(char *, 2);
        recipient->addresses[0] = g_strconcat(alias, "@", call->service->config->site_domain, NULL);
    }
    recipient->target = g_strdup(ims_control_text(call, "target"));
    recipient->members = ims_control_list(call, "members");
    recipient->hidden = ims_control_flag(call, "hidden");
    set_forward(call, recipient);
    return recipient;
}

static void
add_plain(ImsControlCall *call)
{
    g_autoptr(ImsRecipient) recipient = new_recipient(call);
    GError *error = NULL;
    guint64 id;

    if (!has_members(call, recipient->alias, recipient->members))
        return;
    if (!ims_directory_add_recipient(call->service->directory, recipient, &id, &error)) {
        ims_control_fail(call, error);
        return;
    }
    recipient->id = id;
    ims_log_event(call->service->log, 0, "recipient-added", "kind", kind_name(recipient->kind),
                  "alias", recipient->alias, NULL);
    ims_control_reply_object(call, recipient_object(recipient));
}

typedef struct {
    ImsControlCall *call;
    ImsRecipient *recipient;
    gboolean account_made;
} MailboxAdd;

/* Takes back what was done; what cannot be taken back is logged, since the caller hears of the
 * first error. */
static void
undo(MailboxAdd *adding, gboolean recipient_made)
{
    ImsService *service = adding->call->service;
    g_autoptr(GError) error = NULL;

    if (recipient_made &&
        !ims_directory_remove_recipient(service->directory, adding->recipient->alias, &error)) {
        ims_log_event(service->log, 0, "undo-failed", "alias", adding->recipient->alias, "reason",
                      error->message, NULL);
        g_clear_error(&error);
    }
    if (adding->account_made &&
        !ims_directory_remove_account(service->directory, adding->recipient->account, &error))
        ims_log_event(service->log, 0, "undo-failed", "account", adding->recipient->account,
                      "reason", error->message, NULL);
}

static void
mailbox_add_free(MailboxAdd *adding)
{
    ims_recipient_free(adding->recipient);
    g_free(adding);
}

static void
mailbox_made(ImsStoreOp *op, gpointer data)
{
    MailboxAdd *adding = data;
    ImsControlCall *call = adding->call;
    GError *error = g_steal_pointer(&op->error);

    ims_store_op_free(op);
    if (error != NULL) {
        undo(adding, TRUE);
        ims_control_fail(call, error);
    } else {
        JsonObject *object = recipient_object(adding->recipient);

        json_object_set_boolean_member(object, "account_made", adding->account_made);
        ims_log_event(call->service->log, 0, "mailbox-added", "alias", adding->recipient->alias,
                      "account", adding->recipient->account, NULL);
        ims_control_reply_object(call, object);
    }
    mailbox_add_free(adding);
}

/* The account named, or EXAMPLE\alias; made with the password given unless it is there. FALSE: the
 * call has failed. */
static gboolean
provide_account(MailboxAdd *adding)
{
    ImsControlCall *call = adding->call;
    ImsDirectory *directory = call->service->directory;
    const char *named = ims_control_text(call, "account");
    const char *password = ims_control_text(call, "password");
    g_autofree char *name = named != NULL ? g_strdup(named)
                                          : g_strconcat(call->service->config->default_nt_domain,
                                                        "\\", adding->recipient->alias, NULL);
    g_autoptr(ImsAccount) account = ims_directory_find_account(directory, name, NULL);
    GError *error = NULL;

    if (account != NULL && password != NULL) {
        ims_control_fail_argument(
            call, "%.100s: the account is there already; no password is expected", name);
        return FALSE;
    }
    if (account == NULL && password == NULL) {
        ims_control_fail_argument(
            call, "%.100s: there is no such account; a password is expected, to make it", name);
        return FALSE;
    }
    if (account == NULL) {
        if (!ims_directory_add_account(directory, name, password, &error)) {
            ims_control_fail(call, error);
            return FALSE;
        }
        adding->account_made = TRUE;
        account = ims_directory_find_account(directory, name, &error);
        if (account == NULL) {
            ims_control_fail(call, error);
            return FALSE;
        }
    }
    adding->recipient->account = g_strconcat(account->domain, "\\", account->name, NULL);
    return TRUE;
}

static void
add_mailbox(ImsControlCall *call)
{
    MailboxAdd *adding = g_new0(MailboxAdd, 1);
    g_autoptr(ImsRecipientTable) table = ims_directory_table(call->service->directory);
    const ImsRecipient *other =
        ims_recipient_table_find_alias(table, ims_control_text(call, "alias"));
    ImsFolderOp *op;
    GError *error = NULL;
    guint64 id;

    adding->call = call;
    adding->recipient = new_recipient(call);
    /* Before the account is looked at, whose error would mislead. */
    if (other != NULL) {
        ims_control_fail_argument(call, "%.100s: the alias is taken by a %s", other->alias,
                                  kind_name(other->kind));
        mailbox_add_free(adding);
        return;
    }
    if (!provide_account(adding)) {
        mailbox_add_free(adding);
        return;
    }
    if (!ims_directory_add_recipient(call->service->directory, adding->recipient, &id, &error)) {
        undo(adding, FALSE);
        mailbox_add_free(adding);
        ims_control_fail(call, error);
        return;
    }
    adding->recipient->id = id;
    op = (ImsFolderOp *)ims_store_op_new(IMS_OP_MAILBOX_CREATE, mailbox_made, adding);
    op->mailbox = id;
    ims_store_submit(call->service->store, &op->op);
}

/* ---- changing ---- */

static gboolean
holds(char *const *texts, guint n, const char *text)
{
    for (guint i = 0; i < n; i++)
        if (g_ascii_strcasecmp(texts[i], text) == 0)
            return TRUE;
    return FALSE;
}

static guint
length(char **texts)
{
    return texts != NULL ? g_strv_length(texts) : 0;
}

/*
 * @texts without those of the argument @removed, with those of @added, or those of @set alone. What
 * is to be removed and is not there is an error: it would be a slip. FALSE: the call has failed.
 */
static gboolean
edit_texts(ImsControlCall *call, char ***texts, const char *set, const char *added,
           const char *removed)
{
    g_auto(GStrv) to_set = ims_control_list(call, set);
    g_auto(GStrv) to_add = ims_control_list(call, added);
    g_auto(GStrv) to_remove = ims_control_list(call, removed);
    char **before = to_set != NULL ? to_set : *texts;
    g_autoptr(GPtrArray) after = g_ptr_array_new();

    for (guint i = 0; i < length(to_remove); i++)
        if (!holds(before, length(before), to_remove[i])) {
            ims_control_fail_argument(call, "%.100s: it is not there, so it cannot be removed",
                                      to_remove[i]);
            return FALSE;
        }
    for (guint i = 0; i < length(before); i++)
        if (!holds(to_remove, length(to_remove), before[i]))
            g_ptr_array_add(after, before[i]);
    for (guint i = 0; i < length(to_add); i++)
        if (!holds((char *const *)after->pdata, after->len, to_add[i]))
            g_ptr_array_add(after, to_add[i]);
    g_ptr_array_add(after, NULL);
    before = g_strdupv((char **)after->pdata);
    g_strfreev(*texts);
    *texts = before;
    return TRUE;
}

static void
set_text(ImsControlCall *call, const char *argument, char **field)
{
    const char *text = ims_control_text(call, argument);

    if (text == NULL)
        return;
    g_free(*field);
    *field = g_strdup(text);
}

/* Whose mailbox it is: an account that is there. FALSE: the call has failed. */
static gboolean
change_account(ImsControlCall *call, ImsRecipient *recipient)
{
    const char *name = ims_control_text(call, "account");
    g_autoptr(ImsAccount) account = NULL;
    GError *error = NULL;

    if (name == NULL)
        return TRUE;
    account = ims_directory_find_account(call->service->directory, name, &error);
    if (account == NULL) {
        ims_control_fail(call, error);
        return FALSE;
    }
    g_free(recipient->account);
    recipient->account = g_strconcat(account->domain, "\\", account->name, NULL);
    return TRUE;
}

static void
change(ImsControlCall *call)
{
    g_autoptr(ImsRecipientTable) table = ims_directory_table(call->service->directory);
    const ImsRecipient *found = find(call, table);
    g_autoptr(ImsRecipient) recipient = NULL;
    GError *error = NULL;

    if (found == NULL)
        return;
    recipient = ims_recipient_copy(found);
    set_text(call, "new_alias", &recipient->alias);
    set_text(call, "name", &recipient->display_name);
    set_text(call, "target", &recipient->target);
    if (ims_control_has(call, "hidden"))
        recipient->hidden = ims_control_flag(call, "hidden");
    set_forward(call, recipient);
    if (!edit_texts(call, &recipient->addresses, "addresses", "add_addresses",
                    "remove_addresses") ||
        (recipient->kind == IMS_RECIPIENT_LIST &&
         !edit_texts(call, &recipient->members, "members", "add_members", "remove_members")) ||
        !has_members(call, recipient->alias, recipient->members) ||
        !change_account(call, recipient))
        return;
    if (!ims_directory_change_recipient(call->service->directory, recipient, &error)) {
        ims_control_fail(call, error);
        return;
    }
    ims_log_event(call->service->log, 0, "recipient-changed", "kind", kind_name(recipient->kind),
                  "alias", recipient->alias, NULL);
    ims_control_reply_object(call, recipient_object(recipient));
}

/* ---- removing ---- */

static void
remove_plain(ImsControlCall *call)
{
    g_autoptr(ImsRecipientTable) table = ims_directory_table(call->service->directory);
    const ImsRecipient *found = find(call, table);
    GError *error = NULL;

    if (found == NULL)
        return;
    if (!ims_directory_remove_recipient(call->service->directory, found->alias, &error)) {
        ims_control_fail(call, error);
        return;
    }
    ims_log_event(call->service->log, 0, "recipient-removed", "kind", kind_name(found->kind),
                  "alias", found->alias, NULL);
    ims_control_reply(call, NULL);
}

static void
mailbox_deleted(ImsStoreOp *op, gpointer data)
{
    ImsControlCall *call = data;
    GError *error = g_steal_pointer(&op->error);

    ims_store_op_free(op);
    if (error != NULL && !g_error_matches(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND)) {
        g_prefix_error(&error, "the recipient is removed, but its messages are still stored: ");
        ims_control_fail(call, error);
        return;
    }
    g_clear_error(&error);
    ims_control_reply(call, NULL);
}

static gboolean
is_used_elsewhere(const ImsRecipientTable *table, const ImsRecipient *mailbox)
{
    for (guint i = 0; i < ims_recipient_table_size(table); i++) {
        const ImsRecipient *other = ims_recipient_table_get(table, i);

        if (other->id != mailbox->id && other->account != NULL &&
            g_ascii_strcasecmp(other->account, mailbox->account) == 0)
            return TRUE;
    }
    return FALSE;
}

/* An account left behind could still log on by SMTP and relay: it goes too, unless asked otherwise.
 */
static void
remove_mailbox(ImsControlCall *call)
{
    ImsService *service = call->service;
    g_autoptr(ImsRecipientTable) table = ims_directory_table(service->directory);
    const ImsRecipient *found = find(call, table);
    ImsFolderOp *op;
    GError *error = NULL;

    if (found == NULL)
        return;
    if (!ims_directory_remove_recipient(service->directory, found->alias, &error)) {
        ims_control_fail(call, error);
        return;
    }
    if (found->account != NULL)
        ims_account_sessions_drop(service->sessions, found->account);
    if (found->account != NULL && !ims_control_flag(call, "keep_account") &&
        !is_used_elsewhere(table, found) &&
        !ims_directory_remove_account(service->directory, found->account, &error)) {
        if (!g_error_matches(error, IMS_DIRECTORY_ERROR, IMS_DIRECTORY_ERROR_NOT_FOUND))
            ims_log_event(service->log, 0, "account-left", "account", found->account, "reason",
                          error->message, NULL);
        g_clear_error(&error);
    }
    ims_log_event(service->log, 0, "recipient-removed", "kind", kind_name(found->kind), "alias",
                  found->alias, NULL);
    op = (ImsFolderOp *)ims_store_op_new(IMS_OP_MAILBOX_DELETE, mailbox_deleted, call);
    op->mailbox = found->id;
    ims_store_submit(service->store, &op->op);
}

#define CHANGES                                                                                    \
    "new_alias:s name:s addresses:a add_addresses:a remove_addresses:a hidden:b accept_from:a "    \
    "reject_from:a"

const ImsControlRequest *
ims_control_recipient_requests(guint *n_out)
{
    static const ImsControlRequest rows[] = {
        {"mailbox.add",      add_mailbox,    IMS_RECIPIENT_MAILBOX,
         "alias:s! name:s addresses:a account:s password:s hidden:b forward_to:s forward_both:b "
         "rule_forward_to:s out_of_office:s"                                                    },
        {"mailbox.show",     show,           IMS_RECIPIENT_MAILBOX, "alias:s!"                  },
        {"mailbox.list",     list,           IMS_RECIPIENT_MAILBOX, ""                          },
        {"mailbox.change",   change,         IMS_RECIPIENT_MAILBOX,
         "alias:s! account:s forward_to:s forward_both:b rule_forward_to:s "
         "out_of_office:s " CHANGES                                                             },
        {"mailbox.remove",   remove_mailbox, IMS_RECIPIENT_MAILBOX, "alias:s! keep_account:b"   },
        {"recipient.add",    add_plain,      IMS_RECIPIENT_CUSTOM,
         "alias:s! target:s! name:s addresses:a hidden:b"                                       },
        {"recipient.show",   show,           IMS_RECIPIENT_CUSTOM,  "alias:s!"                  },
        {"recipient.list",   list,           IMS_RECIPIENT_CUSTOM,  ""                          },
        {"recipient.change", change,         IMS_RECIPIENT_CUSTOM,  "alias:s! target:s " CHANGES},
        {"recipient.remove", remove_plain,   IMS_RECIPIENT_CUSTOM,  "alias:s!"                  },
        {"list.add",         add_plain,      IMS_RECIPIENT_LIST,
         "alias:s! name:s addresses:a members:a hidden:b"                                       },
        {"list.show",        show,           IMS_RECIPIENT_LIST,    "alias:s!"                  },
        {"list.list",        list,           IMS_RECIPIENT_LIST,    ""                          },
        {"list.change",      change,         IMS_RECIPIENT_LIST,
         "alias:s! members:a add_members:a remove_members:a " CHANGES                           },
        {"list.remove",      remove_plain,   IMS_RECIPIENT_LIST,    "alias:s!"                  },
    };

    *n_out = G_N_ELEMENTS(rows);
    return rows;
}
