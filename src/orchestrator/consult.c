/* SPDX-License-Identifier: Apache-2.0
 *
 * Having the Index Optimizer look at a collection. The consultation travels: the telemetry thread says which fields matter,
 * a worker reads the catalogue and a sample, the telemetry thread gives the advice beside its workload, and the
 * orchestrator records what came of it. */
#include "private.h"

#include <inttypes.h>
#include <string.h>

#define EVIDENCE_MS 300000 /* how far back the operations count when no anomaly says since when */
#define PHASES_WITHIN_S (90 * 86400)

struct consult {
    struct sb_orchestrator *o;
    struct errand way;
    struct sb_index_question q; /* its texts point at ours */
    char *case_id, *card_id, *ns, *key, *options, *name, *deployment, *deployment_id, *requested_by;
    struct sb_anomaly anomaly;
    bool has_anomaly;
    char **paths;
    size_t paths_n;
    char **members;
    size_t members_n;
    char *primary;
    struct sb_catalogue catalogue;
    bool has_catalogue;
    int64_t shapes, spent_ms; /* that were written down when the advice was given */
    struct sb_index_advice advice;
    struct sb_edit edit; /* what a person wants changed, when that is what it is about */
    char *edited_by;
    int64_t seat, seq;   /* who waits for the edit */
    bool editing;
    struct sb_err err;
};

static void free_texts(char **list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        free(list[i]);
    free(list);
}

static void free_consult(void *p)
{
    struct consult *c = p;
    free(c->case_id);
    free(c->card_id);
    free(c->ns);
    free(c->key);
    free(c->options);
    free(c->name);
    free(c->deployment);
    free(c->deployment_id);
    free(c->requested_by);
    free_texts(c->paths, c->paths_n);
    free_texts(c->members, c->members_n);
    free(c->primary);
    if (c->has_anomaly)
        sb_anomaly_release(&c->anomaly);
    if (c->has_catalogue)
        sb_catalogue_release(&c->catalogue);
    sb_index_advice_release(&c->advice);
    sb_record_release(&sb_edit_schema, &c->edit);
    free(c->edited_by);
    free(c);
}

static void back(struct sb_orchestrator *o, void *p);

/* 3. on the telemetry thread */
static void advise(void *p, const struct sb_view *view)
{
    struct consult *c = p;
    int64_t now = sb_view_now(view);
    c->q.workload = sb_view_workload(view);
    c->q.history = sb_view_history(view);
    c->q.catalogue = &c->catalogue;
    c->q.now = c->q.to = now;
    c->q.from = c->has_anomaly ? c->anomaly.from - SB_O_LOOK_BACK_MS : now - EVIDENCE_MS;
    if (now - c->q.from > EVIDENCE_MS)
        c->q.from = now - EVIDENCE_MS;
    c->q.anomaly = c->has_anomaly ? &c->anomaly : NULL;
    sb_o_written_down(c->q.workload, c->ns, c->q.from, now + 1, &c->shapes, &c->spent_ms);
    sb_index_advise(&c->q, &c->advice, &c->err);
    c->q.workload = NULL;
    c->q.history = NULL;
    sb_o_post_done(c->o, &c->way, back, c, free_consult);
}

/* 2. on a worker */
static void read_catalogue(void *p)
{
    struct consult *c = p;
    struct sb_members m = {(const char *const *)c->members, c->members_n, c->primary};
    if (sb_catalogue_read(c->o->opt.server, &m, c->ns, &c->catalogue, &c->err)) {
        sb_o_post_done(c->o, &c->way, back, c, free_consult);
        return;
    }
    c->has_catalogue = true;
    if (c->catalogue.exists && sb_catalogue_sample(c->o->opt.server, &m, &c->catalogue, (const char *const *)c->paths, c->paths_n, SB_INDEX_SAMPLE, &c->err)) {
        sb_o_post_done(c->o, &c->way, back, c, free_consult);
        return;
    }
    if (c->catalogue.exists && sb_catalogue_count_repeats(c->o->opt.server, &m, &c->catalogue, c->key, c->options, &c->err)) {
        sb_o_post_done(c->o, &c->way, back, c, free_consult);
        return;
    }
    sb_o_view(c->o, &c->way, advise, c, free_consult);
}

