#include "routing/connection.h"

#include <string.h>

G_DEFINE_QUARK(ims_connection_error, ims_connection_error)

struct _ImsConnectionRules {
    ImsNetList *nets; /* entry n is the net of rule n */
    GArray *verdicts; /* (element-type ImsConnectionVerdict) */
};

ImsConnectionRules *
ims_connection_rules_new(void)
{
    ImsConnectionRules *rules = g_new0(ImsConnectionRules, 1);

    rules->nets = ims_net_list_new_masked();
    rules->verdicts = g_array_new(FALSE, FALSE, sizeof(ImsConnectionVerdict));
    return rules;
}

void
ims_connection_rules_free(ImsConnectionRules *rules)
{
    if (rules == NULL)
        return;
    ims_net_list_free(rules->nets);
    g_array_unref(rules->verdicts);
    g_free(rules);
}

/* The words from "accept" or "reject" on. */
static gboolean
parse_words(char **words, ImsConnectionVerdict *verdict)
{
    if (words[0] == NULL)
        return FALSE;
    verdict->accept = g_ascii_strcasecmp(words[0], "accept") == 0;
    if (!verdict->accept)
        return g_ascii_strcasecmp(words[0], "reject") == 0 && words[1] == NULL;
    for (guint i = 1; words[i] != NULL; i++) {
        if (g_ascii_strcasecmp(words[i], "authentication") == 0)
            verdict->security |= IMS_SECURITY_AUTHENTICATION;
        else if (g_ascii_strcasecmp(words[i], "encryption") == 0)
            verdict->security |= IMS_SECURITY_ENCRYPTION;
        else if (g_ascii_strcasecmp(words[i], "relay-server") == 0)
            verdict->relay_server = TRUE;
        else
            return FALSE;
    }
    return TRUE;
}

static gboolean
is_action(const char *word)
{
    return g_ascii_strcasecmp(word, "accept") == 0 || g_ascii_strcasecmp(word, "reject") == 0;
}

gboolean
ims_connection_rules_add(ImsConnectionRules *rules, const char *text, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(text, ";", -1);
    g_autofree char *net = NULL, *shown = NULL;
    ImsConnectionVerdict verdict = {.rule = rules->verdicts->len + 1};
    guint n_net = 1;

    for (guint i = 0; parts[i] != NULL; i++)
        g_strstrip(parts[i]);
    if (parts[0] != NULL && parts[1] != NULL) {
        if (!is_action(parts[1]))
            n_net = 2;
        net = n_net == 2 ? g_strconcat(parts[0], ";", parts[1], NULL) : g_strdup(parts[0]);
        if (parse_words(parts + n_net, &verdict) && ims_net_list_add(rules->nets, net, NULL)) {
            g_array_append_val(rules->verdicts, verdict);
            return TRUE;
        }
    }
    shown = g_strescape(text, NULL);
    g_set_error(
        error, IMS_CONNECTION_ERROR, IMS_CONNECTION_ERROR_SYNTAX,
        "\"%.100s\" is not a rule: expected address;mask;accept or address;mask;reject, and "
        "behind accept any of ;authentication ;encryption ;relay-server",
        shown);
    return FALSE;
}

guint
ims_connection_rules_size(const ImsConnectionRules *rules)
{
    return rules->verdicts->len;
}

ImsConnectionVerdict
ims_connection_decide(const ImsConnectionRules *rules, ImsConnectionSecurity general,
                      const ImsAddress *client)
{
    guint rule = rules != NULL ? ims_net_list_match(rules->nets, client) : 0;

    if (rule != 0)
        return g_array_index(rules->verdicts, ImsConnectionVerdict, rule - 1);
    return (ImsConnectionVerdict){.accept = TRUE, .security = general};
}
