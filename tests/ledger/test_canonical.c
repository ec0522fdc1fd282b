/* SPDX-License-Identifier: Apache-2.0 */
#include "fill.h"

#include <signalbox/base/rng.h>
#include <signalbox/ledger/canonical.h>
#include <signalbox/ledger/entry_code.h>

/* What the checker must say, found the slow way: parse, write canonically, compare. */
static bool slowly_canonical(const char *bytes, size_t n)
{
    json_t *v = sb_json_parse(bytes, n, "t", SB_JSON_STRICT, NULL);
    struct sb_str again;
    sb_str_init(&again);
    bool good = v && sb_json_canonical(&again, v, NULL) == 0 && again.len == n && memcmp(again.p, bytes, n) == 0;
    sb_str_release(&again);
    json_decref(v);
    return good;
}

static void expect_same_answer(const char *bytes, size_t n)
{
    struct sb_flaw flaw = {0, NULL};
    /* a heap copy without a NUL behind it: reading past the end is seen */
    char *copy = malloc(n ? n : 1);
    assert_non_null(copy);
    memcpy(copy, bytes, n);
    bool fast = sb_canonical_check(copy, n, &flaw);
    bool slow = slowly_canonical(copy, n);
    if (fast != slow)
        fail_msg("%.*s: the checker says %s (%s at %zu)", (int)n, bytes, fast ? "canonical" : "not", flaw.what ? flaw.what : "", flaw.at);
    if (!fast) {
        assert_non_null(flaw.what);
        assert_true(flaw.at <= n);
    }
    free(copy);
}

static void texts_are_judged_as_parsing_and_writing_judges_them(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "{}", "[]", "{\"a\":1}", "{\"a\":1,\"b\":2}", "{\"b\":1,\"a\":2}", "{\"a\":1,\"a\":2}", "{\"a\":1,}", "{,}", "{\"a\"}", "{\"a\":}", "{a:1}",
        "[1,2,3]", "[1,]", "[,1]", "[1 ,2]", " []", "[] ", "0", "-0", "00", "01", "-1", "-", "1.5", "1e3", "9007199254740991", "9007199254740992",
        "-9007199254740991", "-9007199254740992", "99999999999999999999", "true", "false", "null", "tru", "truex", "nul", "\"\"", "\"a", "\"", "\"a\"b",
        "\"\\n\"", "\"\\u000a\"", "\"\\u001f\"", "\"\\u001F\"", "\"\\u0000\"", "\"\\/\"", "\"/\"", "\"\\u0041\"", "\"\\u007f\"", "\"\x7f\"", "\"\x01\"",
        "\"\\\"\\\\\\b\\f\\n\\r\\t\"", "\"\\u0008\"", "\"\\u000b\"", "\"\\x\"", "\"\\u00\"", "\"\\", "\"\xC3\xA9\"", "\"\xC3\"", "\"\xC0\xAF\"", "\"\xED\xA0\x80\"", "\"\xF0\x9F\x98\x80\"",
        "\"\xF4\x90\x80\x80\"", "\"\\ud83d\\ude00\"", "\"\\ud83d\"",
        "{\"\xF0\x9F\x98\x80\":1,\"\xEF\xAC\xB3\":2}", "{\"\xEF\xAC\xB3\":2,\"\xF0\x9F\x98\x80\":1}", "{\"\\n\":1,\"1\":2}", "{\"1\":2,\"\\n\":1}", "{\"\\\"\":1,\"#\":2}", "{\"!\":1,\"\\\"\":2,\"#\":3,\"\\\\\":4,\"]\":5}",
        "{\"\":0,\"a\":1}", "{\"a\":1,\"\":0}", "{\"aaaaaaaa\":1,\"aaaaaaaab\":2}", "{\"aaaaaaaab\":1,\"aaaaaaaa\":2}", "{\"aaaaaaaab\":1,\"aaaaaaaac\":2}", "{\"aaaaaaaac\":1,\"aaaaaaaab\":2}",
        "{\"aaaaaaaaaaaaaaaaaaaaaaaa\":1,\"aaaaaaaaaaaaaaaaaaaaaaab\":2}", "{\"a\":{\"b\":[{\"c\":\"a text that is longer than sixteen bytes\"}]}}",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
        "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", "", "{", "[", "\"abcdefghijklmno\"", "\"abcdefghijklmnop\"", "\"abcdefghijklmnopq\"", "\"abcdefghijklmno\xC3\xA9q\"",
    };
    for (size_t i = 0; i < SB_COUNT(texts); i++)
        expect_same_answer(texts[i], strlen(texts[i]));
    expect_same_answer("\"a\0b\"", 5);
}

