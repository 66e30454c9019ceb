#include "ims/personality.h"
#include <string.h>

/* W 1.5: the letters without E I O U, which stand as 1 2 3 4; in rising order. */
static const char spool_symbols[] = "ABCD1FGH2JKLMN3PQRST4VWXYZ567890";
#define SPOOL_LENGTH 8
#define TICKS_SECOND 16384 /* 86,400 x 16,384 is less than 2^31 */

/*
 * Spool numbers must be unique in the process, whatever services run in it, and no two may be
 * handed out at once by two workers: hence one counter, touched by atomic operations only. 0: the
 * run has not begun.
 */
static guint64 last_spool_number;
/* The store's counter of items, the tail of each Message-ID; likewise. */
static guint64 last_item_number;

/* Months and days 1-based; the names of RFC 822 whatever the locale. */
static const char *const day_names[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
static const char *const month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                          "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

/*
 * The next number of a run: the first one is @begin, each further one the last plus one. Never the
 * same twice.
 */
static guint64
next_number(guint64 *counter, guint64 begin)
{
    guint64 last = __atomic_load_n(counter, __ATOMIC_RELAXED), next;

    do
        next = last == 0 ? begin : last + 1;
    while (!__atomic_compare_exchange_n(counter, &last, next, FALSE, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED));
    return next;
}

/* W 1.5: 4 bits month, 5 bits day, 31 bits running value, of the moment the run began (UTC). Where
 * the 31 bits begin is not known; taken from the time of day, so that a service that is started
 * again on one day does not repeat itself. */
static guint64
spool_run_begin(ImsWorld *world)
{
    gint64 wall_usec = ims_world_wall_usec(world);
    g_autoptr(GDateTime) now = g_date_time_new_from_unix_utc(wall_usec / G_USEC_PER_SEC);
    guint64 month = 1, day = 1, usec_today;

    if (now != NULL) {
        month = (guint64)g_date_time_get_month(now);
        day = (guint64)g_date_time_get_day_of_month(now);
    }
    usec_today = (guint64)wall_usec % (86400 * (guint64)G_USEC_PER_SEC);
    return month << 36 | day << 31 | usec_today * TICKS_SECOND / G_USEC_PER_SEC;
}

char *
ims_spool_id_new(ImsWorld *world)
{
    guint64 begin = 0, number;
    char *id = g_malloc(SPOOL_LENGTH + 1);

    if (__atomic_load_n(&last_spool_number, __ATOMIC_RELAXED) == 0)
        begin = spool_run_begin(world);
    number = next_number(&last_spool_number, begin);
    for (int i = SPOOL_LENGTH - 1; i >= 0; i--) {
        id[i] = spool_symbols[number & 31];
        number >>= 5;
    }
    id[SPOOL_LENGTH] = '\0';
    return id;
}

/* W 1.6: day without leading zero, numeric zone, UTC written -0000. */
char *
ims_rfc822_date(gint64 wall_usec)
{
    gint64 sec = wall_usec / G_USEC_PER_SEC;
    g_autoptr(GDateTime) local = g_date_time_new_from_unix_local(sec);
    gint offset_min, hours, minutes;
    char sign;

    if (local == NULL) /* a time outside the calendar: the beginning of the epoch */
        local = g_date_time_new_from_unix_utc(0);
    offset_min = (gint)(g_date_time_get_utc_offset(local) / (60 * G_USEC_PER_SEC));
    sign = offset_min > 0 ? '+' : '-';
    hours = ABS(offset_min) / 60;
    minutes = ABS(offset_min) % 60;
    return g_strdup_printf(
        "%s, %d %s %04d %02d:%02d:%02d %c%02d%02d",
        day_names[g_date_time_get_day_of_week(local) - 1], g_date_time_get_day_of_month(local),
        month_names[g_date_time_get_month(local) - 1], g_date_time_get_year(local),
        g_date_time_get_hour(local), g_date_time_get_minute(local), g_date_time_get_second(local),
        sign, hours, minutes);
}

/* One word as it may stand in a header line: cut at the first blank, nothing but visible ASCII. */
static char *
header_word(const char *text)
{
    gsize length = MIN(strcspn(text, " \t"), 255);
    char *word = g_strndup(text, length);

    for (char *p = word; *p != '\0'; p++)
        if (*p < '!' || *p > '~')
            *p = '?';
    return word;
}

char *
ims_received_in(const ImsConfig *config, const char *helo, const char *peer_name,
                const ImsAddress *peer, const char *spool_id, gint64 wall_usec)
{
    char address[IMS_ADDRESS_STRLEN];
    g_autofree char *from = NULL, *looked_up = NULL;
    g_autofree char *date = ims_rfc822_date(wall_usec);

    ims_address_format(peer, address);
    from = header_word(helo != NULL && *helo != '\0' ? helo : address);
    /* W 1.1 rule 3: a name equal to the HELO word is left out */
    if (peer_name != NULL)
        looked_up = header_word(peer_name);
    if (looked_up != NULL && (*looked_up == '\0' || g_ascii_strcasecmp(looked_up, from) == 0))
        g_clear_pointer(&looked_up, g_free);
    return g_strdup_printf("Received: from %s (%s%s[%s]) by %s with SMTP (Microsoft Exchange "
                           "Internet Mail Service Version %s)\r\n\tid %s; %s\r\n",
                           from, looked_up != NULL ? looked_up : "", looked_up != NULL ? " " : "",
                           address, config->host_name, config->build, spool_id, date);
}

/* S-133, W 1.1 rule 4: the converting part of SP4 has a number of its own. */
static const char *
converter_build(const ImsConfig *config)
{
    return strcmp(config->build, "5.5.2653.13") == 0 ? "5.5.2653.19" : config->build;
}

char *
ims_received_out(const ImsConfig *config, const char *spool_id, gint64 wall_usec)
{
    g_autofree char *date = ims_rfc822_date(wall_usec);

    return g_strdup_printf("Received: by %s with Internet Mail Service (%s)\r\n\tid <%s>; %s\r\n",
                           config->host_name, converter_build(config), spool_id, date);
}

/*
 * W 2: 32 figures of the store's GUID, then its counter, 2 to 4 bytes with leading zero bytes
 * dropped. The GUID is made from the names of the server, so it stays for years without being kept
 * anywhere; the counter begins at a figure taken from the clock (16 a second since 2026), so it
 * goes on rising over restarts.
 */
char *
ims_message_id_new(ImsWorld *world, const ImsConfig *config)
{
    const gint64 epoch_sec = 1767225600; /* 1 January 2026 */
    g_autoptr(GChecksum) sum = g_checksum_new(G_CHECKSUM_SHA256);
    guint8 guid[32];
    gsize guid_length = sizeof guid;
    gint64 ticks =
        (ims_world_wall_usec(world) - epoch_sec * G_USEC_PER_SEC) / (G_USEC_PER_SEC / 16);
    guint32 counter = (guint32)next_number(&last_item_number, ticks > 0 ? (guint64)ticks : 1);
    GString *id = g_string_new("<");

    g_checksum_update(sum, (const guchar *)"imsd store\n", -1);
    g_checksum_update(sum, (const guchar *)config->host_name, -1);
    if (config->organization != NULL) {
        g_checksum_update(sum, (const guchar *)"\n", 1);
        g_checksum_update(sum, (const guchar *)config->organization, -1);
    }
    g_checksum_get_digest(sum, guid, &guid_length);
    guid[7] = (guint8)((guid[7] & 0x0f) | 0x40); /* version 4: third field, little-endian */
    guid[8] = (guint8)((guid[8] & 0x3f) | 0x80);
    for (guint i = 0; i < 16; i++)
        g_string_append_printf(id, "%02X", guid[i]);
    g_string_append_printf(id, "%0*X@%s>",
                           counter > 0xffffff ? 8
                           : counter > 0xffff ? 6
                                              : 4,
                           counter, config->host_name);
    return g_string_free(id, FALSE);
}

/* S-108, W 4.3 */
char *
ims_mts_id(const ImsConfig *config, const char *spool_id, gint64 wall_usec)
{
    g_autoptr(GDateTime) utc = g_date_time_new_from_unix_utc(wall_usec / G_USEC_PER_SEC);
    g_autofree char *ascii = NULL, *prmd = NULL, *computer = NULL, *server = NULL;

    /* The PRMD is the organisation in small letters, 16 characters at most. */
    ascii = g_str_to_ascii(config->organization != NULL ? config->organization : "", "C");
    prmd = g_ascii_strdown(ascii, (gssize)MIN(strlen(ascii), 16));
    /* The computer name: the first label of the host name, as NetBIOS writes it. */
    computer = g_strndup(config->host_name, MIN(strcspn(config->host_name, "."), 15));
    server = g_ascii_strup(computer, -1);
    if (utc == NULL)
        utc = g_date_time_new_from_unix_utc(0);
    return g_strdup_printf("c=us;a= ;p=%s;l=%s%02d%02d%02d%02d%02d%s", prmd, server,
                           g_date_time_get_year(utc) % 100, g_date_time_get_month(utc),
                           g_date_time_get_day_of_month(utc), g_date_time_get_hour(utc),
                           g_date_time_get_minute(utc), spool_id);
}
