/* POP3 sessions by scripts, each fed line by line, byte by byte and pipelined. */
#include "tests/unit/pop3-world.h"

#include <string.h>

#define ONE "From: a@far.example\r\nSubject: one\r\n\r\nline 1\r\n.dot\r\n..two\r\n\r\nline 5\r\n"
#define TWO "Subject: two\r\n\r\nno end of line"
#define THREE "Subject: 8 bit\r\n\r\nb\xc3\xb6se \xff\r\n"

static const guint sizes[] = {1,
                              sizeof ONE - 1,
                              sizeof TWO - 1,
                              sizeof THREE - 1,
                              sizeof ONE + sizeof TWO + sizeof THREE - 3,
                              sizeof ONE - 1 + sizeof THREE - 1,
                              0};

#define GREETING "S: +OK Microsoft Exchange POP3 server version 5.5.2653.23 ready\n"
#define SIGN_OFF                                                                                   \
    "C: QUIT\n"                                                                                    \
    "S: +OK Microsoft Exchange POP3 server version 5.5.2653.23 signing off\n"                      \
    "S. closed\n"
#define LOGON                                                                                      \
    GREETING "C: USER alice\n"                                                                     \
             "S: +OK\n"                                                                            \
             "C: PASS secret one\n"                                                                \
             "S: +OK User successfully logged on\n"
#define LOGON_STRICT                                                                               \
    GREETING "C: USER bob\n"                                                                       \
             "S: +OK\n"                                                                            \
             "C: PASS secret-b\n"                                                                  \
             "S: +OK User successfully logged on\n"
#define BAD_LOGON "S: -ERR Logon failure: unknown user name or bad password.\n"
#define UID "[A-Za-z0-9+/]{32}"
#define ARGUMENTS "S: -ERR The arguments are not valid.\n"

typedef struct {
    const char *name;
    gboolean faithful;
    Pop3Listener listener;
    const char *script;
    guint left; /* messages of alice afterwards */
} Script;

