/* An IP address as a plain value, and lists of nets as the IMS wrote them. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * ImsAddress:
 * @family: 4, 6, or 0 where there is no address
 * @bytes: network byte order; IPv4 uses the first four
 *
 * An IPv4-mapped IPv6 address is always held as IPv4.
 */
typedef struct {
    guint8 family;
    guint8 bytes[16];
} ImsAddress;

#define IMS_ADDRESS_STRLEN 48

/* Parses "192.0.2.1" or "2001:db8::1" (no brackets, no port, no zone). FALSE leaves @out alone. */
gboolean ims_address_parse(const char *text, ImsAddress *out);
/* Writes the text form into @buffer and returns it; "" for no address. */
const char *ims_address_format(const ImsAddress *address, char buffer[IMS_ADDRESS_STRLEN]);
/* From raw bytes, 4 or 16 of them, network order. Maps ::ffff:a.b.c.d to IPv4. */
void ims_address_from_bytes(ImsAddress *out, const guint8 *bytes, gsize length);
gboolean ims_address_equal(gconstpointer a, gconstpointer b);
guint ims_address_hash(gconstpointer address);
gboolean ims_address_is_loopback(const ImsAddress *address);
/* RFC 1918, link-local, unique local, loopback. */
gboolean ims_address_is_private(const ImsAddress *address);

/**
 * ImsNetList: an immutable list of `net[;mask]` entries, in the order given.
 *
 * A line matches when (address AND mask) == net with the *unmasked* net, so a net with bits outside its mask never
 * matches, and a mask may have holes (R-051, R-052; Q193922). IPv6 entries, an extension of ours, are `net/bits` and
 * also compare with the unmasked net.
 */
typedef struct _ImsNetList ImsNetList;

typedef enum {
    IMS_NET_ERROR_SYNTAX,
} ImsNetError;
#define IMS_NET_ERROR (ims_net_error_quark())
GQuark ims_net_error_quark(void);

ImsNetList *ims_net_list_new(void);
/* The lists of Exchange 2000 virtual servers: both sides are masked, (address AND mask) == (net AND mask), so each entry
 * can match. */
ImsNetList *ims_net_list_new_masked(void);
void ims_net_list_free(ImsNetList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsNetList, ims_net_list_free)
/* Adds one entry. FALSE with IMS_NET_ERROR_SYNTAX names the text and what is expected, and adds nothing. */
gboolean ims_net_list_add(ImsNetList *list, const char *text, GError **error);
guint ims_net_list_size(const ImsNetList *list);
/* The text of entry @index (from 0) as it was given. */
const char *ims_net_list_text(const ImsNetList *list, guint index);
/* TRUE where entry @index can match no address at all. */
gboolean ims_net_list_never_matches(const ImsNetList *list, guint index);
/* Net and mask of entry @index, the net as the list compares it. */
void ims_net_list_get(const ImsNetList *list, guint index, ImsAddress *net_out, ImsAddress *mask_out);
/**
 * ims_net_list_find_cover:
 * @except: 1-based number of an entry of @list that is passed over, 0 for none
 *
 * The 1-based number of an entry that matches each address that (address AND @mask) == @net matches; 0 for none. Of two
 * entries that match the same the second is covered by the first, never the other way round.
 */
guint ims_net_list_find_cover(const ImsNetList *list, const ImsAddress *net, const ImsAddress *mask, guint except);
/* The 1-based number of the first entry that matches, 0 for none. */
guint ims_net_list_match(const ImsNetList *list, const ImsAddress *address);

G_END_DECLS
