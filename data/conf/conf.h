/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The configuration: what polynya.yaml(5) says, checked and with defaults filled in.
 *
 * settings.def is the one table of settings: key, type, range, default and a line of documentation. The
 * loader, `polynyad -nv` and the man page are made from it. A loaded conf never changes; a reload loads
 * another. */
#ifndef POLYNYA_CONF_CONF_H
#define POLYNYA_CONF_CONF_H

#include "data/base/address.h"
#include "data/base/log.h"

enum conf_protocol { CONF_HTTPS, CONF_HTTP, CONF_TLS };
enum conf_forwarded { CONF_X_FORWARDED_FOR, CONF_FORWARDED, CONF_FORWARDED_NONE };
enum conf_dnssec { CONF_HONOUR, CONF_OVERRIDE };
enum conf_tsig { CONF_HMAC_SHA256, CONF_HMAC_SHA512 };
enum conf_cut { CONF_CUT_VALIDATED, CONF_CUT_ALWAYS, CONF_CUT_OFF };
enum conf_validation { CONF_VALIDATE, CONF_VALIDATION_LOG, CONF_VALIDATION_OFF };

struct conf_listen {
    union sock_addr address;
    enum conf_protocol protocol;
    bool proxied; /* connections begin with a header of PROXY protocol version 2 */
};

struct conf_certificate {
    const char *chain; /* paths; relative ones are taken from the folder of the config file */
    const char *key;
};

enum conf_upstream { CONF_AUTO, CONF_UDP, CONF_DOT, CONF_DOH };
/* What the servers without a group are called. */
#define CONF_GROUP_DEFAULT "default"

/* SHA-256 of a SubjectPublicKeyInfo in DER. */
struct conf_pin {
    uint8_t sha256[32];
};

struct conf_server {
    union sock_addr address;
    enum conf_upstream protocol; /* never CONF_AUTO once loaded */
    const char *tls_name;        /* NULL: pins alone, or no TLS */
    struct conf_pin *pins;
    unsigned pin_count;
    const char *ca_file; /* NULL: the system's CAs */
    const char *path;    /* of the URL; NULL but for CONF_DOH */
    const char *group;   /* NULL: asked for all names that no rule forwards */
    bool allow_clear;    /* CONF_UDP beside servers of its group that are not */
};

struct conf_forward {
    const char *suffix;
    const char *group; /* one that a server is in, or CONF_GROUP_DEFAULT */
    bool internal;     /* then it is among dnssec.negative and rebinding.allow, too */
};

struct conf_list {
    const char *name;
    const char *const *urls;
    unsigned url_count;
    const char *root; /* path of the pinned root document */
    bool allow_special_use;
};

/* A page of somebody else's that answers as long as our uplink works. */
struct conf_canary {
    const char *url;
    struct ip address; /* len 0: as its name resolves */
};

/* A policy zone: from a file, or from a primary. */
struct conf_rpz {
    const char *name;
    const char *zone;        /* a name in text */
    const char *file;        /* path, or NULL */
    union sock_addr primary; /* AF_UNSPEC: none */
    const char *tsig_name;   /* NULL: transfers are not signed */
    enum conf_tsig tsig_algorithm;
    const char *tsig_secret_file;
    uint64_t refresh_min, refresh_max;
    bool allow_special_use;
};

/* All times in milliseconds, all sizes in bytes. */
struct conf {
    const char *file;
    const char *state_dir;
    const char *control; /* path of the unix socket; default <state-dir>/control.sock */
    const char *user;    /* NULL: stay who we are */
    unsigned workers;    /* resolved: never 0 */
    enum log_level log_level;
    const char *geoip; /* path of a MaxMind-format database; NULL: every client is everywhere */
    bool sandbox;      /* roles give up by themselves what they do not need (confine.h) */
    bool local_zones;  /* the optional rows of local_zones.def are answered by ourselves */

    struct conf_listen *listen;
    unsigned listen_count;

    struct {
        struct ip_net *trusted; /* who may speak for others */
        unsigned trusted_count;
        enum conf_forwarded header;
    } proxies;

    struct {
        struct conf_certificate *certificates;
        unsigned count;
        uint64_t ticket_rotation;
    } tls;

    struct {
        const char *path; /* "/dns-query"; the raw path is this + "/raw" */
        const char
            *static_file; /* served at / if set, text/html; the demo mirrors and landing pages use it */
    } http;

