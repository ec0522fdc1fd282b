/* SPDX-License-Identifier: Apache-2.0
 *
 * An anomaly, and the state of the watch, as Markdown for others: the post-mortem with its evidence, and the note for the next
 * shift. What comes from outside passes the sanitizer, and cannot mark anything up. */
#include "state.h"

#include <signalbox/base/clock.h>
#include <signalbox/term/vis.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

void md(struct sb_str *out, const char *text)
{
    struct sb_str plain;
    sb_str_init(&plain);
    sb_vis_text(&plain, text && text[0] ? text : "-", 0);
    for (const char *p = plain.p; *p; p++) {
        if (strchr("\\`*_{}[]<>#|~", *p))
            sb_str_addc(out, '\\');
        sb_str_addc(out, *p);
    }
    sb_str_release(&plain);
}

void md_time(struct sb_str *out, int64_t ms)
{
    char at[SB_TIME_LEN + 1];
    if (ms)
        sb_time_format(at, ms);
    sb_str_adds(out, ms ? at : "-");
}

static void row(struct sb_str *out, const char *label, const char *text)
{
    sb_str_addf(out, "- %s: ", label);
    md(out, text);
    sb_str_addc(out, '\n');
}

static void names(struct sb_str *out, const char *label, char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sb_str_addf(out, i ? ", " : "- %s: ", label);
        md(out, list[i]);
    }
    if (n)
        sb_str_addc(out, '\n');
}

static void head(const struct sb_tui *t, const struct sb_anomaly *a, struct sb_str *out)
{
    char lasted[TEXT_MAX];
    int64_t now = deployment_now(t) ? deployment_now(t) : t->wall;
    sb_str_addf(out, "# %s ", a->trend ? "Trend" : "Incident");
    md(out, a->id);
    sb_str_adds(out, ": ");
    md(out, a->title);
    sb_str_adds(out, "\n\n");
    row(out, "deployment", t->welcome.deployment);
    row(out, "environment", sb_name(&sb_environments, t->welcome.environment));
    if (t->welcome.simulated)
        sb_str_adds(out, "- SIMULATED\n");
    row(out, "severity", sb_name(&sb_levels, a->severity));
    sb_str_adds(out, "- began ");
    md_time(out, a->from);
    sb_str_adds(out, ", seen ");
    md_time(out, a->detected_at);
    if (a->to) {
        sb_str_adds(out, ", ended ");
        md_time(out, a->to);
    }
    fmt_left(lasted, gap(a->from, a->to ? a->to : now));
    sb_str_addf(out, "\n- %s %s\n", a->to ? "lasted" : "goes on, for", lasted);
    row(out, "taken by", a->acked_by ? a->acked_by : "nobody");
    if (a->hushed)
        row(out, "not announced", a->hushed);
    const struct sb_hush *said = said_of(t, a->id);
    if (said)
        row(out, "judged as", sb_name(&sb_hush_kinds, said->kind));
    names(out, "collections", a->namespaces, a->namespaces_n);
    names(out, "applications", a->apps, a->apps_n);
    names(out, "members", a->members, a->members_n);
    sb_str_addf(out, "\n## Class: %s (%" PRId64 " %%)\n\n", sb_name(&sb_anomaly_classes, a->class_), a->confidence_ppm / 10000);
    md(out, a->class_reason);
    sb_str_adds(out, "\n");
}

static void timeline(const struct sb_anomaly *a, struct sb_str *out)
{
    if (a->timeline_n)
        sb_str_adds(out, "\n## Timeline\n\n| when | from | what |\n|---|---|---|\n");
    for (size_t i = 0; i < a->timeline_n; i++) {
        sb_str_adds(out, "| ");
        md_time(out, a->timeline[i].at);
        sb_str_adds(out, " | ");
        md(out, a->timeline[i].kind);
        sb_str_adds(out, " | ");
        md(out, a->timeline[i].what);
        sb_str_adds(out, " |\n");
    }
}

