/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How HTTP/2's frames become a request and reach their handler. The first three are callbacks of nghttp2. */
#ifndef POLYNYA_NET_H2_REQUEST_H
#define POLYNYA_NET_H2_REQUEST_H

#include "resolver/net/h2_stream.h"

/* A header block begins: a stream, if there is room for one. */
int h2_request_begin(nghttp2_session *session, const nghttp2_frame *frame, void *self);
int h2_request_field(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags, void *self);
int h2_request_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data, size_t len,
                    void *self);
/* A frame of a request has been read to its end: hands the request over, if that was its last. */
void h2_request_frame(struct h2 *h, const nghttp2_frame *frame);
/* Answers with why, unless there is an answer. */
void h2_request_refuse(struct h2_stream *s, enum reason why);

#endif
