/* SPDX-License-Identifier: Apache-2.0
 *
 * reading.h - what the parts of the scenario reader share. */
#ifndef SIM_READING_H
#define SIM_READING_H

#include <signalbox/sim/scenario.h>

struct sim_reading {
    struct sim_scenario *sc;
    struct sim_data *data; /* the collection whose rows follow */
    struct sim_app *app;
    const struct sb_conf_row *row;
    struct sb_problems *problems;
    bool nomem;
};

/* Notes a problem of the row under way. */
void sim_read_problem(struct sim_reading *r, const char *fmt, ...) SB_PRINTF(2, 3);

/* Each tells what is wrong and returns false (NULL). */
bool sim_read_number(struct sim_reading *r, const char *word, double least, double most, double *out);
bool sim_read_duration(struct sim_reading *r, const char *word, int64_t *us);
struct sim_template *sim_read_template(struct sim_reading *r, const char *text);
char *sim_read_copy(struct sim_reading *r, const char *text);

bool sim_is_namespace(const char *word);
struct sim_app *sim_find_app(const struct sim_scenario *sc, const char *name);

/* An index's words from `from` on (name, key, options) as one template. shard: gets the only one that has it; NULL: that is no option. */
struct sim_template *sim_read_index(struct sim_reading *r, size_t from, int *shard);

/* A member's number, or the word primary where that may stand. */
bool sim_read_member(struct sim_reading *r, const char *word, bool or_primary, int *out);

/* at, every, when */
void sim_read_at(struct sim_reading *r);
void sim_read_every(struct sim_reading *r);
void sim_read_when(struct sim_reading *r);

#endif
