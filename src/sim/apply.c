/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/apply.h>
#include <signalbox/sim/build.h>
#include <signalbox/sim/log.h>
#include <signalbox/sim/plan_cache.h>

#include <string.h>

/* ---- documents ---- */

static void apply_insert(struct sim_member *m, struct sim_coll *c, const struct sim_change *ch)
{
    struct sim_write_work work = {0};
    struct sim_fail f = SIM_FAIL_INIT;
    if (sim_coll_insert(c, ch->post, &work, &f))
        m->n.op_repl[SIM_OP_INSERT]++;
    m->n.wt_inserts += 1 + work.keys_inserted;
    sim_fail_release(&f);
}

static void apply_update(struct sim_member *m, struct sim_coll *c, const struct sim_change *ch)
{
    struct sim_write_work work = {0};
    struct sim_fail f = SIM_FAIL_INIT;
    uint64_t rid = sim_coll_by_id(c, sim_find(ch->id->bson, "_id"));
    if (rid && sim_coll_replace(c, rid, ch->post, &work, &f) == 0)
        m->n.op_repl[SIM_OP_UPDATE]++;
    m->n.wt_inserts += work.keys_inserted;
    m->n.wt_removes += work.keys_deleted;
    m->n.wt_modifies++;
    sim_fail_release(&f);
}

static void apply_delete(struct sim_member *m, struct sim_coll *c, const struct sim_change *ch)
{
    struct sim_write_work work = {0};
    uint64_t rid = sim_coll_by_id(c, sim_find(ch->id->bson, "_id"));
    if (!rid)
        return;
    sim_coll_remove(c, rid, &work);
    m->n.op_repl[SIM_OP_DELETE]++;
    m->n.wt_removes += 1 + work.keys_deleted;
}

static void apply_document(struct sim_member *m, const struct sim_change *ch)
{
    struct sim_coll *c = sim_coll_by_uuid(&m->cat, ch->uuid);
    if (!c)
        return;
    struct sim_wants wants = {.docs = ch->kind != SIM_CHANGE_INSERT, .keys = 1, .keys_written = (double)ch->keys, .docs_written = 1,
                              .docs_new = ch->kind == SIM_CHANGE_INSERT,
                              .bytes_written = ch->entry ? sim_doc_len(ch->entry->bson) : ch->post ? sim_doc_len(ch->post->bson) : 0};
    sim_store_use(m, c, &wants);
    if (ch->kind == SIM_CHANGE_INSERT)
        apply_insert(m, c, ch);
    else if (ch->kind == SIM_CHANGE_UPDATE)
        apply_update(m, c, ch);
    else
        apply_delete(m, c, ch);
}

void sim_apply_change(struct sim *s, struct sim_member *m, const struct sim_change *ch)
{
    struct sim_fail f = SIM_FAIL_INIT;
    if (ch->kind == SIM_CHANGE_NOOP)
        return;
    if (ch->kind == SIM_CHANGE_COMMAND) {
        char db[128];
        struct sim_val ns = sim_find(ch->entry->bson, "ns");
        snprintf(db, sizeof db, "%.*s", (int)strcspn(sim_text(ns), "."), sim_text(ns));
        m->n.op_repl[SIM_OP_COMMAND]++;
        sim_apply_command(s, m, db, ch->uuid, sim_find(ch->entry->bson, "o").p, &f);
        sim_fail_release(&f);
        return;
    }
    if (ch->kind == SIM_CHANGE_TXN) {
        m->n.op_repl[SIM_OP_COMMAND]++;
        for (size_t i = 0; i < ch->parts->n; i++)
            apply_document(m, &ch->parts->part[i]);
        return;
    }
    apply_document(m, ch);
}

/* ---- the catalogue ---- */


