/* What an accepted recipient comes to. */
#include "tests/unit/ims-fixture.h"

#include <string.h>

/* A row: who is asked for, and what it comes to as "mailbox alice; queue a@b; held c@d; unknown e".
 */
typedef struct {
    const char *name, *conf;
    ImsVerdictKind kind;
    const char *address, *weakness, *expected;
} SubmitCase;

#define INBOUND                                                                                    \
    "[Routing]\nRerouteIncomingMail = yes\n[Routing List]\nexample.com = <inbound>\n"              \
    "other.example = <inbound>\n"
#define POSTMASTER INBOUND "[Internet Mail]\nAdministratorsMailbox = admin\n"
#define FAITHFUL "[Emulation]\nProfile = faithful\n"
#define DELIVER IMS_VERDICT_DELIVER
#define REROUTE IMS_VERDICT_REROUTE
#define DIRECTORY IMS_VERDICT_DIRECTORY

static const SubmitCase cases[] = {
    {"mailbox",                             INBOUND,                                                  DELIVER,            "alice@example.com",                    NULL,      "mailbox alice"             },
    {"case-does-not-matter",                INBOUND,                                                  DELIVER,            "ALICE@Example.COM",                    NULL,      "mailbox alice"             },
    {"secondary-address",                   INBOUND,                                                  DELIVER,            "a.smith@other.example",                NULL,      "mailbox alice"             },
    {"unknown",                             INBOUND,                                                  DELIVER,            "nobody@example.com",                   NULL,      "unknown nobody@example.com"},
    {"R-004-directory-knows",               INBOUND,                                                  DIRECTORY,          "alice@example.com",                    NULL,      "mailbox alice"             },
    {"R-004-directory-does-not-know",       INBOUND,                                                  DIRECTORY,          "x@far.example",                        "Q1",
     "unknown x@far.example"                                                                                                                                                                             },
    {"no-domain",                           INBOUND,                                                  DELIVER,            "alice",                                NULL,      "unknown alice"             },
    {"R-105-own-literal",                   INBOUND,                                                  DELIVER,            "alice@[192.0.2.1]",                    NULL,      "mailbox alice"             },
    {"S-169-last-at-decides",               INBOUND,                                                  DELIVER,            "\"a@b\"@example.com",                  NULL,
     "unknown \"a@b\"@example.com"                                                                                                                                                                       },
    {"custom-goes-out",                     INBOUND,                                                  DELIVER,            "carol@example.com",                    NULL,      "queue carol@far.example"   },
    {"custom-leads-back-here",              INBOUND,                                                  DELIVER,            "dave@example.com",                     NULL,      "mailbox alice"             },
    {"R-105-proxy-is-the-literal",          FAITHFUL INBOUND,                                         DELIVER,            "gina@[192.0.2.1]",                     NULL,
     "mailbox gina"                                                                                                                                                                                      },
    {"R-105-faithful-no-such-proxy",        FAITHFUL INBOUND,                                         DELIVER,            "alice@[192.0.2.1]",                    NULL,
     "unknown alice@[192.0.2.1]"                                                                                                                                                                         },
    {"R-105-literal-of-another",            FAITHFUL INBOUND,                                         DELIVER,            "gina@[192.0.2.2]",                     NULL,
     "unknown gina@[192.0.2.2]"                                                                                                                                                                          },
    {"D-054-own-target-in-a-shared-domain", INBOUND,                                                  DELIVER,            "unix@example.com",                     NULL,
     "queue Unix@example.com"                                                                                                                                                                            },
    {"D-054-list-with-an-own-target",       INBOUND,                                                  DELIVER,            "shared@example.com",                   NULL,
     "mailbox bob; queue Unix@example.com"                                                                                                                                                               },
    {"custom-leads-to-nobody-here",         INBOUND,                                                  DELIVER,            "erin@example.com",                     NULL,
     "unknown gone@example.com"                                                                                                                                                                          },
    {"custom-leads-to-postmaster",          POSTMASTER,                                               DELIVER,            "frank@example.com",                    NULL,      "mailbox admin"             },
    {"custom-ring",                         INBOUND,                                                  DELIVER,            "ring1@example.com",                    NULL,      "unknown ring1"             },
    {"D-054-own-proxy-is-the-target",       INBOUND,                                                  DELIVER,            "carol2@far.example",                   NULL,
     "queue carol2@far.example"                                                                                                                                                                          },
    {"list",                                INBOUND,                                                  DELIVER,            "staff@example.com",                    NULL,
     "mailbox alice; mailbox bob; queue carol@far.example"                                                                                                                                               },
    {"list-with-a-gone-member",             INBOUND,                                                  DELIVER,            "mixed@example.com",                    NULL,
     "mailbox bob; unknown nosuch"                                                                                                                                                                       },
    {"list-in-a-ring",                      INBOUND,                                                  DELIVER,            "round@example.com",                    NULL,      "mailbox bob"               },
    {"empty-list",                          INBOUND,                                                  DELIVER,            "empty@example.com",                    NULL,      ""                          },
    {"S-119-postmaster-of-the-site",        POSTMASTER,                                               DELIVER,            "PostMaster@example.com",               NULL,
     "mailbox admin"                                                                                                                                                                                     },
    {"S-119-other-domain-by-proxy",         POSTMASTER,                                               DELIVER,            "postmaster@other.example",             NULL,
     "mailbox post"                                                                                                                                                                                      },
    {"S-119-no-administrator",              INBOUND,                                                  DELIVER,            "postmaster@example.com",               NULL,
     "unknown postmaster@example.com"                                                                                                                                                                    },
    {"S-120-beginning-of-postmaster",       POSTMASTER,                                               DELIVER,            "post@example.com",                     NULL,
     "unknown post@example.com"                                                                                                                                                                          },
    {"postmaster-of-a-third-domain",        POSTMASTER "[Routing List]\nthird.example = <inbound>\n",
     DELIVER,                                                                                                             "postmaster@third.example",             NULL,      "mailbox admin"             },
    {"S-119-faithful-third-domain",         FAITHFUL POSTMASTER,                                      DELIVER,            "postmaster@third.example",             NULL,
     "unknown postmaster@third.example"                                                                                                                                                                  },
    {"R-101-encapsulated-name",             INBOUND,                                                  DELIVER,
     "IMCEAEX-_O=ORG_OU=SITE_CN=RECIPIENTS_CN=ALICE@example.com",                                                                                                 NULL,      "mailbox alice"             },
    {"R-101-unknown-name",                  INBOUND,                                                  DELIVER,            "IMCEAEX-_O=ORG_CN=NOBODY@example.com", NULL,
     "unknown IMCEAEX-_O=ORG_CN=NOBODY@example.com"                                                                                                                                                      },
    {"R-101-no-common-name",                INBOUND,                                                  DELIVER,            "IMCEAEX-_O=ORG@example.com",           NULL,
     "unknown IMCEAEX-_O=ORG@example.com"                                                                                                                                                                },
    {"R-100-small-prefix",                  INBOUND,                                                  DELIVER,            "imceaex-_O=ORG_CN=ALICE@example.com",  NULL,
     "unknown imceaex-_O=ORG_CN=ALICE@example.com"                                                                                                                                                       },
    {"reroute",                             INBOUND,                                                  REROUTE,            "User@Far.Example",                     NULL,      "queue User@far.example"    },
    {"reroute-asks-no-directory",           INBOUND,                                                  REROUTE,            "alice@example.com",                    NULL,
     "queue alice@example.com"                                                                                                                                                                           },
    {"weakness-is-held",                    INBOUND,                                                  REROUTE,            "u@far.example",                        "Q237927", "held u@far.example"        },
    {"weakness-to-loopback-literal",        INBOUND,                                                  REROUTE,            "u@[127.0.0.1]",                        "Q1",
     "queue u@[127.0.0.1]"                                                                                                                                                                               },
    {"weakness-to-loopback-ipv6",           INBOUND,                                                  REROUTE,            "u@[IPv6:::1]",                         "Q1",      "queue u@[ipv6:::1]"        },
    {"weakness-to-other-literal",           INBOUND,                                                  REROUTE,            "u@[192.0.2.9]",                        "Q1",      "held u@[192.0.2.9]"        },
    {"weakness-name-is-no-literal",         INBOUND,                                                  REROUTE,            "u@localhost",                          "Q1",      "held u@localhost"          },
    {"weakness-accepted",                   "[Emulation]\nAcceptHistoricRisk = yes\n" INBOUND,        REROUTE,
     "u@far.example",                                                                                                                                             "Q1",      "queue u@far.example"       },
    {"weakness-by-route-to-loopback",
     INBOUND "[Connections]\nEMailDomains = far.example;127.0.0.1:2526\n",                            REROUTE,
     "u@sub.far.example",                                                                                                                                         "Q1",      "queue u@sub.far.example"   },
    {"weakness-route-of-another-domain",
     INBOUND "[Connections]\nEMailDomains = far.example;127.0.0.1:2526\n",                            REROUTE,
     "u@notfar.example",                                                                                                                                          "Q1",      "held u@notfar.example"     },
    {"weakness-longest-route",
     INBOUND "[Connections]\nEMailDomains = far.example;127.0.0.1, sub.far.example;192.0.2.1\n",
     REROUTE,                                                                                                             "u@sub.far.example",                    "Q1",      "held u@sub.far.example"    },
    {"refused-never-comes-here",            INBOUND,                                                  IMS_VERDICT_REFUSE, "u@far.example",                        NULL,
     "unknown u@far.example"                                                                                                                                                                             },
};

