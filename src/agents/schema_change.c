/* SPDX-License-Identifier: Apache-2.0
 *
 * The cards of a change: what each phase does, what takes it back, and what has to be true before it. */
#include "schema_change_private.h"

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

struct plan {
    const struct sb_change_question *q;
    const struct change_facts *f;
    size_t phases;
};

/* ---- commands ---- */

static char *text_of(bson_t *doc)
{
    char *json = bson_as_canonical_extended_json(doc, NULL), *copy = json ? sb_strdup_n(json, strlen(json)) : NULL;
    bson_free(json);
    bson_destroy(doc);
    return copy;
}

/* An update of all documents that fit q by one stage; both are destroyed. */
static char *update_command(const struct plan *p, size_t i, const char *what, bson_t *q, bson_t *stage)
{
    const struct change_facts *f = p->f;
    char comment[96];
    snprintf(comment, sizeof comment, "signalbox C-%06" PRId64 "/1%s", p->q->first_card + (int64_t)i, what);
    bson_t *c = BCON_NEW("update", BCON_UTF8(f->coll), "updates", "[", "{", "q", BCON_DOCUMENT(q), "u", "[", BCON_DOCUMENT(stage), "]", "multi", BCON_BOOL(true), "}", "]", "ordered", BCON_BOOL(true),
                         "writeConcern", "{", "w", "majority", "wtimeout", BCON_INT32(MAJORITY_MAX_MS), "}", "maxTimeMS", BCON_INT32(BATCH_MAX_MS), "comment", BCON_UTF8(comment), "$db", BCON_UTF8(f->db));
    bson_destroy(q);
    bson_destroy(stage);
    return text_of(c);
}

static bson_t *exists(const char *a, bool there, const char *b, bool b_there)
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
    bson_t *out = exists(q->field, true, q->new_field, true), *same = BCON_NEW("$expr", "{", "$eq", "[", BCON_UTF8(a ? a : "$a"), BCON_UTF8(b ? b : "$b"), "]", "}");
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

static bson_t *unsetting(const char *field)
{
    return BCON_NEW("$unset", BCON_UTF8(field));
}

/* The value of an added field; NULL: there is none that can be read. */
static bson_t *value_of(const struct sb_change_question *q)
{
    bson_t *v = q->value ? bson_new_from_json((const uint8_t *)q->value, -1, NULL) : NULL;
    bson_iter_t it;
    if (v && bson_iter_init_find(&it, v, "v"))
        return v;
    if (v)
        bson_destroy(v);
    return NULL;
}

static bson_t *giving(const char *field, const bson_t *v)
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

bson_t *sb_change_left(const struct sb_change_question *q)
{
    return q->change == SB_CHANGE_RENAME ? exists(q->field, true, q->new_field, false) : exists(q->field, q->change == SB_CHANGE_REMOVE, NULL, false);
}

/* ---- a card ---- */

static int begin_card(const struct plan *p, size_t i, struct sb_card *c, const char *phase)
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
    return rc || sb_change_code(q, i, c) ? -1 : 0;
}

static int add_step(const struct plan *p, struct sb_card *c, const char *how)
{
    struct sb_step *s = SB_PUSH(c->steps);
    if (!s)
        return -1;
    s->n = 1;
    s->class_ = SB_STEP_IDEMPOTENT;
    s->control = SB_CONTROL_PAUSABLE;
    s->undo_label = SB_UNDO_LOSSLESS;
    return sb_str_set(&s->work.how, how) || sb_str_set(&s->work.field, p->q->field) || sb_str_set(&s->work.new_field, p->q->new_field) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "primary", NULL, NULL, NULL) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "members_up", NULL, NULL, NULL) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "collection", p->q->ns, NULL, p->f->uuid)
               ? -1
               : 0;
}

/* A phase that looks at writes and changes nothing. */
static int look_card(const struct plan *p, size_t i, struct sb_card *c, const char *phase, const char *how, char *title, char *why)
{
    c->kind = SB_KIND_OBSERVE;
    c->title = title;
    c->why = why;
    if (!title || !why || begin_card(p, i, c, phase) || add_step(p, c, how))
        return -1;
    struct sb_step *s = &c->steps[0];
    s->work.writes = LOOK_WRITES;
    s->work.quiet_s = LOOK_QUIET_S;
    s->action = text_of(BCON_NEW("find", "oplog.rs", "filter", "{", "$or", "[", "{", "ns", BCON_UTF8(p->q->ns), "op", "{", "$in", "[", "i", "u", "]", "}", "}", "{", "op", "c", "o.applyOps.ns",
                                 BCON_UTF8(p->q->ns), "}", "]", "}", "batchSize", BCON_INT32(1000), "$db", "local"));
    c->blast_radius.lock = sb_format("none: the oplog is read, once a second");
    return !s->action || !c->blast_radius.lock ? -1 : 0;
}

