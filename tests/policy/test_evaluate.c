/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/policy/policy.h>

#include <string.h>

/* A bundle around a list of rules, written with ' for ". */
static struct sb_policy *bundle(const char *rules)
{
    struct sb_err err = SB_ERR_INIT;
    char *text = sb_format("{'format':'signalbox.policy/1','bundle':'t','version':'1','default':'deny','rules':[%s]}", rules);
    assert_non_null(text);
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    struct sb_policy *p = sb_policy_load(text, strlen(text), "t", &sb_zones_of_system, &err);
    if (!p)
        fail_msg("%s", err.msg);
    free(text);
    return p;
}

static json_t *input(const char *text)
{
    struct sb_err err = SB_ERR_INIT;
    char *copy = sb_format("%s", text);
    assert_non_null(copy);
    for (char *p = copy; *p; p++)
        if (*p == '\'')
            *p = '"';
    json_t *v = sb_json_parse(copy, strlen(copy), "input", SB_JSON_STRICT, &err);
    if (!v)
        fail_msg("%s", err.msg);
    free(copy);
    return v;
}

static void decide(const char *rules, const char *in, struct sb_policy_verdict *out)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_policy *p = bundle(rules);
    json_t *v = input(in);
    sb_assert_ok(sb_policy_evaluate(p, v, out, &err), err);
    json_decref(v);
    sb_policy_free(p);
}

static void expect(const char *rules, const char *in, int decision)
{
    struct sb_policy_verdict v;
    decide(rules, in, &v);
    if (v.decision != decision)
        fail_msg("%s on %s: %s, expected %s", rules, in, sb_name(&sb_decisions, v.decision), sb_name(&sb_decisions, decision));
    sb_policy_verdict_release(&v);
}

#define ALLOW "{'id':'A','level':'hard','effect':'allow','title':'t','match':{'a':{'exists':true}}}"
#define DENY_WHEN(when) "," "{'id':'D','level':'hard','effect':'deny','title':'t','when':" when "}"

/* In dev, so that an error shows as "require" and not as a deny: three answers, three decisions. */
static void truth(const char *condition, const char *facts, enum sb_truth expected)
{
    static const int decision[] = {[SB_FALSE] = SB_ALLOW, [SB_TRUE] = SB_DENY, [SB_ERROR] = SB_REQUIRE};
    char *rules = sb_format(ALLOW ",{'id':'D','level':'hard','effect':'deny','title':'t','when':%s}", condition);
    char *in = sb_format("{'target':{'env':'dev'},'a':1%s%s}", facts[0] ? "," : "", facts);
    expect(rules, in, decision[expected]);
    free(rules);
    free(in);
}

