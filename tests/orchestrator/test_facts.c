/* SPDX-License-Identifier: Apache-2.0
 *
 * Facts that the orchestrator takes from elsewhere: from a real ledger what was carried out before and what came of it, and
 * waivers from a file. */
#include "test.h"

#include "../../src/orchestrator/private.h"

#include <signalbox/base/file.h>

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DAY_MS INT64_C(86400000)

struct fixture {
    struct sb_origin origin;
    struct sb_orchestrator o;
    char dir[300];
};

static void open_ledger(struct fixture *f)
{
    struct sb_err err = SB_ERR_INIT;
    f->o.ledger = sb_ledger_open(f->dir, SB_LEDGER_OWN, &f->origin, &err);
    if (!f->o.ledger)
        fail_msg("%s", err.msg);
    f->o.opt.origin = &f->origin;
}

static void set_up(struct fixture *f, const char *name)
{
    memset(f, 0, sizeof *f);
    snprintf(f->dir, sizeof f->dir, "%s/%s", sb_test_dir(), name);
    sb_origin_seeded(&f->origin, 3);
    open_ledger(f);
}

static void put(struct fixture *f, int kind, const char *card, json_t *body, bool simulated)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_entry e = {.kind = kind, .actor = {.principal = (char *)(uintptr_t)"alice"}, .body = body};
    e.plan.card = (char *)(uintptr_t)card;
    e.plan.simulated = simulated;
    assert_non_null(body);
    sb_assert_ok(sb_ledger_append(f->o.ledger, &e, &err), err);
    json_decref(body);
}

static struct sb_card card(const char *id, const char *deployment, int environment, const char *name)
{
    struct sb_card c = {.revision = 1, .environment = environment, .kind = SB_KIND_CREATE_INDEX};
    assert_int_equal(sb_str_set(&c.id, id) || sb_str_set(&c.deployment, deployment) || sb_str_set(&c.deployment_id, deployment) || sb_str_set(&c.target, "shop.orders") || sb_str_set(&c.index_name, name) ||
                     sb_str_set(&c.case_id, "K-000001") || sb_str_set(&c.hash, id), 0);
    return c;
}

/* A card on the record, carried out, and then ended in this way (NULL: it is still going on). */
static void carry_out(struct fixture *f, struct sb_card c, const char *end, bool simulated)
{
    put(f, SB_ENTRY_RECOMMENDATION, c.id, json_pack("{s:o}", "card", sb_record_to_json(&sb_card_schema, &c)), simulated);
    put(f, SB_ENTRY_STATE, c.id, json_pack("{s:s,s:s,s:s,s:s}", "event", "start", "from", "approved", "to", "executing", "note", "n"), simulated);
    if (end)
        put(f, SB_ENTRY_STATE, c.id, json_pack("{s:s,s:s,s:s,s:s}", "event", "x", "from", "watching", "to", end, "note", "\"to\":\"done\""), simulated);
    sb_card_release(&c);
}

static void history_is(struct fixture *f, struct sb_card c, int64_t today, int64_t back, int64_t staging)
{
    json_t *h = sb_o_history(&f->o, &c);
    assert_non_null(h);
    int64_t age = json_object_get(h, "staging_age_s") ? sb_json_int(h, "staging_age_s") : -1; /* it grows while the test runs */
    if (sb_json_int(h, "executed_today") != today || sb_json_int(h, "rolled_back_30d") != back || age < staging || age > staging + (staging < 0 ? 0 : 600)) {
        char *text = json_dumps(h, JSON_COMPACT);
        fail_msg("%s", text);
    }
    json_decref(h);
    sb_card_release(&c);
}

