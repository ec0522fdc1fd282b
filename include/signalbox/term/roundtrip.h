/* SPDX-License-Identifier: Apache-2.0
 *
 * roundtrip.h - how long the terminal takes to answer: the median of a few questions, one after the other. Nothing waits for
 * an answer but who gives the terminal to somebody else, and that within a bound; where none comes, nothing is known. Pure: times in, a figure out. Who asks is term/backend.h (sb_backend_ask), who counts the answers is term/keys.h.
 * Thread: one owner.
 */
#ifndef SIGNALBOX_TERM_ROUNDTRIP_H
#define SIGNALBOX_TERM_ROUNDTRIP_H

#include <stdbool.h>
#include <stdint.h>

#define SB_ROUNDTRIPS 3
#define SB_ROUNDTRIP_WAIT_MS 1500 /* the bound */
#define SB_ROUNDTRIP_SLOW_MS 200  /* a median over this is a slow line */

/* All zeros: nothing was asked yet. */
struct sb_roundtrip {
    int64_t took_ms[SB_ROUNDTRIPS];
    int n;
    bool waiting;
    bool over; /* enough were answered, or nobody wants to know any more */
    int64_t asked_at;
};

/* True where the next question is due. */
bool sb_roundtrip_due(const struct sb_roundtrip *r);

/* It has gone out. now: a clock that only goes forward, in milliseconds. */
void sb_roundtrip_asked(struct sb_roundtrip *r, int64_t now);

/* An answer has come. True once, with the median, when it was the last one that is wanted. */
bool sb_roundtrip_answered(struct sb_roundtrip *r, int64_t now, int64_t *median_ms);

/* How long the answer to the last question may still be waited for; 0: none is under way, or it is late. */
int64_t sb_roundtrip_left_ms(const struct sb_roundtrip *r, int64_t now);

#endif
