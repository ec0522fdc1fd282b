/* SPDX-License-Identifier: Apache-2.0
 *
 * test.h - what every C test includes: cmocka with its prerequisites, and a few helpers.
 *
 * A test that cannot run here (missing data, missing program) calls sb_test_skip with the reason; the runner counts and
 * prints it as SKIP, never as a pass.
 */
#ifndef SIGNALBOX_TEST_H
#define SIGNALBOX_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include <stdlib.h>

/* Prints "SKIP: reason" and ends this test as skipped. */
#define sb_test_skip(...)       \
    do {                        \
        print_message("SKIP: " __VA_ARGS__); \
        print_message("\n");    \
        skip();                 \
    } while (0)

/* The folder of real recordings, or NULL: SIGNALBOX_TEST_DATA, else ../shared/data beside the checkout. */
const char *sb_test_data(void);

/* A fresh folder that is removed at exit. */
const char *sb_test_dir(void);

/* Asserts that a struct sb_err-style call succeeded, printing the message. */
#define sb_assert_ok(call, err)                          \
    do {                                                 \
        if ((call) != 0)                                 \
            fail_msg("%s: %s", #call, (err).msg);        \
    } while (0)

#endif