static void log_create(struct sim_member *m, const struct sim_coll *c)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "namespace", c->ns);
    sim_w_text(&w, "uuidDisposition", m->primary ? "generated" : "provided");
    sim_w_doc(&w, "uuid");
    sim_w_uuid(&w, "uuid", c->uuid);
    sim_w_end(&w);
    sim_w_copy(&w, "options", c->options->bson);
    const uint8_t *attr = sim_w_done(&w);
    sim_log(m, m->sim->now, 'I', "STORAGE", 20320, m->primary ? "conn" : "ReplWriterWorker-0", "createCollection", attr);
    sim_w_release(&w);
}

static int apply_create(struct sim *s, struct sim_member *m, const char *ns, const uint8_t *uuid, const uint8_t *o, struct sim_fail *f)
{
    struct sim_w w;
    struct sim_iter it = sim_iter_of(o);
    struct sim_elem e;
    sim_w_init(&w);
    while (sim_next(&it, &e))
        if (strcmp(e.key, "create") != 0 && strcmp(e.key, "idIndex") != 0)
            sim_w_val_n(&w, e.key, e.key_n, e.v);
    const uint8_t *options = sim_w_done(&w);
    struct sim_coll *c = options ? sim_coll_new(&m->cat, ns, uuid, options, s->now, f) : NULL;
    sim_w_release(&w);
    if (!c)
        return f->code ? -1 : sim_fail_nomem(f);
    log_create(m, c);
    return 0;
}

static int apply_drop_index(struct sim_member *m, const uint8_t *uuid, const uint8_t *o, struct sim_fail *f)
{
    struct sim_coll *c = sim_coll_by_uuid(&m->cat, uuid);
    struct sim_val name = sim_find(o, "index");
    struct sim_index *x = c && sim_is_text(name.type) ? sim_coll_index(c, sim_text(name), sim_text_n(name)) : NULL;
    if (!x)
        return sim_fail(f, SIM_INDEX_NOT_FOUND, "no such index");
    sim_store_dropped(m, (double)x->key_bytes);
    sim_coll_drop_index(c, x);
    m->dropped_idents++;
    return 0;
}

/* An index on an empty collection, ready at once. */
static int apply_create_index(struct sim *s, struct sim_member *m, const uint8_t *uuid, const uint8_t *o, struct sim_fail *f)
{
    struct sim_coll *c = sim_coll_by_uuid(&m->cat, uuid);
    if (!c)
        return sim_fail(f, SIM_NAMESPACE_NOT_FOUND, "no such collection");
    struct sim_w w;
    struct sim_iter it = sim_iter_of(o);
    struct sim_elem e;
    sim_w_init(&w);
    while (sim_next(&it, &e))
        if (strcmp(e.key, "createIndexes") != 0)
            sim_w_val_n(&w, e.key, e.key_n, e.v);
    const uint8_t *spec = sim_w_done(&w);
    struct sim_index *x = spec ? sim_index_new(spec, f) : NULL;
    sim_w_release(&w);
    if (!x)
        return f->code ? -1 : sim_fail_nomem(f);
    x->since_us = s->now;
    return sim_coll_add_index(c, x, f);
}

