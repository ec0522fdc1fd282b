/* SPDX-License-Identifier: Apache-2.0
 *
 * What a bundle names beside its rules: groups, prerequisites, tags, holds, waivers; and what a rule may require. */
#include "kit.h"

#include <signalbox/policy/lint.h>
#include <signalbox/policy/waiver.h>

#define GROUPS "'groups':{'dba':['alice','bob'],'crm':['erin']},"
#define REQUIRE(id, what) ",{'id':'" id "','level':'hard','effect':'require','title':'t','match':{'v':{'eq':1}},'require':{" what "}}"

static void the_bundle_alone_says_who_is_in_a_group(void **state)
{
    (void)state;
    struct sb_policy_verdict v;
    struct sb_policy *p = kit_bundle(GROUPS, KIT_ALLOW REQUIRE("R", "'groups':['dba']"));
    kit_decide(p, "{'v':1,'approvals':[{'by':'mallory','groups':['dba']}]}", SB_REQUIRE, &v);
    assert_string_equal(v.would_flip[0], "an approval by a member of dba");
    sb_policy_verdict_release(&v);
    kit_decide(p, "{'v':1,'approvals':[{'by':'alice'}]}", SB_ALLOW, NULL);
    json_t *in = kit_input(p, "{'v':1,'actor':{'principal':'bob'},'approvals':[{'by':'erin'},7,{'by':3}]}");
    assert_string_equal(json_string_value(json_array_get(json_object_get(json_object_get(in, "actor"), "groups"), 0)), "dba");
    assert_string_equal(json_string_value(json_array_get(json_object_get(json_array_get(json_object_get(in, "approvals"), 0), "groups"), 0)), "crm");
    json_decref(in);
    sb_policy_free(p);
    p = kit_bundle(GROUPS, KIT_ALLOW REQUIRE("R", "'groups':['dba'],'group_approvals':2") REQUIRE("S", "'groups':['dba','crm']"));
    kit_decide(p, "{'v':1,'approvals':[{'by':'alice'},{'by':'alice'},{'by':'erin'}]}", SB_REQUIRE, &v);
    assert_string_equal(v.requires.groups[0], "2 of dba");
    assert_string_equal(v.requires.groups[1], "crm");
    assert_int_equal(v.would_flip_n, 1);
    sb_policy_verdict_release(&v);
    kit_decide(p, "{'v':1,'approvals':[{'by':'erin'}]}", SB_REQUIRE, &v);
    assert_string_equal(v.would_flip[0], "2 approvals by members of dba");
    sb_policy_verdict_release(&v);
    kit_decide(p, "{'v':1,'approvals':[{'by':'alice'},{'by':'bob'},{'by':'erin'}]}", SB_ALLOW, NULL);
    sb_policy_free(p);
    kit_refused(GROUPS, KIT_ALLOW REQUIRE("R", "'groups':['dba'],'group_approvals':3"), "the group dba has 2 members, and 3 of them would have to approve");
    kit_refused(GROUPS, KIT_ALLOW REQUIRE("R", "'groups':['sre']"), "there is no group \"sre\"");
    kit_refused("'groups':{'dba':[]},", KIT_ALLOW, "a group with nobody in it");
    kit_refused("'groups':{'dba':['a','a']},", KIT_ALLOW, "twice in the group");
    kit_refused("'groups':{'dba':[7]},", KIT_ALLOW, "/groups/dba");
    kit_refused(GROUPS, KIT_ALLOW REQUIRE("R", "'group_approvals':0,'groups':['dba']"), "from 1 to 9");
}

