/* SPDX-License-Identifier: Apache-2.0
 *
 * The cards of a change: what each phase does, what takes it back, and what has to be true before it. */
#include "schema_change_private.h"

#include <signalbox/agents/shard_key.h>
#include <signalbox/base/str.h>

#include <inttypes.h>
#include <string.h>

#define BATCH_DOCS 200
#define BATCH_DELAY_MS 100
#define BATCH_MAX_MS 10000   /* of a batch's command */
#define MAJORITY_MAX_MS 10000
#define MAX_LAG_S 10
#define MAX_QUEUED 20
#define MAX_CACHE_PPM 850000
#define MIN_OPLOG_S 120 /* twelve times the lag that is borne */
#define LOOK_WRITES 20
#define LOOK_QUIET_S 60
#define WATCH_S 60

/* ---- commands ---- */

char *sb_change_json(bson_t *doc)
{
    char *json = bson_as_canonical_extended_json(doc, NULL), *copy = json ? sb_strdup_n(json, strlen(json)) : NULL;
    bson_free(json);
    bson_destroy(doc);
    return copy;
}

/* An update of all documents that fit q by one stage; both are destroyed. */
char *sb_change_update(const struct change_maker *p, size_t i, int step, const char *what, bson_t *q, bson_t *stage)
{
    const struct change_facts *f = p->f;
    char comment[96];
    snprintf(comment, sizeof comment, "signalbox C-%06" PRId64 "/%d%s", p->q->first_card + (int64_t)i, step, what);
    bson_t *c = BCON_NEW("update", BCON_UTF8(f->coll), "updates", "[", "{", "q", BCON_DOCUMENT(q), "u", "[", BCON_DOCUMENT(stage), "]", "multi", BCON_BOOL(true), "}", "]", "ordered", BCON_BOOL(true),
                         "writeConcern", "{", "w", "majority", "wtimeout", BCON_INT32(MAJORITY_MAX_MS), "}", "maxTimeMS", BCON_INT32(BATCH_MAX_MS), "comment", BCON_UTF8(comment), "$db", BCON_UTF8(f->db));
    bson_destroy(q);
    bson_destroy(stage);
    return sb_change_json(c);
}

bson_t *sb_change_exists(const char *a, bool there, const char *b, bool b_there)
{
    bson_t *q = BCON_NEW(a, "{", "$exists", BCON_BOOL(there), "}"), *more = b ? BCON_NEW(b, "{", "$exists", BCON_BOOL(b_there), "}") : NULL;
    if (more) {
        bson_concat(q, more);
        bson_destroy(more);
    }
    return q;
}

/* Documents in which the new field says what the old one says. */
static bson_t *same_in_both(const struct sb_change_question *q)
{
    char *a = sb_format("$%s", q->field), *b = sb_format("$%s", q->new_field);
    bson_t *out = sb_change_exists(q->field, true, q->new_field, true), *same = BCON_NEW("$expr", "{", "$eq", "[", BCON_UTF8(a ? a : "$a"), BCON_UTF8(b ? b : "$b"), "]", "}");
    bson_concat(out, same);
    bson_destroy(same);
    free(a);
    free(b);
    return out;
}

/* {$set: {to: "$from"}} */
static bson_t *copying(const char *to, const char *from)
{
    char *path = sb_format("$%s", from);
    bson_t *stage = BCON_NEW("$set", "{", to, BCON_UTF8(path ? path : "$$REMOVE"), "}");
    free(path);
    return stage;
}

bson_t *sb_change_unsetting(const char *field)
{
    return BCON_NEW("$unset", BCON_UTF8(field));
}

bson_t *sb_change_giving(const char *field, const bson_t *v)
{
    bson_t *stage = bson_new(), set, literal;
    bson_iter_t it;
    bson_iter_init_find(&it, v, "v");
    BSON_APPEND_DOCUMENT_BEGIN(stage, "$set", &set);
    BSON_APPEND_DOCUMENT_BEGIN(&set, field, &literal);
    BSON_APPEND_VALUE(&literal, "$literal", bson_iter_value(&it));
    bson_append_document_end(&set, &literal);
    bson_append_document_end(stage, &set);
    return stage;
}

