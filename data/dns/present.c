/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Messages as text: see present.h. The only file here that calls ldns. */
#include "data/dns/present.h"

#include <stdlib.h>

#include <ldns/ldns.h>

#include "data/dns/edns.h"
#include "data/dns/rr.h"

enum { RR_FIXED = 10, RR_WKS = 11 };

static void put_text(struct writer *w, const char *text)
{
    writer_put(w, text, strlen(text));
}

static bool printable(const char *text)
{
    for (; *text; text++)
        if ((*text < ' ' || *text >= 0x7f) && *text != '\t' && *text != '\n')
            return false;
    return true;
}

static unsigned strings_in(struct bytes rdata)
{
    unsigned n = 0;
    for (size_t at = 0; at < rdata.len; at += rdata.data[at] + (size_t)1)
        n++;
    return n;
}

/* ldns takes a buffer of the whole RDLENGTH for each string of a TXT, and asks the system for the name of
 * every port of a WKS: these are not for it. */
static bool ldns_may_show(const struct dns_rr *rr)
{
    if (rr->rdata.len > PRESENT_RDATA_MAX || rr->type == RR_WKS)
        return false;
    return rr_layout(rr->type)[0] != 'S' || strings_in(rr->rdata) <= PRESENT_STRINGS_MAX;
}

/* The line that ldns makes of rr; NULL if it cannot. To be freed. */
static char *ldns_line(struct bytes message, const struct dns_rr *rr, const struct dns_name *owner)
{
    uint8_t wire[DNS_NAME_MAX + RR_FIXED + PRESENT_RDATA_MAX];
    struct writer w = writer_of(wire, sizeof wire);
    ldns_rr *parsed = NULL;
    size_t at = 0;
    writer_put(&w, owner->wire, owner->len);
    writer_u16(&w, rr->type);
    writer_u16(&w, rr->class);
    writer_u32(&w, rr->ttl);
    if (!rr_put_rdata(&w, NULL, message, rr) || w.full)
        return NULL;
    if (ldns_wire2rr(&parsed, wire, w.len, &at, LDNS_SECTION_ANSWER) != LDNS_STATUS_OK)
        return NULL;
    char *line = at == w.len ? ldns_rr2str(parsed) : NULL;
    ldns_rr_free(parsed);
    if (line && printable(line))
        return line;
    free(line);
    return NULL;
}

static void put_class(struct writer *w, uint16_t class)
{
    if (class == DNS_CLASS_IN)
        put_text(w, "IN");
    else
        writer_printf(w, "CLASS%u", class);
}

/* RFC 3597 5. */
static void put_unknown(struct writer *w, const struct dns_rr *rr, const struct dns_name *owner)
{
    char name[DNS_NAME_TEXT_MAX], type[16];
    name_to_text(owner, name);
    dns_type_format(rr->type, type);
    writer_printf(w, "%s%s\t%u\t", name, owner->len > 1 ? "." : "", rr->ttl);
    put_class(w, rr->class);
    writer_printf(w, "\t%s\t\\# %zu%s", type, rr->rdata.len, rr->rdata.len ? " " : "");
    for (size_t i = 0; i < rr->rdata.len; i++)
        writer_printf(w, "%02x", rr->rdata.data[i]);
    put_text(w, "\n");
}

void present_rr(struct writer *w, struct bytes message, const struct dns_rr *rr)
{
    struct dns_name owner;
    size_t at = rr->owner;
    if (!name_read(message, &at, &owner)) {
        put_text(w, ";; an owner name that is malformed\n");
        return;
    }
    char *line = ldns_may_show(rr) ? ldns_line(message, rr, &owner) : NULL;
    if (line)
        put_text(w, line);
    else
        put_unknown(w, rr, &owner);
    free(line);
}