static void every_operator_has_three_answers(void **state)
{
    (void)state;
    truth("{'x':{'eq':3}}", "'x':3", SB_TRUE);
    truth("{'x':{'eq':3}}", "'x':4", SB_FALSE);
    truth("{'x':{'eq':3}}", "", SB_ERROR);
    truth("{'x':{'eq':3}}", "'x':null", SB_ERROR);
    truth("{'x':{'eq':3}}", "'x':'3'", SB_ERROR);
    truth("{'x':{'eq':'ab'}}", "'x':'ab'", SB_TRUE);
    truth("{'x':{'eq':'ab'}}", "'x':'abc'", SB_FALSE);
    truth("{'x':{'eq':true}}", "'x':true", SB_TRUE);
    truth("{'x':{'eq':true}}", "'x':1", SB_ERROR);
    truth("{'x':{'ne':3}}", "'x':3", SB_FALSE);
    truth("{'x':{'ne':3}}", "", SB_ERROR);
    truth("{'x':{'lt':3}}", "'x':2", SB_TRUE);
    truth("{'x':{'lt':3}}", "'x':3", SB_FALSE);
    truth("{'x':{'le':3}}", "'x':3", SB_TRUE);
    truth("{'x':{'gt':3}}", "'x':3", SB_FALSE);
    truth("{'x':{'gt':3}}", "'x':4", SB_TRUE);
    truth("{'x':{'ge':3}}", "'x':3", SB_TRUE);
    truth("{'x':{'ge':3}}", "'x':'abc'", SB_ERROR);
    truth("{'x':{'in':['a','b']}}", "'x':'b'", SB_TRUE);
    truth("{'x':{'in':['a','b']}}", "'x':'c'", SB_FALSE);
    truth("{'x':{'in':['a','b']}}", "'x':1", SB_ERROR);
    truth("{'x':{'nin':['a','b']}}", "'x':'c'", SB_TRUE);
    truth("{'x':{'nin':[1,2]}}", "'x':2", SB_FALSE);
    truth("{'x':{'nin':[1,2]}}", "", SB_ERROR);
    truth("{'x':{'glob':'shop.*'}}", "'x':'shop.orders'", SB_TRUE);
    truth("{'x':{'glob':'shop.*'}}", "'x':'shops.orders'", SB_FALSE);
    truth("{'x':{'glob':['a','*.system.*']}}", "'x':'db.system.views'", SB_TRUE);
    truth("{'x':{'glob':'?'}}", "'x':'\xC3\xA9'", SB_TRUE);
    truth("{'x':{'glob':'a*b*c'}}", "'x':'aXbXbYc'", SB_TRUE);
    truth("{'x':{'glob':'a*b*c'}}", "'x':'aXbXbY'", SB_FALSE);
    truth("{'x':{'glob':'*'}}", "'x':7", SB_ERROR);
    truth("{'x':{'regex':'^ab+$'}}", "'x':'abbb'", SB_TRUE);
    truth("{'x':{'regex':'^ab+$'}}", "'x':'ac'", SB_FALSE);
    truth("{'x':{'regex':'^(a+)+$'}}", "'x':'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab'", SB_ERROR); /* the limit, never "no match" */
    truth("{'x':{'exists':true}}", "'x':0", SB_TRUE);
    truth("{'x':{'exists':true}}", "", SB_FALSE);
    truth("{'x':{'exists':false}}", "", SB_TRUE);
    truth("{'x':{'exists':true}}", "'x':null", SB_FALSE);
    truth("{'x':{'within':[1,3]}}", "'x':3", SB_TRUE);
    truth("{'x':{'within':[1,3]}}", "'x':4", SB_FALSE);
    truth("{'x':{'within':[1,3]}}", "'x':[2]", SB_ERROR);
    truth("{'x':{'lt':{'fact':'y'}}}", "'x':1,'y':2", SB_TRUE);
    truth("{'x':{'lt':{'fact':'y'}}}", "'x':2,'y':2", SB_FALSE);
    truth("{'x':{'lt':{'fact':'y'}}}", "'x':2", SB_ERROR);
    truth("{'x':{'gt':1,'lt':5}}", "'x':3", SB_TRUE);
    truth("{'x':{'gt':1,'lt':5}}", "'x':5", SB_FALSE);
    truth("{'x':{'not':{'eq':1}}}", "'x':2", SB_TRUE);
    truth("{'x':{'not':{'eq':1}}}", "", SB_ERROR);
    truth("{'b.c.d':{'eq':1}}", "'b':{'c':{'d':1}}", SB_TRUE);
    truth("{'b.c.d':{'eq':1}}", "'b':{'c':1}", SB_ERROR);
}

static void lists_want_a_quantifier(void **state)
{
    (void)state;
    truth("{'x':{'eq':'a'}}", "'x':['a']", SB_ERROR);
    truth("{'x':{'any':{'eq':'a'}}}", "'x':['b','a']", SB_TRUE);
    truth("{'x':{'any':{'eq':'a'}}}", "'x':['b']", SB_FALSE);
    truth("{'x':{'any':{'eq':'a'}}}", "'x':[]", SB_FALSE);
    truth("{'x':{'any':{'eq':'a'}}}", "'x':'a'", SB_ERROR);
    truth("{'x':{'any':{'eq':'a'}}}", "'x':[1,'a']", SB_TRUE);
    truth("{'x':{'any':{'eq':'a'}}}", "'x':[1,'b']", SB_ERROR);
    truth("{'x':{'all':{'eq':'a'}}}", "'x':['a','a']", SB_TRUE);
    truth("{'x':{'all':{'eq':'a'}}}", "'x':['a','b']", SB_FALSE);
    truth("{'x':{'all':{'eq':'a'}}}", "", SB_ERROR);
    truth("{'x':{'count':{'ge':2}}}", "'x':['a','a']", SB_TRUE);
    truth("{'x':{'count':{'ge':2}}}", "'x':['a']", SB_FALSE);
    truth("{'x':{'count':{'ge':2}}}", "", SB_ERROR);
}

