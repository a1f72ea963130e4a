/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Decides whether a question is ours and with which mirrors it is answered (design, section 6).
 *
 * Pure: snapshot, health, client, secret and time come in as arguments. No allocation, no system call. */
#ifndef POLYNYA_STEERING_STEER_H
#define POLYNYA_STEERING_STEER_H

#include "data/base/text.h"
#include "data/dns/answer.h"
#include "steering/view.h"

enum steer_outcome {
    STEER_NOT_OURS, /* no list has the name, or not this type of it */
    STEER_TRUTH,    /* ours, but the truth from upstream is the answer */
    STEER_MIRRORS,  /* answer with the picked mirrors */
    STEER_NODATA    /* ours, nothing usable, and the outlet chose an empty answer */
};

/* Why: for `polynya why`, `query` and metrics. */
enum steer_why {
    STEER_WHY_NONE,
    STEER_WHY_PICKED,      /* usable mirrors, best first */
    STEER_WHY_ALL_DOWN,    /* none usable: policy.all_down decided */
    STEER_WHY_EXPIRED,     /* the registration has expired */
    STEER_WHY_DNS_ONLY,    /* blocked by DNS alone: the truth is the cure */
    STEER_WHY_NO_ECH,      /* blocked by SNI and no mirror has ECH */
    STEER_WHY_OUT_OF_SCOPE /* not blocked in the client's country */
};

struct steer_client {
    struct ip ip;    /* len 0: unknown (unix socket) */
    char country[3]; /* "" if unknown: every client is in scope */
};

enum { STEER_ADDRESSES_MAX = 4 }; /* two mirrors, two families */

struct steer_decision {
    enum steer_outcome outcome;
    enum steer_why why;
    uint32_t ttl;
    struct ip address[STEER_ADDRESSES_MAX]; /* best first, both families */
    unsigned address_count;
    const struct view_mirror *mirror[2]; /* those picked, best first */
    unsigned mirror_count;
    const struct view_site *site;
    const struct view_list *list;
};

/* name is lower-cased. day_secret is the secret of the day `now` is in, see steer_day_secret. */
void steer_decide(const struct view *v, const struct dns_name *name, uint16_t type,
                  const struct steer_client *client, const uint8_t day_secret[32], int64_t now,
                  struct steer_decision *out);
/* HMAC-SHA256(master, day number): stable for a UTC day, unlinkable to the next. */
void steer_day_secret(const uint8_t master[32], int64_t now, uint8_t out[32]);
/* The answer block for MIRRORS or NODATA (flag ANSWER_STEERED); 0 if cap is too small (4 KiB is always
 * enough). A question whose family no picked mirror has: NODATA with a SOA. */
size_t steer_answer(const struct steer_decision *d, const struct dns_query *q, int64_t now, uint8_t *block,
                    size_t cap);
/* EXTRA-TEXT of its EDE: "list demo version 7". */
void steer_note(const struct steer_decision *d, char out[96]);

#endif
