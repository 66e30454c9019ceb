/* The verdict, fact by fact: sections 1, 2, 4 and 10 of the history of routing. */
#include "tests/unit/routing-world.h"

#include <string.h>

typedef struct {
    const char *name, *policy, *query, *recipient, *verdict;
} Case;

/* One row a line. */
/* clang-format off */
#define CLOSED "flags:2 list:own.com=<inbound>"
#define LIST "list:own.com=<inbound>,old.example=new.example,partner.example=<relay>"
#define THREE "flags:2 list:a.com=<inbound>,b.com=<relay>,c.com=<relay>"
#define BLOCK "flags:10 allow:10.0.0.0;255.255.255.0 list:own.com=<inbound>,bad.example=<blocked>,ok.bad.example=<relay>"
#define VECTOR "list:ms.com=host1.ms.com,#ms.com=<inbound>,x.ms.com=<inbound> flags:2 allow:10.0.0.5"
#define FOLD "flags:8 list:adatum.com=<inbound>,cpandl.net=adatum.com,loop.example=cpandl.net,here.example=[192.0.2.1],bad.example=<blocked>,worse.example=bad.example,pal.example=<relay>,palback.example=pal.example"
#define STALE "do-not-reroute faithful flags:2 allow:10.0.0.50"
#define NESTED "IMCEASMTP-IMCEASMTP-t+2B40far+2B2Eexample+40own+2Ecom@own.com"
#define OUT "10.0.0.50"

