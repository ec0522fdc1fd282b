/* SPDX-License-Identifier: Apache-2.0
 *
 * What could be brought back: a line of time with what covers it, what is asked of it, the backups, the drills and where they were
 * made; and one backup by itself. */
#include "../state.h"

#include <inttypes.h>

#define WIDE 110    /* from here on there is room for a note beside its measure */
#define TARGET 46   /* column of where a drill was made */
#define LINE_MOST 120

/* ---- the line of time ---- */

static int64_t oldest(const struct sb_recovery *r)
{
    int64_t at = r->at;
    for (size_t i = 0; i < r->backups_n; i++)
        if (r->backups[i].usable && r->backups[i].from && r->backups[i].from < at)
            at = r->backups[i].from;
    return at;
}

enum cover { COVER_NOTHING, COVER_MOMENT, COVER_ALL };

/* What leads back to moments of this stretch. A hole in the middle of it counts as one. */
static enum cover cover_of(const struct sb_recovery *r, int64_t from, int64_t to)
{
    enum cover c = COVER_NOTHING;
    for (size_t i = 0; i < r->gaps_n; i++)
        if (r->gaps[i].from < to && r->gaps[i].to > from)
            return COVER_NOTHING;
    for (size_t i = 0; i < r->backups_n; i++) {
        const struct sb_recovery_backup *b = &r->backups[i];
        if (!b->usable)
            continue;
        if (b->from <= from && b->to >= to)
            return COVER_ALL;
        if (b->to > from && b->from < to)
            c = COVER_MOMENT;
    }
    return c;
}

static void line_of_time(const struct sb_recovery *r, struct sb_page *p)
{
    char from[TEXT_MAX];
    int64_t begin = oldest(r), span = r->at - begin;
    int cells = p->width - LABEL - 1 < LINE_MOST ? p->width - LABEL - 1 : LINE_MOST;
    view_label(p, "Covered");
    if (!r->usable || span <= 0 || cells < 10) {
        sb_page_wrap(p, SB_ROLE_BAD, LABEL, r->usable ? "nothing but the moment of the newest backup" : "NOTHING: no backup can be used");
        return;
    }
    for (int i = 0; i < cells; i++) {
        enum cover c = cover_of(r, begin + span * i / cells, begin + span * (i + 1) / cells);
        sb_page_mark(p, c == COVER_ALL ? SB_ROLE_GOOD : c == COVER_MOMENT ? SB_ROLE_STRONG : SB_ROLE_DOUBT, c == COVER_ALL ? SB_MARK_FULL : c == COVER_MOMENT ? SB_MARK_DOT : SB_MARK_REST, 1);
    }
    fmt_when(from, begin, r->at);
    sb_page_line(p);
    sb_page_tab(p, LABEL);
    sb_page_textf(p, SB_ROLE_DIM, "%sZ", from);
    sb_page_tab(p, LABEL + cells - 3);
    sb_page_text(p, SB_ROLE_DIM, "now");
    sb_page_line(p);
    sb_page_tab(p, LABEL);
    sb_page_mark(p, SB_ROLE_GOOD, SB_MARK_FULL, 1);
    sb_page_text(p, SB_ROLE_DIM, " any moment of it   ");
    sb_page_mark(p, SB_ROLE_STRONG, SB_MARK_DOT, 1);
    sb_page_text(p, SB_ROLE_DIM, " a backup's own moment   ");
    sb_page_mark(p, SB_ROLE_DOUBT, SB_MARK_REST, 1);
    sb_page_text(p, SB_ROLE_DIM, " nothing");
}

static void gaps(const struct sb_recovery *r, struct sb_page *p)
{
    char from[TEXT_MAX], to[TEXT_MAX], long_[TEXT_MAX];
    for (size_t i = 0; i < r->gaps_n; i++) {
        const struct sb_recovery_gap *g = &r->gaps[i];
        fmt_when(from, g->from, r->at);
        fmt_when(to, g->to, r->at);
        fmt_left(long_, gap(g->from, g->to));
        view_label(p, i ? "" : "Gaps");
        sb_page_wrapf(p, SB_ROLE_BAD, LABEL, "%sZ to %sZ, %s", from, to, long_);
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, ": %s", g->cause ? g->cause : "for a reason that nobody knows");
    }
}

