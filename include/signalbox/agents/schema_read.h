/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_read.h - documents of a live collection for the inference, through the read door, with a bounded load.
 *
 * Read is a secondary where there is one. With $sample where the server has it and the sample is small beside the collection;
 * else by ranges of _id, so many documents from the beginning of each; where _id has no order that can be divided, from both
 * its ends; all of it when as many are wanted as there are. Batches of at most 1,000 documents, each with maxTimeMS, and as
 * long a pause as the last one took. Blocks. Thread: one owner.
 */
#ifndef SIGNALBOX_AGENTS_SCHEMA_READ_H
#define SIGNALBOX_AGENTS_SCHEMA_READ_H

#include <signalbox/agents/data_architect.h>
#include <signalbox/mongo/server.h>

/* What was sent, for the record: "member: command" each, the command as Extended JSON with its $db, and of values in a filter
 * that are neither numbers, dates nor ObjectIds only the type: an _id may be somebody's address. Zeroed is empty. */
#define SB_READS_MAX 500
struct sb_reads {
    char **line;
    size_t line_n;
    uint64_t left_out; /* beyond SB_READS_MAX */
    bool failed;       /* memory ran out: some are missing */
};
void sb_reads_release(struct sb_reads *r);

enum sb_coverage_how { SB_COVERAGE_ALL, SB_COVERAGE_SAMPLE, SB_COVERAGE_RANGES, SB_COVERAGE_ENDS, SB_COVERAGE_FIRST };

struct sb_schema_coverage {
    enum sb_coverage_how how;
    int64_t documents; /* in the collection by the server's count; -1: not told */
    int64_t sampled;
    int64_t ranges;    /* of _id, when RANGES */
    char member[256];
    char note[256];    /* why not $sample, when it was not; "" */
};

/* "sample", "ranges", ...: as JSON names it. */
const char *sb_coverage_name(enum sb_coverage_how how);

/* Told after each document: how many there were, of how many (-1: not known). */
typedef void (*sb_schema_progress)(void *ctx, int64_t done, int64_t of);

/* Reads up to `want` documents (0: all) of ns into the inference. reads: gets what was sent; NULL: not wanted. Errors: SB_EINPUT (there is no such collection), SB_ESERVER,
 * SB_ECOMMAND. */
int sb_schema_read(const struct sb_server *server, const char *ns, int64_t want, struct sb_infer *in, struct sb_schema_coverage *out,
                   sb_schema_progress progress, void *ctx, struct sb_reads *reads, struct sb_err *err);

#endif
