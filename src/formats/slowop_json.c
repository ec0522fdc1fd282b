/* SPDX-License-Identifier: Apache-2.0
 *
 * slowop_json.c - the members of a slow operation in JSON text: a log line's attr, or a profile document.
 */
#include <signalbox/formats/mongolog.h>

#include <signalbox/base/clock.h>

struct reader {
    struct sb_jt *j;
    struct sb_scratch *scratch;
    struct sb_slow_op *op;
    bool nomem;
    struct sb_span type;
    struct sb_span first_key, first_value; /* of the command */
};

void sb_scratch_begin(struct sb_scratch *scratch, size_t room)
{
    scratch->n = 0;
    scratch->room = room;
}

void sb_scratch_release(struct sb_scratch *scratch)
{
    free(scratch->p);
    *scratch = (struct sb_scratch){NULL, 0, 0, 0};
}

bool sb_scratch_unescape(struct sb_scratch *scratch, struct sb_span raw, struct sb_span *out)
{
    if (scratch->cap < scratch->room) { /* never after the first string of a line: earlier spans stay valid */
        char *p = realloc(scratch->p, scratch->room);
        if (!p)
            return false;
        scratch->p = p;
        scratch->cap = scratch->room;
    }
    if (raw.n > scratch->cap - scratch->n)
        return false;
    *out = (struct sb_span){scratch->p + scratch->n, sb_jt_unescape(scratch->p + scratch->n, raw)};
    scratch->n += out->n;
    return true;
}

/* A string member; another kind of value leaves it absent. */
static bool take_string(struct reader *r, struct sb_span *out)
{
    struct sb_span raw;
    bool escaped;
    if (r->j->p < r->j->end && *r->j->p != '"')
        return sb_jt_skip(r->j, NULL);
    if (!sb_jt_string(r->j, &raw, &escaped))
        return false;
    if (escaped && !sb_scratch_unescape(r->scratch, raw, &raw)) {
        r->nomem = true;
        return sb_jt_stop(r->j, SB_JT_BAD);
    }
    *out = raw;
    return true;
}

static bool take_collection_type(struct reader *r)
{
    struct sb_span type = {NULL, 0};
    if (!take_string(r, &type))
        return false;
    r->op->on_view = r->op->on_view || sb_slow_op_type_is_view(type);
    return true;
}

/* Notes the first member of the command: it names the command, and mostly the collection. */
static bool read_first_member(struct reader *r, struct sb_span text)
{
    struct sb_jt j = sb_jt_make(text.p, text.n), *outer = r->j;
    struct sb_span key;
    bool first = true, escaped;
    if (!sb_jt_open(&j, '{') || !sb_jt_member(&j, &first, &key, &escaped) || escaped)
        return true;
    r->first_key = key;
    if (*j.p != '"')
        return true;
    r->j = &j;
    bool ok = take_string(r, &r->first_value);
    r->j = outer;
    return ok || !r->nomem;
}

/* Takes a document as it stands; a cut one up to the cut. */
static bool take_doc(struct reader *r, struct sb_doc *doc)
{
    const char *from = r->j->p;
    if (r->j->p < r->j->end && *r->j->p != '{')
        return sb_jt_skip(r->j, NULL);
    bool whole = sb_jt_skip(r->j, NULL);
    if (!whole && r->j->state != SB_JT_CUT)
        return false;
    *doc = (struct sb_doc){SB_DOC_JSON, !whole, from, (size_t)((whole ? r->j->p : r->j->end) - from)};
    return whole;
}

static bool take_command(struct reader *r)
{
    bool whole = take_doc(r, &r->op->command);
    if (r->op->command.form != SB_DOC_NONE &&
        !read_first_member(r, (struct sb_span){r->op->command.p, r->op->command.n}))
        return sb_jt_stop(r->j, SB_JT_BAD);
    return whole;
}

/* {"$date":"2026-..."}, {"$date":{"$numberLong":"..."}} or {"$date":123} */
static bool take_date(struct reader *r, int64_t *at_ms)
{
    struct sb_span raw, text;
    int64_t ms;
    if (!sb_jt_skip(r->j, &raw))
        return false;
    if (sb_jt_find_string(raw, "$date", &text)) {
        if (sb_time_parse(text.p, text.n, &ms) == 0)
            *at_ms = ms;
    } else if (sb_jt_find_integer(raw, "$date", &ms)) {
        *at_ms = ms;
    }
    return true;
}

