/* SPDX-License-Identifier: Apache-2.0
 *
 * Which deployment a drill may write to, and how it leaves it. */
#include "drill.h"

#include <signalbox/agents/disk.h>
#include <signalbox/base/json.h>

#include <inttypes.h>
#include <string.h>

#define ROUNDS_MAX 100000

/* ---- is it one that is watched? ---- */

/* A simulator's incarnation stands behind its set's id; two runs of one set are still the same set for us here. */
static bool same_deployment(const char *a, const char *b)
{
    size_t n = strcspn(a, "/"), m = strcspn(b, "/");
    return strcmp(a, b) == 0 || ((sb_starts_with(a, "rs:") || sb_starts_with(a, "cluster:")) && a[n] == '\0' && n == m && strncmp(a, b, n) == 0);
}

static int not_watched(const struct drill *d, struct sb_err *err)
{
    const struct sb_drill_watched *w = d->o->watched;
    for (size_t i = 0; i < w->ids_n; i++)
        if (same_deployment(d->facts.id, w->ids[i]))
            return sb_fail(err, SB_EPOLICY, "the target is the deployment %s (%s), which is watched: nothing is ever restored into such a one", w->names[i], d->facts.id);
    if (d->o->source) {
        struct sb_deployment_facts source;
        struct sb_conn *c = sb_conn_to_primary(d->o->source, SB_LANE_CONTROL, err);
        int rc = c ? sb_deployment_identify(c, &source, err) : -1;
        if (rc == 0) {
            if (same_deployment(d->facts.id, source.id))
                rc = sb_fail(err, SB_EPOLICY, "the target and the source are the same deployment (%s)", source.id);
            sb_deployment_facts_release(&source);
        }
        sb_conn_close(c);
        return rc;
    }
    return 0;
}

/* ---- a drill that was killed ---- */

struct finding {
    const char *drill, *nonce;
    bool found, by_operator;
};

static int find_begun(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct finding *f = ctx;
    (void)bytes, (void)n, (void)err;
    if (e->kind != SB_ENTRY_DRILL || !sb_streq(sb_json_str(e->body, "event"), "began") || !sb_streq(sb_json_str(e->body, "drill"), f->drill) ||
        !sb_streq(sb_json_str(e->body, "nonce"), f->nonce))
        return 0;
    f->found = true;
    f->by_operator = json_is_true(json_object_get(e->body, "marked_by_operator"));
    return 1;
}

/* What an earlier drill left goes, when the ledger knows that drill. */
static int clear_leftover(struct drill *d, struct sb_scratch_seen *seen, struct sb_err *err)
{
    struct finding f = {.drill = seen->drill, .nonce = seen->nonce};
    if (sb_ledger_range(d->ledger, 1, 0, find_begun, &f, err))
        return -1;
    if (!f.found)
        return sb_fail(err, SB_EPOLICY, "the target carries the mark of a drill (%s) that is none of this ledger's: it may be going on. Remove it from " SB_SCRATCH_DB "." SB_SCRATCH_COLL
                                        " there if it is not", seen->drill);
    if (f.by_operator && !seen->by_operator)
        return sb_fail(err, SB_EPOLICY, "drill %s was begun on a target with the operator's mark, and the mark is gone: nothing is cleared away", seen->drill);
    char ours[33];
    snprintf(ours, sizeof ours, "%s", d->nonce);
    snprintf(d->nonce, sizeof d->nonce, "%s", seen->nonce);
    d->by_operator = f.by_operator;
    d->door = sb_scratch_open(d->o->target, d->facts.id, d->nonce, d->by_operator, err);
    d->marked = d->door != NULL;
    int rc = d->door ? sb_drill_clear(d, err) : -1;
    sb_scratch_close(d->door);
    d->door = NULL;
    d->marked = false;
    snprintf(d->nonce, sizeof d->nonce, "%s", ours);
    if (rc)
        sb_err_prefix(err, "what drill %s left on the target could not be cleared away", seen->drill);
    return rc;
}

/* ---- the guard ---- */

static int must_be_scratch(const struct sb_scratch_seen *seen, struct sb_err *err)
{
    if (seen->by_operator || seen->held_all == 0)
        return 0;
    return sb_fail(err, SB_EPOLICY, "the target is not empty: it holds %s%s. Where all in it may go, say so by hand: insert {_id: \"scratch\"} into " SB_SCRATCH_DB "." SB_SCRATCH_COLL " there",
                   seen->held_n ? seen->held[0] : "something", seen->held_all > 1 ? " and more" : "");
}

/* By the backup's files: what they hold may take less there, or more, which shows then. What an operator's mark lets go makes room. */
static int must_have_room(struct drill *d, struct sb_err *err)
{
    int64_t total;
    uint64_t need = d->plan.items[0].bytes;
    if (sb_disk_read(d->conn, &total, &d->room, NULL)) {
        d->room = 0;
        return 0;
    }
    return !d->by_operator && (uint64_t)d->room < need
               ? sb_fail(err, SB_EPOLICY, "the target's disk has %" PRId64 " bytes free, and the backup's files are of %" PRIu64, d->room, need)
               : 0;
}

