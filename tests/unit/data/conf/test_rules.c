/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Rules between settings: what follows from others, and what does not go together. */
#include "tests/unit/data/conf/parse.h"

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
    refused_all(all, sizeof all / sizeof *all, 3);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_tls_upstreams),
        cmocka_unit_test(refuses_upstreams_it_cannot_serve),
        cmocka_unit_test(refuses_settings_that_contradict),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
