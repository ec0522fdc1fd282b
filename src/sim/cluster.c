/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/cluster.h>

#include "client.h"

#include <signalbox/base/rng.h>
#include <signalbox/sim/clients.h>
#include <signalbox/sim/repl.h>

#include <stdlib.h>
#include <string.h>

/* ---- which chunk ---- */

struct sim_sharded *sim_sharded_find(const struct sim_cluster *c, const char *ns)
{
    for (size_t i = 0; i < c->colls; i++)
        if (strcmp(c->coll[i].ns, ns) == 0)
            return &c->coll[i];
    return NULL;
}

const uint8_t *sim_chunk_min(const struct sim_sharded *x, unsigned chunk)
{
    return x->chunk[chunk].min->bson;
}

static void put_bound(const struct sim_sharded *x, struct sim_w *w, struct sim_val first, struct sim_val rest)
{
    for (unsigned i = 0; i < x->fields; i++)
        sim_w_val(w, x->field[i], i ? rest : first);
}

void sim_chunk_put_max(const struct sim_sharded *x, unsigned chunk, struct sim_w *w, const char *key)
{
    if (chunk + 1 < x->chunks) {
        sim_w_copy(w, key, sim_chunk_min(x, chunk + 1));
        return;
    }
    sim_w_doc(w, key);
    put_bound(x, w, sim_max_key, sim_max_key);
    sim_w_end(w);
}

/* Bounds are of the first field alone: the others begin with the least value there is. */
static struct sim_val bound(const struct sim_sharded *x, unsigned chunk)
{
    return chunk < x->chunks ? sim_find(sim_chunk_min(x, chunk), x->field[0]) : sim_max_key;
}

static unsigned chunk_of_value(const struct sim_sharded *x, struct sim_val v)
{
    unsigned i = 1;
    v = v.type ? v : sim_null;
    while (i < x->chunks && sim_compare(v, bound(x, i)) >= 0)
        i++;
    return i - 1;
}

unsigned sim_chunk_of(const struct sim_sharded *x, const uint8_t *doc)
{
    return chunk_of_value(x, sim_path(doc, x->field[0]));
}

static unsigned shards_of_range(const struct sim_sharded *x, struct sim_val low, struct sim_val high)
{
    unsigned mask = 0;
    for (unsigned i = 0; i < x->chunks; i++)
        if ((!low.type || i + 1 == x->chunks || sim_compare(bound(x, i + 1), low) > 0) && (!high.type || sim_compare(bound(x, i), high) <= 0))
            mask |= 1u << x->chunk[i].shard;
    return mask;
}

static unsigned all_shards(const struct sim_sharded *x)
{
    return shards_of_range(x, sim_missing, sim_missing);
}

/* What one branch tells about a field of the key. */
static unsigned shards_of_branch(const struct sim_sharded *x, const struct sim_expr *e, unsigned *equal)
{
    unsigned mask = 0;
    for (unsigned i = 0; i < x->fields; i++)
        if (e->kind == SIM_EQ && strcmp(e->path, x->field[i]) == 0 && e->v.type != BSON_TYPE_ARRAY)
            *equal |= 1u << i;
    if (strcmp(e->path, x->field[0]) != 0)
        return all_shards(x);
    switch (e->kind) {
    case SIM_EQ:
        return 1u << x->chunk[chunk_of_value(x, e->v)].shard;
    case SIM_IN:
        for (size_t i = 0; i < e->in_n; i++)
            mask |= 1u << x->chunk[chunk_of_value(x, e->in[i])].shard;
        return e->re ? all_shards(x) : mask;
    case SIM_LT:
    case SIM_LTE:
        return shards_of_range(x, sim_missing, e->v);
    case SIM_GT:
    case SIM_GTE:
        return shards_of_range(x, e->v, sim_missing);
    default:
        return all_shards(x);
    }
}

unsigned sim_chunk_shards(const struct sim_sharded *x, const struct sim_expr *filter, bool *exact)
{
    unsigned equal = 0, mask = all_shards(x);
    if (filter->kind == SIM_AND)
        for (size_t i = 0; i < filter->sub_n; i++)
            mask &= shards_of_branch(x, filter->sub[i], &equal);
    else
        mask &= shards_of_branch(x, filter, &equal);
    *exact = equal == (1u << x->fields) - 1;
    return mask ? mask : 1u << x->chunk[0].shard; /* what matches nothing is asked of one */
}

/* ---- what a scenario begins with ---- */

