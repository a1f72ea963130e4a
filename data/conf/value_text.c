/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values that are texts: paths, URLs and names (see value_kinds.h). */
#include "data/conf/value_kinds.h"

#include "data/base/text.h"

enum {
    HOST_TEXT_MAX = 253,
    USER_TEXT_MAX = 32,
    LIST_NAME_MAX = 32,
    URL_TEXT_MAX = 1000,
    PATH_TEXT_MAX = 4095
};

static bool text_store(const char *text, const struct value_env *env, void *at)
{
    const char *copy = arena_text(env->arena, bytes_str(text));
    memcpy(at, &copy, sizeof copy);
    return copy != NULL;
}

static const char *text_load(const void *at)
{
    const char *text;
    memcpy(&text, at, sizeof text);
    return text;
}

/* No control characters: a path is logged and printed. */
static bool printable(const char *text)
{
    for (const char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return false;
    return true;
}

/* NULL if there is no such path. */
static const char *path_absolute(const char *text, const struct value_env *env)
{
    if (!*text || !printable(text))
        return NULL;
    if (strncmp(text, "./", 2) == 0)
        text += 2;
    const char *path = text[0] == '/' ? text : arena_printf(env->arena, "%s/%s", env->folder, text);
    return path && strlen(path) <= PATH_TEXT_MAX ? path : NULL;
}

bool path_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)s;
    const char *path = path_absolute(text, env);
    return path && text_store(path, env, at);
}

/* HOST or HOST:PORT (RFC 3986 3.2), and nothing of a user; returns what follows, NULL if there is no host. */
static const char *after_authority(const char *text)
{
    static const char names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    bool v6 = text[0] == '[';
    size_t host = v6 ? strspn(text + 1, "0123456789abcdefABCDEF:.") : strspn(text, names);
    if (host == 0 || host > HOST_TEXT_MAX || (v6 && text[host + 1] != ']'))
        return NULL;
    text += host + (v6 ? 2 : 0);
    if (*text != ':')
        return text;
    size_t digits = strspn(text + 1, "0123456789");
    uint64_t port;
    return uint_parse(bytes_of(text + 1, digits), 65535, &port) && port ? text + 1 + digits : NULL;
}

/* The path of "https://HOST/PATH", with its slash or empty, without query and fragment; NULL if text is none.
 */
static const char *https_path(const char *text)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/%+=@:,!$&'()*;";
    if (strncmp(text, "https://", 8) != 0 || strlen(text) > URL_TEXT_MAX)
        return NULL;
    const char *path = after_authority(text + 8);
    return path && (!*path || *path == '/') && path[strspn(path, allowed)] == '\0' ? path : NULL;
}

bool page_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)s;
    return https_path(text) && text_store(text, env, at);
}

/* https://HOST/FOLDER/: documents' names are appended to it. */
static bool https_parse(const char *text, const struct value_env *env, void *at)
{
    const char *path = https_path(text);
    size_t n = path ? strlen(path) : 0;
    if (!path)
        return false;
    const char *url = arena_printf(env->arena, "%s%s", text, n && path[n - 1] == '/' ? "" : "/");
    return url && text_store(url, env, at);
}

bool proxy_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    static const char *const schemes[] = {"http://", "socks5h://", "socks5://"};
    (void)s;
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++) {
        size_t n = strlen(schemes[i]);
        const char *rest = strncmp(text, schemes[i], n) == 0 ? after_authority(text + n) : NULL;
        if (rest && (!*rest || strcmp(rest, "/") == 0))
            return text_store(text, env, at);
    }
    return false;
}

/* file:FOLDER/, file:/FOLDER/ and file:///FOLDER/ (RFC 8089 2 and appendix B), nothing percent-decoded. */
bool url_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)s;
    if (strncmp(text, "https://", 8) == 0)
        return https_parse(text, env, at);
    if (strncmp(text, "file:", 5) != 0)
        return false;
    bool slashes = strncmp(text + 5, "//", 2) == 0;
    const char *path = text + (slashes ? 7 : 5);
    /* After "//" comes a host; we have only the empty one. */
    if (slashes && (path[0] != '/' || path[1] == '/'))
        return false;
    path = path_absolute(path, env);
    size_t len = path ? strlen(path) : 0;
    if (len == 0 || len == PATH_TEXT_MAX)
        return false;
    const char *url = arena_printf(env->arena, "file:%s%s", path, path[len - 1] == '/' ? "" : "/");
    return url && text_store(url, env, at);
}

/* Only what needs no percent-encoding and stands for itself in a URI template (RFC 3986 2.3). */
bool urlpath_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)s;
    size_t n = strlen(text);
    return text[0] == '/' && n > 1 && n < 256 && text[n - 1] != '/' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~/") == n &&
           text_store(text, env, at);
}

static bool of_letters(const char *text, const char *letters, size_t most)
{
    size_t n = strlen(text);
    return n > 0 && n <= most && strspn(text, letters) == n;
}

bool name_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)s;
    return of_letters(text, "abcdefghijklmnopqrstuvwxyz0123456789-", LIST_NAME_MAX) &&
           text_store(text, env, at);
}

bool user_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)s;
    return of_letters(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.",
                      USER_TEXT_MAX) &&
           text[0] != '-' && text_store(text, env, at);
}

bool host_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)s;
    return of_letters(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.",
                      HOST_TEXT_MAX) &&
           text_store(text, env, at);
}

/* A code point of well-formed UTF-8 (RFC 3629 3), or 0; *used bytes. */
static uint32_t utf8_next(const unsigned char *p, unsigned *used)
{
    unsigned more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : 1;
    uint32_t c = p[0] & (0x3fu >> more);
    *used = more + 1;
    for (unsigned i = 1; i <= more; i++) {
        if ((p[i] & 0xc0) != 0x80)
            return 0;
        c = c << 6 | (p[i] & 0x3fu);
    }
    return c;
}

/* Double-quoted. Other than ASCII goes as an escape, because YAML forbids some of it and folds lines at
 * other. */
void text_format(const struct setting *s, const void *at, struct writer *w)
{
    (void)s;
    const unsigned char *p = (const unsigned char *)text_load(at);
    writer_u8(w, '"');
    for (unsigned used; *p; p += used) {
        uint32_t c = *p;
        used = 1;
        if (c >= 0x80)
            c = utf8_next(p, &used);
        if (c == 0) { /* not UTF-8: no YAML can say it */
            c = '?';
            used = 1;
        }
        if (c == '"' || c == '\\')
            writer_printf(w, "\\%c", (int)c);
        else if (c < 0x20 || c >= 0x7f)
            writer_printf(w, "\\U%08x", c);
        else
            writer_u8(w, (uint8_t)c);
    }
    writer_u8(w, '"');
}

bool text_present(const void *at)
{
    return text_load(at) != NULL;
}
