/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The steps of a decision as a tree: see why.h. */
#include <stdlib.h>

#include "data/dns/present.h"
#include "steering/cli/sites.h"
#include "steering/cli/why.h"
#include "steering/cli/why_lists.h"

enum { BLOCK_SIZE = 4096 };

/* The answer's records of one type as lines; NULL without memory. */
static json_t *records(const struct why *q, uint16_t type)
{
    uint8_t message[DNS_HEADER + DNS_QUESTION_MAX + 16], block[BLOCK_SIZE],
        reply[BLOCK_SIZE + ANSWER_OPT_MAX];
    char line[4 * PRESENT_RDATA_MAX + 2 * DNS_NAME_TEXT_MAX];
    struct writer w = writer_of(message, sizeof message);
    struct dns_query query;
    struct answer a;
    struct msg_iter it;
    struct dns_rr rr;
    json_t *lines = json_array();
    query_write(&w, 0, DNS_RD, &q->name, type, 0, false);
    if (query_parse(writer_done(&w), &query) != REASON_OK)
        return lines;
    size_t n = steer_answer(&q->decision, &query, q->now, block, sizeof block);
    if (!n || !answer_open(bytes_of(block, n), true, &a))
        return lines;
    n = answer_render(&a, &query, (uint32_t)q->now, NULL, reply, sizeof reply);
    for (bool more = n && msg_iter_init(&it, bytes_of(reply, n)); more && msg_next(&it, &rr);) {
        struct writer text = writer_of(line, sizeof line);
        present_rr(&text, bytes_of(reply, n), &rr);
        while (!text.full && text.len && line[text.len - 1] == '\n')
            text.len--;
        if (rr.section == DNS_ANSWER)
            json_array_append_new(lines, json_stringn(line, text.full ? 0 : text.len));
    }
    return lines;
}

static bool is_steered(const struct why *q)
{
    return q->decision.outcome == STEER_MIRRORS || q->decision.outcome == STEER_NODATA;
}

/* null: the truth, from upstream. An empty array: no such record. */
static json_t *answer_json(const struct why *q)
{
    static const uint16_t types[] = {DNS_A, DNS_AAAA, DNS_HTTPS};
    json_t *all = json_object();
    if (!is_steered(q))
        return json_decref(all), json_null();
    for (int i = 0; i < 3; i++) {
        char name[16];
        dns_type_format(types[i], name);
        if (!q->one_type || types[i] == q->type)
            json_object_set_new(all, name, records(q, types[i]));
    }
    return all;
}

static json_t *policy_json(const struct view_site *s)
{
    static const char *const all_down[] = {"origin", "mirrors", "nodata"};
    struct bytes path = view_site_path(s), marker = view_site_contains(s);
    return json_pack("{s:i, s:i, s:s, s:s%, s:o}", "answers", s->answers, "ttl", (int)s->ttl, "all_down",
                     s->all_down < 3 ? all_down[s->all_down] : "origin", "probe_path",
                     (const char *)path.data, path.len, "probe_contains",
                     marker.len ? json_stringn((const char *)marker.data, marker.len) : json_null());
}

static json_t *registration_json(const struct why *q)
{
    const struct view_site *s = q->site;
    return json_pack("{s:s, s:I, s:o, s:b, s:o, s:o}", "domain", sites_name(q->c, &s->domain), "seq",
                     (json_int_t)s->seq, "expires", cli_json_time(s->expires), "expired",
                     q->now >= s->expires, "names", sites_names_json(q->c, q->daemon.view, s), "policy",
                     policy_json(s));
}

/* What stands in for a registration where a policy zone answers; the rule itself is told among the lists. */
static json_t *rule_json(const struct why *q)
{
    const struct view_list *l = view_site_list(q->site);
    return json_pack("{s:s, s:s, s:I, s:s, s:o}", "domain", sites_name(q->c, &q->site->domain), "policy_zone",
                     l->name, "serial", (json_int_t)l->version, "trust", sites_trust(l), "policy",
                     policy_json(q->site));
}

static json_t *scope_json(const struct why *q, const struct steer_case *k)
{
    return json_pack("{s:o, s:b, s:b, s:b}", "blocked", sites_blocked_json(q->site), "inside", k->inside,
                     "dns_only", k->dns_only, "needs_ech", k->needs_ech);
}

struct ranked {
    const struct view_mirror *mirror;
    double score;
};

/* Best first; of equal ones the first registered, as pick_offer has it. */
static int by_score(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->score != y->score)
        return x->score < y->score ? 1 : -1;
    return x->mirror < y->mirror ? -1 : x->mirror > y->mirror;
}

