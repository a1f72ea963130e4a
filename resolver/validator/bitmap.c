/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Type bit maps: see bitmap.h. */
#include "resolver/validator/bitmap.h"

enum { WINDOW_BYTES = 32 };

/* Takes the first window off map; false if it is cut or empty. */
static bool next(struct bytes *map, uint8_t *window, struct bytes *bits)
{
    if (map->len < 2 || map->data[1] == 0 || map->data[1] > WINDOW_BYTES || map->len - 2 < map->data[1])
        return false;
    *window = map->data[0];
    *bits = bytes_of(map->data + 2, map->data[1]);
    *map = bytes_of(bits->data + bits->len, map->len - 2 - bits->len);
    return true;
}

bool bitmap_sound(struct bytes map)
{
    struct bytes bits;
    uint8_t window;
    for (int last = -1; map.len; last = window)
        if (!next(&map, &window, &bits) || window <= last)
            return false;
    return true;
}

bool bitmap_has(struct bytes map, uint16_t type)
{
    struct bytes bits;
    uint8_t window;
    while (next(&map, &window, &bits))
        if (window == type >> 8) {
            size_t at = (type & 0xff) / 8;
            return at < bits.len && bits.data[at] >> (7 - type % 8) & 1;
        }
    return false;
}
