/* SPDX-License-Identifier: Apache-2.0
 *
 * The judgement of a shard key: what rules it out, what speaks against it, and what was measured, as one card of advice. */
#include <signalbox/agents/shard_key.h>

#include "architect_read.h"
#include "bson_get.h"
#include "shard_key_analyze.h"
#include "shard_key_sample.h"

#include <signalbox/agents/catalogue.h>
#include <signalbox/base/str.h>
#include <signalbox/mongo/read_door.h>

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define SAMPLE 2000
#define LEAST_SAMPLE 200     /* fewer say nothing of how values are spread */
#define FEW_VALUES 100       /* so many values can be in so many chunks at most */
#define COMMON_PER_MILLE 100
#define GROWING_PER_MILLE 950
#define LEAST_PAIRS 500
#define TARGETED_PER_CENT 80
#define LEAST_OPERATIONS 20

/* ---- the key ---- */

int sb_shard_key_read(const char *text, struct sb_shard_key *out, struct sb_err *err)
{
    const char *p = text ? text + strspn(text, " {") : "";
    memset(out, 0, sizeof *out);
    for (;;) {
        p += strspn(p, " \t,\"'`");
        size_t n = strcspn(p, " \t:\"'`},{");
        if (n == 0)
            break;
        if (out->n == SB_SHARD_KEY_FIELDS)
            return sb_fail(err, SB_EINPUT, "a shard key of more than %d fields is not judged here", SB_SHARD_KEY_FIELDS);
        if (n >= sizeof out->field[0] || p[0] == '$' || p[0] == '.' || p[n - 1] == '.' || memmem(p, n, "..", 2) || memmem(p, n, ".$", 2))
            return sb_fail(err, SB_EINPUT, "%.*s is no field's name that a key can have", (int)(n < 100 ? n : 100), p);
        snprintf(out->field[out->n], sizeof out->field[0], "%.*s", (int)n, p);
        for (size_t i = 0; i < out->n; i++)
            if (strcmp(out->field[i], out->field[out->n]) == 0)
                return sb_fail(err, SB_EINPUT, "%.100s is in the key twice", out->field[i]);
        p += n;
        p += strspn(p, " \t\"'`");
        if (*p++ != ':')
            return sb_fail(err, SB_EINPUT, "a shard key is written as {customer_id: 1, created_at: 1}; a 1 may be \"hashed\"");
        p += strspn(p, " \t\"'`");
        bool hashed = strncmp(p, "hashed", 6) == 0;
        if (!hashed && (*p != '1' || isdigit((unsigned char)p[1]) || p[1] == '.'))
            return sb_fail(err, SB_EINPUT, "the fields of a shard key are 1 or \"hashed\": nothing else is one");
        for (size_t i = 0; hashed && i < out->n; i++)
            if (out->hashed[i])
                return sb_fail(err, SB_EINPUT, "one field of a shard key can be hashed, not two");
        out->hashed[out->n++] = hashed;
        p += hashed ? 6 : 1;
    }
    return out->n ? 0 : sb_fail(err, SB_EINPUT, "a shard key is written as {customer_id: 1, created_at: 1}; a 1 may be \"hashed\"");
}

static char *key_text(const struct sb_shard_key *k)
{
    struct sb_str s;
    sb_str_init(&s);
    for (size_t i = 0; i < k->n; i++)
        sb_str_addf(&s, "%s%s: %s", i ? ", " : "{", k->field[i], k->hashed[i] ? "\"hashed\"" : "1");
    sb_str_addc(&s, '}');
    return sb_str_take(&s);
}

/* ---- what was heard ---- */

