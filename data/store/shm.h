/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Memory shared by supervisor and roles: made before the first fork, kept across reloads.
 *
 * Who writes what: the supervisor the ring of ticket keys, the slots' heads and `retired`; each process its
 * own metrics page and heartbeat; whoever changes something the generation counters. Readers take no lock. */
#ifndef POLYNYA_STORE_SHM_H
#define POLYNYA_STORE_SHM_H

#include <sys/types.h>

#include "data/base/hash.h"
#include "data/base/metric.h"

/* Room for three generations of 64 workers; a slot number fits a byte. */
enum { SHM_SLOTS = 200, TICKET_KEYS = 3 };

/* A TLS session-ticket key (RFC 5077 4): all from the kernel's randomness, never on disk. */
struct ticket_key {
    uint8_t name[16];
    uint8_t aes[32];
    uint8_t hmac[32];
};

/* key[0] seals new tickets, the others still open old ones. */
struct ticket_ring {
    uint32_t sequence; /* odd while the supervisor writes */
    uint32_t count;    /* keys in use */
    struct ticket_key key[TICKET_KEYS];
};

enum shm_role { SHM_FREE, SHM_SUPERVISOR, SHM_WORKER, SHM_PROBER, SHM_REGISTRAR, SHM_FLEET };

struct shm_slot {
    pid_t pid;          /* 0 until its process was forked */
    enum shm_role role; /* SHM_FREE: to be taken */
    uint32_t generation;
    uint32_t index;  /* which worker */
    int64_t started; /* Unix seconds */
    struct metric_page page;
};

struct shm {
    uint32_t config_generation;   /* grows with every reload */
    uint32_t cache_generation;    /* grows when the cache has rotated: reopen its files */
    uint32_t steering_generation; /* grows when steering.mdb has a new snapshot or new health: load it */
    struct hash_key cache_hash;   /* keys the packet caches' tables */
    struct ticket_ring tickets;
    struct metric_page retired; /* what ended processes counted */
    struct shm_slot slot[SHM_SLOTS];
};

/* Anonymous shared memory, kept out of core dumps, zeroed but for a random cache_hash; NULL and errno on
 * failure. The ring is empty: ticket_rotate it before the first fork. */
struct shm *shm_new(void);
/* Unmaps it for the calling process; what others see stays. The kernel wipes the pages when the last has
 * gone. */
void shm_free(struct shm **s);

static inline uint32_t shm_load(const uint32_t *counter)
{
    return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

static inline void shm_bump(uint32_t *counter)
{
    __atomic_fetch_add(counter, 1, __ATOMIC_ACQ_REL);
}

/* Takes a free slot for a process to be forked; NULL when all are taken. */
struct shm_slot *shm_slot_take(struct shm *s, enum shm_role role, uint32_t generation, uint32_t index);
/* After its process ended: its counters move to `retired`. */
void shm_slot_release(struct shm *s, struct shm_slot *slot);
/* Pages of all live slots and `retired`; returns how many were put into pages. */
size_t shm_pages(const struct shm *s, const struct metric_page *pages[SHM_SLOTS + 1]);

/* A fresh key in front, the oldest beyond TICKET_KEYS wiped. */
void ticket_rotate(struct ticket_ring *ring);
/* A consistent copy of the sealing key; a random one of no further use if the ring is empty or its writer
 * died. */
void ticket_current(const struct ticket_ring *ring, struct ticket_key *out);
/* The key of that name; *stale tells that it is not the sealing key. False if unknown. */
bool ticket_find(const struct ticket_ring *ring, const uint8_t name[16], struct ticket_key *out, bool *stale);

#endif
