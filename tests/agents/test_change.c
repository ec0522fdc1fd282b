/* SPDX-License-Identifier: Apache-2.0
 *
 * A change of a field, without a server: what a write says in the oplog, and which names are refused at once. */
#include "../../src/agents/schema_change_private.h"
#include "../../src/agents/step_iterator_kinds.h"
#include "test.h"

#include <string.h>

/* The value that a write sets, as JSON; NULL: it does not touch the path. The caller frees it. */
static char *sets(const char *o, const char *path)
{
    bson_error_t e;
    bson_t *doc = bson_new_from_json((const uint8_t *)o, -1, &e), out = BSON_INITIALIZER;
    bson_iter_t it;
    char *json = NULL;
    if (!doc)
        fail_msg("%s: %s", o, e.message);
    if (sb_write_sets(doc, path, &it)) {
        BSON_APPEND_VALUE(&out, "v", bson_iter_value(&it));
        json = bson_as_relaxed_extended_json(&out, NULL);
    }
    bson_destroy(&out);
    bson_destroy(doc);
    return json;
}

static void a_write_says_what_it_sets(void **state)
{
    (void)state;
    static const struct {
        const char *o, *path, *value;
    } said[] = {
        {"{\"_id\": 1, \"name\": \"a\", \"address\": {\"zip\": 7}}", "name", "{ \"v\" : \"a\" }"},
        {"{\"_id\": 1, \"name\": \"a\", \"address\": {\"zip\": 7}}", "address.zip", "{ \"v\" : 7 }"},
        {"{\"_id\": 1, \"name\": \"a\"}", "address.zip", NULL},
        {"{\"$v\": 2, \"diff\": {\"u\": {\"name\": \"b\"}}}", "name", "{ \"v\" : \"b\" }"},
        {"{\"$v\": 2, \"diff\": {\"i\": {\"name\": \"b\"}}}", "name", "{ \"v\" : \"b\" }"},
        {"{\"$v\": 2, \"diff\": {\"d\": {\"name\": false}}}", "name", NULL},
        {"{\"$v\": 2, \"diff\": {\"u\": {\"names\": \"b\"}}}", "name", NULL},
        {"{\"$v\": 2, \"diff\": {\"saddress\": {\"u\": {\"zip\": 8}}}}", "address.zip", "{ \"v\" : 8 }"},
        {"{\"$v\": 2, \"diff\": {\"sa\": {\"sb\": {\"i\": {\"c\": 9}}}}}", "a.b.c", "{ \"v\" : 9 }"},
        {"{\"$v\": 2, \"diff\": {\"i\": {\"address\": {\"zip\": 8}}}}", "address.zip", "{ \"v\" : 8 }"},
        {"{\"$v\": 2, \"diff\": {\"i\": {\"address\": 5}}}", "address.zip", NULL},
        {"{\"$v\": 1, \"$set\": {\"name\": \"c\"}}", "name", "{ \"v\" : \"c\" }"},
        {"{\"$set\": {\"address.zip\": 5}}", "address.zip", "{ \"v\" : 5 }"},
        {"{\"$set\": {\"address\": {\"zip\": 5}}}", "address.zip", "{ \"v\" : 5 }"},
        {"{\"$v\": 1, \"$unset\": {\"name\": true}}", "name", NULL},
    };
    for (size_t i = 0; i < SB_COUNT(said); i++) {
        char *value = sets(said[i].o, said[i].path);
        if (!sb_streq(value, said[i].value))
            fail_msg("%s sets %s to %s, not to %s", said[i].o, said[i].path, value ? value : "nothing", said[i].value ? said[i].value : "nothing");
        bson_free(value);
    }
}

