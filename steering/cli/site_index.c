/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Names by site: see site_index.h. */
#include "steering/cli/site_index.h"

#include <stdlib.h>

static void count_name(void *self, const struct view_site *site, struct bytes name)
{
    (void)site, (void)name;
    ((struct site_index *)self)->room++;
}

static void take_name(void *self, const struct view_site *site, struct bytes name)
{
    struct site_index *x = self;
    x->row[x->count++] = (struct site_name){site, name};
}

static int by_site(const void *a, const void *b)
{
    const struct site_name *x = a, *y = b;
    if (x->site != y->site)
        return x->site < y->site ? -1 : 1;
    if (x->name.len != y->name.len)
        return x->name.len < y->name.len ? -1 : 1;
    return memcmp(x->name.data, y->name.data, x->name.len);
}

bool site_index_make(struct cli *c, const struct view *v, struct site_index *out)
{
    *out = (struct site_index){0};
    view_each_name(v, count_name, out);
    out->row = arena_array(&c->arena, out->room + 1, sizeof *out->row);
    if (!out->row)
        return cli_fail("out of memory"), false;
    view_each_name(v, take_name, out);
    qsort(out->row, out->count, sizeof *out->row, by_site);
    return true;
}

const struct site_name *site_index_find(const struct site_index *x, const struct view_site *site,
                                        size_t *count)
{
    size_t low = 0, high = x->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (x->row[middle].site < site)
            low = middle + 1;
        else
            high = middle;
    }
    for (*count = 0; low + *count < x->count && x->row[low + *count].site == site;)
        ++*count;
    return *count ? &x->row[low] : NULL;
}

void site_name_copy(const struct site_name *row, struct dns_name *out)
{
    out->len = (uint8_t)row->name.len;
    memcpy(out->wire, row->name.data, row->name.len);
}
