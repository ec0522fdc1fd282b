/* SPDX-License-Identifier: Apache-2.0
 *
 * What runs now: asked for anew while its page is open and never otherwise; in which order it is listed, and what of it; and the card
 * that ends an operation, which is asked for in words as everything is. */
#include "state.h"

#include <signalbox/base/array.h>

#include <stdlib.h>
#include <string.h>

#define EVERY_MS 2000
#define EVERY_SLOW_MS 10000 /* on a slow line, and after one that brought nothing */
#define DEPTH_MOST 8

const char *running_sort_name(int sort)
{
    static const char *const names[RUNNING_SORTS] = {"by age", "by collection", "by member"};
    return names[sort];
}

/* ---- in which order ---- */

static int compare(const struct running *r, uint32_t a, uint32_t b)
{
    const struct sb_op *x = &r->ops.list[a], *y = &r->ops.list[b];
    int c = r->sort == RUNNING_BY_PLACE ? strcmp(x->ns ? x->ns : "", y->ns ? y->ns : "") : r->sort == RUNNING_BY_MEMBER ? strcmp(x->member, y->member) : 0;
    if (!c)
        c = x->running_ms != y->running_ms ? (x->running_ms < y->running_ms ? 1 : -1) : a < b ? -1 : 1;
    return r->reversed ? -c : c;
}

static bool fits(struct running *r, const struct sb_op *op)
{
    struct sb_str words;
    if (!r->filter.re)
        return true;
    const char *const all[] = {op->opid, op->op, op->ns, op->member, op->app, op->client, op->connection, op->session, op->plan, op->text, op->waits ? "waits" : NULL, op->waits};
    sb_str_init(&words);
    for (size_t i = 0; i < SB_COUNT(all); i++)
        if (all[i])
            sb_str_addf(&words, "%s%s", words.len ? "  " : "", all[i]);
    bool yes = filter_fits(&r->filter, &words);
    sb_str_release(&words);
    return yes;
}

/* Those that wait for `holder` (0: for nobody that is listed), each with those that wait for it below. `placed` keeps two that wait for
 * each other from being listed for ever. */
static void place(struct running *r, bool *listed, bool *placed, uint32_t holder, uint32_t depth)
{
    for (;;) {
        uint32_t best = UINT32_MAX;
        for (uint32_t i = 0; i < r->ops.list_n; i++) {
            uint32_t of = r->ops.list[i].holder > 0 && (size_t)r->ops.list[i].holder <= r->ops.list_n ? (uint32_t)r->ops.list[i].holder : 0;
            if (of && !listed[of - 1])
                of = 0;
            if (listed[i] && !placed[i] && of == holder && (best == UINT32_MAX || compare(r, i, best) < 0))
                best = i;
        }
        if (best == UINT32_MAX)
            return;
        placed[best] = true;
        r->row[r->n++] = (struct running_row){best, depth};
        if (depth < DEPTH_MOST)
            place(r, listed, placed, best + 1, depth + 1);
    }
}

static void relist(struct running *r)
{
    size_t n = r->ops.list_n;
    bool *listed = calloc(2 * n + 1, sizeof *listed);
    r->n = 0;
    if (!listed || SB_GROW(r->row, r->cap, n + 1)) {
        free(listed);
        return; /* out of memory: nothing is listed until the next reading */
    }
    for (size_t i = 0; i < n; i++)
        listed[i] = fits(r, &r->ops.list[i]);
    place(r, listed, listed + n, 0, 0);
    for (uint32_t i = 0; i < n; i++) /* each waits for the other */
        if (listed[i] && !listed[n + i])
            r->row[r->n++] = (struct running_row){i, 0};
    free(listed);
}

static const struct sb_op *selected(const struct sb_tui *t)
{
    const struct running *r = &t->running;
    int link = top_view_of(t)->link;
    return link >= 1 && (size_t)link <= r->n ? &r->ops.list[r->row[link - 1].op] : NULL;
}

static bool same(const struct sb_op *a, const struct sb_op *b)
{
    return sb_streq(a->member, b->member) && sb_streq(a->opid, b->opid) && sb_streq(a->connection, b->connection) && sb_streq(a->session, b->session);
}

/* Lists anew; the selection stays on its operation, and goes to the next one when that has ended. */
static void settle(struct sb_tui *t, const struct sb_op *was)
{
    struct running *r = &t->running;
    struct view *v = top_view(t);
    relist(r);
    if (v->kind != VIEW_RUNNING)
        return;
    for (size_t i = 0; was && i < r->n; i++)
        if (same(was, &r->ops.list[r->row[i].op])) {
            v->link = (int)i + 1;
            return;
        }
    if ((size_t)v->link > r->n)
        v->link = r->n ? (int)r->n : 1;
}

