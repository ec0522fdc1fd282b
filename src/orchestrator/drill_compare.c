/* SPDX-License-Identifier: Apache-2.0
 *
 * What a restore brought back, against what the backup holds. */
#include "drill.h"

#include <signalbox/agents/backup_gather.h>
#include <signalbox/base/json.h>
#include <signalbox/base/process.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KEPT 20                 /* differences */
#define SAMPLE_MAX (64 << 10)   /* bytes of a document */
#define CHECKS_MAX 1000
#define HEALTH_S 300            /* that the health command may take where the checks' file does not say */
#define HEALTH_MAX_S 86400
#define HEALTH_SAID_MAX ((size_t)16 << 10)
#define LOOK_UP_MS 2000         /* a server without an index on _id takes a scan for each: the rest is not looked up then */

/* ---- the sample ---- */

/* Each document with the same chance: the reservoir of all that have come by. */
void sb_drill_sample(struct drill *d, const char *ns, const unsigned char *p, size_t n)
{
    if (n > SAMPLE_MAX || sb_restore_skips(ns))
        return;
    uint64_t at = d->sampled < SB_DRILL_SAMPLES ? d->sampled : sb_rng_below(&d->rng, d->sampled + 1);
    d->sampled++;
    if (at >= SB_DRILL_SAMPLES)
        return;
    struct sb_drill_sample *s = &d->samples[at];
    unsigned char *copy = malloc(n);
    char *name = copy ? sb_format("%s", ns) : NULL;
    if (!name) { /* one that was not kept is one that is not looked up */
        free(copy);
        return;
    }
    free(s->ns);
    free(s->p);
    memcpy(copy, p, n);
    *s = (struct sb_drill_sample){name, copy, n};
}

struct lookup {
    const struct sb_drill_sample *s;
    int found;
    bool same;
};

static bool looked_up(void *ctx, const bson_t *doc)
{
    struct lookup *l = ctx;
    l->found++;
    l->same = doc->len == l->s->n && memcmp(bson_get_data(doc), l->s->p, l->s->n) == 0;
    return true;
}

/* 1 the same, 0 another or none, -1. A document without an _id is not asked for: 2. */
static int look_up_one(struct sb_conn *c, const struct sb_drill_sample *s, struct sb_err *err)
{
    bson_t doc, command, filter;
    bson_iter_t it;
    struct lookup l = {.s = s};
    if (!bson_init_static(&doc, s->p, s->n) || !bson_iter_init_find(&it, &doc, "_id"))
        return 2;
    char *db = sb_strdup_n(s->ns, strcspn(s->ns, "."));
    if (!db)
        return sb_fail_nomem(err);
    bson_init(&command);
    BSON_APPEND_UTF8(&command, "find", strchr(s->ns, '.') + 1);
    BSON_APPEND_DOCUMENT_BEGIN(&command, "filter", &filter);
    bson_append_iter(&filter, "_id", 3, &it);
    bson_append_document_end(&command, &filter);
    int64_t n = sb_read_cursor(c, db, &command, 2, looked_up, &l, err);
    bson_destroy(&command);
    free(db);
    return n < 0 ? -1 : l.found == 1 && l.same;
}

int sb_drill_look_up(struct drill *d, struct sb_err *err)
{
    int64_t until = sb_mono_ms() + LOOK_UP_MS;
    for (size_t i = 0; i < SB_DRILL_SAMPLES && sb_mono_ms() < until; i++) {
        if (!d->samples[i].ns || sb_strs_has(d->changed, d->changed_n, d->samples[i].ns))
            continue;
        int same = look_up_one(d->conn, &d->samples[i], err);
        if (same < 0)
            return -1;
        if (same == 2)
            continue;
        d->looked_up++;
        d->same += same == 1;
        if (same == 0)
            return sb_fail(err, SB_ENO, "a document of %s that was restored is not found by its _id as it was", d->samples[i].ns);
    }
    return 0;
}

/* ---- what is there ---- */

struct comparing {
    struct drill *d;
    bool documents;
    json_t *list;
    uint64_t n;
};

static bool is_about_documents(enum sb_backup_difference x)
{
    return x == SB_DIFFERENT_DOCUMENTS || x == SB_DIFFERENT_BYTES || x == SB_DIFFERENT_CONTENT;
}

