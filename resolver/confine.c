/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Sandboxes: see confine.h. The one place that knows which system calls a role makes. */
#include "resolver/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sched.h>
#include <seccomp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "data/base/log.h"
#include "resolver/cached.h"
#include "steering/state.h"

/* System calls */

/* What libc, libev, LMDB, OpenSSL, nghttp2 and libcurl use of the kernel. Everything else fails with EPERM:
 * an error that is handled, where a kill would let one unforeseen call take the service down. */
static const char *const calls[] = {
    /* memory */
    "brk", "mmap", "munmap", "mremap", "mprotect", "madvise", "msync", "membarrier", "mlock", "munlock",
    /* files: which ones is Landlock's to say */
    "open", "openat", "close", "close_range", "read", "readv", "pread64", "preadv", "write", "writev",
    "pwrite64", "pwritev", "lseek", "fsync", "fdatasync", "sync_file_range", "ftruncate", "fallocate",
    "flock", "stat", "fstat", "lstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat",
    "faccessat2", "rename", "renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "readlink",
    "readlinkat", "getdents64", "fchmod", "umask", "fadvise64", "dup", "dup2", "dup3", "getcwd",
    "memfd_create",
    /* events and time */
    "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select",
    "pselect6", "eventfd2", "pipe", "pipe2", "signalfd4", "timerfd_create", "timerfd_settime",
    "inotify_init1", "inotify_add_watch", "inotify_rm_watch", "clock_gettime", "clock_getres",
    "clock_nanosleep", "nanosleep", "gettimeofday", "time",
    /* sockets; their families are below */
    "accept", "accept4", "connect", "bind", "getsockname", "getpeername", "getsockopt", "setsockopt",
    "shutdown", "recvfrom", "recvmsg", "recvmmsg", "socketpair",
    /* the process itself */
    "exit", "exit_group", "futex", "set_robust_list", "get_robust_list", "rseq", "restart_syscall",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack", "getpid", "gettid",
    "getppid", "getuid", "geteuid", "getgid", "getegid", "getrandom", "getrlimit", "getrusage", "sched_yield",
    "sched_getaffinity", "sysinfo", "uname", "prctl"};

/* A list's signatures are checked on a few threads (parallel.h). libcurl resolves names in a thread, which
 * asks the kernel for our addresses over netlink, and may ask a caching daemon over a unix socket. */
static const char *const thread_calls[] = {"set_tid_address", "arch_prctl"};

static bool allow(scmp_filter_ctx filter, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        int number = seccomp_syscall_resolve_name(names[i]);
        /* Not every processor has every call. */
        if (number >= 0 && seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0) != 0)
            return false;
    }
    return true;
}

static bool allow_family(scmp_filter_ctx filter, int family)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family)) == 0;
}

/* Landlock's ports are TCP's: Multipath TCP, SCTP and SMC would go past them. */
static bool allow_internet(scmp_filter_ctx filter, int family)
{
    static const int protocols[] = {0, IPPROTO_TCP, IPPROTO_UDP};
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                             SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)family),
                             SCMP_A2(SCMP_CMP_EQ, (scmp_datum_t)protocols[i])) != 0)
            return false;
    return true;
}

/* TCP Fast Open connects as it sends, and Landlock has no say in that. */
static bool allow_sending(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendto), 1,
                            SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendmsg), 1,
                            SCMP_A2(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0)) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(sendmmsg), 1,
                            SCMP_A3(SCMP_CMP_MASKED_EQ, MSG_FASTOPEN, 0)) == 0;
}

/* The second argument is a command, of which the kernel looks at 32 bits. */
static bool allow_commands(scmp_filter_ctx filter, int call, const unsigned *commands, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
                             SCMP_A1(SCMP_CMP_MASKED_EQ, UINT32_MAX, commands[i])) != 0)
            return false;
    return true;
}

/* Not F_SETOWN and F_SETSIG, which signal others; nor TIOCSTI, which types into the terminal that the service
 * may have been started from. */
