/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared memory: slots and their counters, and a ring of ticket keys that is never read half-written. */
#include "tests/unit/data/store/scratch.h"

#include "data/store/shm.h"

static struct shm *shm;

static int make(void **state)
{
    (void)state;
    shm = shm_new();
    return shm ? 0 : -1;
}

static int unmake(void **state)
{
    (void)state;
    shm_free(&shm);
    return shm ? -1 : 0;
}

static void is_shared_with_children(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        shm_bump(&shm->cache_generation);
        _exit(0);
    }
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_int_equal(shm_load(&shm->cache_generation), 1);
}

static void slots_are_taken_and_given_back(void **state)
{
    (void)state;
    struct shm_slot *first = shm_slot_take(shm, SHM_WORKER, 7, 0);
    assert_int_equal(first->role, SHM_WORKER);
    assert_int_equal(first->generation, 7);
    assert_true(first->started > 0);
    for (unsigned i = 1; i < SHM_SLOTS; i++) {
        struct shm_slot *slot = shm_slot_take(shm, SHM_PROBER, 7, i);
        assert_non_null(slot);
        assert_int_equal(slot->index, i);
    }
    assert_null(shm_slot_take(shm, SHM_WORKER, 7, SHM_SLOTS));
    first->pid = 1;
    shm_slot_release(shm, first);
    assert_int_equal(first->pid, 0);
    assert_ptr_equal(shm_slot_take(shm, SHM_FLEET, 8, 0), first);
}

static void counters_outlive_their_process(void **state)
{
    (void)state;
    const struct metric_page *pages[SHM_SLOTS + 1];
    struct shm_slot *a = shm_slot_take(shm, SHM_WORKER, 1, 0), *b = shm_slot_take(shm, SHM_WORKER, 1, 1);
    a->page.value[METRIC_CACHE_MISS] = 5;
    b->page.value[METRIC_CACHE_MISS] = 3;
    a->page.value[METRIC_CONN_OPEN] = 4;
    size_t count = shm_pages(shm, pages);
    assert_int_equal(count, 3);
    assert_int_equal(metric_total(METRIC_CACHE_MISS, pages, count), 8);
    assert_int_equal(metric_total(METRIC_CONN_OPEN, pages, count), 4);
    shm_slot_release(shm, a);
    count = shm_pages(shm, pages);
    assert_int_equal(count, 2);
    assert_int_equal(metric_total(METRIC_CACHE_MISS, pages, count), 8);
    assert_int_equal(metric_total(METRIC_CONN_OPEN, pages, count), 0);
    a = shm_slot_take(shm, SHM_WORKER, 1, 0);
    assert_int_equal(a->page.value[METRIC_CACHE_MISS], 0);
}

static void tickets_turn_and_old_keys_go(void **state)
{
    (void)state;
    struct ticket_ring *ring = &shm->tickets;
    struct ticket_key key[TICKET_KEYS + 1], found;
    bool stale;
    for (int i = 0; i <= TICKET_KEYS; i++) {
        ticket_rotate(ring);
        ticket_current(ring, &key[i]);
        assert_true(i == 0 || memcmp(key[i].aes, key[i - 1].aes, sizeof key[i].aes) != 0);
    }
    assert_int_equal(ring->count, TICKET_KEYS);
    for (int i = 1; i <= TICKET_KEYS; i++) {
        assert_true(ticket_find(ring, key[i].name, &found, &stale));
        assert_memory_equal(&found, &key[i], sizeof found);
        assert_int_equal(stale, i < TICKET_KEYS);
    }
    assert_false(ticket_find(ring, key[0].name, &found, &stale));
    for (int i = 0; i < TICKET_KEYS; i++)
        assert_memory_not_equal(ring->key[i].aes, key[0].aes, sizeof key[0].aes);
}

static void without_a_ring_keys_are_secret_and_useless(void **state)
{
    (void)state;
    struct ticket_key a, b;
    const struct ticket_key zero = {{0}, {0}, {0}};
    bool stale;
    ticket_current(&shm->tickets, &a);
    ticket_current(&shm->tickets, &b);
    assert_memory_not_equal(&a, &zero, sizeof a);
    assert_memory_not_equal(&a, &b, sizeof a);
    assert_false(ticket_find(&shm->tickets, a.name, &b, &stale));
    assert_false(ticket_find(&shm->tickets, zero.name, &b, &stale));
    /* The writer died half-way: nobody waits for ever, and its successor puts things right. */
    ticket_rotate(&shm->tickets);
    ticket_current(&shm->tickets, &a);
    shm->tickets.sequence++;
    assert_false(ticket_find(&shm->tickets, a.name, &b, &stale));
    ticket_current(&shm->tickets, &b);
    assert_memory_not_equal(&a, &b, sizeof a);
    ticket_rotate(&shm->tickets);
    assert_true(ticket_find(&shm->tickets, a.name, &b, &stale));
    assert_true(stale);
}

static void readers_never_see_half_a_key(void **state)
{
    (void)state;
    struct ticket_ring *ring = &shm->tickets;
    ticket_rotate(ring);
    pid_t writer = fork();
    if (writer == 0)
        for (;;)
            ticket_rotate(ring);
    /* Each key is random, so the same name must always come with the same rest. */
    struct ticket_key seen, again;
    unsigned twice = 0;
    bool stale;
    for (int i = 0; i < 20000; i++) {
        ticket_current(ring, &seen);
        if (ticket_find(ring, seen.name, &again, &stale)) {
            twice++;
            assert_memory_equal(&seen, &again, sizeof seen);
        }
    }
    kill(writer, SIGKILL);
    assert_int_equal(waitpid(writer, NULL, 0), writer);
    assert_true(twice > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_shared_with_children, make, unmake),
        cmocka_unit_test_setup_teardown(slots_are_taken_and_given_back, make, unmake),
        cmocka_unit_test_setup_teardown(counters_outlive_their_process, make, unmake),
        cmocka_unit_test_setup_teardown(tickets_turn_and_old_keys_go, make, unmake),
        cmocka_unit_test_setup_teardown(without_a_ring_keys_are_secret_and_useless, make, unmake),
        cmocka_unit_test_setup_teardown(readers_never_see_half_a_key, make, unmake),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