static void signals(const struct sb_anomaly *a, struct sb_str *out)
{
    char before[TEXT_MAX], now[TEXT_MAX];
    if (a->signals_n)
        sb_str_adds(out, "\n## Signals\n\n| measure | of | usual | worst |\n|---|---|---|---|\n");
    for (size_t i = 0; i < a->signals_n; i++) {
        const struct sb_signal *s = &a->signals[i];
        fmt_value(before, s->baseline, s->unit);
        fmt_value(now, s->value, s->unit);
        sb_str_adds(out, "| ");
        md(out, s->metric);
        sb_str_adds(out, " | ");
        md(out, s->subject);
        if (s->shard) {
            sb_str_adds(out, " on ");
            md(out, s->shard);
        }
        sb_str_addf(out, " | %s | %s |\n", before, now);
    }
}

static void suspects(const struct sb_anomaly *a, struct sb_str *out)
{
    sb_str_adds(out, "\n## Suspects\n\n");
    for (size_t i = 0; i < a->causes_n; i++) {
        sb_str_addf(out, "%" PRId64 ". (%" PRId64 " %%) ", a->causes[i].rank, a->causes[i].confidence_ppm / 10000);
        md(out, a->causes[i].what);
        sb_str_adds(out, ": ");
        md(out, a->causes[i].evidence);
        sb_str_addc(out, '\n');
    }
    sb_str_addf(out, "\nNot explained: %" PRId64 " %%\n", a->unexplained_ppm / 10000);
}

/* The plans that came of it, as they stand. */
static void recommended(const struct sb_tui *t, const struct sb_anomaly *a, struct sb_str *out)
{
    size_t n = 0;
    sb_str_adds(out, "\n## What was recommended\n\n");
    for (size_t i = 0; a->case_id && i < t->cards; i++) {
        const struct sb_card_row *r = &t->card[i]->row;
        if (!sb_streq(r->case_id, a->case_id))
            continue;
        n++;
        sb_str_adds(out, "- ");
        md(out, r->id);
        sb_str_addf(out, " (%s, %s risk): ", sb_name(&sb_states, r->state), sb_name(&sb_levels, r->risk));
        md(out, r->title);
        sb_str_adds(out, ", by ");
        md(out, r->author);
        if (t->card[i]->card && t->card[i]->card->hash)
            sb_str_addf(out, "; revision %" PRId64 ", SHA-256 `%s`", r->revision, t->card[i]->card->hash);
        sb_str_addc(out, '\n');
    }
    if (!n)
        sb_str_adds(out, "Nothing.\n");
}

static void done(const struct sb_tui *t, const struct sb_anomaly *a, struct sb_str *out)
{
    bool any = false;
    for (size_t i = 0; a->case_id && i < t->audit.recent_n; i++) {
        const struct sb_audit_row *r = &t->audit.recent[i];
        if (!sb_streq(r->case_id, a->case_id))
            continue;
        if (!any)
            sb_str_adds(out, "\n## What was done\n\n| entry | when | who | what | hash in the ledger |\n|---|---|---|---|---|\n");
        any = true;
        sb_str_addf(out, "| #%" PRId64 " | ", r->seq);
        md_time(out, r->ts);
        sb_str_adds(out, " | ");
        md(out, r->actor);
        sb_str_adds(out, " | ");
        md(out, r->text);
        sb_str_adds(out, " | ");
        md(out, r->hash);
        sb_str_adds(out, " |\n");
    }
    if (!a->case_id)
        return;
    sb_str_adds(out, any ? "\nThese are the entries that the console had loaded; all of them: `signalbox audit show " : "\nWhat was done: `signalbox audit show ");
    md(out, a->case_id);
    sb_str_adds(out, "`\n");
}

