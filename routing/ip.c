#include "routing/ip.h"

#include <arpa/inet.h>
#include <string.h>

static const guint8 mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

void
ims_address_from_bytes(ImsAddress *out, const guint8 *bytes, gsize length)
{
    memset(out, 0, sizeof *out);
    if (length == 4) {
        out->family = 4;
        memcpy(out->bytes, bytes, 4);
    } else if (length == 16 && memcmp(bytes, mapped_prefix, sizeof mapped_prefix) == 0) {
        out->family = 4;
        memcpy(out->bytes, bytes + sizeof mapped_prefix, 4);
    } else if (length == 16) {
        out->family = 6;
        memcpy(out->bytes, bytes, 16);
    }
}

gboolean
ims_address_parse(const char *text, ImsAddress *out)
{
    guint8 bytes[16];

    if (inet_pton(AF_INET, text, bytes) == 1) {
        ims_address_from_bytes(out, bytes, 4);
        return TRUE;
    }
    if (inet_pton(AF_INET6, text, bytes) == 1) {
        ims_address_from_bytes(out, bytes, 16);
        return TRUE;
    }
    return FALSE;
}

const char *
ims_address_format(const ImsAddress *address, char buffer[IMS_ADDRESS_STRLEN])
{
    buffer[0] = '\0';
    if (address->family == 4)
        inet_ntop(AF_INET, address->bytes, buffer, IMS_ADDRESS_STRLEN);
    else if (address->family == 6)
        inet_ntop(AF_INET6, address->bytes, buffer, IMS_ADDRESS_STRLEN);
    return buffer;
}

static gsize
byte_count(const ImsAddress *address)
{
    return address->family == 4 ? 4 : address->family == 6 ? 16 : 0;
}

gboolean
ims_address_equal(gconstpointer a, gconstpointer b)
{
    const ImsAddress *left = a, *right = b;

    return left->family == right->family &&
           memcmp(left->bytes, right->bytes, byte_count(left)) == 0;
}

guint
ims_address_hash(gconstpointer address)
{
    const ImsAddress *self = address;
    guint32 hash = 2166136261u ^ self->family;

    for (gsize i = 0; i < byte_count(self); i++)
        hash = (hash ^ self->bytes[i]) * 16777619u;
    return hash;
}

gboolean
ims_address_is_loopback(const ImsAddress *address)
{
    static const guint8 one[16] = {[15] = 1};

    if (address->family == 4)
        return address->bytes[0] == 127;
    return address->family == 6 && memcmp(address->bytes, one, sizeof one) == 0;
}

gboolean
ims_address_is_private(const ImsAddress *address)
{
    const guint8 *b = address->bytes;

    if (ims_address_is_loopback(address))
        return TRUE;
    if (address->family == 4)
        return b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168) ||
               (b[0] == 169 && b[1] == 254);
    return address->family == 6 &&
           ((b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80));
}
