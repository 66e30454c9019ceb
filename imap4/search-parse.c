#include "imap4/search.h"

#include "imap4/datetime.h"
#include "imap4/envelope.h"

#include <string.h>

#define MAX_DEPTH 100
#define MAX_KEYS 1000
#define MAX_TEXT_KEYS 20 /* those that read bodies */

typedef struct {
    const ImsImap4Selected *selected;
    const ImsImap4Arg *next;
    guint n_keys, n_text_keys;
    ImsImap4SearchFault fault;
    const char *problem;
} Reader;

typedef enum {
    TAKES_NOTHING,
    TAKES_TEXT,
    TAKES_DATE,
    TAKES_NUMBER,
} Takes;

/* Plain keys: word, kind, what follows, flags that must be set and clear, header field and item of
 * the envelope. */
static const struct {
    const char *word;
    ImsImap4KeyKind kind;
    Takes takes;
    guint64 set, clear;
    const char *name;
    ImsImap4EnvelopeItem item;
} words[] = {
    {"ALL",        IMS_IMAP4_KEY_ALL,        TAKES_NOTHING, 0,                 0,                 NULL,      0                         },
    {"ANSWERED",   IMS_IMAP4_KEY_FLAGS,      TAKES_NOTHING, IMS_FLAG_ANSWERED, 0,                 NULL,      0                         },
    {"DELETED",    IMS_IMAP4_KEY_FLAGS,      TAKES_NOTHING, IMS_FLAG_DELETED,  0,                 NULL,      0                         },
    {"DRAFT",      IMS_IMAP4_KEY_FLAGS,      TAKES_NOTHING, IMS_FLAG_DRAFT,    0,                 NULL,      0                         },
    {"FLAGGED",    IMS_IMAP4_KEY_FLAGS,      TAKES_NOTHING, IMS_FLAG_FLAGGED,  0,                 NULL,      0                         },
    {"SEEN",       IMS_IMAP4_KEY_FLAGS,      TAKES_NOTHING, IMS_FLAG_SEEN,     0,                 NULL,      0                         },
    {"UNANSWERED", IMS_IMAP4_KEY_FLAGS,      TAKES_NOTHING, 0,                 IMS_FLAG_ANSWERED, NULL,      0                         },
    {"UNDELETED",  IMS_IMAP4_KEY_FLAGS,      TAKES_NOTHING, 0,                 IMS_FLAG_DELETED,  NULL,      0                         },
    {"UNDRAFT",    IMS_IMAP4_KEY_FLAGS,      TAKES_NOTHING, 0,                 IMS_FLAG_DRAFT,    NULL,      0                         },
    {"UNFLAGGED",  IMS_IMAP4_KEY_FLAGS,      TAKES_NOTHING, 0,                 IMS_FLAG_FLAGGED,  NULL,      0                         },
    {"UNSEEN",     IMS_IMAP4_KEY_FLAGS,      TAKES_NOTHING, 0,                 IMS_FLAG_SEEN,     NULL,      0                         },
    {"RECENT",     IMS_IMAP4_KEY_RECENT,     TAKES_NOTHING, 0,                 0,                 NULL,      0                         },
    {"LARGER",     IMS_IMAP4_KEY_LARGER,     TAKES_NUMBER,  0,                 0,                 NULL,      0                         },
    {"SMALLER",    IMS_IMAP4_KEY_SMALLER,    TAKES_NUMBER,  0,                 0,                 NULL,      0                         },
    {"BEFORE",     IMS_IMAP4_KEY_BEFORE,     TAKES_DATE,    0,                 0,                 NULL,      0                         },
    {"ON",         IMS_IMAP4_KEY_ON,         TAKES_DATE,    0,                 0,                 NULL,      0                         },
    {"SINCE",      IMS_IMAP4_KEY_SINCE,      TAKES_DATE,    0,                 0,                 NULL,      0                         },
    {"SENTBEFORE", IMS_IMAP4_KEY_SENTBEFORE, TAKES_DATE,    0,                 0,                 NULL,      0                         },
    {"SENTON",     IMS_IMAP4_KEY_SENTON,     TAKES_DATE,    0,                 0,                 NULL,      0                         },
    {"SENTSINCE",  IMS_IMAP4_KEY_SENTSINCE,  TAKES_DATE,    0,                 0,                 NULL,      0                         },
    {"BCC",        IMS_IMAP4_KEY_ENVELOPE,   TAKES_TEXT,    0,                 0,                 "Bcc",     IMS_IMAP4_ENVELOPE_BCC    },
    {"CC",         IMS_IMAP4_KEY_ENVELOPE,   TAKES_TEXT,    0,                 0,                 "Cc",      IMS_IMAP4_ENVELOPE_CC     },
    {"FROM",       IMS_IMAP4_KEY_ENVELOPE,   TAKES_TEXT,    0,                 0,                 "From",    IMS_IMAP4_ENVELOPE_FROM   },
    {"SUBJECT",    IMS_IMAP4_KEY_ENVELOPE,   TAKES_TEXT,    0,                 0,                 "Subject", IMS_IMAP4_ENVELOPE_SUBJECT},
    {"TO",         IMS_IMAP4_KEY_ENVELOPE,   TAKES_TEXT,    0,                 0,                 "To",      IMS_IMAP4_ENVELOPE_TO     },
    {"BODY",       IMS_IMAP4_KEY_BODY,       TAKES_TEXT,    0,                 0,                 NULL,      0                         },
    {"TEXT",       IMS_IMAP4_KEY_TEXT,       TAKES_TEXT,    0,                 0,                 NULL,      0                         },
};

