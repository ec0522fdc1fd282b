/* SPDX-License-Identifier: Apache-2.0
 *
 * Hooks at work: what is on the record is told to the commands that want to know it, one at a time and in its order; those
 * that stand before a step are asked at once. The work is done by workers; here only lists are kept. */
#include "summarise.h"

#include <signalbox/base/process.h>

#include <inttypes.h>
#include <string.h>

#define TRIES 3
#define AGAIN_MS 1000      /* before the second try; before the third five times as long */
#define WAITING_MOST 500   /* not yet told; beyond, the newest are dropped and counted */
#define OUTPUT_MOST 2000   /* bytes that are kept of what a command says */
#define SAID_MOST 200      /* of these, in a line for people */

/* One command and what it is told. */
struct telling_hook {
    struct telling_hook *next;
    struct sb_orchestrator *o;
    struct errand way;
    const struct sb_event_hook *hook;
    char *event, *card_id, *case_id, *anomaly_id;
    struct sb_str text;  /* one JSON object and a newline */
    int64_t tries, again_ms;
    int64_t turn, step;  /* of a card, before a step */
    size_t which;        /* of the hooks: those before it have let the step pass */
    struct sb_told told;
    struct sb_err err;
};

static void free_telling(void *p)
{
    struct telling_hook *t = p;
    free(t->event);
    free(t->card_id);
    free(t->case_id);
    free(t->anomaly_id);
    sb_str_release(&t->text);
    sb_str_release(&t->told.output);
    free(t);
}

void sb_o_free_hooks(struct sb_orchestrator *o)
{
    while (o->hooks_first) {
        struct telling_hook *t = o->hooks_first;
        o->hooks_first = t->next;
        free_telling(t);
    }
}

/* Takes body. */
static struct telling_hook *new_telling(struct sb_orchestrator *o, const struct sb_event_hook *hook, const char *event, const char *card, const char *case_id, const char *anomaly, json_t *body)
{
    struct telling_hook *t = calloc(1, sizeof *t);
    struct sb_err err = SB_ERR_INIT;
    int rc = t && body ? 0 : -1;
    if (t) {
        t->o = o;
        t->hook = hook;
        sb_str_init(&t->text);
        sb_str_init(&t->told.output);
        rc = rc || sb_str_set(&t->event, event) || sb_str_set(&t->card_id, card) || sb_str_set(&t->case_id, case_id) || sb_str_set(&t->anomaly_id, anomaly) ||
             sb_json_canonical(&t->text, body, &err);
        sb_str_addc(&t->text, '\n');
    }
    json_decref(body);
    if (rc == 0 && sb_str_ok(&t->text))
        return t;
    if (t)
        free_telling(t);
    return NULL;
}

/* ---- the work ---- */

static void run_command(struct telling_hook *t)
{
    sb_str_truncate(&t->told.output, 0);
    t->err.code = SB_OK;
    sb_process_tell((const char *const *)t->hook->argv, t->text.p, t->text.len, OUTPUT_MOST, (int)t->hook->within_ms, &t->o->hooks_give_up, &t->told, &t->err);
}

static bool went_well(const struct telling_hook *t)
{
    return t->err.code == SB_OK && !t->told.late && t->told.status == 0;
}

/* How it went, in words. */
static void describe(const struct telling_hook *t, char *out, size_t cap)
{
    if (t->err.code != SB_OK)
        snprintf(out, cap, "could not be run: %s", t->err.msg);
    else if (t->told.late)
        snprintf(out, cap, "was killed after %" PRId64 " ms", t->told.ms);
    else if (t->told.status < 0)
        snprintf(out, cap, "was ended, because the program ends");
    else if (t->told.status == 0)
        snprintf(out, cap, "ended well");
    else
        snprintf(out, cap, "ended with %d", t->told.status);
}

static void record(struct sb_orchestrator *o, struct telling_hook *t)
{
    char outcome[256];
    struct refs refs = {.card = t->card_id ? sb_o_card(o, t->card_id) : NULL};
    if (!refs.card) {
        refs.case_ = t->case_id ? sb_o_case(o, t->case_id) : NULL;
        refs.anomaly = t->anomaly_id ? sb_o_anomaly(o, t->anomaly_id) : NULL;
    }
    describe(t, outcome, sizeof outcome);
    sb_o_record(o, SB_ENTRY_HOOK, NULL, &refs,
                json_pack("{s:s,s:o,s:I,s:o,s:I,s:I,s:o}", "event", t->event, "command", sb_o_words(t->hook->argv[t->hook->shell ? t->hook->argv_n - 1 : 0]),
                          "try", (json_int_t)t->tries, "outcome", sb_o_words(outcome), "status", (json_int_t)t->told.status, "millis", (json_int_t)t->told.ms, "output",
                          sb_json_of_bytes(t->told.output.p ? t->told.output.p : "", t->told.output.len)),
                NULL);
}

