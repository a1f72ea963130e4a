/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a role may still do, as the kernel holds it to: Landlock for paths and TCP ports, seccomp for system
 * calls. Whoever takes a process over gets no more than it needed.
 *
 *              paths                                      TCP                    processes, threads
 *   worker     state-dir's cache; reads: state-dir's      to upstreams' ports    none
 *              prober (and notes that it reads it)
 *   prober     state-dir's prober; reads: /etc, /usr, the to any port            threads (names are resolved
 *              config's files and list folders                                   in one)
 *
 * Nobody executes anything, listens on a new TCP port, traces or signals others, mounts, or changes who it
 * is, and TCP and UDP are the only protocols. A kernel without Landlock (before 5.13), or without its TCP
 * rules (before 6.7), leaves that part out, and the log says so. UDP has no such rules. */
#ifndef POLYNYA_RESOLVER_CONFINE_H
#define POLYNYA_RESOLVER_CONFINE_H

#include "data/conf/conf.h"

/* For good, for the calling process. What is open stays usable. False, logged, if the kernel refuses what it
 * offers: the caller must then end. Does nothing if conf->sandbox is off. */
bool confine_worker(const struct conf *conf);
bool confine_prober(const struct conf *conf);

#endif
