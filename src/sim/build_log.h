/* SPDX-License-Identifier: Apache-2.0
 *
 * build_log.h - what an index build writes into a member's log, line by line as mongod 5.0 does.
 *
 * names: {0: "a_1", ...}; conn 0: no client. Durations in microseconds. */
#ifndef SIM_BUILD_LOG_H
#define SIM_BUILD_LOG_H

#include <signalbox/sim/engine.h>

void sim_build_log_register(struct sim_member *m, int conn, const uint8_t build[16], const uint8_t coll[16], const char *ns, const uint8_t *names);
void sim_build_log_start(struct sim_member *m, const uint8_t build[16], const uint8_t coll[16], const char *ns, const uint8_t *specs, uint64_t ts);
void sim_build_log_waiting(struct sim_member *m, int conn, const uint8_t build[16]);
void sim_build_log_scanned(struct sim_member *m, const uint8_t build[16], const uint8_t coll[16], const char *ns, int64_t records, int64_t us);
void sim_build_log_inserted(struct sim_member *m, const uint8_t build[16], const char *ns, const uint8_t *names, int64_t keys, int64_t us);
void sim_build_log_quorum(struct sim_member *m, const uint8_t build[16], const uint8_t coll[16], const uint8_t *quorum, const uint8_t *names);
void sim_build_log_done(struct sim_member *m, const uint8_t build[16], const uint8_t coll[16], const char *ns, const uint8_t *names, uint64_t ts,
                        unsigned before, unsigned after, int conn, int64_t us, const struct sim_doc *command, int64_t yields);
void sim_build_log_abort(struct sim_member *m, int conn, const uint8_t build[16], const uint8_t coll[16], const uint8_t *names, int64_t records,
                         bool scanning);
void sim_build_log_stopped(struct sim_member *m, const uint8_t build[16], const uint8_t coll[16], int64_t records, int32_t code);
void sim_build_log_failed(struct sim_member *m, int conn, const uint8_t build[16], const struct sim_fail *why);
void sim_build_log_drop(struct sim_member *m, const char *ns, const uint8_t coll[16], const char *name);
void sim_build_log_cleaned(struct sim_member *m, const uint8_t build[16]);
void sim_build_log_background(struct sim_member *m, int conn, const uint8_t build[16]);

#endif
