/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya query`: asks a resolver over DoH (RFC 8484), shows its answer, and says whether and why it was
 * steered. */
#include <inttypes.h>
#include <stdio.h>

#include "data/base/text.h"
#include "data/dns/edns.h"
#include "data/dns/msg.h"
#include "data/dns/present.h"
#include "steering/cli/http.h"
#include "steering/cli/json.h"

enum { UDP_SIZE = 4096, EDES_MAX = 8, TEXT_MAX = 1 << 20 };
#define SERVER "https://localhost:8443/dns-query"

struct options {
    const char *server, *cacert;
    bool get, dnssec, cd, raw, json;
};

static const struct cli_option options[] = {
    CLI_OPTION("server", 's', CLI_TEXT, options, server, "URL", "default " SERVER),
    CLI_OPTION("cacert", 0, CLI_TEXT, options, cacert, "FILE",
               "PEM file of the CA to trust instead of the system's"),
    CLI_OPTION("get", 0, CLI_FLAG, options, get, NULL, "ask by GET instead of POST"),
    CLI_OPTION("do", 0, CLI_FLAG, options, dnssec, NULL, "ask for DNSSEC records (DO)"),
    CLI_OPTION("cd", 0, CLI_FLAG, options, cd, NULL, "checking disabled (CD)"),
    CLI_OPTION("raw", 0, CLI_FLAG, options, raw, NULL, "the path that never steers: URL/raw"),
    CLI_JSON_OPTION(options),
    CLI_OPTIONS_END,
};

/* What the reply's OPT says beyond the records. */
struct verdict {
    struct {
        uint16_t code;
        struct bytes text;
    } ede[EDES_MAX];
    unsigned ede_count;
    bool steered;
    struct bytes by; /* "list demo version 7" */
};

static void read_option(const struct edns_option *o, struct verdict *v)
{
    if (o->code != EDNS_EDE || o->data.len < 2 || v->ede_count == EDES_MAX)
        return;
    uint16_t code = get_u16(o->data.data);
    struct bytes text = bytes_of(o->data.data + 2, o->data.len - 2);
    v->ede[v->ede_count].code = code;
    v->ede[v->ede_count++].text = text;
    /* Forged Answer and Filtered are what steering says of itself; others forge, too, but name no list. */
    if ((code == 4 || code == 17) && bytes_starts_with(text, BYTES_LIT("list "))) {
        v->steered = true;
        v->by = text;
    }
}

static bool read_verdict(struct bytes reply, struct verdict *v)
{
    struct msg_iter it;
    struct dns_rr rr;
    *v = (struct verdict){0};
    if (!msg_iter_init(&it, reply))
        return false;
    while (msg_next(&it, &rr)) {
        struct bytes rest = rr.type == DNS_OPT ? rr.rdata : BYTES_NONE;
        struct edns_option o;
        while (edns_next(&rest, &o))
            read_option(&o, v);
    }
    return !it.malformed;
}

/* Text from the network, fit for a terminal. */
static const char *printable(struct cli *c, struct bytes b)
{
    char *text = arena_text(&c->arena, b);
    for (char *p = text; p && *p; p++)
        if (*p < ' ' || *p > '~')
            *p = '?';
    return text ? text : "";
}

static const char *explain(struct cli *c, const struct verdict *v, const struct options *o)
{
    if (v->steered)
        return arena_printf(&c->arena, "steered by %s", printable(c, v->by));
    return o->raw ? "not steered: the raw path never steers"
                  : "not steered: the name is on no list, or the truth is the answer; this is what upstream "
                    "said";
}

static unsigned reply_rcode(struct bytes reply)
{
    return get_u16(reply.data + 2) & DNS_RCODE;
}

static int print_text(struct cli *c, const struct cli_told *told, const struct verdict *v,
                      const struct options *o)
{
    char *text = arena_alloc(&c->arena, TEXT_MAX);
    struct writer w = writer_of(text, text ? TEXT_MAX : 0);
    present_message(&w, told->body);
    fwrite(w.data, 1, w.full ? 0 : w.len, stdout);
    printf(";; %s\n;; %s, %zu bytes, %.1f ms\n", explain(c, v, o), told->version, told->body.len, told->ms);
    return CLI_OK;
}

static void add_record(struct bytes message, const struct dns_rr *rr, json_t *sections[3])
{
    char line[4 * PRESENT_RDATA_MAX + 2 * DNS_NAME_TEXT_MAX];
    struct writer w = writer_of(line, sizeof line);
    present_rr(&w, message, rr);
    while (!w.full && w.len && line[w.len - 1] == '\n')
        w.len--;
    json_array_append_new(sections[rr->section], json_stringn(line, w.full ? 0 : w.len));
}

static json_t *ede_json(struct cli *c, const struct verdict *v)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < v->ede_count; i++)
        json_array_append_new(list,
                              json_pack("{s:i, s:s, s:s}", "code", v->ede[i].code, "name",
                                        edns_ede_name(v->ede[i].code), "text", printable(c, v->ede[i].text)));
    return list;
}

static int print_json(struct cli *c, const struct cli_told *told, const struct verdict *v,
                      const struct options *o)
{
    json_t *sections[3] = {json_array(), json_array(), json_array()};
    struct msg_iter it;
    struct dns_rr rr;
    char rcode[16];
    dns_rcode_format(reply_rcode(told->body), rcode);
    for (bool more = msg_iter_init(&it, told->body); more && msg_next(&it, &rr);)
        if (rr.type != DNS_OPT)
            add_record(told->body, &rr, sections);
    return cli_json(json_pack("{s:s, s:b, s:s, s:o, s:o, s:o, s:o, s:s, s:f}", "rcode", rcode, "steered",
                              v->steered, "why", explain(c, v, o), "answer", sections[0], "authority",
                              sections[1], "additional", sections[2], "ede", ede_json(c, v), "protocol",
                              told->version, "ms", told->ms));
}

static const char *url_of(struct cli *c, const struct options *o, struct bytes message)
{
    const char *server = o->server ? o->server : SERVER;
    size_t path = strcspn(server, "?");
    if (path != strlen(server) || strncmp(server, "http", 4) != 0)
        return cli_usage(c, "--server wants a URL like " SERVER ", not '%s'", server), NULL;
    const char *raw = o->raw ? "/raw" : "";
    if (!o->get)
        return arena_printf(&c->arena, "%s%s", server, raw);
    char *text = arena_alloc(&c->arena, base64_len(message.len) + 1);
    if (!text)
        return NULL;
    base64url_encode(message, text);
    return arena_printf(&c->arena, "%s%s?dns=%s", server, raw, text);
}

static bool parse_question(struct cli *c, struct dns_name *name, uint16_t *type)
{
    const char *type_text = c->words.count > 1 ? c->words.item[1] : "A";
    if (!name_from_text(bytes_str(c->words.item[0]), name))
        return cli_usage(c, "'%s' is not a domain name", c->words.item[0]), false;
    if (!dns_type_parse(bytes_str(type_text), type))
        return cli_usage(c, "'%s' is not a type: A, AAAA, HTTPS, MX, TYPE65…", type_text), false;
    return true;
}

/* True if the body is a DNS message that answers what was asked. */
static bool answers(const struct cli_told *told, struct bytes asked)
{
    if (told->body.len < DNS_HEADER || !(get_u16(told->body.data + 2) & DNS_QR))
        return false;
    size_t at = DNS_HEADER, end = DNS_HEADER;
    struct dns_name a, b;
    return name_read(told->body, &at, &a) && name_read(asked, &end, &b) && name_equal(&a, &b) &&
           told->body.len >= at + 4 && memcmp(told->body.data + at, asked.data + end, 4) == 0;
}

static int show(struct cli *c, const struct options *o, const struct cli_told *told, struct bytes asked)
{
    struct verdict v;
    if (told->status != 200)
        return cli_fail("the server says HTTP %ld: %s; is the path right?", told->status,
                        printable(c, bytes_of(told->body.data, told->body.len < 200 ? told->body.len : 200)));
    if (!answers(told, asked))
        return cli_fail("the answer is not a DNS message that answers the question; is this a DoH server?");
    bool whole = read_verdict(told->body, &v);
    if ((o->json ? print_json : print_text)(c, told, &v, o) != CLI_OK)
        return CLI_FAILED;
    if (!whole)
        return cli_fail("the answer is malformed from some record on");
    unsigned rcode = reply_rcode(told->body);
    return rcode == DNS_NOERROR || rcode == DNS_NXDOMAIN ? CLI_OK : CLI_FAILED;
}

static int run(struct cli *c, const void *given)
{
    const struct options *o = given;
    struct dns_name name;
    uint16_t type;
    uint8_t message[DNS_HEADER + DNS_QUESTION_MAX + 64];
    struct writer w = writer_of(message, sizeof message);
    struct cli_told told;
    if (!parse_question(c, &name, &type))
        return CLI_FAILED;
    /* ID 0, so that caches of HTTP can share the answer (RFC 8484 4.1). */
    query_write(&w, 0, (uint16_t)(DNS_RD | (o->cd ? DNS_CD : 0)), &name, type, UDP_SIZE, o->dnssec);
    struct bytes asked = writer_done(&w);
    struct cli_ask ask = {.url = url_of(c, o, asked),
                          .cacert = o->cacert,
                          .content_type = "application/dns-message",
                          .accept = "application/dns-message",
                          .body = o->get ? BYTES_NONE : asked,
                          .timeout_ms = 5000};
    if (!ask.url || !cli_http(c, &ask, &told))
        return CLI_FAILED;
    return show(c, o, &told, asked);
}

const struct cli_command command_query = {
    .name = "query",
    .words = "NAME [TYPE]",
    .summary = "Ask a resolver over DoH, and learn whether the answer was steered",
    .options = options,
    .size = sizeof(struct options),
    .least = 1,
    .most = 2,
    .run = run,
};