static void unknown_matters_only_where_it_decides(void **state)
{
    (void)state;
    truth("{'all':[{'m':{'eq':1}},{'x':{'eq':1}}]}", "'x':2", SB_FALSE);
    truth("{'all':[{'m':{'eq':1}},{'x':{'eq':1}}]}", "'x':1", SB_ERROR);
    truth("{'any':[{'m':{'eq':1}},{'x':{'eq':1}}]}", "'x':1", SB_TRUE);
    truth("{'any':[{'m':{'eq':1}},{'x':{'eq':1}}]}", "'x':2", SB_ERROR);
    truth("{'not':{'m':{'eq':1}}}", "", SB_ERROR);
    truth("{'not':{'x':{'eq':1}}}", "'x':2", SB_TRUE);
    truth("{'x':{'eq':1},'y':{'eq':2}}", "'x':1,'y':2", SB_TRUE);
    truth("{'count':{'of':[{'x':{'eq':1}},{'y':{'eq':1}},{'m':{'eq':1}}],'ge':2}}", "'x':1,'y':1", SB_TRUE);
    truth("{'count':{'of':[{'x':{'eq':1}},{'y':{'eq':1}},{'m':{'eq':1}}],'ge':2}}", "'x':1,'y':2", SB_ERROR);
    truth("{'count':{'of':[{'x':{'eq':1}},{'y':{'eq':1}},{'m':{'eq':1}}],'ge':2}}", "'x':2,'y':2", SB_FALSE);
}

static void errors_deny_in_prod_and_ask_elsewhere(void **state)
{
    (void)state;
    const char *rules = ALLOW DENY_WHEN("{'health.lag_s':{'ge':10}}");
    expect(rules, "{'a':1,'target':{'env':'prod'}}", SB_DENY);
    expect(rules, "{'a':1}", SB_DENY);
    expect(rules, "{'a':1,'target':{'env':'qa'}}", SB_DENY);
    expect(rules, "{'a':1,'target':{'env':7}}", SB_DENY);
    expect(rules, "{'a':1,'target':{'env':'staging'}}", SB_REQUIRE);
    expect(rules, "{'a':1,'target':{'env':'staging'},'approvals':[{'by':'bob'}]}", SB_ALLOW);
    expect(rules, "{'a':1,'target':{'env':'staging'},'health':{'lag_s':10},'approvals':[{'by':'bob'}]}", SB_DENY);
    expect(rules, "{'a':1,'target':{'env':'prod'},'health':{'lag_s':9}}", SB_ALLOW);
    struct sb_policy_verdict v;
    decide(rules, "{'a':1,'target':{'env':'prod'}}", &v);
    assert_int_equal(v.rules_n, 2);
    assert_string_equal(v.rules[1].id, "D");
    assert_int_equal(v.rules[1].result, SB_ERROR);
    assert_true(v.rules[1].decides);
    assert_true(json_is_null(json_object_get(v.rules[1].values, "health.lag_s")));
    assert_int_equal(v.would_flip_n, 1);
    assert_string_equal(v.would_flip[0], "measure health.lag_s: rule D cannot be decided without it");
    sb_policy_verdict_release(&v);
}

static void nothing_is_allowed_by_default(void **state)
{
    (void)state;
    expect("", "{'a':1,'target':{'env':'dev'}}", SB_DENY);
    expect("{'id':'R','level':'hard','effect':'require','title':'t','match':{'a':{'eq':1}},'require':{'approvals':1}}",
           "{'a':1,'target':{'env':'dev'},'approvals':[{'by':'x'}]}", SB_DENY);
    expect("{'id':'A','level':'advisory','effect':'allow','title':'t','match':{'a':{'eq':1}}}", "{'a':1,'target':{'env':'dev'}}", SB_DENY);
    expect(ALLOW, "{'a':1,'v':2}", SB_DENY); /* an input of another version is not understood */
    expect(ALLOW, "{'a':1,'v':1}", SB_ALLOW);
    expect(ALLOW, "[]", SB_DENY);
    expect(ALLOW ",{'id':'D','level':'advisory','effect':'deny','title':'t','match':{'a':{'eq':1}}}", "{'a':1}", SB_ALLOW);
    expect(ALLOW ",{'id':'D','level':'soft','effect':'deny','title':'t','match':{'a':{'eq':1}}}", "{'a':1}", SB_DENY);
    expect(ALLOW ",{'id':'D','level':'advisory','effect':'deny','title':'t','match':{'zz':{'eq':1}}}", "{'a':1}", SB_ALLOW);
}

