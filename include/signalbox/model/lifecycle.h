/* SPDX-License-Identifier: Apache-2.0
 *
 * lifecycle.h - the life of a card as one table: state x event -> state, effects.
 *
 * Pure: the table says what may follow what and what has to be done then; the orchestrator does it, after it is on the
 * record. A pair that is not in the table changes nothing and has a reason that can be shown. The help prints the table.
 */
#ifndef SIGNALBOX_MODEL_LIFECYCLE_H
#define SIGNALBOX_MODEL_LIFECYCLE_H

#include <signalbox/model/names.h>

enum sb_state {
    SB_DRAFT,             /* being written by its author */
    SB_PROPOSED,          /* complete; policy is asked */
    SB_DENIED,            /* policy refused it */
    SB_ADVISORY,          /* says something, asks for nothing */
    SB_AWAITING_APPROVAL, /* policy wants persons to decide */
    SB_APPROVED,          /* may start as soon as its gate is open */
    SB_SCHEDULED,         /* approved; waits for its window */
    SB_EXECUTING,         /* a step is being carried out */
    SB_PAUSED,            /* stopped between two steps by a person or a limit */
    SB_WATCHING,          /* carried out; its effect is being measured */
    SB_DONE,              /* carried out and watched */
    SB_ROLLING_BACK,      /* its undo is being carried out */
    SB_ROLLED_BACK,       /* undone and read back */
    SB_FAILED,            /* a step or the watch failed; a person decides */
    SB_IN_DOUBT,          /* a step may or may not have happened; it is being probed */
    SB_REJECTED,          /* a person refused it, with a reason */
    SB_EXPIRED,           /* nobody decided, or nothing started, in time */
    SB_STALE,             /* the facts it rests on have changed */
    SB_SUPERSEDED,        /* another card took its place */
    SB_STATES
};
extern const struct sb_names sb_states;

enum sb_event {
    SB_EV_PROPOSE,        /* the author hands it over */
    SB_EV_ADVISE,         /* it holds no commands */
    SB_EV_DENY,           /* policy: deny */
    SB_EV_REQUIRE,        /* policy: require approvals */
    SB_EV_ALLOW,          /* policy: allow by itself */
    SB_EV_APPROVE,        /* one approval, more are needed */
    SB_EV_APPROVED,       /* the last approval that was needed */
    SB_EV_REJECT,
    SB_EV_EDIT,           /* a person changed it: a new revision */
    SB_EV_WAIT,           /* its window is not open yet */
    SB_EV_START,          /* gate open, facts fresh, intent durable */
    SB_EV_PAUSE,
    SB_EV_RESUME,
    SB_EV_STOP,           /* a person ends it where it stands */
    SB_EV_STEPS_DONE,     /* every step verified */
    SB_EV_STEP_FAILED,
    SB_EV_LOST,           /* an intent has no result: the process died, or the reply was lost */
    SB_EV_PROBED_FORWARD, /* the probe knows; go on with the plan */
    SB_EV_PROBED_BACK,    /* the probe knows; go on with the undo */
    SB_EV_WATCH_PASS,
    SB_EV_WATCH_FAIL,
    SB_EV_WATCH_INCONCLUSIVE,
    SB_EV_ROLLBACK,       /* a person, or policy, wants it undone */
    SB_EV_ROLLBACK_DONE,
    SB_EV_ROLLBACK_FAILED,
    SB_EV_DRIFT,          /* a fact on the card is no longer true */
    SB_EV_REFRESH,        /* the card was measured anew: a new revision */
    SB_EV_EXPIRE,
    SB_EV_SUPERSEDE,
    SB_EV_CLOSE,          /* a person has seen the failure and leaves it as it is */
    SB_EV_BREAK_GLASS,    /* the soft rules that denied it are lifted for a while: policy is asked again */
    SB_EVENTS
};
extern const struct sb_names sb_events;

/* What a transition demands of the orchestrator. */
enum sb_effect {
    SB_DO_GATE = 1,   /* ask policy */
    SB_DO_VOID = 2,   /* void the approvals given so far */
    SB_DO_RUN = 4,    /* carry out the next step */
    SB_DO_HOLD = 8,   /* start no further step */
    SB_DO_ABORT = 16, /* end the running step, where it can be ended */
    SB_DO_WATCH = 32, /* open the watch window */
    SB_DO_UNDO = 64,  /* carry out the undo of what was done, last step first */
    SB_DO_PROBE = 128, /* find out what really happened */
    SB_DO_END = 256,  /* the case has its outcome */
};

struct sb_transition {
    enum sb_state from;
    enum sb_event event;
    enum sb_state to;
    unsigned effects;
};

/* The row for this pair, or NULL: then sb_lifecycle_reason says why. */
const struct sb_transition *sb_lifecycle_next(enum sb_state from, enum sb_event event);

/* One clause in plain words: "a done card cannot be approved". cap bytes at most. */
void sb_lifecycle_reason(char *out, size_t cap, enum sb_state from, enum sb_event event);

/* All rows, for help and tests. */
extern const struct sb_transition sb_lifecycle_rows[];
extern const size_t sb_lifecycle_rows_n;

/* True while somebody or something still has to act on it. A failed card is open until it is closed or undone. */
bool sb_state_open(enum sb_state s);

/* A sentence for the help. */
const char *sb_state_help(enum sb_state s);

#endif
