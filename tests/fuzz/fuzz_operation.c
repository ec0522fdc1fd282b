/* SPDX-License-Identifier: Apache-2.0
 *
 * Fuzzes what servers tell of operations as BSON: a document of system.profile, one of $currentOp (as a slow operation, and as one
 * that runs now and may be ended), one of $queryStats, and the shape that each is reduced to. */
#include "fuzz.h"

#include <signalbox/agents/live_ops.h>
#include <signalbox/formats/currentop.h>
#include <signalbox/formats/profile.h>
#include <signalbox/formats/querystats.h>
#include <signalbox/telemetry/shape.h>

static void shape_of(const struct sb_slow_op *op)
{
    struct sb_shape *s = sb_shape_new(op, NULL);
    check(s && strlen(s->fingerprint) == SB_FINGERPRINT_LEN);
    sb_shape_free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sb_slow_op op;
    struct sb_query_stat q;
    bson_t doc;
    if (sb_profile_bson_data(data, size, &op))
        shape_of(&op);
    if (size > INT32_MAX || !bson_init_static(&doc, data, size))
        return 0;
    if (sb_current_op(&doc, 1, &op)) {
        check(op.duration_ms >= SB_ABSENT);
        shape_of(&op);
    }
    struct sb_op live;
    struct sb_op_locks locks;
    enum sb_live_kind kind;
    if (sb_live_op(&doc, "db1:27017", &live, &locks, &kind) == 0) {
        json_t *json = live.member ? sb_record_to_json(&sb_op_schema, &live) : json_object();
        check(json && live.running_ms >= 0); /* what a message cannot carry would reach no screen */
        check(kind != SB_LIVE_LISTED || (live.op && live.ns));
        check(live.barred || !live.member || (live.opid && live.connection && live.client));
        json_decref(json);
        sb_record_release(&sb_op_schema, &live);
    }
    if (sb_query_stat_read(&doc, &q)) {
        check(q.executions >= SB_ABSENT && strlen(q.ns) > 0);
        shape_of(&q.op);
        sb_query_stat_release(&q);
    }
    return 0;
}
