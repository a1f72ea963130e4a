/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What is believed, as a Response Policy Zone for other resolvers (draft-vixie-dnsop-dns-rpz). Pure.
 *
 * One zone a list, with exact names only and one choice for everyone: A, AAAA and HTTPS of the best mirrors
 * that are up, TTL RPZ_TTL. A name whose answer would be the truth does not stand in it. A name's other types
 * become NODATA in whoever reads the zone, so copies of the apex' MX, TXT and CAA can stand beside.
 *
 * The zone is text, one record a line, sorted by owner; its first line says where it comes from. The serial
 * only grows (RFC 1982), for secondaries ask by it: it is the list's version where that is greater than the
 * serial of the zone before, else one more than that: health changes more often than lists do, and a list
 * may begin anew. */
#ifndef POLYNYA_STEERING_RPZ_H
#define POLYNYA_STEERING_RPZ_H

#include "data/base/arena.h"
#include "steering/steer.h"

enum { RPZ_TTL = 60, RPZ_REFRESH = 300, RPZ_RETRY = 60 };
/* Seconds a secondary keeps a zone that it cannot refresh: what is left of the list's life, within these. */
enum { RPZ_EXPIRE_MIN = 3600, RPZ_EXPIRE_MAX = 7 * 86400 };
/* RDATA of one copied record; records copied of one name and type. */
enum { RPZ_COPY_RDATA_MAX = 8192, RPZ_COPIES_MAX = 64 };

struct rpz_entry {
    const char *name; /* lower-case text, no closing dot */
    struct dns_name wire;
    bool apex; /* the name is the site's domain */
    struct steer_decision decision;
    const char *copies; /* lines by rpz_copy or rpz_old_copies; NULL: none */
};

struct rpz_zone {
    const char *origin; /* text, no closing dot */
    const struct view_list *list;
    struct rpz_entry *entry; /* sorted by name */
    size_t count;
    size_t too_long; /* names left out: with the origin behind them they are none */
    uint32_t expire; /* seconds */
};

/* Decides on every name of the list as for clients in that country ("" for anywhere) at now. health: of that
 * view, or NULL. What out points
 * to lives in the arena and the view. False without memory. */
bool rpz_choose(const struct view *v, const struct health *health, const struct view_list *list,
                const struct dns_name *origin, const char *country, int64_t now, struct arena *arena,
                struct rpz_zone *out);

/* A record of the apex as a line of the zone. False if it is too large, or no MX, TXT or CAA that makes
 * sense: then nothing was written. */
bool rpz_copy(struct writer *w, const char *name, uint16_t type, struct bytes rdata);

/* A zone printed before. */
struct rpz_old {
    struct bytes head; /* first line: list and version */
    uint32_t serial;
    struct bytes body; /* every line behind the SOA */
    struct bytes rest; /* of body: where rpz_old_copies goes on */
};
/* False if file was not printed by rpz_print. What out points to lies in file. */
bool rpz_old_read(struct bytes file, struct rpz_old *out);
/* The copies of that type it has of name, as lines; empty if none. Names must be asked in order; of one name,
 * every type of it may be. */
struct bytes rpz_old_copies(struct rpz_old *old, const char *name, uint16_t type);

/* The zone's text. old NULL: there is none. *same is set if nothing changed but the time: then text is empty.
 * False without memory. */
bool rpz_print(const struct rpz_zone *z, const struct rpz_old *old, struct arena *arena, struct bytes *text,
               bool *same);

#endif
