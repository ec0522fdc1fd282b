/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes what a request says of a change: how a field is computed, and the step's command as the record holds it. An expression that
 * is let through makes a filter and reads no variable; a command that is divided stays one. And what an entry of an oplog makes of a
 * field: what sets it is seen as something that does; and a shard key as people write it. */
#include "../../src/agents/schema_change_private.h"
#include "../../src/agents/step_iterator_kinds.h"
#include "fuzz.h"

#include <signalbox/agents/shard_key.h>

#include <stdlib.h>
#include <string.h>

static void compute(const char *json)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_change_question q = {.change = SB_CHANGE_ADD, .ns = "shop.orders", .field = "total", .expression = json};
    bson_t *v = sb_change_expression(&q, &err);
    check((v != NULL) == (err.code == SB_OK));
    if (!v)
        return;
    bson_t *left = sb_change_left(&q, NULL), *offenders = sb_change_offenders(&q, NULL);
    check(left && offenders && !bson_empty(left) && !bson_equal(left, offenders));
    bson_destroy(left);
    bson_destroy(offenders);
    bson_destroy(v);
}

static void divide(const char *json)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_statement s;
    if (sb_statement_open(json, &s, &err) == 0) {
        bson_t range = BSON_INITIALIZER;
        BSON_APPEND_INT32(&range, "_id", 1);
        char *narrowed = sb_statement_narrowed(&s, &range);
        check(narrowed != NULL);
        free(narrowed);
        bson_destroy(&range);
    }
    sb_statement_release(&s);
}

static void make(const uint8_t *data, size_t size)
{
    static const char *const ops[] = {"i", "u", "d"};
    bson_t o;
    bson_iter_t it;
    if (!bson_init_static(&o, data, size) || !bson_validate(&o, BSON_VALIDATE_NONE, NULL))
        return;
    for (size_t i = 0; i < SB_COUNT(ops); i++) {
        uint64_t made = sb_write_makes(ops[i], &o, "c");
        check(i < 2 || made == SB_WRITE_TAKES);
        check(i != 1 || !sb_write_sets(&o, "c", &it) || made > SB_WRITE_TAKES || bson_has_field(&o, "$unset"));
    }
}

static void read_key(const char *text)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_shard_key k;
    size_t hashed = 0;
    if (sb_shard_key_read(text, &k, &err)) {
        check(err.code == SB_EINPUT);
        return;
    }
    check(k.n > 0 && k.n <= SB_SHARD_KEY_FIELDS);
    for (size_t i = 0; i < k.n; i++) {
        hashed += k.hashed[i];
        check(k.field[i][0] && k.field[i][0] != '$');
    }
    check(hashed <= 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = malloc(size + 1);
    if (!text)
        return 0;
    memcpy(text, data, size);
    text[size] = '\0';
    if (size && data[0] == '~')
        make(data + 1, size - 1);
    else if (size && data[0] == '{' && !memchr(data, '"', size))
        read_key(text);
    else if (size && data[0] == '!')
        divide(text + 1);
    else
        compute(text);
    free(text);
    return 0;
}
