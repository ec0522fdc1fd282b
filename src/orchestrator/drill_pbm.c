/* SPDX-License-Identifier: Apache-2.0
 *
 * A restore by Percona Backup for MongoDB: the operator's own pbm is asked, and the pbm-agents of the target restore. The calls are in
 * drill.h. pbm cannot be told to end a restore: where it is not seen to its end, the target is left as it is, and said to be. */
#include "drill.h"

#include <signalbox/base/hook.h>
#include <signalbox/base/json.h>
#include <signalbox/base/process.h>

#include <bson/bson.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

#define ANSWER_MAX ((size_t)8 << 20)
#define CALL_S 60
#define LOOK_MS 1000
#define NODES_MAX 50
#define URI_VARIABLE "PBM_MONGODB_URI="

/* ---- which backups ---- */

int sb_drill_pbm_fits(const struct drill *d, struct sb_err *err)
{
    const struct sb_backup *b = &d->plan.items[0];
    if (b->kind != SB_BACKUP_PBM)
        return sb_fail(err, SB_EINPUT, "a backup of the kind %s is none of pbm's: drill it without --pbm", sb_backup_kind_name(b->kind));
    if (!sb_streq(b->type, "logical"))
        return sb_fail(err, SB_EINPUT, "the backup is %s: to restore it pbm ends every mongod of the target and replaces its files, so that neither its identity nor its marks can be read "
                                       "meanwhile, and nothing be cleared away afterwards. Only logical ones are drilled", b->type ? b->type : "of no type");
    if (b->sets != 1)
        return sb_fail(err, SB_EINPUT, "the backup is of %zu replica sets: a drill restores into one, never into a sharded cluster", b->sets);
    if (!b->collections_n)
        return sb_fail(err, SB_EINPUT, "the backup does not list its collections beside its data, as before pbm 2.0: what was restored could not be compared");
    if (d->o->until)
        return sb_fail(err, SB_EINPUT, "--until is not for pbm: its backup is restored to its own time");
    return 0;
}

/* ---- what its oplog changes, which pbm applies in the same go ---- */

static int add(char ***list, size_t *n, const char *ns, struct sb_err *err)
{
    return sb_strs_has(*list, *n, ns) || sb_strs_push(list, n, ns) == 0 ? 0 : sb_fail_nomem(err);
}

/* A command: create, drop, createIndexes and their kind name the collection first. */
static int take_command(struct drill *d, const char *ns, const bson_iter_t *o, struct sb_err *err)
{
    bson_iter_t in;
    if (!bson_iter_recurse(o, &in) || !bson_iter_next(&in) || !BSON_ITER_HOLDS_UTF8(&in) || strcmp(bson_iter_key(&in), "renameCollection") == 0)
        return sb_fail(err, SB_EINPUT, "the oplog of the backup holds %s of %s, after which what was restored cannot be compared", bson_iter_key(&in) ? bson_iter_key(&in) : "something", ns);
    char *whole = sb_format("%.*s.%s", (int)strcspn(ns, "."), ns, bson_iter_utf8(&in, NULL));
    int rc = !whole ? sb_fail_nomem(err) : add(&d->changed, &d->changed_n, whole, err) || add(&d->altered, &d->altered_n, whole, err) ? -1 : 0;
    free(whole);
    return rc;
}

