/* SPDX-License-Identifier: Apache-2.0
 *
 * The card of an index: exact commands, checks, cost and watch criteria, made from name, key and options alone, so that
 * an edit of those makes the rest anew. */
#include "optimizer.h"

#include <signalbox/base/clock.h>
#include <signalbox/model/claim.h>

#include <inttypes.h>
#include <string.h>

#define WATCH_WINDOW_S 300
#define MIN_OPERATIONS 20
#define OTHER_SHAPES 20        /* shapes of the collection that are watched for a worse plan */
#define NAMED_SHAPES 5         /* shapes that the index is for, each held to what was said of it */
#define DOCS_PER_RETURNED 10   /* what the named shape may examine afterwards */
#define MANY 10 /* operations, from which a rate can be told */
#define BUILD_DOCS_PER_S 20000 /* scan and sort of a build, a cautious guess: the card says estimated */
#define DROP_MAX_TIME_MS 30000
#define UNMEASURED_PPM 300000  /* confidence in a key that serves nothing that was seen */
#define DOUBTED_PPM 100000     /* and in one with a field that no document has */
#define LEAST_BASELINE_MS 60000
#define BEFORE_MS 600000 /* what was usual before an anomaly */
#define QUIET_S "10"           /* an operation that has been open for longer is waited for */

/* ---- commands ---- */

static char *take_json(bson_t *doc)
{
    char *text = bson_as_canonical_extended_json(doc, NULL);
    char *copy = text ? sb_strdup_n(text, strlen(text)) : NULL;
    bson_free(text);
    bson_destroy(doc);
    return copy;
}

/* One spec: key and name first, then the options in the order in which they stand. */
static bool append_spec(bson_t *specs, const struct sb_card *card)
{
    bson_t *key = bson_new_from_json((const uint8_t *)card->index_key, -1, NULL);
    bson_t *options = bson_new_from_json((const uint8_t *)(card->index_options ? card->index_options : "{}"), -1, NULL);
    bson_t spec;
    bool ok = key && options;
    if (ok) {
        BSON_APPEND_DOCUMENT_BEGIN(specs, "0", &spec);
        BSON_APPEND_DOCUMENT(&spec, "key", key);
        BSON_APPEND_UTF8(&spec, "name", card->index_name);
        bson_concat(&spec, options);
        bson_append_document_end(specs, &spec);
    }
    if (key)
        bson_destroy(key);
    if (options)
        bson_destroy(options);
    return ok;
}

static char *create_command(const struct sb_card *card, const char *db, const char *coll, bool replicated, const char *quorum)
{
    bson_t c, specs;
    char comment[96];
    bson_init(&c);
    BSON_APPEND_UTF8(&c, "createIndexes", coll);
    BSON_APPEND_ARRAY_BEGIN(&c, "indexes", &specs);
    bool ok = append_spec(&specs, card);
    bson_append_array_end(&c, &specs);
    int64_t members;
    if (replicated && sb_parse_i64(quorum, &members) == 0)
        BSON_APPEND_INT32(&c, "commitQuorum", (int32_t)members);
    else if (replicated)
        BSON_APPEND_UTF8(&c, "commitQuorum", quorum);
    snprintf(comment, sizeof comment, "signalbox %s/1", card->id);
    BSON_APPEND_UTF8(&c, "comment", comment);
    BSON_APPEND_UTF8(&c, "$db", db);
    if (!ok) {
        bson_destroy(&c);
        return NULL;
    }
    return take_json(&c);
}

static char *drop_command(const struct sb_card *card, const char *db, const char *coll)
{
    bson_t c;
    char comment[96];
    bson_init(&c);
    BSON_APPEND_UTF8(&c, "dropIndexes", coll);
    BSON_APPEND_UTF8(&c, "index", card->index_name);
    BSON_APPEND_INT32(&c, "maxTimeMS", DROP_MAX_TIME_MS);
    snprintf(comment, sizeof comment, "signalbox %s/1 undo", card->id);
    BSON_APPEND_UTF8(&c, "comment", comment);
    BSON_APPEND_UTF8(&c, "$db", db);
    return take_json(&c);
}

/* A standalone that is not a mongod may not know collMod; then the drop remains. */
static char *hide_command(const struct sb_card *card, const char *db, const char *coll)
{
    bson_t c, index;
    char comment[96];
    bson_init(&c);
    BSON_APPEND_UTF8(&c, "collMod", coll);
    BSON_APPEND_DOCUMENT_BEGIN(&c, "index", &index);
    BSON_APPEND_UTF8(&index, "name", card->index_name);
    BSON_APPEND_BOOL(&index, "hidden", true);
    bson_append_document_end(&c, &index);
    BSON_APPEND_INT32(&c, "maxTimeMS", DROP_MAX_TIME_MS);
    snprintf(comment, sizeof comment, "signalbox %s/1 hide", card->id);
    BSON_APPEND_UTF8(&c, "comment", comment);
    BSON_APPEND_UTF8(&c, "$db", db);
    return take_json(&c);
}

