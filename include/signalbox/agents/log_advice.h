/* SPDX-License-Identifier: Apache-2.0
 *
 * log_advice.h - what the Index Optimizer makes of a log alone, where no deployment is asked.
 *
 * The same rule as for a deployment (index_optimizer.h), and less to go by: a log tells no index but those that plans name, no
 * number of documents and no values. So nothing is said of size and cost, equalities stand in the order of their names, what is
 * proposed is to be made only if it does not exist, and each piece of advice says so in its evidence. Pure. Thread: any.
 */
#ifndef SIGNALBOX_AGENTS_LOG_ADVICE_H
#define SIGNALBOX_AGENTS_LOG_ADVICE_H

#include <signalbox/model/card.h>
#include <signalbox/telemetry/workload.h>

#define SB_LOG_ADVICE_NAMESPACES 50 /* those with the most logged time */
#define SB_LOG_ADVICE_EACH 5        /* indexes for one of them */

struct sb_log_advice {
    bool proposes;   /* false: no index, and why not */
    char *ns;
    char *key;       /* canonical Extended JSON, in order; NULL unless it proposes, as is name */
    char *name;
    char **shapes;   /* that it serves; where it proposes none, the costliest */
    size_t shapes_n;
    char *reason;
    struct sb_rejected *rejected;
    size_t rejected_n;
    struct sb_evidence *evidence;
    size_t evidence_n;
    int64_t score_ppm;      /* share of the collection's logged time */
    int64_t time_ms;        /* of the shapes it serves */
    int64_t docs_saved;     /* documents that were examined and not used, in the whole log */
    int64_t confidence_ppm;
};

/* Advice by logged time of the collections, falling; at least one piece for each that had slow operations an index could serve.
 * A new list; release it with sb_log_advice_free. -1 out of memory. */
int sb_log_advise(const struct sb_workload *w, struct sb_log_advice **out, size_t *n, struct sb_err *err);
void sb_log_advice_free(struct sb_log_advice *list, size_t n);

#endif
