/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS towards a server: see tls_client.h.
 *
 * Verification happens in the handshake, in one callback for names and pins alike, so that OpenSSL itself
 * ends a handshake that proves nothing. */
#include "resolver/net/tls_client.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include "data/base/address.h"
#include "data/base/clock.h"
#include "resolver/net/tls_conn.h"

struct tls_client {
    SSL_CTX *ctx;
    BIO_METHOD *bio;
    char *name;
    bool is_address; /* the name is one: there is no SNI for it */
    bool h2;
    struct tls_pin *pins;
    unsigned pin_count;
    SSL_SESSION *session; /* NULL: none to resume */
    int64_t proved_at;    /* monotonic ms of the last full handshake */
};

static const unsigned char alpn_h2[] = "\2h2";

/* Verification */

static bool is_pinned(const struct tls_client *c, X509 *cert)
{
    struct tls_pin pin;
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);
    unsigned size = 0;
    bool ok = len > 0 && EVP_Digest(der, (size_t)len, pin.sha256, &size, EVP_sha256(), NULL) &&
              size == TLS_PIN_SIZE;
    OPENSSL_free(der);
    for (unsigned i = 0; ok && i < c->pin_count; i++)
        if (memcmp(&pin, &c->pins[i], sizeof pin) == 0)
            return true;
    return false;
}

/* Only what was verified to belong to the chain: anybody can send a certificate that is not his behind his
 * own. */
static bool chain_is_pinned(const struct tls_client *c, X509_STORE_CTX *store)
{
    STACK_OF(X509) *chain = X509_STORE_CTX_get0_chain(store);
    for (int i = 0; i < sk_X509_num(chain); i++)
        if (is_pinned(c, sk_X509_value(chain, i)))
            return true;
    return false;
}

static int verify(X509_STORE_CTX *store, void *self)
{
    const struct tls_client *c = self;
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    if (c->name && X509_verify_cert(store) != 1)
        return 0;
    if (c->pin_count == 0 || (c->name ? chain_is_pinned(c, store) : leaf && is_pinned(c, leaf))) {
        X509_STORE_CTX_set_error(store, X509_V_OK);
        return 1;
    }
    X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    return 0;
}

static enum tls_fault fault_of(long result)
{
    switch (result) {
    case X509_V_OK:
        return TLS_FAULT_HANDSHAKE;
    case X509_V_ERR_APPLICATION_VERIFICATION:
        return TLS_FAULT_PIN;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return TLS_FAULT_NAME;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return TLS_FAULT_TIME;
    default:
        return ca_is_unknown(result) ? TLS_FAULT_ISSUER : TLS_FAULT_CERTIFICATE;
    }
}

/* Sessions */

static void forget(struct tls_client *c)
{
    SSL_SESSION_free(c->session);
    c->session = NULL;
}

/* Takes the session: 1 says so. A TLS 1.3 server may send several; the last one is as good as any. */
static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    struct tls_client *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    forget(c);
    c->session = session;
    if (!SSL_session_reused(ssl))
        c->proved_at = clock_mono_ms();
    return 1;
}

/* A ticket of TLS 1.3 is used once: who watches could else tie two connections together (RFC 8446 C.4). */
static void resume(struct tls_client *c, SSL *ssl)
{
    bool fresh = clock_mono_ms() - c->proved_at < TLS_SESSION_LIFE;
    if (c->session && fresh)
        SSL_set_session(ssl, c->session);
    if (c->session && (!fresh || SSL_SESSION_get_protocol_version(c->session) >= TLS1_3_VERSION))
        forget(c);
}

/* The client */

static bool expect_name(struct tls_client *c, const char *name)
{
    struct ip ip;
    X509_VERIFY_PARAM *param = SSL_CTX_get0_param(c->ctx);
    c->name = strdup(name);
    c->is_address = ip_parse(bytes_str(name), &ip);
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    return c->name && (c->is_address ? X509_VERIFY_PARAM_set1_ip_asc(param, name)
                                     : X509_VERIFY_PARAM_set1_host(param, name, 0)) == 1;
}

static bool expect_pins(struct tls_client *c, const struct tls_client_options *o)
{
    if (o->pin_count == 0)
        return true;
    c->pins = malloc(o->pin_count * sizeof *c->pins);
    if (!c->pins)
        return false;
    memcpy(c->pins, o->pins, o->pin_count * sizeof *c->pins);
    c->pin_count = o->pin_count;
    return true;
}

static bool set_up(struct tls_client *c, const struct tls_client_options *o)
{
    c->ctx = SSL_CTX_new(TLS_client_method());
    c->bio = tls_socket_method();
    if (!c->ctx || !c->bio || !SSL_CTX_set_min_proto_version(c->ctx, TLS1_2_VERSION))
        return false;
    /* Servers often close without close_notify; a message that is cut off is seen by its length. */
    SSL_CTX_set_options(c->ctx,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(c->ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_app_data(c->ctx, c);
    SSL_CTX_set_verify(c->ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(c->ctx, verify, c);
    SSL_CTX_set_session_cache_mode(c->ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(c->ctx, keep_session);
    c->h2 = o->h2;
    /* 0 is success here. */
    if (o->h2 && SSL_CTX_set_alpn_protos(c->ctx, alpn_h2, sizeof alpn_h2 - 1) != 0)
        return false;
    if (o->ca)
        ca_use(o->ca, c->ctx);
    return (!o->name || expect_name(c, o->name)) && expect_pins(c, o);
}

struct tls_client *tls_client_new(const struct tls_client_options *o)
{
    ERR_clear_error();
    struct tls_client *c = calloc(1, sizeof *c);
    if (c && !set_up(c, o))
        tls_client_free(&c);
    return c;
}

void tls_client_free(struct tls_client **c)
{
    if (!*c)
        return;
    forget(*c);
    SSL_CTX_free((*c)->ctx);
    BIO_meth_free((*c)->bio);
    free((*c)->name);
    free((*c)->pins);
    free(*c);
    *c = NULL;
}

struct tls_conn *tls_connect(struct tls_client *c, int fd)
{
    struct tls_conn *conn = tls_conn_new(c->bio, c->ctx, fd);
    if (!conn)
        return NULL;
    SSL *ssl = tls_conn_ssl(conn);
    SSL_set_connect_state(ssl);
    if (c->name && !c->is_address && !SSL_set_tlsext_host_name(ssl, c->name))
        tls_conn_free(&conn);
    else
        resume(c, ssl);
    return conn;
}

enum tls_fault tls_fault(const struct tls_conn *conn)
{
    SSL *ssl = tls_conn_ssl(conn);
    const struct tls_client *c = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    long result = SSL_get_verify_result(ssl);
    /* The socket's failures leave nothing in OpenSSL's queue. */
    if (!SSL_is_init_finished(ssl) && result == X509_V_OK && ERR_peek_error() == 0)
        return TLS_FAULT_NONE;
    if (!SSL_is_init_finished(ssl) || result != X509_V_OK)
        return fault_of(result);
    return c->h2 && tls_alpn(conn) != TLS_ALPN_H2 ? TLS_FAULT_HANDSHAKE : TLS_FAULT_NONE;
}
