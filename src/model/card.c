/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/model/card.h>

#include <stdlib.h>
#include <string.h>

static const struct sb_member check_members[] = {
    SB_MEMBER(struct sb_check, check, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_check, ns, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_check, name, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_check, value, SB_STR, 0, NULL),
};
const struct sb_schema sb_check_schema = SB_SCHEMA("check", struct sb_check, check_members);

static const struct sb_member work_members[] = {
    SB_MEMBER(struct sb_step_work, how, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_step_work, field, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_step_work, new_field, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_step_work, docs, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_step_work, delay_ms, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_step_work, max_lag_s, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_step_work, max_queued, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_step_work, max_cache_ppm, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_step_work, min_oplog_s, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_step_work, writes, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_step_work, quiet_s, SB_INT, 0, NULL),
};
const struct sb_schema sb_step_work_schema = SB_SCHEMA("work", struct sb_step_work, work_members);

static const struct sb_member step_members[] = {
    SB_MEMBER(struct sb_step, n, SB_INT, SB_NEEDED, NULL),
    SB_MEMBER_AS("class", struct sb_step, class_, SB_ENUM, SB_NEEDED, &sb_step_classes),
    SB_MEMBER_AS("do", struct sb_step, action, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_step, undo, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_step, hide, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_step, undo_label, SB_ENUM, SB_NEEDED, &sb_undo_labels),
    SB_MEMBER(struct sb_step, control, SB_ENUM, SB_NEEDED, &sb_controls),
    SB_LIST(struct sb_step, check_before, SB_RECS, SB_ALWAYS, &sb_check_schema),
    SB_LIST(struct sb_step, check_after, SB_RECS, SB_ALWAYS, &sb_check_schema),
    SB_MEMBER(struct sb_step, work, SB_REC, 0, &sb_step_work_schema), /* not there when empty, so that no other card's hash changes */
};
const struct sb_schema sb_step_schema = SB_SCHEMA("step", struct sb_step, step_members);

static const struct sb_member blast_members[] = {
    SB_LIST(struct sb_blast_radius, namespaces, SB_STRS, SB_ALWAYS, NULL),
    SB_LIST(struct sb_blast_radius, apps, SB_STRS, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_blast_radius, documents, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_blast_radius, bytes, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_blast_radius, members, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_blast_radius, writes_per_s_milli, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_blast_radius, reads_per_s_milli, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_blast_radius, est_duration_ms, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_blast_radius, est_bytes, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_blast_radius, lock, SB_STR, 0, NULL),
};
const struct sb_schema sb_blast_radius_schema = SB_SCHEMA("blast_radius", struct sb_blast_radius, blast_members);

static const struct sb_member criterion_members[] = {
    SB_MEMBER(struct sb_criterion, metric, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_criterion, subject, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_criterion, label, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_criterion, unit, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_criterion, at_least, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_criterion, limit, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_criterion, baseline, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_criterion, has_baseline, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_criterion, predicted, SB_INT, 0, NULL), /* not there when nothing is predicted, so that no older card's hash changes */
    SB_MEMBER(struct sb_criterion, has_predicted, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_criterion, badge, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_criterion, decisive, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_criterion, on_breach, SB_STR, 0, NULL),
};
const struct sb_schema sb_criterion_schema = SB_SCHEMA("criterion", struct sb_criterion, criterion_members);

static const struct sb_member watch_members[] = {
    SB_MEMBER(struct sb_watch, window_s, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_watch, min_operations, SB_INT, SB_ALWAYS, NULL),
    SB_LIST(struct sb_watch, criteria, SB_RECS, SB_ALWAYS, &sb_criterion_schema),
};
const struct sb_schema sb_watch_schema = SB_SCHEMA("watch", struct sb_watch, watch_members);

static const struct sb_member reading_members[] = {
    SB_MEMBER(struct sb_watch_reading, measured, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_watch_reading, breached, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_watch_reading, value, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_watch_reading, samples, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_watch_reading, note, SB_STR, 0, NULL),
};
static const struct sb_schema reading_schema = SB_SCHEMA("reading", struct sb_watch_reading, reading_members);

static const struct sb_member report_members[] = {
    SB_MEMBER(struct sb_watch_report, opened_at, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_watch_report, ends_at, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_watch_report, observed_s, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_watch_report, missing_s, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_watch_report, settling_s, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_watch_report, operations, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_watch_report, measured, SB_BOOL, 0, NULL),
    SB_LIST(struct sb_watch_report, readings, SB_RECS, 0, &reading_schema),
    SB_LIST(struct sb_watch_report, claims, SB_RECS, 0, &sb_claim_schema),
    SB_MEMBER(struct sb_watch_report, verdict, SB_ENUM, 0, &sb_verdicts),
    SB_MEMBER(struct sb_watch_report, reason, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_watch_report, remedy, SB_STR, 0, NULL),
};
const struct sb_schema sb_watch_report_schema = SB_SCHEMA("report", struct sb_watch_report, report_members);

