/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Files with secrets: see secrets.h. */
#include "resolver/secrets.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "data/base/file.h"
#include "data/base/log.h"

bool secrets_readable(const struct conf *conf, char *error, size_t cap)
{
    for (unsigned i = 0; i < conf->steering.rpz_count; i++) {
        const struct conf_rpz *r = &conf->steering.rpz[i];
        if (r->tsig_secret_file && access(r->tsig_secret_file, R_OK) != 0) {
            snprintf(error, cap, "policy zone %s: %s: %s", r->name, r->tsig_secret_file, strerror(errno));
            return false;
        }
    }
    return true;
}

static bool key_stands_before(const struct conf *conf, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (strcmp(conf->tls.certificates[i].key, conf->tls.certificates[n].key) == 0)
            return true;
    return false;
}

static bool secret_stands_before(const struct conf *conf, unsigned n)
{
    const struct conf_rpz *rpz = conf->steering.rpz;
    for (unsigned i = 0; i < n; i++)
        if (rpz[i].tsig_secret_file && strcmp(rpz[i].tsig_secret_file, rpz[n].tsig_secret_file) == 0)
            return true;
    return false;
}

void secrets_exposed(const struct conf *conf, void (*each)(void *self, const char *setting, const char *file),
                     void *self)
{
    for (unsigned i = 0; i < conf->tls.count; i++) {
        const char *key = conf->tls.certificates[i].key;
        if (!key_stands_before(conf, i) && file_open_to_others(key))
            each(self, "tls.certificates[].key", key);
    }
    for (unsigned i = 0; i < conf->steering.rpz_count; i++) {
        const char *secret = conf->steering.rpz[i].tsig_secret_file;
        if (secret && !secret_stands_before(conf, i) && file_open_to_others(secret))
            each(self, "steering.rpz[].tsig-secret-file", secret);
    }
}

static void warn(void *self, const char *setting, const char *file)
{
    (void)self;
    log_warn("secret.exposed", "setting=%s file=%s text=\"every account may read it or write to it\"",
             setting, file);
}

void secrets_warn(const struct conf *conf)
{
    secrets_exposed(conf, warn, NULL);
}
