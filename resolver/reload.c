/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reloads: see reload.h. */
#include "resolver/reload.h"

#include <systemd/sd-daemon.h>

#include "data/base/clock.h"

enum { START_PATIENCE = 30000, ERROR_MAX = 512 };

void reload_init(struct reload *r, struct posts *posts)
{
    *r = (struct reload){.posts = posts};
    watch_init(&r->watch);
}

static void next_fini(struct reload *r)
{
    if (r->next.conf == r->current.conf)
        r->next.conf = NULL;
    generation_fini(&r->next);
}

void reload_fini(struct reload *r)
{
    next_fini(r);
    generation_fini(&r->current);
}

/* The current generation's files, watched from now on, and what they are. */
static void announce_files(struct reload *r)
{
    const struct generation *g = &r->current;
    char type[64];
    watch_files(&r->watch, g->conf, g->marks, clock_mono_ms());
    if (g->tls)
        metric_set(METRIC_CERT_EXPIRES, (uint64_t)tls_server_expires(g->tls));
    metric_set(METRIC_GEOIP_BUILT, g->geoip ? (uint64_t)geoip_built(g->geoip) : 0);
    if (!g->geoip)
        return;
    geoip_type(g->geoip, type);
    log_info("geoip", "type=%s built=%lld", type, (long long)geoip_built(g->geoip));
}

bool reload_first(struct reload *r, struct conf *conf, char *error, size_t cap)
{
    if (!generation_init(&r->current, conf, NULL, r->posts->crew.shm, &r->posts->sockets, error, cap))
        return false;
    announce_files(r);
    return true;
}

void reload_look(struct reload *r, int64_t now)
{
    static const struct {
        unsigned file;
        const char *event;
    } events[] = {{WATCH_CERTIFICATES, "certificate.changed"},
                  {WATCH_GEOIP, "geoip.changed"},
                  {WATCH_ANCHORS, "dnssec.anchors.changed"}};
    unsigned changed = watch_changed(&r->watch, r->current.conf, now);
    for (size_t i = 0; i < sizeof events / sizeof *events; i++)
        if (changed & events[i].file)
            log_info(events[i].event, "generation=%u", r->current.number);
    r->files_changed |= changed;
}

/* Beginning */

static void refuse(const char *error)
{
    log_error("reload.refused", "why=\"%s\"", error);
    metric_count(METRIC_RELOADS_REFUSED);
    sd_notifyf(0, "READY=1\nSTATUS=reload refused: %s", error);
}

/* Starts a generation beside the current one. Takes conf, unless it is the current one's. geoip: to be kept;
 * NULL: as conf says. */
static void begin(struct reload *r, struct conf *conf, struct geoip *geoip)
{
    char error[ERROR_MAX];
    sd_notify(0, "RELOADING=1");
    if (generation_init(&r->next, conf, geoip, r->posts->crew.shm, &r->posts->sockets, error, sizeof error))
        return;
    if (conf != r->current.conf)
        conf_free(&conf);
    refuse(error);
}

static void begin_config(struct reload *r)
{
    char error[ERROR_MAX];
    r->wanted = false;
    r->files_changed = 0;
    struct conf *conf = conf_load(r->current.conf->file, error, sizeof error);
    if (conf)
        begin(r, conf, NULL);
    else
        refuse(error);
}

/* New files under the config that runs: that one may be under the operator's pen. A geoip database that is no
 * good must not keep certificates from being renewed. */
static void begin_files(struct reload *r)
{
    char error[ERROR_MAX];
    unsigned changed = r->files_changed;
    struct geoip *geoip = NULL;
    r->files_changed = 0;
    /* It may also have changed before, together with certificates that were no good. */
    bool stale = r->watch.seen.geoip != r->current.marks.geoip;
    if (stale && !generation_geoip(r->current.conf, &geoip, error, sizeof error)) {
        refuse(error);
        changed &= (unsigned)~WATCH_GEOIP;
    }
    if (!geoip)
        geoip = geoip_share(r->current.geoip);
    if (changed)
        begin(r, r->current.conf, geoip);
    geoip_free(&geoip);
}

/* Ending */

static void finish(struct reload *r)
{
    if (r->next.conf == r->current.conf)
        r->current.conf = NULL;
    generation_fini(&r->current);
    r->current = r->next;
    r->next = (struct generation){0};
    log_setup("supervisor", r->current.conf->log_level);
    sockets_trim(&r->posts->sockets, r->current.conf);
    announce_files(r);
    posts_succeed(r->posts, r->current.number);
    metric_count(METRIC_RELOADS);
    log_info("reload.done", "generation=%u", r->current.number);
    sd_notify(0, "READY=1\nSTATUS=serving");
}

static void abandon(struct reload *r, const char *why)
{
    posts_dismiss(r->posts, r->next.number);
    next_fini(r);
    sockets_trim(&r->posts->sockets, r->current.conf);
    refuse(why);
}

bool reload_step(struct reload *r)
{
    if (r->wanted && !r->next.number)
        begin_config(r);
    if (r->files_changed && !r->next.number)
        begin_files(r);
    int64_t now = clock_mono_ms();
    if (!posts_fill(r->posts, &r->current, true, now))
        return false;
    if (!r->next.number)
        return true;
    if (!posts_fill(r->posts, &r->next, false, now))
        return false;
    if (posts_ready(r->posts, &r->next, false))
        finish(r);
    return true;
}

void reload_died(struct reload *r, const struct crew_child *was)
{
    if (r->next.number && was->generation == r->next.number && !was->ready)
        abandon(r, "a process of the new generation did not start");
}

void reload_expire(struct reload *r, int64_t now)
{
    if (now >= reload_due(r))
        abandon(r, "the new generation did not get ready in time");
}

int64_t reload_due(const struct reload *r)
{
    return r->next.number ? r->next.since + START_PATIENCE + 1 : INT64_MAX;
}
