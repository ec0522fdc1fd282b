/* SPDX-License-Identifier: Apache-2.0
 *
 * A case goes from one specialist to the next along its routes: the tasks themselves, the facts that choose the next one, and what
 * each hand-off passes on. What the later ones find is added to the answer; one that fails ends the chain and is said in it, and
 * what was found before stands. */
#include "private.h"

#include <signalbox/base/array.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PROVEN_MS (7 * INT64_C(86400000))
#define SUSPECTED_PPM 500000 /* of the first suspect, for its author to be asked */
#define SAID_MOST 400        /* bytes of a finding that a hand-off passes on in words */

/* ---- facts ---- */

/* The card that an anomaly's first suspect is; NULL: it is none, or not held any more. */
static struct held_card *suspected(struct sb_orchestrator *o, const struct held_anomaly *a)
{
    const struct sb_cause *first = a && a->anomaly.causes_n ? &a->anomaly.causes[0] : NULL;
    size_t n = first && strncmp(first->what, "C-", 2) == 0 ? 2 + strspn(first->what + 2, "0123456789") : 0;
    char id[32];
    if (n < 3 || n >= sizeof id || first->confidence_ppm < SUSPECTED_PPM)
        return NULL;
    snprintf(id, sizeof id, "%.*s", (int)n, first->what);
    return sb_o_card(o, id);
}

unsigned sb_o_route_facts(struct sb_orchestrator *o, const struct sb_slots *slots, const struct held_anomaly *a)
{
    unsigned facts = sb_route_facts(slots);
    int class_ = a ? a->anomaly.class_ : SB_CLASS_UNKNOWN;
    if (!a)
        return facts;
    facts |= SB_FACT_ANOMALY;
    if (class_ == SB_CLASS_CODE || class_ == SB_CLASS_CHANGE)
        facts |= SB_FACT_CODE;
    else if (class_ == SB_CLASS_LOAD)
        facts |= SB_FACT_LOAD;
    if (suspected(o, a))
        facts |= SB_FACT_PLAN;
    return facts;
}

/* Of the case, now that a task of it has ended. */
static unsigned facts_after(struct sb_orchestrator *o, const struct held_case *c)
{
    struct drills drills;
    struct sb_err ignored = SB_ERR_INIT;
    unsigned facts = sb_o_route_facts(o, &c->case_.reading.slots, c->case_.anomaly ? sb_o_anomaly(o, c->case_.anomaly) : NULL);
    facts |= c->case_.cards_n > c->chain.cards_before ? SB_FACT_PROPOSED : SB_FACT_NOTHING;
    if (c->chain.documents)
        facts |= SB_FACT_DOCUMENTS;
    if (sb_o_drills(o, &drills, &ignored) == 0 && sb_origin_wall_ms(o->opt.origin) - drills.passed_at > PROVEN_MS)
        facts |= SB_FACT_UNPROVEN;
    if (o->opt.drill_uri_file)
        facts |= SB_FACT_THROWAWAY;
    if (o->opt.backups_n)
        facts |= SB_FACT_BACKUPS;
    return facts;
}

/* ---- tasks that are answered at once ---- */

/* It has still to be done, or it is done and watched. A card that changes nothing has no window. */
static bool to_be_watched(const struct sb_card *card)
{
    static const int states[] = {SB_DRAFT, SB_PROPOSED, SB_AWAITING_APPROVAL, SB_APPROVED, SB_SCHEDULED, SB_EXECUTING, SB_PAUSED, SB_WATCHING};
    for (size_t i = 0; card->watch.window_s > 0 && i < SB_COUNT(states); i++)
        if (card->state == states[i])
            return true;
    return false;
}

/* Which measures will tell whether what this case has led to did harm. */
static char *say_windows(struct sb_orchestrator *o, const struct held_case *c)
{
    struct sb_str s;
    sb_str_init(&s);
    for (size_t i = 0; i < c->case_.cards_n; i++) {
        const struct held_card *k = sb_o_card(o, c->case_.cards[i]);
        if (!k || !to_be_watched(&k->card))
            continue;
        sb_str_addf(&s, "%s%s is watched for %" PRId64 " s when it is done", s.len ? "; " : "", k->card.id, k->card.watch.window_s);
        for (size_t m = 0; m < k->card.watch.criteria_n && m < 3; m++)
            sb_str_addf(&s, "%s%s", m ? ", " : ": ", k->card.watch.criteria[m].label);
    }
    if (!s.len)
        sb_str_adds(&s, c->case_.cards_n ? "no card of this case has anything to watch" : "no card came of this case, so there is nothing to watch");
    return sb_str_take(&s);
}