static void approvals_add_up_and_some_do_not_count(void **state)
{
    (void)state;
    struct sb_policy_verdict v;
    struct sb_policy *p = kit_bundle("", KIT_ALLOW REQUIRE("R", "'approvals':1") REQUIRE("S", "'more_approvals':1") REQUIRE("T", "'more_approvals':1,'approvals':2"));
    kit_decide(p, "{'v':1,'approvals':[{'by':'a'},{'by':'b'},{'by':'c'}]}", SB_REQUIRE, &v);
    assert_int_equal(v.requires.approvals, 4);
    sb_policy_verdict_release(&v);
    kit_decide(p, "{'v':1,'approvals':[{'by':'a'},{'by':'b'},{'by':'c'},{'by':'d'}]}", SB_ALLOW, NULL);
    sb_policy_free(p);
    p = kit_bundle("", KIT_ALLOW REQUIRE("R", "'approvals':1,'not_executor':true"));
    kit_decide(p, "{'v':1,'stage':'execute','actor':{'principal':'a'},'approvals':[{'by':'a'}]}", SB_REQUIRE, &v);
    assert_string_equal(v.would_flip[0], "one approval");
    sb_policy_verdict_release(&v);
    kit_decide(p, "{'v':1,'stage':'approve','actor':{'principal':'a'},'approvals':[{'by':'a'}]}", SB_ALLOW, NULL); /* who approves is not who carries it out */
    kit_decide(p, "{'v':1,'stage':'execute','actor':{'principal':'o'},'approvals':[{'by':'a'}]}", SB_ALLOW, NULL);
    sb_policy_free(p);
    /* more approvals than there are words for */
    p = kit_bundle("", KIT_ALLOW REQUIRE("R", "'approvals':9") REQUIRE("S", "'more_approvals':9"));
    kit_decide(p, "{'v':1}", SB_REQUIRE, &v);
    assert_string_equal(v.would_flip[0], "18 approvals");
    sb_policy_verdict_release(&v);
    sb_policy_free(p);
}

static void prerequisites_are_met_missing_or_not_measured(void **state)
{
    (void)state;
    struct sb_policy_verdict v;
    struct sb_policy *p = kit_bundle("'checks':{'drill':{'title':'a drill within a week','when':{'recovery.drill_age_s':{'le':604800}}}},",
                                     KIT_ALLOW REQUIRE("R", "'checks':['drill','signed-off']"));
    kit_decide(p, "{'v':1,'checks':['signed-off'],'recovery':{'drill_age_s':604800}}", SB_ALLOW, NULL);
    kit_decide(p, "{'v':1,'checks':['drill'],'recovery':{'drill_age_s':604801}}", SB_REQUIRE, &v); /* its own word is not enough */
    assert_int_equal(v.would_flip_n, 2);
    assert_string_equal(v.would_flip[0], "the check drill must be found true: recovery.drill_age_s is at most 604800 (it is 604801)");
    assert_string_equal(v.would_flip[1], "the check signed-off must be found true");
    assert_int_equal(json_integer_value(json_object_get(v.rules[1].values, "recovery.drill_age_s")), 604801);
    sb_policy_verdict_release(&v);
    kit_decide(p, "{'v':1,'checks':['signed-off']}", SB_DENY, &v);
    assert_string_equal(v.would_flip[0], "measure recovery.drill_age_s: rule R cannot be decided without it");
    assert_true(v.rules[1].decides && v.rules[1].result == SB_ERROR);
    sb_policy_verdict_release(&v);
    kit_decide(p, "{'v':1,'checks':['signed-off'],'target':{'env':'staging'}}", SB_REQUIRE, &v);
    assert_int_equal(v.requires.approvals, 1);
    sb_policy_verdict_release(&v);
    kit_decide(p, "{'v':1,'checks':['signed-off'],'target':{'env':'staging'},'approvals':[{'by':'a'}]}", SB_ALLOW, NULL);
    sb_policy_free(p);
    kit_refused("'checks':{'drill':{'when':{'a':{'eq':1}}}},", KIT_ALLOW, "missing key \"title\"");
    kit_refused("'checks':{'drill':{'title':'t','when':{}}},", KIT_ALLOW, "/checks/drill/when: must be");
}