static bson_t *holding(const char *field, const bson_t *v)
{
    bson_t *q = bson_new(), eq;
    bson_iter_t it;
    bson_iter_init_find(&it, v, "v");
    BSON_APPEND_DOCUMENT_BEGIN(q, field, &eq);
    BSON_APPEND_VALUE(&eq, "$eq", bson_iter_value(&it));
    bson_append_document_end(q, &eq);
    return q;
}

/* ---- a card ---- */

static int begin_card(const struct change_maker *p, size_t i, struct sb_card *c, const char *phase)
{
    const struct sb_change_question *q = p->q;
    c->revision = 1;
    c->environment = q->environment;
    c->simulated = q->simulated;
    c->risk = SB_LOW;
    c->confidence_ppm = 1000000;
    c->watch.window_s = WATCH_S;
    c->id = sb_format("C-%06" PRId64, q->first_card + (int64_t)i);
    c->phase = p->phases > 1 ? sb_format("%zu of %zu: %s", i + 1, p->phases, phase) : NULL;
    c->after = i ? sb_format("C-%06" PRId64, q->first_card + (int64_t)i - 1) : NULL;
    struct sb_blast_radius *b = &c->blast_radius;
    b->members = q->members;
    int rc = !c->id || (p->phases > 1 && !c->phase) || (i && !c->after) || sb_str_set(&c->case_id, q->case_id) || sb_str_set(&c->deployment, q->deployment) ||
             sb_str_set(&c->deployment_id, q->deployment_id) || sb_str_set(&c->target, q->ns) || sb_str_set(&c->author, sb_name(&sb_specialists, SB_BY_DATA_ARCHITECT)) ||
             sb_str_set(&c->requested_by, q->requested_by) || sb_strs_push(&b->namespaces, &b->namespaces_n, q->ns);
    for (size_t k = 0; rc == 0 && k < p->f->evidence_n; k++) {
        const struct sb_evidence *e = &p->f->evidence[k];
        rc = sb_evidence_add(&c->evidence, &c->evidence_n, e->source, e->ns, e->what, e->value, e->coverage, e->taken_at);
    }
    for (size_t k = 0; rc == 0 && q->uses && k < q->uses->n; k++) {
        const struct sb_evidence *e = &q->uses->item[k];
        rc = sb_evidence_add(&c->evidence, &c->evidence_n, e->source, e->ns, e->what, e->value, e->coverage, e->taken_at);
    }
    return rc || (!q->repair && sb_change_code(q, i, c)) ? -1 : 0;
}

int sb_change_check_place(const struct change_maker *m, struct sb_step *s)
{
    return sb_check_add(&s->check_before, &s->check_before_n, "primary", NULL, NULL, NULL) || sb_check_add(&s->check_before, &s->check_before_n, "members_up", NULL, NULL, NULL) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "collection", m->q->ns, NULL, m->f->uuid)
               ? -1
               : 0;
}

static int add_step(const struct change_maker *p, struct sb_card *c, const char *how)
{
    struct sb_step *s = SB_PUSH(c->steps);
    if (!s)
        return -1;
    s->n = (int64_t)c->steps_n;
    s->class_ = SB_STEP_IDEMPOTENT;
    s->control = SB_CONTROL_PAUSABLE;
    s->undo_label = SB_UNDO_LOSSLESS;
    return sb_str_set(&s->work.how, how) || sb_str_set(&s->work.field, p->q->field) || sb_str_set(&s->work.new_field, p->q->new_field) || sb_change_check_place(p, s) ? -1 : 0;
}

