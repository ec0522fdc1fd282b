/* SPDX-License-Identifier: Apache-2.0
 *
 * Asking policy: every fact frozen into one document, the verdict on the record. */
#include "trial.h"

#include <inttypes.h>
#include <string.h>

/* Sets key to value (taken) unless value is NULL. */
static int set(json_t *object, const char *key, json_t *value)
{
    return value && json_object_set_new(object, key, value) == 0 ? 0 : -1;
}

/* The health of the deployment as telemetry has it; what is not known is left out, and policy calls that an error. */
json_t *sb_o_health(const struct sb_orchestrator *o)
{
    json_t *h = json_object();
    if (!h || !o->have_strip)
        return h;
    int64_t up = 0, lag = -1, queued = -1, cache = -1;
    size_t primaries = 0, sets = o->facts.hello.is_mongos ? o->facts.shards_n : 1;
    bool all_lags = true;
    for (size_t i = 0; i < o->strip.members_n; i++) {
        const struct sb_member_line *m = &o->strip.members[i];
        bool is_primary = sb_streq(m->state, "PRIMARY");
        up += m->healthy && (is_primary || sb_streq(m->state, "SECONDARY") || sb_streq(m->state, "STANDALONE"));
        primaries += is_primary || sb_streq(m->state, "STANDALONE");
        all_lags &= m->lag_s >= 0;
        lag = m->lag_s > lag ? m->lag_s : lag;
        if (is_primary || sb_streq(m->state, "STANDALONE")) {
            queued = m->queued > queued ? m->queued : queued; /* of a cluster the worst one */
            cache = m->cache_ppm > cache ? m->cache_ppm : cache;
        }
    }
    int rc = set(h, "members", json_integer((json_int_t)o->strip.members_n)) || set(h, "members_up", json_integer(up)) ||
             set(h, "primary", json_boolean(sets > 0 && primaries >= sets));
    if (rc == 0 && all_lags && sb_hello_replicated(&o->facts.hello))
        rc = set(h, "lag_s", json_integer(lag));
    if (rc == 0 && queued >= 0)
        rc = set(h, "queued", json_integer(queued));
    if (rc == 0 && cache >= 0)
        rc = set(h, "cache_ppm", json_integer(cache));
    const struct survey *s = sb_o_survey(o);
    if (rc == 0 && s && s->disk_free_ppm >= 0)
        rc = set(h, "disk_free_ppm", json_integer(s->disk_free_ppm));
    if (rc == 0 && s && s->oplog_window_s >= 0)
        rc = set(h, "oplog_window_s", json_integer(s->oplog_window_s));
    if (rc) {
        json_decref(h);
        return NULL;
    }
    return h;
}

static const char *actor_kind(const char *principal)
{
    if (sb_starts_with(principal ? principal : "", SB_O_SCHEDULE)) /* no person can be called that: a login name has no colon */
        return "rule";
    return sb_name_find(&sb_specialists, principal ? principal : "") > SB_BY_OPERATOR ? "rule" : "human";
}

static json_t *actor_json(const char *principal)
{
    return json_pack("{s:s,s:s,s:[]}", "principal", principal ? principal : "", "kind", actor_kind(principal), "groups");
}

static json_t *target_json(const struct sb_orchestrator *o)
{
    const struct sb_deployment_facts *f = &o->facts;
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:b}", "deployment", o->deployment, "id", f->id, "env", sb_name(&sb_environments, o->opt.environment),
                     "version", f->version, "topology", f->hello.set_name[0] ? "replica_set" : f->hello.is_mongos ? "sharded" : "standalone",
                     "simulated", f->simulated);
}

static json_t *base_input(const struct sb_orchestrator *o, const char *stage, const struct sb_actor *actor)
{
    char utc[SB_TIME_LEN + 1];
    sb_time_format(utc, sb_origin_wall_ms(o->opt.origin));
    return json_pack("{s:i,s:s,s:o,s:o,s:o,s:{s:s}}", "v", SB_INPUT_VERSION, "stage", stage, "actor",
                     actor_json(actor ? actor->principal : o->self.principal), "target", target_json(o), "health", sb_o_health(o), "clock", "utc", utc);
}

