/* The Date header (RFC 5322 3.3 and 4.3), with the zones the IMS read. */
#include "store/mime-private.h"

#include <string.h>

static const char *
skip(const char *p, const char *end)
{
    return (const char *)ims_mime_skip_cfws((const guint8 *)p, (const guint8 *)end, NULL);
}

/* Up to @max_digits digits; FALSE where there is none or one more. */
static gboolean
take_number(const char **cursor, const char *end, guint max_digits, int *out, guint *digits_out)
{
    const char *p = *cursor;
    int value = 0;
    guint n = 0;

    for (; p < end && g_ascii_isdigit(*p); p++) {
        if (++n > max_digits)
            return FALSE;
        value = value * 10 + (*p - '0');
    }
    if (n == 0)
        return FALSE;
    *cursor = p;
    *out = value;
    if (digits_out != NULL)
        *digits_out = n;
    return TRUE;
}

static gsize
count_letters(const char *p, const char *end)
{
    gsize n = 0;

    while (p + n < end && g_ascii_isalpha(p[n]))
        n++;
    return n;
}

static gboolean
take_month(const char **cursor, const char *end, int *out)
{
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    gsize n = count_letters(*cursor, end);

    if (n < 3)
        return FALSE;
    for (int i = 0; i < 12; i++) {
        if (g_ascii_strncasecmp(*cursor, names + 3 * (gsize)i, 3) == 0) {
            *out = i + 1;
            *cursor += n;
            return TRUE;
        }
    }
    return FALSE;
}

/* S-125: these names and ±hhmm; all others count as GMT. */
static int
take_zone(const char *p, const char *end)
{
    static const struct {
        const char name[4];
        int minutes;
    } zones[] = {
        {"EST", -300},
        {"EDT", -240},
        {"CST", -360},
        {"CDT", -300},
        {"MST", -420},
        {"MDT", -360},
        {"PST", -480},
        {"PDT", -420},
    };
    gsize letters;

    p = skip(p, end);
    if (p < end && (*p == '+' || *p == '-')) {
        int sign = *p == '-' ? -1 : 1, value;
        guint digits;

        p++;
        if (!take_number(&p, end, 4, &value, &digits) || digits != 4 || value % 100 > 59 ||
            value / 100 > 23)
            return 0;
        return sign * (value / 100 * 60 + value % 100);
    }
    letters = count_letters(p, end);
    for (guint i = 0; letters == 3 && i < G_N_ELEMENTS(zones); i++) {
        if (g_ascii_strncasecmp(p, zones[i].name, 3) == 0)
            return zones[i].minutes;
    }
    return 0;
}

static int
days_in_month(int year, int month)
{
    static const guint8 days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    gboolean leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && leap);
}

/* Days since 1 January 1970, proleptic Gregorian calendar. */
static gint64
days_since_epoch(int year, int month, int day)
{
    gint64 y = month <= 2 ? year - 1 : year;
    gint64 era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    gint64 of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

/* hh:mm[:ss]; blanks are let through around the colons (obsolete). */
static gboolean
take_time(const char **cursor, const char *end, int *seconds_out)
{
    const char *p = *cursor;
    int hour, minute, second = 0;

    if (!take_number(&p, end, 2, &hour, NULL))
        return FALSE;
    p = skip(p, end);
    if (p >= end || *p != ':')
        return FALSE;
    p = skip(p + 1, end);
    if (!take_number(&p, end, 2, &minute, NULL))
        return FALSE;
    *cursor = p;
    p = skip(p, end);
    if (p < end && *p == ':') {
        p = skip(p + 1, end);
        if (!take_number(&p, end, 2, &second, NULL))
            return FALSE;
        *cursor = p;
    }
    if (hour > 23 || minute > 59 || second > 60)
        return FALSE;
    *seconds_out = hour * 3600 + minute * 60 + MIN(second, 59); /* a leap second ends its minute */
    return TRUE;
}

gboolean
ims_mime_parse_date(const char *text, gint64 *utc_sec_out, gint *zone_min_out)
{
    const char *end = text + strlen(text), *p = skip(text, end);
    int day, month, year, seconds, zone;
    gsize letters = count_letters(p, end);
    guint digits;

    if (letters != 0) { /* the day of the week tells nothing new */
        p = skip(p + letters, end);
        if (p < end && (*p == ',' || *p == '.'))
            p = skip(p + 1, end);
    }
    if (!take_number(&p, end, 2, &day, NULL))
        return FALSE;
    p = skip(p, end);
    if (p < end && *p == '-')
        p++;
    if (!take_month(&p, end, &month))
        return FALSE;
    p = skip(p, end);
    if (p < end && *p == '-')
        p++;
    if (!take_number(&p, end, 4, &year, &digits) || digits < 2)
        return FALSE;
    if (digits == 2) /* S-126 */
        year += year < 50 ? 2000 : 1900;
    else if (digits == 3) /* RFC 5322 4.3 */
        year += 1900;
    p = skip(p, end);
    if (day < 1 || day > days_in_month(year, month) || year < 1 || !take_time(&p, end, &seconds))
        return FALSE;
    zone = take_zone(p, end);
    *utc_sec_out = days_since_epoch(year, month, day) * 86400 + seconds - (gint64)zone * 60;
    if (zone_min_out != NULL)
        *zone_min_out = zone;
    return TRUE;
}
