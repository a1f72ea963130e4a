/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading and checking certificates: see pair.h. */
#include "resolver/net/pair.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

/* Where a failure is told: the file to blame and the caller's buffer. */
struct blame {
    const char *file;
    char *error;
    size_t cap;
};

static bool fail(const struct blame *b, const char *what)
{
    snprintf(b->error, b->cap, "%s: %s", b->file, what);
    ERR_clear_error();
    return false;
}

static BIO *open_file(const struct blame *b)
{
    errno = 0;
    BIO *in = BIO_new_file(b->file, "r");
    if (!in)
        fail(b, errno ? strerror(errno) : "cannot be read");
    return in;
}

/* An encrypted key must fail, not ask the terminal. */
static int no_password(char *buf, int size, int writing, void *arg)
{
    (void)buf, (void)size, (void)writing, (void)arg;
    return -1;
}

static bool read_key(struct pair *p, const struct blame *b)
{
    BIO *in = open_file(b);
    if (!in)
        return false;
    p->key = PEM_read_bio_PrivateKey(in, NULL, no_password, NULL);
    BIO_free(in);
    return p->key || fail(b, "no private key in it (or an encrypted one)");
}

static bool read_chain(struct pair *p, const struct blame *b)
{
    BIO *in = open_file(b);
    if (!in)
        return false;
    p->leaf = PEM_read_bio_X509(in, NULL, no_password, NULL);
    p->issuers = sk_X509_new_null();
    X509 *next = p->leaf && p->issuers ? PEM_read_bio_X509(in, NULL, no_password, NULL) : NULL;
    for (; next; next = PEM_read_bio_X509(in, NULL, no_password, NULL))
        if (!sk_X509_push(p->issuers, next))
            X509_free(next);
    /* The end of the file is an expected error; a damaged certificate in the middle is not. */
    bool whole = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    BIO_free(in);
    if (!p->leaf)
        return fail(b, "no certificate in it");
    return whole || fail(b, "a certificate in it is damaged");
}

static bool fail_at(const struct blame *b, int number, const char *what)
{
    char text[96];
    snprintf(text, sizeof text, "certificate %d %s", number, what);
    return fail(b, text);
}

static X509 *certificate(const struct pair *p, int i)
{
    return i == 0 ? p->leaf : sk_X509_value(p->issuers, i - 1);
}

static bool check_chain(const struct pair *p, int64_t now, const struct blame *b)
{
    int count = sk_X509_num(p->issuers) + 1;
    time_t at = now;
    for (int i = 0; i < count; i++) {
        X509 *c = certificate(p, i);
        if (X509_cmp_time(X509_get0_notBefore(c), &at) > 0)
            return fail_at(b, i + 1, "is not valid yet");
        if (X509_cmp_time(X509_get0_notAfter(c), &at) < 0)
            return fail_at(b, i + 1, "has expired");
        X509 *issuer = i + 1 < count ? certificate(p, i + 1) : NULL;
        if (issuer && (X509_NAME_cmp(X509_get_issuer_name(c), X509_get_subject_name(issuer)) != 0 ||
                       X509_verify(c, X509_get0_pubkey(issuer)) != 1))
            return fail_at(b, i + 1, "is not signed by the one after it");
    }
    return true;
}

bool pair_load(struct pair *p, const char *chain, const char *key, int64_t now, char *error, size_t cap)
{
    *p = (struct pair){0};
    struct blame in_chain = {chain, error, cap}, in_key = {key, error, cap};
    bool ok =
        read_chain(p, &in_chain) && check_chain(p, now, &in_chain) && read_key(p, &in_key) &&
        (X509_check_private_key(p->leaf, p->key) == 1 || fail(&in_key, "does not belong to the certificate"));
    if (!ok)
        pair_fini(p);
    return ok;
}

void pair_fini(struct pair *p)
{
    X509_free(p->leaf);
    sk_X509_pop_free(p->issuers, X509_free);
    EVP_PKEY_free(p->key);
    *p = (struct pair){0};
}

int64_t pair_expires(const struct pair *p)
{
    struct tm tm = {0};
    return ASN1_TIME_to_tm(X509_get0_notAfter(p->leaf), &tm) ? timegm(&tm) : 0;
}

static GENERAL_NAMES *names_of(const struct pair *p)
{
    return X509_get_ext_d2i(p->leaf, NID_subject_alt_name, NULL, NULL);
}

static bool has_name(const GENERAL_NAMES *names, GENERAL_NAME *name)
{
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++)
        if (GENERAL_NAME_cmp(sk_GENERAL_NAME_value(names, i), name) == 0)
            return true;
    return false;
}

static bool same_names(const GENERAL_NAMES *a, const GENERAL_NAMES *b)
{
    if (!a || !b || sk_GENERAL_NAME_num(a) != sk_GENERAL_NAME_num(b))
        return false;
    for (int i = 0; i < sk_GENERAL_NAME_num(a); i++)
        if (!has_name(b, sk_GENERAL_NAME_value(a, i)))
            return false;
    return true;
}

bool pair_alternative(const struct pair *a, const struct pair *b)
{
    if (EVP_PKEY_get_base_id(a->key) == EVP_PKEY_get_base_id(b->key))
        return false;
    GENERAL_NAMES *of_a = names_of(a), *of_b = names_of(b);
    bool same = same_names(of_a, of_b);
    GENERAL_NAMES_free(of_a);
    GENERAL_NAMES_free(of_b);
    return same;
}

bool pair_matches(const struct pair *p, const char *host)
{
    return X509_check_host(p->leaf, host, 0, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS, NULL) == 1;
}
