/* SPDX-License-Identifier: Apache-2.0
 *
 * An index that a log asks for, with what was measured and what nobody can know from a log. */
#include "log_advice.h"

#include <signalbox/base/clock.h>

#include <inttypes.h>
#include <string.h>

#define MANY 10         /* operations */
#define SURE_PPM 700000 /* many operations, all of which read the whole collection */
#define LESS_PPM 200000 /* taken off for few operations, and for a plan that used some index */
#define MORE_PPM 200000 /* put on where the log shows that such an index was there and was dropped */
#define SOURCE "log of slow operations"

/* ---- cost ---- */

#define ENTRY_BYTES 8  /* of an entry, beside its values: the record's number and the page's share */
#define VALUE_BYTES 10 /* of one value, where no index of the collection tells */

/* What an entry takes in the indexes that exist, per field; 0: they do not tell. */
static int64_t value_bytes(const struct sb_catalogue *c)
{
    int64_t bytes = 0, values = 0;
    for (size_t i = 0; i < c->indexes_n; i++)
        if (c->indexes[i].bytes > 0 && !c->indexes[i].partial && !c->indexes[i].sparse) {
            bytes += c->indexes[i].bytes;
            values += c->documents * (int64_t)c->indexes[i].fields_n;
        }
    return values > 0 ? bytes / values : 0;
}

static int set_cost(const struct log_place *p, const struct planned *plan, struct sb_log_advice *a, int64_t at)
{
    const struct sb_catalogue *c = p->q.catalogue;
    int64_t each = value_bytes(c), fields = (int64_t)plan->key.n;
    int rc = 0;
    if (c->documents > 0) {
        a->bytes = c->documents * (each > 0 ? each * fields : ENTRY_BYTES + VALUE_BYTES * fields);
        rc = sb_advice_evidence(a, p->given ? "collStats" : SOURCE, "size of the new index",
                                sb_format("about %" PRId64 " bytes: %" PRId64 " documents, %" PRId64 " fields%s", a->bytes, c->documents, fields,
                                          each > 0 ? ", as large as in the indexes that exist" : ""), "estimated", at);
    }
    if (rc == 0 && p->written && p->all->span_ms > 0) {
        a->writes_per_s_milli = (int64_t)((double)p->written * 1e6 / (double)p->all->span_ms);
        rc = sb_advice_evidence(a, SOURCE, "writes that pay for it",
                                sb_format("%" PRIu64 " documents in %" PRId64 " s, each of which enters a key or more; what was too fast to be logged comes on top", p->written,
                                          p->all->span_ms / 1000), "measured", at);
    }
    return rc;
}

/* ---- what is known of indexes ---- */

static char *names_of(const struct log_facts *f)
{
    struct sb_str s;
    sb_str_init(&s);
    for (size_t i = 0; i < f->dated_n; i++) {
        const struct sb_dated_index *d = &f->dated[i];
        char *shown = d->info.key && d->to_ms == INT64_MAX ? sb_index_key_shown(d->info.key) : NULL;
        if (shown) /* "{a: 1}" as plans write it: "{ a: 1 }" */
            sb_str_addf(&s, "%s{ %.*s }", s.len ? ", " : "", (int)strlen(shown) - 2, shown + 1);
        free(shown);
    }
    if (!s.len)
        sb_str_adds(&s, "none");
    return sb_str_take(&s);
}

static int say_existing(const struct log_place *p, struct sb_log_advice *a, int64_t at)
{
    if (p->given)
        return sb_advice_evidence(a, "listIndexes", "indexes now", sb_format("%zu", p->given->indexes_n), "measured", at);
    char *names = names_of(&p->facts);
    int rc = names ? sb_advice_evidence(a, SOURCE, "existing indexes", sb_format("not in a log: make it only if it does not exist. Plans name %s", names), "blind", at) : -1;
    free(names);
    return rc;
}

static char *at_text(int64_t ms)
{
    char text[SB_TIME_LEN + 1] = "at an unknown time";
    if (ms != INT64_MIN && ms != INT64_MAX)
        sb_time_format(text, ms);
    return sb_format("%s", text);
}

