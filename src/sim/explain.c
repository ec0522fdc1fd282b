/* SPDX-License-Identifier: Apache-2.0
 *
 * Plans and their statistics in the form of MongoDB 5.0's explain. */
#include <signalbox/sim/exec.h>

#include <string.h>

static const char *stage_name(const struct sim_stage *s)
{
    switch (s->kind) {
    case SIM_EOF_PLAN:
        return "EOF";
    case SIM_COLLSCAN:
        return "COLLSCAN";
    case SIM_IDHACK:
        return s->express ? "EXPRESS_IXSCAN" : "IDHACK";
    case SIM_IXSCAN:
        return "IXSCAN";
    case SIM_COUNT_SCAN:
        return "COUNT_SCAN";
    case SIM_DISTINCT_SCAN:
        return "DISTINCT_SCAN";
    case SIM_FETCH_STAGE:
        return "FETCH";
    case SIM_OR_STAGE:
        return "OR";
    case SIM_SORT_MERGE:
        return "SORT_MERGE";
    case SIM_SORT:
        return "SORT";
    case SIM_SKIP:
        return "SKIP";
    case SIM_LIMIT:
        return "LIMIT";
    case SIM_PROJECTION:
        return sim_projection_is_simple(s->projection) ? "PROJECTION_SIMPLE" : "PROJECTION_DEFAULT";
    case SIM_PROJECTION_COVERED:
        return "PROJECTION_COVERED";
    case SIM_SUBPLAN:
        return "SUBPLAN";
    case SIM_COUNT_STAGE:
        return "COUNT";
    case SIM_FAST_COUNT:
        return "RECORD_STORE_FAST_COUNT";
    case SIM_UPDATE_STAGE:
        return "UPDATE";
    default:
        return "DELETE";
    }
}

static void write_filter(struct sim_w *w, const struct sim_expr *e)
{
    if (!e || sim_matches_all(e))
        return;
    sim_w_doc(w, "filter");
    sim_expr_write(w, e);
    sim_w_end(w);
}

/* {user_id: ["[5, 5]"], created: ["[MaxKey, MinKey]"]}, ends in the order of the walk */
static void write_bounds(struct sim_w *w, const struct sim_scan *scan)
{
    struct sb_str text;
    sb_str_init(&text);
    sim_w_doc(w, "indexBounds");
    for (unsigned i = 0; i < scan->index->fields; i++) {
        bool reversed = scan->index->field[i].descending != scan->backward;
        const struct sim_intervals *v = &scan->values[i];
        sim_w_array(w, scan->index->field[i].path);
        for (size_t k = 0; k < v->n; k++) {
            sb_str_clear(&text);
            sim_interval_text(&text, &v->iv[reversed ? v->n - 1 - k : k], reversed);
            sim_w_text_n(w, NULL, text.p, text.len);
        }
        sim_w_end(w);
    }
    sim_w_end(w);
    sb_str_release(&text);
}

static void write_key_end(struct sim_w *w, const char *name, const struct sim_scan *scan, bool end)
{
    sim_w_doc(w, name);
    for (unsigned i = 0; i < scan->index->fields; i++) {
        bool high = end != scan->index->field[i].descending;
        const struct sim_intervals *v = &scan->values[i];
        sim_w_val(w, scan->index->field[i].path, high ? v->iv[v->n - 1].hi : v->iv[0].lo);
    }
    sim_w_end(w);
}

static bool end_included(const struct sim_scan *scan, bool end)
{
    for (unsigned i = 0; i < scan->index->fields; i++) {
        bool high = end != scan->index->field[i].descending;
        const struct sim_intervals *v = &scan->values[i];
        if (!(high ? v->iv[v->n - 1].hi_in : v->iv[0].lo_in))
            return false;
    }
    return true;
}

