/* SPDX-License-Identifier: Apache-2.0
 *
 * The face for a slow line: taken when the terminal turns out to answer late, or when somebody wants it; given back by a key. */
#include "state.h"

#include <inttypes.h>

static void take(struct sb_tui *t, bool on, struct sb_effects *fx)
{
    t->slow = t->zoomed = on;
    fx_add(fx, on ? SB_FX_LINE_ON : SB_FX_LINE_OFF, NULL, NULL);
}

void slow_measured(struct sb_tui *t, int64_t ms, struct sb_effects *fx)
{
    const char *key = sb_keymap_keys(t->keymap, SB_IN_MAIN, SB_ACT_LINE_FACE);
    if (t->slow || t->face_chosen)
        return;
    take(t, true, fx);
    t->answers_ms = ms;
    say(t, false, "The terminal takes %" PRId64 " ms to answer: this is the face for a slow line. %s takes it back.", ms, key ? key : ":line-face");
}

void slow_switch(struct sb_tui *t, struct sb_effects *fx)
{
    t->face_chosen = true;
    t->answers_ms = 0;
    take(t, !t->slow, fx);
    say(t, false, t->slow ? "The face for a slow line: one pane at a time, no colours, no seconds." : "The usual face.");
}
