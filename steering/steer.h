/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decides whether a question is ours and with which mirrors it is answered (design, section 6).
 *
 * Pure: snapshot, health, client, secret and time come in as arguments. No allocation, no system call. */
#ifndef POLYNYA_STEERING_STEER_H
#define POLYNYA_STEERING_STEER_H

#include "data/base/address.h"
#include "data/dns/answer.h"
#include "steering/steer_case.h"

enum steer_outcome {
    STEER_NOT_OURS, /* no list has the name, or not this type of it */
    STEER_TRUTH,    /* ours, but the truth from upstream is the answer */
    STEER_MIRRORS,  /* answer with the picked mirrors */
    STEER_NODATA    /* ours, nothing usable, and the outlet chose an empty answer */
};

enum { STEER_ADDRESSES_MAX = 4 };                /* two mirrors, two families */
enum { STEER_TTL_MIN = 5, STEER_TTL_MAX = 300 }; /* seconds, whatever a policy says */

struct steer_decision {
    enum steer_outcome outcome;
    enum steer_why why;
    uint32_t ttl;                           /* STEER_TTL_MIN..STEER_TTL_MAX */
    struct ip address[STEER_ADDRESSES_MAX]; /* best first, both families */
    unsigned address_count;
    const struct view_mirror *mirror[2]; /* those picked, best first */
    uint8_t negotiated[2]; /* enum health_alpn: what probes found every answered address of it to speak */
    unsigned mirror_count;
    const struct view_site *site;
    const struct view_list *list;
};

/* The site of a name (lower-cased) whose records of that type are ours to answer; else NULL. */
const struct view_site *steer_find(const struct view *v, const struct dns_name *name, uint16_t type);
/* health is that snapshot's, or NULL. day_secret is the secret of the day `now` is in,
 * see steer_day_secret. */
void steer_decide(const struct view *v, const struct health *health, const struct dns_name *name,
                  uint16_t type, const struct steer_client *client, const uint8_t day_secret[32], int64_t now,
                  struct steer_decision *out);
/* The same where the site is known. */
void steer_case_decide(const struct steer_case *c, struct steer_decision *out);
/* HMAC-SHA256(master, day number): stable for a UTC day, unlinkable to the next. */
void steer_day_secret(const uint8_t master[32], int64_t now, uint8_t out[32]);
/* The answer block for MIRRORS or NODATA (flag ANSWER_STEERED); 0 if cap is too small (4 KiB is always
 * enough). A question whose family no picked mirror has: NODATA with a SOA. */
size_t steer_answer(const struct steer_decision *d, const struct dns_query *q, int64_t now, uint8_t *block,
                    size_t cap);
/* RDATA of its HTTPS record; MIRRORS only. w is full if it does not fit (2 KiB is always enough). */
void steer_https(struct writer *w, const struct steer_decision *d);
/* EXTRA-TEXT of its EDE: "list demo version 7". */
void steer_note(const struct steer_decision *d, char out[96]);

#endif
