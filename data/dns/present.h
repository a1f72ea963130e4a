/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages as text, in kdig's manner, for the command line.
 *
 * RDATA is shown by ldns, one RR at a time, written out anew by us: no more than PRESENT_RDATA_MAX bytes, and
 * none of the types on which its cost has no bound. All that it cannot or may not show appears as RFC 3597's
 * \# form. The text is printable ASCII, tabs and newlines whatever the message holds, so it cannot steer a
 * terminal. */
#ifndef POLYNYA_DNS_PRESENT_H
#define POLYNYA_DNS_PRESENT_H

#include "data/dns/msg.h"

enum { PRESENT_RDATA_MAX = 4096, PRESENT_STRINGS_MAX = 64 };

/* One RR of message on one line: owner, TTL, class, type, RDATA. */
void present_rr(struct writer *w, struct bytes message, const struct dns_rr *rr);
/* Header, OPT, and all sections. A message that stops making sense is shown up to there, with a line that
 * says so. */
void present_message(struct writer *w, struct bytes message);

#endif
