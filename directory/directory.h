/* The Directory: recipients with their proxy addresses, and accounts with their credentials. */
#pragma once

#include "net/log.h"
#include "net/world.h"

G_BEGIN_DECLS

typedef struct _ImsDirectory ImsDirectory;

typedef enum {
    IMS_DIRECTORY_ERROR_EXISTS,    /* alias, account or address is taken; the message says by whom (D-044) */
    IMS_DIRECTORY_ERROR_NOT_FOUND,
    IMS_DIRECTORY_ERROR_INVALID,   /* value and what is expected */
    IMS_DIRECTORY_ERROR_LOCKED,
    IMS_DIRECTORY_ERROR_NEWER,
    IMS_DIRECTORY_ERROR_IO,
} ImsDirectoryError;
#define IMS_DIRECTORY_ERROR (ims_directory_error_quark())
GQuark ims_directory_error_quark(void);

typedef struct {
    const char *directory;      /* dsadata/, made if missing; NULL: in memory only (tests, scenarios) */
    const char *default_domain; /* (nullable): NT domain for accounts named without one, e.g. "EXAMPLE"; NULL: "LOCAL" */
    guint lockout_failures;     /* 0: no lock-out (the default, D-007) */
    guint lockout_sec;
    guint cache_sec;            /* successful logons are remembered so long; default 300, 0 none */
    guint hash_cost;            /* yescrypt cost 1 to 11; 0: 5. Tests use 1. */
    ImsLog *log;
} ImsDirectoryOptions;

ImsDirectory *ims_directory_open(ImsWorld *world, const ImsDirectoryOptions *options, GError **error);
void ims_directory_close(ImsDirectory *directory);

/* ---- recipients ---- */

typedef enum {
    IMS_RECIPIENT_MAILBOX,
    IMS_RECIPIENT_CUSTOM, /* an address elsewhere */
    IMS_RECIPIENT_LIST,
} ImsRecipientKind;

typedef struct {
    guint64 id; /* for a mailbox also its ImsMailboxId; never reused */
    ImsRecipientKind kind;
    char *alias;        /* unique name, what one logs on to */
    char *display_name;
    char **addresses;   /* SMTP proxy addresses, primary first; local part as written, domain lower case */
    char *target;       /* custom recipient: where it goes */
    char **members;     /* list: aliases */
    char *account;      /* mailbox: its primary account, "EXAMPLE\\alice" (nullable) */
    gboolean hidden;
    char *forward_to;      /* mailbox: its alternate recipient, an address here or elsewhere (nullable, D-070) */
    gboolean forward_both; /* "Deliver messages to both": the mailbox keeps a copy */
    char *rule_forward_to; /* mailbox: a rule of its owner sends a copy there (nullable) */
    char *out_of_office;   /* mailbox: text of the reply while its owner is away (nullable) */
    char **accept_from, **reject_from; /* delivery restrictions: aliases; a list stands for its members (nullable, D-067) */
} ImsRecipient;

/**
 * ImsRecipientTable: all recipients at one moment. Immutable, reference counted, swapped when the directory changes:
 * RCPT TO and logon look here, never at SQL.
 */
typedef struct _ImsRecipientTable ImsRecipientTable;
ImsRecipientTable *ims_directory_table(ImsDirectory *directory); /* (transfer full); any thread */
ImsRecipientTable *ims_recipient_table_ref(ImsRecipientTable *table);
void ims_recipient_table_unref(ImsRecipientTable *table);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsRecipientTable, ims_recipient_table_unref)
guint ims_recipient_table_size(const ImsRecipientTable *table);
const ImsRecipient *ims_recipient_table_get(const ImsRecipientTable *table, guint index); /* by alias */
const ImsRecipient *ims_recipient_table_find_alias(const ImsRecipientTable *table, const char *alias); /* case-insensitive */
/**
 * ims_recipient_table_find_address:
 * @local, @domain: case-insensitive; quotes around @local that are not needed are taken off
 * @ambiguous_out: (optional): two recipients bear it: 000C0595 Ambiguous Recipient (D-044)
 */
const ImsRecipient *ims_recipient_table_find_address(const ImsRecipientTable *table, const char *local, const char *domain, gboolean *ambiguous_out);

/* The mailbox with that id; NULL: there is none. */
const ImsRecipient *ims_recipient_table_find_mailbox(const ImsRecipientTable *table, guint64 id);

/**
 * ims_recipient_table_may_send:
 * @sender: (nullable): nobody of the Directory
 *
 * Whether @recipient takes mail of @sender: "accept from" nobody named means all, "reject from" nobody named means none;
 * both count (D-067; Q149359). An Internet sender is known by a custom recipient (D-069).
 */
gboolean ims_recipient_table_may_send(const ImsRecipientTable *table, const ImsRecipient *sender, const ImsRecipient *recipient);

