/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_look.h - an inference as a screen shows it, and what is different from the one before. Pure. Thread: any. */
#ifndef SIGNALBOX_AGENTS_SCHEMA_LOOK_H
#define SIGNALBOX_AGENTS_SCHEMA_LOOK_H

#include <signalbox/agents/data_architect.h>
#include <signalbox/model/schema_look.h>

/* From a finished inference and what was found in it. documents: -1 not told; coverage: in words. Release it with its schema, also
 * after a failure. */
int sb_schema_look_make(const struct sb_infer *in, const struct sb_schema_findings *findings, const char *ns, int64_t at, int64_t documents, const char *coverage, struct sb_schema_look *out,
                        struct sb_err *err);

/* Notes in `now` what is different from the look before: fields that came or went, types that came or went, presence that has moved
 * by more than both samples explain. What a sample can have missed by chance is said to be unsure. */
int sb_schema_look_compare(const struct sb_schema_look *before, struct sb_schema_look *now, struct sb_err *err);

#endif
