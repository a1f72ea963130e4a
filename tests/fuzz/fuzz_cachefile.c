/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzz target: a store's file of any contents. What the walk at open lets through must neither crash LMDB
 * when all is read, nor when something is written to it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "data/store/check.h"
#include "data/store/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_value(void *self, struct bytes key, struct bytes value)
{
    unsigned *sum = self;
    for (size_t i = 0; i < key.len; i++)
        *sum += key.data[i];
    for (size_t i = 0; i < value.len; i++)
        *sum += value.data[i];
    return true;
}

static void read_all(struct store *s)
{
    struct store_txn *t;
    volatile unsigned keep;
    unsigned sum = 0;
    if (store_read(s, &t) != STORE_OK)
        return;
    store_each(t, BYTES_NONE, read_value, &sum);
    store_each(t, BYTES_LIT("k1"), read_value, &sum);
    keep = sum;
    (void)keep;
    store_abort(t);
}

/* Values of several sizes, among them one for overflow pages: uses the list of free pages. */
static void write_some(struct store *s, unsigned round)
{
    static uint8_t value[9000];
    struct store_txn *t;
    enum store_result result = STORE_OK;
    if (store_write(s, &t) != STORE_OK)
        return;
    for (unsigned i = 0; i < 20 && result == STORE_OK; i++) {
        char key[16];
        int len = snprintf(key, sizeof key, "k%06u", i * 31);
        result = store_put(t, bytes_of(key, (size_t)len), bytes_of(value, i == 7 ? 9000 : 100 + round));
    }
    if (result == STORE_OK)
        store_commit(t);
    else
        store_abort(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64], lock[80];
    struct store *s;
    snprintf(path, sizeof path, "/dev/shm/polynya-fuzz-%ld.mdb", (long)getpid());
    snprintf(lock, sizeof lock, "%s-lock", path);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size)
        abort();
    close(fd);
    if (store_open(path, &(struct store_options){.size = 1 << 20}, &s) == STORE_OK) {
        read_all(s);
        for (unsigned round = 0; round < 3; round++)
            write_some(s, round);
        read_all(s);
        store_close(&s);
    }
    unlink(path);
    unlink(lock);
    return 0;
}