static ImsImap4Key *read_key(Reader *reader, guint depth);

static void
key_clear(gpointer data)
{
    ImsImap4Key *key = data;

    g_clear_pointer(&key->indexes, g_array_unref);
    g_clear_pointer(&key->children, g_ptr_array_unref);
    g_free(key->name);
    g_free(key->text);
    g_free(key->folded);
}

ImsImap4Key *
ims_imap4_key_ref(ImsImap4Key *key)
{
    return g_atomic_rc_box_acquire(key);
}

void
ims_imap4_key_unref(ImsImap4Key *key)
{
    if (key != NULL)
        g_atomic_rc_box_release_full(key, key_clear);
}

static ImsImap4Key *
key_new(ImsImap4KeyKind kind)
{
    ImsImap4Key *key = g_atomic_rc_box_new0(ImsImap4Key);

    key->kind = kind;
    return key;
}

static ImsImap4Key *
key_new_with_children(ImsImap4KeyKind kind)
{
    ImsImap4Key *key = key_new(kind);

    key->children = g_ptr_array_new_with_free_func((GDestroyNotify)ims_imap4_key_unref);
    return key;
}

static gpointer
fail(Reader *reader, ImsImap4SearchFault fault, const char *problem)
{
    if (reader->fault == IMS_IMAP4_SEARCH_OK) {
        reader->fault = fault;
        reader->problem = problem;
    }
    return NULL;
}

static const ImsImap4Arg *
take(Reader *reader)
{
    const ImsImap4Arg *arg = reader->next;

    if (arg == NULL)
        return fail(reader, IMS_IMAP4_SEARCH_SYNTAX, "Search key or its argument is missing");
    reader->next = arg->next;
    return arg;
}

/* (transfer full) (nullable) */
static char *
take_text(Reader *reader)
{
    const ImsImap4Arg *arg = take(reader);

    if (arg == NULL)
        return NULL;
    if (!ims_imap4_arg_is_string(arg))
        return fail(reader, IMS_IMAP4_SEARCH_SYNTAX, "String expected");
    if (!g_utf8_validate(arg->text, (gssize)arg->length, NULL))
        return fail(reader, IMS_IMAP4_SEARCH_CHARSET, NULL);
    return g_strndup(arg->text, arg->length);
}

static gboolean
take_number(Reader *reader, guint32 *out)
{
    const ImsImap4Arg *arg = take(reader);
    guint64 value;

    if (arg == NULL)
        return FALSE;
    if (arg->type != IMS_IMAP4_ARG_ATOM ||
        !g_ascii_string_to_unsigned(arg->text, 10, 0, G_MAXUINT32, &value, NULL)) {
        fail(reader, IMS_IMAP4_SEARCH_SYNTAX, "Number expected");
        return FALSE;
    }
    *out = (guint32)value;
    return TRUE;
}

static gboolean
take_date(Reader *reader, gint64 *out)
{
    const ImsImap4Arg *arg = take(reader);

    if (arg == NULL)
        return FALSE;
    if (!ims_imap4_arg_is_string(arg) || !ims_imap4_date_parse(arg->text, out)) {
        fail(reader, IMS_IMAP4_SEARCH_SYNTAX, "Date expected");
        return FALSE;
    }
    return TRUE;
}

static void
finish_text(ImsImap4Key *key)
{
    if (key->kind != IMS_IMAP4_KEY_ENVELOPE) {
        if (*key->text == '\0')
            key->kind = IMS_IMAP4_KEY_ALL; /* the empty string is in every text */
    } else if (*key->text == '\0' || strpbrk(key->text, "\"(\\<>,") != NULL) {
        key->kind =
            IMS_IMAP4_KEY_HEADER; /* not kept by the envelope: presence, punctuation, comments */
    } else if (g_str_is_ascii(key->text)) {
        key->folded = g_ascii_strdown(key->text, -1);
    }
}

