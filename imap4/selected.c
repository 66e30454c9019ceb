#include "imap4/selected.h"

#include "imap4/imap4-private.h"

static const struct {
    guint64 flag;
    const char *name;
} system_flags[] = {
    {IMS_FLAG_SEEN,     "\\Seen"    },
    {IMS_FLAG_ANSWERED, "\\Answered"},
    {IMS_FLAG_FLAGGED,  "\\Flagged" },
    {IMS_FLAG_DELETED,  "\\Deleted" },
    {IMS_FLAG_DRAFT,    "\\Draft"   },
};

ImsImap4Selected *
ims_imap4_selected_new(ImsFolderId folder, gboolean read_only, ImsUidSnapshot *snapshot)
{
    ImsImap4Selected *selected = g_new0(ImsImap4Selected, 1);

    selected->folder = folder;
    selected->read_only = read_only;
    selected->view = snapshot;
    selected->latest = ims_uid_snapshot_ref(snapshot);
    selected->recent = g_array_new(FALSE, FALSE, sizeof(ImsImap4Range));
    ims_imap4_selected_add_recent(selected, snapshot->first_recent_uid, snapshot->uidnext - 1);
    return selected;
}

void
ims_imap4_selected_free(ImsImap4Selected *selected)
{
    if (selected == NULL)
        return;
    ims_uid_snapshot_unref(selected->view);
    ims_uid_snapshot_unref(selected->latest);
    g_array_unref(selected->recent);
    g_free(selected);
}

guint
ims_imap4_selected_count(const ImsImap4Selected *selected)
{
    return selected->gone ? 0 : selected->view->n_entries;
}

guint32
ims_imap4_selected_uid(const ImsImap4Selected *selected, guint index)
{
    return selected->view->entries[index].uid;
}

const ImsUidEntry *
ims_imap4_selected_entry(const ImsImap4Selected *selected, guint index)
{
    const ImsUidEntry *entry = &selected->view->entries[index];
    gboolean found;
    guint newer;

    if (selected->view == selected->latest)
        return entry;
    newer = ims_uid_snapshot_find(selected->latest, entry->uid, &found);
    return found ? &selected->latest->entries[newer] : entry;
}

void
ims_imap4_selected_add_recent(ImsImap4Selected *selected, guint32 first, guint32 last)
{
    ImsImap4Range range = {MAX(first, 1), last};

    if (range.first > range.last)
        return;
    g_array_append_val(selected->recent, range);
    ims_imap4_seqset_resolve(selected->recent, 0);
}

gboolean
ims_imap4_selected_is_recent(const ImsImap4Selected *selected, guint32 uid)
{
    return selected->recent->len > 0 && ims_imap4_seqset_contains(selected->recent, uid);
}

guint
ims_imap4_selected_recent_count(const ImsImap4Selected *selected)
{
    guint count = 0;

    if (selected->gone)
        return 0;
    for (guint i = 0; i < selected->recent->len; i++) {
        const ImsImap4Range *range = &g_array_index(selected->recent, ImsImap4Range, i);
        guint first = ims_uid_snapshot_find(selected->view, range->first, NULL);
        gboolean has_last;
        guint last = ims_uid_snapshot_find(selected->view, range->last, &has_last);

        count += last + (has_last ? 1 : 0) - first;
    }
    return count;
}

/* ---- sequence sets ---- */

static GArray *
resolve_numbers(const ImsImap4Selected *selected, GArray *set, const char **problem_out)
{
    guint count = ims_imap4_selected_count(selected);

    ims_imap4_seqset_resolve(set, count);
    for (guint i = 0; i < set->len; i++) {
        ImsImap4Range *range = &g_array_index(set, ImsImap4Range, i);

        if (range->first == 0 || range->last > count) {
            *problem_out = "The specified message set is invalid";
            return NULL;
        }
        range->first--;
        range->last--;
    }
    return set;
}

