/* SPDX-License-Identifier: Apache-2.0
 *
 * Which bundle comes into force, and what a recorded decision would be under another. */
#include "kit.h"

#include <signalbox/policy/activate.h>
#include <signalbox/policy/replay.h>

static int verify(void *ctx, const char *name_space, const void *bytes, size_t n, const char *signature, size_t signature_n, const char *who, char **principal, struct sb_err *err)
{
    (void)bytes;
    (void)n;
    *(int *)ctx += 1;
    assert_string_equal(name_space, SB_POLICY_NAMESPACE);
    assert_null(who);
    if (signature_n != 4 || memcmp(signature, "good", 4) != 0)
        return sb_fail(err, SB_ENO, "made by nobody we know");
    *principal = sb_format("alice");
    return *principal ? 0 : sb_fail_nomem(err);
}

static char *bundle(const char *name, const char *version, const char *title)
{
    char *raw = sb_format("{'format':'signalbox.policy/1','bundle':'%s','version':'%s','default':'deny','rules':[{'id':'A','level':'hard','effect':'allow','title':'%s','match':{'v':{'eq':1}}}]}",
                          name, version, title);
    char *text = kit_quotes(raw);
    free(raw);
    return text;
}

struct outcome {
    const char *version; /* in force; NULL: nothing is */
    const char *says;    /* the alarm, or the error */
};

static void activation_is(const char *text, const char *signature, bool built_in, const struct sb_policy_past *past, bool want_signed, struct outcome expected)
{
    int asked = 0;
    struct sb_policy_verifier v = {verify, &asked};
    struct sb_policy_offer offer = {.text = text, .len = strlen(text), .path = "p.json", .signature = signature, .signature_n = signature ? strlen(signature) : 0, .built_in = built_in};
    struct sb_policy_activation a;
    struct sb_err err = SB_ERR_INIT;
    int rc = sb_policy_activate(&offer, past, &sb_zones_of_system, want_signed ? &v : NULL, &a, &err);
    const char *said = rc ? err.msg : a.alarm.msg;
    if ((rc == 0) != (expected.version != NULL))
        fail_msg("%s: %s", rc ? "nothing in force" : "something in force", said);
    if (rc == 0 && !sb_streq(sb_policy_id(a.policy)->version, expected.version))
        fail_msg("%s in force, not %s: %s", sb_policy_id(a.policy)->version, expected.version, said);
    if (!strstr(said, expected.says) || (!expected.says[0] && said[0]))
        fail_msg("says \"%s\", not \"%s\"", said, expected.says);
    if (want_signed && !built_in && signature)
        assert_int_equal(asked, 1);
    else
        assert_int_equal(asked, 0);
    if (rc == 0 && a.alarm.code == SB_OK && asked)
        assert_string_equal(a.signer, "alice");
    if (rc == 0) {
        sb_policy_free(a.policy);
        free(a.signer);
    }
}

static void a_policy_does_not_go_back_and_a_bad_one_is_not_taken(void **state)
{
    (void)state;
    char *v1 = bundle("prod", "2026.11.1", "t"), *v2 = bundle("prod", "2026.11.2", "t"), *v10 = bundle("prod", "2026.11.10", "t"), *other = bundle("prod", "2026.11.2", "u");
    char *named = bundle("else", "1", "t");
    struct sb_policy *p2 = sb_policy_load(v2, strlen(v2), "t", NULL, NULL);
    json_t *versions = sb_policy_versions_with(NULL, sb_policy_id(p2));
    struct sb_policy_past none = {NULL, 0, NULL}, past = {v2, strlen(v2), versions}, no_text = {NULL, 0, versions};
    struct outcome good1 = {"2026.11.1", ""}, good2 = {"2026.11.2", ""};
    activation_is(v1, NULL, false, &none, false, good1);
    activation_is(v2, NULL, false, &past, false, good2);
    activation_is(v10, NULL, false, &past, false, (struct outcome){"2026.11.10", ""}); /* ten is more than two */
    activation_is(v1, NULL, false, &past, false, (struct outcome){"2026.11.2", "a policy does not go back"});
    activation_is(v1, NULL, true, &past, false, (struct outcome){"2026.11.2", "a policy does not go back"});
    activation_is(v1, NULL, false, &no_text, false, (struct outcome){NULL, "2026.11.2 was in force"});
    activation_is(named, NULL, false, &past, false, (struct outcome){"1", ""});
    activation_is(other, NULL, false, &past, false, good2); /* where nobody signs, nobody can be asked why */
    /* what does not load */
    activation_is("{", NULL, false, &past, false, (struct outcome){"2026.11.2", "p.json:1:"});
    activation_is("{", NULL, false, &none, false, (struct outcome){NULL, "p.json:1:"});
    activation_is("{", NULL, false, &(struct sb_policy_past){"[", 1, NULL}, false, (struct outcome){NULL, "the last good one cannot be used"});
    /* signatures */
    activation_is(v2, "good", false, &past, true, good2);
    activation_is(v2, NULL, false, &none, true, (struct outcome){NULL, "it is not signed"});
    activation_is(v10, NULL, false, &past, true, (struct outcome){"2026.11.2", "it is not signed"});
    activation_is(v10, "bad", false, &past, true, (struct outcome){"2026.11.2", "its signature is not good: made by nobody we know"});
    activation_is(v10, "good", false, &past, true, (struct outcome){"2026.11.10", ""});
    activation_is(v10, NULL, true, &past, true, (struct outcome){"2026.11.10", ""});
    activation_is(v1, "good", false, &past, true, (struct outcome){"2026.11.2", "a policy does not go back"});
    activation_is(other, "good", false, &past, true, (struct outcome){"2026.11.2", "a change takes a new version"});
    json_decref(versions);
    sb_policy_free(p2);
    free(v1);
    free(v2);
    free(v10);
    free(other);
    free(named);
}

