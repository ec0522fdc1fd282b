/* SPDX-License-Identifier: Apache-2.0 */
#include "architect_read.h"
#include "step_iterator_kinds.h"
#include "whatif.h"

#include <signalbox/agents/rehearsal.h>

#include <inttypes.h>
#include <string.h>

#define COPIES 3 /* in bytes of the sample: the copy, its indexes, and what it grows by */
#define BATCHES 5          /* at least: that there is a fastest and a slowest one */
#define EST_COMMAND_MS 500 /* of a copy, a build, a batch: for policy, before anything was measured */
#define DEPTH 60           /* of a command that is looked through */

void sb_rehearsal_release(struct sb_rehearsal *r)
{
    sb_dry_run_release(&r->left);
}

static bool rehearsed(const struct sb_step *s)
{
    return sb_streq(s->work.how, "batches") && s->action && sb_command_counts(s->action);
}

bool sb_rehearsable(const struct sb_card *c)
{
    for (size_t i = 0; i < c->steps_n; i++)
        if (rehearsed(&c->steps[i]))
            return true;
    return false;
}

/* ---- the draft ---- */

/* Does a command speak of a field that is not copied? Names stand as keys and, behind a $, as values. */
static bool speaks_of(const json_t *sensitive, bson_iter_t *it, int depth)
{
    while (bson_iter_next(it)) {
        bson_iter_t in;
        const char *value = BSON_ITER_HOLDS_UTF8(it) ? bson_iter_utf8(it, NULL) : "";
        if (sb_what_if_sensitive(sensitive, bson_iter_key(it)) || (value[0] == '$' && sb_what_if_sensitive(sensitive, value + 1)))
            return true;
        if ((BSON_ITER_HOLDS_DOCUMENT(it) || BSON_ITER_HOLDS_ARRAY(it)) && (depth == 0 || (bson_iter_recurse(it, &in) && speaks_of(sensitive, &in, depth - 1))))
            return true;
    }
    return false;
}

static bool left_out(const struct sb_what_if_question *q)
{
    bool is = false;
    for (size_t i = 0; i < q->card->steps_n && !is; i++) {
        bson_t *c = rehearsed(&q->card->steps[i]) ? bson_new_from_json((const uint8_t *)q->card->steps[i].action, -1, NULL) : NULL;
        bson_iter_t it;
        is = c && bson_iter_init(&it, c) && speaks_of(q->sensitive, &it, DEPTH);
        if (c)
            bson_destroy(c);
    }
    return is;
}

static int add_updates(const struct sb_what_if_question *q, const char *scratch, int64_t documents, struct sb_card *out)
{
    for (size_t i = 0; i < q->card->steps_n; i++) {
        const struct sb_step *own = &q->card->steps[i];
        struct sb_step *s = rehearsed(own) ? SB_PUSH(out->steps) : NULL;
        if (rehearsed(own) && !s)
            return -1;
        if (!s)
            continue;
        int64_t fifth = documents / BATCHES > 0 ? documents / BATCHES : 1;
        s->n = (int64_t)out->steps_n;
        s->class_ = SB_STEP_IDEMPOTENT;
        s->control = SB_CONTROL_PAUSABLE;
        s->undo_label = SB_UNDO_LOSSLESS; /* the copy is dropped */
        s->action = sb_what_if_on_scratch(own->action, scratch, q->card_id, (int)s->n, 0);
        s->undo = sb_format("%s", out->steps[0].undo);
        s->work.docs = own->work.docs > 0 && own->work.docs < fifth ? own->work.docs : fifth;
        if (!s->action || !s->undo || sb_str_set(&s->work.how, "batches"))
            return -1;
    }
    return 0;
}

static int describe(const struct sb_what_if_question *q, int64_t documents, struct sb_card *out)
{
    out->title = sb_format("Rehearse %s on %" PRId64 " documents of %s", q->card->id, documents, q->card->target);
    return !out->title || sb_what_if_open_card(q, SB_BY_DATA_ARCHITECT, documents, COPIES, out) ? -1 : 0;
}

int sb_rehearsal_card(const struct sb_what_if_question *q, struct sb_card *out, struct sb_err *err)
{
    char db[64], coll[192], why[256];
    memset(out, 0, sizeof *out);
    if (!sb_ns_split(q->card->target, db, coll))
        return sb_fail(err, SB_EINPUT, "\"%s\" is not a collection", q->card->target);
    if (!sb_rehearsable(q->card))
        return sb_fail(err, SB_ESTATE, "%s changes no documents in batches: there is nothing to rehearse", q->card->id);
    if (sb_what_if_no_sample(q, why, sizeof why))
        return sb_fail(err, SB_ESTATE, "%s", why);
    if (left_out(q))
        return sb_fail(err, SB_ESTATE, "%s is about a sensitive field, which is not copied: it cannot be rehearsed", q->card->id);
    int64_t documents = q->catalogue->documents < SB_WHAT_IF_DOCUMENTS ? q->catalogue->documents : SB_WHAT_IF_DOCUMENTS;
    char *scratch = sb_what_if_scratch(q->card_id);
    int rc = !scratch || describe(q, documents, out) || sb_what_if_add_copy(q, db, coll, scratch, documents, out) || add_updates(q, scratch, documents, out) ? sb_fail_nomem(err) : 0;
    out->blast_radius.est_duration_ms = (int64_t)(out->steps_n + BATCHES) * EST_COMMAND_MS;
    free(scratch);
    if (rc == 0)
        rc = sb_card_seal(out, err);
    if (rc)
        sb_card_release(out);
    return rc;
}

