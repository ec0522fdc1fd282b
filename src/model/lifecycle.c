/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/lifecycle.h>

#include <stdio.h>
#include <string.h>

static const struct {
    bool open;
    const char *help;
} states[SB_STATES] = {
    [SB_DRAFT] = {true, "being written by its author"},
    [SB_PROPOSED] = {true, "complete; policy is being asked"},
    [SB_DENIED] = {false, "policy refused it"},
    [SB_ADVISORY] = {false, "says something and asks for nothing"},
    [SB_AWAITING_APPROVAL] = {true, "policy wants persons to decide"},
    [SB_APPROVED] = {true, "may start as soon as its gate is open"},
    [SB_SCHEDULED] = {true, "approved; waits for its change window"},
    [SB_EXECUTING] = {true, "a step is being carried out"},
    [SB_PAUSED] = {true, "stands between two steps"},
    [SB_WATCHING] = {true, "carried out; its effect is being measured"},
    [SB_DONE] = {false, "carried out and watched"},
    [SB_ROLLING_BACK] = {true, "its undo is being carried out"},
    [SB_ROLLED_BACK] = {false, "undone, and read back"},
    [SB_FAILED] = {true, "a step or the watch failed; a person decides: roll back, or close"},
    [SB_IN_DOUBT] = {true, "a step may or may not have happened; it is being probed"},
    [SB_REJECTED] = {false, "a person refused it, with a reason"},
    [SB_EXPIRED] = {false, "nobody decided, or nothing started, in time"},
    [SB_STALE] = {true, "the facts it rests on have changed; measure it anew or reject it"},
    [SB_SUPERSEDED] = {false, "another card took its place"},
};

static const char *const state_text[SB_STATES] = {
    [SB_DRAFT] = "draft", [SB_PROPOSED] = "proposed", [SB_DENIED] = "denied", [SB_ADVISORY] = "advisory",
    [SB_AWAITING_APPROVAL] = "awaiting_approval", [SB_APPROVED] = "approved", [SB_SCHEDULED] = "scheduled",
    [SB_EXECUTING] = "executing", [SB_PAUSED] = "paused", [SB_WATCHING] = "watching", [SB_DONE] = "done",
    [SB_ROLLING_BACK] = "rolling_back", [SB_ROLLED_BACK] = "rolled_back", [SB_FAILED] = "failed",
    [SB_IN_DOUBT] = "in_doubt", [SB_REJECTED] = "rejected", [SB_EXPIRED] = "expired", [SB_STALE] = "stale",
    [SB_SUPERSEDED] = "superseded",
};
const struct sb_names sb_states = {"state", state_text, SB_STATES};

static const char *const event_text[SB_EVENTS] = {
    [SB_EV_PROPOSE] = "propose", [SB_EV_ADVISE] = "advise", [SB_EV_DENY] = "deny", [SB_EV_REQUIRE] = "require",
    [SB_EV_ALLOW] = "allow", [SB_EV_APPROVE] = "approve", [SB_EV_APPROVED] = "approved", [SB_EV_REJECT] = "reject",
    [SB_EV_EDIT] = "edit", [SB_EV_WAIT] = "wait", [SB_EV_START] = "start", [SB_EV_PAUSE] = "pause",
    [SB_EV_RESUME] = "resume", [SB_EV_STOP] = "stop", [SB_EV_STEPS_DONE] = "steps_done",
    [SB_EV_STEP_FAILED] = "step_failed", [SB_EV_LOST] = "lost", [SB_EV_PROBED_FORWARD] = "probed_forward",
    [SB_EV_PROBED_BACK] = "probed_back", [SB_EV_WATCH_PASS] = "watch_pass", [SB_EV_WATCH_FAIL] = "watch_fail",
    [SB_EV_WATCH_INCONCLUSIVE] = "watch_inconclusive", [SB_EV_ROLLBACK] = "rollback",
    [SB_EV_ROLLBACK_DONE] = "rollback_done", [SB_EV_ROLLBACK_FAILED] = "rollback_failed", [SB_EV_DRIFT] = "drift",
    [SB_EV_REFRESH] = "refresh", [SB_EV_EXPIRE] = "expire", [SB_EV_SUPERSEDE] = "supersede", [SB_EV_CLOSE] = "close",
    [SB_EV_BREAK_GLASS] = "break_glass",
};
const struct sb_names sb_events = {"event", event_text, SB_EVENTS};

