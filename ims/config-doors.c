/* Values of ims.conf about who may connect and submit. */
#include "ims/config-private.h"

#include <string.h>

gboolean
ims_config_read_security(ImsConfigReading *reading, const char *text)
{
    g_auto(GStrv) parts = ims_config_split_list(text);
    guint security = IMS_SECURITY_NONE;

    if (parts == NULL)
        return FALSE;
    if (parts[1] != NULL || g_ascii_strcasecmp(parts[0], "any") != 0)
        for (guint i = 0; parts[i] != NULL; i++) {
            if (g_ascii_strcasecmp(parts[i], "authentication") == 0)
                security |= IMS_SECURITY_AUTHENTICATION;
            else if (g_ascii_strcasecmp(parts[i], "encryption") == 0)
                security |= IMS_SECURITY_ENCRYPTION;
            else
                return ims_config_wrong(reading, "not one of these", parts[i]);
        }
    *IMS_CONFIG_FIELD(reading, guint) = security;
    reading->canonical = g_strdup_printf("%u", security);
    return TRUE;
}

gboolean
ims_config_read_rules(ImsConfigReading *reading, const char *text)
{
    g_auto(GStrv) parts = ims_config_split_list(text);
    g_autoptr(ImsConnectionRules) rules = ims_connection_rules_new();
    g_autofree char *joined = NULL;

    if (parts == NULL)
        return FALSE;
    for (guint i = 0; parts[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;

        if (!ims_connection_rules_add(rules, parts[i], &error)) {
            reading->wrong = g_strdup(error->message);
            return FALSE;
        }
    }
    /* The order counts here; blanks and the case of letters do not. */
    joined = g_strjoinv(",", parts);
    reading->canonical = g_ascii_strdown(joined, -1);
    *IMS_CONFIG_FIELD(reading, ImsConnectionRules *) = g_steal_pointer(&rules);
    return TRUE;
}

gboolean
ims_config_read_turf(ImsConfigReading *reading, const char *text)
{
    g_auto(GStrv) parts = ims_config_split_list(text);
    g_autoptr(ImsTurfTable) table = ims_turf_table_new();
    g_autofree char *joined = NULL;

    if (parts == NULL)
        return FALSE;
    for (guint i = 0; parts[i] != NULL; i++) {
        g_autoptr(GError) error = NULL;

        if (!ims_turf_table_add(table, parts[i], &error)) {
            reading->wrong = g_strdup(error->message);
            return FALSE;
        }
    }
    joined = g_strjoinv(",", parts);
    reading->canonical = g_ascii_strdown(joined, -1);
    *IMS_CONFIG_FIELD(reading, ImsTurfTable *) = g_steal_pointer(&table);
    return TRUE;
}
