/* SPDX-License-Identifier: Apache-2.0
 *
 * A request, or an anomaly, becomes a case: read, gated, handed over, followed to its outcome. Who is asked next is a
 * table (routes.c), so that a hand-off can say why. */
#include "private.h"
#include "rephrase.h"

#include <signalbox/base/hook.h>
#include <signalbox/orchestrator/nearest.h>

#include <inttypes.h>
#include <string.h>

/* ---- records of a case ---- */

/* The body of a request: of a schedule's, this is what says that it was run. */
static json_t *request_body(json_t *case_, const struct sb_o_planned *planned)
{
    char at[SB_TIME_LEN + 1];
    if (!planned)
        return json_pack("{s:o}", "case", case_);
    sb_time_format(at, planned->at);
    return json_pack("{s:o,s:s,s:s,s:I}", "case", case_, "event", planned->event, "planned", at, "missed", (json_int_t)planned->missed);
}

/* c: a new one, NULL when memory was short; it is let go of after a failure. */
static struct held_case *open_case(struct sb_orchestrator *o, struct held_case *c, const char *text, const char *by, const struct sb_actor *actor,
                                   struct held_anomaly *a, const struct sb_o_planned *planned, struct sb_err *err)
{
    struct sb_case fresh = {.opened_at = sb_origin_wall_ms(o->opt.origin)};
    if (!c) {
        sb_fail_nomem(err);
        return NULL;
    }
    fresh.id = sb_format("K-%06" PRId64, o->last_case + 1);
    json_t *json = NULL;
    if (!fresh.id || sb_str_set(&fresh.text, text) || sb_str_set(&fresh.requested_by, by) || (a && sb_str_set(&fresh.anomaly, a->anomaly.id)) ||
        !(json = sb_record_to_json(&sb_case_schema, &fresh)) || sb_record_copy(&sb_case_schema, &c->case_, &fresh)) {
        json_decref(json);
        sb_case_release(&fresh);
        o->cases_n--; /* it was the last one made */
        free(c);
        sb_fail_nomem(err);
        return NULL;
    }
    sb_case_release(&fresh);
    if (sb_o_record(o, SB_ENTRY_REQUEST, actor, &(struct refs){.case_ = c, .anomaly = a}, request_body(json, planned), err)) {
        sb_case_release(&c->case_);
        o->cases_n--;
        free(c);
        return NULL;
    }
    o->last_case++;
    return c;
}

static int record_reading(struct sb_orchestrator *o, struct held_case *c, const struct sb_reading_of *reading, struct sb_err *err)
{
    return sb_o_record(o, SB_ENTRY_INTENT, NULL, &(struct refs){.case_ = c},
                       json_pack("{s:o}", "reading", sb_record_to_json(&sb_reading_of_schema, reading)), err);
}

int sb_o_pass_on(struct sb_handoff *h, const struct sb_evidence *e)
{
    json_t *source = sb_o_words(e->source), *ns = sb_o_words(e->ns), *what = sb_o_words(e->what), *value = sb_o_words(e->value);
    int rc = source && ns && what && value
                 ? sb_evidence_add(&h->evidence, &h->evidence_n, json_string_value(source), json_string_value(ns), json_string_value(what), json_string_value(value), e->coverage, e->taken_at)
                 : -1;
    json_decref(source);
    json_decref(ns);
    json_decref(what);
    json_decref(value);
    return rc;
}

int sb_o_hand_over(struct sb_orchestrator *o, struct held_case *c, const struct handing *h, struct sb_err *err)
{
    struct sb_handoff handoff = {.from = h->from, .to = h->to, .at = sb_origin_wall_ms(o->opt.origin)};
    struct sb_actor specialist = {.principal = (char *)(uintptr_t)sb_name(&sb_specialists, h->from)};
    int rc = sb_str_set(&handoff.why, h->why) || sb_str_set(&handoff.risk, h->risk) || sb_str_set(&handoff.otherwise, h->otherwise);
    for (size_t i = 0; rc == 0 && i < h->n; i++)
        rc = sb_o_pass_on(&handoff, &h->evidence[i]);
    json_t *json = rc ? NULL : sb_record_to_json(&sb_handoff_schema, &handoff);
    rc = sb_o_record(o, SB_ENTRY_HANDOFF, h->back ? &specialist : NULL, &(struct refs){.case_ = c}, json ? json_pack("{s:o}", "handoff", json) : NULL, err);
    sb_record_release(&sb_handoff_schema, &handoff);
    return rc;
}

