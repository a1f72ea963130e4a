/* SPDX-License-Identifier: GPL-3.0-or-later */
/* libcurl's multi interface on libev: the sockets it asks for are watched, it is woken in time, and transfers
 * that ended are handed out. libcurl says what to wait for; nothing here blocks. */
#ifndef POLYNYA_NET_CURL_LOOP_H
#define POLYNYA_NET_CURL_LOOP_H

#include <curl/curl.h>
#include <ev.h>
#include <stdbool.h>

struct curl_loop;

/* At most `pool` idle connections are kept. turned is called when transfers may have ended, last in a turn:
 * it may free the curl_loop. NULL without memory. */
struct curl_loop *curl_loop_new(struct ev_loop *loop, unsigned pool, void (*turned)(void *self), void *self);
/* Transfers must have been removed. Closes the idle connections. */
void curl_loop_free(struct curl_loop **l);
/* Starts a transfer; turned is never called before this returns. False without memory. */
bool curl_loop_add(struct curl_loop *l, CURL *easy);
/* Ends it, or takes out one that has ended. */
void curl_loop_remove(struct curl_loop *l, CURL *easy);
/* The next transfer that has ended, each once; false if there is none. */
bool curl_loop_ended(struct curl_loop *l, CURL **easy, CURLcode *code);

#endif
