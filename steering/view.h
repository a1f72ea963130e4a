/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the verified lists say, compiled for lookups: one immutable snapshot.
 *
 * The prober compiles it after verification and stores it in steering.mdb as one run of bytes; workers copy
 * that out and open it. The bytes are position-independent (offsets, no pointers) and checksummed; view_open
 * refuses what is not whole, so nothing behind it needs to check bounds again: every pointer an accessor
 * gives lies in the block and lives as long as the view. Blocks are host-endian and never leave the machine.
 * Times are Unix seconds. Guards were applied before compiling: addresses here may be answered. */
#ifndef POLYNYA_STEERING_VIEW_H
#define POLYNYA_STEERING_VIEW_H

#include "data/base/address.h"
#include "data/base/hash.h"
#include "data/dns/name.h"

enum { VIEW_FORMAT = 3, VIEW_HEAD = 64, VIEW_SIZE_MAX = 256 << 20 };
enum { VIEW_LIST_NAME_MAX = 63, VIEW_MIRROR_ID_MAX = 32, VIEW_ALPN_MAX = 4, VIEW_ALPN_LEN_MAX = 15 };
enum { VIEW_SITE_MIRRORS_MAX = 64, VIEW_MIRROR_ADDRESSES_MAX = 8, VIEW_ECH_MAX = 1024 };

struct view;

/* What policy.all_down says. */
enum view_all_down { VIEW_ORIGIN, VIEW_MIRRORS, VIEW_NODATA };
enum view_kind { VIEW_TERMINATE, VIEW_PASSTHROUGH };
/* How a site is blocked in a country; bits. */
enum view_block { VIEW_BLOCK_DNS = 1, VIEW_BLOCK_IP = 2, VIEW_BLOCK_SNI = 4 };
enum view_health { VIEW_HEALTH_UNKNOWN, VIEW_HEALTH_UP, VIEW_HEALTH_DOWN };

/* Who vouches for a list's mirrors. */
enum view_trust {
    VIEW_SIGNED, /* outlets, with their signatures */
    VIEW_POLICY  /* a policy zone (RPZ) of the operator's: nobody, so only our own probes' proof counts */
};
/* The country of a struct view_blocked that holds in all others. */
#define VIEW_EVERYWHERE "*"

/* Offsets (`_at`) count bytes forward from the start of the structure they stand in. */
struct view_list {
    uint64_t version;
    int64_t issued;
    int64_t expires;  /* from then on its health is void; its registrations live on */
    uint32_t site_at; /* struct view_site[site_count] */
    uint32_t site_count;
    char name[VIEW_LIST_NAME_MAX + 1];
    uint8_t trust; /* enum view_trust */
};

struct view_site {
    uint64_t seq;
    int64_t expires;       /* of the registration: from then on the site is not ours */
    uint32_t list_back;    /* bytes back to its struct view_list */
    uint32_t mirror_at;    /* struct view_mirror[mirror_count] */
    uint32_t blocked_at;   /* struct view_blocked[blocked_count] */
    uint32_t path_at;      /* of the probe, with the leading "/" */
    uint32_t contains_at;  /* marker the probe looks for; length 0: none */
    uint32_t ttl;          /* policy.ttl, 5..3600 */
    uint16_t mirror_count; /* 1..64 */
    uint16_t blocked_count;
    uint16_t path_len;
    uint16_t contains_len;
    uint8_t answers;        /* policy.answers: 1 or 2 */
    uint8_t all_down;       /* enum view_all_down */
    uint8_t blocked_flags;  /* all countries' flags together: what holds where the country is unknown */
    struct dns_name domain; /* lower-case */
};

struct view_mirror {
    uint32_t weight;        /* 1..10000 */
    uint32_t address_at;    /* struct ip[address_count], as the outlet ordered them */
    uint32_t address_first; /* how many addresses stand before it in the snapshot: its place in health.h */
    uint32_t blocked_at;    /* struct view_country[blocked_count] */
    uint32_t health_at;     /* struct view_region[health_count] */
    uint32_t ech_at;
    uint16_t port; /* 443; another only from a list with allow-special-use */
    uint16_t blocked_count;
    uint16_t health_count;
    uint16_t ech_len;      /* bytes of the ECHConfigList the outlet registered, 0 for none */
    uint8_t address_count; /* 1..8 */
    uint8_t kind;          /* enum view_kind */
    uint8_t alpn_count;    /* 0..4 */
    char alpn[VIEW_ALPN_MAX][VIEW_ALPN_LEN_MAX + 1];
    char id[VIEW_MIRROR_ID_MAX + 1];
};

