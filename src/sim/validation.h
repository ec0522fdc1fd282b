/* SPDX-License-Identifier: Apache-2.0
 *
 * validation.h - whether a collection's validator lets a document in. */
#ifndef SIGNALBOX_SIM_VALIDATION_H
#define SIGNALBOX_SIM_VALIDATION_H

#include <signalbox/sim/dispatch.h>

/* old: the document before an update, NULL for an insert. -1: DocumentValidationFailure with errInfo. A validator that only
 * warns writes its line to the log. */
int sim_validate_document(struct sim_call *c, const struct sim_coll *coll, const uint8_t *old, const uint8_t *doc, struct sim_fail *f);

#endif