static void tags_and_holds_follow_from_names(void **state)
{
    (void)state;
    struct sb_policy *p = kit_bundle("'tags':{'pii':['crm.*','shop.customers'],'all':['*']},'holds':{'h1':{'title':'t','ns':['legal.*'],'until':'2027-06-30'}},",
                                     KIT_ALLOW ",{'id':'H','level':'hard','effect':'deny','title':'t','match':{'v':{'eq':1}},'when':{'action.holds':{'count':{'ge':1}}}}"
                                     REQUIRE("R", "'redaction':['pii']"));
    json_t *in = kit_input(p, "{'v':1,'action':{'ns':['shop.customers','x.y'],'tags':['forged'],'holds':['forged']}}");
    const json_t *a = json_object_get(in, "action");
    assert_int_equal(json_array_size(json_object_get(a, "tags")), 2);
    assert_string_equal(json_string_value(json_array_get(json_object_get(a, "tags"), 0)), "pii");
    assert_int_equal(json_array_size(json_object_get(a, "holds")), 0);
    json_decref(in);
#define NS(ns, utc) "{'v':1,'action':{'ns':['" ns "']},'clock':{'utc':'" utc "'},'handling':{'redaction':['pii']}}"
    kit_decide(p, NS("legal.mail", "2027-06-30T23:59:59Z"), SB_DENY, NULL);
    kit_decide(p, NS("legal", "2026-11-24T00:00:00Z"), SB_DENY, NULL); /* the whole database */
    kit_decide(p, NS("legalese", "2026-11-24T00:00:00Z"), SB_ALLOW, NULL);
    kit_decide(p, NS("legal.mail", "2027-07-01T00:00:00Z"), SB_ALLOW, NULL);
    kit_decide(p, NS("legal.mail", "no time"), SB_DENY, NULL); /* nobody has shown that it is over */
    /* what cannot be looked at may be on hold */
    kit_decide(p, "{'v':1,'action':{'ns':['x.y',7],'holds':[]},'handling':{'redaction':['pii']}}", SB_DENY, NULL);
    kit_decide(p, "{'v':1,'action':{'holds':[]},'handling':{'redaction':['pii']}}", SB_DENY, NULL);
    in = kit_input(p, "{'v':1,'action':{'ns':[],'holds':[]}}");
    for (int i = 0; i < 1000; i++)
        json_array_append_new(json_object_get(json_object_get(in, "action"), "ns"), json_string("x.y"));
    assert_int_equal(sb_policy_freeze(p, in, NULL), 0);
    assert_non_null(json_object_get(json_object_get(in, "action"), "holds"));
    json_array_append_new(json_object_get(json_object_get(in, "action"), "ns"), json_string("legal.mail"));
    assert_int_equal(sb_policy_freeze(p, in, NULL), 0);
    assert_null(json_object_get(json_object_get(in, "action"), "holds"));
    json_decref(in);
    struct sb_policy_verdict v;
    kit_decide(p, "{'v':1,'action':{'ns':['x.y']}}", SB_REQUIRE, &v);
    assert_string_equal(v.would_flip[0], "the redaction profile pii has to be in force");
    sb_policy_verdict_release(&v);
    sb_policy_free(p);
    kit_refused("'holds':{'h':{'title':'t','ns':['a'],'until':'2027-02-29'}},", KIT_ALLOW, "until is the last day");
    kit_refused("'holds':{'h':{'title':'t','ns':[],'until':'2027-02-28'}},", KIT_ALLOW, "ns must be");
    kit_refused("'tags':{'t':'a.*'},", KIT_ALLOW, "must be a list");
}

/* ---- waivers ---- */

#define PLAN "1111111111111111111111111111111111111111111111111111111111111111"
#define OTHER "2222222222222222222222222222222222222222222222222222222222222222"
#define WAIVER(more) "{'id':'W-1','rule':'D','by':'alice','reason':'r','from':'2026-11-24T00:00:00Z','until':'2026-11-26T00:00:00Z'," more "}"
#define ASK(waiver, more) ASK_AT("2026-11-25T00:00:00Z", waiver, more)
#define ASK_AT(utc, waiver, more) "{'v':1,'x':1,'clock':{'utc':'" utc "'},'plan':{'sha256':'" PLAN "','fingerprint':'" OTHER "'},'waivers':[" waiver "]" more "}"
#define DENIES ",{'id':'D','level':'hard','effect':'deny','title':'t','match':{'v':{'eq':1}},'when':{'x':{'eq':1}},'waivable_by':'dba'}"

