/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the orchestrator know of each other. Everything here belongs to the orchestrator's thread, except
 * sb_o_post_*, which other threads use to send mail. */
#ifndef SIGNALBOX_ORCHESTRATOR_PRIVATE_H
#define SIGNALBOX_ORCHESTRATOR_PRIVATE_H

#include <pthread.h>
#include <signalbox/agents/index_asked.h>
#include <signalbox/agents/alterations.h>
#include <signalbox/agents/anomaly_detector.h>
#include <signalbox/agents/backup_rto.h>
#include <signalbox/agents/catalogue.h>
#include <signalbox/agents/index_optimizer.h>
#include <signalbox/agents/profile_card.h>
#include <signalbox/agents/step_iterator.h>
#include <signalbox/model/habit.h>
#include <signalbox/base/hash.h>
#include <signalbox/base/sshsig.h>
#include <signalbox/bus/pool.h>
#include <signalbox/ledger/ledger.h>
#include <signalbox/ledger/mask.h>
#include <signalbox/model/watch_event.h>
#include <signalbox/mongo/write_door.h>
#include <signalbox/orchestrator/hooks.h>
#include <signalbox/orchestrator/intake.h>
#include <signalbox/orchestrator/orchestrator.h>
#include <signalbox/orchestrator/routes.h>
#include <signalbox/policy/autonomy.h>
#include <signalbox/policy/input.h>
#include <signalbox/policy/policy.h>
#include <signalbox/telemetry/telemetry.h>
#include <stdatomic.h>

/* ---- mail ---- */

enum {
    MAIL_SIT,     /* struct seat: somebody sits down */
    MAIL_ASK,     /* struct ask */
    MAIL_STRIP,   /* struct sb_strip, telemetry */
    MAIL_NAMES,   /* struct names: collections seen in use */
    MAIL_ANOMALY, /* struct found */
    MAIL_DONE,    /* struct errand: something that was away has come back */
    MAIL_STOP,    /* char *: the reason */
};

struct ask {
    int64_t seat;
    struct sb_message *m;
};

struct found {
    struct sb_letter letter;
    struct sb_anomaly anomaly; /* with the detector's id */
};

struct names {
    char **list;
    size_t n;
};

/* What leaves the thread takes along all that it needs on its way to a worker, to the telemetry thread and back: a part of its
 * payload, so that nothing that is away is lost for want of memory. */
struct errand {
    struct sb_job job;
    struct sb_view_call call;
    struct sb_letter letter;
    void (*back)(struct sb_orchestrator *o, void *payload);
    void (*drop)(void *payload);
    void *payload;
};

/* Any thread: `back` runs on the orchestrator's thread, and frees. */
void sb_o_post_done(struct sb_orchestrator *o, struct errand *way, void (*back)(struct sb_orchestrator *, void *), void *payload, void (*drop)(void *));

/* Runs fn(payload) on a worker; fn ends by posting the payload back, or hands it on. False: this program is ending, and it was
 * dropped at once. */
bool sb_o_work(struct sb_orchestrator *o, struct errand *way, void (*fn)(void *payload), void *payload, void (*drop)(void *payload));

/* Runs fn(payload, view) on the telemetry thread, as sb_o_work does on a worker. */
void sb_o_view(struct sb_orchestrator *o, struct errand *way, sb_view_fn fn, void *payload, void (*drop)(void *payload));

/* ---- state ---- */

struct seat {
    int64_t id;
    struct sb_queue *news;
    struct sb_actor actor;
    char *how;
    char *signs_as; /* as it says */
    char *looks_at; /* the card it has open; NULL: none */
    int64_t protocol;
    int64_t signed_now; /* the clock that what it signs is held against; 0: ours */
    bool said_hello, read_only;
    bool unrecorded; /* it has only looked so far, as this person did today already */
};

/* Where a card's execution stands between two pieces of mail. */
enum phase {
    PHASE_NONE,
    PHASE_PRECHECK, /* reading the facts before anything starts */
    PHASE_SEND,     /* a command is away */
    PHASE_VERIFY,   /* reading back */
    PHASE_ITERATE,  /* between two turns of a step that is many commands */
    PHASE_PROBE,    /* finding out what an open intent did */
};

struct sending;
struct iterating;
struct sb_tenure; /* shared/tenure.h */
struct sb_tenure_news;

struct run {
    enum phase phase;
    int64_t turn;      /* of what is away: what comes back with another number was overtaken and decides nothing */
    int64_t step;      /* from 1 */
    int64_t tries;     /* times the step was sent, by the record */
    int64_t undo_tries; /* the same of all undos */
    bool undoing;
    bool hiding;       /* the undo is the gentler one */
    bool stopping;     /* the abort ends with the card as it is, not with a roll back */
    bool away;         /* a worker has something of this run; its mail will come */
    bool polling;      /* a progress read is away */
    int64_t let;       /* the step that the hooks before a step have let pass; 0: none */
    int64_t held_up;   /* times in a row that they did not */
    bool fresh;        /* the step's facts were read and policy was asked just now: it may be sent */
    int forward_away;  /* commands of the step's own that have not answered yet (an undo may have overtaken them) */
    bool undo_again;   /* it answered after the undo was sent, and may have come after it: the undo may be needed twice */
    bool sent;         /* what is to be done was sent before: read back instead of sending */
    bool unanswered;   /* what was sent has no known answer, and will get none */
    bool looked_back;  /* the index of the undo is the plan's own, as it was just read */
    bool probed_back;  /* a probe has told where the undo stands: go on from there */
    int64_t give_up_ms; /* mono: when reading back is no longer tried */
    int64_t next_ms;    /* mono: when the next read is due */
    int64_t builds;     /* on the collection, as the last precheck saw; -1 unknown */
    int64_t oldest_op_s; /* the same */
    int64_t started;    /* highest step whose intent is on the record */
    int build_phase;    /* of the build, as it was last shown; its beginning here, so that the pace of a later phase is known too */
    int64_t phase_ms, phase_done; /* mono; units done then */
    int64_t guard_ms;   /* mono: when the build's limits are looked at again */
    int64_t over;       /* looks in a row at which one was passed */
    char waits[256];    /* what it waits for, as the seats were told */
    int64_t opens_at;   /* wall: when the windows that policy waits for may be open, by its last answer; 0: it waits for none */
    int64_t asks_at;    /* wall: when a window closes or a freeze begins, by policy's last answer: it is asked again then; 0: no such moment */
    char held_by[16];   /* what holds the running step back, by the record; empty: nothing */
    int64_t held_since; /* wall; 0: nothing does */
    int owed;           /* an event that could not be recorded, and is tried again; -1 none */
    char owed_note[256];
    bool unsent;        /* an intent was refused: whether it is on the record all the same is not known */
    struct sending *unrecorded; /* answers that could not be recorded yet */
    struct iterating *work; /* iterate.c's: of the present step, when it is many commands; NULL: not taken up yet */
};

struct watching {
    bool away;          /* a reading is being taken */
    int64_t next_ms;    /* mono */
    int64_t overdue_ms; /* mono: when a window that is not observed ends all the same */
    int64_t recorded_at; /* deployment time of the last entry */
    int64_t breaches_in_a_row;
    int64_t last_at;    /* deployment time of the last reading */
    int64_t keys, keys_at; /* written to the index by then, as its first reading told; keys -1: not told yet */
    bool overdue;       /* the window was not observed to its end */
    int64_t opened_seq, opened_ts; /* the entry that opened it; 0: not looked for yet */
    int64_t next_seq;   /* of the ledger: what was not looked at for the events */
    char *run[SB_EVENTS_MAX]; /* by event: the case of the schedule's run that has begun */
    bool look_wanted;   /* the time of a backup is over: a look that is newer than looked_at decides */
    int64_t looked_at;
};

struct held_card {
    struct sb_card card;
    int64_t approve_by_mono, execute_by_mono; /* the same moments by a clock that nobody can set back; 0: not worked out yet */
    struct run run;
    struct watching watch;
};

/* Of a request that asks for several things: what is still to come, and what came of those before. */
struct sequel {
    char *rest;  /* NULL: it is the last one */
    char *said;  /* the answers before this one, a line each; NULL: it is the first one */
    char *ns;    /* the collection that was spoken of before */
    char **cards; /* of the cases before */
    size_t cards_n;
};

/* Where a case stands on its way from one specialist to the next. */
struct chain {
    int task;            /* enum sb_task: the last one; SB_TASK_NONE: there was none */
    int by;              /* enum sb_specialist: whose it is */
    unsigned done;       /* tasks, as bits */
    int depth;           /* how many */
    size_t cards_before; /* of the case, when the last one began */
    bool documents;      /* the last one found that no index helps what is slow */
    char *said;          /* what they have said so far; NULL: nothing */
};

