/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Countries by address: see geoip.h. */
#include "data/store/geoip.h"

#include <errno.h>
#include <fcntl.h>
#include <maxminddb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where databases keep the code: MaxMind and DB-IP, then IPinfo and others. */
enum { PATHS = 3 };
static const char *const paths[PATHS][3] = {
    {"country", "iso_code", NULL}, {"country_code", NULL, NULL}, {"country", NULL, NULL}};

struct geoip {
    MMDB_s db;
    const char *const *path; /* of paths: the one that this database has */
    unsigned owners;
};

/* Copying */

static bool copy_some(int from, int to, size_t *total)
{
    static char buffer[1 << 16];
    ssize_t n = read(from, buffer, sizeof buffer);
    for (ssize_t done = 0, m; done < n; done += m)
        if ((m = write(to, buffer + done, (size_t)(n - done))) < 0)
            return false;
    *total += n > 0 ? (size_t)n : 0;
    if (n == 0)
        errno = 0;
    return n > 0;
}

static bool copy_all(int from, int to)
{
    size_t total = 0;
    while (total <= GEOIP_FILE_MAX)
        if (!copy_some(from, to, &total))
            return errno == 0;
    errno = EFBIG;
    return false;
}

/* Not to be waited for: a FIFO would be. */
static int open_file(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
        return fd;
    if (fd >= 0) {
        close(fd);
        errno = EINVAL;
    }
    return -1;
}

/* A sealed copy of the file, or -1 and errno. */
static int copy_sealed(const char *path)
{
    int from = open_file(path);
    int to = from < 0 ? -1 : memfd_create("polynya-geoip", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    bool ok = to >= 0 && copy_all(from, to) &&
              fcntl(to, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE) == 0;
    int error = errno;
    if (from >= 0)
        close(from);
    if (!ok && to >= 0)
        close(to);
    errno = error;
    return ok ? to : -1;
}

/* Looking up */

static bool is_code(const MMDB_entry_data_s *d)
{
    return d->has_data && d->type == MMDB_DATA_TYPE_UTF8_STRING && d->data_size == 2 &&
           (uint8_t)(d->utf8_string[0] - 'A') < 26 && (uint8_t)(d->utf8_string[1] - 'A') < 26;
}

void geoip_country(const struct geoip *g, const struct ip *ip, char out[GEOIP_COUNTRY])
{
    union sock_addr address;
    MMDB_entry_data_s data;
    int error;
    memset(out, 0, GEOIP_COUNTRY);
    if (!g || ip->len == 0)
        return;
    sock_addr_of(ip, 0, &address);
    MMDB_lookup_result_s found = MMDB_lookup_sockaddr(&g->db, &address.sa, &error);
    if (error == MMDB_SUCCESS && found.found_entry &&
        MMDB_aget_value(&found.entry, &data, g->path) == MMDB_SUCCESS && is_code(&data))
        memcpy(out, data.utf8_string, 2);
}

/* Checking */

/* Records that have a code at each of the paths; offset: of the one looked at last, for neighbours often
 * share theirs. */
struct census {
    unsigned count[PATHS];
    uint32_t offset;
};

/* False: damaged. */
static bool check_entry(MMDB_entry_s *entry, struct census *c)
{
    MMDB_entry_data_s data;
    if (entry->offset == c->offset)
        return true;
    c->offset = entry->offset;
    for (int i = 0; i < PATHS; i++) {
        int r = MMDB_aget_value(entry, &data, paths[i]);
        if (r != MMDB_SUCCESS && r != MMDB_LOOKUP_PATH_DOES_NOT_MATCH_DATA_ERROR)
            return false;
        c->count[i] += r == MMDB_SUCCESS && is_code(&data);
    }
    return true;
}

static bool check_record(uint8_t type, MMDB_entry_s *entry, struct census *c)
{
    return type == MMDB_RECORD_TYPE_DATA ? check_entry(entry, c) : type != MMDB_RECORD_TYPE_INVALID;
}

/* What is wrong with it; NULL: nothing. */
static const char *check(struct geoip *g)
{
    struct census c = {.offset = UINT32_MAX};
    MMDB_search_node_s node;
    for (uint32_t i = 0; i < g->db.metadata.node_count; i++)
        if (MMDB_read_node(&g->db, i, &node) != MMDB_SUCCESS ||
            !check_record(node.left_record_type, &node.left_record_entry, &c) ||
            !check_record(node.right_record_type, &node.right_record_entry, &c))
            return "is damaged";
    int best = 0;
    for (int i = 1; i < PATHS; i++)
        best = c.count[i] > c.count[best] ? i : best;
    g->path = paths[best];
    return c.count[best] ? NULL : "tells no address' country";
}

/* Opening */

static bool open_copy(struct geoip *g, int fd, const char **why)
{
    char name[32];
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    int r = MMDB_open(name, MMDB_MODE_MMAP, &g->db);
    if (r != MMDB_SUCCESS) {
        *why = MMDB_strerror(r);
        return false;
    }
    *why = check(g);
    if (*why)
        MMDB_close(&g->db);
    return *why == NULL;
}

struct geoip *geoip_open(const char *path, char *error, size_t cap)
{
    struct geoip *g = calloc(1, sizeof *g);
    int fd = g ? copy_sealed(path) : -1;
    const char *why = errno == EINVAL ? "is not a regular file" : strerror(errno);
    bool ok = fd >= 0 && open_copy(g, fd, &why);
    if (fd >= 0)
        close(fd);
    if (ok) {
        g->owners = 1;
        return g;
    }
    snprintf(error, cap, "%s: %s", path, why);
    free(g);
    return NULL;
}

struct geoip *geoip_share(struct geoip *g)
{
    if (g)
        g->owners++;
    return g;
}

void geoip_free(struct geoip **geoip)
{
    struct geoip *g = *geoip;
    *geoip = NULL;
    if (!g || --g->owners)
        return;
    MMDB_close(&g->db);
    free(g);
}

/* One word of printable ASCII, since it is logged. */
void geoip_type(const struct geoip *g, char out[64])
{
    snprintf(out, 64, "%s", g->db.metadata.database_type);
    for (char *p = out; *p; p++)
        if (*p <= 0x20 || *p >= 0x7f || *p == '"')
            *p = '_';
}

int64_t geoip_built(const struct geoip *g)
{
    return (int64_t)g->db.metadata.build_epoch;
}