static bool has_option(const struct sb_card *card, const char *name)
{
    bson_t *options = bson_new_from_json((const uint8_t *)(card->index_options ? card->index_options : "{}"), -1, NULL);
    bson_iter_t it;
    bool yes = options && bson_iter_init_find(&it, options, name) && (!BSON_ITER_HOLDS_BOOL(&it) || bson_iter_bool(&it));
    if (options)
        bson_destroy(options);
    return yes;
}

/* What it has deleted does not come back with the drop. */
static bool expires(const struct sb_card *card)
{
    return has_option(card, "expireAfterSeconds");
}

/* It is there for something else than to be read by: to keep values apart, to let documents expire, or to be looked at later. */
static bool serves_no_reads(const struct sb_card *card)
{
    return has_option(card, "unique") || expires(card) || has_option(card, "hidden");
}

static int set_step(struct sb_card *card, const char *ns, const char *uuid, char *action, char *undo, char *hide)
{
    for (size_t i = 0; i < card->steps_n; i++)
        sb_record_release(&sb_step_schema, &card->steps[i]);
    card->steps_n = 0;
    struct sb_step *s = action && undo && hide ? SB_PUSH(card->steps) : NULL;
    char room[32];
    if (!s) {
        free(action);
        free(undo);
        free(hide);
        return -1;
    }
    snprintf(room, sizeof room, "%" PRId64, 2 * card->blast_radius.est_bytes);
    s->n = 1;
    s->class_ = SB_STEP_IDEMPOTENT;
    s->action = action;
    s->undo = undo;
    s->hide = hide;
    s->undo_label = expires(card) ? SB_UNDO_LOSSY : SB_UNDO_LOSSLESS;
    s->control = SB_CONTROL_ABORTABLE; /* a build can be aborted by dropIndexes; nobody can pause or throttle it */
    return sb_check_add(&s->check_before, &s->check_before_n, "primary", NULL, NULL, NULL) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "members_up", NULL, NULL, NULL) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "collection", ns, NULL, uuid) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "index_absent", ns, card->index_name, card->index_key) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "no_build", ns, NULL, NULL) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "disk", NULL, NULL, room) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "quiet", ns, NULL, QUIET_S) ||
                   sb_check_add(&s->check_after, &s->check_after_n, "index_built", ns, card->index_name, card->index_key)
               ? -1
               : 0;
}

int sb_index_card_rebuild(struct sb_card *card, bool replicated, const char *quorum, struct sb_err *err)
{
    char db[64], coll[192];
    if (!sb_ns_split(card->target, db, coll))
        return sb_fail(err, SB_EINPUT, "the card's target %s is not a collection", card->target);
    char *uuid = NULL;
    for (size_t i = 0; card->steps_n && i < card->steps[0].check_before_n; i++)
        if (sb_streq(card->steps[0].check_before[i].check, "collection") && sb_str_set(&uuid, card->steps[0].check_before[i].value))
            return sb_fail_nomem(err);
    char *title = sb_format("Create index %s on %s", card->index_name, card->target);
    int rc = -1;
    if (title && set_step(card, card->target, uuid, create_command(card, db, coll, replicated, quorum), drop_command(card, db, coll),
                          hide_command(card, db, coll)) == 0) {
        free(card->title);
        card->title = title;
        title = NULL;
        rc = 0;
    }
    for (size_t i = 0; i < card->watch.criteria_n && rc == 0; i++) { /* the index's own criteria follow its name */
        struct sb_criterion *c = &card->watch.criteria[i];
        if ((sb_streq(c->metric, "index_uses") || sb_streq(c->metric, "index_bytes") || sb_streq(c->metric, "index_keys_per_s_milli")) &&
            sb_str_set(&c->subject, card->index_name))
            rc = -1;
    }
    free(title);
    free(uuid);
    return rc ? sb_fail(err, SB_EINPUT, "the index's key or options cannot be made into a command") : 0;
}

/* ---- watch criteria ---- */

struct limits {
    int64_t baseline, limit;
    bool known;
    const struct sb_index_claim *claim; /* what the card says that it will be; NULL: nothing */
};