static void write_index(struct sim_w *w, const struct sim_stage *s)
{
    const struct sim_index *x = s->scan->index;
    sim_w_val(w, "keyPattern", sim_index_key(x));
    sim_w_text(w, "indexName", x->name);
    sim_w_bool(w, "isMultiKey", x->multikey);
    bool hashed = false;
    for (unsigned i = 0; i < x->fields; i++)
        hashed = hashed || x->field[i].hashed;
    if (!hashed) /* it has none */
        sim_w_doc(w, "multiKeyPaths");
    for (unsigned i = 0; !hashed && i < x->fields; i++) {
        const char *path = x->field[i].path;
        sim_w_array(w, path);
        for (unsigned part = 0, at = 0; path[at]; part++) {
            at += (unsigned)strcspn(path + at, ".");
            if (x->field[i].multikey >> part % 32 & 1)
                sim_w_text_n(w, NULL, path, at);
            at += path[at] == '.';
        }
        sim_w_end(w);
    }
    if (!hashed)
        sim_w_end(w);
    sim_w_bool(w, "isUnique", x->unique);
    sim_w_bool(w, "isSparse", x->sparse);
    sim_w_bool(w, "isPartial", x->partial != NULL);
    sim_w_i32(w, "indexVersion", 2);
    if (s->kind == SIM_COUNT_SCAN) {
        sim_w_doc(w, "indexBounds");
        write_key_end(w, "startKey", s->scan, false);
        sim_w_bool(w, "startKeyInclusive", end_included(s->scan, false));
        write_key_end(w, "endKey", s->scan, true);
        sim_w_bool(w, "endKeyInclusive", end_included(s->scan, true));
        sim_w_end(w);
        return;
    }
    sim_w_text(w, "direction", s->scan->backward ? "backward" : "forward");
    write_bounds(w, s->scan);
}

/* What both forms show of a stage beside its statistics; before: those of its fields that stand in front of them. */
static void write_own(struct sim_w *w, const struct sim_stage *s, bool stats)
{
    switch (s->kind) {
    case SIM_COLLSCAN:
        sim_w_text(w, "direction", s->backward ? "backward" : "forward");
        break;
    case SIM_IXSCAN:
    case SIM_COUNT_SCAN:
    case SIM_DISTINCT_SCAN:
        if (stats && s->kind == SIM_COUNT_SCAN)
            sim_w_i32(w, "keysExamined", s->keys_examined);
        write_index(w, s);
        break;
    case SIM_SORT:
        sim_w_copy(w, "sortPattern", s->pattern);
        sim_w_i32(w, "memLimit", 104857600);
        if (s->amount)
            sim_w_i32(w, "limitAmount", s->amount);
        sim_w_text(w, "type", s->sort_default ? "default" : "simple");
        break;
    case SIM_SORT_MERGE:
        sim_w_copy(w, "sortPattern", s->pattern);
        break;
    case SIM_SKIP:
        sim_w_i32(w, "skipAmount", stats ? s->amount - s->passed : s->amount);
        break;
    case SIM_LIMIT:
        sim_w_i32(w, "limitAmount", s->amount);
        break;
    case SIM_PROJECTION:
    case SIM_PROJECTION_COVERED:
        if (s->projection && (!stats || s->explained)) { /* the profiler's copy is empty */
            sim_w_copy(w, "transformBy", sim_projection_spec(s->projection));
        } else {
            sim_w_doc(w, "transformBy");
            sim_w_end(w);
        }
        break;
    default:
        break;
    }
}

static void write_own_stats(struct sim_w *w, const struct sim_stage *s)
{
    switch (s->kind) {
    case SIM_COLLSCAN:
        sim_w_i32(w, "docsExamined", s->docs_examined);
        break;
    case SIM_IDHACK:
        sim_w_i32(w, "keysExamined", s->keys_examined);
        sim_w_i32(w, "docsExamined", s->docs_examined);
        break;
    case SIM_FETCH_STAGE:
        sim_w_i32(w, "docsExamined", s->docs_examined);
        sim_w_i32(w, "alreadyHasObj", s->already_had);
        break;
    case SIM_IXSCAN:
        sim_w_i32(w, "keysExamined", s->keys_examined);
        sim_w_i32(w, "seeks", s->seeks);
        sim_w_i32(w, "dupsTested", s->dups_tested);
        sim_w_i32(w, "dupsDropped", s->dups_dropped);
        break;
    case SIM_DISTINCT_SCAN:
        sim_w_i32(w, "keysExamined", s->keys_examined);
        break;
    case SIM_OR_STAGE:
    case SIM_SORT_MERGE:
        sim_w_i32(w, "dupsTested", s->dups_tested);
        sim_w_i32(w, "dupsDropped", s->dups_dropped);
        break;
    case SIM_SORT:
        sim_w_int(w, "totalDataSizeSorted", s->started ? s->passed : 0);
        sim_w_bool(w, "usedDisk", s->passed > 104857600);
        break;
    case SIM_COUNT_STAGE:
    case SIM_FAST_COUNT:
        sim_w_i32(w, "nCounted", s->passed);
        sim_w_i32(w, "nSkipped", s->n_would_modify);
        break;
    case SIM_UPDATE_STAGE:
        sim_w_i32(w, "nMatched", s->n_matched);
        sim_w_i32(w, "nWouldModify", s->n_would_modify);
        sim_w_i32(w, "nWouldUpsert", s->n_would_upsert);
        break;
    case SIM_DELETE_STAGE:
        sim_w_i32(w, "nWouldDelete", s->n_matched);
        break;
    default:
        break;
    }
}

