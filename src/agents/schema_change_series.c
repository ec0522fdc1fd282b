/* SPDX-License-Identifier: Apache-2.0
 *
 * Would a collection fit into a time series? What stands in the way is measured, and which granularity its measurements have. Something
 * does: one card of advice, with what a person does. Nothing does: the phases of schema_change_series_plan.c. A server only creates a time
 * series empty, renames none, and takes no $merge into one: nothing is copied from here. */
#include "schema_change_private.h"

#include "architect_read.h"
#include "bson_get.h"

#include <signalbox/agents/schema_validator.h>
#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <string.h>

#define FIRST_VERSION 5
#define SAMPLE 2000
#define MINUTE_S 60
#define HOUR_S 3600
#define LONGEST_NAME 235 /* of a collection that may be sharded one day */

/* ---- looking ---- */

static int version_of(struct change_look *l, struct sb_err *err)
{
    bson_t reply;
    bson_iter_t it, at;
    if (sb_read_json(l->conn, "admin", "{\"buildInfo\":1}", &reply, err))
        return -1;
    int major = bson_iter_init(&it, &reply) && bson_iter_find_descendant(&it, "versionArray.0", &at) && BSON_ITER_HOLDS_NUMBER(&at) ? (int)bson_iter_as_int64(&at) : 0;
    bson_destroy(&reply);
    return major >= FIRST_VERSION ? 0 : sb_fail(err, SB_EINPUT, "this server is older than 5.0 and has no time series");
}

/* Documents that are no measurements, counted and a few named. */
static int look_at_dates(struct change_look *l, struct sb_err *err)
{
    struct sb_dry_run run;
    struct sb_str s;
    bson_t *none = BCON_NEW("$or", "[", "{", l->q->field, "{", "$not", "{", "$type", "date", "}", "}", "}", "{", l->q->field, "{", "$type", "array", "}", "}", "]");
    int rc = sb_count_fits(l->conn, l->q->ns, l->f->documents, none, &run, err);
    bson_destroy(none);
    if (rc)
        return -1;
    sb_str_init(&s);
    l->f->offenders = run.offenders;
    if (run.offenders < 0)
        sb_str_adds(&s, run.note);
    else
        sb_str_addf(&s, "%" PRId64 " of %" PRId64 " documents", run.offenders, l->f->documents);
    for (size_t i = 0; i < run.sample_n; i++)
        sb_str_addf(&s, "%s%s", i ? ", " : ", such as ", run.sample[i]);
    rc = sb_str_ok(&s) && sb_change_evidence(l, "without one date in it", s.p, run.offenders < 0 ? "unknown" : "measured") == 0 ? 0 : sb_fail_nomem(err);
    sb_str_release(&s);
    sb_dry_run_release(&run);
    return rc;
}

struct spread {
    int64_t documents, sources, first, last;
};

static bool take_spread(void *ctx, const bson_t *doc)
{
    struct spread *s = ctx;
    bson_iter_t it;
    s->documents = sb_number_of(doc, "n");
    s->sources = sb_number_of(doc, "sources");
    s->first = bson_iter_init_find(&it, doc, "first") && BSON_ITER_HOLDS_DATE_TIME(&it) ? bson_iter_date_time(&it) : 0;
    s->last = bson_iter_init_find(&it, doc, "last") && BSON_ITER_HOLDS_DATE_TIME(&it) ? bson_iter_date_time(&it) : 0;
    return false;
}

/* How far apart two measurements of one source are, about, by a sample. */
static int look_at_spread(struct change_look *l, struct sb_err *err)
{
    const char *meta = l->q->new_field;
    char time[256], source[256], text[240];
    struct spread s = {.documents = 0};
    snprintf(time, sizeof time, "$%s", l->q->field);
    snprintf(source, sizeof source, "$%s", meta ? meta : "signalbox_none");
    bson_t *c = BCON_NEW("aggregate", BCON_UTF8(l->f->coll), "pipeline", "[", "{", "$sample", "{", "size", BCON_INT32(SAMPLE), "}", "}", "{", "$match", "{", l->q->field, "{", "$type", "date", "$not", "{", "$type", "array", "}", "}", "}", "}", "{", "$group", "{", "_id",
                         BCON_UTF8(source), "n", "{", "$sum", BCON_INT32(1), "}", "first", "{", "$min", BCON_UTF8(time), "}", "last", "{", "$max", BCON_UTF8(time), "}", "}", "}", "{", "$group", "{", "_id", BCON_NULL, "n", "{", "$sum", "$n",
                         "}", "sources", "{", "$sum", BCON_INT32(1), "}", "first", "{", "$min", "$first", "}", "last", "{", "$max", "$last", "}", "}", "}", "]", "cursor", "{", "}");
    int64_t n = sb_read_cursor(l->conn, l->f->db, c, 1, take_spread, &s, err);
    bson_destroy(c);
    if (n < 0)
        return -1;
    int64_t apart_s = s.documents > 0 && l->f->documents > 0 ? (s.last - s.first) / 1000 * (s.sources > 0 ? s.sources : 1) / l->f->documents : 0;
    snprintf(l->f->from_type, sizeof l->f->from_type, "%s", apart_s < MINUTE_S ? "seconds" : apart_s < HOUR_S ? "minutes" : "hours");
    snprintf(text, sizeof text, "about %" PRId64 " s between two of one source: %" PRId64 " sources seen in %" PRId64 " documents, which span %" PRId64 " s", apart_s, s.sources, s.documents, (s.last - s.first) / 1000);
    return sb_change_evidence(l, "measurements", text, s.documents >= l->f->documents ? "measured" : "sampled") ? sb_fail_nomem(err) : 0;
}

