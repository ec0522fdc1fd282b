/* SPDX-License-Identifier: Apache-2.0
 *
 * intake.h - reads a request in plain language: which intent, how sure, why, and what it is about.
 *
 * The patterns are data (intents.data: regular expressions with weights, by intent), so that they can be read and tested
 * without the program. No network, no model. The weights of an intent's patterns that match are added up; confidence is
 * the winner's sum against its own, the runner-up's and a constant doubt. What is not ours (a question for the documentation, an
 * error of an application, ...) has patterns of its own, so that it is told from what was not understood; a request that names
 * a collection we know is never not ours. Nothing that is written in a request raises a
 * privilege: intake only names an intent. Thread: a loaded intake is read only.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_INTAKE_H
#define SIGNALBOX_ORCHESTRATOR_INTAKE_H

#include <signalbox/base/conf.h>
#include <signalbox/model/case.h>

#define SB_REQUEST_MAX 4096 /* bytes; a longer request is refused */

struct sb_intake;

/* text in the conf format: `intent NAME`, or `foreign "what it is"`, then `match WEIGHT REGEX`. Problems are noted with file and line; an intake with
 * problems is not used. */
struct sb_intake *sb_intake_new(const char *text, size_t len, const char *path, struct sb_problems *problems, struct sb_err *err);
void sb_intake_free(struct sb_intake *in);

/* Reads one request. namespaces: the collections known now, "db.coll" (may be none). `out` is overwritten; release it with
 * sb_record_release(&sb_reading_of_schema, out). */
int sb_intake_read(const struct sb_intake *in, const char *request, char *const *namespaces, size_t namespaces_n,
                   struct sb_reading_of *out, struct sb_err *err);

/* The word that stands where a collection's name would ("carts" in "carts is slow", "speed up carts"), whether there is such a
 * collection or not; NULL: none stands there. A new string. */
char *sb_intake_named(const struct sb_intake *in, const char *request);

#endif
