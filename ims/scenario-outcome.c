/* What must have become of the mail, and what has. Lists that are there are complete; order does
 * not count. */
#include "ims/event-number.h"
#include "ims/scenario-private.h"

#include <string.h>

/* One thing that happened or is expected, as fields of text; NULL is not checked. */
#define N_FIELDS 3
typedef struct {
    char *fields[N_FIELDS];
    gboolean used;
} Item;

typedef gboolean (*FieldEqual)(guint field, const char *expected, const char *got);

static void
item_clear(gpointer data)
{
    Item *item = data;

    for (guint i = 0; i < N_FIELDS; i++)
        g_free(item->fields[i]);
}

static GArray *
items_new(void)
{
    GArray *items = g_array_new(FALSE, TRUE, sizeof(Item));

    g_array_set_clear_func(items, item_clear);
    return items;
}

static void
add(GArray *items, const char *first, const char *second, const char *third)
{
    Item item = {
        .fields = {g_strdup(first), g_strdup(second), g_strdup(third)}
    };

    g_array_append_val(items, item);
}

static char *
show(const Item *item)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < N_FIELDS; i++)
        if (item->fields[i] != NULL)
            g_string_append_printf(out, "%s%s", out->len > 0 ? ", " : "",
                                   *item->fields[i] != '\0' ? item->fields[i] : "<>");
    return g_string_free(out, FALSE);
}

static guint
n_checked(const Item *item)
{
    guint n = 0;

    for (guint i = 0; i < N_FIELDS; i++)
        n += item->fields[i] != NULL;
    return n;
}

static gboolean
is_met_by(const Item *expected, const Item *got, FieldEqual equal)
{
    for (guint i = 0; i < N_FIELDS; i++)
        if (expected->fields[i] != NULL &&
            (got->fields[i] == NULL || !equal(i, expected->fields[i], got->fields[i])))
            return FALSE;
    return TRUE;
}

/* Who is named most exactly chooses first, so that one who is not takes what is left. */
static int
compare_checked(gconstpointer a, gconstpointer b)
{
    return (int)n_checked(b) - (int)n_checked(a);
}

static char *
compare(const char *what, GArray *expected, GArray *got, FieldEqual equal)
{
    g_array_sort(expected, compare_checked);
    for (guint i = 0; i < expected->len; i++) {
        const Item *item = &g_array_index(expected, Item, i);
        gboolean met = FALSE;

        for (guint k = 0; k < got->len && !met; k++) {
            Item *other = &g_array_index(got, Item, k);

            met = !other->used && is_met_by(item, other, equal);
            other->used = other->used || met;
        }
        if (!met) {
            g_autofree char *shown = show(item);

            return g_strdup_printf("outcome.%s: missing: %s", what, shown);
        }
    }
    for (guint k = 0; k < got->len; k++) {
        const Item *other = &g_array_index(got, Item, k);
        g_autofree char *shown = other->used ? NULL : show(other);

        if (shown != NULL)
            return g_strdup_printf("outcome.%s: not expected: %s", what, shown);
    }
    return NULL;
}

/* ---- what is compared how ---- */

static gboolean
same_text(guint field, const char *expected, const char *got)
{
    return g_ascii_strcasecmp(expected, got) == 0;
}

/* The local part as it is, the domain in any case. */
static gboolean
same_address(const char *expected, const char *got)
{
    const char *at = strrchr(expected, '@'), *other = strrchr(got, '@');

    if (at == NULL || other == NULL)
        return strcmp(expected, got) == 0;
    return at - expected == other - got && strncmp(expected, got, (gsize)(at - expected)) == 0 &&
           g_ascii_strcasecmp(at, other) == 0;
}

static gboolean
same_sent(guint field, const char *expected, const char *got)
{
    return field == 0 ? g_ascii_strcasecmp(expected, got) == 0 : same_address(expected, got);
}

static gboolean
same_report(guint field, const char *expected, const char *got)
{
    if (field < 2)
        return same_address(expected, got);
    return g_str_has_suffix(got, expected); /* the words at the end of the line */
}

/* ---- delivered ---- */

