/*
 * Random clients on one mailbox, each with a cache as a client keeps it. Whatever they do to each
 * other: numbers never fall but by EXPUNGE, EXPUNGE comes only where it is lawful, and after a NOOP
 * each cache agrees with the store.
 */
#include "tests/unit/imap4-play.h"

#include <string.h>

#define N_CLIENTS 3
#define UNKNOWN_FLAGS G_MAXUINT

typedef struct {
    guint32 uid; /* 0: not known */
    guint flags; /* system flags, or UNKNOWN_FLAGS */
} Cached;

typedef struct {
    const char *name;
    GArray *messages; /* (element-type Cached) */
    gboolean selected;
} Cache;

typedef struct {
    Imap4World world;
    Cache clients[N_CLIENTS];
    GRand *rand;
    guint tag;
} Model;

/* ---- reading what the server says ---- */

static const struct {
    const char *name;
    guint flag;
} flag_names[] = {
    {"\\Seen",     IMS_FLAG_SEEN    },
    {"\\Answered", IMS_FLAG_ANSWERED},
    {"\\Flagged",  IMS_FLAG_FLAGGED },
    {"\\Deleted",  IMS_FLAG_DELETED },
};

static guint
read_flags(const char *text)
{
    g_autofree char *list = g_strndup(text, strcspn(text, ")"));
    guint flags = 0;

    for (guint i = 0; i < G_N_ELEMENTS(flag_names); i++) {
        if (strstr(list, flag_names[i].name) != NULL)
            flags |= flag_names[i].flag;
    }
    return flags;
}

static void
note_fetch(Cache *cache, guint64 number, const char *items)
{
    const char *uid = strstr(items, "UID "), *flags = strstr(items, "FLAGS (");
    Cached *message;

    g_assert_cmpuint(number, >=, 1);
    g_assert_cmpuint(number, <=, cache->messages->len);
    message = &g_array_index(cache->messages, Cached, number - 1);
    if (uid != NULL) {
        guint32 value = (guint32)g_ascii_strtoull(uid + 4, NULL, 10);

        g_assert_true(message->uid == 0 || message->uid == value);
        message->uid = value;
    }
    if (flags != NULL)
        message->flags = read_flags(flags);
}

static void
note_exists(Cache *cache, guint64 number)
{
    static const Cached fresh = {0, UNKNOWN_FLAGS};

    g_assert_cmpuint(number, >=, cache->messages->len);
    while (cache->messages->len < number)
        g_array_append_val(cache->messages, fresh);
}

static void
note_untagged(Cache *cache, const char *line, gboolean may_expunge)
{
    char *rest;
    guint64 number = g_ascii_strtoull(line + 2, &rest, 10);

    if (rest == line + 2)
        return;
    if (strcmp(rest, " EXISTS") == 0) {
        note_exists(cache, number);
    } else if (strcmp(rest, " EXPUNGE") == 0) {
        g_assert_true(may_expunge);
        g_assert_cmpuint(number, >=, 1);
        g_assert_cmpuint(number, <=, cache->messages->len);
        g_array_remove_index(cache->messages, (guint)number - 1);
    } else if (g_str_has_prefix(rest, " FETCH (")) {
        note_fetch(cache, number, rest);
    } else {
        g_assert_true(g_str_has_suffix(rest, " RECENT"));
    }
}

/* Runs one command; TRUE if it was answered OK. */
static gboolean
run(Model *model, Cache *cache, const char *command)
{
    g_autofree char *tag = g_strdup_printf("t%u ", ++model->tag);
    g_autofree char *text = g_strconcat(tag, command, "\r\n", NULL);
    g_autofree char *reply = imap4_world_talk(&model->world, cache->name, text);
    g_auto(GStrv) lines = g_strsplit(reply, "\r\n", -1);
    guint n = g_strv_length(lines);
    gboolean may_expunge = !g_str_has_prefix(command, "FETCH") &&
                           !g_str_has_prefix(command, "STORE") &&
                           !g_str_has_prefix(command, "SEARCH");

    g_assert_cmpuint(n, >=, 2);
    g_assert_cmpstr(lines[n - 1], ==, "");
    for (guint i = 0; i + 2 < n; i++) {
        /* What follows a literal belongs to the FETCH before it. */
        if (g_str_has_prefix(lines[i], "* "))
            note_untagged(cache, lines[i], may_expunge);
        else
            note_fetch(cache, g_ascii_strtoull(lines[i - 1] + 2, NULL, 10), lines[i]);
    }
    if (!g_str_has_prefix(lines[n - 2], tag))
        g_error("%s answered by %s", text, lines[n - 2]);
    g_assert_null(strstr(lines[n - 2], "BAD"));
    return g_str_has_prefix(lines[n - 2] + strlen(tag), "OK");
}

/* ---- what they do ---- */

static guint
some(Model *model, guint end)
{
    return end == 0 ? 0 : (guint)g_rand_int_range(model->rand, 0, (gint)end);
}