json_t *sb_o_calendar(const struct sb_orchestrator *o)
{
    json_t *in = base_input(o, "intake", NULL), *calendar = NULL;
    if (in && sb_policy_freeze(o->policy, in, NULL) == 0) {
        calendar = json_incref(json_object_get(in, "calendar"));
        calendar = calendar ? calendar : json_object();
    }
    json_decref(in);
    return calendar;
}

/* ---- what a card wants to do ---- */

/* The first key of a command, which is its name. Up to the closing quote: the text is our own canonical Extended JSON. */
static char *command_name(const char *command)
{
    const char *quote = command ? strchr(command, '"') : NULL;
    size_t n = quote ? strcspn(quote + 1, "\"") : 0;
    return n ? sb_strdup_n(quote + 1, n) : NULL;
}

static json_t *commands_json(const struct sb_card *c)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < c->steps_n; i++) {
        char *name = command_name(c->steps[i].action);
        int rc = name ? json_array_append_new(list, json_string(name)) : -1;
        free(name);
        if (rc) {
            json_decref(list);
            return NULL;
        }
    }
    return list;
}

const char *sb_o_action_kind(const struct sb_card *c)
{
    switch (c->kind) {
    case SB_KIND_CREATE_INDEX: return "index.create";
    case SB_KIND_DROP_INDEX: return "index.drop";
    case SB_KIND_HIDE_INDEX: return "index.hide";
    case SB_KIND_PROFILE: return "profile.set";
    case SB_KIND_OBSERVE: return "schema.observe";
    case SB_KIND_BACKFILL: return "schema.backfill";
    case SB_KIND_CONTRACT: return "schema.contract";
    case SB_KIND_WHAT_IF: return "what_if";
    case SB_KIND_KILL_OP: return "op.kill";
    case SB_KIND_VALIDATOR: return "schema.validator";
    case SB_KIND_EXPIRE: return "schema.expire";
    case SB_KIND_RENAME: return "schema.rename";
    default: return "advice";
    }
}

static int count_options(const char *options)
{
    json_t *o = options ? json_loads(options, 0, NULL) : NULL;
    int n = (int)json_object_size(o);
    json_decref(o);
    return n;
}

/* The profiling level that a card asks for; -1 when it asks for none. */
static int64_t profile_level(const struct sb_card *c)
{
    bson_t *doc = c->kind == SB_KIND_PROFILE && c->steps_n ? bson_new_from_json((const uint8_t *)c->steps[0].action, -1, NULL) : NULL;
    bson_iter_t it;
    int64_t level = doc && bson_iter_init_find(&it, doc, "profile") && BSON_ITER_HOLDS_INT(&it) ? bson_iter_as_int64(&it) : -1;
    if (doc)
        bson_destroy(doc);
    return level;
}

/* How long the documents of an index live, in seconds; -1: it deletes none. Plain or canonical Extended JSON. */
static json_int_t ttl_of(const json_t *options)
{
    const json_t *v = json_object_get(options, "expireAfterSeconds");
    const char *text = json_is_object(v) ? json_string_value(json_object_iter_value(json_object_iter((json_t *)(uintptr_t)v))) : NULL;
    int64_t n;
    if (json_is_number(v))
        return (json_int_t)json_number_value(v);
    return text && sb_parse_i64(text, &n) == 0 ? (json_int_t)n : v ? 0 : -1;
}

static const char *class_of(const struct sb_card *c, bool rollback)
{
    bool costly = c->kind == SB_KIND_CREATE_INDEX || c->kind == SB_KIND_DROP_INDEX || c->kind == SB_KIND_BACKFILL || c->kind == SB_KIND_CONTRACT || c->kind == SB_KIND_KILL_OP || c->kind == SB_KIND_EXPIRE ||
                  c->kind == SB_KIND_RENAME;
    return rollback ? "reversible" : c->kind == SB_KIND_OBSERVE ? "read" : costly ? "costly" : "reversible";
}

