/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A certificate chain and its key, read from PEM files and checked before anything is served with them. */
#ifndef POLYNYA_NET_PAIR_H
#define POLYNYA_NET_PAIR_H

#include <openssl/x509.h>

#include "data/base/bytes.h"

struct pair {
    X509 *leaf;
    STACK_OF(X509) * issuers; /* without the leaf, in order */
    EVP_PKEY *key;
};

/* False, with error "FILE: what" and nothing to free, unless both files can be read, the key is the leaf's,
 * each certificate is signed by the next, and all are valid at now (Unix seconds). */
bool pair_load(struct pair *p, const char *chain, const char *key, int64_t now, char *error, size_t cap);
void pair_fini(struct pair *p);
/* notAfter of the leaf, Unix seconds. */
int64_t pair_expires(const struct pair *p);
/* Do both speak for the same names with keys of different types, so that clients may have either? */
bool pair_alternative(const struct pair *a, const struct pair *b);
/* Is the leaf for this host name (RFC 6125; wildcards count)? */
bool pair_matches(const struct pair *p, const char *host);

#endif
