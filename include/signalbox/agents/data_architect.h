/* SPDX-License-Identifier: Apache-2.0
 *
 * data_architect.h - what a collection's documents look like, learned from the documents themselves.
 *
 * Probabilities are those of the npm package mongodb-schema: of a field, how many of the objects that could have it have it; of
 * a type, how many of those objects have the field with this type; of a type in an array, how many of all elements. What is
 * missing is the rest. Everything else (ranges, lengths, few distinct values, kinds of text) is ours.
 *
 * Memory is bounded whatever is read, to some 150 MB: SB_INFER_MAX_PATHS fields are kept, names by their first
 * SB_INFER_MAX_NAME bytes (and a hash of all of them), values that are the same are looked for among a bounded number of them.
 * Where an object's names are data (dates, ids, numbers) they are folded into one field "*". What did not fit is counted in
 * `unlisted`. Values are hashed and forgotten, but for up to SB_INFER_MAX_VALUES distinct short ones of a field.
 * Thread: one owner.
 */
#ifndef SIGNALBOX_AGENTS_DATA_ARCHITECT_H
#define SIGNALBOX_AGENTS_DATA_ARCHITECT_H

#include <signalbox/base/error.h>
#include <signalbox/base/str.h>
#include <signalbox/formats/bsonscan.h>

#define SB_INFER_MAX_PATHS 40000
#define SB_INFER_MAX_NAME 1024
#define SB_INFER_MAX_VALUES 12

/* What a text is, told by its form. A checksum is checked where the kind has one. */
enum sb_text_kind {
    SB_TEXT_DATE, SB_TEXT_NUMBER, SB_TEXT_EMAIL, SB_TEXT_PHONE, SB_TEXT_CARD, SB_TEXT_IBAN, SB_TEXT_IP, SB_TEXT_NATIONAL_ID, SB_TEXT_UUID,
    SB_TEXT_URL, SB_TEXT_OBJECT_ID,
    SB_TEXT_KINDS
};

/* The kinds of one text, a bit each (1 << SB_TEXT_EMAIL). Pure. */
unsigned sb_text_kinds(const char *p, size_t n);

struct sb_seen_type;
struct sb_seen_object;

struct sb_seen_types {
    struct sb_seen_type **item; /* in the order first seen */
    size_t n;
};

/* Sizes of arrays, texts or documents. */
struct sb_seen_sizes {
    uint64_t least, most, sum, count;
    uint64_t upto[40]; /* how many were below 1 << i, and no smaller class */
};

struct sb_seen_array {
    struct sb_seen_sizes length;
    uint64_t elements;
    struct sb_seen_types types;
};

struct sb_seen_text {
    struct sb_seen_sizes length; /* in characters */
    uint64_t kinds[SB_TEXT_KINDS];
};

/* Numbers and dates. Of int, long and date (milliseconds) the whole ones hold, of double and decimal the reals. */
struct sb_seen_range {
    int64_t least, most;
    double least_real, most_real;
    uint64_t cards; /* whole numbers that could be card numbers */
};

struct sb_seen_value {
    uint64_t hash, count;
    uint8_t n;
    char text[40]; /* a string's bytes; of a number its decimal form */
};

struct sb_seen_values {
    struct sb_seen_value item[SB_INFER_MAX_VALUES];
    size_t n;
};

struct sb_seen_hashes;

struct sb_seen_type {
    uint8_t type;
    bool duplicates; /* two of the values that were compared are the same */
    uint64_t count;
    union {
        struct sb_seen_object *object;
        struct sb_seen_array *array;
        struct sb_seen_text *text;
        struct sb_seen_range *range;
    } of; /* by type; NULL for the others */
    struct sb_seen_values *values; /* all there were; NULL: too many, or not kept for this type */
    struct sb_seen_hashes *hashes;
};

struct sb_seen_field {
    char *name;      /* name_n bytes and a NUL */
    size_t name_n, full_n; /* full_n: of the name itself, which may be longer */
    uint64_t hash;   /* of the whole name */
    uint64_t count, last;
    size_t found; /* the first finding about it, counted from 1; 0 none */
    struct sb_seen_types types;
};

struct sb_seen_object {
    uint64_t count;
    struct sb_seen_field **field;
    size_t n, cap, guess;
    uint32_t *table; /* of field indexes + 1; table_n is a power of two */
    size_t table_n;
    struct sb_seen_field *rest; /* the names that are data, as one; its count is that of the values. NULL: none */
    uint64_t rest_names;        /* how many names were folded when it was done: there may be more */
    uint64_t unlisted;          /* values under names that there was no room for */
};

struct sb_infer;

struct sb_infer *sb_infer_new(struct sb_err *err);
void sb_infer_free(struct sb_infer *in);

/* Takes one document that sb_bson_check has passed. -1: out of memory, or it is none (nothing was counted then). */
int sb_infer_document(struct sb_infer *in, const uint8_t *data, size_t len, struct sb_err *err);

/* When all have been taken: folds the names that are data, and sorts the fields by name, _id first. */
void sb_infer_finish(struct sb_infer *in);

/* The document itself: its count is that of the documents. */
const struct sb_seen_object *sb_infer_root(const struct sb_infer *in);

/* What was read as a whole. */
struct sb_infer_totals {
    struct sb_seen_sizes size; /* of documents, bytes */
    uint64_t paths, unlisted, repeated; /* fields kept; values that were not; names that were there twice in an object */
    int depth; /* of the deepest value */
    bool full; /* no more fields were kept */
};
const struct sb_infer_totals *sb_infer_totals(const struct sb_infer *in);

/* The 95 % interval of a share when `count` of `n` were found in a random sample (Wilson's). */
void sb_share_interval(uint64_t count, uint64_t n, double *low, double *high);

/* Below which a share (0 to 1) of the sizes lies, at most twice too large. */
uint64_t sb_sizes_below(const struct sb_seen_sizes *s, double share);

/* A value of a field was there twice, as mongodb-schema sees it: a null, two objects without the field, two equal values. */
bool sb_seen_duplicates(const struct sb_seen_types *types, uint64_t missing);

/* ---- what is worth a word ---- */

struct sb_schema_finding {
    const struct sb_seen_field *field; /* NULL: the collection */
    const char *code;     /* "mixed_types", ... */
    const char *personal; /* of personal_data: the kind, "email"; else NULL */
    char *path;           /* "" for the collection */
    char *text;           /* a sentence with its evidence */
    size_t next;          /* the next one about the same field, counted from 1; 0 none */
};

struct sb_schema_findings {
    struct sb_schema_finding *item;
    size_t n, cap;
    size_t found; /* the first one about the collection, counted from 1 */
};

/* Looks at the finished inference, once. 0, or -1 out of memory. */
int sb_schema_find(const struct sb_infer *in, struct sb_schema_findings *out, struct sb_err *err);
void sb_schema_findings_release(struct sb_schema_findings *f);

/* Appends the field's name to a dotted path; `first`: it is one of the document itself. */
void sb_seen_path_add(struct sb_str *path, const struct sb_seen_field *field, bool first);

#endif
