/* SPDX-License-Identifier: Apache-2.0
 *
 * Indexes of a recorded catalogue that nobody needs, as advice: hidden first, dropped later, and how to make them anew. */
#include "log_advice.h"
#include "optimizer_retire.h"

#include <inttypes.h>
#include <string.h>

#define REDUNDANT_PPM 900000 /* it follows from the keys */
#define DEAD_PPM 600000      /* who uses it seldom was perhaps not seen */

static int say_commands(struct sb_log_advice *a, const char *coll, const struct sb_index_info *x, int64_t at)
{
    return sb_advice_evidence(a, "command", "first hide it; unhiding is instant", sb_retire_hide_command(coll, x->name, true), "measured", at) ||
                   sb_advice_evidence(a, "command", "then, when a full cycle of the work has gone well without it, drop it", sb_retire_drop_command(coll, x->name), "measured", at) ||
                   (x->spec && sb_advice_evidence(a, "command", "to make it anew", sb_retire_create_command(coll, x->spec), "measured", at))
               ? -1
               : 0;
}

static int fill(struct sb_log_advice *a, const struct log_place *p, const struct retire *r, int64_t at)
{
    const struct sb_index_info *x = r->index;
    const struct sb_catalogue *c = p->q.catalogue;
    const char *coll = strchr(a->ns, '.') + 1;
    a->reason = r->verdict == RETIRE_KEEP ? sb_format("%s stays: %s", x->name, r->why) : sb_format("%s: %s", x->name, r->why);
    if (!a->reason || sb_str_set(&a->key, x->key) || sb_str_set(&a->name, x->name))
        return -1;
    if (x->bytes > 0)
        a->bytes = x->bytes;
    if (r->verdict == RETIRE_KEEP)
        return 0;
    a->confidence_ppm = r->verdict == RETIRE_REDUNDANT ? REDUNDANT_PPM : r->months_end ? DEAD_PPM : DEAD_PPM / 2;
    if (p->written && p->all->span_ms > 0)
        a->writes_per_s_milli = (int64_t)((double)p->written * 1e6 / (double)p->all->span_ms);
    return sb_advice_evidence(a, "$indexStats", "uses", sb_format("%" PRId64 " on %" PRId64 " members", x->uses, x->members), c->knows_index_stats ? "measured" : "blind", at) ||
                   sb_advice_evidence(a, "listIndexes", "other uses", sb_format("whether a shard key rests on it, and what runs seldom, is not in a catalogue"), "blind", at) ||
                   say_commands(a, coll, x, at)
               ? -1
               : 0;
}

int sb_log_retire(const struct log_place *p, struct log_advice_list *out)
{
    struct retire *list;
    size_t n;
    int64_t now = p->all->now_ms == SB_NO_TIME ? 0 : p->all->now_ms;
    int rc = sb_retire_look(p->q.catalogue, p->all->workload, now, &list, &n);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        enum sb_advice_kind kind = list[i].verdict == RETIRE_REDUNDANT ? SB_ADVICE_DROP : list[i].verdict == RETIRE_DEAD ? SB_ADVICE_HIDE : SB_ADVICE_NONE;
        struct sb_log_advice *a = sb_advice_add(out, kind, p->q.ns);
        rc = a ? fill(a, p, &list[i], now) : -1;
    }
    free(list);
    return rc;
}
