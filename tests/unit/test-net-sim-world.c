/* The simulated world: order of timers and posts, the pool, DNS, randomness. */
#include "net/sim-world.h"

#include <string.h>

#define START G_GINT64_CONSTANT(879206400000000) /* 1997-11-10 */

typedef struct {
    ImsWorld *world;
    GString *trace;
    ImsTimer *timer;
} Fixture;

typedef struct {
    Fixture *fixture;
    char name;
} Step;

static void
set_up(Fixture *fixture, gconstpointer data)
{
    fixture->world = ims_sim_world_new(42, START);
    fixture->trace = g_string_new(NULL);
}

static void
tear_down(Fixture *fixture, gconstpointer data)
{
    ims_sim_world_free(fixture->world);
    g_string_free(fixture->trace, TRUE);
}

static Step *
step(Fixture *fixture, char name)
{
    Step *new_step = g_new(Step, 1);

    new_step->fixture = fixture;
    new_step->name = name;
    return new_step;
}

static void
trace(gpointer data)
{
    Step *done = data;

    g_string_append_c(done->fixture->trace, done->name);
    g_free(done);
}

static void
work(gpointer data)
{
    g_string_append_c(((Step *)data)->fixture->trace, '(');
}

static void
test_clock(Fixture *f, gconstpointer data)
{
    g_assert_cmpint(ims_world_wall_usec(f->world), ==, START);
    g_assert_cmpint(ims_world_mono_usec(f->world), ==, 0);
    ims_sim_world_advance(f->world, 1500);
    g_assert_cmpint(ims_world_wall_usec(f->world), ==, START + 1500);
    g_assert_cmpint(ims_world_mono_usec(f->world), ==, 1500);
}

static void
test_timers(Fixture *f, gconstpointer data)
{
    ims_world_timer_add(f->world, 300, trace, step(f, 'c'));
    ims_world_timer_add(f->world, 100, trace, step(f, 'a'));
    ims_world_timer_add(f->world, 100, trace, step(f, 'b'));
    ims_world_timer_add(f->world, -5, trace, step(f, '0'));
    ims_sim_world_settle(f->world);
    g_assert_cmpstr(f->trace->str, ==, "0");
    ims_sim_world_advance(f->world, 99);
    g_assert_cmpstr(f->trace->str, ==, "0");
    ims_sim_world_advance(f->world, 1);
    g_assert_cmpstr(f->trace->str, ==, "0ab");
    ims_sim_world_advance(f->world, 1000);
    g_assert_cmpstr(f->trace->str, ==, "0abc");
}

static void
test_cancel(Fixture *f, gconstpointer data)
{
    Step *cancelled[40];
    ImsTimer *timers[40];
    GString *wanted = g_string_new(NULL);

    /* Many, so that the heap is taken apart at every depth. */
    for (guint i = 0; i < 40; i++) {
        cancelled[i] = step(f, (char)('A' + i));
        timers[i] = ims_world_timer_add(f->world, (i * 17) % 40, trace, cancelled[i]);
    }
    for (guint i = 0; i < 40; i += 3) {
        ims_world_timer_cancel(f->world, &timers[i]);
        g_assert_null(timers[i]);
        ims_world_timer_cancel(f->world, &timers[i]);
        g_free(cancelled[i]);
    }
    for (guint due = 0; due < 40; due++)
        for (guint i = 0; i < 40; i++)
            if ((i * 17) % 40 == due && i % 3 != 0)
                g_string_append_c(wanted, (char)('A' + i));
    ims_sim_world_advance(f->world, 100);
    g_assert_cmpstr(f->trace->str, ==, wanted->str);
    g_string_free(wanted, TRUE);
}

static void
rearm(gpointer data)
{
    Fixture *f = data;

    g_string_append_printf(f->trace, "%d ", (int)ims_world_mono_usec(f->world));
    f->timer = ims_world_timer_add(f->world, 10, rearm, f);
}

static void
test_rearm(Fixture *f, gconstpointer data)
{
    f->timer = ims_world_timer_add(f->world, 10, rearm, f);
    ims_sim_world_advance(f->world, 35);
    g_assert_cmpstr(f->trace->str, ==, "10 20 30 ");
    ims_world_timer_cancel(f->world, &f->timer);
    ims_sim_world_advance(f->world, 100);
    g_assert_cmpstr(f->trace->str, ==, "10 20 30 ");
}

