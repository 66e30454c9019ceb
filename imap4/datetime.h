/* The date forms of IMAP4: date-time of APPEND and FETCH, date of SEARCH. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

#define IMS_IMAP4_DATE_TIME_LENGTH 32

/* ` 7-Feb-1994 21:52:25 -0800`, day with a blank or two digits. UTC and minutes east of it. */
gboolean ims_imap4_date_time_parse(const char *text, gint64 *utc_usec_out, gint16 *zone_min_out);
/* Writes it without quotes. */
void ims_imap4_date_time_format(gint64 utc_usec, gint zone_min,
                                char out[IMS_IMAP4_DATE_TIME_LENGTH]);
/* `1-Feb-1994` to days since 1970. */
gboolean ims_imap4_date_parse(const char *text, gint64 *day_out);
/* The day since 1970 in the zone @zone_min. */
gint64 ims_imap4_day_of(gint64 utc_sec, gint zone_min);

G_END_DECLS
