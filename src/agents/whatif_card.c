/* SPDX-License-Identifier: Apache-2.0 */
#include "whatif.h"

#include <signalbox/agents/index_optimizer.h>
#include <signalbox/model/permit.h>

#include <inttypes.h>
#include <math.h>
#include <string.h>

#define WINDOW_S 60       /* the readings are taken at once; after so long it ends without them */
#define LEAST_DOCUMENTS 20

static char *take_json(bson_t *doc)
{
    char *text = bson_as_canonical_extended_json(doc, NULL), *copy = text ? sb_strdup_n(text, strlen(text)) : NULL;
    bson_free(text);
    bson_destroy(doc);
    return copy;
}

char *sb_what_if_scratch(const char *card_id)
{
    return sb_format(SB_SCRATCH_PREFIX "%s", card_id);
}

/* ---- what must not be copied ---- */

/* The fields that are left out. */
static size_t append_unset(const struct sb_what_if_question *q, bson_t *pipeline)
{
    bson_t stage, list;
    char key[16];
    size_t n = 0, i;
    const json_t *one;
    bson_init(&list);
    json_array_foreach(q->sensitive, i, one) {
        const char *name = json_string_value(one);
        if (name && name[0] && name[0] != '$' && !strpbrk(name, "*.") && strcmp(name, "_id") != 0) {
            snprintf(key, sizeof key, "%zu", n++);
            BSON_APPEND_UTF8(&list, key, name);
        }
    }
    if (n) {
        BSON_APPEND_DOCUMENT_BEGIN(pipeline, "1", &stage);
        BSON_APPEND_ARRAY(&stage, "$unset", &list);
        bson_append_document_end(pipeline, &stage);
    }
    bson_destroy(&list);
    return n;
}

/* A pattern, or a path, may fit what is not known before it is copied: then nothing is. */
static bool has_pattern(const json_t *names)
{
    const json_t *one;
    size_t i;
    json_array_foreach(names, i, one) {
        const char *name = json_string_value(one);
        if (name && strpbrk(name, "*."))
            return true;
    }
    return false;
}

/* ---- commands ---- */

static char *copy_command(const struct sb_what_if_question *q, const char *coll, const char *db, const char *scratch, int64_t documents)
{
    bson_t c, pipeline, stage, sub, cursor;
    char comment[96];
    bson_init(&c);
    BSON_APPEND_UTF8(&c, "aggregate", coll);
    BSON_APPEND_ARRAY_BEGIN(&c, "pipeline", &pipeline);
    BSON_APPEND_DOCUMENT_BEGIN(&pipeline, "0", &stage);
    BSON_APPEND_DOCUMENT_BEGIN(&stage, "$sample", &sub);
    BSON_APPEND_INT64(&sub, "size", documents);
    bson_append_document_end(&stage, &sub);
    bson_append_document_end(&pipeline, &stage);
    size_t unset = append_unset(q, &pipeline);
    BSON_APPEND_DOCUMENT_BEGIN(&pipeline, unset ? "2" : "1", &stage);
    BSON_APPEND_UTF8(&stage, "$out", scratch);
    bson_append_document_end(&pipeline, &stage);
    bson_append_array_end(&c, &pipeline);
    BSON_APPEND_DOCUMENT_BEGIN(&c, "cursor", &cursor);
    bson_append_document_end(&c, &cursor);
    BSON_APPEND_INT32(&c, "maxTimeMS", SB_WHAT_IF_MAX_TIME_MS);
    snprintf(comment, sizeof comment, "signalbox %s/1", q->card_id);
    BSON_APPEND_UTF8(&c, "comment", comment);
    BSON_APPEND_UTF8(&c, "$db", db);
    return take_json(&c);
}

