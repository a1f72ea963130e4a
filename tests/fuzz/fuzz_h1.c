/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzz target: bytes of a client that speaks HTTP/1, or something like it. */
#include "http_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return http_fuzz(BYTES_NONE, data, size);
}
