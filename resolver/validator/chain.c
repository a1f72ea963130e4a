/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The chain of trust: see chain.h. Finds what is known of a name, or the cut that will tell. */
#include "resolver/validator/cut.h"

#include <stdlib.h>

static struct cut *cut_find(struct chain *c, const struct dns_name *name)
{
    for (struct link *at = c->cuts.next; at != &c->cuts; at = at->next) {
        struct cut *cut = holder_of(at, struct cut, ring);
        if (name_equal(&cut->name, name))
            return cut;
    }
    return NULL;
}

static bool has_zones_below(const struct zone *z)
{
    return z->state == ZONE_KEYS || z->state == ZONE_NO_CUT;
}

/* What is known of the name itself; or of one above it, if that holds for all below. */
struct zone *chain_known(struct chain *c, const struct dns_name *name)
{
    struct dns_name at = *name;
    for (unsigned depth = 0;; depth++) {
        enum anchor_kind anchor = anchors_at(c->o.anchors, &at);
        struct zone *z = anchor == ANCHOR_NEGATIVE ? c->insecure : zones_get(c->zones, &at, chain_now(c));
        if (z)
            return depth == 0 || !has_zones_below(z) ? zone_hold(z) : NULL;
        if (anchor == ANCHOR_TRUSTED)
            return NULL;
        if (!name_parent(&at, &at)) /* the root, and nobody trusts it */
            return zone_hold(c->insecure);
    }
}

/* A place, held; or a cut; never both. */
struct place {
    struct zone *zone;
    struct cut *cut;
};

static struct place place_of(struct chain *c, const struct dns_name *name, bool exact, unsigned depth);

/* name's cut, below its parent's place. */
static struct place place_below(struct chain *c, const struct dns_name *name, bool exact, unsigned depth)
{
    struct dns_name parent;
    struct place up;
    if (depth == CHAIN_DEPTH)
        return (struct place){.zone = zone_hold(c->overload)};
    if (!name_parent(name, &parent)) /* the root, and nobody trusts it */
        return (struct place){.zone = zone_hold(c->insecure)};
    /* A name above the wanted one is mostly a zone if that is one; so is a top-level domain. */
    up = place_of(c, &parent, exact || name_labels(&parent) <= 1, depth + 1);
    if (up.zone && !has_zones_below(up.zone))
        return up;
    struct cut *cut = cut_new(c, name, false);
    if (!cut) {
        zone_release(up.zone);
        return (struct place){.zone = zone_hold(c->overload)};
    }
    cut->parent = up.cut;
    if (up.zone) {
        cut->above = zone_hold(zone_enclosing(up.zone));
        zone_release(up.zone);
    } else {
        link_append(&up.cut->children, &cut->sibling);
    }
    cut->exact = exact;
    return (struct place){.cut = cut};
}

static struct place place_of(struct chain *c, const struct dns_name *name, bool exact, unsigned depth)
{
    enum anchor_kind anchor = anchors_at(c->o.anchors, name);
    if (anchor == ANCHOR_NEGATIVE)
        return (struct place){.zone = zone_hold(c->insecure)};
    struct zone *known = zones_get(c->zones, name, chain_now(c));
    if (known)
        return (struct place){.zone = zone_hold(known)};
    struct cut *cut = cut_find(c, name);
    if (cut) {
        cut->exact |= exact;
        return (struct place){.cut = cut};
    }
    if (anchor == ANCHOR_NONE)
        return place_below(c, name, exact, depth);
    cut = cut_new(c, name, true);
    return cut ? (struct place){.cut = cut} : (struct place){.zone = zone_hold(c->overload)};
}

/* Asks from the highest cut on the way to this one. What cannot be asked ends when it is waited for: an ask
 * never replies before it returned. */
static void ask_from_top(struct cut *c)
{
    struct cut *top = c;
    while (top->parent)
        top = top->parent;
    cut_ask_ahead(top, CHAIN_AHEAD);
    if ((top->anchored ? &top->keys : &top->ds)->done)
        cut_go(top);
}

struct zone *chain_find(struct chain *c, const struct dns_name *name, bool exact, struct chain_waiter *w)
{
    struct dns_name wanted = *name;
    struct place p = {.zone = chain_known(c, name)};
    /* Zones do not begin deeper; what is unsigned there mostly is so from far above. */
    if (!exact && name_labels(name) > CHAIN_DEPTH)
        wanted = name_tail(name, CHAIN_DEPTH);
    if (!p.zone)
        p = place_of(c, &wanted, exact, 0);
    if (p.zone)
        return p.zone;
    link_append(&p.cut->waiters, &w->link);
    ask_from_top(p.cut);
    return NULL;
}

void chain_leave(struct chain_waiter *w)
{
    if (w->link.next)
        link_remove(&w->link);
}

bool chain_clock_wrong(const struct chain *c)
{
    return c->clock_wrong;
}

struct chain *chain_new(const struct chain_options *o)
{
    static const struct dns_name root = {.len = 1};
    struct chain *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    c->o = *o;
    link_init(&c->cuts);
    c->zones = zones_new(CHAIN_ZONES);
    c->insecure = zone_new(ZONE_INSECURE, &root, NULL, 0);
    c->overload = zone_new(ZONE_FAILED, &root, NULL, 0);
    if (!c->zones || !c->insecure || !c->overload) {
        chain_free(&c);
        return NULL;
    }
    c->overload->why = REASON_OVERLOAD;
    return c;
}

void chain_free(struct chain **chain)
{
    struct chain *c = *chain;
    if (!c)
        return;
    while (!link_empty(&c->cuts)) {
        struct cut *cut = holder_of(c->cuts.next, struct cut, ring);
        while (!link_empty(&cut->waiters))
            link_remove(cut->waiters.next);
        while (!link_empty(&cut->children))
            link_remove(cut->children.next);
        cut_free(cut);
    }
    zones_free(&c->zones);
    zone_release(c->insecure);
    zone_release(c->overload);
    free(c);
    *chain = NULL;
}
