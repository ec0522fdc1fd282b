/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of a change request know of each other. */
#ifndef SB_AGENTS_SCHEMA_CHANGE_PRIVATE_H
#define SB_AGENTS_SCHEMA_CHANGE_PRIVATE_H

#include <bson/bson.h>
#include <signalbox/agents/schema_change.h>

/* What was found about the collection that the change is for. */
struct change_facts {
    char db[64], coll[192], uuid[33];
    int64_t documents, bytes;
    struct sb_evidence *evidence;
    size_t evidence_n;
    char *indexes; /* names of those on the field, with commas; NULL: none */
    bool validated; /* the collection has a validator */
};
void sb_change_facts_release(struct change_facts *f);

/* Refuses what can be seen to be wrong without a server: the names. */
int sb_change_names(const struct sb_change_question *q, struct sb_err *err);

/* Reads, and refuses what the servers show to be wrong. */
int sb_change_look(const struct sb_server *server, const struct sb_change_question *q, struct change_facts *f, struct sb_reads *reads, struct sb_err *err);

/* The filter of the documents that the change still has to come to: those that the plan's batches fit. The caller destroys it. */
bson_t *sb_change_left(const struct sb_change_question *q);

/* Code for an application, in this phase (from 0) of the plan. -1 out of memory. */
int sb_change_code(const struct sb_change_question *q, size_t phase, struct sb_card *card);

#endif
