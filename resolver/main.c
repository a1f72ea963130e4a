/* SPDX-License-Identifier: GPL-3.0-or-later */
/* polynyad: the command line of the daemon. See polynyad(8). */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "data/base/version.h"
#include "resolver/generation.h"
#include "resolver/secrets.h"
#include "resolver/supervisor.h"

enum { ERROR_MAX = 512, PRINT_MAX = 1 << 20 };

static int usage(FILE *to, int status)
{
    fputs("usage: polynyad [-n [-v]] -c FILE\n"
          "       polynyad -V | -h\n"
          "\n"
          "  -c FILE  the config, see polynya.yaml(5)\n"
          "  -n       check the config and what it names, then exit: 0 good, 1 bad\n"
          "  -nv      the same, and print the config in effect with its defaults\n"
          "  -V       print the version\n",
          to);
    return status;
}

static int print_conf(const struct conf *conf)
{
    uint8_t *text = malloc(PRINT_MAX);
    if (!text)
        return 1;
    struct writer w = writer_of(text, PRINT_MAX);
    conf_print(conf, &w);
    size_t written = w.full ? 0 : fwrite(w.data, 1, w.len, stdout);
    free(text);
    return written ? 0 : 1;
}

/* Good, and still to be said. */
static void warn(void *self, const char *setting, const char *file)
{
    const struct conf *conf = self;
    fprintf(stderr, "%s: warning: %s: %s: every account may read it or write to it\n", conf->file, setting,
            file);
}

static int check(struct conf *conf, bool print)
{
    char error[ERROR_MAX];
    if (!generation_check(conf, error, sizeof error)) {
        fprintf(stderr, "%s: %s\n", conf->file, error);
        return 1;
    }
    secrets_exposed(conf, warn, conf);
    return print ? print_conf(conf) : 0;
}

int main(int argc, char **argv)
{
    const char *file = NULL;
    bool check_only = false, print = false;
    int option;
    while ((option = getopt(argc, argv, "c:nvVh")) != -1) {
        switch (option) {
        case 'c':
            file = optarg;
            break;
        case 'n':
            check_only = true;
            break;
        case 'v':
            print = true;
            break;
        case 'V':
            puts("polynyad " POLYNYA_VERSION);
            return 0;
        case 'h':
            return usage(stdout, 0);
        default:
            return usage(stderr, 2);
        }
    }
    if (!file || optind != argc || (print && !check_only))
        return usage(stderr, 2);
    char error[ERROR_MAX];
    struct conf *conf = conf_load(file, error, sizeof error);
    if (!conf) {
        fprintf(stderr, "%s\n", error);
        return 1;
    }
    int status = check_only ? check(conf, print) : supervisor_run(&conf);
    conf_free(&conf);
    return status;
}