/* ---- events ---- */

static void told(struct sb_orchestrator *o, void *p)
{
    struct telling_hook *t = p;
    o->hook_away = false;
    t->tries++;
    record(o, t);
    if (went_well(t) || o->stopping) {
        free_telling(t);
    } else if (t->tries < TRIES) {
        t->again_ms = sb_mono_ms() + (t->tries == 1 ? AGAIN_MS : 5 * AGAIN_MS);
        t->next = o->hooks_first; /* before what came later: each hook hears of things in their order */
        o->hooks_first = t;
        o->hooks_n++;
        if (!t->next)
            o->hooks_end = &t->next;
    } else {
        char outcome[256];
        describe(t, outcome, sizeof outcome);
        sb_o_notice(o, SB_MEDIUM, "The hook for %s was tried %d times: %s %s.", t->event, TRIES, t->hook->argv[0], outcome);
        free_telling(t);
    }
    sb_o_tick_hooks(o);
}

static void tell_one(void *p)
{
    struct telling_hook *t = p;
    run_command(t);
    sb_o_post_done(t->o, &t->way, told, t, free_telling);
}

/* The first that is due and has none before it for the same hook: each hears of things in their order, and none waits for
 * another's second try. Its place in the list; NULL: none is due. */
static struct telling_hook **next_due(struct sb_orchestrator *o)
{
    int64_t now = sb_mono_ms();
    for (struct telling_hook **at = &o->hooks_first; *at; at = &(*at)->next) {
        bool free_to_go = now >= (*at)->again_ms;
        for (const struct telling_hook *before = o->hooks_first; free_to_go && before != *at; before = before->next)
            free_to_go = before->hook != (*at)->hook;
        if (free_to_go)
            return at;
    }
    return NULL;
}

void sb_o_tick_hooks(struct sb_orchestrator *o)
{
    struct telling_hook **at = o->hook_away || o->stopping ? NULL : next_due(o), *t = at ? *at : NULL;
    if (!t)
        return;
    *at = t->next;
    if (!t->next)
        o->hooks_end = at;
    t->next = NULL;
    o->hooks_n--;
    o->hook_away = sb_o_work(o, &t->way, tell_one, t, free_telling);
}

static void enqueue(struct sb_orchestrator *o, struct telling_hook *t)
{
    if (!t || o->hooks_n >= WAITING_MOST) {
        if (t)
            free_telling(t);
        if (o->hooks_lost++ == 0)
            sb_o_notice(o, SB_HIGH, "Hooks are not told of everything any more: %d things wait to be told already.", WAITING_MOST);
        return;
    }
    if (!o->hooks_first)
        o->hooks_end = &o->hooks_first;
    *o->hooks_end = t;
    o->hooks_end = &t->next;
    o->hooks_n++;
}

/* What an entry is called as an event: its kind, and a second name where it has one. */
static bool wants(const struct sb_event_hook *h, const struct sb_entry *e, bool fresh)
{
    const char *to = e->kind == SB_ENTRY_STATE ? sb_json_str(e->body, "to") : NULL;
    if (to && strncmp(h->event, "state.", 6) == 0)
        return strcmp(h->event + 6, to) == 0;
    if (e->kind == SB_ENTRY_ANOMALY && strcmp(h->event, "anomaly.began") == 0)
        return fresh;
    if (e->kind == SB_ENTRY_ANOMALY && strcmp(h->event, "anomaly.over") == 0)
        return json_is_string(json_object_get(json_object_get(e->body, "anomaly"), "to"));
    return strcmp(h->event, sb_name(&sb_entry_kinds, e->kind)) == 0;
}

static json_t *said_of(const struct sb_orchestrator *o, const struct sb_entry *e, const char *event)
{
    struct sb_str text;
    char at[SB_TIME_LEN + 1];
    sb_str_init(&text);
    sb_entry_text(e, &text);
    sb_time_format(at, e->ts);
    json_t *body = json_pack("{s:s,s:s,s:s,s:I,s:s,s:s,s:b,s:o,s:o,s:o,s:I,s:o,s:s?,s:s?,s:o}", "event", event, "kind", sb_name(&sb_entry_kinds, e->kind), "at", at, "seq", (json_int_t)e->seq,
                             "deployment", o->deployment, "environment", sb_name(&sb_environments, o->opt.environment), "simulated", o->facts.simulated, "case", sb_o_words(e->plan.case_id),
                             "card", sb_o_words(e->plan.card), "hash", sb_o_words(e->plan.hash), "revision", (json_int_t)e->plan.revision, "anomaly", sb_o_words(e->plan.anomaly), "state",
                             e->kind == SB_ENTRY_STATE ? sb_json_str(e->body, "to") : NULL, "actor", e->actor.principal, "text", sb_json_of_bytes(text.p ? text.p : "", text.len));
    if (body && e->kind == SB_ENTRY_REPORT && json_object_set(body, "report", e->body)) { /* whoever sends it on needs no file of ours */
        json_decref(body);
        body = NULL;
    }
    sb_str_release(&text);
    return body;
}