static void
fill_directory(ImsFixture *fixture)
{
    static const struct {
        ImsRecipientKind kind;
        const char *alias, *addresses, *target, *members;
    } rows[] = {
        {IMS_RECIPIENT_MAILBOX, "alice",  "alice@example.com a.smith@other.example", NULL,                     NULL             },
        {IMS_RECIPIENT_MAILBOX, "bob",    "bob@example.com",                         NULL,                     NULL             },
        {IMS_RECIPIENT_MAILBOX, "admin",  "admin@example.com",                       NULL,                     NULL             },
        {IMS_RECIPIENT_MAILBOX, "post",   "postmaster@other.example",                NULL,                     NULL             },
        {IMS_RECIPIENT_CUSTOM,  "carol",  "carol@example.com",                       "carol@far.example",      NULL             },
        {IMS_RECIPIENT_CUSTOM,  "carol2", "carol2@far.example",                      "carol2@far.example",     NULL             },
        {IMS_RECIPIENT_CUSTOM,  "dave",   "dave@example.com",                        "alice@example.com",      NULL             },
        {IMS_RECIPIENT_CUSTOM,  "erin",   "erin@example.com",                        "gone@example.com",       NULL             },
        {IMS_RECIPIENT_CUSTOM,  "frank",  "frank@example.com",                       "postmaster@example.com", NULL             },
        {IMS_RECIPIENT_MAILBOX, "gina",   "gina@example.com gina@[192.0.2.1]",       NULL,                     NULL             },
        {IMS_RECIPIENT_CUSTOM,  "unix",   "unix@example.com",                        "Unix@example.com",       NULL             },
        {IMS_RECIPIENT_LIST,    "shared", "shared@example.com",                      NULL,                     "bob unix"       },
        {IMS_RECIPIENT_CUSTOM,  "ring1",  "ring1@example.com",                       "ring2@example.com",      NULL             },
        {IMS_RECIPIENT_CUSTOM,  "ring2",  "ring2@example.com",                       "ring1@example.com",      NULL             },
        {IMS_RECIPIENT_LIST,    "staff",  "staff@example.com",                       NULL,                     "alice bob carol"},
        {IMS_RECIPIENT_LIST,    "mixed",  "mixed@example.com",                       NULL,                     "nosuch bob"     },
        {IMS_RECIPIENT_LIST,    "round",  "round@example.com",                       NULL,                     "bob round2"     },
        {IMS_RECIPIENT_LIST,    "round2", "round2@example.com",                      NULL,                     "round"          },
        {IMS_RECIPIENT_LIST,    "empty",  "empty@example.com",                       NULL,                     NULL             },
    };

    for (guint i = 0; i < G_N_ELEMENTS(rows); i++)
        ims_fixture_add(fixture, rows[i].kind, rows[i].alias, rows[i].addresses, rows[i].target,
                        rows[i].members);
}

