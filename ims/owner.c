#include <config.h>

#include "ims/owner.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* All capabilities go but, where it is there, the one for low ports; that one outlives an exec. */
static gboolean
keep_low_ports(void)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    const guint32 wanted = CAP_TO_MASK(CAP_NET_BIND_SERVICE);
    guint32 kept;

    if (syscall(SYS_capget, &header, data) != 0)
        return FALSE;
    kept = data[0].permitted & wanted;
    data[0] = (struct __user_cap_data_struct){kept, kept, kept};
    data[1] = (struct __user_cap_data_struct){0, 0, 0};
    if (syscall(SYS_capset, &header, data) != 0)
        return FALSE;
    return kept == 0 ||
           prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE, 0, 0) == 0;
}

/* The groups that the user database gives the owner: a key file is often a group's. */
static gboolean
take_groups(uid_t user, gid_t group)
{
    const struct passwd *entry = getpwuid(user);

    return (entry != NULL ? initgroups(entry->pw_name, group) : setgroups(0, NULL)) == 0;
}

gboolean
ims_become_owner(const char *folder, gboolean low_ports, GError **error)
{
    struct stat status;

    if (geteuid() != 0 || stat(folder, &status) != 0 || status.st_uid == 0)
        return TRUE;
    if (prctl(PR_SET_KEEPCAPS, low_ports ? 1 : 0, 0, 0, 0) == 0 &&
        take_groups(status.st_uid, status.st_gid) &&
        setresgid(status.st_gid, status.st_gid, status.st_gid) == 0 &&
        setresuid(status.st_uid, status.st_uid, status.st_uid) == 0 &&
        (!low_ports || keep_low_ports()) && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0) {
        if (setuid(0) != 0)
            return TRUE;
        errno = EPERM; /* root again: nothing was given up */
    }
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(errno),
                "cannot work as the owner of %s, user %u: %s", folder, (guint)status.st_uid,
                g_strerror(errno));
    return FALSE;
}

gboolean
ims_owner_may(const char *file, int mode, GError **error)
{
    const struct passwd *entry;
    int failure;

    if (access(file, mode) == 0)
        return TRUE;
    failure = errno;
    entry = getpwuid(geteuid());
    g_set_error(error, G_FILE_ERROR, g_file_error_from_errno(failure),
                "%s: user %s (%u) cannot %s it: %s", file, entry != NULL ? entry->pw_name : "?",
                (guint)geteuid(), mode == X_OK ? "run" : "read", g_strerror(failure));
    return FALSE;
}