static int criterion(struct sb_watch *w, const char *metric, const char *subject, const char *label, const char *unit, bool at_least,
                     struct limits l, bool decisive, const char *on_breach)
{
    struct sb_criterion *c = SB_PUSH(w->criteria);
    if (!c || sb_str_set(&c->metric, metric) || sb_str_set(&c->subject, subject) || sb_str_set(&c->label, label) ||
        sb_str_set(&c->unit, unit) || sb_str_set(&c->on_breach, on_breach))
        return -1;
    c->at_least = at_least;
    c->limit = l.limit;
    c->baseline = l.baseline;
    c->has_baseline = l.known;
    c->decisive = decisive;
    if (!l.claim)
        return 0;
    c->has_predicted = true;
    c->predicted = l.claim->value;
    return sb_str_set(&c->badge, l.claim->badge);
}

/* What reads took before the anomaly began, in microseconds; 0 not known. Each shard has a usual level of its own, and the watch
 * measures the mean over all of them: the largest that is told, and not less than that mean was. */
static int64_t usual_read_us(const struct sb_index_question *q)
{
    const struct sb_anomaly *a = q->anomaly;
    struct sb_ns_work all;
    int64_t usual = 0;
    for (size_t i = 0; a && i < a->signals_n; i++)
        if (sb_streq(a->signals[i].metric, "ns.read_latency_us") && sb_streq(a->signals[i].subject, q->ns) && a->signals[i].baseline > usual)
            usual = a->signals[i].baseline;
    if (usual && q->catalogue->sharded && sb_history_window(q->history, q->ns, a->from - BEFORE_MS, a->from, &all) && all.reads && all.read_us / all.reads > usual)
        usual = all.read_us / all.reads;
    return usual;
}

/* From when to when it is measured what is usual. Time with an index that was taken back since is left out: what came behind
 * it counts where that is long enough, else as much as came in front of it. */
static void usual_window(const struct sb_index_question *q, int64_t *from, int64_t *to)
{
    *from = q->from;
    *to = q->to;
    if (q->void_to <= q->void_from || q->void_to <= *from || q->void_from >= *to)
        return;
    if (*to - q->void_to >= LEAST_BASELINE_MS) {
        *from = q->void_to;
    } else {
        *to = q->void_from;
        *from = *to - (q->to - q->from);
    }
}

static int latency_criteria(const struct sb_index_question *q, const struct candidate *lead, const struct sb_index_cost *cost, struct sb_watch *w)
{
    struct sb_ns_work now;
    struct sb_index_claim claim;
    int64_t from, to;
    usual_window(q, &from, &to);
    bool known = sb_history_window(q->history, q->ns, from, to, &now);
    if (known && now.reads) {
        int64_t mean = now.read_us / now.reads, usual = usual_read_us(q);
        int64_t limit = usual ? usual * 3 / 2 + 300 : lead && lead->counted ? mean * 3 / 2 + 200 : mean * 7 / 10; /* what was quick is not much of the mean */
        bool says = lead && sb_claim_read_us(q, lead, &now, &claim);
        if (says && usual > 0 && usual < claim.value) /* where it waited for others as well, logged times do not tell how much of it goes */
            claim.value = usual;
        if (says && limit < claim.value) /* what comes out as the card says is no failure */
            limit = claim.value;
        if (criterion(w, "ns_read_latency_us", q->ns, "mean read latency of the collection", "us", false, (struct limits){mean, limit, true, says ? &claim : NULL}, true,
                      "hide"))
            return -1;
    }
    if (known && now.writes) {
        int64_t mean = now.write_us / now.writes;
        sb_claim_write_us(q, mean, cost, &claim);
        if (criterion(w, "ns_write_latency_us", q->ns, "mean write latency of the collection", "us", false,
                      (struct limits){mean, mean * 3 / 2 + 200, true, &claim}, true, "drop"))
            return -1;
    }
    return 0;
}

/* What one of the shapes that the card names is to do with the index: what it examines, and how long it takes at most. */
static int named_shape(const struct sb_index_question *q, const struct candidate *c, const struct candidate *lead, int64_t from, int64_t to, struct sb_watch *w)
{
    const struct sb_shape *s = c->work->shape;
    struct sb_index_claim docs, p95;
    bool says = sb_claim_docs(q, c, lead, &docs), first = c->work == lead->work;
    char *examined = first ? sb_format("documents examined per document returned, by explain")
                           : sb_format("documents examined per document returned by %s %s, by explain", s->op, s->text[0] ? s->text : s->sort);
    char *took = sb_format("p95 of %s %s, which the index is for", s->op, s->text[0] ? s->text : s->sort);
    int64_t us = (int64_t)sb_work_window_quantile(q->workload, c->work, from, to, 0.95) * 1000, now = (int64_t)(c->ratio + 0.5);
    int64_t limit = says && 2 * docs.value > DOCS_PER_RETURNED ? 2 * docs.value : DOCS_PER_RETURNED;
    int rc = !examined || !took ||
             criterion(w, "shape_docs_per_returned", s->fingerprint, examined, "docs", false,
                       (struct limits){now, limit > now && now > DOCS_PER_RETURNED ? now : limit, true, says ? &docs : NULL}, first, "hide");
    if (rc == 0 && us > 0) {
        bool slow = sb_claim_p95(c, us, says ? &docs : NULL, &p95);
        rc = criterion(w, "shape_latency_us", s->fingerprint, took, "us", false, (struct limits){us, us * 3 / 2 + 100000, true, slow ? &p95 : NULL}, false, "hide");
    }
    free(examined);
    free(took);
    return rc ? -1 : 0;
}

