/* SPDX-License-Identifier: Apache-2.0
 *
 * shape_tree.h - a skeleton's value as a tree, brought to one form.
 *
 * The tree borrows the skeleton's bytes. A skeleton that was cut short gives the tree of what is there.
 */
#ifndef SB_TELEMETRY_SHAPE_TREE_H
#define SB_TELEMETRY_SHAPE_TREE_H

#include "shape_skeleton.h"

#include <signalbox/base/error.h>
#include <signalbox/base/str.h>
#include <signalbox/formats/slowop.h>

struct sb_node {
    char token;
    struct sb_span key;  /* of a member of an object */
    struct sb_span text; /* of T_PATH, T_STRING, T_NUMBER */
    struct sb_node *child, *next;
    size_t children;
};

/* Reads tokens one after another; nodes come from one block. */
struct sb_tokens {
    const char *p, *end;
    struct sb_node *pool;
    size_t used;
};

/* Room for every node that n bytes can make: 0, or -1 out of memory. */
int sb_tokens_init(struct sb_tokens *t, const char *skeleton, size_t n, struct sb_err *err);
void sb_tokens_release(struct sb_tokens *t);

/* The text behind a token; absent at the end. */
struct sb_span sb_tokens_text(struct sb_tokens *t);

/* The value at the reader, or NULL when the tokens end there. */
struct sb_node *sb_tokens_value(struct sb_tokens *t);

/* A node of our own making, or NULL when the pool is used up. */
struct sb_node *sb_tokens_node(struct sb_tokens *t, char token);

/* One form for what means the same: $eq of a value, regular expressions, repeated arms; members of objects sorted by
 * their names. */
void sb_node_normalise(struct sb_tokens *t, struct sb_node *node);

/* Sorts an object's members by their names, members of equal names in their order. */
void sb_node_sort(struct sb_node *node);

/* Appends the tree as bytes that no other tree gives. */
void sb_node_canonical(struct sb_str *out, const struct sb_node *node);

/* Appends the tree as JSON text: literals are 1. */
void sb_node_json(struct sb_str *out, const struct sb_node *node);

/* Appends a JSON string; bytes that are no UTF-8 become U+FFFD. */
void sb_json_text(struct sb_str *out, struct sb_span text);

#endif
