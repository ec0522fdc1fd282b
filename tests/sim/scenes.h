/* SPDX-License-Identifier: Apache-2.0
 *
 * scenes.h - for tests: a scenario at work in virtual time, and what its members tell about themselves meanwhile. Included
 * by one file a program, so everything is static. */
#ifndef SIGNALBOX_TEST_SIM_SCENES_H
#define SIGNALBOX_TEST_SIM_SCENES_H

#include "rig.h"

#include <signalbox/base/file.h>
#include <signalbox/sim/clients.h>

#include <math.h>

struct scene {
    struct sim_scenario *sc;
    struct rig r;
};

static RIG_UNUSED struct sim_scenario *scene_read(const char *name)
{
    char path[200];
    struct sb_str text;
    struct sb_err err = SB_ERR_INIT;
    snprintf(path, sizeof path, "tests/scenarios/%s.scenario", name);
    sb_str_init(&text);
    if (sb_file_read(path, 1 << 20, &text, &err))
        fail_msg("%s", err.msg);
    struct sim_scenario *sc = sim_scenario_parse(text.p, text.len, path, name, &err);
    if (!sc)
        fail_msg("%s", err.msg);
    sb_str_release(&text);
    return sc;
}

static RIG_UNUSED void scene_init(struct scene *x, const char *name, uint64_t seed)
{
    struct sb_err err = SB_ERR_INIT;
    struct sim_setup setup = {.seed = seed, .start_ms = RIG_START_MS, .speed = 1, .scenario_name = name, .port = {27017, 27018, 27019},
                              .members = SIM_MEMBERS, .pid = 4242};
    memset(x, 0, sizeof *x);
    x->sc = scene_read(name);
    x->r.s = sim_new(&setup, &err);
    if (!x->r.s || sim_clients_load(x->r.s, x->sc, &err))
        fail_msg("%s: %s", name, err.msg);
    sim_w_init(&x->r.w);
    for (int i = 0; i < SIM_MEMBERS; i++) {
        x->r.conn[i] = sim_conn_open(&x->r.s->member[i], "127.0.0.1:50000", false);
        assert_non_null(x->r.conn[i]);
        x->r.conn[i]->answer = rig_answer;
        x->r.conn[i]->owner = &x->r;
    }
}

/* A kill cuts a member's connections. */
static RIG_UNUSED bool scene_connected(const struct scene *x, int member)
{
    const struct sim_conn *c = x->r.s->member[member].conns;
    while (c && c != x->r.conn[member])
        c = c->next;
    return c != NULL;
}

static RIG_UNUSED void scene_release(struct scene *x)
{
    for (int i = 0; i < SIM_MEMBERS; i++)
        if (scene_connected(x, i))
            sim_conn_close(x->r.conn[i]);
    sim_w_release(&x->r.w);
    free(x->r.late);
    sim_free(x->r.s);
    sim_scenario_free(x->sc);
}

/* To so many seconds after the start. */
static RIG_UNUSED void scene_to(struct scene *x, double seconds)
{
    sim_run_until(x->r.s, x->r.s->start + (int64_t)(seconds * 1e6));
}

/* serverStatus as it is now; of a member that does not answer an empty document. Free it. */
static RIG_UNUSED uint8_t *scene_shot(struct scene *x, int member)
{
    static const uint8_t nothing[5] = {5};
    struct sim_member *m = &x->r.s->member[member];
    if (m->up && !scene_connected(x, member)) {
        assert_non_null(x->r.conn[member] = sim_conn_open(m, "127.0.0.1:50000", false));
        x->r.conn[member]->answer = rig_answer;
        x->r.conn[member]->owner = &x->r;
    }
    const uint8_t *reply = !m->up || m->hung ? nothing : rig_on(&x->r, member, "admin", "{'serverStatus': 1, 'mirroredReads': true}");
    uint8_t *copy = malloc(sim_doc_len(reply));
    assert_non_null(copy);
    memcpy(copy, reply, sim_doc_len(reply));
    return copy;
}

static RIG_UNUSED double scene_at(const uint8_t *shot, const char *path)
{
    struct sim_val v = sim_path(shot, path);
    if (v.type == BSON_TYPE_BOOL)
        return sim_truth(v);
    if (!sim_is_number(v.type))
        fail_msg("no number at %s", path);
    return (double)sim_number(v);
}

/* A second. */
static RIG_UNUSED double scene_rate(const uint8_t *a, const uint8_t *b, const char *path)
{
    double ms = scene_at(b, "uptimeMillis") - scene_at(a, "uptimeMillis");
    return (scene_at(b, path) - scene_at(a, path)) / ms * 1000;
}

#endif