int64_t sb_watch_elapsed_s(const struct sb_watch_report *r)
{
    int64_t sum;
    return __builtin_add_overflow(r->observed_s, r->missing_s, &sum) || __builtin_add_overflow(sum, r->settling_s, &sum) || sum < 0 ? 0 : sum;
}

int sb_check_add(struct sb_check **list, size_t *n, const char *check, const char *ns, const char *name, const char *value)
{
    struct sb_check *c = sb_list_push((void **)list, n, sizeof **list);
    return !c || sb_str_set(&c->check, check) || sb_str_set(&c->ns, ns) || sb_str_set(&c->name, name) || sb_str_set(&c->value, value) ? -1 : 0;
}

int sb_side_note_add(struct sb_card *c, const char *title, const char *text)
{
    struct sb_side_note *n = SB_PUSH(c->notes);
    if (!n || sb_str_set(&n->title, title))
        return -1;
    for (const char *p = text; *p;) {
        size_t len = strcspn(p, "\n");
        char *line = sb_strdup_n(p, len);
        int rc = !line || sb_strs_push(&n->lines, &n->lines_n, line);
        free(line);
        if (rc)
            return -1;
        p += len + (p[len] == '\n');
    }
    return 0;
}

static const struct sb_member rejected_members[] = {
    SB_MEMBER(struct sb_rejected, key, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_rejected, reason, SB_STR, SB_ALWAYS, NULL),
};
static const struct sb_schema rejected_schema = SB_SCHEMA("rejected", struct sb_rejected, rejected_members);

static const struct sb_member side_note_members[] = {
    SB_MEMBER(struct sb_side_note, title, SB_STR, SB_ALWAYS, NULL),
    SB_LIST(struct sb_side_note, lines, SB_STRS, SB_ALWAYS, NULL),
};
static const struct sb_schema side_note_schema = SB_SCHEMA("note", struct sb_side_note, side_note_members);

static const struct sb_member impact_members[] = {
    SB_MEMBER(struct sb_impact, score_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_impact, time_ms, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_impact, docs_saved, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_impact, bytes, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_impact, writes_per_s_milli, SB_INT, SB_ALWAYS, NULL),
};
static const struct sb_schema impact_schema = SB_SCHEMA("impact", struct sb_impact, impact_members);

static const struct sb_member approval_members[] = {
    SB_MEMBER(struct sb_approval, by, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_approval, how, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_approval, hash, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_approval, revision, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_approval, at, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_approval, nonce, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_approval, key, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_approval, own, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_approval, voided, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_approval, void_reason, SB_STR, 0, NULL),
};
const struct sb_schema sb_approval_schema = SB_SCHEMA("approval", struct sb_approval, approval_members);

static const struct sb_member breakglass_members[] = {
    SB_MEMBER(struct sb_breakglass, id, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_breakglass, by, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_breakglass, reason, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_breakglass, ticket, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_breakglass, hash, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_breakglass, from, SB_TIME, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_breakglass, until, SB_TIME, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_breakglass, key, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_breakglass, reviewed_by, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_breakglass, review, SB_STR, 0, NULL),
};
const struct sb_schema sb_breakglass_schema = SB_SCHEMA("breakglass", struct sb_breakglass, breakglass_members);

static const struct sb_member edit_members[] = {
    SB_MEMBER(struct sb_card_edit, what, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_card_edit, was, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_card_edit, now, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_card_edit, revision, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_card_edit, by, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_card_edit, at, SB_TIME, SB_ALWAYS, NULL),
};
const struct sb_schema sb_card_edit_schema = SB_SCHEMA("card_edit", struct sb_card_edit, edit_members);

static const struct sb_member progress_members[] = {
    SB_MEMBER(struct sb_progress, step, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_progress, phase, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_progress, done, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_progress, total, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_progress, eta_ms, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_progress, undoing, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_progress, quorum, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_progress, batch_docs, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_progress, batch_delay_ms, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_progress, batches_at_once, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_progress, alarm, SB_STR, 0, NULL),
};
static const struct sb_schema progress_schema = SB_SCHEMA("progress", struct sb_progress, progress_members);

