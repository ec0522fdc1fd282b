/* SPDX-License-Identifier: Apache-2.0
 *
 * Reading an oplog on, for the step iterators that look at what the applications write: from the moment at which the counting began, or
 * from behind the last entry that was read. */
#include "step_iterator_kinds.h"

#include "bson_get.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/agents/oplog.h>

#include <stdio.h>
#include <string.h>

/* The step's own find, from a moment on. NULL with err; the caller destroys it. */
static bson_t *from_on(const char *command, uint32_t t, uint32_t i, bool behind, struct sb_err *err)
{
    bson_t *all = bson_new_from_json((const uint8_t *)command, -1, NULL), *out = bson_new(), filter, ts, sub;
    bson_iter_t it;
    bool found = false;
    for (bool more = all && bson_iter_init(&it, all) && bson_iter_next(&it); more; more = bson_iter_next(&it)) {
        if (strcmp(bson_iter_key(&it), "filter") == 0 && sb_sub_document(&it, &sub)) {
            BSON_APPEND_DOCUMENT_BEGIN(out, "filter", &filter);
            BSON_APPEND_DOCUMENT_BEGIN(&filter, "ts", &ts);
            BSON_APPEND_TIMESTAMP(&ts, behind ? "$gt" : "$gte", t, i);
            bson_append_document_end(&filter, &ts);
            bson_concat(&filter, &sub);
            bson_append_document_end(out, &filter);
            found = true;
        } else if (strcmp(bson_iter_key(&it), "$db") != 0) {
            BSON_APPEND_VALUE(out, bson_iter_key(&it), bson_iter_value(&it));
        }
    }
    if (all)
        bson_destroy(all);
    if (found)
        return out;
    bson_destroy(out);
    sb_fail(err, SB_EINTERNAL, "the step's command is no find that can be read on");
    return NULL;
}

/* 1; 0 with *out saying that it does not; -1. */
static int reaches(struct sb_conn *c, int64_t since, struct sb_turn_answer *out, struct sb_err *err)
{
    uint64_t oldest;
    int rc = sb_oplog_time(c, SB_OPLOG_OLDEST, &oldest, err);
    bool refused = rc && err->code == SB_ECOMMAND;
    if (rc && !refused)
        return -1;
    if (oldest && (int64_t)(oldest >> 32) <= since / 1000)
        return 1;
    out->turn = SB_TURN_FAILED;
    if (oldest)
        snprintf(out->why, sizeof out->why, "the oplog does not reach back to when the counting began: what was written since is not known");
    else
        snprintf(out->why, sizeof out->why, "there is no oplog to be read here, so what the applications write cannot be seen%s%.120s", refused ? ": " : "", refused ? err->msg : "");
    *err = (struct sb_err)SB_ERR_INIT;
    return 0;
}

int sb_look_remember(struct sb_place *p, uint32_t t, uint32_t i)
{
    bson_t doc = BSON_INITIALIZER;
    BSON_APPEND_TIMESTAMP(&doc, "_id", t, i);
    char *json = bson_as_canonical_extended_json(&doc, NULL);
    int rc = !json || sb_str_set(&p->at, json) ? -1 : 0;
    bson_free(json);
    bson_destroy(&doc);
    return rc;
}

int sb_look_read(struct sb_look_reading *r, struct sb_turn_answer *out, struct sb_err *err)
{
    const struct sb_turn_question *q = r->q;
    bson_t *at = q->place.at ? bson_new_from_json((const uint8_t *)q->place.at, -1, NULL) : NULL, *command = NULL;
    bson_iter_t it;
    uint32_t t = (uint32_t)(q->place.since / 1000), i = 0;
    int rc = -1;
    if (at && bson_iter_init_find(&it, at, "_id") && BSON_ITER_HOLDS_TIMESTAMP(&it))
        bson_iter_timestamp(&it, &t, &i);
    if (!sb_ns_split(q->ns, r->db, r->coll)) {
        sb_fail(err, SB_EINTERNAL, "the step does not say which writes are looked at");
        goto out;
    }
    if (!(r->conn = sb_conn_to_primary(r->server, SB_LANE_BULK, err)))
        goto out;
    rc = sb_same_collection(r->conn, r->db, r->coll, q->uuid, out->why, sizeof out->why, err);
    if (rc == 0)
        out->turn = SB_TURN_FAILED;
    if (rc == 1 && !at)
        rc = reaches(r->conn, q->place.since, out, err);
    if (rc != 1)
        goto out;
    command = from_on(q->step->action, t, i, at != NULL, err);
    rc = command && sb_read_cursor(r->conn, "local", command, SB_LOOK_ENTRIES, r->take, r->ctx, err) >= 0 ? 1 : -1;
out:
    if (command)
        bson_destroy(command);
    if (at)
        bson_destroy(at);
    return rc;
}