static char *small_command(const char *verb, const char *scratch, const char *index, const char *card_id, int step, const char *db)
{
    bson_t c;
    char comment[96];
    bson_init(&c);
    BSON_APPEND_UTF8(&c, verb, scratch);
    if (index)
        BSON_APPEND_UTF8(&c, "index", index);
    BSON_APPEND_INT32(&c, "maxTimeMS", SB_WHAT_IF_MAX_TIME_MS);
    snprintf(comment, sizeof comment, "signalbox %s/%d undo", card_id, step);
    BSON_APPEND_UTF8(&c, "comment", comment);
    BSON_APPEND_UTF8(&c, "$db", db);
    return take_json(&c);
}

char *sb_what_if_on_scratch(const char *action, const char *scratch, const char *card_id, int step, int32_t max_time_ms)
{
    bson_t *own = bson_new_from_json((const uint8_t *)action, -1, NULL), c;
    char comment[96];
    bson_iter_t it;
    if (!own)
        return NULL;
    bson_init(&c);
    bool name = true; /* a command's name comes first */
    for (bool more = bson_iter_init(&it, own); more && bson_iter_next(&it); name = false) {
        const char *key = bson_iter_key(&it);
        if (strcmp(key, "$db") == 0 && max_time_ms > 0)
            BSON_APPEND_INT32(&c, "maxTimeMS", max_time_ms);
        if (name)
            BSON_APPEND_UTF8(&c, key, scratch);
        else if (strcmp(key, "comment") == 0)
            BSON_APPEND_UTF8(&c, key, (snprintf(comment, sizeof comment, "signalbox %s/%d", card_id, step), comment));
        else if (strcmp(key, "$keepIn") != 0) /* of a copy nothing is kept */
            bson_append_iter(&c, key, -1, &it);
    }
    bson_destroy(own);
    return take_json(&c);
}

char *sb_what_if_explain(const char *explain, const char *scratch, const char *hint)
{
    bson_t *own = explain ? bson_new_from_json((const uint8_t *)explain, -1, NULL) : NULL, c, sub, natural;
    bson_iter_t it, in;
    bool ok = own && bson_iter_init_find(&it, own, "explain") && BSON_ITER_HOLDS_DOCUMENT(&it) && bson_iter_recurse(&it, &in);
    if (ok) {
        bool first = true;
        bson_init(&c);
        BSON_APPEND_DOCUMENT_BEGIN(&c, "explain", &sub);
        while (bson_iter_next(&in)) {
            const char *key = bson_iter_key(&in);
            ok &= !first || strcmp(key, "distinct") != 0 || !hint; /* it takes no hint */
            if (first)
                BSON_APPEND_UTF8(&sub, key, scratch);
            else if (strcmp(key, "hint") != 0)
                bson_append_iter(&sub, key, -1, &in);
            first = false;
        }
        if (hint && strcmp(hint, "$natural") == 0) {
            BSON_APPEND_DOCUMENT_BEGIN(&sub, "hint", &natural);
            BSON_APPEND_INT32(&natural, "$natural", 1);
            bson_append_document_end(&sub, &natural);
        } else if (hint) {
            BSON_APPEND_UTF8(&sub, "hint", hint);
        }
        bson_append_document_end(&c, &sub);
        BSON_APPEND_UTF8(&c, "verbosity", "executionStats");
        if (!ok)
            bson_destroy(&c);
    }
    if (own)
        bson_destroy(own);
    if (!ok)
        return NULL;
    return take_json(&c);
}

char *sb_what_if_plan(const char *explain)
{
    bson_t *own = explain ? bson_new_from_json((const uint8_t *)explain, -1, NULL) : NULL, c;
    if (!own)
        return NULL;
    bson_init(&c);
    bson_copy_to_excluding_noinit(own, &c, "verbosity", NULL);
    BSON_APPEND_UTF8(&c, "verbosity", "queryPlanner");
    bson_destroy(own);
    return take_json(&c);
}

/* ---- the card ---- */

