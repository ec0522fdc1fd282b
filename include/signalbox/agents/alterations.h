/* SPDX-License-Identifier: Apache-2.0
 *
 * alterations.h - what others alter in a deployment without a word to us: two looks at it, and what differs.
 *
 * A look is a list of facts. What could be read is marked by scope, so that what was not answered this time is not "gone". Who reads
 * it is not said here (orchestrator/altered.c does, from the servers). Pure values; memory is bounded by SB_FACTS_MOST. Errors: -1
 * only out of memory, or when there is no more room (then the look is whole as far as it goes, and `full`). Thread: any.
 */
#ifndef SIGNALBOX_AGENTS_ALTERATIONS_H
#define SIGNALBOX_AGENTS_ALTERATIONS_H

#include <signalbox/base/array.h>
#include <signalbox/base/str.h>

#include <bson/bson.h>

#include <stdbool.h>
#include <stdint.h>

enum sb_fact_kind {
    SB_FACT_COLLECTION, /* scope "": name is the namespace */
    SB_FACT_INDEX,      /* scope is the namespace, value the specification */
    SB_FACT_VALIDATOR,  /* scope is the namespace; value "" it has none */
    SB_FACT_PARAMETER,  /* scope is the member */
    SB_FACT_FCV,        /* scope "" */
    SB_FACT_TOPOLOGY,   /* scope "": name is the member, value what it may do */
    SB_FACT_VERSION,    /* scope is the member */
    SB_FACT_PROCESS,    /* scope is the member; value names the process */
    SB_FACT_CLIENT,     /* scope "": name is the application, value its driver */
    SB_FACT_KINDS
};

struct sb_seen_fact {
    enum sb_fact_kind kind;
    char *scope, *name, *value; /* name "": the mark that this kind was read in this scope */
};

#define SB_FACTS_MOST 20000

struct sb_setup {
    struct sb_seen_fact *fact; /* sorted once it is compared */
    size_t n, cap;
    int64_t at;           /* deployment time at which it began */
    bool full;
};

/* Adds what was seen; takes copies (values are cut at 200 bytes). */
int sb_setup_add(struct sb_setup *l, enum sb_fact_kind kind, const char *scope, const char *name, const char *value) SB_MUST_USE;

/* This kind was read in this scope: what of it is not there is not there. */
int sb_setup_mark(struct sb_setup *l, enum sb_fact_kind kind, const char *scope) SB_MUST_USE;

void sb_setup_release(struct sb_setup *l);

/* What the servers answer, as facts, with the marks where one reply is all of it: hello, buildInfo, getParameter of
 * featureCompatibilityVersion, getParameter "*", replSetGetConfig. All: 0, or -1 out of memory or room. */
int sb_setup_take_hello(struct sb_setup *l, const char *member, const bson_t *reply) SB_MUST_USE;
int sb_setup_take_build(struct sb_setup *l, const char *member, const bson_t *reply) SB_MUST_USE;
int sb_setup_take_fcv(struct sb_setup *l, const char *scope, const bson_t *reply) SB_MUST_USE;
int sb_setup_take_parameters(struct sb_setup *l, const char *member, const bson_t *reply) SB_MUST_USE;
int sb_setup_take_config(struct sb_setup *l, const char *scope, const bson_t *reply) SB_MUST_USE;

/* One document of listCollections (ns: its namespace, the caller frees it; NULL: it is passed over), of listIndexes, and of clients by
 * {app, driver, version}. */
int sb_setup_take_collection(struct sb_setup *l, const char *db, const bson_t *doc, char **ns) SB_MUST_USE;
int sb_setup_take_index(struct sb_setup *l, const char *ns, const bson_t *doc) SB_MUST_USE;
int sb_setup_take_client(struct sb_setup *l, const bson_t *doc) SB_MUST_USE;

struct sb_alteration {
    enum sb_fact_kind kind;
    const char *what; /* "index a_1 of shop.orders is gone" */
    const char *ns;   /* that it is about; NULL: no collection */
    const char *app;  /* whose; NULL: nobody's */
    bool alters;      /* the database itself; an index that was made, a new application and a restart leave what there was */
};

/* Called once for each difference; it borrows for the call. */
typedef void (*sb_alteration_fn)(void *ctx, const struct sb_alteration *a);

/* What differs between two looks. Applications that were seen before and are not there now are kept in `now`, so that one that comes
 * and goes is told once; and so is what could not be read now of what is there, as of a member that is down: when it answers again,
 * it is held against what it was. -1 out of memory: what was told is right. */
int sb_setup_compare(struct sb_setup *before, struct sb_setup *now, sb_alteration_fn fn, void *ctx) SB_MUST_USE;

#endif