/* ---- what is asked of it ---- */

static void goals(const struct sb_recovery *r, struct sb_page *p)
{
    static const struct {
        const char *word;
        enum sb_role role;
    } looks[SB_GOAL_STATES] = {[SB_GOAL_BLIND] = {"blind", SB_ROLE_BADGE_STALE}, [SB_GOAL_SEEN] = {"", SB_ROLE_DIM}, [SB_GOAL_MET] = {"met", SB_ROLE_GOOD}, [SB_GOAL_MISSED] = {"MISSED", SB_ROLE_BAD}};
    char when[TEXT_MAX];
    bool wide = p->width >= WIDE;
    if (r->goals_n)
        view_heading(p, "Asked of it");
    for (size_t i = 0; i < r->goals_n; i++) {
        const struct sb_recovery_goal *g = &r->goals[i];
        int state = g->state >= 0 && g->state < SB_GOAL_STATES ? g->state : SB_GOAL_BLIND;
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_TEXT, " ");
        sb_page_field(p, looks[state].role, 7, looks[state].word);
        sb_page_field(p, SB_ROLE_TEXT, wide ? 25 : 14, g->name);
        sb_page_text(p, SB_ROLE_TEXT, " ");
        sb_page_field(p, state == SB_GOAL_MISSED ? SB_ROLE_BAD : SB_ROLE_STRONG, wide ? 15 : 14, g->value ? g->value : "not known");
        sb_page_text(p, SB_ROLE_TEXT, " ");
        sb_page_field(p, SB_ROLE_DIM, wide ? 20 : 16, g->limit ? g->limit : "");
        if (g->crosses) {
            fmt_when(when, g->crosses, r->at);
            sb_page_wrapf(p, state == SB_GOAL_MISSED ? SB_ROLE_BAD : SB_ROLE_DOUBT, wide ? 96 : 23, state == SB_GOAL_MISSED ? " since %sZ" : " by %sZ", when);
        }
        if (!g->note)
            continue;
        if (wide) {
            sb_page_tab(p, 96);
        } else {
            sb_page_line(p);
            sb_page_tab(p, 23);
        }
        sb_page_wrap(p, SB_ROLE_DIM, wide ? 96 : 23, g->note);
    }
}

/* ---- backups and drills ---- */

static void ladder(struct sb_page *p, int64_t said, int64_t counts, bool drilled)
{
    int64_t level = said < 0 ? 0 : said > 5 ? 5 : said;
    sb_page_bar(p, 6, level + 1, 6);
    sb_page_textf(p, level >= 3 ? SB_ROLE_GOOD : SB_ROLE_DOUBT, " L%" PRId64, level);
    sb_page_field(p, SB_ROLE_DIM, 14, counts < level ? drilled ? " (L2 counts)" : "" : "");
}