/* Was it picked, and as which? 0: no. */
static int picked_as(const struct steer_decision *d, const struct view_mirror *m)
{
    for (unsigned i = 0; i < d->mirror_count; i++)
        if (d->mirror[i] == m)
            return (int)i + 1;
    return 0;
}

/* Where the truth is the answer whatever the mirrors are, nobody counts scores. */
static json_t *mirrors_json(const struct why *q, const struct steer_case *k)
{
    unsigned count = q->site->mirror_count;
    const struct view_mirror *m = view_site_mirrors(q->site);
    struct ranked rank[VIEW_SITE_MIRRORS_MAX];
    bool scored = k->truth == STEER_WHY_NONE;
    json_t *rows = json_array();
    for (unsigned i = 0; i < count && i < VIEW_SITE_MIRRORS_MAX; i++)
        rank[i] = (struct ranked){&m[i], scored ? steer_score(k, &m[i]) : 0};
    qsort(rank, count, sizeof *rank, by_score);
    for (unsigned i = 0; i < count; i++) {
        json_t *row = sites_mirror_json(k, rank[i].mirror);
        json_object_set_new(row, "place", scored ? json_integer(i + 1) : json_null());
        json_object_set_new(row, "score", scored ? json_real(rank[i].score) : json_null());
        json_object_set_new(row, "picked", json_integer(picked_as(&q->decision, rank[i].mirror)));
        json_object_set_new(row, "good_before",
                            json_boolean(steer_mirror_good(k, STEER_BEFORE, rank[i].mirror)));
        json_object_set_new(row, "good_ever", json_boolean(steer_mirror_good(k, STEER_EVER, rank[i].mirror)));
        json_array_append_new(rows, row);
    }
    return rows;
}

/* What the steps are about a site that has the name. */
static void add_site(const struct why *q, json_t *tree)
{
    struct steer_case k;
    steer_case_init(&k, q->site, q->daemon.health, &q->client, q->day_secret, q->now);
    bool is_signed = view_site_signed(q->site);
    json_object_set_new(tree, is_signed ? "registration" : "rule",
                        is_signed ? registration_json(q) : rule_json(q));
    json_object_set_new(tree, "scope", scope_json(q, &k));
    json_object_set_new(tree, "health", sites_health_json(&k));
    json_object_set_new(tree, "mirrors", mirrors_json(q, &k));
}

static json_t *client_json(const struct why *q)
{
    char network[IP_NET_TEXT_MAX];
    ip_net_format(&q->network, network);
    return json_pack("{s:s?, s:s?, s:s?}", "network", q->client.ip.len ? network : NULL, "country",
                     q->client.country[0] ? q->client.country : NULL, "country_by",
                     !q->client.country[0] ? NULL
                     : q->by_geoip         ? "geoip"
                                           : "option");
}

/* Which of the three bounds the TTL is. */
static const char *ttl_by(const struct why *q)
{
    uint32_t policy = q->site->ttl;
    if (q->decision.ttl < policy && q->decision.ttl < STEER_TTL_MAX)
        return "health";
    return policy > STEER_TTL_MAX ? "limit" : "policy";
}

static const char *dnssec_name(const struct conf *conf)
{
    return !conf ? NULL : conf->steering.dnssec == CONF_HONOUR ? "honour" : "override";
}

/* The decision itself: what the steps come to. */
static void add_decision(const struct why *q, json_t *tree)
{
    static const char *const outcomes[] = {"not-ours", "truth", "mirrors", "nodata"}; /* enum steer_outcome */
    const struct steer_word *why = steer_why_word(q->decision.why);
    bool steered = is_steered(q);
    json_t *decision = json_pack(
        "{s:s, s:s, s:s, s:o, s:s?, s:o, s:s?}", "outcome", outcomes[q->decision.outcome], "why", why->name,
        "text", why->text, "ttl", steered ? json_integer(q->decision.ttl) : json_null(), "ttl_by",
        steered ? ttl_by(q) : NULL, "answer", answer_json(q), "dnssec", dnssec_name(q->daemon.conf));
    json_object_update(tree, decision);
    json_decref(decision);
}

json_t *why_tree(const struct why *q)
{
    char type[16];
    dns_type_format(q->type, type);
    json_t *tree = json_pack(
        "{s:s, s:s?, s:o, s:o, s:o, s:n, s:n, s:n, s:n, s:n}", "name", sites_name(q->c, &q->name), "type",
        q->one_type ? type : NULL, "now", cli_json_time(q->now), "client", client_json(q), "lists",
        why_lists(q->c, &q->daemon, &q->name, q->now), "registration", "rule", "scope", "health", "mirrors");
    if (tree && q->site)
        add_site(q, tree);
    if (tree)
        add_decision(q, tree);
    return tree;
}
