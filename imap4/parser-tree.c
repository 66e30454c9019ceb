#include "imap4/parser-private.h"

#include <string.h>

#define MAX_DEPTH 50
#define CHUNK_ARGS 16

/*
 * The tree is built over the request's text in place: an argument points into it and the octet
 * after it, always a delimiter, becomes its NUL once the whole line is read.
 */
typedef struct {
    ImsImap4Request *request;
    char *at, *end;
    guint next_literal;
    guint used_in_chunk;
    gboolean sections;   /* FETCH: BODY[ opens a section */
    gboolean in_section; /* no blank too many within its brackets (I-109) */
    const char *problem;
} Reader;

static ImsImap4Arg *read_arg(Reader *reader, guint depth);

static gboolean
fail(Reader *reader, const char *problem)
{
    if (reader->problem == NULL)
        reader->problem = problem;
    return FALSE;
}

static ImsImap4Arg *
new_arg(Reader *reader, ImsImap4ArgType type)
{
    GPtrArray *chunks = reader->request->chunks;
    ImsImap4Arg *chunk;

    if (chunks == NULL)
        chunks = reader->request->chunks = g_ptr_array_new_with_free_func(g_free);
    if (chunks->len == 0 || reader->used_in_chunk == CHUNK_ARGS) {
        g_ptr_array_add(chunks, g_new0(ImsImap4Arg, CHUNK_ARGS));
        reader->used_in_chunk = 0;
    }
    chunk = g_ptr_array_index(chunks, chunks->len - 1);
    chunk += reader->used_in_chunk++;
    chunk->type = type;
    return chunk;
}

/*
 * Wider than ATOM-CHAR: wildcards and `*` belong to some arguments, and clients write DOMAIN\user
 * without quotes (K-06). A literal's place is a NUL and so ends an atom.
 */
static gboolean
is_atom_char(char c)
{
    return (guchar)c > 0x20 && (guchar)c < 0x7f && strchr("(){\"", c) == NULL;
}

static ImsImap4Arg *
read_quoted(Reader *reader)
{
    ImsImap4Arg *arg = new_arg(reader, IMS_IMAP4_ARG_QUOTED);
    char *out = ++reader->at;

    arg->text = out;
    while (reader->at < reader->end && *reader->at != '"') {
        char c = *reader->at++;

        if (c == '\\') {
            if (reader->at == reader->end || (*reader->at != '"' && *reader->at != '\\')) {
                fail(reader, "Only quote and backslash can follow a backslash");
                return NULL;
            }
            c = *reader->at++;
        }
        if (c == '\0' || c == '\r') {
            fail(reader, "Quoted string does not end");
            return NULL;
        }
        *out++ = c;
    }
    if (reader->at == reader->end) {
        fail(reader, "Quoted string does not end");
        return NULL;
    }
    reader->at++;
    *out = '\0'; /* at the closing quote or before it */
    arg->length = (gsize)(out - arg->text);
    return arg;
}

static ImsImap4Arg *
read_literal(Reader *reader)
{
    ImsImap4Arg *arg = new_arg(reader, IMS_IMAP4_ARG_LITERAL);
    GPtrArray *literals = reader->request->literals;

    if (literals == NULL || reader->next_literal >= literals->len) {
        fail(reader, "Literal is missing");
        return NULL;
    }
    arg->literal = g_ptr_array_index(literals, reader->next_literal++);
    arg->text = g_bytes_get_data(arg->literal, &arg->length);
    reader->at++;
    return arg;
}

/* Clients put more than one blank between arguments, and some after or before a parenthesis. */
static void
skip_blanks(Reader *reader)
{
    while (!reader->in_section && reader->at < reader->end && *reader->at == ' ')
        reader->at++;
}

/* After an element of a list: at its parenthesis or at the next element. */
static gboolean
read_separator(Reader *reader)
{
    /* Some separate the fields of ID by commas. */
    if (reader->at < reader->end && *reader->at == ',' && strcmp(reader->request->verb, "ID") == 0)
        reader->at++;
    if (reader->at == reader->end || *reader->at == ')')
        return TRUE;
    if (*reader->at != ' ')
        return fail(reader, "Expected SPACE not found");
    reader->at++;
    skip_blanks(reader);
    if (reader->in_section && reader->at < reader->end && *reader->at == ')')
        return fail(reader, "Unexpected character in command");
    return TRUE;
}