static const Case cases[] = {
    /* 1.1 the two modes */
    {"R-001-reroute-inbound", CLOSED, "", "alice@own.com", "deliver inbound alice@own.com"},
    {"R-002-not-in-the-list-is-foreign", "flags:2 list:own.com=<inbound>,#x.own.com=<relay> allow:10.0.0.1", "client:10.0.0.1", "a@own.org", "reroute allow-list a@own.org"},
    {"R-003-known-recipient-faithful", "do-not-reroute faithful risk", "directory", "alice@own.com", "directory no-reroute-directory alice@own.com"},
    {"R-004-stranger-faithful", "do-not-reroute faithful risk", "", "x@far.example", "directory no-reroute-directory x@far.example Q255695"},
    {"R-004-on-loopback", "do-not-reroute faithful", "client:127.0.0.1 local:127.0.0.2", "x@far.example", "directory no-reroute-directory x@far.example Q255695"},
    {"R-005-not-served-to-strangers", "do-not-reroute faithful", "", "x@far.example", "refuse no-reroute-closed x@far.example"},
    {"R-005-own-recipients-still", "do-not-reroute faithful", "directory", "x@other.example", "deliver no-reroute-own x@other.example"},
    {"R-004-flags-1-are-harmless", "do-not-reroute faithful risk flags:1 deny:0.0.0.0;0.0.0.0", "", "x@far.example", "directory no-reroute-directory x@far.example Q255695"},
    {"R-007-stale-flags-refuse-own", STALE, "", "alice@own.com", "refuse no-rule alice@own.com"},
    {"R-007-stale-flags-refuse-known", STALE, "directory", "alice@own.com", "refuse no-rule alice@own.com"},
    {"R-007-flags-8-authenticated", "do-not-reroute faithful flags:8", "auth directory", "alice@own.com", "deliver authenticated alice@own.com"},
    {"R-007-never-list", "do-not-reroute faithful flags:3 allow:0.0.0.0;0.0.0.0 deny:203.0.113.66", "directory", "alice@own.com", "refuse deny-list alice@own.com"},
    {"R-008-stale-allow-list-sends-out", STALE, "client:" OUT, "any@bogus.example", "reroute allow-list any@bogus.example Q243045"},
    {"R-232-stale-allow-own-delivered", STALE, "client:" OUT " directory", "alice@own.com", "deliver allow-list alice@own.com"},
    {"R-232-stale-allow-unknown-name", STALE, "client:" OUT, "nobody@own.com", "directory allow-list nobody@own.com"},
    {"R-009-list-is-not-used", STALE " list:partner.example=<relay>,own.com=<inbound>", "", "x@partner.example", "refuse no-rule x@partner.example"},
    {"R-097-stale-allow-encapsulated", STALE, "client:" OUT, "IMCEASMTP-t+40far+2Eexample@own.com", "directory allow-list t@far.example"},
    {"extended-no-reroute-own-domain", "do-not-reroute flags:15 deny:0.0.0.0;0.0.0.0", "", "anyone@own.com", "deliver no-reroute-own anyone@own.com"},
    {"extended-no-reroute-directory", "do-not-reroute", "directory", "alice@second.example", "deliver no-reroute-own alice@second.example"},
    {"extended-no-reroute-foreign", "do-not-reroute", "", "x@far.example", "refuse no-reroute-closed x@far.example"},
    {"R-011-no-reroute-authenticated-client", "do-not-reroute flags:15 allow:0.0.0.0;0.0.0.0 risk", "auth window", "x@far.example", "refuse no-reroute-closed x@far.example"},
    {"extended-no-reroute-list-ignored", "do-not-reroute list:p.example=<relay>,own.com=<blocked>", "", "x@p.example", "refuse no-reroute-closed x@p.example"},
    {"extended-no-reroute-loopback", "do-not-reroute", "client:::1 local:::1", "x@far.example", "refuse no-reroute-closed x@far.example"},
    {"extended-no-reroute-bare", "do-not-reroute", "", "bob", "deliver bare-local bob@own.com"},
    {"extended-no-reroute-own-literal", "do-not-reroute", "", "bob@[192.0.2.1]", "deliver own-literal bob@[192.0.2.1]"},
    {"extended-no-reroute-other-literal", "do-not-reroute", "", "bob@[192.0.2.9]", "refuse no-reroute-closed bob@[192.0.2.9]"},
    {"extended-no-reroute-imcea", "do-not-reroute", "auth", "IMCEASMTP-t+40far+2Eexample@own.com", "refuse no-reroute-closed t@far.example"},
    {"extended-no-reroute-imcea-own", "do-not-reroute", "", "IMCEASMTP-t+40own+2Ecom@own.com", "deliver no-reroute-own t@own.com"},
    {"extended-no-reroute-subdomain", "do-not-reroute", "", "x@sub.own.com", "refuse no-reroute-closed x@sub.own.com"},

    /* 1.2 the routing list */
    {"R-017-Q169683-exact", VECTOR, "", "User@ms.com", "deliver inbound User@ms.com"},
    {"R-017-Q169683-rerouted", VECTOR, "client:10.0.0.5", "User@sales.ms.com", "reroute allow-list User@host1.ms.com"},
    {"R-031-Q169683-rerouted-stranger", VECTOR, "", "User@sales.ms.com", "refuse no-rule User@host1.ms.com"},
    {"R-017-Q169683-specific", VECTOR, "", "User@x.ms.com", "deliver inbound User@x.ms.com"},
    {"R-017-Q169683-below", VECTOR, "", "User@abc.x.ms.com", "deliver inbound User@abc.x.ms.com"},
    {"R-017-Q169683-other", VECTOR, "client:10.0.0.5", "User@pms.com", "reroute allow-list User@pms.com"},
    {"R-020-envelope-rewritten", "risk " LIST, "", "user@old.example", "reroute open user@new.example Q260562"},
    {"R-020-subdomain-rewritten", "risk " LIST, "", "user@a.old.example", "reroute open user@new.example Q260562"},
    {"R-021-not-listed-keeps-its-name", "risk " LIST, "", "user@test.example", "reroute open user@test.example Q260562"},
    {"R-022-folded", FOLD, "", "administrator@cpandl.net", "deliver folded administrator@adatum.com"},
    {"R-229-fold-off", FOLD " no-fold", "", "administrator@cpandl.net", "refuse no-rule administrator@adatum.com"},
    {"R-229-fold-off-authenticated", FOLD " no-fold", "auth", "administrator@cpandl.net", "reroute authenticated administrator@adatum.com"},
    {"R-230-looked-up-once-more-only", FOLD, "", "a@loop.example", "refuse no-rule a@cpandl.net"},
    {"R-022-target-is-own-literal", FOLD, "", "a@here.example", "deliver folded a@[192.0.2.1]"},
    {"R-022-folded-imcea-is-judged", FOLD, "", "IMCEASMTP-t+40far+2Eexample@cpandl.net", "refuse no-rule t@far.example"},
    {"rewritten-to-blocked", FOLD, "auth", "a@worse.example", "refuse blocked a@bad.example"},
    {"R-031-rewritten-to-always-relay", FOLD, "", "a@palback.example", "refuse no-rule a@pal.example"},
    {"R-023-target-literal", "flags:8 list:o.example=[192.0.2.77]", "auth", "a@o.example", "reroute authenticated a@[192.0.2.77]"},
    {"R-023-target-literal-plain", "flags:8 list:o.example=192.0.2.77", "auth", "a@o.example", "reroute authenticated a@[192.0.2.77]"},
    {"R-024-missing-secondary-domain", CLOSED, "", "alice@second.example", "refuse no-rule alice@second.example"},
    {"R-025-unknown-local-part", CLOSED, "", "nobody@own.com", "deliver inbound nobody@own.com"},
    {"R-026-shared-domain-is-inbound", CLOSED, "", "user.of.the.other.system@own.com", "deliver inbound user.of.the.other.system@own.com"},
    {"R-027-domain-alone-counts", CLOSED, "", "far.example@own.com", "deliver inbound far.example@own.com"},
    {"R-028-inbound-from-the-denied", "flags:1 deny:0.0.0.0;0.0.0.0 list:own.com=<inbound>", "", "alice@own.com", "deliver inbound alice@own.com"},
    {"R-029-Q195969-own", THREE, "", "u@a.com", "deliver inbound u@a.com"},
    {"R-029-Q195969-second", THREE, "", "u@b.com", "reroute always-relay u@b.com"},
    {"R-029-Q195969-third", THREE, "", "u@c.com", "reroute always-relay u@c.com"},
    {"R-029-Q195969-other", THREE, "", "u@d.com", "refuse no-rule u@d.com"},
    {"R-029-relay-from-the-denied", "flags:1 deny:0.0.0.0;0.0.0.0 list:b.com=<relay>", "", "u@b.com", "reroute always-relay u@b.com"},
    {"R-030-no-box-ticked", "risk list:a.com=<inbound>,b.com=<relay>", "", "u@d.com", "reroute open u@d.com Q260562"},
    {"R-031-reroute-gives-no-right", "flags:8 " LIST, "", "u@old.example", "refuse no-rule u@new.example"},
    {"R-031-reroute-with-right", "flags:8 " LIST, "auth", "u@old.example", "reroute authenticated u@new.example"},
    {"blocked-stranger", BLOCK, "", "x@bad.example", "refuse blocked x@bad.example"},
    {"blocked-below", BLOCK, "client:10.0.0.9", "x@sub.bad.example", "refuse blocked x@sub.bad.example"},
    {"blocked-authenticated", BLOCK, "auth", "x@bad.example", "refuse blocked x@bad.example"},
    {"blocked-but-most-specific-wins", BLOCK, "", "x@ok.bad.example", "reroute always-relay x@ok.bad.example"},
    {"blocked-on-an-open-relay", "risk list:bad.example=<blocked>", "", "x@bad.example", "refuse blocked x@bad.example"},
    {"blocked-inside-imcea", BLOCK, "auth", "IMCEASMTP-x+40bad+2Eexample@own.com", "refuse blocked x@bad.example"},
    {"blocked-inbound-exception", "list:own.com=<inbound>,#old.own.com=<blocked>", "", "x@old.own.com", "refuse blocked x@old.own.com"},

    /* 2 restrictions */
    {"R-056-allow", CLOSED " allow:203.0.113.0;255.255.255.0", "", "x@far.example", "reroute allow-list x@far.example"},
    {"R-056-allow-other", CLOSED " allow:203.0.113.0;255.255.255.0", "client:203.0.114.1", "x@far.example", "refuse no-rule x@far.example"},
    {"R-056-local", "flags:4 local:10.0.0.10", "local:10.0.0.10", "x@far.example", "reroute local-address x@far.example"},
    {"R-056-local-other", "flags:4 local:10.0.0.10", "", "x@far.example", "refuse no-rule x@far.example"},
    {"R-056-authenticated", "flags:8", "auth", "x@far.example", "reroute authenticated x@far.example"},
    {"R-056-allow-is-tried-first", "flags:14 allow:203.0.113.66 local:192.0.2.1", "auth", "x@far.example", "reroute allow-list x@far.example"},
    {"R-056-local-before-auth", "flags:12 local:192.0.2.1", "auth", "x@far.example", "reroute local-address x@far.example"},
    {"R-057-boxes-mean-or", "flags:10 allow:10.0.0.0;255.255.255.0", "auth", "x@far.example", "reroute authenticated x@far.example"},
    {"R-058-deny-beats-auth", "flags:9 deny:203.0.113.0;255.255.255.0", "auth", "x@far.example", "refuse deny-list x@far.example"},
    {"R-056-deny-beats-allow", "flags:3 allow:203.0.113.0;255.255.255.0 deny:203.0.113.66", "", "x@far.example", "refuse deny-list x@far.example"},
    {"R-058-deny-beats-window", "flags:9 deny:203.0.113.0;255.255.255.0", "window", "x@far.example", "refuse deny-list x@far.example"},
    {"R-056-list-not-ticked", "flags:8 allow:203.0.113.66 local:192.0.2.1 deny:203.0.113.66", "", "x@far.example", "refuse no-rule x@far.example"},
    {"R-056-deny-not-ticked", "flags:2 allow:203.0.113.66 deny:203.0.113.66", "", "x@far.example", "reroute allow-list x@far.example"},
    {"R-059-open-with-risk", "risk list:own.com=<inbound>", "", "x@far.example", "reroute open x@far.example Q260562"},
    {"R-059-open-on-loopback", "list:own.com=<inbound>", "client:127.0.0.1 local:127.0.0.1", "x@far.example", "reroute open x@far.example Q260562"},
    {"R-059-open-on-loopback-faithful", "faithful list:own.com=<inbound>", "client:::1 local:::1", "x@far.example", "reroute open x@far.example Q260562"},
    {"R-059-one-end-is-not-enough", "list:own.com=<inbound>", "client:127.0.0.1", "x@far.example", "refuse open-closed x@far.example"},
    {"R-059-other-end-is-not-enough", "list:own.com=<inbound>", "local:127.0.0.1", "x@far.example", "refuse open-closed x@far.example"},
    {"R-059-closed-for-strangers", "list:own.com=<inbound>", "", "x@far.example", "refuse open-closed x@far.example"},
    {"R-059-closed-faithful-too", "faithful list:own.com=<inbound>", "auth", "x@far.example", "refuse open-closed x@far.example"},
    {"R-059-own-domains-are-served", "list:own.com=<inbound>", "", "a@own.com", "deliver inbound a@own.com"},
    {"R-060-deny-only-others", "risk flags:1 deny:192.168.17.0;255.255.255.0", "", "x@far.example", "reroute deny-only x@far.example Q193922"},
    {"R-060-deny-only-listed", "risk flags:1 deny:192.168.17.0;255.255.255.0", "client:192.168.17.4", "x@far.example", "refuse deny-list x@far.example"},
    {"R-060-deny-only-empty-list", "risk flags:1", "", "x@far.example", "reroute deny-only x@far.example Q193922"},
    {"R-060-deny-only-not-served", "flags:1", "", "x@far.example", "refuse open-closed x@far.example"},
    {"R-060-deny-only-loopback-listed", "flags:1 deny:127.0.0.0;255.0.0.0", "client:127.0.0.1 local:127.0.0.1", "x@far.example", "refuse deny-list x@far.example"},
    {"R-061-allow-list-empty", CLOSED, "auth client:127.0.0.1 local:127.0.0.1", "x@far.example", "refuse no-rule x@far.example"},
    {"R-063-Q193922-in-the-net", "flags:3 allow:192.168.1.0;255.255.255.0 deny:192.168.1.0;255.255.255.248", "client:192.168.1.8", "x@far.example", "reroute allow-list x@far.example"},
    {"R-063-Q193922-but-seven", "flags:3 allow:192.168.1.0;255.255.255.0 deny:192.168.1.0;255.255.255.248", "client:192.168.1.7", "x@far.example", "refuse deny-list x@far.example"},
    {"R-063-Q193922-and-zero", "flags:3 allow:192.168.1.0;255.255.255.0 deny:192.168.1.0;255.255.255.248", "client:192.168.1.0", "x@far.example", "refuse deny-list x@far.example"},
    {"R-064-R-242-forwarding-alone", "flags:4 forwarding local:192.0.2.1", "", "x@far.example", "refuse no-rule x@far.example"},
    {"R-064-R-242-forwarding-with-auth", "flags:12 forwarding local:192.0.2.1", "auth", "x@far.example", "reroute authenticated x@far.example"},
    {"R-065-scanner-in-front", CLOSED " allow:127.0.0.1", "client:127.0.0.1 local:127.0.0.1", "x@far.example", "reroute allow-list x@far.example"},
    {"R-066-localhost-has-no-privilege", CLOSED, "client:127.0.0.1 local:127.0.0.1", "x@far.example", "refuse no-rule x@far.example"},
    {"R-067-translated-address", "flags:4 local:192.0.2.1", "", "x@far.example", "reroute local-address x@far.example"},
    {"R-071-partner-by-address", CLOSED " allow:198.51.100.7;255.255.255.255", "client:198.51.100.7", "IMCEASMTP-x+40far+2Eexample@own.com", "reroute allow-list x@far.example"},
    {"R-077-R-228-logon-window", "flags:8", "window", "x@far.example", "reroute logon-window x@far.example"},
    {"R-078-R-228-logon-window-off", "flags:8 no-window", "window", "x@far.example", "refuse no-rule x@far.example"},
    {"R-074-auth-counts-before-window", "flags:8", "auth window", "x@far.example", "reroute authenticated x@far.example"},
    {"window-needs-bit-8", CLOSED, "window", "x@far.example", "refuse no-rule x@far.example"},
    {"window-does-not-open-the-open", "list:own.com=<inbound>", "window", "x@far.example", "refuse open-closed x@far.example"},
    {"window-never-beats-blocked", BLOCK, "window", "x@bad.example", "refuse blocked x@bad.example"},
    {"flags-above-15-are-cut", "flags:24", "auth", "x@far.example", "reroute authenticated x@far.example"},
    {"R-237-ipv6-client", "flags:2 allow:2001:db8:1::/48", "client:2001:db8:1:2::3", "x@far.example", "reroute allow-list x@far.example"},

    /* 4 address forms */
    {"R-090-percent", CLOSED, "", "u%far.example@own.com", "deliver inbound u%far.example@own.com"},
    {"R-090-percent-foreign", CLOSED, "", "u%own.com@far.example", "refuse no-rule u%own.com@far.example"},
    {"R-091-percent-bare", CLOSED, "", "u%far.example", "deliver bare-local u%far.example@own.com"},
    {"R-092-source-route", CLOSED, "", "@own.com:u@far.example", "refuse no-rule u@far.example"},
    {"R-092-route-to-own", CLOSED, "", "@far.example:u@own.com", "deliver inbound u@own.com"},
    {"R-093-route-with-right", CLOSED " allow:203.0.113.66", "", "@own.com:u@far.example", "reroute allow-list u@far.example"},
    {"R-094-bang", CLOSED, "", "far.example!u@own.com", "deliver inbound far.example!u@own.com"},
    {"R-095-quoted", CLOSED, "", "\"n@foreign.org\"", "deliver bare-local \"n@foreign.org\"@own.com"},
    {"R-097-R-231-imcea-refused", CLOSED, "", "IMCEASMTP-u+40far+2Eexample@own.com", "refuse no-rule u@far.example"},
    {"R-097-imcea-with-right", CLOSED " allow:203.0.113.66", "", "IMCEASMTP-u+40far+2Eexample@own.com", "reroute allow-list u@far.example"},
    {"R-097-imcea-open", "risk list:own.com=<inbound>", "", "IMCEASMTP-u+40far+2Eexample@own.com", "reroute open u@far.example Q260562"},
    {"R-097-imcea-no-reroute", "do-not-reroute faithful risk", "", "IMCEASMTP-u+40far+2Eexample@own.com", "directory no-reroute-directory u@far.example Q255695"},
    {"R-097-imcea-inner-own", CLOSED, "", "IMCEASMTP-u+40own+2Ecom@own.com", "deliver inbound u@own.com"},
    {"R-097-imcea-inner-always-relay", "flags:8 " LIST, "", "IMCEASMTP-u+40partner+2Eexample@own.com", "reroute always-relay u@partner.example"},
    {"R-097-imcea-inner-rewritten", "flags:8 " LIST, "auth", "IMCEASMTP-u+40old+2Eexample@own.com", "reroute authenticated u@new.example"},
    {"R-097-imcea-bare", CLOSED, "", "IMCEASMTP-u+40far+2Eexample", "refuse no-rule u@far.example"},
    {"R-097-imcea-own-literal", CLOSED, "", "IMCEASMTP-u+40far+2Eexample@[192.0.2.1]", "refuse no-rule u@far.example"},
    {"R-097-imcea-inner-bare", CLOSED, "", "IMCEASMTP-bob@own.com", "deliver bare-local bob@own.com"},
    {"R-097-imcea-inner-route", CLOSED, "", "IMCEASMTP-+40own+2Ecom+3Au+40far+2Eexample@own.com", "refuse no-rule u@far.example"},
    {"R-097-imcea-inner-percent", CLOSED, "", "IMCEASMTP-u+25far+2Eexample+40own+2Ecom@own.com", "deliver inbound u%far.example@own.com"},
    {"R-097-imcea-in-imcea", CLOSED, "", NESTED, "refuse no-rule t@far.example"},
    {"R-097-imcea-foreign-domain", CLOSED " allow:203.0.113.66", "", "IMCEASMTP-u+40far+2Eexample@third.example", "reroute allow-list IMCEASMTP-u+40far+2Eexample@third.example"},
    {"R-098-quoted-imcea", "flags:8 list:own.com=<inbound>", "", "\"IMCEASMTP-t@far.example\"@own.com", "refuse no-rule t@far.example"},
    {"R-098-quoted-imcea-encoded", "flags:8 list:own.com=<inbound>", "", "\"IMCEASMTP-t+40far+2Eexample\"@own.com", "refuse no-rule t@far.example"},
    {"R-098-Q264330-form-with-blank", "flags:8 list:own.com=<inbound>", "", "\"IMCEA user@domain2.com\"@own.com", "refuse no-rule user@domain2.com"},
    {"R-098-quoted-imcea-escaped", "flags:8 list:own.com=<inbound>", "", "\"IMCEASMTP\\-t\\@far.example\"@own.com", "refuse no-rule t@far.example"},
    {"R-100-lower-case-is-a-name", CLOSED, "", "imceasmtp-u+40far+2Eexample@own.com", "deliver inbound imceasmtp-u+40far+2Eexample@own.com"},
    {"R-101-directory-object", CLOSED, "", "IMCEAEX-_O=ORG_OU=SITE_CN=RECIPIENTS_CN=ALICE@own.com", "deliver inbound IMCEAEX-_O=ORG_OU=SITE_CN=RECIPIENTS_CN=ALICE@own.com"},
    {"R-101-directory-object-faithful", "faithful " CLOSED, "", "IMCEAEX-_O=ORG_CN=ALICE@own.com", "deliver inbound IMCEAEX-_O=ORG_CN=ALICE@own.com"},
    {"R-112-x400-type", CLOSED, "", "IMCEAX400-c=us@own.com", "deliver inbound IMCEAX400-c=us@own.com"},
    {"R-102-broken-encoding", CLOSED, "", "IMCEASMTP-u+4@own.com", "deliver inbound IMCEASMTP-u+4@own.com"},
    {"R-102-inner-malformed", CLOSED, "", "IMCEASMTP-u+40+2E@own.com", "deliver inbound IMCEASMTP-u+40+2E@own.com"},
    {"R-102-inner-newline", CLOSED, "", "IMCEASMTP-u+40far+0D+0A@own.com", "deliver inbound IMCEASMTP-u+40far+0D+0A@own.com"},
    {"R-105-own-literal", CLOSED, "", "bob@[192.0.2.1]", "deliver own-literal bob@[192.0.2.1]"},
    {"R-105-own-ipv6-literal", CLOSED, "", "bob@[IPv6:2001:db8:0::1]", "deliver own-literal bob@[IPv6:2001:db8::1]"},
    {"R-105-other-literal", CLOSED, "", "x@[198.51.100.9]", "refuse no-rule x@[198.51.100.9]"},
    {"R-105-other-literal-with-right", CLOSED " allow:203.0.113.66", "", "x@[198.51.100.9]", "reroute allow-list x@[198.51.100.9]"},
    {"R-105-literal-in-the-list", CLOSED ",198.51.100.9=<inbound>", "", "x@[198.51.100.9]", "deliver inbound x@[198.51.100.9]"},
    {"R-236-number-without-brackets", CLOSED, "", "x@192.0.2.1", "refuse no-rule x@192.0.2.1"},
    {"R-236-number-in-the-list", CLOSED ",192.0.2.1=<inbound>", "", "x@192.0.2.1", "deliver inbound x@192.0.2.1"},
    {"R-106-host-number", CLOSED, "", "alice@#3221225994", "refuse malformed -"},
    {"R-107-bare", CLOSED, "", "bob", "deliver bare-local bob@own.com"},
    {"R-107-bare-without-site", CLOSED " no-site", "", "bob", "deliver bare-local bob"},
    {"R-109-blank", CLOSED, "", "bob smith@own.com", "refuse malformed -"},
    {"R-109-blank-taken", CLOSED " lax", "", "bob smith@own.com", "deliver inbound bob smith@own.com"},
    {"R-110-star", CLOSED, "", "IMCEASMTP-a+40b@*", "refuse malformed -"},
    {"S-048-equal-sign-faithful", "faithful " CLOSED, "", "a=b@own.com", "refuse malformed -"},
    {"S-048-equal-sign-faithful-taken", "faithful lax " CLOSED, "", "a=b@own.com", "deliver inbound a=b@own.com"},
    {"equal-sign-extended", CLOSED, "", "a=b@own.com", "deliver inbound a=b@own.com"},
    {"R-042-limit", CLOSED, "count:32766", "a@own.com", "refuse too-many-recipients a@own.com"},
    {"R-042-last-one", CLOSED, "count:32765", "a@own.com", "deliver inbound a@own.com"},
    {"R-042-malformed-comes-first", CLOSED, "count:32766", "a b@own.com", "refuse malformed -"},
    {"R-111-R-233-double-at", CLOSED, "", "t@far.example@own.com", "refuse malformed -"},
    {"S-169-double-at-taken", CLOSED " lax", "", "t@far.example@own.com", "deliver inbound t@far.example@own.com"},
    {"R-111-R-234-trailing-dot", CLOSED, "", "u@own.com.", "deliver inbound u@own.com"},
    {"R-235-case", CLOSED, "", "U@OWN.Com", "deliver inbound U@own.com"},
    {"null-recipient", CLOSED, "", "", "refuse malformed -"},
    {"route-to-nothing", CLOSED, "", "@own.com:", "refuse malformed -"},
    {"R-243-no-implicit-site-domain", "flags:2", "", "a@own.com", "refuse no-rule a@own.com"},

    /* 10 the forms of the open-relay testers */
    {"R-201-plain", CLOSED, "", "t@far.example", "refuse no-rule t@far.example"},
    {"R-207-percent", CLOSED, "", "t%far.example@own.com", "deliver inbound t%far.example@own.com"},
    {"R-208-percent-literal", CLOSED, "", "t%far.example@[192.0.2.1]", "deliver own-literal t%far.example@[192.0.2.1]"},
    {"R-209-percent-bare", CLOSED, "", "t%far.example", "deliver bare-local t%far.example@own.com"},
    {"R-210-quoted", CLOSED, "", "\"t@far.example\"", "deliver bare-local \"t@far.example\"@own.com"},
    {"R-211-quoted-percent", CLOSED, "", "\"t%far.example\"", "deliver bare-local \"t%far.example\"@own.com"},
    {"R-212-quoted-own", CLOSED, "", "\"t@far.example\"@own.com", "deliver inbound \"t@far.example\"@own.com"},
    {"R-212-quoted-literal", CLOSED, "", "\"t@far.example\"@[192.0.2.1]", "deliver own-literal \"t@far.example\"@[192.0.2.1]"},
    {"R-213-double-at", CLOSED, "", "t@far.example@own.com", "refuse malformed -"},
    {"R-225-double-at-literal", CLOSED, "", "t@far.example@[192.0.2.1]", "refuse malformed -"},
    {"R-214-route", CLOSED, "", "@own.com:t@far.example", "refuse no-rule t@far.example"},
    {"R-214-route-literal", CLOSED, "", "@[192.0.2.1]:t@far.example", "refuse no-rule t@far.example"},
    {"R-215-bang", CLOSED, "", "far.example!t", "deliver bare-local far.example!t@own.com"},
    {"R-216-bang-own", CLOSED, "", "far.example!t@own.com", "deliver inbound far.example!t@own.com"},
    {"R-216-bang-literal", CLOSED, "", "far.example!t@[192.0.2.1]", "deliver own-literal far.example!t@[192.0.2.1]"},
    {"R-096-R-217-imcea", CLOSED, "", "IMCEASMTP-t+40far+2Eexample@own.com", "refuse no-rule t@far.example"},
    {"R-218-quoted-imcea", CLOSED, "", "\"IMCEASMTP-t@far.example\"@own.com", "refuse no-rule t@far.example"},
    {"R-219-unknown-at-own", CLOSED, "", "nobody@own.com", "deliver inbound nobody@own.com"},
    {"R-220-foreign-literal", CLOSED, "", "t@[198.51.100.9]", "refuse no-rule t@[198.51.100.9]"},
    {"R-222-do-not-reroute-takes-all", "do-not-reroute faithful risk", "", "t@far.example", "directory no-reroute-directory t@far.example Q255695"},
};
/* clang-format on */

