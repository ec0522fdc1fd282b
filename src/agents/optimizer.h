/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the Index Optimizer know of each other. */
#ifndef SIGNALBOX_AGENTS_OPTIMIZER_H
#define SIGNALBOX_AGENTS_OPTIMIZER_H

#include <signalbox/agents/index_optimizer.h>

/* One field of a candidate. */
struct key_field {
    const char *path; /* borrowed from the shape */
    int direction;
};

struct candidate {
    struct key_field field[SB_INDEX_MAX_FIELDS];
    size_t n;
    size_t equalities; /* the first so many are compared for equality: their order does not matter to the shape */
    const struct sb_work *work;
    struct sb_work_sums sums; /* within the evidence window */
    double ratio;             /* documents examined per document returned */
    char why_not[256];        /* "": it may be proposed */
};

/* Reads one shape: fills c. why_not says when there is nothing to propose for it. */
void sb_candidate_of(struct candidate *c, const struct sb_index_question *q, const struct sb_work *work);

/* True when an index with this key pattern lets the server answer the candidate's shape as well. */
bool sb_candidate_served_by(const struct candidate *c, const struct sb_index_info *index);

/* True when the operation is of a kind that finds documents, which an index could help. */
bool sb_candidate_has_filter(const struct candidate *c);

/* True when b serves everything that a serves. */
bool sb_candidate_within(const struct candidate *a, const struct candidate *b);

/* index_optimizer.c. Why nothing may be proposed on the question's collection at all; NULL when it may. */
const char *sb_index_forbidden(const struct sb_index_question *q);

/* The collection's shapes, at most cap of them, each with its key or the reason for none; how many. */
size_t sb_candidates_collect(const struct sb_index_question *q, struct candidate *all, size_t cap);

/* The one that saves most time, or where no times are known most documents; among those that also serve it, the one that serves
 * more shapes. NULL: none may be proposed. */
const struct candidate *sb_candidates_choose(const struct candidate *all, size_t n);

/* Appends what else was thought of for this one, and why it is not what is proposed. -1 out of memory. */
int sb_candidate_alternatives(const struct candidate *lead, struct sb_rejected **list, size_t *n);

/* The plan that most operations had, or "not told". */
const char *sb_candidate_plan(const struct sb_work *w);

/* The key pattern as canonical Extended JSON. A new string or NULL. */
char *sb_candidate_key(const struct candidate *c);

/* Puts the fields of a key pattern (parsed: it is borrowed from) where a candidate has its own. False: some field is not ordered. */
bool sb_candidate_of_key(struct candidate *c, const bson_t *key);

/* True when the index finds some of the documents that the candidate's shape wants, and the rest is left to the server. */
bool sb_candidate_helped_by(const struct candidate *c, const struct candidate *index);

/* optimizer_card.c: makes the draft for a key. lead: the shape it is for, NULL where none was seen; helped: one that it serves in
 * part, where there is no lead, or NULL. */
int sb_index_card(const struct sb_index_question *q, const char *key, const char *name, const struct candidate *lead, const struct candidate *helped,
                  const struct candidate *all, size_t n, struct sb_card *card, struct sb_err *err);

/* optimizer_options.c. How far an index with options serves the shapes that its key would serve. */
enum fit {
    FIT_WHOLE,
    FIT_VALUES, /* some of its operations: a shape does not tell which */
    FIT_NOT,
};

/* first: the leading field of the index. why: what stands in the way, unless it is FIT_WHOLE. */
enum fit sb_options_fit(const bson_t *options, const struct candidate *c, const char *first, char *why, size_t cap);

/* Appends to the card's reason what these options do to the documents, or need of them. -1 out of memory, as the next. */
int sb_options_warn(const struct sb_index_question *q, const bson_t *options, const bson_t *key, struct sb_card *card);

/* The same about a shape that cannot use it, or not always. */
int sb_options_warn_of_use(const struct candidate *c, const char *why, struct sb_card *card);

const struct sb_field_fact *sb_field_fact_of(const struct sb_catalogue *c, const char *path);

#endif
