/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_levels.h"

#include <signalbox/base/clock.h>
#include <signalbox/cli/command.h>
#include <signalbox/ledger/ledger.h>
#include <signalbox/policy/autonomy.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const char *const kinds[] = {"index.create", "index.hide", "index.unhide", "index.drop", "profile.set"};

struct levels {
    const char *sha256;
    int64_t *seqs; /* of entries that lowered something */
    size_t seqs_n;
    json_t *list;  /* their bodies, with "at" and "deployment" */
};

static int take(struct levels *l, struct sb_ledger *ledger, int64_t seq, struct sb_err *err)
{
    struct sb_entry e;
    char at[SB_TIME_LEN + 1];
    if (sb_ledger_entry(ledger, seq, &e, err))
        return -1;
    sb_time_format(at, e.ts);
    int rc = 0;
    if (e.kind == SB_ENTRY_AUTONOMY && sb_streq(e.policy, l->sha256)) {
        json_t *one = json_deep_copy(e.body);
        if (!one || json_object_set_new(one, "at", json_string(at)) || json_object_set_new(one, "deployment", json_string(e.plan.deployment ? e.plan.deployment : "")) ||
            json_object_set_new(one, "simulated", json_boolean(e.plan.simulated)) || json_array_append(l->list, one))
            rc = sb_fail_nomem(err);
        json_decref(one);
    }
    sb_entry_release(&e);
    return rc;
}

/* Of the alarms only those are told that people found too noisy: the others are announced. */
static void print_alarms(const struct levels *l)
{
    for (size_t i = 0; i < json_array_size(l->list); i++) {
        const json_t *x = json_array_get(l->list, i);
        const char *kind = sb_json_str(x, "kind");
        if (kind && sb_starts_with(kind, "alarm."))
            sb_print("  %s of %s%s is advice only, %s: %s\n", kind, sb_json_str(x, "deployment"), json_is_true(json_object_get(x, "simulated")) ? " (SIMULATED)" : "", sb_json_str(x, "at"),
                     sb_json_str(x, "reason") ? sb_json_str(x, "reason") : "");
    }
}

/* The first entry of this bundle is where its record begins. */
static int first_load(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)bytes;
    (void)n;
    (void)err;
    *(int64_t *)ctx = e->seq;
    return 1;
}

static int read_ledger(struct levels *l, const char *dir, struct sb_err *err)
{
    char *path = sb_format("%s/ledger.db", dir);
    if (!path)
        return sb_fail_nomem(err);
    bool there = access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR);
    free(path);
    struct sb_ledger *ledger = there ? sb_ledger_open(dir, SB_LEDGER_READ, NULL, err) : NULL;
    int64_t from = 0;
    if (!there)
        return 0;
    int rc = ledger ? sb_ledger_by_ref(ledger, l->sha256, first_load, &from, err) : -1;
    if (rc == 0 && from)
        rc = sb_ledger_seqs_of(ledger, from, 0, SB_ENTRY_AUTONOMY, &l->seqs, &l->seqs_n, err);
    for (size_t i = 0; rc == 0 && i < l->seqs_n; i++)
        rc = take(l, ledger, l->seqs[i], err);
    sb_ledger_close(ledger);
    return rc;
}

static void print_kind(const struct sb_policy *p, const struct levels *l, const char *kind, int env, int64_t now)
{
    const char *environment = sb_name(&sb_environments, env);
    sb_print("  %-13s %-8s %s\n", kind, environment, sb_name(&sb_autonomy_levels, sb_autonomy_level(p, kind, env, now)));
    for (size_t i = 0; i < json_array_size(l->list); i++) {
        const json_t *x = json_array_get(l->list, i);
        if (sb_streq(sb_json_str(x, "kind"), kind) && sb_streq(sb_json_str(x, "environment"), environment))
            sb_print("    lowered to L%" PRId64 " by the record of %s%s, %s: %s\n", sb_json_int(x, "lowered_to"), sb_json_str(x, "deployment"),
                     json_is_true(json_object_get(x, "simulated")) ? " (SIMULATED)" : "", sb_json_str(x, "at"), sb_json_str(x, "reason") ? sb_json_str(x, "reason") : "");
    }
}

static json_t *levels_json(const struct sb_policy *p, const struct levels *l, int64_t now)
{
    json_t *granted = json_array();
    for (size_t i = 0; granted && i < SB_COUNT(kinds); i++)
        for (int env = SB_ENV_PROD; env <= SB_ENV_DEV; env++)
            json_array_append_new(granted, json_pack("{s:s,s:s,s:i}", "kind", kinds[i], "environment", sb_name(&sb_environments, env), "level",
                                                     sb_autonomy_level(p, kinds[i], env, now)));
    return json_pack("{s:o,s:o,s:O}", "policy", sb_record_to_json(&sb_bundle_id_schema, sb_policy_id(p)), "granted", granted, "lowered", l->list);
}

int sb_policy_levels_command(const struct sb_policy *p, const char *dir, bool json, struct sb_err *err)
{
    const struct sb_bundle_id *id = sb_policy_id(p);
    struct levels l = {.sha256 = id->sha256, .list = json_array()};
    struct sb_origin origin;
    sb_origin_system(&origin);
    int64_t now = sb_origin_wall_ms(&origin);
    int rc = l.list ? read_ledger(&l, dir, err) : sb_fail_nomem(err);
    if (rc == 0 && sb_autonomy_level(p, kinds[0], SB_ENV_PROD, now) < 0)
        rc = sb_fail(err, SB_EINPUT, "%s %s grants no levels: it has no autonomy section", id->bundle, id->version);
    if (rc == 0 && json) {
        rc = sb_print_json(levels_json(p, &l, now)) ? sb_fail(err, SB_EIO, "cannot write") : 0;
    } else if (rc == 0) {
        sb_print("%s %s (%.12s)\n", id->bundle, id->version, id->sha256);
        for (size_t i = 0; i < SB_COUNT(kinds); i++)
            for (int env = SB_ENV_PROD; env <= SB_ENV_DEV; env++)
                print_kind(p, &l, kinds[i], env, now);
        print_alarms(&l);
    }
    free(l.seqs);
    json_decref(l.list);
    return rc;
}