static int other_shape(const struct sb_index_question *q, const struct sb_work *other, int64_t from, int64_t to, struct sb_watch *w, size_t *kept)
{
    uint64_t p95 = sb_work_window_quantile(q->workload, other, from, to, 0.95);
    if (p95 == 0)
        return 0;
    char *label = sb_format("p95 of %s %s", other->shape->op, other->shape->text[0] ? other->shape->text : other->shape->sort);
    int64_t us = (int64_t)p95 * 1000;
    int rc = label ? criterion(w, "shape_latency_us", other->shape->fingerprint, label, "us", false, (struct limits){us, us * 2 + 100000, true, NULL}, false, "hide") : -1;
    free(label);
    ++*kept;
    return rc;
}

static bool named(const struct sb_work *work, const struct sb_work *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (list[i] == work)
            return true;
    return false;
}

int sb_index_criteria_of_shapes(const struct sb_index_question *q, const struct candidate *lead, const struct candidate *all, size_t n, struct sb_watch *w)
{
    size_t entries = sb_workload_size(q->workload), kept = 0, served_n = 0;
    const struct sb_work *served[NAMED_SHAPES];
    int64_t from, to;
    usual_window(q, &from, &to);
    if (lead && !lead->counted && named_shape(q, lead, lead, from, to, w))
        return -1;
    if (lead)
        served[served_n++] = lead->work;
    for (size_t i = 0; lead && i < n && served_n < NAMED_SHAPES; i++) {
        if (all[i].why_not[0] || all[i].inner || all[i].counted || named(all[i].work, served, served_n) || !sb_candidate_within(&all[i], lead))
            continue;
        if (named_shape(q, &all[i], lead, from, to, w))
            return -1;
        served[served_n++] = all[i].work;
    }
    for (size_t i = 0; i < entries && kept < OTHER_SHAPES; i++) {
        const struct sb_work *other = sb_workload_at(q->workload, i);
        if (!sb_streq(other->ns, q->ns) || other->shape->unknown || named(other, served, served_n))
            continue;
        if (other_shape(q, other, from, to, w, &kept))
            return -1;
    }
    return 0;
}

static int index_criteria(const struct sb_index_question *q, const struct candidate *lead, const struct sb_index_cost *cost, const struct sb_card *card, struct sb_watch *w)
{
    int64_t expected = 1;
    if (lead && q->to > q->from)
        expected = (int64_t)lead->sums.count * w->window_s * 1000 / (q->to - q->from) / 3;
    if (!serves_no_reads(card) &&
        criterion(w, "index_uses", card->index_name, "operations that used the index", "", true, (struct limits){0, expected > 0 ? expected : 1, true, NULL},
                  true, "drop"))
        return -1;
    int64_t bytes = card->impact.bytes, keys = cost->keys_per_s_milli.most;
    if (criterion(w, "index_bytes", card->index_name, "size of the index", "bytes", false, (struct limits){0, bytes * 3 + (1 << 20), false, &cost->bytes}, false, "drop"))
        return -1;
    return cost->knows_writes ? criterion(w, "index_keys_per_s_milli", card->index_name, "keys written to the index per 1000 s", "", false,
                                          (struct limits){0, keys * 3 + 10000, false, &cost->keys_per_s_milli}, false, "drop")
                              : 0;
}

/* ---- size, cost, blast radius ---- */

/* How long the lead's operations have been seen for, within the window: a log is read now and then, and what has not been read yet
 * is no time without them. Of few operations it is as long as anything was observed for. */
static int64_t seen_ms(const struct sb_index_question *q, const struct candidate *lead, int64_t covered_ms)
{
    const struct sb_work *w = lead->work;
    if (lead->counted)
        return w->last_ms > w->first_ms && w->last_ms - w->first_ms < q->to - q->from ? w->last_ms - w->first_ms : q->to - q->from;
    if (lead->sums.count < MANY || w->first_ms == SB_NO_TIME || w->last_ms <= w->first_ms || w->last_ms <= q->from || w->last_ms > q->to)
        return covered_ms > 0 && covered_ms < q->to - q->from ? covered_ms : q->to - q->from;
    return w->last_ms - (w->first_ms < q->from ? q->from : w->first_ms);
}

