#include "routing/build.h"

#include <string.h>

G_DEFINE_QUARK(ims_build_error, ims_build_error)

/* Fixes to 5.0 SP2 were numbered in its hundred; of 5.5 the last build seen in mail (W-023). */
#define LAST_5_0 IMS_BUILD(5, 0, 1499, G_MAXUINT16)
#define LAST_5_5 IMS_BUILD(5, 5, 2658, 27)

/* Numbers of the IMS: Q257618 and the sources of single fixes; of the store: greetings. */
static const ImsBuildRow rows[] = {
    {IMS_BUILD_5_0,      "5.0",          "5.0.1457.10", "Q257618, Q161118"},
    {IMS_BUILD_5_0_SP1,  "5.0 SP1",      NULL,          "Q257618"         },
    {IMS_BUILD_5_0_SP2,  "5.0 SP2",      NULL,          "Q257618"         },
    {IMS_BUILD_RTM,      "5.5",          "5.5.1960.6",  "Q257618, Q217388"},
    {IMS_BUILD_SP1,      "5.5 SP1",      NULL,          "Q257618"         },
    {IMS_BUILD_SP2,      "5.5 SP2",      "5.5.2448.8",  "Q257618"         },
    {IMS_BUILD_SP3,      "5.5 SP3",      "5.5.2650.23", "Q257618"         },
    {IMS_BUILD_SP4,      "5.5 SP4",      "5.5.2653.23", "Q257618"         },
    {IMS_BUILD_POST_SP4, "5.5 post-SP4", NULL,          "Q326322"         },
};

/* What a build after a named one is called, in the order of the rows. */
static const char *const after[] = {
    "5.0 and fixes",     "5.0 SP1 and fixes", "5.0 SP2 and fixes",
    "5.5 and fixes",     "5.5 SP1 and fixes", "5.5 SP2 and fixes",
    "5.5 SP3 and fixes", "5.5 SP4 and fixes", "5.5 post-SP4 and later",
};
G_STATIC_ASSERT(G_N_ELEMENTS(after) == G_N_ELEMENTS(rows));

#define ROW(word, from, until, kind, fact, source, text)                                           \
    {                                                                                              \
        word, from, until, IMS_DIFFERENCE_KIND_##kind, fact, source, text                          \
    }

static const ImsDifferenceRow differences[IMS_N_DIFFERENCES] = {
    [IMS_DIFFERENCE_EXACT_ENTRIES] = ROW("exact-entries", IMS_BUILD_5_0_SP2, 0, FEATURE, "R-016",
                                         "Q169683", "an entry with # matches that name alone"),
    [IMS_DIFFERENCE_ACCEPT_MALFORMED] =
        ROW("accept-malformed", IMS_BUILD_5_0_SP1, 0, FEATURE, "S-304", "Q191262, Q166616",
            "AcceptMalformed821Adrs takes malformed addresses"),
    [IMS_DIFFERENCE_OWN_LITERAL] =
        ROW("own-literal", IMS_BUILD_RTM, 0, FEATURE, "R-105", "Q193316, Q194742",
            "an address literal of the server itself is own"),
    [IMS_DIFFERENCE_ALWAYS_RELAY] =
        ROW("always-relay", IMS_BUILD(5, 5, 2424, 0), 0, FEATURE, "R-012", "Q195969, Q190710",
            "an entry can lift the restrictions for its domain"),
    [IMS_DIFFERENCE_STALE_FLAGS] =
        ROW("stale-flags", IMS_BUILD_RTM, 0, FAITHFUL, "R-007", "Q256856, Q206968, Q243045",
            "\"Do not reroute\" obeys RelayFlags left over from before"),
    [IMS_DIFFERENCE_RECIPIENT_LIMIT] =
        ROW("recipient-limit", IMS_BUILD(5, 5, 2654, 14), 0, REPAIR, "R-042", "Q272672",
            "32766 recipients are taken, further ones get 452"),
    [IMS_DIFFERENCE_NO_RESTRICTIONS] =
        ROW("no-restrictions", 0, IMS_BUILD_RTM, WEAKNESS, "R-047", "Q193922, Q196626",
            "there are no Routing Restrictions: everyone may relay"),
    [IMS_DIFFERENCE_IMCEA_HOLE] =
        ROW("imcea-hole", IMS_BUILD_RTM, IMS_BUILD(5, 5, 2650, 1), WEAKNESS, "R-096",
            "Q237927, MS99-027", "an address encapsulated in an own one is sent on for anyone"),
    [IMS_DIFFERENCE_IMCEA_QUOTED_HOLE] =
        ROW("imcea-quoted-hole", IMS_BUILD_RTM, IMS_BUILD(5, 5, 2652, 78), WEAKNESS, "R-098",
            "Q264330, Q246889",
            "a quoted encapsulated address passes \"authenticate\" where a smart host is set"),
    [IMS_DIFFERENCE_GUEST] = ROW("guest", IMS_BUILD_RTM, 0, WEAKNESS, "R-072", "Q251149",
                                 "a failed logon that fell back to Guest counts as authenticated"),
    [IMS_DIFFERENCE_NULL_SESSION] =
        ROW("null-session", IMS_BUILD_RTM, IMS_BUILD(5, 5, 2655, 55), WEAKNESS, "R-073",
            "MS02-011, Q289258", "an NTLM logon without a name counts as authenticated"),
};

