/* SPDX-License-Identifier: Apache-2.0
 *
 * What a request for a change says, by patterns. */
#ifndef SB_ORCHESTRATOR_CHANGE_WORDS_H
#define SB_ORCHESTRATOR_CHANGE_WORDS_H

#include <signalbox/agents/schema_change.h>

#define SB_O_NAME "[\"'`]?([A-Za-z_][A-Za-z0-9_.\\-]{0,119})[\"'`]?"
#define SB_O_UNIT "(?:s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|days?|d|weeks?|w|months?|years?|y)"

/* The first group of a pattern in a text, copied; NULL: it is not there, or err says what went wrong. */
char *sb_o_found(const char *pattern, const char *text, struct sb_err *err);

/* So many of a unit, as seconds: a month is 30 days and a year 365. -1: it is no number or no unit. */
int64_t sb_o_seconds(const char *number, const char *unit);

/* Documents, or a field, that go to another collection. The texts are the caller's to free, whatever came of it. */
struct sb_o_move_words {
    enum sb_change_kind change;
    char *field, *into;
    int64_t older_s;
    char *ns, *from, *foreign, *as; /* of what is embedded: where, from where, and which field of it is named; the field that gets it */
};

/* 1: the request is for one; 0: it is not; -1: it is, and something is missing. field: as it was read already, or NULL. */
int sb_o_read_move(const char *text, const char *ns, const char *field, struct sb_o_move_words *out, struct sb_err *err);

/* A collection that is to be called otherwise: 1 with both names in full (the caller's to free) and whether it is asked for while the collection is
 * written, 0, or -1: it is, and the new name is missing. ns: the collection that was read already; its database is that of a name without one. given: the
 * new name where ns itself stands as what is renamed, or NULL. */
int sb_o_read_name(const char *text, const char *ns, const char *given, char **from, char **to, bool *written, struct sb_err *err);

/* A time series: 1 with its time field and its meta field (NULL: none is named), the caller's to free; 0; or -1: it is, and no time is named. */
int sb_o_read_series(const char *text, const char *ns, char **time, char **meta, struct sb_err *err);

/* A collection that is to be capped: 1 with its size in bytes, 0, or -1: it is, and no size is named. */
int sb_o_read_capped(const char *text, const char *ns, int64_t *bytes, struct sb_err *err);

/* A shard key that is asked about: 1 with *key as JSON, 0, or -1: it is, and no key is named. given: the key that was read already, or NULL. */
int sb_o_read_shard_key(const char *text, const char *ns, const char *given, char **key, struct sb_err *err);

#endif
