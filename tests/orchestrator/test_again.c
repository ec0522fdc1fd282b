/* SPDX-License-Identifier: Apache-2.0
 *
 * An anomaly whose case led to nothing is looked into again while it goes on: when operations are written down that were not when
 * it was looked into, and when it is another matter than it was taken for. The anomalies come as from the detector, by its mail. */
#include "lab.h"

static void tell(struct lab *l, const char *id, int class_, const char *shape)
{
    struct found *mail = calloc(1, sizeof *mail);
    assert_non_null(mail);
    struct sb_anomaly *a = &mail->anomaly;
    struct sb_signal *g = SB_PUSH(a->signals);
    assert_true(g && sb_str_set(&a->id, id) == 0 && sb_str_set(&a->title, "Reads of shop.orders take longer") == 0 && sb_str_set(&a->class_reason, "test") == 0 &&
                sb_strs_push(&a->namespaces, &a->namespaces_n, "shop.orders") == 0 && sb_str_set(&g->metric, "ns.read_latency_us") == 0 &&
                sb_str_set(&g->subject, "shop.orders") == 0 && sb_str_set(&g->unit, "us") == 0 && (!shape || sb_strs_push(&a->shapes, &a->shapes_n, shape) == 0));
    a->from = sb_wall_ms() - 600000; /* the deployment's clock runs ahead of this one */
    a->detected_at = a->from + 1000; /* so long ago that it is not waited any more for what explains it */
    a->severity = SB_MEDIUM;
    a->class_ = class_;
    g->value = 90000;
    g->score_ppm = 900000;
    assert_true(sb_queue_post(l->o->mail, MAIL_ANOMALY, mail, sb_o_free_found));
}

struct said {
    const char *words;
    bool found;
    int64_t requests;
};

static int look_for(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct said *s = ctx;
    (void)err;
    s->requests += e->kind == SB_ENTRY_REQUEST && e->plan.anomaly;
    s->found |= memmem(bytes, n, s->words, strlen(s->words)) != NULL;
    return 0;
}

static struct said record_says(struct lab *l, const char *words)
{
    struct said s = {.words = words};
    lab_each_entry(l, look_for, &s);
    return s;
}

static void until_said(struct lab *l, const char *words)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!record_says(l, words).found)
        lab_wait(l, until);
}

static void until_connected(struct lab *l)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (l->samples < 2) /* there is a clock, and a workload */
        lab_wait(l, until);
}

static void what_is_written_down_later_is_looked_at(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = {.environment = SB_ENV_STAGING, .scenario = "tests/orchestrator/again.scenario"};
    lab_open(&l, &o);
    until_connected(&l);
    tell(&l, "D-901", SB_CLASS_CODE, NULL);
    until_said(&l, "none of its operations was slow enough to be written down");
    assert_false(l.have_card);
    lab_command(&l, "shop", "{\"profile\": 0, \"slowms\": 2}");
    lab_until_state(&l, SB_AWAITING_APPROVAL);
    assert_string_equal(l.card.target, "shop.orders");
    assert_non_null(strstr(l.card.index_key, "customer_id"));
    struct said s = record_says(&l, "1 shape of shop.orders has been written down since it began, 0 when K-000001 led to nothing");
    assert_true(s.found);
    assert_int_equal(s.requests, 2);
    lab_close(&l);
}

static void another_matter_is_looked_at(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = {.environment = SB_ENV_STAGING, .scenario = "tests/orchestrator/again.scenario"};
    lab_open(&l, &o);
    until_connected(&l);
    lab_command(&l, "shop", "{\"profile\": 0, \"slowms\": 2}");
    tell(&l, "D-902", SB_CLASS_LOAD, NULL);
    until_said(&l, "more of the same operations at the same cost");
    tell(&l, "D-902", SB_CLASS_CODE, "0123456789abcdef");
    until_said(&l, "looked into again: K-000001 took it for load, and it is code");
    lab_until_state(&l, SB_AWAITING_APPROVAL); /* at once, or when the first operations have been read */
    assert_non_null(strstr(l.card.index_key, "customer_id"));
    lab_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_down_later_is_looked_at),
        cmocka_unit_test(another_matter_is_looked_at),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
