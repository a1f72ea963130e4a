/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A health table beside a snapshot, for tests. Include it after cmocka.h. */
#ifndef POLYNYA_TESTS_TABLE_H
#define POLYNYA_TESTS_TABLE_H

#include <stdlib.h>
#include <string.h>

#include "steering/health.h"
#include "steering/view.h"

/* Record i for address i; those beyond count are unknown. The interval is 30 s unless head says otherwise. */
static inline struct health *table_of(const struct view *v, struct health_head head,
                                      const struct health_record *r, uint32_t count)
{
    size_t len = sizeof head + view_address_count(v) * sizeof *r;
    uint8_t *block = calloc(1, len);
    assert_non_null(block);
    assert_true(count <= view_address_count(v));
    head.view = view_checksum(v);
    head.count = view_address_count(v);
    head.interval = head.interval ? head.interval : 30;
    memcpy(block, &head, sizeof head);
    if (count)
        memcpy(block + sizeof head, r, count * sizeof *r);
    health_seal(block);
    struct health *h = health_open(block, len);
    assert_non_null(h);
    return h;
}

#endif
