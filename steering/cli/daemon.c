/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading a daemon's folder: see daemon.h. */
#include "steering/cli/daemon.h"

static bool unreadable(const struct daemon *d, enum store_result result)
{
    cli_fail("cannot read steering.mdb in %s: %s; has the daemon run, and may you read it?", d->state_dir,
             result == STORE_NOT_FOUND ? "nothing in it yet" : store_error(d->store));
    return false;
}

bool daemon_open(struct cli *c, const struct daemon_from *from, struct daemon *out)
{
    char error[512];
    *out = (struct daemon){.state_dir = from->state_dir};
    if (!from->config == !from->state_dir)
        return cli_usage(c, "of which daemon? give -c FILE, its config, or --state-dir DIR"), false;
    if (from->config && !(out->conf = conf_load(from->config, error, sizeof error)))
        return cli_fail("%s", error), false;
    if (out->conf && !conf_steers(out->conf))
        return cli_fail("%s names no list to steer by; add one to steering.lists", from->config), false;
    if (out->conf)
        out->state_dir = out->conf->state_dir;
    enum store_result result = state_open(out->state_dir, true, &out->store);
    return result == STORE_OK || unreadable(out, result);
}

bool daemon_load(struct cli *c, const struct daemon_from *from, struct daemon *out)
{
    if (!daemon_open(c, from, out))
        return false;
    enum store_result result = state_load_snapshot(out->store, &out->view, &out->health);
    return result == STORE_OK || unreadable(out, result);
}

void daemon_close(struct daemon *d)
{
    health_free(&d->health);
    view_free(&d->view);
    store_close(&d->store);
    conf_free(&d->conf);
}
