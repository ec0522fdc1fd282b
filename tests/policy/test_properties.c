/* SPDX-License-Identifier: Apache-2.0
 *
 * What holds for every input under the shipped bundles: nothing is allowed without a rule that allows it and all that is
 * required; a rule that denies is never outvoted; the same question has the same answer. Inputs are the bundles' own, with
 * facts taken away, put in, exchanged and made of another type, from a seed. */
#include "kit.h"

#include <signalbox/base/file.h>
#include <signalbox/base/rng.h>
#include <signalbox/policy/input.h>

#define INPUTS 20000 /* for each bundle */

static struct sb_policy *shipped(const char *path, json_t **tree)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str text;
    sb_str_init(&text);
    sb_assert_ok(sb_file_read(path, SB_POLICY_MAX_BYTES, &text, &err), err);
    struct sb_policy *p = sb_policy_load(text.p, text.len, path, &sb_zones_of_system, &err);
    if (!p)
        fail_msg("%s", err.msg);
    *tree = sb_json_parse(text.p, text.len, path, SB_JSON_STRICT, &err);
    assert_non_null(*tree);
    sb_str_release(&text);
    return p;
}

/* ---- inputs ---- */

static json_t *any_value(struct sb_rng *rng, const struct sb_fact *fact)
{
    static const char *const words[] = {"prod", "staging", "dev", "gate", "execute", "approve", "intake", "index.create", "index.drop", "rollback", "alice", "bob", "index_optimizer", "low", "high",
                                        "shop.orders", "admin.x", "crm.people", "agent", "human", "", "2026-11-24T22:30:00Z", "2026-12-24T12:00:00Z", "createIndexes", "drop"};
    int kind = sb_rng_below(rng, 8) == 0 ? (int)sb_rng_below(rng, 6) : (int)fact->type; /* mostly of its type */
    switch (kind) {
    case SB_FACT_INT: {
        static const int64_t near[] = {0, 1, 2, 3, 4, 5, 9, 10, 50, 900, 901, 86400, 200000, 1000000, 1000001, -1, SB_JSON_MAX_INT, -SB_JSON_MAX_INT};
        return json_integer(near[sb_rng_below(rng, SB_COUNT(near))]);
    }
    case SB_FACT_STR: return json_string(words[sb_rng_below(rng, SB_COUNT(words))]);
    case SB_FACT_BOOL: return json_boolean(sb_rng_below(rng, 2));
    case SB_FACT_LIST: {
        json_t *list = json_array();
        for (uint64_t n = sb_rng_below(rng, 4); n; n--)
            json_array_append_new(list, strcmp(fact->path, "approvals") == 0 ? json_pack("{s:s}", "by", words[sb_rng_below(rng, SB_COUNT(words))])
                                                                              : json_string(words[sb_rng_below(rng, SB_COUNT(words))]));
        return list;
    }
    case 4: return json_null();
    default: return json_object();
    }
}

/* Sets or removes a dotted path; what stands in the way is left. */
static void put(json_t *input, const char *path, json_t *value)
{
    char copy[120], *rest = copy;
    snprintf(copy, sizeof copy, "%s", path);
    json_t *at = input;
    for (char *dot; (dot = strchr(rest, '.')); rest = dot + 1) {
        *dot = '\0';
        if (!json_object_get(at, rest))
            json_object_set_new(at, rest, json_object());
        at = json_object_get(at, rest);
        if (!json_is_object(at)) {
            json_decref(value);
            return;
        }
    }
    if (value)
        json_object_set_new(at, rest, value);
    else
        json_object_del(at, rest);
}

static json_t *any_input(struct sb_rng *rng, const json_t *bases)
{
    static const char *const names[] = {"request", "build", "run"};
    json_t *input = json_deep_copy(json_object_get(bases, names[sb_rng_below(rng, 3)]));
    assert_non_null(input);
    for (uint64_t n = sb_rng_below(rng, 8); n; n--) {
        const struct sb_fact *fact = &sb_facts[sb_rng_below(rng, sb_facts_n)];
        put(input, fact->path, sb_rng_below(rng, 4) == 0 ? NULL : any_value(rng, fact));
    }
    return input;
}

/* ---- what has to hold ---- */

static int64_t approvers(const json_t *input)
{
    const json_t *list = json_object_get(input, "approvals");
    int64_t n = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *by = sb_json_str(json_array_get(list, i), "by");
        bool before = !by || !by[0];
        for (size_t k = 0; k < i && !before; k++)
            before = sb_streq(sb_json_str(json_array_get(list, k), "by"), by);
        n += !before;
    }
    return n;
}

static bool is_prod(const json_t *input)
{
    const char *env = sb_json_str(json_object_get(input, "target"), "env");
    return !env || (strcmp(env, "staging") != 0 && strcmp(env, "dev") != 0);
}

