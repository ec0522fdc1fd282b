/* SPDX-License-Identifier: Apache-2.0
 *
 * What a log lets know of a collection without asking it. */
#ifndef SIGNALBOX_AGENTS_LOG_FACTS_H
#define SIGNALBOX_AGENTS_LOG_FACTS_H

#include "optimizer.h"

#include <signalbox/agents/log_indexes.h>

struct log_facts {
    struct sb_catalogue seen;     /* indexes that were there all the time; fields that shapes tell about; documents */
    struct sb_dated_index *dated; /* every index that plans and lines tell of */
    size_t dated_n, unknown_drops;
};

/* -1 out of memory. */
int sb_log_facts_read(struct log_facts *f, const struct sb_workload *w, const struct sb_log_indexes *notes, const char *ns);
void sb_log_facts_release(struct log_facts *f);

/* Refuses the candidate when an index served it all the time while it was slow; marks it when one came too late. */
void sb_log_facts_check(const struct log_facts *f, struct candidate *c);

#endif
