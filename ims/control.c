#include "ims/control.h"

#include "ims/control-private.h"

#include <string.h>

G_DEFINE_QUARK(ims_control_error, ims_control_error)

/* ---- answers ---- */

static void
call_free(ImsControlCall *call)
{
    call->service->control_calls--;
    json_object_unref(call->arguments);
    g_free(call);
}

void
ims_control_reply(ImsControlCall *call, JsonNode *result)
{
    call->callback(result, NULL, call->data);
    call_free(call);
}

void
ims_control_reply_object(ImsControlCall *call, JsonObject *result)
{
    JsonNode *node = json_node_new(JSON_NODE_OBJECT);

    json_node_take_object(node, result);
    ims_control_reply(call, node);
}

void
ims_control_reply_array(ImsControlCall *call, JsonArray *result)
{
    JsonNode *node = json_node_new(JSON_NODE_ARRAY);

    json_node_take_array(node, result);
    ims_control_reply(call, node);
}

void
ims_control_fail(ImsControlCall *call, GError *error)
{
    call->callback(NULL, error, call->data);
    g_error_free(error);
    call_free(call);
}

void
ims_control_fail_argument(ImsControlCall *call, const char *format, ...)
{
    va_list arguments;
    GError *error;

    va_start(arguments, format);
    error = g_error_new_valist(IMS_CONTROL_ERROR, IMS_CONTROL_ERROR_ARGUMENT, format, arguments);
    va_end(arguments);
    ims_control_fail(call, error);
}

/* ---- arguments ---- */

gboolean
ims_control_has(ImsControlCall *call, const char *name)
{
    return json_object_has_member(call->arguments, name);
}

const char *
ims_control_text(ImsControlCall *call, const char *name)
{
    return ims_control_has(call, name) ? json_object_get_string_member(call->arguments, name)
                                       : NULL;
}

guint64
ims_control_number(ImsControlCall *call, const char *name)
{
    return ims_control_has(call, name) ? (guint64)json_object_get_int_member(call->arguments, name)
                                       : 0;
}

gboolean
ims_control_flag(ImsControlCall *call, const char *name)
{
    return ims_control_has(call, name) && json_object_get_boolean_member(call->arguments, name);
}

char **
ims_control_list(ImsControlCall *call, const char *name)
{
    JsonArray *array =
        ims_control_has(call, name) ? json_object_get_array_member(call->arguments, name) : NULL;
    guint n = array != NULL ? json_array_get_length(array) : 0;
    char **list;

    if (array == NULL)
        return NULL;
    list = g_new0(char *, n + 1);
    for (guint i = 0; i < n; i++)
        list[i] = g_strdup(json_array_get_string_element(array, i));
    return list;
}

static gboolean
has_type(JsonNode *node, char type)
{
    switch (type) {
    case 's':
        return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_STRING;
    case 'i':
        return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_INT64 &&
               json_node_get_int(node) >= 0;
    case 'b':
        return JSON_NODE_HOLDS_VALUE(node) && json_node_get_value_type(node) == G_TYPE_BOOLEAN;
    default:
        if (!JSON_NODE_HOLDS_ARRAY(node))
            return FALSE;
        for (guint i = 0; i < json_array_get_length(json_node_get_array(node)); i++)
            if (!has_type(json_array_get_element(json_node_get_array(node), i), 's'))
                return FALSE;
        return TRUE;
    }
}

static const char *
type_in_words(char type)
{
    switch (type) {
    case 's':
        return "a text";
    case 'i':
        return "a number, 0 or more";
    case 'b':
        return "true or false";
    default:
        return "a list of texts";
    }
}

