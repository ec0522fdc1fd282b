/* SPDX-License-Identifier: Apache-2.0
 *
 * What an explain tells of a criterion: of the collection itself, or of a sample of it on which an index is tried out. */
#include "trial.h"

#include <signalbox/agents/whatif_card.h>
#include <signalbox/mongo/read_door.h>

#include <string.h>

void sb_o_measured(struct sb_watch_reading *r, const struct sb_criterion *c, int64_t value, int64_t samples)
{
    r->measured = true;
    r->value = value;
    r->samples = samples;
    r->breached = c->at_least ? value < c->limit : value > c->limit;
}

void sb_o_unmeasured(struct sb_watch_reading *r, const char *note)
{
    int ignored = sb_str_set(&r->note, note); /* out of memory: unmeasured without a word is still unmeasured */
    (void)ignored;
}

static int64_t int_at(const bson_t *doc, const char *path, int64_t missing)
{
    bson_iter_t it, at;
    return bson_iter_init(&it, doc) && bson_iter_find_descendant(&it, path, &at) && BSON_ITER_HOLDS_NUMBER(&at) ? bson_iter_as_int64(&at) : missing;
}

/* A find has executionStats at the top, an aggregation below its first stage. */
static bool examined(const bson_t *reply, int64_t *docs, int64_t *returned)
{
    static const char *const places[] = {"executionStats", "stages.0.$cursor.executionStats"};
    for (size_t i = 0; i < SB_COUNT(places); i++) {
        char path[96];
        snprintf(path, sizeof path, "%s.totalDocsExamined", places[i]);
        *docs = int_at(reply, path, -1);
        snprintf(path, sizeof path, "%s.nReturned", places[i]);
        *returned = int_at(reply, path, -1);
        if (*docs >= 0 && *returned >= 0)
            return true;
    }
    return false;
}

#define MOST_EXAMPLES 5      /* that are made of the sample's documents, */
#define EXAMPLES_APART 37    /* so many of them apart */

static void explain_on(struct sb_conn *conn, const char *db, const char *explain, bool trial, const struct sb_criterion *c, struct sb_watch_reading *r)
{
    struct sb_err err = SB_ERR_INIT;
    bson_t reply;
    int64_t docs, returned;
    if (sb_read_json(conn, db, explain, &reply, &err)) {
        sb_o_unmeasured(r, err.msg);
        return;
    }
    bool told = examined(&reply, &docs, &returned);
    if (told && docs == 0 && returned == 0 && c->predicted > 0)
        sb_o_unmeasured(r, "the example finds nothing by now, and reads nothing to find that out");
    else if (told)
        sb_o_measured(r, c, (docs + returned / 2) / (returned ? returned : 1), trial ? docs : 1);
    else
        sb_o_unmeasured(r, "the server's explain has no executionStats");
    bson_destroy(&reply);
}

/* ---- another example, made of the sample ---- */

static bool pass_document(void *ctx, const bson_t *doc)
{
    bson_destroy(ctx);
    bson_copy_to(doc, ctx);
    return false;
}

/* The document of the sample that stands at this place; false: there is none. */
static bool document_at(const struct trial_read *t, int64_t skip, bson_t *out)
{
    struct sb_err err = SB_ERR_INIT;
    bson_t *find = BCON_NEW("find", BCON_UTF8(t->scratch), "skip", BCON_INT64(skip), "limit", BCON_INT64(1));
    bson_init(out);
    int64_t got = sb_read_cursor(t->conn, t->db, find, 1, pass_document, out, &err);
    bson_destroy(find);
    return got > 0;
}

/* What the example asks for may not be in the sample: then documents of the sample say what is asked for. */
static void explain_of_sample(const struct trial_read *t, const char *explain, const char *hint, const struct sb_criterion *c, struct sb_watch_reading *r)
{
    bson_t doc;
    for (int i = 0; i < MOST_EXAMPLES && !r->measured; i++) {
        bool there = document_at(t, (int64_t)i * EXAMPLES_APART, &doc);
        char *other = there ? sb_what_if_example(explain, &doc) : NULL, *trial = other ? sb_what_if_explain(other, t->scratch, hint) : NULL;
        bson_destroy(&doc);
        if (trial)
            explain_on(t->conn, t->db, trial, true, c, r);
        free(other);
        free(trial);
    }
    if (r->measured) {
        free(r->note);
        r->note = sb_format(SB_WHAT_IF_OF_SAMPLE);
    }
}

/* On the sample, by the plan that the shape has on the collection today. */
static void explain_as_today(const struct trial_read *t, const char *explain, const struct sb_criterion *c, struct sb_watch_reading *r)
{
    struct sb_err err = SB_ERR_INIT;
    bson_t reply;
    char why[128] = "", *plan = sb_what_if_plan(explain), *hint = NULL, *trial = NULL;
    if (!plan || sb_read_json(t->today, t->db, plan, &reply, &err)) {
        sb_o_unmeasured(r, err.msg[0] ? err.msg : "out of memory");
    } else {
        hint = sb_what_if_today(&reply, why, sizeof why);
        bson_destroy(&reply);
        trial = hint ? sb_what_if_explain(explain, t->scratch, hint) : NULL;
        if (!hint)
            sb_o_unmeasured(r, why[0] ? why : "out of memory");
        else if (!trial)
            sb_o_unmeasured(r, "such an operation takes no hint, so it cannot be held to today's plan");
        else
            explain_on(t->conn, t->db, trial, true, c, r);
        if (trial && !r->measured)
            explain_of_sample(t, explain, hint, c, r);
    }
    if (r->measured) {
        bool of_sample = r->note && strcmp(r->note, SB_WHAT_IF_OF_SAMPLE) == 0;
        free(r->note);
        r->note = sb_format("%s%s%s%s", strcmp(hint, "$natural") == 0 ? "which is a scan" : "which is by the index ", strcmp(hint, "$natural") == 0 ? "" : hint, of_sample ? ", " : "",
                            of_sample ? SB_WHAT_IF_OF_SAMPLE : "");
    }
    free(plan);
    free(hint);
    free(trial);
}

void sb_o_read_explain(struct sb_conn *conn, const char *db, const char *explain, const struct sb_criterion *c, struct sb_watch_reading *r)
{
    explain_on(conn, db, explain, false, c, r);
}

void sb_o_read_trial(const struct trial_read *t, const char *explain, const struct sb_criterion *c, struct sb_watch_reading *r)
{
    char *trial = NULL;
    if (sb_streq(c->metric, "what_if_docs_without"))
        explain_as_today(t, explain, c, r);
    else if ((trial = sb_what_if_explain(explain, t->scratch, NULL))) {
        explain_on(t->conn, t->db, trial, true, c, r);
        if (!r->measured)
            explain_of_sample(t, explain, NULL, c, r);
    } else
        sb_o_unmeasured(r, "its example cannot be explained on the sample");
    free(trial);
}
