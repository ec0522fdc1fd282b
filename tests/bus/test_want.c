/* SPDX-License-Identifier: Apache-2.0
 *
 * A queue while there is no memory. It is a program of its own because it takes malloc's place. */
#include "test.h"

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

#ifndef MALLOC_IS_TAKEN

extern void *__libc_malloc(size_t n);
void *malloc(size_t n);

static _Thread_local bool no_memory;

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
    int kept = sb_queue_try_post(q, 900, &payload, count_free);
    refused = !sb_queue_post(q, 901, &payload, count_free);
    no_memory = false;
    assert_int_equal(posted, SB_QUEUE_RESERVE);
    assert_false(telemetry);
    assert_int_equal(kept, -1);
    assert_true(refused);
    assert_int_equal(freed, 2); /* the telemetry and what was posted for good: not what was tried */
    /* what was taken makes room again, and nothing is reordered */
    assert_true(sb_queue_take(q, &mail));
    assert_int_equal(mail.kind, 0);
    no_memory = true;
    kept = sb_queue_try_post(q, 902, &payload, count_free);
    no_memory = false;
    assert_int_equal(kept, 1);
    for (int i = 1; i < SB_QUEUE_RESERVE; i++) {
        assert_true(sb_queue_take(q, &mail));
        assert_int_equal(mail.kind, i);
    }
    assert_true(sb_queue_take(q, &mail));
    assert_int_equal(mail.kind, 902);
    assert_false(sb_queue_take(q, &mail));
    sb_queue_close(q);
    assert_int_equal(sb_queue_try_post(q, 903, &payload, count_free), 0);
    assert_int_equal(freed, 3);
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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(control_mail_goes_into_the_reserve)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
