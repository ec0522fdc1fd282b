/* SPDX-License-Identifier: Apache-2.0
 *
 * store_stream.h - being told of what changes in the store, by a change stream: what a majority has, in its order.
 *
 * Only that something happened is told: whoever is told reads what there is. A stream that broke goes on behind what it has
 * told, on whichever member is primary then, so that nothing is missed and nothing told twice.
 * Thread: one owner each; a call blocks for wait_ms, and where the store does not answer at most about 15 s more.
 */
#ifndef SIGNALBOX_MONGO_STORE_STREAM_H
#define SIGNALBOX_MONGO_STORE_STREAM_H

#include <signalbox/mongo/store_door.h>

#define SB_STORE_WAIT_MOST_MS 5000

enum sb_store_heard {
    SB_STORE_HEARD_ERROR = -1, /* err says why; the next call begins again behind what was told last */
    SB_STORE_HEARD_NOTHING,    /* in this time */
    SB_STORE_HEARD_CHANGE,     /* *n events */
    SB_STORE_HEARD_ANEW,       /* it begins here: of what was before nothing is told, so look at all there is */
    SB_STORE_HEARD_DEAF,       /* this server has no change streams, or not for this login; err is what it said */
};

struct sb_store_stream;

/* coll NULL: of the whole database. match: the filter of a $match over its events. Both are copied; no network traffic yet. */
struct sb_store_stream *sb_store_stream_open(const char *uri, const char *database, const char *coll, const bson_t *match, struct sb_err *err);
void sb_store_stream_close(struct sb_store_stream *x); /* NULL is fine */

/* Waits for the next events, at most wait_ms (SB_STORE_WAIT_MOST_MS). *n: how many there were. */
enum sb_store_heard sb_store_stream_wait(struct sb_store_stream *x, int64_t wait_ms, int64_t *n, struct sb_err *err);

/* Does this server have change streams on this database? 1; 0 with what it said in err; -1 it is not known, and why. */
int sb_store_door_tells(struct sb_store_door *d, struct sb_err *err);

#endif