static void versions_are_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *a, *b;
        int order;
    } rows[] = {{"1", "1", 0}, {"1", "2", -1}, {"10", "9", 1}, {"2026.11.9", "2026.11.10", -1}, {"2026.11", "2026.11.1", -1}, {"2026.11", "2026.11.0", -1}, {"2027", "2026.99.99", 1}, {"01", "1", 0}};
    for (size_t i = 0; i < SB_COUNT(rows); i++) {
        assert_int_equal(sb_policy_version_compare(rows[i].a, rows[i].b), rows[i].order);
        assert_int_equal(sb_policy_version_compare(rows[i].b, rows[i].a), -rows[i].order);
    }
}

/* ---- replay ---- */

#define IS(id, effect, x) ",{'id':'" id "','level':'hard','effect':'" effect "','title':'t','match':{'x':{'eq':" x "}}"

static json_t *recorded(const struct sb_policy *p, const char *in)
{
    struct sb_policy_verdict v;
    json_t *input = kit_input(p, in);
    assert_int_equal(sb_policy_evaluate(p, input, &v, NULL), 0);
    json_t *body = json_pack("{s:s,s:o,s:o}", "stage", "gate", "verdict", sb_record_to_json(&sb_policy_verdict_schema, &v), "input", input);
    assert_non_null(body);
    sb_policy_verdict_release(&v);
    return body;
}

static void replay_is(const json_t *body, const char *sections, const char *rules, enum sb_policy_change change, const char *decides)
{
    struct sb_policy *p = kit_bundle(sections, rules);
    struct sb_policy_replayed r;
    assert_int_equal(sb_policy_replay(p, body, &r, NULL), 0);
    if (r.change != (int)change || !strstr(r.rules, decides))
        fail_msg("%s: %s by %s, expected %s by %s", rules, sb_name(&sb_policy_changes, r.change), r.rules, sb_name(&sb_policy_changes, (int)change), decides);
    sb_policy_replayed_release(&r);
    sb_policy_free(p);
}

