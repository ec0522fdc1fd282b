/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files behind incidents.h know of each other. */
#ifndef SIGNALBOX_AGENTS_INCIDENTS_PRIVATE_H
#define SIGNALBOX_AGENTS_INCIDENTS_PRIVATE_H

#include <signalbox/agents/incidents.h>
#include <signalbox/telemetry/baseline.h>
#include <signalbox/telemetry/shape.h>

/* ---- readings: incidents_watch.c ---- */

enum role { AS_PRIMARY, AS_SECONDARY, ROLES };

struct watch {
    struct sb_baseline usual;
    double now;             /* the newest value, NAN none */
    int run, soft_run, calm;
    bool deviating, soft;   /* soft: far out, though not far enough by itself */
    bool told;              /* it deviated in the open incident */
    int64_t onset_ms, last_ms; /* of the run that goes on, or of the last one */
    int64_t soft_onset_ms;
    double before;          /* the usual level when it began */
    double peak;            /* the worst since */
    double sum;             /* of all values while an incident is open */
    uint32_t sum_n;
};

/* Takes a value. `learn` is false while an incident is open. */
void sb_watch_take(struct watch *w, enum sb_reading r, double value, int64_t at_ms, bool learn);
bool sb_reading_is_impact(enum sb_reading r);

/* Its mean during the open incident over its usual level; 1 where nothing is known. */
double sb_watch_growth(const struct watch *w, enum sb_reading r);
double sb_watch_score(const struct watch *w);

/* ---- a member of which only a log comes: incidents_heard.c ---- */

enum { HEARD_OPS, HEARD_MS, HEARD_EXAMINED, HEARD_WRITTEN, HEARD_RETURNED, HEARD_SCANS, HEARD_SORTS, HEARD_CONFLICTS, HEARD_FAILED, HEARD_CONNECTED, HEARD_N };

struct heard {
    int64_t second;       /* the one that goes on; 0 none */
    uint64_t seconds;     /* that ended */
    double now[HEARD_N];  /* of it */
    double ring[5][HEARD_N];
    int64_t connections;  /* open, as it said last */
};

/* ---- members and their set: incidents_set.c ---- */

struct member {
    char *name;
    bool sampled;      /* samples came */
    int place;         /* in the set's status, -1 not known */
    enum role role;
    struct sb_pulse pulse;
    struct watch watch[ROLES][SB_READINGS_N];
    struct heard heard;
    int64_t last_ms;   /* newest sample */
    int64_t heard_ms;  /* newest line of its log */
    uint64_t last_seq; /* which of all samples that was */
    int bad[SB_VITAL_MEMBERS]; /* samples in a row in which this one saw the member at a place unwell */
    bool saw_well[SB_VITAL_MEMBERS];
    int64_t state_seen_ms;
    /* its life; times are 0 where it did not happen */
    bool down;
    int unwell_state;         /* in which the others see it while it answers them (3 RECOVERING, ...); 8 it does not answer; 0 well */
    int64_t down_ms, up_ms;   /* others began and ceased to see it unwell */
    int64_t stopped_ms;       /* it said that it shuts down in order */
    int64_t unclean_ms;       /* it said that it had not been */
    int64_t restarted_ms, ended_ms; /* the new process began, the old one was last heard of */
    int64_t silent_ms, back_ms; /* no samples between the two, though it lived */
    bool hole;
    int64_t constant[6];      /* what never moves in ordinary life */
};

/* ---- what the logs tell: incidents_log.c ---- */

#define GAP_MS 10000 /* between two samples of one process: the sampler itself stood still */

#define SECONDS 64 /* how far back the tables remember by the second */
#define SB_NEAR_MS 20000 /* what causes an incident is not older than this when it begins */

struct cell {
    int64_t second;
    uint32_t count, ms, written, returned, errors, conflicts;
    uint64_t examined;
};

struct deed { /* operations alike */
    uint64_t hash;
    uint64_t call; /* hash of the call that it was, by a traceparent; 0 not known */
    char *ns, *app, *label, *shape, *plan;
    bool scan, replanned, operator_, bulk, unfiltered; /* bulk: 100 documents an operation, or more */
    int64_t first_ms, last_ms;
    uint64_t count;
    struct cell cell[SECONDS];
    struct cell during; /* the open incident, */
    struct cell before; /* and the 37 seconds until shortly before it: the table above does not reach so far back at its end */
};

#define SB_BEFORE_MS 40000
#define SB_APART_MS 3000
#define SB_BEFORE_S ((SB_BEFORE_MS - SB_APART_MS) / 1000.0)

