/* BODY[…]: which octets of a message a section specification names (RFC 3501 6.4.5). */
#pragma once

#include "imap4/parser.h"
#include "store/mime.h"

G_BEGIN_DECLS

typedef enum {
    IMS_IMAP4_PART_ALL,
    IMS_IMAP4_PART_HEADER,
    IMS_IMAP4_PART_FIELDS,
    IMS_IMAP4_PART_FIELDS_NOT,
    IMS_IMAP4_PART_TEXT,
    IMS_IMAP4_PART_MIME,
} ImsImap4PartKind;

/**
 * ImsImap4Section:
 * @numbers: "1.2", or "" for the message itself
 * @fields: (nullable): names for the FIELDS kinds
 * @label: how the reply names it, the client's field list and the partial's origin included (I-095)
 */
typedef struct {
    ImsImap4PartKind kind;
    char *numbers;
    char **fields;
    char *label;
    gboolean has_partial;
    guint32 offset, length;
} ImsImap4Section;

/* @arg: a section argument. FALSE: @problem_out says what is wrong. Release with
 * ims_imap4_section_clear(). */
gboolean ims_imap4_section_parse(const ImsImap4Arg *arg, ImsImap4Section *out,
                                 const char **problem_out);
/* RFC822 and its kind: a section with another name. */
void ims_imap4_section_init(ImsImap4Section *section, ImsImap4PartKind kind, const char *label);
void ims_imap4_section_clear(ImsImap4Section *section);

gboolean ims_imap4_section_needs_header(const ImsImap4Section *section);
gboolean ims_imap4_section_needs_body(const ImsImap4Section *section);
gboolean ims_imap4_section_needs_summary(const ImsImap4Section *section);

/* Octets [offset, offset + length) of @bytes. */
typedef struct {
    GBytes *bytes; /* owned */
    gsize offset, length;
} ImsImap4Octets;

/**
 * ims_imap4_section_find:
 * @summary, @header, @body: (nullable): what the section needs must be there
 * @request_order: HEADER.FIELDS in the order of the request (I-096)
 *
 * Returns: FALSE where the message has no such part: NIL. The partial is applied.
 */
gboolean ims_imap4_section_find(const ImsImap4Section *section, const ImsMimeSummary *summary,
                                GBytes *header, GBytes *body, gboolean request_order,
                                ImsImap4Octets *out);

G_END_DECLS
