/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values that are addresses, networks or pins of keys (see value_kinds.h). */
#include "data/conf/value_kinds.h"

#include "data/base/text.h"

enum { PIN_TEXT_MAX = 45 };

static bool address_store(const char *text, uint16_t port, void *at)
{
    union sock_addr a;
    if (!sock_addr_parse(bytes_str(text), port, &a) || sock_addr_port(&a) == 0)
        return false;
    memcpy(at, &a, sizeof a);
    return true;
}

bool address_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)s, (void)env;
    return address_store(text, 0, at);
}

/* Which port is meant if none is given depends on the protocol; an explicit 0 is none. */
bool server_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    struct ip ip;
    union sock_addr a;
    if (address_parse(s, text, env, at))
        return true;
    if (!sock_addr_parse(bytes_str(text), 1, &a) || sock_addr_port(&a) == 0)
        return false;
    ip = sock_addr_ip(&a);
    sock_addr_of(&ip, 0, &a);
    memcpy(at, &a, sizeof a);
    return true;
}

bool pin_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)s, (void)env;
    struct conf_pin pin;
    if (base64_decode(bytes_str(text), pin.sha256, sizeof pin.sha256) != sizeof pin.sha256)
        return false;
    memcpy(at, &pin, sizeof pin);
    return true;
}

void pin_format(const struct setting *s, const void *at, struct writer *w)
{
    (void)s;
    char text[PIN_TEXT_MAX];
    base64_encode(bytes_of(at, sizeof(struct conf_pin)), text);
    writer_printf(w, "\"%s\"", text);
}

void address_format(const struct setting *s, const void *at, struct writer *w)
{
    (void)s;
    char text[SOCK_ADDR_TEXT_MAX];
    union sock_addr a;
    memcpy(&a, at, sizeof a);
    sock_addr_format(&a, text);
    /* Quoted: YAML takes "[::1]:53" for a list. */
    writer_printf(w, "\"%s\"", text);
}

bool ip_value_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)s, (void)env;
    struct ip ip;
    if (!ip_parse(bytes_str(text), &ip))
        return false;
    memcpy(at, &ip, sizeof ip);
    return true;
}

void ip_value_format(const struct setting *s, const void *at, struct writer *w)
{
    (void)s;
    char text[IP_TEXT_MAX];
    struct ip ip;
    memcpy(&ip, at, sizeof ip);
    ip_format(&ip, text);
    writer_printf(w, "\"%s\"", text);
}

bool net_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)s, (void)env;
    struct ip_net net;
    if (!ip_net_parse(bytes_str(text), &net))
        return false;
    memcpy(at, &net, sizeof net);
    return true;
}

void net_format(const struct setting *s, const void *at, struct writer *w)
{
    (void)s;
    char text[IP_NET_TEXT_MAX];
    struct ip_net net;
    memcpy(&net, at, sizeof net);
    ip_net_format(&net, text);
    /* Quoted: YAML takes "::/0" for other things. */
    writer_printf(w, "\"%s\"", text);
}

bool address_present(const void *at)
{
    sa_family_t family;
    memcpy(&family, at, sizeof family);
    return family != AF_UNSPEC;
}

bool ip_value_present(const void *at)
{
    struct ip ip;
    memcpy(&ip, at, sizeof ip);
    return ip.len != 0;
}