/* The options of a collection with some replaced. */
static int set_options(struct sim_coll *c, const uint8_t *o, struct sim_fail *f)
{
    static const char *const names[] = {"validator", "validationLevel", "validationAction"};
    struct sim_w w;
    struct sim_iter it = sim_iter_of(c->options->bson);
    struct sim_elem e;
    sim_w_init(&w);
    while (sim_next(&it, &e)) {
        struct sim_val v = sim_find(o, e.key);
        sim_w_val_n(&w, e.key, e.key_n, v.type ? v : e.v);
    }
    for (size_t i = 0; i < SB_COUNT(names); i++)
        if (!sim_find(c->options->bson, names[i]).type)
            sim_w_val(&w, names[i], sim_find(o, names[i]));
    const uint8_t *done = sim_w_done(&w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(&w);
    if (!d)
        return sim_fail_nomem(f);
    sim_doc_unref(c->options);
    c->options = d;
    return sim_coll_read_validator(c, f);
}

static int apply_coll_mod(struct sim *s, struct sim_member *m, const uint8_t *uuid, const uint8_t *o, struct sim_fail *f)
{
    struct sim_coll *c = sim_coll_by_uuid(&m->cat, uuid);
    struct sim_val index = sim_find(o, "index");
    if (!c)
        return sim_fail(f, SIM_NAMESPACE_NOT_FOUND, "ns does not exist");
    if (index.type == BSON_TYPE_DOCUMENT) {
        struct sim_val name = sim_find(index.p, "name"), hidden = sim_find(index.p, "hidden"), expire = sim_find(index.p, "expireAfterSeconds");
        struct sim_index *x = sim_is_text(name.type) ? sim_coll_index(c, sim_text(name), sim_text_n(name)) : NULL;
        if (!x)
            return sim_fail(f, SIM_INDEX_NOT_FOUND, "no such index");
        if ((hidden.type && sim_index_set_hidden(x, sim_truth(hidden))) || (expire.type && sim_index_set_expire(x, sim_int(expire, 0))))
            return sim_fail_nomem(f);
        x->accesses = 0; /* its statistics begin anew */
        x->since_us = s->now;
        c->version++;
        sim_plan_cache_clear(c->plans);
    }
    return set_options(c, o, f);
}

static int apply_rename(struct sim_member *m, const uint8_t *uuid, const uint8_t *o, struct sim_fail *f)
{
    struct sim_coll *c = sim_coll_by_uuid(&m->cat, uuid);
    struct sim_val to = sim_find(o, "to"), target = sim_find(o, "dropTarget");
    struct sim_coll *old = target.type == BSON_TYPE_BINARY && target.n == 21 ? sim_coll_by_uuid(&m->cat, target.p + 5) : NULL;
    if (!c || !sim_is_text(to.type))
        return sim_fail(f, SIM_NAMESPACE_NOT_FOUND, "ns does not exist");
    if (old && old != c)
        sim_coll_drop(&m->cat, old);
    if (sim_coll_find(&m->cat, sim_text(to)))
        return sim_fail(f, SIM_NAMESPACE_EXISTS, "target namespace exists");
    return sim_coll_rename(&m->cat, c, sim_text(to)) ? sim_fail_nomem(f) : 0;
}

int sim_apply_command(struct sim *s, struct sim_member *m, const char *db, const uint8_t *uuid, const uint8_t *o, struct sim_fail *f)
{
    struct sim_iter it = sim_iter_of(o);
    struct sim_elem first;
    char ns[400];
    if (!sim_next(&it, &first))
        return 0;
    snprintf(ns, sizeof ns, "%s.%s", db, sim_is_text(first.v.type) ? sim_text(first.v) : "");
    if (strcmp(first.key, "create") == 0)
        return apply_create(s, m, ns, uuid, o, f);
    if (strcmp(first.key, "drop") == 0) {
        struct sim_coll *c = sim_coll_by_uuid(&m->cat, uuid);
        if (c) {
            m->dropped_idents += 1 + c->indexes;
            sim_coll_drop(&m->cat, c);
        }
        return 0;
    }
    if (strcmp(first.key, "dropDatabase") == 0) {
        struct sim_db *d = sim_db_find(&m->cat, db, strlen(db));
        if (d)
            sim_db_drop(&m->cat, d);
        return 0;
    }
    if (strcmp(first.key, "dropIndexes") == 0)
        return apply_drop_index(m, uuid, o, f);
    if (strcmp(first.key, "createIndexes") == 0)
        return apply_create_index(s, m, uuid, o, f);
    if (strcmp(first.key, "collMod") == 0)
        return apply_coll_mod(s, m, uuid, o, f);
    if (strcmp(first.key, "renameCollection") == 0)
        return apply_rename(m, uuid, o, f);
    if (strcmp(first.key, "startIndexBuild") == 0)
        return sim_build_start_here(s, m, uuid, o, f);
    if (strcmp(first.key, "commitIndexBuild") == 0)
        return sim_build_commit_here(s, m, uuid, o, f);
    if (strcmp(first.key, "abortIndexBuild") == 0)
        return sim_build_abort_here(s, m, uuid, o, f);
    return 0;
}
