/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Keys and signatures against fixed ones made by minisign 0.11, against the installed minisign both ways, and
 * against every kind of damage. */
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdarg.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "data/list/minisign.h"

#define SECRET                                                                                               \
    "untrusted comment: minisign encrypted secret key\n"                                                     \
    "RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA2HO9bh/"                        \
    "5uJwAo7x8tAiMM5CoOnWsKhUFshXx"                                                                          \
    "Cp8FmOuxwwhfvbsQtqcYLmYmtz7Mmya7+11R7rSMLkL3FZ+iQmje/"                                                  \
    "hs2AuFTAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
#define PUBLIC "RWTYc71uH/m4nKcYLmYmtz7Mmya7+11R7rSMLkL3FZ+iQmje/hs2AuFT"
#define LINE1  "untrusted comment: signature from minisign secret key"
#define LINE2                                                                                                \
    "RUTYc71uH/m4nPmlgX3ObywNDZaTQOSpCltbF5Sm9hv/MWvlffx11pOXsyf0jiLISUi1yvE0yTWhQ3em9hvgxdmxWYT1UT/D6Ac="
#define LINE3     "trusted comment: timestamp:1795478917\tfile:f\thashed"
#define LINE4     "DtR/lwrrbeuZUrs2bVsVfP5oXNmxrHfDWU+S0TS4MB9POtn4QqfIojgM1dxd8ddeL4bZwnl5Blv4AOGjksJzBQ=="
#define SIGNATURE LINE1 "\n" LINE2 "\n" LINE3 "\n" LINE4 "\n"
#define LEGACY                                                                                               \
    "untrusted comment: signature from minisign secret key\n"                                                \
    "RWTYc71uH/m4nOGScc839xyiKwkW5jdJkHVzERVCeIxpT+03E/4F/jnxlS45v4Q/DviAx5tuR7JcLT3b7Q5i63C8FtqiT1xPOw0=\n" \
    "trusted comment: timestamp:1795480586\tfile:legacy\n"                                                   \
    "CeJkKo8cGju1poPm8OMazrzlB2s/RwjfBKsNjp3mQSlPss9JmevjcT5One3+fN8oCvqRo9N9GdCTveqLeYIvBg==\n"
#define ENCRYPTED                                                                                            \
    "untrusted comment: minisign encrypted secret key\n"                                                     \
    "RWRTY0IyW9ffEwbNK3/m2AOzts+MZ+3+A1auUiegY6DKWWOfOMsAAAACAAAAAAAAAEAAAAAAWuQ+B/"                         \
    "x2qcEw3ndNV+Ru13E1vkHnZ5AgNRmSN+f2LcRSCfwzy0JdrSRAfMJTIdS0pvV+kJEyyBlbq0R9FUN/"                         \
    "QyBhu8HN+LKtuXtKfCEL5AktjrslA3lH8tZ/0BgxdMkMYUjIovwxAzY=\n"

static struct minisign_public public_key(const char *text)
{
    struct minisign_public key;
    assert_true(minisign_public_parse(bytes_str(text), &key, NULL));
    return key;
}

static bool verifies(const char *signature, const char *text)
{
    struct minisign_public key = public_key(PUBLIC);
    struct minisign_signature s;
    return minisign_signature_parse(bytes_str(signature), &s, NULL) &&
           minisign_verify(&key, &s, bytes_str(text));
}

static void public_keys_have_one_text(void **state)
{
    (void)state;
    struct minisign_public key = public_key(PUBLIC);
    char text[MINISIGN_PUBLIC_TEXT + 1], id[17], file[256];
    minisign_public_format(&key, text);
    assert_string_equal(text, PUBLIC);
    minisign_id_format(key.id, id);
    assert_string_equal(id, "9CB8F91F6EBD73D8");
    struct writer w = writer_of(file, sizeof file);
    minisign_public_file(&key, &w);
    writer_u8(&w, 0);
    assert_string_equal(file, "untrusted comment: minisign public key 9CB8F91F6EBD73D8\n" PUBLIC "\n");
    struct minisign_public again = public_key(file);
    assert_true(minisign_public_equal(&key, &again));
    public_key("untrusted comment: x\r\n" PUBLIC "\r\n");
}

