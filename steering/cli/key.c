/* SPDX-License-Identifier: GPL-3.0-or-later */
/* `polynya key new`: a pair of signing keys in minisign's formats. */
#include <openssl/crypto.h>
#include <stdio.h>
#include <unistd.h>

#include "data/list/minisign.h"
#include "steering/cli/json.h"

struct options {
    const char *comment;
    bool json;
};

static const struct cli_option options[] = {
    CLI_OPTION("comment", 'c', CLI_TEXT, options, comment, "TEXT",
               "untrusted comment of the secret key file"),
    CLI_JSON_OPTION(options),
    CLI_OPTIONS_END,
};

/* FILE.key → FILE.pub, else FILE with .pub behind it. */
static const char *public_path(struct cli *c, const char *path)
{
    size_t len = strlen(path);
    if (len > 4 && strcmp(path + len - 4, ".key") == 0)
        len -= 4;
    return arena_printf(&c->arena, "%.*s.pub", (int)len, path);
}

/* Puts the comment in place of the one in the first line of a key file. */
static bool set_comment(struct writer *file, const char *comment)
{
    char text[MINISIGN_KEY_FILE_MAX];
    struct writer w = writer_of(text, sizeof text);
    const uint8_t *end = file->full ? NULL : memchr(file->data, '\n', file->len);
    if (!end)
        return false;
    writer_printf(&w, "untrusted comment: %s", comment);
    writer_put(&w, end, file->len - (size_t)(end - file->data));
    file->len = 0;
    writer_bytes(file, writer_done(&w));
    OPENSSL_cleanse(text, sizeof text);
    return !w.full && !file->full;
}

static bool comment_ok(const char *comment)
{
    struct bytes b = bytes_str(comment);
    for (size_t i = 0; i < b.len; i++)
        if (b.data[i] < ' ')
            return false;
    return b.len < 900;
}

static int write_pair(struct cli *c, const struct options *o, const struct minisign_secret *key)
{
    const char *secret = c->words.item[0], *public = public_path(c, secret);
    uint8_t file[MINISIGN_KEY_FILE_MAX], public_file[MINISIGN_KEY_FILE_MAX];
    struct writer w = writer_of(file, sizeof file), p = writer_of(public_file, sizeof public_file);
    char text[MINISIGN_PUBLIC_TEXT + 1];
    minisign_public_file(&key->public, &p);
    bool made = minisign_secret_file(key, &w) && (!o->comment || set_comment(&w, o->comment));
    bool ok = false;
    if (!made || w.full || p.full || !public)
        cli_fail("the key pair could not be made");
    else if (cli_create(secret, writer_done(&w), 0600)) {
        ok = cli_create(public, writer_done(&p), 0644);
        if (!ok)
            unlink(secret); /* a half pair would only be in the way */
    }
    OPENSSL_cleanse(file, sizeof file);
    if (!ok)
        return CLI_FAILED;
    minisign_public_format(&key->public, text);
    if (o->json)
        return cli_json(json_pack("{s:s, s:o, s:o}", "key", text, "secret_file", cli_json_text(c, secret),
                                  "public_file", cli_json_text(c, public)));
    printf("%s\n", text);
    fprintf(stderr, "secret key: %s (keep it; whoever has it can sign)\npublic key: %s\n", secret, public);
    return CLI_OK;
}

static int run(struct cli *c, const void *given)
{
    const struct options *o = given;
    struct minisign_secret key;
    if (o->comment && !comment_ok(o->comment))
        return cli_usage(c, "--comment is one line of at most 900 bytes");
    if (!minisign_generate(&key))
        return cli_fail("OpenSSL could not make a key");
    int status = write_pair(c, o, &key);
    minisign_secret_wipe(&key);
    return status;
}

const struct cli_command command_key_new = {
    .name = "key new",
    .words = "FILE.key",
    .summary = "Make a key pair: FILE.key (secret, mode 0600) and FILE.pub",
    .options = options,
    .size = sizeof(struct options),
    .least = 1,
    .most = 1,
    .run = run,
};