/* A phase that changes documents in batches. action and undo are taken. */
static int batch_card(const struct plan *p, size_t i, struct sb_card *c, int kind, const char *phase, char *action, char *undo, int label, char *title, char *why)
{
    c->kind = kind;
    c->title = title;
    c->why = why;
    if (!title || !why || !action || begin_card(p, i, c, phase) || add_step(p, c, "batches")) {
        free(action);
        free(undo);
        return -1;
    }
    struct sb_step *s = &c->steps[0];
    s->action = action;
    s->undo = undo;
    s->undo_label = label;
    s->work.docs = BATCH_DOCS;
    s->work.delay_ms = BATCH_DELAY_MS;
    s->work.max_lag_s = MAX_LAG_S;
    s->work.max_queued = MAX_QUEUED;
    s->work.max_cache_ppm = MAX_CACHE_PPM;
    s->work.min_oplog_s = MIN_OPLOG_S;
    c->risk = kind == SB_KIND_CONTRACT ? SB_HIGH : SB_MEDIUM;
    struct sb_blast_radius *b = &c->blast_radius;
    b->documents = p->f->documents;
    b->bytes = p->f->bytes;
    b->est_duration_ms = (p->f->documents / BATCH_DOCS + 1) * 2 * BATCH_DELAY_MS;
    b->lock = sb_format("none beyond each document for the moment it is changed; %d documents a command, at least %d ms apart while others work on the server", BATCH_DOCS, BATCH_DELAY_MS);
    return b->lock ? 0 : -1;
}

/* ---- the plans ---- */

static char *label_of(const struct plan *p, const char *verb)
{
    const struct sb_change_question *q = p->q;
    return q->new_field ? sb_format("%s %s to %s in %s", verb, q->field, q->new_field, q->ns) : sb_format("%s %s in %s", verb, q->field, q->ns);
}

/* What the operator has to see to by other cards: the indexes on the field that goes. */
static int mention_indexes(const struct plan *p, struct sb_card *c)
{
    if (!p->f->indexes)
        return 0;
    char *text = p->q->new_field ? sb_format("On %s: %s. Before it is read by its new name, ask for each \"create an index on %s {%s: 1, ...}\"; a sparse or partial one asks for its own field, "
                                          "so that it is to be made anew with the new name. After the last phase: \"retire unused indexes on %s\".",
                                          p->q->field, p->f->indexes, p->q->ns, p->q->new_field, p->q->ns)
                              : sb_format("On %s: %s. They serve no query any more once the field is gone: ask \"retire unused indexes on %s\".", p->q->field, p->f->indexes, p->q->ns);
    int rc = text ? sb_side_note_add(c, "Indexes, by the Index Optimizer", text) : -1;
    free(text);
    return rc;
}

static int plan_rename(const struct plan *p, struct sb_card *card)
{
    const struct sb_change_question *q = p->q;
    char *proof = text_of(sb_change_left(q));
    int rc = !proof ||
             look_card(p, 0, &card[0], "write both", "both_written", label_of(p, "Both are written: rename"),
                       sb_format("The applications write %s and %s side by side from now on. The oplog shows whether every write does, for %d s and %d writes; until then nothing is copied. To go back, deploy the "
                                 "applications as they were.",
                                 q->field, q->new_field, LOOK_QUIET_S, LOOK_WRITES));
    rc = rc || batch_card(p, 1, &card[1], SB_KIND_BACKFILL, "backfill",
                          update_command(p, 1, "", exists(q->field, true, q->new_field, false), copying(q->new_field, q->field)),
                          update_command(p, 1, " undo", same_in_both(q), unsetting(q->new_field)), SB_UNDO_LOSSLESS, label_of(p, "Backfill: rename"),
                          sb_format("Every document that has %s and not %s gets %s with the same value. Taken back, %s goes wherever it says the same as %s: nothing that only it says is lost.", q->field, q->new_field,
                                    q->new_field, q->new_field, q->field));
    rc = rc || mention_indexes(p, &card[1]);
    rc = rc || look_card(p, 2, &card[2], "read the new", "unwritten", label_of(p, "Only the new is written: rename"),
                         sb_format("The applications read %s, and then stop writing %s. The oplog shows whether no write sets %s any more, for %d s and %d writes of %s. Who still reads the old name a server does not tell: "
                                   "the code has to.",
                                   q->new_field, q->field, q->field, LOOK_QUIET_S, LOOK_WRITES, q->new_field));
    rc = rc || batch_card(p, 3, &card[3], SB_KIND_CONTRACT, "contract",
                          update_command(p, 3, "", exists(q->field, true, q->new_field, true), unsetting(q->field)),
                          update_command(p, 3, " undo", exists(q->field, false, q->new_field, true), copying(q->field, q->new_field)), SB_UNDO_LOSSY, label_of(p, "Contract: rename"),
                          sb_format("%s is removed from every document that has %s. Taken back, %s gets the value that %s has then; what only it said is lost.", q->field, q->new_field, q->field, q->new_field));
    if (rc == 0) {
        card[3].needs_person = true;
        rc = sb_check_add(&card[3].steps[0].check_before, &card[3].steps[0].check_before_n, "none_match", q->ns, NULL, proof) || mention_indexes(p, &card[3]);
    }
    free(proof);
    return rc ? -1 : 0;
}