static void requirements_add_up_and_are_compared(void **state)
{
    (void)state;
    const char *rules = ALLOW
        ",{'id':'R1','level':'hard','effect':'require','title':'t','match':{'a':{'eq':1}},'require':{'approvals':1,'groups':['dba'],'not_author':true}}"
        ",{'id':'R2','level':'soft','effect':'require','title':'t','match':{'a':{'eq':1}},'require':{'approvals':2,'checks':['drill'],'groups':['dba','ops'],'typed_target':true}}"
        ",{'id':'R3','level':'advisory','effect':'require','title':'t','match':{'a':{'eq':1}},'require':{'approvals':9}}";
    struct sb_policy_verdict v;
    decide(rules, "{'a':1,'author':{'principal':'ann'},'approvals':[{'by':'ann','groups':['ops']},{'by':'bob','groups':['dba']},{'by':'bob'}]}", &v);
    assert_int_equal(v.decision, SB_REQUIRE);
    assert_int_equal(v.requires.approvals, 2);
    assert_int_equal(v.requires.groups_n, 2);
    assert_int_equal(v.requires.checks_n, 1);
    assert_true(v.requires.not_author && v.requires.typed_target);
    assert_int_equal(v.would_flip_n, 3);
    assert_string_equal(v.would_flip[0], "one more approval by somebody other than ann; given so far by bob");
    assert_string_equal(v.would_flip[1], "an approval by a member of ops");
    assert_string_equal(v.would_flip[2], "the check drill must be found true");
    sb_policy_verdict_release(&v);
    expect(rules, "{'a':1,'author':{'principal':'ann'},'checks':['drill'],'approvals':[{'by':'cyd','groups':['ops']},{'by':'bob','groups':['dba']}]}", SB_ALLOW);
    expect(rules, "{'a':1,'author':{'principal':'ann'},'editors':['x','cyd'],'checks':['drill'],'approvals':[{'by':'cyd','groups':['ops']},{'by':'bob','groups':['dba']}]}", SB_REQUIRE);
    expect(rules, "{'a':1,'author':{'principal':'ann'},'approvals':[{'by':'cyd','groups':['ops']},{'by':'bob','groups':['dba']}]}", SB_REQUIRE);
    expect(rules, "{'a':1,'author':{'principal':'ann'},'checks':['drill'],'approvals':[{'by':'cyd','groups':['ops'],'own':true},{'by':'bob','groups':['dba']}]}", SB_REQUIRE);
}

static void a_verdict_says_what_would_change_it(void **state)
{
    (void)state;
    struct sb_policy_verdict v;
    decide(ALLOW DENY_WHEN("{'health.lag_s':{'ge':10}}"), "{'a':1,'health':{'lag_s':12}}", &v);
    assert_string_equal(v.would_flip[0], "wait until health.lag_s is below 10 (it is 12) (rule D)");
    sb_policy_verdict_release(&v);
    decide(ALLOW DENY_WHEN("{'action.ns':{'any':{'glob':['admin.*','local.*']}}}"), "{'a':1,'action':{'ns':['shop.x','admin.y']}}", &v);
    assert_string_equal(v.would_flip[0], "change it so that no item of action.ns matches admin.* or local.* (it is shop.x, admin.y) (rule D)");
    sb_policy_verdict_release(&v);
    decide(ALLOW DENY_WHEN("{'any':[{'health.builds':{'gt':0}},{'health.lag_s':{'ge':10}},{'health.primary':{'eq':false}}]}"),
           "{'a':1,'health':{'lag_s':12,'builds':1,'primary':true}}", &v);
    assert_string_equal(v.would_flip[0], "wait until health.builds is at most 0 (it is 1) and health.lag_s is below 10 (it is 12) (rule D)");
    sb_policy_verdict_release(&v);
    decide(ALLOW ",{'id':'D','level':'hard','effect':'deny','title':'no','match':{'a':{'eq':1}},'message':'a is {a}, b is {b.c}'}", "{'a':1,'b':{'c':['x','y']}}", &v);
    assert_string_equal(v.would_flip[0], "rule D forbids it outright (no); no approval changes that");
    assert_string_equal(v.rules[1].message, "a is 1, b is x, y");
    sb_policy_verdict_release(&v);
    decide("{'id':'A','level':'hard','effect':'allow','title':'t','match':{'a':{'eq':1}},'when':{'action.risk':{'eq':'low'}}}",
           "{'a':1,'stage':'gate','action':{'kind':'index.create','risk':'high'},'target':{'env':'prod'}}", &v);
    assert_string_equal(v.would_flip[0], "no rule of t allows index.create at gate in prod");
    assert_string_equal(v.would_flip[1], "rule A would allow it if action.risk is low (it is high)");
    struct sb_str page;
    sb_str_init(&page);
    sb_policy_explain(NULL, &v, &page);
    assert_non_null(strstr(page.p, "DENY"));
    assert_non_null(strstr(page.p, "To pass: no rule of t allows"));
    sb_str_release(&page);
    sb_policy_verdict_release(&v);
}

