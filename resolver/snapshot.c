/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The worker's steering snapshot: see snapshot.h. The store is opened for each load and closed again, so a
 * file that the prober had to replace is never held on to. */
#include "resolver/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "data/base/log.h"
#include "steering/state.h"

enum { DAY = 86400 };

struct snapshot {
    const char *state_dir;
    const uint32_t *generation;
    uint32_t loaded; /* generation of the copy */
    bool ever;       /* a load was tried */
    struct view *view;
    struct health *health; /* of that view; NULL if none is stored */
    uint8_t master[STATE_SECRET];
    uint8_t day_secret[32];
    int64_t day; /* of day_secret */
};

struct snapshot *snapshot_new(const char *state_dir, const uint32_t *generation)
{
    struct snapshot *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->state_dir = state_dir;
    (void)state_prepare(state_dir); /* what fails is told when it is read */
    s->generation = generation;
    s->day = -1;
    return s;
}

void snapshot_free(struct snapshot **snapshot)
{
    struct snapshot *s = *snapshot;
    *snapshot = NULL;
    if (!s)
        return;
    view_free(&s->view);
    health_free(&s->health);
    explicit_bzero(s, sizeof *s);
    free(s);
}

static enum store_result load(struct snapshot *s)
{
    struct store *store;
    enum store_result r = state_open(s->state_dir, true, &store);
    if (r != STORE_OK)
        return r;
    r = state_load_secret(store, s->master);
    if (r == STORE_OK)
        r = state_renew_snapshot(store, &s->view, &s->health);
    store_close(&store);
    return r;
}

static void renew(struct snapshot *s)
{
    enum store_result r = load(s);
    if (r == STORE_OK) {
        s->day = -1;
        log_debug("steering.loaded", "generation=%u health=%s", s->loaded, s->health ? "yes" : "none");
    } else if (s->loaded) { /* else the prober has stored nothing yet, and says so when it has */
        log_error("steering.unreadable", "dir=%s result=%d", s->state_dir, (int)r);
    }
}

void snapshot_refresh(struct snapshot *s, int64_t now)
{
    uint32_t generation = shm_load(s->generation);
    if (!s->ever || generation != s->loaded) {
        s->ever = true;
        s->loaded = generation;
        renew(s);
    }
    if (s->view && s->day != now / DAY) {
        s->day = now / DAY;
        steer_day_secret(s->master, now, s->day_secret);
    }
}

const struct view *snapshot_view(const struct snapshot *s)
{
    return s->view;
}

const struct view_site *snapshot_find(const struct snapshot *s, const struct dns_query *q)
{
    return s->view ? steer_find(s->view, &q->name, q->type) : NULL;
}

bool snapshot_has(const struct snapshot *s, const struct dns_name *name)
{
    return s->view && view_find(s->view, name);
}

void snapshot_decide(const struct snapshot *s, const struct view_site *site,
                     const struct steer_client *client, int64_t now, struct steer_decision *out)
{
    struct steer_case c;
    steer_case_init(&c, site, s->health, client, s->day_secret, now);
    steer_case_decide(&c, out);
}