static GArray *
resolve_uids(const ImsImap4Selected *selected, GArray *set)
{
    const ImsUidSnapshot *view = selected->view;
    guint count = ims_imap4_selected_count(selected), kept = 0;

    ims_imap4_seqset_resolve(set, count > 0 ? view->entries[count - 1].uid : 0);
    for (guint i = 0; i < set->len && count > 0; i++) {
        ImsImap4Range range = g_array_index(set, ImsImap4Range, i);
        gboolean has_last;
        guint first = ims_uid_snapshot_find(view, range.first, NULL);
        guint end = ims_uid_snapshot_find(view, range.last, &has_last);

        end += has_last ? 1 : 0;
        if (first < end) {
            ImsImap4Range indexes = {first, end - 1};

            g_array_index(set, ImsImap4Range, kept++) = indexes;
        }
    }
    g_array_set_size(set, kept);
    return set;
}

GArray *
ims_imap4_selected_resolve(const ImsImap4Selected *selected, const char *text, gboolean uid,
                           const char **problem_out)
{
    g_autoptr(GArray) set = ims_imap4_seqset_parse(text);

    if (set == NULL)
        *problem_out = "The specified message set is invalid";
    else if (uid)
        return resolve_uids(selected, g_steal_pointer(&set));
    else if (resolve_numbers(selected, set, problem_out) != NULL)
        return g_steal_pointer(&set);
    return NULL;
}

guint
ims_imap4_indexes_count(const GArray *indexes)
{
    guint count = 0;

    for (guint i = 0; i < indexes->len; i++) {
        const ImsImap4Range *range = &g_array_index(indexes, ImsImap4Range, i);

        count += range->last - range->first + 1;
    }
    return count;
}

GArray *
ims_imap4_selected_uids(const ImsImap4Selected *selected, const GArray *indexes)
{
    GArray *uids =
        g_array_sized_new(FALSE, FALSE, sizeof(guint32), ims_imap4_indexes_count(indexes));

    for (guint i = 0; i < indexes->len; i++) {
        const ImsImap4Range *range = &g_array_index(indexes, ImsImap4Range, i);

        for (guint32 k = range->first; k <= range->last; k++)
            g_array_append_val(uids, selected->view->entries[k].uid);
    }
    return uids;
}

/* ---- flags ---- */

static void
append_flag(GString *out, const char *name)
{
    if (out->str[out->len - 1] != '(')
        g_string_append_c(out, ' ');
    g_string_append(out, name);
}

static void
append_keywords(const ImsImap4Session *session, GString *out, guint64 flags)
{
    const char *const *keywords = session->selected->latest->keywords;

    if (!session->settings->extended || flags <= IMS_FLAG_SYSTEM_MASK || keywords == NULL)
        return;
    for (guint k = 0; k < IMS_MAX_KEYWORDS && keywords[k] != NULL; k++) {
        if (flags & IMS_FLAG_KEYWORD(k))
            append_flag(out, keywords[k]);
    }
}

void
ims_imap4_selected_append_flags(const ImsImap4Session *session, GString *out, guint32 uid,
                                guint64 flags)
{
    g_string_append_c(out, '(');
    for (guint i = 0; i < G_N_ELEMENTS(system_flags); i++) {
        if (flags & system_flags[i].flag)
            append_flag(out, system_flags[i].name);
    }
    append_keywords(session, out, flags);
    if (ims_imap4_selected_is_recent(session->selected, uid))
        append_flag(out, "\\Recent"); /* last (I-086) */
    g_string_append_c(out, ')');
}

static guint
count_keywords(const ImsUidSnapshot *snapshot)
{
    guint n = 0;

    while (snapshot->keywords != NULL && snapshot->keywords[n] != NULL)
        n++;
    return n;
}

static void
append_all_flags(const ImsImap4Session *session, GString *out)
{
    g_string_append_c(out, '(');
    for (guint i = 0; i < G_N_ELEMENTS(system_flags); i++)
        append_flag(out, system_flags[i].name);
    append_keywords(session, out, ~(guint64)0);
}

