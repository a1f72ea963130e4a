/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What can be told of a file by its path, without opening it. */
#ifndef POLYNYA_BASE_FILE_H
#define POLYNYA_BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>

/* A value that is another one when the file has been replaced, written to, or let be read by others; mixed
 * into before, so that one value can stand for several files. A missing file has one, too. */
uint64_t file_mark(const char *path, uint64_t before);

/* May accounts besides its owner and group read the file or write to it: its mode lets them, and they get
 * through all folders above it. Links are followed; access control lists are not looked at. False for a file
 * that is not there. */
bool file_open_to_others(const char *path);

#endif
