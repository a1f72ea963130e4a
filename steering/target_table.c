/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is known of CNAMEs' targets: see target_table.h. */
#include "steering/target_table.h"

#include <stdlib.h>

static int compare_names(const struct dns_name *a, const struct dns_name *b)
{
    size_t least = a->len < b->len ? a->len : b->len;
    int c = memcmp(a->wire, b->wire, least);
    return c ? c : (a->len > b->len) - (a->len < b->len);
}

static int by_name(const void *a, const void *b)
{
    return compare_names(*(const struct dns_name *const *)a, *(const struct dns_name *const *)b);
}

struct target *target_table_find(const struct target_table *t, const struct dns_name *name)
{
    size_t low = 0, high = t->count;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int c = compare_names(name, &t->target[mid].name);
        if (c == 0)
            return &t->target[mid];
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

void target_table_fini(struct target_table *t)
{
    free(t->target);
    *t = (struct target_table){0};
}

bool target_table_set(struct target_table *t, const struct dns_name *const *names, size_t count)
{
    const struct dns_name **sorted = calloc(count + 1, sizeof *sorted);
    struct target *fresh = calloc(count + 1, sizeof *fresh);
    size_t n = 0;
    bool ok = sorted && fresh;
    if (ok && count)
        memcpy(sorted, names, count * sizeof *sorted);
    if (ok)
        qsort(sorted, count, sizeof *sorted, by_name);
    for (size_t i = 0; ok && i < count && n < TARGETS_MAX; i++) {
        if (i > 0 && compare_names(sorted[i - 1], sorted[i]) == 0)
            continue;
        const struct target *before = target_table_find(t, sorted[i]);
        if (before)
            fresh[n] = *before;
        fresh[n++].name = *sorted[i];
    }
    free(sorted);
    if (!ok) {
        free(fresh);
        return false;
    }
    free(t->target);
    t->target = fresh;
    t->count = n;
    return true;
}

bool target_table_get(const struct target_table *t, const struct dns_name *name, struct ip *out,
                      unsigned *count)
{
    const struct target *target = target_table_find(t, name);
    *count = 0;
    if (!target)
        return false;
    const struct target_family *f = target->family;
    /* Half of what a name has would be taken for all of it. */
    if (!(f[0].told || f[1].told) || !(f[0].asked && f[1].asked))
        return false;
    for (int k = 0; k < 2; k++)
        for (unsigned i = 0; i < f[k].count; i++)
            out[(*count)++] = f[k].ip[i];
    return true;
}

static int by_bytes(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct ip));
}

bool target_take(struct target_family *f, struct ip *ip, unsigned count)
{
    /* Servers turn their records round: sorted, the same addresses are no change. */
    qsort(ip, count, sizeof *ip, by_bytes);
    bool same = f->told && f->count == count && memcmp(f->ip, ip, count * sizeof *ip) == 0;
    f->told = true;
    f->count = count;
    memcpy(f->ip, ip, count * sizeof *ip);
    return !same;
}

/* ---- disk: of each name with addresses, its length and bytes, their number, and they ---- */

struct bytes target_table_save(const struct target_table *t)
{
    struct ip ip[TARGET_ADDRESSES_MAX];
    size_t cap = t->count * (2 + DNS_NAME_MAX + sizeof ip);
    uint8_t *data = cap ? malloc(cap) : NULL;
    struct writer w = writer_of(data, cap);
    for (size_t i = 0; data && i < t->count; i++) {
        unsigned count;
        if (!target_table_get(t, &t->target[i].name, ip, &count) || count == 0)
            continue;
        writer_u8(&w, t->target[i].name.len);
        writer_put(&w, t->target[i].name.wire, t->target[i].name.len);
        writer_u8(&w, (uint8_t)count);
        writer_put(&w, ip, count * sizeof *ip);
    }
    return bytes_of(data, data ? w.len : 0);
}

static bool load_addresses(struct target *target, const struct ip *ip, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct target_family *f = &target->family[ip[i].len == 16];
        if ((ip[i].len != 4 && ip[i].len != 16) || f->count == TARGET_FAMILY_MAX)
            return false;
        f->ip[f->count++] = ip[i];
    }
    for (int k = 0; k < 2; k++)
        target->family[k].told = target->family[k].asked = true;
    return true;
}

/* Entries as targets that nobody wants yet: target_table_set takes over those that somebody does. */
void target_table_load(struct target_table *t, struct bytes saved)
{
    struct ip ip[TARGET_ADDRESSES_MAX];
    size_t at = 0, n = 0;
    struct target *all = calloc(TARGETS_MAX, sizeof *all);
    while (all && n < TARGETS_MAX && saved.len - at >= 2) {
        struct bytes rest = bytes_of(saved.data + at + 1, saved.len - at - 1);
        size_t end = 0, len = saved.data[at];
        if (rest.len <= len || !name_read(bytes_of(rest.data, len), &end, &all[n].name) || end != len)
            break;
        unsigned count = rest.data[len];
        if (count > TARGET_ADDRESSES_MAX || rest.len - len - 1 < count * sizeof *ip)
            break;
        memcpy(ip, rest.data + len + 1, count * sizeof *ip);
        if ((n > 0 && compare_names(&all[n - 1].name, &all[n].name) >= 0) ||
            !load_addresses(&all[n], ip, count))
            break;
        at += 2 + len + count * sizeof *ip;
        n++;
    }
    free(t->target);
    t->target = all;
    t->count = n;
}
