/* SPDX-License-Identifier: Apache-2.0
 *
 * build.h - index builds: on every member at once, taking time, visible while they run.
 *
 * As in MongoDB 5.0: the primary registers the build and tells the others through the oplog; each member scans its
 * collection, then puts the sorted keys in; when every voting member is ready the primary commits. A build goes on when
 * the client that asked for it is gone, ends by dropIndexes of all its indexes (IndexBuildAborted) or by killOp
 * (Interrupted), and a broken uniqueness fails it at the end. Time per document and key comes from the cost table. The
 * index really grows while the build runs. A build survives its primary: the next one commits it when the quorum is complete;
 * a killed member begins its part anew when it is back, and until then the default quorum waits for it. Thread: one.
 */
#ifndef SIGNALBOX_SIM_BUILD_H
#define SIGNALBOX_SIM_BUILD_H

#include <signalbox/sim/engine.h>

struct sim_builds *sim_builds_new(void);
void sim_builds_free(struct sim_builds *b);

/* Told when a build that a command waits for is over: f NULL for success. Called once. */
struct sim_build_waiter {
    void (*fn)(struct sim *s, void *ctx, const struct sim_fail *f);
    void *ctx;
    void (*drop)(void *ctx); /* instead of fn, when the simulation ends first */
    struct sim_conn *conn; /* for its log lines; NULL when the client went */
    int32_t opid;          /* of the command */
};

/* Begins to build checked specifications (n) on a collection of the primary. command: as currentOp shows it. */
int sim_build_begin(struct sim *s, struct sim_coll *c, const struct sim_val *specs, size_t n, struct sim_val quorum, struct sim_doc *command,
                    const struct sim_build_waiter *waiter, struct sim_fail *f);

/* Ends the builds on this collection whose indexes are exactly `name`, or all of them ("*"). How many. */
size_t sim_build_abort_named(struct sim *s, struct sim_coll *c, const char *name, const struct sim_conn *conn);

/* True when the operation belongs to a build (its thread or the waiting command): then the build is on its way out. */
bool sim_build_kill(struct sim *s, struct sim_member *m, int32_t opid);

/* The client is gone; its builds go on. */
void sim_build_forget(struct sim *s, const struct sim_conn *conn);

/* True while a build runs on this collection of the primary. */
bool sim_build_running(const struct sim *s, const uint8_t uuid[16]);

/* From the oplog. */
int sim_build_start_here(struct sim *s, struct sim_member *m, const uint8_t *uuid, const uint8_t *o, struct sim_fail *f);
int sim_build_commit_here(struct sim *s, struct sim_member *m, const uint8_t *uuid, const uint8_t *o, struct sim_fail *f);
int sim_build_abort_here(struct sim *s, struct sim_member *m, const uint8_t *uuid, const uint8_t *o, struct sim_fail *f);

/* A new primary goes on with the builds: it commits those whose quorum is complete. */
void sim_builds_step_up(struct sim *s);

/* The commands that wait on this member are interrupted; their builds go on. */
void sim_builds_step_down(struct sim_member *m);

/* The process is gone, and with it what it had of unfinished indexes; its commands get no answer. */
void sim_builds_killed(struct sim_member *m);

/* A new process, or a member with a copy of the data: begins its parts anew. */
void sim_builds_rejoin(struct sim *s, struct sim_member *m);

/* Entries behind this one are no history of the set any more. */
void sim_builds_forked(struct sim *s, uint64_t ts);

#endif
