/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The config: every default, every error with its file, line and key, and that what is printed loads as the
 * same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "data/conf/resolv.h"
#include "data/conf/settings.h"

/* Enough for every other setting to be tried on its own; three lines. */
#define BASE                                                                                                 \
    "state-dir: /var/lib/polynya\n"                                                                          \
    "listen: [{address: 127.0.0.1:8053, protocol: http}]\n"                                                  \
    "upstream: {servers: [{address: 192.0.2.53}]}\n"
/* The same without servers, for files with an upstream section of their own; two lines. */
#define PIN "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define SHORT                                                                                                \
    "state-dir: /var/lib/polynya\n"                                                                          \
    "listen: [{address: 127.0.0.1:8053, protocol: http}]\n"
#define LIST_OF(fields) BASE "steering: {lists: [{" fields "}]}\n"

static char error[512];

static struct conf *parse(const char *yaml)
{
    error[0] = 0;
    return conf_parse("/etc/p.yaml", bytes_str(yaml), error, sizeof error);
}

static struct conf *must_parse(const char *yaml)
{
    struct conf *c = parse(yaml);
    if (!c)
        fail_msg("%s", error);
    return c;
}

static void refused(const char *yaml, const char *message)
{
    struct conf *c = parse(yaml);
    assert_null(c);
    assert_string_equal(error, message);
}

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

static void assert_address(const union sock_addr *a, const char *text)
{
    char is[SOCK_ADDR_TEXT_MAX];
    sock_addr_format(a, is);
    assert_string_equal(is, text);
}

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

struct bad {
    const char *yaml, *message;
};

