/* Paths, encapsulated addresses and nets: what is taken prints as something that is taken again,
 * and is the same. */
#include "routing/ip.h"
#include "routing/path.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

static void
fuzz_path(const char *text, gboolean lax)
{
    g_auto(ImsPath) path = {0}, again = {0};
    g_autofree char *formatted = NULL, *formatted_again = NULL;

    if (!ims_path_parse(text, lax, &path, NULL))
        return;
    formatted = ims_path_format(&path);
    g_assert(ims_path_parse(formatted, lax, &again, NULL));
    formatted_again = ims_path_format(&again);
    g_assert(strcmp(formatted, formatted_again) == 0);
    g_assert(strcmp(path.local, again.local) == 0 && g_strcmp0(path.domain, again.domain) == 0);
    g_assert(path.is_literal == again.is_literal && !again.had_route);
    (void)ims_path_has_equal_sign(&path);
}

static void
fuzz_imcea(const char *text)
{
    g_autofree char *type = NULL, *address = NULL, *encoded = NULL, *again = NULL;

    if (!ims_imcea_decode(text, &type, &address))
        return;
    encoded = ims_imcea_encode(type, address);
    g_assert(ims_imcea_decode(encoded, NULL, &again));
    g_assert(strcmp(address, again) == 0);
}

static void
fuzz_net(const char *text)
{
    g_autoptr(ImsNetList) list = ims_net_list_new();
    g_autoptr(GError) error = NULL;
    gboolean added = ims_net_list_add(list, text, &error);

    g_assert(added == (error == NULL));
    g_assert(ims_net_list_size(list) == (added ? 1u : 0u));
    g_assert(!added || strcmp(ims_net_list_text(list, 0), text) == 0);
}

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autofree char *text = g_strndup((const char *)data, size);

    fuzz_path(text, FALSE);
    fuzz_path(text, TRUE);
    fuzz_imcea(text);
    fuzz_net(text);
    return 0;
}
