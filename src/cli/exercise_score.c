/* SPDX-License-Identifier: Apache-2.0
 *
 * What the record says of an exercise: one pass over its entries, in their order. */
#include "exercise.h"

#include <signalbox/base/regex.h>
#include <signalbox/model/lifecycle.h>
#include <signalbox/model/names.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MOST_ACTS 200

static const struct sb_member act_members[] = {
    SB_MEMBER(struct exercise_act, after_ms, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct exercise_act, who, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct exercise_act, what, SB_STR, SB_ALWAYS, NULL),
};
static const struct sb_schema act_schema = {"act", sizeof(struct exercise_act), act_members, SB_COUNT(act_members)};

static const struct sb_member point_members[] = {
    SB_MEMBER(struct exercise_point, aim, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct exercise_point, why, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct exercise_point, wrong, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct exercise_point, done, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct exercise_point, after_ms, SB_INT, SB_ALWAYS, NULL),
};
static const struct sb_schema point_schema = {"point", sizeof(struct exercise_point), point_members, SB_COUNT(point_members)};

static const struct sb_member result_members[] = {
    SB_MEMBER(struct exercise_result, exercise, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct exercise_result, level, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct exercise_result, speed, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct exercise_result, begun_at, SB_TIME, 0, NULL),
    SB_MEMBER(struct exercise_result, noticed_ms, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct exercise_result, decided_ms, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct exercise_result, recovered_ms, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct exercise_result, right, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct exercise_result, who, SB_STR, 0, NULL),
    SB_LIST(struct exercise_result, points, SB_RECS, SB_ALWAYS, &point_schema),
    SB_LIST(struct exercise_result, acts, SB_RECS, SB_ALWAYS, &act_schema),
};
const struct sb_schema sb_exercise_result_schema = {"result of an exercise", sizeof(struct exercise_result), result_members, SB_COUNT(result_members)};

/* A card as it was proposed. */
struct seen_card {
    char *id, *kind, *target;
    json_t *key; /* of an index: an object whose members keep their order; NULL: none */
    bool under_way; /* approved, and not at its end */
};

struct scoring {
    const struct exercise *x;
    struct exercise_result *out;
    int64_t begun_at;
    struct seen_card *cards;
    size_t cards_n;
    char **open; /* anomalies that go on */
    size_t open_n;
    bool any_anomaly;
};

static bool by_person(const struct sb_entry *e)
{
    int who = e->actor.principal ? sb_name_find(&sb_specialists, e->actor.principal) : -1;
    return e->actor.principal && (who < 0 || who == SB_BY_OPERATOR);
}

static const char *text_at(const json_t *body, const char *outer, const char *inner)
{
    const json_t *o = outer ? json_object_get(body, outer) : body;
    return o ? sb_json_str(o, inner) : NULL;
}

/* ---- what is remembered on the way ---- */

static int see_card(struct scoring *s, const struct sb_entry *e)
{
    const json_t *card = json_object_get(e->body, "card");
    const char *key = text_at(card, NULL, "index_key");
    struct seen_card *c = e->plan.card && card ? SB_PUSH(s->cards) : NULL;
    if (!e->plan.card || !card)
        return 0;
    if (!c || sb_str_set(&c->id, e->plan.card) || sb_str_set(&c->kind, text_at(card, NULL, "kind")) || sb_str_set(&c->target, text_at(card, NULL, "target")))
        return -1;
    c->key = key ? sb_json_parse(key, strlen(key), "an index key", SB_JSON_ALLOW_REAL, NULL) : NULL;
    return 0;
}

static struct seen_card *card_of(const struct scoring *s, const char *id)
{
    for (size_t i = s->cards_n; id && i-- > 0;)
        if (sb_streq(s->cards[i].id, id))
            return &s->cards[i];
    return NULL;
}

/* Opened, changed or over. What only points at a limit that lies ahead does not end, and is no trouble yet. */
static int see_anomaly(struct scoring *s, const struct sb_entry *e)
{
    const json_t *a = json_object_get(e->body, "anomaly");
    size_t at = 0;
    if (!e->plan.anomaly || !a || json_object_get(a, "trend"))
        return 0;
    while (at < s->open_n && !sb_streq(s->open[at], e->plan.anomaly))
        at++;
    if (!sb_json_str(a, "to")) {
        s->any_anomaly = true;
        s->out->recovered_ms = -1;
        return at < s->open_n ? 0 : sb_strs_push(&s->open, &s->open_n, e->plan.anomaly);
    }
    if (at < s->open_n) {
        free(s->open[at]);
        s->open[at] = s->open[--s->open_n];
        if (!s->open_n)
            s->out->recovered_ms = e->ts - s->begun_at;
    }
    return 0;
}

