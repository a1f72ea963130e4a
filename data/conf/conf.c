/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Loading a config: outline, texts, values, rules between settings (see conf.h).
 *
 * Everything a conf points to lives in its own arena, whose limit also bounds what a hostile file can cost.
 */
#include "data/conf/conf.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "data/conf/rules.h"

enum { FILE_MAX_BYTES = 1 << 20, ARENA_LIMIT = 16 << 20, PATH_TEXT_MAX = 4096 };

struct conf_box {
    struct conf conf; /* first: what callers hold */
    struct arena arena;
};

/* The absolute folder of the file, not resolving links: "/etc/polynya/x.yaml" gives "/etc/polynya". */
static const char *folder_of(const char *file, struct arena *arena)
{
    char cwd[PATH_TEXT_MAX] = "";
    const char *slash = strrchr(file, '/');
    int len = slash ? (int)(slash - file) : 0;
    if (file[0] != '/' && !getcwd(cwd, sizeof cwd))
        return NULL;
    if (strcmp(cwd, "/") == 0)
        cwd[0] = 0;
    return arena_printf(arena, "%s%s%.*s", cwd, len && file[0] != '/' ? "/" : "", len, file);
}

static bool fill(struct loader *l, struct bytes yaml)
{
    l->outline = outline_read(yaml, l->env.arena, l->complaint);
    struct raw *raw = l->outline ? raw_new(yaml, l->outline, l->env.arena, l->complaint) : NULL;
    bool ok = raw && loader_read(l, raw);
    raw_free(&raw);
    return ok && rules_complete(l) && rules_check(l);
}

struct conf *conf_parse(const char *name, struct bytes yaml, char *error, size_t cap)
{
    struct complaint complaint = {name, error, cap};
    struct conf_box *box = calloc(1, sizeof *box);
    if (!box || yaml.len > FILE_MAX_BYTES) {
        complain(&complaint, 0, NULL, box ? "larger than 1 MiB" : "out of memory");
        free(box);
        return NULL;
    }
    arena_init(&box->arena, ARENA_LIMIT);
    struct conf *c = &box->conf;
    struct loader l = {.conf = c, .complaint = &complaint, .env = {.arena = &box->arena}};
    l.env.folder = folder_of(name, &box->arena);
    c->file = arena_text(&box->arena, bytes_str(name));
    if (!l.env.folder || !c->file)
        loader_no_memory(&l);
    else if (fill(&l, yaml))
        return c;
    conf_free(&c);
    return NULL;
}

/* One byte more than allowed is read, so that a file too large is seen. */
static ssize_t read_file(const char *path, uint8_t *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t len = 0;
    ssize_t n = fd < 0 ? -1 : 1;
    while (n > 0 && len <= FILE_MAX_BYTES) {
        n = read(fd, out + len, FILE_MAX_BYTES + 1 - len);
        len += n > 0 ? (size_t)n : 0;
    }
    int saved = errno;
    if (fd >= 0)
        close(fd);
    errno = saved;
    return n < 0 ? -1 : (ssize_t)len;
}

struct conf *conf_load(const char *path, char *error, size_t cap)
{
    uint8_t *text = malloc(FILE_MAX_BYTES + 1);
    ssize_t len = text ? read_file(path, text) : -1;
    struct conf *c = NULL;
    if (len < 0)
        complain(&(struct complaint){path, error, cap}, 0, NULL, "%s", strerror(text ? errno : ENOMEM));
    else
        c = conf_parse(path, bytes_of(text, (size_t)len), error, cap);
    free(text);
    return c;
}

void conf_free(struct conf **c)
{
    struct conf_box *box = (struct conf_box *)*c;
    if (box) {
        arena_fini(&box->arena);
        free(box);
    }
    *c = NULL;
}
