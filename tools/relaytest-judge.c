/* What the outcomes of an open-relay test say, and in which words. */
#include "tools/relaytest.h"

#include <string.h>

const char *
ims_relaytest_outcome_word(ImsRelaytestOutcome outcome)
{
    static const char *const words[] = {
        "not-tried", "failed", "temporary", "refused", "accepted", "no-probe", "bounced", "proven",
    };

    G_STATIC_ASSERT(G_N_ELEMENTS(words) == IMS_RELAYTEST_N_OUTCOMES);
    return words[outcome];
}

const char *
ims_relaytest_verdict_word(ImsRelaytestVerdict verdict)
{
    static const char *const words[] = {"closed", "relays", "undecided", "untested"};

    return words[verdict];
}

guint
ims_relaytest_count(const ImsRelaytest *relaytest, ImsRelaytestOutcome outcome)
{
    guint count = 0;

    for (guint i = 0; i < ims_relaytest_size(relaytest); i++)
        count += ims_relaytest_get(relaytest, i)->outcome == outcome;
    return count;
}

ImsRelaytestVerdict
ims_relaytest_judge(const ImsRelaytest *relaytest)
{
    gboolean untested = FALSE, undecided = FALSE;

    for (guint i = 0; i < ims_relaytest_size(relaytest); i++) {
        const ImsRelaytestTest *test = ims_relaytest_get(relaytest, i);

        if (test->outcome == IMS_RELAYTEST_PROVEN)
            return IMS_RELAYTEST_RELAYS;
        /* R-219 is about reports, not about relaying. */
        if (test->form->backscatter)
            continue;
        undecided |= test->outcome == IMS_RELAYTEST_ACCEPTED;
        untested |= test->outcome <= IMS_RELAYTEST_TEMPORARY;
    }
    if (undecided)
        return IMS_RELAYTEST_UNDECIDED;
    return untested ? IMS_RELAYTEST_UNTESTED : IMS_RELAYTEST_CLOSED;
}

gboolean
ims_relaytest_is_monotonous(const ImsRelaytest *relaytest)
{
    const char *first = ims_relaytest_get(relaytest, 0)->reply;

    for (guint i = 0; i < ims_relaytest_size(relaytest); i++) {
        const ImsRelaytestTest *test = ims_relaytest_get(relaytest, i);

        if (test->outcome != IMS_RELAYTEST_REFUSED || g_strcmp0(test->reply, first) != 0)
            return FALSE;
    }
    return TRUE;
}

char *
ims_relaytest_printable(const char *text, gssize length, gsize max)
{
    gsize n = length < 0 ? strlen(text) : (gsize)length;
    g_autofree char *valid = g_utf8_make_valid(text, (gssize)MIN(n, max));
    GString *out = g_string_new(NULL);

    for (const char *p = valid; *p != '\0'; p = g_utf8_next_char(p)) {
        gunichar c = g_utf8_get_char(p);

        if (c == '\n')
            g_string_append(out, " / ");
        else
            g_string_append_unichar(out, g_unichar_isprint(c) ? c : '?');
    }
    return g_string_free(out, FALSE);
}
