/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies about CNAMEs' targets, and what is kept of them on disk, from hostile bytes. */
#include <stdlib.h>

#include "data/dns/msg.h"
#include "steering/targets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_reply(struct bytes reply, const struct dns_name *name, uint16_t type)
{
    struct ip ip[TARGET_FAMILY_MAX] = {0};
    uint32_t ttl = TARGET_AGAIN_MAX;
    int count = target_addresses(reply, name, type, ip, &ttl);
    if (count < -1 || count > TARGET_FAMILY_MAX || ttl > TARGET_AGAIN_MAX)
        abort();
    for (int i = 0; i < count; i++)
        if (ip[i].len != (type == DNS_A ? 4 : 16))
            abort();
}

static void read_saved(struct bytes saved, const struct dns_name *name)
{
    struct target_table t = {0};
    struct ip ip[TARGET_ADDRESSES_MAX];
    unsigned count;
    const struct dns_name *names[] = {name, name};
    target_table_load(&t, saved);
    if (!target_table_set(&t, names, 2))
        abort();
    if (target_table_get(&t, name, ip, &count) && count > TARGET_ADDRESSES_MAX)
        abort();
    struct bytes again = target_table_save(&t);
    free((uint8_t *)(uintptr_t)again.data);
    target_table_fini(&t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_name name;
    if (!name_from_text(BYTES_LIT("mirror.example"), &name))
        abort();
    read_reply(bytes_of(data, size), &name, DNS_A);
    read_reply(bytes_of(data, size), &name, DNS_AAAA);
    read_saved(bytes_of(data, size), &name);
    return 0;
}
