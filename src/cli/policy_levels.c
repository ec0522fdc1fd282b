/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_levels.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/hash.h>
#include <signalbox/cli/command.h>
#include <signalbox/ledger/ledger.h>
#include <signalbox/policy/autonomy.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 10000 /* entries that are looked through at once for the newest bundle */

struct levels {
    char sha256[SB_HEX_LEN + 1];
    struct sb_policy *in_force; /* by the record, where it is another bundle than the config's; NULL */
    char *since;                /* of that: "DEPLOYMENT since TIME" */
    int64_t *seqs; /* of entries that lowered something */
    size_t seqs_n;
    json_t *list;  /* their bodies, with "at", "deployment" and "entry", while they stand lowered */
    json_t *back;  /* the same of what came back, with "by" */
};

/* What came back stands lowered no more. */
static int take_back(struct levels *l, json_t *one)
{
    for (size_t i = json_array_size(l->list); i-- > 0;) {
        const json_t *x = json_array_get(l->list, i);
        if (sb_streq(sb_json_str(x, "kind"), sb_json_str(one, "kind")) && sb_streq(sb_json_str(x, "environment"), sb_json_str(one, "environment")) &&
            sb_streq(sb_json_str(x, "deployment"), sb_json_str(one, "deployment")))
            json_array_remove(l->list, i);
    }
    json_object_del(one, "statement");
    json_object_del(one, "signature");
    return json_array_append(l->back, one);
}

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
            json_object_set_new(one, "simulated", json_boolean(e.plan.simulated)) ||
            (sb_json_str(one, "by") ? take_back(l, one) : json_object_set_new(one, "entry", json_integer((json_int_t)seq)) || json_array_append(l->list, one)))
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

/* What came into force last, where that is not the bundle l->sha256. */
static int find_in_force(struct levels *l, struct sb_ledger *ledger, struct sb_err *err)
{
    int64_t *seqs = NULL;
    size_t n = 0;
    int rc = 0;
    bool found = false;
    for (int64_t to = sb_ledger_head(ledger); rc == 0 && !found && to > 0; to -= CHUNK) {
        n = 0;
        rc = sb_ledger_seqs_of(ledger, to > CHUNK ? to - CHUNK + 1 : 1, to, SB_ENTRY_POLICY_LOAD, &seqs, &n, err);
        while (rc == 0 && !found && n > 0) {
            struct sb_entry e;
            char at[SB_TIME_LEN + 1];
            if ((rc = sb_ledger_entry(ledger, seqs[--n], &e, err)))
                break;
            const char *sha256 = sb_json_str(json_object_get(e.body, "policy"), "sha256"), *text = sb_json_str(e.body, "text");
            found = e.kind == SB_ENTRY_POLICY_LOAD && sha256 && text;
            if (found && !sb_streq(sha256, l->sha256)) {
                sb_time_format(at, e.ts);
                l->since = sb_format("%s since %s", e.plan.deployment ? e.plan.deployment : "", at);
                l->in_force = l->since ? sb_policy_load(text, strlen(text), "the bundle in force", &sb_zones_of_system, err) : NULL;
                snprintf(l->sha256, sizeof l->sha256, "%s", sha256);
                rc = l->in_force ? 0 : l->since ? -1 : sb_fail_nomem(err);
            }
            sb_entry_release(&e);
        }
    }
    free(seqs);
    return rc;
}

static int read_ledger(struct levels *l, bool named, const char *dir, struct sb_err *err)
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
    int rc = ledger ? 0 : -1;
    if (rc == 0 && !named)
        rc = find_in_force(l, ledger, err);
    if (rc == 0)
        rc = sb_ledger_by_ref(ledger, l->sha256, first_load, &from, err);
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
    sb_print("  %-16s %-8s %s\n", kind, environment, sb_name(&sb_autonomy_levels, sb_autonomy_level(p, kind, env, now)));
    for (size_t i = 0; i < json_array_size(l->list); i++) {
        const json_t *x = json_array_get(l->list, i);
        if (sb_streq(sb_json_str(x, "kind"), kind) && sb_streq(sb_json_str(x, "environment"), environment))
            sb_print("    lowered to L%" PRId64 " by the record of %s%s, %s: %s\n", sb_json_int(x, "lowered_to"), sb_json_str(x, "deployment"),
                     json_is_true(json_object_get(x, "simulated")) ? " (SIMULATED)" : "", sb_json_str(x, "at"), sb_json_str(x, "reason") ? sb_json_str(x, "reason") : "");
    }
}

static void print_back(const struct levels *l)
{
    for (size_t i = 0; i < json_array_size(l->back); i++) {
        const json_t *x = json_array_get(l->back, i);
        sb_print("  %s in %s of %s%s came back, signed by %s, %s: %s\n", sb_json_str(x, "kind"), sb_json_str(x, "environment"), sb_json_str(x, "deployment"),
                 json_is_true(json_object_get(x, "simulated")) ? " (SIMULATED)" : "", sb_json_str(x, "by"), sb_json_str(x, "at"), sb_json_str(x, "reason") ? sb_json_str(x, "reason") : "");
    }
}

