/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies about CNAMEs' targets, and what is kept of them on disk, from hostile bytes. */
#include <ev.h>
#include <stdlib.h>

#include "data/dns/msg.h"
#include "steering/targets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void changed(void *self)
{
    (void)self;
}

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
    static struct ev_loop *loop;
    static const struct conf conf;
    struct ip ip[2 * TARGET_FAMILY_MAX];
    unsigned count;
    const struct dns_name *names[] = {name, name};
    if (!loop)
        loop = ev_loop_new(EVFLAG_NOENV);
    struct targets *t = targets_new(loop, &conf, changed, NULL);
    if (!t)
        abort();
    targets_load(t, saved);
    if (!targets_set(t, names, 2))
        abort();
    if (targets_get(t, name, ip, &count) && count > 2 * TARGET_FAMILY_MAX)
        abort();
    struct bytes again = targets_save(t);
    free((uint8_t *)(uintptr_t)again.data);
    targets_free(&t);
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
