/* SPDX-License-Identifier: Apache-2.0
 *
 * log_advice.h - what the Index Optimizer makes of logs and profiles alone, where no deployment is asked.
 *
 * The same rules as for a deployment (index_optimizer.h), and less to go by: of indexes a log tells those that plans name and
 * those that were built or dropped while it was written; of documents what full scans and builds counted; of values nothing.
 * What is not known is said in the evidence of each piece, and what is proposed is to be made only if it does not exist. Where
 * a catalogue was recorded and is given (catalogue_replies.h) its indexes are the ones that exist, and those which nobody needs
 * are advised on as well. For every shape that looks for documents there is an index proposed or the reason for none. Pure.
 * Thread: any.
 */
#ifndef SIGNALBOX_AGENTS_LOG_ADVICE_H
#define SIGNALBOX_AGENTS_LOG_ADVICE_H

#include <signalbox/agents/catalogue.h>
#include <signalbox/agents/log_indexes.h>
#include <signalbox/model/card.h>
#include <signalbox/telemetry/workload.h>

#define SB_LOG_ADVICE_NAMESPACES 200 /* those with the most logged time */
#define SB_LOG_ADVICE_REASONS 1000   /* shapes without an index that are listed, the costliest */

enum sb_advice_kind {
    SB_ADVICE_CREATE,
    SB_ADVICE_REPLACE, /* create, and drop what it replaces afterwards */
    SB_ADVICE_DROP,
    SB_ADVICE_HIDE,
    SB_ADVICE_NONE,    /* no index, or an index that stays: the reason says why */
};

/* "create_index", ...: as INTERFACE has it. */
const char *sb_advice_kind_name(enum sb_advice_kind kind);

struct sb_log_advice {
    enum sb_advice_kind kind;
    char *ns;
    char *key;       /* canonical Extended JSON, in order; NULL for a shape without an index */
    char *options;   /* canonical Extended JSON; NULL: none */
    char *name;
    char **shapes;   /* that it serves; where it proposes none, the shape it is about */
    size_t shapes_n;
    char *reason;
    struct sb_rejected *rejected;
    size_t rejected_n;
    struct sb_evidence *evidence;
    size_t evidence_n;
    int64_t score_ppm;      /* share of the collection's logged time */
    int64_t time_ms;        /* of the shapes it serves */
    int64_t docs_saved;     /* documents that were examined and not used, in the whole log */
    int64_t bytes;          /* it takes, or gives back; SB_ABSENT not known */
    int64_t writes_per_s_milli; /* documents written that pay for it; SB_ABSENT not known */
    int64_t confidence_ppm;
};

struct sb_log_question {
    const struct sb_workload *workload;
    const struct sb_log_indexes *indexes;   /* NULL: none were told */
    const struct sb_catalogue *catalogues;  /* of single collections; NULL: none were given */
    size_t catalogues_n;
    int64_t span_ms;                        /* of time that the log covers; 0 not known */
    int64_t now_ms;                         /* its end; SB_NO_TIME not known */
};

/* Advice: what is proposed by logged time falling, then what nobody needs, then the shapes without an index by time falling.
 * A new list; release it with sb_log_advice_free. -1 out of memory. */
int sb_log_advise(const struct sb_log_question *q, struct sb_log_advice **out, size_t *n, struct sb_err *err);
void sb_log_advice_free(struct sb_log_advice *list, size_t n);

#endif
