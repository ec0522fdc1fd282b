/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_validate.h - a validator for a live collection: what it would be, who breaks it, and the plan that brings it in.
 *
 * Proposed is what nearly all documents of a sample do (schema_validator.h); what the collection's own validator says, where it only
 * warns, stays part of it. A dry run counts who breaks it and writes nothing. The plan is three cards and the repairs, each after the one before it:
 *
 *   warn      level moderate, action warn: the log tells, nothing is refused
 *   watch     the documents that applications write are held against it, until none has broken it for a while (measured)
 *   repair    a card for each class of documents that break it (at most SB_VALIDATE_REPAIRS): values of a wrong type are converted, a
 *             field that is missing gets an empty value, what neither helps is set aside; what was there is kept for the way back
 *   enforce   level strict, action error: only when no document breaks it (measured); a person decides it
 *
 * Each way back sets the validator, level and action that stood there. Nothing is changed here. Blocks. Thread: any worker. */
#ifndef SIGNALBOX_AGENTS_SCHEMA_VALIDATE_H
#define SIGNALBOX_AGENTS_SCHEMA_VALIDATE_H

#include <signalbox/agents/schema_change.h>

#define SB_VALIDATE_REPAIRS 4
#define SB_VALIDATE_CARDS (3 + SB_VALIDATE_REPAIRS) /* at most */

/* Of q the members about the collection, the case and the cards count. cannot: NULL: cards are wanted; "": only a look is; else why
 * there can be none here, which is told. out->text is filled in, and the cards where there is a plan. Release it in any case. */
int sb_validator_plan(const struct sb_server *server, const struct sb_change_question *q, const char *cannot, struct sb_change_plan *out, struct sb_err *err);

#endif
