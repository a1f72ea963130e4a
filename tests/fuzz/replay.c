/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The main of a fuzz target built without libFuzzer: runs every file of the files and folders named, once.
 *
 * So the kept corpora are a regression test wherever the tree builds. A finding ends the process as it would
 * under the fuzzer; the sanitizers come with SAN=1. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned replayed;

static void die(const char *path)
{
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    exit(1);
}

/* The input gets a heap block of just its length, so that ASan sees a read past it. */
static void replay_file(const char *path, size_t size)
{
    FILE *f = fopen(path, "rb");
    uint8_t *data = malloc(size ? size : 1);
    if (!f || !data || fread(data, 1, size, f) != size)
        die(path);
    fclose(f);
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    replayed++;
}

static void replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        die(path);
    if (S_ISREG(st.st_mode)) {
        replay_file(path, (size_t)st.st_size);
        return;
    }
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    if (n < 0)
        die(path);
    for (int i = 0; i < n; i++) {
        char below[PATH_MAX];
        if (entries[i]->d_name[0] != '.' &&
            snprintf(below, sizeof below, "%s/%s", path, entries[i]->d_name) < (int)sizeof below)
            replay(below);
        free(entries[i]);
    }
    free(entries);
}

int main(int argc, char **argv)
{
    const char *slash = strrchr(argv[0], '/');
    for (int i = 1; i < argc; i++)
        replay(argv[i]);
    printf("%u inputs replayed: %s\n", replayed, slash ? slash + 1 : argv[0]);
    return replayed ? 0 : 1;
}
