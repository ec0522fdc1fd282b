/* SPDX-License-Identifier: Apache-2.0
 *
 * An anomaly: what changed, when, how much, which class, and who is suspected. */
#include "../state.h"

#include <inttypes.h>

static void names(struct sb_page *p, const char *label, char *const *items, size_t n)
{
    if (n == 0)
        return;
    view_label(p, label);
    for (size_t i = 0; i < n; i++)
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "%s%s", i ? ", " : "", items[i]);
}

static void signals(const struct sb_anomaly *a, struct sb_page *p)
{
    char before[TEXT_MAX], now[TEXT_MAX];
    view_heading(p, "Signals");
    for (size_t i = 0; i < a->signals_n; i++) {
        const struct sb_signal *s = &a->signals[i];
        fmt_value(before, s->baseline, s->unit);
        fmt_value(now, s->value, s->unit);
        sb_page_line(p);
        sb_page_text(p, SB_ROLE_TEXT, " ");
        sb_page_bar(p, 8, s->score_ppm, 1000000);
        sb_page_text(p, SB_ROLE_TEXT, " ");
        sb_page_textf(p, SB_ROLE_DIM, "%s ", before);
        sb_page_mark(p, SB_ROLE_DIM, SB_MARK_ARROW, 1);
        sb_page_textf(p, SB_ROLE_STRONG, " %s", now);
        sb_page_tab(p, 34);
        sb_page_wrapf(p, SB_ROLE_TEXT, 34, " %s", s->metric ? s->metric : "?");
        if (s->subject && s->subject[0])
            sb_page_wrapf(p, SB_ROLE_DIM, 34, " of %s", s->subject);
    }
}

static void causes(const struct sb_anomaly *a, struct sb_page *p)
{
    char share[TEXT_MAX];
    view_heading(p, "Suspects");
    for (size_t i = 0; i < a->causes_n; i++) {
        const struct sb_cause *k = &a->causes[i];
        fmt_ppm(share, k->confidence_ppm);
        sb_page_line(p);
        sb_page_textf(p, SB_ROLE_TEXT, " %" PRId64 ". ", k->rank);
        sb_page_field(p, SB_ROLE_STRONG, -6, share);
        sb_page_wrapf(p, SB_ROLE_TEXT, 11, " %s", k->what ? k->what : "?");
        if (k->evidence && k->evidence[0]) {
            sb_page_line(p);
            sb_page_tab(p, 11);
            sb_page_wrap(p, SB_ROLE_DIM, 11, k->evidence);
        }
    }
    fmt_ppm(share, a->unexplained_ppm);
    sb_page_line(p);
    sb_page_text(p, SB_ROLE_TEXT, "    ");
    sb_page_field(p, SB_ROLE_DOUBT, -6, share);
    sb_page_text(p, SB_ROLE_DOUBT, " not explained");
}

void view_anomaly(const struct sb_tui *t, const struct sb_anomaly *a, struct sb_page *p)
{
    char when[TEXT_MAX], then[TEXT_MAX], share[TEXT_MAX];
    int64_t now = deployment_now(t) ? deployment_now(t) : t->wall;
    view_label(p, "What");
    sb_page_wrap(p, SB_ROLE_STRONG, LABEL, a->title);
    fmt_when(when, a->from, now);
    fmt_when(then, a->to ? a->to : a->detected_at, now);
    view_label(p, "When");
    if (a->to)
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "from %sZ to %sZ: over", when, then);
    else
        sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, "since %sZ, seen at %sZ, still going on", when, then);
    view_label(p, "Severity");
    sb_page_text(p, level_role(a->severity), sb_name(&sb_levels, a->severity));
    fmt_ppm(share, a->confidence_ppm);
    view_label(p, "Class");
    sb_page_wrap(p, SB_ROLE_STRONG, LABEL, sb_name(&sb_anomaly_classes, a->class_));
    sb_page_wrapf(p, SB_ROLE_TEXT, LABEL, " (%s)%s%s", share, a->class_reason ? ": " : "", a->class_reason ? a->class_reason : "");
    names(p, "Where", a->namespaces, a->namespaces_n);
    names(p, "Apps", a->apps, a->apps_n);
    names(p, "Members", a->members, a->members_n);
    view_label(p, "Taken by");
    sb_page_wrap(p, a->acked_by ? SB_ROLE_TEXT : SB_ROLE_DOUBT, LABEL, a->acked_by ? a->acked_by : "nobody yet");
    if (a->case_id) {
        view_label(p, "Case");
        sb_page_link(p, 1);
        sb_page_wrap(p, SB_ROLE_ID, LABEL, a->case_id);
    }
    signals(a, p);
    causes(a, p);
    if (a->evidence_n) {
        view_heading(p, "Evidence");
        view_facts(t, a->evidence, a->evidence_n, p);
    }
}
