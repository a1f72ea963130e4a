/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rebinding protection: public names may not have addresses inside a reader's network.
 *
 * What comes instead is an empty answer with EDE 17 (Filtered), not a failure: a failure would be asked
 * again, and an empty answer without that code Firefox takes to the system's resolver, which would give the
 * address away all the same. The name that counts is the one asked for, as it is the origin of the page;
 * where its aliases lead does not matter. */
#ifndef POLYNYA_RESOLVER_REBINDING_H
#define POLYNYA_RESOLVER_REBINDING_H

#include "data/conf/conf.h"
#include "data/dns/answer.h"

struct rebinding;

/* NULL without memory. */
struct rebinding *rebinding_new(const struct conf *conf);
void rebinding_free(struct rebinding **r);
/* Whether the answer to a question for name may be told, or is what rebinding_instead makes and has a reason
 * to be still. */
bool rebinding_accepts(const struct rebinding *r, const struct dns_name *name, const struct answer *a);
/* The block told instead of a, under the same question: flag ANSWER_FILTERED. 0 if cap is under 1 KiB. */
size_t rebinding_instead(const struct rebinding *r, const struct dns_query *q, const struct answer *a,
                         uint8_t *block, size_t cap);

#endif
