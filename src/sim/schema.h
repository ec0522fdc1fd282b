/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.h - $jsonSchema: whether a document satisfies one, and which of its rules it breaks.
 *
 * The keywords of MongoDB 5.0 but patternProperties and dependencies, which are refused. A schema is read where it lies,
 * each time; regular expressions are compiled on use. Depth is bounded by what sim_valid lets in. Thread: one. */
#ifndef SIGNALBOX_SIM_SCHEMA_H
#define SIGNALBOX_SIM_SCHEMA_H

#include <signalbox/sim/fail.h>
#include <signalbox/sim/write.h>

/* 0, or -1 with the server's error. */
int sim_schema_check(struct sim_val schema, struct sim_fail *f);

bool sim_schema_match(const uint8_t *schema, struct sim_val v);

/* The rules that are broken, as objects of the open array (errInfo's schemaRulesNotSatisfied). */
void sim_schema_explain(const uint8_t *schema, struct sim_val v, struct sim_w *w);

#endif
