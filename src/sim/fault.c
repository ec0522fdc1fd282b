/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/engine.h>

#include <string.h>

static const char *const names[SIM_FAULTS] = {"none", "cut", "half", "delay", "wrong-id", "huge", "garbage", "refuse-login", "not-primary"};

int sim_fault_of(const char *name)
{
    for (int i = 0; i < SIM_FAULTS; i++)
        if (strcmp(name, names[i]) == 0)
            return i;
    return -1;
}

const char *sim_fault_name(enum sim_fault f)
{
    return names[f];
}

const char *sim_fault_names(void)
{
    return "none, cut, half, delay, wrong-id, huge, garbage, refuse-login, not-primary";
}

void sim_fault_set(struct sim_member *m, enum sim_fault f, int64_t to_us)
{
    m->fault = f;
    m->fault_to_us = to_us;
}

enum sim_fault sim_fault_now(const struct sim_member *m)
{
    return m->sim->now < m->fault_to_us ? m->fault : SIM_FAULT_NONE;
}
