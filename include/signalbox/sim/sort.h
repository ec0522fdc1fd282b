/* SPDX-License-Identifier: Apache-2.0
 *
 * sort.h - sorting rows by a sort pattern, all of them or the first few.
 *
 * A row's sort key is the least of the keys that an index with this pattern would hold for it, which is MongoDB's rule for
 * arrays. Rows with equal keys keep the order in which they came. With a limit only that many rows are kept, in a heap.
 * Thread: one.
 */
#ifndef SIGNALBOX_SIM_SORT_H
#define SIGNALBOX_SIM_SORT_H

#include <signalbox/sim/index.h>

#define SIM_SORT_MEMORY 104857600

/* Checks a sort specification: directions only. 0 or -1. */
int sim_sort_check(const uint8_t *pattern, struct sim_fail *f);

/* Replaces out by the sort key of doc. 0 or -1 (out of memory, parallel arrays). */
int sim_sort_key(const uint8_t *pattern, const uint8_t *doc, struct sb_str *out, struct sim_fail *f);

struct sim_sorter;

struct sim_sorter *sim_sorter_new(const uint8_t *pattern, int64_t limit); /* limit 0: none; NULL out of memory */
void sim_sorter_free(struct sim_sorter *s);

/* Takes a reference to the document. */
int sim_sorter_add(struct sim_sorter *s, uint64_t rid, struct sim_doc *doc, struct sim_fail *f);
int64_t sim_sorter_bytes(const struct sim_sorter *s); /* of what is kept */
int64_t sim_sorter_count(const struct sim_sorter *s);

/* After the last add. Hands out rows in order: false at the end. The reference becomes the caller's. */
void sim_sorter_finish(struct sim_sorter *s);
bool sim_sorter_next(struct sim_sorter *s, uint64_t *rid, struct sim_doc **doc);

#endif
