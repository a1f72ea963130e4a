/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Choosing what stands in a policy zone, and printing it: see rpz.h. */
#include "steering/rpz.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "data/base/text.h"

#define MARK "; polynya-rpz/1 "

enum { HEAD_TEXT_MAX = 2 * DNS_NAME_TEXT_MAX + 512 };

struct gathering {
    const struct view_list *list;
    struct bytes *name;
    size_t count;
};

static void count_name(void *self, const struct view_site *site, struct bytes name)
{
    struct gathering *g = self;
    (void)name;
    g->count += view_site_list(site) == g->list;
}

static void take_name(void *self, const struct view_site *site, struct bytes name)
{
    struct gathering *g = self;
    if (view_site_list(site) == g->list)
        g->name[g->count++] = name;
}

static uint32_t expire_of(const struct view_list *l, int64_t now)
{
    int64_t left = l->expires - now;
    return (uint32_t)(left < RPZ_EXPIRE_MIN ? RPZ_EXPIRE_MIN : left > RPZ_EXPIRE_MAX ? RPZ_EXPIRE_MAX : left);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct rpz_entry *)a)->name, ((const struct rpz_entry *)b)->name);
}

/* Fills the next entry if the name is to stand in the zone. */
static bool choose_one(const struct view *v, const struct health *health, const struct steer_client *client,
                       int64_t now, struct bytes wire, struct arena *arena, struct rpz_zone *z)
{
    struct rpz_entry *e = &z->entry[z->count];
    char text[DNS_NAME_TEXT_MAX];
    e->wire.len = (uint8_t)wire.len;
    memcpy(e->wire.wire, wire.data, wire.len);
    steer_decide(v, health, &e->wire, DNS_A, client, NULL, now, &e->decision);
    if (e->decision.outcome != STEER_MIRRORS && e->decision.outcome != STEER_NODATA)
        return true;
    name_to_text(&e->wire, text);
    e->name = arena_text(arena, bytes_str(text));
    e->apex = name_equal(&e->wire, &e->decision.site->domain);
    z->count += e->name != NULL;
    return e->name != NULL;
}

bool rpz_choose(const struct view *v, const struct health *health, const struct view_list *list,
                const struct dns_name *origin, const char *country, int64_t now, struct arena *arena,
                struct rpz_zone *out)
{
    struct gathering g = {.list = list};
    struct steer_client client = {.everyone = true};
    char text[DNS_NAME_TEXT_MAX];
    snprintf(client.country, sizeof client.country, "%s", country);
    name_to_text(origin, text);
    view_each_name(v, count_name, &g);
    size_t total = g.count;
    *out = (struct rpz_zone){.origin = arena_text(arena, bytes_str(text)),
                             .list = list,
                             .entry = arena_array(arena, total + 1, sizeof *out->entry),
                             .expire = expire_of(list, now)};
    g = (struct gathering){.list = list, .name = arena_array(arena, total + 1, sizeof *g.name)};
    if (!out->origin || !out->entry || !g.name)
        return false;
    view_each_name(v, take_name, &g);
    for (size_t i = 0; i < total; i++)
        if (g.name[i].len + (size_t)origin->len - 1 > DNS_NAME_MAX)
            out->too_long++;
        else if (!choose_one(v, health, &client, now, g.name[i], arena, out))
            return false;
    qsort(out->entry, out->count, sizeof *out->entry, by_name);
    return true;
}

/* A character-string in quotes; whatever could mean something to a reader of zones as \DDD. */
static void put_string(struct writer *w, struct bytes s)
{
    writer_u8(w, '"');
    for (size_t i = 0; i < s.len; i++)
        if (s.data[i] < ' ' || s.data[i] > '~' || strchr("\"\\;()", s.data[i]))
            writer_printf(w, "\\%03u", s.data[i]);
        else
            writer_u8(w, s.data[i]);
    writer_u8(w, '"');
}

static bool put_mx(struct writer *w, struct bytes rdata)
{
    struct dns_name host;
    char text[DNS_NAME_TEXT_MAX];
    size_t at = 2;
    if (rdata.len < 3 || !name_read(rdata, &at, &host) || at != rdata.len)
        return false;
    name_to_text(&host, text);
    writer_printf(w, "%u %s%s", get_u16(rdata.data), text, host.len > 1 ? "." : "");
    return true;
}

