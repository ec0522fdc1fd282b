/* SPDX-License-Identifier: Apache-2.0
 *
 * What is wrong here, what there is to know, and what is good, in this order: the worst stands first. */
#include "../state.h"

#include <inttypes.h>

#define AREA 12

static void counts(const struct sb_doctor *d, struct sb_page *p)
{
    size_t wrong = sb_doctor_count(d, SB_FOUND_WRONG), notes = sb_doctor_count(d, SB_FOUND_NOTE), good = sb_doctor_count(d, SB_FOUND_GOOD);
    sb_page_textf(p, wrong ? SB_ROLE_BAD : SB_ROLE_TEXT, "%zu wrong", wrong);
    sb_page_textf(p, SB_ROLE_TEXT, ", %zu to know, %zu good", notes, good);
}

void view_doctor_title(const struct sb_tui *t, struct sb_page *p)
{
    const struct doctor *d = &t->doctor;
    char when[TEXT_MAX];
    const char *keys = sb_keymap_keys(t->keymap, SB_IN_PAGE, SB_ACT_DOCTOR);
    sb_page_text(p, SB_ROLE_TITLE, "Doctor");
    if (!d->ended && !d->of.findings_n)
        return;
    sb_page_text(p, SB_ROLE_TITLE, ": ");
    counts(&d->of, p);
    if (!d->ended)
        return;
    fmt_when(when, d->ended, t->wall);
    sb_page_textf(p, SB_ROLE_DIM, ", as of %sZ", when);
    if (keys)
        sb_page_textf(p, SB_ROLE_DIM, "; %s looks anew", keys);
}

static void under_way(const struct sb_tui *t, struct sb_page *p)
{
    const struct doctor *d = &t->doctor;
    char since[TEXT_MAX];
    int64_t ms = gap(d->began, t->wall);
    fmt_left(since, ms > 0 ? ms : 0);
    sb_page_line(p);
    if (d->of.steps)
        sb_page_wrapf(p, SB_ROLE_DOUBT, 1, " Looking at %s: step %" PRId64 " of %" PRId64 ", for %s.", d->of.doing ? d->of.doing : "the next thing", d->of.step, d->of.steps, since);
    else
        sb_page_wrapf(p, SB_ROLE_DOUBT, 1, " Looking, for %s.", since);
}

static void finding(const struct sb_doctor_finding *f, enum sb_role role, struct sb_page *p)
{
    sb_page_line(p);
    sb_page_fieldf(p, role, AREA, " %s", f->area);
    sb_page_wrap(p, f->found == SB_FOUND_GOOD ? SB_ROLE_DIM : SB_ROLE_TEXT, AREA, f->what);
    if (!f->mend || !f->mend[0])
        return;
    sb_page_line(p);
    sb_page_tab(p, AREA);
    sb_page_wrapf(p, SB_ROLE_STRONG, AREA + 3, "-> %s", f->mend);
}

void view_doctor(const struct sb_tui *t, struct sb_page *p)
{
    static const struct {
        enum sb_found found;
        enum sb_role role;
        const char *heading;
    } kinds[] = {{SB_FOUND_WRONG, SB_ROLE_BAD, "Wrong"}, {SB_FOUND_NOTE, SB_ROLE_DOUBT, "To know"}, {SB_FOUND_GOOD, SB_ROLE_GOOD, "Good"}};
    const struct doctor *d = &t->doctor;
    if (d->asked)
        under_way(t, p);
    if (d->of.failed) {
        sb_page_line(p);
        sb_page_wrapf(p, SB_ROLE_BAD, 1, " It ended before its end: %s.", d->of.failed);
    }
    if (d->ended && !d->of.failed && !sb_doctor_count(&d->of, SB_FOUND_WRONG)) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_GOOD, " Nothing is wrong.");
    }
    for (size_t k = 0; k < SB_COUNT(kinds); k++) {
        if (!sb_doctor_count(&d->of, kinds[k].found))
            continue;
        view_heading(p, kinds[k].heading);
        for (size_t i = 0; i < d->of.findings_n; i++)
            if (d->of.findings[i].found == (int)kinds[k].found)
                finding(&d->of.findings[i], kinds[k].role, p);
    }
}
