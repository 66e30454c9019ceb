#include "imap4/fetch-items.h"

#define MAX_ITEMS 200

typedef struct {
    const char *word;
    ImsImap4ItemKind kind;
    gboolean needs_row, needs_summary;
} Simple;

static const Simple simples[] = {
    {"FLAGS",         IMS_IMAP4_ITEM_FLAGS,         FALSE, FALSE},
    {"UID",           IMS_IMAP4_ITEM_UID,           FALSE, FALSE},
    {"INTERNALDATE",  IMS_IMAP4_ITEM_INTERNALDATE,  TRUE,  FALSE},
    {"RFC822.SIZE",   IMS_IMAP4_ITEM_SIZE,          FALSE, FALSE},
    {"ENVELOPE",      IMS_IMAP4_ITEM_ENVELOPE,      TRUE,  TRUE },
    {"BODY",          IMS_IMAP4_ITEM_BODY,          TRUE,  TRUE },
    {"BODYSTRUCTURE", IMS_IMAP4_ITEM_BODYSTRUCTURE, TRUE,  TRUE },
};

static const struct {
    const char *word;
    ImsImap4PartKind kind;
    gboolean sets_seen;
} rfc822[] = {
    {"RFC822",        IMS_IMAP4_PART_ALL,    TRUE },
    {"RFC822.HEADER", IMS_IMAP4_PART_HEADER, FALSE},
    {"RFC822.TEXT",   IMS_IMAP4_PART_TEXT,   TRUE },
};

static const struct {
    const char *word;
    const char *items[6];
} macros[] = {
    {"ALL",  {"FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE"}        }, /* I-111 */
    {"FAST", {"FLAGS", "INTERNALDATE", "RFC822.SIZE"}                    },
    {"FULL", {"FLAGS", "INTERNALDATE", "RFC822.SIZE", "ENVELOPE", "BODY"}},
};

static gboolean
add_simple(ImsImap4Items *items, const char *word)
{
    for (guint i = 0; i < G_N_ELEMENTS(simples); i++) {
        ImsImap4Item item = {.kind = simples[i].kind};

        if (g_ascii_strcasecmp(word, simples[i].word) != 0)
            continue;
        g_array_append_val(items->items, item);
        items->needs_row |= simples[i].needs_row;
        items->needs_summary |= simples[i].needs_summary;
        items->has_flags |= item.kind == IMS_IMAP4_ITEM_FLAGS;
        return TRUE;
    }
    return FALSE;
}

static void
add_section(ImsImap4Items *items, const ImsImap4Section *section)
{
    ImsImap4Item item = {.kind = IMS_IMAP4_ITEM_SECTION, .section = *section};

    g_array_append_val(items->items, item);
    items->needs_row = TRUE;
    items->needs_summary |= ims_imap4_section_needs_summary(section);
    items->needs_header |= ims_imap4_section_needs_header(section);
    items->needs_body |= ims_imap4_section_needs_body(section);
}

static gboolean
add_rfc822(ImsImap4Items *items, const char *word)
{
    for (guint i = 0; i < G_N_ELEMENTS(rfc822); i++) {
        ImsImap4Section section;

        if (g_ascii_strcasecmp(word, rfc822[i].word) != 0)
            continue;
        ims_imap4_section_init(&section, rfc822[i].kind, rfc822[i].word);
        add_section(items, &section);
        items->sets_seen |= rfc822[i].sets_seen;
        return TRUE;
    }
    return FALSE;
}

static gboolean
add_macro(ImsImap4Items *items, const ImsImap4Arg *arg)
{
    for (guint i = 0; i < G_N_ELEMENTS(macros); i++) {
        if (!ims_imap4_arg_is_atom(arg, macros[i].word))
            continue;
        for (guint k = 0; macros[i].items[k] != NULL; k++)
            add_simple(items, macros[i].items[k]);
        return TRUE;
    }
    return FALSE;
}

static gboolean
add_item(ImsImap4Items *items, const ImsImap4Arg *arg, const char **problem_out)
{
    ImsImap4Section section;

    if (items->items->len >= MAX_ITEMS) {
        *problem_out = "Too many items";
        return FALSE;
    }
    if (arg->type == IMS_IMAP4_ARG_SECTION) {
        if (!ims_imap4_section_parse(arg, &section, problem_out))
            return FALSE;
        items->sets_seen |= arg->length == 4; /* BODY, not BODY.PEEK */
        add_section(items, &section);
        return TRUE;
    }
    if (arg->type == IMS_IMAP4_ARG_ATOM &&
        (add_simple(items, arg->text) || add_rfc822(items, arg->text)))
        return TRUE;
    *problem_out = "The item to fetch is not known";
    return FALSE;
}

static gboolean
has_uid(const ImsImap4Items *items)
{
    for (guint i = 0; i < items->items->len; i++) {
        if (g_array_index(items->items, ImsImap4Item, i).kind == IMS_IMAP4_ITEM_UID)
            return TRUE;
    }
    return FALSE;
}

static void
clear_item(gpointer data)
{
    ims_imap4_section_clear(&((ImsImap4Item *)data)->section);
}

ImsImap4Items *
ims_imap4_items_parse(const ImsImap4Arg *arg, gboolean uid, const char **problem_out)
{
    g_autoptr(ImsImap4Items) items = g_new0(ImsImap4Items, 1);

    items->items = g_array_new(FALSE, FALSE, sizeof(ImsImap4Item));
    g_array_set_clear_func(items->items, clear_item);
    if (arg->type == IMS_IMAP4_ARG_LIST) {
        for (const ImsImap4Arg *item = arg->child; item != NULL; item = item->next) {
            if (!add_item(items, item, problem_out))
                return NULL;
        }
    } else if (!add_macro(items, arg) && !add_item(items, arg, problem_out)) {
        return NULL;
    }
    if (items->items->len == 0) {
        *problem_out = "Items to fetch expected";
        return NULL;
    }
    if (uid && !has_uid(items)) {
        ImsImap4Item item = {.kind = IMS_IMAP4_ITEM_UID};

        g_array_prepend_val(items->items, item);
    }
    return g_steal_pointer(&items);
}

void
ims_imap4_items_free(ImsImap4Items *items)
{
    if (items == NULL)
        return;
    g_array_unref(items->items);
    g_free(items);
}
