/* SPDX-License-Identifier: Apache-2.0
 *
 * What an operation's own numbers say against an index for it. */
#include "optimizer.h"

#include <string.h>

#define GOOD_RATIO 10.0     /* documents examined per one used that need no help, unless it is thousands each time */
#define MOSTLY_RETURNED 0.3 /* an operation that uses so much of what it reads gains little from an index */
#define LEAST_MS 20         /* mean milliseconds below which nothing hurts, */
#define LEAST_WASTE 1000    /* unless each operation throws so many documents away */
#define MUCH_WASTE 1000000  /* or all of them together so many */
#define MANY_KEYS 10        /* to a document, and its keys are what it reads in vain */
#define SMALL_WASTE 100     /* documents: reading so few is no cause of anything */

static bool reads(const struct sb_shape *s)
{
    switch (s->kind) {
    case SB_OP_FIND:
    case SB_OP_AGGREGATE:
    case SB_OP_COUNT:
    case SB_OP_DISTINCT:
    case SB_OP_UPDATE:
    case SB_OP_REMOVE:
    case SB_OP_FIND_AND_MODIFY:
    case SB_OP_GETMORE:
        return true;
    default:
        return false;
    }
}

bool sb_candidate_has_filter(const struct candidate *c)
{
    return reads(c->work->shape);
}

const char *sb_candidate_plan(const struct sb_work *w)
{
    const char *top = sb_shares_top(&w->plans);
    return top ? top : "not told";
}

static uint64_t used_by(const struct candidate *c)
{
    uint64_t used = sb_work_used(c->work->shape, &c->sums);
    return used > c->sums.count ? used : c->sums.count; /* who finds nothing has read one document in vain, not all of them */
}

/* What it examined: documents; where an index filters them whose order of fields is not that of the shape, keys. */
static uint64_t examined_by(const struct candidate *c)
{
    return c->by_keys ? c->sums.keys_examined : c->sums.docs_examined;
}

uint64_t sb_candidate_waste(const struct candidate *c)
{
    uint64_t used = sb_work_used(c->work->shape, &c->sums), examined = examined_by(c);
    if (c->sums.sorted)
        return examined;
    return examined > used ? examined - used : 0;
}

/* The predicate that no index narrows, to be named where it is all that there is. */
static const char *in_the_way(const struct sb_shape *s)
{
    for (size_t i = 0; i < s->predicates_n; i++) {
        const struct sb_predicate *p = &s->predicates[i];
        switch (p->class_) {
        case SB_PREDICATE_REGEX:
            return " (a regular expression without a fixed beginning looks at every value)";
        case SB_PREDICATE_NE:
            return " (a negation takes nearly everything)";
        case SB_PREDICATE_EXISTS:
        case SB_PREDICATE_NOT_EXISTS:
            return " ($exists takes nearly everything, or what an index does not tell from null)";
        case SB_PREDICATE_OTHER:
            return strcmp(p->op, "$text") == 0                                        ? " ($text needs a text index)"
                   : strncmp(p->op, "$near", 5) == 0 || strncmp(p->op, "$geo", 4) == 0 ? " (it needs a geographic index)"
                   : strcmp(p->op, "$where") == 0 || strcmp(p->op, "$expr") == 0        ? " (an expression is worked out document by document)"
                                                                                      : "";
        default:
            break;
        }
    }
    return "";
}

static bool compares_id(const struct candidate *c)
{
    for (size_t i = 0; i < c->equalities; i++)
        if (strcmp(c->field[i].path, "_id") == 0 && !c->field[i].list)
            return true;
    return false;
}

static bool needs_special(const struct candidate *c)
{
    for (size_t i = 0; i < c->work->shape->predicates_n; i++) {
        const struct sb_predicate *p = &c->work->shape->predicates[i];
        if (p->arm == 0 && p->class_ == SB_PREDICATE_OTHER && (strcmp(p->op, "$text") == 0 || strcmp(p->op, "$near") == 0 || strcmp(p->op, "$nearSphere") == 0))
            return true;
    }
    return false;
}

/* Sorting everything for the sake of its order: an index would still read all of it. */
static bool takes_all(const struct candidate *c)
{
    const struct sb_work_sums *s = &c->sums;
    return c->equalities == 0 && c->work->shape->predicates_n == 0 && !c->work->shape->limited && s->spilled == 0 && s->docs_examined &&
           (double)s->returned / (double)s->docs_examined > MOSTLY_RETURNED;
}

static uint64_t share_of(uint64_t n, double share)
{
    return (uint64_t)((double)n * share + 0.5);
}

const char *sb_candidate_sorting(const struct candidate *c)
{
    return c->sums.sorted == 0 ? "" : c->sums.spilled ? " and sorts them with the help of files on disk" : " and sorts them in memory";
}

