/* SPDX-License-Identifier: Apache-2.0
 *
 * The card that hides an index. */
#include "optimizer_retire.h"

#include <signalbox/agents/index_retire.h>

#include <inttypes.h>
#include <string.h>

#define MIN_OPERATIONS 20
#define MAX_TIME_MS 30000
#define REDUNDANT_PPM 900000 /* it follows from the keys */
#define DEAD_PPM 600000      /* who uses it seldom was perhaps not seen */

struct choice {
    const struct sb_catalogue *c;
    struct retire r;
};

static bool retires(const struct retire *r)
{
    return r->verdict != RETIRE_KEEP;
}

/* Redundant before dead, then the larger, then by name. */
static bool before(const struct choice *a, const struct choice *b)
{
    if (a->r.verdict != b->r.verdict)
        return a->r.verdict == RETIRE_REDUNDANT;
    if (a->r.index->bytes != b->r.index->bytes)
        return a->r.index->bytes > b->r.index->bytes;
    int c = strcmp(a->c->ns, b->c->ns);
    return c ? c < 0 : strcmp(a->r.index->name, b->r.index->name) < 0;
}

static int find_out(struct sb_index_advice *out, const struct choice *c)
{
    struct sb_finding *f = SB_PUSH(out->findings);
    if (!f)
        return -1;
    f->subject = sb_format("%s of %s", c->r.index->name, c->c->ns);
    f->text = sb_format("%s%s", retires(&c->r) ? "could go as well, one at a time: " : "stays: ", c->r.why);
    return f->subject && f->text ? 0 : -1;
}

/* Every index of which there is something to say. */
static int look(const struct sb_retire_question *q, struct choice **list, size_t *n)
{
    for (size_t i = 0; i < q->catalogues_n; i++) {
        struct sb_index_question one = {.ns = q->catalogues[i].ns, .catalogue = &q->catalogues[i]};
        struct retire *found;
        size_t found_n;
        if (q->catalogues[i].indexes_n < SB_INDEX_MAX_PER_COLLECTION && sb_index_forbidden(&one))
            continue;
        if (sb_retire_look(&q->catalogues[i], q->workload, q->now, &found, &found_n))
            return -1;
        for (size_t k = 0; k < found_n; k++) {
            struct choice *c = sb_list_push((void **)list, n, sizeof **list);
            if (!c) {
                free(found);
                return -1;
            }
            *c = (struct choice){&q->catalogues[i], found[k]};
        }
        free(found);
    }
    return 0;
}

/* ---- the card ---- */

static char *command(const struct sb_card *card, bool hidden)
{
    char db[64], coll[192], comment[96];
    bson_t c, index;
    if (!sb_ns_split(card->target, db, coll))
        return NULL;
    bson_init(&c);
    BSON_APPEND_UTF8(&c, "collMod", coll);
    BSON_APPEND_DOCUMENT_BEGIN(&c, "index", &index);
    BSON_APPEND_UTF8(&index, "name", card->index_name);
    BSON_APPEND_BOOL(&index, "hidden", hidden);
    bson_append_document_end(&c, &index);
    BSON_APPEND_INT32(&c, "maxTimeMS", MAX_TIME_MS);
    snprintf(comment, sizeof comment, "signalbox %s/1%s", card->id, hidden ? "" : " undo");
    BSON_APPEND_UTF8(&c, "comment", comment);
    BSON_APPEND_UTF8(&c, "$db", db);
    char *text = bson_as_canonical_extended_json(&c, NULL), *copy = text ? sb_strdup_n(text, strlen(text)) : NULL;
    bson_free(text);
    bson_destroy(&c);
    return copy;
}

static int add_step(struct sb_card *card, const struct choice *c)
{
    struct sb_step *s = SB_PUSH(card->steps);
    if (!s)
        return -1;
    s->n = 1;
    s->class_ = SB_STEP_IDEMPOTENT;
    s->undo_label = SB_UNDO_LOSSLESS;
    s->control = SB_CONTROL_NEITHER;
    s->action = command(card, true);
    s->undo = command(card, false);
    const char *ns = card->target;
    return !s->action || !s->undo || sb_check_add(&s->check_before, &s->check_before_n, "primary", NULL, NULL, NULL) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "members_up", NULL, NULL, NULL) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "collection", ns, NULL, c->c->uuid) ||
                   (c->r.by && sb_check_add(&s->check_before, &s->check_before_n, "index_shown", ns, c->r.by->name, c->r.by->key)) ||
                   sb_check_add(&s->check_before, &s->check_before_n, "index_shown", ns, card->index_name, card->index_key) ||
                   sb_check_add(&s->check_after, &s->check_after_n, "index_hidden", ns, card->index_name, NULL)
               ? -1
               : 0;
}