/* One poll of two members, and what the screen says then. */
static void a_build_is_never_shown_to_go_back(void **state)
{
    (void)state;
    static const struct {
        const char *msg[2];
        int64_t done[2], total[2];
        const char *phase, *member;
        int64_t shown, of;
        bool changes;
    } polls[] = {
        {{"Index Build: scanning collection Index Build: scanning collection: 10/100 10%", "Index Build: scanning collection"}, {30, 10}, {100, 100}, "scanning the collection on 2 members", "slowest b", 10, 100, true},
        {{"Index Build: scanning collection", "Index Build: scanning collection"}, {40, 60}, {100, 100}, "scanning the collection", "slowest a", 40, 100, true},
        /* the slower one had not told; then another scale with a smaller share */
        {{"Index Build: scanning collection", "Index Build: scanning collection"}, {50, 20}, {100, 100}, "scanning the collection", "slowest a", 40, 100, false},
        {{"Index Build: scanning collection", "Index Build: scanning collection"}, {60, 300}, {200, 1000}, "scanning the collection", "slowest a", 40, 100, false},
        /* one is a phase ahead: the other tells */
        {{"Index Build: inserting keys from external sorter into index", "Index Build: scanning collection"}, {1, 90}, {100, 100}, "scanning the collection", "slowest b", 90, 100, true},
        {{"Index Build: inserting keys from external sorter into index", "Index Build: inserting keys from external sorter into index"}, {2, 30}, {100, 100}, "inserting keys on 2 members", "slowest a", 2, 100, true},
        {{"Index Build: inserting keys from external sorter into index", "Index Build: scanning collection"}, {9, 99}, {100, 100}, "inserting keys", "slowest a", 2, 100, false},
    };
    struct sb_progress shown = {.step = 1};
    for (size_t i = 0; i < SB_COUNT(polls); i++) {
        struct sb_build_info builds[2] = {{.name = (char *)(uintptr_t)"x", .member = (char *)(uintptr_t)"a"}, {.name = (char *)(uintptr_t)"x", .member = (char *)(uintptr_t)"b"}};
        struct sb_catalogue c = {.builds = builds, .builds_n = 2};
        for (size_t k = 0; k < 2; k++) {
            builds[k].msg = (char *)(uintptr_t)polls[i].msg[k];
            builds[k].done = polls[i].done[k];
            builds[k].total = polls[i].total[k];
        }
        assert_false(sb_o_show_progress(&shown, &c, "another", 2));
        bool changed = sb_o_show_progress(&shown, &c, "x", 2);
        if (changed != polls[i].changes || !strstr(shown.phase, polls[i].phase) || !strstr(shown.phase, polls[i].member) || shown.done != polls[i].shown || shown.total != polls[i].of)
            fail_msg("poll %zu: %s, %lld of %lld", i, shown.phase, (long long)shown.done, (long long)shown.total);
    }
    free(shown.phase);
}

static void failed_is(struct fixture *f, const char *deployment, const char *ns, const char *key, const char *words)
{
    struct sb_card c = card("C-000009", deployment, SB_ENV_PROD, "other_name");
    struct sb_err err = SB_ERR_INIT;
    struct sb_str out;
    sb_str_init(&out);
    assert_int_equal(sb_str_set(&c.target, ns) || sb_str_set(&c.index_key, key), 0);
    assert_int_equal(sb_o_failed_before(&f->o, &c, &out, &err), words != NULL);
    if (words && !strstr(out.p, words))
        fail_msg("%s", out.p);
    sb_str_release(&out);
    sb_card_release(&c);
}

/* A specialist does not propose it again; a person who asks for it reads it first. */
static void heeded(struct fixture *f, const char *who, bool proposed)
{
    struct sb_card c = card("C-000009", "prod1", SB_ENV_PROD, "a_1");
    struct sb_err err = SB_ERR_INIT;
    struct sb_str out;
    sb_str_init(&out);
    c.confidence_ppm = 900000;
    assert_int_equal(sb_str_set(&c.index_key, "{a:1}") || sb_str_set(&c.why, "It helps.") || sb_str_set(&c.requested_by, who), 0);
    assert_int_equal(sb_o_heed_failure(&f->o, &c, &out, &err), !proposed);
    if (proposed) {
        assert_true(sb_starts_with(c.why, "The same index failed on ") && strstr(c.why, "limit 5. It helps."));
        assert_true(c.risk == SB_MEDIUM && c.confidence_ppm == 450000 && out.len == 0);
    } else {
        assert_non_null(strstr(out.p, "the same index failed on "));
        assert_non_null(strstr(out.p, "within 7 days"));
    }
    sb_str_release(&out);
    sb_card_release(&c);
}

