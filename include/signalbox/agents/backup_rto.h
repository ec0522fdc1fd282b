/* SPDX-License-Identifier: Apache-2.0
 *
 * backup_rto.h - how long a restore would take, by drills that were made: their rates over the size, and nothing else.
 *
 * The interval is that of the rates that were seen, from the best to the worst; it is no statement of probability, and says by
 * how many drills it is and how much larger than any of them the backup is. Pure.
 */
#ifndef SIGNALBOX_AGENTS_BACKUP_RTO_H
#define SIGNALBOX_AGENTS_BACKUP_RTO_H

#include <signalbox/base/str.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A drill that passed: the bytes of the backup's files, and how long the restore took. */
struct sb_rto_drill {
    uint64_t bytes;
    int64_t ms;
};

struct sb_rto {
    size_t n;          /* drills that it rests on; 0: nothing is known */
    uint64_t largest;  /* bytes */
    int64_t least_ms, middle_ms, most_ms;
    int64_t times_ppm; /* how many times as large as the largest one the backup is, in parts per million */
};

void sb_rto_estimate(const struct sb_rto_drill *drills, size_t n, uint64_t bytes, struct sb_rto *out);

/* Appends it as words: "12 s to 40 s, by 3 drills (the largest of 5.4 MiB)". */
void sb_rto_text(const struct sb_rto *rto, struct sb_str *out);

#endif