static int criterion(struct sb_watch *w, const char *metric, const char *ns, const char *label, int64_t mean)
{
    struct sb_criterion *c = SB_PUSH(w->criteria);
    if (!c || sb_str_set(&c->metric, metric) || sb_str_set(&c->subject, ns) || sb_str_set(&c->label, label) || sb_str_set(&c->unit, "us"))
        return -1;
    c->baseline = mean;
    c->has_baseline = true;
    c->limit = mean * 3 / 2 + 300;
    c->decisive = true;
    return 0;
}

int sb_retire_watch(struct sb_card *card, const struct sb_index_question *q, const struct sb_history *history, int64_t window_s, const char *remedy)
{
    struct sb_ns_work now;
    bool known = sb_history_window(history, card->target, q->from, q->to, &now);
    card->watch.window_s = window_s;
    card->watch.min_operations = MIN_OPERATIONS;
    int rc = (known && now.reads && criterion(&card->watch, "ns_read_latency_us", card->target, "mean read latency of the collection", now.read_us / now.reads)) ||
             (known && now.writes && criterion(&card->watch, "ns_write_latency_us", card->target, "mean write latency of the collection", now.write_us / now.writes)) ||
             sb_index_criteria_of_shapes(q, NULL, NULL, 0, &card->watch);
    for (size_t i = 0; i < card->watch.criteria_n && rc == 0; i++)
        rc = sb_str_set(&card->watch.criteria[i].on_breach, remedy);
    return rc ? -1 : 0;
}

static int say(struct sb_card *card, const char *source, const char *what, char *value, const char *coverage, int64_t at)
{
    int rc = value ? sb_evidence_add(&card->evidence, &card->evidence_n, source, card->target, what, value, coverage, at) : -1;
    free(value);
    return rc;
}

static int add_evidence(struct sb_card *card, const struct sb_retire_question *q, const struct choice *c)
{
    const struct sb_index_info *x = c->r.index;
    const char *coll = strchr(card->target, '.') + 1;
    int rc = say(card, "$indexStats", "uses", sb_retire_uses_told(x, c->c->members), c->c->knows_index_stats ? "measured" : "blind", q->now) ||
             (x->bytes > 0 && say(card, "collStats", "size", sb_format("%" PRId64 " bytes", x->bytes), "measured", q->now)) ||
             (c->r.by && say(card, "listIndexes", "the index that serves instead", sb_format("%s, %s", c->r.by->name, c->r.by->key), "measured", q->now)) ||
             say(card, "listIndexes", "other uses", sb_format("whether a shard key rests on it, and what runs seldom, was not seen"), "blind", q->now) ||
             say(card, "listIndexes", "what the undo takes", sb_format("an instant: it is shown again, and nothing is built; while it is hidden, an operation that names it (hint) fails"), "measured", q->now) ||
             say(card, "command", "later, by a card of its own, when the watch window has passed", sb_retire_drop_command(coll, x->name), "measured", q->now) ||
             (x->spec && say(card, "command", "to make it anew", sb_retire_create_command(coll, x->spec), "measured", q->now));
    return rc ? -1 : 0;
}

