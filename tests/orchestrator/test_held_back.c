/* SPDX-License-Identifier: Apache-2.0
 *
 * A backfill in batches on a simulated set that is pressed when the test says so: each limit of its step holds it back, what goes
 * far over one stops it for a person, the end of its change window stops it at once, and a writer who comes behind its batch is
 * caught by the sweep. What held it back, and since when, is on the card and on the record; nothing is sent meanwhile. */
#include "lab.h"

#include <signalbox/base/hook.h>

#include <stdatomic.h>

#define SCENARIO "tests/orchestrator/held-back.scenario"
#define REQUEST "add field state with default \"new\" to shop.people"

/* The clock belongs to the orchestrator's thread: it is moved there, while a batch is looked for. */
static struct sb_origin *clock_of;
static atomic_int_least64_t move_to; /* wall; 0: the clock runs on */

void sb_hook(const char *point)
{
    int64_t at = atomic_load(&move_to);
    if (at && (strcmp(point, "iterate.turn") == 0 || strcmp(point, "schedule.tick") == 0)) {
        clock_of->start_wall_ms += at - sb_origin_wall_ms(clock_of);
        atomic_store(&move_to, 0);
    }
}

static int64_t utc(const char *text)
{
    int64_t ms;
    assert_int_equal(sb_time_parse(text, strlen(text), &ms), 0);
    return ms;
}

/* ---- what the test sees ---- */

static const char *phase(const struct lab *l)
{
    return l->have_card && l->card.progress.phase ? l->card.progress.phase : "";
}

static void until_held(struct lab *l, const char *why)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!(sb_starts_with(phase(l), "held back since ") && strstr(phase(l), why))) {
        lab_take(l, &l->alice, 0, 200);
        if (sb_mono_ms() > until)
            fail_msg("\"%s\" does not hold it back; it is %s (%s), \"%s\"", why, sb_name(&sb_states, l->card.state), l->card.note ? l->card.note : "", phase(l));
    }
}

/* It has gone over more documents than `done`; how far it is then. */
static int64_t until_more(struct lab *l, int64_t done)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!(sb_starts_with(phase(l), "batch ") && l->card.progress.done > done)) {
        lab_take(l, &l->alice, 0, 200);
        if (sb_mono_ms() > until)
            fail_msg("nothing more was done; it is %s (%s), \"%s\"", sb_name(&sb_states, l->card.state), l->card.note ? l->card.note : "", phase(l));
    }
    return l->card.progress.done;
}

static void signal_to(struct lab *l, const char *word)
{
    char command[200];
    snprintf(command, sizeof command, "{\"createIndexes\": \"signal\", \"indexes\": [{\"key\": {\"%s\": 1}, \"name\": \"%s\"}], \"commitQuorum\": 1}", word, word);
    lab_command(l, "shop", command);
}

static void until_samples(struct lab *l, int64_t more)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS, want = l->samples + more;
    while (l->samples < want)
        lab_wait(l, until);
}

/* Pressed by `signal`, it is held back for this reason, stays so over some looks, and goes on behind `end` (NULL: of itself). */
static int64_t held_by(struct lab *l, const char *signal, const char *why, const char *end)
{
    signal_to(l, signal);
    until_held(l, why);
    int64_t stands = l->card.progress.done;
    until_samples(l, 3);
    assert_int_equal(l->card.progress.done, stands);
    if (end)
        signal_to(l, end);
    return until_more(l, stands);
}

static int64_t count_where(struct lab *l, const char *filter)
{
    bson_error_t e;
    mongoc_collection_t *c = mongoc_client_get_collection(l->client, "shop", "people");
    bson_t *f = bson_new_from_json((const uint8_t *)filter, -1, &e);
    int64_t n = mongoc_collection_count_documents(c, f, NULL, NULL, NULL, &e);
    bson_destroy(f);
    mongoc_collection_destroy(c);
    if (n < 0)
        fail_msg("%s: %s", filter, e.message);
    return n;
}

/* ---- the record ---- */

struct told {
    char began[32][16], over[32][16];
    size_t began_n, over_n;
    int64_t swept, intents_while_held, intents_behind;
    int64_t closes, opens; /* wall */
    bool held;
};

static int take_told(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct told *t = ctx;
    (void)bytes;
    (void)n;
    (void)err;
    if (e->kind == SB_ENTRY_STEP_INTENT && !json_is_true(json_object_get(e->body, "undo"))) {
        t->swept += sb_json_int(e->body, "pass") > 1;
        t->intents_while_held += t->held;
        t->intents_behind += t->closes && e->ts >= t->closes && e->ts < t->opens;
    }
    if (e->kind != SB_ENTRY_HELD)
        return 0;
    bool began = sb_streq(sb_json_str(e->body, "event"), "held back");
    char (*list)[16] = began ? t->began : t->over;
    size_t *at = began ? &t->began_n : &t->over_n;
    assert_true(*at < SB_COUNT(t->began));
    snprintf(list[(*at)++], 16, "%s", sb_json_str(e->body, "by"));
    assert_non_null(sb_json_str(e->body, "why"));
    assert_true(began ? sb_json_str(e->body, "since") != NULL : json_is_integer(json_object_get(e->body, "for_ms")));
    t->held = began;
    return 0;
}

