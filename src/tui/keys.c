/* SPDX-License-Identifier: Apache-2.0
 *
 * From a key to what it means where it is pressed: a character of a line, an action, a part of a sequence, a paste. */
#include "state.h"

static void paste(struct sb_tui *t, const struct sb_key *key, struct sb_effects *fx)
{
    if (t->overlay == OVER_CONFIRM) {
        say(t, true, t->confirm.target ? "A paste never confirms: type it." : "A paste never confirms.");
    } else if (t->overlay == OVER_LINE || t->overlay == OVER_PALETTE) {
        if (!line_paste(&t->line, key->text, key->n) || key->cut)
            say(t, true, "Not everything that was pasted could be taken into one line.");
        line_changed(t, fx);
    } else {
        say(t, true, "Text was pasted where keys are expected: nothing was done.");
    }
}

static void unbound(struct sb_tui *t, struct sb_effects *fx)
{
    char name[SB_KEY_NAME_MAX];
    struct sb_str keys;
    sb_str_init(&keys);
    for (size_t i = 0; i < t->pending_n; i++) {
        sb_key_name(name, &t->pending[i]);
        sb_str_addf(&keys, "%s%s", i ? " " : "", name);
    }
    const char *help = sb_keymap_keys(t->keymap, context_of(t), SB_ACT_HELP);
    say(t, false, "%s does nothing here.%s%s%s", keys.p, help ? " " : "", help ? help : "", help ? " shows the keys." : "");
    fx_add(fx, SB_FX_BELL, NULL, NULL);
    sb_str_release(&keys);
}

static bool typing(const struct sb_tui *t)
{
    return t->overlay == OVER_LINE || t->overlay == OVER_PALETTE || (t->overlay == OVER_CONFIRM && t->confirm.target);
}

static bool printable(const struct sb_key *key)
{
    return key->code == SB_KEY_CHAR && !(key->mods & (SB_MOD_CTRL | SB_MOD_ALT));
}

static void count_key(struct sb_tui *t, const struct sb_key *key)
{
    bool digit = key->code == SB_KEY_CHAR && key->point >= '0' && key->point <= '9';
    int64_t count = digit ? t->count * 10 + (int64_t)(key->point - '0') : t->count ? t->count * 4 : 4;
    t->count = count > COUNT_MOST ? COUNT_MOST : count;
}

static void key_seen(struct sb_tui *t, const struct sb_key *key, struct sb_effects *fx)
{
    t->audit.barred = t->card_barred = false;
    t->moving = false; /* whatever the key does, it does it to what is selected now */
    if (key->code == SB_KEY_PASTE) {
        t->pending_n = 0;
        paste(t, key, fx);
        return;
    }
    if (key->code == SB_KEY_MOUSE) {
        t->pending_n = 0;
        mouse_key(t, key, fx);
        return;
    }
    if (t->overlay == OVER_CONFIRM && t->confirm.target) { /* the line of a question has the keys of a line */
        enum sb_action action = SB_ACT_NONE;
        if (!printable(key) && sb_keymap_find(t->keymap, SB_IN_LINE, key, 1, &action) != SB_BOUND)
            sb_keymap_find(t->keymap, SB_IN_CONFIRM, key, 1, &action);
        confirm_key(t, key, action, fx);
        return;
    }
    if (typing(t) && printable(key)) {
        if (!line_type(&t->line, key->point))
            fx_add(fx, SB_FX_BELL, NULL, NULL);
        line_changed(t, fx);
        return;
    }
    if (t->pending_n == SB_KEYS_MAX)
        t->pending_n = 0;
    t->pending[t->pending_n++] = *key;
    enum sb_action action = SB_ACT_NONE;
    switch (sb_keymap_find(t->keymap, context_of(t), t->pending, t->pending_n, &action)) {
    case SB_BOUND:
        t->pending_n = 0;
        if (t->overlay == OVER_CONFIRM)
            confirm_key(t, key, action, fx);
        else if (action == SB_ACT_COUNT)
            count_key(t, key);
        else
            act(t, action, fx);
        break;
    case SB_PARTIAL:
        break;
    case SB_UNBOUND:
        if (t->overlay == OVER_CONFIRM)
            confirm_key(t, key, SB_ACT_NONE, fx);
        else
            unbound(t, fx);
        t->pending_n = 0;
        t->count = 0;
        break;
    }
}

/* On a screen too small to show anything nobody decides anything; but one can leave. */
static void key_unseen(struct sb_tui *t, const struct sb_key *key, struct sb_effects *fx)
{
    enum sb_action action = SB_ACT_NONE;
    if (sb_keymap_find(t->keymap, SB_IN_GLOBAL, key, 1, &action) == SB_BOUND && (action == SB_ACT_QUIT || action == SB_ACT_REDRAW || action == SB_ACT_SUSPEND))
        act(t, action, fx);
}

void take_key(struct sb_tui *t, const struct sb_key *key, struct sb_effects *fx)
{
    if (t->frame.too_small)
        key_unseen(t, key, fx);
    else
        key_seen(t, key, fx);
}