static const char *
alias_of(const ImsRecipientTable *table, guint64 id)
{
    for (guint i = 0; i < ims_recipient_table_size(table); i++) {
        const ImsRecipient *recipient = ims_recipient_table_get(table, i);

        if (recipient->id == id)
            return recipient->alias;
    }
    return "?";
}

static char *
describe(const ImsRecipientTable *table, const ImsDeliverOp *op, const GPtrArray *unknown)
{
    GString *out = g_string_new(NULL);

    for (guint i = 0; i < op->targets->len; i++) {
        const ImsDeliverTarget *target = &g_array_index(op->targets, ImsDeliverTarget, i);

        g_assert_cmpuint(target->folder, ==, 0);
        g_string_append_printf(out, "; mailbox %s", alias_of(table, target->mailbox));
    }
    for (guint i = 0; op->queue != NULL && i < op->queue->recipients->len; i++) {
        const ImsQueueRecipient *row = g_ptr_array_index(op->queue->recipients, i);

        g_assert_true(row->state == IMS_QUEUE_WAITING || row->state == IMS_QUEUE_HELD);
        g_assert_cmpstr(row->domain, ==, strrchr(row->address, '@') + 1);
        g_string_append_printf(out, "; %s %s", row->state == IMS_QUEUE_HELD ? "held" : "queue",
                               row->address);
    }
    for (guint i = 0; i < unknown->len; i++)
        g_string_append_printf(out, "; unknown %s", (char *)g_ptr_array_index(unknown, i));
    if (out->len != 0)
        g_string_erase(out, 0, 2);
    return g_string_free(out, FALSE);
}

