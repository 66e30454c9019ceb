#include "ims/scenario-peers.h"

#include <string.h>

#define DEFAULT_ANSWERS "accept"

typedef struct {
    char *name;    /* lower case */
    JsonArray *mx; /* (nullable): [[preference, host], …] */
    JsonArray *a;  /* (nullable) */
    char *answers; /* (nullable) */
    char *ptr;     /* (nullable) */
} Name;

struct _ImsScenarioPeers {
    ImsWorld *world;
    GHashTable *names;             /* lower case → Name */
    GPtrArray *sent;               /* (element-type ImsScenarioSent) */
    GArray *own;                   /* (element-type ImsAddress) */
    ImsScenarioOpenSelf open_self; /* (nullable) */
    gpointer open_data;
};

static void
name_free(gpointer data)
{
    Name *name = data;

    g_free(name->name);
    g_clear_pointer(&name->mx, json_array_unref);
    g_clear_pointer(&name->a, json_array_unref);
    g_free(name->answers);
    g_free(name->ptr);
    g_free(name);
}

static void
sent_free(gpointer data)
{
    ImsScenarioSent *sent = data;

    g_free(sent->host);
    g_free(sent->mail_from);
    g_free(sent->rcpt_to);
    g_bytes_unref(sent->body);
    g_free(sent);
}

/* ---- DNS ---- */

static void
set_lookup(ImsScenarioPeers *peers, ImsLookupKind kind, const char *name, GArray *records)
{
    ImsLookupResult result = {
        .status = records->len > 0 ? IMS_LOOKUP_OK : IMS_LOOKUP_NO_DATA,
        .n_records = records->len,
        .records = (ImsLookupRecord *)records->data,
    };

    ims_sim_world_set_lookup(peers->world, kind, name, &result);
    for (guint i = 0; i < records->len; i++)
        g_free(g_array_index(records, ImsLookupRecord, i).name);
    g_array_set_size(records, 0);
}

static int
compare_preference(gconstpointer a, gconstpointer b)
{
    return (int)((const ImsLookupRecord *)a)->preference -
           (int)((const ImsLookupRecord *)b)->preference;
}

static void
publish(ImsScenarioPeers *peers, const Name *name)
{
    g_autoptr(GArray) records = g_array_new(FALSE, TRUE, sizeof(ImsLookupRecord));

    for (guint i = 0; name->mx != NULL && i < json_array_get_length(name->mx); i++) {
        JsonArray *pair = json_array_get_array_element(name->mx, i);
        ImsLookupRecord record = {.preference = (guint16)json_array_get_int_element(pair, 0),
                                  .name =
                                      g_ascii_strdown(json_array_get_string_element(pair, 1), -1)};

        g_array_append_val(records, record);
    }
    g_array_sort(records, compare_preference);
    set_lookup(peers, IMS_LOOKUP_MX, name->name, records);
    for (guint i = 0; name->a != NULL && i < json_array_get_length(name->a); i++) {
        ImsLookupRecord record = {0};

        if (ims_address_parse(json_array_get_string_element(name->a, i), &record.address))
            g_array_append_val(records, record);
    }
    set_lookup(peers, IMS_LOOKUP_A, name->name, records);
    set_lookup(peers, IMS_LOOKUP_AAAA, name->name, records);
    if (name->ptr != NULL) {
        ImsLookupRecord record = {.name = g_ascii_strdown(name->ptr, -1)};

        g_array_append_val(records, record);
    }
    set_lookup(peers, IMS_LOOKUP_PTR, name->name, records);
}

static void
merge_name(ImsScenarioPeers *peers, const char *key, JsonObject *members)
{
    g_autofree char *lower = g_ascii_strdown(key, -1);
    Name *name = g_hash_table_lookup(peers->names, lower);

    if (name == NULL) {
        name = g_new0(Name, 1);
        name->name = g_strdup(lower);
        g_hash_table_insert(peers->names, name->name, name);
    }
    if (json_object_has_member(members, "mx")) {
        g_clear_pointer(&name->mx, json_array_unref);
        name->mx = json_array_ref(json_object_get_array_member(members, "mx"));
    }
    if (json_object_has_member(members, "a")) {
        g_clear_pointer(&name->a, json_array_unref);
        name->a = json_array_ref(json_object_get_array_member(members, "a"));
    }
    if (json_object_has_member(members, "answers")) {
        g_free(name->answers);
        name->answers = g_strdup(json_object_get_string_member(members, "answers"));
    }
    if (json_object_has_member(members, "ptr")) {
        g_free(name->ptr);
        name->ptr = g_strdup(json_object_get_string_member(members, "ptr"));
    }
    publish(peers, name);
}

void
ims_scenario_peers_merge(ImsScenarioPeers *peers, JsonObject *dns)
{
    g_autoptr(GList) keys = json_object_get_members(dns);

    for (GList *key = keys; key != NULL; key = key->next)
        merge_name(peers, key->data, json_object_get_object_member(dns, key->data));
}

/* ---- hosts ---- */

static gboolean
has_address(const Name *name, const ImsAddress *address)
{
    for (guint i = 0; name->a != NULL && i < json_array_get_length(name->a); i++) {
        ImsAddress own;

        if (ims_address_parse(json_array_get_string_element(name->a, i), &own) &&
            ims_address_equal(&own, address))
            return TRUE;
    }
    return FALSE;
}