int64_t sb_index_build_ms(int64_t documents, int64_t entries_milli)
{
    return documents * entries_milli / BUILD_DOCS_PER_S + 1000;
}

static int set_costs(const struct sb_index_question *q, const char *key, const struct candidate *lead, struct sb_index_cost *cost, struct sb_card *card)
{
    const struct sb_catalogue *cat = q->catalogue;
    struct sb_blast_radius *b = &card->blast_radius;
    struct sb_ns_work w;
    int64_t span_ms = q->to - q->from, entries_milli;
    sb_history_window(q->history, q->ns, q->from, q->to, &w);
    if (sb_claim_cost(q, key, card->index_options, cost))
        return -1;
    entries_milli = cost->entries_milli;
    card->impact.bytes = b->est_bytes = cost->bytes.value;
    if (cat->bytes > 0 && b->est_bytes > cat->bytes / 2 && card->risk < SB_MEDIUM) /* it costs memory and disk like a second collection */
        card->risk = SB_MEDIUM;
    b->documents = cat->documents;
    b->bytes = cat->bytes;
    b->members = cat->members;
    b->est_duration_ms = sb_index_build_ms(cat->documents, entries_milli);
    if (w.covered_ms > 0) {
        b->reads_per_s_milli = w.reads * 1000000 / w.covered_ms;
        b->writes_per_s_milli = w.writes * 1000000 / w.covered_ms;
    }
    card->impact.writes_per_s_milli = cost->keys_per_s_milli.value;
    b->lock = sb_format("exclusive on %s, briefly, at the start and the end of the build; reads and writes go on in between", q->ns);
    if (!b->lock || sb_strs_push(&b->namespaces, &b->namespaces_n, q->ns))
        return -1;
    for (size_t i = 0; lead && i < lead->work->apps.n; i++)
        if (sb_strs_push(&b->apps, &b->apps_n, lead->work->apps.item[i].name))
            return -1;
    if (!lead || span_ms <= 0 || seen_ms(q, lead, w.covered_ms) <= 0)
        return 0;
    uint64_t useful = sb_work_used(lead->work->shape, &lead->sums);
    uint64_t saved = lead->sums.docs_examined > useful ? lead->sums.docs_examined - useful : 0;
    card->impact.time_ms = (int64_t)lead->sums.total_ms;
    card->impact.docs_saved = (int64_t)(saved * 1000000 / (uint64_t)seen_ms(q, lead, w.covered_ms));
    int64_t total_us = w.read_us + w.write_us;
    int64_t score = total_us > 0 ? (int64_t)((double)lead->sums.total_ms * 1000 / (double)total_us * 1e6) : 0;
    card->impact.score_ppm = score > 1000000 ? 1000000 : score;
    return 0;
}

/* ---- evidence ---- */

static int evidence(struct sb_card *card, const char *source, const char *ns, const char *what, char *value, const char *coverage, int64_t at)
{
    int rc = value ? sb_evidence_add(&card->evidence, &card->evidence_n, source, ns, what, value, coverage, at) : -1;
    free(value);
    return rc;
}

/* What the card says will be, each with what it rests on. */
static int add_claims(const struct sb_index_question *q, const struct candidate *lead, const struct sb_index_cost *cost, struct sb_card *card)
{
    struct sb_index_claim docs;
    if (lead && sb_claim_docs(q, lead, lead, &docs) &&
        evidence(card, docs.why, q->ns, "predicted documents examined per document returned", sb_format("%" PRId64 ", now %.0f", docs.value, lead->ratio), docs.badge, q->to))
        return -1;
    if (evidence(card, cost->bytes.why, q->ns, "predicted size of the new index",
                 sb_format("about %" PRId64 " bytes, between %" PRId64 " and %" PRId64, cost->bytes.value, cost->bytes.least, cost->bytes.most), cost->bytes.badge, q->to))
        return -1;
    return cost->knows_writes ? evidence(card, cost->keys_per_s_milli.why, q->ns, "predicted keys written to the new index per second",
                                         sb_format("%.1f, between %.1f and %.1f", (double)cost->keys_per_s_milli.value / 1000, (double)cost->keys_per_s_milli.least / 1000,
                                                   (double)cost->keys_per_s_milli.most / 1000), cost->keys_per_s_milli.badge, q->to)
                              : 0;
}