/* ---- random trees ---- */

static json_t *random_text(struct sb_rng *r)
{
    static const char *const pieces[] = {"a", "b", "key", "\"", "\\", "\n", "\x01", "\x1f", "\x7f", "\xC3\xA9", "\xEF\xAC\xB3", "\xF0\x9F\x98\x80", "a longer run of plain characters", "_", "0", "!", "}"};
    struct sb_str s;
    sb_str_init(&s);
    for (uint64_t n = sb_rng_below(r, 6); n > 0; n--)
        sb_str_adds(&s, pieces[sb_rng_below(r, SB_COUNT(pieces))]);
    json_t *text = json_stringn(s.p, s.len);
    sb_str_release(&s);
    return text;
}

static json_t *random_tree(struct sb_rng *r, int depth)
{
    switch (sb_rng_below(r, depth > 0 ? 8 : 6)) {
    case 0: return json_null();
    case 1: return json_boolean(sb_rng_below(r, 2));
    case 2: return json_integer((json_int_t)sb_rng_below(r, 1000));
    case 3: return json_integer(SB_JSON_MAX_INT - (json_int_t)sb_rng_below(r, 10));
    case 4: return json_integer(-(json_int_t)sb_rng_below(r, UINT64_C(1) << 53));
    case 5: return random_text(r);
    case 6: {
        json_t *list = json_array();
        for (uint64_t n = sb_rng_below(r, 5); n > 0; n--)
            json_array_append_new(list, random_tree(r, depth - 1));
        return list;
    }
    default: {
        json_t *object = json_object();
        for (uint64_t n = sb_rng_below(r, 6); n > 0; n--) {
            json_t *key = random_text(r);
            json_object_set_new(object, json_string_value(key), random_tree(r, depth - 1));
            json_decref(key);
        }
        return object;
    }
    }
}

static void random_texts_and_their_mutations_are_judged_alike(void **state)
{
    (void)state;
    struct sb_rng rng;
    sb_rng_seed(&rng, 1);
    static const char alphabet[] = "{}[]:,\"\\0129-aeu \n\x01\xC3\xF0";
    for (int round = 0; round < 1500; round++) {
        json_t *tree = random_tree(&rng, 5);
        struct sb_str text;
        sb_str_init(&text);
        assert_int_equal(sb_json_canonical(&text, tree, NULL), 0);
        struct sb_flaw flaw;
        assert_true(sb_canonical_check(text.p, text.len, &flaw));
        for (int k = 0; k < 6 && text.len; k++) {
            struct sb_str bent;
            sb_str_init(&bent);
            sb_str_add(&bent, text.p, text.len);
            size_t at = sb_rng_below(&rng, bent.len);
            switch (sb_rng_below(&rng, 3)) {
            case 0: bent.p[at] = alphabet[sb_rng_below(&rng, sizeof alphabet - 1)]; break;
            case 1: memmove(bent.p + at, bent.p + at + 1, bent.len - at); bent.len--; break;
            default: sb_str_truncate(&bent, at);
            }
            expect_same_answer(bent.p, bent.len);
            sb_str_release(&bent);
        }
        sb_str_release(&text);
        json_decref(tree);
    }
}

