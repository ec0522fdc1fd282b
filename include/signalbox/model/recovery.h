/* SPDX-License-Identifier: Apache-2.0
 *
 * recovery.h - what could be brought back if a deployment died now, and by what that is known: its backups and how far each is
 * shown to be whole, the stretches that none covers, the restores that were really made, and what is asked of all of it.
 *
 * A level is one of L0 to L5 as in formats/backup.h; `counts` is the part of it that a policy may go by. Times are wall
 * milliseconds, 0 where they are not known; durations -1 where they are not. Pure. Holds text from outside. Thread: none of
 * its own.
 */
#ifndef SIGNALBOX_MODEL_RECOVERY_H
#define SIGNALBOX_MODEL_RECOVERY_H

#include <signalbox/base/record.h>

#define SB_RECOVERY_BACKUPS 200 /* listed: the newest; the others are counted */
#define SB_RECOVERY_DRILLS 100

struct sb_recovery_backup {
    char *path, *name; /* name: in a store that holds several; NULL */
    char *kind;
    bool usable;
    int64_t level, counts;
    int64_t from, to;  /* what it brings back: the moment it is of, and the last one that its oplog reaches */
    int64_t bytes;
    int64_t drilled_at; /* of the last drill of it */
    char *fault;       /* its first problem, or why a drill of it failed; NULL: none */
};
extern const struct sb_schema sb_recovery_backup_schema;

/* A stretch to whose moments nothing leads back. */
struct sb_recovery_gap {
    int64_t from, to;
    char *cause;
};
extern const struct sb_schema sb_recovery_gap_schema;

struct sb_recovery_drill {
    char *id;
    int64_t at;
    bool ok;
    int64_t level, counts;
    char *path;        /* of the backup */
    char *target;      /* server and version: where it was restored */
    int64_t bytes, restore_ms, compare_ms, differences;
    char *cause;       /* why it failed; NULL: it did not */
    int64_t target_room; /* bytes free on the target's disk when it began; 0: it did not tell */
};
extern const struct sb_schema sb_recovery_drill_schema;

enum sb_goal_state {
    SB_GOAL_BLIND,  /* it is not known, the note says why */
    SB_GOAL_SEEN,   /* it is, and nothing is asked of it */
    SB_GOAL_MET,
    SB_GOAL_MISSED,
    SB_GOAL_STATES
};
extern const struct sb_names sb_goal_states;

/* One thing that is asked of a deployment's backups. */
struct sb_recovery_goal {
    char *name;       /* "loss", "restore time", ... */
    int state;        /* enum sb_goal_state */
    char *value;      /* for people; NULL: blind */
    char *limit;      /* the policy's; NULL: it has none */
    int64_t crosses;  /* when the limit is crossed if all goes on as it does; 0: not that anybody could see */
    char *note;       /* by what it is known, or why it is not */
};
extern const struct sb_schema sb_recovery_goal_schema;

/* Where restores were made: one target, all drills into it. */
struct sb_recovery_place {
    char *target;
    int64_t drills, passed, level, counts; /* levels: the highest that was shown */
    int64_t last_at, best_ms, worst_ms, differences; /* differences: of the last drill there */
    char *last_path;
    char *cause;      /* of the last drill there; NULL: it passed */
};
extern const struct sb_schema sb_recovery_place_schema;

struct sb_recovery {
    char *deployment;
    int64_t at;        /* when it was looked at */
    int64_t backups_all, usable, drills_all;
    int64_t kept_s;    /* how far back the oldest usable one reaches; 0: there is none */
    int64_t plain;     /* usable ones whose data are not known to be encrypted */
    int64_t places_of_files; /* file systems that they lie on */
    struct sb_recovery_backup *backups; /* newest first */
    size_t backups_n;
    struct sb_recovery_gap *gaps;       /* oldest first; not the one from the newest point until now */
    size_t gaps_n;
    struct sb_recovery_drill *drills;   /* newest first */
    size_t drills_n;
    struct sb_recovery_goal *goals;
    size_t goals_n;
    struct sb_recovery_place *places;   /* the one with the newest drill first */
    size_t places_n;
    char **unreadable;                  /* places that could not be looked at, and why */
    size_t unreadable_n;
    char *why;                          /* there is nothing to look at, and why; NULL: there is */
};
extern const struct sb_schema sb_recovery_schema;

#endif