static int remember(struct scoring *s, const struct sb_entry *e, char *what)
{
    struct exercise_result *r = s->out;
    int rc = what ? 0 : -1;
    if (rc == 0 && r->acts_n < MOST_ACTS) {
        struct exercise_act *a = SB_PUSH(r->acts);
        rc = a ? sb_str_set(&a->who, e->actor.principal) || sb_str_set(&a->what, what) : -1;
        if (a)
            a->after_ms = e->ts - s->begun_at;
    }
    if (rc == 0 && e->ts >= s->begun_at && by_person(e)) {
        if (r->noticed_ms < 0)
            r->noticed_ms = e->ts - s->begun_at;
        if (!r->who)
            rc = sb_str_set(&r->who, e->actor.principal);
    }
    free(what);
    return rc;
}

/* ---- what was done, held against the aims ---- */

/* The index begins with these fields, in this order. */
static bool begins_with(const json_t *key, const char *fields)
{
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)key, name, value) {
        size_t n = strlen(name);
        if (strncmp(fields, name, n) != 0 || (fields[n] && fields[n] != ','))
            return false;
        if (!fields[n])
            return true;
        fields += n + 1;
    }
    return false;
}

static bool is_card(const struct exercise_aim *a, const struct seen_card *c)
{
    if (!c || (a->kind >= 0 && !sb_streq(c->kind, sb_name(&sb_card_kinds, a->kind))) || (!sb_streq(a->target, "*") && !sb_streq(c->target, a->target)))
        return false;
    return !a->word || (c->key && begins_with(c->key, a->word));
}

/* One of the words "a|b", as a word of its own, whatever its case. */
static bool says(const char *text, const char *words)
{
    for (size_t n; *words; words += n + (words[n] == '|')) {
        n = strcspn(words, "|");
        for (const char *p = text; n && *p; p++)
            if (strncasecmp(p, words, n) == 0 && (p == text || !isalnum((unsigned char)p[-1])) && !isalnum((unsigned char)p[n]))
                return true;
    }
    return false;
}

static void reach(struct scoring *s, size_t i, const struct sb_entry *e)
{
    struct exercise_point *p = &s->out->points[i];
    if (p->done)
        return;
    p->done = true;
    p->after_ms = e->ts - s->begun_at;
    if (!p->wrong && s->out->decided_ms < p->after_ms)
        s->out->decided_ms = p->after_ms;
}

static void decide(struct scoring *s, const struct sb_entry *e, enum exercise_deed deed, const struct seen_card *c)
{
    for (size_t i = 0; i < s->x->aims_n; i++)
        if (s->x->aims[i].deed == deed && (deed == EXERCISE_CHANGE || is_card(&s->x->aims[i], c)))
            reach(s, i, e);
}

static void hear(struct scoring *s, const struct sb_entry *e, const char *text)
{
    for (size_t i = 0; text && i < s->x->aims_n; i++)
        if (s->x->aims[i].deed == EXERCISE_NAME && says(text, s->x->aims[i].word))
            reach(s, i, e);
}

static int said(struct scoring *s, const struct sb_entry *e, const char *verb, const char *text)
{
    if (!by_person(e))
        return 0;
    if (e->ts >= s->begun_at)
        hear(s, e, text);
    return remember(s, e, sb_format("%s \"%.200s\"", verb, text ? text : ""));
}

/* From the approval to the end of the watch. */
static bool is_under_way(const char *state)
{
    int at = state ? sb_name_find(&sb_states, state) : -1;
    return at == SB_APPROVED || at == SB_SCHEDULED || at == SB_EXECUTING || at == SB_PAUSED || at == SB_WATCHING || at == SB_ROLLING_BACK;
}

static int take_card_act(struct scoring *s, const struct sb_entry *e)
{
    struct seen_card *c = card_of(s, e->plan.card);
    if (c && e->kind == SB_ENTRY_STATE)
        c->under_way = is_under_way(sb_json_str(e->body, "to"));
    const char *event = sb_json_str(e->body, "event");
    bool approved = e->kind == SB_ENTRY_APPROVAL, rejected = sb_streq(event, sb_name(&sb_events, SB_EV_REJECT));
    if (!by_person(e) || (!approved && !rejected))
        return 0;
    decide(s, e, approved ? EXERCISE_APPROVE : EXERCISE_REJECT, c);
    return remember(s, e, sb_format("%s %s (%s, %s)", approved ? "approved" : "rejected", e->plan.card, c && c->kind ? c->kind : "?", c && c->target ? c->target : "?"));
}

static int take_verdict(struct scoring *s, const struct sb_entry *e)
{
    const char *verdict = text_at(e->body, "report", "verdict");
    return verdict ? remember(s, e, sb_format("%s: verdict %s: %.200s", e->plan.card ? e->plan.card : "?", verdict, text_at(e->body, "report", "reason") ? text_at(e->body, "report", "reason") : "")) : 0;
}

