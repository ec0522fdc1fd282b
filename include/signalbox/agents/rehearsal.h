/* SPDX-License-Identifier: Apache-2.0
 *
 * rehearsal.h - a change of documents, rehearsed on a sample.
 *
 * The server copies a random sample of the collection into a scratch collection (as for an index, whatif_card.h), builds today's
 * indexes on it, and the card's own updates run there in batches, by the iterator and with the commands that they will have; only the
 * collection's name is another one. What was measured says how long it takes a document and which documents the change cannot come
 * to; what follows for all documents is an estimate and is called one. What a plan keeps beside before it changes anything is not
 * rehearsed, and that is said. Nothing here writes. Errors: SB_ESTATE with the reason where it cannot be rehearsed. */
#ifndef SIGNALBOX_AGENTS_REHEARSAL_H
#define SIGNALBOX_AGENTS_REHEARSAL_H

#include <signalbox/agents/schema_validator.h>
#include <signalbox/agents/whatif_card.h>

struct sb_rehearsal {
    int64_t batch;                      /* documents in one command, at most */
    int64_t commands, changed, micros;  /* of the updates, and how long they took, there and back */
    int64_t fastest_ns, slowest_ns;     /* a changed document, by command; 0: none was changed */
    int64_t sample, all_here;           /* documents: copied; in the collection that the card is for */
    struct sb_dry_run left;             /* documents of the sample that the change did not come to */
    char why[256];                      /* the iterator's word about the end */
    bool whole;                         /* it came to its end */
};
void sb_rehearsal_release(struct sb_rehearsal *r);

/* Does the card change documents in batches? Pure. */
bool sb_rehearsable(const struct sb_card *c);

/* The draft of what is done (kind SB_KIND_WHAT_IF, sealed): the copy, the indexes, and the card's updates on it. Release it. Thread:
 * none. */
int sb_rehearsal_card(const struct sb_what_if_question *q, struct sb_card *out, struct sb_err *err);

/* The commands of a step that took so long and changed so many. */
void sb_rehearsal_add(struct sb_rehearsal *r, int64_t micros, int64_t changed);

/* Counts what an update left behind, in the collection `ns` of so many documents. Blocks. */
int sb_rehearsal_count_left(struct sb_conn *conn, const char *ns, const char *update, struct sb_rehearsal *r, struct sb_err *err);

/* What was found out, as evidence for the card; source: trial and place. -1: out of memory. */
int sb_rehearsal_evidence(const struct sb_card *card, const struct sb_rehearsal *r, const char *source, struct sb_evidence **list, size_t *n, int64_t at);

#endif
