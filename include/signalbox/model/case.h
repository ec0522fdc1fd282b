/* SPDX-License-Identifier: Apache-2.0
 *
 * case.h - one request followed to its end, and the hand-offs between specialists on the way.
 */
#ifndef SIGNALBOX_MODEL_CASE_H
#define SIGNALBOX_MODEL_CASE_H

#include <signalbox/model/evidence.h>

/* What intake read out of a request. */
struct sb_slots {
    char *ns;
    char *field;
    char *key;    /* an index key pattern that was written out */
    char *index;  /* an index name that was written out */
    char *time;
    char *target;
};
extern const struct sb_schema sb_slots_schema;

struct sb_reading_of { /* of a request: what `ask --classify` prints */
    int intent;        /* enum sb_intent */
    int64_t confidence_ppm;
    int runner_up;     /* enum sb_intent */
    int64_t runner_up_ppm;
    struct sb_slots slots;
    char *reason;
    char *foreign;     /* intent none: what it is instead ("an error of an application"); NULL: it was not understood */
};
extern const struct sb_schema sb_reading_of_schema;

struct sb_handoff {
    int from, to; /* enum sb_specialist */
    int64_t at;   /* wall */
    char *why;    /* why this one next */
    char *risk;   /* the risk that was seen */
    struct sb_evidence *evidence; /* what was passed on */
    size_t evidence_n;
};
extern const struct sb_schema sb_handoff_schema;

struct sb_case {
    char *id;      /* "K-000007" */
    char *text;    /* the request in plain language */
    char *requested_by;
    int64_t opened_at; /* wall */
    struct sb_reading_of reading;
    struct sb_handoff *handoffs;
    size_t handoffs_n;
    char **cards;
    size_t cards_n;
    char *outcome; /* a sentence; NULL while it is open */
    int64_t closed_at;
    char *anomaly; /* the anomaly that asked, where one did */
};
extern const struct sb_schema sb_case_schema;

void sb_case_release(struct sb_case *c);

#endif