struct view_blocked {
    char country[2]; /* ISO 3166, upper-case, no NUL; or VIEW_EVERYWHERE */
    uint8_t flags;   /* enum view_block */
};

struct view_country {
    char code[2];
};

struct view_region {
    char code[2];   /* a country, or "*" and NUL for everywhere else */
    uint8_t health; /* VIEW_HEALTH_UP or _DOWN */
};

/* Takes block (malloced) on success. NULL if it is cut, foreign or damaged. */
struct view *view_open(uint8_t *block, size_t len);
void view_free(struct view **v);
/* The site that has this exact (lower-case) name registered, from the first list in config order; NULL if
 * none. Expired registrations are found too: that decision needs a time. */
const struct view_site *view_find(const struct view *v, const struct dns_name *name);
/* Calls each for every name that view_find finds, in no order; name is lower-case, in wire form. */
void view_each_name(const struct view *v,
                    void (*each)(void *self, const struct view_site *site, struct bytes name), void *self);
/* Writes the checksum of a block of at least VIEW_HEAD bytes: for view_compile, and to fuzz view_open. */
void view_seal(uint8_t *block, size_t len);
/* Of the block: what is kept beside a snapshot (health.h) names it by that. */
uint64_t view_checksum(const struct view *v);
/* Of all mirrors of all lists together. */
uint32_t view_address_count(const struct view *v);
/* All lists in config order. A list may have no sites. */
const struct view_list *view_lists(const struct view *v, size_t *count);

static inline const struct view_list *view_site_list(const struct view_site *s)
{
    return (const void *)((const uint8_t *)s - s->list_back);
}

static inline const struct view_site *view_list_sites(const struct view_list *l)
{
    return (const void *)((const uint8_t *)l + l->site_at);
}

static inline const struct view_mirror *view_site_mirrors(const struct view_site *s)
{
    return (const void *)((const uint8_t *)s + s->mirror_at);
}

static inline const struct view_blocked *view_site_blocked(const struct view_site *s)
{
    return (const void *)((const uint8_t *)s + s->blocked_at);
}

static inline struct bytes view_site_path(const struct view_site *s)
{
    return bytes_of((const uint8_t *)s + s->path_at, s->path_len);
}

static inline struct bytes view_site_contains(const struct view_site *s)
{
    return bytes_of((const uint8_t *)s + s->contains_at, s->contains_len);
}

static inline const struct ip *view_mirror_addresses(const struct view_mirror *m)
{
    return (const void *)((const uint8_t *)m + m->address_at);
}

static inline struct bytes view_mirror_ech(const struct view_mirror *m)
{
    return bytes_of((const uint8_t *)m + m->ech_at, m->ech_len);
}

static inline bool view_site_signed(const struct view_site *s)
{
    return view_site_list(s)->trust == VIEW_SIGNED;
}

/* Flags of enum view_block for that country ("RU"); 0 if the site is not blocked there. For "" (unknown)
 * those of all countries together. */
unsigned view_site_blocked_in(const struct view_site *s, const char *country);
/* True if the outlet says the mirror itself is blocked in that country; false for "". */
bool view_mirror_blocked_in(const struct view_mirror *m, const char *country);
/* The list's word on the mirror: for that country, else for "*", else unknown; unknown from the list's expiry
 * on. An unknown mirror is usable. */
enum view_health view_mirror_health(const struct view_mirror *m, const struct view_list *l,
                                    const char *country, int64_t now);

struct delegation;
struct list_doc;
struct registration;

/* What is compiled: documents that trust.h has accepted. */
struct view_source_site {
    const struct registration *registration;
    const struct delegation *delegation;
};

struct view_source {
    const char *name;
    const struct list_doc *list; /* version, times, health */
    const struct view_source_site *sites;
    size_t site_count;
    enum view_trust trust;
};

/* A malloced block for view_open; NULL without memory or when it would pass VIEW_SIZE_MAX. Where two sites
 * have one name, the first in order of sources and sites has it. key is random: it spreads the table of
 * names. */
uint8_t *view_compile(const struct view_source *sources, size_t count, const struct hash_key *key,
                      size_t *len);

#endif
