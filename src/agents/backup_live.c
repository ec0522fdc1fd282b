/* SPDX-License-Identifier: Apache-2.0 */
#include "bson_get.h"

#include <signalbox/agents/backup_live.h>

#include <signalbox/agents/backup_guardian.h>
#include <signalbox/agents/oplog.h>

#include <inttypes.h>
#include <string.h>

static void read_fcv(struct sb_backup_live *l, struct sb_conn *c)
{
    bson_t reply, fcv;
    bson_iter_t it;
    if (sb_read_json(c, "admin", "{\"getParameter\": 1, \"featureCompatibilityVersion\": 1}", &reply, NULL))
        return; /* who may not ask does not know */
    if (bson_iter_init_find(&it, &reply, "featureCompatibilityVersion") && sb_sub_document(&it, &fcv) && bson_iter_init_find(&it, &fcv, "version") && BSON_ITER_HOLDS_UTF8(&it))
        snprintf(l->fcv, sizeof l->fcv, "%s", bson_iter_utf8(&it, NULL));
    bson_destroy(&reply);
}

static int ask(struct sb_backup_live *l, struct sb_conn *c, uint64_t point, struct sb_err *err)
{
    struct sb_deployment_facts facts;
    char first_write[256];
    if (sb_deployment_identify(c, &facts, err))
        return -1;
    snprintf(l->version, sizeof l->version, "%s", facts.version);
    size_t shards = facts.shards_n;
    bool cluster = facts.hello.is_mongos;
    sb_deployment_facts_release(&facts);
    read_fcv(l, c);
    if (cluster)
        return sb_fail(err, SB_EINPUT, "a cluster of %zu shards has an oplog a shard and not one: a backup of one shard is none of the cluster, only backups of every shard and of the config servers up to one moment are; how far each oplog reaches back is asked of its shard",
                       shards);
    snprintf(first_write, sizeof first_write,
             "{\"find\": \"oplog.rs\", \"filter\": {\"ts\": {\"$gt\": {\"$timestamp\": {\"t\": %" PRIu64 ", \"i\": %" PRIu64 "}}}, \"op\": {\"$in\": [\"i\", \"u\", \"d\", \"c\"]}}, \"limit\": 1}",
             point >> 32, point & UINT32_MAX);
    if (sb_oplog_time(c, SB_OPLOG_OLDEST, &l->oplog_from, err) || sb_oplog_time(c, SB_OPLOG_NEWEST, &l->oplog_to, err))
        return -1;
    if (sb_oplog_window(c, l->oplog_from, l->oplog_to, &l->window_s, NULL))
        l->window_s = (int64_t)(l->oplog_to >> 32) - (int64_t)(l->oplog_from >> 32);
    return sb_read_cursor_json(c, "local", first_write, 1, sb_take_ts, &l->unprotected, err) < 0 ? -1 : 0;
}

void sb_backup_live(struct sb_backup_live *out, const struct sb_server *server, const char *why, const struct sb_backup *newest)
{
    struct sb_err err = SB_ERR_INIT;
    uint64_t point = newest && newest->oplog_to && !newest->pitr.n ? newest->oplog_to : (uint64_t)(newest ? sb_backup_point(newest) / 1000 : 0) << 32;
    memset(out, 0, sizeof *out);
    struct sb_conn *c = server ? sb_conn_to_primary(server, SB_LANE_CONTROL, &err) : NULL;
    out->known = c && ask(out, c, point, &err) == 0 && out->oplog_to;
    if (!out->known)
        snprintf(out->blind, sizeof out->blind, "%s", !server ? why : err.code != SB_OK ? err.msg : "it has no oplog");
    out->covers = out->known && newest && out->oplog_from <= point;
    sb_conn_close(c);
}
