/* Folders and mailboxes in the engine in memory. */
#include "store/engine-memory-private.h"
#include "store/names.h"

#include <string.h>

static gboolean
no_folder(const char *what, GError **error)
{
    g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND, "no such folder: %s", what);
    return FALSE;
}

static gboolean
no_mailbox(ImsMailboxId mailbox, GError **error)
{
    g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND,
                "no such mailbox: %" G_GUINT64_FORMAT, mailbox);
    return FALSE;
}

ImsMemFolder *
ims_mem_folder(ImsMemEngine *engine, ImsFolderId id, GError **error)
{
    ImsMemFolder *folder = g_hash_table_lookup(engine->folders, &id);
    char number[24];

    if (folder != NULL && folder->state->info.mailbox != 0)
        return folder;
    g_snprintf(number, sizeof number, "%" G_GUINT64_FORMAT, id);
    no_folder(number, error);
    return NULL;
}

ImsMemFolder *
ims_mem_folder_by_name(ImsMemEngine *engine, ImsMailboxId mailbox, const char *name, GError **error)
{
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, engine->folders);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const ImsFolder *info = &((ImsMemFolder *)value)->state->info;

        if (info->mailbox == mailbox && mailbox != 0 && strcmp(info->name, name) == 0)
            return value;
    }
    no_folder(name, error);
    return NULL;
}

static ImsMemFolder *
make_folder(ImsMemEngine *engine, ImsMailboxId mailbox, const char *name, const char *special_use)
{
    ImsMemFolder *folder = g_new0(ImsMemFolder, 1);
    guint8 object_id[16];

    ims_world_random(engine->world, object_id, sizeof object_id);
    folder->state = ims_folder_state_new(++engine->last_folder, mailbox, name, special_use,
                                         ++engine->last_uidvalidity, object_id);
    folder->messages = g_array_new(FALSE, FALSE, sizeof(ImsMemMessage));
    folder->graves = g_array_new(FALSE, FALSE, sizeof(ImsMemMessage));
    g_hash_table_insert(engine->folders, &folder->state->info.id, folder);
    return folder;
}

static GTree *
subscriptions(ImsMemEngine *engine, ImsMailboxId mailbox)
{
    return g_hash_table_lookup(engine->mailboxes, &mailbox);
}

static void
add_subscription(ImsMemEngine *engine, ImsMailboxId mailbox, const char *name)
{
    g_tree_replace(subscriptions(engine, mailbox), g_strdup(name), NULL);
}

static gint
compare_names(gconstpointer a, gconstpointer b, gpointer data)
{
    return strcmp(a, b);
}

static void
create_mailbox(ImsMemEngine *engine, ImsFolderOp *op)
{
    if (subscriptions(engine, op->mailbox) != NULL)
        return;
    g_hash_table_insert(engine->mailboxes, g_memdup2(&op->mailbox, sizeof op->mailbox),
                        g_tree_new_full(compare_names, NULL, g_free, NULL));
    for (guint i = 0; i < ims_n_standard_folders; i++) {
        const ImsStandardFolder *standard = &ims_standard_folders[i];
        const ImsMemFolder *folder =
            make_folder(engine, op->mailbox, standard->name, standard->special_use);

        add_subscription(engine, op->mailbox, standard->name);
        if (i == 0)
            op->folder = folder->state->info.id;
    }
}

static void
bury_folder(ImsMemEngine *engine, ImsMemFolder *folder, ImsChanges *changes)
{
    ims_folder_state_bump(folder->state);
    folder->state->info.mailbox = 0;
    folder->gone_usec = ims_world_wall_usec(engine->world);
    changes->garbage = TRUE;
    g_ptr_array_add(changes->folders, ims_folder_state_take_delta(folder->state));
}

/* (element-type ImsMemFolder): @name and its inferiors by name, or all where it is NULL. */
static GPtrArray *
folders_below(ImsMemEngine *engine, ImsMailboxId mailbox, const char *name)
{
    GPtrArray *found = g_ptr_array_new();
    GHashTableIter iter;
    gpointer value;

    g_hash_table_iter_init(&iter, engine->folders);
    while (g_hash_table_iter_next(&iter, NULL, &value)) {
        const ImsFolder *info = &((ImsMemFolder *)value)->state->info;

        if (info->mailbox == mailbox && mailbox != 0 &&
            (name == NULL || strcmp(info->name, name) == 0 ||
             ims_folder_name_is_below(info->name, name)))
            g_ptr_array_add(found, value);
    }
    return found;
}

static void
delete_mailbox(ImsMemEngine *engine, ImsFolderOp *op, ImsChanges *changes)
{
    g_autoptr(GPtrArray) folders = folders_below(engine, op->mailbox, NULL);

    if (!g_hash_table_remove(engine->mailboxes, &op->mailbox)) {
        no_mailbox(op->mailbox, &op->op.error);
        return;
    }
    for (guint i = 0; i < folders->len; i++)
        bury_folder(engine, g_ptr_array_index(folders, i), changes);
}