static void
select_inbox(Model *model, Cache *cache)
{
    g_array_set_size(cache->messages, 0);
    g_assert_true(run(model, cache, some(model, 8) == 0 ? "EXAMINE INBOX" : "SELECT INBOX"));
}

/* What a STORE.SILENT does to the cache: the client would compute it; here it forgets. */
static void
forget_flags(Cache *cache, guint first, guint last)
{
    for (guint i = first; i <= last; i++)
        g_array_index(cache->messages, Cached, i - 1).flags = UNKNOWN_FLAGS;
}

static void
store(Model *model, Cache *cache, guint first, guint last)
{
    static const char *const signs[] = {"+", "-", ""};
    gboolean silent = some(model, 2) == 0;
    g_autofree char *command = g_strdup_printf(
        "STORE %u:%u %sFLAGS%s (%s)", first, last, signs[some(model, 3)], silent ? ".SILENT" : "",
        flag_names[some(model, G_N_ELEMENTS(flag_names))].name);

    run(model, cache, command);
    if (silent)
        forget_flags(cache, first, last);
}

static void
act(Model *model, Cache *cache)
{
    guint n = cache->messages->len;
    guint first = some(model, n) + 1, last = first + some(model, n - first + 1);
    g_autofree char *command = NULL;

    switch (some(model, n > 0 ? 12 : 5)) {
    case 0:
        run(model, cache, "NOOP");
        break;
    case 1:
        imap4_world_deliver(&model->world, model->world.alice, NULL, imap4_sample(1), 0, 0, 0);
        break;
    case 2:
        run(model, cache, "EXPUNGE");
        break;
    case 3:
        run(model, cache, "APPEND INBOX (\\Flagged) {6+}\r\na: b\r\n");
        break;
    case 4:
        select_inbox(model, cache);
        break;
    case 5:
        command = g_strdup_printf("FETCH %u:%u (UID FLAGS)", first, last);
        break;
    case 6:
        command = g_strdup_printf("FETCH %u:%u (INTERNALDATE BODY[TEXT]<0.1>)", first, last);
        break;
    case 7:
        command = g_strdup_printf("UID FETCH %u:* (FLAGS RFC822.SIZE ENVELOPE)", first);
        break;
    case 8:
        command = g_strdup_printf("SEARCH %u:%u UNSEEN", first, last);
        break;
    case 9:
        command = g_strdup_printf(
            "%s %u:%u INBOX",
            model->world.settings.extended && some(model, 2) == 0 ? "MOVE" : "COPY", last, last);
        break;
    default:
        store(model, cache, first, last);
        break;
    }
    if (command != NULL)
        run(model, cache, command);
}

/* ---- agreement ---- */

static void
compare(Model *model, Cache *cache)
{
    g_autoptr(ImsFolder) folder =
        ims_store_find_folder(model->world.store, model->world.alice, "INBOX", NULL);
    g_autoptr(ImsUidSnapshot) snapshot = ims_store_snapshot(model->world.store, folder->id, NULL);

    g_assert_cmpuint(cache->messages->len, ==, snapshot->n_entries);
    for (guint i = 0; i < snapshot->n_entries; i++) {
        const Cached *message = &g_array_index(cache->messages, Cached, i);
        const ImsUidEntry *entry = &snapshot->entries[i];

        g_assert_true(message->uid == 0 || message->uid == entry->uid);
        if (message->flags != UNKNOWN_FLAGS)
            g_assert_cmpuint(message->flags, ==, entry->flags);
    }
}

static void
play_round(guint seed)
{
    static const char *const names[N_CLIENTS] = {"a", "b", "c"};
    Model model = {.rand = g_rand_new_with_seed(seed)};

    imap4_world_set_up(&model.world, seed % 4 != 0);
    for (guint i = 0; i < 5; i++)
        imap4_world_deliver(&model.world, model.world.alice, NULL, imap4_sample(i), 0, 0, 0);
    for (guint i = 0; i < N_CLIENTS; i++) {
        Cache *cache = &model.clients[i];

        cache->name = names[i];
        cache->messages = g_array_new(FALSE, FALSE, sizeof(Cached));
        g_free(imap4_world_talk(&model.world, cache->name, ""));
        g_assert_true(run(&model, cache, "LOGIN alice secret"));
        select_inbox(&model, cache);
    }
    for (guint step = 0; step < 60; step++) {
        Cache *cache = &model.clients[some(&model, N_CLIENTS)];

        act(&model, cache);
        if (step % 10 == 9) {
            run(&model, cache, "NOOP");
            compare(&model, cache);
        }
    }
    for (guint i = 0; i < N_CLIENTS; i++) {
        run(&model, &model.clients[i], "NOOP");
        compare(&model, &model.clients[i]);
        g_array_unref(model.clients[i].messages);
    }
    imap4_world_tear_down(&model.world);
    g_rand_free(model.rand);
}

static void
test_model(void)
{
    guint rounds = g_test_slow() ? 2000 : 150;

    for (guint seed = 1; seed <= rounds; seed++) {
        g_test_message("seed %u", seed);
        play_round(seed);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/imap4/model/random-clients", test_model);
    return g_test_run();
}