/* ---- what is measured ---- */

void sb_rehearsal_add(struct sb_rehearsal *r, int64_t micros, int64_t changed)
{
    r->commands++;
    r->changed += changed;
    r->micros += micros;
    if (changed <= 0)
        return;
    int64_t each = micros * 1000 / changed;
    if (!r->fastest_ns || each < r->fastest_ns)
        r->fastest_ns = each > 0 ? each : 1;
    if (each > r->slowest_ns)
        r->slowest_ns = each > 0 ? each : 1;
}

int sb_rehearsal_count_left(struct sb_conn *conn, const char *ns, const char *update, struct sb_rehearsal *r, struct sb_err *err)
{
    struct sb_statement s;
    bson_t what = BSON_INITIALIZER;
    int rc = sb_statement_open(update, &s, err);
    if (rc == 0) { /* which of the documents it is about can be changed is said by the $expr: all of them are asked for */
        bson_copy_to_excluding_noinit(&s.q, &what, "$expr", NULL);
        sb_dry_run_release(&r->left);
        rc = sb_count_fits(conn, ns, r->sample, &what, &r->left, err);
    }
    sb_statement_release(&s);
    bson_destroy(&what);
    return rc;
}

/* ---- what follows ---- */

static int say(const struct sb_card *card, const char *source, struct sb_evidence **list, size_t *n, int64_t at, const char *what, char *value, const char *coverage)
{
    int rc = value ? sb_evidence_add(list, n, source, card->target, what, value, coverage, at) : -1;
    free(value);
    return rc;
}

static int64_t rests_ms(const struct sb_card *card, int64_t documents)
{
    int64_t ms = 0;
    for (size_t i = 0; i < card->steps_n; i++)
        if (rehearsed(&card->steps[i]) && card->steps[i].work.docs > 0)
            ms += (documents / card->steps[i].work.docs + 1) * card->steps[i].work.delay_ms;
    return ms;
}

/* For all documents of here: as many as in the sample have something to change, each as long as there. */
static char *duration(const struct sb_card *card, const struct sb_rehearsal *r)
{
    double times = (double)r->all_here / (double)r->sample, low, high, met = (double)r->changed * times;
    sb_what_if_bounds(r->changed, times, &low, &high);
    high = high > (double)r->all_here ? (double)r->all_here : high;
    double rests = (double)rests_ms(card, r->all_here) / 1e3;
    return sb_format("%.2f s, between %.2f and %.2f s: %.0f documents to change, between %.0f and %.0f of %" PRId64 ", each as long as there, and at most %.2f s of rests between the batches; what waits for "
                     "lag, queue or cache comes on top",
                     met * (double)r->micros / (double)r->changed / 1e6 + rests, low * (double)r->fastest_ns / 1e9, high * (double)r->slowest_ns / 1e9 + rests, met, low, high, r->all_here, rests);
}

static char *left(const struct sb_rehearsal *r)
{
    struct sb_str s;
    sb_str_init(&s);
    if (r->left.offenders < 0)
        sb_str_addf(&s, "not counted: %s", r->left.note);
    else
        sb_str_addf(&s, "%" PRId64 " of %" PRId64, r->left.offenders, r->sample);
    for (size_t i = 0; i < r->left.sample_n; i++)
        sb_str_addf(&s, "%s%s", i ? ", " : ", such as ", r->left.sample[i]);
    char *out = sb_str_ok(&s) ? sb_format("%s", s.p) : NULL;
    sb_str_release(&s);
    return out;
}

int sb_rehearsal_evidence(const struct sb_card *card, const struct sb_rehearsal *r, const char *source, struct sb_evidence **list, size_t *n, int64_t at)
{
    char coverage[96];
    size_t not_sent = 0;
    for (size_t i = 0; i < card->steps_n; i++)
        not_sent += !rehearsed(&card->steps[i]);
    snprintf(coverage, sizeof coverage, "measured on a sample of %" PRId64, r->sample);
    int rc = say(card, source, list, n, at, "rehearsed: documents changed there",
                 sb_format("%" PRId64 " of %" PRId64 ", by %" PRId64 " commands of at most %" PRId64 " documents; %s%s%s", r->changed, r->sample, r->commands, r->batch, r->whole ? "" : "stopped: ", r->why,
                           not_sent ? "; what is kept beside before was not rehearsed" : ""),
                 coverage);
    if (rc == 0 && r->changed > 0)
        rc = say(card, source, list, n, at, "rehearsed: time there, a document",
                 sb_format("%.1f us, between %.1f and %.1f us by command", (double)r->micros / (double)r->changed, (double)r->fastest_ns / 1e3, (double)r->slowest_ns / 1e3), coverage) ||
             (r->sample > 0 && say(card, source, list, n, at, "rehearsed: time here, all documents", duration(card, r), "estimated"));
    return rc || say(card, source, list, n, at, "rehearsed: documents it does not come to", left(r), r->left.offenders < 0 ? "blind" : coverage) ? -1 : 0;
}
