/* SPDX-License-Identifier: GPL-3.0-or-later */
/* resolv.conf(5): see resolv.h. */
#include "data/conf/resolv.h"

#include <stdio.h>

/* The word after "nameserver", or an empty range. */
static struct bytes nameserver_of(const char *line)
{
    static const char word[] = "nameserver", space[] = " \t";
    const char *p = line + strspn(line, space);
    if (strncmp(p, word, sizeof word - 1) != 0 || !strspn(p + sizeof word - 1, space))
        return BYTES_NONE;
    p += sizeof word - 1;
    p += strspn(p, space);
    return bytes_of(p, strcspn(p, " \t\r\n#;"));
}

static bool known(const union sock_addr *a, const union sock_addr *list, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (sock_addr_equal(a, &list[i]))
            return true;
    return false;
}

unsigned resolv_read(const char *path, union sock_addr out[RESOLV_MAX])
{
    FILE *f = fopen(path, "re");
    char line[512];
    unsigned count = 0;
    while (f && count < RESOLV_MAX && fgets(line, sizeof line, f)) {
        struct ip ip;
        if (!ip_parse(nameserver_of(line), &ip))
            continue;
        sock_addr_of(&ip, 53, &out[count]);
        count += !known(&out[count], out, count);
    }
    if (f)
        fclose(f);
    return count;
}
