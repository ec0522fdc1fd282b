/* SPDX-License-Identifier: Apache-2.0
 *
 * The question before something is done for real. It takes no key before it has been on the screen, it wants to have been
 * read to its end, a paste never answers it, and it closes when the card it is about changes. */
#include "state.h"

#include <stdlib.h>
#include <string.h>

/* In prod, and where policy says so, the target's name is typed. */
static bool wants_target(const struct sb_tui *t, enum confirm_for what, const struct sb_card *c)
{
    bool prod = c->environment == SB_ENV_PROD || (t->welcomed && t->welcome.environment == SB_ENV_PROD);
    return (what == CONFIRM_APPROVE && (prod || c->policy.requires.typed_target)) || (what == CONFIRM_ROLLBACK && prod);
}

/* True when every character of the name may be typed: else nobody can see what would have to be typed. */
static bool typeable(const char *name)
{
    struct line l;
    line_init(&l);
    bool whole = line_paste(&l, name, strlen(name)) && sb_streq(l.text.p, name);
    line_release(&l);
    return whole;
}

/* Nothing is decided while the members of before are on the screen. */
void confirm_open(struct sb_tui *t, enum confirm_for what, const struct sb_card *card, struct sb_effects *fx)
{
    struct confirm *q = &t->confirm;
    confirm_close(t);
    replay_end(t);
    q->what = what;
    if (card) {
        set_text(&q->card, card->id);
        set_text(&q->hash, card->hash);
        q->revision = card->revision;
        if (!q->card || !q->hash) {
            say(t, true, card->hash ? "Out of memory: nothing was done." : "The card has no hash: nothing can be approved.");
            confirm_close(t);
            return;
        }
        if (wants_target(t, what, card)) {
            const char *name = card->target && card->target[0] ? card->target : card->id;
            q->by_hash = !typeable(name) || !name[0];
            char digits[13];
            snprintf(digits, sizeof digits, "%.12s", card->hash);
            set_text(&q->target, q->by_hash ? digits : name);
            if (!q->target) {
                confirm_close(t);
                return;
            }
        }
    }
    t->overlay = OVER_CONFIRM;
    t->note_shown = false;
    fx_add(fx, SB_FX_FLUSH, NULL, NULL); /* keys that are on their way were not typed with the question in sight */
}

void confirm_close(struct sb_tui *t)
{
    struct confirm *q = &t->confirm;
    set_text(&q->card, NULL);
    set_text(&q->hash, NULL);
    set_text(&q->target, NULL);
    batch_release(q);
    line_set(&q->typed, "");
    reading_reset(&q->read);
    q->top = 0;
    q->shown = q->by_hash = false;
    if (t->overlay == OVER_CONFIRM)
        t->overlay = OVER_NONE;
}

void confirm_check(struct sb_tui *t)
{
    const struct confirm *q = &t->confirm;
    if (t->overlay == OVER_CONFIRM && q->what == CONFIRM_BATCH)
        batch_holds(t);
    if (t->overlay != OVER_CONFIRM || !q->card)
        return;
    const struct sb_card *held = whole_card(t, q->card);
    static const int events[] = {[CONFIRM_APPROVE] = SB_EV_APPROVE, [CONFIRM_STOP] = SB_EV_STOP, [CONFIRM_ROLLBACK] = SB_EV_ROLLBACK, [CONFIRM_EDIT] = SB_EV_EDIT};
    bool same = held && held->revision == q->revision && sb_streq(held->hash, q->hash);
    if (same && sb_lifecycle_next((enum sb_state)held->state, (enum sb_event)events[q->what]))
        return;
    char state[TEXT_MAX];
    fmt_words(state, held ? sb_name(&sb_states, held->state) : "gone");
    say(t, true, "%s changed while you were asked (it is %s, revision %lld): nothing was sent.", q->card, state, held ? (long long)held->revision : 0);
    confirm_close(t);
}