struct held_case {
    struct sb_case case_;
    struct chain chain;
    struct sequel *sequel; /* NULL: it was asked for by itself */
    bool consulting; /* a specialist is at work for it, or it is being found out what it touches */
    struct sb_evidence *impact; /* what was found out about the place it speaks of; passed on by the first hand-off */
    size_t impact_n;
    bool read_only;  /* asked for from a seat that decides nothing: nor does policy by itself on what comes of it */
    bool advised;    /* what came of it stands at L0: an advisory card that nobody can approve */
    struct {
        bool due, away;   /* away: the collection is being read for it */
        int tries;        /* in vain, in a row */
        int64_t next_ms;  /* mono */
        char *said;       /* the last reason for none */
    } drop; /* an index that a card of the case has hidden is to be dropped by another one */
    int64_t reply_seat, reply_seq; /* an ask that waits for its outcome; seat 0: none */
};

/* A card that waits for a person and of which nothing is under way: of thousands only this is held. What is decided about it is
 * decided on the card, which is read from its entries first. */
struct resting {
    struct sb_card_row row;
    char *deployment_id, *index_key;
    bool simulated, here; /* here: it is for the deployment of this name */
    bool unread;          /* its entries could not be read, and the seats were told */
    int64_t approve_by_mono, execute_by_mono;
};

struct resting_case {
    char *id;
    bool read_only; /* as in struct held_case: the entries do not say it */
    bool unread;    /* its entries could not be read, and the seats were told */
};

struct held_anomaly {
    struct sb_anomaly anomaly;
    char *detector_id; /* "D-3"; NULL: of an earlier process */
    struct looked {
        int task;                /* enum sb_task: which way its newest case went */
        int class_;              /* enum sb_anomaly_class, then */
        int64_t at;              /* deployment time at which that led to nothing; 0: it has not */
        int64_t shapes, spent_ms; /* of its operations that had been written down by then, and how long they took together */
        int times;               /* that it was looked into again */
        bool asking;             /* the telemetry thread is asked what has been written down since */
    } looked;
};

/* ---- survey.c: what the servers can bear ---- */

#define SURVEY_MEMBERS 50 /* a replica set has no more */

struct survey {
    int64_t taken_mono;      /* 0: never */
    int64_t disk_free_ppm;   /* of the fullest disk; -1 unknown */
    int64_t oplog_window_s;  /* of the shortest oplog; -1 unknown */
    bool oplog_unknown;      /* of some member */
    int64_t free_bytes[SURVEY_MEMBERS]; /* in the members' order; -1 unknown */
    char note[256];          /* the first thing that could not be measured, and why */
};

/* What has been running on a collection for longest, on any member. */
struct operation {
    int64_t seconds; /* 0: nothing runs */
    char what[120], member[128];
};

/* ---- recurring.c: what is done by the wall clock ---- */

/* How a schedule acts: as this and its name. */
#define SB_O_SCHEDULE "schedule:"
#define SB_O_RUN_NAME (sizeof SB_O_SCHEDULE + SB_SCHEDULE_NAME_MAX)

struct recurring {
    const struct sb_schedule *schedule;
    struct sb_ran ran;
    char *last_case; /* of its last run; NULL: there was none */
    bool unsure;     /* an append failed: whether the run is on the record is not known */
};

/* One run of a schedule. */
struct sb_o_planned {
    const char *event; /* "schedule:nightly" */
    int64_t at, missed;
};

#define LOOKS_KEPT 20 /* collections whose last look is compared with the next one */

struct sb_orchestrator {
    struct sb_orchestrator_options opt; /* its texts are ours */
    char *state_dir, *deployment, *executor_uri;
    pthread_t thread;
    struct sb_queue *mail;
    struct sb_pool *pool;
    bool stopping;
    atomic_bool busy; /* read by any thread */
    struct sb_letter stop; /* that it ends must be heard also without memory */
    char *stop_reason;
    atomic_int_least64_t next_seat; /* any thread */

    struct sb_porter *porter; /* NULL: nobody may join */
    struct sb_ledger *ledger; /* NULL never: a ledger that cannot be opened ends the start */
    struct sb_policy *policy;
    struct sb_policy *shadow; /* asked beside it, never deciding; NULL: none */
    char *policy_alarm;       /* why the policy that was offered is not in force; NULL: it is */
    json_t *policy_record;    /* the body of its entry, until that is written */
    char *waivers_path;       /* NULL: none */
    struct sb_declined *declined; /* declined.c's; NULL: not read yet */
    struct sb_history *history; /* history.c's; NULL: not read yet */
    struct sb_levels *levels;   /* levels.c's; the same */
    int summing;                /* commands that sum up evidence are running */
    char **to_sum;              /* cards whose evidence waits for one of them, the oldest first */
    size_t to_sum_n;
    bool gating;                /* the gates of a plan are being measured for a screen */
    bool staking;               /* what a place would have at stake is being found out for a screen */
    bool reporting;             /* a worker goes through the record for a page */
    struct sb_alarms *alarms;   /* alarms.c's; the same */
    struct store_side *store_side; /* store_side.c's; NULL: there is no shared store */
    struct drills {
        int64_t looked;               /* entries up to this one were looked at */
        int64_t passed_at, failed_at; /* wall: of the last one that passed, and that failed; 0: none */
        int64_t level;                /* which the last one that passed has shown */
        char id[24];                  /* of that one */
    } drills;
    struct sb_mask *mask;     /* of what policy calls sensitive */
    struct sb_intake *intake;
    struct sb_routes *routes;
    struct {
        char *match;
        unsigned flags;
        struct sb_matcher *matcher, *hint;
    } search;                 /* search.c's: what the ledger was searched for last */
    struct sb_actor self;     /* the orchestrator as an actor */
    struct watching_ops *ops; /* ops.c's; NULL: nobody has asked yet what runs */
    struct recorder *recorder; /* recorder.c's; NULL: nothing is kept yet */

    char **lookers; /* who has looked at something from a shell on this day (since 1970) */
    size_t lookers_n;
    int64_t lookers_day;
    struct seat **seats;
    size_t seats_n;
    struct held_card **cards;
    size_t cards_n, card_found;
    struct resting *resting;     /* cards; the others are in hand */
    size_t resting_n, resting_found;
    struct held_case **cases;
    size_t cases_n, case_found;
    struct resting_case *resting_cases; /* open ones with a card that rests */
    size_t resting_cases_n, resting_case_found;
    struct held_anomaly **anomalies;
    size_t anomalies_n;
    struct sb_hushes hushes;      /* in force */
    struct sb_habits habits;      /* what ended, for what comes at the same hour */
    int64_t last_case, last_card, last_anomaly, last_decision;

    bool connected, connecting;
    bool greeted;             /* a seat has said hello */
    int64_t connect_again_ms;
    char *connect_note;       /* why there is no connection yet, and */
    int obstacle;             /* enum sb_obstacle: what kind of reason that is */
    struct sb_deployment_facts facts; /* facts.id is NULL until there is a connection */
    char *target_error;       /* the name is bound to another id: nothing is executed */
    struct sb_telemetry *telemetry;
    struct sb_detector *detector; /* the telemetry thread's, behind its hook */
    struct sb_strip strip;
    int64_t strip_mono_ms; /* real time at which the newest sample behind it was taken, as far as the clocks tell */
    bool have_strip;
    int64_t sample_period_ms; /* real time between two polls of a member */
    char **namespaces;        /* known collections, for intake */
    size_t namespaces_n;
    size_t namespaces_told;   /* the telemetry thread's: how many it has told of */
    int64_t next_tick_ms, next_settle_ms, next_survey_ms;
    int64_t started_ms;      /* first tick */
    bool trends_settled;     /* those of before the start were found again, or ended */
    int64_t survey_asked_ms; /* mono: when one was last begun */
    struct survey survey;
    bool surveying;
    struct {
        int64_t next_ms, since;  /* mono; deployment time of the newest move that was told, 0: none was looked for */
        bool looking;
        char *said;              /* one line for the strip; NULL: not asked yet */
        bool ill;                /* the mongos did not answer */
        size_t at;               /* the mongos that answered last, by its number in the connection string */
    } cluster;
    char *backups_said;       /* what the Backup Guardian found last, and */
    int64_t backups_said_at;  /* when (wall); NULL: it has not looked yet */
    struct {
        int64_t next_ms;
        bool looking;
        struct sb_setup last;
        char **own;           /* namespaces that this program altered since then; NULL: it is not known which */
        size_t own_n;
    } altered;
    struct sb_schema_look looks[LOOKS_KEPT]; /* the last one of each collection that was looked at */
    size_t looks_n;
    bool looking_at_backups, reviewing, drilling, regarding; /* a worker is; one at a time */
    struct sb_recovery recovery; /* what could be brought back, as it was looked at last; at 0: never */
    struct recovery_facts {
        int64_t point;           /* wall: of the newest backup; 0: there is none */
        int64_t lost_since;      /* wall: of the first write that is in none; 0: there was none when it was looked at */
        bool lost_known;
        int64_t restore_s;       /* -1: not known */
    } recovery_facts;
    int64_t regard_again_ms;     /* mono */
    bool ledger_was_ok;
    struct sb_due_list openings; /* cards by id: when the window opens that each waits for */
    struct sb_due_list runs_due; /* schedules by name */
    struct recurring *recurring;
    size_t recurring_n;
    bool recurring_loaded;
    int64_t recurring_again_ms;
    int64_t clock_wall, clock_mono; /* both clocks at the last look; 0: there was none */
    int64_t clock_floor;      /* wall: of the newest entry when this owner began; 0: there was none, or a seed makes the clock */
    struct telling_hook *hooks_first, **hooks_end; /* hook_run.c's: what is still to be told, in order */
    size_t hooks_n;
    bool hook_away;           /* one is being told */
    int64_t hooks_lost;       /* not told, because too much waited */
    atomic_bool hooks_give_up; /* read by workers */
    struct sb_tenure *tenure;  /* NULL: there is no store */
    bool leaves;
    struct sb_tenure_news *unrecorded; /* an epoch whose beginning is not on the record yet; NULL: none */
    int64_t sampler_since, sampler_commands, sampler_errors, sampler_gaps; /* for the ten-minute entry */
};

