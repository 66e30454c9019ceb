/* Passwords: never on the command line, where every process could read them. */
#include <config.h>

#include "tools/imsctl.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <termios.h>
#include <unistd.h>

enum {
    LONGEST = 256,
    RANDOM_LENGTH = 16,
};

void
imsctl_password_free(char *password)
{
    if (password == NULL)
        return;
    explicit_bzero(password, strlen(password));
    g_free(password);
}

char *
imsctl_password_new(void)
{
    /* 56 characters that cannot be taken for each other: 16 of them have 92 bits. */
    static const char alphabet[] = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    char *password = g_malloc0(RANDOM_LENGTH + 1);

    for (guint i = 0; i < RANDOM_LENGTH;) {
        guint8 byte;

        if (getrandom(&byte, 1, 0) == 1 && byte < 4 * (sizeof alphabet - 1))
            password[i++] = alphabet[byte % (sizeof alphabet - 1)];
    }
    return password;
}

/* One line without its end, at most LONGEST bytes. NULL: complained. */
static char *
read_line(void)
{
    char line[LONGEST + 3];
    char *password = NULL;

    if (fgets(line, sizeof line, stdin) == NULL)
        imsctl_complain(IMSCTL_FAILED, "no password was given");
    else {
        line[strcspn(line, "\r\n")] = '\0';
        if (strlen(line) > LONGEST)
            imsctl_complain(IMSCTL_FAILED, "the password is longer than %d bytes", LONGEST);
        else if (*line == '\0')
            imsctl_complain(IMSCTL_FAILED, "an empty password is not possible");
        else
            password = g_strdup(line);
    }
    explicit_bzero(line, sizeof line);
    return password;
}

static char *
ask_without_echo(const char *prompt)
{
    struct termios before, silent;
    char *password;

    fputs(prompt, stderr);
    if (tcgetattr(STDIN_FILENO, &before) != 0) {
        imsctl_complain(IMSCTL_FAILED, "the terminal cannot be read: %s", g_strerror(errno));
        return NULL;
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
    password = read_line();
    (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &before);
    fputc('\n', stderr);
    return password;
}

char *
imsctl_password_get(const ImsctlPasswordOptions *options, const char *who)
{
    g_autofree char *prompt = g_strdup_printf("Password for %s: ", who);
    char *password, *again;
    gboolean same;

    if (options->random && options->from_stdin) {
        imsctl_complain(IMSCTL_USAGE, "--random and --password-stdin exclude each other");
        return NULL;
    }
    if (options->random)
        return imsctl_password_new();
    if (options->from_stdin)
        return read_line();
    if (!isatty(STDIN_FILENO)) {
        imsctl_complain(IMSCTL_USAGE,
                        "a password is needed: --password-stdin reads it, --random makes one");
        return NULL;
    }
    password = ask_without_echo(prompt);
    if (password == NULL)
        return NULL;
    again = ask_without_echo("Again: ");
    same = again != NULL && strcmp(password, again) == 0;
    if (again != NULL && !same)
        imsctl_complain(IMSCTL_FAILED, "the two passwords differ");
    imsctl_password_free(again);
    if (!same)
        g_clear_pointer(&password, imsctl_password_free);
    return password;
}
