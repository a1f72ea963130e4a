/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A request under way, for fetch.c and fetch_end.c alone. */
#ifndef POLYNYA_NET_FETCH_INNER_H
#define POLYNYA_NET_FETCH_INNER_H

#include <curl/curl.h>

#include "data/base/link.h"
#include "resolver/net/fetch.h"

struct fetch {
    struct link link;
    struct fetcher *fetcher;
    CURL *easy;
    struct curl_slist *connect_to;
    struct curl_slist *headers;
    uint8_t *body;
    size_t len, cap, max;
    uint32_t certificate_life;
    int64_t leaf_ends; /* of a chain that verified */
    bool pinned;       /* to an address: its connection is its own, and ends with it */
    bool truncate;
    bool overflow; /* more than max came */
    bool direct;   /* no proxy is asked */
    CURLcode code;
    char error[CURL_ERROR_SIZE];
    void (*done)(void *self, const struct fetch_result *r);
    void *self;
};

/* What came of it, once libcurl has given its code: borrowed from r. */
struct fetch_result fetch_result_of(const struct fetch *r);

#endif
