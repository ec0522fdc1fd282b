/* SPDX-License-Identifier: Apache-2.0
 *
 * shape_reduce.h - what the files of the reducer share: a cursor over the members of a document in either form, and the
 * skeleton being written.
 *
 * The functions that run for every member of every line of a log are inline.
 */
#ifndef SB_TELEMETRY_SHAPE_REDUCE_H
#define SB_TELEMETRY_SHAPE_REDUCE_H

#include "shape_skeleton.h"

#include <signalbox/formats/jsontext.h>
#include <signalbox/telemetry/shape.h>

#include <bson/bson.h>

/* ---- the cursor ---- */

enum sb_value { V_OBJECT, V_ARRAY, V_STRING, V_NUMBER, V_BOOL, V_NULL, V_REGEX, V_LITERAL };

struct sb_cursor {
    struct sb_jt *j; /* the text, shared by all levels; NULL for BSON */
    bson_iter_t it;
    bool first;
    bool array;
};

/* The first key of the object at the cursor, without moving; absent when it is empty or cut. */
struct sb_span sb_cursor_peek(const struct sb_cursor *c);

enum sb_value sb_cursor_kind_of_object(const struct sb_cursor *c);
enum sb_value sb_cursor_kind_of_bson(const struct sb_cursor *c);

/* Take the value at the cursor, which must be of the kind: false where the text is cut. */
bool sb_cursor_string(struct sb_cursor *c, struct sb_span *text, bool *escaped);
bool sb_cursor_number(struct sb_cursor *c, double *out);
bool sb_cursor_bool(struct sb_cursor *c, bool *out);

/* The next member; its key is raw (may hold escapes) in JSON. False at the end or where the text is cut. */
static inline bool sb_cursor_next(struct sb_cursor *c, struct sb_span *key, bool *escaped)
{
    *escaped = false;
    if (c->j) {
        if (c->array) {
            *key = (struct sb_span){"", 0};
            return sb_jt_element(c->j, &c->first);
        }
        return sb_jt_member(c->j, &c->first, key, escaped);
    }
    if (!bson_iter_next(&c->it))
        return false;
    const char *name = bson_iter_key(&c->it);
    *key = (struct sb_span){name, strlen(name)};
    return true;
}

static inline enum sb_value sb_cursor_kind(const struct sb_cursor *c)
{
    if (!c->j)
        return sb_cursor_kind_of_bson(c);
    switch (c->j->p < c->j->end ? *c->j->p : '\0') {
    case '{':
        return sb_cursor_kind_of_object(c);
    case '[':
        return V_ARRAY;
    case '"':
        return V_STRING;
    case 't':
    case 'f':
        return V_BOOL;
    case 'n':
        return V_NULL;
    default:
        return V_NUMBER;
    }
}

/* Steps over the value: false when it is not all there. */
static inline bool sb_cursor_skip(struct sb_cursor *c)
{
    return !c->j || sb_jt_skip(c->j, NULL);
}

static inline bool sb_cursor_enter(const struct sb_cursor *c, struct sb_cursor *inner, bool array)
{
    inner->j = c->j;
    inner->first = true;
    inner->array = array;
    if (c->j)
        return sb_jt_open(c->j, array ? '[' : '{');
    return bson_iter_recurse(&c->it, &inner->it);
}

/* True when the members ended because there are no more, not because of a cut. */
static inline bool sb_cursor_ended(const struct sb_cursor *c)
{
    return c->j ? c->j->state == SB_JT_OK : c->it.err_off == 0;
}

/* ---- the skeleton being written ---- */

struct sb_out {
    char *p, *end;
    uint64_t spilled; /* hash of what did not fit */
    bool full;
    bool partial;
};

void sb_out_bytes(struct sb_out *o, const char *p, size_t n);

static inline void sb_out_put(struct sb_out *o, char token)
{
    if (o->p == o->end || o->full)
        sb_out_bytes(o, &token, 1);
    else
        *o->p++ = token;
}

/* A token with text: length in 7-bit groups, low first, then the bytes. */
void sb_out_text(struct sb_out *o, char token, struct sb_span text, bool escaped);

/* A number that is part of the shape (a collation's strength): whole numbers have one form, whatever their type. */
void sb_out_number(struct sb_out *o, double v);

/* Where the skeleton stands, to take back what a cut left unfinished. After a spill nothing can be taken back. */
static inline char *sb_out_mark(const struct sb_out *o)
{
    return o->p;
}

static inline void sb_out_take_back(struct sb_out *o, char *to)
{
    if (!o->full)
        o->p = to;
}

/* ---- the walks: each writes one value, and false says that the text was cut ---- */

bool sb_reduce_literal(struct sb_cursor *c, struct sb_out *o);
bool sb_reduce_filter(struct sb_cursor *c, struct sb_out *o, unsigned depth);

#endif
