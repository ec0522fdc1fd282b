/* SPDX-License-Identifier: Apache-2.0
 *
 * drill.h (private) - what the files of a drill know of each other. */
#ifndef SIGNALBOX_SRC_ORCHESTRATOR_DRILL_H
#define SIGNALBOX_SRC_ORCHESTRATOR_DRILL_H

#include <signalbox/agents/backup_guardian.h>
#include <signalbox/agents/backup_restore.h>
#include <signalbox/ledger/ledger.h>
#include <signalbox/mongo/scratch_door.h>
#include <signalbox/base/process.h>
#include <signalbox/base/str.h>
#include <signalbox/orchestrator/drill.h>
#include <signalbox/orchestrator/drill_target.h>

#include <pthread.h>

#define SB_DRILL_SAMPLES 64

/* A document that is looked up by its _id afterwards. */
struct sb_drill_sample {
    char *ns;
    unsigned char *p;
    size_t n;
};

/* A write that carries documents. */
struct drill_sent {
    int64_t step;               /* 0: none */
    uint64_t documents, bytes;  /* that it inserts */
};

/* The one that is under way; see drill_flight.c. */
struct drill_flight {
    pthread_t thread;
    bool started;
    struct sb_scratch *other; /* packed through by turns with the drill's own door */
    struct drill_sent sent;
    pthread_mutex_t lock;     /* for what follows; what came back is read when it is no longer up */
    pthread_cond_t turn;
    bool up, end;
    struct sb_scratch *door;
    struct sb_scratch_parcel *parcel;
    struct sb_write_result result;
};

struct drill {
    const struct sb_drill_options *o;
    struct sb_ledger *ledger;
    struct sb_conn *conn; /* reads from the target */
    struct sb_deployment_facts facts;
    struct sb_scratch *door;
    struct sb_restore *restore;
    struct sb_backups plan, data, oplog; /* the three looks at the backup */
    char id[16], nonce[33];
    const char *stage; /* guard, backup, restore, compare, checks */
    bool by_operator;  /* the target has the operator's mark: what else is on it stays */
    bool marked;       /* ours is there */
    bool undo;         /* writes that clear away */
    int64_t steps;
    struct drill_flight flight;
    uint64_t documents, bytes; /* that the target took */
    int level;
    int64_t room; /* bytes free on the target's disk when it began; 0: it does not tell */
    int64_t restore_ms, compare_ms;
    struct sb_err fault; /* the first cause; code SB_OK: none */
    struct sb_drill_sample samples[SB_DRILL_SAMPLES];
    uint64_t sampled;
    struct sb_rng rng;
    json_t *differences; /* at most 20 */
    uint64_t differences_n;
    json_t *checked;     /* what the operator's checks found */
    uint64_t looked_up, same;
    bool rehearsal; /* steps are gone through, and not made */
    /* of another program that restores: */
    const char *program;          /* NULL: none, we do */
    struct sb_str pbm_uri;        /* the variable in which pbm finds the target's connection string */
    bool going;                   /* pbm's restore was begun, and its end not seen */
    char **changed, **altered;    /* collections that a backup's own oplog changes, which pbm applies; and those of which it alters what they are */
    size_t changed_n, altered_n;
    struct sb_drill_target place; /* a folder for what it is told */
    struct sb_str uri;            /* the target's */
    int oplog_fd;                 /* -1: none */
    json_t *runs;
    int64_t restorer_ms;
    char restorer_version[128], restorer_sha256[SB_HEX_LEN + 1];
};

/* The INTENT of what is about to be done, as step d->steps, with its permit; and the RESULT. */
int sb_drill_intend(struct drill *d, const char *text, struct sb_permit *permit, struct sb_err *err);
int sb_drill_came_of(struct drill *d, int64_t step, const struct sb_write_result *result, struct sb_err *err);

/* One write without documents: INTENT, the door, RESULT; after what is under way has come back. */
int sb_drill_write(struct drill *d, const struct sb_restore_step *step, struct sb_err *err);

