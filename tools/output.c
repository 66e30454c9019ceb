/* What the commands print: tables and JSON. */
#include "tools/imsctl.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* On a terminal control characters would act: what a peer has written must not. */
char *
imsctl_printable(const char *text)
{
    g_autofree char *valid = g_utf8_make_valid(text != NULL && *text != '\0' ? text : "-", -1);
    GString *out = g_string_new(NULL);

    for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);

        g_string_append_unichar(
            out, g_unichar_iscntrl(c) || g_unichar_type(c) == G_UNICODE_FORMAT ? '?' : c);
    }
    return g_string_free(out, FALSE);
}

/* ---- JSON ---- */

void
imsctl_print_json(JsonNode *node)
{
    g_autofree char *text = json_to_string(node, TRUE);

    puts(text);
}

void
imsctl_print_json_object(JsonObject *object)
{
    g_autoptr(JsonNode) node = json_node_new(JSON_NODE_OBJECT);

    json_node_set_object(node, object);
    imsctl_print_json(node);
}

const char *
imsctl_member(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) &&
                   json_node_get_value_type(node) == G_TYPE_STRING
               ? json_node_get_string(node)
               : NULL;
}

gint64
imsctl_number(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) ? json_node_get_int(node) : 0;
}

gboolean
imsctl_flag(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);

    return node != NULL && JSON_NODE_HOLDS_VALUE(node) && json_node_get_boolean(node);
}

char *
imsctl_joined(JsonObject *object, const char *name)
{
    JsonNode *node = json_object_get_member(object, name);
    GString *joined = g_string_new(NULL);
    JsonArray *array =
        node != NULL && JSON_NODE_HOLDS_ARRAY(node) ? json_node_get_array(node) : NULL;

    for (guint i = 0; array != NULL && i < json_array_get_length(array); i++)
        g_string_append_printf(joined, "%s%s", i > 0 ? ", " : "",
                               json_array_get_string_element(array, i));
    return g_string_free(joined, FALSE);
}

void
imsctl_set_text(JsonObject *arguments, const char *name, const char *text)
{
    if (text != NULL)
        json_object_set_string_member(arguments, name, text);
}

void
imsctl_set_list(JsonObject *arguments, const char *name, char *const *texts)
{
    JsonArray *array;

    if (texts == NULL)
        return;
    array = json_array_new();
    for (guint i = 0; texts[i] != NULL; i++)
        json_array_add_string_element(array, texts[i]);
    json_object_set_array_member(arguments, name, array);
}

void
imsctl_set_flag(JsonObject *arguments, const char *name, gboolean value)
{
    if (value)
        json_object_set_boolean_member(arguments, name, TRUE);
}

/* ---- tables ---- */

struct _ImsctlTable {
    guint n_columns;
    GPtrArray *cells; /* (element-type utf8): rows one after another, the heads first */
};

ImsctlTable *
imsctl_table_new(const char *const *heads)
{
    ImsctlTable *table = g_new0(ImsctlTable, 1);

    table->cells = g_ptr_array_new_with_free_func(g_free);
    while (heads[table->n_columns] != NULL)
        g_ptr_array_add(table->cells, g_strdup(heads[table->n_columns++]));
    return table;
}

void
imsctl_table_add(ImsctlTable *table, ...)
{
    va_list cells;

    va_start(cells, table);
    for (guint i = 0; i < table->n_columns; i++)
        g_ptr_array_add(table->cells, imsctl_printable(va_arg(cells, const char *)));
    va_end(cells);
}

void
imsctl_table_print(ImsctlTable *table)
{
    g_autofree glong *widths = g_new0(glong, table->n_columns);

    for (guint i = 0; i < table->cells->len; i++) {
        glong width = g_utf8_strlen(table->cells->pdata[i], -1);

        widths[i % table->n_columns] = MAX(widths[i % table->n_columns], width);
    }
    for (guint i = 0; i < table->cells->len; i++) {
        const char *text = table->cells->pdata[i];
        guint column = i % table->n_columns;

        fputs(text, stdout);
        if (column + 1 == table->n_columns)
            putchar('\n');
        else
            for (glong k = g_utf8_strlen(text, -1); k < widths[column] + 2; k++)
                putchar(' ');
    }
    g_ptr_array_unref(table->cells);
    g_free(table);
}

/* ---- questions ---- */

gboolean
imsctl_confirm(const char *question)
{
    char answer[16];

    if (!isatty(STDIN_FILENO))
        return FALSE;
    fprintf(stderr, "%s [y/N] ", question);
    return fgets(answer, sizeof answer, stdin) != NULL && (*answer == 'y' || *answer == 'Y');
}