/* One more index on the sample. Takes action. */
static int add_build(const char *ns, const char *db, const char *scratch, const char *card_id, const char *name, const char *key, char *action, struct sb_card *out)
{
    struct sb_step *s = action ? SB_PUSH(out->steps) : NULL;
    if (!s) {
        free(action);
        return -1;
    }
    s->n = (int64_t)out->steps_n;
    s->class_ = SB_STEP_IDEMPOTENT;
    s->control = SB_CONTROL_NEITHER;
    s->undo_label = SB_UNDO_LOSSLESS;
    s->action = action;
    s->undo = small_command("dropIndexes", scratch, name, card_id, (int)s->n, db);
    return !s->undo || sb_check_add(&s->check_before, &s->check_before_n, "primary", NULL, NULL, NULL) || sb_check_add(&s->check_before, &s->check_before_n, "index_absent", ns, name, key) ||
                   sb_check_add(&s->check_after, &s->check_after_n, "index_built", ns, name, key)
               ? -1
               : 0;
}

/* The indexes that there are, so that what the shapes do without the new one is what they do today. */
static int add_existing(const struct sb_what_if_question *q, const char *ns, const char *db, const char *scratch, struct sb_card *out)
{
    size_t built = 0, left = 0;
    int rc = 0;
    for (size_t i = 0; i < q->catalogue->indexes_n && rc == 0; i++) {
        const struct sb_index_info *x = &q->catalogue->indexes[i];
        if (sb_streq(x->name, "_id_") || x->hidden || x->building)
            continue; /* the sample has its own; and no shape uses the others */
        char *action = built < SB_WHAT_IF_INDEXES ? sb_what_if_copy_index(x, q->sensitive, scratch, q->card_id, (int)out->steps_n + 1, q->replicated, db) : NULL;
        left += !action;
        built += action != NULL;
        rc = action ? add_build(ns, db, scratch, q->card_id, x->name, x->key, action, out) : 0;
    }
    char *value = rc == 0 ? sb_format("%zu%s", built, left ? "; of those that are left out (special ones, ones on sensitive fields, and those beyond 8) today's plan is not measured" : "") : NULL;
    rc = !value || sb_evidence_add(&out->evidence, &out->evidence_n, "listIndexes", q->card->target, "of today's indexes on the sample", value, "measured", q->at) ? -1 : 0;
    free(value);
    return rc;
}

int sb_what_if_add_copy(const struct sb_what_if_question *q, const char *db, const char *coll, const char *scratch, int64_t documents, struct sb_card *out)
{
    char *ns = sb_format("%s.%s", db, scratch), room[32];
    struct sb_step *s = ns ? SB_PUSH(out->steps) : NULL;
    int rc = s ? 0 : -1;
    snprintf(room, sizeof room, "%" PRId64, 4 * out->blast_radius.est_bytes);
    if (rc == 0) {
        s->n = 1;
        s->class_ = SB_STEP_IDEMPOTENT;
        s->control = SB_CONTROL_NEITHER;
        s->undo_label = SB_UNDO_LOSSLESS;
        s->action = copy_command(q, coll, db, scratch, documents);
        s->undo = small_command("drop", scratch, NULL, q->card_id, 1, db);
        rc = !s->action || !s->undo || sb_check_add(&s->check_before, &s->check_before_n, "primary", NULL, NULL, NULL) ||
                     sb_check_add(&s->check_before, &s->check_before_n, "members_up", NULL, NULL, NULL) ||
                     sb_check_add(&s->check_before, &s->check_before_n, "disk", NULL, NULL, room) ||
                     sb_check_add(&s->check_before, &s->check_before_n, "collection_absent", ns, NULL, NULL) ||
                     sb_check_add(&s->check_after, &s->check_after_n, "collection", ns, NULL, "")
                 ? -1
                 : 0;
    }
    rc = rc || add_existing(q, ns, db, scratch, out) ? -1 : 0;
    free(ns);
    return rc;
}

