/* SPDX-License-Identifier: Apache-2.0
 *
 * What the work came to, from the record alone: nothing is estimated, and what has too few values to be bounded says so. */
#include "report.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/cli/bar.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/when.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

struct args {
    bool json, csv, quiet, simulated, hand_over;
    const char *since, *until, *split, *ledger, *deployment, *uri_file;
};

/* One span, or the two sides of a date. */
struct told {
    struct sb_report of[2];
    struct sb_median medians[2][PHASES];
    struct sb_rate wrong[2], drills[2];
    size_t n;
    int64_t split; /* 0: none */
};

/* ---- text ---- */

static const char *duration(char out[32], int64_t ms)
{
    sb_duration_format(out, 32, ms);
    return out;
}

static void print_median(const struct sb_median *m)
{
    char middle[32], low[32], high[32], p90[32];
    if (!m->n)
        sb_print("%10s %25s %10s %5d", "-", "", "-", 0);
    else if (!m->bounded)
        sb_print("%10s %25s %10s %5zu", duration(middle, m->middle), "too few to bound", duration(p90, m->p90), m->n);
    else
        sb_print("%10s %10s to %11s %10s %5zu", duration(middle, m->middle), duration(low, m->low), duration(high, m->high), duration(p90, m->p90), m->n);
}

/* Two medians differ when what is sure of one has nothing in common with what is sure of the other. */
static const char *change(const struct sb_median *before, const struct sb_median *after)
{
    if (!before->bounded || !after->bounded)
        return "too few to compare";
    if (after->high < before->low)
        return "shorter";
    return after->low > before->high ? "longer" : "no difference shown";
}

static void print_phases(const struct told *t, enum sb_phase from, enum sb_phase to)
{
    for (size_t p = from; p <= (size_t)to; p++) {
        sb_print("  %-23s", sb_phase_names[p]);
        print_median(&t->medians[0][p]);
        sb_print("\n");
        if (t->n < 2)
            continue;
        sb_print("  %-23s", "    after the date");
        print_median(&t->medians[1][p]);
        sb_print("\n  %-23s%10s\n", "", change(&t->medians[0][p], &t->medians[1][p]));
    }
}

static void print_rate(const char *when, const char *made, const char *of_these, const struct sb_rate *s)
{
    sb_print("  %s%" PRId64 " %s, %" PRId64 " %s", when, s->n, made, s->hits, of_these);
    if (s->n)
        sb_print(": %.1f %% (95 %%: %.1f to %.1f %%)", (double)s->ppm / 1e4, (double)s->low_ppm / 1e4, (double)s->high_ppm / 1e4);
    sb_print("\n");
}

static void print_wrong(const char *when, const struct sb_report *r, const struct sb_rate *s)
{
    char waited[32];
    print_rate(when, "executed", "went wrong", s);
    sb_print("  %scards waited %s for approvals, all together\n", when, duration(waited, r->queued_ms));
}

static const char *side(const struct told *t, size_t i)
{
    return t->n < 2 ? "" : i ? "after it: " : "before the date: ";
}

static int print_text(const struct told *t, const struct args *a)
{
    char from[SB_TIME_LEN + 1], to[SB_TIME_LEN + 1];
    const struct sb_report *last = &t->of[t->n - 1];
    int64_t entries = t->of[0].entries + (t->n > 1 ? t->of[1].entries : 0), out = t->of[0].left_out + (t->n > 1 ? t->of[1].left_out : 0);
    if (!entries) {
        sb_print("no entry counts\n");
    } else {
        sb_time_format(from, t->of[0].from ? t->of[0].from : last->from);
        sb_time_format(to, last->to ? last->to : t->of[0].to);
        sb_print("%" PRId64 " entries from %.16s to %.16s UTC\n", entries, from, to);
    }
    if (out)
        sb_print("%" PRId64 " %s are left out%s\n", out, a->simulated ? "of deployments that are not simulated" : "of simulated deployments", a->simulated ? "" : "; --simulated tells those");
    if (t->split) {
        sb_time_format(from, t->split);
        sb_print("divided at %.16s UTC%s\n", from, !t->of[0].entries ? ": nothing that counts is before it" : !t->of[1].entries ? ": nothing that counts is after it" : "");
    }
    sb_print("\n%-25s%10s %25s %10s %5s\n", "Cycle time", "median", "with 95 % between", "p90", "n");
    print_phases(t, PHASE_ASKED_PROPOSED, PHASE_ASKED_VERDICT);
    sb_report_plot(t->medians[0], t->n > 1 ? t->medians[1] : NULL, PHASE_ASKED_PROPOSED, PHASE_ASKED_VERDICT);
    sb_print("\nIncidents: %" PRId64 "%s\n", t->of[0].incidents, t->n > 1 ? " before the date" : "");
    if (t->n > 1)
        sb_print("           %" PRId64 " after it\n", t->of[1].incidents);
    print_phases(t, PHASE_BEGAN_DETECTED, PHASE_LASTED);
    sb_report_plot(t->medians[0], t->n > 1 ? t->medians[1] : NULL, PHASE_BEGAN_DETECTED, PHASE_LASTED);
    sb_print("\nChanges\n");
    for (size_t i = 0; i < t->n; i++)
        print_wrong(side(t, i), &t->of[i], &t->wrong[i]);
    sb_print("\nRestore drills\n");
    for (size_t i = 0; i < t->n; i++)
        print_rate(side(t, i), "made", "passed", &t->drills[i]);
    for (size_t i = 0; i < t->n; i++) {
        sb_print("\nSpecialists%s\n", t->n < 2 ? "" : i ? ", after it" : ", before the date");
        sb_report_print_cards(&t->of[i]);
    }
    return sb_print("\n");
}