const struct sb_transition sb_lifecycle_rows[] = {
    {SB_DRAFT, SB_EV_PROPOSE, SB_PROPOSED, SB_DO_GATE},
    {SB_DRAFT, SB_EV_ADVISE, SB_ADVISORY, SB_DO_END},
    {SB_DRAFT, SB_EV_SUPERSEDE, SB_SUPERSEDED, SB_DO_END},

    {SB_PROPOSED, SB_EV_DENY, SB_DENIED, SB_DO_END},
    {SB_PROPOSED, SB_EV_REQUIRE, SB_AWAITING_APPROVAL, 0},
    {SB_PROPOSED, SB_EV_ALLOW, SB_APPROVED, 0},
    {SB_PROPOSED, SB_EV_REJECT, SB_REJECTED, SB_DO_END},
    {SB_PROPOSED, SB_EV_SUPERSEDE, SB_SUPERSEDED, SB_DO_END},
    {SB_PROPOSED, SB_EV_EXPIRE, SB_EXPIRED, SB_DO_END},

    {SB_DENIED, SB_EV_BREAK_GLASS, SB_PROPOSED, SB_DO_GATE},

    {SB_AWAITING_APPROVAL, SB_EV_APPROVE, SB_AWAITING_APPROVAL, 0},
    {SB_AWAITING_APPROVAL, SB_EV_APPROVED, SB_APPROVED, 0},
    {SB_AWAITING_APPROVAL, SB_EV_REJECT, SB_REJECTED, SB_DO_VOID | SB_DO_END},
    {SB_AWAITING_APPROVAL, SB_EV_EDIT, SB_PROPOSED, SB_DO_VOID | SB_DO_GATE},
    {SB_AWAITING_APPROVAL, SB_EV_DRIFT, SB_STALE, SB_DO_VOID},
    {SB_AWAITING_APPROVAL, SB_EV_DENY, SB_DENIED, SB_DO_VOID | SB_DO_END},
    {SB_AWAITING_APPROVAL, SB_EV_EXPIRE, SB_EXPIRED, SB_DO_VOID | SB_DO_END},
    {SB_AWAITING_APPROVAL, SB_EV_SUPERSEDE, SB_SUPERSEDED, SB_DO_VOID | SB_DO_END},

    {SB_APPROVED, SB_EV_START, SB_EXECUTING, SB_DO_RUN},
    {SB_APPROVED, SB_EV_WAIT, SB_SCHEDULED, 0},
    {SB_APPROVED, SB_EV_REJECT, SB_REJECTED, SB_DO_VOID | SB_DO_END},
    {SB_APPROVED, SB_EV_EDIT, SB_PROPOSED, SB_DO_VOID | SB_DO_GATE},
    {SB_APPROVED, SB_EV_DRIFT, SB_STALE, SB_DO_VOID},
    {SB_APPROVED, SB_EV_DENY, SB_DENIED, SB_DO_VOID | SB_DO_END},
    {SB_APPROVED, SB_EV_REQUIRE, SB_AWAITING_APPROVAL, 0},
    {SB_APPROVED, SB_EV_EXPIRE, SB_EXPIRED, SB_DO_VOID | SB_DO_END},
    {SB_APPROVED, SB_EV_SUPERSEDE, SB_SUPERSEDED, SB_DO_VOID | SB_DO_END},

    {SB_SCHEDULED, SB_EV_START, SB_EXECUTING, SB_DO_RUN},
    {SB_SCHEDULED, SB_EV_WAIT, SB_SCHEDULED, 0},
    {SB_SCHEDULED, SB_EV_REJECT, SB_REJECTED, SB_DO_VOID | SB_DO_END},
    {SB_SCHEDULED, SB_EV_EDIT, SB_PROPOSED, SB_DO_VOID | SB_DO_GATE},
    {SB_SCHEDULED, SB_EV_DRIFT, SB_STALE, SB_DO_VOID},
    {SB_SCHEDULED, SB_EV_DENY, SB_DENIED, SB_DO_VOID | SB_DO_END},
    {SB_SCHEDULED, SB_EV_REQUIRE, SB_AWAITING_APPROVAL, 0},
    {SB_SCHEDULED, SB_EV_EXPIRE, SB_EXPIRED, SB_DO_VOID | SB_DO_END},
    {SB_SCHEDULED, SB_EV_SUPERSEDE, SB_SUPERSEDED, SB_DO_VOID | SB_DO_END},

    {SB_EXECUTING, SB_EV_STEPS_DONE, SB_WATCHING, SB_DO_WATCH},
    {SB_EXECUTING, SB_EV_STEP_FAILED, SB_FAILED, SB_DO_HOLD},
    {SB_EXECUTING, SB_EV_PAUSE, SB_PAUSED, SB_DO_HOLD},
    {SB_EXECUTING, SB_EV_STOP, SB_FAILED, SB_DO_HOLD | SB_DO_ABORT},
    {SB_EXECUTING, SB_EV_ROLLBACK, SB_ROLLING_BACK, SB_DO_ABORT | SB_DO_UNDO},
    {SB_EXECUTING, SB_EV_LOST, SB_IN_DOUBT, SB_DO_PROBE},

    {SB_PAUSED, SB_EV_RESUME, SB_EXECUTING, SB_DO_RUN},
    {SB_PAUSED, SB_EV_STEPS_DONE, SB_WATCHING, SB_DO_WATCH},
    {SB_PAUSED, SB_EV_STEP_FAILED, SB_FAILED, SB_DO_HOLD},
    {SB_PAUSED, SB_EV_STOP, SB_FAILED, SB_DO_HOLD | SB_DO_ABORT},
    {SB_PAUSED, SB_EV_ROLLBACK, SB_ROLLING_BACK, SB_DO_ABORT | SB_DO_UNDO},
    {SB_PAUSED, SB_EV_LOST, SB_IN_DOUBT, SB_DO_PROBE},

    {SB_WATCHING, SB_EV_WATCH_PASS, SB_DONE, SB_DO_END},
    {SB_WATCHING, SB_EV_WATCH_INCONCLUSIVE, SB_DONE, SB_DO_END},
    {SB_WATCHING, SB_EV_WATCH_FAIL, SB_FAILED, 0},
    {SB_WATCHING, SB_EV_ROLLBACK, SB_ROLLING_BACK, SB_DO_UNDO},

    {SB_DONE, SB_EV_ROLLBACK, SB_ROLLING_BACK, SB_DO_UNDO},

    {SB_ROLLING_BACK, SB_EV_ROLLBACK_DONE, SB_ROLLED_BACK, SB_DO_END},
    {SB_ROLLING_BACK, SB_EV_ROLLBACK_FAILED, SB_FAILED, SB_DO_HOLD},
    {SB_ROLLING_BACK, SB_EV_LOST, SB_IN_DOUBT, SB_DO_PROBE},

    {SB_FAILED, SB_EV_ROLLBACK, SB_ROLLING_BACK, SB_DO_UNDO},
    {SB_FAILED, SB_EV_CLOSE, SB_FAILED, SB_DO_END},

    {SB_IN_DOUBT, SB_EV_PROBED_FORWARD, SB_EXECUTING, SB_DO_RUN},
    {SB_IN_DOUBT, SB_EV_PROBED_BACK, SB_ROLLING_BACK, SB_DO_UNDO},
    {SB_IN_DOUBT, SB_EV_STEP_FAILED, SB_FAILED, SB_DO_HOLD},
    {SB_IN_DOUBT, SB_EV_STOP, SB_FAILED, SB_DO_HOLD | SB_DO_ABORT},
    {SB_IN_DOUBT, SB_EV_ROLLBACK, SB_ROLLING_BACK, SB_DO_UNDO},

    {SB_STALE, SB_EV_REFRESH, SB_PROPOSED, SB_DO_GATE},
    {SB_STALE, SB_EV_EDIT, SB_PROPOSED, SB_DO_GATE},
    {SB_STALE, SB_EV_REJECT, SB_REJECTED, SB_DO_END},
    {SB_STALE, SB_EV_EXPIRE, SB_EXPIRED, SB_DO_END},
    {SB_STALE, SB_EV_SUPERSEDE, SB_SUPERSEDED, SB_DO_END},
};
const size_t sb_lifecycle_rows_n = SB_COUNT(sb_lifecycle_rows);