/* A step that looks and changes nothing: at writes, or at documents. action is taken. */
int sb_change_add_look(const struct change_maker *p, struct sb_card *c, const char *how, char *action)
{
    if (!action || add_step(p, c, how)) {
        free(action);
        return -1;
    }
    struct sb_step *s = &c->steps[c->steps_n - 1];
    s->action = action;
    s->work.writes = LOOK_WRITES;
    s->work.quiet_s = LOOK_QUIET_S;
    return p->q->into ? sb_str_set(&s->work.new_field, p->q->into) : 0;
}

/* A phase that looks at writes and changes nothing. */
int sb_change_look_card(const struct change_maker *p, size_t i, struct sb_card *c, const char *phase, const char *how, char *title, char *why)
{
    c->kind = SB_KIND_OBSERVE;
    c->title = title;
    c->why = why;
    if (!title || !why || begin_card(p, i, c, phase))
        return -1;
    const char *other = p->q->into ? p->q->into : p->q->ns; /* of a field that is in two collections, the writes of both are read */
    bson_t *names = BCON_NEW("$in", "[", BCON_UTF8(p->q->ns), BCON_UTF8(other), "]"), *find = NULL;
    if (!p->q->into)
        find = BCON_NEW("find", "oplog.rs", "filter", "{", "$or", "[", "{", "ns", BCON_UTF8(p->q->ns), "op", "{", "$in", "[", "i", "u", "]", "}", "}", "{", "op", "c", "o.applyOps.ns", BCON_UTF8(p->q->ns), "}", "]",
                        "}", "batchSize", BCON_INT32(1000), "$db", "local");
    else
        find = BCON_NEW("find", "oplog.rs", "filter", "{", "$or", "[", "{", "ns", BCON_DOCUMENT(names), "op", "{", "$in", "[", "i", "u", "d", "]", "}", "}", "{", "op", "c", "o.applyOps.ns", BCON_DOCUMENT(names), "}",
                        "]", "}", "batchSize", BCON_INT32(1000), "$db", "local");
    bson_destroy(names);
    c->blast_radius.lock = sb_format("none: the oplog is read, once a second");
    return !c->blast_radius.lock || sb_change_add_look(p, c, how, sb_change_json(find)) ? -1 : 0;
}

int sb_change_open_card(const struct change_maker *p, size_t i, struct sb_card *c, int kind, const char *phase, char *title, char *why)
{
    c->kind = kind;
    c->title = title;
    c->why = why;
    return !title || !why ? -1 : begin_card(p, i, c, phase);
}

int sb_change_add_batches(const struct change_maker *p, struct sb_card *c, char *action, char *undo, int label)
{
    if (!action || add_step(p, c, "batches")) {
        free(action);
        free(undo);
        return -1;
    }
    struct sb_step *s = &c->steps[c->steps_n - 1];
    s->action = action;
    s->undo = undo;
    s->undo_label = label;
    s->work.docs = BATCH_DOCS;
    s->work.delay_ms = BATCH_DELAY_MS;
    s->work.max_lag_s = MAX_LAG_S;
    s->work.max_queued = MAX_QUEUED;
    s->work.max_cache_ppm = MAX_CACHE_PPM;
    s->work.min_oplog_s = MIN_OPLOG_S;
    c->risk = c->kind == SB_KIND_CONTRACT ? SB_HIGH : SB_MEDIUM;
    struct sb_blast_radius *b = &c->blast_radius;
    b->documents = p->f->documents;
    b->bytes = p->f->bytes;
    b->est_duration_ms = (p->f->documents / BATCH_DOCS + 1) * (int64_t)(c->steps_n + 1) * BATCH_DELAY_MS;
    free(b->lock);
    b->lock = sb_format("none beyond each document for the moment it is changed; %d documents a command, at least %d ms apart while others work on the server", BATCH_DOCS, BATCH_DELAY_MS);
    return b->lock ? 0 : -1;
}

/* A phase that changes documents in batches. action and undo are taken. */
static int batch_card(const struct change_maker *p, size_t i, struct sb_card *c, int kind, const char *phase, char *action, char *undo, int label, char *title, char *why)
{
    if (sb_change_open_card(p, i, c, kind, phase, title, why)) {
        free(action);
        free(undo);
        return -1;
    }
    return sb_change_add_batches(p, c, action, undo, label);
}

