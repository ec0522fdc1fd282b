/* SPDX-License-Identifier: Apache-2.0 */
#include "step_history.h"

#include <string.h>

static void take_state(struct history *h, const struct sb_entry *e)
{
    const char *from = sb_json_str(e->body, "from"), *event = sb_json_str(e->body, "event");
    bool running = sb_streq(from, sb_name(&sb_states, SB_EXECUTING)) || sb_streq(from, sb_name(&sb_states, SB_PAUSED));
    h->stopped = running && sb_streq(event, sb_name(&sb_events, SB_EV_STOP));
    if (sb_streq(event, sb_name(&sb_events, SB_EV_ROLLBACK)) || h->stopped) {
        h->undone = 0;
        h->back = (struct sent_last){0};
    }
}

static void take_intent(struct history *h, const struct sb_entry *e, bool undo, int64_t step)
{
    struct sent_last *s = undo ? &h->back : &h->forward, was = *s;
    *s = (struct sent_last){.step = step, .tries = sb_json_int(e->body, "try"), .batch = sb_json_int(e->body, "batch") > 0};
    if (sb_json_int(e->body, "beside") > 0) { /* those before it are away still */
        memcpy(s->beside, was.beside, sizeof s->beside);
        s->beside_n = was.beside_n;
        if (was.outcome == NO_OUTCOME && s->beside_n < SB_COUNT(s->beside))
            s->beside[s->beside_n++] = was.tries;
    }
    h->last_back = undo;
    if (undo) {
        h->undo_tries = s->tries > h->undo_tries ? s->tries : h->undo_tries;
        h->hiding = step >= 1 && (size_t)step <= h->card->steps_n && h->card->steps[step - 1].hide &&
                    sb_streq(sb_json_str(e->body, "command"), h->card->steps[step - 1].hide);
    } else if (step > h->started) {
        h->started = step;
    }
}

static void take_result(struct sent_last *s, const struct sb_entry *e)
{
    static const char *const names[] = {[OUTCOME_UNKNOWN] = "unknown", [OUTCOME_OK] = "ok", [OUTCOME_FAILED] = "failed"};
    const char *message = sb_json_str(e->body, "message"), *outcome = sb_json_str(e->body, "outcome");
    for (int i = OUTCOME_UNKNOWN; i <= OUTCOME_FAILED; i++)
        if (sb_streq(outcome, names[i]))
            s->outcome = (enum outcome)i;
    s->recovered = json_is_true(json_object_get(e->body, "recovered"));
    snprintf(s->why, sizeof s->why, "%s", message ? message : "the server refused it");
}

/* One that went out with the newest. */
static void take_result_beside(struct sent_last *s, int64_t tries)
{
    size_t kept = 0;
    for (size_t i = 0; i < s->beside_n; i++)
        if (s->beside[i] != tries)
            s->beside[kept++] = s->beside[i];
    s->beside_n = kept;
}

static int take_entry(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct history *h = ctx;
    (void)bytes;
    (void)n;
    (void)err;
    int64_t step = sb_json_int(e->body, "step");
    bool undo = json_is_true(json_object_get(e->body, "undo"));
    struct sent_last *s = undo ? &h->back : &h->forward;
    switch (e->kind) {
    case SB_ENTRY_STATE:
        take_state(h, e);
        break;
    case SB_ENTRY_STEP_INTENT:
        take_intent(h, e, undo, step);
        break;
    case SB_ENTRY_STEP_RESULT:
        if (step == s->step && sb_json_int(e->body, "try") == s->tries)
            take_result(s, e);
        else if (step == s->step)
            take_result_beside(s, sb_json_int(e->body, "try"));
        break;
    case SB_ENTRY_STEP_VERIFIED:
        if (json_is_true(json_object_get(e->body, "ok"))) {
            s->verified = true;
            h->undone += undo;
            h->verified = undo ? h->verified : step;
        }
        break;
    default:
        break;
    }
    return 0;
}

int sb_o_step_history(struct sb_orchestrator *o, const struct sb_card *card, struct history *h, struct sb_err *err)
{
    memset(h, 0, sizeof *h);
    h->card = card;
    return sb_ledger_by_ref(o->ledger, card->id, take_entry, h, err);
}

bool sb_sent_in_doubt(const struct sent_last *s)
{
    return s->step && !s->verified && !s->batch && (s->outcome == NO_OUTCOME || s->outcome == OUTCOME_UNKNOWN);
}

bool sb_sent_unverified(const struct sent_last *s)
{
    return s->step && !s->verified && !s->batch && s->outcome == OUTCOME_OK;
}

bool sb_sent_refused(const struct sent_last *s)
{
    return s->step && !s->verified && s->outcome == OUTCOME_FAILED && !s->recovered;
}
