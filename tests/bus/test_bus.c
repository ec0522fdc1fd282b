/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/base/clock.h>
#include <signalbox/bus/pool.h>
#include <signalbox/bus/queue.h>

#include <poll.h>
#include <stdatomic.h>
#include <time.h>

#define POSTERS 4
#define EACH 20000

static atomic_long freed;

static void count_free(void *p)
{
    free(p);
    atomic_fetch_add(&freed, 1);
}

static int *number(int v)
{
    int *p = malloc(sizeof *p);
    assert_non_null(p);
    *p = v;
    return p;
}

struct poster {
    struct sb_queue *q;
    int id;
};

static void *post_many(void *arg)
{
    struct poster *p = arg;
    for (int i = 0; i < EACH; i++) {
        int *v = malloc(sizeof *v);
        if (!v)
            abort();
        *v = i;
        sb_queue_post(p->q, p->id, v, free);
    }
    return NULL;
}

static void nothing_is_lost_or_reordered(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_queue *q = sb_queue_new(8, &err);
    assert_non_null(q);
    pthread_t threads[POSTERS];
    struct poster posters[POSTERS];
    for (int i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){q, i};
        sb_assert_ok(sb_thread_start(&threads[i], post_many, &posters[i], "poster", &err), err);
    }
    int next[POSTERS] = {0}, total = 0;
    while (total < POSTERS * EACH) {
        struct sb_mail mail;
        assert_true(sb_queue_wait(q, &mail, 10000));
        int *v = mail.payload;
        assert_int_equal(*v, next[mail.kind]);
        next[mail.kind]++;
        total++;
        free(v);
    }
    for (int i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    struct sb_mail mail;
    assert_false(sb_queue_take(q, &mail));
    struct pollfd fd = {sb_queue_fd(q), POLLIN, 0};
    assert_int_equal(poll(&fd, 1, 0), 0); /* the doorbell is silent */
    sb_queue_free(q);
}

static void telemetry_gives_way_and_is_counted(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    atomic_store(&freed, 0);
    struct sb_queue *q = sb_queue_new(4, &err);
    for (int i = 0; i < 10; i++)
        assert_true(sb_queue_post_telemetry(q, 0, 1, number(i), count_free));
    assert_int_equal(sb_queue_dropped(q), 6);
    assert_int_equal(atomic_load(&freed), 6);
    sb_queue_post(q, 2, number(100), count_free);
    struct sb_mail mail;
    assert_true(sb_queue_take(q, &mail));
    assert_int_equal(mail.kind, 2); /* control first */
    free(mail.payload);
    for (int i = 6; i < 10; i++) {
        assert_true(sb_queue_take(q, &mail));
        assert_int_equal(*(int *)mail.payload, i);
        free(mail.payload);
    }
    sb_queue_post_telemetry(q, 7, 1, number(1), count_free);
    sb_queue_post_telemetry(q, 8, 1, number(2), count_free);
    sb_queue_post_telemetry(q, 7, 1, number(3), count_free);
    assert_true(sb_queue_take(q, &mail));
    assert_int_equal(*(int *)mail.payload, 3); /* replaced in its place */
    free(mail.payload);
    sb_queue_close(q);
    assert_false(sb_queue_post(q, 1, number(4), count_free));
    assert_int_equal(atomic_load(&freed), 6 + 1 + 1 + 1);
    sb_queue_free(q);
}

static atomic_int ran;

static void job(void *arg)
{
    atomic_fetch_add(&ran, *(int *)arg);
}

static void slow_job(void *arg)
{
    (void)arg;
    nanosleep(&(struct timespec){0, 300000000}, NULL);
}

static void pool_runs_everything_and_leaves_what_hangs(void **state)
{
    (void)state;
    struct sb_err err = SB_ERR_INIT;
    struct sb_pool *pool = sb_pool_new(3, &err);
    assert_non_null(pool);
    int one = 1;
    for (int i = 0; i < 1000; i++)
        assert_true(sb_pool_submit(pool, job, &one, NULL));
    while (sb_pool_busy(pool))
        nanosleep(&(struct timespec){0, 1000000}, NULL);
    assert_int_equal(atomic_load(&ran), 1000);
    assert_true(sb_pool_free(pool, 5000));

    pool = sb_pool_new(1, &err);
    assert_true(sb_pool_submit(pool, slow_job, NULL, NULL));
    while (sb_pool_busy(pool) == 0)
        ;
    nanosleep(&(struct timespec){0, 50000000}, NULL);
    int64_t start = sb_mono_ms();
    assert_false(sb_pool_free(pool, 20)); /* abandoned, not waited for */
    assert_true(sb_mono_ms() - start < 250);
    nanosleep(&(struct timespec){0, 500000000}, NULL); /* the last worker frees the pool: ASan would tell */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_lost_or_reordered),
        cmocka_unit_test(telemetry_gives_way_and_is_counted),
        cmocka_unit_test(pool_runs_everything_and_leaves_what_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
