/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A command's table of options, used twice: for getopt_long and for the help. */
#include "steering/cli/cli.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>

#include "data/base/clock.h"
#include "data/base/text.h"

enum { MESSAGE_MAX = 1024 };
enum { OPTIONS_MAX = 32, LETTERS = 256 }; /* options without a letter are told to getopt as LETTERS + index */

/* One line whatever stands in the words and files it speaks of; cut where it is long. */
static void say(const char *format, va_list args)
{
    char text[MESSAGE_MAX];
    bool cut = vsnprintf(text, sizeof text, format, args) >= MESSAGE_MAX;
    for (size_t n = strlen(text); cut && n > 0 && (uint8_t)text[n - 1] >= 0x80; n--)
        text[n - 1] = 0; /* no half of a character */
    for (char *p = text; *p; p++)
        if ((uint8_t)*p < ' ' || *p == 0x7f)
            *p = '?';
    fprintf(stderr, "%s%s", text, cut ? "…" : "");
}

int cli_fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("polynya: ", stderr);
    say(format, args);
    fputc('\n', stderr);
    va_end(args);
    return CLI_FAILED;
}

int cli_usage(struct cli *c, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "polynya %s: ", c->command->name);
    say(format, args);
    fprintf(stderr, "; see `polynya help %s`\n", c->command->name);
    va_end(args);
    c->misused = true;
    return CLI_USAGE;
}

static bool store(struct cli *c, const struct cli_option *o, void *options, const char *value)
{
    void *at = (uint8_t *)options + o->at;
    struct cli_words *many = at;
    /* In a script an unset variable: as a folder it would be the root of all files. */
    if (value && !*value && (o->kind == CLI_TEXT || o->kind == CLI_MANY))
        return cli_usage(c, "--%s wants a value, not an empty one", o->name), false;
    switch (o->kind) {
    case CLI_FLAG:
        *(bool *)at = true;
        return true;
    case CLI_TEXT:
        *(const char **)at = value;
        return true;
    case CLI_MANY:
        if (many->count == CLI_WORDS_MAX)
            return cli_usage(c, "--%s stands more than %d times", o->name, CLI_WORDS_MAX), false;
        many->item[many->count++] = value;
        return true;
    case CLI_NUMBER:
        if (!uint_parse(bytes_str(value), 1ull << 53, at))
            return cli_usage(c, "--%s wants a number, not '%s'", o->name, value), false;
        return true;
    case CLI_TIME:
        if (!time_parse(bytes_str(value), at))
            return cli_usage(c, "--%s wants a time like 2026-11-23T20:00:00Z, not '%s'", o->name, value),
                   false;
        return true;
    }
    return false;
}

static void to_getopt(const struct cli_command *command, struct option *longs, char *shorts)
{
    size_t n = 0;
    *shorts++ = ':';
    for (const struct cli_option *o = command->options; o && o->name && n < OPTIONS_MAX; o++, n++) {
        longs[n] = (struct option){.name = o->name,
                                   .has_arg = o->kind == CLI_FLAG ? no_argument : required_argument,
                                   .val = LETTERS + (int)n};
        if (o->letter)
            *shorts++ = o->letter;
        if (o->letter && o->kind != CLI_FLAG)
            *shorts++ = ':';
    }
    longs[n] = (struct option){.name = "help", .val = 'h'};
    longs[n + 1] = (struct option){0};
    *shorts++ = 'h';
    *shorts = 0;
}

static const struct cli_option *option_of(const struct cli_command *command, int got)
{
    if (got >= LETTERS)
        return &command->options[got - LETTERS];
    for (const struct cli_option *o = command->options; o && o->name; o++)
        if (o->letter == got)
            return o;
    return NULL;
}

static bool take_words(struct cli *c, int argc, char **argv)
{
    if ((unsigned)argc < c->command->least)
        return cli_usage(c, "%s is missing", c->command->words), false;
    if ((unsigned)argc > c->command->most)
        return cli_usage(c, "'%s' is one word too many", argv[c->command->most]), false;
    for (int i = 0; i < argc; i++) {
        if (!*argv[i])
            return cli_usage(c, "word %d is empty: %s", i + 1, c->command->words), false;
        c->words.item[c->words.count++] = argv[i];
    }
    return true;
}

bool cli_parse(struct cli *c, int argc, char **argv, void *options, bool *help)
{
    struct option longs[OPTIONS_MAX + 2];
    char shorts[2 * OPTIONS_MAX + 4];
    to_getopt(c->command, longs, shorts);
    opterr = 0;
    for (int got; (got = getopt_long(argc, argv, shorts, longs, NULL)) != -1;) {
        const struct cli_option *o;
        if (got == 'h') {
            *help = true;
            return false;
        }
        if (got == '?' || got == ':')
            return cli_usage(c, got == ':' ? "%s wants a value" : "%s is not an option here",
                             argv[optind - 1]),
                   false;
        o = option_of(c->command, got);
        if (!o || !store(c, o, options, optarg))
            return false;
    }
    return take_words(c, argc - optind, argv + optind);
}

void cli_print_help(const struct cli_command *command)
{
    printf("usage: polynya %s [OPTION…] %s\n\n%s.\n\n", command->name, command->words, command->summary);
    for (const struct cli_option *o = command->options; o && o->name; o++) {
        char name[64], letter[8] = "    ";
        if (o->letter)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(name, sizeof name, "--%s%s%s", o->name, o->value ? " " : "", o->value ? o->value : "");
        printf("  %s%-26s %s\n", letter, name, o->help);
    }
    printf("  -h, %-26s %s\n", "--help", "this text");
}

int64_t cli_now(int64_t given)
{
    return given ? given : clock_wall_ms() / 1000;
}

static int64_t span_unit(char c)
{
    switch (c) {
    case 'd':
        return 86400;
    case 'h':
        return 3600;
    case 'm':
        return 60;
    default:
        return 0;
    }
}

bool cli_expiry(struct cli *c, const char *text, const char *otherwise, int64_t now, int64_t *out)
{
    if (!text)
        text = otherwise;
    struct bytes b = bytes_str(text);
    uint64_t n;
    if (time_parse(b, out))
        return true;
    int64_t unit = b.len > 1 ? span_unit(text[b.len - 1]) : 0;
    if (!unit || !uint_parse(bytes_of(text, b.len - 1), 100000, &n) || n == 0) {
        cli_usage(c, "'%s' is no expiry: give 30d, 24h, 30m or a time like 2026-11-23T20:00:00Z", text);
        return false;
    }
    *out = now + (int64_t)n * unit;
    return true;
}

bool cli_split(struct cli *c, const char *text, char at, const char **left, const char **right)
{
    const char *mark = strchr(text, at);
    if (!mark)
        return false;
    *left = arena_text(&c->arena, bytes_of(text, (size_t)(mark - text)));
    *right = arena_text(&c->arena, bytes_str(mark + 1));
    return *left && *right;
}