/* What the servers counted of the shape, and what of that nobody can know. */
static int counted_evidence(const struct sb_index_question *q, const struct candidate *lead, struct sb_card *card)
{
    const struct sb_work_sums *s = &lead->work->sums;
    char from[SB_TIME_LEN + 1], to[SB_TIME_LEN + 1];
    sb_time_format(from, lead->work->first_ms);
    sb_time_format(to, lead->work->last_ms);
    return evidence(card, "$queryStats of every member", q->ns, "operations of this shape",
                    sb_format("%" PRIu64 " between %.19sZ and %.19sZ, %" PRIu64 " ms in all, mean %.1f ms; no log or profile has it", s->count, from, to, s->total_ms,
                              s->timed ? (double)s->total_ms / (double)s->timed : 0), "measured", q->to) ||
                   evidence(card, "$queryStats of every member", q->ns, "documents examined per document used", sb_format("%.0f to 1%s", lead->ratio, s->sorted ? ", and a sort in memory" : ""), "measured", q->to) ||
                   evidence(card, "$queryStats of every member", q->ns, "of that in the evidence window",
                            sb_format("%" PRIu64 " in %" PRId64 " s, as if they had come evenly; the servers tell no single one, and no plan", lead->sums.count, seen_ms(q, lead, 0) / 1000), SB_BADGE_ESTIMATED, q->to) ||
                   evidence(card, "$queryStats of every member", q->ns, "what it examines with the index", sb_format("is not watched: it is too quick to be written down, and there is no example to explain"), "blind", q->to)
               ? -1
               : 0;
}

static int add_evidence(const struct sb_index_question *q, const struct candidate *lead, const struct sb_index_cost *cost, struct sb_card *card)
{
    const struct sb_catalogue *cat = q->catalogue;
    if (lead && lead->counted) {
        if (counted_evidence(q, lead, card))
            return -1;
    } else if (lead) {
        const struct sb_work_sums *s = &lead->sums;
        if (evidence(card, "slow operations as the servers wrote them down", q->ns, "operations of this shape",
                     s->timed ? sb_format("%" PRIu64 " in %" PRId64 " s, %" PRIu64 " ms in all, mean %.0f ms", s->count, (q->to - q->from) / 1000,
                                          s->total_ms, (double)s->total_ms / (double)s->timed)
                              : sb_format("%" PRIu64 " in %" PRId64 " s; how long they took was cut off their log lines", s->count, (q->to - q->from) / 1000),
                     "measured", q->to) ||
            evidence(card, "slow operations as the servers wrote them down", q->ns, "documents examined per document used",
                     sb_format("%.0f to 1%s", lead->ratio, s->sorted ? ", and a sort in memory" : ""), "measured", q->to) ||
            (lead->work->plans.n && evidence(card, "slow operations as the servers wrote them down", q->ns, "plan",
                                                   sb_format("%s", sb_shares_top(&lead->work->plans)), "measured", q->to)))
            return -1;
    }
    if (evidence(card, "collStats", q->ns, "documents and size", sb_format("%" PRId64 " documents, %" PRId64 " bytes", cat->documents, cat->bytes), "measured", q->to) ||
        evidence(card, "listIndexes", q->ns, "indexes now", sb_format("%zu", cat->indexes_n), "measured", q->to))
        return -1;
    if (cat->sampled > 0 && cat->documents > 0) {
        char coverage[48];
        double share = 100.0 * (double)cat->sampled / (double)cat->documents;
        snprintf(coverage, sizeof coverage, "sampled %.1f %%", share > 100 ? 100 : share);
        for (size_t i = 0; i < cat->fields_n; i++)
            if (!cat->fields[i].aside && evidence(card, "sample of documents", q->ns, cat->fields[i].path,
                         sb_format("%.0f %% distinct, in %.0f %% of documents%s", (double)cat->fields[i].distinct_ppm / 1e4,
                                   (double)cat->fields[i].present_ppm / 1e4, cat->fields[i].array ? ", an array" : ""), coverage, q->to))
                return -1;
    }
    if (add_claims(q, lead, cost, card))
        return -1;
    if (lead && cat->shard_key && evidence(card, "the shard key in config.collections", q->ns, "which shards are asked",
                                           sb_shape_names_shard_key(cat, lead->work->shape) ? sb_format("the operation names the shard key %s: those shards that may have it", cat->shard_key)
                                                                                          : sb_format("the operation does not name the shard key %s: every shard is asked, with this index or without", cat->shard_key),
                                           "measured", q->to))
        return -1;
    for (size_t i = 0; i < cat->uneven_n; i++)
        if (evidence(card, cat->sharded ? "$indexStats of every shard" : "$indexStats of every member", q->ns, "not the same on every member", sb_format("%s", cat->uneven[i]), "measured", q->to))
            return -1;
    for (size_t i = 0; i < cat->blind_n; i++)
        if (evidence(card, "server", q->ns, "cannot be seen", sb_format("%s", cat->blind[i]), "blind", q->to))
            return -1;
    return 0;
}

