/* SPDX-License-Identifier: Apache-2.0
 *
 * What was hidden and watched, and has passed, is to be dropped: by a card of its own, in the same case, which does not end before
 * that. When the card cannot be made now it is tried again; when it was not decided on in time, was refused by policy or went stale,
 * it is proposed anew, after a pause that doubles. Which case this is so of is asked of its cards, so that it is the same after a
 * restart. A person's no ends it. */
#include "private.h"

#include <signalbox/agents/index_drop.h>

#include <string.h>

#define FIRST_MS 60000      /* deployment time, as the next two */
#define LONGEST_MS 86400000 /* and after a refusal by policy */
#define MOST_DOUBLED 10

static int read_card(struct sb_orchestrator *o, const char *id, struct sb_card *out)
{
    const struct held_card *held = sb_o_card_in_hand(o, id);
    return held ? sb_record_copy(&sb_card_schema, out, &held->card) : sb_ledger_card(o->ledger, id, out, NULL);
}

static bool is_here(const struct sb_orchestrator *o, const struct sb_card *c)
{
    return sb_streq(c->deployment_id, o->facts.id);
}

/* A simulated deployment does not come back. */
static bool has_passed(const struct sb_orchestrator *o, const struct sb_card *c)
{
    return c->kind == SB_KIND_HIDE_INDEX && c->state == SB_DONE && c->report.verdict == SB_VERDICT_PASS && (is_here(o, c) || !c->simulated);
}

/* It may be proposed anew: nobody has said no to it, and it waits for nobody. */
static bool came_to_nothing(struct sb_orchestrator *o, const struct sb_card *drop)
{
    const struct held_card *held = sb_o_card_in_hand(o, drop->id);
    return drop->state == SB_EXPIRED || drop->state == SB_SUPERSEDED || drop->state == SB_DENIED || (drop->state == SB_STALE && !(held && sb_o_in_use(held)));
}

void sb_o_release_drop(struct drop_due *d)
{
    sb_card_release(&d->hidden);
    sb_card_release(&d->before);
    memset(d, 0, sizeof *d);
}

/* The card of the case that hid an index, and the last one that was to drop it. A card that cannot be read: not now. */
static bool find(struct sb_orchestrator *o, const struct held_case *c, struct drop_due *d)
{
    bool hid = false, read = true;
    memset(d, 0, sizeof *d);
    for (size_t i = 0; i < c->case_.cards_n && read; i++) {
        struct sb_card card, *into = NULL;
        if (!(read = read_card(o, c->case_.cards[i], &card) == 0))
            break;
        if (has_passed(o, &card)) {
            hid = true;
            into = &d->hidden;
        } else if (hid && card.kind == SB_KIND_DROP_INDEX && sb_streq(card.after, d->hidden.id)) {
            d->cards++;
            into = &d->before;
        }
        if (into)
            sb_card_release(into);
        if (into)
            *into = card;
        else
            sb_card_release(&card);
    }
    return read && hid && (d->cards == 0 || came_to_nothing(o, &d->before));
}

bool sb_o_drop_is_due(struct sb_orchestrator *o, struct held_case *c)
{
    struct drop_due d;
    bool is = !c->case_.closed_at && find(o, c, &d);
    if (is && !c->drop.due && is_here(o, &d.hidden)) { /* else by whoever has that deployment */
        size_t times = d.cards > MOST_DOUBLED ? MOST_DOUBLED : d.cards;
        int64_t pause = d.before.state == SB_DENIED && d.cards ? LONGEST_MS : (int64_t)FIRST_MS << (times ? times - 1 : 0);
        c->drop.due = true;
        c->drop.tries = 0;
        c->drop.next_ms = d.cards ? sb_mono_ms() + (pause < LONGEST_MS ? pause : LONGEST_MS) / o->facts.speed : 0;
    }
    if (!c->case_.closed_at)
        sb_o_release_drop(&d);
    return is;
}

void sb_o_drop_later(struct sb_orchestrator *o, struct held_case *c, const struct sb_card *hidden, const char *why)
{
    int64_t pause = (int64_t)FIRST_MS << (c->drop.tries < MOST_DOUBLED ? c->drop.tries : MOST_DOUBLED);
    c->drop.due = true;
    c->drop.tries++;
    c->drop.next_ms = sb_mono_ms() + (pause < LONGEST_MS ? pause : LONGEST_MS) / o->facts.speed;
    if (sb_streq(c->drop.said, why))
        return;
    sb_o_notice(o, SB_MEDIUM, "%s: that %s is dropped is not proposed yet, and tried again: %s", hidden->id, hidden->index_name, why);
    int ignored = sb_str_set(&c->drop.said, why); /* it is then said once more */
    (void)ignored;
}

/* No record, no end: it is tried again. */
void sb_o_drop_never(struct sb_orchestrator *o, struct held_case *c, const struct sb_card *hidden, const char *why)
{
    char *outcome = sb_format("%s %s, verdict %s; that %s is dropped is not proposed: %s", hidden->id, sb_name(&sb_states, hidden->state), sb_name(&sb_verdicts, hidden->report.verdict), hidden->index_name, why);
    if (outcome && sb_o_record(o, SB_ENTRY_CASE_CLOSE, NULL, &(struct refs){.case_ = c}, json_pack("{s:o}", "outcome", sb_o_words(outcome)), NULL) == 0) {
        c->drop.due = false;
        sb_o_notice(o, SB_MEDIUM, "%s: that %s is dropped is not proposed: %s", hidden->id, hidden->index_name, why);
    } else {
        sb_o_drop_later(o, c, hidden, why);
    }
    free(outcome);
}

static void follow(struct sb_orchestrator *o, struct held_case *c)
{
    struct drop_due d;
    if (find(o, c, &d)) {
        sb_o_consult_drop(o, c, &d);
    } else { /* somebody has taken it back, or decided on it meanwhile */
        c->drop.due = false;
        sb_o_close_case_if_settled(o, c->case_.id);
    }
    sb_o_release_drop(&d);
}

void sb_o_tick_drops(struct sb_orchestrator *o)
{
    int64_t now = sb_mono_ms();
    for (size_t i = 0; o->telemetry && i < o->cards_n; i++) { /* one that is stale is open: its case asks for nothing by itself */
        const struct sb_card *card = &o->cards[i]->card;
        struct held_case *c = card->kind == SB_KIND_DROP_INDEX && card->state == SB_STALE ? sb_o_case(o, card->case_id) : NULL;
        if (c && !c->drop.due)
            sb_o_drop_is_due(o, c);
    }
    for (size_t i = 0; o->telemetry && i < o->cases_n; i++) {
        struct held_case *c = o->cases[i];
        if (c->drop.due && !c->drop.away && !c->consulting && now >= c->drop.next_ms)
            follow(o, c);
    }
}
