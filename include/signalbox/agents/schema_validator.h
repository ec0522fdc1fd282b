/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_validator.h - a validator that the documents themselves suggest, and who would not keep to it.
 *
 * Proposed is a $jsonSchema of what nearly all documents do: the types that at least SB_VALIDATOR_SHARE of a field's values
 * have, and the fields that at least as many objects have. The rest are the offenders. Nothing is proposed about fields whose
 * names are data or odd, nor where fewer than SB_VALIDATOR_EVIDENCE values were seen, or nothing but null. A dry run writes nothing: a
 * file's documents are held against the proposal here, a collection's by the server ($nor), by ranges of _id, with pauses.
 */
#ifndef SIGNALBOX_AGENTS_SCHEMA_VALIDATOR_H
#define SIGNALBOX_AGENTS_SCHEMA_VALIDATOR_H

#include <bson/bson.h>
#include <signalbox/agents/schema_read.h>

#define SB_VALIDATOR_SHARE 0.99
#define SB_VALIDATOR_EVIDENCE 20
#define SB_VALIDATOR_SAMPLES 5
#define SB_RULE_THERE "has to be there" /* the rule of a field that is required */

/* One rule, and how many of what was inferred from break it. */
struct sb_validator_rule {
    char *path, *rule;
    uint64_t offenders;
    const char *type; /* the one type that values of the field have to have; NULL: several, or another rule */
};

struct sb_validator {
    bson_t *schema; /* what stands behind $jsonSchema */
    struct sb_validator_rule *rules; /* those with offenders */
    size_t rules_n, rules_cap;
};

/* From a finished inference. Thread: any. */
int sb_validator_propose(const struct sb_infer *in, struct sb_validator *out, struct sb_err *err);
void sb_validator_release(struct sb_validator *v);

/* Does a document that sb_bson_check has passed keep to a proposal? Knows bsonType, required, properties and items. Pure. */
bool sb_validator_accepts(const bson_t *schema, const uint8_t *data, size_t len);

/* What a dry run found. */
struct sb_dry_run {
    int64_t offenders; /* documents; -1: not counted, and `note` says why */
    char *sample[SB_VALIDATOR_SAMPLES]; /* their _id, as Extended JSON */
    size_t sample_n;
    char note[256];
};

/* Adds an offender: counts it, and keeps its _id while there is room. */
int sb_dry_run_add(struct sb_dry_run *d, const uint8_t *data, size_t len);
void sb_dry_run_release(struct sb_dry_run *d);

/* The collection's own validator, and both dry runs. Blocks. */
struct sb_validator_live {
    struct sb_dry_run proposed, existing;
    bson_t *validator; /* NULL: it has none, or an empty one */
    char level[16], action[16];
    bool exists;       /* the collection does */
    char kind[16], uuid[33]; /* "collection", "view", "timeseries"; 32 hex digits; each may be "" */
};

/* `documents`: how many there are, -1 not known. reads: gets what was sent; NULL: not wanted. -1 only when the server cannot be
 * asked at all. */
int sb_validator_dry_run(const struct sb_server *server, const char *ns, int64_t documents, const bson_t *schema, struct sb_reads *reads, struct sb_validator_live *out, struct sb_err *err);

/* Only what it is now, without a dry run. */
int sb_validator_read(struct sb_conn *c, const char *db, const char *coll, struct sb_validator_live *out, struct sb_err *err);
void sb_validator_live_release(struct sb_validator_live *live); /* whatever came of it */

/* A validator with its level and its action as one text of canonical Extended JSON, for a check of a card: {"validator", "level",
 * "action"}. Without a validator the others say nothing and are left out. NULL: out of memory. Pure. */
char *sb_validator_state(const bson_t *validator, const char *level, const char *action);

#endif
