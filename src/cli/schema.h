/* SPDX-License-Identifier: Apache-2.0
 *
 * schema.h - between the files of `signalbox schema`. */
#ifndef SB_CLI_SCHEMA_H
#define SB_CLI_SCHEMA_H

#include <jansson.h>
#include <signalbox/agents/data_architect.h>
#include <signalbox/agents/schema_read.h>
#include <signalbox/agents/schema_validator.h>
#include <signalbox/term/page.h>

/* One collection, or file, as it is told. */
struct sb_schema_report {
    char *ns;
    const char *file; /* NULL: a live collection */
    const char *kind; /* of the file: "bson", "json" */
    bool live, complete; /* complete: every document that could be read was looked at */
    bool cut;            /* the file could not be read to its end */
    int64_t documents, sampled, damaged; /* documents -1: not told */
    struct sb_schema_coverage cover;     /* of a live one */
    struct sb_infer *in;
    struct sb_schema_findings findings;
    json_t *drift; /* NULL: not asked for */
    struct sb_server *server; /* of a live one, until it is told */
    bool validated;           /* a validator was asked for; what follows holds */
    struct sb_validator proposed;
    struct sb_validator_live dry; /* of a file: no validator of its own */
};

/* The whole document of INTERFACE. NULL: out of memory. */
json_t *sb_schema_json(const struct sb_schema_report *r);

/* For people, within 80 columns, to stdout. */
int sb_schema_text(const struct sb_schema_report *r, struct sb_err *err);

/* What is different from an earlier answer (a document as above, from `path`): {"against","appeared","vanished","types",
 * "presence"}. NULL with err. */
json_t *sb_schema_drift(const json_t *before, const json_t *now, const char *path, struct sb_err *err);
bool sb_schema_drifted(const json_t *drift);
void sb_schema_drift_draw(const json_t *drift, struct sb_page *page);

/* Proposes a validator, and holds against it every document of the file, or of the collection. */
int sb_schema_validate(struct sb_schema_report *r, struct sb_err *err);
json_t *sb_schema_validator_json(const struct sb_schema_report *r); /* NULL: out of memory */
int sb_schema_validator_draw(const struct sb_schema_report *r, struct sb_page *page); /* -1 out of memory */
void sb_schema_validator_release(struct sb_schema_report *r);

/* A share in at most 7 cells, which never looks like all or none when it is neither. */
const char *sb_schema_percent(char out[16], double share);

/* Text of any bytes, as JSON can have it. */
json_t *sb_schema_json_text(const char *p, size_t n);

#endif
