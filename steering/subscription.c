/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One subscribed list: see subscription.h. */
#include "steering/subscription.h"

#include "data/base/log.h"
#include "data/base/metric.h"

/* Refused sites named per update; the number of all is in the line of the list. */
enum { SITES_TOLD_MAX = 20 };

void offer_drop(struct offer *o)
{
    root_free(&o->root);
    documents_free(&o->documents);
    o->revoked = false;
}

void subscription_fini(struct subscription *s)
{
    root_free(&s->root);
    documents_free(&s->documents);
}

/* Where it came from, fit to be logged; "-" for what we have ourselves. */
static const char *source_name(const struct subscription *s, unsigned url)
{
    return url < s->conf->url_count ? s->conf->urls[url] : "-";
}

/* Counted every time, told once: a broken feed is looked at again and again. */
void subscription_refused(struct subscription *s, unsigned url, const char *what, const struct refusal *why)
{
    char source[400];
    struct refusal *told = &s->told[url];
    metric_count(METRIC_LIST_REFUSED);
    metric_refusal(why->why);
    if (told->why == why->why && strcmp(told->where, why->where) == 0)
        return;
    *told = *why;
    log_warn("list.refused", "list=%s what=%s why=%s where=\"%s\" text=\"%s\" url=%s", s->conf->name, what,
             refusal_name(why->why), why->where, refusal_text(why->why),
             log_quote(bytes_str(source_name(s, url)), source, sizeof source));
}

static void tell_site_refused(void *self, const char *domain, const struct refusal *why)
{
    struct subscription *s = self;
    metric_count(METRIC_SITES_REFUSED);
    metric_refusal(why->why);
    if (s->sites_told++ < SITES_TOLD_MAX)
        log_warn("list.site-refused", "list=%s domain=%s why=%s where=\"%s\" text=\"%s\"", s->conf->name,
                 *domain ? domain : "-", refusal_name(why->why), why->where, refusal_text(why->why));
}

static struct trust_input input_of(struct subscription *s, const struct root *root, const struct judge *judge,
                                   enum trust_mode mode, const struct kept_documents *d)
{
    s->sites_told = 0;
    return (struct trust_input){
        .mode = mode,
        .root = root,
        .list = d->list,
        .delegations = d->delegations,
        .floor = s->floor,
        .verified = s->documents ? s->documents->result.verified : NULL,
        .verified_count = s->documents ? s->documents->result.site_count : 0,
        .guard = judge->guard,
        .allow_special_use = s->conf->allow_special_use,
        .now = judge->now,
        .refused = tell_site_refused,
        .self = s,
    };
}

/* Puts the stored seqs, copied into the documents' arena, into in; false, with why, without memory. */
static bool give_seqs(const struct subscription *s, const struct judge *judge, struct kept_documents *d,
                      struct trust_input *in, struct refusal *why)
{
    return seqs_stored(judge->t, s->conf->name, &d->arena, &in->seqs, &in->seq_count) ||
           refuse(why, REFUSAL_NO_MEMORY, "seqs");
}

/* Believes again what was accepted before, as far as this root covers it. */
static struct kept_documents *verify_stored(struct subscription *s, const struct root *root,
                                            const struct judge *judge, struct refusal *why)
{
    struct kept_documents *d = documents_new();
    refuse(why, REFUSAL_NO_MEMORY, "stored list");
    bool ok = d && documents_stored(judge->t, s->conf->name, d, why);
    if (ok) {
        struct trust_input in = input_of(s, root, judge, TRUST_STORED, d);
        ok = give_seqs(s, judge, d, &in, why) && trust_list(&in, &d->arena, &d->result, why);
    }
    if (!ok)
        documents_free(&d);
    return d;
}

/* Where a role has all new keys, versions that old keys signed no longer bind. */
static void carry_floor(struct state_floor *floor, const struct root *before, const struct root *after)
{
    if (!trust_role_continues(before, after, ROOT_ROLE_PUBLISHER)) {
        floor->list_version = 0;
        memset(floor->list_sha256, 0, sizeof floor->list_sha256);
    }
    if (!trust_role_continues(before, after, ROOT_ROLE_MAINTAINERS))
        floor->delegations_version = 0;
}

/* The stored root descends from the pin it was stored with. With another pin the walk starts anew from that
 * one; without a readable pin the stored root goes on: a lost file is no reason to stop steering. */
static void choose_root(struct subscription *s, struct kept_root *pinned, struct kept_root *stored,
                        const uint8_t stored_pin[32])
{
    if (!pinned)
        memcpy(s->pin, stored_pin, sizeof s->pin);
    if (stored && memcmp(s->pin, stored_pin, sizeof s->pin) == 0) {
        s->root = stored;
        root_free(&pinned);
        return;
    }
    s->root = pinned;
    if (stored && pinned)
        carry_floor(&s->floor, &stored->root, &pinned->root);
    else
        s->floor = (struct state_floor){.list_version = 0};
    root_free(&stored);
}

