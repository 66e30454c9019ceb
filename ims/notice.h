/* Notices of the service to the administrator's mailbox. */
#pragma once

#include "ims/service.h"

G_BEGIN_DECLS

/**
 * ims_notice_send:
 * @text: lines with CRLF; any bytes, told as UTF-8
 *
 * Delivers a message from postmaster to [Internet Mail] AdministratorsMailbox; nothing where there is none, or where it is
 * no mailbox. Does not wait; a failure is logged. (S-271)
 */
void ims_notice_send(ImsService *service, const char *subject, const char *text);

G_END_DECLS
