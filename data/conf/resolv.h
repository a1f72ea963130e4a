/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The system's nameservers, resolv.conf(5). */
#ifndef POLYNYA_CONF_RESOLV_H
#define POLYNYA_CONF_RESOLV_H

#include "data/base/address.h"

enum { RESOLV_MAX = 8 };

/* The addresses of "nameserver" lines, port 53, without repetition; link-local ones with a zone are left out.
 * Returns how many, at most RESOLV_MAX; 0 if the file cannot be read. */
unsigned resolv_read(const char *path, union sock_addr out[RESOLV_MAX]);

#endif
