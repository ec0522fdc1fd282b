/* SPDX-License-Identifier: Apache-2.0
 *
 * The cards, cases and anomalies that are held in memory: everything open, and what ended in this process. Of many cards that
 * only wait for a person a row each is held, in rest.c. */
#include "private.h"

#include <inttypes.h>
#include <string.h>

#define KEEP_ENDED 200 /* of each kind; the ledger has them all */

struct held_card *sb_o_card_in_hand(struct sb_orchestrator *o, const char *id)
{
    size_t at = o->card_found; /* mostly the same as before, or the next */
    for (size_t i = 0; id && i < o->cards_n; i++, at++) {
        at = at < o->cards_n ? at : 0;
        if (sb_streq(o->cards[at]->card.id, id))
            return o->cards[o->card_found = at];
    }
    return NULL;
}

struct held_card *sb_o_card(struct sb_orchestrator *o, const char *id)
{
    struct held_card *c = sb_o_card_in_hand(o, id);
    return c ? c : sb_o_wake_card(o, id);
}

struct held_case *sb_o_case_in_hand(struct sb_orchestrator *o, const char *id)
{
    size_t at = o->case_found;
    for (size_t i = 0; id && i < o->cases_n; i++, at++) {
        at = at < o->cases_n ? at : 0;
        if (sb_streq(o->cases[at]->case_.id, id))
            return o->cases[o->case_found = at];
    }
    return NULL;
}

struct held_case *sb_o_case(struct sb_orchestrator *o, const char *id)
{
    struct held_case *c = sb_o_case_in_hand(o, id);
    return c ? c : sb_o_wake_case(o, id);
}

struct held_anomaly *sb_o_anomaly(struct sb_orchestrator *o, const char *id)
{
    for (size_t i = 0; id && i < o->anomalies_n; i++)
        if (sb_streq(o->anomalies[i]->anomaly.id, id))
            return o->anomalies[i];
    return NULL;
}

static void free_card(struct held_card *c)
{
    sb_o_drop_results(c);
    sb_o_drop_work(c);
    sb_o_forget_events(c);
    sb_card_release(&c->card);
    free(c);
}

static void free_anomaly(struct held_anomaly *a)
{
    sb_anomaly_release(&a->anomaly);
    free(a->detector_id);
    free(a);
}

static void free_case(struct held_case *c)
{
    sb_o_free_sequel(c->sequel);
    free(c->chain.said);
    free(c->drop.said);
    for (size_t i = 0; i < c->impact_n; i++)
        sb_record_release(&sb_evidence_schema, &c->impact[i]);
    free(c->impact);
    sb_case_release(&c->case_);
    free(c);
}

bool sb_o_in_use(const struct held_card *c)
{
    return c->run.away || c->run.forward_away || c->run.polling || c->run.unrecorded || c->run.owed >= 0 || c->watch.away;
}

void sb_o_trim(struct sb_orchestrator *o)
{
    size_t ended = 0;
    for (size_t i = 0; i < o->cards_n; i++)
        ended += !sb_card_open(&o->cards[i]->card);
    for (size_t i = 0; i < o->cards_n && ended > KEEP_ENDED; i++)
        if (!sb_card_open(&o->cards[i]->card) && !sb_o_in_use(o->cards[i])) {
            free_card(o->cards[i]);
            memmove(&o->cards[i], &o->cards[i + 1], (o->cards_n - i - 1) * sizeof o->cards[0]);
            o->cards_n--;
            ended--;
            i--;
        }
    ended = 0;
    for (size_t i = 0; i < o->cases_n; i++)
        ended += o->cases[i]->case_.closed_at != 0;
    for (size_t i = 0; i < o->cases_n && ended > KEEP_ENDED; i++)
        if (o->cases[i]->case_.closed_at && !o->cases[i]->consulting) {
            free_case(o->cases[i]);
            memmove(&o->cases[i], &o->cases[i + 1], (o->cases_n - i - 1) * sizeof o->cases[0]);
            o->cases_n--;
            ended--;
            i--;
        }
    for (size_t i = 0; i < o->anomalies_n && o->anomalies_n > KEEP_ENDED; i++)
        if (o->anomalies[i]->anomaly.to) {
            free_anomaly(o->anomalies[i]);
            memmove(&o->anomalies[i], &o->anomalies[i + 1], (o->anomalies_n - i - 1) * sizeof o->anomalies[0]);
            o->anomalies_n--;
            i--;
        }
}

