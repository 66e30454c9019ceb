#include "net/resolver-answer.h"

#include <ares.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "net/world-private.h"

#define MAX_ADDRESSES 64

static ImsLookupStatus
status_of(int status)
{
    switch (status) {
    case ARES_SUCCESS:
        return IMS_LOOKUP_OK;
    case ARES_ENOTFOUND:
    case ARES_EBADNAME: /* not a name that DNS could hold */
        return IMS_LOOKUP_NOT_FOUND;
    case ARES_ENODATA:
        return IMS_LOOKUP_NO_DATA;
    default:
        return IMS_LOOKUP_FAILED;
    }
}

static gboolean
is_host_name(const char *name)
{
    gsize length = strlen(name);

    return length > 0 && length <= 253 && name[0] != '.' &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == length;
}

/* Lower case, no final dot; NULL where no host can have it. "" is left to the null MX. */
static char *
clean_name(const char *name)
{
    char *clean = g_ascii_strdown(name, -1);
    gsize length = strlen(clean);

    if (length > 0 && clean[length - 1] == '.')
        clean[length - 1] = '\0';
    if (*clean != '\0' && !is_host_name(clean))
        g_clear_pointer(&clean, g_free);
    return clean;
}

static int
read_mx(GArray *records, const guint8 *bytes, int length)
{
    struct ares_mx_reply *first = NULL;
    int status = ares_parse_mx_reply(bytes, length, &first);

    for (struct ares_mx_reply *mx = first; mx != NULL; mx = mx->next) {
        ImsLookupRecord record = {.preference = mx->priority, .name = clean_name(mx->host)};

        if (record.name != NULL)
            g_array_append_val(records, record);
    }
    if (first != NULL)
        ares_free_data(first);
    return status;
}

static int
read_a(GArray *records, const guint8 *bytes, int length)
{
    struct ares_addrttl found[MAX_ADDRESSES];
    int n = MAX_ADDRESSES, status = ares_parse_a_reply(bytes, length, NULL, found, &n);

    for (int i = 0; status == ARES_SUCCESS && i < n; i++) {
        ImsLookupRecord record = {0};

        ims_address_from_bytes(&record.address, (const guint8 *)&found[i].ipaddr, 4);
        g_array_append_val(records, record);
    }
    return status;
}

static int
read_aaaa(GArray *records, const guint8 *bytes, int length)
{
    struct ares_addr6ttl found[MAX_ADDRESSES];
    int n = MAX_ADDRESSES, status = ares_parse_aaaa_reply(bytes, length, NULL, found, &n);

    for (int i = 0; status == ARES_SUCCESS && i < n; i++) {
        ImsLookupRecord record = {0};

        ims_address_from_bytes(&record.address, (const guint8 *)&found[i].ip6addr, 16);
        g_array_append_val(records, record);
    }
    return status;
}

static int
read_ptr(GArray *records, const ImsAddress *address, const guint8 *bytes, int length)
{
    struct hostent *host = NULL;
    gboolean v4 = address->family == 4;
    int status = ares_parse_ptr_reply(bytes, length, address->bytes, v4 ? 4 : 16,
                                      v4 ? AF_INET : AF_INET6, &host);

    for (char **name = host != NULL ? host->h_aliases : NULL; name != NULL && *name != NULL;
         name++) {
        ImsLookupRecord record = {.name = clean_name(*name)};

        if (record.name != NULL && *record.name != '\0')
            g_array_append_val(records, record);
        else
            g_free(record.name);
    }
    if (host != NULL)
        ares_free_hostent(host);
    return status;
}

static int
read_records(GArray *records, ImsLookupKind kind, const ImsAddress *address, const guint8 *bytes,
             int length)
{
    switch (kind) {
    case IMS_LOOKUP_A:
        return read_a(records, bytes, length);
    case IMS_LOOKUP_AAAA:
        return read_aaaa(records, bytes, length);
    case IMS_LOOKUP_MX:
        return read_mx(records, bytes, length);
    case IMS_LOOKUP_PTR:
        return read_ptr(records, address, bytes, length);
    }
    g_assert_not_reached();
}

ImsLookupResult *
ims_resolver_answer(ImsLookupKind kind, const ImsAddress *address, int status, const guint8 *bytes,
                    int length)
{
    ImsLookupResult *result = g_new0(ImsLookupResult, 1);
    GArray *records;
    int parsed;

    result->status = status_of(status);
    if (result->status != IMS_LOOKUP_OK)
        return result;
    records = g_array_new(FALSE, FALSE, sizeof(ImsLookupRecord));
    parsed = read_records(records, kind, address, bytes, length);
    if (parsed != ARES_SUCCESS)
        result->status = parsed == ARES_ENODATA ? IMS_LOOKUP_NO_DATA : IMS_LOOKUP_FAILED;
    /* An answer of which nothing can be used must not look like "no such record": that would be
     * mail to another host. */
    if (result->status == IMS_LOOKUP_OK && records->len == 0)
        result->status = IMS_LOOKUP_FAILED;
    result->n_records = records->len;
    result->records = (ImsLookupRecord *)(gpointer)g_array_free(records, FALSE);
    return result;
}
