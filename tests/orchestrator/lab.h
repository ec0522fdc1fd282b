/* SPDX-License-Identifier: Apache-2.0
 *
 * lab.h - a real orchestrator on a real simulator, for tests: the simulator is a process of its own (signalbox sim), the
 * sockets are real, and what the tests do to the server behind the orchestrator's back they do with the driver. Between the two
 * stands a recording proxy (wire.h): each write has its intent on the record before it, or the lab fails when it ends; a program
 * that leaves a lab without that fails as well. Needs SIGNALBOX, the built program, as tests/run sets it. Nothing waits for a
 * fixed time. */
#ifndef SIGNALBOX_TEST_LAB_H
#define SIGNALBOX_TEST_LAB_H

#include "../../src/orchestrator/private.h"
#include "test.h"
#include "wire.h"

#include <signalbox/base/file.h>
#include <signalbox/base/process.h>

#include <mongoc/mongoc.h>
#include <string.h>
#include <unistd.h>

#define LAB_PATIENCE_MS 60000

struct lab_options {
    const char *scenario;     /* NULL: a steady load */
    int environment;          /* 0 is dev */
    bool read_only;
    int64_t approve_within_s, execute_within_s;
    const char *policy_old[2], *policy_new[2]; /* replaced in the shipped bundle */
    const char *state_dir;    /* NULL: a new one */
    int64_t wall;             /* where a clock of the test's own begins; 0: the machine's */
    const struct sb_schedule *schedules;
    size_t schedules_n;
    char *const *backups;
    size_t backups_n;
    const char *what_if_uri_file; /* NULL: none */
    int what_if_environment;
    const struct sb_retention *retentions;
    size_t retentions_n;
    const struct sb_policy_verifier *verifier; /* of what is decided about policy; the bundle counts as built in then */
    int64_t altered_every_ms; /* 0: a minute */
};

struct lab_seat {
    int64_t id;
    struct sb_queue *news;
};

struct lab {
    struct sb_process sim;
    char line[4096];
    char dir[128];
    struct wire wire;
    struct sb_server *server;
    struct sb_origin origin;
    struct sb_orchestrator *o;
    struct lab_seat alice, bob; /* two persons: uid 0 and 65534 */
    struct sb_str policy, intents, routes, notices;
    int64_t seq, samples;
    struct sb_card card;        /* the newest news of a card */
    size_t gates, gates_hold;   /* facts of the newest news of a plan, and those that are true */
    bool have_card;
    char answer[2048];
    int status;
    mongoc_client_t *client;    /* straight to the first member */
};

static inline void lab_replace(struct sb_str *text, const char *from, const char *to)
{
    char *at = strstr(text->p, from);
    if (!at)
        fail_msg("the shipped policy has no %s any more", from);
    struct sb_str out;
    sb_str_init(&out);
    sb_str_add(&out, text->p, (size_t)(at - text->p));
    sb_str_adds(&out, to);
    sb_str_adds(&out, at + strlen(from));
    sb_str_release(text);
    *text = out;
}

static int labs_open;

static inline void lab_none_is_left(void)
{
    if (labs_open) {
        fprintf(stderr, "%d labs were not ended: nobody asked what went over their wire\n", labs_open);
        _exit(1);
    }
}

/* The simulator, and the proxy before it, which looks into the record in l->dir. */
static inline void lab_start_sim(struct lab *l, const char *scenario)
{
    static bool watched;
    struct sb_err err = SB_ERR_INIT;
    const char *program = getenv("SIGNALBOX");
    if (!program)
        fail_msg("SIGNALBOX does not name the built program");
    const char *const argv[] = {program, "sim", "--scenario", scenario ? scenario : "tests/e2e/crash.scenario", "--speed", "20", NULL};
    sb_assert_ok(sb_process_spawn(&l->sim, argv, SB_PROCESS_OUT | SB_PROCESS_DIE_WITH_US, &err), err);
    size_t n = 0;
    while (n + 1 < sizeof l->line && read(l->sim.out, l->line + n, 1) == 1 && l->line[n] != '\n')
        n++;
    l->line[n] = '\0';
    if (n == 0)
        fail_msg("the simulator did not start");
    json_t *ready = sb_json_parse(l->line, strlen(l->line), "sim", SB_JSON_ALLOW_REAL, &err), *list = json_object_get(ready, "members");
    const char *members[WIRE_MEMBERS];
    assert_true(json_array_size(list) > 0 && json_array_size(list) <= WIRE_MEMBERS);
    for (size_t i = 0; i < json_array_size(list); i++)
        members[i] = json_string_value(json_array_get(list, i));
    wire_open(&l->wire, members, json_array_size(list), sb_json_str(ready, "set"), l->dir);
    json_decref(ready);
    if (!watched)
        atexit(lab_none_is_left);
    watched = true;
    labs_open++;
}

