/* The verdict of a virtual server in words. */
#include <string.h>

#include "routing/relay-private.h"
#include "routing/virtual-server-private.h"

/* Bytes of the client's text that a line of explanation repeats. */
#define ECHO_MAX 400

typedef struct {
    const ImsVirtualServerPolicy *policy;
    const ImsRelayQuery *query;
    const ImsRelayStep *step;
    ImsPath path;
} Telling;

static char *
connector_text(const Telling *self)
{
    const ImsConnector *connector =
        ims_connector_list_route(self->policy->connectors, self->path.domain, NULL);

    return g_strdup_printf("\"%s\"", connector->name);
}

static char *
value_of(gconstpointer teller, const char *word, gsize length)
{
    const Telling *self = teller;
    const ImsRelayQuery *query = self->query;

#define IS(name) (length == strlen(name) && memcmp(word, name, length) == 0)
    if (IS("recipient"))
        return ims_relay_echo(query->recipient, ECHO_MAX);
    if (IS("address"))
        return ims_path_format(&self->path);
    if (IS("domain"))
        return g_strdup(self->path.domain != NULL ? self->path.domain : "");
    if (IS("client"))
        return ims_relay_client_text(&query->client);
    if (IS("connector"))
        return connector_text(self);
    if (IS("item"))
        return g_strdup_printf("%s (entry %u)",
                               ims_host_list_text(self->policy->relay_list, self->step->entry - 1),
                               self->step->entry);
    if (IS("account"))
        return query->account != NULL ? g_strconcat(" as ", query->account, NULL) : g_strdup("");
#undef IS
    g_assert_not_reached();
}

GPtrArray *
ims_virtual_server_explain(const ImsVirtualServerPolicy *policy, const ImsRelayQuery *query,
                           const ImsRelayVerdict *verdict)
{
    GPtrArray *lines = ims_relay_lines_new();
    Telling self = {.policy = policy, .query = query};

    if (!ims_virtual_server_parse(policy, query->recipient, &self.path))
        self.path = (ImsPath){.local = g_strdup("")};
    if (self.path.domain == NULL && policy->default_domain != NULL)
        self.path.domain = g_ascii_strdown(policy->default_domain, -1);
    for (guint i = 0; i < verdict->n_steps; i++) {
        self.step = &verdict->steps[i];
        g_ptr_array_add(lines, ims_relay_line_new(self.step, value_of, &self));
    }
    ims_path_clear(&self.path);
    return lines;
}