static void put_header(struct writer *w, struct bytes message, const struct dns_rr *opt)
{
    static const struct {
        uint16_t bit;
        const char *name;
    } flags[] = {{DNS_QR, " qr"}, {DNS_AA, " aa"}, {DNS_TC, " tc"}, {DNS_RD, " rd"},
                 {DNS_RA, " ra"}, {DNS_AD, " ad"}, {DNS_CD, " cd"}};
    uint16_t bits = get_u16(message.data + 2);
    unsigned rcode = (bits & DNS_RCODE) | (opt ? opt->ttl >> 24 << 4 : 0);
    unsigned opcode = (bits & DNS_OPCODE) >> 11;
    char status[16];
    dns_rcode_format(rcode, status);
    put_text(w, ";; ->>HEADER<<- opcode: ");
    if (opcode == 0)
        put_text(w, "QUERY");
    else
        writer_printf(w, "OPCODE%u", opcode);
    writer_printf(w, "; status: %s; id: %u\n;; Flags:", status, get_u16(message.data));
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        put_text(w, bits & flags[i].bit ? flags[i].name : "");
    writer_printf(w, "; QUERY: %u; ANSWER: %u; AUTHORITY: %u; ADDITIONAL: %u\n", get_u16(message.data + 4),
                  get_u16(message.data + 6), get_u16(message.data + 8), get_u16(message.data + 10));
}

static void put_quoted(struct writer *w, struct bytes text)
{
    put_text(w, "'");
    for (size_t i = 0; i < text.len; i++)
        writer_u8(w, text.data[i] >= ' ' && text.data[i] < 0x7f ? text.data[i] : '?');
    put_text(w, "'");
}

static void put_option(struct writer *w, const struct edns_option *option)
{
    if (option->code == EDNS_PADDING) {
        writer_printf(w, ";; PADDING: %zu B\n", option->data.len);
    } else if (option->code == EDNS_EDE && option->data.len >= 2) {
        uint16_t code = get_u16(option->data.data);
        writer_printf(w, ";; EDE: %u (%s)", code, edns_ede_name(code));
        if (option->data.len > 2) {
            put_text(w, ": ");
            put_quoted(w, bytes_of(option->data.data + 2, option->data.len - 2));
        }
        put_text(w, "\n");
    } else {
        writer_printf(w, ";; OPTION %u: %zu B\n", option->code, option->data.len);
    }
}

static void put_opt(struct writer *w, const struct dns_rr *opt)
{
    struct dns_edns edns;
    struct edns_option option;
    struct bytes rest = opt->rdata;
    bool whole = edns_read(opt->class, opt->ttl, opt->rdata, &edns);
    writer_printf(w, "\n;; EDNS PSEUDOSECTION:\n;; Version: %u; flags:%s; UDP size: %u B\n", edns.version,
                  edns.dnssec_ok ? " do" : "", edns.udp_size);
    while (edns_next(&rest, &option))
        put_option(w, &option);
    if (!whole)
        put_text(w, ";; options that are malformed\n");
}

static void put_questions(struct writer *w, struct bytes message)
{
    size_t at = DNS_HEADER;
    struct dns_name name;
    char text[DNS_NAME_TEXT_MAX], type[16];
    put_text(w, "\n;; QUESTION SECTION:\n");
    for (unsigned left = get_u16(message.data + 4); left && name_read(message, &at, &name); left--) {
        if (message.len - at < 4)
            return;
        name_to_text(&name, text);
        dns_type_format(get_u16(message.data + at), type);
        writer_printf(w, ";; %s%s\t\t", text, name.len > 1 ? "." : "");
        put_class(w, get_u16(message.data + at + 2));
        writer_printf(w, "\t%s\n", type);
        at += 4;
    }
}

static void put_sections(struct writer *w, struct msg_iter *it)
{
    static const char *const titles[] = {"ANSWER", "AUTHORITY", "ADDITIONAL"};
    int shown = -1;
    struct dns_rr rr;
    while (!w->full && msg_next(it, &rr)) {
        if (rr.type == DNS_OPT)
            continue;
        if ((int)rr.section != shown)
            writer_printf(w, "\n;; %s SECTION:\n", titles[rr.section]);
        shown = (int)rr.section;
        present_rr(w, it->message, &rr);
    }
}

void present_message(struct writer *w, struct bytes message)
{
    struct msg_iter it;
    struct dns_rr opt;
    if (message.len < DNS_HEADER) {
        put_text(w, ";; not a DNS message\n");
        return;
    }
    bool has_opt = msg_find_opt(message, &opt);
    put_header(w, message, has_opt ? &opt : NULL);
    if (has_opt)
        put_opt(w, &opt);
    if (get_u16(message.data + 4))
        put_questions(w, message);
    if (msg_iter_init(&it, message))
        put_sections(w, &it);
    if (it.malformed)
        put_text(w, "\n;; malformed from here on\n");
}
