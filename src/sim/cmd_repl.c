/* SPDX-License-Identifier: Apache-2.0
 *
 * hello, isMaster and the replSet commands. */
#include <signalbox/sim/repl.h>

#include "commands.h"

#include <string.h>

#define HEARTBEAT_US 2000000

static int32_t max_wire(const struct sim *s)
{
    return s->version[0] == 5 ? 13 : s->version[0] == 6 ? 17 : s->version[0] == 7 ? 21 : 25;
}

static void put_last_write(struct sim_w *w, const struct sim_member *m)
{
    const struct sim *s = m->sim;
    uint64_t commit = s->commit_ts < m->applied_ts ? s->commit_ts : m->applied_ts;
    sim_w_doc(w, "lastWrite");
    sim_put_optime(w, "opTime", m->applied_ts);
    sim_w_date(w, "lastWriteDate", (int64_t)(m->applied_ts >> 32) * 1000);
    sim_put_optime(w, "majorityOpTime", commit);
    sim_w_date(w, "majorityWriteDate", (int64_t)(commit >> 32) * 1000);
    sim_w_end(w);
}

void sim_put_set(struct sim_w *w, const struct sim_member *m, const char *primary_field)
{
    const struct sim *s = m->sim;
    sim_w_array(w, "hosts");
    for (int i = 0; i < s->members; i++)
        sim_w_text(w, NULL, s->member[i].name);
    sim_w_end(w);
    sim_w_text(w, "setName", SIM_SET_NAME);
    sim_w_i32(w, "setVersion", 1);
    sim_w_bool(w, primary_field, m->primary);
    sim_w_bool(w, "secondary", !m->primary);
    sim_w_text(w, "primary", s->member[0].name);
    sim_w_text(w, "me", m->name);
    if (m->primary)
        sim_w_oid(w, "electionId", s->election_id);
    put_last_write(w, m);
}

static int hello(struct sim_call *c, const char *primary_field)
{
    struct sim_w *w = c->reply;
    struct sim_val client = sim_arg(c, "client");
    if (client.type == BSON_TYPE_DOCUMENT && !c->conn->metadata)
        sim_conn_metadata(c->conn, client.p);
    if (sim_truth(sim_arg(c, "helloOk")))
        sim_w_bool(w, "helloOk", true);
    sim_put_set(w, c->m, primary_field);
    sim_w_i32(w, "maxBsonObjectSize", SIM_MAX_DOC);
    sim_w_i32(w, "maxMessageSizeBytes", 48000000);
    sim_w_i32(w, "maxWriteBatchSize", 100000);
    sim_w_date(w, "localTime", sim_now_ms(c->s));
    sim_w_i32(w, "logicalSessionTimeoutMinutes", 30);
    sim_w_i32(w, "connectionId", c->conn->id);
    sim_w_i32(w, "minWireVersion", 0);
    sim_w_i32(w, "maxWireVersion", max_wire(c->s));
    sim_w_bool(w, "readOnly", false);
    if (sim_arg(c, "saslSupportedMechs").type) { /* there are no users */
        sim_w_array(w, "saslSupportedMechs");
        sim_w_end(w);
    }
    return 0;
}

int sim_cmd_hello(struct sim_call *c)
{
    return hello(c, "isWritablePrimary");
}

int sim_cmd_is_master(struct sim_call *c)
{
    return hello(c, "ismaster");
}

/* ---- status ---- */

static int64_t heartbeat_from(const struct sim *s, const struct sim_member *m, int peer)
{
    /* every two seconds, each pair at its own moment */
    int64_t phase = (m->id * 700 + peer * 300 + 191) * 1000 % HEARTBEAT_US, since = s->now - s->start;
    int64_t last = since < phase ? 0 : (since - phase) / HEARTBEAT_US * HEARTBEAT_US + phase;
    return (s->start + last) / 1000;
}

