/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What stands in <state-dir>/prober/steering.mdb: the one place that knows its keys and layouts.
 *
 *   format                       u32, host order: STATE_FORMAT
 *   secret                       32 random bytes, made once: clients keep their mirrors across restarts
 *   view                         the compiled snapshot (view.h)
 *   health                       what probes prove of its addresses (health.h)
 *   list/<name>/pin              SHA-256 of the pinned root file the rest descends from
 *   list/<name>/root             the last accepted root, its file's bytes
 *   list/<name>/list             the last accepted list.json, its file's bytes
 *   list/<name>/delegations      the delegations.json it names
 *   list/<name>/floor            struct state_floor: the highest versions ever accepted
 *   list/<name>/seq/<domain>     struct state_seq: the highest seq ever accepted
 *   rpz/<name>/zone              a policy zone as it was accepted last (policy.h)
 *   rpz/<name>/checked           i64: when its primary last said that it is the newest
 *   rpz/.all/targets             addresses of all policy zones' CNAMEs' targets (target_table.h)
 *
 * The prober writes, everything an update changes in one transaction; workers and the command line read. */
#ifndef POLYNYA_STEERING_STATE_H
#define POLYNYA_STEERING_STATE_H

#include "data/store/store.h"
#include "steering/health.h"
#include "steering/view.h"

enum { STATE_FORMAT = 1, STATE_SECRET = 32, STATE_KEY_MAX = 400 };

struct state_floor {
    uint64_t list_version;
    uint64_t delegations_version;
    uint8_t list_sha256[32]; /* of the signed text under list_version */
};

struct state_seq {
    uint64_t seq;
    uint8_t key[32]; /* the outlet's: another key starts anew */
};

enum state_item { STATE_PIN, STATE_ROOT, STATE_LIST, STATE_DELEGATIONS, STATE_FLOOR };

/* "<state-dir>/prober", the folder in which the prober alone writes, and the file in it, into out; false if
 * it does not fit. */
bool state_folder(const char *state_dir, char *out, size_t cap);
bool state_path(const char *state_dir, char *out, size_t cap);
/* Where readers of steering.mdb note what they read: the one file of the folder that they must be able to
 * write. It is never replaced, for a confined reader may write the one that was there when it was confined.
 */
bool state_lock_path(const char *state_dir, char *out, size_t cap);
/* Makes the folder and an empty file of locks if they are missing, for readers that may soon make nothing. */
bool state_prepare(const char *state_dir);
/* Opens it; readers get STORE_FAILED or STORE_NOT_FOUND while no prober has made it yet. A writer finds or
 * makes the format key: STORE_CORRUPT if it is another format's file. */
enum store_result state_open(const char *state_dir, bool read_only, struct store **out);

/* Copies of the snapshot and of what is proved of it, opened, as one transaction left them. NOT_FOUND before
 * the first; CORRUPT if view_open refuses it. *health is NULL where there is none, or it is damaged, or
 * another snapshot's: that is no error. */
enum store_result state_load_snapshot(struct store *s, struct view **view, struct health **health);
/* The same for who holds copies, NULL or not: *view stays where it still is what is stored, all else is
 * replaced. On failure both stay. */
enum store_result state_renew_snapshot(struct store *s, struct view **view, struct health **health);
enum store_result state_load_secret(struct store *s, uint8_t secret[STATE_SECRET]);

/* The value is borrowed until the transaction ends. */
enum store_result state_get(struct store_txn *t, const char *list, enum state_item item, struct bytes *value);
enum store_result state_put(struct store_txn *t, const char *list, enum state_item item, struct bytes value);
/* Fixed-size records; NOT_FOUND also for a value of another size. */
enum store_result state_get_floor(struct store_txn *t, const char *list, struct state_floor *out);
enum store_result state_get_seq(struct store_txn *t, const char *list, const char *domain,
                                struct state_seq *out);
enum store_result state_put_seq(struct store_txn *t, const char *list, const char *domain,
                                const struct state_seq *v);
/* Calls each for every stored seq of the list, in order of domain. */
enum store_result state_each_seq(struct store_txn *t, const char *list,
                                 bool (*each)(void *self, const char *domain, const struct state_seq *v),
                                 void *self);
/* The same for what is kept of a policy zone. */
enum state_policy { STATE_POLICY_ZONE, STATE_POLICY_CHECKED, STATE_POLICY_TARGETS };
#define STATE_POLICY_ALL ".all" /* the name where it is of all together */
enum store_result state_get_policy(struct store_txn *t, const char *name, enum state_policy item,
                                   struct bytes *value);
enum store_result state_put_policy(struct store_txn *t, const char *name, enum state_policy item,
                                   struct bytes value);
enum store_result state_put_view(struct store_txn *t, struct bytes block);
/* A sealed block. Where a view is put, health that is to live on is put in the same transaction. */
enum store_result state_put_health(struct store_txn *t, struct bytes block);
/* Makes the secret if there is none yet. */
enum store_result state_make_secret(struct store_txn *t);

#endif
