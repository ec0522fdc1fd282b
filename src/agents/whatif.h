/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the what-if know of each other. */
#ifndef SIGNALBOX_AGENTS_WHATIF_H
#define SIGNALBOX_AGENTS_WHATIF_H

#include <signalbox/agents/whatif_card.h>

/* True when a part of the path has a name of the list, in which * stands for any characters. */
bool sb_what_if_sensitive(const json_t *names, const char *path);

/* The command that builds an index as it is on the collection on the sample: without what would keep documents apart, let them expire
 * or hide it. NULL: it is none of ordered fields, asks for a sensitive one, or there is no memory. The caller frees it. */
char *sb_what_if_copy_index(const struct sb_index_info *x, const json_t *sensitive, const char *scratch, const char *card_id, int step, bool replicated, const char *db);

/* What every card of a trial says: whose card it proves, where, and what a sample of so many documents takes in so many copies. -1: out of
 * memory. */
int sb_what_if_open_card(const struct sb_what_if_question *q, int specialist, int64_t documents, int64_t copies, struct sb_card *out);

/* A command of the card's own, word for word but for three things: it is about the scratch collection, its comment is that of this card and
 * step, and above 0 it has so many milliseconds. Canonical Extended JSON; NULL: it is none, or memory ran out. The caller's. */
char *sb_what_if_on_scratch(const char *action, const char *scratch, const char *card_id, int step, int32_t max_time_ms);

/* The first steps of a trial: the sample is copied to `scratch`, and today's indexes are built on it. -1: out of memory. */
int sb_what_if_add_copy(const struct sb_what_if_question *q, const char *db, const char *coll, const char *scratch, int64_t documents, struct sb_card *out);

/* True, and why: no sample of the collection can be taken. */
bool sb_what_if_no_sample(const struct sb_what_if_question *q, char *why, size_t cap);

/* Of a count that was met in a sample, a document of which stands for `times` documents: with 95 % between these, in all of them. Of
 * none in n, at most 3 / n of all (rule of three). */
void sb_what_if_bounds(int64_t met, double times, double *low, double *high);

#endif