static void a_waiver_lifts_one_rule_from_one_plan(void **state)
{
    (void)state;
    struct sb_policy_verdict v;
    struct sb_policy *p = kit_bundle(GROUPS, KIT_ALLOW DENIES ",{'id':'E','level':'hard','effect':'deny','title':'t','match':{'v':{'eq':1}},'when':{'y':{'eq':1}}}");
    kit_decide(p, ASK("", ",'y':0"), SB_DENY, &v);
    assert_string_equal(v.would_flip[0], "it would pass if x is not 1 (it is 1) (rule D), or a waiver by a member of dba");
    sb_policy_verdict_release(&v);
    kit_decide(p, ASK(WAIVER("'plan':'" PLAN "'"), ",'y':0"), SB_ALLOW, &v);
    assert_int_equal(v.waivers_n, 1);
    assert_string_equal(v.waivers[0], "W-1");
    assert_string_equal(v.rules[1].waived_by, "W-1");
    assert_int_equal(v.rules[1].result, SB_TRUE); /* it is said, and that it did not decide */
    assert_false(v.rules[1].decides);
    json_t *j = sb_record_to_json(&sb_policy_verdict_schema, &v);
    assert_non_null(json_object_get(j, "waivers"));
    json_decref(j);
    sb_policy_verdict_release(&v);
    kit_decide(p, ASK(WAIVER("'fingerprint':'" OTHER "'"), ",'y':0"), SB_ALLOW, NULL);
    kit_decide(p, ASK(WAIVER("'plan':'" OTHER "'"), ",'y':0"), SB_DENY, NULL);
    kit_decide(p, ASK(WAIVER("'fingerprint':'" PLAN "'"), ",'y':0"), SB_DENY, NULL);
    kit_decide(p, ASK(WAIVER("'plan':'" PLAN "'"), ",'y':1"), SB_DENY, NULL);                          /* another rule */
    kit_decide(p, ASK(WAIVER("'plan':'" PLAN "'"), ",'y':0,'author':{'principal':'alice'}"), SB_DENY, NULL);
    kit_decide(p, ASK(WAIVER("'plan':'" PLAN "'"), ",'y':0,'editors':['alice']"), SB_DENY, NULL);
    kit_decide(p, ASK_AT("2026-11-26T00:00:00Z", WAIVER("'plan':'" PLAN "'"), ",'y':0"), SB_DENY, NULL);
    kit_decide(p, ASK_AT("2026-11-25T23:59:59Z", WAIVER("'plan':'" PLAN "'"), ",'y':0"), SB_ALLOW, NULL);
    kit_decide(p, ASK_AT("2026-11-23T23:59:59Z", WAIVER("'plan':'" PLAN "'"), ",'y':0"), SB_DENY, NULL);
    kit_decide(p, ASK_AT("never", WAIVER("'plan':'" PLAN "'"), ",'y':0"), SB_DENY, NULL);
    /* what cannot be decided can be waived as well */
    kit_decide(p, "{'v':1,'y':0,'clock':{'utc':'2026-11-25T00:00:00Z'},'plan':{'sha256':'" PLAN "'},'waivers':[" WAIVER("'plan':'" PLAN "'") "]}", SB_ALLOW, NULL);
    sb_policy_free(p);
    /* not signed where the bundle wants that; too long for it; by nobody of the group; of a rule that is not waivable */
    p = kit_bundle(GROUPS "'waivers':{'signed':true,'max_h':48},", KIT_ALLOW DENIES);
    kit_decide(p, ASK(WAIVER("'plan':'" PLAN "'"), ""), SB_DENY, NULL);
    kit_decide(p, ASK(WAIVER("'plan':'" PLAN "','signed':true"), ""), SB_ALLOW, NULL);
    sb_policy_free(p);
    p = kit_bundle(GROUPS "'waivers':{'max_h':47},", KIT_ALLOW DENIES);
    kit_decide(p, ASK(WAIVER("'plan':'" PLAN "'"), ""), SB_DENY, NULL);
    sb_policy_free(p);
    p = kit_bundle("'groups':{'dba':['bob']},", KIT_ALLOW DENIES);
    kit_decide(p, ASK(WAIVER("'plan':'" PLAN "'"), ""), SB_DENY, NULL);
    sb_policy_free(p);
    p = kit_bundle(GROUPS, KIT_ALLOW ",{'id':'D','level':'hard','effect':'deny','title':'t','match':{'v':{'eq':1}},'when':{'x':{'eq':1}}}");
    kit_decide(p, ASK(WAIVER("'plan':'" PLAN "'"), ""), SB_DENY, NULL);
    sb_policy_free(p);
    kit_refused(GROUPS, "{'id':'D','level':'hard','effect':'deny','title':'t','match':{'v':{'eq':1}},'waivable_by':'sre'}", "there is no group \"sre\"");
    kit_refused(GROUPS, "{'id':'D','level':'hard','effect':'allow','title':'t','match':{'v':{'eq':1}},'waivable_by':'dba'}", "a rule that allows cannot be waived");
    kit_refused("'waivers':{'max_h':73},", KIT_ALLOW, "from 1 to 72");
}

