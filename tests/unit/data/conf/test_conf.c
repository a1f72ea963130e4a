/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The config: every default, every error with its file, line and key, and that what is printed loads as the
 * same. */
#include "tests/unit/data/conf/parse.h"

#include "data/conf/value.h"

static void fills_in_defaults(void **state)
{
    (void)state;
    struct conf *c = must_parse(BASE);
    assert_string_equal(c->file, "/etc/p.yaml");
    assert_string_equal(c->state_dir, "/var/lib/polynya");
    assert_string_equal(c->control, "/var/lib/polynya/control.sock");
    assert_null(c->user);
    assert_in_range(c->workers, 1, 64);
    assert_int_equal(c->log_level, LOG_LEVEL_INFO);
    assert_int_equal(c->tls.count, 0);
    assert_int_equal(c->tls.ticket_rotation, 43200000);
    assert_string_equal(c->http.path, "/dns-query");
    assert_null(c->http.static_file);
    assert_int_equal(c->upstream.try_timeout, 400);
    assert_int_equal(c->upstream.total_timeout, 5000);
    assert_int_equal(c->upstream.answer_timeout, 1350);
    assert_int_equal(c->upstream.tries, 6);
    assert_int_equal(c->upstream.lookups, 10000);
    assert_int_equal(c->upstream.waiters, 1000);
    assert_int_equal(c->upstream.failure_min, 1000);
    assert_int_equal(c->upstream.failure_max, 30000);
    assert_int_equal(c->cache.size, 256000000);
    assert_int_equal(c->cache.memory, 64000000);
    assert_int_equal(c->cache.ttl_max, 86400000);
    assert_int_equal(c->cache.ttl_min, 0);
    assert_int_equal(c->cache.negative_max, 3600000);
    assert_int_equal(c->steering.list_count, 0);
    assert_int_equal(c->steering.dnssec, CONF_HONOUR);
    assert_int_equal(c->steering.poll, 60000);
    assert_false(c->metrics.enabled);
    assert_int_equal(c->limits.streams, 100);
    assert_int_equal(c->limits.header_list, 16384);
    assert_int_equal(c->limits.idle_timeout, 30000);
    assert_int_equal(c->limits.read_timeout, 10000);
    assert_int_equal(c->limits.write_timeout, 15000);
    assert_int_equal(c->limits.connections, 20000);
    assert_int_equal(c->limits.connections_per_prefix, 512);
    assert_int_equal(c->limits.drain_timeout, 10000);
    conf_free(&c);
    assert_null(c);
}

static const char full[] =
    "state-dir: state\n"
    "control: ./run/c.sock\n"
    "user: polynya\n"
    "workers: 3\n"
    "log-level: debug\n"
    "listen:\n"
    "  - address: 127.0.0.1:8443\n"
    "  - {address: '[::1]:8080', protocol: http, proxy-protocol: true}\n"
    "proxies: {trusted: [10.0.0.0/8, '2001:db8::/32'], header: forwarded}\n"
    "tls:\n"
    "  certificates:\n"
    "    - {chain: tls/c.pem, key: /keys/k.pem}\n"
    "  ticket-rotation: 1m\n"
    "http: {path: /a/b, static-file: \"\\u043f \\\"q\\\\.html\"}\n"
    "upstream:\n"
    "  servers: [{address: 192.0.2.1, group: a}, {address: '[2001:db8::1]:5353', allow-clear-text: true},\n"
    "    {address: 192.0.2.3, tls-name: a.example, pins: [" PIN "], ca-file: a.pem}]\n"
    "  tries: 2\n"
    "cache: {size: 4194304, memory: 1MiB, ttl-min: 250ms}\n"
    "steering:\n"
    "  lists:\n"
    "    - name: demo\n"
    "      urls: ['file:seed/demo', 'file:///srv/list/', 'file:/srv/b', "
    "'https://h.example:8443/l', 'https://[::1]']\n"
    "      root: root-1.json\n"
    "      allow-special-use: true\n"
    "    - {name: b-2, urls: ['file:b/'], root: /r}\n"
    "  deny: [192.0.2.0/24, '2001:db8::1']\n"
    "  dnssec: override\n"
    "  fetch: {proxy: 'http://[::1]:3128', ca-file: ca.pem, timeout: 5s}\n"
    "metrics: {address: 127.0.0.1:9153}\n";

