/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What a list or one of its documents says, as one JSON tree with every default filled in. Signatures are not
 * checked: who signed is not what is said. */
#ifndef POLYNYA_CLI_CONTENT_H
#define POLYNYA_CLI_CONTENT_H

#include "steering/cli/json.h"

struct content {
    /* {"list": {version, issued, expires, left_out}, "delegations": {version, issued, expires},
     *  "root": {version, expires, keys, roles},
     *  "sites": [{domain, key, blocked, seq, issued, expires, names, mirrors: [{id, …, health}], policy}]}
     * A part is missing where there is no such document; a site has `key` and `blocked` if it is delegated,
     * the rest if it is registered. Sites are in the order of their domains. */
    json_t *tree;
    bool folder; /* else a single document, a list with the delegations beside it */
};

/* where: a folder, a file of any signed document, or a file: URL of one of them. False (said) if it cannot be
 * read or is none. The caller drops out->tree. */
bool content_load(struct cli *c, const char *where, struct content *out);

#endif
