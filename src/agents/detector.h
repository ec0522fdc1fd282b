/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the Anomaly Detector know of each other. */
#ifndef SIGNALBOX_AGENTS_DETECTOR_H
#define SIGNALBOX_AGENTS_DETECTOR_H

#include <signalbox/agents/anomaly_detector.h>
#include <signalbox/agents/incidents.h>
#include <signalbox/telemetry/baseline.h>

enum series_kind {
    NS_READ_LATENCY,
    NS_WRITE_LATENCY,
    NS_READ_RATE,
    NS_WRITE_RATE,
    MEMBER_LAG,
    MEMBER_QUEUE,
    MEMBER_EXAMINED, /* documents examined per read: it explains, it does not alarm */
    MEMBER_ERRORS,   /* the three are as MEMBER_EXAMINED */
    MEMBER_CONNECTIONS,
    MEMBER_CONFLICTS,
    MEMBER_ROLLBACK, /* it takes back writes; of it and of the next three there is no level to be learned */
    MEMBER_SILENT,   /* it has not answered for so long */
    SET_HEADLESS,    /* no member has been primary for so long */
    SET_MOVED,       /* another member became primary */
    SERIES_KINDS
};

/* What makes a deviation of a kind worth anything. */
struct series_rule {
    const char *metric, *unit;
    double z;            /* spreads away from the median */
    double least_ratio;  /* and at least so many times the median */
    double least_step;   /* and at least so much above it, in the unit */
    double rel_floor;    /* the spread is never taken smaller than this share of the median */
    int64_t least_ops;   /* operations the value must rest on */
    bool impact;         /* by itself it makes an anomaly */
};
extern const struct series_rule sb_series_rules[SERIES_KINDS];

/* The last ten minutes of a series, in steps of ten seconds. */
#define SB_TRAIL_MS 10000
struct trail_mark {
    int64_t bucket;
    double sum;
    uint32_t n;
};
struct trail {
    struct trail_mark mark[SB_PLOT_MOST];
};

struct series {
    struct trail *trail; /* NULL: none (yet) */
    enum series_kind kind;
    char *subject;       /* namespace; member for MEMBER_* */
    char *member;
    struct sb_baseline usual;
    int out;             /* values in a row that deviate */
    int in;              /* values in a row that do not, while deviating */
    bool deviating;
    int64_t onset;       /* deployment time at which it began */
    double value;        /* robust mean while deviating: the median of the last few */
    double recent[5];
    size_t recent_n;
    double ratio;        /* value over median, 1 when the median is 0 */
    double before;       /* the median when it began to deviate */
    double peak, peak_ratio; /* the worst value since then, and its ratio; kept when it is over */
    bool accepted;       /* it stayed so long that it became the usual level */
    int64_t joined;      /* the onset with which it came into an anomaly */
    int64_t last_at;
};

/* Told by the strip, without a level. */
static inline bool sb_series_of_life(const struct series *s)
{
    return s->kind >= MEMBER_ROLLBACK;
}

/* Takes one value; returns true when the series began to deviate with it. */
bool sb_series_take(struct series *s, double value, int64_t ops, int64_t at, double dt_s);

struct open_anomaly {
    int64_t number;
    int64_t from, detected_at, quiet_since; /* quiet_since: 0 while anything deviates */
    struct series **series;                 /* borrowed from the detector */
    size_t series_n;
    bool changed;      /* to be given */
    bool enriched;     /* shapes were looked up */
    int64_t enriched_at;
    double worst_told; /* the ratio at which it was last given */
    int64_t closed_at;
    struct sb_anomaly told; /* as it was last given; its end is told with the same words */
    double told_height;     /* the largest growth that was told */
    struct sb_incident verdict; /* the engine's, when it began with this one; title NULL: none */
};

#define SERIES_SLOTS 8192 /* a power of two, at least twice MAX_SERIES */
#define MAX_SERIES 4000

/* What is known of a member's life. */
struct member_life {
    char *name, *shard;  /* shard: NULL: of none */
    int64_t answered_at; /* deployment time of the last strip in which it was healthy; 0 never */
    int silent;          /* strips since then */
};

/* Who leads a set: the one that is watched, or that of a shard. */
struct set_life {
    char *shard;         /* NULL: it is the one */
    char primary[256];   /* "" none seen yet */
    char former[256];    /* the one before */
    char next[256];      /* seen as primary, not yet often enough */
    int next_seen;
    int64_t led_at;      /* deployment time of the last strip with a primary */
    int headless;        /* strips since then */
    int64_t moved_at;
};

/* A change that was told. */
struct change {
    int64_t at;
    char *what, *ns, *app; /* ns, app: NULL as in struct sb_change */
    bool alters;
    int64_t seen_at;
};

#define SB_LEVEL_VALUES 64
#define SB_LEVELS_MOST 110 /* of each of fifty members two */

/* A level with a limit. */
struct level {
    enum sb_limit_kind kind;
    char *subject;
    int64_t at[SB_LEVEL_VALUES];
    double value[SB_LEVEL_VALUES];
    size_t n;
    int64_t gap_ms;        /* between two that are kept */
    int64_t number;        /* of the trend that is told; 0: none is */
    double limit;          /* that it names */
    int gone;
    bool changed;
    struct sb_anomaly told;
};

