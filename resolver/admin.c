/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The operators' pages: see admin.h. Each is made in the admin's own buffer and copied into the stream in its
 * real size. */
#include "resolver/admin.h"

#include <jansson.h>
#include <stdlib.h>

#include "data/base/clock.h"
#include "data/base/text.h"
#include "resolver/engine.h"

/* 48 KiB hold a status of 200 processes and 32 upstreams; 64 KiB any metrics page (metric.h). */
enum { PAGE_MAX_BYTES = 65536, UPSTREAMS_MAX = 32 };

struct admin {
    const struct conf *conf;
    const struct shm *shm;
    struct engine *engine;
    bool control, draining;
    char page[PAGE_MAX_BYTES];
};

/* What /status tells of the metrics, in this order; those of one name are added up. */
static const struct {
    const char *name;
    enum metric metric;
} totals[] = {
    {"connections", METRIC_CONN_OPEN},
    {"connections_accepted", METRIC_CONN_TLS},
    {"connections_accepted", METRIC_CONN_PLAIN},
    {"connections_accepted", METRIC_CONN_DOT},
    {"connections_refused", METRIC_CONN_REFUSED_CAP},
    {"connections_refused", METRIC_CONN_REFUSED_PREFIX},
    {"requests", METRIC_HTTP1_REQUESTS},
    {"requests", METRIC_HTTP2_REQUESTS},
    {"requests", METRIC_DOT_REQUESTS},
    {"requests_open", METRIC_STREAMS_OPEN},
    {"cache_hits", METRIC_CACHE_HIT_PACKET},
    {"cache_hits", METRIC_CACHE_HIT_STORE},
    {"cache_misses", METRIC_CACHE_MISS},
    {"lookups_open", METRIC_LOOKUPS},
    {"upstream_queries", METRIC_UPSTREAM_QUERIES_UDP},
    {"upstream_queries", METRIC_UPSTREAM_QUERIES_TCP},
    {"upstream_queries", METRIC_UPSTREAM_QUERIES_TLS},
    {"upstream_queries", METRIC_UPSTREAM_QUERIES_HTTPS},
    {"upstream_timeouts", METRIC_UPSTREAM_TIMEOUTS},
    {"steered", METRIC_STEERED_MIRROR},
    {"steered", METRIC_STEERED_NODATA},
    {"process_deaths", METRIC_CHILD_DEATHS},
};

static const char *const role_names[] = {
    [SHM_FREE] = "free",     [SHM_SUPERVISOR] = "supervisor", [SHM_WORKER] = "worker",
    [SHM_PROBER] = "prober", [SHM_REGISTRAR] = "registrar",   [SHM_FLEET] = "fleet"};

struct pages {
    const struct metric_page *page[SHM_SLOTS + 1];
    size_t count;
};

static uint64_t total(const struct pages *p, enum metric m)
{
    return metric_total(m, p->page, p->count);
}

/* ---- /health ---- */

static const char *list_state(const struct admin *a, const struct pages *p)
{
    if (a->conf->steering.list_count == 0)
        return "none";
    if (total(p, METRIC_LIST_VERSION) == 0)
        return "missing";
    if (total(p, METRIC_LIST_EXPIRED))
        return "expired";
    return total(p, METRIC_LIST_OLD) ? "old" : "fresh";
}

/* A list that is missing, old or expired is for the operator to see, not for a balancer to act on: this
 * instance still answers as well as any other that follows the same list. So it is 200 and "degraded". */
static void health_page(struct admin *a, const struct pages *p, struct writer *w)
{
    const char *list = list_state(a, p);
    bool good = (strcmp(list, "fresh") == 0 || strcmp(list, "none") == 0) && !total(p, METRIC_RPZ_MISSING);
    writer_printf(w, "{\"status\":\"%s\",\"list\":\"%s\"",
                  a->draining ? "draining"
                  : good      ? "ok"
                              : "degraded",
                  list);
    if (a->conf->steering.rpz_count)
        writer_printf(w, ",\"rpz\":\"%s\"", total(p, METRIC_RPZ_MISSING) ? "missing" : "fresh");
    writer_printf(w, "}\n");
}