/* ---- drill_flight.c: writes with documents, one of which is under way while the next one is made ready ---- */

/* Its INTENT; it is sent when the one before it has come back well, whose RESULT is then on the record. -1: also of the one before. */
int sb_drill_fly(struct drill *d, const struct sb_restore_step *step, struct sb_err *err);

/* Waits for what is under way, and puts its RESULT on the record. 0: it was well, or there was none. */
int sb_drill_land(struct drill *d, struct sb_err *err);

/* Ends the thread; after sb_drill_land. */
void sb_drill_flight_end(struct drill *d);

/* ---- drill_guard.c: may it be written to at all; the mark; clearing away ---- */

int sb_drill_guard(struct drill *d, struct sb_err *err);
int sb_drill_mark(struct drill *d, struct sb_err *err);
int sb_drill_clear(struct drill *d, struct sb_err *err);

/* Why the level does not count for policy beyond L2; code is a word of it. NULL: it counts. */
const char *sb_drill_cap(const struct drill *d, const char **code);

/* ---- drill_said.c: what a program said that was run for the drill ---- */

void sb_drill_make_harmless(struct drill *d, struct sb_str *text); /* neither a password of d->uri nor anything that drives a terminal */
json_t *sb_drill_kept(const struct sb_str *text);
void sb_drill_last_line(const struct sb_str *text, char *out, size_t cap); /* that says something */

/* ---- drill_restorer.c: another program that restores; what is kept of it is in `runs` ---- */

int sb_drill_program_begin(struct drill *d, const char *version, struct sb_err *err); /* reads the URI, makes a folder; what it is, asked by this word */
char *sb_drill_program_text(const char *const argv[]);                                /* what its intent says; heap, NULL: out of memory */
int sb_drill_keep_run(struct drill *d, const char *const argv[], const struct sb_told *told, struct sb_err *err); /* in the report */
int sb_drill_nothing_else(struct drill *d, struct sb_err *err);                       /* did it make what the backup does not hold? */

int sb_drill_restorer_begin(struct drill *d, struct sb_err *err);
int sb_drill_restorer_data(struct drill *d, struct sb_err *err);
int sb_drill_restorer_entry(struct drill *d, const unsigned char *p, size_t n, struct sb_err *err); /* the next one of the oplog, for it */
int sb_drill_restorer_oplog(struct drill *d, struct sb_err *err);
json_t *sb_drill_restorer_report(const struct drill *d);
int sb_drill_restorer_end(struct drill *d, struct sb_err *err); /* also where it was not begun */

/* ---- drill_pbm.c: Percona Backup for MongoDB restores ---- */

int sb_drill_pbm_fits(const struct drill *d, struct sb_err *err);
int sb_drill_pbm_begin(struct drill *d, struct sb_err *err);
int sb_drill_pbm_entry(struct drill *d, const unsigned char *p, size_t n, struct sb_err *err); /* of the store's oplog: what it changes */
int sb_drill_pbm_data(struct drill *d, struct sb_err *err);

/* ---- drill_compare.c ---- */

void sb_drill_sample(struct drill *d, const char *ns, const unsigned char *p, size_t n);

/* What is there against what the backup holds: with documents counts and contents, without them indexes and options. */
int sb_drill_compare(struct drill *d, bool documents, struct sb_err *err);
int sb_drill_look_up(struct drill *d, struct sb_err *err);
int sb_drill_checks(struct drill *d, struct sb_err *err);

/* The differences between the source as it is now and the backup, as a report; NULL: they could not be had. */
json_t *sb_drill_source(struct drill *d);

/* Was this very backup (by path and time) drilled before, with another content? A bare .bson has no checksum, so that only the
 * record tells that a value in it was altered. */
int sb_drill_as_before(struct drill *d, struct sb_err *err);

/* Over namespaces, counts and contents of what was read: the same backup gives the same. */
int sb_drill_digest(const struct drill *d, char hex[SB_HEX_LEN + 1], struct sb_err *err);

#endif