static void what_failed_its_watch_is_known_for_a_week(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, "failed");
    snprintf(f.o.facts.id, sizeof f.o.facts.id, "prod1");
    int64_t start = f.origin.start_wall_ms, from, to;
    struct sb_card c = card("C-000001", "prod1", SB_ENV_PROD, "a_1");
    assert_int_equal(sb_str_set(&c.index_key, "{a:1}"), 0);
    assert_false(sb_o_taken_back(&f.o, "shop.orders", &from, &to));
    carry_out(&f, c, NULL, false);
    put(&f, SB_ENTRY_STATE, "C-000001", json_pack("{s:s,s:s,s:s,s:s}", "event", "watch_fail", "from", "watching", "to", "failed", "note", "verdict FAIL: reads is 9 us, limit 5"), false);
    failed_is(&f, "prod1", "shop.orders", "{a:1}", "(C-000001): reads is 9 us, limit 5");
    failed_is(&f, "prod2", "shop.orders", "{a:1}", NULL);
    heeded(&f, "alice", true);
    heeded(&f, "anomaly_detector", false);
    failed_is(&f, "prod1", "shop.carts", "{a:1}", NULL);
    failed_is(&f, "prod1", "shop.orders", "{a:-1}", NULL);
    assert_false(sb_o_taken_back(&f.o, "shop.orders", &from, &to));
    f.origin.start_wall_ms = start + 60000;
    put(&f, SB_ENTRY_STATE, "C-000001", json_pack("{s:s,s:s,s:s,s:s}", "event", "x", "from", "rolling_back", "to", "rolled_back", "note", "n"), false);
    assert_true(sb_o_taken_back(&f.o, "shop.orders", &from, &to));
    assert_true(to - from >= 60000 && to - from < 120000);
    assert_false(sb_o_taken_back(&f.o, "shop.carts", &from, &to));
    f.origin.start_wall_ms = start + 6 * DAY_MS;
    failed_is(&f, "prod1", "shop.orders", "{a:1}", "failed on");
    f.origin.start_wall_ms = start + 8 * DAY_MS;
    failed_is(&f, "prod1", "shop.orders", "{a:1}", NULL);
    sb_o_free_history(&f.o);
    sb_ledger_close(f.o.ledger);
}

