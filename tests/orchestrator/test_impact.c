/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request would touch is found out before a specialist is asked, and goes with the hand-off: of a collection and of a whole
 * database, with plans that are open there, with fields that policy calls sensitive, and what could not be had. */
#include "lab.h"

struct wanted {
    const char *case_id, *what, *value, *coverage; /* value: words of it */
};

struct seen {
    const struct wanted *wanted;
    size_t n;
    uint64_t found; /* a bit each */
    int64_t handoffs, commands, elsewhere;
    struct sb_str told;
};

static int look_at_entry(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct seen *s = ctx;
    (void)bytes;
    (void)n;
    (void)err;
    s->commands += e->kind == SB_ENTRY_COMMAND && strstr(sb_json_str(e->body, "command"), "\"collStats\" : \"orders\"") != NULL;
    if (e->kind != SB_ENTRY_HANDOFF || !sb_streq(sb_json_str(json_object_get(e->body, "handoff"), "from"), "orchestrator"))
        return 0;
    const char *otherwise = sb_json_str(json_object_get(e->body, "handoff"), "otherwise");
    s->elsewhere += otherwise && sb_streq(otherwise, "to index_optimizer (index.key), if it names a collection");
    s->handoffs++;
    const json_t *fact;
    size_t i;
    json_array_foreach(json_object_get(json_object_get(e->body, "handoff"), "evidence"), i, fact)
    {
        const char *what = sb_json_str(fact, "what"), *value = sb_json_str(fact, "value"), *coverage = sb_json_str(fact, "coverage");
        sb_str_addf(&s->told, "  %s %s: %s (%s)\n", e->plan.case_id, what, value, coverage);
        for (size_t k = 0; k < s->n; k++)
            if (sb_streq(e->plan.case_id, s->wanted[k].case_id) && sb_streq(what, s->wanted[k].what) && strstr(value, s->wanted[k].value) && sb_streq(coverage, s->wanted[k].coverage))
                s->found |= UINT64_C(1) << k;
    }
    return 0;
}

static void ask(struct lab *l, const char *request)
{
    lab_ask(l, &l->alice, sb_message_text(SB_ASK_REQUEST, 0, request));
}

static void what_it_touches_is_known_first(void **state)
{
    (void)state;
    static const struct wanted wanted[] = {
        {"K-000001", "environment", "prod, simulated", "measured"},
        {"K-000001", "size", " documents, ", "measured"},
        {"K-000001", "traffic", " writes a second", "measured"},
        {"K-000001", "sensitive fields", "customer_id in 20 documents", "estimated"},
        {"K-000001", "regulated retention", "shop.orders is kept for 90 days: a contract", "measured"},
        {"K-000001", "other plans here", "none is open", "measured"},
        {"K-000001", "change windows", "window ", "measured"},
        {"K-000001", "what could be brought back", "the config names no place", "blind"},
        {"K-000002", "other plans here", "1 open: C-000001 (awaiting_approval); one moves at a time", "measured"},
        {"K-000003", "size", " collections, ", "measured"},
        {"K-000003", "sensitive fields", "a whole database is not looked through", "blind"},
        {"K-000003", "other plans here", "C-000001 (awaiting_approval)", "measured"},
    };
    struct lab l;
    struct sb_retention kept = {.place = (char *)"shop.orders", .days = 90, .why = (char *)"a contract"};
    lab_open(&l, &(struct lab_options){.environment = SB_ENV_PROD, .retentions = &kept, .retentions_n = 1, .policy_old = {"\"rules\":"}, .policy_new = {"\"sensitive\": [\"*CUSTOMER*\"], \"rules\":"}});
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (l.samples < 20) /* so that there is traffic to tell of, and a connection for the first request */
        lab_wait(&l, until);
    lab_propose(&l, LAB_REQUEST, SB_AWAITING_APPROVAL);
    ask(&l, "create an index on shop.orders {total: 1}");
    ask(&l, "retire unused indexes on shop");
    lab_close(&l);
    struct seen s = {.wanted = wanted, .n = SB_COUNT(wanted)};
    sb_str_init(&s.told);
    lab_each_entry(&l, look_at_entry, &s);
    for (size_t i = 0; i < SB_COUNT(wanted); i++)
        if (!(s.found >> i & 1))
            fail_msg("no fact of %s says %s: %s (%s), but:\n%s", wanted[i].case_id, wanted[i].what, wanted[i].value, wanted[i].coverage, s.told.p ? s.told.p : "nothing");
    assert_true(s.handoffs >= 3 && s.commands >= 2); /* what was read for it is on the record */
    assert_int_equal(s.elsewhere, 2); /* both requests for an index with its key */
    sb_str_release(&s.told);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_touches_is_known_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