static void spans_find_what_parsing_finds(void **state)
{
    (void)state;
    struct sb_rng rng;
    sb_rng_seed(&rng, 2);
    for (int round = 0; round < 500; round++) {
        json_t *tree = json_object();
        json_object_set_new(tree, "a", random_tree(&rng, 3));
        json_object_set_new(tree, "b", json_pack("{s:o,s:o}", "c", random_tree(&rng, 2), "d", random_tree(&rng, 2)));
        struct sb_str text;
        sb_str_init(&text);
        assert_int_equal(sb_json_canonical(&text, tree, NULL), 0);
        struct sb_span all = {text.p, text.len};
        static const char *const paths[] = {"a", "b", "b.c", "b.d", "b.x", "a.key", "x"};
        for (size_t i = 0; i < SB_COUNT(paths); i++) {
            struct sb_span found = sb_span_find(all, paths[i]);
            json_t *expected = sb_json_path(tree, paths[i]);
            assert_int_equal(found.p != NULL, expected != NULL);
            if (!expected)
                continue;
            json_t *deep = json_loadb(found.p, found.n, JSON_DECODE_ANY, NULL);
            assert_true(json_equal(deep, expected));
            json_decref(deep);
            if (json_is_integer(expected))
                assert_true(sb_span_int(found) == json_integer_value(expected));
        }
        /* shallow: scalars as they are, deeper objects and lists left out */
        json_t *shallow = sb_span_json(all, 2);
        const char *key;
        json_t *v;
        json_object_foreach(json_object_get(tree, "b"), key, v) {
            json_t *got = json_object_get(json_object_get(shallow, "b"), key);
            if (json_is_object(v) || json_is_array(v))
                assert_null(got);
            else
                assert_true(json_equal(got, v));
        }
        json_decref(shallow);
        sb_str_release(&text);
        json_decref(tree);
    }
}

/* ---- entries ---- */

struct lines {
    struct sb_str text;
    size_t at[400], len[400], n;
};

static int keep_line(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)e;
    (void)err;
    struct lines *l = ctx;
    assert_true(l->n < SB_COUNT(l->at));
    l->at[l->n] = l->text.len;
    l->len[l->n++] = n;
    sb_str_add(&l->text, bytes, n);
    return 0;
}

static void fill_lines(struct lines *lines)
{
    struct sb_origin origin;
    struct sb_err err = SB_ERR_INIT;
    sb_origin_seeded(&origin, 4);
    memset(lines, 0, sizeof *lines);
    sb_str_init(&lines->text);
    struct sb_ledger *l = fill_own(sb_test_dir(), &origin);
    for (int i = 1; i <= 4; i++)
        fill_case(l, i);
    fill_open_case(l, 5);
    sb_assert_ok(sb_ledger_range(l, 1, 0, keep_line, lines, &err), err);
    sb_ledger_close(l);
}

static bool same_span(struct sb_span a, struct sb_span b)
{
    return a.n == b.n && a.p == b.p;
}

static void an_entry_is_seen_the_same_with_and_without_memory(void **state)
{
    (void)state;
    static struct lines lines;
    struct sb_rng rng;
    static struct sb_entry_memory memory;
    fill_lines(&lines);
    sb_rng_seed(&rng, 3);
    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < lines.n; i++) {
            struct sb_entry_view with, without;
            struct sb_flaw a, b;
            char *line = malloc(lines.len[i]);
            assert_non_null(line);
            memcpy(line, lines.text.p + lines.at[i], lines.len[i]);
            if (round) { /* one byte other than it was: the answer is the same, and the next entry does not suffer */
                size_t at = sb_rng_below(&rng, lines.len[i]);
                line[at] = (char)(line[at] ^ (1 << sb_rng_below(&rng, 8)));
            }
            bool x = sb_entry_view(line, lines.len[i], &memory, &with, &a), y = sb_entry_view(line, lines.len[i], NULL, &without, &b);
            assert_int_equal(x, y);
            if (x) {
                assert_true(with.seq == without.seq && same_span(with.actor, without.actor) && same_span(with.body, without.body) &&
                            same_span(with.boot, without.boot) && same_span(with.host, without.host) && same_span(with.log, without.log) &&
                            same_span(with.pid, without.pid) && same_span(with.plan, without.plan) && same_span(with.policy, without.policy) &&
                            same_span(with.case_id, without.case_id) && same_span(with.card, without.card) && same_span(with.anomaly, without.anomaly));
                assert_true(slowly_canonical(line, lines.len[i])); /* whatever passes is canonical */
            } else {
                assert_true(a.at == b.at && sb_streq(a.what, b.what));
            }
            free(line);
        }
    sb_str_release(&lines.text);
}