static ImsImap4Arg *
read_list(Reader *reader, guint depth)
{
    ImsImap4Arg *list = new_arg(reader, IMS_IMAP4_ARG_LIST);
    ImsImap4Arg **tail = &list->child;

    if (depth >= MAX_DEPTH) {
        fail(reader, "Lists are nested too deeply");
        return NULL;
    }
    reader->at++;
    skip_blanks(reader);
    while (reader->at < reader->end && *reader->at != ')') {
        *tail = read_arg(reader, depth + 1);
        if (*tail == NULL || !read_separator(reader))
            return NULL;
        tail = &(*tail)->next;
    }
    if (reader->at == reader->end) {
        fail(reader, "Closing parenthesis not found");
        return NULL;
    }
    reader->at++;
    return list;
}

static gboolean
read_number(Reader *reader, guint32 *out)
{
    guint64 value = 0;
    char *start = reader->at;

    while (reader->at < reader->end && g_ascii_isdigit(*reader->at)) {
        value = value * 10 + (guint64)(*reader->at++ - '0');
        if (value > G_MAXUINT32)
            return FALSE;
    }
    *out = (guint32)value;
    return reader->at > start;
}

/* `<offset.length>`, length not zero (RFC 3501 9: nz-number) */
static gboolean
read_partial(Reader *reader, ImsImap4Arg *section)
{
    reader->at++;
    if (!read_number(reader, &section->partial_offset) || reader->at == reader->end ||
        *reader->at++ != '.' || !read_number(reader, &section->partial_length) ||
        section->partial_length == 0 || reader->at == reader->end || *reader->at++ != '>')
        return fail(reader, "Partial must be <offset.length>");
    section->has_partial = TRUE;
    return TRUE;
}

/* At the bracket after BODY or BODY.PEEK. */
static ImsImap4Arg *
read_section(Reader *reader, char *name)
{
    ImsImap4Arg *section = new_arg(reader, IMS_IMAP4_ARG_SECTION);
    ImsImap4Arg *spec = new_arg(reader, IMS_IMAP4_ARG_ATOM);

    section->text = name;
    section->length = (gsize)(reader->at - name);
    section->child = spec;
    reader->at++;
    spec->text = reader->at;
    while (reader->at < reader->end && is_atom_char(*reader->at) && *reader->at != ']')
        reader->at++;
    spec->length = (gsize)(reader->at - spec->text);
    if (reader->at + 1 < reader->end && reader->at[0] == ' ' && reader->at[1] == '(') {
        reader->at++;
        reader->in_section = TRUE;
        spec->next = read_list(reader, 1);
        reader->in_section = FALSE;
        if (spec->next == NULL)
            return NULL;
    }
    /* A blank before the bracket, which crashed the store of 5.5 (I-109), is an error like any
     * other. */
    if (reader->at == reader->end || *reader->at != ']') {
        fail(reader, "Closing bracket not found");
        return NULL;
    }
    reader->at++;
    if (reader->at < reader->end && *reader->at == '<' && !read_partial(reader, section))
        return NULL;
    return section;
}

static gboolean
opens_section(const Reader *reader, const char *name)
{
    gsize length = (gsize)(reader->at - name);

    return reader->sections && reader->at < reader->end && *reader->at == '[' &&
           ((length == 4 && g_ascii_strncasecmp(name, "BODY", 4) == 0) ||
            (length == 9 && g_ascii_strncasecmp(name, "BODY.PEEK", 9) == 0));
}

static ImsImap4Arg *
read_atom(Reader *reader)
{
    char *start = reader->at;
    ImsImap4Arg *arg;

    while (reader->at < reader->end && is_atom_char(*reader->at)) {
        if (opens_section(reader, start))
            return read_section(reader, start);
        reader->at++;
    }
    if (reader->at == start) {
        fail(reader, "Unexpected character in command");
        return NULL;
    }
    arg = new_arg(reader, IMS_IMAP4_ARG_ATOM);
    arg->text = start;
    arg->length = (gsize)(reader->at - start);
    return arg;
}

