/* SPDX-License-Identifier: Apache-2.0
 *
 * drill.h - a restore that is really made: into a throw-away deployment, measured, compared, cleaned up, on the record.
 *
 * A drill has a ledger of its own kind, because its target is no deployment that is watched and because a restore is many
 * writes: the folder DIR holds one, like any other, which all drills of a state folder share. Each write is an INTENT there,
 * and only that yields the permit that the scratch door (mongo/scratch_door.h) wants. A drill begins and ends with an entry of the
 * kind `drill`. Its end is what counts elsewhere: the deployment's own ledger takes it over from there.
 *
 * What is refused: a target that calls itself by the id of any deployment that is watched; one that is not empty and carries no
 * operator's mark; a backup that does not pass level 1. A drill that was killed left its mark at the target: the next drill
 * into it finds the mark, looks its nonce up in the ledger, and clears away what that one had restored before it begins.
 *
 * The levels that it shows: L2 every byte was read and all checks held; L3 it was restored, with its indexes; L4 and what is
 * there is what the backup holds, by counts, contents, indexes, options and a sample by _id; L5 and the checks of the
 * operator's own file passed. policy_level is what a policy may go by: at most L2 where the target is no mongod of the
 * backup's version (cap says why). Thread: one; blocks for as long as a restore takes.
 *
 * restorer: the operator's own mongorestore restores, instead of this program: `PROGRAM --config=FILE --stopOnError --nsExclude=admin.*
 * ... (--archive=FILE | --dir=DIR) [--gzip]`, and where there is an oplog a second time with --oplogReplay and a folder that holds that
 * alone; FILE holds {"uri"}, mode 600. Without a shell, with a bare environment, no longer than limit_s each time. It has an intent
 * like a write; while it runs, the target's identity and marks are read again every second, and it is ended where they are not as they
 * were. How it ended and what it said (without the password and control characters) is in the report, and what it restored is compared
 * like what we restore ourselves.
 *
 * pbm: Percona Backup for MongoDB restores a logical backup of one replica set, from its store, which the pbm-agents of the target must
 * be set up for. The calls, each with the target's connection string in $PBM_MONGODB_URI, 60 s for each and nothing else in its
 * environment than PATH, HOME, TZ and the locale: `PBM version`; `PBM status --out=json` (every agent well, nothing running, no
 * point-in-time recovery, the set the target's); `PBM list --out=json` (the backup is there, and done); behind an intent `PBM restore NAME
 * --out=json`, with --replset-remapping=TARGET=BACKUP where the sets have different names; then every second `PBM describe-restore NAME
 * --out=json` until that is done, with the target's identity and marks read again each time. What its end was not seen of is not
 * cleared away. A physical, incremental or external backup is refused: it replaces the files of mongods that are ended for it. pbm
 * applies the backup's own oplog in the same go: of a collection that this changes, indexes and options are compared, and the level
 * stays L3.
 *
 * The checks' file: {"sentinels": [{"ns", "filter"}], "queries": [{"name", "ns", "filter", "at_least", "at_most"}],
 * "health": ["program", "argument"...], "health_within_s": SECONDS}: a sentinel must be found, a query must count within its limits, the
 * program must exit with 0 within its time (300 s where it is not said), or its whole process group is killed. It runs without a shell
 * and with a bare environment, in which $SIGNALBOX_DRILL_URI_FILE names the file with the target's connection string.
 */
#ifndef SIGNALBOX_ORCHESTRATOR_DRILL_H
#define SIGNALBOX_ORCHESTRATOR_DRILL_H

#include <jansson.h>
#include <signalbox/base/clock.h>
#include <signalbox/base/seal.h>
#include <signalbox/mongo/server.h>

/* The ids of all deployments that are watched, and their names. */
struct sb_drill_watched {
    char **ids, **names;
    size_t ids_n, names_n;
};

/* Deployments that a config describes: name, and the file with the connection string (NULL: none). */
struct sb_drill_known {
    char **names, **uri_files;
    size_t n;
};
int sb_drill_know(struct sb_drill_known *known, const char *name, const char *uri_file, struct sb_err *err);
void sb_drill_known_release(struct sb_drill_known *known);

/* By the record of a state folder, and by asking each that is known who it is. One that was never seen and does not answer now
 * might be the target: that is an error. Release it also after one. */
int sb_drill_watched_find(struct sb_drill_watched *w, const char *state_dir, const struct sb_drill_known *known, struct sb_err *err);
void sb_drill_watched_release(struct sb_drill_watched *w);

#define SB_DRILL_RESTORER_S 14400
#define SB_DRILL_LIMIT_MAX_S 604800

struct sb_drill_options {
    const char *dir;            /* of the drills' ledger; made when it is missing */
    struct sb_origin *origin;
    const char *by;             /* who asked */
    const char *deployment;     /* whose backup it is; NULL: not said */
    const char *path;           /* of the backup: a folder or archive of mongodump's */
    const struct sb_server *target;
    const char *target_file;    /* the file with its connection string */
    const char *started_by;     /* the program that started it for this drill; NULL: it was there */
    const struct sb_server *source; /* to compare with what is there now; NULL: not asked for */
    const struct sb_drill_watched *watched;
    uint64_t until;             /* time of the oplog to stop at; 0: its end */
    const json_t *checks;       /* NULL: none */
    const struct sb_seal_key *key; /* of a sealed backup; NULL: none */
    const char *restorer;       /* a program that restores in our place; NULL: none */
    const char *pbm;            /* pbm, which restores a backup of its own store; NULL: none. Not beside restorer */
    int limit_s;                /* how long it may take; 0: SB_DRILL_RESTORER_S */
    bool keep;                  /* do not clear the target afterwards */
    void (*read)(void *ctx, uint64_t bytes); /* NULL, or told of bytes that were read of the backup */
    void *ctx;
};

/* The folder of the drills' ledger below a state folder, heap; NULL: out of memory. */
char *sb_drill_folder(const char *state_dir);

/* Makes a drill. *report (the caller's) is its last entry's body, also when it failed, which is no error here: ask its "ok".
 * -1: there was none, because of the ledger or of memory. */
int sb_drill(const struct sb_drill_options *o, json_t **report, struct sb_err *err);

#endif
