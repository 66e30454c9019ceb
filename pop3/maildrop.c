#include "pop3/maildrop.h"

#include <string.h>

/* Rows read at once. The content ids of so many are kept. */
#define READ_AHEAD 256u

struct _ImsPop3Maildrop {
    ImsStore *store;
    ImsUidSnapshot *snapshot;
    guint8 object_id[16];
    guint8 *marks; /* a bit a message; NULL until the first mark */
    guint n_marked;
    guint64 octets; /* of what is not marked */
    guint first_read;
    guint n_read;           /* messages from number @first_read on whose rows were read */
    ImsContentId *contents; /* of those; 0: gone */
};

ImsPop3Maildrop *
ims_pop3_maildrop_open(ImsStore *store, ImsMailboxId mailbox, GError **error)
{
    g_autoptr(ImsFolder) inbox = ims_store_find_folder(store, mailbox, "INBOX", error);
    g_autoptr(ImsUidSnapshot) snapshot = NULL;
    ImsPop3Maildrop *maildrop;

    if (inbox == NULL)
        return NULL;
    snapshot = ims_store_snapshot(store, inbox->id, error);
    if (snapshot == NULL)
        return NULL;
    maildrop = g_new0(ImsPop3Maildrop, 1);
    maildrop->store = store;
    memcpy(maildrop->object_id, inbox->object_id, sizeof maildrop->object_id);
    for (guint i = 0; i < snapshot->n_entries; i++)
        maildrop->octets += snapshot->entries[i].size;
    maildrop->snapshot = g_steal_pointer(&snapshot);
    return maildrop;
}

void
ims_pop3_maildrop_free(ImsPop3Maildrop *maildrop)
{
    if (maildrop == NULL)
        return;
    ims_uid_snapshot_unref(maildrop->snapshot);
    g_free(maildrop->marks);
    g_free(maildrop->contents);
    g_free(maildrop);
}

guint
ims_pop3_maildrop_size(const ImsPop3Maildrop *maildrop)
{
    return maildrop->snapshot->n_entries;
}

guint
ims_pop3_maildrop_count(const ImsPop3Maildrop *maildrop)
{
    return maildrop->snapshot->n_entries - maildrop->n_marked;
}

guint64
ims_pop3_maildrop_octets(const ImsPop3Maildrop *maildrop)
{
    return maildrop->octets;
}

static const ImsUidEntry *
entry_of(const ImsPop3Maildrop *maildrop, guint number)
{
    g_assert(number >= 1 && number <= maildrop->snapshot->n_entries);
    return &maildrop->snapshot->entries[number - 1];
}

guint32
ims_pop3_maildrop_octets_of(const ImsPop3Maildrop *maildrop, guint number)
{
    return entry_of(maildrop, number)->size;
}

gboolean
ims_pop3_maildrop_is_marked(const ImsPop3Maildrop *maildrop, guint number)
{
    guint bit = number - 1;

    return maildrop->marks != NULL && (maildrop->marks[bit / 8] & 1u << bit % 8) != 0;
}

void
ims_pop3_maildrop_mark(ImsPop3Maildrop *maildrop, guint number)
{
    guint bit = number - 1;
    guint32 size = ims_pop3_maildrop_octets_of(maildrop, number);

    if (ims_pop3_maildrop_is_marked(maildrop, number))
        return;
    if (maildrop->marks == NULL)
        maildrop->marks = g_malloc0(maildrop->snapshot->n_entries / 8 + 1);
    maildrop->marks[bit / 8] |= (guint8)(1u << bit % 8);
    maildrop->n_marked++;
    maildrop->octets -= size;
}

void
ims_pop3_maildrop_unmark_all(ImsPop3Maildrop *maildrop)
{
    for (guint number = 1; maildrop->n_marked > 0 && number <= ims_pop3_maildrop_size(maildrop);
         number++) {
        if (ims_pop3_maildrop_is_marked(maildrop, number))
            maildrop->octets += ims_pop3_maildrop_octets_of(maildrop, number);
    }
    maildrop->n_marked = 0;
    g_clear_pointer(&maildrop->marks, g_free);
}