/* The index itself, or one of its name, in the log: that it was dropped, and whether it has come back. *dropped: it was. */
static int say_history(const struct log_place *p, const struct planned *plan, struct sb_log_advice *a, bool *dropped, int64_t at)
{
    int rc = 0;
    for (size_t i = 0; i < p->facts.dated_n && rc == 0; i++) {
        const struct sb_dated_index *d = &p->facts.dated[i];
        bool it = sb_streq(d->info.name, a->name) || (d->info.fields_n && sb_candidate_served_by(&plan->key, &d->info));
        if (!it || (d->from_ms == INT64_MIN && d->to_ms == INT64_MAX))
            continue;
        bool gone = d->to_ms != INT64_MAX;
        char *when = at_text(gone ? d->to_ms : d->from_ms);
        rc = when ? sb_advice_evidence(a, "log of index builds and drops", gone ? "it was dropped" : "it was built while the log was written",
                                       sb_format("%s, %s%s", d->info.name, when, gone ? "" : ": where it is still there nothing is left to do"), "measured", gone ? d->to_ms : d->from_ms) : -1;
        free(when);
        *dropped = *dropped || gone;
    }
    (void)at;
    return rc;
}

static int say_replaced(const struct planned *plan, struct sb_log_advice *a, int64_t at)
{
    int rc = 0;
    for (size_t i = 0; i < plan->replaces_n && rc == 0; i++) {
        const struct sb_index_info *x = plan->replaces[i];
        rc = sb_advice_evidence(a, x->spec ? "listIndexes" : SOURCE, "replaces",
                                plan->reorders[i] ? sb_format("%s: it holds the same fields in another order, and every logged shape that it serves is served by this one; hide it when this one is built, and drop it when nothing got slower. It was made with %s", x->name, x->spec)
                                : x->spec         ? sb_format("%s: this one begins with its key and serves all that it serves; hide it when this one is built, then drop it. It was made with %s", x->name, x->spec)
                                                  : sb_format("perhaps %s: this one begins with its key; whether it is unique, partial or of another kind is not in a log", x->key), x->spec ? "measured" : "blind", at);
    }
    return rc;
}

/* ---- one proposal ---- */

static int measured(const struct log_place *p, const struct planned *plan, struct sb_log_advice *a, bool *dropped)
{
    const struct candidate *lead = &plan->key;
    const struct sb_work_sums *s = &lead->sums;
    int64_t at = lead->work->last_ms == SB_NO_TIME ? 0 : lead->work->last_ms;
    return sb_advice_evidence(a, SOURCE, "operations of this shape", sb_format("%" PRIu64 ", %" PRIu64 " ms in all", s->count, s->total_ms), "measured", at) ||
                   sb_advice_evidence(a, SOURCE, lead->by_keys ? "keys examined per document used" : "documents examined per document used", sb_format("%.0f to 1%s", lead->ratio, s->sorted ? ", and a sort in memory" : ""), "measured", at) ||
                   sb_advice_evidence(a, SOURCE, "plan", sb_format("%s", sb_candidate_plan(lead->work)), "measured", at) || say_existing(p, a, at) ||
                   say_history(p, plan, a, dropped, at) || say_replaced(plan, a, at) || set_cost(p, plan, a, at) ||
                   sb_advice_evidence(a, SOURCE, "documents and values",
                                      sb_format("not in a log: %swhat the values are, and which equality should lead, and whether two fields of the key are arrays, through which no index can run", a->bytes == SB_ABSENT ? "how large the index gets, what it costs to write, " : ""),
                                      "blind", at)
               ? -1
               : 0;
}

static int64_t confidence(const struct candidate *lead, bool dropped)
{
    int64_t ppm = SURE_PPM + (dropped ? MORE_PPM : 0);
    if (lead->sums.count < MANY)
        ppm -= LESS_PPM;
    if (lead->sums.count == 1)
        ppm -= LESS_PPM; /* perhaps nobody asks it again */
    if (!sb_starts_with(sb_candidate_plan(lead->work), "COLLSCAN"))
        ppm -= LESS_PPM;
    return ppm;
}

