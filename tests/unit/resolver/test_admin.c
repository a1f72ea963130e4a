/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The operators' pages through a stream of our own; the engine's two questions are answered here as well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <jansson.h>
#include <stdlib.h>

#include "data/base/clock.h"
#include "resolver/admin.h"
#include "resolver/engine.h"

struct engine {
    struct cache_usage usage;
    unsigned upstreams;
};

void engine_cache_usage(struct engine *e, struct cache_usage *out)
{
    *out = e->usage;
}

/* As the real one does: says how many there are, fills what has room. */
const struct view *engine_view(const struct engine *e)
{
    (void)e;
    return NULL;
}

unsigned engine_upstreams(struct engine *e, struct upstream_state *out, unsigned cap)
{
    for (unsigned i = 0; i < e->upstreams && i < cap; i++) {
        out[i] = (struct upstream_state){.protocol = "udp",
                                         .group = "default",
                                         .on_hold = i == 1,
                                         .rtt_ms = 7,
                                         .queries = 100 + i,
                                         .timeouts = 3};
        assert_true(sock_addr_parse(bytes_str("[2001:db8::1]"), 53, &out[i].address));
    }
    return e->upstreams;
}

struct answer {
    struct http_stream stream; /* first */
    struct http_response response;
    char body[65536];
    unsigned times;
};

static void on_respond(struct http_stream *s, const struct http_response *r)
{
    struct answer *a = (struct answer *)s;
    assert_true(r->body.len < sizeof a->body);
    if (r->body.len)
        memcpy(a->body, r->body.data, r->body.len);
    a->body[r->body.len] = 0;
    a->response = *r;
    a->times++;
}

static const struct http_protocol protocol = {.respond = on_respond};

struct world {
    struct shm *shm;
    struct conf conf;
    struct conf_list lists[1];
    struct engine engine;
    struct admin *admin;
    size_t room; /* of a stream's arena */
    struct answer answer;
};

static void ask_as(struct world *w, enum http_method method, const char *path)
{
    w->answer = (struct answer){.stream.protocol = &protocol};
    arena_init(&w->answer.stream.arena, w->room);
    admin_request(w->admin, &w->answer.stream,
                  &(struct http_request){.method = method, .path = bytes_str(path)});
    arena_fini(&w->answer.stream.arena);
    assert_int_equal(w->answer.times, 1);
    assert_int_equal(w->answer.response.cache, HTTP_NO_STORE);
}

static void ask(struct world *w, const char *path)
{
    ask_as(w, HTTP_GET, path);
}

static void assert_answer(const struct world *w, unsigned status, const char *body)
{
    assert_int_equal(w->answer.response.status, status);
    assert_string_equal(w->answer.body, body);
}

static void make_admin(struct world *w, struct engine *engine, bool control)
{
    admin_free(&w->admin);
    w->admin = admin_new(&w->conf, w->shm, engine, control);
    assert_non_null(w->admin);
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->room = 1 << 20;
    w->lists[0].name = "a \"quoted\" list";
    w->conf.steering.lists = w->lists;
    w->shm = shm_new();
    assert_non_null(w->shm);
    make_admin(w, NULL, false);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    admin_free(&w->admin);
    shm_free(&w->shm);
    free(w);
    return 0;
}

static struct metric_page *process(struct world *w, enum shm_role role, uint32_t index)
{
    struct shm_slot *slot = shm_slot_take(w->shm, role, 4, index);
    assert_non_null(slot);
    slot->pid = (pid_t)(1000 + index);
    return &slot->page;
}

static void sums_metrics_over_processes(void **state)
{
    struct world *w = *state;
    process(w, SHM_WORKER, 0)->value[METRIC_HTTP2_REQUESTS] = 5;
    process(w, SHM_WORKER, 1)->value[METRIC_HTTP2_REQUESTS] = 6;
    w->shm->retired.value[METRIC_HTTP2_REQUESTS] = 100;
    ask(w, "/metrics");
    assert_int_equal(w->answer.response.status, 200);
    assert_string_equal(w->answer.response.content_type, "text/plain; version=0.0.4; charset=utf-8");
    assert_non_null(strstr(w->answer.body, "\npolynya_requests_total{protocol=\"http2\"} 111\n"));
    assert_non_null(strstr(w->answer.body, "\npolynya_answers_total{reason=\"ok\"} 0\n"));
}

