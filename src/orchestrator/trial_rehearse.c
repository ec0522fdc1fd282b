/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

#include <signalbox/agents/step_iterator.h>

#define TURNS 200 /* of a sample's batches and sweeps; what takes more ends here, and that is told */

/* One turn: 1 there is another one, 0 it has ended, -1. */
static int turn(const struct rehearsing *w, const struct sb_step *s, struct sb_place *place, struct sb_rehearsal *r, struct sb_err *err)
{
    struct sb_turn_question q = {.step = s, .ns = w->ns, .docs = s->work.docs, .at_once = 1, .place = *place};
    struct sb_turn_answer a;
    int64_t micros = 0, changed = 0;
    if (sb_step_next(w->target, &q, &a, err))
        return -1;
    bool sends = a.turn == SB_TURN_SEND, goes_on = sends || a.turn == SB_TURN_WAIT;
    const struct sb_place *next = sends ? &a.batch[0].to : &a.next;
    int rc = sends ? w->send(w->ctx, a.batch[0].command, &micros, &changed, err) : 0;
    if (rc == 0 && sends)
        sb_rehearsal_add(r, micros, changed);
    if (rc == 0 && !goes_on) {
        r->whole = a.turn == SB_TURN_DONE;
        snprintf(r->why, sizeof r->why, "%s", a.why);
    }
    free(place->at);
    *place = *next;
    place->end = NULL; /* a sample does not grow */
    place->at = next->at ? sb_format("%s", next->at) : NULL;
    if (rc == 0 && next->at && !place->at)
        rc = sb_fail_nomem(err);
    sb_turn_answer_release(&a);
    return rc ? -1 : goes_on;
}

int sb_o_rehearse(const struct rehearsing *w, const struct sb_step *s, struct sb_rehearsal *r, struct sb_err *err)
{
    struct sb_place place = {.pass = 1};
    int more = 1;
    r->batch = s->work.docs;
    for (int i = 0; i < TURNS && more > 0; i++)
        more = turn(w, s, &place, r, err);
    free(place.at);
    if (more > 0) {
        r->whole = false;
        snprintf(r->why, sizeof r->why, "it was not over after %d turns", TURNS);
    }
    return more < 0 ? -1 : sb_rehearsal_count_left(w->conn, w->ns, s->action, r, err);
}
