/* The probes of an open-relay test that come out somewhere. */
#include <config.h>

#include "tools/relaytest-private.h"

#include <string.h>

static ImsRelaytestTest *
find_token(const ImsRelaytest *self, const guint8 *bytes, gsize length, const char *before)
{
    g_autofree char *mark = g_strconcat(before, self->run, "-", NULL);
    const guint8 *place = memmem(bytes, length, mark, strlen(mark));
    guint index = 0;

    if (place == NULL)
        return NULL;
    place += strlen(mark);
    if (place >= bytes + length || !g_ascii_isdigit(*place))
        return NULL;
    for (guint i = 0; i < 3 && place < bytes + length && g_ascii_isdigit(*place); i++)
        index = index * 10 + (guint)(*place++ - '0');
    if (place >= bytes + length || *place != '.' || index >= self->tests->len)
        return NULL;
    return self->tests->pdata[index];
}

/* Up to the empty line. */
static gsize
header_length(const guint8 *bytes, gsize length)
{
    for (gsize i = 0; i + 1 < length; i++)
        if (bytes[i] == '\n' && (bytes[i + 1] == '\n' ||
                                 (bytes[i + 1] == '\r' && i + 2 < length && bytes[i + 2] == '\n')))
            return i + 1;
    return length;
}

static gboolean
is_own_recipient(const ImsRelaytest *self, const char *recipient)
{
    const char *at = recipient != NULL ? strrchr(recipient, '@') : NULL;

    return at != NULL && g_ascii_strcasecmp(at + 1, self->own) == 0;
}

/* A test that was refused, or never begun, has sent no probe: its mark is somebody's invention. */
static void
set_arrived(ImsRelaytestTest *test, ImsRelaytestOutcome outcome)
{
    if (test->attempts > 0 && test->outcome != IMS_RELAYTEST_REFUSED &&
        test->outcome != IMS_RELAYTEST_ACCEPTED && test->outcome < outcome)
        test->outcome = outcome;
}

gboolean
ims_relaytest_message(ImsRelaytest *self, const char *recipient, const guint8 *bytes, gsize length)
{
    /* The first line of a probe's header; servers put their own lines before it. */
    ImsRelaytestTest *test =
        find_token(self, bytes, header_length(bytes, length), "X-Relay-Test: ");

    if (test != NULL && !test->form->backscatter && !is_own_recipient(self, recipient)) {
        set_arrived(test, IMS_RELAYTEST_PROVEN);
        return TRUE;
    }
    return ims_relaytest_own_message(self, bytes, length);
}

gboolean
ims_relaytest_own_message(ImsRelaytest *self, const guint8 *bytes, gsize length)
{
    ImsRelaytestTest *test = find_token(self, bytes, length, "");

    if (test == NULL)
        return FALSE;
    set_arrived(test, IMS_RELAYTEST_BOUNCED);
    return TRUE;
}