/* Notices to the administrator count nowhere. */
static guint
count_notices(const ImsScenarioEnd *end, const char *alias)
{
    g_auto(GStrv) lines = g_strsplit(end->log, "\n", -1);
    guint n = 0;

    for (guint i = 0; lines[i] != NULL; i++) {
        g_autofree char *word = ims_event_word(lines[i]);
        g_autofree char *to = ims_event_value(lines[i], "to");

        n += strcmp(word, "notice") == 0 && g_strcmp0(to, alias) == 0;
    }
    return n;
}

static char *
add_delivered(const ImsScenarioEnd *end, GArray *got)
{
    ImsService *service = ims_scenario_server_service(end->server);
    g_autoptr(ImsRecipientTable) table = ims_directory_table(service->directory);

    for (guint i = 0; i < ims_recipient_table_size(table); i++) {
        const ImsRecipient *recipient = ims_recipient_table_get(table, i);
        g_autoptr(GPtrArray) folders = NULL;
        g_autoptr(GError) error = NULL;

        if (recipient->kind != IMS_RECIPIENT_MAILBOX)
            continue;
        folders = ims_store_list_folders(service->store, recipient->id, &error);
        if (folders == NULL)
            return g_strdup_printf("outcome.delivered: %s: %s", recipient->alias, error->message);
        for (guint k = 0; k < folders->len; k++) {
            const ImsFolder *folder = folders->pdata[k];
            guint notices = g_ascii_strcasecmp(folder->name, "INBOX") == 0
                                ? count_notices(end, recipient->alias)
                                : 0;
            guint messages = folder->messages - MIN(folder->messages, notices);
            g_autofree char *count = g_strdup_printf("%u", messages);

            if (messages > 0)
                add(got, recipient->alias, folder->name, count);
        }
    }
    return NULL;
}

static char *
check_delivered(const ImsScenarioEnd *end, JsonArray *list)
{
    g_autoptr(GArray) expected = items_new(), got = items_new();
    char *difference = add_delivered(end, got);

    if (difference != NULL)
        return difference;
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *member = json_array_get_object_element(list, i);
        const char *folder = ims_scenario_text(member, "folder");
        gint64 number = json_object_get_int_member(member, "count");
        g_autofree char *count = g_strdup_printf("%" G_GINT64_FORMAT, number);

        if (number > 0)
            add(expected, ims_scenario_text(member, "mailbox"), folder != NULL ? folder : "INBOX",
                count);
    }
    return compare("delivered", expected, got, same_text);
}

/* ---- sent ---- */

static char *
check_sent(const ImsScenarioEnd *end, JsonArray *list)
{
    g_autoptr(GArray) expected = items_new(), got = items_new();

    for (guint i = 0; i < end->sent->len; i++) {
        const ImsScenarioSent *sent = end->sent->pdata[i];

        add(got, sent->host, sent->mail_from, sent->rcpt_to);
    }
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *member = json_array_get_object_element(list, i);
        JsonArray *recipients = json_object_get_array_member(member, "rcpt_to");

        for (guint k = 0; k < json_array_get_length(recipients); k++)
            add(expected, ims_scenario_text(member, "host"), ims_scenario_text(member, "mail_from"),
                json_array_get_string_element(recipients, k));
    }
    return compare("sent", expected, got, same_sent);
}

/* ---- queued ---- */

static void
count_domains(const ImsQueueMessage *message, GHashTable *counts)
{
    g_autoptr(GHashTable) seen = g_hash_table_new(g_str_hash, g_str_equal);

    for (guint i = 0; i < message->recipients->len; i++) {
        const ImsQueueRecipient *row = message->recipients->pdata[i];
        guint count;

        if (row->state == IMS_QUEUE_SENT || row->state == IMS_QUEUE_FAILED ||
            !g_hash_table_add(seen, row->domain))
            continue;
        count = GPOINTER_TO_UINT(g_hash_table_lookup(counts, row->domain)) + 1;
        g_hash_table_insert(counts, g_strdup(row->domain), GUINT_TO_POINTER(count));
    }
}

