/* SPDX-License-Identifier: Apache-2.0
 *
 * kill_card.h - the card that ends one operation of a client.
 *
 * What is ended is named by member, number, connection and session; all four are read again before it is sent, and what they then
 * belong to is judged again (live_ops.h). The command carries its member as "$member", which no server is sent. There is no undo.
 * Reading blocks: worker threads only; sb_kill_card is pure.
 */
#ifndef SIGNALBOX_AGENTS_KILL_CARD_H
#define SIGNALBOX_AGENTS_KILL_CARD_H

#include <signalbox/agents/live_ops.h>
#include <signalbox/model/card.h>

struct sb_kill_question {
    const struct sb_op *op;
    const struct sb_op *waiting; /* those that wait for it */
    size_t waiting_n;
    const char *card_id, *case_id, *deployment, *deployment_id, *requested_by;
    int environment;
    bool simulated;
    int64_t at; /* deployment time of the reading */
};

/* Makes the draft. SB_ENO when it is not ended from here, with the reason. */
int sb_kill_card(const struct sb_kill_question *q, struct sb_card *card, struct sb_err *err);

/* What a check op_running or op_gone is about: the operation that its value says. -1: it says none. */
struct sb_kill_of {
    char opid[64], connection[32], session[33];
};
int sb_kill_of(const char *value, struct sb_kill_of *out);

/* 1: it is this very operation; 0: the number is another's by now. */
bool sb_kill_is(const struct sb_kill_of *of, const struct sb_op *op);

#endif
