/* SPDX-License-Identifier: Apache-2.0
 *
 * Cards that follow each other: the phases of a plan that spans windows or weeks. Forward each waits for the one before it,
 * backward the last one that has begun is taken back first. */
#include "private.h"

/* The state of a card that may have ended long ago; -1: it cannot be told. */
static int state_of(struct sb_orchestrator *o, const char *id, bool *closed)
{
    const struct held_card *c = sb_o_card(o, id);
    struct sb_card read;
    *closed = c && c->card.closed;
    if (c)
        return c->card.state;
    if (sb_ledger_card(o->ledger, id, &read, NULL))
        return -1;
    int state = read.state;
    *closed = read.closed;
    sb_card_release(&read);
    return state;
}

bool sb_o_phase_waits(struct sb_orchestrator *o, const struct held_card *card, bool *never, char *why, size_t cap)
{
    bool closed;
    *never = false;
    if (!card->card.after)
        return false;
    int state = state_of(o, card->card.after, &closed);
    if (state == SB_DONE)
        return false;
    *never = state >= 0 && (closed || !sb_state_open((enum sb_state)state));
    snprintf(why, cap, "it comes after %.40s, which %s%s", card->card.after, *never ? "ended as " : "is ", state < 0 ? "cannot be read" : sb_name(&sb_states, state));
    return true;
}

static bool hid_and_passed(const struct sb_card *hid, const struct sb_card *drop)
{
    return hid->kind == SB_KIND_HIDE_INDEX && (hid->state == SB_WATCHING || hid->state == SB_DONE) && hid->report.verdict == SB_VERDICT_PASS && sb_streq(hid->target, drop->target) &&
           sb_streq(hid->index_name, drop->index_name) && sb_streq(hid->index_key, drop->index_key) && sb_streq(hid->deployment_id, drop->deployment_id);
}

bool sb_o_hidden_and_watched(struct sb_orchestrator *o, const struct sb_card *drop)
{
    const struct held_card *held = drop->after ? sb_o_card(o, drop->after) : NULL;
    struct sb_card read;
    if (held || !drop->after)
        return held && hid_and_passed(&held->card, drop);
    if (sb_ledger_card(o->ledger, drop->after, &read, NULL))
        return false;
    bool passed = hid_and_passed(&read, drop);
    sb_card_release(&read);
    return passed;
}

/* Has this card, which comes after another, done something that stands? */
static bool stands(const struct sb_card *c)
{
    return c->state == SB_EXECUTING || c->state == SB_PAUSED || c->state == SB_WATCHING || c->state == SB_DONE || c->state == SB_ROLLING_BACK || c->state == SB_IN_DOUBT ||
           (c->state == SB_FAILED && !c->closed);
}

int sb_o_phase_may_go_back(struct sb_orchestrator *o, const struct held_card *card, struct sb_err *err)
{
    struct sb_case k;
    if (!card->card.phase && card->card.kind != SB_KIND_HIDE_INDEX) /* what is hidden may have been dropped since */
        return 0;
    if (sb_ledger_case(o->ledger, card->card.case_id, &k, err))
        return -1;
    int rc = 0;
    for (size_t i = 0; i < k.cards_n && rc == 0; i++) {
        struct sb_card other;
        if (sb_ledger_card(o->ledger, k.cards[i], &other, err)) {
            rc = -1;
            break;
        }
        if (sb_streq(other.after, card->card.id) && stands(&other))
            rc = sb_fail(err, SB_ESTATE, "%s came after it and is %s: roll that back first", other.id, sb_name(&sb_states, other.state));
        sb_card_release(&other);
    }
    sb_case_release(&k);
    return rc;
}
