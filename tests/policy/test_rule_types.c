/* SPDX-License-Identifier: Apache-2.0
 *
 * The sixteen types of rule that a policy for changes of a database needs, each with a plan that passes, one that is held, and a
 * waiver for that one. Printed as a table. */
#include "kit.h"

#define GROUPS "'groups':{'dba':['alice','bob'],'dba-pay':['dave'],'crm-owners':['erin']},"
#define PLAN "1111111111111111111111111111111111111111111111111111111111111111"
#define DENY "'effect':'deny',"
#define REQUIRE "'effect':'require',"

static const struct type {
    const char *name, *sections, *rule; /* of the rule: effect, match, when, require */
    const char *passes, *held;          /* members of the input */
    int decision;                       /* of what is held */
} types[] = {
    {"forbidden action", "", DENY "'match':{'target.env':{'eq':'prod'}},'when':{'action.kind':{'in':['database.drop','collection.drop']}}",
     "'target':{'env':'prod'},'action':{'kind':'index.create'}", "'target':{'env':'prod'},'action':{'kind':'collection.drop'}", SB_DENY},
    {"namespace scope", "", DENY "'match':{'action.ns':{'any':{'glob':'payments.*'}}},'when':{'not':{'actor.groups':{'any':{'eq':'dba-pay'}}}}",
     "'action':{'ns':['payments.card']},'actor':{'principal':'dave'}", "'action':{'ns':['shop.orders','payments.card']},'actor':{'principal':'alice'}", SB_DENY},
    {"approver count", "", REQUIRE "'match':{'action.est_docs':{'gt':1000000}},'require':{'approvals':2}",
     "'action':{'est_docs':1000001},'approvals':[{'by':'alice'},{'by':'bob'}]", "'action':{'est_docs':1000001},'approvals':[{'by':'alice'},{'by':'alice'}]", SB_REQUIRE},
    {"approver group, owner", "", REQUIRE "'match':{'action.ns':{'any':{'glob':'crm.*'}}},'require':{'groups':['crm-owners']}",
     "'action':{'ns':['crm.people']},'approvals':[{'by':'erin'}]", "'action':{'ns':['crm.people']},'approvals':[{'by':'bob','groups':['crm-owners']}]", SB_REQUIRE},
    {"separation of duties", "", REQUIRE "'match':{'v':{'eq':1}},'require':{'approvals':1,'not_author':true,'not_executor':true}",
     "'stage':'execute','author':{'principal':'alice'},'editors':['dave'],'actor':{'principal':'erin'},'approvals':[{'by':'bob'}]",
     "'stage':'execute','author':{'principal':'alice'},'editors':['dave'],'actor':{'principal':'erin'},'approvals':[{'by':'alice'},{'by':'dave'},{'by':'erin'}]", SB_REQUIRE},
    {"change window", "'windows':{'eu-night':{'kind':'allow','tz':'Europe/Amsterdam','days':['mon','tue','wed','thu'],'start':'22:00','duration_min':360}},",
     REQUIRE "'match':{'action.class':{'eq':'costly'}},'require':{'windows':['eu-night']}",
     "'stage':'execute','action':{'class':'costly'},'clock':{'utc':'2026-11-24T21:00:00Z'}", "'stage':'execute','action':{'class':'costly'},'clock':{'utc':'2026-11-24T20:59:59Z'}", SB_REQUIRE},
    {"freeze calendar", "'windows':{'year-end':{'kind':'deny','from':'2026-12-18T00:00','to':'2027-01-04T08:00','tz':'Europe/Amsterdam'}},",
     DENY "'match':{'calendar.year-end.active':{'eq':true}},'when':{'action.risk':{'ne':'low'}}",
     "'action':{'risk':'low'},'clock':{'utc':'2026-12-24T12:00:00Z'}", "'action':{'risk':'medium'},'clock':{'utc':'2026-12-24T12:00:00Z'}", SB_DENY},
    {"blast radius, budget", "", DENY "'match':{'v':{'eq':1}},'when':{'any':[{'action.est_duration_s':{'gt':900}},{'history.executed_today':{'ge':3}}]}",
     "'action':{'est_duration_s':900},'history':{'executed_today':2}", "'action':{'est_duration_s':1},'history':{'executed_today':3}", SB_DENY},
    {"health gate", "", DENY "'match':{'stage':{'eq':'execute'}},'when':{'not':{'health.lag_s':{'lt':10},'health.oplog_window_s':{'gt':86400},'health.disk_free_ppm':{'gt':250000}}}",
     "'stage':'execute','health':{'lag_s':9,'oplog_window_s':86401,'disk_free_ppm':250001}", "'stage':'execute','health':{'lag_s':10,'oplog_window_s':86401,'disk_free_ppm':250001}", SB_DENY},
    {"prerequisite", "'checks':{'fresh':{'title':'a backup of a day','when':{'recovery.backup_age_s':{'lt':86400}}},'staging':{'title':'it ran on staging','when':{'history.staging_age_s':{'ge':86400}}}},",
     REQUIRE "'match':{'v':{'eq':1}},'require':{'checks':['fresh','staging']}", "'recovery':{'backup_age_s':86399},'history':{'staging_age_s':86400}",
     "'recovery':{'backup_age_s':86399},'history':{'staging_age_s':86399}", SB_REQUIRE},
    {"reversibility", "", REQUIRE "'match':{'action.has_undo':{'eq':false}},'require':{'approvals':2,'typed_target':true}",
     "'action':{'has_undo':false},'approvals':[{'by':'alice'},{'by':'bob'}]", "'action':{'has_undo':false},'approvals':[{'by':'alice'}]", SB_REQUIRE},
    {"actor kind", "", DENY "'match':{'actor.kind':{'eq':'agent'}},'when':{'stage':{'in':['approve','execute']}}",
     "'stage':'gate','actor':{'principal':'m','kind':'agent'}", "'stage':'execute','actor':{'principal':'m','kind':'agent'}", SB_DENY},
    {"model quality", "", REQUIRE "'match':{'autonomy.level':{'ge':4}},'when':{'not':{'model.samples':{'ge':50},'model.brier_ppm':{'le':200000}}},'require':{'approvals':1}",
     "'autonomy':{'level':4},'model':{'samples':50,'brier_ppm':200000}", "'autonomy':{'level':4},'model':{'samples':50,'brier_ppm':200001}", SB_REQUIRE},
    {"rate, repetition", "", DENY "'match':{'v':{'eq':1}},'when':{'history.rolled_back_30d':{'ge':2}}", "'history':{'rolled_back_30d':1}", "'history':{'rolled_back_30d':2}", SB_DENY},
    {"data handling", "'tags':{'pii':['crm.*']},", REQUIRE "'match':{'action.tags':{'any':{'eq':'pii'}}},'require':{'redaction':['pii']}",
     "'action':{'ns':['crm.people']},'handling':{'redaction':['pii']}", "'action':{'ns':['crm.people'],'tags':[]}", SB_REQUIRE},
    {"waiver", "'waivers':{'signed':true,'max_h':48},", DENY "'match':{'v':{'eq':1}},'when':{'action.level':{'ge':2}}", "'action':{'level':1}", "'action':{'level':2}", SB_DENY},
};

