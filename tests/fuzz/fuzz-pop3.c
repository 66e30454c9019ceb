/* A whole POP3 session from any bytes; the first byte says how they are cut into pieces. */
#include "tests/unit/pop3-world.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    static Pop3World self; /* accounts are dear to make */
    gsize step = size > 0 && data[0] != 0 ? data[0] : size;
    ImsSimConn *conn;

    if (self.world == NULL) {
        pop3_world_set_up(&self, TRUE, NULL);
        self.settings.max_errors = 1000;
    }
    self.settings.extended = size % 2 == 0;
    if (pop3_world_count(&self, self.bob) == 0)
        pop3_world_deliver(&self, self.bob, "Subject: s\r\n\r\n.x\r\n", -1);
    conn = pop3_world_open(&self, POP3_CLEAR);
    for (gsize at = 1; at < size; at += step) {
        ims_sim_conn_send(conn, data + at, MIN(step, size - at));
        ims_sim_world_settle(self.world);
    }
    g_string_free(ims_sim_conn_take(conn), TRUE);
    g_assert(pop3_world_count(&self, self.bob) <= 1);
    ims_sim_conn_close(conn);
    ims_sim_world_advance(self.world, 10 * G_USEC_PER_SEC);
    g_free(ims_log_take(self.log));
    return 0;
}