static int add_steps(const struct sb_what_if_question *q, const char *db, const char *coll, const char *scratch, int64_t documents, struct sb_card *out)
{
    char *ns = sb_format("%s.%s", db, scratch);
    int rc = !ns || sb_what_if_add_copy(q, db, coll, scratch, documents, out) ||
                     add_build(ns, db, scratch, q->card_id, q->card->index_name, q->card->index_key, 
                              sb_what_if_on_scratch(q->card->steps[0].action, scratch, q->card_id, (int)out->steps_n + 1, SB_WHAT_IF_MAX_TIME_MS), out)
                 ? -1
                 : 0;
    free(ns);
    return rc;
}

static int criterion(struct sb_card *out, const char *metric, const char *subject, const char *unit, char *label, const struct sb_criterion *claim)
{
    struct sb_criterion *c = label ? SB_PUSH(out->watch.criteria) : NULL;
    int rc = c && sb_str_set(&c->metric, metric) == 0 && sb_str_set(&c->subject, subject) == 0 && sb_str_set(&c->unit, unit) == 0 && sb_str_set(&c->label, label) == 0 ? 0 : -1;
    if (rc == 0) {
        c->at_least = !claim; /* what is only read is held to nothing */
        c->limit = claim ? claim->limit : 0;
        if (claim && claim->has_predicted) {
            c->has_predicted = true;
            c->predicted = claim->predicted;
            rc = sb_str_set(&c->badge, claim->badge);
        }
    }
    free(label);
    return rc;
}

/* What is read: of each shape that the card is held to, and the size. */
static int add_criteria(const struct sb_what_if_question *q, struct sb_card *out)
{
    const struct sb_watch *w = &q->card->watch;
    int rc = 0;
    for (size_t i = 0; i < w->criteria_n && rc == 0; i++) {
        const struct sb_criterion *k = &w->criteria[i];
        if (sb_streq(k->metric, "shape_docs_per_returned"))
            rc = criterion(out, "what_if_docs", k->subject, "docs", sb_format("with the index: %s", k->label), k) ||
                 criterion(out, "what_if_docs_without", k->subject, "docs", sb_format("without it, by today's plan: %s", k->label), NULL);
        else if (sb_streq(k->metric, "index_bytes"))
            rc = criterion(out, "what_if_bytes", q->card->index_name, "bytes", sb_format("size of the index, for all documents"), k);
    }
    return rc ? -1 : 0;
}

int sb_what_if_open_card(const struct sb_what_if_question *q, int specialist, int64_t documents, int64_t copies, struct sb_card *out)
{
    const struct sb_card *k = q->card;
    struct sb_blast_radius *b = &out->blast_radius;
    out->revision = 1;
    out->kind = SB_KIND_WHAT_IF;
    out->environment = k->environment;
    out->simulated = k->simulated;
    out->risk = SB_LOW;
    out->confidence_ppm = 1000000;
    b->documents = documents;
    b->bytes = documents * q->catalogue->average_bytes;
    b->est_bytes = copies * b->bytes;
    b->members = q->catalogue->members;
    return sb_str_set(&out->id, q->card_id) || sb_str_set(&out->case_id, k->case_id) || sb_str_set(&out->deployment, k->deployment) ||
                   sb_str_set(&out->deployment_id, k->deployment_id) || sb_str_set(&out->target, k->target) || sb_str_set(&out->proves, k->id) ||
                   sb_str_set(&out->author, sb_name(&sb_specialists, specialist)) || sb_str_set(&out->requested_by, q->requested_by)
               ? -1
               : 0;
}

