/* "Clients can only submit if …", D-017 to D-019. */
#include "ims/submission.h"
#include "net/sim-world.h"

#include <string.h>

typedef struct {
    const char *name, *field, *message;
    const char *wanted; /* addresses, joined by | */
} Header;

static const Header headers[] = {
    {"none",           "From",   "To: a@b\r\n\r\nFrom: c@d\r\n",               ""          },
    {"plain",          "From",   "From: a@b\r\n\r\n",                          "a@b"       },
    {"angle",          "From",   "FROM: \"b@c, d\" <a@b> (e@f)\r\n\r\n",       "a@b"       },
    {"folded",         "From",   "From: A\r\n <a@b>,\r\n\tc@d\r\n\r\n",        "a@b|c@d"   },
    {"every-field",    "From",   "From: a@b\r\nTo: x@y\r\nfrom : c@d\r\n\r\n", "a@b|c@d"   },
    {"group",          "From",   "From: us: a@b, C <c@d>;\r\n\r\n",            "a@b|c@d"   },
    {"empty-group",    "From",   "From: nobody:;\r\n\r\n",                     "<none>"    },
    {"empty",          "Sender", "Sender:\r\n\r\n",                            "<none>"    },
    {"empty-angle",    "From",   "From: <>\r\n\r\n",                           "<none>"    },
    {"route",          "From",   "From: <@h1,@h2:a@b>\r\n\r\n",                "a@b"       },
    {"two-angles",     "From",   "From: <a@b> <c@d>\r\n\r\n",                  "a@b|c@d"   },
    {"quoted-local",   "From",   "From: \"a, b\"@c\r\n\r\n",                   "\"a, b\"@c"},
    {"nested-comment", "From",   "From: (x (y) \\) <z@z>) a@b\r\n\r\n",        "a@b"       },
    {"open-comment",   "From",   "From: a@b (c\r\n\r\n",                       "a@b"       },
    {"open-quote",     "From",   "From: \"a@b, c@d\r\n\r\n",                   "\"a@b, c@d"},
    {"open-angle",     "From",   "From: <a@b, c@d\r\n\r\n",                    "a@b,c@d"   },
    {"no-end",         "From",   "From: a@b",                                  "a@b"       },
    {"backslash-last", "From",   "From: \"a\\",                                "\"a\\"     },
};

static void
test_header(gconstpointer data)
{
    const Header *row = data;
    gsize length = strlen(row->message);
    g_autofree guint8 *copy = g_memdup2(row->message, length); /* no NUL behind it */
    g_autoptr(GPtrArray) found = ims_header_addresses(copy, length, row->field);
    g_autoptr(GString) joined = g_string_new(NULL);

    for (guint i = 0; i < found->len; i++)
        g_string_append_printf(joined, "%s%s", i > 0 ? "|" : "",
                               *(char *)found->pdata[i] != '\0' ? (char *)found->pdata[i]
                                                                : "<none>");
    g_assert_cmpstr(joined->str, ==, row->wanted);
}

/* ---- the decision ---- */

static ImsDirectory *
make_directory(ImsWorld *world)
{
    ImsDirectoryOptions options = {.default_domain = "EXAMPLE", .hash_cost = 1};
    ImsDirectory *directory = ims_directory_open(world, &options, NULL);
    static const struct {
        const char *alias, *account;
        const char *addresses[3];
    } people[] = {
        {"alice", "EXAMPLE\\alice", {"alice@example.com", "a.smith@example.com"}},
        {"info",  "EXAMPLE\\alice", {"info@example.com"}                        },
        {"bob",   "EXAMPLE\\bob",   {"bob@example.com"}                         },
    };

    g_assert_true(ims_directory_add_account(directory, "EXAMPLE\\alice", "a", NULL));
    g_assert_true(ims_directory_add_account(directory, "EXAMPLE\\bob", "b", NULL));
    for (guint i = 0; i < G_N_ELEMENTS(people); i++) {
        ImsRecipient recipient = {.kind = IMS_RECIPIENT_MAILBOX,
                                  .alias = (char *)people[i].alias,
                                  .display_name = (char *)people[i].alias,
                                  .addresses = (char **)people[i].addresses,
                                  .account = (char *)people[i].account};
        g_autoptr(GError) error = NULL;

        ims_directory_add_recipient(directory, &recipient, NULL, &error);
        g_assert_no_error(error);
    }
    return directory;
}

