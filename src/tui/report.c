/* SPDX-License-Identifier: Apache-2.0
 *
 * Opening the report, and dividing it. */
#include "state.h"

static void ask(struct sb_tui *t, struct sb_effects *fx)
{
    char days[16] = "";
    if (t->report_days)
        snprintf(days, sizeof days, "%dd", t->report_days);
    t->page_asked = fx_ask_text(t, fx, SB_ASK_REPORT, days);
}

bool act_on_report(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    static const int divides[] = {0, 1, 7, 30, 90};
    size_t i = 0;
    switch (action) {
    case SB_ACT_REPORT:
        view_open(t, VIEW_REPORT, NULL, fx);
        ask(t, fx);
        return true;
    case SB_ACT_DIVIDE:
        while (i < SB_COUNT(divides) && divides[i] != t->report_days)
            i++;
        t->report_days = divides[(i + 1) % SB_COUNT(divides)];
        ask(t, fx);
        return true;
    default: return false;
    }
}