/* 1. on the telemetry thread */
static void find_paths(void *p, const struct sb_view *view)
{
    struct consult *c = p;
    if (sb_index_paths(sb_view_workload(view), c->ns, c->key, &c->paths, &c->paths_n)) {
        sb_fail_nomem(&c->err);
        sb_o_post_done(c->o, &c->way, back, c, free_consult);
        return;
    }
    sb_o_work(c->o, &c->way, read_catalogue, c, free_consult);
}

static struct consult *new_consult(struct sb_orchestrator *o, const char *card_id, const char *case_id, const char *requested_by, const char *ns,
                                   const char *key, const char *name, const struct held_anomaly *anomaly, struct sb_err *err)
{
    if (!o->telemetry) {
        sb_fail(err, SB_ESERVER, "not connected yet: %s", o->connect_note ? o->connect_note : "connecting");
        return NULL;
    }
    struct consult *c = calloc(1, sizeof *c);
    if (!c) {
        sb_fail_nomem(err);
        return NULL;
    }
    c->o = o;
    if (sb_str_set(&c->card_id, card_id) || sb_str_set(&c->case_id, case_id) || sb_str_set(&c->ns, ns) || sb_str_set(&c->key, key) || sb_str_set(&c->name, name) ||
        sb_str_set(&c->deployment, o->deployment) || sb_str_set(&c->deployment_id, o->facts.id) ||
        sb_str_set(&c->requested_by, requested_by) || sb_o_members(o, &c->members, &c->members_n, &c->primary) ||
        (anomaly && sb_record_copy(&sb_anomaly_schema, &c->anomaly, &anomaly->anomaly))) {
        free_consult(c);
        sb_fail_nomem(err);
        return NULL;
    }
    int64_t from, to, wall = sb_origin_wall_ms(o->opt.origin), there = sb_o_deployment_now(o);
    if (sb_o_taken_back(o, ns, &from, &to)) {
        c->q.void_from = there - (wall - from) * o->facts.speed;
        c->q.void_to = there - (wall - to) * o->facts.speed;
    }
    c->has_anomaly = anomaly != NULL;
    c->q = (struct sb_index_question){.ns = c->ns, .key = c->key, .name = c->name, .card_id = c->card_id, .case_id = c->case_id,
                                      .deployment = c->deployment, .deployment_id = c->deployment_id, .requested_by = c->requested_by,
                                      .void_from = c->q.void_from, .void_to = c->q.void_to, .environment = o->opt.environment, .simulated = o->facts.simulated, .replicated = sb_hello_replicated(&o->facts.hello)};
    return c;
}

int sb_o_consult_index(struct sb_orchestrator *o, struct held_case *held, const char *ns, const char *key, const char *options, const char *name,
                       const struct held_anomaly *anomaly, struct sb_err *err)
{
    char id[32];
    snprintf(id, sizeof id, "C-%06" PRId64, o->last_card + 1);
    struct consult *c = new_consult(o, id, held->case_.id, held->case_.requested_by, ns, key, name, anomaly, err);
    if (!c)
        return -1;
    if (sb_str_set(&c->options, options)) {
        free_consult(c);
        return sb_fail_nomem(err);
    }
    c->q.options = c->options;
    o->last_card++; /* a number that leads to no card is left out, never given twice */
    held->consulting = true;
    sb_o_view(o, &c->way, find_paths, c, free_consult);
    return 0;
}

