/* SPDX-License-Identifier: Apache-2.0
 *
 * One pass through the record: each card, case and anomaly is followed from its first entry to its last. */
#include <signalbox/orchestrator/report.h>

#include <signalbox/base/clock.h>
#include <signalbox/base/hash.h>
#include <signalbox/base/json.h>
#include <signalbox/model/claim.h>
#include <signalbox/model/hush.h>

#include <stdlib.h>
#include <string.h>

#define SHOW_EVERY 256 /* entries */

const char *const sb_phase_names[PHASES] = {
    [PHASE_ASKED_PROPOSED] = "request to card", [PHASE_PROPOSED_APPROVED] = "card to approval", [PHASE_APPROVED_STARTED] = "approval to start",
    [PHASE_STARTED_VERIFIED] = "start to read back", [PHASE_VERIFIED_VERDICT] = "read back to verdict", [PHASE_ASKED_VERDICT] = "request to verdict",
    [PHASE_BEGAN_DETECTED] = "onset to detection", [PHASE_DETECTED_CAUSE] = "detection to a suspect", [PHASE_LASTED] = "duration",
};
const char *const sb_phase_keys[PHASES] = {
    [PHASE_ASKED_PROPOSED] = "request_to_card_ms", [PHASE_PROPOSED_APPROVED] = "card_to_approval_ms", [PHASE_APPROVED_STARTED] = "approval_to_start_ms",
    [PHASE_STARTED_VERIFIED] = "start_to_read_back_ms", [PHASE_VERIFIED_VERDICT] = "read_back_to_verdict_ms", [PHASE_ASKED_VERDICT] = "request_to_verdict_ms",
    [PHASE_BEGAN_DETECTED] = "onset_to_detection_ms", [PHASE_DETECTED_CAUSE] = "detection_to_suspect_ms", [PHASE_LASTED] = "duration_ms",
};

/* Of a card, a case or an anomaly: 0 is not yet. */
struct life {
    char *id;
    bool counts;          /* it began in the span, and is of the kind that is asked for */
    int64_t first;        /* its first entry */
    int64_t asked;        /* card: its case's request */
    int64_t waiting, approved, started, verified;
    bool proposed, accepted, edited, wrong, caused, over;
    int judged;           /* anomaly: enum sb_hush_kind that somebody said last; -1 nothing */
    int64_t sure_ppm;     /* card: its confidence, as it was proposed or last edited */
    char *author, *kind;
};

struct gathering {
    const struct sb_report_span *span;
    struct sb_report *out;
    struct life *lives;
    size_t lives_n;
    size_t *slots; /* hash table: index + 1 into lives, 0 empty */
    size_t slots_n;
};

/* ---- lives by id ---- */

static size_t *slot_of(struct gathering *g, const char *id)
{
    uint64_t h = sb_fnv1a(SB_FNV_START, id, strlen(id));
    for (;; h++) {
        size_t *slot = &g->slots[h % g->slots_n];
        if (!*slot || strcmp(g->lives[*slot - 1].id, id) == 0)
            return slot;
    }
}

static int grow(struct gathering *g)
{
    if (g->lives_n * 2 < g->slots_n)
        return 0;
    size_t *before = g->slots, n = g->slots_n ? g->slots_n * 2 : 1024;
    if (!(g->slots = calloc(n, sizeof *g->slots))) {
        g->slots = before;
        return -1;
    }
    free(before);
    g->slots_n = n;
    for (size_t i = 0; i < g->lives_n; i++)
        *slot_of(g, g->lives[i].id) = i + 1;
    return 0;
}

/* The life of this id, begun when it is new; NULL out of memory. */
static struct life *life_of(struct gathering *g, const char *id, const struct sb_entry *e)
{
    if (grow(g))
        return NULL;
    size_t *slot = slot_of(g, id);
    if (*slot)
        return &g->lives[*slot - 1];
    struct life *l = SB_PUSH(g->lives);
    if (!l)
        return NULL;
    if (sb_str_set(&l->id, id)) {
        g->lives_n--;
        return NULL;
    }
    l->first = e->ts;
    l->judged = -1;
    l->counts = e->plan.simulated == g->span->simulated && e->ts >= g->span->since && (!g->span->until || e->ts < g->span->until);
    *slot = g->lives_n;
    return l;
}

static struct life *known(struct gathering *g, const char *id)
{
    size_t *slot = g->slots_n && id ? slot_of(g, id) : NULL;
    return slot && *slot ? &g->lives[*slot - 1] : NULL;
}

/* ---- what is counted ---- */

static int add(struct gathering *g, enum sb_phase phase, int64_t from, int64_t to)
{
    if (!from || !to || to < from) /* a clock that was set back is no duration */
        return 0;
    int64_t *v = SB_PUSH(g->out->phases[phase].of);
    if (!v)
        return -1;
    *v = to - from;
    return 0;
}

