/* Inside of ims/config*.c: the table's kinds, what was read, and how errors are gathered. */
#pragma once

#include "ims/config.h"

G_BEGIN_DECLS

/* How a value is read, and which C type stands at the setting's offset. */
typedef enum {
    IMS_KIND_TEXT,       /* char * */
    IMS_KIND_HOST,       /* char *: host name, lower case */
    IMS_KIND_DOMAIN,     /* char *: as HOST */
    IMS_KIND_PATH,       /* char *: made absolute */
    IMS_KIND_ALIAS,      /* char *: one word */
    IMS_KIND_BUILD,      /* char * */
    IMS_KIND_PROFILE,    /* gboolean faithful */
    IMS_KIND_BOOL,       /* gboolean */
    IMS_KIND_NOT,        /* gboolean, set to the contrary */
    IMS_KIND_UINT,       /* guint, min to max */
    IMS_KIND_PORT,       /* guint16 */
    IMS_KIND_SIZE,       /* gsize, bytes, with K, M or G */
    IMS_KIND_HOURS,      /* guint seconds; min and max are seconds */
    IMS_KIND_HOURS_LIST, /* GArray of guint seconds */
    IMS_KIND_MINUTES,    /* guint seconds; min and max are minutes */
    IMS_KIND_LISTENERS,  /* appends to listeners; min is the ImsProtocol */
    IMS_KIND_FLAGS,      /* guint RelayFlags */
    IMS_KIND_NETS,       /* const ImsNetList * */
    IMS_KIND_HOSTS,      /* char **: host[:port] */
    IMS_KIND_ROUTES,     /* GArray of ImsConfigRoute */
    IMS_KIND_SERVERS,    /* char *: address[:port], … */
    IMS_KIND_ROUTING,    /* an entry of the routing list */
    IMS_KIND_SECURITY,   /* guint ImsConnectionSecurity */
    IMS_KIND_RULES,      /* ImsConnectionRules * */
    IMS_KIND_TURF,       /* ImsTurfTable * */
} ImsConfigKind;

/* What the file says of one setting. */
typedef struct {
    char *text;      /* (nullable): as written; NULL: not set */
    char *canonical; /* (nullable): equal for equal values, however written; the default's where not
                        set */
    guint line;      /* 0: not set */
} ImsConfigValue;

/* One `key = value` of the file. Strings belong to the entry. */
typedef struct {
    char *group, *key, *value;
    guint line;
} ImsConfigEntry;

typedef struct _ImsConfigPrivate ImsConfigPrivate;
struct _ImsConfigPrivate {
    char *file, *folder;
    ImsConfigValue *values; /* parallel to the table of settings */
    GHashTable *routing;    /* domain as written, lower case → its ImsConfigValue */
    ImsRoutingList *list;
    GPtrArray *net_lists; /* owns every ImsNetList */
    GArray *own;          /* (element-type ImsAddress): what policy.own_addresses points at */
    GPtrArray *notes;     /* (element-type utf8): warnings found while reading */
};

/* Gathers errors, each with its line, so that all are told at once in the order of the file. */
typedef struct _ImsConfigProblems ImsConfigProblems;
ImsConfigProblems *ims_config_problems_new(const char *file);
void ims_config_problems_free(ImsConfigProblems *problems);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsConfigProblems, ims_config_problems_free)
void ims_config_problems_add(ImsConfigProblems *problems, guint line, const char *format, ...)
    G_GNUC_PRINTF(3, 4);
/* TRUE: none. Else sets @error to all of them. */
gboolean ims_config_problems_check(ImsConfigProblems *problems, GError **error);
/* @text without control characters and not over 120 characters, for a message. (transfer full) */
char *ims_config_printable(const char *text);

/* The file as entries (element-type ImsConfigEntry); what is no entry goes to @problems, what looks
 * like a slip to @notes. */
GPtrArray *ims_config_scan(const char *file, const char *text, gsize length,
                           ImsConfigProblems *problems, GPtrArray *notes);

/* Reads @text as the value of @setting into @config. On success sets @canonical_out; else adds to
 * @problems. */
gboolean ims_config_set_value(ImsConfig *config, const ImsConfigSetting *setting, const char *key,
                              const char *text, guint line, ImsConfigProblems *problems,
                              char **canonical_out);
/* The value at @setting released, where it is allocated. */
void ims_config_clear_value(ImsConfig *config, const ImsConfigSetting *setting);
/* host[:port], [IPv6][:port] or a bare IPv6 address. @host_out (transfer full); @port_out 0 where
 * none is given. */
gboolean ims_config_split_host(const char *text, char **host_out, guint16 *port_out);

/* What a reader gets: where the value goes, and where the canonical form is to be put. */
typedef struct {
    ImsConfig *config;
    const ImsConfigSetting *setting;
    const char *key;
    const char *text; /* the whole value */
    guint line;
    char *canonical;
    char *wrong; /* (nullable): what exactly is wrong, where the type's text does not say it */
} ImsConfigReading;

#define IMS_CONFIG_FIELD(reading, type)                                                            \
    ((type *)G_STRUCT_MEMBER_P((reading)->config, (reading)->setting->offset))
/* Says what is wrong with @part of the value, or all of it. FALSE, for return. */
gboolean ims_config_wrong(ImsConfigReading *reading, const char *what, const char *part);
/* The parts of a list between commas, blanks taken off. An empty part makes the whole list wrong:
 * NULL. */
char **ims_config_split_list(const char *text);
gboolean ims_config_read_listeners(ImsConfigReading *reading, const char *text);
gboolean ims_config_read_nets(ImsConfigReading *reading, const char *text);
gboolean ims_config_read_hosts(ImsConfigReading *reading, const char *text);
gboolean ims_config_read_servers(ImsConfigReading *reading, const char *text);
gboolean ims_config_read_routes(ImsConfigReading *reading, const char *text);
/* config-doors.c */
gboolean ims_config_read_security(ImsConfigReading *reading, const char *text);
gboolean ims_config_read_rules(ImsConfigReading *reading, const char *text);
gboolean ims_config_read_turf(ImsConfigReading *reading, const char *text);

/* What the file said of the setting @group/@key, for warnings. NULL: no such setting. */
const ImsConfigValue *ims_config_value(const ImsConfig *config, const char *group, const char *key);
/* A name among the settings that looks like @name, for a hint. NULL: none is near. */
const char *ims_config_nearest_group(const char *name);
const char *ims_config_nearest_key(const char *group, const char *key);

G_END_DECLS
