/* SPDX-License-Identifier: Apache-2.0 */
#include "drill.h"

#include <signalbox/base/file.h>
#include <signalbox/base/hook.h>
#include <signalbox/base/json.h>

#include <inttypes.h>
#include <string.h>

/* ---- the record ---- */

static json_t *words(const char *text)
{
    return text ? sb_json_of_bytes(text, strlen(text)) : json_null();
}

static void fill(struct drill *d, struct sb_entry *e)
{
    e->actor.principal = (char *)(uintptr_t)d->o->by;
    e->plan.deployment = (char *)(uintptr_t)d->o->deployment;
    e->plan.simulated = d->facts.simulated;
}

/* Takes the body. */
static int record(struct drill *d, int kind, json_t *body, struct sb_err *err)
{
    struct sb_entry e = {.kind = kind, .body = body};
    fill(d, &e);
    int rc = body ? sb_ledger_append(d->ledger, &e, err) : sb_fail_nomem(err);
    json_decref(body);
    return rc;
}

static const char *outcome_name(enum sb_outcome outcome)
{
    return outcome == SB_OUTCOME_OK ? "ok" : outcome == SB_OUTCOME_FAILED ? "failed" : "unknown";
}

int sb_drill_intend(struct drill *d, const char *text, struct sb_permit *permit, struct sb_err *err)
{
    struct sb_entry e = {.kind = SB_ENTRY_STEP_INTENT, .body = json_pack("{s:I,s:i,s:b,s:s}", "step", (json_int_t)++d->steps, "try", 1, "undo", d->undo, "drill", d->id)};
    fill(d, &e);
    sb_hook("drill.intent.before");
    int rc = e.body ? sb_ledger_intent(d->ledger, &e, text, d->facts.id, NULL, permit, err) : sb_fail_nomem(err);
    json_decref(e.body);
    return rc;
}

int sb_drill_came_of(struct drill *d, int64_t step, const struct sb_write_result *result, struct sb_err *err)
{
    return record(d, SB_ENTRY_STEP_RESULT, json_pack("{s:I,s:i,s:b,s:s,s:I,s:o,s:I}", "step", (json_int_t)step, "try", 1, "undo", d->undo, "outcome", outcome_name(result->outcome), "code",
                                                     (json_int_t)result->code, "message", words(result->message[0] ? result->message : NULL), "millis", (json_int_t)result->millis), err);
}

int sb_drill_write(struct drill *d, const struct sb_restore_step *step, struct sb_err *err)
{
    struct sb_write_result result;
    struct sb_permit permit;
    if (sb_drill_land(d, err) || sb_drill_intend(d, step->command, &permit, err))
        return -1;
    sb_hook("drill.send.before");
    sb_scratch_write(d->door, &permit, step->command, NULL, &result);
    sb_hook("drill.send.after");
    bool fine = result.outcome == SB_OUTCOME_OK || (result.outcome == SB_OUTCOME_FAILED && step->forgive && result.code == step->forgive);
    int rc = sb_drill_came_of(d, d->steps, &result, err);
    if (rc == 0 && !fine)
        rc = sb_fail(err, result.outcome == SB_OUTCOME_UNKNOWN ? SB_ESERVER : SB_ECOMMAND, "%s", result.message);
    sb_write_result_release(&result);
    return rc;
}

/* Where another program restores, the steps are gone through all the same: they say what there has to be then. */
static int write_step(void *ctx, const struct sb_restore_step *step, struct sb_err *err)
{
    struct drill *d = ctx;
    return d->rehearsal ? 0 : step->docs ? sb_drill_fly(d, step, err) : sb_drill_write(d, step, err);
}

/* ---- drills that were killed ---- */

struct abandoned {
    struct drill *d;
    char id[16];
    bool open;
};

static int find_open(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct abandoned *a = ctx;
    (void)bytes, (void)n, (void)err;
    if (e->kind == SB_ENTRY_DRILL) {
        a->open = sb_streq(sb_json_str(e->body, "event"), "began");
        snprintf(a->id, sizeof a->id, "%s", sb_json_str(e->body, "drill") ? sb_json_str(e->body, "drill") : "");
    }
    return 0;
}

