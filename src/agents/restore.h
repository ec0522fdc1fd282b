/* SPDX-License-Identifier: Apache-2.0
 *
 * restore.h (private) - what the files of a restore know of each other. */
#ifndef SIGNALBOX_SRC_AGENTS_RESTORE_H
#define SIGNALBOX_SRC_AGENTS_RESTORE_H

#include <signalbox/agents/backup_restore.h>

/* What the documents that are being collected are for. */
enum sb_stretch { SB_STRETCH_INSERT, SB_STRETCH_UPDATE, SB_STRETCH_DELETE };

struct sb_restore {
    const struct sb_backup *plan;
    sb_restore_fn fn;
    void *ctx;
    unsigned char *docs;
    size_t len, cap;
    uint64_t n;
    char *ns;
    enum sb_stretch what;
    bool bypass;      /* the collection has a validator: documents that were let in before it are let in again */
    char **altered;
    size_t altered_n;
    struct sb_restore_counts counts;
};

/* Adds a document to the stretch of this kind and collection, after handing out another one. */
int sb_restore_add(struct sb_restore *r, enum sb_stretch what, const char *ns, const unsigned char *p, size_t n, struct sb_err *err);

/* Begins a command's text: {"create":"orders","$db":"shop" */
int sb_restore_begin(struct sb_str *out, const char *command, const char *ns, struct sb_err *err);

/* Ends it and hands it out. forgive as in the step. */
int sb_restore_hand(struct sb_restore *r, struct sb_str *text, int64_t forgive, struct sb_err *err);

#endif
