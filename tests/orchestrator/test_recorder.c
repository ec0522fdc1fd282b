/* SPDX-License-Identifier: Apache-2.0
 *
 * The flight recorder: a strip a minute, for a day, in bounded memory. */
#include "test.h"

#include "../../src/orchestrator/private.h"

#include <string.h>

#define MINUTE INT64_C(60000)
#define BEGIN (INT64_C(1795529100000) / MINUTE * MINUTE)

static void strip_at(struct sb_orchestrator *o, int64_t wall, int64_t queued, size_t members)
{
    sb_record_release(sb_message_schema(SB_NEWS_STRIP), &o->strip);
    for (size_t i = 0; i < members; i++) {
        struct sb_member_line *l = SB_PUSH(o->strip.members);
        assert_non_null(l);
        assert_int_equal(sb_str_set(&l->name, "db1:27017") || sb_str_set(&l->state, "PRIMARY"), 0);
        l->queued = queued;
    }
    o->strip.wall = wall;
    sb_o_keep_minute(o);
}

/* What a console is told that asks for this moment. */
static struct sb_message *replay(struct sb_orchestrator *o, int64_t at)
{
    struct sb_replay_ask ask = {at};
    struct sb_message m = {.type = SB_ASK_REPLAY, .seq = 7, .body = &ask};
    struct sb_mail mail;
    sb_o_ask_replay(o, 1, &m);
    assert_true(sb_queue_wait(o->seats[0]->news, &mail, 0));
    struct sb_message *told = mail.payload;
    assert_int_equal(told->type, SB_NEWS_REPLAY);
    assert_int_equal(told->seq, 7);
    return told;
}

static void expect(struct sb_orchestrator *o, int64_t at, int64_t minute, int64_t queued)
{
    struct sb_message *m = replay(o, at);
    const struct sb_replay *r = m->body;
    assert_int_equal(r->at, minute);
    if (minute)
        assert_int_equal(r->strip.members[0].queued, queued);
    sb_message_free(m);
}

static int begin(void **state)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_orchestrator *o = calloc(1, sizeof *o);
    struct seat *s = calloc(1, sizeof *s), **slot = o ? SB_PUSH(o->seats) : NULL;
    assert_true(s && slot);
    s->id = 1;
    s->news = sb_queue_new(16, &err);
    assert_non_null(s->news);
    *slot = s;
    *state = o;
    return 0;
}

static int end(void **state)
{
    struct sb_orchestrator *o = *state;
    sb_o_free_recorder(o);
    sb_record_release(sb_message_schema(SB_NEWS_STRIP), &o->strip);
    sb_queue_free(o->seats[0]->news);
    free(o->seats[0]);
    free(o->seats);
    free(o);
    return 0;
}

static void a_minute_is_its_last_strip(void **state)
{
    struct sb_orchestrator *o = *state;
    expect(o, BEGIN, 0, 0);
    strip_at(o, BEGIN + 1000, 1, 3);
    strip_at(o, BEGIN + 59000, 2, 3);
    strip_at(o, BEGIN + 3 * MINUTE, 3, 3); /* nobody was heard of in between */
    expect(o, BEGIN + 59000, BEGIN + 59000, 2);
    expect(o, BEGIN + 2 * MINUTE, BEGIN + 59000, 2);
    expect(o, BEGIN + 9 * MINUTE, BEGIN + 3 * MINUTE, 3);
    expect(o, 1, BEGIN + 59000, 2); /* before the oldest: the oldest */
    /* the clock was set back: it begins anew */
    strip_at(o, BEGIN + MINUTE, 4, 3);
    expect(o, BEGIN + 9 * MINUTE, BEGIN + MINUTE, 4);
    struct sb_message *m = replay(o, BEGIN);
    assert_int_equal(((struct sb_replay *)m->body)->oldest, BEGIN + MINUTE);
    sb_message_free(m);
}

static void a_day_and_no_more(void **state)
{
    struct sb_orchestrator *o = *state;
    for (int64_t i = 0; i < 1500; i++)
        strip_at(o, BEGIN + i * MINUTE, i, 3);
    struct sb_message *m = replay(o, 1);
    const struct sb_replay *r = m->body;
    assert_int_equal(r->newest, BEGIN + 1499 * MINUTE);
    assert_int_equal(r->oldest, BEGIN + 60 * MINUTE); /* 24 hours of minutes, this one among them */
    sb_message_free(m);
    /* a set of fifty members is kept for as long as there is room */
    for (int64_t i = 1500; i < 3000; i++)
        strip_at(o, BEGIN + i * MINUTE, i, 50);
    m = replay(o, 1);
    r = m->body;
    int64_t kept = (r->newest - r->oldest) / MINUTE + 1, each = (int64_t)(sizeof(struct sb_strip) + 50 * (sizeof(struct sb_member_line) + 160));
    assert_true(kept * each <= 8 << 20 && kept > 300);
    sb_message_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_minute_is_its_last_strip, begin, end),
        cmocka_unit_test_setup_teardown(a_day_and_no_more, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
