/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From YAML to texts: the only user of libcyaml.
 *
 * The schema is built from the table of settings, every value in it an optional text; what the texts mean,
 * which are required and which ranges they have is for the caller. */
#ifndef POLYNYA_CONF_RAW_H
#define POLYNYA_CONF_RAW_H

#include "data/conf/outline.h"
#include "data/conf/settings.h"

/* The whole file, or an entry of a list. Indexed by row: a text, or the entries of a list; NULL if not given.
 */
struct raw_node {
    void *value[SETTING_ROWS];
    unsigned count[SETTING_ROWS];
};

struct raw;

/* Loads what outline_read accepted. NULL after a complaint. */
struct raw *raw_new(struct bytes yaml, const struct outline *outline, struct arena *arena,
                    const struct complaint *c);
/* Also frees the texts. */
void raw_free(struct raw **r);
const struct raw_node *raw_top(const struct raw *r);
/* Entry i of a list at row s in node: a mapping, or (for a list of plain values) a text. */
const struct raw_node *raw_entry(const struct raw_node *node, const struct setting *s, unsigned i);
const char *raw_entry_text(const struct raw_node *node, const struct setting *s, unsigned i);

#endif
