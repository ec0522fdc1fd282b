/* SPDX-License-Identifier: Apache-2.0
 *
 * Letting documents expire: first with a time that deletes nothing, then lowered in steps of which each says how much it deletes. */
#include "schema_change_private.h"

#include "architect_read.h"

#include <signalbox/agents/schema_validator.h>
#include <signalbox/base/array.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_S INT32_MAX /* what a server takes: 68 years */
#define SAMPLE 1000
#define LEAST_SAMPLED 30    /* old ones, for steps of the same size */
#define ONE_STEP 1000       /* documents that go in one step without more ado */
#define SLACK_PER_CENT 20   /* documents age while a card waits */
#define SLACK 100
#define WATCH_S 120         /* a pass comes once a minute */
#define MAX_TIME_MS 10000

/* ---- looking ---- */

struct ages {
    int64_t *item; /* seconds, of those that are old enough */
    size_t n, cap;
    int64_t now;
    bool failed;
};

static bool take_age(void *ctx, const bson_t *doc)
{
    struct ages *a = ctx;
    bson_iter_t it;
    if (!bson_iter_init_find(&it, doc, "v") || !BSON_ITER_HOLDS_DATE_TIME(&it))
        return true;
    if (SB_GROW(a->item, a->cap, a->n + 1)) {
        a->failed = true;
        return false;
    }
    a->item[a->n++] = (a->now - bson_iter_date_time(&it)) / 1000;
    return true;
}

static int older_first(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? 1 : x > y ? -1 : 0;
}

/* {field: {$lt: what is older than so many seconds}}: of dates only, as the server does it. */
static bson_t *older_than(const struct sb_change_question *q, int64_t seconds)
{
    return BCON_NEW(q->field, "{", "$lt", BCON_DATE_TIME(q->now - seconds * 1000), "}");
}

/* The ages at which a third, and two thirds, of what has to go is older; from a sample, or else even steps up to the oldest. */
static int choose_steps(struct change_look *l, struct sb_err *err)
{
    const struct sb_change_question *q = l->q;
    struct change_facts *f = l->f;
    struct ages a = {.now = q->now};
    struct sb_err why = SB_ERR_INIT;
    char path[256];
    snprintf(path, sizeof path, "$%s", q->field);
    bson_t *old = older_than(q, q->expire_s);
    bson_t *c = BCON_NEW("aggregate", BCON_UTF8(f->coll), "pipeline", "[", "{", "$sample", "{", "size", BCON_INT32(SAMPLE), "}", "}", "{", "$match", BCON_DOCUMENT(old), "}", "{", "$project", "{", "_id",
                         BCON_INT32(0), "v", BCON_UTF8(path), "}", "}", "]", "cursor", "{", "}");
    int64_t n = sb_read_cursor(l->conn, f->db, c, SAMPLE, take_age, &a, &why);
    bson_destroy(c);
    bson_destroy(old);
    if (n < 0 && why.code != SB_ECOMMAND) {
        *err = why;
        free(a.item);
        return -1;
    }
    if (a.n >= LEAST_SAMPLED) {
        qsort(a.item, a.n, sizeof *a.item, older_first);
        f->expire_s[0] = a.item[a.n / 3];
        f->expire_s[1] = a.item[2 * a.n / 3];
        f->expire_s[2] = q->expire_s;
        f->expire_n = f->expire_s[0] > f->expire_s[1] && f->expire_s[1] > q->expire_s && (f->ttl_s < 0 || f->expire_s[0] < f->ttl_s) ? 3 : 1;
    } else {
        f->expire_n = 1;
    }
    if (f->expire_n == 1)
        f->expire_s[0] = q->expire_s;
    free(a.item);
    return a.failed ? sb_fail_nomem(err) : 0;
}

static int not_counted(const struct change_look *l, const char *note, struct sb_err *err)
{
    return err->code != SB_OK ? -1 : sb_fail(err, SB_ESTATE, "how much the first pass over %.100s would delete could not be counted, so nothing is proposed: %.150s", l->q->ns, note);
}

