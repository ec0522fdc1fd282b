/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence.h - one structured fact and where it comes from.
 *
 * `value` is text as people read it, with its unit. `coverage` is one of: measured, sampled P %, estimated, stale, and
 * for what was asked and could not be had: blind. Evidence is never edited: a newer measurement is a new fact.
 */
#ifndef SIGNALBOX_MODEL_EVIDENCE_H
#define SIGNALBOX_MODEL_EVIDENCE_H

#include <signalbox/model/names.h>

struct sb_evidence {
    char *source;   /* "slow query log of db1:27017", "$indexStats of 3 members" */
    char *ns;       /* "shop.orders" */
    char *what;     /* "documents examined per document returned" */
    char *value;    /* "20000 to 1" */
    char *coverage; /* see above */
    int64_t taken_at; /* deployment time */
};

extern const struct sb_schema sb_evidence_schema;

/* Appends a fact to a list, copying the texts. 0 or -1. */
int sb_evidence_add(struct sb_evidence **list, size_t *n, const char *source, const char *ns, const char *what,
                    const char *value, const char *coverage, int64_t taken_at) SB_MUST_USE;

#endif