/* ---- the plans ---- */

char *sb_change_title(const struct change_maker *p, const char *verb)
{
    const struct sb_change_question *q = p->q;
    return q->new_field ? sb_format("%s %s to %s in %s", verb, q->field, q->new_field, q->ns) : sb_format("%s %s in %s", verb, q->field, q->ns);
}

/* What the operator has to see to by other cards: the indexes on the field that goes. */
int sb_change_mention_indexes(const struct change_maker *p, struct sb_card *c)
{
    if (!p->f->indexes)
        return 0;
    char *text = p->q->change == SB_CHANGE_RETYPE
                     ? sb_format("On %s: %s. The keys change with the values, by batches: a query that compares with a %s finds only what is not converted yet, one that compares with a %s only what is.", p->q->field,
                                 p->f->indexes, p->f->from_type, p->q->type)
                 : p->q->new_field ? sb_format("On %s: %s. Before it is read by its new name, ask for each \"create an index on %s {%s: 1, ...}\"; a sparse or partial one asks for its own field, "
                                          "so that it is to be made anew with the new name. After the last phase: \"retire unused indexes on %s\".",
                                          p->q->field, p->f->indexes, p->q->ns, p->q->new_field, p->q->ns)
                              : sb_format("On %s: %s. They serve no query any more once the field is gone: ask \"retire unused indexes on %s\".", p->q->field, p->f->indexes, p->q->ns);
    int rc = text ? sb_side_note_add(c, "Indexes, by the Index Optimizer", text) : -1;
    free(text);
    return rc;
}

static int plan_rename(const struct change_maker *p, struct sb_card *card)
{
    const struct sb_change_question *q = p->q;
    char *proof = sb_change_json(sb_change_left(q, NULL));
    int rc = !proof ||
             sb_change_look_card(p, 0, &card[0], "write both", "both_written", sb_change_title(p, "Both are written: rename"),
                       sb_format("The applications write %s and %s side by side from now on. The oplog shows whether every write does, for %d s and %d writes; until then nothing is copied. To go back, deploy the "
                                 "applications as they were.",
                                 q->field, q->new_field, LOOK_QUIET_S, LOOK_WRITES));
    rc = rc || batch_card(p, 1, &card[1], SB_KIND_BACKFILL, "backfill",
                          sb_change_update(p, 1, 1, "", sb_change_exists(q->field, true, q->new_field, false), copying(q->new_field, q->field)),
                          sb_change_update(p, 1, 1, " undo", same_in_both(q), sb_change_unsetting(q->new_field)), SB_UNDO_LOSSLESS, sb_change_title(p, "Backfill: rename"),
                          sb_format("Every document that has %s and not %s gets %s with the same value. Taken back, %s goes wherever it says the same as %s: nothing that only it says is lost.", q->field, q->new_field,
                                    q->new_field, q->new_field, q->field));
    rc = rc || sb_change_mention_indexes(p, &card[1]);
    rc = rc || sb_change_look_card(p, 2, &card[2], "read the new", "unwritten", sb_change_title(p, "Only the new is written: rename"),
                         sb_format("The applications read %s, and then stop writing %s. The oplog shows whether no write sets %s any more, for %d s and %d writes of %s. Who still reads the old name a server does not tell: "
                                   "the code has to.",
                                   q->new_field, q->field, q->field, LOOK_QUIET_S, LOOK_WRITES, q->new_field));
    rc = rc || batch_card(p, 3, &card[3], SB_KIND_CONTRACT, "contract",
                          sb_change_update(p, 3, 1, "", sb_change_exists(q->field, true, q->new_field, true), sb_change_unsetting(q->field)),
                          sb_change_update(p, 3, 1, " undo", sb_change_exists(q->field, false, q->new_field, true), copying(q->field, q->new_field)), SB_UNDO_LOSSY, sb_change_title(p, "Contract: rename"),
                          sb_format("%s is removed from every document that has %s. Taken back, %s gets the value that %s has then; what only it said is lost.", q->field, q->new_field, q->field, q->new_field));
    if (rc == 0) {
        card[3].needs_person = true;
        rc = sb_check_add(&card[3].steps[0].check_before, &card[3].steps[0].check_before_n, "none_match", q->ns, NULL, proof) || sb_change_mention_indexes(p, &card[3]);
    }
    free(proof);
    return rc ? -1 : 0;
}

