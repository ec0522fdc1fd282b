/* SPDX-License-Identifier: Apache-2.0 */
#include "traffic.h"

#include <string.h>

static bool writes(const struct sim_task *t)
{
    return t->what >= SIM_DO_INSERT;
}

/* What a driver adds to every command. */
static void put_tail(struct sim *s, struct sim_w *w, const struct sim_task *t, const struct sim_asker *who, bool write)
{
    static const uint8_t no_hash[20];
    if (write)
        sim_w_i64(w, "txnNumber", who->txn_number);
    sim_w_doc(w, "lsid");
    sim_w_uuid(w, "id", who->lsid);
    sim_w_end(w);
    sim_w_doc(w, "$clusterTime");
    sim_w_ts(w, "clusterTime", s->last_ts);
    sim_w_doc(w, "signature");
    sim_w_binary(w, "hash", BSON_SUBTYPE_BINARY, no_hash, sizeof no_hash);
    sim_w_i64(w, "keyId", 0);
    sim_w_end(w);
    sim_w_end(w);
    sim_w_text(w, "$db", t->db);
    if (who->secondary) {
        sim_w_doc(w, "$readPreference");
        sim_w_text(w, "mode", "secondaryPreferred");
        sim_w_end(w);
    }
}

static void put_template(struct sim_w *w, const char *key, const struct sim_template *t, const struct sim_making *m, bool always)
{
    if (t)
        sim_template_put(t, m, w, key);
    else if (always) {
        sim_w_doc(w, key);
        sim_w_end(w);
    }
}

static void put_read(struct sim_w *w, const struct sim_task *t, const struct sim_making *m)
{
    if (t->what == SIM_DO_AGGREGATE) {
        sim_w_text(w, "aggregate", t->coll);
        sim_template_put(t->pipeline, m, w, "pipeline");
        sim_w_doc(w, "cursor");
        sim_w_end(w);
    } else {
        sim_w_text(w, t->what == SIM_DO_FIND ? "find" : "count", t->coll);
        put_template(w, t->what == SIM_DO_FIND ? "filter" : "query", t->filter, m, true);
        put_template(w, "sort", t->sort, m, false);
        put_template(w, "projection", t->projection, m, false);
        if (t->skip)
            sim_w_int(w, "skip", t->skip);
        if (t->limit)
            sim_w_int(w, "limit", t->limit);
    }
    if (t->hint)
        sim_w_text(w, "hint", t->hint);
}

static void put_modify(struct sim_w *w, const struct sim_task *t, const struct sim_making *m)
{
    sim_w_text(w, "findAndModify", t->coll);
    put_template(w, "query", t->filter, m, true);
    put_template(w, "sort", t->sort, m, false);
    put_template(w, "fields", t->projection, m, false);
    if (t->remove)
        sim_w_bool(w, "remove", true);
    else
        put_template(w, "update", t->update, m, false);
    if (t->upsert)
        sim_w_bool(w, "upsert", true);
}

static void put_document(struct sim *s, struct sim_w *seq, const struct sim_task *t, const struct sim_making *m)
{
    uint8_t oid[12];
    if (!sim_template_has(t->document, "_id")) {
        sim_new_oid(s, oid);
        sim_w_oid(seq, "_id", oid);
    }
    sim_template_fields(t->document, m, seq);
}

/* The documents of a batch travel behind the command, as drivers send them. */
static const char *put_write(struct sim *s, struct sim_w *w, struct sim_w *seq, const struct sim_task *t, const struct sim_making *m)
{
    sim_w_text(w, t->what == SIM_DO_INSERT ? "insert" : t->what == SIM_DO_UPDATE ? "update" : "delete", t->coll);
    sim_w_bool(w, "ordered", true);
    if (t->what == SIM_DO_INSERT) {
        put_document(s, seq, t, m);
        return "documents";
    }
    put_template(seq, "q", t->filter, m, true);
    if (t->what == SIM_DO_DELETE) {
        sim_w_i32(seq, "limit", t->multi ? 0 : 1);
        return "deletes";
    }
    sim_template_put(t->update, m, seq, "u");
    if (t->multi)
        sim_w_bool(seq, "multi", true);
    if (t->upsert)
        sim_w_bool(seq, "upsert", true);
    return "updates";
}

int sim_task_request(struct sim *s, const struct sim_task *t, const struct sim_making *m, const struct sim_asker *who, struct sim_w *w,
                     struct sim_w *seq, struct sb_str *docs, struct sim_request *rq)
{
    const char *batch = NULL;
    memset(rq, 0, sizeof *rq);
    sim_w_clear(w);
    sim_w_clear(seq);
    sb_str_clear(docs);
    if (t->what == SIM_DO_MODIFY)
        put_modify(w, t, m);
    else if (writes(t))
        batch = put_write(s, w, seq, t, m);
    else
        put_read(w, t, m);
    put_tail(s, w, t, who, writes(t) && !t->multi);
    rq->body = sim_w_done(w);
    if (!rq->body)
        return -1;
    rq->bytes = sim_doc_len(rq->body) + 21;
    if (batch) {
        const uint8_t *doc = sim_w_done(seq);
        for (int64_t i = 1; doc && i < t->batch; i++) {
            sb_str_add(docs, doc, sim_doc_len(doc));
            sim_w_clear(seq);
            put_document(s, seq, t, m);
            doc = sim_w_done(seq);
        }
        if (!doc)
            return -1;
        sb_str_add(docs, doc, sim_doc_len(doc));
        if (!sb_str_ok(docs))
            return -1;
        rq->seq[0].name = batch;
        rq->seq[0].p = (const uint8_t *)docs->p;
        rq->seq[0].n = docs->len;
        rq->seq_n = 1;
        rq->bytes += rq->seq[0].n + strlen(batch) + 6;
    }
    return 0;
}

int sim_more_request(struct sim *s, const struct sim_task *t, int64_t cursor, const struct sim_asker *who, struct sim_w *w, struct sim_request *rq)
{
    memset(rq, 0, sizeof *rq);
    sim_w_clear(w);
    sim_w_i64(w, "getMore", cursor);
    sim_w_text(w, "collection", t->coll);
    put_tail(s, w, t, who, false);
    rq->body = sim_w_done(w);
    if (!rq->body)
        return -1;
    rq->bytes = sim_doc_len(rq->body) + 21;
    return 0;
}
