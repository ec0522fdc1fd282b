/* SPDX-License-Identifier: Apache-2.0
 *
 * A real ledger for the tests of `audit` and `policy`, written through the ledger room as an orchestrator writes it.
 *
 *   make_ledger DIR              one case that was rolled back, one that policy denied, one still open on a simulated
 *                                deployment; verdicts are those of the built-in policy
 *   make_ledger DIR own          owns DIR; prints "owned" and appends one entry for every line it reads, answering with its
 *                                number, until the end of its input
 *   make_ledger DIR many N       N further entries
 */
#include <signalbox/cli/embed.h>
#include <signalbox/ledger/ledger.h>
#include <signalbox/model/entry.h>
#include <signalbox/policy/policy.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct sb_ledger *ledger;
static struct sb_policy *policy;
static int64_t decisions;

static SB_NORETURN void die(const char *what, const char *why)
{
    fprintf(stderr, "make_ledger: %s: %s\n", what, why);
    exit(1);
}

/* What an entry belongs to. */
struct about {
    const char *case_id, *card, *anomaly, *actor;
    bool simulated;
};

static struct sb_entry entry(const struct about *a, int kind, json_t *body)
{
    struct sb_entry e = {.kind = kind, .body = body};
    if (!body || sb_str_set(&e.actor.principal, a->actor ? a->actor : "orchestrator") || sb_str_set(&e.plan.case_id, a->case_id) ||
        sb_str_set(&e.plan.card, a->card) || sb_str_set(&e.plan.anomaly, a->anomaly) || sb_str_set(&e.plan.deployment, a->simulated ? "demo" : "shop") ||
        sb_str_set(&e.policy, sb_policy_id(policy)->sha256))
        die(sb_name(&sb_entry_kinds, kind), "out of memory, or a body that is none");
    e.plan.simulated = a->simulated;
    return e;
}

static void add(const struct about *a, int kind, json_t *body, const char *decision)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_entry e = entry(a, kind, body);
    if (sb_str_set(&e.decision, decision) || sb_ledger_append(ledger, &e, &err))
        die(sb_name(&sb_entry_kinds, kind), err.msg);
    sb_entry_release(&e);
}

static json_t *parse(const char *text)
{
    struct sb_err err = SB_ERR_INIT;
    json_t *json = sb_json_parse(text, strlen(text), "a body", SB_JSON_STRICT, &err);
    if (!json)
        die(text, err.msg);
    return json;
}

/* ---- what policy says, really ---- */

static void ask(const struct about *a, const char *stage, const char *base, const char *change, json_t *rollback)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_policy_verdict v;
    char id[24];
    size_t len;
    const char *text = sb_embedded("policy/default.json", &len);
    json_t *bundle = json_loadb(text, len, 0, NULL), *patch = parse(change);
    json_t *input = json_deep_copy(json_object_get(json_object_get(bundle, "inputs"), base));
    if (!input || json_object_set_new(input, "stage", json_string(stage)) || json_object_update_recursive(input, patch) ||
        (rollback && json_object_set_new(json_object_get(input, "action"), "kind", rollback)) || sb_policy_freeze(policy, input, &err) || sb_policy_evaluate(policy, input, &v, &err))
        die("a decision", err.msg);
    snprintf(id, sizeof id, "d-%06" PRId64, ++decisions);
    if (sb_str_set(&v.decision_id, id))
        die(id, "out of memory");
    add(a, SB_ENTRY_VERDICT, json_pack("{s:s,s:o,s:o}", "stage", stage, "verdict", sb_record_to_json(&sb_policy_verdict_schema, &v), "input", input), id);
    sb_policy_verdict_release(&v);
    json_decref(patch);
    json_decref(bundle);
}

/* ---- a card ---- */

#define CREATE "{\"createIndexes\":\"orders\",\"indexes\":[{\"key\":{\"status\":{\"$numberInt\":\"1\"},\"created_at\":{\"$numberInt\":\"-1\"}},\"name\":\"status_1_created_at_-1\"}],\"$db\":\"shop\"}"
#define DROP "{\"dropIndexes\":\"orders\",\"index\":\"status_1_created_at_-1\",\"$db\":\"shop\"}"

