/* SPDX-License-Identifier: Apache-2.0
 *
 * index_optimizer.h - the specialist that turns a workload into the index that serves it, or into the reason for none.
 *
 * Candidates follow the equality-sort-range rule of the MongoDB manual: fields compared for equality first, the most
 * selective of the sample leading; then the sort with its directions; then ranges, two at most. Each arm of an $or asks for
 * itself, and so does the inner side of a $lookup. Keys that share a beginning are merged, so that the fewest serve all. An
 * index that exists and begins the new one, or holds its fields in another order and is needed for nothing else that was seen,
 * is named to go; a returned field or two join the key where the documents are then not needed. How many documents a value
 * leads to is estimated from the sample: a shape that another index of the set serves nearly as well gets none of its own. A
 * candidate that an existing index already serves or a hidden one would, whose fields have too few values, that would hold two
 * arrays, that serves an operation which returns most of what it reads, that writes pay more for than reads gain, or that finds
 * no room among the collection's indexes is not proposed, and the reason is kept. Nothing is proposed on local, admin, config or
 * system collections. The advice is pure: what has to be read was read into the catalogue before.
 */
#ifndef SIGNALBOX_AGENTS_INDEX_OPTIMIZER_H
#define SIGNALBOX_AGENTS_INDEX_OPTIMIZER_H

#include <signalbox/agents/catalogue.h>
#include <signalbox/model/anomaly.h>
#include <signalbox/model/card.h>
#include <signalbox/telemetry/history.h>
#include <signalbox/telemetry/workload.h>

#define SB_INDEX_MAX_FIELDS 16
#define SB_INDEX_MAX_PER_COLLECTION 64
#define SB_INDEX_SAMPLE 500 /* documents */

struct sb_index_question {
    const char *ns;
    int64_t from, to;                  /* the evidence window, deployment time */
    int64_t void_from, void_to;        /* deployment time in which an index that was taken back was there: no baseline of the
                                        * limits is taken from it; both 0: there was none */
    const struct sb_workload *workload;
    const struct sb_workload *counted; /* shapes that the servers have counted (counted.h); those that the workload has are passed
                                        * over. NULL: none */
    const struct sb_history *history;
    const struct sb_catalogue *catalogue;
    const struct sb_anomaly *anomaly;  /* NULL: nobody raised one */
    const char *key, *name;            /* an index that was asked for in so many words; NULL: find one */
    const char *options;               /* of that index, as a card has them; NULL: none */
    const char *edited_by;             /* who put this key, or these options, on a card that had others; NULL: nobody */
    const char *edited;                /* what of it is another: "the key", "the options" */
    bool replicated;
    bool whole_log;                    /* there is nothing but a log, and all of it is the evidence: no window */
    /* of the card to be */
    const char *card_id, *case_id, *deployment, *deployment_id, *requested_by;
    int environment;
    bool simulated;
    int64_t now;                       /* deployment time */
};

/* Why a shape, or a candidate, led to nothing; or what it led to. */
struct sb_finding {
    char *subject;
    char *text;
};

struct sb_index_advice {
    bool proposes;
    struct sb_card card;       /* a draft: without created_at, approve_by and execute_by */
    struct sb_finding *findings;
    size_t findings_n;
    char *summary;             /* one sentence */
};

/* The paths whose values decide: predicates and sorts of the collection's costly shapes. Appends to a list of strings, which
 * grows to no more than 48. */
int sb_index_paths(const struct sb_workload *w, const char *ns, const char *key, char ***paths, size_t *n);

int sb_index_advise(const struct sb_index_question *q, struct sb_index_advice *out, struct sb_err *err);
void sb_index_advice_release(struct sb_index_advice *a);

/* The whole set for one collection: a card for each index that its workload wants, the one that saves most time first, each with
 * what else was thought of and why not; and a finding for every shape: which of the cards serves it, which index does so already,
 * or why none is proposed. The question names no key. The cards are drafts, which have the question's card_id until they get a
 * number of their own (then rebuild them). */
struct sb_index_review {
    struct sb_card *cards;
    size_t cards_n;
    struct sb_finding *findings;
    size_t findings_n;
    char *summary; /* one sentence */
};

int sb_index_review(const struct sb_index_question *q, struct sb_index_review *out, struct sb_err *err);
void sb_index_review_release(struct sb_index_review *r);

/* A key pattern as people read it: {status: 1, created_at: -1}. key: Extended JSON. The caller frees it; NULL out of memory. */
char *sb_index_key_shown(const char *key);

/* The command that explains a card's first shape (executionStats), from the operation that was kept as its example; NULL
 * when there is none. Canonical Extended JSON; the caller frees it. Holds values of the application. */
char *sb_index_explain_command(const struct sb_workload *w, const char *ns, const char *fingerprint);

/* Reads a key pattern as people write it ({status: 1, "created_at": -1}: names may stand without quotes) and returns it as
 * canonical Extended JSON, or NULL with what is wrong. The caller frees it. */
char *sb_index_key_read(const char *text, struct sb_err *err);

/* Rebuilds what an edit of name, key, options or window changes on a create_index card: title, target, commands, checks and
 * criteria. The card's fields index_name, index_key and index_options are the truth from which they are made. */
int sb_index_card_rebuild(struct sb_card *card, bool replicated, const char *commit_quorum, struct sb_err *err);

/* After an edit of key or options: what was said about the old ones is replaced by what is said about the new ones. `said` is the
 * advice's card for these, and loses its content to the card. The card keeps its name where a person gave it one, its
 * options and its window. Rebuild it afterwards. old_key: the key before the edit. -1 out of memory. */
int sb_index_card_adopt(struct sb_card *card, struct sb_card *said, const char *old_key);

/* The name the server's own tools give an index of this key. The caller frees it; NULL out of memory. */
char *sb_index_default_name(const char *key);

#endif