static void bad_public_keys_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {"",
                                      "RW",
                                      PUBLIC "\n" PUBLIC "\n",
                                      PUBLIC "A",
                                      "untrusted comment: x\n",
                                      "RUTYc71uH/m4nKcYLmYmtz7Mmya7+11R7rSMLkL3FZ+iQmje/hs2AuFT",
                                      " " PUBLIC};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct minisign_public key;
        struct refusal why = {.why = REFUSAL_NONE};
        assert_false(minisign_public_parse(bytes_str(bad[i]), &key, &why));
        assert_int_equal(why.why, REFUSAL_BAD_KEY);
    }
}

static void minisigns_signature_verifies(void **state)
{
    (void)state;
    assert_true(verifies(SIGNATURE, "hi\n"));
    assert_true(verifies(LINE1 "\r\n" LINE2 "\r\n" LINE3 "\r\n" LINE4, "hi\n"));
    /* The untrusted comment is not covered; everything else is. */
    assert_true(verifies("untrusted comment: \n" LINE2 "\n" LINE3 "\n" LINE4 "\n", "hi\n"));
    assert_false(verifies(SIGNATURE, "hi"));
    assert_false(verifies(
        LINE1 "\n" LINE2 "\ntrusted comment: timestamp:1795478918\tfile:f\thashed\n" LINE4 "\n", "hi\n"));
}

static void every_changed_character_is_noticed(void **state)
{
    (void)state;
    char text[] = SIGNATURE;
    for (size_t i = strlen(LINE1) + 1; i < strlen(SIGNATURE) - 1; i++) {
        text[i] ^= 1;
        assert_false(verifies(text, "hi\n"));
        text[i] ^= 1;
    }
    assert_true(verifies(text, "hi\n"));
}

static void malformed_signatures_are_refused(void **state)
{
    (void)state;
    static char long_comment[9000];
    memset(long_comment, 'a', sizeof long_comment - 1);
    char over[10000];
    snprintf(over, sizeof over, LINE1 "\n" LINE2 "\ntrusted comment: %s\n" LINE4 "\n", long_comment);
    const char *const bad[] = {"",
                               LINE1,
                               LINE1 "\n" LINE2 "\n" LINE3 "\n",
                               SIGNATURE "\n",
                               SIGNATURE "x",
                               LINE2 "\n" LINE2 "\n" LINE3 "\n" LINE4 "\n",
                               LINE1 "\n" LINE4 "\n" LINE3 "\n" LINE4 "\n",
                               LINE1 "\n" LINE2 "\n" LINE3 "\x01\n" LINE4 "\n",
                               over};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct minisign_signature s;
        struct refusal why = {.why = REFUSAL_NONE};
        assert_false(minisign_signature_parse(bytes_str(bad[i]), &s, &why));
        assert_int_equal(why.why, REFUSAL_BAD_SIGNATURE);
    }
    struct minisign_signature s;
    struct refusal why;
    assert_false(minisign_signature_parse(bytes_str(LEGACY), &s, &why));
    assert_int_equal(why.why, REFUSAL_LEGACY_SIGNATURE);
}

static void secret_keys_are_read_and_written(void **state)
{
    (void)state;
    struct minisign_secret key;
    struct refusal why;
    char file[512];
    struct writer w = writer_of(file, sizeof file);
    assert_true(minisign_secret_parse(bytes_str(SECRET), &key, NULL));
    struct minisign_public public = public_key(PUBLIC);
    assert_true(minisign_public_equal(&key.public, &public));
    assert_true(minisign_secret_file(&key, &w));
    writer_u8(&w, 0);
    assert_string_equal(file, SECRET);
    assert_false(minisign_secret_parse(bytes_str(ENCRYPTED), &key, &why));
    assert_int_equal(why.why, REFUSAL_ENCRYPTED_KEY);
    char *half = strstr(file, "qcYLmYm");
    assert_non_null(half);
    half[2]++;
    assert_false(minisign_secret_parse(bytes_str(file), &key, &why));
    assert_int_equal(why.why, REFUSAL_BAD_KEY);
    minisign_secret_wipe(&key);
    for (size_t i = 0; i < sizeof key; i++)
        assert_int_equal(((uint8_t *)&key)[i], 0);
}