static void what_was_carried_out_outlives_a_restart(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, "history");
    int64_t start = f.origin.start_wall_ms;
    history_is(&f, card("C-000009", "prod1", SB_ENV_PROD, "a_1"), 0, 0, -1);
    carry_out(&f, card("C-000001", "prod1", SB_ENV_PROD, "a_1"), "rolled_back", false);
    carry_out(&f, card("C-000002", "prod1", SB_ENV_PROD, "b_1"), "done", false);
    carry_out(&f, card("C-000003", "prod2", SB_ENV_PROD, "a_1"), "rolled_back", false);
    carry_out(&f, card("C-000004", "prod1", SB_ENV_PROD, "a_1"), "rolled_back", true); /* simulated: counts among its own kind only */
    carry_out(&f, card("C-000005", "stage", SB_ENV_STAGING, "b_1"), "done", false);
    carry_out(&f, card("C-000006", "stage", SB_ENV_STAGING, "c_1"), "done", false);
    put(&f, SB_ENTRY_STATE, "C-000006", json_pack("{s:s,s:s,s:s,s:s}", "event", "x", "from", "rolling_back", "to", "rolled_back", "note", "n"), false);
    history_is(&f, card("C-000009", "prod1", SB_ENV_PROD, "a_1"), 2, 1, -1);
    history_is(&f, card("C-000009", "prod1", SB_ENV_PROD, "z_1"), 2, 0, -1);
    history_is(&f, card("C-000001", "prod1", SB_ENV_PROD, "a_1"), 1, 0, -1); /* it does not count itself */
    f.origin.start_wall_ms = start + DAY_MS / 2;
    history_is(&f, card("C-000009", "prod1", SB_ENV_PROD, "b_1"), 2, 0, DAY_MS / 2000); /* half a day since it was done on staging */
    history_is(&f, card("C-000009", "prod1", SB_ENV_PROD, "c_1"), 2, 0, -1);            /* that one was taken back */
    /* another process, half a day and a month later */
    sb_ledger_close(f.o.ledger);
    sb_o_free_history(&f.o);
    open_ledger(&f);
    history_is(&f, card("C-000009", "prod1", SB_ENV_PROD, "a_1"), 2, 1, -1);
    f.origin.start_wall_ms = start + DAY_MS + 60000;
    history_is(&f, card("C-000009", "prod1", SB_ENV_PROD, "a_1"), 0, 1, -1);
    f.origin.start_wall_ms = start + 31 * DAY_MS;
    history_is(&f, card("C-000009", "prod1", SB_ENV_PROD, "a_1"), 0, 0, -1);
    sb_o_free_history(&f.o);
    history_is(&f, card("C-000009", "prod1", SB_ENV_PROD, "a_1"), 0, 0, -1);
    /* the simulated ones by themselves */
    f.origin.start_wall_ms = start;
    sb_o_free_history(&f.o);
    f.o.facts.simulated = true;
    history_is(&f, card("C-000009", "prod1", SB_ENV_PROD, "a_1"), 1, 1, -1);
    sb_o_free_history(&f.o);
    sb_ledger_close(f.o.ledger);
}

/* ---- levels ---- */

static void load_policy(struct fixture *f, const char *version)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_str text;
    sb_str_init(&text);
    sb_assert_ok(sb_file_read("policy/default.json", 1 << 20, &text, &err), err);
    char *at = strstr(text.p, "\"version\": \"2026.");
    assert_non_null(at);
    memcpy(at + strlen("\"version\": \""), version, 4);
    sb_policy_free(f->o.policy);
    f->o.policy = sb_policy_load(text.p, text.len, "test", NULL, &err);
    if (!f->o.policy)
        fail_msg("%s", err.msg);
    sb_str_release(&text);
    sb_o_free_levels(&f->o);
    sb_assert_ok(sb_o_record(&f->o, SB_ENTRY_POLICY_LOAD, NULL, NULL,
                             json_pack("{s:o,s:s}", "policy", sb_record_to_json(&sb_bundle_id_schema, sb_policy_id(f->o.policy)), "text", sb_policy_text(f->o.policy)), &err), err);
}

/* A proposal that was decided (approved or rejected), and what came of it. */
static void decide(struct fixture *f, int number, int64_t revision, const char *decided, const char *first, const char *then)
{
    char id[16];
    const char *const to[] = {decided, first, then};
    snprintf(id, sizeof id, "C-%06d", number);
    struct sb_card c = card(id, "prod1", SB_ENV_PROD, id);
    put(f, SB_ENTRY_RECOMMENDATION, id, json_pack("{s:o}", "card", sb_record_to_json(&sb_card_schema, &c)), false);
    for (size_t i = 0; i < SB_COUNT(to) && to[i]; i++) {
        struct sb_err err = SB_ERR_INIT;
        struct sb_entry e = {.kind = SB_ENTRY_STATE, .actor = {.principal = (char *)(uintptr_t)"alice"}};
        e.plan.card = id;
        e.plan.revision = revision;
        e.body = json_pack("{s:s,s:s,s:s,s:s}", "event", i ? "x" : "approved", "from", "y", "to", to[i], "note", "n");
        sb_assert_ok(sb_ledger_append(f->o.ledger, &e, &err), err);
        json_decref(e.body);
    }
    sb_card_release(&c);
}

