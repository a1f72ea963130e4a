/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Writes a signed list of very many sites with three mirrors each, as its maintainers would publish it.
 *
 *     build/bench/list FOLDER SITES PORT
 *
 * FOLDER gets pinned.json, list.json (version 3), delegations.json, and the list's next version in next.json.
 * Site i is o<i>.many.example; its mirrors m1, m2 and m3 are 30,000 addresses of 127.0.0.0/8 at PORT. */
#include <stdint.h>
#include <time.h>

static int64_t bench_now;
#define NOW bench_now
#include "tests/bench/full_list.h"

static unsigned port;

static const char *mirror(struct world *w, unsigned i, unsigned k)
{
    unsigned n = 3 * i + k + 1;
    return arena_printf(&w->arena, "{\"id\":\"m%u\",\"addresses\":[\"127.%u.%u.%u\"],\"port\":%u}", k + 1,
                        100 + (n >> 16), n >> 8 & 255, n & 255, port);
}

static const char *mirrors_of(struct world *w, unsigned i)
{
    return arena_printf(&w->arena, "%s,%s,%s", mirror(w, i, 0), mirror(w, i, 1), mirror(w, i, 2));
}

int main(int argc, char **argv)
{
    struct full_list f = {.suffix = "many.example", .names = "\"@\"", .mirrors = mirrors_of};
    if (argc != 4)
        return 2;
    bench_now = time(NULL);
    f.sites = (unsigned)strtoul(argv[2], NULL, 10);
    port = (unsigned)strtoul(argv[3], NULL, 10);
    full_list_make(&f);
    put_file(argv[1], "pinned.json", f.root);
    put_file(argv[1], "delegations.json", f.delegations);
    put_file(argv[1], "list.json", full_list_file(&f, 3));
    put_file(argv[1], "next.json", full_list_file(&f, 4));
    return 0;
}