static void names_that_cannot_be_moved_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *says;
    } pair[] = {
        {"a", "b", NULL},          {"a.b", "a.c", NULL},       {"a", "ab", NULL},        {"_id", "a", "_id cannot"}, {"a", "_id", "_id cannot"}, {"_id.x", "a", "_id cannot"},
        {"a", "a", "already"},     {"a", "a.b", "lies within"}, {"a.b", "a", "lies within"}, {"", "b", "1 to"},       {"a..b", "c", "empty"},       {".a", "c", "empty"},
        {"a.", "c", "empty"},      {"$a", "c", "holds a $"},   {"a", "b.$c", "holds a $"}, {"a.0", "c", "position"}, {"a", "b\nc", "control"},    {"a}", "c", "bracket"},
    };
    for (size_t i = 0; i < SB_COUNT(pair); i++) {
        struct sb_err err = SB_ERR_INIT;
        struct sb_change_question q = {.change = SB_CHANGE_RENAME, .ns = "shop.orders", .field = pair[i].from, .new_field = pair[i].to};
        int rc = sb_change_names(&q, &err);
        if ((rc == 0) != (pair[i].says == NULL) || (rc && !strstr(err.msg, pair[i].says)))
            fail_msg("%s to %s: %d %s", pair[i].from, pair[i].to, rc, err.msg);
    }
}

static void code_is_handed_over_with_any_name(void **state)
{
    (void)state;
    struct sb_change_question q = {.change = SB_CHANGE_RENAME, .ns = "shop.orders", .field = "old \"name\"", .new_field = "new.name"};
    for (size_t phase = 0; phase < 4; phase++) {
        struct sb_card card = {.id = NULL};
        assert_int_equal(sb_change_code(&q, phase, &card), 0);
        assert_int_equal(card.notes_n, phase % 2 ? 0 : 2);
        for (size_t i = 0; i < card.notes_n; i++)
            for (size_t k = 0; k < card.notes[i].lines_n; k++)
                assert_null(strstr(card.notes[i].lines[k], "\"old \"name\"\"")); /* it would end the string */
        sb_card_release(&card);
    }
}

static void only_what_is_the_same_each_time_is_computed(void **state)
{
    (void)state;
    static const struct {
        const char *json, *says;
    } asked[] = {
        {"{\"v\": {\"$multiply\": [\"$price\", \"$qty\"]}}", NULL},
        {"{\"v\": \"$old.name\"}", NULL},
        {"{\"v\": {\"$ifNull\": [\"$a\", {\"$literal\": \"$$NOW\"}]}}", NULL},
        {"{\"v\": {\"$concat\": [\"$a\", \"$$NOW\"]}}", "nothing else"},
        {"{\"v\": {\"$function\": {\"body\": \"\", \"args\": [\"$a\"], \"lang\": \"js\"}}}", "$function"},
        {"{\"v\": {\"$cond\": [{\"$eq\": [\"$a\", {\"$rand\": {}}]}, 1, 2]}}", "$rand"},
        {"{\"v\": {\"$add\": [\"$total\", 1]}}", "what it is to make"},
        {"{\"v\": {\"$add\": [\"$total.net\", 1]}}", "what it is to make"},
        {"{\"v\": {\"$add\": [\"$totals\", 1]}}", NULL},
        {"{\"v\": {\"$add\": [1, 2]}}", "reads no field"},
        {"{\"v\": {\"$add\": [", "cannot be read"},
        {"{\"v\": [[[[[[[[[[[[[[\"$a\"]]]]]]]]]]]]]]}", "too large"},
    };
    for (size_t i = 0; i < SB_COUNT(asked); i++) {
        struct sb_err err = SB_ERR_INIT;
        struct sb_change_question q = {.change = SB_CHANGE_ADD, .ns = "shop.orders", .field = "total", .expression = asked[i].json};
        bson_t *v = sb_change_expression(&q, &err);
        if ((v != NULL) != (asked[i].says == NULL) || (!v && !strstr(err.msg, asked[i].says)))
            fail_msg("%s: %s", asked[i].json, v ? "it was taken" : err.msg);
        if (v)
            bson_destroy(v);
    }
}

