/* SPDX-License-Identifier: Apache-2.0 */
#include "ttl.h"

#include "series.h"

#include <signalbox/base/array.h>
#include <signalbox/sim/repl.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TTL_US INT64_C(60000000)

struct rids {
    uint64_t *rid;
    size_t n, cap;
};

/* A place in the order of the index's first field. */
static void place(struct sb_str *out, const struct sim_index *x, int64_t ms)
{
    uint8_t b[8];
    struct sim_val v = sim_val_i64(b, ms);
    v.type = BSON_TYPE_DATE_TIME;
    sb_str_init(out);
    sim_key_field(out, v, x->field[0].descending);
}

/* Records with a date up to `until` in the index, some perhaps twice. */
static int expired(const struct sim_index *x, int64_t until, struct rids *out)
{
    struct sb_str from, to;
    struct sim_cursor c;
    int rc = 0;
    bool down = x->field[0].descending;
    place(&from, x, down ? until : INT64_MIN);
    place(&to, x, down ? INT64_MIN : until);
    sim_cursor_init(&c, x->tree);
    bool more = sb_str_ok(&from) && sb_str_ok(&to) && sim_cursor_seek(&c, (const uint8_t *)from.p, from.len);
    for (; more && rc == 0; more = sim_cursor_next(&c)) {
        size_t n;
        const uint8_t *key = sim_cursor_key(&c, &n);
        size_t field = sim_key_field_size(key, down);
        if (memcmp(key, to.p, field < to.len ? field : to.len) > 0)
            break;
        if (SB_GROW(out->rid, out->cap, out->n + 1))
            rc = -1;
        else
            out->rid[out->n++] = sim_key_rid_of(key, n);
    }
    sim_cursor_release(&c);
    sb_str_release(&from);
    sb_str_release(&to);
    return rc;
}

/* Of a time series a server deletes whole buckets, and one that may hold a measurement that has to stay is kept. */
static int expired_in_series(const struct sim_coll *c, const uint8_t *series, int64_t until, struct rids *out)
{
    char path[280];
    snprintf(path, sizeof path, "measurement.%.255s", sim_text(sim_find(series, "timeField")));
    until -= sim_int(sim_find(series, "bucketMaxSpanSeconds"), 0) * 1000;
    for (uint64_t rid = 0; (rid = sim_records_from(&c->records, rid + 1));) {
        struct sim_val at = sim_path(sim_records_get(&c->records, rid)->bson, path);
        if (at.type != BSON_TYPE_DATE_TIME || sim_i64(at.p) > until)
            continue;
        if (SB_GROW(out->rid, out->cap, out->n + 1))
            return -1;
        out->rid[out->n++] = rid;
    }
    return 0;
}

/* x NULL: of a time series. */
static void delete_expired(struct sim *s, struct sim_member *m, struct sim_coll *c, const struct sim_index *x)
{
    struct rids found = {NULL, 0, 0};
    int64_t after = x ? x->expire_after : sim_int(sim_find(c->options->bson, "expireAfterSeconds"), 0), until = sim_now_ms(s) - after * 1000;
    if ((x ? expired(x, until, &found) : expired_in_series(c, sim_series_options(c), until, &found)) == 0)
        for (size_t i = 0; i < found.n; i++) {
            struct sim_doc *d = sim_records_get(&c->records, found.rid[i]);
            struct sim_write_work work = {0};
            if (!d) /* by an earlier key */
                continue;
            if (strncmp(c->ns, "local.", 6) != 0 && sim_log_delete(s, c, d, (int64_t)c->indexes, NULL))
                break; /* out of memory: the next pass tries again */
            sim_coll_remove(c, found.rid[i], &work);
            m->n.ttl_deleted++;
            m->n.wt_removes++;
        }
    free(found.rid);
}

static void on_pass(struct sim *s, void *ctx)
{
    struct sim_member *m = sim_primary(s);
    (void)ctx;
    if (m)
        m->n.ttl_passes++;
    for (size_t i = 0; m && i < m->cat.n; i++) {
        struct sim_coll *c = m->cat.coll[i];
        for (unsigned k = 0; k < c->indexes; k++)
            if (c->index[k]->ttl && !c->index[k]->building && !c->index[k]->field[0].hashed)
                delete_expired(s, m, c, c->index[k]);
        if (sim_series_options(c) && sim_find(c->options->bson, "expireAfterSeconds").type)
            delete_expired(s, m, c, NULL);
    }
    if (sim_ttl_begin(s))
        return; /* out of memory: no more passes, as metrics.ttl.passes shows */
}

int sim_ttl_begin(struct sim *s)
{
    return sim_at(s, s->now + TTL_US, on_pass, NULL, NULL);
}
