/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Telling lists' age: see lists_age.h. */
#include "steering/lists_age.h"

#include "data/base/log.h"
#include "data/base/metric.h"

static enum list_age age_of(const struct list_doc *list, uint64_t old_after, int64_t now)
{
    int64_t old = list->issued + (int64_t)(old_after / 1000);
    return list->expires <= now ? LIST_EXPIRED : old < now ? LIST_OLD : LIST_FRESH;
}

static void tell_age(struct subscription *s, const struct list_doc *list, enum list_age age)
{
    char issued[TIME_TEXT_MAX];
    time_format(list->issued, issued);
    if (age == LIST_EXPIRED && s->told_age != age)
        log_error("list.expired",
                  "list=%s issued=%s text=\"no fresh list is to be had: its health is void, registrations "
                  "live on until their own expiry\"",
                  s->conf->name, issued);
    if (age == LIST_OLD && s->told_age == LIST_FRESH)
        log_warn("list.old", "list=%s issued=%s text=\"no newer list is to be had\"", s->conf->name, issued);
    if (age == LIST_FRESH && s->told_age != age)
        log_info("list.fresh", "list=%s issued=%s", s->conf->name, issued);
    s->told_age = age;
}

void lists_tell_age(struct subscription *sub, unsigned count, uint64_t old_after, int64_t now)
{
    uint64_t version = 0, sites = 0;
    int64_t issued = 0, expires = 0, oldest = 0;
    enum list_age worst = LIST_FRESH;
    for (unsigned i = 0; i < count; i++) {
        const struct kept_documents *d = sub[i].documents;
        if (!d)
            continue;
        const struct list_doc *list = &d->result.list;
        enum list_age age = age_of(list, old_after, now);
        version = list->version > version ? list->version : version;
        issued = list->issued > issued ? list->issued : issued;
        expires = list->expires > expires ? list->expires : expires;
        oldest = now - list->issued > oldest ? now - list->issued : oldest;
        sites += d->result.site_count;
        worst = age > worst ? age : worst;
        tell_age(&sub[i], list, age);
    }
    metric_set(METRIC_LIST_VERSION, version);
    metric_set(METRIC_LIST_ISSUED, (uint64_t)issued);
    metric_set(METRIC_LIST_AGE, (uint64_t)oldest);
    metric_set(METRIC_LIST_EXPIRES, (uint64_t)expires);
    metric_set(METRIC_LIST_OLD, worst >= LIST_OLD);
    metric_set(METRIC_LIST_EXPIRED, worst == LIST_EXPIRED);
    metric_set(METRIC_LIST_SITES, sites);
}
