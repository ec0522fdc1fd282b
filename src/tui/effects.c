/* SPDX-License-Identifier: Apache-2.0
 *
 * The list of what the caller is to do. */
#include "state.h"

#include <signalbox/base/array.h>

#include <stdlib.h>

void sb_effects_init(struct sb_effects *e)
{
    *e = (struct sb_effects){NULL, 0, 0};
}

void sb_effects_clear(struct sb_effects *e)
{
    for (size_t i = 0; i < e->n; i++) {
        sb_message_free(e->fx[i].ask);
        free(e->fx[i].text);
    }
    e->n = 0;
}

void sb_effects_release(struct sb_effects *e)
{
    sb_effects_clear(e);
    free(e->fx);
    sb_effects_init(e);
}

void fx_add(struct sb_effects *fx, enum sb_effect_kind kind, struct sb_message *ask, char *text)
{
    if (SB_GROW(fx->fx, fx->cap, fx->n + 1)) {
        sb_message_free(ask);
        free(text);
        return;
    }
    fx->fx[fx->n++] = (struct sb_fx){kind, ask, text};
}

int64_t fx_ask(struct sb_tui *t, struct sb_effects *fx, struct sb_message *m)
{
    if (!m) {
        say(t, true, "Out of memory: nothing was sent.");
        return 0;
    }
    m->seq = ++t->next_seq;
    fx_add(fx, SB_FX_ASK, m, NULL);
    return t->next_seq;
}

int64_t fx_ask_text(struct sb_tui *t, struct sb_effects *fx, int type, const char *text)
{
    return fx_ask(t, fx, sb_message_text(type, 0, text));
}
