/* The questions of `imsctl setup`: those of the Internet Mail Wizard, and where to listen. */
#include "tools/setup.h"

#include "ims/config.h"

#include <stdio.h>
#include <string.h>

static gboolean
is_host(const char *text)
{
    g_autofree char *file = g_strdup_printf("[Server]\nHostName = %s\n", text);
    g_autoptr(ImsConfig) config =
        strchr(text, '\n') == NULL ? ims_config_parse("-", file, strlen(file), NULL) : NULL;

    return config != NULL;
}

static gboolean
is_delivery(const char *text)
{
    g_autofree char *file = g_strdup_printf("[Connections]\nForwardAllMessagesToHost = %s\n", text);
    g_autoptr(ImsConfig) config = NULL;

    if (g_ascii_strcasecmp(text, "DNS") == 0)
        return TRUE;
    config = strchr(text, '\n') == NULL ? ims_config_parse("-", file, strlen(file), NULL) : NULL;
    return config != NULL;
}

static gboolean
is_yes_no(const char *text)
{
    return g_ascii_strcasecmp(text, "yes") == 0 || g_ascii_strcasecmp(text, "no") == 0;
}

static gboolean
is_restriction(const char *text)
{
    return strcmp(text, "authenticated") == 0 || strcmp(text, "allowed") == 0 ||
           strcmp(text, "authenticated, allowed") == 0 || strcmp(text, "none") == 0;
}

static gboolean
is_nets(const char *text)
{
    g_auto(GStrv) parts = g_strsplit(text, ",", -1);

    for (guint i = 0; parts[i] != NULL; i++) {
        g_autofree char *net = setup_net(g_strstrip(parts[i]), NULL);

        if (net == NULL)
            return FALSE;
    }
    return parts[0] != NULL;
}

static gboolean
is_alias(const char *text)
{
    for (const char *p = text; *p != '\0'; p++)
        if (!g_ascii_isalnum(*p) && strchr("._-", *p) == NULL)
            return FALSE;
    return strlen(text) <= 64;
}

static gboolean
is_address(const char *text)
{
    ImsAddress address;

    return ims_address_parse(text, &address);
}

static gboolean
is_port_base(const char *text)
{
    guint64 base;

    return g_ascii_string_to_unsigned(text, 10, 0, 64000, &base, NULL);
}

static gboolean
is_path(const char *text)
{
    return strchr(text, '\n') == NULL;
}

static const struct {
    const char *key, *question, *expected;
    gboolean (*is_good)(const char *text);
} questions[SETUP_N_ANSWERS] = {
    [SETUP_HOST_NAME] = {"HostName",              "Full name of this server",
                         "a host name such as mail.example.com",                                                                                                          is_host       },
    [SETUP_SITE_DOMAIN] = {"SiteDomain",            "Domain of the site's addresses",
                         "a domain such as example.com",                                                                                                                  is_host       },
    [SETUP_DELIVERY] = {"Delivery",
                         "Deliver by DNS, or forward everything to one host (DNS, or the host)",            "DNS, or a host or host:port",                                is_delivery   },
    [SETUP_REROUTE] =
        {"RerouteIncomingMail",
                         "Reroute incoming SMTP mail (required for POP3/IMAP4 clients to send outside)",
                         "yes or no",                                                                                                                                     is_yes_no     },
    [SETUP_RESTRICTION] =
        {"Restriction",
                         "Who may relay: authenticated, allowed (by address), \"authenticated, allowed\", or none "
         "(everyone: an open relay)",                                                                       "authenticated, allowed, \"authenticated, allowed\" or none", is_restriction},
    [SETUP_ALLOW_LIST] = {"RelayAllowList",        "Nets that may relay, separated by commas",
                         "nets such as 10.0.0.0;255.0.0.0 or 10.0.0.0/8",                                                                                                 is_nets       },
    [SETUP_ADMINISTRATOR] = {"AdministratorsMailbox", "Administrator's mailbox",
                         "an alias of letters, digits, '.', '_' and '-'",                                                                                                 is_alias      },
    [SETUP_LISTEN] = {"ListenAddress",         "Address to listen on",
                         "an address such as 0.0.0.0 or 192.0.2.1",                                                                                                       is_address    },
    [SETUP_PORT_BASE] = {"PortBase",              "Number to add to the ports 25, 465, 110, 995, 143, 993",
                         "a number from 0 to 64000",                                                                                                                      is_port_base  },
    [SETUP_DATA_DIRECTORY] = {"DataDirectory",         "Folder for mailboxes, directory and log",
                         "a folder",                                                                                                                                      is_path       },
};

