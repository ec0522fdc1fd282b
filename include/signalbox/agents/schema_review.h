/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_review.h - "review the schema of shop.orders": what the documents of a live collection look like and what is worth a
 * word about them, in a short text and as evidence.
 *
 * Read is a sample of at most SB_REVIEW_SAMPLE documents (schema_read.h), the list of its indexes, and how many collections
 * there are. No value of a document is in the text or the evidence, only names, types and figures. Blocks. Thread: one owner.
 */
#ifndef SIGNALBOX_AGENTS_SCHEMA_REVIEW_H
#define SIGNALBOX_AGENTS_SCHEMA_REVIEW_H

#include <signalbox/agents/schema_read.h>
#include <signalbox/model/evidence.h>
#include <signalbox/model/schema_look.h>

#define SB_REVIEW_SAMPLE 1000
#define SB_REVIEW_FINDINGS 50 /* that become a fact each; the others are counted in one */

struct sb_schema_said {
    char *text;
    struct sb_evidence *evidence;
    size_t evidence_n;
    struct sb_reads reads; /* also after a failure */
    struct sb_schema_look look; /* the same for a screen; ns NULL: there is none */
};

/* taken_at: deployment time, of the evidence. Errors as of sb_schema_read. */
int sb_schema_review(const struct sb_server *server, const char *ns, int64_t taken_at, struct sb_schema_said *out, struct sb_err *err);

/* What it says of an inference that is finished and looked at. Pure. */
int sb_schema_tell(const struct sb_infer *in, const struct sb_schema_findings *findings, const char *ns, const struct sb_schema_coverage *cover, int64_t taken_at,
                   struct sb_schema_said *out, struct sb_err *err);
void sb_schema_said_release(struct sb_schema_said *said);

#endif