static void
test_case(gconstpointer data)
{
    const Case *row = data;
    g_auto(ImsRelayVerdict) verdict = {0};
    g_autofree char *text = NULL;
    ImsRelayQuery query;
    RoutingWorld world;

    routing_world_init(&world, row->policy);
    routing_query_init(&query, row->query, row->recipient);
    ims_relay_decide(&world.policy, &query, &verdict);
    text = routing_verdict_describe(&verdict);
    g_assert_cmpstr(text, ==, row->verdict);
    routing_verdict_check(&world.policy, &query, &verdict);
    routing_world_clear(&world);
}

/* all flags, and the client in each of the four conditions or not. */
static void
test_truth_table(void)
{
    for (guint i = 0; i < 256; i++) {
        guint flags = i >> 4;
        gboolean d = i & 1, a = i & 2, l = i & 4, u = i & 8;
        gboolean listed = (a && (flags & 2)) || (l && (flags & 4)) || (u && (flags & 8));
        gboolean wanted = !(d && (flags & 1)) && (flags == 0 || flags == 1 ? TRUE : listed);
        g_autofree char *policy = g_strdup_printf("risk flags:%u list:own.com=<inbound> %s %s %s",
                                                  flags, d ? "deny:203.0.113.66" : "deny:10.0.0.1",
                                                  a ? "allow:203.0.113.66" : "allow:10.0.0.1",
                                                  l ? "local:192.0.2.1" : "local:10.0.0.1");
        g_auto(ImsRelayVerdict) verdict = {0}, own = {0};
        ImsRelayQuery query;
        RoutingWorld world;

        routing_world_init(&world, policy);
        routing_query_init(&query, u ? "auth" : "", "x@far.example");
        ims_relay_decide(&world.policy, &query, &verdict);
        g_test_message("%s %s", policy, u ? "auth" : "");
        g_assert_cmpint(verdict.kind, ==, wanted ? IMS_VERDICT_REROUTE : IMS_VERDICT_REFUSE);
        g_assert_true((verdict.weakness != NULL) == (wanted && flags < 2));
        routing_verdict_check(&world.policy, &query, &verdict);
        query.recipient = "a@own.com";
        ims_relay_decide(&world.policy, &query, &own);
        g_assert_cmpint(own.kind, ==, IMS_VERDICT_DELIVER);
        routing_world_clear(&world);
    }
}

