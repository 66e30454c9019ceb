/* What decision and explanation share. */
#pragma once

#include "routing/relay.h"

G_BEGIN_DECLS

/* The rules, in about the order they are tried. The number is what ImsRelayStep.rule holds. */
typedef enum {
    IMS_RULE_SYNTAX,
    IMS_RULE_EQUAL_SIGN,
    IMS_RULE_COUNT,
    IMS_RULE_SOURCE_ROUTE,
    IMS_RULE_BARE_LOCAL,
    IMS_RULE_OWN_LITERAL,
    IMS_RULE_NO_REROUTE,
    IMS_RULE_LITERAL_UNKNOWN,
    IMS_RULE_ENTRY_UNKNOWN,
    IMS_RULE_LIST,
    IMS_RULE_REWRITE,
    IMS_RULE_FOLD,
    IMS_RULE_IMCEA,
    IMS_RULE_IMCEA_QUOTED,
    IMS_RULE_IMCEA_QUOTED_UNKNOWN,
    IMS_RULE_IMCEA_DEPTH,
    IMS_RULE_INBOUND,
    IMS_RULE_BLOCKED,
    IMS_RULE_ALWAYS_RELAY,
    IMS_RULE_NO_REROUTE_STALE,
    IMS_RULE_NO_REROUTE_RISK,
    IMS_RULE_NO_REROUTE_DIRECTORY,
    IMS_RULE_NO_REROUTE_OWN,
    IMS_RULE_NO_REROUTE_CLOSED,
    IMS_RULE_OPEN,
    IMS_RULE_DENY,
    IMS_RULE_ALLOW,
    IMS_RULE_FORWARDING,
    IMS_RULE_LOCAL,
    IMS_RULE_AUTHENTICATED,
    IMS_RULE_GUEST,
    IMS_RULE_NULL_SESSION,
    IMS_RULE_WINDOW_OFF,
    IMS_RULE_LOGON_WINDOW,
    IMS_RULE_DENY_ONLY,
    IMS_RULE_OPEN_CLOSED,
    IMS_RULE_DENY_ONLY_CLOSED,
    IMS_RULE_NO_RULE,
    IMS_RULE_NO_RESTRICTIONS,
    IMS_RULE_IMCEA_HOLE,
    IMS_RULE_IMCEA_QUOTED_HOLE,
    /* virtual servers */
    IMS_RULE_VIRTUAL_SYNTAX,
    IMS_RULE_VIRTUAL_ANONYMOUS,
    IMS_RULE_VIRTUAL_BARE,
    IMS_RULE_VIRTUAL_DOMAIN,
    IMS_RULE_VIRTUAL_SHARED,
    IMS_RULE_VIRTUAL_CONNECTOR,
    IMS_RULE_VIRTUAL_NO_METHOD,
    IMS_RULE_VIRTUAL_AUTHENTICATED,
    IMS_RULE_VIRTUAL_ONLY,
    IMS_RULE_VIRTUAL_CONNECTOR_ALL,
    IMS_RULE_VIRTUAL_NOT_LISTED,
    IMS_RULE_VIRTUAL_EXCEPTED,
    IMS_RULE_VIRTUAL_ALL_EXCEPT,
    IMS_RULE_VIRTUAL_CLOSED,
    IMS_N_RULES
} ImsRelayRule;

enum { IMS_STEP_NO, IMS_STEP_YES, IMS_STEP_DECIDES };

/*
 * One row of the table. @yes and @no are sentences in which {word} stands for a value of the query,
 * the policy or the address as it is at that link; @no is NULL for a rule that is only noted when
 * it applies.
 */
typedef struct {
    const char *yes, *no;
    const char *fact;
    const char *source;
    const char *cited; /* "Q193922 (R-056)" */
} ImsRelayRuleRow;

extern const ImsRelayRuleRow ims_relay_rules[IMS_N_RULES];

/* The value of {word}, of @length bytes, at this link. (transfer full) */
typedef char *(*ImsRelayWordFunc)(gconstpointer teller, const char *word, gsize length);
/* One line of explanation for @step, with the words put in. (transfer full) */
ImsRelayReasonLine *ims_relay_line_new(const ImsRelayStep *step, ImsRelayWordFunc value_of,
                                       gconstpointer teller);
/* An empty chain, which owns its lines. */
GPtrArray *ims_relay_lines_new(void);
/* What the client sent, at most @limit bytes, fit for a reply line: nothing in it can end the line.
 */
char *ims_relay_echo(const char *recipient, gsize limit);
/* "a client without address", or its address. (transfer full) */
char *ims_relay_client_text(const ImsAddress *client);

/* How deep one encapsulated address may sit in another; nobody honest nests them. */
#define IMS_IMCEA_MAX_DEPTH 2

/*
 * ims_relay_unwrap: takes the SMTP address out of `IMCEASMTP-…`, quoted or not.
 * FALSE, with nothing set, where @path holds none that is an address: it then is an ordinary local
 * part.
 */
gboolean ims_relay_unwrap(const ImsPath *path, gboolean lax, ImsPath *inner_out,
                          gboolean *quoted_out);

typedef enum {
    IMS_CLASS_OWN,     /* bare local part, own literal, inbound, folded */
    IMS_CLASS_FOREIGN, /* rewritten or not */
    IMS_CLASS_ALWAYS_RELAY,
    IMS_CLASS_BLOCKED,
    IMS_CLASS_SITE, /* "Do not reroute": the site domain */
    IMS_CLASS_MALFORMED,
} ImsRelayClass;

typedef struct {
    const ImsRelayPolicy *policy;
    const ImsRelayQuery *query;
    ImsRelayVerdict *verdict;
    ImsPath path;          /* the address as it is judged now */
    gboolean encapsulated; /* it was taken out of another */
    gboolean quoted;       /* and that one was quoted */
    ImsRelayReason own_reason;
} ImsRelayDecision;

/* Whether malformed addresses are taken: the setting, where the build has it. */
gboolean ims_relay_is_lax(const ImsRelayPolicy *policy);
/* Whether the build has @difference and this policy shows it to this client. */
gboolean ims_relay_shows(const ImsRelayDecision *self, ImsDifference difference);
/* Notes one link of the chain. */
void ims_relay_step(ImsRelayDecision *self, ImsRelayRule rule, guint8 outcome, guint entry);
/* Notes the last link, and what it decides. */
void ims_relay_settle(ImsRelayDecision *self, ImsVerdictKind kind, ImsRelayReason reason,
                      ImsRelayRule rule, guint entry);
/* Whether the quoted form of an encapsulated address is read at all. */
gboolean ims_relay_reads_quoted(const ImsRelayDecision *self);
/* What only a weakness of the build admits, after all else has refused it. */
void ims_relay_admit_weakness(ImsRelayDecision *self);
/* The test of Q193922 in its order: sets IMS_VERDICT_REROUTE or IMS_VERDICT_REFUSE.
 */
void ims_relay_restrict(ImsRelayDecision *self);
/* What "Do not reroute" does with a recipient of @class, own literals and bare names apart. */
void ims_relay_judge_no_reroute(ImsRelayDecision *self, ImsRelayClass class);

G_END_DECLS