static json_t *action_json(const struct sb_card *c, bool rollback)
{
    bool has_undo = c->steps_n > 0, lossless = true;
    for (size_t i = 0; i < c->steps_n; i++) {
        has_undo &= c->steps[i].undo != NULL;
        lossless &= c->steps[i].undo_label == SB_UNDO_LOSSLESS;
    }
    json_t *options = c->index_options ? json_loads(c->index_options, 0, NULL) : NULL;
    bool unique = json_is_true(json_object_get(options, "unique"));
    json_int_t ttl = ttl_of(options);
    json_decref(options);
    json_t *a = json_pack("{s:s,s:s,s:[s],s:o,s:s,s:b,s:b,s:I,s:I,s:I,s:b}", "kind", rollback ? "rollback" : sb_o_action_kind(c), "class",
                          class_of(c, rollback), "ns", c->target,
                          "commands", commands_json(c), "risk", sb_name(&sb_levels, c->risk), "reversible", lossless, "has_undo", has_undo, "est_docs",
                          (json_int_t)c->blast_radius.documents, "est_bytes", (json_int_t)c->blast_radius.est_bytes, "est_duration_s",
                          (json_int_t)(c->blast_radius.est_duration_ms / 1000), "own", rollback);
    if (a && profile_level(c) >= 0 && set(a, "level", json_integer(profile_level(c)))) {
        json_decref(a);
        return NULL;
    }
    if (a && c->index_name && set(a, "index", json_pack("{s:s,s:b,s:i}", "name", c->index_name, "unique", unique, "options", count_options(c->index_options)))) {
        json_decref(a);
        return NULL;
    }
    if (a && ttl >= 0 && c->index_name && set(json_object_get(a, "index"), "ttl_s", json_integer(ttl))) {
        json_decref(a);
        return NULL;
    }
    return a;
}

static json_t *approval_input(const char *by, bool own, const char *at)
{
    return json_pack("{s:s,s:[],s:s*,s:o*}", "by", by, "groups", "at", at, "own", own ? json_true() : NULL);
}

static json_t *approvals_json(const struct sb_card *c, const struct extra *extra)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < c->approvals_n; i++) {
        const struct sb_approval *a = &c->approvals[i];
        if (a->voided || a->revision != c->revision || !sb_streq(a->hash, c->hash))
            continue;
        char at[SB_TIME_LEN + 1];
        sb_time_format(at, a->at);
        if (json_array_append_new(list, approval_input(a->by, a->own, at))) {
            json_decref(list);
            return NULL;
        }
    }
    if (list && extra && json_array_append_new(list, approval_input(extra->by, extra->own, NULL))) {
        json_decref(list);
        return NULL;
    }
    return list;
}

static json_t *plan_json(const struct held_card *held)
{
    const struct sb_card *c = &held->card;
    char fingerprint[SB_HEX_LEN + 1];
    return sb_o_fingerprint(c, fingerprint) ? NULL
                                            : json_pack("{s:s,s:s,s:I,s:s,s:I,s:s,s:b,s:b}", "case", c->case_id, "card", c->id, "revision", (json_int_t)c->revision, "sha256",
                                                        c->hash, "steps", (json_int_t)c->steps_n, "fingerprint", fingerprint, "started", held->run.started > 0, "in_step", false);
}

static json_t *editors_json(const struct sb_card *c)
{
    bool specialist = sb_name_find(&sb_specialists, c->author ? c->author : "") >= 0;
    return specialist ? json_array() : json_pack("[s]", c->author);
}

/* The glass that was broken for these bytes; NULL: none. Whether it counts is policy's to say. */
static json_t *glass_json(const struct sb_card *c)
{
    const struct sb_breakglass *g = &c->breakglass;
    char from[SB_TIME_LEN + 1], until[SB_TIME_LEN + 1];
    sb_time_format(from, g->from);
    sb_time_format(until, g->until);
    return json_pack("{s:s,s:s,s:s,s:s,s:s,s:s,s:s}", "id", g->id, "plan", g->hash, "by", g->by, "reason", g->reason, "ticket", g->ticket, "from", from, "until", until);
}