static int make(const struct sb_retire_question *q, const struct choice *c, struct sb_card *card)
{
    const struct sb_index_info *x = c->r.index;
    card->revision = 1;
    card->kind = SB_KIND_HIDE_INDEX;
    card->state = SB_DRAFT;
    card->environment = q->environment;
    card->simulated = q->simulated;
    card->risk = c->r.verdict == RETIRE_REDUNDANT ? SB_LOW : SB_MEDIUM;
    card->confidence_ppm = c->r.verdict == RETIRE_REDUNDANT ? REDUNDANT_PPM : c->r.months_end ? DEAD_PPM : DEAD_PPM / 2;
    card->title = sb_format("Hide index %s of %s", x->name, c->c->ns);
    card->why = sb_format("%s%s. Hidden it still costs writes and still counts as it is, so that nothing is lost yet and taking it back is instant: when its watch window has passed, a card to drop it is proposed.",
                          c->r.verdict == RETIRE_REDUNDANT ? "" : "Nobody needs it: ", c->r.why);
    card->blast_radius.documents = c->c->documents;
    card->blast_radius.members = c->c->members;
    card->blast_radius.lock = sb_format("exclusive on the database of %s for an instant", c->c->ns);
    card->impact.bytes = x->bytes;
    return !card->title || !card->why || !card->blast_radius.lock || sb_str_set(&card->id, q->card_id) || sb_str_set(&card->case_id, q->case_id) ||
                   sb_str_set(&card->deployment, q->deployment) || sb_str_set(&card->deployment_id, q->deployment_id) || sb_str_set(&card->target, c->c->ns) ||
                   sb_str_set(&card->index_name, x->name) || sb_str_set(&card->index_key, x->key) || sb_str_set(&card->index_options, "{ }") ||
                   sb_str_set(&card->author, sb_name(&sb_specialists, SB_BY_INDEX_OPTIMIZER)) || sb_str_set(&card->requested_by, q->requested_by) ||
                   sb_strs_push(&card->blast_radius.namespaces, &card->blast_radius.namespaces_n, c->c->ns) || add_step(card, c) || sb_retire_watch(card, &(struct sb_index_question){.ns = c->c->ns, .workload = q->workload, .from = q->from, .to = q->now}, q->history, SB_HIDE_WINDOW_S, "unhide") || add_evidence(card, q, c)
               ? -1
               : 0;
}

static bool is_wanted(const struct sb_retire_question *q, const struct choice *c)
{
    return !q->wanted || sb_streq(q->wanted, c->r.index->name);
}

/* An index was named, and no card comes of it: it stays, it is unknown, or there is nothing that speaks against or for it. */
static char *tell_wanted(const struct sb_retire_question *q, const struct choice *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (is_wanted(q, &list[i]) && !retires(&list[i].r))
            return sb_format("%s of %s stays: %s", q->wanted, list[i].c->ns, list[i].r.why);
    for (size_t i = 0; i < q->catalogues_n; i++)
        for (size_t k = 0; k < q->catalogues[i].indexes_n; k++)
            if (sb_streq(q->catalogues[i].indexes[k].name, q->wanted))
                return sb_format("%s of %s is not proposed to go: %s", q->wanted, q->catalogues[i].ns,
                                 q->catalogues[i].knows_index_stats ? "it is not redundant, and it has been used since the members began to count" : "this server does not say whether it is used");
    return sb_format("there is no index named %s on %s; nothing is proposed in its place", q->wanted, q->about);
}

static bool is_passed_over(const struct sb_retire_question *q, const struct choice *c)
{
    for (size_t i = 0; i < q->pass_over_n; i += 2)
        if (sb_streq(q->pass_over[i], c->c->ns) && sb_streq(q->pass_over[i + 1], c->r.index->name))
            return true;
    return false;
}

int sb_index_retire(const struct sb_retire_question *q, struct sb_index_advice *out, struct sb_err *err)
{
    struct choice *list = NULL;
    size_t n = 0, lead = SIZE_MAX;
    memset(out, 0, sizeof *out);
    int rc = look(q, &list, &n);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (retires(&list[i].r) && is_wanted(q, &list[i]) && !is_passed_over(q, &list[i]) && (lead == SIZE_MAX || before(&list[i], &list[lead])))
            lead = i;
    bool uncounted = false;
    for (size_t i = 0; i < q->catalogues_n; i++)
        uncounted |= !q->catalogues[i].knows_index_stats; /* nobody said that they were used */
    bool card = rc == 0 && lead != SIZE_MAX && q->can_hide;
    for (size_t i = 0; rc == 0 && i < n; i++)
        if ((!card || i != lead) && (card || is_wanted(q, &list[i])))
            rc = find_out(out, &list[i]);
    if (card && rc == 0)
        rc = make(q, &list[lead], &out->card);
    if (rc == 0) {
        out->proposes = card;
        out->summary = card                ? sb_format("%s could go: %s", list[lead].r.index->name, list[lead].r.why)
                       : q->wanted && lead == SIZE_MAX ? tell_wanted(q, list, n)
                       : lead != SIZE_MAX ? sb_format("an index of %s could go, but this server cannot hide one first", q->about)
                       : uncounted || n   ? sb_format("no index of %s is proposed to go", q->about)
                                          : sb_format("no index of %s is proposed to go: none is redundant, and whatever there is beside that of _id has been used since its members began to count", q->about);
        rc = out->summary ? 0 : -1;
    }
    free(list);
    if (rc) {
        sb_index_advice_release(out);
        return sb_fail_nomem(err);
    }
    return 0;
}
