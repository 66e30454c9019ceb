#pragma once

#include "routing/audit.h"

G_BEGIN_DECLS

typedef struct {
    const ImsAuditContext *context; /* never NULL */
    GPtrArray *found;
} ImsAudit;

/* One row of the table of kinds. */
typedef struct {
    const char *word, *fact, *source;
    ImsAuditSeverity severity;
    const char *consequence, *remedy;
} ImsAuditRow;

extern const ImsAuditRow ims_audit_rows[IMS_N_AUDITS];

ImsAudit ims_audit_start(const ImsAuditContext *context);
/* Adds a finding about @key as a whole; set entry and line of what is returned where it is about
 * one. */
ImsAuditFinding *ims_audit_add(ImsAudit *audit, ImsAuditKind kind, const char *group,
                               const char *key, const char *format, ...) G_GNUC_PRINTF(5, 6);
/* @host is the name or an address of this server. */
gboolean ims_audit_is_self(const ImsAudit *audit, const char *host, const ImsAddress *own,
                           guint n_own);
/* Whether a list admits strangers from everywhere: @matches is asked for a sample of public
 * addresses of one family after the other. */
typedef gboolean (*ImsAuditMatchFunc)(gconstpointer list, const ImsAddress *address);
gboolean ims_audit_admits_all(gconstpointer list, ImsAuditMatchFunc matches);
/* The mask has a 1 after a 0. */
gboolean ims_audit_has_holes(const ImsAddress *mask);
/* Same-machine clients: loopback of either family. */
void ims_audit_loopback(guint8 family, ImsAddress *out);

G_END_DECLS