/* ---- record.c: the one way to change a card, a case or an anomaly ---- */

/* A text for a body: what is no UTF-8 (a server's words, or a cut in the middle of a character) becomes U+FFFD. NULL gives
 * null; NULL is out of memory. */
json_t *sb_o_words(const char *text);

struct refs {
    struct held_card *card;
    struct held_case *case_;
    struct held_anomaly *anomaly;
    const char *decision;
};

/* What runs, or has run and may have to be taken back: with no record it can only be taken back by hand, and this says how.
 * seat 0: to all. */
void sb_o_tell_by_hand(struct sb_orchestrator *o, int64_t seat);

/* Appends an entry and, when it is durable, folds it into what it belongs to and tells the seats. Takes body (NULL: out of
 * memory before). -1: nothing has changed, and the seats were told why. */
int sb_o_record(struct sb_orchestrator *o, int kind, const struct sb_actor *actor, const struct refs *refs, json_t *body, struct sb_err *err);

/* What policy calls sensitive is masked in what is read from a server (commands of consultations, replies) before it is
 * recorded. What is executed is never masked: the permit is for exactly those bytes. NULL on error. */
struct sb_mask *sb_o_open_mask(const struct sb_orchestrator *o, struct sb_err *err);

/* As sb_o_record, for a STEP_INTENT; fills in the permit. nonce as in sb_ledger_intent. */
int sb_o_record_intent(struct sb_orchestrator *o, struct held_card *card, json_t *body, const char *command, const char *nonce,
                       struct sb_permit *permit, struct sb_err *err);

/* One step in the card's life: checks the table, records, carries out the effects. note: why, for people. */
int sb_o_move(struct sb_orchestrator *o, struct held_card *card, enum sb_event event, const struct sb_actor *actor, const char *note,
              struct sb_err *err);

/* ---- book.c: what is held ---- */

/* By id; what rests is taken in hand again. NULL: it is not held, or what rests could not be read (the seats are told why). */
struct held_card *sb_o_card(struct sb_orchestrator *o, const char *id);
struct held_case *sb_o_case(struct sb_orchestrator *o, const char *id);
/* The same, and what rests goes on resting: NULL. */
struct held_card *sb_o_card_in_hand(struct sb_orchestrator *o, const char *id);
struct held_case *sb_o_case_in_hand(struct sb_orchestrator *o, const char *id);
struct held_anomaly *sb_o_anomaly(struct sb_orchestrator *o, const char *id);
struct held_card *sb_o_new_card(struct sb_orchestrator *o);   /* NULL out of memory */
struct held_card *sb_o_add_card(struct sb_orchestrator *o);   /* as sb_o_new_card, and makes no room: nothing else is let go of */
struct held_case *sb_o_new_case(struct sb_orchestrator *o);
struct held_case *sb_o_add_case(struct sb_orchestrator *o);
bool sb_o_in_use(const struct held_card *c);                  /* something of it is away, or waits for the record */
void sb_o_trim(struct sb_orchestrator *o);                    /* makes room by letting go of what ended first */
struct held_anomaly *sb_o_new_anomaly(struct sb_orchestrator *o);
/* True when a deadline of a card is over, by either clock. */
bool sb_o_overdue(const struct sb_orchestrator *o, int64_t wall, int64_t mono);
void sb_o_forget_card(struct sb_orchestrator *o, struct held_card *card);
void sb_o_forget_case(struct sb_orchestrator *o, struct held_case *c);
void sb_o_free_book(struct sb_orchestrator *o);
int sb_o_load_book(struct sb_orchestrator *o, struct sb_err *err); /* what the ledger says is open, and the numbers used */
int sb_o_bound_id(struct sb_orchestrator *o, char **id, struct sb_err *err); /* what the deployment's name was bound to; NULL never */
void sb_o_close_case_if_settled(struct sb_orchestrator *o, const char *case_id);

/* ---- rest.c: what is held of the many that nobody acts on ---- */

/* Puts the card, or the case, to rest: it is freed. False: it may not rest now, or memory is short; it stays as it is. */
bool sb_o_rest_card(struct sb_orchestrator *o, struct held_card *card);
bool sb_o_rest_case(struct sb_orchestrator *o, struct held_case *c);
bool sb_o_rests(struct sb_orchestrator *o, const char *card);
/* By the clock, while nobody has one of them in hand: so that no more are in hand than have to be. */
void sb_o_tick_rest(struct sb_orchestrator *o);
#define SB_O_IN_HAND 200 /* cards, and cases, that stay in hand though they could rest */
struct held_card *sb_o_wake_card(struct sb_orchestrator *o, const char *id);
struct held_case *sb_o_wake_case(struct sb_orchestrator *o, const char *id);
void sb_o_tell_resting(struct sb_orchestrator *o, int64_t seat);
void sb_o_free_rest(struct sb_orchestrator *o);

/* How long until something is due by the wall clock, in milliseconds; and doing it. */
int64_t sb_o_until_due(const struct sb_orchestrator *o);
void sb_o_tick_due(struct sb_orchestrator *o);
void sb_o_describe_schedules(const struct sb_orchestrator *o, struct sb_str *out); /* "; schedule nightly (...) runs ... next on ..." */
void sb_o_free_due(struct sb_orchestrator *o);

/* ---- seat.c ---- */

void sb_o_seat_acts(struct sb_orchestrator *o, int64_t seat); /* before what is more than a look */
void sb_o_forget_lookers(struct sb_orchestrator *o);

struct seat *sb_o_seat(struct sb_orchestrator *o, int64_t id);
void sb_o_tell(struct sb_orchestrator *o, int64_t seat, struct sb_message *m); /* takes m */
void sb_o_tell_all(struct sb_orchestrator *o, int type, const void *body);     /* copies */
void sb_o_answer(struct sb_orchestrator *o, int64_t seat, int64_t seq, const struct sb_err *err, const char *card, const char *case_id,
                 const char *fmt, ...) SB_PRINTF(7, 8); /* err with a code: not ok, its message; else fmt */
void sb_o_notice(struct sb_orchestrator *o, int severity, const char *fmt, ...) SB_PRINTF(3, 4);
void sb_o_tell_strip(struct sb_orchestrator *o);
void sb_o_hello(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m);
void sb_o_welcome(struct sb_orchestrator *o, int64_t seat, int64_t seq);

/* What is watched here, for who is about to join. */
void sb_o_tell_owner(struct sb_orchestrator *o, int64_t seat, int64_t seq);
int sb_actor_of_process(struct sb_actor *a, uid_t uid, pid_t pid, struct sb_err *err);
void sb_o_remove_seat(struct sb_orchestrator *o, int64_t id);

/* ---- store_side.c: the shared store ---- */

int sb_o_open_store_side(struct sb_orchestrator *o, struct sb_err *err);
bool sb_o_halt_store_side(struct sb_orchestrator *o, int grace_ms); /* after the thread has ended; false: it hangs in the driver, and o has to stay */
void sb_o_free_store_side(struct sb_orchestrator *o);
void sb_o_tick_store(struct sb_orchestrator *o);
/* There is a store, and it does not let anything be executed now; why says so. */
bool sb_o_store_stops(const struct sb_orchestrator *o, char *why, size_t cap);
/* Asks the store before a step is sent. True: it is being asked, and sb_o_store_answered comes by mail (why NULL: it may be sent; quick: what
 * was read before is still fresh). False: there is no store. */