static ImsMemFolder *
make_with_superiors(ImsMemEngine *engine, ImsMailboxId mailbox, const char *name,
                    const char *special_use)
{
    g_autofree char *superior = ims_folder_name_superior(name);

    if (superior != NULL && ims_mem_folder_by_name(engine, mailbox, superior, NULL) == NULL)
        make_with_superiors(engine, mailbox, superior, NULL);
    return make_folder(engine, mailbox, name, special_use);
}

static gboolean
exists(ImsMemEngine *engine, ImsMailboxId mailbox, const char *name, GError **error)
{
    if (ims_mem_folder_by_name(engine, mailbox, name, NULL) == NULL)
        return FALSE;
    g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_EXISTS, "folder exists already: %s", name);
    return TRUE;
}

static gboolean
may_create(ImsMemEngine *engine, ImsFolderOp *op, const char *name)
{
    g_autoptr(GPtrArray) folders = folders_below(engine, op->mailbox, NULL);

    if (subscriptions(engine, op->mailbox) == NULL)
        return no_mailbox(op->mailbox, &op->op.error);
    if (exists(engine, op->mailbox, name, &op->op.error))
        return FALSE;
    if (folders->len + IMS_FOLDER_LEVELS_MAX <= IMS_FOLDERS_MAX)
        return TRUE;
    g_set_error(&op->op.error, IMS_STORE_ERROR, IMS_STORE_ERROR_INVALID,
                "the mailbox has %u folders, no more are made", folders->len);
    return FALSE;
}

static void
create_folder(ImsMemEngine *engine, ImsFolderOp *op)
{
    if (may_create(engine, op, op->name))
        op->folder =
            make_with_superiors(engine, op->mailbox, op->name, op->special_use)->state->info.id;
}

static void
delete_folder(ImsMemEngine *engine, ImsFolderOp *op, ImsChanges *changes)
{
    ImsMemFolder *folder = ims_mem_folder_by_name(engine, op->mailbox, op->name, &op->op.error);

    if (folder == NULL)
        return;
    op->folder = folder->state->info.id;
    bury_folder(engine, folder, changes);
}

static void
move_name(ImsMemEngine *engine, ImsMemFolder *folder, const char *new_name)
{
    ImsFolder *info = &folder->state->info;

    if (g_tree_lookup_extended(subscriptions(engine, info->mailbox), info->name, NULL, NULL))
        add_subscription(engine, info->mailbox, new_name);
    g_free(info->name);
    info->name = g_strdup(new_name);
}

static void
rename_inbox(ImsMemEngine *engine, ImsFolderOp *op, ImsChanges *changes)
{
    ImsMemFolder *inbox = ims_mem_folder_by_name(engine, op->mailbox, op->name, &op->op.error);
    ImsMemFolder *folder;

    if (inbox == NULL || !may_create(engine, op, op->new_name))
        return;
    folder = make_with_superiors(engine, op->mailbox, op->new_name, NULL);
    op->folder = folder->state->info.id;
    ims_mem_move_all(engine, inbox, folder, changes);
}

static void
rename_folder(ImsMemEngine *engine, ImsFolderOp *op, ImsChanges *changes)
{
    ImsMemFolder *folder;
    g_autoptr(GPtrArray) folders = NULL;
    g_autoptr(GPtrArray) names = g_ptr_array_new_with_free_func(g_free);
    g_autofree char *superior = ims_folder_name_superior(op->new_name);

    if (strcmp(op->name, "INBOX") == 0) {
        rename_inbox(engine, op, changes);
        return;
    }
    folder = ims_mem_folder_by_name(engine, op->mailbox, op->name, &op->op.error);
    if (folder == NULL || !may_create(engine, op, op->new_name))
        return;
    folders = folders_below(engine, op->mailbox, op->name);
    for (guint i = 0; i < folders->len; i++) {
        const ImsMemFolder *below = g_ptr_array_index(folders, i);
        char *name = g_strconcat(op->new_name, below->state->info.name + strlen(op->name), NULL);
        g_autofree char *canonical = ims_folder_name_canonical(name, &op->op.error);

        g_ptr_array_add(names, name);
        if (canonical == NULL || exists(engine, op->mailbox, name, &op->op.error))
            return;
    }
    if (superior != NULL && ims_mem_folder_by_name(engine, op->mailbox, superior, NULL) == NULL)
        make_with_superiors(engine, op->mailbox, superior, NULL);
    op->folder = folder->state->info.id;
    for (guint i = 0; i < folders->len; i++)
        move_name(engine, g_ptr_array_index(folders, i), g_ptr_array_index(names, i));
}

static void
claim_recent(ImsMemEngine *engine, ImsFolderOp *op, ImsChanges *changes)
{
    ImsMemFolder *folder = ims_mem_folder(engine, op->folder, &op->op.error);

    if (folder == NULL)
        return;
    op->first_recent_uid = folder->state->info.first_recent_uid;
    op->uidnext = folder->state->info.uidnext;
    ims_folder_state_touch(folder->state);
    folder->state->info.first_recent_uid = folder->state->info.uidnext;
    g_ptr_array_add(changes->folders, ims_folder_state_take_delta(folder->state));
}

