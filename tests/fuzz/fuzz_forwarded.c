/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Forwarding headers from hostile bytes. The first byte chooses the header, each line of the rest is one of
 * its fields. What a trusted proxy then adds, to the last line or below it, decides; no client is a trusted
 * proxy. */
#include <stdlib.h>

#include "resolver/net/forwarded.h"

static struct ip_net trusted[2];
static const struct proxies choices[] = {{FORWARDED_X_FORWARDED_FOR, trusted, 2},
                                         {FORWARDED_RFC7239, trusted, 2}};
static const char *const names[] = {"x-forwarded-for", "forwarded"};
static const char *const added[][2] = {{"192.0.2.9", "2001:db8::9"},
                                       {"for=192.0.2.9;by=10.0.0.1", "for=\"[2001:db8::9]:9\""}};
static const char *const speaks_for[] = {"192.0.2.9", "2001:db8::9"};

static void expect(const struct forwarded *f, const char *client)
{
    struct ip ip;
    if (!ip_parse(bytes_str(client), &ip) || !ip_equal(&ip, &f->client))
        abort();
}

static void add(const struct forwarded *so_far, int which, int family, struct bytes last)
{
    struct bytes name = bytes_str(names[which]), own = bytes_str(added[which][family]);
    struct forwarded below = *so_far, beside = *so_far;
    forwarded_field(&below, name, own);
    expect(&below, speaks_for[family]);

    struct writer w = writer_of(malloc(last.len + own.len + 2), last.len + own.len + 2);
    if (!w.data)
        return;
    writer_bytes(&w, last);
    writer_bytes(&w, BYTES_LIT(", "));
    writer_bytes(&w, own);
    forwarded_field(&beside, name, writer_done(&w));
    expect(&beside, speaks_for[family]);
    free(w.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || !ip_net_parse(BYTES_LIT("10.0.0.0/8"), &trusted[0]) ||
        !ip_net_parse(BYTES_LIT("2001:db8:1::/48"), &trusted[1]))
        return 0;
    int which = *data++ & 1;
    struct forwarded f;
    forwarded_init(&f, &choices[which], true);
    for (const uint8_t *end = data + size - 1; data < end;) {
        const uint8_t *lf = memchr(data, '\n', (size_t)(end - data));
        struct bytes line = bytes_of(data, (size_t)((lf ? lf : end) - data));
        for (int family = 0; family < 2; family++)
            add(&f, which, family, line);
        forwarded_field(&f, bytes_str(names[which]), line);
        if (proxies_trust(&choices[which], &f.client))
            abort();
        data = line.data + line.len + (lf != NULL);
    }
    return 0;
}
