/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Databases in MaxMind's format, made in memory (format version 2.0, records of 24 bits). */
#ifndef POLYNYA_TEST_MMDB_H
#define POLYNYA_TEST_MMDB_H

#include "data/base/address.h"

enum { MMDB_NODES = 2000, MMDB_DATA = 4096 };

struct mmdb {
    bool v6;                       /* IPv4 is in ::/96 */
    uint32_t child[MMDB_NODES][2]; /* 0: empty; odd: 1 + 2 * offset of data; even: 2 * number of a node */
    uint32_t nodes;
    struct writer data;
    uint8_t data_room[MMDB_DATA];
};

static inline void mmdb_init(struct mmdb *m, bool v6)
{
    memset(m, 0, sizeof *m);
    m->v6 = v6;
    m->nodes = 1;
    m->data = writer_of(m->data_room, sizeof m->data_room);
}

static inline void mmdb_string(struct writer *w, const char *text)
{
    writer_u8(w, (uint8_t)(0x40 | strlen(text)));
    writer_put(w, text, strlen(text));
}

static inline void mmdb_map(struct writer *w, unsigned pairs)
{
    writer_u8(w, (uint8_t)(0xe0 | pairs));
}

/* The offset of what is written to m->data next. */
static inline uint32_t mmdb_here(const struct mmdb *m)
{
    return (uint32_t)m->data.len;
}

/* The record {"country": {"iso_code": code}}. */
static inline uint32_t mmdb_country(struct mmdb *m, const char *code)
{
    uint32_t at = mmdb_here(m);
    mmdb_map(&m->data, 1);
    mmdb_string(&m->data, "country");
    mmdb_map(&m->data, 1);
    mmdb_string(&m->data, "iso_code");
    mmdb_string(&m->data, code);
    return at;
}

/* Networks must not contain each other. */
static inline void mmdb_add(struct mmdb *m, const char *network, uint32_t record)
{
    struct ip_net net;
    uint8_t bits[16] = {0};
    if (!ip_net_parse(bytes_str(network), &net))
        return;
    unsigned skip = m->v6 && net.ip.len == 4 ? 96 : 0, len = skip + net.bits;
    memcpy(bits + skip / 8, net.ip.addr, net.ip.len);
    uint32_t node = 0;
    for (unsigned i = 0; i < len; i++) {
        uint32_t *next = &m->child[node][bits[i / 8] >> (7 - i % 8) & 1];
        if (i + 1 == len)
            *next = 1 + 2 * record;
        else if (*next == 0)
            *next = 2 * m->nodes++;
        node = *next / 2;
    }
}

static inline void mmdb_number(struct writer *w, const char *key, uint8_t type, unsigned bytes, uint32_t v)
{
    mmdb_string(w, key);
    if (type > 7) {
        writer_u8(w, (uint8_t)bytes);
        writer_u8(w, (uint8_t)(type - 7));
    } else {
        writer_u8(w, (uint8_t)(type << 5 | bytes));
    }
    for (unsigned i = bytes; i-- > 0;)
        writer_u8(w, (uint8_t)(i < 4 ? v >> 8 * i : 0));
}

static inline void mmdb_metadata(const struct mmdb *m, struct writer *w, uint32_t built)
{
    writer_put(w, "\xab\xcd\xefMaxMind.com", 14);
    mmdb_map(w, 9);
    mmdb_number(w, "node_count", 6, 4, m->nodes);
    mmdb_number(w, "record_size", 5, 2, 24);
    mmdb_number(w, "ip_version", 5, 2, m->v6 ? 6 : 4);
    mmdb_string(w, "database_type");
    mmdb_string(w, "Test Country");
    mmdb_string(w, "languages");
    writer_u8(w, 0);
    writer_u8(w, 4); /* an empty array */
    mmdb_number(w, "binary_format_major_version", 5, 2, 2);
    mmdb_number(w, "binary_format_minor_version", 5, 2, 0);
    mmdb_number(w, "build_epoch", 9, 8, built);
    mmdb_string(w, "description");
    mmdb_map(w, 0);
}

static inline void mmdb_record(const struct mmdb *m, struct writer *w, uint32_t child)
{
    uint32_t v = child == 0 ? m->nodes : child % 2 ? m->nodes + 16 + child / 2 : child / 2;
    writer_u8(w, (uint8_t)(v >> 16));
    writer_u16(w, (uint16_t)v);
}

static inline void mmdb_write(const struct mmdb *m, struct writer *w)
{
    for (uint32_t i = 0; i < m->nodes; i++)
        for (int side = 0; side < 2; side++)
            mmdb_record(m, w, m->child[i][side]);
    writer_put(w, (uint8_t[16]){0}, 16);
    writer_put(w, m->data.data, m->data.len);
    mmdb_metadata(m, w, 1700000000);
}

#endif
