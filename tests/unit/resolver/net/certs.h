/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Certificates for tests, made on the spot: good ones, and those that must be refused. */
#ifndef POLYNYA_TEST_NET_CERTS_H
#define POLYNYA_TEST_NET_CERTS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>
#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

struct made {
    X509 *cert;
    EVP_PKEY *key;
};

static inline void add_extension(X509 *c, int what, const char *value)
{
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, what, value);
    assert_non_null(e);
    X509_add_ext(c, e, -1);
    X509_EXTENSION_free(e);
}

/* Without names it is a CA. */
static inline struct made make(EVP_PKEY *key, const char *name, const char *names, int64_t from,
                               int64_t until, const struct made *issuer)
{
    struct made m = {X509_new(), key};
    ASN1_INTEGER_set(X509_get_serialNumber(m.cert), 1);
    X509_set_version(m.cert, 2);
    ASN1_TIME_set(X509_getm_notBefore(m.cert), from);
    ASN1_TIME_set(X509_getm_notAfter(m.cert), until);
    X509_set_pubkey(m.cert, key);
    X509_NAME *n = X509_get_subject_name(m.cert);
    X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(m.cert, issuer ? X509_get_subject_name(issuer->cert) : n);
    if (names)
        add_extension(m.cert, NID_subject_alt_name, names);
    else
        add_extension(m.cert, NID_basic_constraints, "critical,CA:TRUE");
    assert_true(X509_sign(m.cert, issuer ? issuer->key : key, EVP_sha256()) > 0);
    return m;
}

static inline void drop(struct made *m)
{
    X509_free(m->cert);
    EVP_PKEY_free(m->key);
}

#endif
