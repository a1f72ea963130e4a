/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Trust anchors followed: see keeper.h. The zones are asked for one after the other; then the file is written
 * if anything changed, whole and atomically, and all rests until the first zone is to be asked again. */
#include "resolver/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/base/clock.h"
#include "data/base/log.h"
#include "data/dns/answer.h"
#include "resolver/upstream.h"
#include "resolver/validator/rollover.h"
#include "steering/state.h"

enum { PATH_LEN = 4096 };

struct keeper {
    struct ev_loop *loop;
    const struct conf *conf;
    struct anchors *configured;
    struct upstream *upstream;
    struct upstream_lookup *lookup;
    struct ev_timer timer;
    unsigned at; /* the next zone's place among the anchors */
    struct dns_name zone;
    uint32_t rest; /* seconds until the next round */
    bool changed;
    struct rollover rollover;
    struct bench bench;
    uint8_t block[ANSWER_BLOCK_MAX];
    char text[ROLLOVER_TEXT_MAX];
};

bool keeper_wanted(const struct conf *conf)
{
    return conf->dnssec.mode != CONF_VALIDATION_OFF && conf->dnssec.follow;
}

void keeper_path(const struct conf *conf, char *out, size_t cap)
{
    char folder[PATH_LEN] = "";
    (void)state_folder(conf->state_dir, folder, sizeof folder);
    snprintf(out, cap, "%s/trust-anchors", folder);
}

/* The file */

static size_t read_file(const char *path, char *out, size_t cap)
{
    FILE *f = fopen(path, "re");
    size_t n = f ? fread(out, 1, cap, f) : 0;
    if (f)
        fclose(f);
    return n;
}

static void read_kept(struct rollover *r, const struct anchors *configured, const struct conf *conf,
                      char text[ROLLOVER_TEXT_MAX])
{
    char path[PATH_LEN];
    keeper_path(conf, path, sizeof path);
    size_t n = read_file(path, text, ROLLOVER_TEXT_MAX);
    if (n && !rollover_read(r, configured, bytes_of(text, n)))
        log_warn("dnssec.anchors.anew", "text=\"%s is not whole, or belongs to other anchors\"", path);
    else if (!n)
        rollover_init(r, configured);
}

static bool write_synced(const char *path, struct bytes text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0)
        return false;
    bool ok = write(fd, text.data, text.len) == (ssize_t)text.len && fsync(fd) == 0;
    return close(fd) == 0 && ok;
}

static void sync_folder_of(const char *path)
{
    char folder[PATH_LEN];
    snprintf(folder, sizeof folder, "%.*s", (int)(strrchr(path, '/') - path), path);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return;
    (void)fsync(fd);
    close(fd);
}

static void write_kept(struct keeper *k)
{
    char path[PATH_LEN], fresh[PATH_LEN + 8];
    size_t n = rollover_write(&k->rollover, k->text, sizeof k->text);
    keeper_path(k->conf, path, sizeof path);
    snprintf(fresh, sizeof fresh, "%s.new", path);
    if (n && write_synced(fresh, bytes_of(k->text, n)) && rename(fresh, path) == 0) {
        sync_folder_of(path);
        k->changed = false;
    } else {
        log_error("dnssec.anchors.unwritten", "file=%s why=\"%s\"", path, strerror(errno));
    }
}

struct anchors *keeper_anchors(const struct conf *conf, char *error, size_t cap)
{
    struct anchors *a =
        anchors_load(conf->dnssec.anchors, conf->dnssec.negative, conf->dnssec.negative_count, error, cap);
    if (!a || !keeper_wanted(conf))
        return a;
    struct rollover *r = malloc(sizeof *r);
    char *text = malloc(ROLLOVER_TEXT_MAX);
    bool ok = r && text;
    if (ok) {
        read_kept(r, a, conf, text);
        ok = rollover_apply(r, a);
    }
    if (!ok) {
        snprintf(error, cap, "out of memory");
        anchors_free(&a);
    }
    free(text);
    free(r);
    return a;
}

/* Rounds */

static void ask_next(struct keeper *k);

static void log_news(const struct keeper *k, const struct rollover_news *news)
{
    char zone[DNS_NAME_TEXT_MAX];
    name_to_text(&k->zone, zone);
    for (unsigned i = 0; i < news->count; i++)
        log_warn("dnssec.anchor.key", "zone=%s tag=%u now=%s", zone, news->event[i].tag, news->event[i].what);
    if (!news->trusted)
        log_warn("dnssec.anchor.untrusted", "zone=%s text=\"no trusted key signs its keys\"", zone);
}

