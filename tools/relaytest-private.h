/* Inside of the open-relay test. */
#pragma once

#include "tools/relaytest.h"

G_BEGIN_DECLS

/* What the server answers next. */
typedef enum {
    IMS_RELAYTEST_STATE_DISCONNECTED,
    IMS_RELAYTEST_STATE_GREETING,
    IMS_RELAYTEST_STATE_EHLO,
    IMS_RELAYTEST_STATE_HELO,
    IMS_RELAYTEST_STATE_MAIL,
    IMS_RELAYTEST_STATE_RCPT,
    IMS_RELAYTEST_STATE_DATA,
    IMS_RELAYTEST_STATE_BODY,
    IMS_RELAYTEST_STATE_RSET,
    IMS_RELAYTEST_STATE_QUIT,
    IMS_RELAYTEST_STATE_CLOSING, /* nothing is read any more */
} ImsRelaytestState;

struct _ImsRelaytest {
    char *own, *target, *target_local, *target_domain;
    char *sender, *host_name, *other, *helo, *run, *date;
    gboolean probe;

    GPtrArray *tests; /* (element-type ImsRelaytestTest) */
    guint next;       /* the test that is tried; their number when all were */
    char *literal;    /* of the connection */
    ImsRelaytestState state;
    gboolean has_talked; /* this connection came as far as MAIL FROM */
    guint n_dumb;        /* connections in a row that did not */
    gboolean is_done;
    char *failure;

    GString *output;
    GString *line;  /* of the server, not whole yet */
    GString *reply; /* the lines of one reply so far */
};

G_END_DECLS
