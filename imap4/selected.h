/* A session's view of the mailbox it has selected, and how it moves on when others change the
 * mailbox. */
#pragma once

#include "imap4/seqset.h"
#include "store/store.h"

G_BEGIN_DECLS

struct _ImsImap4Session;

/**
 * ImsImap4Selected:
 * @view: what the client's message numbers stand for
 * @latest: whose flags the client was told. The same as @view, unless messages were expunged
 * elsewhere while the client could not be told: numbers stay, flags go on
 * @gone: the folder was deleted; there are no messages any more
 * @recent: (element-type ImsImap4Range): UIDs that are \Recent for this session
 */
typedef struct {
    ImsFolderId folder;
    gboolean read_only;
    gboolean gone;
    ImsUidSnapshot *view, *latest;
    GArray *recent;
    guint n_keywords; /* told in FLAGS */
} ImsImap4Selected;

/* @snapshot: (transfer full) */
ImsImap4Selected *ims_imap4_selected_new(ImsFolderId folder, gboolean read_only,
                                         ImsUidSnapshot *snapshot);
void ims_imap4_selected_free(ImsImap4Selected *selected);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsImap4Selected, ims_imap4_selected_free)

guint ims_imap4_selected_count(const ImsImap4Selected *selected);
guint32 ims_imap4_selected_uid(const ImsImap4Selected *selected, guint index);
/* The message with number @index + 1, as far as the client was told. */
const ImsUidEntry *ims_imap4_selected_entry(const ImsImap4Selected *selected, guint index);
/* UIDs from @first to @last are \Recent here. */
void ims_imap4_selected_add_recent(ImsImap4Selected *selected, guint32 first, guint32 last);
gboolean ims_imap4_selected_is_recent(const ImsImap4Selected *selected, guint32 uid);
guint ims_imap4_selected_recent_count(const ImsImap4Selected *selected);

/**
 * ims_imap4_selected_resolve:
 * @text: a sequence set, of UIDs if @uid
 * @problem_out: what is wrong with it
 *
 * Returns: (element-type ImsImap4Range) (transfer full) (nullable): indexes (from 0) into the view,
 * rising. UIDs that are not there are left out; a message number that is not there is an error (RFC
 * 3501 9, seq-number)
 */
GArray *ims_imap4_selected_resolve(const ImsImap4Selected *selected, const char *text, gboolean uid,
                                   const char **problem_out);
/* How many messages a resolved set has. */
guint ims_imap4_indexes_count(const GArray *indexes);
/* (element-type guint32) (transfer full): the UIDs of all of them. */
GArray *ims_imap4_selected_uids(const ImsImap4Selected *selected, const GArray *indexes);

typedef enum {
    IMS_IMAP4_UPDATE_DEFAULT = 0,
    IMS_IMAP4_UPDATE_EXPUNGE = 1,  /* the client may be told of EXPUNGE now */
    IMS_IMAP4_UPDATE_WITH_UID = 2, /* FETCH replies carry the UID: a UID command is under way */
    IMS_IMAP4_UPDATE_TELL_OWN =
        4, /* flags of @own are told, changed or not; else they are not told at all */
} ImsImap4UpdateFlags;

/**
 * ims_imap4_selected_update:
 * @own: (nullable) (element-type guint32): rising UIDs whose flags this session itself has just set
 *
 * Moves to the newest state of the store and writes what the client must learn: EXPUNGE, EXISTS,
 * RECENT, FLAGS, FETCH. Where EXPUNGE is not lawful and messages are gone, the numbers stay and
 * only flags are told.
 */
void ims_imap4_selected_update(struct _ImsImap4Session *session, ImsImap4UpdateFlags flags,
                               const GArray *own);

/* `(\Seen … \Recent)` */
void ims_imap4_selected_append_flags(const struct _ImsImap4Session *session, GString *out,
                                     guint32 uid, guint64 flags);
/* The lines FLAGS and PERMANENTFLAGS. */
void ims_imap4_selected_append_flag_lines(const struct _ImsImap4Session *session, GString *out);

G_END_DECLS
