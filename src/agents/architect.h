/* SPDX-License-Identifier: Apache-2.0
 *
 * architect.h - between the parts of the Data Architect's inference. */
#ifndef SB_AGENTS_ARCHITECT_H
#define SB_AGENTS_ARCHITECT_H

#include <signalbox/agents/data_architect.h>

#define NAMES_BUDGET ((size_t)16 << 20) /* bytes of names */
#define SLOTS_BUDGET ((size_t)4 << 20)  /* hashes of values, 8 bytes each */
#define VALUES_BUDGET 10000             /* fields whose few values are kept */
#define SET_MAX ((size_t)1 << 16)       /* hashes of one field */

/* Values of one type under a field, by their hash; an open table. */
struct sb_seen_hashes {
    size_t n, cap; /* cap is a power of two */
    uint64_t slot[];
};

struct sb_infer {
    struct sb_seen_object root;
    struct sb_infer_totals totals;
    uint64_t instance; /* of objects met, to know a name that is there twice */
    size_t names, slots, values; /* used of the budgets */
    bool nomem;
};

/* ---- values (architect_value.c) ---- */

/* Notes a value under a type that is neither object nor array. */
void sb_seen_take(struct sb_infer *in, struct sb_seen_type *t, const struct sb_bson_item *item);
void sb_seen_size(struct sb_seen_sizes *s, uint64_t size);

/* Adds what b knows to a; b is left without its sets and values. */
void sb_seen_merge_values(struct sb_infer *in, struct sb_seen_type *a, struct sb_seen_type *b);
void sb_seen_merge_sizes(struct sb_seen_sizes *a, const struct sb_seen_sizes *b);
void sb_seen_forget(struct sb_infer *in, struct sb_seen_type *t);

uint64_t sb_seen_hash(const void *p, size_t n);

/* ---- the tree (architect_tree.c) ---- */

/* The type among these, made when it is not there. NULL out of memory. */
struct sb_seen_type *sb_seen_type_of(struct sb_infer *in, struct sb_seen_types *types, uint8_t type);

/* The field of this name, or the one that its name is folded into; made when it is not there. NULL when there is no room. */
struct sb_seen_field *sb_seen_field_of(struct sb_infer *in, struct sb_seen_object *o, struct sb_span name);

/* Finds a name without making it. */
struct sb_seen_field *sb_seen_find(const struct sb_seen_object *o, const char *name, size_t n, size_t full_n, uint64_t hash);
int sb_seen_index(struct sb_seen_object *o, size_t at);     /* enters fields[at] into the table; -1 out of memory */
int sb_seen_add(struct sb_seen_object *o, struct sb_seen_field *f); /* appends and enters */
int sb_seen_reindex(struct sb_seen_object *o);

void sb_seen_types_free(struct sb_infer *in, struct sb_seen_types *types);
void sb_seen_field_free(struct sb_infer *in, struct sb_seen_field *f);
void sb_seen_object_free(struct sb_infer *in, struct sb_seen_object *o);

/* NULL: none of this type. */
const struct sb_seen_type *sb_seen_type_in(const struct sb_seen_types *types, uint8_t type);

/* ---- names that are data (architect_fold.c) ---- */

/* Called when an object has got many names; `finished`: nothing more will come. */
void sb_seen_fold(struct sb_infer *in, struct sb_seen_object *o, bool finished);

/* ---- findings (architect_find.c, architect_person.c) ---- */

#define SB_SCHEMA_MIN_TEXTS 5 /* so many have to have been seen before their form says something */

/* 98.2 %, 0.03 %: a share that never looks like all or none when it is neither. */
const char *sb_schema_share(char out[16], uint64_t part, uint64_t whole);

/* What the field tells of a person, and the sentence that says why; NULL: nothing. */
const char *sb_schema_personal(const struct sb_seen_field *f, const struct sb_seen_types *types, char *why, size_t cap);

/* Adds a finding about the collection (architect_index.c). */
int sb_schema_found(struct sb_schema_findings *out, struct sb_err *err, const char *code, const char *fmt, ...) SB_PRINTF(4, 5);

#endif