/* Drills come one after the other: only the last one can be open, and whoever made it is gone, or we had not got the lock. */
static int end_abandoned(struct drill *d, struct sb_err *err)
{
    struct abandoned a = {.d = d};
    if (sb_ledger_range(d->ledger, 1, 0, find_open, &a, err))
        return -1;
    return a.open ? record(d, SB_ENTRY_DRILL, json_pack("{s:s,s:s,s:b,s:s,s:s,s:s}", "event", "ended", "drill", a.id, "ok", false, "stage", "killed", "cause",
                                                        "its process ended before it did", "about", "failed: its process ended before it did"), err)
                  : 0;
}

/* ---- the looks at the backup ---- */

static void told(void *ctx, uint64_t bytes)
{
    struct drill *d = ctx;
    if (d->o->read)
        d->o->read(d->o->ctx, bytes);
}

static int look(struct drill *d, struct sb_backups *list, const struct sb_backup_options *options, struct sb_err *err)
{
    if (sb_backups_check(list, d->o->path, options, err))
        return -1;
    const struct sb_backup *b = list->n ? &list->items[0] : NULL;
    if (list->n != 1)
        return sb_fail(err, SB_EINPUT, "%s holds %zu backups: a drill restores one (of a store name its file NAME.pbm.json)", d->o->path, list->n);
    if (d->fault.code != SB_OK) {
        *err = d->fault;
        return -1;
    }
    if (b->problems.n)
        return sb_fail(err, SB_EINPUT, "the backup is damaged: %s: %s%s%s", b->problems.items[0].code, b->problems.items[0].file ? b->problems.items[0].file : "",
                       b->problems.items[0].file ? ": " : "", b->problems.items[0].what);
    if (!d->o->pbm && b->kind != SB_BACKUP_DUMP_FOLDER && b->kind != SB_BACKUP_DUMP_ARCHIVE)
        return sb_fail(err, SB_EINPUT, "a backup of the kind %s is not restored by this program: only folders and archives of mongodump are%s", sb_backup_kind_name(b->kind),
                       b->kind == SB_BACKUP_PBM ? ", and with --pbm pbm restores its own" : "");
    return b->nomem ? sb_fail_nomem(err) : 0;
}

static bool take_document(void *ctx, const char *ns, const unsigned char *p, size_t n)
{
    struct drill *d = ctx;
    if (!ns && d->o->pbm)
        return sb_drill_pbm_entry(d, p, n, &d->fault) == 0;
    if (!ns)
        return true; /* the oplog's time comes later */
    sb_drill_sample(d, ns, p, n);
    return sb_restore_document(d->restore, ns, p, n, &d->fault) == 0;
}

static bool take_entry(void *ctx, const char *ns, const unsigned char *p, size_t n)
{
    struct drill *d = ctx;
    if (ns)
        return true;
    if (d->o->restorer && sb_drill_restorer_entry(d, p, n, &d->fault))
        return false;
    return sb_restore_entry(d->restore, d->o->until, p, n, &d->fault) == 0;
}

/* ---- a drill ---- */

static int begin(struct drill *d, struct sb_err *err)
{
    const struct sb_backup *b = &d->plan.items[0];
    return record(d, SB_ENTRY_DRILL, json_pack("{s:s,s:s,s:s,s:b,s:o,s:s,s:o,s:o}", "event", "began", "drill", d->id, "nonce", d->nonce, "marked_by_operator", d->by_operator, "path", words(b->path),
                                               "target", d->facts.id, "server", words(sb_server_shown(d->o->target)), "about", words(b->path)), err);
}

static int restore_data(struct drill *d, struct sb_err *err)
{
    struct sb_backup_options data = {.key = d->o->key, .sums = true, .read = told, .document = take_document, .ctx = d};
    d->rehearsal = d->program != NULL;
    int rc = sb_restore_create(d->restore, err) || look(d, &d->data, &data, err) || sb_restore_flush(d->restore, err) || sb_drill_land(d, err) ? -1 : 0;
    d->rehearsal = false;
    if (rc)
        return -1;
    d->level = 2;
    return d->o->pbm ? sb_drill_pbm_data(d, err) : d->o->restorer ? sb_drill_restorer_data(d, err) : 0;
}

