/* ims.conf, read once into an immutable snapshot. */
#pragma once

#include "routing/connection.h"
#include "routing/relay.h"
#include "routing/turf.h"
#include "store/mime.h"

G_BEGIN_DECLS

typedef enum {
    IMS_CONFIG_ERROR_FILE,   /* cannot be read */
    IMS_CONFIG_ERROR_SYNTAX, /* the message holds every error, a line each: file:line: group/key: value: what is expected */
} ImsConfigError;
#define IMS_CONFIG_ERROR (ims_config_error_quark())
GQuark ims_config_error_quark(void);

typedef enum {
    IMS_PROTOCOL_SMTP,
    IMS_PROTOCOL_SUBMISSION_TLS, /* SMTP with TLS from the first byte (RFC 8314) */
    IMS_PROTOCOL_POP3,
    IMS_PROTOCOL_POP3_TLS,
    IMS_PROTOCOL_IMAP4,
    IMS_PROTOCOL_IMAP4_TLS,
    IMS_N_PROTOCOLS
} ImsProtocol;

/* One address:port to listen on. `[Listeners] SMTP = 127.0.0.1:2525, [::1]:2525` */
typedef struct {
    ImsProtocol protocol;
    ImsAddress address;
    guint16 port;
    gboolean clear_text_logon;
} ImsConfigListener;

/* `[Connections] EMailDomains = far.example;gw.example.net, …`: domain, and host:port it is sent to; behind it `;etrn`. */
typedef struct {
    char *domain; /* lower case; subdomains too */
    char *host;   /* name or address; IPv6 in brackets is taken apart */
    guint16 port; /* 0: OutboundPort */
    gboolean etrn; /* mail waits until the host asks for it */
} ImsConfigRoute;

typedef struct {
    /* [Emulation] */
    char *build;      /* "5.5.2653.13" */
    gboolean faithful;
    gboolean accept_historic_risk;
    /* [Server] */
    char *host_name;
    char *site_domain;
    char *organization, *site; /* in reports: MSEXCH:IMS:org:site:SERVER */
    char *data_directory;      /* absolute; default: the directory of the file */
    char *log_file;            /* (nullable): stderr */
    guint workers;             /* 0: one a core */
    /* [Listeners], [TLS] */
    GArray *listeners;         /* (element-type ImsConfigListener) */
    gboolean clear_text_logon; /* ClearTextLogon: also in each listener */
    char *certificate_file, *key_file; /* absolute (nullable) */
    /* [Routing] …: the policy, ready for the verdict */
    ImsRelayPolicy policy;
    /* [Routing Restrictions] LogonWindow… */
    guint logon_window_minutes, logon_window_recipients;
    ImsNetList *logon_window_except;
    /* [Connections] */
    guint connection_security;        /* ImsConnectionSecurity: "Only from hosts using" */
    ImsConnectionRules *connection_rules; /* (nullable) Hosts */
    gboolean submit_only_if_homed, submit_only_if_sender_matches; /* */
    ImsTurfTable *turf_table;  /* (nullable) */
    char *turf_directory;      /* absolute (nullable): filtered mail is deleted */
    char **smart_hosts;        /* (nullable) host or host:port */
    GArray *routes;            /* (element-type ImsConfigRoute) */
    GArray *retry_intervals_sec; /* (element-type guint) default .25,.5,1,4 h (S-182); empty: no retry (S-183) */
    guint expiry_sec;          /* 48 h (S-184) */
    guint16 outbound_port;     /* 25 */
    gboolean opportunistic_tls;
    char *dns_servers;         /* (nullable) */
    guint max_inbound;         /* SMTP connections at one time */
    guint max_outbound, max_outbound_host;
    guint max_messages_connection; /* 0: no limit */
    gboolean reverse_resolve;  /* not DisableReverseResolve */
    gboolean disable_auth, disable_etrn;
    gboolean advertise_extensions; /* AdvertiseSMTPExtensions */
    /* [Internet Mail] */
    char *administrator;       /* alias of the administrator's mailbox (nullable) */
    gboolean disable_automatic_replies, disable_out_of_office; /* to the Internet (S-237) */
    gboolean always_allow_forwarding; /* S-238 */
    /* [Limits] */
    gsize max_message_size;
    guint max_recipients, max_errors;
    ImsMimeLimits mime_limits;
    gsize smtp_line, imap4_line, literal_before_logon;
    gsize max_data_buffered, writer_queue;
    guint writer_delay_msec;
    guint max_sessions, max_sessions_address, max_sessions_account;
    guint smtp_timeout_sec, smtp_data_timeout_sec, pop3_timeout_sec, imap4_timeout_sec;
    guint hop_limit;           /* SQ-13: 30 */
    /* [Directory] */
    char *default_nt_domain;   /* (nullable) */
    guint lockout_failures, lockout_sec;

    struct _ImsConfigPrivate *priv;
} ImsConfig;