static void
subscribe(ImsMemEngine *engine, ImsFolderOp *op)
{
    if (subscriptions(engine, op->mailbox) == NULL)
        no_mailbox(op->mailbox, &op->op.error);
    else if (op->op.kind == IMS_OP_SUBSCRIBE)
        add_subscription(engine, op->mailbox, op->name);
    else
        g_tree_remove(subscriptions(engine, op->mailbox), op->name);
}

void
ims_mem_folder_op(ImsMemEngine *engine, ImsFolderOp *op, ImsChanges *changes)
{
    switch (op->op.kind) {
    case IMS_OP_MAILBOX_CREATE:
        create_mailbox(engine, op);
        break;
    case IMS_OP_MAILBOX_DELETE:
        delete_mailbox(engine, op, changes);
        break;
    case IMS_OP_FOLDER_CREATE:
        create_folder(engine, op);
        break;
    case IMS_OP_FOLDER_RENAME:
        rename_folder(engine, op, changes);
        break;
    case IMS_OP_FOLDER_DELETE:
        delete_folder(engine, op, changes);
        break;
    case IMS_OP_CLAIM_RECENT:
        claim_recent(engine, op, changes);
        break;
    case IMS_OP_SUBSCRIBE:
    case IMS_OP_UNSUBSCRIBE:
        subscribe(engine, op);
        break;
    default:
        g_assert_not_reached();
    }
}

/* ---- reads ---- */

static ImsFolder *
copy_for_reader(ImsMemEngine *engine, const ImsMemFolder *folder)
{
    ImsFolder *copy = ims_folder_copy(&folder->state->info);

    copy->subscribed =
        g_tree_lookup_extended(subscriptions(engine, copy->mailbox), copy->name, NULL, NULL);
    return copy;
}

static gint
compare_folders(gconstpointer a, gconstpointer b)
{
    const char *x = (*(ImsFolder *const *)a)->name, *y = (*(ImsFolder *const *)b)->name;
    gboolean x_inbox = strcmp(x, "INBOX") == 0, y_inbox = strcmp(y, "INBOX") == 0;

    return x_inbox != y_inbox ? y_inbox - x_inbox : strcmp(x, y);
}

static GPtrArray *
list_folders(ImsEngine *base, ImsMailboxId mailbox, GError **error)
{
    ImsMemEngine *engine = (ImsMemEngine *)base;
    GPtrArray *copies = g_ptr_array_new_with_free_func((GDestroyNotify)ims_folder_free);
    g_autoptr(GPtrArray) folders = NULL;

    pthread_mutex_lock(&engine->lock);
    folders = folders_below(engine, mailbox, NULL);
    for (guint i = 0; i < folders->len; i++)
        g_ptr_array_add(copies, copy_for_reader(engine, g_ptr_array_index(folders, i)));
    pthread_mutex_unlock(&engine->lock);
    g_ptr_array_sort(copies, compare_folders);
    return copies;
}

static ImsFolder *
get_folder(ImsEngine *base, ImsFolderId id, ImsMailboxId mailbox, const char *name, GError **error)
{
    ImsMemEngine *engine = (ImsMemEngine *)base;
    ImsMemFolder *folder;
    ImsFolder *copy = NULL;

    pthread_mutex_lock(&engine->lock);
    folder = id != 0 ? ims_mem_folder(engine, id, error)
                     : ims_mem_folder_by_name(engine, mailbox, name, error);
    if (folder != NULL)
        copy = copy_for_reader(engine, folder);
    pthread_mutex_unlock(&engine->lock);
    return copy;
}

static gboolean
add_name(gpointer key, gpointer value, gpointer data)
{
    g_ptr_array_add(data, g_strdup(key));
    return FALSE;
}

static GPtrArray *
list_subscriptions(ImsEngine *base, ImsMailboxId mailbox, GError **error)
{
    ImsMemEngine *engine = (ImsMemEngine *)base;
    GPtrArray *names = g_ptr_array_new_with_free_func(g_free);
    GTree *tree;

    pthread_mutex_lock(&engine->lock);
    tree = subscriptions(engine, mailbox);
    if (tree != NULL)
        g_tree_foreach(tree, add_name, names);
    pthread_mutex_unlock(&engine->lock);
    return names;
}

static gboolean
has_mailbox(ImsEngine *base, ImsMailboxId mailbox)
{
    ImsMemEngine *engine = (ImsMemEngine *)base;
    gboolean there;

    pthread_mutex_lock(&engine->lock);
    there = subscriptions(engine, mailbox) != NULL;
    pthread_mutex_unlock(&engine->lock);
    return there;
}

void
ims_mem_folders_init(ImsEngine *engine)
{
    engine->list_folders = list_folders;
    engine->get_folder = get_folder;
    engine->list_subscriptions = list_subscriptions;
    engine->has_mailbox = has_mailbox;
}