struct trends {
    struct level level[SB_LEVELS_MOST];
    size_t n;
};

/* That backups fail, as it was told. */
struct backup_watch {
    int64_t number; /* 0: nothing is told */
    bool changed;
    struct sb_anomaly told;
};

/* detector_backups.c */
bool sb_backups_take(struct sb_detector *d, struct sb_anomaly *out);

/* detector_trends.c */
void sb_trends_series(struct sb_detector *d, enum sb_limit_kind kind, const int64_t *at, const double *value, size_t n); /* all that is known of it, anew */
double sb_trends_median(double *v, size_t n); /* sorts them; n > 0 */
void sb_trends_release(struct trends *t);
void sb_trends_frame(struct sb_detector *d, const struct sb_frame *f);
bool sb_trends_take(struct sb_detector *d, struct sb_anomaly *out);

/* detector_story.c */
void sb_trail_add(struct trail *t, int64_t at, double value);

/* The engine that judges, and what it is judging: one for each set. */
struct judge {
    char *shard;       /* NULL: of no shard */
    struct sb_incidents *engine;
    char **members;    /* by the engine's numbers */
    size_t members_n;
    int64_t number;    /* of the open anomaly that its open incident is; 0 none */
    int64_t looked_at;
};

struct sb_detector {
    struct judge *judges;
    size_t judges_n;
    uint64_t judges_lost; /* memory ran out */
    struct trends trends;
    struct backup_watch backups;
    struct change changes[SB_CHANGES_KEPT]; /* a ring: the oldest is at changes_next once it is full */
    size_t changes_n, changes_next;
    struct member_life *lives;
    size_t lives_n;
    struct set_life *sets;
    size_t sets_n;
    struct series **series;
    size_t series_n;
    uint16_t slot[SERIES_SLOTS]; /* hash table: index + 1 into series, 0 empty */
    struct open_anomaly **open;
    size_t open_n;
    int64_t next_number;
    int64_t now;
};

/* The series of a kind for a subject on a member, made if need be; NULL no room. */
struct series *sb_detector_series(struct sb_detector *d, enum series_kind kind, const char *subject, const char *member);

#define SB_TOGETHER_MS 120000 /* deviations that begin within this are one anomaly */

/* A new one, without a series yet; NULL out of memory. */
struct open_anomaly *sb_detector_open(struct sb_detector *d, int64_t from, int64_t at);

/* detector_judge.c */
void sb_judge_release(struct sb_detector *d);
void sb_judge_frame(struct sb_detector *d, const struct sb_frame *f);
bool sb_judge_holds(const struct sb_detector *d, const struct open_anomaly *o); /* an impact of the whole set or of a member goes on */
/* Its class and its reason; its signals, names and suspects beside ours. -1 out of memory. */
int sb_judge_class(const struct sb_detector *d, const struct open_anomaly *o, struct sb_anomaly *out);
int sb_judge_tell(const struct open_anomaly *o, struct sb_anomaly *out);

/* A series has begun to deviate: it joins an anomaly, or makes one. */
void sb_detector_begin(struct sb_detector *d, struct series *s, int64_t at);

/* What an anomaly tells of members and leadership. Borrowed from the detector. */
struct life_story {
    bool was_primary;             /* the silent one */
    const struct series *rollback;
    const struct series *silent;  /* the one that has been silent longest, or NULL */
    const struct series *headless, *moved;
    const char *former;           /* the primary before the newest */
};

/* detector_members.c */
const char *sb_detector_shard(const struct sb_detector *d, const char *member); /* NULL: it is a member of none */
void sb_detector_free_lives(struct sb_detector *d);
void sb_detector_life(const struct sb_detector *d, const struct open_anomaly *o, struct life_story *out);
char *sb_detector_life_title(const struct life_story *l); /* NULL out of memory */

/* detector_changes.c */
void sb_detector_free_changes(struct sb_detector *d);

/* Adds the changes that came before the anomaly to its suspects and its evidence, and orders all suspects. -1 out of memory. */
int sb_detector_add_changes(const struct sb_detector *d, struct sb_anomaly *out);

/* It came in the minutes before the anomaly, on one of its collections. */
bool sb_detector_suspects(const struct change *c, const struct sb_anomaly *a);

/* The pictures and the timeline. -1 out of memory. */
int sb_detector_tell_story(const struct sb_detector *d, const struct open_anomaly *o, struct sb_anomaly *out);

/* Orders the suspects by confidence, and numbers them. */
void sb_detector_rank(struct sb_anomaly *a);

/* The alteration of the database that came so shortly before the anomaly that it explains it; NULL: none did. */
const struct change *sb_detector_altered(const struct sb_detector *d, const struct open_anomaly *o);

/* The level of a kind for a subject on a member; NULL not tracked. */
const struct series *sb_detector_find(const struct sb_detector *d, enum series_kind kind, const char *subject, const char *member);

/* detector_cause.c: what the engine is told of it, except since when. */
void sb_detector_closer(const struct sb_detector *d, const struct open_anomaly *o, struct sb_closer *out);

/* detector_cause.c: writes the anomaly with class, signals, shapes, suspects. Returns -1 out of memory. */
int sb_detector_describe(const struct sb_detector *d, struct open_anomaly *o, const struct sb_workload *workload,
                         const struct sb_history *history, struct sb_anomaly *out);

#endif
