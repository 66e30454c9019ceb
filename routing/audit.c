/* What the audits of the IMS and of virtual servers share: the kinds, and how a finding is made. */
#include "routing/audit-private.h"

#include <string.h>

#include "routing/path-private.h"

#define TECHNET "TechNet Dd277329"

/* One row a kind; the settings named are those of ims.conf. */
/* clang-format off */
const ImsAuditRow ims_audit_rows[IMS_N_AUDITS] = {
    [IMS_AUDIT_OPEN] = {"open-relay", "R-059", "Q260562, Q193922", IMS_AUDIT_WARNING,
        "an open relay: clients on loopback may send anywhere, and with AcceptHistoricRisk = yes the whole Internet may; other clients are refused without it",
        "RelayFlags = authenticated closes it, or allowed with the inner nets in RelayAllowList"},
    [IMS_AUDIT_DENY_ONLY] = {"deny-only", "R-060", "Q193922", IMS_AUDIT_WARNING,
        "an open relay for all who are not in the list: served on loopback, and to everyone with AcceptHistoricRisk = yes",
        "Add authenticated or allowed to RelayFlags"},
    [IMS_AUDIT_ADMITS_ALL] = {"admits-all", "R-056", "Q193922", IMS_AUDIT_WARNING,
        "an open relay: strangers are in the list",
        "Name the nets that may relay, and no others"},
    [IMS_AUDIT_CLOSED] = {"closed", "R-061", "Q256856, Q195969", IMS_AUDIT_NOTE,
        "nobody may relay, own POP3 and IMAP4 users included",
        "RelayFlags = authenticated lets those who log on relay; if relaying is to be off, nothing has to be done"},
    [IMS_AUDIT_NEVER_MATCHES] = {"never-matches", "R-052", "Q193922, Q258140", IMS_AUDIT_WARNING,
        "the net has bits outside its mask, so the entry matches no address at all",
        "Write the net without those bits, or one host without a mask"},
    [IMS_AUDIT_HOLES] = {"holes", "R-052", "Q193922, Q258140", IMS_AUDIT_WARNING,
        "the mask has holes: addresses that are far apart match",
        "Use a mask of ones followed by zeros, or one entry a host"},
    [IMS_AUDIT_SHADOWED] = {"shadowed", "R-050", "Q193922", IMS_AUDIT_NOTE,
        "it changes nothing, since another entry matches all its addresses",
        "Take one of the two out"},
    [IMS_AUDIT_DENIED] = {"denied", "R-056", "Q193922", IMS_AUDIT_WARNING,
        "the list of those that can NEVER route is tried first, so the entry admits nobody",
        "Take the addresses out of RelayDenyList, or the entry out of RelayAllowList"},
    [IMS_AUDIT_UNUSED_LIST] = {"unused-list", "R-056", "Q193922", IMS_AUDIT_WARNING,
        "the list is not looked at",
        "Add its word to RelayFlags, or take the list out"},
    [IMS_AUDIT_EMPTY_LIST] = {"empty-list", "R-057", "Q260562", IMS_AUDIT_NOTE,
        "this box admits and refuses nobody; the other boxes decide",
        "Fill the list, or take its word out of RelayFlags"},
    [IMS_AUDIT_FORWARDING] = {"ip-forwarding", "R-064", "Q193922, Q196626", IMS_AUDIT_WARNING,
        "the rule of internal addresses admits nobody",
        "IPForwarding = no, or take local out of RelayFlags"},
    [IMS_AUDIT_SAME_MACHINE] = {"same-machine", "R-065", "Q254214, Q251283", IMS_AUDIT_WARNING,
        "whatever runs on this machine may relay; a scanner or proxy in front makes every outside client look like it",
        "Keep the entry only where nothing on this machine passes on the connections of others"},
    [IMS_AUDIT_TRANSLATION] = {"address-translation", "R-067", "Q193922", IMS_AUDIT_WARNING,
        "behind address translation every outside client connects to this address and may relay",
        "Name an address that translation does not lead to, or use allowed with RelayAllowList"},
    [IMS_AUDIT_STALE] = {"stale", "R-007", "Q256856, Q243045", IMS_AUDIT_WARNING,
        "left over from rerouting: without effect in the extended profile; in the faithful one flags of 2 and more refuse even own recipients to clients that may not relay",
        "Take it out, or set RerouteIncomingMail = yes"},
    [IMS_AUDIT_LIST_NOT_USED] = {"routing-list-not-used", "R-009", "Q171032, Q243045", IMS_AUDIT_WARNING,
        "no entry of it counts, and POP3 and IMAP4 clients cannot send outside",
        "RerouteIncomingMail = yes uses the list"},
    [IMS_AUDIT_REFLECTOR] = {"reflector", "R-005", "Q255695", IMS_AUDIT_WARNING,
        "mail for anyone is taken and reported to its sender, who may be forged: a reflector for spam, on loopback and with AcceptHistoricRisk = yes",
        "RerouteIncomingMail = yes with restrictions, or Profile = extended"},
    [IMS_AUDIT_NO_INBOUND] = {"no-inbound", "R-024", "Q171032", IMS_AUDIT_WARNING,
        "no mail is delivered here",
        "Add the own domain to [Routing List] as <inbound>"},
    [IMS_AUDIT_SITE_NOT_INBOUND] = {"site-not-inbound", "R-243", "Q171032", IMS_AUDIT_WARNING,
        "mail for it is not delivered here",
        "Add it to [Routing List] as <inbound>"},
    [IMS_AUDIT_RECIPIENT_NOT_INBOUND] = {"recipient-not-inbound", "R-024", "Q174351, Q263199", IMS_AUDIT_WARNING,
        "recipients have addresses in it, and mail for them is not delivered here",
        "Add it to [Routing List] as <inbound>"},
    [IMS_AUDIT_REROUTED_TO_SELF] = {"rerouted-to-self", "R-046", "Q260247, Q190021", IMS_AUDIT_WARNING,
        "the mail comes back until it has too many hops",
        "<inbound> delivers it here; [Connections] EMailDomains chooses a host without rewriting"},
    [IMS_AUDIT_REROUTED_IN_CIRCLE] = {"rerouted-in-circle", "R-230", "Q260247", IMS_AUDIT_WARNING,
        "where the targets are served by this server the mail goes round until it has too many hops",
        "Make one of the domains <inbound>"},
    [IMS_AUDIT_REROUTED_STRANGERS] = {"rerouted-strangers", "R-229", "Q193922, Q195969", IMS_AUDIT_WARNING,
        "a reroute entry gives no right: mail of clients that may not relay gets 550",
        "Make the target <inbound>, or use <relay> with [Connections] EMailDomains, which does not rewrite"},
    [IMS_AUDIT_REDUNDANT] = {"redundant", "R-015", "Q169683", IMS_AUDIT_NOTE,
        "it changes nothing, since the wider entry says the same",
        "Take it out"},
    [IMS_AUDIT_TOP_LEVEL] = {"top-level", "R-015", "Q169683", IMS_AUDIT_WARNING,
        "it covers every domain below that name, those of strangers included",
        "Name the domains that are meant"},
    [IMS_AUDIT_SMART_HOST_SELF] = {"smart-host-self", "R-046", "Q260247", IMS_AUDIT_WARNING,
        "all outbound mail comes back",
        "Name another host, or none to use DNS"},
    [IMS_AUDIT_UNKNOWN_TO_BUILD] = {"unknown-to-build", "R-012", "Q190710, Q169683", IMS_AUDIT_WARNING,
        "this build passes over it",
        "Choose a later Build, or take it out"},
    [IMS_AUDIT_WEAKNESS] = {"weakness", "S-510", "see text", IMS_AUDIT_WARNING,
        "shown on loopback, and to everyone with AcceptHistoricRisk = yes",
        "Profile = extended closes it, whatever the build"},
    [IMS_AUDIT_VIRTUAL_OPEN] = {"virtual-open-relay", "R-174", TECHNET, IMS_AUDIT_WARNING,
        "an open relay for all who are not in the list: served on loopback, and to everyone with AcceptHistoricRisk = yes",
        "Choose \"only the list below\" and let those who authenticate relay"},
    [IMS_AUDIT_VIRTUAL_ADMITS_ALL] = {"virtual-admits-all", "R-172", TECHNET, IMS_AUDIT_WARNING,
        "an open relay: strangers are in the list",
        "Name the computers and nets that may relay, and no others"},
    [IMS_AUDIT_VIRTUAL_CLOSED] = {"virtual-closed", "R-174", TECHNET, IMS_AUDIT_NOTE,
        "nobody may relay, not even after a logon",
        "Let those who authenticate relay; if relaying is to be off, nothing has to be done"},
    [IMS_AUDIT_CONNECTOR_OPEN] = {"connector-open", "R-198", "Q260973", IMS_AUDIT_WARNING,
        "an open relay by the connector, whatever the relay list says: served on loopback, and to everyone with AcceptHistoricRisk = yes",
        "Clear \"allow messages to be relayed to these domains\", or name the domains in place of *"},
    [IMS_AUDIT_NOBODY_CONNECTS] = {"nobody-connects", "R-167", "Exchange 2000 help", IMS_AUDIT_WARNING,
        "no client is let in",
        "Fill the list, or choose \"all except the list below\""},
    [IMS_AUDIT_DOMAIN_ENTRY] = {"domain-entry", "R-169", TECHNET, IMS_AUDIT_WARNING,
        "each connection waits for a reverse look-up, and whoever rules the reverse zone of an address can give it this name",
        "Name addresses and nets"},
    [IMS_AUDIT_HOST_SHADOWED] = {"host-shadowed", "R-168", "Exchange 2000 help", IMS_AUDIT_NOTE,
        "it changes nothing, since another entry matches all its clients",
        "Take one of the two out"},
    [IMS_AUDIT_BOX_WITHOUT_EFFECT] = {"box-without-effect", "R-171", "Q310380", IMS_AUDIT_WARNING,
        "nobody can authenticate, so the box admits nobody",
        "Switch basic or integrated authentication on"},
    [IMS_AUDIT_NO_ANONYMOUS] = {"no-anonymous", "R-171", "Q310380", IMS_AUDIT_NOTE,
        "mail from the Internet is refused, since other servers do not log on",
        "Switch anonymous access on where this server receives mail from the Internet"},
    [IMS_AUDIT_NO_DOMAIN] = {"no-domain", "R-195", "Exchange 2000 help", IMS_AUDIT_WARNING,
        "no mail is delivered here but that for bare names and address literals",
        "Name the domains of the recipient policies"},
    [IMS_AUDIT_DEFAULT_NOT_OWN] = {"default-not-own", "R-185", "Q304897", IMS_AUDIT_WARNING,
        "bare names get a domain that is foreign to this server",
        "Name it among the domains, or choose one of them"},
};
/* clang-format on */

