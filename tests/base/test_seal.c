/* SPDX-License-Identifier: Apache-2.0
 *
 * What is sealed comes back as it was, with the right key and whole; any byte that was changed, any chunk that was moved, doubled
 * or left out, a file that ends early or goes on, and another key are found. */
#include "test.h"

#include <signalbox/base/seal.h>
#include <signalbox/base/str.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define CHUNKS 3
#define LAST 100

static const struct sb_seal_key key = {"0123456789abcdef0123456789abcdef"}, other = {"1123456789abcdef0123456789abcdef"};

struct sealed {
    unsigned char header[SB_SEAL_HEADER], chunk[CHUNKS][SB_SEAL_CHUNK + SB_SEAL_TAG];
    size_t n[CHUNKS];
};

static struct sealed *sealed(unsigned char *plain)
{
    struct sealed *s = calloc(1, sizeof *s);
    struct sb_err err = SB_ERR_INIT;
    assert_non_null(s);
    struct sb_seal *seal = sb_seal_new(&key, s->header, &err);
    assert_non_null(seal);
    for (size_t i = 0; i < CHUNKS; i++) {
        size_t n = i + 1 < CHUNKS ? SB_SEAL_CHUNK : LAST;
        memset(plain, (int)('a' + i), n);
        assert_int_equal(sb_seal_add(seal, plain, n, i + 1 == CHUNKS, s->chunk[i], &err), 0);
        s->n[i] = n + SB_SEAL_TAG;
    }
    sb_seal_free(seal);
    return s;
}

/* How many chunks open, taken in this order; with the last of them as the end. */
static size_t opens(const struct sealed *s, const size_t *order, size_t n, unsigned char *out)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_seal *seal = sb_seal_of(&key, s->header, &err);
    size_t good = 0;
    assert_non_null(seal);
    while (good < n && sb_seal_open(seal, s->chunk[order[good]], s->n[order[good]], good + 1 == n, out, &err) == 0)
        good++;
    if (good < n)
        assert_int_equal(err.code, SB_EINPUT);
    sb_seal_free(seal);
    return good;
}

static void test_order(void **state)
{
    static const size_t whole[] = {0, 1, 2}, early[] = {0, 1}, moved[] = {1, 0, 2}, doubled[] = {0, 0, 1, 2}, missing[] = {0, 2};
    static unsigned char plain[SB_SEAL_CHUNK], out[SB_SEAL_CHUNK];
    (void)state;
    struct sealed *s = sealed(plain);
    assert_int_equal(opens(s, whole, 3, out), 3);
    for (size_t i = 0; i < LAST; i++)
        assert_int_equal(out[i], 'a' + 2);
    assert_int_equal(opens(s, early, 2, out), 1);
    assert_int_equal(opens(s, moved, 3, out), 0);
    assert_int_equal(opens(s, doubled, 4, out), 1);
    assert_int_equal(opens(s, missing, 2, out), 1);
    free(s);
}

static void test_bytes(void **state)
{
    static const size_t whole[] = {0, 1, 2};
    static unsigned char plain[SB_SEAL_CHUNK], out[SB_SEAL_CHUNK];
    struct sb_err err = SB_ERR_INIT;
    (void)state;
    struct sealed *s = sealed(plain);
    for (size_t i = 0; i < CHUNKS; i++)
        for (size_t at = 0; at < s->n[i]; at += i + 1 < CHUNKS ? 4099 : 7) {
            s->chunk[i][at] ^= 1;
            assert_int_equal(opens(s, whole, 3, out), i);
            s->chunk[i][at] ^= 1;
        }
    for (size_t at = 0; at < SB_SEAL_HEADER; at++) {
        s->header[at] ^= 4;
        struct sb_seal *seal = sb_seal_of(&key, s->header, &err);
        if (seal)
            assert_int_equal(opens(s, whole, 3, out), 0);
        sb_seal_free(seal);
        s->header[at] ^= 4;
    }
    assert_null(sb_seal_of(&other, s->header, &err));
    assert_int_equal(err.detail, EKEYREJECTED);
    free(s);
}

static void write_key(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void test_key_files(void **state)
{
    struct sb_seal_key got;
    struct sb_err err = SB_ERR_INIT;
    (void)state;
    char *path = sb_format("%s/key", sb_test_dir());
    write_key(path, "30313233343536373839616263646566" "30313233343536373839616263646566\n", 0600);
    assert_int_equal(sb_seal_key_read(&got, path, &err), 0);
    assert_memory_equal(&got, &key, sizeof key);
    write_key(path, "0123456789abcdef0123456789abcdef", 0600);
    assert_int_equal(sb_seal_key_read(&got, path, &err), 0);
    assert_memory_equal(&got, &key, sizeof key);
    write_key(path, "0123456789abcdef0123456789abcdef", 0644);
    assert_int_equal(sb_seal_key_read(&got, path, &err), -1);
    write_key(path, "a password", 0600);
    assert_int_equal(sb_seal_key_read(&got, path, &err), -1);
    assert_int_equal(err.code, SB_EINPUT);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_order), cmocka_unit_test(test_bytes), cmocka_unit_test(test_key_files)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