typedef struct {
    const char *name;
    const char *account, *sender, *header;
    ImsSubmission homed, matching; /* with the one box ticked, and with the other */
} Case;

#define OK IMS_SUBMISSION_OK
#define AWAY IMS_SUBMISSION_NOT_HOMED
#define OTHER IMS_SUBMISSION_MISMATCH
#define ALICE "EXAMPLE\\alice"
#define JOHN "EXAMPLE\\john"

static const Case cases[] = {
    {"R-082-nobody-logged-on",       NULL,             "x@far.example",       "From: alice@example.com",       OK,   OK   },
    {"R-081-own-mailbox",            ALICE,            "alice@example.com",   "From: alice@example.com",       OK,   OK   },
    {"D-018-second-address",         ALICE,            "A.Smith@EXAMPLE.com", "From: a.smith@example.com",     OK,   OK   },
    {"D-018-second-mailbox",         "example\\ALICE", "info@example.com",    "From: Info <info@example.com>",
     OK,                                                                                                             OK   },
    {"D-017-elsewhere",              JOHN,             "john@branch.example", "Subject: x",                    AWAY, OTHER},
    {"D-017-under-anothers-name",    JOHN,             "alice@example.com",   "From: alice@example.com",       AWAY,
     OTHER                                                                                                                },
    {"D-017-no-mailbox-null-sender", JOHN,             "",                    "Subject: x",                    AWAY, OK   },
    {"R-081-null-sender",            ALICE,            "",                    "From: alice@example.com",       OK,   OK   },
    {"R-081-foreign-sender",         ALICE,            "alice@far.example",   "From: alice@example.com",       AWAY, OTHER},
    {"R-083-another-from",           ALICE,            "alice@example.com",   "From: bob@example.com",         OK,   OTHER},
    {"S-055-foreign-sender-field",   ALICE,            "alice@example.com",
     "From: alice@example.com\r\nSender: bob@example.com",                                                     OK,   OTHER},
    {"D-019-own-sender-field",       ALICE,            "alice@example.com",
     "From: alice@example.com\r\nSender: info@example.com",                                                    OK,   OK   },
    {"R-083-second-from-field",      ALICE,            "alice@example.com",
     "From: alice@example.com\r\nX: y\r\nFrom: bob@example.com",                                               OK,   OTHER},
    {"R-083-second-in-one-field",    ALICE,            "alice@example.com",
     "From: alice@example.com, bob@example.com",                                                               OK,   OTHER},
    {"R-083-no-from",                ALICE,            "alice@example.com",   "Subject: x",                    OK,   OK   },
    {"R-083-empty-from",             ALICE,            "alice@example.com",   "From: ",                        OK,   OTHER},
    {"R-083-bare-local-part",        ALICE,            "alice@example.com",   "From: alice",                   OK,   OK   },
    {"R-083-resent-is-not-asked",    ALICE,            "alice@example.com",
     "From: alice@example.com\r\nResent-From: bob@example.com",                                                OK,   OK   },
};

static void
test_decide(gconstpointer data)
{
    const Case *row = data;
    ImsWorld *world = ims_sim_world_new(0, 1);
    ImsDirectory *directory = make_directory(world);
    ImsRecipientTable *table = ims_directory_table(directory);
    g_autofree char *message = g_strconcat(row->header, "\r\n\r\nFrom: bob@example.com\r\n", NULL);
    ImsSubmissionQuery query = {.table = table,
                                .account = row->account,
                                .sender = row->sender,
                                .site_domain = "example.com"};

    g_assert_cmpint(ims_submission_decide(&query, (guint8 *)message, strlen(message)), ==, OK);
    query.only_if_homed = TRUE;
    g_assert_cmpint(ims_submission_decide(&query, (guint8 *)message, strlen(message)), ==,
                    row->homed);
    query.only_if_homed = FALSE;
    query.only_if_sender_matches = TRUE;
    g_assert_cmpint(ims_submission_decide(&query, (guint8 *)message, strlen(message)), ==,
                    row->matching);
    ims_recipient_table_unref(table);
    ims_directory_close(directory);
    ims_sim_world_free(world);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(headers); i++) {
        g_autofree char *path = g_strconcat("/ims/submission/header/", headers[i].name, NULL);

        g_test_add_data_func(path, &headers[i], test_header);
    }
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *path = g_strconcat("/ims/submission/", cases[i].name, NULL);

        g_test_add_data_func(path, &cases[i], test_decide);
    }
    return g_test_run();
}