static int verify_says_bob(void *ctx, const char *name_space, const void *bytes, size_t n, const char *signature, size_t signature_n, const char *who, char **principal, struct sb_err *err)
{
    (void)ctx;
    (void)who;
    assert_string_equal(name_space, SB_WAIVER_NAMESPACE);
    assert_null(memmem(bytes, n, "signature", 9)); /* it is not over itself */
    if (signature_n != 4 || memcmp(signature, "good", 4) != 0)
        return sb_fail(err, SB_EINPUT, "no good");
    *principal = sb_format("bob");
    return *principal ? 0 : sb_fail_nomem(err);
}

static json_t *waivers(const char *list, const struct sb_policy_verifier *v, struct sb_err *err)
{
    char *raw = sb_format("{'format':'signalbox.waivers/1','waivers':[%s]}", list), *text = kit_quotes(raw);
    json_t *out = sb_waivers_read(text, strlen(text), "w", v, err);
    free(raw);
    free(text);
    return out;
}

static void files_of_waivers_are_checked_whole(void **state)
{
    (void)state;
    static const struct sb_policy_verifier bob = {verify_says_bob, NULL};
    struct sb_err err = SB_ERR_INIT;
#define FILE_WAIVER(by, more) "{'id':'W-1','rule':'D','by':'" by "','reason':'r','from':'2026-11-24T00:00:00Z','until':'2026-11-26T00:00:00Z','plan':'" PLAN "'" more "}"
    json_t *list = waivers(FILE_WAIVER("alice", "") "," FILE_WAIVER("bob", ",'signature':'good','ticket':'T-1'"), &bob, &err);
    if (!list)
        fail_msg("%s", err.msg);
    assert_true(json_is_false(json_object_get(json_array_get(list, 0), "signed")));
    assert_true(json_is_true(json_object_get(json_array_get(list, 1), "signed")));
    assert_null(json_object_get(json_array_get(list, 1), "signature"));
    assert_int_equal(strlen(sb_json_str(json_array_get(list, 0), "sha256")), 64);
    json_decref(list);
    static const struct {
        const char *list, *says;
    } bad[] = {
        {FILE_WAIVER("alice", ",'signature':'good'"), "is by alice, and signed by bob"},
        {FILE_WAIVER("bob", ",'signature':'bad'"), "is not good: no good"},
        {FILE_WAIVER("bob", ",'extra':'x'"), "not known"},
        {FILE_WAIVER("bob", ",'fingerprint':'" PLAN "'"), "and not both"},
        {FILE_WAIVER("bob", ",'signed':true"), "not known"}, /* nobody says that of themselves */
        {FILE_WAIVER("", ""), "needs id"},
        {"7", "is no object"},
        {"{'id':'W','rule':'D','by':'b','reason':'r','from':'2026-11-24T00:00:00Z','until':'2026-11-27T00:00:01Z','plan':'" PLAN "'}", "longer than 72 hours"},
        {"{'id':'W','rule':'D','by':'b','reason':'r','from':'2026-11-24T00:00:00Z','until':'2026-11-24T00:00:00Z','plan':'" PLAN "'}", "or not at all"},
        {"{'id':'W','rule':'D','by':'b','reason':'r','from':'x','until':'2026-11-24T00:00:00Z','plan':'" PLAN "'}", "a time that is none"},
        {"{'id':'W','rule':'D','by':'b','reason':'r','from':'2026-11-24T00:00:00Z','until':'2026-11-25T00:00:00Z','plan':'*'}", "something else than a SHA-256"},
        {"{'id':'W','rule':'D','by':'b','reason':'r','from':'2026-11-24T00:00:00Z','until':'2026-11-25T00:00:00Z'}", "a plan or a fingerprint"},
    };
    for (size_t i = 0; i < SB_COUNT(bad); i++) {
        assert_null(waivers(bad[i].list, &bob, &err));
        if (!strstr(err.msg, bad[i].says) || strncmp(err.msg, "w:", 2) != 0)
            fail_msg("%s: says \"%s\", not \"%s\"", bad[i].list, err.msg, bad[i].says);
    }
    assert_null(waivers(FILE_WAIVER("bob", ",'signature':'good'"), NULL, &err));
    assert_non_null(strstr(err.msg, "nobody is named who may sign"));
    assert_null(sb_waivers_read("[]", 2, "w", NULL, &err));
}