static void reads_every_kind(void **state)
{
    (void)state;
    struct conf *c = must_parse(full);
    assert_string_equal(c->user, "polynya");
    assert_int_equal(c->workers, 3);
    assert_int_equal(c->log_level, LOG_LEVEL_DEBUG);
    assert_int_equal(c->listen_count, 2);
    assert_address(&c->listen[0].address, "127.0.0.1:8443");
    assert_int_equal(c->listen[0].protocol, CONF_HTTPS);
    assert_address(&c->listen[1].address, "[::1]:8080");
    assert_int_equal(c->listen[1].protocol, CONF_HTTP);
    assert_false(c->listen[0].proxied);
    assert_true(c->listen[1].proxied);
    assert_int_equal(c->proxies.trusted_count, 2);
    assert_int_equal(c->proxies.trusted[0].bits, 8);
    assert_int_equal(c->proxies.header, CONF_FORWARDED);
    assert_string_equal(c->http.path, "/a/b");
    assert_int_equal(c->upstream.count, 3);
    assert_address(&c->upstream.servers[0].address, "192.0.2.1:53");
    assert_address(&c->upstream.servers[1].address, "[2001:db8::1]:5353");
    assert_null(c->upstream.servers[0].tls_name);
    assert_int_equal(c->cache.size, 4194304);
    assert_int_equal(c->cache.memory, 1048576);
    assert_int_equal(c->cache.ttl_min, 250);
    assert_int_equal(c->steering.list_count, 2);
    assert_int_equal(c->steering.lists[0].url_count, 5);
    assert_true(c->steering.lists[0].allow_special_use);
    assert_string_equal(c->steering.lists[1].name, "b-2");
    assert_false(c->steering.lists[1].allow_special_use);
    assert_int_equal(c->steering.dnssec, CONF_OVERRIDE);
    assert_true(c->metrics.enabled);
    assert_address(&c->metrics.address, "127.0.0.1:9153");
    conf_free(&c);
}

static void takes_relative_paths_from_the_files_folder(void **state)
{
    (void)state;
    struct conf *c = must_parse(full);
    assert_string_equal(c->state_dir, "/etc/state");
    assert_string_equal(c->control, "/etc/run/c.sock");
    assert_string_equal(c->tls.certificates[0].chain, "/etc/tls/c.pem");
    assert_string_equal(c->tls.certificates[0].key, "/keys/k.pem");
    assert_string_equal(c->http.static_file, "/etc/\xd0\xbf \"q\\.html");
    assert_string_equal(c->steering.lists[0].urls[0], "file:/etc/seed/demo/");
    assert_string_equal(c->steering.lists[0].urls[1], "file:/srv/list/");
    assert_string_equal(c->steering.lists[0].urls[2], "file:/srv/b/");
    assert_string_equal(c->steering.lists[0].urls[3], "https://h.example:8443/l/");
    assert_string_equal(c->steering.lists[0].urls[4], "https://[::1]/");
    assert_string_equal(c->steering.lists[0].root, "/etc/root-1.json");
    assert_string_equal(c->steering.fetch.proxy, "http://[::1]:3128");
    assert_string_equal(c->steering.fetch.ca_file, "/etc/ca.pem");
    conf_free(&c);

    char cwd[4096], want[4200];
    assert_non_null(getcwd(cwd, sizeof cwd));
    c = conf_parse("sub/p.yaml", bytes_str(full), error, sizeof error);
    assert_non_null(c);
    snprintf(want, sizeof want, "%s/sub/state", cwd);
    assert_string_equal(c->state_dir, want);
    conf_free(&c);
}

