/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Documents and where they come from: see documents.h. */
#include "steering/documents.h"

#include <stdlib.h>

#include "steering/feed_file.h"

/* ---- roots ---- */

static struct kept_root *root_new(void)
{
    struct kept_root *r = calloc(1, sizeof *r);
    if (r)
        arena_init(&r->arena, 16 * ROOT_SIZE_MAX);
    return r;
}

void root_free(struct kept_root **r)
{
    if (!*r)
        return;
    arena_fini(&(*r)->arena);
    free(*r);
    *r = NULL;
}

struct kept_root *root_pinned(const char *path, uint8_t pin[32], struct refusal *why)
{
    struct kept_root *r = root_new();
    refuse(why, REFUSAL_NO_MEMORY, "root");
    if (r && feed_read_file(path, ROOT_SIZE_MAX, &r->arena, &r->file, why) &&
        trust_pin(r->file, &r->arena, &r->root, why) && list_sha256(r->file, pin))
        return r;
    root_free(&r);
    return NULL;
}

struct kept_root *root_stored(struct store_txn *t, const char *list, uint8_t pin[32])
{
    struct bytes file, stored_pin;
    struct kept_root *r = root_new();
    if (r && state_get(t, list, STATE_PIN, &stored_pin) == STORE_OK && stored_pin.len == 32 &&
        state_get(t, list, STATE_ROOT, &file) == STORE_OK) {
        memcpy(pin, stored_pin.data, 32);
        r->file = arena_copy(&r->arena, file);
        if (r->file.data && trust_pin(r->file, &r->arena, &r->root, NULL))
            return r;
    }
    root_free(&r);
    return NULL;
}

struct kept_root *root_next(const struct root *current, struct bytes file, struct refusal *why)
{
    struct kept_root *r = root_new();
    refuse(why, REFUSAL_NO_MEMORY, "root");
    if (!r)
        return NULL;
    r->file = arena_copy(&r->arena, file);
    if (r->file.data && trust_next_root(current, r->file, &r->arena, &r->root, why))
        return r;
    root_free(&r);
    return NULL;
}

/* ---- lists ---- */

struct kept_documents *documents_new(void)
{
    struct kept_documents *d = calloc(1, sizeof *d);
    if (d)
        arena_init(&d->arena, TRUST_ARENA_MAX);
    return d;
}

void documents_free(struct kept_documents **d)
{
    if (!*d)
        return;
    arena_fini(&(*d)->arena);
    free(*d);
    *d = NULL;
}

bool documents_stored(struct store_txn *t, const char *list, struct kept_documents *d, struct refusal *why)
{
    struct bytes file, delegations;
    if (state_get(t, list, STATE_LIST, &file) != STORE_OK ||
        state_get(t, list, STATE_DELEGATIONS, &delegations) != STORE_OK)
        return refuse(why, REFUSAL_NONE, "nothing stored");
    d->list = arena_copy(&d->arena, file);
    d->delegations = arena_copy(&d->arena, delegations);
    return (d->list.data && d->delegations.data) || refuse(why, REFUSAL_NO_MEMORY, "stored list");
}

/* The stored seqs of a list, in the order of their domains: the store's order is memcmp's, and so is
 * strcmp's. */
struct seq_list {
    struct arena *arena;
    struct trust_seq *seq;
    size_t count, cap;
    bool failed;
};

static bool collect_seq(void *self, const char *domain, const struct state_seq *v)
{
    struct seq_list *l = self;
    if (l->count == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        struct trust_seq *more = arena_array(l->arena, cap, sizeof *more);
        if (!more)
            return !(l->failed = true);
        if (l->count)
            memcpy(more, l->seq, l->count * sizeof *more);
        l->seq = more;
        l->cap = cap;
    }
    l->seq[l->count] = (struct trust_seq){arena_text(l->arena, bytes_str(domain)), *v};
    l->failed = l->failed || !l->seq[l->count].domain;
    l->count++;
    return !l->failed;
}

bool seqs_stored(struct store_txn *t, const char *list, struct arena *arena, const struct trust_seq **seqs,
                 size_t *count)
{
    struct seq_list all = {.arena = arena};
    if (state_each_seq(t, list, collect_seq, &all) != STORE_OK || all.failed)
        return false;
    *seqs = all.seq;
    *count = all.count;
    return true;
}
