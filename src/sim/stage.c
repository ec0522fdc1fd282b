/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/sim/sort.h>
#include <signalbox/sim/stage.h>

#include "ridset.h"
#include "scan.h"

#include <stdlib.h>
#include <string.h>

void sim_row_release(struct sim_row *row)
{
    sim_doc_unref(row->doc);
    row->doc = NULL;
}

/* The document of a row that has none yet, uncounted. False when the record is gone. */
static bool resolve(const struct sim_coll *c, struct sim_row *row)
{
    if (row->doc)
        return true;
    struct sim_doc *d = sim_records_get(&c->records, row->rid);
    if (d)
        row->doc = sim_doc_ref(d);
    return d != NULL;
}

static enum sim_state work_collscan(struct sim_stage *s, struct sim_row *row)
{
    const struct sim_records *r = &s->coll->records;
    if (!s->started) { /* opening the cursor is a work of its own */
        s->started = true;
        s->at = s->backward ? r->next : 0;
        return SIM_NEED_TIME;
    }
    uint64_t at = s->eof ? 0 : s->backward ? sim_records_back_from(r, s->at - 1) : sim_records_from(r, s->at + 1);
    if (!at) {
        s->eof = true;
        return SIM_IS_EOF;
    }
    s->at = at;
    s->docs_examined++;
    struct sim_doc *d = sim_records_get(r, at);
    if (s->filter && !sim_match(s->filter, d->bson))
        return SIM_NEED_TIME;
    *row = (struct sim_row){at, sim_doc_ref(d)};
    return SIM_ADVANCED;
}

static enum sim_state work_idhack(struct sim_stage *s, struct sim_row *row)
{
    if (s->eof)
        return SIM_IS_EOF;
    s->eof = true;
    uint64_t rid = sim_coll_by_id(s->coll, s->id);
    if (!rid)
        return SIM_IS_EOF;
    s->keys_examined++;
    s->docs_examined++;
    *row = (struct sim_row){rid, sim_doc_ref(sim_records_get(&s->coll->records, rid))};
    return SIM_ADVANCED;
}

static enum sim_state work_fetch(struct sim_stage *s, struct sim_row *row)
{
    enum sim_state state = sim_work(s->child, row);
    bool by_index = s->child->kind == SIM_IXSCAN;
    s->eof = s->child->eof;
    if (state != SIM_ADVANCED)
        return state;
    if (by_index)
        sim_scan_ask(s->child, false);
    if (row->doc)
        s->already_had++;
    else if (resolve(s->coll, row))
        s->docs_examined++;
    else
        return SIM_NEED_TIME;
    if (by_index)
        sim_scan_ask(s->child, true);
    if (s->filter && !sim_match(s->filter, row->doc->bson)) {
        sim_row_release(row);
        return SIM_NEED_TIME;
    }
    return SIM_ADVANCED;
}

/* 1 new, 0 seen before, -1 out of memory. */
static int fresh(struct sim_stage *s, uint64_t rid)
{
    if (!s->seen && !(s->seen = sim_ridset_new()))
        return -1;
    s->dups_tested++;
    int added = sim_ridset_add(s->seen, rid);
    s->dups_dropped += added == 0;
    return added;
}

static enum sim_state work_or(struct sim_stage *s, struct sim_row *row)
{
    if (s->turn == s->children_n) {
        s->eof = true;
        return SIM_IS_EOF;
    }
    enum sim_state state = sim_work(s->children[s->turn], row);
    if (state == SIM_IS_EOF) {
        s->eof = ++s->turn == s->children_n;
        return s->eof ? SIM_IS_EOF : SIM_NEED_TIME;
    }
    if (state != SIM_ADVANCED)
        return state;
    int is_new = fresh(s, row->rid);
    if (is_new > 0)
        return SIM_ADVANCED;
    sim_row_release(row);
    return is_new < 0 ? SIM_FAILED : SIM_NEED_TIME;
}