static void refuses_values_out_of_kind_or_range(void **state)
{
    (void)state;
    static const struct bad all[] = {
        {BASE "limits: {streams: 0}", "limits.streams: must be a whole number, from 1 to 10000"},
        {BASE "limits: {streams: 1O}", "limits.streams: must be a whole number, from 1 to 10000"},
        {BASE "limits: {streams: -1}", "limits.streams: must be a whole number, from 1 to 10000"},
        {BASE "limits: {streams: 99999999999999999999999}",
         "limits.streams: must be a whole number, from 1 to 10000"},
        {BASE "limits: {idle-timeout: 30}",
         "limits.idle-timeout: must be a time such as 250ms, 30s or 12h, from 100ms to 1h"},
        {BASE "limits: {idle-timeout: 2h}",
         "limits.idle-timeout: must be a time such as 250ms, 30s or 12h, from 100ms to 1h"},
        {BASE "limits: {idle-timeout: 30 s}",
         "limits.idle-timeout: must be a time such as 250ms, 30s or 12h, from 100ms to 1h"},
        {BASE "cache: {size: 3999999}", "cache.size: must be a size such as 16KiB or 256MB, from 4MB to 1TB"},
        {BASE "cache: {size: 256mb}", "cache.size: must be a size such as 16KiB or 256MB, from 4MB to 1TB"},
        {BASE "cache: {size: 18446744073709551617MB}",
         "cache.size: must be a size such as 16KiB or 256MB, from 4MB to 1TB"},
        {BASE "cache: {size: }", "cache.size: must be a size such as 16KiB or 256MB, from 4MB to 1TB"},
        {BASE "workers: 0", "workers: must be \"auto\" or a whole number, from 1 to 64"},
        {BASE "workers: 65", "workers: must be \"auto\" or a whole number, from 1 to 64"},
        {BASE "log-level: loud", "log-level: must be error, warn, info or debug"},
        {BASE "user: a/b", "user: must be the name of an account"},
        {BASE "control: ''", "control: must be the path of a file"},
        {BASE "control: \"a\\nb\"", "control: must be the path of a file"},
        {BASE "http: {path: dns-query}",
         "http.path: must be a path such as /dns-query, of letters, digits and -._~/"},
        {BASE "http: {path: /dns-query/}",
         "http.path: must be a path such as /dns-query, of letters, digits and -._~/"},
        {BASE "http: {path: '/a?b'}",
         "http.path: must be a path such as /dns-query, of letters, digits and -._~/"},
        {BASE "metrics: {address: localhost:9153}",
         "metrics.address: must be an IP address and a port such as 127.0.0.1:8443 or [::1]:8443"},
        {BASE "metrics: {address: 127.0.0.1}",
         "metrics.address: must be an IP address and a port such as 127.0.0.1:8443 or [::1]:8443"},
        {BASE "metrics: {address: '127.0.0.1:0'}",
         "metrics.address: must be an IP address and a port such as 127.0.0.1:8443 or [::1]:8443"},
        {BASE "steering: {deny: [192.0.2.1/24]}", "steering.deny[0]: must be an address or a network such as "
                                                  "192.0.2.0/24 or 2001:db8::/32, without bits "
                                                  "behind its prefix"},
        {BASE "steering: {fetch: {proxy: 'ftp://x'}}",
         "steering.fetch.proxy: must be a proxy such as http://192.0.2.1:3128 or "
         "socks5h://proxy.example:1080"},
        {BASE "steering: {fetch: {proxy: 'http://x/y'}}",
         "steering.fetch.proxy: must be a proxy such as http://192.0.2.1:3128 or "
         "socks5h://proxy.example:1080"},
        {BASE "steering: {dnssec: maybe}", "steering.dnssec: must be honour or override"},
        {LIST_OF("name: A, urls: ['file:a/'], root: r"),
         "steering.lists[0].name: must be 1 to 32 of a-z, 0-9 and -"},
        {LIST_OF("name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, urls: ['file:a/'], root: r"),
         "steering.lists[0].name: must be 1 to 32 of a-z, 0-9 and -"},
        {LIST_OF("name: a, urls: ['file:b/', 'http://x/'], root: r"),
         "steering.lists[0].urls[1]: must be file:FOLDER/ or https://HOST/FOLDER/"},
        {LIST_OF("name: a, urls: ['https://'], root: r"),
         "steering.lists[0].urls[0]: must be file:FOLDER/ or https://HOST/FOLDER/"},
        {LIST_OF("name: a, urls: ['https://me:word@x/'], root: r"),
         "steering.lists[0].urls[0]: must be file:FOLDER/ or https://HOST/FOLDER/"},
        {LIST_OF("name: a, urls: ['https://x:0/'], root: r"),
         "steering.lists[0].urls[0]: must be file:FOLDER/ or https://HOST/FOLDER/"},
        {LIST_OF("name: a, urls: ['https://[::1/'], root: r"),
         "steering.lists[0].urls[0]: must be file:FOLDER/ or https://HOST/FOLDER/"},
        {LIST_OF("name: a, urls: ['https://x/a?b'], root: r"),
         "steering.lists[0].urls[0]: must be file:FOLDER/ or https://HOST/FOLDER/"},
        {LIST_OF("name: a, urls: ['https://x/a b'], root: r"),
         "steering.lists[0].urls[0]: must be file:FOLDER/ or https://HOST/FOLDER/"},
        {LIST_OF("name: a, urls: ['file://host/b/'], root: r"),
         "steering.lists[0].urls[0]: must be file:FOLDER/ or https://HOST/FOLDER/"},
        {LIST_OF("name: a, urls: ['file:'], root: r"),
         "steering.lists[0].urls[0]: must be file:FOLDER/ or https://HOST/FOLDER/"},
        {LIST_OF("name: a, urls: ['file:////b'], root: r"),
         "steering.lists[0].urls[0]: must be file:FOLDER/ or https://HOST/FOLDER/"},
        {LIST_OF("name: a, urls: ['file:b/'], root: r, allow-special-use: yes"),
         "steering.lists[0].allow-special-use: must be true or false"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char want[512];
        snprintf(want, sizeof want, "/etc/p.yaml:4: %s", all[i].message);
        refused(all[i].yaml, want);
    }
}

static void reads_tls_upstreams(void **state)
{
    (void)state;
    struct conf *c =
        must_parse(SHORT "upstream: {servers: [{address: 192.0.2.1, tls-name: a.example}, "
                         "{address: '2001:db8::1', pins: [" PIN "]}, "
                         "{address: 192.0.2.1:8853, protocol: tls, tls-name: b, ca-file: b.pem}, "
                         "{address: 192.0.2.4, allow-clear-text: true}]}");
    const struct conf_server *s = c->upstream.servers;
    assert_address(&s[0].address, "192.0.2.1:853");
    assert_int_equal(s[0].protocol, CONF_DOT);
    assert_address(&s[1].address, "[2001:db8::1]:853");
    assert_int_equal(s[1].protocol, CONF_DOT);
    assert_int_equal(s[1].pin_count, 1);
    for (uint8_t i = 0; i < 32; i++)
        assert_int_equal(s[1].pins[0].sha256[i], i);
    assert_address(&s[2].address, "192.0.2.1:8853");
    assert_string_equal(s[2].ca_file, "/etc/b.pem");
    assert_address(&s[3].address, "192.0.2.4:53");
    assert_int_equal(s[3].protocol, CONF_UDP);
    assert_true(s[3].allow_clear);
    conf_free(&c);
}

static void refuses_upstreams_it_cannot_serve(void **state)
{
    (void)state;
    static const struct bad all[] = {
        {SHORT "upstream: {servers: [{address: ns.example}]}",
         "upstream.servers[0].address: must be an IP address such as 192.0.2.1, 192.0.2.1:5353 or "
         "[2001:db8::1]:53"},
        {SHORT "upstream: {servers: [{address: 192.0.2.1:0}]}",
         "upstream.servers[0].address: must be an IP address such as 192.0.2.1, 192.0.2.1:5353 or "
         "[2001:db8::1]:53"},
        {SHORT "upstream: {servers: [{address: 192.0.2.1}, {address: 192.0.2.1, protocol: tls}]}",
         "upstream.servers[1]: needs tls-name or pins to know the server by"},
        {SHORT "upstream: {servers: [{address: 192.0.2.1, protocol: udp, tls-name: a.example}]}",
         "upstream.servers[0]: udp cannot check tls-name, pins or ca-file"},
        {SHORT "upstream: {servers: [{address: 192.0.2.1, ca-file: a.pem}]}",
         "upstream.servers[0]: udp cannot check tls-name, pins or ca-file"},
        {SHORT "upstream: {servers: [{address: 192.0.2.1, pins: [" PIN "], ca-file: a.pem}]}",
         "upstream.servers[0].ca-file: needs tls-name: pins alone ask for no CA"},
        {SHORT "upstream: {servers: [{address: 192.0.2.1, pins: [AAAA]}]}",
         "upstream.servers[0].pins[0]: must be the SHA-256 of a public key in base64, 44 characters"},
        {SHORT "upstream: {servers: [{address: 192.0.2.1, tls-name: a.example}, {address: 192.0.2.2}]}",
         "upstream.servers[1]: would be asked in clear text what others of its group are asked over tls or "
         "https: give it a group of its own, or allow-clear-text: true"},
        {SHORT
         "upstream: {servers: [{address: 192.0.2.1, group: default}, {address: 192.0.2.2, protocol: https, "
         "tls-name: a.example}]}",
         "upstream.servers[0]: would be asked in clear text what others of its group are asked over tls or "
         "https: give it a group of its own, or allow-clear-text: true"},
        {SHORT "upstream: {servers: [{address: 192.0.2.1, tls-name: a.example, allow-clear-text: true}]}",
         "upstream.servers[0].allow-clear-text: is never asked in clear text"},
        {SHORT "upstream: {servers: [{address: 192.0.2.1}], try-timeout: 2s, total-timeout: 1s}",
         "upstream.total-timeout: must not be less than upstream.try-timeout"},
        {SHORT "upstream: {servers: [{address: 192.0.2.1}], failure-min: 10s, failure-max: 5s}",
         "upstream.failure-max: must not be less than upstream.failure-min"},
        {SHORT "upstream: {servers: [{address: 192.0.2.1}], answer-timeout: 1401ms}",
         "upstream.answer-timeout: must be a time such as 250ms, 30s or 12h, from 50ms to 1400ms"},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        char want[512];
        snprintf(want, sizeof want, "/etc/p.yaml:3: %s", all[i].message);
        refused(all[i].yaml, want);
    }
}

static void refuses_settings_that_contradict(void **state)
{
    (void)state;
    refused(BASE "cache:\n  ttl-min: 1h\n  ttl-max: 59m\n",
            "/etc/p.yaml:6: cache.ttl-max: must not be less than cache.ttl-min");
    refused("state-dir: /x\nupstream: {servers: [{address: 192.0.2.1}]}\nlisten:\n"
            "  - {address: 127.0.0.1:1, protocol: http}\n  - {address: 127.0.0.1:1, protocol: https}\n",
            "/etc/p.yaml:5: listen[1].address: is listened to already");
    refused(BASE "metrics: {address: 127.0.0.1:8053}\n",
            "/etc/p.yaml:4: metrics.address: is listened to already");
    refused("state-dir: /x\nupstream: {servers: [{address: 192.0.2.1}]}\nlisten:\n  - address: 127.0.0.1:1\n",
            "/etc/p.yaml:4: listen[0].address: https and tls need an entry in tls.certificates");
    refused(BASE "steering:\n  lists:\n    - {name: a, urls: ['file:a/'], root: r}\n"
                 "    - {name: a, urls: ['file:b/'], root: r}\n",
            "/etc/p.yaml:7: steering.lists[1].name: is the name of another list");
    refused(BASE
            "control: /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
            "/etc/p.yaml:4: control: longer than the 107 bytes a socket's path may have");
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

static void write_temp(char path[64], const char *text)
{
    strcpy(path, "/tmp/polynya-conf-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
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

static void reads_resolv_conf(void **state)
{
    (void)state;
    char path[64];
    union sock_addr found[RESOLV_MAX];
    write_temp(path,
               "# nameserver 192.0.2.9\nsearch example\nnameserver 192.0.2.1\n  nameserver\t2001:db8::1 # x\n"
               "nameserver fe80::1%eth0\nnameserver 192.0.2.1\nnameservers 192.0.2.7\nnameserver\n"
               "nameserver 192.0.2.2");
    assert_int_equal(resolv_read(path, found), 3);
    unlink(path);
    assert_address(&found[0], "192.0.2.1:53");
    assert_address(&found[1], "[2001:db8::1]:53");
    assert_address(&found[2], "192.0.2.2:53");
    assert_int_equal(resolv_read("/nonexistent", found), 0);
}

/* A default or a bound that its own kind refuses would only show when the setting is used. */
static void keeps_its_own_table_sound(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 65536);
    struct value_env env = {.arena = &arena, .folder = "/etc"};
    for (size_t i = 0; i < SETTING_ROWS; i++) {
        const struct setting *s = &settings[i];
        uint8_t field[256];
        char why[VALUE_WHY_MAX];
        assert_ptr_equal(setting_find(s->path), s);
        if (s->kind == KIND_LIST)
            continue;
        assert_true(!s->required || !s->standard);
        const char *const texts[] = {s->standard, *s->least ? s->least : NULL, *s->most ? s->most : NULL};
        for (size_t k = 0; k < 3; k++)
            if (texts[k] && !value_parse(s, texts[k], &env, field, why))
                fail_msg("%s: %s: %s", s->path, texts[k], why);
    }
    arena_fini(&arena);
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
        cmocka_unit_test(refuses_values_out_of_kind_or_range),
        cmocka_unit_test(reads_tls_upstreams),
        cmocka_unit_test(refuses_upstreams_it_cannot_serve),
        cmocka_unit_test(refuses_settings_that_contradict),
        cmocka_unit_test(bounds_what_a_file_costs),
        cmocka_unit_test(keeps_messages_within_their_room),
        cmocka_unit_test(loads_files),
        cmocka_unit_test(loads_the_example_that_ships),
        cmocka_unit_test(reads_resolv_conf),
        cmocka_unit_test(keeps_its_own_table_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