static void tells_health_and_what_becomes_of_the_list(void **state)
{
    struct world *w = *state;
    struct metric_page *prober = process(w, SHM_PROBER, 0);
    ask(w, "/health");
    assert_answer(w, 200, "{\"status\":\"ok\",\"list\":\"none\"}\n");
    assert_string_equal(w->answer.response.content_type, "application/json");
    w->conf.steering.list_count = 1;
    ask(w, "/health");
    assert_answer(w, 200, "{\"status\":\"degraded\",\"list\":\"missing\"}\n");
    prober->value[METRIC_LIST_VERSION] = 7;
    ask(w, "/health");
    assert_answer(w, 200, "{\"status\":\"ok\",\"list\":\"fresh\"}\n");
    prober->value[METRIC_LIST_OLD] = 1;
    ask(w, "/health");
    assert_answer(w, 200, "{\"status\":\"degraded\",\"list\":\"old\"}\n");
    prober->value[METRIC_LIST_EXPIRED] = 1;
    ask(w, "/health");
    assert_answer(w, 200, "{\"status\":\"degraded\",\"list\":\"expired\"}\n");
}

static void tells_whether_a_policy_zone_is_missing(void **state)
{
    struct world *w = *state;
    struct metric_page *prober = process(w, SHM_PROBER, 0);
    w->conf.steering.rpz_count = 1;
    ask(w, "/health");
    assert_answer(w, 200, "{\"status\":\"ok\",\"list\":\"none\",\"rpz\":\"fresh\"}\n");
    prober->value[METRIC_RPZ_MISSING] = 1;
    ask(w, "/health");
    assert_answer(w, 200, "{\"status\":\"degraded\",\"list\":\"none\",\"rpz\":\"missing\"}\n");
}

static void is_unhealthy_only_while_draining(void **state)
{
    struct world *w = *state;
    make_admin(w, NULL, true);
    admin_drain(NULL);
    admin_drain(w->admin);
    ask(w, "/health");
    assert_answer(w, 503, "{\"status\":\"draining\",\"list\":\"none\"}\n");
    ask(w, "/metrics");
    assert_int_equal(w->answer.response.status, 200);
    ask(w, "/status");
    assert_int_equal(w->answer.response.status, 200);
}

static void answers_head_as_get(void **state)
{
    struct world *w = *state;
    ask_as(w, HTTP_HEAD, "/health");
    assert_answer(w, 200, "{\"status\":\"ok\",\"list\":\"none\"}\n");
}

static void refuses_other_methods_and_paths(void **state)
{
    struct world *w = *state;
    static const enum http_method methods[] = {HTTP_POST, HTTP_OTHER};
    for (size_t i = 0; i < 2; i++) {
        ask_as(w, methods[i], "/metrics");
        assert_int_equal(w->answer.response.status, 405);
        assert_string_equal(w->answer.response.allow, "GET, HEAD");
    }
    static const char *const paths[] = {"/", "", "/metric", "/metrics/", "/health?", "/dns-query"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        ask(w, paths[i]);
        assert_int_equal(w->answer.response.status, 404);
    }
    ask_as(w, HTTP_POST, "/nothing");
    assert_int_equal(w->answer.response.status, 404);
}

static json_t *status_of(struct world *w)
{
    ask(w, "/status");
    assert_int_equal(w->answer.response.status, 200);
    assert_string_equal(w->answer.response.content_type, "application/json");
    json_error_t error;
    json_t *root = json_loads(w->answer.body, JSON_REJECT_DUPLICATES, &error);
    if (!root)
        fail_msg("%s", error.text);
    return root;
}

