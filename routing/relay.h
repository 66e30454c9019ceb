/* The verdict: what the IMS does with one recipient. Pure: no I/O, no clock, no globals. */
#pragma once

#include "routing/build.h"
#include "routing/ip.h"
#include "routing/path.h"

G_BEGIN_DECLS

/* ---- the routing list (R-012 to R-019) ---- */

typedef enum {
    IMS_ROUTE_INBOUND, /* "Should be accepted as inbound" */
    IMS_ROUTE_REROUTE, /* "Should be rerouted to this domain": envelope rewritten */
    IMS_ROUTE_RELAY,   /* "Override relay restrictions. Always relay" (R-012, from SP2) */
    IMS_ROUTE_BLOCKED, /* refused for everyone; named by the TechNet article alone (disputed) */
} ImsRouteAction;

typedef struct _ImsRoutingList ImsRoutingList;

typedef enum {
    IMS_ROUTING_ERROR_DOMAIN,    /* not a domain name, `*` included */
    IMS_ROUTING_ERROR_TARGET,    /* the action or target is not understood */
    IMS_ROUTING_ERROR_DUPLICATE, /* the same domain twice */
} ImsRoutingError;
#define IMS_ROUTING_ERROR (ims_routing_error_quark())
GQuark ims_routing_error_quark(void);

ImsRoutingList *ims_routing_list_new(void);
void ims_routing_list_free(ImsRoutingList *list);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsRoutingList, ims_routing_list_free)
/**
 * ims_routing_list_add:
 * @domain: `example.com`, `#example.com` (exact, R-016), `.com` or `com`, an IPv4 literal text
 * @action: `<inbound>`, `<relay>`, `<blocked>`, or the domain, host or IPv4 literal to reroute to
 * @line: line of the configuration file, for explanations; 0 where there is none
 */
gboolean ims_routing_list_add(ImsRoutingList *list, const char *domain, const char *action, guint line, GError **error);

typedef struct {
    const char *domain; /* as written in the list, with its `#` */
    ImsRouteAction action;
    const char *target; /* (nullable): only for IMS_ROUTE_REROUTE; lower case, a literal without brackets */
    guint line;
    gboolean target_is_literal; /* @target is an IP address: `user@[192.0.2.1]` results */
} ImsRoutingEntry;

guint ims_routing_list_size(const ImsRoutingList *list);
const ImsRoutingEntry *ims_routing_list_get(const ImsRoutingList *list, guint index);
/* Exact entries first, then the longest suffix of whole labels. NULL: no entry. @domain is lower case. */
const ImsRoutingEntry *ims_routing_list_lookup(const ImsRoutingList *list, const char *domain);

/* ---- the policy ---- */

#define IMS_RELAY_FLAG_DENY 1u          /* use RelayDenyList */
#define IMS_RELAY_FLAG_ALLOW 2u         /* use RelayAllowList */
#define IMS_RELAY_FLAG_LOCAL 4u         /* use RelayLocalIPList */
#define IMS_RELAY_FLAG_AUTHENTICATED 8u /* hosts and clients that successfully authenticate */

/**
 * ImsRelayPolicy: everything of the configuration that the verdict depends on. Filled once, then read only; shared
 * by all threads. The owner keeps every pointer alive.
 */
typedef struct {
    gboolean reroute; /* FALSE: "Do not reroute incoming SMTP mail" */
    const ImsRoutingList *list;
    guint relay_flags; /* 0 to 15 */
    const ImsNetList *allow, *deny, *local;
    gboolean ip_forwarding;           /* switches the local-address rule off */
    gboolean faithful;                /* Profile=faithful */
    gboolean accept_historic_risk;    /* AcceptHistoricRisk=yes */
    gboolean accept_malformed;        /* AcceptMalformed821Adrs */
    gboolean logon_authorizes_relay;  /* LogonAuthorizesRelay */
    gboolean fold_inbound;            /* a reroute target that is inbound makes the recipient inbound */
    const char *site_domain;          /* (nullable): completes a bare local part */
    const ImsAddress *own_addresses;  /* addresses of this server */
    guint n_own_addresses;
    ImsBuild build;                   /* 0: 5.5 SP4 */
    gboolean smart_host;              /* "Forward all messages to host" is set; only a hole asks */
} ImsRelayPolicy;