static void a_merge_goes_in_ranges_as_an_update_does(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_statement s;
    static const char command[] = "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {\"a\": 1}}, {\"$project\": {\"v\": \"$a\"}}, {\"$merge\": {\"into\": \"d\"}}], \"cursor\": {}, \"$db\": \"shop\"}";
    bson_t *range = bson_new_from_json((const uint8_t *)"{\"_id\": {\"$lte\": 7}}", -1, NULL);
    sb_assert_ok(sb_statement_open(command, &s, &err), err);
    assert_true(s.merges);
    char *narrowed = sb_statement_narrowed(&s, range);
    bson_t *got = bson_new_from_json((const uint8_t *)narrowed, -1, NULL);
    char *json = bson_as_relaxed_extended_json(got, NULL);
    assert_string_equal(json, "{ \"aggregate\" : \"c\", \"pipeline\" : [ { \"$match\" : { \"_id\" : { \"$lte\" : 7 }, \"a\" : 1 } }, { \"$project\" : { \"v\" : \"$a\" } }, { \"$merge\" : { \"into\" : \"d\" } } ], "
                              "\"hint\" : { \"_id\" : 1 }, \"cursor\" : {  }, \"$db\" : \"shop\" }");
    bson_free(json);
    bson_destroy(got);
    bson_destroy(range);
    free(narrowed);
    sb_statement_release(&s);
    assert_true(sb_command_divides(command));
    assert_false(sb_command_counts(command));
    assert_false(sb_command_divides("{\"drop\": \"c\", \"$db\": \"shop\"}"));
    assert_false(sb_command_divides(NULL));
}

static bool appends(const char *command, char *into, size_t cap)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_statement s;
    bool is = sb_statement_open(command, &s, &err) == 0 && sb_statement_appends(&s, into, cap);
    sb_statement_release(&s);
    return is;
}

/* Only what goes whole into a collection that was made here is put there in order; the way back from it goes as any merge. */
static void whole_documents_are_appended_to_what_was_made(void **state)
{
    (void)state;
    char into[192], small[8];
    static const char forward[] = "{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {}}, {\"$merge\": {\"into\": \"signalbox_made_1\"}}], \"$db\": \"shop\"}";
    assert_true(appends(forward, into, sizeof into));
    assert_string_equal(into, "signalbox_made_1");
    assert_false(appends(forward, small, sizeof small));
    assert_false(appends("{\"aggregate\": \"signalbox_made_1\", \"pipeline\": [{\"$match\": {}}, {\"$merge\": {\"into\": \"c\"}}], \"$db\": \"shop\"}", into, sizeof into));
    assert_false(appends("{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {}}, {\"$project\": {}}, {\"$merge\": {\"into\": \"signalbox_made_1\"}}], \"$db\": \"shop\"}", into, sizeof into));
    assert_false(appends("{\"aggregate\": \"c\", \"pipeline\": [{\"$match\": {}}, {\"$merge\": {\"into\": 1}}], \"$db\": \"shop\"}", into, sizeof into));
    assert_false(appends("{\"update\": \"c\", \"updates\": [{\"q\": {}, \"u\": []}], \"$db\": \"shop\"}", into, sizeof into));
}