/* Along a route, with what is known of the anomaly that it is about (NULL: none). */
static int hand_on(struct sb_orchestrator *o, struct held_case *c, const struct sb_route *r, const struct held_anomaly *a, struct sb_err *err)
{
    struct sb_handoff known = {0}; /* what is passed on */
    int rc = 0;
    for (size_t i = 0; a && rc == 0 && i < a->anomaly.evidence_n; i++)
        rc = sb_o_pass_on(&known, &a->anomaly.evidence[i]);
    for (size_t i = 0; rc == 0 && i < c->impact_n; i++)
        rc = sb_o_pass_on(&known, &c->impact[i]);
    struct handing h = {.from = a ? SB_BY_ANOMALY_DETECTOR : SB_BY_ORCHESTRATOR, .to = sb_o_route_to(o, r, a), .why = r->why, .risk = r->risk, .evidence = known.evidence, .n = known.evidence_n};
    struct sb_str other;
    sb_str_init(&other);
    sb_routes_otherwise(o->routes, r, &other);
    h.otherwise = other.len ? other.p : NULL;
    rc = rc || !sb_str_ok(&other) ? sb_fail_nomem(err) : sb_o_hand_over(o, c, &h, err);
    c->chain.by = h.to;
    sb_str_release(&other);
    sb_record_release(&sb_handoff_schema, &known);
    return rc;
}

void sb_o_close_case(struct sb_orchestrator *o, struct held_case *c, const char *outcome)
{
    sb_o_record(o, SB_ENTRY_CASE_CLOSE, NULL, &(struct refs){.case_ = c}, json_pack("{s:s}", "outcome", outcome), NULL);
}

/* ---- requests ---- */

static void describe_status(const struct sb_orchestrator *o, struct sb_str *out)
{
    if (!o->have_strip) {
        sb_str_addf(out, "not connected yet: %s", o->connect_note ? o->connect_note : "connecting");
        return;
    }
    size_t going_on = 0, open = o->resting_n;
    for (size_t i = 0; i < o->anomalies_n; i++)
        going_on += o->anomalies[i]->anomaly.to == 0 && !o->anomalies[i]->anomaly.trend;
    for (size_t i = 0; i < o->cards_n; i++)
        open += sb_card_open(&o->cards[i]->card);
    for (size_t i = 0; i < o->strip.members_n; i++) {
        const struct sb_member_line *m = &o->strip.members[i];
        sb_str_addf(out, "%s%s %s", i ? ", " : "", m->name, m->state);
        if (m->lag_s > 0)
            sb_str_addf(out, " (%" PRId64 " s behind)", m->lag_s);
    }
    sb_str_addf(out, "; %zu %s going on, %zu open %s", going_on, going_on == 1 ? "anomaly" : "anomalies", open, open == 1 ? "card" : "cards");
    sb_o_describe_schedules(o, out);
}

char *sb_o_status(struct sb_orchestrator *o)
{
    struct sb_str s;
    sb_str_init(&s);
    describe_status(o, &s);
    return sb_str_take(&s);
}

/* The anomaly that is going on about this collection, or about anything when none is named. */
static struct held_anomaly *current_anomaly(struct sb_orchestrator *o, const char *ns)
{
    for (size_t i = o->anomalies_n; i-- > 0;) {
        struct sb_anomaly *a = &o->anomalies[i]->anomaly;
        if (a->to == 0 && !a->trend && o->anomalies[i]->detector_id && (!ns || sb_strs_has(a->namespaces, a->namespaces_n, ns)))
            return o->anomalies[i];
    }
    return NULL;
}

static bool known_namespace(const struct sb_orchestrator *o, const char *ns)
{
    return o->strip.samples == 0 || o->namespaces_n == 0 || sb_strs_has(o->namespaces, o->namespaces_n, ns);
}