const struct sb_transition *sb_lifecycle_next(enum sb_state from, enum sb_event event)
{
    for (size_t i = 0; i < sb_lifecycle_rows_n; i++)
        if (sb_lifecycle_rows[i].from == from && sb_lifecycle_rows[i].event == event)
            return &sb_lifecycle_rows[i];
    return NULL;
}

void sb_lifecycle_reason(char *out, size_t cap, enum sb_state from, enum sb_event event)
{
    static const char *const done_to[SB_EVENTS] = {
        [SB_EV_APPROVE] = "be approved", [SB_EV_APPROVED] = "be approved", [SB_EV_REJECT] = "be rejected",
        [SB_EV_EDIT] = "be edited", [SB_EV_START] = "be started", [SB_EV_PAUSE] = "be paused",
        [SB_EV_RESUME] = "be resumed", [SB_EV_STOP] = "be stopped", [SB_EV_ROLLBACK] = "be rolled back",
        [SB_EV_REFRESH] = "be measured anew", [SB_EV_CLOSE] = "be closed", [SB_EV_EXPIRE] = "expire",
    };
    char state[32];
    snprintf(state, sizeof state, "%s", sb_name(&sb_states, (int)from));
    for (char *p = state; *p; p++)
        if (*p == '_')
            *p = ' ';
    const char *verb = event < SB_EVENTS ? done_to[event] : NULL;
    if (verb)
        snprintf(out, cap, "a card that is %s cannot %s", state, verb);
    else
        snprintf(out, cap, "nothing follows %s on a card that is %s", sb_name(&sb_events, (int)event), state);
}

bool sb_state_open(enum sb_state s)
{
    return s < SB_STATES && states[s].open;
}

const char *sb_state_help(enum sb_state s)
{
    return s < SB_STATES ? states[s].help : "?";
}