/* whatever the sender, a foreign recipient
 * is refused. */
static void
test_sender_never_counts(void)
{
    static const char *const senders[] = {
        "a@far.example", "a", "", "a@own.com", "a@[192.0.2.1]", "a@localhost", "a@mx.own.com", NULL,
    };
    RoutingWorld world;

    routing_world_init(&world, CLOSED);
    for (guint i = 0; i < G_N_ELEMENTS(senders); i++) {
        g_auto(ImsRelayVerdict) verdict = {0};
        ImsRelayQuery query;

        routing_query_init(&query, "", "t@far.example");
        query.mail_from = senders[i];
        ims_relay_decide(&world.policy, &query, &verdict);
        g_assert_cmpint(verdict.reason, ==, IMS_REASON_NO_RULE);
    }
    routing_world_clear(&world);
}

/* Deeper than two: refused, and the chain still fits; a long address ends the 553 early. */
static void
test_extremes(void)
{
    g_autofree char *address = g_strdup("t@far.example");
    g_autofree char *huge = g_strnfill(100 * 1024, '\xe4');
    g_autofree char *reply = NULL;
    g_auto(ImsRelayVerdict) deep = {0}, verdict = {0};
    ImsRelayQuery query;
    RoutingWorld world;

    for (guint i = 0; i < 3; i++) {
        g_autofree char *encoded = ims_imcea_encode("SMTP", address);

        g_free(address);
        address = g_strconcat("@hop.example:", encoded, "@own.com", NULL);
    }
    routing_world_init(&world, CLOSED);
    routing_query_init(&query, "", address);
    ims_relay_decide(&world.policy, &query, &deep);
    g_assert_cmpint(deep.reason, ==, IMS_REASON_MALFORMED);
    routing_verdict_check(&world.policy, &query, &deep);
    query.recipient = huge;
    ims_relay_decide(&world.policy, &query, &verdict);
    g_assert_cmpint(verdict.reason, ==, IMS_REASON_MALFORMED);
    reply = ims_relay_verdict_reply_text(&verdict, &query);
    g_assert_cmpuint(strlen(reply), <, 510);
    routing_verdict_check(&world.policy, &query, &verdict);
    routing_world_clear(&world);
}

