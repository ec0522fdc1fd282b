/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <signalbox/model/lifecycle.h>

#include <string.h>

/* Every pair of state and event: in the table once, or refused with a reason. */
static void every_pair_is_decided(void **state)
{
    (void)state;
    size_t found = 0;
    for (int s = 0; s < SB_STATES; s++)
        for (int e = 0; e < SB_EVENTS; e++) {
            size_t rows = 0;
            for (size_t i = 0; i < sb_lifecycle_rows_n; i++)
                rows += (int)sb_lifecycle_rows[i].from == s && (int)sb_lifecycle_rows[i].event == e;
            assert_true(rows <= 1);
            const struct sb_transition *t = sb_lifecycle_next((enum sb_state)s, (enum sb_event)e);
            assert_int_equal(t != NULL, rows == 1);
            found += rows;
            if (!t) {
                char reason[128] = "";
                sb_lifecycle_reason(reason, sizeof reason, (enum sb_state)s, (enum sb_event)e);
                assert_true(strlen(reason) > 10);
            }
        }
    assert_int_equal(found, sb_lifecycle_rows_n);
}

static void names_are_complete(void **state)
{
    (void)state;
    for (int s = 0; s < SB_STATES; s++) {
        assert_string_not_equal(sb_name(&sb_states, s), "?");
        assert_true(strlen(sb_state_help((enum sb_state)s)) > 5);
        assert_int_equal(sb_name_find(&sb_states, sb_name(&sb_states, s)), s);
    }
    for (int e = 0; e < SB_EVENTS; e++)
        assert_string_not_equal(sb_name(&sb_events, e), "?");
}

/* An end is an end: nothing leads out of a closed state but the undo of something done. */
/* And the glass that is broken for what soft rules denied, behind which policy is asked anew. */
static void ends_have_no_way_out_but_undo(void **state)
{
    (void)state;
    for (size_t i = 0; i < sb_lifecycle_rows_n; i++) {
        const struct sb_transition *t = &sb_lifecycle_rows[i];
        if (!sb_state_open(t->from) && t->event == SB_EV_BREAK_GLASS) {
            assert_int_equal(t->from, SB_DENIED);
            assert_true(t->to == SB_PROPOSED && (t->effects & SB_DO_GATE));
        } else if (!sb_state_open(t->from)) {
            assert_int_equal(t->from, SB_DONE);
            assert_int_equal(t->event, SB_EV_ROLLBACK);
        }
    }
}

/* Nothing reaches execution except through approval or an allowance of policy, and every way there runs a step. */
static void execution_needs_approval(void **state)
{
    (void)state;
    for (size_t i = 0; i < sb_lifecycle_rows_n; i++) {
        const struct sb_transition *t = &sb_lifecycle_rows[i];
        if (t->to == SB_EXECUTING) {
            assert_true(t->from == SB_APPROVED || t->from == SB_SCHEDULED || t->from == SB_PAUSED || t->from == SB_IN_DOUBT);
            assert_true(t->effects & SB_DO_RUN);
        }
        if (t->to == SB_APPROVED)
            assert_true(t->event == SB_EV_APPROVED || t->event == SB_EV_ALLOW);
        if (t->event == SB_EV_EDIT)
            assert_true(t->to == SB_PROPOSED && (t->effects & SB_DO_GATE));
    }
}

/* Every open state can be left by a person or by time. */
static void nothing_is_stuck(void **state)
{
    (void)state;
    for (int s = 0; s < SB_STATES; s++) {
        if (!sb_state_open((enum sb_state)s))
            continue;
        bool out = false;
        for (size_t i = 0; i < sb_lifecycle_rows_n; i++)
            out |= (int)sb_lifecycle_rows[i].from == s && ((int)sb_lifecycle_rows[i].to != s || sb_lifecycle_rows[i].event == SB_EV_CLOSE);
        assert_true(out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_is_decided),
        cmocka_unit_test(names_are_complete),
        cmocka_unit_test(ends_have_no_way_out_but_undo),
        cmocka_unit_test(execution_needs_approval),
        cmocka_unit_test(nothing_is_stuck),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
