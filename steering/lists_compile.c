/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Compiling what is believed: see lists_compile.h. */
#include "steering/lists_compile.h"

#include <stdlib.h>

/* Documents that are believed once the offer (for sub[which], NULL: none) is taken. */
static const struct kept_documents *documents_with(const struct lists_sources *l, unsigned i,
                                                   const struct offer *o, unsigned which)
{
    if (!o || i != which || (!o->documents && !o->revoked))
        return l->sub[i].documents;
    return o->documents;
}

/* A name that an outlet has signed for is never a policy zone's to answer, not even when that has expired. */
static void take_names(const struct lists_sources *l, const struct registration *r, struct records *taken)
{
    for (unsigned i = 0; l->conf->steering.rpz_count && i < r->name_count; i++)
        records_add(taken, &r->full[i], 0, 0, BYTES_NONE);
}

/* Copies the sites that have not expired at now: an expired one must not stand before the same name of a
 * later list. Notes when the first of them expires. */
static size_t live_sites(const struct lists_sources *l, const struct kept_documents *d, int64_t now,
                         struct records *taken, struct view_source_site *out, int64_t *next_expiry)
{
    size_t n = 0;
    for (size_t i = 0; i < d->result.site_count; i++) {
        int64_t expires = d->result.sites[i].registration->expires;
        take_names(l, d->result.sites[i].registration, taken);
        if (expires <= now)
            continue;
        out[n++] = d->result.sites[i];
        *next_expiry = expires < *next_expiry ? expires : *next_expiry;
    }
    return n;
}

uint8_t *lists_compile(const struct lists_sources *l, const struct offer *o, unsigned which, int64_t now,
                       size_t *len, int64_t *next_expiry)
{
    size_t n = 0, used = 0, total = 1, policies = 0;
    for (unsigned i = 0; i < l->count; i++) {
        const struct kept_documents *d = documents_with(l, i, o, which);
        total += d ? d->result.site_count : 0;
    }
    struct view_source *sources = calloc(l->count + l->conf->steering.rpz_count + (size_t)1, sizeof *sources);
    struct view_source_site *sites = calloc(total, sizeof *sites);
    struct records *taken = records_new();
    bool ok = sources && sites && taken;
    *next_expiry = INT64_MAX;
    for (unsigned i = 0; ok && i < l->count; i++) {
        const struct kept_documents *d = documents_with(l, i, o, which);
        if (!d)
            continue;
        size_t live = live_sites(l, d, now, taken, sites + used, next_expiry);
        sources[n++] =
            (struct view_source){l->sub[i].conf->name, &d->result.list, sites + used, live, VIEW_SIGNED};
        used += live;
    }
    ok = ok && policies_sources(l->policies, now, taken, sources + n, &policies);
    uint8_t *block = ok ? view_compile(sources, n + policies, &l->key, len) : NULL;
    records_free(&taken);
    free(sites);
    free(sources);
    return block;
}