static void a_row_needs_only_the_surface_of_an_entry(void **state)
{
    (void)state;
    static struct lines lines;
    fill_lines(&lines);
    for (size_t i = 0; i < lines.n; i++) {
        struct sb_err err = SB_ERR_INIT;
        struct sb_entry deep, shallow;
        struct sb_audit_row a, b;
        sb_assert_ok(sb_entry_decode(lines.text.p + lines.at[i], lines.len[i], 0, &deep, &err), err);
        sb_assert_ok(sb_entry_decode(lines.text.p + lines.at[i], lines.len[i], 2, &shallow, &err), err);
        assert_int_equal(sb_entry_row(&deep, &a), 0);
        assert_int_equal(sb_entry_row(&shallow, &b), 0);
        assert_true(sb_record_equal(&sb_audit_row_schema, &a, &b));
        sb_record_release(&sb_audit_row_schema, &a);
        sb_record_release(&sb_audit_row_schema, &b);
        sb_entry_release(&deep);
        sb_entry_release(&shallow);
    }
    sb_str_release(&lines.text);
}

static void what_is_encoded_is_decoded(void **state)
{
    (void)state;
    struct sb_origin origin;
    struct sb_err err = SB_ERR_INIT;
    sb_origin_seeded(&origin, 5);
    struct sb_entry e = fill_entry(SB_ENTRY_EDIT, "K-000001", "C-000002", "A-000003", json_pack("{s:[i,s,n,b],s:{s:s}}", "list", 1, "two", 1, "deep", "er", "\xF0\x9F\x98\x80\x01"));
    e.plan.revision = 3;
    e.plan.simulated = true;
    assert_int_equal(sb_str_set(&e.decision, "d-000001") | sb_str_set(&e.policy, "abc") | sb_str_set(&e.actor.ssh_fp, "SHA256:x/y+z"), 0);
    struct sb_hash prev = {{1, 2, 3}};
    struct sb_entry_place where = {"00112233445566778899aabbccddeeff", &prev, 7, INT64_C(1767603600123), 5, &origin};
    struct sb_str text;
    sb_str_init(&text);
    sb_assert_ok(sb_entry_encode(&e, &where, &text, &err), err);
    assert_true(slowly_canonical(text.p, text.len));
    struct sb_entry back;
    sb_assert_ok(sb_entry_decode(text.p, text.len, 0, &back, &err), err);
    assert_int_equal(back.kind, e.kind);
    assert_true(back.seq == 7 && back.ts == where.ts);
    assert_true(sb_record_equal(&sb_actor_schema, &back.actor, &e.actor));
    assert_true(sb_record_equal(&sb_plan_ref_schema, &back.plan, &e.plan));
    assert_true(json_equal(back.body, e.body));
    assert_string_equal(back.decision, e.decision);
    assert_string_equal(back.policy, e.policy);
    sb_entry_release(&back);
    /* the members are those of the format, no more and no less */
    json_t *json = json_loads(text.p, 0, NULL);
    static const char *const keys[] = {"actor", "body", "boot", "decision", "host", "kind", "log", "mono", "pid", "plan", "policy", "prev", "seq", "ts", "v"};
    assert_int_equal(json_object_size(json), SB_COUNT(keys));
    for (size_t i = 0; i < SB_COUNT(keys); i++)
        assert_non_null(json_object_get(json, keys[i]));
    json_decref(json);
    sb_str_release(&text);
    sb_entry_release(&e);
}

/* ---- what is open ---- */

