/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Health tables from hostile bytes, under a good checksum: what opens can be read to its end, and every
 * record counted on. */
#include <stdlib.h>
#include <string.h>

#include "steering/health.h"

static volatile uint64_t sink;

static void read_record(const struct health_head *head, struct health_record r)
{
    sink += health_usable(&r, false) + health_usable(&r, true) + health_ttl(head, &r);
    if (health_until_change(&r) < 1 || health_until_change(&r) > HEALTH_CLEAR_AFTER)
        abort();
    for (int i = 0; i < 4; i++)
        sink += health_count(&r, i & 1, i);
    if (health_until_change(&r) < 1 || health_until_change(&r) > HEALTH_CLEAR_AFTER)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct health_head head;
    uint8_t *block = malloc(size ? size : 1);
    if (!block)
        return 0;
    if (size)
        memcpy(block, data, size);
    if (size >= sizeof head) {
        memcpy(&head, block, sizeof head);
        head.count = (uint32_t)((size - sizeof head) / sizeof(struct health_record));
        memcpy(block, &head, sizeof head);
        health_seal(block);
    }
    struct health *h = health_open(block, size);
    if (!h) {
        free(block);
        return 0;
    }
    for (uint32_t i = 0; i < health_head(h)->count; i++)
        read_record(health_head(h), *health_at(h, i));
    health_free(&h);
    return 0;
}
