/* SPDX-License-Identifier: Apache-2.0
 *
 * What the news said: cards, anomalies and cases, in the order in which each came to its place. Of a card what lists show is
 * kept, and beside it the whole of it when that has come. */
#include "state.h"

#include <signalbox/base/array.h>
#include <signalbox/base/hash.h>

#include <stdlib.h>
#include <string.h>

static uint32_t mark_of(const char *id)
{
    return (uint32_t)sb_fnv1a(0, id, strlen(id));
}

/* Where the card stands; t->cards: nowhere. */
static size_t card_at(const struct sb_tui *t, const char *id)
{
    uint32_t mark = mark_of(id);
    for (size_t i = t->cards; i-- > 0;)
        if (t->card_mark[i] == mark && sb_streq(t->card[i]->row.id, id))
            return i;
    return t->cards;
}

struct held_card *find_card(const struct sb_tui *t, const char *id)
{
    size_t i = id ? card_at(t, id) : t->cards;
    return i < t->cards ? t->card[i] : NULL;
}

struct held_anomaly *find_anomaly(const struct sb_tui *t, const char *id)
{
    for (size_t i = t->anomalies; id && i-- > 0;)
        if (sb_streq(t->anomaly[i]->anomaly.id, id))
            return t->anomaly[i];
    return NULL;
}

struct sb_case *find_case(const struct sb_tui *t, const char *id)
{
    for (size_t i = t->cases_n; id && i-- > 0;)
        if (sb_streq(t->cases[i].id, id))
            return &t->cases[i];
    return NULL;
}

static int pane_of(const struct sb_card_row *r)
{
    if (!sb_card_row_open(r))
        return PANE_NONE;
    return r->state == SB_AWAITING_APPROVAL ? PANE_APPROVALS : PANE_PLANS;
}

static void free_card(struct sb_tui *t, struct held_card *held)
{
    whole_drop(held, t);
    sb_record_release(&sb_card_row_schema, &held->row);
    free(held->read_hash);
    free(held->trace);
    free(held);
}

/* True while a view shows this id. */
static bool in_view(const struct sb_tui *t, const char *id)
{
    for (int i = 0; i < t->views; i++)
        if (t->view[i].id && sb_streq(t->view[i].id, id))
            return true;
    return false;
}

/* Finished cards are kept for cases and history, but not for ever. */
static void drop_oldest_closed(struct sb_tui *t)
{
    size_t closed = 0;
    for (size_t i = 0; i < t->cards; i++)
        closed += t->card[i]->pane == PANE_NONE;
    for (size_t i = 0; i < t->cards && closed > CLOSED_CARDS_KEPT; i++) {
        if (t->card[i]->pane != PANE_NONE || in_view(t, t->card[i]->row.id))
            continue;
        free_card(t, t->card[i]);
        memmove(&t->card[i], &t->card[i + 1], (--t->cards - i) * sizeof t->card[0]);
        memmove(&t->card_mark[i], &t->card_mark[i + 1], (t->cards - i) * sizeof t->card_mark[0]);
        i--;
        closed--;
    }
}

/* Puts the card at position i behind all others. */
static void to_end(struct sb_tui *t, size_t i)
{
    struct held_card *held = t->card[i];
    uint32_t mark = t->card_mark[i];
    memmove(&t->card[i], &t->card[i + 1], (t->cards - 1 - i) * sizeof t->card[0]);
    memmove(&t->card_mark[i], &t->card_mark[i + 1], (t->cards - 1 - i) * sizeof t->card_mark[0]);
    t->card[t->cards - 1] = held;
    t->card_mark[t->cards - 1] = mark;
}

/* Adds what was measured anew to the traces. */
static void trace(struct held_card *held)
{
    const struct sb_watch_report *r = &held->card->report;
    if (r->readings_n && !held->trace)
        held->trace = calloc(TRACES_MOST, sizeof *held->trace);
    if (!held->trace) /* without memory for it there is no line of the past, and all else goes on */
        return;
    if (held->traced != r->opened_at) {
        memset(held->trace, 0, TRACES_MOST * sizeof *held->trace);
        held->traced = r->opened_at;
    }
    for (size_t i = 0; i < r->readings_n && i < TRACES_MOST; i++) {
        struct trace *k = &held->trace[i];
        if (!r->readings[i].measured || (k->n && r->readings[i].samples == k->samples))
            continue;
        if (k->n == TRACE_KEPT)
            memmove(&k->value[0], &k->value[1], --k->n * sizeof k->value[0]);
        k->value[k->n++] = r->readings[i].value;
        k->samples = r->readings[i].samples;
    }
}

const struct trace *trace_of(const struct sb_tui *t, const struct sb_card *c, size_t criterion)
{
    const struct held_card *held = find_card(t, c->id);
    return held && held->trace && criterion < TRACES_MOST && held->trace[criterion].n ? &held->trace[criterion] : NULL;
}

