/* SPDX-License-Identifier: Apache-2.0 */
#include "program.h"

#include <signalbox/policy/activate.h>

#include <stdlib.h>

/* The number at *p, which moves behind it and its dot; -1 at the end. */
static int64_t next_number(const char **p)
{
    if (!**p)
        return -1;
    int64_t v = 0;
    for (; **p >= '0' && **p <= '9'; ++*p)
        v = v < INT64_C(1000000000) ? v * 10 + (**p - '0') : v;
    *p += **p != '\0'; /* whatever stands there ends the number: versions of bundles have dots */
    return v;
}

int sb_policy_version_compare(const char *a, const char *b)
{
    for (;;) {
        int64_t x = next_number(&a), y = next_number(&b);
        if (x != y)
            return x < y ? -1 : 1;
        if (x < 0)
            return 0;
    }
}

json_t *sb_policy_versions_with(const json_t *versions, const struct sb_bundle_id *id)
{
    json_t *copy = json_is_object(versions) ? json_deep_copy(versions) : json_object();
    if (copy && json_object_set_new(copy, id->bundle, json_pack("{s:s,s:s}", "version", id->version, "sha256", id->sha256))) {
        json_decref(copy);
        return NULL;
    }
    return copy;
}

static int check_signature(const struct sb_policy_offer *o, const struct sb_policy_verifier *v, char **signer, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT;
    if (!v || o->built_in)
        return 0;
    if (!o->signature)
        return sb_fail(err, SB_EPOLICY, "%s: it is not signed, and policies have to be (its signature would stand in %s.sig)", o->path, o->path);
    if (v->verify(v->ctx, SB_POLICY_NAMESPACE, o->text, o->len, o->signature, o->signature_n, NULL, signer, &why))
        return sb_fail(err, SB_EPOLICY, "%s: its signature is not good: %.300s", o->path, why.msg);
    return 0;
}

static int check_version(const struct sb_policy_offer *o, const struct sb_bundle_id *id, const json_t *versions, bool strict, struct sb_err *err)
{
    const json_t *last = json_object_get(versions, id->bundle);
    const char *version = sb_json_str(last, "version"), *sha256 = sb_json_str(last, "sha256");
    int order = version ? sb_policy_version_compare(id->version, version) : 1;
    if (order < 0)
        return sb_fail(err, SB_EPOLICY, "%s: it is version %.40s of %.60s, and %.40s was in force: a policy does not go back", o->path, id->version, id->bundle, version);
    if (order == 0 && strict && !sb_streq(sha256, id->sha256))
        return sb_fail(err, SB_EPOLICY, "%s: version %.40s of %.60s was in force with other content: a change takes a new version", o->path, id->version, id->bundle);
    return 0;
}

/* The offer as a policy, or NULL with the reason. */
static struct sb_policy *accept(const struct sb_policy_offer *o, const struct sb_policy_past *past, const struct sb_zone_source *zones,
                                const struct sb_policy_verifier *v, char **signer, struct sb_err *err)
{
    /* the signature first: bytes of somebody who may not sign are not even read */
    struct sb_policy *p = check_signature(o, v, signer, err) ? NULL : sb_policy_load(o->text, o->len, o->path, zones, err);
    if (p && check_version(o, &p->id, past->versions, v && !o->built_in, err)) {
        sb_policy_free(p);
        p = NULL;
    }
    if (!p) {
        free(*signer);
        *signer = NULL;
    }
    return p;
}

int sb_policy_activate(const struct sb_policy_offer *offer, const struct sb_policy_past *past, const struct sb_zone_source *zones,
                       const struct sb_policy_verifier *verifier, struct sb_policy_activation *out, struct sb_err *err)
{
    struct sb_err why = SB_ERR_INIT, last = SB_ERR_INIT;
    memset(out, 0, sizeof *out);
    if ((out->policy = accept(offer, past, zones, verifier, &out->signer, &why)))
        return 0;
    if (why.code != SB_ENOMEM && past->text && (out->policy = sb_policy_load(past->text, past->len, "the last good policy", zones, &last))) {
        out->alarm = why;
        return 0;
    }
    if (last.code)
        return sb_fail(err, why.code, "%.250s; and the last good one cannot be used: %.200s", why.msg, last.msg);
    return sb_fail(err, why.code, "%s", why.msg);
}
