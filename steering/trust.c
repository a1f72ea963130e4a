/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Verification: see trust.h. Signatures are checked before a document's text is parsed. */
#include "steering/trust.h"

#include <stdlib.h>

#include "data/base/parallel.h"

static bool open_root(struct bytes file, struct arena *arena, struct envelope *e, struct root *out,
                      struct refusal *why)
{
    /* A root says itself who signs it: it is parsed first, and believed by the caller. */
    return envelope_parse(file, ROOT_SIZE_MAX, arena, e, why) && root_parse(e->text, arena, out, why) &&
           root_role_verify(out, ROOT_ROLE_ROOT, e, why);
}

bool trust_pin(struct bytes file, struct arena *arena, struct root *out, struct refusal *why)
{
    struct envelope e;
    return open_root(file, arena, &e, out, why);
}

bool trust_next_root(const struct root *current, struct bytes file, struct arena *arena, struct root *next,
                     struct refusal *why)
{
    struct envelope e;
    if (!open_root(file, arena, &e, next, why))
        return false;
    if (next->version != current->version + 1)
        return refuse(why, REFUSAL_WRONG_VERSION, "version");
    if (root_role_verify(current, ROOT_ROLE_ROOT, &e, why))
        return true;
    refusal_within(why, "keys of version %llu", (unsigned long long)current->version);
    return false;
}

bool trust_role_continues(const struct root *a, const struct root *b, enum root_role role)
{
    for (unsigned i = 0; i < a->roles[role].count; i++)
        for (unsigned k = 0; k < b->roles[role].count; k++)
            if (minisign_public_equal(a->roles[role].keys[i], b->roles[role].keys[k]))
                return true;
    return false;
}

/* issued (0: not told) and expires against now, and against each other. */
static bool check_times(const struct trust_input *in, int64_t issued, int64_t expires, int64_t life,
                        struct refusal *why)
{
    /* Without an issue time a stored document's life cannot be told from a clock that is not yet set. */
    if (in->mode == TRUST_STORED && !issued)
        return true;
    int64_t from = issued ? issued : in->now;
    if (expires - from > life)
        return refuse(why, REFUSAL_LONG_LIFE, "expires");
    if (in->mode == TRUST_STORED)
        return true;
    if (issued > in->now + TRUST_SKEW)
        return refuse(why, REFUSAL_FUTURE, "issued");
    return expires > in->now || refuse(why, REFUSAL_EXPIRED, "expires");
}

static bool check_list_version(const struct trust_input *in, const struct envelope *e,
                               struct trust_result *out, struct refusal *why)
{
    uint8_t sha256[32];
    if (!list_sha256(e->text, sha256))
        return refuse(why, REFUSAL_NO_MEMORY, "list");
    if (in->mode == TRUST_FRESH && out->list.version < in->floor.list_version)
        return refuse(why, REFUSAL_ROLLED_BACK, "version %llu after %llu",
                      (unsigned long long)out->list.version, (unsigned long long)in->floor.list_version);
    bool same = memcmp(sha256, in->floor.list_sha256, sizeof sha256) == 0;
    if (in->mode == TRUST_FRESH && out->list.version == in->floor.list_version) {
        out->unchanged = same && !in->recheck;
        return same ||
               refuse(why, REFUSAL_SAME_VERSION, "version %llu", (unsigned long long)out->list.version);
    }
    out->floor.list_version = out->list.version;
    memcpy(out->floor.list_sha256, sha256, sizeof sha256);
    return true;
}

static bool accept_list(const struct trust_input *in, struct arena *arena, struct trust_result *out,
                        struct refusal *why)
{
    struct envelope e;
    return envelope_parse(in->list, LIST_SIZE_MAX, arena, &e, why) &&
           root_role_verify(in->root, ROOT_ROLE_PUBLISHER, &e, why) &&
           list_parse(e.text, arena, &out->list, &out->malformed, why) &&
           check_times(in, out->list.issued, out->list.expires, LIST_LIFE_MAX, why) &&
           check_list_version(in, &e, out, why);
}

static bool check_delegations(const struct trust_input *in, struct trust_result *out, struct refusal *why)
{
    if (out->delegations.version != out->list.delegations_version)
        return refuse(why, REFUSAL_WRONG_VERSION, "version");
    if (in->mode == TRUST_FRESH && out->delegations.version < in->floor.delegations_version)
        return refuse(why, REFUSAL_ROLLED_BACK, "version %llu after %llu",
                      (unsigned long long)out->delegations.version,
                      (unsigned long long)in->floor.delegations_version);
    out->floor.delegations_version = out->delegations.version;
    return check_times(in, out->delegations.issued, out->delegations.expires, DELEGATIONS_LIFE_MAX, why);
}