/* The request is about a collection and names none that there is, or more than one. */
static void ask_which(const struct sb_orchestrator *o, const char *request, struct sb_err *err)
{
    char *word = sb_intake_named(o->intake, request);
    const char *example = o->namespaces_n ? o->namespaces[0] : NULL;
    if (word)
        sb_nearest(word, o->namespaces, o->namespaces_n, &example, 1);
    size_t of_this_name = 0;
    for (size_t i = 0; word && i < o->namespaces_n; i++) {
        const char *dot = strchr(o->namespaces[i], '.');
        of_this_name += dot && sb_streq(dot + 1, word);
    }
    if (word && example && !of_this_name)
        sb_fail(err, SB_EINPUT, "there is no collection %s. Write which one is meant as database.collection, for example %s.", word, example);
    else if (of_this_name > 1)
        sb_fail(err, SB_EINPUT, "Which collection? %zu databases have one named %s: write it as database.%s.", of_this_name, word, word);
    else
        sb_fail(err, SB_EINPUT, "Which collection? Write it as database.collection%s%s.", example ? ", for example " : "", example ? example : "");
    free(word);
}

/* What is not ours, or was not understood: with all that can be asked. */
static void refuse(const struct sb_orchestrator *o, const struct sb_reading_of *r, struct sb_err *err)
{
    struct sb_str known;
    sb_str_init(&known);
    sb_routes_known(o->routes, &known);
    if (r->foreign)
        sb_fail(err, SB_EINPUT, "That is %s, not something this console can act on: it works on the deployment. What can be asked: %s; for example: %s", r->foreign, known.p,
                sb_intake_example(o->intake, SB_INTENT_INDEX_REVIEW));
    else
        sb_fail(err, SB_EINPUT, "That was not understood: say it in other words. What can be asked: %s; for example: %s", known.p, sb_intake_example(o->intake, SB_INTENT_INDEX_REVIEW));
    sb_str_release(&known);
}

/* A collection that does not exist, with those that are called nearly so. */
static void no_such_namespace(const struct sb_orchestrator *o, const char *ns, struct sb_err *err)
{
    const char *near[3] = {0};
    size_t n = sb_nearest(ns, o->namespaces, o->namespaces_n, near, SB_COUNT(near));
    if (n)
        sb_fail(err, SB_EINPUT, "there is no collection %s; the nearest %s %s%s%s%s%s", ns, n == 1 ? "is" : "are", near[0], n > 1 ? ", " : "", n > 1 ? near[1] : "", n > 2 ? ", " : "",
                n > 2 ? near[2] : "");
    else
        sb_fail(err, SB_EINPUT, "there is no collection %s; known are %s%s%s", ns, o->namespaces_n ? o->namespaces[0] : "none", o->namespaces_n > 1 ? ", " : "",
                o->namespaces_n > 1 ? o->namespaces[1] : "");
}

/* The index that is asked for in so many words. Options without a key are of the field that is named: whoever wants a unique index
 * gets no other one. */
static int read_asked(const struct held_case *c, struct sb_index_asked *asked, struct sb_err *err)
{
    const struct sb_slots *s = &c->case_.reading.slots;
    if (sb_index_asked_read(c->case_.text, asked, err))
        return -1;
    if (asked->key || !asked->options || !s->ns)
        return 0;
    if (!s->field)
        return sb_fail(err, SB_EINPUT, "On which field is the index to be? Write its key, for example: create a unique index on %s {email: 1}", s->ns);
    char *text = sb_format("{\"%s\": 1}", s->field);
    asked->key = text ? sb_index_key_read(text, err) : NULL;
    if (!text)
        sb_fail_nomem(err);
    free(text);
    return asked->key ? 0 : -1;
}

