/* SPDX-License-Identifier: Apache-2.0
 *
 * serverStatus.readConcernCounters and .mirroredReads. */
#include "status.h"

enum { NONE, LOCAL, AVAILABLE, MAJORITY, LINEARIZABLE, SNAPSHOT };

/* No default is set for the whole set here, so what was not given is always the server's own. */
static void put_of(struct sim_w *w, const char *key, const int64_t n[SIM_READ_CONCERNS], bool txn)
{
    sim_w_doc(w, key);
    sim_w_i64(w, "none", n[NONE]);
    sim_w_doc(w, "noneInfo");
    sim_w_doc(w, "CWRC");
    sim_w_i64(w, "local", 0);
    if (!txn)
        sim_w_i64(w, "available", 0);
    sim_w_i64(w, "majority", 0);
    sim_w_end(w);
    sim_w_doc(w, "implicitDefault");
    sim_w_i64(w, "local", n[NONE]);
    if (!txn)
        sim_w_i64(w, "available", 0);
    sim_w_end(w);
    sim_w_end(w);
    sim_w_i64(w, "local", n[LOCAL]);
    if (!txn)
        sim_w_i64(w, "available", n[AVAILABLE]);
    sim_w_i64(w, "majority", n[MAJORITY]);
    sim_w_doc(w, "snapshot");
    sim_w_i64(w, "withClusterTime", 0);
    sim_w_i64(w, "withoutClusterTime", n[SNAPSHOT]);
    sim_w_end(w);
    if (!txn)
        sim_w_i64(w, "linearizable", n[LINEARIZABLE]);
    sim_w_end(w);
}

void sim_put_read_concerns(struct sim_w *w, const struct sim_member *m)
{
    sim_w_doc(w, "readConcernCounters");
    put_of(w, "nonTransactionOps", m->n.read_concern[0], false);
    put_of(w, "transactionOps", m->n.read_concern[1], true);
    sim_w_end(w);
}

/* The server sends one of a hundred to every other member that could take over. */
void sim_put_mirrored_reads(struct sim_w *w, const struct sim_member *m)
{
    sim_w_doc(w, "mirroredReads");
    sim_w_i64(w, "seen", m->n.mirrored);
    sim_w_i64(w, "sent", m->n.mirrored * (m->sim->members - 1) / 100);
    sim_w_end(w);
}
