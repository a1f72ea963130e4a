/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A policy zone: see policy.h. */
#include "steering/policy.h"

#include <stdlib.h>

#include "data/dns/zonefile.h"
#include "steering/feed_file.h"
#include "steering/state.h"

enum { FORMAT = 1, ARENA_LIMIT = 256 << 20 };

/* What stands before the records on disk. */
struct kept_head {
    uint32_t format;
    struct soa soa;
    struct dns_name zone; /* zeroed behind its end */
};

void policy_free(struct policy_zone **p)
{
    if (!*p)
        return;
    arena_fini(&(*p)->arena);
    records_free(&(*p)->records);
    free(*p);
    *p = NULL;
}

struct policy_zone *policy_new(struct records *records, const struct soa *soa, const struct rpz_judge *judge)
{
    struct rpz_judge own = *judge;
    struct policy_zone *p = calloc(1, sizeof *p);
    if (!p) {
        records_free(&records);
        return NULL;
    }
    arena_init(&p->arena, ARENA_LIMIT);
    p->records = records;
    p->soa = *soa;
    p->checked = judge->now;
    own.serial = soa->serial;
    if (rpz_rules_make(records, &own, &p->arena, &p->rules))
        p->live = arena_array(&p->arena, p->rules.site_count, sizeof *p->live);
    if (!p->live)
        policy_free(&p);
    return p;
}

struct policy_zone *policy_read_file(const char *path, const struct rpz_judge *judge, struct refusal *why)
{
    struct arena arena;
    struct bytes text;
    struct zonefile_error error;
    struct soa soa;
    struct records *records = NULL;
    struct policy_zone *p = NULL;
    arena_init(&arena, (size_t)ZONEFILE_MAX + 4096);
    if (feed_read_file(path, ZONEFILE_MAX, &arena, &text, why)) {
        records = zonefile_read(text, judge->zone, &soa, &error);
        if (!records)
            refuse(why, REFUSAL_BAD_ZONE, "line %u: %s", error.line, error.what);
    }
    arena_fini(&arena);
    if (records && !(p = policy_new(records, &soa, judge)))
        refuse(why, REFUSAL_NO_MEMORY, "zone");
    return p;
}

static bool read_head(struct bytes value, const struct rpz_judge *judge, struct kept_head *head)
{
    if (value.len < sizeof *head)
        return false;
    memcpy(head, value.data, sizeof *head);
    return head->format == FORMAT && head->zone.len == judge->zone->len &&
           memcmp(head->zone.wire, judge->zone->wire, head->zone.len) == 0;
}

struct policy_zone *policy_load(struct store_txn *t, const char *name, const struct rpz_judge *judge)
{
    struct kept_head head;
    struct bytes value, checked;
    if (state_get_policy(t, name, STATE_POLICY_ZONE, &value) != STORE_OK || !read_head(value, judge, &head))
        return NULL;
    struct records *records = records_read(bytes_of(value.data + sizeof head, value.len - sizeof head));
    struct policy_zone *p = records ? policy_new(records, &head.soa, judge) : NULL;
    if (p) {
        p->checked = 0;
        if (state_get_policy(t, name, STATE_POLICY_CHECKED, &checked) == STORE_OK &&
            checked.len == sizeof p->checked)
            memcpy(&p->checked, checked.data, sizeof p->checked);
    }
    return p;
}

enum store_result policy_store(struct store_txn *t, const char *name, const struct dns_name *zone,
                               const struct policy_zone *p)
{
    struct kept_head head = {.format = FORMAT, .soa = p->soa};
    size_t size = sizeof head + records_size(p->records);
    uint8_t *block = malloc(size);
    if (!block)
        return STORE_FAILED;
    head.zone.len = zone->len;
    memcpy(head.zone.wire, zone->wire, zone->len);
    struct writer w = writer_of(block, size);
    writer_put(&w, &head, sizeof head);
    records_write(p->records, &w);
    enum store_result result = state_put_policy(t, name, STATE_POLICY_ZONE, writer_done(&w));
    if (result == STORE_OK)
        result = state_put_policy(t, name, STATE_POLICY_CHECKED, bytes_of(&p->checked, sizeof p->checked));
    free(block);
    return result;
}

static bool is_taken(const struct records *taken, const struct dns_name *name)
{
    struct dns_name above = *name, star;
    if (records_have(taken, name, 0, BYTES_NONE))
        return true;
    while (name_parent(&above, &above)) {
        if (above.len > DNS_NAME_MAX - 2)
            continue;
        star.len = (uint8_t)(above.len + 2);
        memcpy(star.wire, "\1*", 2);
        memcpy(star.wire + 2, above.wire, above.len);
        if (records_have(taken, &star, 0, BYTES_NONE))
            return true;
    }
    return false;
}

bool policy_choose(struct policy_zone *p, struct records *taken, size_t *count)
{
    *count = 0;
    for (size_t i = 0; i < p->rules.site_count; i++)
        if (!is_taken(taken, &p->rules.sites[i].registration->name))
            p->live[(*count)++] = p->rules.sites[i];
    for (size_t i = 0; i < p->rules.passed_count; i++)
        if (!records_add(taken, p->rules.passed[i], 0, 0, BYTES_NONE))
            return false;
    return true;
}