static bool accept_delegations(const struct trust_input *in, struct arena *arena, struct trust_result *out,
                               struct refusal *why)
{
    struct envelope e;
    uint8_t sha256[32];
    if (in->delegations.len > DELEGATIONS_SIZE_MAX)
        return refuse(why, REFUSAL_TOO_LARGE, "%zu bytes", in->delegations.len);
    if (!list_sha256(in->delegations, sha256) ||
        memcmp(sha256, out->list.delegations_sha256, sizeof sha256) != 0)
        return refuse(why, REFUSAL_WRONG_HASH, "sha256");
    return envelope_parse(in->delegations, DELEGATIONS_SIZE_MAX, arena, &e, why) &&
           root_role_verify(in->root, ROOT_ROLE_MAINTAINERS, &e, why) &&
           delegations_parse(e.text, arena, &out->delegations, why) && check_delegations(in, out, why);
}

static int compare_seqs(const void *a, const void *b)
{
    return strcmp(((const struct trust_seq *)a)->domain, ((const struct trust_seq *)b)->domain);
}

/* A seq binds as long as the domain is delegated to the same key. */
static bool check_seq(const struct trust_input *in, const struct registration *reg,
                      const struct delegation *d, struct refusal *why)
{
    struct trust_seq key = {.domain = reg->domain};
    const struct trust_seq *seen =
        in->seq_count ? bsearch(&key, in->seqs, in->seq_count, sizeof *in->seqs, compare_seqs) : NULL;
    bool ours = seen && memcmp(seen->value.key, d->key.key, sizeof d->key.key) == 0;
    /* A stored list also holds what was refused in it when it was fresh: only what was accepted is believed
     * again. */
    if (in->mode == TRUST_STORED && (!ours || reg->seq != seen->value.seq))
        return refuse(why, REFUSAL_ROLLED_BACK, "seq %llu is not the one accepted",
                      (unsigned long long)reg->seq);
    if (!ours || reg->seq >= seen->value.seq)
        return true;
    return refuse(why, REFUSAL_ROLLED_BACK, "seq %llu after %llu", (unsigned long long)reg->seq,
                  (unsigned long long)seen->value.seq);
}

static bool check_registration_times(const struct trust_input *in, const struct registration *reg,
                                     struct refusal *why)
{
    if (!check_times(in, reg->issued, reg->expires, REGISTRATION_LIFE_MAX, why))
        return false;
    return reg->expires > in->now || refuse(why, REFUSAL_EXPIRED, "expires");
}

/* Everything the outcome of envelope_verify depends on, each part with its length before it. */
static bool fingerprint(const struct envelope *e, const struct minisign_public *key,
                        struct trust_verified *out)
{
    size_t size = sizeof *key + 4 + e->text.len;
    for (unsigned i = 0; i < e->count; i++)
        size += 4 + e->signatures[i].len;
    uint8_t *buffer = malloc(size);
    struct writer w = writer_of(buffer, buffer ? size : 0);
    writer_put(&w, key, sizeof *key);
    writer_u32(&w, (uint32_t)e->text.len);
    writer_bytes(&w, e->text);
    for (unsigned i = 0; i < e->count; i++) {
        writer_u32(&w, (uint32_t)e->signatures[i].len);
        writer_bytes(&w, e->signatures[i]);
    }
    bool ok = !w.full && list_sha256(writer_done(&w), out->sha256);
    free(buffer);
    return ok;
}

static int compare_verified(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct trust_verified));
}

static bool signed_by_outlet(const struct trust_input *in, const struct envelope *e,
                             const struct minisign_public *key, struct trust_verified *out)
{
    if (!fingerprint(e, key, out))
        return false;
    if (in->verified_count &&
        bsearch(out, in->verified, in->verified_count, sizeof *in->verified, compare_verified))
        return true;
    return envelope_verify(e, &key, 1, 1, NULL);
}

/* One registration on its way. Its text is not believed before the key delegated to the domain it claims has
 * signed it. */
struct candidate {
    const struct envelope *envelope;
    struct registration *registration;
    const struct delegation *delegation; /* of the domain it claims; NULL: refused before */
    struct trust_verified verified;
    bool is_signed;
    struct refusal why;
};

struct candidates {
    const struct trust_input *in;
    struct candidate *at;
};

static bool read_claim(const struct delegations *all, struct arena *arena, struct candidate *c)
{
    if (!registration_parse(c->envelope->text, arena, c->registration, &c->why))
        return false;
    c->delegation = delegations_find(all, c->registration->domain);
    return c->delegation || refuse(&c->why, REFUSAL_NOT_DELEGATED, "%s", c->registration->domain);
}

