/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS: see tls.h.
 *
 * One SSL_CTX for each set of names; certificates of several key types for the same names share one, and
 * OpenSSL picks by what the client can verify. */
#include "resolver/net/tls.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>

#include "resolver/net/pair.h"
#include "resolver/net/tls_conn.h"

/* One set of names. */
struct identity {
    SSL_CTX *ctx;
    struct pair pair; /* the first of its certificates; the others have the same names */
};

struct tls_server {
    struct identity *identity;
    unsigned count;
    const struct ticket_ring *ring;
    BIO_METHOD *bio;
    EVP_CIPHER *ticket_cipher;
    int64_t expires;
};

/* Callbacks of the handshake */

/* The server's order counts: h2 first. Without an overlap the handshake fails, as RFC 7301 3.2 has it. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                           const unsigned char *in, unsigned in_len, void *arg)
{
    (void)arg;
    static const struct bytes offers[] = {
        [TLS_FOR_HTTP] = BYTES_LIT("\2h2\10http/1.1"), [TLS_FOR_DNS] = BYTES_LIT("\3dot")};
    struct bytes ours = offers[(uintptr_t)SSL_get_app_data(ssl)];
    unsigned char *chosen;
    if (SSL_select_next_proto(&chosen, out_len, ours.data, (unsigned)ours.len, in, in_len) !=
        OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static int choose_identity(SSL *ssl, int *alert, void *arg)
{
    (void)alert;
    const struct tls_server *s = arg;
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    for (unsigned i = 0; host && i < s->count; i++)
        if (pair_matches(&s->identity[i].pair, host)) {
            SSL_set_SSL_CTX(ssl, s->identity[i].ctx);
            return SSL_TLSEXT_ERR_OK;
        }
    /* An unknown name gets the default: clients that reach us by address send none or a made-up one. */
    return SSL_TLSEXT_ERR_OK;
}

static bool ticket_key_use(const struct tls_server *s, struct ticket_key *key, const unsigned char *iv,
                           EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int sealing)
{
    char digest[] = "SHA256";
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key->hmac, sizeof key->hmac),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_CipherInit_ex(cipher, s->ticket_cipher, NULL, key->aes, iv, sealing) == 1 &&
           EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* OpenSSL's contract: 1 use it, 2 use it and send a new ticket, 0 unknown (a full handshake follows), -1
 * error. */
static int ticket_key_callback(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                               EVP_MAC_CTX *mac, int sealing)
{
    const struct tls_server *s = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct ticket_key key;
    bool stale = false;
    if (sealing) {
        ticket_current(s->ring, &key);
        memcpy(name, key.name, sizeof key.name);
        random_fill(iv, 16);
    } else if (!ticket_find(s->ring, name, &key, &stale)) {
        return 0;
    }
    bool ok = ticket_key_use(s, &key, iv, cipher, mac, sealing);
    OPENSSL_cleanse(&key, sizeof key);
    return !ok ? -1 : stale ? 2 : 1;
}

/* The server */

static void set_options(SSL_CTX *ctx)
{
    SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_read_ahead(ctx, 1);
    SSL_CTX_set_max_early_data(ctx, 0);
}

static bool set_algorithms(SSL_CTX *ctx)
{
    return SSL_CTX_set_ciphersuites(
               ctx, "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384") &&
           SSL_CTX_set_cipher_list(ctx, "ECDHE+AES128+AESGCM:ECDHE+CHACHA20:ECDHE+AES256+AESGCM") &&
           SSL_CTX_set1_groups_list(ctx, "X25519:P-256:P-384");
}

static void set_tickets(struct tls_server *s, SSL_CTX *ctx)
{
    if (s->ring) {
        SSL_CTX_set_num_tickets(ctx, 1);
        SSL_CTX_set_tlsext_ticket_key_evp_cb(ctx, ticket_key_callback);
    } else {
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(ctx, 0);
    }
}

static SSL_CTX *context_new(struct tls_server *s)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx || !set_algorithms(ctx)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    set_options(ctx);
    set_tickets(s, ctx);
    SSL_CTX_set_app_data(ctx, s);
    SSL_CTX_set_alpn_select_cb(ctx, choose_protocol, NULL);
    SSL_CTX_set_tlsext_servername_callback(ctx, choose_identity);
    SSL_CTX_set_tlsext_servername_arg(ctx, s);
    return ctx;
}

/* Is there a certificate of that key type for these names already? Then the pair is an identity of its own.
 */
static struct identity *identity_for(struct tls_server *s, const struct pair *p)
{
    for (unsigned i = 0; i < s->count; i++)
        if (pair_alternative(&s->identity[i].pair, p))
            return &s->identity[i];
    return NULL;
}

/* Takes p. */
static bool add_pair(struct tls_server *s, struct pair *p)
{
    struct identity *same = identity_for(s, p);
    SSL_CTX *ctx = same ? same->ctx : context_new(s);
    if (!same && ctx)
        s->identity[s->count++] = (struct identity){.ctx = ctx, .pair = *p};
    bool ok = ctx && SSL_CTX_use_cert_and_key(ctx, p->leaf, p->key, p->issuers, same == NULL) == 1;
    if (!s->expires || pair_expires(p) < s->expires)
        s->expires = pair_expires(p);
    if (same || !ctx)
        pair_fini(p);
    return ok;
}

static bool load_pairs(struct tls_server *s, const struct tls_files *files, unsigned count, int64_t now,
                       char *error, size_t cap)
{
    for (unsigned i = 0; i < count; i++) {
        struct pair p;
        if (!pair_load(&p, files[i].chain, files[i].key, now, error, cap))
            return false;
        if (!add_pair(s, &p)) {
            const char *why = ERR_reason_error_string(ERR_peek_last_error());
            snprintf(error, cap, "%s: cannot be used: %s", files[i].chain, why ? why : "unknown error");
            return false;
        }
    }
    return true;
}

struct tls_server *tls_server_new(const struct tls_files *files, unsigned count,
                                  const struct ticket_ring *ring, int64_t now, char *error, size_t cap)
{
    ERR_clear_error();
    struct tls_server *s = calloc(1, sizeof *s);
    if (s) {
        s->ring = ring;
        s->identity = calloc(count, sizeof *s->identity);
        s->bio = tls_socket_method();
        s->ticket_cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
    }
    bool made = s && s->identity && s->bio && s->ticket_cipher;
    if (!made)
        snprintf(error, cap, "tls: out of memory");
    if (!made || !load_pairs(s, files, count, now, error, cap))
        tls_server_free(&s);
    ERR_clear_error();
    return s;
}

void tls_server_free(struct tls_server **s)
{
    if (!*s)
        return;
    for (unsigned i = 0; i < (*s)->count; i++) {
        SSL_CTX_free((*s)->identity[i].ctx);
        pair_fini(&(*s)->identity[i].pair);
    }
    free((*s)->identity);
    BIO_meth_free((*s)->bio);
    EVP_CIPHER_free((*s)->ticket_cipher);
    free(*s);
    *s = NULL;
}

int64_t tls_server_expires(const struct tls_server *s)
{
    return s->expires;
}

struct tls_conn *tls_accept(struct tls_server *s, int fd, enum tls_use use)
{
    struct tls_conn *c = tls_conn_new(s->bio, s->identity[0].ctx, fd);
    if (!c)
        return NULL;
    SSL_set_app_data(tls_conn_ssl(c), (void *)(uintptr_t)use);
    SSL_set_accept_state(tls_conn_ssl(c));
    return c;
}