static int describe(const struct sb_what_if_question *q, const char *db, const char *scratch, int64_t documents, struct sb_card *out)
{
    const struct sb_card *k = q->card;
    struct sb_blast_radius *b = &out->blast_radius;
    char *ns = sb_format("%s.%s", db, scratch);
    out->watch.window_s = WINDOW_S;
    b->est_duration_ms = 2000;
    b->lock = sb_format("none on %s; the copy reads %" PRId64 " documents (at most %d s a command) and writes them to %s, on every member", k->target, documents, SB_WHAT_IF_MAX_TIME_MS / 1000, scratch);
    out->title = sb_format("Try %s out on %" PRId64 " documents of %s", k->index_name, documents, k->target);
    out->why = sb_format("%s asked what %s would bring. A sample of %" PRId64 " of %" PRId64 " documents is copied within the server to %s, today's indexes and then this one are built there, the shapes of %s are "
                         "explained with it and by the plans that they have today, and then all is taken away by itself. %s",
                         q->requested_by, k->id, documents, q->catalogue->documents, scratch, k->id,
                         json_array_size(q->sensitive) ? "Sensitive fields are not copied." : "No field is named sensitive, so whole documents are copied.");
    int rc = !ns || !b->lock || !out->title || !out->why || sb_what_if_open_card(q, SB_BY_INDEX_OPTIMIZER, documents, 2, out) || sb_str_set(&out->index_name, k->index_name) ||
                     sb_str_set(&out->index_key, k->index_key) || sb_str_set(&out->index_options, k->index_options) || sb_strs_push(&b->namespaces, &b->namespaces_n, ns)
                 ? -1
                 : 0;
    char *size = rc == 0 ? sb_format("%" PRId64 " of %" PRId64, documents, q->catalogue->documents) : NULL;
    if (!size || sb_evidence_add(&out->evidence, &out->evidence_n, "collStats", k->target, "sampled documents", size, "measured", q->at))
        rc = -1;
    free(size);
    free(ns);
    return rc;
}

bool sb_what_if_no_sample(const struct sb_what_if_question *q, char *why, size_t cap)
{
    why[0] = '\0';
    if (!q->catalogue->exists || (q->catalogue->type && !sb_streq(q->catalogue->type, "collection")))
        snprintf(why, cap, "%s is not there, or is no plain collection", q->card->target);
    else if (q->catalogue->documents < LEAST_DOCUMENTS)
        snprintf(why, cap, "%s has %" PRId64 " documents: too few for a sample", q->card->target, q->catalogue->documents);
    else if (has_pattern(q->sensitive))
        snprintf(why, cap, "policy names sensitive fields by a pattern: which of them a document has is not known before it is copied");
    return why[0] != '\0';
}

/* Why it cannot be tried out; NULL: it can. */
static const char *obstacle(const struct sb_what_if_question *q, char *why, size_t cap)
{
    const struct sb_card *k = q->card;
    bson_t *key = k->index_key ? bson_new_from_json((const uint8_t *)k->index_key, -1, NULL) : NULL;
    bson_iter_t it;
    why[0] = '\0';
    if (k->kind != SB_KIND_CREATE_INDEX || k->steps_n != 1 || !key)
        snprintf(why, cap, "%s does not create an index: there is nothing to try out", k->id);
    else
        sb_what_if_no_sample(q, why, cap);
    for (bool more = !why[0] && bson_iter_init(&it, key); more && bson_iter_next(&it) && !why[0];)
        if (sb_what_if_sensitive(q->sensitive, bson_iter_key(&it)))
            snprintf(why, cap, "%s is a sensitive field, which is not copied: an index on it cannot be tried out", bson_iter_key(&it));
    if (key)
        bson_destroy(key);
    return why[0] ? why : NULL;
}

