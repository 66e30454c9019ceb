/* The items of a FETCH command. */
#pragma once

#include "imap4/fetch-section.h"

G_BEGIN_DECLS

typedef enum {
    IMS_IMAP4_ITEM_FLAGS,
    IMS_IMAP4_ITEM_UID,
    IMS_IMAP4_ITEM_INTERNALDATE,
    IMS_IMAP4_ITEM_SIZE,
    IMS_IMAP4_ITEM_ENVELOPE,
    IMS_IMAP4_ITEM_BODY,
    IMS_IMAP4_ITEM_BODYSTRUCTURE,
    IMS_IMAP4_ITEM_SECTION,
} ImsImap4ItemKind;

typedef struct {
    ImsImap4ItemKind kind;
    ImsImap4Section section; /* ITEM_SECTION only */
} ImsImap4Item;

/* What the items together need of each message; as little as possible is read. */
typedef struct {
    GArray *items; /* (element-type ImsImap4Item), in the order of the request (I-024) */
    gboolean needs_row, needs_summary, needs_header, needs_body;
    gboolean sets_seen;
    gboolean has_flags;
} ImsImap4Items;

/* @arg: the second argument of FETCH. @uid: the UID is told even if not asked for. (transfer full)
 * (nullable) */
ImsImap4Items *ims_imap4_items_parse(const ImsImap4Arg *arg, gboolean uid,
                                     const char **problem_out);
void ims_imap4_items_free(ImsImap4Items *items);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsImap4Items, ims_imap4_items_free)

G_END_DECLS
