/* Text pieces of replies. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

void ims_imap4_append_uint(GString *out, guint64 number);
/* As an atom where it can be one, else quoted, else as a literal. */
void ims_imap4_append_astring(GString *out, const char *text);

G_END_DECLS