int sb_what_if_card(const struct sb_what_if_question *q, struct sb_card *out, struct sb_err *err)
{
    char db[64], coll[192], why[256];
    memset(out, 0, sizeof *out);
    if (!sb_ns_split(q->card->target, db, coll))
        return sb_fail(err, SB_EINPUT, "\"%s\" is not a collection", q->card->target);
    if (obstacle(q, why, sizeof why))
        return sb_fail(err, SB_ESTATE, "%s", why);
    int64_t documents = q->catalogue->documents < SB_WHAT_IF_DOCUMENTS ? q->catalogue->documents : SB_WHAT_IF_DOCUMENTS;
    char *scratch = sb_what_if_scratch(q->card_id);
    int rc = scratch && describe(q, db, scratch, documents, out) == 0 && add_steps(q, db, coll, scratch, documents, out) == 0 && add_criteria(q, out) == 0 ? 0 : -1;
    free(scratch);
    if (rc) {
        sb_card_release(out);
        return sb_fail_nomem(err);
    }
    return 0;
}

/* ---- what it says of the other card ---- */

int64_t sb_what_if_all(const struct sb_card *tried)
{
    int64_t all;
    for (size_t i = 0; i < tried->evidence_n; i++) {
        const char *of = tried->evidence[i].value ? strstr(tried->evidence[i].value, " of ") : NULL;
        if (of && sb_streq(tried->evidence[i].what, "sampled documents") && sb_parse_i64(of + 4, &all) == 0)
            return all;
    }
    return tried->blast_radius.documents;
}

bool sb_what_if_leaves_out(const json_t *sensitive, const struct sb_shape *s)
{
    for (size_t i = 0; i < s->predicates_n; i++)
        if (sb_what_if_sensitive(sensitive, s->predicates[i].path))
            return true;
    for (size_t i = 0; i < s->sorts_n; i++)
        if (sb_what_if_sensitive(sensitive, s->sorts[i].path))
            return true;
    return false;
}

void sb_what_if_bounds(int64_t met, double times, double *low, double *high)
{
    double spread = 2 * sqrt((double)met + 1);
    *low = (double)met > spread ? ((double)met - spread) * times : 0;
    *high = met ? ((double)met + spread) * times : 3 * times;
}

int sb_what_if_evidence(const struct sb_card *tried, struct sb_evidence **list, size_t *n, int64_t at)
{
    char coverage[96], *key = sb_index_key_shown(tried->index_key);
    int64_t documents = tried->blast_radius.documents, all = sb_what_if_all(tried);
    snprintf(coverage, sizeof coverage, "measured on a sample of %" PRId64 " of %" PRId64, documents, all);
    int rc = key ? 0 : -1;
    for (size_t i = 0; rc == 0 && i < tried->watch.criteria_n && i < tried->report.readings_n; i++) {
        const struct sb_criterion *c = &tried->watch.criteria[i];
        const struct sb_watch_reading *r = &tried->report.readings[i];
        double times = documents > 0 ? (double)all / (double)documents : 1, low, high;
        char *what = sb_format("%s, %s", c->label ? c->label : c->metric, key), *value;
        sb_what_if_bounds(r->samples, times, &low, &high);
        if (!r->measured)
            value = sb_format("not measured: %s", r->note ? r->note : "");
        else if (sb_streq(c->metric, "what_if_docs_without") && r->note)
            value = sb_format("%" PRId64 " to 1, %s; %" PRId64 " examined, so between %.0f and %.0f among all %" PRId64 " (95 %%)", r->value, r->note, r->samples, low, high, all);
        else if (sb_streq(c->metric, "what_if_bytes"))
            value = sb_format("%" PRId64 " bytes for all %" PRId64 " documents, from the sample's index", r->value, all);
        else
            value = sb_format("%" PRId64 " to 1%s%s; %" PRId64 " examined, so between %.0f and %.0f among all %" PRId64 " (95 %%)", r->value, r->note ? ", " : "", r->note ? r->note : "", r->samples, low,
                              high, all);
        bool guess = r->note && strstr(r->note, SB_WHAT_IF_OF_SAMPLE);
        rc = what && value ? sb_evidence_add(list, n, tried->id, tried->target, what, value, !r->measured ? "blind" : guess ? "estimated" : coverage, at) : -1;
        free(what);
        free(value);
    }
    free(key);
    return rc;
}
