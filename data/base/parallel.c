/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Threads for one loop: see parallel.h. */
#include "data/base/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>

struct loop {
    size_t count;
    void (*turn)(void *self, size_t i);
    void *self;
    atomic_size_t next;
};

static void *take_turns(void *self)
{
    struct loop *l = self;
    for (size_t i; (i = atomic_fetch_add_explicit(&l->next, 1, memory_order_relaxed)) < l->count;)
        l->turn(l->self, i);
    return NULL;
}

static size_t processors(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < PARALLEL_MAX ? (size_t)n : PARALLEL_MAX;
}

/* Signals stay with the threads that were there before. */
static size_t start(struct loop *l, pthread_t *thread, size_t wanted)
{
    sigset_t all, before;
    size_t n = 0;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0)
        return 0;
    while (n < wanted && pthread_create(&thread[n], NULL, take_turns, l) == 0)
        n++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return n;
}

void parallel_each(size_t count, void (*turn)(void *self, size_t i), void *self)
{
    struct loop l = {.count = count, .turn = turn, .self = self};
    pthread_t thread[PARALLEL_MAX];
    size_t wanted = processors();
    wanted = wanted < count ? wanted : count;
    size_t n = wanted > 1 ? start(&l, thread, wanted - 1) : 0;
    take_turns(&l);
    for (size_t i = 0; i < n; i++)
        pthread_join(thread[i], NULL);
}