/* What one accepted recipient comes to, after lists and custom recipients. */
typedef struct {
    GArray *mailboxes;   /* (element-type guint64): recipient ids, each once */
    GPtrArray *outside;  /* (element-type utf8): addresses to send on to, each once */
    GPtrArray *unknown;  /* (element-type utf8): list members that are not there */
} ImsExpansion;
/* Alternate recipients are followed as custom recipients are; one that leads back to its own mailbox names it unknown. Loops are cut; depth and total are bounded (100 levels, 100,000 members). Adds to @into. */
void ims_recipient_table_expand(const ImsRecipientTable *table, const ImsRecipient *recipient, ImsExpansion *into);
ImsExpansion *ims_expansion_new(void);
void ims_expansion_free(ImsExpansion *expansion);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsExpansion, ims_expansion_free)

/* Changes. Synchronous, durable when they return TRUE, on main (or offline). All checked first: an error changes nothing. */
/* @id_out: the new id. addresses: at least one for mailbox and list. Uniqueness over the whole organisation (D-044, D-045). */
gboolean ims_directory_add_recipient(ImsDirectory *directory, const ImsRecipient *recipient, guint64 *id_out, GError **error);
/* Replaces everything but id and kind. */
gboolean ims_directory_change_recipient(ImsDirectory *directory, const ImsRecipient *recipient, GError **error);
gboolean ims_directory_remove_recipient(ImsDirectory *directory, const char *alias, GError **error);
/* FALSE: addresses added from now on may be another's too, as replication from elsewhere made them (D-044). */
void ims_directory_set_unique(ImsDirectory *directory, gboolean unique);
ImsRecipient *ims_recipient_copy(const ImsRecipient *recipient);
void ims_recipient_free(ImsRecipient *recipient);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsRecipient, ims_recipient_free)

/* ---- accounts ---- */

typedef struct {
    char *domain, *name;   /* EXAMPLE, alice */
    gboolean enabled;
    gboolean is_guest;     /* the NT Guest account */
    gint64 locked_until_usec; /* 0: not locked; wall */
    guint failures;
    gint64 password_changed_usec;
    gboolean keep_reversible; /* policy: reversible secret kept (CRAM-MD5, APOP); off */
    gboolean keep_nt_hash;    /* policy: NT hash kept (NTLM); off */
} ImsAccount;
void ims_account_free(ImsAccount *account);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsAccount, ims_account_free)

/* @name: "DOMAIN\\user", "DOMAIN/user" or "user". Blocks for the time of the hash (20 ms): main or offline only.
 * @password: not empty, but for Guest, which then cannot be logged on to by name. */
gboolean ims_directory_add_account(ImsDirectory *directory, const char *name, const char *password, GError **error);
gboolean ims_directory_set_password(ImsDirectory *directory, const char *name, const char *password, GError **error);
gboolean ims_directory_set_account(ImsDirectory *directory, const char *name, const gboolean *enabled, gboolean unlock, GError **error);
gboolean ims_directory_remove_account(ImsDirectory *directory, const char *name, GError **error);
ImsAccount *ims_directory_find_account(ImsDirectory *directory, const char *name, GError **error);
GPtrArray *ims_directory_list_accounts(ImsDirectory *directory, GError **error); /* (element-type ImsAccount) */
/* Called on main when an account changed or went: sessions and windows are dropped. @account "EXAMPLE\\alice". */
void ims_directory_set_account_changed(ImsDirectory *directory, void (*changed)(const char *account, gpointer data), gpointer data);

/* ---- logon ---- */

typedef enum {
    IMS_LOGON_OK,
    IMS_LOGON_BAD,         /* unknown name or wrong password, disabled or locked: one text for all (P-030) */
    IMS_LOGON_AMBIGUOUS,   /* P-031 */
    IMS_LOGON_NO_MAILBOX,  /* "There is no such mailbox on this server." (P-033) */
    IMS_LOGON_NOT_HERE,    /* "The requested mailbox is not available on this server." (P-032) */
    IMS_LOGON_UNAVAILABLE, /* overload: try later */
} ImsLogonStatus;

typedef struct {
    ImsLogonStatus status;
    const char *account;    /* "EXAMPLE\\alice"; set when the secret was right, even where the mailbox was not */
    guint64 mailbox;        /* recipient id; 0 where none */
    const char *alias;      /* of the mailbox (nullable) */
    const char *detail;     /* for the log only: "disabled", "locked", "password" … */
    gboolean guest;         /* IMS_LOGON_BAD: the account is unknown, and the Guest account is enabled */
} ImsLogonResult;
typedef void (*ImsLogonCallback)(const ImsLogonResult *result, gpointer data);

/**
 * ims_directory_logon:
 * @name: alias, `domain\account`, `domain/account/alias`, mixed separators, or an SMTP address of the mailbox
 *   (I-030 to I-034, D-002 to D-004); three parts name another's mailbox, which needs to be one's own here
 * @password: copied and wiped
 * @need_mailbox: FALSE for SMTP AUTH, where an account without mailbox may log on
 *
 * The password is judged before the alias (D-002). Hashing runs in the pool; the callback comes on the calling executor.
 * An unknown name costs as much time as a known one. Repeated failures from one peer address are answered ever later
 * (up to 5 s) instead of locking accounts.
 */
void ims_directory_logon(ImsDirectory *directory, const ImsAddress *peer, const char *name, const char *password, gboolean need_mailbox, ImsLogonCallback callback, gpointer data);

G_END_DECLS
