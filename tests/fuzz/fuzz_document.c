/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signed documents from hostile bytes. The first byte selects the parser: r root, d delegations, g
 * registration, l list, e envelope, k key, s signature. What is accepted is printed, and must be accepted
 * again. */
#include <stdlib.h>

#include "data/list/delegations.h"
#include "data/list/list.h"
#include "data/list/registration.h"
#include "data/list/root.h"
#include "steering/guard.h"

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void try_root(struct bytes text, struct arena *arena)
{
    struct root r;
    if (root_parse(text, arena, &r, NULL))
        must(root_parse(root_print(&r, arena), arena, &r, NULL));
}

static void try_delegations(struct bytes text, struct arena *arena)
{
    struct delegations d;
    if (delegations_parse(text, arena, &d, NULL))
        must(delegations_parse(delegations_print(&d, arena), arena, &d, NULL));
}

static void try_registration(struct bytes text, struct arena *arena)
{
    static struct guard *guard;
    struct registration r;
    if (!guard)
        guard = guard_new(NULL, 0);
    if (!registration_parse(text, arena, &r, NULL))
        return;
    guard_registration(guard, &r, false, NULL);
    must(registration_parse(registration_print(&r, arena), arena, &r, NULL));
}

static void try_list(struct bytes text, struct arena *arena)
{
    struct list_doc l;
    unsigned bad = 0;
    if (!list_parse(text, arena, &l, &bad, NULL))
        return;
    list_health(&l, "outlet.example", "m1");
    must(list_parse(list_print(&l, arena), arena, &l, &bad, NULL));
}

static void try_envelope(struct bytes text, struct arena *arena)
{
    struct envelope e;
    static const struct minisign_public key;
    const struct minisign_public *keys[] = {&key};
    if (!envelope_parse(text, REGISTRATION_SIZE_MAX, arena, &e, NULL))
        return;
    must(envelope_signers(&e, keys, 1) <= 1);
    must(envelope_parse(envelope_write(&e, arena), LIST_SIZE_MAX, arena, &e, NULL));
}

static void try_key(struct bytes text)
{
    struct minisign_public public;
    struct minisign_secret secret;
    char out[MINISIGN_PUBLIC_TEXT + 1];
    if (minisign_public_parse(text, &public, NULL)) {
        minisign_public_format(&public, out);
        must(minisign_public_parse(bytes_str(out), &public, NULL));
    }
    minisign_secret_parse(text, &secret, NULL);
}

static void try_signature(struct bytes text)
{
    struct minisign_signature s;
    static const struct minisign_public key;
    if (minisign_signature_parse(text, &s, NULL))
        minisign_verify(&key, &s, BYTES_LIT("text"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    if (size == 0)
        return 0;
    struct bytes text = bytes_of(data + 1, size - 1);
    arena_init(&arena, 64 << 20);
    switch (data[0]) {
    case 'r':
        try_root(text, &arena);
        break;
    case 'd':
        try_delegations(text, &arena);
        break;
    case 'g':
        try_registration(text, &arena);
        break;
    case 'l':
        try_list(text, &arena);
        break;
    case 'e':
        try_envelope(text, &arena);
        break;
    case 'k':
        try_key(text);
        break;
    case 's':
        try_signature(text);
        break;
    default:
        break;
    }
    arena_fini(&arena);
    return 0;
}