/* Reads and checks everything; all errors at once. (transfer full) */
ImsConfig *ims_config_load(const char *file, GError **error);
ImsConfig *ims_config_parse(const char *file_name, const char *text, gsize length, GError **error);
void ims_config_free(ImsConfig *config);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsConfig, ims_config_free)

/* A setting whose value in @file differs from the running one. */
typedef struct {
    char *group, *key;
    char *running; /* (nullable): not set */
    char *file;    /* (nullable) */
} ImsConfigDifference;
/* (element-type ImsConfigDifference) (transfer full): "takes effect when the service is restarted". By value, not by text. */
GPtrArray *ims_config_compare(const ImsConfig *running, const ImsConfig *file);
/* What an experienced administrator would see: (element-type utf8) (transfer full), each "file:line: …". */
GPtrArray *ims_config_warnings(const ImsConfig *config);
/* Tells the policy more addresses of this server, e.g. those of its interfaces where a listener takes any. Before
 * the service starts only. */
void ims_config_add_own_addresses(ImsConfig *config, const ImsAddress *addresses, guint n_addresses);
/* The same with the addresses of this machine's interfaces, where a listener takes any address (0.0.0.0, [::]). */
void ims_config_add_interface_addresses(ImsConfig *config);
/* Where the file is when nobody says: $IMS_CONFIG, ims.conf in the current folder, /etc/imsd/ims.conf. (transfer full) */
char *ims_config_default_file(void);
/* The data directory that @file names, errors or not: where a running service is found. (transfer full) (nullable) */
char *ims_config_find_data_directory(const char *file);
/* Absolute path of the file. */
const char *ims_config_file(const ImsConfig *config);
/* Build number of the information store that goes with the IMS build: POP3 and IMAP4 greet with it (P-002). */
const char *ims_config_store_build(const ImsConfig *config);
/* A domain or host name: labels of letters, digits, hyphens and underscores. */
gboolean ims_config_is_host_name(const char *text);
/* Upper-case word for logs, "SMTP"; also the key in [Listeners]. */
const char *ims_protocol_name(ImsProtocol protocol);
/* TRUE where the flags let everyone relay: nothing ticked, or only the never list with nothing in it. */
gboolean ims_config_is_open_relay(const ImsConfig *config);

/* Every setting the file can have: for the manual page test and `imsctl settings`. The one table of settings. */
typedef struct {
    const char *group;
    const char *key; /* "<domain>" in [Routing List], whose keys are free */
    const char *type;          /* what is expected, in words */
    const char *default_value; /* as it would stand in the file; or in words, in parentheses */
    const char *meaning, *source;
    /* private to ims/config */
    guint kind;
    gsize offset;
    guint64 min, max;
} ImsConfigSetting;
const ImsConfigSetting *ims_config_settings(guint *n_out);
/* What the file says, as written; NULL: not set, or no such setting. */
const char *ims_config_text(const ImsConfig *config, const char *group, const char *key);

G_END_DECLS
