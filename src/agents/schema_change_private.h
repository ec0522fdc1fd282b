/* SPDX-License-Identifier: Apache-2.0
 *
 * What the parts of a change request know of each other. */
#ifndef SB_AGENTS_SCHEMA_CHANGE_PRIVATE_H
#define SB_AGENTS_SCHEMA_CHANGE_PRIVATE_H

#include <bson/bson.h>
#include <signalbox/base/str.h>
#include <signalbox/agents/schema_change.h>

/* What was found about the collection that the change is for. */
struct change_facts {
    char db[64], coll[192], uuid[33];
    int64_t documents, bytes;
    struct sb_evidence *evidence;
    size_t evidence_n;
    char *indexes; /* names of those on the field, with commas; of a time series those that are unique; NULL: none */
    bool sharded;
    bool validated; /* the collection has a validator */
    char from_type[24];   /* of a retype */
    int64_t left;         /* documents that the change comes to; -1: not counted */
    int64_t offenders;    /* that it cannot come to, and leaves or repairs; -1: not counted */
    int64_t before_bytes; /* that what is kept of them will take, about; -1: not known */
    char plain_index[128]; /* an index on the field alone; "": none */
    char ttl_name[128];    /* the one by which documents expire already, and after how many seconds; -1: none */
    int64_t ttl_s;
    int64_t expire_s[3], expire_docs[3]; /* the times that it is lowered to, and how many documents go in each step */
    size_t expire_n;
    char into[192]; /* the collection that documents go to, without its database */
};
void sb_change_facts_release(struct change_facts *f);

/* Refuses what can be seen to be wrong without a server: the names. */
int sb_change_names(const struct sb_change_question *q, struct sb_err *err);

/* Reads, and refuses what the servers show to be wrong. */
int sb_change_look(const struct sb_server *server, const struct sb_change_question *q, struct change_facts *f, struct sb_reads *reads, struct sb_err *err);

/* The filter of the documents that the change still has to come to: those that the plan's batches fit. The caller destroys it. */
bson_t *sb_change_left(const struct sb_change_question *q, const char *from_type);

/* ---- looking ---- */

struct change_look {
    struct sb_conn *conn;
    const struct sb_change_question *q;
    struct change_facts *f;
    char kind[32];
    bson_t options; /* of the collection */
    bool found, have_options, capped, sharded, on_shard_key;
    struct sb_str on_field, uniques; /* the second of a time series: all that are unique */
    char ttl[128]; /* a time-to-live index on the field; "": none */
    char unique_old[128];   /* a unique index on the field, which documents without it come under too; "": none */
    bool unique_new, leads; /* leads: the field is the first of an index */
};

/* Is there a document that fits? 1, 0, -1; 2: it took too long, or the server cannot tell. filter is destroyed. */
int sb_change_any(struct change_look *l, bson_t *filter, struct sb_err *err);
int sb_change_evidence(struct change_look *l, const char *what, const char *value, const char *coverage);

/* What only a retype, or only a computed field, has to look at; and how much of what fields say will be kept. */
int sb_change_look_retype(struct change_look *l, struct sb_err *err);
int sb_change_look_computed(struct change_look *l, struct sb_err *err);
int sb_change_look_kept(struct change_look *l, struct sb_err *err);
int sb_change_look_expire(struct change_look *l, struct sb_err *err);
int sb_change_look_archive(struct change_look *l, struct sb_err *err);
int sb_change_look_extract(struct change_look *l, struct sb_err *err);
int sb_change_look_embed(struct change_look *l, struct sb_err *err);

/* Refuses a change by which a document would pass 16 MiB, and names it. The second of embedding: documents beyond `large` bytes, each with the one
 * of `from` that it gets. */
int sb_change_look_size(struct change_look *l, struct sb_err *err);
int sb_change_look_joined_size(struct change_look *l, const char *from, int32_t large, struct sb_err *err);

/* Is what documents go to a name that can be, of a collection that holds nothing? */
int sb_change_look_target(struct change_look *l, struct sb_err *err);

/* Documents that fit a filter, counted by ranges, or -1 with err, or with a note why not. filter is destroyed. */
int64_t sb_change_count(struct change_look *l, bson_t *filter, char *note, size_t cap, struct sb_err *err);

/* ---- values ---- */

/* The value that is given, {"v": ...}; NULL: there is none that can be read. The caller destroys it. */
bson_t *sb_change_value(const char *json);

/* The same of an expression, when it holds nothing but fields, values and operators that give the same for the same document. */
bson_t *sb_change_expression(const struct sb_change_question *q, struct sb_err *err);

/* Is there a way from a type to another by $convert? */
bool sb_change_converts(const char *from, const char *to);

/* {"v": what `path` becomes}. to_null: null where it cannot be converted; else what the plan makes of that. */
bson_t *sb_change_converted(const struct sb_change_question *q, const char *path, bool to_null);

/* Documents of which the retype, or the computing, knows no value. The caller destroys it. */
bson_t *sb_change_offenders(const struct sb_change_question *q, const char *from_type);

