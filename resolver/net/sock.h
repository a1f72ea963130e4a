/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Stream sockets as every part wants them: non-blocking, closed on exec, without Nagle's delay. */
#ifndef POLYNYA_NET_SOCK_H
#define POLYNYA_NET_SOCK_H

#include "data/base/address.h"

/* A listening socket, or -1 and errno. reuse_port: several of them may share an address (SO_REUSEPORT). IPv6
 * sockets take IPv6 only. A unix address replaces what a dead process left at its path, never a socket that
 * answers (EADDRINUSE), and is for our own user alone (mode 0600). */
int sock_listen(const union sock_addr *address, bool reuse_port);
/* The next connection, or -1 and errno (EAGAIN: none waits). peer's family is AF_UNIX for unix sockets. */
int sock_accept(int listener, union sock_addr *peer);

#endif
