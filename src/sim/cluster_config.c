/* SPDX-License-Identifier: Apache-2.0
 *
 * The config database, which lies on the mongos itself: collections as a config server of 5.0 has them, kept true as chunks move. */
#include <signalbox/sim/cluster.h>
#include <signalbox/sim/log.h>

#include <signalbox/base/clock.h>

#include <string.h>

static struct sim_coll *collection(struct sim_cluster *c, const char *name)
{
    static const uint8_t no_options[5] = {5};
    struct sim_catalog *cat = &c->router->member[0].cat;
    struct sim_fail f = SIM_FAIL_INIT;
    char ns[64];
    uint8_t uuid[16];
    snprintf(ns, sizeof ns, "config.%s", name);
    struct sim_coll *coll = sim_coll_find(cat, ns);
    if (!coll) {
        sim_new_uuid(c->router, uuid);
        coll = sim_coll_new(cat, ns, uuid, no_options, c->router->now, &f);
    }
    sim_fail_release(&f);
    return coll;
}

/* Inserts, or replaces what has the same _id. Releases w. */
static int keep(struct sim_cluster *c, const char *name, struct sim_w *w)
{
    struct sim_coll *coll = collection(c, name);
    const uint8_t *done = sim_w_done(w);
    struct sim_doc *d = done ? sim_doc_new(done) : NULL;
    struct sim_write_work work = {0};
    struct sim_fail f = SIM_FAIL_INIT;
    int rc = -1;
    if (coll && d) {
        uint64_t rid = sim_coll_by_id(coll, sim_find(d->bson, "_id"));
        rc = rid ? sim_coll_replace(coll, rid, d, &work, &f) : sim_coll_insert(coll, d, &work, &f) ? 0 : -1;
    }
    sim_doc_unref(d);
    sim_fail_release(&f);
    sim_w_release(w);
    return rc;
}

static uint64_t start_ts(const struct sim_cluster *c)
{
    return (uint64_t)(c->router->start / 1000000) << 32 | 1;
}

static int write_version(struct sim_cluster *c)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_i32(&w, "_id", 1);
    sim_w_i32(&w, "minCompatibleVersion", 5);
    sim_w_i32(&w, "currentVersion", 6);
    sim_w_oid(&w, "clusterId", c->id);
    return keep(c, "version", &w);
}

static int write_mongos(struct sim_cluster *c)
{
    const struct sim *s = c->router;
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "_id", s->member[0].host);
    sim_w_date(&w, "ping", sim_now_ms(s));
    sim_w_i64(&w, "up", 0);
    sim_w_bool(&w, "waiting", true);
    sim_w_textf(&w, "mongoVersion", "%d.%d.%d", s->version[0], s->version[1], s->version[2]);
    return keep(c, "mongos", &w);
}

static int write_shard(struct sim_cluster *c, const struct sim *shard)
{
    struct sb_str host;
    struct sim_w w;
    sb_str_init(&host);
    sim_shard_host(shard, &host);
    sim_w_init(&w);
    sim_w_text(&w, "_id", shard->set_name);
    sim_w_text(&w, "host", sb_str_ok(&host) ? host.p : "");
    sim_w_i32(&w, "state", 1);
    sim_w_ts(&w, "topologyTime", start_ts(c));
    int rc = sb_str_ok(&host) ? 0 : -1;
    sb_str_release(&host);
    return keep(c, "shards", &w) ? -1 : rc;
}

static int write_database(struct sim_cluster *c, const char *ns)
{
    struct sim_w w;
    uint8_t uuid[16];
    sim_w_init(&w);
    sim_new_uuid(c->router, uuid);
    sim_w_text_n(&w, "_id", ns, strcspn(ns, "."));
    sim_w_text(&w, "primary", c->shard[0]->set_name);
    sim_w_bool(&w, "partitioned", true);
    sim_w_doc(&w, "version");
    sim_w_uuid(&w, "uuid", uuid);
    sim_w_ts(&w, "timestamp", start_ts(c));
    sim_w_i32(&w, "lastMod", 1);
    sim_w_end(&w);
    return keep(c, "databases", &w);
}

static const uint8_t *uuid_of(const struct sim_cluster *c, const struct sim_sharded *x)
{
    const struct sim_coll *coll = sim_coll_find(&c->shard[0]->member[0].cat, x->ns);
    return coll ? coll->uuid : (const uint8_t *)"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
}

