/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_index.h - indexes held against what the documents look like.
 *
 * Found are indexes on fields that no document has, time-to-live indexes on what is no date, indexes over long arrays, and more
 * indexes than is good. Silent where names are folded, and where fewer than SB_INDEX_EVIDENCE documents were seen.
 */
#ifndef SIGNALBOX_AGENTS_SCHEMA_INDEX_H
#define SIGNALBOX_AGENTS_SCHEMA_INDEX_H

#include <bson/bson.h>
#include <signalbox/agents/schema_read.h>
#include <signalbox/mongo/server.h>

#define SB_INDEX_EVIDENCE 20

/* Adds what is found about one index (its specification as listIndexes gives it) to findings that sb_schema_find made. */
int sb_schema_find_index(const struct sb_infer *in, const bson_t *index, bool complete, struct sb_schema_findings *out, struct sb_err *err);

/* The same about how many there are. */
int sb_schema_find_indexes(size_t n, struct sb_schema_findings *out, struct sb_err *err);

/* Lists a live collection's indexes and does both. What the server does not tell is a finding "blind".
 * reads as in schema_read.h. Blocks. */
int sb_schema_find_live_indexes(const struct sb_server *server, const char *ns, const struct sb_infer *in, bool complete, struct sb_schema_findings *out, struct sb_reads *reads,
                                struct sb_err *err);

/* The same from the document that mongodump writes beside a collection (NAME.metadata.json). */
int sb_schema_find_dumped_indexes(const bson_t *metadata, const struct sb_infer *in, bool complete, struct sb_schema_findings *out, struct sb_err *err);

#endif