typedef struct {
    const char *recipient; /* inside the angle brackets, as the client sent it */
    const char *mail_from; /* (nullable): never grants anything; for the explanation only */
    ImsAddress client;
    ImsAddress local; /* the address the client connected to */
    gboolean authenticated;      /* AUTH succeeded in this SMTP session */
    const char *account;         /* (nullable): who, for the explanation */
    gboolean logon_window;       /* a POP3/IMAP4 logon from @client is in force */
    const char *window_account;  /* (nullable): who opened it */
    const char *window_protocol; /* (nullable): "pop3" or "imap4" */
    guint recipient_count;       /* recipients already taken in this transaction */
    gboolean in_directory;       /* see below; FALSE by default */
    gboolean guest_logon;        /* AUTH failed and NT let the client in as Guest; @authenticated is FALSE */
    const char *client_name;     /* (nullable): reverse name of @client; only a virtual server asks */
    gboolean null_session;       /* AUTH NTLM without a name; @authenticated is FALSE */
} ImsRelayQuery;

/*
 * @in_directory counts only where the policy says "Do not reroute": there the directory alone knows who is an own
 * recipient. It means that the directory holds a recipient with the very address that ims_relay_verdict_address()
 * gives for the verdict made without it (route cut, inner address taken out). So the caller decides with FALSE, looks
 * that address up where ims_relay_wants_directory() says so, and decides again with TRUE where it was found.
 */

/* ---- the verdict ---- */

typedef enum {
    IMS_VERDICT_DELIVER,   /* own recipient: look it up in the directory, deliver, or say it is unknown */
    IMS_VERDICT_REROUTE,   /* send on to @domain, no directory look-up */
    IMS_VERDICT_DIRECTORY, /* "Do not reroute": the directory decides; what it does not know is reported */
    IMS_VERDICT_REFUSE,
} ImsVerdictKind;

/* Why. Each has a word (ims_relay_reason_word()) for log, JSON and tests. Kept in this order: appended to, never reused. */
typedef enum {
    IMS_REASON_MALFORMED,          /* 553 */
    IMS_REASON_TOO_MANY,           /* 452 */
    IMS_REASON_BARE_LOCAL,         /* no domain: own */
    IMS_REASON_OWN_LITERAL,        /* own address literal */
    IMS_REASON_INBOUND,            /* routing list: inbound */
    IMS_REASON_FOLDED,             /* rerouted to a domain that is itself inbound */
    IMS_REASON_ALWAYS_RELAY,       /* */
    IMS_REASON_BLOCKED,
    IMS_REASON_DENY_LIST,          /* can NEVER route (R-056 step 1) */
    IMS_REASON_ALLOW_LIST,
    IMS_REASON_LOCAL_ADDRESS,
    IMS_REASON_AUTHENTICATED,      /* SMTP AUTH */
    IMS_REASON_LOGON_WINDOW,       /* a POP3 or IMAP4 logon from this address */
    IMS_REASON_DENY_ONLY,          /* only bit 1 set */
    IMS_REASON_OPEN,               /* nothing ticked: everyone */
    IMS_REASON_OPEN_CLOSED,        /* the same policy, but open relay is not served to this client without AcceptHistoricRisk */
    IMS_REASON_NO_RULE,            /* no rule allows it (R-056 step 6) */
    IMS_REASON_NO_REROUTE_OWN,     /* "Do not reroute", extended: own recipient */
    IMS_REASON_NO_REROUTE_CLOSED,  /* "Do not reroute", extended: relaying wholly off */
    IMS_REASON_NO_REROUTE_DIRECTORY, /* faithful: directory_then_bounce */
    IMS_REASON_NO_RESTRICTIONS,    /* faithful: the build has no Routing Restrictions (5.0) */
    IMS_REASON_ENCAPSULATED,       /* faithful: only the hole for encapsulated addresses */
    IMS_REASON_GUEST,              /* faithful: a logon that fell back to Guest */
    IMS_REASON_NULL_SESSION,       /* faithful: a logon without a name */
    /* virtual servers only */
    IMS_REASON_SHARED_DOMAIN,      /* own, and what the directory does not know is sent on */
    IMS_REASON_CONNECTOR,          /* a connector relays to this domain */
    IMS_REASON_RELAY_LIST,         /* "only the list below", and the client is in it */
    IMS_REASON_NOT_EXCEPTED,       /* "all except the list below", and the client is not in it */
    IMS_REASON_EXCEPTED,           /* the same, and it is in it */
    IMS_REASON_NO_SUBMIT,          /* anonymous access is off and the session is not authenticated */
    IMS_N_REASONS
} ImsRelayReason;

/* Which reply; the text comes from the build's table in ims/personality. */
typedef enum {
    IMS_REPLY_RCPT_OK,        /* 250 OK - Recipient <argument> */
    IMS_REPLY_RELAY_REFUSED,  /* 550 Relaying is prohibited */
    IMS_REPLY_MALFORMED,      /* 553 malformed address: argument */
    IMS_REPLY_TOO_MANY_RCPTS, /* 452 Requested action not taken: Exceed Recipient Limit */
    /* virtual servers only (R-182, R-183, R-185; the last two as seen in the field, in no article) */
    IMS_REPLY_VIRTUAL_OK,        /* 250 2.1.5 address */
    IMS_REPLY_VIRTUAL_REFUSED,   /* 550 5.7.1 Unable to relay for address */
    IMS_REPLY_VIRTUAL_MALFORMED, /* 501 5.5.4 Invalid Address */
    IMS_REPLY_VIRTUAL_NO_SUBMIT, /* 454 5.7.3 Client does not have permission to submit mail to this server. */
} ImsRelayReply;

