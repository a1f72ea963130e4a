/* SPDX-License-Identifier: GPL-3.0-or-later */
/* EDNS(0): see edns.h. The length is settled first, so writing is one reservation and no test per field. */
#include "data/dns/edns.h"

#include "data/dns/msg.h"

enum { OPTION_HEAD = 4, DO_BIT = 0x8000 };

bool edns_next(struct bytes *rest, struct edns_option *out)
{
    if (rest->len < OPTION_HEAD)
        return false;
    size_t len = get_u16(rest->data + 2);
    if (rest->len - OPTION_HEAD < len)
        return false;
    out->code = get_u16(rest->data);
    out->data = bytes_of(rest->data + OPTION_HEAD, len);
    *rest = bytes_of(rest->data + OPTION_HEAD + len, rest->len - OPTION_HEAD - len);
    return true;
}

bool edns_read(uint16_t class, uint32_t ttl, struct bytes rdata, struct dns_edns *out)
{
    *out = (struct dns_edns){
        .present = true, .dnssec_ok = ttl & DO_BIT, .version = (uint8_t)(ttl >> 16), .udp_size = class};
    struct edns_option option;
    while (edns_next(&rdata, &option)) {
        out->padded |= option.code == EDNS_PADDING;
        out->keepalive |= option.code == EDNS_KEEPALIVE;
    }
    return rdata.len == 0;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Padding bytes that bring `len` (padding option's head counted) to the next multiple, as far as there is
 * room. */
static size_t padding_for(size_t len, size_t block)
{
    return least((block - len % block) % block, DNS_MSG_MAX - len);
}

static uint8_t *put_option(uint8_t *at, uint16_t code, size_t len)
{
    put_u16(at, code);
    put_u16(at + 2, (uint16_t)len);
    return at + OPTION_HEAD;
}

void edns_write(struct writer *w, const struct edns_reply *e)
{
    size_t len = w->len + EDNS_OPT_FIXED;
    size_t text = least(e->text.len, EDNS_TEXT_MAX);
    bool ede = e->ede >= 0 && len + OPTION_HEAD + 2 + text <= DNS_MSG_MAX;
    if (ede)
        len += OPTION_HEAD + 2 + text;
    bool keepalive = e->keepalive && len + OPTION_HEAD + 2 <= DNS_MSG_MAX;
    if (keepalive)
        len += OPTION_HEAD + 2;
    bool padded = e->block && len + OPTION_HEAD <= DNS_MSG_MAX;
    size_t padding = padded ? padding_for(len + OPTION_HEAD, e->block) : 0;
    if (padded)
        len += OPTION_HEAD + padding;
    size_t start = w->len;
    uint8_t *at = len <= DNS_MSG_MAX ? writer_reserve(w, len - start) : NULL;
    if (!at) {
        w->full = true;
        return;
    }
    at[0] = 0;
    put_u16(at + 1, DNS_OPT);
    put_u16(at + 3, e->udp_size);
    put_u32(at + 5, (uint32_t)(e->rcode >> 4) << 24 | (e->dnssec_ok ? DO_BIT : 0));
    put_u16(at + 9, (uint16_t)(len - start - EDNS_OPT_FIXED));
    at += EDNS_OPT_FIXED;
    if (ede) {
        at = put_option(at, EDNS_EDE, 2 + text);
        put_u16(at, (uint16_t)e->ede);
        if (text)
            memcpy(at + 2, e->text.data, text);
        at += 2 + text;
    }
    if (keepalive) {
        at = put_option(at, EDNS_KEEPALIVE, 2);
        put_u16(at, e->idle);
        at += 2;
    }
    if (padded)
        memset(put_option(at, EDNS_PADDING, padding), 0, padding);
}

const char *edns_ede_name(uint16_t code)
{
    static const char *const names[] = {
        [0] = "Other Error",
        [1] = "Unsupported DNSKEY Algorithm",
        [2] = "Unsupported DS Digest Type",
        [3] = "Stale Answer",
        [4] = "Forged Answer",
        [5] = "DNSSEC Indeterminate",
        [6] = "DNSSEC Bogus",
        [7] = "Signature Expired",
        [8] = "Signature Not Yet Valid",
        [9] = "DNSKEY Missing",
        [10] = "RRSIGs Missing",
        [11] = "No Zone Key Bit Set",
        [12] = "NSEC Missing",
        [13] = "Cached Error",
        [14] = "Not Ready",
        [15] = "Blocked",
        [16] = "Censored",
        [17] = "Filtered",
        [18] = "Prohibited",
        [19] = "Stale NXDOMAIN Answer",
        [20] = "Not Authoritative",
        [21] = "Not Supported",
        [22] = "No Reachable Authority",
        [23] = "Network Error",
        [24] = "Invalid Data",
        [25] = "Signature Expired before Valid",
        [26] = "Too Early",
        [27] = "Unsupported NSEC3 Iterations Value",
        [28] = "Unable to conform to policy",
        [29] = "Synthesized",
        [30] = "Invalid Query Type",
    };
    return code < sizeof names / sizeof *names ? names[code] : "";
}