/* Follows the reading of a request. Returns a sentence for the asker (taken), or NULL when the answer comes later. */
static char *follow(struct sb_orchestrator *o, struct held_case *c, struct sb_err *err)
{
    const struct sb_reading_of *r = &c->case_.reading;
    bool of_database = r->slots.database && !r->slots.ns, about_anomaly = r->intent == SB_INTENT_ANOMALY_INVESTIGATE || (r->intent == SB_INTENT_INDEX_REVIEW && !of_database);
    struct held_anomaly *a = about_anomaly ? current_anomaly(o, r->slots.ns) : NULL;
    if (r->intent == SB_INTENT_NONE) {
        refuse(o, r, err);
        return NULL;
    }
    if (r->unclear) {
        sb_fail(err, SB_EINPUT, "That is not clear: %s. Say which is meant.", r->unclear);
        return NULL;
    }
    if (r->intent == SB_INTENT_ANOMALY_INVESTIGATE && !a)
        return sb_format("No anomaly is going on%s%s.", r->slots.ns ? " about " : "", r->slots.ns ? r->slots.ns : "");
    struct sb_index_asked asked = {NULL, NULL, NULL};
    if (r->intent == SB_INTENT_INDEX_CREATE && read_asked(c, &asked, err)) {
        sb_index_asked_release(&asked);
        return NULL;
    }
    const struct sb_route *route = sb_routes_first(o->routes, r->intent, sb_o_route_facts(o, &r->slots, a));
    char *answer = NULL;
    if (!route && !(sb_route_facts(&r->slots) & SB_FACT_NAMESPACE) && sb_routes_first(o->routes, r->intent, ~0u))
        ask_which(o, c->case_.text, err);
    else if (!route)
        sb_fail(err, SB_ENO, "Understood as %s (%s), but %s.", sb_name(&sb_intents, r->intent), r->reason, sb_routes_instead(o->routes, r->intent));
    else if (hand_on(o, c, route, a, err) == 0)
        answer = sb_o_perform(o, c, route, a, &asked, err);
    sb_index_asked_release(&asked);
    return answer;
}

/* Something may come of it, and it speaks of a place: what it would touch is found out first. */
static bool is_assessed(struct sb_orchestrator *o, const struct held_case *c)
{
    const struct sb_reading_of *r = &c->case_.reading;
    bool place = r->slots.ns ? strchr(r->slots.ns, '.') != NULL : r->slots.database != NULL;
    return place && o->telemetry && !r->unclear && sb_routes_first(o->routes, r->intent, sb_o_route_facts(o, &r->slots, NULL)) && r->intent != SB_INTENT_BACKUP_CHECK && r->intent != SB_INTENT_STATUS;
}

void sb_o_assessed(struct sb_orchestrator *o, struct held_case *c, const struct sb_err *failed)
{
    struct sb_err err = *failed;
    c->consulting = false;
    char *answer = err.code == SB_OK ? follow(o, c, &err) : NULL;
    if (err.code != SB_OK || answer) /* else a specialist is at work */
        sb_o_finish_consult(o, c, NULL, &err, answer ? answer : "");
    free(answer);
}

char *sb_o_take_request(struct sb_orchestrator *o, const char *text, const char *by, const struct sb_actor *actor, bool read_only, const struct sb_o_planned *planned, const char *ns,
                        struct held_case **c, struct sb_err *err)
{
    struct sb_reading_of reading = {0};
    char why[512], *answer = NULL;
    *c = NULL;
    if (!text || text[strspn(text, " \t\r\n")] == '\0') {
        sb_fail(err, SB_EINPUT, "an empty request");
    } else if (sb_intake_read(o->intake, text, o->namespaces, o->namespaces_n, &reading, err) == 0 &&
               (reading.slots.ns || reading.intent == SB_INTENT_NONE || sb_str_set(&reading.slots.ns, ns) == 0) && (*c = open_case(o, sb_o_new_case(o), text, by, actor, NULL, planned, err))) {
        (*c)->read_only = read_only || sb_server_read_only(o->opt.server);
        if (planned)
            sb_hook("schedule.run.recorded");
        int decision = record_reading(o, *c, &reading, err) ? -1 : sb_o_gate_request(o, *c, actor, why, sizeof why, err);
        if (decision == SB_DENY)
            sb_fail(err, SB_EPOLICY, "policy refuses this request: %s", why);
        else if (decision >= 0 && reading.intent != SB_INTENT_NONE && reading.intent != SB_INTENT_BACKUP_CHECK && reading.slots.ns && !known_namespace(o, reading.slots.ns))
            no_such_namespace(o, reading.slots.ns, err);
        else if (decision >= 0 && sb_o_may_rephrase(o, *c))
            sb_o_rephrase(o, *c, err);
        else if (decision >= 0 && is_assessed(o, *c))
            sb_o_assess(o, *c, err);
        else if (decision >= 0)
            answer = follow(o, *c, err);
    }
    sb_record_release(&sb_reading_of_schema, &reading);
    return answer;
}

