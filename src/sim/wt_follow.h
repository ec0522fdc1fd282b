/* SPDX-License-Identifier: Apache-2.0
 *
 * wt_follow.h - statistics of the storage engine that go with others of it. */
#ifndef SIM_WT_FOLLOW_H
#define SIM_WT_FOLLOW_H

#include <signalbox/sim/engine.h>

struct wt_figure {
    const char *name;
    double value;
};

/* What they go with: since the start, as serverStatus tells it elsewhere. */
enum wt_with {
    WT_SECONDS,
    WT_PAGES_READ,
    WT_EVICTED_DIRTY,
    WT_EVICTED_CLEAN,
    WT_PAGES_WRITTEN,
    WT_BYTES_WRITTEN,
    WT_LOG_BYTES,
    WT_LOG_SYNCS,
    WT_LOG_WRITES,
    WT_CURSORS,
    WT_BUILT,      /* keys that index builds wrote */
    WT_DDL,        /* exclusive locks of collections */
    WT_WITH
};

struct wt_follow {
    const char *name;
    enum wt_with with;
    double factor;
    enum wt_with also; /* with also_factor; 0 and 0: nothing else */
    double also_factor;
};

/* Those of a section, in the order of their names; NULL and 0: none. */
const struct wt_follow *wt_follow_of(const char *section, size_t *n);

/* Never falls as long as what it goes with never falls. */
double wt_follow_value(const struct wt_follow *f, const double with[WT_WITH]);

#endif
