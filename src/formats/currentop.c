/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/formats/currentop.h>
#include <signalbox/formats/jsontext.h>

#include "slowop_bson.h"

struct found {
    struct sb_span type, first_key, first_value, kind;
    bool active;
};

/* Where the cursor of a getMore came from: 4.4 and later have it below "cursor". */
static void take_cursor(struct sb_slow_op *op, const bson_iter_t *cursor)
{
    bson_iter_t in;
    if (bson_iter_recurse(cursor, &in) && bson_iter_find(&in, "originatingCommand") && BSON_ITER_HOLDS_DOCUMENT(&in))
        op->originating = sb_doc_of_document(&in);
}

static void take_member(struct sb_slow_op *op, struct found *f, const char *key, const bson_iter_t *it)
{
    if (BSON_ITER_HOLDS_UTF8(it)) {
        struct sb_span *to = strcmp(key, "type") == 0          ? &f->kind
                             : strcmp(key, "op") == 0          ? &f->type
                             : strcmp(key, "ns") == 0          ? &op->ns
                             : strcmp(key, "appName") == 0     ? &op->app
                             : strcmp(key, "desc") == 0        ? &op->ctx
                             : strcmp(key, "client") == 0      ? &op->remote
                             : strcmp(key, "planSummary") == 0 ? &op->plan
                                                               : NULL;
        if (to)
            *to = sb_span_of_utf8(it);
    } else if (strcmp(key, "command") == 0 && BSON_ITER_HOLDS_DOCUMENT(it)) {
        op->command = sb_doc_of_document(it);
        sb_first_member(it, &f->first_key, &f->first_value);
    } else if (strcmp(key, "originatingCommand") == 0 && BSON_ITER_HOLDS_DOCUMENT(it)) {
        op->originating = sb_doc_of_document(it);
    } else if (strcmp(key, "cursor") == 0 && BSON_ITER_HOLDS_DOCUMENT(it)) {
        take_cursor(op, it);
    } else if (strcmp(key, "active") == 0) {
        f->active = bson_iter_as_bool(it);
    } else if (strcmp(key, "microsecs_running") == 0 && BSON_ITER_HOLDS_NUMBER(it)) {
        op->duration_ms = bson_iter_as_int64(it) / 1000;
    } else if (strcmp(key, "secs_running") == 0 && BSON_ITER_HOLDS_NUMBER(it) && op->duration_ms == SB_ABSENT) {
        int64_t s = bson_iter_as_int64(it);
        op->duration_ms = s >= 0 && s < INT64_MAX / 1000 ? s * 1000 : SB_ABSENT;
    } else if (strcmp(key, "numYields") == 0 && BSON_ITER_HOLDS_NUMBER(it)) {
        op->yields = bson_iter_as_int64(it);
    }
}

bool sb_current_op(const bson_t *doc, int64_t at_ms, struct sb_slow_op *op)
{
    struct found f = {.active = false};
    bson_iter_t it;
    sb_slow_op_clear(op);
    if (!bson_iter_init(&it, doc))
        return false;
    while (bson_iter_next(&it))
        take_member(op, &f, bson_iter_key(&it), &it);
    if (it.err_off || !f.active || !f.type.p || !op->ns.n || (f.kind.p && !SB_SPAN_IS(f.kind, "op")))
        return false;
    sb_slow_op_classify(op, f.type, f.first_key, f.first_value);
    op->at_ms = at_ms;
    if (op->duration_ms < 0)
        op->duration_ms = SB_ABSENT;
    return op->kind != SB_OP_INTERNAL;
}
