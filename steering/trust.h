/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verification: which documents are believed, and why the others are not. Pure: bytes, state and time come
 * in.
 *
 * The order is TUF's, cut down (design, section 5). Roots are walked one by one from the pinned one, each
 * signed by the threshold of its predecessor and of itself; the publisher's list names the delegations by
 * hash; maintainers signed those; each outlet signed its registration. A bad registration costs that site
 * only, everything else refuses the list as a whole. `now` is fixed once per update by the caller; times are
 * Unix seconds. */
#ifndef POLYNYA_STEERING_TRUST_H
#define POLYNYA_STEERING_TRUST_H

#include "data/list/delegations.h"
#include "data/list/list.h"
#include "data/list/registration.h"
#include "data/list/root.h"
#include "steering/guard.h"
#include "steering/state.h"

enum { TRUST_SKEW = 300 };            /* seconds a document may be issued in our future */
enum { TRUST_ARENA_MAX = 256 << 20 }; /* what one list with everything in it may take */

/* The pinned root: signed by its own threshold, so a damaged file is noticed. Its expiry is not looked at: it
 * is only the place the walk starts from. */
bool trust_pin(struct bytes file, struct arena *arena, struct root *out, struct refusal *why);
/* The root behind current: version exactly one higher, signed by the thresholds of both. */
bool trust_next_root(const struct root *current, struct bytes file, struct arena *arena, struct root *next,
                     struct refusal *why);
/* True if at least one key holds that role in both: then versions accepted before still bind. When a role has
 * got all new keys, what the old ones signed cannot be played back, and a version they drove up does not
 * block the new (TUF 5.3.11). */
bool trust_role_continues(const struct root *a, const struct root *b, enum root_role role);

/* The highest seq ever accepted of a domain. */
struct trust_seq {
    const char *domain;
    struct state_seq value;
};

/* SHA-256 of a registration's text, its signatures and the key they verified under. */
struct trust_verified {
    uint8_t sha256[32];
};

enum trust_mode {
    TRUST_FRESH, /* from a feed: every check */
    TRUST_STORED /* accepted before, read back from our own store: whatever has expired since or looks like
                    the future to a clock not yet set stays believed, but an expired registration is still
                    dropped */
};

struct trust_input {
    enum trust_mode mode;
    const struct root *root;
    struct bytes list; /* files */
    struct bytes delegations;
    struct state_floor floor;     /* zeros at first */
    const struct trust_seq *seqs; /* sorted by domain */
    size_t seq_count;
    /* Signatures that verified before, sorted (trust_result.verified of the last result): most registrations
     * of a list are those of the list before it, and Ed25519 is nearly all that verifying costs. */
    const struct trust_verified *verified;
    size_t verified_count;
    const struct guard *guard;
    bool allow_special_use;
    bool recheck; /* judge the very list accepted last in full, too: there is a new root, or it was lost since
                   */
    int64_t now;
    /* Called for every registration that is refused; domain is "" while unknown. May be NULL. */
    void (*refused)(void *self, const char *domain, const struct refusal *why);
    void *self;
};

struct trust_result {
    struct list_doc list;
    struct delegations delegations;
    struct view_source_site *sites; /* accepted, for view_compile */
    size_t site_count;
    struct trust_verified *verified; /* sorted, one for each site */
    size_t refused;
    struct state_floor floor; /* to be remembered */
    bool unchanged;           /* the very list accepted last: nothing else was looked at or filled in */
    unsigned malformed;       /* registrations whose envelopes could not be read */
};

/* The list alone: who signed it, when, which version, and so which delegations it names. False with the
 * reason if it is refused. What out points to lives in the arena. */
bool trust_list_open(const struct trust_input *in, struct arena *arena, struct trust_result *out,
                     struct refusal *why);
/* The rest of an opened list: its delegations, then each registration. in must say the same again. */
bool trust_list_finish(const struct trust_input *in, struct arena *arena, struct trust_result *out,
                       struct refusal *why);
/* Both at once. */
bool trust_list(const struct trust_input *in, struct arena *arena, struct trust_result *out,
                struct refusal *why);

#endif
