/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <signalbox/base/clock.h>
#include <signalbox/base/hash.h>
#include <signalbox/policy/waiver.h>

#include <stdlib.h>

#define LONGEST_MS (72 * INT64_C(3600000))

static const char *const needed[] = {"id", "rule", "by", "reason", "from", "until"};
static const char *const optional[] = {"plan", "fingerprint", "ticket", "signature"};

static bool moment(const json_t *object, const char *key, int64_t *out)
{
    const char *text = sb_json_str(object, key);
    return text && sb_time_parse(text, strlen(text), out) == 0;
}

/* What is wrong with the form of a waiver; NULL: nothing. */
static const char *flaw(const json_t *w)
{
    size_t known = 0;
    int64_t from, until;
    if (!json_is_object(w))
        return "is no object";
    for (size_t i = 0; i < SB_COUNT(needed); i++) {
        const char *text = sb_json_str(w, needed[i]);
        if (!text || !*text)
            return "needs id, rule, by, reason, from and until";
        known++;
    }
    for (size_t i = 0; i < SB_COUNT(optional); i++)
        if (json_object_get(w, optional[i])) {
            if (!json_is_string(json_object_get(w, optional[i])))
                return "has a member that is no text";
            known++;
        }
    if (json_object_size(w) != known)
        return "has a member that is not known";
    if (!json_object_get(w, "plan") == !json_object_get(w, "fingerprint"))
        return "needs a plan or a fingerprint, and not both";
    const char *which = sb_json_str(w, json_object_get(w, "plan") ? "plan" : "fingerprint");
    uint8_t hash[SB_HASH_LEN];
    if (sb_hex_decode(hash, sizeof hash, which))
        return "names its plan by something else than a SHA-256";
    if (!moment(w, "from", &from) || !moment(w, "until", &until))
        return "has a time that is none, such as 2026-11-24T09:00:00Z";
    if (until <= from || until - from > LONGEST_MS)
        return "lasts for longer than 72 hours, or not at all";
    return NULL;
}

/* Hash and signature of one that is well-formed. It is changed into what goes into an input. */
static int seal(json_t *w, const char *path, const struct sb_policy_verifier *v, struct sb_err *err)
{
    struct sb_str text;
    struct sb_hash hash;
    char hex[SB_HEX_LEN + 1], *who = NULL;
    const char *by = sb_json_str(w, "by");
    json_t *signature = json_incref(json_object_get(w, "signature"));
    struct sb_err why = SB_ERR_INIT;
    int rc = -1;
    sb_str_init(&text);
    json_object_del(w, "signature");
    if (sb_json_canonical(&text, w, err) || sb_hash_bytes(&hash, text.p, text.len, err))
        goto out;
    if (signature && !v)
        sb_fail(err, SB_EINPUT, "%s: %.60s is signed, and nobody is named who may sign", path, sb_json_str(w, "id"));
    else if (signature && v->verify(v->ctx, SB_WAIVER_NAMESPACE, text.p, text.len, json_string_value(signature), json_string_length(signature), by, &who, &why))
        sb_fail(err, SB_EINPUT, "%s: the signature of %.60s is not good: %.200s", path, sb_json_str(w, "id"), why.msg);
    else if (signature && !sb_streq(who, by))
        sb_fail(err, SB_EINPUT, "%s: %.60s is by %.60s, and signed by %.60s", path, sb_json_str(w, "id"), by, who);
    else
        rc = 0;
    sb_hex_encode(hex, hash.bytes, SB_HASH_LEN);
    if (rc == 0 && (json_object_set_new(w, "sha256", json_string(hex)) || json_object_set_new(w, "signed", json_boolean(signature))))
        rc = sb_fail_nomem(err);
out:
    free(who);
    json_decref(signature);
    sb_str_release(&text);
    return rc;
}

