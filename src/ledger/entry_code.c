/* SPDX-License-Identifier: Apache-2.0 */
#include <signalbox/ledger/checkpoint.h>
#include <signalbox/ledger/entry_code.h>

#include <inttypes.h>

#define MAX_ID 200

/* ---- writing: members in their canonical order ---- */

static int add_text(struct sb_str *out, const char *key, const char *text, struct sb_err *err)
{
    sb_str_addf(out, ",\"%s\":", key);
    if (text)
        return sb_json_string(out, text, strlen(text), err);
    sb_str_adds(out, "null");
    return 0;
}

static int add_body(struct sb_str *out, const struct sb_entry *e, struct sb_err *err)
{
    if (!e->body) {
        sb_str_adds(out, "{}");
        return 0;
    }
    if (!json_is_object(e->body))
        return sb_fail(err, SB_EINPUT, "the body of an entry (%s) must be an object", sb_name(&sb_entry_kinds, e->kind));
    size_t start = out->len;
    if (sb_json_canonical(out, e->body, err))
        return -1;
    if (out->len - start > SB_ENTRY_MAX_BODY)
        return sb_fail(err, SB_EINPUT, "the body of an entry (%s) has %zu bytes; %d are the limit", sb_name(&sb_entry_kinds, e->kind),
                       out->len - start, SB_ENTRY_MAX_BODY);
    return 0;
}

/* Entries are found by these, so they must read the same in and out of JSON. */
static int check_id(const char *what, const char *id, struct sb_err *err)
{
    if (!id)
        return 0;
    size_t n = strlen(id);
    bool plain = n > 0 && n <= MAX_ID;
    for (size_t i = 0; i < n && plain; i++)
        plain = (unsigned char)id[i] > ' ' && id[i] != '"' && id[i] != '\\';
    return plain ? 0 : sb_fail(err, SB_EINPUT, "the %s of an entry must be 1 to %d printable characters without blanks or quotes", what, MAX_ID);
}

int sb_entry_encode(const struct sb_entry *e, const struct sb_entry_place *where, struct sb_str *out, struct sb_err *err)
{
    char prev[SB_HEX_LEN + 1];
    static const struct sb_hash nothing;
    sb_hex_encode(prev, where->prev ? where->prev->bytes : nothing.bytes, SB_HASH_LEN);
    size_t start = out->len;
    if (check_id("case", e->plan.case_id, err) || check_id("card", e->plan.card, err) || check_id("anomaly", e->plan.anomaly, err) ||
        check_id("decision", e->decision, err) || check_id("policy", e->policy, err))
        return -1;
    sb_str_adds(out, "{\"actor\":");
    if (sb_record_canonical(&sb_actor_schema, &e->actor, out, err))
        return -1;
    sb_str_adds(out, ",\"body\":");
    if (add_body(out, e, err) || add_text(out, "boot", where->origin->boot, err) || add_text(out, "decision", e->decision, err) ||
        add_text(out, "host", where->origin->host, err) || add_text(out, "kind", sb_name(&sb_entry_kinds, e->kind), err))
        return -1;
    sb_str_addf(out, ",\"log\":\"%s\",\"mono\":%" PRId64 ",\"pid\":%" PRId64 ",\"plan\":", where->log, where->mono, where->origin->pid);
    if (sb_record_canonical(&sb_plan_ref_schema, &e->plan, out, err) || add_text(out, "policy", e->policy, err))
        return -1;
    sb_str_addf(out, ",\"prev\":\"%s\",\"seq\":%" PRId64 ",\"ts\":%" PRId64 ",\"v\":%d}", prev, where->seq, where->ts, SB_ENTRY_VERSION);
    if (!sb_str_ok(out))
        return sb_fail_nomem(err);
    if (out->len - start > SB_ENTRY_MAX_BYTES)
        return sb_fail(err, SB_EINPUT, "an entry of %zu bytes; %d are the limit", out->len - start, SB_ENTRY_MAX_BYTES);
    return 0;
}

/* ---- reading ---- */

static int text_of(char **slot, struct sb_span value, struct sb_err *err)
{
    if (!value.p || *value.p == 'n')
        return 0;
    json_t *json = sb_span_json(value, 1);
    int rc = json ? sb_str_set(slot, json_string_value(json)) : -1;
    json_decref(json);
    return rc ? sb_fail_nomem(err) : 0;
}

static int record_of(const struct sb_schema *schema, void *dst, struct sb_span value, struct sb_err *err)
{
    json_t *json = sb_span_json(value, 0);
    int rc = json ? sb_record_from_json(schema, dst, json, err) : sb_fail_nomem(err);
    json_decref(json);
    return rc;
}

int sb_entry_kind_of(const struct sb_entry_view *view)
{
    for (int i = 0; i < SB_ENTRY_KINDS; i++) {
        const char *name = sb_name(&sb_entry_kinds, i);
        if (view->kind.n > 2 && view->kind.p[1] == *name && sb_span_is(view->kind, name))
            return i;
    }
    return -1;
}

int sb_entry_decode(const char *bytes, size_t n, unsigned levels, struct sb_entry *e, struct sb_err *err)
{
    struct sb_entry_view v;
    struct sb_flaw flaw;
    memset(e, 0, sizeof *e);
    if (!sb_entry_view(bytes, n, NULL, &v, &flaw))
        return sb_fail(err, SB_ELEDGER, "a stored entry is damaged at byte %zu: %s", flaw.at, flaw.what);
    e->kind = sb_entry_kind_of(&v);
    if (e->kind < 0) {
        e->kind = 0;
        return sb_fail(err, SB_ELEDGER, "entry %" PRId64 " is of a kind this program does not know (%.*s): a newer signalbox wrote it",
                       v.seq, (int)v.kind.n, v.kind.p);
    }
    e->seq = v.seq;
    e->ts = sb_span_int(v.ts);
    e->body = sb_span_json(v.body, levels);
    if (!e->body) {
        sb_fail_nomem(err);
        goto fail;
    }
    if (record_of(&sb_actor_schema, &e->actor, v.actor, err) || record_of(&sb_plan_ref_schema, &e->plan, v.plan, err) ||
        text_of(&e->decision, v.decision, err) || text_of(&e->policy, v.policy, err)) {
        sb_err_prefix(err, "entry %" PRId64, v.seq);
        goto fail;
    }
    return 0;
fail:
    sb_entry_release(e);
    return -1;
}