/* What m knows of a peer is as old as the last heartbeat. */
static void put_peer(struct sim_w *w, const struct sim *s, const struct sim_member *m, const struct sim_member *p)
{
    bool self = m == p;
    const struct sim_member *source = p->primary ? NULL : p->id == 1 && s->members > 2 ? &s->member[2] : &s->member[0];
    if (p->id == 2 || s->members < 3)
        source = p->primary ? NULL : &s->member[0];
    sim_w_doc(w, NULL);
    sim_w_i32(w, "_id", p->id);
    sim_w_text(w, "name", p->name);
    sim_w_f64(w, "health", 1);
    sim_w_i32(w, "state", p->primary ? 1 : 2);
    sim_w_text(w, "stateStr", p->primary ? "PRIMARY" : "SECONDARY");
    sim_w_i32(w, "uptime", (s->now - s->start) / 1000000);
    sim_put_optime(w, "optime", p->applied_ts);
    if (!self)
        sim_put_optime(w, "optimeDurable", p->applied_ts);
    sim_w_date(w, "optimeDate", (int64_t)(p->applied_ts >> 32) * 1000);
    if (!self)
        sim_w_date(w, "optimeDurableDate", (int64_t)(p->applied_ts >> 32) * 1000);
    sim_w_date(w, "lastAppliedWallTime", p->applied_wall_ms);
    sim_w_date(w, "lastDurableWallTime", p->applied_wall_ms);
    if (!self) {
        sim_w_date(w, "lastHeartbeat", heartbeat_from(s, m, p->id));
        sim_w_date(w, "lastHeartbeatRecv", heartbeat_from(s, p, m->id));
        sim_w_i64(w, "pingMs", 0);
        sim_w_text(w, "lastHeartbeatMessage", "");
    }
    sim_w_text(w, "syncSourceHost", source ? source->name : "");
    sim_w_i32(w, "syncSourceId", source ? source->id : -1);
    sim_w_text(w, "infoMessage", "");
    if (p->primary) {
        sim_w_ts(w, "electionTime", (uint64_t)(s->start / 1000000) << 32 | 1);
        sim_w_date(w, "electionDate", s->start / 1000000 * 1000);
    }
    sim_w_i32(w, "configVersion", 1);
    sim_w_i32(w, "configTerm", 1);
    if (self) {
        sim_w_bool(w, "self", true);
        sim_w_text(w, "lastHeartbeatMessage", "");
    }
    sim_w_end(w);
}

static void put_first_optime(struct sim_w *w, const char *key, const struct sim *s)
{
    sim_w_doc(w, key);
    sim_w_ts(w, "ts", (uint64_t)(s->start / 1000000 - 10) << 32 | 1);
    sim_w_i64(w, "t", -1);
    sim_w_end(w);
}

static void put_election(struct sim_w *w, const struct sim *s, const struct sim_member *m)
{
    int64_t at = s->start / 1000;
    if (m->primary) {
        sim_w_doc(w, "electionCandidateMetrics");
        sim_w_text(w, "lastElectionReason", "electionTimeout");
        sim_w_date(w, "lastElectionDate", at);
        sim_w_i64(w, "electionTerm", 1);
        put_first_optime(w, "lastCommittedOpTimeAtElection", s);
        put_first_optime(w, "lastSeenOpTimeAtElection", s);
        sim_w_i32(w, "numVotesNeeded", s->members / 2 + 1);
        sim_w_f64(w, "priorityAtElection", 2);
        sim_w_i64(w, "electionTimeoutMillis", 10000);
        sim_w_i64(w, "numCatchUpOps", 0);
        sim_w_date(w, "newTermStartDate", at);
        sim_w_date(w, "wMajorityWriteAvailabilityDate", at);
        sim_w_end(w);
        return;
    }
    sim_w_doc(w, "electionParticipantMetrics");
    sim_w_bool(w, "votedForCandidate", true);
    sim_w_i64(w, "electionTerm", 1);
    sim_w_date(w, "lastVoteDate", at);
    sim_w_i32(w, "electionCandidateMemberId", 0);
    sim_w_text(w, "voteReason", "");
    put_first_optime(w, "lastAppliedOpTimeAtElection", s);
    put_first_optime(w, "maxAppliedOpTimeInSet", s);
    sim_w_f64(w, "priorityAtElection", 1);
    sim_w_date(w, "newTermStartDate", at);
    sim_w_date(w, "newTermAppliedDate", at);
    sim_w_end(w);
}

