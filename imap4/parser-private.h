/* Between parser.c (bytes to lines and literals) and parser-tree.c (those to arguments). */
#pragma once

#include "imap4/parser.h"

G_BEGIN_DECLS

/* Fills tag, verb and args from text and literals, or sets the fault. */
void ims_imap4_request_build(ImsImap4Request *request);

G_END_DECLS
