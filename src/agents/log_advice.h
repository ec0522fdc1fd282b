/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the advice from logs share. */
#ifndef SIGNALBOX_AGENTS_LOG_ADVICE_PRIVATE_H
#define SIGNALBOX_AGENTS_LOG_ADVICE_PRIVATE_H

#include "log_facts.h"

#include <signalbox/agents/log_advice.h>

/* One collection of the question. */
struct log_place {
    const struct sb_log_question *all;
    struct sb_index_question q;
    const struct sb_catalogue *given; /* NULL: there is no catalogue of it */
    struct log_facts facts;
    struct candidate *need;
    size_t need_n;
    struct planned *plan;
    size_t plan_n;
    uint64_t ms;      /* of all its operations that were logged */
    uint64_t written; /* documents */
};

struct log_advice_list {
    struct sb_log_advice *items;
    size_t items_n;
};

struct sb_log_advice *sb_advice_add(struct log_advice_list *l, enum sb_advice_kind kind, const char *ns);

/* Adds to what the advice rests on; takes the value. -1 out of memory. */
int sb_advice_evidence(struct sb_log_advice *a, const char *source, const char *what, char *value, const char *coverage, int64_t at);
int sb_advice_rejected(struct sb_log_advice *a, const char *key_shown, const char *reason);

/* "find {"a":1} sort {"b":1}". A new string. */
char *sb_advice_shape(const struct candidate *c);

/* log_propose.c: what the plan of the place proposes. -1 out of memory. */
int sb_log_propose(const struct log_place *p, struct log_advice_list *out);

/* log_retire.c: what a catalogue that was given holds and nobody needs. -1 out of memory. */
int sb_log_retire(const struct log_place *p, struct log_advice_list *out);

#endif
