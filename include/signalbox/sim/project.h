/* SPDX-License-Identifier: Apache-2.0
 *
 * project.h - projections: which fields of a document a reader gets.
 *
 * Inclusion and exclusion with dotted paths and nested documents, through arrays. Computed fields, positional $, $slice,
 * $elemMatch and $meta are refused (NotImplemented). Thread: one.
 */
#ifndef SIGNALBOX_SIM_PROJECT_H
#define SIGNALBOX_SIM_PROJECT_H

#include <signalbox/sim/fail.h>
#include <signalbox/sim/records.h>
#include <signalbox/sim/write.h>

struct sim_projection;

/* NULL and f->code 0 for {} (everything); NULL and a code after a failure. */
struct sim_projection *sim_projection_new(const uint8_t *spec, struct sim_fail *f);
void sim_projection_free(struct sim_projection *p);

/* Writes what is left of doc into the open document. */
void sim_project(const struct sim_projection *p, const uint8_t *doc, struct sim_w *w);

/* As a document of its own; NULL out of memory. */
struct sim_doc *sim_project_doc(const struct sim_projection *p, const uint8_t *doc);

/* True when only the fields of the given paths are needed: an inclusion. Calls fn with each path, _id among them. */
bool sim_projection_fields(const struct sim_projection *p, bool (*fn)(void *ctx, const char *path), void *ctx);

/* The specification as explain shows it. */
const uint8_t *sim_projection_spec(const struct sim_projection *p);

/* Only top-level inclusion or exclusion: explain calls it PROJECTION_SIMPLE, else PROJECTION_DEFAULT. */
bool sim_projection_is_simple(const struct sim_projection *p);

#endif
