/* SPDX-License-Identifier: Apache-2.0
 *
 * Which policy is in force: the bundle that the session offers, held against what the record says of earlier ones; the shadow
 * beside it; and the waivers of the day. */
#include "private.h"

#include <signalbox/base/file.h>
#include <signalbox/policy/activate.h>
#include <signalbox/policy/replay.h>
#include <signalbox/policy/waiver.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 4096 /* entries looked through at a time, from the newest back */

/* ---- what the record says ---- */

struct past {
    struct sb_entry load; /* the newest policy.load */
    json_t *versions, *in_force; /* {NAME: {version, sha256}}, {DEPLOYMENT: sha256} */
    char *text;
    size_t len;
};

static int note_seq(void *ctx, int64_t seq, const char *bytes, size_t n, struct sb_err *err)
{
    static const char kind[] = "\"kind\":\"policy.load\"";
    (void)err;
    if (memmem(bytes, n, kind, sizeof kind - 1))
        *(int64_t *)ctx = seq;
    return 0;
}

/* The number of the newest policy.load, 0 when there is none. Every run begins with one, so it is seldom far back. */
static int newest_load(struct sb_orchestrator *o, int64_t *seq, struct sb_err *err)
{
    *seq = 0;
    for (int64_t to = sb_ledger_head(o->ledger); to > 0 && !*seq; to -= CHUNK)
        if (sb_ledger_bytes(o->ledger, to > CHUNK ? to - CHUNK + 1 : 1, to, note_seq, seq, err))
            return -1;
    return 0;
}

static int take_text(void *ctx, const struct sb_entry *e, const char *bytes, size_t n, struct sb_err *err)
{
    struct past *p = ctx;
    const json_t *text = json_object_get(e->body, "text");
    (void)bytes;
    (void)n;
    if (e->kind != SB_ENTRY_POLICY_LOAD || !json_is_string(text))
        return 0;
    p->len = json_string_length(text);
    p->text = sb_strdup_n(json_string_value(text), p->len);
    return p->text ? 1 : sb_fail_nomem(err);
}

static int read_past(struct sb_orchestrator *o, struct past *p, struct sb_err *err)
{
    int64_t seq;
    if (newest_load(o, &seq, err))
        return -1;
    if (!seq)
        return 0;
    if (sb_ledger_entry(o->ledger, seq, &p->load, err))
        return -1;
    const json_t *body = p->load.body, *id = json_object_get(body, "policy");
    p->versions = json_deep_copy(json_object_get(body, "versions"));
    p->in_force = json_deep_copy(json_object_get(body, "in_force"));
    if (!p->versions && sb_json_str(id, "bundle")) { /* of a program that did not keep them yet */
        struct sb_bundle_id was;
        if (sb_record_from_json(&sb_bundle_id_schema, &was, id, err))
            return -1;
        p->versions = sb_policy_versions_with(NULL, &was);
        sb_record_release(&sb_bundle_id_schema, &was);
        p->in_force = json_pack("{s:s?}", p->load.plan.deployment ? p->load.plan.deployment : "", sb_json_str(id, "sha256"));
    }
    const char *sha256 = sb_json_str(p->in_force, o->deployment);
    return sha256 ? sb_ledger_by_ref(o->ledger, sha256, take_text, p, err) : 0;
}

static void past_release(struct past *p)
{
    sb_entry_release(&p->load);
    json_decref(p->versions);
    json_decref(p->in_force);
    free(p->text);
}

/* ---- what comes into force ---- */

/* The body of the entry that says so. */
static json_t *load_body(const struct sb_orchestrator *o, const struct past *p, const char *text, size_t len, const char *signer)
{
    const struct sb_bundle_id *id = sb_policy_id(o->policy);
    json_t *versions = sb_policy_versions_with(p->versions, id), *in_force = json_is_object(p->in_force) ? json_deep_copy(p->in_force) : json_object();
    if (in_force && json_object_set_new(in_force, o->deployment, json_string(id->sha256))) {
        json_decref(in_force);
        in_force = NULL;
    }
    return json_pack("{s:o,s:s%,s:o,s:o,s:s?}", "policy", sb_record_to_json(&sb_bundle_id_schema, id), "text", text, len, "versions", versions, "in_force", in_force,
                     "signer", signer);
}

static void load_shadow(struct sb_orchestrator *o, const struct sb_orchestrator_options *opt)
{
    struct sb_err why = SB_ERR_INIT;
    if (!opt->shadow_text)
        return;
    o->shadow = sb_policy_load(opt->shadow_text, opt->shadow_len, opt->shadow_path, &sb_zones_of_system, &why);
    if (!o->shadow)
        sb_o_alarm(o, "the shadow policy is not asked: %s", why.msg);
}

