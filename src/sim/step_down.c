/* SPDX-License-Identifier: Apache-2.0
 *
 * A primary that is told to step down. */
#include <signalbox/base/clock.h>
#include <signalbox/sim/build.h>
#include <signalbox/sim/repl.h>
#include <signalbox/sim/role.h>
#include <signalbox/sim/wait.h>

#include "role_log.h"

static void give_back(struct sim_member *m)
{
    m->role.writable = true;
    m->sim->primary_id = m->id;
    sim_topology_changed(m);
    sim_builds_step_up(m->sim);
}

static void hand_off(struct sim_member *m, int64_t seconds, struct sim_member *next)
{
    sim_step_down(m, seconds * 1000000, "conn");
    if (!next)
        return;
    sim_say(m, "REPL", 21347, "conn", "Handing off election", "target:s", next->name);
    sim_run_for_primary(next, SIM_STEP_UP, true);
}

static int too_late(struct sim_member *m, struct sim_fail *f)
{
    char time[SB_TIME_LEN + 1];
    sb_time_format(time, sim_now_ms(m->sim));
    time[SB_TIME_LEN - 1] = '\0'; /* the server tells the zone as an offset */
    return sim_fail(f, SIM_TOO_LATE,
                    "No electable secondaries caught up as of %s+00:00Please use the replSetStepDown command with the argument {force: true} to force node "
                    "to step down.", time);
}

bool sim_try_step_down(struct sim_member *m, const struct sim_step_down *how, int64_t since_us, struct sim_fail *f)
{
    struct sim *s = m->sim;
    if (!m->primary) {
        sim_fail(f, SIM_STEPPED_DOWN,
                 "While waiting for secondaries to catch up before stepping down, this node decided to step down for other reasons");
        return true;
    }
    if (m->role.writable) {
        m->role.writable = false;
        s->primary_id = -1;
        sim_topology_changed(m);
    }
    struct sim_member *next = sim_successor(m);
    bool late = s->now - since_us >= how->catch_up_s * 1000000, others_have = sim_replicated(s, m->applied_ts, sim_majority(s));
    if ((next && others_have) || (late && how->force)) {
        hand_off(m, how->seconds, others_have ? next : NULL);
        return true;
    }
    if (!late)
        return false;
    give_back(m);
    too_late(m, f);
    return true;
}
