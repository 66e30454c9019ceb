/* The address forms of an open-relay test, one table. */
#include "tools/relaytest.h"

/*
 * Order and numbers as in the table of forms (R-201 to R-220). A number with two forms, such as
 * own.com and [192.0.2.1], has two rows. R-225 numbers sixteen pairs; four of them stand in that
 * table already, the others follow it, with the sender at the server's literal. R-098 prints the
 * quoted form with a blank, R-218 with a hyphen.
 */
static const ImsRelaytestForm forms[] = {
    {"R-201", 2,  "{sender}@{far}",     "{target}",                     "foreign sender",                 FALSE},
    {"R-202", 0,  "{sender}",           "{target}",                     "sender without a domain",        FALSE},
    {"R-203", 1,  "",                   "{target}",                     "null sender",                    FALSE},
    {"R-204", 0,  "{sender}@{own}",     "{target}",                     "own sender",                     FALSE},
    {"R-205", 4,  "{sender}@[{ip}]",    "{target}",                     "sender at the server's address", FALSE},
    {"R-206", 0,  "{sender}@localhost", "{target}",                     "sender at localhost",            FALSE},
    {"R-206", 3,  "{sender}@{host}",    "{target}",                     "sender at the server's name",    FALSE},
    {"R-207", 0,  "{sender}@{own}",     "{user}%{far}@{own}",           "percent",                        FALSE},
    {"R-208", 0,  "{sender}@{own}",     "{user}%{far}@[{ip}]",          "percent at the address",         FALSE},
    {"R-209", 0,  "{sender}@{own}",     "{user}%{far}",                 "percent without @",              FALSE},
    {"R-210", 0,  "{sender}@{own}",     "\"{target}\"",                 "quoted",                         FALSE},
    {"R-211", 0,  "{sender}@{own}",     "\"{user}%{far}\"",             "quoted percent",                 FALSE},
    {"R-212", 0,  "{sender}@{own}",     "\"{target}\"@{own}",           "quoted at the domain",           FALSE},
    {"R-212", 0,  "{sender}@{own}",     "\"{target}\"@[{ip}]",          "quoted at the address",          FALSE},
    {"R-213", 0,  "{sender}@{own}",     "{target}@{own}",               "two @",                          FALSE},
    {"R-214", 0,  "{sender}@{own}",     "@{own}:{target}",              "source route",                   FALSE},
    {"R-214", 0,  "{sender}@{own}",     "@[{ip}]:{target}",             "source route by the address",    FALSE},
    {"R-215", 0,  "{sender}@{own}",     "{far}!{user}",                 "bang path",                      FALSE},
    {"R-216", 0,  "{sender}@{own}",     "{far}!{user}@{own}",           "bang path at the domain",        FALSE},
    {"R-216", 0,  "{sender}@{own}",     "{far}!{user}@[{ip}]",          "bang path at the address",       FALSE},
    {"R-217", 0,  "{sender}@{own}",     "{imcea}@{own}",                "encapsulated",                   FALSE},
    {"R-218", 0,  "{sender}@{own}",     "\"IMCEASMTP-{target}\"@{own}", "encapsulated, quoted",           FALSE},
    {"R-098", 0,  "{sender}@{own}",     "\"IMCEA {target}\"@{own}",     "encapsulated with a blank",      FALSE},
    {"R-219", 0,  "{target}",           "{sender}-nobody@{own}",        "report to a stranger",           TRUE },
    {"R-220", 0,  "{sender}@{own}",     "{user}@[{other}]",             "foreign address literal",        FALSE},
    {"R-225", 5,  "{sender}@[{ip}]",    "{user}%{far}@[{ip}]",          "percent at the address",         FALSE},
    {"R-225", 6,  "{sender}@[{ip}]",    "{user}%{far}@{host}",          "percent at the name",            FALSE},
    {"R-225", 7,  "{sender}@[{ip}]",    "\"{target}\"",                 "quoted",                         FALSE},
    {"R-225", 8,  "{sender}@[{ip}]",    "\"{user}%{far}\"",             "quoted percent",                 FALSE},
    {"R-225", 9,  "{sender}@[{ip}]",    "{target}@[{ip}]",              "two @ with the address",         FALSE},
    {"R-225", 10, "{sender}@[{ip}]",    "\"{target}\"@[{ip}]",          "quoted at the address",          FALSE},
    {"R-225", 11, "{sender}@[{ip}]",    "{target}@{host}",              "two @ with the name",            FALSE},
    {"R-225", 12, "{sender}@[{ip}]",    "@[{ip}]:{target}",             "source route by the address",    FALSE},
    {"R-225", 13, "{sender}@[{ip}]",    "@{host}:{target}",             "source route by the name",       FALSE},
    {"R-225", 14, "{sender}@[{ip}]",    "{far}!{user}",                 "bang path",                      FALSE},
    {"R-225", 15, "{sender}@[{ip}]",    "{far}!{user}@[{ip}]",          "bang path at the address",       FALSE},
    {"R-225", 16, "{sender}@[{ip}]",    "{far}!{user}@{host}",          "bang path at the name",          FALSE},
};

const ImsRelaytestForm *
ims_relaytest_forms(guint *n_out)
{
    *n_out = G_N_ELEMENTS(forms);
    return forms;
}