static ImsDeliverOp *
op_new(void)
{
    ImsDeliverOp *op = (ImsDeliverOp *)ims_store_op_new(IMS_OP_DELIVER, NULL, NULL);

    if (op->targets == NULL)
        op->targets = ims_deliver_targets_new();
    return op;
}

static void
test_case(gconstpointer data)
{
    const SubmitCase *row = data;
    ImsFixture fixture;
    g_autoptr(ImsRecipientTable) table = NULL;
    g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
    ImsDeliverOp *op = op_new();
    ImsSubmitRecipient recipient = {
        .address = row->address,
        .kind = row->kind,
        .weakness = row->weakness,
    };

    ims_fixture_open(&fixture, row->conf);
    fill_directory(&fixture);
    table = ims_directory_table(fixture.service.directory);
    /* Asked for twice, it comes to no more. */
    for (guint i = 0; i < 2; i++) {
        g_autofree char *result = NULL;

        ims_submit_targets(&fixture.service, table, &recipient, op, unknown);
        result = describe(table, op, unknown);
        g_assert_cmpstr(result, ==, row->expected);
    }
    if (strstr(row->expected, "held ") != NULL)
        g_assert_nonnull(strstr(op->queue->hold_reason, row->weakness));
    else if (op->queue != NULL)
        g_assert_null(op->queue->hold_reason);
    ims_store_op_free(&op->op);
    ims_fixture_close(&fixture);
}

