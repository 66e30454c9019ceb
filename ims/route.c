#include "ims/route.h"

#include <string.h>

#include "ims/config-private.h"

#define DEAD_USEC ((gint64)5 * 60 * G_USEC_PER_SEC)
/* A domain with hundreds of addresses must not keep a job for a day. */
#define MAX_TRIES 10
#define MAX_NAMES 20

typedef struct {
    char *host;
    guint16 port;
    gint64 dead_until_usec; /* monotonic */
} SmartHost;

struct _ImsRouter {
    ImsWorld *world;
    const ImsConfig *config;
    GArray *smart_hosts; /* (element-type SmartHost) */
    guint next_smart;    /* whose turn it is */
};

typedef struct {
    char *host;
    guint16 port;
    SmartHost *smart; /* (nullable) */
} Name;

typedef struct {
    ImsAddress address;
    Name *name; /* owned by the route's list of all */
} Candidate;

struct _ImsRoute {
    ImsRouter *router;
    char *domain;
    GPtrArray *names; /* (element-type Name): all, in the order of preference */
    guint next_name;
    GArray *candidates; /* (element-type Candidate) */
    guint next_candidate;
    gboolean wants_mx; /* the MX records are not asked for yet */
    guint n_tried;
    gboolean lookup_failed, found_self, null_mx;
    SmartHost *last_smart; /* (nullable): of the host given out last */
    ImsHopCallback callback;
    gpointer data;
};

/* ---- the router ---- */

static void
clear_smart(gpointer smart)
{
    g_free(((SmartHost *)smart)->host);
}

ImsRouter *
ims_router_new(ImsWorld *world, const ImsConfig *config)
{
    ImsRouter *router = g_new0(ImsRouter, 1);

    router->world = world;
    router->config = config;
    router->smart_hosts = g_array_new(FALSE, FALSE, sizeof(SmartHost));
    g_array_set_clear_func(router->smart_hosts, clear_smart);
    for (char **text = config->smart_hosts; text != NULL && *text != NULL; text++) {
        SmartHost smart = {0};

        /* The configuration was checked when it was read. */
        if (ims_config_split_host(*text, &smart.host, &smart.port))
            g_array_append_val(router->smart_hosts, smart);
    }
    return router;
}

void
ims_router_free(ImsRouter *router)
{
    if (router == NULL)
        return;
    g_array_unref(router->smart_hosts);
    g_free(router);
}

/* The longest entry that is @domain or a domain above it. */
static const ImsConfigRoute *
find_entry(const ImsConfig *config, const char *domain)
{
    const ImsConfigRoute *best = NULL;
    gsize length = strlen(domain), best_length = 0;

    for (guint i = 0; config->routes != NULL && i < config->routes->len; i++) {
        const ImsConfigRoute *route = &g_array_index(config->routes, ImsConfigRoute, i);
        gsize suffix = strlen(route->domain);

        if (suffix > length || suffix < best_length ||
            strcmp(domain + length - suffix, route->domain) != 0 ||
            (suffix < length && domain[length - suffix - 1] != '.'))
            continue;
        best = route;
        best_length = suffix;
    }
    return best;
}

gboolean
ims_route_is_listed(const ImsConfig *config, const char *domain)
{
    return find_entry(config, domain) != NULL;
}

gboolean
ims_route_waits_for_etrn(const ImsConfig *config, const char *domain)
{
    const ImsConfigRoute *entry = find_entry(config, domain);

    return entry != NULL && entry->etrn;
}

char *
ims_router_destination(ImsRouter *router, const char *domain)
{
    const ImsConfigRoute *entry = find_entry(router->config, domain);

    if (entry != NULL)
        return g_strdup_printf("%s:%u", entry->host, (guint)entry->port);
    if (router->smart_hosts->len > 0)
        return g_strdup("smart host");
    return g_strdup(domain);
}

/* ---- own addresses: mail must not come back to where it left ---- */

static gboolean
is_own_address(const ImsConfig *config, const ImsAddress *address)
{
    if (ims_address_is_loopback(address))
        return TRUE;
    for (guint i = 0; i < config->policy.n_own_addresses; i++) {
        if (ims_address_equal(&config->policy.own_addresses[i], address))
            return TRUE;
    }
    return FALSE;
}

static gboolean
is_any_address(const ImsAddress *address)
{
    static const guint8 zero[16];

    return memcmp(address->bytes, zero, address->family == 6 ? 16 : 4) == 0;
}

