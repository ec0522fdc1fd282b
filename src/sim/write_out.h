/* SPDX-License-Identifier: Apache-2.0
 *
 * write_out.h - what the last stages $out and $merge do with the documents of a pipeline. */
#ifndef SIM_WRITE_OUT_H
#define SIM_WRITE_OUT_H

#include <signalbox/sim/dispatch.h>

struct sim_docs;

#define SIM_MERGE_ON 16 /* fields by which $merge finds a document */

enum sim_when_matched { SIM_MERGE_MERGES, SIM_MERGE_REPLACES, SIM_MERGE_KEEPS, SIM_MERGE_CLASHES, SIM_MERGE_STAGES };
enum sim_when_not_matched { SIM_MERGE_INSERTS, SIM_MERGE_DROPS, SIM_MERGE_MISSES };

/* All of it borrows from the stage. */
struct sim_out {
    bool is_merge;
    char ns[272]; /* "" : the pipeline ends with neither */
    const char *on[SIM_MERGE_ON];
    size_t on_n;
    enum sim_when_matched matched;
    enum sim_when_not_matched not_matched;
    struct sim_val stages, let; /* of whenMatched as a pipeline */
};

/* Reads a last stage $out or $merge and takes it off the stages, which lie in w then. 0, or -1 with the server's error. */
int sim_out_read(struct sim_call *c, struct sim_val *stages, struct sim_w *w, struct sim_out *out);

/* Writes the documents, each by itself, as the server does: what was written before a failure stays. 0 or -1. */
int sim_out_write(struct sim_call *c, const struct sim_out *out, const struct sim_docs *docs);

/* cmd_write.c. One document into the collection of c->ns; and one update {q, u} there, matched: how many it found. The work goes
 * to the command. 0, or -1 with c->fail. */
int sim_write_insert(struct sim_call *c, struct sim_coll *coll, const uint8_t *doc);
int sim_write_update(struct sim_call *c, const uint8_t *statement, int64_t *matched);

#endif
