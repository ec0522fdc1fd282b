/* SPDX-License-Identifier: Apache-2.0
 *
 * An index that nobody needs, on a real simulator: found, hidden, watched, and shown again. */
#include "lab.h"

static const struct lab_options staging = {.environment = SB_ENV_STAGING};

static bool is_hidden(struct lab *l, const char *name)
{
    mongoc_collection_t *c = mongoc_client_get_collection(l->client, "shop", "orders");
    mongoc_cursor_t *cursor = mongoc_collection_find_indexes_with_opts(c, NULL);
    const bson_t *doc;
    bool hidden = false;
    while (mongoc_cursor_next(cursor, &doc)) {
        bson_iter_t it;
        if (bson_iter_init_find(&it, doc, "name") && strcmp(bson_iter_utf8(&it, NULL), name) == 0)
            hidden = bson_iter_init_find(&it, doc, "hidden") && bson_iter_as_bool(&it);
    }
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(c);
    return hidden;
}

static void says(struct lab *l, const char *words)
{
    if (!strstr(l->answer, words))
        fail_msg("\"%s\" does not say \"%s\"", l->answer, words);
}

static int ask(struct lab *l, const char *request)
{
    return lab_ask(l, &l->alice, sb_message_text(SB_ASK_REQUEST, 0, request));
}

static void hidden_watched_and_shown_again(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &staging);
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (ask(&l, "retire unused indexes on shop.orders") == 3) { /* not connected yet */
        lab_take(&l, &l.alice, 0, 100);
        assert_true(sb_mono_ms() < until);
    }
    says(&l, "no index of shop.orders is proposed to go");
    assert_int_equal(ask(&l, "retire unused indexes"), 2);
    says(&l, "Which collection?");
    lab_command(&l, "shop", "{\"createIndexes\": \"orders\", \"indexes\": [{\"key\": {\"total\": 1}, \"name\": \"t\"}, {\"key\": {\"total\": 1, \"customer_id\": 1}, \"name\": \"tc\"},"
                            "{\"key\": {\"customer_id\": -1}, \"name\": \"u\", \"sparse\": true}]}");
    lab_propose(&l, "retire unused indexes on shop", SB_AWAITING_APPROVAL); /* the database, by its name */
    assert_int_equal(l.card.kind, SB_KIND_HIDE_INDEX);
    assert_string_equal(l.card.index_name, "t");
    assert_string_equal(l.card.target, "shop.orders");
    assert_non_null(strstr(l.card.steps[0].undo, "\"hidden\" : false"));
    bool anew = false;
    for (size_t i = 0; i < l.card.evidence_n; i++)
        anew = anew || strstr(l.card.evidence[i].value, "\"createIndexes\" : \"orders\"");
    assert_true(anew);
    says(&l, "tc of shop.orders stays: not used, but its counters were set back 0 h ago");
    assert_int_equal(ask(&l, "drop redundant indexes on shop.orders"), 0);
    says(&l, "proposes this already");
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_WATCHING);
    assert_true(is_hidden(&l, "t") && !is_hidden(&l, "tc"));
    assert_int_equal(lab_ask(&l, &l.bob, lab_decision(&l, SB_ASK_ROLLBACK, l.card.hash, l.card.target, "a test wants it")), 0);
    lab_until_state(&l, SB_ROLLED_BACK);
    assert_false(is_hidden(&l, "t"));
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 2);
}

/* What covers it is gone before it starts: then it is needed. */
static void not_when_the_other_is_gone(void **state)
{
    (void)state;
    struct lab l;
    lab_open(&l, &staging);
    lab_command(&l, "shop", "{\"createIndexes\": \"orders\", \"indexes\": [{\"key\": {\"total\": 1}, \"name\": \"t\"}, {\"key\": {\"total\": -1, \"customer_id\": 1}, \"name\": \"tc\"}]}");
    lab_propose(&l, "hide useless indexes on shop.orders", SB_AWAITING_APPROVAL);
    lab_command(&l, "shop", "{\"dropIndexes\": \"orders\", \"index\": \"tc\"}");
    assert_int_equal(lab_approve(&l, &l.bob), 0);
    lab_until_state(&l, SB_STALE);
    assert_non_null(strstr(l.card.note, "tc is not there"));
    assert_false(is_hidden(&l, "t"));
    lab_close(&l);
    assert_int_equal(lab_entries(&l, SB_ENTRY_STEP_INTENT, NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hidden_watched_and_shown_again),
        cmocka_unit_test(not_when_the_other_is_gone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