/* One value for all of them. */
static int plan_add(const struct change_maker *p, struct sb_card *card, struct sb_err *err)
{
    const struct sb_change_question *q = p->q;
    bson_t *v = sb_change_value(q->value);
    if (!v)
        return sb_fail(err, SB_EINPUT, "the value that %.100s is to have cannot be read: write it as JSON, a text in quotes", q->field);
    int rc = batch_card(p, 0, &card[0], SB_KIND_BACKFILL, "backfill", sb_change_update(p, 0, 1, "", sb_change_exists(q->field, false, NULL, false), sb_change_giving(q->field, v)),
                        sb_change_update(p, 0, 1, " undo", holding(q->field, v), sb_change_unsetting(q->field)), SB_UNDO_LOSSY, sb_change_title(p, "Add"),
                        sb_format("Every document without %s gets it, with one value; those that have it keep theirs. Taken back, it goes wherever it has that value, also where an application wrote the same.", q->field));
    bson_destroy(v);
    return rc;
}

/* A value for each, from the fields of the same document. */
static int plan_computed(const struct change_maker *p, struct sb_card *card, struct sb_err *err)
{
    const struct sb_change_question *q = p->q;
    bson_t *v = sb_change_expression(q, err), *stage = bson_new(), *same = sb_change_exists(q->field, true, NULL, false), set, expr, eq;
    bson_iter_t it;
    char path[256];
    if (v && bson_iter_init_find(&it, v, "v")) {
        snprintf(path, sizeof path, "$%s", q->field);
        BSON_APPEND_DOCUMENT_BEGIN(stage, "$set", &set);
        BSON_APPEND_VALUE(&set, q->field, bson_iter_value(&it));
        bson_append_document_end(stage, &set);
        BSON_APPEND_DOCUMENT_BEGIN(same, "$expr", &expr);
        BSON_APPEND_ARRAY_BEGIN(&expr, "$eq", &eq);
        BSON_APPEND_UTF8(&eq, "0", path);
        BSON_APPEND_VALUE(&eq, "1", bson_iter_value(&it));
        bson_append_array_end(&expr, &eq);
        bson_append_document_end(same, &expr);
    }
    char *action = v ? sb_change_update(p, 0, 1, "", sb_change_left(q, NULL), stage) : NULL, *undo = v ? sb_change_update(p, 0, 1, " undo", same, sb_change_unsetting(q->field)) : NULL;
    if (!v) {
        bson_destroy(stage);
        bson_destroy(same);
        return -1;
    }
    bson_destroy(v);
    return batch_card(p, 0, &card[0], SB_KIND_BACKFILL, "backfill", action, undo, SB_UNDO_LOSSY, sb_change_title(p, "Add, computed,"),
                      sb_format("Every document without %s gets it, computed by the server from its other fields; one that lacks those stays without. Those that have it keep theirs. An application that changes what it "
                                "is computed from has to write it too, from before this begins: it is computed once. Taken back, it goes wherever it says what would be computed then.",
                                q->field));
}