static void a_recorded_decision_is_asked_again_of_another_bundle(void **state)
{
    (void)state;
#define REQUIRE(id, what) IS(id, "require", "1") ",'require':{" what "}}"
    struct sb_policy *p = kit_bundle("", KIT_ALLOW REQUIRE("R", "'approvals':1"));
    json_t *body = recorded(p, "{'v':1,'x':1,'target':{'env':'prod'}}"), *allowed = recorded(p, "{'v':1,'x':1,'approvals':[{'by':'a'}]}"), *denied = recorded(p, "{'v':2,'x':1}");
    replay_is(body, "", KIT_ALLOW REQUIRE("R", "'approvals':1"), SB_CHANGE_UNCHANGED, "R");
    replay_is(body, "", KIT_ALLOW REQUIRE("R", "'approvals':2"), SB_CHANGE_MORE_APPROVALS, "R");
    replay_is(body, "", KIT_ALLOW REQUIRE("R", "'approvals':1,'not_author':true"), SB_CHANGE_MORE_APPROVALS, "R");
    replay_is(body, "", KIT_ALLOW REQUIRE("R", "'approvals':1,'checks':['c']"), SB_CHANGE_MORE_APPROVALS, "R");
    replay_is(body, "", KIT_ALLOW IS("D", "deny", "1") "}", SB_CHANGE_NEWLY_DENIED, "D");
    replay_is(body, "", "{'id':'A','level':'hard','effect':'allow','title':'t','match':{'x':{'eq':2}}}", SB_CHANGE_NEWLY_DENIED, "no rule allows it");
    replay_is(body, "", KIT_ALLOW, SB_CHANGE_NEWLY_PERMITTED, "A");
    replay_is(body, "", KIT_ALLOW REQUIRE("R", "'checks':['c']"), SB_CHANGE_NEWLY_PERMITTED, "R"); /* something more, and something less */
    replay_is(body, "", KIT_ALLOW ",{'id':'E','level':'hard','effect':'deny','title':'t','when':{'y':{'eq':1}}}", SB_CHANGE_ERROR, "E");
    replay_is(allowed, "", KIT_ALLOW REQUIRE("R", "'approvals':2"), SB_CHANGE_MORE_APPROVALS, "R");
    replay_is(allowed, "", KIT_ALLOW, SB_CHANGE_NEWLY_PERMITTED, "A"); /* it would have passed with less */
    replay_is(denied, "", KIT_ALLOW ",{'id':'E','level':'hard','effect':'deny','title':'t','when':{'y':{'eq':1}}}", SB_CHANGE_UNCHANGED, "E");
    /* groups and windows are those of the candidate */
    replay_is(allowed, "'groups':{'dba':['a']},", KIT_ALLOW REQUIRE("R", "'approvals':1,'groups':['dba']"), SB_CHANGE_MORE_APPROVALS, "A");
    replay_is(allowed, "'groups':{'dba':['b']},", KIT_ALLOW REQUIRE("R", "'approvals':1,'groups':['dba']"), SB_CHANGE_MORE_APPROVALS, "R");
    /* what is not an entry of ours */
    replay_is(json_object_get(body, "nothing"), "", KIT_ALLOW, SB_CHANGE_ERROR, "cannot be read");
    json_t *odd = json_pack("{s:{},s:{s:s}}", "input", "verdict", "decision", "maybe");
    replay_is(odd, "", KIT_ALLOW, SB_CHANGE_ERROR, "cannot be read: ");
    json_decref(odd);
    json_decref(body);
    json_decref(allowed);
    json_decref(denied);
    sb_policy_free(p);
}

static void windows_are_asked_again_at_the_time_of_the_decision(void **state)
{
    (void)state;
#define NIGHT(tz) "'windows':{'night':{'kind':'allow','tz':'" tz "','days':['mon','tue','wed','thu'],'start':'22:00','duration_min':360}},"
#define WANTS KIT_ALLOW ",{'id':'W','level':'hard','effect':'require','title':'t','match':{'x':{'eq':1}},'require':{'windows':['night']}}"
    struct sb_policy *p = kit_bundle(NIGHT("Europe/Amsterdam"), WANTS);
    json_t *body = recorded(p, "{'v':1,'x':1,'stage':'execute','clock':{'utc':'2026-11-24T21:30:00Z'}}"); /* 22:30 there */
    replay_is(body, NIGHT("Europe/Amsterdam"), WANTS, SB_CHANGE_UNCHANGED, "A");
    replay_is(body, NIGHT("UTC"), WANTS, SB_CHANGE_MORE_APPROVALS, "W");
    replay_is(body, NIGHT("Africa/Nairobi"), WANTS, SB_CHANGE_UNCHANGED, "A");
    /* frozen: it was open, whatever the data of the zone say today */
    json_object_set_new(json_object_get(json_object_get(json_object_get(body, "input"), "calendar"), "night"), "active", json_false());
    replay_is(body, NIGHT("Europe/Amsterdam"), WANTS, SB_CHANGE_MORE_APPROVALS, "W");
    json_decref(body);
    sb_policy_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_policy_does_not_go_back_and_a_bad_one_is_not_taken),
        cmocka_unit_test(versions_are_numbers),
        cmocka_unit_test(a_recorded_decision_is_asked_again_of_another_bundle),
        cmocka_unit_test(windows_are_asked_again_at_the_time_of_the_decision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
