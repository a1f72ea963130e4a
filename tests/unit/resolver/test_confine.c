/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Confined processes that try what they may not do, and what they must still be able to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "resolver/confine.h"
#include "steering/state.h"

static char state_dir[] = "/tmp/polynya-confine-XXXXXX";
static struct conf_server server;
static struct conf conf = {.log_level = LOG_LEVEL_ERROR, .sandbox = true, .state_dir = state_dir};
static int listening[2]; /* the upstream's port, and another */
static long landlock_abi;

static in_port_t port_of(int fd)
{
    struct sockaddr_in a;
    socklen_t len = sizeof a;
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
    return a.sin_port;
}

static int listen_somewhere(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(fd, 8), 0);
    return fd;
}

static const char *in_state(const char *name)
{
    static char path[2][96];
    static unsigned at;
    char *out = path[at++ % 2];
    snprintf(out, sizeof path[0], "%s/%s", state_dir, name);
    return out;
}

/* As it is when roles begin: folders, and what an earlier run left. */
static void make_state(void)
{
    static const char *const files[] = {"prober/steering.mdb", "prober/trust-anchors", "cache/cache-1.mdb",
                                        "control.sock"};
    assert_int_equal(mkdir(in_state("cache"), 0700), 0);
    assert_true(state_prepare(state_dir));
    for (unsigned i = 0; i < sizeof files / sizeof *files; i++)
        assert_int_equal(close(open(in_state(files[i]), O_WRONLY | O_CREAT, 0600)), 0);
}

static int setup(void **state)
{
    (void)state;
    log_setup("test", LOG_LEVEL_ERROR);
    assert_non_null(mkdtemp(state_dir));
    make_state();
    listening[0] = listen_somewhere();
    listening[1] = listen_somewhere();
    struct ip loopback = {.len = 4, .addr = {127, 0, 0, 1}};
    sock_addr_of(&loopback, ntohs(port_of(listening[0])), &server.address);
    conf.upstream.servers = &server;
    conf.upstream.count = 1;
    landlock_abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -r %s", state_dir);
    assert_int_equal(system(command), 0);
    close(listening[0]);
    close(listening[1]);
    return 0;
}

/* What try returns (0..200) in a process confined by `confine`; 255 if confining failed. */
static int confined(bool (*confine)(const struct conf *), int (*try)(void))
{
    int status;
    pid_t pid = fork();
    if (pid == 0)
        _exit(confine(&conf) ? try() : 255);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

/* 0 if it worked, else errno. */
static int result(long r)
{
    return r < 0 ? errno : 0;
}

static int try_exec(void)
{
    char name[] = "true", *const argv[] = {name, NULL};
    return result(execv("/bin/true", argv));
}

static int try_fork(void)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(0);
    return result(pid);
}

static int try_trace(void)
{
    return result(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
}

static int try_packets(void)
{
    return result(socket(AF_PACKET, SOCK_RAW, 0));
}

static int try_unix(void)
{
    return result(socket(AF_UNIX, SOCK_STREAM, 0));
}

static int try_namespace(void)
{
    return result(unshare(CLONE_NEWUSER));
}

static int try_passwd(void)
{
    return result(open("/etc/passwd", O_RDONLY));
}

static int try_write_outside(void)
{
    return result(open("/tmp/polynya-confine-outside", O_WRONLY | O_CREAT, 0600));
}

static const char *tried; /* a folder or file of the state */

/* All that a role does in its folder. */
static int try_folder(void)
{
    char path[128], other[128];
    snprintf(path, sizeof path, "%s/%s/new", state_dir, tried);
    snprintf(other, sizeof other, "%s/%s/file", state_dir, tried);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return errno;
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1};
    if (fcntl(fd, F_OFD_SETLK, &lock) != 0 || fcntl(fd, F_GETLK, &lock) != 0)
        return errno;
    if (write(fd, "x", 1) != 1 || ftruncate(fd, 0) != 0 || fsync(fd) != 0 || rename(path, other) != 0)
        return errno;
    return result(unlink(other));
}

static int try_write(void)
{
    return result(open(in_state(tried), O_RDWR));
}

static int try_read(void)
{
    return result(open(in_state(tried), O_RDONLY));
}

static int try_remove(void)
{
    return result(unlink(in_state(tried)));
}

/* What is the role's own may not be put in the place of what is not. */
static int try_replace(void)
{
    return result(rename(in_state("cache/cache-1.mdb"), in_state(tried)));
}