void
ims_imap4_selected_append_flag_lines(const ImsImap4Session *session, GString *out)
{
    g_string_append(out, "* FLAGS ");
    append_all_flags(session, out);
    g_string_append(out, ")\r\n* OK [PERMANENTFLAGS ");
    if (session->selected->read_only)
        g_string_append_c(out, '(');
    else
        append_all_flags(session, out);
    if (session->settings->extended && !session->selected->read_only)
        g_string_append(out, " \\*");
    g_string_append(out, ")]\r\n"); /* nothing after the bracket (I-080) */
    session->selected->n_keywords = count_keywords(session->selected->latest);
}

/* ---- moving on ---- */

typedef struct {
    ImsImap4Session *session;
    ImsImap4Selected *selected;
    ImsImap4UpdateFlags flags;
    const GArray *own;
    GString *out;
} Update;

/*
 * UIDs only grow, so what @newest has below the UIDNEXT of @view is what remains of it.
 */
static gboolean
has_lost_messages(const ImsUidSnapshot *view, const ImsUidSnapshot *newest)
{
    return ims_uid_snapshot_find(newest, view->uidnext, NULL) < view->n_entries;
}

static void
append_untagged(GString *out, guint64 number, const char *what)
{
    g_string_append(out, "* ");
    ims_imap4_append_uint(out, number);
    g_string_append(out, what);
}

/* Each number is that of the moment before it (RFC 3501 7.4.1). */
static guint
tell_expunged(Update *update, const ImsUidSnapshot *newest)
{
    const ImsUidSnapshot *view = update->selected->view;
    guint number = 1, expunged = 0, k = 0;

    if (!has_lost_messages(view, newest))
        return 0;
    for (guint i = 0; i < view->n_entries; i++) {
        while (k < newest->n_entries && newest->entries[k].uid < view->entries[i].uid)
            k++;
        if (k < newest->n_entries && newest->entries[k].uid == view->entries[i].uid) {
            number++;
        } else {
            append_untagged(update->out, number, " EXPUNGE\r\n");
            expunged++;
        }
    }
    return expunged;
}

static void
claim_done(ImsStoreOp *op, gpointer data)
{
    /* Where it failed another session will show the same messages as \Recent, which is lawful (RFC
     * 3501 2.3.2). */
    ims_store_op_free(op);
}

/* This session is the first to be told of these messages. */
static void
claim_recent(Update *update, const ImsUidSnapshot *newest)
{
    ImsImap4Selected *selected = update->selected;
    ImsFolderOp *op;

    if (newest->first_recent_uid >= newest->uidnext)
        return;
    ims_imap4_selected_add_recent(selected, newest->first_recent_uid, newest->uidnext - 1);
    if (selected->read_only)
        return;
    op = (ImsFolderOp *)ims_store_op_new(IMS_OP_CLAIM_RECENT, claim_done, NULL);
    op->folder = selected->folder;
    ims_store_submit(update->session->settings->store, &op->op);
}

/* The client's numbers now stand for @newest. */
static void
move_view(Update *update, ImsUidSnapshot *newest)
{
    ImsImap4Selected *selected = update->selected;
    guint before = selected->view->n_entries;
    guint expunged = tell_expunged(update, newest);
    gboolean grown = newest->n_entries > before - expunged;

    if (grown)
        claim_recent(update, newest);
    ims_uid_snapshot_unref(selected->view);
    selected->view = ims_uid_snapshot_ref(newest);
    /* 5.5 tells the count after EXPUNGE too (I-117). */
    if (grown || (expunged > 0 && !update->session->settings->extended))
        append_untagged(update->out, newest->n_entries, " EXISTS\r\n");
    if (grown)
        append_untagged(update->out, ims_imap4_selected_recent_count(selected), " RECENT\r\n");
}

