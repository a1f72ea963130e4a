/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The override file on disk (override.h): noticing that it is another one, and reading it. */
#ifndef POLYNYA_STEERING_OVERRIDE_FILE_H
#define POLYNYA_STEERING_OVERRIDE_FILE_H

#include "steering/override.h"

struct override_file {
    const char *path; /* NULL: there is none */
    uint64_t seen;    /* mark of what was read last; 0: nothing was */
};

/* True if the file is another one than before and sound, or gone: *out (NULL: no rules) is the caller's. A
 * file with an error is logged and counted once, and changes nothing. */
bool override_file_read(struct override_file *f, struct overrides **out);

#endif
