/* SPDX-License-Identifier: Apache-2.0
 *
 * The data that a scenario starts with: the same documents on every member, held once. */
#include "traffic.h"

#include <signalbox/sim/cluster.h>
#include <signalbox/sim/fail.h>

#include <string.h>

struct loading {
    struct sim *s;
    const struct sim_data *d;
    struct sim_making making;
    struct sim_coll *coll[SIM_MEMBERS_MAX]; /* NULL: of an arbiter */
    struct sim_w w;
    struct sim_fail f;
};

static int make_collections(struct loading *l)
{
    static const uint8_t no_options[5] = {5};
    struct sim *s = l->s;
    uint8_t uuid[16];
    sim_new_uuid(s, uuid);
    for (int i = 0; i < s->members; i++) {
        struct sim_catalog *cat = &s->member[i].cat;
        if (s->seat[i].arbiter)
            continue;
        if (sim_coll_find(cat, l->d->ns))
            return sim_fail(&l->f, SIM_NAMESPACE_EXISTS, "it is a collection of the server's own");
        if (!(l->coll[i] = sim_coll_new(cat, l->d->ns, uuid, no_options, s->now, &l->f)))
            return -1;
    }
    return 0;
}

static struct sim_doc *make_document(struct loading *l)
{
    const struct sim_data *d = l->d;
    bool has_id = false;
    uint8_t oid[12];
    sim_w_clear(&l->w);
    for (size_t i = 0; i < d->fields; i++)
        if (strcmp(d->field[i], "_id") == 0) {
            sim_template_put(d->made[i], &l->making, &l->w, "_id");
            has_id = true;
        }
    if (!has_id) {
        sim_new_oid(l->s, oid);
        sim_w_oid(&l->w, "_id", oid);
    }
    for (size_t i = 0; i < d->fields; i++)
        if (strcmp(d->field[i], "_id") != 0)
            sim_template_put(d->made[i], &l->making, &l->w, d->field[i]);
    const uint8_t *done = sim_w_done(&l->w);
    return done ? sim_doc_new(done) : NULL;
}

static int make_documents(struct loading *l)
{
    struct sim_write_work work = {0};
    for (uint64_t n = 0; n < l->d->documents; n++) {
        struct sim_doc *doc = make_document(l);
        if (!doc)
            return sim_fail_nomem(&l->f);
        if (l->s->cluster && !sim_cluster_keeps(l->s, l->d->ns, doc->bson)) {
            sim_doc_unref(doc);
            continue;
        }
        uint64_t rid = sim_coll_insert(l->coll[0], doc, &work, &l->f);
        sim_doc_unref(doc);
        if (!rid)
            return -1;
    }
    return 0;
}

static int make_index(struct loading *l, const struct sim_template *t)
{
    sim_w_clear(&l->w);
    sim_w_i32(&l->w, "v", 2);
    sim_template_fields(t, &l->making, &l->w);
    const uint8_t *spec = sim_w_done(&l->w);
    if (!spec)
        return sim_fail_nomem(&l->f);
    uint64_t done;
    struct sim_index *x = sim_index_new(spec, &l->f);
    if (!x || sim_coll_add_index(l->coll[0], x, &l->f) || sim_coll_fill_index(l->coll[0], x, UINT64_MAX, &done, &l->f))
        return -1;
    x->since_us = l->s->now;
    if (x->failed)
        return sim_fail(&l->f, x->failed->code, "%s", x->failed->msg);
    return 0;
}

int sim_load_data(struct sim *s, const struct sim_data *d, struct sim_sequences *sequences, struct sb_err *err)
{
    struct sb_rng rng, root;
    struct loading l = {.s = s, .d = d, .making = {&rng, sequences, s->now}, .f = SIM_FAIL_INIT};
    sb_rng_seed(&root, s->seed);
    sb_rng_fork(&rng, &root, d->ns);
    sim_w_init(&l.w);
    bool here = !s->cluster || sim_cluster_has(s, d->ns);
    int rc = (here && make_collections(&l)) || make_documents(&l) ? -1 : 0;
    unsigned line = d->line;
    for (size_t i = 0; rc == 0 && i < d->indexes; i++) {
        line = d->index_line[i];
        if (!here || (s->cluster && d->index_shard[i] >= 0 && d->index_shard[i] != s->shard))
            continue;
        rc = make_index(&l, d->index[i]);
    }
    for (int i = 1; here && rc == 0 && i < s->members; i++)
        rc = l.coll[i] ? sim_coll_take_over(l.coll[i], l.coll[0], &l.f) : 0;
    if (rc)
        sb_fail(err, SB_EINPUT, "%s:%u: %s: %s", d->path, line, d->ns, l.f.code ? l.f.msg : "out of memory");
    sim_w_release(&l.w);
    sim_fail_release(&l.f);
    return rc;
}
