/* Every statement of the SQLite engine can be prepared, and none reads a whole table where it need
 * not. */
#include "store/engine-sqlite-private.h"

#include <string.h>

/* An administrator's commands, once at a start, or over an index made for it. */
static gboolean
may_scan(ImsSqlId id)
{
    switch (id) {
    case SQL_ADMIN_MESSAGES:
    case SQL_ADMIN_RETRY:
    case SQL_ADMIN_HOLD:
    case SQL_ADMIN_RELEASE:
    case SQL_ADMIN_DELETE:
        return TRUE;
    default:
        return FALSE;
    }
}

/* A message's recipients lie by domain; they are put in the order they came. */
static gboolean
may_sort(ImsSqlId id)
{
    return id == SQL_RECIPIENT_OF_MESSAGE || id == SQL_ADMIN_MESSAGES;
}

/* Indexes that hold hardly more than the rows asked for: to scan them is to read the answer. */
static gboolean
is_answer(const char *detail)
{
    static const char *const indexes[] = {"content_unused", "queue_active", "queue_due"};

    for (guint i = 0; i < G_N_ELEMENTS(indexes); i++) {
        if (strstr(detail, indexes[i]) != NULL)
            return TRUE;
    }
    return FALSE;
}

static void
check_plan(sqlite3 *db, ImsSqlId id)
{
    g_autofree char *sql = g_strconcat("EXPLAIN QUERY PLAN ", ims_sql_text[id], NULL);
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        g_error("%s: %s", ims_sql_text[id], sqlite3_errmsg(db));
    while (sqlite3_step(statement) == SQLITE_ROW) {
        const char *detail = (const char *)sqlite3_column_text(statement, 3);

        if (g_str_has_prefix(detail, "SCAN") && !is_answer(detail) && !may_scan(id))
            g_error("%s: %s", ims_sql_text[id], detail);
        if (g_str_has_prefix(detail, "USE TEMP B-TREE") && !may_sort(id))
            g_error("%s: %s", ims_sql_text[id], detail);
    }
    g_assert_cmpint(sqlite3_finalize(statement), ==, SQLITE_OK);
}

static void
test_plans(void)
{
    sqlite3 *db = NULL;

    g_assert_cmpint(sqlite3_open(":memory:", &db), ==, SQLITE_OK);
    g_assert_cmpint(sqlite3_exec(db, ims_sql_schema, NULL, NULL, NULL), ==, SQLITE_OK);
    for (guint id = SQL_META_GET; id < N_SQL; id++) {
        g_assert_nonnull(ims_sql_text[id]);
        check_plan(db, (ImsSqlId)id);
    }
    sqlite3_close(db);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/store/sql/plans", test_plans);
    return g_test_run();
}
