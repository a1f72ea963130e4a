/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which country an address is in, by a database in MaxMind's format: the only user of libmaxminddb.
 *
 * The file is copied into sealed memory when it is opened, so it may be replaced, cut short or rewritten in
 * place while the copy is used; processes forked afterwards share it and need neither the file nor a right to
 * open it. All of it is read once at that time: a damaged or unsuitable database is refused then, and not
 * met by a client. */
#ifndef POLYNYA_STORE_GEOIP_H
#define POLYNYA_STORE_GEOIP_H

#include "data/base/address.h"

struct geoip;

enum { GEOIP_FILE_MAX = 512 << 20, GEOIP_COUNTRY = 3 };

/* NULL on failure, and error holds "FILE: what". Takes about a second for a database of cities. */
struct geoip *geoip_open(const char *path, char *error, size_t cap);
/* One more owner, of this process; NULL for NULL. */
struct geoip *geoip_share(struct geoip *g);
void geoip_free(struct geoip **g);
/* Two upper-case letters (ISO 3166-1); "" where the database does not say. No allocation, no system call. g
 * may be NULL: "". */
void geoip_country(const struct geoip *g, const struct ip *ip, char out[GEOIP_COUNTRY]);
/* What it says of itself, for the log: "GeoLite2-Country"; and when it was built, Unix seconds. */
void geoip_type(const struct geoip *g, char out[64]);
int64_t geoip_built(const struct geoip *g);

#endif