static void what_is_not_the_language_is_refused_with_its_place(void **state)
{
    (void)state;
#define BUNDLE(rules) "{\"format\":\"signalbox.policy/1\",\"bundle\":\"t\",\"version\":\"1\",\"default\":\"deny\",\"rules\":[" rules "]}"
#define RULE(more) "{\"id\":\"A\",\"level\":\"hard\",\"effect\":\"deny\",\"title\":\"t\"," more "}"
    static const struct {
        const char *text, *says;
    } bad[] = {
        {"{\n \"format\" 1}", "p:2:11:"},
        {"{\"format\":\"signalbox.policy/1\",\"format\":\"x\"}", "p:1:"},
        {"[]", "must be an object"},
        {"{\"format\":\"signalbox.policy/2\",\"bundle\":\"t\",\"version\":\"1\",\"default\":\"deny\",\"rules\":[]}", "signalbox.policy/2"},
        {"{\"format\":\"signalbox.policy/1\",\"bundle\":\"t\",\"version\":\"1\",\"default\":\"allow\",\"rules\":[]}", "default must be deny"},
        {"{\"format\":\"signalbox.policy/1\",\"bundle\":\"t\",\"version\":\"one\",\"default\":\"deny\",\"rules\":[]}", "a version is"},
        {"{\"format\":\"signalbox.policy/1\",\"bundle\":\"t\",\"version\":\"1\",\"default\":\"deny\"}", "/rules: must be a list"},
        {"{\"format\":\"signalbox.policy/1\",\"bundle\":\"t\",\"version\":\"1\",\"default\":\"deny\",\"rules\":[],\"extra\":1}", "unknown key \"extra\""},
        {BUNDLE("7"), "/rules/0: must be an object"},
        {BUNDLE(RULE("\"match\":{\"x\":{\"eq\":1.5}}")), "/rules/0/match/x/eq: a number with a fraction"},
        {BUNDLE(RULE("\"match\":{\"x\":{\"eq\":9007199254740992}}")), "/rules/0/match/x/eq: an integer outside"},
        {BUNDLE(RULE("\"match\":{\"x\":{\"equals\":1}}")), "/rules/0/match/x/equals: unknown operator \"equals\""},
        {BUNDLE(RULE("\"match\":{\"x\":1}")), "/rules/0/match/x: must be an object of operators"},
        {BUNDLE(RULE("\"match\":{\"x\":{}}")), "/rules/0/match/x: must be"},
        {BUNDLE(RULE("\"match\":{}")), "/rules/0/match: must be"},
        {BUNDLE(RULE("\"match\":{\"x\":{\"lt\":\"a\"}}")), "must be an integer"},
        {BUNDLE(RULE("\"match\":{\"x\":{\"in\":[]}}")), "must be a list"},
        {BUNDLE(RULE("\"match\":{\"x\":{\"in\":[1,\"a\"]}}")), "a list of texts, or of integers"},
        {BUNDLE(RULE("\"match\":{\"x\":{\"regex\":\"(\"}}")), "/rules/0/match/x/regex: the regular expression is wrong"},
        {BUNDLE(RULE("\"match\":{\"x\":{\"within\":[3,1]}}")), "the smaller first"},
        {BUNDLE(RULE("\"match\":{\"x\":{\"exists\":1}}")), "must be true or false"},
        {BUNDLE(RULE("\"match\":{\"x\":{\"eq\":{\"fcat\":\"y\"}}}")), "unknown key \"fcat\""},
        {BUNDLE(RULE("\"match\":{\"all\":[]}")), "/rules/0/match/all: must be a list"},
        {BUNDLE(RULE("\"match\":{\"count\":{\"of\":[{\"x\":{\"eq\":1}}]}}")), "count takes one comparison"},
        {BUNDLE(RULE("\"match\":{\"x..y\":{\"eq\":1}}")), "not the path of a fact"},
        {BUNDLE(RULE("\"owner\":\"x\"")), "a rule needs a \"match\" or a \"when\""},
        {BUNDLE(RULE("\"match\":{\"x\":{\"eq\":1}},\"require\":{\"approvals\":1}")), "only a rule of effect require"},
        {BUNDLE("{\"id\":\"A\",\"level\":\"hard\",\"effect\":\"require\",\"title\":\"t\",\"match\":{\"x\":{\"eq\":1}},\"require\":{\"approvals\":10}}"), "from 0 to 9"},
        {BUNDLE("{\"id\":\"A\",\"level\":\"hard\",\"effect\":\"require\",\"title\":\"t\",\"match\":{\"x\":{\"eq\":1}}}"), "needs a \"require\""},
        {BUNDLE("{\"id\":\"A\",\"level\":\"harsh\",\"effect\":\"deny\",\"title\":\"t\",\"match\":{\"x\":{\"eq\":1}}}"), "unknown level \"harsh\""},
        {BUNDLE(RULE("\"match\":{\"x\":{\"eq\":1}}") "," RULE("\"match\":{\"x\":{\"eq\":1}}")), "/rules/1: a second rule with the id \"A\""},
        {BUNDLE(RULE("\"match\":{\"x\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"not\":{\"eq\":1}}}}}}}}}}}}}}}")), "deeper than 16"},
    };
    for (size_t i = 0; i < SB_COUNT(bad); i++) {
        struct sb_err err = SB_ERR_INIT;
        assert_null(sb_policy_load(bad[i].text, strlen(bad[i].text), "p", &sb_zones_of_system, &err));
        assert_int_equal(err.code, SB_EINPUT);
        if (!strstr(err.msg, bad[i].says) || strncmp(err.msg, "p:", 2) != 0)
            fail_msg("%s\n says: %s\n expected: %s", bad[i].text, err.msg, bad[i].says);
    }
    struct sb_err err = SB_ERR_INIT;
    char *big = calloc(1, (1 << 20) + 2);
    assert_non_null(big);
    memset(big, ' ', (1 << 20) + 1);
    assert_null(sb_policy_load(big, (1 << 20) + 1, "p", &sb_zones_of_system, &err));
    free(big);
}

