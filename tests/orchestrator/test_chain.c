/* SPDX-License-Identifier: Apache-2.0
 *
 * One case goes over several specialists, really: each hand-off is on the record with its reason, its risk and the evidence that
 * it passes on, in order; the answer holds what each of them said. An anomaly whose first suspect is a card of ours goes to its author. */
#include "lab.h"

#include <stdlib.h>

struct step {
    const char *case_id, *from, *to;
};

struct walk {
    const struct step *wanted;
    size_t n, at;
    struct sb_str told;
};

static int walk_entry(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct walk *w = ctx;
    const json_t *h = json_object_get(e->body, "handoff");
    (void)bytes;
    (void)n;
    (void)err;
    if (e->kind != SB_ENTRY_HANDOFF)
        return 0;
    const char *from = sb_json_str(h, "from"), *to = sb_json_str(h, "to"), *why = sb_json_str(h, "why"), *risk = sb_json_str(h, "risk");
    sb_str_addf(&w->told, "  %s %s -> %s: %s (%zu facts)\n", e->plan.case_id, from, to, why, json_array_size(json_object_get(h, "evidence")));
    if (sb_streq(to, "orchestrator")) /* it says what it found: not the way on */
        return 0;
    assert_true(why && why[0] && risk && risk[0]);
    assert_true(json_array_size(json_object_get(h, "evidence")) > 0);
    if (w->at < w->n && sb_streq(e->plan.case_id, w->wanted[w->at].case_id) && sb_streq(from, w->wanted[w->at].from) && sb_streq(to, w->wanted[w->at].to))
        w->at++;
    return 0;
}

static void says_all(const struct lab *l, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strstr(l->answer, words[i]))
            fail_msg("the answer does not say \"%s\", but: %s", words[i], l->answer);
}

static void one_after_another(void **state)
{
    (void)state;
    static const struct step wanted[] = {
        {"K-000001", "orchestrator", "index_optimizer"}, {"K-000001", "index_optimizer", "data_architect"}, {"K-000001", "data_architect", "anomaly_detector"},
        {"K-000002", "orchestrator", "data_architect"},  {"K-000002", "data_architect", "index_optimizer"}, {"K-000002", "index_optimizer", "anomaly_detector"},
    };
    struct lab l;
    lab_open(&l, &(struct lab_options){.environment = SB_ENV_STAGING});
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (l.samples < 5)
        lab_wait(&l, until);
    assert_int_equal(lab_ask(&l, &l.alice, sb_message_text(SB_ASK_REQUEST, 0, "prepare shop.orders for higher write load")), 0);
    says_all(&l, (const char *const[]){"Then the data_architect: ", "Then the anomaly_detector: "}, 2);
    assert_int_equal(lab_ask(&l, &l.alice, sb_message_text(SB_ASK_REQUEST, 0, "add field source with default \"web\" to shop.orders")), 0);
    says_all(&l, (const char *const[]){"C-", "Then the index_optimizer: ", "Then the anomaly_detector: ", " is watched for "}, 4);
    assert_null(strchr(l.answer, '\n')); /* it is shown in a row, too */
    /* advice changes nothing, and is not watched */
    assert_int_equal(lab_ask(&l, &l.alice, sb_message_text(SB_ASK_REQUEST, 0, "Is {customer_id: 1} a good shard key for shop.orders?")), 0);
    says_all(&l, (const char *const[]){". Then the anomaly_detector: no card of this case has anything to watch"}, 1);
    /* what has to be true before its phase, measured now: and again once it is not */
    assert_int_equal(lab_ask(&l, &l.alice, sb_message_text(SB_ASK_PLAN, 0, "K-000002")), 0);
    assert_true(l.gates >= 3 && l.gates_hold == l.gates);
    lab_command(&l, "shop", "{\"drop\": \"orders\"}");
    assert_int_equal(lab_ask(&l, &l.alice, sb_message_text(SB_ASK_PLAN, 0, "K-000002")), 0);
    assert_true(l.gates >= 3 && l.gates_hold == l.gates - 1);
    assert_int_equal(lab_ask(&l, &l.alice, sb_message_text(SB_ASK_PLAN, 0, "K-000009")), 2);
    lab_close(&l);
    struct walk w = {.wanted = wanted, .n = SB_COUNT(wanted)};
    sb_str_init(&w.told);
    lab_each_entry(&l, walk_entry, &w);
    if (w.at != w.n)
        fail_msg("the way ends before %s, %s -> %s:\n%s", wanted[w.at].case_id, wanted[w.at].from, wanted[w.at].to, w.told.p ? w.told.p : "nothing");
    sb_str_release(&w.told);
}