static const Script scripts[] = {
    {"P-002-P-006-greeting-and-farewell", FALSE, POP3_CLEAR,  GREETING SIGN_OFF,                  3},
    {"P-014-P-015-logon",                 FALSE, POP3_CLEAR,  LOGON SIGN_OFF,                     3},
    {"P-017-stat",                        FALSE, POP3_CLEAR,
     LOGON "C: STAT\nS: +OK 3 {4}\nC: stat\nS: +OK 3 {4}\n" SIGN_OFF,                             3},
    {"P-018-P-056-list-oldest-first",     FALSE, POP3_CLEAR,
     LOGON "C: LIST\nS: +OK\nS: 1 {1}\nS: 2 {2}\nS: 3 {3}\nS: .\n"
           "C: LIST 2\nS: +OK 2 {2}\nC: LIST 4\nS: -ERR There is no such message.\n"
           "C: LIST 0\nS: -ERR There is no such message.\n"
           "C: LIST -1\nS: -ERR There is no such message.\n"
           "C: LIST 1x\nS: -ERR There is no such message.\n"
           "C: LIST 99999999999999999999\nS: -ERR There is no such message.\n" SIGN_OFF,
     3                                                                                             },
    {"P-019-P-020-uidl",                  FALSE, POP3_CLEAR,
     LOGON "C: UIDL\nS: +OK\nS/ ^1 " UID "$\nS/ ^2 " UID "$\nS/ ^3 " UID "$\nS: .\n"
           "C: UIDL 3\nS/ ^\\+OK 3 " UID "$\n" SIGN_OFF,
     3                                                                                             },
    {"P-022-P-024-dele-and-rset",         FALSE, POP3_CLEAR,
     LOGON "C: DELE 2\nS: +OK\nC: DELE 2\nS: -ERR The message is marked as deleted.\n"
           "C: RETR 2\nS: -ERR The message is marked as deleted.\n"
           "C: TOP 2 0\nS: -ERR The message is marked as deleted.\n"
           "C: LIST 2\nS: -ERR The message is marked as deleted.\n"
           "C: UIDL 2\nS: -ERR The message is marked as deleted.\n"
           "C: STAT\nS: +OK 2 {5}\nC: LIST\nS: +OK\nS: 1 {1}\nS: 3 {3}\nS: .\n"
           "C: UIDL\nS: +OK\nS/ ^1 " UID "$\nS/ ^3 " UID "$\nS: .\n"
           "C: RSET\nS: +OK\nC: STAT\nS: +OK 3 {4}\n" SIGN_OFF,
     3                                                                                             },
    {"P-023-deleted-at-quit",             FALSE, POP3_CLEAR,
     LOGON "C: DELE 1\nS: +OK\nC: DELE 3\nS: +OK\n" SIGN_OFF,                                     1},
    {"P-023-not-without-quit",            FALSE, POP3_CLEAR,  LOGON "C: DELE 1\nS: +OK\n",        3},
    {"all-deleted",                       FALSE, POP3_CLEAR,
     LOGON "C: DELE 1\nS: +OK\nC: DELE 2\nS: +OK\nC: DELE 3\nS: +OK\nC: STAT\nS: +OK 0 0\n"
           "C: LIST\nS: +OK\nS: .\nC: UIDL\nS: +OK\nS: .\n" SIGN_OFF,
     0                                                                                             },
    {"retr-stuffs-dots",                  FALSE, POP3_CLEAR,
     LOGON "C: RETR 1\nS: +OK\nS: From: a@far.example\nS: Subject: one\nS: \nS: line 1\nS: ..dot\n"
           "S: ...two\nS: \nS: line 5\nS: .\n"
           "C: RETR 2\nS: +OK\nS: Subject: two\nS: \nS: no end of line\nS: .\n"
           "C: RETR 3\nS: +OK\nS: Subject: 8 bit\nS: \nS: b\xc3\xb6se \xff\nS: .\n"
           "C: RETR 4\nS: -ERR There is no such message.\n" SIGN_OFF,
     3                                                                                             },
    {"P-025-top",                         FALSE, POP3_CLEAR,
     LOGON "C: TOP 1 0\nS: +OK\nS: From: a@far.example\nS: Subject: one\nS: \nS: .\n"
           "C: TOP 1 2\nS: +OK\nS: From: a@far.example\nS: Subject: one\nS: \nS: line 1\nS: ..dot\n"
           "S: .\nC: TOP 2 100\nS: +OK\nS: Subject: two\nS: \nS: no end of line\nS: .\n"
           "C: TOP 1\n" ARGUMENTS "C: TOP 1 -1\n" ARGUMENTS "C: TOP 1 x\n" ARGUMENTS
           "C: TOP 9 1\nS: -ERR There is no such message.\n" SIGN_OFF,
     3                                                                                             },
    {"P-026-noop",                        FALSE, POP3_CLEAR,  LOGON "C: NOOP\nS: +OK\n" SIGN_OFF, 3},
    {"P-030-bad-password",                FALSE, POP3_CLEAR,
     GREETING "C: USER alice\nS: +OK\nC: PASS wrong\n" BAD_LOGON
              "C: PASS secret one\nS: -ERR USER comes before PASS.\n"
              "C: USER alice\nS: +OK\nC: PASS secret one\nS: +OK User successfully logged on\n",  3},
    {"P-030-unknown-name",                FALSE, POP3_CLEAR,
     GREETING "C: USER mallory\nS: +OK\nC: PASS x\n" BAD_LOGON SIGN_OFF,                          3},
    {"P-030-empty-password",              FALSE, POP3_CLEAR,
     GREETING "C: USER alice\nS: +OK\nC: PASS\n" BAD_LOGON
              "C: USER alice\nS: +OK\nC: PASS \n" BAD_LOGON SIGN_OFF,
     3                                                                                             },
    {"P-050-no-anonymous",                FALSE, POP3_CLEAR,
     GREETING "C: USER anonymous\nS: +OK\nC: PASS guest@far.example\n" BAD_LOGON
              "C: USER anonymous\nS: +OK\nC: PASS\n" BAD_LOGON SIGN_OFF,
     3                                                                                             },
    {"P-032-custom-recipient",            FALSE, POP3_CLEAR,
     GREETING "C: USER carol\nS: +OK\nC: PASS secret-c\n"
              "S: -ERR The requested mailbox is not available on this server.\n" SIGN_OFF,
     3                                                                                             },
    {"P-033-no-mailbox",                  FALSE, POP3_CLEAR,
     GREETING "C: USER nobody\nS: +OK\nC: PASS secret-n\n"
              "S: -ERR There is no such mailbox on this server.\n" SIGN_OFF,
     3                                                                                             },
    {"P-029-name-of-three-parts",         FALSE, POP3_CLEAR,
     GREETING "C: USER EXAMPLE\\alice\\alice\nS: +OK\nC: PASS secret one\n"
              "S: +OK User successfully logged on\nC: STAT\nS: +OK 3 {4}\n" SIGN_OFF,
     3                                                                                             },
    {"logon-by-address",                  FALSE, POP3_CLEAR,
     GREETING "C: USER alice@example.com\nS: +OK\nC: PASS secret one\n"
              "S: +OK User successfully logged on\n" SIGN_OFF,
     3                                                                                             },
    {"pass-before-user",                  FALSE, POP3_CLEAR,
     GREETING "C: PASS secret one\nS: -ERR USER comes before PASS.\n" SIGN_OFF,                   3},
    {"wrong-state",                       FALSE, POP3_CLEAR,
     GREETING "C: STAT\nS: -ERR The command is not valid in this state.\n"
              "C: DELE 1\nS: -ERR The command is not valid in this state.\n"
              "C: NOOP\nS: -ERR The command is not valid in this state.\n" SIGN_OFF,
     3                                                                                             },
    {"wrong-state-after-logon",           FALSE, POP3_CLEAR,
     LOGON "C: USER bob\nS: -ERR The command is not valid in this state.\n"
           "C: AUTH LOGIN\nS: -ERR The command is not valid in this state.\n"
           "C: STLS\nS: -ERR The command is not valid in this state.\n" SIGN_OFF,
     3                                                                                             },
    {"P-011-P-012-unknown",               FALSE, POP3_CLEAR,
     GREETING
     "C: APOP alice 0123\nS: -ERR Unknown command.\nC: LAST\nS: -ERR Unknown command.\n"
     "C: GET / HTTP/1.0\nS: -ERR Unknown command.\nC: \nS: -ERR Unknown command.\n" SIGN_OFF,
     3                                                                                             },
    {"arguments",                         FALSE, POP3_CLEAR,
     LOGON "C: STAT 1\n" ARGUMENTS "C: RETR\n" ARGUMENTS "C: RETR 1 2\n" ARGUMENTS
           "C: DELE\n" ARGUMENTS "C: NOOP x\n" ARGUMENTS
           "C:  \nS: -ERR Unknown command.\nC: QUIT now\n" ARGUMENTS
           "C: LIST  2 \nS: +OK 2 {2}\nC: NOOP  \nS: +OK\n" SIGN_OFF,
     3                                                                                             },
    {"capa",                              FALSE, POP3_CLEAR,
     GREETING "C: CAPA\nS: +OK\nS: TOP\nS: UIDL\nS: PIPELINING\nS: RESP-CODES\nS: EXPIRE NEVER\n"
              "S: USER\nS: SASL LOGIN PLAIN\nS: STLS\nS: .\n" SIGN_OFF,
     3                                                                                             },
    {"capa-in-clear",                     FALSE, POP3_SECRET,
     GREETING "C: CAPA\nS: +OK\nS: TOP\nS: UIDL\nS: PIPELINING\nS: RESP-CODES\nS: EXPIRE NEVER\n"
              "S: STLS\nS: .\n" SIGN_OFF,
     3                                                                                             },
    {"no-logon-in-clear",                 FALSE, POP3_SECRET,
     GREETING "C: USER alice\nS: -ERR Logon in clear text is not allowed on this connection.\n"
              "C: PASS secret one\nS: -ERR Logon in clear text is not allowed on this connection.\n"
              "C: AUTH PLAIN AGFsaWNlAHNlY3JldCBvbmU=\n"
              "S: -ERR Logon in clear text is not allowed on this connection.\n"
              "C: AUTH LOGIN\nS: -ERR Logon in clear text is not allowed on this connection.\n"
              "C: AUTH\nS: +OK\nS: .\n" SIGN_OFF,
     3                                                                                             },
    {"no-certificate",                    FALSE, POP3_NO_TLS,
     GREETING "C: STLS\nS: -ERR TLS is not available.\n" SIGN_OFF,                                3},
    {"auth-plain",                        FALSE, POP3_CLEAR,
     GREETING "C: AUTH PLAIN\nS: + \nC: AGFsaWNlAHNlY3JldCBvbmU=\n"
              "S: +OK User successfully logged on\nC: STAT\nS: +OK 3 {4}\n" SIGN_OFF,
     3                                                                                             },
    {"auth-plain-initial",                FALSE, POP3_CLEAR,
     GREETING
     "C: AUTH plain AGFsaWNlAHNlY3JldCBvbmU=\nS: +OK User successfully logged on\n" SIGN_OFF,
     3                                                                                             },
    {"auth-plain-as-oneself",             FALSE, POP3_CLEAR,
     GREETING "C: AUTH PLAIN YWxpY2UAYWxpY2UAc2VjcmV0IG9uZQ==\nS: +OK User successfully logged "
              "on\n" SIGN_OFF,
     3                                                                                             },
    {"auth-plain-as-another",             FALSE, POP3_CLEAR,
     GREETING "C: AUTH PLAIN Ym9iAGFsaWNlAHNlY3JldCBvbmU=\n" BAD_LOGON SIGN_OFF,                  3},
    {"auth-plain-malformed",              FALSE, POP3_CLEAR,
     GREETING
     "C: AUTH PLAIN AGFsaWNl\nS: -ERR The authentication data is malformed.\n"
     "C: AUTH PLAIN =\nS: -ERR The authentication data is malformed.\n"
     "C: AUTH PLAIN A*==\nS: -ERR The authentication data is malformed.\n"
     "C: AUTH PLAIN AGFsaWNlAHNlY3JldCBvbmUA\nS: -ERR The authentication data is malformed.\n"
     "C: AUTH PLAIN\nS: + \nC: \nS: -ERR The authentication data is malformed.\n" SIGN_OFF,
     3                                                                                             },
    {"auth-login",                        FALSE, POP3_CLEAR,
     GREETING
     "C: AUTH LOGIN\nS: + VXNlcm5hbWU6\nC: YWxpY2U=\nS: + UGFzc3dvcmQ6\nC: c2VjcmV0IG9uZQ==\n"
     "S: +OK User successfully logged on\nC: STAT\nS: +OK 3 {4}\n" SIGN_OFF,
     3                                                                                             },
    {"auth-login-initial",                FALSE, POP3_CLEAR,
     GREETING "C: AUTH LOGIN YWxpY2U=\nS: + UGFzc3dvcmQ6\nC: c2VjcmV0IG9uZQ==\n"
              "S: +OK User successfully logged on\n" SIGN_OFF,
     3                                                                                             },
    {"auth-login-wrong",                  FALSE, POP3_CLEAR,
     GREETING
     "C: AUTH LOGIN\nS: + VXNlcm5hbWU6\nC: YWxpY2U=\nS: + UGFzc3dvcmQ6\nC: d3Jvbmc=\n" BAD_LOGON
         SIGN_OFF,                                                                                3},
    {"P-037-auth-canceled",               FALSE, POP3_CLEAR,
     GREETING "C: AUTH LOGIN\nS: + VXNlcm5hbWU6\nC: *\n"
              "S: -ERR The AUTH protocol exchange was canceled by the client.\n"
              "C: AUTH LOGIN\nS: + VXNlcm5hbWU6\nC: YWxpY2U=\nS: + UGFzc3dvcmQ6\nC: *\n"
              "S: -ERR The AUTH protocol exchange was canceled by the client.\n" SIGN_OFF,
     3                                                                                             },
    {"P-038-auth-ntlm-is-off",            FALSE, POP3_CLEAR,
     GREETING "C: AUTH NTLM\n"
              "S: -ERR The NTLM Authentication package has been disabled for this protocol.\n"
              "C: AUTH CRAM-MD5\nS: -ERR The authentication mechanism is not supported.\n"
              "C: AUTH\nS: +OK\nS: LOGIN\nS: PLAIN\nS: .\n" SIGN_OFF,
     3                                                                                             },
    {"P-011-faithful-no-capa",            TRUE,  POP3_CLEAR,
     GREETING "C: CAPA\nS: -ERR Unknown command.\nC: STLS\nS: -ERR Unknown command.\n"
              "C: AUTH PLAIN\nS: -ERR The authentication mechanism is not supported.\n"
              "C: AUTH\n" ARGUMENTS SIGN_OFF,
     3                                                                                             },
    {"P-028-faithful-arguments",          TRUE,  POP3_CLEAR,
     GREETING "C: USER  bob\n" ARGUMENTS "C: USER bob smith\n" ARGUMENTS "C: USER bob \n" ARGUMENTS
              "C: USER aaaaaaaaaabbbbbbbbbbccccccccccddddddddddE\n" ARGUMENTS
              "C: USER bob\nS: +OK\nC: PASS\n" ARGUMENTS "C: PASS \n" ARGUMENTS
              "C: PASS  secret-b\n" ARGUMENTS
              "C: PASS secret-b\nS: +OK User successfully logged on\n"
              "C: LIST  1\n" ARGUMENTS "C: LIST 1 \n" ARGUMENTS "C: NOOP \n" ARGUMENTS
              "C: LIST 1\nS/ ^\\+OK 1 \n" SIGN_OFF,
     3                                                                                             },
    {"P-028-faithful-forty-bytes",        TRUE,  POP3_CLEAR,
     GREETING "C: USER aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd\nS: +OK\n"
              "C: PASS aaaaaaaaaabbbbbbbbbbccccccccccddddddddddE\n" ARGUMENTS SIGN_OFF,
     3                                                                                             },
    {"P-010-faithful-commands",           TRUE,  POP3_CLEAR,
     LOGON_STRICT
     "C: STAT\nS/ ^\\+OK 1 [0-9]+$\nC: TOP 1 0\nS: +OK\nS: Subject: of bob\nS: \nS: .\n"
     "C: UIDL 1\nS/ ^\\+OK 1 " UID "$\nC: NOOP\nS: +OK\nC: RSET\nS: +OK\n" SIGN_OFF,
     3                                                                                             },
    {"faithful-auth-login",               TRUE,  POP3_CLEAR,
     GREETING "C: AUTH LOGIN Ym9i\n" ARGUMENTS
              "C: AUTH LOGIN\nS: + VXNlcm5hbWU6\nC: Ym9i\nS: + UGFzc3dvcmQ6\nC: c2VjcmV0LWI=\n"
              "S: +OK User successfully logged on\n" SIGN_OFF,
     3                                                                                             },
};

static void
test_script(gconstpointer data)
{
    const Script *row = data;

    for (Pop3Feed feed = POP3_LINES; feed <= POP3_PIPELINED; feed++) {
        Pop3World self;

        g_test_message("feed %d", feed);
        pop3_world_set_up(&self, !row->faithful, NULL);
        pop3_world_deliver(&self, self.alice, ONE, -1);
        pop3_world_deliver(&self, self.alice, TWO, -1);
        pop3_world_deliver(&self, self.alice, THREE, -1);
        pop3_world_play(&self, row->listener, row->script, feed, sizes);
        g_assert_cmpuint(pop3_world_count(&self, self.alice), ==, row->left);
        pop3_world_tear_down(&self);
    }
}

int
main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (guint i = 0; i < G_N_ELEMENTS(scripts); i++) {
        g_autofree char *path = g_strconcat("/pop3/script/", scripts[i].name, NULL);

        g_test_add_data_func(path, &scripts[i], test_script);
    }
    return g_test_run();
}
