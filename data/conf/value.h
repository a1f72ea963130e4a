/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values of settings, between text and field, by the kind of their row in the table. */
#ifndef POLYNYA_CONF_VALUE_H
#define POLYNYA_CONF_VALUE_H

#include "data/base/arena.h"
#include "data/conf/settings.h"

/* What a value may refer to. */
struct value_env {
    struct arena *arena; /* owns texts */
    const char *folder;  /* absolute, of the config file */
};

enum { VALUE_WHY_MAX = 160 };

/* Reads text into the field at `at`. False, and why says what was expected, if it is malformed or out of
 * range. */
bool value_parse(const struct setting *s, const char *text, const struct value_env *env, void *at,
                 char why[VALUE_WHY_MAX]);
/* Writes the field as a YAML scalar that value_parse reads back. */
void value_format(const struct setting *s, const void *at, struct writer *w);
/* False for a text or an address that is not set. */
bool value_present(const struct setting *s, const void *at);

#endif
