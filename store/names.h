/* Folder names, keywords and the standard folders: what both engines must agree on. */
#pragma once

#include "store/store.h"

G_BEGIN_DECLS

#define IMS_FOLDER_LEVELS_MAX 32
#define IMS_FOLDER_LEVEL_CHARS_MAX 250
#define IMS_FOLDERS_MAX 10000 /* of one mailbox */
#define IMS_KEYWORD_LENGTH_MAX 64

/**
 * ims_folder_name_canonical:
 *
 * Levels divided by '/', each 1 to 250 characters of valid UTF-8 without control characters; at
 * most 32. A first level that is INBOX in any case becomes "INBOX". One '/' at the end, which RFC
 * 3501 6.3.3 lets a client give, is dropped.
 *
 * Returns: (transfer full): NULL with IMS_STORE_ERROR_INVALID
 */
char *ims_folder_name_canonical(const char *name, GError **error);
/* The name one level up. (transfer full) (nullable): NULL for the first level. */
char *ims_folder_name_superior(const char *name);
gboolean ims_folder_name_is_below(const char *name, const char *superior);

typedef struct {
    const char *name;
    const char *special_use; /* (nullable) */
} ImsStandardFolder;
extern const ImsStandardFolder ims_standard_folders[];
extern const guint ims_n_standard_folders;

/* ---- a folder's table of keywords: a NULL-terminated array, index k is flag bit 8 + k ---- */

/* An IMAP4 atom that is not too long. */
gboolean ims_keyword_is_valid(const char *keyword);
/* Index of @keyword, in any case; -1 where it is not there. */
int ims_keywords_find(char **keywords, const char *keyword);
/**
 * ims_keywords_mask:
 * @table: (inout): the folder's table, replaced by a longer one where @names has new ones
 * @names: (nullable)
 * @add: new ones get a place, while there is one
 * @full_out: (nullable): set to TRUE where one did not find a place, else untouched
 *
 * Returns: the flag bits of @names
 */
guint64 ims_keywords_mask(char ***table, char **names, gboolean add, gboolean *full_out);
/* The bits of @flags, whose keywords are those of @from, with the places they have in @to; new ones
 * are added there. */
guint64 ims_keywords_remap(char **from, guint64 flags, char ***to);

G_END_DECLS