void
setup_answers_clear(SetupAnswers *answers)
{
    for (guint i = 0; i < SETUP_N_ANSWERS; i++)
        g_free(answers->values[i]);
    g_strfreev(answers->gateway);
}

char *
setup_net(const char *text, GError **error)
{
    g_autoptr(ImsNetList) list = ims_net_list_new();
    const char *slash = strchr(text, '/');
    g_autofree char *net = slash != NULL ? g_strndup(text, (gsize)(slash - text)) : NULL;
    g_autofree char *result = NULL;
    ImsAddress address;
    guint64 bits;

    if (slash != NULL && ims_address_parse(net, &address) && address.family == 4 &&
        g_ascii_string_to_unsigned(slash + 1, 10, 0, 32, &bits, NULL)) {
        guint32 mask = bits == 0 ? 0 : 0xffffffffu << (32 - bits);

        result = g_strdup_printf("%s;%u.%u.%u.%u", net, mask >> 24, mask >> 16 & 255,
                                 mask >> 8 & 255, mask & 255);
    } else {
        result = g_strdup(text);
    }
    if (!ims_net_list_add(list, result, error))
        return NULL;
    if (ims_net_list_never_matches(list, 0)) {
        g_set_error(error, IMS_NET_ERROR, IMS_NET_ERROR_SYNTAX,
                    "%s: the net has bits outside its mask, so it would match no address (R-052)",
                    text);
        return NULL;
    }
    return g_steal_pointer(&result);
}

/* ---- defaults ---- */

static char *
default_host_name(void)
{
    const char *name = g_get_host_name();

    return is_host(name) ? g_ascii_strdown(name, -1) : g_strdup("localhost");
}

static char *
default_value(const SetupAnswers *answers, SetupAnswer which, const char *folder)
{
    const char *host = answers->values[SETUP_HOST_NAME];
    const char *dot;

    switch (which) {
    case SETUP_HOST_NAME:
        return default_host_name();
    case SETUP_SITE_DOMAIN:
        dot = strchr(host, '.');
        return g_strdup(dot != NULL && strchr(dot + 1, '.') != NULL ? dot + 1 : host);
    case SETUP_DELIVERY:
        return g_strdup("DNS");
    case SETUP_REROUTE:
        return g_strdup(answers->gateway != NULL ? "yes" : "no");
    case SETUP_RESTRICTION:
        return g_strdup(answers->gateway != NULL ? "allowed" : "authenticated");
    case SETUP_ALLOW_LIST:
        return answers->gateway != NULL ? g_strjoinv(", ", answers->gateway) : g_strdup("");
    case SETUP_ADMINISTRATOR:
        return g_strdup("administrator");
    case SETUP_LISTEN:
        return g_strdup("0.0.0.0");
    case SETUP_PORT_BASE:
        return g_strdup("0");
    default:
        return g_strdup(g_str_has_prefix(folder, "/etc") ? "/var/lib/imsd" : folder);
    }
}

void
setup_answers_default(SetupAnswers *answers, const char *folder)
{
    for (guint i = 0; i < SETUP_N_ANSWERS; i++)
        if (answers->values[i] == NULL)
            answers->values[i] = default_value(answers, (SetupAnswer)i, folder);
}

/* ---- from a file ---- */

static int
find_key(const char *key)
{
    for (int i = 0; i < SETUP_N_ANSWERS; i++)
        if (strcmp(questions[i].key, key) == 0)
            return i;
    return -1;
}