static void differ(void *ctx, const char *ns, enum sb_backup_difference x, const char *index, const char *a, const char *b)
{
    struct comparing *c = ctx;
    bool there = x == SB_DIFFERENT_MISSING || x == SB_DIFFERENT_EXTRA;
    const struct sb_backup_collection *of = sb_backup_collection_find(&c->d->plan.items[0], ns);
    if (c->documents ? !is_about_documents(x) && !(there && of && !of->view) : is_about_documents(x))
        return;
    if (sb_strs_has(c->documents ? c->d->changed : c->d->altered, c->documents ? c->d->changed_n : c->d->altered_n, ns))
        return;
    if (!c->documents && c->d->restore && sb_restore_altered(c->d->restore, ns)) /* by the oplog: it is no more what its metadata say */
        return;
    c->n++;
    json_t *one = json_array_size(c->list) < KEPT
                      ? json_pack("{s:o,s:s,s:o,s:o,s:o}", "ns", sb_json_of_bytes(ns, strlen(ns)), "what", sb_backup_difference_name(x), "index",
                                  index ? sb_json_of_bytes(index, strlen(index)) : json_null(), "backup", a ? sb_json_of_bytes(a, strlen(a)) : json_null(), "there",
                                  b ? sb_json_of_bytes(b, strlen(b)) : json_null())
                      : NULL;
    if (one)
        json_array_append_new(c->list, one);
}

/* Both sides are made anew: what is compared is what stands there now. */
static int compare(struct drill *d, struct sb_conn *conn, struct comparing *c, struct sb_err *err)
{
    struct sb_backup_options options = {.sums = true};
    struct sb_backup expected, found;
    if (sb_backup_init(&expected, d->o->path, &options, err) || sb_backup_init(&found, "the server", &options, err))
        return -1;
    int rc = sb_gather_expected(&d->plan.items[0], &d->data.items[0], &expected, err);
    sb_backup_sort(&expected);
    if (rc == 0)
        rc = sb_gather(conn, &expected, c->documents, &found, err);
    if (rc == 0 && (expected.nomem || found.nomem))
        rc = sb_fail_nomem(err);
    if (rc == 0)
        sb_backups_compare(&expected, &found, differ, c);
    sb_backup_release(&expected);
    sb_backup_release(&found);
    return rc;
}

int sb_drill_compare(struct drill *d, bool documents, struct sb_err *err)
{
    struct comparing c = {.d = d, .documents = documents, .list = d->differences};
    if (compare(d, d->conn, &c, err))
        return -1;
    d->differences_n += c.n;
    if (c.n == 0)
        return 0;
    const json_t *first = json_array_get(d->differences, json_array_size(d->differences) ? json_array_size(d->differences) - 1 : 0);
    return sb_fail(err, SB_ENO, "what was restored is not what the backup holds: %s of %s (%" PRIu64 " difference%s)", sb_json_str(first, "what"), sb_json_str(first, "ns"), c.n, c.n == 1 ? "" : "s");
}

json_t *sb_drill_source(struct drill *d)
{
    struct sb_err err = SB_ERR_INIT;
    struct comparing c = {.d = d, .list = json_array()};
    uint64_t looked = 0, same = 0;
    struct sb_conn *conn = sb_conn_to_primary(d->o->source, SB_LANE_BULK, &err);
    int rc = conn && c.list ? compare(d, conn, &c, &err) : -1;
    for (size_t i = 0; rc == 0 && i < SB_DRILL_SAMPLES; i++) {
        int one = d->samples[i].ns ? look_up_one(conn, &d->samples[i], &err) : 2;
        rc = one < 0 ? -1 : 0;
        looked += one == 0 || one == 1;
        same += one == 1;
    }
    sb_conn_close(conn);
    json_t *out = rc ? json_pack("{s:s}", "blind", err.msg)
                     : json_pack("{s:O,s:I,s:{s:I,s:I}}", "differences", c.list, "differences_found", (json_int_t)c.n, "sample", "looked_up", (json_int_t)looked, "same", (json_int_t)same);
    json_decref(c.list);
    return out;
}

/* ---- the operator's own ---- */