static void backups(const struct sb_recovery *r, struct sb_page *p)
{
    char when[TEXT_MAX], size[TEXT_MAX];
    view_heading(p, "Backups");
    sb_page_textf(p, SB_ROLE_DIM, "   %" PRId64 ", of which %" PRId64 " usable; Enter opens one", r->backups_all, r->usable);
    for (size_t i = 0; i < r->backups_n; i++) {
        const struct sb_recovery_backup *b = &r->backups[i];
        fmt_when(when, b->to, r->at);
        fmt_bytes(size, b->bytes);
        sb_page_line(p);
        sb_page_link(p, (int)i + 1);
        sb_page_text(p, SB_ROLE_TEXT, " ");
        sb_page_field(p, SB_ROLE_DIM, 17, when);
        sb_page_field(p, SB_ROLE_TEXT, -9, size);
        sb_page_text(p, SB_ROLE_TEXT, " ");
        ladder(p, b->level, b->counts, b->drilled_at != 0);
        if (b->fault)
            sb_page_wrapf(p, SB_ROLE_BAD, 53, "%s: %s", b->usable ? "drill failed" : "NOT USABLE", b->fault);
        else
            sb_page_wrapf(p, SB_ROLE_ID, 53, "%s%s%s", b->path, b->name ? " " : "", b->name ? b->name : "");
    }
    if (r->backups_all > (int64_t)r->backups_n) {
        sb_page_line(p);
        sb_page_textf(p, SB_ROLE_DIM, " and %" PRId64 " older ones", r->backups_all - (int64_t)r->backups_n);
    }
    for (size_t i = 0; i < r->unreadable_n; i++) {
        sb_page_line(p);
        sb_page_wrapf(p, SB_ROLE_BAD, 1, " %s", r->unreadable[i]);
    }
}

static void drill(const struct sb_recovery *r, const struct sb_recovery_drill *d, bool of, struct sb_page *p)
{
    char when[TEXT_MAX], took[TEXT_MAX];
    fmt_when(when, d->at, r->at);
    fmt_left(took, d->restore_ms);
    sb_page_line(p);
    sb_page_text(p, SB_ROLE_TEXT, " ");
    sb_page_field(p, SB_ROLE_DIM, 17, when);
    sb_page_field(p, d->ok ? SB_ROLE_GOOD : SB_ROLE_BAD, 7, d->ok ? "passed" : "FAILED");
    sb_page_fieldf(p, SB_ROLE_TEXT, 3, "L%" PRId64, d->level);
    sb_page_field(p, SB_ROLE_STRONG, -13, took);
    sb_page_tab(p, TARGET - 4);
    sb_page_wrapf(p, SB_ROLE_TEXT, TARGET, " in %s", d->target ? d->target : "?");
    if (d->counts < d->level && d->ok)
        sb_page_wrapf(p, SB_ROLE_DOUBT, TARGET, "; counts as L%" PRId64, d->counts);
    if (d->differences)
        sb_page_wrapf(p, SB_ROLE_BAD, TARGET, "; %" PRId64 " differences", d->differences);
    if (d->cause)
        sb_page_wrapf(p, SB_ROLE_BAD, TARGET, ": %s", d->cause);
    if (of && d->path && p->width >= WIDE)
        sb_page_wrapf(p, SB_ROLE_DIM, TARGET, ", of %s", d->path);
}

static void drills(const struct sb_tui *t, const struct sb_recovery *r, struct sb_page *p)
{
    const char *key = sb_keymap_keys(t->keymap, SB_IN_RECOVERY, SB_ACT_DRILL);
    view_heading(p, "Drills");
    if (key)
        sb_page_textf(p, SB_ROLE_DIM, "   %s asks for one", key);
    for (size_t i = 0; i < r->drills_n; i++)
        drill(r, &r->drills[i], true, p);
    if (!r->drills_n) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_BAD, " None was ever made: nobody knows whether any of this can be restored.");
    }
}

static void places(const struct sb_recovery *r, struct sb_page *p)
{
    char when[TEXT_MAX], best[TEXT_MAX], worst[TEXT_MAX];
    if (r->places_n > 1)
        view_heading(p, "Where it was restored");
    for (size_t i = 0; i < r->places_n && r->places_n > 1; i++) {
        const struct sb_recovery_place *o = &r->places[i];
        fmt_when(when, o->last_at, r->at);
        fmt_left(best, o->best_ms);
        fmt_left(worst, o->worst_ms);
        sb_page_line(p);
        sb_page_wrapf(p, SB_ROLE_TEXT, 3, " %s", o->target);
        sb_page_wrapf(p, o->cause ? SB_ROLE_BAD : SB_ROLE_DIM, 3, ": %" PRId64 " of %" PRId64 " passed, to L%" PRId64, o->passed, o->drills, o->level);
        if (o->passed)
            sb_page_wrapf(p, SB_ROLE_DIM, 3, ", %s to %s", best, worst);
        sb_page_wrapf(p, SB_ROLE_DIM, 3, ", last %sZ", when);
        if (o->differences)
            sb_page_wrapf(p, SB_ROLE_BAD, 3, " with %" PRId64 " differences", o->differences);
        if (o->cause)
            sb_page_wrapf(p, SB_ROLE_BAD, 3, ": FAILED, %s", o->cause);
    }
}

