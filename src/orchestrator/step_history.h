/* SPDX-License-Identifier: Apache-2.0
 *
 * What the record says of a card's steps: where its plan stands, and what is not known of it. */
#ifndef SIGNALBOX_ORCHESTRATOR_STEP_HISTORY_H
#define SIGNALBOX_ORCHESTRATOR_STEP_HISTORY_H

#include "private.h"

enum outcome { NO_OUTCOME, OUTCOME_UNKNOWN, OUTCOME_OK, OUTCOME_FAILED };

/* One direction: the last command that was sent, and what became of it. */
struct sent_last {
    int64_t step;        /* 0: nothing was sent */
    int64_t tries;
    enum outcome outcome;
    bool recovered;      /* the outcome was found by looking */
    bool batch;          /* one of many of its step: it is sent again rather than doubted, for it fits only what is not changed yet */
    int64_t beside[SB_TURN_BATCHES]; /* the tries of those that went out with it and have no outcome */
    size_t beside_n;
    bool verified;
    char why[256];       /* a failure's words */
};

struct history {
    const struct sb_card *card;
    int64_t started;     /* highest forward step with an intent */
    int64_t verified;    /* forward steps verified, counted from 1 */
    int64_t undone;      /* undo steps verified since the roll back was decided */
    struct sent_last forward, back;
    int64_t undo_tries;
    bool last_back;      /* the newest intent was an undo's */
    bool hiding;         /* the newest undo was the gentler one */
    bool stopped;        /* the card is stopped, and its running step is to be aborted */
};

/* Reads it from the ledger. card must outlive h. */
int sb_o_step_history(struct sb_orchestrator *o, const struct sb_card *card, struct history *h, struct sb_err *err);

/* True while it is not known whether the command happened. */
bool sb_sent_in_doubt(const struct sent_last *s);

/* It was answered, and not read back. */
bool sb_sent_unverified(const struct sent_last *s);

/* The server refused it. What a probe found undone is another thing: that is sent again. */
bool sb_sent_refused(const struct sent_last *s);

#endif