static int64_t count(struct drill *d, const char *ns, const json_t *filter, struct sb_err *err)
{
    bson_t reply;
    bson_iter_t it;
    int64_t n = -1;
    char *query = json_dumps(filter, JSON_COMPACT);
    struct sb_str text;
    sb_str_init(&text);
    const char *dot = strchr(ns, '.');
    sb_str_adds(&text, "{\"count\":");
    int rc = sb_json_string(&text, dot + 1, strlen(dot + 1), err);
    sb_str_addf(&text, ",\"query\":%s}", query ? query : "{}");
    char *db = sb_strdup_n(ns, (size_t)(dot - ns));
    if (rc == 0 && query && db && sb_str_ok(&text) && sb_read_json(d->conn, db, text.p, &reply, err) == 0) {
        n = bson_iter_init_find(&it, &reply, "n") ? bson_iter_as_int64(&it) : -1;
        bson_destroy(&reply);
        if (n < 0)
            sb_fail(err, SB_ESERVER, "count of %s gave no number", ns);
    }
    free(query);
    free(db);
    sb_str_release(&text);
    return n;
}

static int check_one(struct drill *d, const json_t *check, bool sentinel, struct sb_err *err)
{
    static const char *const known[] = {"name", "ns", "filter", "at_least", "at_most"};
    const char *ns = sb_json_str(check, "ns"), *dot = ns ? strchr(ns, '.') : NULL, *name = sb_json_str(check, "name");
    const json_t *filter = json_object_get(check, "filter"), *most = json_object_get(check, "at_most");
    const char *key;
    json_t *value;
    if (!dot || !dot[1] || dot == ns || !json_is_object(filter))
        return sb_fail(err, SB_EINPUT, "a check of the checks' file wants \"ns\" (database.collection) and \"filter\" (an object)");
    json_object_foreach((json_t *)(uintptr_t)check, key, value) {
        bool fine = false;
        for (size_t i = 0; i < SB_COUNT(known) - (sentinel ? 2 : 0); i++)
            fine |= strcmp(key, known[i]) == 0;
        if (!fine)
            return sb_fail(err, SB_EINPUT, "\"%s\" is no member of a check of the checks' file", key);
    }
    int64_t least = sentinel || !json_object_get(check, "at_least") ? 1 : sb_json_int(check, "at_least"), n = count(d, ns, filter, err);
    if (n < 0)
        return -1;
    bool ok = n >= least && (!most || n <= json_integer_value(most));
    json_array_append_new(d->checked, json_pack("{s:s,s:s?,s:s,s:I,s:b}", "kind", sentinel ? "sentinel" : "query", "name", name, "ns", ns, "documents", (json_int_t)n, "ok", ok));
    return ok ? 0 : sb_fail(err, SB_ENO, "%s %s of %s finds %" PRId64 " documents", sentinel ? "the sentinel" : "the query", name ? name : "", ns, n);
}

static int check_list(struct drill *d, const char *key, bool sentinel, struct sb_err *err)
{
    const json_t *list = json_object_get(d->o->checks, key), *check;
    size_t i;
    if (list && (!json_is_array(list) || json_array_size(list) > CHECKS_MAX))
        return sb_fail(err, SB_EINPUT, "\"%s\" of the checks' file is no list of at most %d", key, CHECKS_MAX);
    json_array_foreach(list, i, check)
        if (check_one(d, check, sentinel, err))
            return -1;
    return 0;
}

/* How it ended and how long it took is in the report; of what it says only the last line, where it failed. */
static int judge_health(struct drill *d, const char *program, int64_t within_s, struct sb_told *told, struct sb_err *err)
{
    char line[240] = "";
    sb_drill_make_harmless(d, &told->output);
    sb_drill_last_line(&told->output, line, sizeof line);
    bool ok = !told->late && told->status == 0;
    json_array_append_new(d->checked, json_pack("{s:s,s:s,s:i,s:b,s:I,s:b}", "kind", "health", "name", program, "exit", told->status, "late", told->late, "took_ms", (json_int_t)told->ms, "ok", ok));
    if (told->late)
        return sb_fail(err, SB_ENO, "the health command %s took longer than %" PRId64 " s and was ended", program, within_s);
    return ok ? 0 : sb_fail(err, SB_ENO, "the health command %s ended with %d%s%s", program, told->status, line[0] ? ": " : "", line);
}

