/* SPDX-License-Identifier: Apache-2.0
 *
 * bsonscan.h - going through BSON bytes element by element, trusting none of them.
 *
 * libbson's iterator checks an element when it comes to it, one level at a time; who counts fields has to know beforehand
 * that the whole document can be walked, or half of it would be counted. Every length is checked against what is there.
 * Text is not checked to be UTF-8, a name may be empty or hold dots and dollars. Nothing is copied. Thread: any.
 */
#ifndef SIGNALBOX_FORMATS_BSONSCAN_H
#define SIGNALBOX_FORMATS_BSONSCAN_H

#include <signalbox/base/compiler.h>
#include <signalbox/formats/slowop.h>

/* Documents within documents are looked into down to here; servers stop at 100 or 180. What is deeper is a value that nobody
 * looks into. */
#define SB_BSON_MAX_DEPTH 255

/* The type bytes of the specification. */
enum sb_bson_type {
    SB_BSON_DOUBLE = 1, SB_BSON_STRING, SB_BSON_OBJECT, SB_BSON_ARRAY, SB_BSON_BINARY, SB_BSON_UNDEFINED, SB_BSON_OBJECT_ID, SB_BSON_BOOL,
    SB_BSON_DATE, SB_BSON_NULL, SB_BSON_REGEX, SB_BSON_DB_POINTER, SB_BSON_CODE, SB_BSON_SYMBOL, SB_BSON_CODE_SCOPE, SB_BSON_INT,
    SB_BSON_TIMESTAMP, SB_BSON_LONG, SB_BSON_DECIMAL,
    SB_BSON_MAX_KEY = 127, SB_BSON_MIN_KEY = 255,
};

/* "objectId", "int", ...: the server's own name ($type). NULL: there is no such type. */
const char *sb_bson_type_name(uint8_t type);

static inline bool sb_bson_is_number(uint8_t type)
{
    return type == SB_BSON_INT || type == SB_BSON_LONG || type == SB_BSON_DOUBLE || type == SB_BSON_DECIMAL;
}

/* The inside of a document or array. */
struct sb_bson {
    const uint8_t *p, *end; /* end: at the final NUL */
};

struct sb_bson_item {
    uint8_t type;
    uint32_t len; /* of the value */
    struct sb_span name;
    const uint8_t *value;
};

/* Takes len bytes as a document: false when its own length is another, or its end is not there. */
bool sb_bson_open(struct sb_bson *b, const uint8_t *data, size_t len);

/* The next element: 1, 0 at the end, -1 where the bytes are none. */
int sb_bson_next(struct sb_bson *b, struct sb_bson_item *item);

/* Walks all of it: true when sb_bson_next will find nothing wrong down to SB_BSON_MAX_DEPTH. *at (may be NULL) is the offset of
 * the element that is wrong. */
bool sb_bson_check(const uint8_t *data, size_t len, size_t *at);

/* The text of a string, symbol or code, without its NUL. */
static inline struct sb_span sb_bson_text(const struct sb_bson_item *item)
{
    return (struct sb_span){(const char *)item->value + 4, item->len - 5};
}

static inline uint32_t sb_le32(const uint8_t *p)
{
    return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t sb_le64(const uint8_t *p)
{
    return sb_le32(p) | (uint64_t)sb_le32(p + 4) << 32;
}

static inline double sb_le_double(const uint8_t *p)
{
    uint64_t bits = sb_le64(p);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

#endif