void sb_o_rephrased(struct sb_orchestrator *o, struct held_case *c, const struct sb_reading_of *fresh)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_actor actor = {.principal = c->case_.requested_by};
    char why[512], *answer = NULL;
    c->consulting = false;
    int decision = !fresh ? SB_ALLOW : record_reading(o, c, fresh, &err) ? -1 : sb_o_gate_request(o, c, &actor, why, sizeof why, &err);
    const char *ns = c->case_.reading.slots.ns;
    if (decision == SB_DENY)
        sb_fail(&err, SB_EPOLICY, "policy refuses this request: %s", why);
    else if (decision >= 0 && fresh && c->case_.reading.intent != SB_INTENT_BACKUP_CHECK && ns && !known_namespace(o, ns))
        no_such_namespace(o, ns, &err);
    else if (decision >= 0 && is_assessed(o, c) && sb_o_assess(o, c, &err) == 0)
        return; /* sb_o_assessed goes on */
    else if (decision >= 0 && err.code == SB_OK)
        answer = follow(o, c, &err);
    if (err.code != SB_OK || answer) /* else a specialist is at work */
        sb_o_finish_consult(o, c, NULL, &err, answer ? answer : "");
    free(answer);
}

char *sb_o_planned_request(struct sb_orchestrator *o, const struct sb_o_planned *planned, const char *text, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    struct sb_actor actor = {.principal = (char *)(uintptr_t)planned->event};
    struct held_case *c;
    char *answer = sb_o_take_request(o, text, actor.principal, &actor, false, planned, NULL, &c, &why), *id = c ? sb_format("%s", c->case_.id) : NULL;
    if (c && (why.code != SB_OK || answer)) /* else a specialist is at work */
        sb_o_close_case(o, c, why.code != SB_OK ? why.msg : answer);
    if (c && why.code != SB_OK)
        sb_o_notice(o, SB_MEDIUM, "%s, %s: %s", planned->event, c->case_.id, why.msg);
    if (c && !id)
        sb_fail_nomem(err);
    else if (!c)
        *err = why;
    free(answer);
    return id;
}

/* ---- anomalies ---- */

static struct held_anomaly *of_detector(struct sb_orchestrator *o, const char *id)
{
    for (size_t i = 0; i < o->anomalies_n; i++)
        if (sb_streq(o->anomalies[i]->detector_id, id))
            return o->anomalies[i];
    return NULL;
}

void sb_o_route_anomaly(struct sb_orchestrator *o, struct held_anomaly *a, const char *again)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_actor detector = {.principal = (char *)(uintptr_t)sb_name(&sb_specialists, SB_BY_ANOMALY_DETECTOR)};
    struct held_case *c = open_case(o, sb_o_new_case(o), a->anomaly.title, detector.principal, &detector, a, NULL, &err);
    if (!c)
        return;
    struct sb_reading_of reading = {.intent = SB_INTENT_ANOMALY_INVESTIGATE, .confidence_ppm = 1000000};
    char why[512];
    char *reason = again ? sb_format("%s; looked into again: %s", a->anomaly.class_reason, again) : sb_format("%s", a->anomaly.class_reason);
    int rc = sb_str_set(&reading.reason, reason) || !reason || (a->anomaly.namespaces_n && sb_str_set(&reading.slots.ns, a->anomaly.namespaces[0]));
    if (rc == 0)
        rc = record_reading(o, c, &reading, &err);
    free(reason);
    sb_record_release(&sb_reading_of_schema, &reading);
    int decision = rc ? -1 : sb_o_gate_request(o, c, &detector, why, sizeof why, &err);
    const struct sb_route *route = sb_routes_first(o->routes, SB_INTENT_ANOMALY_INVESTIGATE, sb_o_route_facts(o, &c->case_.reading.slots, a));
    char *answer = NULL;
    a->looked = (struct looked){.task = route ? (int)route->task : SB_TASK_NONE, .class_ = a->anomaly.class_, .times = a->looked.times};
    if (decision == SB_DENY)
        sb_fail(&err, SB_EPOLICY, "policy refuses to look into it: %s", why);
    else if (decision >= 0 && !route)
        sb_fail(&err, SB_ENO, "no route leads on from here: %s", sb_routes_instead(o->routes, SB_INTENT_ANOMALY_INVESTIGATE));
    else if (decision >= 0 && route->task == SB_TASK_INDEX_ADVISE && !a->anomaly.namespaces_n)
        sb_fail(&err, SB_ENO, "%s", route->why); /* nothing to look at */
    else if (decision >= 0 && hand_on(o, c, route, a, &err) == 0)
        answer = sb_o_perform(o, c, route, a, NULL, &err);
    if (answer)
        sb_o_close_case(o, c, route->task == SB_TASK_ANSWER ? route->why : answer);
    free(answer);
    if (err.code != SB_OK)
        sb_o_close_case(o, c, err.msg);
    if (sb_str_set(&a->anomaly.case_id, c->case_.id) == 0)
        sb_o_tell_all(o, SB_NEWS_ANOMALY, &a->anomaly);
}