static int restore_rest(struct drill *d, struct sb_err *err)
{
    struct sb_backup_options oplog = {.key = d->o->key, .quick = d->plan.items[0].kind == SB_BACKUP_DUMP_FOLDER, .document = take_entry, .ctx = d};
    bool has_oplog = d->data.items[0].oplog_entries != 0 && !d->o->pbm; /* pbm has applied it */
    d->rehearsal = d->program != NULL;
    int rc = (has_oplog && (look(d, &d->oplog, &oplog, err) || sb_restore_flush(d->restore, err) || sb_drill_land(d, err))) || sb_restore_indexes(d->restore, err) || sb_restore_views(d->restore, err) ? -1 : 0;
    d->rehearsal = false;
    return rc || (d->o->restorer && has_oplog && sb_drill_restorer_oplog(d, err)) ? -1 : 0;
}

static int restore(struct drill *d, struct sb_err *err)
{
    d->stage = "restore";
    d->restore = sb_restore_new(&d->plan.items[0], write_step, d, err);
    if (!d->restore || (d->o->pbm ? sb_drill_pbm_begin(d, err) : d->o->restorer ? sb_drill_restorer_begin(d, err) : 0))
        return -1;
    int64_t from = sb_mono_ms(), compared;
    if ((d->by_operator && sb_restore_drop(d->restore, err)) || restore_data(d, err))
        return -1;
    int64_t data_ms = sb_mono_ms() - from;
    d->restore_ms = d->program ? d->restorer_ms : data_ms;
    d->stage = "compare";
    if (sb_drill_as_before(d, err) || sb_drill_compare(d, true, err) || sb_drill_look_up(d, err))
        return -1;
    compared = sb_mono_ms();
    d->compare_ms = compared - from - data_ms;
    d->stage = "restore";
    if (restore_rest(d, err))
        return -1;
    d->restore_ms = d->program ? d->restorer_ms : d->restore_ms + sb_mono_ms() - compared;
    d->level = 3;
    return 0;
}

static int compare(struct drill *d, struct sb_err *err)
{
    int64_t from = sb_mono_ms();
    d->stage = "compare";
    if (sb_drill_compare(d, false, err))
        return -1;
    d->level = d->changed_n ? 3 : 4; /* what was not compared is not shown */
    d->compare_ms += sb_mono_ms() - from;
    d->stage = "checks";
    if (!d->o->checks)
        return 0;
    if (sb_drill_checks(d, err))
        return -1;
    d->level = d->level == 4 ? 5 : d->level;
    return 0;
}

static int run(struct drill *d, struct sb_err *err)
{
    struct sb_backup_options plan = {.key = d->o->key, .quick = true, .raw = true};
    d->stage = "backup";
    if (look(d, &d->plan, &plan, err) || (d->o->pbm && sb_drill_pbm_fits(d, err)))
        return -1;
    d->level = d->plan.items[0].level;
    for (size_t i = 0; i < d->plan.items[0].collections_n; i++)
        if (strcmp(d->plan.items[0].collections[i].ns, SB_SCRATCH_DB "." SB_SCRATCH_COLL) == 0)
            return sb_fail(err, SB_EINPUT, "the backup holds " SB_SCRATCH_DB "." SB_SCRATCH_COLL " itself, by whose documents a target is known");
    d->stage = "guard";
    if (sb_drill_guard(d, err) || begin(d, err) || sb_drill_mark(d, err))
        return -1;
    return restore(d, err) || compare(d, err) ? -1 : 0;
}

/* ---- what came of it ---- */

/* Of what another program restored nothing is known before it was compared. */
static struct sb_restore_counts restored(const struct drill *d)
{
    struct sb_restore_counts c = {.collections = 0};
    if (!d->restore || (d->program && d->level < 3))
        return c;
    c = sb_restore_counts(d->restore);
    if (!d->program) { /* what was handed out last may not have been taken */
        c.documents = d->documents;
        c.bytes = d->bytes;
    }
    return c;
}