static void post_decision(struct sb_tui *t, int ask, struct sb_effects *fx)
{
    const struct confirm *q = &t->confirm;
    const struct sb_card *held = q->card ? whole_card(t, q->card) : NULL;
    struct sb_message *m = sb_message_new(ask, 0);
    struct sb_decision_on *d = m ? m->body : NULL;
    /* what was typed stands for the target: the name itself, or the digits where the name cannot be typed */
    const char *target = q->target && held ? (q->by_hash ? held->target : q->typed.text.p) : NULL;
    if (!d || sb_str_set(&d->card, q->card) || sb_str_set(&d->hash, q->hash) || sb_str_set(&d->target, target)) {
        sb_message_free(m);
        say(t, true, "Out of memory: nothing was sent.");
        return;
    }
    d->revision = q->revision;
    if (fx_ask(t, fx, m))
        say(t, false, "Sent: %s %s.", sb_message_name(ask), q->card);
}

static void yes(struct sb_tui *t, struct sb_effects *fx)
{
    switch (t->confirm.what) {
    case CONFIRM_APPROVE: post_decision(t, SB_ASK_APPROVE, fx); break;
    case CONFIRM_STOP: post_decision(t, SB_ASK_STOP, fx); break;
    case CONFIRM_ROLLBACK: post_decision(t, SB_ASK_ROLLBACK, fx); break;
    case CONFIRM_EDIT: {
        struct sb_message *m = edit_message(t);
        if (m && fx_ask(t, fx, m))
            say(t, false, "Sent: edit %s.", t->confirm.card);
        if (m && top_view(t)->kind == VIEW_EDIT)
            view_close(t);
        break;
    }
    case CONFIRM_BATCH:
        if (!batch_holds(t)) /* time has passed since it was asked */
            return;
        batch_send(t, fx);
        break;
    case CONFIRM_QUIT:
        fx_ask_text(t, fx, SB_ASK_BYE, t->seat.who ? t->seat.who : "");
        fx_add(fx, SB_FX_QUIT, NULL, NULL);
        break;
    }
    confirm_close(t);
}

static void try_yes(struct sb_tui *t, struct sb_effects *fx)
{
    const struct confirm *q = &t->confirm;
    if (!q->read.done) {
        say(t, true, "Read it to the end first: PageDown.");
    } else if (q->target && !sb_streq(q->typed.text.p, q->target)) {
        say(t, true, "That is not %s: nothing was sent.", q->target);
        line_set(&t->confirm.typed, "");
    } else {
        yes(t, fx);
    }
}

static void scroll(struct sb_tui *t, int64_t by)
{
    int64_t rows = (int64_t)t->frame.box_rows, most = (int64_t)t->frame.box.row_n - rows, top = (int64_t)t->confirm.top + by;
    t->confirm.top = (size_t)(top > most ? (most > 0 ? most : 0) : top < 0 ? 0 : top);
}

void confirm_key(struct sb_tui *t, const struct sb_key *key, enum sb_action action, struct sb_effects *fx)
{
    struct confirm *q = &t->confirm;
    if (action == SB_ACT_BACK) {
        confirm_close(t);
        say(t, false, "Nothing was sent.");
        return;
    }
    if (!q->shown) /* typed before the question could be seen */
        return;
    if (q->target && key->code == SB_KEY_CHAR && !(key->mods & (SB_MOD_CTRL | SB_MOD_ALT))) {
        if (!line_type(&q->typed, key->point))
            fx_add(fx, SB_FX_BELL, NULL, NULL);
        return;
    }
    if (q->target && line_act(&q->typed, action))
        return;
    int64_t page = t->frame.box_rows > 2 ? (int64_t)t->frame.box_rows - 1 : 1;
    switch (action) {
    case SB_ACT_UP: scroll(t, -1); break;
    case SB_ACT_DOWN: scroll(t, 1); break;
    case SB_ACT_PAGE_UP: scroll(t, -page); break;
    case SB_ACT_PAGE_DOWN: scroll(t, page); break;
    case SB_ACT_TOP: q->top = 0; break;
    case SB_ACT_BOTTOM: scroll(t, (int64_t)t->frame.box.row_n); break;
    case SB_ACT_CONFIRM: try_yes(t, fx); break;
    case SB_ACT_SUBMIT:
        if (q->target)
            try_yes(t, fx);
        break;
    default: { /* Enter and Space are the first keys of habit: they do nothing here, and say so */
        const char *keys = sb_keymap_keys(t->keymap, SB_IN_CONFIRM, SB_ACT_CONFIRM), *back = sb_keymap_keys(t->keymap, SB_IN_CONFIRM, SB_ACT_BACK);
        say(t, false, "%s is yes, %s is no.", keys ? keys : "?", back ? back : "Escape");
    }
    }
}