int sb_change_look_series(struct change_look *l, struct sb_err *err)
{
    const struct sb_change_question *q = l->q;
    char text[160], note[256] = "";
    if (strchr(q->field, '.') || (q->new_field && (strchr(q->new_field, '.') || strcmp(q->new_field, "_id") == 0 || strcmp(q->new_field, q->field) == 0)))
        return sb_fail(err, SB_EINPUT, "the time and the meta field of a time series are two fields of the document itself, and neither is _id");
    if (strlen(q->ns) + sizeof "system.buckets._before_series" > LONGEST_NAME || strlen(l->f->coll) + sizeof "_before_series" > sizeof l->f->coll)
        return sb_fail(err, SB_EINPUT, "%.150s has a name too long for one beside it", q->ns);
    if (version_of(l, err) || look_at_dates(l, err) || look_at_spread(l, err))
        return -1;
    if (q->new_field) {
        int64_t without = sb_change_count(l, BCON_NEW(q->new_field, "{", "$exists", BCON_BOOL(false), "}"), note, sizeof note, err);
        if (without < 0 && err->code != SB_OK)
            return -1;
        snprintf(text, sizeof text, without < 0 ? "not counted" : "%" PRId64 " documents: they would be measurements of one more source", without);
        if (sb_change_evidence(l, "without the meta field", text, without < 0 ? "unknown" : "measured"))
            return sb_fail_nomem(err);
    }
    struct change_writes w;
    if (sb_change_count_writes(l->conn, q->ns, &w, err)) {
        *err = (struct sb_err)SB_ERR_INIT;
        l->f->left = -1;
        return sb_change_evidence(l, "deletes and updates in the oplog", "not known: the oplog cannot be read in time", "unknown") ? sb_fail_nomem(err) : 0;
    }
    l->f->left = w.deletes + w.updates;
    snprintf(text, sizeof text, "%" PRId64 " deletes and %" PRId64 " updates%s", w.deletes, w.updates, w.more ? ", or more" : "");
    return sb_change_evidence(l, "deletes and updates in the oplog", text, "measured") ? sb_fail_nomem(err) : 0;
}

/* ---- the card ---- */

static int add_barred(const struct sb_change_question *q, const struct change_facts *f, struct sb_card *c)
{
    struct sb_str s;
    sb_str_init(&s);
    if (f->offenders)
        sb_str_addf(&s, f->offenders < 0 ? "Whether each document has a date in %s is not known.\n" : "%2$" PRId64 " documents have no one date in %1$s: a time series refuses each of them. Mend them, or take them elsewhere.\n", q->field, f->offenders);
    if (f->left < 0)
        sb_str_addf(&s, "No oplog that can be read here tells whether documents are updated or deleted, or whether the applications write both.\n");
    if (f->left > 0)
        sb_str_addf(&s, "Documents are updated or deleted, as the oplog says: of a time series only the meta field can be updated, and deletes go by it (before 7.0), or are slow.\n");
    if (f->indexes)
        sb_str_addf(&s, "Unique indexes: %.300s. A time series has none, and holds one _id as often as it is inserted.\n", f->indexes);
    if (f->validated)
        sb_str_addf(&s, "There is a validator: a time series has none.\n");
    if (f->sharded)
        sb_str_addf(&s, "It is sharded: a time series is sharded by its meta field or its time field.\n");
    int rc = !sb_str_ok(&s) || sb_side_note_add(c, "What stands in the way", s.p);
    sb_str_release(&s);
    return rc ? -1 : 0;
}

static int add_ways(const struct sb_change_question *q, const struct change_facts *f, struct sb_card *c)
{
    char *options = q->new_field ? sb_format("timeField: \"%s\", metaField: \"%s\", granularity: \"%s\"", q->field, q->new_field, f->from_type) : sb_format("timeField: \"%s\", granularity: \"%s\"", q->field, f->from_type);
    char *hand = options ? sb_format("1. Create it empty: db.getSiblingDB(\"%s\").createCollection(\"%s_series\", {timeseries: {%s}})\n"
                                     "2. Let the applications write each measurement to both.\n"
                                     "3. Copy what is older than the first of those, in ranges of _id, and count each range in both: a time series has no unique _id, and what is sent twice is there twice. From 7.0.3 on a server copies by "
                                     "itself, into one that is not there: {$out: {db: \"%s\", coll: \"%s_series\", timeseries: {%s}}}\n"
                                     "4. Read the new one. 5. Stop writing the old one, and ask \"rename collection %s to %s_plain\".",
                                     f->db, f->coll, options, f->db, f->coll, options, q->ns, q->ns)
                         : NULL;
    int rc = !hand || sb_side_note_add(c, "By hand, in this order", hand) ||
             sb_side_note_add(c, "What a time series does not have", "A unique index, a validator, a change stream, a write in a transaction, an update of a measurement, another name: a server renames none. Each document has one date in its time field.");
    free(options);
    free(hand);
    return rc ? -1 : 0;
}

int sb_change_plan_series(const struct change_maker *m, struct sb_card *card)
{
    const struct sb_change_question *q = m->q;
    if (!sb_change_series_barred(m->f))
        return sb_change_series_cards(m, card);
    int rc = sb_change_open_card(m, 0, card, SB_KIND_ADVISORY, "advice", sb_format("Time series of %s on %s%s%s: not as it stands", q->ns, q->field, q->new_field ? ", meta " : "", q->new_field ? q->new_field : ""),
                                 sb_format("Measured on %s; nothing is changed from here. Once nothing stands in the way, asked again, this is a plan of four phases.", q->ns));
    card->risk = SB_HIGH;
    return rc || add_barred(q, m->f, card) || add_ways(q, m->f, card) ? -1 : 0;
}