static void
put_big_endian(guint8 *out, guint32 value)
{
    for (guint i = 0; i < 4; i++)
        out[i] = (guint8)(value >> (24 - 8 * i));
}

void
ims_pop3_maildrop_unique_id(const ImsPop3Maildrop *maildrop, guint number,
                            char text_out[IMS_POP3_UID_LENGTH + 1])
{
    guint8 id[24];
    int state = 0, save = 0;
    gsize length;

    put_big_endian(id, maildrop->snapshot->uidvalidity);
    put_big_endian(id + 4, entry_of(maildrop, number)->uid);
    memcpy(id + 8, maildrop->object_id, sizeof maildrop->object_id);
    length = g_base64_encode_step(id, sizeof id, FALSE, text_out, &state, &save);
    length += g_base64_encode_close(FALSE, text_out + length, &state, &save);
    g_assert(length == IMS_POP3_UID_LENGTH);
    text_out[length] = '\0';
}

/* Reads the rows of @number and those after it. */
static gboolean
read_ahead(ImsPop3Maildrop *maildrop, guint number, GError **error)
{
    const ImsUidSnapshot *snapshot = maildrop->snapshot;
    guint n = MIN(READ_AHEAD, snapshot->n_entries - (number - 1));
    guint32 uids[READ_AHEAD];
    g_autoptr(GPtrArray) rows = NULL;
    guint next = 0;

    for (guint i = 0; i < n; i++)
        uids[i] = snapshot->entries[number - 1 + i].uid;
    rows = ims_store_read_rows(maildrop->store, snapshot->folder, uids, n, FALSE, error);
    if (rows == NULL)
        return FALSE;
    if (maildrop->contents == NULL)
        maildrop->contents = g_new(ImsContentId, READ_AHEAD);
    for (guint i = 0; i < n; i++) {
        const ImsMessageRow *row = next < rows->len ? g_ptr_array_index(rows, next) : NULL;
        gboolean found = row != NULL && row->uid == uids[i];

        maildrop->contents[i] = found ? row->content : 0;
        next += found;
    }
    maildrop->first_read = number;
    maildrop->n_read = n;
    return TRUE;
}

ImsContentId
ims_pop3_maildrop_content(ImsPop3Maildrop *maildrop, guint number, GError **error)
{
    ImsContentId content;

    if ((number < maildrop->first_read || number - maildrop->first_read >= maildrop->n_read) &&
        !read_ahead(maildrop, number, error))
        return 0;
    content = maildrop->contents[number - maildrop->first_read];
    if (content == 0)
        g_set_error(error, IMS_STORE_ERROR, IMS_STORE_ERROR_NOT_FOUND, "message %u is gone",
                    entry_of(maildrop, number)->uid);
    return content;
}

ImsStoreOp *
ims_pop3_maildrop_expunge_op(const ImsPop3Maildrop *maildrop,
                             void (*done)(ImsStoreOp *op, gpointer data), gpointer data)
{
    ImsStoreOp *op;
    GArray *uids;

    if (maildrop->n_marked == 0)
        return NULL;
    uids = g_array_sized_new(FALSE, FALSE, sizeof(guint32), maildrop->n_marked);
    for (guint number = 1; number <= ims_pop3_maildrop_size(maildrop); number++) {
        if (ims_pop3_maildrop_is_marked(maildrop, number))
            g_array_append_val(uids, entry_of(maildrop, number)->uid);
    }
    op = ims_store_op_new(IMS_OP_EXPUNGE, done, data);
    ((ImsExpungeOp *)op)->folder = maildrop->snapshot->folder;
    ((ImsExpungeOp *)op)->uids = uids;
    return op;
}
