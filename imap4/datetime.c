#include "imap4/datetime.h"

#include <string.h>

static const char months[12][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                   "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

#define DAY_SEC 86400

/* Exactly @n digits. */
static gboolean
read_digits(const char **text, guint n, guint *out)
{
    guint value = 0;

    for (guint i = 0; i < n; i++) {
        if (!g_ascii_isdigit((*text)[i]))
            return FALSE;
        value = value * 10 + (guint)((*text)[i] - '0');
    }
    *text += n;
    *out = value;
    return TRUE;
}

static gboolean
read_char(const char **text, char c)
{
    if (**text != c)
        return FALSE;
    (*text)++;
    return TRUE;
}

/* `-Feb-1994` after the day. */
static gboolean
read_month_year(const char **text, guint day, GDate *date)
{
    guint month = 0, year;

    if (!read_char(text, '-'))
        return FALSE;
    while (month < 12 && g_ascii_strncasecmp(*text, months[month], 3) != 0)
        month++;
    if (month == 12)
        return FALSE;
    *text += 3;
    if (!read_char(text, '-') || !read_digits(text, 4, &year))
        return FALSE;
    if (!g_date_valid_dmy((GDateDay)day, (GDateMonth)(month + 1), (GDateYear)year))
        return FALSE;
    g_date_set_dmy(date, (GDateDay)day, (GDateMonth)(month + 1), (GDateYear)year);
    return TRUE;
}

static gint64
days_since_1970(const GDate *date)
{
    GDate epoch;

    g_date_clear(&epoch, 1);
    g_date_set_dmy(&epoch, 1, G_DATE_JANUARY, 1970);
    return (gint64)g_date_get_julian(date) - (gint64)g_date_get_julian(&epoch);
}

gboolean
ims_imap4_date_time_parse(const char *text, gint64 *utc_usec_out, gint16 *zone_min_out)
{
    guint day, hour, minute, second, zone_hour, zone_minute;
    GDate date;
    gint zone;
    gboolean west;

    if (*text == ' ')
        text++;
    if (!read_digits(&text, g_ascii_isdigit(text[0]) && g_ascii_isdigit(text[1]) ? 2 : 1, &day) ||
        !read_month_year(&text, day, &date) || !read_char(&text, ' ') ||
        !read_digits(&text, 2, &hour) || !read_char(&text, ':') ||
        !read_digits(&text, 2, &minute) || !read_char(&text, ':') ||
        !read_digits(&text, 2, &second) || !read_char(&text, ' '))
        return FALSE;
    west = *text == '-';
    if ((!west && *text != '+') || hour > 23 || minute > 59 || second > 60)
        return FALSE;
    text++;
    if (!read_digits(&text, 2, &zone_hour) || !read_digits(&text, 2, &zone_minute) ||
        *text != '\0' || zone_hour > 15 || zone_minute > 59)
        return FALSE;
    zone = (gint)(zone_hour * 60 + zone_minute) * (west ? -1 : 1);
    *utc_usec_out = (days_since_1970(&date) * DAY_SEC +
                     (gint64)(hour * 3600 + minute * 60 + second) - (gint64)zone * 60) *
                    G_USEC_PER_SEC;
    *zone_min_out = (gint16)zone;
    return TRUE;
}

static gint64
floor_div(gint64 value, gint64 by)
{
    return value / by - (value % by < 0);
}

void
ims_imap4_date_time_format(gint64 utc_usec, gint zone_min, char out[IMS_IMAP4_DATE_TIME_LENGTH])
{
    gint64 local = floor_div(utc_usec, G_USEC_PER_SEC) + (gint64)zone_min * 60;
    gint64 day = floor_div(local, DAY_SEC);
    guint second = (guint)(local - day * DAY_SEC);
    guint zone = (guint)ABS(zone_min);
    GDate date;

    g_date_clear(&date, 1);
    g_date_set_dmy(&date, 1, G_DATE_JANUARY, 1970);
    /* Years 1 to 9999 have a form; what lies outside is shown as the nearest. */
    day = CLAMP(day, -719162, 2932896);
    if (day < 0)
        g_date_subtract_days(&date, (guint)-day);
    else
        g_date_add_days(&date, (guint)day);
    g_snprintf(out, IMS_IMAP4_DATE_TIME_LENGTH, "%2u-%s-%04u %02u:%02u:%02u %c%02u%02u",
               g_date_get_day(&date), months[g_date_get_month(&date) - 1], g_date_get_year(&date),
               second / 3600, second / 60 % 60, second % 60, zone_min < 0 ? '-' : '+',
               MIN(zone / 60, 99), zone % 60);
}

gboolean
ims_imap4_date_parse(const char *text, gint64 *day_out)
{
    GDate date;
    guint day;

    if (!read_digits(&text, g_ascii_isdigit(text[0]) && g_ascii_isdigit(text[1]) ? 2 : 1, &day) ||
        !read_month_year(&text, day, &date) || *text != '\0')
        return FALSE;
    *day_out = days_since_1970(&date);
    return TRUE;
}

gint64
ims_imap4_day_of(gint64 utc_sec, gint zone_min)
{
    return floor_div(utc_sec + (gint64)zone_min * 60, DAY_SEC);
}
