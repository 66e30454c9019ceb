/* Sequence sets of RFC 3501: `2,4:7,*`. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* From @first to @last, both included; 0 stands for `*` as long as the set is not resolved. */
typedef struct {
    guint32 first, last;
} ImsImap4Range;

/**
 * ims_imap4_seqset_parse:
 *
 * Returns: (element-type ImsImap4Range) (transfer full) (nullable): the ranges in the order
 * written; NULL where @text is not a sequence set
 */
GArray *ims_imap4_seqset_parse(const char *text);
/* Puts @largest for `*`, turns `7:4` round, sorts and joins. */
void ims_imap4_seqset_resolve(GArray *set, guint32 largest);
/* Of a resolved set. */
gboolean ims_imap4_seqset_contains(const GArray *set, guint32 number);
/* The shortest set text of @numbers (element-type guint32), which rise: `1:3,7`. */
void ims_imap4_seqset_append_text(GString *out, const GArray *numbers);

G_END_DECLS
