/* SPDX-License-Identifier: Apache-2.0
 *
 * intake_slots.h - what a request is about: names, times, numbers, as they stand in it. Thread: read only once it is loaded.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_INTAKE_SLOTS_H
#define SIGNALBOX_ORCHESTRATOR_INTAKE_SLOTS_H

#include "intake_words.h"

#include <signalbox/model/case.h>

struct sb_slot_patterns;

struct sb_slot_patterns *sb_slot_patterns_new(struct sb_err *err);
void sb_slot_patterns_free(struct sb_slot_patterns *p);

/* Fills r->slots for r->intent, and r->unclear when they contradict each other. Every slot is a part of the request, or a
 * namespace or database that is known. -1: out of memory. */
int sb_slots_fill(const struct sb_slot_patterns *p, const char *request, size_t len, const struct sb_word *words, size_t n, char *const *known, size_t known_n,
                  struct sb_reading_of *r, struct sb_err *err);

#endif
