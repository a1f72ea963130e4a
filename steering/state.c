/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys and layouts of steering.mdb: see state.h. */
#include "steering/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* The map's size, not the disk's: documents and snapshots of several full lists, old and new during a commit.
 */
#define STATE_SIZE ((size_t)2 << 30)

enum { PATH_LEN = 4096 };

static const char *const item_names[] = {"pin", "root", "list", "delegations", "floor"};

static bool put_path(const char *state_dir, const char *name, char *out, size_t cap)
{
    int n = snprintf(out, cap, "%s/prober%s", state_dir, name);
    return n > 0 && (size_t)n < cap;
}

bool state_folder(const char *state_dir, char *out, size_t cap)
{
    return put_path(state_dir, "", out, cap);
}

bool state_path(const char *state_dir, char *out, size_t cap)
{
    return put_path(state_dir, "/steering.mdb", out, cap);
}

bool state_lock_path(const char *state_dir, char *out, size_t cap)
{
    return put_path(state_dir, "/steering.mdb-lock", out, cap);
}

/* LMDB takes an empty file for one to be set up by whoever comes first. */
bool state_prepare(const char *state_dir)
{
    char path[PATH_LEN];
    if (!state_folder(state_dir, path, sizeof path) || (mkdir(path, 0700) != 0 && errno != EEXIST) ||
        !state_lock_path(state_dir, path, sizeof path))
        return false;
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    return fd >= 0 && close(fd) == 0;
}

/* A key as text; STATE_KEY_MAX fits every list name and domain that config and documents allow. */
struct key {
    char text[STATE_KEY_MAX];
    size_t len;
};

static struct bytes key_bytes(const struct key *k)
{
    return bytes_of(k->text, k->len);
}

static __attribute__((format(printf, 2, 3))) bool key_make(struct key *k, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(k->text, sizeof k->text, format, args);
    va_end(args);
    k->len = (size_t)n;
    return n > 0 && k->len < sizeof k->text;
}

static enum store_result check_format(struct store *s)
{
    struct store_txn *t;
    struct bytes value;
    uint32_t format = STATE_FORMAT;
    enum store_result result = store_write(s, &t);
    if (result != STORE_OK)
        return result;
    result = store_get(t, BYTES_LIT("format"), &value);
    if (result == STORE_OK) {
        bool same = value.len == sizeof format && memcmp(value.data, &format, sizeof format) == 0;
        store_abort(t);
        return same ? STORE_OK : STORE_CORRUPT;
    }
    if (result == STORE_NOT_FOUND)
        result = store_put(t, BYTES_LIT("format"), bytes_of(&format, sizeof format));
    if (result == STORE_OK)
        return store_commit(t);
    store_abort(t);
    return result;
}

enum store_result state_open(const char *state_dir, bool read_only, struct store **out)
{
    char path[PATH_LEN];
    struct store_options options = {.size = STATE_SIZE, .durable = true, .read_only = read_only};
    *out = NULL;
    if (!state_path(state_dir, path, sizeof path) || (!read_only && !state_prepare(state_dir)))
        return STORE_FAILED;
    enum store_result result = store_open(path, &options, out);
    if (result == STORE_OK && !read_only)
        result = check_format(*out);
    if (result != STORE_OK)
        store_close(out);
    return result;
}

/* Blocks are opened in memory of their own: the transaction's goes with it, and is not aligned. */
static uint8_t *copy_block(struct bytes value)
{
    uint8_t *block = malloc(value.len ? value.len : 1);
    if (block && value.len)
        memcpy(block, value.data, value.len);
    return block;
}

/* A block begins with its checksum. */
static bool is_stored(const struct view *v, struct bytes value)
{
    uint64_t checksum = v ? view_checksum(v) : 0;
    return v && value.len >= sizeof checksum && memcmp(value.data, &checksum, sizeof checksum) == 0;
}

static enum store_result renew_view(struct store_txn *t, struct view **view)
{
    struct bytes value;
    enum store_result result = store_get(t, BYTES_LIT("view"), &value);
    if (result != STORE_OK || is_stored(*view, value))
        return result;
    uint8_t *block = copy_block(value);
    struct view *fresh = block ? view_open(block, value.len) : NULL;
    if (!fresh) {
        free(block);
        return STORE_CORRUPT;
    }
    view_free(view);
    *view = fresh;
    return STORE_OK;
}

static struct health *load_health(struct store_txn *t, const struct view *v)
{
    struct bytes value;
    if (store_get(t, BYTES_LIT("health"), &value) != STORE_OK)
        return NULL;
    uint8_t *block = copy_block(value);
    struct health *h = block ? health_open(block, value.len) : NULL;
    if (!h)
        free(block);
    else if (health_head(h)->view != view_checksum(v) || health_head(h)->count != view_address_count(v))
        health_free(&h);
    return h;
}

enum store_result state_renew_snapshot(struct store *s, struct view **view, struct health **health)
{
    struct store_txn *t;
    enum store_result result = store_read(s, &t);
    if (result != STORE_OK)
        return result;
    result = renew_view(t, view);
    if (result == STORE_OK) {
        health_free(health);
        *health = load_health(t, *view);
    }
    store_abort(t);
    return result;
}