int sb_o_consult_edit(struct sb_orchestrator *o, const struct seat *s, int64_t seq, const struct held_card *card, const struct sb_edit *e,
                      const struct sb_card *fresh, struct sb_err *err)
{
    const struct sb_card *k = &card->card;
    bool key = !sb_streq(k->index_key, fresh->index_key), options = !sb_streq(k->index_options, fresh->index_options);
    struct consult *c = new_consult(o, k->id, k->case_id, k->requested_by, k->target, fresh->index_key, NULL, k->anomaly ? sb_o_anomaly(o, k->anomaly) : NULL, err);
    if (!c)
        return -1;
    if (sb_record_copy(&sb_edit_schema, &c->edit, e) || sb_str_set(&c->edited_by, s->actor.principal) || sb_str_set(&c->options, fresh->index_options)) {
        free_consult(c);
        return sb_fail_nomem(err);
    }
    c->edit.revision = k->revision; /* what it is about: a later one has to be looked at again */
    c->q.edited_by = c->edited_by;
    c->q.edited = key && options ? "key and options" : key ? "the key" : "the options";
    c->q.options = c->options;
    c->editing = true;
    c->seat = s->id;
    c->seq = seq;
    sb_o_view(o, &c->way, find_paths, c, free_consult);
    return 0;
}

/* ---- 4. back on the orchestrator's thread ---- */

static void record_reads(struct sb_orchestrator *o, struct held_case *held, const struct consult *c)
{
    for (size_t i = 0; held && c->has_catalogue && i < c->catalogue.commands_n; i++) {
        const char *line = c->catalogue.commands[i], *colon = strstr(line, ": ");
        int n = colon ? (int)(colon - line) : 0;
        char *member = sb_format("%.*s", n, line);
        sb_o_record(o, SB_ENTRY_COMMAND, NULL, &(struct refs){.case_ = held}, json_pack("{s:s?,s:s}", "member", member, "command", colon ? colon + 2 : line), NULL);
        free(member);
    }
}

const struct held_card *sb_o_twin(struct sb_orchestrator *o, const struct sb_card *draft)
{
    for (size_t i = 0; i < o->cards_n; i++) {
        const struct sb_card *c = &o->cards[i]->card;
        if (sb_card_open(c) && c->kind == draft->kind && sb_streq(c->target, draft->target) && sb_streq(c->index_key, draft->index_key) &&
            sb_streq(c->deployment_id, draft->deployment_id))
            return o->cards[i];
    }
    for (size_t i = 0; i < o->resting_n; i++) {
        const struct resting *r = &o->resting[i];
        if (r->row.kind == draft->kind && sb_streq(r->row.target, draft->target) && sb_streq(r->index_key, draft->index_key) && sb_streq(r->deployment_id, draft->deployment_id))
            return sb_o_wake_card(o, r->row.id);
    }
    return NULL;
}

int sb_o_heed_failure(struct sb_orchestrator *o, struct sb_card *draft, struct sb_str *out, struct sb_err *err)
{
    struct sb_str failed;
    sb_str_init(&failed);
    int rc = sb_o_failed_before(o, draft, &failed, err);
    bool by_itself = sb_name_find(&sb_specialists, draft->requested_by) > SB_BY_OPERATOR;
    if (rc == 1 && by_itself) {
        sb_str_addf(out, "no index is proposed for %s: %s; a specialist does not propose it again within %d days, a person may ask for it", draft->target, failed.p,
                    SB_O_FAILED_DAYS);
    } else if (rc == 1) {
        char *why = sb_format("T%s. %s", failed.p + 1, draft->why);
        rc = why ? 1 : sb_fail_nomem(err);
        if (why) {
            free(draft->why);
            draft->why = why;
        }
        draft->risk = draft->risk < SB_MEDIUM ? SB_MEDIUM : draft->risk;
        draft->confidence_ppm /= 2;
    }
    rc = rc == 1 && !by_itself ? 0 : rc;
    sb_str_release(&failed);
    return rc;
}

