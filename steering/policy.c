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

static bool read_head(struct bytes value, struct kept_head *head)
{
    if (value.len < sizeof *head)
        return false;
    memcpy(head, value.data, sizeof *head);
    struct dns_name zone;
    size_t end = 0;
    return head->format == FORMAT && name_read(bytes_of(head->zone.wire, head->zone.len), &end, &zone) &&
           end == head->zone.len;
}

static struct records *read_records(struct bytes value)
{
    return records_read(
        bytes_of(value.data + sizeof(struct kept_head), value.len - sizeof(struct kept_head)));
}

struct policy_zone *policy_load(struct store_txn *t, const char *name, const struct rpz_judge *judge)
{
    struct kept_head head;
    struct bytes value, checked;
    if (state_get_policy(t, name, STATE_POLICY_ZONE, &value) != STORE_OK || !read_head(value, &head) ||
        !name_equal(&head.zone, judge->zone))
        return NULL;
    struct records *records = read_records(value);
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

/* The next wildcard above name, which becomes what it stands above of. False at the root. */
static bool wildcard_above(struct dns_name *name, struct dns_name *star)
{
    do {
        if (!name_parent(name, name))
            return false;
    } while (name->len > DNS_NAME_MAX - 2);
    star->len = (uint8_t)(name->len + 2);
    memcpy(star->wire, "\1*", 2);
    memcpy(star->wire + 2, name->wire, name->len);
    return true;
}

static bool is_taken(const struct records *taken, const struct dns_name *name)
{
    struct dns_name above = *name, star;
    bool found = records_have(taken, name, 0, BYTES_NONE);
    while (!found && wildcard_above(&above, &star))
        found = records_have(taken, &star, 0, BYTES_NONE);
    return found;
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

/* ---- one rule ---- */

/* The records of r->owner below r->zone, into r->records. False if there are none; at the apex stands no
 * rule. */
static bool take_owner(struct policy_rule *r, const struct record *const *all, size_t count)
{
    struct dns_name owner;
    size_t len = r->owner.len - (size_t)1;
    if (len == 0 || len + r->zone.len > DNS_NAME_MAX)
        return false;
    memcpy(owner.wire, r->owner.wire, len);
    memcpy(owner.wire + len, r->zone.wire, r->zone.len);
    owner.len = (uint8_t)(len + r->zone.len);
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(record_owner(all[i]), bytes_of(owner.wire, owner.len)) &&
            !records_add(r->records, &owner, all[i]->type, all[i]->ttl, record_rdata(all[i])))
            return false;
    return records_count(r->records) > 0;
}

static bool find_rule(struct policy_rule *r, const struct dns_name *of, const struct record *const *all,
                      size_t count)
{
    struct dns_name above = *of;
    r->owner = *of;
    bool found = take_owner(r, all, count);
    while (!found && wildcard_above(&above, &r->owner))
        found = take_owner(r, all, count);
    return found;
}

bool policy_rule_load(struct store_txn *t, const char *name, const struct dns_name *of,
                      struct policy_rule *out)
{
    struct kept_head head;
    struct bytes value;
    if (state_get_policy(t, name, STATE_POLICY_ZONE, &value) != STORE_OK || !read_head(value, &head))
        return false;
    *out = (struct policy_rule){.records = records_new(), .zone = head.zone, .serial = head.soa.serial};
    struct records *records = read_records(value);
    const struct record **all = records ? records_sorted(records) : NULL;
    bool found = out->records && all && find_rule(out, of, all, records_count(records));
    if (!found)
        records_free(&out->records);
    free(all);
    records_free(&records);
    return found;
}
