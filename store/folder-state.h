/* A folder while a batch works on it: heads, counters, keywords, and what changed. Shared by the
 * engines. */
#pragma once

#include "store/engine.h"

G_BEGIN_DECLS

typedef struct {
    ImsFolder info;        /* mailbox 0: the folder is deleted */
    char **keywords;       /* NULL-terminated, never NULL */
    gboolean dirty;        /* differs from what is stored */
    ImsFolderDelta *delta; /* (nullable) */
} ImsFolderState;

/* A new folder with UID 1 and no message. @object_id: 16 bytes. */
ImsFolderState *ims_folder_state_new(ImsFolderId id, ImsMailboxId mailbox, const char *name,
                                     const char *special_use, guint32 uidvalidity,
                                     const guint8 *object_id);
void ims_folder_state_free(ImsFolderState *state);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsFolderState, ims_folder_state_free)
/* (transfer full): a copy for a reader. */
ImsFolder *ims_folder_copy(const ImsFolder *folder);
/* The next MODSEQ of the folder; an operation takes one for all it changes there. */
guint64 ims_folder_state_bump(ImsFolderState *state);
/* (transfer full) @keywords replaces the table. */
void ims_folder_state_set_keywords(ImsFolderState *state, char **keywords);
/* Something about the heads changed, no entry. */
void ims_folder_state_touch(ImsFolderState *state);
void ims_folder_state_add(ImsFolderState *state, const ImsUidEntry *entry);
/* @entry carries the new flags and MODSEQ. */
void ims_folder_state_change(ImsFolderState *state, guint64 old_flags, const ImsUidEntry *entry);
void ims_folder_state_remove(ImsFolderState *state, const ImsUidEntry *entry);
/* What happened since the last call. (transfer full) (nullable) */
ImsFolderDelta *ims_folder_state_take_delta(ImsFolderState *state);

G_END_DECLS
