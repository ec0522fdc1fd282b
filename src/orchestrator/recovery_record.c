/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/orchestrator/recovery.h>

#include <signalbox/base/json.h>

#include <stdlib.h>
#include <string.h>

int sb_recovery_drills(struct sb_ledger *l, const char *deployment, struct sb_recovery_drill **drills, size_t *n, struct sb_err *err)
{
    int64_t *seqs = NULL;
    size_t seqs_n = 0;
    int rc = sb_ledger_seqs_of(l, 1, sb_ledger_head(l), SB_ENTRY_DRILL, &seqs, &seqs_n, err);
    for (size_t i = 0; rc == 0 && i < seqs_n; i++) {
        struct sb_entry e;
        rc = sb_ledger_entry(l, seqs[i], &e, err);
        if (rc == 0) {
            rc = sb_recovery_take_drill(drills, n, &e, deployment) ? sb_fail_nomem(err) : 0;
            sb_entry_release(&e);
        }
    }
    free(seqs);
    return rc;
}

int sb_recovery_came(struct sb_ledger *l, const char *deployment, char ***paths, size_t *n, struct sb_err *err)
{
    int64_t *seqs = NULL;
    size_t seqs_n = 0;
    int rc = sb_ledger_seqs_of(l, 1, sb_ledger_head(l), SB_ENTRY_BACKUP, &seqs, &seqs_n, err);
    for (size_t i = 0; rc == 0 && i < seqs_n; i++) {
        struct sb_entry e;
        if ((rc = sb_ledger_entry(l, seqs[i], &e, err)))
            break;
        const char *path = sb_json_str(e.body, "path");
        bool known = !path || !sb_streq(e.plan.deployment, deployment);
        for (size_t k = 0; k < *n && !known; k++)
            known = strcmp((*paths)[k], path) == 0;
        if (!known && sb_strs_push(paths, n, path))
            rc = sb_fail_nomem(err);
        sb_entry_release(&e);
    }
    free(seqs);
    return rc;
}

struct runs {
    const char *deployment;
    char **cases;
    size_t cases_n;
    struct sb_recovery_run *to;
    bool closed;
};

static int take_run(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct runs *r = ctx;
    (void)bytes, (void)n;
    if (e->kind != SB_ENTRY_REQUEST || !e->plan.case_id || !sb_streq(e->plan.deployment, r->deployment))
        return 0;
    r->to->runs++;
    return sb_strs_push(&r->cases, &r->cases_n, e->plan.case_id) ? sb_fail_nomem(err) : 0;
}

static int take_close(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct runs *r = ctx;
    (void)bytes, (void)n, (void)err;
    if (e->kind != SB_ENTRY_CASE_CLOSE || json_is_true(json_object_get(e->body, "unfinished")))
        return 0;
    r->to->completed_at = e->ts;
    r->closed = true;
    return 1;
}

/* The newest run that has come to its end. What was planned before the first run may be older than the schedule. */
int sb_recovery_run_of(struct sb_ledger *l, const char *deployment, const struct sb_schedule *schedule, int64_t now, struct sb_recovery_run *out, struct sb_err *err)
{
    struct runs r = {.deployment = deployment, .to = out};
    int64_t others;
    *out = (struct sb_recovery_run){.name = schedule->name};
    char *ref = sb_format("schedule:%s", schedule->name);
    int rc = ref ? sb_ledger_by_ref(l, ref, take_run, &r, err) : sb_fail_nomem(err);
    for (size_t i = r.cases_n; rc >= 0 && i > 0 && !r.closed; i--)
        rc = sb_ledger_by_ref(l, r.cases[i - 1], take_close, &r, err);
    if (rc >= 0 && out->runs)
        out->expected_at = sb_schedule_newest(schedule, out->completed_at ? out->completed_at : now - INT64_C(31) * 86400000, now, &others);
    for (size_t i = 0; i < r.cases_n; i++)
        free(r.cases[i]);
    free(r.cases);
    free(ref);
    return rc < 0 ? -1 : 0;
}

struct sb_recovery_limits sb_recovery_limits_of(const struct sb_policy *p)
{
    return (struct sb_recovery_limits){.loss_s = sb_policy_limit(p, "recovery.loss_s", false),
                                       .backup_age_s = sb_policy_limit(p, "recovery.backup_age_s", false),
                                       .drill_age_s = sb_policy_limit(p, "recovery.drill_age_s", false),
                                       .restore_s = sb_policy_limit(p, "recovery.restore_s", false),
                                       .kept_s = sb_policy_limit(p, "recovery.kept_s", true),
                                       .plain = sb_policy_limit(p, "recovery.plain", false),
                                       .places = sb_policy_limit(p, "recovery.places", true),
                                       .window_s = sb_policy_limit(p, "health.oplog_window_s", true)};
}
