#include "imap4/imap4-private.h"

#include <string.h>

#define NOT_AUTH IMS_IMAP4_NOT_AUTHENTICATED
#define SELECTED IMS_IMAP4_SELECTED
#define AUTH (IMS_IMAP4_AUTHENTICATED | IMS_IMAP4_SELECTED)
#define ANY (NOT_AUTH | AUTH)
#define UID IMS_IMAP4_VERB_UID
#define EXTENDED IMS_IMAP4_VERB_EXTENDED
#define NO_EXPUNGE IMS_IMAP4_VERB_NO_EXPUNGE
#define WRITES IMS_IMAP4_VERB_WRITES
#define MANY IMS_IMAP4_ANY_ARGS

/* Verb; states; flags; least and most arguments; handler. A UID form has a row of its own. */
static const ImsImap4Verb verbs[] = {
    {"CAPABILITY",   ANY,      0,                       0, 0,    ims_imap4_cmd_capability  },
    {"NOOP",         ANY,      0,                       0, 0,    ims_imap4_cmd_noop        },
    {"LOGOUT",       ANY,      0,                       0, 0,    ims_imap4_cmd_logout      },
    {"ID",           ANY,      EXTENDED,                1, 1,    ims_imap4_cmd_id          },
    {"STARTTLS",     NOT_AUTH, EXTENDED,                0, 0,    ims_imap4_cmd_starttls    },
    {"LOGIN",        NOT_AUTH, 0,                       2, 2,    ims_imap4_cmd_login       },
    {"AUTHENTICATE", NOT_AUTH, 0,                       1, 2,    ims_imap4_cmd_authenticate},
    {"SELECT",       AUTH,     0,                       1, 1,    ims_imap4_cmd_select      },
    {"EXAMINE",      AUTH,     0,                       1, 1,    ims_imap4_cmd_examine     },
    {"CREATE",       AUTH,     0,                       1, 1,    ims_imap4_cmd_create      },
    {"DELETE",       AUTH,     NO_EXPUNGE,              1, 1,    ims_imap4_cmd_delete      },
    {"RENAME",       AUTH,     NO_EXPUNGE,              2, 2,    ims_imap4_cmd_rename      },
    {"SUBSCRIBE",    AUTH,     0,                       1, 1,    ims_imap4_cmd_subscribe   },
    {"UNSUBSCRIBE",  AUTH,     0,                       1, 1,    ims_imap4_cmd_unsubscribe },
    {"LIST",         AUTH,     0,                       2, 4,    ims_imap4_cmd_list        },
    {"LSUB",         AUTH,     0,                       2, 2,    ims_imap4_cmd_lsub        },
    {"RLIST",        AUTH,     0,                       2, 2,    ims_imap4_cmd_list        }, /* RFC 2193 */
    {"RLSUB",        AUTH,     0,                       2, 2,    ims_imap4_cmd_lsub        },
    {"NAMESPACE",    AUTH,     0,                       0, 0,    ims_imap4_cmd_namespace   },
    {"STATUS",       AUTH,     0,                       2, 2,    ims_imap4_cmd_status      },
    {"APPEND",       AUTH,     0,                       2, 4,    ims_imap4_cmd_append      },
    {"IDLE",         AUTH,     0,                       0, 0,    ims_imap4_cmd_idle        },
    {"CHECK",        SELECTED, 0,                       0, 0,    ims_imap4_cmd_noop        },
    {"CLOSE",        SELECTED, 0,                       0, 0,    ims_imap4_cmd_close       },
    {"UNSELECT",     SELECTED, EXTENDED,                0, 0,    ims_imap4_cmd_unselect    },
    {"EXPUNGE",      SELECTED, WRITES,                  0, 0,    ims_imap4_cmd_expunge     },
    {"EXPUNGE",      SELECTED, WRITES | UID | EXTENDED, 1, 1,    ims_imap4_cmd_uid_expunge },
    {"SEARCH",       SELECTED, NO_EXPUNGE,              1, MANY, ims_imap4_cmd_search      },
    {"SEARCH",       SELECTED, UID,                     1, MANY, ims_imap4_cmd_search      },
    {"FETCH",        SELECTED, NO_EXPUNGE,              2, 2,    ims_imap4_cmd_fetch       },
    {"FETCH",        SELECTED, UID,                     2, 2,    ims_imap4_cmd_fetch       },
    {"STORE",        SELECTED, WRITES | NO_EXPUNGE,     3, MANY, ims_imap4_cmd_store       },
    {"STORE",        SELECTED, WRITES | UID,            3, MANY, ims_imap4_cmd_store       },
    {"COPY",         SELECTED, 0,                       2, 2,    ims_imap4_cmd_copy        },
    {"COPY",         SELECTED, UID,                     2, 2,    ims_imap4_cmd_copy        },
    {"MOVE",         SELECTED, WRITES | EXTENDED,       2, 2,    ims_imap4_cmd_move        },
    {"MOVE",         SELECTED, WRITES | UID | EXTENDED, 2, 2,    ims_imap4_cmd_move        },
};

const ImsImap4Verb *
ims_imap4_verb_find(const char *verb, gboolean uid, gboolean extended)
{
    for (guint i = 0; i < G_N_ELEMENTS(verbs); i++) {
        const ImsImap4Verb *row = &verbs[i];

        if (strcmp(row->verb, verb) == 0 && ((row->flags & UID) != 0) == uid &&
            (extended || !(row->flags & EXTENDED)))
            return row;
    }
    return NULL;
}
