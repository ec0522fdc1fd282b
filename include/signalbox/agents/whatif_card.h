/* SPDX-License-Identifier: Apache-2.0
 *
 * whatif_card.h - the card that tries another card's index out on a sample.
 *
 * The server copies a random sample of the collection into a scratch collection of the same database ($sample, $out: no document
 * leaves the server), builds there the ordered indexes that the collection has today and then the new one, and the shapes that the
 * card names are explained (executionStats) against it: as the server plans them with the index, and by the plan that they have on
 * the collection itself today (an explain that runs nothing tells it), which is what they do without. Then all is taken away: that is the plan's own undo, done by itself, and found again after a crash. Its load is
 * on the card: documents, bytes, maxTimeMS. Sensitive fields are left out of the copy ($unset); an index on one of them is not tried
 * out, and a shape that asks for one is not explained. Errors: SB_ESTATE with the reason where it cannot be tried out. Thread: none.
 */
#ifndef SIGNALBOX_AGENTS_WHATIF_CARD_H
#define SIGNALBOX_AGENTS_WHATIF_CARD_H

#include <signalbox/agents/catalogue.h>
#include <signalbox/model/card.h>
#include <signalbox/telemetry/shape.h>

#define SB_WHAT_IF_DOCUMENTS 1000
#define SB_WHAT_IF_MAX_TIME_MS 10000 /* of each command */
#define SB_WHAT_IF_INDEXES 8 /* of those that the collection has, which are built on the sample */

struct sb_what_if_question {
    const struct sb_card *card;            /* a create_index card */
    const struct sb_catalogue *catalogue;  /* of its collection, as it is now */
    const json_t *sensitive;               /* names of fields, with * for any characters; NULL: none */
    const char *card_id, *requested_by;    /* of the card to be */
    bool replicated;
    int64_t at;                            /* deployment time */
};

/* Makes the draft. */
int sb_what_if_card(const struct sb_what_if_question *q, struct sb_card *out, struct sb_err *err);

/* The name of its scratch collection. The caller frees it; NULL out of memory. */
char *sb_what_if_scratch(const char *card_id);

/* An explain of one shape (sb_index_explain_command) as one on the scratch collection. hint: the name of the index that it has to
 * use, "$natural": none of them; NULL: what the server chooses. NULL where that cannot be asked. The caller frees it. */
char *sb_what_if_explain(const char *explain, const char *scratch, const char *hint);

/* The same explain, asking for the values of this document where it compares for equality with others (a list: with this one alone):
 * what the example asked for need not be in a sample. NULL: it compares none so, or the document has not what it compares. The caller
 * frees it. A reading of such an example has SB_WHAT_IF_OF_SAMPLE in its note, and is an estimate. */
char *sb_what_if_example(const char *explain, const bson_t *document);
#define SB_WHAT_IF_OF_SAMPLE "asked with the values of a document of the sample"

/* The same explain on the collection itself, which only plans: nothing is run. NULL out of memory. The caller frees it. */
char *sb_what_if_plan(const char *explain);

/* What such a reply says of today's plan: a hint that leads to the same (heap), or NULL with why it cannot be told in words (cap bytes,
 * "": out of memory). */
char *sb_what_if_today(const bson_t *reply, char *why, size_t cap);

/* Documents of the collection that the sample stands for. */
int64_t sb_what_if_all(const struct sb_card *tried);

/* True when the shape asks for a field that is not copied. */
bool sb_what_if_leaves_out(const json_t *sensitive, const struct sb_shape *s);

/* What its readings say of the card it is for: one fact for each, measured on a sample of N of M, with bounds for all M. Appends to a
 * list. -1 out of memory. */
int sb_what_if_evidence(const struct sb_card *tried, struct sb_evidence **list, size_t *n, int64_t at);

#endif
