/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The frame under every subcommand of `polynya`.
 *
 * A subcommand is one row: its name, its words, its table of options and its function. Parsing, --help and
 * the list of commands come from those tables. Rules: results go to stdout, everything else to stderr; exit
 * status 0 done or yes, 1 failed or no, 2 called wrongly; a message names what is wrong and what to do; no
 * file is overwritten unless asked. One process runs one command, so memory lives in one arena until the end.
 */
#ifndef POLYNYA_CLI_CLI_H
#define POLYNYA_CLI_CLI_H

#include "data/base/arena.h"

enum cli_exit { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2 };

/* What an option's value is, and the type of the member that receives it. */
enum cli_kind {
    CLI_FLAG,   /* bool */
    CLI_TEXT,   /* const char * */
    CLI_MANY,   /* struct cli_words: the option may be repeated */
    CLI_NUMBER, /* uint64_t, up to 2^53 */
    CLI_TIME    /* int64_t, from RFC 3339 text in UTC */
};

enum { CLI_WORDS_MAX = 128 };
struct cli_words {
    const char *item[CLI_WORDS_MAX];
    unsigned count;
};

struct cli_option {
    const char *name;
    char letter; /* 0: none */
    enum cli_kind kind;
    size_t at;         /* offset of the member in the command's struct of options */
    const char *value; /* placeholder in the help; NULL for a flag */
    const char *help;
};
#define CLI_OPTION(name, letter, kind, type, member, value, help)                                            \
    {                                                                                                        \
        name, letter, kind, offsetof(struct type, member), value, help                                       \
    }
#define CLI_OPTIONS_END                                                                                      \
    {                                                                                                        \
        0                                                                                                    \
    }

struct cli;

struct cli_command {
    const char *name;  /* one or two words */
    const char *words; /* what follows the options, for the help */
    const char *summary;
    const struct cli_option *options;
    size_t size; /* of the struct that run is given, zeroed where no option was */
    unsigned least, most;
    enum cli_exit trouble; /* instead of CLI_FAILED where that is an answer; 0: it is none */
    int (*run)(struct cli *c, const void *options);
};

struct cli {
    const struct cli_command *command;
    struct cli_words words; /* those that are no options */
    struct arena arena;
    bool misused; /* cli_usage has spoken: whatever run returns but CLI_OK becomes CLI_USAGE */
};

/* Options and words of c->command out of argv, whose first entry is skipped. Says what is wrong and returns
 * false; sets *help if help was asked for. */
bool cli_parse(struct cli *c, int argc, char **argv, void *options, bool *help);
void cli_print_help(const struct cli_command *command);

/* "polynya: …" on stderr; returns CLI_FAILED and CLI_USAGE, so that commands can return them. */
int cli_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
int cli_usage(struct cli *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* given, or the wall clock in Unix seconds if given is 0. */
int64_t cli_now(int64_t given);
/* An expiry: RFC 3339, or a span from now: "90d", "24h", "30m". NULL text takes `otherwise`. */
bool cli_expiry(struct cli *c, const char *text, const char *otherwise, int64_t now, int64_t *out);
/* "RU=dns,ip" → "RU" and "dns,ip" (both copies); false without '='. */
bool cli_split(struct cli *c, const char *text, char at, const char **left, const char **right);

/* The file's bytes, NUL behind them; false (said on stderr) if unreadable or longer than max. */
bool cli_read(struct cli *c, const char *path, size_t max, struct bytes *out);
bool cli_exists(const char *path);
/* Creates the file; one that exists is left alone, said so, and false. mode 0600 for secrets. */
bool cli_create(const char *path, struct bytes content, unsigned mode);
/* Puts the file in place at once, whole and synced: a reader sees the old one or the new one. */
bool cli_replace(const char *path, struct bytes content);
/* cli_replace if replace is set, else cli_create. */
bool cli_save(const char *path, struct bytes content, bool replace);
/* DIR/NAME in the arena. */
const char *cli_path(struct cli *c, const char *dir, const char *name);

/* The subcommands' rows: command.def. */
#define COMMAND(name) extern const struct cli_command command_##name;
#include "steering/cli/command.def"
#undef COMMAND

#endif
