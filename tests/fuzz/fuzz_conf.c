/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The config file. What is accepted must print as YAML that is accepted again and prints the same; what is
 * refused must say so in one line. */
#include <stdio.h>
#include <stdlib.h>

#include "data/conf/conf.h"

enum { PRINT_MAX = 1 << 21 };

static struct bytes print(const struct conf *c, uint8_t *out)
{
    struct writer w = writer_of(out, PRINT_MAX);
    conf_print(c, &w);
    if (w.full)
        abort();
    return writer_done(&w);
}

static void check_error(const char *error)
{
    if (strncmp(error, "/fuzz/a.yaml:", 13) != 0 || strchr(error, '\n'))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t first[PRINT_MAX], second[PRINT_MAX];
    char error[512] = "";
    struct conf *c = conf_parse("/fuzz/a.yaml", bytes_of(data, size), error, sizeof error);
    if (!c) {
        check_error(error);
        return 0;
    }
    struct bytes text = print(c, first);
    struct conf *again = conf_parse("/other/b.yaml", text, error, sizeof error);
    if (!again || !bytes_equal(text, print(again, second))) {
        fprintf(stderr, "%s\n%.*s\n", error, (int)text.len, (const char *)text.data);
        abort();
    }
    conf_free(&again);
    conf_free(&c);
    return 0;
}