static void take_reply(struct keeper *k, struct bytes reply)
{
    static const struct answer_limits limits = {UINT32_MAX, 0, UINT32_MAX};
    struct dns_query q = {.type = DNS_DNSKEY, .class = DNS_CLASS_IN, .name = k->zone};
    struct rollover_news news;
    struct answer a;
    int64_t now = clock_wall_ms() / 1000;
    q.edns = (struct dns_edns){.present = true, .dnssec_ok = true};
    size_t n = answer_build(&q, reply, (uint32_t)now, &limits, k->block);
    if (!n || !answer_open(bytes_of(k->block, n), false, &a) || !rrsets_read(&k->bench.sets, a.wire))
        return;
    rollover_update(&k->rollover, k->configured, &k->zone, &k->bench, now, &news);
    log_news(k, &news);
    k->changed |= news.changed;
    if (news.ask_again < k->rest)
        k->rest = news.ask_again;
}

static void on_reply(void *self, enum reason why, struct bytes reply)
{
    struct keeper *k = self;
    k->lookup = NULL;
    if (why == REASON_OK)
        take_reply(k, reply);
    else
        k->rest = ROLLOVER_ASK_MIN;
    ask_next(k);
}

static void end_round(struct keeper *k)
{
    if (k->changed)
        write_kept(k);
    ev_timer_set(&k->timer, k->changed ? ROLLOVER_ASK_MIN : k->rest, 0.);
    ev_timer_start(k->loop, &k->timer);
}

/* Whether an anchor before this one is of the same zone. */
static bool asked_before(const struct keeper *k, unsigned at)
{
    for (unsigned i = 0; i < at; i++)
        if (name_equal(&anchors_get(k->configured, i)->name, &anchors_get(k->configured, at)->name))
            return true;
    return false;
}

static void ask_next(struct keeper *k)
{
    const struct anchor *a;
    while ((a = anchors_get(k->configured, k->at)) && asked_before(k, k->at))
        k->at++;
    if (!a) {
        end_round(k);
        return;
    }
    k->at++;
    k->zone = a->name;
    struct dns_query q = {
        .flags = DNS_RD | DNS_CD, .type = DNS_DNSKEY, .class = DNS_CLASS_IN, .name = k->zone};
    q.edns = (struct dns_edns){.present = true, .dnssec_ok = true};
    k->lookup = upstream_ask(k->upstream, &q, NULL, on_reply, k);
    if (!k->lookup) {
        k->rest = ROLLOVER_ASK_MIN;
        end_round(k);
    }
}

static void on_timer(struct ev_loop *loop, struct ev_timer *timer, int events)
{
    (void)loop, (void)events;
    struct keeper *k = timer->data;
    k->at = 0;
    k->rest = ROLLOVER_ASK_MAX;
    ask_next(k);
}

struct keeper *keeper_new(struct ev_loop *loop, const struct conf *conf, const struct peers *peers)
{
    char error[512] = "out of memory";
    struct keeper *k = calloc(1, sizeof *k);
    if (k) {
        k->loop = loop;
        k->conf = conf;
        ev_timer_init(&k->timer, on_timer, 0., 0.);
        k->timer.data = k;
        k->configured = anchors_load(conf->dnssec.anchors, NULL, 0, error, sizeof error);
        k->upstream = upstream_new(loop, conf, peers);
    }
    if (!k || !k->configured || !k->upstream || !crypto_init(&k->bench.verifier.crypto)) {
        log_error("dnssec.anchors", "why=\"%s\"", error);
        keeper_free(&k);
        return NULL;
    }
    read_kept(&k->rollover, k->configured, conf, k->text);
    ev_timer_start(loop, &k->timer);
    return k;
}

void keeper_free(struct keeper **keeper)
{
    struct keeper *k = *keeper;
    *keeper = NULL;
    if (!k)
        return;
    ev_timer_stop(k->loop, &k->timer);
    upstream_cancel(&k->lookup);
    upstream_free(&k->upstream);
    anchors_free(&k->configured);
    crypto_fini(&k->bench.verifier.crypto);
    free(k);
}