/* each recipient is judged for itself, whatever was said of those before it. */
static void
test_each_for_itself(void)
{
    static const char *const recipients[] = {"bob@own.com", "u@old.example", "v@partner.example",
                                             "w@far.example", "bob@own.com"};
    static const char *const stranger[] = {
        "deliver inbound bob@own.com", "refuse no-rule u@new.example",
        "reroute always-relay v@partner.example", "refuse no-rule w@far.example",
        "deliver inbound bob@own.com"};
    static const char *const friend[] = {
        "deliver inbound bob@own.com", "reroute allow-list u@new.example",
        "reroute always-relay v@partner.example", "reroute allow-list w@far.example",
        "deliver inbound bob@own.com"};
    RoutingWorld world;

    routing_world_init(&world, "flags:2 allow:10.0.0.9 " LIST);
    for (guint i = 0; i < 2 * G_N_ELEMENTS(recipients); i++) {
        g_auto(ImsRelayVerdict) verdict = {0};
        g_autofree char *text = NULL;
        ImsRelayQuery query;

        routing_query_init(&query, i % 2 == 0 ? "" : "client:10.0.0.9", recipients[i / 2]);
        query.recipient_count = i / 2;
        ims_relay_decide(&world.policy, &query, &verdict);
        text = routing_verdict_describe(&verdict);
        g_assert_cmpstr(text, ==, i % 2 == 0 ? stranger[i / 2] : friend[i / 2]);
    }
    routing_world_clear(&world);
}