static json_t *card_input(struct sb_orchestrator *o, struct held_card *held, const char *stage, const struct sb_actor *actor,
                          const struct extra *extra, bool rollback)
{
    const struct sb_card *c = &held->card;
    int64_t lowered;
    struct sb_err why = SB_ERR_INIT;
    if (sb_o_review_level(o, held, &lowered, &why)) { /* whether the level still stands is not known: then there is none */
        sb_o_notice(o, SB_MEDIUM, "What came of earlier proposals cannot be counted, so nothing is done by itself: %s", why.msg);
        lowered = 0;
    }
    json_t *in = base_input(o, stage, actor);
    if (!in)
        return NULL;
    if (sb_o_recovery(o, in, &lowered, &why)) { /* what is not known denies or asks by the rules that want it */
        sb_o_notice(o, SB_MEDIUM, "What came of restore drills cannot be read, so nothing is done by itself: %s", why.msg);
        lowered = 0;
    }
    if (lowered >= 0 && set(in, "autonomy", json_pack("{s:I}", "lowered_to", (json_int_t)lowered))) {
        json_decref(in);
        return NULL;
    }
    if (set(in, "action", action_json(c, rollback)) ||
        (c->kind == SB_KIND_DROP_INDEX && !rollback && set(json_object_get(in, "action"), "retired", json_boolean(sb_o_hidden_and_watched(o, c)))) ||
        set(in, "plan", plan_json(held)) ||
        set(in, "author", json_pack("{s:s,s:s}", "principal", c->author, "kind", actor_kind(c->author))) || set(in, "editors", editors_json(c)) ||
        set(in, "approvals", approvals_json(c, extra)) || set(in, "model", json_pack("{s:I}", "confidence_ppm", (json_int_t)c->confidence_ppm)) ||
        set(in, "history", sb_o_history(o, c)) || (c->breakglass.id && sb_streq(c->breakglass.hash, c->hash) && set(in, "breakglass", glass_json(c))) ||
        (held->run.builds >= 0 && set(json_object_get(in, "health"), "builds", json_integer(held->run.builds))) ||
        (held->run.oldest_op_s >= 0 && set(json_object_get(in, "health"), "oldest_op_s", json_integer(held->run.oldest_op_s)))) {
        json_decref(in);
        return NULL;
    }
    return in;
}

/* ---- asking ---- */

/* Evaluates, gives the decision its number and puts it on the record. in is taken, and frozen meanwhile. */
static int ask(struct sb_orchestrator *o, const char *stage, const struct sb_actor *actor, const struct refs *refs, json_t *in,
               struct sb_policy_verdict *v, struct sb_err *err)
{
    memset(v, 0, sizeof *v);
    if (!in)
        return sb_fail_nomem(err);
    if (refs && refs->card && sb_o_add_waivers(o, in, err)) {
        json_decref(in);
        return -1;
    }
    char id[24];
    snprintf(id, sizeof id, "d-%06" PRId64, o->last_decision + 1);
    json_t *verdict = NULL, *asked = o->shadow ? json_deep_copy(in) : NULL;
    int rc = sb_policy_freeze(o->policy, in, err) || sb_policy_evaluate(o->policy, in, v, err) ? -1 : 0;
    if (rc == 0 && (sb_str_set(&v->decision_id, id) || !(verdict = sb_record_to_json(&sb_policy_verdict_schema, v))))
        rc = sb_fail_nomem(err);
    if (rc == 0) {
        struct refs with = refs ? *refs : (struct refs){0};
        with.decision = id;
        rc = sb_o_record(o, SB_ENTRY_VERDICT, actor, &with, json_pack("{s:s,s:o,s:O,s:o*}", "stage", stage, "verdict", verdict, "input", in, "shadow", sb_o_shadow(o, asked, v)), err);
        if (rc == 0)
            o->last_decision++;
    }
    json_decref(in);
    json_decref(asked);
    if (rc)
        sb_policy_verdict_release(v);
    return rc;
}

/* What would change a verdict, in one line. */
static void join(const struct sb_policy_verdict *v, char *out, size_t cap)
{
    size_t n = 0;
    out[0] = '\0';
    for (size_t i = 0; i < v->would_flip_n && n + 1 < cap; i++)
        n += (size_t)snprintf(out + n, cap - n, "%s%s", i ? "; " : "", v->would_flip[i]);
}