static void
post_more(gpointer data)
{
    Fixture *f = data;

    ims_world_post(f->world, ims_world_writer(f->world), trace, step(f, 'w'));
    g_string_append_c(f->trace, 'm');
}

static void
test_posts(Fixture *f, gconstpointer data)
{
    ims_world_post(f->world, ims_world_main(f->world), post_more, f);
    ims_world_post(f->world, ims_world_worker(f->world, 0), trace, step(f, 'x'));
    g_assert_true(ims_world_run_in_pool(f->world, work, trace, step(f, ')')));
    g_assert_cmpstr(f->trace->str, ==, "");
    ims_sim_world_settle(f->world);
    g_assert_cmpstr(f->trace->str, ==, "mx()w");
    g_assert_nonnull(ims_world_current(f->world));
}

static void
test_random(Fixture *f, gconstpointer data)
{
    ImsWorld *same = ims_sim_world_new(42, START), *other = ims_sim_world_new(43, START);
    guint8 a[13], b[13], c[13];

    ims_world_random(f->world, a, sizeof a);
    ims_world_random(same, b, sizeof b);
    ims_world_random(other, c, sizeof c);
    g_assert_cmpmem(a, sizeof a, b, sizeof b);
    g_assert_true(memcmp(a, c, sizeof a) != 0);
    ims_world_random(same, c, sizeof c);
    g_assert_true(memcmp(a, c, sizeof a) != 0);
    ims_sim_world_free(same);
    ims_sim_world_free(other);
}

/* ---- DNS ---- */

static void
write_result(const ImsLookupResult *result, gpointer data)
{
    Fixture *f = data;
    char address[IMS_ADDRESS_STRLEN];

    g_string_append_printf(f->trace, "%d", (int)result->status);
    for (guint i = 0; i < result->n_records; i++) {
        const ImsLookupRecord *record = &result->records[i];

        if (record->name != NULL)
            g_string_append_printf(f->trace, " %u:%s", record->preference, record->name);
        else
            g_string_append_printf(f->trace, " %s", ims_address_format(&record->address, address));
    }
    g_string_append_c(f->trace, ';');
}

typedef struct {
    const char *name;
    ImsLookupKind kind;
    const char *question, *wanted;
} LookupCase;

static const LookupCase lookup_cases[] = {
    {"mx",            IMS_LOOKUP_MX,   "Example.COM.",   "0 5:a.example.com 10:b.example.com;"},
    {"null-mx",       IMS_LOOKUP_MX,   "nomail.example", "0 0:;"                              },
    {"no-data",       IMS_LOOKUP_A,    "example.com",    "2;"                                 },
    {"not-set",       IMS_LOOKUP_AAAA, "example.com",    "1;"                                 },
    {"ptr",           IMS_LOOKUP_PTR,  "192.0.2.1",      "0 0:host.example.com;"              },
    {"ptr-of-a-name", IMS_LOOKUP_PTR,  "example.com",    "1;"                                 },
    {"a-literal",     IMS_LOOKUP_A,    "192.0.2.7",      "0 192.0.2.7;"                       },
    {"a-of-ipv6",     IMS_LOOKUP_A,    "2001:db8::1",    "2;"                                 },
    {"aaaa-literal",  IMS_LOOKUP_AAAA, "2001:db8::1",    "0 2001:db8::1;"                     },
    {"aaaa-of-ipv4",  IMS_LOOKUP_AAAA, "192.0.2.7",      "2;"                                 },
    {"mx-of-literal", IMS_LOOKUP_MX,   "192.0.2.7",      "2;"                                 },
};

static void
test_lookup(Fixture *f, gconstpointer data)
{
    const LookupCase *row = data;
    ImsLookupRecord two[] = {
        {10, (char *)"b.example.com", {0}},
        {5,  (char *)"a.example.com", {0}}
    };
    ImsLookupRecord null_mx = {0, (char *)"", {0}}, host = {0, (char *)"host.example.com", {0}};
    ImsLookupResult mx = {IMS_LOOKUP_OK, 2, two}, none = {IMS_LOOKUP_OK, 1, &null_mx};
    ImsLookupResult no_data = {IMS_LOOKUP_NO_DATA, 0, NULL}, ptr = {IMS_LOOKUP_OK, 1, &host};

    ims_sim_world_set_lookup(f->world, IMS_LOOKUP_MX, "example.com", &no_data);
    ims_sim_world_set_lookup(f->world, IMS_LOOKUP_MX, "example.com", &mx);
    ims_sim_world_set_lookup(f->world, IMS_LOOKUP_MX, "nomail.example", &none);
    ims_sim_world_set_lookup(f->world, IMS_LOOKUP_A, "example.com", &no_data);
    ims_sim_world_set_lookup(f->world, IMS_LOOKUP_PTR, "192.0.2.1", &ptr);
    ims_world_lookup(f->world, row->kind, row->question, write_result, f);
    g_assert_cmpstr(f->trace->str, ==, "");
    ims_sim_world_settle(f->world);
    g_assert_cmpstr(f->trace->str, ==, row->wanted);
}

