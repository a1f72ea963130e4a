/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Bytes kept for later: see kept.h. */
#include "resolver/net/kept.h"

#include <stdlib.h>

bool kept_add(struct kept *k, const uint8_t *data, size_t n)
{
    uint8_t *grown = realloc(k->data, k->len + n);
    if (!grown)
        return false;
    memcpy(grown + k->len, data, n);
    k->data = grown;
    k->len += n;
    return true;
}

void kept_drop(struct kept *k, size_t n)
{
    k->len -= n;
    if (k->len)
        memmove(k->data, k->data + n, k->len);
    else
        kept_fini(k);
}

void kept_fini(struct kept *k)
{
    free(k->data);
    *k = (struct kept){0};
}