static inline void lab_sit_how(struct lab *l, struct lab_seat *s, uid_t uid, const char *how, int64_t protocol)
{
    struct sb_err err = SB_ERR_INIT;
    s->news = sb_queue_new(16, &err);
    assert_non_null(s->news);
    s->id = sb_orchestrator_sit_as(l->o, s->news, uid, 0);
    assert_true(s->id > 0);
    struct sb_message *hello = sb_message_new(SB_ASK_HELLO, 0);
    assert_non_null(hello);
    sb_assert_ok(sb_str_set(&((struct sb_seat *)hello->body)->how, how), err);
    ((struct sb_seat *)hello->body)->protocol = protocol;
    sb_orchestrator_ask(l->o, s->id, hello);
}

static inline void lab_sit(struct lab *l, struct lab_seat *s, uid_t uid)
{
    lab_sit_how(l, s, uid, "test", SB_PROTOCOL);
}

static inline void lab_start(struct lab *l, const struct lab_options *o)
{
    struct sb_err err = SB_ERR_INIT;
    json_t *ready = sb_json_parse(l->line, strlen(l->line), "sim", SB_JSON_ALLOW_REAL, &err);
    assert_non_null(ready);
    sb_origin_system(&l->origin);
    if (o->wall) {
        sb_origin_seeded(&l->origin, 26);
        sb_origin_set_run(&l->origin, (uint64_t)o->wall);
        l->origin.start_wall_ms = o->wall;
    }
    l->samples = 0;
    l->server = sb_server_new(l->wire.uri, o->read_only, &err);
    assert_non_null(l->server);
    struct sb_orchestrator_options opt = {
        .state_dir = l->dir, .origin = &l->origin, .server = l->server, .deployment = "lab", .environment = o->environment, .policy_text = l->policy.p,
        .policy_len = l->policy.len, .policy_path = "test", .intents_text = l->intents.p, .intents_len = l->intents.len, .routes_text = l->routes.p, .routes_len = l->routes.len,
        .approve_within_s = o->approve_within_s, .execute_within_s = o->execute_within_s, .recurring = o->schedules_n > 0,
        .schedules = o->schedules, .schedules_n = o->schedules_n,
        .what_if_uri_file = o->what_if_uri_file, .what_if_environment = o->what_if_environment,
        .backups = o->backups, .backups_n = o->backups_n, .retentions = o->retentions, .retentions_n = o->retentions_n, .verifier = o->verifier, .policy_built_in = o->verifier != NULL,
        .altered_every_ms = o->altered_every_ms};
    l->o = sb_orchestrator_start(&opt, &err);
    if (!l->o)
        fail_msg("%s", err.msg);
    lab_sit(l, &l->alice, 0);
    lab_sit(l, &l->bob, 65534);
    char uri[128];
    snprintf(uri, sizeof uri, "mongodb://%s/?directConnection=true", json_string_value(json_array_get(json_object_get(ready, "members"), 0)));
    l->client = mongoc_client_new(uri);
    json_decref(ready);
}

static inline void lab_open(struct lab *l, const struct lab_options *o)
{
    struct sb_err err = SB_ERR_INIT;
    memset(l, 0, sizeof *l);
    sb_mongo_init();
    sb_str_init(&l->policy);
    sb_str_init(&l->intents);
    sb_str_init(&l->routes);
    sb_str_init(&l->notices);
    sb_assert_ok(sb_file_read("policy/default.json", 1 << 20, &l->policy, &err), err);
    sb_assert_ok(sb_file_read("src/orchestrator/intents.data", 1 << 20, &l->intents, &err), err);
    sb_assert_ok(sb_file_read("src/orchestrator/routes.data", 1 << 20, &l->routes, &err), err);
    for (size_t i = 0; i < 2; i++)
        if (o->policy_old[i])
            lab_replace(&l->policy, o->policy_old[i], o->policy_new[i]);
    snprintf(l->dir, sizeof l->dir, "%s", o->state_dir ? o->state_dir : sb_test_dir());
    lab_start_sim(l, o->scenario);
    lab_start(l, o);
}