void sb_o_unmet(const struct held_card *card, char *out, size_t cap)
{
    join(&card->card.policy, out, cap);
    if (out[0] == '\0' && card->card.needs_person && sb_card_approvals(&card->card) == 0)
        snprintf(out, cap, "one approval, for it was asked for from a read-only console");
}

/* Why a plan that has not begun would run out of one of its windows, or into a freeze; empty: it would not. Where the window says
 * that a plan may go on to its end, that was thought of. *over: when that window has closed, and can be asked for again. */
static void too_long(const json_t *calendar, const struct sb_policy_verdict *v, const struct sb_card *c, int64_t now, int64_t *over, char *why, size_t cap)
{
    why[0] = '\0';
    for (size_t i = 0; i < v->requires.windows_n && !why[0]; i++) {
        const json_t *state = json_object_get(calendar, v->requires.windows[i]);
        const char *next = sb_json_str(state, "next"), *local = sb_json_str(state, "next_local"), *tz = sb_json_str(state, "tz");
        char takes[64];
        if (!next || sb_time_parse(next, strlen(next), over) || c->blast_radius.est_duration_ms <= *over - now || sb_streq(sb_json_str(state, "overrun"), "finish_plan"))
            continue;
        sb_duration_format(takes, sizeof takes, c->blast_radius.est_duration_ms);
        snprintf(why, cap, "it would take about %s, and the %s %.60s %s on %.40s (%.40s)", takes, sb_streq(sb_json_str(state, "kind"), "deny") ? "freeze" : "window",
                 v->requires.windows[i], sb_streq(sb_json_str(state, "kind"), "deny") ? "begins" : "closes", local ? local : next, tz ? tz : "UTC");
    }
}

/* When the freeze ends that a rule looked at; 0: it looked at none that is in force, or whose end is in sight. */
static int64_t freeze_behind(json_t *calendar, const struct sb_rule_result *rule)
{
    const char *name;
    json_t *state;
    int64_t end = 0, at;
    json_object_foreach(calendar, name, state) {
        char fact[120];
        const char *next = sb_json_str(state, "next");
        snprintf(fact, sizeof fact, "calendar.%s.active", name);
        if (sb_streq(sb_json_str(state, "kind"), "deny") && json_is_true(json_object_get(rule->values, fact)) && next && sb_time_parse(next, strlen(next), &at) == 0)
            end = at > end ? at : end;
    }
    return end;
}

/* The same of a denial: when it may be over by the clock alone, because a freeze is behind each rule that made it; 0: it is not. */
static int64_t freezes_end(json_t *calendar, const struct sb_policy_verdict *v)
{
    int64_t last = 0;
    for (size_t i = 0; i < v->rules_n; i++) {
        int64_t end = v->rules[i].decides ? freeze_behind(calendar, &v->rules[i]) : 0;
        if (v->rules[i].decides && !end)
            return 0;
        last = end > last ? end : last;
    }
    return last;
}

/* When a window closes, or a freeze begins, that is not so yet; 0: none in sight. */
static int64_t next_change(json_t *calendar)
{
    const char *name;
    json_t *state;
    int64_t first = 0, at;
    json_object_foreach(calendar, name, state) {
        const char *next = sb_json_str(state, "next");
        bool open = json_is_true(json_object_get(state, "active")) != sb_streq(sb_json_str(state, "kind"), "deny");
        if (open && next && sb_time_parse(next, strlen(next), &at) == 0 && (!first || at < first))
            first = at;
    }
    return first;
}

