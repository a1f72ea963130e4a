/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Entries of a snapshot, and matching those of two: see addresses.h. */
#include "steering/addresses.h"

#include <stdlib.h>
#include <string.h>

/* Names, while they are collected. */
struct named {
    const struct view_site *site;
    struct bytes name;
};

struct names {
    struct named *at;
    size_t count, room;
};

static void count_name(void *self, const struct view_site *site, struct bytes name)
{
    (void)site, (void)name;
    ++*(size_t *)self;
}

static void collect_name(void *self, const struct view_site *site, struct bytes name)
{
    struct names *n = self;
    if (n->count < n->room)
        n->at[n->count++] = (struct named){site, name};
}

static int by_site(const void *a, const void *b)
{
    const struct named *x = a, *y = b;
    if (x->site != y->site)
        return x->site < y->site ? -1 : 1;
    size_t len = x->name.len < y->name.len ? x->name.len : y->name.len;
    int order = memcmp(x->name.data, y->name.data, len);
    return order ? order : (x->name.len > y->name.len) - (x->name.len < y->name.len);
}

static bool names_of(const struct view *v, struct names *n)
{
    *n = (struct names){0};
    view_each_name(v, count_name, &n->room);
    n->at = calloc(n->room + 1, sizeof *n->at);
    if (!n->at)
        return false;
    view_each_name(v, collect_name, n);
    qsort(n->at, n->count, sizeof *n->at, by_site);
    return true;
}

/* The names of one site, which stand together and in order of sites: *at moves behind them. */
static uint16_t take_names(const struct names *n, const struct view_site *site, size_t *at)
{
    uint16_t count = 0;
    while (*at < n->count && n->at[*at].site < site)
        ++*at;
    for (; *at + count < n->count && n->at[*at + count].site == site && count < UINT16_MAX; count++)
        ;
    return count;
}

static void enter_site(struct addresses *r, const struct view_site *site, uint32_t name_first,
                       uint16_t name_count)
{
    const struct view_mirror *m = view_site_mirrors(site);
    r->sites += name_count > 0;
    for (unsigned i = 0; i < site->mirror_count; i++)
        for (uint8_t k = 0; k < m[i].address_count; k++) {
            r->probed += name_count > 0;
            r->entry[m[i].address_first + k] =
                (struct probed_address){site, &m[i], name_first, name_count, k};
        }
}

/* All sites stand in one run, list after list: in order of address, as the names do after sorting. */
static void enter_all(struct addresses *r, const struct names *n)
{
    size_t lists, at = 0;
    const struct view_list *l = view_lists(r->view, &lists);
    for (size_t i = 0; i < n->count; i++)
        r->name[i] = n->at[i].name;
    for (size_t i = 0; i < lists; i++) {
        for (uint32_t k = 0; k < l[i].site_count; k++) {
            const struct view_site *site = &view_list_sites(&l[i])[k];
            uint16_t count = take_names(n, site, &at);
            enter_site(r, site, (uint32_t)at, count);
            at += count;
        }
    }
}

static bool make_room(struct addresses *r, size_t names)
{
    size_t table = sizeof *r->head + (size_t)r->count * sizeof *r->record;
    r->entry = calloc((size_t)r->count + 1, sizeof *r->entry);
    r->name = calloc(names + 1, sizeof *r->name);
    r->head = calloc(1, table);
    if (!r->entry || !r->name || !r->head)
        return false;
    r->record = (void *)(r->head + 1);
    r->head->count = r->count;
    return true;
}

struct addresses *addresses_new(struct view *view)
{
    struct names names;
    struct addresses *r = calloc(1, sizeof *r);
    if (!r || !names_of(view, &names)) {
        free(r);
        return NULL;
    }
    r->count = view_address_count(view);
    if (make_room(r, names.count)) {
        r->view = view;
        r->head->view = view_checksum(view);
        enter_all(r, &names);
    } else {
        addresses_free(&r);
    }
    free(names.at);
    return r;
}

void addresses_free(struct addresses **r)
{
    if (!*r)
        return;
    free((*r)->entry);
    free((*r)->name);
    free((*r)->head);
    if ((*r)->view)
        view_free(&(*r)->view);
    free(*r);
    *r = NULL;
}

/* Matching: old entries in order of what they are, and each new one looked up there. */

static const struct ip *address_of(const struct probed_address *e)
{
    return &view_mirror_addresses(e->mirror)[e->address];
}

static int compare(const struct probed_address *x, const struct probed_address *y)
{
    const struct dns_name *a = &x->site->domain, *b = &y->site->domain;
    int order = a->len != b->len ? a->len - b->len : memcmp(a->wire, b->wire, a->len);
    if (order == 0)
        order = strcmp(x->mirror->id, y->mirror->id);
    if (order == 0)
        order = x->mirror->port - y->mirror->port;
    const struct ip *i = address_of(x), *k = address_of(y);
    if (order == 0)
        order = i->len - k->len;
    return order ? order : memcmp(i->addr, k->addr, i->len);
}

static int by_identity(const void *a, const void *b)
{
    return compare(*(const struct probed_address *const *)a, *(const struct probed_address *const *)b);
}

/* A site that two lists have is there twice; the one that readers are sent to has names. */
static uint32_t best_of(const struct addresses *old, const struct probed_address **sorted, size_t at)
{
    size_t first = at, last = at;
    while (first > 0 && compare(sorted[first - 1], sorted[at]) == 0)
        first--;
    while (last + 1 < old->count && compare(sorted[last + 1], sorted[at]) == 0)
        last++;
    for (size_t i = first; i <= last; i++)
        if (sorted[i]->name_count)
            return (uint32_t)(sorted[i] - old->entry);
    return (uint32_t)(sorted[first] - old->entry);
}

bool addresses_match(const struct addresses *r, const struct addresses *old, uint32_t *from)
{
    const struct probed_address **sorted =
        calloc((size_t)old->count + 1, sizeof(const struct probed_address *));
    if (!sorted)
        return false;
    for (uint32_t i = 0; i < old->count; i++)
        sorted[i] = &old->entry[i];
    qsort(sorted, old->count, sizeof *sorted, by_identity);
    for (uint32_t i = 0; i < r->count; i++) {
        const struct probed_address *e = &r->entry[i];
        const struct probed_address **found =
            old->count ? bsearch(&e, sorted, old->count, sizeof *sorted, by_identity) : NULL;
        from[i] = found ? best_of(old, sorted, (size_t)(found - sorted)) : (uint32_t)ADDRESS_NONE;
    }
    free(sorted);
    return true;
}

void addresses_inherit(struct addresses *r, const struct addresses *old, const uint32_t *from)
{
    r->head->uplink = old->head->uplink;
    for (uint32_t i = 0; i < r->count; i++)
        if (from[i] != ADDRESS_NONE)
            r->record[i] = old->record[from[i]];
}

void addresses_resume(struct addresses *r, const struct health *stored, int64_t now)
{
    int64_t then = health_head(stored)->stored;
    if (health_is_fresh(then, now))
        r->head->uplink = health_head(stored)->uplink;
    for (uint32_t i = 0; i < r->count; i++) {
        const struct health_record *record = health_at(stored, i);
        if (!record)
            continue;
        r->record[i] = *record;
        health_resume(&r->record[i], then, now);
    }
}

struct bytes addresses_seal(struct addresses *r)
{
    health_seal((uint8_t *)r->head);
    return bytes_of(r->head, sizeof *r->head + (size_t)r->count * sizeof *r->record);
}