static bool put_txt(struct writer *w, struct bytes rdata)
{
    size_t at = 0;
    for (size_t len; at < rdata.len; at += len + 1) {
        len = rdata.data[at];
        if (rdata.len - at - 1 < len)
            return false;
        if (at)
            writer_u8(w, ' ');
        put_string(w, bytes_of(rdata.data + at + 1, len));
    }
    return rdata.len > 0;
}

static bool is_alnum(uint8_t c)
{
    return (uint8_t)(ascii_lower(c) - 'a') < 26 || (uint8_t)(c - '0') < 10;
}

/* RFC 8659 4.1. */
static bool put_caa(struct writer *w, struct bytes rdata)
{
    if (rdata.len < 2 || rdata.data[1] == 0 || rdata.data[1] > 15 || rdata.len - 2 < rdata.data[1])
        return false;
    struct bytes tag = bytes_of(rdata.data + 2, rdata.data[1]);
    for (size_t i = 0; i < tag.len; i++)
        if (!is_alnum(tag.data[i]))
            return false;
    writer_printf(w, "%u %.*s ", rdata.data[0], (int)tag.len, (const char *)tag.data);
    put_string(w, bytes_of(tag.data + tag.len, rdata.len - 2 - tag.len));
    return true;
}

static const char *copied_type(uint16_t type)
{
    return type == DNS_MX ? "MX" : type == DNS_TXT ? "TXT" : "CAA";
}

bool rpz_copy(struct writer *w, const char *name, uint16_t type, struct bytes rdata)
{
    struct writer before = *w;
    if (rdata.len > RPZ_COPY_RDATA_MAX || (type != DNS_MX && type != DNS_TXT && type != DNS_CAA))
        return false;
    writer_printf(w, "%s %d IN %s ", name, RPZ_TTL, copied_type(type));
    bool ok = (type == DNS_MX ? put_mx : type == DNS_TXT ? put_txt : put_caa)(w, rdata);
    writer_u8(w, '\n');
    if (ok && !w->full)
        return true;
    *w = before;
    return false;
}

static bool take_line(struct bytes *rest, struct bytes *line)
{
    const uint8_t *end = rest->len ? memchr(rest->data, '\n', rest->len) : NULL;
    if (!end)
        return false;
    *line = bytes_of(rest->data, (size_t)(end - rest->data) + 1);
    *rest = bytes_of(end + 1, rest->len - line->len);
    return true;
}

/* "@ 60 IN SOA localhost. nobody.invalid. SERIAL …" */
static bool serial_of(struct bytes line, uint32_t *serial)
{
    uint64_t n;
    for (int skip = 6; skip; skip--) {
        const uint8_t *space = line.len ? memchr(line.data, ' ', line.len) : NULL;
        if (!space)
            return false;
        line = bytes_of(space + 1, line.len - (size_t)(space - line.data) - 1);
    }
    const uint8_t *end = line.len ? memchr(line.data, ' ', line.len) : NULL;
    if (!end || !uint_parse(bytes_of(line.data, (size_t)(end - line.data)), UINT32_MAX, &n))
        return false;
    *serial = (uint32_t)n;
    return true;
}

bool rpz_old_read(struct bytes file, struct rpz_old *out)
{
    struct bytes rest = file, origin, soa;
    if (!bytes_starts_with(file, BYTES_LIT(MARK)) || !take_line(&rest, &out->head) ||
        !take_line(&rest, &origin) || !take_line(&rest, &soa) || !serial_of(soa, &out->serial))
        return false;
    /* Another origin is another zone: its serial still binds, its text does not. */
    out->head = bytes_of(out->head.data, out->head.len + origin.len);
    out->body = rest;
    /* The zone's own NS stands before the names, out of their order. */
    bool whole = take_line(&rest, &origin);
    out->rest = rest;
    return whole;
}

/* The line's owner against name, as strcmp. */
static int compare_owner(struct bytes line, const char *name)
{
    const uint8_t *space = memchr(line.data, ' ', line.len);
    size_t len = space ? (size_t)(space - line.data) : line.len, other = strlen(name);
    int order = memcmp(line.data, name, len < other ? len : other);
    return order ? order : (len > other) - (len < other);
}