/* On any thread: nearly all the time that a list takes. */
static void check_signature(void *self, size_t i)
{
    const struct candidates *all = self;
    struct candidate *c = &all->at[i];
    if (c->delegation)
        c->is_signed = signed_by_outlet(all->in, c->envelope, &c->delegation->key, &c->verified);
}

/* taken: the delegation has got its registration. */
static bool accept_registration(const struct trust_input *in, const struct delegations *all,
                                struct candidate *c, bool taken)
{
    const struct registration *reg = c->registration;
    if (!c->delegation)
        return false;
    if (!c->is_signed)
        return refuse(&c->why, REFUSAL_BAD_SIGNATURE, "not signed by the key delegated");
    if (taken)
        return refuse(&c->why, REFUSAL_DUPLICATE, "%s", reg->domain);
    return check_registration_times(in, reg, &c->why) && check_seq(in, reg, c->delegation, &c->why) &&
           guard_registration(in->guard, reg, in->allow_special_use, &c->why) &&
           guard_owner(all, c->delegation, reg, &c->why);
}

static void tell_refused(const struct trust_input *in, struct trust_result *out, const char *domain,
                         const struct refusal *why)
{
    out->refused++;
    if (in->refused)
        in->refused(in->self, domain ? domain : "", why);
}

/* In the list's order, whatever the order in which signatures were checked. taken: of each delegation. */
static bool accept_all(const struct trust_input *in, struct candidate *c, size_t count, bool *taken,
                       struct trust_result *out)
{
    for (size_t i = 0; i < count; i++, c++) {
        bool *mine = c->delegation ? &taken[c->delegation - out->delegations.sites] : NULL;
        if (!accept_registration(in, &out->delegations, c, mine && *mine)) {
            if (c->why.why == REFUSAL_NO_MEMORY)
                return false;
            tell_refused(in, out, c->registration->domain, &c->why);
            continue;
        }
        *mine = true;
        out->verified[out->site_count] = c->verified;
        out->sites[out->site_count++] = (struct view_source_site){c->registration, c->delegation};
    }
    qsort(out->verified, out->site_count, sizeof *out->verified, compare_verified);
    return true;
}

static bool accept_registrations(const struct trust_input *in, struct arena *arena, struct trust_result *out)
{
    size_t count = out->list.registration_count;
    struct registration *regs = arena_array(arena, count, sizeof *regs);
    struct candidate *c = calloc(count + 1, sizeof *c);
    out->sites = arena_array(arena, count, sizeof *out->sites);
    out->verified = arena_array(arena, count + 1, sizeof *out->verified);
    bool *taken = arena_array(arena, out->delegations.site_count, sizeof *taken);
    bool ok = regs && c && out->sites && out->verified && taken;
    for (size_t i = 0; ok && i < count; i++) {
        c[i].envelope = &out->list.registrations[i];
        c[i].registration = &regs[i];
        ok = read_claim(&out->delegations, arena, &c[i]) || c[i].why.why != REFUSAL_NO_MEMORY;
    }
    if (ok)
        parallel_each(count, check_signature, &(struct candidates){in, c});
    ok = ok && accept_all(in, c, count, taken, out);
    free(c);
    return ok;
}

bool trust_list_open(const struct trust_input *in, struct arena *arena, struct trust_result *out,
                     struct refusal *why)
{
    *out = (struct trust_result){.floor = in->floor};
    if (in->mode == TRUST_FRESH && in->root->expires <= in->now)
        return refuse(why, REFUSAL_EXPIRED, "root version %llu", (unsigned long long)in->root->version);
    if (accept_list(in, arena, out, why))
        return true;
    refusal_within(why, "list.json");
    return false;
}

bool trust_list_finish(const struct trust_input *in, struct arena *arena, struct trust_result *out,
                       struct refusal *why)
{
    if (!accept_delegations(in, arena, out, why)) {
        refusal_within(why, "delegations.json");
        return false;
    }
    struct refusal malformed = {.why = REFUSAL_BAD_FIELD, .where = "envelope"};
    for (unsigned i = 0; i < out->malformed; i++)
        tell_refused(in, out, "", &malformed);
    return accept_registrations(in, arena, out) || refuse(why, REFUSAL_NO_MEMORY, "registrations");
}

bool trust_list(const struct trust_input *in, struct arena *arena, struct trust_result *out,
                struct refusal *why)
{
    return trust_list_open(in, arena, out, why) && (out->unchanged || trust_list_finish(in, arena, out, why));
}
