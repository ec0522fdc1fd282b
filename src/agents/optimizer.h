/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the Index Optimizer know of each other. */
#ifndef SIGNALBOX_AGENTS_OPTIMIZER_H
#define SIGNALBOX_AGENTS_OPTIMIZER_H

#include <signalbox/agents/index_optimizer.h>

#define SB_INDEX_MAX_NEEDS 400 /* of one collection that are looked at: those that took most time */

/* One field of a candidate. */
struct key_field {
    const char *path; /* borrowed from the shape */
    int direction;
    bool free;        /* either direction will do: it is compared, not sorted by */
    bool list;        /* compared to a list */
    unsigned block;   /* fields of one block may stand in any order; blocks stand in the order of their numbers */
};

/* What one conjunction asks of an index: a whole filter, one arm of its $or, or the inner side of a $lookup; and the key that
 * would answer it. */
struct candidate {
    struct key_field field[SB_INDEX_MAX_FIELDS];
    size_t n;
    size_t equalities; /* the first so many are compared for equality: their order does not matter to the shape */
    const struct sb_work *work;
    size_t arm;               /* of the shape; 0: the whole filter */
    bool inner;               /* the work is an aggregation on another collection, whose $lookup looks here */
    bool counted;             /* the work is one that the servers have counted: no window of it, no quantile, no example, no plan */
    bool served;              /* why_not says what serves it: a $or goes by that arm */
    bool late;                /* an index that serves it came only after it had been slow, as the log tells */
    struct sb_work_sums sums; /* within the evidence window; of what was counted since longer, its share of that */
    double ratio;             /* documents examined per document used; */
    bool by_keys;             /* or keys, where it reads keys in vain and not documents */
    char why_not[256];        /* "": it may be proposed */
};

/* optimizer_need.c. What the filter's arm asks of an index, into c: equality, sort, range. */
void sb_candidate_fill(struct candidate *c, const struct sb_index_question *q, size_t arm);

/* True for a path that the server takes into a key. */
bool sb_path_indexable(const char *path);

/* Equalities of one block in the order in which they should stand. */
bool sb_field_before(const struct sb_index_question *q, const struct key_field *a, const struct key_field *b);

/* True when a key with these fields would run through two arrays, which no index may. */
bool sb_fields_parallel(const struct sb_index_question *q, const struct sb_shape *s, const struct key_field *f, size_t n);

/* Two arrays, or one that is met twice? What stands beside what in one $elemMatch is one array. */
bool sb_paths_parallel(const char *a, const char *b);

/* optimizer_judge.c. Fills sums, ratio and, when nothing may be proposed for it, why_not. */
void sb_candidate_judge(struct candidate *c, const struct sb_index_question *q);

/* For a sentence: " and sorts them in memory", or on disk; "" where it sorts nothing. And what the index does for it. */
const char *sb_candidate_sorting(const struct candidate *c);
const char *sb_candidate_gain(const struct candidate *c);

/* Documents that were read and not used; of a sort in memory all that it had to hold. */
uint64_t sb_candidate_waste(const struct candidate *c);

/* optimizer_serve.c. True when an index with this key pattern lets the server answer the candidate's shape as well. */
bool sb_candidate_served_by(const struct candidate *c, const struct sb_index_info *index);

/* True when the operation is of a kind that finds documents, which an index could help. */
bool sb_candidate_has_filter(const struct candidate *c);

/* True when b serves everything that a serves: the same collation, and a's key served by b's. */
bool sb_candidate_within(const struct candidate *a, const struct candidate *b);

/* optimizer_shards.c: the filter bounds the first field of the shard key, so that a mongos leaves shards out. False where it has none. */
bool sb_shape_names_shard_key(const struct sb_catalogue *c, const struct sb_shape *shape);

/* Adds to what is said of a shape (taken; NULL: out of memory) that every shard is asked, where that is so. */
char *sb_shape_shards_said(const struct sb_catalogue *c, const struct sb_shape *shape, char *text);

/* The same for a key of no operation. */
bool sb_key_serves(const struct candidate *c, const struct candidate *key);

/* No collation, or the one that compares bytes. */
bool sb_collation_is_none(const char *collation);

/* index_optimizer.c. Why nothing may be proposed on the question's collection at all; NULL when it may. */
const char *sb_index_forbidden(const struct sb_index_question *q);

/* optimizer_collect.c. What the collection's shapes ask for, each with its key or the reason for none: a new list of at most
 * SB_INDEX_MAX_NEEDS, the costliest shapes first. -1 out of memory. */
int sb_candidates_collect(const struct sb_index_question *q, struct candidate **all, size_t *n);

/* optimizer_estimate.c. Documents that have one value of the field, on average; 0: not known. */
double sb_documents_each(const struct sb_index_question *q, const char *path);

/* Documents that the key's beginning leads to, as far as c compares its fields with one value; 0: not known. */
double sb_documents_found(const struct sb_index_question *q, const struct candidate *c, const struct candidate *key);

/* optimizer_plan.c. One index of the plan: the key with the costliest shape that it is for. */
struct planned {
    struct candidate key;
    size_t serves;      /* how many of the candidates */
    uint64_t total_ms, waste;
    const struct sb_index_info *replaces[4]; /* indexes of the catalogue that are not needed beside it: it begins with their key, */
    bool reorders[4];                        /* or holds their fields in another order, and serves every shape seen to use them */
    size_t replaces_n;
    size_t covering; /* fields at its end that nothing is found by: with them an operation is answered from the index alone */
};

/* The fewest indexes that serve all candidates which may be proposed, the one that saves most first. Those left out have their
 * why_not filled in. A new list. -1 out of memory. */
int sb_plan_make(const struct sb_index_question *q, struct candidate *all, size_t n, struct planned **out, size_t *out_n);