    struct {
        struct conf_server *servers;
        unsigned count;
        struct conf_forward *forward;
        unsigned forward_count;
        uint64_t try_timeout;    /* one try of one server */
        uint64_t total_timeout;  /* the whole lookup */
        uint64_t answer_timeout; /* after which the client gets what there is: at most 1400 */
        unsigned tries;
        unsigned lookups;                  /* in flight per worker */
        unsigned waiters;                  /* requests waiting for one lookup */
        uint64_t failure_min, failure_max; /* how long failures are cached (RFC 9520) */
    } upstream;

    struct {
        uint64_t size;   /* on disk, all generations */
        uint64_t memory; /* packet cache of one worker */
        uint64_t ttl_max, ttl_min, negative_max;
        uint64_t stale_for;   /* after their time answers are still told where no better can be had */
        uint64_t stale_after; /* how long a better one is waited for */
        enum conf_cut cut;    /* which denials hold for the names below (RFC 8020) */
        unsigned prefetch;    /* lookups under way in a worker that nobody waits for */
    } cache;

    struct {
        bool protect;
        const char *const *allow; /* domains that may have private addresses */
        unsigned allow_count;
    } rebinding;

    struct {
        enum conf_validation mode;
        const char *anchors; /* NULL: the root's keys, built in */
        const char *const *negative;
        unsigned negative_count;
        bool follow;         /* RFC 5011 */
        bool tolerate_clock; /* mode is log while our clock seems wrong */
    } dnssec;

    struct {
        struct conf_list *lists;
        unsigned list_count;
        struct conf_rpz *rpz;
        unsigned rpz_count;
        struct ip_net *deny; /* networks no mirror may be in, whatever the lists say */
        unsigned deny_count;
        enum conf_dnssec dnssec;
        const char *overrides; /* path of the override file (steering/override.h); NULL: none */
        uint64_t poll;         /* how often lists are looked at, besides inotify for file: */
        uint64_t old_after;    /* since it was issued */
        struct {
            const char *proxy;   /* "http://…", NULL: none */
            const char *ca_file; /* PEM, NULL: the system's CAs alone */
            uint64_t timeout;    /* of one document */
        } fetch;
        struct {
            bool mode;         /* false: nothing is probed, the lists' word decides */
            uint64_t interval; /* between two probes of an address */
            uint64_t timeout;  /* of one probe */
            unsigned concurrency;
            const char *ca_file; /* PEM, NULL: the system's CAs alone */
            struct conf_canary *canaries;
            unsigned canary_count;
        } probe;
    } steering;

    struct {
        bool enabled;
        union sock_addr address;
    } metrics;

    struct {
        unsigned streams;                /* concurrent requests of a connection */
        uint64_t header_list;            /* bytes of one request's header fields */
        uint64_t idle_timeout;           /* no request open */
        uint64_t read_timeout;           /* handshake, a header or a body under way */
        uint64_t write_timeout;          /* bytes to send and none taken */
        unsigned connections;            /* per process */
        unsigned connections_per_prefix; /* per process and client /32 or /64 */
        unsigned handshakes;             /* under way per process; of these and what follows, 0 is no limit */
        unsigned connection_rate;        /* a second, process and client network, see rate.h */
        unsigned query_rate, miss_rate, check_rate; /* the same */
        unsigned domain_miss_rate;                  /* a second, process and registered domain */
        unsigned requests;                          /* of one connection */
        uint64_t connection_life;
        uint64_t drain_timeout; /* how long an old generation may finish its streams */
        uint64_t watchdog;      /* how long a worker's loop may stand still */
    } limits;
};

/* Loads and checks FILE. On failure NULL, and error holds "file:line: key: what" (without a line where none
 * is to blame). Certificates are not opened here. Free with conf_free. */
struct conf *conf_load(const char *path, char *error, size_t cap);
/* The same from memory; name stands for the file in messages. For tests and fuzzing. */
struct conf *conf_parse(const char *name, struct bytes yaml, char *error, size_t cap);
void conf_free(struct conf **c);
/* The effective config as YAML that conf_load accepts and that gives the same conf. */
void conf_print(const struct conf *c, struct writer *w);
/* Is there anything to steer by? */
static inline bool conf_steers(const struct conf *c)
{
    return c->steering.list_count || c->steering.rpz_count;
}
/* Calls each for every path (value: const char *const *), every URL (the same) and every server's address
 * (const union sock_addr *) that is set, wherever it stands; setting is its row's path ("geoip"). */
typedef void conf_each(void *self, const char *setting, const void *value);
void conf_each_path(const struct conf *c, conf_each *each, void *self);
void conf_each_url(const struct conf *c, conf_each *each, void *self);
void conf_each_server(const struct conf *c, conf_each *each, void *self);

#endif