/* As the detector tells it: what was done before it, and how sure it is of that. */
static void tell_suspected(struct lab *l, const char *id, const char *ns, const char *first, int64_t sure_ppm)
{
    struct found *mail = calloc(1, sizeof *mail);
    assert_non_null(mail);
    struct sb_anomaly *a = &mail->anomaly;
    struct sb_signal *g = SB_PUSH(a->signals);
    struct sb_cause *c = SB_PUSH(a->causes);
    assert_true(g && c && sb_str_set(&a->id, id) == 0 && sb_str_set(&a->title, "Reads take longer") == 0 && sb_str_set(&a->class_reason, "test") == 0 && sb_strs_push(&a->namespaces, &a->namespaces_n, ns) == 0 &&
                sb_str_set(&g->metric, "ns.read_latency_us") == 0 && sb_str_set(&g->subject, ns) == 0 && sb_str_set(&g->unit, "us") == 0 && sb_str_set(&c->what, first) == 0 &&
                sb_str_set(&c->evidence, "it came shortly before") == 0 && sb_evidence_add(&a->evidence, &a->evidence_n, "detector", ns, "read latency", "9000 us", "measured", sb_wall_ms()) == 0);
    a->from = a->detected_at = sb_wall_ms();
    a->severity = SB_HIGH;
    a->class_ = SB_CLASS_LOAD;
    c->rank = 1;
    c->confidence_ppm = sure_ppm;
    assert_true(sb_queue_post(l->o->mail, MAIL_ANOMALY, mail, sb_o_free_found));
}

struct told {
    const char *why, *from, *to;
    int64_t n;
};

static int count_handoff(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct told *t = ctx;
    const json_t *h = json_object_get(e->body, "handoff");
    (void)bytes;
    (void)n;
    (void)err;
    t->n += e->kind == SB_ENTRY_HANDOFF && sb_streq(sb_json_str(h, "from"), t->from) && sb_streq(sb_json_str(h, "to"), t->to) && strstr(sb_json_str(h, "why"), t->why) &&
            json_array_size(json_object_get(h, "evidence")) > 0 && sb_json_str(h, "otherwise");
    return 0;
}

static int find_outcome(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)bytes;
    (void)n;
    (void)err;
    *(int64_t *)ctx += e->kind == SB_ENTRY_CASE_CLOSE && strstr(sb_json_str(e->body, "outcome"), "the first suspect is C-000001 of the index_optimizer") &&
                       strstr(sb_json_str(e->body, "outcome"), "signalbox cards rollback C-000001");
    return 0;
}

static void the_author_of_the_suspect_answers(void **state)
{
    (void)state;
    struct lab l;
    int64_t outcomes = 0;
    lab_open(&l, &(struct lab_options){.environment = SB_ENV_STAGING});
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (l.samples < 5)
        lab_wait(&l, until);
    assert_int_equal(lab_ask(&l, &l.alice, sb_message_text(SB_ASK_REQUEST, 0, "create an index on shop.orders {total: 1}")), 0);
    tell_suspected(&l, "D-901", "shop.orders", "C-000001: an index on shop.orders", 800000);
    tell_suspected(&l, "D-902", "shop.carts", "C-000001: an index on shop.orders", 100000);   /* it is not sure enough */
    tell_suspected(&l, "D-903", "shop.people", "C-000777: an index on shop.orders", 800000);  /* no card of ours */
    assert_int_equal(lab_ask(&l, &l.alice, sb_message_text(SB_ASK_REQUEST, 0, "status")), 0); /* behind them in the same queue */
    lab_close(&l);
    struct told suspect = {"the first suspect is a change of ours", "anomaly_detector", "index_optimizer", 0}, other = {"more of the same operations", "anomaly_detector", "orchestrator", 0};
    lab_each_entry(&l, count_handoff, &suspect);
    lab_each_entry(&l, count_handoff, &other);
    lab_each_entry(&l, find_outcome, &outcomes);
    assert_int_equal(suspect.n, 1);
    assert_int_equal(other.n, 2);
    assert_int_equal(outcomes, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_after_another),
        cmocka_unit_test(the_author_of_the_suspect_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
