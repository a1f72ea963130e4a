/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The queue of the cache: see cachequeue.h. */
#include "data/store/cachequeue.h"

#include <stdlib.h>

enum {
    KEY_MAX = 511,
    KEPT = 256 << 10, /* memory that stays between commits */
    FIRST = 4096
};

/* Head of an item; key and value follow. */
struct item {
    uint32_t value_len;
    uint16_t key_len;
    bool forward;
};

bool cachequeue_key_fits(struct bytes key)
{
    return key.len >= 1 && key.len <= KEY_MAX;
}

static bool reserve(struct cachequeue *q, size_t len, bool forward)
{
    if (q->len + len > (forward ? q->max / 2 : q->max))
        return false;
    if (q->len + len <= q->cap)
        return true;
    size_t cap = q->cap ? q->cap : FIRST;
    while (cap < q->len + len)
        cap *= 2;
    uint8_t *grown = realloc(q->data, cap);
    if (!grown)
        return false;
    q->data = grown;
    q->cap = cap;
    return true;
}

bool cachequeue_add(struct cachequeue *q, struct bytes key, struct bytes value, bool forward)
{
    struct item item = {(uint32_t)value.len, (uint16_t)key.len, forward};
    if (!cachequeue_key_fits(key) || value.len > q->max ||
        !reserve(q, sizeof item + key.len + value.len, forward))
        return false;
    struct writer w = writer_of(q->data + q->len, q->cap - q->len);
    writer_put(&w, &item, sizeof item);
    writer_bytes(&w, key);
    writer_bytes(&w, value);
    q->len += w.len;
    q->count++;
    return true;
}

static enum store_result put_item(struct store_txn *t, struct item item, const uint8_t *data)
{
    struct bytes key = bytes_of(data, item.key_len), there;
    if (item.forward) {
        enum store_result result = store_get(t, key, &there);
        if (result != STORE_NOT_FOUND)
            return result;
    }
    return store_put(t, key, bytes_of(data + item.key_len, item.value_len));
}

enum store_result cachequeue_write(const struct cachequeue *q, struct store *to)
{
    struct store_txn *t;
    struct item item;
    enum store_result result = store_write(to, &t);
    if (result != STORE_OK)
        return result;
    for (size_t at = 0; at < q->len; at += item.key_len + item.value_len) {
        memcpy(&item, q->data + at, sizeof item);
        at += sizeof item;
        result = put_item(t, item, q->data + at);
        if (result != STORE_OK) {
            store_abort(t);
            return result;
        }
    }
    return store_commit(t);
}

void cachequeue_clear(struct cachequeue *q)
{
    q->len = q->count = 0;
    if (q->cap > KEPT)
        cachequeue_fini(q);
}

void cachequeue_fini(struct cachequeue *q)
{
    free(q->data);
    *q = (struct cachequeue){.max = q->max};
}
