/* SPDX-License-Identifier: Apache-2.0
 *
 * A decision of the record: its rules with the values they saw, and whether it comes out the same again. */
#include "policy_explain.h"

#include "flat.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/cli/command.h>
#include <signalbox/ledger/entry_code.h>
#include <signalbox/ledger/ledger.h>
#include <signalbox/policy/policy.h>

#include <inttypes.h>
#include <stdlib.h>

static int printed(int rc, struct sb_err *err)
{
    return rc ? sb_fail(err, SB_EIO, "cannot write") : 0;
}

/* A decision of the record, and the bundle that made it. */
struct decision {
    struct sb_ledger *l;
    const char *id;
    struct sb_entry entry;
    bool found;
    char *bundle; /* its text; NULL: not on the record */
    size_t bundle_n;
    int64_t loaded_by;
};

static int find_verdict(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct decision *d = ctx;
    if (e->kind != SB_ENTRY_VERDICT || !sb_streq(e->decision, d->id))
        return 0;
    d->found = true;
    return sb_entry_decode(bytes, n, 0, &d->entry, err) ? -1 : 1;
}

static int find_bundle(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    (void)bytes;
    (void)n;
    struct decision *d = ctx;
    const json_t *text = json_object_get(e->body, "text");
    if (e->kind != SB_ENTRY_POLICY_LOAD || !json_is_string(text))
        return 0;
    d->bundle_n = json_string_length(text);
    d->loaded_by = e->seq;
    d->bundle = sb_strdup_n(json_string_value(text), d->bundle_n);
    return d->bundle ? 1 : sb_fail_nomem(err);
}

/* The same input under the same bundle: 1 gives the same verdict, 0 another, -1 cannot be tried (why says what stops it). */
static int ask_again(const struct decision *d, struct sb_err *why)
{
    struct sb_policy_verdict v;
    if (!d->bundle)
        return sb_fail(why, SB_EINPUT, "the bundle that decided is not on the record");
    struct sb_policy *p = sb_policy_load(d->bundle, d->bundle_n, "the recorded bundle", NULL, why);
    if (!p)
        return -1;
    int same = -1;
    if (!sb_streq(sb_policy_id(p)->sha256, d->entry.policy))
        sb_fail(why, SB_EINPUT, "the bundle that entry %" PRId64 " recorded is not the one that decided", d->loaded_by);
    else if (sb_policy_evaluate(p, json_object_get(d->entry.body, "input"), &v, why) == 0) {
        json_t *now = sb_str_set(&v.decision_id, d->id) ? NULL : sb_record_to_json(&sb_policy_verdict_schema, &v);
        same = now ? json_equal(now, json_object_get(d->entry.body, "verdict")) : sb_fail_nomem(why);
        json_decref(now);
        sb_policy_verdict_release(&v);
    }
    sb_policy_free(p);
    return same;
}

static int explain_json(const struct decision *d, const struct sb_policy_verdict *v, int again, struct sb_err *err)
{
    char at[SB_TIME_LEN + 1];
    const struct sb_entry *e = &d->entry;
    sb_time_format(at, e->ts);
    json_t *out = sb_record_to_json(&sb_policy_verdict_schema, v);
    json_t *more = json_pack("{s:I,s:s,s:s?,s:s?,s:s?,s:s?,s:b,s:O,s:o}", "entry", (json_int_t)e->seq, "at", at, "stage", sb_json_str(e->body, "stage"), "actor",
                             e->actor.principal, "case", e->plan.case_id, "card", e->plan.card, "simulated", e->plan.simulated, "input", json_object_get(e->body, "input"),
                             "same_again", again < 0 ? json_null() : json_boolean(again));
    if (!out || json_object_update_new(out, more)) {
        json_decref(out);
        return sb_fail_nomem(err);
    }
    return printed(sb_print_json(out), err);
}

/* The page of policy/, its texts made flat. */
static int explain_page(const struct sb_entry *e, struct sb_err *err)
{
    struct sb_policy_verdict v;
    struct sb_str page;
    json_t *body = sb_flat(e->body);
    if (!body)
        return sb_fail_nomem(err);
    int rc = sb_record_from_json(&sb_policy_verdict_schema, &v, json_object_get(body, "verdict"), err);
    if (rc == 0) {
        sb_str_init(&page);
        sb_policy_explain(json_object_get(body, "input"), &v, &page);
        sb_print("%s", page.p);
        rc = sb_str_ok(&page) ? 0 : sb_fail_nomem(err);
        sb_str_release(&page);
        sb_policy_verdict_release(&v);
    }
    json_decref(body);
    return rc;
}

static int explain_text(const struct decision *d, int again, const struct sb_err *why, struct sb_err *err)
{
    char at[SB_TIME_LEN + 1];
    const struct sb_entry *e = &d->entry;
    sb_time_format(at, e->ts);
    sb_print("decision %s, entry %" PRId64 " of %s, at %s%s%s%s\n", d->id, e->seq, at, sb_json_str(e->body, "stage") ? sb_json_str(e->body, "stage") : "?",
             e->plan.card || e->plan.case_id ? ", for " : "", e->plan.card ? e->plan.card : e->plan.case_id ? e->plan.case_id : "", e->plan.simulated ? " (SIMULATED)" : "");
    if (explain_page(e, err))
        return -1;
    if (again > 0)
        return printed(sb_print("Asked again: the bundle of entry %" PRId64 " gives the same verdict on the same input.\n", d->loaded_by), err);
    if (again < 0)
        return printed(sb_print("Not asked again: %s.\n", why->msg), err);
    return printed(sb_print("Asked again: this program gives ANOTHER verdict on the same input under the bundle of entry %" PRId64 ".\n", d->loaded_by), err);
}

static int explain_entry(const struct decision *d, bool json, struct sb_err *err)
{
    struct sb_policy_verdict v;
    struct sb_err why = SB_ERR_INIT;
    if (sb_record_from_json(&sb_policy_verdict_schema, &v, json_object_get(d->entry.body, "verdict"), err)) {
        sb_err_prefix(err, "entry %" PRId64, d->entry.seq);
        return -1;
    }
    int again = ask_again(d, &why);
    int rc = json ? explain_json(d, &v, again, err) : explain_text(d, again, &why, err);
    sb_policy_verdict_release(&v);
    return rc ? rc : again == 0;
}

int sb_policy_explain_command(const char *id, const char *ledger, bool json, struct sb_err *err)
{
    struct decision d = {.id = id};
    struct sb_str dir;
    sb_str_init(&dir);
    int rc = -1;
    if ((ledger || sb_path_state_seen(&dir, err) == 0) && (d.l = sb_ledger_open(ledger ? ledger : dir.p, SB_LEDGER_READ, NULL, err))) {
        rc = sb_ledger_by_ref(d.l, id, find_verdict, &d, err);
        if (rc == 0 && !d.found)
            rc = sb_fail(err, SB_EINPUT, "the ledger has no decision %s", id);
        if (rc == 0 && d.entry.policy)
            rc = sb_ledger_by_ref(d.l, d.entry.policy, find_bundle, &d, err);
        if (rc == 0)
            rc = explain_entry(&d, json, err);
    }
    if (rc < 0 && err->code == SB_ELEDGER)
        err->code = SB_ENO; /* nothing was to be written: the record is broken, or of another program */
    sb_entry_release(&d.entry);
    free(d.bundle);
    sb_ledger_close(d.l);
    sb_str_release(&dir);
    return rc;
}
