/* SPDX-License-Identifier: Apache-2.0
 *
 * rig.h - a simulated set under test: commands in as JSON, replies out as BSON.
 *
 * A reply lives until the next command of its rig. A command that is answered later (createIndexes on data) is waited for
 * by moving the virtual clock. Included by one file a program, so everything is static. */
#ifndef SIGNALBOX_TEST_SIM_RIG_H
#define SIGNALBOX_TEST_SIM_RIG_H

#include "test.h"

#include <signalbox/base/rng.h>
#include <signalbox/base/str.h>
#include <signalbox/sim/dispatch.h>
#include <signalbox/sim/text.h>

#include <stdio.h>
#include <string.h>

#define RIG_UNUSED __attribute__((unused))
#define RIG_START_MS INT64_C(1700000000000)

struct rig {
    struct sim *s;
    struct sim_conn *conn[SIM_MEMBERS];
    struct sim_w w;
    uint8_t *late; /* reply of a command that was answered later */
};

static void rig_answer(struct sim_conn *c, const uint8_t *reply)
{
    struct rig *r = c->owner;
    free(r->late);
    r->late = malloc(sim_doc_len(reply));
    memcpy(r->late, reply, sim_doc_len(reply));
}

static RIG_UNUSED void rig_init_seed(struct rig *r, uint64_t seed)
{
    struct sim_setup setup = {.seed = seed, .start_ms = RIG_START_MS, .speed = 1, .scenario_name = "test", .port = {27017, 27018, 27019},
                              .members = SIM_MEMBERS, .pid = 4242};
    struct sb_err err = SB_ERR_INIT;
    memset(r, 0, sizeof *r);
    r->s = sim_new(&setup, &err);
    if (!r->s)
        fail_msg("sim_new: %s", err.msg);
    sim_w_init(&r->w);
    for (int i = 0; i < SIM_MEMBERS; i++) {
        r->conn[i] = sim_conn_open(&r->s->member[i], "127.0.0.1:50000", false);
        assert_non_null(r->conn[i]);
        r->conn[i]->answer = rig_answer;
        r->conn[i]->owner = r;
    }
}

static RIG_UNUSED void rig_init(struct rig *r)
{
    rig_init_seed(r, 7);
}

static RIG_UNUSED void rig_release(struct rig *r)
{
    for (int i = 0; i < SIM_MEMBERS; i++)
        sim_conn_close(r->conn[i]);
    sim_w_release(&r->w);
    free(r->late);
    sim_free(r->s);
}

static RIG_UNUSED void rig_pass(struct rig *r, double seconds)
{
    sim_run_until(r->s, r->s->now + (int64_t)(seconds * 1e6));
}

/* As a secondary is read: every command says that it may be. */
static RIG_UNUSED const uint8_t *rig_send(struct rig *r, int member, const char *db, const uint8_t *command)
{
    struct sim_w body;
    const uint8_t *reply = NULL;
    sim_w_init(&body);
    sim_w_all(&body, command);
    if (!sim_find(command, "$db").type)
        sim_w_text(&body, "$db", db);
    if (member && !sim_find(command, "$readPreference").type) {
        sim_w_doc(&body, "$readPreference");
        sim_w_text(&body, "mode", "secondaryPreferred");
        sim_w_end(&body);
    }
    struct sim_request rq = {.body = sim_w_done(&body)};
    assert_non_null(rq.body);
    assert_true(sim_valid(rq.body, sim_doc_len(rq.body)));
    rq.bytes = sim_doc_len(rq.body) + 21;
    free(r->late);
    r->late = NULL;
    if (sim_dispatch(r->conn[member], &rq, &r->w, &reply) == SIM_LATER) {
        for (int i = 0; i < 100000 && !r->late && sim_next_event(r->s) != INT64_MAX; i++)
            sim_run_until(r->s, sim_next_event(r->s));
        reply = r->late;
    }
    sim_w_release(&body);
    assert_non_null(reply);
    assert_true(sim_valid(reply, sim_doc_len(reply)));
    return reply;
}

static void rig_rename(struct sim_w *w, const uint8_t *doc)
{
    struct sim_elem e;
    for (struct sim_iter it = sim_iter_of(doc); sim_next(&it, &e);) {
        char key[200];
        snprintf(key, sizeof key, "%s%s", e.key[0] == '~' ? "$" : "", e.key + (e.key[0] == '~'));
        if (!sim_is_doc(e.v.type)) {
            sim_w_val(w, key, e.v);
            continue;
        }
        if (e.v.type == BSON_TYPE_ARRAY)
            sim_w_array(w, key);
        else
            sim_w_doc(w, key);
        rig_rename(w, e.v.p);
        sim_w_end(w);
    }
}