struct bytes rpz_old_copies(struct rpz_old *old, const char *name, uint16_t type)
{
    char start[DNS_NAME_TEXT_MAX + 32];
    struct bytes rest = old->rest, line, found = BYTES_NONE;
    snprintf(start, sizeof start, "%s %d IN %s ", name, RPZ_TTL, copied_type(type));
    while (take_line(&rest, &line) && compare_owner(line, name) <= 0) {
        if (bytes_starts_with(line, bytes_str(start)))
            found = bytes_of(found.len ? found.data : line.data, found.len + line.len);
        else if (compare_owner(line, name) < 0)
            old->rest = rest;
    }
    return found;
}

static void put_address(struct writer *w, const struct rpz_entry *e, const struct ip *ip)
{
    char text[IP_TEXT_MAX];
    ip_format(ip, text);
    writer_printf(w, "%s %d IN %s %s\n", e->name, RPZ_TTL, ip->len == 4 ? "A" : "AAAA", text);
}

/* In RFC 3597's form: every reader of zones knows it, whichever parameters it knows. */
static void put_https(struct writer *w, const struct rpz_entry *e)
{
    uint8_t rdata[2048];
    struct writer r = writer_of(rdata, sizeof rdata);
    steer_https(&r, &e->decision);
    writer_printf(w, "%s %d IN TYPE65 \\# %zu ", e->name, RPZ_TTL, r.len);
    for (size_t i = 0; i < r.len; i++)
        writer_printf(w, "%02x", rdata[i]);
    writer_u8(w, '\n');
    w->full |= r.full;
}

static void put_entry(struct writer *w, const struct rpz_entry *e)
{
    const struct steer_decision *d = &e->decision;
    /* NODATA for every type but those copied; without copies it takes a record to say so. */
    if (d->outcome == STEER_NODATA || !d->address_count) {
        if (!e->copies)
            writer_printf(w, "%s %d IN CNAME *.\n", e->name, RPZ_TTL);
        return;
    }
    for (unsigned len = 4; len <= 16; len += 12)
        for (unsigned i = 0; i < d->address_count; i++)
            if (d->address[i].len == len)
                put_address(w, e, &d->address[i]);
    put_https(w, e);
}

static size_t body_room(const struct rpz_zone *z)
{
    size_t room = HEAD_TEXT_MAX;
    for (size_t i = 0; i < z->count; i++)
        room += (z->entry[i].copies ? strlen(z->entry[i].copies) : 0) + 6 * strlen(z->entry[i].name) + 512 +
                (z->entry[i].decision.mirror_count ? 2 * z->entry[i].decision.mirror[0]->ech_len : 0u);
    return room;
}

static void put_body(struct writer *w, const struct rpz_zone *z)
{
    writer_printf(w, "@ %d IN NS localhost.\n", RPZ_TTL);
    for (size_t i = 0; i < z->count; i++) {
        put_entry(w, &z->entry[i]);
        if (z->entry[i].copies)
            writer_put(w, z->entry[i].copies, strlen(z->entry[i].copies));
    }
}

/* Never 0: some take it for "no serial". */
static uint32_t next_serial(uint64_t version, const struct rpz_old *old)
{
    uint32_t wanted = (uint32_t)version;
    if (old && (int32_t)(wanted - old->serial) <= 0)
        wanted = old->serial + 1;
    return wanted ? wanted : 1;
}

bool rpz_print(const struct rpz_zone *z, const struct rpz_old *old, struct arena *arena, struct bytes *text,
               bool *same)
{
    char head[HEAD_TEXT_MAX];
    size_t room = body_room(z);
    struct writer h = writer_of(head, sizeof head), body = writer_of(arena_alloc(arena, room), room), w;
    writer_printf(&h, MARK "list=%s version=%" PRIu64 "\n$ORIGIN %s.\n", z->list->name, z->list->version,
                  z->origin);
    if (!body.data)
        return false;
    put_body(&body, z);
    *text = BYTES_NONE;
    *same = old && bytes_equal(old->head, writer_done(&h)) && bytes_equal(old->body, writer_done(&body));
    if (*same)
        return !body.full;
    w = writer_of(arena_alloc(arena, h.len + body.len + 256), h.len + body.len + 256);
    if (!w.data || body.full)
        return false;
    writer_bytes(&w, writer_done(&h));
    writer_printf(&w, "@ %d IN SOA localhost. nobody.invalid. %u %d %d %u %d\n", RPZ_TTL,
                  next_serial(z->list->version, old), RPZ_REFRESH, RPZ_RETRY, z->expire, RPZ_TTL);
    writer_bytes(&w, writer_done(&body));
    *text = writer_done(&w);
    return !w.full;
}