static struct sb_record_of *record_of(struct gathering *g, const struct life *l)
{
    struct sb_report *r = g->out;
    for (size_t i = 0; i < r->records_n; i++)
        if (sb_streq(r->records[i].author, l->author) && sb_streq(r->records[i].kind, l->kind))
            return &r->records[i];
    struct sb_record_of *n = SB_PUSH(r->records);
    return n && sb_str_set(&n->author, l->author) == 0 && sb_str_set(&n->kind, l->kind) == 0 ? n : NULL;
}

/* ---- entries ---- */

static int take_recommendation(struct gathering *g, const struct sb_entry *e)
{
    const json_t *card = json_object_get(e->body, "card");
    struct life *l = life_of(g, e->plan.card, e);
    if (!l || !l->counts)
        return l ? 0 : -1;
    const struct life *of = known(g, e->plan.case_id);
    l->asked = of ? of->first : 0;
    if (sb_str_set(&l->author, sb_json_str(card, "author")) || sb_str_set(&l->kind, sb_json_str(card, "kind")))
        return -1;
    l->sure_ppm = json_integer_value(json_object_get(card, "confidence_ppm"));
    struct sb_record_of *r = record_of(g, l);
    if (!r)
        return -1;
    r->proposed++;
    return add(g, PHASE_ASKED_PROPOSED, l->asked, e->ts);
}

static int take_end(struct gathering *g, struct life *l, struct sb_record_of *r, const struct sb_entry *e, int event)
{
    bool passed = event == SB_EV_WATCH_PASS, failed = event == SB_EV_WATCH_FAIL;
    r->passed += passed;
    r->failed += failed;
    r->inconclusive += event == SB_EV_WATCH_INCONCLUSIVE;
    r->sure_ppm += passed || failed ? l->sure_ppm : 0;
    if (failed && !l->wrong)
        g->out->gone_wrong++;
    l->wrong |= failed;
    return add(g, PHASE_VERIFIED_VERDICT, l->verified, e->ts) || add(g, PHASE_ASKED_VERDICT, l->asked, e->ts) ? -1 : 0;
}

/* What is put back by itself when it has been read is no change, and that it is put back is its plan. */
static bool is_temporary(const struct life *l)
{
    return sb_streq(l->kind, sb_name(&sb_card_kinds, SB_KIND_WHAT_IF)) || sb_streq(l->kind, sb_name(&sb_card_kinds, SB_KIND_PROFILE));
}

static int take_state(struct gathering *g, const struct sb_entry *e)
{
    struct life *l = known(g, e->plan.card);
    const char *name = sb_json_str(e->body, "event"), *from = sb_json_str(e->body, "from"), *to = sb_json_str(e->body, "to");
    int event = name ? sb_name_find(&sb_events, name) : -1;
    if (!l || !l->counts || event < 0)
        return 0;
    struct sb_record_of *r = record_of(g, l);
    if (!r)
        return -1;
    const char *waits = sb_name(&sb_states, SB_AWAITING_APPROVAL);
    if (sb_streq(from, waits) && !sb_streq(to, waits) && l->waiting) {
        g->out->queued_ms += e->ts > l->waiting ? e->ts - l->waiting : 0;
        l->waiting = 0;
    } else if (sb_streq(to, waits) && !l->waiting) {
        l->waiting = e->ts;
    }
    switch (event) {
    case SB_EV_APPROVED:
        r->accepted += !l->accepted;
        l->accepted = true;
        l->approved = e->ts;
        return add(g, PHASE_PROPOSED_APPROVED, l->first, e->ts);
    case SB_EV_START:
        g->out->executed += !l->started && !is_temporary(l);
        if (l->started)
            return 0;
        l->started = e->ts;
        return add(g, PHASE_APPROVED_STARTED, l->approved, e->ts);
    case SB_EV_STEPS_DONE:
        l->verified = e->ts;
        return add(g, PHASE_STARTED_VERIFIED, l->started, e->ts);
    case SB_EV_WATCH_PASS:
    case SB_EV_WATCH_FAIL:
    case SB_EV_WATCH_INCONCLUSIVE:
        return take_end(g, l, r, e, event);
    case SB_EV_REJECT:
        r->rejected++;
        return sb_report_reason(&g->out->reasons, &g->out->reasons_n, sb_json_str(e->body, "note")) || sb_report_reason(&r->reasons, &r->reasons_n, sb_json_str(e->body, "note")) ? -1 : 0;
    case SB_EV_EXPIRE:
        r->expired++;
        return 0;
    case SB_EV_STEP_FAILED:
    case SB_EV_ROLLBACK:
        if (is_temporary(l))
            return 0;
        r->reversed += event == SB_EV_ROLLBACK;
        g->out->gone_wrong += !l->wrong && l->started;
        l->wrong |= l->started != 0;
        return 0;
    default:
        return 0;
    }
}