void sb_shard_key_heard(const struct sb_workload *w, const char *ns, const struct sb_shard_key *key, struct sb_shard_key_heard *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; w && i < sb_workload_size(w); i++) {
        const struct sb_work *x = sb_workload_at(w, i);
        const struct sb_shape *s = x->shape;
        bool asks = s->kind == SB_OP_FIND || s->kind == SB_OP_AGGREGATE || s->kind == SB_OP_COUNT || s->kind == SB_OP_DISTINCT || s->kind == SB_OP_UPDATE || s->kind == SB_OP_REMOVE || s->kind == SB_OP_FIND_AND_MODIFY;
        bool targeted = false;
        if (!sb_streq(x->ns, ns) || s->unknown || !asks)
            continue;
        for (size_t k = 0; k < s->predicates_n; k++) {
            const struct sb_predicate *p = &s->predicates[k];
            bool value = p->class_ == SB_PREDICATE_EQUALITY || p->class_ == SB_PREDICATE_IN || p->class_ == SB_PREDICATE_IN_BIG || (p->class_ == SB_PREDICATE_RANGE && !key->hashed[0]);
            targeted |= p->arm == 0 && value && strcmp(p->path, key->field[0]) == 0;
        }
        out->kinds++;
        out->operations += x->sums.count;
        out->targeted += targeted ? x->sums.count : 0;
        out->scattered_kinds += !targeted;
        if (!targeted && x->sums.count > out->example_n) {
            out->example_n = x->sums.count;
            snprintf(out->example, sizeof out->example, "%.40s %.100s", s->op, s->text);
        }
    }
}

/* ---- what is read ---- */

struct judging {
    const struct sb_change_question *q;
    struct sb_shard_key key;
    struct sb_conn *conn;
    struct sb_card *card;
    char db[64], coll[192], supports[128], kind[24];
    bool found, sharded;
    struct sb_str barred, weak, speaks; /* a line each */
    struct sb_key_sample sample;
    int64_t documents;
    int rc;
};

static void tell(struct judging *j, const char *what, const char *coverage, const char *format, ...) SB_PRINTF(4, 5);
static void tell(struct judging *j, const char *what, const char *coverage, const char *format, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    if (sb_evidence_add(&j->card->evidence, &j->card->evidence_n, sb_conn_name(j->conn), j->q->ns, what, text, coverage, j->q->now))
        j->rc = -1;
}

static bool take_collection(void *ctx, const bson_t *doc)
{
    struct judging *j = ctx;
    const char *type = sb_text_at(doc, "type");
    j->found = true;
    snprintf(j->kind, sizeof j->kind, "%s", type ? type : "");
    return false;
}

static bool take_sharded(void *ctx, const bson_t *doc)
{
    bson_iter_t it;
    ((struct judging *)ctx)->sharded = bson_iter_init_find(&it, doc, "key");
    return false;
}

/* Does the key pattern begin with the shard key? */
static bool begins_with(const bson_t *key, const struct sb_shard_key *k)
{
    bson_iter_t it;
    bool more = bson_iter_init(&it, key) && bson_iter_next(&it);
    for (size_t i = 0; i < k->n; i++, more = more && bson_iter_next(&it)) {
        bool hashed = more && BSON_ITER_HOLDS_UTF8(&it);
        if (!more || strcmp(bson_iter_key(&it), k->field[i]) != 0 || hashed != k->hashed[i] || (!hashed && (!BSON_ITER_HOLDS_NUMBER(&it) || bson_iter_as_int64(&it) != 1)))
            return false;
    }
    return true;
}

static bool take_index(void *ctx, const bson_t *doc)
{
    struct judging *j = ctx;
    bson_iter_t it;
    bson_t key;
    const char *name = sb_text_at(doc, "name");
    if (!name || !bson_iter_init_find(&it, doc, "key") || !sb_sub_document(&it, &key))
        return true;
    bool fits = begins_with(&key, &j->key), whole = !bson_has_field(doc, "sparse") && !bson_has_field(doc, "partialFilterExpression") && !bson_has_field(doc, "collation") && !bson_has_field(doc, "hidden");
    bool unique = bson_iter_init_find(&it, doc, "unique") && bson_iter_as_bool(&it);
    if (fits && whole && !j->supports[0])
        snprintf(j->supports, sizeof j->supports, "%.120s", name);
    if (unique && strcmp(name, "_id_") != 0 && !fits)
        sb_str_addf(&j->barred, "The unique index %.80s does not begin with the key: no shard could see to it, and the server refuses to shard beside it.\n", name);
    return true;
}

