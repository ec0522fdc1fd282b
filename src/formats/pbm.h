/* SPDX-License-Identifier: Apache-2.0
 *
 * pbm.h (private) - what the files about Percona's stores share.
 */
#ifndef SIGNALBOX_SRC_FORMATS_PBM_H
#define SIGNALBOX_SRC_FORMATS_PBM_H

#include "docs.h"
#include "folder.h"

#include <jansson.h>
#include <signalbox/formats/pbm.h>

enum slice_state { SLICE_UNREAD, SLICE_FINE, SLICE_BAD, SLICE_NO_CODEC };

/* A stretch of oplog that lies in a file of its own. */
struct sb_slice_file {
    char *set, *path;
    uint64_t from, to, size;
    enum slice_state state;
    char *what; /* of a bad one */
};

struct sb_slices {
    struct sb_slice_file *items;
    size_t n, cap;
};

struct sb_pbm_meta {
    char *file, *name;
    json_t *json; /* NULL: the metadata are broken */
    char *what;   /* why */
    int state;    /* 0 not checked, 1 being checked, 2 usable, 3 not */
};

struct sb_pbm {
    int dir;
    struct sb_pbm_meta *metas;
    size_t n, cap;
    struct sb_slices slices; /* by set, then by time */
    bool foreign_slices;     /* some file among the slices is none */
    int depth;               /* of backups that build upon one another, while they are checked */
};

/* The packing that the metadata call `name`: what files should be, and how their names end. False: no such packing. */
bool sb_pbm_packing(const char *name, enum sb_packing *packing, const char **suffix);

/* A timestamp {T, I} of the metadata; 0 where there is none. */
uint64_t sb_pbm_time(const json_t *object, const char *key);

/* The contents of a replica set's part. */
void sb_pbm_logical(struct sb_pbm *s, struct sb_backup *b, const json_t *meta, const json_t *set, bool second_look);
void sb_pbm_physical(struct sb_pbm *s, struct sb_backup *b, const json_t *meta, const json_t *set, bool second_look);

/* Reads a file of documents, of a collection or (ns NULL) of an oplog, into docs, which the caller then releases. False:
 * nothing could be read, which is told; a packing that cannot be unpacked here is only noted. */
bool sb_pbm_documents(struct sb_pbm *s, struct sb_backup *b, const char *path, enum sb_packing packing, const char *ns, struct sb_docs *docs);

/* The bytes of a meta.pbm as {"namespaces": [...]}, as in metadata.json. NULL: *what is wrong with it. */
json_t *sb_pbm_specs(const unsigned char *p, size_t n, const char **what);

/* "20220207140605-18.20220207141653-1.oplog.snappy", with or without .oplog, as its two times. */
bool sb_slice_name(const char *name, uint64_t *from, uint64_t *to);
void sb_slices_read(struct sb_slices *list, int dir, const char *folder, const char *set, bool *foreign);
void sb_slices_sort(struct sb_slices *list);
void sb_slices_release(struct sb_slices *list);

/* Reads a slice once. */
void sb_slice_check(struct sb_pbm *s, struct sb_backup *b, struct sb_slice_file *f);

/* What can be restored from this backup on, and what is missing. */
void sb_slices_follow(struct sb_pbm *s, struct sb_backup *b, const json_t *meta, bool second_look);

#endif
