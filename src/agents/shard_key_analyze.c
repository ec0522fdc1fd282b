/* SPDX-License-Identifier: Apache-2.0 */
#include "shard_key_analyze.h"

#include "bson_get.h"

#include <signalbox/mongo/read_door.h>

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#define LOOK_AT 100000 /* documents: by the index, as the server samples them */
#define COMMAND_NOT_FOUND 59
#define TARGETED_PER_CENT 80

static int tell(const struct sb_key_asked *a, const char *what, const char *coverage, const char *format, ...) SB_PRINTF(4, 5);
static int tell(const struct sb_key_asked *a, const char *what, const char *coverage, const char *format, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    return sb_evidence_add(&a->card->evidence, &a->card->evidence_n, sb_conn_name(a->conn), a->ns, what, text, coverage, a->now);
}

static double number_at(const bson_t *doc, const char *path, bool *there)
{
    bson_iter_t it, at;
    *there = bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, path, &at) && BSON_ITER_HOLDS_NUMBER(&at);
    return !*there ? 0 : BSON_ITER_HOLDS_DOUBLE(&at) ? bson_iter_double(&at) : (double)bson_iter_as_int64(&at);
}

static int64_t count_at(const bson_t *doc, const char *path)
{
    bool there;
    double n = number_at(doc, path, &there);
    return there && n >= 0 && n < 9e15 ? (int64_t)n : -1;
}

/* What the values are, and whether they grow. */
static int tell_values(const struct sb_key_asked *a, const bson_t *reply)
{
    bson_iter_t it, at;
    bool known;
    int64_t total = count_at(reply, "keyCharacteristics.numDocsTotal"), looked = count_at(reply, "keyCharacteristics.numDocsSampled"), distinct = count_at(reply, "keyCharacteristics.numDistinctValues"),
            common = count_at(reply, "keyCharacteristics.mostCommonValues.0.frequency");
    if (looked < 1 || distinct < 0)
        return tell(a, "analyzeShardKey: values", "unknown", "not told: the server analyses the values of a key by an index that begins with it");
    char coverage[40];
    snprintf(coverage, sizeof coverage, total <= looked ? "measured" : "sampled %.2g %%", (double)looked * 100 / (double)(total > 0 ? total : 1));
    int rc = tell(a, "analyzeShardKey: values", coverage, "%" PRId64 " different ones in %" PRId64 " of %" PRId64 " documents; the most common one in %" PRId64 "%s", distinct, looked, total, common,
                  bson_iter_init(&it, reply) && bson_iter_find_descendant(&it, "keyCharacteristics.isUnique", &at) && bson_iter_as_bool(&at) ? "; each of them once, by a unique index" : "");
    const char *type = bson_iter_init(&it, reply) && bson_iter_find_descendant(&it, "keyCharacteristics.monotonicity.type", &at) && BSON_ITER_HOLDS_UTF8(&at) ? bson_iter_utf8(&at, NULL) : "unknown";
    double r = number_at(reply, "keyCharacteristics.monotonicity.recordIdCorrelationCoefficient", &known);
    rc = rc || (known ? tell(a, "analyzeShardKey: growth", coverage, "%.20s: its order and that of insertion correlate by %.2f", type, r) : tell(a, "analyzeShardKey: growth", coverage, "%.20s", type));
    if (strcmp(type, "monotonic") == 0)
        sb_str_addf(a->weak, "The server calls it monotonic: inserts go to the shard that holds one end of it.\n");
    if (common > 0 && common * 10 >= looked)
        sb_str_addf(a->weak, "The server finds one value in %" PRId64 " of %" PRId64 " documents, which cannot be divided among shards.\n", common, looked);
    return rc ? -1 : 0;
}

/* Who would be asked, by the operations that the server has sampled. */
static int tell_distribution(const struct sb_key_asked *a, const bson_t *reply, const char *part, const char *ops)
{
    char path[120], what[60];
    double share[3];
    bool known = true;
    static const char *const kinds[] = {"SingleShard", "MultiShard", "ScatterGather"};
    snprintf(what, sizeof what, "analyzeShardKey: %s", strcmp(ops, "Reads") == 0 ? "reads" : "writes");
    snprintf(path, sizeof path, "%s.sampleSize.total", part);
    int64_t total = count_at(reply, path);
    for (size_t i = 0; i < SB_COUNT(kinds); i++) {
        bool there;
        snprintf(path, sizeof path, "%s.percentageOf%s%s", part, kinds[i], ops);
        share[i] = number_at(reply, path, &there);
        known &= there;
    }
    if (total < 1 || !known)
        return tell(a, what, "unknown", "none are sampled: by hand, for some hours, db.adminCommand({configureQueryAnalyzer: \"%.150s\", mode: \"full\", samplesPerSecond: 1}), then ask again", a->ns);
    if (share[2] > 100 - TARGETED_PER_CENT)
        sb_str_addf(a->weak, "Of %" PRId64 " %s that the server has sampled %.1f %% would be asked of every shard.\n", total, strcmp(ops, "Reads") == 0 ? "reads" : "writes", share[2]);
    snprintf(path, sizeof path, "%s.percentageOfShardKeyUpdates", part);
    double changes = number_at(reply, path, &known);
    return tell(a, what, "sampled", "of %" PRId64 " %.1f %% would go to one shard, %.1f %% to several, %.1f %% to all%s", total, share[0], share[1], share[2], known && changes > 0 ? "; some change the key of a document, which moves it" : "");
}

int sb_shard_key_analyze(const struct sb_key_asked *a, struct sb_err *err)
{
    bson_t key = BSON_INITIALIZER, reply;
    for (size_t i = 0; i < a->key->n; i++) {
        if (a->key->hashed[i])
            BSON_APPEND_UTF8(&key, a->key->field[i], "hashed");
        else
            BSON_APPEND_INT32(&key, a->key->field[i], 1);
    }
    bson_t *c = BCON_NEW("analyzeShardKey", BCON_UTF8(a->ns), "key", BCON_DOCUMENT(&key), "sampleSize", BCON_INT64(LOOK_AT));
    int rc = sb_read(a->conn, "admin", c, &reply, err);
    bson_destroy(c);
    bson_destroy(&key);
    if (rc && err->code == SB_ECOMMAND) { /* what it does not answer is one fact less, and no failure */
        struct sb_err why = *err;
        *err = (struct sb_err)SB_ERR_INIT;
        if (why.detail == COMMAND_NOT_FOUND)
            return 0;
        return tell(a, "analyzeShardKey", "unknown", "not answered: %.250s", why.msg) ? sb_fail_nomem(err) : 0;
    }
    if (rc)
        return -1;
    rc = tell_values(a, &reply) || tell_distribution(a, &reply, "readDistribution", "Reads") || tell_distribution(a, &reply, "writeDistribution", "Writes") ? sb_fail_nomem(err) : 0;
    bson_destroy(&reply);
    return rc;
}