static char *say_trends(struct sb_orchestrator *o, const char *place)
{
    const struct survey *now = sb_o_survey(o);
    struct sb_str s;
    char at[SB_TIME_LEN + 1];
    sb_str_init(&s);
    if (now && now->disk_free_ppm >= 0)
        sb_str_addf(&s, "of the fullest disk %" PRId64 " %% is free", now->disk_free_ppm / 10000);
    if (now && now->oplog_window_s >= 0)
        sb_str_addf(&s, "%sthe shortest oplog holds %" PRId64 " h", s.len ? "; " : "", now->oplog_window_s / 3600);
    if (!s.len)
        sb_str_addf(&s, "disks and oplogs were not told%s%s", now && now->note[0] ? ": " : "", now ? now->note : "");
    size_t told = 0;
    for (size_t i = 0; i < o->anomalies_n; i++) {
        const struct sb_anomaly *a = &o->anomalies[i]->anomaly;
        if (!a->trend || a->to)
            continue;
        sb_time_format(at, a->limit_at);
        sb_str_addf(&s, "; %s: at this pace by %.10s", a->title, at);
        told++;
    }
    if (!told)
        sb_str_addf(&s, "; no trend crosses a limit in sight%s%s", place ? ", of all that is measured beside " : "", place ? place : "");
    return sb_str_take(&s);
}

static char *say_suspect(struct sb_orchestrator *o, const struct held_anomaly *a)
{
    const struct held_card *k = suspected(o, a);
    if (!k)
        return sb_format("the card that is suspected is not held any more: signalbox audit show CASE");
    return sb_format("%s: the first suspect is %s of the %s (%s), which is %s%s. Taking it back is a decision on that card: signalbox cards rollback %s", a->anomaly.title, k->card.id, k->card.author,
                     k->card.title, sb_name(&sb_states, k->card.state), k->card.report.verdict == SB_VERDICT_FAIL ? " and has failed its watch window" : "", k->card.id);
}

/* ---- tasks ---- */

char *sb_o_perform(struct sb_orchestrator *o, struct held_case *c, const struct sb_route *r, const struct held_anomaly *a, const struct sb_index_asked *asked, struct sb_err *err)
{
    const struct sb_slots *s = &c->case_.reading.slots;
    const char *place = s->ns ? s->ns : s->database, *ns = s->ns ? s->ns : a && a->anomaly.namespaces_n ? a->anomaly.namespaces[0] : NULL;
    c->chain.done |= 1u << r->task;
    c->chain.task = r->task;
    c->chain.depth++;
    c->chain.documents = false;
    c->chain.cards_before = c->case_.cards_n;
    switch (r->task) {
    case SB_TASK_INDEX_KEY:
    case SB_TASK_INDEX_ADVISE:
        if (ns)
            sb_o_consult_index(o, c, ns, asked ? asked->key : NULL, asked ? asked->options : NULL, s->index ? s->index : asked ? asked->name : NULL, a, err);
        else
            sb_fail(err, SB_EINPUT, "Which collection? The anomaly names none.");
        return NULL;
    case SB_TASK_INDEX_REVIEW: sb_o_consult_review(o, c, place, err); return NULL;
    case SB_TASK_INDEX_RETIRE: sb_o_consult_retire(o, c, place, s->index, err); return NULL;
    case SB_TASK_SCHEMA_REVIEW: sb_o_consult_schema(o, c, ns, err); return NULL;
    case SB_TASK_SCHEMA_VALIDATE: sb_o_consult_validate(o, c, ns, err); return NULL;
    case SB_TASK_SCHEMA_CHANGE: sb_o_consult_change(o, c, ns, err); return NULL;
    case SB_TASK_BACKUP_CHECK: sb_o_consult_backup(o, c, place, false, err); return NULL;
    case SB_TASK_BACKUP_PLAN: sb_o_consult_backup(o, c, place, true, err); return NULL;
    case SB_TASK_BACKUP_DRILL: sb_o_consult_drill(o, c, err); return NULL;
    case SB_TASK_WATCH_PROFILE: sb_o_consult_profile(o, c, ns, err); return NULL;
    case SB_TASK_WATCH_WINDOWS: return say_windows(o, c);
    case SB_TASK_TREND: return say_trends(o, place);
    case SB_TASK_SUSPECT: return say_suspect(o, a);
    case SB_TASK_OPS_CURRENT: sb_o_consult_ops(o, c, false, err); return NULL;
    case SB_TASK_OPS_KILL: sb_o_consult_ops(o, c, true, err); return NULL;
    case SB_TASK_STATUS: return sb_o_status(o);
    case SB_TASK_REPORT: sb_o_consult_report(o, c, err); return NULL;
    case SB_TASK_POLICY_REVIEW: return sb_o_review_policy(o);
    default: return sb_format("%s: %s. %s", a ? a->anomaly.title : "", a ? a->anomaly.class_reason : "", r->why);
    }
}

