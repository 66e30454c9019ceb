#include "ims/config.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

static gboolean
is_any(const ImsAddress *address)
{
    static const guint8 zero[16] = {0};

    return memcmp(address->bytes, zero, sizeof zero) == 0;
}

static void
add_interface(ImsConfig *config, const struct sockaddr *socket_address)
{
    ImsAddress address;

    if (socket_address->sa_family == AF_INET) {
        struct sockaddr_in in;

        memcpy(&in, socket_address, sizeof in);
        ims_address_from_bytes(&address, (const guint8 *)&in.sin_addr, 4);
    } else if (socket_address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;

        memcpy(&in6, socket_address, sizeof in6);
        ims_address_from_bytes(&address, (const guint8 *)&in6.sin6_addr, 16);
    } else {
        return;
    }
    ims_config_add_own_addresses(config, &address, 1);
}

void
ims_config_add_interface_addresses(ImsConfig *config)
{
    struct ifaddrs *interfaces = NULL;
    gboolean wanted = FALSE;

    for (guint i = 0; i < config->listeners->len; i++)
        wanted = wanted || is_any(&g_array_index(config->listeners, ImsConfigListener, i).address);
    if (!wanted || getifaddrs(&interfaces) != 0)
        return;
    for (const struct ifaddrs *item = interfaces; item != NULL; item = item->ifa_next)
        if (item->ifa_addr != NULL)
            add_interface(config, item->ifa_addr);
    freeifaddrs(interfaces);
}
