/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/base/array.h>
#include <signalbox/sim/cursor.h>

#include "change_stream.h"

#include <stdlib.h>
#include <string.h>

struct sim_cursors {
    struct sim_open_cursor **item;
    size_t n, cap;
};

struct sim_cursors *sim_cursors_new(void)
{
    return calloc(1, sizeof(struct sim_cursors));
}

void sim_cursors_free(struct sim_cursors *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->n; i++)
        sim_open_cursor_free(t->item[i]);
    free(t->item);
    free(t);
}

void sim_find_free(struct sim_find *q)
{
    if (!q)
        return;
    sim_exec_free(q->exec);
    sim_projection_free(q->projection);
    sim_filter_free(q->filter);
    sim_doc_unref(q->source);
    free(q);
}

struct sim_open_cursor *sim_open_cursor_new(struct sim_member *m, const char *ns, int64_t now_us)
{
    struct sim_open_cursor *c = malloc(sizeof *c);
    if (!c)
        return NULL;
    *c = (struct sim_open_cursor){.m = m, .created_us = now_us, .used_us = now_us, .clock = sim_expr_clock()};
    memcpy(c->ns, ns, strnlen(ns, sizeof c->ns - 1)); /* the rest is zero */
    return c;
}

void sim_open_cursor_free(struct sim_open_cursor *c)
{
    if (!c)
        return;
    if (c->has_held)
        sim_row_release(&c->held);
    for (size_t i = c->docs_at; i < c->docs_n; i++)
        sim_doc_unref(c->docs[i]);
    free(c->docs);
    sim_find_free(c->find);
    sim_stream_free(c->stream);
    sim_doc_unref(c->command);
    free(c);
}

int sim_cursor_keep(struct sim *s, struct sim_open_cursor *c)
{
    struct sim_cursors *t = s->cursors;
    if (SB_GROW(t->item, t->cap, t->n + 1))
        return -1;
    c->id = (int64_t)(sb_rng_u64(&s->uuid_rng) >> 1 | 1);
    t->item[t->n++] = c;
    return 0;
}

struct sim_open_cursor *sim_cursor_get(struct sim *s, const struct sim_member *m, int64_t id)
{
    for (size_t i = 0; i < s->cursors->n; i++)
        if (s->cursors->item[i]->id == id && s->cursors->item[i]->m == m)
            return s->cursors->item[i];
    return NULL;
}

static void count_life(struct sim *s, const struct sim_open_cursor *c)
{
    static const int64_t most_s[] = {1, 5, 15, 30, 60, 600};
    int64_t life = (s->now - c->created_us) / 1000000;
    unsigned i = 0;
    while (i < SB_COUNT(most_s) && life >= most_s[i])
        i++;
    c->m->n.cursor_life[i]++;
}

void sim_cursor_close(struct sim *s, struct sim_open_cursor *c)
{
    struct sim_cursors *t = s->cursors;
    for (size_t i = 0; i < t->n; i++)
        if (t->item[i] == c) {
            t->item[i] = t->item[--t->n];
            break;
        }
    count_life(s, c);
    sim_open_cursor_free(c);
}

void sim_cursors_expire(struct sim *s)
{
    for (size_t i = 0; i < s->cursors->n;) {
        struct sim_open_cursor *c = s->cursors->item[i];
        if (c->no_timeout || s->now - c->used_us < SIM_CURSOR_IDLE_US) {
            i++;
            continue;
        }
        c->m->n.cursors_timed_out++;
        sim_cursor_close(s, c);
    }
}

size_t sim_cursors_open(const struct sim *s, const struct sim_member *m, bool no_timeout_only)
{
    size_t n = 0;
    for (size_t i = 0; i < s->cursors->n; i++)
        n += s->cursors->item[i]->m == m && (!no_timeout_only || s->cursors->item[i]->no_timeout);
    return n;
}

/* 1 a row, 0 the end, -1 */
static int next_row(struct sim_open_cursor *c, struct sim_row *row, struct sim_fail *f)
{
    if (c->has_held) {
        *row = c->held;
        c->has_held = false;
        return 1;
    }
    if (c->find)
        return sim_exec_next(c->find->exec, row, f);
    if (c->stream) {
        row->rid = 0;
        return sim_stream_next(c->stream, &row->doc, f);
    }
    if (c->docs_at == c->docs_n)
        return 0;
    *row = (struct sim_row){0, c->docs[c->docs_at++]};
    return 1;
}

int64_t sim_cursor_batch(struct sim_open_cursor *c, struct sim_w *w, const char *name, int64_t n, bool *more, struct sim_work *work,
                         struct sim_fail *f)
{
    int64_t count = 0;
    size_t before = sim_w_size(w);
    struct sim_row row;
    int got = 1;
    *more = true;
    sim_w_array(w, name);
    while ((n < 0 || count < n) && (got = next_row(c, &row, f)) > 0) {
        size_t len = sim_doc_len(row.doc->bson);
        if (count && sim_w_size(w) - before + len > SIM_BATCH_BYTES) {
            c->held = row;
            c->has_held = true;
            break;
        }
        sim_w_copy(w, NULL, row.doc->bson);
        if (c->stream)
            sim_stream_told(c->stream, row.doc);
        sim_row_release(&row);
        work->returned++;
        work->returned_bytes += (int64_t)len;
        count++;
    }
    sim_w_end(w);
    if (got < 0)
        return -1;
    if (got == 0 && c->stream)
        sim_stream_told_all(c->stream);
    if (c->stream)
        *more = c->has_held || !sim_stream_over(c->stream);
    else if (got == 0)
        *more = c->tailable;
    else if (!c->has_held && !c->find && c->docs_at == c->docs_n)
        *more = false;
    else if (!c->has_held && c->find && c->find->exec->q.limit && c->returned + count >= c->find->exec->q.limit)
        *more = false;
    c->returned += count;
    return count;
}

void sim_cursors_close_txn(struct sim *s, uint64_t txn)
{
    for (size_t i = 0; i < s->cursors->n;)
        if (s->cursors->item[i]->txn == txn)
            sim_cursor_close(s, s->cursors->item[i]);
        else
            i++;
}

void sim_cursors_each(struct sim *s, const struct sim_member *m, void (*fn)(void *ctx, const struct sim_open_cursor *c), void *ctx)
{
    for (size_t i = 0; i < s->cursors->n; i++)
        if (s->cursors->item[i]->m == m)
            fn(ctx, s->cursors->item[i]);
}
