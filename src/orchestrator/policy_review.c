/* SPDX-License-Identifier: Apache-2.0
 *
 * A look at the policy itself, as somebody does once a week: since when it is in force, what the program lowered under it, and which of its grants end
 * soon. Nothing is changed by it. */
#include "private.h"

#include <signalbox/policy/autonomy.h>

#include <inttypes.h>
#include <stdlib.h>

#define SOON_DAYS 30
#define DAY_MS INT64_C(86400000)

/* Levels that are granted now and are others in thirty days. */
static void add_ending(struct sb_orchestrator *o, struct sb_str *out)
{
    int64_t now = sb_origin_wall_ms(o->opt.origin);
    size_t n = 0;
    for (size_t kind = 0; kind < SB_AUTONOMY_KINDS; kind++) {
        const char *action = sb_autonomy_kinds[kind];
        for (int env = SB_ENV_PROD; env <= SB_ENV_DEV; env++) {
            int is = sb_autonomy_level(o->policy, action, env, now), then = sb_autonomy_level(o->policy, action, env, now + SOON_DAYS * DAY_MS);
            if (is == then)
                continue;
            sb_str_addf(out, "%s%s in %s goes from L%d to L%d within %d days", n ? ", " : "; ", action, sb_name(&sb_environments, env), is, then, SOON_DAYS);
            n++;
        }
    }
    if (!n)
        sb_str_addf(out, "; no grant of a level ends within %d days", SOON_DAYS);
}

char *sb_o_review_policy(struct sb_orchestrator *o)
{
    const struct sb_bundle_id *id = sb_policy_id(o->policy);
    struct sb_str s;
    struct sb_err err = SB_ERR_INIT;
    sb_str_init(&s);
    sb_str_addf(&s, "%s %s (%.12s) decides here", id->bundle, id->version, id->sha256);
    if (sb_o_describe_lowered(o, &s, &err))
        sb_str_addf(&s, "; what was lowered under it cannot be read: %s", err.msg);
    add_ending(o, &s);
    sb_str_adds(&s, ". One action is asked about with `signalbox policy eval INPUT`, a verdict explained with `signalbox policy explain DECISION`, and a candidate held against the past with "
                    "`signalbox policy replay --candidate F`");
    return sb_str_take(&s);
}
