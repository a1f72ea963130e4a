/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading the override file: see override_file.h. */
#include "steering/override_file.h"

#include <unistd.h>

#include "data/base/file.h"
#include "data/base/log.h"
#include "data/base/metric.h"
#include "steering/feed_file.h"

static void tell_error(const struct override_file *f, const struct override_error *err)
{
    metric_count(METRIC_OVERRIDES_REFUSED);
    log_error("overrides.refused", "file=%s line=%u why=\"%s\" text=\"the rules before stay\"", f->path,
              err->line, err->what);
}

static bool read_rules(struct override_file *f, struct overrides **out)
{
    struct arena arena;
    arena_init(&arena, 2 * OVERRIDE_FILE_MAX);
    struct bytes text;
    struct refusal why;
    struct override_error err = {.what = "cannot be read, is no plain file, or is larger than 1 MiB"};
    if (feed_read_file(f->path, OVERRIDE_FILE_MAX, &arena, &text, &why))
        *out = override_parse(text, &err);
    arena_fini(&arena);
    if (*out)
        log_info("overrides.read", "file=%s", f->path);
    else
        tell_error(f, &err);
    return *out != NULL;
}

bool override_file_read(struct override_file *f, struct overrides **out)
{
    uint64_t now = f->path ? file_mark(f->path, 0) : 0;
    *out = NULL;
    if (!f->path || now == f->seen)
        return false;
    bool first = f->seen == 0;
    f->seen = now;
    if (access(f->path, F_OK) == 0)
        return read_rules(f, out);
    if (!first)
        log_info("overrides.gone", "file=%s text=\"no rules from here on\"", f->path);
    return true;
}