static void a_delete_goes_in_ranges_and_keeps_what_it_is_held_against(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_statement s;
    static const char command[] = "{\"delete\": \"c\", \"deletes\": [{\"q\": {\"at\": {\"$lt\": 5}}, \"limit\": 0}], \"$copyTo\": \"d\", \"comment\": \"x\", \"$db\": \"shop\"}";
    bson_t *range = bson_new_from_json((const uint8_t *)"{\"_id\": {\"$lte\": 7}}", -1, NULL);
    sb_assert_ok(sb_statement_open(command, &s, &err), err);
    assert_true(s.deletes && !s.merges && !s.once);
    char *narrowed = sb_statement_narrowed(&s, range);
    bson_t *got = bson_new_from_json((const uint8_t *)narrowed, -1, NULL);
    char *json = bson_as_relaxed_extended_json(got, NULL);
    assert_string_equal(json, "{ \"delete\" : \"c\", \"deletes\" : [ { \"q\" : { \"_id\" : { \"$lte\" : 7 }, \"at\" : { \"$lt\" : 5 } }, \"limit\" : 0, \"hint\" : { \"_id\" : 1 } } ], \"$copyTo\" : \"d\", "
                              "\"comment\" : \"x\", \"$db\" : \"shop\" }");
    bson_free(json);
    bson_destroy(got);
    bson_destroy(range);
    free(narrowed);
    sb_statement_release(&s);
    assert_true(sb_command_divides(command));
    assert_false(sb_command_counts(command));
    sb_assert_ok(sb_statement_open("{\"delete\": \"d\", \"deletes\": [{\"q\": {}, \"limit\": 0}], \"$noneIn\": {\"coll\": \"c\", \"field\": \"a\"}, \"$db\": \"shop\"}", &s, &err), err);
    assert_true(s.deletes && s.once); /* what stays fits too: a second look would never end */
    sb_statement_release(&s);
}

/* Writes of the same make the same of a field, others something else. */
static void a_write_makes_the_same_of_a_field_on_both_sides(void **state)
{
    (void)state;
    static const struct {
        const char *op, *o;
        char makes; /* the same letter: the same; ' ': nothing; '-': it takes it away */
        const char *path;
    } said[] = {
        {"i", "{\"_id\": 1, \"c\": {\"a\": 1}}", 'A', "c"},
        {"i", "{\"_id\": 1, \"other\": 5, \"c\": {\"a\": 1}}", 'A', "c"},
        {"u", "{\"_id\": 1, \"c\": {\"a\": 1}}", 'A', "c"},
        {"u", "{\"$v\": 2, \"diff\": {\"u\": {\"c\": {\"a\": 1}}}}", 'A', "c"},
        {"u", "{\"$v\": 2, \"diff\": {\"i\": {\"x\": 1, \"c\": {\"a\": 1}}}}", 'A', "c"},
        {"u", "{\"$v\": 1, \"$set\": {\"c\": {\"a\": 1}}}", 'A', "c"},
        {"i", "{\"_id\": 1, \"c\": {\"a\": 2}}", 'B', "c"},
        {"u", "{\"$v\": 2, \"diff\": {\"sc\": {\"u\": {\"a\": 2}}}}", 'C', "c"},
        {"u", "{\"$v\": 2, \"diff\": {\"u\": {\"x\": 1}, \"sc\": {\"u\": {\"a\": 2}}}}", 'C', "c"},
        {"u", "{\"$set\": {\"c.a\": 2}}", 'D', "c"},
        {"u", "{\"$set\": {\"c.b\": 2}}", 'E', "c"},
        {"d", "{\"_id\": 1}", '-', "c"},
        {"u", "{\"_id\": 1, \"x\": 1}", '-', "c"},
        {"i", "{\"_id\": 1, \"x\": 1}", '-', "c"},
        {"u", "{\"$v\": 2, \"diff\": {\"d\": {\"c\": false}}}", '-', "c"},
        {"u", "{\"$v\": 1, \"$unset\": {\"c\": true}}", '-', "c"},
        {"u", "{\"$v\": 2, \"diff\": {\"u\": {\"cc\": 1}, \"scc\": {\"u\": {\"a\": 1}}}}", ' ', "c"},
        {"u", "{\"$set\": {\"cc\": 1, \"cd.a\": 1}}", ' ', "c"},
        {"i", "{\"_id\": 1, \"x\": {\"y\": {\"a\": 1}}}", 'A', "x.y"},
        {"u", "{\"$v\": 2, \"diff\": {\"u\": {\"x\": {\"y\": {\"a\": 1}}}}}", 'A', "x.y"},
        {"u", "{\"$v\": 2, \"diff\": {\"sx\": {\"i\": {\"y\": {\"a\": 1}}}}}", 'A', "x.y"},
        {"u", "{\"$v\": 2, \"diff\": {\"sx\": {\"sy\": {\"u\": {\"a\": 2}}}}}", 'C', "x.y"},
        {"u", "{\"$set\": {\"x.y.a\": 2}}", 'D', "x.y"},
        {"u", "{\"$set\": {\"x\": {\"y\": {\"a\": 1}}}}", 'A', "x.y"},
        {"u", "{\"$v\": 2, \"diff\": {\"u\": {\"x\": 1}}}", '-', "x.y"},
        {"u", "{\"$v\": 2, \"diff\": {\"sx\": {\"d\": {\"y\": false}}}}", '-', "x.y"},
        {"u", "{\"$v\": 2, \"diff\": {\"d\": {\"x\": false}}}", '-', "x.y"},
        {"u", "{\"$unset\": {\"x\": true}}", '-', "x.y"},
        {"u", "{\"$v\": 2, \"diff\": {\"sx\": {\"u\": {\"yy\": 1}}, \"u\": {\"y\": 1}}}", ' ', "x.y"},
    };
    uint64_t by[128] = {[' '] = 0, ['-'] = SB_WRITE_TAKES};
    for (size_t i = 0; i < SB_COUNT(said); i++) {
        bson_t *o = bson_new_from_json((const uint8_t *)said[i].o, -1, NULL);
        assert_non_null(o);
        uint64_t made = sb_write_makes(said[i].op, o, said[i].path), *known = &by[(int)said[i].makes];
        bool fixed = said[i].makes == ' ' || said[i].makes == '-';
        if (!fixed && *known == 0) {
            for (size_t k = 0; k < SB_COUNT(by); k++)
                assert_true(made > SB_WRITE_TAKES && made != by[k]);
            *known = made;
        }
        if (made != *known)
            fail_msg("%s %s makes something else than '%c'", said[i].op, said[i].o, said[i].makes);
        bson_destroy(o);
    }
}

