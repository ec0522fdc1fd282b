/* SPDX-License-Identifier: Apache-2.0
 *
 * The configuration of the set: told, and changed where the simulation can follow. */
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>

#include "commands.h"

#include <string.h>

int sim_cmd_repl_get_config(struct sim_call *c)
{
    const struct sim *s = c->s;
    struct sim_w *w = c->reply;
    sim_w_doc(w, "config");
    sim_w_text(w, "_id", s->set_name);
    sim_w_i32(w, "version", c->m->role.config_version);
    sim_w_i32(w, "term", c->m->role.config_term);
    sim_w_array(w, "members");
    for (int i = 0; i < s->members; i++) {
        sim_w_doc(w, NULL);
        sim_w_i32(w, "_id", i);
        sim_w_text(w, "host", s->member[i].name);
        sim_w_bool(w, "arbiterOnly", s->seat[i].arbiter);
        sim_w_bool(w, "buildIndexes", true);
        sim_w_bool(w, "hidden", s->seat[i].hidden);
        sim_w_f64(w, "priority", s->seat[i].priority);
        sim_w_doc(w, "tags");
        sim_w_end(w);
        sim_w_i64(w, "secondaryDelaySecs", s->seat[i].delay_s);
        sim_w_i32(w, "votes", s->seat[i].votes);
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

/* ---- replSetReconfig ---- */

static int bad(struct sim_call *c, int member, const char *why)
{
    return sim_fail(&c->fail, SIM_BAD_CONFIG, "Rejected new config :: caused by :: member with _id %d: %s", member, why);
}

static int read_seat(struct sim_call *c, int i, const uint8_t *d, struct sim_seat *seat)
{
    struct sim_val host = sim_find(d, "host"), priority = sim_find(d, "priority"), delay = sim_find(d, "secondaryDelaySecs");
    if (!sim_text_is(host, c->s->member[i].name) || sim_truth(sim_find(d, "arbiterOnly")) != c->s->seat[i].arbiter)
        return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "another host, or a member that becomes an arbiter or ceases to be one, is not simulated");
    *seat = (struct sim_seat){.priority = priority.type ? sim_number(priority) : 1, .hidden = sim_truth(sim_find(d, "hidden")), .arbiter = c->s->seat[i].arbiter,
                              .votes = (int)sim_int(sim_find(d, "votes"), 1), .delay_s = sim_int(delay, 0)};
    if (!(seat->priority >= 0 && seat->priority <= 1000))
        return bad(c, i, "priority must be between 0 and 1000");
    if (seat->votes != 0 && seat->votes != 1)
        return bad(c, i, "votes field value must be 0 or 1");
    if (seat->delay_s < 0 || seat->delay_s > 3600 * 24 * 366)
        return bad(c, i, "secondaryDelaySecs field value is out of range");
    if (seat->arbiter && (seat->priority > 0 || !seat->votes))
        return bad(c, i, "priority must be 0 and votes 1 for an arbiter");
    if (seat->hidden && seat->priority > 0)
        return bad(c, i, "priority must be 0 when hidden=true");
    if (seat->delay_s && seat->priority > 0)
        return bad(c, i, "priority must be 0 when secondaryDelaySecs is used");
    if (!seat->votes && seat->priority > 0)
        return bad(c, i, "priority must be 0 when non-voting (votes:0)");
    return 0;
}

static int check_set(struct sim_call *c, const struct sim_seat *seat)
{
    int changed = 0, votes = 0, electable = 0;
    for (int i = 0; i < c->s->members; i++) {
        changed += seat[i].votes != c->s->seat[i].votes;
        votes += seat[i].votes;
        electable += seat[i].priority > 0;
    }
    if (!votes || !electable)
        return sim_fail(&c->fail, SIM_BAD_CONFIG, "Rejected new config :: caused by :: a set wants a member that can become primary");
    if (changed > 1)
        return sim_fail(&c->fail, SIM_BAD_CONFIG,
                        "Rejected new config :: caused by :: Non force replica set reconfig can only add or remove at most 1 voting member.");
    return 0;
}

int sim_cmd_repl_reconfig(struct sim_call *c)
{
    const uint8_t *config = NULL;
    struct sim *s = c->s;
    struct sim_seat seat[SIM_MEMBERS_MAX];
    struct sim_elem e;
    int n = 0;
    struct sim_val doc = sim_arg(c, "replSetReconfig");
    if (doc.type != BSON_TYPE_DOCUMENT)
        return sim_fail(&c->fail, SIM_BAD_VALUE, "no configuration specified");
    config = doc.p;
    if (!sim_is_writable(c->m) && !sim_truth(sim_arg(c, "force")))
        return sim_fail(&c->fail, SIM_NOT_PRIMARY,
                        "New config is rejected :: caused by :: replSetReconfig should only be run on a writable PRIMARY. Current state %s;",
                        sim_state_name(c->m->role.state));
    if (!sim_is_writable(c->m))
        return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "a forced replSetReconfig is not simulated");
    if (!sim_text_is(sim_find(config, "_id"), s->set_name))
        return sim_fail(&c->fail, SIM_BAD_CONFIG, "New and old configurations differ in replica set name");
    int64_t version = sim_int(sim_find(config, "version"), 0);
    if (version <= s->config_version)
        return sim_fail(&c->fail, SIM_BAD_CONFIG,
                        "New replica set configuration version must be greater than old, but %lld is not greater than %lld for replica set %s",
                        (long long)version, (long long)s->config_version, s->set_name);
    struct sim_val members = sim_find(config, "members");
    struct sim_iter it = members.type == BSON_TYPE_ARRAY ? sim_iter_of(members.p) : (struct sim_iter){NULL};
    while (it.at && sim_next(&it, &e)) {
        if (e.v.type != BSON_TYPE_DOCUMENT || n == s->members || sim_int(sim_find(e.v.p, "_id"), -1) != n)
            return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "another number or order of members is not simulated");
        if (read_seat(c, n, e.v.p, &seat[n]))
            return -1;
        n++;
    }
    if (n != s->members)
        return sim_fail(&c->fail, SIM_NOT_IMPLEMENTED, "another number or order of members is not simulated");
    if (check_set(c, seat))
        return -1;
    memcpy(s->seat, seat, sizeof s->seat[0] * (size_t)n);
    sim_seats_changed(s, version);
    return 0;
}
