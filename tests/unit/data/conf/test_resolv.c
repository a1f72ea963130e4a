/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which nameservers are taken from resolv.conf(5). */
#include "tests/unit/data/conf/parse.h"

#include "data/conf/resolv.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_resolv_conf),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