/* ---- JSON and CSV ---- */

static json_t *median_json(const struct sb_median *m)
{
    json_t *low = m->bounded ? json_integer(m->low) : json_null(), *high = m->bounded ? json_integer(m->high) : json_null();
    return json_pack("{s:I,s:o,s:o,s:o,s:o}", "n", (json_int_t)m->n, "median", m->n ? json_integer(m->middle) : json_null(), "low", low, "high", high, "p90",
                     m->n ? json_integer(m->p90) : json_null());
}

static json_t *rate_json(const struct sb_rate *s, const char *made, const char *of_these)
{
    return json_pack("{s:I,s:I,s:f,s:f,s:f}", made, (json_int_t)s->n, of_these, (json_int_t)s->hits, "rate", (double)s->ppm / 1e6, "low", (double)s->low_ppm / 1e6, "high",
                     (double)s->high_ppm / 1e6);
}

static json_t *report_json(const struct told *t, size_t i)
{
    const struct sb_report *r = &t->of[i];
    char from[SB_TIME_LEN + 1], to[SB_TIME_LEN + 1];
    sb_time_format(from, r->from);
    sb_time_format(to, r->to);
    json_t *phases = json_object(), *reasons = json_array();
    for (size_t p = 0; phases && p < PHASES; p++)
        json_object_set_new(phases, sb_phase_keys[p], median_json(&t->medians[i][p]));
    for (size_t k = 0; reasons && k < r->reasons_n; k++)
        json_array_append_new(reasons, json_string(r->reasons[k]));
    return json_pack("{s:o,s:o,s:I,s:I,s:o,s:I,s:o,s:o,s:I,s:o,s:o,s:o,s:o}", "from", r->from ? json_string(from) : json_null(), "to", r->to ? json_string(to) : json_null(),
                     "entries", (json_int_t)r->entries, "left_out", (json_int_t)r->left_out, "phases", phases, "incidents", (json_int_t)r->incidents, "changes",
                     rate_json(&t->wrong[i], "executed", "gone_wrong"), "drills", rate_json(&t->drills[i], "made", "passed"), "queued_ms", (json_int_t)r->queued_ms, "specialists", sb_report_cards_json(r), "rejected_because", reasons, "alarms", sb_report_alarms_json(r), "lowered", sb_report_demotions_json(r));
}

/* Durations in milliseconds; a share in parts per million, of n, where the median stands. */
static int print_csv_rate(const char *side, const char *measure, const struct sb_rate *s)
{
    return s->n ? sb_print("%s,%s,%" PRId64 ",%" PRId64 ",%" PRId64 ",%" PRId64 ",\n", side, measure, s->n, s->ppm, s->low_ppm, s->high_ppm) : sb_print("%s,%s,0,,,,\n", side, measure);
}

static int print_csv(const struct told *t)
{
    int rc = sb_print("side,measure,n,median,low,high,p90\n");
    for (size_t i = 0; i < t->n; i++) {
        const char *name = t->n < 2 ? "all" : i ? "after" : "before";
        for (size_t p = 0; p < PHASES; p++) {
            const struct sb_median *m = &t->medians[i][p];
            rc |= sb_print("%s,%s,%zu,", name, sb_phase_keys[p], m->n);
            rc |= m->n ? sb_print("%" PRId64 ",", m->middle) : sb_print(",");
            rc |= m->bounded ? sb_print("%" PRId64 ",%" PRId64 ",", m->low, m->high) : sb_print(",,");
            rc |= m->n ? sb_print("%" PRId64 "\n", m->p90) : sb_print("\n");
        }
        rc |= print_csv_rate(name, "gone_wrong_ppm", &t->wrong[i]) | print_csv_rate(name, "drills_passed_ppm", &t->drills[i]);
        rc |= sb_print("%s,incidents,%" PRId64 ",,,,\n%s,queued_ms,,%" PRId64 ",,,\n", name, t->of[i].incidents, name, t->of[i].queued_ms);
    }
    return rc;
}

/* ---- the command ---- */

