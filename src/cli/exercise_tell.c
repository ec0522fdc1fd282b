/* SPDX-License-Identifier: Apache-2.0
 *
 * The debrief of an exercise: what was seen, decided and done, what was missed, and what the best run did. */
#include "exercise.h"

#include <signalbox/base/clock.h>

#include <inttypes.h>
#include <string.h>

static void add_span(struct sb_str *out, int64_t ms)
{
    if (ms < 0)
        sb_str_adds(out, "never");
    else if (ms < 120000)
        sb_str_addf(out, "after %" PRId64 ".%" PRId64 " s", ms / 1000, ms % 1000 / 100);
    else
        sb_str_addf(out, "after %" PRId64 " min %" PRId64 " s", ms / 60000, ms % 60000 / 1000);
}

static void add_line(struct sb_str *out, bool markdown, const char *what, int64_t ms)
{
    sb_str_addf(out, markdown ? "| %s | " : "  %-10s ", what);
    add_span(out, ms);
    sb_str_adds(out, markdown ? " |\n" : "\n");
}

/* Of the operator's own making, a name or a text of a request: nothing in it is markup. */
static void add_text(struct sb_str *out, bool markdown, const char *text)
{
    for (const char *p = text ? text : ""; *p; p++) {
        if (markdown && strchr("\\`*_{}[]<>#|", *p))
            sb_str_addc(out, '\\');
        sb_str_addc(out, *p == '\n' ? ' ' : *p);
    }
}

static void heading(struct sb_str *out, bool markdown, const char *title)
{
    sb_str_addf(out, markdown ? "\n## %s\n\n" : "\n== %s\n", title);
}

static void add_times(struct sb_str *out, const struct exercise_result *r, bool markdown)
{
    if (markdown)
        sb_str_adds(out, "| | |\n|---|---|\n");
    add_line(out, markdown, "noticed", r->noticed_ms);
    add_line(out, markdown, "decided", r->decided_ms);
    add_line(out, markdown, "recovered", r->recovered_ms);
}

static void add_points(struct sb_str *out, const struct exercise_result *r, bool markdown)
{
    for (size_t i = 0; i < r->points_n; i++) {
        const struct exercise_point *p = &r->points[i];
        sb_str_addf(out, "%s%s ", markdown ? "- " : "  ", p->wrong ? (p->done ? "WRONG" : "avoided:") : p->done ? "right:" : "MISSED:");
        if (p->wrong && p->done)
            sb_str_adds(out, "and done: ");
        add_text(out, markdown, p->aim);
        if (p->done) {
            sb_str_adds(out, ", ");
            add_span(out, p->after_ms);
        }
        sb_str_adds(out, markdown ? ". " : "\n      ");
        add_text(out, markdown, p->why);
        sb_str_adds(out, "\n");
    }
}

static void add_acts(struct sb_str *out, const struct exercise_result *r, bool markdown)
{
    if (markdown)
        sb_str_adds(out, "| s from the beginning | who | what |\n|---:|---|---|\n");
    for (size_t i = 0; i < r->acts_n; i++) {
        const struct exercise_act *a = &r->acts[i];
        sb_str_addf(out, markdown ? "| %+.1f | " : "  %+8.1f s  ", (double)a->after_ms / 1000);
        add_text(out, markdown, a->who);
        sb_str_adds(out, markdown ? " | " : "  ");
        add_text(out, markdown, a->what);
        sb_str_adds(out, markdown ? " |\n" : "\n");
    }
}

int sb_exercise_debrief(const struct exercise *x, const struct exercise_result *r, const struct exercise_result *best, bool markdown, struct sb_str *out)
{
    char at[SB_TIME_LEN + 1];
    sb_str_addf(out, markdown ? "# Exercise %s: %s\n\nSIMULATED. " : "Exercise %s (SIMULATED): %s\n", x->name, !r->begun_at ? "left before it began" : r->right ? "right" : "not right");
    if (!r->begun_at) {
        sb_str_adds(out, "Nothing had happened yet.\n");
        return sb_str_ok(out) ? 0 : -1;
    }
    sb_time_format(at, r->begun_at);
    sb_str_addf(out, "Level %" PRId64 ", the simulated clock at %" PRId64 " times the wall's; it began at %s. Durations are yours, by the wall's clock.\n", r->level, r->speed, at);
    if (markdown)
        sb_str_adds(out, "\n");
    add_times(out, r, markdown);
    heading(out, markdown, "What counted");
    add_points(out, r, markdown);
    heading(out, markdown, "What it was");
    add_text(out, markdown, x->story);
    sb_str_adds(out, "\n");
    heading(out, markdown, "Timeline");
    add_acts(out, r, markdown);
    heading(out, markdown, "The best run so far");
    if (best && (!r->right || best->decided_ms <= r->decided_ms)) {
        sb_time_format(at, best->begun_at);
        sb_str_addf(out, "%s, by ", at);
        add_text(out, markdown, best->who);
        sb_str_adds(out, "\n\n");
        add_times(out, best, markdown);
        sb_str_adds(out, "\n");
        add_acts(out, best, markdown);
    } else {
        sb_str_adds(out, r->right ? "this one\n" : "nobody has done it right in this ledger yet\n");
    }
    return sb_str_ok(out) ? 0 : -1;
}
