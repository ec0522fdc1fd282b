/* SPDX-License-Identifier: Apache-2.0 */
#include "trial.h"

#include <signalbox/agents/step_iterator.h>
#include <signalbox/agents/whatif_card.h>
#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/base/hook.h>
#include <signalbox/mongo/read_door.h>
#include <signalbox/mongo/write_door.h>

#include <inttypes.h>
#include <string.h>

#define NO_SUCH_COLLECTION 26

struct trying {
    const struct trial_elsewhere *t;
    struct sb_origin origin;
    struct sb_ledger *ledger;
    struct sb_server *target;
    struct sb_conn *conn;
    struct sb_deployment_facts facts;
    struct sb_catalogue there; /* the collection on the target */
    bool have;
    struct sb_card tried;      /* its plan is what is done */
    char id[16], db[64], coll[192];
    int64_t steps, millis; /* sent, and how long they took there */
    int64_t last_us, last_changed; /* of the last one: how long, and how many documents it changed */
    struct sb_rehearsal rehearsal; /* of a change: what was measured */
};

/* ---- one write ---- */

static int answered(struct trying *x, const struct sb_write_result *r, bool undo, struct sb_err *err)
{
    static const char *const outcomes[] = {[SB_OUTCOME_OK] = "ok", [SB_OUTCOME_FAILED] = "failed", [SB_OUTCOME_UNKNOWN] = "unknown"};
    struct sb_entry e = {.kind = SB_ENTRY_STEP_RESULT, .actor.principal = (char *)(uintptr_t)x->t->by, .plan = {.deployment = (char *)(uintptr_t)x->t->deployment, .simulated = x->facts.simulated}};
    e.body = json_pack("{s:I,s:i,s:b,s:s,s:I,s:o,s:I,s:s}", "step", (json_int_t)x->steps, "try", 1, "undo", undo, "outcome", outcomes[r->outcome], "code", (json_int_t)r->code, "message",
                       sb_o_words(r->message), "millis", (json_int_t)r->millis, "trial", x->id);
    int rc = e.body ? sb_ledger_append(x->ledger, &e, err) : sb_fail_nomem(err);
    json_decref(e.body);
    return rc;
}

static int64_t changed_by(const char *reply)
{
    struct sb_err ignored = SB_ERR_INIT;
    json_t *r = reply ? sb_json_parse(reply, strlen(reply), "reply", SB_JSON_ALLOW_REAL, &ignored) : NULL;
    int64_t n = json_integer_value(json_object_get(r, "nModified"));
    json_decref(r);
    return n;
}

/* scratch: the collection that it is about. */
static int send(struct trying *x, const char *command, const char *scratch, bool undo, struct sb_err *err)
{
    struct sb_write_result result;
    struct sb_permit permit;
    struct sb_entry e = {.kind = SB_ENTRY_STEP_INTENT, .actor.principal = (char *)(uintptr_t)x->t->by, .plan = {.deployment = (char *)(uintptr_t)x->t->deployment, .simulated = x->facts.simulated}};
    e.body = json_pack("{s:I,s:i,s:b,s:s,s:s,s:s,s:s}", "step", (json_int_t)++x->steps, "try", 1, "undo", undo, "trial", x->id, "db", x->db, "scratch", scratch, "target", x->facts.id);
    int rc = e.body ? sb_ledger_intent(x->ledger, &e, command, x->facts.id, NULL, &permit, err) : sb_fail_nomem(err);
    json_decref(e.body);
    if (rc)
        return -1;
    sb_hook("trial.send.before");
    int64_t since = sb_mono_ns();
    sb_write(x->target, NULL, x->facts.id, &permit, command, &result);
    x->last_us = (sb_mono_ns() - since) / 1000;
    x->last_changed = changed_by(result.reply);
    sb_hook("trial.send.after");
    bool fine = result.outcome == SB_OUTCOME_OK || (undo && result.outcome == SB_OUTCOME_FAILED && result.code == NO_SUCH_COLLECTION);
    x->millis += result.millis;
    rc = answered(x, &result, undo, err);
    if (rc == 0 && !fine)
        rc = sb_fail(err, result.outcome == SB_OUTCOME_UNKNOWN ? SB_ESERVER : SB_ECOMMAND, "%s", result.message);
    sb_write_result_release(&result);
    return rc;
}