static char *reason_of(const struct planned *plan)
{
    const struct candidate *lead = &plan->key;
    const struct sb_shape *s = lead->work->shape;
    char took[32] = "an unknown time";
    if (lead->sums.timed)
        snprintf(took, sizeof took, "%" PRIu64 " ms", lead->sums.total_ms);
    const char *part = lead->inner ? " The $lookup in it searches this collection for each document." : lead->arm ? " This is for one arm of its $or; each needs its own." : "";
    return sb_format("%s %s%s%s reads %.0f %s for each %s it uses%s: %" PRIu64 " logged operation%s took %s.%s %s", s->op, s->text,
                     s->sort[0] ? " sorted by " : "", s->sort, lead->ratio, lead->by_keys ? "keys" : "documents", lead->by_keys ? "document" : "one", sb_candidate_sorting(lead), lead->sums.count,
                     lead->sums.count == 1 ? "" : "s", took, part, sb_candidate_gain(lead));
}

/* Adds up what the key serves; a shape of several arms counts once. */
static int add_served(const struct log_place *p, const struct planned *plan, struct sb_log_advice *a)
{
    for (size_t i = 0; i < p->need_n; i++) {
        const struct candidate *c = &p->need[i];
        char *text = !c->why_not[0] && sb_candidate_within(c, &plan->key) ? sb_advice_shape(c) : NULL;
        if (!text)
            continue;
        int rc = 0;
        if (!sb_strs_has(a->shapes, a->shapes_n, text)) {
            uint64_t useful = sb_work_used(c->work->shape, &c->sums);
            a->time_ms += (int64_t)c->sums.total_ms;
            a->docs_saved += c->sums.docs_examined > useful ? (int64_t)(c->sums.docs_examined - useful) : 0;
            rc = sb_strs_push(&a->shapes, &a->shapes_n, text);
        }
        free(text);
        if (rc)
            return -1;
    }
    return 0;
}

/* Keys that were thought of: that of the lead alone, and those that the merged one stands for. */
static int add_rejected(const struct log_place *p, const struct planned *plan, struct sb_log_advice *a, const char *shown)
{
    int rc = sb_candidate_alternatives(&plan->key, &a->rejected, &a->rejected_n);
    for (size_t i = 0; i < p->need_n && rc == 0; i++) {
        const struct candidate *c = &p->need[i];
        if (c->why_not[0] || !sb_candidate_within(c, &plan->key))
            continue;
        char *key = sb_candidate_key(c), *other = key ? sb_index_key_shown(key) : NULL;
        bool said = other && sb_streq(other, shown);
        for (size_t k = 0; other && k < a->rejected_n; k++)
            said = said || sb_streq(a->rejected[k].key, other);
        rc = !other ? -1 : said ? 0 : sb_advice_rejected(a, other, "would serve one shape; the proposed one serves it as well, and others");
        free(key);
        free(other);
    }
    return rc;
}

static bool replaces(const struct planned *plan)
{
    for (size_t i = 0; i < plan->replaces_n; i++)
        if (plan->replaces[i]->spec)
            return true;
    return false;
}

static int propose(const struct log_place *p, const struct planned *plan, struct log_advice_list *out)
{
    struct sb_log_advice *a = sb_advice_add(out, replaces(plan) ? SB_ADVICE_REPLACE : SB_ADVICE_CREATE, p->q.ns);
    bool dropped = false;
    if (!a)
        return -1;
    a->key = sb_candidate_key(&plan->key);
    a->options = sb_candidate_options(&plan->key);
    a->name = sb_candidate_name(&plan->key, p->q.catalogue);
    a->reason = reason_of(plan);
    char *shown = a->key ? sb_index_key_shown(a->key) : NULL;
    int rc = !a->name || !a->options || !a->reason || !shown || add_served(p, plan, a) || measured(p, plan, a, &dropped) || add_rejected(p, plan, a, shown) ? -1 : 0;
    a->confidence_ppm = confidence(&plan->key, dropped);
    a->score_ppm = p->ms > 0 && (uint64_t)a->time_ms >= p->ms ? 1000000 : p->ms > 0 ? (int64_t)((double)a->time_ms * 1e6 / (double)p->ms) : 0;
    free(shown);
    return rc;
}

int sb_log_propose(const struct log_place *p, struct log_advice_list *out)
{
    int rc = 0;
    for (size_t i = 0; i < p->plan_n && rc == 0; i++)
        rc = propose(p, &p->plan[i], out);
    return rc;
}
