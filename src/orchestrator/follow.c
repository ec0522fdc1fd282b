/* SPDX-License-Identifier: Apache-2.0
 *
 * What the record holds of one matter: read once as far back as is asked for, then only what has been added. */
#include "private.h"

#include <string.h>

struct following {
    bool (*wants)(const char *bytes, size_t n);
    int64_t *seqs;
    size_t seqs_n;
};

bool sb_o_says(const char *bytes, size_t n, const char *what)
{
    return memmem(bytes, n, what, strlen(what)) != NULL;
}

static int look(void *ctx, int64_t seq, const char *bytes, size_t n, struct sb_err *err)
{
    struct following *f = ctx;
    if (!f->wants(bytes, n))
        return 0;
    int64_t *slot = SB_PUSH(f->seqs);
    if (!slot)
        return sb_fail_nomem(err);
    *slot = seq;
    return 0;
}

/* The first entry that is young enough. */
static int64_t begin_at(struct sb_orchestrator *o, int64_t since_ms)
{
    int64_t low = 1, high = sb_ledger_head(o->ledger) + 1;
    while (low < high) {
        struct sb_entry e;
        int64_t middle = low + (high - low) / 2;
        if (sb_ledger_entry(o->ledger, middle, &e, NULL))
            return 1;
        if (e.ts < since_ms)
            low = middle + 1;
        else
            high = middle;
        sb_entry_release(&e);
    }
    return low;
}

int sb_o_follow(struct sb_orchestrator *o, int64_t *next_seq, int64_t reach_ms, bool (*wants)(const char *bytes, size_t n),
                int (*take)(struct sb_orchestrator *o, int64_t seq, struct sb_err *err), struct sb_err *err)
{
    struct following f = {.wants = wants};
    if (!*next_seq)
        *next_seq = begin_at(o, sb_origin_wall_ms(o->opt.origin) - reach_ms);
    int64_t head = sb_ledger_head(o->ledger);
    int rc = *next_seq > head ? 0 : sb_ledger_bytes(o->ledger, *next_seq, head, look, &f, err);
    for (size_t i = 0; rc == 0 && i < f.seqs_n; i++) {
        rc = take(o, f.seqs[i], err);
        *next_seq = rc ? f.seqs[i] : f.seqs[i] + 1; /* after a failure each is still counted once */
    }
    if (rc == 0)
        *next_seq = head + 1;
    free(f.seqs);
    return rc;
}
