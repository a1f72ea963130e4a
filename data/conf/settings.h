/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The table of settings (settings.def) in C.
 *
 * For the files of this folder only; everybody else sees struct conf. */
#ifndef POLYNYA_CONF_SETTINGS_H
#define POLYNYA_CONF_SETTINGS_H

#include "data/conf/conf.h"

enum setting_kind {
    KIND_LIST,    /* a sequence; its entries have rows of their own */
    KIND_COUNT,   /* a whole number */
    KIND_WORKERS, /* the same, or "auto" */
    KIND_SIZE,    /* bytes: "4096", "16KiB", "256MB" */
    KIND_TIME,    /* "250ms", "30s", "12h", "1d" */
    KIND_PATH,    /* a file; relative ones are taken from the config file's folder */
    KIND_URL,     /* "file:FOLDER/", the same; "https://HOST/FOLDER/" */
    KIND_PAGE,    /* "https://HOST/PATH" */
    KIND_PROXY,   /* "http://192.0.2.1:3128", "socks5h://proxy.example:1080" */
    KIND_URLPATH, /* "/dns-query" */
    KIND_USER,    /* a name of an account */
    KIND_HOST,    /* a host name */
    KIND_NAME,    /* [a-z0-9-]{1,32} */
    KIND_ADDRESS, /* "192.0.2.1:443", "[2001:db8::1]:443" */
    KIND_IP,      /* "192.0.2.1" */
    KIND_SERVER,  /* the same; port 0 unless given */
    KIND_PIN,     /* 32 bytes in base64 */
    KIND_NET,     /* "192.0.2.0/24", or an address alone */
    KIND_BOOL,
    KIND_SWITCH, /* "on", "off" */
    KIND_LEVEL,
    KIND_PROTOCOL,
    KIND_FORWARDED,
    KIND_UPSTREAM,
    KIND_DNSSEC,
    KIND_VALIDATION,
    KIND_CUT,
    KIND_TSIG
};

struct setting {
    const char *path;
    enum setting_kind kind;
    size_t offset, size;            /* of the field in struct conf or in the entry */
    size_t count_offset, item_size; /* of a list */
    unsigned item_least, item_most; /* of a list */
    const char *least, *most;       /* texts; "" if the kind has no range */
    const char *standard;           /* default as text; NULL: none */
    bool required;
};

enum {
    SETTING_ROWS = 0
#define SETTING(...) +1
#define LIST(...)    +1
#include "data/conf/settings.def"
#undef SETTING
#undef LIST
};

enum { SETTING_PATH_MAX = 128 }; /* bytes of a path with "[]." behind it, at most */

extern const struct setting settings[SETTING_ROWS];

/* What follows prefix in a row's path if the row belongs directly to the node that prefix stands for ("" or
 * "steering.lists[]."); NULL if it does not. */
const char *setting_within(const struct setting *s, const char *prefix);
/* The row with exactly this path; NULL if there is none. */
const struct setting *setting_find(const char *path);
/* The row of a list's entries that are plain values; NULL if they are mappings. */
const struct setting *setting_plain_entry(const struct setting *list);
/* The entries of a list in a node, a struct conf or an entry of another list: *count of item_size bytes each.
 */
const uint8_t *setting_entries(const struct setting *list, const uint8_t *node, unsigned *count);

#endif