static void
tell_flags(Update *update, guint index, const ImsUidEntry *entry)
{
    append_untagged(update->out, (guint64)index + 1, " FETCH (");
    if (update->flags & IMS_IMAP4_UPDATE_WITH_UID) {
        g_string_append(update->out, "UID ");
        ims_imap4_append_uint(update->out, entry->uid);
        g_string_append_c(update->out, ' ');
    }
    g_string_append(update->out, "FLAGS ");
    ims_imap4_selected_append_flags(update->session, update->out, entry->uid, entry->flags);
    g_string_append(update->out, ")\r\n");
}

/* The flags that the client was last told of @uid; FALSE: none. */
static gboolean
find_told(const ImsUidSnapshot *told, guint32 uid, guint64 *flags_out)
{
    gboolean found;
    guint index = ims_uid_snapshot_find(told, uid, &found);

    if (found)
        *flags_out = told->entries[index].flags;
    return found;
}

/*
 * Flags that differ from what the client was told, for messages it knows. Most messages have not
 * changed since and are passed by with one look at their MODSEQ.
 */
static void
tell_changes(Update *update, const ImsUidSnapshot *told)
{
    const ImsUidSnapshot *view = update->selected->view, *newest = update->selected->latest;
    const GArray *own = update->own;
    guint o = 0;

    for (guint k = 0; k < newest->n_entries && newest->entries[k].uid < view->uidnext; k++) {
        const ImsUidEntry *entry = &newest->entries[k];
        gboolean is_own;
        guint64 told_flags;

        while (own != NULL && o < own->len && g_array_index(own, guint32, o) < entry->uid)
            o++;
        is_own = own != NULL && o < own->len && g_array_index(own, guint32, o) == entry->uid;
        if (is_own ? !(update->flags & IMS_IMAP4_UPDATE_TELL_OWN)
                   : entry->modseq <= told->highest_modseq)
            continue;
        if (is_own || (find_told(told, entry->uid, &told_flags) && told_flags != entry->flags))
            tell_flags(update, view == newest ? k : ims_uid_snapshot_find(view, entry->uid, NULL),
                       entry);
    }
}

static void
apply(Update *update, ImsUidSnapshot *newest)
{
    ImsImap4Selected *selected = update->selected;
    ImsUidSnapshot *told;
    gboolean may_expunge = (update->flags & IMS_IMAP4_UPDATE_EXPUNGE) != 0;

    if (may_expunge || !has_lost_messages(selected->view, newest))
        move_view(update, newest);
    told = g_steal_pointer(&selected->latest);
    selected->latest = ims_uid_snapshot_ref(newest);
    if (count_keywords(newest) > selected->n_keywords && update->session->settings->extended)
        ims_imap4_selected_append_flag_lines(update->session, update->out);
    if (told != newest || update->own != NULL)
        tell_changes(update, told);
    ims_uid_snapshot_unref(told);
}

/* The folder was deleted elsewhere: as soon as it may be told that its messages are gone, the
 * client is sent away. */
static void
apply_gone(Update *update)
{
    if (!(update->flags & IMS_IMAP4_UPDATE_EXPUNGE))
        return;
    update->selected->gone = TRUE;
    ims_imap4_bye(update->session, "Selected mailbox has been deleted.");
}

void
ims_imap4_selected_update(ImsImap4Session *session, ImsImap4UpdateFlags flags, const GArray *own)
{
    ImsImap4Selected *selected = session->selected;
    g_autoptr(ImsUidSnapshot) newest = NULL;
    g_autoptr(GString) out = NULL;
    g_autoptr(GError) error = NULL;
    Update update;

    if (selected == NULL || selected->gone)
        return;
    newest = ims_store_snapshot(session->settings->store, selected->folder, &error);
    if (newest != NULL && own == NULL && selected->view == selected->latest &&
        (newest == selected->view || (newest->highest_modseq == selected->view->highest_modseq &&
                                      newest->uidnext == selected->view->uidnext)))
        return;
    out = g_string_new(NULL);
    update = (Update){session, selected, flags, own, out};
    if (newest != NULL)
        apply(&update, newest);
    else if (g_error_matches(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND))
        apply_gone(&update);
    ims_imap4_flush(session, out);
}