/* Whose host it is: the name asked for, else the first in the alphabet that has the address. */
static const Name *
find_host(ImsScenarioPeers *peers, const ImsSendJob *job)
{
    g_autofree char *lower = g_ascii_strdown(job->host, -1);
    const Name *found = g_hash_table_lookup(peers->names, lower);
    GHashTableIter iter;
    gpointer each;

    if (found != NULL)
        return found;
    g_hash_table_iter_init(&iter, peers->names);
    while (g_hash_table_iter_next(&iter, NULL, &each)) {
        const Name *name = each;

        if (has_address(name, &job->address) &&
            (found == NULL || strcmp(name->name, found->name) < 0))
            found = name;
    }
    return found;
}

/* ---- one connection ---- */

typedef struct {
    ImsScenarioPeers *peers;
    ImsSendJob *job;
    char *host;
    char *answers;
    guint next;
} Talk;

static void talk_on(gpointer data);

static void
post_talk(gpointer data)
{
    Talk *talk = data;

    ims_world_post(talk->peers->world, ims_world_main(talk->peers->world), talk_on, talk);
}

static void
end_talk(Talk *talk, gboolean connected, const char *error)
{
    talk->job->finished(talk->job, connected, error);
    g_free(talk->host);
    g_free(talk->answers);
    g_free(talk);
}

static void
take(Talk *talk, const ImsSendMessage *message, ImsSendRecipient *recipient)
{
    ImsScenarioSent *sent;

    g_clear_pointer(&recipient->reply, g_free);
    if (strcmp(talk->answers, DEFAULT_ANSWERS) != 0) {
        recipient->code = (int)g_ascii_strtoull(talk->answers, NULL, 10);
        recipient->status = recipient->code / 100 == 5 ? IMS_SEND_PERMANENT : IMS_SEND_TRANSIENT;
        recipient->reply = g_strdup("as the scenario says");
        return;
    }
    recipient->code = 250;
    recipient->status = IMS_SEND_OK;
    recipient->reply = g_strdup("OK");
    sent = g_new0(ImsScenarioSent, 1);
    sent->host = g_strdup(talk->host);
    sent->mail_from = g_strdup(message->mail_from);
    sent->rcpt_to = g_strdup(recipient->address);
    sent->body = g_bytes_ref(message->body);
    g_ptr_array_add(talk->peers->sent, sent);
}

static void
talk_on(gpointer data)
{
    Talk *talk = data;
    guint index = talk->next++;
    ImsSendMessage *message;

    if (strcmp(talk->answers, "refuse-connection") == 0) {
        end_talk(talk, FALSE, "connection refused");
        return;
    }
    if (index >= talk->job->messages->len) {
        end_talk(talk, TRUE, NULL);
        return;
    }
    message = talk->job->messages->pdata[index];
    for (guint i = 0; i < message->recipients->len; i++)
        take(talk, message, message->recipients->pdata[i]);
    talk->job->outcome(talk->job, index, post_talk, talk);
}

static gboolean
is_own(ImsScenarioPeers *peers, const ImsAddress *address)
{
    for (guint i = 0; i < peers->own->len; i++)
        if (ims_address_equal(&g_array_index(peers->own, ImsAddress, i), address))
            return TRUE;
    return FALSE;
}

static void
take_job(ImsWorld *world, ImsSendJob *job, gpointer data)
{
    ImsScenarioPeers *peers = data;
    gboolean own = is_own(peers, &job->address);
    ImsSimConn *conn = own && peers->open_self != NULL
                           ? peers->open_self(&job->address, job->port, peers->open_data)
                           : NULL;
    const Name *host;
    Talk *talk;

    if (conn != NULL) {
        ims_scenario_send_to_self(world, conn, job);
        return;
    }
    host = find_host(peers, job);
    talk = g_new0(Talk, 1);
    talk->peers = peers;
    talk->job = job;
    talk->host = g_ascii_strdown(job->host, -1);
    talk->answers = g_strdup(own                                     ? "refuse-connection"
                             : host != NULL && host->answers != NULL ? host->answers
                                                                     : DEFAULT_ANSWERS);
    post_talk(talk);
}

/* ---- life ---- */

ImsScenarioPeers *
ims_scenario_peers_new(ImsWorld *world)
{
    ImsScenarioPeers *peers = g_new0(ImsScenarioPeers, 1);

    peers->world = world;
    peers->names = g_hash_table_new_full(g_str_hash, g_str_equal, NULL, name_free);
    peers->sent = g_ptr_array_new_with_free_func(sent_free);
    peers->own = g_array_new(FALSE, FALSE, sizeof(ImsAddress));
    ims_world_set_sender(world, take_job, peers);
    return peers;
}

void
ims_scenario_peers_free(ImsScenarioPeers *peers)
{
    if (peers == NULL)
        return;
    ims_world_set_sender(peers->world, NULL, NULL);
    g_hash_table_unref(peers->names);
    g_ptr_array_unref(peers->sent);
    g_array_unref(peers->own);
    g_free(peers);
}

void
ims_scenario_peers_set_self(ImsScenarioPeers *peers, const ImsAddress *addresses, guint n_addresses,
                            ImsScenarioOpenSelf open, gpointer data)
{
    g_array_set_size(peers->own, 0);
    g_array_append_vals(peers->own, addresses, n_addresses);
    peers->open_self = open;
    peers->open_data = data;
}

const GPtrArray *
ims_scenario_peers_sent(ImsScenarioPeers *peers)
{
    return peers->sent;
}