void view_recovery(const struct sb_tui *t, struct sb_page *p)
{
    const struct sb_recovery *r = &t->recovery;
    char when[TEXT_MAX];
    if (!r->at) {
        sb_page_text(p, SB_ROLE_DOUBT, "The backups are being looked at.");
        return;
    }
    fmt_when(when, r->at, t->wall);
    view_label(p, "Looked at");
    sb_page_textf(p, SB_ROLE_TEXT, "%sZ", when);
    if (r->why) {
        view_label(p, "Nothing");
        sb_page_wrap(p, SB_ROLE_BAD, LABEL, r->why);
    }
    line_of_time(r, p);
    gaps(r, p);
    goals(r, p);
    backups(r, p);
    drills(t, r, p);
    places(r, p);
}

void view_backup(const struct sb_tui *t, const char *id, struct sb_page *p)
{
    static const char *const words[6] = {"it is there", "its metadata agree with its files", "every byte was read, and every checksum held", "it was restored, with its indexes",
                                         "what was restored is what it holds", "the application's own checks passed on it"};
    const struct sb_recovery *r = &t->recovery;
    const struct sb_recovery_backup *b = find_backup(t, id);
    char from[TEXT_MAX], to[TEXT_MAX];
    if (!b) {
        sb_page_text(p, SB_ROLE_DOUBT, "It is not among the backups any more.");
        return;
    }
    view_label(p, "Kind");
    sb_page_text(p, SB_ROLE_TEXT, b->kind);
    view_label(p, "Usable");
    sb_page_text(p, b->usable ? SB_ROLE_GOOD : SB_ROLE_BAD, b->usable ? "yes" : "NO");
    if (b->fault)
        sb_page_wrapf(p, SB_ROLE_BAD, LABEL, ": %s", b->fault);
    fmt_when(from, b->from, t->wall);
    fmt_when(to, b->to, t->wall);
    view_label(p, "Moment");
    sb_page_textf(p, SB_ROLE_STRONG, "%sZ", from);
    if (b->to > b->from)
        sb_page_textf(p, SB_ROLE_STRONG, ", and any to %sZ", to);
    fmt_bytes(from, b->bytes);
    view_label(p, "Size");
    sb_page_text(p, SB_ROLE_TEXT, from);
    view_heading(p, "Shown");
    for (int64_t i = 0; i < 6; i++) {
        sb_page_line(p);
        sb_page_fieldf(p, i <= b->level ? SB_ROLE_GOOD : SB_ROLE_DIM, 5, " L%" PRId64, i);
        sb_page_field(p, i <= b->level ? SB_ROLE_GOOD : SB_ROLE_DIM, 5, i <= b->level ? "yes" : "no");
        sb_page_wrap(p, i <= b->level ? SB_ROLE_TEXT : SB_ROLE_DIM, 10, words[i]);
        if (i > b->counts && i <= b->level)
            sb_page_wrap(p, SB_ROLE_DOUBT, 10, ", which counts for no policy: the target proves no more than L2");
    }
    view_heading(p, "Drills of it");
    bool any = false;
    for (size_t i = 0; i < r->drills_n; i++)
        if (sb_streq(r->drills[i].path, b->path)) {
            drill(r, &r->drills[i], false, p);
            any = true;
        }
    if (!any) {
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_DIM, " none");
    }
}