enum store_result state_load_snapshot(struct store *s, struct view **view, struct health **health)
{
    *view = NULL;
    *health = NULL;
    return state_renew_snapshot(s, view, health);
}

enum store_result state_load_secret(struct store *s, uint8_t secret[STATE_SECRET])
{
    struct store_txn *t;
    struct bytes value;
    enum store_result result = store_read(s, &t);
    if (result != STORE_OK)
        return result;
    result = store_get(t, BYTES_LIT("secret"), &value);
    if (result == STORE_OK && value.len != STATE_SECRET)
        result = STORE_CORRUPT;
    if (result == STORE_OK)
        memcpy(secret, value.data, STATE_SECRET);
    store_abort(t);
    return result;
}

enum store_result state_get(struct store_txn *t, const char *list, enum state_item item, struct bytes *value)
{
    struct key key;
    return key_make(&key, "list/%s/%s", list, item_names[item]) ? store_get(t, key_bytes(&key), value)
                                                                : STORE_FAILED;
}

enum store_result state_put(struct store_txn *t, const char *list, enum state_item item, struct bytes value)
{
    struct key key;
    return key_make(&key, "list/%s/%s", list, item_names[item]) ? store_put(t, key_bytes(&key), value)
                                                                : STORE_FAILED;
}

enum store_result state_get_floor(struct store_txn *t, const char *list, struct state_floor *out)
{
    struct bytes value;
    enum store_result result = state_get(t, list, STATE_FLOOR, &value);
    if (result == STORE_OK && value.len != sizeof *out)
        result = STORE_NOT_FOUND;
    if (result == STORE_OK)
        memcpy(out, value.data, sizeof *out);
    return result;
}

enum store_result state_get_seq(struct store_txn *t, const char *list, const char *domain,
                                struct state_seq *out)
{
    struct key key;
    struct bytes value;
    if (!key_make(&key, "list/%s/seq/%s", list, domain))
        return STORE_FAILED;
    enum store_result result = store_get(t, key_bytes(&key), &value);
    if (result == STORE_OK && value.len != sizeof *out)
        result = STORE_NOT_FOUND;
    if (result == STORE_OK)
        memcpy(out, value.data, sizeof *out);
    return result;
}

enum store_result state_put_seq(struct store_txn *t, const char *list, const char *domain,
                                const struct state_seq *v)
{
    struct key key;
    return key_make(&key, "list/%s/seq/%s", list, domain)
               ? store_put(t, key_bytes(&key), bytes_of(v, sizeof *v))
               : STORE_FAILED;
}

struct seq_walk {
    bool (*each)(void *self, const char *domain, const struct state_seq *v);
    void *self;
    size_t prefix;
};

static bool visit_seq(void *self, struct bytes key, struct bytes value)
{
    const struct seq_walk *walk = self;
    char domain[STATE_KEY_MAX];
    struct state_seq v;
    if (value.len != sizeof v || key.len >= sizeof domain)
        return true;
    memcpy(&v, value.data, sizeof v);
    memcpy(domain, key.data + walk->prefix, key.len - walk->prefix);
    domain[key.len - walk->prefix] = '\0';
    return walk->each(walk->self, domain, &v);
}

enum store_result state_each_seq(struct store_txn *t, const char *list,
                                 bool (*each)(void *self, const char *domain, const struct state_seq *v),
                                 void *self)
{
    struct key key;
    if (!key_make(&key, "list/%s/seq/", list))
        return STORE_FAILED;
    struct seq_walk walk = {each, self, key.len};
    return store_each(t, key_bytes(&key), visit_seq, &walk);
}

static const char *const policy_names[] = {"zone", "checked", "targets"};

enum store_result state_get_policy(struct store_txn *t, const char *name, enum state_policy item,
                                   struct bytes *value)
{
    struct key key;
    return key_make(&key, "rpz/%s/%s", name, policy_names[item]) ? store_get(t, key_bytes(&key), value)
                                                                 : STORE_FAILED;
}

enum store_result state_put_policy(struct store_txn *t, const char *name, enum state_policy item,
                                   struct bytes value)
{
    struct key key;
    return key_make(&key, "rpz/%s/%s", name, policy_names[item]) ? store_put(t, key_bytes(&key), value)
                                                                 : STORE_FAILED;
}

enum store_result state_put_view(struct store_txn *t, struct bytes block)
{
    return store_put(t, BYTES_LIT("view"), block);
}

enum store_result state_put_health(struct store_txn *t, struct bytes block)
{
    return store_put(t, BYTES_LIT("health"), block);
}

enum store_result state_make_secret(struct store_txn *t)
{
    struct bytes value;
    uint8_t secret[STATE_SECRET];
    enum store_result result = store_get(t, BYTES_LIT("secret"), &value);
    if (result == STORE_OK && value.len == STATE_SECRET)
        return STORE_OK;
    random_fill(secret, sizeof secret);
    result = store_put(t, BYTES_LIT("secret"), bytes_of(secret, sizeof secret));
    explicit_bzero(secret, sizeof secret);
    return result;
}