bool sb_o_ask_store(struct sb_orchestrator *o, struct held_card *card, int64_t step);
void sb_o_store_answered(struct sb_orchestrator *o, struct held_card *card, int64_t step, const char *why, bool quick);
void sb_o_ask_store_of(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m);
/* A decision that came through the store, signed. now: the store's clock. */
struct sb_store_approval;
int sb_o_decide_from_store(struct sb_orchestrator *o, const struct sb_store_approval *a, int64_t now, struct sb_err *err);
/* The nonce that goes in with the first intent. NULL out of memory. */
char *sb_o_start_nonce(const struct held_card *card);

/* ---- mark.c ---- */

void sb_o_mark(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m);

/* ---- hush.c: what people say about anomalies ---- */

int sb_o_load_hushes(struct sb_orchestrator *o, struct sb_err *err); /* from the record */
void sb_o_tell_hushes(struct sb_orchestrator *o, int64_t seat);      /* seat 0: to all */
void sb_o_tick_hushes(struct sb_orchestrator *o);
void sb_o_ended(struct sb_orchestrator *o, const struct sb_anomaly *a);
char *sb_o_hushed(struct sb_orchestrator *o, const struct sb_anomaly *a);
void sb_o_feedback(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m);
void sb_o_blackout(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m);
void sb_o_lift(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m);
void sb_o_remark(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m);
void sb_o_tell_levels(struct sb_orchestrator *o, const struct survey *s); /* to the detector, whose trends they are */

/* ---- drills.c ---- */

/* Takes a drill over from the drills' ledger: only what stands there counts, never what somebody says of it. */
void sb_o_take_drill(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m);

/* The same for one that this process has made itself; *ok: it passed. */
int sb_o_enter_drill(struct sb_orchestrator *o, const struct sb_actor *actor, const char *id, bool *ok, struct sb_err *err);

/* What the record holds of them up to now. */
int sb_o_drills(struct sb_orchestrator *o, struct drills *out, struct sb_err *err);

/* Appends the drills that passed, oldest first, to a list that the caller frees. */
int sb_o_drill_rates(struct sb_orchestrator *o, struct sb_rto_drill **list, size_t *n, struct sb_err *err);

/* Puts the last proven restore among a card's evidence, where any drill is on the record. */
int sb_o_tell_drill(struct sb_orchestrator *o, struct sb_card *draft, struct sb_err *err);

/* Adds what they say to a policy input; *lowered (-1: not) comes down to L3 while the last one failed. */
int sb_o_recovery(struct sb_orchestrator *o, json_t *in, int64_t *lowered, struct sb_err *err);

/* What could be brought back: recovery.c. */
void sb_o_ask_recovery(struct sb_orchestrator *o, int64_t seat, int64_t seq);
void sb_o_tell_recovery(struct sb_orchestrator *o, int64_t seat); /* seat 0: to all */
void sb_o_tick_recovery(struct sb_orchestrator *o);
/* What a look says to the detector and to the record: backups.c. Gathered by the worker (NULL: out of memory), told by the owner,
 * which takes it. */
struct sb_o_backups_seen;
struct sb_backups;
struct sb_o_backups_seen *sb_o_backups_gather(struct sb_orchestrator *o, const struct sb_backups *list);
void sb_o_backups_tell(struct sb_orchestrator *o, struct sb_o_backups_seen *seen);
void sb_o_backups_drop(struct sb_o_backups_seen *seen);
int sb_o_add_recovery(const struct sb_orchestrator *o, json_t *recovery); /* what was found, to the object of a policy's input; -1: out of memory */

/* Tells the detector of a change that is on the record. ns, app: NULL any. alters: the database itself. */
void sb_o_changed(struct sb_orchestrator *o, const struct sb_change *change); /* at 0: now */

/* ---- search.c ---- */

void sb_o_ask_audit(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m);
void sb_o_free_search(struct sb_orchestrator *o);

/* ---- connect.c ---- */

void sb_o_start_connecting(struct sb_orchestrator *o); /* on a worker; o->connecting until its answer is there */
void sb_o_add_names(struct sb_orchestrator *o, const struct names *names); /* collections that are known from now on; copies */
void sb_o_free_names(void *names);
void sb_o_free_found(void *mail);   /* the payload of MAIL_ANOMALY */

/* ---- rules.c ---- */

/* Decides which policy is in force; needs the ledger. Then its entry, once entries can be written. */
int sb_o_load_policy(struct sb_orchestrator *o, const struct sb_orchestrator_options *opt, struct sb_err *err);
void sb_o_record_policy(struct sb_orchestrator *o);
void sb_o_free_policy(struct sb_orchestrator *o);

/* Something about the policy that every screen is told when it opens. */
void sb_o_alarm(struct sb_orchestrator *o, const char *fmt, ...) SB_PRINTF(2, 3);

/* Puts the waivers of the day into an input. */
int sb_o_add_waivers(struct sb_orchestrator *o, json_t *input, struct sb_err *err);

/* What the shadow policy says about an input that is not frozen yet, beside the verdict v; NULL: there is none, or it could
 * not be asked. */
json_t *sb_o_shadow(const struct sb_orchestrator *o, const json_t *asked, const struct sb_policy_verdict *v);

/* ---- follow.c ---- */

/* Gives take each entry that is wanted by its bytes, from *next_seq on (0: as far back as reach_ms) to the head, and moves *next_seq
 * behind what was taken. take's entry that failed comes again the next time. */
int sb_o_follow(struct sb_orchestrator *o, int64_t *next_seq, int64_t reach_ms, bool (*wants)(const char *bytes, size_t n),
                int (*take)(struct sb_orchestrator *o, int64_t seq, struct sb_err *err), struct sb_err *err);
bool sb_o_says(const char *bytes, size_t n, const char *what); /* the bytes of an entry */

/* ---- history.c ---- */

/* What a card does, the same whatever its number and deployment: SHA-256 in hexadecimal. */
int sb_o_fingerprint(const struct sb_card *c, char out[SB_HEX_LEN + 1]);

/* The facts "history" of a card's input. NULL out of memory. */
json_t *sb_o_history(struct sb_orchestrator *o, const struct sb_card *c);
/* The card for which this person broke the glass here, and which nobody has reviewed since; NULL: there is none. Borrowed. */
const char *sb_o_unreviewed_by(struct sb_orchestrator *o, const char *who, const char *key, struct sb_err *err);

/* Somebody of this name, or with this key (NULL: none), has signed a decision from this account in the last thirty days. 1, 0, -1. */
int sb_o_has_signed_from(struct sb_orchestrator *o, const char *who, const char *key, const char *account, struct sb_err *err);

/* What came of the proposals of one kind of card in one environment since then (at most thirty days are known). */
int sb_o_record_of(struct sb_orchestrator *o, int kind, int environment, int64_t since, struct sb_autonomy_record *out, struct sb_err *err);
/* Whether an index of this key on this collection failed its watch in the last days: 1 and a sentence about it is appended; 0: not. */
#define SB_O_FAILED_DAYS 7
int sb_o_failed_before(struct sb_orchestrator *o, const struct sb_card *c, struct sb_str *out, struct sb_err *err);
/* From the start to the roll back of the last card about an index on this collection that was taken back, wall time. */
bool sb_o_taken_back(struct sb_orchestrator *o, const char *ns, int64_t *from, int64_t *to);
void sb_o_free_history(struct sb_orchestrator *o);

/* ---- levels.c ---- */

/* Holds the record of the card's kind against the limits of its level; where it breaks them the level is lowered, on the
 * record. *lowered: what it stands lowered to; -1: as it was granted. */
int sb_o_review_level(struct sb_orchestrator *o, struct held_card *card, int64_t *lowered, struct sb_err *err);
void sb_o_free_levels(struct sb_orchestrator *o);

#define SB_O_COMES_BACK "a signed decision about it (policy restore) brings it back, or another bundle of policy, signed where signers are set"

/* Since when what came of proposals and alarms of a kind counts: thirty days, or since this bundle came into force, or since it came back. */
int64_t sb_o_counts_since(const struct sb_orchestrator *o, const char *kind, int environment);
/* What a kind stands lowered to; -1: it does not. */
int sb_o_lowered_to(struct sb_orchestrator *o, const char *kind, int environment, int64_t *to, struct sb_err *err);
/* From which level, and by which entry; -1 and 0: it does not stand lowered. */
int sb_o_lowering_of(struct sb_orchestrator *o, const char *kind, int environment, int64_t *level, int64_t *seq, struct sb_err *err);
/* It is on the record that it comes back: it stands as granted, and what came of it before counts no more. */
int sb_o_came_back(struct sb_orchestrator *o, const char *kind, int environment, struct sb_err *err);
/* Whether what a card would do stands at L0, granted or lowered, and so is advice: 1 and why; 0; -1. */
int sb_o_is_advice_only(struct sb_orchestrator *o, const struct sb_card *c, char *why, size_t cap, struct sb_err *err);