int sb_o_gate(struct sb_orchestrator *o, struct held_card *card, const char *stage, const struct sb_actor *actor, const struct extra *extra,
              bool rollback, struct sb_err *err)
{
    struct sb_policy_verdict v;
    json_t *in = card_input(o, card, stage, actor, extra, rollback);
    card->run.opens_at = 0;
    if (ask(o, stage, actor, &(struct refs){.card = card}, json_incref(in), &v, err)) {
        json_decref(in);
        return -1;
    }
    int decision = v.decision;
    card->run.asks_at = next_change(json_object_get(in, "calendar"));
    if (decision == SB_REQUIRE && v.waits_for_n) {
        /* everything else is there: to whoever is about to send a step this is a "not now", which is asked again */
        decision = SB_DENY;
        card->run.opens_at = v.waits_until;
        sb_fail(err, SB_EPOLICY, "it waits for %s %.60s%s%s%s", v.waits_for_n == 1 ? "the window" : "the windows", v.waits_for[0],
                v.waits_for_n == 1 ? "" : " and others", v.waits_until_local ? ", until " : v.waits_until ? "" : "; when that opens is not in sight",
                v.waits_until_local ? v.waits_until_local : "");
    } else if (decision == SB_ALLOW && !rollback && sb_streq(stage, "execute") && !card->run.started) {
        char why[256];
        int64_t over = 0;
        too_long(json_object_get(in, "calendar"), &v, &card->card, sb_origin_wall_ms(o->opt.origin), &over, why, sizeof why);
        if (why[0]) {
            decision = SB_DENY;
            card->run.opens_at = over;
            sb_fail(err, SB_EPOLICY, "%s", why);
        }
    } else if (decision == SB_REQUIRE && !v.wants_persons && sb_streq(stage, "execute")) {
        char missing[300];
        join(&v, missing, sizeof missing); /* nobody can approve it any further: this, too, is asked again */
        decision = SB_DENY;
        sb_fail(err, SB_EPOLICY, "policy wants more: %s", missing);
    } else if (decision == SB_REQUIRE && !v.wants_persons && sb_streq(stage, "approve")) {
        decision = SB_ALLOW; /* as far as persons go: the rest is asked about again right before each step */
    } else if (decision == SB_DENY) {
        const char *why = NULL;
        for (size_t i = 0; i < v.rules_n; i++)
            if (v.rules[i].decides && !why)
                why = v.rules[i].message ? v.rules[i].message : v.rules[i].title;
        sb_fail(err, SB_EPOLICY, "policy denies it: %s", why ? why : "no rule allows it");
        card->run.opens_at = sb_streq(stage, "execute") ? freezes_end(json_object_get(in, "calendar"), &v) : 0;
    }
    sb_policy_verdict_release(&v);
    json_decref(in);
    bool somebody = extra || sb_card_approvals(&card->card) > 0;
    return decision == SB_ALLOW && card->card.needs_person && !somebody && !rollback ? SB_REQUIRE : decision;
}

/* The words of the first of the card's rules about health that denies; false: none does. What was not measured is no alarm. */
static bool health_denies(const struct sb_policy_verdict *v, char *why, size_t cap)
{
    for (size_t i = 0; v->decision == SB_DENY && i < v->rules_n; i++) {
        const struct sb_rule_result *r = &v->rules[i];
        const char *fact;
        json_t *value;
        if (!r->decides || r->result != SB_TRUE)
            continue;
        json_object_foreach(r->values, fact, value) {
            if (!sb_starts_with(fact, "health."))
                continue;
            snprintf(why, cap, "%s (%s)", r->message ? r->message : r->title, r->id);
            return true;
        }
    }
    return false;
}

int sb_o_gate_running(struct sb_orchestrator *o, struct held_card *card, bool record, char *why, size_t cap)
{
    struct sb_policy_verdict v;
    struct sb_err err = SB_ERR_INIT;
    json_t *in = card_input(o, card, "execute", NULL, NULL, false);
    if (!in || set(json_object_get(in, "plan"), "in_step", json_true()) || set(json_object_get(in, "health"), "builds", json_integer(0))) {
        json_decref(in); /* the build that runs is the card's own: it is not held against it */
        return -1;
    }
    if (record ? ask(o, "execute", NULL, &(struct refs){.card = card}, in, &v, &err) : sb_policy_freeze(o->policy, in, &err) || sb_policy_evaluate(o->policy, in, &v, &err)) {
        if (!record)
            json_decref(in);
        return -1;
    }
    if (!record)
        json_decref(in);
    bool denied = health_denies(&v, why, cap);
    sb_policy_verdict_release(&v);
    return denied ? 1 : 0;
}