/* ---- /status ---- */

static json_t *totals_json(const struct pages *p)
{
    json_t *all = json_object();
    for (size_t i = 0; i < sizeof totals / sizeof *totals; i++) {
        json_int_t before = json_integer_value(json_object_get(all, totals[i].name));
        uint64_t v = total(p, totals[i].metric);
        json_object_set_new(all, totals[i].name, json_integer(before + (json_int_t)v));
    }
    return all;
}

static json_t *processes_json(const struct shm *shm, int64_t now)
{
    json_t *all = json_array();
    for (size_t i = 0; i < SHM_SLOTS; i++) {
        const struct shm_slot *slot = &shm->slot[i];
        enum shm_role role = __atomic_load_n(&slot->role, __ATOMIC_ACQUIRE);
        if (role == SHM_FREE)
            continue;
        json_array_append_new(all,
                              json_pack("{s:s, s:i, s:i, s:i, s:I}", "role", role_names[role], "index",
                                        (int)slot->index, "pid", (int)slot->pid, "generation",
                                        (int)slot->generation, "uptime", (json_int_t)(now - slot->started)));
    }
    return all;
}

static json_t *lists_json(const struct admin *a)
{
    json_t *names = json_array();
    for (unsigned i = 0; i < a->conf->steering.list_count; i++)
        json_array_append_new(names, json_string(a->conf->steering.lists[i].name));
    return names;
}

/* "" of a time that is not known. */
static void time_text(uint64_t when, char out[TIME_TEXT_MAX])
{
    out[0] = '\0';
    if (when)
        time_format((int64_t)when, out);
}

static const struct view_list *find_list(const struct view *v, const char *name)
{
    size_t count = 0;
    const struct view_list *l = v ? view_lists(v, &count) : NULL;
    for (size_t i = 0; i < count; i++)
        if (strcmp(l[i].name, name) == 0)
            return &l[i];
    return NULL;
}

/* Policy zones say of themselves that they are worth less: nobody's signature, our own probes' proof alone.
 */
static json_t *policies_json(const struct admin *a)
{
    const struct view *v = a->engine ? engine_view(a->engine) : NULL;
    json_t *rows = json_array();
    for (unsigned i = 0; i < a->conf->steering.rpz_count; i++) {
        const struct conf_rpz *c = &a->conf->steering.rpz[i];
        const struct view_list *l = find_list(v, c->name);
        json_array_append_new(rows,
                              json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:I}", "name", c->name, "zone",
                                        c->zone, "from", c->file ? "file" : "primary", "trust", "unsigned",
                                        "in_force", l != NULL, "serial", (json_int_t)(l ? l->version : 0),
                                        "sites", (json_int_t)(l ? l->site_count : 0)));
    }
    return rows;
}

static json_t *steering_json(const struct admin *a, const struct pages *p)
{
    char issued[TIME_TEXT_MAX], expires[TIME_TEXT_MAX];
    time_text(total(p, METRIC_LIST_ISSUED), issued);
    time_text(total(p, METRIC_LIST_EXPIRES), expires);
    return json_pack("{s:o, s:s, s:I, s:s, s:I, s:s, s:I, s:o}", "lists", lists_json(a), "state",
                     list_state(a, p), "version", (json_int_t)total(p, METRIC_LIST_VERSION), "issued", issued,
                     "age", (json_int_t)total(p, METRIC_LIST_AGE), "expires", expires, "sites",
                     (json_int_t)total(p, METRIC_LIST_SITES), "policy_zones", policies_json(a));
}

static json_t *cache_json(struct engine *e)
{
    struct cache_usage usage = {0};
    engine_cache_usage(e, &usage);
    return json_pack("{s:I, s:I, s:I}", "used", (json_int_t)usage.used, "size", (json_int_t)usage.size,
                     "file", (json_int_t)usage.number);
}

