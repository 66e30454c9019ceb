/* imsctl check, settings. */
#include "tools/imsctl.h"

#include "net/conn.h"

#include <stdio.h>
#include <string.h>

enum {
    CHECK_WARNINGS = 1,
    CHECK_ERRORS = 2,
};

/* ---- check ---- */

static JsonArray *
text_array(char *const *texts, guint n)
{
    JsonArray *array = json_array_new();

    for (guint i = 0; i < n; i++)
        json_array_add_string_element(array, texts[i]);
    return array;
}

static int
report(Imsctl *ctl, const char *errors, const GPtrArray *warnings)
{
    g_auto(GStrv) lines = g_strsplit(errors != NULL ? errors : "", "\n", -1);
    guint n_errors = errors != NULL ? g_strv_length(lines) : 0;
    guint n_warnings = warnings != NULL ? warnings->len : 0;

    if (ctl->json) {
        g_autoptr(JsonObject) object = json_object_new();

        json_object_set_array_member(object, "errors", text_array(lines, n_errors));
        json_object_set_array_member(
            object, "warnings",
            text_array(warnings != NULL ? (char *const *)warnings->pdata : NULL, n_warnings));
        imsctl_print_json_object(object);
    } else {
        for (guint i = 0; i < n_errors; i++)
            printf("error: %s\n", lines[i]);
        for (guint i = 0; i < n_warnings; i++)
            printf("warning: %s\n", (char *)warnings->pdata[i]);
        printf("%u error%s, %u warning%s\n", n_errors, n_errors == 1 ? "" : "s", n_warnings,
               n_warnings == 1 ? "" : "s");
    }
    return n_errors > 0 ? CHECK_ERRORS : n_warnings > 0 ? CHECK_WARNINGS : IMSCTL_OK;
}

static int
check(Imsctl *ctl, int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsConfig) config = NULL;
    g_autoptr(GPtrArray) warnings = NULL;

    if (!imsctl_parse(ctl, NULL, 0, 0, &argc, &argv))
        return IMSCTL_USAGE;
    config = ims_config_load(ctl->config_file, &error);
    if (config == NULL)
        return report(ctl, error->message, NULL);
    ims_config_add_interface_addresses(config);
    warnings = ims_config_warnings(config);
    if (config->certificate_file != NULL) {
        ImsTls *tls = ims_tls_new(config->certificate_file, config->key_file, &error);

        g_clear_pointer(&tls, ims_tls_unref);
    }
    return report(ctl, error != NULL ? error->message : NULL, warnings);
}

/* ---- settings ---- */

static gboolean
is_wanted(const ImsConfigSetting *setting, const char *word)
{
    g_autofree char *full = g_strdup_printf("%s/%s", setting->group, setting->key);

    return word == NULL || g_ascii_strcasecmp(setting->group, word) == 0 ||
           g_ascii_strcasecmp(setting->key, word) == 0 || g_ascii_strcasecmp(full, word) == 0;
}

static JsonObject *
setting_object(const ImsConfigSetting *setting, const char *value)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "group", setting->group);
    json_object_set_string_member(object, "key", setting->key);
    json_object_set_string_member(object, "expected", setting->type);
    json_object_set_string_member(object, "default", setting->default_value);
    json_object_set_string_member(object, "meaning", setting->meaning);
    json_object_set_string_member(object, "source", setting->source);
    if (value != NULL)
        json_object_set_string_member(object, "value", value);
    else
        json_object_set_null_member(object, "value");
    return object;
}

/* Lines of at most 76 columns, broken at blanks. */
static void
print_wrapped(const char *label, const char *text)
{
    enum {
        INDENT = 6,
        WIDTH = 76,
    };
    g_auto(GStrv) words = g_strsplit(text, " ", -1);
    glong column = INDENT + g_utf8_strlen(label, -1);

    printf("%*s%s", INDENT, "", label);
    for (guint i = 0; words[i] != NULL; i++) {
        glong width = g_utf8_strlen(words[i], -1);

        if (i > 0 && column + 1 + width > WIDTH) {
            printf("\n%*s%s", INDENT + 2, "", words[i]);
            column = INDENT + 2 + width;
        } else {
            printf("%s%s", i > 0 ? " " : "", words[i]);
            column += (i > 0) + width;
        }
    }
    putchar('\n');
}

static void
print_setting(const ImsConfigSetting *setting, const char *value)
{
    printf("  %s\n", setting->key);
    print_wrapped("", setting->meaning);
    print_wrapped("Expected: ", setting->type);
    print_wrapped("Default: ", setting->default_value);
    if (value != NULL)
        print_wrapped("In the file: ", value);
    print_wrapped("Source: ", setting->source);
}

static int
settings(Imsctl *ctl, int argc, char **argv)
{
    guint n, found = 0;
    const ImsConfigSetting *rows = ims_config_settings(&n);
    g_autoptr(ImsConfig) config = NULL;
    g_autoptr(JsonArray) array = json_array_new();
    const char *group = NULL;

    if (!imsctl_parse(ctl, NULL, 0, 1, &argc, &argv))
        return IMSCTL_USAGE;
    /* The list is of use without a file, and with a broken one. */
    config = ims_config_load(ctl->config_file, NULL);
    for (guint i = 0; i < n; i++) {
        const char *value =
            config != NULL ? ims_config_text(config, rows[i].group, rows[i].key) : NULL;

        if (!is_wanted(&rows[i], argc > 1 ? argv[1] : NULL))
            continue;
        found++;
        if (ctl->json) {
            json_array_add_object_element(array, setting_object(&rows[i], value));
            continue;
        }
        if (g_strcmp0(group, rows[i].group) != 0)
            printf("%s[%s]\n", group != NULL ? "\n" : "", rows[i].group);
        group = rows[i].group;
        print_setting(&rows[i], value);
    }
    if (found == 0)
        return imsctl_complain(IMSCTL_FAILED, "%s: there is no such group or setting", argv[1]);
    if (ctl->json) {
        g_autoptr(JsonNode) node = json_node_new(JSON_NODE_ARRAY);

        json_node_set_array(node, array);
        imsctl_print_json(node);
    }
    return IMSCTL_OK;
}

const ImsctlCommand *
imsctl_config_commands(guint *n_out)
{
    static const ImsctlCommand commands[] = {
        {"check",    NULL,          "Checks the file: exit status 0 clean, 1 warnings, 2 errors.", check   },
        {"settings", "[GROUP|KEY]",
         "Lists every setting: what it means, is expected, its default and source.",               settings},
    };

    *n_out = G_N_ELEMENTS(commands);
    return commands;
}
