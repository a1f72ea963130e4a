/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Complaints about servers: see complaint.h. */
#include "resolver/complaint.h"

#include "data/base/clock.h"
#include "data/base/log.h"
#include "data/base/metric.h"
#include "resolver/server.h"

static enum metric metric_of_dial(enum dial_end why)
{
    switch (why) {
    case DIAL_END_NAME:
        return METRIC_UPSTREAM_TLS_NAME;
    case DIAL_END_ISSUER:
        return METRIC_UPSTREAM_TLS_ISSUER;
    case DIAL_END_TIME:
        return METRIC_UPSTREAM_TLS_TIME;
    case DIAL_END_PIN:
        return METRIC_UPSTREAM_TLS_PIN;
    case DIAL_END_CERTIFICATE:
        return METRIC_UPSTREAM_TLS_CERTIFICATE;
    case DIAL_END_CLOSED:
        return METRIC_UPSTREAM_TLS_CLOSED;
    case DIAL_END_UNREACHABLE:
        return METRIC_UPSTREAM_TLS_UNREACHABLE;
    case DIAL_END_STALLED:
        return METRIC_UPSTREAM_TLS_STALLED;
    default:
        return METRIC_UPSTREAM_TLS_HANDSHAKE;
    }
}

static void log_complaint(const struct server *s, const char *event, const char *why, const char *text)
{
    char address[SOCK_ADDR_TEXT_MAX];
    sock_addr_format(&s->address, address);
    log_warn(event, "server=%s why=%s text=\"%s\"", address, why, text);
}

/* fault: a number for each kind, see server_may_complain. */
static void log_fault(struct server *s, const char *event, int fault, const char *why, const char *text)
{
    if (server_may_complain(s, fault, clock_mono_ms()))
        log_complaint(s, event, why, text);
}

/* That a server is not whom we expect is no matter of one name, so there is nothing to wait for; that it
 * cannot be reached shows in its queries, too. Plain servers' connections are not what they are judged by. */
void complaint_of_dial(void *server, enum dial_end why)
{
    struct server *s = server;
    if (!s->encrypted)
        return;
    metric_count(metric_of_dial(why));
    if (dial_end_is_tls(why) && server_broken(s, clock_mono_ms()))
        metric_count(METRIC_UPSTREAM_DEAD);
    log_fault(s, "upstream.tls", (int)why, dial_end_name(why), dial_end_text(why));
}

/* A status may be one of overload: it counts as silence does, and holds the server only when it goes on. */
void complaint_of_https(void *server, enum h2_end why)
{
    static const struct {
        enum metric metric;
        const char *name, *text;
    } faults[] = {
        [H2_END_STATUS] = {METRIC_UPSTREAM_HTTPS_STATUS, "status",
                           "it did not answer with status 200; is path the right one?"},
        [H2_END_TYPE] = {METRIC_UPSTREAM_HTTPS_TYPE, "type",
                         "its answer is not application/dns-message; is path the right one?"},
        [H2_END_TOO_LONG] = {METRIC_UPSTREAM_HTTPS_LENGTH, "too-long",
                             "its answer is longer than a DNS message"},
        [H2_END_RESET] = {METRIC_UPSTREAM_HTTPS_RESET, "reset", "it gave up the request"},
    };
    if (why >= sizeof faults / sizeof *faults || !faults[why].name)
        return;
    metric_count(faults[why].metric);
    log_fault(server, "upstream.https", DIAL_ENDS + (int)why, faults[why].name, faults[why].text);
}

/* Zones can bring it about: it has a time of its own, so that other faults do not make room for more of it.
 */
void complaint_of_answer(struct server *s)
{
    int64_t now = clock_mono_ms();
    metric_count(METRIC_UPSTREAM_REFUTED);
    if (now < s->refute_at)
        return;
    s->refute_at = now + SERVER_COMPLAINT;
    log_complaint(s, "upstream.refuted", "bogus",
                  "its answer was not to be believed, another server's was: it lies, does not do DNSSEC, or "
                  "the zone's own servers differ");
}