static json_t *levels_json(const struct sb_policy *p, const struct levels *l, int64_t now)
{
    json_t *granted = json_array();
    for (size_t i = 0; granted && i < SB_AUTONOMY_KINDS; i++)
        for (int env = SB_ENV_PROD; env <= SB_ENV_DEV; env++)
            json_array_append_new(granted, json_pack("{s:s,s:s,s:i}", "kind", sb_autonomy_kinds[i], "environment", sb_name(&sb_environments, env), "level",
                                                     sb_autonomy_level(p, sb_autonomy_kinds[i], env, now)));
    return json_pack("{s:o,s:o,s:O,s:O}", "policy", sb_record_to_json(&sb_bundle_id_schema, sb_policy_id(p)), "granted", granted, "lowered", l->list, "restored", l->back);
}

static int levels_read(struct levels *l, const struct sb_policy *configured, bool named, const char *dir, struct sb_err *err)
{
    *l = (struct levels){.list = json_array(), .back = json_array()};
    snprintf(l->sha256, sizeof l->sha256, "%s", sb_policy_id(configured)->sha256);
    return l->list && l->back ? read_ledger(l, named, dir, err) : sb_fail_nomem(err);
}

static void levels_release(struct levels *l)
{
    sb_policy_free(l->in_force);
    free(l->since);
    free(l->seqs);
    json_decref(l->list);
    json_decref(l->back);
}

int sb_policy_levels_command(const struct sb_policy *configured, bool named, const char *dir, bool json, struct sb_err *err)
{
    struct levels l;
    struct sb_origin origin;
    sb_origin_system(&origin);
    int64_t now = sb_origin_wall_ms(&origin);
    int rc = levels_read(&l, configured, named, dir, err);
    const struct sb_policy *p = l.in_force ? l.in_force : configured;
    const struct sb_bundle_id *id = sb_policy_id(p);
    if (rc == 0 && sb_autonomy_level(p, sb_autonomy_kinds[0], SB_ENV_PROD, now) < 0)
        rc = sb_fail(err, SB_EINPUT, "%s %s grants no levels: it has no autonomy section", id->bundle, id->version);
    if (rc == 0 && json) {
        rc = sb_print_json(levels_json(p, &l, now)) ? sb_fail(err, SB_EIO, "cannot write") : 0;
    } else if (rc == 0) {
        sb_print("%s %s (%.12s)\n", id->bundle, id->version, id->sha256);
        if (l.in_force)
            sb_print("  in force for %s; the config names %s %s (%.12s)\n", l.since, sb_policy_id(configured)->bundle, sb_policy_id(configured)->version, sb_policy_id(configured)->sha256);
        for (size_t i = 0; i < SB_AUTONOMY_KINDS; i++)
            for (int env = SB_ENV_PROD; env <= SB_ENV_DEV; env++)
                print_kind(p, &l, sb_autonomy_kinds[i], env, now);
        print_alarms(&l);
        print_back(&l);
    }
    levels_release(&l);
    return rc;
}

int sb_policy_lowered(const struct sb_policy *configured, bool named, const char *dir, const struct sb_lowered_wanted *w, json_t **out, char sha256[SB_HEX_LEN + 1], struct sb_err *err)
{
    struct levels l;
    int rc = levels_read(&l, configured, named, dir, err);
    const json_t *found = NULL;
    for (size_t i = 0; rc == 0 && i < json_array_size(l.list); i++) {
        const json_t *x = json_array_get(l.list, i);
        if (!sb_streq(sb_json_str(x, "kind"), w->kind) || (w->environment && !sb_streq(sb_json_str(x, "environment"), w->environment)) ||
            (w->deployment && !sb_streq(sb_json_str(x, "deployment"), w->deployment)))
            continue;
        bool same = found && sb_streq(sb_json_str(found, "environment"), sb_json_str(x, "environment")) && sb_streq(sb_json_str(found, "deployment"), sb_json_str(x, "deployment"));
        if (found && !same)
            rc = sb_fail(err, SB_EUSAGE, "%s stands lowered in more than one place: say which with --environment and --deployment", w->kind);
        found = x; /* the last one of a place is what stands */
    }
    if (rc == 0 && !found)
        rc = sb_fail(err, SB_ENO, "%s does not stand lowered%s%s (see: signalbox policy levels)", w->kind, w->environment ? " in " : "", w->environment ? w->environment : "");
    if (rc == 0 && !(*out = json_deep_copy(found)))
        rc = sb_fail_nomem(err);
    snprintf(sha256, SB_HEX_LEN + 1, "%s", l.sha256);
    levels_release(&l);
    return rc;
}