static json_t *counts(const struct drill *d)
{
    struct sb_restore_counts c = restored(d);
    return json_pack("{s:I,s:I,s:I,s:I,s:I,s:I,s:I,s:I}", "collections", (json_int_t)c.collections, "documents", (json_int_t)c.documents, "bytes", (json_int_t)c.bytes, "indexes",
                     (json_int_t)c.indexes, "views", (json_int_t)c.views, "oplog_entries", (json_int_t)c.entries, "oplog_entries_later", (json_int_t)c.later, "skipped", (json_int_t)c.skipped);
}

static json_t *backup_of(const struct drill *d)
{
    const struct sb_backup *b = d->plan.n ? &d->plan.items[0] : NULL;
    char taken[SB_TIME_LEN + 1];
    sb_time_format(taken, b ? b->taken_at_ms : 0);
    return json_pack("{s:o,s:s,s:o,s:o,s:I}", "path", words(d->o->path), "kind", b ? sb_backup_kind_name(b->kind) : "unknown", "taken_at", b && b->taken_at_ms ? json_string(taken) : json_null(),
                     "version", words(b ? b->server_version : NULL), "files_bytes", (json_int_t)(b ? b->bytes : 0));
}

static json_t *about(const struct drill *d, bool ok)
{
    char took[64];
    sb_duration_format(took, sizeof took, d->restore_ms);
    char *text = ok ? sb_format("%s restored%s%s in %s, shown to L%d", d->o->path, d->program ? " by " : "", d->program ? d->program : "", took, d->level) : sb_format("%s failed: %s", d->o->path, d->fault.msg);
    json_t *v = words(text);
    free(text);
    return v;
}

/* Collections that the backup's own oplog changes: what they hold in the end is told by no file. */
static json_t *uncompared(const struct drill *d)
{
    json_t *list = json_array();
    for (size_t i = 0; list && i < d->changed_n; i++)
        json_array_append_new(list, words(d->changed[i]));
    return list;
}

static json_t *report_of(struct drill *d, bool ok, int64_t total_ms, const char *left)
{
    const char *code = NULL, *cap = sb_drill_cap(d, &code);
    struct sb_restore_counts c = restored(d);
    char level[] = {'L', (char)('0' + d->level), '\0'}, counted[] = {'L', (char)('0' + (cap && d->level > 2 ? 2 : d->level)), '\0'};
    char digest[SB_HEX_LEN + 1] = "", until[32];
    if (d->data.n)
        sb_drill_digest(d, digest, NULL);
    snprintf(until, sizeof until, "%" PRIu64 ":%" PRIu64, c.last >> 32, c.last & UINT32_MAX);
    json_t *v = json_pack("{s:s,s:s,s:b,s:o,s:s,s:o,s:s,s:s,s:o}", "event", "ended", "drill", d->id, "ok", ok, "cause", ok ? json_null() : words(d->fault.msg), "stage", d->stage, "about",
                          about(d, ok), "level", level, "policy_level", counted, "cap", cap ? json_pack("{s:s,s:s}", "code", code, "why", cap) : json_null());
    json_t *more = json_pack("{s:o,s:{s:s,s:o,s:s,s:b,s:o,s:I},s:o,s:o,s:o,s:I,s:I,s:I,s:I,s:I}", "backup", backup_of(d), "target", "id", d->facts.id, "server", words(sb_server_shown(d->o->target)), "version",
                             d->facts.version, "simulated", d->facts.simulated, "started_by", words(d->o->started_by), "room_bytes", (json_int_t)d->room, "restored", counts(d), "until", c.last ? json_string(until) : json_null(), "digest",
                             digest[0] ? json_string(digest) : json_null(), "restore_ms", (json_int_t)d->restore_ms, "compare_ms", (json_int_t)d->compare_ms, "total_ms", (json_int_t)total_ms,
                             "bytes_per_s", (json_int_t)(d->restore_ms > 0 ? c.bytes * 1000 / (uint64_t)d->restore_ms : 0), "steps", (json_int_t)d->steps);
    json_t *found = json_pack("{s:O,s:I,s:{s:I,s:I},s:O,s:o,s:b,s:o,s:o}", "differences", d->differences, "differences_found", (json_int_t)d->differences_n, "sample", "looked_up", (json_int_t)d->looked_up,
                              "same", (json_int_t)d->same, "checks", d->checked, "left", words(left), "kept", d->marked,
                              "restorer", sb_drill_restorer_report(d), "not_compared", uncompared(d));
    if (!v || !more || !found || json_object_update(v, more) || json_object_update(v, found)) {
        json_decref(v);
        v = NULL;
    }
    json_decref(more);
    json_decref(found);
    return v;
}

