/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Lines of words, and the RDATA of DS and DNSKEY in zone file form: what files of trust anchors are made of.
 */
#ifndef POLYNYA_VALIDATOR_ANCHOR_TEXT_H
#define POLYNYA_VALIDATOR_ANCHOR_TEXT_H

#include "data/base/bytes.h"

enum { ANCHOR_RDATA_MAX = 1100, ANCHOR_WORDS_MAX = 64 };

struct anchor_line {
    struct bytes word[ANCHOR_WORDS_MAX];
    unsigned count;
};

/* Takes the next line off text and splits it at spaces; ';' begins a comment. False if it has too many words.
 */
bool anchor_line_read(struct bytes *text, struct anchor_line *out);
/* Writes the RDATA that begins at word i, of a DS or a DNSKEY. False if it is none. */
bool anchor_rdata_read(const struct anchor_line *line, unsigned i, bool ds, struct writer *w);

#endif
