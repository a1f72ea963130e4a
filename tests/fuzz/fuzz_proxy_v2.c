/* SPDX-License-Identifier: GPL-3.0-or-later */
/* PROXY protocol headers from hostile bytes, in pieces as long as the first byte says: the same comes of them
 * whole, and no byte behind the header is asked for. */
#include <stdlib.h>

#include "resolver/net/proxy_v2.h"

static enum proxy_status feed(struct proxy_reader *p, const uint8_t *data, size_t size, size_t step,
                              size_t *used)
{
    enum proxy_status status = PROXY_MORE;
    *used = 0;
    while (status == PROXY_MORE && *used < size) {
        size_t n = proxy_wants(p);
        if (n == 0 || p->have + n > PROXY_MOST)
            abort();
        n = n < step ? n : step;
        n = n < size - *used ? n : size - *used;
        status = proxy_take(p, data + *used, n);
        *used += n;
    }
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct proxy_reader whole = {0}, pieces = {0};
    size_t used_whole, used_pieces;
    if (size < 1)
        return 0;
    enum proxy_status a = feed(&whole, data + 1, size - 1, SIZE_MAX, &used_whole);
    enum proxy_status b = feed(&pieces, data + 1, size - 1, data[0] % 64 + 1u, &used_pieces);
    if (a != b)
        abort();
    if (a != PROXY_DONE)
        return 0;
    struct ip one, other;
    if (used_whole != used_pieces || used_whole != (size_t)PROXY_FIXED + get_u16(data + 1 + 14) ||
        proxy_wants(&whole) || proxy_client(&whole, &one) != proxy_client(&pieces, &other) ||
        !ip_equal(&one, &other))
        abort();
    return 0;
}