static int read_collection(struct judging *j, struct sb_err *err)
{
    bson_t *list = BCON_NEW("listCollections", BCON_INT32(1), "filter", "{", "name", BCON_UTF8(j->coll), "}"), *indexes = BCON_NEW("listIndexes", BCON_UTF8(j->coll)), *stats = BCON_NEW("collStats", BCON_UTF8(j->coll));
    bson_t *config = BCON_NEW("find", "collections", "filter", "{", "_id", BCON_UTF8(j->q->ns), "}", "limit", BCON_INT64(1)), reply;
    struct sb_err none = SB_ERR_INIT; /* where there is no sharding there is no such collection, or nobody may read it */
    int rc = sb_read_cursor(j->conn, j->db, list, 1, take_collection, j, err) < 0 ? -1 : 0;
    if (rc == 0 && (!j->found || strcmp(j->kind, "view") == 0))
        rc = sb_fail(err, SB_EINPUT, j->found ? "%.200s is a view: what is sharded is the collection behind it" : "there is no collection %.200s", j->q->ns);
    sb_read_cursor(j->conn, "config", config, 1, take_sharded, j, &none);
    if (rc == 0 && j->sharded)
        rc = sb_fail(err, SB_EINPUT, "%.200s is sharded already: another key for it is a reshardCollection, which is not judged here", j->q->ns);
    rc = rc || sb_read_cursor(j->conn, j->db, indexes, 100, take_index, j, err) < 0 ? -1 : sb_read(j->conn, j->db, stats, &reply, err);
    if (rc == 0) {
        j->documents = sb_number_of(&reply, "count");
        bson_destroy(&reply);
    }
    bson_destroy(list);
    bson_destroy(indexes);
    bson_destroy(stats);
    bson_destroy(config);
    return rc;
}

static int read_sample(struct judging *j, struct sb_err *err)
{
    bson_t project = BSON_INITIALIZER;
    char name[8], path[140];
    BSON_APPEND_INT32(&project, "_id", 1);
    for (size_t i = 0; i < j->key.n; i++) {
        snprintf(name, sizeof name, "f%zu", i);
        snprintf(path, sizeof path, "$%s", j->key.field[i]);
        BSON_APPEND_UTF8(&project, name, path);
    }
    j->sample.fields = j->key.n;
    bson_t *c = BCON_NEW("aggregate", BCON_UTF8(j->coll), "pipeline", "[", "{", "$sample", "{", "size", BCON_INT32(SAMPLE), "}", "}", "{", "$project", BCON_DOCUMENT(&project), "}", "]", "cursor", "{", "}");
    int64_t n = sb_read_cursor(j->conn, j->db, c, SAMPLE, sb_key_sample_take, &j->sample, err);
    bson_destroy(c);
    bson_destroy(&project);
    if (n < 0 && err->code == SB_ECOMMAND) {
        struct sb_err why = *err;
        return sb_fail(err, SB_ESTATE, "no sample of %.100s can be had, and without one nothing is said of a key: %.150s", j->q->ns, why.msg);
    }
    if (n < 0)
        return -1;
    if (j->sample.nomem)
        return sb_fail_nomem(err);
    sb_key_sample_end(&j->sample);
    return n < LEAST_SAMPLE ? sb_fail(err, SB_ENO, "%.120s has %" PRId64 " documents: %d are the fewest from which something is said of a key, and so few need no shards", j->q->ns, n, LEAST_SAMPLE) : 0;
}

/* ---- the judgement ---- */

static void judge_fields(struct judging *j, const char *coverage)
{
    const struct sb_key_sample *s = &j->sample;
    for (size_t i = 0; i < j->key.n; i++) {
        const char *f = j->key.field[i];
        tell(j, f, coverage, "missing in %" PRId64 ", null in %" PRId64 ", an array in %" PRId64 " of %" PRId64 " documents looked at", s->missing[i], s->nulls[i], s->arrays[i], s->documents);
        if (s->arrays[i])
            sb_str_addf(&j->barred, "%.100s is an array, or lies within one, in %" PRId64 " of %" PRId64 " documents: the key of a document has to be one value.\n", f, s->arrays[i], s->documents);
        if ((s->missing[i] + s->nulls[i]) * 100 > s->documents)
            sb_str_addf(&j->weak, "%.100s is missing or null in %" PRId64 " of %" PRId64 " documents: all of these get the same place.\n", f, s->missing[i] + s->nulls[i], s->documents);
    }
}

