/* SPDX-License-Identifier: Apache-2.0
 *
 * index_retire.h - the Index Optimizer on indexes that nobody needs.
 *
 * Two kinds go: an index whose key begins another one's, with no property that the other lacks, and an index that no member has
 * used for a week or more. What is unique, expires documents, is partial, hashed, of a special kind, hidden, or named by an
 * operation's hint stays, and the reason is said. One index at a time, and it is hidden, not dropped: unhiding is instant, and
 * the card's watch window takes it back when the collection's operations get slower. Pure. Thread: any.
 */
#ifndef SIGNALBOX_AGENTS_INDEX_RETIRE_H
#define SIGNALBOX_AGENTS_INDEX_RETIRE_H

#include <signalbox/agents/index_optimizer.h>

#define SB_HIDE_WINDOW_S 3600 /* for which it is watched at least */

struct sb_retire_question {
    const struct sb_catalogue *catalogues; /* of the collections that are asked about */
    size_t catalogues_n;
    const char *about;                     /* the collection or the database, for a sentence */
    const struct sb_workload *workload;
    const struct sb_history *history;
    int64_t from, now;                     /* what is usual is measured in between, deployment time */
    bool can_hide;                         /* a replica set's member of 4.4 or later */
    char *const *pass_over;                /* collection and index in turn: proposed before and declined */
    size_t pass_over_n;
    const char *wanted;                    /* the index that was named: no other is proposed in its place. NULL: whichever can go */
    /* of the card to be */
    const char *card_id, *case_id, *deployment, *deployment_id, *requested_by;
    int environment;
    bool simulated;
};

/* The card for the one that costs most, and a finding for each other index of which there is something to say. Release it with
 * sb_index_advice_release. -1 out of memory. */
int sb_index_retire(const struct sb_retire_question *q, struct sb_index_advice *out, struct sb_err *err);

#endif
