/* SPDX-License-Identifier: Apache-2.0
 *
 * listener.h - a thread that is told by the store when something has changed there, so that nobody has to look every second.
 *
 * It only wakes: whoever is woken reads what there is, so that what is told twice, or late, changes nothing. Where the store has no change
 * streams, or while one is broken, sb_listener_tells is false, and whoever relies on it looks by the clock.
 * Thread: every function from any thread; none but sb_listener_halt blocks.
 */
#ifndef SIGNALBOX_SHARED_LISTENER_H
#define SIGNALBOX_SHARED_LISTENER_H

#include <signalbox/shared/store.h>
#include <stdbool.h>
#include <stddef.h>

struct sb_listener;

struct sb_listener_options {
    const char *uri, *database; /* of the store; database NULL: SB_STORE_DATABASE */
    const char *log;            /* approvals for this ledger; NULL: cards, incidents, hosts and answers of all */
    void (*wake)(void *ctx);    /* on its own thread: something changed, or whether it is told of changes did */
    void *ctx;
};

/* Texts are copied. It makes a connection of its own. */
struct sb_listener *sb_listener_start(const struct sb_listener_options *o, struct sb_err *err);

/* It is told of changes now, and of all since it last was not. */
bool sb_listener_tells(struct sb_listener *w);

/* Why not; "" where it is. The store said that it has none: *none. */
void sb_listener_find_fault(struct sb_listener *w, bool *none, char *why, size_t cap);

/* Ends the thread: wake is not called any more after true. Waits at most grace_ms: one that hangs in the driver is left behind (false), and
 * what it uses, ctx too, must stay. Then free it. NULL is fine. */
bool sb_listener_halt(struct sb_listener *w, int grace_ms);
void sb_listener_free(struct sb_listener *w);

/* Does the store tell of changes? 1; 0: it has no change streams, and err is what it said; -1 that is not known. Blocks; by the store's own
 * connection, on its thread. */
int sb_store_tells(struct sb_store *s, struct sb_err *err);

#endif
