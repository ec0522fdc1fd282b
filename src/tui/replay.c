/* SPDX-License-Identifier: Apache-2.0
 *
 * The flight recorder's face: the members as they were at the end of a minute of the last 24 hours. Only what is shown of them goes
 * back; cards, anomalies and the clock stay as they are now, and a question about a card ends it. */
#include "state.h"

#include <string.h>

#define MINUTE_MS INT64_C(60000)

const struct sb_strip *shown_strip(const struct sb_tui *t)
{
    return t->replay.on ? &t->replay.of.strip : &t->strip;
}

void replay_end(struct sb_tui *t)
{
    sb_record_release(sb_message_schema(SB_NEWS_REPLAY), &t->replay.of);
    t->replay = (struct replaying){.on = false};
}

static void ask(struct sb_tui *t, int64_t at, struct sb_effects *fx)
{
    struct sb_message *m = sb_message_new(SB_ASK_REPLAY, 0);
    t->replay.wanted = at > 1 ? at : 1;
    if (m)
        ((struct sb_replay_ask *)m->body)->at = t->replay.wanted;
    t->replay.asked = fx_ask(t, fx, m);
}

void replay_take(struct sb_tui *t, int64_t seq, struct sb_replay *replay)
{
    struct replaying *r = &t->replay;
    if (seq != r->asked)
        return; /* it was ended meanwhile, or another minute was asked for */
    r->asked = 0;
    if (!replay->at) {
        say(t, false, "No minute is kept yet.");
        return;
    }
    sb_record_release(sb_message_schema(SB_NEWS_REPLAY), &r->of);
    r->of = *replay;
    memset(replay, 0, sizeof *replay);
    r->on = true;
    if (r->of.at > r->wanted + MINUTE_MS)
        say(t, false, "That is the oldest minute that is kept.");
}

bool act_on_replay(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    struct replaying *r = &t->replay;
    int64_t minutes = t->count && t->count < 2000 ? t->count : 1, from = r->asked ? r->wanted : r->on ? r->of.at : t->wall;
    switch (action) {
    case SB_ACT_REPLAY_BACK:
        ask(t, from - minutes * MINUTE_MS, fx);
        return true;
    case SB_ACT_REPLAY_ON:
        if (!r->on && !r->asked) {
            say(t, false, "These are the members as they are now.");
        } else if (r->on && from + minutes * MINUTE_MS > r->of.newest && from + minutes * MINUTE_MS > t->wall - MINUTE_MS) {
            replay_end(t);
            say(t, false, "The members as they are now.");
        } else {
            ask(t, from + minutes * MINUTE_MS, fx);
        }
        return true;
    case SB_ACT_REPLAY_END:
        say(t, false, r->on ? "The members as they are now." : "These are the members as they are now.");
        replay_end(t);
        return true;
    default: return false;
    }
}