/* ---- hand-offs ---- */

int sb_o_route_to(struct sb_orchestrator *o, const struct sb_route *r, const struct held_anomaly *a)
{
    const struct held_card *k = r->task == SB_TASK_SUSPECT ? suspected(o, a) : NULL;
    int author = k ? sb_name_find(&sb_specialists, k->card.author) : -1;
    return r->task != SB_TASK_SUSPECT ? r->to : author >= 0 ? author : SB_BY_OPERATOR;
}

/* What the task that has ended hands on: the facts its specialist gave, or its words, and the cards it led to. */
static int gather(struct sb_orchestrator *o, const struct held_case *c, const char *text, struct sb_handoff *known)
{
    const struct sb_handoff *last = c->case_.handoffs_n ? &c->case_.handoffs[c->case_.handoffs_n - 1] : NULL;
    int64_t now = sb_o_deployment_now(o);
    const char *ns = c->case_.reading.slots.ns, *by = sb_name(&sb_specialists, c->chain.by);
    int rc = 0;
    if (last && last->from == c->chain.by && last->to == SB_BY_ORCHESTRATOR)
        for (size_t i = 0; i < last->evidence_n && rc == 0; i++)
            rc = sb_o_pass_on(known, &last->evidence[i]);
    for (size_t i = c->chain.cards_before; i < c->case_.cards_n && rc == 0; i++) {
        const struct held_card *k = sb_o_card_in_hand(o, c->case_.cards[i]);
        rc = sb_evidence_add(&known->evidence, &known->evidence_n, by, k ? k->card.target : ns, "card proposed", c->case_.cards[i], "measured", now);
    }
    if (rc == 0 && known->evidence_n == 0) {
        struct sb_evidence said = {.source = (char *)(uintptr_t)by, .ns = (char *)(uintptr_t)ns, .what = (char *)(uintptr_t)"what it found", .value = sb_format("%.*s", SAID_MOST, text),
                                   .coverage = (char *)(uintptr_t)"estimated", .taken_at = now};
        rc = said.value ? sb_o_pass_on(known, &said) : -1;
        free(said.value);
    }
    return rc;
}

static int hand_to(struct sb_orchestrator *o, struct held_case *c, const struct sb_route *r, const char *text, struct sb_err *err)
{
    struct sb_handoff known = {0};
    struct sb_str other;
    sb_str_init(&other);
    sb_routes_otherwise(o->routes, r, &other);
    int rc = gather(o, c, text, &known) || !sb_str_ok(&other) ? sb_fail_nomem(err) : 0;
    if (rc == 0)
        rc = sb_o_hand_over(o, c, &(struct handing){.from = c->chain.by, .to = r->to, .why = r->why, .risk = r->risk, .otherwise = other.len ? other.p : NULL, .evidence = known.evidence,
                                                    .n = known.evidence_n}, err);
    c->chain.by = r->to;
    sb_str_release(&other);
    sb_record_release(&sb_handoff_schema, &known);
    return rc;
}

static bool ends_sentence(const char *text)
{
    size_t n = strlen(text);
    return n && strchr(".!?", text[n - 1]);
}

/* Adds what one of them says to the answer, which is one line: it is shown in a row of a screen as well. */
static void say(struct held_case *c, const char *text)
{
    char *was = c->chain.said, *whole = was ? sb_format("%s%s Then the %s: %s", was, ends_sentence(was) ? "" : ".", sb_name(&sb_specialists, c->chain.by), text) : sb_format("%s", text);
    if (!whole)
        return; /* it is on the record, and what was said before stands */
    free(was);
    c->chain.said = whole;
}

bool sb_o_chain_on(struct sb_orchestrator *o, struct held_case *c, const struct sb_err *failed, const char *text)
{
    struct sb_err err = *failed;
    char *answer = NULL;
    if (c->chain.task == SB_TASK_NONE) /* nobody was asked */
        return false;
    if (err.code == SB_OK || c->chain.said)
        say(c, err.code != SB_OK ? err.msg : text);
    while (err.code == SB_OK && c->chain.depth < SB_ROUTE_DEPTH) {
        const struct sb_route *next = sb_routes_next(o->routes, c->case_.reading.intent, c->chain.task, facts_after(o, c), c->chain.done);
        const struct held_anomaly *a = c->case_.anomaly ? sb_o_anomaly(o, c->case_.anomaly) : NULL;
        if (!next)
            break;
        int rc = hand_to(o, c, next, answer ? answer : text, &err);
        free(answer);
        answer = rc ? NULL : sb_o_perform(o, c, next, a, NULL, &err);
        if (err.code != SB_OK)
            say(c, err.msg);
        else if (!answer)
            return true;
        else
            say(c, answer);
    }
    free(answer);
    return false;
}
