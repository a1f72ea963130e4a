/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values of settings, between text and field: one row of `kinds` for each kind (see settings.h). */
#include "data/conf/settings.h"

#include <sched.h>

enum {
    WORKERS_MAX = 64,
    HOST_TEXT_MAX = 253,
    USER_TEXT_MAX = 32,
    LIST_NAME_MAX = 32,
    URL_TEXT_MAX = 1000,
    PATH_TEXT_MAX = 4095,
    PIN_TEXT_MAX = 45
};

struct unit {
    const char *name;
    uint64_t factor;
};

static const struct unit sizes[] = {{"TB", 1000000000000},
                                    {"TiB", 1ull << 40},
                                    {"GB", 1000000000},
                                    {"GiB", 1u << 30},
                                    {"MB", 1000000},
                                    {"MiB", 1u << 20},
                                    {"KB", 1000},
                                    {"KiB", 1u << 10},
                                    {"", 1},
                                    {"B", 1},
                                    {NULL, 0}};
static const struct unit times[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000},
                                    {"s", 1000},     {"ms", 1},      {NULL, 0}};
static const struct unit counts[] = {{"", 1}, {NULL, 0}};

static const char *const truths[] = {"false", "true", NULL};
static const char *const switches[] = {"off", "on", NULL};
static const char *const levels[] = {[LOG_LEVEL_ERROR] = "error",
                                     [LOG_LEVEL_WARN] = "warn",
                                     [LOG_LEVEL_INFO] = "info",
                                     [LOG_LEVEL_DEBUG] = "debug",
                                     NULL};
static const char *const protocols[] = {
    [CONF_HTTPS] = "https", [CONF_HTTP] = "http", [CONF_TLS] = "tls", NULL};
static const char *const headers[] = {[CONF_X_FORWARDED_FOR] = "x-forwarded-for",
                                      [CONF_FORWARDED] = "forwarded",
                                      [CONF_FORWARDED_NONE] = "none",
                                      NULL};
static const char *const upstreams[] = {
    [CONF_AUTO] = "auto", [CONF_UDP] = "udp", [CONF_DOT] = "tls", [CONF_DOH] = "https", NULL};
static const char *const answers[] = {[CONF_HONOUR] = "honour", [CONF_OVERRIDE] = "override", NULL};
static const char *const cuts[] = {
    [CONF_CUT_VALIDATED] = "validated", [CONF_CUT_ALWAYS] = "always", [CONF_CUT_OFF] = "off", NULL};
static const char *const validations[] = {
    [CONF_VALIDATE] = "validate", [CONF_VALIDATION_LOG] = "log", [CONF_VALIDATION_OFF] = "off", NULL};

static const char *const algorithms[] = {
    [CONF_HMAC_SHA256] = "hmac-sha256", [CONF_HMAC_SHA512] = "hmac-sha512", NULL};

struct kind {
    const char *wants; /* what the text must be */
    bool (*parse)(const struct setting *s, const char *text, const struct value_env *env, void *at);
    void (*format)(const struct setting *s, const void *at, struct writer *w);
    const struct unit *units;
    const char *const *words;
};

static const struct kind kinds[];

/* ---- numbers ---- */

static void store_number(const struct setting *s, uint64_t v, void *at)
{
    unsigned narrow = (unsigned)v;
    if (s->size == sizeof v)
        memcpy(at, &v, sizeof v);
    else
        memcpy(at, &narrow, sizeof narrow);
}

static uint64_t load_number(const struct setting *s, const void *at)
{
    uint64_t v = 0;
    unsigned narrow = 0;
    if (s->size == sizeof v) {
        memcpy(&v, at, sizeof v);
        return v;
    }
    memcpy(&narrow, at, sizeof narrow);
    return narrow;
}

static bool number_read(const struct unit *units, const char *text, uint64_t *out)
{
    size_t digits = strspn(text, "0123456789");
    for (; units->name; units++)
        if (strcmp(text + digits, units->name) == 0)
            break;
    uint64_t n;
    return units->name && uint_parse(bytes_of(text, digits), UINT64_MAX / units->factor, &n) &&
           (*out = n * units->factor, true);
}

static bool number_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)env;
    const struct unit *units = kinds[s->kind].units;
    uint64_t v, least, most;
    if (!number_read(units, text, &v) || !number_read(units, s->least, &least) ||
        !number_read(units, s->most, &most) || v < least || v > most)
        return false;
    store_number(s, v, at);
    return true;
}

