/* SPDX-License-Identifier: Apache-2.0
 *
 * Approving the marked cards of Approvals with one sequence: only cards of one class, which policy lets be approved together,
 * which were each read, and never in prod. Each gets an approval of its own, of its own bytes. The orchestrator asks policy
 * again for every one of them. */
#include "state.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WHY 512 /* bytes of a reason */

bool batch_meant(const struct sb_tui *t)
{
    return top_view_of(t)->kind == VIEW_PANES && t->focus == PANE_APPROVALS && t->pane[PANE_APPROVALS].marked_n > 1;
}

void batch_release(struct confirm *q)
{
    while (q->batch_n) {
        free(q->batch[--q->batch_n].card);
        free(q->batch[q->batch_n].hash);
    }
    free(q->batch);
    q->batch = NULL;
}

/* ---- may they be approved together ---- */

static bool same_class(const struct sb_card *a, const struct sb_card *b)
{
    return a->kind == b->kind && a->risk == b->risk && a->environment == b->environment && sb_streq(a->deployment_id, b->deployment_id);
}

static void class_words(const struct sb_card *c, char out[160])
{
    char kind[TEXT_MAX];
    fmt_words(kind, sb_name(&sb_card_kinds, c->kind));
    snprintf(out, 160, "%.20s is %.30s, risk %.20s, in %.20s", c->id, kind, sb_name(&sb_levels, c->risk), sb_name(&sb_environments, c->environment));
}

static const struct sb_evidence *stale_fact(const struct sb_card *c)
{
    for (size_t i = 0; i < c->evidence_n; i++)
        if (c->evidence[i].coverage && strncmp(c->evidence[i].coverage, "stale", 5) == 0)
            return &c->evidence[i];
    return NULL;
}

/* Why this one, beside the first of them, cannot be among them. */
static bool one_refused(const struct sb_tui *t, const struct held_card *first, const struct held_card *held, char out[WHY])
{
    const struct sb_card *c = held->card;
    char one[160], other[160], state[TEXT_MAX];
    if (!c || !first->card) {
        snprintf(out, WHY, "%.20s was asked for and has not come yet: once more.", c ? first->row.id : held->row.id);
        return true;
    }
    const struct sb_evidence *stale = stale_fact(c);
    if (c->state != SB_AWAITING_APPROVAL) {
        fmt_words(state, sb_name(&sb_states, c->state));
        snprintf(out, WHY, "%.20s is marked but does not await approval: it is %s.", c->id, state);
    } else if (c->approve_by && t->wall >= c->approve_by) {
        snprintf(out, WHY, "%.20s could be approved until a moment ago.", c->id);
    } else if (c->environment == SB_ENV_PROD || t->welcome.environment == SB_ENV_PROD) {
        snprintf(out, WHY, "%.20s is in prod: there every card is approved by itself, with its target typed.", c->id);
    } else if (!same_class(first->card, c)) {
        class_words(first->card, one);
        class_words(c, other);
        snprintf(out, WHY, "Only cards of one class are approved together: %s; %s.", one, other);
    } else if (!c->policy.requires.batch) {
        snprintf(out, WHY, "Policy (%.60s %.20s) wants %.20s approved by itself.", c->policy.policy.bundle ? c->policy.policy.bundle : "?",
                 c->policy.policy.version ? c->policy.policy.version : "?", c->id);
    } else if (!c->hash || !sb_streq(held->read_hash, c->hash)) {
        snprintf(out, WHY, "%.20s has not been read to its end in its revision %lld: open it, summary and commands.", c->id, (long long)c->revision);
    } else if (stale) {
        snprintf(out, WHY, "%.20s rests on a stale fact, %.120s: it is approved by itself, or measured anew.", c->id, stale->what ? stale->what : "?");
    } else {
        return decision_ruled_out(t, SB_ACT_APPROVE, c, out);
    }
    return true;
}

static bool any_refused(const struct sb_tui *t, const struct held_card *const *held, size_t n, char out[WHY])
{
    for (size_t i = 0; i < n; i++)
        if (one_refused(t, held[0], held[i], out))
            return true;
    return false;
}

/* The marked cards in the order in which they are listed; false: not all of them are, or there are too many. */
static bool marked_cards(const struct sb_tui *t, const struct held_card *out[BATCH_MOST], size_t *n, char why[WHY])
{
    const struct pane *p = &t->pane[PANE_APPROVALS];
    char id[24];
    *n = 0;
    if (p->marked_n > BATCH_MOST) {
        snprintf(why, WHY, "%zu cards are marked; no more than %d are approved together.", p->marked_n, BATCH_MOST);
        return false;
    }
    for (size_t row = 0; row < p->n; row++) {
        const char *listed = pane_row_id(t, PANE_APPROVALS, row, id);
        if (marked(t, PANE_APPROVALS, listed))
            out[(*n)++] = find_card(t, listed);
    }
    for (size_t i = 0; *n < p->marked_n && i < p->marked_n; i++) {
        size_t k = 0;
        while (k < *n && !sb_streq(out[k]->row.id, p->marked[i]))
            k++;
        if (k == *n) {
            const char *clear = sb_keymap_keys(t->keymap, SB_IN_APPROVALS, SB_ACT_CLEAR_MARKS);
            snprintf(why, WHY, "%.20s is marked but not listed here: what is not in sight is not approved. %s takes all marks away.", p->marked[i], clear ? clear : "clear-marks");
            return false;
        }
    }
    return true;
}

bool batch_refused(const struct sb_tui *t, char out[WHY])
{
    const struct held_card *held[BATCH_MOST];
    size_t n;
    return !marked_cards(t, held, &n, out) || any_refused(t, held, n, out);
}