/* Ends the orchestrator and leaves the simulator. What hangs in the driver keeps its server: by contract it may not be freed. */
static inline bool lab_stop_within(struct lab *l, int grace_ms)
{
    static struct {
        struct sb_orchestrator *o;
        struct lab_seat alice, bob;
    } left[8]; /* what a worker may still use is neither freed nor lost sight of */
    static size_t left_n;
    bool ended = sb_orchestrator_stop(l->o, "the test is over", grace_ms);
    mongoc_client_destroy(l->client);
    if (!ended) {
        assert_true(left_n < SB_COUNT(left));
        left[left_n].o = l->o;
        left[left_n].alice = l->alice;
        left[left_n++].bob = l->bob;
    } else {
        sb_queue_free(l->alice.news);
        sb_queue_free(l->bob.news);
        sb_server_free(l->server);
    }
    if (l->have_card)
        sb_card_release(&l->card);
    l->have_card = false;
    return ended;
}

static inline void lab_stop(struct lab *l)
{
    assert_true(lab_stop_within(l, 10000));
}

static inline void lab_end(struct lab *l)
{
    sb_process_stop(&l->sim, 2000);
    labs_open--;
    wire_close(&l->wire);
    sb_str_release(&l->policy);
    sb_str_release(&l->intents);
    sb_str_release(&l->routes);
    sb_str_release(&l->notices);
}

static inline void lab_close(struct lab *l)
{
    lab_stop(l);
    lab_end(l);
}

/* ---- news ---- */

/* Takes one piece of alice's news (bob's are only answers that he waits for). True when it answers seq. */
static inline bool lab_take(struct lab *l, const struct lab_seat *s, int64_t seq, int wait_ms)
{
    struct sb_mail mail;
    if (!sb_queue_wait(s->news, &mail, wait_ms))
        return false;
    struct sb_message *m = mail.payload;
    bool answers = m->seq == seq && seq;
    if (m->type == SB_NEWS_CARD && s == &l->alice) {
        struct sb_card copy;
        assert_int_equal(sb_record_copy(&sb_card_schema, &copy, m->body), 0);
        if (l->have_card)
            sb_card_release(&l->card);
        l->card = copy;
        l->have_card = true;
    } else if (m->type == SB_NEWS_STRIP && s == &l->alice) {
        l->samples = ((const struct sb_strip *)m->body)->samples;
    } else if (m->type == SB_NEWS_PLAN && s == &l->alice) {
        const struct sb_plan_gates *g = m->body;
        l->gates = g->facts_n;
        l->gates_hold = 0;
        for (size_t i = 0; i < g->facts_n; i++)
            l->gates_hold += sb_streq(g->facts[i].result, "true");
    } else if (m->type == SB_NEWS_NOTICE && s == &l->alice) {
        sb_str_addf(&l->notices, "%s\n", ((const struct sb_notice *)m->body)->text);
    } else if (m->type == SB_NEWS_ANSWER && answers) {
        const struct sb_answer *a = m->body;
        snprintf(l->answer, sizeof l->answer, "%s", a->text ? a->text : "");
        l->status = a->ok ? 0 : (int)a->status;
    }
    sb_message_free(m);
    return answers;
}

/* Asks and waits for the answer: 0, or the exit status of a refusal. Its words are in l->answer. */
static inline int lab_ask(struct lab *l, const struct lab_seat *s, struct sb_message *m)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    assert_non_null(m);
    m->seq = ++l->seq;
    l->answer[0] = '\0';
    sb_orchestrator_ask(l->o, s->id, m);
    while (!lab_take(l, s, l->seq, 1000))
        if (sb_mono_ms() > until)
            fail_msg("no answer");
    return l->status;
}

/* Takes what comes, and fails the test when `until` is over. */
static inline void lab_wait(struct lab *l, int64_t until)
{
    lab_take(l, &l->alice, 0, 20);
    if (sb_mono_ms() > until)
        fail_msg("nothing more happened; the card is %s (%s)", l->have_card ? sb_name(&sb_states, l->card.state) : "not there",
                 l->have_card && l->card.note ? l->card.note : "");
}

static inline void lab_until_state(struct lab *l, int state)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!l->have_card || l->card.state != state) {
        lab_take(l, &l->alice, 0, 200);
        if (sb_mono_ms() > until)
            fail_msg("the card is %s (%s), not %s; notices: %s", l->have_card ? sb_name(&sb_states, l->card.state) : "not there",
                     l->have_card && l->card.note ? l->card.note : "", sb_name(&sb_states, state), l->notices.p ? l->notices.p : "");
    }
}

/* After an edit: the new revision, waiting for its approvals. */
static inline void lab_until_revision(struct lab *l, int64_t revision)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (l->card.revision < revision || l->card.state != SB_AWAITING_APPROVAL)
        lab_wait(l, until);
}

static inline void lab_until_notice(struct lab *l, const char *words)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!l->notices.p || !strstr(l->notices.p, words)) {
        lab_take(l, &l->alice, 0, 200);
        if (sb_mono_ms() > until)
            fail_msg("no notice says \"%s\", but: %s", words, l->notices.p ? l->notices.p : "");
    }
}