/* Random life of a few cards, cases and anomalies: the derived answer is the one the model's folds give. */
static void what_is_open_is_what_the_folds_say(void **state)
{
    (void)state;
    struct sb_origin origin;
    struct sb_err err = SB_ERR_INIT;
    struct sb_rng rng;
    sb_origin_seeded(&origin, 6);
    sb_rng_seed(&rng, 6);
    const char *dir = sb_test_dir();
    struct sb_ledger *l = fill_own(dir, &origin);
    for (int i = 0; i < 900; i++) {
        char case_id[16], card[16], anomaly[16];
        int n = 1 + (int)sb_rng_below(&rng, 6);
        snprintf(case_id, sizeof case_id, "K-%06d", n);
        snprintf(card, sizeof card, "C-%06d", n);
        snprintf(anomaly, sizeof anomaly, "A-%06d", n);
        struct sb_entry e;
        switch (sb_rng_below(&rng, 8)) {
        case 0: e = fill_entry(SB_ENTRY_RECOMMENDATION, case_id, card, NULL, fill_card(card, case_id)); break;
        case 1: e = fill_entry(SB_ENTRY_REQUEST, case_id, NULL, NULL, fill_case_body(case_id, "x")); break;
        case 2: e = fill_entry(SB_ENTRY_CASE_CLOSE, case_id, NULL, NULL, json_pack("{s:s}", "outcome", "x")); break;
        case 3: e = fill_entry(SB_ENTRY_ANOMALY, NULL, NULL, anomaly, fill_anomaly(anomaly, sb_rng_below(&rng, 2))); break;
        case 4: e = fill_entry(SB_ENTRY_ACK, NULL, NULL, anomaly, json_pack("{s:s}", "by", "bob")); break;
        case 5: e = fill_entry(SB_ENTRY_EDIT, case_id, card, NULL, fill_card(card, case_id)); break;
        default: {
            int to = (int)sb_rng_below(&rng, SB_STATES);
            const char *event = sb_rng_below(&rng, 4) ? "start" : "close";
            e = fill_entry(SB_ENTRY_STATE, case_id, card, NULL, fill_state(event, "x", sb_name(&sb_states, to)));
        }
        }
        sb_assert_ok(sb_ledger_append(l, &e, &err), err);
        sb_entry_release(&e);
        if (i % 37 != 0)
            continue;
        if (i % 2) { /* also across an opening */
            sb_ledger_close(l);
            l = fill_own(dir, &origin);
        }
        for (int item = SB_ITEM_CARD; item <= SB_ITEM_ANOMALY; item++) {
            char **ids;
            size_t open_n;
            sb_assert_ok(sb_ledger_open_ids(l, (enum sb_item)item, &ids, &open_n, &err), err);
            for (int k = 1; k <= 6; k++) {
                char id[16];
                struct sb_card c;
                struct sb_case s;
                struct sb_anomaly a;
                bool there = false, open = false;
                snprintf(id, sizeof id, "%c-%06d", "CKA"[item], k);
                if (item == SB_ITEM_CARD && (there = sb_ledger_card(l, id, &c, &err) == 0)) {
                    open = sb_card_open(&c);
                    sb_card_release(&c);
                } else if (item == SB_ITEM_CASE && (there = sb_ledger_case(l, id, &s, &err) == 0)) {
                    open = s.closed_at == 0;
                    sb_case_release(&s);
                } else if (item == SB_ITEM_ANOMALY && (there = sb_ledger_anomaly(l, id, &a, &err) == 0)) {
                    open = a.to == 0;
                    sb_anomaly_release(&a);
                }
                if (!there && err.code == SB_ELEDGER)
                    fail_msg("%s", err.msg);
                bool listed = sb_strs_has(ids, open_n, id);
                if (there && listed != open)
                    fail_msg("%s after %d entries: listed as %s, folded %s", id, i + 1, listed ? "open" : "ended", open ? "open" : "ended");
            }
            for (size_t k = 0; k < open_n; k++)
                free(ids[k]);
            free(ids);
        }
    }
    sb_ledger_close(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_judged_as_parsing_and_writing_judges_them),
        cmocka_unit_test(random_texts_and_their_mutations_are_judged_alike),
        cmocka_unit_test(spans_find_what_parsing_finds),
        cmocka_unit_test(an_entry_is_seen_the_same_with_and_without_memory),
        cmocka_unit_test(a_row_needs_only_the_surface_of_an_entry),
        cmocka_unit_test(what_is_encoded_is_decoded),
        cmocka_unit_test(what_is_open_is_what_the_folds_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
