/* SPDX-License-Identifier: Apache-2.0
 *
 * What a server's bytes must be before the driver may see them. */
#include "test.h"

#include <signalbox/mongo/reply_check.h>

#include <bson/bson.h>
#include <string.h>

struct msg {
    uint8_t p[8192];
    size_t n;
};

static void put32(uint8_t *p, uint32_t v)
{
    for (int i = 0; i < 4; i++)
        p[i] = (uint8_t)(v >> 8 * i);
}

static void add(struct msg *m, const void *p, size_t n)
{
    assert_true(m->n + n <= sizeof m->p);
    memcpy(m->p + m->n, p, n);
    m->n += n;
}

static void add32(struct msg *m, uint32_t v)
{
    uint8_t b[4];
    put32(b, v);
    add(m, b, 4);
}

static void finish(struct msg *m)
{
    put32(m->p, (uint32_t)m->n);
}

static void head(struct msg *m, uint32_t op)
{
    m->n = 0;
    add32(m, 0);
    add32(m, 7);
    add32(m, 8);
    add32(m, op);
}

/* OP_MSG with these flags and {ok: 1, sub: {a: ["x", {b: 2}]}, code: scope}. */
static void op_msg(struct msg *m, uint32_t flags)
{
    bson_t *d = BCON_NEW("ok", BCON_DOUBLE(1), "sub", "{", "a", "[", "x", "{", "b", BCON_INT32(2), "}", "]", "}");
    bson_t scope = BSON_INITIALIZER;
    BSON_APPEND_UTF8(&scope, "s", "t");
    BSON_APPEND_CODE_WITH_SCOPE(d, "code", "f()", &scope);
    head(m, 2013);
    add32(m, flags);
    add(m, "", 1);
    add(m, bson_get_data(d), d->len);
    if (flags & 1)
        add32(m, 0x12345678);
    finish(m);
    bson_destroy(&scope);
    bson_destroy(d);
}

static void op_reply(struct msg *m, uint32_t says, uint32_t documents)
{
    bson_t *d = BCON_NEW("ok", BCON_DOUBLE(1));
    head(m, 1);
    add32(m, 8);
    add32(m, 0);
    add32(m, 0);
    add32(m, 0);
    add32(m, says);
    for (; documents; documents--)
        add(m, bson_get_data(d), d->len);
    finish(m);
    bson_destroy(d);
}

static void assert_good(const struct msg *m)
{
    const char *wrong = sb_reply_check(m->p, m->n);
    if (wrong)
        fail_msg("refused: %s", wrong);
}

static void assert_wrong(const struct msg *m, const char *why)
{
    const char *wrong = sb_reply_check(m->p, m->n);
    if (!wrong || !strstr(wrong, why))
        fail_msg("\"%s\" was wanted, and it said: %s", why, wrong ? wrong : "nothing");
}

static void what_servers_send_passes(void **state)
{
    (void)state;
    struct msg m;
    op_msg(&m, 0);
    assert_good(&m);
    op_msg(&m, 1);
    assert_good(&m);
    op_reply(&m, 1, 1);
    assert_good(&m);
    op_reply(&m, 3, 3);
    assert_good(&m);
    op_reply(&m, 0, 0);
    assert_good(&m);
}

static void what_they_do_not_send_is_refused(void **state)
{
    (void)state;
    struct msg m;
    op_msg(&m, 0);
    m.p[m.n - 1] = 'x'; /* libmongoc 1.23.1 does not survive this one */
    assert_wrong(&m, "does not end where it says");
    op_msg(&m, 0);
    put32(m.p, 0xffffffff);
    assert_wrong(&m, "length cannot be");
    put32(m.p, 3);
    assert_wrong(&m, "length cannot be");
    put32(m.p, SB_REPLY_MAX + 1);
    assert_wrong(&m, "length cannot be");
    put32(m.p, (uint32_t)m.n + 1);
    assert_wrong(&m, "not what it says");
    op_msg(&m, 0);
    put32(m.p + 12, 2012);
    assert_wrong(&m, "compressed");
    put32(m.p + 12, 2004);
    assert_wrong(&m, "no kind");
    op_msg(&m, 2);
    assert_wrong(&m, "more is to come");
    op_msg(&m, 0x40);
    assert_wrong(&m, "flags");
    op_msg(&m, 0);
    m.p[20] = 1;
    assert_wrong(&m, "does not begin with a document");
    op_msg(&m, 0);
    put32(m.p + 21, (uint32_t)(m.n - 21) + 1);
    assert_wrong(&m, "length of its document");
    put32(m.p + 21, 4);
    assert_wrong(&m, "length of its document");
    op_msg(&m, 0);
    m.p[25] = 0xee;
    assert_wrong(&m, "not BSON");
    op_msg(&m, 0);
    add(&m, "abcd", 4);
    finish(&m);
    assert_wrong(&m, "behind its document");
    op_reply(&m, 2, 1);
    assert_wrong(&m, "length of its document");
    op_reply(&m, 0xffffffff, 1);
    assert_wrong(&m, "length of its document");
    op_reply(&m, 1, 2);
    assert_wrong(&m, "behind its documents");
    assert_non_null(sb_reply_check(m.p, 15));
}

/* {a: {a: {a: ...}}}, `depth` documents in one another. */
static void nested(struct msg *m, int depth)
{
    uint32_t size = 5;
    head(m, 2013);
    add32(m, 0);
    add(m, "", 1);
    for (int i = depth - 1; i > 0; i--) {
        add32(m, size + 8 * (uint32_t)i);
        add(m, "\x03" "a\0", 3);
    }
    add32(m, size);
    for (int i = 0; i < depth; i++)
        add(m, "", 1);
    finish(m);
}

static void depth_has_a_limit(void **state)
{
    (void)state;
    struct msg m;
    nested(&m, SB_REPLY_DEPTH);
    assert_good(&m);
    nested(&m, SB_REPLY_DEPTH + 1);
    assert_wrong(&m, "too deep");
}

/* Whatever is cut or flipped, it is read within its bytes (sanitizers watch), and what passes can be copied and walked. */
static void any_flip_is_survived(void **state)
{
    (void)state;
    struct msg good, m;
    op_msg(&good, 0);
    int passed = 0;
    for (size_t bit = 0; bit < good.n * 8; bit++) {
        uint8_t *exact = malloc(good.n);
        assert_non_null(exact);
        m = good;
        m.p[bit / 8] = (uint8_t)(m.p[bit / 8] ^ 1U << bit % 8);
        memcpy(exact, m.p, good.n);
        if (!sb_reply_check(exact, good.n)) {
            bson_t d;
            assert_true(bson_init_static(&d, exact + 21, good.n - 21));
            bson_t *copy = bson_copy(&d);
            assert_non_null(copy);
            bson_destroy(copy);
            passed++;
        }
        free(exact);
    }
    assert_true(passed > 0); /* a flip in a value is a reply like another */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_servers_send_passes),
        cmocka_unit_test(what_they_do_not_send_is_refused),
        cmocka_unit_test(depth_has_a_limit),
        cmocka_unit_test(any_flip_is_survived),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