void subscription_start(struct subscription *s, const struct conf_list *conf, const struct judge *judge)
{
    struct refusal why = {.why = REFUSAL_NO_MEMORY};
    uint8_t stored_pin[32] = {0};
    *s = (struct subscription){.conf = conf};
    if (conf->allow_special_use)
        log_warn("list.unguarded",
                 "list=%s text=\"allow-special-use: mirrors in private networks and on any port are "
                 "accepted; never do this on an instance that others use\"",
                 conf->name);
    if (state_get_floor(judge->t, conf->name, &s->floor) != STORE_OK)
        s->floor = (struct state_floor){.list_version = 0};
    struct kept_root *pinned = root_pinned(conf->root, s->pin, &why);
    if (!pinned)
        subscription_refused(s, SUBSCRIPTION_OURSELVES, "root", &why);
    choose_root(s, pinned, root_stored(judge->t, conf->name, stored_pin), stored_pin);
    if (!s->root)
        return;
    s->documents = verify_stored(s, &s->root->root, judge, &why);
    if (!s->documents && why.why != REFUSAL_NONE)
        subscription_refused(s, SUBSCRIPTION_OURSELVES, "stored", &why);
}

struct state_floor subscription_floor(const struct subscription *s, const struct offer *o)
{
    struct state_floor floor = s->floor;
    if (o->root)
        carry_floor(&floor, &s->root->root, &o->root->root);
    return floor;
}

const struct root *subscription_root(const struct subscription *s, const struct offer *o)
{
    return o->root ? &o->root->root : &s->root->root;
}

bool subscription_next_root(struct subscription *s, struct bytes file, struct offer *o, struct refusal *why)
{
    const struct root *current = subscription_root(s, o);
    struct kept_root *r = root_next(current, file, why);
    if (!r) {
        char name[ROOT_FILE_NAME];
        refusal_within(why, "%s", root_file_name(current->version + 1, name));
        return false;
    }
    log_info("list.root", "list=%s version=%llu", s->conf->name, (unsigned long long)r->root.version);
    root_free(&o->root);
    o->root = r;
    return true;
}

static struct trust_input fresh_input(struct subscription *s, const struct judge *judge,
                                      const struct offer *o, const struct kept_documents *d)
{
    const struct root *root = subscription_root(s, o);
    struct trust_input in = input_of(s, root, judge, TRUST_FRESH, d);
    carry_floor(&in.floor, &s->root->root, root);
    in.recheck = !s->documents || o->root;
    return in;
}

bool subscription_open(struct subscription *s, const struct judge *judge, const struct offer *o,
                       struct kept_documents *d, struct refusal *why)
{
    struct trust_input in = fresh_input(s, judge, o, d);
    return trust_list_open(&in, &d->arena, &d->result, why);
}

struct bytes subscription_delegations(const struct subscription *s, const struct kept_documents *d)
{
    const struct kept_documents *ours = s->documents;
    const uint8_t *wanted = d->result.list.delegations_sha256;
    if (ours && memcmp(ours->result.list.delegations_sha256, wanted, 32) == 0)
        return ours->delegations;
    return BYTES_NONE;
}

bool subscription_finish(struct subscription *s, const struct judge *judge, const struct offer *o,
                         struct kept_documents *d, struct refusal *why)
{
    struct trust_input in = fresh_input(s, judge, o, d);
    return give_seqs(s, judge, d, &in, why) && trust_list_finish(&in, &d->arena, &d->result, why);
}

/* A new root may have taken the keys away that signed what we believe. */
void subscription_judge_again(struct subscription *s, const struct judge *judge, struct offer *o)
{
    struct refusal why = {.why = REFUSAL_NONE};
    if (!o->root || o->documents || !s->documents)
        return;
    o->documents = verify_stored(s, &o->root->root, judge, &why);
    if (o->documents)
        return;
    /* What could not be judged was not revoked: the root waits for the next look. */
    o->revoked = why.why != REFUSAL_NONE && why.why != REFUSAL_NO_MEMORY;
    if (!o->revoked)
        root_free(&o->root);
    subscription_refused(s, SUBSCRIPTION_OURSELVES, "stored", &why);
}

void subscription_judge_stored(struct subscription *s, const struct judge *judge)
{
    struct refusal why;
    struct kept_documents *d = s->root ? verify_stored(s, &s->root->root, judge, &why) : NULL;
    if (!d)
        return;
    documents_free(&s->documents);
    s->documents = d;
}

void subscription_take(struct subscription *s, struct offer *o)
{
    if (o->root) {
        carry_floor(&s->floor, &s->root->root, &o->root->root);
        root_free(&s->root);
        s->root = o->root;
    }
    if (o->documents || o->revoked)
        documents_free(&s->documents);
    if (o->documents) {
        s->documents = o->documents;
        s->floor = o->documents->result.floor;
    }
    *o = (struct offer){.root = NULL};
}
