/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A hostile primary: messages, each with its length before it as on TCP, against one that has a zone and one
 * that has none, with a key and without. What ends well lies within the zone. */
#include <stdlib.h>

#include "steering/xfr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ID = 0x1234, NOW = 1700000000 };

static void check(const struct xfr *x)
{
    const struct record **all = records_sorted(x->records);
    for (size_t i = 0; i < records_count(x->records); i++) {
        struct dns_name owner;
        size_t at = 0;
        if (!name_read(record_owner(all[i]), &at, &owner) || !name_within(&owner, &x->zone))
            abort();
    }
    free(all);
}

static bool ask(struct xfr *x)
{
    uint8_t question[XFR_QUESTION_MAX];
    struct writer w = writer_of(question, sizeof question);
    return xfr_ask(x, &w, ID, NOW);
}

static void run(struct bytes input, const struct records *ours, struct tsig *tsig)
{
    struct dns_name zone;
    struct xfr x;
    enum xfr_state state = XFR_MORE;
    if (!name_from_text(BYTES_LIT("rpz.test"), &zone))
        abort();
    xfr_init(&x, &zone, ours, 7, tsig);
    if (!ask(&x))
        abort();
    while (input.len >= 2 && (state == XFR_MORE || state == XFR_ASK)) {
        size_t len = get_u16(input.data);
        len = len < input.len - 2 ? len : input.len - 2;
        if (state == XFR_ASK && !ask(&x))
            abort();
        state = xfr_take(&x, bytes_of(input.data + 2, len), NOW);
        input = bytes_of(input.data + 2 + len, input.len - 2 - len);
    }
    if (state == XFR_DONE)
        check(&x);
    xfr_fini(&x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tsig_key key = {.len = 1};
    struct tsig tsig;
    struct dns_name a;
    struct records *ours = records_new();
    if (!ours || !name_from_text(BYTES_LIT("a.rpz.test"), &a) ||
        !name_from_text(BYTES_LIT("xfr.test"), &key.name) ||
        !records_add(ours, &a, 1, 60, BYTES_LIT("\1\1\1\1")))
        abort();
    run(bytes_of(data, size), NULL, NULL);
    run(bytes_of(data, size), ours, NULL);
    tsig_init(&tsig, &key);
    run(bytes_of(data, size), ours, &tsig);
    tsig_fini(&tsig);
    records_free(&ours);
    return 0;
}