/* of hosts with one preference none is always the first, and preference always counts. */
static void
test_shuffle(Fixture *f, gconstpointer data)
{
    ImsLookupRecord records[] = {
        {10, (char *)"a", {0}},
        {10, (char *)"b", {0}},
        {10, (char *)"c", {0}},
        {1,  (char *)"z", {0}},
    };
    ImsLookupResult mx = {IMS_LOOKUP_OK, G_N_ELEMENTS(records), records};
    guint first[3] = {0};

    ims_sim_world_set_lookup(f->world, IMS_LOOKUP_MX, "example.com", &mx);
    for (guint i = 0; i < 300; i++) {
        g_string_truncate(f->trace, 0);
        ims_world_lookup(f->world, IMS_LOOKUP_MX, "example.com", write_result, f);
        ims_sim_world_settle(f->world);
        g_assert_true(g_str_has_prefix(f->trace->str, "0 1:z 10:"));
        first[f->trace->str[strlen("0 1:z 10:")] - 'a']++;
    }
    for (guint i = 0; i < 3; i++)
        g_assert_cmpuint(first[i], >, 60);
}

/* ---- sending ---- */

static void
finished(ImsSendJob *job, gboolean connected, const char *error)
{
    Fixture *f = job->data;

    g_string_append_printf(f->trace, "%d %s", connected, error);
    ims_send_job_free(job);
}

static ImsSendJob *
make_job(Fixture *f)
{
    ImsSendJob *job = g_new0(ImsSendJob, 1);
    ImsSendMessage *message = g_new0(ImsSendMessage, 1);
    ImsSendRecipient *recipient = g_new0(ImsSendRecipient, 1);

    recipient->address = g_strdup("alice@example.com");
    message->mail_from = g_strdup("");
    message->body = g_bytes_new_static("x", 1);
    message->recipients = g_ptr_array_new();
    g_ptr_array_add(message->recipients, recipient);
    job->host = g_strdup("mail.example.com");
    job->auth_password = g_strdup("secret");
    job->messages = g_ptr_array_new();
    g_ptr_array_add(job->messages, message);
    job->finished = finished;
    job->data = f;
    return job;
}

static void
send_at_once(ImsWorld *world, ImsSendJob *job, gpointer sender)
{
    g_assert_true(sender == job->data);
    job->finished(job, TRUE, "sent");
}

static void
test_send(Fixture *f, gconstpointer data)
{
    ims_world_send(f->world, make_job(f));
    ims_sim_world_settle(f->world);
    g_assert_cmpstr(f->trace->str, ==, "0 this world has no sender");
    g_string_truncate(f->trace, 0);
    ims_world_set_sender(f->world, send_at_once, f);
    ims_world_send(f->world, make_job(f));
    g_assert_cmpstr(f->trace->str, ==, "1 sent");
}

#define ADD(path, data, function)                                                                  \
    g_test_add("/net/sim-world/" path, Fixture, data, set_up, function, tear_down)

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    ADD("clock", NULL, test_clock);
    ADD("timers", NULL, test_timers);
    ADD("cancel", NULL, test_cancel);
    ADD("rearm", NULL, test_rearm);
    ADD("posts", NULL, test_posts);
    ADD("random", NULL, test_random);
    for (guint i = 0; i < G_N_ELEMENTS(lookup_cases); i++) {
        g_autofree char *path = g_strconcat("/net/sim-world/lookup/", lookup_cases[i].name, NULL);

        g_test_add(path, Fixture, &lookup_cases[i], set_up, test_lookup, tear_down);
    }
    ADD("R-128-shuffle", NULL, test_shuffle);
    ADD("send", NULL, test_send);
    return g_test_run();
}
