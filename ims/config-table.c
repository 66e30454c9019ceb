/* The one table of settings: it drives reading, comparing, `imsctl settings` and the test of the
 * manual page. */
#include "ims/config-private.h"

#define AT(member) G_STRUCT_OFFSET(ImsConfig, member)
#define YES_NO "yes or no"
#define NETS "a list of net[;mask], separated by commas, such as 192.168.0.0;255.255.0.0, 10.1.2.3"
#define LISTEN "a list of address:port, separated by commas, such as 127.0.0.1:2525, [::1]:2525"

/* The formatter would make columns wider than any screen. */
/* clang-format off */
static const ImsConfigSetting settings[] = {
    {"Emulation", "Build", "a build of the Internet Mail Service: 5.5.2653.13, or SP4",
     "5.5.2653.13",
     "The build whose verdicts, replies and headers are shown.",
     "Q257618", IMS_KIND_BUILD, AT(build), 0, 0},
    {"Emulation", "Profile", "extended or faithful", "extended",
     "extended: the decisions of the Internet Mail Service with what clients and safety need "
     "today. faithful: what the build did, its weaknesses included.",
     "project", IMS_KIND_PROFILE, AT(faithful), 0, 0},
    {"Emulation", "AcceptHistoricRisk", YES_NO, "no",
     "Serves weaknesses that would harm others, such as an open relay, to clients that are not on "
     "this machine.",
     "project; R-059, R-060", IMS_KIND_BOOL, AT(accept_historic_risk), 0, 0},

    {"Server", "HostName", "a host name such as mail.example.com", "(the name of this machine)",
     "The name in greetings, Received lines and identifiers.",
     "S-255", IMS_KIND_HOST, AT(host_name), 0, 0},
    {"Server", "SiteDomain", "a domain such as example.com",
     "(the first inbound domain, else HostName)",
     "Completes a recipient without a domain, and is the domain of reports.",
     "S-315, R-107; Q156229", IMS_KIND_DOMAIN, AT(site_domain), 0, 0},
    {"Server", "Organization", "text", "First Organization",
     "Named in reports: MSEXCH:IMS:organization:site:server.",
     "S-203", IMS_KIND_TEXT, AT(organization), 1, 64},
    {"Server", "Site", "text", "First Site",
     "Named in reports.",
     "S-203", IMS_KIND_TEXT, AT(site), 1, 64},
    {"Server", "DataDirectory", "a folder", "(the folder of the file)",
     "Holds the store (mdbdata), the directory (dsadata), the control socket and the process id.",
     "S-316", IMS_KIND_PATH, AT(data_directory), 0, 0},
    {"Server", "LogFile", "a file", "(standard error; in the background imsd.log in DataDirectory)",
     "One line an event. SIGHUP opens it anew.",
     "project", IMS_KIND_PATH, AT(log_file), 0, 0},
    {"Server", "Workers", "a number from 0 to 256", "0",
     "Threads that serve sessions; 0: one a core.",
     "project", IMS_KIND_UINT, AT(workers), 0, 256},

    {"Listeners", "SMTP", LISTEN, "(none)",
     "Where SMTP is served; STARTTLS is offered where there is a certificate.",
     "S-001", IMS_KIND_LISTENERS, AT(listeners), IMS_PROTOCOL_SMTP, 0},
    {"Listeners", "SubmissionTLS", LISTEN, "(none)",
     "Where SMTP is served inside TLS.",
     "RFC 8314", IMS_KIND_LISTENERS, AT(listeners), IMS_PROTOCOL_SUBMISSION_TLS, 0},
    {"Listeners", "POP3", LISTEN, "(none)",
     "Where POP3 is served.",
     "P-001", IMS_KIND_LISTENERS, AT(listeners), IMS_PROTOCOL_POP3, 0},
    {"Listeners", "POP3TLS", LISTEN, "(none)",
     "Where POP3 is served inside TLS.",
     "P-001", IMS_KIND_LISTENERS, AT(listeners), IMS_PROTOCOL_POP3_TLS, 0},
    {"Listeners", "IMAP4", LISTEN, "(none)",
     "Where IMAP4 is served.",
     "I-001", IMS_KIND_LISTENERS, AT(listeners), IMS_PROTOCOL_IMAP4, 0},
    {"Listeners", "IMAP4TLS", LISTEN, "(none)",
     "Where IMAP4 is served inside TLS.",
     "I-001", IMS_KIND_LISTENERS, AT(listeners), IMS_PROTOCOL_IMAP4_TLS, 0},
    {"Listeners", "ClearTextLogon", YES_NO, "no",
     "Takes passwords on connections without TLS. For all listeners; meant for loopback and tests.",
     "RFC 8314", IMS_KIND_BOOL, AT(clear_text_logon), 0, 0},

    {"TLS", "CertificateFile", "a file", "(none)",
     "Certificate chain in PEM form. Without it there is no TLS.",
     "project", IMS_KIND_PATH, AT(certificate_file), 0, 0},
    {"TLS", "KeyFile", "a file", "(none)",
     "The private key of the certificate in PEM form.",
     "project", IMS_KIND_PATH, AT(key_file), 0, 0},

    {"Routing", "RerouteIncomingMail", YES_NO, "no",
     "yes: \"Reroute incoming SMTP mail (required for POP3/IMAP4 support)\": the routing list "
     "says which domains are inbound. no: \"Do not reroute incoming SMTP mail\": relaying is "
     "wholly off.",
     "R-001 to R-011; Q171032, Q255695", IMS_KIND_BOOL, AT(policy.reroute), 0, 0},
    {"Routing", "FoldInbound", YES_NO, "yes",
     "An entry that reroutes to a domain which is itself inbound makes the recipient inbound.",
     "R-022, R-229; Q307628", IMS_KIND_BOOL, AT(policy.fold_inbound), 0, 0},

    {"Routing List", "<domain>",
     "<inbound>, <relay>, <blocked>, or the domain or host to reroute to",
     "(none)",
     "One entry of the routing list: the domain with its subdomains; \"#domain\", in quotes, "
     "exactly that domain. <inbound>: should be accepted as inbound. <relay>: override relay "
     "restrictions, always relay. <blocked>: refused for everyone. A domain, host or address: "
     "should be rerouted to it, the envelope rewritten.",
     "R-012 to R-020; Q169683, Q195969", IMS_KIND_ROUTING, G_MAXSIZE, 0, 0},

    {"Routing Restrictions", "RelayFlags",
     "none, or a list of denied, allowed, local, authenticated; or their sum, 0 to 15 or 0x0 to "
     "0xF",
     "none",
     "What the Routing Restrictions dialog has ticked: denied (1) hosts that can NEVER route, "
     "allowed (2) hosts with these addresses, local (4) hosts connecting to these internal "
     "addresses, authenticated (8) hosts and clients that successfully authenticate. none leaves "
     "the relay open.",
     "R-049, R-056, R-059; Q193922", IMS_KIND_FLAGS, AT(policy.relay_flags), 0, 15},
    {"Routing Restrictions", "RelayAllowList", NETS, "(none)",
     "Clients that may relay, where allowed is ticked.",
     "R-050, R-051; Q193922", IMS_KIND_NETS, AT(policy.allow), 0, 0},
    {"Routing Restrictions", "RelayDenyList", NETS, "(none)",
     "Clients that may never relay, where denied is ticked.",
     "R-050, R-058; Q193922", IMS_KIND_NETS, AT(policy.deny), 0, 0},
    {"Routing Restrictions", "RelayLocalIPList", NETS, "(none)",
     "Addresses of this server whose clients may relay, where local is ticked.",
     "R-050, R-067; Q193922", IMS_KIND_NETS, AT(policy.local), 0, 0},
    {"Routing Restrictions", "IPForwarding", YES_NO, "no",
     "This machine forwards packets: the rule of local addresses is switched off.",
     "R-064; Q193922", IMS_KIND_BOOL, AT(policy.ip_forwarding), 0, 0},
    {"Routing Restrictions", "LogonAuthorizesRelay", YES_NO, "yes",
     "Where authenticated is ticked, a POP3 or IMAP4 logon lets its client address relay for a "
     "while. no: SMTP AUTH alone counts.",
     "R-074 to R-078; Q193922", IMS_KIND_BOOL, AT(policy.logon_authorizes_relay), 0, 0},
    {"Routing Restrictions", "LogonWindowMinutes", "a number from 1 to 1440", "30",
     "How long after a logon, and after the end of its session.",
     "project", IMS_KIND_UINT, AT(logon_window_minutes), 1, 1440},
    {"Routing Restrictions", "LogonWindowRecipients", "a number from 0 to 1000000", "500",
     "How many recipients one such window may relay to; 0: no limit.",
     "project", IMS_KIND_UINT, AT(logon_window_recipients), 0, 1000000},
    {"Routing Restrictions", "LogonWindowExcept", NETS, "(none)",
     "Addresses shared by many, such as a gateway's, that never get a window.",
     "project; R-065", IMS_KIND_NETS, AT(logon_window_except), 0, 0},

    {"Connections", "AcceptConnections", "any, or one or both of authentication and encryption",
     "any",
     "\"Accept Connections\": from any host, or only from hosts using what is named, unless Hosts "
     "names the host.",
     "R-153, R-239; Q262945", IMS_KIND_SECURITY, AT(connection_security), 0, 0},
    {"Connections", "Hosts",
     "a list of address;mask;accept or address;mask;reject, separated by commas; behind accept any "
     "of ;authentication ;encryption ;relay-server",
     "(none)",
     "\"Specify by host\": the first entry that fits decides whether a host may connect and what it "
     "must use; a relay-server is exempt from what is asked of submitters.",
     "R-153 to R-158, R-084, S-012; Q316205, Q188250", IMS_KIND_RULES, AT(connection_rules), 0, 0},
    {"Connections", "SubmitOnlyIfHomed", YES_NO, "no",
     "\"Clients can only submit if homed on this server\": who has logged on must have a mailbox "
     "here and write under its address; else 554 after the data.",
     "R-081, R-082, S-056; Q262945", IMS_KIND_BOOL, AT(submit_only_if_homed), 0, 0},
    {"Connections", "SubmitOnlyIfSenderMatches", YES_NO, "no",
     "\"Clients can only submit if authentication account matches submission address\": MAIL FROM, "
     "From and Sender must be addresses of a mailbox of the account; else 554 after the data, and a "
     "notice to the administrator's mailbox.",
     "R-083, S-054, S-055; Q188250, Q186134", IMS_KIND_BOOL, AT(submit_only_if_sender_matches), 0, 0},
    {"Connections", "TurfTable",
     "a list of user@domain, @domain, #@domain, user or ., separated by commas",
     "(none)",
     "\"Message Filtering\": mail from these senders is taken and thrown away. @domain covers "
     "subdomains, # the domain alone, . an empty sender.",
     "R-146 to R-149, S-058, S-295; Q193437, Q247296", IMS_KIND_TURF, AT(turf_table), 0, 0},
    {"Connections", "TurfDir", "a folder", "(none: it is deleted)",
     "Where filtered mail is kept, a file a message; made where it is missing.",
     "R-146, R-150, R-151; Q193926", IMS_KIND_PATH, AT(turf_directory), 0, 0},
    {"Connections", "ForwardAllMessagesToHost",
     "a list of hosts, each host or host:port, separated by commas",
     "(none: use DNS)",
     "\"Forward all messages to host\": where everything without an entry of its own in "
     "EMailDomains is sent; several take turns.",
     "R-125, R-126, S-261; Q279323", IMS_KIND_HOSTS, AT(smart_hosts), 0, 0},
    {"Connections", "EMailDomains",
     "a list of domain;host or domain;host:port, separated by commas; behind it ;etrn",
     "(none)",
     "The host that a domain and its subdomains are sent to, in place of DNS and "
     "ForwardAllMessagesToHost. With etrn the mail waits until the host asks for it by ETRN.",
     "R-021, R-125, R-134, S-262; Q259531, Q258292", IMS_KIND_ROUTES, AT(routes), 0, 0},
    {"Connections", "RetryIntervals",
     "a list of hours from 0.0003 to 100, separated by commas; 0: no retry",
     ".25,.5,1,4",
     "Waiting times between attempts; the last one repeats.",
     "S-182, S-183; Q146669, Q151780", IMS_KIND_HOURS_LIST, AT(retry_intervals_sec), 1, 360000},
    {"Connections", "ExpiryHours", "hours from 0.001 to 1000", "48",
     "After it, what was not sent is returned to its sender.",
     "S-184; Q184051", IMS_KIND_HOURS, AT(expiry_sec), 3, 3600000},
    {"Connections", "OutboundPort", "a port from 1 to 65535", "25",
     "The port that mail is sent to.",
     "R-145; Q173903", IMS_KIND_PORT, AT(outbound_port), 1, 65535},
    {"Connections", "OpportunisticTLS", YES_NO, "yes",
     "Uses STARTTLS with hosts that offer it.",
     "RFC 7435", IMS_KIND_BOOL, AT(opportunistic_tls), 0, 0},
    {"Connections", "DNSServers", "a list of address or address:port, separated by commas",
     "(those of /etc/resolv.conf)",
     "Name servers to ask.",
     "project", IMS_KIND_SERVERS, AT(dns_servers), 0, 0},
    {"Connections", "MaximumInboundConnections", "a number from 1 to 100000", "10000",
     "SMTP connections at one time; in the faithful profile the default is 30.",
     "S-257, R-142", IMS_KIND_UINT, AT(max_inbound), 1, 100000},
    {"Connections", "MaximumOutboundConnections", "a number from 1 to 1000", "20",
     "Connections to other hosts at one time.",
     "S-258", IMS_KIND_UINT, AT(max_outbound), 1, 1000},
    {"Connections", "MaximumConnectionsToSingleHost", "a number from 1 to 1000", "2",
     "Connections to one destination at one time.",
     "S-259; Q146562", IMS_KIND_UINT, AT(max_outbound_host), 1, 1000},
    {"Connections", "MaximumMessagesInConnection", "a number from 0 to 100000", "100",
     "Messages sent in one connection; 0: no limit.",
     "S-260; Q146562, Q202765", IMS_KIND_UINT, AT(max_messages_connection), 0, 100000},
    {"Connections", "DisableReverseResolve", YES_NO, "no",
     "Does not look up the names of clients.",
     "S-335, R-159; Q190026, Q258745", IMS_KIND_NOT, AT(reverse_resolve), 0, 0},
    {"Connections", "DisableAuth", YES_NO, "no",
     "AUTH is neither offered nor served by SMTP.",
     "S-338; Q235627", IMS_KIND_BOOL, AT(disable_auth), 0, 0},
    {"Connections", "DisableETRN", YES_NO, "no",
     "ETRN is neither offered nor served.",
     "S-337, R-133; Q258292", IMS_KIND_BOOL, AT(disable_etrn), 0, 0},
    {"Connections", "AdvertiseSMTPExtensions", YES_NO, "yes",
     "no: the greeting says SMTP, not ESMTP.",
     "S-307; Q194131", IMS_KIND_BOOL, AT(advertise_extensions), 0, 0},
    {"Connections", "AcceptMalformed821Adrs", YES_NO, "no",
     "Takes addresses with blanks and other odd characters instead of the reply 553.",
     "S-304, R-109; Q191262", IMS_KIND_BOOL, AT(policy.accept_malformed), 0, 0},

    {"Internet Mail", "AdministratorsMailbox", "the alias of a mailbox", "(none)",
     "\"Administrator's mailbox\": gets what is addressed to postmaster, and notices.",
     "S-271; Q149542", IMS_KIND_ALIAS, AT(administrator), 0, 0},
    {"Internet Mail", "DisableAutomaticReplies", YES_NO, "yes",
     "\"Disable automatic replies to the Internet\": they, and what rules of mailboxes forward, are "
     "dropped.",
     "S-237, R-143; Q262126, Q289854", IMS_KIND_BOOL, AT(disable_automatic_replies), 0, 0},
    {"Internet Mail", "DisableOutOfOffice", YES_NO, "yes",
     "\"Disable out-of-office responses to the Internet\": they are dropped.",
     "S-279, S-474; Q181636", IMS_KIND_BOOL, AT(disable_out_of_office), 0, 0},
    {"Internet Mail", "AlwaysAllowForwarding", YES_NO, "no",
     "What rules of mailboxes forward to the Internet passes though automatic replies are off.",
     "S-238, R-143; Q192982", IMS_KIND_BOOL, AT(always_allow_forwarding), 0, 0},

    {"Limits", "MessageSize", "bytes, or a number with K, M or G: 1K to 2G", "64M",
     "Largest message taken; larger ones get 552.",
     "S-254, S-325; Q257264", IMS_KIND_SIZE, AT(max_message_size), 1024,
     G_GUINT64_CONSTANT(2147483648)},
    {"Limits", "HeaderSize", "bytes, or a number with K, M or G: 1K to 1G", "1M",
     "How much of the header of a message, or of one of its parts, is looked at; what is "
     "further down counts as text.",
     "project", IMS_KIND_SIZE, AT(mime_limits.max_header_size), 1024, 1024 * 1024 * 1024},
    {"Limits", "MIMEDepth", "a number from 1 to 1000", "100",
     "How deep the parts of a message may lie in each other; what is deeper is one opaque "
     "part.",
     "project", IMS_KIND_UINT, AT(mime_limits.max_depth), 1, 1000},
    {"Limits", "MIMEParts", "a number from 1 to 1000000", "10000",
     "How many parts of a message are told apart; the rest is one opaque part.",
     "project", IMS_KIND_UINT, AT(mime_limits.max_parts), 1, 1000000},
    {"Limits", "Recipients", "a number from 1 to 32766", "5000",
     "Recipients of one message.",
     "R-042; Q272672", IMS_KIND_UINT, AT(max_recipients), 1, 32766},
    {"Limits", "Errors", "a number from 1 to 100000", "20",
     "Bad commands and logons after which a connection is closed.",
     "project", IMS_KIND_UINT, AT(max_errors), 1, 100000},
    {"Limits", "SMTPLine", "bytes, or a number with K, M or G: 512 to 32K", "2K",
     "Longest command line of SMTP; longer ones get 500.",
     "RFC 5321 4.5.3.1.4", IMS_KIND_SIZE, AT(smtp_line), 512, 32 * 1024},
    {"Limits", "IMAP4Line", "bytes, or a number with K, M or G: 8K to 16M", "64K",
     "Longest command line of IMAP4, without literals.",
     "RFC 7162 4", IMS_KIND_SIZE, AT(imap4_line), 8 * 1024, 16 * 1024 * 1024},
    {"Limits", "LiteralBeforeLogon", "bytes, or a number with K, M or G: 64 to 1M", "8K",
     "Largest IMAP4 literal of a client that is not logged on.",
     "project", IMS_KIND_SIZE, AT(literal_before_logon), 64, 1024 * 1024},
    {"Limits", "DataBuffered", "bytes, or a number with K, M or G: 1M to 64G", "256M",
     "Memory for messages under way, of all SMTP sessions; what is over goes to files.",
     "project", IMS_KIND_SIZE, AT(max_data_buffered), 1024 * 1024, G_GUINT64_CONSTANT(68719476736)},
    {"Limits", "WriterQueue", "bytes, or a number with K, M or G: 1M to 64G", "64M",
     "How much may wait to be written to the store before the service reads no more from "
     "clients.",
     "project", IMS_KIND_SIZE, AT(writer_queue), 1024 * 1024, G_GUINT64_CONSTANT(68719476736)},
    {"Limits", "WriterDelay", "milliseconds from 10 to 60000", "100",
     "How long it may wait there before the service reads no more from clients.",
     "project", IMS_KIND_UINT, AT(writer_delay_msec), 10, 60000},
    {"Limits", "Sessions", "a number from 1 to 1000000", "10000",
     "Sessions of all listeners together.",
     "project", IMS_KIND_UINT, AT(max_sessions), 1, 1000000},
    {"Limits", "SessionsPerAddress", "a number from 0 to 1000000", "100",
     "Sessions of one client address; 0: no limit.",
     "project", IMS_KIND_UINT, AT(max_sessions_address), 0, 1000000},
    {"Limits", "SessionsPerAccount", "a number from 0 to 1000000", "50",
     "Sessions of one account; 0: no limit.",
     "project", IMS_KIND_UINT, AT(max_sessions_account), 0, 1000000},
    {"Limits", "SMTPTimeout", "seconds from 1 to 86400", "300",
     "How long SMTP waits for a command.",
     "RFC 5321 4.5.3.2.7", IMS_KIND_UINT, AT(smtp_timeout_sec), 1, 86400},
    {"Limits", "SMTPDataTimeout", "seconds from 1 to 86400", "300",
     "How long SMTP waits for more of a message.",
     "RFC 5321 4.5.3.2.5, S-067", IMS_KIND_UINT, AT(smtp_data_timeout_sec), 1, 86400},
    {"Limits", "POP3Timeout", "seconds from 1 to 86400", "600",
     "How long POP3 waits for a command.",
     "P-078; RFC 1939 3", IMS_KIND_UINT, AT(pop3_timeout_sec), 1, 86400},
    {"Limits", "IMAP4Timeout", "seconds from 1 to 86400", "1800",
     "How long IMAP4 waits for a command.",
     "RFC 3501 5.4", IMS_KIND_UINT, AT(imap4_timeout_sec), 1, 86400},
    {"Limits", "HopLimit", "a number from 1 to 1000", "30",
     "Received lines after which a message counts as looping.",
     "R-046; Q260247", IMS_KIND_UINT, AT(hop_limit), 1, 1000},

    {"Directory", "DefaultDomain", "a Windows NT domain, one word",
     "(the first label of SiteDomain, in capitals)",
     "The domain of accounts that are named without one.",
     "D-001", IMS_KIND_ALIAS, AT(default_nt_domain), 0, 0},
    {"Directory", "LockoutFailures", "a number from 0 to 1000", "0",
     "Wrong passwords after which an account is locked; 0: never, the client's address is slowed "
     "down instead.",
     "D-007", IMS_KIND_UINT, AT(lockout_failures), 0, 1000},
    {"Directory", "LockoutMinutes", "a number from 1 to 100000", "30",
     "How long it stays locked.",
     "D-007", IMS_KIND_MINUTES, AT(lockout_sec), 1, 100000},
};
/* clang-format on */

