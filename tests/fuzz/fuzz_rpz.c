/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Policy zones from hostile bytes: whatever comes out of one has passed the guards, and is a snapshot that
 * opens. */
#include <stdlib.h>

#include "data/dns/zonefile.h"
#include "steering/rpz_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Even and odd targets: known and not. */
static bool resolve(void *self, const struct dns_name *target, struct ip *out, unsigned *count)
{
    (void)self;
    *count = 2;
    out[0] = (struct ip){.len = 4, .addr = {1, 1, 1, 1}};
    out[1] = (struct ip){.len = 4, .addr = {10, 1, 1, 1}};
    return target->len % 2;
}

static void check_site(const struct guard *g, const struct view_source_site *s)
{
    struct refusal why;
    if (!guard_registration(g, s->registration, false, &why))
        abort();
}

static void check_view(const struct rpz_rules *r)
{
    size_t len;
    const struct view_source source = {"zone", &r->list, r->sites, r->site_count, VIEW_POLICY};
    uint8_t *block = view_compile(&source, 1, &(struct hash_key){1, 2}, &len);
    struct view *v = block ? view_open(block, len) : NULL;
    if (block && !v)
        abort();
    view_free(&v);
}

static void check_kept(const struct records *records)
{
    size_t size = records_size(records);
    uint8_t *block = malloc(size + 1);
    struct writer w = writer_of(block, size + 1);
    records_write(records, &w);
    struct records *again = records_read(writer_done(&w));
    if (w.len != size || !again || records_count(again) != records_count(records))
        abort();
    records_free(&again);
    free(block);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct guard *guard;
    struct dns_name zone;
    struct soa soa;
    struct zonefile_error error;
    struct arena arena;
    struct rpz_rules rules;
    if (!guard)
        guard = guard_new(NULL, 0);
    if (!name_from_text(BYTES_LIT("rpz.example"), &zone))
        abort();
    struct records *records = zonefile_read(bytes_of(data, size), &zone, &soa, &error);
    if (!records)
        return 0;
    arena_init(&arena, 64 << 20);
    const struct rpz_judge judge = {.zone = &zone, .guard = guard, .serial = soa.serial, .resolve = resolve};
    if (rpz_rules_make(records, &judge, &arena, &rules)) {
        for (size_t i = 0; i < rules.site_count; i++)
            check_site(guard, &rules.sites[i]);
        check_view(&rules);
    }
    check_kept(records);
    arena_fini(&arena);
    records_free(&records);
    return 0;
}
