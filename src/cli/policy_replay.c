/* SPDX-License-Identifier: Apache-2.0 */
#include "policy_replay.h"

#include "flat.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/file.h>
#include <signalbox/cli/command.h>
#include <signalbox/cli/when.h>
#include <signalbox/cli/session.h>
#include <signalbox/ledger/ledger.h>
#include <signalbox/policy/replay.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SHOWN 20 /* rows of a kind as text; what is newly permitted is shown whole */

struct replay {
    struct sb_policy *candidate;
    int64_t since_ms, asked, count[SB_CHANGES];
    json_t *rows[SB_CHANGES]; /* of what changed */
};

/* ---- since when ---- */

/* The first entry at or after a time. Times of entries rise but for clocks that were put back, so a little is read again. */
static int first_entry(struct sb_ledger *l, int64_t since_ms, int64_t *out, struct sb_err *err)
{
    int64_t low = 1, high = sb_ledger_head(l) + 1;
    while (since_ms && low < high) {
        struct sb_entry e;
        int64_t middle = low + (high - low) / 2;
        if (sb_ledger_entry(l, middle, &e, err))
            return -1;
        if (e.ts < since_ms)
            low = middle + 1;
        else
            high = middle;
        sb_entry_release(&e);
    }
    *out = low > 1000 ? low - 1000 : 1;
    return 0;
}

/* ---- asking again ---- */

static json_t *row_json(const struct sb_entry *e, const struct sb_policy_replayed *r)
{
    char at[SB_TIME_LEN + 1];
    const json_t *action = json_object_get(json_object_get(e->body, "input"), "action");
    sb_time_format(at, e->ts);
    json_t *ns = json_incref(json_object_get(action, "ns"));
    return json_pack("{s:s?,s:I,s:s,s:s?,s:s?,s:s?,s:o*,s:b,s:s,s:s,s:s,s:I,s:I}", "decision", e->decision, "entry", (json_int_t)e->seq, "at", at, "card", e->plan.card,
                     "stage", sb_json_str(e->body, "stage"), "action", sb_json_str(action, "kind"), "ns", ns, "simulated", e->plan.simulated, "before",
                     sb_name(&sb_decisions, r->before), "after", sb_name(&sb_decisions, r->after), "rules", r->rules, "approvals_before",
                     (json_int_t)r->approvals_before, "approvals_after", (json_int_t)r->approvals_after);
}

static int ask_again(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct replay *r = ctx;
    struct sb_policy_replayed row;
    (void)bytes;
    (void)n;
    if (e->kind != SB_ENTRY_VERDICT || e->ts < r->since_ms)
        return 0;
    if (sb_policy_replay(r->candidate, e->body, &row, err))
        return -1;
    r->asked++;
    r->count[row.change]++;
    int rc = row.change == SB_CHANGE_UNCHANGED ? 0 : json_array_append_new(r->rows[row.change], row_json(e, &row));
    sb_policy_replayed_release(&row);
    return rc ? sb_fail_nomem(err) : 0;
}

/* ---- telling ---- */

static int tell_json(struct replay *r, struct sb_err *err)
{
    json_t *out = json_pack("{s:o,s:I}", "candidate", sb_record_to_json(&sb_bundle_id_schema, sb_policy_id(r->candidate)), "decisions", (json_int_t)r->asked);
    int rc = out ? 0 : -1;
    for (int i = 0; rc == 0 && i < SB_CHANGES; i++)
        rc = json_object_set_new(out, sb_name(&sb_policy_changes, i), i == SB_CHANGE_UNCHANGED ? json_integer(r->count[i]) : json_incref(r->rows[i]));
    if (rc) {
        json_decref(out);
        return sb_fail_nomem(err);
    }
    return sb_print_json(out) ? sb_fail(err, SB_EIO, "cannot write") : 0;
}

static void tell_row(const json_t *row)
{
    json_t *ns = json_object_get(row, "ns");
    sb_print("  %s  %-7s  %s%s%s%s, at %s: %s, was %s (%s)%s\n", sb_json_str(row, "decision"), sb_json_str(row, "card") ? sb_json_str(row, "card") : "-",
             sb_json_str(row, "action") ? sb_json_str(row, "action") : "?", json_array_size(ns) ? " on " : "",
             json_array_size(ns) && json_is_string(json_array_get(ns, 0)) ? json_string_value(json_array_get(ns, 0)) : "", json_array_size(ns) > 1 ? " and others" : "",
             sb_json_str(row, "stage") ? sb_json_str(row, "stage") : "?", sb_json_str(row, "after"), sb_json_str(row, "before"), sb_json_str(row, "rules"),
             json_is_true(json_object_get(row, "simulated")) ? " SIMULATED" : "");
}

