/* SPDX-License-Identifier: Apache-2.0
 *
 * catalogue.h - what a collection is and which indexes it has, on every member, read through the read door.
 *
 * An index counts as built only when `$indexStats` of every data-bearing member has it without `building`, listIndexes
 * {includeBuildUUIDs: true} shows no buildUUID for it, and no build of it is in `$currentOp`: a plain listIndexes lists an
 * unfinished build without any mark. Where the server lacks one of these, the record says so in `blind`, and what rests
 * on it is "not known", never "fine". Reading blocks: worker threads only. The record itself is a value.
 */
#ifndef SIGNALBOX_AGENTS_CATALOGUE_H
#define SIGNALBOX_AGENTS_CATALOGUE_H

#include <signalbox/base/record.h>
#include <signalbox/mongo/server.h>

struct sb_index_field {
    char *path;
    int64_t direction; /* 1 or -1; 0: not an ordered field (text, 2dsphere, hashed, wildcard) */
    char *kind;        /* "hashed", "text", ... ; NULL for an ordered one */
};

struct sb_index_info {
    char *name;
    char *key;     /* canonical Extended JSON, in order */
    char *spec;    /* the whole specification, canonical Extended JSON: how it would be made anew */
    struct sb_index_field *fields;
    size_t fields_n;
    bool unique, sparse, hidden, partial, ttl, collation;
    bool building;       /* some member still builds it, as far as was asked */
    int64_t members;     /* that have it finished, by $indexStats */
    int64_t uses;        /* accesses.ops of all members together */
    int64_t since;       /* the oldest accesses.since of all members */
    int64_t since_all;   /* the youngest: from then on every member has counted */
    int64_t bytes;       /* on the primary; 0 not known */
    bool knows_written;
    int64_t written;     /* keys entered or taken out on the primary since its process started, builds not counted */
};

/* What a sample of documents says about a field. */
struct sb_field_fact {
    char *path;
    int64_t present_ppm;
    int64_t distinct_ppm; /* distinct values in the sample, per document that has the field */
    bool array;           /* some document has an array here, or on the way here */
    int64_t array_mean_milli; /* mean number of different elements over the sample, counting 1 where it is no array */
    int64_t value_bytes;      /* mean size of one value */
    int64_t key_bytes;        /* and of what an index keeps of it */
    bool aside;               /* nobody asked for it: it is a field of an index that exists */
};

struct sb_build_info {
    char *name; /* of the index */
    char *member;
    char *msg;
    int64_t done, total;
    int64_t running_ms;
};

/* Keys that a unique index would meet more than once. */
struct sb_repeats {
    bool asked, known;       /* known: they were counted, over the whole collection */
    int64_t keys, documents; /* such keys, and the documents that have them */
    char why[160];           /* why they are not known */
};

struct sb_catalogue {
    char *ns;
    bool exists;
    char *type;          /* collection, view, timeseries */
    char *uuid;          /* 32 hex digits; "" not told */
    int64_t documents, bytes, average_bytes;
    struct sb_index_info *indexes;
    size_t indexes_n;
    struct sb_build_info *builds; /* running on this collection */
    size_t builds_n;
    bool sharded;
    char *shard_key;         /* canonical Extended JSON, in order; NULL: it is not sharded, or its key could not be read */
    bool knows_builds;       /* $currentOp answered on every member */
    int64_t members, members_answered; /* asked for $indexStats; answered */
    bool knows_index_stats;
    struct sb_field_fact *fields; /* filled by sb_catalogue_sample */
    size_t fields_n;
    int64_t sampled;         /* documents looked at; 0 none */
    struct sb_repeats repeats; /* no part of the record */
    char **uneven;           /* indexes that are not the same on every member, in words */
    size_t uneven_n;
    char **blind;
    size_t blind_n;
    char **commands;         /* what was sent, for the record: "member: command" */
    size_t commands_n;
};
extern const struct sb_schema sb_catalogue_schema;
extern const struct sb_schema sb_index_info_schema;