void sb_o_alarm(struct sb_orchestrator *o, const char *fmt, ...)
{
    struct sb_str s;
    va_list ap;
    sb_str_init(&s);
    va_start(ap, fmt);
    if (o->policy_alarm)
        sb_str_addf(&s, "%s; ", o->policy_alarm);
    sb_str_vaddf(&s, fmt, ap);
    va_end(ap);
    char *text = sb_str_take(&s);
    if (!text)
        return; /* what was said before stays */
    free(o->policy_alarm);
    o->policy_alarm = text;
}

int sb_o_load_policy(struct sb_orchestrator *o, const struct sb_orchestrator_options *opt, struct sb_err *err)
{
    struct past past = {.text = NULL};
    struct sb_policy_activation a = {.policy = NULL};
    int rc = read_past(o, &past, err);
    if (rc == 0)
        rc = sb_policy_activate(
            &(struct sb_policy_offer){.text = opt->policy_text, .len = opt->policy_len, .path = opt->policy_path, .signature = opt->policy_signature,
                                      .signature_n = opt->policy_signature_len, .built_in = opt->policy_built_in},
            &(struct sb_policy_past){past.text, past.len, past.versions}, &sb_zones_of_system, opt->verifier, &a, err);
    if (rc == 0) {
        bool kept = a.alarm.code != SB_OK;
        o->policy = a.policy;
        if (kept)
            sb_o_alarm(o, "the policy was not taken, and %s %s stays in force: %s", sb_policy_id(o->policy)->bundle, sb_policy_id(o->policy)->version, a.alarm.msg);
        load_shadow(o, opt);
        o->policy_record = load_body(o, &past, kept ? past.text : opt->policy_text, kept ? past.len : opt->policy_len, a.signer);
        if (!o->policy_record || sb_str_set(&o->waivers_path, opt->waivers_path))
            rc = sb_fail_nomem(err);
    }
    free(a.signer);
    past_release(&past);
    return rc;
}

void sb_o_record_policy(struct sb_orchestrator *o)
{
    sb_o_record(o, SB_ENTRY_POLICY_LOAD, NULL, NULL, o->policy_record, NULL); /* takes it */
    o->policy_record = NULL;
    if (o->policy_alarm)
        sb_o_record(o, SB_ENTRY_REFUSED, NULL, NULL, json_pack("{s:s,s:s}", "ask", "policy.load", "why", o->policy_alarm), NULL);
}

void sb_o_free_policy(struct sb_orchestrator *o)
{
    sb_policy_free(o->policy);
    sb_policy_free(o->shadow);
    json_decref(o->policy_record);
    free(o->policy_alarm);
    free(o->waivers_path);
}

/* ---- while it is in force ---- */

/* Read anew each time: a waiver is for now. A file that is wrong waives nothing, and says so. */
int sb_o_add_waivers(struct sb_orchestrator *o, json_t *input, struct sb_err *err)
{
    struct sb_str text;
    struct sb_err why = SB_ERR_INIT;
    int rc = 0;
    if (!o->waivers_path)
        return 0;
    sb_str_init(&text);
    json_t *list = sb_file_read(o->waivers_path, SB_WAIVERS_MAX_BYTES, &text, &why) ? NULL : sb_waivers_read(text.p, text.len, o->waivers_path, o->opt.verifier, &why);
    if (list)
        rc = json_object_set_new(input, "waivers", list) ? sb_fail_nomem(err) : 0;
    else if (why.detail != ENOENT)
        sb_o_notice(o, SB_MEDIUM, "No waiver counts: %s", why.msg);
    sb_str_release(&text);
    return rc;
}

json_t *sb_o_shadow(const struct sb_orchestrator *o, const json_t *asked, const struct sb_policy_verdict *v)
{
    struct sb_policy_verdict other;
    json_t *input = o->shadow ? json_deep_copy(asked) : NULL, *out = NULL, *rules = NULL;
    if (!input)
        return NULL;
    if (sb_policy_freeze(o->shadow, input, NULL) == 0 && sb_policy_evaluate(o->shadow, input, &other, NULL) == 0) {
        rules = json_array();
        for (size_t i = 0; rules && i < other.rules_n; i++)
            if (other.rules[i].decides)
                json_array_append_new(rules, json_string(other.rules[i].id));
        out = json_pack("{s:o,s:s,s:s,s:I,s:o}", "policy", sb_record_to_json(&sb_bundle_id_schema, &other.policy), "decision", sb_name(&sb_decisions, other.decision), "change",
                        sb_name(&sb_policy_changes, (int)sb_policy_compare(v, &other)), "approvals", (json_int_t)other.requires.approvals, "rules", rules);
        sb_policy_verdict_release(&other);
    }
    json_decref(input);
    return out;
}