static int plan_add(const struct plan *p, struct sb_card *card, struct sb_err *err)
{
    const struct sb_change_question *q = p->q;
    bson_t *v = value_of(q);
    if (!v)
        return sb_fail(err, SB_EINPUT, "the value that %.100s is to have cannot be read: write it as JSON, a text in quotes", q->field);
    int rc = batch_card(p, 0, &card[0], SB_KIND_BACKFILL, "backfill", update_command(p, 0, "", exists(q->field, false, NULL, false), giving(q->field, v)),
                        update_command(p, 0, " undo", holding(q->field, v), unsetting(q->field)), SB_UNDO_LOSSY, label_of(p, "Add"),
                        sb_format("Every document without %s gets it, with one value; those that have it keep theirs. Taken back, it goes wherever it has that value, also where an application wrote the same.", q->field));
    bson_destroy(v);
    return rc;
}

static int plan_remove(const struct plan *p, struct sb_card *card)
{
    const struct sb_change_question *q = p->q;
    int rc = look_card(p, 0, &card[0], "stop writing it", "unwritten", label_of(p, "Nobody writes it: remove"),
                       sb_format("The applications stop using %s. The oplog shows whether no write sets it any more, for %d s and %d writes. Who still reads it a server does not tell.", q->field, LOOK_QUIET_S, LOOK_WRITES));
    rc = rc || batch_card(p, 1, &card[1], SB_KIND_CONTRACT, "contract", update_command(p, 1, "", exists(q->field, true, NULL, false), unsetting(q->field)), NULL, SB_UNDO_IMPOSSIBLE,
                          label_of(p, "Contract: remove"), sb_format("%s is removed from every document. There is no way back but a backup: have one read by the Backup Guardian first.", q->field));
    if (rc == 0) {
        card[1].needs_person = true;
        rc = mention_indexes(p, &card[1]);
    }
    return rc ? -1 : 0;
}

int sb_schema_change(const struct sb_server *server, const struct sb_change_question *q, struct sb_change_plan *out, struct sb_err *err)
{
    static const size_t phases[] = {[SB_CHANGE_RENAME] = 4, [SB_CHANGE_ADD] = 1, [SB_CHANGE_REMOVE] = 2};
    struct change_facts f = {.documents = 0};
    memset(out, 0, sizeof *out);
    if (sb_change_names(q, err) || sb_change_look(server, q, &f, &out->reads, err)) {
        sb_change_facts_release(&f);
        return -1;
    }
    struct plan p = {.q = q, .f = &f, .phases = phases[q->change]};
    out->n = p.phases;
    int rc = q->change == SB_CHANGE_RENAME ? plan_rename(&p, out->card) : q->change == SB_CHANGE_ADD ? plan_add(&p, out->card, err) : plan_remove(&p, out->card);
    if (rc && err->code == SB_OK)
        sb_fail_nomem(err);
    sb_change_facts_release(&f);
    return rc;
}

void sb_change_plan_release(struct sb_change_plan *p)
{
    for (size_t i = 0; i < SB_CHANGE_CARDS; i++)
        sb_card_release(&p->card[i]);
    sb_reads_release(&p->reads);
    memset(p, 0, sizeof *p);
}