/* A drill's end on the record of prod1, `days` before now. */
static void drilled(struct fixture *f, int64_t days, bool ok, const char *level, const char *cap, const char *stage, bool simulated, const char *deployment)
{
    char at[SB_TIME_LEN + 1];
    struct sb_err err = SB_ERR_INIT;
    sb_time_format(at, sb_origin_wall_ms(&f->origin) - days * DAY_MS);
    struct sb_entry e = {.kind = SB_ENTRY_DRILL, .actor = {.principal = (char *)(uintptr_t)"alice"}};
    e.plan.deployment = (char *)(uintptr_t)deployment;
    e.plan.simulated = simulated;
    e.body = json_pack("{s:s,s:s,s:b,s:s,s:s,s:s,s:o,s:s}", "event", "ended", "drill", "D-1", "ok", ok, "stage", stage, "level", level, "policy_level", cap ? "L2" : level, "cap",
                       cap ? json_pack("{s:s,s:s}", "code", cap, "why", "w") : json_null(), "ended_at", at);
    sb_assert_ok(sb_ledger_append(f->o.ledger, &e, &err), err);
    json_decref(e.body);
}

#define recovery_is(f, days, level) recovery_at(f, days, level, __LINE__)
static void recovery_at(struct fixture *f, int64_t days, int64_t lowered_to, int line)
{
    struct sb_err err = SB_ERR_INIT;
    json_t *in = json_object();
    int64_t lowered = -1;
    sb_assert_ok(sb_o_recovery(&f->o, in, &lowered, &err), err);
    const json_t *recovery = json_object_get(in, "recovery");
    int64_t age = recovery ? sb_json_int(recovery, "drill_age_s") : -1;
    if ((days < 0 ? age != -1 : age < days * 86400 || age > days * 86400 + 3600) || lowered != lowered_to)
        fail_msg("line %d: drill_age_s %lld, lowered to %lld", line, (long long)age, (long long)lowered);
    json_decref(in);
}

static void the_last_drill_is_a_fact(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, "drills");
    f.o.deployment = (char *)(uintptr_t)"prod1";
    struct sb_card c = card("C-000001", "prod1", SB_ENV_PROD, "x_1");
    struct sb_err err = SB_ERR_INIT;
    recovery_is(&f, -1, -1);
    sb_assert_ok(sb_o_tell_drill(&f.o, &c, &err), err);
    assert_int_equal(c.evidence_n, 0);
    drilled(&f, 1, true, "L4", NULL, "compare", false, "other");
    drilled(&f, 1, true, "L4", "no_mongod", "compare", false, "prod1"); /* counts as L2 */
    drilled(&f, 1, true, "L4", "simulated", "compare", false, "prod1"); /* for no deployment that is real */
    drilled(&f, 1, false, "L0", NULL, "guard", false, "prod1");         /* its target was refused: nothing of the backup */
    recovery_is(&f, -1, -1);
    drilled(&f, 9, true, "L4", NULL, "compare", false, "prod1");
    recovery_is(&f, 9, -1);
    drilled(&f, 3, false, "L2", NULL, "restore", false, "prod1");
    recovery_is(&f, 9, 3); /* nothing is done by itself while the last one failed */
    drilled(&f, 0, true, "L3", NULL, "compare", false, "prod1");
    recovery_is(&f, 0, -1);
    drilled(&f, 5, true, "L5", NULL, "checks", false, "prod1"); /* put on the record later: it is no newer for that */
    recovery_is(&f, 0, -1);
    sb_assert_ok(sb_o_tell_drill(&f.o, &c, &err), err);
    assert_int_equal(c.evidence_n, 1);
    assert_string_equal(c.evidence[0].what, "last proven restore");
    assert_non_null(strstr(c.evidence[0].value, "shown to L3"));
    sb_ledger_close(f.o.ledger);
    sb_card_release(&c);

    set_up(&f, "drills-simulated");
    f.o.deployment = (char *)(uintptr_t)"demo";
    drilled(&f, 2, true, "L4", "simulated", "compare", true, "demo");
    recovery_is(&f, 2, -1);
    drilled(&f, 1, false, "L2", "simulated", "restore", true, "demo");
    recovery_is(&f, 2, 3);
    sb_ledger_close(f.o.ledger);
}