static int confined_on(const char *name, bool (*confine)(const struct conf *), int (*try)(void))
{
    tried = name;
    return confined(confine, try);
}

static struct sockaddr_in address_of(int fd_of_listener)
{
    return (struct sockaddr_in){.sin_family = AF_INET,
                                .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                .sin_port = port_of(fd_of_listener)};
}

static int connect_to(int fd_of_listener)
{
    struct sockaddr_in a = address_of(fd_of_listener);
    return result(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&a, sizeof a));
}

static int try_upstream(void)
{
    return connect_to(listening[0]);
}

static int try_other_port(void)
{
    return connect_to(listening[1]);
}

/* Ways to a port that Landlock does not see. */
static int try_multipath(void)
{
    return result(socket(AF_INET, SOCK_STREAM, IPPROTO_MPTCP));
}

static int try_sctp(void)
{
    return result(socket(AF_INET6, SOCK_STREAM, IPPROTO_SCTP));
}

static int try_fast_open(void)
{
    struct sockaddr_in a = address_of(listening[1]);
    return result(
        sendto(socket(AF_INET, SOCK_STREAM, 0), "x", 1, MSG_FASTOPEN, (struct sockaddr *)&a, sizeof a));
}

static int try_fast_open_messages(void)
{
    struct sockaddr_in a = address_of(listening[1]);
    char byte = 0;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    struct mmsghdr m = {
        .msg_hdr = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &data, .msg_iovlen = 1}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = result(sendmsg(fd, &m.msg_hdr, MSG_FASTOPEN | MSG_NOSIGNAL));
    return one == EPERM ? result(sendmmsg(fd, &m, 1, MSG_FASTOPEN | MSG_NOSIGNAL)) : one;
}

static int try_listen(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    return result(bind(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&a, sizeof a));
}

/* As a question over UDP does: a port of its own choice, then a peer. */
static int try_datagram(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (bind(fd, (struct sockaddr *)&a, sizeof a) != 0)
        return errno;
    a.sin_port = port_of(listening[0]);
    return result(connect(fd, (struct sockaddr *)&a, sizeof a));
}

/* Of the same user: the test itself. */
static int try_signal(void)
{
    return result(tgkill(getppid(), getppid(), 0));
}

/* By way of a socket that tells of what comes. */
static int try_signal_by_file(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int error = result(fcntl(fd, F_SETOWN, getppid()));
    return error == EPERM ? result(fcntl(fd, F_SETSIG, SIGKILL)) : error;
}

/* Also with bits that the kernel does not look at. */
static int try_typing(void)
{
    char byte = 'x';
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int error = result(syscall(SYS_ioctl, fd, TIOCSTI, &byte));
    return error == EPERM ? result(syscall(SYS_ioctl, fd, TIOCSTI | 1UL << 32, &byte)) : error;
}

static int try_signal_self(void)
{
    return result(tgkill(getpid(), gettid(), 0));
}

static int try_limit_others(void)
{
    struct rlimit limit;
    return result(prlimit(getppid(), RLIMIT_NOFILE, NULL, &limit));
}

static void *nothing(void *argument)
{
    return argument;
}

static int try_thread(void)
{
    pthread_t thread;
    int error = pthread_create(&thread, NULL, nothing, NULL);
    return error ? error : pthread_join(thread, NULL);
}

static void nobody_starts_or_watches_others(void **state)
{
    (void)state;
    bool (*const roles[])(const struct conf *) = {confine_worker, confine_prober};
    for (int i = 0; i < 2; i++) {
        assert_int_equal(confined(roles[i], try_exec), EPERM);
        assert_int_equal(confined(roles[i], try_fork), EPERM);
        assert_int_equal(confined(roles[i], try_trace), EPERM);
        assert_int_equal(confined(roles[i], try_packets), EPERM);
        assert_int_equal(confined(roles[i], try_namespace), EPERM);
        assert_int_equal(confined(roles[i], try_signal), EPERM);
        assert_int_equal(confined(roles[i], try_signal_self), 0);
        assert_int_equal(confined(roles[i], try_signal_by_file), EPERM);
        assert_int_equal(confined(roles[i], try_limit_others), EPERM);
        assert_int_equal(confined(roles[i], try_typing), EPERM);
    }
}

