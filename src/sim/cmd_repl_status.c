/* SPDX-License-Identifier: Apache-2.0
 *
 * replSetGetStatus: what a member knows of itself and, by its heartbeats, of the others. */
#include <signalbox/sim/initial_sync.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>

#include "commands.h"

#include <string.h>

static const char *source_name(const struct sim *s, int id)
{
    return id >= 0 ? s->member[id].name : "";
}

static void put_times(struct sim_w *w, struct sim_optime at, int64_t wall_ms, bool self)
{
    sim_put_optime(w, "optime", at);
    if (!self)
        sim_put_optime(w, "optimeDurable", at);
    sim_w_date(w, "optimeDate", (int64_t)(at.ts >> 32) * 1000);
    if (!self)
        sim_w_date(w, "optimeDurableDate", (int64_t)(at.ts >> 32) * 1000);
    sim_w_date(w, "lastAppliedWallTime", wall_ms);
    sim_w_date(w, "lastDurableWallTime", wall_ms);
}

static void put_tail(struct sim_w *w, const struct sim *s, int sync, const char *info, uint64_t elected_ts, int64_t version, int64_t term)
{
    sim_w_text(w, "syncSourceHost", source_name(s, sync));
    sim_w_i32(w, "syncSourceId", sync);
    sim_w_text(w, "infoMessage", info);
    if (elected_ts) {
        sim_w_ts(w, "electionTime", elected_ts);
        sim_w_date(w, "electionDate", (int64_t)(elected_ts >> 32) * 1000);
    }
    sim_w_i32(w, "configVersion", version);
    sim_w_i32(w, "configTerm", term);
}

static void put_self(struct sim_w *w, const struct sim *s, const struct sim_member *m)
{
    char info[100] = "";
    if (m->role.syncing >= 0)
        snprintf(info, sizeof info, "syncing from: %s", s->member[m->role.syncing].name);
    else if (!m->primary && sim_bears_data(m) && (m->role.sync < 0 || sim_is_stale(s, m)) && s->now - m->start_us > SIM_ELECTION_US)
        snprintf(info, sizeof info, "Could not find member to sync from");
    sim_w_i32(w, "_id", m->id);
    sim_w_text(w, "name", m->name);
    sim_w_f64(w, "health", 1);
    sim_w_i32(w, "state", m->role.state);
    sim_w_text(w, "stateStr", sim_state_name(m->role.state));
    sim_w_i32(w, "uptime", (s->now - m->start_us) / 1000000);
    if (!s->seat[m->id].arbiter)
        put_times(w, sim_applied(m), m->applied_wall_ms, true);
    put_tail(w, s, m->role.sync, info, m->primary ? m->role.elected_ts : 0, m->role.config_version, m->role.config_term);
    sim_w_bool(w, "self", true);
    sim_w_text(w, "lastHeartbeatMessage", "");
}

static void put_peer(struct sim_w *w, const struct sim *s, const struct sim_peer *p, const struct sim_member *x)
{
    sim_w_i32(w, "_id", x->id);
    sim_w_text(w, "name", x->name);
    sim_w_f64(w, "health", p->up);
    sim_w_i32(w, "state", p->up ? p->state : SIM_DOWN);
    sim_w_text(w, "stateStr", p->up ? sim_state_name(p->state) : "(not reachable/healthy)");
    sim_w_i32(w, "uptime", p->up ? (s->now - p->up_since_us) / 1000000 : 0);
    if (!s->seat[x->id].arbiter)
        put_times(w, p->applied, p->applied_wall_ms, false);
    sim_w_date(w, "lastHeartbeat", p->beat_us / 1000);
    sim_w_date(w, "lastHeartbeatRecv", p->heard_us / 1000);
    sim_w_i64(w, "pingMs", 0);
    sim_w_text(w, "lastHeartbeatMessage", p->message);
    put_tail(w, s, p->sync, "", p->up ? p->elected_ts : 0, p->config_version, p->config_term);
}

static void put_date_if(struct sim_w *w, const char *key, int64_t us)
{
    if (us)
        sim_w_date(w, key, us / 1000);
}

static const char *const reasons[SIM_REASONS] = {[SIM_STEP_UP] = "stepUpRequestSkipDryRun", [SIM_PRIORITY_TAKEOVER] = "priorityTakeover",
                                                 [SIM_CATCH_UP_TAKEOVER] = "catchUpTakeover", [SIM_ELECTION_TIMEOUT] = "electionTimeout",
                                                 [SIM_FREEZE_TIMEOUT] = "singleNodePromptElection"};

