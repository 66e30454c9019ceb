/* The text of each rule, the fact of the history pages and the article behind it: the only place
 * that has them. */
#include "routing/relay-private.h"

#define TECHNET "TechNet Dd277329"

#define ROW(yes, no, fact, source)                                                                 \
    {                                                                                              \
        yes, no, fact, source, source " (" fact ")"                                                \
    }

const ImsRelayRuleRow ims_relay_rules[IMS_N_RULES] = {
    [IMS_RULE_SYNTAX] = ROW("\"{recipient}\" is not an address", "\"{recipient}\" is an address",
                            "R-109", "Q191262"),
    [IMS_RULE_EQUAL_SIGN] =
        ROW("an equal sign outside an encapsulated address is malformed", NULL, "S-048", "Q166616"),
    [IMS_RULE_COUNT] =
        ROW("{count} recipients are taken already, the limit is 32766",
            "{count} recipients are taken already, fewer than 32766", "R-042", "Q272672"),
    [IMS_RULE_SOURCE_ROUTE] =
        ROW("a source route is cut off, {address} is judged", NULL, "R-092", "Q140940"),
    [IMS_RULE_BARE_LOCAL] =
        ROW("a name without @ belongs to the site: {address}", NULL, "R-107", "Q304897"),
    [IMS_RULE_OWN_LITERAL] = ROW("[{domain}] is an address of this server",
                                 "[{domain}] is not an address of this server", "R-105", "Q193316"),
    [IMS_RULE_NO_REROUTE] =
        ROW("\"Do not reroute\": the routing list is not used, no domain of it is "
            "inbound",
            NULL, "R-009", "Q243045"),
    [IMS_RULE_LITERAL_UNKNOWN] =
        ROW("{build} takes no address literal for its own", NULL, "R-105", "Q194742"),
    [IMS_RULE_ENTRY_UNKNOWN] =
        ROW("{entry} is passed over: {build} knows no such entries", NULL, "R-012", "Q190710"),
    [IMS_RULE_LIST] = ROW("the routing list has {entry} for {domain}",
                          "no entry of the routing list matches {domain}", "R-017", "Q169683"),
    [IMS_RULE_REWRITE] = ROW("the entry reroutes to {target}: the recipient becomes {address}",
                             NULL, "R-020", "Q190710"),
    [IMS_RULE_FOLD] =
        ROW("the new domain is looked up once more: {domain} is own ({entry})",
            "the new domain is looked up once more: {domain} is not inbound", "R-022", "Q307628"),
    [IMS_RULE_IMCEA] = ROW("the local part encapsulates {address}, which is judged in its place",
                           NULL, "R-097", "Q237927"),
    [IMS_RULE_IMCEA_QUOTED] =
        ROW("the quoted local part encapsulates {address}, which is judged in "
            "its place",
            NULL, "R-098", "Q264330"),
    [IMS_RULE_IMCEA_DEPTH] =
        ROW("addresses are encapsulated in each other more than twice", NULL, "R-097", "Q237927"),
    [IMS_RULE_IMCEA_QUOTED_UNKNOWN] =
        ROW("the quoted local part is an ordinary name to {build}", NULL, "R-098", "Q264330"),
    [IMS_RULE_INBOUND] = ROW("an own recipient is taken from anyone, whatever the restrictions",
                             NULL, "R-028", "Q255695"),
    [IMS_RULE_BLOCKED] =
        ROW("{domain} is blocked by {entry}, for everyone", NULL, "R-012", TECHNET),
    [IMS_RULE_ALWAYS_RELAY] =
        ROW("an always-relay entry overrides the restrictions", NULL, "R-029", "Q195969"),
    [IMS_RULE_NO_REROUTE_STALE] =
        ROW("RelayFlags is still {flags}: the restrictions decide for every "
            "recipient",
            NULL, "R-007", "Q256856"),
    [IMS_RULE_NO_REROUTE_RISK] =
        ROW("taking all and reporting afterwards, to a sender that may be "
            "forged, is not done for {client} without AcceptHistoricRisk=yes",
            NULL, "R-005", "Q255695"),
    [IMS_RULE_NO_REROUTE_DIRECTORY] =
        ROW("everything is taken, the directory decides afterwards", NULL, "R-004", "Q255695"),
    [IMS_RULE_NO_REROUTE_OWN] = ROW("{address} is an own recipient",
                                    "{address} is not an own "
                                    "recipient",
                                    "R-003", "Q237927"),
    [IMS_RULE_NO_REROUTE_CLOSED] =
        ROW("relaying is wholly off: only own recipients are taken", NULL, "R-001", TECHNET),
    [IMS_RULE_OPEN] = ROW("nothing is ticked in Routing Restrictions: everyone may relay", NULL,
                          "R-059", "Q260562"),
    [IMS_RULE_DENY] =
        ROW("{client} is in the list of those that can NEVER route: {item}",
            "{client} is not in the list of those that can NEVER route", "R-056", "Q193922"),
    [IMS_RULE_ALLOW] =
        ROW("{client} is in the list of those that may route: {item}",
            "{client} is not in the list of those that may route", "R-056", "Q193922"),
    [IMS_RULE_FORWARDING] =
        ROW("IP forwarding is on, which switches the rule of internal addresses "
            "off",
            NULL, "R-064", "Q193922"),
    [IMS_RULE_LOCAL] =
        ROW("the client connected to {local}, an internal address of the list: {item}",
            "the client connected to {local}, which is not in the list of internal "
            "addresses",
            "R-056", "Q193922"),
    [IMS_RULE_AUTHENTICATED] =
        ROW("the session is authenticated by SMTP AUTH{account}",
            "the session is not authenticated by SMTP AUTH", "R-074", "Q193922"),
    [IMS_RULE_GUEST] =
        ROW("the logon fell back to Guest, which counts as authenticated",
            "the logon fell back to Guest, which does not count{unshown}", "R-072", "Q251149"),
    [IMS_RULE_NULL_SESSION] =
        ROW("a logon without a name counts as authenticated",
            "a logon without a name does not count{unshown}", "R-073", "MS02-011"),
    [IMS_RULE_WINDOW_OFF] = ROW("a {protocol} logon{opener} from {client} is in force, but "
                                "LogonAuthorizesRelay is off",
                                NULL, "R-078", "Q193922"),
    [IMS_RULE_LOGON_WINDOW] =
        ROW("a {protocol} logon{opener} from {client} authorizes relaying",
            "no POP3 or IMAP4 logon from {client} is in force", "R-077", TECHNET),
    [IMS_RULE_DENY_ONLY] =
        ROW("only the list of those that can NEVER route is ticked: all others may "
            "relay",
            NULL, "R-060", "Q193922"),
    [IMS_RULE_OPEN_CLOSED] = ROW("an open relay is not served to {client} without "
                                 "AcceptHistoricRisk=yes",
                                 NULL, "R-059", "Q260562"),
    [IMS_RULE_DENY_ONLY_CLOSED] = ROW("a relay open to all but a list is not served to {client} "
                                      "without AcceptHistoricRisk=yes",
                                      NULL, "R-060", "Q193922"),
    [IMS_RULE_NO_RULE] = ROW("no rule lets {client} relay", NULL, "R-056", "Q193922"),
    [IMS_RULE_NO_RESTRICTIONS] =
        ROW("{build} has no Routing Restrictions: everyone may relay",
            "{build} had no Routing Restrictions; they are kept{unshown}", "R-047", "Q193922"),
    [IMS_RULE_IMCEA_HOLE] =
        ROW("{build} sends on for anyone what was encapsulated in an own address",
            "{build} sent on for anyone what was encapsulated in an own address; this is not "
            "done{unshown}",
            "R-096", "Q237927"),
    [IMS_RULE_IMCEA_QUOTED_HOLE] =
        ROW("{build} hands to the smart host, for anyone, what was encapsulated in a quoted name",
            "{build} handed to the smart host, for anyone, what was encapsulated in a quoted name; "
            "this is not done{unshown}",
            "R-098", "Q264330"),
    [IMS_RULE_VIRTUAL_SYNTAX] = ROW("\"{recipient}\" is not an address",
                                    "\"{recipient}\" is an address", "R-233", "inferred"),
    [IMS_RULE_VIRTUAL_ANONYMOUS] =
        ROW("anonymous access is off and the session is not authenticated: it may not submit", NULL,
            "R-171", "Q310380"),
    [IMS_RULE_VIRTUAL_BARE] =
        ROW("a name without @ gets the default domain: {address}", NULL, "R-185", "Q304897"),
    [IMS_RULE_VIRTUAL_DOMAIN] =
        ROW("{domain} is a domain of the recipient policies", "no recipient policy names {domain}",
            "R-195", "Exchange 2000 help"),
    [IMS_RULE_VIRTUAL_SHARED] =
        ROW("{domain} is a shared domain of the recipient policies: who is unknown is sent on",
            NULL, "R-196", "Q285855"),
    [IMS_RULE_VIRTUAL_CONNECTOR] =
        ROW("the connector {connector} relays to {domain} for anyone",
            "no connector relays to {domain} for anyone", "R-198", "Q260973"),
    [IMS_RULE_VIRTUAL_NO_METHOD] =
        ROW("those who authenticate may relay, but no method to authenticate is on", NULL, "R-171",
            "Q310380"),
    [IMS_RULE_VIRTUAL_AUTHENTICATED] =
        ROW("the session is authenticated{account}, which overrides the list",
            "the session is not authenticated", "R-175", TECHNET),
    [IMS_RULE_VIRTUAL_ONLY] =
        ROW("{client} is in the list of those that may relay: {item}", NULL, "R-172", TECHNET),
    [IMS_RULE_VIRTUAL_CONNECTOR_ALL] = ROW(
        "the connector {connector} relays to every domain for anyone", NULL, "R-198", "Q260973"),
    [IMS_RULE_VIRTUAL_NOT_LISTED] = ROW(
        "{client} is not in the list, and only those in it may relay", NULL, "R-173", "Q310380"),
    [IMS_RULE_VIRTUAL_EXCEPTED] =
        ROW("all but the list may relay, and {client} is in it: {item}", NULL, "R-172", TECHNET),
    [IMS_RULE_VIRTUAL_ALL_EXCEPT] =
        ROW("all but the list may relay, and {client} is not in it", NULL, "R-174", TECHNET),
    [IMS_RULE_VIRTUAL_CLOSED] =
        ROW("a relay open to strangers is not served to {client} without AcceptHistoricRisk=yes",
            NULL, "R-174", TECHNET),
};
