#include "tests/unit/ims-fixture.h"

#include <string.h>

void
ims_fixture_open(ImsFixture *fixture, const char *conf)
{
    g_autoptr(GError) error = NULL;
    g_autofree char *text =
        g_strdup_printf("[Server]\nHostName = mail.example.com\nSiteDomain = example.com\n"
                        "Organization = Org\nSite = Site\n%s",
                        conf);
    ImsDirectoryOptions options = {.hash_cost = 1};

    memset(fixture, 0, sizeof *fixture);
    fixture->world = ims_sim_world_new(1, IMS_FIXTURE_WALL_USEC);
    fixture->config = ims_config_parse("ims.conf", text, strlen(text), &error);
    g_assert_no_error(error);
    fixture->service.world = fixture->world;
    fixture->service.config = fixture->config;
    fixture->service.log = ims_log_new_memory();
    fixture->service.directory = ims_directory_open(fixture->world, &options, &error);
    g_assert_no_error(error);
}

void
ims_fixture_close(ImsFixture *fixture)
{
    ims_directory_close(fixture->service.directory);
    ims_log_free(fixture->service.log);
    ims_sim_world_free(fixture->world);
    ims_config_free(fixture->config);
}

guint64
ims_fixture_add(ImsFixture *fixture, ImsRecipientKind kind, const char *alias,
                const char *addresses, const char *target, const char *members)
{
    g_autoptr(GError) error = NULL;
    g_auto(GStrv) list = addresses != NULL ? g_strsplit(addresses, " ", -1) : NULL;
    g_auto(GStrv) names = members != NULL ? g_strsplit(members, " ", -1) : NULL;
    ImsRecipient recipient = {
        .kind = kind,
        .alias = (char *)alias,
        .display_name = (char *)alias,
        .addresses = list,
        .target = (char *)target,
        .members = names,
    };
    guint64 id = 0;

    (void)ims_directory_add_recipient(fixture->service.directory, &recipient, &id, &error);
    g_assert_no_error(error);
    return id;
}
