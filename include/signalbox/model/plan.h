/* SPDX-License-Identifier: Apache-2.0
 *
 * plan.h - the gates of a phased plan as they were measured at one moment: what has to be true before each phase that has not begun.
 * Pure. */
#ifndef SIGNALBOX_MODEL_PLAN_H
#define SIGNALBOX_MODEL_PLAN_H

#include <signalbox/base/record.h>

struct sb_gate_fact {
    char *card;   /* of the phase */
    char *check;  /* as the card's step names it */
    char *result; /* "true", "false", "unknown" */
    char *text;   /* what was read */
};
extern const struct sb_schema sb_gate_fact_schema;

struct sb_plan_gates {
    char *case_id; /* JSON key "case" */
    int64_t at;    /* wall */
    struct sb_gate_fact *facts;
    size_t facts_n;
};
extern const struct sb_schema sb_plan_gates_schema;

#endif