/* ---- predicted against measured ---- */

static struct sb_predictions *predictions_of(struct sb_record_of *r, const char *metric)
{
    for (size_t i = 0; i < r->predictions_n; i++)
        if (sb_streq(r->predictions[i].metric, metric))
            return &r->predictions[i];
    struct sb_predictions *p = SB_PUSH(r->predictions);
    return p && sb_str_set(&p->metric, metric) == 0 ? p : NULL;
}

/* The entry that has the verdict has every claim of the window with it. */
static int take_watch(struct gathering *g, const struct sb_entry *e)
{
    const json_t *report = json_object_get(e->body, "report"), *list = json_object_get(report, "claims"), *one;
    const struct life *l = known(g, e->plan.card);
    const char *verdict = sb_json_str(report, "verdict");
    size_t i;
    if (!l || !l->counts || !l->author || !verdict || sb_name_find(&sb_verdicts, verdict) == SB_VERDICT_NONE)
        return 0;
    struct sb_record_of *r = record_of(g, l);
    json_array_foreach(list, i, one) {
        const char *metric = sb_json_str(one, "metric");
        struct sb_predictions *p = r && metric ? predictions_of(r, metric) : NULL;
        int64_t *ratio = p ? SB_PUSH(p->ratios.of) : NULL;
        if (!ratio)
            return metric ? -1 : 0;
        *ratio = json_integer_value(json_object_get(one, "ratio_ppm"));
        bool kept = json_is_true(json_object_get(one, "kept")), estimate = sb_streq(sb_json_str(one, "badge"), SB_BADGE_ESTIMATED);
        *(kept ? &p->kept : estimate ? &p->missed : &p->broken) += 1;
    }
    return r ? 0 : -1;
}

static int take_edit(struct gathering *g, const struct sb_entry *e)
{
    struct life *l = known(g, e->plan.card);
    struct sb_record_of *r = l && l->counts ? record_of(g, l) : NULL;
    if (r) {
        r->edited += !l->edited;
        l->edited = true;
        return sb_report_edited(r, e);
    }
    return 0;
}

static int64_t time_at(const json_t *object, const char *key)
{
    const char *text = sb_json_str(object, key);
    int64_t at = 0;
    return text && sb_time_parse(text, strlen(text), &at) == 0 ? at : 0;
}

/* By which rule it was announced. */
static int take_alarm(struct gathering *g, struct life *l, const json_t *anomaly)
{
    const char *rule = sb_json_str(json_array_get(json_object_get(anomaly, "signals"), 0), "metric");
    struct sb_alarms_of *of = rule && rule[0] ? sb_report_alarms(g->out, rule) : NULL;
    if (!rule || !rule[0])
        return 0;
    if (!of || sb_str_set(&l->kind, rule))
        return -1;
    const char *hushed = sb_json_str(anomaly, "hushed");
    *(hushed && hushed[0] ? &of->quiet : &of->told) += 1;
    return 0;
}

/* What somebody said of it: the last word counts. */
static int take_hush(struct gathering *g, const struct sb_entry *e)
{
    struct life *l = known(g, e->plan.anomaly);
    const char *name = sb_json_str(json_object_get(e->body, "hush"), "kind");
    int mark = name ? sb_name_find(&sb_hush_kinds, name) : -1;
    if (!l || !l->counts || !l->kind || mark < 0)
        return 0;
    struct sb_alarms_of *of = sb_report_alarms(g->out, l->kind);
    if (!of)
        return -1;
    sb_report_judged(of, l->judged, mark);
    l->judged = mark;
    return 0;
}

/* Onset, detection and end are of the deployment's time; that a suspect was named is of ours. */
static int take_anomaly(struct gathering *g, const struct sb_entry *e)
{
    const json_t *a = json_object_get(e->body, "anomaly");
    if (json_is_true(json_object_get(a, "trend")))
        return 0; /* nothing was wrong */
    bool fresh = !known(g, e->plan.anomaly);
    struct life *l = life_of(g, e->plan.anomaly, e);
    if (!l || !l->counts)
        return l ? 0 : -1;
    int64_t from = time_at(a, "from"), to = time_at(a, "to");
    g->out->incidents += fresh;
    if (fresh && take_alarm(g, l, a))
        return -1;
    if (fresh && add(g, PHASE_BEGAN_DETECTED, from, time_at(a, "detected_at")))
        return -1;
    if (!l->caused && json_array_size(json_object_get(a, "causes")) > 0) {
        l->caused = true;
        if (add(g, PHASE_DETECTED_CAUSE, l->first, e->ts))
            return -1;
    }
    if (to && !l->over) {
        l->over = true;
        return add(g, PHASE_LASTED, from, to);
    }
    return 0;
}

