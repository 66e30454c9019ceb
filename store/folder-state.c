#include "store/folder-state.h"

#include <string.h>

ImsFolderState *
ims_folder_state_new(ImsFolderId id, ImsMailboxId mailbox, const char *name,
                     const char *special_use, guint32 uidvalidity, const guint8 *object_id)
{
    ImsFolderState *state = g_new0(ImsFolderState, 1);

    state->info.id = id;
    state->info.mailbox = mailbox;
    state->info.name = g_strdup(name);
    state->info.special_use = g_strdup(special_use);
    state->info.uidvalidity = uidvalidity;
    state->info.uidnext = 1;
    state->info.first_recent_uid = 1;
    state->info.highest_modseq = 1; /* RFC 7162: never 0 */
    memcpy(state->info.object_id, object_id, sizeof state->info.object_id);
    state->keywords = g_new0(char *, 1);
    return state;
}

void
ims_folder_state_free(ImsFolderState *state)
{
    if (state == NULL)
        return;
    g_free(state->info.name);
    g_free(state->info.special_use);
    g_strfreev(state->keywords);
    ims_folder_delta_free(state->delta);
    g_free(state);
}

ImsFolder *
ims_folder_copy(const ImsFolder *folder)
{
    ImsFolder *copy = g_new(ImsFolder, 1);

    *copy = *folder;
    copy->name = g_strdup(folder->name);
    copy->special_use = g_strdup(folder->special_use);
    return copy;
}

void
ims_folder_state_touch(ImsFolderState *state)
{
    state->dirty = TRUE;
    if (state->delta == NULL)
        state->delta = ims_folder_delta_new(state->info.id);
}

guint64
ims_folder_state_bump(ImsFolderState *state)
{
    ims_folder_state_touch(state);
    return ++state->info.highest_modseq;
}

void
ims_folder_state_set_keywords(ImsFolderState *state, char **keywords)
{
    ims_folder_state_touch(state);
    g_strfreev(state->keywords);
    state->keywords = keywords;
}

static void
count(ImsFolder *info, guint64 flags, gint sign)
{
    if ((flags & IMS_FLAG_SEEN) == 0)
        info->unseen += (guint32)sign;
    if ((flags & IMS_FLAG_DELETED) != 0)
        info->deleted += (guint32)sign;
}

void
ims_folder_state_add(ImsFolderState *state, const ImsUidEntry *entry)
{
    ims_folder_state_touch(state);
    state->info.messages++;
    state->info.bytes += entry->size;
    count(&state->info, entry->flags, 1);
    g_array_append_vals(state->delta->changes, entry, 1);
}

void
ims_folder_state_change(ImsFolderState *state, guint64 old_flags, const ImsUidEntry *entry)
{
    ims_folder_state_touch(state);
    count(&state->info, old_flags, -1);
    count(&state->info, entry->flags, 1);
    g_array_append_vals(state->delta->changes, entry, 1);
}

void
ims_folder_state_remove(ImsFolderState *state, const ImsUidEntry *entry)
{
    ImsUidEntry removed = *entry;

    ims_folder_state_touch(state);
    state->info.messages--;
    state->info.bytes -= entry->size;
    count(&state->info, entry->flags, -1);
    removed.modseq = 0;
    g_array_append_vals(state->delta->changes, &removed, 1);
}

ImsFolderDelta *
ims_folder_state_take_delta(ImsFolderState *state)
{
    ImsFolderDelta *delta = g_steal_pointer(&state->delta);

    if (delta == NULL)
        return NULL;
    delta->gone = state->info.mailbox == 0;
    delta->uidvalidity = state->info.uidvalidity;
    delta->uidnext = state->info.uidnext;
    delta->first_recent_uid = state->info.first_recent_uid;
    delta->highest_modseq = state->info.highest_modseq;
    delta->keywords = g_strdupv(state->keywords);
    return delta;
}
