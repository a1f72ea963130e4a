/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Canonical RRsets: see canon.h. Work is n log n comparisons of RDATA, within the bounds of one message. */
#include "resolver/validator/canon.h"

#include <stdlib.h>

#include "data/dns/rr.h"

static int by_rdata(const void *a, const void *b)
{
    const struct bytes *x = a, *y = b;
    size_t least = x->len < y->len ? x->len : y->len;
    int d = least ? memcmp(x->data, y->data, least) : 0;
    return d ? d : (x->len > y->len) - (x->len < y->len);
}

/* RFC 4034 6.3: of RRs that are equal, one counts. */
static void drop_duplicates(struct canon *c)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < c->count; i++)
        if (i == 0 || !bytes_equal(c->rdata[i], c->rdata[kept - 1]))
            c->rdata[kept++] = c->rdata[i];
    c->count = kept;
}

bool canon_make(struct canon *c, const struct rrsets *sets, const struct rrset *set)
{
    struct writer w = writer_of(c->data, sizeof c->data);
    c->count = 0;
    for (uint16_t i = set->rr; i != RRSET_END; i = sets->item[i].next) {
        size_t at = w.len;
        if (!rr_put_canonical(&w, sets->message, &sets->item[i].rr) || w.full)
            return false;
        c->rdata[c->count++] = bytes_of(w.data + at + 2, w.len - at - 2);
    }
    qsort(c->rdata, c->count, sizeof *c->rdata, by_rdata);
    drop_duplicates(c);
    return true;
}

unsigned canon_labels(const struct dns_name *owner)
{
    return name_labels(owner) - name_is_wildcard(owner);
}

/* The owner as it was signed: a wildcard if the answer was made from one. */
static struct dns_name signed_owner(const struct dns_name *owner, unsigned labels)
{
    struct dns_name out = *owner;
    if (labels < canon_labels(owner)) {
        struct dns_name encloser = name_tail(owner, labels);
        (void)name_wildcard(&encloser, &out); /* it has a label less than owner, so the asterisk fits */
    }
    return out;
}

void canon_put_signed(struct writer *w, const struct canon *c, const struct rrset *set,
                      const struct rrsig *sig)
{
    struct dns_name owner = signed_owner(&set->owner, sig->labels);
    writer_u16(w, sig->covers);
    writer_u8(w, sig->algorithm);
    writer_u8(w, sig->labels);
    writer_u32(w, sig->original_ttl);
    writer_u32(w, sig->expiration);
    writer_u32(w, sig->inception);
    writer_u16(w, sig->tag);
    writer_put(w, sig->signer.wire, sig->signer.len);
    for (unsigned i = 0; i < c->count; i++) {
        writer_put(w, owner.wire, owner.len);
        writer_u16(w, set->type);
        writer_u16(w, DNS_CLASS_IN);
        writer_u32(w, sig->original_ttl);
        writer_u16(w, (uint16_t)c->rdata[i].len);
        writer_bytes(w, c->rdata[i]);
    }
}