static json_t *upstreams_json(struct engine *e)
{
    struct upstream_state state[UPSTREAMS_MAX];
    unsigned count = engine_upstreams(e, state, UPSTREAMS_MAX);
    json_t *all = json_array();
    for (unsigned i = 0; i < count && i < UPSTREAMS_MAX; i++) {
        char address[SOCK_ADDR_TEXT_MAX];
        sock_addr_format(&state[i].address, address);
        json_array_append_new(
            all, json_pack("{s:s, s:s, s:s, s:b, s:i, s:i, s:I, s:I}", "address", address, "protocol",
                           state[i].protocol, "group", state[i].group, "on_hold", state[i].on_hold, "rtt_ms",
                           (int)state[i].rtt_ms, "loss_percent", (int)state[i].loss_percent, "queries",
                           (json_int_t)state[i].queries, "timeouts", (json_int_t)state[i].timeouts));
    }
    return all;
}

/* jansson hands NULL on when memory runs out; then the page stays empty and the request fails. */
static void status_page(struct admin *a, const struct pages *p, struct writer *w)
{
    json_t *root = json_pack("{s:b, s:i, s:o, s:o, s:o}", "draining", a->draining, "generation",
                             (int)shm_load(&a->shm->config_generation), "processes",
                             processes_json(a->shm, clock_wall_ms() / 1000), "totals", totals_json(p),
                             "steering", steering_json(a, p));
    if (a->engine) {
        json_object_set_new(root, "cache", cache_json(a->engine));
        json_object_set_new(root, "upstreams", upstreams_json(a->engine));
    }
    size_t len = root ? json_dumpb(root, (char *)w->data, w->cap, JSON_COMPACT) : 0;
    w->full = len == 0 || len >= w->cap;
    w->len = w->full ? 0 : len;
    writer_u8(w, '\n');
    json_decref(root);
}

/* ---- requests ---- */

static void metrics_page(struct admin *a, const struct pages *p, struct writer *w)
{
    (void)a;
    metric_format(w, p->page, p->count);
}

static const struct route {
    const char *path, *content_type;
    bool control_only, may_drain; /* may_drain: 503 while draining */
    void (*page)(struct admin *a, const struct pages *p, struct writer *w);
} routes[] = {
    {"/metrics", "text/plain; version=0.0.4; charset=utf-8", false, false, metrics_page},
    {"/health", "application/json", false, true, health_page},
    {"/status", "application/json", true, false, status_page},
};

static const struct route *route_of(const struct admin *a, struct bytes path)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (bytes_equal(path, bytes_str(routes[i].path)) && (a->control || !routes[i].control_only))
            return &routes[i];
    return NULL;
}

static void respond(struct admin *a, const struct route *route, struct http_stream *s)
{
    struct pages pages;
    pages.count = shm_pages(a->shm, pages.page);
    struct writer w = writer_of(a->page, sizeof a->page);
    route->page(a, &pages, &w);
    struct bytes body = arena_copy(&s->arena, writer_done(&w));
    if (w.full || !body.data) {
        http_fail(s, REASON_HTTP_INTERNAL, NULL);
        return;
    }
    http_respond(s, &(struct http_response){.status = route->may_drain && a->draining ? 503 : 200,
                                            .cache = HTTP_NO_STORE,
                                            .content_type = route->content_type,
                                            .body = body});
}

void admin_request(void *self, struct http_stream *s, const struct http_request *r)
{
    struct admin *a = self;
    const struct route *route = route_of(a, r->path);
    if (!route)
        http_fail(s, REASON_HTTP_NOT_FOUND, NULL);
    else if (r->method != HTTP_GET && r->method != HTTP_HEAD)
        http_fail(s, REASON_HTTP_METHOD, "GET, HEAD");
    else
        respond(a, route, s);
}

struct admin *admin_new(const struct conf *conf, const struct shm *shm, struct engine *engine, bool control)
{
    struct admin *a = calloc(1, sizeof *a);
    if (a) {
        a->conf = conf;
        a->shm = shm;
        a->engine = engine;
        a->control = control;
    }
    return a;
}

void admin_free(struct admin **a)
{
    free(*a);
    *a = NULL;
}

void admin_drain(struct admin *a)
{
    if (a)
        a->draining = true;
}