/* Lowers it, on the record, with a notice and an incident on whose rule it is. Takes record. */
struct sb_o_lowering {
    const char *kind, *reason;
    int environment, level, to;
    int by;                                /* enum of sb_specialists; others: all of them */
    const char *what, *came_of_it;         /* the record in words */
    const char *ns, *broke_what, *broke;   /* what broke the limit */
    const char *risk, *outcome;
};
int sb_o_lower(struct sb_orchestrator *o, const struct refs *refs, const struct sb_o_lowering *l, json_t *record, struct sb_err *err);

/* Appends since when this bundle is in force and what was lowered under it. */
int sb_o_describe_lowered(struct sb_orchestrator *o, struct sb_str *out, struct sb_err *err);

/* ---- comeback.c ---- */

void sb_o_restore(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m);

/* ---- policy_review.c ---- */

char *sb_o_review_policy(struct sb_orchestrator *o); /* in a sentence; NULL out of memory */

/* ---- reports.c ---- */

/* A page for the screens, divided at a moment ("30d", "2026-11-23"; nothing: not divided): told to all when the record was gone through. */
void sb_o_ask_report(struct sb_orchestrator *o, int64_t seat, int64_t seq, const char *moment);
/* A report as a file, for a case. */
int sb_o_consult_report(struct sb_orchestrator *o, struct held_case *held, struct sb_err *err);

/* ---- alarms.c ---- */

/* After somebody judged an anomaly: a rule of which too many were noise becomes advice. */
int sb_o_review_alarms(struct sb_orchestrator *o, struct held_anomaly *a, struct sb_err *err);
/* Why what this rule finds is advice now, in words; NULL: it is announced, or memory ran out. */
char *sb_o_alarm_is_advice(struct sb_orchestrator *o, const struct sb_anomaly *a);
void sb_o_free_alarms(struct sb_orchestrator *o);

/* ---- gate.c ---- */

const char *sb_o_action_kind(const struct sb_card *c); /* "index.create": as policy names what a card does */

/* An approval under way that is not on the card yet. */
struct extra {
    const char *by;
    bool own; /* by the author, under whatever name */
};

/* Asks policy about a card, records the verdict on it. extra: may be NULL. Returns the decision, or -1. Where nothing is missing that a person could give (a window is closed, a
 * check is not true yet), that is no "require": at execute it is a deny with the reason, to be asked again, at approve an allow.
 * What policy lets go by itself is a "require" for a card that needs a person, until one has approved it. */
int sb_o_gate(struct sb_orchestrator *o, struct held_card *card, const char *stage, const struct sb_actor *actor, const struct extra *extra,
              bool rollback, struct sb_err *err);

/* What is missing, by the last verdict on the card, in one line. */
void sb_o_unmet(const struct held_card *card, char *out, size_t cap);

/* Whether a rule about health denies that the step which is away goes on: 1, and why says it; 0 no; -1 it could not be asked. record: on
 * the record, as any verdict. */
int sb_o_gate_running(struct sb_orchestrator *o, struct held_card *card, bool record, char *why, size_t cap);

/* Whether the card's own work may be aborted without anybody's approval; the verdict is recorded. */
bool sb_o_gate_abort(struct sb_orchestrator *o, struct held_card *card, struct sb_err *err);

/* Asks policy about a request. Returns the decision, or -1; `why` gets the deciding rule's message. */
int sb_o_gate_request(struct sb_orchestrator *o, struct held_case *c, const struct sb_actor *actor, char *why, size_t cap, struct sb_err *err);

/* ---- signed.c: who decides ---- */

#define APPROVER_NONCE 32

struct approver {
    const char *by;       /* points into the statement, or is the seat's */
    json_t *statement;    /* what was signed; where nobody signs, what would have been */
    char nonce[APPROVER_NONCE + 1];
    char fingerprint[SB_SSHKEY_PRINT]; /* empty: nobody signed */
};

/* what: "approve", "breakglass" or "review". Release the approver after a success. */
int sb_o_approver(struct sb_orchestrator *o, const struct sb_card *c, const struct seat *s, const struct sb_decision_on *d, const char *what, struct approver *a,
                  struct sb_err *err);
void sb_o_approver_release(struct approver *a);

#define SB_O_SIGNED_WITHIN_MS (10 * 60 * 1000) /* a statement is made for now */
/* A statement whose text is its own canonical JSON, so that what is recorded gives the signed bytes again. New object; NULL with err. */
json_t *sb_o_read_statement(const char *text, struct sb_err *err);

/* The key that signed is one of this person's as well: one person, two names. */
bool sb_o_key_is_also(struct sb_orchestrator *o, const struct sb_decision_on *d, const char *what, const char *who);

/* ---- breakglass.c ---- */

int sb_o_break_glass(struct sb_orchestrator *o, struct seat *s, struct held_card *c, const struct sb_decision_on *d, struct sb_err *err);
int sb_o_review(struct sb_orchestrator *o, struct seat *s, struct held_card *c, const struct sb_decision_on *d, struct sb_err *err);

/* ---- approve.c, decide.c, edit.c, request.c, consult.c ---- */

int sb_o_approve(struct sb_orchestrator *o, struct seat *s, struct held_card *c, const struct sb_decision_on *d, struct sb_err *err);
/* Refuses a hash that is not the card's: that of an earlier revision, or of none. */
int sb_o_other_hash(struct sb_orchestrator *o, const struct sb_card *card, const char *hash, struct sb_err *err);
/* ", 1 of 2; it still wants: one more approval": of a card that awaits approval. */
void sb_o_still_wanted(const struct held_card *c, char *out, size_t cap);

void sb_o_decide(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m);
/* Answers a decision: a refusal goes on the record too. c may be NULL. more: appended to what is said of a success. */
void sb_o_answer_decision(struct sb_orchestrator *o, const struct seat *s, int type, int64_t seq, const char *id, struct held_card *c, const char *more, struct sb_err *err);
/* What stands in the way of a decision that leads to a change: -1 with err. */
int sb_o_may_act(const struct sb_orchestrator *o, const struct held_card *c, struct sb_err *err);
/* 1: key or options are others, and what that means is being looked at: the answer comes then, by sb_o_edit_advised. */
int sb_o_edit(struct sb_orchestrator *o, const struct seat *s, int64_t seq, struct held_card *c, const struct sb_edit *e, struct sb_err *err);
/* said: what the Index Optimizer says of the new key or options; it loses its content. err with a code: it could not say anything. */
void sb_o_edit_advised(struct sb_orchestrator *o, int64_t seat, int64_t seq, const struct sb_edit *e, struct sb_card *said, struct sb_err *err);
/* Takes a request as far as it goes at once. Returns a sentence for who asked, or NULL: then err says what is wrong, or a
 * specialist is at work. read_only: who asked may only look. ns: the collection that is meant where none is named; NULL: none.
 * *c: its case; NULL: there is none. */
char *sb_o_take_request(struct sb_orchestrator *o, const char *text, const char *by, const struct sb_actor *actor, bool read_only, const struct sb_o_planned *planned, const char *ns,
                        struct held_case **c, struct sb_err *err);
void sb_o_close_case(struct sb_orchestrator *o, struct held_case *c, const char *outcome);
/* A request from a seat; the answer comes when all that it asks for has been answered. */
void sb_o_request(struct sb_orchestrator *o, int64_t seat, int64_t seq, const char *text);
/* Answers for a case of a request, or goes on with what was asked for behind it; c may be gone then. about: another's card. */
void sb_o_answer_request(struct sb_orchestrator *o, int64_t seat, int64_t seq, struct held_case *c, const char *about, const struct sb_err *err, const char *text);
void sb_o_free_sequel(struct sequel *s);
/* The same by a schedule: the case it is recorded as, the caller's to free. NULL with err: nothing was recorded as far as is known. */
char *sb_o_planned_request(struct sb_orchestrator *o, const struct sb_o_planned *planned, const char *text, struct sb_err *err);
/* An incident on one of our own: a case that is opened and closed by itself, with a hand-off to the specialist that it is about.
 * title: what has happened; outcome: what follows from it. */
int sb_o_own_incident(struct sb_orchestrator *o, int specialist, const char *title, const char *risk, const struct sb_evidence *evidence, size_t n, const char *outcome, struct sb_err *err);
void sb_o_take_anomaly(struct sb_orchestrator *o, struct sb_anomaly *a); /* takes the content */
void sb_o_tick_anomalies(struct sb_orchestrator *o);
void sb_o_route_anomaly(struct sb_orchestrator *o, struct held_anomaly *a, const char *again); /* again: why once more; NULL: the first time */
bool sb_o_lasts(const struct sb_anomaly *a); /* it goes on while nobody looks, as a trend does, or backups that cannot be used */
void sb_o_close_old_anomalies(struct sb_orchestrator *o, bool lasting); /* those of before the start that nobody told of again */

