/* SPDX-License-Identifier: Apache-2.0
 *
 * The report cards: of each specialist by the kind of card, of each rule of alarms, and of what the program lowered by itself. */
#include "report.h"

#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>

#include <inttypes.h>
#include <stdlib.h>

/* ---- text ---- */

static void print_records(const struct sb_report *r)
{
    if (!r->records_n) {
        sb_print("  nothing was proposed\n");
        return;
    }
    sb_print("  %-32s%6s%6s%6s%6s%6s%6s%5s%5s\n", "", "prop.", "acc.", "edit", "rej.", "exp.", "back", "pass", "fail");
    for (size_t i = 0; i < r->records_n; i++) {
        const struct sb_record_of *x = &r->records[i];
        char *who = sb_format("%s, %s", x->author, x->kind);
        sb_print("  %-32.32s%6" PRId64 "%6" PRId64 "%6" PRId64 "%6" PRId64 "%6" PRId64 "%6" PRId64 "%5" PRId64 "%5" PRId64 "\n", who ? who : "", x->proposed, x->accepted, x->edited,
                 x->rejected, x->expired, x->reversed, x->passed, x->failed);
        if (x->inconclusive)
            sb_print("  %-32s%" PRId64 " watched without a verdict\n", "", x->inconclusive);
        for (size_t k = 0; k < x->edits_n; k++)
            sb_print("    edited: %s, %" PRId64 " %s\n", x->edits[k].what, x->edits[k].n, x->edits[k].n == 1 ? "time" : "times");
        for (size_t k = 0; k < x->reasons_n; k++)
            sb_print("    %s\n", x->reasons[k]);
        free(who);
    }
}

/* How sure they were and how often they were right; what was predicted and how far it was off. */
static void print_predictions(const struct sb_report *r)
{
    for (size_t i = 0; i < r->records_n; i++) {
        struct sb_record_of *x = &r->records[i];
        int64_t judged = x->passed + x->failed;
        struct sb_rate s = sb_rate_of(x->passed, judged);
        if (judged)
            sb_print("  %.20s, %.16s: %.0f %% sure, %" PRId64 " of %" PRId64 " passed (95 %%: %.0f to %.0f %%)\n", x->author, x->kind, (double)sb_record_said_ppm(x) / 1e4,
                     x->passed, judged, (double)s.low_ppm / 1e4, (double)s.high_ppm / 1e4);
        if (x->predictions_n)
            sb_print("  %-32s%6s%8s%8s%10s\n", "predicted against measured", "kept", "missed", "broken", "factor");
        for (size_t k = 0; k < x->predictions_n; k++) {
            struct sb_predictions *p = &x->predictions[k];
            struct sb_median m = sb_median_of(&p->ratios);
            sb_print("    %-30s%6" PRId64 "%8" PRId64 "%8" PRId64 "%10.2f\n", p->metric, p->kept, p->missed, p->broken, (double)m.middle / 1e6);
        }
    }
}

static void print_alarms(const struct sb_report *r)
{
    if (!r->alarms_n)
        return;
    sb_print("  %-32s%6s%6s%8s%7s%7s\n", "alarms, by what went out first", "told", "quiet", "useful", "known", "noise");
    for (size_t i = 0; i < r->alarms_n; i++) {
        const struct sb_alarms_of *a = &r->alarms[i];
        struct sb_rate s = sb_rate_of(a->noise, a->useful + a->known + a->noise);
        sb_print("    %-30.30s%6" PRId64 "%6" PRId64 "%8" PRId64 "%7" PRId64 "%7" PRId64 "\n", a->rule, a->told, a->quiet, a->useful, a->known, a->noise);
        if (s.n)
            sb_print("    %-30s%.0f %% of %" PRId64 " judged were false (95 %%: %.0f to %.0f %%)\n", "", (double)s.ppm / 1e4, s.n, (double)s.low_ppm / 1e4, (double)s.high_ppm / 1e4);
    }
}

static void print_demotions(const struct sb_report *r)
{
    char at[SB_TIME_LEN + 1];
    for (size_t i = 0; i < r->demotions_n; i++) {
        const struct sb_demotion *d = &r->demotions[i];
        sb_time_format(at, d->at);
        sb_print("  %.16s %s in %s lowered from L%" PRId64 " to L%" PRId64 ": %s\n", at, d->kind, d->environment ? d->environment : "", d->level, d->to, d->reason ? d->reason : "");
        sb_time_format(at, d->back_at);
        if (d->back_at && d->back_why)
            sb_print("    back since %.16s, by a decision signed by %s: %s\n", at, d->back_by ? d->back_by : "", d->back_why);
        else if (d->back_at)
            sb_print("    back since %.16s, by another bundle%s%s\n", at, d->back_by ? " signed by " : "", d->back_by ? d->back_by : "");
        else
            sb_print("    it stands: a signed decision (policy restore) brings it back, or another bundle of policy\n");
    }
}