/* Who only looks may have something looked into; the card says that it goes no further without a person. */
static int mark_read_only(struct sb_orchestrator *o, struct sb_card *draft, struct sb_err *err)
{
    const struct held_case *c = sb_o_case(o, draft->case_id);
    if (!c || !c->read_only)
        return 0;
    char *why = sb_format("Asked for from a read-only console: only a person starts it. %s", draft->why ? draft->why : "");
    if (!why)
        return sb_fail_nomem(err);
    free(draft->why);
    draft->why = why;
    draft->needs_person = true;
    return 0;
}

/* Through a mongos an index is counted by shards; each of them has it on all of its members. */
static void count_members(const struct sb_orchestrator *o, struct sb_card *draft)
{
    const struct sb_deployment_facts *f = &o->facts;
    if (!f->hello.is_mongos || draft->kind != SB_KIND_CREATE_INDEX || !f->shards_n)
        return;
    size_t each = f->shards[0].hosts_n;
    for (size_t i = 1; i < f->shards_n; i++)
        each = f->shards[i].hosts_n == each ? each : 0;
    draft->blast_radius.members = each ? draft->blast_radius.members * (int64_t)each : sb_o_node_count(o); /* at most, where shards differ in size */
}

static int put_on_record(struct sb_orchestrator *o, struct sb_card *draft, enum sb_event event, const char *note, struct sb_err *err)
{
    int64_t now = sb_origin_wall_ms(o->opt.origin);
    if (mark_read_only(o, draft, err) || sb_o_tell_drill(o, draft, err))
        return -1;
    draft->created_at = now;
    count_members(o, draft);
    int64_t longer_s = draft->phase ? PHASES_WITHIN_S : 0; /* a plan of phases spans weeks: its later ones have to wait */
    if (event == SB_EV_PROPOSE) {
        draft->approve_by = now + (o->opt.approve_within_s + longer_s) * 1000;
        draft->execute_by = now + (o->opt.execute_within_s + longer_s) * 1000;
    }
    struct held_card *card = sb_o_new_card(o);
    if (!card || sb_str_set(&card->card.id, draft->id) || sb_str_set(&card->card.case_id, draft->case_id)) {
        if (card)
            sb_o_forget_card(o, card);
        return sb_fail_nomem(err);
    }
    json_t *json = sb_record_to_json(&sb_card_schema, draft);
    struct sb_actor author = {.principal = draft->author};
    if (sb_o_record(o, SB_ENTRY_RECOMMENDATION, &author, &(struct refs){.card = card}, json_pack("{s:o}", "card", json), err)) {
        sb_o_forget_card(o, card);
        return -1;
    }
    return sb_o_move(o, card, event, &author, note, err);
}

int sb_o_propose(struct sb_orchestrator *o, struct sb_card *draft, const char *note, struct sb_err *err)
{
    char why[256];
    int advice = sb_o_is_advice_only(o, draft, why, sizeof why, err);
    if (advice < 0)
        return -1;
    if (!advice)
        return put_on_record(o, draft, SB_EV_PROPOSE, note, err);
    struct held_case *c = sb_o_case(o, draft->case_id);
    if (c)
        c->advised = true;
    return sb_o_advise(o, draft, why, err);
}

int sb_o_advise(struct sb_orchestrator *o, struct sb_card *draft, const char *note, struct sb_err *err)
{
    return put_on_record(o, draft, SB_EV_ADVISE, note, err);
}

void sb_o_finish_consult(struct sb_orchestrator *o, struct held_case *held, const char *about, const struct sb_err *err, const char *text)
{
    if (!about && sb_o_chain_on(o, held, err, text))
        return;
    struct sb_err none = SB_ERR_INIT;
    if (held->chain.said) { /* the first one succeeded, and what came of the others is in it */
        err = &none;
        text = held->chain.said;
    }
    held->consulting = false;
    if (!held->case_.cards_n) /* no card: the reason is the case's outcome */
        sb_o_record(o, SB_ENTRY_CASE_CLOSE, NULL, &(struct refs){.case_ = held}, json_pack("{s:s}", "outcome", err->code != SB_OK ? err->msg : text), NULL);
    else
        sb_o_close_case_if_settled(o, held->case_.id);
    int64_t seat = held->reply_seat, seq = held->reply_seq;
    held->reply_seat = 0;
    if (seat)
        sb_o_answer_request(o, seat, seq, held, about, err, text);
    else if (err->code != SB_OK)
        sb_o_notice(o, SB_MEDIUM, "%s: %s", held->case_.id, err->msg);
}