const ImsConfigSetting *
ims_config_settings(guint *n_out)
{
    *n_out = G_N_ELEMENTS(settings);
    return settings;
}

/* Levenshtein distance, ignoring ASCII case; G_MAXUINT where a name is too long to be a slip. */
static guint
distance(const char *a, const char *b)
{
    enum { LONGEST = 48 };
    guint row[LONGEST + 1];
    gsize n = strlen(a), m = strlen(b);

    if (n > LONGEST || m > LONGEST)
        return G_MAXUINT;
    for (gsize j = 0; j <= m; j++)
        row[j] = (guint)j;
    for (gsize i = 1; i <= n; i++) {
        guint corner = row[0];

        row[0] = (guint)i;
        for (gsize j = 1; j <= m; j++) {
            guint change = corner + (g_ascii_tolower(a[i - 1]) != g_ascii_tolower(b[j - 1]));

            corner = row[j];
            row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
        }
    }
    return row[m];
}

static gboolean
is_near(const char *name, const char *known, guint *best)
{
    guint d = distance(name, known);

    if (d >= *best || d > 1 + strlen(known) / 4)
        return FALSE;
    *best = d;
    return TRUE;
}

const char *
ims_config_nearest_group(const char *name)
{
    const char *found = NULL;
    guint best = G_MAXUINT;

    for (guint i = 0; i < G_N_ELEMENTS(settings); i++)
        if (is_near(name, settings[i].group, &best))
            found = settings[i].group;
    return found;
}

const char *
ims_config_nearest_key(const char *group, const char *key)
{
    const char *found = NULL;
    guint best = G_MAXUINT;

    for (guint i = 0; i < G_N_ELEMENTS(settings); i++)
        if (settings[i].kind != IMS_KIND_ROUTING && g_strcmp0(settings[i].group, group) == 0 &&
            is_near(key, settings[i].key, &best))
            found = settings[i].key;
    return found;
}