/* In the unit that makes the shortest number of it, without a remainder. */
static void number_format(const struct setting *s, const void *at, struct writer *w)
{
    uint64_t v = load_number(s, at);
    const struct unit *best = NULL;
    for (const struct unit *u = kinds[s->kind].units; u->name; u++)
        if (v % u->factor == 0 && (!best || v / u->factor < v / best->factor))
            best = u;
    /* 0 has no shortest; the smallest unit reads best. */
    for (const struct unit *u = kinds[s->kind].units; v == 0 && u->name; u++)
        best = u->factor == 1 ? u : best;
    writer_printf(w, "%llu%s", (unsigned long long)(v / best->factor), best->name);
}

static unsigned cpu_count(void)
{
    cpu_set_t set;
    int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
    return n < 1 ? 1 : n > WORKERS_MAX ? WORKERS_MAX : (unsigned)n;
}

static bool workers_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    if (strcmp(text, "auto") != 0)
        return number_parse(s, text, env, at);
    store_number(s, cpu_count(), at);
    return true;
}

/* ---- words ---- */

static bool word_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)env;
    const char *const *words = kinds[s->kind].words;
    for (unsigned i = 0; words[i]; i++) {
        if (strcmp(text, words[i]) != 0)
            continue;
        bool truth = i;
        memcpy(at, s->size == sizeof truth ? (void *)&truth : (void *)&i, s->size);
        return true;
    }
    return false;
}

static void word_format(const struct setting *s, const void *at, struct writer *w)
{
    unsigned i = 0;
    bool truth = false;
    memcpy(s->size == sizeof truth ? (void *)&truth : (void *)&i, at, s->size);
    writer_printf(w, "%s", kinds[s->kind].words[i + truth]);
}

/* ---- texts ---- */

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

static bool path_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
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

static bool page_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
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

static bool proxy_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
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
static bool url_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
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
static bool urlpath_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
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

static bool name_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)s;
    return of_letters(text, "abcdefghijklmnopqrstuvwxyz0123456789-", LIST_NAME_MAX) &&
           text_store(text, env, at);
}

static bool user_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)s;
    return of_letters(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.",
                      USER_TEXT_MAX) &&
           text[0] != '-' && text_store(text, env, at);
}

static bool host_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
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
static void text_format(const struct setting *s, const void *at, struct writer *w)
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

/* ---- addresses ---- */

static bool address_store(const char *text, uint16_t port, void *at)
{
    union sock_addr a;
    if (!sock_addr_parse(bytes_str(text), port, &a) || sock_addr_port(&a) == 0)
        return false;
    memcpy(at, &a, sizeof a);
    return true;
}

static bool address_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)s, (void)env;
    return address_store(text, 0, at);
}

/* Which port is meant if none is given depends on the protocol; an explicit 0 is none. */
static bool server_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
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

static bool pin_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)s, (void)env;
    struct conf_pin pin;
    if (base64_decode(bytes_str(text), pin.sha256, sizeof pin.sha256) != sizeof pin.sha256)
        return false;
    memcpy(at, &pin, sizeof pin);
    return true;
}

static void pin_format(const struct setting *s, const void *at, struct writer *w)
{
    (void)s;
    char text[PIN_TEXT_MAX];
    base64_encode(bytes_of(at, sizeof(struct conf_pin)), text);
    writer_printf(w, "\"%s\"", text);
}

static void address_format(const struct setting *s, const void *at, struct writer *w)
{
    (void)s;
    char text[SOCK_ADDR_TEXT_MAX];
    union sock_addr a;
    memcpy(&a, at, sizeof a);
    sock_addr_format(&a, text);
    /* Quoted: YAML takes "[::1]:53" for a list. */
    writer_printf(w, "\"%s\"", text);
}

static bool ip_value_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)s, (void)env;
    struct ip ip;
    if (!ip_parse(bytes_str(text), &ip))
        return false;
    memcpy(at, &ip, sizeof ip);
    return true;
}

static void ip_value_format(const struct setting *s, const void *at, struct writer *w)
{
    (void)s;
    char text[IP_TEXT_MAX];
    struct ip ip;
    memcpy(&ip, at, sizeof ip);
    ip_format(&ip, text);
    writer_printf(w, "\"%s\"", text);
}

static bool net_parse(const struct setting *s, const char *text, const struct value_env *env, void *at)
{
    (void)s, (void)env;
    struct ip_net net;
    if (!ip_net_parse(bytes_str(text), &net))
        return false;
    memcpy(at, &net, sizeof net);
    return true;
}

