/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya`: the command line for outlets, list maintainers and operators. A table of subcommands and nothing
 * else: each is a file beside this one. */
#include "steering/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "data/base/version.h"

static const struct cli_command *const commands[] = {
#define COMMAND(name) &command_##name,
#include "steering/cli/command.def"
#undef COMMAND
};
enum { COMMANDS = sizeof commands / sizeof *commands };
enum { MEMORY_MAX = 512 << 20 };

static void print_commands(FILE *out)
{
    fputs("usage: polynya COMMAND [OPTION…] [WORD…]\n\n", out);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(out, "  %-20s %s\n", commands[i]->name, commands[i]->summary);
    fputs("\n`polynya help COMMAND` explains one; polynya(1) explains all.\n", out);
}

/* The words of the command's name that argv starts with; 0 if it is another command. */
static int name_matches(const char *name, int argc, char **argv)
{
    const char *space = strchr(name, ' ');
    if (!space)
        return argc > 0 && strcmp(argv[0], name) == 0 ? 1 : 0;
    size_t first = (size_t)(space - name);
    if (argc < 2 || strlen(argv[0]) != first || memcmp(argv[0], name, first) != 0)
        return 0;
    return strcmp(argv[1], space + 1) == 0 ? 2 : 0;
}

static const struct cli_command *command_find(int argc, char **argv, int *words)
{
    for (int i = 0; i < COMMANDS; i++)
        if ((*words = name_matches(commands[i]->name, argc, argv)))
            return commands[i];
    return NULL;
}

/* `polynya root` alone, or an unknown second word: the commands of that group. */
static int unknown_command(int argc, char **argv)
{
    size_t len = argc > 0 ? strlen(argv[0]) : 0;
    bool group = false;
    for (int i = 0; i < COMMANDS && len; i++)
        if (strncmp(commands[i]->name, argv[0], len) == 0 && commands[i]->name[len] == ' ') {
            fprintf(stderr, "%s  %-20s %s\n", group ? "" : "polynya: which of these is meant?\n",
                    commands[i]->name, commands[i]->summary);
            group = true;
        }
    if (!group && argc > 0)
        cli_fail("there is no command '%s'; `polynya help` lists them", argv[0]);
    else if (argc == 0)
        print_commands(stderr);
    return CLI_USAGE;
}

static int help(int argc, char **argv)
{
    int words;
    const struct cli_command *command = command_find(argc, argv, &words);
    if (argc > 0 && !command)
        return unknown_command(argc, argv);
    if (command)
        cli_print_help(command);
    else
        print_commands(stdout);
    return CLI_OK;
}

static int run(const struct cli_command *command, int argc, char **argv)
{
    struct cli c = {.command = command};
    bool wants_help = false;
    int status = CLI_USAGE;
    arena_init(&c.arena, MEMORY_MAX);
    void *options = calloc(1, command->size ? command->size : 1);
    if (!options)
        status = cli_fail("out of memory");
    else if (cli_parse(&c, argc, argv, options, &wants_help))
        status = command->run(&c, options);
    else if (wants_help) {
        cli_print_help(command);
        status = CLI_OK;
    }
    if (status == CLI_FAILED && c.misused)
        status = CLI_USAGE;
    free(options);
    arena_fini(&c.arena);
    return status;
}

/* A command whose words went nowhere has not done what it was asked for. */
static int close_output(int status, int trouble)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return status;
    cli_fail("cannot write to standard output: %s", strerror(errno));
    return trouble;
}

/* A file opened in the place of a closed standard stream would be taken for it: a key file for the output.
 * What stands there instead cannot be written. */
static void hold_streams(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd)
            _exit(CLI_FAILED);
}

int main(int argc, char **argv)
{
    int words = 0;
    hold_streams();
    /* A reader that goes away is an error like another, and files half made are still cleaned up. */
    signal(SIGPIPE, SIG_IGN);
    argc--, argv++;
    if (argc > 0 && strcmp(argv[0], "--version") == 0)
        return close_output(puts("polynya " POLYNYA_VERSION) < 0 ? CLI_FAILED : CLI_OK, CLI_FAILED);
    if (argc > 0 &&
        (strcmp(argv[0], "help") == 0 || strcmp(argv[0], "--help") == 0 || strcmp(argv[0], "-h") == 0))
        return close_output(help(argc - 1, argv + 1), CLI_FAILED);
    const struct cli_command *command = command_find(argc, argv, &words);
    if (!command)
        return unknown_command(argc, argv);
    /* argv[words - 1] stands where getopt expects the program's name. */
    int status = run(command, argc - words + 1, argv + words - 1);
    return close_output(status, command->trouble ? command->trouble : CLI_FAILED);
}
