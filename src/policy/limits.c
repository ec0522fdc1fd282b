/* SPDX-License-Identifier: Apache-2.0
 *
 * What a bundle's checks ask of a fact, as one number: for pages that show a measure beside its limit. Nothing is decided by it. */
#include "program.h"

#include <string.h>

static void tighter(int64_t *limit, int64_t value, bool least)
{
    if (*limit < 0 || (least ? value > *limit : value < *limit))
        *limit = value;
}

/* {"recovery.drill_age_s": {"le": 604800}}, also within "all": whatever else holds, this must. */
static void look(const json_t *when, const char *fact, bool least, int64_t *limit, int depth)
{
    const json_t *of = json_object_get(when, fact), *all = json_object_get(when, "all"), *one;
    const json_t *within = json_object_get(of, least ? "ge" : "le"), *beyond = json_object_get(of, least ? "gt" : "lt");
    size_t i;
    if (json_is_integer(within))
        tighter(limit, json_integer_value(within), least);
    if (json_is_integer(beyond))
        tighter(limit, json_integer_value(beyond) + (least ? 1 : -1), least);
    if (depth < 8)
        json_array_foreach(all, i, one)
            look(one, fact, least, limit, depth + 1);
}

int64_t sb_policy_limit(const struct sb_policy *p, const char *fact, bool least)
{
    const json_t *check;
    const char *name;
    int64_t limit = -1;
    json_object_foreach(json_object_get(p->tree, "checks"), name, check)
        look(json_object_get(check, "when"), fact, least, &limit, 0);
    return limit;
}