int sb_o_own_incident(struct sb_orchestrator *o, int specialist, const char *title, const char *risk, const struct sb_evidence *evidence, size_t n, const char *outcome, struct sb_err *err)
{
    struct held_case *c = open_case(o, sb_o_add_case(o), title, o->self.principal, NULL, NULL, NULL, err); /* in the midst of a card's end: nothing is let go of */
    struct sb_reading_of reading = {.intent = SB_INTENT_ANOMALY_INVESTIGATE, .confidence_ppm = 1000000};
    if (!c)
        return -1;
    int rc = sb_str_set(&reading.reason, "an incident on a specialist of this console") ? sb_fail_nomem(err) : record_reading(o, c, &reading, err);
    if (rc == 0)
        rc = sb_o_hand_over(o, c, &(struct handing){.from = SB_BY_ORCHESTRATOR, .to = specialist, .why = title, .risk = risk, .evidence = evidence, .n = n}, err);
    sb_record_release(&sb_reading_of_schema, &reading);
    sb_o_close_case(o, c, rc ? err->msg : outcome);
    return rc;
}

/* An anomaly is looked into once its operations explain it, or when it has gone on without that for a while (deployment
 * time). One whose class is load needs no operations. */
#define WAIT_FOR_SHAPES_MS 45000
#define ENOUGH_EXPLAINED_PPM 500000

static bool ripe(const struct sb_orchestrator *o, const struct held_anomaly *a)
{
    const struct sb_anomaly *x = &a->anomaly;
    bool waited = o->have_strip && sb_o_deployment_now(o) - x->detected_at > WAIT_FOR_SHAPES_MS;
    bool explained = x->shapes_n && x->class_ != SB_CLASS_UNKNOWN && x->unexplained_ppm <= 1000000 - ENOUGH_EXPLAINED_PPM;
    return a->detector_id && !x->case_id && !x->to && !x->trend && !x->hushed && (explained || x->class_ == SB_CLASS_LOAD || waited);
}

/* What was quiet and goes on when nothing hushes it any more, is announced then. */
static void speak_up(struct sb_orchestrator *o, struct held_anomaly *a)
{
    char *still = sb_o_hushed(o, &a->anomaly), *was = a->anomaly.hushed;
    if (!still) {
        struct sb_actor detector = {.principal = (char *)(uintptr_t)sb_name(&sb_specialists, SB_BY_ANOMALY_DETECTOR)};
        a->anomaly.hushed = NULL;
        json_t *json = sb_record_to_json(&sb_anomaly_schema, &a->anomaly);
        a->anomaly.hushed = was; /* until it is on the record */
        sb_o_record(o, SB_ENTRY_ANOMALY, &detector, &(struct refs){.anomaly = a}, json ? json_pack("{s:o}", "anomaly", json) : NULL, NULL);
    }
    free(still);
}

#define TREND_AGAIN_MS (90 * 60 * 1000) /* a trend that goes on has been seen again by then, and where backups lie was looked at */

