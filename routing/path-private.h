/* What the other parts of routing/ need of addresses. */
#pragma once

#include "routing/path.h"

G_BEGIN_DECLS

/* @text in lower case without a final dot; NULL where it is no domain name (`*`, an empty label, an
 * odd character). */
char *ims_path_domain_normalize(const char *text, gsize length);
/* The address of `[192.0.2.1]` or `[IPv6:2001:db8::1]` in its usual text form; NULL where it is no
 * such literal. */
char *ims_path_literal_normalize(const char *text, gsize length);
/* "local@domain", brackets around a literal; "local" where @domain is NULL. */
char *ims_path_join(const char *local, const char *domain, gboolean is_literal);

G_END_DECLS
