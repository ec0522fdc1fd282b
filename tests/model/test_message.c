/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/rng.h>
#include <signalbox/model/message.h>

#include <stdio.h>
#include <string.h>

/* Fills any record with seeded values by its own table, so that every member of every message is tried. */
static void fill(const struct sb_schema *s, void *record, struct sb_rng *rng)
{
    memset(record, 0, s->size);
    for (size_t k = 0; k < s->n; k++) {
        const struct sb_member *m = &s->member[k];
        void *at = (char *)record + m->offset;
        size_t *count = (size_t *)((char *)record + m->count_offset);
        size_t want = sb_rng_below(rng, 3);
        char text[40];
        snprintf(text, sizeof text, "%s \xE2\x82\xAC \"%llu\"\n", m->key, (unsigned long long)sb_rng_below(rng, 1000));
        switch (m->kind) {
        case SB_STR:
            assert_int_equal(sb_str_set(at, text), 0);
            break;
        case SB_INT:
            *(int64_t *)at = (int64_t)sb_rng_below(rng, 2000000) - 1000000;
            break;
        case SB_TIME:
            *(int64_t *)at = INT64_C(1767603600000) + (int64_t)sb_rng_below(rng, 100000000);
            break;
        case SB_BOOL:
            *(bool *)at = sb_rng_below(rng, 2);
            break;
        case SB_ENUM:
            *(int *)at = (int)sb_rng_below(rng, ((const struct sb_names *)m->sub)->n);
            break;
        case SB_JSON:
            *(json_t **)at = json_pack("{s:i,s:[s,n]}", "n", (int)want, "l", text);
            break;
        case SB_REC:
            fill(m->sub, at, rng);
            break;
        case SB_STRS:
            for (size_t i = 0; i < want; i++)
                assert_int_equal(sb_strs_push(at, count, text), 0);
            break;
        case SB_RECS:
            for (size_t i = 0; i < want; i++) {
                const struct sb_schema *sub = m->sub;
                void *one = sb_list_push(at, count, sub->size);
                assert_non_null(one);
                fill(sub, one, rng);
            }
            break;
        }
    }
}

static void every_message_has_a_json_form(void **state)
{
    (void)state;
    struct sb_rng rng;
    sb_rng_seed(&rng, 4);
    for (int type = 0; type < SB_MESSAGE_TYPES; type++)
        for (int round = 0; round < 20; round++) {
            struct sb_message *m = sb_message_new(type, round);
            assert_non_null(m);
            fill(sb_message_schema(type), m->body, &rng);
            json_t *json = sb_message_to_json(m);
            assert_non_null(json);
            char *line = json_dumps(json, JSON_COMPACT);
            assert_null(strchr(line, '\n')); /* one line on a socket */
            struct sb_err err = SB_ERR_INIT;
            json_t *read = sb_json_parse(line, strlen(line), "line", SB_JSON_STRICT, &err);
            assert_non_null(read);
            struct sb_message *back = sb_message_from_json(read, &err);
            if (!back)
                fail_msg("%s: %s", sb_message_name(type), err.msg);
            assert_int_equal(back->type, type);
            assert_int_equal(back->seq, round);
            assert_true(sb_record_equal(sb_message_schema(type), m->body, back->body));
            struct sb_message *copy = sb_message_copy_of(type, 1, back->body);
            assert_true(sb_record_equal(sb_message_schema(type), copy->body, m->body));
            sb_message_free(copy);
            sb_message_free(back);
            sb_message_free(m);
            json_decref(json);
            json_decref(read);
            free(line);
        }
}

static void malformed_messages_are_refused(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "{}", "[]", "{\"type\":\"nope\",\"seq\":1,\"body\":{}}", "{\"type\":\"approve\",\"seq\":1,\"body\":{}}",
        "{\"type\":\"approve\",\"seq\":\"1\",\"body\":{\"card\":\"C\"}}", "{\"type\":\"approve\",\"seq\":1,\"body\":{\"card\":7}}",
        "{\"type\":\"approve\",\"seq\":1,\"body\":{\"card\":\"C\",\"extra\":1}}", "{\"type\":\"approve\",\"seq\":1}",
        "{\"type\":\"card\",\"seq\":1,\"body\":{\"id\":\"C\",\"state\":\"exploding\"}}",
        "{\"type\":\"card\",\"seq\":1,\"body\":{\"id\":\"C\",\"steps\":[{\"n\":1}]}}",
    };
    for (size_t i = 0; i < SB_COUNT(bad); i++) {
        struct sb_err err = SB_ERR_INIT;
        json_t *json = sb_json_parse(bad[i], strlen(bad[i]), "bad", SB_JSON_STRICT, &err);
        assert_non_null(json);
        assert_null(sb_message_from_json(json, &err));
        assert_int_equal(err.code, SB_EINPUT);
        json_decref(json);
    }
}

/* The hash binds the contract and nothing of the life. */
static void hash_binds_the_contract(void **state)
{
    (void)state;
    struct sb_rng rng;
    sb_rng_seed(&rng, 9);
    struct sb_card card;
    fill(&sb_card_schema, &card, &rng);
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_card_seal(&card, &err), err);
    char *sealed = sb_format("%s", card.hash);
    card.state = SB_EXECUTING;
    card.closed = !card.closed;
    assert_int_equal(sb_str_set(&card.note, "something happened"), 0);
    sb_assert_ok(sb_card_seal(&card, &err), err);
    assert_string_equal(card.hash, sealed);
    card.watch.window_s++;
    sb_assert_ok(sb_card_seal(&card, &err), err);
    assert_string_not_equal(card.hash, sealed);
    card.watch.window_s--;
    sb_assert_ok(sb_card_seal(&card, &err), err);
    assert_string_equal(card.hash, sealed);
    card.execute_by++;
    sb_assert_ok(sb_card_seal(&card, &err), err);
    assert_string_not_equal(card.hash, sealed);

    struct sb_str bytes;
    sb_str_init(&bytes);
    sb_assert_ok(sb_card_canonical(&card, &bytes, &err), err);
    assert_null(strstr(bytes.p, "\"hash\":"));
    assert_null(strstr(bytes.p, "\"approvals\":"));
    assert_non_null(strstr(bytes.p, "\"execute_by\":"));
    sb_str_release(&bytes);
    free(sealed);
    sb_card_release(&card);
}

static void only_living_approvals_count(void **state)
{
    (void)state;
    struct sb_card card = {.revision = 2};
    assert_int_equal(sb_str_set(&card.hash, "h2"), 0);
    static const struct {
        const char *hash;
        int64_t revision;
        bool voided;
    } given[] = {{"h2", 2, false}, {"h1", 1, false}, {"h2", 2, true}, {"h1", 2, false}, {"h2", 1, false}};
    for (size_t i = 0; i < SB_COUNT(given); i++) {
        struct sb_approval *a = SB_PUSH(card.approvals);
        assert_non_null(a);
        assert_int_equal(sb_str_set(&a->hash, given[i].hash), 0);
        a->revision = given[i].revision;
        a->voided = given[i].voided;
    }
    assert_int_equal(sb_card_approvals(&card), 1);
    sb_card_release(&card);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_message_has_a_json_form),
        cmocka_unit_test(malformed_messages_are_refused),
        cmocka_unit_test(hash_binds_the_contract),
        cmocka_unit_test(only_living_approvals_count),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