static gboolean
check_arguments(const ImsControlRequest *request, JsonObject *arguments, GError **error)
{
    g_auto(GStrv) words = g_strsplit(request->arguments, " ", -1);
    guint n_known = 0;

    for (guint i = 0; words[i] != NULL; i++) {
        char *colon = strchr(words[i], ':');
        JsonNode *node;

        if (colon == NULL)
            continue;
        *colon = '\0';
        node = json_object_get_member(arguments, words[i]);
        n_known += node != NULL;
        if (node == NULL ? colon[2] == '!' : !has_type(node, colon[1])) {
            g_set_error(error, IMS_CONTROL_ERROR, IMS_CONTROL_ERROR_ARGUMENT,
                        "%s: %s: %s: %s is expected", request->name, words[i],
                        node == NULL ? "not given" : "of another kind", type_in_words(colon[1]));
            return FALSE;
        }
    }
    if (n_known != json_object_get_size(arguments)) {
        g_set_error(error, IMS_CONTROL_ERROR, IMS_CONTROL_ERROR_ARGUMENT,
                    "%s: unknown argument; these are expected: %s", request->name,
                    request->arguments);
        return FALSE;
    }
    return TRUE;
}

/* ---- dispatching ---- */

static const ImsControlRequest *
find_request(const char *name)
{
    static const ImsControlRequest *(*const tables[])(guint * n_out) = {
        ims_control_service_requests,
        ims_control_recipient_requests,
        ims_control_account_requests,
        ims_control_queue_requests,
        ims_control_explain_requests,
    };

    for (guint t = 0; t < G_N_ELEMENTS(tables); t++) {
        guint n;
        const ImsControlRequest *rows = tables[t](&n);

        for (guint i = 0; i < n; i++)
            if (strcmp(rows[i].name, name) == 0)
                return &rows[i];
    }
    return NULL;
}

static const ImsControlRequest *
read_request(JsonObject *request, JsonObject **arguments_out, GError **error)
{
    JsonNode *name = json_object_get_member(request, "request");
    JsonNode *arguments = json_object_get_member(request, "arguments");
    const ImsControlRequest *row;
    g_autoptr(JsonObject) object = NULL;

    if (name == NULL || !has_type(name, 's')) {
        g_set_error_literal(error, IMS_CONTROL_ERROR, IMS_CONTROL_ERROR_ARGUMENT,
                            "request: the name of a request is expected");
        return NULL;
    }
    if (arguments != NULL && !JSON_NODE_HOLDS_OBJECT(arguments)) {
        g_set_error_literal(error, IMS_CONTROL_ERROR, IMS_CONTROL_ERROR_ARGUMENT,
                            "arguments: an object is expected");
        return NULL;
    }
    row = find_request(json_node_get_string(name));
    if (row == NULL) {
        g_set_error(error, IMS_CONTROL_ERROR, IMS_CONTROL_ERROR_UNKNOWN,
                    "%.100s: there is no such request", json_node_get_string(name));
        return NULL;
    }
    object = arguments != NULL ? json_node_dup_object(arguments) : json_object_new();
    if (!check_arguments(row, object, error))
        return NULL;
    *arguments_out = g_steal_pointer(&object);
    return row;
}

void
ims_control_request(ImsService *service, JsonObject *request, ImsControlCallback callback,
                    gpointer data)
{
    JsonObject *arguments = NULL;
    g_autoptr(GError) error = NULL;
    const ImsControlRequest *row = read_request(request, &arguments, &error);
    ImsControlCall *call;

    if (row == NULL) {
        callback(NULL, error, data);
        return;
    }
    call = g_new0(ImsControlCall, 1);
    call->service = service;
    service->control_calls++;
    call->arguments = arguments;
    call->parameter = row->parameter;
    call->callback = callback;
    call->data = data;
    row->run(call);
}

void
ims_control_set_time(JsonObject *object, const char *name, gint64 wall_usec)
{
    g_autoptr(GDateTime) time = NULL;
    g_autofree char *text = NULL;

    if (wall_usec > 0 && wall_usec < G_MAXINT64)
        time = g_date_time_new_from_unix_utc(wall_usec / G_USEC_PER_SEC);
    if (time != NULL)
        text = g_date_time_format(time, "%Y-%m-%dT%H:%M:%SZ");
    ims_control_set_text(object, name, text);
}

void
ims_control_set_text(JsonObject *object, const char *name, const char *text)
{
    g_autofree char *valid = NULL;

    if (text == NULL) {
        json_object_set_null_member(object, name);
        return;
    }
    /* Envelope addresses and subjects may hold any bytes. */
    valid = g_utf8_make_valid(text, -1);
    json_object_set_string_member(object, name, valid);
}