static void record_is(struct fixture *f, int64_t decisions, int64_t accepted, int64_t back, int64_t reversed)
{
    struct sb_autonomy_record r;
    struct sb_err err = SB_ERR_INIT;
    sb_assert_ok(sb_o_record_of(&f->o, SB_KIND_CREATE_INDEX, SB_ENV_PROD, 0, &r, &err), err);
    if (r.decisions != decisions || r.accepted != accepted || r.rolled_back != back || r.reversed != reversed)
        fail_msg("%d decisions, %d accepted, %d rolled back, %d reversed", (int)r.decisions, (int)r.accepted, (int)r.rolled_back, (int)r.reversed);
}

#define level_is(f, to) level_at(f, to, __LINE__)
static void level_at(struct fixture *f, int64_t lowered_to, int line)
{
    struct sb_err err = SB_ERR_INIT;
    struct held_card held = {.card = card("C-000099", "prod1", SB_ENV_PROD, "z_1")};
    int64_t lowered;
    sb_assert_ok(sb_o_review_level(&f->o, &held, &lowered, &err), err);
    if (lowered != lowered_to)
        fail_msg("line %d: lowered to %d, not %d", line, (int)lowered, (int)lowered_to);
    sb_card_release(&held.card);
}

static void a_level_is_lowered_by_its_record_and_raised_by_policy(void **state)
{
    (void)state;
    struct fixture f;
    set_up(&f, "levels");
    f.o.deployment = (char *)(uintptr_t)"prod1";
    f.o.self.principal = (char *)(uintptr_t)"orchestrator";
    f.o.ledger_was_ok = true;
    load_policy(&f, "2026");
    decide(&f, 1, 1, "approved", "done", NULL);
    decide(&f, 2, 2, "approved", "rolled_back", NULL); /* it was edited: no success of ours, and no failure */
    decide(&f, 3, 1, "rejected", NULL, NULL);
    decide(&f, 4, 1, "approved", "rolled_back", NULL);
    record_is(&f, 4, 2, 1, 0);
    level_is(&f, -1);
    int64_t head = sb_ledger_head(f.o.ledger);
    decide(&f, 5, 1, "approved", "done", "rolled_back"); /* taken back later */
    record_is(&f, 5, 3, 1, 1);
    level_is(&f, 2); /* two failures early on: L3 is not kept, L2 is */
    level_is(&f, 2);
    assert_int_equal(sb_ledger_head(f.o.ledger), head + 9); /* said once, and an incident of its own, four entries */
    /* another process */
    sb_ledger_close(f.o.ledger);
    sb_o_free_history(&f.o);
    sb_o_free_levels(&f.o);
    open_ledger(&f);
    head = sb_ledger_head(f.o.ledger);
    level_is(&f, 2);
    /* a month later the failures are forgotten, and the level stays lowered */
    f.origin.start_wall_ms += 40 * DAY_MS;
    sb_o_free_history(&f.o);
    sb_o_free_levels(&f.o);
    level_is(&f, 2);
    assert_int_equal(sb_ledger_head(f.o.ledger), head);
    /* another version of the bundle begins anew; going back to the old one does not */
    load_policy(&f, "2027");
    level_is(&f, -1);
    load_policy(&f, "2026");
    level_is(&f, 2);
    sb_o_free_book(&f.o); /* the incident's case */
    sb_o_free_levels(&f.o);
    sb_o_free_history(&f.o);
    sb_policy_free(f.o.policy);
    sb_ledger_close(f.o.ledger);
}

