/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The shared mapping, its slots, and the ring of ticket keys under a sequence lock.
 *
 * A reader that cannot get a consistent ring within its tries acts as if there were none: it then seals with
 * a key that nobody else knows, so the worst that can happen is a ticket that does not resume. */
#include "data/store/shm.h"

#include <sys/mman.h>

#include "data/base/clock.h"

enum { READ_TRIES = 10000 };

struct shm *shm_new(void)
{
    void *map = mmap(NULL, sizeof(struct shm), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED)
        return NULL;
    if (madvise(map, sizeof(struct shm), MADV_DONTDUMP) < 0) {
        munmap(map, sizeof(struct shm));
        return NULL;
    }
    struct shm *s = map;
    /* Out of the swap if the limits allow; a host with swap and a low limit still serves. */
    (void)mlock(&s->tickets, sizeof s->tickets);
    random_fill(&s->cache_hash, sizeof s->cache_hash);
    return s;
}

void shm_free(struct shm **s)
{
    if (!*s)
        return;
    munmap(*s, sizeof **s);
    *s = NULL;
}

struct shm_slot *shm_slot_take(struct shm *s, enum shm_role role, uint32_t generation, uint32_t index)
{
    for (size_t i = 0; i < SHM_SLOTS; i++) {
        struct shm_slot *slot = &s->slot[i];
        if (slot->role != SHM_FREE)
            continue;
        *slot =
            (struct shm_slot){.generation = generation, .index = index, .started = clock_wall_ms() / 1000};
        /* Last: from here on others sum its page. */
        __atomic_store_n(&slot->role, role, __ATOMIC_RELEASE);
        return slot;
    }
    return NULL;
}

void shm_slot_release(struct shm *s, struct shm_slot *slot)
{
    metric_retire(&slot->page, &s->retired);
    slot->pid = 0;
    __atomic_store_n(&slot->role, SHM_FREE, __ATOMIC_RELEASE);
}

size_t shm_pages(const struct shm *s, const struct metric_page *pages[SHM_SLOTS + 1])
{
    size_t count = 0;
    pages[count++] = &s->retired;
    for (size_t i = 0; i < SHM_SLOTS; i++)
        if (__atomic_load_n(&s->slot[i].role, __ATOMIC_ACQUIRE) != SHM_FREE)
            pages[count++] = &s->slot[i].page;
    return count;
}

void ticket_rotate(struct ticket_ring *ring)
{
    struct ticket_key fresh;
    random_fill(&fresh, sizeof fresh);
    /* Odd from here; also if a writer died half-way and left it odd. */
    uint32_t sequence = __atomic_load_n(&ring->sequence, __ATOMIC_RELAXED) | 1;
    __atomic_store_n(&ring->sequence, sequence, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    memmove(&ring->key[1], &ring->key[0], (TICKET_KEYS - 1) * sizeof ring->key[0]);
    ring->key[0] = fresh;
    if (ring->count < TICKET_KEYS)
        ring->count++;
    __atomic_store_n(&ring->sequence, sequence + 1, __ATOMIC_RELEASE);
    explicit_bzero(&fresh, sizeof fresh);
}

/* A consistent copy; false while a writer holds it for longer than the tries last. */
static bool ring_read(const struct ticket_ring *ring, struct ticket_ring *out)
{
    for (int i = 0; i < READ_TRIES; i++) {
        uint32_t before = __atomic_load_n(&ring->sequence, __ATOMIC_ACQUIRE);
        if (before & 1)
            continue;
        *out = *ring;
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (__atomic_load_n(&ring->sequence, __ATOMIC_RELAXED) == before)
            return out->count <= TICKET_KEYS;
    }
    return false;
}

void ticket_current(const struct ticket_ring *ring, struct ticket_key *out)
{
    struct ticket_ring copy;
    if (ring_read(ring, &copy) && copy.count > 0)
        *out = copy.key[0];
    else
        random_fill(out, sizeof *out);
    explicit_bzero(&copy, sizeof copy);
}

bool ticket_find(const struct ticket_ring *ring, const uint8_t name[16], struct ticket_key *out, bool *stale)
{
    struct ticket_ring copy;
    bool found = false;
    if (ring_read(ring, &copy))
        for (uint32_t i = 0; i < copy.count && !found; i++)
            if (memcmp(copy.key[i].name, name, sizeof copy.key[i].name) == 0) {
                *out = copy.key[i];
                *stale = i > 0;
                found = true;
            }
    explicit_bzero(&copy, sizeof copy);
    return found;
}