/* ---- again.c: an anomaly that goes on, and whose case led to nothing ---- */

#define SB_O_LOOK_BACK_MS 15000 /* the workload counts by buckets of ten seconds: the one in which it began belongs to it */

/* The operations on a collection of that time that were written down: shapes, and how long they took together. */
void sb_o_written_down(const struct sb_workload *w, const char *ns, int64_t from, int64_t to, int64_t *shapes, int64_t *spent_ms);
/* The Index Optimizer has found nothing for this case, with so much written down. */
void sb_o_found_nothing(struct sb_orchestrator *o, const struct held_case *c, int64_t shapes, int64_t spent_ms);
void sb_o_tick_again(struct sb_orchestrator *o);

/* One specialist after another. */
struct handing {
    int from, to; /* enum sb_specialist */
    bool back;    /* `from` was consulted and says what it found */
    const char *why, *risk, *otherwise; /* otherwise: NULL, or what would have led elsewhere */
    const struct sb_evidence *evidence; /* what is passed on */
    size_t n;
};
int sb_o_hand_over(struct sb_orchestrator *o, struct held_case *c, const struct handing *h, struct sb_err *err);
/* Adds a fact to what a hand-off passes on; what is no UTF-8 in it becomes U+FFFD. */
int sb_o_pass_on(struct sb_handoff *h, const struct sb_evidence *e);
/* How the cluster is, in a sentence; NULL: out of memory. */
char *sb_o_status(struct sb_orchestrator *o);

/* ---- chain.c ---- */

/* The facts that a first route goes by. a: the anomaly that the request is about; NULL none. */
unsigned sb_o_route_facts(struct sb_orchestrator *o, const struct sb_slots *slots, const struct held_anomaly *a);
/* Whose the route's task is: of a suspect, whoever wrote its plan. enum sb_specialist. */
int sb_o_route_to(struct sb_orchestrator *o, const struct sb_route *r, const struct held_anomaly *a);
/* Has a route's task done. A sentence for the asker (the caller's to free), or NULL: err says what is wrong, or a specialist is at
 * work. */
char *sb_o_perform(struct sb_orchestrator *o, struct held_case *c, const struct sb_route *r, const struct held_anomaly *a, const struct sb_index_asked *asked, struct sb_err *err);
/* The case's task has ended with this: goes on with the next one. True: a specialist is at work again. False: it was the last, and
 * chain.said holds what all of them said (NULL: the only one failed). */
bool sb_o_chain_on(struct sb_orchestrator *o, struct held_case *c, const struct sb_err *failed, const char *text);

/* Has the Index Optimizer look at a collection for a case. key, options (both Extended JSON), name: of an index that was asked for, or NULL. */
int sb_o_consult_index(struct sb_orchestrator *o, struct held_case *c, const char *ns, const char *key, const char *options, const char *name,
                       const struct held_anomaly *anomaly, struct sb_err *err);

/* Has the Index Optimizer say what the key and options of an edited card serve, and then makes the edit: sb_o_edit_advised. */
int sb_o_consult_edit(struct sb_orchestrator *o, const struct seat *s, int64_t seq, const struct held_card *card, const struct sb_edit *e,
                      const struct sb_card *fresh, struct sb_err *err);

/* Has the Index Optimizer look for indexes that nobody needs: of one collection, or of all of a database; or at the one of this name (NULL: whichever). */
int sb_o_consult_retire(struct sb_orchestrator *o, struct held_case *c, const char *ns, const char *index, struct sb_err *err);

/* Has the Index Optimizer propose every index that a collection, or each collection of a database, asks for, and say what became of
 * each shape. */
int sb_o_consult_review(struct sb_orchestrator *o, struct held_case *c, const char *about, struct sb_err *err);

/* ---- declined.c ---- */

/* A person has declined this very proposal, and the workload has not changed enough since: 1, and a sentence about who, when, why
 * and what would bring it back is appended; 0: not; -1. */
int sb_o_declined_before(struct sb_orchestrator *o, const struct sb_card *draft, struct sb_str *out, struct sb_err *err);
void sb_o_free_declined(struct sb_orchestrator *o);

/* ---- drop_due.c, consult_drop.c ---- */

struct drop_due {
    struct sb_card hidden; /* hid an index, and its watch window has passed */
    struct sb_card before; /* the last that was to drop it, and came to nothing */
    size_t cards;          /* that were; 0: none, and `before` is empty */
};

/* True: a card that drops is to be proposed, and is, by and by; the case is not settled before. */
bool sb_o_drop_is_due(struct sb_orchestrator *o, struct held_case *c);
void sb_o_tick_drops(struct sb_orchestrator *o);
void sb_o_release_drop(struct drop_due *d);

/* It was not proposed: it is tried again, or the case ends with the reason. */
void sb_o_drop_later(struct sb_orchestrator *o, struct held_case *c, const struct sb_card *hidden, const char *why);
void sb_o_drop_never(struct sb_orchestrator *o, struct held_case *c, const struct sb_card *hidden, const char *why);

/* Has the Index Optimizer make that card from the collection as it is now, and proposes it in the case. Takes what d holds. */
void sb_o_consult_drop(struct sb_orchestrator *o, struct held_case *c, struct drop_due *d);

/* The open card for the same index of the same collection that is there already; NULL: there is none. */
const struct held_card *sb_o_twin(struct sb_orchestrator *o, const struct sb_card *draft);

/* Has the Anomaly Detector propose a closer look: the profiler on for a while. */
int sb_o_consult_profile(struct sb_orchestrator *o, struct held_case *c, const char *ns, struct sb_err *err);

/* Has the Backup Guardian look at the deployment's backups. place: a database or a collection that is to be in them; NULL: any.
 * plan: asked for are the steps of a recovery. */
int sb_o_consult_backup(struct sb_orchestrator *o, struct held_case *c, const char *place, bool plan, struct sb_err *err);

/* Has the newest backup that can be restored here restored into the throw-away deployment of the config, and compared. */
int sb_o_consult_drill(struct sb_orchestrator *o, struct held_case *c, struct sb_err *err);

/* Has the Data Architect look at a sample of a collection. */
int sb_o_consult_schema(struct sb_orchestrator *o, struct held_case *c, const char *ns, struct sb_err *err);
int sb_o_consult_depends(struct sb_orchestrator *o, struct held_case *c, const char *ns, struct sb_err *err);
bool sb_o_asks_what_depends(const struct held_case *held);
struct sb_reads;
void sb_o_record_reads(struct sb_orchestrator *o, struct held_case *held, const struct sb_reads *reads); /* what the Data Architect sent */

/* Has the Data Architect plan a change of a field of a collection. */
int sb_o_consult_validate(struct sb_orchestrator *o, struct held_case *c, const char *ns, struct sb_err *err);
int sb_o_consult_change(struct sb_orchestrator *o, struct held_case *c, const char *ns, struct sb_err *err);

/* What failed a short while ago is not proposed again by a specialist; where a person asks for it, the card says so first.
 * 1: it is not to be proposed, and `out` says why. */
int sb_o_heed_failure(struct sb_orchestrator *o, struct sb_card *draft, struct sb_str *out, struct sb_err *err);

/* Puts a draft on the record as a card and hands it to policy. */
int sb_o_propose(struct sb_orchestrator *o, struct sb_card *draft, const char *note, struct sb_err *err);

/* The same of one that says something and asks for nothing: it is over at once. */
int sb_o_advise(struct sb_orchestrator *o, struct sb_card *draft, const char *note, struct sb_err *err);

/* Ends a consultation: the case's outcome where it led to no card, and the answer to whoever asked. */
/* about: a card of another case that the answer is about; NULL none. */
void sb_o_finish_consult(struct sb_orchestrator *o, struct held_case *held, const char *about, const struct sb_err *err, const char *text);

/* The same of one that only looked: text is from outside. good: no is the answer otherwise. */
void sb_o_finish_look(struct sb_orchestrator *o, struct held_case *held, bool good, const char *text);

/* ---- execute.c: the plan forward ---- */

bool sb_o_may_send(const struct sb_orchestrator *o, const struct held_card *card); /* connected to what the card is for, and allowed to write */
void sb_o_try_start(struct sb_orchestrator *o, struct held_card *card);   /* approved or scheduled: facts, policy, go */
void sb_o_run(struct sb_orchestrator *o, struct held_card *card);         /* SB_DO_RUN */
void sb_o_verify(struct sb_orchestrator *o, struct held_card *card);      /* reads back what was sent, forward or undo */
void sb_o_begin_step(struct sb_orchestrator *o, struct held_card *card);  /* facts and policy first */
void sb_o_step_done(struct sb_orchestrator *o, struct held_card *card);   /* it was read back */
void sb_o_hold(struct held_card *card);                                   /* whatever is away decides nothing any more */
void sb_o_tick_runs(struct sb_orchestrator *o);
int sb_o_refresh(struct sb_orchestrator *o, struct held_card *card, struct sb_err *err); /* a stale card's facts are read again */

