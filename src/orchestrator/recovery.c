/* SPDX-License-Identifier: Apache-2.0
 *
 * What could be brought back if the deployment died now: looked at by a worker when a screen asks for it, and every quarter of an
 * hour where the config names backups (metadata only of what lies there); told to every screen, to the detector and the record
 * (backups.c), and its age and loss to policy. */
#include "private.h"

#include <signalbox/agents/backup_rto.h>
#include <signalbox/base/json.h>
#include <signalbox/orchestrator/recovery.h>

#include <stdlib.h>
#include <string.h>

#define EVERY_MS INT64_C(900000)

struct regard {
    struct sb_orchestrator *o;
    struct errand way;
    struct sb_recovery_input in; /* its texts and lists are ours, its paths the options' */
    char *deployment;
    struct sb_recovery_drill *drills;
    size_t drills_n;
    char **came;
    size_t came_n;
    struct sb_recovery_run *runs; /* names are the options' */
    size_t runs_n;
    struct sb_recovery recovery;
    struct recovery_facts facts;
    struct sb_seal_key key;
    char key_fault[sizeof((struct sb_err *)NULL)->msg];
    struct sb_o_backups_seen *seen; /* for the detector and the record; NULL: a place could not be read, and nothing is said of what may lie there */
    struct sb_err err;
};

static void free_regard(void *p)
{
    struct regard *r = p;
    for (size_t i = 0; i < r->drills_n; i++)
        sb_record_release(&sb_recovery_drill_schema, &r->drills[i]);
    free(r->drills);
    for (size_t i = 0; i < r->came_n; i++)
        free(r->came[i]);
    free(r->came);
    free(r->runs);
    free(r->deployment);
    sb_o_backups_drop(r->seen);
    sb_seal_key_forget(&r->key);
    sb_record_release(&sb_recovery_schema, &r->recovery);
    free(r);
}

void sb_o_tell_recovery(struct sb_orchestrator *o, int64_t seat)
{
    if (seat)
        sb_o_tell(o, seat, sb_message_copy_of(SB_NEWS_RECOVERY, 0, &o->recovery));
    else
        sb_o_tell_all(o, SB_NEWS_RECOVERY, &o->recovery);
}

static void back(struct sb_orchestrator *o, void *p)
{
    struct regard *r = p;
    o->regarding = false;
    if (r->err.code != SB_OK) {
        sb_o_notice(o, SB_MEDIUM, "What could be brought back was not found out: %s", r->err.msg);
    } else {
        sb_record_release(&sb_recovery_schema, &o->recovery);
        o->recovery = r->recovery;
        o->recovery_facts = r->facts;
        memset(&r->recovery, 0, sizeof r->recovery);
        sb_o_tell_recovery(o, 0);
    }
    if (r->seen)
        sb_o_backups_tell(o, r->seen);
    r->seen = NULL;
    free_regard(r);
}

/* What policy may ask, as numbers. */
static void note_facts(struct regard *r, const struct sb_backups *list, const struct sb_backup_live *live)
{
    const struct sb_backup *newest = sb_backups_newest(list, NULL);
    struct sb_rto_drill *counted = calloc(r->drills_n + 1, sizeof *counted);
    struct sb_rto rto;
    size_t n = 0;
    for (size_t i = 0; counted && i < r->drills_n; i++)
        if (r->drills[i].ok && r->drills[i].counts >= SB_DRILL_COUNTS)
            counted[n++] = (struct sb_rto_drill){(uint64_t)r->drills[i].bytes, r->drills[i].restore_ms};
    r->facts = (struct recovery_facts){.point = newest ? sb_backup_point(newest) : 0, .restore_s = -1};
    r->facts.lost_known = newest && live->known;
    if (r->facts.lost_known)
        r->facts.lost_since = !live->covers ? r->facts.point : live->unprotected ? (int64_t)(live->unprotected >> 32) * 1000 : 0;
    if (newest && counted && n) {
        sb_rto_estimate(counted, n, newest->bytes, &rto);
        r->facts.restore_s = (rto.most_ms + 999) / 1000;
    }
    free(counted);
}

static int look(struct regard *r, struct sb_backups *list)
{
    struct sb_err why = SB_ERR_INIT;
    struct sb_backup_options options = {.quick = true, .key = sb_backups_key(&r->key, r->in.key_file, &why)};
    if (why.code != SB_OK) {
        snprintf(r->key_fault, sizeof r->key_fault, "%s", why.msg);
        r->in.key_fault = r->key_fault;
    }
    for (size_t i = 0; i < r->in.paths_n; i++) {
        why = (struct sb_err)SB_ERR_INIT;
        if (sb_backups_check(list, r->in.paths[i], &options, &why) == 0)
            continue;
        if (why.code == SB_ENOMEM || sb_strs_push(&r->recovery.unreadable, &r->recovery.unreadable_n, why.msg))
            return sb_fail_nomem(&r->err);
    }
    return 0;
}