static char *set(const char *text)
{
    char *copy = NULL;
    if (sb_str_set(&copy, text))
        die(text, "out of memory");
    return copy;
}

static void make_card(const struct about *a, struct sb_card *c)
{
    struct sb_err err = SB_ERR_INIT;
    *c = (struct sb_card){
        .id = set(a->card), .revision = 1, .case_id = set(a->case_id), .deployment = set(a->simulated ? "demo" : "shop"), .deployment_id = set("657e1f77bcf86cd799439011"),
        .simulated = a->simulated, .kind = SB_KIND_CREATE_INDEX, .title = set("Create index status_1_created_at_-1 on shop.orders"),
        .why = set("Every read of open orders examines the whole collection: caf\xC3\xA9 \xE2\x80\xAE, \x1b[2J\n2099-01-01T00:00:00.000Z  #99  mallory approved it."), .target = set("shop.orders"),
        .confidence_ppm = 870000, .author = set("index_optimizer"), .requested_by = set("alice"), .created_at = INT64_C(1767603600000),
        .watch = {.window_s = 300, .min_operations = 100}, .approve_by = INT64_C(1767690000000), .execute_by = INT64_C(1767776400000),
        .blast_radius = {.documents = 1200000, .bytes = 480000000, .members = 3, .lock = set("exclusive on shop.orders at the start and the end of the build")},
    };
    struct sb_step *step = SB_PUSH(c->steps);
    struct sb_criterion *k = SB_PUSH(c->watch.criteria);
    if (!step || !k || sb_evidence_add(&c->evidence, &c->evidence_n, "slow query log of db1", "shop.orders", "documents examined per returned", "20000 to 1", "measured", INT64_C(1767603600000)))
        die("a card", "out of memory");
    *step = (struct sb_step){.n = 1, .action = set(CREATE), .undo = set(DROP), .control = SB_CONTROL_ABORTABLE};
    *k = (struct sb_criterion){.metric = set("shape_latency_us"), .subject = set("f1"), .label = set("mean time of the reads it serves"), .unit = set("us"), .limit = 4000,
                               .baseline = 15600, .has_baseline = true, .decisive = true};
    if (sb_card_seal(c, &err))
        die("a card", err.msg);
}

static void move(const struct about *a, const char *event, const char *from, const char *to, const char *note)
{
    add(a, SB_ENTRY_STATE, json_pack("{s:s,s:s,s:s,s:s}", "event", event, "from", from, "to", to, "note", note), NULL);
}

static void step(const struct about *a, bool undo, const char *command, const char *nonce, const char *check)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_permit permit;
    struct sb_entry e = entry(a, SB_ENTRY_STEP_INTENT, json_pack("{s:i,s:i,s:b}", "step", 1, "try", 1, "undo", undo));
    if (sb_ledger_intent(ledger, &e, command, "657e1f77bcf86cd799439011", nonce, &permit, &err))
        die("an intent", err.msg);
    sb_entry_release(&e);
    add(a, SB_ENTRY_STEP_RESULT, json_pack("{s:i,s:i,s:b,s:s,s:i,s:s,s:i}", "step", 1, "try", 1, "undo", undo, "outcome", "ok", "code", 0, "reply", "{ \"ok\" : 1 }", "millis", 4123), NULL);
    add(a, SB_ENTRY_STEP_VERIFIED, json_pack("{s:i,s:b,s:b,s:[{s:s,s:s,s:s}]}", "step", 1, "undo", undo, "ok", 1, "checks", "check", check, "result", "true", "text", "on 3 of 3 members"), NULL);
}

static void request(const struct about *a, const char *text)
{
    struct about by_alice = *a;
    by_alice.card = NULL;
    by_alice.actor = "alice";
    add(&by_alice, SB_ENTRY_REQUEST, json_pack("{s:{s:s,s:s,s:s,s:s}}", "case", "id", a->case_id, "text", text, "requested_by", "alice", "opened_at", "2026-01-05T09:00:00.000Z"), NULL);
    by_alice.actor = NULL;
    add(&by_alice, SB_ENTRY_INTENT, parse("{\"reading\":{\"intent\":\"index.review\",\"confidence_ppm\":910000,\"runner_up\":\"status\",\"runner_up_ppm\":40000,\"slots\":{\"ns\":\"shop.orders\"},\"reason\":\"slow, a namespace\"}}"), NULL);
    ask(&by_alice, "intake", "request", "{}", NULL);
}

