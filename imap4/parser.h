/* Bytes to commands: lines and literals in, an argument tree out. Knows no mailbox and no socket.
 */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

typedef enum {
    IMS_IMAP4_ARG_ATOM,
    IMS_IMAP4_ARG_QUOTED,
    IMS_IMAP4_ARG_LITERAL,
    IMS_IMAP4_ARG_LIST,
    IMS_IMAP4_ARG_SECTION, /* FETCH only: BODY[…] with its specification */
} ImsImap4ArgType;

/**
 * ImsImap4Arg:
 * @text: of everything but a list: NUL-terminated, escapes undone. A literal of APPEND may hold
 * NUL; no other text does. Of a section: the name before the bracket, "BODY" or "BODY.PEEK"
 * @literal: (nullable): a literal's bytes, by reference
 * @child: first element of a list; of a section: an atom (the specification, "" where there is
 * none), then the list of field names where one was given
 * @next: (nullable): next element at the same level
 * @has_partial: `<offset.length>` followed the section
 */
typedef struct _ImsImap4Arg ImsImap4Arg;
struct _ImsImap4Arg {
    ImsImap4ArgType type;
    const char *text;
    gsize length;
    GBytes *literal;
    ImsImap4Arg *child, *next;
    gboolean has_partial;
    guint32 partial_offset, partial_length;
};

/* Why a command cannot be run; decides between BAD and NO. */
typedef enum {
    IMS_IMAP4_FAULT_NONE,
    IMS_IMAP4_FAULT_SYNTAX,
    IMS_IMAP4_FAULT_TOO_BIG, /* an APPEND literal over the limit: NO [TOOBIG] */
} ImsImap4Fault;

/**
 * ImsImap4Request: one command as the client sent it.
 * @tag: (nullable): NULL where the line has none; then @fault is set
 * @verb: upper case; "" where there is none. Of the UID forms the second word, and @uid is set
 * @args: (nullable): first argument
 * @fault: anything but NONE: @problem says what; @args is NULL
 */
typedef struct {
    const char *tag;
    const char *verb;
    gboolean uid;
    ImsImap4Arg *args;
    ImsImap4Fault fault;
    const char *problem;

    /* private */
    GString *text;
    GPtrArray *literals;
    GPtrArray *chunks;
} ImsImap4Request;

/* Wipes what it held: it may have been a password. NULL is fine. */
void ims_imap4_request_free(ImsImap4Request *request);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(ImsImap4Request, ims_imap4_request_free)

typedef struct {
    gsize max_line;    /* octets of all lines of one command, literals not counted */
    gsize max_literal; /* octets of all literals of one command other than APPEND */
    gsize max_append;  /* the same for APPEND */
} ImsImap4Limits;

typedef enum {
    IMS_IMAP4_FEED_MORE,     /* everything consumed, the command is not whole */
    IMS_IMAP4_FEED_CONTINUE, /* the client waits for "+" before it sends its literal */
    IMS_IMAP4_FEED_REQUEST,  /* ims_imap4_parser_take() has a command */
    IMS_IMAP4_FEED_FATAL,    /* the stream cannot be followed any more: farewell and close */
} ImsImap4Feed;

/* Embedded in the session; zeroed memory is a fresh parser. It holds memory only within a command.
 */
typedef struct {
    guint state;
    GString *text;
    gsize piece_start; /* where the line after the last literal begins in @text */
    GPtrArray *literals;
    guint8 *literal;
    gsize literal_size, literal_allocated;
    guint64 remaining;
    gsize literal_total, skipped;
    ImsImap4Fault fault;
    const char *problem;
} ImsImap4Parser;

/**
 * ims_imap4_parser_feed:
 *
 * Consumes bytes up to the end of one command at most; any split of the input gives the same
 * commands. Too long a line is dropped up to its end and too large a LITERAL+ literal is drained,
 * both within bounds, and the command comes out with its fault set; beyond those bounds it is
 * FATAL.
 *
 * Returns: how many bytes were consumed
 */
gsize ims_imap4_parser_feed(ImsImap4Parser *parser, const ImsImap4Limits *limits,
                            const guint8 *bytes, gsize length, ImsImap4Feed *feed_out);
/* After FEED_REQUEST: the command. (transfer full) */
ImsImap4Request *ims_imap4_parser_take(ImsImap4Parser *parser);
/* TRUE between commands. */
gboolean ims_imap4_parser_is_idle(const ImsImap4Parser *parser);
void ims_imap4_parser_clear(ImsImap4Parser *parser);

/* TRUE for an atom, quoted string or literal. */
gboolean ims_imap4_arg_is_string(const ImsImap4Arg *arg);
/* TRUE for an atom with this text, in any case. */
gboolean ims_imap4_arg_is_atom(const ImsImap4Arg *arg, const char *word);
guint ims_imap4_arg_count(const ImsImap4Arg *first);

G_END_DECLS
