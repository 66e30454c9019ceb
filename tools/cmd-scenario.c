/* imsctl scenario: plays scenario files, in this process and on a clock of its own. */
#include "tools/imsctl.h"

#include "ims/scenario.h"

#include <stdio.h>
#include <string.h>

typedef struct {
    gboolean transcript;
} Options;

static ImsScenarioResult *
play_file(const char *file)
{
    g_autofree char *text = NULL;
    g_autoptr(GError) error = NULL;
    ImsScenarioResult *result;
    gsize length;

    if (g_file_get_contents(file, &text, &length, &error))
        return ims_scenario_play(text, length);
    result = g_new0(ImsScenarioResult, 1);
    result->difference = g_strdup(error->message);
    result->transcript = g_strdup("");
    return result;
}

static void
print_indented(const char *text)
{
    g_auto(GStrv) lines = g_strsplit(text, "\n", -1);

    for (guint i = 0; lines[i] != NULL; i++)
        if (*lines[i] != '\0' || lines[i + 1] != NULL)
            printf("    %s\n", lines[i]);
}

static void
print_result(const char *file, const ImsScenarioResult *result, gboolean transcript)
{
    const char *id = result->id != NULL ? result->id : file;

    if (result->passed)
        printf("passed  %s\n", id);
    else
        printf("FAILED  %s: %s\n", id, result->difference);
    if (transcript || !result->passed)
        print_indented(result->transcript);
}

static JsonObject *
to_object(const char *file, const ImsScenarioResult *result, gboolean transcript)
{
    JsonObject *object = json_object_new();

    json_object_set_string_member(object, "file", file);
    imsctl_set_text(object, "id", result->id);
    imsctl_set_text(object, "title", result->title);
    json_object_set_boolean_member(object, "passed", result->passed);
    imsctl_set_text(object, "difference", result->difference);
    if (transcript || !result->passed)
        json_object_set_string_member(object, "transcript", result->transcript);
    return object;
}

static void
print_summary(JsonArray *list, guint passed, guint failed)
{
    g_autoptr(JsonObject) object = NULL;

    if (list == NULL) {
        printf("%u passed, %u failed\n", passed, failed);
        return;
    }
    object = json_object_new();
    json_object_set_array_member(object, "scenarios", list);
    json_object_set_int_member(object, "passed", passed);
    json_object_set_int_member(object, "failed", failed);
    imsctl_print_json_object(object);
}

static int
run(Imsctl *ctl, int argc, char **argv)
{
    Options options = {0};
    const GOptionEntry entries[] = {
        {"transcript", 0, 0, G_OPTION_ARG_NONE, &options.transcript,
         "print the whole dialogue of each, with the rules under each RCPT TO", NULL},
        {NULL,         0, 0, 0,                 NULL,                NULL,      NULL},
    };
    guint passed = 0, failed = 0;
    JsonArray *list;

    if (!imsctl_parse(ctl, entries, 1, G_MAXUINT, &argc, &argv))
        return IMSCTL_USAGE;
    list = ctl->json ? json_array_new() : NULL;
    for (int i = 1; i < argc; i++) {
        g_autoptr(ImsScenarioResult) result = play_file(argv[i]);

        if (result->passed)
            passed++;
        else
            failed++;
        if (list != NULL)
            json_array_add_object_element(list, to_object(argv[i], result, options.transcript));
        else
            print_result(argv[i], result, options.transcript);
    }
    print_summary(list, passed, failed);
    return failed == 0 ? IMSCTL_OK : IMSCTL_FAILED;
}

const ImsctlCommand *
imsctl_scenario_commands(guint *n_out)
{
    static const ImsctlCommand commands[] = {
        {"scenario", "FILE...", "Plays scenario files and says where the server differs.", run},
    };

    *n_out = G_N_ELEMENTS(commands);
    return commands;
}
