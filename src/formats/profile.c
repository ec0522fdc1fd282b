/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/profile.h>

#include "slowop_bson.h"

/* ---- JSON ---- */

enum sb_log_status sb_profile_json(struct sb_scratch *scratch, const char *p, size_t n, struct sb_slow_op *op)
{
    struct sb_jt j = sb_jt_begin(p, n);
    bool nomem = false;
    sb_slow_op_clear(op);
    sb_scratch_begin(scratch, n);
    bool whole = sb_slow_op_read_json(&j, scratch, op, &nomem);
    if (nomem)
        return SB_LOG_NOMEM;
    if (whole) {
        sb_jt_blank(&j);
        if (j.p != j.end)
            return SB_LOG_BAD;
    } else if (j.state != SB_JT_CUT) {
        return SB_LOG_BAD;
    }
    if (!op->ns.p)
        return SB_LOG_BAD;
    if (!whole)
        return SB_LOG_CUT;
    return op->at_ms == SB_NO_TIME && op->duration_ms == SB_ABSENT ? SB_LOG_BAD : SB_LOG_GOOD;
}

/* ---- BSON ---- */

/* Where the members that are plain numbers, flags and strings go. */
struct number_member {
    const char *key;
    size_t offset;
};
#define NUMBER(key, field) {key, offsetof(struct sb_slow_op, field)}
static const struct number_member numbers[] = {
    NUMBER("millis", duration_ms),           NUMBER("durationMillis", duration_ms),  NUMBER("workingMillis", working_ms),
    NUMBER("keysExamined", keys_examined),   NUMBER("docsExamined", docs_examined),  NUMBER("nreturned", returned),
    NUMBER("nMatched", matched),             NUMBER("nModified", modified),          NUMBER("ndeleted", deleted),
    NUMBER("ninserted", inserted),           NUMBER("nUpserted", inserted),          NUMBER("numYield", yields),             NUMBER("responseLength", response_bytes),
    NUMBER("writeConflicts", write_conflicts), NUMBER("errCode", error_code),
};

static const struct number_member flags[] = {
    NUMBER("hasSortStage", has_sort_stage),
    NUMBER("usedDisk", used_disk),
    NUMBER("fromMultiPlanner", from_multi_planner),
    NUMBER("replanned", replanned),
};

static const struct number_member strings[] = {
    NUMBER("ns", ns),
    NUMBER("appName", app),
    NUMBER("client", remote),
    NUMBER("planSummary", plan),
    NUMBER("queryHash", query_hash),
    NUMBER("planCacheShapeHash", query_hash),
};

static void take_plain_member(struct sb_slow_op *op, const char *key, const bson_iter_t *it)
{
    if (BSON_ITER_HOLDS_UTF8(it)) {
        for (size_t i = 0; i < SB_COUNT(strings); i++)
            if (strcmp(key, strings[i].key) == 0)
                *(struct sb_span *)(void *)((char *)op + strings[i].offset) = sb_span_of_utf8(it);
    } else if (BSON_ITER_HOLDS_BOOL(it)) {
        for (size_t i = 0; i < SB_COUNT(flags); i++)
            if (strcmp(key, flags[i].key) == 0)
                *(bool *)((char *)op + flags[i].offset) = bson_iter_bool(it);
    } else if (BSON_ITER_HOLDS_NUMBER(it)) {
        for (size_t i = 0; i < SB_COUNT(numbers); i++)
            if (strcmp(key, numbers[i].key) == 0)
                *(int64_t *)(void *)((char *)op + numbers[i].offset) = bson_iter_as_int64(it);
    }
}

bool sb_profile_bson(const bson_t *doc, struct sb_slow_op *op)
{
    sb_slow_op_clear(op);
    struct sb_span type = {NULL, 0}, first_key = {NULL, 0}, first_value = {NULL, 0};
    bson_iter_t it;
    if (!bson_iter_init(&it, doc))
        return false;
    while (bson_iter_next(&it)) {
        const char *key = bson_iter_key(&it);
        if (strcmp(key, "op") == 0 && BSON_ITER_HOLDS_UTF8(&it)) {
            type = sb_span_of_utf8(&it);
        } else if (strcmp(key, "ts") == 0 && BSON_ITER_HOLDS_DATE_TIME(&it)) {
            op->at_ms = bson_iter_date_time(&it);
        } else if (strcmp(key, "command") == 0 && BSON_ITER_HOLDS_DOCUMENT(&it)) {
            op->command = sb_doc_of_document(&it);
            sb_first_member(&it, &first_key, &first_value);
        } else if (strcmp(key, "resolvedViews") == 0) {
            op->on_view = true;
        } else if (strcmp(key, "collectionType") == 0 && BSON_ITER_HOLDS_UTF8(&it)) {
            op->on_view = op->on_view || sb_slow_op_type_is_view(sb_span_of_utf8(&it));
        } else if (strcmp(key, "originatingCommand") == 0 && BSON_ITER_HOLDS_DOCUMENT(&it)) {
            op->originating = sb_doc_of_document(&it);
        } else {
            take_plain_member(op, key, &it);
        }
    }
    sb_slow_op_classify(op, type, first_key, first_value);
    if (it.err_off)
        return false; /* damaged: what was read of it is not to be believed */
    return type.p && op->ns.p && (op->at_ms != SB_NO_TIME || op->duration_ms != SB_ABSENT);
}

bool sb_profile_bson_data(const uint8_t *data, size_t len, struct sb_slow_op *op)
{
    bson_t doc;
    sb_slow_op_clear(op);
    return bson_init_static(&doc, data, len) && sb_profile_bson(&doc, op);
}
