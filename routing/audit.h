/*
 * What an experienced administrator would see in a policy that is valid: open doors, entries that do nothing, entries that do
 * something else than was meant. Pure: it looks at the policy, not at files, and `imsctl check` prints what it finds.
 */
#pragma once

#include "routing/virtual-server.h"

G_BEGIN_DECLS

typedef enum {
    IMS_AUDIT_NOTE,    /* worth knowing; may be meant */
    IMS_AUDIT_WARNING, /* harms, or does not do what it says */
} ImsAuditSeverity;

/* One sort of finding; the order is that of the table, each has a word. */
typedef enum {
    IMS_AUDIT_OPEN,                 /* */
    IMS_AUDIT_DENY_ONLY,            /* */
    IMS_AUDIT_ADMITS_ALL,           /* */
    IMS_AUDIT_CLOSED,               /* */
    IMS_AUDIT_NEVER_MATCHES,        /* */
    IMS_AUDIT_HOLES,                /* */
    IMS_AUDIT_SHADOWED,             /* */
    IMS_AUDIT_DENIED,               /* */
    IMS_AUDIT_UNUSED_LIST,          /* */
    IMS_AUDIT_EMPTY_LIST,           /* */
    IMS_AUDIT_FORWARDING,           /* */
    IMS_AUDIT_SAME_MACHINE,         /* */
    IMS_AUDIT_TRANSLATION,          /* */
    IMS_AUDIT_STALE,                /* */
    IMS_AUDIT_LIST_NOT_USED,        /* */
    IMS_AUDIT_REFLECTOR,            /* */
    IMS_AUDIT_NO_INBOUND,           /* */
    IMS_AUDIT_SITE_NOT_INBOUND,     /* */
    IMS_AUDIT_RECIPIENT_NOT_INBOUND, /* */
    IMS_AUDIT_REROUTED_TO_SELF,     /* */
    IMS_AUDIT_REROUTED_IN_CIRCLE,   /* */
    IMS_AUDIT_REROUTED_STRANGERS,   /* */
    IMS_AUDIT_REDUNDANT,            /* */
    IMS_AUDIT_TOP_LEVEL,            /* */
    IMS_AUDIT_SMART_HOST_SELF,      /* */
    IMS_AUDIT_UNKNOWN_TO_BUILD,     /* */
    IMS_AUDIT_WEAKNESS,             /* a weakness of the build that is shown */
    /* virtual servers */
    IMS_AUDIT_VIRTUAL_OPEN,         /* */
    IMS_AUDIT_VIRTUAL_ADMITS_ALL,   /* */
    IMS_AUDIT_VIRTUAL_CLOSED,       /* */
    IMS_AUDIT_CONNECTOR_OPEN,       /* */
    IMS_AUDIT_NOBODY_CONNECTS,      /* */
    IMS_AUDIT_DOMAIN_ENTRY,         /* */
    IMS_AUDIT_HOST_SHADOWED,        /* */
    IMS_AUDIT_BOX_WITHOUT_EFFECT,   /* */
    IMS_AUDIT_NO_ANONYMOUS,         /* */
    IMS_AUDIT_NO_DOMAIN,            /* */
    IMS_AUDIT_DEFAULT_NOT_OWN,      /* */
    IMS_N_AUDITS
} ImsAuditKind;

/**
 * ImsAuditFinding:
 * @word: lower-case, for JSON: "never-matches"
 * @fact, @source: "R-052", "Q193922, Q258140"
 * @group, @key: the setting of ims.conf it is about; of an entry of the routing list @key is its domain; of a virtual server
 *   or connector @group is "Virtual Server" or "Connector", to which the caller adds the name
 * @entry: 1-based entry of the list that @key names, 0 where it is about the whole
 * @line: line of the file, where the policy knows it; else 0
 * @text: what is there, a sentence without a final stop
 * @consequence: what follows
 * @remedy: what closes it
 */
typedef struct {
    ImsAuditKind kind;
    ImsAuditSeverity severity;
    const char *word, *fact, *source;
    const char *group;
    char *key;
    guint entry, line;
    char *text;
    const char *consequence, *remedy;
} ImsAuditFinding;

/* What the policy itself does not know. Everything may be left out. */
typedef struct {
    const char *host_name;                /* (nullable): full name of this server */
    const char *const *smart_hosts;       /* (nullable): names or addresses to which all mail is forwarded */
    const char *const *recipient_domains; /* (nullable): lower-case domains of the addresses in the directory */
} ImsAuditContext;

/* (transfer full) (element-type ImsAuditFinding), free with g_ptr_array_unref(); empty: nothing to say. Each kind about one
 * entry comes once; of a list of thousands all entries are looked at, at a cost that grows with their number only. */
GPtrArray *ims_relay_audit(const ImsRelayPolicy *policy, const ImsAuditContext *context);
GPtrArray *ims_virtual_server_audit(const ImsVirtualServerPolicy *policy, const ImsAuditContext *context);
/* "text (R-052; Q193922): consequence. remedy", one line. (transfer full) */
char *ims_audit_format(const ImsAuditFinding *finding);

G_END_DECLS