static int take_for(struct gathering *g, const struct sb_entry *e)
{
    bool in = e->ts >= g->span->since && (!g->span->until || e->ts < g->span->until);
    if (in && e->plan.simulated != g->span->simulated && (e->plan.card || e->plan.case_id || e->plan.anomaly)) {
        g->out->left_out++;
    } else if (in) {
        g->out->entries++;
        g->out->from = g->out->from ? g->out->from : e->ts;
        g->out->to = e->ts;
    }
    bool back = e->kind == SB_ENTRY_AUTONOMY && sb_json_str(e->body, "by");
    if (back && e->plan.simulated == g->span->simulated)
        return sb_report_came_back(g->out, e);
    if (in && !back && e->kind == SB_ENTRY_AUTONOMY && e->plan.simulated == g->span->simulated)
        return sb_report_lowered(g->out, e);
    if (e->kind == SB_ENTRY_POLICY_LOAD)
        return sb_report_bundle(g->out, e);
    if (in && e->plan.simulated == g->span->simulated && sb_drill_level(e) >= 0) {
        g->out->drills++;
        g->out->drills_passed += sb_drill_level(e) > 0;
    }
    if (e->kind == SB_ENTRY_HUSH)
        return take_hush(g, e);
    if (e->kind == SB_ENTRY_REQUEST && e->plan.case_id)
        return life_of(g, e->plan.case_id, e) ? 0 : -1;
    if (e->kind == SB_ENTRY_RECOMMENDATION && e->plan.card)
        return take_recommendation(g, e);
    if (e->kind == SB_ENTRY_STATE && e->plan.card)
        return take_state(g, e);
    if (e->kind == SB_ENTRY_EDIT && e->plan.card)
        return take_edit(g, e);
    if (e->kind == SB_ENTRY_WATCH && e->plan.card)
        return take_watch(g, e);
    return e->kind == SB_ENTRY_ANOMALY && e->plan.anomaly ? take_anomaly(g, e) : 0;
}

/* One pass through the record, for every span. */
struct pass {
    struct gathering *of;
    size_t n;
    const struct sb_report_progress *progress;
    int64_t total;
};

static int take(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct pass *p = ctx;
    (void)bytes;
    (void)n;
    if (p->progress && e->seq % SHOW_EVERY == 0 && !p->progress->show(p->progress->ctx, e->seq, p->total))
        return sb_fail(err, SB_ESTATE, "given up");
    for (size_t i = 0; i < p->n; i++)
        if (take_for(&p->of[i], e))
            return sb_fail_nomem(err);
    return 0;
}

static void gathering_release(struct gathering *g)
{
    for (size_t i = 0; i < g->lives_n; i++) {
        free(g->lives[i].id);
        free(g->lives[i].author);
        free(g->lives[i].kind);
    }
    free(g->lives);
    free(g->slots);
}

/* What waits still has waited until now, or until the span ended. */
static void add_waiting(struct gathering *g)
{
    int64_t clock = g->span->now ? g->span->now : sb_wall_ms(), now = g->span->until && g->span->until < clock ? g->span->until : clock;
    for (size_t i = 0; i < g->lives_n; i++)
        if (g->lives[i].waiting && now > g->lives[i].waiting)
            g->out->queued_ms += now - g->lives[i].waiting;
}

int sb_report_gather(struct sb_ledger *l, const struct sb_report_span *spans, struct sb_report *out, size_t n, const struct sb_report_progress *progress, struct sb_err *err)
{
    struct pass pass = {calloc(n, sizeof *pass.of), n, progress, sb_ledger_head(l)};
    memset(out, 0, n * sizeof *out);
    if (!pass.of)
        return sb_fail_nomem(err);
    for (size_t i = 0; i < n; i++)
        pass.of[i] = (struct gathering){.span = &spans[i], .out = &out[i]};
    int rc = sb_ledger_range(l, 1, 0, take, &pass, err);
    for (size_t i = 0; i < n; i++) {
        if (rc == 0)
            add_waiting(&pass.of[i]);
        gathering_release(&pass.of[i]);
    }
    free(pass.of);
    return rc;
}

void sb_report_release(struct sb_report *r)
{
    for (size_t i = 0; i < PHASES; i++)
        free(r->phases[i].of);
    sb_report_agents_release(r); /* it goes through the records */
    for (size_t i = 0; i < r->records_n; i++) {
        free(r->records[i].author);
        free(r->records[i].kind);
        for (size_t k = 0; k < r->records[i].predictions_n; k++) {
            free(r->records[i].predictions[k].metric);
            free(r->records[i].predictions[k].ratios.of);
        }
        free(r->records[i].predictions);
    }
    free(r->records);
    for (size_t i = 0; i < r->reasons_n; i++)
        free(r->reasons[i]);
    free(r->reasons);
    memset(r, 0, sizeof *r);
}
