/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Opening a channel of c-ares: see stub.h. */
#include "steering/stub.h"

static int set_servers(ares_channel channel, const struct stub_options *o)
{
    struct ares_addr_port_node node[STUB_SERVERS_MAX] = {0};
    for (unsigned i = 0; i < o->server_count; i++) {
        struct ip ip = sock_addr_ip(&o->servers[i]);
        node[i].family = ip.len == 4 ? AF_INET : AF_INET6;
        memcpy(&node[i].addr, ip.addr, ip.len);
        node[i].udp_port = node[i].tcp_port = sock_addr_port(&o->servers[i]);
        node[i].next = i + 1 < o->server_count ? &node[i + 1] : NULL;
    }
    return o->server_count ? ares_set_servers_ports(channel, node) : ARES_SUCCESS;
}

int stub_open(const struct stub_options *o, ares_channel *out)
{
    struct ares_options options = {.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES | ARES_FLAG_EDNS,
                                   .timeout = o->try_ms,
                                   .tries = o->tries,
                                   .ednspsz = 1232,
                                   .sock_state_cb = o->on_state,
                                   .sock_state_cb_data = o->self};
    int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_EDNSPSZ |
               (o->on_state ? ARES_OPT_SOCK_STATE_CB : 0);
    *out = NULL;
    int status = ares_init_options(out, &options, mask);
    if (status == ARES_SUCCESS)
        status = set_servers(*out, o);
    if (status != ARES_SUCCESS && *out) {
        ares_destroy(*out);
        *out = NULL;
    }
    return status;
}
