/* SPDX-License-Identifier: Apache-2.0
 *
 * index_drop.h - the Index Optimizer on the last of hide, watch, drop: the card that drops an index which another card has hidden,
 * when that one's watch window has passed.
 *
 * The card comes after the one that hid it. Its undo is the command that makes the index anew, hidden, from the specification that the
 * server gave. Right before it is sent the index has to be hidden still, on the same key, and no member may have counted a use of it
 * since the card was written, or lost count by a restart. Where an earlier such card came to nothing, an index that was used since that
 * one was written is not dropped any more. Pure. Thread: any.
 */
#ifndef SIGNALBOX_AGENTS_INDEX_DROP_H
#define SIGNALBOX_AGENTS_INDEX_DROP_H

#include <signalbox/agents/index_optimizer.h>

#define SB_DROP_WINDOW_S 300 /* for which it is watched at least */

struct sb_drop_question {
    const struct sb_card *hidden;         /* the card that hid it */
    const struct sb_card *before;         /* the last one that was to drop it; NULL: there was none */
    const struct sb_catalogue *catalogue; /* of its collection, as it is now */
    const struct sb_workload *workload;
    const struct sb_history *history;
    int64_t from, now;                    /* what is usual is measured in between, deployment time */
    bool replicated;
    const char *card_id;                  /* of the card to be */
};

/* YES: the draft, which the caller releases; else why (cap bytes) says the reason: of NOT_NOW one that may pass. -1 out of memory. */
enum sb_drop_word { SB_DROP_NOT_NOW, SB_DROP_YES, SB_DROP_NEVER };
int sb_index_drop(const struct sb_drop_question *q, struct sb_card *out, char *why, size_t cap, struct sb_err *err);

#endif
