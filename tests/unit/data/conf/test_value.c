/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values: what each kind refuses, and that the table of settings keeps to its own kinds. */
#include "tests/unit/data/conf/parse.h"

#include "data/conf/value.h"

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
    refused_all(all, sizeof all / sizeof *all, 4);
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
        cmocka_unit_test(refuses_values_out_of_kind_or_range),
        cmocka_unit_test(keeps_its_own_table_sound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
