/* A scenario file: read, and its steps looked over before anything is played. */
#include "ims/scenario-private.h"

#include <string.h>

static gboolean G_GNUC_PRINTF(3, 4) fail(GError **error, const char *where, const char *format, ...)
{
    g_autofree char *message = NULL;
    va_list arguments;

    va_start(arguments, format);
    message = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, IMS_SCENARIO_ERROR, IMS_SCENARIO_ERROR_FORM, "%s: %s", where, message);
    return FALSE;
}

/* ---- members that may be left out ---- */

const char *
ims_scenario_text(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
                   json_node_get_value_type(node) == G_TYPE_STRING
               ? json_node_get_string(node)
               : NULL;
}

gboolean
ims_scenario_flag(JsonObject *object, const char *name, gboolean otherwise)
{
    return json_object_has_member(object, name) ? json_object_get_boolean_member(object, name)
                                                : otherwise;
}

JsonObject *
ims_scenario_object(JsonObject *object, const char *name)
{
    return json_object_has_member(object, name) ? json_object_get_object_member(object, name)
                                                : NULL;
}

JsonArray *
ims_scenario_list(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node != NULL && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;
}

void
ims_scenario_merge(JsonObject *into, JsonObject *change)
{
    g_autoptr(GList) names = json_object_get_members(change);

    for (GList *name = names; name != NULL; name = name->next) {
        JsonNode *new_node = json_object_get_member(change, name->data);
        JsonNode *old_node = json_object_get_member(into, name->data);

        if (old_node != NULL && JSON_NODE_HOLDS_OBJECT(old_node) &&
            JSON_NODE_HOLDS_OBJECT(new_node))
            ims_scenario_merge(json_node_get_object(old_node), json_node_get_object(new_node));
        else
            json_object_set_member(into, name->data, json_node_copy(new_node));
    }
}

/* ---- the steps ---- */

typedef struct {
    GHashTable *sessions; /* name → GINT_TO_POINTER(is it open) */
    GHashTable *accounts; /* lower case */
    gint64 now_usec;
} Steps;

static gboolean
check_time(Steps *steps, JsonObject *step, const char *where, GError **error)
{
    const char *at = ims_scenario_text(step, "at");
    gint64 usec = at != NULL ? ims_scenario_time_usec(at) : steps->now_usec;

    if (usec < steps->now_usec)
        return fail(error, where, "time goes back to %s", at);
    steps->now_usec = usec;
    return TRUE;
}

static gboolean
check_open(Steps *steps, JsonObject *step, const char *where, GError **error)
{
    const char *name = ims_scenario_text(step, "session");
    gboolean refused = ims_scenario_flag(step, "refused", FALSE);

    if (g_hash_table_contains(steps->sessions, name))
        return fail(error, where, "the session %s was opened before", name);
    if (json_object_has_member(step, "expect") == refused)
        return fail(error, where, "either expect or refused is expected");
    if (json_object_has_member(step, "port") &&
        json_object_get_int_member(step, "port") > G_MAXUINT16)
        return fail(error, where, "there is no such port");
    g_hash_table_insert(steps->sessions, g_strdup(name),
                        GINT_TO_POINTER(!refused && !ims_scenario_flag(step, "closed", FALSE)));
    return TRUE;
}

static gboolean
check_logon(Steps *steps, JsonObject *step, const char *where, GError **error)
{
    g_auto(GStrv) parts = g_strsplit_set(ims_scenario_text(step, "logon"), "\\/", -1);
    g_autofree char *account = NULL;

    if (json_object_has_member(step, "password"))
        return TRUE;
    account = parts[0] != NULL && parts[1] != NULL ? g_strdup_printf("%s\\%s", parts[0], parts[1])
                                                   : g_strdup(ims_scenario_text(step, "logon"));
    for (char *p = account; *p != '\0'; p++)
        *p = g_ascii_tolower(*p);
    if (!g_hash_table_contains(steps->accounts, account))
        return fail(error, where, "%s is not among the people, so a password is expected", account);
    return TRUE;
}

static gboolean
check_used(Steps *steps, JsonObject *step, const char *where, GError **error)
{
    const char *name = ims_scenario_text(step, "session");
    gpointer open;

    if (!g_hash_table_lookup_extended(steps->sessions, name, NULL, &open))
        return fail(error, where, "the session %s is used before it is opened", name);
    if (!GPOINTER_TO_INT(open))
        return fail(error, where, "the session %s is gone", name);
    if (json_object_has_member(step, "logon"))
        return check_logon(steps, step, where, error);
    if (json_object_has_member(step, "close") || ims_scenario_flag(step, "closed", FALSE))
        g_hash_table_insert(steps->sessions, g_strdup(name), GINT_TO_POINTER(FALSE));
    return TRUE;
}