static ImsImap4Key *
read_word(Reader *reader, guint row)
{
    g_autoptr(ImsImap4Key) key = key_new(words[row].kind);

    key->set = words[row].set;
    key->clear = words[row].clear;
    key->name = g_strdup(words[row].name);
    key->number = words[row].item;
    switch (words[row].takes) {
    case TAKES_NOTHING:
        break;
    case TAKES_NUMBER:
        if (!take_number(reader, &key->number))
            return NULL;
        break;
    case TAKES_DATE:
        if (!take_date(reader, &key->day))
            return NULL;
        break;
    case TAKES_TEXT:
        key->text = take_text(reader);
        if (key->text == NULL)
            return NULL;
        finish_text(key);
        reader->n_text_keys += key->kind == IMS_IMAP4_KEY_BODY || key->kind == IMS_IMAP4_KEY_TEXT;
        break;
    }
    return g_steal_pointer(&key);
}

static ImsImap4Key *
read_header(Reader *reader)
{
    g_autoptr(ImsImap4Key) key = key_new(IMS_IMAP4_KEY_HEADER);

    key->name = take_text(reader);
    if (key->name == NULL)
        return NULL;
    key->text = take_text(reader);
    return key->text != NULL ? g_steal_pointer(&key) : NULL;
}

static ImsImap4Key *
read_keyword(Reader *reader, gboolean wanted)
{
    const ImsImap4Arg *arg = take(reader);
    const char *const *keywords = reader->selected->latest->keywords;
    ImsImap4Key *key;

    if (arg == NULL)
        return NULL;
    if (arg->type != IMS_IMAP4_ARG_ATOM)
        return fail(reader, IMS_IMAP4_SEARCH_SYNTAX, "Keyword expected");
    for (guint k = 0; keywords != NULL && keywords[k] != NULL && k < IMS_MAX_KEYWORDS; k++) {
        if (g_ascii_strcasecmp(keywords[k], arg->text) != 0)
            continue;
        key = key_new(IMS_IMAP4_KEY_FLAGS);
        *(wanted ? &key->set : &key->clear) = IMS_FLAG_KEYWORD(k);
        return key;
    }
    return key_new(wanted ? IMS_IMAP4_KEY_NEVER : IMS_IMAP4_KEY_ALL);
}

/* NEW is RECENT UNSEEN; OLD is NOT RECENT. */
static ImsImap4Key *
new_key(void)
{
    ImsImap4Key *key = key_new_with_children(IMS_IMAP4_KEY_AND), *unseen;

    unseen = key_new(IMS_IMAP4_KEY_FLAGS);
    unseen->clear = IMS_FLAG_SEEN;
    g_ptr_array_add(key->children, key_new(IMS_IMAP4_KEY_RECENT));
    g_ptr_array_add(key->children, unseen);
    return key;
}

static ImsImap4Key *
old_key(void)
{
    ImsImap4Key *key = key_new_with_children(IMS_IMAP4_KEY_NOT);

    g_ptr_array_add(key->children, key_new(IMS_IMAP4_KEY_RECENT));
    return key;
}

static void
clip(GArray *indexes, guint count)
{
    guint kept = 0;

    for (guint i = 0; i < indexes->len; i++) {
        ImsImap4Range range = g_array_index(indexes, ImsImap4Range, i);

        if (range.first == 0 || range.first > count)
            continue;
        range.first--;
        range.last = MIN(range.last, count) - 1;
        g_array_index(indexes, ImsImap4Range, kept++) = range;
    }
    g_array_set_size(indexes, kept);
}

static ImsImap4Key *
read_set(Reader *reader, const ImsImap4Arg *arg, gboolean uid)
{
    guint count = ims_imap4_selected_count(reader->selected);
    const char *problem;
    g_autoptr(ImsImap4Key) key = key_new(IMS_IMAP4_KEY_MESSAGES);

    if (arg == NULL)
        return NULL;
    if (arg->type == IMS_IMAP4_ARG_ATOM && uid)
        key->indexes = ims_imap4_selected_resolve(reader->selected, arg->text, TRUE, &problem);
    else if (arg->type == IMS_IMAP4_ARG_ATOM)
        key->indexes = ims_imap4_seqset_parse(arg->text);
    if (key->indexes == NULL)
        return fail(reader, IMS_IMAP4_SEARCH_SYNTAX, "The specified message set is invalid");
    if (!uid) {
        ims_imap4_seqset_resolve(key->indexes, count);
        clip(key->indexes, count);
    }
    return g_steal_pointer(&key);
}