json_t *sb_waivers_read(const char *text, size_t len, const char *path, const struct sb_policy_verifier *v, struct sb_err *err)
{
    json_t *tree = len > SB_WAIVERS_MAX_BYTES ? NULL : sb_json_parse(text, len, path, SB_JSON_STRICT, err);
    json_t *list = json_object_get(tree, "waivers");
    int rc = tree ? 0 : -1;
    if (len > SB_WAIVERS_MAX_BYTES)
        sb_fail(err, SB_EINPUT, "%s: larger than 1 MiB", path);
    else if (tree && (!sb_streq(sb_json_str(tree, "format"), "signalbox.waivers/1") || !json_is_array(list) || json_object_size(tree) != 2))
        rc = sb_fail(err, SB_EINPUT, "%s: must be {\"format\": \"signalbox.waivers/1\", \"waivers\": [...]}", path);
    else if (json_array_size(list) > SB_WAIVERS_MAX)
        rc = sb_fail(err, SB_EINPUT, "%s: more than %d waivers", path, SB_WAIVERS_MAX);
    for (size_t i = 0; rc == 0 && i < json_array_size(list); i++) {
        json_t *w = json_array_get(list, i);
        const char *what = flaw(w);
        if (what)
            rc = sb_fail(err, SB_EINPUT, "%s: waiver %zu %s", path, i + 1, what);
        else
            rc = seal(w, path, v, err);
    }
    json_incref(rc ? NULL : list);
    json_decref(tree);
    return rc ? NULL : list;
}

/* ---- does one count? ---- */

static bool counts(const struct sb_policy *p, const struct sb_rule *rule, const json_t *input, const json_t *w, int64_t now)
{
    const json_t *plan = json_object_get(input, "plan");
    const char *sha256 = sb_json_str(w, "plan"), *fingerprint = sb_json_str(w, "fingerprint"), *by = sb_json_str(w, "by");
    int64_t from, until;
    if (!sb_streq(sb_json_str(w, "rule"), rule->id) || !sb_json_str(w, "id") || !by || !moment(w, "from", &from) || !moment(w, "until", &until))
        return false;
    if (now < from || now >= until || until - from > p->waivers_max_ms)
        return false;
    bool same = sha256 ? sb_streq(sha256, sb_json_str(plan, "sha256")) : fingerprint && sb_streq(fingerprint, sb_json_str(plan, "fingerprint"));
    return same && (!p->waivers_signed || json_is_true(json_object_get(w, "signed"))) && sb_group_has(sb_group_find(p, rule->waivable_by), by) &&
           !sb_policy_wrote_it(input, by);
}

/* The broken glass lifts every soft rule from the one plan it was broken for, and no hard one. */
static const char *glass(const struct sb_policy *p, const json_t *input, int64_t now)
{
    const json_t *g = json_object_get(input, "breakglass");
    const char *by = sb_json_str(g, "by"), *plan = sb_json_str(g, "plan"), *reason = sb_json_str(g, "reason"), *ticket = sb_json_str(g, "ticket");
    int64_t from, until;
    if (!plan || !sb_streq(plan, sb_json_str(json_object_get(input, "plan"), "sha256")) || !reason || !*reason || !ticket || !*ticket || !by)
        return NULL;
    if (!moment(g, "from", &from) || !moment(g, "until", &until) || now < from || now >= until || until - from > sb_policy_breakglass_ms(p, by))
        return NULL;
    return sb_json_str(g, "id");
}

static const char *waiver(const struct sb_policy *p, const struct sb_rule *rule, const json_t *input, int64_t now)
{
    const json_t *list = json_object_get(input, "waivers");
    for (size_t i = 0; rule->waivable_by && i < json_array_size(list) && i < SB_WAIVERS_MAX; i++)
        if (counts(p, rule, input, json_array_get(list, i), now))
            return sb_json_str(json_array_get(list, i), "id");
    return NULL;
}

const char *sb_waiver_of(const struct sb_policy *p, const struct sb_rule *rule, const json_t *input)
{
    int64_t now;
    if (!moment(json_object_get(input, "clock"), "utc", &now))
        return NULL;
    const char *id = waiver(p, rule, input, now);
    return id ? id : rule->level == SB_RULE_SOFT ? glass(p, input, now) : NULL;
}