static struct bytes print(const struct conf *c, uint8_t *out, size_t cap)
{
    struct writer w = writer_of(out, cap);
    conf_print(c, &w);
    assert_false(w.full);
    return writer_done(&w);
}

/* Compares by the table: every row, in every entry. Texts by what they say. */
static void assert_same(const char *prefix, const uint8_t *a, const uint8_t *b)
{
    for (size_t i = 0; i < SETTING_ROWS; i++) {
        const struct setting *s = &settings[i];
        if (!setting_within(s, prefix))
            continue;
        if (s->kind != KIND_LIST) {
            uint8_t text_a[512], text_b[512];
            assert_int_equal(value_present(s, a + s->offset), value_present(s, b + s->offset));
            if (!value_present(s, a + s->offset))
                continue;
            struct writer wa = writer_of(text_a, sizeof text_a), wb = writer_of(text_b, sizeof text_b);
            value_format(s, a + s->offset, &wa);
            value_format(s, b + s->offset, &wb);
            assert_int_equal(wa.len, wb.len);
            assert_memory_equal(text_a, text_b, wa.len);
            continue;
        }
        unsigned count_a, count_b;
        const uint8_t *items_a, *items_b;
        memcpy(&count_a, a + s->count_offset, sizeof count_a);
        memcpy(&count_b, b + s->count_offset, sizeof count_b);
        assert_int_equal(count_a, count_b);
        memcpy(&items_a, a + s->offset, sizeof items_a);
        memcpy(&items_b, b + s->offset, sizeof items_b);
        char inner[128];
        snprintf(inner, sizeof inner, "%s[].", s->path);
        for (unsigned k = 0; k < count_a; k++)
            assert_same(inner, items_a + k * s->item_size, items_b + k * s->item_size);
    }
}

static void prints_what_loads_as_the_same(void **state)
{
    (void)state;
    static uint8_t text[65536], text_again[65536];
    static const char *const files[] = {BASE, SHORT, full};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct conf *c = must_parse(files[i]);
        struct bytes yaml = print(c, text, sizeof text);
        /* From another folder: nothing relative may be left. */
        struct conf *again = conf_parse("/tmp/other/x.yaml", yaml, error, sizeof error);
        if (!again)
            fail_msg("%s", error);
        assert_same("", (const uint8_t *)c, (const uint8_t *)again);
        assert_true(bytes_equal(yaml, print(again, text_again, sizeof text_again)));
        conf_free(&again);
        conf_free(&c);
    }
}

static void prints_short_numbers(void **state)
{
    (void)state;
    static char text[65536];
    struct conf *c =
        must_parse(SHORT "upstream: {servers: [{address: 192.0.2.1}], try-timeout: 1500ms}\n"
                         "cache: {size: 1GiB, memory: 1000001, ttl-max: 90m, negative-max: 0s}\n");
    struct bytes yaml = print(c, (uint8_t *)text, sizeof text - 1);
    text[yaml.len] = 0;
    assert_non_null(strstr(text, "\n  try-timeout: 1500ms\n"));
    assert_non_null(strstr(text, "\n  size: 1GiB\n"));
    assert_non_null(strstr(text, "\n  memory: 1000001\n"));
    assert_non_null(strstr(text, "\n  ttl-max: 90m\n"));
    assert_null(strstr(text, "metrics"));
    conf_free(&c);
}

