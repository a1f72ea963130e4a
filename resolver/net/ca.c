/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Whom our TLS clients believe: see ca.h. The system's file and folder are OpenSSL's defaults, and what is
 * looked up there is kept. */
#include "resolver/net/ca.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

struct ca {
    X509_STORE *store;
};

/* The errors that OpenSSL left behind, in words. */
static bool complain(const char *file, char *error, size_t cap)
{
    unsigned long code = ERR_peek_error();
    const char *why = ERR_SYSTEM_ERROR(code) ? strerror(ERR_GET_REASON(code)) : ERR_reason_error_string(code);
    snprintf(error, cap, "%s: cannot read CAs: %s", file, why ? why : "there is none in it");
    return false;
}

static bool load_file(struct ca *ca, const char *file, char *error, size_t cap)
{
    ERR_clear_error();
    return X509_STORE_load_file(ca->store, file) || complain(file, error, cap);
}

/* Files that are looked into when a chain needs them. */
static bool load_lazily(struct ca *ca, const char *file, char *error, size_t cap)
{
    if (!X509_STORE_set_default_paths(ca->store)) {
        snprintf(error, cap, "the system's CAs: out of memory");
        return false;
    }
    return !file || load_file(ca, file, error, cap);
}

static const char *setting_of(const char *variable, const char *standard)
{
    const char *value = secure_getenv(variable);
    return value ? value : standard;
}

/* "a94d09e5.0": what c_rehash names certificates; all else in the folder is something else. */
static bool is_hashed(const char *name)
{
    return strspn(name, "0123456789abcdef") == 8 && name[8] == '.' && name[9] &&
           strspn(name + 9, "0123456789") == strlen(name + 9);
}

static void load_folder(struct ca *ca, const char *folder)
{
    char path[PATH_MAX];
    DIR *dir = opendir(folder);
    for (const struct dirent *e; dir && (e = readdir(dir));)
        if (is_hashed(e->d_name) &&
            snprintf(path, sizeof path, "%s/%s", folder, e->d_name) < (int)sizeof path)
            X509_STORE_load_file(ca->store, path);
    if (dir)
        closedir(dir);
}

/* Where X509_STORE_set_default_paths would look later. One file that cannot be read is one CA less. */
static bool load_system(struct ca *ca, char *error, size_t cap)
{
    const char *file = setting_of(X509_get_default_cert_file_env(), X509_get_default_cert_file());
    const char *folder = setting_of(X509_get_default_cert_dir_env(), X509_get_default_cert_dir());
    X509_STORE_load_file(ca->store, file);
    load_folder(ca, folder);
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(ca->store);
    if (sk_X509_OBJECT_num(objects) > 0)
        return true;
    snprintf(error, cap, "the system has no CAs in %s nor in %s: install ca-certificates, or give ca-file",
             file, folder);
    return false;
}

static struct ca *new_ca(char *error, size_t cap)
{
    struct ca *ca = calloc(1, sizeof *ca);
    ERR_clear_error();
    if (ca && (ca->store = X509_STORE_new()))
        return ca;
    free(ca);
    snprintf(error, cap, "out of memory");
    return NULL;
}

/* A folder that is not there leaves its error behind. */
static struct ca *loaded(struct ca *ca, bool ok)
{
    ERR_clear_error();
    if (!ok)
        ca_free(&ca);
    return ca;
}

struct ca *ca_new(const char *file, char *error, size_t cap)
{
    struct ca *ca = new_ca(error, cap);
    return ca ? loaded(ca, load_lazily(ca, file, error, cap)) : NULL;
}

struct ca *ca_read(const char *file, char *error, size_t cap)
{
    struct ca *ca = new_ca(error, cap);
    if (!ca)
        return NULL;
    return loaded(ca, file ? load_file(ca, file, error, cap) : load_system(ca, error, cap));
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

/* In place of OpenSSL's own call of X509_verify_cert. */
static int verify_noting(X509_STORE_CTX *chain, void *ends)
{
    struct tm tm;
    int ok = X509_verify_cert(chain);
    const X509 *leaf = X509_STORE_CTX_get0_cert(chain);
    if (ok == 1 && leaf && ASN1_TIME_to_tm(X509_get0_notAfter(leaf), &tm))
        *(int64_t *)ends = timegm(&tm);
    return ok;
}

void ca_use_noting(const struct ca *ca, void *ssl_ctx, int64_t *ends)
{
    ca_use(ca, ssl_ctx);
    SSL_CTX_set_cert_verify_callback(ssl_ctx, verify_noting, ends);
}

bool ca_is_unknown(long result)
{
    switch (result) {
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
    case X509_V_ERR_CERT_REJECTED:
        return true;
    default:
        return false;
    }
}
