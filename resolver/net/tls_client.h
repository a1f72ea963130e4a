/* SPDX-License-Identifier: GPL-3.0-or-later */
/* TLS of the client side: one server that we connect to, and by what we know it (RFC 8310).
 *
 * Strict: either the handshake proves the server to be the one that is meant, or it fails, and nothing was
 * sent but the handshake. Known by a name: its chain leads to a CA of `ca`, is in its time, and its leaf
 * bears the name (RFC 9525). By pins (RFC 7858 4.2): a key in the verified chain is pinned, or, where no name
 * is given, the leaf's key. By both: both must hold. TLS 1.2 or newer, no renegotiation.
 *
 * The last session is kept and resumed for an hour at most: a resumed handshake shows no certificate, so what
 * a full one proved is not believed for longer. */
#ifndef POLYNYA_NET_TLS_CLIENT_H
#define POLYNYA_NET_TLS_CLIENT_H

#include "resolver/net/ca.h"
#include "resolver/net/tls.h"

enum { TLS_PIN_SIZE = 32, TLS_SESSION_LIFE = 3600000 /* ms */ };

/* SHA-256 of a SubjectPublicKeyInfo in DER. */
struct tls_pin {
    uint8_t sha256[TLS_PIN_SIZE];
};

struct tls_client_options {
    const char *name;           /* a host name, or an IPv4 address; NULL: pins alone count */
    const struct tls_pin *pins; /* copied */
    unsigned pin_count;         /* not 0 without a name */
    const struct ca *ca;        /* shared; not NULL with a name */
    bool h2;                    /* the server must choose HTTP/2 by ALPN */
};

/* Why a handshake failed. */
enum tls_fault {
    TLS_FAULT_NONE,
    TLS_FAULT_NAME,   /* the certificate is for another name */
    TLS_FAULT_ISSUER, /* no chain to a CA that is trusted */
    TLS_FAULT_TIME,   /* expired, or not yet valid */
    TLS_FAULT_PIN,
    TLS_FAULT_CERTIFICATE, /* unfit for another reason */
    TLS_FAULT_HANDSHAKE    /* no TLS, no common version, no HTTP/2, or an alert */
};

struct tls_client;

/* NULL without memory. */
struct tls_client *tls_client_new(const struct tls_client_options *o);
void tls_client_free(struct tls_client **c);
/* A connection over fd, which is connected or connecting; its handshake is tls_handshake's. NULL without
 * memory. */
struct tls_conn *tls_connect(struct tls_client *c, int fd);
/* Just after tls_handshake returned TLS_DONE or failed; TLS_FAULT_NONE, too, if the socket was what failed.
 */
enum tls_fault tls_fault(const struct tls_conn *c);

#endif
