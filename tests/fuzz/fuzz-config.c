/* ims.conf: any bytes are read or refused; what is read does not differ from itself, and can be
 * warned about. */
#include "ims/config.h"

int LLVMFuzzerTestOneInput(const guint8 *data, gsize size);

int
LLVMFuzzerTestOneInput(const guint8 *data, gsize size)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(ImsConfig) config = ims_config_parse("/x/ims.conf", (const char *)data, size, &error);

    g_assert((config == NULL) == (error != NULL));
    if (config != NULL) {
        g_autoptr(ImsConfig) again =
            ims_config_parse("/x/ims.conf", (const char *)data, size, NULL);
        g_autoptr(GPtrArray) differences = ims_config_compare(config, again);
        g_autoptr(GPtrArray) warnings = ims_config_warnings(config);

        g_assert(differences->len == 0);
        g_assert(warnings != NULL);
    }
    return 0;
}