bool sim_cluster_has(const struct sim *shard, const char *ns)
{
    return shard->shard == 0 || (shard->shard > 0 && sim_sharded_find(shard->cluster, ns));
}

bool sim_cluster_keeps(const struct sim *shard, const char *ns, const uint8_t *doc)
{
    const struct sim_sharded *x = sim_sharded_find(shard->cluster, ns);
    return x ? x->chunk[sim_chunk_of(x, doc)].shard == shard->shard : shard->shard == 0;
}

static struct sim_doc *doc_of(struct sim_w *w)
{
    const uint8_t *done = sim_w_done(w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    sim_w_release(w);
    return d;
}

static int add_chunk(struct sim_cluster *c, struct sim_sharded *x, struct sim_val from)
{
    struct sim_w w;
    sim_w_init(&w);
    put_bound(x, &w, from, sim_min_key);
    struct sim_chunk *k = &x->chunk[x->chunks];
    k->major = 1;
    sim_new_oid(c->router, k->id);
    k->min = doc_of(&w);
    if (!k->min)
        return -1;
    x->chunks++;
    return 0;
}

/* The chunks are dealt out to the shards in turn. */
static int shard_collection(struct sim_cluster *c, const struct sim_data *d, struct sb_err *err)
{
    struct sim_sharded *x = &c->coll[c->colls];
    struct sb_rng rng;
    struct sim_sequences none = {0};
    struct sim_making making = {&rng, &none, c->router->now};
    struct sim_w w;
    struct sim_elem e;
    sb_rng_seed(&rng, c->router->seed);
    sim_w_init(&w);
    sim_template_fields(d->shard_key, &making, &w);
    x->ns = d->ns;
    if (!(x->key = doc_of(&w)))
        return sb_fail_nomem(err);
    c->colls++;
    for (struct sim_iter it = sim_iter_of(x->key->bson); sim_next(&it, &e);) {
        if (x->fields == SIM_SHARD_KEY_MAX || !sim_is_number(e.v.type) || sim_int(e.v, 0) != 1)
            return sb_fail(err, SB_EINPUT, "%s:%u: %s: a shard key is made of at most %d fields, each with 1: hashed ones are not simulated", d->path, d->line, d->ns, SIM_SHARD_KEY_MAX);
        x->field[x->fields++] = e.key;
    }
    if (!x->fields)
        return sb_fail(err, SB_EINPUT, "%s:%u: %s: a shard key has at least one field", d->path, d->line, d->ns);
    sim_new_oid(c->router, x->epoch);
    x->major = 1;
    sim_w_init(&w);
    sim_template_put(d->splits, &making, &w, "splits");
    struct sim_doc *splits = doc_of(&w);
    int rc = splits && add_chunk(c, x, sim_min_key) == 0 ? 0 : sb_fail_nomem(err);
    for (struct sim_iter it = sim_iter_of(rc == 0 ? sim_find(splits->bson, "splits").p : (const uint8_t *)"\5\0\0\0"); rc == 0 && sim_next(&it, &e);) {
        if (x->chunks == SIM_CHUNKS_MAX || sim_compare(e.v, bound(x, x->chunks - 1)) <= 0)
            rc = sb_fail(err, SB_EINPUT, "%s:%u: %s: it is split at rising values, into at most %d chunks", d->path, d->line, d->ns, SIM_CHUNKS_MAX);
        else if (add_chunk(c, x, e.v))
            rc = sb_fail_nomem(err);
    }
    for (unsigned i = 0; i < x->chunks; i++)
        x->chunk[i].shard = (int)(i % (unsigned)c->shards);
    sim_doc_unref(splits);
    return rc;
}

/* Without an index on it no chunk is found: the server makes sure of that when a collection is sharded. */
static int check_key_index(const struct sim_cluster *c, const struct sim_sharded *x, const struct sim_data *d, struct sb_err *err)
{
    for (int i = 0; i < c->shards; i++) {
        const struct sim_coll *coll = sim_coll_find(&c->shard[i]->member[0].cat, x->ns);
        bool found = false;
        for (unsigned k = 0; coll && k < coll->indexes; k++) {
            const struct sim_index *y = coll->index[k];
            unsigned n = 0;
            while (n < x->fields && n < y->fields && strcmp(y->field[n].path, x->field[n]) == 0)
                n++;
            found = found || (n == x->fields && !y->partial && !y->sparse);
        }
        if (!found)
            return sb_fail(err, SB_EINPUT, "%s:%u: %s: no index of shard %d begins with the shard key", d->path, d->line, d->ns, i);
    }
    return 0;
}

/* ---- making ---- */

static struct sim *make_set(struct sim_cluster *c, const struct sim_setup *setup, int shard, const int *port, int members, struct sb_err *err)
{
    struct sim_setup own = *setup;
    char name[32];
    snprintf(name, sizeof name, shard < 0 ? "config" : "shard%d", shard);
    own.set_name = name;
    own.members = members;
    own.pid = setup->pid + (shard + 1) * SIM_MEMBERS_MAX;
    for (int i = 0; i < members; i++)
        own.port[i] = port[i];
    struct sim *s = sim_new(&own, err);
    if (s) {
        s->cluster = c;
        s->shard = shard;
        for (int i = 0; i < members; i++)
            snprintf(s->member[i].host, sizeof s->member[i].host, shard < 0 ? "sim-mongos:%d" : "sim-%d-%d:%d", shard < 0 ? port[0] : shard, i, port[i]);
    }
    return s;
}

static int load(struct sim_cluster *c, struct sb_err *err)
{
    for (size_t i = 0; i < c->sc->data_n; i++)
        if (c->sc->data[i].shard_key && shard_collection(c, &c->sc->data[i], err))
            return -1;
    for (int i = 0; i < c->shards; i++)
        if (sim_clients_load(c->shard[i], c->sc, err))
            return -1;
    for (size_t i = 0; i < c->sc->data_n; i++)
        if (c->sc->data[i].shard_key && check_key_index(c, sim_sharded_find(c, c->sc->data[i].ns), &c->sc->data[i], err))
            return -1;
    c->router->clients->sequences = c->shard[0]->clients->sequences; /* apps go on where the data ends */
    if (sim_config_write(c))
        return sb_fail_nomem(err);
    return sim_clients_load(c->router, c->sc, err);
}

struct sim_cluster *sim_cluster_new(const struct sim_setup *setup, const struct sim_scenario *sc, int shards, const int port[SIM_CLUSTER_PORTS], struct sb_err *err)
{
    struct sim_cluster *c = calloc(1, sizeof *c);
    if (!c || !(c->coll = calloc(sc->data_n + 1, sizeof *c->coll))) {
        free(c);
        sb_fail_nomem(err);
        return NULL;
    }
    c->sc = sc;
    if (!(c->router = make_set(c, setup, -1, port, 1, err)))
        goto fail;
    for (; c->shards < shards; c->shards++)
        if (!(c->shard[c->shards] = make_set(c, setup, c->shards, port + 1 + c->shards * setup->members, setup->members, err)))
            goto fail;
    memcpy(c->id, c->router->set_id, sizeof c->id);
    if (load(c, err))
        goto fail;
    return c;
fail:
    sim_cluster_free(c);
    return NULL;
}

void sim_cluster_free(struct sim_cluster *c)
{
    if (!c)
        return;
    sim_free(c->router); /* first: its clients hold connections to the shards */
    for (int i = 0; i < c->shards; i++)
        sim_free(c->shard[i]);
    for (size_t i = 0; i < c->colls; i++) {
        for (unsigned k = 0; k < c->coll[i].chunks; k++)
            sim_doc_unref(c->coll[i].chunk[k].min);
        sim_doc_unref(c->coll[i].key);
    }
    free(c->coll);
    free(c);
}

void sim_shard_host(const struct sim *shard, struct sb_str *out)
{
    sb_str_addf(out, "%s/", shard->set_name);
    for (int i = 0; i < shard->members; i++)
        if (!shard->seat[i].arbiter && !shard->seat[i].hidden)
            sb_str_addf(out, "%s%s", i ? "," : "", shard->member[i].name);
}

/* ---- time ---- */

int64_t sim_cluster_next_event(const struct sim_cluster *c)
{
    int64_t next = sim_next_event(c->router);
    for (int i = 0; i < c->shards; i++)
        if (sim_next_event(c->shard[i]) < next)
            next = sim_next_event(c->shard[i]);
    return next;
}

/* All clocks go from event to event together, so that none asks another one in its past. */
void sim_cluster_run_until(struct sim_cluster *c, int64_t us)
{
    for (int64_t next = 0; next < us;) {
        next = sim_cluster_next_event(c);
        next = next < us ? next : us;
        for (int i = 0; i < c->shards; i++)
            sim_run_until(c->shard[i], next);
        sim_run_until(c->router, next);
    }
}