static void remarks(const struct sb_anomaly *a, struct sb_str *out)
{
    if (a->remarks_n)
        sb_str_adds(out, "\n## Notes\n\n");
    for (size_t i = 0; i < a->remarks_n; i++) {
        sb_str_adds(out, "- ");
        md_time(out, a->remarks[i].at);
        sb_str_addc(out, ' ');
        md(out, a->remarks[i].by);
        sb_str_adds(out, ": ");
        md(out, a->remarks[i].text);
        sb_str_addc(out, '\n');
    }
}

static void evidence(const struct sb_anomaly *a, struct sb_str *out)
{
    if (a->evidence_n)
        sb_str_adds(out, "\n## Evidence\n\n| source | of | what | value | taken | coverage |\n|---|---|---|---|---|---|\n");
    for (size_t i = 0; i < a->evidence_n; i++) {
        const struct sb_evidence *e = &a->evidence[i];
        const char *const cells[] = {e->source, e->ns, e->what, e->value};
        for (size_t k = 0; k < SB_COUNT(cells); k++) {
            sb_str_adds(out, "| ");
            md(out, cells[k]);
            sb_str_addc(out, ' ');
        }
        sb_str_adds(out, "| ");
        md_time(out, e->taken_at);
        sb_str_adds(out, " | ");
        md(out, e->coverage);
        sb_str_adds(out, " |\n");
    }
}

static void foot(const struct sb_tui *t, struct sb_str *out)
{
    sb_str_adds(out, "\nWritten ");
    md_time(out, t->wall);
    sb_str_addf(out, ", ledger at entry %" PRId64 ".\n", t->audit.head > t->strip.ledger_head ? t->audit.head : t->strip.ledger_head);
}

char *md_post_mortem(const struct sb_tui *t, const struct sb_anomaly *a)
{
    struct sb_str out;
    sb_str_init(&out);
    head(t, a, &out);
    timeline(a, &out);
    signals(a, &out);
    suspects(a, &out);
    recommended(t, a, &out);
    done(t, a, &out);
    remarks(a, &out);
    evidence(a, &out);
    foot(t, &out);
    return sb_str_take(&out);
}

/* ---- for the next shift ---- */

#define SHIFT_MS (INT64_C(12) * 3600 * 1000) /* what ended within so long is told too */

static void listed(struct sb_str *out, const char *before, char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sb_str_adds(out, i ? ", " : before);
        md(out, list[i]);
    }
}

/* What whoever takes over asks first: since when, where, why, who. */
static void first_questions(const struct sb_anomaly *a, struct sb_str *out)
{
    sb_str_adds(out, "  - since ");
    md_time(out, a->from);
    listed(out, "; collections ", a->namespaces, a->namespaces_n);
    listed(out, "; applications ", a->apps, a->apps_n);
    listed(out, "; members ", a->members, a->members_n);
    sb_str_adds(out, "\n  - because: ");
    md(out, a->class_reason);
    sb_str_addc(out, '\n');
    if (a->trend) {
        sb_str_adds(out, "  - the limit is crossed between ");
        md_time(out, a->limit_from);
        sb_str_adds(out, " and ");
        if (a->limit_to)
            md_time(out, a->limit_to);
        else
            sb_str_adds(out, "later, perhaps never");
        sb_str_addc(out, '\n');
    }
    if (a->causes_n) {
        sb_str_addf(out, "  - first suspect (%" PRId64 " %%; %" PRId64 " %% not explained): ", a->causes[0].confidence_ppm / 10000, a->unexplained_ppm / 10000);
        md(out, a->causes[0].what);
        sb_str_addc(out, '\n');
    }
    if (a->case_id) {
        sb_str_adds(out, "  - looked into as ");
        md(out, a->case_id);
        sb_str_addc(out, '\n');
    }
}