static json_int_t number(json_t *root, const char *object, const char *key)
{
    json_t *value = json_object_get(json_object_get(root, object), key);
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static const char *text(json_t *object, const char *key)
{
    assert_true(json_is_string(json_object_get(object, key)));
    return json_string_value(json_object_get(object, key));
}

static void keeps_status_to_the_control_socket(void **state)
{
    struct world *w = *state;
    ask(w, "/status");
    assert_int_equal(w->answer.response.status, 404);
    make_admin(w, NULL, true);
    json_t *root = status_of(w);
    assert_null(json_object_get(root, "cache"));
    assert_null(json_object_get(root, "upstreams"));
    json_decref(root);
}

static void lists_processes_and_totals(void **state)
{
    struct world *w = *state;
    make_admin(w, NULL, true);
    w->shm->config_generation = 4;
    struct metric_page *worker = process(w, SHM_WORKER, 2);
    worker->value[METRIC_CACHE_HIT_PACKET] = 40;
    worker->value[METRIC_CACHE_HIT_STORE] = 2;
    process(w, SHM_PROBER, 0);
    w->shm->slot[0].started = clock_wall_ms() / 1000 - 90;
    json_t *root = status_of(w);
    json_t *processes = json_object_get(root, "processes");
    assert_int_equal(json_array_size(processes), 2);
    json_t *first = json_array_get(processes, 0);
    assert_string_equal(text(first, "role"), "worker");
    assert_int_equal(json_integer_value(json_object_get(first, "pid")), 1002);
    assert_int_equal(json_integer_value(json_object_get(first, "index")), 2);
    assert_int_equal(json_integer_value(json_object_get(first, "generation")), 4);
    assert_true(json_integer_value(json_object_get(first, "uptime")) >= 90);
    assert_string_equal(text(json_array_get(processes, 1), "role"), "prober");
    assert_int_equal(json_integer_value(json_object_get(root, "generation")), 4);
    assert_int_equal(number(root, "totals", "cache_hits"), 42);
    assert_int_equal(number(root, "totals", "requests"), 0);
    json_decref(root);
}

static void tells_of_lists_cache_and_upstreams(void **state)
{
    struct world *w = *state;
    w->engine = (struct engine){.usage = {.used = 10, .size = 256000000, .number = 3}, .upstreams = 2};
    make_admin(w, &w->engine, true);
    w->conf.steering.list_count = 1;
    struct metric_page *prober = process(w, SHM_PROBER, 0);
    prober->value[METRIC_LIST_VERSION] = 7;
    prober->value[METRIC_LIST_EXPIRES] = 86400;
    prober->value[METRIC_LIST_SITES] = 12;
    json_t *root = status_of(w);
    json_t *steering = json_object_get(root, "steering");
    json_t *name = json_array_get(json_object_get(steering, "lists"), 0);
    assert_string_equal(json_string_value(name), "a \"quoted\" list");
    assert_string_equal(text(steering, "state"), "fresh");
    assert_string_equal(text(steering, "expires"), "1970-01-02T00:00:00Z");
    assert_int_equal(number(root, "steering", "version"), 7);
    assert_int_equal(number(root, "steering", "sites"), 12);
    assert_int_equal(number(root, "cache", "used"), 10);
    assert_int_equal(number(root, "cache", "size"), 256000000);
    assert_int_equal(number(root, "cache", "file"), 3);
    json_t *upstreams = json_object_get(root, "upstreams");
    assert_int_equal(json_array_size(upstreams), 2);
    assert_string_equal(text(json_array_get(upstreams, 0), "address"), "[2001:db8::1]:53");
    assert_true(json_is_false(json_object_get(json_array_get(upstreams, 0), "on_hold")));
    assert_true(json_is_true(json_object_get(json_array_get(upstreams, 1), "on_hold")));
    assert_int_equal(json_integer_value(json_object_get(json_array_get(upstreams, 1), "queries")), 101);
    json_decref(root);
}

static void has_room_for_the_fullest_status(void **state)
{
    struct world *w = *state;
    w->engine.upstreams = 40;
    make_admin(w, &w->engine, true);
    while (shm_slot_take(w->shm, SHM_SUPERVISOR, UINT32_MAX / 2, UINT32_MAX / 2))
        ;
    for (size_t i = 0; i < SHM_SLOTS; i++)
        w->shm->slot[i].pid = INT32_MAX;
    json_t *root = status_of(w);
    assert_int_equal(json_array_size(json_object_get(root, "processes")), SHM_SLOTS);
    assert_int_equal(json_array_size(json_object_get(root, "upstreams")), 32);
    json_decref(root);
}

static void fails_where_the_stream_has_no_room(void **state)
{
    struct world *w = *state;
    w->room = 100;
    ask(w, "/metrics");
    assert_int_equal(w->answer.response.status, 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(sums_metrics_over_processes, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_health_and_what_becomes_of_the_list, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_whether_a_policy_zone_is_missing, setup, teardown),
        cmocka_unit_test_setup_teardown(is_unhealthy_only_while_draining, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_head_as_get, setup, teardown),
        cmocka_unit_test_setup_teardown(refuses_other_methods_and_paths, setup, teardown),
        cmocka_unit_test_setup_teardown(keeps_status_to_the_control_socket, setup, teardown),
        cmocka_unit_test_setup_teardown(lists_processes_and_totals, setup, teardown),
        cmocka_unit_test_setup_teardown(tells_of_lists_cache_and_upstreams, setup, teardown),
        cmocka_unit_test_setup_teardown(has_room_for_the_fullest_status, setup, teardown),
        cmocka_unit_test_setup_teardown(fails_where_the_stream_has_no_room, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
