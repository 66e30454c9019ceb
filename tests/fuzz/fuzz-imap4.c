/* The parser: every split of the input gives the same commands. The session: whatever comes, it
 * lives. */
#include "imap4/parser.h"
#include "tests/unit/imap4-play.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static const ImsImap4Limits limits = {.max_line = 1024, .max_literal = 512, .max_append = 4096};

static void
note_args(GChecksum *sum, const ImsImap4Arg *arg)
{
    for (; arg != NULL; arg = arg->next) {
        g_checksum_update(sum, (const guchar *)&arg->type, sizeof arg->type);
        if (arg->text != NULL)
            g_checksum_update(sum, (const guchar *)arg->text, (gssize)arg->length);
        note_args(sum, arg->child);
    }
}

/* A digest of all commands in @data fed in pieces of @step octets. (transfer full) */
static char *
parse(const guint8 *data, gsize size, gsize step)
{
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    ImsImap4Parser parser = {0};
    gsize used = 0, given = 0;

    while (used < size) {
        ImsImap4Feed feed;

        if (given == used)
            given = MIN(size, used + step);
        used += ims_imap4_parser_feed(&parser, &limits, data + used, given - used, &feed);
        if (feed != IMS_IMAP4_FEED_MORE)
            g_checksum_update(sum, (const guchar *)&feed, sizeof feed);
        if (feed == IMS_IMAP4_FEED_FATAL)
            break;
        if (feed == IMS_IMAP4_FEED_REQUEST) {
            g_autoptr(ImsImap4Request) request = ims_imap4_parser_take(&parser);

            g_assert((request->fault == IMS_IMAP4_FAULT_NONE) == (request->problem == NULL));
            g_assert(request->fault != IMS_IMAP4_FAULT_NONE || request->tag != NULL);
            note_args(sum, request->args);
        }
    }
    ims_imap4_parser_clear(&parser);
    return g_strdup(g_checksum_get_string(sum));
}

static void
run_session(const guint8 *data, gsize size, gboolean extended)
{
    static const char start[] = "a LOGIN alice secret\r\nb SELECT INBOX\r\n";
    Imap4World world;
    ImsSimConn *conn;

    imap4_world_set_up(&world, extended);
    imap4_world_deliver(&world, world.alice, NULL, imap4_sample(1), 0, 0, 0);
    imap4_world_deliver(&world, world.alice, NULL, imap4_sample(2), 0, 0, 0);
    conn = imap4_world_client(&world, "one");
    ims_sim_conn_send(conn, start, sizeof start - 1);
    ims_sim_world_settle(world.world);
    ims_sim_conn_send(conn, data, size);
    ims_sim_world_settle(world.world);
    imap4_world_tear_down(&world);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    if (size == 0)
        return 0;
    if (data[0] & 1) {
        g_autofree char *whole = parse(data + 1, size - 1, size);
        g_autofree char *pieces = parse(data + 1, size - 1, 1 + (data[0] >> 1) % 16);

        g_assert(strcmp(whole, pieces) == 0);
    } else {
        run_session(data + 1, size - 1, (data[0] & 2) != 0);
    }
    return 0;
}