/* ---- send.c: intent, command, result ---- */

/* One of the many commands of a step. */
struct batch {
    int64_t n;           /* from 1 */
    int64_t beside;      /* batches that went out in the same turn before it: they are away at once */
    int64_t pass;        /* of the walk over the collection */
    const char *to;      /* the place that is reached by it */
    int64_t done, total; /* documents, with it */
    int64_t eta_ms;
};

/* Records the intent of the present step, or of its undo, and sends. batch: NULL where the command is the whole step. -1 with
 * err: nothing was sent. */
int sb_o_send(struct sb_orchestrator *o, struct held_card *card, const char *command, bool undo, const struct batch *batch, struct sb_err *err);
/* How many documents an update has changed, by its reply; one that failed half-way tells too. */
int64_t sb_o_reply_changed(const char *reply);
void sb_o_sent_forward(struct sb_orchestrator *o, struct held_card *card, const struct sb_write_result *r, bool overtaken);
void sb_o_sent_undo(struct sb_orchestrator *o, struct held_card *card, const struct sb_write_result *r, bool overtaken);
void sb_o_tick_results(struct sb_orchestrator *o, struct held_card *card); /* answers and events that could not be recorded */
void sb_o_drop_results(struct held_card *card);

/* As sb_o_move by the orchestrator itself; when it cannot be recorded it is owed, and tried again. */
void sb_o_must_move(struct sb_orchestrator *o, struct held_card *card, enum sb_event event, const char *note);

/* ---- iterate.c: a step that is many commands ---- */

void sb_o_iterate(struct sb_orchestrator *o, struct held_card *card);     /* the next turn of the present step, or of its undo */
void sb_o_batch_answered(struct sb_orchestrator *o, struct held_card *card, int64_t beside, const struct sb_write_result *r, bool overtaken);
void sb_o_drop_work(struct held_card *card);
int64_t sb_o_until_turn(const struct sb_orchestrator *o); /* milliseconds until such a step is due, INT64_MAX: none is; and its turn */
void sb_o_tick_turns(struct sb_orchestrator *o);
/* Sets how large the batches of the running step are, how far apart, and how many at once, from the next turn on. */
int sb_o_turn_knobs(struct sb_orchestrator *o, const struct seat *s, struct held_card *card, const struct sb_edit *e, struct sb_err *err);
bool sb_o_has_knobs(const struct held_card *card, const struct sb_edit *e); /* it is such a step that runs, and only they are to be set */

bool sb_o_batches_run(const struct sb_orchestrator *o); /* some step sends one batch after the other now */

/* ---- gates.c ---- */

/* The checks before each phase of this case that has not begun, read for a screen: told as plan, then answered. */
void sb_o_ask_plan(struct sb_orchestrator *o, int64_t seat, int64_t seq, const char *case_id);

/* ---- pressure.c ---- */

struct sb_o_pressure {
    const char *by; /* "lag", "queue", "cache", "oplog", or "unknown": it cannot be measured */
    bool critical;  /* so much that a person should look */
    char why[200];
};
/* Why nothing is added to the load now, by the limits of a step; false: nothing speaks against it. */
bool sb_o_pressure(const struct sb_orchestrator *o, const struct sb_step_work *w, struct sb_o_pressure *p);
/* The operations a second on the primary, in deployment time; -1 not known. */
int64_t sb_o_foreground(const struct sb_orchestrator *o);

/* ---- held.c: a running step that sends nothing more for now ---- */

void sb_o_hold_back(struct sb_orchestrator *o, struct held_card *card, const char *by, const char *why);
/* It is sent again, or gone on with otherwise. -1: that cannot be recorded, and nothing may be sent. */
int sb_o_hold_over(struct sb_orchestrator *o, struct held_card *card) SB_MUST_USE;
void sb_o_hold_recall(struct held_card *card, const struct sb_entry *e); /* of an SB_ENTRY_HELD, for a new owner */

/* ---- phases.c: cards that follow each other ---- */

/* The card that this one comes after is not done: why, and whether it never will be. False: nothing stands before it. */
bool sb_o_phase_waits(struct sb_orchestrator *o, const struct held_card *card, bool *never, char *why, size_t cap);
/* It drops an index that the card before it has hidden, and that one's watch window has passed. */
bool sb_o_hidden_and_watched(struct sb_orchestrator *o, const struct sb_card *drop);
/* A later phase has begun: it has to be taken back first. */
int sb_o_phase_may_go_back(struct sb_orchestrator *o, const struct held_card *card, struct sb_err *err);

/* ---- undo.c: the plan backward ---- */

void sb_o_undo(struct sb_orchestrator *o, struct held_card *card);        /* SB_DO_UNDO */
void sb_o_undo_on(struct sb_orchestrator *o, struct held_card *card);     /* goes on with an undo where it stands */
void sb_o_undo_verified(struct sb_orchestrator *o, struct held_card *card);
void sb_o_undo_failed(struct sb_orchestrator *o, struct held_card *card, const char *why);
void sb_o_abort(struct sb_orchestrator *o, struct held_card *card);       /* SB_DO_ABORT without undo */
bool sb_o_hide_fits(const struct sb_orchestrator *o, const struct held_card *card);
/* What proves that the present step's undo is done. It points into the card. */
struct sb_check sb_o_undo_check(const struct held_card *card);
/* Appends what a person types into mongosh to take back what the card has done; nothing when it has done nothing. */
void sb_o_by_hand(const struct held_card *card, struct sb_str *out);

/* ---- progress.c, watch.c, recover.c ---- */

/* Brings what is shown of a build up to a reading of it: its phase, and how far the slowest member is in it, never backwards.
 * False: it stays as it is shown. */
bool sb_o_show_progress(struct sb_progress *shown, const struct sb_catalogue *builds, const char *index, size_t members);
void sb_o_poll_progress(struct sb_orchestrator *o, struct held_card *card);
void sb_o_probe(struct sb_orchestrator *o, struct held_card *card);       /* SB_DO_PROBE */
/* events.c: looks what the ledger says of the events that the window waits for, and notes it in the readings. True: something
 * is known that was not. */
bool sb_o_look_for_events(struct sb_orchestrator *o, struct held_card *card);
bool sb_o_events_open(const struct sb_card *card);   /* one is still waited for */
bool sb_o_event_missed(const struct sb_card *card);
void sb_o_forget_events(struct held_card *card);

/* Rolls back what has failed its watch window, where policy grants L4 to "rollback" in this environment. */
void sb_o_take_back_failed(struct sb_orchestrator *o, struct held_card *card);
void sb_o_open_watch(struct sb_orchestrator *o, struct held_card *card);  /* SB_DO_WATCH */
void sb_o_follow_verdict(struct sb_orchestrator *o, struct held_card *card); /* of a window whose verdict is on the record */
void sb_o_tail_profiles(struct sb_orchestrator *o);                       /* of the profile cards that are on now */
void sb_o_tick_watches(struct sb_orchestrator *o);
int64_t sb_o_deployment_now(const struct sb_orchestrator *o); /* the strip is told now and then: its time carried on to this moment */
void sb_o_recover(struct sb_orchestrator *o);
int sb_o_recall(struct sb_orchestrator *o, struct held_card *card, struct sb_err *err); /* a card that ended: what it had done, from its record */
int sb_o_settle_unsent(struct sb_orchestrator *o, struct held_card *card); /* intents that are on the record though their append failed */
int sb_o_record_outcome(struct sb_orchestrator *o, struct held_card *card, int64_t step, int64_t tries, bool undo, const char *outcome,
                        const char *message); /* a result that was found by looking instead of by an answer */

/* ---- checks.c: facts read on a worker ---- */

enum truth { CHECK_FALSE, CHECK_TRUE, CHECK_UNKNOWN };

struct check_result {
    enum truth truth;
    bool passes; /* false now, and nothing on the card has changed: it is waited for */
    bool unproven; /* true as far as the server can tell, which is not all the way */
    char text[256];
};

/* A reading of facts that travels to a worker and back. */
struct checking {
    struct sb_orchestrator *o;
    struct errand way;
    void (*back)(struct sb_orchestrator *o, struct checking *c); /* on the orchestrator's thread; frees */
    char *card_id;
    int64_t turn;        /* of the card's run */
    char *deployment_id; /* what the connection has to be */
    char **nodes;        /* that bear the data: of a cluster its shards' */
    size_t nodes_n;
    bool sharded;
    char **members;      /* that data is asked of */
    size_t members_n;
    char *primary;
    struct sb_check *checks; /* copies */
    size_t checks_n;
    struct check_result *results; /* one a check */
    struct sb_catalogue catalogue; /* of the collection they are about */
    bool have_catalogue, replicated;
    struct survey survey; /* where one of the checks needs it */
    struct operation oldest;
    bool knows_oldest;
    struct sb_err err; /* the facts could not be read at all */
};