static void resettle(struct sb_tui *t)
{
    struct sb_op was = {.member = NULL};
    const struct sb_op *now = selected(t);
    bool kept = now && sb_record_copy(&sb_op_schema, &was, now) == 0;
    settle(t, kept ? &was : NULL);
    sb_record_release(&sb_op_schema, &was);
}

/* ---- asking ---- */

void running_want(struct sb_tui *t, struct sb_effects *fx)
{
    struct running *r = &t->running;
    int64_t every = t->slow || r->wrong ? EVERY_SLOW_MS : EVERY_MS;
    if (top_view(t)->kind != VIEW_RUNNING || r->asked || t->bye || (r->asked_wall && gap(r->asked_wall, t->wall) < every && gap(r->asked_wall, t->wall) >= 0))
        return;
    r->asked_wall = t->wall;
    r->asked = fx_ask(t, fx, sb_message_text(SB_ASK_OPS, 0, ""));
}

void running_take(struct sb_tui *t, int64_t seq, struct sb_ops *ops)
{
    struct running *r = &t->running;
    struct sb_op was = {.member = NULL};
    const struct sb_op *now = top_view(t)->kind == VIEW_RUNNING ? selected(t) : NULL;
    bool kept = now && sb_record_copy(&sb_op_schema, &was, now) == 0;
    if (seq == r->asked)
        r->asked = 0;
    set_text(&r->wrong, NULL);
    sb_record_release(&sb_ops_schema, &r->ops);
    r->ops = *ops;
    memset(ops, 0, sizeof *ops);
    r->have = true;
    settle(t, kept ? &was : NULL);
    sb_record_release(&sb_op_schema, &was);
}

bool running_failed(struct sb_tui *t, int64_t seq, const char *why)
{
    struct running *r = &t->running;
    if (!r->asked || seq != r->asked)
        return false;
    r->asked = 0;
    set_text(&r->wrong, why && why[0] ? why : "it is not known why");
    return true;
}

/* ---- what a person does ---- */

void running_only(struct sb_tui *t, const char *text)
{
    struct filter fresh;
    struct sb_err err = SB_ERR_INIT;
    if (filter_parse(t, text, &fresh, &err)) {
        say(t, true, "The filter stays as it was: %s", err.msg);
        return;
    }
    filter_release(&t->running.filter);
    t->running.filter = fresh;
    resettle(t);
}

/* What stands on the screen names it: member, number and connection, so that it is this one or none. */
static void end_it(struct sb_tui *t, struct sb_effects *fx)
{
    const struct sb_op *op = selected(t);
    if (!op) {
        say(t, false, "No operation is selected.");
    } else if (names_veiled(t)) {
        return;
    } else if (t->bye) {
        say(t, true, "The orchestrator has ended: nobody would answer.");
    } else if (op->barred || !op->opid || !op->connection) {
        say(t, true, "It is not ended from here: %s.", op->barred ? op->barred : "the server does not tell its number and its connection");
        fx_add(fx, SB_FX_BELL, NULL, NULL);
    } else {
        char *text = sb_format("kill operation %s of %s on %s", op->opid, op->connection, op->member);
        if (text) {
            fx_ask_text(t, fx, SB_ASK_REQUEST, text);
            say(t, false, "Asked: %s. A card comes of it, which is decided like any.", text);
        }
        free(text);
    }
}

bool act_on_running(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    struct running *r = &t->running;
    bool open = top_view(t)->kind == VIEW_RUNNING;
    switch (action) {
    case SB_ACT_RUNNING:
        if (!open) {
            r->asked_wall = 0;
            view_open(t, VIEW_RUNNING, NULL, fx);
        }
        return true;
    case SB_ACT_END_OPERATION: end_it(t, fx); return true;
    case SB_ACT_FILTER:
        line_open(t, LINE_RUNNING, NULL, r->filter.text ? r->filter.text : "");
        return true;
    case SB_ACT_SORT: case SB_ACT_REVERSE:
        if (action == SB_ACT_REVERSE)
            r->reversed = !r->reversed;
        else
            r->sort = (r->sort + 1) % RUNNING_SORTS;
        resettle(t);
        say(t, false, "Operations %s%s.", running_sort_name(r->sort), r->reversed ? ", turned round" : "");
        return true;
    default: return false;
    }
}

void running_release(struct running *r)
{
    sb_record_release(&sb_ops_schema, &r->ops);
    filter_release(&r->filter);
    free(r->wrong);
    free(r->row);
    *r = (struct running){.have = false};
}
