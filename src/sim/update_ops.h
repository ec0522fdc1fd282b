/* SPDX-License-Identifier: Apache-2.0
 *
 * update_ops.h - one update operator on one value, without the path to it. */
#ifndef SIM_UPDATE_OPS_H
#define SIM_UPDATE_OPS_H

#include <signalbox/sim/update.h>

enum sim_update_op {
    OP_SET, OP_UNSET, OP_INC, OP_MUL, OP_MIN, OP_MAX, OP_CURRENT_DATE, OP_SET_ON_INSERT, OP_PUSH, OP_ADD_TO_SET, OP_PULL, OP_PULL_ALL, OP_POP,
    OP_BIT, OP_RENAME
};

struct sim_mod {
    enum sim_update_op op;
    const char *path; /* borrowed from the source */
    struct sim_val v;
    struct sim_filter *pull; /* $pull with a condition: on {v: element}, or on the element itself */
    bool pull_docs;
};

struct sim_apply {
    const struct sim_mod *m;
    const uint8_t *old; /* the document, for sentences */
    const struct sim_update_clock *clock;
    struct sim_w *w;
    struct sim_fail *f;
    bool changed;
};

/* Checks the argument of an operator on a path, and prepares m. */
int sim_update_check(struct sim_mod *m, struct sim_fail *f);

/* Writes the new value of the field (was: missing when there is none). */
int sim_update_change(struct sim_apply *a, const char *key, size_t key_n, struct sim_val was);

/* The filters of an update's $[identifier] (update_array.c). */
struct sim_array_filters {
    struct {
        const char *id; /* borrowed from the filter */
        size_t id_n;
        struct sim_filter *filter; /* on {id: element} */
        bool used;
    } item[16];
    size_t n;
};

int sim_array_filters_init(struct sim_array_filters *x, struct sim_val list, struct sim_fail *f);
void sim_array_filters_release(struct sim_array_filters *x);

/* Marks the filters that a path uses; -1 for one that is not there. Afterwards: every filter must have been used. */
int sim_array_filters_use(struct sim_array_filters *x, const char *path, struct sim_fail *f);
int sim_array_filters_all_used(const struct sim_array_filters *x, struct sim_fail *f);

/* Appends the paths with numbers that a path with $[] means in this document, each with its NUL. 0 or -1. */
int sim_array_paths(const struct sim_array_filters *x, const uint8_t *doc, const char *path, struct sb_str *out, struct sim_fail *f);

#endif