static int plan_remove(const struct change_maker *p, struct sb_card *card)
{
    const struct sb_change_question *q = p->q;
    int rc = sb_change_look_card(p, 0, &card[0], "stop writing it", "unwritten", sb_change_title(p, "Nobody writes it: remove"),
                       sb_format("The applications stop using %s. The oplog shows whether no write sets it any more, for %d s and %d writes. Who still reads it a server does not tell.", q->field, LOOK_QUIET_S, LOOK_WRITES));
    rc = rc || sb_change_open_card(p, 1, &card[1], SB_KIND_CONTRACT, "contract", sb_change_title(p, "Contract: remove"),
                                   sb_format("What %s says is kept in a collection beside, then it is removed from every document. Taken back, each document that has none then gets the value it had, until somebody "
                                             "drops what was kept: from then on there is no way back but a backup.",
                                             q->field));
    rc = rc || sb_change_keep(p, 1, &card[1], sb_change_exists(q->field, true, NULL, false));
    rc = rc || sb_change_add_batches(p, &card[1], sb_change_kept_update(p, 1, sb_change_exists(q->field, true, NULL, false), sb_change_unsetting(q->field)), sb_change_put_back(p, 1), SB_UNDO_LOSSLESS);
    if (rc == 0) {
        card[1].needs_person = true;
        rc = sb_change_mention_indexes(p, &card[1]);
    }
    return rc ? -1 : 0;
}

int sb_schema_change(const struct sb_server *server, const struct sb_change_question *q, struct sb_change_plan *out, struct sb_err *err)
{
    static const size_t phases[] = {[SB_CHANGE_RENAME] = 4, [SB_CHANGE_ADD] = 1, [SB_CHANGE_REMOVE] = 2, [SB_CHANGE_RETYPE] = 2, [SB_CHANGE_EXPIRE] = 0, [SB_CHANGE_ARCHIVE] = 1,
                                     [SB_CHANGE_EXTRACT] = 4, [SB_CHANGE_EMBED] = 3, [SB_CHANGE_SERIES] = 0};
    struct change_facts f = {.documents = 0};
    memset(out, 0, sizeof *out);
    if (q->change == SB_CHANGE_SHARD_KEY)
        return sb_shard_key_judge(server, q, out, err);
    if (q->change == SB_CHANGE_NAME)
        return sb_change_name(server, q, out, err);
    if (q->change == SB_CHANGE_CAPPED)
        return sb_change_capped(server, q, out, err);
    if (sb_change_names(q, err) || sb_change_look(server, q, &f, &out->reads, err)) {
        sb_change_facts_release(&f);
        return -1;
    }
    struct change_maker p = {.q = q, .f = &f, .phases = phases[q->change]};
    if (q->change == SB_CHANGE_EXPIRE || q->change == SB_CHANGE_SERIES)
        p.phases = q->change == SB_CHANGE_EXPIRE ? sb_change_expire_phases(&f) : sb_change_series_phases(&f);
    out->n = p.phases;
    int rc = q->change == SB_CHANGE_RENAME   ? plan_rename(&p, out->card)
             : q->change == SB_CHANGE_REMOVE ? plan_remove(&p, out->card)
             : q->change == SB_CHANGE_RETYPE ? sb_change_plan_retype(&p, out->card)
             : q->change == SB_CHANGE_EXPIRE ? sb_change_plan_expire(&p, out->card)
             : q->change == SB_CHANGE_ARCHIVE ? sb_change_plan_archive(&p, out->card)
             : q->change == SB_CHANGE_EXTRACT ? sb_change_plan_extract(&p, out->card)
             : q->change == SB_CHANGE_SERIES ? sb_change_plan_series(&p, out->card)
             : q->change == SB_CHANGE_EMBED ? sb_change_plan_embed(&p, out->card)
             : q->expression                 ? plan_computed(&p, out->card, err)
                                             : plan_add(&p, out->card, err);
    if (rc && err->code == SB_OK)
        sb_fail_nomem(err);
    sb_change_facts_release(&f);
    return rc;
}

void sb_change_plan_release(struct sb_change_plan *p)
{
    for (size_t i = 0; i < SB_PLAN_CARDS; i++)
        sb_card_release(&p->card[i]);
    free(p->text);
    for (size_t i = 0; i < p->evidence_n; i++)
        sb_record_release(&sb_evidence_schema, &p->evidence[i]);
    free(p->evidence);
    sb_reads_release(&p->reads);
    memset(p, 0, sizeof *p);
}