static char *
add_queued(const ImsScenarioEnd *end, GArray *got)
{
    enum {
        SLICE = 100,
    };
    ImsService *service = ims_scenario_server_service(end->server);
    g_autoptr(GHashTable) counts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    GHashTableIter iter;
    gpointer domain, count;

    for (guint64 after = 0;;) {
        g_autoptr(GError) error = NULL;
        g_autoptr(GPtrArray) messages =
            ims_store_queue_list(service->store, NULL, after, SLICE, &error);

        if (messages == NULL)
            return g_strdup_printf("outcome.queued: %s", error->message);
        for (guint i = 0; i < messages->len; i++)
            count_domains(messages->pdata[i], counts);
        if (messages->len < SLICE)
            break;
        after = ((const ImsQueueMessage *)messages->pdata[messages->len - 1])->id;
    }
    g_hash_table_iter_init(&iter, counts);
    while (g_hash_table_iter_next(&iter, &domain, &count)) {
        g_autofree char *number = g_strdup_printf("%u", GPOINTER_TO_UINT(count));

        add(got, domain, number, NULL);
    }
    return NULL;
}

static char *
check_queued(const ImsScenarioEnd *end, JsonArray *list)
{
    g_autoptr(GArray) expected = items_new(), got = items_new();
    char *difference = add_queued(end, got);

    if (difference != NULL)
        return difference;
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *member = json_array_get_object_element(list, i);
        gint64 number = json_object_get_int_member(member, "count");
        g_autofree char *count = g_strdup_printf("%" G_GINT64_FORMAT, number);

        if (number > 0)
            add(expected, ims_scenario_text(member, "domain"), count, NULL);
    }
    return compare("queued", expected, got, same_text);
}

/* ---- reports ---- */

static char *
check_reports(const ImsScenarioEnd *end, JsonArray *list)
{
    g_autoptr(GArray) expected = items_new(), got = items_new();
    g_auto(GStrv) lines = g_strsplit(end->log, "\n", -1);

    for (guint i = 0; lines[i] != NULL; i++) {
        g_autofree char *word = ims_event_word(lines[i]);
        g_autofree char *to = NULL, *about = NULL, *code = NULL;

        if (strcmp(word, "report-recipient") != 0)
            continue;
        to = ims_event_value(lines[i], "to");
        about = ims_event_value(lines[i], "about");
        code = ims_event_value(lines[i], "code");
        add(got, to, about, code);
    }
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonObject *member = json_array_get_object_element(list, i);

        add(expected, ims_scenario_text(member, "to"), ims_scenario_text(member, "about"),
            ims_scenario_text(member, "code"));
    }
    return compare("reports", expected, got, same_report);
}

/* ---- events ---- */

static char *
check_events(const ImsScenarioEnd *end, JsonArray *list, gboolean wanted)
{
    for (guint i = 0; i < json_array_get_length(list); i++) {
        guint number = (guint)json_array_get_int_element(list, i);

        if (g_hash_table_contains(end->events, GUINT_TO_POINTER(number)) != wanted)
            return g_strdup_printf(wanted ? "outcome.events: %u was not logged"
                                          : "outcome.events_absent: %u was logged",
                                   number);
    }
    return NULL;
}

char *
ims_scenario_outcome_check(const ImsScenarioEnd *end, JsonObject *outcome)
{
    static const struct {
        const char *name;
        char *(*check)(const ImsScenarioEnd *end, JsonArray *list);
    } parts[] = {
        {"delivered", check_delivered},
        {"sent",      check_sent     },
        {"queued",    check_queued   },
        {"reports",   check_reports  },
    };
    JsonArray *events = ims_scenario_list(outcome, "events");
    JsonArray *absent = ims_scenario_list(outcome, "events_absent");
    char *difference = NULL;

    for (guint i = 0; i < G_N_ELEMENTS(parts) && difference == NULL; i++) {
        JsonArray *list = ims_scenario_list(outcome, parts[i].name);

        if (list != NULL)
            difference = parts[i].check(end, list);
    }
    if (difference == NULL && events != NULL)
        difference = check_events(end, events, TRUE);
    if (difference == NULL && absent != NULL)
        difference = check_events(end, absent, FALSE);
    return difference;
}
