/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Idle limits learnt: see idle.h. */
#include "resolver/idle.h"

static uint32_t bounded(int64_t ms)
{
    return (uint32_t)(ms < IDLE_LEAST ? IDLE_LEAST : ms > IDLE_MOST ? IDLE_MOST : ms);
}

void idle_init(struct idle *i)
{
    *i = (struct idle){.learnt = IDLE_FIRST, .told = IDLE_MOST};
}

uint32_t idle_limit(const struct idle *i)
{
    return i->learnt < i->told ? i->learnt : i->told;
}

/* What it says anew is believed until a connection tells otherwise. */
void idle_told(struct idle *i, uint16_t tenths)
{
    uint32_t ms = tenths * 100u;
    ms = ms > IDLE_MOST ? IDLE_MOST : ms;
    if (ms != i->told)
        i->learnt = bounded(ms);
    i->told = ms;
}

/* A quarter less: its clock began when its last byte was sent, ours when that had come. */
void idle_cut(struct idle *i, int64_t waited)
{
    if (waited < i->learnt)
        i->learnt = bounded(waited - waited / 4);
}

void idle_forgotten(struct idle *i, int64_t waited)
{
    if (waited >= IDLE_FIRST)
        idle_cut(i, waited);
}

void idle_lived(struct idle *i)
{
    i->learnt = bounded((int64_t)i->learnt + i->learnt / 4);
}
