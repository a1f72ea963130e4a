/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom our TLS clients believe: see ca.h. The system's folder is OpenSSL's default one; what stands in it is
 * looked up by hash when it is needed, and kept. */
#include "resolver/net/ca.h"

#include <stdio.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

struct ca {
    X509_STORE *store;
};

static bool load(struct ca *ca, const char *file, char *error, size_t cap)
{
    if (!X509_STORE_set_default_paths(ca->store)) {
        snprintf(error, cap, "the system's CAs: out of memory");
        return false;
    }
    ERR_clear_error();
    if (!file || X509_STORE_load_file(ca->store, file))
        return true;
    unsigned long code = ERR_peek_error();
    const char *why = ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
    snprintf(error, cap, "%s: cannot read CAs: %s", file, why ? why : "there is none in it");
    return false;
}

struct ca *ca_new(const char *file, char *error, size_t cap)
{
    struct ca *ca = calloc(1, sizeof *ca);
    ERR_clear_error();
    if (ca)
        ca->store = X509_STORE_new();
    if (ca && ca->store && load(ca, file, error, cap)) {
        /* A folder that is not there leaves its error behind. */
        ERR_clear_error();
        return ca;
    }
    if (!ca || !ca->store)
        snprintf(error, cap, "out of memory");
    ERR_clear_error();
    ca_free(&ca);
    return NULL;
}

void ca_free(struct ca **ca)
{
    if (!*ca)
        return;
    X509_STORE_free((*ca)->store);
    free(*ca);
    *ca = NULL;
}

void ca_use(const struct ca *ca, void *ssl_ctx)
{
    SSL_CTX_set1_cert_store(ssl_ctx, ca->store);
}
