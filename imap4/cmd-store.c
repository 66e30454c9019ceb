#include "imap4/imap4-private.h"

#include <string.h>

/* STORE runs in chunks, so that one command over a large mailbox neither holds the writer nor one
 * turn of the loop. */
#define CHUNK 10000u

typedef struct {
    GArray *uids; /* (element-type guint32), rising */
    guint at;
    GArray *chunk; /* under way */
    ImsFlagsMode mode;
    gboolean silent;
    guint64 flags;
    char **keywords;
} Store;

static void store_step(ImsImap4Session *session);

static void
store_free(gpointer data)
{
    Store *store = data;

    g_array_unref(store->uids);
    g_clear_pointer(&store->chunk, g_array_unref);
    g_strfreev(store->keywords);
    g_free(store);
}

static void
chunk_done(ImsImap4Session *session, ImsStoreOp *op)
{
    Store *store = session->command->work;
    ImsImap4UpdateFlags flags = IMS_IMAP4_UPDATE_DEFAULT;

    if (op->error != NULL) {
        ims_imap4_no_error(session, op->error);
        return;
    }
    if (!store->silent)
        flags |= IMS_IMAP4_UPDATE_TELL_OWN;
    if (ims_imap4_is_uid(session))
        flags |= IMS_IMAP4_UPDATE_WITH_UID;
    ims_imap4_selected_update(session, flags, store->chunk);
    if (store->at < store->uids->len)
        ims_imap4_yield(session, store_step);
    else
        ims_imap4_ok(session, NULL);
}

static void
store_step(ImsImap4Session *session)
{
    Store *store = session->command->work;
    guint count = MIN(CHUNK, store->uids->len - store->at);
    ImsFlagsOp *op;

    if (count == 0) {
        ims_imap4_ok(session, NULL);
        return;
    }
    g_clear_pointer(&store->chunk, g_array_unref);
    store->chunk = g_array_sized_new(FALSE, FALSE, sizeof(guint32), count);
    g_array_append_vals(store->chunk, &g_array_index(store->uids, guint32, store->at), count);
    store->at += count;
    op = (ImsFlagsOp *)ims_store_op_new(IMS_OP_STORE_FLAGS, NULL, NULL);
    op->folder = session->selected->folder;
    op->uids = g_array_copy(store->chunk);
    op->mode = store->mode;
    op->flags = store->flags;
    op->keywords = g_strdupv(store->keywords);
    ims_imap4_submit(session, &op->op, chunk_done);
}

/* `+FLAGS.SILENT` and its kind. */
static gboolean
parse_item(const ImsImap4Arg *arg, Store *store)
{
    const char *text = arg->text;

    if (arg->type != IMS_IMAP4_ARG_ATOM)
        return FALSE;
    store->mode = *text == '+'   ? IMS_FLAGS_ADD
                  : *text == '-' ? IMS_FLAGS_REMOVE
                                 : IMS_FLAGS_REPLACE;
    if (store->mode != IMS_FLAGS_REPLACE)
        text++;
    store->silent = g_ascii_strcasecmp(text, "FLAGS.SILENT") == 0;
    return store->silent || g_ascii_strcasecmp(text, "FLAGS") == 0;
}

static const char *
read_args(ImsImap4Session *session, Store *store)
{
    const ImsImap4Arg *set = ims_imap4_args(session), *item = set->next, *flags = item->next;
    const char *problem = "The specified message set is invalid";
    g_autoptr(GArray) indexes = NULL;

    if (!parse_item(item, store))
        return "The item to store is not known";
    if (flags->type == IMS_IMAP4_ARG_LIST) {
        if (flags->next != NULL)
            return "Too many arguments";
        flags = flags->child;
    }
    if (!ims_imap4_parse_flags(session, flags, &store->flags, &store->keywords, &problem))
        return problem;
    if (set->type == IMS_IMAP4_ARG_ATOM)
        indexes = ims_imap4_selected_resolve(session->selected, set->text,
                                             ims_imap4_is_uid(session), &problem);
    if (indexes == NULL)
        return problem;
    g_array_unref(store->uids);
    store->uids = ims_imap4_selected_uids(session->selected, indexes);
    return NULL;
}

void
ims_imap4_cmd_store(ImsImap4Session *session)
{
    Store *store = g_new0(Store, 1);
    const char *problem;

    store->uids = g_array_new(FALSE, FALSE, sizeof(guint32));
    ims_imap4_set_work(session, store, store_free);
    problem = read_args(session, store);
    if (problem != NULL)
        ims_imap4_bad(session, problem);
    else
        store_step(session);
}
