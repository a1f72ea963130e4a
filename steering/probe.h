/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One probe of one address of a mirror: what is asked, and whether the answer proves it. Does nothing itself.
 *
 * A mirror is proved by what a reader's browser will do: a connection to that very address, a handshake with
 * the outlet's name as SNI that gives a chain valid for it for some days yet, an answer, and in it the marker
 * the outlet named. Where there is no marker the body is not read. */
#ifndef POLYNYA_STEERING_PROBE_H
#define POLYNYA_STEERING_PROBE_H

#include "resolver/net/fetch.h"
#include "steering/view.h"

enum {
    PROBE_CERTIFICATE_LIFE = 72 * 3600, /* seconds: enough for an outlet to notice and renew */
    PROBE_BODY_MAX = 256 << 10,         /* the marker must stand within these */
    PROBE_URL_MAX = 2048
};

/* Why a probe failed: the ways a request ends, then those of probe.def. */
enum probe_failure {
    PROBE_NONE = FETCH_OK,
    PROBE_OWN = FETCH_ENDS - 1,
#define PROBE(id, name, text) PROBE_##id,
#include "steering/probe.def"
#undef PROBE
    PROBE_FAILURES
};

/* OONI's failure strings where it has one; and a sentence for people. Any number gives some text. */
const char *probe_failure_name(unsigned failure);
const char *probe_failure_text(unsigned failure);

/* Groups of failures, for counting. */
enum probe_class {
    PROBE_CLASS_OK,
    PROBE_CLASS_TIMEOUT,
    PROBE_CLASS_CONNECT,
    PROBE_CLASS_TLS,
    PROBE_CLASS_HTTP
};
enum probe_class probe_class_of(unsigned failure);

/* Fills in out for name (one registered for site) at address i of mirror m; the URL is written to url, to
 * which out points. timeout: ms. done and self are left to the caller. False if the URL is too long. */
bool probe_request(const struct view_site *site, const struct view_mirror *m, unsigned i,
                   const struct dns_name *name, uint32_t timeout, char url[PROBE_URL_MAX],
                   struct fetch_request *out);
/* PROBE_NONE: proved. contains: what must stand in the body, empty for nothing. */
enum probe_failure probe_judge(const struct fetch_result *r, struct bytes contains);

#endif
