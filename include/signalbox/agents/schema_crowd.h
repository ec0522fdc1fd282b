/* SPDX-License-Identifier: Apache-2.0
 *
 * schema_crowd.h - more collections in a replica set than is good.
 *
 * Counted is each database, and what its indexes take where the server tells. Something is said from SB_CROWD_LIMIT collections on,
 * and from SB_CROWD_ALIKE on where most of the largest database differ in the digits of their names only: one a day, one a customer.
 * Silent otherwise: where they are few, where databases do not tell, and behind a mongos, which counts a collection once a shard.
 * Thread: one owner.
 */
#ifndef SIGNALBOX_AGENTS_SCHEMA_CROWD_H
#define SIGNALBOX_AGENTS_SCHEMA_CROWD_H

#include <bson/bson.h>
#include <signalbox/agents/schema_read.h>
#include <signalbox/mongo/server.h>

#define SB_CROWD_LIMIT 10000   /* what MongoDB advises for a replica set */
#define SB_CROWD_ALIKE 1000
#define SB_CROWD_DATABASES 200 /* that are asked */
#define SB_CROWD_NAMES 20000   /* of the largest database that are read */

struct sb_crowd_database {
    char name[64];
    int64_t collections, indexes, index_bytes; /* -1: not told */
};

struct sb_crowd {
    struct sb_crowd_database database[SB_CROWD_DATABASES];
    size_t n;
    bool more;     /* databases were not asked, or did not tell */
    char **family; /* of the names of the largest database, in any order */
    size_t family_n;
};

/* Adds a collection's name of the largest database: what stays of it when each run of digits is a #. -1 out of memory. */
int sb_crowd_add_name(struct sb_crowd *c, const char *name);

/* The database with the most collections; NULL: there is none. */
const struct sb_crowd_database *sb_crowd_largest(const struct sb_crowd *c);

/* Adds what there is to say of it to findings that sb_schema_find made; orders the families. */
int sb_schema_find_crowd(struct sb_crowd *c, struct sb_schema_findings *out, struct sb_err *err);
void sb_crowd_release(struct sb_crowd *c);

/* Asks a live deployment and does that. What the server does not tell is left out. reads as in schema_read.h. Blocks. */
int sb_schema_find_live_crowd(const struct sb_server *server, struct sb_schema_findings *out, struct sb_reads *reads, struct sb_err *err);

#endif