static bool allow_control(scmp_filter_ctx filter)
{
    static const unsigned of_files[] = {F_DUPFD,  F_DUPFD_CLOEXEC, F_GETFD,     F_SETFD,
                                        F_GETFL,  F_SETFL,         F_GETLK,     F_SETLK,
                                        F_SETLKW, F_OFD_GETLK,     F_OFD_SETLK, F_OFD_SETLKW};
    static const unsigned of_devices[] = {FIONREAD, FIONBIO, SIOCOUTQ, TCGETS};
    return allow_commands(filter, SCMP_SYS(fcntl), of_files, sizeof of_files / sizeof *of_files) &&
           allow_commands(filter, SCMP_SYS(ioctl), of_devices, sizeof of_devices / sizeof *of_devices);
}

/* Roles run as one user: nobody signals another (libc aborts by tgkill), or takes its descriptors away. */
static bool allow_own_process(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                            SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid())) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A0(SCMP_CMP_EQ, 0)) == 0;
}

/* Threads, never processes: clone3 hides its flags in memory, so libc is told to fall back on clone. */
static bool allow_threads(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0) == 0 &&
           seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                            SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)) == 0 &&
           allow(filter, thread_calls, sizeof thread_calls / sizeof *thread_calls) &&
           allow_family(filter, AF_UNIX) && allow_family(filter, AF_NETLINK);
}

static bool filter_calls(bool threads)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    bool ok = filter && allow(filter, calls, sizeof calls / sizeof *calls) && allow_sending(filter) &&
              allow_control(filter) && allow_own_process(filter) && allow_internet(filter, AF_INET) &&
              allow_internet(filter, AF_INET6) && (!threads || allow_threads(filter)) &&
              seccomp_load(filter) == 0;
    if (filter)
        seccomp_release(filter);
    return ok;
}

/* Paths and ports */

/* Newer than Debian 12's headers: rights of Landlock's ABI 3 and 4. */
enum { FS_TRUNCATE = 1 << 14, NET_BIND_TCP = 1, NET_CONNECT_TCP = 2, RULE_NET_PORT = 2 };

struct ruleset_attr {
    uint64_t handled_access_fs;
    uint64_t handled_access_net;
};

struct net_port_attr {
    uint64_t allowed_access;
    uint64_t port;
};

enum {
    READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
    WRITE = READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE |
            LANDLOCK_ACCESS_FS_MAKE_REG | FS_TRUNCATE
};

enum { PATH_LEN = 4096 };

struct rules {
    int fd;       /* -1: this kernel has no Landlock */
    uint64_t fs;  /* rights that this kernel knows */
    uint64_t net; /* the same, of those that the role does not have on all ports */
    bool failed;
};

static void rules_open(struct rules *r, uint64_t net)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    *r = (struct rules){.fd = -1};
    if (abi < 1)
        return;
    r->fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
    if (abi >= 2)
        r->fs |= LANDLOCK_ACCESS_FS_REFER;
    if (abi >= 3)
        r->fs |= FS_TRUNCATE;
    if (abi >= 4)
        r->net = net;
    struct ruleset_attr attr = {.handled_access_fs = r->fs, .handled_access_net = r->net};
    r->fd = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    r->failed = r->fd < 0;
}

/* What is not there grants nothing, and needs nothing. */
static void allow_path(struct rules *r, const char *path, uint64_t access)
{
    struct stat st;
    if (r->fd < 0)
        return;
    struct landlock_path_beneath_attr attr = {.allowed_access = access & r->fs,
                                              .parent_fd = open(path, O_PATH | O_CLOEXEC)};
    if (attr.parent_fd < 0)
        return;
    if (fstat(attr.parent_fd, &st) == 0 && !S_ISDIR(st.st_mode))
        attr.allowed_access &= LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE;
    if (syscall(SYS_landlock_add_rule, r->fd, LANDLOCK_RULE_PATH_BENEATH, &attr, 0) != 0)
        r->failed = true;
    close(attr.parent_fd);
}

/* Files are replaced by renaming: the right is the folder's. */
static void allow_folder_of(struct rules *r, const char *path)
{
    char folder[4096];
    int n = snprintf(folder, sizeof folder, "%s", path);
    char *slash = n > 0 && n < (int)sizeof folder ? strrchr(folder, '/') : NULL;
    if (!slash)
        return;
    slash[slash == folder] = '\0';
    allow_path(r, folder, READ);
}

static bool belongs(const char *setting, const char *const *sections)
{
    for (; *sections; sections++)
        if (strncmp(setting, *sections, strlen(*sections)) == 0)
            return true;
    return false;
}