static int drop(struct trying *x, const char *db, const char *scratch, struct sb_err *err)
{
    bson_t c = BSON_INITIALIZER;
    BSON_APPEND_UTF8(&c, "drop", scratch);
    BSON_APPEND_INT32(&c, "maxTimeMS", SB_WHAT_IF_MAX_TIME_MS);
    BSON_APPEND_UTF8(&c, "$db", db);
    char *text = bson_as_canonical_extended_json(&c, NULL);
    int rc = text ? send(x, text, scratch, true, err) : sb_fail_nomem(err);
    bson_free(text);
    bson_destroy(&c);
    return rc;
}

/* ---- trials that were killed ---- */

struct left {
    const char *target;
    int64_t step;
    char db[64], scratch[128], trial[16];
    bool open, drops;
};

/* Trials come one after the other, for each has the ledger to itself: what counts is the last write on this target. */
static int find_left(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct left *l = ctx;
    const char *db = sb_json_str(e->body, "db"), *scratch = sb_json_str(e->body, "scratch"), *trial = sb_json_str(e->body, "trial"), *outcome = sb_json_str(e->body, "outcome");
    (void)bytes, (void)n, (void)err;
    if (e->kind == SB_ENTRY_STEP_INTENT && db && scratch && trial && sb_streq(sb_json_str(e->body, "target"), l->target)) {
        snprintf(l->db, sizeof l->db, "%s", db);
        snprintf(l->scratch, sizeof l->scratch, "%s", scratch);
        snprintf(l->trial, sizeof l->trial, "%s", trial);
        l->drops = json_is_true(json_object_get(e->body, "undo"));
        l->open = true;
    } else if (e->kind == SB_ENTRY_STEP_RESULT && l->open && l->drops && sb_streq(trial, l->trial)) {
        json_int_t code = json_integer_value(json_object_get(e->body, "code"));
        l->open = !(sb_streq(outcome, "ok") || (sb_streq(outcome, "failed") && code == NO_SUCH_COLLECTION));
    }
    return 0;
}

static int clear_left(struct trying *x, struct sb_err *err)
{
    struct left l = {.target = x->facts.id};
    if (sb_ledger_range(x->ledger, 1, 0, find_left, &l, err))
        return -1;
    return l.open && sb_starts_with(l.scratch, SB_SCRATCH_PREFIX) ? drop(x, l.db, l.scratch, err) : 0;
}

/* ---- where to ---- */

struct sb_server *sb_o_trial_server(const char *uri_file, struct sb_err *err)
{
    struct sb_server *server = NULL;
    struct sb_str uri;
    sb_str_init(&uri);
    if (sb_uri_from_file(uri_file, &uri, err) == 0)
        server = sb_server_new(uri.p, false, err);
    if (uri.len)
        explicit_bzero(uri.p, uri.len);
    sb_str_release(&uri);
    return server;
}

static int connect_target(struct trying *x, struct sb_err *err)
{
    x->target = sb_o_trial_server(x->t->uri_file, err);
    x->conn = x->target ? sb_conn_to_primary(x->target, SB_LANE_BULK, err) : NULL;
    if (!x->conn || sb_deployment_ask(x->conn, &x->facts, err))
        return -1;
    if (x->facts.hello.is_mongos)
        return sb_fail(err, SB_EPOLICY, "the deployment that the config names for trials is a sharded cluster: trials are made on a replica set or a single server");
    if (sb_streq(x->facts.id, x->t->source_id))
        return sb_fail(err, SB_EPOLICY, "the deployment that the config names for trials is this very one (%s)", x->facts.id);
    return 0;
}

/* The sample is taken there, with the indexes of here. */
static int make_plan(struct trying *x, struct sb_err *err)
{
    const char *seed = sb_server_seed(x->target, 0), *member = x->facts.hello.primary[0] ? x->facts.hello.primary : seed;
    struct sb_members m = {&member, 1, member};
    if (!member)
        return sb_fail(err, SB_ESERVER, "no primary is known there");
    if (sb_catalogue_read(x->target, &m, x->t->card->target, &x->there, err))
        return -1;
    x->have = true;
    struct sb_catalogue mixed = x->there;
    mixed.indexes = x->t->today->indexes;
    mixed.indexes_n = x->t->today->indexes_n;
    struct sb_what_if_question q = {.card = x->t->card, .catalogue = &mixed, .sensitive = x->t->sensitive, .card_id = x->id, .requested_by = x->t->by,
                                    .replicated = x->facts.hello.set_name[0] != '\0', .at = x->t->at};
    return x->t->card->kind == SB_KIND_CREATE_INDEX ? sb_what_if_card(&q, &x->tried, err) : sb_rehearsal_card(&q, &x->tried, err);
}