int sb_change_look_expire(struct change_look *l, struct sb_err *err)
{
    const struct sb_change_question *q = l->q;
    struct change_facts *f = l->f;
    char note[256] = "", value[200];
    if (f->plain_index[0] && f->ttl_s < 0)
        return sb_fail(err, SB_EINPUT, "the index %.100s is on %.80s already and deletes nothing; a server before 5.1 cannot make it one by which documents expire. Retire it first: the plan makes one that serves the same reads", f->plain_index,
                       q->field);
    if (f->ttl_s == q->expire_s)
        return sb_fail(err, SB_EINPUT, "documents of %.150s expire %" PRId64 " s after %.80s already, by the index %.80s", q->ns, q->expire_s, q->field, f->ttl_name);
    int64_t others = sb_change_count(l, BCON_NEW(q->field, "{", "$exists", BCON_BOOL(true), "$not", "{", "$type", "date", "}", "}"), note, sizeof note, err);
    if (others < 0 && err->code != SB_OK)
        return -1;
    snprintf(value, sizeof value, others < 0 ? "not counted: those expire never" : "%" PRId64 " documents, which expire never; a document without it neither", others);
    if (sb_change_evidence(l, "no date in it", value, others < 0 ? "unknown" : "measured"))
        return sb_fail_nomem(err);
    if (f->ttl_s >= 0 && f->ttl_s < q->expire_s) { /* later than now: nothing goes that would not have gone */
        f->expire_n = 1;
        f->expire_s[0] = q->expire_s;
        f->expire_docs[0] = 0;
        return 0;
    }
    if (f->ttl_s < 0) {
        int found = sb_change_any(l, older_than(q, LONGEST_S), err);
        if (found)
            return found < 0 ? -1 : sb_fail(err, SB_EINPUT, "%.80s %s older than 68 years, the longest time that a server takes: the index would delete them at once. Look at them first", q->field,
                                            found == 1 ? "holds dates that are" : "may hold dates (it could not be looked at in time) that are");
    }
    int64_t all = sb_change_count(l, older_than(q, q->expire_s), note, sizeof note, err);
    if (all < 0)
        return not_counted(l, note, err);
    if (all > ONE_STEP && choose_steps(l, err))
        return -1;
    if (all <= ONE_STEP) {
        f->expire_n = 1;
        f->expire_s[0] = q->expire_s;
    }
    f->expire_docs[f->expire_n - 1] = all;
    for (size_t i = 0; i + 1 < f->expire_n; i++)
        if ((f->expire_docs[i] = sb_change_count(l, older_than(q, f->expire_s[i]), note, sizeof note, err)) < 0)
            return not_counted(l, note, err);
    for (size_t i = f->expire_n; i-- > 1;) /* what goes in a step is what is left by the one before it */
        f->expire_docs[i] -= f->expire_docs[i - 1] < f->expire_docs[i] ? f->expire_docs[i - 1] : f->expire_docs[i];
    snprintf(value, sizeof value, "%" PRId64 " of %" PRId64 " documents are older than %" PRId64 " s", all, f->documents, q->expire_s);
    return sb_change_evidence(l, "what would be deleted", value, "measured") ? sb_fail_nomem(err) : 0;
}

/* ---- cards ---- */

static char *index_name(const struct change_maker *m)
{
    return m->f->ttl_s >= 0 ? sb_format("%s", m->f->ttl_name) : sb_format("%s_1", m->q->field);
}

/* "30 days", "36 hours", "90 s" */
static char *span(int64_t s)
{
    return s % 86400 == 0 ? sb_format("%" PRId64 " day%s", s / 86400, s == 86400 ? "" : "s") : s % 3600 == 0 && s ? sb_format("%" PRId64 " h", s / 3600) : sb_format("%" PRId64 " s", s);
}

static int about_index(const struct change_maker *m, struct sb_card *c, int64_t seconds)
{
    c->index_name = index_name(m);
    c->index_key = sb_change_json(BCON_NEW(m->q->field, BCON_INT32(1)));
    c->index_options = sb_change_json(BCON_NEW("expireAfterSeconds", BCON_INT32((int32_t)seconds)));
    c->blast_radius.documents = m->f->documents;
    c->watch.window_s = WATCH_S;
    return !c->index_name || !c->index_key || !c->index_options ? -1 : 0;
}

static struct sb_step *step(const struct change_maker *m, struct sb_card *c, char *action, char *undo)
{
    struct sb_step *s = action && undo ? SB_PUSH(c->steps) : NULL;
    if (!s) {
        free(action);
        free(undo);
        return NULL;
    }
    s->n = (int64_t)c->steps_n;
    s->class_ = SB_STEP_IDEMPOTENT;
    s->control = SB_CONTROL_NEITHER;
    s->action = action;
    s->undo = undo;
    return sb_change_check_place(m, s) ? NULL : s;
}