void sb_o_tell_hooks(struct sb_orchestrator *o, const struct sb_entry *e, bool fresh)
{
    if (e->kind == SB_ENTRY_HOOK || o->stopping)
        return;
    for (size_t i = 0; i < o->opt.hooks_n; i++) {
        const struct sb_event_hook *h = &o->opt.hooks[i];
        if (!sb_event_hook_guards(h->event) && wants(h, e, fresh))
            enqueue(o, new_telling(o, h, h->event, e->plan.card, e->plan.case_id, e->plan.anomaly, said_of(o, e, h->event)));
    }
    if (e->kind == SB_ENTRY_RECOMMENDATION || e->kind == SB_ENTRY_EDIT)
        sb_o_summarise(o, e->plan.card);
    sb_o_tick_hooks(o);
}

/* ---- before a step ---- */

static void answered(struct sb_orchestrator *o, void *p);

static void ask_one(void *p)
{
    struct telling_hook *t = p;
    run_command(t);
    sb_o_post_done(t->o, &t->way, answered, t, free_telling);
}

/* The next hook before a step from `which` on; NULL: there is none. */
static const struct sb_event_hook *next_guard(const struct sb_orchestrator *o, size_t *which)
{
    for (; *which < o->opt.hooks_n; ++*which)
        if (strcmp(o->opt.hooks[*which].event, SB_HOOK_BEFORE_STEP) == 0)
            return &o->opt.hooks[*which];
    return NULL;
}

static void answered(struct sb_orchestrator *o, void *p)
{
    struct telling_hook *t = p;
    struct held_card *card = sb_o_card(o, t->card_id);
    t->tries++;
    record(o, t);
    if (!card || card->run.turn != t->turn || o->stopping) {
        free_telling(t);
        return;
    }
    if (!went_well(t)) {
        char outcome[256], why[256 + SAID_MOST + 64];
        describe(t, outcome, sizeof outcome);
        size_t said = strcspn(t->told.output.p ? t->told.output.p : "", "\n");
        snprintf(why, sizeof why, "the hook before its step %" PRId64 " %s%s%.*s", t->step, outcome, said ? ": " : "", (int)(said < SAID_MOST ? said : SAID_MOST), t->told.output.p ? t->told.output.p : "");
        sb_o_hooks_answered(o, card, t->step, why);
    } else {
        t->which++;
        t->tries = 0;
        t->hook = next_guard(o, &t->which);
        if (t->hook) {
            if (!sb_o_work(o, &t->way, ask_one, t, free_telling))
                sb_o_hooks_answered(o, card, 0, "the hooks before its step cannot be asked now");
            return;
        }
        sb_o_hooks_answered(o, card, t->step, NULL);
    }
    free_telling(t);
}

bool sb_o_ask_hooks(struct sb_orchestrator *o, struct held_card *card, int64_t step)
{
    size_t which = 0;
    const struct sb_event_hook *h = next_guard(o, &which);
    if (!h || card->run.let == step)
        return false;
    const struct sb_card *c = &card->card;
    const struct sb_step *s = step >= 1 && (size_t)step <= c->steps_n ? &c->steps[step - 1] : NULL;
    json_t *body = json_pack("{s:s,s:s,s:s,s:b,s:o,s:o,s:o,s:I,s:I,s:o,s:o,s:o}", "event", SB_HOOK_BEFORE_STEP, "deployment", o->deployment, "environment",
                             sb_name(&sb_environments, o->opt.environment), "simulated", o->facts.simulated, "case", sb_o_words(c->case_id), "card", sb_o_words(c->id), "hash", sb_o_words(c->hash),
                             "revision", (json_int_t)c->revision, "step", (json_int_t)step, "command", sb_o_words(s ? s->action : NULL), "title", sb_o_words(c->title), "target", sb_o_words(c->target));
    struct telling_hook *t = new_telling(o, h, SB_HOOK_BEFORE_STEP, c->id, c->case_id, NULL, body);
    if (t) {
        t->which = which;
        t->step = step;
        t->turn = ++card->run.turn;
    }
    card->run.away = t && sb_o_work(o, &t->way, ask_one, t, free_telling);
    card->run.phase = card->run.away || c->state == SB_EXECUTING ? PHASE_PRECHECK : PHASE_NONE;
    if (!card->run.away) /* what guards is not passed by because there is no memory: again at the next tick */
        card->run.next_ms = 0;
    return true;
}