/* ---- the draft ---- */

static const char *what_it_wins(const struct candidate *lead)
{
    return lead->arm ? "This index is for one arm of its $or: nothing is won before each arm has its own." : sb_candidate_gain(lead);
}

static char *why_of(const struct sb_index_question *q, const struct candidate *lead, const struct candidate *helped)
{
    if (!lead && helped)
        return sb_format("%s %s%s%s this index. It would serve %s %s%s%s in part only; what it saves has not been measured.", q->edited_by ? q->edited_by : q->requested_by,
                         q->edited_by ? "changed " : "asked for", q->edited_by ? q->edited : "", q->edited_by ? " of" : "", helped->work->shape->op, helped->work->shape->text,
                         helped->work->shape->sort[0] ? " sorted by " : "", helped->work->shape->sort);
    if (!lead && q->edited_by)
        return sb_format("%s changed %s of this index. Warning: it serves none of the slow operations seen in %" PRId64 " s; what it saves has not been measured.",
                         q->edited_by, q->edited, (q->to - q->from) / 1000);
    if (!lead)
        return sb_format("%s asked for this index; no operation that needs it was seen in the evidence window.", q->requested_by);
    if (lead->counted)
        return sb_format("Too quick for a log or profile, and counted by the servers: %s %s%s%s reads %.0f documents for each one it uses%s, %" PRIu64 " times in %" PRId64 " s on average. %s",
                         lead->work->shape->op, lead->work->shape->text, lead->work->shape->sort[0] ? " sorted by " : "", lead->work->shape->sort, lead->ratio, sb_candidate_sorting(lead),
                         lead->sums.count, seen_ms(q, lead, 0) / 1000, what_it_wins(lead));
    char took[32] = "an unknown time";
    if (lead->sums.timed)
        snprintf(took, sizeof took, "%" PRIu64 " ms", lead->sums.total_ms);
    return sb_format("%s%s%s%s%s %s%s%s reads %.0f %s for each %s it uses%s: %" PRIu64 " operations took %s in %" PRId64
                     " s. %s",
                     q->edited_by ? q->edited_by : q->key ? q->requested_by : "",
                     q->edited_by ? " changed " : q->key ? " asked for this index. " : "", q->edited_by ? q->edited : "", q->edited_by ? " of this index. " : "", lead->work->shape->op,
                     lead->work->shape->text, lead->work->shape->sort[0] ? " sorted by " : "", lead->work->shape->sort, lead->ratio, lead->by_keys ? "keys" : "documents", lead->by_keys ? "document" : "one", sb_candidate_sorting(lead), lead->sums.count, took, (q->to - q->from) / 1000,
                     what_it_wins(lead));
}

/* A field that no document has: said where everybody reads it. */
static int warn_of_fields(const struct sb_index_question *q, const char *key, struct sb_card *card)
{
    bson_t *doc = bson_new_from_json((const uint8_t *)key, -1, NULL);
    bson_iter_t it;
    int rc = doc ? 0 : -1;
    bool more = doc && q->catalogue->sampled > 0 && bson_iter_init(&it, doc);
    while (rc == 0 && more && bson_iter_next(&it)) {
        const char *path = bson_iter_key(&it);
        const struct sb_field_fact *f = sb_field_fact_of(q->catalogue, path);
        if (strchr(path, '$') || !f || f->present_ppm)
            continue;
        char *why = sb_format("%s Warning: the field %s is in none of the %" PRId64 " sampled documents.", card->why, path, q->catalogue->sampled);
        rc = why ? 0 : -1;
        if (why) {
            free(card->why);
            card->why = why;
        }
        card->risk = card->risk < SB_MEDIUM ? SB_MEDIUM : card->risk;
        card->confidence_ppm = card->confidence_ppm < DOUBTED_PPM ? card->confidence_ppm : DOUBTED_PPM;
    }
    if (doc)
        bson_destroy(doc);
    return rc;
}