/* ---- what is sent ---- */

struct batch_way {
    struct trying *x;
    const char *scratch;
};

static int send_batch(void *ctx, const char *command, int64_t *micros, int64_t *changed, struct sb_err *err)
{
    const struct batch_way *w = ctx;
    int rc = send(w->x, command, w->scratch, false, err);
    *micros = w->x->last_us;
    *changed = w->x->last_changed;
    return rc;
}

static int rehearse(struct trying *x, const struct sb_step *s, const char *scratch, struct sb_err *err)
{
    struct batch_way way = {x, scratch};
    char *ns = sb_format("%s.%s", x->db, scratch);
    int rc = ns ? sb_o_rehearse(&(struct rehearsing){x->target, x->conn, ns, send_batch, &way}, s, &x->rehearsal, err) : sb_fail_nomem(err);
    free(ns);
    return rc;
}

/* One after the other. *sent: how many were begun. */
static int send_all(struct trying *x, const char *scratch, size_t *sent, struct sb_err *err)
{
    int rc = 0;
    x->rehearsal.sample = x->tried.blast_radius.documents;
    x->rehearsal.all_here = x->t->today->documents;
    while (rc == 0 && *sent < x->tried.steps_n) {
        const struct sb_step *s = &x->tried.steps[(*sent)++];
        rc = sb_step_iterates(s) ? rehearse(x, s, scratch, err) : send(x, s->action, scratch, false, err);
    }
    return rc;
}

/* ---- what is read ---- */

static void read_size(struct trying *x, const char *scratch, const struct sb_criterion *c, struct sb_watch_reading *r)
{
    const char *member = x->facts.hello.primary[0] ? x->facts.hello.primary : sb_server_seed(x->target, 0);
    struct sb_members m = {&member, 1, member};
    struct sb_catalogue cat;
    struct sb_err err = SB_ERR_INIT;
    char *ns = sb_format("%s.%s", x->db, scratch);
    if (!ns || sb_catalogue_read(x->target, &m, ns, &cat, &err)) {
        sb_o_unmeasured(r, err.msg[0] ? err.msg : "out of memory");
        free(ns);
        return;
    }
    const struct sb_index_info *index = sb_catalogue_index(&cat, x->t->card->index_name);
    if (index && index->bytes && cat.documents > 0)
        sb_o_measured(r, c, (int64_t)((double)index->bytes * (double)sb_what_if_all(&x->tried) / (double)cat.documents), cat.documents);
    else
        sb_o_unmeasured(r, "the server does not tell its size");
    sb_catalogue_release(&cat);
    free(ns);
}

/* The explain that was kept for a criterion's shape; *note: why there is none. */
static const char *explain_of(const struct trial_elsewhere *t, const char *fingerprint, const char **note)
{
    *note = "no example of the shape was kept, so it could not be explained";
    for (size_t i = 0; i < t->card->watch.criteria_n; i++)
        if (sb_streq(t->card->watch.criteria[i].metric, "shape_docs_per_returned") && sb_streq(t->card->watch.criteria[i].subject, fingerprint)) {
            *note = t->notes[i] ? t->notes[i] : *note;
            return t->explains[i];
        }
    return NULL;
}

static int read_all(struct trying *x, const char *scratch, struct sb_err *err)
{
    struct sb_card *k = &x->tried;
    struct sb_err why = SB_ERR_INIT;
    struct sb_conn *today = x->t->source_member ? sb_conn_to_member(x->t->source, x->t->source_member, SB_LANE_CONTROL, &why) : NULL;
    k->report.readings = calloc(k->watch.criteria_n ? k->watch.criteria_n : 1, sizeof *k->report.readings);
    k->report.readings_n = k->report.readings ? k->watch.criteria_n : 0;
    for (size_t i = 0; i < k->report.readings_n; i++) {
        const struct sb_criterion *c = &k->watch.criteria[i];
        struct sb_watch_reading *r = &k->report.readings[i];
        const char *note = NULL, *explain = sb_streq(c->metric, "what_if_bytes") ? NULL : explain_of(x->t, c->subject, &note);
        if (sb_streq(c->metric, "what_if_bytes"))
            read_size(x, scratch, c, r);
        else if (!explain)
            sb_o_unmeasured(r, note);
        else if (sb_streq(c->metric, "what_if_docs_without") && !today)
            sb_o_unmeasured(r, why.msg[0] ? why.msg : "no member to ask for today's plan");
        else
            sb_o_read_trial(&(struct trial_read){x->conn, today, x->db, scratch}, explain, c, r);
    }
    sb_conn_close(today);
    return k->report.readings ? 0 : sb_fail_nomem(err);
}