/* Fills the head of one child; NEED_TIME whatever came of it. */
static enum sim_state fill_head(struct sim_stage *s, size_t i)
{
    struct sim_row row = {0, NULL};
    enum sim_state state = sim_work(s->children[i], &row);
    if (state == SIM_ADVANCED) {
        int is_new = fresh(s, row.rid);
        bool fetched = row.doc != NULL;
        if (is_new <= 0 || !resolve(s->coll, &row)) {
            sim_row_release(&row);
            return is_new < 0 ? SIM_FAILED : SIM_NEED_TIME;
        }
        if (sim_sort_key(s->pattern, row.doc->bson, &s->head_key[i], s->fail)) {
            sim_row_release(&row);
            return SIM_FAILED;
        }
        if (!fetched) { /* the server merges by index keys: the document is looked at by who fetches it */
            sim_doc_unref(row.doc);
            row.doc = NULL;
        }
        s->head[i] = row;
        s->head_full[i] = true;
    }
    return state == SIM_FAILED ? SIM_FAILED : SIM_NEED_TIME;
}

static enum sim_state work_sort_merge(struct sim_stage *s, struct sim_row *row)
{
    size_t least = s->children_n;
    for (size_t i = 0; i < s->children_n; i++)
        if (!s->head_full[i] && !s->children[i]->eof)
            return fill_head(s, i);
    for (size_t i = 0; i < s->children_n; i++) {
        if (!s->head_full[i])
            continue;
        if (least == s->children_n) {
            least = i;
            continue;
        }
        const struct sb_str *a = &s->head_key[i], *b = &s->head_key[least];
        int c = memcmp(a->p, b->p, a->len < b->len ? a->len : b->len);
        if (c < 0 || (c == 0 && a->len < b->len))
            least = i;
    }
    if (least == s->children_n) {
        s->eof = true;
        return SIM_IS_EOF;
    }
    *row = s->head[least];
    s->head[least].doc = NULL;
    s->head_full[least] = false;
    return SIM_ADVANCED;
}

static enum sim_state sort_take(struct sim_stage *s)
{
    struct sim_row row = {0, NULL};
    enum sim_state state = sim_work(s->child, &row);
    if (state == SIM_ADVANCED) {
        int rc = resolve(s->coll, &row) ? sim_sorter_add(s->sorter, row.rid, row.doc, s->fail) : 0;
        sim_row_release(&row);
        if (rc)
            return SIM_FAILED;
        if (sim_sorter_bytes(s->sorter) > SIM_SORT_MEMORY && !s->allow_disk) {
            sim_fail(s->fail, SIM_MEMORY_LIMIT,
                     "Sort exceeded memory limit of %d bytes, but did not opt in to external sorting.", SIM_SORT_MEMORY);
            return SIM_FAILED;
        }
    } else if (state == SIM_IS_EOF) {
        s->passed = sim_sorter_bytes(s->sorter);
        sim_sorter_finish(s->sorter);
        s->started = true;
    }
    return state == SIM_FAILED ? SIM_FAILED : SIM_NEED_TIME;
}

static enum sim_state work_sort(struct sim_stage *s, struct sim_row *row)
{
    if (!s->sorter && !(s->sorter = sim_sorter_new(s->pattern, s->amount))) {
        sim_fail_nomem(s->fail);
        return SIM_FAILED;
    }
    if (!s->started)
        return sort_take(s);
    if (sim_sorter_next(s->sorter, &row->rid, &row->doc))
        return SIM_ADVANCED;
    s->eof = true;
    return SIM_IS_EOF;
}

static enum sim_state work_skip(struct sim_stage *s, struct sim_row *row)
{
    enum sim_state state = sim_work(s->child, row);
    s->eof = s->child->eof;
    if (state == SIM_ADVANCED && s->passed < s->amount) {
        s->passed++;
        sim_row_release(row);
        return SIM_NEED_TIME;
    }
    return state;
}

static enum sim_state work_limit(struct sim_stage *s, struct sim_row *row)
{
    if (s->passed == s->amount) {
        s->eof = true;
        return SIM_IS_EOF;
    }
    enum sim_state state = sim_work(s->child, row);
    s->passed += state == SIM_ADVANCED;
    s->eof = s->passed == s->amount || s->child->eof;
    return state;
}

static enum sim_state work_projection(struct sim_stage *s, struct sim_row *row)
{
    enum sim_state state = sim_work(s->child, row);
    s->eof = s->child->eof;
    if (state != SIM_ADVANCED)
        return state;
    if (!resolve(s->coll, row))
        return SIM_NEED_TIME;
    if (!s->projection) /* of a distinct: the caller takes the key's value */
        return SIM_ADVANCED;
    struct sim_doc *d = sim_project_doc(s->projection, row->doc->bson);
    sim_row_release(row);
    row->doc = d;
    return d ? SIM_ADVANCED : SIM_FAILED;
}

