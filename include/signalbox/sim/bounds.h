/* SPDX-License-Identifier: Apache-2.0
 *
 * bounds.h - what a predicate says about the values in one field of an index: a list of intervals.
 *
 * Intervals are ascending, disjoint, and live in the planner's arena; their values borrow from the filter. The rules for
 * each operator, and whether the bounds alone decide the predicate ("exact"), are those the server's explain shows.
 * Thread: one.
 */
#ifndef SIGNALBOX_SIM_BOUNDS_H
#define SIGNALBOX_SIM_BOUNDS_H

#include <signalbox/sim/arena.h>
#include <signalbox/sim/match.h>

struct sim_interval {
    struct sim_val lo, hi;
    bool lo_in, hi_in;
};

struct sim_intervals {
    struct sim_interval *iv;
    size_t n;
};

enum sim_exactness {
    SIM_EXACT,   /* the bounds decide */
    SIM_COVERED, /* the index key decides, beyond the bounds: a filter on the index scan */
    SIM_FETCH,   /* only the document decides */
};

/* False when the predicate says nothing that an index can use. path_multikey: some component of the path is an array in
 * some document; sparse: the index holds no key for a missing field. */
bool sim_bounds(struct sim_arena *a, const struct sim_expr *e, bool path_multikey, bool sparse, struct sim_intervals *out,
                enum sim_exactness *exactness);

/* The same for a hashed field: points of hashes, never exact. */
bool sim_bounds_hashed(struct sim_arena *a, const struct sim_expr *e, struct sim_intervals *out);

struct sim_intervals sim_bounds_all(struct sim_arena *a);
bool sim_bounds_is_all(const struct sim_intervals *v);
bool sim_interval_is_point(const struct sim_interval *v);

struct sim_intervals sim_bounds_intersect(struct sim_arena *a, const struct sim_intervals *x, const struct sim_intervals *y);

/* "[5, inf.0]", or with its ends changed about. */
void sim_interval_text(struct sb_str *out, const struct sim_interval *v, bool reversed);

#endif