static void names_what_is_no_yaml(void **state)
{
    (void)state;
    refused("", "/etc/p.yaml: state-dir: missing");
    refused("# nothing\n", "/etc/p.yaml: state-dir: missing");
    refused("5", "/etc/p.yaml:1: the file must hold settings (\"key: value\")");
    refused("- a", "/etc/p.yaml:1: the file must hold settings (\"key: value\")");
    refused("state-dir: /x\n\tb: 1\n",
            "/etc/p.yaml:2: not valid YAML: found a tab character that violates indentation");
    refused("a: \"b\n", "/etc/p.yaml:2: not valid YAML: found unexpected end of stream");
    refused("a: \xff", "/etc/p.yaml:1: not valid YAML: invalid leading UTF-8 octet");
    refused("state-dir: /x\n---\nstate-dir: /y\n", "/etc/p.yaml:2: a second document");
    refused("user: &x y\ncontrol: *x\n", "/etc/p.yaml:2: control: aliases are not supported");
    refused("user: \"a\\0b\"\n", "/etc/p.yaml:1: user: must not contain NUL");
    refused("? [a]\n: b\n", "/etc/p.yaml:1: a key must be a plain word");
    refused("tls:\n  [a]: b\n", "/etc/p.yaml:2: tls: a key must be a plain word");
}

static void names_keys_it_does_not_know(void **state)
{
    (void)state;
    refused(BASE "limts: {streams: 1}\n", "/etc/p.yaml:4: limts: unknown key");
    refused(BASE "limits:\n  idle-timeout: 1s\n  streamz: 1\n", "/etc/p.yaml:6: limits.streamz: unknown key");
    refused(BASE "steering:\n  lists:\n  - name: a\n    rot: x\n",
            "/etc/p.yaml:7: steering.lists[0].rot: unknown key");
    refused("limits.streams: 5\n", "/etc/p.yaml:1: unknown key \"limits.streams\"");
    refused("a\x7f\xc3\xbc: 5\n", "/etc/p.yaml:1: not valid YAML: control characters are not allowed");
    refused("\xc3\xbc: 5\n", "/etc/p.yaml:1: ??: unknown key");
    refused("state-dir: /x\nuser: a\nstate-dir: /y\n", "/etc/p.yaml:3: state-dir: given twice");
    refused("cache: {size: 4MB}\ncache: {size: 4MB}\n", "/etc/p.yaml:2: cache: given twice");
}

static void names_values_of_the_wrong_shape(void **state)
{
    (void)state;
    refused("limits: 5\n", "/etc/p.yaml:1: limits: must hold settings (\"key: value\")");
    refused("state-dir: /x\nlimits:\n", "/etc/p.yaml:2: limits: must hold settings (\"key: value\")");
    refused("limits: [1]\n", "/etc/p.yaml:1: limits: must hold settings (\"key: value\")");
    refused("limits:\n  streams: [1]\n", "/etc/p.yaml:2: limits.streams: must be a single value");
    refused("state-dir: {a: b}\n", "/etc/p.yaml:1: state-dir: must be a single value");
    refused("listen:\n  address: 127.0.0.1:1\n",
            "/etc/p.yaml:1: listen: must be a list (\"- \" before each entry)");
    refused("listen:\n  - 127.0.0.1:1\n", "/etc/p.yaml:2: listen[0]: must hold settings (\"key: value\")");
    refused("steering:\n  lists:\n  - urls:\n    - a: b\n",
            "/etc/p.yaml:4: steering.lists[0].urls[0]: must be a single value");
}

static void names_what_is_missing(void **state)
{
    (void)state;
    refused("listen: [{address: 127.0.0.1:1}]\n", "/etc/p.yaml: state-dir: missing");
    refused("state-dir: /x\n", "/etc/p.yaml: listen: missing");
    refused("state-dir: /x\nlisten: []\n", "/etc/p.yaml:2: listen: must have 1 to 64 entries");
    refused("state-dir: /x\nlisten:\n  - protocol: http\n", "/etc/p.yaml:3: listen[0].address: missing");
    refused(BASE "tls:\n  certificates:\n    - chain: a\n",
            "/etc/p.yaml:6: tls.certificates[0].key: missing");
    refused(BASE "tls:\n  certificates:\n    - chain: a\n      key: b\n    - key: c\n",
            "/etc/p.yaml:8: tls.certificates[1].chain: missing");
    refused(LIST_OF("urls: ['file:a/'], root: r"), "/etc/p.yaml:4: steering.lists[0].name: missing");
    refused(LIST_OF("name: a, root: r"), "/etc/p.yaml:4: steering.lists[0].urls: missing");
    refused(LIST_OF("name: a, urls: [], root: r"),
            "/etc/p.yaml:4: steering.lists[0].urls: must have 1 to 16 entries");
    refused(LIST_OF("name: a, urls: ['file:a/']"), "/etc/p.yaml:4: steering.lists[0].root: missing");
}