static void
read_line(SetupAnswers *answers, const char *file, guint number, char *line, GString *problems)
{
    char *equals = strchr(line, '='), *value;
    int which;

    g_strstrip(line);
    if (*line == '\0' || *line == '#')
        return;
    if (equals == NULL) {
        g_string_append_printf(problems, "%s:%u: %s: Key = value is expected\n", file, number,
                               line);
        return;
    }
    *equals = '\0';
    g_strchomp(line);
    value = g_strstrip(equals + 1);
    which = find_key(line);
    if (which < 0)
        g_string_append_printf(problems, "%s:%u: %s: there is no such answer\n", file, number,
                               line);
    else if (answers->values[which] != NULL)
        g_string_append_printf(problems, "%s:%u: %s: it is given already\n", file, number, line);
    else if (*value == '\0' || !questions[which].is_good(value))
        g_string_append_printf(problems, "%s:%u: %s: %s: %s is expected\n", file, number, line,
                               value, questions[which].expected);
    else
        answers->values[which] = g_strdup(value);
}

gboolean
setup_answers_read(SetupAnswers *answers, const char *file, GError **error)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;
    g_autoptr(GString) problems = g_string_new(NULL);
    gsize length;

    if (!g_file_get_contents(file, &text, &length, error))
        return FALSE;
    if (strlen(text) != length || !g_utf8_validate(text, -1, NULL)) {
        g_set_error(error, IMS_CONFIG_ERROR, IMS_CONFIG_ERROR_SYNTAX,
                    "%s: text in UTF-8 is expected", file);
        return FALSE;
    }
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 0; lines[i] != NULL; i++)
        read_line(answers, file, i + 1, lines[i], problems);
    if (problems->len == 0)
        return TRUE;
    g_string_truncate(problems, problems->len - 1);
    g_set_error_literal(error, IMS_CONFIG_ERROR, IMS_CONFIG_ERROR_SYNTAX, problems->str);
    return FALSE;
}

/* ---- from the terminal ---- */

static gboolean
is_asked(const SetupAnswers *answers, SetupAnswer which)
{
    const char *reroute = answers->values[SETUP_REROUTE];
    const char *restriction = answers->values[SETUP_RESTRICTION];

    switch (which) {
    case SETUP_REROUTE:
        return answers->gateway == NULL;
    case SETUP_RESTRICTION:
        return answers->gateway == NULL && g_ascii_strcasecmp(reroute, "yes") == 0;
    case SETUP_ALLOW_LIST:
        return answers->gateway == NULL && g_ascii_strcasecmp(reroute, "yes") == 0 &&
               strstr(restriction, "allowed") != NULL;
    default:
        return TRUE;
    }
}

static char *
ask(SetupAnswer which, const char *proposed)
{
    char line[1024];

    for (;;) {
        if (*proposed != '\0')
            fprintf(stderr, "%s [%s]: ", questions[which].question, proposed);
        else
            fprintf(stderr, "%s: ", questions[which].question);
        if (fgets(line, sizeof line, stdin) == NULL)
            return NULL;
        g_strstrip(line);
        if (*line == '\0' && *proposed != '\0')
            return g_strdup(proposed);
        if (*line != '\0' && questions[which].is_good(line))
            return g_strdup(line);
        fprintf(stderr, "  %s is expected.\n", questions[which].expected);
    }
}

gboolean
setup_answers_ask(SetupAnswers *answers, const char *folder)
{
    for (guint i = 0; i < SETUP_N_ANSWERS; i++) {
        g_autofree char *proposed = default_value(answers, (SetupAnswer)i, folder);

        if (!is_asked(answers, (SetupAnswer)i))
            answers->values[i] = g_steal_pointer(&proposed);
        else
            answers->values[i] = ask((SetupAnswer)i, proposed);
        if (answers->values[i] == NULL)
            return FALSE;
    }
    return TRUE;
}

/* ---- the file ---- */

/* The router whose address clients behind NAT show: a window opened for it would be everybody's. ""
 * where unknown. */
static char *
default_router(void)
{
    g_autofree char *text = NULL;
    g_auto(GStrv) lines = NULL;

    if (!g_file_get_contents("/proc/net/route", &text, NULL, NULL))
        return g_strdup("");
    lines = g_strsplit(text, "\n", -1);
    for (guint i = 1; lines[i - 1] != NULL && lines[i] != NULL; i++) {
        unsigned destination, router;

        if (sscanf(lines[i], "%*s %8x %8x", &destination, &router) == 2 && destination == 0 &&
            router != 0)
            return g_strdup_printf(", %u.%u.%u.%u", router & 255, router >> 8 & 255,
                                   router >> 16 & 255, router >> 24);
    }
    return g_strdup("");
}

