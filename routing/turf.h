/* The message filter: senders whose mail is taken and thrown away (TurfTable). */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * ImsTurfTable: entries of the forms `user@domain`, `@domain` (with subdomains), `#@domain` and `#domain` (that domain alone),
 * `user` (in any domain), `user@[ip]`, `@[ip]`, and `.` for an empty sender. Case does not count.
 *
 * Source: Q193437, Q155683, Q247296 (R-146 to R-148, S-295). That `user` means the local part in any domain is inferred.
 */
typedef struct _ImsTurfTable ImsTurfTable;

typedef enum {
    IMS_TURF_ERROR_SYNTAX,
} ImsTurfError;
#define IMS_TURF_ERROR (ims_turf_error_quark())
GQuark ims_turf_error_quark(void);

ImsTurfTable *ims_turf_table_new(void);
void ims_turf_table_free(ImsTurfTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsTurfTable, ims_turf_table_free)
/* FALSE with IMS_TURF_ERROR_SYNTAX names the text and what is expected, and adds nothing. */
gboolean ims_turf_table_add(ImsTurfTable *table, const char *text, GError **error);
guint ims_turf_table_size(const ImsTurfTable *table);
/**
 * ims_turf_table_match:
 * @address: `local@domain`, a bare local part, or "" for the empty sender
 *
 * Costs a look-up a label, however long the table.
 *
 * Returns: (nullable): the entry that matches, as it was given; it belongs to @table
 */
const char *ims_turf_table_match(const ImsTurfTable *table, const char *address);

G_END_DECLS
