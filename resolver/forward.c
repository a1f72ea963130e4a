/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forward rules: see forward.h. */
#include "resolver/forward.h"

#include <stdlib.h>

/* Of two suffixes of one name the longer has more bytes. */
static int longest_first(const void *a, const void *b)
{
    const struct forward_rule *x = a, *y = b;
    return y->suffix.len - x->suffix.len;
}

void forwards_sort(struct forwards *f)
{
    if (f->count)
        qsort(f->rule, f->count, sizeof *f->rule, longest_first);
}

static bool fits(const struct forward_rule *rule, const struct dns_name *name, uint16_t type)
{
    return name_within(name, &rule->suffix) &&
           (type != DNS_DS || name->len > rule->suffix.len || name->len == 1);
}

const struct forward_rule *forwards_find(const struct forwards *f, const struct dns_name *name, uint16_t type)
{
    for (unsigned i = 0; i < f->count; i++)
        if (fits(&f->rule[i], name, type))
            return &f->rule[i];
    return NULL;
}