static void
append_listeners(GString *out, const SetupAnswers *answers)
{
    static const struct {
        const char *key;
        guint port;
    } rows[] = {
        {"SMTP",          25 },
        {"SubmissionTLS", 465},
        {"POP3",          110},
        {"POP3TLS",       995},
        {"IMAP4",         143},
        {"IMAP4TLS",      993}
    };
    const char *address = answers->values[SETUP_LISTEN];
    gboolean v6 = strchr(address, ':') != NULL;
    guint64 base = 0;

    (void)g_ascii_string_to_unsigned(answers->values[SETUP_PORT_BASE], 10, 0, 64000, &base, NULL);
    g_string_append(out, "[Listeners]\n");
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        g_string_append_printf(out, "%s = %s%s%s:%u\n", rows[i].key, v6 ? "[" : "", address,
                               v6 ? "]" : "", rows[i].port + (guint)base);
    g_string_append(out, "\n");
}

static void
append_routing(GString *out, const SetupAnswers *answers)
{
    gboolean reroute = g_ascii_strcasecmp(answers->values[SETUP_REROUTE], "yes") == 0;
    const char *restriction = answers->values[SETUP_RESTRICTION];
    g_auto(GStrv) nets = g_strsplit(answers->values[SETUP_ALLOW_LIST], ",", -1);
    g_autofree char *router = default_router();
    guint n = 0;

    g_string_append_printf(out, "[Routing]\nRerouteIncomingMail = %s\n\n", reroute ? "yes" : "no");
    if (!reroute)
        return;
    g_string_append_printf(
        out, "[Routing List]\n%s = <inbound>\n\n[Routing Restrictions]\nRelayFlags = %s\n",
        answers->values[SETUP_SITE_DOMAIN], restriction);
    for (guint i = 0; strstr(restriction, "allowed") != NULL && nets[i] != NULL; i++) {
        g_autofree char *net = setup_net(g_strstrip(nets[i]), NULL);

        if (net != NULL)
            g_string_append_printf(out, "%s%s", n++ == 0 ? "RelayAllowList = " : ", ", net);
    }
    if (n > 0)
        g_string_append(out, "\n");
    if (strstr(restriction, "authenticated") != NULL)
        g_string_append_printf(
            out,
            "# Addresses that many clients share: no POP3 or IMAP4 logon lets them relay.\n"
            "LogonWindowExcept = 127.0.0.0;255.0.0.0, ::1%s\n",
            router);
    g_string_append(out, "\n");
}

char *
setup_configuration(const SetupAnswers *answers, const char *folder)
{
    GString *out =
        g_string_new("# Made by imsctl setup. Every setting: man ims.conf, or imsctl settings.\n"
                     "# An edit takes effect when the service is restarted: imsctl restart\n\n");
    const char *delivery = answers->values[SETUP_DELIVERY];
    const char *data = answers->values[SETUP_DATA_DIRECTORY];

    g_string_append_printf(
        out,
        "[Server]\nHostName = %s\nSiteDomain = %s\nDataDirectory = %s\nLogFile = %s/imsd.log\n\n",
        answers->values[SETUP_HOST_NAME], answers->values[SETUP_SITE_DOMAIN], data, data);
    append_listeners(out, answers);
    g_string_append_printf(out,
                           "[TLS]\nCertificateFile = %s/certificate.pem\nKeyFile = %s/key.pem\n\n",
                           folder, folder);
    append_routing(out, answers);
    if (g_ascii_strcasecmp(delivery, "DNS") != 0)
        g_string_append_printf(out, "[Connections]\nForwardAllMessagesToHost = %s\n\n", delivery);
    g_string_append_printf(out, "[Internet Mail]\nAdministratorsMailbox = %s\n",
                           answers->values[SETUP_ADMINISTRATOR]);
    return g_string_free(out, FALSE);
}
