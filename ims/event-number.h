/* The numbers of the event log (source MSExchangeIMC) for the events of our log. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* The level that a category of [Diagnostics Logging] has; None 0, Minimum 1, Medium 3, Maximum 5
 * (S-375). */
typedef guint (*ImsEventLevel)(const char *category, gpointer data);

/**
 * ims_event_number:
 * @line: one line of the log, as ims_log_event() writes it
 * @level: of each category
 *
 * Which event of the IMS it is (S-379 to S-430, R-043). 0: none, or its category is not logged at
 * that level.
 */
guint ims_event_number(const char *line, ImsEventLevel level, gpointer data);
/* The event of @line: its first word after time and session. (transfer full) */
char *ims_event_word(const char *line);
/* The value of @key in @line, without quotes. (transfer full) (nullable) */
char *ims_event_value(const char *line, const char *key);

G_END_DECLS
