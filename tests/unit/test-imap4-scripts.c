/* Plays every script of tests/imap4, whole and one octet at a time. */
#include "tests/unit/imap4-play.h"

#include <string.h>

static char *directory;

typedef struct {
    char *path;
    gboolean bytewise;
} Script;

static void
test_script(gconstpointer data)
{
    const Script *script = data;

    imap4_play(script->path, script->bytewise);
}

static void
script_free(gpointer data)
{
    Script *script = data;

    g_free(script->path);
    g_free(script);
}

static void
add_script(const char *file, gboolean bytewise)
{
    g_autofree char *name = g_strndup(file, strlen(file) - strlen(".txt"));
    g_autofree char *path =
        g_strdup_printf("/imap4/script/%s/%s", name, bytewise ? "bytewise" : "whole");
    Script *script = g_new0(Script, 1);

    script->path = g_build_filename(directory, file, NULL);
    script->bytewise = bytewise;
    g_test_add_data_func_full(path, script, test_script, script_free);
}

int
main(int argc, char **argv)
{
    const char *root = g_getenv("IMS_TEST_SRCDIR");
    g_autoptr(GDir) listing = NULL;
    g_autoptr(GError) error = NULL;
    const char *file;
    int status;

    g_test_init(&argc, &argv, NULL);
    directory = g_build_filename(root != NULL ? root : "..", "tests", "imap4", NULL);
    listing = g_dir_open(directory, 0, &error);
    g_assert_no_error(error);
    while ((file = g_dir_read_name(listing)) != NULL) {
        if (!g_str_has_suffix(file, ".txt"))
            continue;
        add_script(file, FALSE);
        add_script(file, TRUE);
    }
    status = g_test_run();
    g_free(directory);
    return status;
}