static void the_id_is_of_the_canonical_bytes(void **state)
{
    (void)state;
    static const char *const twice[] = {
        BUNDLE(RULE("\"match\":{\"x\":{\"eq\":1}}")),
        "{ \"version\":\"1\", \"bundle\":\"t\", \"rules\":[ {\"title\":\"t\",\"match\":{\"x\":{\"eq\":1}},\"effect\":\"deny\",\"level\":\"hard\",\"id\":\"A\"} ],"
        "\"default\":\"deny\",\n\"format\":\"signalbox.policy/1\"}",
    };
    char first[80] = "";
    for (size_t i = 0; i < 2; i++) {
        struct sb_err err = SB_ERR_INIT;
        struct sb_policy *p = sb_policy_load(twice[i], strlen(twice[i]), "p", &sb_zones_of_system, &err);
        assert_non_null(p);
        assert_int_equal(strlen(sb_policy_id(p)->sha256), 64);
        if (i)
            assert_string_equal(first, sb_policy_id(p)->sha256);
        snprintf(first, sizeof first, "%s", sb_policy_id(p)->sha256);
        /* what is kept reads back as the same bundle */
        struct sb_policy *again = sb_policy_load(sb_policy_text(p), strlen(sb_policy_text(p)), "p", &sb_zones_of_system, &err);
        assert_non_null(again);
        assert_string_equal(sb_policy_id(again)->sha256, first);
        sb_policy_free(again);
        sb_policy_free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operator_has_three_answers),
        cmocka_unit_test(lists_want_a_quantifier),
        cmocka_unit_test(unknown_matters_only_where_it_decides),
        cmocka_unit_test(errors_deny_in_prod_and_ask_elsewhere),
        cmocka_unit_test(nothing_is_allowed_by_default),
        cmocka_unit_test(requirements_add_up_and_are_compared),
        cmocka_unit_test(a_verdict_says_what_would_change_it),
        cmocka_unit_test(what_is_not_the_language_is_refused_with_its_place),
        cmocka_unit_test(the_id_is_of_the_canonical_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