static void judge_values(struct judging *j, const char *coverage)
{
    const struct sb_key_sample *s = &j->sample;
    int64_t common = s->most * 1000 / s->documents, growing = s->compared ? s->growing * 1000 / s->compared : -1;
    tell(j, "different values", coverage, "%" PRId64 " in %" PRId64 " documents looked at, of %" PRId64, s->distinct, s->documents, j->documents);
    if (s->distinct < FEW_VALUES)
        sb_str_addf(&j->weak, "Only %" PRId64 " different values were seen: documents of one value cannot be divided, so that there are no more chunks than values.\n", s->distinct);
    else
        sb_str_addf(&j->speaks, "%" PRId64 " different values in %" PRId64 " documents.\n", s->distinct, s->documents);
    tell(j, "the most common value", coverage, "%" PRId64 " of %" PRId64 " documents looked at (%" PRId64 ".%" PRId64 " %%)", s->most, s->documents, common / 10, common % 10);
    if (common >= COMMON_PER_MILLE)
        sb_str_addf(&j->weak, "One value is that of %" PRId64 ".%" PRId64 " %% of the documents: they stay together on one shard, in one chunk that cannot be divided.\n", common / 10, common % 10);
    if (s->compared < LEAST_PAIRS) {
        tell(j, "growth", "unknown", "not known: the order in which documents were inserted, or that of %.80s, cannot be told from their values", j->key.field[0]);
        return;
    }
    tell(j, "growth", coverage, "of two documents the later one has the greater %.80s in %" PRId64 ".%" PRId64 " %% of %" PRId64 " pairs", j->key.field[0], growing / 10, growing % 10, s->compared);
    if (j->key.hashed[0])
        sb_str_addf(&j->speaks, "It is hashed: inserts go everywhere, however its values grow; a range of them is asked of every shard.\n");
    else if (growing >= GROWING_PER_MILLE || growing <= 1000 - GROWING_PER_MILLE)
        sb_str_addf(&j->weak, "%.80s %s with time: every insert goes to the shard that holds the last chunk. Hashed, or behind another field, it would not.\n", j->key.field[0], growing >= GROWING_PER_MILLE ? "grows" : "falls");
    else
        sb_str_addf(&j->speaks, "Its values do not follow the order of insertion.\n");
}

static void judge_work(struct judging *j)
{
    const struct sb_shard_key_heard *h = j->q->heard;
    if (!h || h->operations < LEAST_OPERATIONS) {
        tell(j, "operations", "unknown", "%" PRIu64 " with a filter were written down: too few to say who would ask one shard and who all of them", h ? h->operations : 0);
        sb_str_addf(&j->weak, "Too few operations were heard of to say how many would go to one shard: lower slowms for a while, or profile the database (\"watch %.150s closely\").\n", j->q->ns);
        return;
    }
    uint64_t share = h->targeted * 100 / h->operations;
    tell(j, "operations", "measured", "%" PRIu64 " of %" PRIu64 " that were written down (%" PRIu64 " %%) name %.80s and go to few shards; %" PRIu64 " of %" PRIu64 " kinds go to all%s%.150s", h->targeted, h->operations, share, j->key.field[0],
         h->scattered_kinds, h->kinds, h->example_n ? ", such as " : "", h->example_n ? h->example : "");
    sb_str_addf(share < TARGETED_PER_CENT ? &j->weak : &j->speaks, "%" PRIu64 " %% of the operations that were written down name a value of %.80s%s\n", share, j->key.field[0],
                share < TARGETED_PER_CENT ? "; the others are asked of every shard, and get no faster by more shards." : ".");
}

