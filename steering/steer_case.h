/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One client asking for one site: what each of the site's mirrors and addresses is worth to it. Pure.
 *
 * The decision (steer.h) and whoever explains it (`polynya why`) judge by these functions and no others. */
#ifndef POLYNYA_STEERING_STEER_CASE_H
#define POLYNYA_STEERING_STEER_CASE_H

#include "data/base/address.h"
#include "steering/health.h"
#include "steering/view.h"

enum steer_why {
#define STEER_WHY(id, name, text) STEER_WHY_##id,
#include "steering/steer_why.def"
#undef STEER_WHY
    STEER_WHY_COUNT
};

enum steer_verdict {
#define STEER_VERDICT(id, name, text) STEER_##id,
#include "steering/steer_verdict.def"
#undef STEER_VERDICT
    STEER_VERDICT_COUNT
};

struct steer_word {
    const char *name; /* for machines: "last-good" */
    const char *text; /* a phrase for people */
};

/* The rows of steer_why.def and steer_verdict.def; static. */
const struct steer_word *steer_why_word(enum steer_why why);
const struct steer_word *steer_verdict_word(enum steer_verdict v);

struct steer_client {
    struct ip ip;    /* len 0: unknown (unix socket) */
    char country[3]; /* "" if unknown: every client is in scope */
    bool everyone;   /* one order for all, by weight alone: for feeds that cannot tell clients apart */
};

/* Which addresses are good enough. */
enum steer_stage {
    STEER_NOW,    /* usable now */
    STEER_BEFORE, /* good when the uplink last worked */
    STEER_EVER    /* proved at some time: for policy.all_down mirrors; no mirror's health counts */
};

struct steer_case {
    const struct view_site *site;
    const struct health *health; /* of that site's snapshot; NULL: none stored */
    const char *country;
    int64_t now;
    bool published;       /* lists' word decides, not probes of ours */
    bool fresh;           /* states in health count */
    bool inside;          /* the site is blocked where the client is */
    bool dns_only;        /* by DNS alone: an honest answer is all it takes */
    bool needs_ech;       /* the name is read off the handshake */
    bool everyone;        /* the weights are the scores */
    enum steer_why truth; /* why the truth is the answer whatever the mirrors are; NONE if it is not */
    struct hash_key seed; /* of the scores; none where the truth is the answer */
};

/* Borrows all but the secret, which is not looked at for everyone. */
void steer_case_init(struct steer_case *c, const struct view_site *site, const struct health *health,
                     const struct steer_client *client, const uint8_t day_secret[32], int64_t now);
/* FITS, or what speaks against the mirror as a whole. */
enum steer_verdict steer_judge_mirror(const struct steer_case *c, const struct view_mirror *m);
/* What our own probes and the operator say of its address i < address_count; the mirror may still not fit. */
enum steer_verdict steer_judge_address(const struct steer_case *c, const struct view_mirror *m, unsigned i);
/* The record of that address; NULL where there is no table. */
const struct health_record *steer_record(const struct steer_case *c, const struct view_mirror *m, unsigned i);
/* May the client be sent to that address of that mirror at that stage? */
bool steer_address_good(const struct steer_case *c, enum steer_stage stage, const struct view_mirror *m,
                        unsigned i);
bool steer_mirror_good(const struct steer_case *c, enum steer_stage stage, const struct view_mirror *m);
/* Its place in the client's order: the highest are picked. */
double steer_score(const struct steer_case *c, const struct view_mirror *m);

#endif
