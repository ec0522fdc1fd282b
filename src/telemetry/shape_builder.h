/* SPDX-License-Identifier: Apache-2.0
 *
 * shape_builder.h - what the files of the parser share: a skeleton's sections, and the shape that is being made of them.
 */
#ifndef SB_TELEMETRY_SHAPE_BUILDER_H
#define SB_TELEMETRY_SHAPE_BUILDER_H

#include "shape_tree.h"

#include <signalbox/telemetry/shape.h>

#define MAX_PATH 512 /* of a field; a longer one is left out of the lists, and `partial` says so */

/* What one skeleton holds, section by section. */
struct sb_shape_parts {
    struct sb_tokens tokens;
    struct sb_node *filter, *sort, *projection, *collation, *hint, *pipeline, *distinct;
    bool limited, multi, unknown, partial;
    struct sb_span spilled;
    struct sb_span label;
    enum sb_op_kind kind, origin;
};

struct sb_shape_builder {
    struct sb_shape *shape;
    struct sb_shape_parts *parts;
    size_t groups; /* $or groups so far */
    bool nomem;
};

/* A new zeroed item of one of the shape's lists; NULL, and nomem, when there is no memory. */
void *sb_shape_grow(struct sb_shape_builder *b, void *items, size_t *n, size_t size);
#define GROW(b, list) sb_shape_grow((b), &(b)->shape->list, &(b)->shape->list##_n, sizeof *(b)->shape->list)

/* A copy of the text for the shape to own; NULL, and nomem, when there is no memory. */
char *sb_shape_text(struct sb_shape_builder *b, struct sb_span text);

/* prefix.name, or NULL when it is longer than MAX_PATH or holds a NUL. */
char *sb_shape_path(struct sb_shape_builder *b, const char *prefix, struct sb_span name);

/* The predicates and arms of the filter, into the shape, whose first arm is there. */
void sb_shape_predicates(struct sb_shape_builder *b);

#endif
