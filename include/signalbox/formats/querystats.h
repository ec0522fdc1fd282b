/* SPDX-License-Identifier: Apache-2.0
 *
 * querystats.h - one entry of $queryStats (7.0 and later, where the server lets it be asked): a shape that the server itself has
 * counted.
 *
 * The server writes a shape without its values ("?number", "?array<?string>") and every comparison in full ({a: {$eq: "?number"}},
 * several of them below one $and, two on one field apart, {$not: {$eq}} for $ne). Here it becomes a command again, so that it has the fingerprint that the same operation has in a
 * log; the values are placeholders. What the server leaves out stays unknown: whether a list was longer than 200 values, whether
 * a regular expression begins with a fixed text, and which way $exists asks. Thread: any.
 */
#ifndef SIGNALBOX_FORMATS_QUERYSTATS_H
#define SIGNALBOX_FORMATS_QUERYSTATS_H

#include <bson/bson.h>
#include <signalbox/formats/slowop.h>

struct sb_query_stat {
    struct sb_slow_op op; /* its spans point into the document, ns and command; numbers are those of all executions together */
    int64_t executions;
    int64_t first_ms;     /* since when it is counted, of the last one's op.at_ms; SB_NO_TIME: not told */
    bson_t command;       /* made of the shape */
    char ns[512];
};

/* False when it is no such entry, or of a kind that is not read (a newer server's). After true, release it. op.at_ms is when it was
 * seen last. */
bool sb_query_stat_read(const bson_t *doc, struct sb_query_stat *out);
void sb_query_stat_release(struct sb_query_stat *q);

#endif