static int take_operation(struct drill *d, const bson_t *doc, struct sb_err *err)
{
    bson_iter_t it, in, inner;
    const char *op = bson_iter_init_find(&it, doc, "op") && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "";
    const char *ns = bson_iter_init_find(&it, doc, "ns") && BSON_ITER_HOLDS_UTF8(&it) ? bson_iter_utf8(&it, NULL) : "";
    if (strcmp(op, "n") == 0)
        return 0;
    if (strcmp(op, "c") != 0)
        return add(&d->changed, &d->changed_n, ns, err);
    if (!bson_iter_init_find(&it, doc, "o") || !BSON_ITER_HOLDS_DOCUMENT(&it))
        return sb_fail(err, SB_EINPUT, "the oplog of the backup holds a command without one");
    if (!bson_iter_recurse(&it, &in) || !bson_iter_find(&in, "applyOps"))
        return bson_iter_recurse(&it, &in) && bson_iter_next(&in) && (strcmp(bson_iter_key(&in), "commitTransaction") == 0 || strcmp(bson_iter_key(&in), "abortTransaction") == 0) ? 0 : take_command(d, ns, &it, err);
    if (!BSON_ITER_HOLDS_ARRAY(&in) || !bson_iter_recurse(&in, &inner))
        return sb_fail(err, SB_EINPUT, "the oplog of the backup holds an applyOps that is no list");
    while (bson_iter_next(&inner)) {
        const uint8_t *p;
        uint32_t n;
        bson_t one;
        bson_iter_t kind;
        if (!BSON_ITER_HOLDS_DOCUMENT(&inner))
            continue;
        bson_iter_document(&inner, &n, &p);
        if (!bson_init_static(&one, p, n))
            continue;
        if (bson_iter_init_find(&kind, &one, "op") && BSON_ITER_HOLDS_UTF8(&kind) && strcmp(bson_iter_utf8(&kind, NULL), "c") == 0 && bson_has_field(&one, "o.applyOps"))
            return sb_fail(err, SB_EINPUT, "the oplog of the backup holds an applyOps within another");
        if (take_operation(d, &one, err))
            return -1;
    }
    return 0;
}

int sb_drill_pbm_entry(struct drill *d, const unsigned char *p, size_t n, struct sb_err *err)
{
    bson_t doc;
    bson_iter_t it;
    uint32_t t = 0, i = 0;
    if (!bson_init_static(&doc, p, n))
        return 0; /* the reader told it */
    if (bson_iter_init_find(&it, &doc, "ts") && BSON_ITER_HOLDS_TIMESTAMP(&it))
        bson_iter_timestamp(&it, &t, &i);
    return (int64_t)t > d->plan.items[0].taken_at_ms / 1000 ? 0 : take_operation(d, &doc, err); /* a later one is of the slices behind the backup */
}

/* ---- the calls ---- */

/* What it says as JSON, the caller's. keep: it is in the report. */
static int call(struct drill *d, const char *const argv[], bool keep, json_t **out, struct sb_err *err)
{
    struct sb_told told = {.mark = d->place.dir, .also = d->pbm_uri.p, .status = -1};
    char line[240];
    sb_str_init(&told.output);
    *out = NULL;
    int rc = sb_process_tell(argv, "", 0, ANSWER_MAX, CALL_S * 1000, NULL, &told, err);
    sb_drill_make_harmless(d, &told.output);
    const char *from = told.output.len ? memchr(told.output.p, '{', told.output.len) : NULL; /* warnings may stand before it */
    json_t *said = from ? json_loadb(from, told.output.len - (size_t)(from - told.output.p), JSON_DISABLE_EOF_CHECK, NULL) : NULL;
    const char *fault = sb_json_str(said, "Error") ? sb_json_str(said, "Error") : sb_json_str(said, "error");
    sb_drill_last_line(&told.output, line, sizeof line);
    if (rc == 0 && keep)
        rc = sb_drill_keep_run(d, argv, &told, err);
    if (rc == 0 && told.late)
        rc = sb_fail(err, SB_EIO, "%s %s gave no answer within %d s", argv[0], argv[1], CALL_S);
    else if (rc == 0 && told.status != 0)
        rc = sb_fail(err, SB_ENO, "%s %s ended with %d: %.300s", argv[0], argv[1], told.status, fault ? fault : line[0] ? line : "it said nothing");
    else if (rc == 0 && !json_is_object(said))
        rc = sb_fail(err, SB_EIO, "%s %s answers with something else than a JSON object", argv[0], argv[1]);
    sb_str_release(&told.output);
    if (rc == 0)
        *out = json_incref(said);
    json_decref(said);
    return rc;
}