static gboolean
is_self(const ImsConfig *config, const ImsAddress *address, guint16 port)
{
    for (guint i = 0; config->listeners != NULL && i < config->listeners->len; i++) {
        const ImsConfigListener *listener = &g_array_index(config->listeners, ImsConfigListener, i);

        if ((listener->protocol != IMS_PROTOCOL_SMTP &&
             listener->protocol != IMS_PROTOCOL_SUBMISSION_TLS) ||
            listener->port != port)
            continue;
        if (is_any_address(&listener->address) ? is_own_address(config, address)
                                               : ims_address_equal(&listener->address, address))
            return TRUE;
    }
    return FALSE;
}

/* ---- a route ---- */

static void
free_name(gpointer data)
{
    Name *name = data;

    g_free(name->host);
    g_free(name);
}

static void
add_name(ImsRoute *route, const char *host, guint16 port, SmartHost *smart)
{
    Name *name = g_new0(Name, 1);

    name->host = g_strdup(host);
    name->port = port != 0 ? port : route->router->config->outbound_port;
    name->smart = smart;
    g_ptr_array_add(route->names, name);
}

/* Each has its turn; the dead come last, for if all are dead one of them may be alive again. */
static void
add_smart_hosts(ImsRoute *route)
{
    ImsRouter *router = route->router;
    gint64 now_usec = ims_world_mono_usec(router->world);
    guint n = router->smart_hosts->len;

    for (guint dead = 0; dead < 2; dead++) {
        for (guint i = 0; i < n; i++) {
            SmartHost *smart =
                &g_array_index(router->smart_hosts, SmartHost, (router->next_smart + i) % n);

            if ((smart->dead_until_usec > now_usec) == (dead == 1))
                add_name(route, smart->host, smart->port, smart);
        }
    }
    router->next_smart = (router->next_smart + 1) % n;
}

/* The address in brackets, with or without the IPv6 tag. (transfer full) (nullable) */
static char *
literal_of(const char *domain)
{
    gsize length = strlen(domain);
    gboolean is_tagged;

    if (length < 3 || domain[0] != '[' || domain[length - 1] != ']')
        return NULL;
    is_tagged = g_ascii_strncasecmp(domain + 1, "ipv6:", 5) == 0;
    return g_strndup(domain + (is_tagged ? 6 : 1), length - (is_tagged ? 7 : 2));
}

static gboolean
is_loopback(const char *host)
{
    ImsAddress address;

    return ims_address_parse(host, &address) && ims_address_is_loopback(&address);
}

gboolean
ims_route_is_loopback(const ImsConfig *config, const char *domain)
{
    const ImsConfigRoute *entry = find_entry(config, domain);
    g_autofree char *literal = literal_of(domain);

    if (entry != NULL)
        return is_loopback(entry->host);
    if (config->smart_hosts == NULL || config->smart_hosts[0] == NULL)
        return is_loopback(literal != NULL ? literal : domain);
    for (char **text = config->smart_hosts; *text != NULL; text++) {
        g_autofree char *host = NULL;
        guint16 port;

        if (!ims_config_split_host(*text, &host, &port) || !is_loopback(host))
            return FALSE;
    }
    return TRUE;
}

ImsRoute *
ims_route_new(ImsRouter *router, const char *domain)
{
    ImsRoute *route = g_new0(ImsRoute, 1);
    const ImsConfigRoute *entry = find_entry(router->config, domain);
    g_autofree char *literal = literal_of(domain);
    ImsAddress address;

    route->router = router;
    route->domain = g_strdup(domain);
    route->names = g_ptr_array_new_with_free_func(free_name);
    route->candidates = g_array_new(FALSE, FALSE, sizeof(Candidate));
    if (entry != NULL)
        add_name(route, entry->host, entry->port, NULL);
    else if (router->smart_hosts->len > 0)
        add_smart_hosts(route);
    else if (literal != NULL)
        add_name(route, literal, 0, NULL);
    else if (ims_address_parse(domain, &address))
        add_name(route, domain, 0, NULL);
    else
        route->wants_mx = TRUE;
    return route;
}

void
ims_route_free(ImsRoute *route)
{
    if (route == NULL)
        return;
    g_ptr_array_unref(route->names);
    g_array_unref(route->candidates);
    g_free(route->domain);
    g_free(route);
}

void
ims_route_failed(ImsRoute *route)
{
    if (route->last_smart != NULL)
        route->last_smart->dead_until_usec = ims_world_mono_usec(route->router->world) + DEAD_USEC;
}

static void
answer(ImsRoute *route, const ImsHop *hop)
{
    ImsHopCallback callback = route->callback;

    route->callback = NULL;
    callback(hop, route->data);
}