static void judge_index(struct judging *j, const char *key)
{
    tell(j, "a supporting index", "measured", "%s", j->supports[0] ? j->supports : "none");
    if (j->supports[0])
        sb_str_addf(&j->speaks, "The index %.100s begins with it.\n", j->supports);
    else
        sb_str_addf(&j->barred, "No index begins with it that has every document: ask \"create an index on %.120s %.200s\" first.\n", j->q->ns, key);
}

static int fill(struct judging *j, const char *key)
{
    const struct sb_change_question *q = j->q;
    struct sb_card *c = j->card;
    const char *verdict = j->barred.len ? "not as it stands" : j->weak.len ? "possible, with weak points" : "nothing speaks against it";
    c->revision = 1;
    c->kind = SB_KIND_ADVISORY;
    c->environment = q->environment;
    c->simulated = q->simulated;
    c->risk = SB_HIGH;
    c->confidence_ppm = 1000000;
    c->id = sb_format("C-%06" PRId64, q->first_card);
    c->title = sb_format("Shard key %s of %s: %s", key, q->ns, verdict);
    c->why = sb_format("Read from a sample and from what was heard; nothing is sharded from here. A key is hard to take back: it is changed by reshardCollection only, which copies the collection. A "
                       "person decides, and tries it on a copy.");
    bool ok = c->id && c->title && c->why && sb_str_set(&c->case_id, q->case_id) == 0 && sb_str_set(&c->deployment, q->deployment) == 0 && sb_str_set(&c->deployment_id, q->deployment_id) == 0 &&
              sb_str_set(&c->target, q->ns) == 0 && sb_str_set(&c->requested_by, q->requested_by) == 0 && sb_str_set(&c->author, sb_name(&sb_specialists, SB_BY_DATA_ARCHITECT)) == 0 &&
              sb_strs_push(&c->blast_radius.namespaces, &c->blast_radius.namespaces_n, q->ns) == 0;
    ok = ok && (!j->barred.len || sb_side_note_add(c, "What stands in the way", j->barred.p) == 0) && (!j->weak.len || sb_side_note_add(c, "What speaks against it", j->weak.p) == 0) &&
         (!j->speaks.len || sb_side_note_add(c, "What speaks for it", j->speaks.p) == 0);
    return ok && j->rc == 0 ? 0 : -1;
}

int sb_shard_key_judge(const struct sb_server *server, const struct sb_change_question *q, struct sb_change_plan *out, struct sb_err *err)
{
    struct judging j = {.q = q, .card = &out->card[0]};
    char coverage[64], *key = NULL;
    int rc = -1;
    sb_str_init(&j.barred);
    sb_str_init(&j.weak);
    sb_str_init(&j.speaks);
    if (!sb_ns_split(q->ns, j.db, j.coll)) {
        sb_fail(err, SB_EINPUT, "\"%.100s\" is not a collection; write it as database.collection", q->ns);
        goto out;
    }
    if (sb_shard_key_read(q->key, &j.key, err) || !(key = key_text(&j.key)) || !(j.conn = sb_architect_connect(server, &out->reads, err)) || read_collection(&j, err) || read_sample(&j, err))
        goto out;
    if (j.sample.documents >= j.documents)
        snprintf(coverage, sizeof coverage, "measured");
    else
        snprintf(coverage, sizeof coverage, "sampled %.2g %%", (double)j.sample.documents * 100 / (double)j.documents);
    out->n = 1;
    judge_fields(&j, coverage);
    judge_values(&j, coverage);
    judge_work(&j);
    judge_index(&j, key);
    if (sb_shard_key_analyze(&(struct sb_key_asked){.conn = j.conn, .ns = q->ns, .key = &j.key, .card = j.card, .weak = &j.weak, .now = q->now}, err))
        goto out;
    rc = !sb_str_ok(&j.barred) || !sb_str_ok(&j.weak) || !sb_str_ok(&j.speaks) || fill(&j, key) ? -1 : 0;
out:
    if (rc && err->code == SB_OK)
        sb_fail_nomem(err);
    sb_conn_close(j.conn);
    sb_key_sample_release(&j.sample);
    sb_str_release(&j.barred);
    sb_str_release(&j.weak);
    sb_str_release(&j.speaks);
    free(key);
    return rc;
}