static int describe(const struct sb_index_question *q, const struct candidate *lead, const struct candidate *helped, const struct candidate *all, size_t n,
                    struct sb_card *card)
{
    card->revision = 1;
    card->kind = SB_KIND_CREATE_INDEX;
    card->state = SB_DRAFT;
    card->environment = q->environment;
    card->simulated = q->simulated;
    card->risk = SB_LOW;
    if (q->catalogue->documents > 10000000 || q->catalogue->indexes_n >= 20)
        card->risk = SB_MEDIUM;
    card->confidence_ppm = lead ? (lead->sums.count >= 10 && !lead->counted ? 900000 : 700000) : q->edited_by ? UNMEASURED_PPM : 500000;
    if (q->edited_by && !lead && !helped && card->risk < SB_MEDIUM)
        card->risk = SB_MEDIUM;
    card->why = why_of(q, lead, helped);
    if (!card->why || sb_str_set(&card->id, q->card_id) || sb_str_set(&card->case_id, q->case_id) || sb_str_set(&card->deployment, q->deployment) ||
        sb_str_set(&card->deployment_id, q->deployment_id) || sb_str_set(&card->target, q->ns) ||
        sb_str_set(&card->author, sb_name(&sb_specialists, SB_BY_INDEX_OPTIMIZER)) || sb_str_set(&card->requested_by, q->requested_by) ||
        (q->anomaly && sb_str_set(&card->anomaly, q->anomaly->id)))
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (all[i].why_not[0] || !lead || !sb_candidate_within(&all[i], lead))
            continue;
        char *text = sb_format("%s %s%s%s", all[i].work->shape->op, all[i].work->shape->text, all[i].work->shape->sort[0] ? " sort " : "", all[i].work->shape->sort);
        int rc = text ? sb_strs_push(&card->shapes, &card->shapes_n, text) : -1;
        free(text);
        if (rc)
            return -1;
    }
    return 0;
}

/* What the shape needs that the index is for; where a person asked for a key, what was asked for with it. */
static int set_options(const struct sb_index_question *q, const struct candidate *lead, struct sb_card *card)
{
    char *options = lead && !q->key ? sb_candidate_options(lead) : sb_format("%s", q->options ? q->options : "{ }");
    free(card->index_options);
    card->index_options = options;
    return options ? 0 : -1;
}

int sb_index_card(const struct sb_index_question *q, const char *key, const char *name, const struct candidate *lead, const struct candidate *helped,
                  const struct candidate *all, size_t n, struct sb_card *card, struct sb_err *err)
{
    struct sb_index_cost cost;
    memset(card, 0, sizeof *card);
    card->watch.window_s = WATCH_WINDOW_S;
    card->watch.min_operations = MIN_OPERATIONS;
    if (describe(q, lead, helped, all, n, card) || warn_of_fields(q, key, card) || sb_str_set(&card->index_name, name) || sb_str_set(&card->index_key, key) ||
        set_options(q, lead, card) || set_costs(q, key, lead, &cost, card) ||
        sb_index_criteria_of_shapes(q, lead, all, n, &card->watch) || latency_criteria(q, lead, &cost, &card->watch) ||
        index_criteria(q, lead, &cost, card, &card->watch) || add_evidence(q, lead, &cost, card)) {
        sb_card_release(card);
        return sb_fail_nomem(err);
    }
    struct sb_step *s = SB_PUSH(card->steps); /* where the rebuild finds the collection's identity */
    if (!s || sb_check_add(&s->check_before, &s->check_before_n, "collection", q->ns, NULL, q->catalogue->uuid)) {
        sb_card_release(card);
        return sb_fail_nomem(err);
    }
    if (sb_index_card_rebuild(card, q->replicated, "votingMembers", err)) {
        sb_card_release(card);
        return -1;
    }
    return 0;
}

/* Swaps one member of both: what is left in the other is released with it. */
#define TAKE(member)                        \
    do {                                    \
        __typeof__(card->member) old_ = card->member; \
        card->member = said->member;        \
        said->member = old_;                \
    } while (0)

int sb_index_card_adopt(struct sb_card *card, struct sb_card *said, const char *old_key)
{
    char *usual = sb_index_default_name(old_key), *fits = sb_index_default_name(card->index_key), *why = NULL;
    int rc = usual && fits ? 0 : -1;
    if (rc == 0 && sb_streq(card->index_name, usual)) {
        TAKE(index_name);
    } else if (rc == 0 && !sb_streq(card->index_name, fits)) {
        why = sb_format("%s Warning: its name, %s, was given by hand and does not follow from the key.", said->why, card->index_name);
        rc = why ? 0 : -1;
    }
    if (rc == 0) {
        TAKE(why);
        TAKE(shapes);
        TAKE(shapes_n);
        TAKE(rejected);
        TAKE(rejected_n);
        TAKE(evidence);
        TAKE(evidence_n);
        TAKE(blast_radius);
        TAKE(watch.criteria);
        TAKE(watch.criteria_n);
        card->impact = said->impact;
        card->risk = said->risk;
        card->confidence_ppm = said->confidence_ppm;
    }
    if (rc == 0 && why) {
        free(card->why);
        card->why = why;
        why = NULL;
    }
    free(usual);
    free(fits);
    free(why);
    return rc;
}
