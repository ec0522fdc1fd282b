/* SPDX-License-Identifier: Apache-2.0
 *
 * session.h - logical sessions, and what a retryable write answered.
 *
 * Sessions of the whole set, by lsid.id. For each the newest transaction number and the reply of its command are kept: a
 * retry with the same number gets the same reply and changes nothing. The least recently used are forgotten when there are
 * more than SIM_SESSIONS_MAX. Thread: one.
 */
#ifndef SIGNALBOX_SIM_SESSION_H
#define SIGNALBOX_SIM_SESSION_H

#include <signalbox/sim/engine.h>

#define SIM_SESSIONS_MAX 10000

struct sim_sessions *sim_sessions_new(void);
void sim_sessions_free(struct sim_sessions *t);

/* The newest transaction number of a session, and what became of it when it was a transaction's. */
enum sim_turn_state { SIM_TURN_WRITE, SIM_TURN_OPEN, SIM_TURN_COMMITTED, SIM_TURN_ABORTED };

struct sim_turn {
    int64_t number; /* INT64_MIN none */
    enum sim_turn_state state;
    uint64_t ts; /* of the newest entry when it was answered or committed */
};

/* Lives until the next call of this module; NULL for a malformed lsid or out of memory. */
struct sim_turn *sim_session_turn(struct sim *s, const uint8_t *lsid);

/* The reply of the command with this number, NULL when it was not seen; an older number than the newest fails. Marks the
 * number as begun. */
const uint8_t *sim_session_retried(struct sim *s, const uint8_t *lsid, int64_t txn_number, struct sim_fail *f);
void sim_session_remember(struct sim *s, const uint8_t *lsid, int64_t txn_number, const uint8_t *reply);

/* Entries behind this one are no history of the set any more: a retry of their commands is done anew. */
void sim_sessions_forget_after(struct sim *s, uint64_t ts);

void sim_session_touch(struct sim *s, const uint8_t *lsid);
void sim_session_end(struct sim *s, const uint8_t *lsid);
size_t sim_session_count(const struct sim *s);

#endif
