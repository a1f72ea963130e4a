/* SPDX-License-Identifier: GPL-3.0-or-later */
/* RR types: see rr.h. The table is indexed by number; what lies between is unknown. */
#include "data/dns/rr.h"

#include <stdio.h>

struct row {
    const char *name, *layout;
};

static const struct row rows[] = {
#define RR(number, name, layout) [number] = {name, layout},
#include "data/dns/rr.def"
#undef RR
};

enum { ROWS = sizeof rows / sizeof *rows };

const char *rr_layout(uint16_t type)
{
    return type < ROWS && rows[type].layout ? rows[type].layout : "*";
}

void dns_type_format(uint16_t type, char out[16])
{
    if (type < ROWS && rows[type].name)
        snprintf(out, 16, "%s", rows[type].name);
    else
        snprintf(out, 16, "TYPE%u", type);
}

/* RFC 3597 5: TYPE1234. */
static bool parse_number(struct bytes text, uint16_t *type)
{
    unsigned value = 0;
    if (text.len < 5 || text.len > 9 || !bytes_equal_nocase(bytes_of(text.data, 4), BYTES_LIT("TYPE")))
        return false;
    for (size_t i = 4; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9')
            return false;
        value = value * 10 + text.data[i] - '0';
    }
    *type = (uint16_t)value;
    return value <= UINT16_MAX;
}

bool dns_type_parse(struct bytes text, uint16_t *type)
{
    for (uint16_t i = 0; i < ROWS; i++) {
        if (rows[i].name && bytes_equal_nocase(text, bytes_str(rows[i].name))) {
            *type = i;
            return true;
        }
    }
    return parse_number(text, type);
}

uint16_t rr_covers(const struct dns_rr *rr)
{
    return rr->type == DNS_RRSIG && rr->rdata.len >= 2 ? get_u16(rr->rdata.data) : 0;
}

/* RDATA being copied: from `at` to `end` of the message. */
struct copy {
    struct writer *w;
    struct name_table *table;
    struct bytes message;
    size_t at, end;
    bool lower; /* names in lower case, none compressed */
};

static bool copy_fixed(struct copy *c, size_t n)
{
    if (c->end - c->at < n)
        return false;
    writer_put(c->w, c->message.data + c->at, n);
    c->at += n;
    return true;
}

static bool copy_string(struct copy *c)
{
    return c->at < c->end && copy_fixed(c, c->message.data[c->at] + (size_t)1);
}

static bool copy_name(struct copy *c, bool compressible)
{
    struct dns_name name;
    if (!name_read(c->message, &c->at, &name) || c->at > c->end)
        return false;
    if (c->lower)
        name_lower(&name);
    if (compressible && c->table)
        name_put(c->table, c->w, &name);
    else
        writer_put(c->w, name.wire, name.len);
    return true;
}

static bool copy_step(struct copy *c, char step)
{
    switch (step) {
    case 'c':
    case 'n':
        return copy_name(c, step == 'c');
    case 's':
        return copy_string(c);
    case 'S':
        while (c->at < c->end)
            if (!copy_string(c))
                return false;
        return true;
    case '*':
        return copy_fixed(c, c->end - c->at);
    default:
        return copy_fixed(c, (size_t)(step - '0'));
    }
}

static bool put_rdata(struct copy *c, uint16_t type)
{
    struct writer *w = c->w;
    size_t length_at = w->len;
    writer_u16(w, 0);
    for (const char *step = rr_layout(type); *step; step++)
        if (!copy_step(c, *step))
            return false;
    if (c->at != c->end)
        return false;
    if (w->len - length_at - 2 > UINT16_MAX)
        w->full = true;
    if (!w->full)
        put_u16(w->data + length_at, (uint16_t)(w->len - length_at - 2));
    return true;
}

bool rr_put_rdata(struct writer *w, struct name_table *table, struct bytes message, const struct dns_rr *rr)
{
    size_t start = (size_t)(rr->rdata.data - message.data);
    struct copy c = {w, table, message, start, start + rr->rdata.len, false};
    return put_rdata(&c, rr->type);
}

/* The types of RFC 4034 6.2 3, less NSEC (RFC 6840 5.1): those with names whose numbers are not above
 * RRSIG's. */
bool rr_put_canonical(struct writer *w, struct bytes message, const struct dns_rr *rr)
{
    size_t start = (size_t)(rr->rdata.data - message.data);
    struct copy c = {w, NULL, message, start, start + rr->rdata.len, rr->type <= DNS_RRSIG};
    return put_rdata(&c, rr->type);
}