static void propose(const struct about *a, struct sb_card *c)
{
    struct about specialist = *a;
    specialist.actor = "index_optimizer";
    make_card(a, c);
    add(&specialist, SB_ENTRY_RECOMMENDATION, json_pack("{s:o}", "card", sb_record_to_json(&sb_card_schema, c)), NULL);
    move(a, "propose", "draft", "proposed", "complete");
}

static void approve(const struct about *a, const struct sb_card *c, const char *nonce)
{
    struct about by = *a;
    by.actor = "alice";
    ask(&by, "approve", "run", "{\"target\":{\"env\":\"prod\"}}", NULL);
    add(&by, SB_ENTRY_APPROVAL, json_pack("{s:{s:s,s:s,s:s,s:i,s:s,s:s},s:{s:s,s:{s:i,s:s}}}", "approval", "by", "alice", "how", "console", "hash", c->hash, "revision", 1, "at",
                                          "2026-01-05T09:01:00.000Z", "nonce", nonce, "statement", "t", "approve", "cp", "n", 12, "root", "00ff"), NULL);
    move(&by, "approved", "awaiting_approval", "approved", "approved by alice");
}

static void rolled_back(void)
{
    struct about a = {.case_id = "K-000001", .card = "C-000001", .anomaly = "A-000001"}, of_anomaly = {.anomaly = "A-000001", .actor = "anomaly_detector"};
    struct sb_card c;
    static const char nonce[] = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
    add(&of_anomaly, SB_ENTRY_ANOMALY, parse("{\"anomaly\":{\"id\":\"A-000001\",\"title\":\"Reads of shop.orders take 38 times as long\",\"from\":\"2026-01-05T08:59:00.000Z\",\"detected_at\":\"2026-01-05T09:00:00.000Z\","
                                             "\"class\":\"code\",\"class_reason\":\"a new query shape\",\"confidence_ppm\":870000,\"unexplained_ppm\":130000,\"signals\":[{\"metric\":\"ns.read_latency_us\",\"subject\":\"shop.orders\",\"unit\":\"us\",\"baseline\":410,\"value\":15600,\"score_ppm\":990000}]}}"), NULL);
    request(&a, "orders is slow since 14:05, what happened?");
    add(&(struct about){.case_id = "K-000001"}, SB_ENTRY_HANDOFF, parse("{\"handoff\":{\"from\":\"anomaly_detector\",\"to\":\"index_optimizer\",\"at\":\"2026-01-05T09:00:00.000Z\",\"why\":\"reads examine 20000 documents for one returned\",\"risk\":\"a build on the primary\",\"evidence\":[]}}"), NULL);
    add(&(struct about){.case_id = "K-000001"}, SB_ENTRY_COMMAND, parse("{\"member\":\"db1:27017\",\"command\":\"{\\\"listIndexes\\\":\\\"orders\\\",\\\"$db\\\":\\\"shop\\\"}\",\"millis\":3,\"error\":null}"), NULL);
    propose(&a, &c);
    ask(&a, "gate", "build", "{}", NULL);
    move(&a, "require", "proposed", "awaiting_approval", "policy wants it approved");
    approve(&a, &c, nonce);
    ask(&a, "execute", "run", "{}", NULL);
    move(&a, "start", "approved", "executing", "started");
    step(&a, false, CREATE, nonce, "index_built");
    move(&a, "steps_done", "executing", "watching", "built and read back");
    add(&a, SB_ENTRY_WATCH, parse("{\"report\":{\"opened_at\":\"2026-01-05T09:02:00.000Z\",\"observed_s\":300,\"operations\":5000,\"verdict\":\"FAIL\",\"reason\":\"mean time of the reads it serves is over its limit\",\"remedy\":\"drop\","
                                  "\"readings\":[{\"measured\":true,\"breached\":true,\"value\":16100,\"samples\":150}]}}"), NULL);
    move(&a, "watch_fail", "watching", "failed", "the watch failed");
    a.actor = "alice";
    move(&a, "rollback", "failed", "rolling_back", "alice wants it undone");
    a.actor = NULL;
    step(&a, true, DROP, NULL, "index_gone");
    move(&a, "rollback_done", "rolling_back", "rolled_back", "undone and read back");
    add(&of_anomaly, SB_ENTRY_ANOMALY, parse("{\"anomaly\":{\"id\":\"A-000001\",\"title\":\"Reads of shop.orders take 38 times as long\",\"from\":\"2026-01-05T08:59:00.000Z\",\"detected_at\":\"2026-01-05T09:00:00.000Z\",\"to\":\"2026-01-05T09:20:00.000Z\",\"confidence_ppm\":870000,\"unexplained_ppm\":0}}"), NULL);
    a.card = NULL;
    add(&a, SB_ENTRY_CASE_CLOSE, parse("{\"outcome\":\"C-000001 was rolled back\"}"), NULL);
    sb_card_release(&c);
}

