/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes the reader of scenarios. What is taken is what the header promises: durations that are no less than nothing, members
 * that there are, rates and numbers that are numbers. A scenario that is refused says where. A small one that was taken is
 * loaded and runs for half a second of virtual time. */
#include "fuzz.h"

#include <signalbox/sim/clients.h>
#include <signalbox/sim/engine.h>
#include <signalbox/sim/scenario.h>

#include <math.h>

static void check_taken(const struct sim_scenario *sc)
{
    for (size_t i = 0; i < sc->apps_n; i++)
        for (size_t k = 0; k < sc->apps[i].tasks_n; k++)
            check(isfinite(sc->apps[i].tasks[k].rate) && sc->apps[i].tasks[k].rate >= 0);
    for (size_t i = 0; i < sc->events_n; i++) {
        const struct sim_happening *e = &sc->events[i];
        check(e->kind < SIM_EVENTS && e->at_us >= -1 && e->every_us >= 0 && e->for_us >= 0 && e->over_us >= 0 && e->length_us >= 0);
        check(isfinite(e->value) && e->member >= SIM_THE_PRIMARY && e->member < SIM_SCENARIO_MEMBERS);
    }
    for (size_t i = 0; i < SIM_SCENARIO_MEMBERS; i++)
        check(isfinite(sc->seat[i].priority) && sc->seat[i].delay_s >= 0);
}

/* Nothing that would take a real load's time or memory. */
static bool is_small(const struct sim_scenario *sc)
{
    uint64_t documents = 0;
    double rate = 0, clients = 0;
    for (size_t i = 0; i < sc->data_n; i++)
        documents += sc->data[i].documents < 1000 ? sc->data[i].documents : 1000;
    for (size_t i = 0; i < sc->apps_n; i++) {
        clients += sc->apps[i].clients;
        for (size_t k = 0; k < sc->apps[i].tasks_n; k++)
            rate += sc->apps[i].tasks[k].rate * (double)(sc->apps[i].tasks[k].batch > 1 ? sc->apps[i].tasks[k].batch : 1);
    }
    return documents <= 40 && rate <= 200 && clients <= 20 && sc->events_n == 0;
}

static void run(const struct sim_scenario *sc)
{
    static const struct sim_setup setup = {.seed = 1, .start_ms = 1700000000000, .speed = 1, .scenario_name = "fuzz", .port = {1, 2, 3}, .members = 3, .pid = 1};
    struct sb_err err = SB_ERR_INIT;
    struct sim *s = sim_new(&setup, &err);
    check(s != NULL);
    if (sim_clients_load(s, sc, &err))
        check(err.msg[0] != '\0');
    else
        sim_run_until(s, s->now + 500000);
    sim_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sb_err err = SB_ERR_INIT;
    char *text = malloc(size + 1); /* alone, so that every byte read behind it is seen */
    check(text != NULL);
    if (size)
        memcpy(text, data, size);
    struct sim_scenario *sc = sim_scenario_parse(text, size, "fuzz", "fuzz", &err);
    free(text);
    check(sc || strncmp(err.msg, "fuzz:", 5) == 0 || strstr(err.msg, "fuzz") != NULL);
    if (!sc)
        return 0;
    check_taken(sc);
    if (is_small(sc))
        run(sc);
    sim_scenario_free(sc);
    return 0;
}
