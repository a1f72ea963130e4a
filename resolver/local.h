/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Questions with an answer of our own: special-use names and ANY. They never go upstream.
 *
 * One table of names: localhost (RFC 6761 6.3), invalid (6.4), onion (RFC 7686), resolver.arpa (RFC
 * 9462 6.4). */
#ifndef POLYNYA_RESOLVER_LOCAL_H
#define POLYNYA_RESOLVER_LOCAL_H

#include "data/dns/answer.h"

/* Builds the answer block; 0 if the question is not ours (or cap under 1 KiB). */
size_t local_answer(const struct dns_query *q, uint32_t now, uint8_t *block, size_t cap);

#endif