static gboolean
check_set(JsonObject *step, const char *where, GError **error)
{
    static const char *const fixed[] = {"people", "recipients", "model"};
    JsonObject *set = json_object_get_object_member(step, "set");

    for (guint i = 0; i < G_N_ELEMENTS(fixed); i++)
        if (json_object_has_member(set, fixed[i]))
            return fail(error, where, "'set' may not change %s", fixed[i]);
    return TRUE;
}

static gboolean
check_step(Steps *steps, JsonObject *step, const char *where, GError **error)
{
    if (!check_time(steps, step, where, error))
        return FALSE;
    if (json_object_has_member(step, "protocol"))
        return check_open(steps, step, where, error);
    if (json_object_has_member(step, "session"))
        return check_used(steps, step, where, error);
    if (json_object_has_member(step, "restart")) {
        GHashTableIter iter;

        g_hash_table_iter_init(&iter, steps->sessions);
        while (g_hash_table_iter_next(&iter, NULL, NULL))
            g_hash_table_iter_replace(&iter, GINT_TO_POINTER(FALSE));
    }
    if (json_object_has_member(step, "set"))
        return check_set(step, where, error);
    return TRUE;
}

static gboolean
check_steps(JsonObject *file, GError **error)
{
    JsonArray *list = json_object_get_array_member(file, "steps");
    JsonArray *people =
        json_object_get_array_member(json_object_get_object_member(file, "server"), "people");
    g_autoptr(GHashTable) sessions = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    g_autoptr(GHashTable) accounts = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, NULL);
    Steps steps = {.sessions = sessions, .accounts = accounts};

    for (guint i = 0; i < json_array_get_length(people); i++)
        g_hash_table_add(
            accounts,
            g_ascii_strdown(ims_scenario_text(json_array_get_object_element(people, i), "account"),
                            -1));
    for (guint i = 0; i < json_array_get_length(list); i++) {
        JsonNode *node = json_array_get_element(list, i);
        g_autofree char *where = g_strdup_printf("steps[%u]", i);

        if (!ims_scenario_check_step_form(node, where, error) ||
            !check_step(&steps, json_node_get_object(node), where, error))
            return FALSE;
    }
    return TRUE;
}

/* ---- reading ---- */

typedef struct {
    GHashTable *counts; /* JsonObject → how many members were read */
    gboolean twins;
} Twins;

static void
member_read(JsonParser *parser, JsonObject *object, const char *name, gpointer data)
{
    Twins *twins = data;

    g_hash_table_insert(
        twins->counts, object,
        GUINT_TO_POINTER(GPOINTER_TO_UINT(g_hash_table_lookup(twins->counts, object)) + 1));
}

/* The library keeps the last of two members with one name; a slip must not pass so. */
static void
object_read(JsonParser *parser, JsonObject *object, gpointer data)
{
    Twins *twins = data;

    if (GPOINTER_TO_UINT(g_hash_table_lookup(twins->counts, object)) !=
        json_object_get_size(object))
        twins->twins = TRUE;
    g_hash_table_remove(twins->counts, object);
}

JsonObject *
ims_scenario_file_parse(const char *text, gsize length, GError **error)
{
    g_autoptr(JsonParser) parser = json_parser_new_immutable();
    g_autoptr(GHashTable) counts = g_hash_table_new(NULL, NULL);
    Twins twins = {.counts = counts};
    g_autoptr(JsonNode) copy = NULL;
    JsonNode *root;

    g_signal_connect(parser, "object-member", G_CALLBACK(member_read), &twins);
    g_signal_connect(parser, "object-end", G_CALLBACK(object_read), &twins);
    if (!json_parser_load_from_data(parser, text, (gssize)length, error))
        return NULL;
    root = json_parser_get_root(parser);
    if (twins.twins) {
        fail(error, "the file", "a member stands twice in one object");
        return NULL;
    }
    if (root == NULL) {
        fail(error, "the file", "it is empty");
        return NULL;
    }
    if (!ims_scenario_check_form(root, error) || !check_steps(json_node_get_object(root), error))
        return NULL;
    /* What the parser made cannot be changed, and `set` changes. */
    return json_object_ref(json_node_get_object(root));
}
