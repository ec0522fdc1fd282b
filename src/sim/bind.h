/* SPDX-License-Identifier: Apache-2.0
 *
 * bind.h - variables of expressions, replaced by their values before the expression is used. */
#ifndef SIM_BIND_H
#define SIM_BIND_H

#include <signalbox/sim/fail.h>
#include <signalbox/sim/write.h>

struct sim_binding {
    const char *name; /* without $$ */
    struct sim_val v; /* missing: the variable is $$REMOVE */
};

#define SIM_BINDINGS 16

/* Appends the value with every "$$name" and "$$name.path" in it replaced by {$literal: ..}; what stands in a $literal, and
 * what an inner $let, $map, $filter or $reduce binds anew, stays. */
void sim_bind(struct sim_val e, const struct sim_binding *b, size_t n, struct sim_w *w, const char *key);

/* The variables of a `let` document, each an expression over doc, into the writer, which must outlive them. -1 with the error. */
int sim_bind_let(struct sim_val let, const uint8_t *doc, struct sim_w *w, struct sim_binding out[SIM_BINDINGS], size_t *n, struct sim_fail *f);

#endif
