/* SPDX-License-Identifier: Apache-2.0
 *
 * Which indexes of a collection nobody needs, and why the others that look like it stay. */
#ifndef SIGNALBOX_AGENTS_OPTIMIZER_RETIRE_H
#define SIGNALBOX_AGENTS_OPTIMIZER_RETIRE_H

#include "optimizer.h"

#define SB_RETIRE_AFTER_MS (INT64_C(7) * 86400000) /* that every member must have counted no use */

enum retire_verdict {
    RETIRE_REDUNDANT, /* another index serves whatever it serves */
    RETIRE_DEAD,      /* no member used it */
    RETIRE_KEEP,      /* not used, or begun by another one, and yet it stays */
};

struct retire {
    const struct sb_index_info *index, *by; /* by: NULL unless it is redundant */
    enum retire_verdict verdict;
    char why[400];
    bool months_end; /* of a dead one: the end of a month lay in the time without use */
};

/* now_ms: when the catalogue was read. A new list, in the catalogue's order; indexes of which there is nothing to say are not in
 * it. -1 out of memory. */
int sb_retire_look(const struct sb_catalogue *c, const struct sb_workload *w, int64_t now_ms, struct retire **out, size_t *n);

/* The commands as canonical Extended JSON. New strings or NULL. */
char *sb_retire_hide_command(const char *coll, const char *name, bool hidden);
char *sb_retire_drop_command(const char *coll, const char *name);
char *sb_retire_create_command(const char *coll, const char *spec);

/* How often it was used, on how many members, and since when each has counted. A new string or NULL. */
char *sb_retire_uses_told(const struct sb_index_info *x, int64_t members);

/* What is watched of a card that hides or drops: nothing of the collection may get worse, neither its reads and writes nor any of its shapes. remedy: what takes the card back. -1 out of memory. */
int sb_retire_watch(struct sb_card *card, const struct sb_index_question *q, const struct sb_history *history, int64_t window_s, const char *remedy);

#endif
