/* SPDX-License-Identifier: Apache-2.0
 *
 * shape.h - what an operation asks, without the values: equal for every source that wrote the operation down.
 *
 * A shape is made in two steps. The reducer walks a command (JSON text of a log line, BSON, a profile document) once and
 * writes a compact token string in which literals are gone: the skeleton. The parser sees nothing but the skeleton, so
 * that two operations with equal skeletons have equal shapes by construction and a table of skeletons (workload.h) is an
 * exact recogniser. A shape holds no value of any document: only names, operators and directions.
 *
 * Text: the filter with literals replaced by 1, operators kept, keys sorted: {"email":1}, {"a":{"$gt":1}},
 * {"$or":[{"a":1},{"b":{"$in":[1]}}]}. Equality is written one way ({"a":{"$eq":5}} is {"a":1}), and so is a regular
 * expression ({"a":{"$regex":1}}). Several leading $match stages are {"$and":[...]}. Where the command was not written
 * down at all the text is SB_SHAPE_UNKNOWN and `unknown` is set; where a part of it is missing `partial` is set and the
 * text has what was seen. Operations without a filter have an empty text.
 *
 * Fingerprint: the first 16 hexadecimal digits of the SHA-256 over everything that makes the shape (operation, filter,
 * classes of lists and regular expressions, sort with order and direction, projection, collation, hint, stages, flags).
 * It does not name the collection. Thread: a shape is immutable once made; the functions keep no state.
 */
#ifndef SIGNALBOX_TELEMETRY_SHAPE_H
#define SIGNALBOX_TELEMETRY_SHAPE_H

#include <signalbox/base/error.h>
#include <signalbox/base/str.h>
#include <signalbox/formats/slowop.h>

#define SB_SHAPE_UNKNOWN "?"
#define SB_FINGERPRINT_LEN 16

/* Bounds on what is kept of one shape. What lies beyond them sets `partial`; it still counts in the fingerprint (what
 * nests deeper than the depth excepted), so that different shapes stay apart. */
#define SB_SHAPE_MAX_DEPTH 32
#define SB_SHAPE_MAX_PREDICATES 256
#define SB_SHAPE_MAX_TEXT 16384
#define SB_SHAPE_MAX_SKELETON 65536

enum sb_predicate_class {
    SB_PREDICATE_EQUALITY,
    SB_PREDICATE_IN,     /* a list of up to 200 values: the planner treats it as equality */
    SB_PREDICATE_IN_BIG, /* a longer list: the planner treats it as a range */
    SB_PREDICATE_RANGE,  /* $gt $gte $lt $lte */
    SB_PREDICATE_EXISTS, /* {$exists: true} */
    SB_PREDICATE_NOT_EXISTS,
    SB_PREDICATE_REGEX_PREFIX, /* case-sensitive and anchored to a literal beginning */
    SB_PREDICATE_REGEX,
    SB_PREDICATE_NE, /* $ne, $nin, and whatever stands under $not or $nor */
    SB_PREDICATE_OTHER, /* $text, $where, $mod, $size, $type, geo, $expr, ...: `operator` has the name */
};

struct sb_predicate {
    char *path; /* dotted; of an $elemMatch with the array's path in front; "" for $text, $where, $expr */
    char *op;   /* "$gt"; "$eq" for a plain value */
    enum sb_predicate_class class_;
    size_t arm;      /* index into arms: the conjunction it belongs to */
    char *elem_path; /* the array whose one element it asks together with others ($elemMatch); NULL outside one */
};

/* A conjunction. arms[0] is the filter itself; every other one is an arm of an $or or $nor inside its parent. */
enum sb_arm_kind { SB_ARM_ROOT, SB_ARM_OR, SB_ARM_NOR };

struct sb_arm {
    enum sb_arm_kind kind;
    size_t parent; /* index into arms; 0 for the root */
    size_t group;  /* arms of one $or have the same number, from 1 */
    size_t depth;  /* number of $or and $nor above */
};

struct sb_sort_field {
    char *path;
    int direction; /* 1, -1; 0 for {"$meta": ...} and other kinds ("text", "2d") */
};

struct sb_lookup {
    char *from, *local_field, *foreign_field; /* NULL where not said */
    bool pipeline;                            /* has an inner pipeline */
};

struct sb_shape {
    enum sb_op_kind kind;
    char *op;          /* "find", "aggregate", "listIndexes": what a digest prints */
    char *text;        /* the filter */
    char *sort;        /* {"a":1,"b":-1}; "" where there is none */
    char *projection;  /* {"a":1,"b":1} with keys sorted; "" where there is none */
    char *collation;   /* as sent, keys sorted; "" where there is none */
    char *hint;        /* index name or key pattern; "" where there is none */
    char *stages;      /* "$match,$sort,$group"; "" unless it is an aggregation */
    char *distinct;    /* the key of a distinct; "" otherwise */
    char fingerprint[SB_FINGERPRINT_LEN + 1];
    bool unknown;      /* the command was not written down */
    bool partial;      /* a part of it was not, or it is over the bounds above */
    bool limited;      /* a limit other than 0 (find), or a $limit stage before anything that needs all input */
    bool multi;        /* updates or removes every match */
    struct sb_predicate *predicates;
    size_t predicates_n;
    struct sb_arm *arms;
    size_t arms_n;
    struct sb_sort_field *sorts;
    size_t sorts_n;
    char **projected;  /* paths an inclusive projection asks for, sorted; _id is listed where it was said */
    size_t projected_n;
    bool projects_id;  /* _id comes back: false only where it was excluded */
    bool inclusive;    /* the projection names what to return; only then can an index cover the query */
    struct sb_lookup *lookups;
    size_t lookups_n;
    size_t bytes; /* memory it takes, about */
};

/* Writes the operation's skeleton to `out` (cap >= 64) and returns its length. What does not fit is told apart by a hash
 * at the end. Nothing is allocated: this runs for every line of a log. */
size_t sb_shape_reduce(const struct sb_slow_op *op, char *out, size_t cap);

/* The shape of a skeleton, or NULL out of memory. The caller owns it. */
struct sb_shape *sb_shape_parse(const char *skeleton, size_t n, struct sb_err *err);

/* Both in one. */
struct sb_shape *sb_shape_new(const struct sb_slow_op *op, struct sb_err *err);
void sb_shape_free(struct sb_shape *shape);

#endif
