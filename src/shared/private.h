/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of shared/ know of each other. */
#ifndef SIGNALBOX_SHARED_PRIVATE_H
#define SIGNALBOX_SHARED_PRIVATE_H

#include <signalbox/base/hash.h>
#include <signalbox/mongo/store_door.h>
#include <signalbox/shared/store.h>

#define SB_STORE_META "meta"
#define SB_STORE_HOSTS "hosts"
#define SB_STORE_ENTRIES "entries"
#define SB_STORE_CHECKPOINTS "checkpoints"
#define SB_STORE_CARDS "cards"
#define SB_STORE_INCIDENTS "incidents"
#define SB_STORE_APPROVALS "approvals"
#define SB_STORE_STARTS "starts"
#define SB_STORE_LEASES "leases"

#define SB_STORE_OTHERS_MOST 20000 /* hosts whose checkpoints are remembered */

/* How far another host's ledger was seen to be. */
struct sb_store_other {
    char log[SB_LOG_ID_LEN + 1];
    int64_t n;
    char root[SB_HEX_LEN + 1];
};

/* What is remembered of the store, in STATE/store.ack. */
struct sb_store_ack {
    char store[SB_STORE_ID_LEN + 1]; /* its id; "": none was seen yet */
    int64_t n;                       /* entries of ours that a majority had */
    char hash[SB_HEX_LEN + 1];       /* of the last of them */
    int64_t copied;                  /* entries whose cards and incidents were copied as well */
    struct sb_store_other *others;   /* in the order of their names */
    size_t others_n;
};

struct sb_store {
    struct sb_store_door *door;
    char *state_dir, *log, *watched_id; /* NULL: not said */
    bool on_watched, look;
    bool known;       /* who is there was found out, and compared with what is remembered */
    bool damaged;     /* store.ack cannot be read */
    bool forgot;      /* there is no store.ack, where one is kept */
    bool forked;      /* what is held is a fork */
    bool accepted;    /* a person has said so: what is missing may be made anew */
    char *team, *class_; /* as the host's row says them; NULL: not said */
    int64_t saved;    /* of ack.n: what store.ack says */
    int64_t noted;    /* the checkpoint that the store has from us */
    enum sb_store_state state;
    char why[512];
    struct sb_store_ack ack;
};

/* ack.c */
int sb_store_ack_load(struct sb_store *s, struct sb_err *err); /* 0 also where there is none */
int sb_store_ack_save(struct sb_store *s, struct sb_err *err);
void sb_store_ack_release(struct sb_store_ack *a);
/* Remembers how far a ledger is. 0; 1: it has gone back, or is another, which is not remembered; -1 out of memory. */
int sb_store_ack_see(struct sb_store_ack *a, const char *log, int64_t n, const char *root);

/* open.c: the state, and the sentence. Returns -1, with err the same sentence. */
int sb_store_fault(struct sb_store *s, enum sb_store_state state, struct sb_err *err, const char *fmt, ...) SB_PRINTF(4, 5);
/* What the door said: the store is away from here on. Returns -1. */
int sb_store_gone(struct sb_store *s, struct sb_err *err);
/* 0 where all is well; else -1 with what is not. */
int sb_store_usable(struct sb_store *s, struct sb_err *err);

/* Compares the copy of our ledger with it; finds out that it was restored, or forked. */
int sb_store_compare(struct sb_store *s, struct sb_ledger *reader, struct sb_err *err);

/* fields.c: members of a document as they may stand there. NULL and -1: there is none of this type, or it is too long. */
const char *sb_store_text(const bson_t *doc, const char *path, size_t most);
int64_t sb_store_number(const bson_t *doc, const char *path);
bool sb_store_yes(const bson_t *doc, const char *path);

/* The newest of the entries of a ledger that the store has; *n 0: none. */
int sb_store_newest(struct sb_store *s, const char *log, int64_t *n, char hash[SB_HEX_LEN + 1], struct sb_err *err);
/* The chain's hash of an entry of our own. */
int sb_store_own_hash(struct sb_ledger *reader, int64_t seq, char hash[SB_HEX_LEN + 1], struct sb_err *err);

#endif
