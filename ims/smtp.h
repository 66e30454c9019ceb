/* SMTP in. */
#pragma once

#include "ims/service.h"

G_BEGIN_DECLS

/* For ImsListenerOptions.new_session and ims_sim_conn_open(); @data is the ImsService. */
ImsSession *ims_smtp_session_new(ImsConn *conn, gpointer service);

G_END_DECLS
