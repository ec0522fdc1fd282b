/* SPDX-License-Identifier: Apache-2.0
 *
 * Drills that were made elsewhere: taken over from the drills' own ledger, and what they say to policy. The last one that passed
 * gives a card its recovery.drill_age_s; while the last one failed nothing is done by itself. */
#include "private.h"

#include <signalbox/base/json.h>
#include <signalbox/orchestrator/drill.h>

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define WITH_A_PERSON 3 /* autonomy: nothing is done by itself */

char *sb_drill_folder(const char *state_dir)
{
    return sb_format("%s/drills/signalbox", state_dir);
}

/* ---- what the record holds ---- */

static int64_t ended_at(const struct sb_entry *e)
{
    const char *text = sb_json_str(e->body, "ended_at");
    int64_t at;
    return text && sb_time_parse(text, strlen(text), &at) == 0 ? at : e->ts;
}

int sb_o_drills(struct sb_orchestrator *o, struct drills *out, struct sb_err *err)
{
    int64_t *seqs = NULL, head = sb_ledger_head(o->ledger);
    size_t n = 0;
    int rc = o->drills.looked < head ? sb_ledger_seqs_of(o->ledger, o->drills.looked + 1, head, SB_ENTRY_DRILL, &seqs, &n, err) : 0;
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct sb_entry e;
        if ((rc = sb_ledger_entry(o->ledger, seqs[i], &e, err)))
            break;
        int level = sb_streq(e.plan.deployment, o->deployment) ? sb_drill_level(&e) : -1;
        int64_t at = ended_at(&e);
        if (level >= SB_DRILL_COUNTS && at > o->drills.passed_at) {
            o->drills.passed_at = at;
            o->drills.level = level;
            snprintf(o->drills.id, sizeof o->drills.id, "%s", sb_json_str(e.body, "drill") ? sb_json_str(e.body, "drill") : "");
        } else if (level == 0 && at > o->drills.failed_at) {
            o->drills.failed_at = at;
        }
        sb_entry_release(&e);
    }
    free(seqs);
    if (rc == 0)
        o->drills.looked = head;
    *out = o->drills;
    return rc;
}

int sb_o_recovery(struct sb_orchestrator *o, json_t *in, int64_t *lowered, struct sb_err *err)
{
    struct drills d;
    if (sb_o_drills(o, &d, err))
        return -1;
    if (d.failed_at > d.passed_at && (*lowered < 0 || *lowered > WITH_A_PERSON))
        *lowered = WITH_A_PERSON;
    int64_t age = sb_origin_wall_ms(o->opt.origin) - d.passed_at;
    json_t *recovery = json_object();
    if (!recovery || sb_o_add_recovery(o, recovery) || (d.passed_at && json_object_set_new(recovery, "drill_age_s", json_integer(age > 0 ? age / 1000 : 0)))) {
        json_decref(recovery);
        return sb_fail_nomem(err);
    }
    if (json_object_size(recovery) == 0) {
        json_decref(recovery);
        return 0;
    }
    return json_object_set_new(in, "recovery", recovery) ? sb_fail_nomem(err) : 0;
}

/* Something of it could be lost that only a restore brings back. */
static bool is_risky(const struct sb_card *draft)
{
    bool lossy = false;
    for (size_t i = 0; i < draft->steps_n; i++)
        lossy |= draft->steps[i].undo_label != SB_UNDO_LOSSLESS;
    return lossy || draft->risk >= SB_HIGH;
}

int sb_o_tell_drill(struct sb_orchestrator *o, struct sb_card *draft, struct sb_err *err)
{
    struct drills d;
    char age[64], failed[64];
    int64_t now = sb_origin_wall_ms(o->opt.origin);
    if (sb_o_drills(o, &d, err))
        return -1;
    bool none = !d.passed_at && !d.failed_at;
    if (none && !is_risky(draft)) /* the rules that want one say so */
        return 0;
    sb_duration_format(age, sizeof age, now - d.passed_at);
    sb_duration_format(failed, sizeof failed, now - d.failed_at);
    char *value = none ? sb_format("none: no restore drill is on the record")
                  : d.passed_at && d.failed_at > d.passed_at
                      ? sb_format("%s before this card, drill %s, shown to L%" PRId64 "; the last drill, %s before it, FAILED", age, d.id, d.level, failed)
                  : d.passed_at ? sb_format("%s before this card, drill %s, shown to L%" PRId64, age, d.id, d.level)
                                : sb_format("none; the last drill, %s before this card, FAILED", failed);
    int rc = value ? sb_evidence_add(&draft->evidence, &draft->evidence_n, "the record of restore drills", NULL, "last proven restore", value, "measured", sb_o_deployment_now(o)) : -1;
    free(value);
    return rc ? sb_fail_nomem(err) : 0;
}

