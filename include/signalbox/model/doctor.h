/* SPDX-License-Identifier: Apache-2.0
 *
 * doctor.h - what `signalbox doctor` finds: a sentence each, with what to do about it. The command prints it, and the console has
 * a page of it.
 *
 * Pure values. What and mend hold text from outside. Thread: any; a record has one owner.
 */
#ifndef SIGNALBOX_MODEL_DOCTOR_H
#define SIGNALBOX_MODEL_DOCTOR_H

#include <signalbox/base/record.h>

enum sb_found {
    SB_FOUND_GOOD,
    SB_FOUND_NOTE,  /* as it is, something is not known or not used; nothing is wrong */
    SB_FOUND_WRONG,
    SB_FOUNDS
};
extern const struct sb_names sb_founds; /* ok, note, wrong */

struct sb_doctor_finding {
    int found;  /* enum sb_found */
    char *area; /* "terminal" */
    char *what; /* one sentence */
    char *mend; /* what to do about it; NULL: nothing */
};
extern const struct sb_schema sb_doctor_finding_schema;

struct sb_doctor {
    bool done;           /* nothing more comes */
    int64_t step, steps; /* which one is under way, from 1, and of how many */
    char *doing;         /* what that is: "the ledger"; NULL when it is done */
    char *failed;        /* why it ended before its end; NULL: it did not */
    struct sb_doctor_finding *findings; /* so far, in the order in which they were found */
    size_t findings_n;
};
extern const struct sb_schema sb_doctor_schema;

/* How many of them are of this kind. */
size_t sb_doctor_count(const struct sb_doctor *d, enum sb_found found);

#endif