/* Single quotes stand for double ones, and ~type, ~regex, ~options for the operators whose names Extended JSON takes for
 * values. The caller frees. */
static RIG_UNUSED bson_t *rig_json(const char *json)
{
    char *text = strdup(json);
    bson_error_t err;
    for (char *p = text; *p; p++)
        if (*p == '\'')
            *p = '"';
    bson_t *b = bson_new_from_json((const uint8_t *)text, -1, &err);
    if (!b)
        fail_msg("%s in %s", err.message, json);
    free(text);
    if (!strchr(json, '~'))
        return b;
    struct sim_w w;
    sim_w_init(&w);
    rig_rename(&w, bson_get_data(b));
    bson_destroy(b);
    const uint8_t *done = sim_w_done(&w);
    b = bson_new_from_data(done, sim_doc_len(done));
    sim_w_release(&w);
    return b;
}

static RIG_UNUSED const uint8_t *rig_on(struct rig *r, int member, const char *db, const char *json)
{
    bson_t *b = rig_json(json);
    const uint8_t *reply = rig_send(r, member, db, bson_get_data(b));
    bson_destroy(b);
    return reply;
}

static RIG_UNUSED const uint8_t *rig_run(struct rig *r, const char *db, const char *json)
{
    return rig_on(r, 0, db, json);
}

static RIG_UNUSED char *rig_text(const uint8_t *doc) /* free it */
{
    struct sb_str s;
    sb_str_init(&s);
    sim_json_doc(&s, doc);
    return s.p;
}

/* The command must succeed. */
static RIG_UNUSED const uint8_t *rig_ok_on(struct rig *r, int member, const char *db, const char *json)
{
    const uint8_t *reply = rig_on(r, member, db, json);
    if (sim_number(sim_find(reply, "ok")) != 1 || sim_find(reply, "writeErrors").type)
        fail_msg("%s -> %s", json, rig_text(reply));
    return reply;
}

static RIG_UNUSED const uint8_t *rig_ok(struct rig *r, const char *db, const char *json)
{
    return rig_ok_on(r, 0, db, json);
}

/* The command must fail with this code and a message that contains the text. For a write: its first error. */
static RIG_UNUSED void rig_fails(struct rig *r, const char *db, const char *json, int code, const char *text)
{
    const uint8_t *reply = rig_run(r, db, json), *at = reply;
    struct sim_val first = sim_path(reply, "writeErrors.0");
    if (first.type)
        at = first.p;
    struct sim_val msg = sim_find(at, "errmsg");
    if (sim_int(sim_find(at, "code"), 0) != code || !sim_is_text(msg.type) || !strstr(sim_text(msg), text))
        fail_msg("%s\n wanted %d \"%s\"\n got %s", json, code, text, rig_text(reply));
    if (!first.type) {
        char buf[32];
        assert_true(sim_text_is(sim_find(reply, "codeName"), sim_code_name(code, buf)));
    }
}

/* The value at a path of the reply, as text of the log's form (free it). */
static RIG_UNUSED char *rig_at(const uint8_t *reply, const char *path)
{
    struct sb_str s;
    sb_str_init(&s);
    struct sim_val v = *path ? sim_path(reply, path) : sim_val_doc(reply);
    if (!v.type)
        sb_str_adds(&s, "missing");
    else
        sim_json_val(&s, v);
    return s.p;
}

static RIG_UNUSED void rig_same_text(const char *what, char *is, const char *want)
{
    char *w = strdup(want);
    for (char *p = w; *p; p++)
        if (*p == '\'')
            *p = '"';
    if (strcmp(is, w) != 0)
        fail_msg("%s\n wanted %s\n got    %s", what, w, is);
    free(w);
    free(is);
}

/* What a command answers at a path, as text. */
static RIG_UNUSED void rig_gives(struct rig *r, const char *db, const char *json, const char *path, const char *want)
{
    rig_same_text(json, rig_at(rig_ok(r, db, json), path), want);
}

static RIG_UNUSED int64_t rig_int(const uint8_t *reply, const char *path)
{
    struct sim_val v = sim_path(reply, path);
    if (!sim_is_number(v.type))
        fail_msg("no number at %s of %s", path, rig_text(reply));
    return sim_int(v, 0);
}

/* ---- seeded documents ---- */

static RIG_UNUSED unsigned rig_below(struct sb_rng *rng, unsigned n)
{
    return (unsigned)sb_rng_below(rng, n);
}

#endif