/* The target's set alone, with an agent at each member that keeps data, nothing going on, and no slices of its oplog being written into
 * the store that it reads from. */
static int ready(const struct drill *d, const json_t *status, struct sb_err *err)
{
    const json_t *sets = json_object_get(status, "cluster"), *set = json_array_get(sets, 0), *nodes = json_object_get(set, "nodes"), *pitr = json_object_get(status, "pitr"), *node;
    const char *running = sb_json_str(json_object_get(status, "running"), "type"), *name = sb_json_str(set, "rs");
    size_t i, agents = 0;
    if (json_array_size(sets) != 1 || !sb_streq(name, d->facts.hello.set_name))
        return sb_fail(err, SB_EPOLICY, "pbm knows the target as %zu replica sets, the first of which is %s, and it is the set %s", json_array_size(sets), name ? name : "none", d->facts.hello.set_name);
    json_array_foreach(nodes, i, node) {
        const char *role = sb_json_str(node, "role"), *host = sb_json_str(node, "host"), *why = json_string_value(json_array_get(json_object_get(node, "errors"), 0));
        if (i == NODES_MAX || sb_streq(role, "A") || sb_streq(role, "arbiter"))
            continue;
        if (!json_is_true(json_object_get(node, "ok")))
            return sb_fail(err, SB_ENO, "the pbm-agent of %s is not well%s%s", host ? host : "?", why ? ": " : "", why ? why : "");
        agents++;
    }
    if (!agents)
        return sb_fail(err, SB_ENO, "pbm knows no agent at the target");
    if (running && running[0])
        return sb_fail(err, SB_EPOLICY, "pbm is busy at the target: a %s is going on there", running);
    if (json_is_true(json_object_get(pitr, "conf")) || json_is_true(json_object_get(pitr, "run")))
        return sb_fail(err, SB_EPOLICY, "point-in-time recovery is on at the target: its agents would write slices of its oplog into the store. Turn it off there (pbm config --set pitr.enabled=false)");
    return 0;
}

static int listed(const struct drill *d, const json_t *list, struct sb_err *err)
{
    const json_t *one;
    size_t i;
    json_array_foreach(json_object_get(list, "snapshots"), i, one) {
        const char *status = sb_json_str(one, "status"), *type = sb_json_str(one, "type");
        if (!sb_streq(sb_json_str(one, "name"), d->plan.items[0].name))
            continue;
        if (!sb_streq(status, "done") || (type && strcmp(type, "logical") != 0))
            return sb_fail(err, SB_ENO, "pbm calls the backup %s %s and %s", d->plan.items[0].name, type ? type : "of no type", status ? status : "of no state");
        return 0;
    }
    return sb_fail(err, SB_ENO, "pbm does not list the backup %s at the target: is its storage this store, and was it resynchronised (pbm config --force-resync)?", d->plan.items[0].name);
}

int sb_drill_pbm_begin(struct drill *d, struct sb_err *err)
{
    const char *const status[] = {d->o->pbm, "status", "--out=json", NULL}, *const list[] = {d->o->pbm, "list", "--out=json", NULL};
    json_t *said;
    if (!d->facts.hello.set_name[0])
        return sb_fail(err, SB_EPOLICY, "the target is a single server, and pbm restores into a replica set");
    if (sb_drill_program_begin(d, "version", err))
        return -1;
    sb_str_addf(&d->pbm_uri, URI_VARIABLE "%s", d->uri.p);
    if (!sb_str_ok(&d->pbm_uri))
        return sb_fail_nomem(err);
    int rc = call(d, status, true, &said, err) || ready(d, said, err) ? -1 : 0;
    json_decref(said);
    if (rc)
        return -1;
    rc = call(d, list, true, &said, err) || listed(d, said, err) ? -1 : 0;
    json_decref(said);
    return rc;
}

/* ---- the restore ---- */