bool sb_o_gate_abort(struct sb_orchestrator *o, struct held_card *card, struct sb_err *err)
{
    struct sb_policy_verdict v;
    json_t *in = card_input(o, card, "execute", NULL, NULL, true);
    if (!in || set(json_object_get(in, "action"), "kind", json_string("abort")) || set(json_object_get(in, "plan"), "in_step", json_true())) {
        json_decref(in);
        sb_fail_nomem(err);
        return false;
    }
    if (ask(o, "execute", NULL, &(struct refs){.card = card}, in, &v, err))
        return false;
    bool may = v.decision == SB_ALLOW;
    sb_policy_verdict_release(&v);
    return may;
}

static json_t *health_there(const struct trial_there *h)
{
    json_t *out = json_pack("{s:I,s:I,s:b}", "members", (json_int_t)h->members, "members_up", (json_int_t)h->members_up, "primary", 1);
    const struct {
        const char *name;
        int64_t value;
    } known[] = {{"lag_s", h->lag_s}, {"queued", h->queued}, {"cache_ppm", h->cache_ppm}, {"builds", h->builds}};
    int rc = out ? 0 : -1;
    for (size_t i = 0; i < SB_COUNT(known) && rc == 0; i++)
        rc = known[i].value >= 0 ? set(out, known[i].name, json_integer(known[i].value)) : 0;
    if (rc)
        json_decref(out);
    return rc ? NULL : out;
}

int sb_o_gate_there(struct sb_orchestrator *o, struct held_card *tried, struct held_case *c, const struct trial_there *h, struct sb_err *err)
{
    const struct sb_deployment_facts *f = &h->facts;
    struct sb_policy_verdict v;
    json_t *in = card_input(o, tried, "execute", NULL, NULL, false);
    if (!in || set(in, "health", health_there(h)) ||
        set(in, "target", json_pack("{s:s,s:s,s:s,s:s,s:s,s:b}", "deployment", "what_if", "id", f->id, "env", sb_name(&sb_environments, o->opt.what_if_environment), "version", f->version, "topology",
                                    f->hello.set_name[0] ? "replica_set" : f->hello.is_mongos ? "sharded" : "standalone", "simulated", f->simulated))) {
        json_decref(in);
        return sb_fail_nomem(err);
    }
    if (ask(o, "execute", NULL, &(struct refs){.case_ = c}, in, &v, err))
        return -1;
    const char *why = NULL;
    for (size_t i = 0; i < v.rules_n && !why; i++)
        if (v.rules[i].decides)
            why = v.rules[i].message ? v.rules[i].message : v.rules[i].title;
    int decision = v.decision;
    if (decision != SB_ALLOW)
        sb_fail(err, SB_EPOLICY, "policy %s: %s", decision == SB_DENY ? "denies it there" : "wants more than there is for it", why ? why : "no rule allows it");
    sb_policy_verdict_release(&v);
    return decision;
}

int sb_o_gate_request(struct sb_orchestrator *o, struct held_case *c, const struct sb_actor *actor, char *why, size_t cap, struct sb_err *err)
{
    json_t *in = base_input(o, "intake", actor), *ns = c->case_.reading.slots.ns ? json_pack("[s]", c->case_.reading.slots.ns) : json_array();
    json_t *action = json_pack("{s:s,s:s,s:s,s:o}", "kind", "request", "class", "read", "intent", sb_name(&sb_intents, c->case_.reading.intent), "ns", ns);
    if (!in || set(in, "action", action)) {
        json_decref(in);
        return sb_fail_nomem(err);
    }
    struct sb_policy_verdict v;
    if (ask(o, "intake", actor, &(struct refs){.case_ = c}, in, &v, err))
        return -1;
    snprintf(why, cap, "no rule allows it");
    for (size_t i = 0; i < v.rules_n; i++)
        if (v.rules[i].decides) {
            snprintf(why, cap, "%s", v.rules[i].message ? v.rules[i].message : v.rules[i].title);
            break;
        }
    int decision = v.decision;
    sb_policy_verdict_release(&v);
    return decision;
}