bool batch_ruled_out(const struct sb_tui *t)
{
    const struct pane *p = &t->pane[PANE_APPROVALS];
    char why[WHY];
    for (size_t i = 0; i < p->marked_n; i++) {
        const struct held_card *held = find_card(t, p->marked[i]);
        if (held && held->card && decision_ruled_out(t, SB_ACT_APPROVE, held->card, why))
            return true;
    }
    return false;
}

/* ---- the question ---- */

void batch_open(struct sb_tui *t, struct sb_effects *fx)
{
    struct confirm *q = &t->confirm;
    const struct held_card *held[BATCH_MOST];
    char why[WHY];
    size_t n;
    confirm_close(t);
    if (!marked_cards(t, held, &n, why) || any_refused(t, held, n, why))
        return;
    q->what = CONFIRM_BATCH;
    q->batch = calloc(n, sizeof *q->batch);
    for (size_t i = 0; q->batch && i < n; i++) {
        struct batch_card *b = &q->batch[q->batch_n++];
        set_text(&b->card, held[i]->card->id);
        set_text(&b->hash, held[i]->card->hash);
        b->revision = held[i]->card->revision;
        if (!b->card || !b->hash)
            batch_release(q);
    }
    if (!q->batch) {
        say(t, true, "Out of memory: nothing was done.");
        return;
    }
    t->overlay = OVER_CONFIRM;
    t->note_shown = false;
    fx_add(fx, SB_FX_FLUSH, NULL, NULL); /* keys that are on their way were not typed with the question in sight */
}

bool batch_holds(struct sb_tui *t)
{
    const struct confirm *q = &t->confirm;
    const struct held_card *held[BATCH_MOST];
    char why[WHY] = "";
    for (size_t i = 0; i < q->batch_n && !why[0]; i++) {
        const struct batch_card *b = &q->batch[i];
        held[i] = find_card(t, b->card);
        if (!held[i] || !held[i]->card)
            snprintf(why, WHY, "%.20s is gone.", b->card);
        else if (held[i]->card->revision != b->revision)
            snprintf(why, WHY, "%.20s is revision %lld now.", b->card, (long long)held[i]->card->revision);
        else if (!sb_streq(held[i]->card->hash, b->hash))
            snprintf(why, WHY, "%.20s is not what was shown any more.", b->card);
    }
    if (!why[0] && !any_refused(t, held, q->batch_n, why))
        return true;
    say(t, true, "Nothing was sent, none of the %zu is approved: while you were asked, this changed. %s", q->batch_n, why);
    confirm_close(t);
    return false;
}

void batch_send(struct sb_tui *t, struct sb_effects *fx)
{
    const struct confirm *q = &t->confirm;
    t->sent = (struct batch_sent){.first = t->next_seq + 1};
    for (size_t i = 0; i < q->batch_n; i++) {
        const struct batch_card *b = &q->batch[i];
        struct sb_message *m = sb_message_new(SB_ASK_APPROVE, 0);
        struct sb_decision_on *d = m ? m->body : NULL;
        if (!d || sb_str_set(&d->card, b->card) || sb_str_set(&d->hash, b->hash)) {
            sb_message_free(m);
            say(t, true, "Out of memory: only the first %lld of %zu approvals were sent.", (long long)t->sent.n, q->batch_n);
            return;
        }
        d->revision = b->revision;
        d->batch = (int64_t)q->batch_n;
        if (fx_ask(t, fx, m))
            t->sent.n++;
    }
    say(t, false, "Sent: approve %zu cards.", q->batch_n);
    marks_clear(t, PANE_APPROVALS);
}

void batch_answer(struct sb_tui *t, int64_t seq, bool ok)
{
    struct batch_sent *s = &t->sent;
    if (s->n == 0 || seq < s->first || seq >= s->first + s->n)
        return;
    s->refused += !ok;
    if (++s->answered < s->n)
        return;
    const char *messages = sb_keymap_keys(t->keymap, SB_IN_MAIN, SB_ACT_MESSAGES);
    if (s->refused) /* a refusal is not to be covered by the answers behind it */
        say(t, true, "%lld of the %lld cards were refused; the others were approved. %s has the reasons.", (long long)s->refused, (long long)s->n, messages ? messages : "messages");
    else
        say(t, false, "All %lld cards are approved, each by its own hash.", (long long)s->n);
    s->n = 0;
}

/* Those whose step cannot be paused are paused behind it: the orchestrator says so of each. */
void pause_all(struct sb_tui *t, struct sb_effects *fx)
{
    size_t n = 0;
    if (!t->welcomed || t->bye || t->welcome.read_only) {
        say(t, true, t->welcome.read_only ? "This console is read-only: nothing can be paused from here." : "Nobody is there who could pause anything.");
        return;
    }
    for (size_t i = 0; i < t->cards; i++) {
        const struct sb_card_row *row = &t->card[i]->row;
        struct sb_message *m = row->state == SB_EXECUTING ? sb_message_new(SB_ASK_PAUSE, 0) : NULL;
        struct sb_decision_on *d = m ? m->body : NULL;
        if (row->state != SB_EXECUTING)
            continue;
        if (!d || sb_str_set(&d->card, row->id)) {
            sb_message_free(m);
            say(t, true, "Out of memory: %s was not paused.", row->id);
            return;
        }
        fx_ask(t, fx, m);
        n++;
    }
    say(t, false, n ? "Asked for a pause of %zu execution%s." : "Nothing is being executed.", n, n == 1 ? "" : "s");
}