/* The same input and, more of it, a waiver of the rule; what the input says of the clock comes first. */
static char *input_of(const char *members, const char *hours)
{
    static const char utc[] = "'clock':{'utc':'";
    const char *at = strstr(members, utc), *clock = at ? at + sizeof utc - 1 : "2026-11-25T00:00:00Z";
    char day[11];
    snprintf(day, sizeof day, "%s", clock);
    char *waiver = hours ? sb_format("{'id':'W-1','rule':'D','by':'bob','reason':'r','signed':true,'from':'%sT00:00:00Z','until':'%sT%s:59:59Z','plan':'" PLAN "'}", day, day, hours) : sb_format("%s", "");
    char *in = sb_format("{'v':1,%s%s,'plan':{'sha256':'" PLAN "'},'waivers':[%s]}", members, at ? "" : ",'clock':{'utc':'2026-11-25T00:00:00Z'}", waiver ? waiver : "");
    free(waiver);
    assert_non_null(in);
    return in;
}

static void decided(const struct sb_policy *p, const struct type *t, const char *members, const char *hours, int decision, const char *rule)
{
    struct sb_policy_verdict v;
    char *in = input_of(members, hours);
    kit_decide(p, in, decision, &v);
    bool named = !rule;
    for (size_t i = 0; i < v.rules_n && !named; i++)
        named = sb_streq(v.rules[i].id, rule) && v.rules[i].decides;
    if (!named)
        fail_msg("%s: what was decided about %s is not the rule's own doing", t->name, in);
    sb_policy_verdict_release(&v);
    free(in);
}

static void each_type_passes_and_holds_and_is_waived(void **state)
{
    (void)state;
    assert_int_equal(SB_COUNT(types), 16);
    print_message("%2s  %-22s %-8s %-8s %-8s %s\n", "", "type of rule", "passes", "held", "waived", "not waivable");
    for (size_t i = 0; i < SB_COUNT(types); i++) {
        const struct type *t = &types[i];
        char *rule = sb_format(KIT_ALLOW ",{'id':'D','level':'hard','title':'%s',%s,'waivable_by':'dba'}", t->name, t->rule), *sections = sb_format(GROUPS "%s", t->sections);
        assert_non_null(rule);
        assert_non_null(sections);
        struct sb_policy *p = kit_bundle(sections, rule);
        decided(p, t, t->passes, NULL, SB_ALLOW, "A");
        decided(p, t, t->held, NULL, t->decision, "D");
        decided(p, t, t->held, "23", SB_ALLOW, "A");
        sb_policy_free(p);
        /* a rule that nobody may waive holds in spite of it */
        free(rule);
        rule = sb_format(KIT_ALLOW ",{'id':'D','level':'hard','title':'%s',%s}", t->name, t->rule);
        assert_non_null(rule);
        p = kit_bundle(sections, rule);
        decided(p, t, t->held, "23", t->decision, "D");
        print_message("%2zu  %-22s %-8s %-8s %-8s %s\n", i + 1, t->name, "allow", sb_name(&sb_decisions, t->decision), "allow", sb_name(&sb_decisions, t->decision));
        sb_policy_free(p);
        free(rule);
        free(sections);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_type_passes_and_holds_and_is_waived)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
