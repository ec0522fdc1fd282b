/* SPDX-License-Identifier: Apache-2.0
 *
 * All indexes that a collection's workload wants, each on a card of its own, and a word for every shape. */
#include "optimizer.h"

#include <inttypes.h>
#include <string.h>

struct reviewing {
    const struct sb_index_question *q;
    struct candidate *all;
    size_t n;
    struct planned *plan;
    size_t plan_n;
};

void sb_index_review_release(struct sb_index_review *r)
{
    for (size_t i = 0; i < r->cards_n; i++)
        sb_card_release(&r->cards[i]);
    free(r->cards);
    for (size_t i = 0; i < r->findings_n; i++) {
        free(r->findings[i].subject);
        free(r->findings[i].text);
    }
    free(r->findings);
    free(r->summary);
    memset(r, 0, sizeof *r);
}

static int add_rejected(struct sb_card *card, const char *shown, const char *reason)
{
    for (size_t i = 0; i < card->rejected_n; i++)
        if (sb_streq(card->rejected[i].key, shown))
            return 0;
    struct sb_rejected *r = SB_PUSH(card->rejected);
    return !r || sb_str_set(&r->key, shown) || sb_str_set(&r->reason, reason) ? -1 : 0;
}

#define MOST_REJECTED 40 /* that one card tells of; the findings tell of all */

/* The keys that single shapes asked for: those that this index stands for; on the first card also those that are not worth an
 * index at all. */
static int say_rejected(const struct reviewing *v, const struct planned *p, struct sb_card *card)
{
    bool first = p == v->plan;
    int rc = sb_candidate_alternatives(&p->key, &card->rejected, &card->rejected_n);
    for (size_t i = 0; i < v->n && rc == 0 && card->rejected_n < MOST_REJECTED; i++) {
        const struct candidate *c = &v->all[i];
        bool served = !c->why_not[0] && sb_candidate_within(c, &p->key);
        bool lead = c->work == p->key.work && c->arm == p->key.arm && c->inner == p->key.inner;
        if (c->n == 0 || (!served && !(first && c->why_not[0] && c->sums.count)))
            continue;
        char *key = sb_candidate_key(c), *shown = key ? sb_index_key_shown(key) : NULL;
        bool itself = key && sb_streq(key, card->index_key);
        if (!shown)
            rc = -1;
        else if (!itself && !(served && lead && c->n == p->key.n))
            rc = add_rejected(card, shown, served ? "would serve one shape; the proposed one serves it as well, and others" : c->why_not);
        free(key);
        free(shown);
    }
    return rc;
}

static int add_card(const struct reviewing *v, const struct planned *p, struct sb_index_review *out, struct sb_err *err)
{
    char *key = sb_candidate_key(&p->key), *name = sb_candidate_name(&p->key, v->q->catalogue);
    struct sb_card *card = key && name ? SB_PUSH(out->cards) : NULL;
    int rc = -1;
    if (!card)
        sb_fail_nomem(err);
    else if (sb_index_card(v->q, key, name, &p->key, NULL, v->all, v->n, card, err) == 0)
        rc = sb_plan_say(p, v->q, card) || say_rejected(v, p, card) ? sb_fail_nomem(err) : 0;
    free(key);
    free(name);
    return rc;
}

/* What became of one conjunction; out of memory NULL. */
static char *outcome(const struct reviewing *v, const struct candidate *c, const struct sb_index_review *out)
{
    if (c->why_not[0])
        return sb_format("%s", c->why_not);
    for (size_t i = 0; i < v->plan_n; i++)
        if (sb_candidate_within(c, &v->plan[i].key))
            return sb_format("served by %s, which is proposed here", out->cards[i].index_name);
    return sb_format("no index of the set serves it");
}

/* Takes both texts; NULL: there was no memory for it. */
static int note_down(char *subject, char *text, struct sb_index_review *out)
{
    struct sb_finding *f = subject && text ? SB_PUSH(out->findings) : NULL;
    if (!f) {
        free(subject);
        free(text);
        return -1;
    }
    *f = (struct sb_finding){subject, text};
    return 0;
}

static int find_out(const struct reviewing *v, const struct candidate *c, struct sb_index_review *out)
{
    const struct sb_shape *s = c->work->shape;
    char *counted = c->counted ? sb_format(" (counted by the servers: %" PRIu64 " times, %" PRIu64 " documents examined and %" PRIu64 " returned in all; no log or profile has it)", c->work->sums.count,
                                           c->work->sums.docs_examined, c->work->sums.returned)
                               : sb_format("%s", "");
    char *subject = counted ? sb_format("%s%s%s %s%s%s%s%s", c->inner ? c->work->ns : "", c->inner ? " " : "", s->op, s->text, s->sort[0] ? " sort " : "", s->sort, c->arm ? ", one arm" : "", counted) : NULL;
    free(counted);
    return note_down(subject, sb_shape_shards_said(v->q->catalogue, s, outcome(v, c, out)), out);
}

static int conclude(struct sb_index_review *out, char *summary, struct sb_err *err)
{
    out->summary = summary;
    return summary ? 0 : sb_fail_nomem(err);
}

static int review(struct reviewing *v, struct sb_index_review *out, struct sb_err *err)
{
    if (sb_candidates_collect(v->q, &v->all, &v->n) || sb_plan_make(v->q, v->all, v->n, &v->plan, &v->plan_n))
        return sb_fail_nomem(err);
    for (size_t i = 0; i < v->plan_n; i++)
        if (add_card(v, &v->plan[i], out, err))
            return -1;
    for (size_t i = 0; i < v->n; i++)
        if (find_out(v, &v->all[i], out))
            return sb_fail_nomem(err);
    if (v->plan_n)
        return conclude(out, sb_format("%zu %s for %zu shapes of %s", v->plan_n, v->plan_n == 1 ? "index" : "indexes", v->n, v->q->ns), err);
    return conclude(out, v->n ? sb_format("no index is proposed for %s: each of its %zu shapes has a reason", v->q->ns, v->n)
                              : sb_format("no index is proposed for %s: none of its operations was slow enough to be written down", v->q->ns), err);
}

int sb_index_review(const struct sb_index_question *q, struct sb_index_review *out, struct sb_err *err)
{
    struct reviewing v = {.q = q};
    const char *no = sb_index_forbidden(q);
    memset(out, 0, sizeof *out);
    int rc = no ? conclude(out, sb_format("no index is proposed for %s: %s", q->ns, no), err) : review(&v, out, err);
    for (size_t i = 0; rc == 0 && i < q->catalogue->uneven_n; i++)
        rc = note_down(sb_format("indexes of the %s", q->catalogue->sharded ? "shards" : "members"), sb_format("%s", q->catalogue->uneven[i]), out) ? sb_fail_nomem(err) : 0;
    free(v.plan);
    free(v.all);
    if (rc)
        sb_index_review_release(out);
    return rc;
}