static void lint_looks_beside_the_rules(void **state)
{
    (void)state;
    static const struct {
        const char *sections, *rules, *says;
    } rows[] = {
        {"'windows':{'w':{'kind':'allow','tz':'UTC','days':['mon'],'start':'01:00','duration_min':60}},", KIT_ALLOW, "no rule looks at this window"},
        {"'windows':{'w':{'kind':'deny','tz':'UTC','from':'2025-01-01','to':'2025-01-02'}},", KIT_ALLOW REQUIRE("R", "'windows':['w']"), "this window is over"},
        {"'windows':{'w':{'kind':'allow','tz':'UTC','days':['mon'],'start':'01:00','duration_min':60,'from':'2026-12-01','to':'2026-12-02'}},", KIT_ALLOW REQUIRE("R", "'windows':['w']"), "never open"},
        {"'windows':{'w':{'kind':'allow','tz':'UTC','days':['mon'],'start':'01:00','duration_min':60},'x':{'kind':'allow','tz':'UTC','days':['tue'],'start':'01:00','duration_min':60}},",
         KIT_ALLOW REQUIRE("R", "'windows':['w','x']"), "the windows w and x are never open together within two years"},
        {"'groups':{'g':['a']},", KIT_ALLOW, "no rule names this group"},
        {"'checks':{'c':{'title':'t','when':{'health.lag_s':{'le':1}}}},", KIT_ALLOW, "no rule requires this check"},
        {"'checks':{'c':{'title':'t','when':{'health.lags':{'le':1}}}},", KIT_ALLOW REQUIRE("R", "'checks':['c']"), "no decision input has a fact health.lags"},
        {"'tags':{'t':['a.*']},", KIT_ALLOW, "no rule names this tag"},
        {"'holds':{'h':{'title':'t','ns':['a.*'],'until':'2026-01-01'}},", KIT_ALLOW, "this hold ended on 2026-01-01"},
        {"'autonomy':{'levels':[{'kinds':['index.create'],'env':'dev','level':'L3'}]},", KIT_ALLOW, "no rule reads autonomy.level"},
        {"'autonomy':{'levels':[{'kinds':['index.create'],'env':'dev','level':'L4'}]},", KIT_ALLOW ",{'id':'D','level':'hard','effect':'deny','title':'t','when':{'autonomy.level':{'lt':1}}}",
         "L4 without \"until\""},
        {"'autonomy':{'levels':[{'kinds':['index.create'],'env':'dev','level':'L3','until':'2026-01-01'}]},",
         KIT_ALLOW ",{'id':'D','level':'hard','effect':'deny','title':'t','when':{'autonomy.level':{'lt':1}}}", "this grant ended on 2026-01-01"},
        {GROUPS, KIT_ALLOW REQUIRE("R", "'group_approvals':2,'approvals':1") REQUIRE("S", "'groups':['dba','crm']"), "group_approvals without groups"},
        {"'windows':{'w':{'kind':'allow','tz':'UTC','days':['mon'],'start':'01:00','duration_min':60}},",
         KIT_ALLOW ",{'id':'D','level':'hard','effect':'deny','title':'t','when':{'calendar.w.active':{'eq':'yes'}}}", "is true or false"},
        {"", KIT_ALLOW ",{'id':'D','level':'hard','effect':'deny','title':'t','when':{'calendar.w.active':{'eq':true}}}", "no decision input has a fact calendar.w.active"},
    };
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        struct sb_err err = SB_ERR_INIT;
        struct sb_lint out;
        char *text = kit_text(rows[i].sections, rows[i].rules);
        struct sb_policy *p = kit_bundle(rows[i].sections, rows[i].rules);
        sb_assert_ok(sb_policy_lint(p, text, strlen(text), "2026-11-23", &out, &err), err);
        bool found = false;
        for (size_t k = 0; k < out.findings_n; k++) {
            found |= strstr(out.findings[k].what, rows[i].says) != NULL;
            if (!strstr(out.findings[k].what, rows[i].says) && strcmp(out.findings[k].what, "it has no tests") != 0)
                print_message("also: %s\n", out.findings[k].what);
        }
        if (!found)
            fail_msg("%s%s: nothing says \"%s\"", rows[i].sections, rows[i].rules, rows[i].says);
        sb_record_release(&sb_lint_schema, &out);
        sb_policy_free(p);
        free(text);
    }
}