/* "Do not reroute": who has to ask the directory, and for which address. */
static void
test_wants_directory(void)
{
    static const struct {
        const char *policy, *query, *recipient, *address; /* NULL: no */
    } rows[] = {
        {"do-not-reroute",                 "",            "a@x.example",                         "a@x.example"  },
        {"do-not-reroute",                 "",            "a@own.com",                           NULL           },
        {"do-not-reroute",                 "directory",   "a@x.example",                         NULL           },
        {"do-not-reroute",                 "",            "a b@x.example",                       NULL           },
        {"do-not-reroute",                 "count:40000", "a@x.example",                         NULL           },
        {"do-not-reroute",                 "",            "@h.example:a@x.example",              "a@x.example"  },
        {"do-not-reroute",                 "",            "IMCEASMTP-u+40far+2Eexample@own.com", "u@far.example"},
        {"do-not-reroute faithful risk",   "",            "a@x.example",                         "a@x.example"  },
        {STALE,                            "",            "a@x.example",                         NULL           },
        {STALE,                            "client:" OUT, "a@x.example",                         "a@x.example"  },
        {"flags:8 list:own.com=<inbound>", "",            "a@x.example",                         NULL           },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        g_auto(ImsRelayVerdict) verdict = {0};
        g_autofree char *address = NULL;
        ImsRelayQuery query;
        RoutingWorld world;

        g_test_message("%s %s %s", rows[i].policy, rows[i].query, rows[i].recipient);
        routing_world_init(&world, rows[i].policy);
        routing_query_init(&query, rows[i].query, rows[i].recipient);
        ims_relay_decide(&world.policy, &query, &verdict);
        address = ims_relay_verdict_address(&verdict);
        g_assert_cmpint(ims_relay_wants_directory(&world.policy, &query, &verdict), ==,
                        rows[i].address != NULL);
        if (rows[i].address != NULL)
            g_assert_cmpstr(address, ==, rows[i].address);
        routing_world_clear(&world);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/routing/relay/", cases[i].name, NULL);

        g_test_add_data_func(path, &cases[i], test_case);
    }
    g_test_add_func("/routing/relay/R-062-truth-table", test_truth_table);
    g_test_add_func("/routing/relay/R-108-sender-never-counts", test_sender_never_counts);
    g_test_add_func("/routing/relay/R-013-R-038-each-for-itself", test_each_for_itself);
    g_test_add_func("/routing/relay/extremes", test_extremes);
    g_test_add_func("/routing/relay/wants-directory", test_wants_directory);
    return g_test_run();
}
