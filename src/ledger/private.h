/* SPDX-License-Identifier: Apache-2.0
 *
 * private.h - the handle of ledger.h, for the files of this room. */
#ifndef SIGNALBOX_SRC_LEDGER_PRIVATE_H
#define SIGNALBOX_SRC_LEDGER_PRIVATE_H

#include "derived.h"
#include "store.h"

#include <signalbox/ledger/checkpoint.h>
#include <signalbox/ledger/ledger.h>
#include <signalbox/ledger/lock.h>
#include <signalbox/ledger/merkle.h>

#define SB_SETTLE_EVERY 256     /* appends between two updates of the derived tables, unless somebody settles before */
#define SB_CHECKPOINT_EVERY 256 /* entries between two checkpoints */

enum sb_health {
    SB_HEALTH_GOOD,
    SB_HEALTH_RETRY, /* the last append failed: the next one tries again */
    SB_HEALTH_STUCK, /* the file is not what it must be: nothing is appended until it was looked at */
};

struct sb_ledger {
    enum sb_ledger_mode mode;
    char *dir, *db_path, *derived_path, *lock_path;
    struct sb_origin *origin;
    struct sb_lock lock;
    struct sb_hasher *hasher;
    struct sb_store store;
    bool store_open;
    struct sb_derived *derived; /* NULL in a reader, and after it failed until it is opened anew */
    struct sb_anchors anchors;
    struct sb_log_key key; /* secret: it signs */
    char log[SB_LOG_ID_LEN + 1];
    int64_t head;        /* newest entry */
    struct sb_hash leaf; /* its leaf hash */
    int64_t unsettled;   /* appends since the derived tables were brought up */
    int64_t data_version;
    enum sb_health health;
    char why[600];
    char witness_why[300]; /* what is wrong with the witness; empty: nothing */
    bool witness_away;     /* while a checkpoint is made: it is out of reach */
};

/* Opens ledger.db again and compares its tail with what the handle knows. An entry more than that, rightly chained, is one
 * whose commit was reported as failed: it is taken as it is. SB_HEALTH_STUCK when the tail is another. */
int sb_ledger_reopen(struct sb_ledger *l, struct sb_err *err);

/* Notes why nothing can be appended, and says the same in err. Returns -1. */
int sb_ledger_sicken(struct sb_ledger *l, enum sb_health health, struct sb_err *err, const char *fmt, ...) SB_PRINTF(4, 5);

/* read.c: the entry of a stored row as one more row of a page, when it is what was recorded. */
int sb_ledger_add_row(struct sb_ledger *l, struct sb_audit_page *page, const struct sb_store_row *row, struct sb_err *err);

/* Brings the log's key up: made at first use, known to the ledger before or with the first checkpoint it signs. */
int sb_ledger_ready_key(struct sb_ledger *l, struct sb_err *err);

/* Is the ledger what its anchors say? Their roots are taken from the derived tables. 1 it is; 0 a root is another (why says
 * which); -1 error, also when the tail was cut off or an anchor is gone (the ledger is stuck then). */
int sb_ledger_check_anchors(struct sb_ledger *l, struct sb_err *why, struct sb_err *err);

/* Signs the head and puts it where the ledger's own checkpoint and the witness are. Never when it disagrees with one of them. */
int sb_ledger_save_checkpoint(struct sb_ledger *l, struct sb_err *err);

/* Tells the derived tables how much each anchor covers, so that one that is taken away is missed. */
int sb_ledger_note_anchors(struct sb_ledger *l, struct sb_err *err);

/* A reader looks anew where the ledger ends. */
int sb_ledger_refresh(struct sb_ledger *l, struct sb_err *err);

/* SB_ELEDGER when there is no open file to read. */
int sb_ledger_readable(const struct sb_ledger *l, struct sb_err *err);

#endif
