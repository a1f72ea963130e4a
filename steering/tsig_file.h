/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A TSIG key whose secret stands in a file. */
#ifndef POLYNYA_STEERING_TSIG_FILE_H
#define POLYNYA_STEERING_TSIG_FILE_H

#include "data/dns/tsig.h"
#include "data/list/refusal.h"

/* Reads the secret, base64 in a file of its own, into key; the rest of key stays. UNREADABLE, TOO_LARGE,
 * BAD_FIELD, NO_MEMORY. Whoever has the key wipes it. */
bool tsig_file_read(const char *path, struct tsig_key *key, struct refusal *why);

#endif