static void types_convert_where_a_value_keeps_what_it_says(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to, *says;
    } pair[] = {{"string", "date", NULL}, {NULL, "decimal", NULL}, {"int", "long", NULL}, {"date", "int", "no way"}, {"array", "string", "no way"}, {"string", NULL, "no way"}};
    for (size_t i = 0; i < SB_COUNT(pair); i++) {
        struct sb_err err = SB_ERR_INIT;
        struct sb_change_question q = {.change = SB_CHANGE_RETYPE, .ns = "shop.orders", .field = "at", .from_type = pair[i].from, .type = pair[i].to};
        int rc = sb_change_names(&q, &err);
        if ((rc == 0) != (pair[i].says == NULL) || (rc && !strstr(err.msg, pair[i].says)))
            fail_msg("%zu: %d %s", i, rc, err.msg);
    }
}

static void an_unknown_way_fails_closed(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_turn_answer a;
    struct sb_step step = {.work.how = (char *)(uintptr_t) "guess"};
    struct sb_turn_question q = {.step = &step, .ns = "shop.orders", .docs = 1};
    assert_true(sb_step_iterates(&step));
    sb_assert_ok(sb_step_next(NULL, &q, &a, &err), err);
    assert_int_equal(a.turn, SB_TURN_FAILED);
    assert_int_equal(a.batches, 0);
    sb_turn_answer_release(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_write_says_what_it_sets), cmocka_unit_test(names_that_cannot_be_moved_are_refused), cmocka_unit_test(code_is_handed_over_with_any_name),
                                       cmocka_unit_test(only_what_is_the_same_each_time_is_computed), cmocka_unit_test(a_merge_goes_in_ranges_as_an_update_does),
                                       cmocka_unit_test(whole_documents_are_appended_to_what_was_made),
                                       cmocka_unit_test(a_delete_goes_in_ranges_and_keeps_what_it_is_held_against), cmocka_unit_test(a_write_makes_the_same_of_a_field_on_both_sides),
                                       cmocka_unit_test(types_convert_where_a_value_keeps_what_it_says), cmocka_unit_test(an_unknown_way_fails_closed)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
