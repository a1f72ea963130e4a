/* SPDX-License-Identifier: GPL-3.0-or-later */
/* OONI's answers from hostile bytes: no pair is ever blocked more than it was measured. */
#include <stdlib.h>

#include "steering/ooni.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct ooni all;
    arena_init(&arena, 64 << 20);
    if (ooni_parse(bytes_of(data, size), "outlet.example", "RU", &arena, &all, NULL))
        for (unsigned i = 0; i < all.count; i++) {
            const struct ooni_pair *p = &all.pairs[i];
            for (int k = 0; k < OONI_HOW_COUNT; k++)
                if (!(p->blocked[k] >= 0 && p->blocked[k] <= p->measurements * 1.000001))
                    abort();
            if (!p->domain[0] || strlen(p->country) != 2)
                abort();
        }
    arena_fini(&arena);
    return 0;
}
