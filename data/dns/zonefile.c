/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Zone files: see zonefile.h. ldns reads them entry by entry; what it makes of each is checked before it is
 * taken. */
#include "data/dns/zonefile.h"

#include <stdio.h>
#include <stdlib.h>

#include <ldns/ldns.h>

#include "data/dns/msg.h"

/* ldns' state between entries. */
struct reader {
    FILE *file;
    const struct dns_name *zone;
    struct records *records;
    struct zonefile_error *error;
    struct soa *soa;
    bool has_soa;
    int line;
    uint32_t ttl;
    ldns_rdf *origin, *previous;
};

static bool fail(struct reader *r, const char *what)
{
    *r->error = (struct zonefile_error){r->line > 0 ? (unsigned)r->line : 0, what};
    return false;
}

static bool name_of(const ldns_rdf *rdf, struct dns_name *out)
{
    size_t at = 0;
    if (!rdf || ldns_rdf_get_type(rdf) != LDNS_RDF_TYPE_DNAME)
        return false;
    struct bytes wire = bytes_of(ldns_rdf_data(rdf), ldns_rdf_size(rdf));
    if (!name_read(wire, &at, out) || at != wire.len)
        return false;
    name_lower(out);
    return true;
}

static bool take_soa(struct reader *r, struct bytes rdata)
{
    if (r->has_soa)
        return fail(r, "a second SOA");
    r->has_soa = true;
    return soa_read(rdata, r->soa) || fail(r, "a malformed SOA");
}

static bool take(struct reader *r, const ldns_rr *rr, struct bytes rdata)
{
    struct dns_name owner;
    if (ldns_rr_get_class(rr) != LDNS_RR_CLASS_IN || !name_of(ldns_rr_owner(rr), &owner))
        return fail(r, "another class than IN, or no owner");
    if (!name_within(&owner, r->zone))
        return fail(r, "a record outside of the zone");
    uint16_t type = (uint16_t)ldns_rr_get_type(rr);
    if (type == DNS_SOA && name_equal(&owner, r->zone))
        return take_soa(r, rdata);
    return records_add(r->records, &owner, type, ldns_rr_ttl(rr), rdata) ||
           fail(r, "more records than allowed");
}

static bool take_entry(struct reader *r, const ldns_rr *rr)
{
    ldns_buffer *buffer = ldns_buffer_new(LDNS_MIN_BUFLEN);
    bool ok = buffer && ldns_rr_rdata2buffer_wire(buffer, rr) == LDNS_STATUS_OK;
    if (!ok)
        fail(r, "a record that cannot be told");
    else
        ok = take(r, rr, bytes_of(ldns_buffer_begin(buffer), ldns_buffer_position(buffer)));
    ldns_buffer_free(buffer);
    return ok;
}

/* The next entry, which may be a directive or nothing at all. */
static bool next(struct reader *r)
{
    ldns_rr *rr = NULL;
    ldns_status status = ldns_rr_new_frm_fp_l(&rr, r->file, &r->ttl, &r->origin, &r->previous, &r->line);
    bool ok = true;
    if (status == LDNS_STATUS_SYNTAX_INCLUDE_ERR_NOTIMPL || status == LDNS_STATUS_SYNTAX_INCLUDE)
        ok = fail(r, "$INCLUDE is not followed");
    else if (status == LDNS_STATUS_OK)
        ok = take_entry(r, rr);
    else if (status != LDNS_STATUS_SYNTAX_EMPTY && status != LDNS_STATUS_SYNTAX_TTL &&
             status != LDNS_STATUS_SYNTAX_ORIGIN)
        ok = fail(r, ldns_get_errorstr_by_id(status));
    if (status == LDNS_STATUS_OK)
        ldns_rr_free(rr);
    return ok;
}

static bool read_all(struct reader *r)
{
    while (!feof(r->file))
        if (!next(r))
            return false;
    r->line = 0;
    return r->has_soa || fail(r, "no SOA at the zone's apex");
}

struct records *zonefile_read(struct bytes text, const struct dns_name *zone, struct soa *soa,
                              struct zonefile_error *error)
{
    struct reader r = {.zone = zone, .error = error, .soa = soa};
    *error = (struct zonefile_error){0, "out of memory"};
    if (text.len == 0 || text.len > ZONEFILE_MAX || memchr(text.data, '\0', text.len)) {
        error->what = text.len > ZONEFILE_MAX ? "larger than allowed" : "empty, or no text";
        return NULL;
    }
    r.records = records_new();
    r.origin = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_DNAME, zone->len, zone->wire);
    r.file = fmemopen((void *)(uintptr_t)text.data, text.len, "r");
    if (!r.records || !r.origin || !r.file || !read_all(&r))
        records_free(&r.records);
    if (r.file)
        fclose(r.file);
    ldns_rdf_deep_free(r.origin);
    ldns_rdf_deep_free(r.previous);
    return r.records;
}