/* amount: limit (0 none); n_matched: how many to skip first; passed: counted; n_would_modify: skipped */
static enum sim_state work_count(struct sim_stage *s)
{
    struct sim_row row = {0, NULL};
    if (s->amount && s->passed == s->amount) {
        s->eof = true;
        return SIM_IS_EOF;
    }
    enum sim_state state = sim_work(s->child, &row);
    sim_row_release(&row);
    if (state == SIM_ADVANCED) {
        if (s->n_would_modify < s->n_matched)
            s->n_would_modify++;
        else
            s->passed++;
        return SIM_NEED_TIME;
    }
    s->eof = state == SIM_IS_EOF;
    return state;
}

static enum sim_state work_fast_count(struct sim_stage *s)
{
    int64_t n = (int64_t)s->coll->records.count, skip = s->n_matched < n ? s->n_matched : n;
    s->n_would_modify = skip;
    s->passed = n - skip;
    if (s->amount && s->passed > s->amount)
        s->passed = s->amount;
    s->eof = true;
    return SIM_IS_EOF;
}

static enum sim_state work_any(struct sim_stage *s, struct sim_row *row)
{
    enum sim_state state;
    switch (s->kind) {
    case SIM_COLLSCAN:
        return work_collscan(s, row);
    case SIM_IDHACK:
        return work_idhack(s, row);
    case SIM_IXSCAN:
    case SIM_COUNT_SCAN:
    case SIM_DISTINCT_SCAN:
        return sim_work_scan(s, row);
    case SIM_FETCH_STAGE:
        return work_fetch(s, row);
    case SIM_OR_STAGE:
        return work_or(s, row);
    case SIM_SORT_MERGE:
        return work_sort_merge(s, row);
    case SIM_SORT:
        return work_sort(s, row);
    case SIM_SKIP:
        return work_skip(s, row);
    case SIM_LIMIT:
        return work_limit(s, row);
    case SIM_PROJECTION:
    case SIM_PROJECTION_COVERED:
        return work_projection(s, row);
    case SIM_COUNT_STAGE:
        return work_count(s);
    case SIM_FAST_COUNT:
        return work_fast_count(s);
    case SIM_SUBPLAN:
    case SIM_UPDATE_STAGE:
    case SIM_DELETE_STAGE:
        state = sim_work(s->child, row);
        s->eof = s->child->eof;
        return state;
    default:
        s->eof = true;
        return SIM_IS_EOF;
    }
}

enum sim_state sim_work(struct sim_stage *s, struct sim_row *row)
{
    s->works++;
    row->doc = NULL;
    enum sim_state state = work_any(s, row);
    if (state == SIM_ADVANCED)
        s->advanced++;
    else if (state == SIM_NEED_TIME)
        s->need_time++;
    return state;
}

int sim_stage_save(struct sim_stage *s)
{
    int rc = s->positioned ? sim_cursor_save(&s->cursor) : 0;
    if (s->child)
        rc |= sim_stage_save(s->child);
    for (size_t i = 0; i < s->children_n; i++)
        rc |= sim_stage_save(s->children[i]);
    return rc;
}

void sim_stage_release(struct sim_stage *s)
{
    if (!s)
        return;
    sim_stage_release(s->child);
    for (size_t i = 0; i < s->children_n; i++) {
        sim_stage_release(s->children[i]);
        if (s->head)
            sim_row_release(&s->head[i]);
        if (s->head_key)
            sb_str_release(&s->head_key[i]);
    }
    sim_cursor_release(&s->cursor);
    sb_str_release(&s->seek);
    sim_ridset_free(s->seen);
    sim_sorter_free(s->sorter);
    s->seen = NULL;
    s->sorter = NULL;
}

void sim_stage_totals(const struct sim_stage *s, struct sim_totals *t)
{
    t->keys += s->keys_examined;
    t->docs += s->docs_examined;
    t->collscan = t->collscan || s->kind == SIM_COLLSCAN;
    t->sort = t->sort || s->kind == SIM_SORT;
    t->fetch = t->fetch || s->kind == SIM_FETCH_STAGE || s->kind == SIM_COLLSCAN;
    if (s->kind == SIM_SORT && s->sorter && sim_sorter_bytes(s->sorter) > SIM_SORT_MEMORY)
        t->used_disk = true;
    if (s->child)
        sim_stage_totals(s->child, t);
    for (size_t i = 0; i < s->children_n; i++)
        sim_stage_totals(s->children[i], t);
}
