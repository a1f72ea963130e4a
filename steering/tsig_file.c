/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Secrets from files: see tsig_file.h. */
#include "steering/tsig_file.h"

#include "data/base/arena.h"
#include "data/base/text.h"
#include "steering/feed_file.h"

enum { SECRET_FILE_MAX = 1024 };

static struct bytes trimmed(struct bytes text)
{
    while (text.len && strchr(" \t\r\n", text.data[text.len - 1]))
        text.len--;
    return text;
}

bool tsig_file_read(const char *path, struct tsig_key *key, struct refusal *why)
{
    struct arena arena;
    struct bytes text;
    long len = -1;
    arena_init(&arena, 4 * SECRET_FILE_MAX);
    bool ok = feed_read_file(path, SECRET_FILE_MAX, &arena, &text, why);
    if (ok) {
        len = base64_decode(trimmed(text), key->secret, sizeof key->secret);
        explicit_bzero((uint8_t *)(uintptr_t)text.data, text.len);
    }
    arena_fini(&arena);
    if (ok && len <= 0)
        return refuse(why, REFUSAL_BAD_FIELD, "tsig-secret-file: 1 to %d bytes in base64", TSIG_SECRET_MAX);
    key->len = ok ? (size_t)len : 0;
    return ok;
}
