/* SPDX-License-Identifier: Apache-2.0
 *
 * log_indexes.h - what the lines of a log say of indexes: built, dropped, and how many documents a build read.
 *
 * An index counts as built when the line of its build and the line of its end are there; of one that failed there is no such
 * end. Every member of a set writes these lines of its own; the same is then noted several times, which does no harm. Bounded:
 * what comes behind SB_LOG_INDEXES_MAX notes is counted in `left_out`. Errors: -1 out of memory. Thread: one owner at a time.
 */
#ifndef SIGNALBOX_AGENTS_LOG_INDEXES_H
#define SIGNALBOX_AGENTS_LOG_INDEXES_H

#include <signalbox/agents/catalogue.h>
#include <signalbox/formats/mongolog.h>

#define SB_LOG_INDEXES_MAX 4096

enum sb_log_index_what {
    SB_LOG_INDEX_BEGUN,    /* spec is known */
    SB_LOG_INDEX_BUILT,    /* name is known */
    SB_LOG_INDEX_DROPPED,  /* name, or spec with nothing but the key; neither: all but that on _id */
    SB_LOG_INDEX_EMPTIED,  /* the collection was dropped */
    SB_LOG_INDEX_SIZE,     /* documents is known */
};

struct sb_log_index {
    enum sb_log_index_what what;
    int64_t at_ms;
    char *ns, *name;
    char *spec; /* canonical Extended JSON; NULL where it is not told */
    int64_t documents;
};

struct sb_log_indexes {
    struct sb_log_index *items;
    size_t items_n;
    uint64_t left_out;
};

/* Takes what the line says, if it is of that kind. */
int sb_log_indexes_line(struct sb_log_indexes *x, const struct sb_log_line *line);

/* Moves the notes of `from` behind those of `into`. */
int sb_log_indexes_merge(struct sb_log_indexes *into, struct sb_log_indexes *from);
void sb_log_indexes_release(struct sb_log_indexes *x);

/* An index of which something is known, and when it was there. */
struct sb_dated_index {
    struct sb_index_info info; /* spec NULL: only the key is known */
    int64_t from_ms, to_ms;    /* INT64_MIN: since before the log; INT64_MAX: still at its end */
};

/* The indexes of one collection. used: keys of indexes that plans name ("{ a: 1, b: -1 }"), at times that are not known.
 * *documents: its size, 0 where it is not told; *unknown_drops: how many were dropped that no name of a known one fits: they
 * are in the list with a name and no field. A new list. */
int sb_log_indexes_of(const struct sb_log_indexes *x, const char *ns, char *const *used, size_t used_n, struct sb_dated_index **out, size_t *n,
                      int64_t *documents, size_t *unknown_drops);
void sb_dated_indexes_free(struct sb_dated_index *list, size_t n);

#endif
