/* SEARCH keys: parsed once into a tree, judged with as little of each message as decides them. */
#pragma once

#include "imap4/parser.h"
#include "imap4/selected.h"

G_BEGIN_DECLS

typedef enum {
    IMS_IMAP4_KEY_ALL,
    IMS_IMAP4_KEY_AND,
    IMS_IMAP4_KEY_OR,
    IMS_IMAP4_KEY_NOT,
    IMS_IMAP4_KEY_FLAGS, /* all of @set and none of @clear */
    IMS_IMAP4_KEY_RECENT,
    IMS_IMAP4_KEY_NEVER, /* a keyword that the folder does not have */
    IMS_IMAP4_KEY_MESSAGES,
    IMS_IMAP4_KEY_LARGER,
    IMS_IMAP4_KEY_SMALLER,
    IMS_IMAP4_KEY_BEFORE, /* internal date */
    IMS_IMAP4_KEY_ON,
    IMS_IMAP4_KEY_SINCE,
    IMS_IMAP4_KEY_SENTBEFORE, /* Date header */
    IMS_IMAP4_KEY_SENTON,
    IMS_IMAP4_KEY_SENTSINCE,
    IMS_IMAP4_KEY_ENVELOPE, /* FROM, TO, CC, BCC, SUBJECT */
    IMS_IMAP4_KEY_HEADER,
    IMS_IMAP4_KEY_BODY,
    IMS_IMAP4_KEY_TEXT,
} ImsImap4KeyKind;

/* Immutable once parsed, reference counted: the pool's threads read it. */
typedef struct {
    ImsImap4KeyKind kind;
    guint64 set, clear;
    guint32 number;  /* size; ENVELOPE: which item */
    gint64 day;      /* since 1970 */
    GArray *indexes; /* MESSAGES: (element-type ImsImap4Range) */
    char *name;      /* HEADER */
    char *text;      /* ENVELOPE, HEADER, BODY, TEXT: UTF-8 */
    char *folded;    /* (nullable): ENVELOPE: @text in lower case, where it is plain ASCII */
    GPtrArray *children;
} ImsImap4Key;

ImsImap4Key *ims_imap4_key_ref(ImsImap4Key *key);
void ims_imap4_key_unref(ImsImap4Key *key);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsImap4Key, ims_imap4_key_unref)

typedef enum {
    IMS_IMAP4_SEARCH_OK,
    IMS_IMAP4_SEARCH_SYNTAX,
    IMS_IMAP4_SEARCH_CHARSET, /* NO [BADCHARSET] */
} ImsImap4SearchFault;

/**
 * ims_imap4_key_parse:
 * @args: the arguments of SEARCH, CHARSET included
 * @problem_out: set for SYNTAX
 *
 * Numbers beyond the mailbox match nothing here: `SEARCH 1:*` in an empty mailbox is no error to
 * clients.
 *
 * Returns: (transfer full) (nullable): NULL with @fault_out set
 */
ImsImap4Key *ims_imap4_key_parse(const ImsImap4Selected *selected, const ImsImap4Arg *args,
                                 ImsImap4SearchFault *fault_out, const char **problem_out);

/* How many keys the tree has, at least 1; what judging one message costs. */
guint ims_imap4_key_count(const ImsImap4Key *key);

typedef enum {
    IMS_IMAP4_NO,
    IMS_IMAP4_YES,
    IMS_IMAP4_UNKNOWN, /* more of the message is needed */
} ImsImap4Verdict;

/* What is known of a message so far. */
typedef struct {
    guint index;
    gboolean recent;
    ImsUidEntry entry;
    const ImsMessageRow *row; /* (nullable); with its summary */
    GBytes *header;           /* (nullable) */
    GBytes *body;             /* (nullable) */
} ImsImap4SearchMessage;

/* Any thread. Not UNKNOWN where row, header and body are all there. */
ImsImap4Verdict ims_imap4_key_judge(const ImsImap4Key *key, const ImsImap4SearchMessage *message);

G_END_DECLS