const char *sb_candidate_gain(const struct candidate *c)
{
    if (c->sums.sorted && c->ratio < 2)
        return "The index gives them in that order: nothing has to be sorted.";
    return "The index lets it read only what it returns.";
}

/* What was counted, as if it had come evenly in all the time since it is counted; nothing when none came lately. */
static struct sb_work_sums counted_within(const struct sb_work *w, int64_t from, int64_t to)
{
    struct sb_work_sums s = w->sums;
    double window = (double)to - (double)from, span = (double)w->last_ms - (double)w->first_ms;
    if (w->last_ms != SB_NO_TIME && w->last_ms < from)
        return (struct sb_work_sums){0};
    if (span <= window || window <= 0)
        return s;
    double share = window / span;
    uint64_t count = share_of(s.count, share);
    if (count == 0) { /* one, on average */
        share = 1 / (double)s.count;
        count = 1;
    }
    return (struct sb_work_sums){.count = count, .timed = s.timed ? count : 0, .total_ms = share_of(s.total_ms, share), .docs_examined = share_of(s.docs_examined, share),
                                 .keys_examined = share_of(s.keys_examined, share), .returned = share_of(s.returned, share), .sorted = s.sorted ? count : 0, .spilled = s.spilled ? count : 0,
                                 .views = s.views ? count : 0};
}

void sb_candidate_judge(struct candidate *c, const struct sb_index_question *q)
{
    const struct sb_work *w = c->work;
    const struct sb_shape *shape = w->shape;
    c->sums = c->counted ? counted_within(w, q->from, q->to) : q->whole_log ? w->sums : sb_work_window(q->workload, w, q->from, q->to, NULL);
    const struct sb_work_sums *s = &c->sums;
    c->by_keys = s->keys_examined > MANY_KEYS * s->docs_examined && s->keys_examined > MANY_KEYS * used_by(c);
    uint64_t used = sb_work_used(shape, s), examined = examined_by(c), waste = sb_candidate_waste(c), each = s->count ? waste / s->count : 0;
    c->ratio = (double)examined / (double)(used_by(c) ? used_by(c) : 1);
    double mean_ms = s->timed ? (double)s->total_ms / (double)s->timed : 0;
    bool scan = sb_starts_with(sb_candidate_plan(w), "COLLSCAN");
    char *why = c->why_not;
    size_t cap = sizeof c->why_not;
    if (why[0])
        return;
    if (shape->unknown || shape->partial)
        snprintf(why, cap, "the server wrote down only a part of the operation");
    else if (!reads(shape))
        snprintf(why, cap, "%s has no filter that an index could serve", shape->op);
    else if (s->count == 0)
        snprintf(why, cap, "not seen in the evidence window");
    else if (s->views)
        snprintf(why, cap, "it is a view or a time-series collection: what serves it are the indexes of another collection");
    else if (shape->hint[0])
        snprintf(why, cap, "it names its index itself (hint %.80s): another one would not be used", shape->hint);
    else if (c->ratio <= GOOD_RATIO && s->sorted == 0 && (each < LEAST_WASTE || (double)used >= MOSTLY_RETURNED * (double)examined))
        snprintf(why, cap, "%s: %.1f documents examined per document used, plan %.80s", scan || !sb_shares_top(&w->plans) ? "an index would not read less" : "already served", c->ratio, sb_candidate_plan(w));
    else if (c->n == 0)
        snprintf(why, cap, "no equality, sort or range on a field that an index could serve%s", in_the_way(shape));
    else if (needs_special(c))
        snprintf(why, cap, "an ordered index does not serve it%s", in_the_way(shape));
    else if (compares_id(c) && !c->inner)
        snprintf(why, cap, "already served by _id_: it can find one document at most");
    else if (each < SMALL_WASTE)
        snprintf(why, cap, "it reads %.0f documents at a time: reading so few is not what takes its time", (double)examined / (double)s->count);
    else if (s->timed && mean_ms < LEAST_MS && each < LEAST_WASTE && waste < MUCH_WASTE) /* the end of a long line, with the duration, may be cut off */
        snprintf(why, cap, "takes %.1f ms on average: nothing to win", mean_ms);
    else if (s->sorted == 0 && examined && (double)used / (double)examined > MOSTLY_RETURNED)
        snprintf(why, cap, "it uses %.0f %% of what it reads: an index would not read less", 100.0 * (double)used / (double)examined);
    else if (takes_all(c))
        snprintf(why, cap, "it returns all that it sorts: an index would not read less");
    else if (c->inner && scan && c->equalities == 0)
        snprintf(why, cap, "what its $lookup compares is not told");
}