void sb_o_finish_look(struct sb_orchestrator *o, struct held_case *held, bool good, const char *text)
{
    struct sb_err err = SB_ERR_INIT;
    json_t *words = sb_o_words(text);
    if (!words)
        sb_fail_nomem(&err);
    else if (!good)
        sb_fail(&err, SB_ENO, "%s", json_string_value(words));
    sb_o_finish_consult(o, held, NULL, &err, words ? json_string_value(words) : "");
    json_decref(words);
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct consult *c = p;
    struct held_case *held = sb_o_case(o, c->case_id);
    struct sb_err err = c->err;
    if (c->editing) {
        record_reads(o, held, c);
        if (err.code == SB_OK && !c->advice.proposes)
            sb_fail(&err, SB_ESTATE, "%s", c->advice.summary ? c->advice.summary : "the key could not be looked at");
        struct sb_str unused;
        sb_str_init(&unused);
        if (err.code == SB_OK && sb_str_set(&c->advice.card.requested_by, c->edited_by)) /* who asks for this key */
            sb_fail_nomem(&err);
        if (err.code == SB_OK && sb_o_heed_failure(o, &c->advice.card, &unused, &err) > 0)
            sb_fail(&err, SB_ESTATE, "%s", unused.p);
        sb_str_release(&unused);
        sb_o_edit_advised(o, c->seat, c->seq, &c->edit, &c->advice.card, &err);
        free_consult(c);
        return;
    }
    if (!held) {
        free_consult(c);
        return;
    }
    record_reads(o, held, c);
    char *text = NULL, *about = NULL;
    if (err.code == SB_OK && c->advice.proposes) {
        const struct held_card *same = sb_o_twin(o, &c->advice.card);
        struct sb_str failed, declined;
        sb_str_init(&failed);
        sb_str_init(&declined);
        if (same) {
            text = !c->key || sb_streq(same->card.index_options, c->advice.card.index_options)
                       ? sb_format("%s proposes this index already (%s)", same->card.id, sb_name(&sb_states, same->card.state))
                       : sb_format("%s proposes an index on this key already (%s), with the options %s and not %s: edit that card, or reject it and ask again", same->card.id,
                                   sb_name(&sb_states, same->card.state), same->card.index_options, c->advice.card.index_options);
            about = sb_format("%s", same->card.id);
        } else if (!c->key && sb_o_declined_before(o, &c->advice.card, &declined, &err)) {
            text = declined.len ? sb_format("no index is proposed for %s: the one on %s stays declined: %s", c->ns, c->advice.card.index_name, declined.p) : NULL;
        } else if (sb_o_heed_failure(o, &c->advice.card, &failed, &err)) {
            text = failed.len ? sb_str_take(&failed) : NULL;
        } else if (sb_o_propose(o, &c->advice.card, "proposed by the Index Optimizer", &err) == 0) {
            text = sb_format("%s: %s", c->card_id, c->advice.summary);
        }
        sb_str_release(&failed);
        sb_str_release(&declined);
    } else if (err.code == SB_OK) {
        struct sb_str s;
        sb_str_init(&s);
        held->chain.documents = c->advice.findings_n > 0;
        sb_str_adds(&s, c->advice.summary);
        for (size_t i = 0; i < c->advice.findings_n && i < 5; i++)
            sb_str_addf(&s, "; %s: %s", c->advice.findings[i].subject, c->advice.findings[i].text);
        text = sb_str_take(&s);
        sb_o_found_nothing(o, held, c->shapes, c->spent_ms);
    }
    sb_o_finish_consult(o, held, about, &err, text ? text : "out of memory");
    free(about);
    free(text);
    free_consult(c);
}
