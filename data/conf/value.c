/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values of settings, between text and field: one row of `kinds` for each kind; numbers and words are read
 * here. */
#include "data/conf/value_kinds.h"

#include <sched.h>

#include "data/base/text.h"

enum { WORKERS_MAX = 64 };

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
    value_parser *parse;
    value_formatter *format;
    bool (*present)(const void *at); /* NULL: it always is */
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

/* ---- the table ---- */

static const struct kind kinds[] = {
    [KIND_COUNT] = {"a whole number", number_parse, number_format, .units = counts},
    [KIND_WORKERS] = {"\"auto\" or a whole number", workers_parse, number_format, .units = counts},
    [KIND_SIZE] = {"a size such as 16KiB or 256MB", number_parse, number_format, .units = sizes},
    [KIND_TIME] = {"a time such as 250ms, 30s or 12h", number_parse, number_format, .units = times},
    [KIND_PATH] = {"the path of a file", path_parse, text_format, .present = text_present},
    [KIND_URL] = {"file:FOLDER/ or https://HOST/FOLDER/", url_parse, text_format, .present = text_present},
    [KIND_PAGE] = {"a page such as https://www.example.org/", page_parse, text_format,
                   .present = text_present},
    [KIND_PROXY] = {"a proxy such as http://192.0.2.1:3128 or socks5h://proxy.example:1080", proxy_parse,
                    text_format, .present = text_present},
    [KIND_URLPATH] = {"a path such as /dns-query, of letters, digits and -._~/", urlpath_parse, text_format,
                      .present = text_present},
    [KIND_USER] = {"the name of an account", user_parse, text_format, .present = text_present},
    [KIND_HOST] = {"a host name", host_parse, text_format, .present = text_present},
    [KIND_NAME] = {"1 to 32 of a-z, 0-9 and -", name_parse, text_format, .present = text_present},
    [KIND_ADDRESS] = {"an IP address and a port such as 127.0.0.1:8443 or [::1]:8443", address_parse,
                      address_format, .present = address_present},
    [KIND_SERVER] = {"an IP address such as 192.0.2.1, 192.0.2.1:5353 or [2001:db8::1]:53", server_parse,
                     address_format, .present = address_present},
    [KIND_IP] = {"an IP address such as 192.0.2.1 or 2001:db8::1", ip_value_parse, ip_value_format,
                 .present = ip_value_present},
    [KIND_NET] =
        {"an address or a network such as 192.0.2.0/24 or 2001:db8::/32, without bits behind its prefix",
         net_parse, net_format, .present = NULL},
    [KIND_PIN] = {"the SHA-256 of a public key in base64, 44 characters", pin_parse, pin_format,
                  .present = NULL},
    [KIND_BOOL] = {"true or false", word_parse, word_format, .words = truths},
    [KIND_SWITCH] = {"on or off", word_parse, word_format, .words = switches},
    [KIND_LEVEL] = {"error, warn, info or debug", word_parse, word_format, .words = levels},
    [KIND_PROTOCOL] = {"https, http or tls", word_parse, word_format, .words = protocols},
    [KIND_FORWARDED] = {"x-forwarded-for, forwarded or none", word_parse, word_format, .words = headers},
    [KIND_UPSTREAM] = {"auto, udp, tls or https", word_parse, word_format, .words = upstreams},
    [KIND_DNSSEC] = {"honour or override", word_parse, word_format, .words = answers},
    [KIND_TSIG] = {"hmac-sha256 or hmac-sha512", word_parse, word_format, .words = algorithms},
    [KIND_VALIDATION] = {"validate, log or off", word_parse, word_format, .words = validations},
    [KIND_CUT] = {"validated, always or off", word_parse, word_format, .words = cuts},
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
    const struct kind *k = &kinds[s->kind];
    return !k->present || k->present(at);
}