static void denied(void)
{
    struct about a = {.case_id = "K-000002", .card = "C-000002"};
    struct sb_card c;
    request(&a, "speed up the server's own collections");
    propose(&a, &c);
    ask(&a, "gate", "build", "{\"action\":{\"ns\":[\"admin.system.users\"]}}", NULL);
    move(&a, "deny", "proposed", "denied", "policy denies it");
    a.card = NULL;
    add(&a, SB_ENTRY_CASE_CLOSE, parse("{\"outcome\":\"policy refused C-000002\"}"), NULL);
    sb_card_release(&c);
}

static void still_open(void)
{
    struct about a = {.case_id = "K-000003", .card = "C-000003", .simulated = true};
    struct sb_card c;
    request(&a, "what would an index on status do?");
    propose(&a, &c);
    ask(&a, "gate", "build", "{}", NULL);
    move(&a, "require", "proposed", "awaiting_approval", "policy wants it approved");
    sb_card_release(&c);
}

/* ---- owning ---- */

static void sample(void)
{
    add(&(struct about){.actor = "sampler"}, SB_ENTRY_SAMPLER, parse("{\"from\":\"2026-01-05T09:00:00.000Z\",\"to\":\"2026-01-05T09:10:00.000Z\",\"commands\":5400,\"errors\":0,\"log_gaps\":0}"), NULL);
}

static void own(void)
{
    char line[64];
    printf("owned\n");
    fflush(stdout);
    while (fgets(line, sizeof line, stdin)) {
        sample();
        printf("%" PRId64 "\n", sb_ledger_head(ledger));
        fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    struct sb_origin origin;
    struct sb_err err = SB_ERR_INIT;
    size_t len;
    const char *text = sb_embedded("policy/default.json", &len);
    if (argc < 2)
        die("usage", "make_ledger DIR [own | many N]");
    sb_origin_system(&origin);
    policy = sb_policy_load(text, len, "policy/default.json", &sb_zones_of_system, &err);
    ledger = policy ? sb_ledger_open(argv[1], SB_LEDGER_OWN, &origin, &err) : NULL;
    if (!ledger)
        die(argv[1], err.msg);
    if (argc == 3 && strcmp(argv[2], "own") == 0) {
        own();
    } else if (argc == 4 && strcmp(argv[2], "many") == 0) {
        for (long n = strtol(argv[3], NULL, 10); n > 0; n--)
            sample();
    } else {
        struct about nothing = {.actor = "orchestrator"};
        add(&nothing, SB_ENTRY_START, parse("{\"version\":\"0\",\"pid\":1,\"read_only\":false,\"members\":\"db1\"}"), NULL);
        add(&nothing, SB_ENTRY_POLICY_LOAD, json_pack("{s:o,s:s%}", "policy", sb_record_to_json(&sb_bundle_id_schema, sb_policy_id(policy)), "text", text, len), NULL);
        rolled_back();
        denied();
        still_open();
        add(&nothing, SB_ENTRY_STOP, parse("{\"reason\":\"done\"}"), NULL);
    }
    sb_ledger_close(ledger);
    sb_policy_free(policy);
    return 0;
}
