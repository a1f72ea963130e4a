/* SPDX-License-Identifier: GPL-3.0-or-later */
/* One HTTP request by libcurl, blocking: what `query` and `status` need. */
#ifndef POLYNYA_CLI_HTTP_H
#define POLYNYA_CLI_HTTP_H

#include "steering/cli/cli.h"

struct cli_ask {
    const char *url;
    const char *cacert;      /* PEM file of the only trusted roots; NULL: the system's */
    const char *unix_socket; /* connect here instead of to the URL's host */
    const char *content_type;
    struct bytes body; /* POST if not empty */
    const char *accept;
    long timeout_ms;
};

struct cli_told {
    long status;
    const char *version;      /* "HTTP/2" */
    const char *content_type; /* "" if none */
    struct bytes body;        /* at most 1 MiB; NUL behind it */
    double ms;
};

/* False (said, with what to look at) if no answer came. Any status is an answer. */
bool cli_http(struct cli *c, const struct cli_ask *ask, struct cli_told *out);

#endif
