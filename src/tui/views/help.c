/* SPDX-License-Identifier: Apache-2.0
 *
 * Help, made from the tables the program runs on: actions, keymap, life cycle. And the messages of the session. */
#include "../state.h"

#include <string.h>

/* The keys that lead to an action from a context. `own`: only where the context itself gives it its meaning. */
static const char *keys_for(const struct sb_keymap *keymap, enum sb_context context, enum sb_action action, bool own)
{
    bool listed = own ? (sb_actions[action].contexts & 1u << context) != 0 : sb_action_applies(action, context);
    return listed ? sb_keymap_keys(keymap, context, action) : NULL;
}

void view_keys(const struct sb_keymap *keymap, bool read_only, enum sb_context context, bool own, struct sb_page *p)
{
    bool headed = false;
    for (int a = SB_ACT_NONE + 1; a < SB_ACTIONS; a++) {
        const char *keys = keys_for(keymap, context, (enum sb_action)a, own);
        if (!keys)
            continue;
        if (!headed) {
            view_heading(p, "Keys in ");
            sb_page_text(p, SB_ROLE_TITLE, sb_contexts[context].help);
            headed = true;
        }
        bool off = read_only && (sb_actions[a].flags & SB_DANGEROUS);
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_TEXT, "  ");
        sb_page_field(p, SB_ROLE_KEY, 12, keys);
        sb_page_wrap(p, off ? SB_ROLE_DIM : SB_ROLE_TEXT, 14, sb_actions[a].help);
        if (off)
            sb_page_wrap(p, SB_ROLE_DIM, 14, " (not in a read-only console)");
    }
}

static void life_cycle(struct sb_page *p)
{
    view_heading(p, "The life of a card");
    for (int s = 0; s < SB_STATES; s++) {
        char state[TEXT_MAX], event[TEXT_MAX], to[TEXT_MAX];
        fmt_words(state, sb_name(&sb_states, s));
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_TEXT, "  ");
        sb_page_field(p, state_role(s), 19, state);
        sb_page_wrap(p, SB_ROLE_TEXT, 21, sb_state_help((enum sb_state)s));
        for (size_t i = 0; i < sb_lifecycle_rows_n; i++) {
            const struct sb_transition *row = &sb_lifecycle_rows[i];
            if ((int)row->from != s)
                continue;
            fmt_words(event, sb_name(&sb_events, row->event));
            fmt_words(to, sb_name(&sb_states, row->to));
            sb_page_line(p);
            sb_page_tab(p, 21);
            sb_page_field(p, SB_ROLE_DIM, 20, event);
            sb_page_mark(p, SB_ROLE_DIM, SB_MARK_ARROW, 1);
            sb_page_textf(p, SB_ROLE_TEXT, " %s", to);
        }
    }
}

static void words(struct sb_page *p)
{
    static const char *const badges[][2] = {
        {"measured", "read from the deployment as it was"}, {"sampled 1 %", "from a part of it; the share is given"},
        {"estimated", "worked out, not read"}, {"stale", "older than it may be"}, {"blind", "asked for, and could not be had"},
    };
    view_heading(p, "Coverage of evidence");
    for (size_t i = 0; i < SB_COUNT(badges); i++) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_TEXT, "  ");
        view_badge(p, badges[i][0]);
        sb_page_tab(p, 21);
        sb_page_wrap(p, SB_ROLE_TEXT, 21, badges[i][1]);
    }
}

void view_help(const struct sb_tui *t, enum sb_context context, struct sb_page *p)
{
    sb_page_line(p);
    sb_page_wrapf(p, SB_ROLE_DIM, 0, "Keymap %s. First the keys of the place where help was asked for, then those of the others, then the life of a card "
                                     "and what the badges on evidence mean.", sb_keymap_name(t->keymap));
    bool read_only = t->welcomed && t->welcome.read_only;
    view_keys(t->keymap, read_only, context, false, p);
    for (int c = 0; c < SB_CONTEXTS; c++) {
        bool shown = false; /* as the place itself or as one it falls back on */
        for (enum sb_context up = context; up != SB_IN_NONE; up = sb_contexts[up].parent)
            shown |= up == (enum sb_context)c;
        if (!shown)
            view_keys(t->keymap, read_only, (enum sb_context)c, true, p);
    }
    life_cycle(p);
    words(p);
}

void view_messages(const struct sb_tui *t, struct sb_page *p)
{
    char when[TEXT_MAX];
    for (size_t i = t->notes; i-- > 0;) {
        fmt_clock(when, t->note[i].wall);
        sb_page_line(p);
        sb_page_textf(p, SB_ROLE_DIM, "%s ", when);
        sb_page_text(p, t->note[i].bad ? SB_ROLE_BAD : SB_ROLE_TEXT, t->note[i].bad ? "! " : "  ");
        sb_page_wrap(p, SB_ROLE_TEXT, 11, t->note[i].text);
    }
    if (t->notes == 0) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_DIM, "none");
    }
}