static void
finding_free(gpointer data)
{
    ImsAuditFinding *finding = data;

    g_free(finding->key);
    g_free(finding->text);
    g_free(finding);
}

ImsAudit
ims_audit_start(const ImsAuditContext *context)
{
    static const ImsAuditContext nothing;

    return (ImsAudit){context != NULL ? context : &nothing,
                      g_ptr_array_new_with_free_func(finding_free)};
}

ImsAuditFinding *
ims_audit_add(ImsAudit *audit, ImsAuditKind kind, const char *group, const char *key,
              const char *format, ...)
{
    const ImsAuditRow *row = &ims_audit_rows[kind];
    ImsAuditFinding *finding = g_new0(ImsAuditFinding, 1);
    va_list arguments;

    *finding = (ImsAuditFinding){
        .kind = kind,
        .severity = row->severity,
        .word = row->word,
        .fact = row->fact,
        .source = row->source,
        .group = group,
        .key = g_strdup(key),
        .consequence = row->consequence,
        .remedy = row->remedy,
    };
    va_start(arguments, format);
    finding->text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_ptr_array_add(audit->found, finding);
    return finding;
}

char *
ims_audit_format(const ImsAuditFinding *finding)
{
    return g_strdup_printf("%s (%s; %s): %s. %s.", finding->text, finding->fact, finding->source,
                           finding->consequence, finding->remedy);
}

