/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Telling of files: see file.h. */
#include "data/base/file.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "data/base/hash.h"

uint64_t file_mark(const char *path, uint64_t before)
{
    struct stat st;
    uint64_t facts[8] = {before};
    if (stat(path, &st) == 0) {
        facts[1] = st.st_dev;
        facts[2] = st.st_ino;
        facts[3] = (uint64_t)st.st_size;
        facts[4] = (uint64_t)st.st_mtim.tv_sec;
        facts[5] = (uint64_t)st.st_mtim.tv_nsec;
        /* Tools that copy keep the time of writing; and of a mode that changes only this one tells. */
        facts[6] = (uint64_t)st.st_ctim.tv_sec;
        facts[7] = (uint64_t)st.st_ctim.tv_nsec;
    }
    return hash_siphash(&(struct hash_key){0}, facts, sizeof facts);
}

static bool lets_others(const char *path, mode_t mode)
{
    struct stat st;
    return stat(path, &st) == 0 && st.st_mode & mode;
}

/* Cuts path, an absolute one, from its end on. */
static bool lets_others_through(char *path)
{
    char *slash;
    while ((slash = strrchr(path, '/')) && slash != path) {
        *slash = '\0';
        if (!lets_others(path, S_IXOTH))
            return false;
    }
    return lets_others("/", S_IXOTH);
}

bool file_open_to_others(const char *path)
{
    char *real = realpath(path, NULL);
    bool open = real && lets_others(real, S_IROTH | S_IWOTH) && lets_others_through(real);
    free(real);
    return open;
}
