/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whole answers judged (RFC 4035 5, RFC 6840). Pure: the chain of trust is an argument.
 *
 * An answer is judged in two steps. judge_targets says which names' place in the chain of trust must be
 * known; with those at hand judge_answer gives the verdict, and cuts the TTLs to what was signed. The message
 * is an answer block's: it holds the chain from the question and its proofs, and nothing else. */
#ifndef POLYNYA_VALIDATOR_JUDGE_H
#define POLYNYA_VALIDATOR_JUDGE_H

#include "resolver/validator/denial.h"
#include "resolver/validator/zone.h"

enum { TARGETS_MAX = 24 };

struct target {
    struct dns_name name;
    bool exact; /* a signer: its keys will be needed, if it is a zone */
};

struct targets {
    unsigned count;
    struct target target[TARGETS_MAX];
};

enum verdict_kind {
    VERDICT_SECURE,
    VERDICT_INSECURE,
    VERDICT_BOGUS, /* why: a REASON_DNSSEC_… */
    VERDICT_FAILED /* why: the chain of trust could not be asked for */
};

struct verdict {
    enum verdict_kind kind;
    enum reason why;
    uint32_t ttl_max;     /* seconds; UINT32_MAX: no bound */
    struct budget budget; /* what it cost */
    bool name_is_signed;  /* of the question's name itself: its zone has keys, whatever an alias leads to */
};

/* What a judge works with: all of it scratch, but the verifier's digests. */
struct bench {
    struct verifier verifier;
    struct rrsets sets;
    struct proofs proofs;
    bool checked[RRSETS_MAX]; /* sets found secure */
};

/* The names wanted for what bench->sets holds, the answer to q with this RCODE. False if they are too many.
 */
bool judge_targets(const struct bench *b, const struct dns_query *q, struct targets *out);
/* zones: one for each target. wire is bench->sets' message; its TTLs are cut. */
struct verdict judge_answer(struct bench *b, const struct dns_query *q, uint16_t rcode,
                            const struct targets *targets, struct zone *const *zones, uint8_t *wire,
                            uint32_t now);

/* A DS RRset as the chain keeps it. */
struct ds_list {
    unsigned count;
    struct {
        uint8_t len;
        uint8_t data[4 + KEY_DIGEST_MAX];
    } ds[VERIFY_DS_MAX];
};

/* How a link of the chain of trust was judged. */
struct link_verdict {
    enum reason why;
    bool only_the_time; /* nothing but the signature's time was wrong with the keys */
    uint32_t ttl_max;   /* seconds; UINT32_MAX: no bound */
    struct budget cost;
};

enum ds_outcome { DS_FOUND, DS_NO_CUT, DS_INSECURE, DS_BOGUS };
/* Judges the answer in bench->sets to a question for name's DS, asked in the zone `above`. */
enum ds_outcome judge_ds(struct bench *b, const struct dns_name *name, struct zone *above, uint32_t now,
                         struct ds_list *out, struct link_verdict *verdict);
/* Whether the DS name an algorithm and a digest that we know: if none does, the zone is insecure. */
bool ds_usable(const struct ds_list *list);
/* By what a zone's keys are trusted: its DS, keys as such, or both. */
struct trust {
    const struct ds_list *ds;
    const struct bytes *keys; /* whole RDATA */
    unsigned key_count;
};
/* Judges the answer in bench->sets to a question for name's DNSKEY. A zone with keys; else NULL. */
struct zone *judge_keys(struct bench *b, const struct dns_name *name, const struct trust *trust, uint32_t now,
                        struct link_verdict *verdict);

#endif