static void waivers_are_read_anew_each_time(void **state)
{
    (void)state;
    struct fixture f;
    struct sb_err err = SB_ERR_INIT;
    char path[400];
    memset(&f, 0, sizeof f);
    snprintf(path, sizeof path, "%s/waivers.json", sb_test_dir());
    json_t *input = json_object();
    sb_assert_ok(sb_o_add_waivers(&f.o, input, &err), err);
    assert_int_equal(json_object_size(input), 0); /* none named */
    f.o.waivers_path = path;
    sb_assert_ok(sb_o_add_waivers(&f.o, input, &err), err);
    assert_int_equal(json_object_size(input), 0); /* none there: that is no trouble */
    static const char text[] = "{\"format\":\"signalbox.waivers/1\",\"waivers\":[{\"id\":\"W-1\",\"rule\":\"D\",\"by\":\"alice\",\"reason\":\"r\",\"from\":\"2026-11-24T00:00:00Z\","
                               "\"until\":\"2026-11-25T00:00:00Z\",\"plan\":\"1111111111111111111111111111111111111111111111111111111111111111\"}]}";
    sb_assert_ok(sb_file_write(path, 0600, text, strlen(text), &err), err);
    sb_assert_ok(sb_o_add_waivers(&f.o, input, &err), err);
    assert_int_equal(json_array_size(json_object_get(input, "waivers")), 1);
    json_object_clear(input);
    sb_assert_ok(sb_file_write(path, 0600, text, 40, &err), err);
    sb_assert_ok(sb_o_add_waivers(&f.o, input, &err), err);
    assert_int_equal(json_object_size(input), 0); /* a broken file waives nothing */
    json_decref(input);
    unlink(path);
}

static void what_a_batch_changed_before_it_failed_counts(void **state)
{
    (void)state;
    assert_int_equal(sb_o_reply_changed("{ \"n\" : 9, \"nModified\" : 7, \"ok\" : 1 }"), 7);
    assert_int_equal(sb_o_reply_changed("{ \"n\" : 9, \"nModified\" : 7, \"writeErrors\" : [ { \"index\" : 0, \"code\" : 50, \"errmsg\" : \"operation exceeded time limit\" } ], \"ok\" : 1 }"), 7);
    assert_int_equal(sb_o_reply_changed("{ \"ok\" : 0, \"code\" : 50 }"), 0);
    assert_int_equal(sb_o_reply_changed("no JSON"), 0);
    assert_int_equal(sb_o_reply_changed(NULL), 0);
}

/* What a change of documents does only its steps say: two of one kind on one collection are not the same plan. */
static void fingerprint(char out[SB_HEX_LEN + 1], int kind, const char *field, const char *card)
{
    struct sb_card c = {.kind = kind};
    struct sb_step *s = SB_PUSH(c.steps);
    assert_non_null(s);
    s->action = sb_format("{\"update\": \"c\", \"updates\": [{\"q\": {\"%s\": 1}}], \"comment\": \"signalbox %s/1\", \"$db\": \"shop\"}", field, card);
    assert_int_equal(sb_str_set(&c.target, "shop.c") || sb_str_set(&s->work.how, "batches") || sb_str_set(&s->work.field, field), 0);
    assert_int_equal(sb_o_fingerprint(&c, out), 0);
    sb_card_release(&c);
}

static void a_plan_is_known_again_by_what_it_does(void **state)
{
    (void)state;
    char a[SB_HEX_LEN + 1], same[SB_HEX_LEN + 1], other[SB_HEX_LEN + 1];
    fingerprint(a, SB_KIND_BACKFILL, "name", "C-000001");
    fingerprint(same, SB_KIND_BACKFILL, "name", "C-000007");
    fingerprint(other, SB_KIND_BACKFILL, "city", "C-000001");
    assert_string_equal(a, same);
    assert_string_not_equal(a, other);
    fingerprint(other, SB_KIND_CONTRACT, "name", "C-000001");
    assert_string_not_equal(a, other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_plan_is_known_again_by_what_it_does),
        cmocka_unit_test(a_build_is_never_shown_to_go_back),
        cmocka_unit_test(what_failed_its_watch_is_known_for_a_week),
        cmocka_unit_test(what_was_carried_out_outlives_a_restart),
        cmocka_unit_test(a_level_is_lowered_by_its_record_and_raised_by_policy),
        cmocka_unit_test(the_last_drill_is_a_fact),
        cmocka_unit_test(waivers_are_read_anew_each_time),
        cmocka_unit_test(what_a_batch_changed_before_it_failed_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