#define IS(literal) (memcmp(key.p, literal, sizeof(literal) - 1) == 0)

/* The members that are read, by the length of their names; the rest is skipped. */
static bool take_member(struct reader *r, struct sb_span key)
{
    struct sb_slow_op *op = r->op;
    struct sb_jt *j = r->j;
    switch (key.n) {
    case 2:
        if (IS("ns"))
            return take_string(r, &op->ns);
        if (IS("op"))
            return take_string(r, &r->type);
        if (IS("ts"))
            return take_date(r, &op->at_ms);
        break;
    case 4:
        if (IS("type"))
            return take_string(r, &r->type);
        break;
    case 6:
        if (IS("reslen"))
            return sb_jt_integer(j, &op->response_bytes);
        if (IS("remote") || IS("client"))
            return take_string(r, &op->remote);
        if (IS("millis"))
            return sb_jt_integer(j, &op->duration_ms);
        break;
    case 7:
        if (IS("command"))
            return take_command(r);
        if (IS("appName"))
            return take_string(r, &op->app);
        if (IS("errCode"))
            return sb_jt_integer(j, &op->error_code);
        break;
    case 8:
        if (IS("numYield"))
            return sb_jt_integer(j, &op->yields);
        if (IS("nMatched"))
            return sb_jt_integer(j, &op->matched);
        if (IS("ndeleted"))
            return sb_jt_integer(j, &op->deleted);
        if (IS("usedDisk"))
            return sb_jt_bool(j, &op->used_disk);
        break;
    case 9:
        if (IS("numYields"))
            return sb_jt_integer(j, &op->yields);
        if (IS("nreturned"))
            return sb_jt_integer(j, &op->returned);
        if (IS("ninserted"))
            return sb_jt_integer(j, &op->inserted);
        if (IS("nModified"))
            return sb_jt_integer(j, &op->modified);
        if (IS("nUpserted"))
            return sb_jt_integer(j, &op->inserted);
        if (IS("queryHash"))
            return take_string(r, &op->query_hash);
        if (IS("replanned"))
            return sb_jt_bool(j, &op->replanned);
        break;
    case 11:
        if (IS("planSummary"))
            return take_string(r, &op->plan);
        break;
    case 12:
        if (IS("keysExamined"))
            return sb_jt_integer(j, &op->keys_examined);
        if (IS("docsExamined"))
            return sb_jt_integer(j, &op->docs_examined);
        if (IS("hasSortStage"))
            return sb_jt_bool(j, &op->has_sort_stage);
        break;
    case 13:
        if (IS("workingMillis"))
            return sb_jt_integer(j, &op->working_ms);
        if (IS("resolvedViews"))
            op->on_view = true;
        break;
    case 14:
        if (IS("collectionType"))
            return take_collection_type(r);
        if (IS("durationMillis"))
            return sb_jt_integer(j, &op->duration_ms);
        if (IS("responseLength"))
            return sb_jt_integer(j, &op->response_bytes);
        if (IS("writeConflicts"))
            return sb_jt_integer(j, &op->write_conflicts);
        break;
    case 16:
        if (IS("fromMultiPlanner"))
            return sb_jt_bool(j, &op->from_multi_planner);
        break;
    case 18:
        if (IS("originatingCommand"))
            return take_doc(r, &op->originating);
        if (IS("planCacheShapeHash"))
            return take_string(r, &op->query_hash);
        break;
    default:
        break;
    }
    return sb_jt_skip(j, NULL);
}

bool sb_slow_op_read_json(struct sb_jt *j, struct sb_scratch *scratch, struct sb_slow_op *op, bool *nomem)
{
    struct reader r = {.j = j, .scratch = scratch, .op = op};
    struct sb_span key;
    bool first = true, escaped, ok = sb_jt_open(j, '{');
    while (ok && (ok = sb_jt_member(j, &first, &key, &escaped)))
        ok = escaped ? sb_jt_skip(j, NULL) : take_member(&r, key);
    sb_slow_op_classify(op, r.type, r.first_key, r.first_value);
    op->cut = j->state == SB_JT_CUT;
    *nomem = r.nomem;
    return j->state == SB_JT_OK;
}