struct held_card *sb_o_add_card(struct sb_orchestrator *o)
{
    struct held_card *c = calloc(1, sizeof *c), **slot = c ? SB_PUSH(o->cards) : NULL;
    if (!slot) {
        free(c);
        return NULL;
    }
    c->run.builds = c->run.oldest_op_s = -1;
    c->run.owed = -1;
    return *slot = c;
}

struct held_card *sb_o_new_card(struct sb_orchestrator *o)
{
    sb_o_trim(o);
    return sb_o_add_card(o);
}

struct held_case *sb_o_add_case(struct sb_orchestrator *o)
{
    struct held_case *c = calloc(1, sizeof *c), **slot = c ? SB_PUSH(o->cases) : NULL;
    if (!slot) {
        free(c);
        return NULL;
    }
    return *slot = c;
}

struct held_case *sb_o_new_case(struct sb_orchestrator *o)
{
    sb_o_trim(o);
    return sb_o_add_case(o);
}

static struct held_anomaly *add_anomaly(struct sb_orchestrator *o)
{
    struct held_anomaly *a = calloc(1, sizeof *a), **slot = a ? SB_PUSH(o->anomalies) : NULL;
    if (!slot) {
        free(a);
        return NULL;
    }
    return *slot = a;
}

struct held_anomaly *sb_o_new_anomaly(struct sb_orchestrator *o)
{
    sb_o_trim(o);
    return add_anomaly(o);
}

bool sb_o_overdue(const struct sb_orchestrator *o, int64_t wall, int64_t mono)
{
    return wall && (sb_origin_wall_ms(o->opt.origin) > wall || (mono && sb_mono_ms() > mono));
}

void sb_o_forget_card(struct sb_orchestrator *o, struct held_card *card)
{
    for (size_t i = 0; i < o->cards_n; i++)
        if (o->cards[i] == card) {
            memmove(&o->cards[i], &o->cards[i + 1], (o->cards_n - i - 1) * sizeof o->cards[0]);
            o->cards_n--;
            free_card(card);
            return;
        }
}

void sb_o_forget_case(struct sb_orchestrator *o, struct held_case *c)
{
    for (size_t i = 0; i < o->cases_n; i++)
        if (o->cases[i] == c) {
            memmove(&o->cases[i], &o->cases[i + 1], (o->cases_n - i - 1) * sizeof o->cases[0]);
            o->cases_n--;
            free_case(c);
            return;
        }
}

void sb_o_free_book(struct sb_orchestrator *o)
{
    sb_o_free_rest(o);
    for (size_t i = 0; i < o->cards_n; i++)
        free_card(o->cards[i]);
    for (size_t i = 0; i < o->cases_n; i++)
        free_case(o->cases[i]);
    for (size_t i = 0; i < o->anomalies_n; i++)
        free_anomaly(o->anomalies[i]);
    free(o->cards);
    free(o->cases);
    free(o->anomalies);
    sb_record_release(&sb_hushes_schema, &o->hushes);
    sb_habits_release(&o->habits);
    sb_o_altered_release(o);
}

/* What is open is all kept, so no room is made for it: of thousands, that would be looked for each time. The newest stay in
 * hand. */
static int load_ids(struct sb_orchestrator *o, enum sb_item item, struct sb_err *err)
{
    char **ids = NULL;
    size_t n = 0;
    int rc = sb_ledger_open_ids(o->ledger, item, &ids, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (item == SB_ITEM_CARD) {
            struct held_card *c = sb_o_add_card(o);
            rc = c ? sb_ledger_card(o->ledger, ids[i], &c->card, err) : sb_fail_nomem(err);
            if (rc == 0 && n - i > SB_O_IN_HAND)
                sb_o_rest_card(o, c);
        } else if (item == SB_ITEM_CASE) {
            struct held_case *c = sb_o_add_case(o);
            rc = c ? sb_ledger_case(o->ledger, ids[i], &c->case_, err) : sb_fail_nomem(err);
            if (rc == 0 && n - i > SB_O_IN_HAND)
                sb_o_rest_case(o, c);
        } else {
            struct held_anomaly *a = add_anomaly(o);
            rc = a ? sb_ledger_anomaly(o->ledger, ids[i], &a->anomaly, err) : sb_fail_nomem(err);
        }
    }
    for (size_t i = 0; i < n; i++)
        free(ids[i]);
    free(ids);
    return rc;
}

