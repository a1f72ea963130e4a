/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Override files from hostile bytes: they are refused with a line and a reason, or can be asked. */
#include <stdlib.h>

#include "steering/override.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char longest[] = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa."
                                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaa";
    struct override_error err;
    struct overrides *o = override_parse(bytes_of(data, size), &err);
    if (!o && (!err.what || err.line > size + 1))
        abort();
    if (override_lookup(o, "outlet.example", "m1") > HEALTH_FORCED_DOWN ||
        override_lookup(o, longest, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa") > HEALTH_FORCED_DOWN)
        abort();
    override_free(&o);
    return 0;
}
