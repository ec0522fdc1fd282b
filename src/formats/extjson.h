/* SPDX-License-Identifier: Apache-2.0
 *
 * extjson.h - between the reader of Extended JSON and the table of its wrappers. */
#ifndef SB_FORMATS_EXTJSON_PRIVATE_H
#define SB_FORMATS_EXTJSON_PRIVATE_H

#include <signalbox/formats/extjson.h>
#include <signalbox/formats/jsontext.h>

struct sb_ej_read {
    struct sb_extjson *x;
    struct sb_jt j;
    bool nomem;
};

/* Notes what is wrong where the cursor stands, unless something is noted already. Returns false. */
bool sb_ej_bad(struct sb_ej_read *r, const char *what);

/* Makes room: false out of memory or over the bound. */
bool sb_ej_reserve(struct sb_ej_read *r, size_t n);
bool sb_ej_put(struct sb_ej_read *r, const void *bytes, size_t n);
bool sb_ej_put32(struct sb_ej_read *r, uint32_t v);
bool sb_ej_put64(struct sb_ej_read *r, uint64_t v);

/* The string at the cursor: without its escapes undone, and, appended to the document, with them. A name or pattern (nul
 * false) may hold no NUL. */
bool sb_ej_string(struct sb_ej_read *r, struct sb_span *raw, bool *escaped);
bool sb_ej_append_string(struct sb_ej_read *r, bool nul);

/* Appends the string at the cursor as BSON has one: with its length before it and a NUL behind it. */
bool sb_ej_append_text(struct sb_ej_read *r);

/* Appends the object at the cursor. */
bool sb_ej_append_object(struct sb_ej_read *r, int depth);

/* The cursor stands behind the '{' of an object whose first name this is, at its value. When the name is one of Extended JSON:
 * appends the value, takes all up to the '}', sets *type. *known false: it is a name like any other, and nothing was taken. */
bool sb_ej_wrapper(struct sb_ej_read *r, struct sb_span name, int depth, uint8_t *type, bool *known);

#endif
