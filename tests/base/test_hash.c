/* SPDX-License-Identifier: Apache-2.0
 *
 * Many messages at once are hashed by our own code where the processor has the instructions: it must say what libcrypto says
 * of every length, however the messages lie beside each other. */
#include "test.h"

#include <signalbox/base/hash.h>
#include <signalbox/base/rng.h>

#include <string.h>

#define LONGEST 700 /* eleven blocks: each length of a tail comes by often */
#define MOST 40

static struct sb_hasher *hasher(void)
{
    struct sb_hasher *h = sb_hasher_new();
    assert_non_null(h);
    return h;
}

static void expect_same(struct sb_hasher *h, const struct sb_slice *message, size_t n)
{
    struct sb_hash many[MOST + 1], one;
    memset(many, 0xA5, sizeof many);
    assert_int_equal(sb_hasher_many(h, many, message, n), 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(sb_hash_bytes(&one, message[i].p, message[i].n, NULL), 0);
        if (!sb_hash_same(one.bytes, many[i].bytes))
            fail_msg("message %zu of %zu, %zu bytes", i, n, message[i].n);
    }
    for (size_t i = 0; i < SB_HASH_LEN; i++) /* nothing behind the last is written */
        assert_int_equal(many[n].bytes[i], 0xA5);
}

/* FIPS 180-4. */
static void published_digests(void **state)
{
    (void)state;
    static const struct {
        const char *text, *digest;
    } known[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
        {"abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
         "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1"},
    };
    struct sb_hasher *h = hasher();
    struct sb_slice message[SB_COUNT(known)];
    struct sb_hash out[SB_COUNT(known)];
    for (size_t i = 0; i < SB_COUNT(known); i++)
        message[i] = (struct sb_slice){known[i].text, strlen(known[i].text)};
    assert_int_equal(sb_hasher_many(h, out, message, SB_COUNT(known)), 0);
    for (size_t i = 0; i < SB_COUNT(known); i++) {
        char hex[SB_HEX_LEN + 1];
        sb_hex_encode(hex, out[i].bytes, SB_HASH_LEN);
        assert_string_equal(hex, known[i].digest);
    }
    sb_hasher_free(h);
}

static void every_length_beside_every_other(void **state)
{
    (void)state;
    struct sb_hasher *h = hasher();
    struct sb_rng rng;
    uint8_t bytes[LONGEST + 64];
    sb_rng_seed(&rng, 7);
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)sb_rng_below(&rng, 256);
    for (size_t n = 0; n <= LONGEST; n++) {
        struct sb_slice three[] = {{bytes + n % 64, n}, {bytes, LONGEST - n}, {bytes + 1, n}};
        for (size_t count = 0; count <= 3; count++)
            expect_same(h, three, count);
    }
    for (int round = 0; round < 300; round++) {
        struct sb_slice message[MOST];
        size_t count = sb_rng_below(&rng, MOST) + 1;
        for (size_t i = 0; i < count; i++)
            message[i] = (struct sb_slice){bytes + sb_rng_below(&rng, 64), sb_rng_below(&rng, LONGEST + 1)};
        expect_same(h, message, count);
    }
    sb_hasher_free(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_digests),
        cmocka_unit_test(every_length_beside_every_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
