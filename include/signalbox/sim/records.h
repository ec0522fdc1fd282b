/* SPDX-License-Identifier: Apache-2.0
 *
 * records.h - documents, and a collection's records in insertion order.
 *
 * A document never changes once it is made; it is counted and shared between the members of the set, so a replica costs
 * one pointer. A record id is a number from 1 upwards that is never used again. Records sit in chunks of pointers: a
 * lookup is two loads, a scan is a walk, a deleted record is a hole, and a chunk of holes is given back. Thread: one.
 */
#ifndef SIGNALBOX_SIM_RECORDS_H
#define SIGNALBOX_SIM_RECORDS_H

#include <signalbox/sim/value.h>

struct sim_doc {
    uint32_t refs;
    uint8_t bson[];
};

/* A copy of a document with one reference; NULL out of memory. */
struct sim_doc *sim_doc_new(const uint8_t *bson);

static inline struct sim_doc *sim_doc_ref(struct sim_doc *d)
{
    d->refs++;
    return d;
}

void sim_doc_unref(struct sim_doc *d); /* NULL is fine */

#define SIM_CHUNK 512

struct sim_records {
    struct sim_chunk **chunks;
    size_t chunks_cap;
    uint64_t next;  /* the id the next record gets */
    uint64_t first; /* no record has a smaller id */
    uint64_t count;
    uint64_t bytes; /* of all documents */
};

void sim_records_init(struct sim_records *r);
void sim_records_release(struct sim_records *r);

/* Takes the caller's reference. The new id, or 0 out of memory (the reference stays the caller's). */
uint64_t sim_records_add(struct sim_records *r, struct sim_doc *d);

/* Takes the reference for an id that has no record now; ids behind the newest are left out. 0, or -1 out of memory. */
int sim_records_put(struct sim_records *r, uint64_t id, struct sim_doc *d);

/* Borrowed; NULL where there is no such record. */
struct sim_doc *sim_records_get(const struct sim_records *r, uint64_t id);

/* Asks the memory for where that record is kept (whole: for the document there), so that it comes while other things are done. */
void sim_records_ask(const struct sim_records *r, uint64_t id, bool whole);

/* Replaces the document of an existing record, taking the reference. */
void sim_records_set(struct sim_records *r, uint64_t id, struct sim_doc *d);
void sim_records_remove(struct sim_records *r, uint64_t id);

/* The nearest record with an id >= at (<= at), or 0. */
uint64_t sim_records_from(const struct sim_records *r, uint64_t at);
uint64_t sim_records_back_from(const struct sim_records *r, uint64_t at);

#endif
