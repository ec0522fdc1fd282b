/* SPDX-License-Identifier: Apache-2.0
 *
 * A queue and a pool while there is no memory. It is a program of its own because it takes malloc's place. */
#include "test.h"

#include <signalbox/bus/pool.h>
#include <signalbox/bus/queue.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define MALLOC_IS_TAKEN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define MALLOC_IS_TAKEN 1
#endif
#endif

static int freed;

static void count_free(void *payload)
{
    (void)payload;
    freed++;
}

static _Thread_local bool no_memory;

#ifndef MALLOC_IS_TAKEN

extern void *__libc_malloc(size_t n);
void *malloc(size_t n);

void *malloc(size_t n)
{
    return no_memory ? NULL : __libc_malloc(n);
}

static void control_mail_goes_into_the_reserve(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_queue *q = sb_queue_new(4, &err);
    struct sb_mail mail;
    int payload = 7;
    assert_non_null(q);
    freed = 0;
    no_memory = true;
    int posted = 0, refused = 0;
    for (int i = 0; i < SB_QUEUE_RESERVE; i++)
        posted += sb_queue_post(q, i, &payload, count_free);
    bool telemetry = sb_queue_post_telemetry(q, 0, 1, &payload, count_free); /* it may be dropped */
    refused = !sb_queue_post(q, 901, &payload, count_free);
    no_memory = false;
    assert_int_equal(posted, SB_QUEUE_RESERVE);
    assert_false(telemetry);
    assert_true(refused);
    assert_int_equal(freed, 2);
    /* what was taken makes room again, and nothing is reordered */
    assert_true(sb_queue_take(q, &mail));
    assert_int_equal(mail.kind, 0);
    no_memory = true;
    bool kept = sb_queue_post(q, 902, &payload, count_free);
    no_memory = false;
    assert_true(kept);
    for (int i = 1; i < SB_QUEUE_RESERVE; i++) {
        assert_true(sb_queue_take(q, &mail));
        assert_int_equal(mail.kind, i);
    }
    assert_true(sb_queue_take(q, &mail));
    assert_int_equal(mail.kind, 902);
    assert_false(sb_queue_take(q, &mail));
    sb_queue_close(q);
    sb_queue_free(q);
}

#else

static void control_mail_goes_into_the_reserve(void **state)
{
    (void)state;
    (void)count_free;
    printf("SKIP: the sanitizer has malloc's place\n");
}

#endif

/* Work that is away, as the orchestrator has it: its payload carries all that it needs on its way there and back. */
struct errand {
    struct sb_queue *home;
    struct sb_job job;
    struct sb_letter letter;
    int turns;
};

static void come_back(void *p)
{
    struct errand *e = p;
    no_memory = true; /* of this worker */
    e->turns++;
    sb_queue_post_letter(e->home, &e->letter, 1, e, count_free);
    no_memory = false;
}

static void what_is_away_comes_back_without_memory(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_queue *q = sb_queue_new(4, &err);
    struct sb_pool *pool = sb_pool_new(2, &err);
    static struct errand away[2 * SB_QUEUE_RESERVE]; /* more than the reserve of a queue could help */
    assert_non_null(q);
    assert_non_null(pool);
    freed = 0;
    for (int round = 1; round <= 2; round++) { /* the same letters again */
        bool left = true;
        no_memory = true;
        for (size_t i = 0; i < SB_COUNT(away); i++) {
            away[i].home = q;
            left &= sb_pool_submit_job(pool, &away[i].job, come_back, &away[i], count_free);
        }
        no_memory = false;
        assert_true(left);
        for (size_t i = 0; i < SB_COUNT(away); i++) {
            struct sb_mail mail;
            assert_true(sb_queue_wait(q, &mail, -1));
            assert_int_equal(((struct errand *)mail.payload)->turns, round);
        }
    }
    sb_pool_free(pool, 10000);
    sb_queue_close(q);
    assert_int_equal(freed, 0);
    assert_false(sb_queue_post_letter(q, &away[0].letter, 1, &away[0], count_free));
    assert_int_equal(freed, 1);
    sb_queue_free(q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(control_mail_goes_into_the_reserve), cmocka_unit_test(what_is_away_comes_back_without_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