gboolean
ims_audit_is_self(const ImsAudit *audit, const char *host, const ImsAddress *own, guint n_own)
{
    ImsAddress address;

    if (audit->context->host_name != NULL) {
        g_autofree char *wanted =
            ims_path_domain_normalize(audit->context->host_name, strlen(audit->context->host_name));
        g_autofree char *name = ims_path_domain_normalize(host, strlen(host));

        if (wanted != NULL && g_strcmp0(wanted, name) == 0)
            return TRUE;
    }
    if (!ims_address_parse(host, &address))
        return FALSE;
    for (guint i = 0; i < n_own; i++) {
        if (ims_address_equal(&own[i], &address))
            return TRUE;
    }
    return ims_address_is_loopback(&address);
}

/* The sample is spread over all public nets: whoever admits it whole has left nobody out on
 * purpose. */
gboolean
ims_audit_admits_all(gconstpointer list, ImsAuditMatchFunc matches)
{
    guint32 state = 55;
    gboolean all[2] = {TRUE, TRUE};

    for (guint i = 0; i < 128; i++) {
        ImsAddress address = {.family = i % 2 == 0 ? 4 : 6};

        for (guint k = 0; k < sizeof address.bytes; k++) {
            state = state * 1664525u + 1013904223u;
            address.bytes[k] = (guint8)(state >> 24);
        }
        if (address.family == 4)
            memset(address.bytes + 4, 0, 12);
        address.bytes[0] = address.family == 4 ? (guint8)(1 + address.bytes[0] % 222)
                                               : (guint8)(0x20 | (address.bytes[0] & 0x1f));
        if (ims_address_is_private(&address))
            continue;
        all[i % 2] = all[i % 2] && matches(list, &address);
    }
    return all[0] || all[1];
}

gboolean
ims_audit_has_holes(const ImsAddress *mask)
{
    gboolean ended = FALSE;

    for (guint i = 0; i < (mask->family == 4 ? 32u : 128u); i++) {
        gboolean bit = (mask->bytes[i / 8] >> (7 - i % 8) & 1) != 0;

        if (bit && ended)
            return TRUE;
        ended = ended || !bit;
    }
    return FALSE;
}

void
ims_audit_loopback(guint8 family, ImsAddress *out)
{
    g_assert(ims_address_parse(family == 4 ? "127.0.0.1" : "::1", out));
}