static ImsBuild
or_default(ImsBuild build)
{
    return build != 0 ? build : IMS_BUILD_SP4;
}

const ImsBuildRow *
ims_build_row(guint index)
{
    return index < G_N_ELEMENTS(rows) ? &rows[index] : NULL;
}

/* The last row that is not newer than @build. */
static guint
row_of(ImsBuild build)
{
    guint index = 0;

    while (index + 1 < G_N_ELEMENTS(rows) && rows[index + 1].build <= build)
        index++;
    return index;
}

/* "2650.1" or "5.5.2650.1": two or four parts, each of at most five digits. */
static gboolean
parse_number(const char *text, ImsBuild *build_out)
{
    g_auto(GStrv) parts = g_strsplit(text, ".", 5);
    guint n = g_strv_length(parts);
    guint64 values[4] = {5, 5, 0, 0};

    if (n != 2 && n != 4)
        return FALSE;
    for (guint i = 0; i < n; i++) {
        if (strlen(parts[i]) > 5 ||
            !g_ascii_string_to_unsigned(parts[i], 10, 0, G_MAXUINT16, &values[4 - n + i], NULL))
            return FALSE;
    }
    *build_out = IMS_BUILD(values[0], values[1], values[2], values[3]);
    return (*build_out >= IMS_BUILD_5_0 && *build_out <= LAST_5_0) ||
           (*build_out >= IMS_BUILD_RTM && *build_out <= LAST_5_5);
}

/* "SP4" and "5.5 SP4"; what names no version is of 5.5. */
static gboolean
parse_name(const char *text, ImsBuild *build_out)
{
    for (guint i = 0; i < G_N_ELEMENTS(rows); i++) {
        const char *name = rows[i].name, *pack = strchr(name, ' ');
        gboolean first = pack == NULL;
        g_autofree char *with_rtm = first ? g_strconcat(name, " RTM", NULL) : NULL;

        if (g_ascii_strcasecmp(text, name) == 0 ||
            (first && g_ascii_strcasecmp(text, with_rtm) == 0) ||
            (g_str_has_prefix(name, "5.5") &&
             g_ascii_strcasecmp(text, first ? "RTM" : pack + 1) == 0)) {
            *build_out = rows[i].build;
            return TRUE;
        }
    }
    return FALSE;
}

gboolean
ims_build_parse(const char *text, ImsBuild *build_out, GError **error)
{
    g_autofree char *shown = NULL;
    ImsBuild build;

    if (parse_name(text, &build) || parse_number(text, &build)) {
        *build_out = build;
        return TRUE;
    }
    shown = g_strescape(text, NULL);
    g_set_error(error, IMS_BUILD_ERROR, IMS_BUILD_ERROR_UNKNOWN,
                "\"%.60s\" is no build: expected 5.0, 5.0 SP1, 5.0 SP2, RTM, SP1, SP2, SP3, SP4, "
                "post-SP4, or a number from 5.0.1457.10 to 5.5.2658.27",
                shown);
    return FALSE;
}

const char *
ims_build_format(ImsBuild build, char buffer[IMS_BUILD_STRLEN])
{
    build = or_default(build);
    g_snprintf(buffer, IMS_BUILD_STRLEN, "%u.%u.%u.%u", (guint)(build >> 48) & 0xffff,
               (guint)(build >> 32) & 0xffff, (guint)(build >> 16) & 0xffff, (guint)build & 0xffff);
    return buffer;
}

const char *
ims_build_name(ImsBuild build)
{
    guint index = row_of(or_default(build));

    return rows[index].build == or_default(build) ? rows[index].name : after[index];
}

const char *
ims_build_store(ImsBuild build, char buffer[IMS_BUILD_STRLEN])
{
    const ImsBuildRow *row = &rows[row_of(or_default(build))];

    return row->build == or_default(build) && row->store != NULL ? row->store
                                                                 : ims_build_format(build, buffer);
}

const ImsDifferenceRow *
ims_difference_row(ImsDifference difference)
{
    g_return_val_if_fail((guint)difference < IMS_N_DIFFERENCES, NULL);
    return &differences[difference];
}

gboolean
ims_build_has(ImsBuild build, ImsDifference difference)
{
    const ImsDifferenceRow *row = ims_difference_row(difference);

    build = or_default(build);
    return build >= row->from && (row->until == 0 || build < row->until);
}
