/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The documents of a list's folder, judged one after the other as a resolver would. */
#ifndef POLYNYA_CLI_LIST_H
#define POLYNYA_CLI_LIST_H

#include "steering/cli/cli.h"
#include "steering/trust.h"

enum { LIST_VERDICTS_MAX = 20000 };

struct list_verdict {
    const char *document; /* "list.json", or a domain */
    bool accepted;
    const char *text; /* what it is, or why it is refused */
    const char *code; /* name of the refusal; "" if accepted */
};

struct list_verdicts {
    struct list_verdict *rows;
    unsigned count, refused;
    const struct trust_result
        *result; /* what is believed, in the command's arena; NULL if the list is refused */
};

struct list_check {
    const char *dir, *root; /* folder and pinned root */
    bool allow_special_use;
    int64_t now;
};

/* False (said) if it could not even be tried: a file that cannot be read. */
bool list_judge(struct cli *c, const struct list_check *check, struct list_verdicts *out);

#endif
