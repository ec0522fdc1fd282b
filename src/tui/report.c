/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening the report, and dividing it: at one of some days ago, or at a moment that is typed. */
#include "state.h"

#include <signalbox/base/clock.h>

#include <string.h>

static void ask(struct sb_tui *t, struct sb_effects *fx)
{
    t->page_asked = fx_ask_text(t, fx, SB_ASK_REPORT, t->report_split ? t->report_split : "");
}

static void divide_next(struct sb_tui *t, struct sb_effects *fx)
{
    static const char *const divides[] = {NULL, "1d", "7d", "30d", "90d"};
    size_t i = 0; /* behind a moment that was typed the whole record comes again */
    while (i < SB_COUNT(divides) && !sb_streq(divides[i], t->report_split))
        i++;
    set_text(&t->report_split, divides[i < SB_COUNT(divides) ? (i + 1) % SB_COUNT(divides) : 0]);
    ask(t, fx);
}

void report_divide(struct sb_tui *t, const char *text, struct sb_effects *fx)
{
    int64_t at;
    text += strspn(text, " ");
    char *word = sb_format("%.*s", (int)strcspn(text, " "), text);
    bool more = text[strcspn(text, " ")] && text[strcspn(text, " ") + strspn(text + strcspn(text, " "), " ")];
    if (word && word[0] && (more || sb_time_when(word, t->wall, &at) || at <= 0)) {
        say(t, true, "\"%s\" is no moment: write 2026-11-23, 2026-11-23T09:05 or 30d. The report stays as it is.", text);
    } else if (word && word[0] && at >= t->wall) {
        say(t, true, "%s is still to come: a report is divided at a moment that is over.", word);
    } else if (word) {
        set_text(&t->report_split, word[0] ? word : NULL);
        ask(t, fx);
    }
    free(word);
}

bool act_on_report(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    switch (action) {
    case SB_ACT_REPORT:
        view_open(t, VIEW_REPORT, NULL, fx);
        ask(t, fx);
        return true;
    case SB_ACT_DIVIDE: divide_next(t, fx); return true;
    case SB_ACT_DIVIDE_AT:
        line_open(t, LINE_DIVIDE, NULL, t->report_split ? t->report_split : "");
        return true;
    default: return false;
    }
}