/* Reads these checks about a card on a worker and gives them to `back`, as the run's next turn. False: out of memory, and
 * nothing is under way. */
bool sb_o_check(struct sb_orchestrator *o, struct held_card *card, const struct sb_check *checks, size_t n,
                void (*back)(struct sb_orchestrator *o, struct checking *c));
void sb_o_checking_free(void *checking);

/* The same in two parts, for what is no run: NULL out of memory; and the reading, on a worker. */
struct checking *sb_o_checking_new(struct sb_orchestrator *o, const struct sb_card *card, const struct sb_check *checks, size_t n);
void sb_o_read_checks(struct checking *c);
const char *sb_o_truth_name(enum truth truth);

/* The card a reading is about, or NULL: it has gone, or something else has begun since. Then the reading decides nothing. */
struct held_card *sb_o_checking_card(struct sb_orchestrator *o, const struct checking *c);

/* The first check that is not true, or NULL. unknown_fails: what cannot be known counts as not true. */
const struct check_result *sb_o_first_failure(const struct checking *c, bool unknown_fails);

/* The results as they are recorded: [{"check","ok","text"}]. */
json_t *sb_o_checks_json(const struct checking *c);

void sb_o_check_result(struct check_result *r, enum truth truth, const char *fmt, ...) SB_PRINTF(3, 4);

/* ---- checks_schema.c: on a worker ---- */

/* The time by a server's own clock; -1 with err. */
int64_t sb_o_clock_of(struct sb_conn *conn, struct sb_err *err);
void sb_o_check_named(const struct checking *c, const struct sb_check *k, struct check_result *r);
void sb_o_check_capped(const struct checking *c, const struct sb_check *k, struct check_result *r);
void sb_o_check_held(const struct checking *c, const struct sb_check *k, struct check_result *r);
void sb_o_check_name_free(const struct checking *c, const struct sb_check *k, struct check_result *r);
void sb_o_check_no_writes(const struct checking *c, const struct sb_check *k, struct check_result *r);
void sb_o_check_validator(const struct checking *c, const struct sb_check *k, struct check_result *r);
void sb_o_check_expires(const struct checking *c, const struct sb_check *k, struct check_result *r); /* by the catalogue */
void sb_o_check_expiring(const struct checking *c, const struct sb_check *k, struct check_result *r);

/* ---- survey.c, members.c: on a worker ---- */

void sb_o_survey_read(const struct sb_server *server, char *const *members, size_t n, bool replicated, struct survey *out);

/* The oldest operation or transaction on a collection; index builds are not counted. -1: some member does not tell. */
int sb_o_oldest_operation(const struct sb_server *server, char *const *members, size_t n, const char *ns, struct operation *out, struct sb_err *err);

/* Every voting, data-bearing member is PRIMARY or SECONDARY. */
void sb_o_check_members(struct checking *c, struct check_result *r);

/* On the orchestrator's thread: has it done now and then; the last one, NULL when there is none that is recent. */
void sb_o_tick_survey(struct sb_orchestrator *o);

/* altered.c; on a worker: -1 out of memory, there is no more room, or it was given up (give_up NULL: it is not). It rests now and then for so long. */
int sb_o_altered_read(const struct sb_server *server, char *const *members, size_t n, const char *primary, const atomic_bool *give_up, int64_t rest_ms, struct sb_setup *out);
void sb_o_tick_altered(struct sb_orchestrator *o);
void sb_o_altered_own(struct sb_orchestrator *o, const char *ns); /* we altered it; NULL: not known what */
void sb_o_altered_release(struct sb_orchestrator *o);
const struct survey *sb_o_survey(const struct sb_orchestrator *o);

/* The members that data is asked of, as they are known now, and which of them is the primary: of a cluster its mongos. Copies. */
int sb_o_members(const struct sb_orchestrator *o, char ***members, size_t *n, char **primary);

/* Those that bear the data: of a cluster the members of its shards, shard by shard. Else the same. Copies. */
int sb_o_nodes(const struct sb_orchestrator *o, char ***members, size_t *n);
int64_t sb_o_node_count(const struct sb_orchestrator *o); /* as hello and listShards told them; at least 1 */

/* Of the set that is watched, as screens show it; "": a standalone. */
const char *sb_o_set_name(const struct sb_orchestrator *o);

/* cluster.c: what a mongos tells of the balancer, now and then; chunks that it moved are on the record as changes. */
void sb_o_tick_cluster(struct sb_orchestrator *o);

json_t *sb_o_health(const struct sb_orchestrator *o);

/* ---- consult_whatif.c: a card's index is to be tried out. 1: the answer comes later ---- */

int sb_o_consult_what_if(struct sb_orchestrator *o, const struct seat *s, int64_t seq, const struct held_card *card, struct sb_err *err);

/* ---- guard.c: at each look at a running build. What passes its limit stands on the card, and may be aborted by itself ---- */

void sb_o_guard_build(struct sb_orchestrator *o, struct held_card *card);

/* ---- ops.c: what runs now, while somebody looks; recorder.c: the strip, minute by minute ---- */

void sb_o_ask_ops(struct sb_orchestrator *o, int64_t seat, int64_t seq);
void sb_o_free_ops(struct sb_orchestrator *o);
void sb_o_keep_minute(struct sb_orchestrator *o); /* of the strip, when one is over */
void sb_o_ask_replay(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m);
void sb_o_free_recorder(struct sb_orchestrator *o);

/* consult_ops.c: the operations as an answer, or (kill) a card that ends the one that the request names. */
int sb_o_consult_ops(struct sb_orchestrator *o, struct held_case *c, bool kill, struct sb_err *err);

/* seat.c: which cards are open where. */
void sb_o_look(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m);
void sb_o_tell_looks(struct sb_orchestrator *o);

/* ---- owning.c: who may act on the deployment, by the shared store ---- */

struct sb_lease_step;
int sb_o_owning_start(struct sb_orchestrator *o, const struct sb_owning_options *opt, struct sb_err *err);
void sb_o_owning_connected(struct sb_orchestrator *o); /* it is known what is watched */
void sb_o_tick_owning(struct sb_orchestrator *o);
/* Why no step may be sent from here now; false: it may. back: it takes something back. */
int64_t sb_o_epoch(const struct sb_orchestrator *o); /* of the lease; 0: none is ours */
bool sb_o_not_ours(struct sb_orchestrator *o, bool back, char *why, size_t cap);
void sb_o_lease_step(const struct held_card *card, int64_t step, bool back, struct sb_lease_step *out);

/* ---- attach.c ---- */

struct sb_porter;
/* group: whose members may join; NULL: only this user. */
struct sb_porter *sb_porter_start(struct sb_orchestrator *o, const char *state_dir, const char *group, struct sb_err *err);
void sb_porter_stop(struct sb_porter *p); /* after the orchestrator's thread has said goodbye */
void sb_porter_free(struct sb_porter *p); /* when nobody posts any more */

/* A seat for another process: who it is comes from its uid and pid. */
int64_t sb_orchestrator_sit_as(struct sb_orchestrator *o, struct sb_queue *news, uid_t uid, pid_t pid);

/* ---- hook_run.c: commands of the operator's that are told what happens ---- */

/* An entry is on the record; fresh: it is the first about its anomaly. */
void sb_o_tell_hooks(struct sb_orchestrator *o, const struct sb_entry *e, bool fresh);
void sb_o_tick_hooks(struct sb_orchestrator *o);
void sb_o_free_hooks(struct sb_orchestrator *o);

/* Asks the hooks that stand before a step. True: they are being asked, and sb_o_hooks_answered comes by mail. */
bool sb_o_ask_hooks(struct sb_orchestrator *o, struct held_card *card, int64_t step);
/* execute.c's: why NULL: the step may go on. */
void sb_o_hooks_answered(struct sb_orchestrator *o, struct held_card *card, int64_t step, const char *why);

/* ---- impact.c: what a request would touch ---- */

/* The case names a collection or a database, and there is a connection: finds out about it, and comes back by sb_o_assessed with
 * the facts in c->impact. */
int sb_o_assess(struct sb_orchestrator *o, struct held_case *c, struct sb_err *err);
/* The same for a screen, without a case: told as stake, then answered. One at a time. */
void sb_o_ask_stake(struct sb_orchestrator *o, int64_t seat, int64_t seq, const char *place);
/* request.c's: goes on with the case. */
void sb_o_assessed(struct sb_orchestrator *o, struct held_case *c, const struct sb_err *err);
/* gate.c's: the windows of the policy as they stand. New object; NULL: out of memory. */
json_t *sb_o_calendar(const struct sb_orchestrator *o);

#endif