int sb_o_load_book(struct sb_orchestrator *o, struct sb_err *err)
{
    if (sb_ledger_last_number(o->ledger, 'C', &o->last_card, err) || sb_ledger_last_number(o->ledger, 'K', &o->last_case, err) ||
        sb_ledger_last_number(o->ledger, 'A', &o->last_anomaly, err) || sb_ledger_last_number(o->ledger, 'd', &o->last_decision, err))
        return -1;
    return load_ids(o, SB_ITEM_CARD, err) || load_ids(o, SB_ITEM_CASE, err) || /* a case rests with its cards */
            load_ids(o, SB_ITEM_ANOMALY, err) || sb_o_load_hushes(o, err) ? -1 : 0;
}

#define BOUND_PIECE 10000 /* entries that are looked through at a time */

struct bound {
    const char *deployment;
    char *id;
};

static int take_bound(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct bound *b = ctx;
    (void)bytes;
    (void)n;
    if (e->kind != SB_ENTRY_BOUND || !sb_streq(sb_json_str(e->body, "deployment"), b->deployment) || json_is_true(json_object_get(e->body, "simulated")))
        return 0;
    return sb_str_set(&b->id, sb_json_str(e->body, "id")) ? sb_fail_nomem(err) : 1;
}

int sb_o_bound_id(struct sb_orchestrator *o, char **id, struct sb_err *err)
{
    struct bound b = {o->deployment, NULL};
    int64_t head = sb_ledger_head(o->ledger);
    int rc = 0;
    for (int64_t from = 1; rc == 0 && !b.id && from <= head; from += BOUND_PIECE) { /* mostly it is among the first */
        int64_t *seqs = NULL, to = from + BOUND_PIECE - 1 < head ? from + BOUND_PIECE - 1 : head;
        size_t n = 0;
        rc = sb_ledger_seqs_of(o->ledger, from, to, SB_ENTRY_BOUND, &seqs, &n, err);
        for (size_t i = 0; rc == 0 && !b.id && i < n; i++)
            rc = sb_ledger_range(o->ledger, seqs[i], seqs[i], take_bound, &b, err);
        free(seqs);
    }
    *id = b.id;
    return rc;
}

/* How a card ended, in a clause. */
static char *outcome_of(const struct sb_card *c)
{
    if (c->report.verdict != SB_VERDICT_NONE)
        return sb_format("%s %s, verdict %s", c->id, sb_name(&sb_states, c->state), sb_name(&sb_verdicts, c->report.verdict));
    return sb_format("%s %s%s%s", c->id, sb_name(&sb_states, c->state), c->note ? ": " : "", c->note ? c->note : "");
}

void sb_o_close_case_if_settled(struct sb_orchestrator *o, const char *case_id)
{
    struct held_case *c = sb_o_case(o, case_id);
    if (!c || c->consulting || c->case_.cards_n == 0)
        return;
    struct sb_str outcome;
    sb_str_init(&outcome);
    bool settled = true;
    for (size_t i = 0; i < c->case_.cards_n && settled; i++) {
        const struct held_card *card = sb_o_card_in_hand(o, c->case_.cards[i]);
        settled = card ? !sb_card_open(&card->card) : !sb_o_rests(o, c->case_.cards[i]);
        char *text = card ? outcome_of(&card->card) : NULL;
        sb_str_addf(&outcome, "%s%s", outcome.len ? "; " : "", text ? text : c->case_.cards[i]);
        free(text);
    }
    if (settled && sb_o_drop_is_due(o, c))
        settled = false;
    /* a card that was done and is then rolled back closes its case a second time, with the new outcome */
    if (settled && !sb_streq(outcome.p, c->case_.outcome))
        sb_o_record(o, SB_ENTRY_CASE_CLOSE, NULL, &(struct refs){.case_ = c}, json_pack("{s:s}", "outcome", outcome.p), NULL);
    sb_str_release(&outcome);
}
