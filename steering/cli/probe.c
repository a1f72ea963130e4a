/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya probe`: mirrors probed once, now and from here, exactly as a daemon's prober does it: by the same
 * requests, the same client and the same judgement (steering/probe.h). Nothing is stored. */
#include "steering/probe.h"

#include <stdio.h>

#include "data/base/clock.h"
#include "resolver/net/ca.h"
#include "steering/cli/daemon.h"
#include "steering/cli/probe_plan.h"
#include "steering/cli/sites.h"
#include "steering/cli/table.h"

enum { CONCURRENCY = 16, TIMEOUT = 10000 /* ms */, TIMEOUT_MAX = 60 /* seconds */ };

struct options {
    struct daemon_from daemon;
    const char *address, *ca_file;
    uint64_t timeout;
    bool all_names, json;
};

static const struct cli_option options[] = {
    DAEMON_OPTIONS(options),
    CLI_OPTION("address", 'a', CLI_TEXT, options, address, "ADDRESS",
               "this address instead of the site's own, registered or not; with or without a port"),
    CLI_OPTION("all-names", 0, CLI_FLAG, options, all_names, NULL,
               "every registered name of a site, not only the one given or the first"),
    CLI_OPTION("ca-file", 0, CLI_TEXT, options, ca_file, "FILE",
               "PEM file of CAs to trust besides the system's; default: as the config says"),
    CLI_OPTION("timeout", 0, CLI_NUMBER, options, timeout, "SECONDS",
               "of one probe; default: as the config says, or 10"),
    CLI_JSON_OPTION(options),
    CLI_OPTIONS_END,
};

/* All probes of this call. */
struct run {
    struct cli *c;
    const struct options *o;
    struct probe_plan plan;
    struct fetcher *fetcher;
    const char *ca_file;
    uint32_t timeout; /* ms */
    size_t next, ended, failed;
};

static void start_next(struct run *r);

static void finish(struct run *r, struct probe_job *job, enum probe_failure failure)
{
    job->failure = failure;
    job->ms = clock_mono_ms() - job->started;
    r->failed += failure != PROBE_NONE;
    r->ended++;
}

static void on_result(void *self, const struct fetch_result *result)
{
    struct probe_job *job = self;
    struct run *r = job->run;
    job->status = result->status;
    job->h2 = result->h2;
    job->certificate_ends = result->certificate_ends;
    finish(r, job, probe_judge(result, view_site_contains(job->site)));
    start_next(r);
}

static void start(struct run *r, struct probe_job *job)
{
    char url[PROBE_URL_MAX];
    struct fetch_request request;
    job->run = r;
    job->started = clock_mono_ms();
    if (probe_request(job->site, job->mirror, job->address, &job->name, r->timeout, url, &request)) {
        request.done = on_result;
        request.self = job;
        if (fetch_start(r->fetcher, &request))
            return;
    }
    finish(r, job, (enum probe_failure)FETCH_UNKNOWN);
}

static void start_next(struct run *r)
{
    while (r->next < r->plan.count && r->next - r->ended < CONCURRENCY)
        start(r, &r->plan.job[r->next++]);
}

static json_t *job_json(struct cli *c, const struct probe_job *job)
{
    char address[IP_TEXT_MAX];
    bool answered = job->certificate_ends != 0;
    ip_format(&view_mirror_addresses(job->mirror)[job->address], address);
    return json_pack(
        "{s:s, s:s, s:s?, s:s, s:i, s:b, s:s?, s:s?, s:o, s:s?, s:o, s:I}", "name", sites_name(c, &job->name),
        "list", view_site_list(job->site)->name, "mirror", job->mirror->id[0] ? job->mirror->id : NULL,
        "address", address, "port", job->mirror->port, "good", job->failure == PROBE_NONE, "failure",
        job->failure ? probe_failure_name(job->failure) : NULL, "failure_text",
        job->failure ? probe_failure_text(job->failure) : NULL, "status",
        job->status ? json_integer(job->status) : json_null(), "alpn",
        answered ? job->h2 ? "h2" : "http/1.1" : NULL, "certificate_ends",
        answered ? cli_json_time(job->certificate_ends) : json_null(), "ms", (json_int_t)job->ms);
}

static json_t *shown(struct cli *c, const json_t *row)
{
    json_t *line = json_object();
    const char *result = cli_json_is(row, "good") ? "good" : cli_json_string(row, "failure");
    const char *ms = arena_printf(&c->arena, "%" JSON_INTEGER_FORMAT, cli_json_number(row, "ms"));
    json_object_set(line, "name", json_object_get(row, "name"));
    json_object_set(line, "mirror", json_object_get(row, "mirror"));
    json_object_set(line, "address", json_object_get(row, "address"));
    json_object_set_new(line, "result", json_string(result));
    json_object_set(line, "HTTP", json_object_get(row, "status"));
    json_object_set(line, "alpn", json_object_get(row, "alpn"));
    json_object_set(line, "certificate ends", json_object_get(row, "certificate_ends"));
    json_object_set_new(line, "ms", json_string(ms ? ms : ""));
    json_object_set(line, "what", json_object_get(row, "failure_text"));
    return line;
}

static int tell(const struct run *r)
{
    json_t *rows = json_array(), *lines = json_array(), *row;
    size_t i;
    for (i = 0; i < r->plan.count; i++)
        json_array_append_new(rows, job_json(r->c, &r->plan.job[i]));
    int status = CLI_OK;
    if (r->o->json)
        status = cli_json(
            json_pack("{s:b, s:i, s:O}", "good", r->failed == 0, "failed", (int)r->failed, "probes", rows));
    else {
        json_array_foreach(rows, i, row) json_array_append_new(lines, shown(r->c, row));
        table_print(r->c, lines);
    }
    json_decref(rows);
    json_decref(lines);
    return status == CLI_OK && r->failed == 0 ? CLI_OK : CLI_FAILED;
}

/* The CAs are read here once more only to say what is wrong with the file. */
static bool check_ca(const char *file)
{
    char error[512];
    struct ca *ca = file ? ca_new(file, error, sizeof error) : NULL;
    if (file && !ca)
        return cli_fail("%s", error), false;
    ca_free(&ca);
    return true;
}

static int probe_all(struct run *r)
{
    struct fetcher_options how = {.ca_file = r->ca_file};
    if (!check_ca(how.ca_file))
        return CLI_FAILED;
    struct ev_loop *loop = ev_loop_new(EVFLAG_NOENV | EVBACKEND_EPOLL);
    r->fetcher = loop ? fetcher_new(loop, &how) : NULL;
    if (r->fetcher) {
        start_next(r);
        while (r->ended < r->plan.count)
            ev_run(loop, EVRUN_ONCE);
    }
    int status = r->fetcher ? tell(r) : cli_fail("no probe can be made: out of memory, or no event loop");
    fetcher_free(&r->fetcher);
    if (loop)
        ev_loop_destroy(loop);
    return status;
}

/* As the daemon's prober, but for what is given. */
static void settle(struct run *r, const struct conf *conf)
{
    r->ca_file = r->o->ca_file ? r->o->ca_file : conf ? conf->steering.probe.ca_file : NULL;
    r->timeout = r->o->timeout ? (uint32_t)r->o->timeout * 1000
                 : conf        ? (uint32_t)conf->steering.probe.timeout
                               : TIMEOUT;
}

static int run(struct cli *c, const void *given)
{
    const struct options *o = given;
    struct run r = {.c = c, .o = o};
    struct daemon d = {0};
    int status = CLI_FAILED;
    if (o->timeout > TIMEOUT_MAX)
        return cli_usage(c, "--timeout is 1 to %d seconds", TIMEOUT_MAX);
    struct probe_wish wish = {.words = &c->words, .address = o->address, .all_names = o->all_names};
    if (probe_plan_check(c, &wish) && daemon_load(c, &o->daemon, &d) &&
        probe_plan_make(c, &d, &wish, &r.plan)) {
        settle(&r, d.conf);
        status = probe_all(&r);
    }
    daemon_close(&d);
    return status;
}

const struct cli_command command_probe = {
    .name = "probe",
    .words = "DOMAIN|ADDRESS…",
    .summary = "Probe mirrors once, as a daemon's prober does, and say what was found",
    .options = options,
    .size = sizeof(struct options),
    .least = 1,
    .most = CLI_WORDS_MAX,
    .run = run,
};