/* 1: it goes on; 0: it is done; -1: it failed, or nobody knows (d->going). */
static int look(struct drill *d, const char *name, int64_t *answered, struct sb_err *err)
{
    const char *const argv[] = {d->o->pbm, "describe-restore", name, "--out=json", NULL};
    struct sb_err why = SB_ERR_INIT;
    json_t *said = NULL;
    if (call(d, argv, false, &said, &why)) { /* at first it may not know of it yet */
        if (sb_mono_ms() - *answered < CALL_S * 1000)
            return 1;
        *err = why;
        return -1;
    }
    *answered = sb_mono_ms();
    const char *status = sb_json_str(said, "status"), *fault = sb_json_str(said, "error");
    int rc = 1;
    if (sb_streq(status, "done") || sb_streq(status, "error") || sb_streq(status, "partlyDone") || sb_streq(status, "canceled")) {
        d->going = false;
        rc = sb_streq(status, "done") ? 0 : sb_fail(err, SB_ENO, "pbm's restore %s ended as %s%s%.300s", name, status, fault ? ": " : "", fault ? fault : "");
    }
    json_decref(said);
    return rc;
}

static int see_to_its_end(struct drill *d, const char *name, int64_t from, struct sb_err *err)
{
    int64_t limit_s = d->o->limit_s ? d->o->limit_s : SB_DRILL_RESTORER_S, answered = sb_mono_ms();
    for (;;) {
        int rc = look(d, name, &answered, err);
        if (rc <= 0)
            return rc;
        if (sb_scratch_still(d->door, err))
            return -1;
        if (sb_mono_ms() - from > limit_s * 1000)
            return sb_fail(err, SB_EIO, "pbm's restore %s took longer than %" PRId64 " s, and cannot be ended by anybody", name, limit_s);
        poll(NULL, 0, LOOK_MS);
    }
}

static int restore(struct drill *d, const char *const argv[], struct sb_err *err)
{
    int64_t from = sb_mono_ms();
    json_t *said = NULL;
    int rc = call(d, argv, true, &said, err);
    d->going = rc == 0 || err->code == SB_EIO; /* it may have begun without saying so */
    const char *name = sb_json_str(said, "name");
    if (rc == 0 && (!name || !name[0]))
        rc = sb_fail(err, SB_ENO, "%s restore does not say what its restore is called", argv[0]);
    if (rc == 0)
        rc = see_to_its_end(d, name, from, err);
    json_decref(said);
    d->restorer_ms = sb_mono_ms() - from;
    return rc;
}

int sb_drill_pbm_data(struct drill *d, struct sb_err *err)
{
    const struct sb_backup *b = &d->plan.items[0];
    struct sb_write_result result = {.outcome = SB_OUTCOME_OK};
    struct sb_permit permit;
    struct sb_err why = SB_ERR_INIT;
    if (d->data.items[0].no_codec)
        return sb_fail(err, SB_EINPUT, "the store is packed with %s, which cannot be unpacked here: what was restored could not be compared", b->packing ? b->packing : "something");
    char *map = sb_streq(b->set, d->facts.hello.set_name) ? NULL : sb_format("--replset-remapping=%s=%s", d->facts.hello.set_name, b->set);
    const char *const argv[] = {d->o->pbm, "restore", b->name, "--out=json", map, NULL};
    char *text = sb_drill_program_text(argv);
    int rc = text ? sb_drill_intend(d, text, &permit, err) : sb_fail_nomem(err);
    if (rc == 0) {
        sb_hook("drill.send.before");
        rc = sb_scratch_hand_over(d->door, &permit, text, err) || restore(d, argv, err) ? -1 : 0;
        sb_hook("drill.send.after");
        if (rc) {
            result.outcome = d->going ? SB_OUTCOME_UNKNOWN : SB_OUTCOME_FAILED;
            snprintf(result.message, sizeof result.message, "%s", err->msg);
        }
        result.millis = d->restorer_ms;
        if (sb_drill_came_of(d, d->steps, &result, rc ? &why : err))
            rc = -1;
    }
    if (rc == 0 && !d->by_operator)
        rc = sb_drill_nothing_else(d, err);
    free(text);
    free(map);
    return rc;
}
