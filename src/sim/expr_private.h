/* SPDX-License-Identifier: Apache-2.0
 *
 * expr_private.h - what the parts of the expressions share: functions of values, and forms that bind variables. */
#ifndef SIM_EXPR_PRIVATE_H
#define SIM_EXPR_PRIVATE_H

#include <signalbox/sim/expr.h>

/* Names that an expression may use behind $$, the innermost first; NULL the end. */
struct sim_scope {
    const char *name;
    size_t n;
    const struct sim_scope *outer;
};

int sim_check_in(struct sim_val e, const struct sim_scope *scope, unsigned depth, struct sim_fail *f);
int sim_eval_in(struct sim_val e, const uint8_t *doc, struct sim_w *w, const char *key, unsigned depth, struct sim_fail *f);

/* The value at a path; through an array, the array of the values in its documents. Nothing when it is missing. */
void sim_put_path(struct sim_val v, const char *path, struct sim_w *w, const char *key);

/* Argument number i of evaluated ones. */
struct sim_val sim_arg_at(const uint8_t *args, size_t i);

bool sim_nullish(struct sim_val v);

/* A function of its arguments' values. */
struct sim_function {
    const char *name;
    int least, most; /* most -1: any number */
    int (*fn)(const uint8_t *args, size_t n, struct sim_w *w, const char *key, struct sim_fail *f);
};

const struct sim_function *sim_function_find(const char *name);

/* An operator that evaluates its parts itself: some not at all, some once for each element of an array. */
struct sim_form {
    const char *name;
    int (*check)(struct sim_val args, const struct sim_scope *scope, unsigned depth, struct sim_fail *f);
    int (*eval)(struct sim_val args, const uint8_t *doc, struct sim_w *w, const char *key, unsigned depth, struct sim_fail *f);
};

const struct sim_form *sim_form_find(const char *name);

/* expr_convert.c */
int sim_convert_check(struct sim_val args, const struct sim_scope *scope, unsigned depth, struct sim_fail *f);
int sim_convert_eval(struct sim_val args, const uint8_t *doc, struct sim_w *w, const char *key, unsigned depth, struct sim_fail *f);

#endif