/* The contract comes first in the table: the hashed card is the first CONTRACT members. */
static const struct sb_member card_members[] = {
    SB_MEMBER(struct sb_card, id, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_card, revision, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER_AS("case", struct sb_card, case_id, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_card, deployment, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_card, deployment_id, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_card, environment, SB_ENUM, 0, &sb_environments),
    SB_MEMBER(struct sb_card, simulated, SB_BOOL, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_card, kind, SB_ENUM, 0, &sb_card_kinds),
    SB_MEMBER(struct sb_card, title, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_card, why, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_card, target, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_card, index_name, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_card, index_key, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_card, index_options, SB_STR, 0, NULL),
    SB_LIST(struct sb_card, shapes, SB_STRS, 0, NULL),
    SB_MEMBER(struct sb_card, risk, SB_ENUM, 0, &sb_levels),
    SB_MEMBER(struct sb_card, confidence_ppm, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_card, author, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_card, requested_by, SB_STR, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_card, created_at, SB_TIME, SB_ALWAYS, NULL),
    SB_LIST(struct sb_card, steps, SB_RECS, SB_ALWAYS, &sb_step_schema),
    SB_MEMBER(struct sb_card, blast_radius, SB_REC, SB_ALWAYS, &sb_blast_radius_schema),
    SB_MEMBER(struct sb_card, impact, SB_REC, SB_ALWAYS, &impact_schema),
    SB_LIST(struct sb_card, rejected, SB_RECS, SB_ALWAYS, &rejected_schema),
    SB_LIST(struct sb_card, evidence, SB_RECS, SB_ALWAYS, &sb_evidence_schema),
    SB_MEMBER(struct sb_card, watch, SB_REC, SB_ALWAYS, &sb_watch_schema),
    SB_MEMBER(struct sb_card, approve_by, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_card, execute_by, SB_TIME, SB_ALWAYS, NULL),
    SB_MEMBER(struct sb_card, needs_person, SB_BOOL, 0, NULL), /* not there when false, so that no other card's hash changes */
    SB_MEMBER(struct sb_card, author_signs, SB_STR, 0, NULL), /* the same, and of those below */
    SB_MEMBER(struct sb_card, phase, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_card, after, SB_STR, 0, NULL),
    SB_LIST(struct sb_card, notes, SB_RECS, 0, &side_note_schema),
    SB_MEMBER(struct sb_card, proves, SB_STR, 0, NULL),
#define CONTRACT 34
    SB_MEMBER(struct sb_card, hash, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_card, state, SB_ENUM, 0, &sb_states),
    SB_MEMBER(struct sb_card, policy, SB_REC, SB_ALWAYS, &sb_policy_verdict_schema),
    SB_LIST(struct sb_card, approvals, SB_RECS, SB_ALWAYS, &sb_approval_schema),
    SB_MEMBER(struct sb_card, progress, SB_REC, 0, &progress_schema),
    SB_MEMBER(struct sb_card, report, SB_REC, 0, &sb_watch_report_schema),
    SB_MEMBER(struct sb_card, note, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_card, changed_at, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_card, closed, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_card, anomaly, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_card, breakglass, SB_REC, 0, &sb_breakglass_schema),
    SB_LIST(struct sb_card, beside, SB_RECS, 0, &sb_evidence_schema),
    SB_LIST(struct sb_card, edits, SB_RECS, 0, &sb_card_edit_schema),
};
const struct sb_schema sb_card_schema = SB_SCHEMA("card", struct sb_card, card_members);
static const struct sb_schema contract_schema = {"card", sizeof(struct sb_card), card_members, CONTRACT};

static const struct sb_member card_row_members[] = {
    SB_MEMBER(struct sb_card_row, id, SB_STR, SB_NEEDED, NULL),
    SB_MEMBER(struct sb_card_row, revision, SB_INT, SB_ALWAYS, NULL),
    SB_MEMBER_AS("case", struct sb_card_row, case_id, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_card_row, title, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_card_row, target, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_card_row, author, SB_STR, 0, NULL),
    SB_MEMBER(struct sb_card_row, environment, SB_ENUM, 0, &sb_environments),
    SB_MEMBER(struct sb_card_row, kind, SB_ENUM, 0, &sb_card_kinds),
    SB_MEMBER(struct sb_card_row, risk, SB_ENUM, 0, &sb_levels),
    SB_MEMBER(struct sb_card_row, state, SB_ENUM, 0, &sb_states),
    SB_MEMBER(struct sb_card_row, closed, SB_BOOL, 0, NULL),
    SB_MEMBER(struct sb_card_row, approve_by, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_card_row, execute_by, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_card_row, approvals, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_card_row, wanted, SB_INT, 0, NULL),
    SB_MEMBER(struct sb_card_row, glass_from, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_card_row, glass_until, SB_TIME, 0, NULL),
    SB_MEMBER(struct sb_card_row, changed_at, SB_TIME, 0, NULL),
};
const struct sb_schema sb_card_row_schema = SB_SCHEMA("card_row", struct sb_card_row, card_row_members);

int sb_card_row_of(const struct sb_card *c, struct sb_card_row *out)
{
    const struct sb_breakglass *g = &c->breakglass;
    bool glass = g->id && sb_streq(g->hash, c->hash);
    *out = (struct sb_card_row){.revision = c->revision, .environment = c->environment, .kind = c->kind, .risk = c->risk, .state = c->state, .closed = c->closed,
                                .approve_by = c->approve_by, .execute_by = c->execute_by, .approvals = (int64_t)sb_card_approvals(c),
                                .wanted = sb_card_approvals_wanted(c), .glass_from = glass ? g->from : 0, .glass_until = glass ? g->until : 0, .changed_at = c->changed_at};
    if (sb_str_set(&out->id, c->id) || sb_str_set(&out->case_id, c->case_id) || sb_str_set(&out->title, c->title) || sb_str_set(&out->target, c->target) ||
        sb_str_set(&out->author, c->author)) {
        sb_record_release(&sb_card_row_schema, out);
        return -1;
    }
    return 0;
}

void sb_card_release(struct sb_card *c)
{
    sb_record_release(&sb_card_schema, c);
}

int sb_card_canonical(const struct sb_card *c, struct sb_str *out, struct sb_err *err)
{
    return sb_record_canonical(&contract_schema, c, out, err);
}

int sb_card_seal(struct sb_card *c, struct sb_err *err)
{
    struct sb_str bytes;
    sb_str_init(&bytes);
    struct sb_hash hash;
    char hex[SB_HEX_LEN + 1];
    int rc = sb_card_canonical(c, &bytes, err);
    if (rc == 0)
        rc = sb_hash_bytes(&hash, bytes.p, bytes.len, err);
    if (rc == 0) {
        sb_hex_encode(hex, hash.bytes, SB_HASH_LEN);
        if (sb_str_set(&c->hash, hex))
            rc = sb_fail_nomem(err);
    }
    sb_str_release(&bytes);
    return rc;
}

size_t sb_card_approvals(const struct sb_card *c)
{
    size_t n = 0;
    for (size_t i = 0; i < c->approvals_n; i++) {
        const struct sb_approval *a = &c->approvals[i];
        n += !a->voided && a->revision == c->revision && sb_streq(a->hash, c->hash);
    }
    return n;
}

bool sb_step_only_looks(const struct sb_step *s)
{
    return s->work.how && !sb_streq(s->work.how, "batches");
}

int64_t sb_card_approvals_wanted(const struct sb_card *c)
{
    const struct sb_requires *r = &c->policy.requires;
    int64_t most = c->needs_person && r->approvals < 1 ? 1 : r->approvals;
    for (size_t i = 0; i < r->groups_n; i++) { /* "2 of dba", or the group's name alone for one */
        char *end;
        long n = strtol(r->groups[i], &end, 10);
        int64_t wanted = n > 0 && strncmp(end, " of ", 4) == 0 ? n : 1;
        most = wanted > most ? wanted : most;
    }
    return most;
}

bool sb_card_glass_broken(const struct sb_card *c, int64_t wall)
{
    const struct sb_breakglass *g = &c->breakglass;
    return g->id && sb_streq(g->hash, c->hash) && wall >= g->from && wall < g->until;
}

static bool is_open(int state, bool closed)
{
    return sb_state_open((enum sb_state)state) && !(state == SB_FAILED && closed);
}

bool sb_card_open(const struct sb_card *c)
{
    return is_open(c->state, c->closed);
}

bool sb_card_row_open(const struct sb_card_row *r)
{
    return is_open(r->state, r->closed);
}

const struct sb_edit_key sb_edit_keys[] = {
    {"name", "the index's name"},
    {"key", "the index's key pattern, as Extended JSON: {\"status\": 1, \"created_at\": -1}"},
    {"unique", "true or false"},
    {"sparse", "true or false"},
    {"expire_after_s", "seconds for a TTL index; empty for none"},
    {"partial_filter", "a partial index's filter, as Extended JSON; empty for none"},
    {"commit_quorum", "votingMembers, majority, or a number of members"},
    {"watch_window_s", "seconds of the watch window, up to 86400"},
    {"watch_events", "what must happen in time, or it is FAIL: backup within 24h, schedule:NAME within 24h; empty for none"},
};
const size_t sb_edit_keys_n = SB_COUNT(sb_edit_keys);

bool sb_edit_key_is_for(const struct sb_edit_key *key, int kind)
{
    return kind == SB_KIND_CREATE_INDEX || ((kind == SB_KIND_HIDE_INDEX || kind == SB_KIND_DROP_INDEX) && sb_starts_with(key->key, "watch_"));
}