/* What lasts, is of before the start and was not found again is over. */
static void end_lost_trends(struct sb_orchestrator *o)
{
    int64_t now = sb_mono_ms();
    if (o->started_ms == 0)
        o->started_ms = now;
    if (now - o->started_ms >= TREND_AGAIN_MS && !o->trends_settled) {
        o->trends_settled = true;
        sb_o_close_old_anomalies(o, true);
    }
}

void sb_o_tick_anomalies(struct sb_orchestrator *o)
{
    end_lost_trends(o);
    for (size_t i = 0; i < o->anomalies_n; i++)
        if (o->anomalies[i]->anomaly.hushed && !o->anomalies[i]->anomaly.to)
            speak_up(o, o->anomalies[i]);
    for (size_t i = 0; i < o->anomalies_n; i++)
        if (ripe(o, o->anomalies[i]))
            sb_o_route_anomaly(o, o->anomalies[i], NULL);
    sb_o_tick_again(o);
}

bool sb_o_lasts(const struct sb_anomaly *a)
{
    return a->trend || (a->signals_n && a->signals[0].metric && sb_starts_with(a->signals[0].metric, "backup."));
}

/* The same one, told before this program was started again: the detector has found it anew. NULL: there is none. */
static struct held_anomaly *told_before(struct sb_orchestrator *o, const struct sb_anomaly *fresh)
{
    struct held_anomaly *found = NULL;
    for (size_t i = 0; i < o->anomalies_n && sb_o_lasts(fresh) && fresh->signals_n; i++) {
        const struct sb_anomaly *a = &o->anomalies[i]->anomaly;
        if (o->anomalies[i]->detector_id || a->to || !a->signals_n || !sb_o_lasts(a) || a->trend != fresh->trend)
            continue;
        bool same = sb_streq(a->signals[0].metric, fresh->signals[0].metric) && sb_streq(a->signals[0].subject, fresh->signals[0].subject);
        if (same || !a->trend) /* of backups there is one, whatever is wrong with them */
            found = o->anomalies[i];
    }
    return found;
}

/* As in the detector: of a trend it is news that it has come twice as near, of backups that something else is wrong with them. */
static bool is_no_news(const struct sb_anomaly *was, const struct sb_anomaly *is)
{
    if (!is->trend)
        return !is->to && sb_streq(was->title, is->title) && sb_streq(was->class_reason, is->class_reason);
    return !is->to && is->limit_at - is->detected_at > (was->limit_at - was->detected_at) / 2;
}

void sb_o_take_anomaly(struct sb_orchestrator *o, struct sb_anomaly *fresh)
{
    struct held_anomaly *a = of_detector(o, fresh->id), *before = a ? NULL : told_before(o, fresh);
    if (before && (before->detector_id = sb_format("%s", fresh->id))) {
        a = before;
        if (is_no_news(&a->anomaly, fresh))
            return;
    }
    struct sb_actor detector = {.principal = (char *)(uintptr_t)sb_name(&sb_specialists, SB_BY_ANOMALY_DETECTOR)};
    char *detector_id = fresh->id;
    bool is_new = !a;
    if (is_new && !(a = sb_o_new_anomaly(o)))
        return;
    fresh->id = is_new ? sb_format("A-%06" PRId64, o->last_anomaly + 1) : sb_format("%s", a->anomaly.id);
    fresh->hushed = sb_o_hushed(o, fresh);
    json_t *json = NULL;
    if (fresh->id && (!a->anomaly.case_id || sb_str_set(&fresh->case_id, a->anomaly.case_id) == 0))
        json = sb_record_to_json(&sb_anomaly_schema, fresh);
    if (is_new) {
        if (sb_str_set(&a->anomaly.id, fresh->id))
            json = NULL;
        a->detector_id = detector_id;
    } else {
        free(detector_id);
    }
    if (sb_o_record(o, SB_ENTRY_ANOMALY, &detector, &(struct refs){.anomaly = a}, json ? json_pack("{s:o}", "anomaly", json) : NULL, NULL)) {
        if (is_new) { /* it is not on the record, so it is not held; the detector tells of it again when it grows */
            sb_anomaly_release(&a->anomaly);
            free(a->detector_id);
            free(a);
            o->anomalies_n--;
        }
        return;
    }
    if (is_new)
        o->last_anomaly++;
    if (ripe(o, a))
        sb_o_route_anomaly(o, a, NULL);
}
