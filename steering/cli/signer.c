/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Telling who has signed: see signer.h. */
#include "steering/cli/signer.h"

#include <stdio.h>

static bool has_signed(const struct envelope *e, const struct minisign_public *key)
{
    return envelope_signers(e, &key, 1) == 1;
}

json_t *signer_json(const struct envelope *e, const char *name, const struct minisign_public *key)
{
    char text[MINISIGN_PUBLIC_TEXT + 1];
    minisign_public_format(key, text);
    return json_pack("{s:s?, s:s, s:b}", "name", name, "key", text, "signed", has_signed(e, key));
}

void signer_print(const struct envelope *e, const char *name, const struct minisign_public *key,
                  const char *more)
{
    printf("  %-12s %s%s\n", has_signed(e, key) ? "signed" : "not signed", name ? name : "(no name)", more);
}
