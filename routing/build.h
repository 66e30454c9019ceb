/* The builds of the Internet Mail Service, and in what their verdicts differ. */
#pragma once

#include <glib.h>

G_BEGIN_DECLS

/*
 * ImsBuild: a number such as 5.5.2653.13 as one value; `<` and `>=` compare builds. 0 stands for 5.5 SP4 wherever a build
 * is taken.
 */
typedef guint64 ImsBuild;

#define IMS_BUILD(major, minor, number, revision)                                                                      \
    ((ImsBuild)(major) << 48 | (ImsBuild)(minor) << 32 | (ImsBuild)(number) << 16 | (ImsBuild)(revision))

#define IMS_BUILD_5_0 IMS_BUILD(5, 0, 1457, 10)
#define IMS_BUILD_5_0_SP1 IMS_BUILD(5, 0, 1458, 49)
#define IMS_BUILD_5_0_SP2 IMS_BUILD(5, 0, 1460, 8)
#define IMS_BUILD_RTM IMS_BUILD(5, 5, 1960, 3)
#define IMS_BUILD_SP1 IMS_BUILD(5, 5, 2232, 9)
#define IMS_BUILD_SP2 IMS_BUILD(5, 5, 2448, 0)
#define IMS_BUILD_SP3 IMS_BUILD(5, 5, 2650, 21)
#define IMS_BUILD_SP4 IMS_BUILD(5, 5, 2653, 13)
#define IMS_BUILD_POST_SP4 IMS_BUILD(5, 5, 2656, 59)

/**
 * ImsBuildRow: a release that has a name.
 * @build: file version of Msexcimc.exe, the number of the greeting
 * @store: (nullable): number of the information store that came with it, which POP3 and IMAP4 greet with (P-002); NULL
 *   where no source shows it
 * @name: "5.5 SP4"
 */
typedef struct {
    ImsBuild build;
    const char *name;
    const char *store;
    const char *source;
} ImsBuildRow;

/* The releases, oldest first. @index counts from 0; NULL past the last. */
const ImsBuildRow *ims_build_row(guint index);

typedef enum {
    IMS_BUILD_ERROR_UNKNOWN,
} ImsBuildError;
#define IMS_BUILD_ERROR (ims_build_error_quark())
GQuark ims_build_error_quark(void);

/**
 * ims_build_parse:
 * @text: "SP4", "5.5 SP1", "RTM", "5.5", "5.0 SP2", "post-SP4", a number as "5.5.2653.13", or one of 5.5 in short,
 *   "2650.1"; letters in either case. "post-SP4" is the last build with a bulletin, 5.5.2656.59
 * @build_out: set on success only, never 0
 *
 * Any number from 5.0.1457.10 to the last of 5.5 seen in mail (5.5.2658.27) is taken, named or not.
 *
 * Returns: FALSE with IMS_BUILD_ERROR_UNKNOWN
 */
gboolean ims_build_parse(const char *text, ImsBuild *build_out, GError **error);

#define IMS_BUILD_STRLEN 24
/* "5.5.2653.13", in @buffer, which is returned. */
const char *ims_build_format(ImsBuild build, char buffer[IMS_BUILD_STRLEN]);
/* "5.5 SP4", or "5.5 SP3 and fixes" for a build after a named one. Static. */
const char *ims_build_name(ImsBuild build);
/* The number that POP3 and IMAP4 greet with: that of the store where it is known, else that of @build. In @buffer or static. */
const char *ims_build_store(ImsBuild build, char buffer[IMS_BUILD_STRLEN]);

/* ---- in what they differ ---- */

/* Each difference of the verdict between builds. */
typedef enum {
    IMS_DIFFERENCE_EXACT_ENTRIES,     /* `#` in the routing list */
    IMS_DIFFERENCE_ACCEPT_MALFORMED,  /* AcceptMalformed821Adrs exists (S-304) */
    IMS_DIFFERENCE_OWN_LITERAL,       /* user@[own address] is own */
    IMS_DIFFERENCE_ALWAYS_RELAY,      /* always-relay entries */
    IMS_DIFFERENCE_STALE_FLAGS,       /* "Do not reroute" obeys flags left over */
    IMS_DIFFERENCE_RECIPIENT_LIMIT,   /* 452 beyond 32,766 recipients */
    IMS_DIFFERENCE_NO_RESTRICTIONS,   /* there are no Routing Restrictions */
    IMS_DIFFERENCE_IMCEA_HOLE,        /* an encapsulated address is sent on for anyone */
    IMS_DIFFERENCE_IMCEA_QUOTED_HOLE, /* a quoted one by the smart host */
    IMS_DIFFERENCE_GUEST,             /* a failed logon that became Guest counts */
    IMS_DIFFERENCE_NULL_SESSION,      /* an NTLM logon without a name counts */
    IMS_N_DIFFERENCES
} ImsDifference;

typedef enum {
    IMS_DIFFERENCE_KIND_FEATURE,  /* by the build alone, in either profile */
    IMS_DIFFERENCE_KIND_FAITHFUL, /* shown in the faithful profile only; harms nobody outside */
    IMS_DIFFERENCE_KIND_WEAKNESS, /* shown in the faithful profile only, on loopback or with AcceptHistoricRisk=yes */
    IMS_DIFFERENCE_KIND_REPAIR,   /* the corrected answer is given whatever the build: without it mail was lost (S-510) */
} ImsDifferenceKind;

/**
 * ImsDifferenceRow:
 * @word: lower-case, for tables and JSON: "always-relay"
 * @from, @until: it holds for @from <= build < @until; 0: without that end
 * @text: what builds that have it do
 */
typedef struct {
    const char *word;
    ImsBuild from, until;
    ImsDifferenceKind kind;
    const char *fact, *source;
    const char *text;
} ImsDifferenceRow;

const ImsDifferenceRow *ims_difference_row(ImsDifference difference);
/* Whether @build had it, historically; 0 is SP4. What is shown of a weakness is for the verdict to say. */
gboolean ims_build_has(ImsBuild build, ImsDifference difference);

G_END_DECLS