/* Appends what else was thought of for this one, and why it is not what is proposed. -1 out of memory. */
int sb_candidate_alternatives(const struct candidate *lead, struct sb_rejected **list, size_t *n);

/* index_optimizer.c. Adds to the card what the index stands for beside its shapes. -1 out of memory. */
int sb_plan_say(const struct planned *p, const struct sb_index_question *q, struct sb_card *card);

/* optimizer_worth.c. Takes out of the plan what is not worth its cost, and says so of those that it was for. */
void sb_plan_choose(const struct sb_index_question *q, struct candidate *all, size_t n, struct planned *plan, size_t *planned);

/* The plan that most operations had, or "not told". */
const char *sb_candidate_plan(const struct sb_work *w);

/* The key pattern as canonical Extended JSON. A new string or NULL. */
char *sb_candidate_key(const struct candidate *c);

/* The name, or one like it that no index of the catalogue has. A new string or NULL. */
char *sb_index_free_name(const struct sb_catalogue *c, const char *wanted);

/* The options that the candidate's shape needs, as canonical Extended JSON ("{ }": none). A new string or NULL. */
char *sb_candidate_options(const struct candidate *c);

/* The name for a new index of this key and options that no index of the catalogue has. A new string or NULL. */
char *sb_candidate_name(const struct candidate *c, const struct sb_catalogue *cat);

/* Puts the fields of a key pattern (parsed: it is borrowed from) where a candidate has its own. False: some field is not ordered. */
bool sb_candidate_of_key(struct candidate *c, const bson_t *key);

/* True when the index finds some of the documents that the candidate's shape wants, and the rest is left to the server. */
bool sb_candidate_helped_by(const struct candidate *c, const struct candidate *index);

/* optimizer_card.c: makes the draft for a key. lead: the shape it is for, NULL where none was seen; helped: one that it serves in
 * part, where there is no lead, or NULL. */
int sb_index_card(const struct sb_index_question *q, const char *key, const char *name, const struct candidate *lead, const struct candidate *helped,
                  const struct candidate *all, size_t n, struct sb_card *card, struct sb_err *err);

/* How long a build takes, about; entries_milli: of an average document. */
int64_t sb_index_build_ms(int64_t documents, int64_t entries_milli);

/* Adds what is watched of the collection's shapes: what the lead, if there is one, and others of all that its key serves, examine
 * and take, and that no other gets slower. */
int sb_index_criteria_of_shapes(const struct sb_index_question *q, const struct candidate *lead, const struct candidate *all, size_t n, struct sb_watch *w);

/* optimizer_claim.c. One number that a card says of an index before it is there. */
struct sb_index_claim {
    int64_t value, least, most;
    char badge[24]; /* coverage, as of evidence */
    char why[240];  /* what it rests on */
};

/* What an index takes: on disk, and of every write. */
struct sb_index_cost {
    int64_t entries_milli; /* of an average document: an index on an array has one for each of its different elements */
    struct sb_index_claim bytes, keys_per_s_milli;
    bool knows_writes;
};

/* -1 out of memory. options: canonical Extended JSON, or NULL. */
int sb_claim_cost(const struct sb_index_question *q, const char *key, const char *options, struct sb_index_cost *out);
int64_t sb_claim_entries_milli(const struct sb_index_question *q, const bson_t *key);

/* Documents that the shape will examine for each that it uses, with this key. False: nothing can be said, as of the next two. */
bool sb_claim_docs(const struct sb_index_question *q, const struct candidate *c, const struct candidate *key, struct sb_index_claim *out);
bool sb_claim_read_us(const struct sb_index_question *q, const struct candidate *lead, const struct sb_ns_work *now, struct sb_index_claim *out);
bool sb_claim_p95(const struct candidate *c, int64_t us, const struct sb_index_claim *docs, struct sb_index_claim *out);
void sb_claim_write_us(const struct sb_index_question *q, int64_t mean_us, const struct sb_index_cost *cost, struct sb_index_claim *out);

/* optimizer_options.c. How far an index with options serves the shapes that its key would serve. */
enum fit {
    FIT_WHOLE,
    FIT_VALUES, /* some of its operations: a shape does not tell which */
    FIT_NOT,
};

/* first: the leading field of the index. why: what stands in the way, unless it is FIT_WHOLE. */
enum fit sb_options_fit(const bson_t *options, const struct candidate *c, const char *first, char *why, size_t cap);

/* Appends a warning to the card's reason, and raises its risk. Takes text. -1 out of memory, or there is no text. */
int sb_card_warn(struct sb_card *card, int risk, char *text);

/* Appends to the card's reason what these options do to the documents, or need of them. -1 out of memory, as the next. */
int sb_options_warn(const struct sb_index_question *q, const bson_t *options, const bson_t *key, struct sb_card *card);

/* The same about a shape that cannot use it, or not always. */
int sb_options_warn_of_use(const struct candidate *c, const char *why, struct sb_card *card);

/* optimizer_fails.c. True: the server refuses to build it, or the build would fail in what the sample saw; why (cap bytes) says it.
 * Otherwise why says of what it may fail on ("": of nothing that is known). key, options: parsed. */
bool sb_build_fails(const struct sb_index_question *q, const bson_t *key, const bson_t *options, char *why, size_t cap);

/* index_key.c. A document as people write it, names with or without quotes; NULL: it is none, or there is no memory. */
bson_t *sb_written_document(const char *text);

/* optimizer_explain.c. The operation that was kept as an example, parsed; NULL when there is none that is whole. */
bson_t *sb_example_document(const struct sb_doc *d);

const struct sb_field_fact *sb_field_fact_of(const struct sb_catalogue *c, const char *path);

#endif
