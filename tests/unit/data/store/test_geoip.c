/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Countries out of databases of several shapes, and databases that are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/store/geoip.h"
#include "mmdb.h"

static char dir[] = "/tmp/polynya-geoip-XXXXXX", path[64], error[512];
static struct mmdb m;
static uint8_t room[32768];
static struct writer file;

static int setup(void **state)
{
    (void)state;
    if (!mkdtemp(dir))
        return -1;
    snprintf(path, sizeof path, "%s/x.mmdb", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    unlink(path);
    return rmdir(dir);
}

static void put(const void *data, size_t len)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    fclose(f);
}

static void save(void)
{
    file = writer_of(room, sizeof room);
    mmdb_write(&m, &file);
    assert_false(file.full || m.data.full);
    put(room, file.len);
}

static void make(bool v6)
{
    mmdb_init(&m, v6);
    uint32_t ru = mmdb_country(&m, "RU"), by = mmdb_country(&m, "BY");
    mmdb_add(&m, "192.0.2.0/24", ru);
    mmdb_add(&m, "198.51.100.128/25", by);
    mmdb_add(&m, "198.51.100.7/32", ru);
    if (v6)
        mmdb_add(&m, "2001:db8::/33", by);
    save();
}

static struct geoip *must_open(void)
{
    struct geoip *g = geoip_open(path, error, sizeof error);
    if (!g)
        fail_msg("%s", error);
    return g;
}

static void assert_country(const struct geoip *g, const char *address, const char *country)
{
    struct ip ip = {0};
    char is[GEOIP_COUNTRY] = "??";
    assert_true(!*address || ip_parse(bytes_str(address), &ip));
    geoip_country(g, &ip, is);
    if (strcmp(is, country) != 0)
        fail_msg("%s is in \"%s\"", address, is);
}

static void assert_refused(const char *why)
{
    struct geoip *g = geoip_open(path, error, sizeof error);
    assert_null(g);
    assert_memory_equal(error, path, strlen(path));
    if (!strstr(error, why))
        fail_msg("%s", error);
}

static void tells_countries(void **state)
{
    (void)state;
    for (int v6 = 0; v6 < 2; v6++) {
        make(v6);
        struct geoip *g = must_open();
        assert_country(g, "192.0.2.0", "RU");
        assert_country(g, "192.0.2.255", "RU");
        assert_country(g, "192.0.3.0", "");
        assert_country(g, "198.51.100.127", "");
        assert_country(g, "198.51.100.128", "BY");
        assert_country(g, "198.51.100.7", "RU");
        assert_country(g, "2001:db8:7fff::1", v6 ? "BY" : "");
        assert_country(g, "2001:db8:8000::1", "");
        assert_country(g, "", "");
        assert_country(NULL, "192.0.2.1", "");
        char type[64];
        geoip_type(g, type);
        assert_string_equal(type, "Test_Country");
        assert_int_equal(geoip_built(g), 1700000000);
        geoip_free(&g);
        assert_null(g);
    }
}

/* {"country": "KZ"}, and {"country_code": "KZ", "country": "Kazakhstan"} */
static void other_shapes_are_known(void **state)
{
    (void)state;
    for (int shape = 0; shape < 2; shape++) {
        mmdb_init(&m, true);
        uint32_t at = mmdb_here(&m);
        mmdb_map(&m.data, shape ? 2 : 1);
        if (shape) {
            mmdb_string(&m.data, "country_code");
            mmdb_string(&m.data, "KZ");
        }
        mmdb_string(&m.data, "country");
        mmdb_string(&m.data, shape ? "Kazakhstan" : "KZ");
        mmdb_add(&m, "192.0.2.0/24", at);
        save();
        struct geoip *g = must_open();
        assert_country(g, "192.0.2.1", "KZ");
        geoip_free(&g);
    }
}

/* Some of what is in the file may be no country. */
static void what_is_no_code_is_unknown(void **state)
{
    (void)state;
    static const char *const codes[] = {"ru", "R1", "R", "RUS", ""};
    mmdb_init(&m, true);
    for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
        char net[32];
        snprintf(net, sizeof net, "192.0.%u.0/24", i);
        mmdb_add(&m, net, mmdb_country(&m, codes[i]));
    }
    mmdb_add(&m, "198.51.100.0/24", mmdb_country(&m, "AM"));
    save();
    struct geoip *g = must_open();
    for (unsigned i = 0; i < sizeof codes / sizeof *codes; i++) {
        char address[32];
        snprintf(address, sizeof address, "192.0.%u.1", i);
        assert_country(g, address, "");
    }
    assert_country(g, "198.51.100.1", "AM");
    geoip_free(&g);
}

static void the_copy_outlives_its_file(void **state)
{
    (void)state;
    make(true);
    struct geoip *g = must_open(), *other = geoip_share(g);
    assert_ptr_equal(g, other);
    geoip_free(&g);
    int fd = open(path, O_RDWR | O_TRUNC);
    assert_true(fd >= 0);
    close(fd);
    assert_country(other, "192.0.2.1", "RU");
    unlink(path);
    assert_country(other, "198.51.100.200", "BY");
    geoip_free(&other);
    geoip_free(&other);
    assert_null(geoip_share(NULL));
}

static void without_any_country_it_is_refused(void **state)
{
    (void)state;
    mmdb_init(&m, true);
    uint32_t at = mmdb_here(&m);
    mmdb_map(&m.data, 1);
    mmdb_string(&m.data, "asn");
    mmdb_string(&m.data, "64500");
    mmdb_add(&m, "192.0.2.0/24", at);
    save();
    assert_refused("tells no address' country");
}

/* Cut anywhere, with any byte of it wrong: refused, or still sound; never a crash. */
static void damage_is_refused_or_harmless(void **state)
{
    (void)state;
    make(true);
    size_t len = file.len, refused = 0;
    uint8_t *good = malloc(len);
    assert_non_null(good);
    memcpy(good, room, len);
    for (size_t cut = 0; cut < len; cut += cut < len - 300 ? 97 : 1) {
        put(good, cut);
        struct geoip *g = geoip_open(path, error, sizeof error);
        assert_null(g);
    }
    for (size_t at = 0; at < len; at++) {
        uint8_t was = good[at];
        good[at] ^= 0xff;
        put(good, len);
        good[at] = was;
        struct geoip *g = geoip_open(path, error, sizeof error);
        struct ip ip = {.len = 4, .addr = {192, 0, 2, 1}};
        char country[GEOIP_COUNTRY];
        refused += g == NULL;
        geoip_country(g, &ip, country);
        geoip_free(&g);
    }
    assert_true(refused > len / 4);
    free(good);
}

static void other_files_are_refused(void **state)
{
    (void)state;
    put("", 0);
    assert_refused("");
    put("not a database", 14);
    assert_refused("metadata");
    unlink(path);
    assert_refused("No such file");
    assert_int_equal(mkfifo(path, 0600), 0);
    assert_refused("not a regular file");
    unlink(path);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_refused("not a regular file");
    rmdir(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tells_countries),
        cmocka_unit_test(other_shapes_are_known),
        cmocka_unit_test(what_is_no_code_is_unknown),
        cmocka_unit_test(the_copy_outlives_its_file),
        cmocka_unit_test(without_any_country_it_is_refused),
        cmocka_unit_test(damage_is_refused_or_harmless),
        cmocka_unit_test(other_files_are_refused),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