static int create_card(const struct change_maker *m, struct sb_card *c)
{
    const struct change_facts *f = m->f;
    char comment[96], undo_comment[96], room[32];
    int rc = sb_change_open_card(m, 0, c, SB_KIND_CREATE_INDEX, "the index, deleting nothing", sb_format("Create index %s_1 on %s, by which documents expire", m->q->field, m->q->ns),
                                 sb_format("The index by which documents expire, with the longest time that a server takes: 68 years. No date is older, so that it deletes nothing yet; the time is lowered afterwards, in steps."));
    rc = rc || about_index(m, c, LONGEST_S);
    if (rc)
        return -1;
    snprintf(comment, sizeof comment, "signalbox %s/1", c->id);
    snprintf(undo_comment, sizeof undo_comment, "signalbox %s/1 undo", c->id);
    c->blast_radius.est_bytes = f->documents * 24; /* a date, a record's number and the tree's own */
    snprintf(room, sizeof room, "%" PRId64, 2 * c->blast_radius.est_bytes);
    bson_t *create = BCON_NEW("createIndexes", BCON_UTF8(f->coll), "indexes", "[", "{", "key", "{", m->q->field, BCON_INT32(1), "}", "name", BCON_UTF8(c->index_name), "expireAfterSeconds", BCON_INT32(LONGEST_S), "}", "]",
                              "comment", BCON_UTF8(comment), "$db", BCON_UTF8(f->db));
    struct sb_step *s = step(m, c, sb_change_json(create), sb_change_json(BCON_NEW("dropIndexes", BCON_UTF8(f->coll), "index", BCON_UTF8(c->index_name), "maxTimeMS", BCON_INT32(MAX_TIME_MS), "comment",
                                                                                BCON_UTF8(undo_comment), "$db", BCON_UTF8(f->db))));
    if (!s)
        return -1;
    s->control = SB_CONTROL_ABORTABLE;
    s->undo_label = SB_UNDO_LOSSLESS;
    c->risk = SB_MEDIUM;
    c->blast_radius.lock = sb_format("exclusive on %s at the start and the end of the build", m->q->ns);
    return !c->blast_radius.lock || sb_check_add(&s->check_before, &s->check_before_n, "index_absent", m->q->ns, c->index_name, c->index_key) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "no_build", m->q->ns, NULL, NULL) || sb_check_add(&s->check_before, &s->check_before_n, "disk", NULL, NULL, room) ||
                   sb_check_add(&s->check_after, &s->check_after_n, "index_built", m->q->ns, c->index_name, c->index_key)
               ? -1
               : 0;
}

static char *setting(const struct change_maker *m, const struct sb_card *c, const char *what, int64_t seconds)
{
    char comment[96];
    snprintf(comment, sizeof comment, "signalbox %s/1%s", c->id, what);
    return sb_change_json(BCON_NEW("collMod", BCON_UTF8(m->f->coll), "index", "{", "name", BCON_UTF8(c->index_name), "expireAfterSeconds", BCON_INT32((int32_t)seconds), "}", "maxTimeMS", BCON_INT32(MAX_TIME_MS), "comment",
                                   BCON_UTF8(comment), "$db", BCON_UTF8(m->f->db)));
}

/* Lowers it from `was` to the k-th time; card i of the plan. */
static int lower_card(const struct change_maker *m, size_t i, size_t k, int64_t was, struct sb_card *c)
{
    const struct change_facts *f = m->f;
    int64_t to = f->expire_s[k], docs = f->expire_docs[k];
    bool deletes = to < was;
    char before[24], after[24], most[48], phase[48];
    char *now = span(to), *then = span(was);
    snprintf(before, sizeof before, "%" PRId64, was);
    snprintf(after, sizeof after, "%" PRId64, to);
    snprintf(most, sizeof most, "%" PRId64 "/%" PRId64, to, docs + docs * SLACK_PER_CENT / 100 + SLACK);
    snprintf(phase, sizeof phase, deletes ? "%" PRId64 " documents go" : "nothing goes", docs);
    int rc = !now || !then ||
             sb_change_open_card(m, i, c, SB_KIND_EXPIRE, phase, sb_format("Expire documents of %s %s after %s", m->q->ns, now ? now : "", m->q->field),
                                 deletes ? sb_format("The first pass deletes about %" PRId64 " documents, and from then on each document goes when it is that old. What was deleted comes back from a backup only: the way back ends the "
                                                     "deleting and restores nothing. It waits while more than that would go at once.",
                                                     docs)
                                         : sb_format("They live longer than now, where it is %s: nothing is deleted that would not have been.", then ? then : "")) ||
             about_index(m, c, to);
    free(now);
    free(then);
    struct sb_step *s = rc ? NULL : step(m, c, setting(m, c, "", to), setting(m, c, " undo", was));
    if (!s)
        return -1;
    s->undo_label = deletes ? SB_UNDO_IMPOSSIBLE : SB_UNDO_LOSSY; /* lowered again, it deletes what has aged meanwhile */
    c->risk = deletes ? SB_HIGH : SB_LOW;
    c->needs_person = true;
    c->blast_radius.lock = sb_format("exclusive on %s for an instant; the pass deletes one document after the other", m->q->ns);
    return !c->blast_radius.lock || (deletes && sb_check_add(&s->check_before, &s->check_before_n, "expiring", m->q->ns, m->q->field, most)) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "index_expires", m->q->ns, c->index_name, before) ||
                   sb_check_add(&s->check_after, &s->check_after_n, "index_expires", m->q->ns, c->index_name, after)
               ? -1
               : 0;
}

size_t sb_change_expire_phases(const struct change_facts *f)
{
    return f->expire_n + (f->ttl_s < 0);
}

int sb_change_plan_expire(const struct change_maker *m, struct sb_card *card)
{
    size_t i = 0;
    int64_t was = m->f->ttl_s;
    if (was < 0) {
        if (create_card(m, &card[i++]))
            return -1;
        was = LONGEST_S;
    }
    for (size_t k = 0; k < m->f->expire_n; k++, i++) {
        if (lower_card(m, i, k, was, &card[i]))
            return -1;
        was = m->f->expire_s[k];
    }
    return 0;
}
