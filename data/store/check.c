/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The walk of check.h. It reads with pread, never through a map: a file cut meanwhile gives a short read, not
 * SIGBUS.
 *
 * The layout is that of LMDB 0.9 on a 64-bit machine, host-endian. A page: number u64, pad u16, flags u16,
 * then lower u16 and upper u16 (or for overflow pages their count u32), then u16 offsets of the nodes. A
 * node: u16 low, u16 high, u16 flags, u16 key length, key, data. */
#include "data/store/check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    PAGE_BRANCH = 1,
    PAGE_LEAF = 2,
    PAGE_OVERFLOW = 4,
    PAGE_META = 8,
    PAGE_HEAD = 16,
    NODE_HEAD = 8,
    NODE_BIG = 1,
    PAGE_SIZE_MAX = 32768,    /* LMDB has none larger */
    TREE_DEPTH_MAX = 32,      /* LMDB's cursors hold as many levels */
    TREE_FREE_FLAGS = 0x4008, /* integer keys, and the environment is one file: how store.c makes them */
    RACES_MAX = 5
};
static const uint32_t meta_magic = 0xBEEFC0DE, meta_version = 1;
static const uint64_t no_page = UINT64_MAX;
/* Nobody writes as often; from the last number LMDB would go on with 0, and take its free pages twice. */
static const uint64_t txn_max = UINT64_C(1) << 48;
/* Pages at the end that were allocated and freed within one transaction are never written. */
static const uint64_t unwritten_max = 65536;

struct tree {
    uint32_t pad; /* in the free list's tree: the page size */
    uint16_t flags, depth;
    uint64_t branches, leaves, overflows, entries;
    uint64_t root;
};

struct meta {
    uint32_t magic, version;
    uint64_t address, map_size;
    struct tree free, main;
    uint64_t last_page, txn;
};

struct page_head {
    uint64_t number;
    uint16_t pad, flags;
    uint16_t lower, upper;
};

struct node {
    uint16_t low, high, flags, key_len;
};

struct walk {
    int fd;
    size_t page_size;
    uint64_t file_pages;
    uint64_t last_page;
    uint8_t *seen;     /* a bit for each page that something has laid claim to */
    uint64_t budget;   /* pages still to be looked at */
    bool integer_keys; /* this is the tree of free pages */
    uint64_t txn;      /* the file's last transaction: none can have freed pages later */
    uint64_t last_key; /* of the free pages' tree, so far */
};