static void each_keeps_to_its_folders(void **state)
{
    (void)state;
    assert_int_equal(confined_on("cache", confine_worker, try_folder), 0);
    assert_int_equal(confined_on("prober", confine_prober, try_folder), 0);
    if (landlock_abi < 1)
        return;
    assert_int_equal(confined(confine_worker, try_passwd), EACCES);
    assert_int_equal(confined(confine_worker, try_write_outside), EACCES);
    assert_int_equal(confined(confine_prober, try_passwd), 0);
    assert_int_equal(confined(confine_prober, try_write_outside), EACCES);
}

/* A worker that is taken over poisons the cache at worst: neither lists nor anchors, which outlive it. */
static void workers_write_the_cache_alone(void **state)
{
    (void)state;
    static const char *const others[] = {"prober/steering.mdb", "prober/trust-anchors", "control.sock"};
    /* LMDB's readers must be able to note what they read. */
    assert_int_equal(confined_on("prober/steering.mdb-lock", confine_worker, try_write), 0);
    assert_int_equal(confined_on("prober/steering.mdb", confine_worker, try_read), 0);
    assert_int_equal(confined_on("prober/trust-anchors", confine_worker, try_read), 0);
    if (landlock_abi < 1)
        return;
    assert_int_equal(confined_on(".", confine_worker, try_folder), EACCES);
    assert_int_equal(confined_on("prober", confine_worker, try_folder), EACCES);
    assert_int_equal(confined_on("prober/steering.mdb-lock", confine_worker, try_remove), EACCES);
    for (unsigned i = 0; i < sizeof others / sizeof *others; i++) {
        assert_int_equal(confined_on(others[i], confine_worker, try_write), EACCES);
        assert_int_equal(confined_on(others[i], confine_worker, try_remove), EACCES);
        assert_int_not_equal(confined_on(others[i], confine_worker, try_replace), 0);
    }
}

static void probers_write_what_they_found_alone(void **state)
{
    (void)state;
    if (landlock_abi < 1)
        return;
    assert_int_equal(confined_on("prober/steering.mdb", confine_prober, try_write), 0);
    assert_int_equal(confined_on("prober/trust-anchors", confine_prober, try_write), 0);
    assert_int_equal(confined_on(".", confine_prober, try_folder), EACCES);
    assert_int_equal(confined_on("cache", confine_prober, try_folder), EACCES);
    assert_int_equal(confined_on("cache/cache-1.mdb", confine_prober, try_write), EACCES);
    assert_int_equal(confined_on("cache/cache-1.mdb", confine_prober, try_read), EACCES);
}

static void workers_reach_upstreams_alone(void **state)
{
    (void)state;
    assert_int_equal(confined(confine_worker, try_upstream), 0);
    assert_int_equal(confined(confine_worker, try_datagram), 0);
    assert_int_equal(confined(confine_worker, try_unix), EPERM);
    assert_int_equal(confined(confine_worker, try_multipath), EPERM);
    assert_int_equal(confined(confine_worker, try_sctp), EPERM);
    assert_int_equal(confined(confine_worker, try_fast_open), EPERM);
    assert_int_equal(confined(confine_worker, try_fast_open_messages), EPERM);
    if (landlock_abi < 4)
        return;
    assert_int_equal(confined(confine_worker, try_other_port), EACCES);
    assert_int_equal(confined(confine_worker, try_listen), EACCES);
}

static void probers_reach_any_port_but_serve_none(void **state)
{
    (void)state;
    assert_int_equal(confined(confine_prober, try_other_port), 0);
    if (landlock_abi >= 4)
        assert_int_equal(confined(confine_prober, try_listen), EACCES);
}

static void only_probers_have_threads(void **state)
{
    (void)state;
    assert_int_equal(confined(confine_prober, try_thread), 0);
    assert_int_equal(confined(confine_worker, try_thread), EPERM);
}

static void the_switch_is_honoured(void **state)
{
    (void)state;
    conf.sandbox = false;
    assert_int_equal(confined(confine_worker, try_passwd), 0);
    assert_int_equal(confined(confine_prober, try_fork), 0);
    conf.sandbox = true;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nobody_starts_or_watches_others),
        cmocka_unit_test(each_keeps_to_its_folders),
        cmocka_unit_test(workers_write_the_cache_alone),
        cmocka_unit_test(probers_write_what_they_found_alone),
        cmocka_unit_test(workers_reach_upstreams_alone),
        cmocka_unit_test(probers_reach_any_port_but_serve_none),
        cmocka_unit_test(only_probers_have_threads),
        cmocka_unit_test(the_switch_is_honoured),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