static void
answer_end(ImsRoute *route)
{
    g_autofree char *reason = NULL;
    ImsHop hop = {.kind = IMS_HOP_NEVER};

    if (route->n_tried > 0) {
        hop.kind = IMS_HOP_NONE_LEFT;
    } else if (route->lookup_failed) {
        hop.kind = IMS_HOP_LATER;
        reason = g_strdup_printf("the name servers do not answer for %s", route->domain);
    } else if (route->found_self) {
        reason = g_strdup_printf("mail for %s loops back to this server", route->domain);
    } else if (route->null_mx) {
        reason = g_strdup_printf("%s takes no mail (null MX)", route->domain);
    } else {
        reason = g_strdup("Host Unknown"); /* S-210 */
    }
    hop.reason = reason;
    answer(route, &hop);
}

static void step(gpointer data);

static void
add_candidates(ImsRoute *route, const ImsLookupResult *result)
{
    Name *name = route->names->pdata[route->next_name - 1];

    route->lookup_failed |= result->status == IMS_LOOKUP_FAILED;
    if (result->status != IMS_LOOKUP_OK)
        return;
    for (guint i = 0; i < result->n_records; i++) {
        Candidate candidate = {result->records[i].address, name};

        if (is_self(route->router->config, &candidate.address, name->port))
            route->found_self = TRUE;
        else
            g_array_append_val(route->candidates, candidate);
    }
}

static void
found_aaaa(const ImsLookupResult *result, gpointer data)
{
    add_candidates(data, result);
    step(data);
}

/* IPv4 first: libesmtp knows no other. */
static void
found_a(const ImsLookupResult *result, gpointer data)
{
    ImsRoute *route = data;
    Name *name = route->names->pdata[route->next_name - 1];

    add_candidates(route, result);
    if (result->status == IMS_LOOKUP_NOT_FOUND)
        step(route);
    else
        ims_world_lookup(route->router->world, IMS_LOOKUP_AAAA, name->host, found_aaaa, route);
}

/* A host that is itself in the list sends to those it prefers to itself only (RFC 5321 5.1). */
static void
add_mx_names(ImsRoute *route, const ImsLookupResult *result)
{
    guint32 own = G_MAXUINT32;

    for (guint i = 0; i < result->n_records; i++) {
        if (g_ascii_strcasecmp(result->records[i].name, route->router->config->host_name) == 0)
            own = MIN(own, result->records[i].preference);
    }
    route->found_self |= own != G_MAXUINT32;
    for (guint i = 0; i < result->n_records && route->names->len < MAX_NAMES; i++) {
        const ImsLookupRecord *record = &result->records[i];

        /* A null MX beside others means nothing (RFC 7505 3). */
        if (*record->name == '\0')
            route->null_mx = result->n_records == 1;
        else if (record->preference < own)
            add_name(route, record->name, 0, NULL);
    }
}

static void
found_mx(const ImsLookupResult *result, gpointer data)
{
    ImsRoute *route = data;

    switch (result->status) {
    case IMS_LOOKUP_OK:
        add_mx_names(route, result);
        break;
    case IMS_LOOKUP_NO_DATA:
        add_name(route, route->domain, 0, NULL); /* S-158 */
        break;
    case IMS_LOOKUP_FAILED:
        route->lookup_failed = TRUE;
        break;
    case IMS_LOOKUP_NOT_FOUND:
        break;
    }
    step(route);
}

static void
give_candidate(ImsRoute *route)
{
    const Candidate *candidate =
        &g_array_index(route->candidates, Candidate, route->next_candidate++);
    ImsHop hop = {.kind = IMS_HOP_TRY,
                  .host = candidate->name->host,
                  .address = candidate->address,
                  .port = candidate->name->port};

    route->n_tried++;
    route->last_smart = candidate->name->smart;
    answer(route, &hop);
}

static void
step(gpointer data)
{
    ImsRoute *route = data;
    ImsWorld *world = route->router->world;

    if (route->n_tried >= MAX_TRIES) {
        answer_end(route);
    } else if (route->next_candidate < route->candidates->len) {
        give_candidate(route);
    } else if (route->wants_mx) {
        route->wants_mx = FALSE;
        ims_world_lookup(world, IMS_LOOKUP_MX, route->domain, found_mx, route);
    } else if (route->next_name < route->names->len) {
        Name *name = route->names->pdata[route->next_name++];

        ims_world_lookup(world, IMS_LOOKUP_A, name->host, found_a, route);
    } else {
        answer_end(route);
    }
}

void
ims_route_next(ImsRoute *route, ImsHopCallback callback, gpointer data)
{
    g_assert(route->callback == NULL);
    route->callback = callback;
    route->data = data;
    ims_world_post(route->router->world, ims_world_current(route->router->world), step, route);
}
