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
    char *database;   /* where only a database is named */
    char *field;
    char *new_field;  /* what a field is to be called */
    char *type;       /* what a field is to become */
    char *key;        /* an index key pattern that was written out */
    char *index;      /* an index name that was written out */
    char *time;       /* as it was said: "Tuesday night" */
    char *target;     /* where it is to go, or what it is to become: of a restore, a rename, a conversion */
    char *deployment; /* "prod", "staging", "dev", or a name */
    char *app;
    char *duration;   /* "10 minutes" */
    char *number;     /* "3x", "80%", "4000" */
    char *opid;       /* an operation's number */
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
    char *unclear;     /* a sentence that asks back: it can be read in two ways, or contradicts itself; nothing comes of it then */
    char *warning;     /* what was wished for and is not granted by words ("it asks to skip the approval"); NULL: nothing */
};
extern const struct sb_schema sb_reading_of_schema;

struct sb_handoff {
    int from, to; /* enum sb_specialist */
    int64_t at;   /* wall */
    char *why;    /* why this one next */
    char *risk;   /* the risk that was seen */
    char *otherwise; /* what would have led elsewhere: "to index_optimizer, if it names a collection"; NULL: nothing */
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