static ImsImap4Arg *
read_arg(Reader *reader, guint depth)
{
    if (reader->at == reader->end) {
        fail(reader, "Argument is missing");
        return NULL;
    }
    switch (*reader->at) {
    case '"':
        return read_quoted(reader);
    case '\0':
        return read_literal(reader);
    case '(':
        return read_list(reader, depth);
    default:
        return read_atom(reader);
    }
}

/* Now that every delimiter was seen, it may become the end of the text before it. */
static void
terminate(ImsImap4Arg *arg)
{
    for (; arg != NULL; arg = arg->next) {
        if (arg->type == IMS_IMAP4_ARG_ATOM || arg->type == IMS_IMAP4_ARG_SECTION)
            ((char *)arg->text)[arg->length] = '\0';
        terminate(arg->child);
    }
}

/* The word at the reader up to a blank or the end, which becomes NUL. "" where there is none. */
static char *
read_word(Reader *reader)
{
    char *start = reader->at;

    while (reader->at < reader->end && is_atom_char(*reader->at))
        reader->at++;
    if (reader->at < reader->end && *reader->at != ' ') {
        fail(reader, "Unidentifiable command specified");
        reader->at = reader->end;
    }
    if (reader->at < reader->end)
        *reader->at++ = '\0';
    return start;
}

static void
upper(char *word)
{
    for (; *word != '\0'; word++)
        *word = g_ascii_toupper(*word);
}

static void
read_args(Reader *reader)
{
    ImsImap4Request *request = reader->request;
    ImsImap4Arg **tail = &request->args;

    /* Blanks at the end of a line are forgiven: clients send `NOOP `. */
    while (reader->end > reader->at && reader->end[-1] == ' ')
        *--reader->end = '\0';
    while (reader->at < reader->end) {
        if (request->args != NULL && *reader->at++ != ' ') {
            fail(reader, "Expected SPACE not found");
            break;
        }
        skip_blanks(reader);
        *tail = read_arg(reader, 0);
        if (*tail == NULL)
            break;
        tail = &(*tail)->next;
    }
}

void
ims_imap4_request_build(ImsImap4Request *request)
{
    Reader reader = {.request = request, .at = request->text->str};
    char *verb, *tag;

    reader.end = request->text->str + request->text->len;
    request->verb = "";
    tag = read_word(&reader);
    if (*tag == '\0' || reader.problem != NULL || strpbrk(tag, "+*%\\") != NULL) {
        request->fault = IMS_IMAP4_FAULT_SYNTAX;
        request->problem = "Tag not found in command";
        return;
    }
    request->tag = tag;
    verb = read_word(&reader);
    upper(verb);
    if (strcmp(verb, "UID") == 0 && reader.problem == NULL && reader.at < reader.end) {
        request->uid = TRUE;
        verb = read_word(&reader);
        upper(verb);
    }
    if (reader.problem == NULL)
        request->verb = verb;
    reader.sections = strcmp(request->verb, "FETCH") == 0;
    if (request->fault == IMS_IMAP4_FAULT_NONE && reader.problem == NULL)
        read_args(&reader);
    if (request->fault == IMS_IMAP4_FAULT_NONE && reader.problem != NULL) {
        request->fault = IMS_IMAP4_FAULT_SYNTAX;
        request->problem = reader.problem;
    }
    if (request->fault != IMS_IMAP4_FAULT_NONE)
        request->args = NULL;
    terminate(request->args);
}

void
ims_imap4_request_free(ImsImap4Request *request)
{
    if (request == NULL)
        return;
    if (request->text != NULL) {
        explicit_bzero(request->text->str, request->text->len);
        g_string_free(request->text, TRUE);
    }
    if (request->literals != NULL)
        g_ptr_array_unref(request->literals);
    if (request->chunks != NULL)
        g_ptr_array_unref(request->chunks);
    g_free(request);
}

gboolean
ims_imap4_arg_is_string(const ImsImap4Arg *arg)
{
    return arg != NULL && arg->type <= IMS_IMAP4_ARG_LITERAL;
}

gboolean
ims_imap4_arg_is_atom(const ImsImap4Arg *arg, const char *word)
{
    return arg != NULL && arg->type == IMS_IMAP4_ARG_ATOM &&
           g_ascii_strcasecmp(arg->text, word) == 0;
}

guint
ims_imap4_arg_count(const ImsImap4Arg *first)
{
    guint count = 0;

    for (; first != NULL; first = first->next)
        count++;
    return count;
}