static int tell_text(const struct replay *r, struct sb_err *err)
{
    static const char *const heads[SB_CHANGES] = {"unchanged", "newly denied", "newly permitted", "more approvals", "error"};
    static const int order[] = {SB_CHANGE_NEWLY_PERMITTED, SB_CHANGE_NEWLY_DENIED, SB_CHANGE_MORE_APPROVALS, SB_CHANGE_ERROR};
    const struct sb_bundle_id *id = sb_policy_id(r->candidate);
    sb_print("%" PRId64 " recorded decision%s under %s %s (%.12s)\n", r->asked, r->asked == 1 ? "" : "s", id->bundle, id->version, id->sha256);
    for (int i = 0; i < SB_CHANGES; i++)
        sb_print("  %-16s %" PRId64 "\n", heads[i], r->count[i]);
    for (size_t i = 0; i < SB_COUNT(order); i++) {
        json_t *rows = sb_flat(r->rows[order[i]]);
        size_t n = json_array_size(rows), shown = order[i] == SB_CHANGE_NEWLY_PERMITTED || n <= MAX_SHOWN ? n : MAX_SHOWN;
        if (!rows)
            return sb_fail_nomem(err);
        if (n)
            sb_print("%s\n", heads[order[i]]);
        for (size_t k = 0; k < shown; k++)
            tell_row(json_array_get(rows, k));
        if (shown < n)
            sb_print("  and %zu more (--json lists them all)\n", n - shown);
        json_decref(rows);
    }
    return sb_print("%s", "") ? sb_fail(err, SB_EIO, "cannot write") : 0;
}

/* ---- the whole ---- */

static int load_candidate(struct replay *r, const char *name, struct sb_err *err)
{
    struct sb_str text;
    const char *path;
    sb_str_init(&text);
    if (sb_policy_text_of(name, &text, &path, err) == 0)
        r->candidate = sb_policy_load(text.p, text.len, path, &sb_zones_of_system, err);
    else if (err->code == SB_EIO)
        err->code = SB_EINPUT;
    sb_str_release(&text);
    for (int i = 0; r->candidate && i < SB_CHANGES; i++)
        if (!(r->rows[i] = json_array()))
            return sb_fail_nomem(err);
    return r->candidate ? 0 : -1;
}

static int replay(struct replay *r, const char *ledger, struct sb_err *err)
{
    struct sb_str dir;
    struct sb_ledger *l = NULL;
    int64_t from;
    sb_str_init(&dir);
    int rc = ledger || sb_path_state_seen(&dir, err) == 0 ? 0 : -1;
    if (rc == 0 && !(l = sb_ledger_open(ledger ? ledger : dir.p, SB_LEDGER_READ, NULL, err)))
        rc = -1;
    if (rc == 0)
        rc = first_entry(l, r->since_ms, &from, err) || sb_ledger_range(l, from, 0, ask_again, r, err) ? -1 : 0;
    if (rc && err->code == SB_ELEDGER)
        err->code = SB_ENO; /* nothing was to be written: the record is broken, or of another program */
    sb_ledger_close(l);
    sb_str_release(&dir);
    return rc;
}

int sb_policy_replay_command(const char *candidate, const char *since, const char *ledger, bool json, struct sb_err *err)
{
    struct replay r = {.candidate = NULL};
    int rc = since && sb_when(since, &r.since_ms) ? sb_fail(err, SB_EUSAGE, "--since %s is not a time: write 90d, 12h, 2026-11-23 or 2026-11-23T09:05:10Z", since) : 0;
    if (rc == 0)
        rc = load_candidate(&r, candidate, err) || replay(&r, ledger, err) || (json ? tell_json(&r, err) : tell_text(&r, err)) ? -1 : 0;
    if (rc == 0)
        rc = r.count[SB_CHANGE_UNCHANGED] != r.asked;
    for (int i = 0; i < SB_CHANGES; i++)
        json_decref(r.rows[i]);
    sb_policy_free(r.candidate);
    return rc;
}
