/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The lists' side of steering.mdb: opening it as its writer, and what an update of one list puts into it. */
#ifndef POLYNYA_STEERING_LISTS_STORE_H
#define POLYNYA_STEERING_LISTS_STORE_H

#include "steering/subscription.h"

/* Opens or makes it; a damaged or foreign file is set aside, which is logged. NULL, logged, if it cannot. */
struct store *lists_store_open(const char *state_dir);
/* The pin, and what the offer brings: root, documents, highest versions and seqs. */
enum store_result lists_store_put(struct store_txn *t, const struct subscription *s, const struct offer *o);

#endif