static int run_health(struct drill *d, struct sb_err *err)
{
    const json_t *list = json_object_get(d->o->checks, "health"), *within = json_object_get(d->o->checks, "health_within_s"), *word;
    const char *argv[32] = {NULL};
    int64_t within_s = within ? json_integer_value(within) : HEALTH_S;
    size_t i;
    if (within && (!json_is_integer(within) || within_s < 1 || within_s > HEALTH_MAX_S))
        return sb_fail(err, SB_EINPUT, "\"health_within_s\" of the checks' file is no number of seconds from 1 to %d", HEALTH_MAX_S);
    if (!list)
        return 0;
    if (!json_is_array(list) || !json_array_size(list) || json_array_size(list) >= SB_COUNT(argv))
        return sb_fail(err, SB_EINPUT, "\"health\" of the checks' file is no list of a program and its arguments");
    json_array_foreach(list, i, word)
        if (!(argv[i] = json_string_value(word)))
            return sb_fail(err, SB_EINPUT, "\"health\" of the checks' file holds something else than texts");
    if (!d->uri.len && sb_uri_from_file(d->o->target_file, &d->uri, err)) /* its password is not repeated */
        return -1;
    char *also = sb_format("SIGNALBOX_DRILL_URI_FILE=%s", d->o->target_file);
    struct sb_told told = {.status = -1, .also = also};
    sb_str_init(&told.output);
    int rc = also ? sb_process_tell(argv, "", 0, HEALTH_SAID_MAX, (int)(within_s * 1000), NULL, &told, err) : sb_fail_nomem(err);
    if (rc == 0)
        rc = judge_health(d, argv[0], within_s, &told, err);
    sb_str_release(&told.output);
    free(also);
    return rc;
}

int sb_drill_checks(struct drill *d, struct sb_err *err)
{
    return check_list(d, "sentinels", true, err) || check_list(d, "queries", false, err) || run_health(d, err) ? -1 : 0;
}

/* ---- the digest ---- */

int sb_drill_digest(const struct drill *d, char hex[SB_HEX_LEN + 1], struct sb_err *err)
{
    struct sb_str text;
    struct sb_hash hash;
    sb_str_init(&text);
    for (size_t i = 0; i < d->data.items[0].collections_n; i++) {
        const struct sb_backup_collection *c = &d->data.items[0].collections[i];
        sb_str_addf(&text, "%s\n%" PRIu64 " %" PRIu64 " %016" PRIx64 "%016" PRIx64 "%016" PRIx64 "%016" PRIx64 "\n", c->ns, c->documents, c->bytes, c->sum[3], c->sum[2], c->sum[1], c->sum[0]);
    }
    int rc = sb_str_ok(&text) ? sb_hash_bytes(&hash, text.p, text.len, err) : sb_fail_nomem(err);
    if (rc == 0)
        sb_hex_encode(hex, hash.bytes, SB_HASH_LEN);
    sb_str_release(&text);
    return rc;
}

static int same_as(struct drill *d, const struct sb_entry *e, const char *taken, const char *digest, struct sb_err *err)
{
    const json_t *backup = json_object_get(e->body, "backup");
    const char *before = sb_json_str(e->body, "digest");
    if (!json_is_true(json_object_get(e->body, "ok")) || !before || !sb_streq(sb_json_str(backup, "path"), d->o->path) || !sb_streq(sb_json_str(backup, "taken_at"), taken) ||
        strcmp(before, digest) == 0)
        return 0;
    return sb_fail(err, SB_ENO, "the backup is not what it was when drill %s passed: its content was altered since, and by its time it is the same", sb_json_str(e->body, "drill"));
}

int sb_drill_as_before(struct drill *d, struct sb_err *err)
{
    int64_t *seqs = NULL;
    size_t n = 0;
    char digest[SB_HEX_LEN + 1], taken[SB_TIME_LEN + 1];
    sb_time_format(taken, d->plan.items[0].taken_at_ms);
    int rc = sb_drill_digest(d, digest, err) || sb_ledger_seqs_of(d->ledger, 1, sb_ledger_head(d->ledger), SB_ENTRY_DRILL, &seqs, &n, err) ? -1 : 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct sb_entry e;
        if ((rc = sb_ledger_entry(d->ledger, seqs[i], &e, err)))
            break;
        rc = e.kind == SB_ENTRY_DRILL ? same_as(d, &e, taken, digest, err) : 0;
        sb_entry_release(&e);
    }
    free(seqs);
    return rc;
}