int sb_drill_guard(struct drill *d, struct sb_err *err)
{
    struct sb_scratch_seen seen = {.by_operator = false};
    if (sb_server_read_only(d->o->target))
        return sb_fail(err, SB_EPOLICY, "the target was opened for reading only");
    d->conn = sb_conn_to_primary(d->o->target, SB_LANE_BULK, err);
    if (!d->conn || sb_deployment_identify(d->conn, &d->facts, err) || not_watched(d, err))
        return -1;
    if (d->facts.hello.is_mongos)
        return sb_fail(err, SB_EPOLICY, "%s is a mongos: a drill restores into a replica set or a single server, never into a sharded cluster", sb_conn_name(d->conn));
    int rc = sb_scratch_look(d->conn, &seen, err);
    if (rc == 0 && seen.by_drill) {
        rc = clear_leftover(d, &seen, err);
        sb_scratch_seen_release(&seen);
        if (rc == 0)
            rc = sb_scratch_look(d->conn, &seen, err);
    }
    if (rc == 0)
        rc = must_be_scratch(&seen, err);
    d->by_operator = seen.by_operator;
    sb_scratch_seen_release(&seen);
    return rc ? rc : must_have_room(d, err);
}

int sb_drill_mark(struct drill *d, struct sb_err *err)
{
    char *text = sb_format("{\"insert\":\"" SB_SCRATCH_COLL "\",\"$db\":\"" SB_SCRATCH_DB "\",\"documents\":[{\"_id\":\"drill\",\"drill\":\"%s\",\"nonce\":\"%s\"}]}", d->id, d->nonce);
    d->door = text ? sb_scratch_open(d->o->target, d->facts.id, d->nonce, d->by_operator, err) : NULL;
    int rc = !text ? sb_fail_nomem(err) : d->door ? sb_drill_write(d, &(struct sb_restore_step){.command = text}, err) : -1;
    d->marked = rc == 0;
    free(text);
    return rc;
}

/* ---- clearing away ---- */

static int drop(struct drill *d, const char *ns, struct sb_err *err)
{
    struct sb_str text;
    const char *coll = strchr(ns, '.');
    sb_str_init(&text);
    sb_str_adds(&text, "{\"drop\":");
    int rc = sb_json_string(&text, coll + 1, strlen(coll + 1), err);
    sb_str_adds(&text, ",\"$db\":");
    if (rc == 0)
        rc = sb_json_string(&text, ns, (size_t)(coll - ns), err);
    sb_str_addc(&text, '}');
    if (rc == 0)
        rc = sb_str_ok(&text) ? sb_drill_write(d, &(struct sb_restore_step){.command = text.p, .forgive = 26}, err) : sb_fail_nomem(err);
    sb_str_release(&text);
    return rc;
}

/* It was empty when the drill began: all that is there is the drill's. */
static int drop_all(struct drill *d, struct sb_err *err)
{
    struct sb_scratch_seen seen;
    int rc = 0;
    for (int round = 0; rc == 0 && round < ROUNDS_MAX; round++) {
        rc = sb_scratch_look(d->conn, &seen, err);
        bool none = rc == 0 && seen.held_all == 0;
        for (size_t i = 0; rc == 0 && i < seen.held_n; i++)
            rc = drop(d, seen.held[i], err);
        sb_scratch_seen_release(&seen);
        if (none)
            break;
    }
    return rc;
}

int sb_drill_clear(struct drill *d, struct sb_err *err)
{
    d->undo = true;
    int rc = d->by_operator ? d->restore ? sb_restore_drop(d->restore, err) : 0 : drop_all(d, err);
    if (rc == 0 && d->by_operator)
        rc = sb_drill_write(d, &(struct sb_restore_step){.command = "{\"delete\":\"" SB_SCRATCH_COLL "\",\"$db\":\"" SB_SCRATCH_DB "\",\"deletes\":[{\"q\":{\"_id\":\"drill\"},\"limit\":1}]}"}, err);
    else if (rc == 0)
        rc = drop(d, SB_SCRATCH_DB "." SB_SCRATCH_COLL, err);
    d->undo = false;
    if (rc == 0)
        d->marked = false;
    return rc;
}

/* ---- what it counts for ---- */

const char *sb_drill_cap(const struct drill *d, const char **code)
{
    const char *of = d->plan.n ? d->plan.items[0].server_version : NULL;
    size_t n = of ? strcspn(of, ".") : 0;
    n += of && of[n] ? 1 + strcspn(of + n + 1, ".") : 0;
    if (d->facts.simulated)
        return *code = "simulated", "the target is simulated: that counts for a simulated deployment only";
    if (!d->facts.mongod)
        return *code = "no_mongod", "the target is no mongod, so that it proves nothing about one";
    if (!of)
        return *code = "version_unknown", "the backup does not say which version of MongoDB it is of";
    if (strncmp(of, d->facts.version, n) != 0 || (d->facts.version[n] != '.' && d->facts.version[n] != '\0'))
        return *code = "version", "the target is of another version of MongoDB than the backup";
    return *code = NULL, NULL;
}