/* ---- asks ---- */

static inline struct sb_message *lab_decision(const struct lab *l, int type, const char *hash, const char *target, const char *reason)
{
    struct sb_message *m = sb_message_new(type, 0);
    assert_non_null(m);
    struct sb_decision_on *d = m->body;
    assert_int_equal(sb_str_set(&d->card, l->card.id) || sb_str_set(&d->hash, hash) || sb_str_set(&d->target, target) || sb_str_set(&d->reason, reason), 0);
    return m;
}

static inline int lab_approve(struct lab *l, const struct lab_seat *s)
{
    char *hash = sb_format("%s", l->card.hash), *target = sb_format("%s", l->card.target);
    int rc = lab_ask(l, s, lab_decision(l, SB_ASK_APPROVE, hash, target, NULL));
    free(hash);
    free(target);
    return rc;
}

static inline int lab_edit(struct lab *l, const struct lab_seat *s, const char *key, const char *value)
{
    struct sb_message *m = sb_message_new(SB_ASK_EDIT, 0);
    struct sb_edit *e = m->body;
    struct sb_set *set = SB_PUSH(e->sets);
    assert_int_equal(!set || sb_str_set(&e->card, l->card.id) || sb_str_set(&set->key, key) || sb_str_set(&set->value, value), 0);
    return lab_ask(l, s, m);
}

/* A card for an index, proposed and waiting (or in `state`), with a short watch window. */
static inline void lab_propose(struct lab *l, const char *request, int state)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (lab_ask(l, &l->alice, sb_message_text(SB_ASK_REQUEST, 0, request)) != 0 || !l->have_card) { /* it may not be connected yet */
        lab_take(l, &l->alice, 0, 100);
        if (sb_mono_ms() > until)
            fail_msg("nothing was proposed: %s", l->answer);
    }
    lab_until_state(l, state);
}

#define LAB_REQUEST "create an index on shop.orders {customer_id: 1, created_at: -1}"
#define LAB_INDEX "customer_id_1_created_at_-1"

/* ---- behind its back ---- */

static inline void lab_command(struct lab *l, const char *db, const char *json)
{
    bson_error_t e;
    bson_t *command = bson_new_from_json((const uint8_t *)json, -1, &e), reply;
    assert_non_null(command);
    if (!mongoc_client_command_simple(l->client, db, command, NULL, &reply, &e))
        fail_msg("%s: %s", json, e.message);
    bson_destroy(&reply);
    bson_destroy(command);
}

/* True when the first member lists the index. */
static inline bool lab_has_index(struct lab *l, const char *name)
{
    mongoc_collection_t *c = mongoc_client_get_collection(l->client, "shop", "orders");
    mongoc_cursor_t *cursor = mongoc_collection_find_indexes_with_opts(c, NULL);
    const bson_t *doc;
    bool found = false;
    while (mongoc_cursor_next(cursor, &doc)) {
        bson_iter_t it;
        found |= bson_iter_init_find(&it, doc, "name") && BSON_ITER_HOLDS_UTF8(&it) && strcmp(bson_iter_utf8(&it, NULL), name) == 0;
    }
    mongoc_cursor_destroy(cursor);
    mongoc_collection_destroy(c);
    return found;
}

static inline void lab_until_index(struct lab *l, const char *name)
{
    int64_t until = sb_mono_ms() + LAB_PATIENCE_MS;
    while (!lab_has_index(l, name)) /* a build in progress is listed, without any mark */
        lab_wait(l, until);
}

/* ---- the record, when the orchestrator has ended ---- */

struct lab_count {
    int kind;
    const char *event;
    int64_t n;
};

static inline int lab_count_entry(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct lab_count *c = ctx;
    (void)bytes;
    (void)n;
    (void)err;
    c->n += e->kind == c->kind && (!c->event || sb_streq(sb_json_str(e->body, "event"), c->event));
    return 0;
}

static inline void lab_each_entry(struct lab *l, sb_ledger_fn each, void *ctx)
{
    struct sb_err err = SB_ERR_INIT;
    struct sb_ledger *ledger = sb_ledger_open(l->dir, SB_LEDGER_READ, NULL, &err);
    assert_non_null(ledger);
    sb_assert_ok(sb_ledger_range(ledger, 1, 0, each, ctx, &err), err);
    sb_ledger_close(ledger);
}

static inline int64_t lab_entries(struct lab *l, int kind, const char *event)
{
    struct lab_count c = {kind, event, 0};
    lab_each_entry(l, lab_count_entry, &c);
    return c.n;
}

#endif