/* RCPT TO beyond this many gets 452 (0x7FFE; R-042, Q272672). */
#define IMS_RELAY_MAX_RECIPIENTS 32766u

/* One link of the chain of rules, in the order tried. */
typedef struct {
    guint8 rule;    /* index into the rule table of relay-rules.c: text, fact number, article */
    guint8 outcome; /* 0 does not apply, 1 applies and goes on, 2 decides */
    guint entry;    /* 1-based entry of the list concerned; 0 where none */
} ImsRelayStep;

#define IMS_RELAY_MAX_STEPS 48

/**
 * ImsRelayVerdict:
 * @local, @domain: the envelope recipient that results (route cut, inner address decoded, domain rewritten);
 *   @domain is lower case; both are NULL in a refusal as malformed. A bare local part has the site domain, and @domain
 *   is NULL where the policy has none
 * @is_literal: @domain is an address literal (held without brackets)
 * @weakness: (nullable): only a historic weakness admitted this; the article that describes it
 *
 * Owns its strings; release with ims_relay_verdict_clear().
 */
typedef struct {
    ImsVerdictKind kind;
    ImsRelayReason reason;
    ImsRelayReply reply;
    char *local;
    char *domain;
    gboolean is_literal;
    const ImsRoutingEntry *entry; /* (nullable): the routing list entry that matched */
    guint list_entry;             /* 1-based entry of the deny, allow or local list that decided; 0 none */
    const char *weakness;
    guint n_steps;
    ImsRelayStep steps[IMS_RELAY_MAX_STEPS];
} ImsRelayVerdict;

/**
 * ims_relay_decide:
 *
 * The one place where relaying is decided. SMTP, the log, `imsctl explain` and tests all show this verdict.
 *
 * Source: routing.md section 12; decisions of the project for what is open or disputed. Builds: that of @policy; what
 * differs is in the table of build.c. A weakness of a build is shown in the faithful profile only, and there only on
 * loopback or with AcceptHistoricRisk=yes; elsewhere the corrected answer is given and the chain says so.
 */
void ims_relay_decide(const ImsRelayPolicy *policy, const ImsRelayQuery *query, ImsRelayVerdict *verdict_out);
void ims_relay_verdict_clear(ImsRelayVerdict *verdict);
G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC(ImsRelayVerdict, ims_relay_verdict_clear)

/* TRUE where the answer could be another if the directory held the resulting address (see @in_directory). */
gboolean ims_relay_wants_directory(const ImsRelayPolicy *policy, const ImsRelayQuery *query,
                                   const ImsRelayVerdict *verdict);
/* "local@domain" of the resulting recipient, brackets around a literal. (transfer full) (nullable) */
char *ims_relay_verdict_address(const ImsRelayVerdict *verdict);
/* Lower-case word, e.g. "allow-list". */
const char *ims_relay_reason_word(ImsRelayReason reason);
/* The article or fact behind the deciding rule, e.g. "Q193922 (R-056)". Never NULL. */
const char *ims_relay_verdict_source(const ImsRelayVerdict *verdict);
/*
 * Code and text with the argument put in, as the IMS of 5.5 SP4 wrote it (R-041, R-042, S-034), or Exchange 2000 where a
 * virtual server decided; no CRLF. The argument is
 * what the client sent; in a 553 control characters and bytes above 127 show as `?` and it ends after 400 bytes.
 * (transfer full)
 */
char *ims_relay_verdict_reply_text(const ImsRelayVerdict *verdict, const ImsRelayQuery *query);

/* Whether the build of @policy has @difference and shows it to the client of @query: what else than a verdict depends on
 * it, such as the reply to AUTH. */
gboolean ims_relay_shows_to(const ImsRelayPolicy *policy, const ImsRelayQuery *query, ImsDifference difference);

/* One line of explanation, ready to print. */
typedef struct {
    char *text;         /* what was tried and what came of it, one sentence, with the entry that matched */
    const char *fact;   /* "R-056" */
    const char *source; /* "Q193922" */
    const char *outcome; /* "no", "yes", "decides" */
} ImsRelayReasonLine;

/* The chain of rules in words. (transfer full) (element-type ImsRelayReasonLine), free with g_ptr_array_unref(). */
GPtrArray *ims_relay_explain(const ImsRelayPolicy *policy, const ImsRelayQuery *query, const ImsRelayVerdict *verdict);

G_END_DECLS
