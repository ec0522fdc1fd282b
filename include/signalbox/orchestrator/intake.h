/* SPDX-License-Identifier: Apache-2.0
 *
 * intake.h - reads a request in plain language: which intent, how sure, why, and what it is about.
 *
 * How is data (intents.data; its head explains its lines): classes of words with their stems and misspellings, and rules with
 * weights over words and their order, so that it can be read, changed and tested without the program. No network, no model.
 * The weights of an intent's rules that fit are added up; the winner's share of its own, the next one's and a constant doubt
 * is made into a confidence by a measured table. What is not ours (a question for the documentation, an error of an
 * application, ...) has rules of its own, so that it is told from what was not understood; a request that names a collection
 * we know is never not ours. What reads as well in two ways, or contradicts itself, is asked back (`unclear`). A sentence in
 * quotation marks is data: it can at most lead to looking at something. Nothing that is written in a request raises a
 * privilege: intake only names an intent, and says so (`warning`). Thread: a loaded intake is read only.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_INTAKE_H
#define SIGNALBOX_ORCHESTRATOR_INTAKE_H

#include <signalbox/base/conf.h>
#include <signalbox/base/regex.h>
#include <signalbox/model/case.h>

#define SB_REQUEST_MAX 4096 /* bytes; a longer request is refused */

struct sb_intake;

/* text in the conf format, as the head of intents.data explains it. Problems are noted with file and line; an intake with
 * problems is not used. */
struct sb_intake *sb_intake_new(const char *text, size_t len, const char *path, struct sb_problems *problems, struct sb_err *err);
void sb_intake_free(struct sb_intake *in);

/* Reads one request. namespaces: the collections known now, "db.coll" (may be none). `out` is overwritten; release it with
 * sb_record_release(&sb_reading_of_schema, out). */
int sb_intake_read(const struct sb_intake *in, const char *request, char *const *namespaces, size_t namespaces_n,
                   struct sb_reading_of *out, struct sb_err *err);

/* Where a request asks for several things in turn ("check the backups and then drop the unused indexes"): the bytes of each,
 * in order; 1: it asks for one. 0: it is no request that can be read. */
#define SB_INTAKE_PARTS_MAX 5
size_t sb_intake_parts(const struct sb_intake *in, const char *request, struct sb_match *parts, size_t max);

/* Reads each of them, in order; how many, or 0 with err: it cannot be read. The first so many of `out` are overwritten; release
 * them as the one of sb_intake_read. */
size_t sb_intake_read_all(const struct sb_intake *in, const char *request, char *const *namespaces, size_t namespaces_n,
                          struct sb_reading_of out[SB_INTAKE_PARTS_MAX], struct sb_err *err);

/* A request of this intent, as an example. */
const char *sb_intake_example(const struct sb_intake *in, int intent);

/* The word that stands where a collection's name would ("carts" in "carts is slow", "speed up carts"), whether there is such a
 * collection or not; NULL: none stands there. A new string. */
char *sb_intake_named(const struct sb_intake *in, const char *request);

/* The card that a request wants tried out ("prove C-000012", "rehearse C-000013"): it names one, says so with a word, and says nothing
 * else. That comes before any intent and begins no case. A new string; NULL: it is no such request, or out of memory. */
char *sb_intake_card_to_try(const char *request);

#endif
