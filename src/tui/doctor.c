/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking the doctor, who looks beside the screen, and keeping what he tells as he goes on. */
#include "state.h"

#include <string.h>

bool act_on_doctor(struct sb_tui *t, enum sb_action action, struct sb_effects *fx)
{
    struct doctor *d = &t->doctor;
    if (action != SB_ACT_DOCTOR)
        return false;
    if (top_view(t)->kind != VIEW_DOCTOR)
        view_open(t, VIEW_DOCTOR, NULL, fx);
    if (d->asked) /* one at a time: what he is at is shown */
        return true;
    sb_record_release(&sb_doctor_schema, &d->of);
    d->asked = true;
    d->began = t->wall;
    d->ended = 0;
    fx_add(fx, SB_FX_DOCTOR, NULL, NULL);
    return true;
}

void doctor_take(struct sb_tui *t, struct sb_doctor *told)
{
    struct doctor *d = &t->doctor;
    sb_record_release(&sb_doctor_schema, &d->of);
    d->of = *told;
    memset(told, 0, sizeof *told);
    if (d->of.done) {
        d->asked = false;
        d->ended = t->wall;
    }
}