/* What the prober opens again; a worker has everything from before, or from the supervisor. */
static void on_prober_path(void *self, const char *setting, const void *value)
{
    static const char *const sections[] = {"steering.", "dnssec.", NULL};
    if (belongs(setting, sections))
        allow_folder_of(self, *(const char *const *)value);
}

/* file: folders, and the one above each: folders are replaced, too. */
static void on_url(void *self, const char *setting, const void *value)
{
    (void)setting;
    const char *url = *(const char *const *)value;
    if (strncmp(url, "file:", 5) != 0)
        return;
    const char *path = url + 5;
    if (strncmp(path, "//", 2) == 0)
        path += 2;
    char folder[4096];
    snprintf(folder, sizeof folder, "%s", path);
    for (size_t len = strlen(folder); len > 1 && folder[len - 1] == '/'; len--)
        folder[len - 1] = '\0';
    allow_folder_of(self, folder);
}

/* A policy zone's primary is the prober's to ask, which may connect to any port. */
static void on_server(void *self, const char *setting, const void *value)
{
    static const char *const sections[] = {"upstream.", NULL};
    struct rules *r = self;
    if (!belongs(setting, sections))
        return;
    struct net_port_attr attr = {.allowed_access = NET_CONNECT_TCP, .port = sock_addr_port(value)};
    if (r->net & NET_CONNECT_TCP && syscall(SYS_landlock_add_rule, r->fd, RULE_NET_PORT, &attr, 0) != 0)
        r->failed = true;
}

static bool rules_apply(struct rules *r, const char *role)
{
    if (r->fd < 0 && !r->failed)
        log_warn("sandbox.partial", "role=%s text=\"this kernel has no Landlock: paths are not confined\"",
                 role);
    if (r->fd >= 0 && !r->failed)
        r->failed =
            prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_landlock_restrict_self, r->fd, 0) != 0;
    if (r->fd >= 0)
        close(r->fd);
    return !r->failed;
}

static bool done(bool ok, const char *role)
{
    if (!ok)
        log_error("sandbox.failed", "role=%s why=\"%s\"", role, strerror(errno));
    return ok;
}

static void allow_devices(struct rules *r)
{
    allow_path(r, "/dev/null", READ | LANDLOCK_ACCESS_FS_WRITE_FILE);
    allow_path(r, "/dev/urandom", READ);
}

/* For those that make TLS clients while they run; a worker inherits its own. */
static void allow_cas(struct rules *r)
{
    allow_path(r, "/etc/ssl", READ);
    allow_path(r, "/usr/lib/ssl", READ);
    allow_path(r, "/usr/share/ca-certificates", READ);
    allow_path(r, "/usr/local/share/ca-certificates", READ);
}

bool confine_worker(const struct conf *conf)
{
    char path[PATH_LEN];
    struct rules r;
    if (!conf->sandbox)
        return true;
    rules_open(&r, NET_BIND_TCP | NET_CONNECT_TCP);
    allow_devices(&r);
    cached_folder(conf, path, sizeof path);
    allow_path(&r, path, WRITE);
    /* A cache that is opened later, too, must know from which boot its files are. */
    allow_path(&r, "/proc/sys/kernel/random/boot_id", READ);
    if (state_folder(conf->state_dir, path, sizeof path))
        allow_path(&r, path, READ);
    if (state_lock_path(conf->state_dir, path, sizeof path))
        allow_path(&r, path, WRITE);
    conf_each_server(conf, on_server, &r);
    return done(rules_apply(&r, "worker") && filter_calls(false), "worker");
}

bool confine_prober(const struct conf *conf)
{
    char path[PATH_LEN];
    struct rules r;
    if (!conf->sandbox)
        return true;
    rules_open(&r, NET_BIND_TCP);
    allow_devices(&r);
    if (state_prepare(conf->state_dir) && state_folder(conf->state_dir, path, sizeof path))
        allow_path(&r, path, WRITE);
    allow_cas(&r);
    conf_each_path(conf, on_prober_path, &r);
    conf_each_url(conf, on_url, &r);
    /* Resolving names reads its config, and may load modules. */
    static const char *const system[] = {"/etc",    "/usr", "/lib", "/lib64", "/run/systemd/resolve",
                                         "/var/run"};
    for (size_t i = 0; i < sizeof system / sizeof *system; i++)
        allow_path(&r, system[i], READ);
    return done(rules_apply(&r, "prober") && filter_calls(true), "prober");
}