int sb_o_drill_rates(struct sb_orchestrator *o, struct sb_rto_drill **list, size_t *n, struct sb_err *err)
{
    int64_t *seqs = NULL;
    size_t seqs_n = 0;
    int rc = sb_ledger_seqs_of(o->ledger, 1, sb_ledger_head(o->ledger), SB_ENTRY_DRILL, &seqs, &seqs_n, err);
    for (size_t i = 0; rc == 0 && i < seqs_n; i++) {
        struct sb_entry e;
        if ((rc = sb_ledger_entry(o->ledger, seqs[i], &e, err)))
            break;
        if (sb_streq(e.plan.deployment, o->deployment) && sb_drill_level(&e) >= SB_DRILL_COUNTS) {
            struct sb_rto_drill *d = sb_list_push((void **)list, n, sizeof **list);
            if (d)
                *d = (struct sb_rto_drill){(uint64_t)sb_json_int(json_object_get(e.body, "backup"), "files_bytes"), sb_json_int(e.body, "restore_ms")};
            else
                rc = sb_fail_nomem(err);
        }
        sb_entry_release(&e);
    }
    free(seqs);
    return rc;
}

/* ---- taking one over ---- */

struct taking_over {
    const char *id;
    struct sb_entry e; /* a copy of what counts of it */
    bool found;
};

static int find_drill(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct taking_over *t = ctx;
    (void)bytes, (void)n;
    if (e->kind != SB_ENTRY_DRILL || !sb_streq(sb_json_str(e->body, "drill"), t->id) || !sb_streq(sb_json_str(e->body, "event"), "ended"))
        return 0;
    t->found = true;
    t->e.seq = e->seq;
    t->e.ts = e->ts;
    t->e.body = json_deep_copy(e->body);
    return !t->e.body || sb_str_set(&t->e.plan.deployment, e->plan.deployment) ? sb_fail_nomem(err) : 1;
}

static int is_known(struct sb_orchestrator *o, const char *id, struct sb_err *err)
{
    int64_t *seqs = NULL;
    size_t n = 0;
    int rc = sb_ledger_seqs_of(o->ledger, 1, sb_ledger_head(o->ledger), SB_ENTRY_DRILL, &seqs, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        struct sb_entry e;
        if (sb_ledger_entry(o->ledger, seqs[i], &e, err)) {
            rc = -1;
            break;
        }
        if (sb_streq(sb_json_str(e.body, "drill"), id))
            rc = sb_fail(err, SB_ESTATE, "drill %s is on this record already, as entry %" PRId64, id, seqs[i]);
        sb_entry_release(&e);
    }
    free(seqs);
    return rc;
}

static int take_over(struct sb_orchestrator *o, const struct sb_actor *actor, const char *id, struct taking_over *t, struct sb_err *err)
{
    char *dir = sb_drill_folder(o->opt.state_dir), at[SB_TIME_LEN + 1];
    struct sb_ledger *drills = dir ? sb_ledger_open(dir, SB_LEDGER_READ, NULL, err) : NULL;
    int rc = drills ? sb_ledger_range(drills, 1, 0, find_drill, t, err) : dir ? -1 : sb_fail_nomem(err);
    if (rc == 0 && !t->found)
        rc = sb_fail(err, SB_EINPUT, "the drills' ledger knows no drill %.40s that has ended", id);
    if (rc == 0 && !sb_streq(t->e.plan.deployment, o->deployment))
        rc = sb_fail(err, SB_EINPUT, "drill %.40s is of %.100s, and this signalbox watches %.100s", id, t->e.plan.deployment ? t->e.plan.deployment : "no deployment", o->deployment);
    if (rc == 0)
        rc = is_known(o, id, err);
    if (rc == 0) {
        sb_time_format(at, t->e.ts);
        if (json_object_set_new(t->e.body, "ended_at", json_string(at)) || json_object_set_new(t->e.body, "ledger", json_string(sb_ledger_id(drills))) ||
            json_object_set_new(t->e.body, "entry", json_integer((json_int_t)t->e.seq)))
            rc = sb_fail_nomem(err);
        else
            rc = sb_o_record(o, SB_ENTRY_DRILL, actor, NULL, json_incref(t->e.body), err);
    }
    sb_ledger_close(drills);
    free(dir);
    return rc;
}

int sb_o_enter_drill(struct sb_orchestrator *o, const struct sb_actor *actor, const char *id, bool *ok, struct sb_err *err)
{
    struct taking_over t = {.id = id};
    int rc = take_over(o, actor, id, &t, err);
    *ok = rc == 0 && json_is_true(json_object_get(t.e.body, "ok"));
    t.e.kind = SB_ENTRY_DRILL;
    t.e.plan.simulated = o->facts.simulated;
    if (rc == 0 && sb_drill_level(&t.e) == 0)
        sb_o_notice(o, SB_HIGH, "The restore drill %s failed (%s): nothing is done by itself on %s until one passes", id, sb_json_str(t.e.body, "cause") ? sb_json_str(t.e.body, "cause") : "?",
                    o->deployment);
    json_decref(t.e.body);
    free(t.e.plan.deployment);
    return rc;
}

void sb_o_take_drill(struct sb_orchestrator *o, int64_t seat, const struct sb_message *m)
{
    const char *id = ((const struct sb_text *)m->body)->text;
    struct sb_err err = SB_ERR_INIT;
    bool ok;
    sb_o_enter_drill(o, &sb_o_seat(o, seat)->actor, id ? id : "", &ok, &err);
    sb_o_answer(o, seat, m->seq, &err, NULL, NULL, "On the record of %s: drill %s", o->deployment, id ? id : "");
}
