/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lists in steering.mdb: see lists_store.h. */
#include "steering/lists_store.h"

#include <stdio.h>
#include <unistd.h>

#include "data/base/log.h"

/* A damaged or foreign file is kept for whoever wants to know why, and replaced. What is lost with it is the
 * memory of versions: until the next update an older list could be played to us. */
static enum store_result replace_file(const char *state_dir, struct store **out)
{
    char path[4096], other[4104];
    if (!state_path(state_dir, path, sizeof path))
        return STORE_FAILED;
    snprintf(other, sizeof other, "%s.bad", path);
    log_error("steering.set-aside",
              "file=%s as=%s text=\"damaged or of another format; rollback protection begins "
              "anew\"",
              path, other);
    if (rename(path, other) != 0)
        return STORE_FAILED;
    return state_open(state_dir, false, out);
}

struct store *lists_store_open(const char *state_dir)
{
    struct store *store = NULL;
    enum store_result result = state_open(state_dir, false, &store);
    if (result == STORE_CORRUPT)
        result = replace_file(state_dir, &store);
    if (result != STORE_OK)
        log_error("steering.no-store", "dir=%s cause=\"%s\"", state_dir, store_error(NULL));
    return store;
}

static enum store_result put_seqs(struct store_txn *t, const char *list, const struct kept_documents *d)
{
    enum store_result result = STORE_OK;
    for (size_t i = 0; i < d->result.site_count && result == STORE_OK; i++) {
        const struct view_source_site *site = &d->result.sites[i];
        struct state_seq before, now = {.seq = site->registration->seq};
        memcpy(now.key, site->delegation->key.key, sizeof now.key);
        result = state_get_seq(t, list, site->registration->domain, &before);
        bool same_key = result == STORE_OK && memcmp(before.key, now.key, sizeof now.key) == 0;
        if (same_key && before.seq >= now.seq)
            continue;
        if (result == STORE_OK || result == STORE_NOT_FOUND)
            result = state_put_seq(t, list, site->registration->domain, &now);
    }
    return result;
}

static enum store_result put_documents(struct store_txn *t, const char *list, const struct kept_documents *d)
{
    enum store_result result = state_put(t, list, STATE_LIST, d->list);
    if (result == STORE_OK)
        result = state_put(t, list, STATE_DELEGATIONS, d->delegations);
    if (result == STORE_OK)
        result = state_put(t, list, STATE_FLOOR, bytes_of(&d->result.floor, sizeof d->result.floor));
    if (result == STORE_OK)
        result = put_seqs(t, list, d);
    return result;
}

enum store_result lists_store_put(struct store_txn *t, const struct subscription *s, const struct offer *o)
{
    const char *list = s->conf->name;
    const struct kept_root *root = o->root ? o->root : s->root;
    enum store_result result = state_put(t, list, STATE_PIN, bytes_of(s->pin, sizeof s->pin));
    if (result == STORE_OK)
        result = state_put(t, list, STATE_ROOT, root->file);
    if (result == STORE_OK && o->documents)
        return put_documents(t, list, o->documents);
    struct state_floor floor = subscription_floor(s, o);
    return result == STORE_OK ? state_put(t, list, STATE_FLOOR, bytes_of(&floor, sizeof floor)) : result;
}
