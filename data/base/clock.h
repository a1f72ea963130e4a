/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The two clocks. Pure code takes times as arguments; only roles call these. */
#ifndef POLYNYA_BASE_CLOCK_H
#define POLYNYA_BASE_CLOCK_H

#include <stdint.h>

/* Milliseconds since the Unix epoch; steps when the system's clock is set. */
int64_t clock_wall_ms(void);
/* Milliseconds since boot; never steps. */
int64_t clock_mono_ms(void);

#endif
