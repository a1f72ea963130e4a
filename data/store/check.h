/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A walk over the pages of an LMDB file (format 1, 64-bit) before LMDB maps it.
 *
 * LMDB follows page numbers, offsets and lengths in its file unchecked: one changed byte is enough for a
 * SIGSEGV or an abort. This walk refuses what LMDB would trip over: foreign or cut files, pages that are not
 * what their parent says or that two claim, nodes that lie in each other, nodes and values that reach out of
 * their page or the file. It does not judge the values. */
#ifndef POLYNYA_STORE_CHECK_H
#define POLYNYA_STORE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

enum check_result {
    CHECK_OK,
    CHECK_EMPTY,   /* no such file or of no length: LMDB will begin a new one */
    CHECK_CORRUPT, /* foreign, torn, or of another format */
    CHECK_FAILED   /* it could not be read; errno says why */
};

/* Looks at both meta pages, then at no more than `pages` pages reachable from the newer one. A writer at work
 * may reuse pages under the walk: a fault is believed only if no commit came between. */
enum check_result check_file(const char *path, uint64_t pages);

#endif
