/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom our TLS clients believe: the system's CAs, a file of the operator's own, or both.
 *
 * Read once and shared by all connections: reading the system's hundred and more CAs for each would cost
 * more than the handshake. */
#ifndef POLYNYA_NET_CA_H
#define POLYNYA_NET_CA_H

#include "data/base/bytes.h"

struct ca;

/* file: PEM, or NULL for none. NULL on failure, with error "FILE: what". */
struct ca *ca_new(const char *file, char *error, size_t cap);
/* file: PEM, which alone counts then, or NULL for the system's CAs. All is read now, and no file is opened
 * later: for roles that may not, or must not wait. NULL as ca_new. */
struct ca *ca_read(const char *file, char *error, size_t cap);
void ca_free(struct ca **ca);
/* Makes a client's SSL_CTX verify by it; for libraries that make their own. */
void ca_use(const struct ca *ca, void *ssl_ctx);
/* The same, and *ends becomes the Unix time when the peer's certificate ends, once its chain is verified. To
 * be kept for as long as any connection of that context lives. */
void ca_use_noting(const struct ca *ca, void *ssl_ctx, int64_t *ends);
/* Does the result of a chain's verification (X509_V_ERR_…) say that it leads to no CA we believe? */
bool ca_is_unknown(long result);

#endif