static void net_format(const struct setting *s, const void *at, struct writer *w)
{
    (void)s;
    char text[IP_NET_TEXT_MAX];
    struct ip_net net;
    memcpy(&net, at, sizeof net);
    ip_net_format(&net, text);
    /* Quoted: YAML takes "::/0" for other things. */
    writer_printf(w, "\"%s\"", text);
}

/* ---- the table ---- */

static const struct kind kinds[] = {
    [KIND_COUNT] = {"a whole number", number_parse, number_format, counts, NULL},
    [KIND_WORKERS] = {"\"auto\" or a whole number", workers_parse, number_format, counts, NULL},
    [KIND_SIZE] = {"a size such as 16KiB or 256MB", number_parse, number_format, sizes, NULL},
    [KIND_TIME] = {"a time such as 250ms, 30s or 12h", number_parse, number_format, times, NULL},
    [KIND_PATH] = {"the path of a file", path_parse, text_format, NULL, NULL},
    [KIND_URL] = {"file:FOLDER/ or https://HOST/FOLDER/", url_parse, text_format, NULL, NULL},
    [KIND_PAGE] = {"a page such as https://www.example.org/", page_parse, text_format, NULL, NULL},
    [KIND_PROXY] = {"a proxy such as http://192.0.2.1:3128 or socks5h://proxy.example:1080", proxy_parse,
                    text_format, NULL, NULL},
    [KIND_URLPATH] = {"a path such as /dns-query, of letters, digits and -._~/", urlpath_parse, text_format,
                      NULL, NULL},
    [KIND_USER] = {"the name of an account", user_parse, text_format, NULL, NULL},
    [KIND_HOST] = {"a host name", host_parse, text_format, NULL, NULL},
    [KIND_NAME] = {"1 to 32 of a-z, 0-9 and -", name_parse, text_format, NULL, NULL},
    [KIND_ADDRESS] = {"an IP address and a port such as 127.0.0.1:8443 or [::1]:8443", address_parse,
                      address_format, NULL, NULL},
    [KIND_SERVER] = {"an IP address such as 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:53", server_parse,
                     address_format, NULL, NULL},
    [KIND_IP] = {"an IP address such as 192.0.2.1 or 2001:db8::1", ip_value_parse, ip_value_format, NULL,
                 NULL},
    [KIND_NET] =
        {"an address or a network such as 192.0.2.0/24 or 2001:db8::/32, without bits behind its prefix",
         net_parse, net_format, NULL, NULL},
    [KIND_PIN] = {"the SHA-256 of a public key in base64, 44 characters", pin_parse, pin_format, NULL, NULL},
    [KIND_BOOL] = {"true or false", word_parse, word_format, NULL, truths},
    [KIND_SWITCH] = {"on or off", word_parse, word_format, NULL, switches},
    [KIND_LEVEL] = {"error, warn, info or debug", word_parse, word_format, NULL, levels},
    [KIND_PROTOCOL] = {"https, http or tls", word_parse, word_format, NULL, protocols},
    [KIND_FORWARDED] = {"x-forwarded-for, forwarded or none", word_parse, word_format, NULL, headers},
    [KIND_UPSTREAM] = {"auto, udp, tls or https", word_parse, word_format, NULL, upstreams},
    [KIND_DNSSEC] = {"honour or override", word_parse, word_format, NULL, answers},
    [KIND_TSIG] = {"hmac-sha256 or hmac-sha512", word_parse, word_format, NULL, algorithms},
    [KIND_VALIDATION] = {"validate, log or off", word_parse, word_format, NULL, validations},
    [KIND_CUT] = {"validated, always or off", word_parse, word_format, NULL, cuts},
};

bool value_parse(const struct setting *s, const char *text, const struct value_env *env, void *at,
                 char why[VALUE_WHY_MAX])
{
    if (kinds[s->kind].parse(s, text, env, at))
        return true;
    struct writer w = writer_of(why, VALUE_WHY_MAX - 1);
    writer_printf(&w, "must be %s", kinds[s->kind].wants);
    if (*s->least)
        writer_printf(&w, ", from %s to %s", s->least, s->most);
    why[w.len] = 0;
    return false;
}

void value_format(const struct setting *s, const void *at, struct writer *w)
{
    kinds[s->kind].format(s, at, w);
}

bool value_present(const struct setting *s, const void *at)
{
    sa_family_t family = AF_UNSPEC;
    if (kinds[s->kind].format == text_format)
        return text_load(at) != NULL;
    if (s->kind == KIND_IP)
        return ((const struct ip *)at)->len != 0;
    if (kinds[s->kind].format != address_format)
        return true;
    memcpy(&family, at, sizeof family);
    return family != AF_UNSPEC;
}