static void write_stage(struct sim_w *w, const struct sim_stage *s, bool stats, int64_t yields, double ms_per_unit)
{
    sim_w_text(w, "stage", stage_name(s));
    write_filter(w, s->filter);
    if (stats) {
        struct sim_totals t = {0};
        sim_stage_totals(s, &t);
        sim_w_i32(w, "nReturned", s->advanced);
        sim_w_i32(w, "executionTimeMillisEstimate", (int64_t)((double)(t.keys + 8 * t.docs) * ms_per_unit));
        sim_w_i32(w, "works", s->works);
        sim_w_i32(w, "advanced", s->advanced);
        sim_w_i32(w, "needTime", s->need_time);
        sim_w_i32(w, "needYield", 0);
        sim_w_i32(w, "saveState", yields);
        sim_w_i32(w, "restoreState", yields);
        sim_w_i32(w, "isEOF", s->eof);
    }
    write_own(w, s, stats);
    if (stats)
        write_own_stats(w, s);
    if (s->child) {
        sim_w_doc(w, "inputStage");
        write_stage(w, s->child, stats, yields, ms_per_unit);
        sim_w_end(w);
    }
    if (s->children_n) {
        sim_w_array(w, "inputStages");
        for (size_t i = 0; i < s->children_n; i++) {
            sim_w_doc(w, NULL);
            write_stage(w, s->children[i], stats, yields, ms_per_unit);
            sim_w_end(w);
        }
        sim_w_end(w);
    }
}

void sim_explain_plan(struct sim_w *w, const struct sim_stage *s)
{
    write_stage(w, s, false, 0, 0);
}

void sim_explain_stats(struct sim_w *w, const struct sim_stage *s, int64_t yields, double ms_per_unit)
{
    write_stage(w, s, true, yields, ms_per_unit);
}

static void write_planner(struct sim_w *w, const struct sim_exec *e, bool hash)
{
    sim_w_doc(w, "queryPlanner");
    sim_w_text(w, "namespace", e->q.ns);
    sim_w_bool(w, "indexFilterSet", false);
    sim_w_doc(w, "parsedQuery");
    sim_expr_write(w, e->q.filter);
    sim_w_end(w);
    if (hash) {
        sim_w_textf(w, e->newer_names ? "planCacheShapeHash" : "queryHash", "%08X", e->query_hash);
        sim_w_textf(w, "planCacheKey", "%08X", e->plan_cache_key);
    }
    sim_w_bool(w, "maxIndexedOrSolutionsReached", false);
    sim_w_bool(w, "maxIndexedAndSolutionsReached", false);
    sim_w_bool(w, "maxScansToExplodeReached", false);
    sim_w_doc(w, "winningPlan");
    sim_explain_plan(w, e->root);
    sim_w_end(w);
    sim_w_array(w, "rejectedPlans");
    for (size_t i = 0; i < e->rejected_n; i++) {
        sim_w_doc(w, NULL);
        sim_explain_plan(w, e->rejected[i]);
        sim_w_end(w);
    }
    sim_w_end(w);
    sim_w_end(w);
}

void sim_explain(struct sim_w *w, const struct sim_exec *e, int stats, bool hash, int64_t millis)
{
    write_planner(w, e, hash || !stats);
    if (!stats)
        return;
    struct sim_totals t;
    sim_exec_totals(e, &t);
    int64_t units = t.keys + 8 * t.docs;
    sim_w_doc(w, "executionStats");
    sim_w_bool(w, "executionSuccess", true);
    sim_w_i32(w, "nReturned", e->root->advanced);
    sim_w_i32(w, "executionTimeMillis", millis);
    sim_w_i32(w, "totalKeysExamined", t.keys);
    sim_w_i32(w, "totalDocsExamined", t.docs);
    sim_w_doc(w, "executionStages");
    sim_explain_stats(w, e->root, e->root->works / 1000, units ? (double)millis / (double)units : 0);
    sim_w_end(w);
    if (stats > 1) {
        sim_w_array(w, "allPlansExecution");
        for (size_t i = 0; i < e->trials_n; i++)
            sim_w_copy(w, NULL, e->trials[i]->bson);
        sim_w_end(w);
    }
    sim_w_end(w);
}