void sb_report_print_cards(const struct sb_report *r)
{
    print_records(r);
    print_predictions(r);
    print_alarms(r);
    print_demotions(r);
}

/* ---- JSON ---- */

static json_t *predictions_json(struct sb_record_of *x)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < x->predictions_n; i++) {
        struct sb_predictions *p = &x->predictions[i];
        struct sb_median m = sb_median_of(&p->ratios);
        json_array_append_new(list, json_pack("{s:s,s:I,s:I,s:I,s:f,s:o,s:o}", "metric", p->metric, "kept", (json_int_t)p->kept, "missed", (json_int_t)p->missed, "broken",
                                              (json_int_t)p->broken, "median_ratio", (double)m.middle / 1e6, "low", m.bounded ? json_real((double)m.low / 1e6) : json_null(), "high",
                                              m.bounded ? json_real((double)m.high / 1e6) : json_null()));
    }
    return list;
}

/* Null where nothing has passed or failed yet. */
static json_t *calibration_json(const struct sb_record_of *x)
{
    struct sb_rate s = sb_rate_of(x->passed, x->passed + x->failed);
    return s.n ? json_pack("{s:f,s:f,s:f,s:f,s:I}", "said", (double)sb_record_said_ppm(x) / 1e6, "passed", (double)s.ppm / 1e6, "low", (double)s.low_ppm / 1e6, "high",
                           (double)s.high_ppm / 1e6, "n", (json_int_t)s.n)
               : json_null();
}

static json_t *edits_json(const struct sb_record_of *x)
{
    json_t *of = json_object();
    for (size_t i = 0; of && i < x->edits_n; i++)
        json_object_set_new(of, x->edits[i].what, json_integer(x->edits[i].n));
    return of;
}

static json_t *reasons_json(const struct sb_record_of *x)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < x->reasons_n; i++)
        json_array_append_new(list, json_string(x->reasons[i]));
    return list;
}

json_t *sb_report_cards_json(const struct sb_report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < r->records_n; i++) {
        struct sb_record_of *x = &r->records[i];
        json_array_append_new(list, json_pack("{s:s,s:s,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:o,s:o,s:o,s:o}", "author", x->author, "kind", x->kind, "proposed", (json_int_t)x->proposed, "accepted",
                                              (json_int_t)x->accepted, "edited", (json_int_t)x->edited, "rejected", (json_int_t)x->rejected, "expired", (json_int_t)x->expired,
                                              "reversed", (json_int_t)x->reversed, "passed", (json_int_t)x->passed, "failed", (json_int_t)x->failed, "inconclusive",
                                              (json_int_t)x->inconclusive, "calibration", calibration_json(x), "predictions", predictions_json(x), "edits", edits_json(x), "rejected_because", reasons_json(x)));
    }
    return list;
}

json_t *sb_report_alarms_json(const struct sb_report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < r->alarms_n; i++) {
        const struct sb_alarms_of *a = &r->alarms[i];
        struct sb_rate s = sb_rate_of(a->noise, a->useful + a->known + a->noise);
        json_array_append_new(list, json_pack("{s:s,s:I,s:I,s:I,s:I,s:I,s:o}", "rule", a->rule, "told", (json_int_t)a->told, "quiet", (json_int_t)a->quiet, "useful", (json_int_t)a->useful,
                                              "known", (json_int_t)a->known, "noise", (json_int_t)a->noise, "false_alarms",
                                              s.n ? json_pack("{s:f,s:f,s:f,s:I}", "rate", (double)s.ppm / 1e6, "low", (double)s.low_ppm / 1e6, "high", (double)s.high_ppm / 1e6, "n",
                                                              (json_int_t)s.n)
                                                  : json_null()));
    }
    return list;
}

json_t *sb_report_demotions_json(const struct sb_report *r)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < r->demotions_n; i++) {
        const struct sb_demotion *d = &r->demotions[i];
        char at[SB_TIME_LEN + 1], back[SB_TIME_LEN + 1];
        sb_time_format(at, d->at);
        sb_time_format(back, d->back_at);
        json_array_append_new(list, json_pack("{s:s,s:s,s:s?,s:s?,s:I,s:I,s:s?,s:s?,s:s?,s:s?}", "at", at, "kind", d->kind, "environment", d->environment, "deployment", d->deployment, "level",
                                              (json_int_t)d->level, "lowered_to", (json_int_t)d->to, "reason", d->reason, "back_at", d->back_at ? back : NULL, "back_by", d->back_by, "back_because", d->back_why));
    }
    return list;
}
