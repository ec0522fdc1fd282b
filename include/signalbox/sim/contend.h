/* SPDX-License-Identifier: Apache-2.0
 *
 * contend.h - who waits for what: tickets, exclusive locks on collections, and documents that another is changing.
 *
 * All of it is computed when an operation arrives, from those that are under way: with every ticket out it waits until as
 * many have ended as stand before it; with the collection locked it waits, ticket in hand, for the lock's end; and a write to
 * a document that another writes tries again until that one is done, at the cost of every attempt. Thread: one.
 */
#ifndef SIGNALBOX_SIM_CONTEND_H
#define SIGNALBOX_SIM_CONTEND_H

#include <signalbox/sim/engine.h>

/* Microseconds until a ticket of this kind is free. */
int64_t sim_wait_ticket(const struct sim_member *m, bool write);

/* Microseconds until nobody holds the collection exclusively: what a write waits for (reads take no lock on it since 5.0). */
int64_t sim_wait_lock(const struct sim_member *m, const struct sim_coll *c);

/* An exclusive lock for so long, behind the open transactions that use the collection now. The moment it begins. */
int64_t sim_lock_exclusive(struct sim_member *m, struct sim_coll *c, int64_t us);

/* A document's identity among those that are written. */
uint64_t sim_hot_id(const struct sim_coll *c, uint64_t rid);

/* Writes the document for `us`, after who writes it now. Returns the wait and how many attempts were in vain. */
int64_t sim_wait_document(struct sim_member *m, uint64_t hot_id, int64_t us, int64_t *conflicts);

/* Cores that operations may use now: accepting connections takes some. */
double sim_cores(const struct sim_member *m);

/* A new connection keeps a core busy for a while. */
void sim_accepting(struct sim_member *m);

/* How much longer than on idle cores one more thread takes there. */
double sim_crowd(const struct sim_member *m);

#endif
