/* SPDX-License-Identifier: Apache-2.0
 *
 * value.h - reading BSON in place: elements, lookups, MongoDB's order of values.
 *
 * A document is a pointer to its first byte; its length stands in its first four bytes. Everything here but sim_valid
 * trusts the bytes: what comes from outside passes sim_valid once, at the door (wire.h). A struct sim_val borrows from
 * the document it was read from. A value of type 0 means "missing". Thread: any.
 *
 * Order of types and values: the MongoDB manual, "Comparison/Sort Order". Numbers of different types compare by value;
 * decimals compare exactly up to the precision of long double (19 digits on x86-64).
 */
#ifndef SIGNALBOX_SIM_VALUE_H
#define SIGNALBOX_SIM_VALUE_H

#include <bson/bson.h>
#include <signalbox/base/compiler.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SIM_MAX_DEPTH 100        /* nested documents in one value; deeper input is refused */
#define SIM_MAX_DOC (16 << 20)   /* a stored document */

struct sim_val {
    uint8_t type; /* bson_type_t; 0 is "missing" */
    uint32_t n;   /* bytes of the value */
    const uint8_t *p;
};

struct sim_elem {
    const char *key;
    uint32_t key_n;
    struct sim_val v;
};

struct sim_iter {
    const uint8_t *at;
};

static inline uint32_t sim_u32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline int32_t sim_i32(const uint8_t *p)
{
    return (int32_t)sim_u32(p);
}

static inline int64_t sim_i64(const uint8_t *p)
{
    return (int64_t)((uint64_t)sim_u32(p) | (uint64_t)sim_u32(p + 4) << 32);
}

static inline double sim_f64(const uint8_t *p)
{
    double d;
    int64_t bits = sim_i64(p);
    memcpy(&d, &bits, sizeof d);
    return d;
}

static inline uint32_t sim_doc_len(const uint8_t *doc)
{
    return sim_u32(doc);
}

/* True when the bytes are exactly one well-formed document, no deeper than SIM_MAX_DEPTH. Strings need not be UTF-8. */
bool sim_valid(const uint8_t *bytes, size_t n);

static inline struct sim_iter sim_iter_of(const uint8_t *doc)
{
    return (struct sim_iter){doc + 4};
}

/* The next element, false at the end. */
bool sim_next(struct sim_iter *it, struct sim_elem *e);

/* The element of this name; type 0 when there is none. sim_find_n takes a name that need not end in NUL. */
struct sim_val sim_find_n(const uint8_t *doc, const char *key, size_t n);
struct sim_val sim_find(const uint8_t *doc, const char *key);

/* Follows a dotted path through documents (and numbered array elements); type 0 when it ends early. */
struct sim_val sim_path(const uint8_t *doc, const char *path);

bool sim_is_empty(const uint8_t *doc);
size_t sim_count(const uint8_t *doc);

static inline bool sim_is_number(uint8_t t)
{
    return t == BSON_TYPE_INT32 || t == BSON_TYPE_INT64 || t == BSON_TYPE_DOUBLE || t == BSON_TYPE_DECIMAL128;
}

static inline bool sim_is_text(uint8_t t)
{
    return t == BSON_TYPE_UTF8 || t == BSON_TYPE_SYMBOL;
}

static inline bool sim_is_doc(uint8_t t)
{
    return t == BSON_TYPE_DOCUMENT || t == BSON_TYPE_ARRAY;
}

/* The text of a string value (not the length in front of it) and its bytes without the NUL. */
static inline const char *sim_text(struct sim_val v)
{
    return (const char *)v.p + 4;
}

static inline uint32_t sim_text_n(struct sim_val v)
{
    return sim_u32(v.p) - 1;
}

bool sim_text_is(struct sim_val v, const char *text); /* false for what is no string */

long double sim_number(struct sim_val v);                  /* 0 for what is no number */
int64_t sim_int(struct sim_val v, int64_t otherwise);      /* truncated and clamped; `otherwise` for what is no number */
bool sim_truth(struct sim_val v);                          /* as a command reads a flag: missing, null, 0 and false are false */

/* Rank of a type among the types; values of equal rank compare by value. */
int sim_rank(uint8_t type);

/* <0, 0, >0. Missing sorts before null. */
int sim_compare(struct sim_val a, struct sim_val b);

/* The same for whole documents, element by element. */
int sim_compare_docs(const uint8_t *a, const uint8_t *b);

/* Same type and same bytes. */
bool sim_identical(struct sim_val a, struct sim_val b);

/* Values over memory of the caller. */
struct sim_val sim_val_i32(uint8_t buf[4], int32_t v);
struct sim_val sim_val_i64(uint8_t buf[8], int64_t v);
struct sim_val sim_val_f64(uint8_t buf[8], double v);
struct sim_val sim_val_doc(const uint8_t *doc);
extern const struct sim_val sim_null, sim_missing, sim_min_key, sim_max_key, sim_undefined, sim_true, sim_false;

/* The name of a type as $type and error messages write it: "objectId", "int", ...; and back, -1 unknown. */
const char *sim_type_name(uint8_t type);
int sim_type_of_name(const char *name, size_t n);

#endif