static int write_collection(struct sim_cluster *c, const struct sim_sharded *x)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "_id", x->ns);
    sim_w_oid(&w, "lastmodEpoch", x->epoch);
    sim_w_date(&w, "lastmod", sim_now_ms(c->router));
    sim_w_ts(&w, "timestamp", start_ts(c));
    sim_w_uuid(&w, "uuid", uuid_of(c, x));
    sim_w_copy(&w, "key", x->key->bson);
    sim_w_bool(&w, "unique", false);
    return keep(c, "collections", &w);
}

int sim_config_update_chunk(struct sim_cluster *c, const struct sim_sharded *x, unsigned i)
{
    const struct sim_chunk *k = &x->chunk[i];
    struct sim_w w;
    uint64_t now = (uint64_t)(c->router->now / 1000000) << 32 | 1;
    sim_w_init(&w);
    sim_w_oid(&w, "_id", k->id);
    sim_w_uuid(&w, "uuid", uuid_of(c, x));
    sim_w_copy(&w, "min", k->min->bson);
    sim_chunk_put_max(x, i, &w, "max");
    sim_w_text(&w, "shard", c->shard[k->shard]->set_name);
    sim_w_ts(&w, "lastmod", (uint64_t)k->major << 32 | (k->major == x->major ? 0 : 1));
    sim_w_array(&w, "history");
    sim_w_doc(&w, NULL);
    sim_w_ts(&w, "validAfter", now);
    sim_w_text(&w, "shard", c->shard[k->shard]->set_name);
    sim_w_end(&w);
    sim_w_end(&w);
    return keep(c, "chunks", &w);
}

int sim_config_balancer(struct sim_cluster *c)
{
    struct sim_w w;
    sim_w_init(&w);
    sim_w_text(&w, "_id", "balancer");
    sim_w_text(&w, "mode", c->stopped ? "off" : "full");
    sim_w_bool(&w, "stopped", c->stopped);
    return keep(c, "settings", &w);
}

int sim_config_write(struct sim_cluster *c)
{
    int rc = write_version(c) || write_mongos(c) || sim_config_balancer(c) || !collection(c, "tags") || !collection(c, "changelog") || !collection(c, "actionlog") ? -1 : 0;
    for (int i = 0; i < c->shards && rc == 0; i++)
        rc = write_shard(c, c->shard[i]);
    for (size_t i = 0; i < c->sc->data_n && rc == 0; i++)
        rc = write_database(c, c->sc->data[i].ns);
    for (size_t i = 0; i < c->colls && rc == 0; i++) {
        rc = write_collection(c, &c->coll[i]);
        for (unsigned k = 0; k < c->coll[i].chunks && rc == 0; k++)
            rc = sim_config_update_chunk(c, &c->coll[i], k);
    }
    return rc;
}

/* ---- what has happened ---- */

/* The event as it is kept and as it is logged. */
static void put_event(struct sim_w *w, const struct sim *by, const struct sim_member *m, const uint8_t oid[12], const char *what, const char *ns, const uint8_t *details)
{
    char at[SB_TIME_LEN + 1], hex[25];
    for (int i = 0; i < 12; i++)
        snprintf(hex + 2 * i, 3, "%02x", oid[i]);
    sb_time_format(at, sim_now_ms(by));
    sim_w_textf(w, "_id", "%s-%s-%s", m->host, at, hex);
    sim_w_text(w, "server", m->host);
    sim_w_text(w, "shard", by->set_name);
    sim_w_text(w, "clientAddr", "");
    sim_w_date(w, "time", sim_now_ms(by));
    sim_w_text(w, "what", what);
    sim_w_text(w, "ns", ns);
    if (details) {
        sim_w_copy(w, "details", details);
    } else {
        sim_w_doc(w, "details");
        sim_w_end(w);
    }
}

int sim_config_tell(struct sim_cluster *c, struct sim *by, const char *log, const char *what, const char *ns, const uint8_t *details)
{
    struct sim_member *m = by->primary_id < 0 ? &by->member[0] : sim_primary(by);
    struct sim_w w, attr;
    uint8_t oid[12];
    sim_new_oid(c->router, oid);
    sim_w_init(&attr);
    sim_w_textf(&attr, "namespace", "config.%s", log);
    sim_w_doc(&attr, "event");
    put_event(&attr, by, m, oid, what, ns, details);
    sim_w_end(&attr);
    const uint8_t *done = sim_w_done(&attr);
    if (done)
        sim_log(m, by->now, 'I', "SHARDING", 22080, by == c->router ? "Balancer" : "MoveChunk", "About to log metadata event", done);
    sim_w_release(&attr);
    sim_w_init(&w);
    put_event(&w, by, m, oid, what, ns, details);
    return keep(c, log, &w);
}
