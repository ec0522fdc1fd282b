/* SPDX-License-Identifier: Apache-2.0
 *
 * Cards that wait for a person, when there are thousands of them: what a list shows of each is held, and the time by which
 * it ends. Whatever is to happen to one has it taken in hand first: read whole from its entries, as after a restart. Until
 * then nothing of it was ever sent, so there is nothing else to know of it. */
#include "private.h"

#include <string.h>

#define ROWS_A_MESSAGE 100

/* ---- cards ---- */

static void release(struct resting *r)
{
    sb_record_release(&sb_card_row_schema, &r->row);
    free(r->deployment_id);
    free(r->index_key);
}

/* Where it rests; resting_n: it does not. Mostly it is the same as before, or the next. */
static size_t resting_at(struct sb_orchestrator *o, const char *id)
{
    size_t at = o->resting_found;
    for (size_t i = 0; id && i < o->resting_n; i++, at++) {
        at = at < o->resting_n ? at : 0;
        if (sb_streq(o->resting[at].row.id, id))
            return o->resting_found = at;
    }
    return o->resting_n;
}

bool sb_o_rests(struct sb_orchestrator *o, const char *card)
{
    return resting_at(o, card) < o->resting_n;
}

/* It waits, and nothing of it is away, owed or done. */
static bool may_rest(const struct held_card *c)
{
    const struct run *r = &c->run;
    return c->card.state == SB_AWAITING_APPROVAL && !sb_o_in_use(c) && r->phase == PHASE_NONE && !r->started && !r->unsent && !r->undoing && !r->stopping;
}

bool sb_o_rest_card(struct sb_orchestrator *o, struct held_card *card)
{
    const struct sb_card *c = &card->card;
    if (!may_rest(card))
        return false;
    struct resting *r = SB_PUSH(o->resting);
    if (!r)
        return false;
    r->simulated = c->simulated;
    r->here = sb_streq(c->deployment, o->deployment);
    r->approve_by_mono = card->approve_by_mono;
    r->execute_by_mono = card->execute_by_mono;
    if (sb_card_row_of(c, &r->row) || sb_str_set(&r->deployment_id, c->deployment_id) || sb_str_set(&r->index_key, c->index_key)) {
        release(r);
        o->resting_n--;
        return false;
    }
    sb_o_forget_card(o, card);
    return true;
}

struct held_card *sb_o_wake_card(struct sb_orchestrator *o, const char *id)
{
    struct sb_err err = SB_ERR_INIT;
    size_t at = resting_at(o, id);
    if (at == o->resting_n)
        return NULL;
    struct sb_card card;
    struct held_card *c = NULL;
    if (sb_ledger_card(o->ledger, id, &card, &err) == 0 && !(c = sb_o_add_card(o))) {
        sb_card_release(&card);
        sb_fail_nomem(&err);
    }
    if (!c) {
        if (!o->resting[at].unread)
            sb_o_notice(o, SB_HIGH, "%s cannot be read: %s", id, err.msg);
        o->resting[at].unread = true;
        return NULL;
    }
    c->card = card;
    c->approve_by_mono = o->resting[at].approve_by_mono;
    c->execute_by_mono = o->resting[at].execute_by_mono;
    release(&o->resting[at]);
    memmove(&o->resting[at], &o->resting[at + 1], (o->resting_n - at - 1) * sizeof o->resting[0]);
    o->resting_n--;
    return c;
}

void sb_o_tell_resting(struct sb_orchestrator *o, int64_t seat)
{
    for (size_t i = 0; i < o->resting_n; i += ROWS_A_MESSAGE) {
        struct sb_message *m = sb_message_new(SB_NEWS_CARDS, 0);
        struct sb_card_rows *rows = m ? m->body : NULL;
        for (size_t k = i; rows && k < o->resting_n && k < i + ROWS_A_MESSAGE; k++) {
            struct sb_card_row *row = SB_PUSH(rows->rows);
            if (!row || sb_record_copy(&sb_card_row_schema, row, &o->resting[k].row)) {
                rows->rows_n -= row != NULL;
                break;
            }
        }
        sb_o_tell(o, seat, m);
    }
}

/* ---- cases ---- */

static size_t resting_case_at(struct sb_orchestrator *o, const char *id)
{
    size_t at = o->resting_case_found;
    for (size_t i = 0; id && i < o->resting_cases_n; i++, at++) {
        at = at < o->resting_cases_n ? at : 0;
        if (sb_streq(o->resting_cases[at].id, id))
            return o->resting_case_found = at;
    }
    return o->resting_cases_n;
}

/* An open case rests when a card of it does: then it is not settled, and nobody waits for a specialist. */
bool sb_o_rest_case(struct sb_orchestrator *o, struct held_case *c)
{
    bool rests = false;
    for (size_t i = 0; i < c->case_.cards_n && !rests; i++)
        rests = sb_o_rests(o, c->case_.cards[i]);
    struct resting_case *r = rests && !c->case_.closed_at && !c->consulting && !c->reply_seat ? SB_PUSH(o->resting_cases) : NULL;
    if (!r)
        return false;
    r->read_only = c->read_only;
    if (sb_str_set(&r->id, c->case_.id)) {
        o->resting_cases_n--;
        return false;
    }
    sb_o_forget_case(o, c);
    return true;
}

struct held_case *sb_o_wake_case(struct sb_orchestrator *o, const char *id)
{
    struct sb_err err = SB_ERR_INIT;
    size_t at = resting_case_at(o, id);
    if (at == o->resting_cases_n)
        return NULL;
    struct sb_case case_;
    struct held_case *c = NULL;
    if (sb_ledger_case(o->ledger, id, &case_, &err) == 0 && !(c = sb_o_add_case(o))) {
        sb_case_release(&case_);
        sb_fail_nomem(&err);
    }
    if (!c) {
        if (!o->resting_cases[at].unread)
            sb_o_notice(o, SB_HIGH, "%s cannot be read: %s", id, err.msg);
        o->resting_cases[at].unread = true;
        return NULL;
    }
    c->case_ = case_;
    c->read_only = o->resting_cases[at].read_only;
    free(o->resting_cases[at].id);
    memmove(&o->resting_cases[at], &o->resting_cases[at + 1], (o->resting_cases_n - at - 1) * sizeof o->resting_cases[0]);
    o->resting_cases_n--;
    return c;
}

/* ---- the clock's part ---- */

void sb_o_tick_rest(struct sb_orchestrator *o)
{
    if (o->cards_n > SB_O_IN_HAND)
        sb_o_trim(o);
    for (size_t i = 0; o->cards_n > SB_O_IN_HAND && i < o->cards_n;)
        i += !sb_o_rest_card(o, o->cards[i]);
    for (size_t i = 0; o->cases_n > SB_O_IN_HAND && i < o->cases_n;)
        i += !sb_o_rest_case(o, o->cases[i]);
}

void sb_o_free_rest(struct sb_orchestrator *o)
{
    for (size_t i = 0; i < o->resting_n; i++)
        release(&o->resting[i]);
    for (size_t i = 0; i < o->resting_cases_n; i++)
        free(o->resting_cases[i].id);
    free(o->resting);
    free(o->resting_cases);
}
