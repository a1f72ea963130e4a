/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Privileges of processes: see privilege.h. */
#include "resolver/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/base/log.h"

static const struct passwd *find_user(const char *user)
{
    errno = 0;
    const struct passwd *pw = getpwnam(user);
    if (!pw)
        log_error("user.unknown", "user=%s why=\"%s\"", user, errno ? strerror(errno) : "no such user");
    return pw;
}

static bool become(const char *user)
{
    const struct passwd *pw = find_user(user);
    if (!pw)
        return false;
    if (geteuid() == pw->pw_uid)
        return true;
    if (initgroups(user, pw->pw_gid) != 0 || setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
        setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0) {
        log_error("user.change", "user=%s why=\"%s\"", user, strerror(errno));
        return false;
    }
    return true;
}

/* Every client and every question upstream is a descriptor: take as many as we may have. */
static void raise_descriptors(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

bool privilege_drop(const char *user)
{
    raise_descriptors();
    if (user && !become(user))
        return false;
    /* Undumpable, as the change of user alone would make us: what readers ask is in our memory. A limit of 0
     * is none for a program that core_pattern names (core(5)), nor for who traces us. */
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 &&
           setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0}) == 0;
}

bool privilege_give(const char *path, const char *user)
{
    const struct passwd *pw = user ? find_user(user) : NULL;
    if (!user)
        return true;
    if (!pw)
        return false;
    if (geteuid() != 0 || chown(path, pw->pw_uid, pw->pw_gid) == 0)
        return true;
    log_error("chown", "path=%s why=\"%s\"", path, strerror(errno));
    return false;
}

bool privilege_state_dir(const char *dir, const char *user)
{
    struct stat st;
    if (mkdir(dir, 0700) != 0 && errno != EEXIST) {
        log_error("state-dir", "path=%s why=\"%s\"", dir, strerror(errno));
        return false;
    }
    if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode)) {
        log_error("state-dir", "path=%s why=\"not a folder\"", dir);
        return false;
    }
    return privilege_give(dir, user);
}
