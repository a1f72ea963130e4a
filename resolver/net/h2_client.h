/* SPDX-License-Identifier: GPL-3.0-or-later */
/* HTTP/2 of the client side (RFC 9113), as far as DNS over HTTPS needs it (RFC 8484): POSTs of small messages
 * to one URL over one connection. Bytes in, bytes out: the socket is the caller's.
 *
 * What the server sends is an attacker's: an answer has at most 65535 bytes, all answers that are not whole
 * H2_CLIENT_HELD_MAX, and fields count only where they matter. Redirects are not followed, nothing is pushed,
 * no cookie is kept. */
#ifndef POLYNYA_NET_H2_CLIENT_H
#define POLYNYA_NET_H2_CLIENT_H

#include "data/base/bytes.h"

enum {
    H2_CLIENT_BODY_MAX = 65535,
    H2_CLIENT_HELD_MAX = 4 * 1024 * 1024,
    H2_CLIENT_POST_MAX = 512, /* bytes of one message sent */
    /* Posts nobody waits for any more, before they are reset: resetting each would look like an attack
     * (CVE-2023-44487), and their answers are small. */
    H2_CLIENT_ORPHANS = 64
};

enum h2_end {
    H2_END_ANSWER,   /* status 200, of the wanted type, whole */
    H2_END_UNSEEN,   /* the server says that it did nothing about it: another connection may do better */
    H2_END_STATUS,   /* another status, redirections among them */
    H2_END_TYPE,     /* not application/dns-message */
    H2_END_TOO_LONG, /* or too much for all of them together */
    H2_END_RESET     /* given up by the server, or broken */
};

/* Body is borrowed, may be written to, and empty unless end is H2_END_ANSWER. */
struct h2_reply {
    enum h2_end end;
    uint8_t *body;
    size_t len;
    uint32_t age; /* seconds it lay in caches on its way (RFC 9111 5.1) */
};

struct h2_client;
struct h2_post;

struct h2_client_options {
    const char *authority, *path; /* borrowed for the connection's life */
    /* The post is over, and freed afterwards. Called from within h2_client_read and h2_client_write; may post
     * and drop, but not free the client. */
    void (*done)(void *owner, const struct h2_reply *reply);
};

/* NULL without memory. */
struct h2_client *h2_client_new(const struct h2_client_options *o);
/* Posts that are not over end without `done`. */
void h2_client_free(struct h2_client **c);
/* Sends body (copied). NULL without memory, or if the connection takes no more. owner must not be NULL. */
struct h2_post *h2_client_post(struct h2_client *c, struct bytes body, void *owner);
/* Nobody waits for it any more. */
void h2_client_drop(struct h2_post *p);
/* Posts that somebody waits for. */
unsigned h2_client_posts(const struct h2_client *c);
/* Some post is not over, whether somebody waits for it or not. */
bool h2_client_streams(const struct h2_client *c);
/* The next one that somebody waits for, in the order they were posted, after the connection broke; owner gets
 * it. It is dropped. False if there is none. */
bool h2_client_take_back(struct h2_client *c, void **owner);
/* New posts are taken: the server has not said that it leaves. */
bool h2_client_open(const struct h2_client *c);
/* What came from the server. False: the connection is over. */
bool h2_client_read(struct h2_client *c, struct bytes in);
/* What is to be sent next; empty for nothing. Borrowed until the next call. False: the connection is over. */
bool h2_client_write(struct h2_client *c, struct bytes *out);

#endif
