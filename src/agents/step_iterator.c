/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/agents/step_iterator.h>

#include "step_iterator_kinds.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    const char *how;
    int (*next)(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err);
} kinds[] = {
    {"batches", sb_next_batch},
    {"both_written", sb_next_look},
    {"unwritten", sb_next_look},
    {"retyped", sb_next_look},
    {"validated", sb_next_look},
    {"pair_written", sb_next_pair},
    {"extracted", sb_next_extracted},
    {"set_with", sb_next_look},
    {"embedded", sb_next_extracted},
    {"renamed", sb_next_look},
    {"series_written", sb_next_series_written},
    {"series_held", sb_next_series_held},
};

bool sb_step_iterates(const struct sb_step *s)
{
    return s->work.how != NULL;
}

int sb_step_next(const struct sb_server *server, const struct sb_turn_question *q, struct sb_turn_answer *out, struct sb_err *err)
{
    *out = (struct sb_turn_answer){.next = q->place};
    out->next.at = out->next.end = NULL;
    if (sb_str_set(&out->next.at, q->place.at) || sb_str_set(&out->next.end, q->place.end)) {
        sb_turn_answer_release(out);
        return sb_fail_nomem(err);
    }
    for (size_t i = 0; i < SB_COUNT(kinds); i++) {
        if (!sb_streq(q->step->work.how, kinds[i].how))
            continue;
        if (kinds[i].next(server, q, out, err) == 0)
            return 0;
        sb_turn_answer_release(out);
        return -1;
    }
    out->turn = SB_TURN_FAILED;
    snprintf(out->why, sizeof out->why, "this version does not know how \"%.60s\" is done", q->step->work.how);
    return 0;
}

void sb_turn_answer_release(struct sb_turn_answer *a)
{
    for (size_t i = 0; i < a->batches; i++) {
        free(a->batch[i].command);
        free(a->batch[i].to.at);
    }
    free(a->next.at);
    free(a->next.end);
    memset(a, 0, sizeof *a);
}
