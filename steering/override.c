/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Reading and applying the override file: see override.h. Wildcards, rules and bytes are bounded, because
 * every rule may be matched with every mirror, and fnmatch(3) tries every way a pattern's stars can fall. */
#include "steering/override.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rule {
    enum health_force force;
    char glob[OVERRIDE_GLOB_MAX + 1];
};

struct overrides {
    unsigned count;
    struct rule rule[OVERRIDE_RULES_MAX];
};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static struct bytes trim(struct bytes b)
{
    while (b.len && is_blank(b.data[0]))
        b = bytes_of(b.data + 1, b.len - 1);
    while (b.len && is_blank(b.data[b.len - 1]))
        b.len--;
    return b;
}

/* The bytes before the first c, or all. */
static struct bytes before(struct bytes b, char c)
{
    const uint8_t *at = b.len ? memchr(b.data, c, b.len) : NULL;
    return at ? bytes_of(b.data, (size_t)(at - b.data)) : b;
}

static bool is_text(struct bytes b)
{
    for (size_t i = 0; i < b.len; i++)
        if (b.data[i] <= ' ' || b.data[i] >= 0x7f)
            return false;
    return true;
}

static unsigned occurs(const char *text, char c)
{
    unsigned n = 0;
    for (; *text; text++)
        n += *text == c;
    return n;
}

/* Every bracket is closed on its side of the slash: what fnmatch(3) would take literally is a slip. */
static bool brackets_closed(const char *glob)
{
    while ((glob = strchr(glob, '['))) {
        glob++;
        glob += *glob == '!' || *glob == '^';
        glob += *glob == ']';
        glob += strcspn(glob, "]/");
        if (*glob != ']')
            return false;
    }
    return true;
}

static const char *check_glob(const char *glob)
{
    const char *slash = strchr(glob, '/');
    if (!slash || slash == glob || !slash[1] || strchr(slash + 1, '/'))
        return "the left side must be DOMAIN/MIRROR";
    if (occurs(glob, '*') > OVERRIDE_STARS_MAX)
        return "more than 4 asterisks";
    return brackets_closed(glob) ? NULL : "a [ without its ]";
}

static const char *parse_glob(struct bytes text, char glob[OVERRIDE_GLOB_MAX + 1])
{
    if (!is_text(text))
        return "the left side must be one word of ASCII; a domain stands in its xn-- form";
    if (text.len > OVERRIDE_GLOB_MAX)
        return "longer than 300 characters";
    memcpy(glob, text.data, text.len);
    glob[text.len] = '\0';
    for (char *c = glob; *c && *c != '/'; c++)
        *c = (char)ascii_lower((uint8_t)*c);
    return check_glob(glob);
}

static bool parse_force(struct bytes word, enum health_force *out)
{
    static const struct {
        struct bytes word;
        enum health_force force;
    } words[] = {{BYTES_LIT("UP"), HEALTH_FORCED_UP},
                 {BYTES_LIT("DOWN"), HEALTH_FORCED_DOWN},
                 {BYTES_LIT("AUTO"), HEALTH_NOT_FORCED}};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (bytes_equal(word, words[i].word)) {
            *out = words[i].force;
            return true;
        }
    return false;
}

/* NULL, or what is wrong with the line. */
static const char *parse_line(struct overrides *o, struct bytes line)
{
    line = trim(before(line, '#'));
    if (!line.len)
        return NULL;
    const uint8_t *arrow = memmem(line.data, line.len, "=>", 2);
    if (!arrow)
        return "not of the form DOMAIN/MIRROR => UP, DOWN or AUTO";
    if (o->count == OVERRIDE_RULES_MAX)
        return "more than 1000 rules";
    struct rule *r = &o->rule[o->count];
    size_t left = (size_t)(arrow - line.data);
    if (!parse_force(trim(bytes_of(arrow + 2, line.len - left - 2)), &r->force))
        return "the right side must be UP, DOWN or AUTO";
    const char *what = parse_glob(trim(bytes_of(line.data, left)), r->glob);
    o->count += !what;
    return what;
}

static const char *parse_lines(struct overrides *o, struct bytes text, unsigned *number)
{
    while (text.len) {
        struct bytes line = before(text, '\n');
        size_t step = line.len < text.len ? line.len + 1 : line.len;
        ++*number;
        const char *what = parse_line(o, line);
        if (what)
            return what;
        text = bytes_of(text.data + step, text.len - step);
    }
    return NULL;
}

struct overrides *override_parse(struct bytes text, struct override_error *err)
{
    *err = (struct override_error){0};
    if (text.len > OVERRIDE_FILE_MAX) {
        err->what = "larger than 1 MiB";
        return NULL;
    }
    struct overrides *o = calloc(1, sizeof *o);
    err->what = o ? parse_lines(o, text, &err->line) : "out of memory";
    if (err->what)
        override_free(&o);
    return o;
}

void override_free(struct overrides **o)
{
    free(*o);
    *o = NULL;
}

enum health_force override_lookup(const struct overrides *o, const char *domain, const char *id)
{
    char name[DNS_NAME_TEXT_MAX + VIEW_MIRROR_ID_MAX + 2];
    snprintf(name, sizeof name, "%s/%s", domain, id);
    for (unsigned i = o ? o->count : 0; i > 0; i--)
        if (fnmatch(o->rule[i - 1].glob, name, FNM_PATHNAME | FNM_NOESCAPE) == 0)
            return o->rule[i - 1].force;
    return HEALTH_NOT_FORCED;
}

/* Of a policy zone's mirrors nobody has signed anything: only a proof speaks for them. */
static enum health_force force_of(const struct overrides *o, const struct view_site *s, const char *domain,
                                  const struct view_mirror *m)
{
    enum health_force force = override_lookup(o, domain, m->id);
    return force == HEALTH_FORCED_UP && !view_site_signed(s) ? HEALTH_NOT_FORCED : force;
}

static uint32_t apply_to_mirror(const struct overrides *o, const struct view_site *s, const char *domain,
                                const struct view_mirror *m, struct health_record *records)
{
    uint32_t changed = 0;
    enum health_force force = force_of(o, s, domain, m);
    for (unsigned i = 0; i < m->address_count; i++) {
        struct health_record *r = &records[m->address_first + i];
        changed += r->forced != force;
        r->forced = (uint8_t)force;
    }
    return changed;
}

uint32_t override_apply(const struct overrides *o, const struct view *v, struct health_record *records)
{
    size_t lists;
    uint32_t changed = 0;
    const struct view_list *l = view_lists(v, &lists);
    for (size_t i = 0; i < lists; i++)
        for (uint32_t k = 0; k < l[i].site_count; k++) {
            const struct view_site *s = &view_list_sites(&l[i])[k];
            char domain[DNS_NAME_TEXT_MAX];
            name_to_text(&s->domain, domain);
            for (unsigned n = 0; n < s->mirror_count; n++)
                changed += apply_to_mirror(o, s, domain, &view_site_mirrors(s)[n], records);
        }
    return changed;
}