static void regard(void *p)
{
    struct regard *r = p;
    struct sb_backups list = {NULL, 0, 0};
    struct sb_backup_live live;
    char **unreadable = NULL;
    size_t unreadable_n = 0;
    if (look(r, &list) == 0) {
        if (r->in.paths_n && !r->recovery.unreadable_n)
            r->seen = sb_o_backups_gather(r->o, &list);
        unreadable = r->recovery.unreadable;
        unreadable_n = r->recovery.unreadable_n;
        sb_backup_live(&live, r->o->opt.server, NULL, sb_backups_newest(&list, NULL));
        r->in.backups = &list;
        r->in.live = &live;
        r->in.now = sb_wall_ms();
        if (sb_recoverability(&r->in, &r->recovery, &r->err) == 0) {
            note_facts(r, &list, &live);
            if (!r->in.paths_n && sb_str_set(&r->recovery.why, "The config names no place where backups lie: write \"backup PATH\" below the deployment."))
                sb_fail_nomem(&r->err);
        }
        r->recovery.unreadable = unreadable;
        r->recovery.unreadable_n = unreadable_n;
    }
    sb_backups_release(&list);
    sb_o_post_done(r->o, &r->way, back, r, free_regard);
}

static int begin(struct sb_orchestrator *o, struct sb_err *err)
{
    struct regard *r = calloc(1, sizeof *r);
    if (!r)
        return sb_fail_nomem(err);
    r->o = o;
    int rc = sb_str_set(&r->deployment, o->deployment) ? sb_fail_nomem(err) : sb_recovery_drills(o->ledger, o->deployment, &r->drills, &r->drills_n, err);
    if (rc == 0)
        rc = sb_recovery_came(o->ledger, o->deployment, &r->came, &r->came_n, err);
    for (size_t i = 0; rc == 0 && i < o->opt.schedules_n; i++) {
        struct sb_recovery_run *run = SB_PUSH(r->runs);
        rc = run ? sb_recovery_run_of(o->ledger, o->deployment, &o->opt.schedules[i], sb_origin_wall_ms(o->opt.origin), run, err) : sb_fail_nomem(err);
    }
    if (rc) {
        free_regard(r);
        return -1;
    }
    r->in = (struct sb_recovery_input){.deployment = r->deployment, .paths = o->opt.backups, .paths_n = o->opt.backups_n, .key_file = o->opt.backup_key_file, .drills = r->drills, .drills_n = r->drills_n, .came = r->came, .came_n = r->came_n, .runs = r->runs,
                                       .runs_n = r->runs_n, .limits = sb_recovery_limits_of(o->policy)};
    o->regarding = true;
    o->regard_again_ms = sb_mono_ms() + EVERY_MS;
    if (!sb_o_work(o, &r->way, regard, r, free_regard)) {
        o->regarding = false;
        return sb_fail_nomem(err);
    }
    return 0;
}

int sb_o_add_recovery(const struct sb_orchestrator *o, json_t *recovery)
{
    const struct recovery_facts *f = &o->recovery_facts;
    int64_t now = sb_origin_wall_ms(o->opt.origin);
    int rc = 0;
    if (f->point)
        rc = json_object_set_new(recovery, "backup_age_s", json_integer(now > f->point ? (now - f->point) / 1000 : 0));
    if (rc == 0 && f->lost_known) /* where nothing was written when it was looked at, something may have been since */
        rc = json_object_set_new(recovery, "loss_s", json_integer(now > o->recovery.at && !f->lost_since ? (now - o->recovery.at) / 1000 : now > f->lost_since ? (now - f->lost_since) / 1000 : 0));
    if (rc == 0 && o->recovery.usable)
        rc = json_object_set_new(recovery, "kept_s", json_integer(o->recovery.kept_s)) || json_object_set_new(recovery, "plain", json_integer(o->recovery.plain)) ||
                     json_object_set_new(recovery, "places", json_integer(o->recovery.places_of_files))
                 ? -1
                 : 0;
    if (rc == 0 && f->point && f->restore_s >= 0)
        rc = json_object_set_new(recovery, "restore_s", json_integer(f->restore_s));
    return rc;
}

void sb_o_ask_recovery(struct sb_orchestrator *o, int64_t seat, int64_t seq)
{
    struct sb_err err = SB_ERR_INIT;
    if (o->recovery.at)
        sb_o_tell_recovery(o, seat);
    if (!o->regarding)
        begin(o, &err);
    sb_o_answer(o, seat, seq, &err, NULL, NULL, "The backups are being looked at");
}

void sb_o_tick_recovery(struct sb_orchestrator *o)
{
    struct sb_err err = SB_ERR_INIT;
    if (!o->opt.backups_n || o->regarding || !o->connected || !o->telemetry || sb_mono_ms() < o->regard_again_ms)
        return;
    if (begin(o, &err)) {
        o->regard_again_ms = sb_mono_ms() + EVERY_MS;
        sb_o_notice(o, SB_MEDIUM, "What could be brought back was not found out: %s", err.msg);
    }
}