static bool among(char (*list)[16], size_t n, const char *word)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], word) == 0)
            return true;
    return false;
}

/* ---- tests ---- */

static void begin(struct lab *l, const struct lab_options *o, const char *docs, const char *delay)
{
    lab_open(l, o);
    clock_of = &l->origin;
    lab_propose(l, REQUEST, SB_AWAITING_APPROVAL);
    assert_int_equal(lab_approve(l, &l->bob), 0);
    lab_until_state(l, SB_EXECUTING);
    until_more(l, 0);
    assert_int_equal(lab_edit(l, &l->alice, "batch_delay_ms", delay), 0);
    assert_int_equal(lab_edit(l, &l->alice, "batch_docs", docs), 0);
}

static void each_limit_holds_it_back(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = {.environment = SB_ENV_STAGING, .scenario = SCENARIO};
    begin(&l, &o, "5", "300");
    held_by(&l, "behind", " s behind; the limit is 10", "there");
    held_by(&l, "queue", "operations queue on ", NULL);
    held_by(&l, "full", "the cache of ", "roomy");
    int64_t stands = held_by(&l, "flood", "the shortest oplog holds ", "ebb");
    /* far over a limit it stops for a person, and resumed too early it stops again */
    signal_to(&l, "far_behind");
    lab_until_state(&l, SB_PAUSED);
    assert_non_null(strstr(l.card.note, "critical load: "));
    assert_non_null(strstr(l.card.note, " s behind"));
    signal_to(&l, "there_again");
    until_samples(&l, 3);
    assert_int_equal(lab_ask(&l, &l.alice, lab_decision(&l, SB_ASK_RESUME, NULL, NULL, NULL)), 0);
    lab_until_state(&l, SB_EXECUTING);
    until_more(&l, stands);
    /* an application of yesterday writes whole documents as it knows them, where the batches have been and before the first one */
    lab_command(&l, "shop", "{\"update\": \"people\", \"updates\": [{\"q\": {\"_id\": 1}, \"u\": {\"name\": \"late\"}}]}");
    lab_command(&l, "shop", "{\"insert\": \"people\", \"documents\": [{\"_id\": -1, \"name\": \"late\"}]}");
    assert_int_equal(count_where(&l, "{\"name\": \"late\", \"state\": {\"$exists\": false}}"), 2);
    assert_int_equal(lab_edit(&l, &l.alice, "batch_docs", "2000"), 0);
    lab_until_state(&l, SB_WATCHING);
    assert_int_equal(count_where(&l, "{\"state\": {\"$ne\": \"new\"}}"), 0);
    assert_int_equal(count_where(&l, "{\"name\": \"late\", \"state\": \"new\"}"), 2);
    lab_stop(&l);
    struct told t = {.held = false};
    lab_each_entry(&l, take_told, &t);
    const char *causes[] = {"lag", "queue", "cache", "oplog"};
    for (size_t i = 0; i < SB_COUNT(causes); i++)
        if (!among(t.began, t.began_n, causes[i]) || !among(t.over, t.over_n, causes[i]))
            fail_msg("the record does not say that it was held back by %s, and until when", causes[i]);
    assert_int_equal(t.intents_while_held, 0);
    assert_true(t.swept > 0);
    lab_end(&l);
}

static void the_end_of_its_window_stops_it(void **state)
{
    (void)state;
    struct lab l;
    struct lab_options o = {.environment = SB_ENV_STAGING, .scenario = SCENARIO, .wall = utc("2026-11-25T21:00:00.000Z"),
                            .policy_old = {"\"id\": \"ADV-03\", \"level\": \"advisory\"",
                                           "\"match\": {\"action.kind\": {\"eq\": \"index.create\"}, \"target.env\": {\"nin\": [\"staging\", \"dev\"]}},\n     \"when\": {\"calendar.quiet.active\": {\"eq\": false}}"},
                            .policy_new = {"\"id\": \"ADV-03\", \"level\": \"hard\"", "\"match\": {\"action.kind\": {\"eq\": \"schema.backfill\"}}"}};
    struct told t = {.closes = utc("2026-11-26T05:00:00.000Z"), .opens = utc("2026-11-26T20:00:00.000Z")};
    begin(&l, &o, "10", "150");
    atomic_store(&move_to, t.closes);
    until_held(&l, "it waits for the window quiet");
    int64_t stands = l.card.progress.done;
    until_samples(&l, 3);
    assert_int_equal(l.card.progress.done, stands);
    atomic_store(&move_to, t.opens);
    until_more(&l, stands);
    assert_int_equal(lab_edit(&l, &l.alice, "batch_docs", "2000"), 0);
    lab_until_state(&l, SB_WATCHING);
    lab_stop(&l);
    lab_each_entry(&l, take_told, &t);
    assert_true(among(t.began, t.began_n, "policy") && among(t.over, t.over_n, "policy"));
    assert_int_equal(t.intents_behind, 0);
    lab_end(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(each_limit_holds_it_back), cmocka_unit_test(the_end_of_its_window_stops_it)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
