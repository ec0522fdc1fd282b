/* SPDX-License-Identifier: Apache-2.0
 *
 * The numbers of a report as the rows of a page: what a screen shows and what goes over a socket. */
#include <signalbox/orchestrator/report.h>

#include <signalbox/base/clock.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static int add_rows(struct sb_report_page *p, struct sb_report *r, bool after)
{
    for (size_t i = 0; i < PHASES; i++) {
        struct sb_median m = sb_median_of(&r->phases[i]);
        struct sb_report_row *row = SB_PUSH(p->rows);
        if (!row || sb_str_set(&row->what, sb_phase_names[i]))
            return -1;
        row->after = after;
        row->incident = i >= PHASE_BEGAN_DETECTED;
        row->n = (int64_t)m.n;
        row->median = m.middle;
        row->p90 = m.p90;
        row->bounded = m.bounded;
        row->low = m.bounded ? m.low : 0;
        row->high = m.bounded ? m.high : 0;
    }
    return 0;
}

static int add_side(struct sb_report_page *p, const struct sb_report *r, bool after)
{
    struct sb_rate wrong = sb_rate_of(r->gone_wrong, r->executed), drills = sb_rate_of(r->drills_passed, r->drills);
    struct sb_report_side *s = SB_PUSH(p->sides);
    if (!s)
        return -1;
    *s = (struct sb_report_side){.after = after, .from = r->from, .to = r->to, .entries = r->entries, .incidents = r->incidents, .executed = r->executed, .gone_wrong = r->gone_wrong,
                                 .low_ppm = wrong.low_ppm, .high_ppm = wrong.high_ppm, .queued_ms = r->queued_ms, .drills = r->drills, .drills_passed = r->drills_passed, .drills_low_ppm = drills.low_ppm, .drills_high_ppm = drills.high_ppm};
    return 0;
}

/* Takes the line. */
static int note(struct sb_report_card *c, char *line)
{
    int rc = line ? sb_strs_push(&c->notes, &c->notes_n, line) : -1;
    free(line);
    return rc;
}

static int add_notes(struct sb_report_card *c, struct sb_record_of *x)
{
    for (size_t i = 0; i < x->edits_n; i++)
        if (note(c, sb_format("edited: %s, %" PRId64 " %s", x->edits[i].what, x->edits[i].n, x->edits[i].n == 1 ? "time" : "times")))
            return -1;
    for (size_t i = 0; i < x->reasons_n; i++)
        if (note(c, sb_format("%s", x->reasons[i])))
            return -1;
    for (size_t i = 0; i < x->predictions_n; i++) {
        struct sb_predictions *p = &x->predictions[i];
        struct sb_median m = sb_median_of(&p->ratios);
        if (note(c, sb_format("predicted %s: measured %" PRId64 ".%02" PRId64 " times that, kept %" PRId64 " of %" PRId64, p->metric, m.middle / 1000000, m.middle % 1000000 / 10000, p->kept,
                              p->kept + p->missed + p->broken)))
            return -1;
    }
    return 0;
}

static int add_cards(struct sb_report_page *p, const struct sb_report *r, bool after)
{
    for (size_t i = 0; i < r->records_n; i++) {
        struct sb_record_of *x = &r->records[i];
        struct sb_rate s = sb_rate_of(x->passed, x->passed + x->failed);
        struct sb_report_card *c = SB_PUSH(p->cards);
        if (!c)
            return -1;
        *c = (struct sb_report_card){.after = after, .proposed = x->proposed, .accepted = x->accepted, .edited = x->edited, .rejected = x->rejected, .expired = x->expired,
                                     .reversed = x->reversed, .passed = x->passed, .failed = x->failed, .said_ppm = sb_record_said_ppm(x), .low_ppm = s.low_ppm, .high_ppm = s.high_ppm};
        if (sb_str_set(&c->author, x->author) || sb_str_set(&c->kind, x->kind) || add_notes(c, x))
            return -1;
    }
    return 0;
}

static int add_alarms(struct sb_report_page *p, const struct sb_report *r, bool after)
{
    for (size_t i = 0; i < r->alarms_n; i++) {
        const struct sb_alarms_of *x = &r->alarms[i];
        struct sb_rate s = sb_rate_of(x->noise, x->useful + x->known + x->noise);
        struct sb_report_alarm *a = SB_PUSH(p->alarms);
        if (!a)
            return -1;
        *a = (struct sb_report_alarm){.after = after, .told = x->told, .quiet = x->quiet, .useful = x->useful, .known = x->known, .noise = x->noise, .low_ppm = s.low_ppm, .high_ppm = s.high_ppm};
        if (sb_str_set(&a->rule, x->rule))
            return -1;
    }
    return 0;
}

static int add_lowered(struct sb_report_page *p, const struct sb_report *r)
{
    char at[SB_TIME_LEN + 1], back[SB_TIME_LEN + 1];
    for (size_t i = 0; i < r->demotions_n; i++) {
        const struct sb_demotion *d = &r->demotions[i];
        sb_time_format(at, d->at);
        sb_time_format(back, d->back_at);
        char *stands = d->back_at && d->back_why
                           ? sb_format("back since %.16s, by a decision signed by %s: %s", back, d->back_by ? d->back_by : "?", d->back_why)
                       : d->back_at ? sb_format("back since %.16s, by another bundle%s%s", back, d->back_by ? " signed by " : "", d->back_by ? d->back_by : "")
                                  : sb_format("it stands: a signed decision (policy restore) brings it back, or another bundle of policy");
        char *line = stands ? sb_format("%.16s %s in %s from L%" PRId64 " to L%" PRId64 ": %s; %s", at, d->kind, d->environment ? d->environment : "?", d->level, d->to,
                                        d->reason ? d->reason : "", stands)
                            : NULL;
        int rc = line ? sb_strs_push(&p->lowered, &p->lowered_n, line) : -1;
        free(stands);
        free(line);
        if (rc)
            return -1;
    }
    return 0;
}

int sb_report_page_of(struct sb_report *of, size_t n, int64_t now, int64_t split, bool simulated, struct sb_report_page *out, struct sb_err *err)
{
    *out = (struct sb_report_page){.at = now, .split = n > 1 ? split : 0, .simulated = simulated};
    for (size_t i = 0; i < n; i++) {
        out->left_out += of[i].left_out;
        if (add_side(out, &of[i], i > 0) || add_rows(out, &of[i], i > 0) || add_cards(out, &of[i], i > 0) || add_alarms(out, &of[i], i > 0) || add_lowered(out, &of[i])) {
            sb_record_release(&sb_report_page_schema, out);
            return sb_fail_nomem(err);
        }
    }
    return 0;
}
