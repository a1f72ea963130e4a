/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots from hostile bytes, under a good checksum: what opens can be read to its last byte. */
#include <stdlib.h>

#include "steering/view_layout.h"

static volatile unsigned sink;

static void touch(const void *data, size_t len)
{
    const uint8_t *p = data;
    for (size_t i = 0; i < len; i++)
        sink += p[i];
}

static void read_mirror(const struct view_mirror *m, const struct view_list *l)
{
    touch(view_mirror_addresses(m), m->address_count * sizeof(struct ip));
    touch(view_mirror_ech(m).data, view_mirror_ech(m).len);
    touch(m->id, strlen(m->id));
    sink +=
        view_mirror_blocked_in(m, "RU") + view_mirror_health(m, l, "RU", 0) + view_mirror_health(m, l, "", 0);
    for (unsigned i = 0; i < m->alpn_count; i++)
        touch(m->alpn[i], strlen(m->alpn[i]));
}

static void read_site(const struct view_site *s)
{
    struct bytes path = view_site_path(s), contains = view_site_contains(s);
    touch(path.data, path.len);
    touch(contains.data, contains.len);
    touch(view_site_list(s)->name, strlen(view_site_list(s)->name));
    sink += view_site_blocked_in(s, "RU") + view_site_blocked_in(s, "");
    for (unsigned i = 0; i < s->mirror_count; i++)
        read_mirror(&view_site_mirrors(s)[i], view_site_list(s));
}

static void read_all(const struct view *v)
{
    size_t count;
    const struct view_list *l = view_lists(v, &count);
    for (size_t i = 0; i < count && i < 8; i++)
        for (uint32_t k = 0; k < l[i].site_count && k < 64; k++) {
            const struct view_site *s = &view_list_sites(&l[i])[k];
            read_site(s);
            s = view_find(v, &s->domain);
            if (s)
                read_site(s);
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < VIEW_HEAD)
        return 0;
    uint8_t *block = malloc(size);
    if (!block)
        return 0;
    memcpy(block, data, size);
    struct view_head head;
    memcpy(&head, block, sizeof head);
    head.len = (uint32_t)size;
    memcpy(block, &head, sizeof head);
    view_seal(block, size);
    struct view *v = view_open(block, size);
    if (v) {
        read_all(v);
        view_free(&v);
    } else {
        free(block);
    }
    return 0;
}
