/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The head of an HTTP/1 answer (RFC 9112 4). */
#ifndef POLYNYA_NET_H1_ANSWER_H
#define POLYNYA_NET_H1_ANSWER_H

#include "resolver/net/http.h"

enum { H1_ANSWER_HEAD_MAX = 512 }; /* bytes: every answer's head fits */

/* Status line and fields with the empty line, written to text. content-length is the body's, whether it is
 * sent or not. */
struct bytes h1_answer_head(const struct http_response *r, bool keep_alive, char text[H1_ANSWER_HEAD_MAX]);

#endif