static void put_elections(struct sim_w *w, const struct sim_role *r)
{
    if (r->race.term) {
        sim_w_doc(w, "electionCandidateMetrics");
        sim_w_text(w, "lastElectionReason", reasons[r->race.reason]);
        sim_w_date(w, "lastElectionDate", r->race.at_us / 1000);
        sim_w_i64(w, "electionTerm", r->race.term);
        sim_put_optime(w, "lastCommittedOpTimeAtElection", r->race.committed);
        sim_put_optime(w, "lastSeenOpTimeAtElection", r->race.seen);
        sim_w_i32(w, "numVotesNeeded", r->race.needed);
        sim_w_f64(w, "priorityAtElection", r->race.priority);
        sim_w_i64(w, "electionTimeoutMillis", SIM_ELECTION_US / 1000);
        if (r->race.prior >= 0)
            sim_w_i32(w, "priorPrimaryMemberId", r->race.prior);
        sim_w_i64(w, "numCatchUpOps", r->race.catch_up_ops);
        put_date_if(w, "newTermStartDate", r->race.started_us);
        put_date_if(w, "wMajorityWriteAvailabilityDate", r->race.majority_us);
        sim_w_end(w);
    }
    if (r->vote.term) {
        sim_w_doc(w, "electionParticipantMetrics");
        sim_w_bool(w, "votedForCandidate", true);
        sim_w_i64(w, "electionTerm", r->vote.term);
        sim_w_date(w, "lastVoteDate", r->vote.at_us / 1000);
        sim_w_i32(w, "electionCandidateMemberId", r->vote.candidate);
        sim_w_text(w, "voteReason", "");
        sim_put_optime(w, "lastAppliedOpTimeAtElection", r->vote.applied);
        sim_put_optime(w, "maxAppliedOpTimeInSet", r->vote.most);
        sim_w_f64(w, "priorityAtElection", r->vote.priority);
        if (r->vote.applied_us) { /* told when the entry of the term has been applied */
            put_date_if(w, "newTermStartDate", r->vote.started_us);
            put_date_if(w, "newTermAppliedDate", r->vote.applied_us);
        }
        sim_w_end(w);
    }
}

static void put_optimes(struct sim_w *w, const struct sim *s, const struct sim_member *m)
{
    struct sim_optime commit = sim_committed(m);
    sim_w_doc(w, "optimes");
    sim_put_optime(w, "lastCommittedOpTime", commit);
    sim_w_date(w, "lastCommittedWallTime", s->commit_wall_ms < m->applied_wall_ms ? s->commit_wall_ms : m->applied_wall_ms);
    sim_put_optime(w, "readConcernMajorityOpTime", commit);
    sim_put_optime(w, "appliedOpTime", sim_applied(m));
    sim_put_optime(w, "durableOpTime", sim_applied(m));
    sim_w_date(w, "lastAppliedWallTime", m->applied_wall_ms);
    sim_w_date(w, "lastDurableWallTime", m->applied_wall_ms);
    sim_w_end(w);
}

int sim_cmd_repl_get_status(struct sim_call *c)
{
    const struct sim *s = c->s;
    const struct sim_member *m = c->m;
    struct sim_w *w = c->reply;
    bool initial_sync = true;
    if (sim_arg_bool(c, "initialSync", &initial_sync))
        return -1;
    sim_w_text(w, "set", s->set_name);
    sim_w_date(w, "date", sim_now_ms(s));
    sim_w_i32(w, "myState", m->role.state);
    sim_w_i64(w, "term", m->role.term);
    sim_w_text(w, "syncSourceHost", source_name(s, m->role.sync));
    sim_w_i32(w, "syncSourceId", m->role.sync);
    sim_w_i64(w, "heartbeatIntervalMillis", SIM_HEARTBEAT_US / 1000);
    sim_w_i32(w, "majorityVoteCount", sim_majority(s));
    sim_w_i32(w, "writeMajorityCount", sim_majority(s) < sim_data_votes(s) ? sim_majority(s) : sim_data_votes(s));
    sim_w_i32(w, "votingMembersCount", sim_votes(s));
    sim_w_i32(w, "writableVotingMembersCount", sim_data_votes(s));
    put_optimes(w, s, m);
    int64_t checkpoint = ((s->now - m->start_us) / 60000000 * 60 + m->start_us / 1000000);
    sim_w_ts(w, "lastStableRecoveryTimestamp", (uint64_t)checkpoint << 32 | 1);
    put_elections(w, &m->role);
    if (initial_sync && m->copying.wanted)
        sim_put_copying(w, m);
    sim_w_array(w, "members");
    for (int i = 0; i < s->members; i++) {
        sim_w_doc(w, NULL);
        if (i == m->id)
            put_self(w, s, m);
        else
            put_peer(w, s, &m->role.peer[i], &s->member[i]);
        sim_w_end(w);
    }
    sim_w_end(w);
    return 0;
}

int sim_cmd_repl_get_rbid(struct sim_call *c)
{
    sim_w_i32(c->reply, "rbid", c->m->role.rbid);
    return 0;
}