int sim_cmd_repl_get_status(struct sim_call *c)
{
    const struct sim *s = c->s;
    const struct sim_member *m = c->m, *source = m->primary ? NULL : m->id == 1 && s->members > 2 ? &s->member[2] : &s->member[0];
    uint64_t commit = s->commit_ts < m->applied_ts ? s->commit_ts : m->applied_ts;
    struct sim_w *w = c->reply;
    sim_w_text(w, "set", SIM_SET_NAME);
    sim_w_date(w, "date", sim_now_ms(s));
    sim_w_i32(w, "myState", m->primary ? 1 : 2);
    sim_w_i64(w, "term", 1);
    sim_w_text(w, "syncSourceHost", source ? source->name : "");
    sim_w_i32(w, "syncSourceId", source ? source->id : -1);
    sim_w_i64(w, "heartbeatIntervalMillis", 2000);
    sim_w_i32(w, "majorityVoteCount", s->members / 2 + 1);
    sim_w_i32(w, "writeMajorityCount", s->members / 2 + 1);
    sim_w_i32(w, "votingMembersCount", s->members);
    sim_w_i32(w, "writableVotingMembersCount", s->members);
    sim_w_doc(w, "optimes");
    sim_put_optime(w, "lastCommittedOpTime", commit);
    sim_w_date(w, "lastCommittedWallTime", s->commit_wall_ms < m->applied_wall_ms ? s->commit_wall_ms : m->applied_wall_ms);
    sim_put_optime(w, "readConcernMajorityOpTime", commit);
    sim_put_optime(w, "appliedOpTime", m->applied_ts);
    sim_put_optime(w, "durableOpTime", m->applied_ts);
    sim_w_date(w, "lastAppliedWallTime", m->applied_wall_ms);
    sim_w_date(w, "lastDurableWallTime", m->applied_wall_ms);
    sim_w_end(w);
    int64_t checkpoint = (s->now - s->start) / 60000000 * 60 + s->start / 1000000;
    sim_w_ts(w, "lastStableRecoveryTimestamp", (uint64_t)checkpoint << 32 | 1);
    put_election(w, s, m);
    sim_w_array(w, "members");
    for (int i = 0; i < s->members; i++)
        put_peer(w, s, m, &s->member[i]);
    sim_w_end(w);
    return 0;
}

int sim_cmd_repl_get_config(struct sim_call *c)
{
    const struct sim *s = c->s;
    struct sim_w *w = c->reply;
    sim_w_doc(w, "config");
    sim_w_text(w, "_id", SIM_SET_NAME);
    sim_w_i32(w, "version", 1);
    sim_w_i32(w, "term", 1);
    sim_w_array(w, "members");
    for (int i = 0; i < s->members; i++) {
        sim_w_doc(w, NULL);
        sim_w_i32(w, "_id", i);
        sim_w_text(w, "host", s->member[i].name);
        sim_w_bool(w, "arbiterOnly", false);
        sim_w_bool(w, "buildIndexes", true);
        sim_w_bool(w, "hidden", false);
        sim_w_f64(w, "priority", i == 0 ? 2 : 1);
        sim_w_doc(w, "tags");
        sim_w_end(w);
        sim_w_i64(w, "secondaryDelaySecs", 0);
        sim_w_i32(w, "votes", 1);
        sim_w_end(w);
    }
    sim_w_end(w);
    sim_w_i64(w, "protocolVersion", 1);
    sim_w_bool(w, "writeConcernMajorityJournalDefault", true);
    sim_w_doc(w, "settings");
    sim_w_bool(w, "chainingAllowed", true);
    sim_w_i32(w, "heartbeatIntervalMillis", 2000);
    sim_w_i32(w, "heartbeatTimeoutSecs", 10);
    sim_w_i32(w, "electionTimeoutMillis", 10000);
    sim_w_i32(w, "catchUpTimeoutMillis", -1);
    sim_w_i32(w, "catchUpTakeoverDelayMillis", 30000);
    sim_w_doc(w, "getLastErrorModes");
    sim_w_end(w);
    sim_w_doc(w, "getLastErrorDefaults");
    sim_w_i32(w, "w", 1);
    sim_w_i32(w, "wtimeout", 0);
    sim_w_end(w);
    sim_w_oid(w, "replicaSetId", s->set_id);
    sim_w_end(w);
    sim_w_end(w);
    return 0;
}

int sim_cmd_repl_get_rbid(struct sim_call *c)
{
    sim_w_i32(c->reply, "rbid", 1);
    return 0;
}

int sim_cmd_repl_step_down(struct sim_call *c)
{
    if (!c->m->primary)
        return sim_fail(&c->fail, SIM_NOT_PRIMARY, "not primary so can't step down");
    return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "elections are not simulated");
}

int sim_cmd_repl_freeze(struct sim_call *c)
{
    return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "elections are not simulated");
}