static int take(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct scoring *s = ctx;
    int rc = 0;
    (void)bytes;
    (void)n;
    switch (e->kind) {
    case SB_ENTRY_RECOMMENDATION:
        rc = see_card(s, e) || (e->plan.card ? remember(s, e, sb_format("%s was proposed: %.200s", e->plan.card, text_at(e->body, "card", "title") ? text_at(e->body, "card", "title") : "")) : 0);
        break;
    case SB_ENTRY_ANOMALY: {
        bool known = sb_strs_has(s->open, s->open_n, e->plan.anomaly), over = text_at(e->body, "anomaly", "to") != NULL;
        rc = see_anomaly(s, e);
        if (rc == 0 && e->plan.anomaly && (!known || over))
            rc = remember(s, e, sb_format("%s %s%.200s", e->plan.anomaly, over ? "is over: " : "", text_at(e->body, "anomaly", "title") ? text_at(e->body, "anomaly", "title") : ""));
        break;
    }
    case SB_ENTRY_REQUEST: rc = said(s, e, "asked", text_at(e->body, "case", "text")); break;
    case SB_ENTRY_REMARK: rc = said(s, e, "noted", text_at(e->body, "remark", "text")); break;
    case SB_ENTRY_MARK: rc = said(s, e, "marked", text_at(e->body, NULL, "text")); break;
    case SB_ENTRY_HUSH: rc = said(s, e, "judged", text_at(e->body, NULL, "said")); break;
    case SB_ENTRY_ACK: rc = by_person(e) ? remember(s, e, sb_format("took %s", e->plan.anomaly ? e->plan.anomaly : "it")) : 0; break;
    case SB_ENTRY_APPROVAL:
    case SB_ENTRY_STATE: rc = take_card_act(s, e); break;
    case SB_ENTRY_STEP_INTENT: decide(s, e, EXERCISE_CHANGE, NULL); break;
    case SB_ENTRY_WATCH: rc = take_verdict(s, e); break;
    default: break;
    }
    return rc ? sb_fail_nomem(err) : 0;
}

static int begin(struct scoring *s, struct sb_err *err)
{
    struct exercise_result *r = s->out;
    r->noticed_ms = r->decided_ms = r->recovered_ms = -1;
    r->level = s->x->level;
    r->begun_at = s->begun_at;
    struct sb_str line;
    sb_str_init(&line);
    int rc = sb_str_set(&r->exercise, s->x->name);
    for (size_t i = 0; rc == 0 && i < s->x->aims_n; i++) {
        struct exercise_point *p = SB_PUSH(r->points);
        sb_str_clear(&line);
        rc = p ? sb_exercise_aim_say(&s->x->aims[i], &line) || sb_str_set(&p->aim, line.p) || sb_str_set(&p->why, s->x->aims[i].why) : -1;
        if (rc == 0) {
            p->wrong = s->x->aims[i].wrong;
            p->after_ms = -1;
        }
    }
    sb_str_release(&line);
    return rc ? sb_fail_nomem(err) : 0;
}

int sb_exercise_score(struct sb_ledger *l, int64_t from, const struct exercise *x, int64_t begun_at, int64_t now, struct exercise_result *out, struct sb_err *err)
{
    memset(out, 0, sizeof *out);
    struct scoring s = {.x = x, .out = out, .begun_at = begun_at};
    int rc = begin(&s, err) || sb_ledger_range(l, from, 0, take, &s, err) ? -1 : 0;
    out->right = rc == 0 && now >= begun_at;
    for (size_t i = 0; i < out->points_n; i++)
        out->right &= out->points[i].done != out->points[i].wrong;
    for (size_t i = 0; i < out->points_n; i++)
        if (!out->points[i].wrong && !out->points[i].done)
            out->decided_ms = -1; /* something that had to be decided never was */
    if (now < begun_at)
        out->begun_at = 0;
    for (size_t i = 0; i < s.cards_n; i++) {
        out->unfinished |= s.cards[i].under_way;
        free(s.cards[i].id);
        free(s.cards[i].kind);
        free(s.cards[i].target);
        json_decref(s.cards[i].key);
    }
    free(s.cards);
    for (size_t i = 0; i < s.open_n; i++)
        free(s.open[i]);
    free(s.open);
    if (rc)
        sb_record_release(&sb_exercise_result_schema, out);
    return rc;
}

/* ---- earlier runs ---- */

bool sb_exercise_best(struct sb_ledger *l, const char *name, int64_t before, struct exercise_result *out)
{
    int64_t *seqs = NULL;
    size_t n = 0;
    bool found = false;
    if (before <= 1 || sb_ledger_seqs_of(l, 1, before - 1, SB_ENTRY_EXERCISE, &seqs, &n, NULL))
        n = 0;
    for (size_t i = 0; i < n; i++) {
        struct sb_entry e;
        struct exercise_result r = {0};
        if (sb_ledger_entry(l, seqs[i], &e, NULL))
            continue;
        bool is = e.kind == SB_ENTRY_EXERCISE && sb_record_from_json(&sb_exercise_result_schema, &r, json_object_get(e.body, "result"), NULL) == 0 && sb_streq(r.exercise, name) && r.right &&
                  r.decided_ms >= 0 && (!found || r.decided_ms < out->decided_ms);
        if (is && found)
            sb_record_release(&sb_exercise_result_schema, out);
        if (is)
            *out = r;
        else
            sb_record_release(&sb_exercise_result_schema, &r);
        found |= is;
        sb_entry_release(&e);
    }
    free(seqs);
    return found;
}