static void a_signature_has_bounds(void **state)
{
    (void)state;
    struct arena arena;
    struct minisign_secret key;
    arena_init(&arena, 1 << 20);
    assert_true(minisign_generate(&key));
    struct minisign_sign_options o = {.untrusted = "two\nlines", .now = 1};
    assert_null(minisign_sign(&key, BYTES_LIT("x"), &o, &arena).data);
    o = (struct minisign_sign_options){.trusted = "a\nb", .now = 1};
    assert_null(minisign_sign(&key, BYTES_LIT("x"), &o, &arena).data);
    o = (struct minisign_sign_options){.name = "list.json", .now = 42};
    struct bytes text = minisign_sign(&key, BYTES_LIT("x"), &o, &arena);
    assert_non_null(
        strstr((const char *)text.data, "\ntrusted comment: timestamp:42\tfile:list.json\thashed\n"));
    arena_fini(&arena);
}

static void write_file(const char *dir, const char *name, struct bytes text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(text.data, 1, text.len, f), text.len);
    assert_int_equal(fclose(f), 0);
}

static struct bytes read_file(const char *dir, const char *name, char *buffer, size_t cap)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    size_t n = fread(buffer, 1, cap, f);
    fclose(f);
    return bytes_of(buffer, n);
}

static int run(const char *dir, const char *command)
{
    char line[512];
    snprintf(line, sizeof line, "cd %s && %s >out 2>&1", dir, command);
    return system(line);
}

static void minisign_and_we_agree(void **state)
{
    (void)state;
    char dir[] = "/tmp/polynya-minisign-XXXXXX", buffer[8192], clean[64];
    struct arena arena;
    struct minisign_secret key;
    arena_init(&arena, 1 << 20);
    assert_non_null(mkdtemp(dir));
    assert_true(minisign_generate(&key));
    struct writer w = writer_of(buffer, sizeof buffer);
    assert_true(minisign_secret_file(&key, &w));
    write_file(dir, "sec", writer_done(&w));
    w = writer_of(buffer, sizeof buffer);
    minisign_public_file(&key.public, &w);
    write_file(dir, "pub", writer_done(&w));
    write_file(dir, "ours", BYTES_LIT("a text\nof ours"));
    struct minisign_sign_options o = {.name = "ours", .now = 1795478917};
    write_file(dir, "ours.minisig", minisign_sign(&key, BYTES_LIT("a text\nof ours"), &o, &arena));
    assert_int_equal(run(dir, "minisign -V -H -p pub -m ours"), 0);
    write_file(dir, "ours", BYTES_LIT("a text\nof OURS"));
    assert_int_not_equal(run(dir, "minisign -V -H -p pub -m ours"), 0);
    write_file(dir, "theirs", BYTES_LIT("theirs"));
    assert_int_equal(run(dir, "minisign -S -s sec -m theirs -t 'a comment'"), 0);
    struct minisign_signature s;
    assert_true(minisign_signature_parse(read_file(dir, "theirs.minisig", buffer, sizeof buffer), &s, NULL));
    assert_true(bytes_equal(s.trusted, BYTES_LIT("a comment")));
    assert_true(minisign_verify(&key.public, &s, BYTES_LIT("theirs")));
    assert_int_equal(run(dir, "minisign -G -W -f -s new.sec -p new.pub"), 0);
    assert_true(minisign_secret_parse(read_file(dir, "new.sec", buffer, sizeof buffer), &key, NULL));
    snprintf(clean, sizeof clean, "rm -r %s", dir);
    assert_int_equal(system(clean), 0);
    arena_fini(&arena);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(public_keys_have_one_text),
        cmocka_unit_test(bad_public_keys_are_refused),
        cmocka_unit_test(minisigns_signature_verifies),
        cmocka_unit_test(every_changed_character_is_noticed),
        cmocka_unit_test(malformed_signatures_are_refused),
        cmocka_unit_test(secret_keys_are_read_and_written),
        cmocka_unit_test(a_signature_has_bounds),
        cmocka_unit_test(minisign_and_we_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