struct guest { /* an application */
    char *name;
    int64_t first_ms, last_ms;       /* connections */
    struct cell cell[SECONDS];       /* connections a second */
    uint64_t during;
};

/* ---- what its clients' spans tell: incidents_spans.c ---- */

struct call { /* of a service, on a namespace */
    uint64_t hash;
    char *service, *version, *ns;
    int64_t last_ms;
    struct cell cell[SECONDS];
    struct cell during, before;
    uint32_t traced; /* logged operations of the open incident that are its by their traceparent */
};

#define SB_TRACES 4096

struct trace { /* what is known of one trace id: the call, the logged operation, or both */
    uint64_t id, call, deed; /* hashes; 0 none */
};

struct spans {
    struct call *calls;
    size_t calls_n, calls_cap;
    struct trace *trace; /* SB_TRACES, by their ids; NULL before the first span */
};

/* ---- transactions that are left open: incidents_held.c ---- */

struct holder { /* of one session's transaction, as it was last told */
    int member;
    bool logged;            /* by its end, not while it is open */
    int64_t since_ms, seen_ms, idle_ms;
    char app[128], client[64];
};

struct seat { /* who sits at a connection: a transaction's line has no other name */
    int member;
    char ctx[16], app[64];
};

#define HOLDERS 32
#define SEATS 512

struct held {
    struct holder holder[HOLDERS]; /* a ring */
    uint64_t holders_n;
    struct seat seat[SEATS];       /* a ring */
    uint64_t seats_n;
};

void sb_held_connected(struct sb_incidents *in, int member, const struct sb_log_line *line, struct sb_span app);
bool sb_held_line(struct sb_incidents *in, int member, const struct sb_log_line *line); /* it was a transaction's */

/* The one that was idle for longest while the incident was open; NULL none is known. */
const struct holder *sb_held_longest(const struct sb_incidents *in);

enum event_kind {
    EVENT_INDEX_DROP,
    EVENT_INDEX_HIDE,
    EVENT_VALIDATOR,
    EVENT_COLLMOD,
    EVENT_PARAMETER,
    EVENT_PLAN_FILTER,
    EVENT_RECONFIG,
    EVENT_CONSTANT, /* a setting in the metrics moved */
    EVENT_BUILD_BEGIN,
    EVENT_BUILD_END,
    EVENT_OPERATOR, /* a command that only operators send */
    EVENT_FSYNC_LOCK,
    EVENT_FSYNC_UNLOCK,
    EVENT_BACKUP,
    EVENT_STEPDOWN,
    EVENT_STOP,
    EVENT_UNCLEAN,
    EVENT_KINDS
};

struct event {
    enum event_kind kind;
    int64_t at_ms;
    int member;
    bool counted; /* by the server's metrics, not told by its log */
    bool expires; /* since it documents are deleted by their age */
    char ns[128], what[160];
};

#define EVENTS 256

struct chronicle {
    struct deed *deeds;
    size_t deeds_n, deeds_cap;
    struct guest *guests;
    size_t guests_n, guests_cap;
    struct spans spans;
    struct held held;
    struct event event[EVENTS]; /* a ring */
    uint64_t events_n;
    struct {
        uint64_t id;
        const struct member *member;
        int64_t begun_ms;
    } build[64];                /* index builds that go on, on any member */
    size_t builds_n;
    int64_t asked_ms;           /* an index was asked for, by the metrics; 0 no more */
    bool locked;                /* fsync with lock */
    uint32_t busy_s;            /* seconds of the open incident in which a build, a lock or a backup went on */
    uint32_t open_s;            /* seconds of the open incident */
    int64_t ticked;             /* second */
    bool heard;                 /* any line at all */
    char skeleton[SB_SHAPE_MAX_SKELETON]; /* of the operation at hand */
};

struct open_incident {
    bool is, told;
    int64_t from_ms, detected_ms, last_ms;
};

struct sb_incidents {
    struct member **members;
    size_t members_n;
    char *host[SB_VITAL_MEMBERS];
    struct chronicle log;
    int64_t now_ms, first_ms;
    uint64_t samples;
    int primary, former_primary; /* numbers of members, -1 none */
    int64_t moved_ms;            /* the primary changed, */
    int64_t returned_ms;         /* or changed back */
    bool rests;                  /* the primary has next to nothing to do */
    double lag[SB_VITAL_MEMBERS];
    int sync_source[SB_VITAL_MEMBERS];
    struct open_incident open;
    bool hurt;                   /* at the last sample, by a reading */
    bool live;                   /* sb_incidents_watch_live */
    struct sb_closer closer;     /* what somebody else sees */
    struct sb_incident *done;
    size_t done_n, done_at;
    char **notes;
    size_t notes_n;
    uint64_t lost; /* memory ran out: told by the next call */
};