/* Where the card of this id is held, a new one where it was not; t->cards: out of memory. */
static size_t card_for(struct sb_tui *t, const char *id)
{
    size_t i = card_at(t, id);
    if (i == t->cards) {
        struct held_card *fresh = calloc(1, sizeof *fresh);
        if (!fresh || SB_GROW(t->card, t->cards_cap, t->cards + 1) || SB_GROW(t->card_mark, t->card_marks_cap, t->cards + 1)) {
            free(fresh);
            say(t, true, "Out of memory: a card could not be kept.");
            return t->cards;
        }
        fresh->pane = PANES; /* no pane yet: it enters one when it has its row */
        t->card_mark[t->cards] = mark_of(id);
        t->card[t->cards++] = fresh;
    }
    return i;
}

/* Takes the content of the row. */
static void set_row(struct sb_tui *t, size_t i, struct sb_card_row *row)
{
    struct held_card *held = t->card[i];
    sb_record_release(&sb_card_row_schema, &held->row);
    held->row = *row;
    held->sieved.filter = 0;
    memset(row, 0, sizeof *row);
    int pane = pane_of(&held->row);
    if (pane != held->pane) {
        held->pane = pane;
        held->entered = ++t->arrivals;
        to_end(t, i);
        if (pane == PANE_NONE)
            drop_oldest_closed(t);
    }
}

bool store_take_card(struct sb_tui *t, struct sb_card *card)
{
    struct sb_card_row row;
    struct sb_card *whole = malloc(sizeof *whole);
    if (!whole || sb_card_row_of(card, &row) || (!row.id && sb_str_set(&row.id, ""))) {
        free(whole);
        say(t, true, "Out of memory: a card could not be kept.");
        return true;
    }
    row.changed_at = 0; /* no list shows it */
    size_t i = card_for(t, row.id);
    if (i == t->cards) {
        sb_record_release(&sb_card_row_schema, &row);
        free(whole);
        return true;
    }
    struct held_card *held = t->card[i];
    whole_drop(held, t);
    *whole = *card;
    memset(card, 0, sizeof *card);
    held->card = whole;
    held->came = ++t->whole_came;
    t->whole++;
    trace(held);
    bool same = held->row.id && sb_record_equal(&sb_card_row_schema, &held->row, &row);
    if (same)
        sb_record_release(&sb_card_row_schema, &row);
    else
        set_row(t, i, &row);
    whole_limit(t);
    return !same;
}

/* A row is newer than what was held of its card: where that is no more so, the whole is asked for anew. */
void store_take_rows(struct sb_tui *t, struct sb_card_rows *rows)
{
    for (size_t k = 0; k < rows->rows_n; k++) {
        struct sb_card_row *row = &rows->rows[k];
        row->changed_at = 0;
        size_t i = row->id ? card_for(t, row->id) : t->cards;
        if (i == t->cards || (t->card[i]->row.id && sb_record_equal(&sb_card_row_schema, &t->card[i]->row, row)))
            continue;
        whole_drop(t->card[i], t);
        set_row(t, i, row);
    }
}

void store_take_anomaly(struct sb_tui *t, struct sb_anomaly *anomaly)
{
    struct held_anomaly *held = find_anomaly(t, anomaly->id);
    if (!held) {
        held = calloc(1, sizeof *held);
        if (!held || SB_GROW(t->anomaly, t->anomalies_cap, t->anomalies + 1)) {
            free(held);
            say(t, true, "Out of memory: an anomaly could not be kept.");
            return;
        }
        held->entered = ++t->arrivals;
        t->anomaly[t->anomalies++] = held;
    }
    sb_anomaly_release(&held->anomaly);
    held->anomaly = *anomaly;
    held->sieved.filter = 0;
    memset(anomaly, 0, sizeof *anomaly);
    if (t->anomalies > ANOMALIES_KEPT && !in_view(t, t->anomaly[0]->anomaly.id)) {
        sb_anomaly_release(&t->anomaly[0]->anomaly);
        free(t->anomaly[0]);
        memmove(&t->anomaly[0], &t->anomaly[1], --t->anomalies * sizeof t->anomaly[0]);
    }
}

void store_take_case(struct sb_tui *t, struct sb_case *c)
{
    struct sb_case *held = find_case(t, c->id);
    if (!held) {
        if (t->cases_n >= CASES_KEPT && !in_view(t, t->cases[0].id)) {
            sb_case_release(&t->cases[0]);
            memmove(&t->cases[0], &t->cases[1], --t->cases_n * sizeof t->cases[0]);
        }
        if (SB_GROW(t->cases, t->cases_cap, t->cases_n + 1)) {
            say(t, true, "Out of memory: a case could not be kept.");
            return;
        }
        held = &t->cases[t->cases_n++];
        memset(held, 0, sizeof *held);
    }
    sb_case_release(held);
    *held = *c;
    memset(c, 0, sizeof *c);
}

void store_release(struct sb_tui *t)
{
    for (size_t i = 0; i < t->cards; i++)
        free_card(t, t->card[i]);
    free(t->card);
    free(t->card_mark);
    for (size_t i = 0; i < t->anomalies; i++) {
        sb_anomaly_release(&t->anomaly[i]->anomaly);
        free(t->anomaly[i]);
    }
    free(t->anomaly);
    for (size_t i = 0; i < t->cases_n; i++)
        sb_case_release(&t->cases[i]);
    free(t->cases);
}

int64_t deployment_now(const struct sb_tui *t)
{
    return t->have_strip ? t->strip.at : 0;
}
