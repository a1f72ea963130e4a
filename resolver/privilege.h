/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a process may no longer do. */
#ifndef POLYNYA_RESOLVER_PRIVILEGE_H
#define POLYNYA_RESOLVER_PRIVILEGE_H

#include <stdbool.h>

/* Becomes `user` with its groups for good (NULL: stays who it is), gives up core dumps, being
 * traced and gaining privileges. Logs why it failed; the caller must then end. */
bool privilege_drop(const char *user);
/* Makes dir (0700) if it is missing and gives it to user (NULL: leaves the owner). Logs and returns false on
 * failure. */
bool privilege_state_dir(const char *dir, const char *user);
/* Gives a file, such as the control socket, to user; NULL: leaves it. */
bool privilege_give(const char *path, const char *user);

#endif
