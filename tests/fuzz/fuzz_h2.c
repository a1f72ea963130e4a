/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Fuzz target: frames of an HTTP/2 client, after an honest preface. */
#include "http_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return http_fuzz(BYTES_LIT("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"), data, size);
}