/* Who is asked. The names are borrowed for the call. */
struct sb_members {
    const char *const *data; /* data-bearing members, "host:port" */
    size_t data_n;
    const char *primary;     /* NULL: a standalone's only server is data[0] */
};

/* Reads the catalogue of one collection. -1 when the primary cannot be asked; a member that does not answer is counted. */
int sb_catalogue_read(const struct sb_server *server, const struct sb_members *members, const char *ns, struct sb_catalogue *out,
                      struct sb_err *err);

/* Reads only the builds that run on this collection: what is asked every second while one does. out is overwritten, and
 * holds ns, builds, knows_builds and blind. */
int sb_catalogue_read_builds(const struct sb_server *server, const struct sb_members *members, const char *ns,
                             struct sb_catalogue *out, struct sb_err *err);

/* Adds field facts for these paths, and aside for those of ordered indexes that exist, from a sample of `want` documents, taken on a secondary where there is one. */
int sb_catalogue_sample(const struct sb_server *server, const struct sb_members *members, struct sb_catalogue *c,
                        const char *const *paths, size_t n, int64_t want, struct sb_err *err);

/* Counts the keys that this index, when its options say unique, would meet more than once. key, options: Extended JSON, NULL: none.
 * One read of the whole collection on a secondary where there is one, which the server ends after five seconds. -1 out of memory. */
int sb_catalogue_count_repeats(const struct sb_server *server, const struct sb_members *members, struct sb_catalogue *c, const char *key, const char *options,
                               struct sb_err *err);

/* The same from documents that come one by one, whoever reads them. The paths, and those of the catalogue, are borrowed until
 * the end. take: a sb_doc_fn; false out of memory. end: puts the facts into the catalogue and frees the sampling; NULL c: only
 * frees it. */
struct sb_sampling;
struct sb_sampling *sb_sampling_new(const struct sb_catalogue *c, const char *const *paths, size_t n);
bool sb_sampling_take(void *sampling, const bson_t *doc);
int sb_sampling_end(struct sb_sampling *s, struct sb_catalogue *c);

/* Appends the names of the deployment's own collections, "db.coll", at most max; those of the server are left out. */
int sb_catalogue_names(struct sb_conn *conn, size_t max, char ***names, size_t *n);

/* Fills an empty index from its specification ({v, key, name, unique, ...}). -1 out of memory. */
int sb_index_info_take(struct sb_index_info *index, const bson_t *spec);

void sb_catalogue_release(struct sb_catalogue *c);

const struct sb_index_info *sb_catalogue_index(const struct sb_catalogue *c, const char *name);

/* The same key pattern, field by field, in order. key: Extended JSON. */
const struct sb_index_info *sb_catalogue_index_by_key(const struct sb_catalogue *c, const char *key);

/* The same of one index. */
bool sb_catalogue_index_has_key(const struct sb_index_info *index, const char *key);

/* What was found of an index whose key is another one on some member or shard than on the rest; NULL nothing. Borrowed. */
const char *sb_catalogue_other_key(const struct sb_catalogue *c, const char *name);

/* True when a shard key rests on this index, or may, because it could not be read: without it the server refuses to split, move and
 * find chunks, and mostly the drop itself. */
bool sb_catalogue_on_shard_key(const struct sb_catalogue *c, const struct sb_index_info *index);

enum sb_built { SB_NOT_THERE, SB_BUILDING, SB_BUILT_UNPROVEN, SB_BUILT };

/* What is known about this index now; `why` (cap bytes) says it in words. UNPROVEN: listed, but the server cannot tell
 * whether every member has finished. */
enum sb_built sb_catalogue_built(const struct sb_catalogue *c, const char *name, const char *key, char *why, size_t cap);

/* Splits "db.coll" at the first dot: false when either side is empty or too long. */
bool sb_ns_split(const char *ns, char db[64], char coll[192]);

#endif