/* The row keeps what DSN needs; a list keeps ORCPT and the client's spelling for itself. */
static void
test_row(void)
{
    ImsFixture fixture;
    g_autoptr(ImsRecipientTable) table = NULL;
    g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
    ImsDeliverOp *op = op_new();
    ImsSubmitRecipient recipient = {
        .address = "carol@example.com",
        .original = "Carol@EXAMPLE.com",
        .orcpt = "rfc822;carol@example.com",
        .notify = IMS_NOTIFY_FAILURE,
        .kind = DELIVER,
    };
    const ImsQueueRecipient *row;

    ims_fixture_open(&fixture, INBOUND);
    fill_directory(&fixture);
    ims_fixture_add(&fixture, IMS_RECIPIENT_LIST, "both", "both@example.com", NULL, "carol2");
    table = ims_directory_table(fixture.service.directory);
    ims_submit_targets(&fixture.service, table, &recipient, op, unknown);
    recipient.address = "both@example.com";
    ims_submit_targets(&fixture.service, table, &recipient, op, unknown);
    recipient.address = recipient.original = "same@far.example";
    recipient.kind = REROUTE;
    ims_submit_targets(&fixture.service, table, &recipient, op, unknown);
    g_assert_cmpuint(op->queue->recipients->len, ==, 3);
    row = g_ptr_array_index(op->queue->recipients, 0);
    g_assert_cmpstr(row->original, ==, "Carol@EXAMPLE.com");
    g_assert_cmpstr(row->orcpt, ==, "rfc822;carol@example.com");
    g_assert_cmpint(row->notify, ==, IMS_NOTIFY_FAILURE);
    row = g_ptr_array_index(op->queue->recipients, 1);
    g_assert_cmpstr(row->address, ==, "carol2@far.example");
    g_assert_null(row->original);
    g_assert_null(row->orcpt);
    row = g_ptr_array_index(op->queue->recipients, 2);
    g_assert_null(row->original);
    g_assert_cmpstr(row->orcpt, ==, "rfc822;carol@example.com");
    ims_store_op_free(&op->op);
    ims_fixture_close(&fixture);
}

/* A list of many: each once, also those the message has already, and in a time that does not grow
 * with the square. */
static void
test_many(void)
{
    ImsFixture fixture;
    g_autoptr(ImsRecipientTable) table = NULL;
    g_autoptr(GPtrArray) unknown = g_ptr_array_new_with_free_func(g_free);
    g_autoptr(GString) members = g_string_new("alice gone0");
    ImsDeliverOp *op = op_new();
    ImsSubmitRecipient recipient = {.address = "alice@example.com", .kind = DELIVER};

    ims_fixture_open(&fixture, INBOUND);
    fill_directory(&fixture);
    for (guint i = 0; i < 200; i++) {
        g_autofree char *alias = g_strdup_printf("u%u", i);
        g_autofree char *address = g_strdup_printf("u%u@example.com", i);
        g_autofree char *target = i % 2 != 0 ? g_strdup_printf("u%u@far.example", i) : NULL;

        ims_fixture_add(&fixture, i % 2 != 0 ? IMS_RECIPIENT_CUSTOM : IMS_RECIPIENT_MAILBOX, alias,
                        address, target, NULL);
        g_string_append_printf(members, " %s", alias);
    }
    ims_fixture_add(&fixture, IMS_RECIPIENT_LIST, "many", "many@example.com", NULL, members->str);
    table = ims_directory_table(fixture.service.directory);
    ims_submit_targets(&fixture.service, table, &recipient, op, unknown);
    recipient.address = "u1@far.example";
    recipient.kind = REROUTE;
    ims_submit_targets(&fixture.service, table, &recipient, op, unknown);
    recipient.address = "many@example.com";
    recipient.kind = DELIVER;
    for (guint i = 0; i < 2; i++) {
        ims_submit_targets(&fixture.service, table, &recipient, op, unknown);
        g_assert_cmpuint(op->targets->len, ==, 101);
        g_assert_cmpuint(op->queue->recipients->len, ==, 100);
    }
    ims_store_op_free(&op->op);
    ims_fixture_close(&fixture);
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *name = g_strdup_printf("/ims/submit/%s", cases[i].name);

        g_test_add_data_func(name, &cases[i], test_case);
    }
    g_test_add_func("/ims/submit/what-the-row-keeps", test_row);
    g_test_add_func("/ims/submit/many-members", test_many);
    return g_test_run();
}
