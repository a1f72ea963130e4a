/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Servers heard on one question, one after the other until one is believed: a bit for each, in the order of
 * those that there are. Zeroed, nobody was heard yet. */
#ifndef POLYNYA_VALIDATOR_HEARING_H
#define POLYNYA_VALIDATOR_HEARING_H

#include <stdint.h>

struct hearing {
    uint64_t heard;       /* who has answered */
    uint64_t disbelieved; /* of those, upon whose answers another was asked */
};

#endif
