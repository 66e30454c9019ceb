/* Sessions of each account: counted, bounded, and told when the account changes. */
#include <glib.h>

#include "directory/account-sessions.h"
#include "net/sim-world.h"

typedef struct {
    ImsWorld *world;
    ImsAccountSessions *sessions;
} Fixture;

static void
set_up(Fixture *fixture, gconstpointer unused)
{
    fixture->world = ims_sim_world_new(1, 0);
    fixture->sessions = ims_account_sessions_new(fixture->world);
}

static void
tear_down(Fixture *fixture, gconstpointer unused)
{
    ims_account_sessions_free(fixture->sessions);
    ims_sim_world_settle(fixture->world);
    ims_sim_world_free(fixture->world);
}

static void
note(gpointer data)
{
    ++*(guint *)data;
}

static void
test_limit(Fixture *fixture, gconstpointer unused)
{
    guint dropped = 0;
    ImsAccountSession *first =
        ims_account_sessions_enter(fixture->sessions, "E\\a", 2, note, &dropped);
    ImsAccountSession *second =
        ims_account_sessions_enter(fixture->sessions, "e\\A", 2, note, &dropped);
    ImsAccountSession *other =
        ims_account_sessions_enter(fixture->sessions, "E\\b", 2, note, &dropped);
    ImsAccountSession *third;

    g_assert_nonnull(first);
    g_assert_nonnull(second);
    g_assert_nonnull(other);
    g_assert_null(ims_account_sessions_enter(fixture->sessions, "E\\a", 2, note, &dropped));
    third = ims_account_sessions_enter(fixture->sessions, "E\\a", 0, note, &dropped);
    g_assert_nonnull(third);
    ims_account_session_leave(&third);
    ims_account_session_leave(&first);
    g_assert_null(first);
    ims_account_session_leave(&first);
    first = ims_account_sessions_enter(fixture->sessions, "E\\a", 2, note, &dropped);
    g_assert_nonnull(first);
    ims_account_session_leave(&first);
    ims_account_session_leave(&second);
    ims_account_session_leave(&other);
    g_assert_cmpuint(dropped, ==, 0);
}

static void
test_drop(Fixture *fixture, gconstpointer unused)
{
    guint a = 0, b = 0, left = 0;
    ImsAccountSession *one = ims_account_sessions_enter(fixture->sessions, "E\\a", 0, note, &a);
    ImsAccountSession *two = ims_account_sessions_enter(fixture->sessions, "E\\a", 0, note, &a);
    ImsAccountSession *gone = ims_account_sessions_enter(fixture->sessions, "E\\a", 0, note, &left);
    ImsAccountSession *other = ims_account_sessions_enter(fixture->sessions, "E\\b", 0, note, &b);

    ims_account_sessions_drop(fixture->sessions, "e\\a");
    g_assert_cmpuint(a, ==, 0); /* on its executor, later */
    ims_account_session_leave(&gone);
    ims_sim_world_settle(fixture->world);
    g_assert_cmpuint(a, ==, 2);
    g_assert_cmpuint(b, ==, 0);
    g_assert_cmpuint(left, ==, 0); /* left before the news came */
    ims_account_sessions_drop(fixture->sessions, "E\\nobody");
    ims_account_session_leave(&one);
    ims_account_session_leave(&two);
    ims_account_sessions_drop(fixture->sessions, "E\\b");
    ims_account_session_leave(&other);
    ims_account_session_leave(&other);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add("/account-sessions/limit", Fixture, NULL, set_up, test_limit, tear_down);
    g_test_add("/account-sessions/drop", Fixture, NULL, set_up, test_drop, tear_down);
    return g_test_run();
}