static bool read_at(int fd, void *out, size_t len, uint64_t offset)
{
    uint8_t *p = out;
    while (len) {
        ssize_t n = pread(fd, p, len, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        offset += (uint64_t)n;
        len -= (size_t)n;
    }
    return true;
}

static bool tree_sane(const struct tree *t, uint16_t flags)
{
    if (t->flags != flags || t->depth > TREE_DEPTH_MAX)
        return false;
    return (t->depth == 0) == (t->root == no_page);
}

/* The newer meta page; both must be whole, for LMDB reads both. */
static bool read_meta(int fd, size_t page_size, struct meta *out)
{
    struct meta m[2];
    for (unsigned i = 0; i < 2; i++) {
        struct page_head head;
        if (!read_at(fd, &head, sizeof head, i * page_size) ||
            !read_at(fd, &m[i], sizeof m[i], i * page_size + PAGE_HEAD))
            return false;
        if (head.number != i || head.flags != PAGE_META || m[i].magic != meta_magic ||
            m[i].version != meta_version || m[i].free.pad != page_size || m[i].last_page < 1 ||
            m[i].txn > txn_max || !tree_sane(&m[i].free, TREE_FREE_FLAGS) || !tree_sane(&m[i].main, 0))
            return false;
    }
    unsigned newer = m[0].txn < m[1].txn;
    *out = m[newer];
    /* LMDB opens the newer one, but later finds it again by the transaction's parity. */
    return out->txn % 2 == newer;
}

/* Marks a page as used or free. False if it is none of this file's, or marked already: a page that is both
 * free and in use, or used twice, LMDB would write over. */
static bool claim(struct walk *w, uint64_t number)
{
    if (number < 2 || number > w->last_page)
        return false;
    uint8_t bit = (uint8_t)(1U << number % 8), *byte = &w->seen[number / 8];
    if (*byte & bit)
        return false;
    *byte |= bit;
    return true;
}

/* As claim, for a run of pages with something written in them. */
static bool claim_run(struct walk *w, uint64_t first, uint64_t count)
{
    if (first >= w->file_pages || count < 1 || count > w->file_pages - first)
        return false;
    for (uint64_t i = 0; i < count; i++)
        if (!claim(w, first + i))
            return false;
    return true;
}

/* The data of a big node stands in a run of overflow pages; gives its offset in the file. */
static bool overflow_sane(struct walk *w, const uint8_t *data, uint64_t size, uint64_t *offset)
{
    uint64_t number;
    memcpy(&number, data, sizeof number);
    struct page_head head;
    uint32_t count;
    if (number >= w->file_pages || !read_at(w->fd, &head, sizeof head, number * w->page_size))
        return false;
    memcpy(&count, &head.lower, sizeof count);
    *offset = number * w->page_size + PAGE_HEAD;
    return head.number == number && head.flags == PAGE_OVERFLOW && claim_run(w, number, count) &&
           size <= count * w->page_size - PAGE_HEAD;
}

/* A list of free pages: a count, then as many page numbers, falling. LMDB will write to them. */
static bool free_list_sane(struct walk *w, const uint8_t *list, uint64_t size)
{
    uint64_t count, last = w->last_page + 1;
    if (size < 8 || size % 8)
        return false;
    memcpy(&count, list, 8);
    if (count > size / 8 - 1)
        return false;
    for (uint64_t i = 1; i <= count; i++) {
        uint64_t number;
        memcpy(&number, list + 8 * i, 8);
        if (number >= last || !claim(w, number))
            return false;
        last = number;
    }
    return true;
}

static bool free_list_at_sane(struct walk *w, uint64_t offset, uint64_t size)
{
    uint8_t *list = malloc(size);
    bool sane = list && read_at(w->fd, list, size, offset) && free_list_sane(w, list, size);
    free(list);
    return sane;
}

/* The lists of free pages lie in the order of the transactions that freed them, and LMDB looks for the next
 * one by its key: out of order it would take one twice. A branch's key stands before all that are under it.
 */
static bool free_key_sane(struct walk *w, const uint8_t *key, size_t len, bool branch)
{
    uint64_t number;
    if (len != sizeof number)
        return false;
    memcpy(&number, key, sizeof number);
    if (number <= w->last_key || number > w->txn)
        return false;
    w->last_key = number - branch;
    return true;
}

/* Of a leaf's node. */
static uint64_t data_size(const struct node *n)
{
    return n->low | (uint64_t)n->high << 16;
}

static bool leaf_node_sane(struct walk *w, const struct node *n, const uint8_t *data)
{
    uint64_t size = data_size(n), offset;
    if (n->key_len == 0 || (w->integer_keys && !free_key_sane(w, data - n->key_len, n->key_len, false)))
        return false;
    if (n->flags == NODE_BIG) {
        if (!overflow_sane(w, data, size, &offset))
            return false;
        return !w->integer_keys || free_list_at_sane(w, offset, size);
    }
    return n->flags == 0 && (!w->integer_keys || free_list_sane(w, data, size));
}

static uint16_t node_offset(const uint8_t *page, unsigned i)
{
    uint16_t at;
    memcpy(&at, page + PAGE_HEAD + 2 * i, sizeof at);
    return at;
}

static struct node node_head(const uint8_t *page, uint16_t at)
{
    struct node n;
    memcpy(&n, page + at, sizeof n);
    return n;
}

/* The length of a node whose head is within the page. */
static size_t node_len(const struct node *n, bool branch)
{
    size_t data = branch ? 0 : n->flags == NODE_BIG ? 8 : data_size(n);
    return (NODE_HEAD + n->key_len + data + 1) & ~(size_t)1;
}

/* Nodes fill their page from `upper` to its end, in any order: LMDB moves all below one that it deletes by
 * its length, out of the page if another lay in it. */
static bool nodes_packed(const uint8_t *page, size_t size, const struct page_head *head, unsigned nodes,
                         bool branch)
{
    uint8_t taken[PAGE_SIZE_MAX / 2 / 8] = {0};
    size_t sum = 0;
    for (unsigned i = 0; i < nodes; i++) {
        uint16_t at = node_offset(page, i);
        if (at < head->upper || at % 2 || at + (size_t)NODE_HEAD > size)
            return false;
        struct node n = node_head(page, at);
        size_t len = node_len(&n, branch);
        if (n.key_len > 511 || len > size - at)
            return false;
        for (size_t unit = at / 2U; unit < (at + len) / 2; unit++) {
            if (taken[unit / 8] & 1U << unit % 8)
                return false;
            taken[unit / 8] |= (uint8_t)(1U << unit % 8);
        }
        sum += len;
    }
    return sum == size - head->upper;
}

static bool tree_walk(struct walk *w, uint64_t number, unsigned levels);

/* Node i of a page that is packed; branch nodes lead on to `levels` more. */
static bool node_sane(struct walk *w, const uint8_t *page, unsigned i, unsigned levels)
{
    uint16_t at = node_offset(page, i);
    struct node n = node_head(page, at);
    const uint8_t *key = page + at + NODE_HEAD;
    if (levels == 0)
        return leaf_node_sane(w, &n, key + n.key_len);
    if (i > 0 && (n.key_len == 0 || (w->integer_keys && !free_key_sane(w, key, n.key_len, true))))
        return false;
    return tree_walk(w, n.low | (uint64_t)n.high << 16 | (uint64_t)n.flags << 32, levels - 1);
}

static bool page_sane(struct walk *w, const uint8_t *page, uint64_t number, unsigned levels)
{
    struct page_head head;
    memcpy(&head, page, sizeof head);
    if (head.number != number || head.flags != (levels ? PAGE_BRANCH : PAGE_LEAF) || head.lower < PAGE_HEAD ||
        head.lower % 2 || head.lower > head.upper || head.upper > w->page_size)
        return false;
    unsigned nodes = (head.lower - PAGE_HEAD) / 2U;
    /* LMDB asserts both: a branch chooses, a leaf that lost its last node is gone. */
    if (nodes < (levels ? 2 : 1) || !nodes_packed(page, w->page_size, &head, nodes, levels > 0))
        return false;
    for (unsigned i = 0; i < nodes; i++)
        if (!node_sane(w, page, i, levels))
            return false;
    return true;
}

/* The subtree under a page with `levels` branch levels to go. Recursion is bounded by the depth in the meta
 * page, the number of pages by the budget: past it all is taken as sane. */
static bool tree_walk(struct walk *w, uint64_t number, unsigned levels)
{
    if (!claim_run(w, number, 1))
        return false;
    if (w->budget == 0)
        return true;
    w->budget--;
    uint8_t *page = malloc(w->page_size);
    bool sane = page && read_at(w->fd, page, w->page_size, number * w->page_size) &&
                page_sane(w, page, number, levels);
    free(page);
    return sane;
}

static bool trees_sane(struct walk *w, const struct meta *m)
{
    w->integer_keys = true;
    if (m->free.depth && !tree_walk(w, m->free.root, m->free.depth - 1U))
        return false;
    w->integer_keys = false;
    return m->main.depth == 0 || tree_walk(w, m->main.root, m->main.depth - 1U);
}

/* One attempt; *txn is the commit it looked at, 0 if there was no meta page to be had. */
static enum check_result check_once(int fd, uint64_t pages, uint64_t *txn)
{
    struct stat st;
    struct meta m;
    size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
    *txn = 0;
    if (!read_meta(fd, page_size, &m))
        return CHECK_CORRUPT;
    *txn = m.txn;
    /* The size is read after the meta page: pages are written before the meta page that names them. */
    if (fstat(fd, &st) < 0)
        return CHECK_FAILED;
    struct walk w = {.fd = fd,
                     .page_size = page_size,
                     .file_pages = (uint64_t)st.st_size / page_size,
                     .last_page = m.last_page,
                     .txn = m.txn,
                     .budget = pages};
    if (w.last_page >= w.file_pages + unwritten_max)
        return CHECK_CORRUPT;
    w.seen = calloc(w.last_page / 8 + 1, 1);
    if (!w.seen)
        return CHECK_FAILED;
    enum check_result result = trees_sane(&w, &m) ? CHECK_OK : CHECK_CORRUPT;
    free(w.seen);
    return result;
}

static enum check_result check_fd(int fd, uint64_t pages)
{
    struct stat st;
    if (fstat(fd, &st) < 0)
        return CHECK_FAILED;
    if (!S_ISREG(st.st_mode))
        return CHECK_CORRUPT;
    if (st.st_size == 0)
        return CHECK_EMPTY;
    uint64_t before = 0, txn = 0;
    enum check_result result = CHECK_CORRUPT;
    for (int i = 0; i < RACES_MAX; i++) {
        result = check_once(fd, pages, &txn);
        if (result != CHECK_CORRUPT || (i > 0 && txn == before))
            return result;
        before = txn;
    }
    /* Commits outran every walk: the writer has looked at the file itself and lives. */
    return CHECK_OK;
}

enum check_result check_file(const char *path, uint64_t pages)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 && errno == ENOENT)
        return CHECK_EMPTY;
    if (fd < 0)
        return CHECK_FAILED;
    enum check_result result = check_fd(fd, pages);
    int error = errno;
    close(fd);
    errno = error;
    return result;
}
