/* SPDX-License-Identifier: Apache-2.0
 *
 * The repair of documents that break a validator, as phases of its plan: a card for each class of offence. A value of a wrong type is
 * converted where it converts; a field that is missing gets an empty value of its type; what neither helps is set aside: the value goes
 * into a collection beside, and the field with it. Each keeps what was there first. What cannot be mended so is told. */
#ifndef SB_AGENTS_SCHEMA_REPAIR_H
#define SB_AGENTS_SCHEMA_REPAIR_H

#include "schema_change_private.h"

#include <signalbox/agents/schema_validate.h>
#include <signalbox/agents/schema_validator.h>

struct repair {
    struct sb_change_question q; /* field, type, value and only are its own */
    struct change_facts f;
};

struct repairs {
    struct repair item[SB_VALIDATE_REPAIRS];
    size_t n;
    struct sb_str asks; /* what has no card, and why */
};

/* Looks which there can be; reads, with bounds. live: what the collection has. Release it in any case. */
int sb_repairs_find(const struct sb_server *server, const struct sb_change_question *q, const struct sb_validator *proposed, const struct sb_validator_live *live, struct repairs *out, struct sb_reads *reads,
                    struct sb_err *err);
void sb_repairs_release(struct repairs *r);

/* Card `at` of a plan of so many phases. */
int sb_repair_plan(const struct repair *r, size_t at, size_t phases, struct sb_card *card);

#endif
