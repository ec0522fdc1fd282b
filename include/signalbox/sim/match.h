/* SPDX-License-Identifier: Apache-2.0
 *
 * match.h - filters: a query document as a tree of expressions, tested against documents in place.
 *
 * Parsing knows $eq $ne $gt $gte $lt $lte $in $nin $exists $type $size $all $elemMatch $mod $regex/$options $not and
 * $and $or $nor $comment $jsonSchema $expr (expr.h); anything else is the server's error. The tree is in the server's canonical
 * form: $ne and $nin become $not, $all becomes $and, nested $and are flattened, single-branch $and and $or vanish, and
 * branches are sorted by kind, then path, so that equal questions have equal trees. Paths go through arrays as the
 * server's do. Thread: a filter is read by one thread; it keeps a copy of the query document unless somebody else does.
 */
#ifndef SIGNALBOX_SIM_MATCH_H
#define SIGNALBOX_SIM_MATCH_H

#include <signalbox/sim/fail.h>
#include <signalbox/sim/records.h>
#include <signalbox/sim/write.h>

/* In the order in which the server sorts branches. */
enum sim_kind {
    SIM_AND,
    SIM_OR,
    SIM_ELEM_OBJECT, /* $elemMatch with a query */
    SIM_ELEM_VALUE,  /* $elemMatch with operators */
    SIM_SIZE,
    SIM_EQ,
    SIM_LTE,
    SIM_LT,
    SIM_GT,
    SIM_GTE,
    SIM_REGEX,
    SIM_MOD,
    SIM_EXISTS,
    SIM_IN,
    SIM_NOT,
    SIM_NOR,
    SIM_TYPE,
    SIM_SCHEMA, /* $jsonSchema */
    SIM_EVAL,   /* $expr */
    SIM_FALSE, /* matches nothing: $in: [] , $expr: false */
    SIM_KINDS
};

struct sim_expr {
    enum sim_kind kind;
    const char *path; /* borrowed from the filter's copy; "" for $and, $or, $nor and $not */
    uint32_t path_n;
    unsigned parts_n; /* the components of the path */
    struct {
        uint32_t from, n;
    } parts[16];
    struct sim_val v;       /* $eq $lt ...; $size $mod as numbers; the regex element */
    struct sim_val *in;     /* $in, sorted, without regexes */
    size_t in_n;
    int64_t a, b;           /* $mod divisor and remainder; $size; the set of types as bits of $type (a), 1 = "number" in b */
    struct sim_regexes *re; /* $regex, and regexes inside $in */
    struct sim_fail *why;   /* $expr: the first failure of an evaluation */
    struct sim_expr **sub;
    size_t sub_n, sub_cap;
};

struct sim_filter {
    struct sim_doc *source; /* the copy; NULL: of bytes that somebody else keeps */
    struct sim_expr *root; /* an $and without branches matches everything */
};

/* NULL after a failure. filter must be valid BSON. */
struct sim_filter *sim_filter_new(const uint8_t *filter, struct sim_fail *f);
struct sim_filter *sim_filter_over(const uint8_t *filter, struct sim_fail *f); /* without a copy: filter must outlive it */
void sim_filter_free(struct sim_filter *m);

/* A failure inside $expr (a sum of texts) matches nothing and is kept: whoever reads for a command looks at it afterwards. */
bool sim_match(const struct sim_expr *e, const uint8_t *doc);

/* There is an $expr in it; and the first failure of one, or NULL. */
bool sim_expr_can_fail(const struct sim_expr *e);
const struct sim_fail *sim_expr_failed(const struct sim_expr *e);

/* The element of an array by which e matches the document: what a positional $ means. -1 when no array takes part. */
int64_t sim_match_element(const struct sim_expr *e, const uint8_t *doc);

/* True for the filter {}. */
bool sim_matches_all(const struct sim_expr *e);

/* The expression as explain shows it, into the open document. */
void sim_expr_write(struct sim_w *w, const struct sim_expr *e);

/* What remains of the question without its values, for query hashes: the hash goes on with it. */
uint64_t sim_expr_shape(uint64_t h, const struct sim_expr *e);

/* True when every document that e matches is matched by `wider` too, as far as simple comparisons tell (for partial
 * indexes); false is no proof of the opposite. */
bool sim_expr_implies(const struct sim_expr *e, const struct sim_expr *wider);

/* The literal text that every match of a $regex expression begins with, "" when there is none. True when the pattern is
 * nothing but ^literal (optionally followed by .*). */
bool sim_regex_prefix(const struct sim_expr *e, struct sb_str *prefix);

/* Names of operators met while parsing go here, for metrics.operatorCounters; may be NULL. */
typedef void (*sim_operator_fn)(void *ctx, const char *name);
void sim_filter_operators(const struct sim_expr *e, sim_operator_fn fn, void *ctx);

#endif
