/* SPDX-License-Identifier: Apache-2.0
 *
 * change_event.h - what a change stream tells of one entry of the oplog, and the tokens that say how far it has got.
 *
 * A token is opaque to clients: a text of hexadecimal digits that sorts as the events do. It names a time of the oplog and
 * nothing of the member that gave it, so any member that has the entry goes on from it. Thread: one. */
#ifndef SIM_CHANGE_EVENT_H
#define SIM_CHANGE_EVENT_H

#include <signalbox/sim/engine.h>

enum sim_mark_kind {
    SIM_MARK_TIME,       /* everything up to that time has been told */
    SIM_MARK_EVENT,      /* that event has been told, it is the index-th of its entry */
    SIM_MARK_INVALIDATE, /* and what it is the end of */
};

struct sim_mark {
    uint64_t ts;
    uint32_t index;
    enum sim_mark_kind kind;
};

/* {_data: "..."} under key. */
void sim_mark_write(struct sim_w *w, const char *key, const struct sim_mark *m);
int sim_mark_read(const uint8_t *token, struct sim_mark *out, struct sim_fail *f);

/* What a stream is told of. */
enum sim_watch_kind { SIM_WATCH_COLL, SIM_WATCH_DB, SIM_WATCH_ALL };

struct sim_watch {
    enum sim_watch_kind kind;
    char ns[272]; /* "shop.orders", "shop", or nothing */
    bool lookup;  /* an update comes with the whole document as it is now */
};

/* How many operations an entry holds: those of a transaction, else 1. */
uint32_t sim_entry_ops(const uint8_t *entry);

/* The event of an entry's operation for that watch, into the open document. 1 there is one, 2 and the stream ends with it,
 * 0 it is none of its business. */
int sim_change_event(const struct sim_member *m, const struct sim_watch *watch, const uint8_t *entry, uint32_t index, struct sim_w *w);

/* What follows an event that ends the stream. */
void sim_invalidate_event(const struct sim *s, const uint8_t *entry, uint32_t index, struct sim_w *w);

#endif