/* ---- all of it ---- */

/* What it cost the deployment that it was made on. */
static int tell_load(const struct trying *x, const char *where, struct sb_evidence **list, size_t *n)
{
    size_t built = 0;
    for (size_t i = 1; i < x->tried.steps_n; i++)
        built += !sb_step_iterates(&x->tried.steps[i]);
    char *load = sb_format("%" PRId64 " documents copied, %zu %s built on them, %" PRId64 " commands in %" PRId64 " ms; the copy is ended after 10 s", x->tried.blast_radius.documents, built,
                           built == 1 ? "index" : "indexes", x->steps, x->millis);
    int rc = load ? sb_evidence_add(list, n, where, x->t->card->target, "what the trial cost there", load, "measured", x->t->at) : -1;
    free(load);
    return rc;
}

static int tell_found(struct trying *x, char *where, struct sb_evidence **list, size_t *n)
{
    if (x->t->card->kind != SB_KIND_CREATE_INDEX)
        return sb_rehearsal_evidence(x->t->card, &x->rehearsal, where, list, n, x->t->at);
    char *id = x->tried.id;
    x->tried.id = where;
    int rc = sb_what_if_evidence(&x->tried, list, n, x->t->at);
    x->tried.id = id;
    return rc;
}

static int try_it(struct trying *x, struct sb_evidence **list, size_t *n, char **where, struct sb_err *err)
{
    char *scratch = sb_what_if_scratch(x->id);
    struct sb_err why = SB_ERR_INIT;
    int rc = scratch ? 0 : sb_fail_nomem(err);
    size_t sent = 0;
    if (rc == 0)
        rc = send_all(x, scratch, &sent, err);
    if (rc == 0)
        rc = read_all(x, scratch, err);
    if (rc == 0) { /* the source of each fact is the trial, and where it was made */
        *where = sb_format("%s on %s", x->id, sb_conn_name(x->conn));
        rc = *where && tell_found(x, *where, list, n) == 0 ? 0 : sb_fail_nomem(err);
    }
    if (sent && drop(x, x->db, scratch, &why) && rc == 0) /* the next trial there drops it */
        rc = sb_evidence_add(list, n, *where, x->t->card->target, "what was left behind", why.msg, "measured", x->t->at) ? sb_fail_nomem(err) : 0;
    if (rc == 0)
        rc = tell_load(x, *where, list, n) ? sb_fail_nomem(err) : 0;
    free(scratch);
    return rc;
}

int sb_o_try_elsewhere(const struct trial_elsewhere *t, struct sb_evidence **list, size_t *n, char **where, struct sb_err *err)
{
    struct trying *x = calloc(1, sizeof *x);
    char nonce[33];
    int rc = -1;
    if (!x)
        return sb_fail_nomem(err);
    x->t = t;
    sb_origin_system(&x->origin);
    if (!sb_ns_split(t->card->target, x->db, x->coll)) {
        sb_fail(err, SB_EINPUT, "\"%s\" is not a collection", t->card->target);
    } else if (connect_target(x, err) == 0 && sb_origin_nonce(&x->origin, nonce, err) == 0 && sb_dir_make(t->dir, 0700, err) == 0 &&
               (x->ledger = sb_ledger_open(t->dir, SB_LEDGER_OWN, &x->origin, err))) {
        snprintf(x->id, sizeof x->id, "T-%.10s", nonce);
        rc = clear_left(x, err) || make_plan(x, err) || try_it(x, list, n, where, err) ? -1 : 0;
    }
    sb_card_release(&x->tried);
    sb_rehearsal_release(&x->rehearsal);
    if (x->have)
        sb_catalogue_release(&x->there);
    sb_deployment_facts_release(&x->facts);
    sb_conn_close(x->conn);
    sb_ledger_close(x->ledger);
    sb_server_free(x->target);
    free(x);
    return rc;
}