bool sb_incidents_stands_still(const struct sb_incidents *in, const struct member *m);
struct member *sb_incidents_at_place(struct sb_incidents *in, int place);
struct member *sb_incidents_member_at(struct sb_incidents *in, int place, struct sb_err *err); /* made where there is none; NULL out of memory */
const struct watch *sb_incidents_watch(const struct member *m, enum sb_reading r);

/* What one sample says of the others: who is down, who lags, who leads. */
int sb_incidents_peers(struct sb_incidents *in, int observer, const struct sb_vitals *v, struct sb_err *err);
void sb_incidents_lead(struct sb_incidents *in, int member); /* another one is primary */
int sb_incidents_hear(struct sb_incidents *in, int member, const struct sb_log_line *line, const struct sb_slow_op *op, struct sb_err *err);
int sb_incidents_decide(struct sb_incidents *in, struct sb_err *err); /* whether an incident begins or ends now */
void sb_incidents_say(struct sb_incidents *in, const char *fmt, ...) SB_PRINTF(2, 3);

void sb_chronicle_release(struct chronicle *c);
int sb_chronicle_line(struct sb_incidents *in, int member, const struct sb_log_line *line, const struct sb_slow_op *op);
void sb_chronicle_event(struct sb_incidents *in, enum event_kind kind, int member, int64_t at_ms, const char *ns, const char *what);
void sb_chronicle_counted(struct sb_incidents *in, enum event_kind kind, int member, int64_t at_ms, const char *what);
void sb_chronicle_restarted(struct sb_incidents *in, const struct member *m);
void sb_chronicle_tick(struct sb_incidents *in);
void sb_chronicle_open(struct sb_incidents *in, int64_t from_ms); /* `during` begins, with what is remembered since then */
struct cell *sb_tally_at(struct cell cells[SECONDS], int64_t at_ms);
void sb_tally_add(struct cell *to, const struct cell *c);
struct cell sb_cells_between(const struct cell cells[SECONDS], int64_t from_ms, int64_t to_ms);

void sb_spans_release(struct spans *s);
void sb_spans_open(struct sb_incidents *in, int64_t from_ms);
void sb_spans_logged(struct sb_incidents *in, struct deed *d, const struct sb_slow_op *op); /* an operation that may be somebody's call */

/* The call that adds most to what went on at the namespace (NULL: anywhere), or, *traced, that a deed was; NULL there is none. */
const struct call *sb_spans_suspect(const struct sb_incidents *in, const char *ns, const struct deed *const *deeds, size_t n, bool *traced);

/* ---- the verdict: incidents_cause.c, and its words: incidents_report.c ---- */

struct part { /* another cause, beside the one that decided */
    int class_;
    double confidence;
    double share;            /* of the added time; 0 not known */
    char *what, *evidence;   /* owned by the verdict */
    const struct deed *deed; /* NULL: none of its own */
};

struct verdict {
    int class_;
    double confidence;
    struct sb_str reason;
    const struct event *event;   /* the alteration or the operator's command */
    const struct deed *deed[3];  /* the operations, most suspect first */
    size_t deeds_n;
    const struct guest *guest;   /* the application, where no operation of its own was logged */
    const struct member *member; /* the culprit */
    const struct holder *holder; /* the transaction that is left open */
    double explained;            /* share of the added time that the deeds explain; 0 not known */
    struct part part[2];
    size_t parts_n;
};

#define SB_MORE 1.8       /* times the operations: more of the same */
#define SB_STILL_MORE 1.5 /* where that was seen for seconds on end: what is calm again at its end counts in the mean */

int sb_incidents_judge(struct sb_incidents *in, struct verdict *v); /* -1 out of memory */
void sb_verdict_release(struct verdict *v);
double sb_verdict_unexplained(const struct verdict *v);

/* What the judgement asks. */
bool sb_told(const struct sb_incidents *in, enum sb_reading r);             /* it deviated, on any member */
bool sb_newcomer(const struct sb_incidents *in, const char *app);           /* it came with the incident, or just before */

/* Other causes of their own: incidents_beside.c. -1 out of memory. */
int sb_incidents_beside_it(struct sb_incidents *in, struct verdict *v);
int sb_incidents_describe(struct sb_incidents *in, bool ended, struct sb_incident *out);

/* The member that the clients of the set write to, or the only one. NULL none is known. */
struct member *sb_incidents_leader(struct sb_incidents *in);

#endif