/* A section "batch", and the one input that fits it. */
#define BATCH "'batch':[{'kinds':['index.hide'],'risk':'low','env':'dev'}],"
#define ASKS(what) "{'id':'R','level':'hard','effect':'require','title':'t','match':{'v':{'eq':1}},'require':{" what "}}," KIT_ALLOW

static bool batch_of(const char *sections, const char *rules, const char *env, const char *risk, const char *more, int decision)
{
    struct sb_policy *p = kit_bundle(sections, rules);
    struct sb_policy_verdict v;
    char *text = sb_format("{'v':1,'action':{'kind':'index.hide','risk':'%s'},'target':{'env':'%s'}%s}", risk, env, more);
    kit_decide(p, text, decision, &v);
    bool batch = v.requires.batch;
    json_t *json = sb_record_to_json(&sb_policy_verdict_schema, &v);
    assert_int_equal(json_is_true(json_object_get(json_object_get(json, "requires"), "batch")), batch);
    json_decref(json);
    sb_policy_verdict_release(&v);
    sb_policy_free(p);
    free(text);
    return batch;
}

static void several_at_once_only_what_the_bundle_names_and_takes_one_plain_approval(void **state)
{
    (void)state;
    assert_true(batch_of(BATCH, ASKS("'approvals':1"), "dev", "low", "", SB_REQUIRE));
    assert_true(batch_of(BATCH, ASKS("'approvals':1,'not_author':true"), "dev", "low", "", SB_REQUIRE));
    assert_true(batch_of(BATCH, ASKS("'approvals':1"), "dev", "low", ",'approvals':[{'by':'bob'}]", SB_ALLOW));
    assert_false(batch_of("", ASKS("'approvals':1"), "dev", "low", "", SB_REQUIRE)); /* nobody granted it */
    assert_false(batch_of(BATCH, ASKS("'approvals':1"), "staging", "low", "", SB_REQUIRE));
    assert_false(batch_of(BATCH, ASKS("'approvals':1"), "prod", "low", "", SB_REQUIRE));
    assert_false(batch_of(BATCH, ASKS("'approvals':1"), "devel", "low", "", SB_REQUIRE));
    assert_false(batch_of(BATCH, ASKS("'approvals':1"), "dev", "medium", "", SB_REQUIRE));
    assert_false(batch_of(BATCH, ASKS("'approvals':2"), "dev", "low", "", SB_REQUIRE));
    assert_false(batch_of(BATCH, ASKS("'approvals':1,'more_approvals':1"), "dev", "low", "", SB_REQUIRE));
    assert_false(batch_of(BATCH, ASKS("'approvals':1,'typed_target':true"), "dev", "low", "", SB_REQUIRE));
    assert_false(batch_of(BATCH "'groups':{'dba':['bob']},", ASKS("'approvals':1,'groups':['dba']"), "dev", "low", "", SB_REQUIRE));
    assert_false(batch_of(BATCH, KIT_ALLOW, "dev", "low", "", SB_ALLOW)); /* nothing to approve */
    assert_false(batch_of(BATCH, "{'id':'D','level':'hard','effect':'deny','title':'t','match':{'v':{'eq':1}}}," ASKS("'approvals':1"), "dev", "low", "", SB_DENY));
    assert_false(batch_of(BATCH, "{'id':'E','level':'hard','effect':'deny','title':'t','match':{'gone':{'eq':1}}}," ASKS("'approvals':1"), "dev", "low", "", SB_REQUIRE));
    kit_refused("'batch':[{'kinds':['index.hide'],'risk':'low','env':'prod'}],", KIT_ALLOW, "env must be staging or dev");
    kit_refused("'batch':[{'kinds':['index.hide'],'risk':'high','env':'dev'}],", KIT_ALLOW, "risk must be low or medium");
    kit_refused("'batch':[{'kinds':['index.hide'],'env':'dev'}],", KIT_ALLOW, "risk");
    kit_refused("'batch':[{'kinds':[],'risk':'low','env':'dev'}],", KIT_ALLOW, "kinds must be a list");
    kit_refused("'batch':[{'kinds':['x'],'risk':'low','env':'dev','until':'2027-01-01'}],", KIT_ALLOW, "until");
    kit_refused("'batch':{},", KIT_ALLOW, "must be a list");
}