static void line_of(const struct sb_tui *t, const struct sb_anomaly *a, struct sb_str *out)
{
    char lasted[TEXT_MAX];
    int64_t now = deployment_now(t) ? deployment_now(t) : t->wall;
    fmt_left(lasted, gap(a->from, now));
    sb_str_adds(out, "- ");
    md(out, a->id);
    sb_str_addf(out, " (%s, %s, for %s; ", a->trend ? "trend" : sb_name(&sb_anomaly_classes, a->class_), sb_name(&sb_levels, a->severity), lasted);
    md(out, a->acked_by ? a->acked_by : "not taken");
    sb_str_adds(out, a->hushed ? "; not announced): " : "): ");
    md(out, a->title);
    sb_str_addc(out, '\n');
    first_questions(a, out);
    for (size_t i = 0; i < a->remarks_n; i++) {
        sb_str_adds(out, "  - ");
        md(out, a->remarks[i].by);
        sb_str_adds(out, ": ");
        md(out, a->remarks[i].text);
        sb_str_addc(out, '\n');
    }
}

static size_t open_anomalies(const struct sb_tui *t, bool trend, struct sb_str *out)
{
    size_t n = 0;
    for (size_t i = 0; i < t->anomalies; i++) {
        const struct sb_anomaly *a = &t->anomaly[i]->anomaly;
        if (a->to || a->trend != trend)
            continue;
        line_of(t, a, out);
        n++;
    }
    if (!n)
        sb_str_adds(out, "None.\n");
    return n;
}

static void ended(const struct sb_tui *t, struct sb_str *out)
{
    char lasted[TEXT_MAX];
    int64_t now = deployment_now(t) ? deployment_now(t) : t->wall;
    size_t n = 0;
    for (size_t i = 0; i < t->anomalies; i++) {
        const struct sb_anomaly *a = &t->anomaly[i]->anomaly;
        if (!a->to || a->trend || now - a->to > SHIFT_MS)
            continue;
        fmt_left(lasted, gap(a->from, a->to));
        sb_str_adds(out, "- ");
        md(out, a->id);
        sb_str_addf(out, " (%s, lasted %s, ended ", sb_name(&sb_anomaly_classes, a->class_), lasted);
        md_time(out, a->to);
        sb_str_adds(out, "): ");
        md(out, a->title);
        sb_str_addc(out, '\n');
        n++;
    }
    if (!n)
        sb_str_adds(out, "None.\n");
}

char *sb_tui_hand_over(const struct sb_tui *t)
{
    struct sb_str out, text;
    sb_str_init(&out);
    sb_str_adds(&out, "# Hand-over: ");
    md(&out, t->welcome.deployment);
    sb_str_addf(&out, " (%s%s)\n\n## Going on\n\n", sb_name(&sb_environments, t->welcome.environment), t->welcome.simulated ? ", SIMULATED" : "");
    open_anomalies(t, false, &out);
    sb_str_adds(&out, "\n## Coming\n\n");
    open_anomalies(t, true, &out);
    sb_str_adds(&out, "\n## Over, in the last 12 hours\n\n");
    ended(t, &out);
    sb_str_adds(&out, "\n## Open plans\n\n");
    size_t plans = 0;
    for (size_t i = 0; i < t->cards; i++) {
        const struct sb_card_row *r = &t->card[i]->row;
        if (t->card[i]->pane == PANE_NONE)
            continue;
        plans++;
        sb_str_adds(&out, "- ");
        md(&out, r->id);
        sb_str_addf(&out, " (%s): ", sb_name(&sb_states, r->state));
        md(&out, r->title);
        sb_str_addc(&out, '\n');
    }
    sb_str_adds(&out, plans ? "\n## Not announced\n\n" : "None.\n\n## Not announced\n\n");
    for (size_t i = 0; i < t->hushes.list_n; i++) {
        sb_str_init(&text);
        sb_hush_text(&t->hushes.list[i], &text);
        sb_str_adds(&out, "- ");
        md(&out, text.p);
        sb_str_addc(&out, '\n');
        sb_str_release(&text);
    }
    if (!t->hushes.list_n)
        sb_str_adds(&out, "Nothing is silenced.\n");
    foot(t, &out);
    return sb_str_take(&out);
}
