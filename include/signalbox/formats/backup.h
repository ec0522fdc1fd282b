/* SPDX-License-Identifier: Apache-2.0
 *
 * backup.h - what a backup is found to be: one form for mongodump's folders and archives, Percona Backup for MongoDB and
 * snapshot manifests.
 *
 * The level says what was shown, never more: 0 it exists; 1 its metadata are whole and agree with the files and their sizes;
 * 2 every byte was read, and every checksum and every BSON document is as it should be. (3 to 5 are shown by restoring it.)
 * A problem is what would stop or falsify a restore, or would lose a part of it; a note is what is worth knowing and would
 * not. usable: level 1 at least, and no problem. Text in it may come from outside. Times of the oplog are seconds << 32 |
 * ordinal, 0 where there is none. Of findings SB_BACKUP_FINDINGS are kept, the others are counted. Thread: one owner.
 */
#ifndef SIGNALBOX_FORMATS_BACKUP_H
#define SIGNALBOX_FORMATS_BACKUP_H

#include <signalbox/base/error.h>
#include <signalbox/base/hash.h>
#include <signalbox/base/seal.h>
#include <stdbool.h>
#include <stdint.h>

#define SB_BACKUP_FINDINGS 200
#define SB_BACKUP_COLLECTIONS 100000

enum sb_backup_kind {
    SB_BACKUP_UNKNOWN,
    SB_BACKUP_DUMP_FOLDER,
    SB_BACKUP_DUMP_ARCHIVE,
    SB_BACKUP_PBM,
    SB_BACKUP_SNAPSHOT,
};

struct sb_backup_finding {
    const char *code; /* constant: "crc_mismatch" */
    char *file, *ns;  /* NULL: none */
    int64_t at;       /* the byte of the file, unpacked; -1: none */
    char *what;       /* one sentence */
};

struct sb_backup_findings {
    struct sb_backup_finding *items;
    size_t n, cap;
    uint64_t all; /* with those that were not kept */
};

struct sb_backup_index {
    char *name, *spec; /* spec: JSON, fields but the key's sorted, numbers plain */
    char *raw;         /* as it was written, in its order; only when asked for */
};

struct sb_backup_collection {
    char *ns;
    uint64_t documents, bytes;
    uint64_t sum[4]; /* the documents' SHA-256 added modulo 2^256; only when asked for */
    bool data, metadata, view, series;
    char *options; /* JSON as above; NULL: none known */
    char *raw;     /* the same as they were written, only when asked for */
    struct sb_backup_index *indexes;
    size_t indexes_n, indexes_cap;
};

/* A stretch of the oplog: what is there, or what is missing. */
struct sb_backup_range {
    uint64_t from, to;
    char *set, *cause; /* the replica set, and why it is missing; NULL */
};

struct sb_backup_ranges {
    struct sb_backup_range *items;
    size_t n, cap;
};

struct sb_backup_options {
    bool quick; /* level 1 only */
    bool sums;  /* add up the documents' hashes */
    bool raw;   /* keep options and indexes as they were written, too */
    const struct sb_seal_key *key; /* of what is sealed; it must outlive the backup. NULL: there is none */
    /* NULL, or given each document that is whole, of a collection or (ns NULL) an entry of the oplog, as it goes by. It may not
     * keep the bytes. False: no more is read, and nothing follows from what was not. */
    bool (*document)(void *ctx, const char *ns, const unsigned char *p, size_t n);
    void (*read)(void *ctx, uint64_t bytes); /* NULL, or told of bytes that were read from files */
    void *ctx;
};

struct sb_backup {
    enum sb_backup_kind kind;
    char *path;           /* as given */
    char *name;           /* of a backup in a store that holds several; NULL */
    char *set;            /* of a store's backup: the replica set, or the first of several */
    size_t sets;          /* as many; 0 elsewhere */
    char *type, *packing; /* "logical", "physical", ...; "gzip", "s2", ... NULL: not said */
    char *server_version, *tool_version;
    char *fcv; /* featureCompatibilityVersion of what was copied; of a dump only what was read to its end tells it */
    int level;
    struct sb_backup_findings problems, notes;
    struct sb_backup_collection *collections;
    size_t collections_n, collections_cap;
    uint32_t *slots; /* by name */
    size_t slots_n;
    uint64_t oplog_from, oplog_to, oplog_entries;
    struct sb_backup_ranges pitr, gaps;
    int64_t taken_at_ms; /* 0: not known */
    const char *taken_from; /* what says so: "oplog", "metadata", "file time" */
    int encrypted; /* -1: not known */
    uint64_t files, bytes; /* as they lie there */
    bool no_codec; /* some of it is packed in a way that cannot be unpacked here */
    bool nomem;    /* something could not be kept */
    bool stopped;  /* whoever was given the documents wanted no more */
    struct sb_backup_options options;
    struct sb_hasher *hasher;
};

/* -1: out of memory. The options are copied. */
int sb_backup_init(struct sb_backup *b, const char *path, const struct sb_backup_options *options, struct sb_err *err);
void sb_backup_release(struct sb_backup *b);

bool sb_backup_usable(const struct sb_backup *b);

/* "mongodump-archive", ... */
const char *sb_backup_kind_name(enum sb_backup_kind kind);

void sb_backup_problem(struct sb_backup *b, const char *code, const char *file, const char *ns, int64_t at, const char *fmt, ...) SB_PRINTF(6, 7);
void sb_backup_note(struct sb_backup *b, const char *code, const char *file, const char *ns, int64_t at, const char *fmt, ...) SB_PRINTF(6, 7);

/* The collection of this name, made when it is new; NULL: there are too many (told once), or out of memory. It moves when the
 * next one is made. */
struct sb_backup_collection *sb_backup_collection(struct sb_backup *b, const char *ns);

/* The same, NULL when there is none. */
struct sb_backup_collection *sb_backup_collection_find(const struct sb_backup *b, const char *ns);

void sb_backup_range(struct sb_backup *b, struct sb_backup_ranges *to, uint64_t from, uint64_t until, const char *set, const char *cause);

/* Copies a text that is not said yet: the first one stays. */
void sb_backup_say(struct sb_backup *b, char **slot, const char *text);

void sb_backup_sort(struct sb_backup *b); /* the collections, by name */

/* Adds a document's SHA-256 to a sum modulo 2^256, where sums were asked for: the same documents in any order give the same sum. */
void sb_backup_add_up(struct sb_backup *b, uint64_t sum[4], const unsigned char *p, size_t n);

/* What is wrong with a database's or a collection's name, to follow "its name"; NULL: nothing. Such a name may lead out of a
 * folder, or cannot be of a collection at all. */
const char *sb_backup_name_fault(const char *db, const char *collection);

#endif
