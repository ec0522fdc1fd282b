/* SPDX-License-Identifier: Apache-2.0
 *
 * txn_private.h - what an open transaction is, for txn.c, txn_turn.c and txn_show.c. */
#ifndef SIGNALBOX_SIM_TXN_PRIVATE_H
#define SIGNALBOX_SIM_TXN_PRIVATE_H

#include <signalbox/sim/txn.h>

struct txn_write {
    uint8_t uuid[16];
    uint64_t rid;
    struct sim_doc *before, *after;
    bool replacement;
    int64_t keys;
};

/* How to put back a record that was changed for a command of the transaction. */
struct txn_swap {
    struct sim_coll *coll;
    uint64_t rid;
    struct sim_doc *was;
};

struct sim_txn {
    struct sim_txn *next;
    uint64_t serial;
    struct sim_doc *lsid; /* with uid, as the server keeps it */
    int64_t number;
    struct sim_member *m;
    uint64_t position; /* of the stream: its snapshot */
    struct txn_write *write;
    size_t n, cap;
    struct txn_swap *swap;
    size_t swap_n, swap_cap;
    struct {
        uint8_t uuid[16];
    } *used; /* collections */
    size_t used_n, used_cap;
    struct sim_doc *read_concern; /* NULL: the default */
    int64_t started_us, active_us;
    int64_t ninserted, nmatched, nmodified, nupserted, ndeleted, keys_inserted, keys_deleted, keys, docs;
    /* who used it last */
    int32_t conn_id;
    char remote[64], app[129];
    struct sim_doc *metadata;
};

struct sim_txns {
    struct sim_txn *first;
    uint64_t serials;
};

void sim_txn_free(struct sim_txn *t);

/* The data as it is for the transaction, and back. enter: 0, or -1 with nothing changed. */
int sim_txn_enter(struct sim *s, struct sim_txn *t, struct sim_fail *f);
void sim_txn_leave(struct sim_txn *t);

/* The data of t->m as of that time of its history, for a read that is no transaction. As enter. */
int sim_txn_view_committed(struct sim *s, struct sim_txn *t, uint64_t ts, struct sim_fail *f);

void sim_txn_use(struct sim_txn *t, const uint8_t uuid[16]);

/* Makes and logs its changes: bytes of the entry. 0, or -1 with nothing changed. */
int sim_txn_write_all(struct sim *s, struct sim_txn *t, int64_t *bytes, struct sim_fail *f);

/* The slow-transaction line. cause: "committed" or "aborted". */
void sim_txn_log_slow(const struct sim_txn *t, const char *cause);
void sim_txn_log_expired(const struct sim_txn *t);

#endif