static void assert_refused_bytes(const char *text, size_t len, const char *what)
{
    struct conf *c = conf_parse("p", bytes_of(text, len), error, sizeof error);
    assert_null(c);
    assert_non_null(strstr(error, what));
}

static void bounds_what_a_file_costs(void **state)
{
    (void)state;
    static char text[(1 << 20) + 1];
    memset(text, '#', sizeof text);
    assert_refused_bytes(text, sizeof text, "p: larger than 1 MiB");
    assert_refused_bytes(text, sizeof text - 1, "p: state-dir: missing");

    memset(text, '[', sizeof text);
    memcpy(text, "user: ", 6);
    assert_refused_bytes(text, sizeof text - 1, "nested too deeply");

    size_t len = (size_t)snprintf(text, sizeof text, "listen: [");
    for (; len < 100000; len += 2)
        memcpy(text + len, "a,", 2);
    assert_refused_bytes(text, len, "too many values");

    memset(text, 'k', 100000);
    memcpy(text + 100000, ": 1\n", 4);
    assert_refused_bytes(text, 100004, "p:1: ");
}

static void keeps_messages_within_their_room(void **state)
{
    (void)state;
    for (size_t cap = 1; cap < 60; cap++) {
        char *small = malloc(cap);
        assert_non_null(small);
        assert_null(conf_parse("/etc/p.yaml", BYTES_LIT("limits: {streamz: 1}"), small, cap));
        assert_true(strlen(small) < cap);
        assert_true(strncmp("/etc/p.yaml:1: limits.streamz: unknown key", small, strlen(small)) == 0);
        free(small);
    }
}

static void loads_files(void **state)
{
    (void)state;
    char path[64], want[128];
    write_temp(path, "state-dir: s\nlisten: 5\n");
    assert_null(conf_load(path, error, sizeof error));
    snprintf(want, sizeof want, "%s:2: listen: must be a list (\"- \" before each entry)", path);
    assert_string_equal(error, want);
    unlink(path);

    write_temp(path, BASE);
    struct conf *c = conf_load(path, error, sizeof error);
    assert_non_null(c);
    assert_string_equal(c->file, path);
    conf_free(&c);
    unlink(path);

    assert_null(conf_load("/nonexistent/p.yaml", error, sizeof error));
    assert_string_equal(error, "/nonexistent/p.yaml: No such file or directory");
    assert_null(conf_load("/", error, sizeof error));
    assert_string_equal(error, "/: Is a directory");
}

/* Tests run at the root of the tree. */
static void loads_the_example_that_ships(void **state)
{
    (void)state;
    struct conf *c = conf_load("data/seed/polynya.yaml", error, sizeof error);
    if (!c)
        fail_msg("%s", error);
    assert_true(c->metrics.enabled);
    assert_int_equal(c->steering.list_count, 1);
    assert_false(c->steering.lists[0].allow_special_use);
    conf_free(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fills_in_defaults),
        cmocka_unit_test(reads_every_kind),
        cmocka_unit_test(takes_relative_paths_from_the_files_folder),
        cmocka_unit_test(prints_what_loads_as_the_same),
        cmocka_unit_test(prints_short_numbers),
        cmocka_unit_test(names_what_is_no_yaml),
        cmocka_unit_test(names_keys_it_does_not_know),
        cmocka_unit_test(names_values_of_the_wrong_shape),
        cmocka_unit_test(names_what_is_missing),
        cmocka_unit_test(bounds_what_a_file_costs),
        cmocka_unit_test(keeps_messages_within_their_room),
        cmocka_unit_test(loads_files),
        cmocka_unit_test(loads_the_example_that_ships),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