/* ---- cards ---- */

struct change_maker {
    const struct sb_change_question *q;
    const struct change_facts *f;
    size_t phases;
};

/* Canonical Extended JSON; doc is destroyed. NULL: out of memory. */
char *sb_change_json(bson_t *doc);
/* The update of a step (from 1) of card i; q and stage are destroyed. */
char *sb_change_update(const struct change_maker *m, size_t i, int step, const char *what, bson_t *q, bson_t *stage);
bson_t *sb_change_exists(const char *a, bool there, const char *b, bool b_there);
bson_t *sb_change_unsetting(const char *field);
bson_t *sb_change_giving(const char *field, const bson_t *v); /* v's value */
char *sb_change_title(const struct change_maker *m, const char *verb);
int sb_change_mention_indexes(const struct change_maker *m, struct sb_card *c);

/* Titles, reasons and commands are taken, also after a failure; NULL of those that must be there fails. */
int sb_change_look_card(const struct change_maker *m, size_t i, struct sb_card *c, const char *phase, const char *how, char *title, char *why);
int sb_change_add_look(const struct change_maker *m, struct sb_card *c, const char *how, char *action);
int sb_change_open_card(const struct change_maker *m, size_t i, struct sb_card *c, int kind, const char *phase, char *title, char *why);
int sb_change_add_batches(const struct change_maker *m, struct sb_card *c, char *action, char *undo, int label);

/* The same of step 2, behind what keeps: each document is changed together with what is kept of it, in one transaction. */
char *sb_change_kept_update(const struct change_maker *m, size_t i, bson_t *q, bson_t *stage);

/* What is kept: the step that keeps it (undone by dropping it; filter is destroyed), and the command that puts it back. */
int sb_change_keep(const struct change_maker *m, size_t i, struct sb_card *c, bson_t *filter);
char *sb_change_put_back(const struct change_maker *m, size_t i);

/* The checks that each step begins with: where it goes to, who is up, and which collection it is. */
int sb_change_check_place(const struct change_maker *m, struct sb_step *s);

size_t sb_change_expire_phases(const struct change_facts *f);
int sb_change_plan_expire(const struct change_maker *m, struct sb_card *card);

/* Keeps what the values say, and converts them. */
int sb_change_convert_card(const struct change_maker *m, size_t i, struct sb_card *convert, const char *phase);

int sb_change_plan_retype(const struct change_maker *m, struct sb_card *card);
int sb_change_plan_archive(const struct change_maker *m, struct sb_card *card);
int sb_change_plan_extract(const struct change_maker *m, struct sb_card *card);
int sb_change_plan_embed(const struct change_maker *m, struct sb_card *card);

/* The whole plan of another name: it is about no field. */
int sb_change_name(const struct sb_server *server, const struct sb_change_question *q, struct sb_change_plan *out, struct sb_err *err);

/* ---- a collection that becomes another kind ---- */

/* Updates and deletes of a collection that the oplog holds, as far as they were counted. -1: it cannot be read. */
struct change_writes {
    int64_t deletes, updates;
    bool more;
};
int sb_change_count_writes(struct sb_conn *conn, const char *ns, struct change_writes *out, struct sb_err *err);

int sb_change_look_series(struct change_look *l, struct sb_err *err);
int sb_change_plan_series(const struct change_maker *m, struct sb_card *card);

/* Does something stand in the way? Then there is one card of advice; else so many phases, made by the third. */
bool sb_change_series_barred(const struct change_facts *f);
size_t sb_change_series_phases(const struct change_facts *f);
int sb_change_series_cards(const struct change_maker *m, struct sb_card *card);

struct change_capped {
    int64_t bytes;       /* as the server rounds them */
    bson_t options;      /* of the collection, that the new one gets too; and its indexes, an array, without the one on _id */
    bson_t indexes;
    size_t indexes_n;
    bson_t *least;       /* {_id: the oldest that still fits}; NULL: all do, or it is not known */
    char lost_text[200]; /* how many do not, as a sentence */
};

/* Reads, and refuses what cannot be. f->into is the name that the old collection gets. */
int sb_change_look_capped(const struct sb_server *server, const struct sb_change_question *q, struct change_facts *f, struct change_capped *k, struct sb_reads *reads, struct sb_err *err);
int sb_change_capped(const struct sb_server *server, const struct sb_change_question *q, struct sb_change_plan *out, struct sb_err *err);

/* A delete of what fits in `from` and is held by `other` too; how: "$copyTo" or "$sameIn". filter is destroyed. */
char *sb_change_move(const struct change_maker *m, size_t i, const char *what, const char *from, const char *how, const char *other, bson_t *filter);

/* Code for an application, in this phase (from 0) of the plan. -1 out of memory. */
int sb_change_code(const struct sb_change_question *q, size_t phase, struct sb_card *card);
int sb_change_series_code(const struct sb_change_question *q, size_t phase, struct sb_card *card); /* q->into: the time series */

#endif