static void holds(const json_t *input, const struct sb_policy_verdict *v)
{
    bool allowed = false, denied = false, unknown = false;
    for (size_t i = 0; i < v->rules_n; i++) {
        const struct sb_rule_result *r = &v->rules[i];
        if (r->level == SB_RULE_ADVISORY) {
            assert_false(r->decides);
            continue;
        }
        if (r->waived_by) {
            assert_true(v->waivers_n > 0 && !r->decides && r->effect != SB_RULE_ALLOW);
            continue;
        }
        denied |= r->effect == SB_RULE_DENY && r->result == SB_TRUE;
        allowed |= r->effect == SB_RULE_ALLOW && r->result == SB_TRUE;
        unknown |= r->result == SB_ERROR;
    }
    if (denied || !allowed || (unknown && is_prod(input)))
        assert_int_equal(v->decision, SB_DENY);
    if (unknown && v->decision == SB_ALLOW)
        assert_true(approvers(input) >= 1);
    if (v->decision == SB_ALLOW) {
        assert_true(approvers(input) >= v->requires.approvals);
        assert_int_equal(v->waits_for_n, 0);
        bool execute = sb_streq(sb_json_str(input, "stage"), "execute");
        for (size_t i = 0; execute && !unknown && i < v->requires.windows_n; i++) {
            const json_t *s = json_object_get(json_object_get(input, "calendar"), v->requires.windows[i]), *plan = json_object_get(input, "plan");
            assert_true(json_is_true(json_object_get(s, "active")) != sb_streq(sb_json_str(s, "kind"), "deny") || json_is_true(json_object_get(plan, "in_step")) ||
                        json_is_true(json_object_get(plan, "started")));
        }
    } else {
        assert_true(v->would_flip_n > 0); /* it can always be said why not */
    }
}

static void nothing_passes_without_a_permit(void **state)
{
    (void)state;
    static const char *const paths[] = {"policy/default.json", "policy/strict-prod.json", "policy/training.json"};
    struct sb_rng rng;
    sb_rng_seed(&rng, 20261123);
    for (size_t b = 0; b < SB_COUNT(paths); b++) {
        json_t *tree;
        struct sb_policy *p = shipped(paths[b], &tree);
        int64_t seen[3] = {0, 0, 0};
        for (int i = 0; i < INPUTS; i++) {
            struct sb_policy_verdict v, again;
            struct sb_str page;
            json_t *input = any_input(&rng, json_object_get(tree, "inputs"));
            assert_int_equal(sb_policy_freeze(p, input, NULL), 0);
            assert_int_equal(sb_policy_evaluate(p, input, &v, NULL), 0);
            assert_int_equal(sb_policy_evaluate(p, input, &again, NULL), 0);
            assert_true(sb_record_equal(&sb_policy_verdict_schema, &v, &again));
            holds(input, &v);
            seen[v.decision]++;
            sb_str_init(&page);
            sb_policy_explain(input, &v, &page);
            assert_true(page.len > 0 && sb_utf8_valid(page.p, page.len));
            sb_str_release(&page);
            sb_policy_verdict_release(&v);
            sb_policy_verdict_release(&again);
            json_decref(input);
        }
        print_message("%s: %d denied, %d wanted more, %d allowed\n", paths[b], (int)seen[SB_DENY], (int)seen[SB_REQUIRE], (int)seen[SB_ALLOW]);
        for (int d = 0; d < 3; d++)
            assert_true(seen[d] > INPUTS / 100); /* else this would show little */
        sb_policy_free(p);
        json_decref(tree);
    }
}

/* Nested, long and odd inputs: an answer, and no. */
static void hostile_inputs_are_denied(void **state)
{
    (void)state;
    json_t *tree;
    struct sb_policy *p = shipped("policy/strict-prod.json", &tree);
    json_t *bad[] = {json_array(), json_string("x"), json_integer(1), json_true(), json_null(), NULL, json_object(), json_pack("{s:i}", "v", 2), json_pack("{s:[],s:[],s:i}", "action", "target", "approvals", 7),
                     json_pack("{s:{s:s},s:s}", "calendar", "night", "open", "stage", "execute"), json_pack("{s:i,s:{s:s}}", "calendar", 1, "clock", "utc", "0000-00-00T99:99:99Z")};
    for (size_t i = 0; i < SB_COUNT(bad); i++) {
        struct sb_policy_verdict v;
        assert_int_equal(sb_policy_freeze(p, bad[i], NULL), 0);
        assert_int_equal(sb_policy_evaluate(p, bad[i], &v, NULL), 0);
        assert_int_equal(v.decision, SB_DENY);
        sb_policy_verdict_release(&v);
        json_decref(bad[i]);
    }
    /* ten thousand namespaces, each of four thousand characters */
    json_t *input = json_deep_copy(json_object_get(json_object_get(tree, "inputs"), "build")), *ns = json_array();
    char *name = calloc(1, 4001);
    assert_non_null(name);
    memset(name, 'a', 4000);
    for (int i = 0; i < 10001; i++)
        json_array_append_new(ns, json_string(name));
    json_object_set_new(json_object_get(input, "action"), "ns", ns);
    struct sb_policy_verdict v;
    assert_int_equal(sb_policy_freeze(p, input, NULL), 0);
    assert_int_equal(sb_policy_evaluate(p, input, &v, NULL), 0);
    assert_int_equal(v.decision, SB_DENY); /* more than can be looked at is not known */
    sb_policy_verdict_release(&v);
    json_decref(input);
    free(name);
    sb_policy_free(p);
    json_decref(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_passes_without_a_permit),
        cmocka_unit_test(hostile_inputs_are_denied),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