static void release(struct drill *d)
{
    for (size_t i = 0; i < SB_DRILL_SAMPLES; i++) {
        free(d->samples[i].ns);
        free(d->samples[i].p);
    }
    sb_restore_free(d->restore);
    sb_drill_flight_end(d);
    sb_scratch_close(d->door);
    sb_conn_close(d->conn);
    sb_deployment_facts_release(&d->facts);
    sb_backups_release(&d->plan);
    sb_backups_release(&d->data);
    sb_backups_release(&d->oplog);
    sb_ledger_close(d->ledger);
    json_decref(d->differences);
    json_decref(d->checked);
    json_decref(d->runs);
    for (size_t i = 0; i < d->changed_n; i++)
        free(d->changed[i]);
    for (size_t i = 0; i < d->altered_n; i++)
        free(d->altered[i]);
    free(d->changed);
    free(d->altered);
}

int sb_drill(const struct sb_drill_options *o, json_t **report, struct sb_err *err)
{
    struct drill *d = calloc(1, sizeof *d);
    int64_t from = sb_mono_ms();
    struct sb_err why = SB_ERR_INIT;
    int rc = -1;
    *report = NULL;
    if (!d)
        return sb_fail_nomem(err);
    *d = (struct drill){.o = o, .stage = "backup", .differences = json_array(), .checked = json_array(), .runs = json_array(), .oplog_fd = -1, .place = {.lock = {-1}}, .program = o->pbm ? o->pbm : o->restorer};
    sb_str_init(&d->uri);
    sb_str_init(&d->pbm_uri);
    if (!d->differences || !d->checked || !d->runs) {
        sb_fail_nomem(err);
        goto out;
    }
    if (sb_origin_nonce(o->origin, d->nonce, err) || sb_dir_make(o->dir, 0700, err) || !(d->ledger = sb_ledger_open(o->dir, SB_LEDGER_OWN, o->origin, err)) || end_abandoned(d, err))
        goto out;
    snprintf(d->id, sizeof d->id, "D-%.10s", d->nonce);
    sb_rng_seed(&d->rng, (uint64_t)sb_fnv1a(SB_FNV_START, d->nonce, 32));
    bool ok = run(d, &d->fault) == 0;
    sb_drill_land(d, NULL); /* after a failure: its outcome is no cause any more, but on the record */
    json_t *source = ok && o->source ? sb_drill_source(d) : NULL;
    if (d->going)
        sb_fail(&why, SB_EIO, "what pbm began may be going on at the target");
    else if (d->marked && !o->keep && sb_drill_clear(d, &why) && o->started_by)
        why.code = SB_OK; /* it is ended now, with all that is in it */
    sb_drill_restorer_end(d, why.code != SB_OK ? NULL : &why);
    *report = report_of(d, ok, sb_mono_ms() - from, why.code != SB_OK ? why.msg : NULL);
    if (*report && source)
        json_object_set(*report, "source", source);
    json_decref(source);
    sb_hook("drill.end.before");
    rc = record(d, SB_ENTRY_DRILL, json_incref(*report), err);
out:
    release(d);
    free(d);
    if (rc) {
        json_decref(*report);
        *report = NULL;
    }
    return rc;
}