static void lint_looks_at_batches(void **state)
{
    (void)state;
    static const char sections[] = "'batch':[{'kinds':['index.hide'],'risk':'low','env':'dev'},{'kinds':['index.hide'],'risk':'low','env':'dev'}],";
    struct sb_err err = SB_ERR_INIT;
    char *text = kit_text(sections, KIT_ALLOW);
    struct sb_policy *p = kit_bundle(sections, KIT_ALLOW);
    struct sb_lint out;
    sb_assert_ok(sb_policy_lint(p, text, strlen(text), "2026-11-24", &out, &err), err);
    bool unnamed = false, twice = false;
    for (size_t i = 0; i < out.findings_n; i++) {
        unnamed |= strstr(out.findings[i].what, "no rule names the kind index.hide") && sb_streq(out.findings[i].at, "/batch/0");
        twice |= strstr(out.findings[i].what, "index.hide is granted before") && sb_streq(out.findings[i].at, "/batch/1");
    }
    assert_true(unnamed && twice);
    sb_record_release(&sb_lint_schema, &out);
    sb_policy_free(p);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bundle_alone_says_who_is_in_a_group),
        cmocka_unit_test(approvals_add_up_and_some_do_not_count),
        cmocka_unit_test(prerequisites_are_met_missing_or_not_measured),
        cmocka_unit_test(tags_and_holds_follow_from_names),
        cmocka_unit_test(a_waiver_lifts_one_rule_from_one_plan),
        cmocka_unit_test(files_of_waivers_are_checked_whole),
        cmocka_unit_test(lint_looks_beside_the_rules),
        cmocka_unit_test(several_at_once_only_what_the_bundle_names_and_takes_one_plain_approval),
        cmocka_unit_test(lint_looks_at_batches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