static ImsImap4Key *
read_operator(Reader *reader, ImsImap4KeyKind kind, guint n_operands, guint depth)
{
    g_autoptr(ImsImap4Key) key = key_new_with_children(kind);

    for (guint i = 0; i < n_operands; i++) {
        ImsImap4Key *operand = read_key(reader, depth + 1);

        if (operand == NULL)
            return NULL;
        g_ptr_array_add(key->children, operand);
    }
    return g_steal_pointer(&key);
}

/* All keys up to the end of the list, joined. */
static ImsImap4Key *
read_all(Reader *reader, guint depth)
{
    g_autoptr(ImsImap4Key) key = key_new_with_children(IMS_IMAP4_KEY_AND);

    if (reader->next == NULL)
        return fail(reader, IMS_IMAP4_SEARCH_SYNTAX, "Search key expected");
    while (reader->next != NULL) {
        ImsImap4Key *child = read_key(reader, depth + 1);

        if (child == NULL)
            return NULL;
        g_ptr_array_add(key->children, child);
    }
    return g_steal_pointer(&key);
}

static ImsImap4Key *
read_group(Reader *reader, const ImsImap4Arg *list, guint depth)
{
    const ImsImap4Arg *after = reader->next;
    ImsImap4Key *key;

    reader->next = list->child;
    key = read_all(reader, depth);
    reader->next = after;
    return key;
}

static ImsImap4Key *
read_key(Reader *reader, guint depth)
{
    const ImsImap4Arg *arg = take(reader);

    if (arg == NULL)
        return NULL;
    if (++reader->n_keys > MAX_KEYS || reader->n_text_keys > MAX_TEXT_KEYS)
        return fail(reader, IMS_IMAP4_SEARCH_SYNTAX, "Too many search keys");
    if (depth > MAX_DEPTH)
        return fail(reader, IMS_IMAP4_SEARCH_SYNTAX, "Search keys are nested too deeply");
    if (arg->type == IMS_IMAP4_ARG_LIST)
        return read_group(reader, arg, depth);
    if (arg->type != IMS_IMAP4_ARG_ATOM)
        return fail(reader, IMS_IMAP4_SEARCH_SYNTAX, "Search key expected");
    for (guint i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_ascii_strcasecmp(arg->text, words[i].word) == 0)
            return read_word(reader, i);
    }
    if (ims_imap4_arg_is_atom(arg, "NOT"))
        return read_operator(reader, IMS_IMAP4_KEY_NOT, 1, depth);
    if (ims_imap4_arg_is_atom(arg, "OR"))
        return read_operator(reader, IMS_IMAP4_KEY_OR, 2, depth);
    if (ims_imap4_arg_is_atom(arg, "NEW"))
        return new_key();
    if (ims_imap4_arg_is_atom(arg, "OLD"))
        return old_key();
    if (ims_imap4_arg_is_atom(arg, "HEADER"))
        return read_header(reader);
    if (ims_imap4_arg_is_atom(arg, "UID"))
        return read_set(reader, take(reader), TRUE);
    if (ims_imap4_arg_is_atom(arg, "KEYWORD") || ims_imap4_arg_is_atom(arg, "UNKEYWORD"))
        return read_keyword(reader, g_ascii_toupper(arg->text[0]) == 'K');
    if (g_ascii_isdigit(arg->text[0]) || arg->text[0] == '*')
        return read_set(reader, arg, FALSE);
    return fail(reader, IMS_IMAP4_SEARCH_SYNTAX, "The search key is not known");
}

guint
ims_imap4_key_count(const ImsImap4Key *key)
{
    guint count = 1;

    for (guint i = 0; key->children != NULL && i < key->children->len; i++)
        count += ims_imap4_key_count(g_ptr_array_index(key->children, i));
    return count;
}

static gboolean
is_known_charset(const ImsImap4Arg *arg)
{
    return ims_imap4_arg_is_string(arg) && (g_ascii_strcasecmp(arg->text, "UTF-8") == 0 ||
                                            g_ascii_strcasecmp(arg->text, "US-ASCII") == 0);
}

ImsImap4Key *
ims_imap4_key_parse(const ImsImap4Selected *selected, const ImsImap4Arg *args,
                    ImsImap4SearchFault *fault_out, const char **problem_out)
{
    Reader reader = {.selected = selected, .next = args};
    ImsImap4Key *key = NULL;

    if (ims_imap4_arg_is_atom(args, "CHARSET")) {
        if (args->next == NULL || is_known_charset(args->next))
            reader.next = args->next != NULL ? args->next->next : NULL;
        else
            fail(&reader, IMS_IMAP4_SEARCH_CHARSET, NULL);
    }
    if (reader.fault == IMS_IMAP4_SEARCH_OK)
        key = read_all(&reader, 0);
    *fault_out = reader.fault;
    if (reader.problem != NULL)
        *problem_out = reader.problem;
    return key;
}
