/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading forwarding headers from the right: see forwarded.h. */
#include "resolver/net/forwarded.h"

#include "resolver/net/http.h"

/* More trusted proxies in a row than any request passes: what is behind them is unknown. */
enum { HOPS_MAX = 16 };

bool proxies_trust(const struct proxies *p, const struct ip *ip)
{
    for (unsigned i = 0; p && i < p->trusted_count; i++)
        if (ip_within(ip, &p->trusted[i]))
            return true;
    return false;
}

void forwarded_init(struct forwarded *f, const struct proxies *proxies, bool believed)
{
    *f = (struct forwarded){.proxies = proxies, .believed = believed};
}

/* Address, or address and port; brackets around IPv6 where `strict` or where a port follows. */
static bool read_address(struct bytes text, bool strict, struct ip *out)
{
    union sock_addr a;
    if (!sock_addr_parse(text, 1, &a))
        return false;
    *out = sock_addr_ip(&a);
    bool brackets = text.data[0] == '[';
    return brackets ? a.sa.sa_family == AF_INET6 : !strict || a.sa.sa_family == AF_INET;
}

/* Elements of a Forwarded line */

static size_t token_len(struct bytes b)
{
    size_t n = 0;
    while (n < b.len && http_token_char(b.data[n]))
        n++;
    return n;
}

static void skip(struct bytes *b, size_t n)
{
    b->data += n;
    b->len -= n;
}

/* A quoted-string off the front of b (RFC 9110 5.6.4). What is escaped in it stays so: no address has that.
 */
static bool take_quoted(struct bytes *b, struct bytes *out)
{
    for (size_t i = 1; i < b->len; i++) {
        if (b->data[i] == '\\') {
            i++;
        } else if (b->data[i] == '"') {
            *out = bytes_of(b->data + 1, i - 1);
            skip(b, i + 1);
            return true;
        }
    }
    return false;
}

static bool take_value(struct bytes *b, struct bytes *out)
{
    if (b->len && b->data[0] == '"')
        return take_quoted(b, out);
    *out = bytes_of(b->data, token_len(*b));
    skip(b, out->len);
    return out->len > 0;
}

/* token "=" value off the front of b. */
static bool take_pair(struct bytes *b, struct bytes *name, struct bytes *value)
{
    *name = bytes_of(b->data, token_len(*b));
    skip(b, name->len);
    if (name->len == 0 || b->len == 0 || b->data[0] != '=')
        return false;
    skip(b, 1);
    return take_value(b, value);
}

/* The address of for= in [pair] *(";" [pair]) (RFC 7239 4); false if there is none or it is malformed. */
static bool read_element(struct bytes e, struct ip *out)
{
    struct bytes name, value, node = BYTES_NONE;
    while (e.len) {
        if (e.data[0] != ';') {
            if (!take_pair(&e, &name, &value) || (e.len && e.data[0] != ';'))
                return false;
            bool is_for = bytes_equal_nocase(name, BYTES_LIT("for"));
            if (is_for && node.data)
                return false;
            node = is_for ? value : node;
        }
        if (e.len)
            skip(&e, 1);
    }
    return node.data && read_address(node, true, out);
}

/* Lines */

static bool escaped(struct bytes b, size_t at)
{
    size_t n = 0;
    while (n < at && b.data[at - 1 - n] == '\\')
        n++;
    return n % 2;
}

/* Cuts the last element off the end of b: up to a comma that stands, seen from the right, in no
 * quoted-string. */
static struct bytes cut_last(struct bytes *b, bool quotes)
{
    bool inside = false;
    size_t at = b->len;
    for (; at > 0; at--) {
        uint8_t c = b->data[at - 1];
        if (quotes && c == '"' && !(inside && escaped(*b, at - 1)))
            inside = !inside;
        else if (c == ',' && !inside)
            break;
    }
    struct bytes last = bytes_of(b->data + at, b->len - at);
    b->len = at ? at - 1 : 0;
    return http_trim(last);
}

static bool read_one(const struct forwarded *f, struct bytes element, struct ip *out)
{
    return f->proxies->header == FORWARDED_RFC7239 ? read_element(element, out)
                                                   : read_address(element, false, out);
}

/* A line of trusted proxies alone leaves what earlier lines said. */
static void read_line(struct forwarded *f, struct bytes line)
{
    for (unsigned hops = 0; line.len;) {
        struct bytes element = cut_last(&line, f->proxies->header == FORWARDED_RFC7239);
        struct ip ip;
        if (element.len == 0)
            continue; /* RFC 9110 5.6.1.2 */
        bool known = read_one(f, element, &ip);
        if (known && proxies_trust(f->proxies, &ip) && ++hops <= HOPS_MAX)
            continue;
        f->client = known && hops <= HOPS_MAX ? ip : (struct ip){0};
        return;
    }
}

static struct bytes name_of(enum forwarded_header header)
{
    switch (header) {
    case FORWARDED_X_FORWARDED_FOR:
        return BYTES_LIT("x-forwarded-for");
    case FORWARDED_RFC7239:
        return BYTES_LIT("forwarded");
    default:
        return BYTES_NONE;
    }
}

void forwarded_field(struct forwarded *f, struct bytes name, struct bytes value)
{
    if (!f->proxies || name.len == 0 || !bytes_equal_nocase(name, name_of(f->proxies->header)))
        return;
    f->present = true;
    if (f->believed)
        read_line(f, value);
}