static int read_spans(const struct args *a, struct sb_report_span spans[2], struct told *t, struct sb_err *err)
{
    int64_t since = 0, until = 0, split = 0, now = sb_wall_ms();
    if ((a->since && sb_when(a->since, &since)) || (a->until && sb_when(a->until, &until)) || (a->split && sb_when(a->split, &split)))
        return sb_fail(err, SB_EUSAGE, "--since, --until and --split take a time: write 2026-11-23, 2026-11-23T09:05:10Z or 30d");
    if ((until && since >= until) || (a->split && (split <= since || (until && split >= until))))
        return sb_fail(err, SB_EUSAGE, "--since, --split and --until have to follow one another");
    if (since >= now || split >= now)
        return sb_fail(err, SB_EUSAGE, "--since and --split take a time that is over: %s is still to come", since >= now ? a->since : a->split);
    spans[0] = (struct sb_report_span){since, a->split ? split : until, a->simulated, 0};
    spans[1] = (struct sb_report_span){split, until, a->simulated, 0};
    t->n = a->split ? 2 : 1;
    t->split = split;
    return 0;
}

static int tell(struct told *t, const struct args *a)
{
    for (size_t i = 0; i < t->n; i++) {
        for (size_t p = 0; p < PHASES; p++)
            t->medians[i][p] = sb_median_of(&t->of[i].phases[p]);
        t->wrong[i] = sb_rate_of(t->of[i].gone_wrong, t->of[i].executed);
        t->drills[i] = sb_rate_of(t->of[i].drills_passed, t->of[i].drills);
    }
    if (a->csv)
        return print_csv(t);
    if (!a->json)
        return print_text(t, a);
    char at[SB_TIME_LEN + 1];
    sb_time_format(at, t->split);
    return sb_print_json(t->n < 2 ? report_json(t, 0) : json_pack("{s:s,s:o,s:o}", "split", at, "before", report_json(t, 0), "after", report_json(t, 1)));
}

static bool show(void *ctx, int64_t done, int64_t total)
{
    sb_bar_show(ctx, done, total, "entry");
    return true;
}

static int report(const struct args *a, struct sb_err *err)
{
    struct told t = {0};
    struct sb_report_span spans[2];
    struct sb_bar bar;
    struct sb_str dir;
    sb_str_init(&dir);
    sb_bar_init(&bar, a->quiet);
    if (a->ledger)
        sb_str_adds(&dir, a->ledger);
    int rc = read_spans(a, spans, &t, err);
    if (rc == 0 && !a->ledger)
        rc = sb_path_state_seen(&dir, err);
    if (rc == 0)
        rc = sb_ledger_find(dir.p, err);
    struct sb_ledger *l = rc == 0 ? sb_ledger_open(dir.p, SB_LEDGER_READ, NULL, err) : NULL;
    if (l)
        rc = sb_report_gather(l, spans, t.of, t.n, &(struct sb_report_progress){show, &bar}, err);
    else
        rc = -1;
    sb_bar_clear(&bar);
    if (rc == 0 && tell(&t, a))
        rc = sb_fail(err, SB_EIO, "cannot write");
    if (rc && err->code == SB_ELEDGER)
        err->code = SB_ENO; /* nothing was to be written: the record is broken, or may not be read */
    for (size_t i = 0; i < t.n; i++)
        sb_report_release(&t.of[i]);
    sb_ledger_close(l);
    sb_str_release(&dir);
    return rc;
}

int sb_cmd_report(int argc, char **argv)
{
    struct args a = {0};
    const struct sb_option options[] = {{"--json", &a.json, NULL},    {"--csv", &a.csv, NULL},     {"--quiet", &a.quiet, NULL}, {"--simulated", &a.simulated, NULL},
                                        {"--since", NULL, &a.since}, {"--until", NULL, &a.until}, {"--split", NULL, &a.split}, {"--ledger", NULL, &a.ledger},
                                        {"--handover", &a.hand_over, NULL}, {"--deployment", NULL, &a.deployment}, {"--uri-file", NULL, &a.uri_file}};
    int words = sb_options_read(argc, argv, options, SB_COUNT(options));
    if (words < 0)
        return 2;
    if (words > 0)
        return sb_usage_error("report takes no other words (see: signalbox help report)");
    if (a.hand_over && (a.json || a.csv || a.since || a.until || a.split || a.ledger || a.simulated))
        return sb_usage_error("report --handover tells how things stand now, as Markdown: the other options are not for it");
    if (!a.hand_over && (a.deployment || a.uri_file))
        return sb_usage_error("--deployment and --uri-file go with --handover: the rest of report reads the record");
    if (a.hand_over)
        return sb_report_hand_over(a.deployment, a.uri_file);
    if (a.json && a.csv)
        return sb_usage_error("report prints --json or --csv, not both");
    struct sb_err err = SB_ERR_INIT;
    return report(&a, &err) ? sb_complain(&err) : 0;
}
